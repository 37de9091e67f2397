# %% [markdown]
# # Inside a scikit-learn pipeline
#
# At the end of this page you have a network in a pipeline that scales, imputes and encodes a table, its quality by
# cross-validation, and its penalty by grid search. `mlpjax.sklearn.MLPClassifier` and `MLPRegressor` take the parameters of
# scikit-learn's own, have its attributes and raise its errors, so they go wherever those go. Use them where scikit-learn
# is in use already. With a file and no program, [the command line](table.py) does all of this by itself; in a JAX program
# [`fit`][mlpjax.fitting.memory.fit] gives more control. To install both: `pip install 'mlpjax[sklearn]'`.

# %% tags=["hide"]
from figures import DELTA, INK, A, embedded, subplots

# %% [markdown]
# ## Scale first
#
# The same network twice, on the raw columns and behind a `StandardScaler`. Its inputs are thirty measurements of cell nuclei,
# some in thousands and some in thousandths.

# %%
import textwrap
import warnings

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlpjax.sklearn import MLPClassifier

x, y = load_breast_cancer(return_X_y=True, as_frame=True)
split = train_test_split(x, y, stratify=y, random_state=0)
x_train, x_test, y_train, y_test = split
network = MLPClassifier((16,), learning_rate_init=0.01, tol=1e-3, random_state=0)

raw = MLPClassifier(**network.get_params()).fit(x_train, y_train)
model = make_pipeline(StandardScaler(), network).fit(x_train, y_train)
scaled = model[-1]
share = y_test.value_counts(normalize=True).max()
on_raw, on_scaled = raw.score(x_test, y_test), model.score(x_test, y_test)
print(f"accuracy of the most frequent class {share:.3f}")
print(f"accuracy on raw columns {on_raw:.3f}")
print(f"accuracy on scaled columns {on_scaled:.3f}")

# %% tags=["hide"]
figure, axes = subplots(figsize=(5.4, 3))
for name, fitted, colour in (("raw", raw, DELTA), ("scaled", scaled, A)):
    axes.semilogy(range(1, fitted.n_iter_ + 1), fitted.loss_curve_, color=colour, label=name)
axes.set(xlabel="epoch", ylabel="training loss")
axes.legend()
embedded(
    figure,
    f"The training loss. On raw columns it goes from {raw.loss_curve_[0]:.2g} to {raw.loss_:.2g} in {raw.n_iter_} epochs, "
    f"scaled from {scaled.loss_curve_[0]:.2g} to {scaled.loss_:.2g} in {scaled.n_iter_}.",
    "<code>loss_curve_</code> has the loss with the penalty after each epoch, <code>n_iter_</code> how many there were.",
)

# %% [markdown]
# Training stops when the loss has not improved by `tol` for `n_iter_no_change` epochs. If it has not by `max_iter`, there is
# the warning that scikit-learn gives:

# %%
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    short = MLPClassifier((16,), max_iter=5)
    make_pipeline(StandardScaler(), short).fit(x_train, y_train)
told = f"{caught[0].category.__name__}: {caught[0].message}"
print(textwrap.fill(told, 80))

# %% [markdown]
# ## Columns of several kinds
#
# A `ColumnTransformer` sends numbers through an imputer and a scaler and categories through a one-hot encoding. Here is a
# table with gaps in a column, and a category.

# %%
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder

random = np.random.default_rng(0)
n = 600
houses = pd.DataFrame(
    {
        "area": random.uniform(40, 250, n).round(),
        "rooms": random.integers(1, 8, n),
        "district": random.choice(["harbour", "hill", "old town"], n),
    }
)
worth = houses["district"].map({"harbour": 2.4, "hill": 1.8, "old town": 3.1})
price = houses["area"] * worth + 20 * np.sqrt(houses["rooms"])
price += random.normal(0, 20, n)
houses.loc[::17, "area"] = np.nan
houses.head(3)

