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
# # Probability and information
#
# A network looks at a picture and says: *cat, 0.9*. It was trained by making a number called *cross-entropy* small. Its
# authors write that it is better than another network, *p < 0.05*.
#
# **The question of this lesson:** what do these three numbers mean, where do their formulas come from, and when do
# they prove nothing?
#
# All three are built from one idea, that of a random variable. We start from a die and derive, one step at a time:
# averages and spreads, what an observation does to a belief, why the usual losses are what they are, when a difference
# is more than chance, and how many bits an answer is worth. You need fractions, logarithms, derivatives, and an integral
# as the area under a curve.
#
# | | |
# |---|---|
# | 1 | A random variable and its key |
# | 2 | Distributions: the formula against the draws |
# | 3 | Expectation, variance, covariance |
# | 4 | Bayes: what a test result says |
# | 5 | Likelihood, and where the losses come from |
# | 6 | Is the difference more than chance? |
# | 7 | Entropy, divergence, mutual information |
# | 8 | What goes wrong |
# | 9 | Three exercises |
# | 10 | What was proved |
#
# Everything is computed with 64 bits. A formula is first written out in NumPy or JAX as it was derived; then an
# independent way must give the same number, and so must the function of `chainrule.maths`. `same` stops the notebook
# where two of them differ by more than rounding.

# %%
import itertools
import math

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from chainrule import losses
from chainrule.course import errata
from chainrule.course.figures import probability as pictures
from chainrule.course.figures import statistics as more_pictures
from chainrule.maths import information, probability, statistics

