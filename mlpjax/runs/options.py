"""The options of a run: what to learn from, and how. They are those of `mlpjax train`, by the same names."""

import dataclasses
import functools
import types
import typing
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from mlpjax import activations, checks, gradients, initializers, losses, names, optimizers, penalties
from mlpjax.data import MEMORY, Choices
from mlpjax.fitting.options import check_epochs, check_every
from mlpjax.network import MLP, init
from mlpjax.runs.examples import Prepared
from mlpjax.training import check_batch_size
from mlpjax.types import GradFn, Penalty

SCHEDULES = ("constant", "cosine")
CLASS_LOSS = "softmax_cross_entropy_with_integer_labels"
LSUV = "lsuv"
INITIALIZERS = (*initializers.RECORDS, LSUV)
"""How a network can start, by name."""
VALIDATION = 0.1
"""The part of the training examples that is held out for early stopping, unless another is asked for."""
HEALTH_EVERY, HEALTH_RECORDS = 500, 50
"""Health is recorded at each so many-th step, or so many times in all if that is more often."""


@dataclass(frozen=True)
class Options:
    """How to train; `None` stands for what suits the data."""

    layers: tuple[int, ...] = (64, 32)
    activation: str = "relu"
    loss: str | None = None
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    schedule: str = "constant"
    clip: float | None = None
    batch_size: int | None = None
    epochs: int = 100
    l1: float = 0.0
    l2: float | None = None
    balanced: bool = False
    validation: float = 0.0
    patience: int | None = None
    seed: int = 0
    gradient: str = "backprop"
    init: str | None = None
    health: bool = False
    health_every: int | None = None

    @property
    def held_out(self) -> float:
        """The part of the training examples that says when to stop; 0 if none does."""
        return self.validation or (0.0 if self.patience is None else VALIDATION)


