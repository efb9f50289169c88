# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Linear maps and principal components
#
# In [the lesson before](vectors_matrices_broadcasting.ipynb) a matrix was a table of numbers with a rule for multiplying. But
# a matrix also *does* something: it takes every point of space to another place. It turns space, stretches it, or
# squashes it flat.
#
# **The question of this lesson:** what does a matrix do to space, and can we see it in one glance? Which directions does it leave
# alone? And with that: if data are a cloud of points in 64 dimensions, from where should we look at it to see most?
#
# The answers hang together. Area leads to the *determinant*, undoing to the *inverse*, the directions that keep their line to
# *eigenvectors*. The eigenvectors of one special matrix, the *covariance*, are the directions in which data vary most:
# **principal components**. You need school mathematics and the first lesson: dot product, length, matrix product.
#
# | | |
# |---|---|
# | 1 | A matrix as a warped grid |
# | 2 | The determinant is an area |
# | 3 | The inverse, and other coordinates |
# | 4 | Eigenvectors and power iteration |
# | 5 | Covariance: how a cloud is stretched |
# | 6 | The direction of largest variance |
# | 7 | Digits in two dimensions |
# | 8 | What goes wrong |
# | 9 | Three exercises |
# | 10 | What was proved |
#
# As before, `same` compares two ways to one result, and stops the lesson if they differ by more than rounding.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Polygon, Rectangle

from chainrule import data
from chainrule.course.figures import linear_algebra as figures
from chainrule.maths import linear_algebra as la

# %matplotlib inline
# %config InlineBackend.print_figure_kwargs = {"bbox_inches": None}

jax.config.update("jax_enable_x64", True)  # 64-bit numbers in JAX too, for this whole lesson

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#8a8a8a"
plt.rcParams.update(
    {
        "figure.dpi": 90,
        "figure.constrained_layout.use": True,
        "font.size": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 12,
        "axes.titlelocation": "left",
        "legend.frameon": False,
        "lines.linewidth": 2,
    }
)


def same(name, one, other, tolerance=1e-12):
    """Compare two results, relative to the largest number; refuse more than rounding."""
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    assert a.shape == b.shape, f"{name}: shapes {a.shape} and {b.shape}"
    apart = np.max(np.abs(a - b)) / max(np.max(np.abs(b)), 1e-300)
    assert apart <= tolerance, f"{name}: the two disagree by {apart:.1e}"
    print(f"{name:44} agree to rounding")


# %% [markdown]
# ## 1. A matrix as a warped grid
#
# A point of the plane is $v = v_1 e_1 + v_2 e_2$: so many steps along $e_1 = (1, 0)$, so many along $e_2 = (0, 1)$. The matrix product
# of $A$ with the column $v$ is
#
# $$A v = \begin{pmatrix} a_{11} v_1 + a_{12} v_2 \\ a_{21} v_1 + a_{22} v_2 \end{pmatrix}
# = v_1 \begin{pmatrix} a_{11} \\ a_{21} \end{pmatrix} + v_2 \begin{pmatrix} a_{12} \\ a_{22} \end{pmatrix}
# = v_1\, (A e_1) + v_2\, (A e_2) .$$
#
# Read it from the right: the **columns of the matrix are the places where $e_1$ and $e_2$ go**, and every other point goes along, with as
# many steps as before. So straight lines stay straight, parallel lines stay parallel, equal distances along a line stay equal, and the
# origin stays where it is. A map with $A(c\,u + d\,v) = c\,Au + d\,Av$ is called **linear**, and we have just seen that each one is a matrix:
# two arrows decide everything.

# %%
figures.warped_grid()

# %% [markdown]
# *Grey: the grid before, blue: after. The orange patch is what becomes of the unit square. A rotation keeps lengths and angles; a
# shear keeps areas; the third map turns the plane over and has two directions that it keeps; the fourth presses the plane
# into a line, and no one can tell afterwards where a point came from.*
#
# One map after the other is the matrix product: $B$ takes $e_1$ to the first column of $B$, and $A$ takes that on to $A$ times the column. Column by
# column this is $A B$, "first $B$, then $A$".

# %%
turn = np.array([[np.cos(np.pi / 6), -np.sin(np.pi / 6)], [np.sin(np.pi / 6), np.cos(np.pi / 6)]])
shear = np.array([[1.0, 1], [0, 1]])
random = np.random.default_rng(0)
points = random.normal(size=(2, 50))

same("first shear, then turn: one product", turn @ (shear @ points), (turn @ shear) @ points)
u, v = points[:, 0], points[:, 1]
same("linear: A (2u - 3v) = 2Au - 3Av", shear @ (2 * u - 3 * v), 2 * (shear @ u) - 3 * (shear @ v))
print("turning first leads elsewhere, by up to", np.abs(turn @ shear - shear @ turn).max().round(2))

# %% [markdown]
# ## 2. The determinant is an area
#
# How much larger does a map make things? The unit square becomes a parallelogram, with sides $A e_1 = (a, c)$ and $A e_2 = (b, d)$.
# Put it into a box of width $a + b$ and height $c + d$. What is in the box and not in the parallelogram is two rectangles
# $b \times c$, two triangles of area $\frac12 a c$ and two of area $\frac12 b d$. So
#
# $$\text{area} = (a + b)(c + d) - 2 b c - a c - b d = a d - b c .$$
#
# This number is the **determinant**, $\det A = a d - b c$. The grid is made of such squares, all of which become the same parallelogram; and any figure
# can be filled with tiny squares. So *every* area is multiplied by the same $|\det A|$. If $A e_2$ lies clockwise of $A e_1$ the formula
# comes out negative: the plane was turned over. And one map after the other multiplies the area twice: $\det (AB) = \det A \cdot \det B$.