jax.config.update("jax_enable_x64", True)
# %matplotlib inline
# %config InlineBackend.print_figure_kwargs = {"bbox_inches": None}

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#8a8a8a"
PALE = "#cfe3f1"
plt.rcParams.update(
    {
        "figure.dpi": 80,
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


def same(what, *values, tolerance=1e-12):
    """Say that the ways to a number agree, and stop if they do not: relative to the largest number compared."""
    first = np.asarray(values[0], np.float64)
    size = max(float(np.max(np.abs(first))), 1e-300)
    for value in values[1:]:
        assert np.shape(value) == first.shape, f"{what}: shapes {np.shape(value)} and {first.shape}"
        apart = float(np.max(np.abs(np.asarray(value) - first))) / size
        assert apart <= tolerance, f"{what}: apart by {apart:.1e}"
    print(f"{what}: {len(values)} ways agree to {tolerance:.0e}")


# %% [markdown]
# ## 1. A random variable and its key
#
# A **random variable** $X$ is a number that chance decides. If it can take separate values, such as the eyes of a die, it
# is *discrete*, and its **mass** says how probable each is: $P(X = x) \ge 0$, and $\sum_x P(X = x) = 1$. If it can take any
# value in an interval, such as a waiting time, it is *continuous*. Then each single value has probability zero, and what
# we can give is a **density** $f$: probability is the area under it,
#
# $$P(a < X < b) = \int_a^b f(x)\,dx, \qquad f \ge 0, \qquad \int f = 1 .$$
#
# (A density is no probability. It may well be larger than 1: over an interval of length 1/10, it has to be.)
#
# On a computer chance is a calculation. In JAX it is a *pure* one: a draw is a function of a **key**, and of nothing else.
# The same key gives the same draw, today and tomorrow and in whatever order the program runs; for a new draw one makes a
# new key by `split`. There is no global seed that some other line might move.

# %%
key = jax.random.key(0)
first, second = jax.random.split(key)
print("the same key twice: ", jax.random.randint(key, (8,), 1, 7), jax.random.randint(key, (8,), 1, 7))
print("two keys from it:   ", jax.random.randint(first, (8,), 1, 7), jax.random.randint(second, (8,), 1, 7))

# %% [markdown]
# **Two dice.** Let $S = X + Y$ be the sum of two dice that know nothing of each other. *Independent* means just that: the
# probability of both is the product, $P(X = x, Y = y) = P(X = x)\,P(Y = y)$. To get the sum $s$ the first die may show any
# $x$, and the second must then show $s - x$. These cases exclude each other, so their probabilities add:
#
# $$P(S = s) = \sum_x P(X = x)\,P(Y = s - x) .$$
#
# That is a convolution. For seven there are six cases of $\frac1{36}$ each; for two there is one.

# %%
die = np.full(6, 1 / 6)
two_dice = np.convolve(die, die)
counted = np.bincount([a + b for a, b in itertools.product(range(1, 7), repeat=2)], minlength=13)[2:] / 36
same("two dice: the convolution, and all 36 cases counted", two_dice, counted)

throws = jax.random.randint(jax.random.key(1), (6000, 2), 1, 7).sum(axis=1)
frequency = np.bincount(np.asarray(throws), minlength=13)[2:] / 6000

figure, axes = plt.subplots(figsize=(7.5, 3))
axes.bar(np.arange(2, 13), frequency, color=PALE, width=0.8, label="6,000 throws")
axes.plot(np.arange(2, 13), two_dice, "o", color=BLUE, label="P(S = s)")
axes.set(xlabel="sum s of two dice", ylabel="probability, frequency", xticks=range(2, 13), ylim=(0, 0.2))
axes.legend(loc="upper right")
plt.show()

# %% [markdown]
# ## 2. Distributions: the formula against the draws
#
# A few families of distributions serve again and again. They are not a list to learn: each follows from a story.
#
# * **Bernoulli**: one trial, $P(1) = p$, $P(0) = 1 - p$.
# * **Binomial**: $k$ successes in $n$ independent trials. One given order of $k$ successes and $n - k$ failures has
#   probability $p^k (1-p)^{n-k}$, and there are $\binom nk = \frac{n!}{k!\,(n-k)!}$ orders: $P(k) = \binom nk p^k (1-p)^{n-k}$.
# * **Poisson**: very many trials, each very unlikely, with $np = m$ fixed (letters with a misprint). Then
#   $\binom nk p^k = \frac{n (n-1) \cdots (n-k+1)}{n^k} \frac{m^k}{k!} \to \frac{m^k}{k!}$ and $(1 - \frac mn)^{n-k} \to e^{-m}$, so $P(k) = \frac{m^k}{k!}\,e^{-m}$.
# * **Exponential**: the waiting time until the first such event. Nothing has happened by time $x$ with probability
#   $P(X > x) = e^{-bx}$ (the Poisson mass at $k = 0$ with $m = bx$); minus the derivative of that is the density, $f(x) = b\,e^{-bx}$.
# * **Gamma**: the waiting time until the $a$-th event, $f(x) = \frac{b^a}{\Gamma(a)} x^{a-1} e^{-bx}$, where $\Gamma(a) = (a-1)!$ for whole $a$.
# * **Normal**: the sum of many small independent causes. $f(x) = \frac1{s\sqrt{2\pi}} e^{-z^2/2}$ with $z = \frac{x - m}s$.
#
# Where does $\sqrt{2\pi}$ come from? Let $I = \int e^{-z^2/2} dz$. Then $I^2 = \iint e^{-(u^2 + v^2)/2}\,du\,dv$ is the volume under a round
# hill. In rings of radius $r$, each of area $2\pi r\,dr$, it is $\int_0^\infty 2\pi r\, e^{-r^2/2}\,dr = 2\pi$. So $I = \sqrt{2\pi}$.
#
# In `chainrule.maths.probability` a distribution is a tuple of its parameters, with `sample` (which wants a key), `mean`,
# `variance`, `cdf`, and `log_density`: the logarithm, for section 8 shows what becomes of products of small numbers. We
# write the formulas above once more by hand, compare, and then hold them against 20,000 draws.

# %%
n, p, m, rate, shape = 12, 0.3, 4.0, 1.5, 3.0
counts, grid = np.arange(13), np.linspace(0.05, 6, 120)
by_hand = {
    "binomial": [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in counts],
    "Poisson": [m**k * math.exp(-m) / math.factorial(k) for k in counts],
    "exponential": rate * np.exp(-rate * grid),
    "gamma": rate**shape * grid ** (shape - 1) * np.exp(-rate * grid) / math.gamma(shape),
    "normal": np.exp(-((grid - 2) ** 2) / (2 * 0.8**2)) / (0.8 * math.sqrt(2 * math.pi)),
    "Student's t": (1 + grid**2 / 3) ** -2 * math.gamma(2) / (math.sqrt(3 * math.pi) * math.gamma(1.5)),
}
families = {
    "binomial": probability.Binomial(n, p),
    "Poisson": probability.Poisson(m),
    "exponential": probability.Exponential(rate),
    "gamma": probability.Gamma(shape, rate),
    "normal": probability.Normal(2.0, 0.8),
    "Student's t": probability.StudentT(3.0),
}
density = jax.jit(lambda family, x: jnp.exp(family.log_density(x)))  # a distribution goes through jit like any tuple
for name, formula in by_hand.items():
    places = jnp.asarray(counts if name in ("binomial", "Poisson") else grid)
    same(f"{name:12}", formula, density(families[name], places))

# %%
figure, panels = plt.subplots(2, 3, figsize=(10.5, 5.2))
size, drawn = 20_000, {}
for number, (axes, (name, family)) in enumerate(zip(panels.flat, families.items(), strict=True)):
    draws = drawn[name] = np.asarray(family.sample(jax.random.key(10 + number), (size,)))
    if name in ("binomial", "Poisson"):
        axes.bar(counts, np.bincount(draws, minlength=30)[:13] / size, color=PALE)
        axes.plot(counts, by_hand[name], "o", color=BLUE, markersize=5)
        axes.set(xlabel="k", ylabel="P(X = k)", xticks=range(0, 13, 3))
        gap = np.max(np.abs(np.mean(draws[:, None] <= counts, axis=0) - np.cumsum(by_hand[name])))
    else:
        low, high = (-5, 5) if name == "Student's t" else (0, 6 if name == "gamma" else 5)
        line = jnp.linspace(low + 1e-9, high, 300)
        axes.hist(draws, bins=np.linspace(low, high, 41), weights=np.full(size, 40 / (high - low) / size), color=PALE)
        axes.plot(line, density(family, line), color=BLUE)
        axes.set(xlabel="x", ylabel="density f(x)")
        fine = np.linspace(0 if name in ("exponential", "gamma") else -100, 100, 100_001)
        heights = np.asarray(density(family, jnp.asarray(fine)))  # the area from the left, in trapezia
        areas = np.append(0, np.cumsum((heights[1:] + heights[:-1]) / 2 * np.diff(fine)))
        steps = np.interp(np.sort(draws), fine, areas)
        gap = np.max(np.maximum(np.arange(1, size + 1) / size - steps, steps - np.arange(size) / size))
    axes.set_title(f"{name}: √n · gap = {gap * math.sqrt(size):.2f}")
    assert gap * math.sqrt(size) < 1.95, f"{name}: the draws are not of this distribution"
plt.show()

# %% [markdown]
# *Line and dots: the formula. Bars: 20,000 draws.* The eye is no proof; the title is. The **gap** is the largest
# difference between $P(X \le x)$ by the formula and the fraction of draws that are $\le x$. For the right distribution
# $\sqrt n$ times the gap exceeds 1.95 once in a thousand times (Kolmogorov's test; for counts even less often).
#
# ## 3. Expectation, variance, covariance
#
# The **expectation** is the mean that we would get over endlessly many draws, each value weighted by its probability:
# $E[X] = \sum_x x\,P(X = x)$, or $\int x f(x)\,dx$. It is a sum, hence *linear*: $E[aX + b] = a\,E[X] + b$ and
# $E[X + Y] = E[X] + E[Y]$, whether or not they depend on each other.
#
# The **variance** is the expected squared distance from it. With $\mu = E[X]$, multiply out and use linearity:
#
# $$\operatorname{Var} X = E[(X - \mu)^2] = E[X^2] - 2\mu\,E[X] + \mu^2 = E[X^2] - \mu^2 ,$$
#
# and its root, the **standard deviation**, has the unit of $X$. The **covariance** says whether two variables deviate
# together, and the **correlation** is the same in units of their standard deviations, between $-1$ and $1$:
#
# $$\operatorname{Cov}(X, Y) = E[(X - \mu_X)(Y - \mu_Y)], \qquad \varrho = \frac{\operatorname{Cov}(X, Y)}{\sigma_X \sigma_Y} .$$
#
# Independent variables have covariance 0 (the expectation of a product of independent factors is the product of the
# expectations), so their variances add. Then the mean $\bar X$ of $n$ independent draws has
#
# $$\operatorname{Var} \bar X = \frac1{n^2} \cdot n \sigma^2 = \frac{\sigma^2}n :$$
#
# four times the data, half the error. All of what follows lives on this line.
#
# **Why divide by $n - 1$?** From data $x_1 \ldots x_n$ we do not know $\mu$, and put the mean $\bar x$ in its place. But $\bar x$ was
# made from these very numbers and lies nearer to them than $\mu$ does:
#
# $$\sum_i (x_i - \mu)^2 = \sum_i (x_i - \bar x)^2 + n (\bar x - \mu)^2 .$$
#
# (The mixed term $2 (\bar x - \mu) \sum_i (x_i - \bar x)$ is 0.) Take expectations: on the left $n \sigma^2$, and the last term is
# $n \cdot \sigma^2/n = \sigma^2$. So $E \sum (x_i - \bar x)^2 = (n - 1)\, \sigma^2$, and dividing by $n - 1$ is right on average. Libraries call the
# number taken from $n$ `ddof`; `np.var` has 0 by default, `np.cov` has 1.

# %%
x = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
print("mean of 1..5:", x.mean(), " variance with ddof 0:", x.var(), " with ddof 1:", x.var(ddof=1))
print("np.var and np.cov of the same numbers:", np.var(x), np.cov(x))

# the two ways to the variance of a die, and that of the sum of two dice
eyes, sums = np.arange(1, 7), np.arange(2, 13)
variance = np.sum(die * (eyes - 3.5) ** 2)
same("variance of a die", variance, np.sum(die * eyes**2) - 3.5**2, 35 / 12)
same("variance of the sum of two", np.sum(two_dice * (sums - 7) ** 2), 2 * variance)

# %%
sizes = np.arange(2, 21)
draws = np.asarray(probability.Normal(0.0, 1.0).sample(jax.random.key(2), (20_000, 20)))
means = {ddof: [np.mean(np.var(draws[:, :size], axis=1, ddof=ddof)) for size in sizes] for ddof in (0, 1)}

figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 3.4))
left.plot(sizes, means[0], "o", color=RED, label="divided by n")
left.plot(sizes, (sizes - 1) / sizes, color=RED, linewidth=1, label="(n − 1)/n, as derived")
left.plot(sizes, means[1], "s", color=BLUE, markersize=5, label="divided by n − 1")
left.axhline(1, color=GREY, linestyle="--", linewidth=1)
left.set(xlabel="size n of the sample", ylabel="variance, mean of 20,000", title="True variance 1", ylim=(0.4, 1.1))
left.set_xticks([2, 5, 10, 15, 20])
left.legend(loc="lower right")
spread_sizes = 2 ** np.arange(12)
throws = np.asarray(jax.random.randint(jax.random.key(3), (1000, 2048), 1, 7))
spread = [np.std(throws[:, :size].mean(axis=1)) for size in spread_sizes]
right.loglog(spread_sizes, spread, "o", color=BLUE, label="1,000 experiments")
right.loglog(spread_sizes, math.sqrt(35 / 12) / np.sqrt(spread_sizes), color=GREY, label=r"$\sigma/\sqrt{n}$")
right.set(xlabel="throws n", ylabel="spread of the mean of n throws", title="Four times the data, half the error")
right.legend()
plt.show()

