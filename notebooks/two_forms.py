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
# # One network, two forms
#
# A network can be written as *plain functions* that are handed the weights, or as *objects*: a layer, an activation and a
# network that is a row of them. Textbooks argue for the one or the other. Here we write both, without any library but for
# the arithmetic, and look at what is the same and what is not.
#
# **The claim of this lesson:** the two are the same mathematics, so they must give the same numbers; not nearly, but **to
# the last bit**: the outputs, the gradients, and the weights after 20 steps. What makes objects go wrong is not that they
# are objects. It is *hidden state*, a layer that remembers its last input, and section 5 shows what comes of it.
#
# | | |
# |---|---|
# | 1 | The network on paper |
# | 2 | As plain functions |
# | 3 | As objects: layer, activation, network |
# | 4 | The referee: bit for bit |
# | 5 | What goes wrong: a layer that remembers |
# | 6 | Which form when |
#
# The derivation of every line is in [Backpropagation by hand](backpropagation_by_hand.ipynb); here it is only used.
#
# ## 1. The network on paper
#
# It reads an image of 64 pixels and says which of ten digits it shows. With $A_0 = X$, one image a row, and $L$ layers,
#
# $$Z_l = A_{l-1} W_l + b_l, \qquad A_l = \tanh Z_l \;\;(l < L), \qquad P = \operatorname{softmax}(Z_L), \qquad
# \mathcal L = -\frac1n \sum_i \log P_{i, y_i} .$$
#
# Backwards, with $\delta_l = \partial \mathcal L / \partial Z_l$ and $Q$ the labels as rows of zeros and a one:
#
# $$\delta_L = \tfrac1n (P - Q), \qquad
# \frac{\partial \mathcal L}{\partial W_l} = A_{l-1}^{\mathsf T} \delta_l, \qquad
# \frac{\partial \mathcal L}{\partial b_l} = \mathbf 1^{\mathsf T} \delta_l, \qquad
# \delta_{l-1} = \left(\delta_l W_l^{\mathsf T}\right) \odot \left(1 - A_{l-1}^2\right) .$$
#
# That is all: five formulas. Every form below is these five, in another order of telling.

# %% form="common"
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, field

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

RATE, STEPS, WIDTHS = 0.3, 20, (64, 32, 16, 10)


def cross_entropy(logits, labels):
    """The loss, and its derivative by the logits: (P - Q) / n."""
    n, classes = logits.shape
    largest = logits.max(axis=1, keepdims=True)  # nothing overflows, and the softmax is the same
    powers = jnp.exp(logits - largest)
    total = powers.sum(axis=1, keepdims=True)
    picked = jnp.take_along_axis(logits, labels[:, None], axis=1) - largest
    loss = jnp.mean(jnp.log(total) - picked)
    P, Q = powers / total, (labels[:, None] == jnp.arange(classes)).astype(logits.dtype)
    return loss, (P - Q) * (1 / n)


# %% [markdown]
# ## 2. As plain functions
#
# The weights are a list of pairs $(W_l, b_l)$. `forward` is handed them and returns, besides the logits, what the way back
# needs: the inputs $A_0, A_1, \dots$ of the layers, the *residuals*. `backward` is handed those. Nothing is kept anywhere
# else, so each function can be understood, tested and compiled alone.


# %% form="functions"
def init(key, widths):
    """Weights that keep a signal's size, and biases of zero."""
    sizes = list(zip(widths[:-1], widths[1:], strict=True))
    keys = jax.random.split(key, len(sizes))
    return [
        (jax.random.normal(k, size) / jnp.sqrt(size[0]), jnp.zeros(size[1]))
        for k, size in zip(keys, sizes, strict=True)
    ]


def forward(params, x):
    residuals = []
    for number, (W, b) in enumerate(params):
        a = jnp.tanh(x) if number else x
        residuals.append(a)
        x = a @ W + b
    return x, residuals


