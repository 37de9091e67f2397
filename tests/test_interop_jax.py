"""Equinox and Flax models to networks and back: the same outputs to 1e-6, and what is not the same is refused by name."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from flax import linen, nnx
from foreign import X, float32, same, same_network
from support import ACTIVATIONS, quick

from mlpjax import MLP, interop, losses, predict


@pytest.mark.parametrize("name", quick(["relu", "gelu_tanh", "elu(0.5)", "step"], "relu", "gelu_tanh", "elu(0.5)"))
@pytest.mark.parametrize("hidden", [(), (4,), (4, 4, 4)])
def test_equinox_there_and_back(hidden, name):
    mlp = MLP((3, *hidden, 2), ACTIVATIONS[name])
    params = float32(mlp)
    model = interop.to_equinox(mlp, params)
    same(jax.vmap(model)(X), predict(mlp, params, X))
    same_network(interop.from_equinox(model), mlp, params)


@pytest.mark.parametrize("options", [{}, {"scan": True}, {"use_bias": False, "activation": jax.nn.gelu}])
def test_an_equinox_mlp_of_every_kind(options):
    model = eqx.nn.MLP(3, 2, 5, 3, final_activation=jax.nn.sigmoid, key=jax.random.key(0), **options)
    mlp, params = interop.from_equinox(model)
    assert mlp.loss == losses.sigmoid_binary_cross_entropy
    same(predict(mlp, params, X), jax.vmap(model)(X))


def test_an_equinox_sequential():
    keys = jax.random.split(jax.random.key(0))
    model = eqx.nn.Sequential(
        [
            eqx.nn.Linear(3, 4, key=keys[0]),
            eqx.nn.Lambda(jnp.sin),
            eqx.nn.Linear(4, 2, key=keys[1]),
            eqx.nn.Lambda(jax.nn.softmax),
        ]
    )
    mlp, params = interop.from_equinox(model)
    assert (mlp.activation.name, mlp.loss.name) == ("sin", "softmax_cross_entropy")
    same(predict(mlp, params, X), jax.vmap(model)(X))


def test_what_equinox_has_and_we_have_not():
    prelu = eqx.nn.MLP(3, 2, 5, 2, activation=eqx.nn.PReLU(0.25), key=jax.random.key(0))
    with pytest.raises(ValueError, match=r"layer 2, the activation PReLU.*(computes none|is neither linear)"):
        interop.from_equinox(
            eqx.tree_at(lambda model: model.activation.negative_slope, prelu, jnp.full((2, 5), 0.25).at[0, 0].set(1))
        )
    mlp = MLP((3, 4, 5, 2))
    with pytest.raises(ValueError, match=r"hidden layers of one size and one activation, and these are \(4, 5\) with relu, relu"):
        interop.to_equinox(mlp, float32(mlp))


@pytest.mark.parametrize("name", ["relu", "sin", "leaky_relu(0.3)"])
def test_nnx_there_and_back(name):
    mlp = MLP((3, 4, 5, 2), (ACTIVATIONS[name], ACTIVATIONS["gelu"]))
    params = float32(mlp)
    model = interop.to_nnx(mlp, params)
    same(model(X), predict(mlp, params, X))
    same_network(interop.from_nnx(model), mlp, params)


def test_nnx_layers_in_a_list_and_with_defaults_of_its_own():
    rngs = nnx.Rngs(0)
    layers = [nnx.Linear(3, 4, rngs=rngs, use_bias=False), nnx.gelu, nnx.Linear(4, 2, rngs=rngs), nnx.softmax]
    mlp, params = interop.from_nnx(layers)
    assert (mlp.activation.name, mlp.loss.name) == ("gelu_tanh", "softmax_cross_entropy")
    same(predict(mlp, params, X), nnx.Sequential(*layers)(X))
    with pytest.raises(ValueError, match=r"layer 2, Conv, computes none of the activations"):
        interop.from_nnx([layers[0], nnx.Conv(4, 4, kernel_size=(3,), rngs=rngs)])


@pytest.mark.parametrize("compact", [True, False])
def test_linen_there_and_back(compact):
    layers = [linen.Dense(4), linen.relu, *[part for _ in range(10) for part in (linen.Dense(3), linen.relu)], linen.Dense(2)]
    module = linen.Sequential(layers)
    variables = module.init(jax.random.key(0), X)
    if compact:  # Dense_10 must come after Dense_2
        numbered = dict(enumerate(sorted(variables["params"], key=lambda name: int(name.split("_")[1]))))
        compacted = {"params": {f"Dense_{l}": variables["params"][name] for l, name in numbered.items()}}
        mlp, params = interop.from_linen(compacted, "relu")
        assert jax.tree.map(jnp.shape, interop.to_linen(mlp, params)) == jax.tree.map(jnp.shape, compacted)
    mlp, params = interop.from_linen(variables, "relu")
    same(predict(mlp, params, X), module.apply(variables, X))
    names = [f"layers_{2 * l}" for l in range(12)]
    same(module.apply(interop.to_linen(mlp, params, names), X), predict(mlp, params, X))


def test_what_is_not_a_linen_network():
    kernel = {"kernel": jnp.ones((3, 2))}
    with pytest.raises(ValueError, match="Conv_0 is not a Dense layer, which holds kernel and bias: it holds scale"):
        interop.from_linen({"Conv_0": {"scale": jnp.ones(3)}})
    with pytest.raises(ValueError, match="names that end in their number, such as Dense_0; got 'out'"):
        interop.from_linen({"Dense_0": kernel, "out": kernel})
    with pytest.raises(
        ValueError, match=r"layer 1 has weights of shape \(3, 2\) and must have biases of shape \(2,\), got \(3,\)"
    ):
        interop.from_linen({"Dense_0": {**kernel, "bias": jnp.ones(3)}})
    mlp = MLP((3, 2))
    with pytest.raises(ValueError, match="names must be one for each of 1 layers"):
        interop.to_linen(mlp, float32(mlp), ["a", "b"])
