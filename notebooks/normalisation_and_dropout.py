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
# # Normalisation and dropout
#
# Most layers treat each example by itself, and do the same in training and in use. The two layers of this lesson do
# neither. A **normalisation** computes a mean and a standard deviation from its own input and divides by them.
# **Dropout** throws dice. Both are a few lines of code, both are everywhere, and both are where gradients are got
# wrong most often.
#
# **The question of this lesson:** a batch norm divides each number by something that depends on all the others. What
# is its derivative, when every input acts on every output? And how can a layer that throws dice have a derivative at
# all?
#
# You need the first lesson, [Backpropagation by hand](backpropagation_by_hand.ipynb): *where a number acts along
# several roads, its effects add.* Here it acts along three. And you need mean and variance: $m = \frac1n \sum_i x_i$
# and $v = \frac1n \sum_i (x_i - m)^2$, the mean squared distance from the mean, whose root is the standard deviation.
#
# | | |
# |---|---|
# | 1 | Numbers that die, or saturate, with depth |
# | 2 | Batch norm, with numbers on paper |
# | 3 | The derivation: three roads |
# | 4 | Training and use: running statistics |
# | 5 | Layer, RMS and group norm: which numbers share a mean |
# | 6 | What it buys |
# | 7 | Dropout |
# | 8 | What goes wrong |
# | 9 | Three exercises |
# | 10 | What was proved |
#
# As before, `referee` compares what we derive *by hand* with *autodiff* (here `jax.vjp`, which takes the cotangent
# that we choose), in 64-bit arithmetic, and stops the notebook if they differ by more than rounding.

# %%
import warnings

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import chainrule as cr
from chainrule import data, layers, losses, ops, optim, train
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
        print(f"{name:8} {a.shape!s:14}  hand against autodiff: {apart:.0e}")
        assert apart <= tolerance, f"{name}: the two disagree"


def autodiff(f, *arguments, g):
    """For each argument of f the derivative of sum(g * f(...)), by jax.vjp, in 64 bits."""
    with jax.enable_x64(True):
        result = jax.jit(lambda arguments, g: jax.vjp(f, *arguments)[1](g))(arguments, g)
    return jax.tree.map(np.asarray, result)


def by_rule(rule, *arguments, g, **static):
    """The same by a rule of chainrule: its hand-derived pullback, in 64 bits."""
    with jax.enable_x64(True):
        result = jax.jit(lambda arguments, g: rule.vjp(*arguments, **static)[1](g))(arguments, g)
    return jax.tree.map(np.asarray, result)


# %% [markdown]
# ## 1. Numbers that die, or saturate, with depth
#
# A layer adds up many products. If its weights are a little too small, what comes out is a little smaller than what
# went in; and after 16 layers it is next to nothing. If they are too large, tanh is driven to its ends, $-1$ and $1$,
# where its slope is 0 and nothing is learned. We send random numbers through 16 layers of tanh, with weights at 0.6
# and at 3 times the size that keeps lengths. Then the same, but before each tanh every neuron's numbers are made to
# have mean 0 and variance 1 over the batch.


# %%
def activations(gain, normalise, depth=16, width=64, examples=512):
    """What leaves each layer of a deep network of tanh, at its random beginning."""
    random = np.random.default_rng(0)
    h, kept = random.normal(size=(examples, width)), []
    for _ in range(depth):
        z = h @ (gain * random.normal(size=(width, width)) / np.sqrt(width))
        if normalise:
            z = (z - z.mean(axis=0)) / z.std(axis=0)
        h = np.tanh(z)
        kept.append(h.ravel())
    return kept


figure, panels = plt.subplots(2, 4, figsize=(10.5, 4.6), sharex=True, sharey=True)
bins = np.linspace(-1, 1, 42)
for row, normalise in enumerate((False, True)):
    for gain, colour, style in ((0.6, BLUE, "-"), (3.0, RED, "--")):
        kept = activations(gain, normalise)
        for axes, layer in zip(panels[row], (1, 4, 8, 16), strict=True):
            share = np.histogram(kept[layer - 1], bins)[0] / kept[0].size
            label = f"weights × {gain:g}"
            axes.stairs(100 * share, bins, color=colour, linestyle=style, linewidth=1.6, label=label)
            axes.set_title(f"layer {layer}", fontsize=11)
for axes in panels[1]:
    axes.set_xlabel("activation")
panels[0, 0].set_ylabel("as it is\nshare (%)")
panels[1, 0].set_ylabel("normalised\nshare (%)")
panels[0, 0].set(yscale="log", ylim=(0.1, 150), yticks=[0.1, 1, 10, 100], yticklabels=["0.1", "1", "10", "100"])
panels[0, 0].set_xticks([-1, 0, 1])
panels[1, 0].legend(loc="upper center", fontsize=10)
plt.show()

