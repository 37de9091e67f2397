"""Networks to and from other libraries, and predictions as files that run without this one.

Each of the libraries is imported only where its function is called.

>>> import numpy as np
>>> from sklearn.neural_network import MLPClassifier
>>> from mlpjax import interop, predict
>>> x, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
>>> theirs = MLPClassifier((8,), "tanh", solver="lbfgs", random_state=0).fit(x, y)
>>> mlp, params = interop.from_sklearn(theirs)
>>> ours = predict(mlp, params, np.array(x))[:, 0]
>>> bool(np.allclose(ours, theirs.predict_proba(x)[:, 1], atol=1e-6))
True
"""

from mlpjax.interop.artifact import to_artifact as to_artifact
from mlpjax.interop.equinox import from_equinox as from_equinox
from mlpjax.interop.equinox import to_equinox as to_equinox
from mlpjax.interop.keras import from_keras as from_keras
from mlpjax.interop.keras import to_keras as to_keras
from mlpjax.interop.linen import from_linen as from_linen
from mlpjax.interop.linen import to_linen as to_linen
from mlpjax.interop.nnx import from_nnx as from_nnx
from mlpjax.interop.nnx import to_nnx as to_nnx
from mlpjax.interop.onnx import to_onnx as to_onnx
from mlpjax.interop.pytorch import from_torch as from_torch
from mlpjax.interop.pytorch import to_torch as to_torch
from mlpjax.interop.sklearn import from_sklearn as from_sklearn
from mlpjax.interop.sklearn import to_sklearn as to_sklearn
