"""Many networks in one compiled call, and the choice among them."""

from mlpjax.selection.bias_variance import BiasVariance as BiasVariance
from mlpjax.selection.bias_variance import bias_variance as bias_variance
from mlpjax.selection.chunks import keys as keys
from mlpjax.selection.cross_validation import CrossValidation as CrossValidation
from mlpjax.selection.cross_validation import cross_validate as cross_validate
from mlpjax.selection.ensemble import Split as Split
from mlpjax.selection.splits import bootstrap as bootstrap
from mlpjax.selection.splits import consecutive as consecutive
from mlpjax.selection.splits import folds as folds
from mlpjax.selection.sweep import Sweep as Sweep
from mlpjax.selection.sweep import member as member
from mlpjax.selection.sweep import predictions as predictions
from mlpjax.selection.sweep import sweep as sweep