# %% [markdown]
# *What 512 examples leave behind at four depths. Above: blue dies, red sits at the two ends. Below: the same weights,
# normalised, and the two are one curve, for a factor in the weights is divided out again.*
#
# ## 2. Batch norm, with numbers on paper
#
# One feature, and a batch of four examples: $x = (0, 6, 6, 8)$. The mean is $m = 5$, the distances from it are
# $(-5, 1, 1, 3)$, the variance is $v = (25 + 1 + 1 + 9)/4 = 9$, and $r = 1/\sqrt v = \tfrac13$:
#
# $$\hat x = (x - m)\, r = \left(-\tfrac53,\ \tfrac13,\ \tfrac13,\ 1\right), \qquad
# \textstyle\sum_i \hat x_i = 0, \qquad \frac14 \sum_i \hat x_i^2 = 1 .$$
#
# Whatever the batch was, now its mean is 0 and its variance 1. So that the network does not lose the freedom to have
# others where it needs them, a **scale** $w$ and a **bias** $b$ are learned: $y_i = w\, \hat x_i + b$.
#
# Suppose that the rest of the network answers with $G = (1, 0, 2, -1)$ for $\partial L/\partial y$, and let $w = 1$.
# One would like to write $\partial L/\partial x = r\,G$, since each $x_i$ is multiplied by $r$. But raise $x_0$ alone,
# and the mean rises: all others go down. The variance changes as well: all others are stretched. The right answer,
# from the formula that we derive next:
#
# $$\frac{\partial L}{\partial x} = \tfrac13 \Big( \underbrace{(1, 0, 2, -1)}_{G} - \underbrace{\tfrac12}_{\text{mean of } G}
# + \underbrace{\tfrac12 \left(-\tfrac53, \tfrac13, \tfrac13, 1\right)}_{\text{along } \hat x} \Big)
# = \left(-\tfrac19,\ -\tfrac19,\ \tfrac59,\ -\tfrac39\right) .$$
#
# Two things to check in the head. The four sum to zero: moving the whole batch does nothing, for the mean takes it
# off. And $\tfrac{-1}{9} \cdot (-5) + \tfrac{-1}{9} \cdot 1 + \tfrac59 \cdot 1 + \tfrac{-3}{9} \cdot 3 = 0$:
# stretching the batch does nothing, either.
#
# ## 3. The derivation: three roads
#
# In full, for one feature of a batch of $n$; a tiny $\varepsilon$ is added so that nobody divides by zero:
#
# $$m = \frac1n \sum_j x_j, \qquad v = \frac1n \sum_j (x_j - m)^2, \qquad r = (v + \varepsilon)^{-1/2}, \qquad
# \hat x_i = (x_i - m)\, r, \qquad y_i = w\, \hat x_i + b .$$
#
# Let $G_i = \partial L/\partial y_i$. The last step is that of any layer: $\partial L/\partial b = \sum_i G_i$,
# $\;\partial L/\partial w = \sum_i G_i\, \hat x_i$, and $h_i = \partial L/\partial \hat x_i = w\, G_i$. Now $x_j$. It
# acts on the loss along three roads:
#
# **Road 1, straight.** In $\hat x_j = (x_j - m)\,r$ it is multiplied by $r$: $\quad h_j\, r$.
#
# **Road 2, by the mean.** $\partial m/\partial x_j = 1/n$, and $m$ goes into every $\hat x_i$ with the factor $-r$. So
#
# $$\sum_i h_i \cdot (-r) \cdot \frac1n = -r \cdot \text{mean}(h) .$$
#
# **Road 3, by the variance.** $\partial v/\partial x_j = \frac2n (x_j - m)$. (There is $m$ in $v$ as well, so should
# there not be a road from $x_j$ to $m$ to $v$? $\partial v/\partial m = -\frac2n \sum_i (x_i - m) = 0$: the sum of
# distances from the mean is zero. No road.) Next,
# $\partial r/\partial v = -\frac12 (v + \varepsilon)^{-3/2} = -\frac12 r^3$; and $r$ goes into every $\hat x_i$ with
# the factor $(x_i - m)$. Together
#
# $$\sum_i h_i\, (x_i - m) \cdot \left(-\tfrac12 r^3\right) \cdot \tfrac2n (x_j - m) = -r\; \hat x_j \cdot \frac1n \sum_i h_i\, \hat x_i = -r\; \hat x_j \cdot \text{mean}(h\, \hat x) .$$
#
# The three add up:
#
# $$\boxed{\;\frac{\partial L}{\partial x_j} = r \Big( h_j - \text{mean}(h) - \hat x_j\, \text{mean}(h\,\hat x) \Big)\;}$$
#
# **What it means.** Think of $h$ as an arrow with $n$ entries. The second term takes away its part along
# $(1, \dots, 1)$, the direction in which the whole batch is shifted; the third its part along $\hat x$, the direction
# in which it is stretched. Neither changes the output, so the loss cannot depend on them: the gradient must be at
# right angles to both. It is that, and nothing else, times $r$.

# %%
x, G = np.array([0.0, 6, 6, 8]), np.array([1.0, 0, 2, -1])
x_hat = (x - 5) / 3
roads = {
    "1. straight: h": G,
    "2. by the mean:\n− mean(h)": np.full(4, -np.mean(G)),
    "3. by the variance:\n− x̂ mean(h x̂)": -x_hat * np.mean(G * x_hat),
}
roads["the sum, times r = 1/3:\n∂L/∂x"] = sum(roads.values()) / 3

figure, panels = plt.subplots(1, 4, figsize=(11, 3.3), sharey=True)
for axes, (name, values), colour in zip(panels, roads.items(), (BLUE, ORANGE, GREEN, RED), strict=True):
    axes.bar(range(4), values, color=colour, width=0.6)
    for place, value in enumerate(values):
        text = f"{value:.2f}".replace("-", "−")
        axes.text(place, value + (0.07 if value >= 0 else -0.27), text, ha="center", fontsize=10)
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set(xlabel="example", xticks=range(4), ylim=(-1.5, 2.5))
    axes.set_title(name, fontsize=11)
panels[0].set_ylabel("derivative")
plt.show()

# %% [markdown]
# As loops, and then in the form that one uses. The loops spell out the Jacobian that the three roads make,
# $\partial \hat x_i/\partial x_j = r\,\big([i = j] - \tfrac1n - \tfrac1n \hat x_i \hat x_j\big)$, entry by entry.


# %%
def statistics(x, epsilon=1e-5):
    m = x.mean(axis=0)
    r = 1 / np.sqrt(np.mean((x - m) ** 2, axis=0) + epsilon)
    return m, r


def batch_norm(x, w, b):
    m, r = statistics(x)
    return w * (x - m) * r + b


def pullback_by_loops(x, w, G):
    n, features = x.shape
    (m, r), d_x = statistics(x), np.zeros_like(x)
    x_hat = (x - m) * r
    for c in range(features):  # each feature for itself
        for j in range(n):
            for i in range(n):  # every example acts on every other
                slope = r[c] * ((i == j) - 1 / n - x_hat[i, c] * x_hat[j, c] / n)
                d_x[j, c] += w[c] * G[i, c] * slope
    return d_x, np.sum(G * x_hat, axis=0), np.sum(G, axis=0)


def pullback(x, w, G):
    m, r = statistics(x)
    x_hat, h = (x - m) * r, w * G
    d_x = r * (h - h.mean(axis=0) - x_hat * np.mean(h * x_hat, axis=0))
    return d_x, np.sum(G * x_hat, axis=0), np.sum(G, axis=0)


def jax_batch_norm(x, w, b):
    m = jnp.mean(x, axis=0)
    return w * (x - m) / jnp.sqrt(jnp.mean((x - m) ** 2, axis=0) + 1e-5) + b


random = np.random.default_rng(0)
x, w, b = random.normal(size=(7, 3)) * 2 + 1, random.normal(size=3), random.normal(size=3)
G = random.normal(size=x.shape)
names = ["dL/dx", "dL/dw", "dL/db"]
auto = dict(zip(names, autodiff(jax_batch_norm, x, w, b, g=G), strict=True))
for title, result in (("loops", pullback_by_loops(x, w, G)), ("three terms", pullback(x, w, G))):
    print(title)
    referee(dict(zip(names, result, strict=True)), auto)

# %% [markdown]
# The rule of the library is `ops.batch_norm`. Its output is $y$ with the two statistics, so that a layer can keep
# them; gradients may flow back through these as well. Here nothing comes from there: two zeros.

# %%
nothing = np.zeros(3)
referee(dict(zip(names, by_rule(ops.batch_norm, x, w, b, g=(G, nothing, nothing)), strict=True)), auto)