def backward(params, residuals, delta):
    gradients = []
    for (W, _), a in zip(reversed(params), reversed(residuals), strict=True):
        gradients.append((a.T @ delta, jnp.ones(len(delta), delta.dtype) @ delta))
        delta = (delta @ W.T) * (1 - a * a)  # of layer 1 it is not used: there a is x, and no tanh
    return gradients[::-1]


def step(params, x, y):
    logits, residuals = forward(params, x)
    loss, delta = cross_entropy(logits, y)
    gradients = backward(params, residuals, delta)
    return jax.tree.map(lambda w, g: w - RATE * g, params, gradients), loss


# %% [markdown]
# ## 3. As objects: layer, activation, network
#
# Now the words of the trade become classes. A `Layer` *has* its weights; an `Activation` has a function and its slope; a
# `Network` has parts, one after the other. Each can do two things, and they are the same two for all three:
#
#     forward(x)                  -> (output, what the way back needs)
#     backward(residuals, delta)  -> (the gradient by its own weights, the delta of its input)
#
# Three decisions keep them honest:
#
# * **Frozen.** No method can change the object: what is computed is returned. A training step makes a *new* network.
# * **What `forward` saw is returned, not remembered.** The caller carries the residuals from `forward` to `backward`.
# * **Each is a pytree**, JAX's word for a container of arrays (`register_dataclass` says so). So `jit` takes a network as
#   an argument; and the gradient of a network *is* a network: same classes, and in each place of a weight its derivative.
#   One `tree.map` updates them all.


# %% form="classes"
@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Layer:
    """Z = X W + b."""

    W: Array
    b: Array

    def forward(self, x):
        return x @ self.W + self.b, x

    def backward(self, x, delta):
        return Layer(x.T @ delta, jnp.ones(len(delta), delta.dtype) @ delta), delta @ self.W.T


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Activation:
    """A = f(Z), and its slope, written in terms of A. It has no weights: static fields are part of the type."""

    f: Callable = field(metadata={"static": True})
    slope: Callable = field(metadata={"static": True})

    def forward(self, z):
        a = self.f(z)
        return a, a

    def backward(self, a, delta):
        return self, delta * self.slope(a)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Network:
    """Parts, one after the other; on the way back, in reverse."""

    parts: tuple

    def forward(self, x):
        residuals = []
        for part in self.parts:
            x, kept = part.forward(x)
            residuals.append(kept)
        return x, residuals

    def backward(self, residuals, delta):
        gradients = []
        for part, kept in zip(reversed(self.parts), reversed(residuals), strict=True):
            gradient, delta = part.backward(kept, delta)
            gradients.append(gradient)
        return Network(tuple(reversed(gradients))), delta


def tanh_slope(a):
    return 1 - a * a


tanh = Activation(jnp.tanh, tanh_slope)


def network_of(params):
    """The same weights, as a network: a layer, a tanh, a layer, ..., and after the last layer nothing."""
    parts = [part for W, b in params for part in (Layer(W, b), tanh)]
    return Network(tuple(parts[:-1]))


def network_step(network, x, y):
    logits, residuals = network.forward(x)
    loss, delta = cross_entropy(logits, y)
    gradient, _ = network.backward(residuals, delta)
    return jax.tree.map(lambda w, g: w - RATE * g, network, gradient), loss


# %% [markdown]
# Note what `Network.backward` does not know: that there are matrices, or a tanh. It is the chain rule and nothing else, and
# whatever has a `forward` and a `backward` can stand in it: another `Network`, for one.
#
# **And in this package?** `chainrule` takes the road between. Its layers are frozen objects as well, but of *configuration*
# only, `Dense(32)`; the weights are handed to them, as to the functions. So two equal models are equal objects, and one
# compiled program serves both. `chain` is the `Network`.

# %% form="library"
import chainrule as cr
from chainrule import layers, losses, ops, optim, train

model = cr.chain(layers.Dense(32), ops.tanh, layers.Dense(16), ops.tanh, layers.Dense(10))
optimizer = optim.sgd(RATE)


