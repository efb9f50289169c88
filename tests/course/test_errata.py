"""Every printed figure and every correct one is pinned here, by another road than the errata take."""

from __future__ import annotations

import dataclasses
import json
import math
import statistics
from fractions import Fraction
from pathlib import Path

import jax
import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from chainrule.course import errata
from chainrule.course.errata import ERRATA, SOURCES, Erratum, Evidence, Verdict, find, page

PAGE = Path(__file__).resolve().parents[2] / "notebooks" / "errata.md"
IDS = (
    *("A5-product", "B1-limit", "B3-sampled-derivative", "B4-product-rule", "B5-chain-rule", "B7-integral"),
    *("C3-covariance", "C6-unseeded-test"),
)
each_erratum = pytest.mark.parametrize("id", IDS)


@pytest.fixture(scope="module")
def findings():
    """What every erratum finds, computed once, and the configuration of JAX before and after."""
    before = dict(jax.config.values)
    found = {erratum.id: erratum.settle() for erratum in ERRATA}
    assert dict(jax.config.values) == before
    return found


def figure(text):
    return np.asarray(json.loads(text), dtype=np.float64)


def neighbours(y):
    """Differences from place to place, by hand: one-sided at the ends, over two places in between."""
    inner = [(after - before) / 2 for before, after in zip(y, y[2:], strict=False)]
    return [y[1] - y[0], *inner, y[-1] - y[-2]]


def test_the_errata_in_order():
    assert tuple(erratum.id for erratum in ERRATA) == IDS
    assert {erratum.source for erratum in ERRATA} <= set(SOURCES)
    assert [erratum.id for erratum in ERRATA if erratum.quoted] == [
        *("A5-product", "B3-sampled-derivative", "B7-integral", "C3-covariance")
    ]


@each_erratum
def test_the_printed_figure_is_wrong_and_the_correct_one_is_computed(findings, id):
    finding = findings[id]
    assert finding.verdict is Verdict.WRONG, finding.reason
    assert finding.stands
    assert len(finding.evidence.ways) >= 2
    assert bool(finding.evidence.mistake) == (id != "C3-covariance")
    for value in finding.evidence.ways.values():
        assert figure(finding.written(value)) == pytest.approx(figure(finding.erratum.correct), rel=1e-15)
    for value in finding.evidence.mistake.values():
        assert figure(finding.written(value, like_printed=True)) == pytest.approx(
            figure(finding.erratum.printed), rel=2e-15
        )


# ----------------------------------------------------------------------------------------------------------------------
# The figures, by another road
# ----------------------------------------------------------------------------------------------------------------------


def test_a5_the_product():
    erratum = find("A5-product")
    A, B = [[10, 20, 30], [40, 50, 60]], [[90, 80, 70], [60, 50, 40]]
    assert json.loads(erratum.printed) == [[900, 1600, 2100], [2400, 2500, 2400]]
    assert json.loads(erratum.printed) == [
        [a * b for a, b in zip(*rows, strict=True)] for rows in zip(A, B, strict=True)
    ]
    assert json.loads(erratum.correct) == [[4600, 2800], [11800, 7300]]
    assert json.loads(erratum.correct) == [[sum(map(int.__mul__, a, b)) for b in B] for a in A]


def test_a5_there_is_no_product_of_these_shapes(findings):
    assert findings["A5-product"].evidence.remarks["A @ B"].startswith("undefined")


def test_b1_the_limit():
    erratum = find("B1-limit")
    assert json.loads(erratum.printed) == [1.0, 1.1884]
    assert round(1 / math.sin(1), 4) == 1.1884
    # sin(x) = x - x^3/6 + ..., in fractions: sin(x)/x = 1 - x^2/6 + x^4/120 - ..., 1 at 0, and so is the reciprocal.
    x = Fraction(1, 10**9)
    ratio = 1 - x**2 / 6 + x**4 / 120
    assert json.loads(erratum.correct) == [1, 1] == [round(float(ratio), 15), round(float(1 / ratio), 15)]


def test_b3_the_sampled_derivative():
    erratum = find("B3-sampled-derivative")
    assert json.loads(erratum.printed) == [3, 432, 27, 48, 675] == [3 * x * x for x in (1, 12, 3, 4, 15)]
    assert json.loads(erratum.correct) == [10, 20, 40, 60, 70] == neighbours([0, 10, 40, 90, 160])


