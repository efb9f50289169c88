"""Functions of JAX whose derivatives are right, with how to draw their arguments: what an audit must not raise an alarm on.

Shapes are drawn with the numbers: ranks 0 to 3, sizes 1 to 6, mostly unequal, at times broadcast against each other. Floats
are float64, well scaled, away from kinks, ties and the edges of a domain; labels and indices are int32. A size that would
make a derivative vanish (a softmax over one number) or divide by zero (a deviation of one number) is not drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy as jsp
import numpy as np
from jax import Array, lax

__all__ = ["CORRECT", "KNOWN_WRONG", "Correct", "Wrong"]

Rng = np.random.Generator
Arguments = tuple[np.ndarray, ...]
Draw = Callable[[Rng], Arguments]
Values = Callable[[Rng, tuple[int, ...]], np.ndarray]

LARGEST = 6  # of a size


@dataclass(frozen=True)
class Correct:
    """A function whose derivative is right.

    Attributes:
        name: where it is found, ``"jax.nn.gelu"``; what is fixed or composed stands in words behind it.
        function: the function, static arguments bound.
        draw: draws its arguments, shapes and numbers.
        kinks: where it is not smooth; the draws keep away from there.
    """

    name: str
    function: Callable[..., Any]
    draw: Draw
    kinks: str = ""


@dataclass(frozen=True)
class Wrong(Correct):
    """A function whose derivative by JAX is wrong somewhere, which an audit must say.

    Attributes:
        why: what JAX gives there, and what is right.
        fails: the check that fails.
        seed: the one at which it does.
        at: the arguments where the derivative is wrong, numbers of ``dtype``.
        slope: the derivative by the first of them that is right.
    """

    why: str = ""
    fails: str = ""
    seed: int = 0
    at: tuple[float, ...] = ()
    slope: float = 0.0
    dtype: str = "float64"


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _real(*kinks: float, scale: float = 1.5, gap: float = 0.1) -> Values:
    """Normal numbers, none nearer to a kink than ``gap``."""

    def values(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
        x = scale * rng.normal(size=shape)
        for kink in kinks:
            x = np.where(np.abs(x - kink) < gap, kink + np.where(x < kink, -1, 1) * gap * (1 + rng.random(shape)), x)
        return np.asarray(x)

    return values


def _lively(low: float, high: float, values: Values) -> Values:
    """The same, the first number between ``low`` and ``high``: one at least where a function with flat parts is not flat."""

    def lively(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
        x = values(rng, shape)
        x.flat[0] = rng.uniform(low, high)
        return x

    return lively


def _between(low: float, high: float) -> Values:
    """Uniform numbers."""
    return lambda rng, shape: np.asarray(rng.uniform(low, high, shape))


def _magnitude(low: float, high: float) -> Values:
    """Numbers of both signs, their magnitudes uniform."""
    return lambda rng, shape: np.asarray(rng.uniform(low, high, shape) * rng.choice([-1.0, 1.0], shape))


def _apart(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers in random order, no two nearer to each other than 0.1: no ties."""
    size = int(np.prod(shape))
    return np.asarray((rng.permutation(size) - size / 2 + 0.3 * rng.random(size)).reshape(shape) / 7)


def _grid(offset: float) -> Values:
    """Numbers near multiples of 1/2, shifted: those of another offset are never equal to them."""
    return lambda rng, shape: np.asarray(rng.integers(-4, 5, shape) / 2 + rng.uniform(0, 0.15, shape) + offset)


# --- Shapes -----------------------------------------------------------------------------------------------------------


def _sizes(rng: Rng, count: int, smallest: int = 1) -> tuple[int, ...]:
    """Sizes of axes, all unequal in four draws of five."""
    choices = np.arange(smallest, LARGEST + 1)
    return tuple(int(n) for n in rng.choice(choices, count, replace=count > len(choices) or rng.random() < 0.2))


def _same(*values: Values, ranks: tuple[int, int] = (0, 3), smallest: int = 1) -> Draw:
    """Arguments of one shape, of any rank within ``ranks``, no axis smaller than ``smallest``."""

    def draw(rng: Rng) -> Arguments:
        shape = _sizes(rng, int(rng.integers(ranks[0], ranks[1] + 1)), smallest)
        return tuple(v(rng, shape) for v in values)

    return draw


