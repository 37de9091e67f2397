"""The estimators in scikit-learn's company, and what they have that scikit-learn's have not."""

import functools
import pickle

import joblib
import numpy as np
import optax
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.metrics import mean_poisson_deviance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from support import quick

from mlpjax import activations
from mlpjax.sklearn import MLPClassifier, MLPRegressor, descent, numerics, stochastic, thin

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_iris(return_X_y=True)
X = scale(X)
PETAL, REST = X[:, 3], X[:, :3]


OPTIONS = {"hidden_layer_sizes": (8,), "batch_size": 30, "max_iter": 30, "learning_rate_init": 0.02, "random_state": 0}


def classifier(**options):
    return MLPClassifier(**OPTIONS | options)


def regressor(**options):
    return MLPRegressor(**OPTIONS | options)


@pytest.mark.slow
def test_in_a_pipeline_a_grid_and_two_processes():
    grid = {"mlpclassifier__alpha": [1e-4, 1e3], "mlpclassifier__learning_rate_init": [0.001, 0.02]}
    search = GridSearchCV(make_pipeline(StandardScaler(), classifier()), grid, cv=3, n_jobs=2).fit(X, Y)
    assert search.best_params_ == {"mlpclassifier__alpha": 1e-4, "mlpclassifier__learning_rate_init": 0.02}
    assert search.best_score_ > 0.9


def test_the_numbers_among_the_parameters_are_compiled_for_once():
    descent.descend.clear_cache()
    for options in (
        {"alpha": 1.0},
        {"learning_rate_init": 0.5},
        {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
        {"tol": 1.0, "n_iter_no_change": 2},
        {"max_iter": 40, "random_state": 1},
    ):
        classifier(**options).fit(X, Y)
    cross_val_score(classifier(), X, Y == 0, cv=4)  # 112 and 113 examples
    assert descent.descend._cache_size() == 2


def test_pickle_joblib_and_clone(tmp_path):
    model = classifier(batch_size=40).fit(X, Y)
    joblib.dump(model, tmp_path / "model")
    for copy in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model")):
        np.testing.assert_array_equal(copy.predict_proba(X), model.predict_proba(X))
        np.testing.assert_array_equal(copy.partial_fit(X, Y).coefs_[0], clone(model).fit(X, Y).partial_fit(X, Y).coefs_[0])
    assert not hasattr(clone(model), "coefs_")


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_matrix])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sparse_input_is_as_dense(container, solver):
    x = np.hstack([np.where(X > 0.5, X, 0), np.zeros((150, 20))])
    options = {"solver": solver, "early_stopping": solver == "adam", "max_iter": 8}
    dense, other = classifier(**options).fit(x, Y), classifier(**options).fit(container(x), Y)
    np.testing.assert_array_equal(dense.coefs_[0], other.coefs_[0])
    np.testing.assert_array_equal(dense.predict_proba(x), other.predict_proba(container(x)))
    assert not dense.early_stopping or dense.validation_scores_ == other.validation_scores_


def test_sparse_examples_take_the_memory_of_their_numbers():
    rows = stochastic.padded(sparse.random_array((500, 4000), density=0.002, format="csr"), np.ones((500, 1)), None, 500).x
    assert sum(array.nbytes for array in rows) < 0.02 * 500 * 4000 * 8
    full = sparse.csr_array(np.eye(8) + (np.arange(8) == 3)[:, None])
    np.testing.assert_array_equal(stochastic.padded(full, np.ones((8, 1)), None, 9).x[:8], full.toarray())


def test_a_dense_copy_that_does_not_fit_is_refused():
    huge = sparse.csr_array(([1.0, 1.0], ([0, 10**6 - 1], [0, 10**6 - 1])), shape=(10**6, 10**6))
    with pytest.raises(ValueError, match=r"\(1000000, 1000000\), would take 7450.6 GiB as a dense array.*TruncatedSVD"):
        thin.densified(huge)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, sparse.csc_array])
def test_prediction_goes_block_by_block(monkeypatch, container):
    model, shapes, whole = classifier(max_iter=2).fit(X, Y), [], numerics.predictions
    expected = model.predict_proba(X)
    monkeypatch.setattr(numerics, "BLOCK", 40 * 8 * 8)
    monkeypatch.setattr(numerics, "predictions", lambda mlp, params, x: shapes.append(x.shape) or whole(mlp, params, x))
    np.testing.assert_allclose(model.predict_proba(container(X)), expected, rtol=1e-12)
    assert shapes == [(32, 4)] * 5
    assert model.predict_proba(container(X[:1])).shape == (1, 3)


def test_ctrl_c_keeps_what_was_learned(monkeypatch):
    calls = []

    def interrupted(*args):
        if calls:
            raise KeyboardInterrupt
        calls.append(args)
        return descent.descend(*args)

    monkeypatch.setattr(stochastic, "descend", interrupted)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model = classifier(max_iter=200, tol=0).fit(X, Y)
    assert model.n_iter_ == len(model.loss_curve_) == stochastic.AT_ONCE
    assert model.score(X, Y) > 0.9


