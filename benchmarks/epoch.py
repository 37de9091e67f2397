"""One epoch of mlpjax against one of other libraries: the same network, data, batch size and Adam."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.peers import LEARNING_RATE, PEERS, Unavailable
from benchmarks.problems import EPOCHS, Problem
from benchmarks.timing import Contenders, Effort, interleaved
from mlpjax.training import epoch, start

BEFORE = {
    "2-8-8-2": (20, 35, 24, 19, 65),
    "64-64-64-10": (6, 9, 8, 6, 18),
    "784-512-512-10": (4.5, 2.7, 2.2, 1.6, 2.0),
    "1024-2048-2048-1024": (3.5, 2.4, 1.9, 1.0, 1.3),
}
"""How far ahead of each peer, in their order, the prototype was on a CPU with two cores: what mlpjax is held to."""


def compare(effort: Effort, say) -> list[dict]:
    """One result for each network."""
    return [_one(problem, effort, say) for problem in EPOCHS]


def _one(problem: Problem, effort: Effort, say) -> dict:
    say(f"epoch: {problem.network}, batch {problem.batch}, compiling")
    contenders, first, left_out = _contenders(problem, say)
    say(f"epoch: {problem.network}, batch {problem.batch}, measuring")
    times = interleaved(contenders, effort)
    last = {name: _loss(name, run) for name, run in contenders.items()}
    peers = [name for name in contenders if name != "mlpjax"]
    return {
        "network": problem.network,
        "batch": problem.batch,
        "examples": problem.examples,
        **times.counts(),
        "microseconds_per_step": times.microseconds(problem.steps),
        "peer_over_mlpjax": {name: times.ratio(name, "mlpjax") for name in peers},
        "expected": _expected(problem),
        "loss_first": first,
        "loss_last": last,
        "left_out": left_out,
    }


def _expected(problem: Problem) -> dict[str, float]:
    if jax.default_backend() != "cpu":
        return {}
    return dict(zip(PEERS, BEFORE[problem.network], strict=True))


def _contenders(problem: Problem, say) -> tuple[Contenders, dict[str, float], dict[str, str]]:
    """Those that can run here, the loss of their first epoch, and why the others cannot."""
    contenders, losses, left_out = {}, {}, {}
    for name, build in ({"mlpjax": ours} | PEERS).items():
        try:
            run = build(problem)
            losses[name] = _loss(name, run)
            contenders[name] = run
        except (ImportError, Unavailable) as error:
            left_out[name] = str(error)
            say(f"  without {name}: {error}")
    return contenders, losses, left_out


def _loss(name: str, run) -> float:
    loss = float(run())
    if not np.isfinite(loss):
        raise ValueError(f"the loss of {name} is {loss}")
    return round(loss, 4)


def ours(problem: Problem):
    """The library's own epoch, compiled as one scan."""
    mlp, optimizer = problem.mlp(), optax.adam(LEARNING_RATE)
    x, y = map(jnp.asarray, problem.data())
    state = start(problem.params(), optimizer, jax.random.key(1))

    def run():
        nonlocal state
        state, info = jax.block_until_ready(epoch(mlp, optimizer, state, x, y, batch_size=problem.batch))
        return info.loss

    return run