# %%
a, b, c, d = 3.0, 1.0, 1.0, 2.0
figure, axes = plt.subplots(figsize=(6.5, 4.3))
axes.add_patch(Rectangle((0, 0), a + b, c + d, facecolor="none", edgecolor=GREY, linewidth=1.2))
axes.add_patch(
    Polygon([(0, 0), (a, c), (a + b, c + d), (b, d)], facecolor="#f5d7c2", edgecolor=RED, linewidth=1.5, zorder=2)
)
for x, y in ((a, 0), (0, d)):
    axes.add_patch(Rectangle((x, y), b, c, facecolor="#cfe3f1", edgecolor=GREY, linewidth=0.8))
for corners in (((0, 0), (a, 0), (a, c)), ((a + b, c + d), (b, c + d), (b, d))):
    axes.add_patch(Polygon(corners, facecolor="#d5ecdf", edgecolor=GREY, linewidth=0.8))
for corners in (((a, c), (a + b, c), (a + b, c + d)), ((0, 0), (0, d), (b, d))):
    axes.add_patch(Polygon(corners, facecolor="#f8e8c2", edgecolor=GREY, linewidth=0.8))
texts = [
    (a + b / 2, c / 2, "b c"),
    (b / 2, d + c / 2, "b c"),
    (0.68 * a, 0.3 * c, "½ a c"),
    (0.32 * a + b, 2.72, "½ a c"),
]
texts += [(a + 0.68 * b, c + 0.3 * d, "½ b d"), (0.3 * b, 0.68 * d, "½ b d"), (2, 1.5, "a d − b c")]
for x, y, text in texts:
    axes.text(x, y, text, ha="center", va="center", fontsize=11)
axes.text(a + 0.06, c - 0.18, "(a, c)", fontsize=10, color=RED)
axes.text(b + 0.06, d - 0.26, "(b, d)", fontsize=10, color=RED)
axes.set(xlim=(-0.1, a + b + 0.1), ylim=(-0.1, c + d + 0.1), aspect="equal")
axes.set(xlabel="width a + b = 4", ylabel="height c + d = 3", title="The box, the pieces cut away, and what remains: 5")
axes.set(xticks=range(5), yticks=range(4))
plt.show()

# %% [markdown]
# The proof by another way: throw 400,000 random points into a square, send them through the map, and count. A small square is hit by a
# share of the *images* that is thinned out by $|\det A|$. And a formula that knows nothing of matrices, the surveyor's: walk around the
# figure and sum $\frac12 (x_k y_{k+1} - x_{k+1} y_k)$.

# %%
A = np.array([[-1.0, 2], [3, -4]])
square = np.array([[0.0, 1, 1, 0], [0, 0, 1, 1]])
(x, y), (x_next, y_next) = A @ square, np.roll(A @ square, -1, axis=1)

same("(-1)(-4) - 2 . 3 = -2, and jnp.linalg.det", -2, jnp.linalg.det(jnp.asarray(A)))
same("the surveyor's formula", np.sum(x * y_next - x_next * y) / 2, -2)
same("det(A B) = det A det B", jnp.linalg.det(jnp.asarray(A @ shear @ turn)), -2 * 1 * 1)

images = A @ random.uniform(-3, 3, size=(2, 400_000))  # 400,000 points in an area of 36
hit = np.mean(np.all(np.abs(images) < 0.5, axis=0))  # the unit square around the origin
estimate = 1 / (hit * 36)
print(f"by counting hits, areas grow {estimate:.1f} times")
assert abs(estimate - 2) < 0.1

# %% [markdown]
# ## 3. The inverse, and other coordinates
#
# To undo a map is to solve $A x = y$ for $x$. On paper, for two equations: multiply the first by $d$, the second by $b$, and
# subtract, and $x_2$ is gone:
#
# $$a x_1 + b x_2 = y_1, \quad c x_1 + d x_2 = y_2
# \quad\Longrightarrow\quad (a d - b c)\, x_1 = d y_1 - b y_2, \quad (a d - b c)\, x_2 = a y_2 - c y_1 .$$
#
# If $\det A \ne 0$ we may divide, and the answer is again linear in $y$. Its matrix is the **inverse**:
#
# $$A^{-1} = \frac{1}{a d - b c} \begin{pmatrix} d & -b \\ -c & a \end{pmatrix}, \qquad A^{-1} A = A A^{-1} = I .$$
#
# ($I$ is the identity, ones on the diagonal, which moves nothing.) If $\det A = 0$ the matrix is **singular**. The plane is pressed
# into a line, many points land on the same place, and no map can part them again.

# %%
A = np.array([[-1.0, 2], [-3, 4]])


def inverse(A):
    (a, b), (c, d) = A
    return np.array([[d, -b], [-c, a]]) / (a * d - b * c)


same("inverse: [[2, -1], [1.5, -0.5]]", inverse(A), [[2, -1], [1.5, -0.5]])
same("and jnp.linalg.inv", inverse(A), jnp.linalg.inv(jnp.asarray(A)))
same("A times its inverse", A @ inverse(A), np.eye(2))
singular = jnp.array([[1.0, 2], [2, 4]])
print("det of [[1, 2], [2, 4]]:", float(jnp.linalg.det(singular)), "  finite inverse:", end=" ")
print(bool(jnp.all(jnp.isfinite(jnp.linalg.inv(singular)))), "(JAX raises no error: look before you invert)")

# %% [markdown]
# **Other coordinates.** Put the vectors $b_1, b_2$ of a basis into the columns of $B$. A vector with coordinates $d$ in that basis *is* $B d$
# in ours; so its coordinates are $d = B^{-1} x$. And a map has other numbers, too, when seen by someone who uses that basis. They hand us $d$, which
# we read as $B d$, map to $A B d$, and hand back as $B^{-1} A B\, d$:
#
# $$A' = B^{-1} A B .$$
#
# The same map, another table. Area does not depend on who looks: $\det A' = \det B^{-1} \det A \det B = \det A$. So there is a
# question worth asking: *in which coordinates is the table simplest?*