def _broadcast(*values: Values) -> Draw:
    """Arguments whose shapes broadcast: some lack leading axes, or have size 1 along an axis."""

    def draw(rng: Rng) -> Arguments:
        shape = _sizes(rng, int(rng.integers(0, 4)))
        full = int(rng.integers(len(values)))
        shapes = []
        for position in range(len(values)):
            narrow = tuple(1 if rng.random() < 0.3 else size for size in shape)[int(rng.integers(0, len(shape) + 1)) :]
            shapes.append(shape if position == full or rng.random() < 0.4 else narrow)
        return tuple(v(rng, s) for v, s in zip(values, shapes, strict=True))

    return draw


def _axes(axes: str, *values: Values, smallest: int = 1) -> Draw:
    """Arguments whose axes are letters, equal letters of equal size: ``"nk km"`` is a product of matrices."""
    terms = axes.split(" ")
    letters = sorted(set("".join(terms)))

    def draw(rng: Rng) -> Arguments:
        size = dict(zip(letters, _sizes(rng, len(letters), smallest), strict=True))
        each = values if len(values) == len(terms) else values * len(terms)
        return tuple(v(rng, tuple(size[a] for a in term)) for v, term in zip(each, terms, strict=True))

    return draw


def _orthogonal(rng: Rng, size: int) -> np.ndarray:
    return np.asarray(np.linalg.qr(rng.normal(size=(size, size)))[0])


