# %% [markdown]
# # Export a prediction
#
# At the end of this page a trained network is one file that predicts where this package is not installed, with its
# preprocessing inside, on CPU, CUDA, ROCm and TPU and for any number of rows. Use it to hand a model to a server or to
# someone else's program. Where this package is installed, `mlpjax predict` and [`load`][mlpjax.storage.load] take the run as
# it is, and check a new table against the one of the training, which an exported file cannot.

# %% tags=["hide"]
import workplace  # noqa: F401

# %% [markdown]
# ## From a run
#
# `iris` is a small table that comes with scikit-learn; a run of [your own table](table.py) does as well. The command line comes
# with `pip install 'mlpjax[cli]'`.

# %% language="bash"
# mlpjax train iris --out run --epochs 100 > /dev/null
# mlpjax export run -o iris.jaxexport

# %% [markdown]
# What is printed says what goes in and what comes out. A row is numbers: a quantity in its own unit, not standardised, since
# the file does that; for a category its place in the list that is printed, from 0. NaN stands for a cell that is missing and
# −1 for an unknown category.
#
# ## Run it with JAX alone
#
# The other side needs `pip install jax flatbuffers`, and nothing of this package:

# %%
from pathlib import Path

import numpy as np
from jax import export

artifact = export.deserialize(Path("iris.jaxexport").read_bytes())
flowers = np.array(
    [
        [5.1, 3.5, 1.4, 0.2],
        [6.0, 2.9, 4.5, 1.5],
        [6.5, np.nan, 5.8, 2.2],
    ],
    np.float32,
)
probabilities = np.asarray(artifact.call(flowers))
print(artifact.in_avals, "→", artifact.out_avals)
print(artifact.platforms)
print(probabilities.round(3))

# %% [markdown]
# A row of probabilities for each flower, in the order of the classes above; for a number, one column in the unit of the
# target. In the last flower a measurement is missing, and the mean of the training rows stands in for it.
#
# ## Check it against the original
#
# Predict the same rows both ways before you ship a file; the probabilities are the same to rounding:

# %% language="bash"
# cat > flowers.csv << END
# sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)
# 5.1,3.5,1.4,0.2
# 6.0,2.9,4.5,1.5
# 6.5,,5.8,2.2
# END
# mlpjax predict run flowers.csv --probabilities -o probabilities.csv

# %%
import pandas as pd

original = pd.read_csv("probabilities.csv").iloc[:, 1:].to_numpy()
print(original.round(3))
difference = original - probabilities
print(f"differ by at most {np.abs(difference).max():.1g}")

# %% tags=["hide"]
assert np.abs(difference).max() < 1e-6

# %% [markdown]
# ## From a program
#
# [`to_artifact`][mlpjax.interop.artifact.to_artifact] makes the same bytes from any network; without a preprocessing it takes
# features.

# %%
import textwrap

import jax

from mlpjax import MLP, init, interop, predict

mlp = MLP((4, 8, 2), "tanh", "softmax_cross_entropy")
params = init(mlp, jax.random.key(0))
content = interop.to_artifact(mlp, params)
x = np.ones((5, 4), np.float32)
exported = export.deserialize(content).call(x)
difference = np.abs(exported - predict(mlp, params, x)).max()
print(f"{len(content):,} bytes, differ by at most {difference:.1g}")

# %% [markdown]
# ## Usual mistakes
#
# Rows with columns missing are refused by JAX:

# %%
try:
    artifact.call(flowers[:, :3])
except ValueError as error:
    print(textwrap.fill(f"ValueError: {error}", 80))

# %% [markdown]
# - **Standardising before the call.** The file does it; twice is wrong, and nothing tells.
# - **Columns in another order.** There are no names in an array: the order is the one that `export` prints.
# - **A file from a newer JAX in an older one.** JAX keeps its exports readable for a time, as
#   [its own page](https://docs.jax.dev/en/latest/export/export.html) says: export again, with the version that will read it.
#
# ## Where to go next
#
# - Without JAX on the other side: [`to_onnx`][mlpjax.interop.onnx.to_onnx] writes ONNX, and `to_torch`, `to_keras` and the
#   others make a network of those libraries, as in [Inside an Equinox or Flax model](models.py).
# - In the reference: [Other libraries](../reference/interop.md). On the command line: `mlpjax export --help`.