# %% [markdown]
# For images the batch and the pixels are taken together: a channel has one mean and one variance over all positions of
# all images, and $n$ is their number. Nothing else changes.
#
# ## 4. Training and use: running statistics
#
# A trained network is asked about *one* image. It has no batch, and the answer must not depend on who else is asking.
# So while it trains, the layer keeps for later a **running mean** and a **running variance**, which follow those of
# the batches:
#
# $$\text{mean} \leftarrow 0.9\; \text{mean} + 0.1\; m, \qquad \text{variance} \leftarrow 0.9\; \text{variance} + 0.1\; v\, \tfrac{n}{n-1} .$$
#
# (The factor $\frac{n}{n-1}$ makes up for the distances being taken from the batch's own mean, which is always a
# little too close.) In use, these two stand in the formula as *constants*:
#
# $$y = w\, \frac{x - \text{mean}}{\sqrt{\text{variance} + \varepsilon}} + b .$$
#
# That is a straight line, a different function from that of training. Roads 2 and 3 are gone, and the derivative is
# the first term alone, $\partial L/\partial x = w\,r\,G$. The library has two rules for two functions,
# `ops.batch_norm` and `ops.batch_norm_inference`; the layer chooses by `train=`, and what it keeps is a result, the
# *state*, that is handed on in the open.

# %%
running_mean, running_variance = random.normal(size=3), random.uniform(0.5, 2, size=3)


def in_use(x, w, b):
    return w * (x - running_mean) / jnp.sqrt(running_variance + 1e-5) + b


r = 1 / np.sqrt(running_variance + 1e-5)
hand = (w * r * G, np.sum(G * (x - running_mean) * r, axis=0), G.sum(axis=0))
auto = autodiff(in_use, x, w, b, g=G)
referee(dict(zip(names, hand, strict=True)), dict(zip(names, auto, strict=True)))
rule_result = by_rule(ops.batch_norm_inference, x, w, b, running_mean, running_variance, g=G)[:3]
referee(dict(zip(names, rule_result, strict=True)), dict(zip(names, auto, strict=True)))

# %%
layer = layers.BatchNorm(momentum=0.9)
params, state = layer.init(jax.random.key(0), 1)
train_once = jax.jit(lambda state, x: layer(params, x, state, train=True)[1])

steps, batch_means, running = 60, [], []
for _ in range(steps):
    batch = (3 + 2 * random.normal(size=(16, 1))).astype(np.float32)
    state = train_once(state, batch)
    batch_means.append(batch.mean())
    running.append((float(state["mean"][0]), float(state["variance"][0])))
running = np.array(running)

figure, (follow, line) = plt.subplots(1, 2, figsize=(10.5, 3.5), width_ratios=[1.5, 1])
at = np.arange(1, steps + 1)
follow.plot(at, batch_means, ".", color=GREY, label="mean of each batch of 16")
follow.plot(at, running[:, 0], color=BLUE, label="running mean")
follow.plot(at, np.sqrt(running[:, 1]), color=GREEN, label="running standard deviation")
for level in (3, 2):
    follow.axhline(level, color=GREY, linestyle="--", linewidth=1)
follow.plot(at, 3 * (1 - 0.9**at), color=BLUE, linestyle=":", linewidth=1.4, label=r"$3\,(1 - 0.9^t)$")
follow.set(xlabel="step t", ylabel="feature", ylim=(0, 4.4), title="True mean 3, true standard deviation 2")
follow.legend(fontsize=10, ncols=2, loc="lower right")

one = np.linspace(-3, 9, 50, dtype=np.float32)[:, None]
line.plot(one, layer(params, one, state)[0], color=BLUE, label="running statistics")
line.plot(one, np.zeros_like(one), color=RED, linestyle="--", label="its own: m = x, so y = b")
line.set(xlabel="x, an example by itself", ylabel="y", title="A batch of one")
line.legend(loc="upper left", fontsize=10)
plt.show()

try:
    layer(params, one[:1], state, train=True)
except ValueError as refusal:
    print("ValueError:", refusal)

# %% [markdown]
# *Left: the running mean begins at 0 and needs some twenty steps to arrive. Right: with the statistics of a batch of
# one, $m = x$, so $\hat x = 0$ and the layer answers $b$, whatever it is asked.* The library refuses that.
#
# ## 5. Layer, RMS and group norm: which numbers share a mean
#
# There is another way out of the trouble with batches: take the mean *within* one example. **Layer norm** does so over
# the features at each position; **group norm** over some of the channels and all pixels of an image. Then training and
# use are the same function, and there is nothing to keep. **RMS norm** leaves out the mean and divides by
# $\sqrt{\text{mean}(x^2) + \varepsilon}$.

# %%
examples, pixels, channels = 3, 4, 6
kinds = {
    "batch norm": (slice(None), slice(2, 3)),
    "layer norm, RMS norm": (slice(5, 6), slice(None)),
    "group norm, 2 groups": (slice(4, 8), slice(0, 3)),
    "group norm, 6 groups": (slice(4, 8), slice(1, 2)),
}
figure, panels = plt.subplots(1, 4, figsize=(10.5, 4.3))
for axes, (name, (rows, columns)) in zip(panels, kinds.items(), strict=True):
    shared = np.zeros((examples * pixels, channels))
    shared[rows, columns] = 1
    axes.pcolormesh(shared, cmap="Blues", vmin=0, vmax=1.4, edgecolors="#d0d0d0", linewidth=0.8)
    for border in range(0, 13, pixels):
        axes.axhline(border, color="black", linewidth=1.6)
    axes.set(ylim=(12, 0), xticks=[3], yticks=[2, 6, 10], aspect="equal")
    axes.set(xticklabels=["6 channels"], yticklabels=[f"image {k}" for k in range(3)])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(True)
    axes.set_title(name, fontsize=11)
panels[0].set_ylabel("4 pixels each")
plt.show()

# %% [markdown]
# *Three images of four pixels and six channels. The blue numbers share one mean and one variance. (The last is also
# called instance norm.)*
#
# The derivation never asked *which* numbers $x_1, \dots, x_n$ are. So **one formula serves all four**, with the mean
# over other axes: $r\,(h - \text{mean}(h) - \hat x\, \text{mean}(h \hat x))$; without the mean in the forward pass,
# road 2 is not there. What does change is $w$: it has one entry per feature, so inside a layer norm it differs from
# one term of the mean to the next. It must go into $h = w\,G$ *before* the means are taken.


# %%
def pullback_over(axes, x, w, G, centre=True):
    """The pullback of any of the four; x is (..., features), and w has one entry a feature."""
    m = x.mean(axis=axes, keepdims=True) if centre else 0.0
    r = 1 / np.sqrt(np.mean((x - m) ** 2, axis=axes, keepdims=True) + 1e-5)
    x_hat, h = (x - m) * r, w * G
    d_x = h - x_hat * np.mean(h * x_hat, axis=axes, keepdims=True)
    if centre:
        d_x = d_x - h.mean(axis=axes, keepdims=True)
    return r * d_x, np.sum(G * x_hat, axis=tuple(range(x.ndim - len(w.shape))))


