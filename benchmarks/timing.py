"""Interleaved timing: A B C, A B C, … and the ratios within each round."""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from benchmarks import neighbours

Contenders = dict[str, Callable[[], object]]
"""By name, functions that return when all they do is done."""

PAUSE = 0.05
"""Seconds before each sample: longer than the idle threads of OpenMP and OpenBLAS spin and take a core from the next one."""

BUSY = 0.1
"""A round in which others used more than this part of the processor does not count."""

PATIENCE = 2
"""How many times its seconds a comparison may take to find enough rounds that count; without them it uses all it has."""


class Effort(NamedTuple):
    """How long to measure.

    Attributes:
        seconds: a comparison takes at least.
        rounds: and at least so many rounds.
        sample: seconds that a contender runs at least in a round, called as often as that takes.
    """

    seconds: float
    rounds: int
    sample: float


class Times(NamedTuple):
    """What was measured.

    Attributes:
        seconds: of one call of each contender, one number a round.
        rounds: how many rounds these are.
        disturbed: how many rounds others disturbed, which were left out if that left enough.
        calm: whether it did.
    """

    seconds: dict[str, np.ndarray]
    rounds: int
    disturbed: int
    calm: bool

    def counts(self) -> dict:
        return {"rounds": self.rounds, "disturbed_rounds": self.disturbed, "calm": self.calm}

    def microseconds(self, steps: int = 1) -> dict[str, float]:
        """The median time of each contender for one of the steps that a call takes."""
        return {name: round(float(np.median(times)) / steps * 1e6, 3) for name, times in self.seconds.items()}

    def ratio(self, name: str, reference: str, scale: float = 1) -> dict[str, float]:
        """The time of one over that of another in the same round: the median, and the 5th and 95th percentile."""
        low, median, high = np.percentile(scale * self.seconds[name] / self.seconds[reference], (5, 50, 95))
        return {"median": round(float(median), 4), "p5": round(float(low), 4), "p95": round(float(high), 4)}


def interleaved(contenders: Contenders, effort: Effort) -> Times:
    """Time every contender once a round, after calls that warm it up and are not counted."""
    repeats = {name: _repeats(run, effort.sample) for name, run in contenders.items()}
    rounds, start = [], time.perf_counter()
    while not _enough(rounds, time.perf_counter() - start, effort):
        moment = neighbours.now()
        sample = {name: _sample(run, repeats[name]) for name, run in contenders.items()}
        rounds.append((sample, neighbours.share(moment)))
    calm = _calm(rounds)
    used = calm if len(calm) >= effort.rounds else [sample for sample, _ in rounds]
    seconds = {name: np.array([sample[name] for sample in used]) for name in contenders}
    return Times(seconds, len(used), len(rounds) - len(calm), used is calm)


def _enough(rounds: list, spent: float, effort: Effort) -> bool:
    if len(_calm(rounds)) < effort.rounds:
        return spent > PATIENCE * effort.seconds and len(rounds) >= effort.rounds
    return spent > effort.seconds


def _calm(rounds: list) -> list[dict[str, float]]:
    return [sample for sample, others in rounds if others <= BUSY]


def _repeats(run: Callable[[], object], sample: float) -> int:
    run()
    return max(1, round(sample / _seconds(run, 2)))


def _sample(run: Callable[[], object], repeats: int) -> float:
    time.sleep(PAUSE)
    return _seconds(run, repeats)


def _seconds(run: Callable[[], object], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - start) / repeats
