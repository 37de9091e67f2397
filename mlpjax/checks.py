"""What arrays must look like, said in words when they do not.

`check_params` and `check_examples` look at shapes and types only and so work while JAX traces; `check_data` looks at
the numbers and belongs where data come in.
"""

import jax
import jax.numpy as jnp
import numpy as np

from mlpjax.types import Data, Params, Penalty


def check_params(mlp, params: Params) -> None:
    """The parameters fit the network.

    Raises:
        ValueError: the number of layers or the shape of a layer is not what `mlp.sizes` says.
        TypeError: they are not all of one floating point type.
    """
    expected = list(zip(mlp.sizes[:-1], mlp.sizes[1:], strict=True))
    if len(params) != len(expected):
        raise ValueError(f"params must have {len(expected)} layers for sizes {mlp.sizes}, got {len(params)}")
    for number, (shape, layer) in enumerate(zip(expected, params, strict=True), 1):
        if jnp.shape(layer.W) != shape or jnp.shape(layer.b) != shape[1:]:
            raise ValueError(
                f"layer {number} of a network of sizes {mlp.sizes} must have W of shape {shape} and b of shape "
                f"{shape[1:]}, got {jnp.shape(layer.W)} and {jnp.shape(layer.b)}"
            )
        _check_dtype(number, layer, jnp.result_type(params[0].W))


def _check_dtype(number: int, layer, expected) -> None:
    for name, array in zip("Wb", layer, strict=True):
        dtype = jnp.result_type(array)
        if dtype != expected or not jnp.issubdtype(dtype, jnp.floating):
            wanted = expected if jnp.issubdtype(expected, jnp.floating) else "a floating point type"
            raise TypeError(
                f"all parameters must have one floating point type; {name} of layer {number} is {dtype}, expected {wanted}"
            )


def check_direction(params: Params, v: Params) -> None:
    """A direction in the space of the parameters has their shapes, layer by layer.

    Raises:
        ValueError: it has not.
        TypeError: it does not hold real numbers.
    """
    expected, got = (jax.tree.map(lambda array: str(jnp.shape(array)), tree) for tree in (params, v))
    if expected != got:
        raise ValueError(
            f"a direction must have the type and the shapes of the parameters, {expected}, as a gradient has; got {got}"
        )
    for array in jax.tree.leaves(v):
        if not _is_real(array):
            raise TypeError(f"a direction must hold real numbers, got dtype {jnp.result_type(array)}")


def check_input_direction(x: Data, dx: Data) -> None:
    """A direction in the space of the inputs has the shape of `x`.

    Raises:
        ValueError: it has not.
        TypeError: it does not hold real numbers.
    """
    if jnp.shape(dx) != jnp.shape(x):
        raise ValueError(f"dx says how each entry of x moves and must have its shape, {jnp.shape(x)}; got {jnp.shape(dx)}")
    if not _is_real(dx):
        raise TypeError(f"dx must hold real numbers, got dtype {jnp.result_type(dx)}")


def check_inputs(mlp, x: Data) -> None:
    """`x` has one row an example and the network's number of features.

    Raises:
        ValueError: it has not, or there is no example in it.
        TypeError: it does not hold real numbers.
    """
    shape, features = jnp.shape(x), mlp.sizes[0]
    if len(shape) != 2 or shape[1] != features:
        raise ValueError(
            f"x must have shape (n, {features}): one row an example and {features} features, as sizes "
            f"{mlp.sizes} say; got {shape}{_row_hint(shape, features)}"
        )
    if shape[0] == 0:
        raise ValueError(f"x holds no examples: expected shape (n, {features}) with n of at least 1, got {shape}")
    if not _is_real(x):
        raise TypeError(f"x must hold real numbers, got dtype {jnp.result_type(x)}")


def _row_hint(shape: tuple[int, ...], features: int) -> str:
    return "; for a single example pass x[None, :]" if shape == (features,) else ""


def _is_real(array) -> bool:
    return any(jnp.issubdtype(jnp.result_type(array), kind) for kind in (jnp.floating, jnp.integer, jnp.bool))


