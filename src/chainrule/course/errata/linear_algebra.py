"""Errata of the syllabus's part A: linear algebra."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.course.errata.erratum import Erratum, Evidence

__all__ = ["ERRATA"]


def matrix_product() -> Evidence:
    """Multiply A and the transpose of B: c_ij = sum_k a_ik b_jk; and A and B number by number."""
    A, B = np.array([[10.0, 20, 30], [40, 50, 60]]), np.array([[90.0, 80, 70], [60, 50, 40]])
    by_the_sum = [[sum(a * b for a, b in zip(row, column, strict=True)) for column in B] for row in A]
    with jax.enable_x64(True):
        by_jax = np.asarray(jnp.matmul(jnp.asarray(A), jnp.asarray(B).T))
    try:
        A @ B
        product = "exists"
    except ValueError:
        product = "undefined: a row of A has 3 numbers, a column of B has 2"
    return Evidence(
        ways={"sum over k": by_the_sum, "jnp.matmul": by_jax, "outer products": sum(map(np.outer, A.T, B.T))},
        mistake={"A * B, number by number": A * B},
        remarks={"A @ B": product},
    )


ERRATA: tuple[Erratum, ...] = (
    Erratum(
        id="A5-product",
        source="S3",
        claim="the matrix product of A = [[10,20,30],[40,50,60]] and B = [[90,80,70],[60,50,40]]",
        printed="[[900, 1600, 2100], [2400, 2500, 2400]]",
        quoted=True,
        correct="[[4600, 2800], [11800, 7300]]",
        how="The figure is the element-wise product A * B. The matrix product A @ B does not exist, for the shapes (2, 3) "
        "and (2, 3) do not fit; A @ B.T does, and that is the correct figure here.",
        decide=matrix_product,
    ),
)
"""What is wrong in the sources, in the order of the syllabus."""
