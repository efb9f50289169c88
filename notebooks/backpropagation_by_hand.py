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
# # Backpropagation by hand
#
# A neural network is a long formula with many numbers in it that we may choose: its *parameters*. A *loss* says how
# badly the formula does its job. To improve, we have to know for every parameter: if I raise it by a little, does the
# loss rise or fall, and how fast? That rate is a derivative, and all of them together are the *gradient*.
#
# **The question of this lesson:** a network has a hundred parameters, or a hundred million. How do we get *all* of
# these derivatives, exactly, for about the price of computing the loss a few times?
#
# The answer is the chain rule of school mathematics, applied from the back of the formula to its front:
# **backpropagation**. We shall derive every piece of it, from one neuron to a network that learns, and check each
# piece against an independent referee. You need: what a derivative is, the chain rule $(f(g(x)))' = f'(g(x))\,g'(x)$,
# what a sum is, and a little Python. Matrices are explained where they come up.
#
# | | |
# |---|---|
# | 1 | One neuron, with numbers on paper |
# | 2 | A layer, and where the transposes come from |
# | 3 | Softmax and cross-entropy: $p - q$ |
# | 4 | A two-layer network in plain NumPy |
# | 5 | Pullbacks, and why we go backwards |
# | 6 | A network that learns |
# | 7 | What goes wrong |
# | 8 | The referee |
# | 9 | Three exercises |
# | 10 | What was proved |
#
# Throughout, we compare *by hand* (the formulas that we derive) with *autodiff* (`jax.grad`, a program that
# differentiates programs). The two share nothing but the forward formula, so when they agree to the last digits of
# 64-bit arithmetic, about $10^{-16}$, both are right. The function `referee` prints the largest difference, relative to
# the largest number compared, and stops the notebook if it is more than rounding.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import chainrule as cr
from chainrule import layers, losses, ops, optim, plot, train
from chainrule.rule import rule

# %matplotlib inline
# %config InlineBackend.print_figure_kwargs = {"bbox_inches": None}

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


def referee(hand, autodiff, tolerance=1e-12):
    """Print how far two gradients, dicts of arrays with the same names, are apart; refuse more than rounding."""
    assert hand.keys() == autodiff.keys()
    for name in hand:
        a, b = np.asarray(hand[name]), np.asarray(autodiff[name])
        assert a.shape == b.shape, f"{name}: shapes {a.shape} and {b.shape}"
        apart = np.max(np.abs(a - b)) / np.max(np.abs(b))
        print(f"{name:8} {a.shape!s:8}  hand against autodiff: {apart:.0e}")
        assert apart <= tolerance, f"{name}: the two disagree"


# %% [markdown]
# ## 1. One neuron, with numbers on paper
#
# A neuron takes a number $x$, scales it by a *weight* $w$, shifts it by a *bias* $b$, and bends the result with a curve,
# here the hyperbolic tangent. We want its answer $a$ to be $y$, and measure the failure by the squared difference:
#
# $$z = w x + b, \qquad a = \tanh z, \qquad L = (a - y)^2 .$$
#
# Let $x = 1.5$, $w = 0.7$, $b = -0.3$ and $y = 1$. Forwards, with a pocket calculator:
#
# $$z = 0.7 \cdot 1.5 - 0.3 = 0.75, \qquad a = \tanh 0.75 = 0.6351, \qquad L = (0.6351 - 1)^2 = 0.1331 .$$
#
# Now backwards. The loss depends on $w$ through $z$ and $a$, one inside the other, so its derivative is a product of
# simple ones. We start at the end and multiply one factor at a time, keeping each intermediate product:
#
# $$
# \begin{aligned}
# \frac{dL}{da} &= 2 (a - y) & &= 2 \cdot (-0.3649) & &= -0.7297 \\[4pt]
# \frac{dL}{dz} &= \frac{dL}{da} \cdot \frac{da}{dz} = \frac{dL}{da}\,(1 - a^2) & &= -0.7297 \cdot 0.5966 & &= -0.4353 \\[4pt]
# \frac{dL}{dw} &= \frac{dL}{dz} \cdot \frac{dz}{dw} = \frac{dL}{dz}\,x & &= -0.4353 \cdot 1.5 & &= -0.6530 \\[4pt]
# \frac{dL}{db} &= \frac{dL}{dz} \cdot \frac{dz}{db} = \frac{dL}{dz} \cdot 1 & & & &= -0.4353 \\[4pt]
# \frac{dL}{dx} &= \frac{dL}{dz} \cdot \frac{dz}{dx} = \frac{dL}{dz}\,w & &= -0.4353 \cdot 0.7 & &= -0.3047
# \end{aligned}
# $$
#
# (Why is $\tanh' = 1 - \tanh^2$? Because $\tanh = \sinh / \cosh$, $\sinh' = \cosh$ and $\cosh' = \sinh$: the quotient rule
# gives $(\cosh^2 - \sinh^2) / \cosh^2$.)
#
# Two things to notice, for they are all of backpropagation:
#
# * $dL/dz$ was computed **once** and used three times. It has a name, the neuron's **delta**: $\delta = dL/dz$.
# * The backward steps need numbers from the forward steps ($a$, $x$, $w$). So the forward pass must **keep** them. We call
#   what is kept the *residuals*.
#
# The same in NumPy, line for line:

# %%
x, w, b, y = 1.5, 0.7, -0.3, 1.0

z = w * x + b
a = np.tanh(z)
L = (a - y) ** 2

dL_da = 2 * (a - y)
dL_dz = dL_da * (1 - a**2)  # delta
dL_dw = dL_dz * x
dL_db = dL_dz * 1
dL_dx = dL_dz * w

print(f"z = {z:.4f}   a = {a:.4f}   L = {L:.4f}")
print(f"dL/da = {dL_da:.4f}   dL/dz = {dL_dz:.4f}")
print(f"dL/dw = {dL_dw:.4f}   dL/db = {dL_db:.4f}   dL/dx = {dL_dx:.4f}")

# %% [markdown]
# The referee. JAX computes with 32 bits unless it is asked for 64; we ask inside a `with`, so that nothing else changes.
# From here on, `autodiff(f, ...)` stands for `jax.grad` of `f` at these arguments, in 64 bits.


# %%
def neuron_loss(w, b, x, y):
    return (jnp.tanh(w * x + b) - y) ** 2


def autodiff(f, *arguments, argnums=0):
    with jax.enable_x64(True):
        return jax.jit(jax.grad(f, argnums))(*arguments)


auto = autodiff(neuron_loss, w, b, x, y, argnums=(0, 1, 2))
referee({"dL/dw": dL_dw, "dL/db": dL_db, "dL/dx": dL_dx}, dict(zip(["dL/dw", "dL/db", "dL/dx"], auto, strict=True)))

# %% [markdown]
# The picture: on the left the formula as a road, values going forward above it and derivatives coming back below. On the
# right what the number $dL/dw = -0.653$ means: the slope of the loss, seen as a function of $w$ alone, where we stand.

# %%
figure, (road, hill) = plt.subplots(1, 2, figsize=(10.5, 3.3), width_ratios=[2, 1])


