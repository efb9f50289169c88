"""The contract of a rule: three ways in, pullbacks that cross transformations, and errors that say what came."""

from __future__ import annotations

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from chainrule import Rule, ops
from chainrule.rule import Static, rule

from .helpers import assert_hand_is_autodiff, assert_trees_close, random_like

pytestmark = pytest.mark.usefixtures("quick_compilation")

traces: list[str] = []


@rule
def scaled(x, y=None, *, factor=3.0, tag="plain"):
    """z = factor x y^2, or factor x; counts how often it is traced."""
    traces.append(tag)
    return factor * x if y is None else factor * x * y * y, (x, y)


@scaled.defbackward
def scaled_backward(residuals, d_output, *, factor, tag):
    x, y = residuals
    if y is None:
        return factor * d_output, None
    return factor * y * y * d_output, 2 * factor * x * y * d_output


@rule
def pick(x, index, key, *, scale=1.0):
    """Rows of x, and noise on them: an integer and a key beside the floating-point argument."""
    rows = scale * x[index]
    return (rows + jax.random.normal(key, rows.shape, rows.dtype), index), (index, Static(x.shape))


@pick.defbackward
def pick_backward(residuals, d_output, *, scale):
    index, shape = residuals
    d_rows, _ = d_output  # the second output holds integers
    return jnp.zeros(shape.value, d_rows.dtype).at[index].add(scale * d_rows), None, None


class Power(Rule):
    """y = x^n; a rule as a class, with static configuration."""

    def forward(self, x, *, n=2):
        return x**n, x

    def backward(self, x, d_output, *, n=2):
        return (n * x ** (n - 1) * d_output,)


# ----------------------------------------------------------------------------------------------------------------------
# Three ways in
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("x64")
def test_three_ways_in_agree_with_the_formula(rng):
    x, y, g = (jnp.asarray(rng.normal(size=4)) for _ in range(3))
    output, pullback = scaled.vjp(x, y, factor=-1.5)
    expected = -1.5 * np.asarray(x) * np.asarray(y) ** 2
    d_expected = (-1.5 * np.asarray(y * y * g), -3.0 * np.asarray(x * y * g))
    for found in (output, scaled(x, y, factor=-1.5), scaled.by_hand(x, y, factor=-1.5)):
        np.testing.assert_allclose(found, expected, rtol=1e-15)
    for way in (lambda x, y: scaled(x, y, factor=-1.5), lambda x, y: scaled.by_hand(x, y, factor=-1.5)):
        np.testing.assert_allclose(jax.vjp(way, x, y)[1](g), d_expected, rtol=1e-14)
    np.testing.assert_allclose(pullback(g), d_expected, rtol=1e-14)


def test_by_hand_runs_the_hand_derived_rule_and_the_plain_call_does_not():
    @rule
    def deceitful(x):
        return x * x, None

    @deceitful.defbackward
    def deceitful_backward(residuals, d_output):
        return (7.0 * d_output,)

    assert jax.grad(deceitful)(3.0) == 6
    assert jax.grad(deceitful.by_hand)(3.0) == 7
    assert deceitful.vjp(3.0)[1](1.0) == (7,)


def test_class_and_function_rules_are_rules():
    assert isinstance(scaled, Rule)
    assert scaled.name == "scaled"
    assert repr(scaled) == "scaled"
    assert scaled.__doc__.startswith("z = factor")
    assert Power().name == "Power"
    assert list(Power().signature.parameters) == ["x", "n"]
    x = jnp.arange(1.0, 4.0)
    np.testing.assert_allclose(Power().vjp(x, n=3)[1](jnp.ones(3))[0], 3 * x**2)


def test_a_rule_without_its_functions_says_so():
    class Empty(Rule):
        pass

    with pytest.raises(TypeError, match="Empty defines no forward"):
        Empty()(1.0)
    with pytest.raises(TypeError, match="Empty defines no backward"):
        Empty().backward(None, 1.0)


# ----------------------------------------------------------------------------------------------------------------------
# Pullbacks cross jit, vmap and scan
# ----------------------------------------------------------------------------------------------------------------------