# %%
from sklearn.compose import TransformedTargetRegressor

from mlpjax.sklearn import MLPRegressor

numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
columns = make_column_transformer(
    (numbers, ["area", "rooms"]),
    (OneHotEncoder(handle_unknown="ignore"), ["district"]),
)
regressor = MLPRegressor(
    hidden_layer_sizes=(32,),
    learning_rate_init=0.01,
    random_state=0,
)
pipeline = make_pipeline(columns, regressor)
prices = TransformedTargetRegressor(pipeline, transformer=StandardScaler())

# %% [markdown]
# `TransformedTargetRegressor` standardises the target and turns predictions back into prices: a network begins with predictions
# of the size of 1. As in scikit-learn the first parameter of the regressor is the loss, so the sizes are given by name.
#
# ## How good is it? Ask five folds
#
# `cross_val_score` fits the whole pipeline anew on each fold, so that no mean and no category of the held-out rows is known
# in training. Beside it, a constant and a linear model in the same pipeline: what the network must beat.

# %%
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score

candidates = {
    "a constant": DummyRegressor(),
    "a linear model": make_pipeline(columns, Ridge()),
    "the network": prices,
}
scores = {}
for name, candidate in candidates.items():
    scores[name] = cross_val_score(candidate, houses, price, cv=5)
scores["network − linear"] = scores["the network"] - scores["a linear model"]
rows = []
for name, folds in scores.items():
    error = folds.std(ddof=1) / np.sqrt(len(folds))
    rows.append(f"{name:16}  R² {folds.mean():6.3f} ± {error:.3f}")
print("\n".join(rows))

# %% tags=["hide"]
gain = scores["network − linear"]
gain_error = gain.std(ddof=1) / np.sqrt(5)
assert gain.min() > 0
assert gain.mean() > 2 * gain_error
assert scores["the network"].std(ddof=1) / np.sqrt(5) > 2 * gain_error

# %% [markdown]
# The number after ± is the standard error of the mean over the folds. All models are measured on the same folds, some harder
# than others, and that luck is in the first three errors. It cancels in the last row, the difference fold by fold: compare two
# models by that one. Here the network is better on every fold, and the mean of the differences is more than twice its error. A
# difference below its error tells nothing.
#
# ## Choose by grid search
#
# A parameter inside a pipeline is named by its step, in lower case, two underscores and its name. `alpha`, the penalty,
# and `learning_rate_init` are traced: a grid over them compiles once. A grid over sizes or activations compiles for each.

# %%
from sklearn.model_selection import GridSearchCV

alphas = [1e-3, 1e-2, 1e-1, 1, 10, 100]
grid = {"mlpclassifier__alpha": alphas}
options = {"scoring": "neg_log_loss", "return_train_score": True}
search = GridSearchCV(model, grid, cv=5, **options)
search.fit(x_train, y_train)
best = search.best_estimator_
print(search.best_params_, f"held-out log loss {-search.best_score_:.3f}")
print(f"accuracy on the test set {best.score(x_test, y_test):.3f}")

# %% tags=["hide"]
found = search.cv_results_
figure, axes = subplots(figsize=(5.4, 3))
axes.semilogx(alphas, -found["mean_train_score"], "o-", color=A, label="training")
errors = found["std_test_score"] / np.sqrt(5)
axes.errorbar(alphas, -found["mean_test_score"], errors, fmt="o-", color=DELTA, capsize=3, label="held out")
axes.axvline(search.best_params_["mlpclassifier__alpha"], color=INK, linewidth=1, dashes=(2, 2), label="best")
axes.set(xlabel="alpha", ylabel="log loss")
figure.legend(loc="outside upper center", ncols=3)
losses = -found["mean_test_score"]
assert alphas[0] < search.best_params_["mlpclassifier__alpha"] < alphas[-1]
assert -found["mean_train_score"][0] < 0.6 * losses[0]
assert losses[-1] > 3 * losses.min()
embedded(
    figure,
    f"Training and held-out log loss over alpha from {alphas[0]} to {alphas[-1]}. The held-out loss is {losses[0]:.3f} at the "
    f"least alpha, {losses.min():.3f} at the best, {search.best_params_['mlpclassifier__alpha']}, and {losses[-1]:.3f} at the "
    "largest.",
    "On the left the network is free to follow single examples: the training loss lies well below the held-out loss. On the "
    "right it is too stiff, and both are high. The bars are one standard error.",
)

