"""What the size of a mini-batch costs and brings: the memory of a step, the noise of its gradient, the seconds of an epoch.

The lecture's compromise, measured: memory grows in proportion to the batch, the noise falls only with its root, and an epoch of
few large steps is faster than one of many small ones.
"""

import functools
import operator
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float, Int

from mlpjax.experiments.timing import interleaved
from mlpjax.gradients.backprop import backprop
from mlpjax.gradients.noise_scale import gradient_noise_scale
from mlpjax.network import MLP, compiled, init
from mlpjax.training import check_batch_size, epoch, norm, start, step
from mlpjax.types import Data, Params, PRNGKey, Scalar

SGD = optax.sgd(0.1)
"""Plain gradient descent, one object for every call."""


class BatchSizes(NamedTuple):
    """What each of k batch sizes costs and brings.

    Attributes:
        batch_sizes: shape (k,), as are all the others.
        temporary_bytes: what a compiled step holds besides what comes in and goes out, by its own memory analysis.
        remembered_bytes: what the backward pass needs of the forward pass, `remembered_bytes`.
        noise: the root mean square distance of the gradient of a random mini-batch from that of all the data.
        expected_noise: what the law says it is, `expected_noise`.
        gradient_norm: of the gradient of all the data, to compare the noise with.
        epoch_seconds: the median time of an epoch.
    """

    batch_sizes: Int[np.ndarray, " k"]
    temporary_bytes: Int[np.ndarray, " k"]
    remembered_bytes: Int[np.ndarray, " k"]
    noise: Float[np.ndarray, " k"]
    expected_noise: Float[np.ndarray, " k"]
    gradient_norm: Float[np.ndarray, " k"]
    epoch_seconds: Float[np.ndarray, " k"]


def compare_batch_sizes(
    mlp: MLP,
    key: PRNGKey,
    x: Data,
    y: Data,
    batch_sizes: Sequence[int],
    *,
    optimizer: optax.GradientTransformation = SGD,
    draws: int = 200,
    rounds: int = 5,
) -> BatchSizes:
    """Memory, noise and time of each batch size, at parameters that are drawn at random.

    Args:
        mlp: the network.
        key: of the parameters, the mini-batches and the order of the examples.
        x, y: the examples, as in `loss`.
        batch_sizes: each from 1 to n.
        optimizer: of the steps whose memory and time are measured.
        draws: how many mini-batches of each size the noise is measured on.
        rounds: how often the epochs are timed, interleaved.

    Raises:
        ValueError: a batch size is out of range, or a shape does not fit.

    >>> x = jax.random.normal(jax.random.key(0), (64, 8))
    >>> record = compare_batch_sizes(MLP((8, 4, 1)), jax.random.key(1), x, x[:, :1], [64], draws=2, rounds=1)
    >>> record.batch_sizes.tolist(), record.noise.round(6).tolist()
    ([64], [0.0])

    Lecture, section 16.
    """
    n = len(x)
    sizes = [check_batch_size(operator.index(size), n) for size in batch_sizes]
    of_params, of_draws, of_order = jax.random.split(key, 3)
    params = init(mlp, of_params)
    deviation = gradient_deviation(mlp, params, x, y).item()
    state = start(params, optimizer, of_order)
    epochs = [partial(epoch, mlp, optimizer, state, x, y, batch_size=size) for size in sizes]
    return BatchSizes(
        batch_sizes=np.array(sizes),
        temporary_bytes=np.array([temporary_bytes(mlp, params, x, y, size, optimizer) for size in sizes]),
        remembered_bytes=np.array([remembered_bytes(mlp, size, params[0].W.dtype) for size in sizes]),
        noise=np.array([gradient_noise(mlp, params, of_draws, x, y, size, draws=draws).item() for size in sizes]),
        expected_noise=np.array([expected_noise(deviation, n, size) for size in sizes]),
        gradient_norm=np.full(len(sizes), norm(backprop(mlp, params, x, y)[1]).item()),
        epoch_seconds=np.median(interleaved(epochs, rounds), axis=1),
    )


def temporary_bytes(
    mlp: MLP, params: Params, x: Data, y: Data, batch_size: int, optimizer: optax.GradientTransformation = SGD
) -> int:
    """The bytes that the compiled step on a mini-batch needs besides what comes in and goes out, by XLA's memory analysis.

    Nothing is run. The arguments are those of `compare_batch_sizes`.
    """
    state = start(params, optimizer, jax.random.key(0))
    batch = (jax.ShapeDtypeStruct((batch_size, *array.shape[1:]), jnp.result_type(array)) for array in (x, y))
    analysis: Any = step.lower(mlp, optimizer, state, *batch).compile().memory_analysis()
    return analysis.temp_size_in_bytes