def test_b4_the_product_rule(findings):
    erratum = find("B4-product-rule")
    x = [2, 3, 1]
    values = [x**2 * math.sin(x) for x in x]
    assert json.loads(erratum.printed) == [-2.36710963, -1.39785936, -0.42860909]
    assert json.loads(erratum.printed) == [round(number, 8) for number in neighbours(values)]
    assert json.loads(erratum.correct) == [1.97260236, -8.06321242, 2.22324428]
    assert json.loads(erratum.correct) == [round(x * (2 * math.sin(x) + x * math.cos(x)), 8) for x in x]
    # The product rule with differences in the place of derivatives gives a third answer.
    squares, sines = [x**2 for x in x], [math.sin(x) for x in x]
    parts = zip(neighbours(squares), sines, squares, neighbours(sines), strict=True)
    third = [round(df * g + f * dg, 8) for df, g, f, dg in parts]
    assert str(third) in next(iter(findings[erratum.id].evidence.remarks.values()))


def test_b5_the_chain_rule(findings):
    erratum = find("B5-chain-rule")
    assert json.loads(erratum.printed) == [0.07855505, -0.34576708, -0.77008922]
    assert json.loads(erratum.printed) == [round(d, 8) for d in neighbours([math.sin(n) for n in (1, 64, 729)])]
    assert json.loads(erratum.correct) == [3.24181384, 75.23658824, 1441.51815635]
    assert json.loads(erratum.correct) == [
        round(number, 8) for number in (6 * math.cos(1), 192 * math.cos(64), 1458 * math.cos(729))
    ]
    assert (729 - 64) / math.tau == pytest.approx(106, abs=0.5)
    assert next(iter(findings[erratum.id].evidence.remarks.values())).startswith("106,")


def test_b7_the_integral(findings):
    erratum = find("B7-integral")
    assert erratum.printed == "1.772453850955159"
    assert erratum.correct == "1.7724538509055159"
    whole, decimals = erratum.correct.split(".")
    assert decimals[10] == "0"
    assert f"{whole}.{decimals[:10]}{decimals[11:]}" == erratum.printed
    x = np.linspace(-10, 10, 100)
    assert scipy.integrate.trapezoid(np.exp(-(x**2)), x) == pytest.approx(float(erratum.correct), abs=5e-16)
    assert math.sqrt(math.pi) == pytest.approx(float(erratum.correct), abs=5e-16)
    assert abs(math.sqrt(math.pi) - float(erratum.printed)) > 4e-11
    x = [Fraction(k, 99) for k in range(100)]
    parabola = (sum(x**2 for x in x) - Fraction(1, 2)) / 99
    assert float(parabola) == pytest.approx(0.33335033840084355, abs=2e-16)
    assert parabola - Fraction(1, 3) == Fraction(1, 6 * 99**2)
    assert "0.333350338401" in " ".join(findings[erratum.id].evidence.remarks.values())


def test_c3_the_covariance(findings):
    erratum = find("C3-covariance")
    x, y = [1, 2, 30, 4, 5], [2, 4, 60, 18, 10]
    assert erratum.printed == "145.3"
    assert Fraction(erratum.correct) == Fraction("148.3") == statistics.variance(map(Fraction, x))
    matrix = [[148.3, 285.6], [285.6, 569.2]]
    assert statistics.covariance(x, y) == pytest.approx(285.6, rel=1e-14)
    assert statistics.variance(map(Fraction, y)) == Fraction("569.2")
    assert str(matrix) in findings[erratum.id].evidence.remarks["whole matrix"]
    ddof = 5 - Fraction("593.2") / Fraction("145.3")
    assert findings[erratum.id].evidence.remarks["ddof that 145.3 would need"].startswith(f"{float(ddof):.3f}")


def test_c6_the_unseeded_test(findings):
    erratum = find("C6-unseeded-test")
    assert (json.loads(erratum.printed), json.loads(erratum.correct)) == (1.0, 0.66)
    degrees, delta = 38, 0.5 * math.sqrt(10)
    critical = scipy.stats.t.ppf(0.975, degrees)
    power = scipy.stats.nct.sf(critical, degrees, delta) + scipy.stats.nct.cdf(-critical, degrees, delta)
    evidence = findings[erratum.id].evidence
    assert evidence.ways["integral"] == pytest.approx(1 - power, abs=1e-9)
    deviation = math.sqrt(power * (1 - power) / 100_000)
    assert evidence.ways["100,000 draws"] == pytest.approx(1 - power, abs=4 * deviation)
    assert "0.050000" in evidence.remarks["p-value of the critical value of t"]
    p = [float(word.rstrip(":,")) for word in evidence.remarks["p-values of the first six draws"].split()[:6]]
    assert min(p) < 0.05 < max(p)


# ----------------------------------------------------------------------------------------------------------------------
# What decides can decide otherwise
# ----------------------------------------------------------------------------------------------------------------------


