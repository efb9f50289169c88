"""Transforms by column: NumPy's arithmetic on each column is the answer, and a leak from held-out rows is tried."""

import dataclasses
import tracemalloc
from dataclasses import dataclass

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data import random_split
from chainrule.data.preprocessing import (
    ByColumn,
    FittedPart,
    MeanImputer,
    MedianImputer,
    MinMaxScaler,
    MissingIndicator,
    NearestNeighborImputer,
    OneHotEncoder,
    OutlierClipper,
    Part,
    Pipeline,
    RobustScaler,
    StandardScaler,
    Transform,
)
from chainrule.data.preprocessing.by_column import _ROWS
from chainrule.data.tables import Table


@dataclass(frozen=True)
class Centre(Transform):
    """Take off the mean."""

    def fit(self, x):
        return np.nanmean(x, axis=0)

    def apply(self, params, x):
        return x - params

    def inverse(self, params, x):
        return x + params


@dataclass(frozen=True)
class Missing(Transform):
    """1 where a number is missing."""

    def fit(self, x):
        return np.zeros(0)

    def apply(self, params, x):
        return np.isnan(x).astype(x.dtype)

    def feature_names(self, params, names):
        return [f"{name} missing" for name in names]


@dataclass(frozen=True)
class Leaky(Centre):
    """A transform that looks at the rows that it is applied to."""

    def apply(self, params, x):
        return x - np.nanmean(x, axis=0)


@dataclass(frozen=True)
class Remembering(Centre):
    """A transform that goes on learning."""

    def apply(self, params, x):
        before = params.copy()
        params += 0.5 * np.nan_to_num(np.nanmax(x, axis=0) - params)
        return x - before


PREPARE = ByColumn(
    (
        Part(("b", "when", "a"), Centre()),
        Part(("town",), OneHotEncoder()),
        Part(("a",), Missing()),
        Part(("town", "size"), OneHotEncoder(most=2)),
    )
)
OF_THE_PACKAGE = (
    Pipeline((MedianImputer(), OutlierClipper(), StandardScaler())),
    Pipeline((NearestNeighborImputer(3), RobustScaler())),
    Pipeline((OutlierClipper("z_score"), NearestNeighborImputer(2, "distance"), MinMaxScaler())),
    Pipeline((MeanImputer(), StandardScaler())),
    MissingIndicator(),
)
DAY = np.datetime64("2020-01-01", "s")


def make_table(n=40, seed=0, source="table"):
    rng = np.random.default_rng(seed)
    a = rng.normal(3.0, 2.0, n)
    a[rng.random(n) < 0.2] = np.nan
    when = DAY + rng.integers(0, 50 * 86_400, n).astype("timedelta64[s]")
    when[rng.random(n) < 0.1] = np.datetime64("NaT")
    town = np.array(["Bern", "Ulm", "Graz", None], object)[rng.integers(0, 4, n)]
    size = np.array(["S", "M", "L", "XL"], object)[rng.integers(0, 4, n)]
    return Table({"a": a, "b": rng.normal(size=n), "when": when, "town": town, "size": size}, source)


TRAIN, TEST = make_table(seed=1), make_table(seed=2)


def same(one, other):
    """Whether two pytrees are the same, bit for bit."""
    if jax.tree.structure(one) != jax.tree.structure(other):
        return False
    return all(np.array_equal(*pair, equal_nan=True) for pair in zip(*map(jax.tree.leaves, (one, other)), strict=True))


def test_parts_side_by_side():
    params = PREPARE.fit(TRAIN)
    x = PREPARE.apply(params, TEST)
    assert x.dtype == np.float32
    assert x.flags.c_contiguous
    days = (TEST["when"] - np.datetime64("1970-01-01")) / np.timedelta64(1, "D")
    trained = (TRAIN["when"] - np.datetime64("1970-01-01")) / np.timedelta64(1, "D")
    one_hot = OneHotEncoder(most=2)
    both, both_train = (np.stack([table["town"], table["size"]], axis=1) for table in (TEST, TRAIN))
    expected = [
        TEST["b"] - TRAIN["b"].mean(),
        days - np.nanmean(trained),
        TEST["a"] - np.nanmean(TRAIN["a"]),
        *[TEST["town"] == town for town in ("Bern", "Graz", "Ulm")],
        np.isnan(TEST["a"]),
        *one_hot.apply(one_hot.fit(both_train), both).T,
    ]
    np.testing.assert_allclose(x, np.stack(expected, axis=1), rtol=0, atol=4e-6)  # two roundings to float32 of 25 days
    names = PREPARE.feature_names(params)
    assert names[:7] == ["b", "when", "a", "town=Bern", "town=Graz", "town=Ulm", "a missing"]
    assert len(names) == x.shape[1] == 13
    assert PREPARE.columns == ("b", "when", "a", "town", "size")


