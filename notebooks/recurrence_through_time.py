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
# # Recurrence through time
#
# A sentence, a melody, the temperature of the last ten days: such data come one step at a time, and in any length. A
# *recurrent* network reads them as we do. It takes one step, and keeps a *state*: a few numbers in which it may note
# what it has read so far. The same small network, with the same weights, serves at every step.
#
# **The question of this lesson:** a weight that is used at every one of a hundred steps acts on the loss along a hundred
# roads, some of them a hundred steps long. What is its derivative? And what happens to a derivative on so long a road?
#
# The first answer is the chain rule once more, and a short loop that runs backwards. The second is why gated networks
# were invented. You need the lesson [`backpropagation_by_hand`](backpropagation_by_hand.ipynb), above all its sections
# 1 and 2.
#
# | | |
# |---|---|
# | 1 | Three steps, with numbers on paper |
# | 2 | Backpropagation through time |
# | 3 | One product after the loop |
# | 4 | What a gradient lives through |
# | 5 | Gates: the LSTM |
# | 6 | A memory, put to the test |
# | 7 | Truncation: what is lost |
# | 8 | Sequences of unequal length |
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
        print(f"{name:8} {a.shape!s:10}  hand against autodiff: {apart:.0e}")
        assert apart <= tolerance, f"{name}: the two disagree"


def autodiff(f, *arguments, argnums=0):
    """``jax.grad`` of f at these arguments, in 64 bits."""
    with jax.enable_x64(True):
        return jax.jit(jax.grad(f, argnums))(*arguments)


# %% [markdown]
# ## 1. Three steps, with numbers on paper
#
# The smallest recurrent network has a state of one number. At step $t$ it takes the input $x_t$, scaled by a weight
# $w$, and *its own last state*, scaled by a weight $u$, and bends the sum:
#
# $$h_t = \tanh(w\,x_t + u\,h_{t-1}), \qquad h_0 = 0 .$$
#
# It reads three numbers, $x = (1,\; 0.5,\; 0.2)$, and its last state should be $y = 1$: the loss is $L = (h_3 - y)^2$.
# With $w = 0.8$ and $u = 0.5$, forwards:
#
# $$
# \begin{aligned}
# h_1 &= \tanh(0.8 \cdot 1 + 0.5 \cdot 0) & &= 0.6640 \\
# h_2 &= \tanh(0.8 \cdot 0.5 + 0.5 \cdot 0.6640) & &= 0.6243 \\
# h_3 &= \tanh(0.8 \cdot 0.2 + 0.5 \cdot 0.6243) & &= 0.4399, \qquad L = 0.3137 .
# \end{aligned}
# $$
#
# If we write the three steps one after the other, we see nothing but a *deep network with three layers*, which happen
# to share their weights, and take a new input each. This is called **unrolling**. So backwards, as in any deep network,
# with the delta $\delta_t$ for the derivative of the loss by what the tanh of step $t$ is taken of:
#
# $$
# \begin{aligned}
# \delta_3 &= 2 (h_3 - y) \cdot (1 - h_3^2) & &= -0.9033 \\
# \delta_2 &= \delta_3 \cdot u \cdot (1 - h_2^2) & &= -0.2756 \\
# \delta_1 &= \delta_2 \cdot u \cdot (1 - h_1^2) & &= -0.0770
# \end{aligned}
# $$
#
# Each step back through time multiplies by $u\,(1 - h^2)$, here about $0.3$. Now the weights. **If step $t$ had weights
# of its own**, $w_t$ and $u_t$, their derivatives would be $\delta_t x_t$ and $\delta_t h_{t-1}$, as in every neuron.
# But all three are one and the same number, so a change of $w$ changes all three, and where a number acts along several
# roads, its effects add:
#
# $$
# \frac{dL}{dw} = \delta_1 x_1 + \delta_2 x_2 + \delta_3 x_3 = -0.3955, \qquad
# \frac{dL}{du} = \delta_1 h_0 + \delta_2 h_1 + \delta_3 h_2 = -0.7470 .
# $$
#
# The same in Python, and the referee:

# %%
x, w, u, y = [1.0, 0.5, 0.2], 0.8, 0.5, 1.0

h = [0.0]
for t in range(3):
    h.append(np.tanh(w * x[t] + u * h[t]))
L = (h[3] - y) ** 2

delta, back = [0.0] * 3, 2 * (h[3] - y)
for t in reversed(range(3)):
    delta[t] = back * (1 - h[t + 1] ** 2)
    back = delta[t] * u
dL_dw = sum(delta[t] * x[t] for t in range(3))
dL_du = sum(delta[t] * h[t] for t in range(3))

print("h     =", " ".join(f"{number:.4f}" for number in h[1:]), f"  L = {L:.4f}")
print("delta =", " ".join(f"{number:.4f}" for number in delta))
print(f"dL/dw = {dL_dw:.4f}   dL/du = {dL_du:.4f}")


def three_steps(w, u):
    h = 0.0
    for x_t in x:
        h = jnp.tanh(w * x_t + u * h)
    return (h - y) ** 2


auto = autodiff(three_steps, w, u, argnums=(0, 1))
referee({"dL/dw": dL_dw, "dL/du": dL_du}, dict(zip(["dL/dw", "dL/du"], auto, strict=True)))

# %%
figure, (folded, road) = plt.subplots(1, 2, figsize=(10.5, 3.6), width_ratios=[1, 4.2])


def signed(number, digits=4):
    return f"{number:.{digits}f}".replace("-", "−")


def arrow(axes, start, end, colour, bend=0.0, gap=14):
    style = {"arrowstyle": "-|>", "color": colour, "shrinkA": gap, "shrinkB": gap, "linewidth": 1.6}
    axes.annotate("", end, start, arrowprops={**style, "connectionstyle": f"arc3,rad={bend}"})


box = {"boxstyle": "round,pad=0.45", "fc": "white"}
folded.text(0, 0, "h", ha="center", va="center", bbox=box, fontsize=12)
folded.text(0, -1.25, "x", ha="center", va="center", fontsize=12)
arrow(folded, (0, -1.25), (0, 0), BLUE)
folded.text(0.06, -0.75, "w", color=BLUE)
loop = {"arrowstyle": "-|>", "color": BLUE, "shrinkA": 10, "shrinkB": 10, "linewidth": 1.6}
folded.annotate("", (-0.13, 0.06), (0.13, 0.06), arrowprops={**loop, "connectionstyle": "arc3,rad=2.6"})
folded.text(0, 0.98, "u", color=BLUE, ha="center")
folded.set(xlim=(-0.6, 0.6), ylim=(-1.6, 1.5), title="folded")
for t in range(4):
    road.text(t, 0, f"$h_{t}$ = {h[t]:.4f}" if t else "$h_0$ = 0", ha="center", va="center", bbox=box)
    if t:
        arrow(road, (t - 0.9, 0.12), (t - 0.1, 0.12), BLUE, -0.2, 16)
        arrow(road, (t, -1.25), (t, -0.06), BLUE)
        road.text(t, -1.35, f"$x_{t}$ = {x[t - 1]:.1f}", ha="center", va="center")
        road.text(t - 0.05, -0.82, "w", color=BLUE, ha="right")
        road.text(t + 0.05, -0.82, f"δ = {signed(delta[t - 1])}", color=RED)
        road.text(t - 0.5, 0.36, "u", color=BLUE, ha="center")
        if t > 1:
            arrow(road, (t - 0.1, -0.12), (t - 0.9, -0.12), RED, -0.2, 16)
            road.text(t - 0.5, -0.48, f"× {u * (1 - h[t - 1] ** 2):.4f}", color=RED, ha="center", fontsize=10)
