"""An epoch of training in other libraries: each one's usual loop over mini-batches, as its documentation shows it.

Every one gets the same data in its own kind of array before the clock starts, in float32, draws a new random order for each
epoch, logs nothing, and has finished its work when it returns the loss. The compiled step of Equinox and Flax gathers the rows
of its batch itself: that is their quickest way, and on a GPU it saves them a copy from the host for each step.
"""

import logging

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.problems import Problem

LEARNING_RATE = 1e-3


class Unavailable(Exception):  # noqa: N818
    """This peer cannot run here; the message says why."""


def sklearn(problem: Problem):
    """scikit-learn, one `partial_fit` an epoch; two classes share one logistic output there."""
    from sklearn.neural_network import MLPClassifier

    if jax.default_backend() != "cpu":
        raise Unavailable("it runs on the CPU only")
    x, y = problem.data()
    classes = np.arange(problem.sizes[-1])
    classifier = MLPClassifier(
        problem.sizes[1:-1], alpha=0, batch_size=problem.batch, learning_rate_init=LEARNING_RATE, random_state=0
    )

    def epoch():
        return classifier.partial_fit(x, y, classes=classes).loss_

    return epoch


def torch_eager(problem: Problem):
    """PyTorch, a Python loop over batches."""
    return _torch(problem, lambda function: function)


def torch_compiled(problem: Problem):
    """PyTorch, the same loop with the model, its loss and the optimiser's step compiled."""
    import torch

    torch.compiler.reset()
    logging.getLogger("torch._dynamo").setLevel(logging.ERROR)
    run = _torch(problem, lambda function: torch.compile(function, dynamic=False))

    def epoch():
        try:
            return run()
        except RuntimeError as error:
            raise Unavailable(f"torch.compile fails here: {str(error).splitlines()[0]}") from error

    return epoch


def _torch_device():
    import torch

    if jax.default_backend() == "cpu":
        return torch.device("cpu")
    if jax.default_backend() != "gpu" or not torch.cuda.is_available():
        raise Unavailable("this build of PyTorch has no such device")
    torch.set_float32_matmul_precision("high")  # TF32, as in JAX
    return torch.device("cuda")


def _torch(problem: Problem, compiled):
    import torch

    torch.manual_seed(0)
    device = _torch_device()
    x, y = (torch.from_numpy(array).to(device) for array in problem.data())
    y = y.long()
    layers = [torch.nn.Linear(*fans) for fans in zip(problem.sizes[:-1], problem.sizes[1:], strict=True)]
    hidden = [module for layer in layers[:-1] for module in (layer, torch.nn.ReLU())]
    model = torch.nn.Sequential(*hidden, layers[-1]).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    cross_entropy = torch.nn.CrossEntropyLoss()
    loss_of = compiled(lambda x, y: cross_entropy(model(x), y))
    update = compiled(optimizer.step)

    def epoch():
        for rows in torch.randperm(problem.examples, device=device).split(problem.batch):
            optimizer.zero_grad()
            loss = loss_of(x[rows], y[rows])
            loss.backward()
            update()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return loss.item()

    return epoch


def _batches(problem: Problem, random: np.random.Generator) -> np.ndarray:
    return random.permutation(problem.examples).astype(np.int32).reshape(-1, problem.batch)


def _cross_entropy(logits, y):
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


def equinox(problem: Problem):
    """Equinox, an `eqx.filter_jit` step in a Python loop over batches."""
    import equinox as eqx

    x, y = map(jnp.asarray, problem.data())
    inputs, width, *hidden, outputs = problem.sizes
    model = eqx.nn.MLP(inputs, outputs, width, 1 + len(hidden), jax.nn.relu, key=jax.random.key(0))
    optimizer = optax.adam(LEARNING_RATE)
    opt_state = optimizer.init(eqx.filter(model, eqx.is_inexact_array))
    random = np.random.default_rng(0)

    @eqx.filter_jit
    def step(model, opt_state, x, y, rows):
        loss_of = eqx.filter_value_and_grad(lambda model: _cross_entropy(jax.vmap(model)(x[rows]), y[rows]))
        loss, gradient = loss_of(model)
        updates, opt_state = optimizer.update(gradient, opt_state, eqx.filter(model, eqx.is_inexact_array))
        return eqx.apply_updates(model, updates), opt_state, loss

    def epoch():
        nonlocal model, opt_state
        for rows in _batches(problem, random):
            model, opt_state, loss = step(model, opt_state, x, y, rows)
        jax.block_until_ready(eqx.filter((model, opt_state), eqx.is_array))
        return float(loss)

    return epoch


def flax(problem: Problem):
    """Flax NNX, an `nnx.jit` train step in a Python loop over batches."""
    from flax import nnx

    x, y = map(jnp.asarray, problem.data())
    rngs = nnx.Rngs(0)
    layers = [nnx.Linear(*fans, rngs=rngs) for fans in zip(problem.sizes[:-1], problem.sizes[1:], strict=True)]
    hidden = [module for layer in layers[:-1] for module in (layer, nnx.relu)]
    model = nnx.Sequential(*hidden, layers[-1])
    optimizer = nnx.Optimizer(model, optax.adam(LEARNING_RATE), wrt=nnx.Param)
    random = np.random.default_rng(0)

    @nnx.jit
    def step(model, optimizer, x, y, rows):
        loss, gradient = nnx.value_and_grad(lambda model: _cross_entropy(model(x[rows]), y[rows]))(model)
        optimizer.update(model, gradient)
        return loss

    def epoch():
        for rows in _batches(problem, random):
            loss = step(model, optimizer, x, y, rows)
        jax.block_until_ready(nnx.state((model, optimizer)))
        return float(loss)

    return epoch


PEERS = {
    "scikit-learn": sklearn,
    "PyTorch": torch_eager,
    "torch.compile": torch_compiled,
    "Equinox": equinox,
    "Flax NNX": flax,
}
