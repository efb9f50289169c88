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
# # Derivatives, limits, integrals
#
# How fast does a quantity change *at this moment*? How much has gathered up *in all*? The first is a derivative, the second an
# integral, and both are limits: numbers that are approached and never reached. A computer cannot approach for ever. It has
# sixteen digits and finitely many steps.
#
# **The question of this lesson:** how do we get derivatives, limits and integrals out of a machine that can only add,
# multiply and round, and how do we *know* that they are right? There are several ways to each, with errors of very different
# size, and each error can be predicted. Five figures that were printed in a tutorial turn out to be wrong on the way; each
# shows what a check would have cost, which is one line.
#
# You need: school mathematics and a little Python. Every rule is derived where it is used.
#
# | | |
# |---|---|
# | 1 | Limits |
# | 2 | The derivative, by its definition |
# | 3 | Slopes of samples |
# | 4 | Product rule and chain rule |
# | 5 | Many variables: gradient, Jacobian, Hessian, Taylor |
# | 6 | Integrals |
# | 7 | Ways down |
# | 8 | What goes wrong |
# | 9 | Three exercises |
# | 10 | What was proved |

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from chainrule.course import errata
from chainrule.course.figures import calculus as figures
from chainrule.maths import calculus

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


def referee(what, ours, other, tolerance=1e-12):
    """Print how far two answers are apart, relative to the largest number; stop at more than the tolerance."""
    ours, other = np.asarray(ours), np.asarray(other)
    assert ours.shape == other.shape, f"{what}: shapes {ours.shape} and {other.shape}"
    apart = np.max(np.abs(ours - other)) / np.max(np.abs(other))
    print(f"{what:56} {'agree' if apart <= tolerance else 'DISAGREE'} to {tolerance:.0e}")
    assert apart <= tolerance, f"{what}: {apart:.1e} apart"


def decide(name):
    """Print an erratum of the course: what was printed, what is right by each independent way, and what mistake was made."""
    finding = errata.find(name).settle()
    print(f"{finding.erratum.claim}")
    print(f"   {'printed':34} {finding.erratum.printed}")
    for way, value in finding.evidence.ways.items():
        print(f"   {way:34} {finding.written(value)}")
    for mistake, value in finding.evidence.mistake.items():
        print(f"   {mistake:34} {finding.written(value, like_printed=True)}   <- the mistake")
    print(f"   {finding.verdict}")
    assert finding.stands


# %% [markdown]
# ## 1. Limits
#
# What is $\sin(x)/x$ at $x = 0$? There is no such number: $0/0$. But close to 0 there are numbers, 0.99833 at 0.1 and
# 0.9999833 at 0.01, and they draw near to 1. That $f$ has the **limit** $L$ at $a$ means: whatever closeness is asked for, $f(x)$ is
# that close to $L$ for *all* $x \ne a$ that are near enough to $a$. The value at $a$ itself does not matter, nor does any value
# far away.
#
# **The proof for $\sin(x)/x$**: on the unit circle, the arc of angle $x$ (length $x$) is longer than the vertical line
# $\sin x$ below it, and shorter than the tangent $\tan x = \sin x / \cos x$ beside it: $\sin x < x < \sin x/\cos x$. Divide by $\sin x$ and
# turn the fractions over:
#
# $$\cos x < \frac{\sin x}{x} < 1 .$$
#
# As $x \to 0$ both ends go to 1, and what is squeezed between them must follow. And $x / \sin x$, turned over, has the limit 1 as
# well.
#
# **The mistake.** A tutorial computes both limits as "the largest $|f(x)|$ on 100 points around 0":

# %%
decide("B1-limit")

# %% [markdown]
# For $\sin(x)/x$ the answer is right by luck: the function happens to have its largest value at 0. The other one has its *smallest*
# value there, and the method reports what happens at the edge of the interval. A limit is about what is near.

# %%
figure, (sine, inverse) = plt.subplots(1, 2, figsize=(10.5, 3.3))
grid = np.linspace(-1, 1, 100)
for axes, f, name in ((sine, np.sin(grid) / grid, "sin(x) / x"), (inverse, grid / np.sin(grid), "x / sin(x)")):
    axes.plot(grid, f, color=BLUE)
    worst = np.argmax(np.abs(f))
    axes.plot(grid[worst], f[worst], "s", color=RED, markersize=8, label=f"largest: {f[worst]:.4f}")
    axes.plot(0, 1, "o", color=GREEN, markersize=8, markerfacecolor="white", markeredgewidth=2, label="limit at 0: 1")
    axes.set(xlabel="x", title=name, ylim=(0.8, 1.25))
    axes.legend(loc="upper center" if axes is inverse else "lower center")
plt.show()

# %% [markdown]
# **How a machine finds it soundly.** Take values at $h, h/2, h/4, \dots$ and ask how the error falls. By its series,
#
# $$\frac{\sin h}{h} = 1 - \frac{h^2}{6} + \frac{h^4}{120} - \dots, \qquad\text{in general}\qquad f(h) = L + a h^2 + c\, h^4 + \dots$$
#
# Halve $h$ and the error $a h^2$ falls to a quarter. So four times the better value less the worse one is free of it:
#
# $$\frac{4 f(h/2) - f(h)}{3} = L + 0 \cdot h^2 + \text{something} \cdot h^4 + \dots$$
#
# That is **Richardson's extrapolation**. Do it again with 16 in place of 4, and the $h^4$ goes too. From six values that know the
# limit to three digits we get it to more than twelve.


