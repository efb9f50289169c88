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
# # Vectors, matrices, broadcasting
#
# To a computer, a photograph of a handwritten 3 is a table of numbers. It has no strokes and no bends, only 784 figures
# that say how much ink there is at each place. And yet a program looks at them and says "a three".
#
# **The question of this lesson:** how can arithmetic on lists of numbers recognise anything? What operations does it take,
# why are they defined as they are, and how do they fail without a word?
#
# There are few of them. We measure how *long* a list of numbers is, and how far two of them point in the same direction;
# we mix lists with one another, which is the *matrix product*; and we let a small table act on a large one, which is
# *broadcasting*. With these alone, at the end, a classifier of twenty lines reads four of five digits that it has never seen.
# You need school mathematics: the theorem of Pythagoras, the cosine, what a sum is. And a little Python.
#
# | | |
# |---|---|
# | 1 | A picture is a list of numbers |
# | 2 | How long is a vector? |
# | 3 | The dot product: angle and projection |
# | 4 | The matrix product, and why its shapes must meet |
# | 5 | Transpose and reshape |
# | 6 | Broadcasting |
# | 7 | What goes wrong |
# | 8 | Reading digits |
# | 9 | Three exercises |
# | 10 | What was proved |
#
# Each claim is computed in two ways that have little in common, a formula on paper and a function of a library, say. `same`
# compares the two and stops the lesson if they differ by more than rounding. Numbers of 64 bits carry about 16 digits, and
# we allow $10^{-12}$ of the largest number compared.

# %%
import itertools

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from chainrule import data, losses
from chainrule.course import errata
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
    print(f"{name:41} agree to rounding")


# %% [markdown]
# ## 1. A picture is a list of numbers
#
# A grey image of $m$ rows and $n$ columns is an $m \times n$ **matrix**: a table with a number for each *pixel*. Cameras and files
# use 8 bits a number, which are the whole numbers from 0 (black) to $2^8 - 1 = 255$ (white). A colour image has three such
# tables, for red, green and blue light. Mostly they are kept as one array of shape $m \times n \times 3$: the three numbers
# of a pixel lie side by side, *channels last*. Some libraries keep the three tables one after the other, $3 \times m \times n$,
# *channels first*. The numbers are the same; the order in which we name a place differs.

# %%
figures.images_as_matrices()

# %% [markdown]
# *Above: a digit as 64 numbers, and a small landscape. Below: the three tables that the landscape consists of. The sun's
# pixels have much red, less green and little blue, which the eye takes for yellow.*
#
# Put the rows of such a table one behind the other, and you have a list of numbers, a **vector**. A vector of two numbers can be
# drawn: an arrow from the origin to the point with these coordinates. Three numbers give an arrow in space. For 784
# numbers there is no drawing, but the arithmetic does not mind, for it never used the drawing:
#
# * **adding** is done place by place, $(u + v)_i = u_i + v_i$: go along $u$, then along $v$;
# * **scaling** multiplies every place, $(c\,v)_i = c\,v_i$: the same direction, $c$ times as far;
# * a **linear combination** $c_1 v_1 + c_2 v_2 + \dots$ does both: so much of this, so much of that.
#
# ($u_i$ is the number at place $i$ of $u$. Mathematicians count places from 1 and Python from 0.)

# %%
v, w = np.array([4.0, 5, 6]), np.array([1.0, 0, -1])

print("v + w     =", v + w)
print("2 v - 3 w =", 2 * v - 3 * w)
print("v[0], v[-1] and v[1:] are", v[0], v[-1], v[1:])

# %%
figures.vectors()

# %% [markdown]
# **Row or column?** On paper one writes a vector as a row, $[4\;5\;6]$, or as a column, as it suits. In NumPy these are three
# different things: `v` of shape `(3,)` is neither, a plain list; `v[None, :]` of shape `(1, 3)` is a table of one row;
# `v[:, None]` of shape `(3, 1)` is a table of one column. Section 7 shows what it costs to confuse them.
#
# **Two meanings of "dimension".** `v` has *one* index, so NumPy says `v.ndim == 1`; but it is a vector of a space of *three*
# dimensions, since three numbers can be chosen freely in it. The number of indices is also called the *rank* of an array or
# *tensor*, and that word, too, has a second meaning: the rank of a matrix is the number of its rows that are not
# combinations of others. Below, the second row is twice the first: two indices, and rank 1.

# %%
tensor = np.arange(18.0).reshape(2, 3, 3)
print(f"the tensor: {tensor.ndim} indices, shape {tensor.shape}, {tensor.size} numbers, dtype {tensor.dtype}")
print(f"the vector: {v.ndim} index, from a space of {v.size} dimensions")
print(f"the matrix: 2 indices, and of rank {np.linalg.matrix_rank(np.array([[1.0, 2], [2, 4]]))}")

# %% [markdown]
# ## 2. How long is a vector?
#
# The arrow to $(3, 4)$ is the long side of a right-angled triangle, and Pythagoras says $\sqrt{3^2 + 4^2} = 5$. In space, go first
# along the floor and then up: the way along the floor has the length $\sqrt{v_1^2 + v_2^2}$, and it forms a right angle with the way up,
# so that
#
# $$\sqrt{\Big(\sqrt{v_1^2 + v_2^2}\Big)^2 + v_3^2} = \sqrt{v_1^2 + v_2^2 + v_3^2} .$$
#
# Each further place brings one more right angle and one more square. So for $n$ places the **Euclidean norm**, or L2 norm, is
#
# $$\lVert v \rVert_2 = \sqrt{v_1^2 + \dots + v_n^2} .$$
#
# It is not the only sensible length. Who walks in a city of square blocks goes $\lVert v \rVert_1 = |v_1| + \dots + |v_n|$, the L1 norm. A crane
# that drives along and across at the same time needs as long as the longer of the two ways, $\lVert v \rVert_\infty = \max_i |v_i|$. For a
# matrix, the L2 norm of all its numbers put in one list is called the **Frobenius norm**. All of them deserve the name of a length: none
# is negative, only the zero vector has length 0, twice the vector is twice as long, and a detour is never shorter,
# $\lVert u + v \rVert \le \lVert u \rVert + \lVert v \rVert$.

