"""scikit-learn's own tests of its estimators, as installed, with ours in their place."""

import importlib.util
from pathlib import Path
from unittest import mock

import pytest
from sklearn import neural_network

from mlpjax.sklearn import MLPClassifier, MLPRegressor

LEFT_OUT = {"test_gradient": "it calls the private _loss_grad_lbfgs"}


def with_ours():
    """The installed test file, imported while our classes stand in for scikit-learn's."""
    path = Path(neural_network.__file__).parent / "tests" / "test_mlp.py"
    spec = importlib.util.spec_from_file_location("sklearn_test_mlp", path)
    module = importlib.util.module_from_spec(spec)
    with mock.patch.multiple(neural_network, MLPClassifier=MLPClassifier, MLPRegressor=MLPRegressor):
        spec.loader.exec_module(module)
    return module


theirs = with_ours()
globals().update(
    {name: test for name, test in vars(theirs).items() if name.startswith("test_") and name not in LEFT_OUT and callable(test)}
)
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")]


@pytest.fixture
def global_random_seed():
    return 42


def test_their_file_tests_our_classes():
    assert (theirs.MLPClassifier, theirs.MLPRegressor) == (MLPClassifier, MLPRegressor)
    assert LEFT_OUT.keys() <= vars(theirs).keys()
    assert sum(name.startswith("test_") for name in vars(theirs)) > 40