# %% [markdown]
# **A misprint.** A tutorial prints the covariance matrix of $(1, 2, 30, 4, 5)$ and $(2, 4, 60, 18, 10)$. One of its numbers is wrong,
# and the course decides which, by fractions and by a formula that needs no mean at all,
# $\frac{1}{2n(n-1)} \sum_{i,j} (x_i - x_j)^2$:

# %%


def show(id):
    """Settle an erratum on the spot, and print what was printed and what is right."""
    finding = errata.find(id).settle()
    print(finding.erratum.claim)
    print(f"  printed {finding.erratum.printed}, correct {finding.erratum.correct}: {finding.verdict}")
    for way, value in finding.evidence.ways.items():
        print(f"  by {way}: {finding.written(value)}")
    for what, words in finding.evidence.remarks.items():
        print(f"  {what}: {words}")
    assert finding.stands


show("C3-covariance")

# %%
more_pictures.covariance_and_correlation()

# %% [markdown]
# *The covariance depends on the units, and here on one point in five; without that point these data say little.*
#
# ## 4. Bayes: what a test result says
#
# $P(A \mid B)$, the probability of $A$ *given* $B$, is the share of $A$ among the cases in which $B$ holds: $P(A \mid B) = P(A, B) / P(B)$.
# Both $P(A \mid B)\,P(B)$ and $P(B \mid A)\,P(A)$ are thus the same $P(A, B)$. Divide:
#
# $$\boxed{\;P(A \mid B) = \frac{P(B \mid A)\,P(A)}{P(B)}, \qquad P(B) = \sum_{A'} P(B \mid A')\,P(A')\;}$$
#
# A disease has one person in a hundred. A test finds 90 % of the sick, and is wrongly positive for 9 % of the healthy.
# Yours is positive. How worried should you be? Of 1,000 people 10 are sick, and 9 of these test positive. Of the 990
# healthy ones, 89.1 do. So of 98.1 positive tests 9 are of the sick:

# %%
prior = np.array([0.01, 0.99])  # sick, healthy
positive = np.array([0.90, 0.09])  # P(positive | sick), P(positive | healthy)
posterior = positive * prior / np.sum(positive * prior)
answer = probability.bayes(jnp.log(prior), jnp.log(positive))
same("sick, given a positive test", posterior, np.exp(answer.log_posterior), np.array([9, 89.1]) / 98.1)

people = 1_000_000  # and the same by simulating people, without the theorem
sick_key, test_key = jax.random.split(jax.random.key(4))
sick = np.asarray(jax.random.uniform(sick_key, (people,)) < 0.01)
tested = np.asarray(jax.random.uniform(test_key, (people,))) < np.where(sick, 0.90, 0.09)
print(
    f"by the theorem {100 * posterior[0]:.1f} %, among a million simulated people {100 * np.mean(sick[tested]):.1f} %"
)
assert abs(np.mean(sick[tested]) - posterior[0]) < 4 * math.sqrt(0.09 * 0.91 / tested.sum())

