# %% [markdown]
# # Inside an Equinox or Flax model
#
# `apply(mlp, params, x)` gives the logits and is differentiable in `params` and `x`, in reverse and in forward mode, by the
# derivation of [chapter 10](../book/10-backpropagation.md). It is a function of arrays, so it goes into any model.
#
# ## Equinox

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import optax

from mlpjax import MLP, Params, apply, init


class Scaled(eqx.Module):
    """A network behind a scale of its input, which is learned with it."""

    scale: jax.Array
    params: Params
    mlp: MLP = eqx.field(static=True)

    def __call__(self, x):
        return apply(self.mlp, self.params, (self.scale * x)[None])[0, 0]


mlp = MLP((1, 16, 16, 1), "tanh")
model = Scaled(jnp.ones(1), init(mlp, jax.random.key(0)), mlp)
x = jnp.linspace(-1, 1, 64)[:, None]
y = jnp.sin(5 * x[:, 0])
optimizer = optax.adam(1e-2)


@eqx.filter_value_and_grad
def loss(model):
    return jnp.mean((jax.vmap(model)(x) - y) ** 2)


@eqx.filter_jit
def step(model, state):
    value, gradient = loss(model)
    updates, state = optimizer.update(gradient, state)
    return eqx.apply_updates(model, updates), state, value


state = optimizer.init(eqx.filter(model, eqx.is_array))
values = []
for _ in range(300):
    model, state, value = step(model, state)
    values.append(float(value))
print(f"mean squared error {values[0]:.3f} before, {values[-1]:.4f} after; scale {model.scale[0]:.2f}")

# %% [markdown]
# ## Flax NNX

# %%
from flax import nnx


class Residual(nnx.Module):
    """A line and what a network adds to it."""

    def __init__(self, rngs: nnx.Rngs):
        self.line = nnx.Linear(1, 1, rngs=rngs)
        self.params = nnx.data(jax.tree.map(nnx.Param, init(mlp, rngs.params())))

    def __call__(self, x):
        return self.line(x) + apply(
            mlp, jax.tree.map(lambda p: p[...], self.params, is_leaf=lambda p: isinstance(p, nnx.Param)), x
        )


residual = Residual(nnx.Rngs(0))
print(residual(x).shape)

# %% [markdown]
# ## Networks to and from them
#
# `interop` moves whole networks, with outputs equal to 1e-6: `from_torch`, `from_keras`, `from_equinox`, `from_nnx`,
# `from_linen`, `from_sklearn`, and the same with `to_`.

# %%
from mlpjax import interop, predict

theirs = eqx.nn.MLP(3, 1, 8, 2, activation=jax.nn.tanh, key=jax.random.key(1))
network, params = interop.from_equinox(theirs)
inputs = jax.random.normal(jax.random.key(2), (5, 3))
print(network, f"differs by at most {jnp.abs(predict(network, params, inputs) - jax.vmap(theirs)(inputs)).max():.0e}")
