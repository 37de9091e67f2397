# %% [markdown]
# # Choose λ and depth
#
# At the end of this page you have chosen the strength of a penalty and the number of layers by cross-validation, seen what
# each does to the training and to the held-out loss, and know how sure the choice is. Use it for a network that learns, to make
# it predict better; if the loss does not fall at all, see [A network that does not learn](diagnose.py). Of many examples one
# validation set says as much as many folds, at a fraction of the price: see `validation` in
# [`fit`][mlpjax.fitting.memory.fit].

# %% tags=["hide"]
import workplace  # noqa: F401
from figures import DELTA, INK, SHADES, A, embedded, subplots

# %% [markdown]
# ## Data that can be learned by heart
#
# Thirty examples of a sine with noise: few enough that a network with room and no penalty follows the noise.

# %%
import textwrap

import jax
import numpy as np
import optax

from mlpjax import MLP, selection

random = np.random.default_rng(0)
x = np.sort(random.uniform(-2, 2, (30, 1)), axis=0)
y = np.sin(2 * x) + random.normal(0, 0.4, x.shape)

# %% [markdown]
# ## Every combination, side by side
#
# `cross_validate` cuts the examples into five folds, trains every combination on four of them and measures it on the fifth, for
# each fold in turn. All the networks are one compiled call, smaller ones masked parts of the largest. `seeds=3` would train
# each three times, to average over the luck of the start.

# %%
l2, depths = (0, 1e-4, 1e-3, 1e-2, 1e-1, 1), (0, 1, 2, 3)
adam = optax.adam(1e-2)
found = selection.cross_validate(
    MLP((1, 32, 1), "tanh"),
    x,
    y,
    key=jax.random.key(0),
    l2=l2,
    depths=depths,
    epochs=2000,
    batch_size=24,
    optimizer=adam,
)
print(f"{len(found.loss)} models, {found.fold_losses.size} networks")
for name, row in (("best", found.best), ("chosen", found.chosen)):
    model = f"{found.depth[row]} hidden layers, λ = {found.l2[row]:g}"
    held_out = f"{found.loss[row]:.3f} ± {found.loss_error[row]:.3f}"
    print(f"{name:>6}: {model}, held-out loss {held_out}")

# %% [markdown]
# `found` has a row for each model. `loss` is the mean over the folds of the loss on what was held out, and `loss_error` its
# standard error: how far that mean would move with other folds. `best` is the row with the lowest loss; `chosen` the simplest
# model within one standard error of it (SELECT-one_standard_error). Fewer layers are simpler, and at the same depth a larger
# penalty. A difference smaller than the standard error is noise, and the simpler model is the better bet.

# %% tags=["hide"]
table = np.full((len(depths), len(l2)), np.nan)
rows = [depths.index(depth) for depth in found.depth]
columns = [int(np.argmin(np.abs(np.array(l2) - strength))) for strength in found.l2]
table[rows, columns] = found.loss
figure, axes = subplots(figsize=(6.2, 3.2))
image = axes.imshow(table, cmap=SHADES + "_r", origin="lower", aspect="auto")
for row, (column, line) in enumerate(zip(columns, rows, strict=True)):
    red, green, blue, _ = image.cmap(image.norm(found.loss[row]))
    text = f"{found.loss[row]:.2f}" + " best" * (row == found.best) + " chosen" * (row == found.chosen)
    shade = "black" if red + green + blue > 1.4 else "white"
    axes.text(column, line, text.replace(" ", "\n"), ha="center", va="center", color=shade)