# %%
B = np.array([[1.0, 2], [1, -1]])
x = np.array([4.0, 1])
d = inverse(B) @ x
same("coordinates: B^-1 x, and la.change_of_basis", d, la.change_of_basis(jnp.asarray(x), jnp.eye(2), jnp.asarray(B)))
same("and back", la.change_of_basis(jnp.asarray(d), jnp.asarray(B), jnp.eye(2)), x)
theirs = inverse(B) @ A @ B
same("map there, or map here: one place", B @ (theirs @ d), A @ x)
same("one determinant", np.linalg.det(theirs), np.linalg.det(A))

# %% [markdown]
# ## 4. Eigenvectors and power iteration
#
# The simplest table is a diagonal one: each basis vector is only stretched. That needs vectors that keep their line,
#
# $$A v = \lambda v, \qquad v \ne 0 .$$
#
# Such a $v$ is an **eigenvector** and the factor $\lambda$ its **eigenvalue**. How to find them? $A v - \lambda v = (A - \lambda I) v = 0$ says that
# $A - \lambda I$ takes a vector other than 0 to 0. It presses space flat, so its determinant is zero. For the third map of the picture above,
#
# $$A = \begin{pmatrix} -1 & 2 \\ 2 & -1 \end{pmatrix}, \qquad
# \det (A - \lambda I) = (-1 - \lambda)^2 - 4 = (\lambda - 1)(\lambda + 3) = 0 ,$$
#
# so $\lambda = 1$ or $\lambda = -3$. Put them in: $v = (1, 1)/\sqrt 2$ stays, and $v = (1, -1)/\sqrt 2$ is turned round and made three times as long. In
# general $\det (A - \lambda I) = \lambda^2 - (a + d) \lambda + (a d - b c)$. A quadratic with roots $\lambda_1, \lambda_2$ is
# $\lambda^2 - (\lambda_1 + \lambda_2) \lambda + \lambda_1 \lambda_2$. Compare: the **trace**, $a + d$, is the sum of the eigenvalues, and the determinant is their product.
#
# With the eigenvectors in the columns of $V$, $A V = V \Lambda$ with $\Lambda$ diagonal, so that $V^{-1} A V = \Lambda$: there is the simplest table.
#
# **Symmetric matrices** ($A = A^{\mathsf T}$) are the best behaved: their eigenvectors can be chosen orthogonal. For if $A u = \lambda u$
# and $A v = \mu v$, then $\lambda\, u \cdot v = (A u) \cdot v = u \cdot (A v) = \mu\, u \cdot v$, where the middle step is symmetry. With $\lambda \ne \mu$ that leaves only
# $u \cdot v = 0$. (That there are enough of them, $n$ for $n \times n$, is the *spectral theorem*, which we take from the books.)

# %%
A = np.array([[-1.0, 2], [2, -1]])
values, V = jnp.linalg.eigh(jnp.asarray(A))

same("eigenvalues -3 and 1", values, [-3, 1])
same("|eigenvectors|: all 0.7071", jnp.abs(V), np.full((2, 2), np.sqrt(0.5)))
same("A V = V Lambda", A @ V, V * values)
same("trace = sum, determinant = product", [np.trace(A), A[0, 0] * A[1, 1] - A[0, 1] * A[1, 0]], [-3 + 1, -3 * 1])
same("seen from the eigenvectors", np.asarray(V).T @ A @ V, np.diag([-3.0, 1]), tolerance=1e-14)

# %% [markdown]
# **Power iteration.** For large matrices no one solves an equation of degree $n$. Instead, take almost any vector and multiply by $A$ again and
# again. Written in eigenvectors, $x = \alpha v_1 + \beta v_2$, each multiplication multiplies the parts by their eigenvalues:
#
# $$A^t x = \alpha \lambda_1^t v_1 + \beta \lambda_2^t v_2 = \lambda_1^t \Big(\alpha v_1 + \beta \big(\lambda_2 / \lambda_1\big)^t v_2\Big) .$$
#
# If $|\lambda_1| > |\lambda_2|$, the bracket becomes $\alpha v_1$. Bringing the vector to length 1 after each step keeps the numbers in bounds. For orthogonal
# eigenvectors the tangent of the angle to $v_1$ is the ratio of the two parts, so it shrinks by *exactly* $|\lambda_2 / \lambda_1|$ a step, here $1/3$.

# %%
x, tangents, path = np.array([1.0, 0.8]), [], []
v1, v2 = np.array([1.0, -1]) / np.sqrt(2), np.array([1.0, 1]) / np.sqrt(2)
for _ in range(16):
    x = x / np.linalg.norm(x)
    path.append(x)
    tangents.append(abs(x @ v2) / abs(x @ v1))
    x = A @ x

predicted = tangents[0] * (1 / 3) ** np.arange(16)
same("the tangent shrinks by 1/3 a step", np.array(tangents) / predicted, np.ones(16), tolerance=1e-8)
found = la.power_iteration(jnp.asarray(A), jnp.array([1.0, 0.8]))
print(
    f"la.power_iteration: eigenvalue {float(found.value):.4f}, vector {np.round(np.abs(found.vector), 4)} up to signs"
)
assert bool(found.converged)
trap = la.power_iteration(jnp.asarray(A), jnp.array([1.0, 1.0]))
print(f"started at (1, 1), which has no part along v1: eigenvalue {float(trap.value):.4f}")

# %%
figure, (plane, axes) = plt.subplots(1, 2, figsize=(10, 4.2), width_ratios=[1, 1.2])
for vector, name, colour, place in ((v1, "λ = −3", GREEN, (0.92, -0.78)), (v2, "λ = 1", "#5f5f5f", (0.6, 1.0))):
    plane.plot(*np.outer(vector, [-1.5, 1.5]), color=colour, linestyle="--", linewidth=1.3)
    plane.text(*place, name, color=colour)
for number, vector in enumerate(path[:6]):
    x = vector if vector @ v1 > 0 else -vector  # every second one is turned round: the eigenvalue is negative
    plane.annotate("", x, (0, 0), arrowprops={"arrowstyle": "-|>", "color": BLUE, "alpha": 0.35 + 0.12 * number})
    if number < 4:
        plane.text(*(1.1 * x), str(number), color=BLUE, ha="center", va="center")