@settings(max_examples=20, deadline=None)
@given(st.permutations(["a", "b", "when", "town", "size", "noise"]))
def test_neither_the_order_of_the_columns_nor_others_matter(names):
    with_noise = {**TEST.columns, "noise": np.array([None] * len(TEST), object)}
    params = PREPARE.fit(Table({name: {**TRAIN.columns, "noise": TRAIN["a"]}[name] for name in names}))
    assert same(params, PREPARE.fit(TRAIN))
    x = PREPARE.apply(params, Table({name: with_noise[name] for name in reversed(names)}))
    np.testing.assert_array_equal(x, PREPARE.apply(PREPARE.fit(TRAIN), TEST))


def test_dates_are_days_since_1970():
    when = np.array(["1970-01-02T12:00", "1969-12-31", "2000-02-29T00:00:01", "NaT"], "datetime64[s]")

    class AsIs(Transform):
        def fit(self, x):
            return np.zeros(0)

        def apply(self, params, x):
            np.testing.assert_array_equal(x, [[1.5], [-1.0], [(11016 * 86_400 + 1) / 86_400], [np.nan]])
            return x

        def inverse(self, params, x):
            return x

    days = ByColumn((Part(("when",), AsIs()),))
    x = days.apply(days.fit(Table({"when": when})), Table({"when": when}))
    np.testing.assert_array_equal(x, np.float32([[1.5], [-1.0], [11016], [np.nan]]))


def test_inverse_gives_the_columns_back():
    params = PREPARE.fit(TRAIN)
    back = PREPARE.inverse(params, PREPARE.apply(params, TRAIN))
    assert back.kinds == {"b": "number", "when": "date", "a": "number", "town": "category", "size": "category"}
    for name in ("a", "b"):
        np.testing.assert_allclose(back[name], TRAIN[name], rtol=0, atol=1e-6)
    np.testing.assert_array_equal(np.isnat(back["when"]), np.isnat(TRAIN["when"]))
    seconds = (back["when"] - TRAIN["when"])[~np.isnat(TRAIN["when"])].astype(int)
    assert np.abs(seconds).max() <= 1
    np.testing.assert_array_equal(back["town"], TRAIN["town"])  # from the part that keeps them all, which comes first
    kept = params[3].params.names[1]
    assert back["size"].tolist() == [size if size in kept else "other" for size in TRAIN["size"]]


def test_inverse_takes_a_shared_column_from_the_part_that_can_be_undone():
    prepare = ByColumn((Part(("a",), Missing()), Part(("b", "a"), Centre())))
    params = prepare.fit(TRAIN)
    back = prepare.inverse(params, jax.numpy.asarray(prepare.apply(params, TRAIN)))
    assert back.names == ("a", "b")
    np.testing.assert_allclose(back["a"], TRAIN["a"], rtol=0, atol=1e-6)
    alone = ByColumn((Part(("a", "b"), Missing()), Part(("town",), OneHotEncoder())))
    learnt = alone.fit(TRAIN)
    with pytest.raises(
        ValueError, match=r"^ByColumn\.inverse: column 'a', 'b' cannot be undone: Missing cannot be undone"
    ):
        alone.inverse(learnt, alone.apply(learnt, TRAIN))


def test_no_rows_give_no_rows():
    params = PREPARE.fit(TRAIN)
    empty = PREPARE.apply(params, TRAIN.rows(slice(0)))
    assert empty.shape == (0, 13)
    assert len(PREPARE.inverse(params, empty)) == 0


def test_a_column_that_is_all_missing_may_be_of_any_kind():
    params = PREPARE.fit(TRAIN)
    nothing = np.full(len(TEST), np.nan)
    words = np.full(len(TEST), None, object)
    x = PREPARE.apply(params, Table({**TEST.columns, "a": words, "when": nothing, "town": nothing}))
    missing = {"a": nothing, "when": np.full(len(TEST), "NaT", "datetime64[s]"), "town": words}
    np.testing.assert_array_equal(x, PREPARE.apply(params, Table({**TEST.columns, **missing})))
    assert np.isnan(x[:, 1:3]).all()
    assert not x[:, 3:6].any()


# ----------------------------------------------------------------------------------------------------------------------
# Nothing of held-out rows leaks
# ----------------------------------------------------------------------------------------------------------------------


