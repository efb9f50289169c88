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
# # Attention
#
# "The trophy did not fit into the suitcase, because it was too big." What was too big? To read *it*, one looks back at
# *trophy* and *suitcase*, wherever they stand, and takes from them what is needed. A recurrent network must have
# squeezed all it may ever need into one state. **Attention** looks back directly: every step of a sequence chooses
# which other steps to read.
#
# **The question of this lesson:** to look something up is a *choice*, and a choice has no derivative: one entry is
# read, the others are not. How does a network learn where to look?
#
# The answer: it reads *all* entries, each with a weight, and the weights have derivatives. We shall derive them, prove
# them, find a way to compute them that does not fill the memory, and watch a small network learn to look. You need the
# lesson [`backpropagation_by_hand`](backpropagation_by_hand.ipynb): matrix products and their pullbacks (its section
# 2), and softmax (section 3).
#
# | | |
# |---|---|
# | 1 | A soft dictionary, with numbers on paper |
# | 2 | Many queries at once, and why $\sqrt d$ |
# | 3 | The way back |
# | 4 | Not to look ahead |
# | 5 | Where things stand: positions |
# | 6 | Several heads |
# | 7 | Attention in little memory |
# | 8 | A network that learns to look |
# | 9 | What goes wrong |
# | 10 | Three exercises |
# | 11 | What was proved |
#
# As before, `referee` compares gradients *by hand* with gradients by *autodiff* in 64-bit arithmetic, prints the largest
# difference, relative to the largest number compared, and stops the notebook if it is more than rounding.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import chainrule as cr
from chainrule import layers, losses, ops, optim, train
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
        print(f"{name:13} {a.shape!s:13}  hand against autodiff: {apart:.0e}")
        assert apart <= tolerance, f"{name}: the two disagree"


def autodiff(f, *arguments, argnums=0):
    """``jax.grad`` of f at these arguments, in 64 bits."""
    with jax.enable_x64(True):
        return jax.jit(jax.grad(f, argnums))(*arguments)


# %% [markdown]
# ## 1. A soft dictionary, with numbers on paper
#
# A dictionary holds pairs of a *key* and a *value*. We come with a *query*, find the key that is equal to it, and take
# that key's value. In a **soft** dictionary queries and keys are vectors. How well a key $k_s$ fits a query $q$ is
# measured by their product $q \cdot k_s$, the *score*. Softmax turns the scores into weights that are positive and sum
# to 1; and what we take is the weighted mean of *all* the values:
#
# $$S_s = q \cdot k_s, \qquad p_s = \frac{e^{S_s}}{\sum_r e^{S_r}}, \qquad y = \sum_s p_s v_s .$$
#
# Let there be three entries, with values that are plain numbers:
#
# | entry | key | value | score with $q = (2, 1)$ | $e^{\text{score}}$ | weight $p$ |
# |---|---|---|---|---|---|
# | 1 | $(1, 0)$ | $10$ | $2$ | $7.389$ | $0.7153$ |
# | 2 | $(0, 1)$ | $20$ | $1$ | $2.718$ | $0.2631$ |
# | 3 | $(-1, 0.5)$ | $60$ | $-1.5$ | $0.223$ | $0.0216$ |
#
# $$y = 0.7153 \cdot 10 + 0.2631 \cdot 20 + 0.0216 \cdot 60 = 13.71 .$$
#
# **Backwards.** Let the loss say that $y$ should grow: $g = \partial L/\partial y = -1$, to have simple numbers. The
# value $v_s$ entered with the factor $p_s$, the weight $p_s$ with the factor $v_s$:
#
# $$\frac{\partial L}{\partial v_s} = g\, p_s, \qquad \frac{\partial L}{\partial p_s} = g\, v_s .$$
#
# Through the softmax, whose derivative is $\partial p_r/\partial S_s = p_r (1_{r = s} - p_s)$ (first lesson, section 3):
#
# $$
# \frac{\partial L}{\partial S_s} = p_s \Big( g\, v_s - \sum_r p_r\, g\, v_r \Big) = g\; p_s\, (v_s - y) .
# $$
#
# Read it: **a score should rise if its value is better than what one gets now**, and the more so, the more weight it
# has. Here entry 3 has the largest value and gains, entry 1 loses:
#
# $$\frac{\partial L}{\partial S} = -1 \cdot \big(0.7153 \cdot (10 - 13.71),\; 0.2631 \cdot (20 - 13.71),\; 0.0216 \cdot (60 - 13.71)\big) = (2.655,\; -1.655,\; -1.000)$$
#
# (a step *against* the gradient raises scores 2 and 3). They sum to 0, for only differences of scores count. At last,
# $S_s = q \cdot k_s$ gives $\partial L/\partial q = \sum_s \frac{\partial L}{\partial S_s} k_s$ and
# $\partial L/\partial k_s = \frac{\partial L}{\partial S_s}\, q$.

# %%
q = np.array([2.0, 1.0])
keys, values = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5]]), np.array([10.0, 20.0, 60.0])
g = -1.0

scores = keys @ q
p = np.exp(scores) / np.exp(scores).sum()
y = p @ values

d_values = g * p
d_scores = g * p * (values - y)
d_q, d_keys = d_scores @ keys, np.outer(d_scores, q)

print("p     =", " ".join(f"{number:.4f}" for number in p), f"  y = {y:.2f}")
print("dL/dS =", " ".join(f"{number:.3f}" for number in d_scores))


def look_up(q, keys, values):
    return g * (jax.nn.softmax(keys @ q) @ values)


auto = autodiff(look_up, q, keys, values, argnums=(0, 1, 2))
by_hand = {"dL/dq": d_q, "dL/dkeys": d_keys, "dL/dvalues": d_values}
referee(by_hand, dict(zip(by_hand, auto, strict=True)))

# %%
figure, panels = plt.subplots(1, 4, figsize=(11, 3), sharey=True)
for axes, sharpness in zip(panels, (0, 0.5, 1, 4), strict=True):
    weight = np.exp(sharpness * scores) / np.exp(sharpness * scores).sum()
    axes.bar(["1", "2", "3"], weight, color=(BLUE, ORANGE, GREEN), width=0.6)
    for place, number in enumerate(weight):
        axes.text(place, number + 0.03, f"{number:.2f}", ha="center", fontsize=10)
    axes.set(title=f"scores × {sharpness}: y = {weight @ values:.1f}", xlabel="entry", ylim=(0, 1.15))
panels[0].set_ylabel("weight p")
plt.show()