# %%
def extrapolate(values):
    """Values at h, h/2, h/4, ... of a function with even powers of h only: the table of Richardson."""
    table, power = [np.array(values)], 1
    while len(table[-1]) > 1:
        far, near = table[-1][:-1], table[-1][1:]
        table.append((4**power * near - far) / (4**power - 1))
        power += 1
    return table


for name, f in {"sin(h)/h": lambda h: np.sin(h) / h, "h/sin(h)": lambda h: h / np.sin(h)}.items():
    table = extrapolate([f(0.5**k) for k in range(1, 7)])
    print(f"{name}: the last value is off by {abs(table[0][-1] - 1):.0e}; after each pass", end=" ")
    print(*(f"{abs(column[-1] - 1):.0e}" for column in table[1:4]))
    assert abs(table[-1][0] - 1) < 1e-12

# %% [markdown]
# The library's `limit` does the same without knowing the powers (Aitken's process), from both sides, along three different
# sequences, and believes only what all agree on. So it can also say *no*: where the two sides differ, where the function swings for ever,
# and where it grows without bounds.

# %%
cases = {
    "sin(x)/x at 0": (lambda x: jnp.sin(x) / x, 0.0),
    "x/sin(x) at 0": (lambda x: x / jnp.sin(x), 0.0),
    "(1 - cos x)/x² at 0": (lambda x: (1 - jnp.cos(x)) / x**2, 0.0),
    "(1 + 1/x)^x at infinity": (lambda x: (1 + 1 / x) ** x, jnp.inf),
    "sign of x at 0: two sides": (jnp.sign, 0.0),
    "sin(1/x) at 0: swings": (lambda x: jnp.sin(1 / x), 0.0),
    "1/x² at 0: grows": (lambda x: 1 / x**2, 0.0),
}
known = [1, 1, 0.5, np.e, np.nan, np.nan, np.inf]
for (name, (f, at)), true in zip(cases.items(), known, strict=True):
    found = calculus.limit(f, at)
    print(f"{name:28} {float(found.value):12.8f}")
    np.testing.assert_allclose(float(found.value), true, rtol=1e-9)

# %% [markdown]
# ## 2. The derivative, by its definition
#
# Between $x$ and $x + h$ a function climbs by $f(x+h) - f(x)$, on average $\frac{f(x+h) - f(x)}{h}$ for each unit of way. The
# **derivative** is the limit of this slope as $h \to 0$. For $f(x) = x^2$:
#
# $$\frac{(x+h)^2 - x^2}{h} = \frac{2xh + h^2}{h} = 2x + h \;\longrightarrow\; f'(x) = 2x .$$
#
# Look at the middle: for $h \ne 0$ the slope is off by $h$. The definition, taken as a recipe with some small $h$, has an error, and
# here we can read it off.

# %%
figures.parabola_and_slope()

# %% [markdown]
# **How wrong is a difference?** Taylor's formula (section 5) says how $f$ goes on from $x$:
# $f(x \pm h) = f \pm h f' + \frac{h^2}{2} f'' \pm \frac{h^3}{6} f''' + \dots$ Hence
#
# $$
# \begin{aligned}
# \text{forward:}\quad & \frac{f(x+h) - f(x)}{h} = f' + \frac{h}{2} f'' + \dots \\[3pt]
# \text{central:}\quad & \frac{f(x+h) - f(x-h)}{2h} = f' + \frac{h^2}{6} f''' + \dots
# \end{aligned}
# $$
#
# In the central one all even terms cancel. So make $h$ tiny? The computer rounds $f(x)$ to a relative $\varepsilon = 2 \cdot 10^{-16}$,
# the difference of two nearly equal numbers keeps that error, and dividing by $h$ blows it up to $\varepsilon / h$. One error
# falls with $h$, the other grows; the best $h$ is where they are equal:
#
# $$h \approx \frac{\varepsilon}{h} \Rightarrow h \approx \varepsilon^{1/2} \approx 10^{-8}
# \qquad\text{and}\qquad h^2 \approx \frac{\varepsilon}{h} \Rightarrow h \approx \varepsilon^{1/3} \approx 6 \cdot 10^{-6} ,$$
#
# which leaves 8 right digits, and 11. Half of the digits, or a third, are the price of subtracting.
#
# **The complex step** does not subtract. Go from $x$ a little way $h$ in the direction of $i = \sqrt{-1}$; since $i^2 = -1$,
#
# $$f(x + i h) = f + i h f' - \frac{h^2}{2} f'' - i \frac{h^3}{6} f''' + \dots
# \quad\Longrightarrow\quad \frac{\operatorname{Im} f(x + ih)}{h} = f' - \frac{h^2}{6} f''' + \dots$$
#
# The value and the slope are kept in two different numbers, the real and the imaginary part, so nothing cancels, and $h$ may be
# $10^{-50}$. It needs an $f$ that takes complex numbers.

