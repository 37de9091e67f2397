"""Bad input: what was expected, what came, what to do."""

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import optax
import pytest

from mlpjax import MLP, Layer, Penalty, deltas, epoch, fit, forward, init, initializers, loss, optimizers, predict
from mlpjax.gradients import METHODS, path_sum
from mlpjax.training import start

REGRESSION = MLP((3, 4, 1))
CLASSES = MLP((3, 4, 2), loss="softmax_cross_entropy_with_integer_labels")
X, Y, LABELS = np.ones((5, 3)), np.ones((5, 1)), np.array([0, 1, 0, 1, 1])
KEY = jax.random.key(0)
PARAMS = init(REGRESSION, KEY)


@pytest.fixture
def as_users_run_it():
    """Without the run-time type checks of the tests, which would speak first."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


SHAPES = [
    (REGRESSION, np.ones((5, 2)), Y, r"x must have shape \(n, 3\).*3 features.*got \(5, 2\)"),
    (REGRESSION, np.ones(3), Y, r"got \(3,\); for a single example pass x\[None, :\]"),
    (REGRESSION, np.ones((0, 3)), Y, r"x holds no examples: expected shape \(n, 3\).*got \(0, 3\)"),
    (REGRESSION, X, np.ones(5), r"y must have shape \(5, 1\) for squared_error.*got \(5,\); pass y\[:, None\]"),
    (REGRESSION, X, np.ones((4, 1)), r"y must have shape \(5, 1\).*got \(4, 1\)"),
    (
        CLASSES,
        X,
        np.ones((5, 2)),
        r"y must have shape \(5,\).*got \(5, 2\); pass y.argmax\(axis=1\), or use softmax_cross_entropy",
    ),
    (CLASSES, X, np.ones((5, 1), int), r"got \(5, 1\); pass y\[:, 0\]"),
    (
        MLP((3, 2), loss="softmax_cross_entropy"),
        X,
        LABELS,
        r"got \(5,\); for class labels use softmax_cross_entropy_with_integer_labels",
    ),
]


@pytest.mark.parametrize("function", [loss, *METHODS.values()], ids=["loss", *METHODS])
@pytest.mark.parametrize(("mlp", "x", "y", "message"), SHAPES)
def test_wrong_shapes(function, mlp, x, y, message):
    with pytest.raises(ValueError, match=message):
        function(mlp, init(mlp, KEY), x, y)


@pytest.mark.parametrize("function", [forward, predict])
@pytest.mark.parametrize("x", [np.ones((5, 2)), np.ones(3), np.ones((0, 3))])
def test_wrong_inputs(function, x):
    with pytest.raises(ValueError, match=r"^x "):
        function(REGRESSION, PARAMS, x)


def test_wrong_types():
    with pytest.raises(TypeError, match=r"integer class labels.*got dtype float"):
        loss(CLASSES, init(CLASSES, KEY), X, LABELS.astype(float))
    with pytest.raises(TypeError, match=r"x must hold real numbers, got dtype complex"):
        predict(REGRESSION, PARAMS, X + 1j)
    with pytest.raises(TypeError, match=r"y must hold real numbers for squared_error, got dtype complex"):
        loss(REGRESSION, PARAMS, X, Y + 1j)


def test_weights_of_another_length():
    with pytest.raises(ValueError, match=r"weights must have shape \(5,\).*got \(4,\)"):
        loss(REGRESSION, PARAMS, X, Y, weights=np.ones(4))


@pytest.mark.parametrize("function", [lambda p: predict(REGRESSION, p, X), lambda p: loss(REGRESSION, p, X, Y)])
def test_parameters_of_another_network(function):
    with pytest.raises(ValueError, match=r"params must have 2 layers.*got 1"):
        function(PARAMS[:1])
    turned = (Layer(PARAMS[0].W.T, PARAMS[0].b), PARAMS[1])
    with pytest.raises(
        ValueError, match=r"layer 1 .* must have W of shape \(3, 4\) and b of shape \(4,\), got \(4, 3\) and \(4,\)"
    ):
        function(turned)


@pytest.mark.parametrize(
    ("sizes", "error", "message"),
    [
        ((3,), ValueError, r"at least the number of inputs and of outputs.*got \(3,\)"),
        ((), ValueError, r"got \(\)"),
        ((3, 0, 1), ValueError, r"every size must be 1 or more, got \(3, 0, 1\)"),
        ((3, -2, 1), ValueError, r"every size must be 1 or more, got \(3, -2, 1\)"),
        ((3, 2.5, 1), TypeError, r"sizes must be whole numbers such as \(4, 3, 2, 1\), got \(3, 2.5, 1\)"),
    ],
)
def test_wrong_sizes(sizes, error, message):
    with pytest.raises(error, match=message):
        MLP(sizes)


def test_unknown_names():
    with pytest.raises(ValueError, match="unknown activation 'tahn': did you mean 'tanh'"):
        MLP((3, 2, 1), "tahn")
    with pytest.raises(ValueError, match="unknown loss 'squared': did you mean 'squared_error'"):
        MLP((3, 1), loss="squared")
    with pytest.raises(ValueError, match="unknown initializer 'he_nromal': did you mean 'he_normal'"):
        init(REGRESSION, KEY, "he_nromal")
    with pytest.raises(ValueError, match="unknown optimizer 'adma': did you mean 'adam'"):
        optimizers.named("adma", 0.1)
    with pytest.raises(ValueError, match=r"unknown initializer 'zzz'\. Known: .*orthogonal"):
        initializers.named("zzz")
    with pytest.raises(ValueError, match="learning rate must be a finite number above 0, got -1"):
        optimizers.named("sgd", -1)
    with pytest.raises(ValueError, match="one for each of 2 hidden layers, got 3"):
        MLP((3, 2, 2, 1), ["tanh"] * 3)


def fitted(mlp=REGRESSION, x=X, y=Y, **options):
    return fit(mlp, init(mlp, KEY), x, y, key=KEY, **options)


def with_value(array, place, value):
    array = array.astype(float)
    array[place] = value
    return array


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": with_value(X, (2, 1), np.nan)}, r"x must hold finite numbers; x\[2, 1\] is nan \(1 such of 15\)"),
        ({"x": with_value(X, (0, 0), np.inf)}, r"x\[0, 0\] is inf"),
        ({"y": with_value(Y, (4, 0), np.nan)}, r"y must hold finite numbers; y\[4, 0\] is nan"),
        ({"mlp": CLASSES, "y": np.array([0, 1, 2, 1, 0])}, r"whole numbers from 0 to 1 for 2 outputs .*; y\[2\] is 2"),
        ({"mlp": CLASSES, "y": np.array([0, 1, -1, 1, 0])}, r"y\[2\] is -1"),
        (
            {"mlp": MLP((3, 1), loss="hinge_loss"), "y": np.zeros((5, 1))},
            r"y must hold -1 or \+1 \(hinge_loss\); y\[0, 0\] is 0.0",
        ),
        ({"mlp": MLP((3, 1), loss="poisson_loss"), "y": -Y}, r"y must hold numbers of 0 or more \(poisson_loss\)"),
        ({"mlp": MLP((3, 1), loss="sigmoid_binary_cross_entropy"), "y": 2 * Y}, r"y must hold numbers from 0 to 1"),
        ({"x": np.ones((5, 4))}, r"x must have shape \(n, 3\)"),
        ({"y": np.ones(5)}, r"pass y\[:, None\]"),
        ({"x": np.ones((0, 3)), "y": np.ones((0, 1))}, r"x holds no examples"),
        ({"weights": -np.ones(5)}, r"weights must hold finite numbers of 0 or more; weights\[0\] is -1.0"),
        ({"batch_size": 0}, r"batch_size must be from 1 to 5, the number of examples; got 0"),
        ({"batch_size": 6}, r"batch_size must be from 1 to 5, the number of examples; got 6"),
        ({"epochs": 0}, r"epochs must be 1 or more, got 0"),
        ({"penalty": Penalty(l1=-0.1)}, r"the l1 penalty must be a finite number of 0 or more, got -0.1"),
        ({"penalty": Penalty(l2=-1.0)}, r"the l2 penalty must be a finite number of 0 or more, got -1.0"),
        ({"mlp": MLP((3, 4, 1), ("step",))}, r"hidden layer 1 has the activation 'step'.*perceptron_loss"),
    ],
)
def test_fit_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        fitted(**arguments)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"epochs": 2.0}, TypeError, "epochs must be a whole number, got 2.0"),
        ({"penalty": (0.1, 0.0)}, TypeError, r"penalty must be a Penalty\(l1=…, l2=…\), got \(0.1, 0.0\)"),
        ({"optimizer": ("adam",)}, TypeError, "optimizer must be an Optax transformation"),
    ],
)
def test_fit_refuses_options_of_the_wrong_type(as_users_run_it, options, error, message):
    with pytest.raises(error, match=message):
        fitted(**options)


def test_fit_refuses_to_start_from_nan():
    params = (PARAMS[0], Layer(PARAMS[1].W.at[2, 0].set(jnp.nan), PARAMS[1].b))
    with pytest.raises(ValueError, match=r"params, W of layer 2, must hold finite numbers; .*\[2, 0\] is nan"):
        fit(REGRESSION, params, X, Y, key=KEY)


def test_parameters_of_mixed_or_whole_number_types():
    mixed = (PARAMS[0], jax.tree.map(lambda p: p.astype(jnp.float32), PARAMS[1]))
    with pytest.raises(TypeError, match="W of layer 2 is float32, expected float64"):
        predict(REGRESSION, mixed, X)
    whole = jax.tree.map(lambda p: jnp.ones(p.shape, int), PARAMS)
    with pytest.raises(TypeError):
        predict(REGRESSION, whole, X)


def test_records_of_the_wrong_kind(as_users_run_it):
    with pytest.raises(TypeError, match=r"activation must be a name or a record such as mlpjax.activations.relu"):
        MLP((3, 4, 1), [jax.nn.relu])
    with pytest.raises(
        ValueError, match=r"precision must be one that jax.default_matmul_precision takes, or None; got 'hgihest'"
    ):
        MLP((3, 1), precision="hgihest")


def test_epoch_refuses_a_batch_larger_than_the_data():
    sgd = optax.sgd(0.1)
    with pytest.raises(ValueError, match="batch_size must be from 1 to 5"):
        epoch(REGRESSION, sgd, start(PARAMS, sgd, KEY), X, Y, batch_size=6)


def test_deltas_refuse_a_step():
    mlp = MLP((3, 4, 1), ("step",))
    with pytest.raises(ValueError, match="perceptron_loss"):
        deltas(mlp, PARAMS, forward(mlp, PARAMS, X), Y)


def test_path_sum_refuses_more_paths_than_it_can_follow():
    mlp = MLP((64, 256, 256, 256, 10))
    with pytest.raises(ValueError, match=r"has [\d,]+ paths, more than path_sum will follow .*use backprop"):
        path_sum(mlp, init(mlp, KEY), jnp.ones((1, 64)), jnp.ones((1, 10)))