def signed(number, digits=4):
    return f"{number:.{digits}f}".replace("-", "−")


stations = [("w", f"{w:.2f}", dL_dw), ("z = wx + b", f"{z:.4f}", dL_dz), ("a = tanh z", f"{a:.4f}", dL_da)]
stations += [("L = (a − y)²", f"{L:.4f}", 1.0)]
factors = [f"× x\n= {x:.1f}", f"× (1 − a²)\n= {1 - a**2:.4f}", f"× 2(a − y)\n= {signed(dL_da)}"]
for place, (name, value, slope) in enumerate(stations):
    road.text(place, 0, name, ha="center", va="center", fontsize=11, bbox={"boxstyle": "round", "fc": "white"})
    road.text(place, 0.52, value, ha="center", color=BLUE)
    road.text(place, -0.62, signed(slope), ha="center", color=RED)
for place, factor in enumerate(factors):
    forward = {"arrowstyle": "-|>", "color": BLUE, "connectionstyle": "arc3,rad=-0.25", "shrinkA": 16, "shrinkB": 16}
    road.annotate("", (place + 0.95, 0.2), (place + 0.05, 0.2), arrowprops=forward)
    road.annotate("", (place + 0.05, -0.2), (place + 0.95, -0.2), arrowprops={**forward, "color": RED})
    road.text(place + 0.5, -0.98, factor, ha="center", fontsize=10, color=RED)
road.text(-0.3, 0.95, "forward: values", color=BLUE)
road.text(-0.3, -1.4, "backward: the derivative to the right, times the factor between", color=RED)
road.set(xlim=(-0.35, 3.45), ylim=(-1.5, 1.2))
road.axis("off")

weights = np.linspace(-0.1, 2.4, 200)
hill.plot(weights, (np.tanh(weights * x + b) - y) ** 2, color=BLUE)
near = np.array([w - 0.7, w + 0.7])
hill.plot(near, L + dL_dw * (near - w), color=RED, linestyle="--", label=f"slope {signed(dL_dw, 3)}")
hill.plot(w, L, "o", color=RED)
hill.set(xlabel="weight w", ylabel="loss L", ylim=(-0.45, 1.6), title="Where we stand: w = 0.7")
hill.legend()
plt.show()

# %% [markdown]
# ## 2. A layer, and where the transposes come from
#
# A layer is many neurons side by side, all reading the same inputs; and we feed it many examples at once. Let
#
# * $X$ be the inputs, one example a row: $n$ rows, $d$ columns;
# * $W$ the weights, $d \times m$: column $k$ holds the weights of neuron $k$; and $b$ the $m$ biases;
# * $Z = X W + b$ and $A = f(Z)$, both $n \times m$, with $f$ applied to each number.
#
# In full, with $i$ counting examples, $j$ inputs and $k$ neurons:
#
# $$Z_{ik} = \sum_j X_{ij} W_{jk} + b_k .$$
#
# Let $\delta_{ik} = \partial L / \partial Z_{ik}$ be the delta of neuron $k$ on example $i$. Suppose that we have it. What is
# $\partial L / \partial W_{jk}$? The weight $W_{jk}$ enters $Z_{ik}$ of **every** example $i$, with the factor $X_{ij}$, and no other
# neuron. Where a number acts along several roads, its effects add:
#
# $$
# \frac{\partial L}{\partial W_{jk}} = \sum_i X_{ij}\, \delta_{ik}, \qquad
# \frac{\partial L}{\partial X_{ij}} = \sum_k \delta_{ik}\, W_{jk}, \qquad
# \frac{\partial L}{\partial b_k} = \sum_i \delta_{ik} .
# $$
#
# The second: the input $X_{ij}$ enters all neurons $k$ of its own example. The third: the bias $b_k$ enters every example
# with the factor 1. Now read the sums as matrix products. A matrix product sums over *neighbouring* indices,
# $(PQ)_{jk} = \sum_i P_{ji} Q_{ik}$; in the first sum $i$ stands first in $X_{ij}$, so $X$ must be flipped:
#
# $$
# \boxed{\;\frac{\partial L}{\partial W} = X^{\mathsf T} \delta, \qquad
# \frac{\partial L}{\partial X} = \delta\, W^{\mathsf T}, \qquad
# \frac{\partial L}{\partial b} = \mathbf 1^{\mathsf T} \delta = \text{sum over the rows of } \delta\;}
# $$
#
# **Shapes as the guide.** A derivative has the shape of what it is the derivative by: there is one for each entry. So
# $\partial L/\partial W$ is $d \times m$, and from an $n \times d$ and an $n \times m$ matrix there is one way to make that:
# $(d \times n)(n \times m)$. It is a good memory aid, and section 7 shows where it fails.
#
# **The activation.** $A_{ik} = f(Z_{ik})$ touches each number alone, so its delta is multiplied number by number, which we
# write $\odot$:
#
# $$\frac{\partial L}{\partial Z} = \frac{\partial L}{\partial A} \odot f'(Z) .$$
#
# **The recursion.** In a deep network, the input of layer $l+1$ is the output of layer $l$: $Z_{l+1} = f(Z_l) W_{l+1} + b_{l+1}$.
# Put the two rules together, and each delta follows from the next one:
#
# $$\boxed{\;\delta_l = \left(\delta_{l+1} W_{l+1}^{\mathsf T}\right) \odot f'(Z_l), \qquad
# \frac{\partial L}{\partial W_l} = A_{l-1}^{\mathsf T}\, \delta_l, \qquad
# \frac{\partial L}{\partial b_l} = \mathbf 1^{\mathsf T} \delta_l\;}$$
#
# That is backpropagation, whole; what is missing is the $\delta$ of the last layer, which the loss gives (section 3).
#
# Let us check one layer. In place of a whole network behind it, we take any loss whose derivative by $A$ is known: with a
# matrix $G$ of random numbers, $L = \sum_{ik} G_{ik} A_{ik}$ has $\partial L / \partial A = G$. Since $G$ is arbitrary, the layer is
# checked for every network that could follow it. All sizes are different on purpose.

# %%
random = np.random.default_rng(0)
n, d, m = 7, 3, 5
X, W, b = random.normal(size=(n, d)), random.normal(size=(d, m)), random.normal(size=m)
G = random.normal(size=(n, m))

Z = X @ W + b
A = np.tanh(Z)

delta = G * (1 - A**2)
hand = {"dL/dX": delta @ W.T, "dL/dW": X.T @ delta, "dL/db": delta.sum(axis=0)}


def layer_loss(X, W, b):
    return jnp.sum(G * jnp.tanh(X @ W + b))


auto = autodiff(layer_loss, X, W, b, argnums=(0, 1, 2))
referee(hand, dict(zip(hand, auto, strict=True)))

