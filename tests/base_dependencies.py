"""Import and train with nothing installed but the run-time dependencies. Run as a script, outside of pytest."""

import sys

import jax
import jax.numpy as jnp
import optax

from mlpjax import MLP, fit, init

EXTRAS = ("typer", "rich", "safetensors", "matplotlib", "sklearn", "pytest", "beartype")


def main() -> None:
    x = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = jnp.array([[0.0], [1.0], [1.0], [0.0]])
    mlp = MLP((2, 8, 1), "tanh", "sigmoid_binary_cross_entropy")
    params = init(mlp, jax.random.key(0))
    _, history = fit(mlp, params, x, y, key=jax.random.key(1), optimizer=optax.adam(0.1), epochs=100)
    if not history.loss[-1] < 0.05:
        sys.exit(f"XOR was not learned: the loss is still {history.loss[-1]}")
    imported = [name for name in EXTRAS if name in sys.modules]
    if imported:
        sys.exit(f"mlpjax imported {', '.join(imported)}, which are not run-time dependencies")
    print(f"XOR learned to a loss of {history.loss[-1]:.4f} with the run-time dependencies alone")


if __name__ == "__main__":
    main()
