"""The problem that the stored trajectories solve: small, not quadratic, its gradients written down.

L(w, b) = Σ log cosh(x w + b - y) + 0.05 Σ w⁴       x (4, 2), w (2, 3), b (3,), y (4, 3)
r = tanh(x w + b - y),  dL/dw = xᵀ r + 0.2 w³,  dL/db = Σ_rows r
"""

from __future__ import annotations

import numpy as np

STEPS = 10
X = np.array([[0.5, -1.2], [1.5, 0.3], [-0.7, 0.8], [0.1, 2.0]])
Y = np.array([[0.3, -0.6, 1.1], [-1.4, 0.2, 0.5], [0.9, 0.7, -0.8], [0.4, -1.3, 0.6]])
W = np.array([[0.8, -0.5, 1.3], [-1.1, 0.6, 0.2]])
B = np.array([0.1, -0.4, 0.7])


def gradients(w: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r = np.tanh(X @ w + b - Y)
    return X.T @ r + 0.2 * w**3, r.sum(axis=0)


# Gradients for clipping: ordinary, small, all zero.
CLIPPED = [
    [np.array([[3.0, -4.0, 0.25]]), np.array([12.0, -0.5])],
    [np.array([[0.01, 0.02, -0.03]]), np.array([0.04, 0.0])],
    [np.zeros((1, 3)), np.zeros(2)],
]
THRESHOLDS = [0.02, 1.0, 13.1]