plane.set(title="Drawn to the eigenvector, step by step", xlim=(-0.6, 1.5), ylim=(-1.2, 1.3), aspect="equal")
plane.set(xlabel="first coordinate", ylabel="second coordinate")
axes.plot(tangents, "o", color=BLUE, label="measured")
axes.plot(predicted, color=RED, linewidth=1.2, label="(1/3)ᵗ times the first")
axes.set(yscale="log", xlabel="multiplications t", ylabel="tangent of the angle to v₁", title="A third a step")
axes.legend()
plt.show()

# %% [markdown]
# *Left: the arrows with their signs made equal, numbered by multiplications. Right: the straight line on a logarithmic scale is the formula.*
#
# ## 5. Covariance: how a cloud is stretched
#
# Now data. Take the highest and the lowest temperature of 1,461 days in Seattle. Each day is a point, and the days are a cloud. The
# **variance** of one feature is the mean squared distance from its mean, and the **covariance** of two says whether they move together:
#
# $$c_{jk} = \frac{1}{n - 1} \sum_i (x_{ij} - \bar x_j)(x_{ik} - \bar x_k), \qquad C = \frac{1}{n - 1} X^{\mathsf T} X ,$$
#
# the second for a table $X$ from which the means have been taken away: a row a day, a column a feature. ($n - 1$, and not $n$, because the mean was
# computed from the same numbers: that uses up one of them.) $C$ is symmetric.
#
# **The variance in any direction.** Look at the cloud along a direction $u$ of length 1. Each day is then one number, the dot product $x_i \cdot u$;
# all of them are the column $X u$. Its mean is 0, so its variance is
#
# $$\frac{1}{n - 1} \sum_i (x_i \cdot u)^2 = \frac{1}{n - 1} (X u)^{\mathsf T} (X u) = u^{\mathsf T} \Big( \frac{1}{n - 1} X^{\mathsf T} X \Big) u = u^{\mathsf T} C\, u .$$
#
# One small matrix knows the variance in *all* directions.

# %%
weather = data.weather()
days = np.stack([weather.temp_max, weather.temp_min], axis=1)  # degrees Celsius
X = days - days.mean(axis=0)
n = len(X)
C = X.T @ X / (n - 1)

print("covariance, in square degrees:")
print(C.round(2))
same("by X^T X, and jnp.cov", C, jnp.cov(jnp.asarray(days), rowvar=False))
u = np.array([np.cos(0.4), np.sin(0.4)])
same("variance along u: u^T C u", u @ C @ u, np.var(days @ u, ddof=1))

# %% [markdown]
# ## 6. The direction of largest variance
#
# Where should we look from, to see the cloud at its widest? We want the $u$ of length 1 with the largest $u^{\mathsf T} C u$.
#
# $C$ is symmetric, so it has orthogonal eigenvectors $v_1, \dots, v_d$ of length 1, with eigenvalues $\lambda_1 \ge \lambda_2 \ge \dots$ Write $u$
# in this basis, $u = \sum_k \alpha_k v_k$. Its length is 1, which says $\sum_k \alpha_k^2 = 1$. And as $C v_k = \lambda_k v_k$,
#
# $$u^{\mathsf T} C\, u = \sum_k \lambda_k\, \alpha_k^2 .$$
#
# The weights $\alpha_k^2$ are not negative and sum to 1: this is a weighted *mean of the eigenvalues*. No mean is above the largest, and it
# gets there if all weight is on it:
#
# $$\boxed{\;\max_{\lVert u \rVert = 1} u^{\mathsf T} C\, u = \lambda_1, \quad\text{at } u = v_1\;}$$
#
# The **first principal component** is the eigenvector of the largest eigenvalue, and the eigenvalue is the variance along it. Among the
# directions orthogonal to $v_1$ (those with $\alpha_1 = 0$) the same argument gives $v_2$, and so on. The variances sum to the trace of $C$, the variance of all
# features together, so $\lambda_k / \sum_j \lambda_j$ is the *share* that component $k$ explains.
#
# **Largest variance is smallest loss.** By Pythagoras, $\lVert x_i \rVert^2 = (x_i \cdot u)^2 + (\text{distance of } x_i \text{ from the line})^2$. The left side
# does not depend on $u$. So the line with the largest variance *along* it is the line that is *nearest* to the points: when we keep one
# number a point instead of many, this one loses least.
#
# **Without the covariance.** Every matrix is $X = U S V^{\mathsf T}$, with orthonormal columns in $U$ and $V$ and a diagonal $S$ of *singular values*
# $s_k \ge 0$: the **singular value decomposition**, SVD. Put it in, and $U^{\mathsf T} U = I$ drops out:
#
# $$C = \frac{X^{\mathsf T} X}{n - 1} = \frac{V S\, U^{\mathsf T} U\, S V^{\mathsf T}}{n - 1} = V \frac{S^2}{n - 1} V^{\mathsf T}
# \qquad\Longrightarrow\qquad \lambda_k = \frac{s_k^2}{n - 1} .$$
#
# The columns of $V$ are the principal components. Libraries go this way, for to form $X^{\mathsf T} X$ squares the numbers, and small ones are lost beside large ones.

# %%
fit = la.pca(jnp.asarray(days))  # by the SVD of the centred data

eigenvalues, eigenvectors = np.linalg.eigh(C)
same("variances: eigenvalues of C, and la.pca", eigenvalues[::-1], fit.explained_variance)
same("directions, up to the sign", np.abs(eigenvectors[:, ::-1].T), np.abs(fit.components))
powered = la.power_iteration(jnp.asarray(C))
same("the first by power iteration", np.abs(powered.vector), np.abs(fit.components[0]), tolerance=1e-9)
same("variances sum to the trace", np.sum(fit.explained_variance), np.trace(C))

