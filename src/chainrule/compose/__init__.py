"""The chain rule, written once.

Combinators turn layers into a layer. Here, and nowhere else in the package, pullbacks are run in reverse order and
cotangents are added:

    chain     y = f_n(... f_2(f_1(x)))      dL/dx = J_1^T J_2^T ... J_n^T dL/dy, read from the right
    parallel  y = f_1(x) + ... + f_n(x)     dL/dx = J_1^T dL/dy + ... + J_n^T dL/dy
              y = [f_1(x), ..., f_n(x)]     dL/dx = J_1^T dL/dy_1 + ... + J_n^T dL/dy_n
    residual  y = s(x) + f(x)               parallel, with a shortcut s (the identity unless given)
    scan      y_t, s_t = f(x_t, s_(t-1))    backpropagation through time
    repeat    x_i = f(W_i, x_(i-1))         a chain of blocks of one kind, compiled once
    tie       y = f(W, ..., t(W))           dL/dW is the sum over both uses
    remat     y = f(x)                      J is computed from x once more, and not kept

Each hands its layers their own part of params and state, and to those that draw random numbers a key of their own,
``jax.random.fold_in(key, position)``.
"""

from chainrule.compose.chain import Chain, chain
from chainrule.compose.depth import Repeat, repeat
from chainrule.compose.parallel import Parallel, identity, parallel, residual
from chainrule.compose.remat import Remat, everything, nothing, of_layers, remat, smaller_than
from chainrule.compose.tie import Tied, tie, transpose
from chainrule.compose.time import Scan, scan

__all__ = [
    "Chain",
    "Parallel",
    "Remat",
    "Repeat",
    "Scan",
    "Tied",
    "chain",
    "everything",
    "identity",
    "nothing",
    "of_layers",
    "parallel",
    "remat",
    "repeat",
    "residual",
    "scan",
    "smaller_than",
    "tie",
    "transpose",
]
