"""Nothing hidden: the same arguments give the same bits, and no random key is used twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from chainrule.audit.checks.names import DETERMINISTIC, KEYS, fault
from chainrule.audit.inputs import Inputs
from chainrule.audit.quick import quick_jit
from chainrule.audit.report import Check
from chainrule.audit.trees import floats

__all__ = ["check_deterministic", "check_keys"]


def check_deterministic(inputs: Inputs) -> Iterator[Check]:
    """The same program twice gives the same bits, and the function traced twice the same program."""
    first, second = inputs.measured, inputs.measure(inputs.args)
    same = all(
        np.array_equal(a, b, equal_nan=True)
        for a, b in zip(floats((first.output, first.hand)), floats((second.output, second.hand)), strict=True)
    )
    cotangent = inputs.cotangents[0]
    traced = [jax.make_jaxpr(lambda *args: _both(inputs, args, cotangent))(*inputs.args) for _ in range(2)]
    alike = str(traced[0].jaxpr) == str(traced[1].jaxpr) and all(
        a == b for a, b in zip(*(map(_bits, one.consts) for one in traced), strict=True)
    )
    detail = "two runs of one program differ" if not same else "traced twice, it is another program: it hides a state"
    yield fault(DETERMINISTIC, inputs, float(not same) + float(not alike), detail)


def _bits(constant: Any) -> bytes:
    if jax.dtypes.issubdtype(constant.dtype, jax.dtypes.prng_key):
        constant = jax.random.key_data(constant)
    return np.asarray(constant).tobytes()


def _both(inputs: Inputs, args: Any, cotangent: Any) -> Any:
    output, pullback = inputs.subject.vjp(*args)
    return floats(output), floats(pullback(cotangent))


def check_keys(inputs: Inputs) -> Iterator[Check]:
    """No random key is consumed twice, in forward or in backward, by JAX's own checker.

    The backward pass may consume the keys of the forward pass once more: that draws the same numbers again, not others.
    """
    if not _has_keys(inputs.args):
        return
    cotangent = inputs.cotangents[0]
    try:
        with jax.debug_key_reuse(True):
            _, pullback = quick_jit(inputs.subject.vjp)(*_cloned(inputs.args))
            quick_jit(lambda pullback: floats(pullback(cotangent)))(_cloned(pullback))
    except jax.errors.KeyReuseError as error:
        yield fault(KEYS, inputs, 1.0, str(error).splitlines()[0])
        return
    yield fault(KEYS, inputs, 0.0)


def _has_keys(tree: Any) -> bool:
    return any(_is_key(leaf) for leaf in jax.tree.leaves(tree))


def _is_key(leaf: Any) -> bool:
    return bool(jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key))


def _cloned(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: jax.random.clone(leaf) if _is_key(leaf) else leaf, tree)
