"""The prediction as a file for a process that has JAX and not this library."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export
from support import problem

from mlpjax import MLP, interop, predict
from mlpjax.data import Column, Preprocessing, Statistics, Target

RUN = """
import sys
sys.modules["mlpjax"] = sys.modules["optax"] = sys.modules["jaxtyping"] = None
import numpy as np
from jax import export
prediction = export.deserialize(open("prediction.jaxexport", "rb").read())
assert prediction.platforms == ("cpu", "cuda", "rocm", "tpu")
for rows in (1, 5):
    np.save(f"{rows}.npy", prediction.call(np.load("x.npy")[:rows]))
try:
    import mlpjax
except ImportError:
    print("without mlpjax")
"""


def table(classes=()):
    """The preprocessing of a number that may be missing and of a category."""
    columns = (Column("age", "numeric", missing=True), Column("city", "categorical", ("Lima", "Paris")))
    numbers = ([], []) if classes else ([300.0], [50.0])
    target = Target(("kind",) if classes else ("price",), classes)
    return Preprocessing(columns, Statistics(np.array([40.0]), np.array([10.0])), target, Statistics(*map(np.array, numbers)))


def test_in_a_process_that_has_only_jax(tmp_path):
    mlp = MLP((3, 4, 2), "gelu", "softmax_cross_entropy")
    params, x, *_ = problem(mlp, dtype=jnp.float32)
    (tmp_path / "prediction.jaxexport").write_bytes(interop.to_artifact(mlp, params))
    np.save(tmp_path / "x.npy", x)
    result = subprocess.run([sys.executable, "-c", RUN], cwd=tmp_path, capture_output=True, text=True)
    assert result.stdout.strip() == "without mlpjax", result.stderr
    for rows in (1, 5):
        np.testing.assert_allclose(np.load(tmp_path / f"{rows}.npy"), predict(mlp, params, x)[:rows], rtol=1e-6)


def test_with_the_preprocessing_it_takes_cells_and_gives_the_target_s_unit():
    mlp = MLP((4, 5, 1), "tanh")
    params = problem(mlp, dtype=jnp.float32)[0]
    cells = np.array([[50.0, 1.0], [np.nan, 0.0], [35.0, -1.0]], np.float32)
    features = jnp.array([[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0], [-0.5, 0.0, 0.0, 0.0]], jnp.float32)
    found = export.deserialize(interop.to_artifact(mlp, params, table())).call(cells)
    np.testing.assert_allclose(found, predict(mlp, params, features) * 50 + 300, rtol=1e-6)
    assert found.dtype == jnp.float32


def test_of_classes_it_gives_probabilities():
    mlp = MLP((4, 3), loss="softmax_cross_entropy_with_integer_labels")
    params = problem(mlp, dtype=jnp.float32)[0]
    found = export.deserialize(interop.to_artifact(mlp, params, table(("a", "b", "c")))).call(np.zeros((2, 2), np.float32))
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)


def test_what_does_not_fit(monkeypatch):
    mlp = MLP((3, 1))
    params = problem(mlp)[0]
    with pytest.raises(ValueError, match="the preprocessing makes 4 features and has 1 outputs, and the network's sizes are"):
        interop.to_artifact(mlp, params, table())
    with pytest.raises(ValueError, match="params must have 2 layers"):
        interop.to_artifact(MLP((3, 2, 1)), params)
    monkeypatch.setitem(sys.modules, "flatbuffers", None)
    with pytest.raises(ModuleNotFoundError, match="flatbuffers"):
        interop.to_artifact(mlp, params)


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.bfloat16])
def test_it_computes_in_the_dtype_of_the_parameters(dtype):
    mlp = MLP((3, 2))
    params, x, *_ = problem(mlp, dtype=dtype)
    found = export.deserialize(interop.to_artifact(mlp, params)).call(x)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, jax.jit(lambda x: predict(mlp, params, x))(x))