arrow(road, (3.25, 0), (3.75, 0), BLUE, 0, 10)
road.text(3.95, 0, f"L = {L:.4f}", ha="center", va="center", bbox=box)
road.text(-0.2, 1.15, "forward: the state is handed on", color=BLUE)
road.text(1.5, 1.15, "backward: the delta is handed back", color=RED)
road.set(xlim=(-0.4, 4.4), ylim=(-1.6, 1.5), title="unrolled in time")
for axes in (folded, road):
    axes.axis("off")
plt.show()

# %% [markdown]
# *On the left the network as it is built, on the right as it runs. Red: each delta is the one to its right, times
# $u\,(1 - h^2)$, the number at the arrow. The delta is 12 times smaller after two steps back. Section 4 is about that.*
#
# ## 2. Backpropagation through time
#
# Now with many numbers. A batch of $n$ sequences has inputs $x_t$ at time $t$, an $n \times d$ matrix with one sequence
# a row; the state $h_t$ is $n \times m$; and the *Elman network* (J. Elman, 1990) is
#
# $$h_t = \tanh(a_t), \qquad a_t = x_t W + h_{t-1} U + b, \qquad t = 1 \dots T,$$
#
# with $W$ $(d \times m)$, $U$ $(m \times m)$ and $b$ the same at all times. The loss may look at every $h_t$, as in a
# text where each next letter is predicted; we write $G_t$ for what it says of $h_t$ *directly*, that is, with the later
# states held still.
#
# Let $g_t = \partial L / \partial h_t$ *in all*. The state $h_t$ has two ways to the loss: its own, and through
# $h_{t+1}$. They add:
#
# $$g_t = G_t + \underbrace{\delta_{t+1} U^{\mathsf T}}_{\text{from step } t + 1}, \qquad
# \delta_t = \frac{\partial L}{\partial a_t} = g_t \odot (1 - h_t^2) .$$
#
# ($a_{t+1}$ contains $h_t U$, and a product with $U$ goes back as one with $U^{\mathsf T}$: section 2 of the first
# lesson.) The last state has no step after it: $g_T = G_T$. So we start at the end of time, and carry $g$ to its
# beginning. The rest of each step is a dense layer's, except that the weights are shared by all steps, and gather from
# all:
#
# $$
# \boxed{\;
# \frac{\partial L}{\partial W} = \sum_t x_t^{\mathsf T} \delta_t, \quad
# \frac{\partial L}{\partial U} = \sum_t h_{t-1}^{\mathsf T} \delta_t, \quad
# \frac{\partial L}{\partial b} = \sum_t \mathbf 1^{\mathsf T} \delta_t, \quad
# \frac{\partial L}{\partial x_t} = \delta_t W^{\mathsf T}, \quad
# \frac{\partial L}{\partial h_0} = \delta_1 U^{\mathsf T}
# \;}
# $$
#
# This is **backpropagation through time** (P. Werbos, 1990). Note $h_{t-1}$ in the second sum: $U$ met the state
# *before* the step. In NumPy, for any $G$, all sizes different:


# %%
def rnn_forward(x, start, W, U, b):
    """The states (n, T + 1, m): the start, and the state after each step."""
    states = [start]
    for t in range(x.shape[1]):
        states.append(np.tanh(x[:, t] @ W + states[-1] @ U + b))
    return np.stack(states, axis=1)


def rnn_backward(x, states, W, U, G):
    """All gradients, from G (n, T, m), what the loss says directly of the state after each step."""
    d_x, d_W, d_U, d_b = np.zeros_like(x), np.zeros_like(W), np.zeros_like(U), np.zeros(len(U))
    carry = np.zeros_like(states[:, 0])
    for t in reversed(range(x.shape[1])):
        before, after = states[:, t], states[:, t + 1]
        g = G[:, t] + carry
        delta = g * (1 - after**2)
        d_x[:, t] = delta @ W.T
        d_W += x[:, t].T @ delta
        d_U += before.T @ delta
        d_b += delta.sum(axis=0)
        carry = delta @ U.T
    return {"x": d_x, "start": carry, "W": d_W, "U": d_U, "b": d_b}


random = np.random.default_rng(0)
n, T, d, m = 3, 6, 2, 4
x, start = random.normal(size=(n, T, d)), random.normal(size=(n, m))
W, U, b = random.normal(size=(d, m)), random.normal(size=(m, m)) / 2, random.normal(size=m)
G = random.normal(size=(n, T, m))

states = rnn_forward(x, start, W, U, b)
by_hand = rnn_backward(x, states, W, U, G)


def rnn_loss(x, start, W, U, b):
    h, total = start, 0.0
    for t in range(x.shape[1]):
        h = jnp.tanh(x[:, t] @ W + h @ U + b)
        total += jnp.sum(G[:, t] * h)
    return total


auto = autodiff(rnn_loss, x, start, W, U, b, argnums=(0, 1, 2, 3, 4))
referee(by_hand, dict(zip(by_hand, auto, strict=True)))

# %% [markdown]
# ## 3. One product after the loop
#
# The loop above has more in it than it needs. What must be done step by step? Only what needs the step before: forwards
# $h_{t-1} U$, backwards $\delta_{t+1} U^{\mathsf T}$. The inputs are all known before the loop, and the deltas are all
# known after it.
#
# Write all the inputs below each other as one tall matrix $X$ of $T n$ rows, and the deltas likewise as $\Delta$. A
# matrix product sums over the rows that meet, whether these are counted in one go or in $T$ portions:
#
# $$\sum_{t} x_t^{\mathsf T} \delta_t = \begin{pmatrix} x_1^{\mathsf T} & \cdots & x_T^{\mathsf T} \end{pmatrix}
# \begin{pmatrix} \delta_1 \\ \vdots \\ \delta_T \end{pmatrix} = X^{\mathsf T} \Delta .$$
#
# So there is **one product before the loop** ($X W$, for all times) and **one after it for each gradient**:
# $X^{\mathsf T}\Delta$, $H_{\text{before}}^{\mathsf T}\Delta$, $\mathbf 1^{\mathsf T}\Delta$ and
# $\Delta W^{\mathsf T}$. The same numbers are multiplied. But a loop that adds to $\partial L/\partial W$ at each step
# reads and writes that whole matrix $T$ times, and a processor multiplies one tall matrix much faster than many small
# ones, one after the other. The library's rule `ops.rnn` works like this. We count the matrix products in the programs
# that JAX is given: by hand, and as autodiff makes it from the plain loop.


# %%
def count_products(jaxpr, in_loop=False):
    """How many matrix products a program has (outside loops, inside of them)."""
    counts = np.zeros(2, int)
    for equation in jaxpr.eqns:
        counts[int(in_loop)] += equation.primitive.name == "dot_general"
        for value in equation.params.values():
            if hasattr(value, "jaxpr"):
                counts += count_products(value.jaxpr, in_loop or equation.primitive.name in ("scan", "while"))
    return counts


def plain_loop(x, start, W, U, b):
    def step(h, x_t):
        h = jnp.tanh(x_t @ W + h @ U + b)
        return h, h

    _, hs = jax.lax.scan(step, start, jnp.swapaxes(x, 0, 1))
    return jnp.swapaxes(hs, 0, 1)