# %%
x = np.array([0.3, 1.0, 2.5])
h = 1e-5
ours = {
    "forward": (np.sin(x + h) - np.sin(x)) / h,
    "central": (np.sin(x + h) - np.sin(x - h)) / (2 * h),
    "complex step": np.imag(np.sin(x + 1e-50j)) / 1e-50,
}
library = {
    "forward": calculus.forward_difference(jnp.sin, jnp.array(x), step=h),
    "central": calculus.central_difference(jnp.sin, jnp.array(x), step=h),
    "complex step": calculus.complex_step(jnp.sin, jnp.array(x)),
}
for name, values in ours.items():
    error = np.max(np.abs(values - np.cos(x)))
    print(f"{name:14} off by {error:.0e} from cos(x)")
    np.testing.assert_allclose(values, library[name].value, rtol=1e-14)
referee("complex step against jax.grad", ours["complex step"], jax.vmap(jax.grad(jnp.sin))(x), tolerance=1e-15)

# %%
figures.difference_errors()

# %% [markdown]
# Every line of the picture was predicted above: slopes 1 and 2 on the right, $-1$ on the left, the lowest points near $10^{-8}$ and
# $6 \cdot 10^{-6}$. The third series has no left branch.
#
# ## 3. Slopes of samples
#
# Often there is no function, only a table: here $y$ at $x = 0, 1, 2, 3, 4$. Then $h$ is what the table gives. In the middle one takes central
# differences, and at both ends, where a neighbour is missing, one-sided ones:

# %%
samples = np.array([0.0, 10, 40, 90, 160])
slopes = np.empty(5)
slopes[1:-1] = (samples[2:] - samples[:-2]) / 2
slopes[0], slopes[-1] = samples[1] - samples[0], samples[-1] - samples[-2]
print(slopes.tolist())
referee("by hand against jnp.gradient", slopes, jnp.gradient(jnp.array(samples)))
decide("B3-sampled-derivative")

# %% [markdown]
# The table is $y = 10 x^2$, so the true slopes are $20 x$: 0, 20, 40, 60, 80. In the middle ours are exact, as they must be, for the
# error is $\frac{h^2}{6} f'''$ and a parabola has $f''' = 0$. At the ends they are off by $\frac{h}{2} f'' = 10$, again as
# predicted. The printed figures are $3 x^2$ at other places: the derivative of another function. One glance at the table would have
# told: from 0 to 10 in one step is no slope of 3, and nowhere does it climb by 432.
#
# ## 4. Product rule and chain rule
#
# Differences prove nothing about formulas. To differentiate a *formula* we need to know how slopes pass through the ways in which
# formulas are built, and two ways are enough: multiplying, and putting one function into another.
#
# **Product.** How much does $u v$ change from $x$ to $x+h$? Go in two steps: first let $u$ change, then $v$.
#
# $$\frac{u(x+h)\,v(x+h) - u(x)\,v(x)}{h} = \frac{u(x+h) - u(x)}{h}\, v(x+h) + u(x)\, \frac{v(x+h) - v(x)}{h}
# \;\longrightarrow\; \boxed{\;(uv)' = u' v + u v'\;}$$
#
# **Chain.** Let $u = g(x)$ and $y = f(u)$. A small step $\Delta x$ makes $\Delta u \approx g'(x)\, \Delta x$, and that makes
# $\Delta y \approx f'(u)\, \Delta u$. Slopes in a chain multiply, like gears:
#
# $$\boxed{\;\frac{d}{dx} f(g(x)) = f'(g(x)) \cdot g'(x)\;}$$
#
# The two examples of the tutorial, by hand: $(x^2 \sin x)' = 2x \sin x + x^2 \cos x$, and $(\sin x^6)' = \cos(x^6) \cdot 6 x^5$.

# %%
at = np.array([2.0, 3, 1])
referee(
    "product rule against jax.grad",
    2 * at * np.sin(at) + at**2 * np.cos(at),
    jax.vmap(jax.grad(lambda x: x**2 * jnp.sin(x)))(at),
)
decide("B4-product-rule")
print()
decide("B5-chain-rule")

# %% [markdown]
# What was printed is `np.gradient` of the three values: differences from one *place of the array* to the next. In the first
# example the three places are not even in order (2, 3, 1), and no $x$ enters at all. In the second one the step is right, 1,
# but look at the function:

# %%
figure, axes = plt.subplots(figsize=(9.5, 3.2))
fine = np.linspace(0.8, 3.05, 6000)
axes.plot(fine, np.sin(fine**6), color=BLUE, linewidth=0.6, label="sin(x⁶)")
places = np.array([1.0, 2, 3])
axes.plot(places, np.sin(places**6), "o-", color=RED, markersize=8, linewidth=1.6, label="what three samples see")
axes.set(xlabel="x", ylim=(-1.15, 1.15), title="Between 2 and 3 it goes up and down 106 times")
axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# A difference sees nothing of what happens between its two points. At $x = 3$ the slope is 1,442, and the samples report $-0.77$. A
# difference needs a step that is small against the length over which $f$ changes, here $1/(6 x^5) \approx 7 \cdot 10^{-4}$.
#
# ## 5. Many variables
#
# A function of two numbers is a landscape, $f(x, y)$ its height. Hold $y$ fixed and differentiate by $x$: the slope due east, the
# **partial derivative** $\partial f/\partial x$. The other way round is the slope due north. Side by side they are the **gradient**,
# $\nabla f = (\partial f/\partial x,\ \partial f/\partial y)$.
#
# And in any other direction? Walk from $p$ along an arrow $u$ of length 1. By the chain rule, with two roads from $t$ to $f$, whose effects add:
#
# $$\frac{d}{dt} f(p + t u) = \frac{\partial f}{\partial x} u_x + \frac{\partial f}{\partial y} u_y = \nabla f \cdot u = |\nabla f| \cos\theta ,$$
#
# where $\theta$ is the angle between the two. The cosine is largest, 1, at $\theta = 0$: **the gradient points where it climbs most
# steeply, and its length is that slope.** At right angles to it the slope is 0: there runs the contour line.

