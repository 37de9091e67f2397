"""`python -m benchmarks`: run the comparisons, print their tables and keep their numbers."""

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks import driver, ensemble, epoch, gradient, memory, peak, report, sklearn_estimators, stream
from benchmarks.timing import BUSY, PAUSE, Effort

COMPARISONS = {
    "gradient": gradient.compare,
    "epoch": epoch.compare,
    "peak": peak.compare,
    "driver": driver.compare,
    "stream": stream.compare,
    "sklearn": sklearn_estimators.compare,
    "ensemble": ensemble.compare,
    "memory": memory.compare,
}
NORMAL = {
    "gradient": Effort(18, 20, 0.05),
    "epoch": Effort(30, 12, 0.1),
    "peak": Effort(20, 20, 0.05),
    "driver": Effort(40, 20, 0.3),
    "stream": Effort(60, 1, 0),
    "sklearn": Effort(15, 8, 0.1),
    "ensemble": Effort(20, 8, 0.2),
    "memory": Effort(60, 12, 0.1),
}
QUICK = {
    "gradient": Effort(1.5, 3, 0.02),
    "epoch": Effort(2, 2, 0.02),
    "peak": Effort(2, 3, 0.02),
    "driver": Effort(2, 3, 0.02),
    "stream": Effort(5, 1, 0),
    "sklearn": Effort(2, 2, 0.02),
    "ensemble": Effort(2, 2, 0.02),
    "memory": Effort(4, 2, 0.02),
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, to see that it runs: the ratios are rough")
    parser.add_argument("--only", choices=COMPARISONS, help="one comparison instead of all; the file then holds only that one")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results", help="the folder of the JSON file")
    return parser.parse_args()


def main() -> None:
    """Measure, print and write."""
    arguments, console, start = _arguments(), Console(), time.perf_counter()

    def say(line: str) -> None:
        console.print(f"[dim]{time.perf_counter() - start:5.0f} s[/]  {line}", highlight=False)

    names = [arguments.only] if arguments.only else list(COMPARISONS)
    efforts = QUICK if arguments.quick else NORMAL
    results = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": report.machine(),
        "versions": report.versions(),
        "settings": {
            "quick": arguments.quick,
            "pause_seconds": PAUSE,
            "busy": BUSY,
            "effort": {name: efforts[name]._asdict() for name in names},
        },
    }
    results |= {name: COMPARISONS[name](efforts[name], say) for name in names}
    results["seconds"] = round(time.perf_counter() - start)
    for table in report.tables(results):
        console.print(table)
    if not all(row["calm"] for name in names for row in results[name]):
        say("[red]others kept this machine busy, and some of these numbers are theirs: measure again[/]")
    say(f"written to {report.write(results, arguments.results)}")


if __name__ == "__main__":
    main()