# %%
figure, (crowd, axes) = plt.subplots(1, 2, figsize=(10.5, 3.9), width_ratios=[1.35, 1])
place = np.arange(1000)
for chosen, colour, label in (
    (place < 9, RED, "sick, positive: 9"),
    (place == 9, "black", "sick, missed: 1"),
    ((place > 9) & (place < 99), ORANGE, "healthy, positive: 89"),
    (place >= 99, PALE, "healthy, negative: 901"),
):
    crowd.plot(place[chosen] // 20, place[chosen] % 20, "s", color=colour, markersize=4.6, label=label)
crowd.set(title="1,000 people", ylim=(19.8, -0.8))
crowd.axis("off")
crowd.legend(loc="upper center", bbox_to_anchor=(0.5, 0), ncols=2, handletextpad=0.2)
share = np.logspace(-4, np.log10(0.5), 200)
for false_alarms, colour in ((0.09, BLUE), (0.01, GREEN), (0.001, ORANGE)):
    axes.semilogx(
        share, 0.9 * share / (0.9 * share + false_alarms * (1 - share)), color=colour, label=f"{false_alarms:.1%}"
    )
axes.plot(0.01, posterior[0], "o", color=RED)
axes.text(0.012, posterior[0] - 0.05, "9 %", color=RED)
axes.set(xlabel="share of the sick before the test", ylabel="P(sick | positive)", title="What a positive test says")
axes.legend(title="false alarms", loc="upper left")
plt.show()

# %% [markdown]
# *Red against orange is the answer: 9 %.* The test is not bad; the disease is rare. To leave out the first factor, the
# **prior**, and answer 90 % is called the base-rate fallacy.
#
# **A belief about a number.** Let a coin show heads with unknown probability $\theta$. We write what we believe as a density,
# the beta distribution $f(\theta) \propto \theta^{a-1} (1 - \theta)^{b-1}$ ($\propto$: up to a factor that makes the area 1; $a = b = 1$ is flat). A
# head has probability $\theta$, a tail $1 - \theta$; so after $h$ heads and $t$ tails Bayes' theorem multiplies by $\theta^h (1 - \theta)^t$,
#
# $$f(\theta \mid \text{data}) \propto \theta^{a + h - 1} (1 - \theta)^{b + t - 1} ,$$
#
# which is a beta distribution again, with $a + h$ and $b + t$. Learning is counting. A prior that keeps its form is
# called *conjugate*. The independent way knows nothing of beta: prior times likelihood at 10,001 places, divided by the
# area.

# %%
tosses = probability.Bernoulli(0.7).sample(jax.random.key(5), (40,))
heads = int(tosses.sum())
believed = probability.beta_bernoulli(probability.Beta(2.0, 2.0), tosses)

theta = np.linspace(0, 1, 10_001)
product = theta * (1 - theta) * theta**heads * (1 - theta) ** (40 - heads)
product /= np.trapezoid(product, theta)
same("posterior density", density(believed, jnp.asarray(theta[1:-1])), product[1:-1], tolerance=1e-10)
same("its mean", (2 + heads) / (4 + 40), float(believed.mean), np.trapezoid(theta * product, theta), tolerance=1e-10)
one_by_one = probability.Beta(2.0, 2.0)
for toss in tosses:
    one_by_one = probability.beta_bernoulli(one_by_one, toss[None])
print("one toss at a time leads to the same belief:", one_by_one == believed)

# %%
coin = probability.Bernoulli(0.7).sample(jax.random.key(4), (256,))
figure, axes = plt.subplots(figsize=(8.5, 3.4))
for count, shade in zip((0, 4, 16, 64, 256), plt.cm.Blues(np.linspace(0.35, 1, 5)), strict=True):
    heads = int(np.sum(coin[:count]))
    belief = probability.Beta(1.0 + heads, 1.0 + count - heads)
    label = f"{heads} heads of {count}" if count else "before the first toss"
    axes.plot(theta[1:-1], density(belief, jnp.asarray(theta[1:-1])), color=shade, label=label)
axes.axvline(0.7, color=RED, linestyle="--", linewidth=1.4)
axes.text(0.69, 11, "truth, 0.7", color=RED, ha="right")
axes.set(xlabel="probability θ of heads", ylabel="density of the belief", xlim=(0, 1), ylim=(0, 15.5))
axes.set_title("A flat belief, and what a coin makes of it")
axes.legend(loc="upper left")
plt.show()

# %% [markdown]
# **A belief about a line.** Let $y = X w + \text{noise}$: each row of $X$ is $(1, x_i)$, $w$ holds intercept and slope, the noise is
# normal with standard deviation $s$, and before the data we believe $w$ normal with mean 0 and covariance $\tau^2 I$. Take
# logarithms; prior and likelihood are both squares, and add:
#
# $$\log f(w \mid y) = -\frac{|w|^2}{2\tau^2} - \frac{|y - Xw|^2}{2 s^2} + \dots
# = -\tfrac12\, w^{\mathsf T} \underbrace{\Big(\tfrac1{\tau^2} I + \tfrac1{s^2} X^{\mathsf T} X\Big)}_{S_n^{-1}} w + w^{\mathsf T} \tfrac1{s^2} X^{\mathsf T} y + \dots$$
#
# A normal density with mean $w_n$ has $-\frac12 w^{\mathsf T} S_n^{-1} w + w^{\mathsf T} S_n^{-1} w_n$. Compare: $w_n = S_n X^{\mathsf T} y / s^2$. This is
# *ridge regression* with strength $s^2/\tau^2$: a penalty on large weights is a prior belief that they are small. At a
# new row $x$ the target has mean $x^{\mathsf T} w_n$ and variance $s^2 + x^{\mathsf T} S_n\, x$: noise, and what is not known of the line.

# %%
tau, s = 2.0, 0.4
keys = jax.random.split(jax.random.key(6))
inputs = np.asarray(jax.random.uniform(keys[0], (12,), minval=-1.0, maxval=0.6))
X = np.stack([np.ones(12), inputs], axis=1)
y = X @ [0.5, 1.5] + s * np.asarray(jax.random.normal(keys[1], (12,)))

S_n = np.linalg.inv(np.eye(2) / tau**2 + X.T @ X / s**2)
w_n = S_n @ X.T @ y / s**2
belief = probability.bayesian_regression(
    probability.MultivariateNormal(jnp.zeros(2), tau * jnp.eye(2)), X, y, noise_scale=s
)
ridge = np.linalg.lstsq(np.vstack([X, s / tau * np.eye(2)]), np.append(y, np.zeros(2)))[0]  # two more rows say "w is 0"
same("mean of the weights", w_n, belief.weights.mean, ridge, tolerance=1e-10)
same("their covariance", S_n, belief.weights.covariance, tolerance=1e-10)

# Independent of all that: y itself is normal with covariance tau^2 X X^T + s^2 I. What is (w, y) jointly, given y?
joint = tau**2 * X @ X.T + s**2 * np.eye(12)
through_y = tau**2 * X.T @ np.linalg.solve(joint, y)
same("mean of the weights, by way of the joint distribution", w_n, through_y, tolerance=1e-10)
evidence = -0.5 * y @ np.linalg.solve(joint, y) - 0.5 * np.linalg.slogdet(2 * np.pi * joint)[1]
same("log evidence", evidence, belief.log_evidence, tolerance=1e-10)

# %%
pictures.bayesian_regression_band()

# %% [markdown]
# *The band of the line is narrow where there are data and widens where there are none: the model knows what it does not
# know. The outer band has the noise in it, and never gets narrower than that.*
#
# ## 5. Likelihood, and where the losses come from
#
# Turn the question round. The data are fixed, and we ask under which parameters they would have been most probable:
# **maximum likelihood**. For independent data the likelihood is a product; its logarithm is a sum, has its maximum at the same
# place, and is what we work with.
#
# **In closed form**, for normal data: $\ell(m, s) = -n \log s - \frac1{2 s^2} \sum_i (x_i - m)^2 + \text{const}$. Set the derivatives to zero,
#
# $$\frac{\partial \ell}{\partial m} = \frac1{s^2} \sum_i (x_i - m) = 0 \;\Rightarrow\; m = \bar x, \qquad
# \frac{\partial \ell}{\partial s} = -\frac ns + \frac1{s^3} \sum_i (x_i - m)^2 = 0 \;\Rightarrow\; s^2 = \frac1n \sum_i (x_i - \bar x)^2 .$$
#
# (Divided by $n$: the likeliest variance is not the one that is right on average.)
#
# **By gradient**, for gamma data. The mean log likelihood is $a \log b + (a - 1)\,\overline{\log x} - b\,\bar x - \log \Gamma(a)$. By $b$ it is solved
# at once, $b = a / \bar x$; what is left, $\log a - \psi(a) = \log \bar x - \overline{\log x}$ with $\psi = (\log \Gamma)'$, has no solution in
# formulas. But it has a gradient, and minus its height is a loss. We go downhill in $(\log a, \log b)$, so that both stay positive.
#
# How near to the truth will that be? The more sharply the likelihood is curved at its top, the nearer: the inverse of the matrix of minus
# its second derivatives, divided by $n$, is the covariance of the estimates. Here it gives $\operatorname{Var} a \approx \frac{a}{n\,(a\,\psi'(a) - 1)}$, with
# $\psi'(3) = \frac{\pi^2}6 - 1 - \frac14$.

# %%
data = jnp.asarray(drawn["gamma"])  # the 20,000 of section 2: shape 3, rate 1.5
mean_x, mean_log_x = jnp.mean(data), jnp.mean(jnp.log(data))


def gamma_loss(theta):
    """Minus the mean log likelihood of shape exp(theta_0) and rate exp(theta_1)."""
    a, b = jnp.exp(theta[0]), jnp.exp(theta[1])
    return -(a * theta[1] + (a - 1) * mean_log_x - b * mean_x - jax.lax.lgamma(a))


def walk(theta, _):
    return theta - 0.2 * jax.grad(gamma_loss)(theta), theta


end, path = jax.lax.scan(walk, jnp.log(jnp.array([1.0, 3.0])), length=1000)
a, b = jnp.exp(end)
fit = probability.maximum_likelihood(probability.Gamma, data)
same("shape: gradient descent, Newton", a, fit.shape, tolerance=1e-8)
same("rate: gradient descent, Newton, a / mean", b, fit.rate, a / mean_x, tolerance=1e-8)
same(
    "the equation that it solves",
    jnp.log(a) - jax.scipy.special.digamma(a),
    jnp.log(mean_x) - mean_log_x,
    tolerance=1e-8,
)
spread = math.sqrt(3 / (size * (3 * (math.pi**2 / 6 - 1 - 1 / 4) - 1)))
print(f"shape {a:.3f}, rate {b:.3f}; from {size:,} draws of shape 3 the likeliest shape strays by about {spread:.3f}")
assert abs(a - 3) < 4 * spread
normal = probability.maximum_likelihood(probability.Normal, data)
same("normal: scale", np.std(data), normal.scale)

figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 3.6))
aa, bb = np.meshgrid(np.linspace(0.7, 5.5, 150), np.linspace(0.3, 3.4, 150))
heights = jax.jit(jax.vmap(gamma_loss))(jnp.log(jnp.stack([aa.ravel(), bb.ravel()], axis=1))).reshape(
    aa.shape
) - gamma_loss(end)
lines = left.contour(aa, bb, heights, levels=[0.003, 0.03, 0.1, 0.3, 1, 2, 4], colors=GREY, linewidths=1)
left.clabel(lines, fontsize=8, fmt="%g")
left.plot(*np.exp(path).T, ".-", color=BLUE, linewidth=1.2, markersize=5, label="gradient descent")
left.plot(3, 1.5, "x", color=RED, markersize=9, markeredgewidth=2, label="truth")
left.plot(a, b, "o", color=GREEN, markersize=8, label="maximum likelihood")
left.set(xlabel="shape a", ylabel="rate b", title="Loss above its minimum (nats)", xlim=(0.7, 5.5), ylim=(0.3, 3.4))
left.legend(loc="lower right", frameon=True, framealpha=1, edgecolor="white")
line = jnp.linspace(0.01, 7, 300)
right.hist(np.asarray(data), bins=np.linspace(0, 12, 61), density=True, color=PALE, label="20,000 draws")
right.plot(line, density(fit, line), color=GREEN, label="gamma, fitted")
right.plot(line, density(normal, line), color=ORANGE, linestyle="--", label="normal, fitted")
right.set(xlabel="x", ylabel="density", title="Two families, each at its best", xlim=(0, 7))
right.legend()
plt.show()

