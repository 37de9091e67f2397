"""PyTorch modules to networks and back: the same outputs to 1e-6, and what is not the same is refused by name."""

import jax
import pytest
from foreign import X, float32, same, same_network
from support import ACTIVATIONS

from mlpjax import MLP, Activation, init, interop, predict

torch = pytest.importorskip("torch")
nn = torch.nn


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name not in ("step", "sin")])
def test_pytorch_there_and_back(name):
    mlp = MLP((3, 4, 5, 2), (ACTIVATIONS[name], ACTIVATIONS["tanh"]))
    params = float32(mlp)
    module = interop.to_torch(mlp, params)
    same(module(torch.from_numpy(X)).detach().numpy(), predict(mlp, params, X))
    same_network(interop.from_torch(module), mlp, params)


@pytest.mark.parametrize(
    ("last", "loss"),
    [
        ("Sigmoid()", "sigmoid_binary_cross_entropy"),
        ("Softmax(dim=1)", "softmax_cross_entropy"),
        ("Identity()", "squared_error"),
        ("Tanh()", "squared_error@tanh"),
        ("Dropout()", "squared_error"),
    ],
)
def test_a_pytorch_module_of_many_kinds_of_layers(last, loss):
    first = nn.Sequential(nn.Flatten(), nn.Linear(3, 4, bias=False), nn.LeakyReLU(0.3), nn.Dropout(0.9))
    module = nn.Sequential(first, nn.Linear(4, 5), nn.Linear(5, 3), nn.PReLU(), nn.Linear(3, 2), eval(f"nn.{last}"))
    mlp, params = interop.from_torch(module)
    assert (mlp.sizes, mlp.loss.name) == ((3, 4, 5, 3, 2), loss)
    assert [f.name for f in mlp.activations] == ["leaky_relu(0.3)", "identity", "leaky_relu(0.25)"]
    same(predict(mlp, params, X), module.eval()(torch.from_numpy(X)).detach().numpy())


def test_pytorch_s_own_dtypes():
    for name in ("float64", "bfloat16", "float16"):
        mlp = MLP((3, 4, 2), "tanh")
        params = init(mlp, jax.random.key(0), dtype=name)
        module = interop.to_torch(mlp, params)
        assert module[0].weight.dtype == getattr(torch, name)
        same_network(interop.from_torch(module), mlp, params)


def test_what_pytorch_has_and_we_have_not():
    linear = nn.Linear(3, 3)
    with pytest.raises(ValueError, match=r"layer 2, ReLU6\(\), computes none of the activations known here: identity, "):
        interop.from_torch(nn.Sequential(linear, nn.ReLU6()))
    with pytest.raises(ValueError, match=r"layer 2, Conv1d\(3, 3.*is neither linear nor an activation: .*weight"):
        interop.from_torch(nn.Sequential(linear, nn.Conv1d(3, 3, kernel_size=(2,))))
    with pytest.raises(ValueError, match=r"layer 2, BatchNorm1d.*computes none"):
        interop.from_torch(nn.Sequential(linear, nn.BatchNorm1d(3)))
    with pytest.raises(ValueError, match=r"layer 3, Tanh\(\), must follow a linear layer"):
        interop.from_torch(nn.Sequential(linear, nn.ReLU(), nn.Tanh()))
    with pytest.raises(ValueError, match=r"layer 1, Tanh\(\), must follow a linear layer"):
        interop.from_torch(nn.Sequential(nn.Tanh(), linear))
    with pytest.raises(ValueError, match=r"layer 2 must have weights of shape \(3, outputs\), got \(4, 2\)"):
        interop.from_torch(nn.Sequential(linear, nn.Linear(4, 2)))
    with pytest.raises(ValueError, match="there is no linear layer"):
        interop.from_torch(nn.Sequential(nn.Identity()))
    for name in ("step", "sin"):
        mlp = MLP((3, 4, 2), name)
        with pytest.raises(ValueError, match=f"PyTorch has nothing that computes the activation '{name}'; it has identity, "):
            interop.to_torch(mlp, float32(mlp))


def test_an_activation_of_one_s_own_is_not_taken_for_another_of_its_name():
    cube = Activation("tanh", lambda z: z**3, lambda z, a: 3 * z**2, lambda z, a: 6 * z)
    mlp = MLP((3, 4, 2), cube)
    with pytest.raises(ValueError, match="nothing that computes the activation 'tanh'"):
        interop.to_torch(mlp, float32(mlp))
