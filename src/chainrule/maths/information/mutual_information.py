"""Mutual information: what one variable says about another."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from chainrule.checks import describe, is_concrete
from chainrule.maths.information.checks import in_base, require_base, require_distributions
from chainrule.maths.information.logarithms import log_ratio

__all__ = ["mutual_information", "mutual_information_of_counts"]


def mutual_information(joint: Array, *, base: float | None = None) -> Array:
    """Compute the mutual information of two variables from the table of their joint probabilities.

    ::

        I(X; Y) = sum_ij P_ij log(P_ij / (a_i b_j))            a_i = sum_j P_ij,  b_j = sum_i P_ij
                = H(X) + H(Y) - H(X, Y)  =  KL(P || a b)            >= 0, and 0 only for independent variables

    The derivative by P_ij, with a and b moving along, is log(P_ij / (a_i b_j)) - 1, and is given as 0 at P_ij = 0, where
    it is infinite. P_ij / a_i is formed first: a_i b_j may underflow where the quotient does not.

    Args:
        joint: P, probabilities over the last two axes together, (..., n, k).
        base: of the logarithm: None for nats, 2 for bits.

    Returns:
        The mutual information, (...). Rows and columns of zeros take no part. NaN for NaN; a negative number gives NaN
        where it cannot be looked at (under jit).

    Raises:
        ValueError: for an empty table, fewer than two axes, one that is not of floating-point numbers; where the numbers
            can be looked at, for negative ones and for a sum that is not 1; a base of 1 or less.

    Source: C. E. Shannon (1948), A mathematical theory of communication.
    """
    require_base("mutual_information", base)
    require_distributions("mutual_information", axes=2, joint=joint)
    return in_base(_mutual_information(joint), base)


def mutual_information_of_counts(counts: Array, *, base: float | None = None) -> Array:
    """Compute the mutual information of two variables from a table of counts, such as a confusion matrix.

    The counts are divided by their sum: what the labels say about the predictions, in this sample. A small sample
    overstates that of the population, by about (n - 1)(k - 1) / (2 N) nats for N observations.

    Args:
        counts: how often each pair occurred, integers or floating-point numbers, (..., n, k).
        base: of the logarithm: None for nats, 2 for bits.

    Returns:
        The mutual information, (...); float32 for integers, and otherwise of the dtype that came. NaN for a table of
        zeros and for a negative count where they cannot be looked at (under jit).

    Raises:
        ValueError: for an empty table, fewer than two axes; where the numbers can be looked at, for negative ones and
            for a table of zeros; a base of 1 or less.
    """
    where = "mutual_information_of_counts"
    require_base(where, base)
    if not hasattr(counts, "dtype") or np.ndim(counts) < 2 or 0 in np.shape(counts)[-2:]:
        raise ValueError(f"{where}: counts must be (..., n, k) with nothing empty, got {describe(counts)}")
    if not (jnp.issubdtype(counts.dtype, jnp.integer) or jnp.issubdtype(counts.dtype, jnp.floating)):
        raise ValueError(f"{where}: counts must be of integers or floating-point numbers, got {describe(counts)}")
    if is_concrete(counts):
        numbers = np.asarray(counts).astype(np.float64)
        if np.any(numbers < 0):
            raise ValueError(f"{where}: counts must not be negative, got {numbers.min():.6g} among them")
        if np.any(numbers.sum(axis=(-2, -1)) == 0):
            raise ValueError(f"{where}: counts must hold an observation, got a table of zeros")
    floating = jnp.issubdtype(counts.dtype, jnp.floating)
    numbers_of = jnp.asarray(counts, counts.dtype if floating else jnp.float32)
    return in_base(_mutual_information(numbers_of / jnp.sum(numbers_of, axis=(-2, -1), keepdims=True)), base)


@jax.custom_jvp
def _mutual_information(joint: Array) -> Array:
    return jnp.sum(joint * _log_dependence(joint), axis=(-2, -1))


@_mutual_information.defjvp
def _mutual_information_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (joint,), (d_joint,) = primals, tangents
    logs = _log_dependence(joint)
    slopes = jnp.where(joint == 0, jnp.zeros_like(joint), logs - 1)
    return jnp.sum(joint * logs, axis=(-2, -1)), jnp.sum(slopes * d_joint, axis=(-2, -1))


def _log_dependence(joint: Array) -> Array:
    """log(P_ij / (a_i b_j)), and 0 where P_ij = 0."""
    rows, columns = jnp.sum(joint, axis=-1, keepdims=True), jnp.sum(joint, axis=-2, keepdims=True)
    empty = joint == 0
    given_row = joint / jnp.where(rows == 0, jnp.ones_like(rows), rows)
    # In an empty cell both are set to 1; whatever else is no number, NaN or negative, comes through.
    columns = jnp.where(empty, jnp.ones_like(joint), columns)
    return log_ratio(jnp.where(empty, jnp.ones_like(joint), given_row), columns)