# %% [markdown]
# **Cross-entropy is minus a log likelihood.** A classifier gives probabilities $p_i = \text{softmax}(z_i)$ for example $i$. The
# probability that it gave to all the true classes $c_i$ is $\prod_i p_{i, c_i}$. Minus the mean logarithm is
# $-\frac1n \sum_i \log p_{i, c_i}$, and that, letter for letter, is the cross-entropy loss. To train a classifier is to do maximum
# likelihood.
#
# **So is the squared error.** Let a network predict $\hat y_i$ and let $y_i$ scatter around it normally with fixed $s$. Minus the
# mean log likelihood is $\frac1{2 s^2} \cdot \frac1n \sum_i (y_i - \hat y_i)^2 + \log(s \sqrt{2\pi})$: the mean squared error, scaled and shifted by what
# does not depend on the network. Whoever minimises squared errors has assumed normal noise, and noise with long tails
# asks for another loss. Student's t, for one, forgives outliers:

# %%
keys = jax.random.split(jax.random.key(8), 3)
logits, classes = jax.random.normal(keys[0], (20, 5)), jax.random.randint(keys[1], (20,), 0, 5)
log_p = logits - jnp.log(jnp.sum(jnp.exp(logits), axis=1, keepdims=True))
same(
    "cross-entropy and likelihood",
    losses.cross_entropy(logits, classes),
    -jnp.log(jnp.prod(jnp.exp(log_p)[jnp.arange(20), classes])) / 20,
    -jnp.mean(probability.Categorical(logits=logits).log_density(classes)),
)
guess, target = jax.random.normal(keys[2], (2, 20))
same(
    "squared error and likelihood",
    jnp.mean((guess - target) ** 2) / (2 * s**2) + math.log(s * math.sqrt(2 * math.pi)),
    losses.mean_squared_error(guess, target) / (2 * s**2) + math.log(s * math.sqrt(2 * math.pi)),
    -jnp.mean(probability.Normal(guess, s).log_density(target)),
)

spoiled = np.where(inputs == inputs.min(), 4.0, y)  # one target of section 4, mistyped


def robust_loss(w):
    return -jnp.mean(probability.StudentT(2.0, X @ w, 0.3).log_density(spoiled))


least_squares = np.linalg.lstsq(X, spoiled)[0]
robust, _ = jax.lax.scan(lambda w, _: (w - 0.05 * jax.grad(robust_loss)(w), None), jnp.zeros(2), length=3000)
figure, axes = plt.subplots(figsize=(7.5, 3.2))
ends = np.array([-1.05, 0.65])
axes.plot(inputs, spoiled, "o", color="black", markersize=5)
axes.annotate("mistyped", (inputs.min(), 4.0), xytext=(8, -4), textcoords="offset points")
for w, colour, style, label in (
    (least_squares, RED, "-", "normal noise: squared error"),
    (robust, BLUE, "-", "Student's t noise, 2 degrees"),
    (np.array([0.5, 1.5]), GREY, "--", "truth"),
):
    axes.plot(ends, w[0] + w[1] * ends, color=colour, linestyle=style, label=label)
axes.set(xlabel="x", ylabel="y", title="The noise that one believes in is the loss", ylim=(-1.6, 4.6))
axes.legend(loc="upper right")
plt.show()

# %% [markdown]
# ## 6. Is the difference more than chance?
#
# Two networks, each trained eight times from different keys, have these errors. The first has the smaller mean. Would
# the next eight runs say so, too?
#
# Suppose not: let both have one mean (the *null hypothesis*), and one variance $\sigma^2$. The difference of the means of $n$ and
# $m$ numbers has variance $\sigma^2 (\frac1n + \frac1m)$, by section 3. We estimate $\sigma^2$ from both samples, each about its own mean, at the cost
# of two degrees of freedom:
#
# $$s^2 = \frac{\sum (x_i - \bar x)^2 + \sum (y_j - \bar y)^2}{n + m - 2}, \qquad t = \frac{\bar x - \bar y}{s \sqrt{1/n + 1/m}} .$$
#
# If the null hypothesis holds, and the data are normal, $t$ follows **Student's distribution** with $n + m - 2$ degrees of
# freedom, a bell with tails that are longer than the normal ones because $s$ is itself a guess. The **p-value** is the area
# of its two tails beyond $\pm |t|$: how often chance alone does as much. Five ways to it: the area, by the trapezoidal
# rule; the incomplete beta function, which is that area under another name; the library; and, leaning on no bell at all, the
# *permutation test*: if the labels "first" and "second" mean nothing, all $\binom{16}8 = 12{,}870$ ways to deal them out are alike,
# so count how many give a difference as large. Welch's test, last, does without the assumption of one variance.

# %%
one = np.array([4.71, 4.89, 4.62, 4.95, 4.80, 4.55, 4.78, 4.66])
two = np.array([4.93, 4.77, 5.08, 4.84, 5.21, 4.99, 4.73, 5.02])
pooled = (np.sum((one - one.mean()) ** 2) + np.sum((two - two.mean()) ** 2)) / 14
t = (one.mean() - two.mean()) / math.sqrt(pooled * (1 / 8 + 1 / 8))

tail = np.linspace(abs(t), abs(t) + 80, 400_001)
area = 2 * np.trapezoid(density(probability.StudentT(14.0), jnp.asarray(tail)), tail)
test = statistics.student_t_test(jnp.asarray(one), jnp.asarray(two))
same("t", t, test.statistic)
same(
    "p-value: area, incomplete beta function, library",
    area,
    jax.scipy.special.betainc(7.0, 0.5, 14 / (14 + t**2)),
    test.p_value,
    tolerance=1e-6,
)

everything = np.concatenate([one, two])
dealt = np.array(list(itertools.combinations(range(16), 8)))
first_sums = everything[dealt].sum(axis=1)
as_large = np.abs(2 * first_sums - everything.sum()) >= abs(one.sum() - two.sum()) - 1e-9
welch = statistics.welch_t_test(jnp.asarray(one), jnp.asarray(two))
print(f"t = {t:.3f} with 14 degrees, p = {test.p_value:.4f}; by {len(dealt):,} permutations {as_large.mean():.4f}")
print(f"Welch: {welch.degrees:.2f} degrees, p = {welch.p_value:.4f}")
print(f"the difference lies between {test.low:.3f} and {test.high:.3f} (95 % interval)")
assert abs(as_large.mean() - float(test.p_value)) < 0.005

# %%
second_sums = everything.sum() - first_sums
squares = np.sum(everything**2) - first_sums**2 / 8 - second_sums**2 / 8  # about the two means
dealt_t = (first_sums - second_sums) / 8 / np.sqrt(squares / 14 * (1 / 8 + 1 / 8))
line = np.linspace(-5, 5, 401)
bell = np.asarray(density(probability.StudentT(14.0), jnp.asarray(line)))
figure, axes = plt.subplots(figsize=(8.5, 3.4))
axes.hist(dealt_t, bins=np.linspace(-5, 5, 61), density=True, color=PALE, label="t of all 12,870 ways to deal")
axes.plot(line, bell, color=BLUE, label="Student's density, 14 degrees")
for side in (-1, 1):
    beyond = side * line >= abs(t)
    axes.fill_between(line[beyond], bell[beyond], color=RED, linewidth=0)
    axes.annotate(f"{100 * float(test.p_value) / 2:.1f} %", (side * 3.5, 0.03), ha="center", color=RED)
