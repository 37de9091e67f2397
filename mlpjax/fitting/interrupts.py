"""Signals that a training hears for certain.

Python raises KeyboardInterrupt wherever the main thread happens to be; within a garbage collection, which JAX takes part
in, the exception is lost. So a training asks between its stretches.
"""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


@contextmanager
def noted(signals: Iterable[signal.Signals]) -> Iterator[Callable[[], None]]:
    """A check that raises KeyboardInterrupt if one of the signals has come; a second one raises it at once.

    Outside the main thread, which alone hears signals, the check never does.
    """
    came: list[int] = []

    def note(number, frame):
        if came:
            raise KeyboardInterrupt
        came.append(number)

    def check() -> None:
        if came:
            raise KeyboardInterrupt

    heard = signals if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, note) for number in heard}
    try:
        yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ctrl_c() -> tuple[signal.Signals, ...]:
    """SIGINT, unless someone else handles it already."""
    return (signal.SIGINT,) if signal.getsignal(signal.SIGINT) is signal.default_int_handler else ()
