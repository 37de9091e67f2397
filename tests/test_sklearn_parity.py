"""The estimators against scikit-learn's, side by side: the same numbers, attributes, words and errors."""

import warnings

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning

from mlpjax.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
random = np.random.default_rng(0)
X = random.standard_normal((53, 5))
BINARY = np.where(X[:, 0] + random.standard_normal(53) > 0, "yes", "no")
FLAGS = (BINARY == "yes").astype(int)  # scikit-learn 1.7 cannot stop early on strings
CLASSES = np.digitize(X[:, 1] + 0.3 * random.standard_normal(53), [-0.5, 0.5]) * 10
LABELS = (X[:, :3] + random.standard_normal((53, 3)) > 0).astype(int)
NUMBERS = X @ random.standard_normal((5, 2)) + 1
COUNTS = random.poisson(np.exp(X[:, 0]))
WEIGHTS = random.uniform(0, 3, 53)

CASES = {
    "adam": (CLASSES, {}),
    "remainder": (CLASSES, {"batch_size": 16}),
    "one by one, in order": (BINARY, {"batch_size": 1, "shuffle": False, "max_iter": 2}),
    "labels": (LABELS, {"batch_size": 10, "activation": "tanh"}),
    "invscaling": (BINARY, {"solver": "sgd", "learning_rate": "invscaling", "batch_size": 20, "learning_rate_init": 0.5}),
    "adaptive": (BINARY, {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.02, "n_iter_no_change": 2, "max_iter": 200}),
    "momentum": (CLASSES, {"solver": "sgd", "nesterovs_momentum": False, "activation": "logistic", "learning_rate_init": 0.1}),
    "stops": (CLASSES, {"tol": 0.05, "n_iter_no_change": 3, "max_iter": 300, "learning_rate_init": 0.01}),
    "early stopping": (FLAGS, {"early_stopping": True, "validation_fraction": 0.3, "max_iter": 100, "n_iter_no_change": 5}),
    "early stopping, classes": (CLASSES, {"early_stopping": True, "validation_fraction": 0.3, "batch_size": 11}),
    "early stopping, labels": (LABELS, {"early_stopping": True, "validation_fraction": 0.3}),
    "plateau": (LABELS, {"early_stopping": True, "tol": 0, "n_iter_no_change": 2, "max_iter": 15}),
    "numbers": (NUMBERS[:, 0], {"activation": "identity", "hidden_layer_sizes": (4, 3), "alpha": 1.0}),
    "several numbers": (NUMBERS, {"batch_size": 25, "tol": 0.01, "max_iter": 60}),
    "early stopping, numbers": (NUMBERS, {"early_stopping": True, "validation_fraction": 0.2, "max_iter": 60}),
    "counts": (COUNTS, {"loss": "poisson", "batch_size": 30}),
    "L-BFGS": (CLASSES, {"solver": "lbfgs", "max_iter": 8}),
    "L-BFGS, counts": (COUNTS, {"solver": "lbfgs", "max_iter": 8, "loss": "poisson", "alpha": 0.5}),
}


def pair(y, **options):
    """scikit-learn's estimator and ours."""
    numeric = y is COUNTS or y.dtype == float
    name = "MLPRegressor" if numeric else "MLPClassifier"
    ours = MLPRegressor if numeric else MLPClassifier
    options = {"hidden_layer_sizes": (6,), "random_state": 3, "max_iter": 12} | options
    return getattr(neural_network, name)(**options), ours(**options)