# %%
figure, axes = plt.subplots(figsize=(9, 7.2))
products = [
    (X.T, r"$X^\mathsf{T}$", delta, r"$\delta$", hand["dL/dW"], r"$\partial L/\partial W$"),
    (delta, r"$\delta$", W.T, r"$W^\mathsf{T}$", hand["dL/dX"], r"$\partial L/\partial X$"),
    (np.ones((1, n)), r"$\mathbf{1}^\mathsf{T}$", delta, r"$\delta$", hand["dL/db"][None], r"$\partial L/\partial b$"),
]
for height, (left, left_name, right, right_name, result, result_name) in zip((0, 10, 20), products, strict=True):
    for across, matrix, name in ((0, left, left_name), (9, right, right_name), (16, result, result_name)):
        rows, columns = matrix.shape
        top = height - rows / 2
        edges = np.arange(columns + 1) + across, np.arange(rows + 1) + top
        axes.pcolormesh(*edges, matrix, cmap="RdBu_r", vmin=-3, vmax=3, edgecolors="white", linewidth=1.5)
        axes.text(across + columns / 2, top - 0.4, f"{name}   {rows} × {columns}", ha="center")
    axes.text(8, height, "·", ha="center", va="center", fontsize=20)
    axes.text(15, height, "=", ha="center", va="center", fontsize=18)
axes.set(aspect="equal", xlim=(-0.2, 21.2), ylim=(23.8, -5))
axes.axis("off")
plt.show()

# %% [markdown]
# *The three products, with the numbers as colours (blue negative, red positive) and one square a number. The inner sizes
# always meet and vanish: $3 \times \mathbf 7$ by $\mathbf 7 \times 5$ leaves $3 \times 5$, the shape of $W$.*
#
# ## 3. Softmax and cross-entropy: $p - q$
#
# The last layer of a classifier gives one number a class, the *logits* $z_1, \dots, z_C$. Softmax turns them into
# probabilities, and the cross-entropy says how surprised these are by the truth $q$ (1 at the right class, 0 elsewhere):
#
# $$p_c = \frac{e^{z_c}}{\sum_k e^{z_k}}, \qquad L = -\sum_c q_c \log p_c .$$
#
# Take the logarithm first: $\log p_c = z_c - \log \sum_k e^{z_k}$. The $q_c$ sum to 1, so
#
# $$L = \log \sum_k e^{z_k} - \sum_c q_c z_c .$$
#
# Now the derivative is two lines. The second part gives $-q_c$. The first is a logarithm of a sum:
#
# $$\frac{\partial}{\partial z_c} \log \sum_k e^{z_k} = \frac{e^{z_c}}{\sum_k e^{z_k}} = p_c
# \qquad\Longrightarrow\qquad \boxed{\;\delta_c = \frac{\partial L}{\partial z_c} = p_c - q_c\;}$$
#
# What the network believes, minus what is true. Nothing is left to learn when the two are equal, and the entries of
# $\delta$ always sum to $1 - 1 = 0$: what one class gains, the others lose.
#
# The long way leads to the same place, and is worth one look. Softmax has the derivative
# $\partial p_c / \partial z_k = p_c (1_{c = k} - p_k)$, so a cotangent $g = \partial L/\partial p$ comes back as
# $\partial L / \partial z = p \odot (g - \sum_c g_c p_c)$; with $g_c = -q_c / p_c$ this is $-q_c + p_c$ again. But it divides by $p_c$,
# which may be $10^{-30}$, and then multiplies by it: on a computer the short way is the right way.
#
# For a batch of $n$ examples the loss is the mean over them, and each example's delta is divided by $n$:
# $\;\delta = (P - Q) / n$.


# %%
def softmax(z):
    # The same number taken from all logits cancels, and with the largest gone nothing overflows.
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def cross_entropy(z, q):
    """Mean over the rows, from logits."""
    shifted = z - z.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return -np.mean(np.sum(q * log_p, axis=-1))


logits = np.array([[1.2, 0.3, -0.8, 2.0], [0.1, -1.5, 0.9, 0.4], [-0.5, 1.1, 0.2, -2.2]])
truth = np.eye(4)[[0, 2, 1]]

p = softmax(logits)
short_way = (p - truth) / 3
g = -truth / p / 3
long_way = p * (g - np.sum(g * p, axis=-1, keepdims=True))


def jax_cross_entropy(z, q):
    return -jnp.mean(jnp.sum(q * jax.nn.log_softmax(z), axis=-1))


auto = autodiff(jax_cross_entropy, logits, truth)
referee({"short": short_way, "long": long_way}, {"short": auto, "long": auto})
print("each row of delta sums to zero:", np.allclose(short_way.sum(axis=-1), 0))

# %%
figure, panels = plt.subplots(1, 3, figsize=(9.5, 2.9), sharey=True)
classes = np.arange(4)
for axes, values, title, colour in zip(
    panels, (p[0], truth[0], p[0] - truth[0]), ("p, believed", "q, true", "δ = p − q"), (BLUE, GREEN, RED), strict=True
):
    axes.bar(classes, values, color=colour, width=0.6)
    for place, value in zip(classes, values, strict=True):
        axes.text(place, value + (0.04 if value >= 0 else -0.12), f"{value:.2f}", ha="center", fontsize=10)
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set(title=title, xlabel="class", xticks=classes, ylim=(-0.95, 1.2))
panels[0].set_ylabel("probability")
plt.show()

# %% [markdown]
# *The first example. A step against $\delta$ raises the logit of class 0, the true one, and lowers the others, most of all
# that of class 3, which was believed most.*
#
# ## 4. A two-layer network in plain NumPy
#
# Everything is there. The network
#
# $$Z_1 = X W_1 + b_1, \quad A_1 = \tanh Z_1, \quad Z_2 = A_1 W_2 + b_2, \quad L = \text{cross-entropy}(Z_2, Q)$$
#
# has, from the back to the front, the deltas and gradients
#
# $$
# \begin{aligned}
# \delta_2 &= (P - Q)/n & \frac{\partial L}{\partial W_2} &= A_1^{\mathsf T} \delta_2 & \frac{\partial L}{\partial b_2} &= \mathbf 1^{\mathsf T} \delta_2 \\
# \delta_1 &= (\delta_2 W_2^{\mathsf T}) \odot (1 - A_1^2) & \frac{\partial L}{\partial W_1} &= X^{\mathsf T} \delta_1 & \frac{\partial L}{\partial b_1} &= \mathbf 1^{\mathsf T} \delta_1
# \end{aligned}
# $$
#
# which is the code:


# %%
def network_loss(params, X, Q):
    A1 = np.tanh(X @ params["W1"] + params["b1"])
    return cross_entropy(A1 @ params["W2"] + params["b2"], Q)


def network_gradient(params, X, Q):
    A1 = np.tanh(X @ params["W1"] + params["b1"])  # forward, keeping A1
    P = softmax(A1 @ params["W2"] + params["b2"])

    delta2 = (P - Q) / len(X)  # backward
    delta1 = (delta2 @ params["W2"].T) * (1 - A1**2)
    return {"W1": X.T @ delta1, "b1": delta1.sum(axis=0), "W2": A1.T @ delta2, "b2": delta2.sum(axis=0)}


