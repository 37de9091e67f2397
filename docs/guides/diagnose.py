# %% [markdown]
# # A network that does not learn
#
# With this page you find out why a training gets nowhere, and mend it: the loss stands still, jumps or becomes NaN, or it is
# good on the training examples alone. Every fault below is made on purpose on one small problem, measured, and mended, so
# that you can compare its curve with yours. Where a network does learn and you want it to learn better, see
# [Choose λ and depth](choose.py).
#
# | symptom | look at | remedy |
# |---|---|---|
# | the loss stands still from the start | the verdict on the layers | [fewer layers, tanh or relu](#ask-the-layers) |
# | it jumps, or is above that of a constant | `history.change` | [a smaller rate](#a-learning-rate-that-is-too-large) |
# | it becomes NaN or infinite | the message of `fit` | [a smaller rate, scaled inputs](#inputs-that-are-not-scaled) |
# | it stays at that of a constant | the scale of the inputs | [standardise the inputs](#inputs-that-are-not-scaled) |
# | it creeps, and the first values are huge | `saturated` | [smaller weights at the start](#a-saturated-start) |
# | the same, with relu | `dead` | [biases of 0, a smaller rate, leaky_relu](#dead-relus) |
# | training falls, validation does not | do the labels belong to the rows? | [mend the data](#labels-that-belong-to-other-rows) |
# | validation falls, then rises | the epoch of the least | [stop there; a penalty; more data](#a-network-that-learns-by-heart) |
# | an error before the first step | its message | [the loss and the shapes](#a-loss-that-does-not-fit-the-target) |

# %% tags=["hide"]
from figures import DELTA, INK, A, W, embedded, subplots


def curves(title, runs, caption, validation=False):
    """The losses of some runs over the epochs, with what a constant reaches."""
    figure, axes = subplots(figsize=(5.4, 3.1))
    told = []
    for (name, history), colour in zip(runs.items(), (DELTA, A, W), strict=False):
        losses = history.validation_loss if validation else history.loss
        axes.semilogy(range(1, len(losses) + 1), losses, color=colour, label=name)
        told.append(f"{name} goes from {losses[0]:.2g} to {losses[-1]:.2g}")
    level = constant if validation else np.var(train[1])
    axes.axhline(level, color=INK, linewidth=1, dashes=(6, 3), label="a constant")
    axes.set(xlabel="epoch", ylabel=title)
    figure.legend(loc="outside upper center", ncols=3)
    alt = f"The {title} over {len(losses)} epochs: {'; '.join(told)}. A constant has {level:.2g}."
    return embedded(figure, alt, caption)


# %% [markdown]
# ## A loss means nothing by itself
#
# The problem: four numbers, of which two matter, and a target with some noise. Before any network, compute what is had for
# nothing: the mean of the target, and the best linear model. A network that does not get below them has learned nothing.

# %%
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import optax

from mlpjax import MLP, Layer, State, diagnosis, fit, init

random = np.random.default_rng(0)
x = random.normal(size=(400, 4))
noise = random.normal(0, 0.1, (400, 1))
y = np.sin(2 * x[:, :1]) * x[:, 1:2] + noise
train, held_out = (x[:300], y[:300]), (x[300:], y[300:])


def with_ones(x):
    return np.hstack([x, np.ones((len(x), 1))])


constant = np.mean((held_out[1] - train[1].mean()) ** 2)
solution = np.linalg.lstsq(with_ones(train[0]), train[1])[0]
linear = np.mean((held_out[1] - with_ones(held_out[0]) @ solution) ** 2)
print(f"squared error of a constant {constant:.3f}, of a line {linear:.3f}")
print(f"variance of the noise {noise[300:].var():.3f}")

# %% [markdown]
# Nothing in these data is linear, so the line is worse on the held-out examples than the mean. On the other side stands the
# variance of the noise: no model has less than that on examples it has not seen, but for luck.
#
# For classes the constant is the share of each class: its cross-entropy is the entropy of the shares, at most the logarithm
# of the number of classes, and its accuracy that of the most frequent class. `mlpjax train` prints both comparisons by itself.
#
# Then a network, with nothing done to it. It is the one that all the others on this page are compared with.

# %%
adam = optax.inject_hyperparams(optax.adam)(3e-3)
sound = MLP((4, *[16] * 5, 1), "tanh")
start = init(sound, jax.random.key(0))


