"""One step of training: the loss, its gradients by hand or by autodiff, and the optimiser's update."""

from __future__ import annotations

import operator
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from chainrule.layer import Layer
from chainrule.optim import Optimizer, apply_updates
from chainrule.rule import Rule, is_differentiable

__all__ = ["Gradients", "TrainState", "loss_and_gradients", "step"]

Gradients = Literal["hand", "autodiff"]


class TrainState(NamedTuple):
    """All that training changes.

    Attributes:
        params: the parameters of the model.
        state: the state of the model (empty for models without running statistics).
        optimizer_state: the state of the optimiser.
        epoch: how many epochs are done, int32.
    """

    params: Any
    state: Any
    optimizer_state: Any
    epoch: Array


def loss_and_gradients(
    model: Layer,
    loss: Rule,
    params: Any,
    state: Any,
    x: Array,
    y: Array,
    key: Array | None = None,
    *,
    gradients: Gradients = "hand",
    penalty: Rule | None = None,
) -> tuple[tuple[Array, Any, Any], Any]:
    """Compute ``((loss, outputs, new_state), d_params)`` for one batch, in training mode.

    By hand, the reverse pass is three lines, and a fourth with a penalty::

        outputs = model(params, x)          loss = L(outputs, y)
        d_outputs = dL/d_outputs            the pullback of the loss, of 1
        d_params = dL/d_params              the pullback of the model, of d_outputs
                 + dP/d_params              with a penalty P(params): that of the penalty, of 1

    and JAX's differentiation is never called. With ``gradients="autodiff"`` it is ``jax.value_and_grad`` of the same
    forward pass.

    Args:
        model: a layer; its params and state.
        loss: a rule of (outputs, targets) that returns a scalar.
        params: the parameters of the model.
        state: the state of the model, as ``init`` made it.
        x: one batch, (batch, ...).
        y: its targets, (batch, ...).
        key: the randomness of this pass, for models that draw random numbers.
        gradients: ``"hand"`` or ``"autodiff"``.
        penalty: a rule of params that is added to the loss, such as ``losses.l2_penalty``, or None.

    Raises:
        ValueError: for another value of ``gradients``, and whatever the model, the loss and the penalty refuse.
    """
    if gradients == "hand":
        (outputs, new_state), pull_model = model.vjp(params, x, state, key, train=True)
        value, pull_loss = loss.vjp(outputs, y)
        d_outputs, *_ = pull_loss(jnp.ones_like(value))
        d_params, *_ = pull_model((d_outputs, jax.tree.map(_zero_cotangent, new_state)))
        if penalty is not None:
            cost, pull_penalty = penalty.vjp(params)
            value = value + cost
            d_params = jax.tree.map(operator.add, d_params, pull_penalty(jnp.ones_like(cost))[0])
        return (value, outputs, new_state), d_params
    if gradients == "autodiff":

        def objective(params: Any) -> tuple[Array, tuple[Any, Any]]:
            outputs, new_state = model(params, x, state, key, train=True)
            value = loss(outputs, y)
            return (value if penalty is None else value + penalty(params)), (outputs, new_state)

        (value, (outputs, new_state)), d_params = jax.value_and_grad(objective, has_aux=True)(params)
        return (value, outputs, new_state), d_params
    raise ValueError(f"gradients must be 'hand' or 'autodiff', got {gradients!r}")


def step(
    model: Layer,
    loss: Rule,
    optimizer: Optimizer,
    train_state: TrainState,
    x: Array,
    y: Array,
    key: Array | None = None,
    *,
    gradients: Gradients = "hand",
    penalty: Rule | None = None,
) -> tuple[TrainState, Array, Any]:
    """Take one step on one batch: ``(train_state, loss, outputs)``, the last two from before the step.

    A pure function: compile it with ``jax.jit(step, static_argnums=(0, 1), static_argnames=("gradients", "penalty"))``.
    ``fit`` runs whole epochs of it as one program.
    """
    (value, outputs, state), grads = loss_and_gradients(
        model, loss, train_state.params, train_state.state, x, y, key, gradients=gradients, penalty=penalty
    )
    updates, optimizer_state = optimizer.update(grads, train_state.optimizer_state, train_state.params)
    params = apply_updates(train_state.params, updates)
    return TrainState(params, state, optimizer_state, train_state.epoch), value, outputs


def _zero_cotangent(leaf: Any) -> Any:
    """The cotangent of a value that the loss does not depend on."""
    return jnp.zeros_like(leaf) if is_differentiable(leaf) else np.zeros(leaf.shape, jax.dtypes.float0)
