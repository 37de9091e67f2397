"""How variances travel through a network, and how to start one so that they keep their size.

>>> import jax
>>> from mlpjax import MLP, init, propagation
>>> mlp = MLP((256,) * 5, "relu")
>>> kept = propagation.expected(mlp, propagation.Variances(weights=2 / 256))
>>> lost = propagation.expected(mlp, propagation.Variances(weights=1 / 256))
>>> kept.z.tolist(), lost.z.tolist()
([2.0, 2.0, 2.0, 2.0], [1.0, 0.5, 0.25, 0.125])
"""

from mlpjax.propagation.lsuv import lsuv as lsuv
from mlpjax.propagation.moments import Moments as Moments
from mlpjax.propagation.moments import expectation as expectation
from mlpjax.propagation.moments import moments as moments
from mlpjax.propagation.variances import MeanSquares as MeanSquares
from mlpjax.propagation.variances import Variances as Variances
from mlpjax.propagation.variances import drawn as drawn
from mlpjax.propagation.variances import expected as expected
from mlpjax.propagation.variances import measured as measured
