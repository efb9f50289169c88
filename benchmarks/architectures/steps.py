"""Whole steps of training: forward, backward and Adam, for a model, its plain form, and PyTorch's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.architectures.problem import Sides, Twin
from benchmarks.architectures.problems.losses import log_softmax_cross_entropy

__all__ = ["adam_twin", "labels", "training_step"]

LEARNING_RATE = 1e-3


def labels(*shape: int, classes: int, seed: int = 5) -> Any:
    """Draw classes, int32."""
    import jax

    return jax.random.randint(jax.random.key(seed), shape, 0, classes)


def training_step(
    model: Any,
    plain: Callable[[Any, Any, Any], tuple[Any, Any]],
    x: Any,
    y: Any,
    *,
    loss: Any = None,
    plain_loss: Callable[[Any, Any], Any] = log_softmax_cross_entropy,
    twins: Callable[[Any], Mapping[str, Callable[[], Twin]]] = lambda params: {},
) -> Sides:
    """Make the sides of a step with Adam.

    Args:
        model: a layer of chainrule.
        plain: the same by hand-written JAX: ``plain(params, state, x) -> (outputs, new_state)``, in training.
        x: one batch.
        y: its targets.
        loss: a rule of outputs and targets; cross-entropy.
        plain_loss: the plain form of the loss.
        twins: makes the same in PyTorch from the params.
    """
    import jax
    import jax.numpy as jnp

    from chainrule import losses, optim, train

    loss = losses.cross_entropy if loss is None else loss
    optimizer = optim.adam(LEARNING_RATE)
    params, state = model.init(jax.random.key(0), x.shape[1:])
    start = train.TrainState(params, state, optimizer.init(params), jnp.zeros((), jnp.int32))

    def hand(start: Any, x: Any, y: Any) -> Any:
        return train.step(model, loss, optimizer, start, x, y, gradients="hand")

    def gradients_by_hand(start: Any, x: Any, y: Any) -> Any:
        (value, outputs, new_state), gradients = train.loss_and_gradients(
            model, loss, start.params, start.state, x, y, gradients="hand"
        )
        return value, outputs, new_state, gradients

    def gradients_of_plain(start: Any, x: Any, y: Any) -> Any:
        def objective(params: Any) -> Any:
            outputs, new_state = plain(params, start.state, x)
            return plain_loss(outputs, y), (outputs, new_state)

        (value, (outputs, new_state)), gradients = jax.value_and_grad(objective, has_aux=True)(start.params)
        return value, outputs, new_state, gradients

    def autodiff(start: Any, x: Any, y: Any) -> Any:
        value, outputs, new_state, gradients = gradients_of_plain(start, x, y)
        updates, optimizer_state = optimizer.update(gradients, start.optimizer_state, start.params)
        moved = optim.apply_updates(start.params, updates)
        return train.TrainState(moved, new_state, optimizer_state, start.epoch), value, outputs

    return Sides(hand, autodiff, (start, x, y), (gradients_by_hand, gradients_of_plain), twins(params))


def adam_twin(
    forward: Callable[[Any, Any], Any],
    params: Any,
    x: Any,
    y: Any,
    *,
    inward: Any,
    outward: Any,
    fused: bool | None = None,
) -> Callable[[], Twin]:
    """Make a step of PyTorch: ``forward(params, x)`` to logits, cross-entropy, backward, ``torch.optim.Adam``.

    Args:
        forward: from a pytree of tensors in PyTorch's layouts, and x, to logits (..., classes).
        params: the params of our model.
        x: the batch, in PyTorch's layout.
        y: the labels.
        inward: takes our params to PyTorch's layouts, as NumPy arrays.
        outward: takes PyTorch's gradients, NumPy arrays too, to ours.
        fused: as ``torch.optim.Adam`` has it.
    """

    def make() -> Twin:
        import jax
        import numpy as np
        import torch
        from torch.nn import functional

        arrays = inward(jax.tree.map(np.asarray, params))
        weights = jax.tree.map(lambda array: torch.tensor(np.ascontiguousarray(array)).requires_grad_(), arrays)
        optimizer = torch.optim.Adam(jax.tree.leaves(weights), lr=LEARNING_RATE, fused=fused)
        inputs, targets = torch.tensor(np.asarray(x)), torch.tensor(np.asarray(y)).long().flatten()
        if not inputs.is_floating_point():
            inputs = inputs.long()

        def backward() -> tuple[Any, Any]:
            optimizer.zero_grad(set_to_none=True)
            logits = forward(weights, inputs)
            loss = functional.cross_entropy(logits.flatten(0, -2), targets)
            loss.backward()
            return loss, logits

        def run() -> Any:
            loss, _ = backward()
            optimizer.step()
            return loss

        def values() -> Any:
            loss, logits = backward()
            gradients = outward(jax.tree.map(lambda tensor: tensor.grad.numpy().copy(), weights))
            return loss.item(), logits.detach().numpy(), gradients

        return Twin(run, values)

    return make
