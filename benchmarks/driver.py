"""What `fit` adds to a bare compiled scan of its epochs, and what a checkpoint costs."""

import tempfile

import jax
import jax.numpy as jnp
import optax

from benchmarks.problems import Problem
from benchmarks.timing import Contenders, Effort, interleaved
from mlpjax import Checkpoints, fit
from mlpjax.fitting import checkpoints
from mlpjax.fitting.history import History
from mlpjax.training import epoch, start

PROBLEM = Problem((64, 64, 32, 10), 32, 1797)
EPOCHS = 200


def compare(effort: Effort, say) -> list[dict]:
    """One result, for the network and the data of the digits."""
    say(f"driver: {PROBLEM.network}, batch {PROBLEM.batch}, {EPOCHS} epochs, compiling")
    contenders = _contenders()
    for run in contenders.values():
        run()
    say(f"driver: {PROBLEM.network}, batch {PROBLEM.batch}, {EPOCHS} epochs, measuring")
    times = interleaved(contenders, effort)
    return [
        {
            "network": PROBLEM.network,
            "batch": PROBLEM.batch,
            "examples": PROBLEM.examples,
            "epochs": EPOCHS,
            **times.counts(),
            "microseconds": times.microseconds(),
            "over_scan": {name: times.ratio(name, "scan") for name in contenders if name.startswith("fit")},
        }
    ]


def _contenders() -> Contenders:
    mlp, optimizer, key = PROBLEM.mlp(), optax.adam(1e-3), jax.random.key(1)
    x, y = map(jnp.asarray, PROBLEM.data())
    begun = start(PROBLEM.params(), optimizer, key)

    @jax.jit
    def scanned(state, x, y):
        return jax.lax.scan(lambda state, _: epoch(mlp, optimizer, state, x, y, batch_size=PROBLEM.batch), state, length=EPOCHS)

    def fitted(callback=None):
        options = {"key": key, "optimizer": optimizer, "epochs": EPOCHS, "batch_size": PROBLEM.batch, "callback": callback}
        return jax.block_until_ready(fit(mlp, begun.params, x, y, **options)[0].params)

    return {
        "scan": lambda: jax.block_until_ready(scanned(begun, x, y)),
        "fit": fitted,
        "fit with a callback": lambda: fitted(lambda *_: None),
        "a checkpoint": _saving(begun),
    }


def _saving(state):
    """Write one checkpoint after another to a folder that lasts as long as the process."""
    folder = tempfile.TemporaryDirectory()
    history = History(*(jnp.zeros((EPOCHS, *more)) for more in ((), (3,), ())), None, None)
    saver = checkpoints.Saver(Checkpoints(folder.name), {"monitor": None})

    def save():
        assert folder
        saver._write(state, history)

    return save