random = np.random.default_rng(1)
n, d, hidden, C = 7, 3, 5, 4
X, labels = random.normal(size=(n, d)), random.integers(C, size=n)
Q = np.eye(C)[labels]
params = {
    "W1": random.normal(size=(d, hidden)),
    "b1": random.normal(size=hidden),
    "W2": random.normal(size=(hidden, C)),
    "b2": random.normal(size=C),
}
by_hand = network_gradient(params, X, Q)


def jax_network_loss(params, X, Q):
    A1 = jnp.tanh(X @ params["W1"] + params["b1"])
    return jax_cross_entropy(A1 @ params["W2"] + params["b2"], Q)


auto = autodiff(jax_network_loss, params, X, Q)
referee(by_hand, auto)

# %% [markdown]
# ## 5. Pullbacks, and why we go backwards
#
# The code above is right and does not grow: for a third layer we would write it all again. But look at what each piece
# did in the backward pass. It was given the derivative of the loss by its *output*, and returned the derivatives by its
# *inputs*. It needed to know nothing about the rest of the network. A function that does this is called a **pullback**: it
# pulls a derivative at the output (a *cotangent*) back to the input. Here are two pieces, each with its pullback:


# %%
def affine(X, W, b):
    Z = X @ W + b

    def pullback(delta):
        return delta @ W.T, X.T @ delta, delta.sum(axis=0)

    return Z, pullback


def tanh(Z):
    A = np.tanh(Z)

    def pullback(d_A):
        return (d_A * (1 - A**2),)

    return A, pullback


def softmax_cross_entropy(Z, Q):
    def pullback(d_L):
        return (d_L * (softmax(Z) - Q) / len(Z),)

    return cross_entropy(Z, Q), pullback


Z1, pull_Z1 = affine(X, params["W1"], params["b1"])  # forward: each line leaves a pullback
A1, pull_A1 = tanh(Z1)
Z2, pull_Z2 = affine(A1, params["W2"], params["b2"])
L, pull_L = softmax_cross_entropy(Z2, Q)

(d_Z2,) = pull_L(1.0)  # backward: the same lines in reverse order, starting from dL/dL = 1
d_A1, d_W2, d_b2 = pull_Z2(d_Z2)
(d_Z1,) = pull_A1(d_A1)
d_X, d_W1, d_b1 = pull_Z1(d_Z1)

for name, value in {"W1": d_W1, "b1": d_b1, "W2": d_W2, "b2": d_b2}.items():
    print(name, "the same bits as in section 4:", np.array_equal(value, by_hand[name]))

# %% [markdown]
# **The same network in `chainrule`.** A *rule* is a forward function with its hand-derived pullback beside it. `chain` puts
# rules one after the other: its forward pass keeps what each rule needs, and its pullback runs theirs in reverse order. The
# loop that does so stands once in the package, in `compose.py`. In place of closures, a rule names its residuals as an
# explicit result; so a pullback is data, and can be compiled.

# %%
model = cr.chain(layers.Dense(hidden), ops.tanh, layers.Dense(C))
print(model)

with jax.enable_x64(True):
    model_params = (
        {"weight": jnp.asarray(params["W1"]), "bias": jnp.asarray(params["b1"])},
        (),  # tanh has no parameters
        {"weight": jnp.asarray(params["W2"]), "bias": jnp.asarray(params["b2"])},
    )
    outputs, pull_model = model.vjp(model_params, jnp.asarray(X))
    loss, pull_loss = losses.cross_entropy.vjp(outputs, jnp.asarray(labels))

    d_outputs, *_ = pull_loss(jnp.ones_like(loss))
    (first, _, second), d_x = pull_model(d_outputs)

    def objective(model_params):
        return losses.cross_entropy(model(model_params, jnp.asarray(X)), jnp.asarray(labels))

    auto_first, _, auto_second = jax.jit(jax.grad(objective))(model_params)

by_rules = {"W1": first["weight"], "b1": first["bias"], "W2": second["weight"], "b2": second["bias"]}
by_jax = {
    "W1": auto_first["weight"],
    "b1": auto_first["bias"],
    "W2": auto_second["weight"],
    "b2": auto_second["bias"],
}
referee(by_rules, by_jax)
for name, gradient in by_rules.items():
    np.testing.assert_allclose(gradient, by_hand[name], rtol=1e-12, atol=1e-15)
print("chain(...).vjp and our NumPy of section 4 agree")

# %% [markdown]
# **Why backwards?** For one example, each piece has a matrix of partial derivatives, its *Jacobian* $J_l$ (outputs by
# inputs). The chain rule says that the derivative of the loss by the network's input is the product of them all,
#
# $$\frac{dL}{dx} = \underbrace{J_{\text{loss}}}_{1 \times C}\; J_k \cdots J_2\; J_1 ,$$
#
# and a product of matrices may be bracketed as we like: $(AB)C = A(BC)$. From the left (the back of the network) there is
# always a *row* times a matrix, since the loss is one number. From the right (the front) there is a *matrix* times a
# matrix. The result is the same. The price is not:


# %%
def jacobians(x, widths, random):
    """The Jacobians, front to back, of affine maps with tanh between them, and of a sum of outputs as the loss."""
    product = []
    for position, (fan_in, fan_out) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
        W = random.normal(size=(fan_in, fan_out)) / np.sqrt(fan_in)
        x = x @ W
        product.append(W.T)
        if position < len(widths) - 2:
            x = np.tanh(x)
            product[-1] = (1 - x**2)[:, None] * W.T
    return [*product, np.ones((1, widths[-1]))]


def multiply(matrices):
    """The product of matrices from the left to the right, and how many multiplications of numbers it took."""
    result, count = matrices[0], 0
    for matrix in matrices[1:]:
        count += result.shape[0] * result.shape[1] * matrix.shape[1]
        result = result @ matrix
    return result, count


chained = jacobians(np.ones(784), [784, 256, 128, 10], np.random.default_rng(2))
backward, backward_price = multiply(chained[::-1])
transposed, forward_price = multiply([J.T for J in chained])
print("the same gradient:", np.allclose(backward, transposed.T, rtol=1e-10))
print(f"back to front: {backward_price:>10,} multiplications")
print(f"front to back: {forward_price:>10,} multiplications, {forward_price / backward_price:.0f} times as many")

# %%
depths = np.arange(1, 11)
figure, axes = plt.subplots(figsize=(7, 3.2))
for colour, name, columns in ((BLUE, "back to front", 1), (RED, "front to back", 100)):
    axes.plot(depths, depths * 100**2 * columns, "o-", color=colour, label=name)
axes.set(yscale="log", xlabel="hidden layers of 100 neurons", ylabel="multiplications", xticks=depths)
axes.set_title("The same product of Jacobians, bracketed from either end")
axes.legend(loc="center right")
plt.show()

# %% [markdown]
# Backwards it costs about as much as the forward pass (twice that, with the gradients of the weights), whatever the number
# of parameters. That is the answer to the question of this lesson. And pullbacks never build a Jacobian at all: that of tanh
# is a diagonal of zeros with a few numbers in it, and its pullback multiplies number by number.
#
# ## 6. A network that learns
#
# Two interleaved half-moons of points, 200 to learn from and 200 held out. No straight line parts them.