def poisoned(table, rows):
    """The same table, with nonsense in these rows."""
    columns = {name: column.copy() for name, column in table.columns.items()}
    columns["a"][rows], columns["b"][rows] = 1e30, -1e30
    columns["when"][rows] = np.datetime64("9000-01-01", "s")
    columns["town"][rows], columns["size"][rows] = "Atlantis", "huge"
    return Table(columns)


def leaks(prepare, table, train, held_out):
    """Look for a way from held-out rows into what was learnt, or into how other rows are transformed: what was found."""
    found = []
    params = prepare.fit(table.rows(train))
    if not same(params, prepare.fit(poisoned(table, held_out).rows(train))):
        found.append("fit")
    before = jax.tree.map(np.copy, params)
    x = prepare.apply(params, table)
    if not same(before, params):
        found.append("apply learns")
        params = before
    with_poison = prepare.apply(jax.tree.map(np.copy, before), poisoned(table, held_out))
    if not np.array_equal(x[train], with_poison[train], equal_nan=True):
        found.append("rows beside")
    alone = [prepare.apply(jax.tree.map(np.copy, before), table.rows(slice(row, row + 1))) for row in range(len(table))]
    if not np.array_equal(x, np.concatenate(alone), equal_nan=True):
        found.append("rows one by one")
    return found


def test_held_out_rows_cannot_leak():
    table = make_table(30, seed=5)
    train, held_out = random_split(len(table), 10, key=jax.random.key(4))
    originals = {name: column.copy() for name, column in table.columns.items()}
    assert leaks(PREPARE, table, train, held_out) == []
    of_the_package = ByColumn(tuple(Part(("a", "when", "b"), transform) for transform in OF_THE_PACKAGE))
    assert leaks(of_the_package, table, train, held_out) == []
    for name, column in originals.items():
        np.testing.assert_array_equal(table[name], column)
    with pytest.raises(dataclasses.FrozenInstanceError):
        PREPARE.parts = ()
    with pytest.raises(dataclasses.FrozenInstanceError):
        PREPARE.fit(table)[0].params = None
    # and the search finds what is planted
    leaky = ByColumn((*PREPARE.parts, Part(("b",), Leaky())))
    assert leaks(leaky, table, train, held_out) == ["rows beside", "rows one by one"]
    assert "apply learns" in leaks(ByColumn((Part(("b",), Remembering()),)), table, train, held_out)


# ----------------------------------------------------------------------------------------------------------------------
# Many rows
# ----------------------------------------------------------------------------------------------------------------------


