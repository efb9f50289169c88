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
# # Regression and the weather
#
# How warm will it be tomorrow? Anyone can say "as today", and will be off by three degrees or so. We have a table of
# 1,461 days in Seattle, and three numbers for each: the highest temperature, the lowest, and the rain. Surely a sum like
#
# $$\text{tomorrow's highest} \;=\; w_1 \cdot \text{highest} + w_2 \cdot \text{lowest} + w_3 \cdot \text{rain} + b$$
#
# with well-chosen $w_1, w_2, w_3$ and $b$ does better. **The question of this lesson:** which numbers are the best ones,
# how are they computed without losing digits, and how much better than "as today" is the result *really*?
#
# The method is *least squares*, the oldest and still the most used way to learn from data. We derive it twice, once by
# calculus and once by geometry; reach its answer on five different roads; and then spend as much care on the judgement as
# on the fit. You need: what a derivative is, what a sum is, and a little Python. Matrices are explained as they come up.
#
# | | |
# |---|---|
# | 1 | A line through five points |
# | 2 | Many columns: the normal equation |
# | 3 | The same without calculus: a shadow |
# | 4 | The weather of Seattle |
# | 5 | Five roads to one answer |
# | 6 | How good is it? |
# | 7 | What goes wrong |
# | 8 | Three exercises |
# | 9 | What was proved |

# %%
from functools import partial

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from chainrule import data, plot
from chainrule.course.figures.linear_algebra import descent_path
from chainrule.maths import linear_algebra, statistics
from chainrule.recipes.weather_baselines import climatology
from chainrule.recipes.weather_dependent import dependent_fits
from chainrule.recipes.weather_linear import choose_strength, cut_examples, descend
from chainrule.recipes.weather_scores import advantage, rmse

# %matplotlib inline
# %config InlineBackend.print_figure_kwargs = {"bbox_inches": None}

jax.config.update("jax_enable_x64", True)  # this lesson computes with 64 bits throughout

