"""Many networks in one compiled call, and the choice among them."""

from mlpjax.selection.chunks import keys as keys
from mlpjax.selection.ensemble import Split as Split
from mlpjax.selection.sweep import Sweep as Sweep
from mlpjax.selection.sweep import member as member
from mlpjax.selection.sweep import predictions as predictions
from mlpjax.selection.sweep import sweep as sweep
