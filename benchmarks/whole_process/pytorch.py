"""Train the network of ``chainrule train digits``, print its accuracy, and write nothing.

MLP 64-64-10, batch 64, Adam at 1e-2, 20 epochs, labels smoothed by 0.1. The table is read from
scikit-learn's file by NumPy: importing scikit-learn would add its own second to PyTorch's time.
"""

import gzip
import importlib.util
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

package = importlib.util.find_spec("sklearn")
folder = Path(package.submodule_search_locations[0])
with gzip.open(folder / "datasets/data/digits.csv.gz", "rt") as file:
    table = np.loadtxt(file.read().splitlines(), delimiter=",", dtype=np.uint8)
torch.manual_seed(0)
order = torch.randperm(len(table))
features, labels = torch.from_numpy(table[:, :-1]).float()[order] / 16, torch.from_numpy(table[:, -1]).long()[order]
x, y, x_test, y_test = features[360:], labels[360:], features[:360], labels[:360]

model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
nn.init.kaiming_normal_(model[0].weight, nonlinearity="relu")
nn.init.kaiming_normal_(model[2].weight, nonlinearity="linear")
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(20):
    for rows in torch.randperm(len(x)).split(64):
        optimizer.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(model(x[rows]), y[rows], label_smoothing=0.1)
        loss.backward()
        optimizer.step()
with torch.no_grad():
    accuracy = (model(x_test).argmax(1) == y_test).float().mean().item()
print(f"accuracy {accuracy:.4f}")