# %%
v = np.array([-1.0, 2, 3, 4, -5])
M = np.array([[1.0, 2, 3], [-1, -2, -3]])

same("L1: 1 + 2 + 3 + 4 + 5 = 15", jnp.linalg.norm(jnp.asarray(v), 1), 15)
same("L2: sqrt(55) = 7.416198487095663", jnp.linalg.norm(jnp.asarray(v)), np.sqrt(1 + 4 + 9 + 16 + 25))
same("Frobenius: sqrt(28) = 5.291502622129181", jnp.linalg.norm(jnp.asarray(M)), np.sqrt(2 * (1 + 4 + 9)))

# %%
figure, (city, circles) = plt.subplots(1, 2, figsize=(9.5, 4.2))
city.plot([0, 3], [0, 4], color=BLUE)
city.plot([0, 1, 1, 2, 2, 3, 3], [0, 0, 2, 2, 3, 3, 4], color=ORANGE)
city.plot([3.15, 3.15], [0, 4], color=GREEN)
city.text(0.75, 2.2, "L2: 5", color=BLUE)
city.text(1.35, 0.7, "L1: 3 + 4 = 7", color="#a06d00")
city.text(3.3, 2, "max: 4", color=GREEN)
city.plot(3, 4, "o", color="black", markersize=6)
city.set(title="Three lengths of the vector (3, 4)", xlabel="first coordinate", ylabel="second coordinate")
city.set(xlim=(-0.4, 4.6), ylim=(-0.4, 4.6), aspect="equal")
city.grid(color="#e0e0e0", linewidth=0.8)

angles = np.linspace(0, 2 * np.pi, 721)
around = np.stack([np.cos(angles), np.sin(angles)])
for order, name, colour in ((1, "L1", ORANGE), (2, "L2", BLUE), (np.inf, "max", GREEN)):
    circles.plot(*(around / np.linalg.norm(around, order, axis=0)), color=colour, label=name)
