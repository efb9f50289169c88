"""Wrong derivatives of convolutions over time: strides, dilations, channels apart, and the convolution transposed."""

from __future__ import annotations

import functools
from typing import Any

import jax.numpy as jnp
from jax import Array

from chainrule.audit.cases.draw import normal, together
from chainrule.audit.diagnosis import PERMUTED
from chainrule.audit.mutants.mutant import Mutant, plant

__all__ = ["MUTANTS"]

_plant = functools.partial(plant, "convolution")

# ----------------------------------------------------------------------------------------------------------------------
# y_t = sum_k x_{stride t + dilation k} W_k, of x (batch, time, in) with a kernel (taps, in, out)
# ----------------------------------------------------------------------------------------------------------------------


def _under(x: Array, start: int, steps: int, by: int) -> Array:
    """What a tap sees: every ``by``-th place of x from ``start`` on, zeros beyond its end."""
    beyond = max(start + (steps - 1) * by + 1 - x.shape[1], 0)
    return jnp.pad(x, ((0, 0), (0, beyond), (0, 0)))[:, start : start + (steps - 1) * by + 1 : by]


def _conv(x: Array, kernel: Array, *, stride: int = 1, dilation: int = 1) -> Any:
    taps = range(len(kernel))
    steps = (x.shape[1] - dilation * (len(kernel) - 1) - 1) // stride + 1
    y = sum((_under(x, dilation * k, steps, stride) @ kernel[k] for k in taps), jnp.zeros((), x.dtype))
    return y, (x, kernel)


def _zeros_between(d: Array, stride: int) -> Array:
    return jnp.zeros((len(d), d.shape[1] * stride, d.shape[2]), d.dtype).at[:, ::stride].set(d)


def _conv_d_x(x: Array, kernel: Array, apart: Array, dilation: int) -> Array:
    """The cotangent of x, of the cotangents of y brought ``apart`` to the places of x."""
    length = apart.shape[1]
    d_x = jnp.zeros((len(x), x.shape[1] + length + dilation * len(kernel), x.shape[2]), x.dtype)
    for k in range(len(kernel)):
        d_x = d_x.at[:, dilation * k : dilation * k + length].add(apart @ kernel[k].T)
    return d_x[:, : x.shape[1]]


def _conv_d_kernel(x: Array, kernel: Array, d: Array, stride: int, dilation: int) -> Array:
    seen = [_under(x, dilation * k, d.shape[1], stride) for k in range(len(kernel))]
    return jnp.stack([jnp.einsum("nti,nto->io", window, d) for window in seen])


def _conv_backward(d_x: Any = None, d_kernel: Any = None) -> Any:
    """The backward function, with another ``d_x(x, kernel, d, stride, dilation)``, or ``d_kernel``."""

    def backward(residuals: Any, d: Array, *, stride: int, dilation: int) -> Any:
        x, kernel = residuals
        of_x = d_x or (lambda x, w, d, s, a: _conv_d_x(x, w, _zeros_between(d, s), a))
        of_kernel = d_kernel or _conv_d_kernel
        return of_x(x, kernel, d, stride, dilation), of_kernel(x, kernel, d, stride, dilation)

    return backward


def _conv_mutant(name: str, backward: Any, argument: int, pattern: str = "", **static: int) -> Mutant:
    return _plant(
        f"convolution: {name}",
        _conv,
        backward,
        _conv_backward(),
        together(normal(2, 8, 2), normal(3, 2, 2)),
        argument=argument,
        pattern=pattern,
        static=static,
    )


# ----------------------------------------------------------------------------------------------------------------------
# Each channel apart: y_tc = sum_k x_{t+k,c} w_kc
# ----------------------------------------------------------------------------------------------------------------------


def _depthwise(x: Array, kernel: Array) -> Any:
    steps = x.shape[1] - len(kernel) + 1
    taps = [_under(x, k, steps, 1) * kernel[k] for k in range(len(kernel))]
    return sum(taps, jnp.zeros((), x.dtype)), (x, kernel)


