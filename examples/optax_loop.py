"""The drop-in in a loop and with a loss of one's own: two logits are the mean and the log spread of a normal distribution."""

import jax
import jax.numpy as jnp
import optax

from mlpjax import MLP, apply, init


def main(steps: int = 1000) -> tuple[float, float]:
    """Learn how noisy a wave is where; the error of the spread before and after."""
    mlp = MLP((1, 32, 2), "tanh")
    x = jnp.linspace(-1, 1, 512)[:, None]
    spread = jnp.exp(2 * x[:, 0] - 2)
    y = jnp.sin(3 * x[:, 0]) + spread * jax.random.normal(jax.random.key(1), (512,))
    optimizer = optax.adam(1e-2)

    def negative_log_likelihood(params):
        mean, log_spread = apply(mlp, params, x).T
        return jnp.mean(0.5 * ((y - mean) / jnp.exp(log_spread)) ** 2 + log_spread)

    def step(carry, _):
        params, state = carry
        updates, state = optimizer.update(jax.grad(negative_log_likelihood)(params), state)
        return (optax.apply_updates(params, updates), state), None

    params = init(mlp, jax.random.key(0))
    (learned, _), _ = jax.jit(lambda carry: jax.lax.scan(step, carry, length=steps))((params, optimizer.init(params)))
    before, after = (jnp.mean(jnp.abs(apply(mlp, found, x)[:, 1] - jnp.log(spread))) for found in (params, learned))
    return float(before), float(after)


if __name__ == "__main__":
    print("error of the log spread: {:.3f} before, {:.3f} after".format(*main()))
