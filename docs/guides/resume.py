# %% [markdown]
# # Resume a run
#
# At the end of this page you can kill a training at any moment and lose no more than what came after its last checkpoint. A
# run that goes on ends with the same bits as one that was never killed. Use it for runs that outlast a job's time limit or a
# night; a run of seconds is as well started again.
#
# ## On the command line
#
# `mlpjax train`, which comes with `pip install 'mlpjax[cli]'`, writes a checkpoint every 30 seconds and when it ends. Here it
# is stopped early by a signal, as a scheduler or Ctrl-C would: what was learned is kept, and reported.

# %% tags=["hide"]
import workplace  # noqa: F401
from figures import DELTA, INK, A, embedded, subplots

# %% language="bash"
# mlpjax train iris --out run --epochs 10000 2>&1 &
# until grep --quiet '"epoch": 3' run/log.jsonl 2> /dev/null; do sleep 0.1; done
# kill $!
# wait $! || echo "exit code $?"

# %% [markdown]
# Where nothing can be caught, as when the power fails or `kill -9` strikes, no report is written, and the last checkpoint
# is what is left. `--resume` goes on from either, with the data and the options of the run; if there was no checkpoint yet, it
# starts from the beginning.

# %% language="bash"
# mlpjax train --resume run

# %% [markdown]
# A run that is complete goes on too, where `--epochs` asks for more of them: `mlpjax train --resume run --epochs 20000`
# trains it twice as long.
#
# ## In a program
#
# [`Checkpoints`][mlpjax.fitting.checkpoints.Checkpoints] names a folder and how often to write to it. The same call again
# goes on from what it finds there; so a script that is started anew after a crash needs no other line. In a program they need
# `pip install 'mlpjax[checkpoints]'`.

# %%
import jax
import numpy as np

from mlpjax import MLP, Checkpoints, fit, init

x = np.random.default_rng(0).normal(size=(300, 4))
y = (x[:, 0] * x[:, 1] > 0).astype(int)
mlp = MLP((4, 32, 2), "tanh", "softmax_cross_entropy_with_integer_labels")
start = init(mlp, jax.random.key(0))


def train(epochs, folder=None, key=1):
    """The state after so many epochs, and the history of all of them."""
    checkpoints = None if folder is None else Checkpoints(folder, seconds=0.1)
    options = {"epochs": epochs, "checkpoints": checkpoints}
    return fit(mlp, start, x, y, key=jax.random.key(key), **options)


_, first = train(40, "checkpoints")  # stopped at 40 epochs, say
resumed, whole = train(100, "checkpoints")
uninterrupted, straight = train(100)
same = jax.tree.map(np.array_equal, resumed.params, uninterrupted.params)
print("the same to the bit:", all(jax.tree.leaves(same)))
print("epochs in the history:", first.epochs, whole.epochs)

# %% tags=["hide"]
figure, axes = subplots(figsize=(5.4, 3))
assert all(jax.tree.leaves(same))
assert np.array_equal(straight.loss, whole.loss)
axes.plot(range(1, 101), straight.loss, color=A, linewidth=5, alpha=0.4, label="never stopped")
axes.plot(range(1, 101), whole.loss, color=DELTA, label="stopped and resumed")
axes.axvline(first.epochs, color=INK, linewidth=1, dashes=(2, 2), label="the stop")
axes.set(xlabel="epoch", ylabel="loss")
axes.legend()
embedded(
    figure,
    f"The loss over {whole.epochs} epochs of a training that was stopped at epoch {first.epochs} and resumed lies on that of "
    f"one that was not: both go from {straight.loss[0]:.2g} to {straight.loss[-1]:.2g}, and the greatest difference is "
    f"{np.abs(straight.loss - whole.loss).max():.1g}.",
    "A checkpoint holds the parameters, the state of the optimiser, the key and the history: one curve covers the other.",
)

# %% [markdown]
# ## Usual mistakes
#
# **Another training in the same folder.** A checkpoint knows the data, the options and the key it belongs to, and is not
# taken for another:

# %%
import textwrap

for attempt in (
    lambda: train(200, "checkpoints", key=2),
    lambda: train(50, "checkpoints"),
):
    try:
        attempt()
    except ValueError as error:
        print(textwrap.fill(f"ValueError: {error}", 80), end="\n\n")

# %% [markdown]
# **Other options on the command line.** A run keeps its own; only `--epochs` and the place of the data may change.

# %% language="bash"
# mlpjax train --resume run --learning-rate 0.1 || echo "exit code $?"

# %% [markdown]
# **The same bits on another machine** are not promised: another processor or version of JAX may round otherwise. The run goes
# on all the same.
#
# A damaged checkpoint, of a disk that was full or a copy that broke off, is told from a sound one by its digest, and the one
# before it is used, with a warning.
#
# ## Where to go next
#
# - In the reference: [`Checkpoints`][mlpjax.fitting.checkpoints.Checkpoints] says how many are kept and how to write every so
#   many epochs; [`fit_stream`][mlpjax.fitting.streams.fit_stream] takes them too, and goes on in the middle of an epoch.
# - `mlpjax train --help` has `--resume`, `--epochs` and `--patience`.
