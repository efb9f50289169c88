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
# # Convolution and pooling
#
# A dense layer reads an image as a list of numbers. It has a weight for every pair of a pixel and a neuron, and what
# it learns about a stroke in one corner tells it nothing about the same stroke in another. But a stroke is a stroke,
# wherever it stands. A **convolution** looks at the image through a small window, with a few weights, and slides the
# window over all places: *the same* weights everywhere. **Pooling** then keeps of each neighbourhood the strongest
# answer.
#
# **The question of this lesson:** one weight now acts at a thousand places, and one pixel is seen through a dozen
# windows. What are the derivatives, and why is the derivative of a convolution again a convolution?
#
# You need the first lesson, [Backpropagation by hand](backpropagation_by_hand.ipynb), above all its section 2: *where
# a number acts along several roads, its effects add.* Everything here is this one sentence, and careful counting.
#
# | | |
# |---|---|
# | 1 | A window that slides, with numbers on paper |
# | 2 | Padding, stride, dilation |
# | 3 | Images, channels, a batch: the derivation |
# | 4 | What one window says |
# | 5 | The transpose: $\langle G, Cx\rangle = \langle C^{\mathsf T} G, x\rangle$ |
# | 6 | Max pooling, and ties |
# | 7 | A network that learns |
# | 8 | What goes wrong |
# | 9 | Three exercises |
# | 10 | What was proved |
#
# As before, `referee` compares what we derive *by hand* with *autodiff* (here `jax.vjp`, which takes the cotangent
# that we choose), in 64-bit arithmetic, and stops the notebook if they differ by more than rounding.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from chainrule import data, losses, models, ops, optim, train
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
# ## 1. A window that slides, with numbers on paper
#
# Five pixels in a row, $x = (2, 0, 1, 3, 1)$, and a window of three weights, the **kernel** $w = (1, -2, 3)$. We lay
# the window on the first three pixels, multiply what lies under each weight (a *tap*), add up, and write the sum down.
# Then the window moves on by one pixel:
#
# $$
# \begin{aligned}
# y_0 &= 1 \cdot 2 - 2 \cdot 0 + 3 \cdot 1 = 5 \\
# y_1 &= 1 \cdot 0 - 2 \cdot 1 + 3 \cdot 3 = 7 \\
# y_2 &= 1 \cdot 1 - 2 \cdot 3 + 3 \cdot 1 = -2
# \end{aligned}
# \qquad\text{that is}\qquad y_p = \sum_r w_r\, x_{p + r} .
# $$
#
# $p$ counts windows, $r$ taps, and window $p$ sees through its tap $r$ the pixel $q = p + r$. (Mathematics calls this
# *cross-correlation*; its *convolution* has $x_{p - r}$, with the kernel flipped. All frameworks compute the first and
# call it by the name of the second, and so do we. The flip will come back.)
#
# Now backwards. As in the first lesson, whatever network may follow, all that it says to us is a number
# $G_p = \partial L/\partial y_p$ for each window. Let it be $G = (1, -1, 2)$.
#
# **The pixel.** Which roads lead from $x_2$ to the loss? It lies under the last tap of window 0, the middle tap of
# window 1, and the first tap of window 2. Three roads, so three terms:
#
# $$\frac{\partial L}{\partial x_2} = w_2 G_0 + w_1 G_1 + w_0 G_2 = 3 \cdot 1 - 2 \cdot (-1) + 1 \cdot 2 = 7 .$$
#
# Look at the order: as the windows go up, 0, 1, 2, **the taps go down**, 2, 1, 0. Of course: when the window moves one
# step to the right, the pixel moves one step to the left *within the window*. From $q = p + r$ follows $r = q - p$:
#
# $$\frac{\partial L}{\partial x_q} = \sum_p w_{q - p}\, G_p , \qquad w_{\text{outside}} = 0 .$$
#
# This is the reason for the flipped kernel in every book: one slides the window $(3, -2, 1)$ over $G$, with zeros on
# both sides.
#
# **The weight.** $w_r$ acts in *every* window $p$, on the pixel $x_{p + r}$. As many roads as windows:
#
# $$\frac{\partial L}{\partial w_r} = \sum_p x_{p + r}\, G_p , \qquad
# \frac{\partial L}{\partial w_1} = 0 \cdot 1 + 1 \cdot (-1) + 3 \cdot 2 = 5 .$$
#
# That has the form of the forward pass, with $G$ in place of the kernel: slide $G$ over $x$. **The bias**, added in
# every window, gathers from every one: $\partial L/\partial b = \sum_p G_p = 2$.

# %%
x, w, G = np.array([2.0, 0, 1, 3, 1]), np.array([1.0, -2, 3]), np.array([1.0, -1, 2])

y, d_x, d_w = np.zeros(3), np.zeros(5), np.zeros(3)
for p in range(3):
    for r in range(3):
        y[p] += w[r] * x[p + r]
        d_x[p + r] += w[r] * G[p]  # backward: the same pairs (p, r), the same pixel p + r
        d_w[r] += x[p + r] * G[p]

print("y     =", y)
print("dL/dx =", d_x)
print("dL/dw =", d_w)
print("the flipped kernel, slid over G with zeros around it:", np.convolve(G, w))
print("G, slid over x:                                      ", np.correlate(x, G))


def slide(x, w):
    return jnp.correlate(x, w, mode="valid")


referee({"dL/dx": d_x, "dL/dw": d_w}, dict(zip(["dL/dx", "dL/dw"], autodiff(slide, x, w, g=G), strict=True)))

# %% [markdown]
# In the loop, forward and backward are three lines around **the same product**. Each product $w_r x_{p+r}$ of the
# forward pass gives two of the backward pass: to the pixel goes the weight times $G_p$, to the weight the pixel times
# $G_p$.
#
# The picture behind the flip: a convolution is a matrix product $y = Cx$, with a matrix of mostly zeros in which each
# row is the one above, moved on by one. By the first lesson, then, $\partial L/\partial x = C^{\mathsf T} G$.

# %%
TAPS = [BLUE, ORANGE, GREEN]


def draw_matrix(axes, values, across, colours=None, name=""):
    """Squares with the numbers in them; ``colours`` gives the tap that each belongs to, or -1."""
    rows, columns = values.shape
    for i in range(rows):
        for j in range(columns):
            tap = -1 if colours is None else colours[i, j]
            face, alpha = (TAPS[tap], 0.45) if tap >= 0 else ("white", 1)
            place = (across + j, i - rows / 2)
            axes.add_patch(plt.Rectangle(place, 1, 1, facecolor=face, alpha=alpha, edgecolor="none"))
            axes.add_patch(plt.Rectangle(place, 1, 1, fill=False, edgecolor=GREY, linewidth=0.8))
            text = "" if colours is not None and tap < 0 else f"{values[i, j]:.0f}".replace("-", "−")
            axes.text(place[0] + 0.5, place[1] + 0.5, text, ha="center", va="center")
    axes.text(across + columns / 2, -rows / 2 - 0.3, name, ha="center")


