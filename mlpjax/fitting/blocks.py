"""From batches made on the host, one after another, to blocks of them on the device, ahead of the training that uses them."""

import queue
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Int, Shaped

from mlpjax import checks
from mlpjax.network import MLP
from mlpjax.types import Data

Batches = Callable[[int, int], Iterator[tuple]]
"""From the number of an epoch, from 1, and the number of its batches to leave out, to the other batches of that epoch.

Each is `(x, y)` or `(x, y, weights)`. The same epoch must always give the same batches in the same order: that is what makes
a training that was killed go on to the same bits.
"""

BLOCK_BYTES = 8 * 2**20
MOST_BATCHES = 256


class Block(NamedTuple):
    """Batches of one shape, of which the first `filled` are filled.

    Attributes:
        x: the examples, shape (batches, batch_size, …).
        y: their targets, likewise.
        weights: 0 for what fills a batch up.
        examples: how many each batch holds.
        filled: how many batches there are.
    """

    x: Float[Data, "batches batch_size d"]
    y: Shaped[Data, "batches batch_size *k"]
    weights: Float[Data, "batches batch_size"]
    examples: Int[Data, " batches"]
    filled: int | np.integer | Int[Array, ""]


def blocks(mlp: MLP, batches: Batches, epoch: int, start: int, batch_size: int, dtype) -> Iterator[Block]:
    """The batches of an epoch, checked and stacked, on the host.

    Raises:
        ValueError, TypeError: a batch cannot be used; the message names the epoch and the batch.
    """
    most = int(np.clip(BLOCK_BYTES // (4 * batch_size * mlp.sizes[0]), 1, MOST_BATCHES))
    numbered = enumerate(batches(epoch, start), start + 1)
    while several := list(islice(numbered, most)):
        block = _empty(mlp, most, batch_size, dtype)
        for place, (number, batch) in enumerate(several):
            _fill(block, place, _checked(mlp, batch, batch_size, f"epoch {epoch}, batch {number}"))
        yield block._replace(filled=np.int32(len(several)))


def _empty(mlp: MLP, most: int, batch_size: int, dtype) -> Block:
    x = np.zeros((most, batch_size, mlp.sizes[0]), dtype)
    labels = mlp.loss.target.labels
    y = np.zeros((most, batch_size), np.int32) if labels else np.zeros((most, batch_size, mlp.sizes[-1]), dtype)
    weights = np.zeros((most, batch_size), np.promote_types(dtype, np.float32))
    return Block(x, y, weights, np.ones(most, np.int32), 0)


def _checked(mlp: MLP, batch, batch_size: int, name: str) -> tuple:
    try:
        if not isinstance(batch, tuple) or len(batch) not in (2, 3):
            raise TypeError(f"a batch must be (x, y) or (x, y, weights), got {type(batch).__name__}")
        x, y, *weights = (np.asarray(array) for array in batch)
        checks.check_data(mlp, x, y, *weights)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{name}: {error}") from None
    if len(x) > batch_size:
        raise ValueError(f"{name}: it holds {len(x)} examples, and batch_size is {batch_size}")
    return x, y, *weights


def _fill(block: Block, place: int, batch: tuple) -> None:
    x, y, *weights = batch
    n = len(x)
    block.x[place, :n], block.y[place, :n] = x, y
    block.weights[place, :n] = weights[0] if weights else 1
    block.examples[place] = n


def on_device_ahead(made: Iterator[Block]) -> Iterator[Block]:
    """The same blocks on the device, each put there before the one before it is used."""
    before = None
    for block in in_a_thread(made):
        ahead = jax.device_put(block)
        if before is not None:
            yield before
        before = ahead
    if before is not None:
        yield before


def in_a_thread(items: Iterator, ahead: int = 2) -> Iterator:
    """The items of an iterator that runs in a thread of its own, some ahead; its errors are raised here."""
    made: queue.Queue = queue.Queue(maxsize=ahead)
    unwanted = threading.Event()
    end = object()

    def put(item) -> bool:
        while not unwanted.is_set():
            try:
                made.put(item, timeout=0.05)
                return True
            except queue.Full:
                continue
        return False

    def make() -> None:
        try:
            if all(put((item, None)) for item in items):
                put((end, None))
        except BaseException as error:
            put((end, error))

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        while (taken := made.get())[0] is not end:
            yield taken[0]
        if taken[1] is not None:
            raise taken[1]
    finally:
        unwanted.set()
        thread.join()