# %%
figures.gradient_field()


# %%
def hill(p):
    return p[0] ** 2 + 2 * p[1] ** 2


point = jnp.array([1.0, 0.5])
gradient = jax.grad(hill)(point)
referee("gradient by hand, (2x, 4y)", gradient, [2 * 1.0, 4 * 0.5])
turns = np.radians(np.arange(0, 360, 0.5))
steepness = [gradient @ np.array([np.cos(turn), np.sin(turn)]) for turn in turns]
print(f"steepest of 720 directions: {np.degrees(turns[np.argmax(steepness)]):.1f}°, the gradient's: ", end="")
print(f"{np.degrees(np.arctan2(gradient[1], gradient[0])):.1f}°")
direction = jnp.array([3.0, -1.0])
by_hand = gradient @ direction / jnp.linalg.norm(direction)
referee(
    "along (3, -1), against directional_derivative", by_hand, calculus.directional_derivative(hill, point, direction)
)

# %% [markdown]
# **Jacobian.** Where $f$ has several outputs, each has a gradient; stacked as rows they are the **Jacobian** $J$, outputs by inputs. Near
# $p$ the function is nearly a matrix: $f(p + v) \approx f(p) + J v$. From radius and angle to the plane, $x = r \cos\varphi$, $y = r \sin\varphi$:
#
# $$J = \begin{pmatrix} \cos\varphi & -r \sin\varphi \\ \sin\varphi & r \cos\varphi \end{pmatrix}, \qquad
# \det J = r \cos^2\varphi + r \sin^2 \varphi = r ,$$
#
# by which areas grow: a small rectangle $dr \times d\varphi$ covers $r\, dr\, d\varphi$. That factor will be useful in section 6.
#
# **Hessian.** The gradient is itself a function of several outputs; its Jacobian is the **Hessian** $H$, all second derivatives. It is
# symmetric, since by $x$ and then by $y$ is the same as by $y$ and then by $x$.
#
# **Taylor.** Which polynomial follows $f$ most closely near $a$? One with the same value, slope, bend, and so on at $a$. The power
# $(x - a)^k$, differentiated $k$ times, leaves $k! = 1 \cdot 2 \cdots k$; so its factor must be $f^{(k)}(a)/k!$:
#
# $$f(x) \approx \sum_k \frac{f^{(k)}(a)}{k!} (x-a)^k, \qquad\text{and for many variables}\qquad
# f(p + v) \approx f + \nabla f \cdot v + \tfrac12\, v^{\mathsf T} H v .$$


# %%
def polar(q):
    return jnp.stack([q[0] * jnp.cos(q[1]), q[0] * jnp.sin(q[1])])


r, phi = 2.0, 0.7
by_hand = np.array([[np.cos(phi), -r * np.sin(phi)], [np.sin(phi), r * np.cos(phi)]])
referee("Jacobian by hand against jax.jacobian", by_hand, jax.jacobian(polar)(jnp.array([r, phi])))
referee("its determinant against r", np.linalg.det(by_hand), r)


def rosenbrock(p):
    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


def rosenbrock_hessian(p):
    return np.array([[2 - 400 * (p[1] - 3 * p[0] ** 2), -400 * p[0]], [-400 * p[0], 200.0]])


referee(
    "Hessian by hand against jax.hessian",
    rosenbrock_hessian([-1.2, 1]),
    jax.hessian(rosenbrock)(jnp.array([-1.2, 1.0])),
)
coefficients = [0, 1, 0, -1 / 6, 0, 1 / 120, 0, -1 / 5040]
referee("sin at 0 against taylor_coefficients", coefficients, calculus.taylor_coefficients(jnp.sin, 0.0, order=7))
start, v = jnp.array([-1.2, 1.0]), jnp.array([0.6, 0.8])
left = []
for size in (0.02, 0.01):
    step = size * v
    model = rosenbrock(start) + jax.grad(rosenbrock)(start) @ step + step @ jax.hessian(rosenbrock)(start) @ step / 2
    left.append(float(abs(rosenbrock(start + step) - model)))
print(f"what the second-order formula leaves falls by {left[0] / left[1]:.1f} when the step is halved: 2³ is expected")
assert 7 < left[0] / left[1] < 9

# %%
figures.taylor_polynomials()