angles = np.linspace(0, np.pi, 18_001)  # every hundredth of a degree
directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
variances = np.var(X @ directions.T, axis=0, ddof=1)  # no eigenvector anywhere: 18,001 variances
distances = np.sum(X**2) / (n - 1) - variances
widest = angles[variances.argmax()]
by_formula = np.arctan2(*np.asarray(fit.components[0])[::-1])
print(
    f"trying every direction: {np.degrees(widest):.2f} degrees; first component: {np.degrees(by_formula):.2f} degrees"
)
assert abs(widest - by_formula) < 2e-4
print(f"it explains {100 * float(fit.explained_variance_ratio[0]):.1f} % of the variance")

# %%
figure, (cloud, axes) = plt.subplots(1, 2, figsize=(10.5, 4.2), width_ratios=[1, 1.2])
cloud.plot(*days.T, ".", color=GREY, markersize=3, alpha=0.5)
for direction, variance, name, colour in zip(
    np.asarray(fit.components), np.asarray(fit.explained_variance), ("first", "second"), (RED, BLUE), strict=True
):
    end = days.mean(axis=0) + 2 * np.sqrt(variance) * direction
    look = {"arrowstyle": "-|>", "color": colour, "linewidth": 2.2, "shrinkA": 0, "shrinkB": 0}
    cloud.annotate("", end, days.mean(axis=0), arrowprops=look)
    cloud.text(
        *(end + 0.8), name, color=colour, bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
    )
cloud.set(xlabel="highest temperature (°C)", ylabel="lowest temperature (°C)", title="1,461 days", aspect="equal")
axes.plot(np.degrees(angles), variances, color=RED, label="variance along the direction")
axes.plot(np.degrees(angles), distances, color=BLUE, label="mean squared distance from its line")
axes.axvline(np.degrees(by_formula), ymax=0.78, color=GREY, linestyle="--", linewidth=1.2)
axes.axvline(np.degrees(by_formula) + 90, ymax=0.78, color=GREY, linestyle="--", linewidth=1.2)
axes.text(np.degrees(by_formula) + 3, 38, "first", color="#5f5f5f")
axes.text(np.degrees(by_formula) + 93, 38, "second", color="#5f5f5f")
axes.set(xlabel="direction (degrees)", ylabel="square degrees Celsius", title="Every direction", ylim=(0, 105))
axes.set(xticks=[0, 45, 90, 135, 180])
axes.legend(loc="upper right")
plt.show()

# %% [markdown]
# *Left: the arrows are two standard deviations long. Right: where the red curve has its top, the blue one has its bottom, since
# their sum is the same everywhere. Both are as predicted without any search.*
#
# ## 7. Digits in two dimensions
#
# Now 64 dimensions: 1,797 handwritten digits of $8 \times 8$ pixels. A direction is a list of 64 numbers, which is itself an image, and the coordinate
# of a digit along it is a dot product with that image. The pictures of this section are drawn from all of them.

# %%
figures.digits_plane()

# %% [markdown]
# *Two numbers of 64, and several digits already form islands, though no one told the components which digit is which. Twenty-odd components explain
# nine tenths of the variance, and with about as many a digit can be read again.*
#
# To judge fairly, from here on we fit on 1,437 digits and look at 360 others. If $r$ components are kept, the digit drawn again is
# $\hat x = m + \sum_{k \le r} \big((x - m) \cdot v_k\big) v_k$, with the mean $m$. What is lost is the parts along the others, so the mean squared loss must be the sum of the
# variances left out, $\sum_{k > r} \lambda_k$ (times $(n-1)/n$, as this mean divides by $n$).

# %%
digits = data.digits()
(train_images, y), (new_images, new_y) = digits.train, digits.test
train_set, new_set = train_images.reshape(-1, 64).astype(np.float64), new_images.reshape(-1, 64).astype(np.float64)
fit = la.pca(jnp.asarray(train_set))
mean, components = np.asarray(fit.mean), np.asarray(fit.components)
spread = np.asarray(fit.explained_variance)
n = len(train_set)

r = 10
scores = (train_set - mean) @ components[:r].T
redrawn = mean + scores @ components[:r]
first_ten = la.pca(jnp.asarray(train_set), components=r)
same("scores: by dot products, and pca_transform", scores, la.pca_transform(first_ten, jnp.asarray(train_set)))
same("redrawn: by the sum, and pca_inverse", redrawn, la.pca_inverse(first_ten, jnp.asarray(scores)))
loss = np.mean(np.sum((train_set - redrawn) ** 2, axis=1))
same("mean squared loss = variances left out", loss, spread[r:].sum() * (n - 1) / n)
same("scores are uncorrelated", np.cov(scores, rowvar=False), np.diag(spread[:r]))
print(f"10 of 64 components explain {100 * spread[:10].sum() / spread.sum():.0f} % of the variance")