def test_many_rows_are_not_held_three_times_over():
    n = 8 * _ROWS + 1_000
    columns = {f"x{index}": np.linspace(0, index, n) for index in range(8)}
    table = Table({**columns, "town": np.array(["Bern", "Ulm"] * (n // 2), object)})
    prepare = ByColumn((Part(tuple(columns), Centre()), Part(("town",), OneHotEncoder())))
    params = prepare.fit(table)
    tracemalloc.start()
    try:
        x = prepare.apply(params, table)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    chunk = _ROWS * 8 * 8  # a block of 8 columns in float64
    assert peak < x.nbytes + 3 * chunk  # the block, its transformed copy, and little more
    few = table.rows(slice(_ROWS - 5, _ROWS + 5))
    np.testing.assert_array_equal(x[_ROWS - 5 : _ROWS + 5], prepare.apply(params, few))
    last = table.rows(slice(n - 3, n))
    np.testing.assert_array_equal(x[-3:], prepare.apply(params, last))


# ----------------------------------------------------------------------------------------------------------------------
# What is refused
# ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wrong(Centre):
    """A transform that puts out something else than it names, or more than float32 holds."""

    how: str = "shape"

    def apply(self, params, x):
        return x[:, :0] if self.how == "shape" else x * 1e300


def changed(**columns):
    return Table({**TRAIN.columns, **columns}, "new.csv")


FITTED = PREPARE.fit(TRAIN)
FITTED_B = ByColumn((Part(("b",), Centre()),)).fit(TRAIN)
INFINITE = np.where(np.arange(40) == 7, np.inf, 0.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Part(["a"], Centre()), r"^Part: columns must be a tuple of names, got \['a'\]"),
        (lambda: Part("a", Centre()), "must be a tuple of names, got 'a'"),
        (lambda: Part((1,), Centre()), r"must be a tuple of names, got \(1,\)"),
        (lambda: Part((), Centre()), r"must be names, at least one and each once, got \(\)"),
        (lambda: Part(("a", "a"), Centre()), r"each once, got \('a', 'a'\)"),
        (lambda: Part(("a",), Centre), "transform must be a transform, .* got the class Centre; make one"),
        (lambda: Part(("a",), PREPARE), "transform must be a transform, .* got ByColumn"),
        (lambda: ByColumn([Part(("a",), Centre())]), r"^ByColumn: parts must be a tuple of Part, got \[Part"),
        (lambda: ByColumn((Centre(),)), "parts must be a tuple of Part"),
        (lambda: ByColumn(()), "parts must be at least one, got none"),
        (lambda: PREPARE.fit(TRAIN.columns), "^ByColumn.fit: table must be a Table, got dict"),
        (lambda: PREPARE.fit(TRAIN.rows(slice(0))), "must have at least one row, got none"),
        (
            lambda: PREPARE.fit(TRAIN.without("when", "a", "size")),
            "no column 'when', 'a', 'size'; it has 'b', 'town'",
        ),
        (lambda: PREPARE.apply(FITTED, TRAIN.without("b", "town")), "no column 'b', 'town'; it has 'a', 'when', 'size'"),
        (
            lambda: ByColumn((Part(("a", "town"), Centre()),)).fit(TRAIN),
            "of numbers and dates, got 'a' of kind number, 'town' of kind category",
        ),
        (
            lambda: PREPARE.apply(FITTED, changed(a=TRAIN["town"])),
            "new.csv: column 'a' must be of kind number, as it was fitted, got kind category",
        ),
        (lambda: PREPARE.apply(FITTED, changed(town=TRAIN["b"])), "'town' must be of kind category, .*got kind number"),
        (lambda: PREPARE.apply(FITTED, changed(when=TRAIN["b"])), "'when' must be of kind date, .*got kind number"),
        (
            lambda: PREPARE.apply(FITTED, changed(b=INFINITE)),
            "new.csv: column 'b' must be finite, or NaN where missing, got inf in row 7, counted from 0",
        ),
        (lambda: PREPARE.fit(changed(b=-INFINITE)), "new.csv: column 'b' must be finite, .* got -inf in row 7"),
        (
            lambda: ByColumn((Part(("size", "town"), OneHotEncoder(unseen="error")),)).apply(
                (FittedPart(("category", "category"), OneHotEncoder().fit(np.array([["S", "Ulm"]], object))),),
                changed(size=np.array(["S"] * 40, object), town=np.array(["Rom"] * 40, object)),
            ),
            "ByColumn.apply, columns 0 'size', 1 'town': OneHotEncoder.apply: column 1 .* 'Ulm', got 'Rom'",
        ),
        (
            lambda: ByColumn((Part(("b",), OneHotEncoder()),)).fit(TRAIN),
            "^ByColumn.fit, column 'b': OneHotEncoder.fit: x must be an object array",
        ),
        (lambda: PREPARE.apply(FITTED[:2], TRAIN), "params must be those of these parts, got what other parts"),
        (lambda: PREPARE.apply((1, 2, 3, 4), TRAIN), "params must be what fit returns, a tuple of FittedPart, got tuple"),
        (lambda: PREPARE.feature_names(None), "a tuple of FittedPart, got NoneType"),
        (lambda: PREPARE.inverse(FITTED, np.zeros((3, 12))), r"the 13 columns that were fitted, got float64\[3, 12\]"),
        (lambda: PREPARE.inverse(FITTED, np.zeros((3, 13), int)), "ByColumn.inverse: x must be of floating-point numbers"),
        (lambda: PREPARE.inverse(FITTED, np.full((3, 13), np.inf)), r"x must be finite, or NaN where missing, got inf"),
        (
            lambda: ByColumn((Part(("b",), Wrong()),)).apply(FITTED_B, TRAIN),
            r"ByColumn.apply, column 'b': 1 features must be put out, as named, got float64\[40, 0\]",
        ),
        (
            lambda: ByColumn((Part(("b",), Wrong("large")),)).apply(FITTED_B, TRAIN),
            r"column 'b': features must be numbers that float32 can hold, got -?\d\.\d+e\+",
        ),
        (
            lambda: ByColumn((Part(("b",), Centre()),)).apply(
                FITTED_B, Table({"b": np.array([0.0, 1.0] * 9_000 + [-1e300])}, "l.csv")
            ),
            r"ByColumn.apply: l\.csv: column 'b': .* got -1e\+300, made of -1e\+300, in row 18000, counted from 0",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message) as refused:
        call()
    assert "\n" not in str(refused.value)
