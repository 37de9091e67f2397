"""What others do with the processor while this process measures: what makes a measurement worth less."""

import os
import time
from pathlib import Path
from typing import NamedTuple


class Moment(NamedTuple):
    """Seconds so far: on the clock, of all the cores' work for anyone, of their work for this process."""

    clock: float
    busy: float
    own: float


def now() -> Moment:
    """This moment; where the system does not say what others do, they do nothing."""
    own = sum(os.times()[:4])
    return Moment(time.perf_counter(), _busy(own), own)


def _busy(own: float) -> float:
    try:
        user, nice, system, _, _, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    except OSError:
        return own
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def share(since: Moment) -> float:
    """The part of all the cores' time that others have used since then."""
    clock, busy, own = (end - start for end, start in zip(now(), since, strict=True))
    return max(0.0, (busy - own) / (clock * (os.cpu_count() or 1)))
