"""What the tests of the equations measure in this build: one of each is run, where there is one against JAX's gradients."""

import re
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
        error: the largest relative error to what JAX differentiates, in float64; None where it compares with something else.
    """

    test: Source
    cases: int
    error: float | None


def gather() -> dict[str, Evidence]:
    """Evidence for every equation that a quick test names.

    Raises:
        RuntimeError: a test failed.
    """
    chosen = {
        equation.id: named[0] for equation in equations() if (named := tests_of(equation.id)) and "slow" not in named[0].marks
    }
    if not chosen:
        return {}
    cases = _run(sorted({f"{test.path}::{test.name}" for test in chosen.values()}))
    return {id: _evidence(id, test, cases[test.path, test.name]) for id, test in chosen.items()}


def _run(names: list[str]) -> dict[tuple[str, str], dict[str, float | None]]:
    """The error of each case of each test, by its parameters."""
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
        found: dict[tuple[str, str], dict[str, float | None]] = {}
        for case in ElementTree.parse(report).iter("testcase"):
            values = [float(property.attrib["value"]) for property in case.iter("property")]
            name, _, parameters = case.attrib["name"].partition("[")
            found.setdefault((case.attrib["file"], name), {})[parameters.removesuffix("]")] = max(values, default=None)
        return found


def _evidence(id: str, test: Source, cases: dict[str, float | None]) -> Evidence:
    """Of a family, such as ACT-elu, the cases of its own member, such as elu(0.5), where the parameters name it."""
    member = re.compile(rf"{re.escape(id.partition('-')[2])}(\([^()]*\))?")
    own = {parameters: error for parameters, error in cases.items() if any(map(member.fullmatch, parameters.split("-")))}
    errors = (own or cases).values()
    return Evidence(test, len(errors), max((error for error in errors if error is not None), default=None))
