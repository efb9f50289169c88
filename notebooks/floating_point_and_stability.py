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
# # Floating point and stability
#
# `0.1 + 0.2 == 0.3` is false. `exp(1000) / (exp(1000) + exp(1000))` is no number, though the answer is one half. A network
# that learns well with 32 bits stands still with 16, while its gradients are still pointing downhill.
#
# **The question of this lesson:** a computer rounds after every single operation. When may we forget that, and when does it
# destroy the answer? And what is to be done?
#
# The three puzzles have one cause: a number gets a fixed count of bits. We take a number apart to the last of them, and
# derive from there how far apart neighbours are, what a subtraction can do, which formulas are safe, and how small a step a
# weight can take. You need powers of two, derivatives, and logarithms.
#
# | | |
# |---|---|
# | 1 | The bits of 0.1 |
# | 2 | Spacing, and what rounding promises |
# | 3 | Cancellation |
# | 4 | Conditioning is not stability |
# | 5 | A sum that keeps its digits |
# | 6 | Exponentials and logarithms that survive |
# | 7 | Lengths |
# | 8 | One training run in four formats |
# | 9 | What goes wrong |
# | 10 | Three exercises |
# | 11 | What was proved |
#
# The referee of this lesson does not round: Python's `Fraction` computes with whole numbers, exactly, and `Decimal` with as
# many digits as we ask for. Every float is a fraction, so any result can be held against the truth.

# %%
import math
from decimal import Decimal, localcontext
from fractions import Fraction

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from chainrule.course.figures import numerics as pictures
from chainrule.maths import numerics

