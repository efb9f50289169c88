"""Write recurrence.npz: outputs and gradients of PyTorch's RNN, GRU and LSTM in float64, packed, bidirectional and stacked.

PyTorch is needed here, and nowhere else in the tests: ``python -m tests.reference.generate_recurrence``.

Weights and gradients are stored as this package lays them out: transposed, and with one bias where the two of PyTorch's
are only ever added. The gradient of such a sum is that of either of the two.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tests.reference.store import save

BATCH, TIME, FEATURES, HIDDEN = 3, 5, 4, 2
LENGTHS = [5, 2, 4]
MODULES = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def draw(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def as_ours(name, weight_x, weight_h, bias_x, bias_h, gradient=False):
    """The weights, or their gradients, of one layer in one direction."""
    ours = {"weight_x": weight_x.T, "weight_h": weight_h.T}
    if name == "gru":
        shared = bias_x + torch.cat([bias_h[: 2 * HIDDEN], torch.zeros_like(bias_h[2 * HIDDEN :])])
        ours |= {"bias": bias_x if gradient else shared, "bias_h": bias_h[2 * HIDDEN :]}
    else:
        ours["bias"] = bias_x if gradient else bias_x + bias_h
    return {key: value.detach().numpy().copy() for key, value in ours.items()}


def parts(module, name, gradient):
    """The weights or gradients of every layer and direction, in PyTorch's order."""
    suffixes = [
        f"_l{layer}{way}"
        for layer in range(module.num_layers)
        for way in (("", "_reverse") if module.bidirectional else ("",))
    ]
    read = [[getattr(module, key + suffix) for key in WEIGHTS] for suffix in suffixes]
    return [as_ours(name, *(w.grad if gradient else w for w in weights), gradient=gradient) for weights in read]


def mask_of(lengths):
    return torch.tensor([[t < n for t in range(TIME)] for n in lengths])


def case(name, lengths, layers=1, bidirectional=False, starts=True):
    """Forward, and backward from random cotangents of all outputs."""
    module = MODULES[name](FEATURES, HIDDEN, layers, batch_first=True, bidirectional=bidirectional).double()
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(0.7 * draw(*weight.shape))
    count = layers * (2 if bidirectional else 1)
    x = draw(BATCH, TIME, FEATURES).requires_grad_()
    carried = 2 if name == "lstm" else 1
    make = draw if starts else lambda *shape: torch.zeros(*shape, dtype=torch.float64)
    start = [make(count, BATCH, HIDDEN).requires_grad_() for _ in range(carried)]
    given = tuple(start) if carried == 2 else start[0]
    if lengths is None:
        ys, end = module(x, given)
    else:
        packed = pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
        ys, end = module(packed, given)
        ys, _ = pad_packed_sequence(ys, batch_first=True, total_length=TIME)
    end = list(end) if carried == 2 else [end]
    d_ys, d_end = draw(*ys.shape), [draw(*part.shape) for part in end]
    loss = (ys * d_ys).sum()
    if starts:
        loss = loss + sum((part * d).sum() for part, d in zip(end, d_end, strict=True))
    loss.backward()

    def arrays(tensors):
        return [tensor.detach().numpy().copy() for tensor in tensors]

    return {
        "name": name,
        "x": x.detach().numpy(),
        "mask": None if lengths is None else mask_of(lengths).numpy(),
        "start": arrays(start),
        "params": parts(module, name, gradient=False),
        "d_ys": d_ys.numpy(),
        "d_end": arrays(d_end),
        "ys": ys.detach().numpy(),
        "end": arrays(end),
        "d_x": x.grad.numpy(),
        "d_start": arrays(part.grad for part in start),
        "d_params": parts(module, name, gradient=True),
    }


def copies(**modules):
    """All weights of the model as this package lays them out: the params of ``models.char_rnn``."""
    recurrent, dense = modules["recurrent"], modules["dense"]
    table = modules["embedding"].weight.detach().numpy().copy()
    ours = {"weight": dense.weight.detach().numpy().T.copy(), "bias": dense.bias.detach().numpy().copy()}
    return [{"table": table}, *parts(recurrent, "lstm", gradient=False), ours]


def trajectory(vocabulary=6, steps=10, window=4):
    """Train a language model of two LSTMs on consecutive windows, the state carried and cut off between them.

    The second bias of each LSTM stays 0: this package has one, and two would be trained at twice the rate.
    """
    modules = nn.ModuleDict(
        {
            "embedding": nn.Embedding(vocabulary, FEATURES),
            "recurrent": nn.LSTM(FEATURES, HIDDEN, 2, batch_first=True),
            "dense": nn.Linear(HIDDEN, vocabulary),
        }
    ).double()
    for name, weight in modules["recurrent"].named_parameters():
        if name.startswith("bias_hh"):
            weight.requires_grad_(requires_grad=False).zero_()
    trained = [weight for weight in modules.parameters() if weight.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.5, momentum=0.9)
    text = torch.randint(vocabulary, (BATCH, steps * window + 1))
    first, carried, losses = copies(**modules), None, []
    for step in range(steps):
        tokens = text[:, step * window : (step + 1) * window + 1]
        ys, carried = modules["recurrent"](modules["embedding"](tokens[:, :-1]), carried)
        carried = tuple(part.detach() for part in carried)
        loss = nn.functional.cross_entropy(modules["dense"](ys).flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return {"text": text.numpy(), "window": window, "first": first, "losses": losses, "last": copies(**modules)}


def main():
    torch.manual_seed(20)
    cases = {
        "ops": [case(name, lengths) for name in MODULES for lengths in (None, LENGTHS)],
        "bidirectional": [case(name, LENGTHS, bidirectional=True, starts=False) for name in MODULES],
        "stacked": [case(name, LENGTHS, layers=2, starts=False) for name in MODULES],
        "trajectory": trajectory(),
    }
    print(save("recurrence", cases))


if __name__ == "__main__":
    main()
