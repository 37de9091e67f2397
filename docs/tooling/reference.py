"""The reference: a page for each rung of the ladder, each public name on it from its docstring."""

import ast
import logging
import re
from pathlib import Path

import commands
from mkdocs.structure.files import File
from sources import ROOT, defined, definitions, file_of, imports

log = logging.getLogger("mkdocs.hooks.reference")
PACKAGE = ROOT / "mlpjax"
TITLES = {
    "types": "Types", "names": "Names", "neuron": "One neuron", "activations": "Activations", "losses": "Losses",
    "metrics": "Metrics", "penalties": "Penalties", "initializers": "Initialisers", "optimizers": "Optimisers",
    "checks": "Checks", "network": "The network", "gradients": "Gradients", "propagation": "Variances on their way",
    "diagnosis": "Diagnosis", "line_search": "Line search", "training": "Training", "layerwise": "Layer by layer",
    "fitting": "Fitting", "callbacks": "Callbacks", "data": "Data", "files": "Files", "storage": "Save and load",
    "interop": "Other libraries", "selection": "Selection", "experiments": "Experiments", "plots": "Pictures",
    "sklearn": "scikit-learn", "runs": "Runs", "cli": "Command line",
}  # fmt: skip


def _modules(rung: str) -> list[str]:
    path = PACKAGE / rung
    if not path.is_dir():
        return [f"mlpjax.{rung}"]
    inner = sorted(file.stem for file in path.glob("*.py") if not file.stem.startswith("_"))
    return [f"mlpjax.{rung}", *(f"mlpjax.{rung}.{name}" for name in inner)]


def _summary(module: str) -> str:
    return (ast.get_docstring(ast.parse(file_of(module).read_text(encoding="utf-8"))) or "").partition("\n")[0]


BLOCK = """## {short} {{#module-{module}}}

::: {module}
    options:
      show_root_heading: false
      show_root_toc_entry: false
      heading_level: 3
      show_signature_annotations: {annotated}
"""
FIRST = """Every public name, by the rungs of the ladder: each imports only from those above it here. The options of
`mlpjax train` and of the other commands are under [Command line](cli.md).

## At the top level

What `from mlpjax import …` offers: {names}.

## By rungs

| page | what is in it |
|---|---|
"""


def _top_level() -> str:
    """The names that the package passes on, each with a link to where it is documented: types, functions, modules."""
    links = {}
    for name, dotted in imports(file_of("mlpjax")).items():
        if name in TITLES:
            links[2, name] = f"[`{name}`]({name}.md)"
        elif not name.startswith("_"):
            found = defined(dotted)
            module = found.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            links[int(name[0].islower()), name] = f"[`{name}`][{module}.{found.name}]"
    return ", ".join(links[kind] for kind in sorted(links))


def pages() -> dict[str, str]:
    """The text of every page of the reference, by its path."""
    texts = {}
    for rung, title in TITLES.items():
        blocks = [
            BLOCK.format(short=module.removeprefix("mlpjax."), module=module, annotated=rung != "cli")
            for module in _modules(rung)
        ]
        blocks[1:1] = [commands.markdown()] * (rung == "cli")
        texts[f"reference/{rung}.md"] = f"# {title}\n\n" + "\n".join(blocks)
    rows = [f"| [{title}]({rung}.md) | {_summary(f'mlpjax.{rung}')} |" for rung, title in TITLES.items()]
    texts["reference/index.md"] = "# Reference\n\n" + FIRST.format(names=_top_level()) + "\n".join([*rows, ""])
    return texts


def on_config(config):
    """Put the pages into the navigation."""
    rungs = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    for rung in sorted(rung for rung in rungs ^ set(TITLES) if not rung.startswith("_")):
        log.warning("reference: mlpjax.%s has %s", rung, "a page, and is not there" if rung in TITLES else "no page")
    entries = [{title: f"reference/{rung}.md"} for rung, title in TITLES.items()]
    config.nav.append({"Reference": ["reference/index.md", *entries]})


def on_files(files, config):
    """Put the pages among the files."""
    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_post_build(config):
    """A warning, which fails the strict build, for each public name that no page documents."""
    pages = "".join(path.read_text(encoding="utf-8") for path in Path(config.site_dir, "reference").rglob("*.html"))
    documented = set(re.findall(r'id="(mlpjax\.[\w.]+)"', pages))
    for rung in TITLES:
        for module in _modules(rung):
            for name in sorted(_public(module) - {dotted.removeprefix(f"{module}.") for dotted in documented}):
                log.warning("reference: %s.%s is public and documented nowhere", module, name)


def _public(module: str) -> set[str]:
    """The functions and classes of a module, and its values that have a docstring."""
    named = ast.parse(file_of(module).read_text(encoding="utf-8")).body
    functions = {node.name for node in named if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return {
        name
        for name, found in definitions(file_of(module)).items()
        if not name.startswith("_") and (name in functions or found.docstring)
    }
