"""The drop-in in a log-density: the posterior of a small network's parameters, sampled by BlackJAX.

The ends of the data say little about what lies beyond them, and the samples differ there.
"""

import blackjax
import jax
import jax.numpy as jnp
from jax.scipy.stats import norm

from mlpjax import MLP, apply, init


def main(samples: int = 300) -> tuple[float, float]:
    """The spread of the samples' predictions among the data and beyond them."""
    mlp = MLP((1, 8, 1), "tanh")
    x = jnp.linspace(-1, 1, 20)[:, None]
    y = jnp.sin(3 * x) + 0.1 * jax.random.normal(jax.random.key(1), x.shape)

    def log_density(params):
        prior = sum(jnp.sum(norm.logpdf(leaf, scale=2.0)) for leaf in jax.tree.leaves(params))
        return prior + jnp.sum(norm.logpdf(y, apply(mlp, params, x), 0.1))

    start = init(mlp, jax.random.key(0))
    mass = jnp.ones(mlp.parameter_count)
    sampler = blackjax.hmc(log_density, step_size=0.01, inverse_mass_matrix=mass, num_integration_steps=30)

    @jax.jit
    def sample(state, key):
        return jax.lax.scan(lambda state, key: (sampler.step(key, state)[0],) * 2, state, jax.random.split(key, samples))[1]

    states = sample(sampler.init(start), jax.random.key(2))
    kept = jax.tree.map(lambda leaf: leaf[samples // 2 :], states.position)
    predictions = jax.vmap(lambda params: apply(mlp, params, jnp.array([[0.0], [3.0]])))(kept)
    among, beyond = jnp.std(predictions[:, :, 0], axis=0)
    return float(among), float(beyond)


if __name__ == "__main__":
    print("spread of the predictions: {:.3f} among the data, {:.3f} beyond them".format(*main()))