# %%
def moons(count, seed, noise=0.12):
    random = np.random.default_rng(seed)
    angle, label = np.pi * random.random(count), np.arange(count) % 2
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    points = np.where(label[:, None] == 0, upper, lower) + noise * random.normal(size=(count, 2))
    return points.astype(np.float32), label.astype(np.int32)


training, held_out = moons(200, seed=4), moons(200, seed=5)

model = cr.chain(layers.Dense(16), ops.tanh, layers.Dense(16), ops.tanh, layers.Dense(2))
beginning, model_state = model.init(jax.random.key(0), 2)

pictures = {0: beginning}


def keep(epoch, metrics, train_state):
    if epoch in (5, 20, 100):
        pictures[epoch] = jax.tree.map(jnp.copy, train_state.params)  # a copy: the next epoch reuses the memory


run = train.fit(
    model,
    losses.cross_entropy,
    optim.adam(0.01),
    training,
    epochs=100,
    batch_size=40,
    key=jax.random.key(1),
    params=beginning,
    validation=held_out,
    gradients="hand",
    callback=keep,
)
print(f"{model.parameter_count(2)} parameters")
print(f"right on {100 * run.history['accuracy'][-1]:.0f} % of the training points", end=" ")
print(f"and {100 * run.history['validation_accuracy'][-1]:.0f} % of those held out")

# %% picture="boundary"
figure, panels = plt.subplots(1, 4, figsize=(12, 3.2), sharex=True, sharey=True)
for axes, (epoch, at_epoch) in zip(panels, pictures.items(), strict=True):

    def predict(points, at_epoch=at_epoch):
        return ops.softmax(model(at_epoch, points))

    plot.decision_boundary(predict, *training, axes=axes, title=f"epoch {epoch}", resolution=120)
    axes.set_xlabel("$x_1$")
panels[0].set_ylabel("$x_2$")
plt.show()

# %% [markdown]
# *A boundary that forms. Colour is the network's belief, the dark line is where it is undecided. At first it lies
# anywhere; then comes an almost straight line, then the bends.*

# %%
plot.curves(run.history)

# %% [markdown]
# Every one of these steps was taken on gradients by hand: `fit` calls the rules' pullbacks, and JAX only compiles them.
# Would autodiff have gone the same way? We let both walk 100 steps in 64-bit arithmetic, from the same beginning:

# %%
step = jax.jit(train.step, static_argnums=(0, 1), static_argnames="gradients")

with jax.enable_x64(True):
    optimizer = optim.sgd(0.5)
    points, targets = jnp.asarray(training[0], jnp.float64), jnp.asarray(training[1])
    start = jax.tree.map(lambda value: value.astype(jnp.float64), beginning)
    ends = {}
    for way in ("hand", "autodiff"):
        now = train.TrainState(start, model_state, optimizer.init(start), jnp.asarray(0))
        for _ in range(100):
            now, _, _ = step(model, losses.cross_entropy, optimizer, now, points, targets, gradients=way)
        ends[way] = {
            f"{name[0]}{1 + position // 2}": value
            for position, layer in enumerate(now.params)
            for name, value in sorted(dict(layer).items())
        }
referee(ends["hand"], ends["autodiff"], tolerance=1e-10)

# %% [markdown]
# After 100 steps the two networks differ in the last digits only. The whole trajectory is checked, and not a single gradient.
#
# ## 7. What goes wrong
#
# A wrong gradient seldom crashes. It trains, perhaps a little worse, and nobody knows. Five ways to get it wrong.
#
# ### A forgotten transpose that the shapes do not see
#
# Shapes are a good guide while they differ. Between two hidden layers of *equal* width, $W$ is square, and
# $\delta W$ has the shape of $\delta W^{\mathsf T}$.
#
# ### A sum where a mean is meant
#
# Forget the $1/n$, and the gradient is $n$ times too long. With 10 points it passes for a bold learning rate; with 200 the
# same code no longer learns.
#
# Both in NumPy, on the moons, with a network of two square-linked hidden layers:


# %%
def train_numpy(points, labels, *, forget_transpose=False, use_sum=False, steps=1000, rate=0.1, width=16):
    """Gradient descent on a 2-16-16-2 network; the two mistakes can be switched on.

    Returns the loss at each step, and the first gradient by the first layer's weights.
    """
    random = np.random.default_rng(3)
    sizes = [2, width, width, 2]
    weights = [random.normal(size=s) / np.sqrt(s[0]) for s in zip(sizes[:-1], sizes[1:], strict=True)]
    biases = [np.zeros(size) for size in sizes[1:]]
    Q, history = np.eye(2)[labels], []
    for step in range(steps):
        A = [points]
        for W, b in zip(weights[:-1], biases[:-1], strict=True):
            A.append(np.tanh(A[-1] @ W + b))
        logits = A[-1] @ weights[-1] + biases[-1]
        history.append(cross_entropy(logits, Q))

        delta = softmax(logits) - Q
        if not use_sum:
            delta = delta / len(points)
        for layer in (2, 1, 0):
            W = weights[layer]
            back = delta @ (W if forget_transpose and W.shape[0] == W.shape[1] else W.T)
            d_W = A[layer].T @ delta
            if step == 0 and layer == 0:
                first_gradient = d_W
            weights[layer] = W - rate * d_W
            biases[layer] = biases[layer] - rate * delta.sum(axis=0)
            delta = back * (1 - A[layer] ** 2)
    return history, first_gradient


points, targets = training[0].astype(np.float64), training[1]
right, right_gradient = train_numpy(points, targets)
wrong, wrong_gradient = train_numpy(points, targets, forget_transpose=True)
sums = {count: train_numpy(points[:count], targets[:count], use_sum=True, steps=300)[0] for count in (10, 200)}
print(f"loss after 1,000 steps: right {right[-1]:.3f}, transpose forgotten {wrong[-1]:.3f}")
off = np.linalg.norm(wrong_gradient - right_gradient) / np.linalg.norm(right_gradient)
print(f"and yet the first layer's first gradient is wrong by {100 * off:.0f} % of its length")

# %%
figure, (left, middle) = plt.subplots(1, 2, figsize=(10.5, 3.5))
left.plot(right, color=BLUE, label=r"right: $\delta\, W^\mathsf{T}$")
left.plot(wrong, color=RED, linestyle="--", label=r"wrong: $\delta\, W$")
left.set(xlabel="step", ylabel="loss (nats)", ylim=(0, 0.75), title="A forgotten transpose still learns")
left.legend()
middle.plot(right[:300], color=BLUE, label="mean over 200 points")
middle.plot(sums[10], color=ORANGE, label="sum over 10 points", linestyle="-.")
middle.plot(sums[200], color=RED, label="sum over 200 points", linewidth=1)
middle.set(
    xlabel="step",
    ylabel="mean loss (nats)",
    yscale="log",
    ylim=(1e-4, 1e5),
    title="A sum for a mean, same learning rate",
)
middle.legend(loc="upper right")
plt.show()