taps = np.array([[q - p if 0 <= q - p < 3 else -1 for q in range(5)] for p in range(3)])
C = np.where(taps >= 0, w[np.maximum(taps, 0)], 0)
assert np.array_equal(C @ x, y)
assert np.array_equal(C.T @ G, d_x)

figure, axes = plt.subplots(figsize=(10.5, 3.4))
draw_matrix(axes, C, 0, taps, "$C$")
draw_matrix(axes, x[:, None], 5.8, name="$x$")
draw_matrix(axes, y[:, None], 7.8, name="$y$")
draw_matrix(axes, C.T, 11.5, taps.T, r"$C^\mathsf{T}$")
draw_matrix(axes, G[:, None], 15.3, name="$G$")
draw_matrix(axes, d_x[:, None], 17.3, name=r"$\partial L/\partial x$")
for across, sign in ((5.4, "·"), (7.3, "="), (14.9, "·"), (16.8, "=")):
    axes.text(across, 0, sign, ha="center", va="center", fontsize=17)
axes.set(aspect="equal", xlim=(-0.1, 18.5), ylim=(2.7, -3.3))
axes.axis("off")
plt.show()

# %% [markdown]
# *One colour a tap. A row of $C$ is a window: from left to right it reads blue, orange, green, which is
# $w_0, w_1, w_2$. A row of $C^{\mathsf T}$ is a pixel, and it reads green, orange, blue: $w_2, w_1, w_0$. The flip is
# the transpose, seen from close by.*
#
# ## 2. Padding, stride, dilation
#
# Three numbers say where the windows lie. **Padding** adds pixels of 0 at both ends, so that the border is seen more
# often and the image keeps its size. **Stride** $s$ moves the window on by $s$ pixels and not by one. **Dilation** $d$
# spreads the taps, $d$ pixels apart. With all of them, window $p$ sees through its tap $r$ the pixel
#
# $$\boxed{\;q = p\,s + r\,d - \text{low}\;}$$
#
# where *low* is the padding before the first pixel. A window of $k$ taps spans $d(k-1) + 1$ pixels, and the last one
# must end within the $n$ pixels and their padding:
#
# $$\text{windows} = \left\lfloor \frac{n + \text{low} + \text{high} - d(k-1) - 1}{s} \right\rfloor + 1 .$$


# %%
def draw_windows(axes, n, k, *, stride=1, pad=0, dilation=1, title=""):
    """Pixels below, windows above, and a line for each tap; the second window is drawn bold."""
    span = dilation * (k - 1) + 1
    windows = (n + 2 * pad - span) // stride + 1
    for p in range(windows):
        centre = p * stride - pad + (span - 1) / 2
        for r in range(k):
            bold = {"linewidth": 2.6, "zorder": 2} if p == 1 else {"linewidth": 1.2, "alpha": 0.45, "zorder": 1}
            axes.plot([p * stride - pad + r * dilation, centre], [0, 1], color=TAPS[r], **bold)
        axes.plot(centre, 1, "s", markersize=11, color="white", markeredgecolor=GREY, zorder=3)
    for q in range(-pad, n + pad):
        inside = 0 <= q < n
        style = {"color": "white" if inside else "#e4e4e4", "markeredgecolor": GREY}
        axes.plot(q, 0, "o", markersize=12, zorder=3, **style)
        axes.text(q, 0, f"{q}" if inside else "0", ha="center", va="center", fontsize=9, zorder=4)
    axes.set(xlim=(-2.6, 8.6), ylim=(-0.3, 1.3), title=f"{title}: {n} pixels, {windows} windows")
    axes.axis("off")


figure, panels = plt.subplots(2, 2, figsize=(10.5, 4.4))
draw_windows(panels[0, 0], 7, 3, title="Plain")
draw_windows(panels[0, 1], 7, 3, pad=1, title="Padding 1")
draw_windows(panels[1, 0], 7, 3, pad=1, stride=2, title="Padding 1, stride 2")
draw_windows(panels[1, 1], 7, 3, pad=2, dilation=2, title="Padding 2, dilation 2")
plt.show()

# %% [markdown]
# *Circles are pixels (grey: padding), squares are windows, colours are taps. Forward, the numbers run up along the
# lines, each multiplied by the weight of its colour, and are added in the squares. **Backward, the numbers $G$ run
# down along the same lines**, multiplied by the same weights, and are added in the circles. What runs down into the
# padding is lost.*
#
# With stride 2, pixel 2 is met by one line only, and pixel 1 by two: that is where the wavy gradients of strided
# networks come from. We shall see a picture of it in section 5.
#
# ## 3. Images, channels, a batch: the derivation
#
# An image has two axes of pixels, so $p$, $q$ and $r$ become pairs; nothing else changes. At each pixel stand several
# numbers, the **channels**: red, green and blue at first, later whatever the layer before has found. The kernel mixes
# them: at each tap it has a weight for each channel $c$ that it reads and each channel $o$ that it writes. And $n$
# counts the images of the batch.
#
# $$y_{npo} = \sum_r \sum_c x_{n,\,ps + rd - \text{low},\,c}\; w_{rco} + b_o$$
#
# We want the derivatives of $L = \sum_{npo} G_{npo}\, y_{npo}$. Put the first into the second: $L$ is a sum over all
# $n, p, r, c, o$ of products of one pixel, one weight and one number $G$. To differentiate by a number, collect the
# products in which it stands.
#
# * **The weight** $w_{rco}$ stands in one product for each image and window:
#   $\displaystyle\quad \frac{\partial L}{\partial w_{rco}} = \sum_{n,p} x_{n,\,ps + rd - \text{low},\,c}\; G_{npo}$
# * **The pixel** $x_{nqc}$ stands in one for each output channel, window and tap, if the tap of the window meets it:
#   $\displaystyle\quad \frac{\partial L}{\partial x_{nqc}} = \sum_{o,p,r} w_{rco}\; G_{npo}\; [\,q = ps + rd - \text{low}\,]$
# * **The bias** $b_o$ stands alone: $\displaystyle\quad \frac{\partial L}{\partial b_o} = \sum_{n,p} G_{npo}$
#
# As plain loops. For one window and one tap, what is left are sums over $n$, $c$ and $o$, which are the matrix
# products of a dense layer. A convolution *is* a small dense layer, used at each place, and so is its backward pass:
# compare the three lines with $XW$, $\delta W^{\mathsf T}$ and $X^{\mathsf T} \delta$.