# %% [markdown]
# ## 6. Integrals
#
# The area under $f$ from $a$ to $b$ is $\int_a^b f(x)\,dx$. If $F(x)$ is the area up to $x$, then going on by a small $h$ adds a strip of height
# $f(x)$: $F(x+h) - F(x) \approx h f(x)$. So $F' = f$: **integrating and differentiating undo each other**, and whoever knows an
# $F$ with $F' = f$ has the area as $F(b) - F(a)$. For most $f$ no formula for $F$ exists. Then we add up weighted values,
#
# $$\int_a^b f(x)\, dx \approx \sum_i w_i f(x_i) ,$$
#
# and the rules differ in where they look and how they weigh. Take a piece from $-1$ to $1$ and ask of each rule that it be exact for as many
# powers of $x$ as it can; the true values are $\int 1 = 2$, $\int x = 0$, $\int x^2 = \frac23$, $\int x^3 = 0$, $\int x^4 = \frac25$.
#
# * **Trapezoid**: two points, $-1$ and $1$, weights 1 and 1. Right for $1$ and $x$; for $x^2$ it says 2. Put together from pieces of length
#   $h$, its error is $-\frac{b-a}{12} h^2 f''$, **order 2**: half the $h$, a quarter of the error.
# * **Simpson**: add the middle. With weights $p, q, p$: from $1$, $2p + q = 2$; from $x^2$, $2p = \frac23$. So $p = \frac13$ and
#   $q = \frac43$. It is a parabola through three points; $x^3$ comes out right for free, by symmetry. **Order 4.**
# * **Gauss and Legendre**: let the *places* be free too. Two points $\pm s$ with weight 1: from $x^2$, $2 s^2 = \frac23$, so
#   $s = 1/\sqrt3$, and two points do what Simpson needs three for. With $n$ points there are $2n$ freedoms, and all powers up to
#   $x^{2n-1}$ come out right. The error falls faster than any power.
# * **Monte Carlo**: look at random places and take the mean, times $b - a$. The error is the deviation of $f$ over $\sqrt n$:
#   **order ½**, poor, but in *any* number of dimensions.

# %%
figures.quadrature_shapes()


# %%
def trapezoid(f, a, b, n):
    x = np.linspace(a, b, n + 1)
    y = f(x)
    return (b - a) / n * (np.sum(y) - (y[0] + y[-1]) / 2)


def simpson(f, a, b, n):
    y = f(np.linspace(a, b, n + 1))
    return (b - a) / (3 * n) * (y[0] + y[-1] + 4 * np.sum(y[1:-1:2]) + 2 * np.sum(y[2:-1:2]))


def gauss(f, a, b, n):
    nodes, weights = np.polynomial.legendre.leggauss(n)  # NumPy's, by eigenvalues; the library's are by Newton's method
    return (b - a) / 2 * np.sum(weights * f((a + b) / 2 + (b - a) / 2 * nodes))


nodes, weights = calculus.legendre_nodes(2)
referee("two points of Gauss and Legendre: ±1/√3", nodes, [-1 / np.sqrt(3), 1 / np.sqrt(3)])
referee("simpson against the library", simpson(np.exp, 0, 1, 10), calculus.simpson(jnp.exp, 0.0, 1.0, intervals=10))
referee("gauss against the library", gauss(np.exp, 0, 1, 5), calculus.gauss_legendre(jnp.exp, 0.0, 1.0, points=5))
for name, rule in {"trapezoid": trapezoid, "Simpson": simpson}.items():
    errors = [abs(rule(np.exp, 0, 1, n) - (np.e - 1)) for n in (16, 32)]
    print(
        f"{name:10} half the step divides the error by {errors[0] / errors[1]:.2f}: order {np.log2(errors[0] / errors[1]):.2f}"
    )
area = jax.grad(lambda b: calculus.simpson(jnp.exp, 0.0, b, intervals=100))(1.5)
referee("d/db of the area up to b is f(b)", area, np.exp(1.5), tolerance=1e-9)

# %%
figures.quadrature_errors()

# %% [markdown]
# **Two figures of the tutorial.** The first is $\int_0^1 x^2 dx$ by the trapezoid rule on 100 points, which are 99 pieces. With $f'' = 2$
# our formula predicts $\frac13 + \frac{h^2}{6}$. The second is the area under the bell $e^{-x^2}$, again on 100 points.
#
# Its true value: take its square, the *volume* under $e^{-x^2-y^2}$, in radius and angle, where areas have the factor $r$ (section 5):
#
# $$\int_0^{2\pi}\!\!\int_0^\infty e^{-r^2} r\, dr\, d\varphi = 2\pi \left[-\tfrac12 e^{-r^2}\right]_0^\infty = \pi
# \quad\Longrightarrow\quad \int_{-\infty}^{\infty} e^{-x^2} dx = \sqrt\pi .$$

# %%
parabola = trapezoid(lambda x: x**2, 0, 1, 99)
print(f"x² on 100 points: {parabola:.14f}; predicted 1/3 + 1/(6·99²) = {1 / 3 + 1 / (6 * 99**2):.14f}")
referee("the first, as printed", parabola, 0.33335033840084355, tolerance=1e-15)
referee("the bell against √π", trapezoid(lambda x: np.exp(-(x**2)), -10, 10, 99), np.sqrt(np.pi))
referee(
    "the bell against jnp.trapezoid",
    np.sqrt(np.pi),
    jnp.trapezoid(jnp.exp(-(jnp.linspace(-10, 10, 100) ** 2)), dx=20 / 99),
)
decide("B7-integral")

# %% [markdown]
# The second was misprinted: a 0 in the middle was lost. (Look at it twice: a rule of order 2 is right here to all digits! The error of the
# trapezoid rule comes from the two *ends*; the bell and all its slopes vanish there. For such functions, and for periodic ones over a
# whole period, there is nothing better.)
#
# **Why chance has its place.** In $d$ dimensions a grid with $m$ points along each axis has $m^d$ of them. With 15,625 points in six
# dimensions that is 5 an axis, which is coarse. Chance does not know of axes:

