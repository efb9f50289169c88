"""Records: strict JSON, back bit for bit, in a class of this package or not at all."""

import dataclasses
import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from chainrule.data import preprocessing
from chainrule.data.preprocessing import (
    ByColumn,
    FittedPart,
    LabelEncoder,
    MedianImputer,
    MinMaxScaler,
    NearestNeighborImputer,
    OneHotEncoder,
    OutlierClipper,
    Part,
    Pipeline,
    RobustScaler,
    Transform,
    from_record,
    to_record,
)
from chainrule.data.tables import Table


def through_json(value):
    """Write strict JSON, and read it again."""
    return from_record(json.loads(json.dumps(to_record(value), allow_nan=False)))


def bits(value):
    """A value such that == says: the same class, dtype, shape and bits (of NaN only that it is one)."""
    if dataclasses.is_dataclass(value):
        fields = {field.name: bits(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return type(value).__name__, fields
    if isinstance(value, (tuple, list)):
        return tuple(bits(each) for each in value)
    if hasattr(value, "dtype"):
        array = np.asarray(value)
        one_nan = np.where(np.isnan(array), np.array(np.nan, array.dtype), array) if array.dtype.kind == "f" else array
        return str(array.dtype), array.shape, one_nan.tobytes()
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value.hex()
    return type(value).__name__, value


DTYPES = ["float16", "float32", "float64", "int8", "int32", "int64", "uint8", "uint32", "uint64", "bool"]


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(DTYPES).flatmap(lambda name: hnp.arrays(name, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0)))
)
def test_arrays_come_back_bit_for_bit(array):
    assert bits(through_json(array)) == bits(array)


@settings(max_examples=25, deadline=None)
@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text()),
        lambda inner: st.lists(inner, max_size=3).map(tuple),
        max_leaves=8,
    )
)
def test_plain_values_come_back(value):
    assert bits(through_json(value)) == bits(value)


def test_numbers_at_the_edges():
    limits = np.finfo(np.float64)
    edges = np.array([0.0, -0.0, 0.1, limits.tiny, 5e-324, limits.max, np.nan, np.inf, -np.inf, np.pi])
    back = through_json(edges)
    np.testing.assert_array_equal(back, edges)
    assert np.signbit(back[1])
    assert to_record(edges)["values"][6:9] == [None, "inf", "-inf"]
    for scalar in (np.float32(0.1), np.float64(-0.0), np.int16(7), np.bool_(True)):
        assert type(through_json(scalar)) is type(scalar)
        assert bits(through_json(scalar)) == bits(scalar)
        hash(through_json(scalar))
    assert through_json((np.inf, -np.inf)) == (np.inf, -np.inf)
    assert math.isnan(through_json(math.nan))


def test_jax_arrays_come_back_as_numpy():
    thirds = np.arange(3, dtype=np.float32) / np.float32(3)
    back = through_json((jnp.asarray(thirds), jnp.asarray(np.array([True]))))
    assert [type(each) for each in back] == [np.ndarray, np.ndarray]
    assert bits(back) == bits((thirds, np.array([True])))


# ----------------------------------------------------------------------------------------------------------------------
# Every transform of the package
# ----------------------------------------------------------------------------------------------------------------------


def transforms():
    """One of each public transform, by itself, and some with other settings than the usual ones."""
    classes = [getattr(preprocessing, name) for name in preprocessing.__all__]
    classes = [each for each in classes if isinstance(each, type) and issubclass(each, Transform)]
    others = [
        MinMaxScaler(-1.0, 0.1),
        NearestNeighborImputer(2, "distance"),
        OneHotEncoder(unseen="error", most=2),
        OutlierClipper("z_score", 2.5),
        Pipeline((MedianImputer(), OutlierClipper(), RobustScaler((10.0, 90.0)))),
    ]
    return [each() for each in classes if each not in (Transform, Pipeline)] + others


def make_table():
    rng = np.random.default_rng(3)
    a = rng.normal(size=30) * 1e3
    a[::7] = np.nan
    town = np.array(["Bern", 'a "quoted"\nüml\ud800aut', "", None], object)[rng.integers(0, 4, 30)]
    when = np.datetime64("2020-01-01", "s") + rng.integers(0, 9**9, 30).astype("timedelta64[s]")
    return Table({"a": a, "b": rng.random(30) / 3, "town": town, "size": town[::-1].copy(), "when": when})


TABLE = make_table()