def plain_loop_by_autodiff(G, *arguments):
    _, pullback = jax.vjp(plain_loop, *arguments)
    return pullback(G)


def rule_by_hand(G, *arguments):
    (_, end), pullback = ops.rnn.vjp(*arguments)
    return pullback((G, jnp.zeros_like(end)))


with jax.enable_x64(True):
    arguments = [jnp.asarray(value) for value in (G, x, start, W, U, b)]
    for name, f in (("plain loop, by autodiff", plain_loop_by_autodiff), ("ops.rnn, by hand", rule_by_hand)):
        outside, inside = count_products(jax.make_jaxpr(f)(*arguments).jaxpr)
        print(f"{name:24} matrix products inside the two loops: {inside}, outside: {outside}")
    of_rule = jax.jit(rule_by_hand)(*arguments)

print()
referee(dict(zip(by_hand, of_rule, strict=True)), dict(zip(by_hand, auto, strict=True)))

# %% [markdown]
# Two are left in the loops, one forwards and one backwards: those with $U$, which cannot be moved. And the gradients
# are those of section 2. (The five outside are $X W$ and the four after the loop.)
#
# ## 4. What a gradient lives through
#
# How does the last state depend on a state $k$ steps earlier? Each step back multiplies by $1 - h^2$, number by number,
# and by $U^{\mathsf T}$. So what the loss says of $h_T$ arrives at $h_{T-k}$ as a product of $k$ such factors:
#
# $$g_{T-k} = g_T\, D_T U^{\mathsf T}\, D_{T-1} U^{\mathsf T} \cdots D_{T-k+1} U^{\mathsf T}, \qquad D_t = \text{the diagonal matrix of } 1 - h_t^2 .$$
#
# With one number as the state and no tanh it is plain: $g_{T-k} = u^k g_T$. With $u = 0.8$, a hundred steps leave
# $0.8^{100} = 2 \cdot 10^{-10}$; with $u = 1.2$ they leave $1.2^{100} = 8 \cdot 10^{7}$. There is nothing between but
# $u = 1$.
#
# A matrix behaves like its largest *eigenvalue*. A direction $v$ is an eigenvector of $U^{\mathsf T}$ if
# $U^{\mathsf T}$ only stretches it, $v\,U^{\mathsf T} = \lambda v$; then $v\,(U^{\mathsf T})^k = \lambda^k v$. Almost
# any start has some part along the direction with the largest $|\lambda|$, and after many steps that part is all that
# counts. This largest $|\lambda|$ is called the **spectral radius** $\rho$. Without the tanh:
# $|g_{T-k}| \approx \rho^k\, |g_T|$. The tanh only makes it smaller, as $1 - h^2 \le 1$.


# %%
def gradient_lengths(rho, steps=100, width=64, bend=True):
    """The length of g after 0, 1, ... steps back in time, in the mean over 8 starts; the first is 1."""
    random = np.random.default_rng(1)
    U = random.normal(size=(width, width))
    U *= rho / np.max(np.abs(np.linalg.eigvals(U)))
    h, slopes = np.zeros(width), []
    for _ in range(steps):
        h = np.tanh(0.1 * random.normal(size=width) + h @ U)
        slopes.append(1 - h**2 if bend else np.ones(width))
    g = random.normal(size=(8, width))
    lengths = [np.linalg.norm(g, axis=1).mean()]
    for slope in reversed(slopes):
        g = (g * slope) @ U.T
        lengths.append(np.linalg.norm(g, axis=1).mean())
    return np.array(lengths) / lengths[0]


distance = np.arange(101)
radii = {0.8: GREEN, 1.0: BLUE, 1.2: RED}
figure, panels = plt.subplots(1, 2, figsize=(10.5, 3.7), sharey=True)
for axes, bend, title in zip(panels, (False, True), ("Without the tanh", "With the tanh"), strict=True):
    for rho, colour in radii.items():
        axes.plot(distance, gradient_lengths(rho, bend=bend), color=colour, label=f"ρ = {rho}")
        axes.plot(distance, rho ** distance.astype(float), color=GREY, linewidth=1, linestyle="--")
    axes.set(yscale="log", ylim=(1e-16, 1e10), xlabel="distance k (steps back in time)", title=title)
panels[0].set_ylabel("length of the gradient, at k = 0: 1")
panels[0].legend(loc="lower left")
panels[1].text(97, 2e8, r"dashed: $\rho^{\,k}$", color=GREY, ha="right")
plt.show()

# %% [markdown]
# *A logarithmic scale, on which a power is a straight line. Only a network at the edge keeps its gradient, and the tanh
# bends even that one down: each step takes a little away. With ρ = 1.2 the tanh holds the growth back, for the states
# swing so far that their slopes are small; a network with larger weights, or quieter states, still explodes. (Why the
# lines lie a little off the dashed ones: in the first steps the other directions die away.)*
#
# A gradient that **vanishes** does not stop the learning; the short roads still give one. What is lost is the share of
# the long roads: the network learns what yesterday has to do with today, and nothing about last month. A gradient that
# **explodes** is seen at once, and there is a cure: where the gradient of all parameters together is longer than a
# limit, it is shortened to the limit, with its direction kept. In the library that is `optim.clip_by_global_norm`;
# section 6 uses it.
#
# ## 5. Gates: the LSTM
#
# The trouble is that the state is *rewritten* at each step: multiplied by a matrix, and squashed. Let us have a second
# state, the **cell** $c$, that is left alone unless there is a reason. Number by number,
#
# $$c_t = f_t \odot c_{t-1} + i_t \odot \gamma_t .$$
#
# Here $\gamma_t$ is what may be written, and $f_t$ and $i_t$ are **gates**: numbers between 0 and 1 that say how much
# of the old is kept (the *forget gate*) and how much of the new is let in (the *input gate*). A gate at 0 or 1 is a
# switch; in between it is a soft switch, which has a derivative, so that the network can *learn* when to keep and when
# to write. A gate is a sigmoid of an affine map of what the network sees, and a third one, $o_t$, says how much of the
# cell is shown:
#
# $$
# [\,p_i \;\; p_f \;\; p_\gamma \;\; p_o\,] = x_t W + h_{t-1} U + b, \qquad
# i = s(p_i),\; f = s(p_f),\; \gamma = \tanh(p_\gamma),\; o = s(p_o), \qquad s(z) = \frac{1}{1 + e^{-z}},
# $$
#
# $$c_t = f c_{t-1} + i \gamma, \qquad h_t = o \tanh(c_t) .$$
#
# One product with $W$ and one with $U$ give all four, side by side. This is the *long short-term memory* (S. Hochreiter
# and J. Schmidhuber, 1997).
#
# **Backwards.** Two things now come back from step $t + 1$: something for $h_t$ and something for $c_t$. Let $\dot h$
# stand for $\partial L/\partial h_t$ in all, and $\dot c'$ for what comes back for $c_t$ from step $t + 1$. With
# $\tau = \tanh(c_t)$, line by line, the last first:
#
# $$
# \begin{aligned}
# h_t &= o\,\tau &&\Rightarrow& \dot o &= \dot h\, \tau, \qquad \dot c = \dot c' + \dot h\, o\,(1 - \tau^2)
# && \text{($c_t$ has two ways to the loss)} \\
# c_t &= f c_{t-1} + i \gamma &&\Rightarrow& \dot f &= \dot c\, c_{t-1}, \quad \dot i = \dot c\, \gamma, \quad \dot \gamma = \dot c\, i,
# && \boxed{\;\dot c_{t-1}' = \dot c\, f\;} \\
# i &= s(p_i), \dots &&\Rightarrow& \dot p_i &= \dot i\, i (1 - i), \quad \dot p_f = \dot f\, f (1 - f), \quad \dot p_o = \dot o\, o (1 - o)
# && (s' = s (1 - s)) \\
# \gamma &= \tanh(p_\gamma) &&\Rightarrow& \dot p_\gamma &= \dot\gamma\, (1 - \gamma^2) \\
# p &= x_t W + h_{t-1} U + b &&\Rightarrow& \dot h_{t-1}' &= \dot p\, U^{\mathsf T}
# && \text{and $W$, $U$, $b$ gather, as before}
# \end{aligned}
# $$
#
# The box is the point. Along the cell a gradient is multiplied by $f$: no matrix, no slope of a tanh. Where the forget
# gate is open, at 1, **it goes back unchanged**.


