"""How penalties, and stopping early, shrink weights in theory: where the loss is quadratic, or its slope constant.

>>> l2 = equivalent_l2(learning_rate=0.1, steps=50)
>>> l2, round(penalty_factor(1.0, l2), 3), round(stopping_factor(1.0, 0.1, 50), 3)
(0.1, 0.833, 0.995)
"""


def equivalent_l2(learning_rate, steps):
    """The L2 penalty to which stopping after so many steps of gradient descent corresponds, `1 / (2 learning_rate steps)`
    (LINEAR-early_stopping).

    In a linear model with a quadratic loss, started at 0, each direction of the weights is shrunk by both alike: by factors that
    `stopping_factor` and `penalty_factor` compute, the first at least the second and less than twice it.

    >>> equivalent_l2(0.1, 50)
    0.1
    """
    return 1 / (2 * learning_rate * steps)


def stopping_factor(curvature, learning_rate, steps):
    """What gradient descent from 0 has reached of the minimum along a direction of that curvature, `1 - (1 - eta h)^t`
    (LINEAR-early_stopping).

    >>> stopping_factor(curvature=1.0, learning_rate=0.5, steps=2)
    0.75
    """
    return 1 - (1 - learning_rate * curvature) ** steps


def penalty_factor(curvature, l2):
    """What an L2 penalty leaves of the minimum along a direction of that curvature, `h / (h + 2 l2)` (LINEAR-early_stopping).

    >>> penalty_factor(curvature=1.0, l2=0.5)
    0.5
    """
    return curvature / (curvature + 2 * l2)


def subgradient_band(l1, learning_rate, slope=0.0):
    """Between which two numbers a weight goes to and fro that subgradient steps should make 0 (LINEAR-subgradient).

    Args:
        l1: the strength of the penalty.
        learning_rate: of the steps.
        slope: the derivative of the loss in that weight near 0, less than `l1` in size.

    Returns:
        `-learning_rate (l1 + slope)` and `learning_rate (l1 - slope)`.

    >>> subgradient_band(l1=0.5, learning_rate=0.5, slope=0.25)
    (-0.375, 0.125)
    """
    return -learning_rate * (l1 + slope), learning_rate * (l1 - slope)