def test_pullback_is_a_pytree_of_arrays_alone():
    _, pullback = pick.vjp(jnp.ones((5, 2)), jnp.array([1, 3]), jax.random.key(0))
    assert isinstance(pullback, Partial)
    leaves = jax.tree.leaves(pullback)
    assert all(isinstance(leaf, jax.Array) for leaf in leaves)
    assert [leaf.shape for leaf in leaves] == [(2,)]  # the indices; x is there as its shape alone


@pytest.mark.usefixtures("x64")
def test_pullback_crosses_jit(rng):
    x, y, g = (jnp.asarray(rng.normal(size=4)) for _ in range(3))
    _, pullback = jax.jit(lambda x, y: scaled.vjp(x, y, factor=2.0))(x, y)
    found = jax.jit(lambda pullback, g: pullback(g))(pullback, g)
    assert_trees_close(found, jax.vjp(lambda x, y: scaled(x, y, factor=2.0), x, y)[1](g))


@pytest.mark.usefixtures("x64")
def test_pullback_crosses_vmap(rng):
    x, y, g = (jnp.asarray(rng.normal(size=(3, 4))) for _ in range(3))
    output, pullback = jax.vmap(scaled.vjp)(x, y)
    found = jax.vmap(lambda pullback, g: pullback(g))(pullback, g)
    assert_trees_close(output, scaled(x, y))
    assert_trees_close(found, jax.vjp(scaled, x, y)[1](g))
    # A pullback of the whole batch is another type: its cotangent must have the batch axis.
    with pytest.raises(ValueError, match=r"must be float64\[4\]"):
        pullback(g)


@pytest.mark.usefixtures("x64")
def test_pullbacks_stack_in_scan(rng):
    xs, start = jnp.asarray(rng.normal(size=(6, 4))), jnp.asarray(rng.normal(size=4))

    def forward(carry, x):
        new, pullback = scaled.vjp(x, carry, factor=0.5)
        return new, pullback

    def backward(d_carry, pullback):
        d_x, d_previous = pullback(d_carry)
        return d_previous, d_x

    def by_hand(start, xs, g):
        last, pullbacks = jax.lax.scan(forward, start, xs)
        d_start, d_xs = jax.lax.scan(backward, g, pullbacks, reverse=True)
        return last, d_start, d_xs

    def plain(start, xs):
        return jax.lax.scan(lambda carry, x: (scaled(x, carry, factor=0.5), None), start, xs)[0]

    g = jnp.asarray(rng.normal(size=4))
    last, d_start, d_xs = jax.jit(by_hand)(start, xs, g)
    expected, referee = jax.vjp(plain, start, xs)
    assert_trees_close((last, d_start, d_xs), (expected, *referee(g)))


def test_pullbacks_of_equal_rules_and_shapes_are_of_one_type():
    def structure(rule, *args, **static):
        return jax.tree.structure(rule.vjp(*args, **static)[1])

    x = jnp.ones(3)
    first = structure(scaled, x)
    assert first == structure(scaled, 2 * x)
    assert hash(first) == hash(structure(scaled, 2 * x))
    assert first == structure(scaled, x, factor=3.0)  # the default
    assert first != structure(scaled, x, factor=4.0)
    assert first != structure(scaled, jnp.ones(4))
    assert first != structure(scaled, x.astype(jnp.bfloat16))
    assert first != structure(scaled, x, x)
    assert structure(scaled.bind(factor=4.0), x) == structure(scaled.bind(factor=4.0), x)
    assert structure(scaled.bind(factor=4.0), x) != structure(scaled.bind(factor=5.0), x)


# ----------------------------------------------------------------------------------------------------------------------
# Static arguments
# ----------------------------------------------------------------------------------------------------------------------


def test_bind_fixes_static_arguments():
    bound = scaled.bind(factor=5.0)
    x = jnp.arange(3.0)
    np.testing.assert_array_equal(bound(x), 5 * x)
    np.testing.assert_array_equal(bound.vjp(x)[1](jnp.ones(3))[0], np.full(3, 5.0))
    np.testing.assert_array_equal(jax.grad(lambda x: bound.by_hand(x).sum())(x), np.full(3, 5.0))
    assert bound == scaled.bind(factor=5.0)
    assert hash(bound) == hash(scaled.bind(factor=5.0))
    assert bound != scaled.bind(factor=6.0)
    assert scaled.bind(factor=1.0, tag="a") == scaled.bind(tag="a", factor=1.0)
    assert bound.name == repr(bound) == "scaled(factor=5.0)"
    assert list(bound.signature.parameters) == ["x", "y", "tag"]