jax.config.update("jax_enable_x64", True)  # float64 where we ask for it; every dtype below is written out
# %matplotlib inline
# %config InlineBackend.print_figure_kwargs = {"bbox_inches": None}

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#8a8a8a"
COLOURS = {"float64": GREY, "float32": BLUE, "bfloat16": RED, "float16": GREEN}
plt.rcParams.update(
    {
        "figure.dpi": 85,
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

print("0.1 + 0.2 == 0.3:", 0.1 + 0.2 == 0.3, "   0.1 + 0.2 is", 0.1 + 0.2)

# %% [markdown]
# ## 1. The bits of 0.1
#
# In binary, the places after the point are worth $\frac12, \frac14, \frac18, \dots$ To write $\frac1{10}$ so, double it again and again: the
# whole part is the next digit, and the rest goes on.
#
# $$\tfrac1{10} \to 0.\tfrac{2}{10} \to 0.\tfrac{4}{10} \to 0.\tfrac{8}{10} \to 1.\tfrac{6}{10} \to 1.\tfrac{2}{10} \to \dots$$
#
# After the digits $0, 0, 0, 1, 1$ the rest is $\frac2{10}$ again, which we have had: from there on it recurs, $0.0\,0011\,0011\,0011\dots$
# A fraction ends in binary only if its denominator is a power of two, and 10 has a factor 5. So **no float is 0.1**.
#
# What is stored? Move the point behind the first 1, as in scientific notation: $0.1 = 1.1001\,1001\dots \times 2^{-4}$. Three
# things are kept: the **sign** (one bit), the **exponent** $-4$ (as a whole number, plus a fixed *bias*, so that none is negative), and the
# first $k$ digits after the point, the **mantissa**, rounded. The 1 before the point is always there and needs no bit.
#
# $$x = (-1)^s \left(1 + \frac{m}{2^k}\right) 2^{e - \text{bias}}$$
#
# We do it for float32 ($k = 23$, bias 127) with whole numbers, and ask the machine for its own bits.


# %%
def digits_by_hand(numerator, denominator, places):
    """The binary digits after the point, by doubling."""
    digits = ""
    for _ in range(places):
        digit, numerator = divmod(2 * numerator, denominator)
        digits += str(digit)
    return digits


print("0.1 = 0." + digits_by_hand(1, 10, 32) + "...   or", numerics.binary_expansion("0.1"))

exponent = -4
mantissa = round((Fraction(1, 10) / Fraction(2) ** exponent - 1) * 2**23)  # round: to nearest, ties to even
by_hand = f"0 {exponent + 127:08b} {mantissa:023b}"
machine = f"{int(np.float32(0.1).view(np.uint32)):032b}"
anatomy = numerics.float_anatomy(0.1, "float32")
print("by hand ", by_hand)
print("machine ", machine[0], machine[1:9], machine[9:])
print("library ", anatomy)
assert by_hand == str(anatomy) == f"{machine[0]} {machine[1:9]} {machine[9:]}"

stored = (1 + Fraction(mantissa, 2**23)) * Fraction(2) ** exponent
assert stored == anatomy.exact == Fraction(float(np.float32(0.1)))
print("float32 0.1 is exactly", anatomy.decimal)
for format in numerics.FORMATS:
    taken_apart = numerics.float_anatomy(0.1, format)
    print(f"{format:9} off by {float(taken_apart.exact / Fraction(1, 10) - 1): .1e} of its size")

# %%
pictures.float_bits()

# %% [markdown]
# *One number in four formats. bfloat16 is float32 with the last 16 bits cut off (rounded): the same range, few digits. float16
# spends its bits otherwise.* And the puzzle: in float64 0.1 and 0.2 are a little too large, 0.3 a little too small.
#
# ## 2. Spacing, and what rounding promises
#
# Between $2^e$ and $2^{e+1}$ there are $2^k$ numbers, evenly spaced: neighbours are $2^{e-k}$ apart. That is one **ulp**, a unit in the last
# place. At the next power of two the spacing doubles. So the *relative* spacing stays nearly constant, and rounding to the
# nearest is off by at most half an ulp, relative to the number at most
#
# $$u = \frac{\frac12\, 2^{e-k}}{2^e} = 2^{-(k+1)} : \qquad
# 1.1 \cdot 10^{-16},\; 6.0 \cdot 10^{-8},\; 3.9 \cdot 10^{-3},\; 4.9 \cdot 10^{-4} \;\text{ for float64, float32, bfloat16, float16.}$$
#
# And the promise of the standard: each of $+, -, \times, /, \sqrt{\ }$ gives the *true* result, rounded once,
#
# $$\operatorname{fl}(a \circ b) = (a \circ b)(1 + \delta), \qquad |\delta| \le u .$$
#
# That is all that we know, and all that we need. We test it with fractions:

# %%
random = np.random.default_rng(0)
pairs = random.lognormal(0, 4, size=(2, 4000)).astype(np.float32)
worst = 0.0
for name, rounded in {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}.items():
    for a, b, result in zip(*pairs.tolist(), rounded(*pairs).tolist(), strict=True):
        p, q = Fraction(a), Fraction(b)
        exact = {"+": p + q, "-": p - q, "*": p * q, "/": p / q}[name]
        if exact:
            worst = max(worst, float(abs(Fraction(result) / exact - 1)))
print(f"16,000 operations in float32: largest |δ| = {worst / 2**-24:.4f} u")
assert 0.99 < worst / 2**-24 <= 1

big = np.float32(2**24)
print("float32: 2^24 + 1 =", int(big + np.float32(1)), "and 2^24 itself is", int(big))
triples = random.normal(size=(3, 100_000))
left, right = (triples[0] + triples[1]) + triples[2], triples[0] + (triples[1] + triples[2])
print(f"(a + b) + c differs from a + (b + c) in {100 * np.mean(left != right):.0f} % of 100,000 cases, float64")

# %%
figure, (stairs, relative) = plt.subplots(1, 2, figsize=(10.5, 3.8))
for format, (exponent_bits, k) in numerics.FORMATS.items():
    bias = 2 ** (exponent_bits - 1) - 1
    powers = np.arange(max(1 - bias, -60), min(bias, 60) + 1)
    label = "float16; ×: from 65,520 on infinity" if format == "float16" else format
    stairs.plot(powers, powers - k, color=COLOURS[format], label=label)
    if bias < 60:
        stairs.plot([-60, 1 - bias], [1 - bias - k] * 2, color=COLOURS[format], linestyle=":")
        stairs.plot(16, 5, "x", color=COLOURS[format], markersize=9)
stairs.set(xlabel="size of the number, power of 2", ylabel="spacing, power of 2", ylim=(-120, 105))
stairs.set_title("Large numbers stand further apart")
stairs.legend(loc="upper left")
numbers = np.linspace(1, 9, 4000)
for format, (_, k) in numerics.FORMATS.items():
    if format in ("bfloat16", "float16"):
        half = 2.0 ** (np.floor(np.log2(numbers)) - k) / 2 / numbers
        relative.plot(numbers, 1000 * half, color=COLOURS[format], label=f"{format}: at most half an ulp")
        off = np.abs(numbers.astype(jnp.dtype(format)).astype(np.float64) / numbers - 1)
        relative.plot(numbers[::8], 1000 * off[::8], ".", color=COLOURS[format], markersize=2)
relative.set(
    xlabel="number", ylabel="relative error of rounding (1/1000)", title="A saw: between u/2 and u", ylim=(0, 5.6)
)
relative.legend(loc="upper right")
plt.show()

# %% [markdown]
# *Left: spacing against size; dotted, where numbers get so small that the leading 1 is given up (subnormal) and the spacing stays.
# Right: dots are numbers that were rounded, lines the bound.*
#
# ## 3. Cancellation
#
# A relative error of $10^{-16}$ after each operation sounds harmless, and mostly is. Here is the exception. Let $a$ and $b$ be nearly
# equal, each with a tiny relative error $\delta$. In $a - b$ the leading digits go and the errors stay: relative to the difference they are
#
# $$\frac{|a|\,\delta_a + |b|\,\delta_b}{|a - b|}, \qquad \text{larger by the factor } \frac{|a| + |b|}{|a - b|} .$$
#
# The subtraction itself is exact. It brings to light what was lost *before*.
#
# **The quadratic formula.** $x^2 + b x + 1 = 0$ has the roots $\frac12(-b \pm \sqrt{b^2 - 4})$. For large $b > 0$ the root is nearly $b$, and with
# the plus sign two nearly equal numbers are subtracted. With the minus sign two of one sign are *added*: that root is good. And the
# other follows from it, because $(x - x_1)(x - x_2) = x^2 - (x_1 + x_2)\, x + x_1 x_2$ says that $x_1 x_2 = 1$:
#
# $$q = -\tfrac12 \left(b + \operatorname{sign}(b) \sqrt{b^2 - 4ac}\right), \qquad x_1 = q / a, \quad x_2 = c / q .$$
#
# **The variance.** On paper $\frac1n \sum (x_i - \bar x)^2 = \frac1n \sum x_i^2 - \bar x^2$. On a computer the right side squares large numbers and
# subtracts; the left does not, but looks at the data twice. Welford's way looks once. Let $m_i$ be the mean and $S_i$ the sum of
# squared deviations of the first $i$ numbers, and $d = x_i - m_{i-1}$. Then
#
# $$m_i = m_{i-1} + \frac di, \qquad S_i = S_{i-1} + \underbrace{(i - 1)\Big(\frac di\Big)^2}_{\text{the old ones, about a moved mean}}
# + \underbrace{\Big(d - \frac di\Big)^2}_{\text{the new one}} = S_{i-1} + d\,(x_i - m_i) .$$
#
# (The bracket: $d^2 \frac{i-1}{i^2} (1 + i - 1) = d^2 \frac{i - 1}i$, and $x_i - m_i = d\,\frac{i-1}i$.) All terms are positive.


# %%
def roots_by_hand(b, dtype):
    """The small root of x^2 + b x + 1 = 0, by the textbook and by the product of the roots."""
    b, one, two, four = (dtype(number) for number in (b, 1, 2, 4))
    root = np.sqrt(b * b - four * one)
    return (-b + root) / two, one / (-(b + root) / two)


def true_root(b):
    with localcontext() as context:
        context.prec = 60
        b = Decimal(float(b))
        return (-b + (b * b - 4).sqrt()) / 2


def welford_by_hand(x):
    mean, squares = x.dtype.type(0), x.dtype.type(0)
    for i, number in enumerate(x, start=1):
        d = number - mean
        mean = mean + d / x.dtype.type(i)
        squares = squares + d * (number - mean)
    return squares / x.dtype.type(len(x))


coefficients = np.geomspace(2.9, 12_000, 25).astype(np.float32)
errors = {"textbook": [], "product of the roots": []}
for b in coefficients:
    true = true_root(b)
    for name, value in zip(errors, roots_by_hand(b, np.float32), strict=True):
        errors[name].append(float(abs(Decimal(float(value)) / true - 1)))
one = jnp.ones_like(coefficients)
library = numerics.quadratic_roots(one, jnp.asarray(coefficients), one).high
library_error = max(
    abs(float(Decimal(float(v)) / true_root(b) - 1)) for v, b in zip(library, coefficients, strict=True)
)
print(
    f"largest relative error: textbook {max(errors['textbook']):.0e}, product {max(errors['product of the roots']):.0e},",
    end=" ",
)
print(f"the library's quadratic_roots {library_error:.0e}")
assert library_error < 4 * 2**-24

sample = np.random.default_rng(1).integers(-64, 65, size=256)
offsets = 2.0 ** np.arange(0, 19)
ways = {"mean of squares less square of mean": [], "two passes": [], "Welford, one pass": []}
for offset in offsets:
    x = (sample + offset).astype(np.float32)  # all exact: these integers fit
    true = float(np.var([Fraction(int(v)) for v in x]))
    two_passes = np.mean((x - np.mean(x)) ** 2)
    values = np.mean(x * x) - np.mean(x) ** 2, two_passes, welford_by_hand(x)
    for name, value in zip(ways, values, strict=True):
        ways[name].append(max(abs(float(value) / true - 1), 1e-9))
    assert abs(float(numerics.welford_variance(jnp.asarray(x))) / true - 1) < 2e-3

figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 3.9))
for (name, values), colour in zip(errors.items(), (RED, BLUE), strict=True):
    left.loglog(coefficients, np.maximum(values, 1e-9), "o-", color=colour, markersize=4, linewidth=1.2, label=name)