# %%
def lay(n, k, stride, pad, dilation):
    """How many windows there are along an axis."""
    return (n + 2 * pad - dilation * (k - 1) - 1) // stride + 1


def places(x_shape, w_shape, stride, pad, dilation):
    """All pairs of a window and a tap, with the padded pixel where they meet."""
    rows, columns = (lay(n, k, stride, pad, dilation) for n, k in zip(x_shape[1:3], w_shape[:2], strict=True))
    for p in np.ndindex(rows, columns):
        for r in np.ndindex(w_shape[:2]):
            yield p, r, (p[0] * stride + r[0] * dilation, p[1] * stride + r[1] * dilation)


def convolve(x, w, b=0.0, *, stride=1, pad=0, dilation=1):
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    rows, columns = (lay(n, k, stride, pad, dilation) for n, k in zip(x.shape[1:3], w.shape[:2], strict=True))
    y = np.zeros((len(x), rows, columns, w.shape[3]))
    for p, r, q in places(x.shape, w.shape, stride, pad, dilation):
        y[:, *p] += padded[:, *q] @ w[r]
    return y + b


def convolve_backward(x, w, G, *, stride=1, pad=0, dilation=1):
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    d_padded, d_w = np.zeros_like(padded), np.zeros_like(w)
    for p, r, q in places(x.shape, w.shape, stride, pad, dilation):
        d_padded[:, *q] += G[:, *p] @ w[r].T
        d_w[r] += padded[:, *q].T @ G[:, *p]
    d_x = d_padded[:, pad : pad + x.shape[1], pad : pad + x.shape[2]]  # what fell into the padding is lost
    return d_x, d_w, G.sum(axis=(0, 1, 2))


def lax_convolution(stride, pad, dilation):
    """JAX's own convolution, which knows nothing of ours."""

    def convolution(x, w, b):
        layout = ("NHWC", "HWIO", "NHWC")
        padding = [(pad, pad)] * 2
        y = jax.lax.conv_general_dilated(
            x, w, (stride,) * 2, padding, rhs_dilation=(dilation,) * 2, dimension_numbers=layout
        )
        return y + b

    return convolution


random = np.random.default_rng(0)
x, w, b = random.normal(size=(2, 7, 9, 3)), random.normal(size=(3, 2, 3, 4)), random.normal(size=4)
names = ["dL/dx", "dL/dw", "dL/db"]
for setting in (
    {"stride": 1, "pad": 0, "dilation": 1},
    {"stride": 2, "pad": 1, "dilation": 1},
    {"stride": 1, "pad": 2, "dilation": 2},
):
    print(setting)
    y = convolve(x, w, b, **setting)
    G = random.normal(size=y.shape)
    hand = dict(zip(names, convolve_backward(x, w, G, **setting), strict=True))
    referee(hand, dict(zip(names, autodiff(lax_convolution(**setting), x, w, b, g=G), strict=True)))

# %% [markdown]
# Seven rows, nine columns, three channels in and four out, a kernel of $3 \times 2$: all different on purpose.
#
# **Both backward passes are convolutions.** The loops scatter: each window adds to the pixels that it saw. One can
# also gather, pixel by pixel, and then it is the forward program that does the work; this is how it is done in
# practice, for a fast convolution is then all that is needed.
#
# For $\partial L/\partial x$, solve $q = ps + rd - \text{low}$ for the window: $ps = q + \text{low} - rd$. Where this
# is no multiple of $s$, no window meets the pixel by this tap. A neat way to say so is to put $s - 1$ zeros between
# the entries of $G$: let $G'_{ps} = G_p$, and 0 elsewhere. Then
#
# $$\frac{\partial L}{\partial x_{nqc}} = \sum_{r,o} G'_{n,\,q + \text{low} - rd,\,o}\; w_{rco}
# = \sum_{r,o} G'_{n,\,q + \text{low} - (k-1)d \,+\, rd,\,o}\; w_{k-1-r,\,c\,o}$$
#
# (in the second step $r$ is counted from the other end). That is a convolution of $G'$, with stride 1, with **the
# kernel flipped and its channels exchanged**, $c \leftrightarrow o$: it reads output channels and writes input
# channels.
#
# For $\partial L/\partial w$, slide $G$ over $x$. The sum now runs over images and windows: so the images play the
# part of channels, the channels that of images, and since $p$ comes with $s$ and $r$ with $d$, **stride and dilation
# change places**.


# %%
def d_x_as_convolution(G, w, size, *, stride=1, pad=0, dilation=1, flip=True, exchange=True, zeros_between=True):
    """dL/dx, gathered. With flip, exchange or zeros_between False it makes the mistakes of section 8."""
    step = stride if zeros_between else 1
    n, rows, columns, channels = G.shape
    between = np.zeros((n, (rows - 1) * step + 1, (columns - 1) * step + 1, channels))
    between[:, ::step, ::step] = G
    before = [dilation * (k - 1) - pad for k in w.shape[:2]]
    after = [pixels + pad - length for pixels, length in zip(size, between.shape[1:3], strict=True)]
    padded = np.pad(between, ((0, 0), *zip(before, after, strict=True), (0, 0)))
    kernel = w[::-1, ::-1] if flip else w
    kernel = kernel.swapaxes(2, 3) if exchange else kernel
    return convolve(padded, kernel, dilation=dilation)


def d_w_as_convolution(x, G, size, *, stride=1, pad=0, dilation=1):
    """dL/dw, with images and channels exchanged; pixels that a stride leaves over are cut off at the end."""
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    flat = convolve(padded.transpose(3, 1, 2, 0), G.transpose(1, 2, 0, 3), stride=dilation, dilation=stride)
    return flat.transpose(1, 2, 0, 3)[: size[0], : size[1]]


setting = {"stride": 2, "pad": 1, "dilation": 1}
G = random.normal(size=convolve(x, w, b, **setting).shape)
gathered = {
    "dL/dx": d_x_as_convolution(G, w, x.shape[1:3], **setting),
    "dL/dw": d_w_as_convolution(x, G, w.shape[:2], **setting),
    "dL/db": G.sum(axis=(0, 1, 2)),
}
auto = dict(zip(names, autodiff(lax_convolution(**setting), x, w, b, g=G), strict=True))
referee(gathered, auto)

print("and the rule of the library:")
referee(dict(zip(names, by_rule(ops.convolution, x, w, b, g=G, stride=2, padding=1), strict=True)), auto)

