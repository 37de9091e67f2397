"""The networks that are timed, and the data that they learn."""

from typing import NamedTuple

import jax
import numpy as np

import mlpjax
from mlpjax import MLP, Params

LOSS = "softmax_cross_entropy_with_integer_labels"


class Problem(NamedTuple):
    """A network, and how many examples it sees in a step and in an epoch (a whole number of steps)."""

    sizes: tuple[int, ...]
    batch: int
    examples: int

    @property
    def network(self) -> str:
        return "-".join(map(str, self.sizes))

    @property
    def steps(self) -> int:
        return self.examples // self.batch

    @property
    def multiplications(self) -> int:
        """Multiply-adds of the products of one gradient: forward L, weight gradients L, deltas L - 1."""
        layers = [fan_in * fan_out for fan_in, fan_out in zip(self.sizes[:-1], self.sizes[1:], strict=True)]
        return self.batch * (2 * sum(layers) + sum(layers[1:]))

    def mlp(self, activation: str = "relu") -> MLP:
        return MLP(self.sizes, activation, LOSS)

    def params(self) -> Params:
        return mlpjax.init(self.mlp(), jax.random.key(0))

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """float32 inputs, and the int32 labels of a noisy linear teacher: something to learn, but not to the end."""
        random = np.random.default_rng(0)
        x = random.standard_normal((self.examples, self.sizes[0]), dtype=np.float32)
        scores = x @ random.standard_normal((self.sizes[0], self.sizes[-1]), dtype=np.float32)
        noise = random.standard_normal(scores.shape, dtype=np.float32) * np.sqrt(self.sizes[0] / 2)
        return x, np.argmax(scores + noise, axis=1).astype(np.int32)


GRADIENTS = (
    Problem((2, 8, 8, 2), 10, 10),
    Problem((64, 64, 32, 10), 32, 32),
    Problem((784, 512, 512, 10), 128, 128),
    Problem((1024, 2048, 2048, 1024), 256, 256),
)
EPOCHS = (
    Problem((2, 8, 8, 2), 10, 1000),
    Problem((64, 64, 64, 10), 32, 1792),
    Problem((784, 512, 512, 10), 128, 2560),
    Problem((1024, 2048, 2048, 1024), 256, 1280),
)