left.loglog(coefficients, 2.0**-24 * coefficients**2, color=GREY, linewidth=1, linestyle="--", label="$u\\, b^2$")
left.set(
    xlabel="coefficient b", ylabel="relative error", title="The small root of x² + b x + 1, float32", ylim=(1e-9, 30)
)
left.legend(loc="upper left")
for (name, values), colour, style in zip(ways.items(), (RED, GREEN, BLUE), ("o-", "s-", "^-"), strict=True):
    right.loglog(offsets, values, style, color=colour, markersize=4, linewidth=1.2, label=name)
right.loglog(
    offsets,
    2.0**-24 * offsets**2 / np.var(sample),
    color=GREY,
    linewidth=1,
    linestyle="--",
    label="u · mean² / variance",
)
right.set(
    xlabel="mean of the numbers",
    ylabel="relative error",
    title="The variance of 256 numbers, float32",
    ylim=(1e-9, 1e4),
)
right.legend(loc="upper left", fontsize=9)
plt.show()
print(
    "textbook variance of (10000, 10001, 10002) in float32:",
    numerics.textbook_variance(jnp.array([1e4, 10001, 10002], jnp.float32)),
)

# %% [markdown]
# *An error of 1 means: no digit is right. The dashed lines are what the factor above predicts: for the root $b$ over a difference of
# about $2/b$. Welford's error grows as well, but only as mean / spread, not as its square: that much is the question's own fault, as the
# next section says.* The variance of three numbers that differ, $\frac23$, comes out of the textbook as it pleases.
#
# ## 4. Conditioning is not stability
#
# Who is to blame for a bad result: the formula, or the question? Let the input be off by a relative $\varepsilon$. Then the output of even a
# perfect algorithm is off, by
#
# $$\frac{f(x (1 + \varepsilon)) - f(x)}{f(x)} \approx \frac{x f'(x)}{f(x)}\, \varepsilon, \qquad \kappa(x) = \left|\frac{x f'(x)}{f(x)}\right| .$$
#
# $\kappa$ is the **condition number**, of the *problem*. An algorithm is **stable** if it does not lose much more than $\kappa u$. Take
# $g(y) = \log y$ near 1 and $f(x) = \log(1 + x)$ near 0, which look like the same thing:
#
# $$\kappa_g = \left|\frac{1}{\log y}\right| \to \infty, \qquad \kappa_f = \left|\frac{x}{(1 + x) \log(1 + x)}\right| \to 1 .$$
#
# If the data are $y$, with their error, nothing helps. If they are $x$, the problem is harmless, and whoever forms $1 + x$ and takes the
# logarithm makes a harmless problem into a hopeless one on the way. `log1p` does not.

