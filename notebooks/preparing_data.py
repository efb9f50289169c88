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
# # Preparing data
#
# A network takes a matrix of numbers, a row an example, and wants them all to be of about the same size. What we are
# given is a table: euros beside metres, cells that nobody filled in, words, a comma that slipped, a column that says
# the same everywhere, a number that names the row, and one column that knows the answer already.
#
# **The question of this lesson:** how does the one become the other, so that learning is fast, nothing is made up that
# was not there, and the score that we print is the score that we shall get?
#
# Each step is short. What is hard is that hardly any mistake here stops the program: it runs, and prints a number that
# is too good. So each step is derived, drawn, and checked against an answer found in another way. You need: what a
# mean and a derivative are, what a matrix product is, and a little Python.
#
# | | |
# |---|---|
# | 1 | A table that is dirty in every way |
# | 2 | Scale, and the speed of learning |
# | 3 | Learn from the training rows alone |
# | 4 | Missing cells |
# | 5 | Categories |
# | 6 | Outliers |
# | 7 | Which rows to hold out |
# | 8 | Batches, and the last one |
# | 9 | All of it together |
# | 10 | What goes wrong |
# | 11 | Three exercises |
# | 12 | What was proved |

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from chainrule import data, losses, models, optim, train
from chainrule.data import preprocessing as prep
from chainrule.data.batches import batches
from chainrule.data.tables import Table

# %matplotlib inline
# %config InlineBackend.print_figure_kwargs = {"bbox_inches": None}