def params_of(params):
    """The same weights, as the chain takes them: an entry a layer, and an empty one for each tanh."""
    entries = [entry for W, b in params for entry in ({"weight": W, "bias": b}, ())]
    return tuple(entries[:-1])


def model_step(train_state, x, y):
    train_state, loss, _ = train.step(model, losses.cross_entropy, optimizer, train_state, x, y)
    return train_state, loss


# %% [markdown]
# ## 4. The referee: bit for bit
#
# Floating-point addition is not associative: $(a + b) + c$ and $a + (b + c)$ may differ in the last digit. So two programs
# agree to the bit only if they do the same operations in the same order; and that is what we claim of our forms. It is a
# much stronger statement than "equal within $10^{-6}$", and it is easier to check: `==`.
#
# Real digits, the first 500 images; all three forms start from the same weights. Each is one compiled program: the logits
# and the gradients where it starts, and 20 steps.

# %%
import matplotlib.pyplot as plt

from chainrule import data

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
    }
)

images, labels = data.digits().train
x, y = jnp.asarray(images[:500].reshape(500, -1)), jnp.asarray(labels[:500])
params = init(jax.random.key(0), WIDTHS)


# %% form="referee"
def by_functions(params, x, y):
    logits, residuals = forward(params, x)
    return logits, backward(params, residuals, cross_entropy(logits, y)[1])


def by_classes(network, x, y):
    logits, residuals = network.forward(x)
    return logits, network.backward(residuals, cross_entropy(logits, y)[1])[0]


def by_library(params, x, y):
    logits, pullback = model.vjp(params, x)
    loss, pull_loss = losses.cross_entropy.vjp(logits, y)
    return logits, pullback(pull_loss(jnp.ones_like(loss))[0])[0]


def arrays(tree):
    """The arrays in a container of any form: weight and bias of the first layer, of the second, ...

    A dict lists its entries by the alphabet, so the library's bias comes before its weight, and changes places here.
    """
    found = jax.tree.leaves(tree)
    return [array for i in range(0, len(found), 2) for array in sorted(found[i : i + 2], key=lambda a: -a.ndim)]


def compare(params, x, y):
    """What each form computes: logits, gradients, losses of 20 steps and the weights after them; a list of arrays each."""
    no_state = ((),) * len(model.layers)
    entries = params_of(params)
    forms = {
        "functions": (by_functions, step, params, params),
        "classes": (by_classes, network_step, network_of(params), network_of(params)),
        "chainrule": (by_library, model_step, entries, train.TrainState(entries, no_state, optimizer.init(entries), 0)),
    }
    answers = {}
    for name, (once, one_step, weights, start) in forms.items():

        @jax.jit
        def program(weights, start, x, y, once=once, one_step=one_step):
            return once(weights, x, y), jax.lax.scan(lambda now, _: one_step(now, x, y), start, length=STEPS)

        (logits, gradients), (end, history) = program(weights, start, x, y)
        answers[name] = {
            "logits": [logits],
            "gradients": arrays(gradients),
            "losses of 20 steps": [history],
            "weights after them": arrays(end.params if name == "chainrule" else end),
        }
    return answers


# %%
answers = compare(params, x, y)
for what, expected in answers["functions"].items():
    count = sum(array.size for array in expected)
    for name in ("classes", "chainrule"):
        same = sum(
            int(np.sum(np.asarray(a) == np.asarray(b))) for a, b in zip(expected, answers[name][what], strict=True)
        )
        print(f"{what:20}  functions against {name:10}  {same:5} of {count:5} numbers equal to the bit")
        assert same == count

# %% [markdown]
# And an independent referee, so that they are not all wrong together: `jax.grad` of the loss of the plain functions. It
# takes other operations on its way, so here it is "to rounding", in 64 bits.