# %%
xs = (10.0 ** np.linspace(-9, -0.2, 60)).astype(np.float32)


def true_log1p(x):
    with localcontext() as context:
        context.prec = 50
        return (1 + Decimal(float(x))).ln()


def relative_error(values, trues):
    return np.array([float(abs(Decimal(float(v)) / t - 1)) for v, t in zip(values, trues, strict=True)])


trues = [true_log1p(x) for x in xs]
unstable = relative_error(np.log(np.float32(1) + xs), trues)
stable = relative_error(np.asarray(jnp.log1p(jnp.asarray(xs))), trues)
for x in (1e-6, 1e-3, 0.5):
    by_formula = [1 / math.log1p(x), x / ((1 + x) * math.log1p(x))]
    by_library = [
        float(numerics.relative_condition(jnp.log, jnp.asarray(1 + x))),
        float(numerics.relative_condition(jnp.log1p, jnp.asarray(x))),
    ]
    print(f"x = {x:5}: condition of log at 1 + x {by_library[0]:12,.2f}, of log1p at x {by_library[1]:.3f}")
    assert np.allclose(by_formula, by_library, rtol=1e-9)
assert stable.max() < 4 * 2**-24

figure, axes = plt.subplots(figsize=(8.5, 3.7))
axes.loglog(xs, np.maximum(unstable, 1e-9), "o", color=RED, markersize=4, label="log(1 + x)")
axes.loglog(xs, np.maximum(stable, 1e-9), "o", color=BLUE, markersize=4, label="log1p(x)")
axes.loglog(xs, 2.0**-24 / np.log1p(xs), color=RED, linewidth=1, linestyle="--", label="u × condition of log at 1 + x")
axes.loglog(
    xs,
    2.0**-24 * xs / ((1 + xs) * np.log1p(xs)),
    color=BLUE,
    linewidth=1,
    linestyle="--",
    label="u × condition of log1p at x",
)
axes.set(xlabel="x", ylabel="relative error, float32", title="One problem, two algorithms", ylim=(4e-10, 100))
axes.legend(ncols=2, loc="upper center")
plt.show()