def learn(mlp, params, x, y, held_out=held_out, rate=3e-3, epochs=100):
    """How training goes."""
    begun = adam.init(params)
    # The rate as an array: all rates share one compilation.
    begun.hyperparams["learning_rate"] = jnp.asarray(rate)
    state = State(params, begun, key := jax.random.key(1))
    options = {"optimizer": adam, "epochs": epochs, "validation": held_out}
    return fit(mlp, state, x, y, key=key, **options)[1]


good = learn(sound, start, *train)
print(f"training {good.loss[-1]:.3f}, held out {good.validation_loss[-1]:.3f}")

# %% [markdown]
# ## Can it learn thirty examples by heart?
#
# The cheapest test there is: a network with more parameters than numbers to remember must bring the loss on a few examples
# close to 0. If it does not, look for the fault in the network or in the learning rate, not in the data.

# %%
few = np.tile(train[0][:30], (10, 1)), np.tile(train[1][:30], (10, 1))
by_heart = learn(sound, start, *few, epochs=300)
print(f"{sound.parameter_count} parameters, loss {by_heart.loss[-1]:.1e}")

# %% [markdown]
# ## Ask the layers
#
# Now the same layers and the same start, with sigmoids between the layers. On the examples that were held out it is no
# better than a constant.

# %%
sigmoids = MLP(sound.sizes, "sigmoid")
stuck = learn(sigmoids, start, *train)
print(f"training {stuck.loss[-1]:.3f}, held out {stuck.validation_loss[-1]:.3f}")

# %% [markdown]
# `health` measures how each layer fares, in one forward and one backward pass, and `diagnose` says what that means: the
# condition, the layers, counted from 1, the reason in numbers, and a cure. Here it is asked of the start, before any training.


# %%
def tell(mlp, params, x, y):
    """Print what ails a network, and return what was measured."""
    health = diagnosis.health(mlp, params, x, y)
    for finding in diagnosis.diagnose(mlp, health):
        print(finding.condition, finding.layers or "")
        for text in (finding.reason, f"try: {finding.cure}" * bool(finding.cure)):
            print(textwrap.indent(textwrap.fill(text, 74), "  "))
    return health


sick = tell(sigmoids, start, *train)

# %% [markdown]
# Do what it says: the same layers with tanh, which is the network from above.

# %%
well = tell(sound, start, *train)

# %% tags=["hide"]
assert linear > constant
assert stuck.validation_loss[-1] > constant
assert by_heart.loss[-1] < 1e-3
figure, (left, right) = subplots(1, 2, figsize=(6.4, 3.1))
for name, health, history, colour in (("sigmoid", sick, stuck, DELTA), ("tanh", well, good, A)):
    norms = health.gradient_norm
    left.semilogy(range(1, len(norms) + 1), norms, "o-", color=colour, label=name)
    right.semilogy(range(1, history.epochs + 1), history.loss, color=colour)
level = np.var(train[1])
right.axhline(level, color=INK, linewidth=1, dashes=(6, 3))
right.text(history.epochs, 1.05 * level, "a constant", ha="right", va="bottom", fontsize=9)
left.set(xlabel="layer", title="norm of the gradient", xticks=range(1, len(norms) + 1))
right.set(xlabel="epoch", title="training loss")
left.legend()
arriving = sick.gradient_norm, well.gradient_norm
embedded(
    figure,
    "Left: the norm of the gradient of each layer's weights at the start. With sigmoids it falls from "
    f"{arriving[0][-1]:.1g} in the last layer to {arriving[0][0]:.1g} in the first; with tanh it stays between "
    f"{min(arriving[1]):.1g} and {max(arriving[1]):.1g}. Right: with sigmoids the loss falls to {stuck.loss[-1]:.2g} in "
    f"{stuck.epochs} epochs, with tanh to {good.loss[-1]:.2g}.",
    "The gradient comes in at the last layer, on the right of the first picture, and each layer of sigmoids hands on to the "
    f"left about {np.mean(sick.factor[:-2]):.2f} of it.",
)

# %% [markdown]
# A sound network gets the verdict `healthy`. It says that the gradient arrives, not that what it points to is worth
# learning: a network whose labels are [those of other rows](#labels-that-belong-to-other-rows) is healthy too.
#
# ## A learning rate that is too large
#
# The same network and the same start, with learning rates from far too small to far too large. `history.change` is by what part
# of their size an epoch has changed the weights: a few per cent is usual, and more than 1 throws away what was there.

# %%
rates = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1)
histories = [learn(sound, start, *train, rate=rate) for rate in rates]
for rate, history in zip(rates, histories, strict=True):
    change, loss = history.change[0], history.loss[-1]
    print(f"rate {rate:6g}: first change {change:8.2g}, last loss {loss:.3f}")

