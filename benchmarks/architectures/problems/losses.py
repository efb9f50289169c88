"""Losses, with mean reduction, against the code that people write for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.architectures.problem import Limits, Problem, Sides, random, versus

__all__ = ["PROBLEMS", "log_softmax_cross_entropy"]

SHAPE = (8192, 512)


def log_softmax_cross_entropy(logits: Any, labels: Any) -> Any:
    """The textbook's: the logarithm of the softmax, at the labels."""
    import jax
    import jax.numpy as jnp

    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), labels[..., None], -1))


def _logsumexp_cross_entropy(logits: Any, labels: Any) -> Any:
    """Optax's ``softmax_cross_entropy_with_integer_labels``."""
    import jax
    import jax.numpy as jnp

    picked = jnp.take_along_axis(logits, labels[..., None], -1)[..., 0]
    return jnp.mean(jax.nn.logsumexp(logits, -1) - picked)


def _cross_entropy(plain: Callable[..., Any]) -> Callable[[], Sides]:
    def build() -> Sides:
        import jax

        from chainrule import losses

        labels = jax.random.randint(jax.random.key(2), SHAPE[:1], 0, SHAPE[1])
        return versus(losses.cross_entropy, plain, *random(SHAPE), labels)

    return build


def _soft_cross_entropy() -> Sides:
    import jax
    import jax.numpy as jnp

    from chainrule import losses

    def plain(logits: Any, labels: Any) -> Any:
        return -jnp.mean(jnp.sum(labels * jax.nn.log_softmax(logits), -1))

    logits, scores = random(SHAPE, SHAPE)
    return versus(losses.cross_entropy, plain, logits, jax.nn.softmax(scores))


def _smoothed_cross_entropy() -> Sides:
    import jax
    import jax.numpy as jnp

    from chainrule import losses

    def plain(logits: Any, labels: Any) -> Any:
        targets = 0.9 * jax.nn.one_hot(labels, SHAPE[1]) + 0.1 / SHAPE[1]
        return -jnp.mean(jnp.sum(targets * jax.nn.log_softmax(logits), -1))

    labels = jax.random.randint(jax.random.key(2), SHAPE[:1], 0, SHAPE[1])
    return versus(losses.cross_entropy, plain, *random(SHAPE), labels, static={"label_smoothing": 0.1})


def _binary() -> Sides:
    import jax
    import jax.numpy as jnp

    from chainrule import losses

    def plain(logits: Any, labels: Any) -> Any:
        each = labels * jax.nn.log_sigmoid(logits) + (1 - labels) * jax.nn.log_sigmoid(-logits)
        return -jnp.mean(each)

    logits, scores = random(SHAPE, SHAPE)
    return versus(losses.binary_cross_entropy, plain, logits, jax.nn.sigmoid(scores))


def _squared(prediction: Any, target: Any) -> Any:
    import jax.numpy as jnp

    return jnp.mean((prediction - target) ** 2)


def _absolute(prediction: Any, target: Any) -> Any:
    import jax.numpy as jnp

    return jnp.mean(jnp.abs(prediction - target))


def _huber(prediction: Any, target: Any) -> Any:
    import jax.numpy as jnp

    size = jnp.abs(prediction - target)
    return jnp.mean(jnp.where(size <= 1.0, 0.5 * size**2, size - 0.5))


def _regression(name: str, plain: Callable[..., Any]) -> Problem:
    def build() -> Sides:
        from chainrule import losses

        return versus(getattr(losses, name), plain, *random(SHAPE, SHAPE))

    return Problem(name, "losses", "8192x512", build, rules=(name,))


def _penalty(name: str, plain: Callable[[Any], Any]) -> Problem:
    def build() -> Sides:
        import jax

        from chainrule import losses

        weight, bias = random((2048, 2048), (2048,))
        params = {"bias": bias, "weight": weight}

        def of_params(params: Any) -> Any:
            return 0.01 * sum(plain(leaf) for leaf in jax.tree.leaves(params) if leaf.ndim > 1)

        return versus(getattr(losses, name), of_params, params, static={"strength": 0.01})

    return Problem(name, "losses", "2048x2048", build, rules=(name,))


def _squares(weight: Any) -> Any:
    import jax.numpy as jnp

    return 0.5 * jnp.sum(weight**2)


def _sizes(weight: Any) -> Any:
    import jax.numpy as jnp

    return jnp.sum(jnp.abs(weight))


PROBLEMS = (
    Problem(
        "cross_entropy",
        "losses",
        "8192x512, plain form by log_softmax",
        _cross_entropy(log_softmax_cross_entropy),
        Limits(memory=0.05),
        rules=("cross_entropy",),
    ),
    Problem(
        "cross_entropy_logsumexp", "losses", "8192x512, plain form as Optax's", _cross_entropy(_logsumexp_cross_entropy)
    ),
    Problem("cross_entropy_smoothed", "losses", "8192x512, label smoothing 0.1", _smoothed_cross_entropy),
    Problem("cross_entropy_soft", "losses", "8192x512, probabilities as labels", _soft_cross_entropy),
    Problem("binary_cross_entropy", "losses", "8192x512", _binary, rules=("binary_cross_entropy",)),
    _regression("mean_squared_error", _squared),
    _regression("mean_absolute_error", _absolute),
    _regression("huber", _huber),
    _penalty("l2_penalty", _squares),
    _penalty("l1_penalty", _sizes),
)