# %% [markdown]
# *Red stays below its dashed line: the rounding of $1 + x$, magnified by the condition of the logarithm there.* The other kind, a
# bad question: the roots of $x^2 - 2x + (1 - \varepsilon)$ are $1 \pm \sqrt\varepsilon$. An error of $10^{-7}$ in the last coefficient moves them by
# $3 \cdot 10^{-4}$, and no formula can know. Half of the digits of a double root are gone before the first operation.
#
# ## 5. A sum that keeps its digits
#
# Add $n$ numbers one after another. Each of the $n - 1$ additions rounds, with an error of up to $u$ times the sum so far; in all at most about
# $(n - 1)\, u \sum |x_i|$. Adding neighbours, then neighbours of those, and so on, sends each number through $\log_2 n$ roundings only
# (**pairwise**). **Kahan** goes further: he asks what an addition has lost, and gives it back with the next number. Let $t = \operatorname{fl}(s + y)$ and
# $|s| \ge |y|$. Then $t - s$ is the part of $y$ that arrived, computed exactly, since $t$ and $s$ are close; and $(t - s) - y$ is minus what did not.
#
# $$y = x_i - c, \qquad t = s + y, \qquad c = (t - s) - y, \qquad s = t .$$
#
# (In real numbers $c$ is always 0. A compiler that is allowed to rearrange floats as if they were real deletes it.) We watch a float32 sum of
# $2^{24}$ and four ones, each of which alone is less than the spacing there, 2:

# %%
s, c = np.float32(2**24), np.float32(0)
plain = np.float32(2**24)
print("  plain          Kahan s       c")
for _ in range(4):
    plain = plain + np.float32(1)
    y = np.float32(1) - c
    t = s + y
    c = (t - s) - y
    s = t
    print(f"{int(plain):12,} {int(s):14,} {c:6.0f}")
assert int(s) == 2**24 + 4

numbers = np.random.default_rng(2).uniform(size=20_000).astype(np.float32)
exact = sum(map(Fraction, numbers.tolist()))
assert float(exact) == math.fsum(numbers.tolist()), "two exact ways"
ways = (numerics.sequential_sum, numerics.pairwise_sum, numerics.kahan_sum, numerics.neumaier_sum)
for way in ways:
    error = abs(float(Fraction(float(jax.jit(way)(jnp.asarray(numbers)))) / exact - 1))
    print(f"{way.__name__:15} relative error {error / 2**-24:7.2f} u")
hard = jnp.array([1, 1e100, 1, -1e100])
print("1 + 1e100 + 1 - 1e100: Kahan", float(numerics.kahan_sum(hard)), " Neumaier", float(numerics.neumaier_sum(hard)))

# %%
pictures.summation_error()

# %% [markdown]
# *One after another, the error grows with $n$; pairwise hardly; Kahan's stays at one rounding, the last.* Kahan's assumption $|s| \ge |y|$ fails for the four numbers at the
# end; Neumaier asks which of the two is larger.
#
# ## 6. Exponentials and logarithms that survive
#
# In float32 $e^{89}$ is infinite and $e^{-104}$ is 0, while logits of a network may well be 1,000. The remedy is always to bring the *largest*
# term to 1. With $M = \max_j x_j$, take $e^M$ out of the sum:
#
# $$\log \sum_j e^{x_j} = \log \Big(e^M \sum_j e^{x_j - M}\Big) = M + \log \sum_j e^{x_j - M} .$$
#
# Now the sum lies between 1 and $n$: it cannot overflow, and what underflows was negligible beside 1. **Softmax** takes the same factor out of
# numerator and denominator: $p_i = e^{x_i - M} / \sum_j e^{x_j - M}$; and $\log p_i = x_i - \operatorname{logsumexp}(x)$ never forms the $p_i$ that
# could be 0. The **sigmoid** is the softmax of $(x, 0)$: $\frac{1}{1 + e^{-x}}$ for $x \ge 0$ and $\frac{e^x}{1 + e^x}$ for $x < 0$, so that the exponent is never positive.
# **Softplus**, $\log(1 + e^x)$, is the logsumexp of $(x, 0)$: $\max(x, 0) + \log(1 + e^{-|x|})$, with `log1p` (section 4). And `expm1` computes $e^x - 1$, which
# for tiny $x$ would be a difference of nearly equal numbers.


# %%
def logsumexp(x):
    largest = np.max(x)
    return largest + np.log(np.sum(np.exp(x - largest)))


def softmax(x):
    powers = np.exp(x - np.max(x))
    return powers / np.sum(powers)


def sigmoid(x):
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


x = np.array([3.0, -200.0, 1000.0, 999.0])
for name, ours, theirs in (
    ("logsumexp", logsumexp(x), jax.scipy.special.logsumexp(x)),
    ("softmax", softmax(x), jax.nn.softmax(x)),
    ("sigmoid", sigmoid(x), jax.nn.sigmoid(x)),
    ("softplus", softplus(x), jax.nn.softplus(x)),
):
    assert np.allclose(ours, theirs, rtol=1e-14, atol=0), name
print("ours agree with JAX's own\n")

print(f"{'':20} {'input':>20} {'naive':>22} {'stable':>22} {'true, 60 digits':>22}")