# %%
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def lstm_forward(x, h, c, W, U, b):
    """The outputs h after each step (n, T, m), the end, and what the way back needs of each step."""
    hs, kept = [], []
    for t in range(x.shape[1]):
        i, f, gamma, o = np.split(x[:, t] @ W + h @ U + b, 4, axis=1)
        i, f, gamma, o = sigmoid(i), sigmoid(f), np.tanh(gamma), sigmoid(o)
        kept.append((h, c, i, f, gamma, o))
        c = f * c + i * gamma
        h = o * np.tanh(c)
        hs.append(h)
    return np.stack(hs, axis=1), (h, c), kept


def lstm_backward(x, kept, W, U, G, d_h, d_c):
    """All gradients, from G for the outputs and d_h, d_c for the end; and the cotangents of the cell, last step first."""
    d_p, of_cell = [], []
    for t in reversed(range(x.shape[1])):
        h, c, i, f, gamma, o = kept[t]
        tau = np.tanh(f * c + i * gamma)
        d_h = d_h + G[:, t]
        d_c = d_c + d_h * o * (1 - tau**2)
        d_gates = d_c * gamma * i * (1 - i), d_c * c * f * (1 - f), d_c * i * (1 - gamma**2), d_h * tau * o * (1 - o)
        d_p.append(np.concatenate(d_gates, axis=1))
        of_cell.append(d_c)
        d_h, d_c = d_p[-1] @ U.T, d_c * f
    rows = np.concatenate(d_p[::-1])  # all times below each other: one product for each gradient, after the loop
    met = np.concatenate([step[0] for step in kept])
    inputs = np.concatenate(list(np.swapaxes(x, 0, 1)))
    d_x = np.swapaxes((rows @ W.T).reshape(x.shape[1], len(x), -1), 0, 1)
    gradients = {"x": d_x, "h": d_h, "c": d_c, "W": inputs.T @ rows, "U": met.T @ rows, "b": rows.sum(axis=0)}
    return gradients, of_cell


random = np.random.default_rng(2)
W, U, b = random.normal(size=(d, 4 * m)), random.normal(size=(m, 4 * m)) / 2, random.normal(size=4 * m)
h, c = random.normal(size=(n, m)), random.normal(size=(n, m))
d_h, d_c = random.normal(size=(n, m)), random.normal(size=(n, m))
hs, end, kept = lstm_forward(x, h, c, W, U, b)
by_hand, _ = lstm_backward(x, kept, W, U, G, d_h, d_c)


def lstm_loss(*arguments):
    ys, (h_end, c_end) = ops.lstm(*arguments)
    return jnp.sum(G * ys) + jnp.sum(d_h * h_end) + jnp.sum(d_c * c_end)


def lstm_rule(*arguments):
    outputs, pullback = ops.lstm.vjp(*arguments)
    return outputs, pullback((jnp.asarray(G), (jnp.asarray(d_h), jnp.asarray(d_c))))


auto = dict(zip(by_hand, autodiff(lstm_loss, x, h, c, W, U, b, argnums=(0, 1, 2, 3, 4, 5)), strict=True))
print("our NumPy loops:")
referee(by_hand, auto)
with jax.enable_x64(True):
    (ys, _), of_rule = jax.jit(lstm_rule)(x, h, c, W, U, b)
print("ops.lstm.vjp:")
referee(dict(zip(by_hand, of_rule, strict=True)), auto)
print("and the two forward passes agree:", np.allclose(ys, hs, rtol=1e-13))

# %% [markdown]
# Now the picture of section 4 again, for the cell of an LSTM. Its gates depend on the weights and the inputs; what we
# may choose at the start is the forget gate's *bias*. With all else near 0 the gate is $f = s(b_f)$, and a gradient $k$
# steps old is $f^k$ of what it was:


# %%
def cell_gradient_lengths(forget_bias, steps=100, width=64):
    """The length of the cell's cotangent, given at the last step alone, after 0, 1, ... steps back in time."""
    random = np.random.default_rng(3)
    x = 0.1 * random.normal(size=(8, steps, width))
    W, U = (0.1 * random.normal(size=(width, 4 * width)) / np.sqrt(width) for _ in range(2))
    b = np.concatenate([np.zeros(width), np.full(width, forget_bias), np.zeros(2 * width)])
    zero = np.zeros((8, width))
    _, _, kept = lstm_forward(x, zero, zero, W, U, b)
    _, of_cell = lstm_backward(x, kept, W, U, np.zeros((8, steps, width)), zero, random.normal(size=(8, width)))
    lengths = np.array([np.linalg.norm(d_c, axis=1).mean() for d_c in of_cell])
    return lengths / lengths[0]


figure, axes = plt.subplots(figsize=(8.5, 4))
for forget_bias, colour in ((0.0, RED), (1.0, ORANGE), (3.0, GREEN), (6.0, BLUE)):
    f = sigmoid(forget_bias)
    name = f"LSTM, bias {forget_bias:.0f}: f ≈ {f:.3f}"
    axes.plot(distance[:-1], cell_gradient_lengths(forget_bias), color=colour, label=name)
    axes.plot(distance[:-1], f ** distance[:-1].astype(float), color="black", linewidth=1, linestyle=":")
axes.plot([], [], color="black", linewidth=1, linestyle=":", label=r"$f^{\,k}$, for each")
axes.plot(distance, gradient_lengths(0.8), color=GREY, linewidth=1.5, linestyle="--", label="RNN, ρ = 0.8")
axes.set(yscale="log", ylim=(1e-16, 10), xlabel="distance k (steps back in time)")
axes.set(ylabel="length of ∂L/∂c, at k = 0: 1", title="What arrives, by the bias of the forget gate")
axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# *An LSTM with gates half open forgets as fast as any other network. What makes it remember is a forget gate near 1;
# therefore the library starts with the bias 1 (as R. Jozefowicz and others advise, 2015), and a higher one tells the
# network from the outset that memories here are long. (What the curves have above $f^k$ came by the other way, through
# $h$ and the gates.)*
#
# The **GRU** (K. Cho and others, 2014) has one state and one gate for both, "keep" and "write" in shares that sum to 1:
# $h_t = z\,h_{t-1} + (1 - z)\,\nu_t$. Its step is exercise 3; with a second gate it is `ops.gru`.
#
# ## 6. A memory, put to the test
#
# The task: the first step shows one of four symbols. Then come 59 steps of noise. At the end: which symbol was it?
# Nothing after step 1 helps. To learn this, a gradient has to come from step 60 to step 1.


