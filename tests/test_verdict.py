"""The verdict: no false alarm on networks that train well, no miss on networks that do not, and cures that cure."""

import functools
import warnings
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.datasets import load_diabetes, load_digits
from support import quick

from mlpjax import MLP, Layer, fit, init, loss, predict
from mlpjax.diagnosis.health import health
from mlpjax.diagnosis.verdict import ENOUGH, diagnose

LABELS = "softmax_cross_entropy_with_integer_labels"
ADAM = optax.adam(3e-3)


def standardised(array):
    return ((array - array.mean(0)) / (array.std(0) + 1e-6)).astype(np.float32)


@functools.cache
def data(name):
    if name == "digits":
        x, y = load_digits(return_X_y=True)
        return standardised(x)[:400], y[:400].astype(np.int32), 10, LABELS
    if name == "diabetes":
        x, y = load_diabetes(return_X_y=True)
        return standardised(x), standardised(y[:, None]), 1, "squared_error"
    x = np.random.default_rng(0).standard_normal((400, 2)).astype(np.float32)
    return x, (np.hypot(*x.T) > 1.1).astype(np.int32), 2, LABELS


class Case(NamedTuple):
    """A network and how it is trained; `learned` is the part of its first loss that a network that trains well goes below."""

    data: str
    hidden: tuple[int, ...]
    activation: str
    optimizer: optax.GradientTransformation = ADAM
    batch_size: int = 32
    epochs: int = 25
    initializer: str | None = None
    scale: float = 1.0
    bias: float = 0.0
    learned: float = 0.2

    def network(self) -> MLP:
        x, _, outputs, of = data(self.data)
        return MLP((x.shape[1], *self.hidden, outputs), self.activation, of)

    def params(self):
        *hidden, last = init(self.network(), jax.random.key(0), self.initializer, dtype=jnp.float32)
        moved = [Layer(self.scale * W, b + self.bias) for W, b in hidden]
        return (*moved, Layer(self.scale * last.W, last.b))

    def examined(self, params, n=None, **options):
        x, y, *_ = data(self.data)
        return diagnose(self.network(), health(self.network(), params, x[:n], y[:n], **options))

    def loss(self, params) -> float:
        return float(loss(self.network(), params, *data(self.data)[:2]))

    def fit(self, **options):
        x, y, *_ = data(self.data)
        options = {"epochs": self.epochs, "batch_size": self.batch_size, "optimizer": self.optimizer} | options
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return fit(self.network(), self.params(), x, y, key=jax.random.key(1), **options)


GOOD = {
    "relu": Case("digits", (64, 32), "relu"),
}
GOOD_TOO = {
    "sigmoid": Case("digits", (32, 32), "sigmoid", learned=0.5),
    "tiny, one example a step": Case("ring", (8, 8), "relu", batch_size=1, epochs=8, learned=0.5),
    "five of gelu": Case("digits", (32,) * 5, "gelu"),
    "deep": Case("digits", (24,) * 12, "tanh"),
    "deep and narrow": Case("ring", (16,) * 8, "relu", epochs=60),
    "wide": Case("digits", (256, 16), "elu"),
    "numbers": Case("diabetes", (32, 32), "tanh", batch_size=4, epochs=60, learned=0.5),
    "gradient descent": Case("digits", (64, 32), "relu", optax.sgd(0.05), epochs=60),
    "long and quick": Case("digits", (64, 64), "tanh", optax.adam(0.03), epochs=40),
}


def check_is_healthy(case: Case) -> None:
    """Before, after, and at every record in between, in batches of every size from that of a step to the whole."""
    state, history = case.fit(health_every=20)
    assert case.loss(state.params) < case.learned * case.loss(case.params())
    for row in range(len(history.health.factor)):
        record = jax.tree.map(lambda rows, row=row: rows[row], history.health)
        assert [one.condition for one in diagnose(case.network(), record)] == ["healthy"], history.health_steps[row]
    for params in (case.params(), state.params):
        for n in (10, None):
            (finding,) = case.examined(params, n)
            assert finding.condition == "healthy", finding