def test_bind_again_and_call_with_what_is_left():
    bound = scaled.bind(factor=5.0).bind(tag="twice")
    traces.clear()
    assert bound(2.0) == 10
    assert traces == ["twice"]
    with pytest.raises(TypeError, match="factor"):
        scaled.bind(factor=5.0)(1.0, factor=2.0)
    with pytest.raises(TypeError, match="no static argument 'factor'"):
        scaled.bind(factor=5.0).bind(factor=2.0)


def test_defaults_reach_backward():
    assert scaled.vjp(2.0)[1](1.0) == (3,)
    # A combinator calls backward itself, with no static argument at all.
    assert scaled.backward((2.0, None), 1.0) == (3, None)


def test_unknown_static_argument_is_named():
    with pytest.raises(TypeError, match=r"scaled: no static argument 'slope'; it has \['factor', 'tag'\]"):
        scaled.bind(slope=2.0)
    with pytest.raises(TypeError, match=r"scaled\(x, y=None.*slope"):
        scaled(1.0, slope=2.0)


@pytest.mark.parametrize("way", [scaled.__call__, scaled.vjp, scaled.by_hand])
def test_unhashable_static_argument_is_named(way):
    with pytest.raises(TypeError, match="scaled: factor is static configuration and must be hashable, got list"):
        way(1.0, factor=[1.0])


def test_unhashable_bind_is_named():
    with pytest.raises(TypeError, match="scaled: factor is static configuration and must be hashable, got ndarray"):
        scaled.bind(factor=np.ones(2))


def test_missing_and_surplus_arguments_are_named():
    with pytest.raises(TypeError, match="missing a required argument: 'x'"):
        scaled()
    with pytest.raises(TypeError, match="too many positional arguments"):
        scaled(1.0, 2.0, 3.0)


# ----------------------------------------------------------------------------------------------------------------------
# Integers, keys and optional arguments
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("way", ["vjp", "by_hand"])
def test_integers_and_keys_give_float0_as_jax_does(way, rng):
    args = jnp.asarray(rng.normal(size=(5, 2))), jnp.array([1, 3, 1]), jax.random.key(3)
    output, referee = jax.vjp(pick, *args)
    pullback = pick.vjp(*args)[1] if way == "vjp" else jax.vjp(pick.by_hand, *args)[1]
    cotangent = random_like(output)
    found, expected = pullback(cotangent), referee(cotangent)
    assert_trees_close(found, expected)
    assert [d.dtype for d in found] == [jnp.float64, jax.dtypes.float0, jax.dtypes.float0]
    assert [np.shape(d) for d in found] == [(5, 2), (3,), ()]


def test_python_integer_gives_float0():
    _, pullback = pick.vjp(jnp.ones((5, 2)), 3, jax.random.key(0))
    _, d_index, _ = pullback((jnp.ones(2), np.zeros((), jax.dtypes.float0)))
    assert d_index.dtype == jax.dtypes.float0


def test_none_inside_a_tree_stands_for_the_float0_of_its_integers():
    @rule
    def counted(state):
        return {"mean": 2 * state["mean"], "steps": state["steps"] + 1}, None

    @counted.defbackward
    def counted_backward(residuals, d_output):
        return ({"mean": 2 * d_output["mean"], "steps": None},)

    state = {"mean": jnp.arange(3.0), "steps": jnp.array(4)}
    _, found = assert_hand_is_autodiff(counted, state)
    assert found[0]["steps"].dtype == jax.dtypes.float0


def test_as_many_cotangents_as_arguments_were_given():
    x, y, g = jnp.arange(3.0), jnp.ones(3), jnp.ones(3)
    assert len(scaled.vjp(x)[1](g)) == 1
    assert len(scaled.vjp(x, y)[1](g)) == 2
    assert len(scaled.vjp(x, y=y)[1](g)) == 2
    assert scaled.vjp(x, None)[1](g)[1] is None
    assert_trees_close(scaled.vjp(x, None)[1](g), jax.vjp(scaled, x, None)[1](g))
    assert len(ops.affine.vjp(jnp.ones((2, 3)), jnp.ones((3, 4)))[1](jnp.ones((2, 4)))) == 2