# %% [markdown]
# On the left, the network with the wrong gradient **learns**, here as well as the other: the last two layers get the right
# gradient of what they see, and the first is pushed in some direction that they come to terms with. (That this works at all
# is a known discovery, *feedback alignment*: Lillicrap and others, 2016. On harder problems it falls behind.) "The loss goes
# down" proves nothing about a gradient. Comparing it with another way to compute it does, and unequal sizes make the
# mistake a crash: that is why section 2 had 7, 3 and 5.
#
# On the right, each sum takes steps as if the learning rate were 10, or 200, times as high. The first seems a success.
#
# ### Checked with ones only
#
# It is tempting to test a pullback on a cotangent of ones, "the sum of the outputs". The outputs of a softmax sum to 1
# whatever the logits, so the true answer is *zero*; and many wrong formulas give zero, too:

# %%
right_pullback = {
    "right: p (g − Σ g p)": lambda p, g: p * (g - np.sum(g * p, axis=-1, keepdims=True)),
}
wrong_pullbacks = {
    "without the factor p": lambda p, g: g - np.sum(g * p, axis=-1, keepdims=True),
    "mean for weighted mean": lambda p, g: p * (g - np.mean(g, axis=-1, keepdims=True)),
    "p squared": lambda p, g: p**2 * (g - np.sum(g * p, axis=-1, keepdims=True)),
    "diagonal only": lambda p, g: p * (1 - p) * g,
}
random = np.random.default_rng(4)
logits = random.normal(size=(6, 5))
p = softmax(logits)
cotangents = {"ones": np.ones_like(p), "random": random.normal(size=p.shape)}
errors = {kind: [] for kind in cotangents}
for kind, g in cotangents.items():
    true = np.asarray(autodiff(lambda z, g: jnp.sum(g * jax.nn.softmax(z)), logits, g))
    for formula in (right_pullback | wrong_pullbacks).values():
        errors[kind].append(max(np.max(np.abs(formula(p, g) - true)), 1e-17))

figure, axes = plt.subplots(figsize=(9, 3.4))
rows = np.arange(len(errors["ones"]))
axes.barh(rows - 0.19, errors["ones"], height=0.36, color=ORANGE, label="cotangent of ones")
axes.barh(rows + 0.19, errors["random"], height=0.36, color=BLUE, label="random cotangent")
axes.axvline(1e-12, color=GREY, linestyle="--", linewidth=1)
axes.text(7e-13, -0.6, "passes", fontsize=10, color=GREY, ha="right")
axes.text(1.4e-12, -0.6, "is caught", fontsize=10, color=GREY, ha="left")
axes.set(xscale="log", xlim=(1e-17, 10), yticks=rows, ylim=(4.6, -0.9))
axes.set(yticklabels=[*right_pullback, *wrong_pullbacks], xlabel="largest difference from autodiff")
axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# Three of four wrong formulas pass with ones. A random cotangent catches all four.
#
# ### Gradients that vanish
#
# This one is no mistake in the formula, but a consequence of it. By the recursion, $\delta_l = (\delta_{l+1} W^{\mathsf T}) \odot f'(Z_l)$, a
# delta meets one factor $f'$ at each layer on its way to the front. The sigmoid $s(z) = 1/(1 + e^{-z})$ has
# $s' = s (1 - s) \le \tfrac14$. Through 20 layers of weights that keep lengths, that is at best $(1/4)^{20} \approx 10^{-12}$: the first
# layers do not learn. The slope of tanh reaches 1, and that of relu is 1 wherever it is not 0 (He's initialisation makes up
# for the zeros).


# %%
def relu_and_slope(z):
    return np.maximum(z, 0), np.where(z > 0, 1.0, 0.0)


def tanh_and_slope(z):
    return np.tanh(z), 1 - np.tanh(z) ** 2


def sigmoid_and_slope(z):
    s = 1 / (1 + np.exp(-z))
    return s, s * (1 - s)


def gradient_norms(activation, variance, depth=20, width=64):
    """The length of dL/dW of each layer, front to back, the last as 1; weights of this variance times 1/width."""
    random = np.random.default_rng(5)
    weights = random.normal(size=(depth, width, width)) * np.sqrt(variance / width)
    A, slopes = [random.normal(size=(32, width))], []
    for W in weights:
        a, slope = activation(A[-1] @ W)
        A.append(a)
        slopes.append(slope)
    delta, norms = random.normal(size=A[-1].shape) * slopes[-1], []
    for layer in reversed(range(depth)):
        norms.append(np.linalg.norm(A[layer].T @ delta))
        if layer > 0:
            delta = (delta @ weights[layer].T) * slopes[layer - 1]  # the recursion of section 2
    return np.array(norms[::-1]) / norms[0]


depth = np.arange(1, 21)
norms = {
    "relu": gradient_norms(relu_and_slope, variance=2),
    "tanh": gradient_norms(tanh_and_slope, variance=1),
    "sigmoid": gradient_norms(sigmoid_and_slope, variance=1),
}
for name, values in norms.items():
    print(f"{name:8} first layer / last layer = {values[0]:.0e}")

# %%
figure, (shapes, axes) = plt.subplots(1, 2, figsize=(10.5, 3.5), width_ratios=[1, 1.5])
z = np.linspace(-5, 5, 402)
shapes.plot(z, np.where(np.abs(z) < 0.02, np.nan, relu_and_slope(z)[1]), color=GREEN)
shapes.plot(z, tanh_and_slope(z)[1], color=BLUE)
shapes.plot(z, sigmoid_and_slope(z)[1], color=RED)
shapes.axhline(0.25, color=GREY, linestyle="--", linewidth=1)
shapes.text(-4.9, 0.28, "1/4", color=GREY)
shapes.set(xlabel="z", ylabel="slope f′(z)", title="The factor met at each layer")
for (name, values), colour, marker in zip(norms.items(), (GREEN, BLUE, RED), "s^o", strict=True):
    axes.plot(depth, values, marker=marker, color=colour, label=name, markersize=5, linewidth=1.5)
axes.plot(depth, 0.25 ** (20.0 - depth), color=GREY, linestyle="--", linewidth=1, label=r"$(1/4)^{20-l}$")
axes.set(yscale="log", xlabel="layer l (1 is nearest to the input)", xticks=[1, 5, 10, 15, 20])
axes.set(ylabel="length of ∂L/∂W, last layer = 1", title="What arrives after up to 20 layers")
axes.legend()
plt.show()

# %% [markdown]
# ### A learning rate too low, right, too high
#
# The gradient says which way is down, not how far to go. On the bowl $L(w) = w^2$, a step is
# $w \leftarrow w - \eta \cdot 2 w = (1 - 2\eta)\, w$: each step multiplies by $1 - 2\eta$. It creeps when $\eta$ is tiny, and flies out
# of the bowl when $|1 - 2 \eta| > 1$, that is, $\eta > 1$. A network is a bowl with many different curvatures at once.

# %%
rates = {"too low": 0.005, "right": 0.5, "too high": 15.0}
histories = {name: train_numpy(points, targets, rate=rate, steps=300)[0] for name, rate in rates.items()}

