# %% [markdown]
# # Inside a scikit-learn pipeline
#
# `mlpjax.sklearn.MLPClassifier` and `MLPRegressor` take the parameters of scikit-learn's own, have its attributes and raise
# its errors; so they go wherever those go.

# %%
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlpjax.sklearn import MLPClassifier

x, y = load_breast_cancer(return_X_y=True)
model = make_pipeline(StandardScaler(), MLPClassifier((16,), max_iter=60, tol=1e-3, random_state=0))
scores = cross_val_score(model, x, y, cv=3)
print(f"accuracy in 3 folds: {scores.mean():.3f} ± {scores.std():.3f}")

# %% [markdown]
# ## Choose by grid search
#
# What scikit-learn's estimators do not have is there besides: every activation, every loss, an L1 penalty, class weights.

# %%
search = GridSearchCV(model, {"mlpclassifier__activation": ["tanh", "silu"], "mlpclassifier__alpha": [1e-4, 1e-2]}, cv=3)
search.fit(x, y)
print(search.best_params_, f"{search.best_score_:.3f}")

# %% [markdown]
# To choose depth, width and penalty together, `mlpjax select` or `mlpjax.selection.cross_validate` train all combinations as
# one compiled call: see [Choose λ and depth](choose.py).
#
# ## A network that scikit-learn has fitted
#
# `interop.from_sklearn` reads it, and it becomes a network like any other.

# %%
import numpy as np
from sklearn.neural_network import MLPClassifier as Theirs

from mlpjax import interop, predict

theirs = Theirs((8,), max_iter=500, random_state=0).fit(StandardScaler().fit_transform(x), y)
mlp, params = interop.from_sklearn(theirs)
ours = predict(mlp, params, StandardScaler().fit_transform(x))[:, 0]
print(mlp.sizes, "differ by at most", f"{np.abs(ours - theirs.predict_proba(StandardScaler().fit_transform(x))[:, 1]).max():.1e}")