# ----------------------------------------------------------------------------------------------------------------------
# What a pullback refuses
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("d_output", "message"),
    [
        (jnp.ones(1), r"scaled: d_output must be float32\[3\], got float32\[1\]"),  # nothing is broadcast
        (jnp.ones(()), r"must be float32\[3\], got float32\[\]"),
        (1.0, r"must be float32\[3\], got float32\[\]"),
        (jnp.ones((1, 3)), r"must be float32\[3\], got float32\[1, 3\]"),
        (jnp.ones(3, jnp.bfloat16), r"must be float32\[3\], got bfloat16\[3\]"),
        (jnp.ones(3, jnp.int32), r"must be float32\[3\], got int32\[3\]"),
        (np.ones(3), r"must be float32\[3\], got float64\[3\]"),
        ((jnp.ones(3),), r"d_output must have the tree of the output, .*got PyTreeDef\(\(\*,\)\)"),
        (None, r"must have the tree of the output"),
    ],
)
def test_wrong_d_output_is_refused(d_output, message):
    _, pullback = scaled.vjp(jnp.ones(3))
    with pytest.raises(ValueError, match=message):
        pullback(d_output)


def test_the_cotangent_of_an_integer_output_must_be_float0():
    (rows, index), pullback = pick.vjp(jnp.ones((5, 2)), jnp.array([1, 3]), jax.random.key(0))
    with pytest.raises(ValueError, match=r"d_output must be float0\[2\], got int32\[2\]"):
        pullback((rows, index))


def test_python_scalar_cotangent_of_a_scalar_output():
    _, pullback = scaled.vjp(jnp.asarray(2.0, jnp.bfloat16))
    (found,) = pullback(1.0)
    assert found == 3
    assert found.dtype == jnp.bfloat16
    assert pullback(1)[0] == 3


def _with_backward(result):
    @rule
    def broken(x):
        return x * 1, None

    @broken.defbackward
    def broken_backward(residuals, d_output):
        return result(d_output)

    return broken


@pytest.mark.parametrize("result", [lambda d: d, lambda d: [d], lambda d: (), lambda d: (d, d), lambda d: None])
def test_backward_must_return_a_tuple_of_the_right_length(result):
    _, pullback = _with_backward(result).vjp(jnp.ones(2))
    with pytest.raises(TypeError, match="broken: backward must return a tuple with a cotangent for each of its 1"):
        pullback(jnp.ones(2))


def test_backward_may_not_return_none_for_floating_point():
    _, pullback = _with_backward(lambda d: (None,)).vjp(jnp.ones(2))
    with pytest.raises(TypeError, match="broken: backward returned None for an argument of floating-point numbers"):
        pullback(jnp.ones(2))
    with pytest.raises(TypeError, match="backward returned None"):
        jax.grad(lambda x: _with_backward(lambda d: (None,)).by_hand(x).sum())(jnp.ones(2))


def test_backward_must_return_the_tree_of_its_argument():
    @rule
    def pair(params):
        return params["a"] * params["b"], params

    @pair.defbackward
    def pair_backward(params, d_output):
        return ({"a": params["b"] * d_output},)  # forgets b

    with pytest.raises(TypeError, match=r"pair: backward returned a cotangent of the tree .*'a'.* for an argument of"):
        pair.vjp({"a": jnp.ones(2), "b": jnp.ones(2)})[1](jnp.ones(2))


# ----------------------------------------------------------------------------------------------------------------------
# by_hand inside JAX's transformations, and no retrace
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("x64")
def test_by_hand_under_nested_transformations(rng):
    x, y = (jnp.asarray(rng.normal(size=(3, 4))) for _ in range(2))

    def objective(way):
        return lambda x, y: jnp.sum(jnp.sin(jax.jit(way)(x, y)))

    hand, plain = objective(scaled.by_hand), objective(scaled)
    expected = jax.grad(plain, argnums=(0, 1))(x, y)
    assert_trees_close(jax.grad(hand, argnums=(0, 1))(x, y), expected)
    assert_trees_close(jax.jit(jax.vmap(jax.grad(hand, argnums=(0, 1))))(x, y), expected)
    assert_trees_close(jax.vmap(jax.jit(jax.value_and_grad(hand)))(x, y), jax.vmap(jax.value_and_grad(plain))(x, y))

    def looped(way):
        return lambda x: jax.lax.scan(lambda carry, row: (way(carry, row), None), x[0], y)[0].sum()

    assert_trees_close(jax.grad(looped(scaled.by_hand))(x), jax.grad(looped(scaled))(x))