# %% [markdown]
# `ops.convolution` does the same in three functions, `gather` (forward), `spread` ($\partial L/\partial x$) and
# `correlate` ($\partial L/\partial w$); see [`ops/convolution.py`](../src/chainrule/ops/convolution.py).
#
# ## 4. What one window says
#
# Formulas with five indices are right or wrong, but one does not see much in them. So let a single number of $G$ be 1,
# and all others 0: let one window alone speak. Then
#
# * $\partial L/\partial x$ is **the kernel, stamped** on the image at the place of that window;
# * $\partial L/\partial w$ is **the patch of the image** which that window saw.
#
# The whole backward pass is a sum of such stamps and patches, each times its number $G_p$. We take a handwritten
# digit, and for a kernel, so that one can tell which way up it is, the letter F.

# %%
mnist = data.mnist()
images, labels = mnist.train
image = images[labels == 4][1][None].astype(np.float64)

small_digits = data.digits()
letter = [" xxxxx ", " x     ", " x     ", " xxxx  ", " x     ", " x     ", " x     "]
stamp = np.array([[mark == "x" for mark in line] for line in letter], float)
stamp = stamp[:, :, None, None]  # a kernel of 7 x 7 taps, one channel in and one out


def show(axes, values, title="", *, limit=None, greys=False, size=10.5):
    """An image without ticks: greys from 0 (white) to 1, or blue (negative), white (0), red (positive)."""
    limit = np.max(np.abs(values)) if limit is None else limit
    colours = (
        {"cmap": "Greys", "vmin": 0, "vmax": limit} if greys else {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
    )
    axes.imshow(values, interpolation="nearest", **colours)
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=size)
    for spine in axes.spines.values():
        spine.set(visible=True, color=GREY, linewidth=0.8)


y = convolve(image, stamp)
one = np.zeros_like(y)
one[0, 9, 7] = 1
d_x_one, d_w_one, _ = convolve_backward(image, stamp, one)
G = random.normal(size=y.shape)
d_x_all, d_w_all, _ = convolve_backward(image, stamp, G)

figure, panels = plt.subplots(2, 4, figsize=(10.5, 5.4))
show(panels[0, 0], image[0, :, :, 0], "x, 28 × 28", greys=True)
panels[0, 0].add_patch(plt.Rectangle((6.5, 8.5), 7, 7, fill=False, edgecolor=RED, linewidth=2))
show(panels[1, 0], stamp[:, :, 0, 0], "w, 7 × 7", greys=True)
show(panels[0, 1], one[0, :, :, 0], "G: one window, 22 × 22")
show(panels[0, 2], d_x_one[0, :, :, 0], "∂L/∂x: the kernel, stamped")
show(panels[0, 3], d_w_one[:, :, 0, 0], "∂L/∂w: the patch it saw")
show(panels[1, 1], G[0, :, :, 0], "G: all windows")
show(panels[1, 2], d_x_all[0, :, :, 0], "∂L/∂x: the sum of all stamps")
show(panels[1, 3], d_w_all[:, :, 0, 0], "∂L/∂w: the sum of all patches")
plt.show()

same_patch = np.array_equal(d_w_one[:, :, 0, 0], image[0, 9:16, 7:14, 0])
print("the patch is the one in the frame:", same_patch)
assert same_patch

# %% [markdown]
# ## 5. The transpose: $\langle G, Cx\rangle = \langle C^{\mathsf T} G, x\rangle$
#
# Without its bias, a convolution is linear in $x$: it *is* the matrix $C$ of section 1, only too large to write down.
# (For one of our $28 \times 28$ images and $8$ channels it would hold 4.9 million numbers, where the kernel holds
# 200.) Its pullback is $C^{\mathsf T}$, and a transpose can be recognised without ever writing out a matrix. With
# $\langle a, b \rangle = \sum_i a_i b_i$, for *all* $x$ and $G$,
#
# $$\langle G,\, C x \rangle = \sum_{p,q} G_p\, C_{pq}\, x_q = \langle C^{\mathsf T} G,\, x \rangle .$$
#
# This is a referee of its own, one that needs no derivatives: forward with a random $x$, backward with a random $G$,
# two numbers that must be equal. (It holds for all $x$ and $G$ only if the pullback is right, and random numbers stand
# for all. Others need not: see section 8.)

# %%
x, w = random.normal(size=(2, 7, 9, 3)), random.normal(size=(3, 2, 3, 4))
Cx = convolve(x, w, stride=2, pad=1)
G = random.normal(size=Cx.shape)
CtG, d_w, _ = convolve_backward(x, w, G, stride=2, pad=1)

left, right = np.sum(G * Cx), np.sum(CtG * x)
print(f"<G, Cx> = {left:.12f}")
print(f"<CᵀG, x> = {right:.12f}")
print(f"<dL/dw, w> = {np.sum(d_w * w):.12f}   (it is linear in w as well)")
np.testing.assert_allclose([right, np.sum(d_w * w)], left, rtol=1e-12)

# %% [markdown]
# $C^{\mathsf T}$ maps few numbers to many. Used as a *forward* pass it makes images larger, and is called a
# **transposed convolution** (or, wrongly, a deconvolution: it does not undo $C$). Its own pullback is then
# $(C^{\mathsf T})^{\mathsf T} = C$: an ordinary convolution, so there is nothing left to derive. In the library,
# `ops.transposed_convolution` of $G$ with the kernel's channels exchanged is what `ops.convolution` has for a backward
# pass:


# %%
def transposed(G, w):
    return ops.transposed_convolution(G, w, stride=2, padding=1, output_padding=(0, 1))


w_exchanged = w.swapaxes(2, 3)
with jax.enable_x64(True):
    larger = jax.jit(transposed)(G, w_exchanged)
print(f"from {G.shape} to {larger.shape}")
referee({"CᵀG": larger}, {"CᵀG": CtG})

again = random.normal(size=larger.shape)
d_G, _ = by_rule(ops.transposed_convolution, G, w_exchanged, g=again, stride=2, padding=1, output_padding=(0, 1))
referee({"pullback": d_G}, {"pullback": convolve(again, w, stride=2, pad=1)})

# %% [markdown]
# (`output_padding` says which of the image sizes is meant that have so many windows: with stride 2, nine columns and
# eight give five.)
#
# With stride 2 each pixel becomes a stamp, and the stamps stand two pixels apart. If they are 3 wide they overlap, but
# not evenly: some pixels are met by four stamps, some by two, some by one. It is the picture of section 2, with the
# lines walked downwards.

