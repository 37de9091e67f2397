# %% [markdown]
# # Choose λ and depth
#
# The strength of the penalty and the number of layers are the two hyperparameters of [chapter
# 13](../book/13-bias-variance.md). `cross_validate` trains every combination on every fold side by side, as one compiled
# call.

# %% tags=["hide"]
from figures import SHADES, embedded, subplots

# %%
import jax
import numpy as np

from mlpjax import MLP, selection

x = np.linspace(-2, 2, 60)[:, None]
y = np.sin(2 * x) + np.random.default_rng(0).normal(0, 0.3, x.shape)
l2, depths = (0, 1e-4, 1e-3, 1e-2, 1e-1), (0, 1, 2, 3)
found = selection.cross_validate(
    MLP((1, 16, 1), "tanh"), x, y, key=jax.random.key(0), l2=l2, depths=depths, widths=(16,), epochs=300
)
for name, row in (("best", found.best), ("chosen", found.chosen)):
    held_out = f"{found.loss[row]:.3f} ± {found.loss_error[row]:.3f}"
    print(f"{name:>6}: {found.depth[row]} hidden layers, λ = {found.l2[row]:g}, held-out loss {held_out}")

# %% [markdown]
# `best` has the lowest held-out loss; `chosen` is the simplest model within one standard error of it
# (SELECT-one_standard_error): a difference smaller than that is noise, and the simpler model the better bet.

# %% tags=["hide"]
losses = np.array(
    [
        [found.loss[(found.depth == depth) & (np.isclose(found.l2, strength, rtol=1e-3, atol=0))][0] for strength in l2]
        for depth in depths
    ]
)
figure, axes = subplots(figsize=(6.2, 3.2))
image = axes.imshow(losses, cmap=SHADES + "_r", origin="lower", aspect="auto")
axes.set(
    xticks=range(len(l2)),
    xticklabels=[f"{strength:g}" for strength in l2],
    yticks=range(len(depths)),
    yticklabels=depths,
    xlabel="λ",
    ylabel="hidden layers",
)
figure.colorbar(image, label="held-out loss")
embedded(
    figure,
    "A map of the held-out loss over the strength of the penalty and the number of hidden layers; the lowest is "
    f"{losses.min():.3f}, at "
    f"{found.depth[found.best]} hidden layers and λ = {found.l2[found.best]:g}, the highest {losses.max():.3f}.",
    "The held-out loss of every combination: no hidden layer is too stiff, and many with no penalty follow the noise.",
)

# %% [markdown]
# On the command line, `mlpjax select houses.csv --target price` does the same for a table, draws the map, and ends with the
# `mlpjax train` command for the model that it has chosen.
#
# ## Bias and variance
#
# What the held-out loss is made of, for each model: `selection.bias_variance` draws the training set again and again.
# [Chapter 13](../book/13-bias-variance.md) does so and draws the U-curve.
