"""Parts of the Gauss-Newton matrix that a network has room for: its diagonal, and two factors of each layer's block.

Both come from the Jacobian of the logits in every pre-activation, `B[l]`, one row a logit: BP2 on the rows of the unit matrix.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mlpjax import penalties
from mlpjax.gradients.backprop import delta_before, layer_gradients
from mlpjax.gradients.method import differentiable
from mlpjax.network import MLP, Batch, batch, compiled, forward_pass
from mlpjax.types import Data, Params, Penalty, Trace

Rows = Float[Array, "k n _"]


class Factors(NamedTuple):
    """What K-FAC keeps of a layer of `fan_in` times `fan_out`: its block of the matrix is about `A ⊗ Delta`.

    Attributes:
        A: the second moments of the inputs of the layer and, last, of the 1 that the bias multiplies.
        Delta: those of the deltas of a likelihood's own targets, in expectation: `E[B^T H B]`.
    """

    A: Float[Array, "fan_in+1 fan_in+1"]
    Delta: Float[Array, "fan_out fan_out"]


@compiled
@differentiable
def ggn_diagonal(
    mlp: MLP, params: Params, x: Data, y: Data, *, weights: Data | None = None, penalty: Penalty | None = None
) -> Params:
    """The diagonal of the generalised Gauss-Newton matrix, exactly (GGN-diagonal).

    `(a * a)^T s` for weights and the sum of s over the examples for biases, with `s = share sum_c B_c * (H B)_c`. It takes one
    backward pass for each output, all at once: their deltas, k times those of `backprop`, are there together.

    Args:
        mlp, params, x, y, weights, penalty: as in `loss`.

    Returns:
        The diagonal, of the type, shapes and dtype of the parameters.

    Raises:
        ValueError, TypeError: as `backprop`.

    >>> from mlpjax import init
    >>> mlp = MLP((2, 1))
    >>> diagonal = ggn_diagonal(mlp, init(mlp, jax.random.key(0)), jnp.array([[1.0, 3.0]]), jnp.zeros((1, 1)))
    >>> diagonal[0].W[:, 0].tolist(), diagonal[0].b.tolist()
    ([2.0, 18.0], [2.0])

    Dangel, Kunstner and Hennig, BackPACK: packing more into backprop, ICLR 2020.
    """
    examples = batch(mlp, params, x, y, weights)
    trace = forward_pass(mlp, params, examples.x)
    spread = tuple(jnp.sum(B * HB, axis=0) for B, HB in _curved_rows(mlp, params, trace, examples))
    diagonal = layer_gradients(trace._replace(a=tuple(a * a for a in trace.a)), spread)
    return penalties.curvature_added(penalty, jax.tree.map(jnp.ones_like, params), diagonal)


@compiled
@differentiable
def kfac_factors(mlp: MLP, params: Params, x: Data, y: Data, *, weights: Data | None = None) -> tuple[Factors, ...]:
    """The two factors of every layer's block of the generalised Gauss-Newton matrix (KFAC).

    `A = sum_i share_i (a_i, 1)^T (a_i, 1)` and `Delta = sum_i share_i B_i^T H_i B_i`. The deltas are not those of the given
    targets: B^T H B is what their second moment is on average when targets are drawn from the model, for a loss that is a
    likelihood. The block of layer l, its parameters in the order of `[W; b]` row by row, is about `A ⊗ Delta`: exactly so
    for one example, or where the inputs of the layer and its deltas are independent. A penalty has no part in it.

    Args:
        mlp, params, x, y, weights: as in `loss`.

    Returns:
        `Factors` for each layer.

    Raises:
        ValueError, TypeError: as `backprop`.

    >>> from mlpjax import init
    >>> mlp = MLP((1, 1))
    >>> A, Delta = kfac_factors(mlp, init(mlp, jax.random.key(0)), jnp.array([[3.0]]), jnp.zeros((1, 1)))[0]
    >>> A.tolist(), Delta.tolist()
    ([[9.0, 3.0], [3.0, 1.0]], [[2.0]])

    Martens and Grosse, Optimizing neural networks with Kronecker-factored approximate curvature, ICML 2015; Botev, Ritter and
    Barber, Practical Gauss-Newton optimisation for deep learning, ICML 2017, for the exact expectation.
    """
    examples = batch(mlp, params, x, y, weights)
    trace = forward_pass(mlp, params, examples.x)
    rows = _curved_rows(mlp, params, trace, examples)
    return tuple(
        Factors(_input_moments(a, examples.share), jnp.einsum("cni,cnj->ij", B, HB))
        for a, (B, HB) in zip(trace.a, rows, strict=True)
    )


def _input_moments(a: Float[Array, "n d"], share: Float[Array, " n"]) -> Float[Array, "d+1 d+1"]:
    with_one = jnp.column_stack([a, jnp.ones_like(share)])
    return (with_one * share[:, None]).T @ with_one


def _curved_rows(mlp: MLP, params: Params, trace: Trace, examples: Batch) -> list[tuple[Rows, Rows]]:
    """For each layer B, how the logits move with z[l], and share H B, with the curvature H of the loss in the logits."""
    n, k = trace.z[-1].shape
    rows = [jnp.broadcast_to(jnp.eye(k, dtype=trace.z[-1].dtype)[:, None], (k, n, k))]
    H = jax.vmap(lambda v: mlp.loss.curvature(trace.z[-1], examples.y, v))(rows[0]) * examples.share[:, None]
    for l in range(len(params) - 1, 0, -1):
        f, W, z, a = mlp.activations[l - 1], params[l].W, trace.z[l - 1], trace.a[l]
        rows.append(jax.vmap(lambda row, f=f, W=W, z=z, a=a: delta_before(f, W, z, a, row))(rows[-1]))
    return [(B, jnp.einsum("cnd,dnj->cnj", H, B)) for B in reversed(rows)]
