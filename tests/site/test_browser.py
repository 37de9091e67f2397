"""What must fail the look at the built site in a browser does: each fault is tried on a page of its own."""

import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLING = ROOT / "docs/tooling"
NO_CHROMIUM = 2
"""What the browser's script leaves with, after it has said so."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (TOOLING / "node_modules").is_dir(), reason="needs Node's packages: make docs-test"),
]

PAGE = """<!doctype html>
<html lang="en" data-laid-out>
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>A page</title>
<link rel="icon" href="data:,"></head>
<body><main><article><h1>A page</h1><p>Some words, <a href="/sound/">a link</a>, a <code>\\begin{{code}}</code>.</p>
{fault}</article></main></body>
</html>
"""
FAULTS = {
    "another-host": ('<script src="http://127.0.0.2:9/nowhere.js"></script>', "asks another host"),
    "missing-file": ('<img src="/nowhere.png" alt="Nothing">', "404 for"),
    "console": ("<script>console.error('a message')</script>", "console: a message"),
    "exception": ("<script>setTimeout(() => nonsense(), 0)</script>", "nonsense is not defined"),
    "raw-tex": ("<p>The loss is \\(x^2\\), or $$x$$.</p>", "raw TeX"),
    "failed-formula": ('<p><span class="temml-error">x_</span></p>', "a formula failed: x_"),
    "too-wide": ('<div style="width: 2000px">wide</div>', "scrolls sideways"),
    "too-wide-on-a-phone": ('<div style="width: 600px">wide</div>', "light 390 px: the page scrolls sideways"),
    "unnamed-button": ("<button></button>", "axe: button-name"),
    "pale": ('<p style="color: #bbb">hard to read</p>', "axe: color-contrast"),
    "pale-in-the-dark": (
        "<style>@media (prefers-color-scheme: dark) { p { color: #eee } }</style>",
        "dark 1280 px: axe: color-contrast",
    ),
    "pale-when-unfolded": (
        '<details><summary>More</summary><p style="color: #bbb">hard to read</p></details>',
        "axe: color-contrast",
    ),
    "out-of-reach": ('<a href="/sound/" tabindex="-1">not by keyboard</a>', "the keyboard does not reach"),
    "scrolls-out-of-reach": (
        '<div style="overflow-x: auto; width: 100px"><p style="width: 300px">words</p></div>',
        "the keyboard does not reach scrolls",
    ),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> str:
    """What the look at a sound page and at one with each fault says."""
    site = tmp_path_factory.mktemp("site")
    for name, fault in {"sound": "", **{name: fault for name, (fault, _) in FAULTS.items()}}.items():
        (site / name).mkdir()
        (site / name / "index.html").write_text(PAGE.format(fault=fault), encoding="utf-8")
    done = subprocess.run(["node", TOOLING / "browser.mjs", site], capture_output=True, text=True)
    if done.returncode == NO_CHROMIUM:
        pytest.skip(done.stderr)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def test_a_sound_page_has_no_faults(said):
    assert "/sound/ " not in said


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_seen(said, name):
    told = [line for line in said.splitlines() if line.startswith(f"✗ /{name}/ ")]
    assert any(FAULTS[name][1] in line for line in told), json.dumps(told or said, indent=1)