def replaced(finding, **changes):
    """The erratum with another figure, or another piece of evidence, decided again."""
    evidence = dataclasses.replace(finding.evidence, **changes.pop("evidence", {}))
    return dataclasses.replace(finding.erratum, decide=lambda: evidence, **changes).settle()


@each_erratum
def test_a_right_figure_is_found_right(findings, id):
    finding = replaced(findings[id], printed=find(id).correct)
    assert finding.verdict is Verdict.RIGHT
    assert not finding.stands


@each_erratum
def test_a_figure_that_is_correct_in_name_only_is_not_taken(findings, id):
    correct = find(id).correct
    place = next(place for place in reversed(range(len(correct))) if correct[place].isdigit())
    if id == "B7-integral":
        place -= 2  # its last two digits are beyond what a sum in float64 can tell
    changed = correct[:place] + str((int(correct[place]) + 2) % 10) + correct[place + 1 :]
    finding = replaced(findings[id], correct=changed)
    assert finding.verdict is Verdict.UNDECIDED
    assert "is not that of" in finding.reason


@each_erratum
def test_a_way_that_goes_astray_is_named(findings, id):
    ways = dict(findings[id].evidence.ways)
    astray = list(ways)[-1]
    finding = replaced(findings[id], evidence={"ways": ways | {astray: np.asarray(ways[astray]) * 1.02}})
    assert finding.verdict is Verdict.UNDECIDED
    assert finding.reason.endswith(f"not that of: {astray}")


def test_one_way_is_not_enough(findings):
    finding = replaced(findings["C3-covariance"], evidence={"ways": {"one": 148.3}})
    assert (finding.verdict, finding.stands) == (Verdict.UNDECIDED, False)


def test_a_mistake_must_give_what_was_printed(findings):
    finding = replaced(findings["B3-sampled-derivative"], evidence={"mistake": {"another": [3, 432, 27, 48, 676]}})
    assert finding.verdict is Verdict.UNDECIDED
    assert "mistake" in finding.reason


def test_another_shape_is_another_figure(findings):
    finding = replaced(findings["C3-covariance"], evidence={"ways": {"one": [148.3], "two": 148.3}})
    assert finding.reason.endswith("not that of: one")


@pytest.mark.parametrize(
    ("printed", "computed", "right"),
    [
        ("145.3", 145.349, True),
        ("145.3", 145.351, False),
        ("145.30", 145.304, True),
        ("145.30", 145.306, False),
        ("145", 145 + 1e-10, True),
        ("145", 145.1, False),
        ("-0.5", 0.5, False),
        ("[1, 2.5]", [1, 2.5], True),
        ("[1, 2.5]", [1, 2.5, 3], False),
        ("1.5", math.nan, False),
        ("1.5", math.inf, False),
    ],
)
def test_a_number_stands_for_all_that_round_to_it(printed, computed, right):
    erratum = Erratum(
        id="X",
        source="S3",
        claim="",
        printed=printed,
        quoted=True,
        correct="7777",
        how="",
        decide=lambda: Evidence(ways={"a": computed, "b": computed}),
    )
    assert (erratum.settle().verdict is Verdict.RIGHT) == right


@each_erratum
def test_the_code_that_is_shown_runs_on_its_own(findings, id):
    names = {}
    exec("import jax\nimport jax.numpy as jnp\nimport numpy as np\nfrom chainrule.course.errata import Evidence", names)
    exec(compile(find(id).code, id, "exec"), names)
    evidence = names[find(id).decide.__name__]()
    for way, value in findings[id].evidence.ways.items():
        np.testing.assert_array_equal(evidence.ways[way], value)


def test_ids_are_found_in_any_case():
    assert find("b3-SAMPLED-derivative") is ERRATA[2]
    with pytest.raises(ValueError, match=r"^there is no erratum 'B3'; there are A5-product, B1-limit"):
        find("B3")


def test_everything_is_json(findings):
    for finding in findings.values():
        data = json.loads(json.dumps(finding.to_json(), allow_nan=False))
        assert data["printed"] == json.loads(finding.erratum.printed)
        assert data["stands"] is True
        assert set(data["ways"]) == set(finding.evidence.ways)


def test_the_page_is_up_to_date(findings):
    written = page(list(findings.values()))
    assert written == PAGE.read_text(encoding="utf-8"), "run: chainrule errata --markdown > notebooks/errata.md"
    for erratum in ERRATA:
        assert f"`{erratum.printed}`" in written
        assert f"`{erratum.correct}`" in written
        assert erratum.code in written


def test_all_names_are_exported():
    assert all(hasattr(errata, name) for name in errata.__all__)