BLUE, ORANGE, GREEN, RED, GREY, INK = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#8a8a8a", "#222222"
plt.rcParams.update(
    {
        "figure.dpi": 78,
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


def referee(what, ours, other, tolerance=1e-12):
    """Print how far two answers are apart, relative to the largest number; stop at more than the tolerance."""
    ours, other = np.asarray(ours), np.asarray(other)
    assert ours.shape == other.shape, f"{what}: shapes {ours.shape} and {other.shape}"
    apart = np.max(np.abs(ours - other)) / np.max(np.abs(other))
    print(f"{what:58} {'agree' if apart <= tolerance else 'DISAGREE'} to {tolerance:.0e}")
    assert apart <= tolerance, f"{what}: {apart:.1e} apart"


# %% [markdown]
# ## 1. A table that is dirty in every way
#
# Twelve hundred houses, and what it cost to heat each of them for a year. The table is invented, and that is its use:
# we know the law behind it and every cell that we spoil, so each claim below can be checked. The law: a house loses
# heat in proportion to its area, the less the thicker its insulation; the people in it use hot water; and what burns
# has a price.
#
# $$\text{bill} = \text{price} \cdot \Bigl[\,\text{area} \cdot \Bigl(40 + \frac{160}{1 + \text{insulation}/0.05}\Bigr) + 600 \cdot
# \text{residents}\Bigr] \cdot \text{chance},$$
#
# in euros; the bracket is in kilowatt-hours, the area in square metres, the insulation in metres.


# %%
def houses(n=1200):
    """A clean table of houses, in the order in which they were recorded."""
    random = np.random.default_rng(7)
    day = np.sort(random.integers(0, 3 * 365, n))
    built = np.round(random.uniform(1900, 2020, n))
    insulation = np.maximum(0.03 + 0.17 * ((built - 1900) / 120) ** 2 + random.normal(0, 0.015, n), 0.01)
    area = np.exp(random.normal(np.log(95), 0.33, n))
    residents = np.clip(np.round(area / 40 + random.normal(0, 0.9, n)), 1, 6)
    value = area * np.exp(random.normal(np.log(3800), 0.3, n))
    heating = random.choice(np.array(["gas", "heat pump", "oil"], object), n, p=[0.5, 0.2, 0.3])
    heating[(day > 920) & (random.random(n) < 0.12)] = "pellets"  # sold from the third summer on
    price = np.vectorize({"gas": 0.11, "heat pump": 0.06, "oil": 0.14, "pellets": 0.08}.get)(heating)
    need = area * (40 + 160 / (1 + insulation / 0.05)) + 600 * residents
    bill = price * need * np.exp(random.normal(0, 0.06, n))
    columns = {
        "house": np.array([f"H{1000 + 7 * i}" for i in range(n)], object),
        "date": (np.datetime64("2021-01-01") + day).astype("datetime64[s]"),
        "area": area,
        "insulation": insulation,
        "built": built,
        "residents": residents,
        "value": value,
        "meters": np.ones(n),
        "heating": heating,
        "advance": np.round(bill / 12 * np.exp(random.normal(0, 0.02, n))),  # what the supplier asks for, a month
        "bill": bill,
    }
    return Table(columns, "houses")


clean = houses()
random = np.random.default_rng(8)
n = len(clean)
spoilt = {name: column.copy() for name, column in clean.columns.items()}

unknown = random.random(n) < np.where(clean["built"] < 1960, 0.35, 0.1)  # who lives in an old house often does not know
spoilt["insulation"][unknown] = np.nan
spoilt["residents"][random.random(n) < 0.06] = np.nan
slipped = random.random(n) < 0.015
spoilt["area"][slipped] *= 10  # 87.5 was typed as 875

table = Table(spoilt, "houses")
print(f"{'column':11} {'kind':9} {'missing':>8} {'distinct':>9}   example")
for name in table.names:
    column, gone = table[name], table.missing(name)
    example = column[~gone][0]
    shown = f"{example:.4g}" if table.kinds[name] == "number" else str(example)[:10]
    print(f"{name:11} {table.kinds[name]:9} {gone.sum():8} {len(set(column[~gone].tolist())):9}   {shown}")

# %% [markdown]
# Read a table like this before anything is computed from it, column by column, with four questions.
#
# * **Does it vary?** `meters` is 1 in every row. It says nothing, and to divide by its deviation is to divide by 0.
# * **Is it a name?** `house` has 1,200 values in 1,200 rows. A network can learn the bills by these names, and knows
#   nothing about the next house. (`built` has many values, too, but neighbouring years are alike; neighbouring names
#   are not.)
# * **Will it be known when it is needed?** `advance` is what the supplier asks for each month, *computed from the
#   bill*. At the moment when we want to forecast the bill it does not exist. This is a **leak**, and section 10 shows
#   what it does.
# * **What is its unit, and what is missing?** The numbers first, in the picture.

# %%
numbers = ("area", "insulation", "built", "residents", "value")
figure, (sizes, gaps) = plt.subplots(1, 2, figsize=(10.5, 3.6), width_ratios=[1.5, 1])
units = {"area": "m²", "insulation": "m", "built": "year", "residents": "", "value": "€"}
for place, name in enumerate(numbers):
    column = table[name][~table.missing(name)]
    low, middle, high = np.percentile(column, [1, 50, 98])
    sizes.plot([low, high], [place, place], color=BLUE, linewidth=9, solid_capstyle="round")
    sizes.plot(middle, place, "o", color="white", markersize=5)
    if name == "area":
        wild = column[column > 400]
        sizes.plot(wild, np.full(len(wild), place), ".", color=RED)
        sizes.text(wild.max() * 1.6, place, "a comma slipped", color=RED, va="center", fontsize=10)
labels = [f"{name} ({units[name]})" if units[name] else name for name in numbers]
sizes.set(
    xscale="log",
    yticks=range(len(numbers)),
    yticklabels=labels,
    xlabel="from the 1st to the 98th hundredth of the rows",
)
sizes.set_title("Scales that differ by a million")
sizes.invert_yaxis()
share = [100 * table.missing(name).mean() for name in numbers]
gaps.barh(range(len(numbers)), share, color=ORANGE)
for place, value in enumerate(share):
    gaps.text(value + 0.4, place, f"{value:.0f} %", va="center", fontsize=10)
gaps.set(
    yticks=range(len(numbers)), yticklabels=numbers, xlabel="share of the cells (%)", xlim=(0, 27), title="Missing"
)
gaps.invert_yaxis()
plt.show()

# %% [markdown]
# **Rows are held out first of all**, before we look any closer. We want to forecast bills of houses that come *after*
# those that we know, so the last fifth of them, by date, is put away. (Section 7 is about that choice.) As it happens,
# that is where the pellet stoves are: a category that the training rows do not have, as will happen to any program
# that is used for long.

# %%
train_rows, held_rows = data.chronological_split(table["date"], 240)
known, held = table.rows(train_rows), table.rows(held_rows)
last, first = (day.astype("datetime64[D]") for day in (known["date"].max(), held["date"].min()))
print(f"train {len(known)} rows, up to {last}; held out {len(held)}, from {first}")
for name, rows in (("train", known), ("held out", held)):
    print(f"{name:9}", {kind: int(np.sum(rows["heating"] == kind)) for kind in sorted(set(table["heating"]))})
assert "pellets" not in set(known["heating"])
assert "pellets" in set(held["heating"])


def matrix(rows, *names):
    """Columns of numbers, side by side: float64[n, columns]."""
    return np.stack([rows[name] for name in names], axis=1)


# %% [markdown]
# ## 2. Scale, and the speed of learning
#
# Why should it matter whether a house has 95 square metres or 9.5 of ten? To a formula it does not: a weight ten times
# as large undoes it. But the weights have to be *found*, step by step downhill, and there it matters more than
# anything else.
#
# Take the simplest case, least squares with $X$ of $n$ rows and $k$ columns (means taken out, so that no intercept is
# needed),
#
# $$L(w) = \frac{1}{2n} |X w - y|^2, \qquad \nabla L = \frac1n X^{\mathsf T} (X w - y) = H (w - \hat w), \qquad H = \frac1n X^{\mathsf T} X ,$$
#
# where $\hat w$ is the lowest point, at which the gradient vanishes. A step $w \leftarrow w - \eta\, \nabla L$
# therefore changes the distance $e = w - \hat w$ to
#
# $$e \;\leftarrow\; (I - \eta H)\, e .$$
#
# $H$ is symmetric, so it has $k$ perpendicular eigenvectors, with eigenvalues $h_1 \ge \dots \ge h_k > 0$. Along the
# $i$-th, $H$ is multiplication by $h_i$, and each step multiplies that part of the distance by $1 - \eta h_i$. The
# walk is as slow as its slowest part:
#
# $$\rho(\eta) = \max_i |1 - \eta h_i| = \max\bigl(|1 - \eta h_1|,\; |1 - \eta h_k|\bigr),$$
#
# for $1 - \eta h$ is a straight line in $h$, and a straight line is largest in size at one of its ends. Now choose
# $\eta$. A larger one makes $1 - \eta h_k$ smaller, which is good for the flattest direction; beyond $\eta = 1/h_1$ it
# makes $\eta h_1 - 1$ larger, which is bad for the steepest. The best is where the two are equal:
#
# $$1 - \eta h_k = \eta h_1 - 1 \quad\Longrightarrow\quad \eta = \frac{2}{h_1 + h_k}, \qquad
# \boxed{\;\rho = \frac{h_1 - h_k}{h_1 + h_k} = \frac{\kappa - 1}{\kappa + 1} = 1 - \frac{2}{\kappa + 1}, \qquad \kappa = \frac{h_1}{h_k}\;}$$
#
# with the **condition number** $\kappa$ of $X^{\mathsf T} X$. No constant step does better. To halve the distance
# takes $\ln 2 / (-\ln \rho) \approx 0.35\, \kappa$ steps. (With the gentler $\eta = 1/h_1$ of the lesson on regression
# it is twice that.)
#
# **And where does $\kappa$ come from?** From the units, mostly. The diagonal of $H$ holds the mean squares of the
# columns, $s_j^2$, and for any unit vector $v$ the number $v^{\mathsf T} H v$ lies between $h_k$ and $h_1$; with $v$
# along an axis it is $s_j^2$. So
#
# $$\kappa \;\ge\; \frac{\max_j s_j^2}{\min_j s_j^2} .$$
#
# Euros beside metres, a ratio of a million, make $\kappa$ at least $10^{12}$. Divide each column by its deviation, and
# that bound is 1; what is left is correlation. For two columns with correlation $r$,
#
# $$H = \begin{pmatrix} 1 & r \\ r & 1 \end{pmatrix}, \qquad h = 1 \pm |r|, \qquad
# \rho = \frac{(1 + |r|) - (1 - |r|)}{(1 + |r|) + (1 - |r|)} = |r| .$$
#
# A walk with two standardised columns keeps exactly $|r|$ of the distance at each step. Let us see: two columns of our
# table (the clean one, for now), the area in units of ten square metres and the number of residents; then the same
# standardised.


# %%
def descend(X, y, steps):
    """Gradient descent with the best constant step; returns the path, the lowest point and the rate."""
    H = X.T @ X / len(X)
    eigenvalues = np.linalg.eigvalsh(H)
    best = np.linalg.solve(H, X.T @ y / len(X))
    step = 2 / (eigenvalues[0] + eigenvalues[-1])
    path = [np.zeros(X.shape[1])]
    for _ in range(steps):
        path.append(path[-1] - step * X.T @ (X @ path[-1] - y) / len(X))
    kappa = eigenvalues[-1] / eigenvalues[0]
    return np.array(path), best, kappa


def centred(x):
    return x - x.mean(axis=0)


rows = clean.rows(train_rows)
y = centred(rows["bill"])
pair = centred(matrix(rows, "area", "residents"))
designs = {
    "area in m²": pair,
    "area in 10 m²": pair / [10, 1],
    "standardised": pair / pair.std(axis=0),
}
correlation = np.corrcoef(pair.T)[0, 1]
walks = {}
for name, X in designs.items():
    path, best, kappa = walks[name] = descend(X, y, 400)
    far = np.linalg.norm(path - best, axis=1)
    predicted = 1 - 2 / (kappa + 1)
    print(f"{name:14} κ = {kappa:7.1f}   a step keeps {far[11] / far[10]:.6f}, predicted {predicted:.6f}")
    assert abs(far[11] / far[10] - predicted) < 1e-9
assert abs(1 - 2 / (walks["standardised"][2] + 1) - correlation) < 1e-12
print(f"the correlation of the two columns: {correlation:.6f}")

# %% [markdown]
# With two columns the measured rate is the predicted one from the first step on, to nine digits: at the best $\eta$
# both directions shrink by the same factor, one of them changing sign each time.

# %%
figure, axes = plt.subplots(1, 3, figsize=(11, 4.1))
balance, *plains = axes
H = designs["area in 10 m²"].T @ designs["area in 10 m²"] / len(y)
low, high = np.linalg.eigvalsh(H)
steps = np.linspace(0, 2.2 / high, 300)
balance.plot(steps, np.abs(1 - steps * low), color=BLUE, label="flattest, |1 − η h₂|")
balance.plot(steps, np.abs(1 - steps * high), color=ORANGE, label="steepest, |1 − η h₁|")
balance.plot(2 / (low + high), (high - low) / (high + low), "o", color=RED, markersize=8)
balance.annotate(
    "best η",
    (2 / (low + high), (high - low) / (high + low)),
    (0.052, 0.55),
    color=RED,
    arrowprops={"arrowstyle": "-", "color": RED},
)
balance.set(xlabel="step η", ylabel="factor a step", ylim=(0, 1.5), title="The best step (area in 10 m²)")
balance.legend(loc="upper center")
for plain, name in zip(plains, ("area in 10 m²", "standardised"), strict=True):
    X, (path, best, kappa) = designs[name], walks[name]
    H = X.T @ X / len(y)
    reach = 1.35 * np.max(np.abs(path - best), axis=0).max()
    u, v = np.meshgrid(np.linspace(-reach, reach, 200), np.linspace(-reach, reach, 200))
    height = 0.5 * (H[0, 0] * u * u + 2 * H[0, 1] * u * v + H[1, 1] * v * v)
    levels = height.max() * np.logspace(-3, -0.2, 7)
    plain.contour(best[0] + u, best[1] + v, height, levels=levels, colors=GREY, linewidths=0.9)
    plain.plot(*path[:40].T, "o-", color=BLUE, markersize=3.5, linewidth=1.1)
    plain.plot(*best, "*", color=RED, markersize=12)
    plain.set(xlabel="weight of area", ylabel="weight of residents", aspect="equal", title=f"{name}, κ = {kappa:.1f}")
plt.show()

# %% [markdown]
# *Left: what a step leaves of the distance in the two directions, and the best step where the lines cross. Middle and
# right: lines of equal loss, and the walk. Where the valley is narrow, the step that is good for its length is nearly
# too long for its width, and the walk goes from wall to wall.*
#
# The loss above its lowest value is $\frac12 e^{\mathsf T} H e$, a square in $e$, so it falls by $\rho^2$ a step.
# Measured, and predicted:

# %%
figure, axes = plt.subplots(figsize=(8.5, 3.8))
for (name, (path, best, kappa)), colour in zip(walks.items(), (RED, ORANGE, BLUE), strict=True):
    X = designs[name]
    above = 0.5 * np.mean(((path - best) @ X.T) ** 2, axis=1)
    rate = 1 - 2 / (kappa + 1)
    axes.semilogy(above, color=colour, label=f"{name}, κ = {kappa:.1f}")
    axes.semilogy(above[0] * rate ** (2.0 * np.arange(len(path))), color=INK, linestyle=":", linewidth=1.5)
    assert abs(above[20] / (above[0] * rate**40) - 1) < 1e-6
axes.set(xlabel="step", ylabel="loss above the lowest (€²)", xlim=(0, 400), ylim=(1e-6, 1e6))
axes.set_title("The same two columns in three units; dotted: (1 − 2/(κ + 1))² a step")
axes.legend(loc="upper right", bbox_to_anchor=(1, 0.92))
plt.show()

# %% [markdown]
# Now all five columns, in the units that the table has. We need not walk; $\kappa$ tells how long it would take.

# %%
everything = centred(matrix(rows, *numbers))
print(f"{'':14} {'κ':>10}   steps until the distance is a thousandth")
for name, X in (("as they are", everything), ("standardised", everything / everything.std(axis=0))):
    spectrum = np.linalg.svd(X, compute_uv=False) ** 2
    kappa = spectrum[0] / spectrum[-1]
    steps = np.log(1000) / np.log1p(2 / (kappa - 1))  # -ln of (κ - 1)/(κ + 1)
    print(f"{name:14} {kappa:10.1e}   {steps:.1e}")
    assert kappa >= X.var(axis=0).max() / X.var(axis=0).min() * (1 - 1e-9)
    if name == "as they are":
        print(f"{'':14} at a million steps a second, that is {steps / 1e6 / 86400 / 365:.1f} years")

# %% [markdown]
# **Does scaling change the answer?** Not that of least squares. Let $Z = X D$ with a diagonal matrix $D$; the best
# weights for $Z$ are $D^{-1} \hat w$, and $Z D^{-1} \hat w = X \hat w$: the same forecasts. It does change what
# measures columns by one yardstick: a penalty on the weights, a distance between rows, the first weights of a network.
# For those the unit is a choice that somebody made in passing.

# %%
scaler = prep.StandardScaler()
by_columns = scaler.fit(matrix(rows, *numbers))
Z = scaler.apply(by_columns, matrix(rows, *numbers))
X_hat = everything @ np.linalg.lstsq(everything, y, rcond=None)[0]
referee("forecasts, columns as they are against standardised", X_hat, Z @ np.linalg.lstsq(Z, y, rcond=None)[0], 1e-9)
referee("the library's StandardScaler against the formula", Z, everything / everything.std(axis=0))
referee("its inverse gives the columns back", scaler.inverse(by_columns, Z), matrix(rows, *numbers))

# %% [markdown]
# **Three scalers.** All of them are a shift and a factor for each column, $z = (x - \text{shift}) / \text{factor}$, so
# all can be undone, $x = z \cdot \text{factor} + \text{shift}$. They differ in what they ask the column:
#
# | | shift | factor | one wild cell among $n$ |
# |---|---|---|---|
# | standard | mean | standard deviation | moves both, the deviation by about its size over $\sqrt n$ |
# | min-max | smallest | largest $-$ smallest | *is* the factor |
# | robust | median | third quartile $-$ first | moves neither by more than to the next cell |
#
# A constant column has the factor 0 in all three. The library takes 1 for it instead, so that the column becomes
# zeros. Here is what the slipped commas of `area` do to all the *other* houses:

# %%
wild = matrix(known, "area")
fine = ~slipped[train_rows]
figure, axes = plt.subplots(3, 1, figsize=(8.5, 4.6), sharex=True)
scalers = prep.MinMaxScaler(), prep.StandardScaler(), prep.RobustScaler()
for axis, scaler, colour in zip(axes, scalers, (RED, ORANGE, BLUE), strict=True):
    z = scaler.apply(scaler.fit(wild), wild)[:, 0]
    axis.hist(z[fine], bins=np.linspace(-4, 4, 161), color=colour)
    inside = np.percentile(z[fine], [25, 75])
    name = type(scaler).__name__
    axis.set_title(f"{name}: the middle half of the houses is {inside[1] - inside[0]:.2f} wide", fontsize=11)
    axis.set(yticks=[], ylabel="houses")
    referee(f"{name}: inverse of apply", scaler.inverse(scaler.fit(wild), z[:, None]), wild)
axes[-1].set(xlabel="scaled area of the houses whose comma did not slip", xlim=(-4, 4))
plt.show()
scaler = prep.StandardScaler()
constant = scaler.apply(scaler.fit(matrix(known, "meters")), matrix(held, "meters"))
print("meters, standardised:", set(constant[:, 0].tolist()))

# %% [markdown]
# ## 3. Learn from the training rows alone
#
# A scaler *learns*: a mean and a deviation. So does whatever fills cells, names categories or chooses columns. And
# what is learnt from the held-out rows has seen the examination paper. Here is how much that is worth, in the one case
# where we know what every honest score must be: **pure noise**. Columns and targets are drawn independently, so that
# nothing can be forecast. The score is
#
# $$R^2 = 1 - \frac{\sum_i (y_i - \hat y_i)^2}{\sum_i (y_i - \bar y)^2} \quad \text{over the held-out rows, with } \bar y \text{ the mean of the training rows,}$$
#
# the share of the variance that is explained: 1 is perfect, 0 is as good as the mean, and below 0 is worse than that.
# Two hundred rows, half of them held out; three kinds of preparation, each learnt from *all* rows, and from the
# training rows alone:
#
# * **scaling** thirty columns by mean and deviation;
# * **filling** thirty columns, of which 60 per cent is missing, by a line in the target: "a house with such a bill
#   will have so many residents". (Honestly that cannot even be done, since the target of a held-out row is not known;
#   there the mean must do.)
# * **choosing** the five columns out of a thousand that are most correlated with the target.


# %%
def ridge_score(x, y, train_part, strength):
    """Fit on the training rows, R² on the others."""
    a, b = x[train_part], y[train_part]
    middle, centre = a.mean(axis=0), b.mean()
    inner = (a - middle).T @ (a - middle) + strength * np.eye(a.shape[1])
    weights = np.linalg.solve(inner, (a - middle).T @ (b - centre))
    said = centre + (x[~train_part] - middle) @ weights
    truth = y[~train_part]
    return 1 - np.sum((truth - said) ** 2) / np.sum((truth - centre) ** 2)


def correlations(x, y):
    x, y = centred(x), centred(y)
    return x.T @ y / np.sqrt(np.sum(x * x, axis=0) * np.sum(y * y))


def scaling(x, y, learnt_from, train_part):
    return ridge_score((x - x[learnt_from].mean(axis=0)) / x[learnt_from].std(axis=0), y, train_part, 10.0)


def filling(x, y, learnt_from, train_part):
    x = x.copy()
    for column in x.T:  # views: x itself is filled
        there = ~np.isnan(column)
        line = np.polyfit(y[there & learnt_from], column[there & learnt_from], 1)
        with_target = np.polyval(line, y)
        mean = column[there & learnt_from].mean()
        column[~there] = np.where(learnt_from, with_target, mean)[~there]
    return ridge_score(x, y, train_part, 10.0)


def choosing(x, y, learnt_from, train_part):
    chosen = np.argsort(-np.abs(correlations(x[learnt_from], y[learnt_from])))[:5]
    return ridge_score(x[:, chosen], y, train_part, 0.0)


random = np.random.default_rng(3)
size = 200
train_part, all_rows = np.arange(size) < size // 2, np.ones(size, bool)
scores = {(kind.__name__, honest): [] for kind in (scaling, filling, choosing) for honest in (False, True)}
largest = []
for _ in range(200):
    noise, many = random.normal(size=(size, 30)), random.normal(size=(size, 1000))
    target, gaps = random.normal(size=size), np.where(random.random((size, 30)) < 0.6, np.nan, noise)
    largest.append(np.abs(correlations(many, target)).max())
    for kind, columns in ((scaling, noise), (filling, gaps), (choosing, many)):
        for honest in (False, True):
            scores[kind.__name__, honest].append(kind(columns, target, train_part if honest else all_rows, train_part))

for (name, honest), values in scores.items():
    print(f"{name:9} {'training rows' if honest else 'all rows':14} R² = {np.mean(values):+.3f} on average")
assert np.mean(scores["choosing", False]) > 0.1
assert np.mean(scores["filling", False]) > 0.03
assert all(np.mean(scores[name, True]) < 0 for name in ("scaling", "filling", "choosing"))

# %%
figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.6), sharey=True)
for axis, name in zip(axes, ("scaling", "filling", "choosing"), strict=True):
    for place, (honest, colour) in enumerate(((False, RED), (True, BLUE))):
        values = np.array(scores[name, honest])
        across = place + np.random.default_rng(0).uniform(-0.25, 0.25, len(values))
        axis.plot(across, values, ".", color=colour, markersize=4, alpha=0.6)
        axis.plot([place - 0.35, place + 0.35], [values.mean()] * 2, color=INK)
        axis.text(place, 0.72, f"mean {values.mean():+.2f}".replace("-", "−"), ha="center", fontsize=10)
    axis.axhline(0, color=GREY, linewidth=1)
    axis.set(xticks=[0, 1], xticklabels=["all rows", "training rows"], xlim=(-0.5, 1.5), ylim=(-1, 0.8))
    axis.set_title(f"{name}, learnt from")
