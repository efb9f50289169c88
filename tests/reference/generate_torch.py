"""Write torch_values.json: PyTorch's values and gradients of activations and losses, in float64.

    python tests/reference/generate_torch.py

It needs torch. Inputs, outputs, cotangents and gradients all stand in the file, so a reader of it needs no more. At the
kinks of the activations, and of the absolute error, PyTorch 2.13 has the slopes that we document (older releases take 1.5
for hard_swish at 3).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

# Both signs, both sides of every kink, small and moderate; the kinks themselves (0, -3, 3) last.
POINTS = [-11.0, -5.5, -3.1, -2.9, -1.7, -0.6, -1e-3, 1e-3, 0.4, 1.3, 2.9, 3.1, 5.5, 11.0, 0.0, -3.0, 3.0]

ACTIVATIONS = [
    ("sigmoid", {}, torch.sigmoid),
    ("tanh", {}, torch.tanh),
    ("relu", {}, functional.relu),
    ("leaky_relu", {}, functional.leaky_relu),
    ("leaky_relu", {"negative_slope": 0.2}, lambda x: functional.leaky_relu(x, 0.2)),
    ("elu", {}, functional.elu),
    ("elu", {"alpha": 0.3}, lambda x: functional.elu(x, 0.3)),
    ("selu", {}, functional.selu),
    ("gelu", {}, functional.gelu),
    ("gelu_tanh", {}, lambda x: functional.gelu(x, approximate="tanh")),
    ("silu", {}, functional.silu),
    ("softplus", {}, functional.softplus),
    ("hard_swish", {}, functional.hardswish),
]


def numbers(tensor):
    return tensor.detach().numpy().tolist()


def leaf(array):
    return torch.tensor(array, dtype=torch.float64, requires_grad=True)


def record(name, static, function, *arrays, integers=()):
    """Run a function of tensors, pull a random cotangent back, and store all that was seen."""
    rng = np.random.default_rng(len(name))
    tensors = [torch.tensor(a) if i in integers else leaf(a) for i, a in enumerate(arrays)]
    output = function(*tensors)
    cotangent = torch.tensor(rng.normal(size=tuple(output.shape)), dtype=torch.float64)
    output.backward(cotangent)
    return {
        "name": name,
        "static": static,
        "inputs": [numbers(tensor) for tensor in tensors],
        "output": numbers(output),
        "cotangent": numbers(cotangent),
        "gradients": [None if tensor.grad is None else numbers(tensor.grad) for tensor in tensors],
    }


def activations():
    cases = [record(name, static, function, POINTS) for name, static, function in ACTIVATIONS]
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(3, 4)) * 3
    for axis in (-1, 0):
        cases.append(record("softmax", {"axis": axis}, lambda x, axis=axis: functional.softmax(x, dim=axis), matrix))
        cases.append(
            record("log_softmax", {"axis": axis}, lambda x, axis=axis: functional.log_softmax(x, dim=axis), matrix)
        )
    return cases


def regression():
    rng = np.random.default_rng(1)
    predictions, targets = rng.normal(size=(2, 3)) * 2, rng.normal(size=(2, 3))
    predictions[0, 0] = targets[0, 0]  # the kink of the absolute error
    weights = rng.uniform(0.2, 2.0, size=(2, 3))
    weight = torch.tensor(weights)
    cases = []
    functions = [
        ("mean_squared_error", {}, functional.mse_loss, {}),
        ("mean_absolute_error", {}, functional.l1_loss, {}),
        ("huber", {}, functional.huber_loss, {}),
        ("huber", {"delta": 0.4}, functional.huber_loss, {"delta": 0.4}),
    ]
    for name, static, function, options in functions:
        for reduction in ("mean", "sum", "none"):
            static_here = {**static, "reduction": reduction}
            options_here = {**options, "reduction": reduction}
            cases.append(
                record(name, static_here, lambda p, t, f=function, o=options_here: f(p, t, **o), predictions, targets)
            )
            if (name, reduction) == ("huber", "mean"):
                continue  # here PyTorch divides by the number of elements, in the two others by the sum of weights
            weighted = record(
                name,
                static_here,
                lambda p, t, f=function, o=options_here: f(p, t, weight=weight, **o),
                predictions,
                targets,
            )
            cases.append({**weighted, "weights": weights.tolist()})
    return cases


def classification():
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(4, 3)) * 2
    labels = np.array([2, 0, 1, 2])
    soft = rng.dirichlet(np.ones(3), size=4)
    class_weights = rng.uniform(0.2, 2.0, size=3)
    cases = []
    for reduction in ("mean", "sum", "none"):
        for smoothing in (0.0, 0.1):
            static = {"reduction": reduction, "label_smoothing": smoothing}

            def loss(z, t, static=static):
                return functional.cross_entropy(z, t, **static)

            cases.append(record("cross_entropy", static, loss, logits, labels, integers=(1,)))
            cases.append(record("cross_entropy", static, loss, logits, soft))
        # PyTorch weighs classes, not examples: the weight of an example is that of its class.
        weight = torch.tensor(class_weights)
        weighted = record(
            "cross_entropy",
            {"reduction": reduction},
            lambda z, t, w=weight, r=reduction: functional.cross_entropy(z, t, weight=w, reduction=r),
            logits,
            labels,
            integers=(1,),
        )
        cases.append({**weighted, "weights": class_weights[labels].tolist()})

        z, t = rng.normal(size=(2, 3)) * 3, rng.uniform(size=(2, 3))
        static = {"reduction": reduction}
        cases.append(
            record(
                "binary_cross_entropy",
                static,
                lambda z, t, r=reduction: functional.binary_cross_entropy_with_logits(z, t, reduction=r),
                z,
                t,
            )
        )
        if reduction != "mean":  # here too PyTorch divides by the number of elements, ours by the sum of weights
            weights = rng.uniform(0.2, 2.0, size=(2, 3))
            element_weights = torch.tensor(weights)
            weighted = record(
                "binary_cross_entropy",
                static,
                lambda z, t, w=element_weights, r=reduction: functional.binary_cross_entropy_with_logits(
                    z, t, weight=w, reduction=r
                ),
                z,
                t,
            )
            cases.append({**weighted, "weights": weights.tolist()})
    return cases


if __name__ == "__main__":
    values = {
        "torch": torch.__version__,
        "activations": activations(),
        "losses": regression() + classification(),
    }
    path = Path(__file__).parent / "torch_values.json"
    path.write_text(json.dumps(values) + "\n")
    print(f"{path.name}: {len(values['activations'])} activations, {len(values['losses'])} losses")