# %%
figure, rows = plt.subplots(1, 9, figsize=(10.5, 1.7))
rows[0].imshow(mean.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
rows[0].set_title("mean", fontsize=10, loc="center")
for number, axes in enumerate(rows[1:]):
    axes.imshow(components[number].reshape(8, 8), cmap="RdBu_r", vmin=-0.4, vmax=0.4)
    axes.set_title(f"{number + 1}: {100 * spread[number] / spread.sum():.0f} %", fontsize=10, loc="center")
for axes in rows:
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color("#c0c0c0")
plt.show()

# %% [markdown]
# *The mean digit and the first eight components, each with the share that it explains. A digit that has ink where a component is red and none where it
# is blue has a high score. All of them together, each in its dose, give any digit.*
#
# ## 8. What goes wrong
#
# ### Not centred
#
# Forget to take the mean away, and $X^{\mathsf T} X$ is no covariance. Each row is $m + (x - m)$, and the mean of the squares along $u$ is then
# $(m \cdot u)^2$ plus the variance. Where the mean is far from the origin, the first term wins, and the "first component" says only where the cloud
# *is*, not how it is stretched.

# %%
_, sizes, uncentred = np.linalg.svd(train_set, full_matrices=False)
cosine = abs(uncentred[0] @ mean) / np.linalg.norm(mean)
share = sizes[0] ** 2 / np.sum(sizes**2)
print(f"not centred, the first direction has a cosine of {cosine:.4f} with the mean digit")
print(f"and pretends to explain {100 * share:.0f} %; the true first component explains", end=" ")
print(f"{100 * spread[0] / spread.sum():.0f} % of the variance")
u = np.abs(uncentred[0])
squares = np.mean((train_set @ u) ** 2)
same("mean of squares = (m . u)^2 + variance", squares, (mean @ u) ** 2 + np.var(train_set @ u))

# %% [markdown]
# ### Not scaled
#
# Variance has a unit. The weather has four features: rain, highest and lowest temperature, wind. Give the rain in inches, in millimetres or (as the
# weather service itself does) in tenths of a millimetre: the days are the same, and the first component is another each time. Whatever has large numbers wins.
# Where the units have nothing to do with one another, divide each feature by its standard deviation first.

# %%
features = np.stack([weather.precipitation, weather.temp_max, weather.temp_min, weather.wind], axis=1)
tables = {
    "rain in inches": features / [25.4, 1, 1, 1],
    "rain in mm": features,
    "rain in tenths of a mm": features * [10, 1, 1, 1],
    "each divided by its deviation": features / features.std(axis=0, ddof=1),
}
makeup = {name: np.asarray(la.pca(jnp.asarray(table)).components[0]) ** 2 for name, table in tables.items()}
inches = tables["rain in inches"]
rescaled = np.asarray(la.pca(jnp.asarray(inches / inches.std(axis=0, ddof=1))).components[0]) ** 2
same("no unit matters after the division", makeup["each divided by its deviation"], rescaled)

figure, axes = plt.subplots(figsize=(9.5, 2.9))
left = np.zeros(4)
for place, (name, colour) in enumerate(
    zip(("rain", "highest temperature", "lowest temperature", "wind"), (BLUE, RED, ORANGE, GREEN), strict=True)
):
    part = 100 * np.array([weights[place] for weights in makeup.values()])
    axes.barh(range(4), part, left=left, color=colour, height=0.6, label=name)
    for row, (start, width) in enumerate(zip(left, part, strict=True)):
        if width > 5:
            axes.text(start + width / 2, row, f"{width:.0f}", ha="center", va="center", color="white", fontsize=10)
    left = left + part
axes.set(yticks=range(4), yticklabels=list(makeup), xlim=(0, 100), ylim=(3.5, -0.5))
axes.set(xlabel="share of the squared weights (%)", title="What the first component is made of")
axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# ### Fitted on the test data
#
# Two mistakes, of which one looks too bad and the other too good.
#
# *A fit for each.* The new digits are projected on components of *their own*. But these are other directions, in another order and with other
# signs: number 3 of the one has nothing to do with number 3 of the other. We read each new digit as its nearest neighbour among the old ones, from $r$
# scores.
#
# *A fit on what is to be judged.* Components are chosen so that they suit the digits that they were fitted on, and the loss on those digits flatters. It
# shows when there are few: we fit on 40 digits.


# %%
def read(old, old_labels, new):
    """The label of the nearest neighbour, by the expanded square of the first lesson."""
    squares = np.sum(new**2, axis=1)[:, None] - 2 * new @ old.T + np.sum(old**2, axis=1)
    return old_labels[squares.argmin(axis=1)]


own = la.pca(jnp.asarray(new_set))
own_mean, own_components = np.asarray(own.mean), np.asarray(own.components)
kept = [1, 2, 3, 5, 7, 10, 15, 20, 30]
accuracy = {"the training fit for both": [], "a fit for each": []}
for r in kept:
    old = (train_set - mean) @ components[:r].T
    new = {
        "the training fit for both": (new_set - mean) @ components[:r].T,
        "a fit for each": (new_set - own_mean) @ own_components[:r].T,
    }
    for name, points in new.items():
        accuracy[name].append(100 * np.mean(read(old, y, points) == new_y))

few = train_set[:40]
small = la.pca(jnp.asarray(few))
counts = np.arange(1, 39)
losses = {"the 40 that it was fitted on": [], "360 new ones": []}
for r in counts:
    V = np.asarray(small.components[:r])
    for name, images in zip(losses, (few, new_set), strict=True):
        away = images - np.asarray(small.mean)
        losses[name].append(np.mean(np.sum((away - away @ V.T @ V) ** 2, axis=1)))
print(f"from 10 numbers a digit: {accuracy['the training fit for both'][5]:.0f} % right,", end=" ")
print(f"with a fit for each {accuracy['a fit for each'][5]:.0f} %")
print(f"lost with 30 components: {losses['the 40 that it was fitted on'][29]:.2f} on the 40,", end=" ")
print(f"{losses['360 new ones'][29]:.2f} on new ones")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 3.7))
for (name, values), colour, marker in zip(accuracy.items(), (BLUE, RED), "os", strict=True):
    left.plot(kept, values, marker=marker, color=colour, label=name, markersize=5)
left.set(
    xlabel="components kept",
    ylabel="new digits read correctly (%)",
    ylim=(0, 104),
    title="Coordinates that do not match",
)
left.legend(loc="lower right", bbox_to_anchor=(1, 0.12))
for (name, values), colour in zip(losses.items(), (RED, BLUE), strict=True):
    right.plot(counts, values, color=colour, label=name)
right.set(xlabel="components kept", ylabel="mean squared loss", ylim=(0, None), title="A loss that flatters")
right.legend(loc="upper right")
plt.show()