axes[0].set(ylabel="R² on held-out rows of noise")
plt.show()

# %% [markdown]
# *Each point is a data set of pure noise; bars are means. Whoever chooses on all rows and holds rows out afterwards
# has found a law where there is none. (Honest scores are below 0, for a model that has learnt noise is worse than
# the mean.)*
#
# **How can that be?** The correlation of two independent columns of $n$ numbers is about normal, with mean 0 and
# deviation $1/\sqrt n$. Of a thousand of them, the largest is about where one normal number in a thousand lies beyond:
# $3.3/\sqrt n$. The chosen columns are correlated with the target *in all rows*, the held-out ones too, by chance; and
# it is just this chance that the held-out rows were to protect us from. Chosen on the training rows, the columns are
# as good there, and nothing elsewhere.

# %%
tail = float(-jax.scipy.special.ndtri(0.5 / 1000))  # beyond ±tail lies one normal number in a thousand
print(
    f"largest of 1,000 correlations: {np.mean(largest):.3f} on average; {tail:.2f}/√{size} = {tail / np.sqrt(size):.3f}"
)
assert abs(np.mean(largest) * np.sqrt(size) / tail - 1) < 0.1

# %% [markdown]
# Scaling shows no advantage at all, and we shall not pretend that it does: a mean does not know the target, and the
# mean of 200 rows is nearly that of 100. It is learnt from the training rows nonetheless. It costs nothing; where the
# level drifts with time, the later rows' mean *is* news from the future; and nobody has to remember which steps are
# harmless.
#
# The library makes the right way the only convenient one. A transform has two functions and no memory:
#
#     params = transform.fit(training_rows)         # looks at these rows, and at nothing else
#     x = transform.apply(params, any_rows)         # looks at params and a row; learns nothing
#
# So there is a sharp test of leakage: spoil every held-out row, and see whether anything learnt moves by a bit.

# %%
chain = prep.Pipeline((prep.OutlierClipper(), prep.StandardScaler(), prep.NearestNeighborImputer(5)))
everywhere = matrix(table, *numbers)
ruined = everywhere.copy()
ruined[held_rows] = 1e9


def same_bits(one, other):
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)


on_training = same_bits(chain.fit(everywhere[train_rows]), chain.fit(ruined[train_rows]))
on_all = same_bits(chain.fit(everywhere), chain.fit(ruined))
print("the held-out rows ruined: what was learnt from the training rows is the same, bit for bit:", on_training)
print("                          what was learnt from all rows is the same, bit for bit:         ", on_all)
assert on_training
assert not on_all

# %% [markdown]
# ## 4. Missing cells
#
# A network cannot multiply by "don't know". Rows with a gap can be left out; but with a gap in every fifth row that is
# a fifth of the data, and not just any fifth (here it is the old houses), and a new house with a gap would get no
# forecast. So the gap is filled.
#
# **With the mean**, say, or, where there are outliers, the median, which they do not move. What does that do to the
# column? Let a share $m$ of its $n$ cells be missing, and let $\bar x$ and $s^2$ be mean and variance of those that
# are there. Fill with $\bar x$: the mean stays $\bar x$. In the sum of squares each filled cell counts
# $(\bar x - \bar x)^2 = 0$, and the sum is divided by $n$ and no longer by $(1 - m) n$:
#
# $$s_{\text{filled}}^2 = \frac1n \sum_{\text{there}} (x_i - \bar x)^2 = \frac{(1 - m)\, n\, s^2}{n}, \qquad \boxed{\;s_{\text{filled}}^2 = (1 - m)\, s^2\;}$$
#
# exactly, whatever the numbers. In the covariance with another column the filled rows count $0 \cdot (y_i - \bar y)$:
# it shrinks by $1 - m$ as well, so that the correlation shrinks by $(1-m)/\sqrt{1-m} = \sqrt{1 - m}$ (if cells are
# missing at random).
#
# **With the neighbours.** The other columns know something about the gap: a house of 1910 has thin walls. So look for
# the $k$ training rows that are nearest *by the columns that both have*, and take the mean of their cells. The
# distance must be fair to pairs that share few columns: of $d$ columns let the set $J$ be there in both rows. If the
# missing differences were on average like the known ones, the whole sum would be $d/|J|$ times the known part:
#
# $$d(a, b) = \sqrt{\frac{d}{|J|} \sum_{j \in J} (a_j - b_j)^2} .$$
#
# On paper: $a = (3, ?, 5, 1)$ and $b = (1, 2, ?, 2)$ share the first and the last column, $J = \{1, 4\}$, so
# $d^2 = \frac42 (4 + 1) = 10$. (Without the factor it would be 5, and a row with nothing but gaps would be everybody's
# nearest neighbour.) And since squares of different columns are added, the columns must be **scaled first**: in euros
# and metres, the neighbours are those of about the same price, to the euro.