axes.axvline(t, color=RED, linestyle="--", linewidth=1.2)
axes.text(t - 0.06, 0.3, "the t that we found", color=RED, ha="right")
axes.set(xlabel="t", ylabel="density", xlim=(-5, 5), ylim=(0, 0.5), title="t, if the labels mean nothing")
axes.legend(loc="upper right")
plt.show()

# %% [markdown]
# *The bars know nothing of Student, and follow his curve.* If we say "different" whenever $p < 0.05$, we shall say so in 5 % of the
# experiments in which nothing differs: that is what a significance of 0.05 costs.
#
# A p-value is not the probability that the null hypothesis holds; for that one would need a prior (section 4). And "not
# significant" is not "equal": the test may have been too weak. How often a test finds a difference that is there is its
# **power**. Nothing but simulation is needed for it.
#
# **A draw that decides nothing.** A tutorial draws two samples from different normal distributions, *without a seed*, runs
# a t-test and reports the conclusion. The conclusion is itself a random variable. With two samples of 20 half a standard
# deviation apart:

# %%
show("C6-unseeded-test")

# %%
differences = np.linspace(0, 1.5, 16)
powers = [
    statistics.simulated_power(float(d), key=jax.random.key(9), sizes=(20, 20), simulations=4000) for d in differences
]
rates = 100 * np.array([float(power.rate) for power in powers])
assert abs(rates[0] - 5) < 1.1, "of equal means 5 % are said to differ"

figure, (curve, axes) = plt.subplots(1, 2, figsize=(10.5, 3.7), width_ratios=[1, 1.7])
curve.plot(differences, rates, "o-", color=BLUE, markersize=4)
curve.plot(0.5, rates[5], "o", color=RED)
curve.text(0.55, rates[5] - 5, f"{rates[5]:.0f} %", color=RED)
curve.axhline(5, color=GREY, linestyle="--", linewidth=1)
curve.text(1.5, 7, "5 %", color=GREY, ha="right")
curve.set(xlabel="difference (standard deviations)", ylabel="said to differ (%)", title="Power, two samples of 20")
p_values = np.asarray(powers[5].p_values[:80])
found = p_values < 0.05
axes.vlines(np.arange(80), 0.05, p_values, color=np.where(found, GREEN, RED), linewidth=1)
axes.plot(
    np.flatnonzero(found), p_values[found], "o", color=GREEN, markersize=5, label=f"different: {found.sum()} runs"
)
axes.plot(
    np.flatnonzero(~found),
    p_values[~found],
    "o",
    color=RED,
    markersize=5,
    label=f"no difference: {(~found).sum()} runs",
)
axes.axhline(0.05, color=GREY, linewidth=1, linestyle="--")
axes.set(yscale="log", xlabel="run of the same program, each with another seed", ylabel="p-value", xlim=(-1, 80))
axes.set_title("Difference 0.5: eighty runs")
axes.legend(loc="lower right", ncols=2, bbox_to_anchor=(1, -0.02))
axes.set_ylim(1e-6, 3)
plt.show()

# %% [markdown]
# *Left: at 0 the false alarms, 5 %; a difference of one standard deviation is found almost always, half of one in a third of
# the runs. Right: such runs.* Whoever prints one of these dots prints a seed, not a fact. A sound report fixes the key, says how the answer varies over
# keys, and takes a sample large enough that the power is near 1.
#
# ## 7. Entropy, divergence, mutual information
#
# **Surprise.** How surprising is an outcome of probability $p$? Let surprises of independent outcomes add, while their
# probabilities multiply: that is the logarithm, $\log \frac1p$. With base 2 the unit is the *bit*, one fair toss; with base $e$ it is the
# *nat*. The **entropy** is the mean surprise, $H(p) = -\sum_i p_i \log p_i$.
#
# **Believing the wrong thing.** Who believes $q$ while $p$ is true is surprised by $-\log q_i$ with probability $p_i$: on average the
# **cross-entropy** $H(p, q) = -\sum_i p_i \log q_i$. What the error costs is the difference, the **Kullback-Leibler divergence**:
#
# $$\mathrm{KL}(p \,\|\, q) = H(p, q) - H(p) = \sum_i p_i \log \frac{p_i}{q_i} \;\ge\; 0 .$$
#
# It is never negative, since $\log u \le u - 1$ (the tangent at 1 lies above the logarithm), and with $u = q_i / p_i$
#
# $$-\mathrm{KL} = \sum_i p_i \log \frac{q_i}{p_i} \le \sum_i p_i \Big(\frac{q_i}{p_i} - 1\Big) = \sum_i q_i - \sum_i p_i = 0 .$$
#
# Entropy is no mere name: no code can write messages with fewer bits a symbol, and Huffman's code (join the two least
# probable symbols, again and again) needs less than one bit more; exactly $H$ where all probabilities are powers of $\frac12$.


# %%
def huffman_length(probabilities):
    """Mean bits of a symbol: each time two groups are joined, their symbols become one bit longer."""
    heap, total = sorted(probabilities), 0.0
    while len(heap) > 1:
        joined = heap[0] + heap[1]
        total, heap = total + joined, sorted([*heap[2:], joined])
    return total


powers, plain = np.array([0.5, 0.25, 0.125, 0.125]), np.array([0.6, 0.2, 0.15, 0.05])
for name, P in (("powers of 1/2", powers), ("others", plain)):
    bits = -np.sum(P * np.log2(P))
    same(f"entropy, {name}", bits, information.entropy(jnp.asarray(P), base=2))
    print(f"   entropy {bits:.4f} bits, Huffman's code {huffman_length(P):.4f}")
    assert bits - 1e-12 <= huffman_length(P) < bits + 1
same(
    "powers of 1/2: entropy and Huffman's code",
    information.entropy(jnp.asarray(powers), base=2),
    huffman_length(powers),
)
same(
    "divergence",
    np.sum(powers * np.log(powers / plain)),
    information.kl_divergence(jnp.asarray(powers), jnp.asarray(plain)),
    information.cross_entropy(jnp.asarray(powers), jnp.asarray(plain)) - information.entropy(jnp.asarray(powers)),
)

# %% [markdown]
# **KL has a direction.** Let $p$ have two humps, and let $q$ be one normal hump, fitted to it. To minimise $\mathrm{KL}(p \,\|\, q)$ over $q$ is to
# minimise $-\sum p \log q$: maximum likelihood on endless data, hence by section 5 $q$ takes over the mean and the variance of $p$,
# and puts most of its mass where $p$ has little. The other way round, $\mathrm{KL}(q \,\|\, p)$ is costly where $q$ puts mass that $p$ has not:
# $q$ takes one hump and ignores the other. We let gradient descent find both.

# %%
line = jnp.linspace(-25, 25, 2001)
humps = jnp.exp(-0.5 * ((line + 3) / 0.7) ** 2) / 0.7 + jnp.exp(-0.5 * ((line - 3) / 0.9) ** 2) / 0.9
P = humps / jnp.sum(humps)  # probabilities of 2,001 cells
log_P = jnp.log(P)


def log_q(theta):
    return jax.nn.log_softmax(-0.5 * ((line - theta[0]) * jnp.exp(-theta[1])) ** 2)


