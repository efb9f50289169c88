"""How far apart two trees are: structure first, then each leaf on its own scale, and what rounding is forgiven."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from chainrule.audit.compare import (
    NOTHING,
    Difference,
    difference,
    gaps,
    largest_of,
    slack_between,
    structure_fault,
    worst,
)
from chainrule.audit.report import Place

NUMBERS = st.floats(-1e6, 1e6).map(lambda x: 0.0 if abs(x) < 1e-6 else x)
ARRAYS = hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=4), elements=NUMBERS)


def error_at(tree, path, index, by):
    """A copy of a tuple of arrays with one number moved by a part of the largest of its leaf."""
    wrong = [np.array(leaf) for leaf in tree]
    wrong[path][index] += by * (np.abs(tree[path]).max() or 1.0)
    return tuple(wrong)


def test_each_leaf_is_scaled_by_itself():
    found = difference((np.array([1e9]), {"b": np.array([[2e-9]])}), (np.array([1e9]), {"b": np.array([[1e-9]])}))
    assert found.error == pytest.approx(1.0)
    assert found.place == Place(1, "['b']", (0, 0), 1e-9, 2e-9)
    assert found.detail == "at argument 1['b'][0, 0]: expected 1e-09, found 2e-09"


@given(ARRAYS, ARRAYS, st.floats(-30, 30).map(lambda n: 2.0 ** round(n)), st.data())
def test_scaling_both_sides_changes_nothing(a, b, scale, data):
    index = data.draw(st.sampled_from(list(np.ndindex(b.shape))))
    wrong = error_at((a, b), 1, index, 0.01)
    plain = difference(wrong, (a, b))
    scaled = difference(tuple(scale * leaf for leaf in wrong), tuple(scale * leaf for leaf in (a, b)))
    if np.any(b):  # a leaf of zeros is compared absolutely
        assert scaled.error == pytest.approx(plain.error, rel=1e-9)
    assert scaled.place.index == plain.place.index == index


@given(ARRAYS, ARRAYS)
def test_it_is_zero_for_equal_trees_and_for_no_others(a, b):
    assert difference((a, {"b": b}), (a.copy(), {"b": b.copy()})) == NOTHING
    moved = np.array(b)
    moved.flat[-1] += 2.0**-50 * max(1.0, np.abs(b).max())
    assert difference((a, {"b": moved}), (a, {"b": b})).error > 0


@given(st.lists(ARRAYS, min_size=1, max_size=4), st.data())
def test_no_leaf_hides_and_no_element(leaves, data):
    leaf = data.draw(st.integers(0, len(leaves) - 1))
    index = data.draw(st.sampled_from(list(np.ndindex(leaves[leaf].shape))))
    found = difference(error_at(tuple(leaves), leaf, index, 1e-3), tuple(leaves))
    assert found.error == pytest.approx(1e-3, rel=1e-6)
    assert (found.place.argument, found.place.index) == (leaf, index)


@pytest.mark.parametrize(
    ("found", "expected", "error"),
    [
        ([1.0, np.nan], [1.0, 2.0], np.inf),
        ([1.0, 2.0], [1.0, np.nan], np.inf),
        ([1.0, np.nan], [1.0, np.nan], 0.0),
        ([np.inf], [np.inf], 0.0),
        ([np.inf], [-np.inf], np.inf),
        ([np.inf, 1.0], [np.inf, 2.0], 0.5),
        ([0.0, 1e-3], [0.0, 0.0], 1e-3),
        ([-0.0], [0.0], 0.0),
        ([], [], 0.0),
    ],
)
def test_special_values(found, expected, error):
    assert difference((np.array(found),), (np.array(expected),)).error == error


def test_structure_comes_before_values():
    one = np.ones(3)
    cases = {
        "expected the tree": ((one,), (one, one)),
        "at argument 0: expected float64[3], found float64[3, 1]": ((np.ones((3, 1)),), (one,)),
        "at argument 0: expected float64[3], found float32[3]": ((one.astype(np.float32),), (one,)),
        "at argument 1['w']: expected float64[3], found float64[2]": ((one, {"w": one[:2]}), (one, {"w": one})),
        "at argument 0: expected float0[3], found float64[3]": ((one,), (np.zeros(3, jax.dtypes.float0),)),
    }
    for words, (found, expected) in cases.items():
        fault = structure_fault(found, expected)
        assert words in fault.fault
        assert fault.error == difference(found, expected).error == np.inf, "nothing is broadcast"
    assert structure_fault((one,), (one + 1,)) == NOTHING
    assert structure_fault(({"a": one}, [one]), ({"a": one}, (one,))).place == Place(1)
    assert structure_fault(one[:2], one, output=True).fault == "at the output: expected float64[3], found float64[2]"


def test_weak_types_are_told_apart_from_strong_ones():
    weak, strong = jnp.asarray(1.0), jnp.asarray(1.0, jnp.float32)
    assert weak.weak_type
    fault = structure_fault((weak,), (jax.typeof(strong),))
    assert fault.fault == "at argument 0: expected float32[], found float32[] of a weak type"
    assert structure_fault((strong,), (jax.typeof(strong),)) == NOTHING


def test_leaves_without_values_have_none_to_compare():
    zeros, key = np.zeros(3, jax.dtypes.float0), jax.random.key(0)
    assert difference((zeros, key), (zeros, key)) == NOTHING


def test_narrow_dtypes_are_compared_as_numbers():
    half = jnp.asarray([1.0, 2.0], jnp.bfloat16)
    assert difference((half,), (half,)) == NOTHING
    assert difference((half * 2,), (half,)).error == 1.0


def test_slack_is_forgiven_and_no_more():
    right, wrong = (np.array([1.0, 2.0]),), (np.array([1.0, 2.5]),)
    assert difference(wrong, right, slack=(0.5,)) == NOTHING
    assert difference(wrong, right, slack=(0.25,)).error == pytest.approx(0.125)
    infinite = (np.array([np.inf, 2.0]),)
    assert difference(infinite, right, slack=(1e9,)).error == np.inf


def test_a_floor_measures_a_small_leaf_by_the_largest():
    right, wrong = (np.array([64.0]), np.array([1e-3])), (np.array([64.0]), np.array([2e-3]))
    assert difference(wrong, right).error == pytest.approx(1.0)
    assert difference(wrong, right, floor=2.0**-6).error == pytest.approx(1e-3)


def test_slack_between_is_what_rounding_leaves():
    here = (np.array([1.0, 2.0]), np.array([1e-3]))
    assert slack_between(here, here) == (128 * 2.0**-52, 64e-3 * 2.0**-52), "64 units in the last place in any case"
    near = (np.array([1.0, 2.0 + 1e-13]), np.array([1e-3]))
    assert slack_between(here, near)[0] == pytest.approx(5e-12, rel=1e-2)
    far = (np.array([1.0, 3.0]), np.array([np.nan]))
    assert slack_between(here, far)[0] == pytest.approx(2e-8), "it has a bound"
    assert slack_between(here, far)[1] < 1e-8
    zero = (np.array([0.0]),)
    assert slack_between(zero, zero, typical=here[:1], gain=10.0) == (10 * 128 * 2.0**-52,)


def test_slack_between_sees_rounding_that_a_last_place_does_not_move():
    here = (np.array([1.0, 2.0]),)
    line = [(here[0] + by,) for by in (2.0**-30, -(2.0**-30))]
    assert slack_between(here, here, *line)[0] == 128 * 2.0**-52, "what is straight is no rounding"
    bent = (here[0] + np.array([2.0**-30, 2.0**-30 + 1e-13]),)
    assert slack_between(here, here, bent, line[1])[0] == pytest.approx(5e-12, rel=0.05)


def test_small_helpers():
    assert largest_of(({"a": np.array([1.0, -7.0])}, np.array([np.inf, 3.0]))) == 7.0
    assert largest_of(()) == 0.0
    assert worst([Difference(0.5), Difference(2.0), Difference(1.0)]).error == 2.0
    np.testing.assert_array_equal(gaps(np.array([1.0, np.nan]), np.array([3.0, np.nan])), [2.0, 0.0])
    assert NOTHING.detail == ""
    assert Difference(np.inf, None, "another tree").detail == "another tree"