# %%
def fill_by_neighbours(known_rows, rows, k):
    """Fill each gap with the mean of its column in the k nearest known rows that have it."""
    filled = rows.copy()
    for i, row in enumerate(rows):
        shared = ~np.isnan(row) & ~np.isnan(known_rows)
        squares = np.where(shared, (row - known_rows) ** 2, 0).sum(axis=1)
        count = shared.sum(axis=1)
        distance = np.where(count > 0, squares * rows.shape[1] / np.maximum(count, 1), np.inf)
        for column in np.flatnonzero(np.isnan(row)):
            has = np.flatnonzero(~np.isnan(known_rows[:, column]))
            nearest = has[np.argsort(distance[has], kind="stable")[:k]]
            filled[i, column] = known_rows[nearest, column].mean()
    return filled


a, b = np.array([3, np.nan, 5, 1]), np.array([1, 2, np.nan, 2])
shared = ~np.isnan(a) & ~np.isnan(b)
print(f"d² on paper: {4 / shared.sum() * np.sum((a[shared] - b[shared]) ** 2):.0f}")

neighbours = ("built", "residents", "insulation")
scaler = prep.StandardScaler()
scale = scaler.fit(matrix(known, *neighbours))
z_known = scaler.apply(scale, matrix(known, *neighbours))
z_held = scaler.apply(scale, matrix(held, *neighbours))
imputer = prep.NearestNeighborImputer(5)
referee(
    "neighbours by hand against the library, held-out rows",
    fill_by_neighbours(z_known, z_held, 5),
    imputer.apply(imputer.fit(z_known), z_held),
)

# %% [markdown]
# Since we know what stood in the cells that we blanked, we can ask how far off each way of filling is, and what
# becomes of the variance.

# %%
gap = np.isnan(held["insulation"])
truth = clean.rows(held_rows)["insulation"][gap]
column, wide = matrix(known, "insulation"), ("built", "residents", "value", "insulation")


def scaled_neighbours(names):
    steps = prep.Pipeline((prep.StandardScaler(), prep.NearestNeighborImputer(5)))
    params = steps.fit(matrix(known, *names))
    return steps.inverse(params, steps.apply(params, matrix(held, *names)))[gap, -1]


unscaled = prep.NearestNeighborImputer(5)
fills = {
    "mean": np.full(gap.sum(), np.nanmean(column)),
    "median": prep.MedianImputer().apply(prep.MedianImputer().fit(column), matrix(held, "insulation"))[gap, 0],
    "5 nearest, in € and m": unscaled.apply(unscaled.fit(matrix(known, *wide)), matrix(held, *wide))[gap, -1],
    "5 nearest, scaled": scaled_neighbours(wide),
}
misses = {name: float(np.sqrt(np.mean((said - truth) ** 2))) for name, said in fills.items()}
for name, miss in misses.items():
    print(f"{name:22} {100 * miss:.2f} cm off")
assert misses["5 nearest, scaled"] < 0.75 * misses["mean"]
assert misses["5 nearest, in € and m"] > 1.5 * misses["5 nearest, scaled"]

random = np.random.default_rng(11)
full = clean.rows(train_rows)
shares, shrunk, correlated, by_neighbours = np.linspace(0, 0.9, 19), [], [], []
whole = (matrix(full, "built", "insulation") - [1960, 0.08]) / [35, 0.055]
for share in shares:
    lost = whole.copy()
    lost[random.permutation(len(lost))[: round(share * len(lost))], 1] = np.nan
    filled = prep.MeanImputer().apply(prep.MeanImputer().fit(lost), lost)
    gone = np.isnan(lost[:, 1])
    shrunk.append(filled[:, 1].var() / lost[~gone, 1].var())
    correlated.append(np.corrcoef(filled.T)[0, 1] / np.corrcoef(whole.T)[0, 1])
    by_neighbours.append(imputer.apply(imputer.fit(lost), lost)[:, 1].var() / lost[~gone, 1].var())
    assert abs(shrunk[-1] - (1 - gone.mean())) < 1e-12

# %%
figure, (variances, cloud) = plt.subplots(1, 2, figsize=(10.5, 4))
variances.plot(shares, 1 - shares, color=INK, linestyle=":", linewidth=1.5, label="1 − m")
variances.plot(shares, shrunk, "o", color=RED, markersize=5, label="variance, filled by the mean")
variances.plot(shares, np.sqrt(1 - shares), color=GREY, linestyle="--", linewidth=1.5, label="√(1 − m)")
variances.plot(shares, correlated, "s", color=ORANGE, markersize=4.5, label="correlation, filled by the mean")
variances.plot(shares, by_neighbours, "^", color=BLUE, markersize=5, label="variance, by 5 neighbours")
variances.set(xlabel="share m of the cells that is missing", ylabel="left of it", ylim=(0, 1.75), xlim=(-0.02, 0.92))
variances.set_title("What filling does to a column")
variances.legend(fontsize=9.5, loc="upper left")
there = ~np.isnan(known["insulation"])
cloud.plot(known["built"][there], 100 * known["insulation"][there], ".", color="#c4c4c4", markersize=4, label="known")
cloud.plot(held["built"][gap], 100 * fills["mean"], ".", color=RED, label="filled by the mean")
cloud.plot(held["built"][gap], 100 * fills["5 nearest, scaled"], ".", color=BLUE, label="by 5 neighbours")
cloud.set(xlabel="year built", ylabel="insulation (cm)", ylim=(0, 33), title="Where the filled cells lie")
cloud.legend(loc="upper left")
plt.show()

# %% [markdown]
# The mean puts every gap at one height, on a line where no house of 1910 is. The neighbours follow the curve, and since
# the year explains nearly all of the insulation, the variance stays. What they lose is the scatter *about* the curve: a
# mean of five has a fifth of its variance. A best guess always varies less than the truth.
#
# **That it is missing says something.** Here it is the old houses of which the insulation is not known, and old walls
# are thin. A column of 0 and 1, *was it missing?*, keeps that, whatever is put into the gap. It helps most where the
# filling is poor:

# %%
flag = prep.MissingIndicator()
fitted_flag, fitted_mean = flag.fit(column), prep.MeanImputer().fit(column)


def r_squared(design_known, design_held, y_known, y_held):
    said = design_held @ np.linalg.lstsq(design_known, y_known, rcond=None)[0]
    return 1 - np.sum((y_held - said) ** 2) / np.sum((y_held - y_known.mean()) ** 2)


need_known, need_held = (rows["bill"] / rows["area"] for rows in (clean.rows(train_rows), clean.rows(held_rows)))
filled_known = prep.MeanImputer().apply(fitted_mean, column)
filled_held = prep.MeanImputer().apply(fitted_mean, matrix(held, "insulation"))
ones_known, ones_held = np.ones((len(known), 1)), np.ones((len(held), 1))
without = r_squared(np.hstack([ones_known, filled_known]), np.hstack([ones_held, filled_held]), need_known, need_held)
flagged = r_squared(
    np.hstack([ones_known, filled_known, flag.apply(fitted_flag, column)]),
    np.hstack([ones_held, filled_held, flag.apply(fitted_flag, matrix(held, "insulation"))]),
    need_known,
    need_held,
)
print(f"bill a square metre from the insulation, filled by the mean: R² = {without:.3f} on held-out rows")
print(f"the same with the indicator beside it:                       R² = {flagged:.3f}")
assert flagged > without

# %% [markdown]
# ## 5. Categories
#
# `heating` is a word. A network needs numbers, and the tempting ones are 0, 1, 2: gas, heat pump, oil, in the order of
# the alphabet. But 0, 1, 2 say two things that nobody meant: that a heat pump lies *between* gas and oil, and that it
# is as far from the one as from the other. A linear model with the one column $c \in \{0, 1, 2\}$ can only say
# $b + w c$: three heights on a line. **One-hot** gives each category a column of its own, 1 in its rows and 0
# elsewhere,
#
# $$\text{gas} \to (1, 0, 0), \qquad \text{heat pump} \to (0, 1, 0), \qquad \text{oil} \to (0, 0, 1),$$
#
# three corners of a triangle, each as far from each other one ($\sqrt 2$). Least squares with these columns alone
# falls apart into one problem a category, $\min_{w_c} \sum_{i \in c} (y_i - w_c)^2$, and so gives each category its
# own mean, whatever order the words are in.

# %%
words_known, words_held = known["heating"][:, None], held["heating"][:, None]
encoder = prep.OneHotEncoder()
categories = encoder.fit(words_known)
hot = encoder.apply(categories, words_known).astype(np.float64)
print("columns:", encoder.feature_names(categories, ["heating"]))

order = sorted(set(known["heating"]))
code = np.array([order.index(word) for word in known["heating"]], np.float64)
line = np.polyfit(code, need_known, 1)
heights = np.linalg.lstsq(hot, need_known, rcond=None)[0]
means = np.array([need_known[known["heating"] == word].mean() for word in order])
referee("one-hot weights against the means of the categories", heights, means)
on_line = np.polyval(line, code)
total = np.sum((need_known - need_known.mean()) ** 2)
explained = [1 - np.sum((need_known - said) ** 2) / total for said in (on_line, hot @ heights)]
print(f"R² with 0, 1, 2: {explained[0]:.3f}; one-hot: {explained[1]:.3f}")

figure, axes = plt.subplots(figsize=(8.5, 3.8))
spread = np.random.default_rng(0).uniform(-0.22, 0.22, len(code))
axes.plot(code + spread, need_known, ".", color="#c4c4c4", markersize=4)
ends = np.array([-0.35, 2.35])
axes.plot(ends, np.polyval(line, ends), color=RED, label=f"0, 1, 2: one line, R² = {explained[0]:.2f}")
for place, height in enumerate(heights):
    label = f"one-hot: a height each, R² = {explained[1]:.2f}" if place == 0 else None
    axes.plot([place - 0.35, place + 0.35], [height, height], color=BLUE, linewidth=3, label=label)