def settled(options: Options, prepared: Prepared) -> Options:
    """The options with everything that was left to the data decided."""
    classes, n = prepared.preprocessing.target.classes, prepared.rows
    full_batch = options.optimizer in optimizers.FULL_BATCH
    loss = options.loss or (CLASS_LOSS if classes else "squared_error")
    usual = n if full_batch else min(256 if prepared.streamed else 32, n)
    size = usual if options.batch_size is None else options.batch_size
    every = options.health_every
    if options.health and every is None and size:
        every = int(np.clip(options.epochs * -(-n // size) // HEALTH_RECORDS, 1, HEALTH_EVERY))
    return dataclasses.replace(
        options,
        loss=loss,
        batch_size=size,
        health=every is not None,
        health_every=every,
        l2=(10 if losses.named(loss).target is losses.NUMBERS else 1) / n if options.l2 is None else options.l2,
    )


def network(prepared: Prepared, options: Options) -> MLP:
    """The network that fits the data.

    Raises:
        ValueError: an option is not one, or the loss does not suit the target.
    """
    preprocessing = prepared.preprocessing
    loss = losses.named(options.loss or "")
    wanted = (losses.LABELS,) if preprocessing.target.classes else (losses.NUMBERS, losses.COUNTS)
    if loss.target not in wanted:
        what = "classes" if preprocessing.target.classes else "numbers"
        known = {**losses.RECORDS, **{name: family() for name, family in losses.FAMILIES.items()}}
        suited = [name for name, record in known.items() if record.target in wanted]
        raise ValueError(f"the loss {loss.name} cannot learn {what} from a table: use one of {', '.join(sorted(suited))}")
    return MLP((len(preprocessing.features), *options.layers, preprocessing.outputs), options.activation, loss)


def gradient_method(name: str) -> GradFn:
    """The gradient method called `name`.

    Raises:
        ValueError: there is none; the message suggests the nearest name.
    """
    return names.find("gradient method", name, gradients.METHODS, {})


def check(options: Options) -> None:
    """Everything that can be wrong with the options whatever the data, before they are read.

    Raises:
        ValueError: what was expected, and what came.
    """
    optimizer(options, steps=1)
    activations.named(options.activation)
    gradient_method(options.gradient)
    if options.init is not None and options.init not in INITIALIZERS:
        raise ValueError(names.nearest("initialiser", options.init, INITIALIZERS))
    checks.check_penalty(Penalty(options.l1, options.l2 or 0.0))
    check_epochs(options.epochs)
    check_every(options.health_every, "health_every", "steps")
    if any(size < 1 for size in options.layers):
        raise ValueError(f"every hidden layer must have 1 unit or more, got {','.join(map(str, options.layers))}")
    if not 0 <= options.validation < 1:
        raise ValueError(f"the validation part must be a fraction from 0 to less than 1, got {options.validation}")
    if options.patience is not None and options.patience < 1:
        raise ValueError(f"patience must be 1 or more epochs, got {options.patience}")


def check_with_data(mlp: MLP, options: Options, prepared: Prepared) -> None:
    """Everything else, before anything is computed: the gradient is only traced.

    Raises:
        ValueError: what was expected, and what came.
    """
    check_batch_size(options.batch_size or 0, prepared.rows)
    if options.optimizer in optimizers.FULL_BATCH and options.batch_size != prepared.rows:
        raise ValueError(f"{options.optimizer} needs all {prepared.rows} examples at every step: leave --batch-size out")
    if options.balanced and not prepared.preprocessing.target.classes:
        raise ValueError("balanced classes need classes to predict, and the target is a number")
    if prepared.streamed and options.optimizer in optimizers.FULL_BATCH:
        raise ValueError(f"{options.optimizer} needs all the examples in memory at once: raise --memory, or use adam")
    params = jax.eval_shape(lambda key: init(mlp, key), jax.random.key(0))
    x, y, *_ = prepared.first_batch(options.batch_size or 1)
    jax.eval_shape(functools.partial(gradient_method(options.gradient), mlp), params, jnp.asarray(x), jnp.asarray(y))


def optimizer(options: Options, steps: int) -> optax.GradientTransformation:
    """The optimiser: clipping before it, its schedule in it, and after it the proximal step of an L1 penalty.

    Args:
        options: of the run.
        steps: how many there will be, for the schedule.

    Raises:
        ValueError: an option is not one.
    """
    rate = _learning_rate(options, steps)
    parts = [] if options.clip is None else [optax.clip_by_global_norm(options.clip)]
    if options.clip is not None and not options.clip > 0:
        raise ValueError(f"the gradient can be clipped to a norm above 0, got {options.clip}")
    parts.append(optimizers.named(options.optimizer, rate))
    if options.l1:
        parts.append(penalties.proximal(Penalty(l1=options.l1), rate))
    return parts[0] if len(parts) == 1 else optax.chain(*parts)


def _learning_rate(options: Options, steps: int) -> optax.ScalarOrSchedule:
    if options.schedule not in SCHEDULES:
        raise ValueError(names.nearest("schedule", options.schedule, SCHEDULES))
    optimizers.check_learning_rate(options.learning_rate)
    if options.schedule == "constant":
        return options.learning_rate
    return optax.cosine_decay_schedule(options.learning_rate, steps)


def as_json(record: Any) -> dict:
    """A record of options as JSON can hold it."""
    return dataclasses.asdict(record)


def from_json(kind: type, said: Any) -> Any:
    """The record of options that `as_json` wrote.

    Raises:
        ValueError: an entry is absent, unknown or of another type.
    """
    if not isinstance(said, dict):
        raise ValueError(f"it has no {kind.__name__} but {said!r:.80}")
    known = {field.name: field for field in dataclasses.fields(kind)}
    if set(said) != set(known):
        raise ValueError(f"its {kind.__name__} must have {', '.join(known)}; it has {', '.join(map(str, said))}")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}
    for name, value in values.items():
        if not _fits(value, known[name].type):
            raise ValueError(f"its {name} is {value!r:.80}")
    return kind(**values)


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value from JSON is of the type of a field."""
    if isinstance(kind, types.UnionType):
        return any(_fits(value, one) for one in typing.get_args(kind))
    if typing.get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(_fits(entry, typing.get_args(kind)[0]) for entry in value)
    return type(value) in ((float, int) if kind is float else (kind,))


@dataclass(frozen=True)
class DataOptions:
    """What to learn from.

    Attributes:
        data: a bundled set, a file, or "-" for standard input.
        target: as in `data.Choices`.
        task: as in `data.Choices`.
        numeric: as in `data.Choices`.
        categorical: as in `data.Choices`.
        drop: as in `data.Choices`.
        weights: as in `data.Choices`.
        delimiter: of CSV.
        test: the part held out for test.
        memory: above how many bytes a table is streamed.
    """

    data: str
    target: tuple[str, ...] = ()
    task: str | None = None
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    weights: str | None = None
    delimiter: str | None = None
    test: float = 0.2
    memory: int = MEMORY

    @property
    def choices(self) -> Choices:
        """What the columns are for."""
        return Choices(
            self.target[0] if len(self.target) == 1 else self.target,
            self.task,
            self.numeric,
            self.categorical,
            self.drop,
            self.weights,
        )