# %% [markdown]
# *Between the mean of all values (left: all scores equal) and an ordinary look-up (right: one weight is nearly 1) there
# is no jump. The length of the query says how sharp the look-up is.*
#
# ## 2. Many queries at once, and why $\sqrt d$
#
# Stack $T$ queries as the rows of a matrix $Q$ ($T \times d$), $N$ keys as the rows of $K$ ($N \times d$) and their
# values as the rows of $V$ ($N \times m$). All scores are then one matrix product, and so are all the means:
#
# $$\boxed{\; S = \frac{Q K^{\mathsf T}}{\sqrt d}, \qquad P = \operatorname{softmax}(S) \text{ along each row}, \qquad Y = P V \;}$$
#
# This is *scaled dot-product attention* (A. Vaswani and others, 2017). What is the $\sqrt d$ for? Suppose that the
# entries of a query and a key are independent, with mean 0 and variance 1, as they are at the beginning of training.
# Their product is a sum of $d$ terms $q_j k_j$. Each has mean $0 \cdot 0 = 0$ and variance $1 \cdot 1 = 1$, and
# variances of independent terms add:
#
# $$\operatorname{Var}\Big(\sum_{j=1}^{d} q_j k_j\Big) = d, \qquad \text{so a typical score is} \pm \sqrt d .$$
#
# With $d = 256$, scores differ by 16 and more, and $e^{16}$ is nine million: softmax puts all weight on one entry,
# chosen by chance. That alone might be mended. But look at the way back, $\partial L/\partial S_s = g\, p_s (v_s - y)$.
# If $p_s \approx 0$, it is 0; if $p_s \approx 1$, then $y \approx v_s$, and it is 0 again. The softmax is
# **saturated**: no gradient, no learning. Divided by $\sqrt d$, the variance is 1 whatever the width.

# %%
random = np.random.default_rng(0)
widths = 2 ** np.arange(1, 11)
sharpest, gradient = ({"without": [], "with": []} for _ in range(2))
for d in widths:
    for name, scale in (("without", 1.0), ("with", 1 / np.sqrt(d))):
        S = scale * np.einsum("td,tsd->ts", random.normal(size=(300, d)), random.normal(size=(300, 32, d)))
        P = np.exp(S - S.max(axis=1, keepdims=True))
        P /= P.sum(axis=1, keepdims=True)
        d_P = random.normal(size=P.shape)
        d_S = P * (d_P - np.sum(P * d_P, axis=1, keepdims=True))
        sharpest[name].append(P.max(axis=1).mean())
        gradient[name].append(np.median(np.linalg.norm(d_S, axis=1)))

figure, panels = plt.subplots(1, 2, figsize=(10.5, 3.6))
for axes, lines in zip(panels, (sharpest, gradient), strict=True):
    axes.plot(widths, lines["without"], "o-", color=RED, label=r"$S = Q K^\mathsf{T}$")
    axes.plot(widths, lines["with"], "o-", color=BLUE, label=r"$S = Q K^\mathsf{T} / \sqrt{d}$")
    axes.set_xscale("log", base=2)
    axes.set(xlabel="width d of queries and keys", xticks=widths[1::2], xticklabels=widths[1::2])
panels[0].set(ylabel="largest of 32 weights, mean", ylim=(0, 1.05), title="Saturation")
panels[1].set(ylabel="length of ∂L/∂S, median", yscale="log", title="What is left of the gradient")
panels[0].legend(loc="center right")
plt.show()

# %% [markdown]
# *Random queries and 32 random keys. Without the scale a wide attention is a hard choice from the start, and hardly any
# gradient comes through it.*
#
# ## 3. The way back
#
# Let $G = \partial L/\partial Y$. Index by index, the last step first.
#
# **The mean**, $Y_{tj} = \sum_s P_{ts} V_{sj}$. A value is read by all queries, so it gathers from all of them; a weight
# multiplies a whole value:
#
# $$\frac{\partial L}{\partial V_{sj}} = \sum_t P_{ts}\, G_{tj}, \qquad \frac{\partial L}{\partial P_{ts}} = \sum_j G_{tj} V_{sj}
# \qquad\text{or}\qquad \dot V = P^{\mathsf T} G, \quad \dot P = G V^{\mathsf T},$$
#
# with a dot for "derivative of the loss by".
#
# **The softmax**, row by row as in section 1. The sum is over the row, that is, over the keys:
#
# $$\dot S_{ts} = P_{ts} \Big( \dot P_{ts} - \sum_r P_{tr}\, \dot P_{tr} \Big) \qquad\text{or}\qquad
# \dot S = P \odot \big( \dot P - \operatorname{rowsum}(P \odot \dot P) \big) .$$
#
# **The scores**, $S_{ts} = \frac{1}{\sqrt d} \sum_j Q_{tj} K_{sj}$: a query meets all keys, a key meets all queries:
#
# $$\dot Q_{tj} = \tfrac{1}{\sqrt d} \sum_s \dot S_{ts} K_{sj}, \qquad \dot K_{sj} = \tfrac{1}{\sqrt d} \sum_t \dot S_{ts} Q_{tj}
# \qquad\text{or}\qquad
# \dot Q = \frac{\dot S K}{\sqrt d}, \quad \dot K = \frac{\dot S^{\mathsf T} Q}{\sqrt d} .$$
#
# Everything together, in five lines:
#
# $$\boxed{\; \dot V = P^{\mathsf T} G, \quad \dot P = G V^{\mathsf T}, \quad \dot S = P \odot \big( \dot P - \operatorname{rowsum}(P \odot \dot P) \big),
# \quad \dot Q = \dot S K / \sqrt d, \quad \dot K = \dot S^{\mathsf T} Q / \sqrt d \;}$$
#
# In NumPy, first with loops over single numbers, exactly as derived, then with matrices; all sizes different:


# %%
def softmax(S):
    e = np.exp(S - S.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def attention_by_numbers(Q, K, V, G):
    """Forward and backward, one number at a time."""
    (T, d), (N, m) = Q.shape, V.shape
    Y, d_Q, d_K, d_V = np.zeros((T, m)), np.zeros_like(Q), np.zeros_like(K), np.zeros_like(V)
    for t in range(T):
        scores = [sum(Q[t, j] * K[s, j] for j in range(d)) / np.sqrt(d) for s in range(N)]
        total = sum(np.exp(score) for score in scores)
        P = [np.exp(score) / total for score in scores]
        for s in range(N):
            Y[t] += P[s] * V[s]

        d_P = [sum(G[t, j] * V[s, j] for j in range(m)) for s in range(N)]
        mean = sum(P[s] * d_P[s] for s in range(N))
        for s in range(N):
            d_score = P[s] * (d_P[s] - mean) / np.sqrt(d)
            d_V[s] += P[s] * G[t]
            d_Q[t] += d_score * K[s]
            d_K[s] += d_score * Q[t]
    return Y, {"Q": d_Q, "K": d_K, "V": d_V}


def attention(Q, K, V, G, visible=None):
    """The same with matrices; where ``visible`` is False a query does not see a key."""
    scale = 1 / np.sqrt(Q.shape[1])
    S = scale * Q @ K.T
    P = softmax(S if visible is None else np.where(visible, S, -np.inf))
    Y = P @ V

    d_V = P.T @ G
    d_P = G @ V.T
    d_S = P * (d_P - np.sum(P * d_P, axis=1, keepdims=True))
    return Y, P, {"Q": scale * d_S @ K, "K": scale * d_S.T @ Q, "V": d_V}


random = np.random.default_rng(1)
T, N, d, m = 5, 7, 4, 3
Q, K, V = random.normal(size=(T, d)), random.normal(size=(N, d)), random.normal(size=(N, m))
G = random.normal(size=(T, m))


def attention_loss(Q, K, V):
    return jnp.sum(G * (jax.nn.softmax(Q @ K.T / jnp.sqrt(Q.shape[1])) @ V))


auto = dict(zip("QKV", autodiff(attention_loss, Q, K, V, argnums=(0, 1, 2)), strict=True))
Y, P, by_hand = attention(Q, K, V, G)
Y_by_numbers, by_numbers = attention_by_numbers(Q, K, V, G)
print("number by number:")
referee(by_numbers, auto)
print("with matrices:")
referee(by_hand, auto)
print("and the same Y:", np.allclose(Y, Y_by_numbers, rtol=1e-13))

# %% [markdown]
# **The library's rule** `ops.attention` does this for a whole batch, and for several heads (section 6): its arrays are
# (batch, time, heads, width). Residuals: the three matrices and $P$.

# %%
batch, heads = 2, 3
of_shape = {"Q": (batch, T, heads, d), "K": (batch, N, heads, d), "V": (batch, N, heads, m), "G": (batch, T, heads, m)}
many = {name: random.normal(size=shape) for name, shape in of_shape.items()}


def rule_by_hand(Q, K, V, G):
    Y, pullback = ops.attention.vjp(Q, K, V)
    return Y, pullback(G)


def rule_loss(Q, K, V, G):
    return jnp.sum(G * ops.attention(Q, K, V))


with jax.enable_x64(True):
    Y_of_rule, of_rule = jax.jit(rule_by_hand)(*many.values())
auto = autodiff(rule_loss, *many.values(), argnums=(0, 1, 2))
referee(dict(zip("QKV", of_rule, strict=True)), dict(zip("QKV", auto, strict=True)))
for example in range(batch):
    for head in range(heads):
        Y, _, gradients = attention(*(array[example, :, head] for array in many.values()))
        np.testing.assert_allclose(Y_of_rule[example, :, head], Y, rtol=1e-12)
        for name, gradient in zip("QKV", of_rule, strict=True):
            np.testing.assert_allclose(gradient[example, :, head], gradients[name], rtol=1e-11, atol=1e-14)
print("each example and head is our NumPy of above")

# %% [markdown]
# ## 4. Not to look ahead
#
# A model of text is to say what comes next. At each step it may read what came before, and nothing after: else it would
# read the answer. In *self-attention* queries, keys and values come from the same sequence, and the **causal mask**
# allows query $t$ the keys $s \le t$. Where it forbids, the score is set to $-\infty$ *before* the softmax:
# $e^{-\infty} = 0$, so the weight is exactly 0, and the others still sum to 1.
#
# The way back needs no change at all: where $P_{ts} = 0$, the formula gives $\dot S_{ts} = 0$ by itself.

# %%
T = 12
random = np.random.default_rng(2)
Q, K, V, G = (random.normal(size=(T, 8)) for _ in range(4))
causal = np.tri(T, dtype=bool)
_, P, by_hand = attention(Q, K, V, G, visible=causal)


def causal_loss(Q, K, V):
    Y = ops.attention(*(array[None, :, None] for array in (Q, K, V)), causal=True)
    return jnp.sum(G * Y[0, :, 0])


referee(by_hand, dict(zip("QKV", autodiff(causal_loss, Q, K, V, argnums=(0, 1, 2)), strict=True)))

figure, panels = plt.subplots(1, 3, figsize=(11, 3.9))
scores = Q @ K.T / np.sqrt(8)
pictures = (scores, "RdBu_r", 3, "Scores S"), (np.where(causal, scores, np.nan), "RdBu_r", 3, "With the mask")
for axes, (numbers, colours, most, title) in zip(
    panels, (*pictures, (np.where(causal, P, np.nan), "Blues", 1, "Weights P")), strict=True
):
    axes.set_facecolor("#d9d9d9")
    image = axes.imshow(numbers, cmap=colours, vmin=-most if colours == "RdBu_r" else 0, vmax=most)
    axes.set(title=title, xlabel="key s, what is read", xticks=range(0, T, 2), yticks=range(0, T, 2))
    figure.colorbar(image, ax=axes, shrink=0.7)
panels[0].set_ylabel("query t, who reads")
plt.show()

# %% [markdown]
# *Grey: forbidden; a score of $-\infty$, a weight of 0. The first step can only look at itself. Each row of $P$ sums to
# 1.*
#
# ## 5. Where things stand: positions
#
# Nothing in $\operatorname{softmax}(QK^{\mathsf T})V$ knows the *order* of the entries. Shuffle the keys together with
# their values, and every query gets the same mean: "dog bites man" is "man bites dog".

# %%
shuffled = random.permutation(T)
Y, _, _ = attention(Q, K, V, G)
Y_shuffled, _, _ = attention(Q, K[shuffled], V[shuffled], G)
print(f"keys and values shuffled: the outputs differ by {np.max(np.abs(Y - Y_shuffled)):.0e}")
assert np.allclose(Y, Y_shuffled, rtol=1e-12)

# %% [markdown]
# So the position must be *in* the vectors. The simplest way: to each position belongs a vector of its own, and it is
# added. It may be learned (`layers.LearnedPositions`), or fixed, as **waves** of many lengths:
#
# $$P_{t,\,2i} = \sin(\omega_i t), \qquad P_{t,\,2i+1} = \cos(\omega_i t), \qquad \omega_i = 10000^{-2i/d} .$$
#
# Like the hands of a clock, a fast wave tells neighbours apart, and slow ones tell the hour. And the product of two
# such vectors depends on the *distance* alone, by $\cos a \cos b + \sin a \sin b = \cos(a - b)$:
#
# $$P_t \cdot P_s = \sum_i \big( \sin \omega_i t \sin \omega_i s + \cos \omega_i t \cos \omega_i s \big) = \sum_i \cos\big(\omega_i (t - s)\big) .$$

# %%
table = np.asarray(ops.sinusoidal_positions(100, 64))
figure, (waves, products) = plt.subplots(1, 2, figsize=(10.5, 3.7), width_ratios=[1.25, 1])
image = waves.imshow(table.T, aspect="auto", cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
waves.set(xlabel="position t", ylabel="feature", title="One column, one position")
figure.colorbar(image, ax=waves)
for position, colour, width in ((20, BLUE, 6), (50, ORANGE, 3.5), (80, GREEN, 1.5)):
    distances = np.arange(100) - position
    products.plot(distances, table @ table[position], color=colour, linewidth=width, label=f"t = {position}")
products.set(xlabel="distance s − t", ylabel=r"$P_t \cdot P_s$", title="The product knows the distance")
products.legend()
plt.show()

# %% [markdown]
# *Three positions, one curve: the lines lie on top of each other where they overlap.*
#
# **Rotary positions** (J. Su and others, 2021) do that with the queries and keys themselves. Take their numbers two by
# two, as points in a plane, and **turn** each by an angle that grows with the position, a different speed for each
# pair:
#
# $$
# R(t) \begin{pmatrix} a \\ b \end{pmatrix} = \begin{pmatrix} a \cos \omega t - b \sin \omega t \\ a \sin \omega t + b \cos \omega t \end{pmatrix} .
# $$
#
# Turn two arrows by the same angle, and the angle between them does not change, nor do their lengths; so nor does their
# product. If the query is turned by $\omega t$ and the key by $\omega s$, we may turn both back by $\omega s$:
#
# $$\big(R(t)\,q\big) \cdot \big(R(s)\,k\big) = \big(R(t - s)\,q\big) \cdot k .$$
#
# **The score depends on the contents and on the distance $t - s$ alone.** And backwards: to turn is an orthogonal map,
# its transpose turns the other way, so $\partial L/\partial x_t = R(-t)\, \partial L/\partial y_t$.

# %%
random = np.random.default_rng(3)
d, length = 16, 60
q, k = random.normal(size=d), random.normal(size=d)


def all_scores(q, k):
    """The score of query q standing at t with key k standing at s, for all t and s; (length, length)."""
    everywhere = [jnp.broadcast_to(vector, (1, length, 1, d)) for vector in (q, k)]
    turned_q, turned_k = (ops.rotary(array)[0, :, 0] for array in everywhere)
    return turned_q @ turned_k.T


with jax.enable_x64(True):
    S = np.asarray(jax.jit(all_scores)(q, k))
spread = [np.ptp(np.diagonal(S, -distance)) for distance in range(-50, 51)]
print(f"the same q and k, at one distance, wherever they stand: scores differ by at most {max(spread):.0e}")
assert max(spread) < 1e-12

turned, g = random.normal(size=(2, 6, 3, d)), random.normal(size=(2, 6, 3, d))
with jax.enable_x64(True):
    (turned_back,) = ops.rotary.vjp(jnp.asarray(turned))[1](jnp.asarray(g))
referee({"rotary": turned_back}, {"rotary": autodiff(lambda x: jnp.sum(g * ops.rotary(x)), turned)})

figure, (picture, axes) = plt.subplots(1, 2, figsize=(10.5, 3.9), width_ratios=[1, 1.4])
image = picture.imshow(S, cmap="RdBu_r", vmin=-np.abs(S).max(), vmax=np.abs(S).max())
picture.set(xlabel="key stands at s", ylabel="query stands at t", title="The score of one q and one k")
figure.colorbar(image, ax=picture, shrink=0.85)
for t, colour, width in ((10, BLUE, 6), (30, ORANGE, 3.5), (50, GREEN, 1.5)):
    axes.plot(t - np.arange(length), S[t], color=colour, linewidth=width, label=f"query at t = {t}")
axes.set(xlabel="distance t − s", ylabel="score", title="Seen from three places")
axes.legend()
plt.show()

# %% [markdown]
# *Left: equal along each diagonal. Right: three rows of that picture, drawn over the distance; where they overlap they
# are one line.*
#
# ## 6. Several heads
#
# One softmax gives one mean. But *it* may have to read at once which noun it stands for and which verb follows. So the
# $d$ features are divided among $H$ **heads** of $d/H$ features each. Every head has its own queries, keys and values,
# and so its own weights; what they read is put side by side, and mixed by a last matrix:
#
# $$[\,Q \;\; K \;\; V\,] = X W + b, \qquad A_h = \operatorname{attention}(Q_h, K_h, V_h), \qquad Y = [\,A_1 \cdots A_H\,]\, W_o + b_o .$$
#
# Each head is narrower, so all together cost what one wide head would. For the way back there is nothing to derive: it
# is the chain rule over parts that we have. $W_o$ is a dense layer; its $\dot A$ is cut into heads; each head's
# $\dot Q_h, \dot K_h, \dot V_h$ come by section 3, are put side by side again, and meet the other dense layer. Here is
# `layers.MultiHeadAttention`, with rotary positions and the causal mask, against a loop over heads in NumPy, and its
# gradients against autodiff:

# %%
layer = layers.MultiHeadAttention(heads=3, causal=True, rotary=True)
features = 12
with jax.enable_x64(True):
    params, _ = layer.init(jax.random.key(0), (T, features), jnp.float64)
    x, g = (jnp.asarray(random.normal(size=(2, T, features))) for _ in range(2))
    y, pullback = jax.jit(layer.vjp)(params, x)
    d_params, d_x = jax.jit(lambda pullback, g: pullback(g))(pullback, g)


def named(d_params, d_x):
    return {f"{part} {name}": value for part, both in d_params.items() for name, value in both.items()} | {"x": d_x}


auto = autodiff(lambda params, x: jnp.sum(g * layer(params, x)), params, x, argnums=(0, 1))
referee(named(d_params, d_x), named(*auto))

numpy_params = jax.tree.map(np.asarray, params)
joined = []
queries_keys_values = np.asarray(x) @ numpy_params["qkv"]["weight"] + numpy_params["qkv"]["bias"]
for example in queries_keys_values:
    read = []
    for head in range(3):
        Q, K, V = (example[:, part * features + head * 4 : part * features + (head + 1) * 4] for part in range(3))
        with jax.enable_x64(True):
            Q, K = (np.asarray(ops.rotary(jnp.asarray(array)[:, None]))[:, 0] for array in (Q, K))
        read.append(attention(Q, K, V, V, visible=causal)[0])
    joined.append(np.concatenate(read, axis=1) @ numpy_params["output"]["weight"] + numpy_params["output"]["bias"])
print("the same y as the loop over heads:", np.allclose(y, joined, rtol=1e-12))

# %% [markdown]
# ## 7. Attention in little memory
#
# $P$ has $T^2$ numbers. At 2,048 steps that is four million, for each head and each example, and $P$ is a residual: it
# must be kept until the way back. The inputs and outputs are $T$ rows each. Can one do without ever writing $P$ down?
#
# **Forwards.** Read the keys *in blocks*, and keep for each query three things that summarise what it has read: the
# largest score so far $m$, the sum $l = \sum_s e^{S_s - m}$, and $a = \sum_s e^{S_s - m} v_s$. At the end $y = a / l$.
# When a new block comes, the largest score may grow to $m'$; since $e^{S - m'} = e^{S - m} \cdot e^{m - m'}$, one
# factor mends all that was summed before:
#
# $$
# m' = \max\big(m,\; \max_{s \in \text{block}} S_s\big), \qquad
# l' = l\, e^{m - m'} + \sum_{s \in \text{block}} e^{S_s - m'}, \qquad
# a' = a\, e^{m - m'} + \sum_{s \in \text{block}} e^{S_s - m'} v_s .
# $$
#
# That is the **online softmax**. (Without $m$ the sums would be right as well, until $e^{S}$ overflows.)
#
# **Backwards** the weights of a block are simply made again: $P_{ts} = e^{S_{ts} - m_t} / l_t$. But there is a
# difficulty: $\dot S$ contains $\operatorname{rowsum}(P \odot \dot P)$, a sum over *all* keys, when we see one block.
# Here is the trick. Put in $\dot P_{tr} = G_t \cdot V_r$:
#
# $$D_t = \sum_r P_{tr}\, \dot P_{tr} = \sum_r P_{tr}\; G_t \cdot V_r = G_t \cdot \sum_r P_{tr} V_r = G_t \cdot Y_t .$$
#
# **The row sum is the product of two rows that we have anyway.** (With one number as the value we saw it in section 1:
# $g\,y$.) So each block gives its part of the gradients on its own:
#
# $$\dot S_{ts} = P_{ts}\, (G_t \cdot V_s - D_t), \qquad \dot V_s = \sum_t P_{ts} G_t, \qquad \dot Q_t \mathrel{+}= \tfrac{1}{\sqrt d} \dot S_{ts} K_s, \qquad
# \dot K_s = \tfrac{1}{\sqrt d} \sum_t \dot S_{ts} Q_t .$$
#
# Kept for the way back: $Q, K, V, Y$ and two numbers a query. The price: the scores are computed twice.


# %%
def by_blocks(Q, K, V, G, block):
    """Attention forward and backward, ``block`` keys at a time; never more than T x block weights at once."""
    scale = 1 / np.sqrt(Q.shape[1])
    m, total, a = np.full(len(Q), -np.inf), np.zeros(len(Q)), np.zeros((len(Q), V.shape[1]))
    blocks = [slice(first, first + block) for first in range(0, len(K), block)]
    for here in blocks:
        S = scale * Q @ K[here].T
        larger = np.maximum(m, S.max(axis=1))
        e, shrink = np.exp(S - larger[:, None]), np.exp(m - larger)
        total = total * shrink + e.sum(axis=1)
        a = a * shrink[:, None] + e @ V[here]
        m = larger
    Y = a / total[:, None]

    d_Q, d_K, d_V = np.zeros_like(Q), np.zeros_like(K), np.zeros_like(V)
    D = np.sum(G * Y, axis=1)
    for here in blocks:
        P = np.exp(scale * Q @ K[here].T - m[:, None]) / total[:, None]
        d_S = P * (G @ V[here].T - D[:, None])
        d_V[here] = P.T @ G
        d_Q += scale * d_S @ K[here]
        d_K[here] = scale * d_S.T @ Q
    return Y, {"Q": d_Q, "K": d_K, "V": d_V}


random = np.random.default_rng(4)
Q, K, V = 3 * random.normal(size=(10, 4)), random.normal(size=(23, 4)), random.normal(size=(23, 3))
G = random.normal(size=(10, 3))
Y, _, _ = attention(Q, K, V, G)
Y_by_blocks, of_blocks = by_blocks(Q, K, V, G, block=5)
print("the same Y, from blocks of 5 keys:", np.allclose(Y, Y_by_blocks, rtol=1e-13))
referee(of_blocks, dict(zip("QKV", autodiff(attention_loss, Q, K, V, argnums=(0, 1, 2)), strict=True)))

# %% [markdown]
# In the library this is `ops.blockwise_attention`, with blocks of queries as well, and blocks that the causal mask
# forbids left out. We count what must be kept, and ask the compiled programs, forward and backward together, how much
# memory they take for their work besides inputs and results:


# %%
def memory(attend, length, width=64, **static):
    """Megabytes of temporary memory of forward and backward, by the compiled program's own account."""

    def program(Q, K, V, G):
        Y, pullback = attend.vjp(Q, K, V, causal=True, **static)
        return Y, pullback(G)

    one = jax.ShapeDtypeStruct((1, length, 1, width), jnp.float32)
    return jax.jit(program).lower(one, one, one, one).compile().memory_analysis().temp_size_in_bytes / 2**20


sizes = [256, 512, 1024, 2048]
plain = [memory(ops.attention, length) for length in sizes]
blocks = [memory(ops.blockwise_attention, length, block=128) for length in sizes]
print("steps   numbers kept for the way back, one head of width 64")
for length in sizes:
    print(
        f"{length:5,}   P and Q, K, V: {length**2 + 3 * 64 * length:9,}   Q, K, V, Y, m and l: {(4 * 64 + 2) * length:8,}"
    )
assert blocks[-1] < 0.25 * plain[-1]

# %%
figure, axes = plt.subplots(figsize=(7.5, 3.8))
axes.plot(sizes, plain, "o-", color=RED, label="ops.attention")
axes.plot(sizes, blocks, "o-", color=BLUE, label="ops.blockwise_attention, blocks of 128")
axes.plot(
    sizes,
    1.6 * plain[0] * (np.array(sizes) / sizes[0]) ** 2,
    color=GREY,
    linewidth=1,
    linestyle="--",
    label=r"$\sim T^2$",
)
axes.plot(sizes, blocks[0] * np.array(sizes) / sizes[0], color=GREY, linewidth=1, linestyle=":", label=r"$\sim T$")
axes.set_xscale("log", base=2)
axes.set_yscale("log")
axes.set(xticks=sizes, xticklabels=sizes, xlabel="length T (steps)", ylabel="temporary memory (MiB)")
axes.set_title("Forward and backward, one head of width 64, 32 bits")
axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# *Twice the length: four times the memory, or twice.*
#
# ## 8. A network that learns to look
#
# Eight random symbols, and then the same eight again, after a mark for the start. The network reads such a sequence
# step by step, and is to say at each step which symbol comes next. In the first half nothing can be known: the best one
# can do is to guess, at a loss of $\ln 8$ (eight equal chances). In the second half everything can be known, if one
# looks seven steps back: at the symbol that came next the first time. The smallest loss that an honest network can
# have, in the mean over both halves, is therefore $\frac12 \ln 8 = 1.040$.
#
# The network: an embedding (a vector for each symbol), learned positions, one attention with a single head, a dense
# layer. It is a transformer of the smallest kind; `models.gpt` is built of the same parts, deeper, with a two-layer
# network after each attention.

# %%
SYMBOLS, HALF = 8, 8
START, LENGTH = SYMBOLS, 2 * HALF
FLOOR = np.log(SYMBOLS) / 2


def copies(count, seed):
    """Tokens (count, 16), the first a mark for the start, and the token after each."""
    half = np.random.default_rng(seed).integers(SYMBOLS, size=(count, HALF))
    tokens = np.concatenate([np.full((count, 1), START), half, half], axis=1).astype(np.int32)
    return tokens[:, :-1], tokens[:, 1:]


training, held_out = copies(1024, seed=10), copies(256, seed=11)


def network(causal):
    return cr.chain(
        layers.Embedding(SYMBOLS + 1, 32),
        layers.LearnedPositions(LENGTH),
        cr.residual(cr.chain(layers.LayerNorm(), layers.MultiHeadAttention(1, causal=causal))),
        layers.LayerNorm(),
        layers.Dense(SYMBOLS),
    )


def learn(model):
    kept = {}

    def keep(epoch, metrics, train_state):
        if epoch in (1, 2, 20):
            kept[epoch] = jax.tree.map(jnp.copy, train_state.params)  # a copy: the next epoch reuses the memory

    run = train.fit(
        model,
        losses.cross_entropy,
        optim.adam(0.005),
        training,
        epochs=20,
        batch_size=64,
        key=jax.random.key(1),
        validation=held_out,
        gradients="hand",
        callback=keep,
        progress=False,
    )
    return run, kept


def right_answers(run, tokens):
    """For each sequence and step, whether the network names the symbol that comes next."""
    return np.argmax(jax.jit(run.model)(run.params, tokens), axis=-1) == held_out[1]


honest, at_epochs = learn(network(causal=True))
measured = {"with the mask": right_answers(honest, held_out[0])}
print(f"loss on held-out sequences: {honest.history['validation_loss'][-1]:.3f}; the floor is {FLOOR:.3f}")
print(f"right in the second half: {100 * np.mean(measured['with the mask'][:, HALF:]):.0f} %")


# %%
def weights_of(params, tokens, causal=True):
    """What the one head looks at, P (batch, time, time), from the parameters."""
    embedding, positions, (_, (norm, attend)), _, _ = params
    x = embedding["table"][tokens] + positions["table"]
    qkv = ops.affine(layers.LayerNorm()(norm, x), attend["qkv"]["weight"], attend["qkv"]["bias"])
    Q, K, _ = np.split(np.asarray(qkv), 3, axis=-1)
    S = np.einsum("btd,bsd->bts", Q, K) / np.sqrt(Q.shape[-1])
    return softmax(np.where(np.tri(LENGTH, dtype=bool) | (not causal), S, -np.inf))


letters = ["ABCDEFGH>"[token] for token in held_out[0][0]]


def draw_weights(axes, P, title):
    image = axes.imshow(P, cmap="Blues", vmin=0, vmax=1)
    axes.axhline(HALF - 0.5, color=RED, linewidth=1, linestyle="--")
    axes.set(xticks=range(LENGTH), xticklabels=letters, yticks=range(LENGTH), yticklabels=letters)
    axes.set(title=title, xlabel="symbol that is read")
    axes.tick_params(labelsize=9)
    return image


figure, panels = plt.subplots(1, 3, figsize=(11.5, 4.2))
for axes, (epoch, params) in zip(panels, at_epochs.items(), strict=True):
    image = draw_weights(axes, weights_of(params, held_out[0][:1])[0], f"epoch {epoch}")
panels[0].set_ylabel("symbol that was just seen")
figure.colorbar(image, ax=panels, shrink=0.8, label="weight P")
plt.show()

# %% [markdown]
# *A held-out sequence; ">" is the mark for the start. Below the dashed line the sequence repeats: there each step comes
# to look at one place, seven steps back, at the symbol that will come next. Above it there is nothing to be found, and
# the network has learned to look at the mark, which says nothing. Nobody told it where to look; the gradient of section
# 3 did, score by score.*
#
# ## 9. What goes wrong
#
# ### No mask: it cheats
#
# The same network, the same data, without the causal mask. We measure as before, on held-out sequences; and then *as it
# would be used*, when the later symbols do not exist yet: at each step, the mark for the start stands in their places.

# %%
cheat, _ = learn(network(causal=False))
measured["no mask"] = right_answers(cheat, held_out[0])
runs, in_use = {"with the mask": honest, "no mask": cheat}, {}
for name, run in runs.items():
    known = [np.where(np.arange(LENGTH) <= t, held_out[0], START) for t in range(LENGTH)]
    in_use[name] = np.stack([right_answers(run, known[t])[:, t] for t in range(LENGTH)], axis=1)
    print(f"{name:14} held-out loss {run.history['validation_loss'][-1]:.3f}   (the floor is {FLOOR:.3f})")

# %%
figure, (curves, picture, bars) = plt.subplots(1, 3, figsize=(12.5, 4), width_ratios=[1.15, 1, 1.15])
for (name, run), colour in zip(runs.items(), (BLUE, RED), strict=True):
    curves.plot(np.arange(1, 21), run.history["loss"], color=colour, label=name)
    curves.plot(np.arange(1, 21), run.history["validation_loss"], color=colour, linestyle=":")
curves.axhline(FLOOR, color=GREY, linewidth=1, linestyle="--")
curves.text(20, FLOOR - 0.13, "floor for honest networks", color=GREY, ha="right")
curves.set(xlabel="epoch", ylabel="loss (nats), held out: dotted", ylim=(-0.05, 2.3), xticks=[1, 5, 10, 15, 20])
curves.set_title("Too good")
curves.legend(loc="upper right")
draw_weights(picture, weights_of(cheat.params, held_out[0][:1], causal=False)[0], "Where it looks, no mask")
rows, names = [], []
for half, steps in (("1st half", slice(0, HALF)), ("2nd half", slice(HALF, None))):
    for name in runs:
        rows.append((100 * np.mean(measured[name][:, steps]), 100 * np.mean(in_use[name][:, steps])))
        names.append(f"{half},\n{name}")
for shift, column, colour, label in ((-0.19, 0, GREY, "as measured"), (0.19, 1, GREEN, "in use")):
    drawn = bars.barh(np.arange(4) + shift, [row[column] for row in rows], height=0.36, color=colour, label=label)
    bars.bar_label(drawn, fmt="%.0f", padding=3, fontsize=10)
bars.set(yticks=range(4), yticklabels=names, xlim=(0, 118), ylim=(4.6, -0.6), xlabel="right (%)")
bars.set_title("Symbols named")
bars.legend(loc="lower right", ncols=2)
plt.show()

# %% [markdown]
# *Without the mask the loss falls to 0, on data of which half is pure chance, and the held-out loss falls just as far:
# no split of the data shows it. The picture does: the weights lie just to the right of the diagonal, on the next
# symbol, the answer, and on the same symbol in the other half. In use, where the next symbol does not exist yet, the
# network is back to guessing in the first half, and in the second it is worse than the honest one, for it was never
# made to look back.* A loss below what is possible is no success. Know the floor.
#
# ### The mask after the softmax
#
# It looks the same to set forbidden *weights* to 0. But the softmax has already divided by a sum over all keys, the
# forbidden ones included. The rows no longer sum to 1; and worse, the future still acts, through that sum. How strongly
# does output $t$ depend on key $s$? A picture of $|\partial Y_t/\partial K_s|$:


# %%
def influence(mask_after):
    """How strongly each output t depends on each key s: the root of the sum of squared derivatives (T, T)."""
    S = Q @ K.T / np.sqrt(Q.shape[1])
    P = softmax(S if mask_after else np.where(causal, S, -np.inf))
    squares = np.zeros((T, T))
    for j in range(V.shape[1]):
        d_P = np.where(causal, V[:, j], 0)  # of each Y[t, j]; a row of weights acts on its own row of outputs alone
        d_S = P * (d_P - np.sum(P * d_P, axis=1, keepdims=True))
        squares += d_S**2 * np.sum(Q**2, axis=1, keepdims=True) / Q.shape[1]  # dY[t, j]/dK[s] = dS[t, s] Q[t] / root d
    return np.sqrt(squares), np.where(causal, P, 0).sum(axis=1)


random = np.random.default_rng(5)
Q, K, V = (random.normal(size=(T, 8)) for _ in range(3))
figure, panels = plt.subplots(1, 3, figsize=(11.5, 3.9), width_ratios=[1, 1, 0.9])
for axes, mask_after, colour, title in (
    (panels[0], False, BLUE, "mask before the softmax"),
    (panels[1], True, RED, "mask after the softmax"),
):
    strength, sums = influence(mask_after)
    shown = np.log10(np.where(strength > 0, strength, np.nan))
    axes.set_facecolor("#d9d9d9")
    image = axes.imshow(shown, cmap="viridis", vmin=-3, vmax=0)
    axes.set(title=title, xlabel="key s", xticks=range(0, T, 2), yticks=range(0, T, 2))
    panels[2].plot(range(T), sums, "o-", color=colour, label=title.split(" the")[0], markersize=5)
    future = strength[~causal].max() / strength[causal].max()
    print(f"{title}: the future's largest influence is {100 * future:.0f} % of the past's")
panels[0].set_ylabel("output t")
figure.colorbar(image, ax=panels[1], label=r"$\log_{10} |\partial Y_t / \partial K_s|$", shrink=0.85)
panels[2].set(xlabel="query t", ylabel="sum of the weights", ylim=(0, 1.08), xticks=range(0, T, 2), title="Rows of P")
panels[2].legend(loc="lower right")
plt.show()

# %% [markdown]
# *Grey: no influence at all. With the mask after the softmax the whole square is coloured: what happens at the end of a
# sequence moves every output before it.* It is easy to test: change the last symbol, and no earlier output may change
# by a single bit.
#
# ### The row sum, or the scale, forgotten on the way back
#
# Two terms that are easily dropped: $\operatorname{rowsum}(P \odot \dot P)$, and the $1/\sqrt d$ of $\dot Q$ and
# $\dot K$. The gradient by $V$ is right all the same. And do they learn? The task: tables $Q$, $K$, $V$, whose outputs
# are to become given ones, by 400 steps of gradient descent.


# %%
def wrong_gradients(Q, K, V, G, mistake):
    P, scale = softmax(Q @ K.T / np.sqrt(Q.shape[1])), 1 / np.sqrt(Q.shape[1])
    d_P = G @ V.T
    d_S = P * d_P if mistake == "row sum forgotten" else P * (d_P - np.sum(P * d_P, axis=1, keepdims=True))
    if mistake == "scale forgotten":
        scale = 1.0
    return {"Q": scale * d_S @ K, "K": scale * d_S.T @ Q, "V": P.T @ G}


random = np.random.default_rng(6)
begin = [random.normal(size=(12, 16)), random.normal(size=(6, 16)), random.normal(size=(6, 3))]
wanted = softmax(3 * random.normal(size=(12, 6))) @ random.normal(size=(6, 3)) + 2

histories, G = {}, random.normal(size=(12, 3))
_, _, right = attention(*begin, G)
print("error of each gradient, % of its length    dL/dQ  dL/dK  dL/dV   sum of dL/dS along a row")
for mistake in ("nothing forgotten", "row sum forgotten", "scale forgotten"):
    wrong = wrong_gradients(*begin, G, mistake)
    off = [100 * np.linalg.norm(wrong[name] - right[name]) / np.linalg.norm(right[name]) for name in "QKV"]
    shifted = wrong_gradients(begin[0], np.ones_like(begin[1]), begin[2], G, mistake)["Q"]
    zero = np.max(np.abs(shifted)) < 1e-12
    print(f"{mistake:40}" + "".join(f"{error:7.0f}" for error in off) + f"   {'zero' if zero else 'not zero'}")
    tables, histories[mistake] = [array.copy() for array in begin], []
    for _ in range(400):
        Y, _, _ = attention(*tables, G[:, :3])
        histories[mistake].append(np.mean((Y - wanted) ** 2))
        steps = wrong_gradients(*tables, 2 * (Y - wanted) / Y.size, mistake)
        tables = [array - 1.0 * steps[name] for name, array in zip("QKV", tables, strict=True)]

figure, axes = plt.subplots(figsize=(8, 3.6))
for (mistake, history), colour, style in zip(histories.items(), (BLUE, RED, ORANGE), ("-", "--", "-."), strict=True):
    axes.plot(history, color=colour, linestyle=style, label=mistake)
axes.set(yscale="log", xlabel="step", ylabel="mean squared error", title="Each of them learns, for a while")
axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# All three losses go down, and that proves nothing. Two tests do. One is the referee. The other needs no referee: a
# number added to *all* scores of a row changes no weight, so **each row of $\dot S$ must sum to 0**; without the row
# sum it does not. (We read the sums off $\dot Q = \dot S K / \sqrt d$, with ones for $K$.) The scale that is forgotten
# passes that test, and learns faster here, as with a higher learning rate: only a comparison of numbers finds it. And
# the network without the row sum? Its error falls to a hundredth, and then wanders: one would blame the learning rate.
#
# ## 10. Three exercises
#
# Fill in the functions and run the cells; each checks your answer and says `right`, or how far off it is. Solutions
# stand at the end.
#
# **Exercise 1. Temperature.** $P = \operatorname{softmax}(S / \tau)$ along each row, with one number $\tau$ for all: a
# high *temperature* makes the weights equal, a low one sharp. Given $S$, $\tau$ and $\dot P = \partial L/\partial P$,
# return $\partial L/\partial \tau$. (`softmax` is defined above.)


# %%
def temperature_pullback(S, tau, d_P):
    P = softmax(S / tau)  # noqa: F841
    return None  # your lines here


def verdict(answers, truths):
    """Compare without failing: right, not yet, or how far off."""
    for answer, true in zip(answers, truths, strict=True):
        if answer is None:
            return "not yet: return your answer in place of None"
        if np.shape(answer) != np.shape(true):
            return f"not yet: the shape is {np.shape(answer)}, it should be {np.shape(true)}"
        apart = float(np.max(np.abs(np.asarray(answer) - np.asarray(true))))
        if np.isnan(apart):
            return "not yet: the answer holds NaN"
        if apart >= 1e-12:
            return f"not yet: off by as much as {apart:.2g}"
    return "right"


def check_temperature(answer):
    random = np.random.default_rng(20)
    S, d_P = random.normal(size=(4, 5)), random.normal(size=(4, 5))
    true = autodiff(lambda tau: jnp.sum(d_P * jax.nn.softmax(S / tau)), 0.7)
    return verdict([answer(S, 0.7, d_P)], [true])


print(check_temperature(temperature_pullback))

# %% [markdown]
# **Exercise 2. Shared keys.** To save memory, several heads may share one set of keys (*multi-query attention*):
# $S_h = Q_h K^{\mathsf T}$ for each head $h$, with one $K$ for all. Given $Q$ (heads, $T$, $d$) and $\dot S$ (heads,
# $T$, $N$), return $\partial L/\partial K$, an $N \times d$ matrix.


# %%
def shared_keys_pullback(Q, d_S):
    return None  # your line here


def check_shared_keys(answer):
    random = np.random.default_rng(21)
    Q, K, d_S = random.normal(size=(3, 4, 2)), random.normal(size=(5, 2)), random.normal(size=(3, 4, 5))
    true = autodiff(lambda K: jnp.sum(d_S * jnp.einsum("htd,sd->hts", Q, K)), K)
    return verdict([answer(Q, d_S)], [true])


print(check_shared_keys(shared_keys_pullback))

# %% [markdown]
# **Exercise 3. A rule of your own.** A soft look-up from scores: $y = \sum_s p_s v_s$ with
# $p = \operatorname{softmax}(\text{scores})$, for rows of scores ($T \times N$) and values ($N \times m$). The forward
# pass is done, and keeps $p$, the values and $y$. Return the cotangents of the scores and the values. (Can you do it
# without a sum over the keys? Section 7.)


# %%
@rule
def soft_look_up(scores, values):
    e = jnp.exp(scores - jax.lax.stop_gradient(jnp.max(scores, axis=-1, keepdims=True)))
    p = e / jnp.sum(e, axis=-1, keepdims=True)
    y = p @ values
    return y, (p, values, y)


@soft_look_up.defbackward
def soft_look_up_backward(residuals, d_output):
    p, values, y = residuals
    return jnp.full_like(p, jnp.nan), jnp.full_like(values, jnp.nan)  # your lines here, in place of NaN


def check_soft_look_up(candidate):
    random = np.random.default_rng(22)
    with jax.enable_x64(True):
        scores, values, g = (jnp.asarray(random.normal(size=shape)) for shape in ((4, 5), (5, 3), (4, 3)))
        by_hand = candidate.vjp(scores, values)[1](g)
        true = jax.vjp(candidate, scores, values)[1](g)
    return verdict(by_hand, true)


print(check_soft_look_up(soft_look_up))

# %% [markdown]
# ### Solutions
#
# Open the next cell when you have tried.


# %% jupyter={"source_hidden": true}
def temperature_solution(S, tau, d_P):
    # Z = S / tau has the derivative of a softmax; dZ/dtau = -S / tau^2, and tau acts along all roads, so they add
    P = softmax(S / tau)
    d_Z = P * (d_P - np.sum(P * d_P, axis=1, keepdims=True))
    return -np.sum(d_Z * S) / tau**2


def shared_keys_solution(Q, d_S):
    # each head gives d_S^T Q, and the heads' shares add
    return np.einsum("hts,htd->sd", d_S, Q)


@rule
def soft_look_up_solution(scores, values):
    e = jnp.exp(scores - jax.lax.stop_gradient(jnp.max(scores, axis=-1, keepdims=True)))
    p = e / jnp.sum(e, axis=-1, keepdims=True)
    y = p @ values
    return y, (p, values, y)


@soft_look_up_solution.defbackward
def soft_look_up_solution_backward(residuals, d_output):
    # dP = G V^T, and the row sum of P dP is G . Y: the sum over the keys has been done already, forwards
    p, values, y = residuals
    row_sum = jnp.sum(d_output * y, axis=-1, keepdims=True)
    return p * (d_output @ values.T - row_sum), p.T @ d_output


verdicts = (
    check_temperature(temperature_solution),
    check_shared_keys(shared_keys_solution),
    check_soft_look_up(soft_look_up_solution),
)
for number, answer in enumerate(verdicts, start=1):
    print(f"exercise {number}: {answer}")
assert verdicts == ("right",) * 3

# %% [markdown]
# ## 11. What was proved
#
# * **A soft dictionary** on paper: a score should rise if its value is better than the mean.
# * **$\sqrt d$** keeps the variance of scores at 1; without it the softmax saturates and the gradient dies.
# * **The way back**, in five matrix lines: number by number, with matrices, by the library's rule for a batch with
#   heads, all against autodiff; the causal mask needs nothing more.
# * **Positions**: without them the order is not seen; products of waves, and scores of rotated vectors, depend on the
#   distance alone.
# * **Several heads** are the chain rule over parts that were proved before.
# * **In blocks**, the same outputs and gradients, in memory that grows with the length and not with its square, because
#   $\operatorname{rowsum}(P \odot \dot P) = G \cdot Y$.
# * **A network** learned to look seven steps back from the gradients alone.
# * And what proves *nothing*: a training loss of 0, a held-out loss of 0, a loss that goes down.
#
# **Where it stands in the source.** Each file opens with its formula and the derivation.
#
# | In this lesson | In the package |
# |---|---|
# | Attention; the same in blocks | [`ops/attention.py`](../src/chainrule/ops/attention.py), [`ops/blockwise_attention.py`](../src/chainrule/ops/blockwise_attention.py) |
# | Waves and rotations | [`ops/positions.py`](../src/chainrule/ops/positions.py), [`layers/positions.py`](../src/chainrule/layers/positions.py) |
# | Vectors for symbols | [`ops/embedding.py`](../src/chainrule/ops/embedding.py), [`layers/embedding.py`](../src/chainrule/layers/embedding.py) |
# | Several heads | [`layers/attention.py`](../src/chainrule/layers/attention.py) |
# | A whole transformer | [`models/gpt.py`](../src/chainrule/models/gpt.py) |
#
# **Sources.**
#
# * D. Bahdanau, K. Cho and Y. Bengio, *Neural machine translation by jointly learning to align and translate*, ICLR
#   2015: the soft look-up.
# * A. Vaswani and others, *Attention is all you need*, NeurIPS 2017: sections 2, 4, 6, and the waves of section 5.
# * J. Su and others, *RoFormer: enhanced transformer with rotary position embedding*, 2021.
#   <https://arxiv.org/abs/2104.09864>
# * M. Milakov and N. Gimelshein, *Online normalizer calculation for softmax*, 2018. <https://arxiv.org/abs/1805.02867>
# * M. N. Rabe and C. Staats, *Self-attention does not need O(n²) memory*, 2021. <https://arxiv.org/abs/2112.05682>
# * T. Dao and others, *FlashAttention: fast and memory-efficient exact attention with IO-awareness*, NeurIPS 2022.
# * N. Shazeer, *Fast transformer decoding: one write-head is all you need*, 2019: exercise 2.
#   <https://arxiv.org/abs/1911.02150>