axes.set(xticks=[0, 1, 2], xticklabels=[f"{place}\n{word}" for place, word in enumerate(order)])
axes.set(ylabel="bill (€ a square metre)", ylim=(0, 27), title="Words are not places on a line")
axes.legend(loc="upper left", ncols=2)
plt.show()

# %% [markdown]
# **A word that was never seen.** The held-out rows know `pellets`. There is no column for it and no weight: whatever
# the program does now is a rule, and it had better be a chosen one. The library knows two. `unseen="ignore"`: the row
# gets zeros, no category at all, and the model says what it says without one. `unseen="error"`: stop, and name the
# word and the column. A missing cell is a row of zeros as well. (Zeros are far from any row trained on when nothing
# else is learnt beside them; with an intercept or a bias they are "none of these".)

# %%
print("pellets become", np.unique(encoder.apply(categories, words_held)[held["heating"] == "pellets"], axis=0))
strict = prep.OneHotEncoder(unseen="error")
try:
    strict.apply(strict.fit(words_known), words_held)
except ValueError as error:
    print("ValueError:", error)

# %% [markdown]
# **One column too many?** The one-hot columns sum to 1 in every row, and so does the column of ones that belongs to an
# intercept: $X^{\mathsf T} X$ has no inverse, $\kappa = \infty$, and the weights are not unique. (Add 5 to the
# intercept, take 5 from each category: the same forecasts.) Books on statistics therefore drop one column. For
# forecasts there is no need: gradient descent from small weights, or any penalty, picks one of the equivalent answers,
# and without the dropped column no category is special. For the *target* of a classifier no triangle is needed:
# cross-entropy wants the number of the class, and `LabelEncoder` gives it.
#
# ## 6. Outliers
#
# In one row of seventy or so, the area is ten times what it should be. Two rules are in use to find such cells.
#
# **The z-score**: mark what is more than 3 deviations from the mean. If a column were normal, that is one good cell in
# 370 by chance. The trouble is that the outliers themselves are in the mean and in the deviation by which they are
# measured. How far out *can* one cell be? Let $d_i = x_i - \bar x$, so that $\sum_i d_i = 0$ and
# $d_1 = -\sum_{i>1} d_i$. By the inequality of Cauchy and Schwarz, for the $n - 1$ others,
#
# $$d_1^2 = \Bigl(\sum_{i > 1} 1 \cdot d_i\Bigr)^2 \le (n - 1) \sum_{i > 1} d_i^2
# \quad\Longrightarrow\quad \sum_i d_i^2 \;\ge\; d_1^2 + \frac{d_1^2}{n - 1} = d_1^2\, \frac{n}{n - 1} .$$
#
# With the deviation $s^2 = \frac1n \sum d_i^2$ that this library uses, and with $\frac{1}{n-1} \sum d_i^2$ as others
# do:
#
# $$\boxed{\;\frac{|d_1|}{s_n} \le \sqrt{n - 1}, \qquad \frac{|d_1|}{s_{n-1}} \le \frac{n - 1}{\sqrt n}\;}$$
#
# whatever stands in the cell. Among ten rows *nothing* is ever beyond 3 deviations, not even a billion: $\sqrt 9 = 3$.
# And outliers hide each other: let a share $p$ of the cells be at $D$, far away, and the others near 0. The mean is
# $pD$, the variance $p(1-p)D^2$, and so
#
# $$z = \frac{D - pD}{D \sqrt{p(1 - p)}} = \sqrt{\frac{1 - p}{p}} \;>\; 3 \quad\Longleftrightarrow\quad p < \frac{1}{10} .$$
#
# Above a tenth, the rule finds **none** of them.
#
# **The quartiles**: mark what is below $Q_1 - 1.5\,(Q_3 - Q_1)$ or above $Q_3 + 1.5\,(Q_3 - Q_1)$. A quartile asks
# only *how many* cells lie beyond, not how far, so it stays among the good cells until a quarter of them all is bad.
# Both rules, measured:

# %%
random = np.random.default_rng(5)
far = np.logspace(-1, 4, 60)
figure, (one, several) = plt.subplots(1, 2, figsize=(10.5, 4))
for count, colour in ((5, RED), (10, ORANGE), (30, GREEN), (100, BLUE)):
    good = random.normal(size=count - 1)
    scores_of = []
    for distance in far:
        x = np.append(good, good.mean() + distance)
        scores_of.append((x[-1] - x.mean()) / x.std())
    one.semilogx(far, scores_of, color=colour, label=f"n = {count}")
    one.axhline(np.sqrt(count - 1), color=colour, linestyle=":", linewidth=1.4)
    assert max(scores_of) <= np.sqrt(count - 1) * (1 + 1e-12)
    assert scores_of[-1] > 0.999 * np.sqrt(count - 1)
one.axhline(3, color=INK, linewidth=1)
one.text(1.2e-1, 3.15, "threshold 3", fontsize=10)
one.set(xlabel="distance of one cell from the others", ylabel="its z-score", title="One outlier; dotted: √(n − 1)")
one.legend(loc="upper left", bbox_to_anchor=(0.02, 0.9))
planted = np.arange(0.01, 0.40, 0.01)
found = {"z-score, 3": [], "quartiles, 1.5": []}
for share in planted:
    x = random.normal(size=1000)
    bad = np.arange(1000) < round(1000 * share)
    x[bad] += 1000
    found["z-score, 3"].append(prep.z_score_outliers(x[:, None])[bad].mean())
    found["quartiles, 1.5"].append(prep.iqr_outliers(x[:, None])[bad].mean())
for (name, values), colour, marker in zip(found.items(), (RED, BLUE), "os", strict=True):
    look = {"color": colour, "markersize": 4, "linewidth": 1.2, "label": name}
    several.plot(100 * planted, 100 * np.array(values), marker + "-", **look)
several.set(xlabel="share of outliers planted (%)", ylabel="found (%)", title="Many outliers, 1,000 deviations away")
several.legend(loc="center right")
plt.show()
assert found["z-score, 3"][8] == 1  # 9 %
assert found["z-score, 3"][10:] == [0] * len(planted[10:])  # above 10 %
assert found["quartiles, 1.5"][23] == 1  # 24 %
ten = np.append(np.zeros(9), 1e9)[:, None]
print("a billion among nine zeros: marked by the z-score:", bool(prep.z_score_outliers(ten).any()), end="; ")
print("by the quartiles:", bool(prep.iqr_outliers(ten).any()))

# %% [markdown]
# Neither rule knows what is *wrong*; both know what is *far*. Houses have a long tail upwards, and the quartiles mark
# honest mansions, too:

# %%
area = matrix(known, "area")
bad = slipped[train_rows]
masks = {
    "z-score, 3": prep.z_score_outliers(area),
    "quartiles, 1.5": prep.iqr_outliers(area),
    "quartiles, 1.5, of ln area": prep.iqr_outliers(np.log(area)),
}
for name, mask in masks.items():
    wrongly = f"{mask[~bad].sum():3} of {(~bad).sum()} good houses marked"
    print(f"{name:27} {mask[bad].sum():3} of {bad.sum()} slipped commas found, {wrongly}")

# %% [markdown]
# **Clip or drop?** To *drop* is to leave the row out of training: right where it is nonsense and rows are plenty; but
# a held-out row, or a customer's, cannot be dropped, for a forecast is asked. To *clip* is to put
# $\min(\max(x, \text{low}), \text{high})$, with bounds learnt from the training rows: the mansion stays large, the
# slipped comma becomes a mansion, and nothing later in the chain meets a number out of its range. What a straight line
# makes of it, area to bill:

# %%
bill = known["bill"]
clipper = prep.OutlierClipper()
bounds = clipper.fit(area)
mask = prep.iqr_outliers(area)
fits = {
    "as it is": (area, bill, RED),
    "dropped": (prep.drop_outliers(area, mask), prep.drop_outliers(bill, mask), GREEN),
    "clipped": (clipper.apply(bounds, area), bill, BLUE),
}
figure, axes = plt.subplots(figsize=(8.5, 3.9))
axes.plot(area[:, 0], bill, ".", color="#c4c4c4", markersize=4)
axes.plot(area[bad, 0], bill[bad], "x", color=RED, markersize=6, label="a comma slipped")
grid, slopes = np.array([20, 2000.0]), {}
for name, (x, y, colour) in fits.items():
    slope, start = np.polyfit(x[:, 0], y, 1)
    slopes[name] = slope
    look = {"color": colour, "linestyle": "--" if name == "dropped" else "-", "label": f"{name}: {slope:.1f} € a m²"}
    axes.plot(grid, slope * grid + start, **look)
true_slope = np.polyfit(clean.rows(train_rows)["area"], bill, 1)[0]
axes.set(xlabel="area (m²)", ylabel="bill (€)", xlim=(0, 2000), ylim=(0, 6000))
axes.set_title(f"One column, three lines; the clean table has {true_slope:.1f} € a m²")
axes.legend(loc="upper right")
plt.show()
print("beyond the bounds, by OutlierClipper.mask:", int(np.sum(clipper.mask(bounds, area))), "of", len(area))
assert abs(slopes["clipped"] - true_slope) < 0.5 * abs(slopes["as it is"] - true_slope)

# %% [markdown]
# ## 7. Which rows to hold out
#
# A score on held-out rows is a forecast itself: *this well shall we do on rows that we have not seen*. It comes true
# if the held-out rows are to the training rows as the future will be to what we know. Four ways to choose them:
#
# * **random**: right where rows are independent of each other, and new ones come from the same source;
# * **stratified**: random within each class, so that each has its share on both sides. For rare classes;
# * **chronological**: all that is held out is later than all that is trained on. For whatever will be used *on the
#   future*;
# * **$k$-fold**: every row is held out once, in one of $k$ trainings. All rows are tested on, for $k$ times the work;
#   for small tables.

# %%
random = np.random.default_rng(2)
sixty = np.sort(random.integers(0, 365, 60))
rare = np.zeros(60, np.int32)
rare[[7, 19, 26, 41, 55]] = 1
key = jax.random.key(4)
strips = [("random", data.random_split(60, 12, key=key)[1])]
strips += [("stratified", data.stratified_split(rare, 12, key=key)[1])]
strips += [("chronological", data.chronological_split(sixty, 12)[1])]
folds = data.k_fold(60, 5, key=key)
strips += [(f"fold {number} of 5", test) for number, (_, test) in enumerate(folds, start=1)]
assert np.array_equal(np.sort(np.concatenate([test for _, test in folds])), np.arange(60))