def fitted(estimator, *args, **options):
    """The estimator, trained, and what warnings it gave."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(*args, **options)
    return estimator, [(warning.category, str(warning.message)) for warning in caught]


def same(theirs, ours, rtol=1e-9):
    """Every public attribute is there, of the same kind, and equal."""
    assert {name for name in vars(ours) if name.endswith("_")} == {name for name in vars(theirs) if name.endswith("_")}
    for name, expected in vars(theirs).items():
        if name.endswith("_"):
            close(getattr(ours, name), expected, name, rtol)


def close(got, expected, name, rtol):
    if isinstance(expected, list):
        assert len(got) == len(expected), name
        for one, other in zip(got, expected, strict=True):
            close(one, other, name, rtol)
    elif np.asarray(expected).dtype.kind == "f":
        assert isinstance(got, float) or got.dtype == expected.dtype, name
        np.testing.assert_allclose(got, expected, rtol, rtol, err_msg=name)
    else:
        np.testing.assert_array_equal(got, expected, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["alike", "weighted"])
@pytest.mark.parametrize("name", CASES)
def test_the_same_seed_gives_the_same_network(name, weights):
    y, options = CASES[name]
    theirs, ours = pair(y, **options)
    (theirs, expected), (ours, warned) = fitted(theirs, X, y, weights), fitted(ours, X, y, weights)
    same(theirs, ours)
    assert warned == expected
    close(ours.predict(X), theirs.predict(X), "predict", 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    "y", [BINARY, CLASSES, LABELS, NUMBERS, COUNTS], ids=["binary", "classes", "labels", "numbers", "counts"]
)
def test_float32_stays_float32(y):
    theirs, ours = (estimator.fit(X.astype(np.float32), y) for estimator in pair(y))
    same(theirs, ours, rtol=1e-2)
    predict = "predict" if y is NUMBERS or y is COUNTS else "predict_proba"
    for x in (X, X.astype(np.float32)):
        got, expected = getattr(ours, predict)(x), getattr(theirs, predict)(x)
        assert got.dtype == expected.dtype
        np.testing.assert_allclose(got, expected, atol=1e-4)


@pytest.mark.parametrize("name", ["stops", "adaptive", "early stopping"])
def test_it_says_what_scikit_learn_says(name, capsys):
    y, options = CASES[name]
    said = []
    for estimator in pair(y, **options, verbose=True):
        fitted(estimator, X, y)
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert "consecutive epochs." in said[1]


def test_partial_fit_and_warm_start_go_on_as_scikit_learn_s():
    theirs, ours = pair(CLASSES, batch_size=10, warm_start=True, max_iter=3)
    for estimator in (theirs, ours):
        fitted(estimator, X, CLASSES)
        for _ in range(3):
            estimator.partial_fit(X, CLASSES)
        fitted(estimator, X, CLASSES, WEIGHTS)
    same(theirs, ours)


def test_l_bfgs_computes_in_float64():
    """SciPy rounds the points of a search that begins in float32, which ours does not: hence few steps, and the tolerance."""
    theirs, ours = (estimator.fit(X.astype(np.float32), CLASSES) for estimator in pair(CLASSES, solver="lbfgs", max_iter=5))
    same(theirs, ours, rtol=1e-4)


def test_training_goes_on_in_the_precision_in_which_it_began():
    theirs, ours = pair(CLASSES)
    for estimator in (theirs, ours):
        for dtype in ("float32", "float64", "float32"):
            estimator.partial_fit(X.astype(dtype), CLASSES, classes=[0, 10, 20])
    same(theirs, ours, rtol=1e-3)


def test_a_second_fit_remembers_nothing_of_the_first():
    _, ours = pair(FLAGS, early_stopping=True, validation_fraction=0.3)
    first = ours.fit(X[:, :3], FLAGS).fit(X, FLAGS).coefs_[0]
    np.testing.assert_array_equal(first, pair(FLAGS, early_stopping=True, validation_fraction=0.3)[1].fit(X, FLAGS).coefs_[0])


def test_a_shared_generator_is_left_where_scikit_learn_leaves_it():
    y, options = CASES["stops"]
    states = [np.random.RandomState(0), np.random.RandomState(0)]
    for estimator, state in zip(pair(y, **options), states, strict=True):
        fitted(estimator.set_params(random_state=state), X, y)
    assert estimator.n_iter_ < options["max_iter"]
    assert states[0].randint(2**31) == states[1].randint(2**31)


def of_other_classes(estimator):
    estimator.set_params(warm_start=True).fit(X, CLASSES).fit(X, CLASSES + 1)


BAD = {
    "size": lambda e: e.set_params(hidden_layer_sizes=(3, -1)).fit(X, CLASSES),
    "alpha": lambda e: e.set_params(alpha=-1).fit(X, CLASSES),
    "momentum": lambda e: e.set_params(momentum="fast").fit(X, CLASSES),
    "schedule": lambda e: e.set_params(learning_rate="slow").fit(X, CLASSES),
    "max_iter": lambda e: e.set_params(max_iter=0).fit(X, CLASSES),
    "missing": lambda e: e.fit(np.where(X > 2, np.nan, X), CLASSES),
    "lengths": lambda e: e.fit(X, CLASSES[:-1]),
    "weights": lambda e: e.fit(X, CLASSES, WEIGHTS[:-1]),
    "features": lambda e: e.fit(X, CLASSES).predict(X[:, :-1]),
    "not fitted": lambda e: e.predict(X),
    "classes missing": lambda e: e.partial_fit(X, CLASSES),
    "classes new": lambda e: e.partial_fit(X, CLASSES, classes=[0, 10, 20]).partial_fit(X, CLASSES + 1),
    "classes other": of_other_classes,
    "partial, early": lambda e: e.set_params(early_stopping=True).partial_fit(X, CLASSES, classes=[0, 10, 20]),
    "partial, lbfgs": lambda e: e.set_params(solver="lbfgs").partial_fit(X, CLASSES),
    "held out": lambda e: e.set_params(early_stopping=True, validation_fraction=0.01).fit(X, CLASSES),
    "overflow": lambda e: e.fit(X * np.finfo(float).max / 1e3, CLASSES),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", BAD)
def test_it_refuses_as_scikit_learn_refuses(name):
    errors = []
    for estimator in pair(CLASSES):
        with pytest.raises((ValueError, TypeError, AttributeError)) as caught:
            BAD[name](estimator)
        errors.append(caught.value)
    assert type(errors[0]) is type(errors[1])
    assert str(errors[0]) == str(errors[1])


def test_a_batch_larger_than_the_data_is_clipped_with_a_warning():
    theirs, ours = pair(CLASSES, batch_size=100)
    (theirs, expected), (ours, warned) = fitted(theirs, X, CLASSES), fitted(ours, X, CLASSES)
    assert warned == expected
    assert {category for category, _ in warned} == {UserWarning, ConvergenceWarning}
    same(theirs, ours)
