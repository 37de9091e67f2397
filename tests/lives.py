"""Trainings that are killed: each life of one is a process of its own, until one lives to the end."""

import multiprocessing
import random
import signal
import time
from pathlib import Path

import jax
import numpy as np
import optax

from mlpjax import MLP, fit, fit_stream, init
from mlpjax.callbacks import JsonLines
from mlpjax.fitting import Checkpoints
from mlpjax.fitting.history import columns
from mlpjax.fitting.packing import arrays_of

EPOCHS = 60
NETWORK = MLP((3, 5, 2), "tanh", "softmax_cross_entropy_with_integer_labels")
OPTIMIZER = optax.adam(0.02)


def examples(seed: int) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(seed).standard_normal((40, 3)).astype(np.float32)
    return x, (x[:, 0] * x[:, 1] > 0).astype(np.int32)


def batches(epoch: int, start: int):
    x, y = examples(1)
    for rows in np.random.default_rng(epoch).permutation(40).reshape(8, 5)[start:]:
        yield x[rows], y[rows]


def train(kind: str, callback, checkpoints: Checkpoints | None):
    """One of the trainings that are killed."""
    options = {
        "optimizer": OPTIMIZER,
        "epochs": EPOCHS,
        "validation": examples(2),
        "monitor": "validation_score",
        "callback": callback,
        "checkpoints": checkpoints,
    }
    params = init(NETWORK, jax.random.key(0))
    if kind == "fit_stream":
        return fit_stream(NETWORK, params, batches, batch_size=5, **options)
    return fit(NETWORK, params, *examples(1), key=jax.random.key(1), batch_size=7, every=1, **options)


def results(state, history) -> dict[str, np.ndarray]:
    """Every number that a training ends with."""
    said = {name: np.array(str(getattr(history, name))) for name in ("best_epoch", "stopped", "message")}
    return arrays_of(state) | columns(history) | said


def live(kind: str, folder: Path, survivable: bool, pause: float) -> None:
    """Train, from where the last life came to, and write what comes of it.

    The pauses give the killer time and change no bit; blocks of 3 batches let a checkpoint fall into an epoch.
    """
    from mlpjax.fitting import blocks

    blocks.MOST_BATCHES = 3
    jax.config.update("jax_compilation_cache_dir", str(folder.parent / "cache"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    checkpoints = Checkpoints(folder / "checkpoints", epochs=3, seconds=0.05) if survivable else None
    told = [JsonLines(folder / "log.jsonl"), lambda *_: time.sleep(pause)]
    np.savez(folder / "unfinished.npz", **results(*train(kind, told, checkpoints)))
    (folder / "unfinished.npz").rename(folder / "done.npz")


class Killer:
    """Starts trainings and kills them at random moments, and counts.

    Attributes:
        killed: how many were killed.
        saving: how many of these had written a part of a checkpoint.
    """

    def __init__(self, seed: int):
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["mlpjax", "orbax.checkpoint"])
        self._moments = random.Random(seed)
        self.killed = self.saving = 0

    def one(self, kind: str, folder: Path, survivable: bool, pause: float = 0.0, seconds: float | None = None) -> int:
        """One life, of so many seconds at most; the exit code."""
        process = self._context.Process(target=live, args=(kind, folder, survivable, pause))
        process.start()
        process.join(seconds)
        process.kill()
        process.join()
        return process.exitcode

    def until_done(self, kind: str, folder: Path, longest: float, pause: float) -> None:
        """Lives of random lengths, the later the longer, since a busy machine needs longer ones, until one comes to the end."""
        folder.mkdir()
        for number in range(100):
            code = self.one(kind, folder, True, pause, self._moments.uniform(0.1, longest * 1.02**number))
            if code != -signal.SIGKILL:
                break
            self.killed += 1
            self.saving += any("tmp" in path.name for path in (folder / "checkpoints").rglob("*"))
        assert code == 0
