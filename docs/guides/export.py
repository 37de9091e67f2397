# %% [markdown]
# # Export a prediction
#
# A trained run becomes one file that needs only JAX to run, preprocessing included, on CPU, CUDA, ROCm and TPU and for any
# number of rows.

# %% tags=["hide"]
import workplace  # noqa: F401

# %% language="bash"
# mlpjax train iris --out run --epochs 30
# mlpjax export run -o iris.jaxexport

# %% [markdown]
# ## Run it with JAX alone

# %%
from pathlib import Path

from jax import export

artifact = export.deserialize(bytearray(Path("iris.jaxexport").read_bytes()))
print(artifact.in_avals, "→", artifact.out_avals)
print(artifact.platforms)
