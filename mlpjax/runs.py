"""A training run on a bundled data set, from its options to its folder."""

import functools
import itertools
import json
import math
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

import mlpjax
from mlpjax import checks, gradients, names, optimizers, penalties, plots, storage
from mlpjax.data import Dataset
from mlpjax.fitting import History, fit
from mlpjax.fitting.options import check_epochs
from mlpjax.network import MLP, forward, init
from mlpjax.training import check_batch_size
from mlpjax.types import GradFn, Params, Penalty


@dataclass(frozen=True)
class Options:
    """How to train: the options of `mlpjax train`, by the same names."""

    layers: tuple[int, ...]
    activation: str
    optimizer: str
    learning_rate: float
    batch_size: int
    epochs: int
    l1: float
    l2: float
    seed: int
    gradient: str


class Score(NamedTuple):
    """How good a network is on a part of the data: its mean loss, and its accuracy or R²."""

    loss: float
    score: float


Progress = Callable[[int, Score], None]


class Trained(NamedTuple):
    """What a run has learned, and how it went."""

    params: Params
    history: History
    curves: dict[str, list[float]]
    test: Score
    seconds: float


def default_l2(data: Dataset) -> float:
    """The L2 penalty where none is asked for: it weighs as much as one example, or as ten if the target is a number."""
    return (1 if data.classes else 10) / len(data.x_train)


def network(data: Dataset, options: Options) -> MLP:
    """The network that fits a data set."""
    return MLP((len(data.features), *options.layers, data.outputs), options.activation, data.loss)


def gradient_method(name: str) -> GradFn:
    """The gradient method called `name`.

    Raises:
        ValueError: there is none; the message suggests the nearest name.
    """
    return names.find("gradient method", name, gradients.METHODS, {})


def check(mlp: MLP, options: Options, data: Dataset) -> None:
    """Everything that can be wrong with the options, before anything is computed: the gradient is only traced.

    Raises:
        ValueError: what was expected, and what came.
    """
    optimizer(options)
    checks.check_penalty(Penalty(options.l1, options.l2))
    check_batch_size(options.batch_size, len(data.x_train))
    check_epochs(options.epochs)
    params = jax.eval_shape(lambda key: init(mlp, key), jax.random.key(0))
    batch = jnp.asarray(data.x_train[: options.batch_size]), jnp.asarray(data.y_train[: options.batch_size])
    jax.eval_shape(functools.partial(gradient_method(options.gradient), mlp), params, *batch)


def gradient_error(mlp: MLP, params: Params, data: Dataset, options: Options) -> float:
    """The largest relative error of the gradient method against `jax.grad`, on one batch in float64, over all coordinates.

    Relative to the largest coordinate of its own array.
    """
    method = gradient_method(options.gradient)
    penalty = Penalty(l2=options.l2)  # L1 is not in the gradient: it is the proximal step's
    with jax.enable_x64(True):
        params = jax.tree.map(lambda array: jnp.asarray(array, jnp.float64), params)
        batch = data.x_train[: options.batch_size], data.y_train[: options.batch_size]
        _, got = method(mlp, params, *batch, penalty=penalty)
        _, expected = gradients.autodiff(mlp, params, *batch, penalty=penalty)
        errors = jax.tree.map(lambda g, e: jnp.max(jnp.abs(g - e)) / jnp.maximum(jnp.max(jnp.abs(e)), 1e-300), got, expected)
        return float(jnp.max(jnp.stack(jax.tree.leaves(errors))))


def optimizer(options: Options) -> optax.GradientTransformation:
    """The optimiser, followed by the proximal step of the L1 penalty if there is one, which makes weights exactly 0."""
    chosen = optimizers.named(options.optimizer, options.learning_rate)
    if not options.l1:
        return chosen
    return optax.chain(chosen, penalties.proximal(Penalty(l1=options.l1), options.learning_rate))


def start(mlp: MLP, options: Options) -> tuple[Params, jax.Array]:
    """The parameters to start from, and the key of the training."""
    key_params, key_training = jax.random.split(jax.random.key(options.seed))
    return init(mlp, key_params), key_training


