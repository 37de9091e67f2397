"""The drop-in inside a Flax NNX model: a network that adds to what a linear layer of Flax's says."""

import jax.numpy as jnp
import optax
from flax import nnx

from mlpjax import MLP, Layer, apply, init


class Residual(nnx.Module):
    """A linear layer and a network beside it."""

    def __init__(self, mlp: MLP, rngs: nnx.Rngs):
        self.mlp = mlp
        self.linear = nnx.Linear(mlp.sizes[0], mlp.sizes[-1], rngs=rngs)
        params = init(mlp, rngs.params())
        self.W = nnx.List([nnx.Param(layer.W) for layer in params])
        self.b = nnx.List([nnx.Param(layer.b) for layer in params])

    def __call__(self, x):
        params = tuple(Layer(W[...], b[...]) for W, b in zip(self.W, self.b, strict=True))
        return self.linear(x) + apply(self.mlp, params, x)


def main(steps: int = 300) -> tuple[float, float]:
    """Learn a wave on a slope; the loss before and after."""
    model = Residual(MLP((1, 16, 16, 1), "tanh"), nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adam(1e-2), wrt=nnx.Param)
    x = jnp.linspace(-1, 1, 64)[:, None]
    y = 3 * x + jnp.sin(5 * x)

    @nnx.jit
    def step(model, optimizer):
        value, gradient = nnx.value_and_grad(lambda model: jnp.mean((model(x) - y) ** 2))(model)
        optimizer.update(model, gradient)
        return value

    values = [float(step(model, optimizer)) for _ in range(steps)]
    return values[0], values[-1]


if __name__ == "__main__":
    print("mean squared error: {:.4f} before, {:.4f} after".format(*main()))
