"""What the tests of the equations measure in this build: one test of each is run, and its largest relative error kept."""

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NamedTuple

from sources import ROOT, Source, equations, tests_of


class Evidence(NamedTuple):
    """What one test of an equation found.

    Attributes:
        test: the test.
        cases: how many sets of parameters it ran with.
        error: the largest relative error among its comparisons in float64; None where it compares in another way.
    """

    test: Source
    cases: int
    error: float | None


def gather() -> dict[str, Evidence]:
    """Evidence for every equation that a quick test names.

    Raises:
        RuntimeError: a test failed.
    """
    chosen = {equation.id: named[0] for equation in equations() if (named := tests_of(equation.id)) and not named[0].slow}
    if not chosen:
        return {}
    cases = _run(sorted({f"{test.path}::{test.name}" for test in chosen.values()}))
    return {id: _evidence(test, cases) for id, test in chosen.items() if (test.path, test.name) in cases}


def _run(names: list[str]) -> dict[tuple[str, str], list[float | None]]:
    """The errors of each case of each test."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n",
            "auto",
            "-m",
            "not slow",
            "-o",
            "junit_family=xunit1",
            f"--junitxml={report}",
        ]
        run = subprocess.run([*command, *names], cwd=ROOT, capture_output=True, text=True)
        if run.returncode:
            raise RuntimeError(f"a test of an equation failed:\n{run.stdout[-4000:]}{run.stderr[-2000:]}")
        found: dict[tuple[str, str], list[float | None]] = {}
        for case in ElementTree.parse(report).iter("testcase"):
            values = [float(property.attrib["value"]) for property in case.iter("property")]
            found.setdefault((case.attrib["file"], case.attrib["name"].partition("[")[0]), []).append(max(values, default=None))
        return found


def _evidence(test: Source, cases: dict[tuple[str, str], list[float | None]]) -> Evidence:
    errors = cases[test.path, test.name]
    return Evidence(test, len(errors), max((error for error in errors if error is not None), default=None))