@pytest.mark.parametrize("name", quick(["leaky_relu(0.2)", "sin", "silu"], "leaky_relu(0.2)"))
def test_any_activation(name):
    assert classifier(activation=name).fit(X, Y).score(X, Y) > 0.85


def test_activations_by_layer_and_as_records():
    model = classifier(hidden_layer_sizes=(8, 6), activation=("logistic", activations.elu(0.5)), max_iter=60).fit(X, Y)
    assert model.score(X, Y) > 0.85
    with pytest.raises(ValueError, match="did you mean 'gelu'"):
        classifier(activation="gleu").fit(X, Y)


@pytest.mark.parametrize("name", ["nielsen", "orthogonal", "zeros"])
def test_any_initialiser(name):
    models = [classifier(initializer=name, max_iter=1).fit(X, Y) for _ in range(2)]
    np.testing.assert_array_equal(models[0].coefs_[0], models[1].coefs_[0])
    other = classifier(initializer=name, max_iter=1, random_state=1).fit(X, Y)
    assert (name == "zeros") == np.allclose(models[0].coefs_[0], other.coefs_[0], atol=0.03)


LOSSES = [
    "absolute_error", "hinge_loss", "sigmoid_binary_cross_entropy", "softmax_cross_entropy", "squared_error",
    "squared_error@sigmoid",
]  # fmt: skip


@pytest.mark.parametrize("name", quick(LOSSES, "hinge_loss", "squared_error@sigmoid"))
def test_any_loss_classifies(name):
    model = classifier(loss=name).fit(X, Y)
    assert model.score(X, Y) > 0.9
    if hasattr(model, "predict_proba"):
        np.testing.assert_array_equal(model.predict_proba(X).argmax(axis=1), model.predict(X))


@pytest.mark.parametrize("y", [Y == 2, np.eye(3, dtype=int)[Y]], ids=["two classes", "labels"])
def test_losses_of_signs_and_numbers_of_any_kind_of_classes(y):
    assert classifier(loss="hinge_loss").fit(X, y).score(X, y) > 0.8
    assert classifier(loss="squared_error@sigmoid", early_stopping=True).fit(X, y).best_validation_score_ > 0.8
    with pytest.raises(ValueError, match="use 'log_loss'"):
        classifier(loss="softmax_cross_entropy").fit(X, y)


def test_a_loss_of_signs_takes_the_class_of_the_largest_logit():
    model = classifier(loss="hinge_loss", max_iter=2).fit(X, Y)
    (W, V), (b, c) = model.coefs_, model.intercepts_
    np.testing.assert_array_equal(model.predict(X), np.argmax(np.maximum(X @ W + b, 0) @ V + c, axis=1))


NUMBERS = ["l2_loss", "absolute_error", "huber_loss(0.5)", "quantile_loss(0.5)", "squared_error@softplus"]


@pytest.mark.parametrize("name", quick(NUMBERS, "absolute_error", "squared_error@softplus"))
def test_losses_of_numbers(name):
    target = PETAL - PETAL.min()
    model = regressor(loss=name, max_iter=40).fit(REST, target)
    assert model.score(REST, target) > 0.85
    assert model.out_activation_ == ("softplus" if "@" in name else "identity")


def test_losses_of_counts_and_shares():
    counts = np.random.default_rng(0).poisson(np.exp(PETAL))
    rates = regressor(loss="poisson", max_iter=40).fit(X, counts)
    loss = rates.loss_ - rates.alpha / 2 / len(X) * sum((W**2).sum() for W in rates.coefs_)
    assert loss == pytest.approx(mean_poisson_deviance(counts, rates.predict(X)) / 2, rel=0.01)
    np.testing.assert_allclose(regressor(loss="poisson_loss", max_iter=40).fit(X, counts).predict(X), rates.predict(X))
    shares = 1 / (1 + np.exp(-PETAL))
    assert regressor(loss="sigmoid_binary_cross_entropy", max_iter=60).fit(REST, shares).score(REST, shares) > 0.85
    with pytest.raises(ValueError, match=r"y must hold numbers from 0 to 1 .*y\[0, 0\] is -"):
        regressor(loss="sigmoid_binary_cross_entropy").fit(REST, PETAL)


@pytest.mark.parametrize("name", ["hinge_loss", "softmax_cross_entropy_with_integer_labels"])
def test_a_regressor_refuses_losses_of_classes(name):
    with pytest.raises(ValueError, match="use MLPClassifier"):
        regressor(loss=name).fit(REST, PETAL)


def test_probabilities_only_of_losses_that_have_them():
    assert not hasattr(classifier(loss="hinge_loss"), "predict_proba")
    of_each = classifier(loss="sigmoid_binary_cross_entropy").fit(X, Y).predict_proba(X)
    np.testing.assert_allclose(of_each.sum(axis=1), 1)


