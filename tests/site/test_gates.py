"""What must fail the build of the site does: each gate is tried on a small copy of the site that has one thing broken."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mkdocs", reason="the site is built with the docs extra: make docs-test")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CHAPTER = """# A chapter

What it says, and a [link](../index.md#a-section) to a section; FD is one too.

### FD · central differences

$$ \\frac{\\partial L}{\\partial p} \\approx \\frac{L(p + h) - L(p - h)}{2 h} $$

Code: `mlpjax.gradients.differences.finite_difference`. Source: Nocedal and Wright, 2006.

```python run
print(1 + 1)
```

```python figure
from drawings import Drawing

Drawing(100, 100).circle((50, 50)).show("A circle.")
```
"""
INDEX = "# Home\n\n## A section\n\nA [name][mlpjax.gradients.differences.finite_difference].\n"
REFERENCE = "# Reference\n\n::: mlpjax.gradients.differences\n    options:\n      show_root_toc_entry: false\n"
NOTEBOOK = """# %% [markdown]
# # A guide
#
# With $x^2$, and a [chapter](../book/chapter.md#FD).

# %% tags=["hide"]
import workplace  # noqa: F401

# %%
print(2 + 2)

# %% language="bash"
# echo a command
"""
SLOW_TEST = """import pytest


@pytest.mark.slow
def test_slowly():
    \"\"\"SLOW-only: an equation that no quick test names.\"\"\"
"""
PICTURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
WITHOUT_REFERENCE = "# the reference is left out"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A site of four pages, with the tools of the real one."""
    folder = tmp_path_factory.mktemp("site")
    for name in ("pyproject.toml", "README.md"):
        (folder / name).symlink_to(ROOT / name)
    for name in ("mlpjax", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "tests/test_slowly.py").write_text(SLOW_TEST)
    docs = folder / "docs"
    shutil.copytree(
        ROOT / "docs/tooling", docs / "tooling", symlinks=True, ignore=shutil.ignore_patterns("node_modules", "__pycache__")
    )
    (docs / "tooling/node_modules").symlink_to(ROOT / "docs/tooling/node_modules")
    for name in ("stylesheets", "javascripts", "assets"):
        shutil.copytree(ROOT / "docs" / name, docs / name)
    for path, text in {
        "book/chapter.md": CHAPTER,
        "index.md": INDEX,
        "reference.md": REFERENCE,
        "guides/guide.py": NOTEBOOK,
    }.items():
        (docs / path).parent.mkdir(exist_ok=True)
        (docs / path).write_text(text)
    settings = (ROOT / "mkdocs.yml").read_text().replace("  - docs/tooling/reference.py\n", f"  {WITHOUT_REFERENCE}\n")
    settings = settings[: settings.index("\nnav:")] + "\nnav: [index.md, book/chapter.md, guides/guide.py, reference.md]\n"
    (folder / "mkdocs.yml").write_text(settings)
    return folder


def build(folder: Path, address: str = "") -> subprocess.CompletedProcess:
    path = f"{folder / 'docs/tooling'}{os.pathsep}{folder}"
    environment = os.environ | {"PYTHONPATH": path, "NO_MKDOCS_2_WARNING": "1", "SITE_URL": address}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_a_sound_site_is_built(site):
    done = build(site)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (site / "site/book/chapter/index.html").read_text()
    assert 'class="equation-box"' in page
    assert "largest relative error" in page
    assert "<math" in page
    assert "$" not in re.sub(r"<script.*?</script>", "", page, flags=re.S)
    assert 'href="#FD"' in page or 'href="./#FD"' in page
    assert 'aria-label="A circle."' in page


def test_a_site_at_an_address_of_its_own(site):
    address = "https://example.org/some/where/"
    done = build(site, address)
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'href="/some/where/assets/' in (site / "site/404.html").read_text()
    assert f"<loc>{address}book/chapter/</loc>" in (site / "site/sitemap.xml").read_text()
    page = (site / "site/book/chapter/index.html").read_text()
    assert 'name="description" content="What it says, and a link to a section; FD is one too."' in page
    assert f'property="og:image" content="{address}assets/cards/book-chapter.png"' in page
    assert (site / "site/assets/cards/book-chapter.png").read_bytes().startswith(b"\x89PNG")


BROKEN = {
    "a link to a page that is not there": ("book/chapter.md", "../index.md#a-section", "nowhere.md", "nowhere.md"),
    "a link to a section that is not there": ("book/chapter.md", "#a-section", "#no-section", "no-section"),
    "a reference to a name that is not there": (
        "index.md",
        "differences.finite_difference",
        "differences.nothing",
        "differences.nothing",
    ),
    "a block that raises": ("book/chapter.md", "print(1 + 1)", "print(1 / 0)", "ZeroDivisionError"),
    "a block that does not run": ("book/chapter.md", "```python run", "```python", "does not run"),
    "a cell that raises": ("guides/guide.py", "print(2 + 2)", "print(2 / 0)", "ZeroDivisionError"),
    "a figure without words": ("book/chapter.md", '.show("A circle.")', '.show("")', "needs words"),
    "a formula that cannot be read": ("book/chapter.md", "\\approx", "\\approx \\nonsense{", "the formula"),
    "a formula that is none": ("book/chapter.md", "What it says", "What $x $ says", "is left of a formula"),
    "code that belongs to no equation": ("book/chapter.md", "### FD", "### Central", "belongs to no equation"),
    "an equation without code": (
        "book/chapter.md",
        "Code: `mlpjax.gradients.differences.finite_difference`.",
        "No code.",
        "names no code",
    ),
    "an equation whose code is not there": (
        "book/chapter.md",
        "differences.finite_difference`",
        "differences.nothing`",
        "does not exist",
    ),
    "an equation that its code does not name": (
        "book/chapter.md",
        "differences.finite_difference",
        "backprop.backprop",
        "no docstring",
    ),
    "an equation without a test": ("book/chapter.md", "### FD", "### BP9", "no test names"),
    "an equation that the build has no test to run for": (
        "book/chapter.md",
        "### FD",
        "### SLOW-only",
        "only slow tests name SLOW-only",
    ),
    "an equation whose test fails": (
        "../mlpjax/gradients/differences.py",
        " / (up[p] - down[p])",
        " / h[p]",
        "a test of an equation failed",
    ),
    "a page that is in no menu": ("mkdocs.yml", "book/chapter.md, ", "", "chapter.md"),
    "a command that fails": ("guides/guide.py", "# echo a command", "# false", "CalledProcessError"),
    "a command that may fail unseen": ("guides/guide.py", "print(2 + 2)", "# !echo unseen", "a command after !"),
    "a picture without words in a notebook": ("guides/guide.py", "print(2 + 2)", PICTURE, "has no words"),
    "a picture without words in a page": (
        "index.md",
        "## A section",
        "![](assets/favicon.svg)\n\n## A section",
        "no words",
    ),
    "a link of a notebook to a page that is not there": ("guides/guide.py", "book/chapter.md", "book/nowhere.md", "nowhere.md"),
    "a link of a notebook to a place that is not there": ("guides/guide.py", "#FD", "#BP7", "a place that is not on the page"),
    "a reference of a notebook that is left as it was written": (
        "guides/guide.py",
        "# With $x^2$",
        "# &#91;`it`][mlpjax.names], with $x^2$",
        "is left of a reference",
    ),
    "a link to a place in a notebook that is not there": (
        "index.md",
        "A [name]",
        "[A](guides/guide.py#nothing) [name]",
        "#nothing",
    ),
    "a link in plain HTML that leads nowhere": (
        "index.md",
        "A [name]",
        '<a href="nowhere.html">A</a> [name]',
        "leads to no file",
    ),
    "a public function without a docstring": (
        "../mlpjax/names.py",
        "import difflib",
        "import difflib\n\n\ndef undocumented():\n    return 1\n",
        "mlpjax.names.undocumented is public and documented nowhere",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_fault_fails_the_build(site, fault):
    name, sound, broken, told = BROKEN[fault]
    path = site / name if name == "mkdocs.yml" else site / "docs" / name
    text, settings = path.read_text(), (site / "mkdocs.yml").read_text()
    assert sound in text
    try:
        if "documented nowhere" in told:
            (site / "mkdocs.yml").write_text(settings.replace(WITHOUT_REFERENCE, "- docs/tooling/reference.py"))
        path.write_text(text.replace(sound, broken))
        done = build(site)
    finally:
        (site / "mkdocs.yml").write_text(settings)
        path.write_text(text)
    assert done.returncode != 0
    assert told in done.stdout + done.stderr
