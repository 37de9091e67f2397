"""The project itself: the ladder of imports, the ids of the equations, the words at the door, the README."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import mlpjax

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "mlpjax"
LADDER = [
    "types", "names", "neuron", "activations", "losses", "metrics", "penalties", "initializers", "optimizers", "checks",
    "network", "gradients", "propagation", "diagnosis", "line_search", "training", "layerwise", "fitting", "callbacks", "data",
    "files", "storage", "interop", "selection", "experiments", "plots", "sklearn", "runs", "cli", "__main__",
]  # fmt: skip
RUNG = {name: height for height, name in enumerate(LADDER)}
IDS = re.compile(
    r"\b(?:"
    r"(?:ACT|LOSS|INIT|ENCODE)-\w+|PENALTY(?:-\w+)?|DECODE|HEALTH-\w+|JACOBIAN|LSUV|VARIANCE-\w+|LINEAR-\w+|MASK-\w+|"
    r"ENSEMBLE|SELECT-\w+|COST-\w+|BIAS-VARIANCE|PX-\w+|NOISE-SCALE|TRACIN|JVP|HVP-\w+|GGN-\w+|FISHER|KFAC|LAPLACE|"
    r"INPUT-\w+|LAPLACIAN|EIKONAL|POISSON|SOBOLEV|APPLY|RECOMPUTE|LAYERWISE|BP\d|FM\d|FD|PATH|NEURON|LAYER|FORWARD|"
    r"PREDICT|MEAN|OBJECTIVE|STEP|BATCHES|EPOCH|FIT|ACCURACY|R2|CLASS-WEIGHTS|EARLY-STOPPING"
    r")\b"
)


def modules():
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


def rung(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """The rungs that a module imports from, whatever the spelling."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "mlpjax":
            parts = node.module.split(".")[1:]
            found |= {parts[0]} if parts else {alias.name for alias in node.names}
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("mlpjax.")}
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_rung_imports_only_from_rungs_below(path):
    here = rung(path)
    for other in imports(path):
        assert RUNG[other] < RUNG[here] or other == here, f"{here} imports from {other}, which is not below it"


def test_the_ladder_is_complete():
    assert {rung(path) for path in modules()} == set(LADDER)


def docstrings(path: Path) -> str:
    """Every docstring of a file, those under assignments too."""
    return "\n".join(
        node.value.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    )


def ids_in(paths) -> set[str]:
    return {found for path in paths for found in IDS.findall(docstrings(path))}


def test_every_equation_has_a_derivation_a_function_and_a_test():
    headings = re.findall(r"^### (\S+) · ", "".join(path.read_text() for path in (ROOT / "docs/book").glob("*.md")), re.M)
    derived = [heading for heading in headings if IDS.fullmatch(heading)]
    assert derived == headings, "a heading of the book has an id that is not known here"
    assert len(derived) == len(set(derived))
    assert set(derived) == ids_in(modules()) == ids_in((ROOT / "tests").glob("test_*.py"))


PARTS = ('class="question"', "\n\nThe notes ", "\n## Exercises\n", "\n## In short\n", "\n## Sources\n")


@pytest.mark.parametrize("path", sorted((ROOT / "docs/book").glob("[0-9]*.md")), ids=lambda path: path.stem)
def test_every_chapter_is_whole(path):
    """A question, a drawn figure, an example that runs, exercises whose solutions are checked, a summary, sources with links."""
    text = path.read_text()
    for part in PARTS:
        assert part in text, f"{path.name} has no {part.strip()}"
    assert re.search(r"^```python (run )?figure$", text, re.M)
    assert re.search(r"^```python run$", text, re.M)
    assert "](https://" in text.partition("\n## Sources\n")[2]
    exercises = text.partition("\n## Exercises\n")[2].partition("\n## In short\n")[0]
    solutions = exercises.split("\n??? ")[1:]
    assert len(solutions) == len(re.findall(r"^\*\*\d+\.\*\*", exercises, re.M)) >= 3
    for solution in solutions:
        check = solution.partition("    ```python check\n")[2]
        assert "assert " in check, f"{path.name}: nothing checks {solution[:80]}"


def public(path: Path):
    """The public functions, classes, methods and constants of a module, each with its docstring."""
    tree = ast.parse(path.read_text())
    for index, node in enumerate(tree.body):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, ast.get_docstring(node)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Call):
            name, after = node.targets[0].id, tree.body[index + 1] if index + 1 < len(tree.body) else None
            if name.islower() and not name.startswith("_"):
                yield name, isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and after.value.value


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_public_name_says_what_it_is(path):
    assert ast.get_docstring(ast.parse(path.read_text()))
    for name, text in public(path):
        if name not in ("app", "console"):
            assert text, f"{path.name}: {name} has no docstring"


def test_no_top_level_function_has_the_name_of_a_module():
    for name in set(LADDER) & set(vars(mlpjax)):
        assert isinstance(getattr(mlpjax, name), ModuleType)


def test_the_nouns_and_verbs_of_the_top_level():
    nouns = ["MLP", "Layer", "Params", "Trace", "Activation", "Loss", "Penalty", "State"]
    verbs = ["init", "forward", "predict", "loss", "deltas", "layer_gradients", "backprop", "autodiff", "step", "epoch", "fit"]
    assert {*nouns, *verbs, "save", "load"} <= set(vars(mlpjax))


def test_the_run_time_dependencies_are_few():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[<>=!~\[ ]", requirement)[0] for requirement in project["dependencies"]}
    assert names == {"jax", "jaxlib", "optax", "jaxtyping", "numpy"}


def test_import_and_training_need_no_extras():
    result = subprocess.run([sys.executable, str(ROOT / "tests/base_dependencies.py")], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def blocks(path: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", path.read_text(), re.M | re.S)


@pytest.mark.parametrize("number", range(len(blocks(ROOT / "README.md"))))
def test_the_readme_s_examples_run(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks(ROOT / "README.md")[number], f"README.md, block {number + 1}", "exec"), {})


def test_the_readme_shows_the_two_commands_and_a_picture():
    text = (ROOT / "README.md").read_text()
    assert "make train" in text
    assert "make test" in text
    for picture in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text):
        assert (ROOT / picture).is_file()


def test_versions_agree():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert mlpjax.__version__ == version
    assert f"version: {version}" in (ROOT / "CITATION.cff").read_text()


ARGUMENTS = re.compile(r"^Args:\n((?:[ ]{4,}.*\n?|\n(?=[ ]{4}))+)", re.M)


def described(function: ast.FunctionDef) -> list[str]:
    """The names under "Args" in the docstring of a function, those that share a line too."""
    section = ARGUMENTS.search(ast.get_docstring(function) or "")
    lines = section[1].splitlines() if section else []
    heads = [line.strip().partition(": ")[0] for line in lines if re.match(r" {4}\S.*: ", line)]
    return [name.strip(" *") for head in heads for name in head.split(",")]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_docstring_describes_an_argument_that_does_not_exist(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            arguments = node.args
            taken = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
            unknown = set(described(node)) - {argument.arg for argument in taken if argument}
            assert not unknown, f"{path.name}: the docstring of {node.name} describes {', '.join(sorted(unknown))}"