# %%
digit = ops.average_pool(jnp.asarray(image, jnp.float32), window=2)
kernels = {
    "2 × 2, all 1: blocks": np.ones((2, 2)),
    "3 × 3, all 4/9: a checkerboard": np.full((3, 3), 4 / 9),
    "3 × 3, a tent: even": np.outer([0.5, 1, 0.5], [0.5, 1, 0.5]),
}
figure, panels = plt.subplots(1, 4, figsize=(10.5, 2.9))
show(panels[0], digit[0, :, :, 0], "14 × 14", greys=True)
for axes, (name, kernel) in zip(panels[1:], kernels.items(), strict=True):
    w = jnp.asarray(kernel[:, :, None, None], jnp.float32)
    show(axes, ops.transposed_convolution(digit, w, stride=2, padding="SAME")[0, :, :, 0], name, greys=True)
plt.show()

# %% [markdown]
# *A digit, made twice as large by three kernels (28 × 28). The checkerboard is well known from networks that draw; it
# comes from a window that the stride does not divide. And every convolution with such a window and stride has it **in
# its gradient**, for that is the same map.*
#
# ## 6. Max pooling, and ties
#
# Pooling makes the image smaller: of each window it keeps one number per channel. The **mean** is a convolution with
# weights $1/k^2$, and we have its derivative: each pixel gets the share $1/k^2$ of $G_p$. The **maximum** is more
# interesting:
#
# $$y_p = \max_r x_{ps + r} .$$
#
# Raise the largest pixel of a window a little, and $y_p$ rises by as much: derivative 1. Raise another a little, and
# nothing happens: derivative 0. So the whole of $G_p$ goes to **the winner**, and the forward pass has to remember who
# it was. That is all it has to remember: the residual is a small integer for each window, not the image.
#
# $$\frac{\partial L}{\partial x_q} = \sum_p G_p\; [\,q \text{ won window } p\,]$$
#
# If windows overlap, a pixel may win several, and adds up what it gets. And if two pixels **tie**? At this one point
# the maximum has a corner, and no derivative. One has to choose: the first winner takes all (PyTorch and this library
# do so, row by row), or the winners share. But the shares must sum to 1.


# %%
def max_pool(x, size, stride):
    rows, columns = (lay(n, size, stride, 0, 1) for n in x.shape[1:3])
    y = np.zeros((len(x), rows, columns, x.shape[3]))
    winner = np.zeros((*y.shape, 2), int)
    for n, i, j, c in np.ndindex(y.shape):
        window = x[n, i * stride : i * stride + size, j * stride : j * stride + size, c]
        tap = np.unravel_index(np.argmax(window), window.shape)  # argmax: the first of the largest, row by row
        winner[n, i, j, c] = i * stride + tap[0], j * stride + tap[1]
        y[n, i, j, c] = window[tap]
    return y, winner


def max_pool_backward(winner, G, x_shape):
    d_x = np.zeros(x_shape)
    for n, i, j, c in np.ndindex(G.shape):
        d_x[n, *winner[n, i, j, c], c] += G[n, i, j, c]
    return d_x


def lax_max_pool(x):
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "VALID")


x = random.normal(size=(2, 7, 9, 3))
y, winner = max_pool(x, 3, 2)  # windows of 3, two pixels apart: they overlap
G = random.normal(size=y.shape)
(auto,) = autodiff(lax_max_pool, x, g=G)
(rule_d_x,) = by_rule(ops.max_pool, x, g=G, window=3, stride=2)
referee({"loops": max_pool_backward(winner, G, x.shape), "rule": rule_d_x}, {"loops": auto, "rule": auto})

# %%
digit = small_digits.train[0][small_digits.train[1] == 2][2][None].astype(np.float64)
y, winner = max_pool(digit, 2, 2)
G = random.choice([-2.0, -1.0, 1.0, 2.0], size=y.shape)
d_x = max_pool_backward(winner, G, digit.shape)
(rule_d_x,) = by_rule(ops.max_pool, digit, g=G, window=2)
print("the library breaks the ties of this digit as we do:", np.array_equal(rule_d_x, d_x))
assert np.array_equal(rule_d_x, d_x)

figure, panels = plt.subplots(1, 4, figsize=(10.5, 3.0))
show(panels[0], digit[0, :, :, 0], "x, and each window's winner", greys=True)
show(panels[1], y[0, :, :, 0], "y, the winners", greys=True)
show(panels[2], G[0, :, :, 0], "G")
show(panels[3], d_x[0, :, :, 0], "∂L/∂x: each G, where the winner is")
panels[0].plot(winner[0, :, :, 0, 1].ravel(), winner[0, :, :, 0, 0].ravel(), "o", color=ORANGE, markersize=6)
for axes in (panels[0], panels[3]):
    for line in (1.5, 3.5, 5.5):
        axes.axhline(line, color=GREY, linewidth=0.8)
        axes.axvline(line, color=GREY, linewidth=0.8)
for i, j in np.ndindex(4, 4):
    ink = "white" if abs(G[0, i, j, 0]) > 1 else "black"
    text = f"{G[0, i, j, 0]:.0f}".replace("-", "−")
    panels[2].text(j, i, text, ha="center", va="center", color=ink)
plt.show()

# %% [markdown]
# *Sixteen windows, sixteen winners, sixteen numbers that come back; all other pixels get nothing. Where a window is
# blank all four pixels tie at 0, and the dot is in its upper left corner: the first winner.* On real images such ties
# are the rule and not the exception, and so are they after every relu. Keep this for section 8.
#
# ## 7. A network that learns
#
# The oldest of its kind, LeCun's of 1998, a little modernised: convolution, pooling, relu; the same again; then two
# dense layers. 4,000 digits of MNIST to learn from, 1,000 held out. Beside it a network of dense layers with *more*
# parameters.

# %%
lenet = models.lenet(channels=(8, 16), kernel=5, hidden=32)
dense = models.mlp((64, 10))
beginning, _ = lenet.init(jax.random.key(0), (28, 28, 1))
runs = {}
for name, model, epochs in (("convolutions", lenet, 5), ("dense", dense, 15)):
    runs[name] = train.fit(
        model,
        losses.cross_entropy,
        optim.adam(2e-3),
        mnist.train,
        epochs=epochs,
        batch_size=50,
        key=jax.random.key(0),
        params=beginning if model is lenet else None,
        validation=mnist.test,
        gradients="hand",
        progress=False,
    )
    right = 100 * runs[name].history["validation_accuracy"][-1]
    print(f"{name:12} {model.parameter_count((28, 28, 1)):6,} parameters, {right:.1f} % of the held-out digits right")

# %% [markdown]
# What has it found? Its eight kernels of $5 \times 5$; what training has added to them; and what each answers to a
# digit:

# %%
run = runs["convolutions"]
first_layer, first_params = lenet.layers[0], run.params[0]
answers = np.asarray(first_layer(first_params, jnp.asarray(image, jnp.float32)))[0]
kernels = np.asarray(first_params["weight"])[:, :, 0]
added = kernels - np.asarray(beginning[0]["weight"])[:, :, 0]
figure, panels = plt.subplots(3, 8, figsize=(11, 4.6))
rows = {"kernel": kernels, "added": added, "answer": answers}
for row, (name, values) in zip(panels, rows.items(), strict=True):
    for o, axes in enumerate(row):
        show(axes, values[:, :, o], f"{name} {o}", limit=np.max(np.abs(values)))
plt.show()

# %% [markdown]
# *Red is positive, blue negative, with one scale a row. Much of a kernel is still the noise that it began with; what
# training added has larger patches of one sign. Some answer to ink. Others, red on one side and blue on the other,
# answer to edges of one direction: red along one side of a stroke, blue along the other. Nobody told them to.*
#
# The kernel is the same at all places, so a convolution has a law: **shift the image, and the answer is shifted.**
# (Away from the border, where zeros come in.) The dense network has no such law. We shift the held-out digits, which
# both have only seen in the middle:

# %%
shifted = np.roll(image, (2, -1), axis=(1, 2)).astype(np.float32)
answer_to_shifted = np.asarray(first_layer(first_params, jnp.asarray(shifted)))[0]
inner = (slice(4, -4), slice(4, -4))
commutes = np.allclose(answer_to_shifted[inner], np.roll(answers, (2, -1), axis=(0, 1))[inner], atol=1e-5)
print("the answer to the shifted image is the shifted answer:", commutes)
assert commutes

shifts = np.arange(-4, 5)
figure, axes = plt.subplots(figsize=(7.5, 3.3))
for (name, run), colour, marker in zip(runs.items(), (BLUE, ORANGE), "os", strict=True):
    accuracy = []
    for shift in shifts:
        moved = jnp.asarray(np.roll(mnist.test[0], shift, axis=2))
        metrics = train.evaluate(
            run.model, losses.cross_entropy, run.params, run.state, moved, jnp.asarray(mnist.test[1])
        )
        accuracy.append(100 * float(metrics["accuracy"]))
    axes.plot(shifts, accuracy, marker=marker, color=colour, label=name)
axes.axhline(10, color=GREY, linestyle="--", linewidth=1)
axes.text(-4, 12, "guessing", color=GREY)
axes.set(xlabel="shift to the right (pixels)", ylabel="held out, right (%)", ylim=(0, 103))
axes.set_title("Digits moved sideways, without learning again")
axes.legend(loc="center", bbox_to_anchor=(0.5, 0.3))
plt.show()

# %% [markdown]
# The convolutional network gives way later: the windows and their maxima move along, and only the dense layers at its
# end notice. All of its steps were taken on gradients by hand. Would autodiff have gone the same way? Both walk 20
# steps in 64 bits from the same beginning, on the small digits:

# %%
walker = models.lenet(channels=(3, 5), hidden=7)
step = jax.jit(train.step, static_argnums=(0, 1), static_argnames="gradients")
with jax.enable_x64(True):
    optimizer = optim.sgd(0.2)
    start, start_state = walker.init(jax.random.key(2), (8, 8, 1), jnp.float64)
    x, labels = jnp.asarray(small_digits.train[0][:64], jnp.float64), jnp.asarray(small_digits.train[1][:64])
    ends = {}
    for way in ("hand", "autodiff"):
        now = train.TrainState(start, start_state, optimizer.init(start), jnp.asarray(0))
        for _ in range(20):
            now, loss, _ = step(walker, losses.cross_entropy, optimizer, now, x, labels, gradients=way)
        parameters = [layer for layer in now.params if layer]
        ends[way] = {f"{kind[0]}{number}": layer[kind] for number, layer in enumerate(parameters, 1) for kind in layer}
referee(ends["hand"], ends["autodiff"], tolerance=1e-10)

# %% [markdown]
# Mind what is in these images: thousands of ties. Hand and autodiff agree there as well, because both differentiate
# the library's one forward pass, in which the first winner is told apart.
#
# ## 8. What goes wrong
#
# ### The kernel, not flipped
#
# The best known mistake. Shapes are no guide at all, for the flipped kernel has the shape of the other. In the
# picture, three windows speak, and stamp their kernel on the image: rightly, and wrongly.
#
# ### The stride, forgotten
#
# If $G$ is slid over as it is, without $s - 1$ zeros between its entries, the result is too small; and who then pads
# it "until the shape fits" has a program that runs. Below, $L = \tfrac12 \sum_p y_p^2$, so that $G = y$, a blurred
# image with every second pixel left out. Its gradient should lie where the digit lies.

# %%
three = np.zeros((1, 22, 22, 1))
three[0, [1, 5, 16], [2, 14, 8]] = 1
blur = np.outer([1, 2, 2, 1], [1, 2, 2, 1])[:, :, None, None] / 36
halved = convolve(image, blur, stride=2, pad=1)

stamped = d_x_as_convolution(three, stamp, (28, 28))
not_flipped = d_x_as_convolution(three, stamp, (28, 28), flip=False)
spread = d_x_as_convolution(halved, blur, (28, 28), stride=2, pad=1)
squeezed = d_x_as_convolution(halved, blur, (28, 28), stride=2, pad=1, zeros_between=False)

figure, panels = plt.subplots(1, 5, figsize=(11, 2.7))
show(panels[0], stamped[0, :, :, 0], "right: flipped")
show(panels[1], not_flipped[0, :, :, 0], "wrong: not flipped")
show(panels[2], image[0, :, :, 0], "x", greys=True)
show(panels[3], spread[0, :, :, 0], "right: zeros between")
show(panels[4], squeezed[0, :, :, 0], "wrong: no zeros")
plt.show()

# %% [markdown]
# *Left: without the flip, each stamp is turned by half a turn. Right: without the zeros, the whole gradient sits in
# one corner, at half the size.*
#
# ### A tie, counted twice
#
# "The gradient goes to the pixels that equal the maximum": one line of NumPy, `(window == window.max()) * G`. Where
# two pixels tie, both get the whole of it, and where a window is blank, four. What goes back is then more than what
# came: $\sum_q \partial L / \partial x_q$ must be $\sum_p G_p$, for the winner of each window gets its number once.


# %%
def ties_counted_twice(x, y, G):
    """The pullback of max pooling with windows of 2, in one line, and wrong."""
    enlarge = np.ones((1, 2, 2, 1))
    return (x == np.kron(y, enlarge)) * np.kron(G, enlarge)