axes.set(xticks=range(len(l2)), xticklabels=[f"{strength:g}" for strength in l2], xlabel="λ")
axes.set(yticks=range(len(depths)), yticklabels=depths, ylabel="hidden layers")
figure.colorbar(image, label="held-out loss")
stiff = (found.depth == 0) | (found.l2 >= 0.1)
assert found.loss[stiff].min() > 2 * found.loss[~stiff].max()
embedded(
    figure,
    "A map of the held-out loss over the strength of the penalty and the number of hidden layers. The lowest, "
    f"{found.loss[found.best]:.2f}, is at {found.depth[found.best]} hidden layers and λ = {found.l2[found.best]:g}; the highest "
    f"is {found.loss.max():.2f}. Chosen is {found.depth[found.chosen]} hidden layers and λ = {found.l2[found.chosen]:g}.",
    "The held-out loss of every combination. Without a hidden layer the model is too stiff whatever the penalty; with a penalty "
    "of 0.1 and more every model is.",
)

# %% [markdown]
# ## Look at both curves
#
# The lowest number alone does not say what is wrong with the others, nor whether the grid was wide enough. The curves do. With
# a stronger penalty, or fewer layers, the training loss rises; the held-out loss falls and rises again. Here are the deepest
# networks, over λ, and those without a penalty, over their depth. The noise has a variance of 0.16, since its standard
# deviation is 0.4: on examples that it has not seen no model has a lower squared error, but for luck.

# %% tags=["hide"]
figure, both = subplots(1, 2, figsize=(6.4, 3.4), sharey=True)


def short(value):
    """A power of ten below 0.01 as such."""
    return f"$10^{{{np.log10(value):.0f}}}$" if 0 < value < 0.01 else f"{value:g}"


deepest = found.depth == depths[-1]
slices = (
    (both[0], deepest, found.l2[deepest], "λ", f"{depths[-1]} hidden layers"),
    (both[1], found.l2 == 0, found.depth[found.l2 == 0], "hidden layers", "no penalty"),
)
told = []
for _, chosen, *_ in slices:
    assert 0 < np.argmin(found.loss[chosen]) < chosen.sum() - 1
assert np.all(np.diff(found.training_loss[deepest]) > -1e-3)
assert np.all(np.diff(found.training_loss[found.l2 == 0]) < 0)
for axes, chosen, values, label, title in slices:
    places = range(len(values))
    training, held_out, error = found.training_loss[chosen], found.loss[chosen], found.loss_error[chosen]
    axes.semilogy(places, training, "o-", color=A, label="training")
    axes.errorbar(places, held_out, error, fmt="o-", color=DELTA, capsize=3, label="held out")
    axes.axhline(0.4**2, color=INK, linewidth=1, dashes=(6, 3), label="noise")
    axes.set(xticks=places, xticklabels=map(short, values), xlabel=label, title=title)
    told.append(
        f"over {label} the training loss goes from {training[0]:.2f} to {training[-1]:.2f} and the held-out loss from "
        f"{held_out[0]:.2f} by {held_out.min():.2f} to {held_out[-1]:.2f}"
    )
