"""Activations, against SciPy and closed forms in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from chainrule import ops
from chainrule.audit.cases.draw import Draw, away_from, extreme, normal, together
from chainrule.audit.registry import Case, register
from chainrule.rule import Rule

_BESIDE = (1 - 1.5e-4, 1 - 2e-7, 1 + 2e-7, 1 + 1.5e-4)


def _register(
    rule: Rule,
    reference: Callable[..., Any],
    kinks: tuple[float, ...] = (),
    statics: tuple[dict[str, Any], ...] = (),
) -> None:
    cases = [
        Case("typical", together(away_from(kinks, 3, 5))),
        Case("degenerate", together(normal(0, 4)), title="empty"),
        Case("extreme", together(extreme(3, 5)), title="up to 10,000"),
        *(Case("more", together(away_from(kinks, 4, 1, 2)), static) for static in statics),
    ]
    # At a kink the slopes of one setting may be equal, as elu's are for alpha = 1: so every setting is tried there.
    for static in ({}, *statics):
        setting = ", ".join(f"{name} {value}" for name, value in static.items())
        title = ", ".join(filter(None, (setting, "at zero and the kinks")))
        shape = (4, 1, 2) if static else (3, 5)  # of a case above: what is compiled for one serves the other
        cases.append(Case("kink", together(_at(kinks, shape)), static, title))
    register(rule.name, "ops", rule, reference, *cases)


def _at(kinks: tuple[float, ...], shape: tuple[int, ...]) -> Draw:
    """The kinks and both zeros, over and over, to end with a 1: a last element that is left out must show.

    Kinks other than 0 have neighbours on both sides, for a kink that is a millionth or a thousandth from where it should be
    shows between the two alone.
    """
    beside = [kink * factor for kink in kinks if kink for factor in _BESIDE]
    return lambda rng: np.resize([1.0, 0.0, -0.0, *kinks, *beside], int(np.prod(shape)))[::-1].reshape(shape)


def _leaky_relu(x: np.ndarray, negative_slope: float = 0.01) -> np.ndarray:
    return np.maximum(x, 0) + negative_slope * np.minimum(x, 0)


def _elu(x: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    return np.maximum(x, 0) + alpha * special.expm1(np.minimum(x, 0))


def _selu(x: np.ndarray) -> np.ndarray:
    # The constants from their definition: mean 0 and variance 1 are kept for standard normal x.
    # E[elu] = 0 and s^2 E[elu^2] = 1 give alpha and s in closed form (Klambauer et al., 2017, appendix).
    alpha = -np.sqrt(2 / np.pi) / (special.erfc(np.sqrt(0.5)) * np.exp(0.5) - 1)
    scale = (1 - special.erfc(np.sqrt(0.5)) * np.sqrt(np.e)) * np.sqrt(2 * np.pi)
    scale /= np.sqrt(
        2 * special.erfc(np.sqrt(2)) * np.exp(2)
        + np.pi * special.erfc(np.sqrt(0.5)) ** 2 * np.e
        - 2 * (2 + np.pi) * special.erfc(np.sqrt(0.5)) * np.sqrt(np.e)
        + np.pi
        + 2
    )
    return scale * _elu(x, alpha)


def _gelu_tanh(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def _hard_swish(x: np.ndarray) -> np.ndarray:
    return x * np.clip(x + 3, 0, 6) / 6


_register(ops.sigmoid, special.expit)
_register(ops.tanh, np.tanh)
_register(ops.relu, lambda x: np.maximum(x, 0), (0.0,))
_register(ops.leaky_relu, _leaky_relu, (0.0,), ({"negative_slope": 0.2}, {"negative_slope": -0.5}))
_register(ops.elu, _elu, (0.0,), ({"alpha": 0.3},))
_register(ops.selu, _selu, (0.0,))
_register(ops.gelu, lambda x: x * special.ndtr(x))
_register(ops.gelu_tanh, _gelu_tanh)
_register(ops.silu, lambda x: x * special.expit(x))
_register(ops.softplus, lambda x: np.logaddexp(0, x))
_register(ops.hard_swish, _hard_swish, (-3.0, 3.0))

for _rule, _reference in ((ops.softmax, special.softmax), (ops.log_softmax, special.log_softmax)):
    register(
        _rule.name,
        "ops",
        _rule,
        lambda x, axis=-1, reference=_reference: reference(x, axis=axis),
        Case("typical", together(normal(3, 5, scale=2))),
        Case("more", together(normal(3, 5, 2)), {"axis": 0}, title="along the first axis"),
        Case("degenerate", together(normal(4, 1)), title="one class"),
        Case("degenerate", lambda rng: (np.ones((2, 3)),), title="all equal"),
        Case("extreme", together(extreme(3, 5)), title="up to 10,000"),
    )
