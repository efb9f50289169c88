"""The gallery itself: every planted mistake is there, at the argument that the record names, and is the only one."""

import functools
import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule.audit import diagnosis
from chainrule.audit.mutants import MUTANTS, OPTIMIZER_MUTANTS
from chainrule.layer import Layer
from chainrule.rule import Rule

ROOMS = (
    *("elementwise", "affine", "softmax", "losses", "reductions", "normalization", "convolution"),
    *("recurrence", "attention", "embedding", "randomness", "combinators", "construction"),
)
BY_NAME = {mutant.name: mutant for mutant in MUTANTS}
SECOND_CALL = "tanh: another answer at the second call"
CAUGHT_BY = {
    *("", "tree, shape, dtype", "primal", "linearity", "jit", "vmap", "float32"),
    *("residuals used", "no JAX derivative", "no retrace", "finite at the extremes"),
}
QUICKLY = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def drawn(*shapes):
    return tuple(np.random.default_rng(1).normal(size=shape) for shape in shapes)


# Where a mistake shows that does not show at the arguments that the mutant draws.
PLACES = {
    "softplus: slope 1 above a threshold of 2": (np.linspace(-3, 4.1, 8),),
    "affine: dW transposed for a square weight, reshaped for others": drawn((4, 3), (3, 5), (5,)),
    "affine: the batch is written into the code": drawn((6, 3), (3, 3), (3,)),
    "affine: the rows beyond a whole number of chunks are dropped": drawn((6, 3), (3, 3), (3,)),
    "affine: the mean from a batch of 8 on": drawn((8, 3), (3, 3), (3,)),
    "affine: a batch of 1 gets no bias gradient": drawn((1, 3), (3, 3), (3,)),
}


def twin(mutant):
    """The same rule with the right backward function."""
    members = {
        "forward": lambda self, *arrays, **static: mutant.rule.forward(*arrays, **static),
        "backward": lambda self, residuals, d, **static: mutant.right(residuals, d, **static),
        "signature": property(lambda self: mutant.rule.signature),
    }
    return type("Twin", (Layer if isinstance(mutant.rule, Layer) else Rule,), members)()


def cast(args, dtype):
    return jax.tree.map(lambda leaf: leaf.astype(dtype) if leaf.dtype.kind == "f" else leaf, args)


def cotangent(mutant, args, dtype=np.float64):
    """Random numbers of both signs, some of them large, so that one that is clipped shows."""
    rng = np.random.default_rng(2)
    output = jax.eval_shape(functools.partial(mutant.rule, **mutant.static), *args)
    return jax.tree.map(lambda leaf: np.asarray(8 * rng.normal(size=leaf.shape), dtype), output)


def pulled(mutant, args, d, ways=("right", "wrong", "referee")):
    """The cotangents of each way in one compiled program; a way that raises is left out."""

    def program(args, d):
        found = {}
        if "referee" in ways:
            found["referee"] = jax.vjp(functools.partial(mutant.rule, **mutant.static), *args)[1](d)
        if "right" in ways and mutant.right is not None:
            found["right"] = twin(mutant).vjp(*args, **mutant.static)[1](d)
        if "wrong" in ways:
            try:
                found["wrong"] = mutant.rule.vjp(*args, **mutant.static)[1](d)
            except TypeError:  # the rule's own complaint, or JAX's of NumPy in a traced function
                assert mutant.caught_by == "tree, shape, dtype" or mutant.name == "tanh: NumPy in the backward pass"
        return found

    return jax.jit(program, compiler_options=QUICKLY)(args, d)


def error(found, expected):
    """The largest error of any leaf, relative to the leaf's largest number; infinite for another tree or type."""
    if jax.tree.structure(found) != jax.tree.structure(expected):
        return np.inf
    worst = 0.0
    for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
            return np.inf
        if getattr(ours, "weak_type", False) and not getattr(theirs, "weak_type", False):
            return np.inf
        if theirs.dtype == jax.dtypes.float0 or theirs.size == 0:
            continue
        a, b = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
        gap = np.abs(a - b).max() / (np.abs(b).max() or 1.0)
        worst = max(worst, np.inf if np.isnan(gap) else gap)
    return worst


def errors(found, expected):
    return [error(ours, theirs) for ours, theirs in zip(found, expected, strict=True)]


def assert_wrong_from(argument, found, expected, least=1e-9):
    """The cotangent of this argument is wrong, and none before it."""
    if found is not None:
        figures = errors(found, expected)
        assert figures[argument] > least
        assert max(figures[:argument], default=0.0) < 1e-10


def test_the_gallery_is_large_enough_and_names_are_unique():
    assert len(MUTANTS) >= 90
    assert len(BY_NAME) == len(MUTANTS)
    assert sum(mutant.right is not None for mutant in MUTANTS) >= 90
    assert {mutant.pattern for mutant in [*MUTANTS, *OPTIMIZER_MUTANTS]} == {"", *diagnosis.PATTERNS}