def few(numbers):
    return ", ".join(f"{number:.5g}" for number in np.ravel(numbers))


for case in numerics.stability_cases():
    results = few(case.naive_result), few(case.stable_result), few(case.true_result)
    print(f"{case.name:20} {few(case.x):>20} {results[0]:>22} {results[1]:>22} {results[2]:>22}")
    assert np.allclose(case.stable_result, case.true_result, rtol=1e-6, atol=1e-45)
    assert not np.allclose(case.naive_result, case.true_result, rtol=1e-2, atol=0)

# %%
pictures.naive_and_stable()

# %% [markdown]
# *In each row of the table the naive formula is right on paper.* $\operatorname{softmax}(1000, 1000)$ is now $(\frac12, \frac12)$.
#
# ## 7. Lengths
#
# To *normalise* is to divide by the length, so that what is left has length 1. For a matrix take the root of the sum of all squares (Frobenius):
# $\begin{pmatrix}1 & 2\\ 3 & 4\end{pmatrix}$ has length $\sqrt{1 + 4 + 9 + 16} = \sqrt{30}$. The squares are the weak place: those of $10^{20}$ overflow in
# float32, those of $10^{-23}$ vanish, though the lengths are ordinary numbers. As before, take out the largest, $m = \max |x_i|$: $|x| = m \sqrt{\sum (x_i/m)^2}$.

# %%
A = np.array([[1.0, 2.0], [3.0, 4.0]])
length = math.sqrt(30)
print("length", length, " normalised", np.array2string(A / length, precision=8).replace("\n", ""))
assert length == float(jnp.linalg.norm(A)) == 5.477225575051661
assert abs(np.sum((A / length) ** 2) - 1) < 1e-15


def safe_norm(x):
    largest = np.max(np.abs(x))
    return largest * np.sqrt(np.sum((x / largest) ** 2)) if largest > 0 else largest


for size in (1e20, 1e-24):
    x = np.array([3 * size, 4 * size], np.float32)
    with np.errstate(over="ignore", under="ignore"):
        print(f"(3, 4) × {size:.0e}: naive length {np.sqrt(np.sum(x * x)):.4g}, safe {safe_norm(x):.4g}")
    assert abs(float(safe_norm(x)) / (5 * size) - 1) < 1e-6

# %% [markdown]
# ## 8. One training run in four formats
#
# A step of gradient descent is $w \leftarrow w - \eta g$. The result is rounded to the format, and neighbours of $w$ are one ulp away. So
#
# $$|\eta g| < \tfrac12 \operatorname{ulp}(w) \quad\Longrightarrow\quad w \text{ does not move, however often the step is repeated.}$$
#
# In bfloat16 the ulp of a weight just above 1 is $2^{-7} \approx 0.0078$, and half of it is 0.0039. We take steps of 0.003:

# %%
steps = 400
tracks = {}
for name, dtype in (("float32", jnp.float32), ("bfloat16", jnp.bfloat16)):
    w, track = np.asarray(1, dtype), [1.0]
    for _ in range(steps):
        w = (w + np.asarray(0.003, dtype)).astype(dtype)
        track.append(float(w))
    tracks[name] = track
master, kept = np.float32(1), [1.0]
for _ in range(steps):
    master = master + np.float32(0.003)
    kept.append(float(master.astype(jnp.bfloat16)))
tracks["bfloat16, float32 master"] = kept
random, w, diced = np.random.default_rng(3), 1.0, [1.0]
for _ in range(steps):
    ulp = float(numerics.float_anatomy(w, "bfloat16").spacing)
    w = math.floor((w + 0.003) / ulp + random.random()) * ulp  # up or down by lot: right on average
    diced.append(w)
tracks["bfloat16, rounded by lot"] = diced
assert tracks["bfloat16"][-1] == 1.0

figure, axes = plt.subplots(figsize=(8.5, 3.5))
for (name, track), colour, style in zip(tracks.items(), (BLUE, RED, GREEN, ORANGE), ("-", "-", "--", "-"), strict=True):
    axes.plot(track, color=colour, linestyle=style, label=name, linewidth=1.6)
axes.set(xlabel="step", ylabel="weight w", title="400 steps of +0.003, starting at 1", ylim=(0.9, 2.5))
axes.legend(loc="upper left")
plt.show()

# %% [markdown]
# *bfloat16 never moves. Two remedies: keep the weights in float32 (a* master copy*) and round for the passes only; or round by lot, up with a
# probability equal to the part that was cut off, so that the mean is right.*
#
# Now a whole network: digits of $8 \times 8$ pixels, 64-32-10 units, gradient descent, the same start and the same data in each format.

# %%
pictures.precision_curves()