figure, (bowl, axes) = plt.subplots(1, 2, figsize=(10.5, 3.6))
line = np.linspace(-3.4, 3.4, 100)
bowl.plot(line, line**2, color=GREY)
for (name, rate), colour, start in zip(
    {"too low": 0.02, "right": 0.3, "too high": 1.06}.items(), (ORANGE, BLUE, RED), (-2.6, 2.2, 1.5), strict=True
):
    path = start * (1 - 2 * rate) ** np.arange(7)
    bowl.plot(path, path**2, "o-", color=colour, linewidth=1.2, markersize=5, label=f"{name}, η = {rate}")
bowl.set(xlabel="w", ylabel="L = w²", title="Seven points on a bowl", ylim=(-0.6, 12.5))
bowl.legend(loc="upper center")
for (name, rate), colour in zip(rates.items(), (ORANGE, BLUE, RED), strict=True):
    axes.plot(range(1, 301), histories[name], color=colour, linewidth=1.4, label=f"{name}, η = {rate}")
axes.set(
    yscale="log", ylim=(3e-3, 3e4), xlabel="step", ylabel="loss (nats)", title="The moons, all points at each step"
)
axes.legend(loc="upper right")
plt.show()

# %% [markdown]
# ## 8. The referee
#
# Autodiff is one referee. There is an older one, which knows nothing of any rule: move a little to both sides and look.
# By Taylor's formula, $f(t \pm h) = f \pm h f' + \tfrac{h^2}{2} f'' \pm \tfrac{h^3}{6} f''' + \dots$ In the difference the even terms cancel:
#
# $$\frac{f(t + h) - f(t - h)}{2h} = f'(t) + \frac{h^2}{6} f'''(t) + \dots$$
#
# (one-sided, $\frac{f(t+h) - f(t)}{h} = f'(t) + \frac h2 f''(t) + \dots$, the error is of order $h$ and not $h^2$). So let $h$ be
# tiny? A computer rounds $f$ to a relative $\varepsilon$ ($10^{-16}$ in 64 bits, $6 \cdot 10^{-8}$ in 32), and the division by $h$ blows that up to
# $\varepsilon / h$. The two errors trade places near $h^3 \approx \varepsilon$:
#
# $$h \approx \varepsilon^{1/3} \approx 5 \cdot 10^{-6} \qquad\text{with an error of about}\qquad \varepsilon^{2/3} \approx 2 \cdot 10^{-11} .$$
#
# We check the two-layer network of section 4 along one random direction $v$ in the space of *all* its parameters:
# the slope of $t \mapsto L(\theta + t v)$ at 0 must be the sum of gradient times direction.

# %%
random = np.random.default_rng(6)
direction = {name: random.normal(size=value.shape) for name, value in params.items()}
slope = sum(np.sum(by_hand[name] * direction[name]) for name in params)


def along(t, dtype=np.float64):
    moved = {name: (params[name] + t * direction[name]).astype(dtype) for name in params}
    return network_loss(moved, X.astype(dtype), Q.astype(dtype))


steps = np.logspace(-14, 0, 85)
central = [(along(h) - along(-h)) / (2 * h) for h in steps]
one_sided = [(along(h) - along(0.0)) / h for h in steps]
central32 = [(float(along(h, np.float32)) - float(along(-h, np.float32))) / (2 * h) for h in steps]


def error(estimates):
    return np.maximum(np.abs(np.array(estimates) / slope - 1), 1e-16)


best = int(np.argmin(error(central)))
print(f"smallest error of the central difference: below 1e-9: {error(central)[best] < 1e-9}")
assert error(central)[best] < 1e-9

# %%
figure, axes = plt.subplots(figsize=(8.5, 4.2))
axes.plot(steps, error(central32), ".", color=ORANGE, label="central, 32 bits")
axes.plot(steps, error(one_sided), ".", color=GREEN, label="one-sided, 64 bits")
axes.plot(steps, error(central), "o", markersize=4, color=BLUE, label="central, 64 bits")
falling, rising = steps[steps < 3e-5], steps[steps > 2e-6]
axes.plot(falling, 1.1e-16 / falling, color=GREY, linewidth=1.2)
axes.text(2e-12, 8e-7, r"round-off $\varepsilon/h$", color=GREY, ha="right")
axes.plot(rising, rising**2, color=GREY, linewidth=1.2)
axes.text(1.5e-2, 3e-6, r"Taylor $h^2$", color=GREY)
with jax.enable_x64(True):
    auto_slope = sum(float(jnp.sum(auto[name] * direction[name])) for name in params)
axes.axhline(
    max(abs(auto_slope / slope - 1), 1e-16), color=RED, linewidth=1.5, linestyle="--", label="autodiff, 64 bits"
)
axes.set(xscale="log", yscale="log", xlabel="step h", ylabel="relative difference from the slope by hand")
axes.set(ylim=(3e-17, 30), title="The referee's U-curve")
axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# The blue points fall as $h^2$ towards our hand-derived slope until rounding takes over: an independent proof, good to ten
# digits. A wrong gradient would show as a flat line at the height of its error. In 32 bits no $h$ shows more than a few
# digits (below $10^{-9}$ both sides are rounded to the same number, and the estimate is 0), which is why derivatives are checked in 64. And against autodiff, which has no $h$ at all, hand agrees to the last
# digit or two.
#
# So the full check of a derivative has two parts: **hand against autodiff** in 64 bits, with random cotangents and unequal
# sizes; and **autodiff's primal against something else**, for a wrong formula has a perfectly consistent gradient.
#
# ## 9. Three exercises
#
# Fill in the functions and run the cells; each checks your answer and says `right`, or how far off it is. Solutions stand
# at the end.
#
# **Exercise 1. Another activation.** *Softplus* is a smooth relu: $a = \log(1 + e^{z})$. You are given $z$ and
# $\partial L/\partial a$. Return $\partial L/\partial z$.


# %%
def softplus_pullback(z, d_a):
    return None  # your line here


def check_softplus(answer):
    random = np.random.default_rng(10)
    z, d_a = random.normal(size=(4, 3)), random.normal(size=(4, 3))
    true = autodiff(lambda z: jnp.sum(d_a * jnp.log1p(jnp.exp(z))), z)
    return verdict([answer(z, d_a)], [true])


def verdict(answers, truths):
    """Compare without failing: right, not yet, or how far off."""
    for answer, true in zip(answers, truths, strict=True):
        if answer is None:
            return "not yet: return your answer in place of None"
        if np.shape(answer) != true.shape:
            return f"not yet: the shape is {np.shape(answer)}, it should be {true.shape}"
        apart = float(np.max(np.abs(np.asarray(answer) - np.asarray(true))))
        if np.isnan(apart):
            return "not yet: the answer holds NaN"
        if apart >= 1e-12:
            return f"not yet: off by as much as {apart:.2g}"
    return "right"


print(check_softplus(softplus_pullback))

