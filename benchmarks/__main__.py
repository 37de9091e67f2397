"""`python -m benchmarks`: run the comparisons, print their tables and keep their numbers."""

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks import (
    driver,
    drop_in,
    ensemble,
    epoch,
    gradient,
    input_derivatives,
    memory,
    peak,
    per_example,
    report,
    second_order,
    sklearn_estimators,
    stream,
)
from benchmarks.timing import BUSY, PAUSE, Effort

COMPARISONS = {
    "gradient": (gradient.compare, Effort(18, 20, 0.05), Effort(1.5, 3, 0.02)),
    "epoch": (epoch.compare, Effort(30, 12, 0.1), Effort(2, 2, 0.02)),
    "peak": (peak.compare, Effort(20, 20, 0.05), Effort(2, 3, 0.02)),
    "driver": (driver.compare, Effort(40, 20, 0.3), Effort(2, 3, 0.02)),
    "stream": (stream.compare, Effort(60, 1, 0), Effort(5, 1, 0)),
    "sklearn": (sklearn_estimators.compare, Effort(15, 8, 0.1), Effort(2, 2, 0.02)),
    "ensemble": (ensemble.compare, Effort(20, 8, 0.2), Effort(2, 2, 0.02)),
    "per_example": (per_example.compare, Effort(20, 10, 0.1), Effort(2, 2, 0.02)),
    "drop_in": (drop_in.compare, Effort(8, 15, 0.05), Effort(0.5, 3, 0.02)),
    "input_derivatives": (input_derivatives.compare, Effort(12, 12, 0.05), Effort(1.5, 3, 0.02)),
    "second_order": (second_order.compare, Effort(10, 12, 0.05), Effort(1.5, 3, 0.02)),
    "memory": (memory.compare, Effort(60, 12, 0.1), Effort(4, 2, 0.02)),
}
"""Each comparison, by name, with the effort that it is worth and that of `--quick`."""


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
    efforts = {name: COMPARISONS[name][2 if arguments.quick else 1] for name in names}
    results = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": report.machine(),
        "versions": report.versions(),
        "settings": {
            "quick": arguments.quick,
            "pause_seconds": PAUSE,
            "busy": BUSY,
            "effort": {name: effort._asdict() for name, effort in efforts.items()},
        },
    }
    results |= {name: COMPARISONS[name][0](effort, say) for name, effort in efforts.items()}
    results["seconds"] = round(time.perf_counter() - start)
    for table in report.tables(results):
        console.print(table)
    if not all(row["calm"] for name in names for row in results[name]):
        say("[red]others kept this machine busy, and some of these numbers are theirs: measure again[/]")
    say(f"written to {report.write(results, arguments.results)}")


if __name__ == "__main__":
    main()