def remembered_bytes(mlp: MLP, batch_size: int, dtype=jnp.float32) -> int:
    """The bytes that the forward pass must leave for the backward pass: what each hidden unit answered to each example
    (COST-batch_memory).

    A step whose activations have a slope that follows from the answer, such as ReLU and tanh, needs room for little more.

    >>> remembered_bytes(MLP((4, 3, 2, 1)), batch_size=10)
    200
    """
    return batch_size * sum(mlp.sizes[1:-1]) * jnp.dtype(dtype).itemsize


@compiled
def gradient_deviation(mlp: MLP, params: Params, x: Data, y: Data) -> Scalar:
    """The standard deviation of the gradient of one example about that of all, sigma in COST-batch_noise.

    Arguments and errors are those of `backprop`.

    >>> from mlpjax import Layer
    >>> zero = (Layer(jnp.zeros((1, 1)), jnp.zeros(1)),)
    >>> gradient_deviation(MLP((1, 1), loss="l2_loss"), zero, jnp.zeros((2, 1)), jnp.array([[-3.0], [3.0]])).item()
    3.0
    """
    n = len(x)
    if n == 1:
        return jnp.zeros((), params[0].W.dtype)
    return jnp.sqrt(gradient_noise_scale(mlp, params, x, y).variance * (n - 1) / n)


@functools.partial(jax.jit, static_argnames=("mlp", "batch_size", "draws", "replace"))
def gradient_noise(
    mlp: MLP, params: Params, key: PRNGKey, x: Data, y: Data, batch_size: int, *, draws: int = 200, replace: bool = False
) -> Scalar:
    """The root mean square distance of the gradient of a random mini-batch from that of all the data, measured.

    Args:
        mlp, params, x, y: as in `backprop`.
        key: of the mini-batches.
        batch_size: from 1 to n, or any number with replacement.
        draws: the mean is over so many mini-batches.
        replace: whether an example can be in a mini-batch more than once; within an epoch it cannot.

    Raises:
        ValueError: the batch size or the number of draws is out of range, or a shape does not fit.

    >>> from mlpjax import Layer
    >>> zero = (Layer(jnp.zeros((1, 1)), jnp.zeros(1)),)
    >>> x, y = jnp.zeros((2, 1)), jnp.array([[-3.0], [3.0]])
    >>> gradient_noise(MLP((1, 1), loss="l2_loss"), zero, jax.random.key(0), x, y, batch_size=1).item()
    3.0
    """
    n, distance = len(x), _distance_to(mlp, params, x, y)
    if draws < 1 or batch_size < 1:
        raise ValueError(f"batch_size and draws must be 1 or more, got {batch_size} and {draws}")
    if not replace:
        check_batch_size(batch_size, n)

    def of_one(key: PRNGKey) -> Scalar:
        return distance(jax.random.choice(key, n, (batch_size,), replace=replace))

    return jnp.sqrt(jnp.mean(jax.lax.map(of_one, jax.random.split(key, draws))))


def _distance_to(mlp: MLP, params: Params, x: Data, y: Data):
    """From the rows of a mini-batch to the squared distance of its gradient from that of all the data."""
    x, y = jnp.asarray(x), jnp.asarray(y)
    _, full = backprop(mlp, params, x, y)

    def distance(rows) -> Scalar:
        _, gradient = backprop(mlp, params, x[rows], y[rows])
        return norm(jax.tree.map(jnp.subtract, gradient, full)) ** 2

    return distance


def expected_noise(deviation, n, batch_size, *, replace: bool = False):
    """What `gradient_noise` is on average: `deviation / sqrt(B)`, times `sqrt((n - B) / (n - 1))` without replacement
    (COST-batch_noise).

    Args:
        deviation: of the gradient of one example, `gradient_deviation`.
        n: the number of examples.
        batch_size: B.
        replace: as in `gradient_noise`.

    >>> round(expected_noise(1.0, n=101, batch_size=4), 3), expected_noise(1.0, n=101, batch_size=4, replace=True)
    (0.492, 0.5)
    """
    finite = 1 if replace or n == 1 else (n - batch_size) / (n - 1)
    return deviation * (finite / batch_size) ** 0.5
