"""The source of functions, records and tests, found by name or by the ids in their docstrings."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
HEADING = re.compile(r"^### ([A-Z][A-Z0-9]*(?:-\w+)?) · (.+)$", re.M)
NAME = re.compile(r"\b[A-Z][A-Z0-9]*(?:-\w+)?")


class Source(NamedTuple):
    """A definition and where it stands.

    Attributes:
        path: of its file, from the root of the project.
        name: of the function, class or record.
        text: of the definition, without its docstring.
        docstring: of the definition.
        marks: of a test, those that all its cases have.
    """

    path: str
    name: str
    text: str
    docstring: str
    marks: tuple[str, ...] = ()


def definitions(path: Path) -> dict[str, Source]:
    """Every function, class and record of a file."""
    return _definitions(path, path.stat().st_mtime_ns)


@functools.cache
def _definitions(path: Path, changed: int) -> dict[str, Source]:
    text = path.read_text(encoding="utf-8")
    lines, body = text.splitlines(), ast.parse(text).body
    found = {}
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = _definition(path, node.name, node, lines, ast.get_docstring(node) or "", _marks(node))
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                found[target.id] = _definition(path, target.id, node, lines, _string(after) or "")
    return found


def _definition(path: Path, name: str, node: ast.stmt, lines: list[str], docstring: str, marks: tuple[str, ...] = ()) -> Source:
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
    kept = set(range(first, node.end_lineno + 1))
    body = getattr(node, "body", [])
    if body and _string(body[0]) is not None:
        kept -= set(range(body[0].lineno, body[0].end_lineno + 1))
    text = "\n".join(lines[line - 1] for line in sorted(kept))
    return Source(str(path.relative_to(ROOT)), name, text, docstring, marks)


def _string(node: ast.stmt | None) -> str | None:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return node.value.value
    return None


def _marks(node: ast.stmt) -> tuple[str, ...]:
    decorators = [ast.unparse(decorator) for decorator in getattr(node, "decorator_list", [])]
    return tuple(text.removeprefix("pytest.mark.") for text in decorators if text.startswith("pytest.mark."))


def file_of(module: str) -> Path:
    """The file of a module or a package, if there is one."""
    path = ROOT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def defined(dotted: str) -> Source | None:
    """The definition of `mlpjax.gradients.backprop.deltas`, for a method that of its class, or None where there is none."""
    module, _, name = dotted.rpartition(".")
    path = file_of(module)
    if not path.is_file():
        return defined(module) if "." in module else None
    if found := definitions(path).get(name):
        return found
    exported = imports(path).get(name)
    return defined(exported) if exported else None


def imports(path: Path) -> dict[str, str]:
    """What a module passes on from others, by name."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    found = [node for node in body if isinstance(node, ast.ImportFrom) and node.module]
    return {alias.asname or alias.name: f"{node.module}.{alias.name}" for node in found for alias in node.names}


def state_of(*folders: str) -> tuple:
    """What is another value once a file of Python in these folders has changed."""
    files = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))
    return tuple((path, path.stat().st_mtime_ns) for path in files)


def tests_of(equation: str) -> list[Source]:
    """The tests whose docstrings name an equation: quick before slow, against JAX before by definition before others."""

    def rank(test):
        return "slow" in test.marks, "against_jax" not in test.marks, "definition" not in test.name + test.docstring

    return sorted(_tests(state_of("tests")).get(equation, ()), key=rank)


@functools.cache
def _tests(state: tuple) -> dict[str, list[Source]]:
    """The tests that name each equation, in the order of the files."""
    found: dict[str, list[Source]] = {}
    for path in sorted((ROOT / "tests").glob("test_*.py")):
        for name, source in definitions(path).items():
            if name.startswith("test_"):
                for equation in set(NAME.findall(source.docstring)):
                    found.setdefault(equation, []).append(source)
    return found


class Watched:
    """Folders of Python that are looked at again before each build."""

    def __init__(self, *folders: str):
        self.folders, self.state = folders, None

    def changed(self) -> bool:
        """Whether a file has changed since the last call; at the first, yes."""
        before, self.state = self.state, state_of(*self.folders)
        return before != self.state


class Equation(NamedTuple):
    """An equation of the book: its id, its title, its page."""

    id: str
    title: str
    page: str


def equations() -> Iterator[Equation]:
    """Every equation of the book, in its order."""
    docs = ROOT / "docs"
    for path in sorted(docs.rglob("*.md")):
        if "tooling" not in path.parts:
            for match in HEADING.finditer(path.read_text(encoding="utf-8")):
                yield Equation(match[1], match[2], path.relative_to(docs).as_posix())