# %% [markdown]
# A classifier is better chosen by its log loss than by its accuracy, which moves in steps of one example. To choose depth,
# width and penalty together, `mlpjax select` and `mlpjax.selection.cross_validate` train all combinations as one compiled
# call, and apply the rule of one standard error: see [Choose λ and depth](choose.py).
#
# ## What scikit-learn's network does not have
#
# Every activation, loss and initialiser of this package, any Optax optimiser as `solver`, an L1 penalty that gives exact zeros,
# `class_weight` and `device`:

# %%
sparse = MLPClassifier(**network.get_params())
sparse.set_params(activation="silu", l1=20.0, class_weight="balanced")
thin = make_pipeline(StandardScaler(), sparse).fit(x_train, y_train)
weights, accuracy = thin[-1].coefs_[0], thin.score(x_test, y_test)
print(f"{np.any(weights, axis=1).sum()} of {len(weights)} columns are used")
print(f"{np.mean(weights != 0):.0%} of the weights in the first layer are not 0")
print(f"accuracy {accuracy:.3f}")

# %% [markdown]
# ## Usual mistakes
#
# **A scaler outside of the pipeline**, fitted on all rows, knows the held-out ones. Inside it does not.
#
# **A misspelt name, gaps, other columns** are told before anything is trained:

# %%
gaps = x_train.mask(x_train > 1000)
for attempt in (
    lambda: MLPClassifier(activation="swish").fit(x_train, y_train),
    lambda: make_pipeline(StandardScaler(), network).fit(gaps, y_train),
    lambda: model.predict(x_test.iloc[:, :5]),
    lambda: model.set_params(mlp__alpha=1),
):
    try:
        attempt()
    except ValueError as error:
        first = " ".join(str(error).split("MLPClassifier does not")[0].split())
        told = textwrap.shorten(f"ValueError: {first}", 240)
        print(textwrap.fill(told, 80), end="\n\n")

# %% [markdown]
# **Comparing two networks of one `random_state` each.** Another start gives another network. Set `random_state` for a result
# that comes out again, and repeat with several for a statement about the method.
#
# ## A network that scikit-learn has fitted
#
# `interop.from_sklearn` reads it, and it becomes a network like any other: with gradients, exports and
# [a diagnosis](diagnose.py). `to_sklearn` goes the other way.

# %%
from sklearn.neural_network import MLPClassifier as Theirs

from mlpjax import interop, predict

inputs = StandardScaler().fit_transform(x)
theirs = Theirs((8,), max_iter=500, random_state=0).fit(inputs, y)
mlp, params = interop.from_sklearn(theirs)
ours = predict(mlp, params, inputs)[:, 0]
difference = ours - theirs.predict_proba(inputs)[:, 1]
print(mlp.sizes, f"differ by at most {np.abs(difference).max():.1e}")

# %% [markdown]
# ## Where to go next
#
# - In the reference: [`MLPClassifier`][mlpjax.sklearn.classifier.MLPClassifier],
#   [`MLPRegressor`][mlpjax.sklearn.regressor.MLPRegressor] and [`from_sklearn`][mlpjax.interop.sklearn.from_sklearn].
# - [The appendix on tables](../book/tables.md) derives what imputing, scaling and encoding do;
#   [chapter 13](../book/13-bias-variance.md) what a penalty does to the error.