circles.set(title="All vectors of length 1", xlabel="first coordinate", ylabel="second coordinate")
circles.set(xlim=(-1.25, 2.1), ylim=(-1.25, 1.25), aspect="equal", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
circles.legend(loc="center right")
circles.grid(color="#e0e0e0", linewidth=0.8)
plt.show()

# %% [markdown]
# *Every norm has its "circle". That of L1 has its corners on the axes, where all coordinates but one are zero: a penalty on
# the L1 norm of a network's weights drives many of them to exactly 0, and one on the L2 norm makes all of them small.*
#
# ## 3. The dot product: angle and projection
#
# How far do two vectors point in the same direction? Draw $u$ and $v$ from one point, with the angle $\theta$ between them. The third
# side of the triangle is $u - v$, and the law of cosines says
#
# $$\lVert u - v \rVert^2 = \lVert u \rVert^2 + \lVert v \rVert^2 - 2\, \lVert u \rVert \lVert v \rVert \cos\theta .$$
#
# The left side can also be multiplied out, place by place, $\sum_i (u_i - v_i)^2 = \sum_i u_i^2 + \sum_i v_i^2 - 2 \sum_i u_i v_i$. The squares of the
# lengths are on both sides. Take them away, and divide by $-2$:
#
# $$\boxed{\;u \cdot v \;=\; \sum_i u_i v_i \;=\; \lVert u \rVert \lVert v \rVert \cos\theta\;}$$
#
# The sum in the middle is the **dot product**. A computer can do it: multiply place by place, and add. What it means stands on
# the right: it is positive if the vectors point the same way, negative if they point against each other, and 0 if they are at right angles, **orthogonal**. In
# 784 dimensions there is no protractor, so there we *define* the angle by this formula. That needs
# $|u \cdot v| \le \lVert u \rVert \lVert v \rVert$ (no cosine exceeds 1), the inequality of Cauchy and Schwarz, which we shall get for nothing in a moment.
#
# **Projection.** Which point $t\,u$ on the line through $u$ is nearest to $v$? The squared distance is a parabola in $t$,
#
# $$\lVert v - t u \rVert^2 = \lVert v \rVert^2 - 2 t\, (u \cdot v) + t^2 \lVert u \rVert^2 ,$$
#
# and it is lowest where its derivative $-2\,(u \cdot v) + 2 t \lVert u \rVert^2$ is zero:
#
# $$t = \frac{u \cdot v}{u \cdot u}, \qquad p = \frac{u \cdot v}{u \cdot u}\, u .$$
#
# What remains, $v - p$, is orthogonal to $u$, for $u \cdot (v - t u) = u \cdot v - t\, u \cdot u = 0$. And at this $t$ the squared distance is
# $\lVert v \rVert^2 - (u \cdot v)^2 / \lVert u \rVert^2$. A square is never negative: there is Cauchy and Schwarz.

# %%
u, v = np.array([4.0, 1]), np.array([2.0, 3])

dot = sum(a * b for a, b in zip(u, v, strict=True))
theta = np.arccos(dot / np.sqrt(sum(u**2)) / np.sqrt(sum(v**2)))
p = dot / sum(u**2) * u

print(f"u . v = {dot:.0f}, theta = {np.degrees(theta):.2f} degrees, p = ({p[0]:.4f}, {p[1]:.4f})")
same("angle: by hand, and la.angle", theta, la.angle(jnp.asarray(u), jnp.asarray(v)))
same("projection: by hand, and la.project", p, la.project(jnp.asarray(v), jnp.asarray(u)))
assert la.are_orthogonal(jnp.asarray(u), jnp.asarray(v - p))

nearest = min(np.linspace(-1, 2, 300_001), key=lambda t: np.sum((v - t * u) ** 2))
print(f"trying 300,001 points of the line: t = {nearest:.5f}; by the formula t = {dot / sum(u**2):.5f}")

# %%
figures.projection_and_basis()

# %% [markdown]
# *Left: what we have just computed. Right: the same vector $x$ with two sets of coordinates. "(3, 1)" means three steps along
# $e_1 = (1, 0)$ and one along $e_2 = (0, 1)$. Whoever steps along $b_1$ and $b_2$ instead gets to the same place with (2, 1). Vectors that
# reach every point in exactly one way are called a **basis**, and the numbers of steps are the coordinates.*
#
# Finding coordinates is easy where the basis vectors are orthogonal: step $k$ is the $t$ of the projection onto $b_k$. Here
# $x \cdot b_1 / b_1 \cdot b_1 = 4/2 = 2$ and $x \cdot b_2 / b_2 \cdot b_2 = 2/2 = 1$. (Where they are not, a system of equations must be solved, and
# `la.change_of_basis` does so; or the basis is first made orthogonal by taking projections away, which is `la.gram_schmidt`.)

# %%
basis = np.array([[1.0, 1], [1, -1]])  # b_1 and b_2 are the columns
x = np.array([3.0, 1])
steps = np.array([x @ b / (b @ b) for b in basis.T])
same("coordinates by projection", steps, la.change_of_basis(jnp.asarray(x), jnp.eye(2), jnp.asarray(basis)))
same("and back", steps[0] * basis[:, 0] + steps[1] * basis[:, 1], x)

# %% [markdown]
# **Angles between digits.** Now the point of it all. Here are 4,000 images of handwritten digits (from MNIST), each a vector of 784
# numbers between 0, no ink, and 1. The sum of all the threes, divided by their number, is the *mean* three. What
# angles do the ten mean digits make with one another?

# %%
mnist = data.mnist()
(images, labels), (new_images, new_labels) = mnist.train, mnist.test
vectors = images.reshape(4000, 784).astype(np.float64)
means = np.stack([vectors[labels == digit].mean(axis=0) for digit in range(10)])
overall = vectors.mean(axis=0)


def degrees_between(rows):
    """The angle between each row and each other row."""
    directions = rows / np.sqrt(np.sum(rows**2, axis=1, keepdims=True))
    return np.degrees(np.arccos(np.clip(directions @ directions.T, -1, 1)))


with_ink, centred = degrees_between(means), degrees_between(means - overall)
four, nine, one = jnp.asarray(means[4]), jnp.asarray(means[9]), jnp.asarray(means[1])
same("4 and 9, by la.angle", with_ink[4, 9], jnp.degrees(la.angle(four, nine)))
same("4 and 1, by la.angle", with_ink[4, 1], jnp.degrees(la.angle(four, one)))

# %%
figure, panels = plt.subplots(1, 2, figsize=(10.5, 5))
for axes, angles, title in zip(
    panels, (with_ink, centred), ("Mean digits", "The same, with the mean of all taken away"), strict=True
):
    axes.imshow(angles, cmap="RdBu", vmin=0, vmax=180)
    for i, j in itertools.product(range(10), range(10)):
        if i != j:
            axes.text(j, i, f"{angles[i, j]:.0f}°", ha="center", va="center", fontsize=8.5)
    axes.set(title=title, xlabel="digit", ylabel="digit", xticks=range(10), yticks=range(10))
plt.show()

# %% [markdown]
# *Red: the same direction, blue: opposite, white: orthogonal. On the left all angles are well under 90°: ink is never negative,
# so no product is, and each digit shares the middle of the sheet with all others. Take away what they have in common (on the right)
# and the angles spread out on both sides of 90°. Still the 4 is nearest to the 9, at 54°, and the 7 to the 9: just the ones that people
# confuse.*
#
# ## 4. The matrix product, and why its shapes must meet
#
# A baker sells three things, and each needs so much flour and so much sugar. That is a table, $R$, of 3 goods by 2 ingredients. On four
# days so many pieces were ordered: a table $D$ of 4 days by 3 goods. How much of each ingredient does each day need?
#
# For the flour of day 1, go along the goods: pieces ordered times flour for each, summed up. That is a dot product, of
# row 1 of $D$ with the flour column of $R$. The same for every day $i$ and ingredient $j$:
#
# $$\boxed{\;C = D R, \qquad c_{ij} = \sum_k d_{ik}\, r_{kj}\;}$$
#
# This is the **matrix product**, and its rule of shapes is no matter of taste. The sum runs over $k$, the goods; both tables must
# speak of the *same* goods, and as many of them. What is summed over is gone from the answer:
#
# $$(4 \times \mathbf{3})\,(\mathbf{3} \times 2) \;\longrightarrow\; 4 \times 2 .$$
#
# **Why this product and no other?** Let $p$ be the prices of the two ingredients. There are two ways to the cost of each
# day. Either first find each day's ingredients and then pay for them, $(D R)\,p$; or first find the cost of each good, and
# then count goods, $D\,(R\,p)$. Both must give the same bill, and they do:
#
# $$\sum_j \Big(\sum_k d_{ik} r_{kj}\Big) p_j = \sum_k d_{ik} \Big(\sum_j r_{kj} p_j\Big) .$$
#
# So the matrix product is exactly what makes *one* table out of two that are applied *one after the other*. A layer of a neural network is
# such a table, and this is why the formula stands at the heart of every network.

# %%
R = np.array([[0.5, 0.1], [0.2, 0.3], [0.05, 0.01]])  # kg of flour and of sugar for a loaf, a cake, a roll
D = np.array([[40.0, 5, 200], [35, 8, 180], [50, 12, 250], [60, 20, 300]])  # pieces ordered on four days
prices = np.array([0.8, 1.1])  # euros a kg


def product(A, B):
    """The matrix product, as it is defined: a dot product for each row of A and column of B."""
    (rows, inner), (inner_too, columns) = A.shape, B.shape
    if inner != inner_too:
        raise ValueError(f"a row of A has {inner} numbers and a column of B has {inner_too}")
    C = np.zeros((rows, columns))
    for i, j in np.ndindex(rows, columns):
        for k in range(inner):
            C[i, j] += A[i, k] * B[k, j]
    return C


print("flour and sugar, in kg, of each day:")
print(product(D, R))
same("the loops, and jnp.matmul", product(D, R), jnp.matmul(jnp.asarray(D), jnp.asarray(R)))
same("a sum of outer products over k", product(D, R), sum(np.outer(D[:, k], R[k]) for k in range(3)))
same("two roads to the bill: (D R) p, D (R p)", (D @ R) @ prices, D @ (R @ prices))

# %% [markdown]
# (The third line is another way to read the same formula. For each $k$, the products $d_{ik} r_{kj}$ fill a whole table, column $k$ of $D$ times row $k$ of
# $R$: the share of good $k$. The matrix product is the sum of these tables.)
#
# **Order matters.** $A B$ means "first $B$, then $A$" for a column to the right of them. Putting on socks and then shoes is not the same as shoes and then socks:

# %%
A, B = np.array([[1.0, 2], [3, 4]]), np.array([[5.0, 6], [7, 8]])
same("A B", product(A, B), [[19, 22], [43, 50]])
same("B A", product(B, A), [[23, 34], [31, 46]])

# %% [markdown]
# **Not the product of tables that you might expect.** Two tables of the same shape can also be multiplied place by place,
# $(A \odot B)_{ij} = a_{ij} b_{ij}$: the **element-wise** product. In NumPy and JAX that is `A * B`, and the matrix product is `A @ B`. One
# of this course's sources confuses the two. It prints the matrix product of two tables of shape $2 \times 3$, which does not even
# exist. The errata of this course decide by computing, in three ways:

# %%
erratum = errata.find("A5-product")
finding = erratum.settle()
print(erratum.claim)
print("printed:", erratum.printed)
print("correct:", erratum.correct)
for way, value in finding.evidence.ways.items():
    print(f"    by {way}: {finding.written(value)}")
print(erratum.how)
print("found:", finding.verdict)
assert finding.stands

# %%
A, B = np.array([[10, 20, 30], [40, 50, 60]]), np.array([[90, 80, 70], [60, 50, 40]])


def table(axes, numbers, left, top, title, marked=(), colour=BLUE):
    """Draw a table of numbers with its title; the places that are marked are coloured."""
    for i, j in np.ndindex(numbers.shape):
        face = colour if (i, j) in marked else "white"
        axes.add_patch(Rectangle((left + j, top + i), 1, 1, facecolor=face, edgecolor=GREY, alpha=0.35, linewidth=0))
        axes.add_patch(Rectangle((left + j, top + i), 1, 1, facecolor="none", edgecolor=GREY, linewidth=0.9))
        axes.text(left + j + 0.5, top + i + 0.5, str(numbers[i, j]), ha="center", va="center", fontsize=10)
    axes.text(left, top - 0.25, f"{title},  {numbers.shape[0]} × {numbers.shape[1]}", fontsize=10)


figure, axes = plt.subplots(figsize=(9.5, 6))
table(axes, A, 0, 1, "A", {(0, 1)}, BLUE)
table(axes, B, 4, 1, "B", {(0, 1)}, ORANGE)
table(axes, A * B, 8, 1, "A ⊙ B", {(0, 1)}, GREEN)
table(axes, A, 0, 6, "A", {(0, 0), (0, 1), (0, 2)}, BLUE)
table(axes, B.T, 4, 5.5, "Bᵀ", {(0, 1), (1, 1), (2, 1)}, ORANGE)
table(axes, A @ B.T, 8, 6, "A Bᵀ", {(0, 1)}, GREEN)
for height, sign in ((2, "⊙"), (7, "·")):
    axes.text(3.5, height, sign, ha="center", va="center", fontsize=18)
for left, height in ((7.5, 2), (7.0, 7)):
    axes.text(left, height, "=", ha="center", va="center", fontsize=18)
axes.text(0, 0, "Element by element: one number meets one number", fontsize=12)
axes.text(0, 4.5, "Matrix product: a whole row meets a whole column", fontsize=12)
axes.text(11.2, 1.5, "20 · 80 = 1600", va="center", fontsize=10)
axes.text(10.2, 6.5, "10 · 60 + 20 · 50 + 30 · 40 = 2800", va="center", fontsize=10)
axes.set(xlim=(-0.1, 15.4), ylim=(9, -0.7), aspect="equal")
axes.axis("off")
plt.show()

# %% [markdown]
# ## 5. Transpose and reshape
#
# To **transpose** a table is to swap its two indices, $(A^{\mathsf T})_{ij} = a_{ji}$: rows become columns. What becomes of a product? Write the
# definition and swap:
#
# $$\big((A B)^{\mathsf T}\big)_{ij} = (AB)_{ji} = \sum_k a_{jk} b_{ki} = \sum_k (B^{\mathsf T})_{ik} (A^{\mathsf T})_{kj} = (B^{\mathsf T} A^{\mathsf T})_{ij} .$$
#
# So $(AB)^{\mathsf T} = B^{\mathsf T} A^{\mathsf T}$, the other way round, as the shapes demand.
#
# To **reshape** is something quite different. It keeps all numbers in the order in which they lie in memory, row after row, and cuts this
# one long line anew. A $28 \times 28$ image is cut into rows of 28; undo the cuts and there is a vector of 784. The pixel of row $i$
# and column $j$ has $i$ whole rows before it, of 28 pixels each, and $j$ pixels of its own row:
#
# $$\text{place of pixel } (i, j) = 28\, i + j, \qquad i = \lfloor \text{place} / 28 \rfloor, \quad j = \text{place} \bmod 28 .$$

# %%
random = np.random.default_rng(0)
A, B = random.normal(size=(4, 3)), random.normal(size=(3, 5))
same("(A B)ᵀ and Bᵀ Aᵀ", (A @ B).T, B.T @ A.T)

image = images[0, :, :, 0]
line = image.reshape(784)
assert all(line[28 * i + j] == image[i, j] for i in range(28) for j in range(28))
assert all(image[place // 28, place % 28] == line[place] for place in range(784))
assert np.array_equal(line.reshape(28, 28), image)
print("28 i + j finds all 784 pixels, and reshaping back gives the image")

# %%
figure, (picture, strip) = plt.subplots(1, 2, figsize=(10.5, 3.2), width_ratios=[1, 2.6])
picture.imshow(image, cmap="gray_r", vmin=0, vmax=1)
picture.axhspan(13.5, 14.5, color=ORANGE, alpha=0.5)
picture.set(title="28 × 28", xlabel="column j", ylabel="row i", xticks=[0, 14, 27], yticks=[0, 14, 27])
strip.axvspan(14 * 28 - 0.5, 15 * 28 - 0.5, color=ORANGE, alpha=0.5, linewidth=0)
strip.plot(line, color="black", linewidth=0.8)
strip.text(15 * 28 + 5, 1.08, "row 14: places 392 to 419", color="#a06d00", fontsize=10)
strip.set(title="The same, 784 numbers in a line", xlabel="place 28 i + j", ylabel="ink", ylim=(-0.03, 1.2))
strip.set(xlim=(-5, 788), yticks=[0, 0.5, 1])
plt.show()

# %% [markdown]
# ## 6. Broadcasting
#
# To take the mean digit away from 4,000 images we write `vectors - overall`: a table of shape `(4000, 784)` minus a list of shape
# `(784,)`. Place by place that makes no sense, as the shapes differ. NumPy and JAX read it as "the same list for every row", and
# this is called **broadcasting**. There are three rules, and no more:
#
# 1. Write the two shapes under one another, **lined up at the right**. Where one is shorter, put ones to its left.
# 2. In each column, the two sizes must be **equal, or one of them 1**. Otherwise it is an error.
# 3. A size of **1 is stretched** to the other: the one number, row or table there is used again and again.
#
# Nothing is copied: the array is only read more than once.

# %%
figures.broadcasting()

# %% [markdown]
# The rules fit in a few lines of Python. As a check: for thousands of random pairs of shapes they must agree with JAX, on the answer as
# well as on when there is none.


# %%
def broadcast(a, b):
    """The shape that two shapes broadcast to, or None."""
    longest = max(len(a), len(b))
    a, b = (1,) * (longest - len(a)) + tuple(a), (1,) * (longest - len(b)) + tuple(b)
    if any(m != n and 1 not in (m, n) for m, n in zip(a, b, strict=True)):
        return None
    return tuple(n if m == 1 else m for m, n in zip(a, b, strict=True))


def by_jax(a, b):
    try:
        return jnp.broadcast_shapes(a, b)
    except ValueError:
        return None


random = np.random.default_rng(1)
pairs = [tuple(tuple(random.integers(1, 4, random.integers(0, 5)).tolist()) for _ in "ab") for _ in range(3000)]
assert all(broadcast(a, b) == by_jax(a, b) for a, b in pairs)
print(f"{sum(broadcast(a, b) is not None for a, b in pairs)} of {len(pairs)} pairs broadcast; JAX agrees on all")
print("(8, 1, 6, 1) and (7, 1, 5) give", broadcast((8, 1, 6, 1), (7, 1, 5)))
print("(3, 2) and (3,) give", broadcast((3, 2), (3,)))

# %% [markdown]
# Two habits make broadcasting say what you mean. `x[:, None]` puts a 1 where it is needed: a *column* plus a *row* gives the table of all
# pairs. And `keepdims=True` leaves a 1 where a sum or a mean was taken, so that the result fits what it came from:
# `rows / rows.sum(axis=1, keepdims=True)` divides each row by its own sum.
#
# ## 7. What goes wrong
#
# ### Broadcasting hides a bug
#
# Forty points lie near a straight line. We fit $\hat y = w x + b$ by descending the mean squared error, $\frac 1n \sum_i (\hat y_i - y_i)^2$. The
# predictions come from a matrix product, and have the shape `(40, 1)`. The targets come from a file, and have the shape `(40,)`. One
# should think that subtracting them is an error. But lined up at the right, `(40, 1)` and `(1, 40)` broadcast to `(40, 40)`: *every* prediction
# minus *every* target. The mean of the squares is a number, its gradient is a gradient, and the loss goes down.
#
# Where does it lead? Let $\bar y$ be the mean of the targets. Split each difference in two, $\hat y_i - y_j = (\hat y_i - \bar y) - (y_j - \bar y)$, and square. The
# mixed term vanishes when summed over $j$, for $\sum_j (y_j - \bar y) = 0$. What remains is
#
# $$\frac{1}{n^2} \sum_{i,j} (\hat y_i - y_j)^2 = \frac 1n \sum_i (\hat y_i - \bar y)^2 + \frac 1n \sum_j (y_j - \bar y)^2 .$$
#
# The second term does not depend on the network. The first is smallest when *every prediction is the mean*, whatever the input. So
# the mistake teaches the model to ignore its input, and a low loss will never come.

# %%
random = np.random.default_rng(2)
x = random.uniform(-2, 2, size=(40, 1))
y = 1.5 * x[:, 0] + 0.5 + 0.4 * random.normal(size=40)


def right_loss(weights):
    predictions = x @ weights["w"] + weights["b"]  # (40, 1)
    return jnp.mean((predictions[:, 0] - y) ** 2)


def wrong_loss(weights):
    predictions = x @ weights["w"] + weights["b"]  # (40, 1)
    return jnp.mean((predictions - y) ** 2)  # (40, 40)


def descend(loss, steps=60, rate=0.1):
    """Gradient descent from a slope of -1, and the loss at every step."""
    weights, history = {"w": jnp.full((1, 1), -1.0), "b": jnp.zeros(1)}, []
    value_and_grad = jax.jit(jax.value_and_grad(loss))
    for _ in range(steps):
        value, gradient = value_and_grad(weights)
        history.append(float(value))
        weights = jax.tree.map(lambda now, slope: now - rate * slope, weights, gradient)
    return weights, history


fits = {"right": descend(right_loss), "wrong": descend(wrong_loss)}
for name, (weights, history) in fits.items():
    slope, intercept = round(float(weights["w"][0, 0]), 2) + 0.0, float(weights["b"][0])
    print(f"{name}: the loss fell from {history[0]:.2f} to {history[-1]:.2f}; y = {slope:.2f} x + {intercept:.2f}")

some = {"w": jnp.full((1, 1), 0.7), "b": jnp.full(1, 0.2)}
y_hat = np.asarray(x @ some["w"] + some["b"])[:, 0]
same("the formula for the wrong loss", wrong_loss(some), np.mean((y_hat - y.mean()) ** 2) + np.var(y))

# %%
figure, (points, curves) = plt.subplots(1, 2, figsize=(10.5, 3.6))
points.plot(x[:, 0], y, "o", color=GREY, markersize=5)
ends = np.array([-2.1, 2.1])
for (name, (weights, history)), colour, shape in zip(fits.items(), (BLUE, RED), ("(40,)", "(40, 40)"), strict=True):
    line_at = ends * float(weights["w"][0, 0]) + float(weights["b"][0])
    points.plot(ends, line_at, color=colour, label=f"{name}: difference of shape {shape}")
    curves.plot(history, color=colour, label=name)
curves.axhline(np.var(y), color=GREY, linestyle="--", linewidth=1)
curves.text(59, np.var(y) * 0.9, "variance of the targets", color="#5f5f5f", ha="right", va="top", fontsize=10)
points.set(title="Two fits to the same points", xlabel="x", ylabel="y", ylim=(-4, 6.2))
points.legend(loc="upper left")
curves.set(title="Both losses go down", xlabel="step", ylabel="mean squared error", yscale="log")
curves.set_yticks([0.2, 0.5, 1, 2, 5], ["0.2", "0.5", "1", "2", "5"])
curves.minorticks_off()
curves.legend(loc="upper right")
plt.show()

# %% [markdown]
# The red line is the best that the wrong loss can do. The defence is to compare shapes before numbers, as the losses of
# `chainrule` do:

# %%
try:
    losses.squared_error(jnp.zeros((40, 1)), jnp.zeros(40))
except ValueError as refusal:
    print(refusal)

# %% [markdown]
# ### A square table lets anything pass
#
# To divide each row by its sum, someone writes `table / table.sum(axis=1)` and forgets `keepdims`. With a table of $4 \times 3$ this is an error, as
# `(4, 3)` and `(4,)` do not fit. With a *square* table, `(3, 3)` and `(3,)` fit: but lined up at the right, each **column** is
# divided. Test with sizes that differ.

# %%
counts = np.array([[8.0, 1, 1], [2, 5, 3], [0, 30, 70]])
wrong, right = counts / counts.sum(axis=1), counts / counts.sum(axis=1, keepdims=True)
print("row sums with keepdims:   ", right.sum(axis=1))
print("row sums without keepdims:", wrong.sum(axis=1).round(2))
try:
    np.ones((4, 3)) / np.ones((4, 3)).sum(axis=1)
except ValueError as refusal:
    print("with unequal sizes:", refusal)

# %% [markdown]
# ### Reshaped where a transpose was meant, and 8 bits that run over
#
# `reshape` will turn $28 \times 28$ into $14 \times 56$, or channels last into channels first, without complaint: it only counts the
# numbers. But it does not *move* them, so they end up at other places. To move an axis is the work of `transpose` and `moveaxis`.
#
# And images in 8 bits have arithmetic of their own. The largest number is 255, and what goes beyond starts again at 0, like the mileage of an old
# car: $200 + 100 = 300 - 256 = 44$. To make an image brighter, convert it to floating point first, add, cut off at 255, and go back.

# %%
grey = np.round(255 * (1 - image)).astype(np.uint8)  # black ink on white paper
dim = (0.6 * grey).astype(np.uint8)
run_over = dim + np.uint8(150)
careful = np.clip(dim.astype(np.float64) + 150, 0, 255).astype(np.uint8)
print("in 8 bits, 200 + 100 =", (np.array([200], np.uint8) + np.array([100], np.uint8))[0])

band = np.linspace(0, 1, 28)
colour = np.stack([1 - image * band, 1 - image * (1 - band[:, None]), 1 - image * 0.3], axis=-1)  # 28 x 28 x 3
moved = np.moveaxis(colour, -1, 0)  # right: 3 x 28 x 28
cut_anew = colour.reshape(3, 28, 28)  # wrong
assert np.array_equal(np.moveaxis(moved, 0, -1), colour)

figure, rows = plt.subplots(2, 4, figsize=(10.5, 5.4))
shown = [
    (colour, "colour, 28 × 28 × 3", None),
    (moved[0], "red: moveaxis(−1, 0)[0]", "right"),
    (cut_anew[0], "reshape(3, 28, 28)[0]", "wrong"),
    (image.reshape(14, 56), "reshape(14, 56)", "wrong"),
    (dim, "too dark, 8 bits", None),
    (careful, "+ 150, cut off at 255", "right"),
    (run_over, "+ 150 in 8 bits", "wrong"),
    (image.T, "transpose", None),
]
for axes, (pixels, title, verdict_of) in zip(rows.flat, shown, strict=True):
    top = 255 if pixels.dtype == np.uint8 else 1
    ink = pixels is image or "14" in title or title == "transpose"
    axes.imshow(pixels, cmap="gray_r" if ink else "gray", vmin=0, vmax=top)
    axes.set_title(title, fontsize=10.5, color={"right": GREEN, "wrong": RED, None: "black"}[verdict_of])
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color("#c0c0c0")
plt.show()

# %% [markdown]
# *Red titles are mistakes that raise no error. A network trained on such images learns something, and nobody knows why it
# is not better.*
#
# ## 8. Reading digits
#
# Everything is at hand. To read a digit $x$, find the mean digit $m_c$ that it is nearest to:
#
# $$\text{answer} = \arg\min_c \lVert x - m_c \rVert^2 .$$
#
# For 1,000 new images and 10 means there are three ways to write this. **Loops**: 10,000 distances, one at a time. **Broadcasting**:
# `(1000, 1, 784)` minus `(1, 10, 784)` is all differences at once, but they fill a table of 7.84 million numbers. Or multiply out,
# as in section 3,
#
# $$\lVert x - m \rVert^2 = \lVert x \rVert^2 - 2\, x \cdot m + \lVert m \rVert^2 ,$$
#
# and all 10,000 dot products are *one matrix product* $X M^{\mathsf T}$, of $(1000 \times 784)(784 \times 10)$. The squares of the lengths come
# to it by broadcasting: a column $(1000, 1)$ for the images and a row $(10,)$ for the means. Nothing larger than the answer is ever stored.

# %%
X = new_images.reshape(1000, 784).astype(np.float64)
M = means

by_loops = np.array([[sum((x - m) ** 2) for m in M] for x in X[:25]])  # 25 images are enough for the slow way
by_broadcasting = np.sum((X[:, None, :] - M[None, :, :]) ** 2, axis=-1)
by_product = np.sum(X**2, axis=1)[:, None] - 2 * X @ M.T + np.sum(M**2, axis=1)

same("loops, and the matrix product", by_loops, by_product[:25])
same("broadcasting, and the matrix product", by_broadcasting, by_product)
print(f"numbers stored on the way: {X[:, None, :].size * 10:,} by broadcasting, {by_product.size:,} by the product")

answers = by_product.argmin(axis=1)
right_count = int(np.sum(answers == new_labels))
print(f"read correctly: {right_count} of 1,000 digits never seen before; guessing would give 100")
assert right_count > 780

# %%
figure, rows = plt.subplots(2, 10, figsize=(10.5, 2.9))
mistaken = np.flatnonzero(answers != new_labels)[:10]
for digit, axes in enumerate(rows[0]):
    axes.imshow(M[digit].reshape(28, 28), cmap="gray_r", vmin=0, vmax=0.9)
    axes.set_title(f"mean {digit}", fontsize=10, loc="center")
for axes, number in zip(rows[1], mistaken, strict=True):
    axes.imshow(X[number].reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
    axes.set_title(f"{new_labels[number]}, read {answers[number]}", fontsize=9.5, loc="center", color=RED)
for axes in rows.flat:
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
plt.show()

# %% [markdown]
# *Above, the ten mean digits: all that this classifier knows. Below, the first ten that it gets wrong.*
#
# Look at the formula once more. $\lVert x \rVert^2$ is the same for all ten classes and decides nothing. So the answer is the class of the
# largest $x \cdot m_c - \frac12 \lVert m_c \rVert^2$: a matrix product with "weights" $M^{\mathsf T}$, plus a "bias" that is broadcast. That is one layer
# of a neural network, whose weights nobody has trained yet. How training does better is told in
# [backpropagation by hand](backpropagation_by_hand.ipynb); what a matrix does to space, in
# [linear maps and PCA](linear_maps_and_pca.ipynb).

# %%
scores = X @ M.T - 0.5 * np.sum(M**2, axis=1)
assert np.array_equal(scores.argmax(axis=1), answers)
print("the largest score is the smallest distance, for all 1,000")

# %% [markdown]
# ## 9. Three exercises
#
# Fill in the functions and run the cells; each checks your answer and says `right`, or how far off it is. Solutions stand
# at the end.
#
# **Exercise 1. A mirror.** Return the mirror image of the vector $v$ in the line through $u$. (Hint: going from $v$ to its
# projection $p$ is half of the way.)


# %%
def mirror(v, u):
    return None  # your line here


def verdict(answer, true):
    """Compare without failing: right, not yet, or how far off."""
    if answer is None:
        return "not yet: return your answer in place of None"
    if np.shape(answer) != np.shape(true):
        return f"not yet: the shape is {np.shape(answer)}, it should be {np.shape(true)}"
    apart = float(np.max(np.abs(np.asarray(answer, np.float64) - true)))
    if np.isnan(apart):
        return "not yet: the answer holds NaN"
    return "right" if apart < 1e-10 else f"not yet: off by as much as {apart:.2g}"


def check_mirror(answer):
    random = np.random.default_rng(10)
    v, u = random.normal(size=5), random.normal(size=5)
    # independent: in a basis whose first vector lies along u, all coordinates but the first change their sign
    basis = np.asarray(la.gram_schmidt(jnp.asarray(np.column_stack([u, np.eye(5)[:, :4]]))).q)
    signs = np.array([1.0, -1, -1, -1, -1])
    return verdict(answer(v, u), basis @ (signs * (basis.T @ v)))


print(check_mirror(mirror))

# %% [markdown]
# **Exercise 2. All pairs.** `A` holds $n$ points of $d$ coordinates, one a row, and `B` holds $m$. Return the table of L1 distances,
# $t_{ij} = \sum_k |a_{ik} - b_{jk}|$, of shape $(n, m)$, without a loop. (No matrix product helps here: absolute values cannot be multiplied out.)


# %%
def l1_distances(A, B):
    return None  # your line here


def check_l1_distances(answer):
    random = np.random.default_rng(11)
    A, B = random.normal(size=(6, 3)), random.normal(size=(4, 3))
    return verdict(answer(A, B), np.array([[np.linalg.norm(a - b, 1) for b in B] for a in A]))


print(check_l1_distances(l1_distances))

# %% [markdown]
# **Exercise 3. Every image on its own.** `batch` has the shape $(n, h, w, 3)$. From each image, and each colour of it, take away its mean over the
# pixels, and then make each image (its three colours together) a vector of L2 norm 1. The shape stays. (Which axes are summed
# over, and how do they stay in place?)


# %%
def normalise_images(batch):
    return None  # your lines here


def check_normalise_images(answer):
    batch = np.random.default_rng(12).uniform(size=(3, 4, 4, 3))
    true = np.zeros_like(batch)
    for n in range(3):
        for c in range(3):
            true[n, :, :, c] = batch[n, :, :, c] - batch[n, :, :, c].mean()
        true[n] /= np.linalg.norm(true[n].reshape(-1))
    return verdict(answer(batch), true)


print(check_normalise_images(normalise_images))

# %% [markdown]
# ### Solutions
#
# Open the next cell when you have tried.


# %% jupyter={"source_hidden": true}
def mirror_solution(v, u):
    # to the projection p, and as far again: v + 2 (p - v) = 2 p - v
    return 2 * (u @ v) / (u @ u) * u - v


def l1_distances_solution(A, B):
    # (n, 1, d) minus (1, m, d) is (n, m, d); the sum takes the last axis away
    return np.abs(A[:, None, :] - B[None, :, :]).sum(axis=-1)


def normalise_images_solution(batch):
    # a mean for each image and colour: over height and width; a length for each image: over all but the first axis
    centred = batch - batch.mean(axis=(1, 2), keepdims=True)
    return centred / np.sqrt(np.sum(centred**2, axis=(1, 2, 3), keepdims=True))


verdicts = (
    check_mirror(mirror_solution),
    check_l1_distances(l1_distances_solution),
    check_normalise_images(normalise_images_solution),
)
for number, found in enumerate(verdicts, start=1):
    print(f"exercise {number}: {found}")
assert verdicts == ("right",) * 3

# %% [markdown]
# ## 10. What was proved
#
# * **Norms**: 15, $\sqrt{55}$ and $\sqrt{28}$, by counting and by JAX.
# * **The dot product** is $\lVert u \rVert \lVert v \rVert \cos\theta$, by the law of cosines; the nearest point of a line, by a derivative, by
#   trying 300,001 points, and by the library.
# * **The matrix product** makes one table of two that are applied in turn; three loops, a sum of outer products and JAX agree. A printed figure that
#   confuses it with the element-wise product is wrong.
# * **Transpose and reshape** are different things: $28\,i + j$ for all 784 pixels; $(AB)^{\mathsf T} = B^{\mathsf T} A^{\mathsf T}$.
# * **Broadcasting**: three rules, the same as JAX's on 3,000 pairs of shapes. And a loss of the wrong shape leads exactly to the mean of the
#   targets, as derived.
# * **Reading digits** by lengths and dot products alone: four of five.
#
# | In this lesson | In the package |
# |---|---|
# | Angle, orthogonality | [`maths/linear_algebra/angles.py`](../src/chainrule/maths/linear_algebra/angles.py) |
# | Projection onto a line, or onto many columns | [`maths/linear_algebra/projection.py`](../src/chainrule/maths/linear_algebra/projection.py) |
# | An orthonormal basis; other coordinates | [`gram_schmidt.py`](../src/chainrule/maths/linear_algebra/gram_schmidt.py), [`basis.py`](../src/chainrule/maths/linear_algebra/basis.py) |
# | The wrong matrix product | [Errata, A5-product](errata.md#a5-product) |
# | Shapes compared before numbers | [`checks.py`](../src/chainrule/checks.py), [`losses/regression.py`](../src/chainrule/losses/regression.py) |
# | The images | [`data/mnist.py`](../src/chainrule/data/mnist.py) |
#
# **Sources.**
#
# * G. Strang, *Introduction to Linear Algebra*, Wellesley-Cambridge Press, 5th edition, 2016, chapters 1 and 2; projections in chapter 4.
# * C. R. Harris and others, *Array programming with NumPy*, Nature 585, 357–362, 2020: arrays, shapes and broadcasting.
# * Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, *Gradient-based learning applied to document recognition*, Proceedings of the IEEE
#   86(11), 2278–2324, 1998: the digits, and what a trained network makes of them.