def _invertible(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
    """Square matrices whose determinant is of order 1, of either sign."""
    n = shape[-1]
    return np.asarray(0.3 / np.sqrt(n) * rng.normal(size=shape) + rng.choice([-1.0, 1.0]) * 1.3 * np.eye(n))


def _triangular(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(np.tril(_invertible(rng, shape)))


def _separated_eigenvalues(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
    """A matrix whose symmetric part has eigenvalues at least 0.7 apart."""
    q, skew = _orthogonal(rng, shape[0]), rng.normal(size=shape)
    return np.asarray(q * (np.arange(shape[0]) + 0.3 * rng.random(shape[0]) - 1.5) @ q.T + skew - skew.T)


def _separated_singular_values(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
    """A matrix whose singular values are at least 0.35 apart, and apart from 0."""
    rank = min(shape)
    singular = 0.5 + 0.5 * np.arange(rank) + 0.15 * rng.random(rank)
    return np.asarray(_orthogonal(rng, shape[0])[:, :rank] * singular @ _orthogonal(rng, shape[1])[:, :rank].T)


def _tall(rng: Rng) -> Arguments:
    rows, columns = sorted(_sizes(rng, 2, 2), reverse=True)
    return _separated_singular_values(rng, (rows, columns)), rng.normal(size=rows)


def _knots(rng: Rng) -> Arguments:
    count, points = _sizes(rng, 2, 3)
    knots = np.cumsum(rng.uniform(0.5, 1.5, count))
    left = rng.integers(0, count - 1, points)
    x = knots[left] + rng.uniform(0.1, 0.9, points) * np.diff(knots)[left]
    return x, knots, rng.normal(size=count)


def _indexed(rng: Rng) -> Arguments:
    rows, *rest, count = _sizes(rng, 3, 2)
    return rng.normal(size=(rows, *rest)), rng.integers(0, rows, count).astype(np.int32)


def _indexed_along(rng: Rng) -> Arguments:
    rows, columns, count = _sizes(rng, 3, 2)
    return rng.normal(size=(rows, columns)), rng.integers(0, rows, (count, columns)).astype(np.int32)


def _segments(rng: Rng) -> Arguments:
    rows, columns = _sizes(rng, 2)
    return rng.normal(size=(rows, columns)), rng.integers(0, 4, rows).astype(np.int32)


def _added_at(rng: Rng) -> Arguments:
    x, indices = _indexed(rng)
    return x, indices, rng.normal(size=(len(indices), *x.shape[1:]))


def _labelled(rng: Rng) -> Arguments:
    rows, classes = _sizes(rng, 2, 2)
    return rng.normal(size=(rows, classes)), rng.integers(0, classes, rows).astype(np.int32)


def _masked(rng: Rng) -> Arguments:
    (x, y) = _broadcast(_real(), _real())(rng)
    return rng.integers(0, 2, np.broadcast_shapes(x.shape, y.shape)).astype(np.int32), x, y


def _counted(rng: Rng) -> Arguments:
    (mean,) = _same(_between(0.5, 3.0))(rng)
    return rng.integers(0, 5, mean.shape).astype(np.int32), mean


def _images(rng: Rng) -> Arguments:
    batch, height, width, features = _sizes(rng, 4, 2)
    channels, kernel = int(rng.integers(1, 4)), (int(rng.integers(1, 3)), int(rng.integers(1, 3)))
    return rng.normal(size=(batch, height, width, channels)), rng.normal(size=(*kernel, channels, features))


def _proportions(rng: Rng) -> Arguments:
    (logits, alpha) = _same(_real(scale=0.7), _between(0.8, 3.0), ranks=(1, 1), smallest=2)(rng)
    return logits, alpha


# --- Functions that are composed here ---------------------------------------------------------------------------------


def cross_entropy(logits: Array, labels: Array) -> Array:
    """The mean of -log p(label)."""
    return -jnp.mean(jnp.sum(jax.nn.one_hot(labels, logits.shape[-1]) * jax.nn.log_softmax(logits), -1))


def smoothed_cross_entropy(logits: Array, labels: Array) -> Array:
    """Cross-entropy against labels smoothed by 0.1, as logsumexp minus the mean logit."""
    q = 0.9 * jax.nn.one_hot(labels, logits.shape[-1]) + 0.1 / logits.shape[-1]
    return jnp.mean(jax.nn.logsumexp(logits, -1) - jnp.sum(q * logits, -1))


def focal_loss(logits: Array, labels: Array) -> Array:
    """The focal loss (1 - p)^2 (-log p) of each row."""
    log_p = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], -1)[:, 0]
    return -((1 - jnp.exp(log_p)) ** 2) * log_p


def divergence(p: Array, q: Array) -> Array:
    """The Kullback-Leibler divergence of two softmaxes."""
    return jnp.sum(jax.nn.softmax(p) * (jax.nn.log_softmax(p) - jax.nn.log_softmax(q)), -1)


def choose(mask: Array, x: Array, y: Array) -> Array:
    """One number or the other."""
    return jnp.where(mask > 0, x, y)


def log_abs_det(a: Array) -> Array:
    """log |det a|."""
    return jnp.linalg.slogdet(a)[1]


def gram_cholesky(x: Array) -> Array:
    """The Cholesky factor of x x^T + I."""
    return jnp.linalg.cholesky(x @ x.T + jnp.eye(len(x)))


def symmetric_eigenvalues(x: Array) -> Array:
    """The eigenvalues of the symmetric part of x."""
    return jnp.linalg.eigvalsh((x + x.T) / 2)


def singular_values(x: Array) -> Array:
    """The singular values of x."""
    return jnp.linalg.svd(x, compute_uv=False)


def least_squares(a: Array, b: Array) -> Array:
    """argmin |a x - b| by a = q r."""
    q, r = jnp.linalg.qr(a)
    return jsp.linalg.solve_triangular(r, q.T @ b)


def gram_solve(x: Array, b: Array) -> Array:
    """(x x^T + I)^-1 b by Cholesky's factor."""
    return jsp.linalg.cho_solve(jsp.linalg.cho_factor(x @ x.T + jnp.eye(len(x))), b)


def gaussian(x: Array, mean: Array, factor: Array) -> Array:
    """The log density of a normal vector with covariance factor factor^T + I."""
    return jsp.stats.multivariate_normal.logpdf(x, mean, factor @ factor.T + jnp.eye(len(mean)))


def dirichlet(logits: Array, alpha: Array) -> Array:
    """The log density of proportions softmax(logits)."""
    return jsp.stats.dirichlet.logpdf(jax.nn.softmax(logits), alpha)


def add_at(x: Array, indices: Array, y: Array) -> Array:
    """x with rows added, some of them twice."""
    return x.at[indices].add(y)


def power_spectrum(x: Array) -> Array:
    """|F x|^2, by way of complex numbers."""
    spectrum = jnp.fft.rfft(x)
    return spectrum.real**2 + spectrum.imag**2


def linear_recurrence(a: Array, b: Array) -> Array:
    """h_t = a_t h_(t-1) + b_t, in parallel."""

    def compose(first: tuple[Array, Array], second: tuple[Array, Array]) -> tuple[Array, Array]:
        return first[0] * second[0], first[1] * second[0] + second[1]

    return lax.associative_scan(compose, (a, b))[1]


def recurrent_network(w: Array, u: Array, x: Array, h: Array) -> tuple[Array, Array]:
    """h_t = tanh(h_(t-1) w + x_t u), the last state and all of them."""

    def step(h: Array, x: Array) -> tuple[Array, Array]:
        h = jnp.tanh(h @ w + x @ u)
        return h, h

    return lax.scan(step, h, x)


def squared_distances(x: Array, y: Array) -> Array:
    """|x_i - y_j|^2 by two nested vmaps."""
    return jax.vmap(lambda a: jax.vmap(lambda b: jnp.sum((a - b) ** 2))(y))(x)


def layer_norm(x: Array, gain: Array, shift: Array) -> Array:
    """Normalised over the last axis, scaled and shifted."""
    return jax.nn.standardize(x, axis=-1) * gain + shift


def attention(q: Array, k: Array, v: Array) -> Array:
    """softmax(q k^T / sqrt(d)) v of many heads; (batch, time, heads, features)."""
    scores = jnp.einsum("btnh,bsnh->bnts", q, k) / np.sqrt(q.shape[-1])
    return jnp.einsum("bnts,bsnh->btnh", jax.nn.softmax(scores), v)


def causal_attention(q: Array, k: Array, v: Array) -> Array:
    """softmax(q k^T, nothing that lies ahead) v of one head; (time, features)."""
    scores = jnp.where(jnp.tri(len(q), dtype=bool), q @ k.T, -jnp.inf)
    return jax.nn.softmax(scores) @ v


def convolution(x: Array, kernel: Array) -> Array:
    """A convolution of NHWC images, stride 2 along the height."""
    numbers = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, kernel, (2, 1), ((1, 0), (1, 2)), dimension_numbers=numbers)


def max_pool(x: Array) -> Array:
    """The largest number of each window of 2 by 3."""
    return lax.reduce_window(x, -jnp.inf, lax.max, (2, 3), (1, 2), "SAME")


def resize(x: Array) -> Array:
    """A matrix as one of 5 by 7, by linear interpolation."""
    return jax.image.resize(x, (5, 7), "linear")


# --- The table --------------------------------------------------------------------------------------------------------

_ONE = _same(_real())
_ROWS = _same(_real(), ranks=(1, 3), smallest=2)
_LONG = _same(_real(), ranks=(1, 3), smallest=3)
_TIELESS = _same(_apart, ranks=(1, 3), smallest=2)
_POSITIVE = _same(_between(0.3, 3.0))
_INSIDE = _same(_magnitude(0.05, 0.85))
_UNIT = _same(_between(0.1, 0.9))
_NOT_ZERO = _same(_magnitude(0.3, 1.8))
_HALF = _real(scale=0.5)


def _elementwise(room: str, names: str, draw: Draw, kinks: str = "") -> list[Correct]:
    module = {"jax.nn": jax.nn, "jax.numpy": jnp, "jax.scipy.special": jsp.special}[room]
    return [Correct(f"{room}.{name}", getattr(module, name), draw, kinks) for name in names.split()]


CORRECT: tuple[Correct, ...] = (
    # Activations
    *_elementwise("jax.nn", "gelu silu sigmoid log_sigmoid softplus squareplus mish tanh", _ONE),
    *_elementwise("jax.nn", "leaky_relu elu selu celu soft_sign", _same(_real(0.0)), "0"),
    *_elementwise("jax.nn", "relu", _same(_lively(0.1, 2.0, _real(0.0))), "0"),
    *_elementwise("jax.nn", "relu6", _same(_lively(0.1, 5.9, _real(0.0, 6.0, scale=4.0))), "0 and 6"),
    *_elementwise(
        "jax.nn", "hard_tanh sparse_plus sparse_sigmoid", _same(_lively(-0.9, 0.9, _real(-1.0, 1.0))), "-1 and 1"
    ),
    *_elementwise(
        "jax.nn", "hard_sigmoid hard_silu", _same(_lively(0.0, 2.9, _real(-3.0, 3.0, scale=2.5))), "-3 and 3"
    ),
    Correct("jax.nn.gelu, exact", partial(jax.nn.gelu, approximate=False), _ONE),
    Correct("jax.nn.celu, alpha 0.5", partial(jax.nn.celu, alpha=0.5), _same(_real(0.0)), "0"),
    Correct("jax.nn.glu", jax.nn.glu, lambda rng: (rng.normal(size=(*_sizes(rng, 1), 2 * int(rng.integers(1, 4)))),)),
    # Softmax, normalisation, losses
    *_elementwise("jax.nn", "softmax log_softmax logsumexp", _ROWS),
    Correct("jax.nn.softmax, axis 0", partial(jax.nn.softmax, axis=0), _ROWS),
    Correct("jax.nn.log_softmax, axis 0", partial(jax.nn.log_softmax, axis=0), _ROWS),
    Correct("jax.nn.logsumexp, axis, keepdims", partial(jax.nn.logsumexp, axis=0, keepdims=True), _ROWS),
    Correct("jax.nn.standardize", jax.nn.standardize, _LONG),
    Correct("jax.nn.standardize, layer norm", layer_norm, _axes("bn n n", _real(), smallest=3)),
    Correct("jax.nn.one_hot, cross-entropy", cross_entropy, _labelled),
    Correct("jax.nn.one_hot, smoothed cross-entropy", smoothed_cross_entropy, _labelled),
    Correct("jax.nn.log_softmax, focal loss", focal_loss, _labelled),
    Correct("jax.nn.softmax, divergence", divergence, _same(_real(), _real(), ranks=(1, 3), smallest=2)),
    Correct("jax.nn.softmax, attention", attention, _axes("btnh bsnh bsnh", _real(), smallest=2)),
    Correct("jax.nn.softmax, causal attention", causal_attention, _axes("th th tv", _real(), smallest=2)),
    # Elementwise
    *_elementwise("jax.numpy", "sin cos exp expm1 square arctan sinh cosh tanh arcsinh exp2 deg2rad negative", _ONE),
    *_elementwise("jax.numpy", "arcsin arccos arctanh tan", _INSIDE),
    *_elementwise("jax.numpy", "log log1p log2 log10 sqrt", _POSITIVE),
    *_elementwise("jax.numpy", "cbrt reciprocal", _NOT_ZERO),
    *_elementwise("jax.numpy", "abs", _same(_real(0.0)), "0"),
    *_elementwise("jax.numpy", "arccosh", _same(_between(1.3, 4.0))),
    *_elementwise("jax.numpy", "multiply add subtract logaddexp logaddexp2", _broadcast(_real(), _real())),
    *_elementwise("jax.numpy", "divide", _broadcast(_magnitude(0.3, 2.0), _magnitude(0.3, 2.0))),
    *_elementwise("jax.numpy", "power", _broadcast(_between(0.3, 2.0), _real())),
    *_elementwise("jax.numpy", "maximum minimum", _broadcast(_grid(0.0), _grid(0.25)), "x = y"),
    Correct(
        "jax.numpy.clip", partial(jnp.clip, min=-1.0, max=0.5), _same(_lively(-0.9, 0.4, _real(-1.0, 0.5))), "-1, 0.5"
    ),
    Correct("jax.numpy.where", choose, _masked),
    # Reductions and scans
    *_elementwise("jax.numpy", "sum mean", _ONE),
    *_elementwise("jax.numpy", "var std", _LONG, "all equal"),
    *_elementwise("jax.numpy", "max min median ptp", _TIELESS, "ties"),
    *_elementwise("jax.numpy", "prod cumsum cumprod", _same(_magnitude(0.5, 1.3), ranks=(1, 2))),
    Correct("jax.numpy.sum, axis 0", partial(jnp.sum, axis=0), _ROWS),
    Correct("jax.numpy.mean, axis, keepdims", partial(jnp.mean, axis=-1, keepdims=True), _ROWS),
    Correct("jax.numpy.prod, axis 0", partial(jnp.prod, axis=0), _same(_magnitude(0.5, 1.3), ranks=(1, 3))),
    Correct("jax.numpy.var, axis 0, ddof 1", partial(jnp.var, axis=0, ddof=1), _LONG),
    Correct("jax.numpy.std, axis, keepdims", partial(jnp.std, axis=-1, keepdims=True), _LONG, "all equal"),
    Correct("jax.numpy.max, axis, keepdims", partial(jnp.max, axis=0, keepdims=True), _TIELESS, "ties"),
    Correct("jax.numpy.min, axis -1", partial(jnp.min, axis=-1), _TIELESS, "ties"),
    Correct("jax.numpy.cumsum, axis 0", partial(jnp.cumsum, axis=0), _ROWS),
    Correct("jax.numpy.cumprod, axis", partial(jnp.cumprod, axis=-1), _same(_magnitude(0.5, 1.3), ranks=(1, 3))),
    Correct("jax.numpy.diff, axis 0", partial(jnp.diff, axis=0), _ROWS),
    Correct("jax.numpy.quantile", partial(jnp.quantile, q=0.3), _TIELESS, "ties"),
    Correct("jax.scipy.special.logsumexp, axis", partial(jsp.special.logsumexp, axis=-1), _ROWS),
    # Linear algebra
    Correct("jax.numpy.matmul", jnp.matmul, _axes("nk km", _real())),
    Correct("jax.numpy.matmul, batched", jnp.matmul, _axes("bnk km", _real())),
    Correct("jax.numpy.dot", jnp.dot, _axes("abk k", _real())),
    Correct("jax.numpy.vdot", jnp.vdot, _axes("ab ab", _real())),
    Correct("jax.numpy.inner", jnp.inner, _axes("ak bk", _real())),
    Correct("jax.numpy.outer", jnp.outer, _axes("a b", _real())),
    Correct("jax.numpy.kron", jnp.kron, _axes("ab c", _real())),
    Correct("jax.numpy.cross", jnp.cross, lambda rng: tuple(rng.normal(size=(2, int(rng.integers(1, 7)), 3)))),
    Correct("jax.numpy.tensordot", partial(jnp.tensordot, axes=1), _axes("abk kc", _real())),
    Correct("jax.numpy.einsum, bij,bjk->kbi", partial(jnp.einsum, "bij,bjk->kbi"), _axes("bij bjk", _real())),
    Correct("jax.numpy.einsum, ii,ij,k->j", partial(jnp.einsum, "ii,ij,k->j"), _axes("ii ij k", _real())),
    Correct("jax.numpy.trace", jnp.trace, _axes("ab", _real())),
    Correct("jax.numpy.linalg.norm", jnp.linalg.norm, _same(_real(0.0), ranks=(1, 2)), "0"),
    Correct("jax.numpy.linalg.norm, axis", partial(jnp.linalg.norm, axis=-1), _same(_real(0.0), ranks=(1, 3)), "0"),
    Correct("jax.numpy.linalg.inv", jnp.linalg.inv, _axes("nn", _invertible)),
    Correct("jax.numpy.linalg.solve", jnp.linalg.solve, _axes("nn nk", _invertible, _real())),
    Correct("jax.numpy.linalg.det", jnp.linalg.det, _axes("nn", _invertible)),
    Correct("jax.numpy.linalg.slogdet", log_abs_det, _axes("nn", _invertible)),
    Correct("jax.numpy.linalg.cholesky", gram_cholesky, _axes("nk", _real())),
    Correct("jax.numpy.linalg.eigvalsh", symmetric_eigenvalues, _axes("nn", _separated_eigenvalues), "equal values"),
    Correct("jax.numpy.linalg.svd", singular_values, _axes("nm", _separated_singular_values), "equal values"),
    Correct("jax.numpy.linalg.qr, least squares", least_squares, _tall),
    Correct("jax.numpy.linalg.pinv", jnp.linalg.pinv, _axes("nm", _separated_singular_values)),
    Correct("jax.numpy.linalg.matrix_power", partial(jnp.linalg.matrix_power, n=3), _axes("nn", _invertible)),
    Correct("jax.scipy.linalg.expm", jsp.linalg.expm, _axes("nn", _HALF)),
    Correct("jax.scipy.linalg.cho_solve", gram_solve, _axes("nk n", _real())),
    Correct(
        "jax.scipy.linalg.solve_triangular",
        partial(jsp.linalg.solve_triangular, lower=True),
        _axes("nn nk", _triangular, _real()),
    ),
    # Shapes and indices
    Correct("jax.numpy.reshape", partial(jnp.reshape, shape=-1), _ONE),
    Correct("jax.numpy.transpose", jnp.transpose, _ONE),
    Correct("jax.numpy.flip", jnp.flip, _ONE),
    Correct("jax.numpy.roll", partial(jnp.roll, shift=2, axis=0), _ROWS),
    Correct("jax.numpy.pad", partial(jnp.pad, pad_width=(1, 2)), _same(_real(), ranks=(1, 3))),
    Correct("jax.numpy.pad, edge", partial(jnp.pad, pad_width=(2, 1), mode="edge"), _same(_real(), ranks=(1, 2))),
    Correct("jax.numpy.repeat", partial(jnp.repeat, repeats=3, axis=0), _ROWS),
    Correct("jax.numpy.tril", jnp.tril, _axes("ab", _real())),
    Correct("jax.numpy.diagonal", jnp.diagonal, _axes("ab", _real())),
    Correct("jax.numpy.sort", jnp.sort, _TIELESS, "ties"),
    Correct("jax.numpy.take", partial(jnp.take, axis=0), _indexed),
    Correct("jax.numpy.take_along_axis", partial(jnp.take_along_axis, axis=0), _indexed_along),
    Correct("jax.numpy.ndarray.at, add", add_at, _added_at),
    Correct("jax.ops.segment_sum", partial(jax.ops.segment_sum, num_segments=4), _segments),
    Correct("jax.numpy.append", partial(jnp.append, axis=0), _axes("ab cb", _real())),
    Correct("jax.numpy.concatenate", lambda *parts: jnp.concatenate(parts, 1), _axes("ab ac ad", _real())),
    Correct("jax.numpy.stack", lambda *parts: jnp.stack(parts, 1), _same(_real(), _real(), _real(), ranks=(1, 3))),
    Correct("jax.numpy.interp", jnp.interp, _knots, "the knots"),
    Correct("jax.numpy.convolve", jnp.convolve, _axes("a b", _real())),
    Correct("jax.numpy.fft.rfft, power spectrum", power_spectrum, _same(_real(), ranks=(1, 2), smallest=2)),
    Correct("jax.image.resize, linear", resize, _axes("ab", _real(), smallest=2)),
    Correct("jax.vmap, squared distances", squared_distances, _axes("nk mk", _real())),
    # Special functions
    *_elementwise("jax.scipy.special", "erf erfc expit ndtr log_ndtr i0e i1", _ONE),
    *_elementwise("jax.scipy.special", "i1e", _same(_magnitude(0.2, 3.0))),
    *_elementwise("jax.scipy.special", "erfinv", _INSIDE),
    *_elementwise("jax.scipy.special", "logit ndtri entr", _UNIT),
    *_elementwise("jax.scipy.special", "gammaln digamma", _same(_between(0.5, 4.0))),
    # Scalars alone: mapped over an array, every element takes every branch, and one of them takes 1/x rounds near 0.
    *_elementwise("jax.scipy.special", "expi exp1", _same(_between(0.5, 4.0), ranks=(0, 0))),
    *_elementwise("jax.scipy.special", "betaln", _broadcast(_between(0.5, 3.0), _between(0.5, 3.0))),
    *_elementwise("jax.scipy.special", "xlogy rel_entr kl_div", _broadcast(_between(0.3, 2.0), _between(0.3, 2.0))),
    *_elementwise("jax.scipy.special", "xlog1py", _broadcast(_magnitude(0.2, 2.0), _between(-0.6, 2.0))),
    Correct("jax.scipy.special.polygamma, trigamma", partial(jsp.special.polygamma, 1), _same(_between(0.7, 4.0))),
    Correct("jax.scipy.special.zeta, zeta(3, q)", partial(jsp.special.zeta, 3.0), _same(_between(0.7, 4.0))),
    Correct("jax.scipy.special.multigammaln", partial(jsp.special.multigammaln, d=3), _same(_between(1.6, 5.0))),
    Correct("jax.scipy.special.betainc, x", partial(jsp.special.betainc, 1.7, 2.3), _UNIT),
    Correct("jax.scipy.special.gammainc, x", partial(jsp.special.gammainc, 1.7), _same(_between(0.5, 4.0))),
    # Log densities
    Correct("jax.scipy.stats.norm.logpdf", jsp.stats.norm.logpdf, _broadcast(_real(), _real(), _between(0.5, 2.0))),
    Correct("jax.scipy.stats.norm.logcdf", jsp.stats.norm.logcdf, _ONE),
    Correct("jax.scipy.stats.t.logpdf", jsp.stats.t.logpdf, _broadcast(_real(), _between(1.0, 5.0))),
    Correct("jax.scipy.stats.gamma.logpdf", jsp.stats.gamma.logpdf, _broadcast(_between(0.5, 3), _between(0.7, 3))),
    Correct(
        "jax.scipy.stats.beta.logpdf",
        jsp.stats.beta.logpdf,
        _broadcast(_between(0.15, 0.85), _between(0.7, 3.0), _between(0.7, 3.0)),
    ),
    Correct("jax.scipy.stats.logistic.logpdf", jsp.stats.logistic.logpdf, _ONE),
    Correct("jax.scipy.stats.cauchy.logpdf", jsp.stats.cauchy.logpdf, _ONE),
    Correct("jax.scipy.stats.laplace.logpdf", jsp.stats.laplace.logpdf, _same(_real(0.0)), "0"),
    Correct("jax.scipy.stats.chi2.logpdf", jsp.stats.chi2.logpdf, _broadcast(_between(0.5, 4.0), _between(1.0, 5.0))),
    Correct("jax.scipy.stats.poisson.logpmf", jsp.stats.poisson.logpmf, _counted),
    Correct("jax.scipy.stats.dirichlet.logpdf", dirichlet, _proportions),
    Correct("jax.scipy.stats.multivariate_normal.logpdf", gaussian, _axes("bn n nk", _HALF)),
    # lax
    Correct("jax.lax.logistic", lax.logistic, _ONE),
    Correct("jax.lax.rsqrt", lax.rsqrt, _POSITIVE),
    Correct("jax.lax.cumlogsumexp", lax.cumlogsumexp, _ROWS),
    Correct("jax.lax.associative_scan, recurrence", linear_recurrence, _axes("tn tn", _HALF)),
    Correct("jax.lax.scan, recurrent network", recurrent_network, _axes("hh ih ti h", _HALF)),
    Correct("jax.lax.conv_general_dilated", convolution, _images),
    Correct("jax.lax.reduce_window, max pool", max_pool, _axes("ab", _apart, smallest=2), "ties"),
)

_SLOPES, _FINITE = "between one-sided slopes", "finite at the extremes"
_TWO = _broadcast(_magnitude(0.3, 2.0), _magnitude(0.3, 2.0))
_TINY = {
    "fails": _FINITE,
    "dtype": "float32",
    "seed": 4,
}  # the numbers whose squares underflow are drawn together there

KNOWN_WRONG: tuple[Wrong, ...] = (
    Wrong(
        "jax.scipy.special.i0", jsp.special.i0, _ONE, "", "JAX gives the slope 1 at 0", _SLOPES, at=(0.0,), slope=0.0
    ),
    Wrong(
        "jax.scipy.special.spence",
        jsp.special.spence,
        _UNIT,
        why="JAX gives the slope 0 at 1, and it is -1",
        fails=_SLOPES,
        at=(1.0,),
        slope=-1.0,
    ),
    Wrong("jax.numpy.sinc", jnp.sinc, _NOT_ZERO, why="JAX gives an infinite slope near 0", at=(1e-20,), **_TINY),
    Wrong("jax.numpy.hypot", jnp.hypot, _TWO, why="infinite near 0", at=(1e-30, 1e-30), slope=math.sqrt(0.5), **_TINY),
    Wrong("jax.numpy.arctan2", jnp.arctan2, _TWO, why="infinite near 0", at=(1e-30, 1e-30), slope=5e29, **_TINY),
)
"""Functions of JAX 0.10 with a derivative that is wrong somewhere."""
