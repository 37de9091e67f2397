"""Seconds: what a call takes, measured beside the calls that it is compared with."""

import time
from collections.abc import Callable, Sequence

import jax
import numpy as np


def interleaved(calls: Sequence[Callable[[], object]], rounds: int = 11) -> np.ndarray:
    """The seconds of each call in each round: A B C, A B C, …, so that what slows the machine down slows them all.

    The first call of each, which may compile, is not counted.

    Args:
        calls: functions without arguments; what they return is waited for.
        rounds: how often each is called, 1 or more.

    Returns:
        Shape (calls, rounds).

    Raises:
        ValueError: there is nothing to measure.

    >>> interleaved([lambda: sum(range(10)), lambda: sum(range(10_000))], rounds=3).shape
    (2, 3)
    """
    if rounds < 1 or not calls:
        raise ValueError(f"expected one call or more and one round or more, got {len(calls)} calls and {rounds} rounds")
    for call in calls:
        jax.block_until_ready(call())
    return np.array([[_seconds(call) for call in calls] for _ in range(rounds)]).T


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    jax.block_until_ready(call())
    return time.perf_counter() - start