def test_each_room_is_a_module_and_holds_its_mutants():
    assert {mutant.room for mutant in MUTANTS} == set(ROOMS)
    for room in ROOMS:
        held = importlib.import_module(f"chainrule.audit.mutants.{room}").MUTANTS
        assert [mutant.name for mutant in held] == [mutant.name for mutant in MUTANTS if mutant.room == room]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_record_is_sound(mutant):
    args = mutant.make(np.random.default_rng(0))
    assert isinstance(args, tuple)
    for leaf in jax.tree.leaves(args):
        assert isinstance(leaf, np.ndarray)
        assert leaf.dtype in (np.float64, np.int32)
    assert mutant.argument is None or 0 <= mutant.argument < len(args)
    if mutant.argument is not None:
        leaves = jax.tree.leaves(args[mutant.argument])
        assert any(leaf.dtype == np.float64 for leaf in leaves) or mutant.caught_by == "tree, shape, dtype"
    assert mutant.caught_by in CAUGHT_BY
    assert (mutant.reference is not None) == (mutant.caught_by == "primal")
    again = mutant.make(np.random.default_rng(0))
    assert all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(args), jax.tree.leaves(again), strict=True))


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_mistake_is_there_and_is_the_only_one(mutant):
    args = mutant.make(np.random.default_rng(0))
    found = pulled(mutant, args, cotangent(mutant, args))
    if mutant.right is not None:
        assert max(errors(found["right"], found["referee"])) < 1e-10
    if mutant.argument is None:  # the mistake is not in the values of a cotangent
        assert max(errors(found["wrong"], found["referee"])) < 1e-10
    elif mutant.name in PLACES:
        place = PLACES[mutant.name]
        elsewhere = pulled(mutant, place, cotangent(mutant, place))
        assert max(errors(found["wrong"], found["referee"])) < 1e-10
        assert max(errors(elsewhere["right"], elsewhere["referee"])) < 1e-10
        assert_wrong_from(mutant.argument, elsewhere["wrong"], elsewhere["referee"])
    elif mutant.pattern != diagnosis.FLOAT32 and mutant.caught_by not in ("float32", "vmap"):
        if mutant.name != SECOND_CALL:
            assert_wrong_from(mutant.argument, found.get("wrong"), found["referee"])
    else:
        assert max(errors(found["wrong"], found["referee"])) < 1e-8


def chosen(condition):
    names = [mutant.name for mutant in MUTANTS if condition(mutant)]
    assert names
    return names


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", chosen(lambda mutant: mutant.pattern == diagnosis.FLOAT32))
def test_what_is_unstable_in_float32_is_right_in_float64(name):
    mutant = BY_NAME[name]
    args = cast(mutant.make(np.random.default_rng(0)), np.float32)
    d = cotangent(mutant, args, np.float32)
    narrow = cast(pulled(mutant, args, d, ("right", "wrong")), np.float64)
    expected = pulled(mutant, cast(args, np.float64), cast(d, np.float64), ("referee",))["referee"]
    assert max(errors(narrow["right"], expected)) < 1e-3
    assert_wrong_from(mutant.argument, narrow["wrong"], expected, least=1e-2)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", chosen(lambda mutant: mutant.caught_by == "float32"))
def test_a_promoted_dtype_shows_in_float32(name):
    mutant = BY_NAME[name]
    args = cast(mutant.make(np.random.default_rng(0)), np.float32)
    found = pulled(mutant, args, cotangent(mutant, args, np.float32))
    assert max(errors(found["right"], found["referee"])) < 1e-4
    assert found["wrong"][mutant.argument].dtype == np.float64


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", chosen(lambda mutant: mutant.caught_by == "vmap"))
def test_another_slope_under_vmap(name):
    mutant = BY_NAME[name]
    args = jax.tree.map(lambda leaf: leaf[None], mutant.make(np.random.default_rng(0)))
    d = cotangent(mutant, args)
    mapped = jax.jit(jax.vmap(lambda args, d: mutant.rule.vjp(*args)[1](d)))(args, d)
    assert errors(mapped, pulled(mutant, args, d, ("referee",))["referee"])[mutant.argument] > 0.1


@pytest.mark.usefixtures("x64")
def test_another_answer_at_the_second_call():
    mutant = BY_NAME[SECOND_CALL]
    args = mutant.make(np.random.default_rng(0))
    d = cotangent(mutant, args)
    calls = [pulled(mutant, args, d, ("wrong", "referee")) for _ in range(2)]
    assert sorted(error(found["wrong"], found["referee"]) > 1e-9 for found in calls) == [False, True]


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", chosen(lambda mutant: mutant.caught_by == "primal"))
def test_a_wrong_forward_pass_is_not_its_reference(name):
    mutant = BY_NAME[name]
    args = mutant.make(np.random.default_rng(0))
    output = np.asarray(mutant.rule(*[jnp.asarray(arg) for arg in args], **mutant.static))
    assert error(output, np.asarray(mutant.reference(*args, **mutant.static))) > 1e-6
