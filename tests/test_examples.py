"""The examples under examples/ run, and do what they say."""

import runpy
from pathlib import Path

import pytest
from support import quick

EXAMPLES = Path(__file__).parent.parent / "examples"
NEEDS = {"blackjax_log_density": "blackjax"}
"""What an example needs that not everybody who tests has."""

GOOD = {
    "equinox_model": lambda before, after: after < 0.05 * before,
    "nnx_model": lambda before, after: after < 0.05 * before,
    "optax_loop": lambda before, after: after < 0.1 * before,
    "blackjax_log_density": lambda among, beyond: among < 0.2 < 1 < beyond,
}
"""What the two numbers of an example's `main` must be."""


@pytest.mark.parametrize("name", quick(GOOD, "equinox_model", "optax_loop"))
def test_example(name):
    pytest.importorskip(NEEDS.get(name, "jax"))
    main = runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]
    assert GOOD[name](*main())


def test_each_example_is_tested():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(GOOD)