x, w, b = random.normal(size=(3, 4, 6)) + 0.5, random.normal(size=6), random.normal(size=6)
G = random.normal(size=x.shape)

layer_hand = pullback_over(-1, x, w, G)
rms_hand = pullback_over(-1, x, w, G, centre=False)
# Two groups of three channels: an axis of its own for the groups, then means over pixels (1) and channels (3).
split = (3, 4, 2, 3)
d_x, d_w = pullback_over((1, 3), x.reshape(split), w.reshape(2, 3), G.reshape(split))
group_hand = d_x.reshape(x.shape), d_w.reshape(6)

nothing = np.zeros(6)
for name, hand, normalisation, arguments, static in (
    ("layer", layer_hand, ops.layer_norm, (x, w, b), {}),
    ("rms", rms_hand, ops.rms_norm, (x, w), {}),
    ("group", group_hand, ops.group_norm, (x, w, b), {"groups": 2}),
):
    auto = autodiff(normalisation.bind(**static), *arguments, g=G)[:2]
    for way, (d_x, d_w) in (("loops", hand), ("rule", by_rule(normalisation, *arguments, g=G, **static)[:2])):
        assert way == "rule" or np.all(np.isfinite(d_x))
        referee({f"{name} x": d_x, f"{name} w": d_w}, {f"{name} x": auto[0], f"{name} w": auto[1]})

# %% [markdown]
# ## 6. What it buys
#
# A normalised layer does not see the size of its weights: $\text{BN}(X \cdot \alpha W) = \text{BN}(XW)$, for the
# factor $\alpha$ is divided out. So the loss is constant along the line $\alpha W$, its derivative along $W$ is zero,
# $\langle \partial L/\partial W, W\rangle = 0$; and where $W$ is $\alpha$ times as large, the gradient is $\alpha$
# times as *small*. Weights that were chosen too large learn more slowly, and do not explode.

# %%
X, W, G = random.normal(size=(9, 4)), random.normal(size=(4, 3)), random.normal(size=(9, 3))


def normalised_product(W):
    z = X @ W
    return (z - jnp.mean(z, axis=0)) / jnp.std(z, axis=0)


(d_W,) = autodiff(normalised_product, W, g=G)
(d_5W,) = autodiff(normalised_product, 5 * W, g=G)
print(
    f"<dL/dW, W> = {np.sum(d_W * W):.0e}, while the lengths are {np.linalg.norm(d_W):.1f} and {np.linalg.norm(W):.1f}"
)
print(f"length of dL/dW at W and at 5 W: {np.linalg.norm(d_W):.4f} and {np.linalg.norm(d_5W):.4f}")
assert abs(np.sum(d_W * W)) < 1e-12
assert np.allclose(d_5W, d_W / 5, rtol=1e-9)

# %% [markdown]
# Now a network that is difficult on purpose: eight hidden layers of 32, relu, plain gradient descent on small
# handwritten digits; its weights at the size that He and others recommend, and at half and twice that.

# %%
digits = data.digits()


GAINS = (0.5, 1.0, 2.0)


def deep(normalisation=None):
    """Eight hidden layers; the normalisation brings its own bias."""
    hidden = [layers.Dense(32, bias=normalisation is None, weight_init=layers.he_normal), normalisation, ops.relu]
    hidden = [layer for layer in hidden if layer is not None]
    return cr.chain(ops.flatten, *hidden, cr.repeat(cr.chain(*hidden), 7), layers.Dense(10))