# %% [markdown]
# Whatever is *learned* from data, the mean, the deviations, the components, is learned from the training data alone, and then applied to all.
#
# ### Almost singular
#
# A determinant of exactly 0 is rare on a computer. Worse is *almost*: two lines that are nearly parallel cross somewhere, but move one a little and
# the crossing moves far. How far? Let $A x = y$, and let $y$ be off by $\delta y$. Then $\delta x = A^{-1} \delta y$. Write
# $\lVert A \rVert$ for the largest factor by which $A$ makes a vector longer. So $\lVert \delta x \rVert \le \lVert A^{-1} \rVert\, \lVert \delta y \rVert$ and $\lVert y \rVert \le \lVert A \rVert\, \lVert x \rVert$.
# Multiply the two:
#
# $$\frac{\lVert \delta x \rVert}{\lVert x \rVert} \;\le\; \kappa\, \frac{\lVert \delta y \rVert}{\lVert y \rVert}, \qquad
# \kappa = \lVert A \rVert\, \lVert A^{-1} \rVert = \frac{s_{\max}}{s_{\min}} .$$
#
# $\kappa$ is the **condition number**. A matrix turns the circle into an ellipse whose half axes are the singular values; $\kappa$ says how
# much longer than wide it is. The computer rounds every number by about $10^{-16}$: of the 16 digits, $\log_{10} \kappa$ are lost. The determinant
# does *not* tell: $0.1\, I$ in 100 dimensions has the determinant $10^{-100}$ and is as harmless as a matrix can be, with $\kappa = 1$.
#
# The Hilbert matrix, $h_{ij} = 1/(i + j - 1)$, is a famous case: exact inverse in whole numbers, and hopeless from 13 rows on (where $\kappa$ itself is more than 64 bits
# can compute).

# %%
sizes = np.arange(2, 14)
conditions, errors = [], []
for size in sizes:
    H = 1 / (np.arange(size)[:, None] + np.arange(size) + 1.0)
    truth = np.ones(size)
    answer = np.linalg.solve(H, H @ truth)
    conditions.append(np.linalg.cond(H))
    errors.append(np.linalg.norm(answer - truth) / np.linalg.norm(truth))
near = np.array([[1.0, 1], [1, 1.2]])
before, after = np.linalg.solve(near, [2, 2.2]), np.linalg.solve(near, [2, 2.4])
print(f"right side (2, 2.2): {before.round(2)}; right side (2, 2.4): {after.round(2)}")
kappa = np.linalg.cond(near)
moved = np.linalg.norm(after - before) / np.linalg.norm(before)
allowed = kappa * 0.2 / np.linalg.norm([2, 2.2])
print(f"condition number {kappa:.0f}: the answer moved by {100 * moved:.0f} %; the bound allows {100 * allowed:.0f} %")
assert moved <= allowed
same("kappa = |A| |A^-1|", kappa, np.linalg.norm(near, 2) * np.linalg.norm(inverse(near), 2), tolerance=1e-10)
same("0.1 I in 100 dimensions: kappa 1", np.linalg.cond(0.1 * np.eye(100)), 1)
assert np.all(np.array(errors)[:10] <= np.array(conditions)[:10] * 1e-15)

# %%
figure, (lines, ellipse, axes) = plt.subplots(1, 3, figsize=(11, 3.7))
x1 = np.linspace(-0.5, 2, 2)
lines.plot(x1, 2 - x1, color=GREY, label="x₁ + x₂ = 2")
lines.plot(x1, (2.2 - x1) / 1.2, color=BLUE, label="x₁ + 1.2 x₂ = 2.2")
lines.plot(x1, (2.4 - x1) / 1.2, color=RED, label="x₁ + 1.2 x₂ = 2.4")
lines.plot(*before, "o", color=BLUE)
lines.plot(*after, "o", color=RED)
lines.set(title="Nearly parallel lines", xlabel="x₁", ylabel="x₂", xlim=(-0.5, 2), ylim=(-0.1, 3.7))
lines.legend(loc="upper right", fontsize=9)
angles = np.linspace(0, 2 * np.pi, 361)
circle = np.stack([np.cos(angles), np.sin(angles)])
good = np.array([[1.2, 0.5], [-0.3, 1.4]])
for matrix, name, colour in ((np.eye(2), "circle", GREY), (good, "κ = {:.1f}", BLUE), (near, "κ = {:.0f}", RED)):
    ellipse.plot(*(matrix @ circle), color=colour, linewidth=1.8, label=name.format(np.linalg.cond(matrix)))
ellipse.set(title="What becomes of the circle", aspect="equal", xlim=(-2.1, 2.1), ylim=(-1.8, 3.2))
ellipse.set(xlabel="first coordinate", ylabel="second coordinate")
ellipse.legend(loc="upper left", fontsize=9)
axes.plot(sizes, errors, "o-", color=BLUE, markersize=4, label="error of the solution")
axes.plot(sizes, np.array(conditions) * 1.1e-16, color=RED, linestyle="--", label=r"$\kappa \cdot 10^{-16}$")
axes.axhline(1, color=GREY, linewidth=1)
axes.text(2, 1.6, "no digit is right", color="#5f5f5f", fontsize=9)
axes.set(
    yscale="log", xlabel="rows of the Hilbert matrix", ylabel="relative error", title="Digits lost", ylim=(1e-17, 1e5)
)
axes.set_xticks([2, 5, 8, 11, 13])
axes.legend(loc="lower right", fontsize=9)
plt.show()

# %% [markdown]
# Hence: do not write `inv(A) @ y` where `solve(A, y)` does; look at the condition number and not at the determinant; and where the problem itself is
# nearly singular, ask whether its features say the same thing twice. PCA shows that, too: a component of almost no variance is a combination
# of features that hardly changes. (Those last components also are directions of rounding, so dividing by them asks for trouble.)
#
# ## 9. Three exercises
#
# Fill in the functions and run the cells; each checks your answer and says `right`, or how far off it is. Solutions stand
# at the end.
#
# **Exercise 1. Eigenvalues from two numbers.** Return the eigenvalues of a symmetric $2 \times 2$ matrix, the smaller first, from its trace $t$ and
# determinant $q$ only.


# %%
def eigenvalues_2x2(t, q):
    return None  # your lines here


