import jax
import pytest
import support

jax.config.update("jax_enable_x64", True)


def pytest_configure(config):
    """What was compiled once is kept beside pytest's own cache: the second run takes a third of the time of the first."""
    if hasattr(config, "cache"):
        jax.config.update("jax_compilation_cache_dir", str(config.cache.mkdir("xla")))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def pytest_collection_modifyitems(items):
    """The examples in the documentation of experiments and of selection train many networks."""
    for item in items:
        if item.nodeid.startswith(("mlpjax/experiments/", "mlpjax/selection/")):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="module", autouse=True)
def fresh_caches():
    """Thousands of compiled functions in one process run into the limit on its memory maps."""
    yield
    jax.clear_caches()


@pytest.fixture(autouse=True)
def largest_error(request, record_property):
    """How far a test found us from JAX goes into the report, where `--junitxml` asks for one."""
    support.ERRORS.clear()
    yield
    if request.node.get_closest_marker("against_jax"):
        assert support.ERRORS, "a test marked against_jax measures with relative_error, in float64"
        record_property("relative_error", max(support.ERRORS))
