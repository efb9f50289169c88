"""Nothing hidden: the same arguments give the same bits, and no random key is used twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from chainrule.audit.checks.names import DETERMINISTIC, KEYS, fault
from chainrule.audit.inputs import Inputs, floats
from chainrule.audit.quick import quick_jit
from chainrule.audit.report import Check

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
    """No random key is consumed twice in forward and backward, by JAX's own checker."""
    leaves = jax.tree.leaves(inputs.args)
    if not any(jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) for leaf in leaves):
        return
    cotangent = inputs.cotangents[0]
    fresh = jax.tree.map(
        lambda leaf: jax.random.clone(leaf) if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf,
        inputs.args,
    )
    try:
        with jax.debug_key_reuse(True):
            quick_jit(lambda *args: _both(inputs, args, cotangent))(*fresh)
    except jax.errors.KeyReuseError as error:
        yield fault(KEYS, inputs, 1.0, str(error).splitlines()[0])
        return
    yield fault(KEYS, inputs, 0.0)
