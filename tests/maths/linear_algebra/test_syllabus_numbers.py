"""The numbers of the syllabus, A1 to A9, with JAX's own functions: nothing here is wrapped."""

import jax.numpy as jnp
import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("x64")


def test_vectors_indexing_slicing_and_combinations():
    v, w = jnp.array([4.0, 5, 6]), jnp.array([1.0, 0, -1])
    assert v.shape == (3,)
    assert v[:, None].shape == (3, 1)
    assert (float(v[0]), float(v[-1])) == (4, 6)
    np.testing.assert_array_equal(v[1:], [5, 6])
    np.testing.assert_array_equal(2 * v, [8, 10, 12])
    np.testing.assert_array_equal(v + w, [5, 5, 5])
    np.testing.assert_array_equal(2 * v - 3 * w, [5, 10, 15])


def test_the_rank_of_an_array_is_not_the_dimension_of_a_vector_space():
    tensor = jnp.arange(18.0).reshape(2, 3, 3)
    assert (tensor.ndim, tensor.shape, tensor.size, tensor.dtype) == (3, (2, 3, 3), 18, jnp.float64)
    vector = jnp.array([4.0, 5, 6])
    assert vector.ndim == 1  # one index, but a vector of a space of three dimensions
    assert jnp.linalg.matrix_rank(jnp.array([[1.0, 2], [2, 4]])) == 1


def test_norms():
    v, m = jnp.array([-1.0, 2, 3, 4, -5]), jnp.array([[1.0, 2, 3], [-1, -2, -3]])
    assert jnp.linalg.norm(v, 1) == 15
    assert str(float(jnp.linalg.norm(v))) == "7.416198487095663"
    assert str(float(jnp.linalg.norm(m))) == "5.291502622129181"
    assert str(np.sqrt(55.0)) == "7.416198487095663"
    assert str(np.sqrt(28.0)) == "5.291502622129181"


def test_the_printed_matrix_product_is_the_element_wise_one():
    a, b = jnp.array([[10, 20, 30], [40, 50, 60]]), jnp.array([[90, 80, 70], [60, 50, 40]])
    np.testing.assert_array_equal(a * b, [[900, 1600, 2100], [2400, 2500, 2400]])
    np.testing.assert_array_equal(a @ b.T, [[4600, 2800], [11800, 7300]])
    by_hand = [[sum(int(a[i, k]) * int(b[j, k]) for k in range(3)) for j in range(2)] for i in range(2)]
    assert by_hand == [[4600, 2800], [11800, 7300]]
    with pytest.raises(TypeError, match="dot_general"):
        a @ b


def test_the_matrix_product_and_that_it_does_not_commute():
    a, b = jnp.array([[1, 2], [3, 4]]), jnp.array([[5, 6], [7, 8]])
    np.testing.assert_array_equal(a @ b, [[19, 22], [43, 50]])
    np.testing.assert_array_equal(b @ a, [[23, 34], [31, 46]])
    np.testing.assert_array_equal((a @ b).T, b.T @ a.T)


@pytest.mark.slow
def test_transpose_reshape_and_broadcasting():
    image = jnp.arange(784.0).reshape(28, 28)
    flat = image.reshape(784)
    assert flat[28 * 3 + 5] == image[3, 5]
    np.testing.assert_array_equal(flat.reshape(28, 28), image)
    assert image.T[5, 3] == image[3, 5]
    column, row = jnp.array([[0], [10], [20]]), jnp.array([1, 2, 3, 4])
    np.testing.assert_array_equal(column + row, [[1, 2, 3, 4], [11, 12, 13, 14], [21, 22, 23, 24]])
    assert jnp.broadcast_shapes((8, 1, 6, 1), (7, 1, 5)) == (8, 7, 6, 5)
    with pytest.raises(ValueError, match="Incompatible shapes"):
        jnp.broadcast_shapes((3, 2), (3,))


def test_a_colour_image_with_channels_last_and_first():
    image = jnp.arange(24, dtype=jnp.uint8).reshape(2, 4, 3)
    first = jnp.moveaxis(image, -1, 0)
    assert (image.shape, first.shape) == ((2, 4, 3), (3, 2, 4))
    assert first[2, 1, 3] == image[1, 3, 2]
    assert (int(jnp.iinfo(image.dtype).min), int(jnp.iinfo(image.dtype).max)) == (0, 255)


def test_inverse_determinant_and_singular_matrices():
    a = jnp.array([[-1.0, 2], [-3, 4]])
    np.testing.assert_allclose(jnp.linalg.inv(a), [[2, -1], [1.5, -0.5]], rtol=1e-14)
    np.testing.assert_allclose(a @ jnp.linalg.inv(a), np.eye(2), atol=1e-14)
    np.testing.assert_allclose(jnp.linalg.det(jnp.array([[-1.0, 2], [3, -4]])), -2, rtol=1e-14)
    singular = jnp.array([[1.0, 2], [2, 4]])
    assert jnp.linalg.det(singular) == 0
    assert not np.all(np.isfinite(jnp.linalg.inv(singular)))  # JAX raises no error: look at the condition number
    assert jnp.linalg.cond(singular) > 1e15
    # the 6 by 6 Hilbert matrix
    hilbert = 1 / (jnp.arange(6.0)[:, None] + jnp.arange(6.0) + 1)
    np.testing.assert_allclose(jnp.linalg.cond(hilbert), 1.4951058642e7, rtol=1e-8)


def test_eigenvalues_trace_and_determinant():
    a = jnp.array([[-1.0, 2], [2, -1]])
    values, vectors = jnp.linalg.eigh(a)
    np.testing.assert_allclose(values, [-3, 1], rtol=1e-14)
    np.testing.assert_array_equal(np.round(np.abs(vectors), 4), 0.7071)
    assert vectors[0, 0] * vectors[1, 0] < 0 < vectors[0, 1] * vectors[1, 1]
    np.testing.assert_allclose(a @ vectors, vectors * values, atol=1e-14)
    np.testing.assert_allclose(jnp.trace(a), jnp.sum(values), rtol=1e-14)
    np.testing.assert_allclose(jnp.linalg.det(a), jnp.prod(values), rtol=1e-14)
