"""Many epochs: over data in memory or in a stream, when to stop, what to keep, and how to go on after a crash."""

from mlpjax.fitting.checkpoints import Checkpoints as Checkpoints
from mlpjax.fitting.history import History as History
from mlpjax.fitting.memory import fit as fit
from mlpjax.fitting.streams import fit_stream as fit_stream