figure, axes = plt.subplots(figsize=(9.5, 3.8))
for height, (_, test) in enumerate(strips):
    colours = np.where(np.isin(np.arange(60), test), BLUE, "#dddddd")
    axes.bar(np.arange(60), 0.8, width=0.88, bottom=height - 0.4, color=colours)
    star = {"color": RED, "markersize": 9, "markeredgecolor": "white", "markeredgewidth": 0.6}
    axes.plot(np.flatnonzero(rare), np.full(5, height), "*", **star)
labels = [f"{name}: {int(rare[test].sum())} rare" for name, test in strips]
axes.set(yticks=range(len(strips)), yticklabels=labels, xlim=(-0.7, 59.7))
axes.set(xlabel="row, in the order of time", title="Sixty rows: held out in blue; a star is a rare class")
axes.invert_yaxis()
plt.show()

# %% [markdown]
# What stratifying is worth: of the 1,461 days of Seattle's weather 23 have snow. A fifth of the days are held out, 300
# times over. At random, the number of snowy ones among them goes up and down by chance (it is hypergeometric, with
# variance $n p (1-p) \frac{N - n}{N - 1}$); stratified it is 4 each time.

# %%
weather = data.weather()
snow = weather.kind == weather.kinds.index("snow")
total, part = len(weather), len(weather) // 5
keys = [jax.random.key(seed) for seed in range(300)]
at_random = np.array([snow[data.random_split(total, part, key=each)[1]].sum() for each in keys])
in_classes = {int(snow[data.stratified_split(weather.kind, part, key=each)[1]].sum()) for each in keys[:20]}
share = snow.mean()
by_formula = np.sqrt(part * share * (1 - share) * (total - part) / (total - 1))
print(f"random: from {at_random.min()} to {at_random.max()} snowy days; deviation {at_random.std():.2f}", end=", ")
print(f"by the formula {by_formula:.2f}")
print(f"stratified: {in_classes} in each of {len(keys[:20])} splits, of {snow.sum()} in all")
assert in_classes == {4}
assert snow.sum() == 23
assert abs(at_random.std() / by_formula - 1) < 0.15

# %% [markdown]
# **Random flatters where neighbours are alike.** Let a program say how warm a day is from the date alone: the mean of
# the nine nearest days that it knows, near in season and in year. (Its columns are $\cos$, $\sin$ of the day of the
# year, and the year.) We score it in two ways on what is known by the end of a year, and then look at what it really
# does in the year that follows. The lesson on regression has a program that looks up the day before; here is the same
# trap with the question that matters: *which score is the one that comes true?*

# %%
years = np.arange(total) / 365.25
place = np.stack([np.cos(2 * np.pi * years), np.sin(2 * np.pi * years), years], axis=1)


def nearest_nine(known_days, asked):
    squares = np.sum((place[asked][:, None] - place[known_days][None]) ** 2, axis=2)
    nearest = np.argpartition(squares, 9, axis=1)[:, :9]
    said = weather.temp_max[known_days][nearest].mean(axis=1)
    return float(np.sqrt(np.mean((said - weather.temp_max[asked]) ** 2)))


calendar = weather.dates.astype("datetime64[Y]").astype(int) + 1970
results = []
for year in (2014, 2015):
    so_far, then = np.flatnonzero(calendar < year), np.flatnonzero(calendar == year)
    shuffled = np.mean([nearest_nine(*data.random_split(len(so_far), 365, key=each)) for each in keys[:10]])
    in_order = nearest_nine(*data.chronological_split(weather.dates[so_far], 365))
    results.append((shuffled, in_order, nearest_nine(so_far, then)))
    real = results[-1][2]
    print(
        f"{year}: a random split promised {shuffled:.2f} °C, a chronological one {in_order:.2f} °C; it was {real:.2f} °C"
    )
    assert abs(in_order - real) < abs(shuffled - real)

figure, axes = plt.subplots(figsize=(8.5, 3.3))
names = ("promised, random split", "promised, chronological split", "what the next year brought")
for height, (shuffled, in_order, real) in enumerate(results):
    bars = zip((-0.27, 0, 0.27), (shuffled, in_order, real), (RED, BLUE, INK), names, strict=True)
    for shift, value, colour, name in bars:
        axes.barh(height + shift, value, height=0.24, color=colour, label=name if height == 0 else None)
        axes.text(value + 0.05, height + shift, f"{value:.2f}", va="center", fontsize=10)
axes.set(yticks=[0, 1], yticklabels=["for 2014", "for 2015"], xlabel="RMSE (°C)", xlim=(0, 8.2))
axes.set_title("Two promises, and what came")
axes.invert_yaxis()
axes.legend(loc="center right", fontsize=10)
plt.show()

# %% [markdown]
# Years differ, so no promise is exact: the chronological one was 0.85 too low once, and 0.44 too high once. But the
# random one was too low both times, and by more; and no number of shuffles would have told, for all of them agree.
# Split at random, nearly every held-out day has known days of the same week around it, and the program fills a gap.
# The future has no such neighbours. The same holds for rows of one patient, one house, one photograph: what is alike
# must be on one side.
#
# ## 8. Batches, and the last one
#
# Training takes the rows in batches of $B$. Ten rows in batches of four: 4, 4, and 2 that are left over. Four things
# are done with these, and three are wrong. Let $l_i$ be the loss of row $i$; we want the mean, every row with the
# weight $\frac1{10}$.
#
# 1. *Drop them.* The weights are $\frac18$ and 0. Without shuffling the same rows are never seen.
# 2. *Take the mean of the batches' means*, $\frac13(\bar l_1 + \bar l_2 + \bar l_3)$: weights
#    $\frac13 \cdot \frac14 = \frac1{12}$, and $\frac13 \cdot \frac12 = \frac16$, twice as much, for the two.
# 3. *Fill the batch up* to four rows, for a compiled program wants one shape: then rows that do not exist count as
#    well, $\frac1{12}$ each.
# 4. **Fill it up, with a mask**: $m_i = 1$ where there is a row and 0 where not, and
#
# $$L = \frac{\sum_i m_i\, l_i}{\sum_i m_i}, \qquad \frac{\partial L}{\partial l_i} = \frac{m_i}{\sum_j m_j} ,$$
#
# so that what is filled in moves no weight, whatever it is; and for a mean over all, each batch's mean counts with its
# $\sum m$.

# %%
ways = {
    "dropped": [1 / 8] * 8 + [0] * 4,
    "mean of means": [1 / 12] * 8 + [1 / 6] * 2 + [0] * 2,
    "filled, no mask": [1 / 12] * 12,
    "filled, masked": [1 / 10] * 10 + [0] * 2,
}
figure, axes = plt.subplots(1, 4, figsize=(10.5, 2.9), sharey=True)
for axis, (name, weights), colour in zip(axes, ways.items(), (RED, RED, RED, BLUE), strict=True):
    axis.bar(range(1, 13), weights, color=[colour] * 10 + [GREY] * 2)
    axis.axhline(0.1, color=INK, linestyle=":", linewidth=1.3)
    axis.axvspan(10.5, 12.6, color="#eeeeee", zorder=0)
    axis.set(xticks=[1, 4, 8, 10, 12], xlabel="row", title=name, xlim=(0.4, 12.6))
axes[0].set(ylabel="weight in the mean")
axes[2].text(11.55, 0.172, "not\nthere", ha="center", va="top", fontsize=9.5)
plt.show()

# %% [markdown]
# The library's `batches` hands out $(x, y, m)$, all of one shape, and its losses take the mask as weights. Three
# claims: every row comes once an epoch, in another order each time; the epoch's gradient is that of all rows at once;
# and garbage in the filled rows changes nothing.

# %%
random = np.random.default_rng(9)
X, Y, w = random.normal(size=(10, 3)), random.normal(size=(10, 1)), random.normal(size=(3, 1))
for epoch in range(3):
    seen = [y[mask, 0] for _, y, mask in batches((X, Y), 4, key=jax.random.fold_in(key, epoch))]
    assert np.array_equal(np.sort(np.concatenate(seen)), np.sort(Y[:, 0]))
    print(f"epoch {epoch}: batches of", [len(part) for part in seen], "rows, each row once")


def batch_loss(w, x, y, mask):
    return losses.mean_squared_error(x @ w, y, mask[:, None].astype(x.dtype))


with jax.enable_x64(True):
    slope = jax.jit(jax.grad(batch_loss))
    parts = [(slope(w, x, y, mask), mask.sum()) for x, y, mask in batches((X, Y), 4)]
    by_batches = sum(gradient * count for gradient, count in parts) / 10
    of_all = 2 / 10 * X.T @ (X @ w - Y)
    referee("gradient, by masked batches against all rows at once", by_batches, of_all)
    mean_of_means = sum(gradient for gradient, _ in parts) / 3
    x, y, mask = list(batches((X, Y), 4))[-1]
    garbage = np.where(mask[:, None], x, 1e6)
    referee("gradient of the last batch, with garbage filled in", slope(w, garbage, y, mask), slope(w, x, y, mask))
off = np.abs(np.asarray(mean_of_means) - of_all).max() / np.abs(of_all).max()
print(f"the mean of the batches' means is off by {off:.0%}")

# %% [markdown]
# `train.fit` does without a mask: it runs the full batches in one compiled loop, and what is left over after it as a
# batch of its own size, whose loss counts by its rows.
#
# ## 9. All of it together
#
# Now every column of the table gets what it needs, and what it does not need it loses: `house`, `meters` and `advance`
# are left out, and so is `date`. From the training rows we put aside the last ones once more, as *validation*, by
# which training knows when to stop; the held-out rows are not touched until the end. `ByColumn` says it in one place.
# A part names columns and a transform; the results are laid side by side.

# %%
fit_rows, watch_rows = data.chronological_split(known["date"], 160)
fit_table, watch_table = known.rows(fit_rows), known.rows(watch_rows)