def test_by_hand_of_rules_within_a_rule_of_plain_jax(rng):
    x = jnp.asarray(rng.normal(size=5), jnp.float32)

    def network(tanh, softmax):
        return lambda x: jnp.sum(softmax(2 * tanh(x)) ** 2)

    found = jax.grad(network(ops.tanh.by_hand, ops.softmax.by_hand))(x)
    np.testing.assert_allclose(found, jax.grad(network(jnp.tanh, jax.nn.softmax))(x), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("way", ["call", "vjp", "by_hand"])
def test_no_retrace_on_the_second_call_nor_for_an_equal_bound_rule(way):
    tag = f"no retrace, {way}"

    @jax.jit
    def forward(bound, x):
        return getattr(bound.value, "__call__" if way == "call" else way)(x)

    x = jnp.ones(3)
    traces.clear()
    forward(Static(scaled.bind(tag=tag)), x)
    assert traces.count(tag) == 1
    forward(Static(scaled.bind(tag=tag)), 2 * x)
    assert traces.count(tag) == 1
    forward(Static(scaled.bind(tag=tag, factor=4.0)), x)
    assert traces.count(tag) == 2


def test_gradient_by_hand_does_not_retrace():
    tag = "gradient"
    gradient = jax.jit(jax.grad(lambda x, bound: bound.value.by_hand(x).sum()))
    traces.clear()
    gradient(jnp.ones(3), Static(scaled.bind(tag=tag)))
    count = len(traces)
    assert count >= 1
    gradient(jnp.ones(3), Static(scaled.bind(tag=tag)))
    assert len(traces) == count


# ----------------------------------------------------------------------------------------------------------------------
# How a rule is made
# ----------------------------------------------------------------------------------------------------------------------


def test_backward_is_given_once():
    with pytest.raises(TypeError, match="scaled has its backward already"):
        scaled.defbackward(lambda residuals, d_output, *, factor, tag: (d_output,))


@pytest.mark.parametrize(
    ("backward", "named"),
    [
        (lambda residuals, d_output: (d_output,), r"\[\]"),
        (lambda residuals, d_output, *, b: (d_output,), r"\['b'\]"),
        (lambda residuals, d_output, *, a, b: (d_output,), r"\['a', 'b'\]"),
    ],
)
def test_backward_takes_the_static_arguments_of_forward(backward, named):
    @rule
    def lonely(x, *, a=1):
        return x, None

    with pytest.raises(TypeError, match=rf"lonely: backward takes the static arguments {named}, forward \['a'\]"):
        lonely.defbackward(backward)


def test_pullback_without_a_backward_says_how_to_give_one():
    @rule
    def unfinished(x):
        return x, None

    assert unfinished(2.0) == 2
    with pytest.raises(TypeError, match=r"unfinished has no backward yet: decorate one with @unfinished\.defbackward"):
        unfinished.vjp(2.0)[1](1.0)


def test_variable_arguments_are_refused():
    with pytest.raises(TypeError, match=r"total: a rule names each of its arguments, it takes no \*xs"):

        @rule
        def total(*xs):
            return sum(xs), None

    with pytest.raises(TypeError, match=r"loose: .* no \*options"):

        @rule
        def loose(x, **options):
            return x, None


def test_defbackward_returns_the_function_so_that_other_rules_can_call_it():
    assert inspect.isfunction(scaled_backward)
    assert scaled_backward((2.0, None), 1.0, factor=2.0, tag="") == (2.0, None)


def test_static_residual_is_a_tree_without_leaves():
    assert jax.tree.leaves(Static((3, 4))) == []
    assert jax.tree.structure(Static((3, 4))) == jax.tree.structure(Static((3, 4)))
    assert jax.tree.structure(Static((3, 4))) != jax.tree.structure(Static((4, 3)))