@pytest.mark.slow
@pytest.mark.parametrize("name", GOOD)
def test_no_false_alarm(name):
    check_is_healthy(GOOD[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", GOOD_TOO)
def test_no_false_alarm_on_more(name):
    check_is_healthy(GOOD_TOO[name])


SGD = optax.sgd(0.05)
BAD = {
    "eight of sigmoids": (Case("digits", (32,) * 8, "sigmoid", SGD), {"vanishing"}),
    "thirty of sigmoids": (Case("digits", (32,) * 30, "sigmoid"), {"vanishing"}),
    "small weights": (Case("digits", (32,) * 10, "tanh", SGD, scale=0.5), {"vanishing"}),
    "smaller weights": (Case("digits", (32,) * 10, "relu", SGD, scale=0.2), {"vanishing"}),
    "large weights": (Case("digits", (32,) * 10, "relu", SGD, scale=2), {"exploding"}),
    "larger weights": (Case("digits", (64,) * 3, "tanh", scale=30), {"saturated"}),
    "biases far below 0": (Case("digits", (64, 64), "relu", bias=-10), {"dead"}),
    "zeros": (Case("digits", (16, 16), "tanh", initializer="zeros"), {"symmetric"}),
    "zeros and relu": (Case("digits", (16, 16), "relu", initializer="zeros"), {"symmetric"}),
    "zeros and sigmoids": (Case("digits", (16, 16), "sigmoid", initializer="zeros"), {"symmetric"}),
}


@pytest.mark.parametrize("name", quick(BAD, "large weights", "biases far below 0", "zeros"))
def test_no_miss_at_the_start(name):
    case, expected = BAD[name]
    found = case.examined(case.params())
    assert {finding.condition for finding in found} == expected
    assert all(finding.cure and finding.layers for finding in found)


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD)
def test_what_is_said_to_be_ill_does_not_learn(name):
    """After as many epochs as a healthy network needs to learn all, it has not."""
    case, _ = BAD[name]
    state, history = case.fit(epochs=20)
    assert history.stopped == "diverged" or case.loss(state.params) > min(0.5, 0.1 * case.loss(case.params()))


@pytest.mark.slow
@pytest.mark.parametrize(
    "optimizer", [optax.adam(1.0), pytest.param(optax.sgd(5.0), marks=pytest.mark.slow)], ids=["adam", "sgd"]
)
def test_a_learning_rate_far_too_high(optimizer):
    """Seen at the very first step; and in the end the units are dead, saturated, or the numbers have overflowed."""
    for activation, ends in (("relu", {"dead", "exploding"}), ("tanh", {"saturated"})):
        case = Case("digits", (64, 32), activation, optimizer)
        state, history = case.fit(health_every=1, epochs=5)
        first, *_ = diagnose(case.network(), jax.tree.map(lambda rows: rows[0], history.health))
        assert first.condition == "exploding"
        assert "learning rate" in first.cure
        assert ends & {one.condition for one in case.examined(state.params)}


@pytest.mark.slow
def test_clipping_keeps_exploding_factors_from_diverging():
    """The cure that the finding names: weights too large by half in twelve layers diverge without clipping, and not with it."""
    case = Case("digits", (32,) * 12, "relu", SGD, scale=1.6)
    assert "clip_by_global_norm" in case.examined(case.params())[0].cure
    assert case.fit(epochs=3)[1].stopped == "diverged"
    clipped = case._replace(optimizer=optax.chain(optax.clip_by_global_norm(1.0), SGD))
    state, history = clipped.fit(epochs=3)
    assert history.stopped == "epochs"
    assert clipped.loss(state.params) < clipped.loss(clipped.params())


def test_a_network_that_has_learned_everything_is_healthy():
    """Targets that are its own outputs, and nearly so: the deltas are 0, and then a billion times smaller than usual."""
    case = Case("diabetes", (16,) * 4, "tanh")
    mlp, params, x = case.network(), case.params(), data("diabetes")[0]
    for off in (0.0, 1e-7):
        (finding,) = diagnose(mlp, health(mlp, params, x, predict(mlp, params, x) + off))
        assert finding.condition == "healthy"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["eight of sigmoids", "small weights", "large weights"])
def test_the_cure_cures(name):
    """The activation or the size of the weights that is named, in the same network."""
    case, _ = BAD[name]
    cure = case.examined(case.params())[0].cure
    if "use relu" in cure:
        cured = case._replace(activation="relu")
    else:
        cured = case._replace(scale=case.scale * float(cure.split(" times as large")[0].split()[-1]))
    (finding,) = cured.examined(cured.params())
    assert finding.condition == "healthy"


def test_numbers_that_are_none():
    case = Case("digits", (8,), "tanh")
    params = jax.tree.map(lambda leaf: leaf * jnp.nan, case.params())
    (finding,) = case.examined(params)
    assert (finding.condition, finding.layers) == ("exploding", (1, 2))


@pytest.mark.parametrize(("layer", "conditions"), [(0, ["vanishing"]), (9, ["vanishing", "exploding"])])
def test_where_no_gradient_arrives_a_large_step_is_a_consequence(layer, conditions):
    mlp, x = MLP((4, *[16] * 9, 1), "sigmoid"), jax.random.normal(jax.random.key(1), (50, 4))
    params = init(mlp, jax.random.key(0))
    update = [jax.tree.map(lambda values, part=float(l == layer): part * values, of) for l, of in enumerate(params)]
    found = diagnose(mlp, health(mlp, params, x, x[:, :1], update=tuple(update)))
    assert [finding.condition for finding in found] == conditions


def test_a_tanh_that_is_driven_to_its_ends_is_saturated_and_not_dead():
    case = Case("digits", (16, 16), "tanh")
    x, y, *_ = data("digits")
    (finding,) = diagnose(case.network(), health(case.network(), case.params(), 1e6 * x + 1e6, y))
    assert (finding.condition, finding.layers) == ("saturated", (1,))
    assert "standardise the inputs" in finding.cure


def test_few_examples_say_nothing_of_dead_units():
    case, _ = BAD["biases far below 0"]
    assert case.examined(case.params(), ENOUGH)[0].condition == "dead"
    assert all(one.condition != "dead" for one in case.examined(case.params(), ENOUGH - 1))


def test_a_layer_of_one_unit_is_not_symmetric_and_a_last_layer_of_zeros_is_a_start():
    case = Case("digits", (16, 1, 16), "tanh")
    assert case.examined(case.params())[0].condition == "healthy"
    *hidden, last = Case("digits", (16, 16), "tanh").params()
    (finding,) = Case("digits", (16, 16), "tanh").examined((*hidden, jax.tree.map(jnp.zeros_like, last)))
    assert finding.condition == "healthy"


def test_bad_input():
    case = Case("digits", (8,), "tanh")
    history = case.fit(health_every=1, epochs=1)[1]
    with pytest.raises(ValueError, match=r"health must be of one moment and of 2 layers, .* of a history take one record"):
        diagnose(case.network(), history.health)
    one = jax.tree.map(lambda rows: rows[0], history.health)
    with pytest.raises(ValueError, match=r"of 3 layers, fields of shape \(3,\); got \(2,\)"):
        diagnose(MLP((64, 8, 8, 10)), one)
