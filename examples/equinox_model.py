"""The drop-in inside an Equinox model: a network behind a scaling of the input that is learned with it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

from mlpjax import MLP, Params, apply, init


class Scaled(eqx.Module):
    """One example in, one number out, as Equinox models are."""

    scale: jax.Array
    params: Params
    mlp: MLP = eqx.field(static=True)

    def __call__(self, x):
        return apply(self.mlp, self.params, (self.scale * x)[None])[0, 0]


def main(steps: int = 300) -> tuple[float, float]:
    """Learn a wave; the loss before and after."""
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

    state, values = optimizer.init(eqx.filter(model, eqx.is_array)), []
    for _ in range(steps):
        model, state, value = step(model, state)
        values.append(float(value))
    return values[0], values[-1]


if __name__ == "__main__":
    print("mean squared error: {:.4f} before, {:.4f} after".format(*main()))