# %%
exact = (
    np.sqrt(np.pi) / 2 * float(jax.scipy.special.erf(1.0))
) ** 6  # of exp(-|x|^2) over the unit cube: a product of six
grid_rule = trapezoid(lambda x: np.exp(-(x**2)), 0, 1, 4) ** 6
by_chance = calculus.monte_carlo(
    lambda p: jnp.exp(-jnp.sum(p**2)), jnp.zeros(6), jnp.ones(6), jax.random.key(0), samples=5**6
)
print(f"exact {exact:.5f}; trapezoids on the grid are off by {100 * abs(grid_rule / exact - 1):.1f} %")
print(f"Monte Carlo, as many points: {by_chance.value:.5f} ± {by_chance.standard_error:.5f}, off by ", end="")
print(f"{100 * abs(float(by_chance.value) / exact - 1):.1f} %")
assert abs(by_chance.value - exact) < 4 * by_chance.standard_error

# %% [markdown]
# ## 7. Ways down
#
# Where is $f$ smallest? **Gradient descent** walks against the gradient: $x \leftarrow x - \eta \nabla f(x)$, with a *rate* $\eta$. On
# $f = x^2 - 2x + 1 = (x-1)^2$ the slope is $2(x - 1)$, so
#
# $$x - 1 \;\leftarrow\; (1 - 2\eta)(x - 1) .$$
#
# From 5 with $\eta = 0.1$ the distance shrinks by 0.8 each step; after 100 steps it is $4 \cdot 0.8^{100} = 8.148 \cdot 10^{-10}$.

# %%
place = 5.0
for _ in range(100):
    place = place - 0.1 * (2 * place - 2)
print(f"after 100 steps {place:.16f}; the formula says 1 + {4 * 0.8**100:.7e}")
way = calculus.gradient_descent(lambda x: x**2 - 2 * x + 1, 5.0, rate=0.1, steps=100, tolerance=0.0)
referee("against gradient_descent", place, way.x, tolerance=1e-15)
referee("and the tutorial's figure", place, 1.0000000008148144, tolerance=1e-15)

# %% [markdown]
# **Newton** uses the bend as well. Near $p$, by Taylor, $f(p + v) \approx f + g \cdot v + \frac12 v^{\mathsf T} H v$ with the gradient
# $g$ and the Hessian $H$. This bowl is lowest where its gradient $g + H v$ is zero:
#
# $$v = -H^{-1} g .$$
#
# If $f$ *is* a bowl of this kind, one step arrives: from $(1, 22, 30)$ on $x^2 + y^2 + z^2$, $g = 2p$, $H = 2I$, $v = -p$. Otherwise
# the error that is left comes from the terms of third order, so near the end it is about the *square* of the error before: the number of right
# digits doubles with each step.
#
# **BFGS** learns the bend on the way. A step $s$ that changed the gradient by $y$ has shown what $H^{-1}$ does to one direction:
# it takes $y$ to $s$. Of all symmetric matrices that do this, take the nearest to the one believed before:
#
# $$B \leftarrow \left(I - \frac{s y^{\mathsf T}}{y \cdot s}\right) B \left(I - \frac{y s^{\mathsf T}}{y \cdot s}\right) + \frac{s s^{\mathsf T}}{y \cdot s} .$$
#
# Put $y$ in: the right bracket gives $y - y = 0$, and the last term $s$. Gradients only, no Hessian, no equations to solve; it is what SciPy's
# `minimize` does unless told otherwise. Both in a few lines, on Rosenbrock's valley, narrow and bent:

# %%
value_and_slope = jax.jit(jax.value_and_grad(rosenbrock))


def newton_by_hand(p, steps):
    path = [p]
    for _ in range(steps):
        _, g = value_and_slope(p)
        p = p - np.linalg.solve(rosenbrock_hessian(p), g)
        path.append(p)
    return np.array(path)


def bfgs_by_hand(p, steps):
    B, (value, g) = np.eye(2), value_and_slope(p)
    for _ in range(steps):
        d, t = -B @ g, 1.0
        while value_and_slope(p + t * d)[0] > value + 1e-4 * t * (g @ d):  # too far: halve
            t = t / 2
        s = t * d
        new_value, new_g = value_and_slope(p + s)
        y = new_g - g
        if y @ s > 0:
            away = np.eye(2) - np.outer(s, y) / (y @ s)
            B = away @ B @ away.T + np.outer(s, s) / (y @ s)
        p, value, g = p + s, new_value, new_g
    return p


path = newton_by_hand(np.array([-1.2, 1.0]), 6)
print("Newton's distance from (1, 1):", *(f"{np.linalg.norm(p - 1):.0e}" for p in path))
start = jnp.array([-1.2, 1.0])
referee("Newton by hand against the library's end", path[-1], calculus.newton(rosenbrock, start).x, tolerance=1e-9)
referee(
    "BFGS by hand against the library's end",
    bfgs_by_hand(np.array([-1.2, 1.0]), 36),
    calculus.bfgs(rosenbrock, start).x,
    tolerance=1e-6,
)
bowl_start = jnp.array([1.0, 22.0, 30.0])
for name, method in {
    "gradient descent": calculus.gradient_descent,
    "Newton": calculus.newton,
    "BFGS": calculus.bfgs,
}.items():
    found = method(lambda p: jnp.sum(p**2), bowl_start)
    print(
        f"x² + y² + z² from (1, 22, 30): {name:17} {int(found[4]):3} steps, at most {float(jnp.max(jnp.abs(found.x))):.0e} from 0"
    )
    assert bool(found.converged)