preparation = prep.ByColumn(
    (
        prep.Part(("area", "value"), prep.Pipeline((prep.OutlierClipper(), prep.StandardScaler()))),
        prep.Part(
            ("insulation", "built", "residents"),
            prep.Pipeline((prep.StandardScaler(), prep.NearestNeighborImputer(5))),
        ),
        prep.Part(("insulation", "residents"), prep.MissingIndicator()),
        prep.Part(("heating",), prep.OneHotEncoder()),
    )
)
learnt = preparation.fit(fit_table)
x_fit, x_watch, x_held = (preparation.apply(learnt, part) for part in (fit_table, watch_table, held))
print(f"{x_fit.dtype} {x_fit.shape}, nothing missing: {not np.isnan(x_held).any()}")
for name, column in zip(preparation.feature_names(learnt), x_fit.T, strict=True):
    largest = np.abs(column).max()
    print(f"  {name:20} mean {column.mean():6.2f}   deviation {column.std():5.2f}   largest {largest:5.2f}")

target = prep.StandardScaler()
in_euros = target.fit(matrix(fit_table, "bill"))
y_fit, y_watch = (target.apply(in_euros, matrix(part, "bill")).astype(np.float32) for part in (fit_table, watch_table))

# %% [markdown]
# (The scaler stands *before* the neighbours, for distance needs it; the clipper before the scaler, so that no slipped
# comma is in the deviation. The target is scaled too, for the first weights of a network are made for outputs of about
# 1.)
#
# **Back again.** All of it can be undone, but for what was not kept: a filled cell stays filled, a clipped one
# clipped, and what was never seen is None.

# %%
back = preparation.inverse(learnt, x_held)
for name in numbers:
    there = ~np.isnan(held[name])
    if name in ("area", "value"):
        clipper = prep.OutlierClipper()
        there &= ~clipper.mask(clipper.fit(matrix(fit_table, name)), matrix(held, name))[:, 0]
    spread = np.nanstd(fit_table[name])
    apart = np.max(np.abs(back[name] - held[name])[there]) / spread
    print(f"{name:11} {there.sum():4} of {len(held)} cells come back, to 1e-5 of their deviation: {apart < 1e-5}")
    assert apart < 1e-5
seen = held["heating"] != "pellets"
assert list(back["heating"][seen]) == list(held["heating"][seen])
assert set(back["heating"][~seen]) == {None}
print(f"heating     {seen.sum():4} of {len(held)} words come back; the {int((~seen).sum())} of pellets are None")

# %%
network = models.mlp((32, 1))
EPOCHS = 200


def learn(x, x_validation, **options):
    """Train the network on the rows of `fit_table`; all runs of this lesson differ in x alone."""
    return train.fit(
        network,
        losses.mean_squared_error,
        optim.adam(5e-3),
        data=(x, y_fit),
        validation=(x_validation, y_watch),
        epochs=EPOCHS,
        key=jax.random.key(1),
        progress=False,
        **options,
    )


def say(run, x):
    """Forecasts in euros: the network's outputs, and the target's scaling undone."""
    outputs = train.predict(run.model, run.params, run.state, jnp.asarray(x))
    return target.inverse(in_euros, np.asarray(outputs, np.float64))[:, 0]


run = learn(x_fit, x_watch, early_stopping=train.EarlyStopping(patience=40))
with_ones = [np.column_stack([x, np.ones(len(x))]).astype(np.float64) for x in (x_fit, x_held)]
linear = with_ones[1] @ np.linalg.lstsq(with_ones[0], fit_table["bill"], rcond=None)[0]
said = {"mean": np.full(len(held), fit_table["bill"].mean()), "linear": linear, "network": say(run, x_held)}
truth = held["bill"]


def rmse(forecast, rows=slice(None)):
    return float(np.sqrt(np.mean((forecast - truth)[rows] ** 2)))


print(f"best epoch {run.best_epoch}; on the {len(held)} held-out houses:")
for name, forecast in said.items():
    r2 = 1 - rmse(forecast) ** 2 / rmse(said["mean"]) ** 2
    apart = f"pellets {rmse(forecast, ~seen):4.0f} €, the others {rmse(forecast, seen):4.0f} €"
    print(f"  {name:8} RMSE {rmse(forecast):4.0f} €   R² {r2:5.2f}   {apart}")
floor = float(np.sqrt(np.mean((0.06 * truth) ** 2)))
print(f"  chance alone, 6 % of each bill: {floor:.0f} €")
assert rmse(said["network"], seen) < rmse(said["linear"], seen) < rmse(said["mean"], seen)

# %%
figure, (curve, cloud) = plt.subplots(1, 2, figsize=(10.5, 4.3))
curve.semilogy(run.history["loss"], color=BLUE, label="training")
curve.semilogy(run.history["validation_loss"], color=ORANGE, label="validation")
curve.axvline(run.best_epoch - 1, color=GREY, linestyle=":", linewidth=1.4)
curve.set(xlabel="epoch", ylabel="mean squared error, scaled", title="Learning")
curve.legend()
cloud.plot([0, 4500], [0, 4500], color=GREY, linewidth=1)
commas = slipped[held_rows]
for which, colour, marker, name in (
    (seen & ~commas, BLUE, ".", "held-out houses"),
    (~seen, ORANGE, "o", "pellets, never seen"),
    (commas, RED, "x", "a comma slipped"),
):
    cloud.plot(truth[which], said["network"][which], marker, color=colour, markersize=5, label=name)
cloud.set(xlabel="true bill (€)", ylabel="forecast (€)", title="Forecast against truth")
cloud.legend(loc="upper left", fontsize=10)
plt.show()

# %% [markdown]
# The points farthest off the line have their reasons: pellets, that no training row had; houses ten times as large on
# paper as they are; and, at the right, a mansion, of whose kind the network has seen few. To see *which* rows are off,
# and why, is worth more than the next decimal of the score.
#
# ## 10. What goes wrong
#
# The same network, the same rows, the same key; four faults of preparation, none of which stops the program.
#
# * **Not scaled.** Euros beside metres, the first weights the same for both.
# * **The held-out rows scaled by themselves.** The large houses come in one file, and are scaled by *its* mean and
#   deviation. So they are houses of average size.
# * **The leak.** `advance` is left in. The score is superb. In use the column is empty, since the bill is not written
#   yet.
# * **The name.** `house` is one-hot encoded: 800 columns more, one for each house trained on. The network learns by
#   heart: its training loss falls far below what chance allows, and the validation loss is worse than without.


# %%
unscaled = prep.ByColumn(
    (
        prep.Part(("area", "value"), prep.OutlierClipper()),
        prep.Part(("insulation", "built", "residents"), prep.MedianImputer()),
        *preparation.parts[2:],
    )
)
raw = unscaled.fit(fit_table)
steady = learn(x_fit, x_watch)
run_raw = learn(unscaled.apply(raw, fit_table), unscaled.apply(raw, watch_table))

large = np.flatnonzero((held["area"] > 130) & ~commas & seen)
x_own = x_held[large].copy()
x_own[:, :5] = (x_own[:, :5] - x_own[:, :5].mean(axis=0)) / x_own[:, :5].std(axis=0)

advance = prep.Part(("advance",), prep.Pipeline((prep.StandardScaler(), prep.MeanImputer())))
leaky = prep.ByColumn((*preparation.parts, advance))
leaked = leaky.fit(fit_table)
run_leak = learn(leaky.apply(leaked, fit_table), leaky.apply(leaked, watch_table))
in_use = Table({**held.columns, "advance": np.full(len(held), np.nan)}, "as it will be used")
tested, used = (say(run_leak, leaky.apply(leaked, part)) for part in (held, in_use))

named = prep.ByColumn((*preparation.parts, prep.Part(("house",), prep.OneHotEncoder())))
by_name = named.fit(fit_table)
run_name = learn(named.apply(by_name, fit_table), named.apply(by_name, watch_table))

final = {
    name: each.history["validation_loss"][-1] for name, each in (("raw", run_raw), ("good", steady), ("name", run_name))
}
right, own = (float(np.sqrt(np.mean((say(run, x) - truth[large]) ** 2))) for x in (x_held[large], x_own))
print(f"not scaled:  validation loss {final['raw']:.3f} after {EPOCHS} epochs; scaled {final['good']:.3f}")
print(f"{len(large)} large houses:  RMSE {right:.0f} €; scaled by themselves {own:.0f} €")
print(
    f"the leak:  RMSE {rmse(tested):.0f} € when tested, {rmse(used):.0f} € in use; without it {rmse(said['network']):.0f} €"
)
print(f"the name:  training loss {run_name.history['loss'][-1]:.4f}, validation loss {final['name']:.3f}")
assert final["raw"] > 3 * final["good"]
assert own > 2 * right
assert rmse(tested) < rmse(said["network"]) < rmse(used)
assert final["name"] > 1.1 * final["good"]
assert run_name.history["loss"][-1] < final["name"] / 50

# %%
figure, ((scale_axis, own_axis), (leak_axis, name_axis)) = plt.subplots(2, 2, figsize=(10.5, 7.4))
for history, colour, name in ((run_raw.history, RED, "as they are"), (steady.history, BLUE, "scaled")):
    scale_axis.semilogy(history["validation_loss"], color=colour, label=f"columns {name}")
scale_axis.set(xlabel="epoch", ylabel="validation loss", title="Not scaled")
scale_axis.legend()
for axis, x, y_low, colour, marker, name in (
    (own_axis, truth[large], say(run, x_held[large]), BLUE, "o", "by the training rows"),
    (own_axis, truth[large], say(run, x_own), RED, "x", "by themselves"),
    (leak_axis, truth, used, RED, "x", f"in use, RMSE {rmse(used):.0f} €"),
    (leak_axis, truth, tested, BLUE, ".", f"as tested, RMSE {rmse(tested):.0f} €"),
):
    axis.plot(x, y_low, marker, color=colour, markersize=5, label=name)
titles = (own_axis, "Large houses, scaled by themselves"), (leak_axis, "The leak: a column that will be empty")
for axis, title in titles:
    axis.axline((1000, 1000), slope=1, color=GREY, linewidth=1)
    axis.set(xlabel="true bill (€)", ylabel="forecast (€)", title=title)
    axis.legend(loc="upper left", fontsize=10)