def train_deep(model):
    """One run for each size of the first weights."""
    standard, _ = model.init(jax.random.key(0), (8, 8, 1))
    runs = {}
    for gain in GAINS:
        start = jax.tree_util.tree_map_with_path(
            lambda path, value, gain=gain: gain * value if path[-1].key == "weight" else value, standard
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a loss is no number, which we are going to see
            runs[gain] = train.fit(
                model,
                losses.cross_entropy,
                optim.sgd(0.05),
                digits.train,
                epochs=20,
                batch_size=50,
                key=jax.random.key(1),
                params=start,
                validation=digits.test,
                gradients="hand",
                progress=False,
            )
    return runs


deep_runs = {"none": train_deep(deep())}

# %%
deep_runs["batch norm"] = train_deep(deep(layers.BatchNorm()))

# %%
deep_runs["layer norm"] = train_deep(deep(layers.LayerNorm()))

for name, runs in deep_runs.items():
    rights = [f"{100 * run.history['validation_accuracy'][-1]:3.0f} %" for run in runs.values()]
    print(f"{name:11} held out, right, with weights at 0.5, 1 and 2 times the size: {', '.join(rights)}")

# %%
figure, panels = plt.subplots(1, 3, figsize=(10.5, 3.4), sharey=True)
for axes, gain in zip(panels, GAINS, strict=True):
    for name, colour, style in zip(deep_runs, (RED, BLUE, GREEN), ("-", "-", "--"), strict=True):
        axes.plot(range(1, 21), deep_runs[name][gain].history["loss"], color=colour, linestyle=style, label=name)
    axes.axhline(np.log(10), color=GREY, linestyle=":", linewidth=1.2)
    axes.set(xlabel="epoch", yscale="log", ylim=(3e-2, 6), xticks=[1, 5, 10, 15, 20], title=f"weights × {gain:g}")
panels[0].text(20, 2.7, "guessing: ln 10", color=GREY, fontsize=10, ha="right")
panels[0].set_ylabel("training loss (nats)")
panels[2].text(10, 3.3, "none: not a number", color=RED, fontsize=10, ha="center")
panels[1].legend()
plt.show()

# %% [markdown]
# *The plain network learns as well as the others if it is begun just right. At half the size its numbers die on the
# way, $2^{-9}$ times as large in the end, and it stays at guessing; at twice the size they explode, and its loss is no
# number from the first epoch on. The normalised ones learn in all three, and the faster the smaller their weights: by
# the law above a step changes weights of half the size four times as much, relative to themselves.*
#
# So what is bought is not a lower loss, but a network that does not depend on its beginning.
#
# ## 7. Dropout
#
# In training, dropout throws a coin for each number of a layer: with probability $p$, the *rate*, it is set to 0. No
# neuron can rely on a certain other one being there. In use nothing is dropped. But then a neuron behind it suddenly
# receives $\frac{1}{1-p}$ times as much as it ever did in training! Therefore the numbers that are kept are made
# larger *in training*, and use needs nothing (*inverted* dropout):
#
# $$y_i = \frac{m_i}{1 - p}\, x_i, \qquad m_i = \begin{cases} 1 & \text{with probability } 1 - p \\ 0 & \text{with probability } p \end{cases}$$
#
# **Its mean is $x$.** A mean over the coin is each value times its probability:
#
# $$\mathbb E\, y_i = (1 - p) \cdot \frac{x_i}{1 - p} + p \cdot 0 = x_i , \qquad
# \mathbb E\, y_i^2 = (1 - p) \cdot \frac{x_i^2}{(1 - p)^2} = \frac{x_i^2}{1 - p} ,$$
#
# so the variance is $\mathbb E\, y_i^2 - x_i^2 = \frac{p}{1 - p}\, x_i^2$. The mean over $N$ independent masks is off
# by about $\sqrt{\frac{p}{(1 - p)\,N}}\; |x_i|$.
#
# **Its derivative** is the easy part. Once the coins have been thrown they are numbers like all others: $y$ is $x$
# times constants, so
#
# $$\boxed{\;\frac{\partial L}{\partial x_i} = \frac{m_i}{1 - p}\, G_i\;}\qquad \text{with the same coins.}$$
#
# Coins thrown anew in the backward pass would be a derivative of some other function. Hence the mask is kept, one byte
# a number; and hence the library throws no dice of its own: it is given a **key**, and the same key gives the same
# mask.

# %%
key = jax.random.key(3)
x, G = random.normal(size=(5, 7)), random.normal(size=(5, 7))
with jax.enable_x64(True):
    kept = np.asarray(ops.dropout(jnp.ones((5, 7)), key, rate=0.4)) > 0
print(kept.astype(int))

hand = kept * G / (1 - 0.4)
auto, _ = autodiff(ops.dropout.bind(rate=0.4), x, key, g=G)
d_x, d_key = by_rule(ops.dropout, x, key, g=G, rate=0.4)
referee({"formula": hand, "rule": d_x}, {"formula": auto, "rule": auto})
print(
    "a key has no derivative; its cotangent is of the type float0, which holds nothing:",
    d_key.dtype == jax.dtypes.float0,
)

# %%
mnist_images, mnist_labels = data.mnist().train
image = jnp.asarray(mnist_images[mnist_labels == 8][0, :, :, 0])


def thousand(rate):
    """A thousand draws of the image."""
    keys = jax.random.split(jax.random.key(1), 1000)
    return np.asarray(jax.jit(jax.vmap(lambda key: ops.dropout(image, key, rate=rate)))(keys), np.float64)


draws = {rate: thousand(rate) for rate in (0.2, 0.5, 0.8)}

figure, panels = plt.subplots(1, 6, figsize=(11, 2.3))
pictures = {"x": image}
pictures |= {f"rate {rate}": drawn[0] for rate, drawn in draws.items()}
pictures |= {"mean of 10, rate 0.5": draws[0.5][:10].mean(axis=0), "mean of 1,000": draws[0.5].mean(axis=0)}
for axes, (name, values) in zip(panels, pictures.items(), strict=True):
    axes.imshow(values, cmap="Greys", vmin=0, vmax=2)
    axes.set(xticks=[], yticks=[])
    axes.set_title(name, fontsize=10)
    for spine in axes.spines.values():
        spine.set(visible=True, color=GREY, linewidth=0.8)
plt.show()

# %% [markdown]
# *Masks on a handwritten digit, black at 2. The higher the rate, the fewer pixels are left and the darker they are; on
# the average, nothing has happened.* Does the error of the average fall as computed?

# %%
counts = np.array([1, 3, 10, 30, 100, 300, 1000])
ink = np.asarray(image) > 0
figure, axes = plt.subplots(figsize=(7.5, 3.4))
for (rate, drawn), colour, marker in zip(draws.items(), (GREEN, BLUE, RED), "so^", strict=True):
    size = np.sqrt(np.mean(np.asarray(image)[ink] ** 2))
    off = [np.sqrt(np.mean((drawn[:count].mean(axis=0) - image)[ink] ** 2)) / size for count in counts]
    axes.plot(counts, off, marker=marker, linestyle="none", color=colour, label=f"rate {rate}, measured")
    axes.plot(counts, np.sqrt(rate / (1 - rate) / counts), color=colour, linewidth=1.2)
axes.set(xscale="log", yscale="log", xlabel="masks N", ylabel="error of their mean, relative to x")
axes.set_title(r"Lines: $\sqrt{p\,/\,((1 - p)\,N)}$")
axes.legend(fontsize=10)
plt.show()

# %% [markdown]
# What is it good for? A large network learns a few examples by heart, mistakes and all. Here are 400 digits, of which
# one in five was given a wrong label, and two hidden layers of 256, with and without dropout. The 360 held-out digits
# have their right labels.

# %%
true_labels = digits.train[1][:400]
spoilt = random.random(400) < 0.2
wrong_labels = (true_labels + random.integers(1, 10, size=400)) % 10
few = digits.train[0][:400], np.where(spoilt, wrong_labels, true_labels).astype(np.int32)
plain = cr.chain(ops.flatten, layers.Dense(256), ops.relu, layers.Dense(256), ops.relu, layers.Dense(10))
dropping = cr.chain(
    ops.flatten,
    layers.Dense(256),
    ops.relu,
    layers.Dropout(0.5),
    layers.Dense(256),
    ops.relu,
    layers.Dropout(0.5),
    layers.Dense(10),
)


def train_on_few(model):
    return train.fit(
        model,
        losses.cross_entropy,
        optim.adam(1e-3),
        few,
        epochs=100,
        batch_size=50,
        key=jax.random.key(4),
        validation=digits.test,
        gradients="hand",
        progress=False,
    )


overfits = {"without": train_on_few(plain)}

# %%
overfits["dropout 0.5"] = train_on_few(dropping)

figure, axes = plt.subplots(figsize=(8, 3.5))
for (name, run), colour in zip(overfits.items(), (RED, BLUE), strict=True):
    epochs = range(1, 101)
    axes.plot(epochs, run.history["validation_loss"], color=colour, label=f"{name}, held out")
    axes.plot(epochs, run.history["loss"], color=colour, linestyle=":", linewidth=1.4, label=f"{name}, training")
axes.set(xlabel="epoch", ylabel="loss (nats)", ylim=(0, 2.4), title="400 digits, one label in five wrong")
axes.legend(fontsize=10, loc="upper left", bbox_to_anchor=(1, 1))
plt.show()
for name, run in overfits.items():
    history = run.history
    print(
        f"{name:12} held out: {100 * history['validation_accuracy'][-1]:.1f} % right,",
        f"loss {history['validation_loss'][-1]:.2f} nats",
    )

# %% [markdown]
# Without dropout the training loss goes to zero: the wrong labels have been learned by heart, and the held-out digits
# pay for it. With dropout no set of neurons stays together long enough to do that. Dropout is no free gift, though: it
# learns more slowly, and where data are plenty and right, it may only cost. (Its training loss is measured with
# neurons dropped, and on the wrong labels, too: that is why it lies above the held-out one.)
#
# ## 8. What goes wrong
#
# ### A term dropped, and a test that cannot see it
#
# Of the three terms, it is easy to forget one: "the statistics are constants". And it is tempting to test with a
# cotangent of ones, or with $L = \tfrac12 \sum_i y_i^2$, whose cotangent is $y$ itself. But ones are just what road 2
# takes away, and $y = \hat x$ is just what road 3 takes away: **in both cases the right answer is zero**, and a
# formula that lacks the *other* term gives zero, too.

# %%
formulas = {
    "right: three terms": lambda h, x_hat: h - h.mean(axis=0) - x_hat * np.mean(h * x_hat, axis=0),
    "without the variance": lambda h, x_hat: h - h.mean(axis=0),
    "without the mean": lambda h, x_hat: h - x_hat * np.mean(h * x_hat, axis=0),
    "without both": lambda h, x_hat: h,
}
x = random.normal(size=(8, 5)) * 3 + 1
m, r = statistics(x, epsilon=1e-14)
x_hat = (x - m) * r
cotangents = {"ones": np.ones_like(x), "y itself": x_hat, "random": random.normal(size=x.shape)}


def without_epsilon(x):
    m = jnp.mean(x, axis=0)
    return (x - m) / jnp.sqrt(jnp.mean((x - m) ** 2, axis=0) + 1e-14)


errors = {}
for kind, g in cotangents.items():
    (true,) = autodiff(without_epsilon, x, g=g)
    errors[kind] = [max(np.max(np.abs(r * formula(g, x_hat) - true)), 1e-17) for formula in formulas.values()]
print(f"without the variance: {errors['ones'][1]:.0e} with ones, {errors['random'][1]:.1f} with random numbers")
print(f"without the mean:     {errors['y itself'][2]:.0e} with y,    {errors['random'][2]:.1f} with random numbers")
assert max(errors["ones"][1], errors["y itself"][2]) < 1e-12 < min(errors["random"][1:])
assert all(kind[0] < 1e-12 for kind in errors.values())

# %% [markdown]
# Would training show it? In plain NumPy, four hidden layers of 32, each normalised, and one of the four formulas for
# all of them:


# %%
def train_numpy(formula, steps=100, rate=0.3):
    """Gradient descent on 300 digits, with this formula for the pullback of the normalisation; returns the losses."""
    random = np.random.default_rng(5)
    x, labels = digits.train[0][:300].reshape(300, 64).astype(np.float64), digits.train[1][:300]
    sizes = [64, 32, 32, 32, 32, 10]
    weights = [random.normal(size=s) * np.sqrt(2 / s[0]) for s in zip(sizes[:-1], sizes[1:], strict=True)]
    history = []
    for _ in range(steps):
        h, kept = x, []
        for W in weights[:-1]:
            m, r = statistics(h @ W)
            x_hat = (h @ W - m) * r
            kept.append((h, x_hat, r))
            h = np.maximum(x_hat, 0)
        logits = h @ weights[-1]
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        history.append(-np.mean(np.log(p[np.arange(len(x)), labels])))

        delta = (p - np.eye(10)[labels]) / len(x)
        back, d_last = delta @ weights[-1].T, h.T @ delta
        for layer in (3, 2, 1, 0):
            h, x_hat, r = kept[layer]
            delta = r * formula(back * (x_hat > 0), x_hat)
            back, d_W = delta @ weights[layer].T, h.T @ delta
            weights[layer] = weights[layer] - rate * d_W
        weights[-1] = weights[-1] - rate * d_last
    return history


learned = {name: train_numpy(formula) for name, formula in formulas.items()}

# %%
figure, (bars, curves) = plt.subplots(1, 2, figsize=(11, 3.9), width_ratios=[1.25, 1])
rows = np.arange(4)
for offset, (kind, values), colour in zip((-0.26, 0, 0.26), errors.items(), (ORANGE, GREEN, BLUE), strict=True):
    bars.barh(rows + offset, values, height=0.24, color=colour, label=f"g: {kind}")
bars.axvline(1e-12, color=GREY, linestyle="--", linewidth=1)
bars.text(7e-13, -0.65, "passes", fontsize=10, color=GREY, ha="right")
bars.text(1.4e-12, -0.65, "is caught", fontsize=10, color=GREY, ha="left")
bars.set(xscale="log", xlim=(1e-17, 100), yticks=rows, yticklabels=list(formulas), ylim=(4.6, -1))
bars.set(xlabel="largest difference from autodiff", xticks=[1e-16, 1e-12, 1e-8, 1e-4, 1])
bars.legend(fontsize=10, loc="lower left", ncols=3, columnspacing=1, handlelength=1)
for (name, history), colour, style in zip(
    learned.items(), (BLUE, ORANGE, GREEN, RED), ("-", "--", "-.", ":"), strict=True
):
    curves.plot(range(1, 101), history, color=colour, linestyle=style)
    curves.text(103, history[-1], name.replace(": three terms", ""), color=colour, va="center", fontsize=10)
curves.set(xlabel="step", ylabel="training loss (nats)", yscale="log", title="What training shows")
plt.show()

# %% [markdown]
# *Left: by the orange test, a formula without the variance's term is right to the last digit; by the green test, so is
# one without the mean's. With random numbers both are off in the first digit. Right: the one that the test with ones
# lets pass is just the one that also trains, only more slowly, and nobody would notice.* Without the mean's term
# training stalls; without both it goes backwards. A random cotangent catches all three.
#
# ### The statistics of the batch, in use
#
# Forget `train=False`, and the network normalises in use by the company that an image happens to be in. We ask the
# network of section 6 about 320 of its held-out digits in batches of different sizes: shuffled, and sorted by class,
# as a folder of files might be. (A batch of one has variance 0, and each image is its own mean. We get that from the
# library by giving each image twice, for it refuses a true one.)

# %%
run = deep_runs["batch norm"][1.0]
model = run.model
images, labels = digits.test[0][:320], digits.test[1][:320]
orders = {"shuffled": np.arange(320), "sorted by class": np.argsort(labels, kind="stable")}
sizes = [1, 4, 16, 64]


@jax.jit
def by_batches(batches):
    return jax.vmap(lambda x: model(run.params, x, run.state, train=True)[0])(batches)


accuracy = {}
for name, order in orders.items():
    accuracy[name] = []
    for size in sizes:
        batches = images[order].reshape(320 // size, size, 8, 8, 1)
        if size == 1:
            batches = np.concatenate([batches, batches], axis=1)
        logits = np.asarray(by_batches(batches))[:, :size].reshape(320, 10)
        accuracy[name].append(100 * np.mean(logits.argmax(axis=1) == labels[order]))
in_use_accuracy = train.evaluate(model, losses.cross_entropy, run.params, run.state, images, labels)["accuracy"]
print(f"running statistics: {100 * in_use_accuracy:.1f} %; of a batch of one: {accuracy['shuffled'][0]:.1f} %")

figure, axes = plt.subplots(figsize=(7.5, 3.4))
axes.axhline(100 * in_use_accuracy, color=BLUE, label="running statistics")
for (name, values), colour, marker in zip(accuracy.items(), (ORANGE, RED), "os", strict=True):
    axes.plot(sizes, values, marker=marker, color=colour, label=f"statistics of the batch, {name}")
axes.axhline(10, color=GREY, linestyle=":", linewidth=1.2)
axes.set(xscale="log", xticks=sizes, xlabel="images in a batch", ylabel="held out, right (%)", ylim=(0, 103))
axes.set_xticks(sizes, [str(size) for size in sizes])
axes.minorticks_off()
axes.legend(fontsize=10, loc="center right", bbox_to_anchor=(1, 0.45))
plt.show()

# %% [markdown]
# *By itself, every image is answered alike: guessing. In small batches the statistics are too rough; and if a batch is
# of one class, its mean takes away just what would tell it from the others.* The running statistics do not ask.
#
# ### The factor $1/(1 - p)$, forgotten
#
# Nothing crashes, and training goes on as before: weights grow to make up for it. Only in use, when nothing is dropped
# any more, each sum is $\frac{1}{1-p}$ times what it was. At rate $\frac12$ and with two layers of dropout it is 4
# times, with ten 1,000 times. Below, what the second hidden layer of the network of section 7 receives: in training;
# in use; and in use had the factor been forgotten.

# %%
model, run = dropping, overfits["dropout 0.5"]
first, second = run.params[1], run.params[4]
held_out = jnp.asarray(digits.test[0].reshape(-1, 64))
hidden = ops.relu(ops.affine(held_out, first["weight"], first["bias"]))
dropped = ops.dropout(hidden, jax.random.key(5), rate=0.5)


def received(hidden):
    return np.asarray(hidden @ second["weight"])


sums = {"in training": received(dropped), "in use": received(hidden), "in use, factor forgotten": received(2 * hidden)}
third = run.params[7]


def use(factor):
    """The network in use, each layer of dropout leaving its numbers ``factor`` times as large as it did in training."""
    h = factor * ops.relu(ops.affine(held_out, first["weight"], first["bias"]))
    h = factor * ops.relu(ops.affine(h, second["weight"], second["bias"]))
    logits = ops.affine(h, third["weight"], third["bias"])
    right = float(jnp.mean(logits.argmax(axis=1) == digits.test[1]))
    return 100 * right, float(losses.cross_entropy(logits, jnp.asarray(digits.test[1])))


for name, factor in (("in use", 1.0), ("factor forgotten", 2.0)):
    right, loss = use(factor)
    print(f"{name:17} {right:.1f} % right, loss {loss:.2f} nats")

figure, axes = plt.subplots(figsize=(8, 3.3))
bins = np.linspace(-5, 5, 81)
for (name, values), colour, style in zip(sums.items(), (GREY, BLUE, RED), ("-", "-", "--"), strict=True):
    share = np.histogram(values, bins)[0] / values.size
    label = f"{name}: mean square {np.mean(values**2):.2f}"
    axes.stairs(100 * share, bins, color=colour, linestyle=style, linewidth=1.8, label=label)
axes.set(xlabel="what a neuron of the second layer receives", ylabel="share (%)")
axes.legend(fontsize=10, loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# *What is received in training and in use has the same middle, by the proof above, though not quite the same width:
# the coins add variance. With the factor forgotten it is twice as wide.* And see the numbers: the share of right
# answers is hardly another, since all logits grow together; only the loss tells that the network has become far too
# sure of itself. Who looks at the accuracy alone will not notice.
#
# ### The same key twice
#
# A key is not used up by being used. Give two layers the same one, and the second drops just what the first has
# dropped: since $m^2 = m$, two layers behave as one, and the numbers that are kept are scaled twice. Their mean is
# $(1 - p) \cdot \frac{x}{(1 - p)^2} = \frac{x}{1 - p}$, and no longer $x$.
#
# Give every step the same one, and each row of the batch meets the same mask for ever. Nothing is random any more.


# %%
def twice(key, rate, same):
    """Dropout twice in a row on an x of 1, with one key for both or one for each."""
    first, second = (key, key) if same else jax.random.split(key)
    return ops.dropout(ops.dropout(jnp.ones(20), first, rate=rate), second, rate=rate)


@jax.jit
def means_of_two(keys):
    """The means over all keys: for a key for each, and for one key for both."""
    return [
        jnp.stack(
            [jnp.mean(jax.vmap(lambda key, rate=rate, same=same: twice(key, rate, same))(keys)) for rate in rates]
        )
        for same in (False, True)
    ]


rates = (0.1, 0.3, 0.5, 0.7)
one_for_each, one_for_both = means_of_two(jax.random.split(jax.random.key(9), 2000))
np.testing.assert_allclose(one_for_each, 1, atol=0.1)
np.testing.assert_allclose(one_for_both, 1 / (1 - np.array(rates)), rtol=0.1)

steps = 24
fresh = np.stack([ops.dropout(jnp.ones(64), k, rate=0.5) > 0 for k in jax.random.split(jax.random.key(6), steps)])
same = np.stack([ops.dropout(jnp.ones(64), jax.random.key(6), rate=0.5) > 0] * steps)

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.3))
for axes, masks, name in ((left, fresh, "fresh keys"), (middle, same, "the same key")):
    axes.imshow(masks, cmap="Greys", vmin=0, vmax=1.6, aspect="auto", interpolation="nearest")
    axes.set(xlabel="neuron", ylabel="step", title=f"Masks, {name}")
at = np.linspace(0, 0.75, 76)
right.plot(at, np.ones_like(at), color=BLUE, linewidth=1.2)
right.plot(at, 1 / (1 - at), color=RED, linewidth=1.2)
right.plot(rates, one_for_each, "o", color=BLUE, label="a key for each")
right.plot(rates, one_for_both, "s", color=RED, label="one key for both")
right.set(xlabel="rate p", ylabel="mean of y / x", ylim=(0, 4), title="Two layers in a row")
right.legend(loc="upper left")
plt.show()

# %% [markdown]
# *Left and middle: one row of the batch, step by step. Right: lines are the formulas, marks 40,000 draws each.* In
# this library a chain gives each of its layers a key of its own, and `train.fit` gives one to each step, both made
# from the one key that you hand over: the same run again is the same to the bit, and no two of its steps draw from one
# key.
#
# ## 9. Three exercises
#
# Fill in the functions and run the cells; each checks your answer and says `right`, or how far off it is. Solutions
# stand at the end.
#
# **Exercise 1. A road less.** RMS norm without scale: $y_i = x_i\, r$ with
# $r = (\text{mean}(x^2) + \varepsilon)^{-1/2}$, the mean over the last axis. Given $x$ and
# $G = \partial L/\partial y$, return $\partial L/\partial x$. Derive it by roads: which of the three are there, and
# what is $\partial\,\text{mean}(x^2)/\partial x_j$?


# %%
def rms_pullback(x, G, epsilon=0.1):
    r = 1 / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + epsilon)  # noqa: F841
    return None  # your line here


