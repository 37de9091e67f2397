import jax
import pytest

jax.config.update("jax_enable_x64", True)


@pytest.fixture(scope="module", autouse=True)
def fresh_caches():
    """Thousands of compiled functions in one process run into the limit on its memory maps."""
    yield
    jax.clear_caches()
