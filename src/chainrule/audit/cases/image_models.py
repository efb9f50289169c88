"""The models of images, against the same networks written out in NumPy, and unflatten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from scipy import special

from chainrule import models, ops
from chainrule.audit.cases.convolution import convolution
from chainrule.audit.cases.draw import extreme, normal, together
from chainrule.audit.cases.pooling import distinct
from chainrule.audit.registry import Case, register
from chainrule.layer import Layer

register(
    "unflatten",
    "ops",
    ops.unflatten,
    lambda x, shape: np.array([[x[i, n] for n in range(x.shape[1])] for i in range(len(x))]).reshape(-1, *shape),
    Case("typical", together(normal(4, 6)), {"shape": (2, 3, 1)}),
    Case("degenerate", together(normal(0, 6)), {"shape": (6,)}, "empty batch"),
    Case("extreme", together(extreme(4, 6)), {"shape": (2, 3, 1)}, "up to 10,000"),
)


def _drawn(model: Layer, in_shape: tuple[int, ...], part: int) -> Callable[[np.random.Generator], Any]:
    """Draw the params (part 0) or the state (part 1) of a model: no number is left at its first value, a 0 or a 1."""

    def draw(rng: np.random.Generator) -> Any:
        def leaf(path: Any, like: Any) -> np.ndarray:
            if path[-1].key == "variance":
                return rng.uniform(0.5, 2.0, size=like.shape)
            return np.asarray(rng.normal(size=like.shape) / np.sqrt(max(1, np.prod(like.shape[:-1]))))

        built = jax.eval_shape(lambda: model.init(jax.random.key(0), in_shape))
        return jax.tree_util.tree_map_with_path(leaf, built[part])

    return draw


def _dense(params: Any, x: np.ndarray) -> np.ndarray:
    return np.asarray(x @ params["weight"] + params["bias"])


def _relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def _lenet(params: Any, x: np.ndarray) -> np.ndarray:
    conv_1, _, _, conv_2, _, _, _, hidden, _, last = params
    for conv in (conv_1, conv_2):
        x = _relu(convolution(x, conv["weight"], conv["bias"], padding="SAME"))
        height, width = (size // 2 * 2 for size in x.shape[1:3])
        x = np.max([x[:, row:height:2, column:width:2] for row in (0, 1) for column in (0, 1)], axis=0)
    return _dense(last, _relu(_dense(hidden, x.reshape(len(x), -1))))


_LENET = models.lenet(2, channels=(2, 3), hidden=5)

register(
    "lenet",
    "models",
    _LENET,
    _lenet,
    Case("typical", together(_drawn(_LENET, (4, 5, 1), 0), distinct(3, 4, 5, 1))),
    Case("extreme", together(_drawn(_LENET, (4, 5, 1), 0), extreme(3, 4, 5, 1)), title="up to 10,000"),
)


def _norm(params: Any, x: np.ndarray, state: Any, train: bool) -> tuple[np.ndarray, Any]:
    """Batch norm with a momentum of 0.75, and the state after it."""
    if not train:
        z = (x - state["mean"]) / np.sqrt(state["variance"] + 1e-5)
        return params["scale"] * z + params["bias"], state
    pixels = x.reshape(-1, x.shape[-1])
    z = (x - pixels.mean(0)) / np.sqrt(pixels.var(0) + 1e-5)
    after = {
        "mean": 0.75 * state["mean"] + 0.25 * pixels.mean(0),
        "variance": 0.75 * state["variance"] + 0.25 * pixels.var(0, ddof=1),
    }
    return params["scale"] * z + params["bias"], after


def _body(params: Any, x: np.ndarray, state: Any, stride: int, train: bool) -> tuple[np.ndarray, Any]:
    y = convolution(x, params[0]["weight"], stride=stride, padding=1)
    y, first = _norm(params[1], y, state[1], train)
    y = convolution(_relu(y), params[3]["weight"], padding=1)
    y, second = _norm(params[4], y, state[4], train)
    return y, ((), first, (), (), second)


def _resnet(params: Any, x: np.ndarray, state: Any, train: bool = False) -> tuple[np.ndarray, Any]:
    """A stem, a block whose shortcut is x itself, and one that halves the image and widens it."""
    stem, norm, _, (same, _), (halved, _), _, head = params
    x, of_norm = _norm(norm, convolution(x, stem["weight"], padding=1), state[1], train)
    x = _relu(x)
    y, of_same = _body(same[1], x, state[3][0][1], 1, train)
    x = _relu(x + y)
    y, of_halved = _body(halved[1], x, state[4][0][1], 2, train)
    x, of_shortcut = _norm(halved[0][1], x[:, ::2, ::2] @ halved[0][0]["weight"][0, 0], state[4][0][0][1], train)
    x = _relu(x + y)
    after = ((), of_norm, (), (((), of_same), ()), ((((), of_shortcut), of_halved), ()), (), ())
    return _dense(head, x.mean((1, 2))), after


_RESNET = models.resnet(2, channels=(2, 3), blocks=(1, 1), momentum=0.75)
_RESNET_PARTS = [_drawn(_RESNET, (4, 5, 1), part) for part in (0, 1)]

register(
    "resnet",
    "models",
    _RESNET,
    _resnet,
    Case(
        "typical",
        together(_RESNET_PARTS[0], normal(3, 4, 5, 1), _RESNET_PARTS[1]),
        {"train": True},
        "training",
    ),
    Case("degenerate", together(_RESNET_PARTS[0], normal(3, 4, 5, 1), _RESNET_PARTS[1]), title="evaluation"),
    Case(
        "extreme",
        together(_RESNET_PARTS[0], extreme(3, 4, 5, 1), _RESNET_PARTS[1]),
        {"train": True},
        "up to 10,000",
    ),
)


def _autoencoder(params: Any, x: np.ndarray) -> np.ndarray:
    (_, down, _, latent), (up, _, pixels, _, _) = params
    z = _dense(latent, _relu(_dense(down, x.reshape(len(x), -1))))
    return np.asarray(special.expit(_dense(pixels, _relu(_dense(up, z)))).reshape(x.shape))


_AUTOENCODER = models.autoencoder((3, 2, 1), hidden=(5,), latent=2)

register(
    "autoencoder",
    "models",
    _AUTOENCODER,
    _autoencoder,
    Case("typical", together(_drawn(_AUTOENCODER, (3, 2, 1), 0), normal(4, 3, 2, 1))),
    Case("extreme", together(_drawn(_AUTOENCODER, (3, 2, 1), 0), extreme(4, 3, 2, 1)), title="up to 10,000"),
)