def check_rms(answer):
    random = np.random.default_rng(10)
    x, G = random.normal(size=(4, 5)), random.normal(size=(4, 5))
    true = autodiff(lambda x: x / jnp.sqrt(jnp.mean(x**2, axis=-1, keepdims=True) + 0.1), x, g=G)
    return verdict([answer(x, G)], true)


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


print(check_rms(rms_pullback))

# %% [markdown]
# **Exercise 2. Folded away.** In use, a batch norm is a straight line, and so is the dense layer before it. Two
# straight lines in a row are one: find $W'$ and $b'$ with
# $X W' + b' = w\,\frac{XW - \text{mean}}{\sqrt{\text{variance} + \varepsilon}} + b$. Networks are made faster in this
# way before they are shipped.


# %%
def fold(W, w, b, mean, variance, epsilon=1e-5):
    return None, None  # your lines here


def check_fold(answer):
    random = np.random.default_rng(11)
    X, W = random.normal(size=(6, 3)), random.normal(size=(3, 4))
    w, b, mean, variance = (random.uniform(0.5, 2, size=4) for _ in range(4))
    with jax.enable_x64(True):
        true = np.asarray(ops.batch_norm_inference(jnp.asarray(X @ W), *map(jnp.asarray, (w, b, mean, variance))))
    folded_W, folded_b = answer(W, w, b, mean, variance)
    return verdict([None if folded_W is None else X @ folded_W + folded_b], [true])