# %%
STEPS = 60


def remember(count, seed):
    """Sequences (count, STEPS, 6): a symbol as one of four ones at the first step, then noise in two features."""
    random = np.random.default_rng(seed)
    symbol = random.integers(4, size=count)
    x = np.zeros((count, STEPS, 6), np.float32)
    x[np.arange(count), 0, symbol] = 1
    x[:, 1:, 4:] = random.normal(size=(count, STEPS - 1, 2))
    return x, symbol.astype(np.int32)


training, held_out = remember(512, seed=10), remember(256, seed=11)
WIDTH = 24


def learn(layer, forget_bias=None):
    model = cr.chain(layer, layers.Dense(4))
    params, _ = model.init(jax.random.key(0), (STEPS, 6))
    if forget_bias is not None:
        recurrent, dense = params
        bias = recurrent["bias"].at[WIDTH : 2 * WIDTH].set(forget_bias)  # the gates stand in the order i, f, g, o
        params = ({**recurrent, "bias": bias}, dense)
    run = train.fit(
        model,
        losses.cross_entropy,
        optim.chain(optim.clip_by_global_norm(1.0), optim.adam(0.005)),
        training,
        epochs=20,
        batch_size=64,
        key=jax.random.key(1),
        params=params,
        validation=held_out,
        gradients="hand",
        progress=False,
    )
    return run, params


def reach(params):
    """How long the gradient is that comes back to each step's input, against the last step's, from a random one of h_T."""
    W, U, b = (np.asarray(params[0][name], np.float64) for name in ("weight_x", "weight_h", "bias"))
    x, zero = held_out[0].astype(np.float64), np.zeros((len(held_out[0]), WIDTH))
    G = np.zeros((len(x), STEPS, WIDTH))
    G[:, -1] = np.random.default_rng(0).normal(size=zero.shape)
    if U.shape == (WIDTH, WIDTH):
        d_x = rnn_backward(x, rnn_forward(x, zero, W, U, b), W, U, G)["x"]
    else:
        d_x = lstm_backward(x, lstm_forward(x, zero, zero, W, U, b)[2], W, U, G, zero, zero)[0]["x"]
    lengths = np.linalg.norm(d_x, axis=(0, 2))
    return lengths / lengths[-1]


contestants = {
    "RNN": learn(layers.RNN(WIDTH, last=True)),
    "LSTM, forget bias 1": learn(layers.LSTM(WIDTH, last=True), 1.0),
    "LSTM, forget bias 4": learn(layers.LSTM(WIDTH, last=True), 4.0),
}
runs = {name: run for name, (run, _) in contestants.items()}
beginnings = {name: reach(params) for name, (_, params) in contestants.items()}
for name, run in runs.items():
    right = 100 * run.history["validation_accuracy"][-1]
    print(f"{name:20} right on {right:3.0f} % of the sequences held out", end="; ")
    print(f"at the beginning, gradient at step 1 / at step {STEPS}: {beginnings[name][0]:.0e}")

# %%
figure, (curves, back, inside) = plt.subplots(1, 3, figsize=(12.5, 3.8), width_ratios=[1, 1, 1.3])
for (name, run), colour in zip(runs.items(), (RED, ORANGE, BLUE), strict=True):
    back.plot(np.arange(1, STEPS + 1), beginnings[name], color=colour, label=name)
    curves.plot(np.arange(1, 21), 100 * np.array(run.history["validation_accuracy"]), color=colour)
curves.axhline(25, color=GREY, linewidth=1, linestyle="--")
curves.text(20, 27, "guessing", color=GREY, ha="right")
curves.set(xlabel="epoch", ylabel="right on held-out sequences (%)", ylim=(0, 104), xticks=[1, 5, 10, 15, 20])
curves.set_title(f"Which symbol, {STEPS} steps ago?")
back.set(yscale="log", xlabel="step", ylabel=f"length of ∂L/∂x, at step {STEPS}: 1", title="Before training")
back.legend(loc="lower right", fontsize=10, handlelength=1.2)

trained = runs["LSTM, forget bias 4"]
cell_weights = {name: np.asarray(value, np.float64) for name, value in trained.params[0].items()}
weights = cell_weights["weight_x"], cell_weights["weight_h"], cell_weights["bias"]
zero = np.zeros((40, WIDTH))
_, _, kept = lstm_forward(held_out[0][:40].astype(np.float64), zero, zero, *weights)
cells = np.stack([step[1] for step in kept[1:]], axis=1)  # c after each step but the last
_, _, directions = np.linalg.svd(cells[:, -1] - cells[:, -1].mean(axis=0))  # those in which the ends vary most
plane = cells @ directions[:2].T
for symbol, colour in enumerate((BLUE, ORANGE, GREEN, RED)):
    paths = plane[held_out[1][:40] == symbol]
    inside.plot(paths[..., 0].T, paths[..., 1].T, color=colour, linewidth=0.8, alpha=0.7)
    inside.plot(*paths[:, -1].T, "o", color=colour, markersize=4, label=f"symbol {symbol}")
inside.plot(*plane[:, 0].mean(axis=0), "o", color="black", label="after step 1")
inside.set(xlabel="cell c, first direction", ylabel="second direction", title="How the trained LSTM holds it")
inside.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# *In the middle how much gradient comes back to each step before the first update: to the symbol at step 1, in the RNN,
# a hundred-thousandth. On the right the trained LSTM's cell on its way through 40 sequences, coloured by the symbol
# that they began with. (Its 24 numbers are seen from the two directions in which they vary most.) After the first step
# the four are hardly apart. Then the gates keep what is there and write a little more of the same at each step, and the
# noise only makes the lines shake.*
#
# The three had the same data, the same steps, the same optimiser. What differs is how far back their gradients reach.
# (The *training* loss of the RNN goes down as well, from 1.44 to below 1.2: it has begun to learn the 512 sequences by
# heart, from the noise of their last steps, which is of no use for others.)
#
# ## 7. Truncation: what is lost
#
# Backpropagation through time keeps every state, from the first step to the last. For a text of a million letters that
# is too much, and one would have to read it all before the first update. So one cuts it into **windows** of $k$ steps:
# the state at the end of a window is where the next one starts, forwards nothing is lost; but backwards each window
# ends at its first step: *the state is carried, its cotangent is not*. That is **truncated backpropagation through
# time**.
#
# What is lost? The loss at step $t$, by way of the weight as it was used at step $s \le t$, gives a share $C_{ts}$ of
# the gradient, and the gradient is the sum of all shares. Windows keep those where $s$ and $t$ lie in the same window.


# %%
def shares(rho, steps=48, width=12, batch=4):
    """C[t, s]: the part of dL/dU that comes from the loss at step t through the weight at step s; with the inputs to it."""
    random = np.random.default_rng(4)
    W, b = random.normal(size=(width, width)) / np.sqrt(width), np.zeros(width)
    U = random.normal(size=(width, width))
    U *= rho / np.max(np.abs(np.linalg.eigvals(U)))
    x, G = 0.3 * random.normal(size=(batch, steps, width)), random.normal(size=(batch, steps, width))
    states = rnn_forward(x, np.zeros((batch, width)), W, U, b)
    C = np.zeros((steps, steps, width, width))
    for t in range(steps):
        g = G[:, t]  # the loss at step t alone
        for s in range(t, -1, -1):
            delta = g * (1 - states[:, s + 1] ** 2)
            C[t, s] = states[:, s].T @ delta
            g = delta @ U.T
    return C, (x, W, U, b, G)


