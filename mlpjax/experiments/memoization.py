"""What memoization buys: the sum over all paths against backpropagation, counted and timed over depth and width.

With d units in each of D layers the paths multiply by d for each layer more (COST-path_sum), while backpropagation adds 2 d²
multiplications (COST-backprop).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

from mlpjax.activations import Activation
from mlpjax.experiments.timing import interleaved
from mlpjax.gradients import backprop, backprop_multiplications, path_count, path_multiplications, path_sum
from mlpjax.network import MLP, init
from mlpjax.types import GradFn, PRNGKey


class Memoization(NamedTuple):
    """The cost of one gradient by both methods, for square networks of d depths and w widths.

    `scaling.growth(record.depths, record.path_seconds)` is the factor a layer for each width, and
    `scaling.exponent(record.depths, record.backprop_multiplications)` the power of the depth.

    Attributes:
        depths: the number of layers of weights, shape (d,).
        widths: the number of inputs, of units in each hidden layer, and of outputs, shape (w,).
        path_multiplications: of `path_sum` after the forward pass, shape (d, w).
        backprop_multiplications: of `backprop`, likewise.
        path_seconds: the median time of `path_sum`, forward pass included, shape (d, w); NaN where it has too many paths.
        backprop_seconds: that of `backprop`.
    """

    depths: Int[np.ndarray, " d"]
    widths: Int[np.ndarray, " w"]
    path_multiplications: Float[np.ndarray, "d w"]
    backprop_multiplications: Float[np.ndarray, "d w"]
    path_seconds: Float[np.ndarray, "d w"]
    backprop_seconds: Float[np.ndarray, "d w"]


def memoization(
    key: PRNGKey,
    depths: Sequence[int] = (1, 2, 3, 4, 5, 6),
    widths: Sequence[int] = (2, 4, 6),
    *,
    n: int = 32,
    activation: Activation | str = "tanh",
    most_paths: int = 2**18,
    rounds: int = 11,
) -> Memoization:
    """Count and time the gradient of square networks by `path_sum` and by `backprop`.

    Args:
        key: of parameters and examples, which are drawn at random.
        depths: the numbers of layers of weights.
        widths: the numbers of units in each layer.
        n: the number of examples.
        activation: of the hidden layers.
        most_paths: up to how many paths an example `path_sum` is timed, at most `gradients.paths.MOST_PATHS`.
        rounds: how often each is timed, all of them interleaved.

    Returns:
        Both costs of each network.

    Raises:
        ValueError: a depth or a width is less than 1, or there is nothing to measure.

    >>> record = memoization(jax.random.key(0), depths=(2, 3), widths=(3,), n=1, rounds=1)
    >>> record.path_multiplications.tolist(), record.backprop_multiplications.tolist()
    ([[108.0], [621.0]], [[30.0], [51.0]])

    Lecture, section 9.
    """
    mlps = [MLP((width,) * (depth + 1), activation) for depth in depths for width in widths]
    calls = {(method, mlp): _call(method, mlp, key, n) for mlp in mlps for method in (path_sum, backprop)}
    calls = {which: call for which, call in calls.items() if which[0] is backprop or path_count(which[1]) <= most_paths}
    seconds = dict(zip(calls, np.median(interleaved(list(calls.values()), rounds), axis=1), strict=True))

    def table(cost: Callable[[MLP], float]) -> np.ndarray:
        return np.array([cost(mlp) for mlp in mlps], float).reshape(len(depths), len(widths))

    return Memoization(
        depths=np.array(depths),
        widths=np.array(widths),
        path_multiplications=table(lambda mlp: path_multiplications(mlp, n)),
        backprop_multiplications=table(lambda mlp: backprop_multiplications(mlp, n)),
        path_seconds=table(lambda mlp: seconds.get((path_sum, mlp), np.nan)),
        backprop_seconds=table(lambda mlp: seconds[backprop, mlp]),
    )


def _call(gradient: GradFn, mlp: MLP, key: PRNGKey, n: int):
    """The gradient at parameters and examples that are drawn now."""
    of_params, of_x, of_y = jax.random.split(key, 3)
    x, y = (jax.random.normal(of_one, (n, size)) for of_one, size in ((of_x, mlp.sizes[0]), (of_y, mlp.sizes[-1])))
    return partial(gradient, mlp, init(mlp, of_params), x, y)