print(check_fold(fold))

# %% [markdown]
# **Exercise 3. A rule of your own.** There are other dice. *Gaussian dropout* multiplies by random numbers of mean 1,
# $y_i = x_i\,(1 + \tfrac12 \xi_i)$, with $\xi_i$ normal. Below it is a `chainrule` rule whose forward pass is done.
# What must be kept, and what comes back? (The cotangent of a key is `None`.)


# %%
@rule
def gaussian_dropout(x, key):
    factor = 1 + 0.5 * jax.random.normal(key, x.shape, x.dtype)
    return x * factor, x  # the output, and what is kept: is x the right thing?


@gaussian_dropout.defbackward
def gaussian_dropout_backward(residuals, d_output):
    return jnp.full_like(d_output, jnp.nan), None  # your line here, in place of NaN


def check_gaussian(candidate):
    random = np.random.default_rng(12)
    x, g, key = random.normal(size=(4, 3)), random.normal(size=(4, 3)), jax.random.key(12)
    return verdict(by_rule(candidate, x, key, g=g)[:1], autodiff(candidate, x, key, g=g)[:1])


print(check_gaussian(gaussian_dropout))

# %% [markdown]
# ### Solutions
#
# Open the next cell when you have tried.


# %% jupyter={"source_hidden": true}
def rms_solution(x, G, epsilon=0.1):
    # Straight: G_j r. There is no mean to go by. By the mean square s: ds/dx_j = 2 x_j / n, dr/ds = - r^3 / 2, and r
    # goes into y_i with the factor x_i: - r^3 x_j mean(G x). Together r (G - y mean(G y)).
    r = 1 / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + epsilon)
    y = x * r
    return r * (G - y * np.mean(G * y, axis=-1, keepdims=True))


