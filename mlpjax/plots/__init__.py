"""Pictures."""

from mlpjax.plots.health import health_picture as health_picture
from mlpjax.plots.training import SCORES as SCORES
from mlpjax.plots.training import training_picture as training_picture
