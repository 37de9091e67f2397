"""Multilayer perceptrons in JAX, with gradients derived by hand and proven equal to `jax.grad`."""

from importlib.metadata import version as _version

from mlpjax import activations as activations
from mlpjax import callbacks as callbacks
from mlpjax import diagnosis as diagnosis
from mlpjax import gradients as gradients
from mlpjax import initializers as initializers
from mlpjax import interop as interop
from mlpjax import layerwise as layerwise
from mlpjax import losses as losses
from mlpjax import optimizers as optimizers
from mlpjax import penalties as penalties
from mlpjax import propagation as propagation
from mlpjax import selection as selection
from mlpjax.activations import Activation as Activation
from mlpjax.fitting import Checkpoints as Checkpoints
from mlpjax.fitting import History as History
from mlpjax.fitting import fit as fit
from mlpjax.fitting import fit_stream as fit_stream
from mlpjax.gradients.autodiff import autodiff as autodiff
from mlpjax.gradients.backprop import backprop as backprop
from mlpjax.gradients.backprop import deltas as deltas
from mlpjax.gradients.backprop import layer_gradients as layer_gradients
from mlpjax.gradients.drop_in import apply as apply
from mlpjax.losses import Loss as Loss
from mlpjax.network import MLP as MLP
from mlpjax.network import forward as forward
from mlpjax.network import init as init
from mlpjax.network import loss as loss
from mlpjax.network import predict as predict
from mlpjax.storage import load as load
from mlpjax.storage import save as save
from mlpjax.training import Best as Best
from mlpjax.training import Info as Info
from mlpjax.training import State as State
from mlpjax.training import epoch as epoch
from mlpjax.training import step as step
from mlpjax.types import Layer as Layer
from mlpjax.types import Params as Params
from mlpjax.types import Penalty as Penalty
from mlpjax.types import Trace as Trace

__version__ = _version("mlpjax")
