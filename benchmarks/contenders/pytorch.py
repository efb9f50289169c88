"""PyTorch, eager: the data in tensors, a permutation an epoch, and no Python that is not needed."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from benchmarks.contenders.contender import Contender, Outcome, stopwatch
from benchmarks.problems import Data, Problem, initial_weights

__all__ = ["Pytorch", "PytorchTuned"]


class Pytorch(Contender):
    """``torch.optim.Adam`` and the number of threads as they come."""

    packages = ("torch",)
    fused: bool | None = None

    def __init__(self, problem: Problem, data: Data) -> None:
        self.problem = problem
        self.x, self.y = torch.from_numpy(data.x), torch.from_numpy(data.y).long()

    def run(self, seed: int) -> Outcome:
        torch.manual_seed(seed)
        problem = self.problem
        model = self._model(seed)
        optimizer = torch.optim.Adam(
            model.parameters(),
            lr=problem.learning_rate,
            betas=(problem.b1, problem.b2),
            eps=problem.eps,
            fused=self.fused,
        )
        x, y = self.x, self.y
        with stopwatch() as watch:
            for _ in range(problem.epochs):
                for rows in torch.randperm(len(x)).split(problem.batch_size):
                    optimizer.zero_grad(set_to_none=True)
                    loss = functional.cross_entropy(model(x[rows]), y[rows])
                    loss.backward()
                    optimizer.step()
        linear = [layer for layer in model if isinstance(layer, nn.Linear)]
        weights = [(layer.weight.detach().numpy().T, layer.bias.detach().numpy()) for layer in linear]
        return Outcome(watch.seconds, weights, int(optimizer.state[linear[0].weight]["step"]))

    def threads(self) -> str:
        return str(torch.get_num_threads())

    def _model(self, seed: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for weight, bias in initial_weights(self.problem, seed):
            linear = nn.Linear(*weight.shape)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(weight.T))
                linear.bias.copy_(torch.from_numpy(bias))
            layers += [linear, nn.ReLU()]
        return nn.Sequential(*layers[:-1])


class PytorchTuned(Pytorch):
    """Adam as one fused operation, and one thread: networks as small as these lose more to threads than they gain."""

    fused = True

    def __init__(self, problem: Problem, data: Data) -> None:
        super().__init__(problem, data)
        torch.set_num_threads(1)