def test_margins_of_losses_without_probabilities():
    two, three = (classifier(loss="hinge_loss", max_iter=5).fit(X, y) for y in (Y == 2, Y))
    np.testing.assert_array_equal(two.decision_function(X) > 0, two.predict(X))
    np.testing.assert_array_equal(three.decision_function(X).argmax(axis=1), three.predict(X))
    (W, V), (b, c) = two.coefs_, two.intercepts_
    np.testing.assert_allclose(two.decision_function(X), (np.maximum(X @ W + b, 0) @ V + c)[:, 0], atol=1e-12)
    assert OneVsRestClassifier(classifier(loss="hinge_loss")).fit(X, Y).score(X, Y) > 0.85
    assert CalibratedClassifierCV(classifier(loss="hinge_loss"), cv=2).fit(X, Y).predict_proba(X).shape == (150, 3)
    assert not hasattr(classifier(), "decision_function")


@pytest.mark.parametrize(("solver", "strength"), [("sgd", 1.0), ("adam", 10.0), (optax.adamw, 10.0)])
def test_l1_makes_weights_exactly_zero(solver, strength):
    noisy = np.hstack([X, np.random.default_rng(0).standard_normal((150, 20))])
    plain, sparse = (classifier(solver=solver, l1=l1, alpha=0, max_iter=100, tol=0).fit(noisy, Y) for l1 in (0, strength))
    assert (plain.coefs_[0] != 0).all()
    assert (sparse.coefs_[0] == 0).mean() > 0.5
    assert sparse.score(noisy, Y) > 0.9
    assert sparse.loss_ > strength / 30 * sum(abs(W).sum() for W in sparse.coefs_)


def test_l1_needs_more_than_l_bfgs():
    with pytest.raises(ValueError, match="L-BFGS needs a smooth penalty"):
        classifier(solver="lbfgs", l1=1.0).fit(X, Y)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_class_weights_multiply_the_weights_of_the_examples(solver):
    weights = np.linspace(0.5, 2, 150)
    of_classes = np.array([1.0, 5.0, 0.0])
    model = classifier(solver=solver, class_weight=dict(enumerate(of_classes))).fit(X, Y, weights)
    other = classifier(solver=solver).fit(X, Y, weights * of_classes[Y])
    np.testing.assert_array_equal(model.coefs_[0], other.coefs_[0])
    assert 2 not in model.predict(X)


def test_the_weight_of_a_class_not_yet_seen():
    names, weights = np.array(["a", "b", "c"]), {"b": 3.0, "c": 5.0}
    model = classifier(class_weight=weights).partial_fit(X[:70], names[Y[:70]], classes=names)
    other = classifier().partial_fit(X[:70], names[Y[:70]], np.where(Y[:70] == 1, 3.0, 1.0), names)
    np.testing.assert_array_equal(model.coefs_[0], other.coefs_[0])
    np.testing.assert_array_equal(
        model.partial_fit(X[:50], names[Y[:50]]).coefs_[0], other.partial_fit(X[:50], names[Y[:50]]).coefs_[0]
    )
    with pytest.raises(ValueError, match=r"The classes, \['b'\], are not in class_weight"):
        classifier(class_weight={"a": 1.0, "d": 1.0}).fit(X[:100], names[Y[:100]])


def test_balanced_classes():
    some = np.r_[0:110]  # 10 of the third class
    alike, balanced = (classifier(class_weight=weight, max_iter=10).fit(X[some], Y[some]) for weight in (None, "balanced"))
    assert (balanced.predict(X) == 2).sum() > (alike.predict(X) == 2).sum()
    with pytest.raises(ValueError, match="'balanced' is not supported for partial_fit"):
        balanced.partial_fit(X, Y, classes=[0, 1, 2])


SOLVERS = {
    "a name": "rmsprop",
    "a function of the rate": optax.adamw,
    "a part of one": functools.partial(optax.sgd, momentum=0.5),
    "an optimiser": optax.lion(0.01),
}


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_any_optimiser(solver):
    model = classifier(solver=solver, learning_rate_init=0.02, tol=0).fit(X, Y)
    assert model.score(X, Y) > 0.8
    assert model.partial_fit(X, Y).loss_curve_[-1] < model.loss_curve_[0]


def test_another_solver_starts_afresh_where_the_last_one_ended():
    model = classifier(solver="sgd").fit(X, Y)
    assert model.set_params(solver="adam").partial_fit(X, Y).loss_ < 0.2 * model.loss_curve_[0]
    assert model.t_ == 31 * 150


def test_an_unknown_solver_is_refused():
    with pytest.raises(ValueError, match="The 'solver' parameter of MLPClassifier must be"):
        classifier(solver="adamax").fit(X, Y)


@pytest.mark.parametrize("device", ["cpu", "cpu:0"])
def test_a_device_by_name(device):
    np.testing.assert_array_equal(classifier(device=device).fit(X, Y).predict(X), classifier().fit(X, Y).predict(X))


@pytest.mark.parametrize("device", ["abacus", "cpu:99", "cpu:one"])
def test_a_device_that_is_not_there(device):
    with pytest.raises(ValueError, match=f"or one of cpu:0; got '{device}'"):
        classifier(device=device).fit(X, Y)


def test_no_hidden_layer_is_logistic_regression():
    model = classifier(hidden_layer_sizes=(), solver="lbfgs", max_iter=500, alpha=1.0).fit(X, Y)
    assert model.n_layers_ == 2
    assert model.score(X, Y) > 0.95
