# %% [markdown]
# # Train on a table
#
# At the end of this page you have a model of your own table in a folder, know whether it is worth having, and have predicted
# rows that it has not seen. You need a file with a header, one row an example, and a column to predict: two commands, no
# program. Use it for tables of numbers and categories with a hundred rows and more; text, images and series of measurements
# need other networks. From a program that speaks scikit-learn, see [Inside a scikit-learn pipeline](pipeline.py).
#
# The command line comes with `pip install 'mlpjax[cli]'`.
#
# ## The table
#
# If you have a table of your own, go on to [Train](#train). Here it is six hundred invented houses, with a price in
# thousands, numbers, a category, an id that says nothing, and gaps, as tables have them. The program needs pandas.

# %% tags=["hide"]
import json
from pathlib import Path

import workplace  # noqa: F401
from figures import DELTA, INK, A, embedded, subplots

# %%
import numpy as np
import pandas as pd

random = np.random.default_rng(0)
n = 600
houses = pd.DataFrame(
    {
        "id": np.arange(n),
        "area": random.uniform(40, 250, n).round(),
        "rooms": random.integers(1, 8, n),
        "district": random.choice(["harbour", "hill", "old town"], n),
    }
)
worth = houses["district"].map({"harbour": 2.4, "hill": 1.8, "old town": 3.1})
price = houses["area"] * worth + 20 * np.sqrt(houses["rooms"])
houses["price"] = (price + random.normal(0, 20, n)).round(1)
houses.loc[::17, "area"] = np.nan
houses.to_csv("houses.csv", index=False)
houses.head(3)

# %% [markdown]
# ## Train
#
# `--drop id` leaves a column out. Of the others, numbers are standardised: minus their mean, over their standard deviation. A
# category becomes a column of 0 and 1 for each of its values. A gap becomes the mean, and a column of its own says where it
# was. A fifth of the rows is kept for a test that the training never sees.

# %% language="bash"
# mlpjax train houses.csv --target price --drop id --out run --epochs 60

# %% [markdown]
# Read it from the top. The first lines name the columns that were taken for categories; the others are numbers. Look there
# first, because a number that was read as a category, or a code that was read as a number, spoils everything after it. The
# gradient is then compared with `jax.grad` on your own rows. `loss` is the mean squared error of the standardised target plus
# the penalty on the weights. Last, the report on the rows kept for test sets the network beside a constant, which predicts
# the mean, and a linear model:
#
# - **R²** is the share of the target's variance that the model explains: 1 is perfect, 0 is as good as the mean of the test
#   rows, and below 0 is worse.
# - **root mean square error** and **mean absolute error** are in the unit of the target, thousands here.
#
# If the network does not beat both, it has learned nothing that is worth having. Try more epochs first, then
# [A network that does not learn](diagnose.py).
#
# ## What is in the run
#
# The folder holds the model in one file, `training.png`, which draws the curves below and more, and every number as JSON:
# `report.json` what was printed, `history.json` the epochs. A run is never written over: give each its own `--out`, or leave
# the option out, and the folder is named by the data and the time.

# %% tags=["hide"]
history = json.loads(Path("run/history.json").read_text())
figure, (left, right) = subplots(1, 2, figsize=(6.4, 3))
epochs = range(1, len(history["loss"]) + 1)
left.semilogy(epochs, history["loss"], color=A)
left.set(xlabel="epoch", title="training loss")
right.plot(epochs, history["validation_score"], color=DELTA)
report = json.loads(Path("run/report.json").read_text())
linear = report["baselines"]["linear"]["r2"]
assert history["validation_score"][-1] > linear > 0
right.axhline(linear, color=INK, linewidth=1, dashes=(6, 3))
right.text(len(epochs), linear, "a linear model", ha="right", va="top")
right.set(xlabel="epoch", title="test R²")
embedded(
    figure,
    f"Left: the training loss, with the penalty, falls from {history['loss'][0]:.2g} to {history['loss'][-1]:.2g} in "
    f"{len(epochs)} epochs. Right: R² on the test examples rises from {history['validation_score'][0]:.2f} to "
    f"{history['validation_score'][-1]:.3f}; a linear model has {linear:.3f}.",
    "The test examples are only measured, after each epoch. If their R² has levelled off, more epochs will not help; if it falls "
    "while the training loss falls, the network learns by heart, and <code>--patience 20</code> keeps the best epoch.",
)

# %% [markdown]
# `inspect` tells what is in the file, also of a run made elsewhere long ago:

# %% language="bash"
# mlpjax inspect run

# %% [markdown]
# ## Predict
#
# A table with the same columns, in any order; the target may be missing. The preprocessing is part of the file of the model, so
# new rows are standardised as the training rows were.

# %%
houses.drop(columns="price").head(5).to_csv("new.csv", index=False)

# %% language="bash"
# mlpjax predict run new.csv -o prices.csv

# %%
pd.read_csv("prices.csv")

# %% [markdown]
# ## When it goes wrong
#
# A mistake is told in one sentence, with what is there and what to do, and with exit code 2. A misspelt target, a column that
# is missing where the model needs it, and a category that it has not met:

# %% language="bash"
# mlpjax train houses.csv --target prize || echo "exit code $?"
# cut --delimiter , --fields 1-3 new.csv > narrow.csv
# mlpjax predict run narrow.csv || echo "exit code $?"
# sed 's/harbour/beach/' new.csv > strange.csv
# mlpjax predict run strange.csv -o strange-prices.csv

# %% [markdown]
# The other usual mistakes give no message, because the commands cannot know:
#
# - **A column that would not be known when you predict**, or that says the target in other words, makes the report too good.
#   `--drop` it.
# - **A code that looks like a number**, such as a postcode: `--categorical postcode`. The reverse is `--numeric`.
# - **Rows that belong together**, such as several of one customer, fall on both sides of the split into training and test.
#   Split the file yourself, train on one part, and run `mlpjax evaluate` on the other.
# - **Rare classes**: accuracy is high for whoever never names them. `--balanced` weighs the examples; read "balanced accuracy".
#
# ## The same from Python
#
# A model file is read by [`load`][mlpjax.storage.load], which gives a network and its parameters like any other.
# [`load_table`][mlpjax.data.tables.load_table] reads a table, a file or a data frame, into arrays for
# [`fit`][mlpjax.fitting.memory.fit], and keeps how each column was treated.

# %%
from mlpjax import load
from mlpjax.data import Choices, load_table

mlp, params = load("run/model.safetensors")
data = load_table(houses, Choices("price", drop=("id",)))
print(mlp.sizes, mlp.loss.name)
print("training", data.x_train.shape, "test", data.x_test.shape)

# %% [markdown]
# ## Where to go next
#
# - `mlpjax train --help` lists every option; [Choose λ and depth](choose.py) chooses some of them for you, [Resume a
#   run](resume.py) goes on with a run, [Export a prediction](export.py) makes a file that runs without this package.
# - [The appendix on tables](../book/tables.md) derives what becomes of a column.
# - In the reference: [data](../reference/data.md) and [save and load](../reference/storage.md).