def _depthwise_backward(apart: bool) -> Any:
    def backward(residuals: Any, d: Array) -> Any:
        x, kernel = residuals
        d_x = jnp.zeros_like(x)
        for k in range(len(kernel)):
            d_x = d_x.at[:, k : k + d.shape[1]].add(d * kernel[k])
        d_kernel = jnp.stack([jnp.sum(_under(x, k, d.shape[1], 1) * d, (0, 1)) for k in range(len(kernel))])
        return d_x, d_kernel if apart else jnp.broadcast_to(d_kernel.sum(1, keepdims=True), kernel.shape)

    return backward


# ----------------------------------------------------------------------------------------------------------------------
# The convolution transposed: y_q = sum over p and k with 2 p + k - 1 = q of x_p W_k, with taps 0 ... 3
# ----------------------------------------------------------------------------------------------------------------------


def _transposed(x: Array, kernel: Array) -> Any:
    steps = x.shape[1]
    y = jnp.zeros((len(x), 2 * steps + len(kernel) - 2, kernel.shape[2]), x.dtype)
    for k in range(len(kernel)):
        y = y.at[:, k : k + 2 * steps - 1 : 2].add(x @ kernel[k])
    return y[:, 1:-1], (x, kernel)


def _transposed_backward(padding: int) -> Any:
    """The backward function, with so much padding before the cotangent for x; that of the forward pass cuts off 1."""

    def backward(residuals: Any, d: Array) -> Any:
        x, kernel = residuals
        steps, taps = x.shape[1], range(len(kernel))
        padded, shifted = (jnp.pad(d, ((0, 0), (low, 1), (0, 0))) for low in (1, padding))
        d_x = sum((_under(shifted, k, steps, 2) @ kernel[k].T for k in taps), jnp.zeros((), x.dtype))
        return d_x, jnp.stack([jnp.einsum("nti,nto->io", x, _under(padded, k, steps, 2)) for k in taps])

    return backward


MUTANTS: tuple[Mutant, ...] = (
    _conv_mutant(
        "the cotangent is repeated where a stride wants zeros between",
        _conv_backward(d_x=lambda x, w, d, s, a: _conv_d_x(x, w, jnp.repeat(d, s, axis=1), a)),
        0,
        stride=2,
    ),
    _conv_mutant(
        "the dilation is forgotten for the input",
        _conv_backward(d_x=lambda x, w, d, s, a: _conv_d_x(x, w, _zeros_between(d, s), 1)),
        0,
        dilation=2,
    ),
    _conv_mutant(
        "the dilation is forgotten for the kernel",
        _conv_backward(d_kernel=lambda x, w, d, s, a: _conv_d_kernel(x, w, d, s, 1)),
        1,
        dilation=2,
    ),
    _conv_mutant(
        "stride and dilation are exchanged for the kernel",
        _conv_backward(d_kernel=lambda x, w, d, s, a: _conv_d_kernel(x, w, d, a, s)),
        1,
        stride=2,
    ),
    _conv_mutant(
        "the kernel's cotangent is not flipped back",
        _conv_backward(d_kernel=lambda *args: _conv_d_kernel(*args)[::-1]),
        1,
        PERMUTED,
        dilation=2,
    ),
    _plant(
        "depthwise convolution: the kernel's cotangent is summed over the channels",
        _depthwise,
        _depthwise_backward(apart=False),
        _depthwise_backward(apart=True),
        together(normal(2, 6, 3), normal(3, 3)),
        argument=1,
    ),
    _plant(
        "transposed convolution: the padding of the plain one",
        _transposed,
        _transposed_backward(padding=2),
        _transposed_backward(padding=1),
        together(normal(2, 4, 3), normal(4, 3, 2)),
    ),
)