ones = np.ones((1, 4, 4, 1))
_, winner = max_pool(digit, 2, 2)
once, twice = max_pool_backward(winner, ones, digit.shape), ties_counted_twice(digit, max_pool(digit, 2, 2)[0], ones)
print(f"16 windows send back 1 each. Right: {once.sum():.0f} arrive. Wrong: {twice.sum():.0f}.")
assert once.sum() == 16


def share_of_ties(x):
    """The share of 2 x 2 windows in which more than one pixel is the largest."""
    y, _ = max_pool(x, 2, 2)
    largest = (x == np.kron(y, np.ones((1, 2, 2, 1)))).reshape(len(x), y.shape[1], 2, y.shape[2], 2, x.shape[3])
    return np.mean(largest.sum(axis=(2, 4)) > 1)


answers_double = answers[None].astype(np.float64)
print("windows with a tie:")
print(f"  in random numbers             {100 * share_of_ties(random.normal(size=(4, 28, 28, 1))):3.0f} %")
print(f"  in 20 images of MNIST         {100 * share_of_ties(images[:20].astype(np.float64)):3.0f} %")
print(f"  after a convolution           {100 * share_of_ties(answers_double):3.0f} %")
print(f"  after a convolution and relu  {100 * share_of_ties(np.maximum(answers_double, 0)):3.0f} %")

# %%
figure, panels = plt.subplots(1, 3, figsize=(9, 3.1))
show(panels[0], digit[0, :, :, 0], "x", greys=True)
show(panels[1], once[0, :, :, 0], "right: 16 arrive", limit=1.6)
show(panels[2], twice[0, :, :, 0], f"wrong: {twice.sum():.0f} arrive", limit=1.6)
for axes in panels:
    for line in (1.5, 3.5, 5.5):
        axes.axhline(line, color=GREY, linewidth=0.8)
        axes.axvline(line, color=GREY, linewidth=0.8)
plt.show()

# %% [markdown]
# ### A test sees only what it varies
#
# Each of these mistakes hides from a test that looks plausible: the flip from a symmetric kernel, such as the blur
# above; the stride from stride 1; the tie from random numbers, which never tie. And one more: the kernel's channels,
# not exchanged ($c \leftrightarrow o$). With grey images and one channel out there is nothing to exchange; with as
# many in as out, it runs; only with *unequal* numbers does it crash, and that is the friendliest of the three.


# %%
def error(wrong, right):
    """The largest difference, relative to the largest number; the bar of 1e-16 stands for none at all."""
    return max(np.max(np.abs(wrong - right)) / np.max(np.abs(right)), 1e-16)


def convolution_error(kernel, stride=1, **mistake):
    x = random.normal(size=(2, 8, 8, kernel.shape[2]))
    G = random.normal(size=convolve(x, kernel, stride=stride).shape)
    right, _, _ = convolve_backward(x, kernel, G, stride=stride)
    return error(d_x_as_convolution(G, kernel, (8, 8), stride=stride, **mistake), right)


def pooling_error(x):
    y, winner = max_pool(x, 2, 2)
    G = random.normal(size=y.shape)
    return error(ties_counted_twice(x, y, G), max_pool_backward(winner, G, x.shape))


random = np.random.default_rng(1)
symmetric, any_kernel = blur, random.normal(size=(3, 3, 2, 2))
tests = {
    "not flipped": [
        ("symmetric kernel", convolution_error(symmetric, flip=False)),
        ("random kernel", convolution_error(any_kernel, flip=False)),
    ],
    "stride forgotten": [
        ("stride 1", convolution_error(any_kernel, stride=1, zeros_between=False)),
        ("stride 2", convolution_error(any_kernel, stride=2, zeros_between=False)),
    ],
    "not exchanged": [
        ("one channel", convolution_error(any_kernel[:, :, :1, :1], exchange=False)),
        ("two and two", convolution_error(any_kernel, exchange=False)),
    ],
    "ties twice": [
        ("random numbers", pooling_error(random.normal(size=(2, 8, 8, 1)))),
        ("real digits", pooling_error(small_digits.train[0][:2].astype(np.float64))),
    ],
}
assert all(hides < 1e-12 < caught for (_, hides), (_, caught) in tests.values())

figure, axes = plt.subplots(figsize=(9, 3.6))
for row, pair in enumerate(tests.values()):
    for (test, height), offset, colour in zip(pair, (-0.19, 0.19), (ORANGE, BLUE), strict=True):
        axes.barh(row + offset, height, height=0.36, color=colour)
        axes.text(height * 1.5, row + offset, test, va="center", fontsize=10)
axes.axvline(1e-12, color=GREY, linestyle="--", linewidth=1)
axes.text(7e-13, -0.62, "passes", fontsize=10, color=GREY, ha="right")
axes.text(1.4e-12, -0.62, "is caught", fontsize=10, color=GREY, ha="left")
axes.set(xscale="log", xlim=(1e-17, 1e4), yticks=range(4), yticklabels=list(tests), ylim=(3.6, -0.95))
axes.set(xlabel="largest difference from the right gradient, relative", xticks=[1e-16, 1e-12, 1e-8, 1e-4, 1])
plt.show()

# %% [markdown]
# *Four wrong pullbacks. By the orange test each is right to the last bit; by the blue one it is off by as much as the
# gradient itself.*
#
# ## 9. Three exercises
#
# Fill in the functions and run the cells; each checks your answer and says `right`, or how far off it is. Solutions
# stand at the end.
#
# **Exercise 1. Every channel for itself.** In a *depthwise* convolution the channels are not mixed: each has a kernel
# of its own. In one dimension, without padding, $y_{pc} = \sum_r w_{rc}\, x_{p + r,\,c}$. Given $x$ (pixels ×
# channels), $w$ (taps × channels) and $G = \partial L/\partial y$, return $\partial L/\partial x$ and
# $\partial L/\partial w$.


# %%
def depthwise_pullback(x, w, G):
    d_x, d_w = np.zeros_like(x), np.zeros_like(w)
    # your loops here
    return d_x, d_w


def check_depthwise(answer):
    random = np.random.default_rng(10)
    x, w, G = random.normal(size=(7, 2)), random.normal(size=(3, 2)), random.normal(size=(5, 2))
    true = autodiff(lambda x, w: sum(w[r] * x[r : r + 5] for r in range(3)), x, w, g=G)
    return verdict(answer(x, w, G), true)


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


print(check_depthwise(depthwise_pullback))

