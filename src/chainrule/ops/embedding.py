"""The embedding: each token has a row of numbers in a table, and looking up is all that it computes."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from chainrule.checks import describe, is_concrete, require_floating
from chainrule.rule import Static, rule

__all__ = ["check_tokens", "embedding"]


@rule
def embedding(tokens: Array, table: Array) -> tuple[Array, tuple[Array, Static]]:
    """Look up rows: y_n = E[t_n].

    Shapes: tokens t (...) of integers from 0 to vocabulary - 1, table E (vocabulary, features); y (..., features).

    Derivation: with one-hot rows O_nv = [t_n = v], Y = O E is an affine map of the table, so::

        dL/dE = O^T dL/dY        dL/dE_v = sum over the n with t_n = v of dL/dy_n

    A row gathers from every place where its token occurs, and is 0 where it occurs nowhere. Tokens are integers: no
    derivative. The product with O is never formed: the rows of dL/dY are added where they belong.

    Residuals: the tokens, and the shape of the table, not the table.

    An id outside the vocabulary is an error, raised wherever the numbers can be looked at. Under ``jit`` they cannot:
    there its row is NaN, which spreads to the loss, and it adds to no row of dL/dE. (JAX's own ``table[tokens]`` takes the
    last row silently, and counts negative ids from the end.) ``check_tokens`` looks before a compiled program is called.

    Raises:
        ValueError: for tokens that are no integers or lie outside the vocabulary, or a table that is no matrix.
    """
    require_floating("embedding", table=table)
    if table.ndim != 2:
        raise ValueError(f"embedding: table must be (vocabulary, features), got {describe(table)}")
    if not hasattr(tokens, "dtype") or not jnp.issubdtype(tokens.dtype, jnp.integer):
        raise ValueError(f"embedding: tokens must be an array of integers, got {describe(tokens)}")
    if is_concrete(tokens):
        check_tokens(tokens, table.shape[0])
    y = jnp.asarray(table).at[tokens].get(mode="fill", fill_value=jnp.nan, wrap_negative_indices=False)
    return y, (tokens, Static(table.shape))


@embedding.defbackward
def embedding_backward(residuals: tuple[Array, Static], d_output: Array) -> tuple[None, Array]:
    """Compute dL/dE by adding every row of dL/dY to the row of its token."""
    tokens, shape = residuals
    nothing = jnp.zeros(shape.value, d_output.dtype)
    return None, nothing.at[tokens].add(d_output, mode="drop", wrap_negative_indices=False)


def check_tokens(tokens: Any, vocabulary: int) -> None:
    """Refuse ids outside the vocabulary: for callers, before they hand tokens to a compiled program.

    Args:
        tokens: integers, in an array of any shape whose numbers can be looked at.
        vocabulary: how many tokens there are.

    Raises:
        ValueError: naming the first id below 0 or not below ``vocabulary``, and where it stands; for numbers that are no
            integers.
    """
    ids = np.asarray(tokens)
    if not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(f"tokens must be an array of integers, got {describe(ids)}")
    outside = (ids < 0) | (ids >= vocabulary)
    if outside.any():
        place = tuple(int(index) for index in np.argwhere(outside)[0])
        raise ValueError(
            f"tokens must be from 0 to {vocabulary - 1}, the vocabulary's; got {ids[place]} at index {list(place)}"
        )
