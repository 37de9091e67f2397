# %% [markdown]
# # A network that does not learn
#
# Ten layers of sigmoids, started in the usual way, on a problem that a smaller network solves in seconds. The loss stands
# still. Why?

# %%
import jax
import jax.numpy as jnp

from mlpjax import MLP, diagnosis, fit, init, propagation

x = jax.random.normal(jax.random.key(0), (400, 4))
y = jnp.sin(x[:, :1]) * x[:, 1:2]
mlp = MLP((4, *[24] * 10, 1), "sigmoid")
params = init(mlp, jax.random.key(1))
_, history = fit(mlp, params, x, y, key=jax.random.key(2), epochs=30)
print("loss", history.loss[0], "→", history.loss[-1])

# %% [markdown]
# ## Ask
#
# `health` measures every layer in one forward and one backward pass; `diagnose` says what ails it, with the numbers and a
# cure.

# %%
health = diagnosis.health(mlp, params, x, y)
for finding in diagnosis.diagnose(mlp, health):
    print(f"{finding.condition}, layers {finding.layers}\n  {finding.reason}\n  try: {finding.cure}\n")

# %% [markdown]
# ## Do what it says

# %%
better = MLP(mlp.sizes, "tanh")
start = propagation.lsuv(better, jax.random.key(1), x)
print([finding.condition for finding in diagnosis.diagnose(better, diagnosis.health(better, start, x, y))])
_, history = fit(better, start, x, y, key=jax.random.key(2), epochs=30)
print("loss", history.loss[0], "→", history.loss[-1])

# %% [markdown]
# On the command line `mlpjax train … --health` records the same while it trains, draws it into the run folder and prints the
# verdict. What the numbers mean is [chapter 12](../book/12-vanishing.md).