# %% tags=["hide"]
figure, (left, right) = subplots(1, 2, figsize=(6.4, 3.1))
for history, name, colour in ((histories[-1], "rate 1", DELTA), (good, "rate 0.003", A), (histories[1], "rate 0.0001", W)):
    left.semilogy(range(1, history.epochs + 1), history.loss, color=colour, label=name)
ends = [history.loss[-1] for history in histories]
right.loglog(rates, ends, "o-", color=A)
for axes in (left, right):
    axes.axhline(level, color=INK, linewidth=1, dashes=(6, 3))
left.set(xlabel="epoch", title="training loss")
right.set(xlabel="learning rate", title="training loss in the end")
left.legend(fontsize=9)
embedded(
    figure,
    f"Left: at a rate of 1 the loss jumps and ends at {ends[-1]:.2g}; at 0.003 it falls to {good.loss[-1]:.2g}; at 0.0001 it "
    f"creeps to {ends[1]:.2g}. Right: the last loss over the learning rate is a valley, least at {rates[np.argmin(ends)]:g}.",
    "A rate that is too large throws the weights about, and one that is too small creeps. Try powers of ten: the valley is wide. "
    "Dashed: a constant.",
)

# %% [markdown]
# ## Inputs that are not scaled
#
# Two columns in other units: one in thousands, far from 0, one in thousandths. Nothing else has changed.

# %%
units, offsets = np.array([1, 1000, 1, 0.001]), np.array([0, 5000, 0, 0])
raw, raw_held_out = train[0] * units + offsets, held_out[0] * units + offsets
flat = learn(sound, start, raw, train[1], held_out=(raw_held_out, held_out[1]))
_ = tell(sound, start, raw, train[1])

# %% [markdown]
# Numbers in the thousands drive every tanh of the first layer to its end, where it is flat. Of the cures it is "standardise the
# inputs" that removes the cause: from each column subtract its mean and divide by its standard deviation. Both are those of the
# training examples, and what is predicted from is treated the same.

# %%
mean, deviation = raw.mean(axis=0), raw.std(axis=0)
scaled = (raw - mean) / deviation
same_scale = (raw_held_out - mean) / deviation, held_out[1]
standardised = learn(sound, start, scaled, train[1], held_out=same_scale)
before, after = (h.validation_loss[-1] for h in (flat, standardised))
print(f"held-out loss {before:.3f} → {after:.3f}")

# %% tags=["hide"]
assert abs(flat.validation_loss[-1] / constant - 1) < 0.05
curves(
    "held-out loss",
    {"raw inputs": flat, "standardised": standardised},
    "On raw inputs the network becomes a constant. The command line standardises by itself, and so does a "
    "<a href='../pipeline/'>pipeline</a> with a <code>StandardScaler</code>.",
    validation=True,
)

# %% [markdown]
# Where an activation has no end, as relu and the identity, raw inputs explode instead. `fit` then stops, keeps the last finite
# parameters, and [warns with the step and the layer](../about/faq.md#my-loss-becomes-nan-what-now).
#
# ## A saturated start
#
# Weights twenty times as large as they should be, as a home-made initialiser may have them.

# %%
large = tuple(Layer(20 * layer.W, layer.b) for layer in start)
saturated = learn(sound, large, *train)
_ = tell(sound, large, *train)

# %% tags=["hide"]
assert saturated.loss[0] > 100 * np.var(train[1])
assert saturated.loss[-1] > 10 * np.var(train[1])
curves(
    "training loss",
    {"20 × weights": saturated, "as init has them": good},
    "From a saturated start the loss begins far above that of a constant, and units that are flat come back slowly. "
    "<code>init</code> draws weights of the size that suits each layer's activation.",
)

# %% [markdown]
# ## Dead ReLUs
#
# A ReLU whose input is negative on every example has a slope of 0 on all of them: no gradient moves it again. Biases far
# below 0 do that, and so does one step with a learning rate that is too large.

# %%
relus = MLP(sound.sizes, "relu")
dead = (Layer(start[0].W, start[0].b - 20), *start[1:])
dying, living = learn(relus, dead, *train), learn(relus, start, *train)
_ = tell(relus, dead, *train)

# %% tags=["hide"]
assert abs(dying.loss[-1] / np.var(train[1]) - 1) < 0.01
curves(
    "training loss",
    {"biases of −20": dying, "biases of 0": living},
    "Behind a dead layer every example looks the same. The rest of the network can learn one number, and that is the mean.",
)

