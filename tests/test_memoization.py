"""What memoization buys: counts against the computations themselves, and the record of both costs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import problem

from mlpjax import MLP, backprop, loss
from mlpjax.experiments.memoization import memoization
from mlpjax.experiments.scaling import exponent, growth
from mlpjax.experiments.timing import interleaved
from mlpjax.gradients import backprop_multiplications, path_multiplications

KEY = jax.random.key(0)
SIZES = [(1, 1), (3, 2), (4, 3, 2, 1), (2, 3, 4, 2), (5, 5, 5, 5, 5, 5)]


def multiplications_of(jaxpr) -> int:
    """How many numbers the products of a computation multiply: elementwise ones, and matrix products with all their terms."""
    count = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            ((contracted, _), _), shape = equation.params["dimension_numbers"], equation.invars[0].aval.shape
            count += equation.outvars[0].aval.size * int(np.prod([shape[axis] for axis in contracted]))
        if equation.primitive.name == "mul" and jnp.issubdtype(equation.outvars[0].aval.dtype, jnp.floating):
            count += equation.outvars[0].aval.size
        for parameter in equation.params.values():
            inner = getattr(parameter, "jaxpr", None)
            count += multiplications_of(inner) if inner is not None else 0
    return count


@pytest.mark.slow
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("n", [1, 7])
def test_the_multiplications_of_backprop_are_those_of_its_computation(sizes, n):
    """COST-backprop: definition, what backprop multiplies less the forward pass and the two products of BP1, 2 and a share."""
    mlp = MLP(sizes, "identity")
    params, x, y, *_ = problem(mlp, n=n)
    whole, forward = (
        multiplications_of(jax.make_jaxpr(lambda params, f=f: f(mlp, params, x, y))(params).jaxpr) for f in (backprop, loss)
    )
    assert whole - forward - 2 * y.size == backprop_multiplications(mlp, n)


def test_the_compiler_counts_as_many():
    """COST-backprop: XLA's own count for a large network, two operations a multiplication and addition, forward pass included."""
    mlp, n = MLP((256, 128, 192, 64), "identity"), 128
    params, x, y, *_ = problem(mlp, n=n)
    flops = jax.jit(backprop, static_argnames="mlp").lower(mlp, params, x, y).compile().cost_analysis()["flops"]
    forward = n * (256 * 128 + 128 * 192 + 192 * 64)
    np.testing.assert_allclose(flops, 2 * (forward + backprop_multiplications(mlp, n)), rtol=0.02)


def test_each_layer_more_adds_as_much_as_the_last():
    """COST-backprop: invariant, linear in the depth and in the examples; and its edge, one layer."""
    counts = [backprop_multiplications(MLP((7,) * (depth + 1)), n=3) for depth in range(1, 30)]
    assert counts[0] == 3 * 7 * 7
    assert set(np.diff(counts)) == {3 * (2 * 7 * 7 + 7)}
    assert backprop_multiplications(MLP((4, 3, 2, 1)), n=5) == 5 * 33


def paths_by_layers_left(width, depth):
    return sum(width ** (c + 1) * (width * (2 * c + 1) + 2 * c) for c in range(depth))


@pytest.mark.parametrize("width", [1, 2, 3, 8])
def test_each_layer_more_multiplies_by_its_width(width):
    """COST-path_sum: definition for square networks; invariant, the factor a layer tends to the width; edge, one layer."""
    counts = [path_multiplications(MLP((width,) * (depth + 1))) for depth in range(1, 201)]
    assert counts == [paths_by_layers_left(width, depth) for depth in range(1, 201)]
    assert counts[0] == backprop_multiplications(MLP((width, width)))
    assert all(path > backprop_multiplications(MLP((width,) * (depth + 1))) for depth, path in enumerate(counts[1:], 2))
    assert 1 < counts[-1] / counts[-2] / width < 1.011
    if width > 1:
        last = [width**depth * (width * (2 * depth - 1) + 2 * (depth - 1)) for depth in range(1, 201)]
        assert all(term <= count <= 2 * term for term, count in zip(last, counts, strict=True))


@pytest.mark.slow
def test_a_record_of_both_costs():
    record = memoization(KEY, depths=(1, 2, 12), widths=(2, 3), n=2, most_paths=100, rounds=2)
    assert record.path_multiplications[1].tolist() == [2 * path_multiplications(MLP((width,) * 3)) for width in (2, 3)]
    assert record.backprop_multiplications[2].tolist() == [2 * backprop_multiplications(MLP((width,) * 13)) for width in (2, 3)]
    assert np.isnan(record.path_seconds).tolist() == [[False, False], [False, False], [True, True]]
    assert (record.path_seconds[:2] > 0).all()
    assert (record.backprop_seconds > 0).all()
    assert growth(record.depths, record.path_multiplications)[1] > 2.5
    assert (exponent(record.depths, record.backprop_multiplications) < 1.4).all()


def test_laws_are_read_off_their_logarithms():
    x = np.array([1.0, 2.0, 3.0, 5.0])
    np.testing.assert_allclose(exponent(x, np.stack([4 * x**1.5, 7 / x], axis=1)), [1.5, -1], rtol=1e-12)
    np.testing.assert_allclose(growth(x, np.stack([4 * 1.5**x, 7 * 0.5**x], axis=1)), [1.5, 0.5], rtol=1e-12)
    np.testing.assert_allclose(growth(x - 1, 3.0**x), 3, rtol=1e-12)
    np.testing.assert_allclose(exponent(x, [1.0, np.nan, 9.0, 25.0]), 2, rtol=1e-12)


def test_what_is_timed_takes_turns():
    order = []
    seconds = interleaved([lambda: order.append("A"), lambda: order.append("B")], rounds=2)
    assert "".join(order) == "AB" + "AB" * 2
    assert seconds.shape == (2, 2)
    assert (seconds > 0).all()


@pytest.mark.parametrize(("calls", "rounds"), [([], 3), ([lambda: 0], 0)])
def test_nothing_to_time_is_refused(calls, rounds):
    with pytest.raises(ValueError, match="one call or more and one round or more"):
        interleaved(calls, rounds)