def verdict(answer, true, tolerance=1e-9):
    """Compare without failing: right, not yet, or how far off."""
    if answer is None:
        return "not yet: return your answer in place of None"
    if np.shape(answer) != np.shape(true):
        return f"not yet: the shape is {np.shape(answer)}, it should be {np.shape(true)}"
    apart = float(np.max(np.abs(np.asarray(answer, np.float64) - true)))
    if np.isnan(apart):
        return "not yet: the answer holds NaN"
    return "right" if apart < tolerance else f"not yet: off by as much as {apart:.2g}"


def check_eigenvalues(answer):
    S = np.array([[2.0, -1.5], [-1.5, 0.3]])
    return verdict(answer(np.trace(S), np.linalg.det(S)), np.linalg.eigvalsh(S))


print(check_eigenvalues(eigenvalues_2x2))

# %% [markdown]
# **Exercise 2. A mirror as a matrix.** Return the matrix that mirrors the plane in the line through the origin and the point $(p, q)$. (Hint: in which
# basis is it a diagonal matrix? And go back: $A = B A' B^{-1}$.)


# %%
def mirror_matrix(p, q):
    return None  # your lines here


def check_mirror(answer):
    p, q = 3.0, 1.0
    u = jnp.array([p, q])
    # independent: twice the projection less the point, for the two basis vectors
    true = np.stack([np.asarray(2 * la.project(e, u) - e) for e in jnp.eye(2)], axis=1)
    return verdict(answer(p, q), true)


print(check_mirror(mirror_matrix))

# %% [markdown]
# **Exercise 3. Whitening.** Make the cloud round: return coordinates of the rows of `points` that have mean 0, variance 1 each and covariance 0. (Many ways lead
# there. What has the covariance $\Lambda$, and what remains to be done?)


# %%
def whiten(points):
    return None  # your lines here


def check_whiten(answer):
    random = np.random.default_rng(11)
    points = random.normal(size=(200, 3)) @ random.normal(size=(3, 3)) + [5.0, -2, 1]
    white = answer(points)
    if white is None or np.shape(white) != points.shape:
        return verdict(white, points)
    # it must be round, and a linear image of the points, of which nothing was lost
    away = points - points.mean(axis=0)
    back = np.linalg.lstsq(white, away, rcond=None)[0]
    found = np.concatenate([np.mean(white, axis=0)[None], np.cov(white, rowvar=False), white @ back])
    return verdict(found, np.concatenate([np.zeros((1, 3)), np.eye(3), away]))


print(check_whiten(whiten))

# %% [markdown]
# ### Solutions
#
# Open the next cell when you have tried.


# %% jupyter={"source_hidden": true}
def eigenvalues_2x2_solution(t, q):
    # lambda^2 - t lambda + q = 0
    root = np.sqrt(t**2 / 4 - q)
    return np.array([t / 2 - root, t / 2 + root])


def mirror_matrix_solution(p, q):
    # (p, q) stays and (-q, p), at right angles to it, is turned round: diagonal in the basis of these two
    B = np.array([[p, -q], [q, p]])
    return B @ np.diag([1.0, -1.0]) @ np.linalg.inv(B)


def whiten_solution(points):
    # the scores along the components have the covariance Lambda: divide each by its standard deviation
    away = points - points.mean(axis=0)
    _, s, vt = np.linalg.svd(away, full_matrices=False)
    return away @ vt.T / s * np.sqrt(len(points) - 1)


verdicts = (
    check_eigenvalues(eigenvalues_2x2_solution),
    check_mirror(mirror_matrix_solution),
    check_whiten(whiten_solution),
)
for number, answer in enumerate(verdicts, start=1):
    print(f"exercise {number}: {answer}")
assert verdicts == ("right",) * 3

# %% [markdown]
# ## 10. What was proved
#
# * **A matrix** is where the basis vectors go; one map after the other is the matrix product.
# * **The determinant** is an area with a sign: by cutting a box, by the surveyor's formula, by counting random points.
# * **The inverse** of $2 \times 2$ by elimination; other coordinates by $B^{-1} x$ and $B^{-1} A B$, there and back.
# * **Eigenvectors**: on paper, by JAX, and by multiplying again and again, a factor of exactly $|\lambda_2 / \lambda_1|$ a step.
# * **The variance along $u$** is $u^{\mathsf T} C u$, a weighted mean of eigenvalues. So the widest direction is the first eigenvector: the same by eigenvalues, by
#   SVD, by power iteration, and by trying 18,001 directions.
# * **The loss** of keeping $r$ components is the sum of the variances left out, on real digits.
# * And what goes wrong: a component that is only the mean, one that is only a unit, coordinates that do not match, a loss that flatters, digits lost
#   to a condition number.
#
# | In this lesson | In the package |
# |---|---|
# | Other coordinates | [`maths/linear_algebra/basis.py`](../src/chainrule/maths/linear_algebra/basis.py) |
# | Power iteration, and when it does not settle | [`maths/linear_algebra/power_iteration.py`](../src/chainrule/maths/linear_algebra/power_iteration.py) |
# | PCA, there and back | [`maths/linear_algebra/principal_components.py`](../src/chainrule/maths/linear_algebra/principal_components.py) |
# | The condition number of any function | [`maths/numerics/conditioning.py`](../src/chainrule/maths/numerics/conditioning.py) |
# | The digits, and the weather | [`data/digits.py`](../src/chainrule/data/digits.py), [`data/weather.py`](../src/chainrule/data/weather.py) |
#
# **Sources.**
#
# * G. Strang, *Introduction to Linear Algebra*, Wellesley-Cambridge Press, 5th edition, 2016, chapters 5 to 8.
# * L. N. Trefethen and D. Bau, *Numerical Linear Algebra*, SIAM, 1997: lectures 4 and 5 on the SVD, 12 on conditioning, 27 on power iteration.
# * C. M. Bishop, *Pattern Recognition and Machine Learning*, Springer, 2006, section 12.1: both derivations of PCA.
# * K. Pearson, *On lines and planes of closest fit to systems of points in space*, Philosophical Magazine 2, 559–572, 1901: the smallest distance.
#   H. Hotelling, *Analysis of a complex of statistical variables into principal components*, Journal of Educational Psychology 24, 1933: the largest variance.
