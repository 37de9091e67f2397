"""From an activation of ours to the name and the numbers by which another library may know it."""

import re
from collections.abc import Iterable

from mlpjax import activations
from mlpjax.activations import Activation


def member(f: Activation) -> tuple[str, tuple[float, ...]]:
    """The name of an activation and the numbers that it takes; no name for one that is not mlpjax's own.

    >>> member(activations.leaky_relu(0.2)), member(activations.tanh)
    (('leaky_relu', (0.2,)), ('tanh', ()))
    """
    name, *numbers = re.split(r"[(,)]", f.name)
    known = name in activations.RECORDS or name in activations.FAMILIES
    if not known or activations.named(f.name) != f:
        return "", ()
    return name, tuple(float(number) for number in numbers if number)


def refused(library: str, f: Activation, known: Iterable[str]) -> ValueError:
    """The error for an activation that a library does not have."""
    return ValueError(f"{library} has nothing that computes the activation {f.name!r}; it has {', '.join(known)}")
