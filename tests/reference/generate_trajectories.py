"""Write trajectories.npz: ten steps of training by PyTorch in float64, of a LeNet, a ResNet, an LSTM classifier and a GPT.

PyTorch is needed here, and nowhere else in the tests: ``python -m tests.reference.generate_trajectories``.

Each twin is written with torch.nn, in PyTorch's layouts: channels first, and weights as (out, in). ``params`` says, layer
by layer, where each array goes in the params of this package: a kernel (out, in, kh, kw) becomes (kh, kw, in, out), a
matrix is transposed, and the rows of the matrix behind a flattened image change their order with its axes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence

from tests.reference.store import save

STEPS = 10
Tensor = torch.Tensor


def numbers(tensor: Tensor) -> np.ndarray:
    """A copy as a NumPy array: the parameters of PyTorch change in place."""
    return tensor.detach().numpy().copy()


def dense(layer: nn.Linear) -> dict[str, np.ndarray]:
    """The weight as (in_features, out_features)."""
    return {"weight": numbers(layer.weight.T), "bias": numbers(layer.bias)}


def conv(layer: nn.Conv2d) -> dict[str, np.ndarray]:
    """The kernel as (kh, kw, in, out)."""
    ours = {"weight": numbers(layer.weight.permute(2, 3, 1, 0))}
    return ours if layer.bias is None else ours | {"bias": numbers(layer.bias)}


def norm(layer: nn.BatchNorm2d | nn.LayerNorm) -> dict[str, np.ndarray]:
    """Scale and bias."""
    return {"scale": numbers(layer.weight), "bias": numbers(layer.bias)}


def running(layer: nn.BatchNorm2d) -> dict[str, np.ndarray]:
    """The running statistics."""
    return {"mean": numbers(layer.running_mean), "variance": numbers(layer.running_var)}


class LeNet(nn.Module):
    """Two stages of convolution, maximum and relu, and two dense layers."""

    def __init__(self, height: int, width: int, channels: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(channels, 2, 3, padding=1), nn.Conv2d(2, 3, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.rows, self.columns = height // 4, width // 4
        self.hidden, self.output = nn.Linear(3 * self.rows * self.columns, hidden), nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of images (batch, channels, height, width)."""
        x = functional.relu(self.pool(self.first(x)))
        x = functional.relu(self.pool(self.second(x)))
        return self.output(functional.relu(self.hidden(x.flatten(1))))

    def params(self) -> Any:
        """The params of ``models.lenet``: there an image is flattened by rows, columns and channels."""
        weight = self.hidden.weight.unflatten(1, (3, self.rows, self.columns)).permute(2, 3, 1, 0).flatten(0, 2)
        hidden = {"weight": numbers(weight), "bias": numbers(self.hidden.bias)}
        return [conv(self.first), [], [], conv(self.second), [], [], [], hidden, [], dense(self.output)]


class Block(nn.Module):
    """relu(shortcut(x) + bn(conv(relu(bn(conv(x))))))."""

    def __init__(self, before: int, width: int, stride: int, momentum: float) -> None:
        super().__init__()
        self.conv_1 = nn.Conv2d(before, width, 3, stride, padding=1, bias=False)
        self.conv_2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn_1, self.bn_2 = (nn.BatchNorm2d(width, momentum=momentum) for _ in range(2))
        self.shortcut: nn.Sequential | None = None
        if stride > 1 or before != width:
            own = nn.Conv2d(before, width, 1, stride, bias=False)
            self.shortcut = nn.Sequential(own, nn.BatchNorm2d(width, momentum=momentum))

    def forward(self, x: Tensor) -> Tensor:
        """Add the body to the shortcut."""
        body = self.bn_2(self.conv_2(functional.relu(self.bn_1(self.conv_1(x)))))
        return functional.relu(body + (x if self.shortcut is None else self.shortcut(x)))

    def params(self) -> Any:
        """The params of ``models.residual_block``."""
        body = [conv(self.conv_1), norm(self.bn_1), [], conv(self.conv_2), norm(self.bn_2)]
        shortcut = [] if self.shortcut is None else [conv(self.shortcut[0]), norm(self.shortcut[1])]
        return [[shortcut, body], []]

    def state(self) -> Any:
        """The state of ``models.residual_block``."""
        body = [[], running(self.bn_1), [], [], running(self.bn_2)]
        shortcut = [] if self.shortcut is None else [[], running(self.shortcut[1])]
        return [[shortcut, body], []]


