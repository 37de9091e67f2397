"""L1 and L2 penalties on the weights: their value, their gradient, and the step that makes weights exactly zero.

>>> import jax.numpy as jnp
>>> from mlpjax import Layer, Penalty, penalties
>>> params = (Layer(W=jnp.array([[3.0], [-4.0]]), b=jnp.array([10.0])),)
>>> penalties.value(Penalty(l1=1.0, l2=0.1), params).item()
9.5
"""

import jax
import jax.numpy as jnp
import optax

from mlpjax.types import Layer, Params, Penalty, Scalar


def value(penalty: Penalty, params: Params) -> Scalar:
    """`l1 sum |W| + l2 sum W^2` over all layers (PENALTY).

    Biases are left free: an overfitted network is one of large weights, and a bias only moves where a neuron answers.
    |W| is computed as W sign(W), whose derivative at 0 is the subgradient 0 under `jax.grad` too.

    Args:
        penalty: the two strengths.
        params: the parameters.

    Returns:
        The penalty, a scalar.
    """
    l1, l2 = _strengths(penalty, params)
    return jnp.sum(jnp.stack([l1 * jnp.sum(W * jnp.sign(W)) + l2 * jnp.sum(W * W) for W, _ in params]))


def _strengths(penalty: Penalty, params: Params) -> Penalty:
    """The strengths in the dtype of the parameters, so that a float64 grid of them leaves float32 gradients float32."""
    return Penalty(*(jnp.asarray(strength, params[0].W.dtype) for strength in penalty))


def gradient(penalty: Penalty, params: Params) -> Params:
    """The gradient of `value`, `l1 sign(W) + 2 l2 W`, and 0 for biases (PENALTY-gradient).

    At W = 0, where |W| has a kink, the subgradient 0 is taken.

    Returns:
        A gradient of the shape of `params`.

    >>> gradient(Penalty(l1=1.0, l2=0.5), (Layer(W=jnp.array([[3.0, 0.0]]), b=jnp.ones(2)),))[0].W.tolist()
    [[4.0, 0.0]]
    """
    l1, l2 = _strengths(penalty, params)
    return tuple(Layer(W=l1 * jnp.sign(W) + 2 * l2 * W, b=jnp.zeros_like(b)) for W, b in params)


def added(penalty: Penalty | None, params: Params, gradient_of_loss: Params) -> Params:
    """The gradient of the loss with that of the penalty added to it, or as it is where there is no penalty."""
    if penalty is None:
        return gradient_of_loss
    return jax.tree.map(jnp.add, gradient_of_loss, gradient(penalty, params))


def curvature(penalty: Penalty, v: Params) -> Params:
    """The second derivative of `value` times the direction v: `2 l2 v` for weights, 0 for biases (HVP-backward).

    The L1 penalty is straight on either side of its kink and has none.

    >>> curvature(Penalty(l1=1.0, l2=0.5), (Layer(W=jnp.array([[3.0, 0.0]]), b=jnp.ones(2)),))[0].W.tolist()
    [[3.0, 0.0]]
    """
    l2 = _strengths(penalty, v).l2
    return tuple(Layer(W=2 * l2 * W, b=jnp.zeros_like(b)) for W, b in v)


def curvature_added(penalty: Penalty | None, v: Params, product: Params) -> Params:
    """The second derivative of the loss times v with that of the penalty added, or as it is where there is no penalty."""
    return product if penalty is None else jax.tree.map(jnp.add, product, curvature(penalty, v))


def proximal_step(penalty: Penalty, params: Params, learning_rate: float | Scalar) -> Params:
    """The weights nearest to `params` that also pay little penalty (PENALTY-proximal).

    It minimises `||V - W||^2 / (2 learning_rate) + l1 sum |V| + l2 sum V^2` over V, which has a closed form: shrink every
    weight towards 0 by `learning_rate l1`, stopping there, and divide it by `1 + 2 learning_rate l2`. Weights that stop
    are exactly 0.

    Args:
        penalty: the two strengths.
        params: the parameters after a gradient step on the loss alone.
        learning_rate: the step size of that gradient step.

    Returns:
        The parameters, biases unchanged.

    >>> proximal_step(Penalty(l1=1.0), (Layer(W=jnp.array([[3.0, -0.05]]), b=jnp.ones(2)),), 0.5)[0].W.tolist()
    [[2.5, -0.0]]

    Parikh and Boyd, Proximal algorithms, 2014, section 6.5; Beck and Teboulle, SIAM J. Imaging Sciences 2, 2009.
    """
    l1, l2 = _strengths(penalty, params)
    threshold, shrink = learning_rate * l1, 1 + 2 * learning_rate * l2
    return tuple(Layer(W=jnp.sign(W) * jnp.maximum(jnp.abs(W) - threshold, 0) / shrink, b=b) for W, b in params)


def proximal(penalty: Penalty, learning_rate: optax.ScalarOrSchedule) -> optax.GradientTransformation:
    """`proximal_step` as an Optax transformation, the last of a chain.

    Train with no penalty in the loss and let this step take its part: `l1` then gives exact zeros, which the
    subgradient of |W| never does. After plain SGD at the same learning rate it converges to the minimum of loss and
    penalty; after momentum or Adam, whose steps are longer or rescaled, to that of a weaker or an uneven penalty, with
    exact zeros all the same.

    Args:
        penalty: the two strengths.
        learning_rate: that of the optimiser before it, a number or a schedule.

    Returns:
        A transformation whose update needs the parameters.

    >>> optimizer = optax.chain(optax.sgd(0.5), proximal(Penalty(l1=1.0), learning_rate=0.5))
    >>> params = (Layer(W=jnp.array([[3.0, -0.05]]), b=jnp.ones(2)),)
    >>> nothing = jax.tree.map(jnp.zeros_like, params)
    >>> updates, _ = optimizer.update(nothing, optimizer.init(params), params)
    >>> optax.apply_updates(params, updates)[0].W.tolist()
    [[2.5, 0.0]]
    """

    def init(params):
        return optax.ScaleByScheduleState(count=jnp.zeros([], jnp.int32))

    def update(updates, state, params=None):
        if params is None:
            raise ValueError("the proximal step moves the parameters: call update(updates, state, params)")
        rate = learning_rate(state.count) if callable(learning_rate) else learning_rate
        moved = proximal_step(penalty, optax.apply_updates(params, updates), rate)
        count = optax.safe_increment(state.count)
        return jax.tree.map(jnp.subtract, moved, params), optax.ScaleByScheduleState(count=count)

    return optax.GradientTransformation(init, update)
