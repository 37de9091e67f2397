# %% [markdown]
# # Inside an Equinox or Flax model
#
# At the end of this page a network of this package is a part of a larger model, trained by that model's own loop. `apply(mlp,
# params, x)` gives the logits and is differentiable in `params` and `x`, in reverse and in forward mode, by the derivation of
# [chapter 10](../book/10-backpropagation.md). It is a function of arrays, so it goes into any JAX code: Equinox, Flax, Haiku,
# BlackJAX or none. Use it where the perceptron is a part; where it is the whole, [`fit`][mlpjax.fitting.memory.fit] is
# shorter. To run this page: `pip install mlpjax equinox flax`.
#
# ## Equinox

# %% tags=["hide"]
from figures import DELTA, INK, A, embedded, subplots

# %% [markdown]
# A module holds the parameters as a field, and the network, which is a description and no array, as a static one.

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
print(f"mean squared error {values[0]:.3f} before, {values[-1]:.4f} after")
print(f"scale 1 before, {model.scale[0]:.2f} after")

# %% tags=["hide"]
figure, (left, right) = subplots(1, 2, figsize=(6.4, 3))
left.plot(x[:, 0], y, ".", color=INK, alpha=0.6, label="examples")
left.plot(x[:, 0], jax.vmap(model)(x), color=DELTA, label="the model")
left.set(xlabel="x")
figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=2)
right.semilogy(range(1, len(values) + 1), values, color=A)
right.set(xlabel="step", title="mean squared error")
embedded(
    figure,
    "Left: sixty-four examples of the sine of 5x and the curve of the model through them. Right: its mean squared error over "
    f"{len(values)} steps falls from {values[0]:.2g} to {values[-1]:.2g}.",
    f"Both parts have learned: the network's parameters, and the scale in front of it, from 1 to {model.scale[0]:.2f}.",
)

# %% [markdown]
# `apply` takes a batch, shape (n, inputs). Under `vmap` a single example becomes a batch of one, as above; without `vmap`,
# pass the batch as it is, which is faster.
#
# ## Flax NNX
#
# The parameters become `nnx.Param`s, so that NNX counts, splits and optimises them; `apply` is given their values.

# %%
from flax import nnx


def is_param(leaf):
    return isinstance(leaf, nnx.Param)


def arrays(params):
    return jax.tree.map(lambda param: param[...], params, is_leaf=is_param)


class Residual(nnx.Module):
    """A line and what a network adds to it."""

    def __init__(self, rngs: nnx.Rngs):
        self.line = nnx.Linear(1, 1, rngs=rngs)
        self.params = nnx.data(jax.tree.map(nnx.Param, init(mlp, rngs.params())))

    def __call__(self, x):
        return self.line(x) + apply(mlp, arrays(self.params), x)


residual = Residual(nnx.Rngs(0))
bent = x[:, 0] + jnp.sin(3 * x[:, 0])
tool = nnx.Optimizer(residual, optimizer, wrt=nnx.Param)


def squared_error(residual):
    return jnp.mean((residual(x)[:, 0] - bent) ** 2)


@nnx.jit
def train_step(residual, tool):
    value, gradient = nnx.value_and_grad(squared_error)(residual)
    tool.update(residual, gradient)
    return value


errors = [float(train_step(residual, tool)) for _ in range(300)]
print(f"mean squared error {errors[0]:.3f} before, {errors[-1]:.4f} after")

# %% [markdown]
# ## Networks to and from them
#
# `interop` moves whole networks: `from_torch`, `from_keras`, `from_equinox`, `from_nnx`, `from_linen`, `from_sklearn`, and
# the same with `to_`. What comes out is a copy, whose predictions are the same to rounding.

# %%
from mlpjax import interop, predict

theirs = eqx.nn.MLP(3, 1, 8, 2, activation=jax.nn.tanh, key=jax.random.key(1))
network, params = interop.from_equinox(theirs)
inputs = jax.random.normal(jax.random.key(2), (5, 3))
difference = predict(network, params, inputs) - jax.vmap(theirs)(inputs)
print(network.sizes, f"differ by at most {jnp.abs(difference).max():.1g}")

# %% [markdown]
# ## Usual mistakes
#
# A batch without its axis, parameters of another network, and a module that is not a perceptron are refused:

# %%
import textwrap

for attempt in (
    lambda: apply(mlp, model.params, x[0]),
    lambda: apply(MLP((1, 8, 1), "tanh"), model.params, x),
    lambda: interop.from_equinox(eqx.nn.Conv1d(1, 1, 3, key=jax.random.key(0))),
):
    try:
        attempt()
    except (ValueError, TypeError) as error:
        print(textwrap.fill(f"{type(error).__name__}: {error}", 80), end="\n\n")

# %% [markdown]
# - **A softmax after the logits and a loss that takes logits** is one softmax too many. `apply` ends in logits; `predict`
#   goes on to probabilities, by the loss of the network.
# - **The network as an array field.** `MLP` is static: mark it so, as above, or keep it outside of the module.
#
# ## Where to go next
#
# - In the reference: [`apply`][mlpjax.gradients.drop_in.apply] and [other libraries](../reference/interop.md).
# - [Chapter 20](../book/20-inputs.md) differentiates in the input, for models that are given by an equation.
# - To run a network where this package is not installed: [Export a prediction](export.py).
