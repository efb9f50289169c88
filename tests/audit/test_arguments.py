"""Arguments: drawn from shapes so that they tell, made ready as NumPy, refused where nothing can be proved."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule import ops
from chainrule.audit import from_shapes
from chainrule.audit.arguments import draw, ready
from chainrule.rule import Static
from tests.audit.helpers import X, hand, sine

KINDS = ("real", "positive", "unit", "bool", "key", "int")
SIZES = st.lists(st.integers(0, 5), max_size=3).map(tuple)


@st.composite
def parts(draw):
    """One shape as text, with the shape and kind that it means."""
    kind = draw(st.sampled_from(KINDS))
    shape = draw(st.sampled_from([(), (2,)]) if kind == "key" else SIZES)  # each shape of keys is compiled
    number = draw(st.integers(1, 9)) if kind == "int" else ""
    text = "x".join(map(str, shape)) or "scalar"
    bare = kind == "real" and draw(st.booleans())
    space = draw(st.sampled_from(["", " "]))
    return f"{space}{text}{'' if bare else f':{kind}{number}'}", shape, kind, number


@settings(max_examples=60, deadline=None)
@given(st.lists(parts(), min_size=1, max_size=4), st.integers(0, 100))
def test_shapes_are_parsed_as_they_are_written(written, seed):
    arguments = from_shapes(",".join(text for text, *_ in written), seed)
    assert len(arguments) == len(written)
    for argument, (_, shape, kind, number) in zip(arguments, written, strict=True):
        assert np.shape(argument) == shape
        if kind == "key":
            assert jax.dtypes.issubdtype(argument.dtype, jax.dtypes.prng_key)
            continue
        values = np.asarray(argument)
        assert values.dtype == {"int": np.int32, "bool": bool}.get(kind, np.float64)
        low, high = {"positive": (0.1, 3), "unit": (0, 1), "int": (0, (number or 1) - 1)}.get(kind, (-np.inf, np.inf))
        assert np.all((values >= low) & (values <= high))


GRAMMAR = re.compile(r"\s*(scalar|\d+(x\d+)*)(:(real|positive|unit|symmetric|bool|key|int\d+))?\s*", re.ASCII)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=12), st.text(alphabet="012x:,- scalrintbokeyum", max_size=12)))
def test_garbage_is_refused_with_a_value_error(text):
    if max((len(run) for run in re.findall(r"\d+", text)), default=0) > 2:
        return  # a size beyond memory is another matter
    try:
        arguments = from_shapes(text)
    except ValueError as error:
        assert str(error).startswith("shapes")  # noqa: PT017 (whether it is raised depends on the text)
        understood = all(GRAMMAR.fullmatch(part) for part in text.split(","))
        assert not understood or "symmetric" in text or "int0" in text
    else:
        assert len(arguments) == text.count(",") + 1
        assert all(GRAMMAR.fullmatch(part) for part in text.split(","))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3x4;4", "got '3x4;4' in '3x4;4'"),
        ("", "shapes must look like 3x4,4"),
        ("3x4,", "got ''"),
        ("3x-4", "got '3x-4'"),
        ("3.5", "got '3.5'"),
        ("3x4:imaginary", "kinds: bool, int, key, positive, real, symmetric, unit"),
        ("8:int", "a number after int"),
        ("8:bool2", "got '8:bool2'"),
        ("8:int0", "shapes: int needs a number of at least 1"),
        ("3x4:symmetric", "symmetric needs two equal last sizes, got 3x4"),
        ("scalar:symmetric", "symmetric needs two equal last sizes, got scalar"),
        ("9000000x9000000x9000000", "shapes: 9000000x9000000x9000000 is too large"),
    ],
)
def test_what_is_wrong_with_a_text_is_said(text, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        from_shapes(text)


def test_the_same_seed_draws_the_same_and_another_others():
    text = "3x4,4:positive,5:int3,2x2:symmetric,scalar"
    first, again, other = from_shapes(text, 1), from_shapes(text, 1), from_shapes(text, 2)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(first[:2], other[:2], strict=True))


def test_symmetric_matrices_are_positive_definite():
    (matrix,) = from_shapes("2x4x4:symmetric")
    np.testing.assert_array_equal(matrix, np.swapaxes(matrix, -1, -2))
    assert np.linalg.eigvalsh(matrix).min() > 0.5


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_drawn_numbers_keep_away_from_whole_ones_and_from_each_other(seed):
    x = draw(np.random.default_rng(seed), (20, 10))
    assert np.abs(x - np.round(x)).min() >= 0.039
    assert np.unique(x).size == x.size


def test_leaves_are_made_ready_by_what_they_are():
    key = jax.random.key(0)
    tree = {
        "float32": jnp.ones(2, jnp.float32),
        "number": 1.5,
        "drawn": jax.ShapeDtypeStruct((4, 3), jnp.bfloat16),
        "labels": jnp.arange(3),
        "counts": jax.ShapeDtypeStruct((3,), jnp.int32),
        "key": key,
        "keys": jax.ShapeDtypeStruct((2,), key.dtype),
        "nothing": None,
    }
    made, text, number = ready(sine, (tree, "reflect", 3), 0)
    for name in ("float32", "number", "drawn"):
        assert isinstance(made[name], np.ndarray)
        assert made[name].dtype == np.float64
    assert (made["drawn"].shape, made["labels"].dtype, made["counts"].dtype) == ((4, 3), np.int32, np.int32)
    assert made["key"] is key
    assert made["keys"].shape == (2,)
    assert made["nothing"] is None
    assert (text, number) == (Static("reflect"), Static(3))
    drawn = ready(sine, (tree,), 0)[0]["drawn"], ready(sine, (tree,), 1)[0]["drawn"]
    np.testing.assert_array_equal(drawn[0], made["drawn"])
    assert not np.array_equal(*drawn)


def test_nondiff_argnums_are_static():
    f = hand(lambda n, x: n * x, lambda d, n, x: (n * d,), nondiff_argnums=(0,))
    assert ready(f, ((1, 2), X), 0)[0] == Static((1, 2))
    with pytest.raises(ValueError, match="argument 0 is static here and must be hashable, got ndarray"):
        ready(f, (X, X), 0)


@pytest.mark.parametrize(
    ("f", "args", "words"),
    [
        (ops.tanh, (X + 1j,), "must be of real numbers, got complex ones"),
        (sine, (2j,), "must be of real numbers, got complex ones"),
        (sine, (np.arange(3),), "there is nothing to differentiate"),
        (sine, (), "there is nothing to differentiate"),
        (sine, ("text", None), "there is nothing to differentiate"),
        (sine, (X, {1, 2}), "an argument is static here and must be hashable, got set"),
    ],
)
def test_what_cannot_be_audited_is_refused(f, args, words):
    with pytest.raises(ValueError, match=words):
        ready(f, args, 0)
