"""The estimators against scikit-learn's: the same data, seeds and parameters; the score of five folds, the time of a fit."""

import warnings
from typing import NamedTuple

import jax
import numpy as np
from sklearn import datasets, neural_network
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.timing import Contenders, Effort, interleaved
from mlpjax import sklearn as ours

EPOCHS = 200
"""scikit-learn's default; nothing stops a fit that is timed sooner."""


class Case(NamedTuple):
    """A bundled data set in one precision, and the parameters that are not the defaults."""

    data: str
    dtype: str
    options: dict

    @property
    def kind(self) -> str:
        return "MLPRegressor" if self.data == "diabetes" else "MLPClassifier"

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        x, y = getattr(datasets, f"load_{self.data}")(return_X_y=True)
        return x.astype(self.dtype), (y - y.mean()) / y.std() if self.data == "diabetes" else y

    def estimator(self, module, **options):
        return getattr(module, self.kind)(**{"random_state": 0} | self.options | options)


CASES = (
    Case("digits", "float64", {}),
    Case("digits", "float32", {}),
    Case("digits", "float32", {"hidden_layer_sizes": (64, 32), "batch_size": 32}),
    Case("breast_cancer", "float64", {}),
    Case("wine", "float64", {}),
    Case("iris", "float64", {}),
    Case("diabetes", "float64", {}),
)


def compare(effort: Effort, say) -> list[dict]:
    """One result for each case."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 200 epochs are not always enough, as both say in the same words
        return [_one(case, effort, say) for case in CASES]


def _one(case: Case, effort: Effort, say) -> dict:
    say(f"sklearn: {case.data}, {case.dtype}, {case.options or 'defaults'}: five folds")
    scores = {name: _folds(case, module) for name, module in {"mlpjax": ours, "scikit-learn": neural_network}.items()}
    say(f"sklearn: {case.data}, {case.dtype}, {case.options or 'defaults'}: measuring")
    times = interleaved(_contenders(case), effort)
    return {
        "data": case.data,
        "dtype": case.dtype,
        "options": case.options,
        "epochs": EPOCHS,
        **times.counts(),
        "seconds": {name: round(float(np.median(seconds)), 4) for name, seconds in times.seconds.items()},
        "sklearn_over_mlpjax": {name: times.ratio("scikit-learn", name) for name in ("mlpjax", "mlpjax, compiling")},
        "score": {name: round(float(folds.mean()), 4) for name, folds in scores.items()},
        "spread_of_folds": round(float(scores["scikit-learn"].std()), 4),
        "largest_difference_of_a_fold": round(float(np.abs(scores["mlpjax"] - scores["scikit-learn"]).max()), 6),
    }


def _folds(case: Case, module) -> np.ndarray:
    return cross_val_score(make_pipeline(StandardScaler(), case.estimator(module)), *case.arrays(), cv=5)


def _contenders(case: Case) -> Contenders:
    x, y = case.arrays()
    x = StandardScaler().fit_transform(x)
    endless = {"max_iter": EPOCHS, "n_iter_no_change": np.inf}

    def compiling():
        jax.clear_caches()
        return case.estimator(ours, **endless).fit(x, y)

    return {
        "mlpjax": lambda: case.estimator(ours, **endless).fit(x, y),
        "scikit-learn": lambda: case.estimator(neural_network, **endless).fit(x, y),
        "mlpjax, compiling": compiling,  # the last, so that the next round finds the first compiled
    }
