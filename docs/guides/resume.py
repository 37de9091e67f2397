# %% [markdown]
# # Resume a run
#
# A run that is killed goes on where its last checkpoint was, to the same bits as one that was never killed.
#
# ## On the command line
#
# `mlpjax train` writes checkpoints as it goes. Here it is stopped in its first epochs by a signal, as a scheduler or an
# impatient hand would: what was learned is kept, and reported.

# %% tags=["hide"]
import workplace  # noqa: F401

# %% language="bash"
# mlpjax train iris --out run --epochs 2000 2>&1 &
# until grep --quiet '"epoch": 3' run/log.jsonl 2> /dev/null; do sleep 0.1; done
# kill $!
# wait $! || echo "exit code $?"

# %% [markdown]
# `--resume` goes on from there, with the data and the options of the run. With `--epochs` it goes on to another number of
# them.

# %% language="bash"
# mlpjax train --resume run

# %% [markdown]
# ## In a program
#
# `Checkpoints` names a folder and how often to write to it. The same call again goes on from what it finds there.

# %%
import jax
import numpy as np

from mlpjax import MLP, Checkpoints, fit, init

x = np.random.default_rng(0).normal(size=(300, 4))
y = (x[:, 0] * x[:, 1] > 0).astype(int)
mlp = MLP((4, 32, 2), "tanh", "softmax_cross_entropy_with_integer_labels")
start = init(mlp, jax.random.key(0))


def train(epochs, folder=None):
    """The parameters after so many epochs."""
    checkpoints = None if folder is None else Checkpoints(folder, seconds=0.1)
    state, _ = fit(mlp, start, x, y, key=jax.random.key(1), epochs=epochs, checkpoints=checkpoints)
    return state.params


train(40, "checkpoints")  # stopped at 40 epochs, say
resumed = train(100, "checkpoints")
uninterrupted = train(100)
print("the same to the bit:", all(map(np.array_equal, jax.tree.leaves(resumed), jax.tree.leaves(uninterrupted))))