both[0].set(ylabel="loss")
figure.legend(*both[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
embedded(
    figure,
    f"Training and held-out loss with bars of one standard error: {'; '.join(told)}.",
    "Where both are high the model is too stiff: less λ, or more layers. Where the training loss lies far below the held-out "
    "loss, and below the variance of the noise, it follows the noise: more λ, or fewer layers.",
)

# %% [markdown]
# If the least held-out loss is at the edge of the grid, widen the grid. λ is searched on a logarithmic scale, in steps of ten
# at first and of two or three in a second search around the best.
#
# ## Train the chosen model
#
# Cross-validation has chosen a recipe, not a network. Train it once more, on all the examples.

# %%
from mlpjax import Penalty, fit, init

row = found.chosen
mlp = MLP((1, *[32] * found.depth[row], 1), "tanh")
start = init(mlp, jax.random.key(1))
penalty = Penalty(l2=float(found.l2[row]))
options = {"epochs": 2000, "batch_size": 24, "optimizer": adam}
options |= {"key": jax.random.key(2), "penalty": penalty}
state, _ = fit(mlp, start, x, y, **options)
print(mlp.sizes, f"λ = {found.l2[row]:g}")

# %% tags=["hide"]
from mlpjax import predict

grid = np.linspace(-2, 2, 200)[:, None]
curve = predict(mlp, state.params, grid)[:, 0]
off = np.sqrt(np.mean((curve - np.sin(2 * grid[:, 0])) ** 2))
off_examples = np.sqrt(np.mean((y - np.sin(2 * x)) ** 2))
assert off < 0.7 * off_examples
figure, axes = subplots(figsize=(5.4, 3))
axes.plot(x[:, 0], y[:, 0], ".", color=INK, alpha=0.6, label="examples")
axes.plot(grid[:, 0], np.sin(2 * grid[:, 0]), color=A, dashes=(6, 3), label="truth")
axes.plot(grid[:, 0], curve, color=DELTA, label="chosen model")
axes.set(xlabel="x", ylabel="y")
figure.legend(loc="outside upper center", ncols=3)
embedded(
    figure,
    "The examples, the sine that they were drawn from, and the curve of the chosen model. Its root mean square distance from "
    f"the sine is {off:.2f}; that of the examples is {off_examples:.2f}.",
    "What the choice is for: nearer to the truth than the examples are, not through every one of them.",
)

# %% [markdown]
# ## A table, on the command line
#
# `mlpjax select`, which comes with `pip install 'mlpjax[cli]'`, does the same for a table: it fits the preprocessing on each fold
# anew, so that no fold is known to what trains on the others; it leaves alone the examples that `train` will test on; it writes
# a map; and it ends with the command that trains the chosen model. `diabetes` is a table that comes with scikit-learn; in its
# place stands your own file, with `--target`.

# %% language="bash"
# mlpjax select diabetes --depths 0,1 --widths 16 --l2 1e-3,1e-2 \
#   --learning-rate 1e-2 --epochs 20

# %% tags=["hide"]
import json
from pathlib import Path

(selected,) = Path("runs").glob("diabetes-select-*/select.json")
selection_report = json.loads(selected.read_text())
assert selection_report["training_examples"] == 353
for which in ("best", "chosen"):
    assert selection_report[which]["depth"] == 0
    assert selection_report[which]["l2"] == 0.01

# %% [markdown]
# On these 353 examples a hidden layer gains nothing in twenty epochs: the model without one is best. Its λ is the largest of
# this small grid, so the next search goes on from there, with `--l2 1e-2,1e-1,1`.

# %% [markdown]
# ## Usual mistakes
#
# - **Reporting the best held-out loss as the quality of the model.** It is the least of many noisy numbers, and so too low.
#   Report the loss on a test set that had no say in the choice; `mlpjax train` keeps one.
# - **Preprocessing before the folds are cut.** The mean of all examples knows the held-out ones. `mlpjax select` and a
#   [pipeline](pipeline.py) fit it on each fold.
# - **Rows that belong together in different folds**, such as several of one patient. Pass the folds yourself, as a
#   [`Split`][mlpjax.selection.ensemble.Split] of row numbers.
# - **Asking for what cannot be trained side by side.** The networks of a grid are parts of one, so its layers have one width
#   and one activation:

# %%
try:
    narrowing = MLP((1, 16, 8, 1), "tanh")
    selection.cross_validate(narrowing, x, y, key=jax.random.key(0))
except ValueError as error:
    print(textwrap.fill(f"ValueError: {error}", 80))

# %% [markdown]
# ## Where to go next
#
# - [Chapter 13](../book/13-bias-variance.md) splits the held-out loss into bias², variance and noise, and draws the U-curve;
#   [`bias_variance`][mlpjax.selection.bias_variance.bias_variance] does it for your models.
# - In the reference: [`cross_validate`][mlpjax.selection.cross_validation.cross_validate] and
#   [`sweep`][mlpjax.selection.sweep.sweep], which returns the networks themselves.
# - `mlpjax select --help` has `--l1`, `--repeats` and `--folds`.
