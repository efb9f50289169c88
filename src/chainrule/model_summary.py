"""A model layer by layer: shapes, parameters, floating-point operations, and what the backward pass makes it keep."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from chainrule.compose import Chain, Parallel, Remat, Repeat, Scan, Tied
from chainrule.flops import flops_of
from chainrule.layer import Layer, as_layer
from chainrule.rule import Rule

__all__ = ["Row", "Summary", "summary"]


@dataclass(frozen=True)
class Row:
    """One layer.

    Attributes:
        name: the layer's name; before it, ``"3 x "`` where a loop runs it that often and the figures are those of one run.
        level: how deep it is nested; the whole model has level 0.
        out_shape: the shape of its output, with the batch axis.
        parameters: how many numbers its params hold.
        forward_flops: the floating-point operations of products and convolutions in the forward pass.
        backward_flops: the same in the backward pass.
        residual_bytes: what forward keeps for backward, the params apart, in bytes.
    """

    name: str
    level: int
    out_shape: tuple[int, ...]
    parameters: int
    forward_flops: int
    backward_flops: int
    residual_bytes: int


@dataclass(frozen=True)
class Summary:
    """What ``summary`` found; ``str`` of it is a table.

    Attributes:
        in_shape: the shape of x, with the batch axis.
        dtype: of x.
        rows: the model itself, and below it its layers in the order in which they run.
    """

    in_shape: tuple[int, ...]
    dtype: str
    rows: tuple[Row, ...]

    @property
    def total(self) -> Row:
        """The row of the whole model."""
        return self.rows[0]

    def to_json(self) -> dict[str, Any]:
        """The same as dictionaries, lists, numbers and text."""
        return {
            "in_shape": list(self.in_shape),
            "dtype": self.dtype,
            "rows": [asdict(row) | {"out_shape": list(row.out_shape)} for row in self.rows],
        }

    def __str__(self) -> str:
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for position, column in enumerate(
            ("layer", "output", "parameters", "forward FLOPs", "backward FLOPs", "residual bytes")
        ):
            table.add_column(column, justify="right" if position > 1 else "left", no_wrap=True)
        for row in self.rows:
            figures = row.parameters, row.forward_flops, row.backward_flops, row.residual_bytes
            cells = "  " * row.level + row.name, _shape(row.out_shape), *(f"{figure:,}" for figure in figures)
            table.add_row(*map(Text, cells))
        console = Console(width=1000, no_color=True, highlight=False, force_terminal=False)
        with console.capture() as captured:
            console.print(table)
        lines = [line.rstrip() for line in captured.get().splitlines()]
        return "\n".join([f"x: {self.dtype} {_shape(self.in_shape)}", "", *lines])


def _shape(shape: tuple[int, ...]) -> str:
    """A shape as users type it: ``64x10``."""
    return "x".join(map(str, shape)) or "scalar"


def summary(
    model: Rule,
    in_shape: int | Sequence[int],
    *,
    batch: int = 1,
    dtype: DTypeLike = jnp.float32,
    train: bool = True,
) -> Summary:
    """Summarise a model layer by layer; nothing is computed.

    Operations are those of matrix products and convolutions, counted in the trace of the forward and of the hand-derived
    backward pass. A layer's residuals are counted as its own: what two layers share (the output of one is the input of
    the next) stands in both rows, and once in the row above them. The params, which are kept anyway, are not counted.
    Below a ``remat`` stand the figures of the layer when it is computed again.

    Args:
        model: a layer, or a rule of one array.
        in_shape: the shape of one example, without the batch axis: ``(28, 28, 1)``.
        batch: the number of examples.
        dtype: the floating-point dtype of params and x; the x of a model that takes integers is of int32.
        train: what a layer does in training, or in evaluation.

    Raises:
        ValueError: for fewer than one example, or a shape that the model refuses.
    """
    layer = as_layer(model)
    if not isinstance(batch, int) or isinstance(batch, bool) or batch < 1:
        raise ValueError(f"batch must be a positive integer, got {batch!r}")
    key = jax.eval_shape(lambda: jax.random.key(0))
    params, state = jax.eval_shape(lambda: layer.init(jax.random.key(0), in_shape, dtype))
    shape = (in_shape,) if isinstance(in_shape, int) else tuple(in_shape)
    x = jax.ShapeDtypeStruct((batch, *shape), jnp.int32 if layer.takes_integers else dtype)
    return Summary(x.shape, jnp.dtype(x.dtype).name, tuple(_rows(_Call(layer, params, x, state, key, train))))


@dataclass(frozen=True)
class _Call:
    """A layer and the shapes that it is called with."""

    layer: Layer
    params: Any
    x: Any
    state: Any
    key: Any
    train: bool
    times: int = 1
    level: int = 0

    def inner(self, layer: Layer, params: Any, x: Any, state: Any, times: int = 1) -> _Call:
        """The call of a layer within this one."""
        return _Call(layer, params, x, state, self.key, self.train, times, self.level + 1)

    @property
    def args(self) -> tuple[Any, ...]:
        """The arguments as shapes and dtypes."""
        return self.params, self.x, self.state, self.key if self.layer.uses_key else None

    def output(self) -> Any:
        """The shapes of the output and of the new state."""
        return jax.eval_shape(lambda *args: self.layer(*args, train=self.train), *self.args)


def _rows(call: _Call) -> Iterator[Row]:
    """The row of a layer, and below it those of the layers within it."""
    yield _row(call)
    for inner in _within(call):
        yield from _rows(inner)


def _row(call: _Call) -> Row:
    layer, train, args = call.layer, call.train, call.args
    y, new_state = call.output()

    def both(args: Any, d_output: Any) -> Any:
        _, residuals = layer.forward(*args, train=train)
        return layer.backward(residuals, d_output, train=train)[:3]

    forward = flops_of(lambda *args: layer(*args, train=train), *args)
    again = flops_of(lambda *args: _live(layer, args, train), *args)
    total = flops_of(both, args, (y, _cotangents(new_state)))
    name = layer.name if call.times == 1 else f"{call.times} x {layer.name}"
    count = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(call.params))
    return Row(name, call.level, tuple(y.shape), count, forward, total - again, _residual_bytes(call))


def _live(layer: Layer, args: Any, train: bool) -> Any:
    """The residuals alone: as much of the forward pass as a backward pass rests on."""
    return layer.forward(*args, train=train)[1]


def _cotangents(tree: Any) -> Any:
    """The cotangents of a state: ``None`` for integers and keys."""
    return jax.tree.map(lambda leaf: leaf if jnp.issubdtype(leaf.dtype, jnp.inexact) else None, tree)


def _residual_bytes(call: _Call) -> int:
    """The memory of the residuals that are no params, each array once."""
    jaxpr = jax.make_jaxpr(lambda *args: call.layer.forward(*args, train=call.train)[1])(*call.args).jaxpr
    params = {id(variable) for variable in jaxpr.invars[: len(jax.tree.leaves(call.params))]}
    kept = {id(variable): variable.aval for variable in jaxpr.outvars if id(variable) not in params}
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in kept.values())


def _within(call: _Call) -> Iterator[_Call]:
    """The layers within a combinator, with the shapes that reach each."""
    layer, params, x, state = call.layer, call.params, call.x, call.state
    if isinstance(layer, Chain):
        for part, part_params, part_state in zip(layer.layers, params, state, strict=True):
            inner = call.inner(part, part_params, x, part_state)
            yield inner
            x, _ = inner.output()
    elif isinstance(layer, Parallel):
        for part, part_params, part_state in zip(layer.layers, params, state, strict=True):
            yield call.inner(part, part_params, x, part_state)
    elif isinstance(layer, Scan):
        one = jax.ShapeDtypeStruct((x.shape[0], *x.shape[2:]), x.dtype)
        yield call.inner(layer.layer, params, one, state, x.shape[1])
    elif isinstance(layer, Repeat):
        block = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), (params, state))
        yield call.inner(layer.layer, block[0], x, block[1], layer.depth)
    elif isinstance(layer, Tied):
        yield call.inner(layer.layer, jax.eval_shape(lambda params: layer.filled(params)[0], params), x, state)
    elif isinstance(layer, Remat):
        yield call.inner(layer.layer, params, x, state)
