"""Ctrl-C, and a polite kill, that a training hears for certain.

Python raises KeyboardInterrupt wherever the main thread happens to be; within a garbage collection, which JAX takes part
in, the exception is lost. So a training asks between its stretches.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mlpjax.fitting import History
from mlpjax.fitting.driver import Callback
from mlpjax.training import State

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def between_stretches() -> Iterator[Callback]:
    """A callback that ends a training if a signal has come; a second signal ends it at once."""
    came: list[int] = []

    def note(number, frame):
        if came:
            raise KeyboardInterrupt
        came.append(number)

    def check(epoch: int, state: State, history: History) -> None:
        if came:
            raise KeyboardInterrupt

    heard = SIGNALS if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, note) for number in heard}
    try:
        yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