def truncated(C, window):
    """The gradient that windows of this many steps give: the shares whose two steps lie in one window."""
    number = np.arange(len(C)) // window
    return np.sum(C * (number[:, None] == number)[..., None, None], axis=(0, 1))


C, inputs = shares(rho=0.9)
lengths = np.linalg.norm(C, axis=(2, 3))
figure, (picture, axes) = plt.subplots(1, 2, figsize=(10.5, 4))
shown = np.where(lengths > 0, np.log10(np.maximum(lengths, 1e-30)), np.nan)[:24, :24]
image = picture.imshow(shown, cmap="viridis", vmin=-2.5, vmax=1, extent=(0.5, 24.5, 24.5, 0.5))
for first in range(0, 24, 8):
    corners = [first + 0.5, first + 8.5, first + 8.5, first + 0.5], [first + 0.5, first + 0.5, first + 8.5, first + 8.5]
    picture.fill(*corners, fill=False, edgecolor=RED, linewidth=2)
picture.set(xlabel="step s, where the weight was used", ylabel="step t, where the loss looks")
picture.set_title("What windows of 8 steps keep (red)")
picture.spines[["left", "bottom"]].set_visible(False)
figure.colorbar(image, ax=picture, label=r"$\log_{10}$ length of the share", shrink=0.85)

windows = [1, 2, 3, 4, 6, 8, 12, 16, 24, 48]
for rho, colour in ((0.5, GREEN), (0.9, BLUE), (1.1, RED)):
    of_rho = C if rho == 0.9 else shares(rho)[0]
    full = of_rho.sum(axis=(0, 1))
    lost = [np.linalg.norm(truncated(of_rho, window) - full) / np.linalg.norm(full) for window in windows[:-1]]
    axes.plot(windows[:-1], 100 * np.array(lost), "o-", color=colour, label=f"ρ = {rho}")
axes.set(xscale="log", xticks=windows[:-1], xticklabels=windows[:-1], ylim=(0, None))
axes.minorticks_off()
axes.set(xlabel="window (steps), of 48", ylabel="error, % of the gradient's length", title="What is lost")
axes.legend()
plt.show()

# %% [markdown]
# *Left: near the diagonal the roads are short and the shares large. Outside the red squares everything is dropped, even
# shares one step long, at each border. (Step 1 has no share: it met $h_0 = 0$.) Right: a network that forgets fast
# loses little; one with a long memory loses most of its gradient.*
#
# The library's layers carry their state from call to call if they are given `carry_batch`. Two things to prove: windows
# with the state carried give exactly the sum of the kept shares; and if the **cotangent of the state is handed back as
# well**, from the later window to the earlier, they give the full gradient.

# %%
x, W, U, b, G = inputs
batch, width, window = len(x), len(U), 16
layer = layers.RNN(width, carry_batch=batch)


def run_windows(params, hand_back):
    state, pullbacks = {"hidden": jnp.zeros((batch, width))}, []
    for first in range(0, x.shape[1], window):
        (_, state), pullback = layer.vjp(params, jnp.asarray(x[:, first : first + window]), state)
        pullbacks.append(pullback)
    total, d_state = jnp.zeros_like(params["weight_h"]), jax.tree.map(jnp.zeros_like, state)
    for first, pullback in zip(reversed(range(0, x.shape[1], window)), reversed(pullbacks), strict=True):
        d_params, _, d_state = pullback((jnp.asarray(G[:, first : first + window]), d_state))
        total += d_params["weight_h"]
        if not hand_back:
            d_state = jax.tree.map(jnp.zeros_like, d_state)
    return total


with jax.enable_x64(True):
    params = {"weight_x": jnp.asarray(W), "weight_h": jnp.asarray(U), "bias": jnp.asarray(b)}
    compiled = jax.jit(run_windows, static_argnames="hand_back")
    kept_shares, everything = (np.asarray(compiled(params, hand_back=flag)) for flag in (False, True))
for name, windows_give, sums_give in (
    ("truncated", kept_shares, truncated(C, window)),
    ("in full", everything, C.sum(axis=(0, 1))),
):
    apart = np.max(np.abs(windows_give - sums_give)) / np.max(np.abs(sums_give))
    print(f"{name:10} three windows of 16 against the sum of shares: {apart:.0e}")
    assert apart < 1e-12

# %% [markdown]
# ## 8. Sequences of unequal length
#
# A batch is one array, but sentences are not of one length. The short ones are filled up with *padding*, and a **mask**
# says which steps are real. Where it is 0, the step must not happen:
#
# $$h_t = \begin{cases} \tanh(x_t W + h_{t-1} U + b) & \text{where the mask is 1} \\ h_{t-1} & \text{where it is 0} \end{cases}
# \qquad\Longrightarrow\qquad
# \delta_t = \begin{cases} g_t \odot (1 - h_t^2) \\ 0 \end{cases} \qquad
# g_{t-1} = G_{t-1} + \begin{cases} \delta_t U^{\mathsf T} \\ g_t \end{cases}$$
#
# Handing through is a function with derivative 1: backwards $g$ goes through as it is, and no weight gets anything. The
# last state is then the one after the last *real* step, wherever that is. The output at a padded step is set to 0, so
# that what a loss says about it does not count either.
#
# The proof: a batch of three sequences of 6, 4 and 1 steps, with rubbish for padding, against each sequence on its own,
# without any padding, through our loops of section 2.

# %%
random = np.random.default_rng(5)
n, T, d, m = 3, 6, 2, 4
lengths = np.array([6, 4, 1])
mask = np.arange(T) < lengths[:, None]
x = np.where(mask[..., None], random.normal(size=(n, T, d)), 1000.0)
W, U, b = random.normal(size=(d, m)), random.normal(size=(m, m)) / 2, random.normal(size=m)
start, G, d_end = random.normal(size=(n, m)), random.normal(size=(n, T, m)), random.normal(size=(n, m))

alone = {"W": 0, "U": 0, "b": 0}
for sequence, length in enumerate(lengths):
    one = slice(sequence, sequence + 1)
    states = rnn_forward(x[one, :length], start[one], W, U, b)
    directly = G[one, :length].copy()
    directly[:, -1] += d_end[one]  # the loss looks at the last real state, too
    gradients = rnn_backward(x[one, :length], states, W, U, directly)
    alone = {name: alone[name] + gradients[name] for name in alone}


def masked(*arguments):
    _, pullback = ops.rnn.vjp(*arguments)
    return pullback((jnp.asarray(G), jnp.asarray(d_end)))


with jax.enable_x64(True):
    d_x, _, *of_weights, _ = jax.jit(masked)(x, start, W, U, b, mask)
for name, together in zip(alone, of_weights, strict=True):
    apart = np.max(np.abs(np.asarray(together) - alone[name])) / np.max(np.abs(alone[name]))
    print(f"dL/d{name}: one masked batch against three sequences alone: {apart:.0e}")
    assert apart < 1e-12
print("the padding gets no gradient:", not np.any(np.asarray(d_x)[~mask]))

