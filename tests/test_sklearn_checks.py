"""scikit-learn's checks of any estimator."""

import jax
import pytest
from sklearn import neural_network
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from mlpjax.sklearn import MLPClassifier, MLPRegressor

BOTH = [(MLPClassifier, neural_network.MLPClassifier), (MLPRegressor, neural_network.MLPRegressor)]


@pytest.fixture(scope="module", autouse=True)
def quickly_compiled():
    """The checks are of conduct, on many small shapes: compiling takes longer than computing."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([MLPClassifier(), MLPRegressor()])
def test_scikit_learn_s_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(("ours", "theirs"), BOTH)
def test_the_parameters_and_their_defaults_are_scikit_learn_s(ours, theirs):
    defaults = ours().get_params()
    added = {"l1", "initializer", "device"} | ({"loss", "class_weight"} if ours is MLPClassifier else set())
    assert defaults.keys() - theirs().get_params().keys() == added
    assert {name: defaults[name] for name in theirs().get_params()} == theirs().get_params()


@pytest.mark.parametrize(("ours", "theirs"), BOTH)
def test_positional_parameters_come_in_the_same_order(ours, theirs):
    first = ("poisson", (3,), "tanh")[-2 if ours is MLPClassifier else -3 :]
    assert {name: ours(*first).get_params()[name] for name in theirs().get_params()} == theirs(*first).get_params()


@pytest.mark.parametrize(("ours", "theirs"), BOTH)
def test_the_tags_are_scikit_learn_s(ours, theirs):
    assert get_tags(ours()) == get_tags(theirs())