# %%
with jax.enable_x64(True):
    params64 = [(np.asarray(W, np.float64), np.asarray(b, np.float64)) for W, b in params]
    x64 = np.asarray(x, np.float64)
    _, by_hand = jax.jit(by_functions)(params64, x64, y)
    autodiff = jax.jit(jax.grad(lambda params: cross_entropy(forward(params, x64)[0], y)[0]))(params64)
    apart = [
        float(jnp.max(jnp.abs(a - b)) / jnp.max(jnp.abs(b)))
        for a, b in zip(jax.tree.leaves(by_hand), jax.tree.leaves(autodiff), strict=True)
    ]
print(f"hand against autodiff, the worst of {len(apart)} arrays: below 1e-13: {max(apart) < 1e-13}")
assert max(apart) < 1e-13

# %% [markdown]
# ## 5. What goes wrong: a layer that remembers
#
# In many a tutorial the layer looks like this. `forward` puts its input aside in `self`, `backward` finds it there, and puts
# the gradients aside in turn. It is a line shorter, for nobody has to carry residuals:


# %%
class Remembering:
    """A layer with hidden state: what forward saw last is what backward believes in."""

    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, delta):
        self.dW, self.db = self.x.T @ delta, delta.sum(axis=0)
        return delta @ self.W.T


# %% [markdown]
# As long as there is one forward pass, then one backward pass, and no one else, it is right. It is wrong as soon as
#
# **(a) somebody looks in between.** A prediction on other images, between `forward` and `backward`, and the gradient is
# made of the deltas of the one batch and the inputs of the other. Nothing complains:

# %%
(W, b), *_ = params
one, other = x[:100], x[100:200]
delta = np.asarray(jax.random.normal(jax.random.key(1), (100, 32)))


def off(found, right):
    return float(np.linalg.norm(found - right) / np.linalg.norm(right))


honest = Layer(W, b)
_, kept = honest.forward(one)
honest.forward(other)  # looks at other images: nothing happens to `kept`
right, _ = honest.backward(kept, delta)

layer = Remembering(W, b)
layer.forward(one)
layer.forward(other)
layer.backward(delta)
print(f"frozen layer:      off by {100 * off(right.W, np.asarray(one).T @ delta):.0f} %")
print(f"remembering layer: off by {100 * off(layer.dW, np.asarray(one).T @ delta):.0f} %")
assert off(layer.dW, right.W) > 0.1

# %% [markdown]
# **(b) a layer is used twice**, as in every recurrent network and in every pair of tied weights. The second `forward`
# overwrites the first one's input, and the second `backward` overwrites, where it should add. Below, a network with one
# square layer that is applied three times, $H_{t+1} = \tanh(H_t W + b)$: written with frozen objects it is a `Network` in which the
# same layer stands three times, and its gradient is the sum over the three places. Both are trained from the same
# weights at the same rate.

# %%
rows = jax.random.split(jax.random.key(2), 3)
first = Layer(jax.random.normal(rows[0], (64, 32)) / 8, jnp.zeros(32))
shared = Layer(1.3 * jax.random.normal(rows[1], (32, 32)) / np.sqrt(32), jnp.zeros(32))
last = Layer(jax.random.normal(rows[2], (32, 10)) / np.sqrt(32), jnp.zeros(10))
TIMES = 3


@jax.jit
def tied_step(weights, x, y):
    first, shared, last = weights
    network = Network((first, tanh, *(shared, tanh) * TIMES, last))
    logits, residuals = network.forward(x)
    loss, delta = cross_entropy(logits, y)
    parts = network.backward(residuals, delta)[0].parts
    d_shared = jax.tree.map(lambda *each: sum(each), *parts[2:-1:2])  # used three times: its effects add
    gradients = (parts[0], d_shared, parts[-1])
    return jax.tree.map(lambda w, g: w - RATE * g, weights, gradients), loss, d_shared


def remembering_step(weights, x, y):
    first, shared, last = (Remembering(layer.W, layer.b) for layer in weights)
    kept, a = [], jnp.tanh(first.forward(x))
    for _ in range(TIMES):
        kept.append(a)
        a = jnp.tanh(shared.forward(a))
    loss, delta = cross_entropy(last.forward(a), y)
    kept.append(a)
    delta = last.backward(delta)
    for a in reversed(kept[1:]):
        delta = shared.backward(delta * (1 - a * a))
    first.backward(delta * (1 - kept[0] * kept[0]))
    gradients = tuple(Layer(layer.dW, layer.db) for layer in (first, shared, last))
    return jax.tree.map(lambda w, g: w - RATE * g, weights, gradients), loss, gradients[1]