# %% [markdown]
# ## 9. What goes wrong
#
# ### The carry is dropped
#
# One forgets to hand $\delta_{t+1} U^{\mathsf T}$ back; or a library cuts it, because somebody detached the state. With
# one step there is nothing to hand back, and the gradient is *right*. A test on sequences of length 1 passes:


# %%
def without_carry(x, states, W, U, G):
    """Section 2 with the line `carry = delta @ U.T` forgotten."""
    delta = G * (1 - states[:, 1:] ** 2)
    d_W = np.einsum("bti,btj->ij", x, delta)
    return {"W": d_W, "U": np.einsum("bti,btj->ij", states[:, :-1], delta), "b": delta.sum(axis=(0, 1))}


steps = [1, 2, 3, 5, 10, 20, 40]
random = np.random.default_rng(6)
long_x, long_G = random.normal(size=(n, 40, d)), random.normal(size=(n, 40, m))
off = {"every step": {}, "the last step alone": {}}
for T in steps:
    states = rnn_forward(long_x[:, :T], start, W, U, b)
    everywhere = long_G[:, :T]
    at_end = np.where(np.arange(T)[:, None] == T - 1, everywhere, 0)
    for looks_at, G in zip(off, (everywhere, at_end), strict=True):
        right = rnn_backward(long_x[:, :T], states, W, U, G)
        wrong = without_carry(long_x[:, :T], states, W, U, G)
        off[looks_at][T] = {
            name: np.linalg.norm(wrong[name] - right[name]) / np.linalg.norm(right[name]) for name in wrong
        }
print("error of each gradient, % of its length; the loss looks at every step")
print("steps  dL/dW  dL/dU  dL/db")
for T, errors in off["every step"].items():
    print(f"{T:5d}" + "".join(f"{100 * error:7.0f}" for error in errors.values()))

# %% [markdown]
# ### The state leaks into the next sequence
#
# A state that is carried from window to window is right *within* one text. Carried on to the next, unrelated sequence,
# it is a memory of something that has nothing to do with it. No shape is wrong, and nothing crashes. We let the LSTM of
# section 6, fully trained, start each sequence where another one ended, as a forgotten reset would.
#
# ### The mask is forgotten
#
# Padding is then read as if it were data. With zeros for padding it is tempting to think that nothing happens; but
# $h_t = \tanh(0 + h_{t-1} U + b)$ is another state than $h_{t-1}$, at each step again.

# %%
_, symbols = held_out
sequences = held_out[0].astype(np.float64)
zero = np.zeros((len(sequences), WIDTH))
head = {name: np.asarray(value, np.float64) for name, value in trained.params[1].items()}


def answers(h):
    return np.argmax(h @ head["weight"] + head["bias"], axis=1)


_, (h, c), _ = lstm_forward(sequences, zero, zero, *weights)
neighbours = np.roll(np.arange(len(sequences)), 1)
_, (leaked, _), _ = lstm_forward(sequences, h[neighbours], c[neighbours], *weights)
same = symbols[neighbours] == symbols
accuracies = {
    "reset": np.mean(answers(h) == symbols),
    "leaking, after\nthe same symbol": np.mean((answers(leaked) == symbols)[same]),
    "leaking, after\nanother symbol": np.mean((answers(leaked) == symbols)[~same]),
}

named_before = np.mean((answers(leaked) == symbols[neighbours])[~same])
print(f"leaking, after another symbol: it names that one in {100 * named_before:.0f} % of the sequences")

figure, (carry, leak, padding) = plt.subplots(1, 3, figsize=(12, 3.7), width_ratios=[1.1, 1, 1.1])
for (looks_at, errors), colour in zip(off.items(), (BLUE, RED), strict=True):
    carry.plot(range(len(steps)), [100 * error["U"] for error in errors.values()], "o-", color=colour, label=looks_at)
carry.set(xticks=range(len(steps)), xticklabels=steps, ylim=(-5, 200), xlabel="steps T")
carry.set(ylabel="error of ∂L/∂U, % of its length", title="Carry dropped")
carry.legend(title="the loss looks at", loc="upper left")

bars = leak.barh(range(3), [100 * value for value in accuracies.values()], color=(BLUE, ORANGE, RED), height=0.6)
leak.bar_label(bars, fmt="%.0f", padding=3)
leak.set(yticks=range(3), yticklabels=accuracies, xlim=(0, 118), ylim=(2.6, -0.6))
leak.set(xlabel="right on held-out sequences (%)", title="State leaking")

random = np.random.default_rng(7)
real = random.normal(size=(1, 8, d))
final = rnn_forward(real, np.zeros((1, m)), W, U, b)[0, -1]
moved = []
for extra in range(21):
    padded = np.concatenate([real, np.zeros((1, extra, d))], axis=1)
    moved.append(np.linalg.norm(rnn_forward(padded, np.zeros((1, m)), W, U, b)[0, -1] - final))
with jax.enable_x64(True):
    mask = np.arange(28)[None] < 8
    arguments = (np.concatenate([real, np.zeros((1, 20, d))], axis=1), np.zeros((1, m)), W, U, b, mask)
    _, held = ops.rnn(*map(jnp.asarray, arguments))
padding.plot(range(21), moved, "o-", markersize=4, color=RED, label="mask forgotten")
padding.plot([0, 20], [0, np.linalg.norm(np.asarray(held)[0] - final)], color=BLUE, label="with the mask")
padding.axhline(np.linalg.norm(final), color=GREY, linewidth=1, linestyle="--")
padding.text(20, np.linalg.norm(final) * 1.03, "length of the state itself", color=GREY, ha="right", fontsize=10)
padding.set(xlabel="steps of padding (zeros)", ylabel="how far the last state moves", title="Mask forgotten")
padding.legend(loc="center right", bbox_to_anchor=(1, 0.3))
plt.show()

# %% [markdown]
# *Left: right for T = 1, wrong from T = 2 on; where the loss looks at the last step alone, as in section 6, the error
# is about as long as the gradient itself. Middle: the network does worse than guessing (25 %), for it has a perfect
# memory: it names the symbol of the sequence before, three times out of four. Right: after a single step of zeros the
# state is far from where it was.*
#
# What catches them: gradients against autodiff with **more than one step**; the same sequence after two different ones
# must give the same answer; and a padded batch must give what its sequences give alone, as in section 8.
#
# ## 10. Three exercises
#
# Fill in the functions and run the cells; each checks your answer and says `right`, or how far off it is. Solutions
# stand at the end.
#
# **Exercise 1. A leaky bucket.** $h_t = r\,h_{t-1} + x_t$ with $h_0 = 0$: each step a share $r$ of the content is left,
# and $x_t$ is poured in. You are given $r$, the states $h = (h_1, \dots, h_T)$ and $G$, with $G_t$ what the loss says
# of $h_t$ directly. Return $\partial L/\partial r$ and $\partial L/\partial x$ (an array of $T$ numbers).


# %%
def bucket_pullback(r, h, G):
    return None, None  # your lines here


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


def bucket(r, x):
    level, levels = 0.0, []
    for poured in x:
        level = r * level + poured
        levels.append(level)
    return levels


def check_bucket(answer):
    random = np.random.default_rng(20)
    r, x, G = 0.8, random.normal(size=7), random.normal(size=7)
    true = autodiff(lambda r, x: jnp.sum(G * jnp.stack(bucket(r, x))), r, x, argnums=(0, 1))
    return verdict(answer(r, np.array(bucket(r, x)), G), true)