# %% [markdown]
# ## Labels that belong to other rows
#
# Sorted on one side and not on the other, joined on the wrong key: the targets are those of other examples. No layer can tell.

# %%
shuffled = random.permutation(train[1])
nonsense = learn(sound, start, train[0], shuffled)
_ = tell(sound, start, train[0], shuffled)

# %% tags=["hide"]
assert min(nonsense.validation_loss[-20:]) > constant
curves(
    "held-out loss",
    {"shuffled labels": nonsense, "their own": good},
    "With shuffled labels the held-out loss does not get below that of a constant for long, while the training loss falls to "
    f"{nonsense.loss[-1]:.2f}: that is learning by heart.",
    validation=True,
)

# %% [markdown]
# Shuffle the labels of your own data on purpose. If the held-out loss is no worse for it, there was nothing to learn from in
# these columns, or the labels were shuffled before.
#
# ## A network that learns by heart
#
# With more epochs the sound network goes on to learn the noise. The gradient arrives; again only the held-out loss tells.

# %%
long = learn(sound, start, *train, epochs=1500)
last, best = long.validation_loss[-1], min(long.validation_loss)
print(f"last epoch: training {long.loss[-1]:.4f}, held out {last:.3f}")
print(f"best epoch, {long.best_epoch}: held out {best:.3f}")

# %% tags=["hide"]
figure, axes = subplots(figsize=(5.4, 3.1))
epochs = np.arange(1, long.epochs + 1)
axes.loglog(epochs, long.loss, color=A, label="training")
axes.loglog(epochs, long.validation_loss, color=DELTA, label="held out")
axes.axvline(long.best_epoch, color=INK, linewidth=1, dashes=(2, 2), label="best epoch")
axes.axhline(noise.var(), color=INK, linewidth=1, dashes=(6, 3), label="noise")
axes.set(xlabel="epoch", ylabel="loss")
figure.legend(loc="outside upper center", ncols=4)
embedded(
    figure,
    f"Over {long.epochs} epochs the training loss falls to {long.loss[-1]:.2g}, below the variance of the noise, "
    f"{noise.var():.2g}; the held-out loss is least at epoch {long.best_epoch} and rises from there to "
    f"{long.validation_loss[-1]:.2g}.",
    "A training loss below the variance of the noise has learned the noise. With a validation set <code>fit</code> returns the "
    "parameters of the best epoch, and with <code>patience=20</code> it stops after twenty epochs without a better one.",
)

# %% [markdown]
# The other remedies are a penalty and a smaller network, [chosen by cross-validation](choose.py), and more examples;
# [chapter 13](../book/13-bias-variance.md) says what each of them does to the error.
#
# ## A loss that does not fit the target
#
# What cannot be meant is refused before anything is computed: numbers given to a loss of probabilities, a target of another
# shape, gaps in the inputs.

# %%
probability = MLP(sound.sizes, "tanh", "sigmoid_binary_cross_entropy")
gaps = train[0].copy()
gaps[7, 2] = np.nan
for mlp, inputs, targets in (
    (probability, train[0], train[1]),
    (sound, train[0], train[1][:, 0]),
    (sound, gaps, train[1]),
):
    try:
        fit(mlp, start, inputs, targets, key=jax.random.key(1))
    except (ValueError, TypeError) as error:
        print(textwrap.fill(f"{type(error).__name__}: {error}", 80))

# %% [markdown]
# What can be meant is not refused: squared error on the numbers of classes trains, and predicts a number between two classes
# where it hesitates between them. [Chapter 17](../book/17-losses.md) says which loss fits which target.
#
# ## While it trains
#
# `fit(…, health_every=50)` records the same at every fiftieth step, with what the optimiser did, without changing a bit of what
# is learned; then a step that is too large is found too. A run on the command line does so with `--health`, prints the verdict
# and draws `health.png` into the run folder: on the table of [another guide](table.py) it is
# `mlpjax train houses.csv --target price --drop id --health`.
#
# ## Where to go next
#
# - [Chapter 12](../book/12-vanishing.md) derives what `health` measures and why products of slopes vanish;
#   [chapter 16](../book/16-initialisation.md) how large weights should be at the start.
# - In the reference: [`health`][mlpjax.diagnosis.health.health], [`diagnose`][mlpjax.diagnosis.verdict.diagnose] with its
#   thresholds, and [`lsuv`][mlpjax.propagation.lsuv.lsuv], a start that gives every layer a variance of 1 on your own examples.
# - `mlpjax train --help` lists `--health`, `--health-every`, `--init` and `--clip`.