directions = {
    "KL(p ‖ q)": lambda theta: information.kl_divergence_of_logits(log_P, log_q(theta)),
    "KL(q ‖ p)": lambda theta: information.kl_divergence_of_logits(log_q(theta), log_P),
}
figure, (coin, axes) = plt.subplots(1, 2, figsize=(10.5, 3.5), width_ratios=[1, 1.7])
width = float(line[1] - line[0])
axes.fill_between(line, P / width, color=PALE, label="p")
for (name, loss), colour in zip(directions.items(), (BLUE, RED), strict=True):
    slope = jax.grad(loss)
    theta, _ = jax.lax.scan(lambda v, _, slope=slope: (v - 0.2 * slope(v), None), jnp.array([2.0, 0.0]), length=3000)
    axes.plot(line, jnp.exp(log_q(theta)) / width, color=colour, label=f"q of least {name}: {loss(theta):.2f} nats")
    if name == "KL(p ‖ q)":
        mean = jnp.sum(P * line)
        moments = jnp.stack([mean, jnp.sqrt(jnp.sum(P * (line - mean) ** 2))])
        same("least KL(p || q): mean and scale of p", jnp.stack([theta[0], jnp.exp(theta[1])]), moments, tolerance=1e-8)
axes.set(xlabel="x", ylabel="density", title="One hump for two", xlim=(-9, 9), ylim=(0, 0.72))
axes.legend(loc="upper left")
heads = np.linspace(1e-6, 1 - 1e-6, 301)
coin.plot(heads, -heads * np.log2(heads) - (1 - heads) * np.log2(1 - heads), color=BLUE)
coin.set(xlabel="probability of heads", ylabel="entropy (bits)", title="A toss of a coin", ylim=(0, 1.05), xlim=(0, 1))
plt.show()

# %% [markdown]
# **Mutual information** is how much one variable says about another: the divergence of what is, the joint probabilities
# $P_{ij}$, from what would be if the two were independent, the product of the sums $a_i = \sum_j P_{ij}$ and $b_j = \sum_i P_{ij}$:
#
# $$I(X; Y) = \sum_{ij} P_{ij} \log \frac{P_{ij}}{a_i b_j} = H(X) + H(Y) - H(X, Y) .$$
#
# Unlike the correlation it is 0 *only* for independent variables. For two normal variables with correlation $\varrho$ it is
# $-\frac12 \log(1 - \varrho^2)$; we compute it from a table of $200 \times 200$ cells and compare.


# %%
def joint_table(rho, cells=200, reach=8.0):
    """The probabilities of the cells of a grid, for two standard normal variables with correlation rho."""
    at = np.linspace(-reach, reach, cells)
    u, v = at[:, None], at[None, :]
    table = np.exp(-(u**2 - 2 * rho * u * v + v**2) / (2 * (1 - rho**2)))
    return table / np.sum(table)


def entropy(P):
    """Entropy in nats; what has probability 0 takes no part."""
    return -np.sum(P * np.log(np.where(P > 0, P, 1)))


for rho in (0.0, 0.3, 0.6, 0.9):
    table = joint_table(rho)
    by_entropies = entropy(table.sum(axis=1)) + entropy(table.sum(axis=0)) - entropy(table)
    exact = 0.5 * math.log(1 / (1 - rho**2))
    found = information.mutual_information(jnp.asarray(table))
    print(f"correlation {rho}: {exact:.6f} nats by the formula, {abs(found):.6f} from the table")
    assert max(abs(found - exact), abs(by_entropies - exact)) < 1e-8

# %% [markdown]
# ## 8. What goes wrong
#
# **Products of small numbers.** The likelihood of 2,000 tosses is about $2^{-2000} \approx 10^{-602}$, and the smallest positive
# number of 64 bits is about $5 \cdot 10^{-324}$. The product is 0, and Bayes' theorem divides 0 by 0. In logarithms nothing happens:

# %%
tosses = np.asarray(probability.Bernoulli(0.7).sample(jax.random.key(11), (2000,)))
hypotheses = np.array([0.5, 0.6, 0.7])
likelihood = np.prod(np.where(tosses[:, None] == 1, hypotheses, 1 - hypotheses), axis=0)
with np.errstate(invalid="ignore"):
    print("products:  likelihood", likelihood, " posterior", likelihood / likelihood.sum())
logs = np.sum(np.where(tosses[:, None] == 1, np.log(hypotheses), np.log(1 - hypotheses)), axis=0)
posterior = probability.bayes(jnp.log(jnp.full(3, 1 / 3)), jnp.asarray(logs)).log_posterior
print("logarithms:", np.round(logs, 1), "posterior", np.array2string(np.exp(posterior), precision=3))
assert np.exp(posterior[2]) > 0.999

# %% [markdown]
# **Four more, drawn.** *A key used twice*: "two independent" samples that are one. *A look after every ten observations*,
# stopping as soon as $p < 0.05$: each look is a chance for a false alarm, and 5 % becomes several times that. *A mean that
# does not settle*: Cauchy's distribution (Student's with one degree) has no expectation, and its means never calm down; the
# law of section 3 has a condition, a finite variance. *Correlation 0 for dependence*: $y = x^2$ is determined by $x$ and not
# correlated with it. Mutual information sees it.

# %%
figure, ((twice, peeking), (cauchy, parabola)) = plt.subplots(2, 2, figsize=(10.5, 7))

key = jax.random.key(12)
weights, noise = jax.random.normal(key, (120,)), 0.5 * jax.random.normal(key, (120,))
good = 0.5 * jax.random.normal(jax.random.split(key)[1], (120,))
twice.plot(weights, good, ".", color=BLUE, label=f"keys split: correlation {np.corrcoef(weights, good)[0, 1]:.2f}")
twice.plot(weights, noise, ".", color=RED, label=f"one key twice: {np.corrcoef(weights, noise)[0, 1]:.2f}")
twice.set(xlabel="first draw", ylabel="second draw", title="A key used twice", ylim=(-1.9, 2.6))
twice.legend(loc="upper left")

samples = np.asarray(jax.random.normal(jax.random.key(13), (2, 1000, 200)))
looks = np.arange(10, 201, 10)
many = np.arange(1, 201)
mean = np.cumsum(samples, axis=2) / many
squares = np.cumsum(samples**2, axis=2) - many * mean**2
t = (mean[0] - mean[1])[:, looks - 1] / np.sqrt(squares.sum(axis=0)[:, looks - 1] / (2 * looks - 2) * 2 / looks)
p = np.asarray(jax.scipy.special.betainc(looks - 1.0, 0.5, (2 * looks - 2) / (2 * looks - 2 + t**2)))
once, ever = 100 * np.mean(p < 0.05, axis=0), 100 * np.mean(np.minimum.accumulate(p, axis=1) < 0.05, axis=0)
peeking.plot(looks, ever, color=RED, label="a look after every 10")
peeking.plot(looks, once, color=BLUE, label="one look, at that size")
peeking.axhline(5, color=GREY, linestyle="--", linewidth=1)
peeking.set(xlabel="observations a sample", ylabel="false alarms (%)", ylim=(0, 36), title="Stop when p < 0.05")
peeking.legend(loc="upper left")
print(f"false alarms at 200 observations: {once[-1]:.1f} % with one look, {ever[-1]:.1f} % with {len(looks)}")
assert 3.5 < once[-1] < 6.5
assert ever[-1] > 20

many = np.arange(1, 10_001)
for draw, colour, label in ((jax.random.normal, BLUE, "normal"), (jax.random.cauchy, RED, "Cauchy")):
    draws = np.asarray(draw(jax.random.key(14), (3, 10_000)))
    for number, row in enumerate(np.cumsum(draws, axis=1) / many):
        cauchy.semilogx(many, row, color=colour, linewidth=1.2, label=None if number else label)
cauchy.set(xlabel="draws n", ylabel="mean of the first n", ylim=(-5, 5), title="A mean that does not settle")
cauchy.legend(loc="lower left")