def train(mlp: MLP, params: Params, key: jax.Array, data: Dataset, options: Options, progress: Progress) -> Trained:
    """Train and score, calling `progress` with the epoch and the training score after each."""
    training, test = jnp.asarray(data.x_train, jnp.float32), jnp.asarray(data.x_test, jnp.float32)
    curves: dict[str, list[float]] = {"training": [], "test": []}

    def after_epoch(epoch, state, info):
        scores = [score(mlp, state.params, *part).score for part in ((training, data.y_train), (test, data.y_test))]
        for curve, value in zip(curves.values(), scores, strict=True):
            curve.append(value)
        progress(epoch, Score(float(info.loss), scores[0]))

    began = time.perf_counter()
    state, history = fit(
        mlp,
        params,
        data.x_train,
        data.y_train,
        key=key,
        optimizer=optimizer(options),
        epochs=options.epochs,
        batch_size=options.batch_size,
        penalty=Penalty(l2=options.l2) if options.l2 else None,
        gradient=gradient_method(options.gradient),
        callback=after_epoch,
    )
    seconds = time.perf_counter() - began
    complete = min(len(history.loss), *map(len, curves.values()))  # Ctrl-C may fall between two of them
    curves = {part: curve[:complete] for part, curve in curves.items()}
    return Trained(state.params, history, curves, score(mlp, state.params, test, data.y_test), seconds)


def score(mlp: MLP, params: Params, x, y) -> Score:
    """The mean loss, and the share of right classes or R², the share of the variance explained."""
    z = forward(mlp, params, x).z[-1]
    y = jnp.asarray(y) if mlp.loss.target.labels else jnp.asarray(y, z.dtype)
    loss = jnp.mean(mlp.loss.value(z, y))
    if mlp.loss.target.labels:
        return Score(float(loss), float(jnp.mean(jnp.argmax(z, axis=1) == y)))
    return Score(float(loss), float(1 - jnp.sum((y - z) ** 2) / jnp.sum((y - jnp.mean(y)) ** 2)))


def claim_folder(path: Path) -> Path:
    """A folder that can be written but does not exist yet.

    Raises:
        FileExistsError: it exists.
        OSError: it cannot be made.
    """
    if path.exists():
        raise FileExistsError(f"{path} already exists: choose another folder with --out, or move it away")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.rmdir(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    except OSError as error:
        raise OSError(f"the run folder {path} cannot be made: {error.strerror}. Choose another with --out") from None
    return path


def write_folder(path: Path, mlp: MLP, data: Dataset, options: Options, trained: Trained, error: float) -> Path:
    """Write parameters, configuration and history, all of them or none, and then a picture.

    Returns:
        The folder: `path`, or one beside it if another run has taken that in the meantime.

    Raises:
        OSError: it cannot be written.
    """
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        temporary.chmod(0o777 & ~storage.umask())
        storage.save(temporary / "parameters.safetensors", mlp, trained.params)
        _write_json(temporary / "config.json", _configuration(mlp, data, options, trained, error))
        _write_json(temporary / "history.json", _curves(trained))
        path = _move(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    if len(trained.history.loss):
        _draw(path / "training.png", mlp, data, trained)
    return path


def _move(temporary: Path, path: Path) -> Path:
    for number in itertools.count(2):
        try:
            os.rename(temporary, path)
            return path
        except OSError:
            if not path.exists():
                raise
            path = path.with_name(f"{path.name.removesuffix(f'-{number - 1}')}-{number}")
    raise AssertionError("there is always a next number")


def _write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(_finite(content), indent=2, allow_nan=False) + "\n")


def _finite(content):
    """What JSON can hold: null for a number that is not finite."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def _configuration(mlp: MLP, data: Dataset, options: Options, trained: Trained, error: float) -> dict:
    device = jax.devices()[0]
    return {
        "dataset": data.name,
        "sizes": mlp.sizes,
        "loss": mlp.loss.name,
        "parameters": mlp.parameter_count,
        **asdict(options),
        "gradient_error": error,
        "stopped": trained.history.stopped,
        f"test_{score_name(data)}": trained.test.score,
        "test_loss": trained.test.loss,
        "seconds": trained.seconds,
        "device": f"{device.platform}: {device.device_kind}",
        "versions": {"mlpjax": mlpjax.__version__, "jax": jax.__version__, "python": platform.python_version()},
    }


def score_name(data: Dataset) -> str:
    """What a score of the data set is: "accuracy" or "r2"."""
    return "accuracy" if data.classes else "r2"


def _curves(trained: Trained) -> dict:
    history = trained.history
    return {
        "loss": history.loss.tolist(),
        **{f"{part}_score": values for part, values in trained.curves.items()},
        "gradient_norms": history.gradient_norms.tolist(),
        "change": history.change.tolist(),
        "stopped": history.stopped,
        "message": history.message,
    }


def _draw(path: Path, mlp: MLP, data: Dataset, trained: Trained) -> None:
    title = f"{data.name}, {'-'.join(map(str, mlp.sizes))}, {mlp.activations[0].name if mlp.activations else 'linear'}"
    history = trained.history
    plots.training_picture(path, title, history.loss, trained.curves, score_name(data), history.gradient_norms)