print(check_bucket(bucket_pullback))

# %% [markdown]
# **Exercise 2. A masked step.** One step back through time for a batch: given $g$ (what the loss says of $h_t$ in all,
# $n \times m$), $h_t$, $U$, and the mask of this step (booleans, $n \times 1$), return $\delta_t$ and what goes back
# for $h_{t-1}$. (`np.where(mask, a, b)` takes $a$ where the mask is true, else $b$.)


# %%
def masked_step_pullback(g, h, U, mask):
    return None, None  # your lines here


def check_masked_step(answer):
    random = np.random.default_rng(21)
    p, before, U = random.normal(size=(5, 3)), random.normal(size=(5, 3)), random.normal(size=(3, 3))
    mask, g = np.array([True, False, True, True, False])[:, None], random.normal(size=(5, 3))
    h = np.where(mask, np.tanh(p + before @ U), before)

    def loss(p, before):
        return jnp.sum(g * jnp.where(mask, jnp.tanh(p + before @ U), before))

    return verdict(answer(g, h, U, mask), autodiff(loss, p, before, argnums=(0, 1)))


print(check_masked_step(masked_step_pullback))

# %% [markdown]
# **Exercise 3. A rule of your own: the step of a GRU.** One gate mixes the old state with a new one: $z = s(p_z)$,
# $\nu = \tanh(p_\nu)$, $h_t = z\,h_{t-1} + (1 - z)\,\nu$, number by number. The forward pass is done, and keeps $z$,
# $\nu$ and $h_{t-1}$. Return the three cotangents, of $p_z$, $p_\nu$ and $h_{t-1}$.


# %%
@rule
def gated_mix(p_z, p_nu, before):
    z, nu = jax.nn.sigmoid(p_z), jnp.tanh(p_nu)
    return z * before + (1 - z) * nu, (z, nu, before)


@gated_mix.defbackward
def gated_mix_backward(residuals, d_output):
    z, nu, before = residuals
    nothing = jnp.full_like(z, jnp.nan)
    return nothing, nothing, nothing  # your lines here, in place of NaN


def check_gated_mix(candidate):
    random = np.random.default_rng(22)
    with jax.enable_x64(True):
        *arguments, g = (jnp.asarray(random.normal(size=(4, 3))) for _ in range(4))
        by_hand = candidate.vjp(*arguments)[1](g)
        true = jax.vjp(candidate, *arguments)[1](g)
    return verdict(by_hand, true)


print(check_gated_mix(gated_mix))

# %% [markdown]
# ### Solutions
#
# Open the next cell when you have tried.


# %% jupyter={"source_hidden": true}
def bucket_solution(r, h, G):
    # g_t = G_t + r g_{t+1} comes back; x_t entered with the factor 1, and r met the level before: h_{t-1}, not h_t
    g, d_x = 0.0, np.zeros_like(h)
    for t in reversed(range(len(h))):
        g = G[t] + r * g
        d_x[t] = g
    return np.sum(d_x[1:] * h[:-1]), d_x


def masked_step_solution(g, h, U, mask):
    # where the step did not happen, no delta; and g goes through as it is
    delta = np.where(mask, g * (1 - h**2), 0)
    return delta, np.where(mask, delta @ U.T, g)


@rule
def gated_mix_solution(p_z, p_nu, before):
    z, nu = jax.nn.sigmoid(p_z), jnp.tanh(p_nu)
    return z * before + (1 - z) * nu, (z, nu, before)


@gated_mix_solution.defbackward
def gated_mix_solution_backward(residuals, d_output):
    # z is the factor of h_{t-1} and, with a minus, of nu: dz = g (h_{t-1} - nu). The rest is s' and tanh'.
    z, nu, before = residuals
    return d_output * (before - nu) * z * (1 - z), d_output * (1 - z) * (1 - nu**2), d_output * z


verdicts = check_bucket(bucket_solution), check_masked_step(masked_step_solution), check_gated_mix(gated_mix_solution)
for number, answer in enumerate(verdicts, start=1):
    print(f"exercise {number}: {answer}")
assert verdicts == ("right",) * 3

# %% [markdown]
# ## 11. What was proved
#
# * **Unrolled**, a recurrent network is a deep one with shared weights: three steps on paper, in Python, by `jax.grad`.
# * **Backpropagation through time**: $g_t = G_t + \delta_{t+1} U^{\mathsf T}$, from the end to the beginning; checked
#   for an arbitrary loss on every state.
# * **One product after the loop** gives each weight's gradient; of six products in the loops two remain, and the result
#   is the same.
# * **A gradient through $k$ steps** is a product of $k$ Jacobians, and goes as $\rho^k$.
# * **The LSTM**: all its gradients, in NumPy loops and by the library's rule, against autodiff; along the cell a
#   gradient goes as $f^k$, and a task of 60 steps is learned by those networks alone whose gradients reach that far.
# * **Truncation** drops the shares between windows, exactly; with the state's cotangent handed back, windows give the
#   full gradient.
# * **A masked batch** gives what its sequences give alone.
# * And what proves *nothing*: a check with one step.
#
# **Where it stands in the source.** Each file opens with its formula and the derivation.
#
# | In this lesson | In the package |
# |---|---|
# | The loops, forwards and back; masks; products before and after | [`ops/recurrence/_time.py`](../src/chainrule/ops/recurrence/_time.py) |
# | The Elman network, the LSTM, the GRU | [`rnn.py`](../src/chainrule/ops/recurrence/rnn.py), [`lstm.py`](../src/chainrule/ops/recurrence/lstm.py), [`gru.py`](../src/chainrule/ops/recurrence/gru.py) |
# | Layers, both directions of time, the state that is carried | [`layers/recurrent.py`](../src/chainrule/layers/recurrent.py) |
# | Clipping | [`optim/clipping.py`](../src/chainrule/optim/clipping.py) |
# | A model of text, letter by letter | [`models/char_rnn.py`](../src/chainrule/models/char_rnn.py) |
#
# **Sources.**
#
# * J. L. Elman, *Finding structure in time*, Cognitive Science 14, 179–211, 1990.
# * P. J. Werbos, *Backpropagation through time: what it does and how to do it*, Proceedings of the IEEE 78, 1550–1560,
#   1990.
# * Y. Bengio, P. Simard and P. Frasconi, *Learning long-term dependencies with gradient descent is difficult*, IEEE
#   Transactions on Neural Networks 5, 157–166, 1994; R. Pascanu, T. Mikolov and Y. Bengio, *On the difficulty of
#   training recurrent neural networks*, ICML 2013: section 4, and clipping.
# * S. Hochreiter and J. Schmidhuber, *Long short-term memory*, Neural Computation 9, 1735–1780, 1997; F. A. Gers, J.
#   Schmidhuber and F. Cummins, *Learning to forget*, Neural Computation 12, 2451–2471, 2000: the forget gate.
# * R. Jozefowicz, W. Zaremba and I. Sutskever, *An empirical exploration of recurrent network architectures*, ICML
#   2015.
# * K. Cho and others, *Learning phrase representations using RNN encoder-decoder for statistical machine translation*,
#   EMNLP 2014: the GRU.
# * R. J. Williams and J. Peng, *An efficient gradient-based algorithm for on-line training of recurrent network
#   trajectories*, Neural Computation 2, 490–501, 1990: truncation.