# %% [markdown]
# *Left: float64 and float32 cannot be told apart: the noise of rounding is far below what learning needs. Right: as the gradients get
# smaller, more and more of the bfloat16 updates fall below half an ulp, and are lost; with a float32 master none of it shows.* For a network the count of
# bits matters less in the products than in the place where many small steps are added up. That place is the weight.
#
# ## 9. What goes wrong
#
# **Equality.** `x == 0.3` asks for the same bits. Ask whether two numbers differ by more than the errors that you can account for.
#
# **A guard that guards the value and not the gradient.** $\frac{\sin x}x$ is 1 at 0, and `where(x == 0, 1, sin(x) / x)` says so. But the gradient of `where` is
# 0 times that of the branch not taken, and $0 \cdot \text{NaN}$ is NaN. The guard must stand before the division:


# %%
def guarded_value(x):
    return jnp.where(x == 0, 1.0, jnp.sin(x) / x)


def guarded_input(x):
    safe = jnp.where(x == 0, 1.0, x)
    return jnp.where(x == 0, 1.0, jnp.sin(safe) / safe)


for guarded in (guarded_value, guarded_input):
    print(f"{guarded.__name__}: value {guarded(0.0):.0f}, gradient {jax.grad(guarded)(0.0):.0f}")

# %% [markdown]
# **The average of numbers that fit, in a format that their sum does not.** float16 ends at 65,504. And past 2,048 it cannot count: $2048 + 1$ is 2048.
# Sums need a wider format than their terms.
#
# **A loss taken after the softmax.** `log(softmax(x))` in two steps gives $-\infty$ as soon as a probability underflows, and its gradient is
# NaN; the two together, as $x - \operatorname{logsumexp}(x)$, have the gradient $p - q$, never larger than 1. The picture: the loss of a wrong and sure
# classifier, whose logit of the true class is $-z$ beside a 0.


# %%
def two_steps(z):
    return -jnp.log(jax.nn.softmax(jnp.stack([-z, jnp.zeros_like(z)]))[0])


def one_step(z):
    return -jax.nn.log_softmax(jnp.stack([-z, jnp.zeros_like(z)]))[0]


z = jnp.linspace(0, 140, 281, dtype=jnp.float32)
curves = {}
for name, loss in (("in two steps", two_steps), ("log_softmax", one_step)):
    value, slope = jax.jit(jax.vmap(jax.value_and_grad(loss)))(z)
    curves[name] = np.asarray(value), np.asarray(slope)
assert np.isfinite(curves["log_softmax"]).all()
broken = np.flatnonzero(~np.isfinite(np.stack(curves["in two steps"])).all(axis=0))
print(f"in two steps the loss or its gradient is no number from z = {float(z[broken[0]])} on")

counting = [np.float16(0)]
for _ in range(3000):
    counting.append(counting[-1] + np.float16(1))

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.4))
for axes, which, title in ((left, 0, "Loss, float32"), (middle, 1, "Its slope")):
    for (name, both), colour, width in zip(reversed(curves.items()), (BLUE, RED), (6, 1.8), strict=True):
        shown = np.where(np.isfinite(both[which]), both[which], np.nan)
        axes.plot(z, shown, color=colour, linewidth=width, alpha=0.4 if width > 2 else 1, label=name)
    axes.axvline(float(z[broken[0]]), color=RED, linewidth=1, linestyle=":")
    axes.set(xlabel="z, how sure of the wrong class", title=title)
left.set(ylabel="loss (nats)", ylim=(0, 190))
left.legend(loc="upper left", fontsize=9)
middle.set(ylabel="d loss / d z", ylim=(0, 1.15))
right.plot(counting, color=RED, label="float16")
right.plot(range(3001), color=GREY, linestyle="--", linewidth=1, label="true")
right.set(xlabel="ones added", ylabel="sum", title="A sum that stands still at 2,048")
right.legend(loc="upper left")
plt.show()

# %% [markdown]
# *The dotted line is where the red curve ends: right of it infinity and NaN.*
#
# ## 10. Three exercises
#
# **Exercise 1. The spacing.** Return the distance from the float32 number $x > 0$ (normal, not subnormal) to the next larger one. (`math.frexp(x)`
# returns $f$ and $e$ with $x = f \cdot 2^e$ and $\frac12 \le f < 1$.)


# %%
def spacing(x):
    return None  # your line here


def verdict(answers, trues, tolerance):
    """Compare without failing: right, not yet, or how far off, relative to the truth."""
    for answer, true in zip(answers, trues, strict=True):
        if answer is None:
            return "not yet: return your answer in place of None"
        if not math.isfinite(answer):
            return f"not yet: the answer is {float(answer)}, it should be {float(true):.6g}"
        apart = float(abs(Decimal(float(answer)) / Decimal(true) - 1))
        if apart > tolerance:
            return f"not yet: relative error {apart:.2g}"
    return "right"


