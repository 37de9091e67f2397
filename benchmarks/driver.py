"""What `fit` adds to a bare compiled scan of its epochs, what recording health adds to `fit`, and what a checkpoint costs."""

import tempfile

import jax
import jax.numpy as jnp
import optax

from benchmarks.problems import Problem
from benchmarks.timing import Contenders, Effort, interleaved
from mlpjax import Checkpoints, fit
from mlpjax.fitting import checkpoints
from mlpjax.fitting.epochs import Rules
from mlpjax.fitting.history import History
from mlpjax.training import epoch, start

PROBLEMS = {Problem((64, 64, 32, 10), 32, 1797): 200, Problem((2, 8, 8, 2), 10, 1000): 400}
"""The network and the data of the digits, and a tiny one, each with its epochs."""

HEALTH_EVERY = 500
HEALTH = f"fit, health at every {HEALTH_EVERY}th step"


def compare(effort: Effort, say) -> list[dict]:
    """One result for each network."""
    return [_compared(problem, epochs, effort, say) for problem, epochs in PROBLEMS.items()]


def _compared(problem: Problem, epochs: int, effort: Effort, say) -> dict:
    name = f"driver: {problem.network}, batch {problem.batch}, {epochs} epochs"
    say(f"{name}, compiling")
    contenders = _contenders(problem, epochs)
    for run in contenders.values():
        run()
    say(f"{name}, measuring")
    times = interleaved(contenders, effort._replace(seconds=effort.seconds / len(PROBLEMS)))
    return {
        "network": problem.network,
        "batch": problem.batch,
        "examples": problem.examples,
        "epochs": epochs,
        **times.counts(),
        "microseconds": times.microseconds(),
        "over_scan": {name: times.ratio(name, "scan") for name in ("fit", "fit with a callback")},
        "over_fit": {HEALTH: times.ratio(HEALTH, "fit")},
    }


def _contenders(problem: Problem, epochs: int) -> Contenders:
    mlp, optimizer, key = problem.mlp(), optax.adam(1e-3), jax.random.key(1)
    x, y = map(jnp.asarray, problem.data())
    begun = start(problem.params(), optimizer, key)

    @jax.jit
    def scanned(state, x, y):
        return jax.lax.scan(lambda state, _: epoch(mlp, optimizer, state, x, y, batch_size=problem.batch), state, length=epochs)

    def fitted(**more):
        options = {"key": key, "optimizer": optimizer, "epochs": epochs, "batch_size": problem.batch, **more}
        return jax.block_until_ready(fit(mlp, begun.params, x, y, **options)[0].params)

    return {
        "scan": lambda: jax.block_until_ready(scanned(begun, x, y)),
        "fit": fitted,
        "fit with a callback": lambda: fitted(callback=lambda *_: None),
        HEALTH: lambda: fitted(health_every=HEALTH_EVERY),
        "a checkpoint": _saving(begun, epochs),
    }


def _saving(state, epochs: int):
    """Write one checkpoint after another to a folder that lasts as long as the process."""
    folder = tempfile.TemporaryDirectory()
    history = History(*(jnp.zeros((epochs, *more)) for more in ((), (3,), ())), None, None)
    saver = checkpoints.Saver(Checkpoints(folder.name), {"monitor": None}, Rules())

    def save():
        assert folder
        saver._write(state, history)

    return save
