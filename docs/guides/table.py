# %% [markdown]
# # Train on a table
#
# A file with a header, a column to predict: two commands. This page makes such a file, trains, looks at what was learned and
# predicts.
#
# ## The table
#
# Six hundred houses, with a price in thousands, numbers, a category, an id that says nothing, and gaps, as tables have them.

# %% tags=["hide"]
import workplace  # noqa: F401

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
houses["price"] = (houses["area"] * worth + 20 * np.sqrt(houses["rooms"]) + random.normal(0, 20, n)).round(1)
houses.loc[::17, "area"] = np.nan
houses.to_csv("houses.csv", index=False)
houses.head(3)

# %% [markdown]
# ## Train
#
# `--drop id` leaves a column out. Numbers are standardised, categories one-hot, gaps imputed with an indicator; a fifth of
# the rows is kept for a test that the training never sees.

# %% language="bash"
# mlpjax train houses.csv --target price --drop id --out run --epochs 60

# %% [markdown]
# The report sets the network beside a constant and a linear model: if it does not beat those, it has learned nothing that is
# worth having.
#
# ## What is in the run

# %% language="bash"
# mlpjax inspect run

# %% [markdown]
# ## Predict
#
# A table with the same columns, in any order; the target may be missing. The preprocessing is part of the file of the model.

# %%
houses.drop(columns="price").head(5).to_csv("new.csv", index=False)

# %% language="bash"
# mlpjax predict run new.csv -o prices.csv

# %%
pd.read_csv("prices.csv")

# %% [markdown]
# ## The same from Python
#
# `mlpjax.data` reads the table and keeps the preprocessing as a record of arrays; `fit` trains. See the
# [reference](../reference/data.md).