# %%
figures.descent_paths()

# %% [markdown]
# ## 8. What goes wrong
#
# Three mistakes that give numbers, and no warning.
#
# * **A limit by putting in a tiny number.** $(1 - \cos x)/x^2$ goes to $\frac12$. At $x = 10^{-9}$ the cosine is rounded to 1 and the
#   answer is 0. (Written as $2 \sin^2(x/2)/x^2$, which is the same on paper, nothing is subtracted, and nothing goes wrong.)
# * **A rule on a function that it was not made for.** The orders of section 6 need derivatives that stay finite. $\sqrt x$ has an
#   infinite slope at 0. Simpson falls from order 4 to 1.5, no better than the trapezoid; Gauss and Legendre, faster than any power on
#   $e^x$, to 3.
# * **Newton without a look at the bend.** $H^{-1} g$ seeks a place where the gradient is zero, and a summit is one. On
#   $f = \frac14 x^4 - \frac12 x^2$, with valleys at $\pm 1$ and a summit at 0, it *climbs* from 0.4, where the bend is negative. The library's
#   looks at the eigenvalues of $H$ first, lifts them where they are not positive, and takes only steps that lead down.


# %%
def two_valleys(x):
    return x**4 / 4 - x**2 / 2


climbing = [0.4]
for _ in range(4):
    x = climbing[-1]
    climbing.append(x - (x**3 - x) / (3 * x**2 - 1))
sound = calculus.newton(two_valleys, 0.4)
print(f"plain Newton ends at {climbing[-1]:.6f}, a summit; the library's at {float(sound.x):.6f}")
assert abs(climbing[-1]) < 1e-6
assert abs(float(sound.x) - 1) < 1e-6

figure, (tiny, rough, climb) = plt.subplots(1, 3, figsize=(11.5, 3.9))
near = np.logspace(-10, 0, 400)
tiny.semilogx(near, (1 - np.cos(near)) / near**2, color=RED, linewidth=1, label="as it stands")
tiny.semilogx(near, 2 * (np.sin(near / 2) / near) ** 2, color=BLUE, label="2 sin²(x/2) / x²")
tiny.set(xlabel="x", ylim=(-0.05, 1.6), title="(1 − cos x) / x²")
tiny.legend(loc="upper right")
counts = 2 ** np.arange(1, 11)
for rule, marker, colour, name in (
    (trapezoid, "o", BLUE, "trapezoid"),
    (simpson, "s", RED, "Simpson"),
    (gauss, "^", GREEN, "Gauss"),
):
    used = counts[counts <= 256]
    rough.loglog(
        used,
        [abs(rule(np.sqrt, 0, 1, int(n)) - 2 / 3) for n in used],
        marker=marker,
        color=colour,
        label=name,
        markersize=4,
    )
rough.loglog(counts[:8], 0.25 * counts[:8] ** -1.5, color=GREY, linestyle=":", label="slope −1.5")
rough.loglog(counts[:6], 0.3 * counts[:6] ** -4.0, color=GREY, linestyle="--", label="slope −4")
rough.set(xlabel="n", ylabel="error", title="∫ √x dx from 0 to 1")
rough.legend(loc="lower left", fontsize=9)
line = np.linspace(-1.5, 1.5, 200)
climb.plot(line, two_valleys(line), color=GREY)
steps = np.array(climbing)
climb.plot(steps, two_valleys(steps), "s-", color=RED, markersize=6, linewidth=1.3, label="plain Newton")
descent = np.asarray(sound.path)
climb.plot(descent, two_valleys(descent), "o-", color=BLUE, markersize=6, linewidth=1.3, label="the library's")
climb.plot(0.4, two_valleys(0.4), "*", color=INK, markersize=13, label="start")
climb.set(xlabel="x", title="x⁴/4 − x²/2", ylim=(-0.3, 0.62))
climb.legend(loc="upper center")
plt.show()

# %% [markdown]
# ## 9. Three exercises
#
# Fill in the functions and run the cells; each checks your answer and says `right`, or how far off it is. Solutions stand
# at the end.
#
# **Exercise 1. The bend, from three values.** Add Taylor's formulas for $f(x + h)$ and $f(x - h)$ in such a way that $f'$ cancels, and
# return an estimate of the second derivative $f''(x)$ with an error of order $h^2$.


# %%
def second_difference(f, x, h):
    return None  # your line here


def verdict(answer, true, tolerance):
    """Compare without failing: right, not yet, or how far off."""
    if answer is None:
        return "not yet: return your answer in place of None"
    if np.shape(answer) != np.shape(true):
        return f"not yet: the shape is {np.shape(answer)}, it should be {np.shape(true)}"
    apart = float(np.max(np.abs(np.asarray(answer) - np.asarray(true))))
    return "right" if apart < tolerance else f"not yet: off by as much as {apart:.2g}"


def check_second(answer):
    first = verdict(answer(lambda x: 2 * x**2 - x, 1.5, 0.25), 4.0, 1e-12)  # a parabola: no error at all
    return first if first != "right" else verdict(answer(np.sin, 1.0, 1e-3), -np.sin(1.0), 1e-6)


print(check_second(second_difference))