# %% [markdown]
# **Exercise 2. A mean at the border.** Average pooling in one dimension, windows of 3 pixels, stride 2, one pixel of
# padding at each end, which *does not count*: a window at the border is the mean of the two pixels that it has. Given
# $G$ and the number of pixels $n$, return $\partial L/\partial x$. (There is no $x$ in it. Why?)


# %%
def average_pool_pullback(G, n):
    return None  # your lines here


def check_average_pool(answer):
    random = np.random.default_rng(11)
    x, G = random.normal(size=(1, 8, 1)), random.normal(size=(1, 4, 1))

    def pool(x):
        return ops.average_pool(x, window=3, stride=2, padding=((1, 1),))

    (true,) = autodiff(pool, x, g=G)
    return verdict([answer(G[0, :, 0], 8)], [true[0, :, 0]])


print(check_average_pool(average_pool_pullback))

# %% [markdown]
# **Exercise 3. A rule of your own.** On a circle there is no border: after the last pixel comes the first. A *circular
# convolution*, $y_p = \sum_r w_r\, x_{(p + r) \bmod n}$, suits angles, days of the week, panoramas. Below it is a
# `chainrule` rule whose forward pass is done: `jnp.roll(x, -r)` puts $x_{(p + r) \bmod n}$ at place $p$. Write the two
# lines. (Which way must $G$ be rolled?)


# %%
@rule
def circular(x, w):
    y = sum(w[r] * jnp.roll(x, -r) for r in range(len(w)))
    return y, (x, w)


@circular.defbackward
def circular_backward(residuals, d_output):
    x, w = residuals
    d_x = jnp.full_like(x, jnp.nan)  # your line here, in place of NaN
    d_w = jnp.full_like(w, jnp.nan)  # and here
    return d_x, d_w


def check_circular(candidate):
    random = np.random.default_rng(12)
    x, w, g = random.normal(size=7), random.normal(size=3), random.normal(size=7)
    return verdict(by_rule(candidate, x, w, g=g), autodiff(candidate, x, w, g=g))


print(check_circular(circular))

# %% [markdown]
# ### Solutions
#
# Open the next cell when you have tried.


# %% jupyter={"source_hidden": true}
def depthwise_solution(x, w, G):
    # one product w_rc x_(p+r)c, two terms: to the pixel the weight times G_pc, to the weight the pixel times G_pc;
    # nothing is summed over the channels, for no two of them meet
    d_x, d_w = np.zeros_like(x), np.zeros_like(w)
    for p in range(len(G)):
        for r in range(len(w)):
            d_x[p + r] += w[r] * G[p]
            d_w[r] += x[p + r] * G[p]
    return d_x, d_w


def average_pool_solution(G, n):
    # window p sees the pixels 2p - 1, 2p, 2p + 1, those that there are; each gets an equal share. A mean is linear, so
    # its derivative is the same whatever x is
    d_x = np.zeros(n)
    for p in range(len(G)):
        seen = [q for q in (2 * p - 1, 2 * p, 2 * p + 1) if 0 <= q < n]
        d_x[seen] += G[p] / len(seen)
    return d_x


@rule
def circular_solution(x, w):
    y = sum(w[r] * jnp.roll(x, -r) for r in range(len(w)))
    return y, (x, w)


@circular_solution.defbackward
def circular_solution_backward(residuals, d_output):
    # q = (p + r) mod n, so p = (q - r) mod n: dL/dx_q = sum_r w_r G_((q - r) mod n), rolled the other way;
    # dL/dw_r = sum_p x_((p + r) mod n) G_p
    x, w = residuals
    d_x = sum(w[r] * jnp.roll(d_output, r) for r in range(len(w)))
    d_w = jnp.stack([jnp.sum(jnp.roll(x, -r) * d_output) for r in range(len(w))])
    return d_x, d_w


answers = (
    check_depthwise(depthwise_solution),
    check_average_pool(average_pool_solution),
    check_circular(circular_solution),
)
for number, answer in enumerate(answers, start=1):
    print(f"exercise {number}: {answer}")
assert answers == ("right",) * 3

# %% [markdown]
# ## 10. What was proved
#
# * **One dimension**: forward, both gradients and the bias on paper, in a loop, and as the matrices $C$ and
#   $C^{\mathsf T}$.
# * **The flip**: pixel $q$ lies under tap $q - p$ of window $p$; as windows go up, taps go down.
# * **Two dimensions**: $\partial L/\partial x$ and $\partial L/\partial w$ as plain loops, as convolutions again, by
#   the library's rule and by autodiff, with padding, stride, dilation and unequal channels.
# * **The transpose**: $\langle G, Cx\rangle = \langle C^{\mathsf T}G, x\rangle$ to the last digits; transposed
#   convolution is the backward pass, run forward.
# * **Max pooling**: the winner takes all, overlapping windows add, ties go to the first.
# * **Training**: hand and autodiff walk the same 20 steps.
# * And what proves *nothing*: a symmetric kernel, stride 1, one channel, random numbers where real ones tie.
#
# **Where it stands in the source.** Each file opens with its formula and the derivation.
#
# | In this lesson | In the package |
# |---|---|
# | Windows: padding, stride, dilation | [`ops/windows.py`](../src/chainrule/ops/windows.py) |
# | gather, spread, correlate | [`ops/convolution.py`](../src/chainrule/ops/convolution.py), [`layers/convolution.py`](../src/chainrule/layers/convolution.py) |
# | $C^{\mathsf T}$ as a forward pass | [`ops/transposed_convolution.py`](../src/chainrule/ops/transposed_convolution.py) |
# | Winners, means | [`ops/pooling.py`](../src/chainrule/ops/pooling.py), [`layers/pooling.py`](../src/chainrule/layers/pooling.py) |
# | The network | [`models/lenet.py`](../src/chainrule/models/lenet.py) |
# | The digits | [`data/mnist.py`](../src/chainrule/data/mnist.py), [`data/digits.py`](../src/chainrule/data/digits.py) |
#
# **Sources.**
#
# * Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, *Gradient-based learning applied to document recognition*,
#   Proceedings of the IEEE 86(11), 1998. The network of section 7, and the digits.
# * V. Dumoulin and F. Visin, *A guide to convolution arithmetic for deep learning*, 2016. Every case of section 2, and
#   of the transpose, drawn. <https://arxiv.org/abs/1603.07285>
# * I. Goodfellow, Y. Bengio and A. Courville, *Deep Learning*, MIT Press, 2016, chapter 9.
#   <https://www.deeplearningbook.org>
# * A. Odena, V. Dumoulin and C. Olah, *Deconvolution and checkerboard artifacts*, Distill, 2016, on section 5.
#   <https://distill.pub/2016/deconv-checkerboard>