def check_spacing(answer):
    xs = [1.0, 0.1, 3.14, 65536.0, 1e-30, 2.0**24]
    trues = [float(np.spacing(np.float32(x))) for x in xs]
    return verdict([answer(float(np.float32(x))) for x in xs], trues, 0.0)


print(check_spacing(spacing))

# %% [markdown]
# **Exercise 2. The other logarithm.** A probability is kept as $x = \log p < 0$; return that of the opposite, $\log(1 - e^x)$, in float64, good to the
# last digits for $x$ from $-700$ to $-10^{-15}$. (There are two dangers: $e^x$ near 0, and $e^x$ near 1. `math.log1p` and `math.expm1` each help with one.)


# %%
def log_of_the_opposite(x):
    return None  # your lines here


def check_opposite(answer):
    xs = [-1e-15, -1e-8, -0.1, -0.69, -0.7, -5.0, -40.0, -700.0]
    with localcontext() as context:
        context.prec = 400
        trues = [(1 - Decimal(x).exp()).ln() for x in xs]
    return verdict([answer(x) for x in xs], trues, 1e-15)


print(check_opposite(log_of_the_opposite))

# %% [markdown]
# **Exercise 3. Kahan's sum.** Add the float32 numbers of a list in float32, one after another, so that the result is as good as if it had been
# rounded once. Return a float32.


# %%
def careful_sum(numbers):
    s, c = np.float32(0), np.float32(0)  # noqa: F841
    return None  # your lines here


def check_sum(answer):
    random = np.random.default_rng(4)
    lists = [random.uniform(size=5000).astype(np.float32), np.full(3000, 0.1, np.float32)]
    return verdict(
        [answer(numbers) for numbers in lists], [math.fsum(map(float, numbers)) for numbers in lists], 2 * 2**-24
    )


print(check_sum(careful_sum))

# %% [markdown]
# ### Solutions
#
# Open the next cell when you have tried.


# %% jupyter={"source_hidden": true}
def spacing_solution(x):
    # x = f 2^e with 1/2 <= f < 1 is (2 f) 2^(e - 1): the exponent is e - 1, and 23 bits follow the point.
    return 2.0 ** (math.frexp(x)[1] - 1 - 23)


def opposite_solution(x):
    # Near x = 0 the difference 1 - e^x is small, and expm1 has its digits; far from it e^x is, and log1p has.
    return math.log(-math.expm1(x)) if x > -math.log(2) else math.log1p(-math.exp(x))


def sum_solution(numbers):
    s, c = np.float32(0), np.float32(0)
    for x in numbers:
        y = x - c
        t = s + y
        c = (t - s) - y
        s = t
    return s


answers = (check_spacing(spacing_solution), check_opposite(opposite_solution), check_sum(sum_solution))
for number, answer in enumerate(answers, start=1):
    print(f"exercise {number}: {answer}")
assert answers == ("right",) * 3

# %% [markdown]
# ## 11. What was proved
#
# * **0.1** recurs in binary; its float32 was made with whole numbers, and is the machine's to the bit.
# * **Rounding** keeps its promise $|\delta| \le u$, in 16,000 operations against fractions.
# * **Cancellation** loses what the formula for it predicts, in a root and in a variance; rewritten formulas lose nothing.
# * **Conditioning** belongs to the question, stability to the algorithm: `log(1 + x)` is an unstable way to a harmless number.
# * **Kahan's sum** is as good as one rounding, against exact fractions.
# * **Eleven naive formulas** break on eleven inputs; the stable ones agree with 60 digits.
# * **A weight does not move** by less than half an ulp: why bfloat16 needs a master copy, or a lot.
# * And what proves *nothing*: a formula that is right on paper, a value that is right at a kink, a sum that fits.
#
# | In this lesson | In the package |
# |---|---|
# | Bits, spacing, recurring digits | [`numerics/anatomy.py`](../src/chainrule/maths/numerics/anatomy.py) |
# | Roots, variances | [`numerics/cancellation.py`](../src/chainrule/maths/numerics/cancellation.py) |
# | Condition numbers | [`numerics/conditioning.py`](../src/chainrule/maths/numerics/conditioning.py) |
# | Sums | [`numerics/summation.py`](../src/chainrule/maths/numerics/summation.py) |
# | Naive against stable | [`numerics/stability.py`](../src/chainrule/maths/numerics/stability.py) |
# | The training run | [`course/precision.py`](../src/chainrule/course/precision.py) |
#
# **Sources.**
#
# * D. Goldberg, *What every computer scientist should know about floating-point arithmetic*, ACM Computing Surveys 23, 1991.
# * N. J. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd edition, SIAM, 2002.
# * W. Kahan, *Further remarks on reducing truncation errors*, Communications of the ACM 8, 1965.
# * B. P. Welford, *Note on a method for calculating corrected sums of squares and products*, Technometrics 4, 1962.
# * P. Micikevicius and others, *Mixed precision training*, ICLR 2018.
