import jax.numpy as jnp
import numpy as np
import pytest

from chainrule.data import check_supervised

X = np.linspace(0, 1, 24, dtype=np.float32).reshape(6, 4)
Y = np.array([0, 1, 2, 0, 1, 2], np.int32)


def put(array, index, value):
    array = array.copy()
    array[index] = value
    return array


@pytest.mark.parametrize("module", [np, jnp])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_good_data_pass(module, dtype):
    x, y = jnp.asarray(X, dtype), jnp.asarray(Y)
    x, y = (x, y) if module is jnp else (np.asarray(x), np.asarray(y))
    assert check_supervised(x, y, classes=3) is None
    check_supervised(x, y)
    check_supervised(x, x)  # regression on any shape
    check_supervised(x, x[:, 0])
    check_supervised(x.reshape(6, 2, 2), y.reshape(6, 1).repeat(2, 1), classes=3)  # a label a time step
    check_supervised(x[:, 0], y, classes=3)


def test_a_sum_that_overflows_is_no_infinity():
    check_supervised(np.full((8, 2), 3e38, np.float32), np.zeros(8, np.int32), classes=1)


def test_tokens_are_integers_from_0():
    tokens = np.arange(12, dtype=np.int32).reshape(6, 2)
    check_supervised(tokens, Y, classes=3, tokens=True)
    check_supervised(tokens, tokens % 3, classes=3, tokens=True)  # a label a token
    for x, message in (
        (X, "must be of integers, the ids of tokens, got float32"),
        (put(tokens, (2, 1), -1), "got -1 at"),
    ):
        with pytest.raises(ValueError, match=message):
            check_supervised(x, Y, classes=3, tokens=True)
    with pytest.raises(ValueError, match="one label an example"):
        check_supervised(tokens[:, 0], tokens % 3, classes=3, tokens=True)


def test_unsigned_and_wide_labels_pass():
    for dtype in (np.uint8, np.int64, np.int8):
        check_supervised(X, Y.astype(dtype), classes=3)


@pytest.mark.parametrize(
    ("x", "y", "classes", "message"),
    [
        (X.tolist(), Y, 3, "x must be a NumPy or JAX array, got list"),
        (X, Y.tolist(), 3, "y must be a NumPy or JAX array, got list"),
        (None, Y, 3, "x must be a NumPy or JAX array, got NoneType"),
        (
            np.array(0.5, np.float32),
            Y,
            3,
            r"x must have one row an example, got the single value float32\[\]",
        ),
        (X[:0], Y[:0], 3, r"x must have at least one example, got float32\[0, 4\]"),
        (X[:, :0], Y, 3, r"x must have at least one example, got float32\[6, 0\]"),
        (X, Y[:0], 3, r"y must have at least one example, got int32\[0\]"),
        (X, Y[:5], 3, "x and y must have as many examples, got 6 and 5"),
        (Y, Y, 3, r"x must be of floating-point numbers, got int32\[6\]; cast it, x.astype\(np.float32\)"),
        (X.astype(object), Y, 3, r"x must be of floating-point numbers, got object\[6, 4\]; cast it"),
        (X > 0, Y, 3, r"x must be of floating-point numbers, got bool\[6, 4\]; cast it"),
        (
            put(X, (2, 1), np.nan),
            Y,
            3,
            r"x must be finite, got NaN or infinity in 1 of 24 numbers, .* x\[2, 1\]: nan",
        ),
        (put(X, (slice(3, 5), 2), np.inf), Y, 3, r"infinity in 2 of 24 numbers, the first at x\[3, 2\]: inf"),
        (
            put(put(X, (0, 3), np.inf), (1, 0), -np.inf),
            Y,
            3,
            r"in 2 of 24 numbers, the first at x\[0, 3\]: inf",
        ),
        (X, put(X, (5, 3), -np.inf), None, r"y must be finite, .* in 1 of 24 numbers, .* y\[5, 3\]: -inf"),
        (X, X[:, 0], 3, r"y must be of integer labels, got float32\[6\]; cast it, y.astype\(np.int32\)"),
        (X, Y > 0, 3, r"y must be of integer labels, got bool\[6\]"),
        (X, put(Y, 4, 3), 3, r"y must be of labels from 0 to 2, got 3 at y\[4\]"),
        (X, put(Y, [1, 3], -1), 3, r"y must be of labels from 0 to 2, got -1 at y\[1\]"),
        (
            X[:, :3],
            np.eye(3, dtype=np.int32)[Y],
            3,
            r"y must be one label an example, int\[6\], got int32\[6, 3\]",
        ),
        (X.reshape(6, 2, 2), np.eye(3, dtype=np.int32)[Y], 3, r"of one-hot rows take y.argmax\(axis=-1\)"),
        (X, Y.astype(str), None, "y must be of numbers, got "),
        (X, Y.astype(object), None, r"y must be of numbers, got object\[6\]; cast it"),
    ],
)
def test_bad_data_are_named(x, y, classes, message):
    with pytest.raises(ValueError, match=f"^held-out data: .*{message}") as caught:
        check_supervised(x, y, classes=classes, what="held-out data")
    assert "\n" not in str(caught.value)


def test_jax_arrays_are_looked_at_too():
    with pytest.raises(ValueError, match=r"^training data: x must be finite, .* the first at x\[2, 1\]: nan"):
        check_supervised(jnp.asarray(put(X, (2, 1), np.nan)), jnp.asarray(Y), classes=3)
    with pytest.raises(ValueError, match=r"x must be finite"):
        check_supervised(jnp.asarray(put(X, (2, 1), np.nan), jnp.bfloat16), jnp.asarray(Y), classes=3)
    with pytest.raises(ValueError, match=r"^training data: y must be of labels from 0 to 1, got 2 at y\[2\]"):
        check_supervised(jnp.asarray(X), jnp.asarray(Y), classes=2)
