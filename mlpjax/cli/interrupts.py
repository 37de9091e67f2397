"""Ctrl-C, and a polite kill, between the stretches of a training."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from mlpjax.fitting import History, interrupts
from mlpjax.fitting.driver import Callback
from mlpjax.training import State

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def between_stretches() -> Iterator[Callback]:
    """A callback that ends a training if a signal has come; a second signal ends it at once."""
    with interrupts.noted(SIGNALS) as check:

        def callback(epoch: int, state: State, history: History) -> None:
            check()

        yield callback