x = np.asarray(jax.random.uniform(jax.random.key(15), (20_000,), minval=-1.0, maxval=1.0))
table = np.histogram2d(x, x**2, bins=(20, 10))[0]
seen = float(information.mutual_information_of_counts(jnp.asarray(table)))
shuffled = np.histogram2d(x, np.roll(x, 1) ** 2, bins=(20, 10))[0]
unseen = float(information.mutual_information_of_counts(jnp.asarray(shuffled)))
parabola.plot(x[:300], x[:300] ** 2, ".", color=BLUE, markersize=4)
parabola.set(xlabel="x", ylabel="y = x²", ylim=(-0.05, 1.5), yticks=[0, 0.5, 1], title="Correlation 0 for dependence")
words = (
    f"correlation {abs(np.corrcoef(x, x**2)[0, 1]):.2f}\nmutual information {seen:.2f} nats\n(y shuffled: {unseen:.3f})"
)
parabola.text(0, 1.12, words, ha="center")
plt.show()

# %% [markdown]
# Even of shuffled data, where the truth is 0, the table gives a little more than 0: a divergence is never negative, so chance can
# only push it up, by about $\frac{(n-1)(k-1)}{2N}$ nats for $n \times k$ cells and $N$ observations (here $19 \cdot 9 / 40{,}000 = 0.004$). With
# 100 observations that would be 0.86. Small samples make everything look related.
#
# **And infinity.** If a model gives probability 0 to what then happens, its cross-entropy is infinite, and one such example
# spoils the mean of a million. That is why classifiers work with logits, whose softmax is never quite 0.
#
# ## 9. Three exercises
#
# **Exercise 1. A second opinion.** The patient of section 4 repeats the test, independently, and it is positive again. Return the
# probability of being sick, given the share of the sick, the chance `hit` that a test finds a sick person, and the chance
# `alarm` of a false one.


# %%
def sick_after_two(share, hit, alarm):
    return None  # your line here


def verdict(answers, truths, tolerance=1e-10):
    """Compare without failing: right, not yet, or how far off."""
    for answer, true in zip(answers, truths, strict=True):
        if answer is None:
            return "not yet: return your answer in place of None"
        if np.shape(answer) != np.shape(true):
            return f"not yet: the shape is {np.shape(answer)}, it should be {np.shape(true)}"
        apart = float(np.max(np.abs(np.asarray(answer) - np.asarray(true))))
        if not apart < tolerance:
            return f"not yet: off by as much as {apart:.2g}"
    return "right"


def check_sick(answer):
    cases = [(0.01, 0.9, 0.09), (0.2, 0.7, 0.3), (1e-4, 0.99, 0.01)]
    true = []
    for share, hit, alarm in cases:
        belief = jnp.log(jnp.array([share, 1 - share]))
        for _ in range(2):  # yesterday's posterior is today's prior
            belief = probability.bayes(belief, jnp.log(jnp.array([hit, alarm]))).log_posterior
        true.append(float(jnp.exp(belief[0])))
    return verdict([answer(*case) for case in cases], true)


print(check_sick(sick_after_two))

# %% [markdown]
# **Exercise 2. The likeliest rate.** Waiting times $x_1 \ldots x_n$ have the density $b\,e^{-bx}$. Write down the log likelihood, set its
# derivative by $b$ to zero, and return the $b$ that makes it largest.


# %%
def likeliest_rate(x):
    return None  # your line here


def check_rate(answer):
    draws = [probability.Exponential(b).sample(jax.random.key(seed), (50,)) for b, seed in ((0.5, 20), (4.0, 21))]
    true = [float(probability.maximum_likelihood(probability.Exponential, x).rate) for x in draws]
    return verdict([answer(np.asarray(x)) for x in draws], true)


print(check_rate(likeliest_rate))

# %% [markdown]
# **Exercise 3. The divergence of two normals.** Derive $\mathrm{KL}(p \,\|\, q) = E_p[\log p(x) - \log q(x)]$ for $p$ normal with mean $m_1$ and
# standard deviation $s_1$, and $q$ with $m_2$ and $s_2$. (You need $E_p[(x - m_1)^2] = s_1^2$, and hence $E_p[(x - m_2)^2]$.) It is checked
# against the integral.


# %%
def normal_divergence(m1, s1, m2, s2):
    return None  # your line here


def check_divergence(answer):
    cases = [(0.0, 1.0, 1.0, 2.0), (1.5, 0.5, -0.5, 1.0), (2.0, 3.0, 2.0, 1.5)]
    true = []
    for m1, s1, m2, s2 in cases:
        x = jnp.linspace(m1 - 14 * s1, m1 + 14 * s1, 40_001)
        log_p, log_q = probability.Normal(m1, s1).log_density(x), probability.Normal(m2, s2).log_density(x)
        true.append(float(jnp.trapezoid(jnp.exp(log_p) * (log_p - log_q), x)))
    return verdict([answer(*case) for case in cases], true)


print(check_divergence(normal_divergence))

# %% [markdown]
# ### Solutions
#
# Open the next cell when you have tried.


# %% jupyter={"source_hidden": true}
def sick_solution(share, hit, alarm):
    # Two independent positive tests: hit^2 for the sick, alarm^2 for the healthy.
    return share * hit**2 / (share * hit**2 + (1 - share) * alarm**2)


def rate_solution(x):
    # l(b) = n log b - b sum x, and n/b - sum x = 0: one over the mean waiting time.
    return 1 / np.mean(x)


def divergence_solution(m1, s1, m2, s2):
    # log p - log q = log(s2/s1) - (x - m1)^2/(2 s1^2) + (x - m2)^2/(2 s2^2), and E_p (x - m2)^2 = s1^2 + (m1 - m2)^2.
    return np.log(s2 / s1) - 0.5 + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2)


answers = (check_sick(sick_solution), check_rate(rate_solution), check_divergence(divergence_solution))
for number, answer in enumerate(answers, start=1):
    print(f"exercise {number}: {answer}")
assert answers == ("right",) * 3

# %% [markdown]
# ## 10. What was proved
#
# * **Draws** are functions of keys; six families' draws follow their formulas, by Kolmogorov's test.
# * **Variances** of independent variables add, so the error of a mean falls as $1/\sqrt n$; $n - 1$ is what the mean costs.
# * **Bayes' theorem** on paper, in logarithms, and by a million people. Beta-Bernoulli against a grid, regression against
#   the joint distribution of weights and data.
# * **Maximum likelihood** in closed form and by gradient, and with it the two common losses: cross-entropy is minus a log
#   likelihood, and the squared error is one for normal noise.
# * **A t-test** five ways; its power; and why one unseeded draw is no result: one run in three says yes, two say no.
# * **Entropy** is what a code must spend; KL is what a wrong belief costs, and has a direction; mutual information is 0 only
#   for independence.
# * And what proves *nothing*: a p-value looked at until it is small, a correlation of 0, a mean without a variance.
#
# | In this lesson | In the package |
# |---|---|
# | Distributions, Bayes, likelihood | [`maths/probability`](../src/chainrule/maths/probability/__init__.py) |
# | t-tests, power, the bootstrap | [`maths/statistics`](../src/chainrule/maths/statistics/__init__.py) |
# | Entropy, divergences, mutual information | [`maths/information`](../src/chainrule/maths/information/__init__.py) |
# | Cross-entropy and squared error, with their gradients by hand | [`losses`](../src/chainrule/losses/classification.py) |
# | What is wrong in the sources | [`errata.md`](errata.md) |
#
# **Sources.**
#
# * D. MacKay, *Information Theory, Inference, and Learning Algorithms*, Cambridge University Press, 2003.
#   <https://www.inference.org.uk/mackay/itila/>
# * C. M. Bishop, *Pattern Recognition and Machine Learning*, Springer, 2006, chapters 1 to 3.
# * G. Casella and R. L. Berger, *Statistical Inference*, 2nd edition, 2002, chapters 7 and 8.
# * Student, *The probable error of a mean*, Biometrika 6, 1908. C. E. Shannon, *A mathematical theory of communication*, Bell
#   System Technical Journal 27, 1948.