name_axis.semilogy(run_name.history["loss"], color=RED, linestyle="--", label="training, with the name")
name_axis.semilogy(run_name.history["validation_loss"], color=RED, label="validation, with the name")
name_axis.semilogy(steady.history["validation_loss"], color=BLUE, label="validation, without")
name_axis.set(xlabel="epoch", ylabel="loss", ylim=(1e-5, 60), title="The name of the house as a column")
name_axis.legend(loc="upper right", fontsize=10)
plt.show()

# %% [markdown]
# How to notice, before it is used? A column that alone explains nearly everything is to be asked when it was written.
# A column with as many values as rows is a name. A forecast that changes when *other* rows are sent along with it has
# scaled by them:

# %%
alone = {name: np.corrcoef(known[name], known["bill"])[0, 1] ** 2 for name in ("area", "built", "value", "advance")}
print("share of the bill's variance that one column explains:", {name: f"{value:.2f}" for name, value in alone.items()})
one_row = preparation.apply(learnt, held.rows(np.array([17])))
print("a row sent alone is prepared as it is among the others:", bool(np.array_equal(one_row[0], x_held[17])))
assert np.array_equal(one_row[0], x_held[17])
assert max(alone, key=alone.get) == "advance"

# %% [markdown]
# ## 11. Three exercises
#
# Fill in the functions and run the cells; each checks your answer and says `right`, or how far off it is. Solutions
# stand at the end.
#
# **Exercise 1. A robust scaler.** Given training rows and other rows, both with gaps (NaN), subtract from each column
# of the other rows the median of the training rows, and divide by the difference of their quartiles. Gaps stay gaps; a
# column whose quartiles are equal is divided by 1. (`np.nanpercentile` passes over gaps.)


# %%
def robust(training, rows):
    return None  # your lines here


def verdict(answer, true):
    """Compare without failing: right, not yet, or how far off."""
    if answer is None:
        return "not yet: return your answer in place of None"
    if np.shape(answer) != np.shape(true):
        return f"not yet: the shape is {np.shape(answer)}, it should be {np.shape(true)}"
    answer, true = np.asarray(answer, np.float64), np.asarray(true, np.float64)
    if not np.array_equal(np.isnan(answer), np.isnan(true)):
        return "not yet: NaN is not where it should be"
    apart = float(np.nanmax(np.abs(answer - true)))
    return "right" if apart < 1e-9 else f"not yet: off by as much as {apart:.2g}"


def with_gaps(seed, shape):
    random = np.random.default_rng(seed)
    return np.where(random.random(shape) < 0.2, np.nan, random.normal(size=shape) * 3 + 1)


def check_robust(answer):
    training, others = with_gaps(20, (40, 4)), with_gaps(21, (9, 4))
    training[:, 2] = 5.0
    scaler = prep.RobustScaler()
    return verdict(answer(training, others), scaler.apply(scaler.fit(training), others))


print(check_robust(robust))

# %% [markdown]
# **Exercise 2. Distances with gaps.** Given two matrices with gaps, $a$ of $n$ rows and $b$ of $m$, return the
# $n \times m$ distances of section 4, $d^2 = \frac{d}{|J|} \sum_{j \in J} (a_j - b_j)^2$; NaN where two rows share no
# column. No loop over rows: a square is $a^2 - 2ab + b^2$, and a sum over the columns that *both* have is a product of
# matrices in which the gaps are 0.


# %%
def distances(a, b):
    there_a, there_b = ~np.isnan(a), ~np.isnan(b)  # noqa: F841
    return None  # your lines here


def check_distances(answer):
    a, b = with_gaps(22, (6, 5)), with_gaps(23, (4, 5))
    a[0, :3], b[0, 3:] = np.nan, np.nan  # these two share no column
    true = np.full((6, 4), np.nan)
    for i in range(6):
        for j in range(4):
            both = ~np.isnan(a[i]) & ~np.isnan(b[j])
            if both.any():
                true[i, j] = np.sqrt(5 / both.sum() * np.sum((a[i] - b[j])[both] ** 2))
    return verdict(answer(a, b), true)


print(check_distances(distances))

# %% [markdown]
# **Exercise 3. How many outliers can hide?** Of $n$ cells, $k$ are equal and very far from the others, which we may
# take as 0. Return the largest $k$ of which the z-score (with the deviation of the $n$ cells, $s_n$) still marks any,
# given the threshold $t$; 0 if it never does. (Section 6 has $z^2$; mind that a cell is marked if $z$ is *above* $t$.)


# %%
def still_seen(n, t):
    return None  # your line here


def check_still_seen(answer):
    cases = [(10, 3.0), (11, 3.0), (30, 3.0), (100, 3.0), (101, 3.0), (60, 2.0), (64, 2.5)]
    true = []
    for n, t in cases:
        # by the rule itself; a hair above t, for rounding may lift a z-score that is equal to t
        marked = [
            prep.z_score_outliers((np.arange(n) < k).astype(float)[:, None], t + 1e-9)[:k].any() for k in range(1, n)
        ]
        true.append(max((k for k, any_marked in enumerate(marked, start=1) if any_marked), default=0))
    answers = [answer(n, t) for n, t in cases]
    return verdict(None if None in answers else answers, true)


print(check_still_seen(still_seen))

# %% [markdown]
# ### Solutions
#
# Open the next cell when you have tried.


# %% jupyter={"source_hidden": true}
def robust_solution(training, rows):
    first, median, third = np.nanpercentile(training, [25, 50, 75], axis=0)
    return (rows - median) / np.where(third > first, third - first, 1.0)


def distances_solution(a, b):
    # the sum of a^2 over what both have: a^2 with gaps as 0, times a matrix of 1 where b is there
    there_a, there_b = ~np.isnan(a), ~np.isnan(b)
    a, b = np.where(there_a, a, 0), np.where(there_b, b, 0)
    count = there_a.astype(float) @ there_b.T.astype(float)
    squares = a**2 @ there_b.T - 2 * a @ b.T + there_a @ (b**2).T
    d2 = a.shape[1] * np.maximum(squares, 0) / np.where(count > 0, count, 1)  # rounding may leave a little less than 0
    return np.sqrt(np.where(count > 0, d2, np.nan))


def still_seen_solution(n, t):
    # z^2 = (n - k) / k > t^2, so k < n / (1 + t^2): the largest whole number below that
    return int(np.ceil(n / (1 + t * t))) - 1


answers = (check_robust(robust_solution), check_distances(distances_solution), check_still_seen(still_seen_solution))
for number, answer in enumerate(answers, start=1):
    print(f"exercise {number}: {answer}")
assert answers == ("right",) * 3

# %% [markdown]
# ## 12. What was proved
#
# * **Scale**: gradient descent keeps $1 - 2/(\kappa + 1)$ of the distance a step, derived, and measured to nine
#   digits; with two standardised columns that is their correlation. Euros beside metres would take years, and least
#   squares does not care.
# * **Leakage**: on pure noise, choosing columns on all rows explains a good part of what cannot be explained; filling
#   by the target does, too; scaling does not. What is learnt from the training rows does not move by a bit when the
#   others are ruined.
# * **Missing cells**: filling by the mean leaves $1 - m$ of the variance, exactly, and $\sqrt{1 - m}$ of a
#   correlation. Neighbours come nearer, if columns are scaled first; that a cell is missing may say something.
# * **Categories**: one-hot gives each its own height, which is its mean; 0, 1, 2 put words on a line. A word never
#   seen has a rule.
# * **Outliers**: none of $n$ cells is beyond $\sqrt{n - 1}$ deviations, and above a tenth the z-score sees none; the
#   quartiles hold up to a quarter.
# * **Splits**: of two promises for Seattle, the chronological one came nearer, both times. **Batches**: with a mask
#   the gradient is that of all rows.
# * And what proves *nothing*: a program that runs; a superb score with a column that will be empty; a score on rows
#   that were looked at.
#
# **Where it stands in the source.** Each file opens with its formula.
#
# | In this lesson | In the package |
# |---|---|
# | Scalers, and their inverse | [`scaling.py`](../src/chainrule/data/preprocessing/scaling.py) |
# | Mean, median, neighbours, indicators | [`imputation.py`](../src/chainrule/data/preprocessing/imputation.py) |
# | One-hot, labels, the rule for the unseen | [`encoding.py`](../src/chainrule/data/preprocessing/encoding.py) |
# | z-score, quartiles, clip and drop | [`outliers.py`](../src/chainrule/data/preprocessing/outliers.py) |
# | One after the other; side by side | [`pipeline.py`](../src/chainrule/data/preprocessing/pipeline.py), [`by_column.py`](../src/chainrule/data/preprocessing/by_column.py) |
# | Splits | [`split.py`](../src/chainrule/data/split.py) |
# | Batches with a mask; the batches of `fit` | [`data/batches.py`](../src/chainrule/data/batches.py), [`train/batches.py`](../src/chainrule/train/batches.py) |
# | Tables | [`table.py`](../src/chainrule/data/tables/table.py) |
# | All of this for a file of yours | `chainrule fit TABLE --target COLUMN` |
#
# **Sources.**
#
# * Y. LeCun, L. Bottou, G. Orr and K.-R. Müller, *Efficient BackProp*, in: Neural Networks: Tricks of the Trade,
#   Springer, 1998: why inputs are centred and scaled.
# * T. Hastie, R. Tibshirani and J. Friedman, *The Elements of Statistical Learning*, 2nd edition, Springer, 2009,
#   section 7.10.2: the wrong and the right way to do cross-validation.
# * C. Ambroise and G. McLachlan, *Selection bias in gene extraction on the basis of microarray gene-expression data*,
#   PNAS 99, 2002.
# * O. Troyanskaya and others, *Missing value estimation methods for DNA microarrays*, Bioinformatics 17, 2001: filling
#   by neighbours.
# * R. Little and D. Rubin, *Statistical Analysis with Missing Data*, Wiley, 3rd edition 2019.
# * P. Samuelson, *How deviant can you be?*, Journal of the American Statistical Association 63, 1968: the bound
#   $\sqrt{n - 1}$. J. Tukey, *Exploratory Data Analysis*, Addison-Wesley, 1977: the quartiles and 1.5.
# * The weather: National Oceanic and Atmospheric Administration, Global Historical Climatology Network, public domain,
#   as `vega_datasets` carries it.
