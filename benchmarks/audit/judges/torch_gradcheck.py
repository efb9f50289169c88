"""``torch.autograd.gradcheck`` with its defaults, on a ``torch.autograd.Function`` that calls a rule by hand.

It compares every column of the Jacobian, one backward pass for each number of the output, with differences, one forward
pass up and one down for each number of the input. NumPy carries the numbers between the two libraries, in float64; the
rule's forward and backward passes are compiled once each.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import torch
from torch.autograd.gradcheck import GradcheckError, gradcheck

from benchmarks.audit.judges.leaves import cotangent_of, float_leaves, is_float, split
from chainrule.rule import Rule

__all__ = ["alarm"]


def alarm(rule: Rule, args: tuple[Any, ...], static: dict[str, Any], reference: Callable[..., Any] | None) -> bool:
    """Whether ``gradcheck`` fails; it has no use for a reference."""
    with jax.enable_x64(True):
        floats, join = split(args, np.float64)
        inputs = [torch.from_numpy(leaf.copy()).requires_grad_() for leaf in floats]
        try:
            gradcheck(_function(rule, args, static, floats, join), inputs)
        except GradcheckError:
            return True
        return False


def _function(rule: Rule, args: Any, static: dict[str, Any], floats: Any, join: Any) -> Callable[..., Any]:
    """A PyTorch function of the floating-point leaves, whose backward pass is the rule's pullback."""
    places = [place for place, leaf in enumerate(jax.tree.leaves(args)) if is_float(leaf)]
    output = jax.eval_shape(functools.partial(rule, **static), *join(floats))

    @jax.jit
    def forward(floats: Any) -> tuple[list[Any], Any]:
        output, pullback = rule.vjp(*join(floats), **static)
        return float_leaves(output), pullback

    @jax.jit
    def backward(pullback: Any, d_floats: Any) -> list[Any]:
        cotangents = jax.tree.leaves(pullback(cotangent_of(output, d_floats)))
        return [cotangents[place] for place in places]

    class Hand(torch.autograd.Function):
        """The rule, as PyTorch sees it."""

        @staticmethod
        def forward(ctx: Any, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
            outputs, ctx.pullback = forward([_to_numpy(tensor) for tensor in inputs])
            return tuple(_to_torch(leaf) for leaf in outputs)

        @staticmethod
        def backward(ctx: Any, *d_outputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return tuple(_to_torch(leaf) for leaf in backward(ctx.pullback, [_to_numpy(d) for d in d_outputs]))

    return Hand.apply


def _to_numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().numpy().copy()  # gradcheck moves its inputs in place: JAX must not see that


def _to_torch(leaf: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(leaf, np.float64)).to(getattr(torch, np.dtype(leaf.dtype).name))