# %% [markdown]
# **Exercise 2. One matrix, used twice.** An autoencoder squeezes its input and unfolds it again with the *same* weights:
# $H = \tanh(X W)$, $Y = H W^{\mathsf T}$. Given $X$, $W$ and $G = \partial L / \partial Y$, return $\partial L/\partial W$. (Where a number acts along several
# roads, its effects add.)


# %%
def tied_pullback(X, W, G):
    H = np.tanh(X @ W)  # noqa: F841
    return None  # your lines here


def check_tied(answer):
    random = np.random.default_rng(11)
    X, W, G = random.normal(size=(6, 5)), random.normal(size=(5, 2)), random.normal(size=(6, 5))
    true = autodiff(lambda W: jnp.sum(G * (jnp.tanh(X @ W) @ W.T)), W)
    return verdict([answer(X, W, G)], [true])


print(check_tied(tied_pullback))

# %% [markdown]
# **Exercise 3. A rule of your own.** Scaling each row to length 1, $y = x / r$ with $r = \sqrt{\sum_j x_j^2}$, is a piece of many networks.
# Below it is a `chainrule` rule whose forward pass is done, keeping $y$ and $r$. Derive $\partial L/\partial x$ from the cotangent
# `d_output`, write the line, and the rule is good for use in any `chain`. (Hint: $\partial r / \partial x_j = x_j / r = y_j$. And: would a check
# with $g = y$ tell a right formula from a wrong one?)


# %%
@rule
def unit_length(x):
    r = jnp.sqrt(jnp.sum(x * x, axis=-1, keepdims=True))
    y = x / r
    return y, (y, r)


@unit_length.defbackward
def unit_length_backward(residuals, d_output):
    y, r = residuals
    return (jnp.full_like(y, jnp.nan),)  # your line here, in place of NaN


def check_unit_length(candidate):
    random = np.random.default_rng(12)
    with jax.enable_x64(True):
        x, g = jnp.asarray(random.normal(size=(4, 3))), jnp.asarray(random.normal(size=(4, 3)))
        (by_hand,) = candidate.vjp(x)[1](g)
        (true,) = jax.vjp(candidate, x)[1](g)
    return verdict([by_hand], [true])


print(check_unit_length(unit_length))

# %% [markdown]
# ### Solutions
#
# Open the next cell when you have tried.


# %% jupyter={"source_hidden": true}
def softplus_solution(z, d_a):
    # a = log(1 + e^z), so da/dz = e^z / (1 + e^z) = 1 / (1 + e^-z): the sigmoid
    return d_a / (1 + np.exp(-z))


def tied_solution(X, W, G):
    # Y = H W^T:       as the second factor, W^T gets H^T G, so W gets G^T H; and H gets G W
    # H = tanh(X W):   delta = (G W) * (1 - H^2), and W gets X^T delta. The two add.
    H = np.tanh(X @ W)
    delta = (G @ W) * (1 - H**2)
    return G.T @ H + X.T @ delta


@rule
def unit_length_solution(x):
    r = jnp.sqrt(jnp.sum(x * x, axis=-1, keepdims=True))
    y = x / r
    return y, (y, r)


@unit_length_solution.defbackward
def unit_length_solution_backward(residuals, d_output):
    # dy_i/dx_j = (1_{i=j} - y_i y_j) / r, so dL/dx = (g - y (g . y)) / r: the part of g along y goes, for a change of
    # length is undone. With g = y the right answer is 0, which a formula that forgot, say, the 1 / r gives as well.
    y, r = residuals
    return ((d_output - y * jnp.sum(d_output * y, axis=-1, keepdims=True)) / r,)


answers = (check_softplus(softplus_solution), check_tied(tied_solution), check_unit_length(unit_length_solution))
for number, answer in enumerate(answers, start=1):
    print(f"exercise {number}: {answer}")
assert answers == ("right",) * 3

# %% [markdown]
# ## 10. What was proved
#
# * **One neuron**: five derivatives on paper, the same in NumPy, the same by `jax.grad`.
# * **A layer**: $\partial L/\partial W = X^{\mathsf T}\delta$, $\partial L/\partial X = \delta W^{\mathsf T}$, $\partial L/\partial b = \mathbf 1^{\mathsf T}\delta$, derived index by index and checked for an
#   arbitrary network behind it.
# * **Softmax with cross-entropy**: $\delta = p - q$, by the short way and the long way.
# * **A network**: four lines of NumPy, the same as pullbacks, the same as a `chain` of rules, the same by autodiff.
# * **Backwards** is a choice of brackets, and the cheap one when the loss is one number.
# * **Training**: hand and autodiff walk the same 100 steps.
# * **Differences**, a referee without any rule: agreement as $h^2$, down to rounding.
# * And what proves *nothing*: shapes that happen to fit, a loss that goes down, a check with ones.
#
# **Where it stands in the source.** Each file opens with its formula and the derivation.
#
# | In this lesson | In the package |
# |---|---|
# | A forward function and its pullback | [`rule.py`](../src/chainrule/rule.py) |
# | The reverse loop, written once | [`compose.py`](../src/chainrule/compose/chain.py) |
# | $X^{\mathsf T}\delta$, $\delta W^{\mathsf T}$, $\mathbf 1^{\mathsf T}\delta$ | [`ops/affine.py`](../src/chainrule/ops/affine.py), [`layers/dense.py`](../src/chainrule/layers/dense.py) |
# | tanh, sigmoid, softplus; relu; softmax | [`ops/sigmoids.py`](../src/chainrule/ops/sigmoids.py), [`ops/rectifiers.py`](../src/chainrule/ops/rectifiers.py), [`ops/softmax.py`](../src/chainrule/ops/softmax.py) |
# | $p - q$ | [`losses/classification.py`](../src/chainrule/losses/classification.py) |
# | Mean or sum | [`losses/reduction.py`](../src/chainrule/losses/reduction.py) |
# | First weights | [`layers/initializers.py`](../src/chainrule/layers/initializers.py) |
# | A step, by hand or by autodiff; a run | [`train/step.py`](../src/chainrule/train/step.py), [`train/fit.py`](../src/chainrule/train/fit.py) |
#
# **Sources.**
#
# * D. E. Rumelhart, G. E. Hinton and R. J. Williams, *Learning representations by back-propagating errors*, Nature 323,
#   533–536, 1986. The paper that made the recursion of section 2 known.
# * M. Nielsen, *Neural Networks and Deep Learning*, Determination Press, 2015, chapter 2: the same four equations, one
#   neuron at a time. <http://neuralnetworksanddeeplearning.com/chap2.html>
# * I. Goodfellow, Y. Bengio and A. Courville, *Deep Learning*, MIT Press, 2016, chapter 6, above all section 6.5.
#   <https://www.deeplearningbook.org>
# * On section 7: X. Glorot and Y. Bengio, *Understanding the difficulty of training deep feedforward neural networks*, AISTATS
#   2010; K. He and others, *Delving deep into rectifiers*, ICCV 2015; T. P. Lillicrap and others, *Random synaptic feedback
#   weights support error backpropagation for deep learning*, Nature Communications 7, 13276, 2016.