start = (first, shared, last)
_, _, right = tied_step(start, x, y)
_, _, wrong = remembering_step(start, x, y)
angle = np.vdot(right.W, wrong.W) / (np.linalg.norm(right.W) * np.linalg.norm(wrong.W))
print(f"the shared layer's gradient, right against remembered: cosine {angle:.2f}")
assert angle < 0.9

histories = {}
for name, one_step in {"frozen": tied_step, "remembering": jax.jit(remembering_step)}.items():
    weights, histories[name] = start, []
    for _ in range(120):
        weights, loss, _ = one_step(weights, x, y)
        histories[name].append(float(loss))

# %%
figure, (equal, apart) = plt.subplots(1, 2, figsize=(10.5, 3.8))
for (name, answer), colour, width in zip(answers.items(), (ORANGE, GREEN, BLUE), (9, 5, 1.5), strict=True):
    equal.plot(range(1, STEPS + 1), answer["losses of 20 steps"][0], color=colour, linewidth=width, label=name)
equal.set(xlabel="step", ylabel="loss (nats)", xticks=[1, 5, 10, 15, 20], title="Three forms, one curve")
equal.legend()
for (name, history), colour in zip(histories.items(), (BLUE, RED), strict=True):
    apart.plot(range(1, 121), history, color=colour, linewidth=1.8, label=f"{name} layers")
apart.set(xlabel="step", ylabel="loss (nats)", yscale="log", title="One layer used three times")
apart.legend()
plt.show()

# %% [markdown]
# The wrong one learns as well! Its loss goes down; it is only slower, and nobody would ever know. That is what makes hidden
# state dear: the mistake is not an error, it is a network that is a little worse than it could be.
#
# **(c) it is compiled.** `jit` runs the Python code once, to write down the operations. What a method puts into `self` is
# then no array but a note of one, and it outlives the program that it belongs to:

# %%
layer = Remembering(W, b)
jax.jit(layer.forward)(one)  # looks right, and returns the right numbers
try:
    layer.backward(delta)
    refused = False
except jax.errors.UnexpectedTracerError as error:
    refused = True
    print("UnexpectedTracerError:", str(error).split(".")[0])
assert refused

# %% [markdown]
# Here at least something is said. With frozen classes none of the three can be written by accident:

# %%
try:
    honest.x = one
    frozen = False
except FrozenInstanceError as error:
    frozen = True
    print("FrozenInstanceError:", error)
assert frozen

# %% [markdown]
# ## 6. Which form when
#
# | | plain functions | frozen objects |
# |---|---|---|
# | the weights are | an argument | fields (here), or an argument (`chainrule`, Flax) |
# | a new kind of layer | a new branch in `forward` **and** in `backward`, far from each other | a new class, both in one place |
# | put together | by writing the code | by putting objects in a row, nested as you like |
# | read from top to bottom | yes: the whole algorithm on half a page | no: it is spread over its parts |
# | good for | one network that is to be understood | many networks from the same parts |
#
# **What was shown.** The same five formulas, as functions and as objects and as the package's `chain`: logits, gradients and
# 20 steps are equal to the bit, in one compiled program each. Autodiff agrees to rounding. Objects are as good as functions
# as long as they hold no hidden state; with it, the gradient is silently wrong when a layer is used twice or looked at in
# between.
#
# **Where it stands in the source.** [`layer.py`](../src/chainrule/layer.py): what a layer is.
# [`compose/`](../src/chainrule/compose/__init__.py): `chain`, and what adds up where a thing is used twice.
# [`tests/test_two_forms.py`](../tests/test_two_forms.py) runs the cells of this lesson, and compares the bits.
