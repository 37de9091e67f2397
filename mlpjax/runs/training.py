"""A run itself: the gradient proven, the network trained."""

import time
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from mlpjax import gradients
from mlpjax.data import Examples, Stream
from mlpjax.fitting import Checkpoints, History, fit, fit_stream
from mlpjax.fitting.driver import Callback
from mlpjax.network import MLP, init
from mlpjax.propagation import lsuv
from mlpjax.runs.examples import Prepared, with_balanced_classes
from mlpjax.runs.options import LSUV, Options, gradient_method, optimizer
from mlpjax.types import GradFn, Params, Penalty

LSUV_EXAMPLES = 1024
"""How many training examples LSUV looks at, at most."""

EXACT_TO = {"finite_difference": 1e-5}
"""How far a gradient method may lie from jax.grad in float64, where that is not 1e-9."""


class Trained(NamedTuple):
    """What a run has learned, and how it went."""

    params: Params
    history: History
    seconds: float


def relative_error(mlp: MLP, method: GradFn, params: Params, batch: tuple, penalty: Penalty) -> float:
    """The largest relative error of a gradient method against `jax.grad`, on one batch in float64, over all coordinates.

    Relative to the largest coordinate of its own array.
    """
    with jax.enable_x64(True):
        params = in_float64(params)
        x, y, *_ = batch
        _, got = method(mlp, params, x, y, **weighing(batch), penalty=penalty)
        _, expected = gradients.autodiff(mlp, params, x, y, **weighing(batch), penalty=penalty)
        errors = jax.tree.map(lambda g, e: jnp.max(jnp.abs(g - e)) / jnp.maximum(jnp.max(jnp.abs(e)), 1e-300), got, expected)
        return float(jnp.max(jnp.stack(jax.tree.leaves(errors))))


def weighing(batch: tuple) -> dict:
    """The weights of a batch as an argument by name: none where there are none, or where none of them counts."""
    _, _, *weights = batch
    return {"weights": weights[0]} if weights and weights[0].any() else {}


def in_float64(params: Params) -> Params:
    """The parameters in float64, where x64 is enabled."""
    return jax.tree.map(lambda array: jnp.asarray(array, jnp.float64), params)


def gradient_error(mlp: MLP, params: Params, prepared: Prepared, options: Options) -> float:
    """How far the gradient method of a run is from `jax.grad` on its first batch."""
    penalty = Penalty(l2=options.l2 or 0.0)  # L1 is not in the gradient: it is the proximal step's
    x, y, *_ = prepared.first_batch(options.batch_size or 1)
    return relative_error(mlp, gradient_method(options.gradient), params, (x, y), penalty)


def start(mlp: MLP, options: Options, prepared: Prepared) -> tuple[Params, jax.Array]:
    """The parameters to start from, and the key of the training.

    Raises:
        ValueError: LSUV cannot use the training examples.
    """
    key_params, key_training = jax.random.split(jax.random.key(options.seed))
    if options.init == LSUV:
        return lsuv(mlp, key_params, prepared.sample(LSUV_EXAMPLES).x), key_training
    return init(mlp, key_params, options.init), key_training


def train(
    mlp: MLP,
    params: Params,
    key: jax.Array,
    prepared: Prepared,
    options: Options,
    callbacks: Sequence[Callback],
    checkpoints: Checkpoints,
) -> Trained:
    """Train from the start, or from the latest checkpoint.

    Without a validation set the test examples are looked at after each epoch, for the picture, and decide nothing.
    """
    began = time.perf_counter()
    steps = options.epochs * -(-prepared.rows // (options.batch_size or 1))
    held_out = prepared.test if prepared.validation is None else prepared.validation
    common = {
        "optimizer": optimizer(options, steps),
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "penalty": Penalty(l2=options.l2) if options.l2 else None,
        "gradient": gradient_method(options.gradient),
        "monitor": "loss" if prepared.validation is None else "validation_loss",
        "patience": options.patience,
        "validation": _present(held_out),
        "callback": callbacks,
        "checkpoints": checkpoints,
        "health_every": options.health_every,
    }
    if isinstance(prepared.training, Stream):
        stream = prepared.training
        batches = with_balanced_classes(stream) if options.balanced else stream.batches
        state, history = fit_stream(mlp, params, batches, **common)
    else:
        x, y, weights = prepared.training
        class_weights = "balanced" if options.balanced else None
        state, history = fit(mlp, params, x, y, key=key, weights=weights, class_weights=class_weights, **common)
    return Trained(state.params, history, time.perf_counter() - began)


def _present(examples: Examples) -> tuple:
    return tuple(array for array in examples if array is not None)