def fold_solution(W, w, b, mean, variance, epsilon=1e-5):
    # column c of W, and the bias, times w_c / sqrt(variance_c + epsilon)
    factor = w / np.sqrt(variance + epsilon)
    return W * factor, b - mean * factor


@rule
def gaussian_dropout_solution(x, key):
    factor = 1 + 0.5 * jax.random.normal(key, x.shape, x.dtype)
    return x * factor, factor


@gaussian_dropout_solution.defbackward
def gaussian_dropout_solution_backward(factor, d_output):
    # y = x times constants, once the dice are thrown: the same constants come back, and x is not needed
    return d_output * factor, None


answers = (check_rms(rms_solution), check_fold(fold_solution), check_gaussian(gaussian_dropout_solution))
for number, answer in enumerate(answers, start=1):
    print(f"exercise {number}: {answer}")
assert answers == ("right",) * 3

# %% [markdown]
# ## 10. What was proved
#
# * **Batch norm**: $\partial L/\partial x = r\,(h - \text{mean}(h) - \hat x\,\text{mean}(h\hat x))$, on paper, by
#   three roads, by loops over the whole Jacobian, by the library's rule and by autodiff.
# * **In use** it is another function, with one road, and it does not ask who else is in the batch.
# * **Layer, RMS and group norm**: the same three lines, with means over other axes.
# * **The size of the weights** before a normalisation does not matter: $\langle \partial L/\partial W, W \rangle = 0$.
# * **Dropout**: its mean is $x$, its variance $\frac{p}{1-p} x^2$, measured; its derivative is the same mask again.
# * And what proves *nothing*: ones, and $\tfrac12 \sum y^2$, before a normalisation; a training loss that goes down.
#
# **Where it stands in the source.** Each file opens with its formula and the derivation.
#
# | In this lesson | In the package |
# |---|---|
# | Batch norm in training and in use | [`ops/batch_norm.py`](../src/chainrule/ops/batch_norm.py) |
# | Running statistics | [`layers/batch_norm.py`](../src/chainrule/layers/batch_norm.py) |
# | Layer, RMS, group norm | [`ops/layer_norm.py`](../src/chainrule/ops/layer_norm.py), [`ops/rms_norm.py`](../src/chainrule/ops/rms_norm.py), [`ops/group_norm.py`](../src/chainrule/ops/group_norm.py) |
# | Dropout | [`ops/dropout.py`](../src/chainrule/ops/dropout.py), [`layers/dropout.py`](../src/chainrule/layers/dropout.py) |
# | Both at work | [`models/resnet.py`](../src/chainrule/models/resnet.py), [`models/lenet.py`](../src/chainrule/models/lenet.py) |
#
# **Sources.**
#
# * S. Ioffe and C. Szegedy, *Batch normalization: accelerating deep network training by reducing internal covariate
#   shift*, ICML 2015. <https://arxiv.org/abs/1502.03167>
# * J. L. Ba, J. R. Kiros and G. E. Hinton, *Layer normalization*, 2016. <https://arxiv.org/abs/1607.06450>
# * B. Zhang and R. Sennrich, *Root mean square layer normalization*, NeurIPS 2019; Y. Wu and K. He, *Group
#   normalization*, ECCV 2018.
# * N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov, *Dropout: a simple way to prevent
#   neural networks from overfitting*, JMLR 15, 2014. Section 10 there has the Gaussian form of exercise 3.
# * S. Santurkar, D. Tsipras, A. Ilyas and A. Madry, *How does batch normalization help optimization?*, NeurIPS 2018:
#   why it helps is less clear than what its derivative is.