class ResNet(nn.Module):
    """A stem, a stage of one block, a stage of two that halves the image, the mean over the pixels, a dense layer."""

    def __init__(self, channels: int, classes: int, momentum: float) -> None:
        super().__init__()
        self.stem, self.bn = nn.Conv2d(channels, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3, momentum=momentum)
        self.blocks = nn.Sequential(Block(3, 3, 1, momentum), Block(3, 4, 2, momentum), Block(4, 4, 1, momentum))
        self.output = nn.Linear(4, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of images (batch, channels, height, width)."""
        return self.output(self.blocks(functional.relu(self.bn(self.stem(x)))).mean((2, 3)))

    def params(self) -> Any:
        """The params of ``models.resnet``."""
        blocks = [block.params() for block in self.blocks]
        return [conv(self.stem), norm(self.bn), [], *blocks, [], dense(self.output)]

    def state(self) -> Any:
        """The state of ``models.resnet``."""
        return [[], running(self.bn), [], *(block.state() for block in self.blocks), [], []]


class Classifier(nn.Module):
    """Two LSTMs, one above the other, and a dense layer on the state after the last valid step of each sequence.

    The second of PyTorch's two biases stays 0: this package has one, and the sum of two would be trained twice as fast.
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.lstms = nn.ModuleList([nn.LSTM(features, 4, batch_first=True), nn.LSTM(4, 3, batch_first=True)])
        self.output = nn.Linear(3, classes)
        for lstm in self.lstms:
            lstm.bias_hh_l0.requires_grad_(requires_grad=False).zero_()

    def forward(self, sequences: tuple[Tensor, Tensor]) -> Tensor:
        """Logits of padded sequences (batch, time, features) of these lengths."""
        x, lengths = sequences
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        for lstm in self.lstms:
            packed, (hidden, _) = lstm(packed)
        return self.output(hidden[0])

    def params(self) -> Any:
        """The params of ``chain(LSTM(4), LSTM(3, last=True), Dense(classes))``."""
        lstms = [
            {
                "weight_x": numbers(lstm.weight_ih_l0.T),
                "weight_h": numbers(lstm.weight_hh_l0.T),
                "bias": numbers(lstm.bias_ih_l0),
            }
            for lstm in self.lstms
        ]
        return [*lstms, dense(self.output)]


class GptBlock(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)), by PyTorch's own attention with a causal mask."""

    def __init__(self, features: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(features), nn.LayerNorm(features)
        self.attention = nn.MultiheadAttention(features, heads, batch_first=True)
        self.first, self.second = nn.Linear(features, hidden), nn.Linear(hidden, features)

    def forward(self, x: Tensor) -> Tensor:
        """Look at the steps before, then at each step alone."""
        later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        z = self.norm_1(x)
        x = x + self.attention(z, z, z, attn_mask=later, need_weights=False)[0]
        return x + self.second(functional.gelu(self.first(self.norm_2(x)), approximate="tanh"))

    def params(self) -> Any:
        """The params of one block of ``models.gpt``."""
        qkv = {"weight": numbers(self.attention.in_proj_weight.T), "bias": numbers(self.attention.in_proj_bias)}
        attention = {"qkv": qkv, "output": dense(self.attention.out_proj)}
        mlp = [norm(self.norm_2), dense(self.first), [], dense(self.second)]
        return [[[], [norm(self.norm_1), attention]], [[], mlp]]


class Gpt(nn.Module):
    """Two blocks between an embedding and the same table, transposed."""

    def __init__(self, vocabulary: int, length: int, features: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.table, self.positions = nn.Embedding(vocabulary, features), nn.Embedding(length, features)
        self.blocks = nn.Sequential(*(GptBlock(features, heads, hidden) for _ in range(2)))
        self.norm = nn.LayerNorm(features)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of tokens (batch, time): (batch, time, vocabulary)."""
        x = self.table(tokens) + self.positions(torch.arange(tokens.shape[1]))
        return self.norm(self.blocks(x)) @ self.table.weight.T

    def params(self) -> Any:
        """The params of ``models.gpt``, with weights tied."""
        table, positions = {"table": numbers(self.table.weight)}, {"table": numbers(self.positions.weight)}
        blocks = [block.params() for block in self.blocks]
        return [table, positions, *blocks, norm(self.norm), {"weight": None}]


def randomised(twin: nn.Module) -> nn.Module:
    """Draw what begins as ones and zeros, so that nothing is multiplied by one or added to zero."""
    for name, parameter in twin.named_parameters():
        if parameter.requires_grad and parameter.ndim == 1:
            nn.init.normal_(parameter, 1.0 if name.endswith("weight") else 0.0, 0.3)
    return twin


def trajectory(twin: nn.Module, optimizer: torch.optim.Optimizer, batches: list[tuple[Any, Tensor]]) -> dict[str, Any]:
    """Take a step on each batch; keep the params before and after, the loss at every step and the state after."""
    first, losses = twin.params(), []
    for x, y in batches:
        optimizer.zero_grad()
        loss = functional.cross_entropy(twin(x).flatten(0, -2), y.flatten())
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    case = {"first": first, "losses": np.array(losses), "last": twin.params()}
    return case | ({"state": twin.state()} if isinstance(twin, ResNet) else {})


def images(height: int, width: int, channels: int, classes: int, batch: int = 4) -> list[tuple[Tensor, Tensor]]:
    """A batch of images and labels for every step."""
    return [(torch.randn(batch, channels, height, width), torch.randint(0, classes, (batch,))) for _ in range(STEPS)]


def of_images(twin: nn.Module, decay: float, batches: list[tuple[Tensor, Tensor]]) -> dict[str, Any]:
    """Images by gradient descent with momentum; channels go last."""
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.05, momentum=decay)
    x, y = (torch.stack(parts) for parts in zip(*batches, strict=True))
    return trajectory(twin, optimizer, batches) | {"x": numbers(x.permute(0, 1, 3, 4, 2)), "y": numbers(y)}


def lenet() -> dict[str, Any]:
    """Images whose sides are no multiples of the windows."""
    return of_images(randomised(LeNet(7, 9, 2, hidden=11, classes=3)), 0.9, images(7, 9, 2, 3))


def resnet() -> dict[str, Any]:
    """Batch norm in training mode; PyTorch's momentum of 0.3 is one of 0.7 here."""
    return of_images(randomised(ResNet(2, classes=3, momentum=0.3)), 0.8, images(5, 6, 2, 3))


def classifier() -> dict[str, Any]:
    """Sequences of unequal lengths, padded with numbers that must not count."""
    batch, time, features, classes = 3, 6, 2, 4
    twin = randomised(Classifier(features, classes))
    optimizer = torch.optim.Adam([p for p in twin.parameters() if p.requires_grad], lr=0.02)
    x, y = torch.randn(STEPS, batch, time, features), torch.randint(0, classes, (STEPS, batch))
    lengths = torch.randint(1, time + 1, (STEPS, batch))
    case = trajectory(twin, optimizer, [((x[i], lengths[i]), y[i]) for i in range(STEPS)])
    return case | {"x": numbers(x), "mask": numbers(torch.arange(time) < lengths[..., None]), "y": numbers(y)}


def gpt() -> dict[str, Any]:
    """A text in windows, one a step, and the same one token later."""
    vocabulary, length = 7, 6
    twin = randomised(Gpt(vocabulary, length, features=8, heads=2, hidden=12))
    text = torch.randint(0, vocabulary, (STEPS, 3, length + 1))
    x, y = text[..., :-1], text[..., 1:]
    optimizer = torch.optim.AdamW(twin.parameters(), lr=0.01, weight_decay=0.1)
    return trajectory(twin, optimizer, list(zip(x, y, strict=True))) | {"x": numbers(x), "y": numbers(y)}


if __name__ == "__main__":
    torch.manual_seed(20)
    torch.set_default_dtype(torch.float64)
    print(save("trajectories", {"lenet": lenet(), "resnet": resnet(), "lstm classifier": classifier(), "gpt": gpt()}))
