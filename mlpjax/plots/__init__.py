"""Pictures."""

from mlpjax.plots.training import SCORES as SCORES
from mlpjax.plots.training import training_picture as training_picture