@pytest.mark.parametrize("transform", transforms(), ids=str)
def test_every_transform_and_what_it_has_learnt(transform):
    assert through_json(transform) == transform
    if isinstance(transform, LabelEncoder):
        names = np.array(["b", "ä", "a"], object)
        assert through_json(transform.fit(names)) == transform.fit(names)
        return
    columns = ("town", "size") if isinstance(transform, OneHotEncoder) else ("a", "when", "b")
    prepare = ByColumn((Part(columns, transform), Part(("town",), OneHotEncoder())))
    params = prepare.fit(TABLE)
    again, learnt = through_json(prepare), through_json(params)
    assert again == prepare
    assert hash(again) == hash(prepare)
    assert bits(learnt) == bits(params)
    assert jax.tree.structure(learnt) == jax.tree.structure(params)
    assert again.apply(learnt, TABLE).tobytes() == prepare.apply(params, TABLE).tobytes()
    assert again.feature_names(learnt) == prepare.feature_names(params)


def test_all_of_them_by_column_at_once():
    parts = []
    for transform in transforms():
        if not isinstance(transform, LabelEncoder):
            columns = ("town", "size") if isinstance(transform, OneHotEncoder) else ("a", "when", "b")
            parts.append(Part(columns, transform))
    prepare = ByColumn(tuple(parts))
    params = prepare.fit(TABLE)
    again, learnt = through_json((prepare, params))
    assert bits(learnt) == bits(params)
    assert again.apply(learnt, TABLE).tobytes() == prepare.apply(params, TABLE).tobytes()
    assert len(json.dumps(to_record(params), allow_nan=False)) < 50_000


# ----------------------------------------------------------------------------------------------------------------------
# What is refused
# ----------------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Foreign:
    columns: tuple[str, ...] = ()


Stranger = dataclasses.make_dataclass("OneHotEncoder", ["unseen", "most"])  # the name of a class of the package


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (Foreign(), "no place in a record for Foreign"),
        (Stranger("ignore", None), "no place in a record for OneHotEncoder"),
        (OneHotEncoder, "no place in a record for ABCMeta"),
        (FittedPart(("number",), {"mean": 3.0}), "no place in a record for dict"),
        ((1, {2}), "no place in a record for set"),
        (3j, "no place in a record for complex"),
        (b"bytes", "no place in a record for bytes"),
        (print, "no place in a record for builtin_function_or_method"),
        (np.array(["a"]), "arrays must be of numbers or booleans, got <U1"),
        (np.array(["a"], object), "arrays must be of numbers or booleans, got object"),
        (np.array([3j]), "arrays must be of numbers or booleans, got complex128"),
        (np.zeros(2, "datetime64[s]"), r"arrays must be of numbers or booleans, got datetime64\[s\]"),
        (jnp.zeros(2, jnp.bfloat16), "arrays must be of numbers or booleans, got bfloat16"),
        (jax.random.key(0), "arrays must be of numbers or booleans, got key<fry>"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_has_no_place_in_a_record(value, found):
    with pytest.raises(ValueError, match=f"^to_record: {found}$"):
        to_record(value)


GOOD = {"array": "float32", "shape": [2], "values": [1.0, None]}


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"class": "Popen", "args": "ls"},
        {"class": "Transform"},
        {"class": "to_record", "value": 1},
        {"class": ["OneHotEncoder"]},
        {"class": None},
        {"class": "OneHotEncoder", "unseen": "never"},
        {"class": "OneHotEncoder", "other": 1},
        {"class": "Part", "columns": ["a"], "transform": {"class": "Popen"}},
        {"class": "Part", "columns": ["a"]},
        {"class": "ByColumn", "parts": [1]},
        {"number": "1e3"},
        {"number": [1]},
        {"array": "float32", "shape": [2]},
        GOOD | {"array": "object"},
        GOOD | {"array": "V8"},
        GOOD | {"array": ["float32"]},
        GOOD | {"shape": [3]},
        GOOD | {"shape": [-1]},
        GOOD | {"shape": [True, 2]},
        GOOD | {"shape": 2},
        GOOD | {"values": [1.0, "2.0"]},
        GOOD | {"values": [1.0, [2.0]]},
        GOOD | {"values": [1.0, {"class": "Labels"}]},
        GOOD | {"values": "ab"},
        GOOD | {"array": "int8"},
        GOOD | {"array": "int8", "values": [1, 2.5]},
        GOOD | {"array": "int8", "values": [1, 300]},
        GOOD | {"array": "uint8", "values": [1, -1]},
        GOOD | {"array": "int8", "values": [1, True]},
        GOOD | {"array": "bool", "values": [1, 0]},
        [GOOD, {"number": 3}],
        object(),
        {1, 2},
    ],
    ids=lambda record: str(record)[:60] if isinstance(record, (dict, list)) else type(record).__name__,
)
def test_what_is_no_record(record):
    with pytest.raises(ValueError, match=r"^from_record: not a record of preprocessing: ") as refused:
        from_record(record)
    assert "\n" not in str(refused.value)
    assert str(refused.value).count("from_record") == 1
    assert bits(from_record(GOOD)) == bits(np.array([1, np.nan], np.float32))  # the one that the others change
