"""Generate attention.npz: PyTorch's embedding, attention, multi-head attention and a GPT, in float64, with gradients.

Run with PyTorch at hand: ``python -m tests.reference.generate_attention``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from tests.reference.store import save

torch.set_default_dtype(torch.float64)
torch.manual_seed(11)

VOCABULARY, LENGTH, FEATURES, DEPTH, HEADS, HIDDEN = 7, 6, 8, 2, 2, 12


def numbers(value: torch.Tensor) -> np.ndarray:
    """A tensor as NumPy, in an array of its own."""
    return np.array(value.detach().numpy())


def by_time(value: torch.Tensor) -> np.ndarray:
    """PyTorch's (batch, heads, time, width) as (batch, time, heads, width)."""
    return numbers(value.transpose(1, 2))


def attention(
    kv_heads: int = 2, causal: bool = False, mask: torch.Tensor | None = None, keys: int = 5
) -> dict[str, Any]:
    """One call of scaled_dot_product_attention, and its gradients for a random cotangent."""
    q = torch.randn(3, 4, 5, 3, requires_grad=True)
    k = torch.randn(3, kv_heads, keys, 3, requires_grad=True)
    v = torch.randn(3, kv_heads, keys, 2, requires_grad=True)
    y = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal, enable_gqa=kv_heads != 4)
    g = torch.randn_like(y)
    y.backward(g)
    case = {name: by_time(value) for name, value in (("q", q), ("k", k), ("v", v), ("g", g), ("y", y))}
    case |= {name: by_time(value.grad) for name, value in (("d_q", q), ("d_k", k), ("d_v", v))}
    return case | {"causal": causal, "mask": None if mask is None else numbers(mask)}


def embedding() -> dict[str, Any]:
    """nn.Embedding with tokens that occur several times."""
    layer = nn.Embedding(5, 3)
    tokens = torch.tensor([[4, 1, 1, 0], [1, 4, 0, 0]])
    y = layer(tokens)
    g = torch.randn_like(y)
    y.backward(g)
    table, d_table = layer.weight, layer.weight.grad
    return {
        "tokens": numbers(tokens),
        "g": numbers(g),
        "y": numbers(y),
        "table": numbers(table),
        "d_table": numbers(d_table),
    }


def linear(layer: nn.Linear, gradient: bool = False) -> dict[str, np.ndarray]:
    """A linear layer's params, or their gradients, with the weight as (in_features, out_features)."""
    weight, bias = (layer.weight.grad, layer.bias.grad) if gradient else (layer.weight, layer.bias)
    return {"weight": numbers(weight.T), "bias": numbers(bias)}


def multi_head() -> dict[str, Any]:
    """nn.MultiheadAttention on itself, with padding."""
    layer = nn.MultiheadAttention(FEATURES, HEADS, batch_first=True)
    nn.init.normal_(layer.in_proj_bias)
    nn.init.normal_(layer.out_proj.bias)
    x = torch.randn(3, 5, FEATURES, requires_grad=True)
    padding = torch.arange(5) < torch.tensor([[5], [2], [4]])
    y, _ = layer(x, x, x, key_padding_mask=~padding, need_weights=False)
    g = torch.randn_like(y)
    y.backward(g)
    sides = [
        {"qkv": {"weight": numbers(weight.T), "bias": numbers(bias)}, "output": linear(layer.out_proj, gradient)}
        for gradient, weight, bias in (
            (False, layer.in_proj_weight, layer.in_proj_bias),
            (True, layer.in_proj_weight.grad, layer.in_proj_bias.grad),
        )
    ]
    case = {"x": numbers(x), "padding": numbers(padding), "g": numbers(g), "y": numbers(y), "d_x": numbers(x.grad)}
    return case | {"params": sides[0], "d_params": sides[1]}


class Block(nn.Module):
    """One block of a GPT, with normalisation before each part."""

    def __init__(self) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(FEATURES), nn.LayerNorm(FEATURES)
        self.qkv, self.output = nn.Linear(FEATURES, 3 * FEATURES), nn.Linear(FEATURES, FEATURES)
        self.first, self.second = nn.Linear(FEATURES, HIDDEN), nn.Linear(HIDDEN, FEATURES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute x + attention(norm(x)), then x + mlp(norm(x))."""
        q, k, v = (
            part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in self.qkv(self.norm_1(x)).chunk(3, dim=-1)
        )
        attended = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.output(attended.transpose(1, 2).flatten(2))
        return x + self.second(functional.gelu(self.first(self.norm_2(x)), approximate="tanh"))

    def params(self, gradient: bool = False) -> Any:
        """The params as ``models.gpt`` has them, or their gradients."""

        def norm(layer: nn.LayerNorm) -> dict[str, np.ndarray]:
            scale, bias = (layer.weight.grad, layer.bias.grad) if gradient else (layer.weight, layer.bias)
            return {"scale": numbers(scale), "bias": numbers(bias)}

        attention = {"qkv": linear(self.qkv, gradient), "output": linear(self.output, gradient)}
        return [
            [[], [norm(self.norm_1), attention]],
            [[], [norm(self.norm_2), linear(self.first, gradient), [], linear(self.second, gradient)]],
        ]


class Gpt(nn.Module):
    """A GPT with tied weights."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(VOCABULARY, FEATURES))
        self.positions = nn.Parameter(torch.randn(LENGTH, FEATURES))
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.norm = nn.LayerNorm(FEATURES)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Compute the logits."""
        x = self.table[tokens] + self.positions[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.table.T

    def params(self, gradient: bool = False) -> Any:
        """The params as ``models.gpt`` has them, or their gradients."""
        table, positions, scale, bias = (
            numbers(parameter.grad if gradient else parameter)
            for parameter in (self.table, self.positions, self.norm.weight, self.norm.bias)
        )
        blocks = [block.params(gradient) for block in self.blocks]
        return [{"table": table}, {"table": positions}, *blocks, {"scale": scale, "bias": bias}, {"weight": None}]


def gpt() -> dict[str, Any]:
    """Logits and gradients of a GPT, and ten steps of Adam."""
    model = Gpt()
    for name, parameter in model.named_parameters():
        if "norm" in name or "bias" in name:
            nn.init.normal_(parameter, 1.0 if "weight" in name else 0.0, 0.5)
    tokens = torch.randint(0, VOCABULARY, (3, LENGTH))
    targets = torch.randint(0, VOCABULARY, (3, LENGTH))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    case: dict[str, Any] = {"tokens": numbers(tokens), "targets": numbers(targets), "params": model.params()}
    losses = []
    for step in range(10):
        optimizer.zero_grad()
        logits = model(tokens)
        loss = functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss.backward()
        if step == 0:
            case |= {"logits": numbers(logits), "d_params": model.params(gradient=True)}
        losses.append(loss.item())
        optimizer.step()
    return case | {"losses": losses, "final": model.params()}


if __name__ == "__main__":
    seen = torch.rand(3, 4, 5, 5) < 0.6
    seen[..., 0] = True
    path = save(
        "attention",
        {
            "attention": [
                attention(kv_heads=4),
                attention(kv_heads=4, causal=True),
                attention(kv_heads=2, causal=True),
                attention(kv_heads=1, keys=7),
                attention(kv_heads=2, mask=seen),
            ],
            "embedding": embedding(),
            "multi_head": multi_head(),
            "gpt": gpt(),
        },
    )
    print(path)