# %% [markdown]
# **Exercise 2. Simpson for free.** You have two trapezoid sums of the same integral, `coarse` with step $h$ and `fine` with step $h/2$.
# The error is $c\,h^2 + \dots$ Combine the two as in section 1 so that the $h^2$ goes. (Surprise: what comes out is a rule that you know.)


# %%
def better_than_both(coarse, fine):
    return None  # your line here


def check_better(answer):
    value = answer(trapezoid(np.exp, 0, 1, 8), trapezoid(np.exp, 0, 1, 16))
    return verdict(value, simpson(np.exp, 0, 1, 16), 1e-13)


print(check_better(better_than_both))

# %% [markdown]
# **Exercise 3. A gradient by hand, and a direction.** For $f(x, y) = e^{-x} \sin(x y)$, return the gradient at a point, with product and chain rule;
# and the unit vector along which $f$ *falls* most steeply there.


# %%
def gradient_and_descent(x, y):
    return None  # your lines here: return gradient, direction, each an array of two numbers


def check_gradient(answer):
    found = answer(0.7, 1.9)
    if found is None:
        return verdict(None, None, 0)
    true = np.asarray(jax.grad(lambda p: jnp.exp(-p[0]) * jnp.sin(p[0] * p[1]))(jnp.array([0.7, 1.9])))
    return verdict(np.stack(found), np.stack([true, -true / np.linalg.norm(true)]), 1e-12)


print(check_gradient(gradient_and_descent))

# %% [markdown]
# ### Solutions
#
# Open the next cell when you have tried.


# %% jupyter={"source_hidden": true}
def second_solution(f, x, h):
    # f(x + h) + f(x - h) = 2 f + h^2 f'' + h^4 f''''/12 + ...
    return (f(x + h) - 2 * f(x) + f(x - h)) / h**2


def better_solution(coarse, fine):
    # fine has a quarter of the error of coarse: 4 fine - coarse has none, and three times the integral
    return (4 * fine - coarse) / 3


def gradient_solution(x, y):
    # d/dx: -e^-x sin(xy) + e^-x cos(xy) y;   d/dy: e^-x cos(xy) x.   Steepest descent is against the gradient.
    gradient = np.exp(-x) * np.array([y * np.cos(x * y) - np.sin(x * y), x * np.cos(x * y)])
    return gradient, -gradient / np.linalg.norm(gradient)


answers = (check_second(second_solution), check_better(better_solution), check_gradient(gradient_solution))
for number, answer in enumerate(answers, start=1):
    print(f"exercise {number}: {answer}")
assert answers == ("right",) * 3

# %% [markdown]
# ## 10. What was proved
#
# * **Limits**: $\sin(x)/x \to 1$ by squeezing; the same by extrapolation from six values; and a limit is not the largest value.
# * **Differences**: the error is $\frac h2 f''$ forward, $\frac{h^2}{6} f'''$ central, plus $\varepsilon/h$ of rounding; the complex step has no such
#   part and agrees with `jax.grad` to the last digit.
# * **Rules**: product and chain rule, derived, and against autodiff and the complex step; three printed figures are differences between the
#   places of an array, or of another function.
# * **Many variables**: the gradient is the steepest way up; Jacobian, Hessian and Taylor coefficients by hand and by JAX.
# * **Integrals**: orders 2, 4, ½ and "faster than any power", each derived from what the rule is exact for, each measured.
# * **Ways down**: gradient descent to the sixteenth digit of its formula; Newton doubles the digits; BFGS learns the Hessian's inverse.
# * And what proves *nothing*: a printed number; a value at a tiny $x$; a rule's order for a function without derivatives; a gradient of zero.
#
# **Where it stands in the source.** Each file opens with its formula and the derivation.
#
# | In this lesson | In the package |
# |---|---|
# | Limits | [`limits.py`](../src/chainrule/maths/calculus/limits.py) |
# | Forward, central, complex step | [`differences.py`](../src/chainrule/maths/calculus/differences.py) |
# | Directional derivative; Taylor | [`directional.py`](../src/chainrule/maths/calculus/directional.py), [`taylor.py`](../src/chainrule/maths/calculus/taylor.py) |
# | Simpson, Gauss and Legendre; Monte Carlo | [`quadrature.py`](../src/chainrule/maths/calculus/quadrature.py), [`monte_carlo.py`](../src/chainrule/maths/calculus/monte_carlo.py) |
# | Gradient descent, Newton, BFGS | [`descent.py`](../src/chainrule/maths/calculus/descent.py), [`newton.py`](../src/chainrule/maths/calculus/newton.py), [`bfgs.py`](../src/chainrule/maths/calculus/bfgs.py) |
# | The five wrong figures | [`errata.md`](errata.md), `chainrule errata` |
#
# **Sources.**
#
# * M. Spivak, *Calculus*, 4th edition, Publish or Perish, 2008: limits, derivatives, Taylor, with all proofs.
# * W. Press and others, *Numerical Recipes*, 3rd edition, Cambridge University Press, 2007, sections 4 and 5.7: quadrature, differences.
# * W. Squire and G. Trapp, *Using complex variables to estimate derivatives of real functions*, SIAM Review 40, 1998.
# * L. N. Trefethen and J. A. C. Weideman, *The exponentially convergent trapezoidal rule*, SIAM Review 56, 2014.
# * J. Nocedal and S. Wright, *Numerical Optimization*, 2nd edition, Springer, 2006: Newton, BFGS, line searches.
