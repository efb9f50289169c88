"""The summary of a model, and the operations that it counts, against figures worked out by hand."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import chainrule
from chainrule import chain, layers, models, ops, parallel, remat, repeat, residual, scan, tie
from chainrule.compose import everything, transpose
from chainrule.flops import flops_of
from chainrule.model_summary import Row, summary


def test_the_front_door_has_it():
    assert chainrule.summary is summary


# ----------------------------------------------------------------------------------------------------------------------
# Operations
# ----------------------------------------------------------------------------------------------------------------------


def floats(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.float32)


@pytest.mark.parametrize(
    ("function", "shapes", "expected"),
    [
        (lambda a, b: a @ b, [(4, 3), (3, 5)], 2 * 4 * 3 * 5),
        (lambda a, b: jnp.einsum("bij,bjk->bik", a, b), [(2, 4, 3), (2, 3, 5)], 2 * 2 * 4 * 3 * 5),
        (lambda a: jnp.tanh(a) * a, [(4, 3)], 0),
        (lambda a, b: jax.jit(lambda a: a @ b)(a) @ b, [(4, 3), (3, 3)], 2 * 2 * 4 * 3 * 3),
        (lambda a, b: lax.scan(lambda x, _: (x @ b, None), a, None, length=7)[0], [(4, 3), (3, 3)], 7 * 2 * 4 * 3 * 3),
        (lambda a, b: lax.cond(a[0, 0] > 0, lambda: a @ b @ b, lambda: a @ b), [(4, 3), (3, 3)], 2 * 2 * 4 * 3 * 3),
    ],
    ids=["product", "batched", "elementwise", "within jit", "scan", "cond"],
)
def test_operations_of_products(function, shapes, expected):
    assert flops_of(function, *(floats(*shape) for shape in shapes)) == expected


def test_what_no_output_depends_on_is_not_counted():
    def function(a, b):
        a @ b @ b
        return a @ b

    assert flops_of(function, floats(4, 3), floats(3, 3)) == 2 * 4 * 3 * 3


@pytest.mark.parametrize("groups", [1, 2])
def test_operations_of_a_convolution(groups):
    """(2, 6, 5, 4) by kernels of 3x2 to 8 channels: 2 x 4 x 4 outputs a channel, 3 x 2 x 4 / groups taps each."""

    def convolve(x, w):
        return lax.conv_general_dilated(
            x, w, (1, 1), "VALID", feature_group_count=groups, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    found = flops_of(convolve, floats(2, 6, 5, 4), floats(3, 2, 4 // groups, 8))
    assert found == 2 * (2 * 4 * 4 * 8) * (3 * 2 * 4 // groups)


def test_zeros_between_numbers_are_not_counted():
    """The stride of 2 by 1 of a convolution becomes zeros in the one that gives dL/dx: the same work, not twice as much."""

    def transposed(y, w):
        return lax.conv_general_dilated(
            y, w, (1, 1), ((2, 2), (1, 1)), lhs_dilation=(2, 1), dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    assert flops_of(transposed, floats(2, 3, 4, 8), floats(3, 2, 8, 4)) == 2 * (2 * 7 * 5 * 4) * (3 * 2 * 8) // 2


# ----------------------------------------------------------------------------------------------------------------------
# The summary
# ----------------------------------------------------------------------------------------------------------------------


def test_a_perceptron_by_hand():
    """x (6, 3): a product with W (3, 5) of 2 x 6 x 3 x 5 operations; backward two of those, and 2 x 6 x 5 for the bias."""
    found = summary(chain(layers.Dense(5), ops.tanh), 3, batch=6)
    product = 2 * 6 * 3 * 5
    assert found.rows == (
        Row("Chain", 0, (6, 5), 20, product, 2 * product + 60, 4 * (6 * 3 + 6 * 5)),
        Row("Dense(5)", 1, (6, 5), 20, product, 2 * product + 60, 4 * 6 * 3),
        Row("tanh", 1, (6, 5), 0, 0, 0, 4 * 6 * 5),
    )
    assert found.total == found.rows[0]
    assert found.in_shape == (6, 3)
    half = summary(chain(layers.Dense(5), ops.tanh), 3, batch=6, dtype=jnp.bfloat16)
    assert half.dtype == "bfloat16"
    assert [2 * row.residual_bytes for row in half.rows] == [row.residual_bytes for row in found.rows]


def test_what_two_layers_share_is_counted_once_above_them():
    """tanh keeps its output, and the dense layer after it that same array."""
    whole, first, second = summary(chain(ops.tanh, layers.Dense(2, bias=False)), 3, batch=4).rows
    assert first.residual_bytes == second.residual_bytes == whole.residual_bytes == 4 * 4 * 3


def test_layers_within_layers_are_indented_in_the_order_in_which_they_run():
    model = chain(
        residual(chain(layers.Dense(3), ops.tanh)), parallel(ops.relu, layers.Dense(2), combine="concatenate")
    )
    rows = summary(model, (4, 3), batch=2).rows
    assert [(row.level, row.name, row.out_shape) for row in rows] == [
        (0, "Chain", (2, 4, 5)),
        (1, "Parallel", (2, 4, 3)),
        (2, "identity", (2, 4, 3)),
        (2, "Chain", (2, 4, 3)),
        (3, "Dense(3)", (2, 4, 3)),
        (3, "tanh", (2, 4, 3)),
        (1, "Parallel", (2, 4, 5)),
        (2, "relu", (2, 4, 3)),
        (2, "Dense(2)", (2, 4, 2)),
    ]
    for row in rows:
        below = [other for other in rows if other.level == row.level + 1] if row.level == 0 else []
        assert not below or sum(other.forward_flops for other in below) == row.forward_flops


def test_loops_count_as_often_as_they_run():
    whole, block, *_ = summary(repeat(chain(layers.Dense(3), ops.tanh), 5), 3, batch=4).rows
    assert (whole.name, block.name) == ("Repeat", "5 x Chain")
    assert whole.parameters == 5 * block.parameters == 5 * 12
    assert whole.forward_flops == 5 * block.forward_flops == 5 * 2 * 4 * 3 * 3
    assert whole.backward_flops == 5 * block.backward_flops
    whole, step = summary(scan(layers.Dense(3)), (7, 2), batch=4).rows
    assert (step.name, step.out_shape, whole.out_shape) == ("7 x Dense(3)", (4, 3), (4, 7, 3))
    assert whole.parameters == step.parameters == 9
    assert whole.forward_flops == 7 * step.forward_flops


def test_recomputation_costs_operations_and_saves_bytes():
    layer = chain(*[part for _ in range(3) for part in (layers.Dense(3), ops.tanh)])
    plain, saved, again = (
        summary(model, 3, batch=4).total for model in (layer, remat(layer, everything), remat(layer))
    )
    assert plain.backward_flops == saved.backward_flops
    assert again.backward_flops == plain.backward_flops + plain.forward_flops
    assert again.residual_bytes == 4 * 4 * 3
    assert plain.residual_bytes == saved.residual_bytes == 4 * 4 * 4 * 3


def test_shared_parameters_are_counted_once():
    model = tie(chain(layers.Dense(4), layers.Dense(3)), {(1, "weight"): (0, "weight")}, transform=transpose)
    whole, inner, first, second = summary(model, 3).rows
    assert (whole.parameters, inner.parameters, first.parameters, second.parameters) == (19, 31, 16, 15)


def test_it_is_a_table_and_data():
    found = summary(models.mlp((256, 10)), (28, 28, 1), batch=64)
    assert json.loads(json.dumps(found.to_json()))["rows"][2]["out_shape"] == [64, 256]
    lines = str(found).splitlines()
    assert lines[0] == "x: float32 64x28x28x1"
    assert lines[2].split() == [
        "layer",
        "output",
        "parameters",
        *["forward", "FLOPs"],
        *["backward", "FLOPs"],
        *["residual", "bytes"],
    ]
    assert lines[4].split()[:4] == ["Chain", "64x10", "203,530", "26,017,792"]
    assert lines[6].startswith("  Dense(256)  ")
    params, _ = jax.eval_shape(lambda: models.mlp((256, 10)).init(jax.random.key(0), (28, 28, 1)))
    assert found.total.parameters == sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(params))


def test_bad_input_is_refused():
    for batch in (0, 1.5, True):
        with pytest.raises(ValueError, match="batch must be a positive integer, got"):
            summary(ops.tanh, 3, batch=batch)
    with pytest.raises(ValueError, match="in_shape must hold positive integers"):
        summary(ops.tanh, (3, 0))
    with pytest.raises(TypeError, match="expected a chainrule layer or rule"):
        summary(jnp.tanh, 3)
    with pytest.raises(ValueError, match="equal shapes"):
        summary(residual(layers.Dense(4)), 3)
