"""Activations, element by element, the softmax, and the affine map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.architectures.problem import Problem, Sides, random, versus

__all__ = ["PROBLEMS"]

SHAPE = (4096, 1024)


def _activation(name: str, plain: Callable[[Any], Any]) -> Problem:
    def build() -> Sides:
        from chainrule import ops

        return versus(getattr(ops, name), plain, *random(SHAPE, scale=2.0))

    return Problem(name, "ops", "x".join(map(str, SHAPE)), build, rules=(name,))


def _jax_nn(name: str, **options: Any) -> Callable[[Any], Any]:
    def plain(x: Any) -> Any:
        import jax

        return getattr(jax.nn, name)(x, **options)

    return plain


def _softmax(name: str) -> Problem:
    def build() -> Sides:
        from chainrule import ops

        return versus(getattr(ops, name), _jax_nn(name), *random((8192, 512), scale=2.0))

    return Problem(name, "ops", "8192x512", build, rules=(name,))


def _affine() -> Sides:
    from chainrule import ops

    return versus(ops.affine, lambda x, weight, bias: x @ weight + bias, *random((1024, 784), (784, 256), (256,)))


def _flatten() -> Sides:
    from chainrule import ops

    return versus(ops.flatten, lambda x: x.reshape(x.shape[0], -1), *random((256, 28, 28, 32)))


PROBLEMS = (
    _activation("relu", _jax_nn("relu")),
    _activation("leaky_relu", _jax_nn("leaky_relu")),
    _activation("elu", _jax_nn("elu")),
    _activation("selu", _jax_nn("selu")),
    _activation("sigmoid", _jax_nn("sigmoid")),
    _activation("tanh", _jax_nn("tanh")),
    _activation("silu", _jax_nn("silu")),
    _activation("softplus", _jax_nn("softplus")),
    _activation("hard_swish", _jax_nn("hard_swish")),
    _activation("gelu", _jax_nn("gelu", approximate=False)),
    _activation("gelu_tanh", _jax_nn("gelu", approximate=True)),
    _softmax("softmax"),
    _softmax("log_softmax"),
    Problem("affine", "ops", "1024x784, 784x256", _affine, rules=("affine",)),
    Problem("flatten", "ops", "256x28x28x32", _flatten, rules=("flatten",)),
)