BLUE, ORANGE, GREEN, RED, GREY, INK = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#8a8a8a", "#222222"
plt.rcParams.update(
    {
        "figure.dpi": 84,
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


def referee(what, ours, other, tolerance=1e-10):
    """Print how far two answers are apart, relative to the largest number; stop at more than the tolerance."""
    ours, other = np.asarray(ours), np.asarray(other)
    assert ours.shape == other.shape, f"{what}: shapes {ours.shape} and {other.shape}"
    apart = np.max(np.abs(ours - other)) / np.max(np.abs(other))
    print(f"{what:52} {'agree' if apart <= tolerance else 'DISAGREE'} to {tolerance:.0e}")
    assert apart <= tolerance, f"{what}: {apart:.1e} apart"


# %% [markdown]
# ## 1. A line through five points
#
# Five measurements, $x = 1, 2, 3, 4, 5$ and $y = 1, 4, 3, 7, 5$. No line passes through all of them. A line
# $w x + b$ misses the point $i$ by its *residual* $r_i = y_i - (w x_i + b)$, and we call the line best that makes
#
# $$L(w, b) = \sum_i r_i^2 = \sum_i (y_i - w x_i - b)^2$$
#
# as small as possible. Why squares? They make misses above and below count alike; they are smooth, where $|r|$ has a kink;
# and, as we shall see, they turn the question into one of distance, with right angles and all. (There is a fourth reason:
# if the misses are drawn from a normal distribution, the best line is the one that makes the data most probable. The price
# is that one wild point counts for many.)
#
# **Calculus.** At the lowest place both slopes are zero. The derivative by $b$, inner derivative $-1$:
#
# $$\frac{\partial L}{\partial b} = -2 \sum_i (y_i - w x_i - b) = 0
# \quad\Longrightarrow\quad \sum_i r_i = 0
# \quad\Longrightarrow\quad b = \bar y - w \bar x ,$$
#
# where a bar is a mean: the residuals of the best line sum to zero, and it passes through the centre of the points. Put this
# $b$ in, and $r_i = (y_i - \bar y) - w (x_i - \bar x)$. The derivative by $w$ now is
#
# $$-2 \sum_i (x_i - \bar x)\bigl[(y_i - \bar y) - w (x_i - \bar x)\bigr] = 0
# \quad\Longrightarrow\quad
# \boxed{\;w = \frac{\sum_i (x_i - \bar x)(y_i - \bar y)}{\sum_i (x_i - \bar x)^2}, \qquad b = \bar y - w \bar x\;}$$
#
# On paper: $\bar x = 3$ and $\bar y = 4$. The differences are $-2, -1, 0, 1, 2$ and $-3, 0, -1, 3, 1$; their products sum to
# $6 + 0 + 0 + 3 + 2 = 11$, the squares of the former to $10$. So $w = 1.1$ and $b = 4 - 1.1 \cdot 3 = 0.7$.

# %%
x = np.array([1.0, 2, 3, 4, 5])
y = np.array([1.0, 4, 3, 7, 5])

w = np.sum((x - x.mean()) * (y - y.mean())) / np.sum((x - x.mean()) ** 2)
b = y.mean() - w * x.mean()
print(f"w = {w:.4f}   b = {b:.4f}   sum of squares = {np.sum((y - w * x - b) ** 2):.4f}")

gradient = jax.grad(lambda p: jnp.sum((y - p[0] * x - p[1]) ** 2))(jnp.array([w, b]))
print("both slopes there, by jax.grad, are below 1e-12:", bool(jnp.max(jnp.abs(gradient)) < 1e-12))
assert jnp.max(jnp.abs(gradient)) < 1e-12

# %% [markdown]
# The picture. On the left the sum of squares *is* a sum of squares: each residual is one side of a square, and the best line
# makes the total area smallest. On the right the same total, for every line at once: a point of the plane is a line, and the
# height a bowl with one lowest place.

# %%
figure, (points, bowl) = plt.subplots(1, 2, figsize=(10.5, 4.4))
grid = np.array([0.2, 6.6])
points.plot(grid, w * grid + b, color=BLUE, label="1.1 x + 0.7")
for place, value in zip(x, y, strict=True):
    left = value - (w * place + b)
    points.add_patch(plt.Rectangle((place, w * place + b), -left, left, color=RED, alpha=0.25, linewidth=0))
    points.plot([place, place], [w * place + b, value], color=RED, linewidth=1.6)
points.plot(x, y, "o", color=INK, label="measured")
points.plot(x.mean(), y.mean(), "+", color=GREEN, markersize=14, markeredgewidth=2.5, label="centre")
points.set(xlabel="x", ylabel="y", title="The area to make small: 7.9", aspect="equal", xlim=(0, 7.2), ylim=(0, 8.2))
points.legend(loc="upper left", bbox_to_anchor=(1, 1))
across, up = np.meshgrid(np.linspace(-1.2, 3.4, 121), np.linspace(-7.5, 10, 121))
total = np.sum((y - across[..., None] * x - up[..., None]) ** 2, axis=-1)
lines = bowl.contour(across, up, total, levels=[10, 20, 50, 100, 200, 400], colors=GREY, linewidths=1)
bowl.clabel(lines, fontsize=9, fmt="%g")
bowl.plot(across[0], y.mean() - across[0] * x.mean(), color=GREEN, linewidth=1.3, label="lines through the centre")
bowl.plot(w, b, "*", color=BLUE, markersize=14, label="the best line")
bowl.set(xlabel="slope w", ylabel="intercept b", title="Sum of squares of every line", ylim=(-7.5, 10))
bowl.legend(loc="upper right", frameon=True, framealpha=1, edgecolor="none")
plt.show()

# %% [markdown]
# ## 2. Many columns: the normal equation
#
# The weather has three measurements a day. Let us write them all down at once. A *matrix* is a table of numbers, and here
#
# * $A$ has a row for each of the $n$ days and a column for each measurement, and one more column full of ones;
# * $w$ is the list of unknowns, one for each column; the last one, which multiplies the ones, is what we called $b$;
# * $A w$ is the list of forecasts: in row $i$ stands $\sum_j A_{ij} w_j$;
# * $r = y - A w$ is the list of residuals, and $L(w) = \sum_i r_i^2 = |r|^2$, the square of its length.
#
# The unknown $w_j$ enters the residual of *every* day, with the factor $-A_{ij}$. Chain rule, once for each day, and add:
#
# $$\frac{\partial L}{\partial w_j} = \sum_i 2 r_i \cdot (-A_{ij}) = -2 \sum_i A_{ij} r_i .$$
#
# The sum runs over the *rows* of $A$, so as a matrix product $A$ must be flipped on its side (transposed, $A^{\mathsf T}$):
#
# $$\nabla L = -2 A^{\mathsf T} r = -2 A^{\mathsf T}(y - A w) .$$
#
# $\nabla L$, the *gradient*, is the list of all these slopes. Setting it to zero gives the **normal equation**:
#
# $$\boxed{\;A^{\mathsf T} A\, w = A^{\mathsf T} y\;}$$
#
# as many equations as unknowns, and all of them straight. For the five points it is the two equations of section 1. Is the
# place where the slopes vanish the *lowest*? The second derivatives are the entries of $2 A^{\mathsf T} A$, and along any
# direction $v$ the curvature is $2 v^{\mathsf T} A^{\mathsf T} A v = 2 |A v|^2 \ge 0$: the bowl bends up everywhere. And it is a true
# bowl, with one lowest point, unless some $v \ne 0$ has $A v = 0$: unless one column is a combination of the others.

# %%
A = np.column_stack([x, np.ones(5)])
print("A^T A =", (A.T @ A).tolist(), "   A^T y =", (A.T @ y).tolist())
by_normal = np.linalg.solve(A.T @ A, A.T @ y)
print("solved:", by_normal.round(10).tolist())
referee("normal equation against section 1", by_normal, [w, b])


def half_squares(w, A, y):
    return 0.5 * jnp.sum((y - A @ w) ** 2)


anywhere = np.array([0.4, -2.0])
referee("gradient -A^T r against jax.grad", -A.T @ (y - A @ anywhere), jax.grad(half_squares)(anywhere, A, y))
referee("curvature A^T A against jax.hessian", A.T @ A, jax.hessian(half_squares)(anywhere, A, y))

# %% [markdown]
# ## 3. The same without calculus: a shadow
#
# Take three measurements in place of five. Then $y = (y_1, y_2, y_3)$ is a point in ordinary space, one axis for each
# measurement; and so is each column of $A$. Two columns, stretched by all possible $w$ and added, sweep out a *plane*: the
# forecasts that are possible. The measured $y$ is not in it. Which point $\hat y$ of the plane is nearest to $y$? The foot of the
# perpendicular: the shadow of $y$ when the sun stands straight above the plane. There, the residual $r = y - \hat y$ makes a right
# angle with everything in the plane, that is, with each column $a_j$ of $A$. A right angle is an inner product of zero:
#
# $$a_j \cdot r = 0 \text{ for every } j \qquad\Longleftrightarrow\qquad A^{\mathsf T} (y - A \hat w) = 0 ,$$
#
# which is the normal equation (*normal* is the old word for perpendicular). And here is why the foot is nearest, for any number
# of dimensions and with no derivative at all. Any other point of the plane is $A w = \hat y + A (w - \hat w)$, so by Pythagoras
#
# $$|y - A w|^2 = |\underbrace{y - \hat y}_{r} - \underbrace{A (w - \hat w)}_{\text{in the plane}}|^2
# = |r|^2 + |A (w - \hat w)|^2 \;\ge\; |r|^2 ,$$
#
# since the mixed term is twice an inner product of perpendicular arrows. The rest, $|A(w - \hat w)|^2$, is zero only for $w = \hat w$
# if the columns are independent.

# %%
column, three = np.array([-1.0, 0, 1]), np.array([1.0, 0.2, 3])
shadow = three.mean() + 1.0 * column  # w = 1 by section 1
u1, u2, up = np.ones(3) / np.sqrt(3), column / np.sqrt(2), np.array([1.0, -2, 1]) / np.sqrt(6)
print(
    "residual:",
    (three - shadow).round(10).tolist(),
    "  times each column:",
    ((three - shadow) @ np.column_stack([np.ones(3), column])).round(10).tolist(),
)


def screen(point):
    """Look at the plane from the side: u1 goes right, u2 goes back, what stands on the plane goes up."""
    return np.array([point @ u1 + 0.5 * (point @ u2), 0.42 * (point @ u2) + point @ up])


figure, axes = plt.subplots(figsize=(8.2, 4.4))
corners = [a * u1 + c * u2 for a, c in ((-0.5, -1.3), (4.6, -1.3), (4.6, 2.3), (-0.5, 2.3))]
axes.add_patch(plt.Polygon([screen(corner) for corner in corners], color=BLUE, alpha=0.10, linewidth=0))
other = 3.7 * u1 - 0.5 * u2
arrows = [(np.zeros(3), np.ones(3), INK, "ones", (4, -16)), (np.zeros(3), column, INK, "x", (4, 4))]
arrows += [
    (np.zeros(3), three, ORANGE, "y, measured", (-40, 8)),
    (np.zeros(3), shadow, BLUE, "ŷ = Aŵ, the shadow", (26, 2)),
]
for start, end, colour, name, offset in arrows:
    style = {"arrowstyle": "-|>", "color": colour, "linewidth": 2, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", screen(end), screen(start), arrowprops=style)
    axes.annotate(name, screen(end), xytext=offset, textcoords="offset points", color=colour, fontsize=11)
axes.plot(*np.transpose([screen(three), screen(shadow)]), color=RED)
axes.annotate("r", screen((three + shadow) / 2), xytext=(-14, 0), textcoords="offset points", color=RED, fontsize=12)
axes.plot(*np.transpose([screen(three), screen(other)]), color=GREY, linestyle="--", linewidth=1.4)
axes.plot(*np.transpose([screen(shadow), screen(other)]), color=GREY, linestyle="--", linewidth=1.4)
axes.annotate("any other Aw: farther", screen(other), xytext=(8, -6), textcoords="offset points", color=GREY)
side = 0.22 * (other - shadow) / np.linalg.norm(other - shadow)
angle = [shadow + side, shadow + side + 0.22 * up, shadow + 0.22 * up]
axes.plot(*np.transpose([screen(point) for point in angle]), color=RED, linewidth=1.2)
axes.text(*screen(-0.2 * u1 - 1.15 * u2), "all the forecasts that are possible", color=BLUE)
axes.set(aspect="equal", xlim=(-1.3, 6.0), ylim=(-0.8, 2.4))
axes.axis("off")
plt.show()

# %% [markdown]
# *Three measurements as one point of space. The plane is swept out by the columns; the residual stands upright on it.*
#
# For the five points, in five dimensions where nobody can draw, the same: right angles, Pythagoras, and the shadow as
# `project_onto_columns` of the library computes it, from an orthonormal basis and without any equation being solved.

# %%
fitted = A @ by_normal
r = y - fitted
print("r . column 1 and r . ones are below 1e-12:", bool(np.max(np.abs(A.T @ r)) < 1e-12))
elsewhere = by_normal + np.array([0.3, -1.1])
referee(
    "Pythagoras: |y - Aw|^2 against |r|^2 + |A(w - ŵ)|^2",
    np.sum((y - A @ elsewhere) ** 2),
    r @ r + np.sum((A @ (elsewhere - by_normal)) ** 2),
)
referee("Aŵ against project_onto_columns", fitted, linear_algebra.project_onto_columns(jnp.array(y), jnp.array(A)))

# %% [markdown]
# ## 4. The weather of Seattle
#
# Four years, 2012 to 2015, measured by the United States' weather service. From each day that has a tomorrow we make one
# example: today's three measurements, and tomorrow's highest temperature.
#
# **The split.** We shall judge the forecast on days that the fit has not seen, the last fifth. *Last*, not any fifth: a
# forecast is about the future, and must be judged on days later than all that it was fitted to. Section 7 shows what becomes
# of the judgement otherwise.

# %%
weather = data.weather()
measured = np.column_stack([weather.temp_max, weather.temp_min, weather.precipitation])
today, tomorrow, dates = measured[:-1], weather.temp_max[1:], weather.dates[1:]
cut = len(tomorrow) - len(tomorrow) // 5

examples = cut_examples(weather, "test")  # the library's own way to the same examples
assert np.array_equal(examples.features, today)
assert np.array_equal(examples.truth, tomorrow)
assert examples.fitted == cut
print(f"fitted to: {cut} days, {dates[0]} to {dates[cut - 1]}")
print(f"held out:  {len(dates) - cut} days, {dates[cut]} to {dates[-1]}")
for name, values in zip(("highest (°C)", "lowest (°C)", "rain (mm)"), today[:cut].T, strict=True):
    print(
        f"{name:14} mean {values.mean():5.2f}   deviation {values.std():4.2f}   from {values.min():5.1f} to {values.max():.1f}"
    )

# %% [markdown]
# First with one column: today's highest alone. It is section 1 with 1,168 points.

# %%
slope = np.sum((today[:cut, 0] - today[:cut, 0].mean()) * (tomorrow[:cut] - tomorrow[:cut].mean()))
slope /= np.sum((today[:cut, 0] - today[:cut, 0].mean()) ** 2)
height = tomorrow[:cut].mean() - slope * today[:cut, 0].mean()
print(f"tomorrow = {slope:.3f} today + {height:.3f}")

figure, (series, scatter) = plt.subplots(1, 2, figsize=(10.5, 4.2), width_ratios=[1.7, 1])
series.plot(dates[:cut], tomorrow[:cut], color=GREY, linewidth=0.8, label="fitted to")
series.plot(dates[cut:], tomorrow[cut:], color=BLUE, linewidth=0.9, label="held out")
series.set(ylabel="highest temperature (°C)", title="Four years in Seattle", ylim=(-4, 44))
series.set_xticks(np.arange("2012", "2017", dtype="datetime64[Y]"), range(2012, 2017))
series.legend(loc="upper left", ncols=2)
scatter.plot(today[:cut, 0], tomorrow[:cut], ".", color=GREY, markersize=3, alpha=0.7)
grid = np.array([-2.0, 36])
scatter.plot(grid, grid, color=ORANGE, linewidth=1.6, label="as today")
scatter.plot(grid, slope * grid + height, color=BLUE, label=f"{slope:.2f} today + {height:.2f}")
scatter.set(xlabel="today (°C)", ylabel="tomorrow (°C)", title="Today and tomorrow", ylim=(-4, 44))
scatter.legend(loc="upper left")
plt.show()

# %% [markdown]
# The slope is below 1: after a day that is hotter than usual, the next is likely to be nearer to the usual again. This is
# called *regression to the mean*, and has given the method its name. The deviations of today and of tomorrow are alike, so
# the slope is their correlation, which is below 1 for any two quantities that do not determine each other.
#
# ## 5. Five roads to one answer
#
# Now with all three columns, and the ones. There are several ways from $A$ and $y$ to $\hat w$. On paper they are the same;
# on a computer, which rounds every number to 16 digits, they are not. We build each in NumPy, then compare with the library.
#
# **Road 1, the normal equation**: form $A^{\mathsf T} A$, four by four, and eliminate. (It is symmetric, and can be
# written as $L L^{\mathsf T}$ with $L$ zero above its diagonal; *Cholesky's* way, which saves half of the work.)

# %%
A = np.column_stack([today[:cut], np.ones(cut)])
y = tomorrow[:cut]

roads = {"normal equation": np.linalg.solve(A.T @ A, A.T @ y)}
print("   highest    lowest      rain         b")
print("".join(f"{weight:10.4f}" for weight in roads["normal equation"]))

# %% [markdown]
# Read the answer before going on. The first two weights sum to almost exactly 1, so the forecast is about
#
# $$\text{highest} - 0.22\,(\text{highest} - \text{lowest}) - 0.05\,\text{rain} + 1.9 .$$
#
# It is "as today" with a correction: after a day with a wide range between night and afternoon, expect a cooler one, and
# after a narrow range a warmer one. (That is what went together in these years; it does not say what causes what.)
#
# **Road 2, QR.** Every $A$ with independent columns is a product $Q R$, where the columns of $Q$ have length 1 and stand at
# right angles to each other ($Q^{\mathsf T} Q = I$), and $R$ is zero below its diagonal. (Gram and Schmidt: take from each column its
# shadow on those before it, and scale the rest to length 1. What was taken is written in $R$.) Then
#
# $$A^{\mathsf T} A w = A^{\mathsf T} y \;\Longleftrightarrow\; R^{\mathsf T} \underbrace{Q^{\mathsf T} Q}_{I} R\, w = R^{\mathsf T} Q^{\mathsf T} y
# \;\Longleftrightarrow\; \boxed{\;R\, w = Q^{\mathsf T} y\;}$$
#
# The last row of $R w = Q^{\mathsf T} y$ has one unknown, the row above it one more, and so on: solve from the bottom up. $A^{\mathsf T} A$ is
# never formed.


# %%
def solve_from_below(R, right):
    w = np.zeros(len(right))
    for row in reversed(range(len(right))):
        w[row] = (right[row] - R[row, row + 1 :] @ w[row + 1 :]) / R[row, row]
    return w


Q, R = np.linalg.qr(A)
roads["QR"] = solve_from_below(R, Q.T @ y)

# %% [markdown]
# **Road 3, SVD.** Every matrix whatever is $U \Sigma V^{\mathsf T}$: columns of $U$ and of $V$ at right angles and of length 1, and
# $\Sigma$ with the *singular values* $\sigma_1 \ge \sigma_2 \ge \dots \ge 0$ on its diagonal and nothing else. In words: $A$ turns the
# direction $v_i$ into the direction $u_i$ and stretches it by $\sigma_i$. To go back, divide:
#
# $$\hat w = V \Sigma^{-1} U^{\mathsf T} y = \sum_i \frac{u_i \cdot y}{\sigma_i}\, v_i .$$
#
# **The condition number.** Here one sees where digits are lost. An error in $y$ along $u_i$ is divided by $\sigma_i$, and the
# smallest, $\sigma_k$, makes the most of it. Relative to the size of things, the worst case is the factor
#
# $$\kappa(A) = \sigma_1 / \sigma_k ,$$
#
# the *condition number*. A computer rounds to a relative $\varepsilon \approx 10^{-16}$, so expect an error of about
# $\varepsilon\, \kappa$ in $\hat w$. And the normal equation? $A^{\mathsf T} A = V \Sigma^2 V^{\mathsf T}$ has the singular values
# $\sigma_i^2$, so its condition number is $\kappa^2$: **twice as many digits are lost before the solving begins.**

# %%
U, sigma, Vt = np.linalg.svd(A, full_matrices=False)
roads["SVD"] = Vt.T @ ((U.T @ y) / sigma)
print("singular values:", sigma.round(2).tolist())
print(f"condition number of A: {sigma[0] / sigma[-1]:.1f}; of A^T A: {np.linalg.cond(A.T @ A):.0f}")
referee("cond(A^T A) against cond(A)^2", np.linalg.cond(A.T @ A), (sigma[0] / sigma[-1]) ** 2)

# %% [markdown]
# For the weather $\kappa = 55$, and no road is in danger. To see the roads part we build matrices of our own, with any
# condition number that we like: random $U$ and $V$, and singular values from 1 down to $1/\kappa$. We choose $w$, set $y = A w$,
# and see how much of $w$ comes back.


# %%
def eliminate(square, right):
    try:
        return np.linalg.solve(square, right)
    except np.linalg.LinAlgError:  # by luck a pivot came out as exactly 0
        return np.full(len(right), np.nan)


normal_equation = jax.jit(partial(linear_algebra.least_squares_normal, intercept=False))
random = np.random.default_rng(0)
conditions = np.logspace(0, 14, 85)
errors = {"normal equation": [], "QR": [], "SVD": []}
refuses = []
for condition in conditions:
    left, _ = np.linalg.qr(random.normal(size=(50, 4)))
    right, _ = np.linalg.qr(random.normal(size=(4, 4)))
    B = left @ np.diag(condition ** -np.linspace(0, 1, 4)) @ right.T
    known = random.normal(size=4)
    target = B @ known
    q, triangle = np.linalg.qr(B)
    u, s, vt = np.linalg.svd(B, full_matrices=False)
    found = {
        "normal equation": eliminate(B.T @ B, B.T @ target),
        "QR": solve_from_below(triangle, q.T @ target),
        "SVD": vt.T @ ((u.T @ target) / s),
    }
    for name, answer in found.items():
        errors[name].append(np.linalg.norm(answer - known) / np.linalg.norm(known))
    fit = normal_equation(jnp.array(B), jnp.array(target))
    refuses.append(bool(jnp.isnan(fit.weights[0])))

figure, axes = plt.subplots(figsize=(8.5, 4.4))
for (name, values), colour, marker in zip(errors.items(), (RED, BLUE, GREEN), "so^", strict=True):
    axes.loglog(conditions, np.maximum(values, 1e-17), marker, color=colour, markersize=4.5, label=name)
axes.loglog(conditions[conditions < 4e8], 1.1e-16 * conditions[conditions < 4e8] ** 2, color=GREY, linewidth=1.2)
axes.loglog(conditions, 1.1e-16 * conditions, color=GREY, linewidth=1.2)
axes.text(3e4, 2e-6, r"$\varepsilon\,\kappa^2$", color=GREY, ha="right", fontsize=13)
axes.text(1e10, 4e-5, r"$\varepsilon\,\kappa$", color=GREY, ha="left", fontsize=13)
axes.axvline(conditions[refuses.index(True)], color=INK, linestyle=":", linewidth=1.4)
axes.text(
    conditions[refuses.index(True)] * 1.3, 1e-17, "from here on the library's\nnormal equation answers NaN", fontsize=10
)
axes.axvline(np.linalg.cond(A), color=ORANGE, linestyle="--", linewidth=1.4)
axes.text(np.linalg.cond(A) * 1.2, 1.0, "the weather", color=ORANGE, va="center")
axes.set(
    xlabel="condition number κ of A", ylabel="relative error of ŵ", ylim=(3e-18, 40), title="Digits lost on three roads"
)
axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()
middle = (conditions > 1e5) & (conditions < 1e7)
assert np.median(np.array(errors["normal equation"])[middle]) > 1e3 * np.median(np.array(errors["QR"])[middle])

# %% [markdown]
# **Road 4, ridge.** Let large weights cost something: minimise $|y - X w - b|^2 + \lambda |w|^2$ with some *strength*
# $\lambda > 0$. Here $X$ is $A$ without the ones, for the intercept $b$ shall cost nothing (section 7 shows why). As in section 1,
# the best $b$ is $\bar y - \bar x \cdot w$; what remains are centred columns, and the gradient $-2 X^{\mathsf T}(y - X w) + 2 \lambda w$. Zero at
#
# $$(X^{\mathsf T} X + \lambda I)\, w = X^{\mathsf T} y, \qquad\text{with the SVD of } X: \qquad
# w = \sum_i \frac{\sigma_i}{\sigma_i^2 + \lambda}\,(u_i \cdot y)\, v_i .$$
#
# Compare with road 3: $1/\sigma_i$ has become $\sigma_i / (\sigma_i^2 + \lambda)$. Where $\sigma_i^2 \gg \lambda$ that is the same; where
# $\sigma_i$ is near 0 it is near 0, and not near infinity. And as $\lambda \to 0$ it is least squares. How much a weight costs
# depends on the unit of its column (in metres, rain has a weight a thousand times larger), so *standardise* first: take from each
# column its mean and divide by its deviation.

# %%
mean, deviation = today[:cut].mean(axis=0), today[:cut].std(axis=0)
Z = (today[:cut] - mean) / deviation


def ridge_by_hand(strength):
    """Standardised weights; y.mean() is the intercept, for the columns of Z have mean 0."""
    u, s, vt = np.linalg.svd(Z, full_matrices=False)
    return vt.T @ (s / (s**2 + strength) * (u.T @ (y - y.mean())))


def in_units(standard, centre):
    """Weights of the columns as they are, and b: from Z w = X (w / deviation) - mean . (w / deviation)."""
    return np.append(standard / deviation, centre - mean @ (standard / deviation))


roads["ridge, λ = 1e-9"] = in_units(ridge_by_hand(1e-9), y.mean())
by_library = linear_algebra.ridge(jnp.array(Z), jnp.array(y), 300.0)
referee("ridge by hand against the library, λ = 300", ridge_by_hand(300.0), by_library.weights)
best_strength, tried = choose_strength(today[:cut], y)  # on the last quarter of the days that are fitted to

figure, (shrink, choice) = plt.subplots(1, 2, figsize=(10.5, 3.7))
strengths = np.logspace(-2, 6, 100)
paths = np.array([ridge_by_hand(strength) for strength in strengths])
for path, name, colour in zip(paths.T, ("highest", "lowest", "rain"), (RED, BLUE, GREEN), strict=True):
    shrink.semilogx(strengths, path, color=colour, label=name)
shrink.axhline(0, color=GREY, linewidth=0.8)
shrink.set(xlabel="strength λ", ylabel="weight, standardised (°C)", title="What ridge does to the weights")
shrink.legend()
choice.semilogx(list(tried), list(tried.values()), "o-", color=INK, markersize=5)
choice.plot(best_strength, tried[best_strength], "o", color=RED, markersize=9, label=f"least at λ = {best_strength:g}")
choice.set(xlabel="strength λ", ylabel="error (°C)", title="Error on 292 days kept back for the choice")
choice.legend()
plt.show()

# %% [markdown]
# The highest and the lowest go up and down together, and ridge makes them share. But with four unknowns and a thousand days
# there is nothing to tame: up to $\lambda = 10$ the error on the days kept back for the choice moves in its fourth digit.
# Ridge helps where columns are many, or nearly dependent.
#
# **Road 5, gradient descent.** Walk downhill: $w \leftarrow w - \eta\, \nabla L$ with $L = \frac{1}{2n}|y - A w|^2$, so that
# $\nabla L = -A^{\mathsf T} r / n = H (w - \hat w)$ with $H = A^{\mathsf T} A / n$. The distance from the answer obeys
#
# $$w - \hat w \;\leftarrow\; (I - \eta H)(w - \hat w) .$$
#
# Along the direction $v_i$ it is multiplied by $1 - \eta h_i$ at each step, with $h_i = \sigma_i^2/n$. With $\eta = 1/h_1$ the
# steepest direction is done at once, and the flattest keeps $1 - h_k / h_1 = 1 - 1/\kappa^2$. Again the condition number,
# squared! With $\kappa = 55$ each step removes one part in three thousand. Standardised columns all have the same length, and
# are at right angles to the ones: $\kappa$ falls to 4. This is why inputs are standardised before anything is learnt from them.


# %%
def walk(A, y, steps):
    n, w, path = len(y), np.zeros(A.shape[1]), []
    H = A.T @ A / n
    rate = 1 / np.linalg.eigvalsh(H)[-1]
    for _ in range(steps):
        path.append(w)
        w = w + rate * A.T @ (y - A @ w) / n
    path.append(w)
    return np.array(path)


standard_design = np.column_stack([Z, np.ones(cut)])
walked = walk(standard_design, y, 600)
roads["gradient descent"] = in_units(walked[-1, :3], walked[-1, 3])
raw = walk(A, y, 4000)

figure, axes = plt.subplots(figsize=(8.5, 3.8))
for path, design, colour, name in ((raw, A, RED, "as they are"), (walked, standard_design, BLUE, "standardised")):
    best = np.linalg.lstsq(design, y, rcond=None)[0]
    far = np.linalg.norm(path - best, axis=1) / np.linalg.norm(best)
    condition = np.linalg.cond(design)
    axes.semilogy(far, color=colour, label=f"columns {name}, κ = {condition:.0f}")
    line = far[200] * (1 - condition**-2.0) ** (np.arange(len(far)) - 200)
    axes.semilogy(line, color=INK, linestyle=":", linewidth=1.4)
    print(f"{name:12} keeps {far[300] / far[299]:.5f} of the distance a step; 1 - 1/κ² = {1 - condition**-2.0:.5f}")
    assert abs(far[300] / far[299] - (1 - condition**-2.0)) < 1e-3
axes.set(xlabel="step", ylabel="distance from ŵ, relative", xlim=(0, 4000), ylim=(1e-16, 20))
axes.set_title("Gradient descent to the weather's four numbers; dotted: 1 − 1/κ² a step")
axes.legend(loc="center right")
plt.show()

# %% [markdown]
# Why the shape of the valley matters is best seen with two unknowns. The library has the picture, for five points like
# those of section 1 (the condition number in it is that of $A^{\mathsf T} A$): a narrow valley crosswise to the walk, and a round bowl.

# %%
descent_path()

# %% [markdown]
# **All five arrive.** Each against QR, and our versions against the library's, which know nothing of the column of ones: they
# take out the means, as in section 1.

# %%
print(f"{'':18}   highest    lowest      rain         b")
for name, weights in roads.items():
    print(f"{name:18}" + "".join(f"{weight:10.5f}" for weight in weights))
for name, weights in roads.items():
    referee(f"{name} against QR", weights, roads["QR"], tolerance=1e-9)

solvers = {
    "least_squares_normal": linear_algebra.least_squares_normal,
    "least_squares_cholesky": linear_algebra.least_squares_cholesky,
    "least_squares_qr": linear_algebra.least_squares_qr,
    "least_squares_svd": linear_algebra.least_squares_svd,
}
for name, solver in solvers.items():
    fit = solver(jnp.array(today[:cut]), jnp.array(y))
    referee(f"our QR against the library's {name}", roads["QR"], jnp.append(fit.weights, fit.intercept))
referee("our walk against the library's, 300 steps", walked[:301, :3], descend(today[:cut], y).path)

# %% [markdown]
# ## 6. How good is it?
#
# The error of a forecast is a number of degrees. We report the *root mean square error*, RMSE $= \sqrt{\frac 1n \sum r_i^2}$, which is what
# least squares makes small on the days fitted to, now on the 292 days held out. A number alone says nothing; it needs something
# to stand against.
#
# * **The mean** of all days fitted to. Any forecast beats it.
# * **Climatology**: the mean of the days within 15 days of the same date, in the years fitted to. It knows the season, not today.
# * **Persistence**: tomorrow is as today. It knows today, and nothing else; it is hard to beat over one day.

# %%
ahead, truth = today[cut:], tomorrow[cut:]
forecasts = {
    "mean": np.full(len(truth), y.mean()),
    "climatology": climatology(dates[:cut], y, dates[cut:]),
    "persistence": ahead[:, 0],
    "least squares": np.column_stack([ahead, np.ones(len(truth))]) @ roads["QR"],
}
for name, said in forecasts.items():
    print(
        f"{name:14} RMSE {np.sqrt(np.mean((said - truth) ** 2)):.2f} °C    mean absolute error {np.mean(np.abs(said - truth)):.2f} °C"
    )
gain = rmse(forecasts["persistence"], truth) - rmse(forecasts["least squares"], truth)
assert round(rmse(forecasts["persistence"], truth), 2) == 3.06
assert round(rmse(forecasts["least squares"], truth), 2) == 2.93

# %% [markdown]
# 2.93 degrees against 3.06. So all of this has won **an eighth of a degree** (0.13). Is even that real? With other days we
# should have got other numbers. How much other? We have no other days, but we can pretend: draw 292 days out of ours *with
# replacement*, so that some come twice and some not at all, compute the gain, and do it again, 2,000 times. The spread of the
# gains so found is about the spread that other days would have brought. This is the **bootstrap**, and the middle 95 per cent
# are an interval for the gain.
#
# One thing matters: *both* forecasts are scored on the *same* drawn days. A day of wild weather is bad for both, and that
# common part leaves the difference. The interval of each RMSE alone is wide, and the two overlap almost wholly; the interval
# of their difference is far narrower.

# %%
random = np.random.default_rng(0)


def rmse_of(name, drawn):
    return np.sqrt(np.mean((forecasts[name][drawn] - truth[drawn]) ** 2, axis=-1))


drawn = random.integers(len(truth), size=(2000, len(truth)))
alone = {name: np.quantile(rmse_of(name, drawn), [0.025, 0.975]) for name in forecasts}
gains = rmse_of("persistence", drawn) - rmse_of("least squares", drawn)
low, high = np.quantile(gains, [0.025, 0.975])
for name in ("persistence", "least squares"):
    print(f"{name:14} 95 % interval of the RMSE from {alone[name][0]:.2f} to {alone[name][1]:.2f} °C")
print(
    f"gain {gain:.2f} °C, 95 % interval from {low:.2f} to {high:.2f} °C; of 2,000 gains {np.sum(gains < 0)} are below 0"
)


def gain_of(persistence, fit, truth):
    return jnp.sqrt(jnp.mean((persistence - truth) ** 2)) - jnp.sqrt(jnp.mean((fit - truth) ** 2))


columns = [jnp.array(values) for values in (forecasts["persistence"], forecasts["least squares"], truth)]
interval = statistics.bootstrap_interval(gain_of, *columns, key=jax.random.key(0))
print(f"the library, with dice of its own:      from {interval.low:.2f} to {interval.high:.2f} °C")
assert abs(interval.low - low) < 0.02
assert abs(interval.high - high) < 0.02
assert low > 0

# %% [markdown]
# Two more ways to ask the same. Neighbouring days resemble each other, so drawing single days might pretend to more knowledge than
# there is: draw whole fortnights in place of days. And without any drawing: the squared error that is saved on each day is one
# number a day, and their mean has a standard error, deviation over $\sqrt n$ (the test of Diebold and Mariano).

# %%
starts = random.integers(len(truth), size=(2000, -(-len(truth) // 14)))
fortnights = ((starts[..., None] + np.arange(14)) % len(truth)).reshape(2000, -1)[:, : len(truth)]
by_fortnight = np.quantile(rmse_of("persistence", fortnights) - rmse_of("least squares", fortnights), [0.025, 0.975])
print(f"drawing fortnights: from {by_fortnight[0]:.2f} to {by_fortnight[1]:.2f} °C")
saved = (forecasts["persistence"] - truth) ** 2 - (forecasts["least squares"] - truth) ** 2
print(f"saved a day: {saved.mean():.2f} °C², standard error {saved.std(ddof=1) / np.sqrt(len(saved)):.2f}")
referee(
    "by the library", (saved.mean(), saved.std(ddof=1) / np.sqrt(len(saved))), advantage(columns[1], columns[0], truth)
)

# %%
figure, (scores, margin, running) = plt.subplots(1, 3, figsize=(11, 3.9), width_ratios=[1.5, 0.8, 1.5])
for place, (name, colour) in enumerate({"climatology": GREEN, "persistence": ORANGE, "least squares": BLUE}.items()):
    scores.plot([place, place], alone[name], color=colour, linewidth=6, alpha=0.35, solid_capstyle="butt")
    scores.plot(place, rmse(forecasts[name], truth), "o", color=colour, markersize=8)
    scores.text(place, alone[name][1] + 0.06, f"{rmse(forecasts[name], truth):.2f}", ha="center", color=colour)
scores.set(xticks=[0, 1, 2], xlim=(-0.6, 2.6), ylim=(2, 4.7), ylabel="RMSE (°C)", title="Each alone")
scores.set_xticklabels(["climatology", "persistence", "least squares"], fontsize=9.5)
margin.hist(gains, bins=40, color=BLUE, alpha=0.5)
margin.axvline(0, color=INK, linewidth=1.2)
margin.plot([low, high], [-8, -8], color=BLUE, linewidth=5, solid_capstyle="butt")
margin.set(xlabel="gain in RMSE (°C)", yticks=[], title="The difference", ylim=(-16, None))
margin.spines["left"].set_visible(False)
running.plot(dates[cut:], np.cumsum(saved), color=BLUE)
running.axhline(0, color=INK, linewidth=1)
running.set(ylabel="squared error saved so far (°C²)", title="Where the gain comes from")
running.set_xticks(
    np.array(["2015-04", "2015-07", "2015-10", "2016-01"], "datetime64[D]"), ["Apr", "Jul", "Oct", "Jan"]
)
plt.show()

# %% [markdown]
# So the gain is there, but thin: somewhere between three hundredths and a quarter of a degree, in errors of three degrees, and
# measured by the mean absolute error it is 0.02. It is won in some weeks and lost again in others. Whoever reports
# "RMSE 2.93 °C" and no more has said nothing false, and left out all that matters.
#
# **What is left.** A forecast that has used all that there is to be used leaves residuals without a pattern. The library draws
# them in three ways:

# %%
all_forecasts = np.column_stack([today, np.ones(len(today))]) @ roads["QR"]
plot.residuals(
    dates, tomorrow, all_forecasts, held_out=dates[cut], name="least squares", quantity="highest temperature (°C)"
)

# %% [markdown]
# Day by day they look like noise. By month they do not: in summer the truth is above the forecast, in winter below. The fit
# pulls every hot day towards the mean of the *year*, since it does not know that it is July. There is something to be won:
# two more columns, the sine and the cosine of the day's angle in the year.

# %%
angle = 2 * np.pi * (dates - dates.astype("datetime64[Y]")).astype(float) / 365.25
with_season = np.column_stack([today, np.sin(angle), np.cos(angle), np.ones(len(today))])
season_fit = np.linalg.lstsq(with_season[:cut], y, rcond=None)[0]
seasonal = with_season[cut:] @ season_fit
print(
    f"with the season: RMSE {rmse(seasonal, truth):.2f} °C, against {rmse(forecasts['persistence'], truth):.2f} of persistence"
)
better = advantage(seasonal, forecasts["least squares"], truth)
print(f"squared error saved on top of least squares: {better[0]:.2f} °C² a day, standard error {better[1]:.2f}")

# %% [markdown]
# That wins as much again as the three columns had won, and more. But mind how we came by it: a look at residuals that include
# the held-out days. They are no longer quite unseen. (Here the pattern is as plain on the days fitted to, which is where one
# should look.)
#
# ## 7. What goes wrong
#
# ### A random split of a time series
#
# In many courses the examples are shuffled before the split. Here is a forecaster who has read no measurement at all. It looks up the
# *date*, takes the two nearest days of which it was told the truth, and says their mean.


# %%
def nearest_two(known, asked):
    """The mean of the truth on the two known days that are nearest in time."""
    nearest = np.argsort(np.abs(asked[:, None] - known[None, :]), axis=1, kind="stable")[:, :2]
    return tomorrow[known][nearest].mean(axis=1)


number = np.arange(len(tomorrow))
design = np.column_stack([today, np.ones(len(today))])


def judged(known, asked):
    """RMSE of persistence, least squares and the forecaster who looks up the date."""
    fit = np.linalg.lstsq(design[known], tomorrow[known], rcond=None)[0]
    said = today[asked, 0], design[asked] @ fit, nearest_two(known, asked)
    return [rmse(forecast, tomorrow[asked]) for forecast in said]


shuffles = [np.random.default_rng(seed).permutation(len(tomorrow)) for seed in range(20)]
at_random = np.mean([judged(shuffle[:cut], shuffle[cut:]) for shuffle in shuffles], axis=0)
in_time = judged(number[:cut], number[cut:])
names = ("persistence", "least squares", "looks up the date")
for name, shuffled, honest in zip(names, at_random, in_time, strict=True):
    print(f"{name:18} shuffled {shuffled:.2f} °C   in the order of time {honest:.2f} °C")
assert at_random[2] < at_random[1]
assert in_time[2] > 2 * in_time[1]

figure, axes = plt.subplots(figsize=(8.5, 3.4))
for place, (shuffled, honest, colour) in enumerate(zip(at_random, in_time, (ORANGE, BLUE, RED), strict=True)):
    axes.barh(place - 0.2, shuffled, height=0.36, color=colour, alpha=0.45)
    axes.barh(place + 0.2, honest, height=0.36, color=colour)
    axes.text(shuffled + 0.1, place - 0.2, f"{shuffled:.2f}  shuffled, mean of 20", va="center", fontsize=10)
    axes.text(honest + 0.1, place + 0.2, f"{honest:.2f}  in the order of time", va="center", fontsize=10)
axes.set(yticks=[0, 1, 2], yticklabels=names, xlabel="RMSE on the held-out days (°C)", xlim=(0, 11))
axes.set_title("The same forecasters, judged in two ways")
axes.invert_yaxis()
plt.show()

# %% [markdown]
# Shuffled, it beats everybody. Of course: of most held-out days it was told the day before *and the day after*. It fills gaps,
# it does not forecast. Asked about a future, it knows one date, the last, and is as bad as the mean of the year. Our four weights
# could hardly profit from the leak; a network, a forest or a method of nearest neighbours, given anything that betrays the date, does
# so at once. Nobody notices until the model is used.
#
# ### The same column twice
#
# Someone adds the highest temperature in Fahrenheit, $F = 1.8\, C + 32$. It says nothing new: it *is* a combination of two
# columns, $C$ and the ones. So $A v = 0$ for a $v \ne 0$, the bowl of section 2 is a trough, and no lowest point is *the* lowest.
# $A^{\mathsf T} A$ has no inverse. But rounding makes its zeros into something like $10^{-12}$, and the formula that is printed in most
# books, $\hat w = (A^{\mathsf T} A)^{-1} A^{\mathsf T} y$, typed in as it stands, inverts that without a word. To see how much of the
# outcome is rounding, we fit to the first $n$ days, for many $n$.

# %%
twice = np.column_stack([today[:cut], 1.8 * today[:cut, 0] + 32, np.ones(cut)])
counts = np.arange(100, cut + 1, 8)
plain, sound = [], []
for n in counts:
    part, target = twice[:n], y[:n]
    try:
        wild = np.linalg.inv(part.T @ part) @ (part.T @ target)
    except np.linalg.LinAlgError:  # by luck a pivot came out as exactly 0
        wild = np.full(5, np.nan)
    plain.append(rmse(part @ wild, target))
    sound.append(rmse(part @ np.linalg.lstsq(part, target, rcond=None)[0], target))  # lstsq works by the SVD
plain, sound = np.array(plain), np.array(sound)
fit = linear_algebra.least_squares_svd(jnp.array(twice[:, :4]), jnp.array(y))
print(f"the library's SVD finds {fit.rank} independent columns among the four, beside the ones")
referee(
    "and fits as well", rmse(twice[:, :4] @ np.array(fit.weights) + float(fit.intercept), y), rmse(A @ roads["QR"], y)
)
print(
    f"of {len(counts)} fits by the plain inverse {np.nansum(plain > 1.1 * sound)} are off by more than a tenth of the error"
)
assert np.nanmax(plain / sound) > 2
assert sound.max() < 3.5

figure, axes = plt.subplots(figsize=(8.5, 3.5))
axes.semilogy(counts, plain, ".", color=RED, markersize=5, label=r"$(A^\mathsf{T}A)^{-1}A^\mathsf{T}y$, as printed")
axes.semilogy(counts, sound, color=BLUE, label="SVD")
axes.set(xlabel="number of days fitted to", ylabel="RMSE on these very days (°C)", title="The same column twice")
axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# The red points should lie on the blue line; on the days fitted to, nothing can be better than least squares. Where they fall is
# decided by rounding, and will differ from computer to computer. What do sound solvers do? Some *refuse*: the normal equation,
# Cholesky and QR of the library measure how near the columns are to dependent, and answer NaN, which nobody can mistake for a
# forecast. Others have an answer that makes sense: the SVD leaves the direction $v$ out and gives, of all best fits, the one with
# the smallest weights; ridge makes the direction cost; gradient descent from 0 never enters it.

# %%
for fit in dependent_fits(examples, best_strength):
    if fit.name in ("plain inverse", "QR, unchecked"):  # decided by rounding: not the same on every computer
        continue
    said = "refused" if fit.refused else f"RMSE fitted to {fit.residual:.3f} °C, held out {fit.rmse:.3f} °C"
    print(f"{fit.name:18} {said}")
    assert fit.refused or abs(fit.rmse - rmse(forecasts["least squares"], truth)) < 1e-2

# %% [markdown]
# ### A price on the intercept
#
# Ridge with the ones among the columns, $(A^{\mathsf T} A + \lambda I)\, w = A^{\mathsf T} y$, is one line shorter than ridge done right. It also
# makes $b$ cost, and $b$ is the mean of the temperatures. Temperatures have no natural zero: should the forecast change because
# someone writes kelvin in place of degrees Celsius? With standardised columns the $b$-equation stands alone,
# $(n + \lambda)\, b = \sum_i y_i$, so that every forecast is too low by the part $\lambda / (n + \lambda)$ of the mean.

# %%
strengths = np.logspace(0, 3, 40)
ahead_standard = (ahead - mean) / deviation


def priced(strength, shift):
    """RMSE in °C of ridge that makes b cost, with temperatures that are shifted, as kelvin are by 273.15."""
    design = np.column_stack([Z, np.ones(cut)])
    w = np.linalg.solve(design.T @ design + strength * np.eye(4), design.T @ (y + shift))
    return rmse(np.column_stack([ahead_standard, np.ones(len(truth))]) @ w - shift, truth)


def free(strength, shift):
    fit = linear_algebra.ridge(jnp.array(Z), jnp.array(y + shift), strength)
    return rmse(np.array(linear_algebra.predict(fit, jnp.array(ahead_standard))) - shift, truth)


kelvin, celsius = ([priced(strength, shift) for strength in strengths] for shift in (273.15, 0.0))
figure, axes = plt.subplots(figsize=(8.5, 3.6))
axes.loglog(strengths, kelvin, color=RED, label="b costs, kelvin")
axes.loglog(strengths, celsius, color=ORANGE, linestyle="--", label="b costs, °C")
axes.loglog(strengths, [free(strength, 0.0) for strength in strengths], color=BLUE, label="b is free, any scale")
axes.set(xlabel="strength λ", ylabel="RMSE, held out (°C)", title="What the zero of the thermometer does")
axes.set_yticks([3, 5, 10, 30, 100], ["3", "5", "10", "30", "100"])
axes.minorticks_off()
axes.legend(loc="upper left")
plt.show()
referee("b free: kelvin against °C", free(30.0, 273.15), free(30.0, 0.0))
predicted = (y.mean() + 273.15) * 30 / (cut + 30)
print(
    f"λ = 30 in kelvin: RMSE {priced(30.0, 273.15):.2f} °C; by the formula every forecast is {predicted:.2f} °C too low"
)
assert priced(30.0, 273.15) > 2 * free(30.0, 273.15)

# %% [markdown]
# ## 8. Three exercises
#
# Fill in the functions and run the cells; each checks your answer and says `right`, or how far off it is. Solutions stand
# at the end.
#
# **Exercise 1. Days that count more.** The weather of last year may say more than that of four years ago. Give each day $i$ a
# number $c_i > 0$ and minimise $\sum_i c_i (y_i - (A w)_i)^2$. Derive the equation for $w$ as in section 2, and return $w$.


# %%
def weighted_fit(A, y, c):
    return None  # your lines here


def verdict(answer, true, tolerance=1e-8):
    """Compare without failing: right, not yet, or how far off."""
    if answer is None:
        return "not yet: return your answer in place of None"
    if np.shape(answer) != np.shape(true):
        return f"not yet: the shape is {np.shape(answer)}, it should be {np.shape(true)}"
    apart = float(np.max(np.abs(np.asarray(answer) - np.asarray(true))))
    return "right" if apart < tolerance else f"not yet: off by as much as {apart:.2g}"


def check_weighted(answer):
    c = 0.5 ** ((cut - np.arange(cut)) / 365)  # a year back counts half
    root = np.sqrt(c)  # c r^2 = (root r)^2: ordinary least squares for rows scaled by the root
    return verdict(answer(A, y, c), np.linalg.lstsq(root[:, None] * A, root * y, rcond=None)[0])


print(check_weighted(weighted_fit))

# %% [markdown]
# **Exercise 2. Ridge with a solver that has never heard of it.** Append rows to $A$ and numbers to $y$ such that *ordinary* least
# squares of the longer table is ridge with strength $\lambda$, the last column (the ones) being free. Return both. (Hint: each new row
# adds one square to the sum. Which square is missing?)


# %%
def longer_table(A, y, strength):
    return None  # your lines here: return longer_A, longer_y


def check_longer(answer):
    table = answer(standard_design, y, 50.0)
    if table is None:
        return verdict(None, None)
    fit = linear_algebra.ridge(jnp.array(Z), jnp.array(y), 50.0)
    return verdict(np.linalg.lstsq(*table, rcond=None)[0], np.append(fit.weights, fit.intercept))


print(check_longer(longer_table))

# %% [markdown]
# **Exercise 3. Every day held out, at the price of one fit.** Leave out day $i$, fit to all others, and forecast it: what is the
# error? Doing this for all days means 1,168 fits. But the shadow knows: $\hat y = P y$ with $P = Q Q^{\mathsf T}$, and the error of the
# forecast that has not seen day $i$ is $r_i / (1 - P_{ii})$. Return these errors for all days, without a loop and without making
# the $n \times n$ matrix $P$. ($P_{ii}$ is called the *leverage* of the day: how much of its own forecast it makes. To derive
# the formula, ask what $y_i$ would have to be for its own residual to change nothing.)


# %%
def left_out_errors(A, y):
    return None  # your lines here


def check_left_out(answer):
    few, target = A[::20], y[::20]
    true = np.empty(len(few))
    for i in range(len(few)):
        others = np.arange(len(few)) != i
        true[i] = target[i] - few[i] @ np.linalg.lstsq(few[others], target[others], rcond=None)[0]
    return verdict(answer(few, target), true)


print(check_left_out(left_out_errors))

# %% [markdown]
# ### Solutions
#
# Open the next cell when you have tried.


# %% jupyter={"source_hidden": true}
def weighted_solution(A, y, c):
    # dL/dw_j = -2 sum_i c_i r_i A_ij = 0:  A^T C A w = A^T C y with C the diagonal matrix of the c_i
    return np.linalg.solve(A.T @ (c[:, None] * A), A.T @ (c * y))


def longer_solution(A, y, strength):
    # lambda w_j^2 = (0 - sqrt(lambda) w_j)^2: a row with sqrt(lambda) in column j and 0 elsewhere, whose y is 0.
    # No such row for the last column.
    width = A.shape[1] - 1
    rows = np.sqrt(strength) * np.eye(width, width + 1)
    return np.concatenate([A, rows]), np.concatenate([y, np.zeros(width)])


def left_out_solution(A, y):
    # Let f be the forecast of day i by the others. Put f in place of y_i: its residual is then 0, so nothing changes by
    # fitting to it as well, and row i of P gives f. Now put y_i back: f + P_ii (y_i - f) = yhat_i, and so
    # r_i = y_i - yhat_i = (1 - P_ii)(y_i - f).
    Q, R = np.linalg.qr(A)
    leverage = np.sum(Q**2, axis=1)
    return (y - A @ np.linalg.solve(R, Q.T @ y)) / (1 - leverage)


answers = (check_weighted(weighted_solution), check_longer(longer_solution), check_left_out(left_out_solution))
for number, answer in enumerate(answers, start=1):
    print(f"exercise {number}: {answer}")
assert answers == ("right",) * 3
print(f"each day of all left out once: RMSE {np.sqrt(np.mean(left_out_solution(A, y) ** 2)):.3f} °C")

# %% [markdown]
# ## 9. What was proved
#
# * **Least squares twice**: the gradient is $-2 A^{\mathsf T} r$, and vanishes where the residual is perpendicular to every column;
#   Pythagoras shows without a derivative that nothing is nearer. Checked against `jax.grad`, `jax.hessian` and a projection.
# * **Five roads**: normal equation, QR, SVD, ridge as $\lambda \to 0$, gradient descent, each built here, arrive at the same four numbers,
#   and at those of the library.
# * **The condition number** is the factor by which rounding grows: $\kappa$ for QR and SVD, $\kappa^2$ for the normal equation, and
#   $1 - 1/\kappa^2$ is what a step of gradient descent leaves. Measured, each.
# * **The weather**: RMSE 2.93 °C against 3.06 °C of persistence. The gain of 0.13 °C has an interval of 95 per cent from about 0.03 to
#   0.23, and another kind of drawing and a test without any agree that it is not chance.
# * And what proves *nothing*: an error without a baseline beside it; two intervals compared by eye where the errors are paired; a
#   score on shuffled days; a solver that returns numbers.
#
# **Where it stands in the source.** Each file opens with its formula and the derivation.
#
# | In this lesson | In the package |
# |---|---|
# | Normal equation, Cholesky, QR, SVD | [`least_squares.py`](../src/chainrule/maths/linear_algebra/least_squares.py) |
# | Ridge | [`ridge.py`](../src/chainrule/maths/linear_algebra/ridge.py) |
# | Gradient descent | [`descent.py`](../src/chainrule/maths/linear_algebra/descent.py) |
# | The shadow | [`projection.py`](../src/chainrule/maths/linear_algebra/projection.py) |
# | The bootstrap | [`bootstrap.py`](../src/chainrule/maths/statistics/bootstrap.py) |
# | The days; examples; climatology | [`data/weather.py`](../src/chainrule/data/weather.py), [`weather_linear.py`](../src/chainrule/recipes/weather_linear.py), [`weather_baselines.py`](../src/chainrule/recipes/weather_baselines.py) |
# | Everything with a small network beside it | `chainrule train weather`: [`weather_comparison.py`](../src/chainrule/recipes/weather_comparison.py) |
#
# **Sources.**
#
# * G. Strang, *Introduction to Linear Algebra*, Wellesley-Cambridge Press, chapter 4: projections and least squares.
# * G. Golub and C. Van Loon, *Matrix Computations*, Johns Hopkins University Press, 4th edition 2013, chapter 5: QR, SVD, and which digits
#   are lost.
# * A. Hoerl and R. Kennard, *Ridge regression: biased estimation for nonorthogonal problems*, Technometrics 12, 1970.
# * B. Efron and R. Tibshirani, *An Introduction to the Bootstrap*, Chapman and Hall, 1993.
# * F. Diebold and R. Mariano, *Comparing predictive accuracy*, Journal of Business and Economic Statistics 13, 1995.
# * The data: National Oceanic and Atmospheric Administration, Global Historical Climatology Network, public domain, as `vega_datasets`
#   carries it.