def check_targets(mlp, x: Data, y: Data) -> None:
    """`y` has the shape and the type that the loss takes.

    Raises:
        ValueError: the shape is another: `(n, k)`, or `(n,)` for integer labels. Nothing is ever broadcast.
        TypeError: labels are not integers, or targets are not real numbers.
    """
    loss, got = mlp.loss, jnp.shape(y)
    n, k = jnp.shape(x)[0], mlp.sizes[-1]
    expected = (n,) if loss.target.labels else (n, k)
    if got != expected:
        raise ValueError(
            f"y must have shape {expected} for {loss.name}, {n} examples and {k} outputs; got {got}{_shape_hint(got, expected)}"
        )
    if loss.target.labels and not jnp.issubdtype(jnp.result_type(y), jnp.integer):
        raise TypeError(f"y must hold integer class labels for {loss.name}, got dtype {jnp.result_type(y)}")
    if not _is_real(y):
        raise TypeError(f"y must hold real numbers for {loss.name}, got dtype {jnp.result_type(y)}")


def _shape_hint(got: tuple[int, ...], expected: tuple[int, ...]) -> str:
    if expected == (*got, 1):
        return "; pass y[:, None]"
    if got[:1] == expected[:1] and len(got) == 2 and len(expected) == 1:
        return "; pass y[:, 0]" if got[1] == 1 else "; pass y.argmax(axis=1), or use softmax_cross_entropy for one-hot rows"
    if len(got) == 1 and got[:1] == expected[:1]:
        return "; for class labels use softmax_cross_entropy_with_integer_labels"
    return ""


def check_weights(x: Data, weights: Data | None) -> None:
    """`weights` holds one number an example.

    Raises:
        ValueError: it does not.
    """
    n = jnp.shape(x)[0]
    if weights is not None and jnp.shape(weights) != (n,):
        raise ValueError(f"weights must have shape ({n},), one for each example; got {jnp.shape(weights)}")


def check_data(mlp, x: Data, y: Data, weights: Data | None = None) -> None:
    """The numbers themselves are usable: shapes as above, everything finite, targets such as the loss takes.

    Raises:
        ValueError: the message names the first offending row and what stands there.
        TypeError: one of them is no array.
    """
    for name, array in (("x", x), ("y", y), ("weights", weights)):
        check_is_array(name, array)
    check_inputs(mlp, x)
    check_targets(mlp, x, y)
    check_weights(x, weights)
    _check_finite("x", np.asarray(x))
    targets = np.asarray(y)
    _check_finite("y", targets)
    target = mlp.loss.target
    _check_rows("y", targets, target.holds(targets, mlp.sizes[-1]), _wanted(mlp))
    if weights is not None:
        given = np.asarray(weights)
        _check_rows("weights", given, (given >= 0) & np.isfinite(given), "finite numbers of 0 or more")


def check_is_array(name: str, array) -> None:
    """It is an array, or `None`, or a TypeError that says so."""
    if array is not None and not isinstance(array, jax.Array | np.ndarray):
        raise TypeError(f"{name} must be a NumPy or a JAX array, got {type(array).__name__}: pass np.asarray({name})")


def _wanted(mlp) -> str:
    target, k = mlp.loss.target, mlp.sizes[-1]
    words = f"whole numbers from 0 to {k - 1} for {k} outputs" if target.labels else target.words
    return f"{words} ({mlp.loss.name})"


def _check_finite(name: str, array: np.ndarray) -> None:
    _check_rows(name, array, np.isfinite(array.astype(float, copy=False)), "finite numbers")


def _check_rows(name: str, array: np.ndarray, good: np.ndarray, wanted: str) -> None:
    if good.all():
        return
    first = tuple(int(i) for i in np.argwhere(~good)[0])
    place = f"{name}[{', '.join(map(str, first))}]"
    raise ValueError(f"{name} must hold {wanted}; {place} is {array[first]} ({(~good).sum()} such of {good.size})")


def check_finite_params(params: Params) -> None:
    """Training can start from the parameters.

    Raises:
        ValueError: one of them is not finite; the message names the layer.
    """
    for number, layer in enumerate(params, 1):
        for name, array in zip("Wb", layer, strict=True):
            _check_finite(f"params, {name} of layer {number},", np.asarray(array))


def check_penalty(penalty) -> None:
    """The strengths of a penalty are finite and not negative.

    Raises:
        ValueError: one of them is not.
        TypeError: it is not a `Penalty`.
    """
    if penalty is None:
        return
    if not isinstance(penalty, Penalty):
        raise TypeError(f"penalty must be a Penalty(l1=…, l2=…), got {penalty!r}")
    for name, strength in penalty._asdict().items():
        if not np.all((np.asarray(strength) >= 0) & np.isfinite(strength)):
            raise ValueError(f"the {name} penalty must be a finite number of 0 or more, got {strength}")
