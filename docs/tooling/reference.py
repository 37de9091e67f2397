"""The reference: a page for each rung of the ladder, each public name on it from its docstring."""

import ast

from mkdocs.structure.files import File
from sources import ROOT, file_of

PACKAGE = ROOT / "mlpjax"
TITLES = {
    "types": "Types", "neuron": "One neuron", "activations": "Activations", "losses": "Losses", "metrics": "Metrics",
    "penalties": "Penalties", "initializers": "Initialisers", "optimizers": "Optimisers", "network": "The network",
    "gradients": "Gradients", "propagation": "Variances on their way", "diagnosis": "Diagnosis", "training": "Training",
    "layerwise": "Layer by layer", "fitting": "Fitting", "callbacks": "Callbacks", "data": "Data", "storage": "Save and load",
    "interop": "Other libraries", "selection": "Selection", "experiments": "Experiments", "plots": "Pictures",
    "sklearn": "scikit-learn", "runs": "Runs", "cli": "Command line", "checks": "Checks", "files": "Files",
    "line_search": "Line search", "names": "Names",
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
"""
FIRST = "Every public name, by the rungs of the ladder: each imports only from those above it here."


def pages() -> dict[str, str]:
    """The text of every page of the reference, by its path."""
    texts = {}
    for rung, title in TITLES.items():
        blocks = [BLOCK.format(short=module.removeprefix("mlpjax."), module=module) for module in _modules(rung)]
        texts[f"reference/{rung}.md"] = f"# {title}\n\n" + "\n".join(blocks)
    rows = [f"| [{title}]({rung}.md) | {_summary(f'mlpjax.{rung}')} |" for rung, title in TITLES.items()]
    texts["reference/index.md"] = "\n".join(["# Reference", "", FIRST, "", "| | |", "|---|---|", *rows, ""])
    return texts


def on_config(config):
    """Put the pages into the navigation."""
    entries = [{title: f"reference/{rung}.md"} for rung, title in TITLES.items()]
    config.nav.append({"Reference": ["reference/index.md", *entries]})


def on_files(files, config):
    """Put the pages among the files."""
    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files
