"""What a network's gradients say of its health, layer by layer.

>>> import jax
>>> from mlpjax import MLP, diagnosis, init
>>> mlp = MLP((4, *[16] * 10, 1), "sigmoid")
>>> x = jax.random.normal(jax.random.key(1), (50, 4))
>>> health = diagnosis.health(mlp, init(mlp, jax.random.key(0)), x, x[:, :1])
>>> [finding] = diagnosis.diagnose(mlp, health)
>>> finding.condition
'vanishing'
>>> print(*finding.cure.split("; "), sep="\\n")
sigmoid has a slope of at most 0.25: use relu or tanh, with their own initialisers
or fewer layers
"""

from mlpjax.diagnosis.findings import Finding as Finding
from mlpjax.diagnosis.health import Health as Health
from mlpjax.diagnosis.health import health as health
from mlpjax.diagnosis.spectrum import Spectrum as Spectrum
from mlpjax.diagnosis.spectrum import spectrum as spectrum
from mlpjax.diagnosis.verdict import diagnose as diagnose
