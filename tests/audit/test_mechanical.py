"""Mechanical mutants: that the interpreter is exact, that every change is a change, and that the survey counts right."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from chainrule import chain, layers, ops
from chainrule.audit.mutants.mechanical import (
    OPERATORS,
    Battery,
    Mutated,
    explained,
    mutations,
    survey,
    surveyed,
    unmutated,
)
from chainrule.audit.mutants.mechanical.boundary import argument_variants, output_variants
from chainrule.audit.mutants.mechanical.operators import equation_variants
from chainrule.audit.mutants.mechanical.program import trace
from chainrule.audit.mutants.mechanical.sites import study
from chainrule.audit.registry import Case, Entry
from chainrule.audit.report import Check
from chainrule.rule import Rule, rule

pytestmark = pytest.mark.usefixtures("quick_compilation")

RULES = {entry.name: entry for entry in surveyed()}

ELEMENTWISE = {
    "drop",
    "swap",
    "scale",
    "shift",
    "roll",
    "zero",
    "exchange",
    "constant",
    "output",
    "residual",
    "cotangent",
}


def case_of(entry, kind="typical"):
    case = next(case for case in entry.cases if case.kind == kind)
    return case.make(np.random.default_rng(0)), case.static


def cotangent_of(output, seed=1):
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: np.asarray(rng.normal(size=leaf.shape), leaf.dtype), output)


def pulled(of, args, static, d_output=None):
    """The cotangents of a rule, as one compiled program."""

    def both(*args):
        output, pullback = of.vjp(*args, **static)
        return pullback(cotangent_of(output) if d_output is None else d_output)

    return jax.tree.map(np.asarray, jax.jit(both)(*args))


def one(name, operator, *words):
    """The one mutation of a register entry whose title holds all of the words."""
    found = [m for m in mutations(RULES[name]) if m.operator == operator and all(w in m.title for w in words)]
    assert len(found) == 1, [m.title for m in found]
    return found[0]


def same(a, b):
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all((x.shape, x.dtype) == (y.shape, y.dtype) and x.tobytes() == y.tobytes() for x, y in pairs)


# --- The interpreter ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RULES)
def test_without_a_change_the_interpreter_gives_exactly_the_cotangents(name, x64):
    entry = RULES[name]
    args, static = case_of(entry)
    assert same(pulled(Mutated(entry.rule, unmutated(entry)), args, static), pulled(entry.rule, args, static))


def test_a_mutated_rule_shows_the_face_of_the_rule():
    model = RULES["chain"].rule
    wrong = Mutated(model, unmutated(RULES["chain"]))
    assert (wrong.name, wrong.signature) == (model.name, model.signature)
    (params, x), _ = case_of(RULES["chain"])
    args = jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), (params, x))
    y = wrong(*args)
    np.testing.assert_array_equal(y, model(*args))  # without a state: the output alone
    with_state = wrong(*args, (None,) * 3)
    assert isinstance(with_state, tuple)
    assert len(with_state) == 2
    bound = ops.softmax.bind(axis=0)
    assert Mutated(bound, unmutated(RULES["softmax"])).name == bound.name


def loop_rule():
    """A backward pass with a scan, a cond and a custom_jvp function in it: each has equations inside."""

    @rule
    def looped(x):
        return x * x, x

    @looped.defbackward
    def looped_backward(x, d_output):
        def step(total, row):
            return total + row, jax.nn.relu(row) - jax.nn.relu(-row)

        total, rows = lax.scan(step, jnp.zeros_like(d_output[0]), d_output)
        picked = lax.cond(jnp.sum(total) > 1e9, lambda d: d * 3, lambda d: d * 2, rows)
        return (x * picked,)

    return looped


def entry_of(of, *args):
    return Entry("given", "ops", of, None, (Case("typical", lambda rng: args),))


def test_equations_inside_loops_branches_and_calls_are_reached(x64, rng):
    entry = entry_of(loop_rule(), rng.normal(size=(3, 4)))
    args, static = case_of(entry)
    right = pulled(entry.rule, args, static)
    np.testing.assert_allclose(right[0], 2 * args[0] * cotangent_of(args[0]), rtol=1e-12)
    assert same(pulled(Mutated(entry.rule, unmutated(entry)), args, static), right)
    doubled = [m for m in mutations(entry) if m.operator == "scale" and "scaled by 2" in m.title]
    in_the_scan = [m for m in doubled if "(max)" in m.title]
    assert len(in_the_scan) == 2  # the relu of each sign
    in_the_branches = [m for m in doubled if "(mul)" in m.title][-3:-1]
    shows = [not same(pulled(Mutated(entry.rule, m), args, static), right) for m in (*in_the_scan, *in_the_branches)]
    assert sorted(shows) == [False, True, True, True]  # all but the one in the branch that is not taken


# --- What is listed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "operators"),
    [
        ("tanh", ELEMENTWISE),
        ("affine", {"scale", "shift", "roll", "zero", "constant", "output", "residual", "cotangent"}),
        (
            "softmax",
            {"drop", "swap", "scale", "shift", "roll", "zero", "exchange", "sum", "output", "residual", "cotangent"},
        ),
        ("cross_entropy", {"compare", "select", "index", "constant", "exchange", "sum", "drop", "swap", "residual"}),
        ("chain", ELEMENTWISE),
    ],
)
def test_every_operator_that_applies_is_there(name, operators):
    found = mutations(RULES[name])
    assert operators <= {m.operator for m in found} <= set(OPERATORS)


def test_titles_are_unique_and_mutations_hashable():
    found = [m for entry in RULES.values() for m in mutations(entry, ("typical", "more"))]
    assert len(found) > 1000
    assert len({m.title for m in found}) == len(found) == len(set(found))
    again = [m for entry in RULES.values() for m in mutations(entry, ("typical", "more"))]
    assert again == found
    assert [hash(m) for m in again] == [hash(m) for m in found]
    assert Mutated(ops.tanh, found[0]) == Mutated(ops.tanh, again[0]) != Mutated(ops.tanh, found[1])


def test_a_title_says_which_equation_and_what():
    assert one("gelu_tanh", "drop", "equation 7 (mul)", "second").title == (
        "gelu_tanh: equation 7 (mul): the second factor is dropped"
    )


def test_other_branches_are_mutated_where_their_cases_are_asked_for():
    narrow, wide = (mutations(RULES["reduce"], kinds) for kinds in (("typical",), ("typical", "more")))
    assert set(narrow) < set(wide)
    assert any("weighted mean" in m.title and "the operands are swapped" in m.title for m in wide)


def test_square_operands_are_transposed_and_other_axes_summed(x64, rng):
    @rule
    def squared(x, weight):
        return x @ weight, (x, weight)

    @squared.defbackward
    def squared_backward(residuals, d_output):
        x, weight = residuals
        return d_output @ weight.T + jnp.sum(d_output, 0) * 0.5, x.T @ d_output

    args = (rng.normal(size=(3, 3)), rng.normal(size=(3, 3)))
    entry = entry_of(squared, *args)
    titles = [m.title for m in mutations(entry)]
    assert any("operand is transposed" in title for title in titles)
    assert any("the result is transposed" in title for title in titles)
    assert any("the sum is over axis 1" in title for title in titles)
    assert any("the cotangent of argument 0 is exchanged with that of 1" in title for title in titles)
    right = pulled(squared, args, {})
    for mutation in mutations(entry):
        if mutation.operator in ("operand", "transpose", "sum") or "is exchanged with" in mutation.title:
            assert not same(pulled(Mutated(squared, mutation), args, {}), right), mutation.title


# --- What is left out --------------------------------------------------------------------------------------------------


def words_of(backward, *arguments):
    """What is listed for a backward function of (residuals, d_output)."""

    @rule
    def f(x):
        return x, x

    f.defbackward(backward)
    with jax.enable_x64(True):
        program = trace(f, {}, *(jax.tree.map(np.asarray, a) for a in arguments))
    known = study(program, range(len(program.arguments)))
    words = [(site.name, operator, text) for site in known.sites for operator, _, text in equation_variants(site)]
    words += [("", operator, text) for operator, _, text in output_variants(program, known)]
    return words + [("", operator, text) for operator, _, text in argument_variants(program, known)]


X = np.arange(6.0).reshape(2, 3)


def test_dead_equations_and_dead_residuals_are_left_out():
    def backward(r, d):
        _ = jnp.exp(r)
        return (d * 2,)

    words = words_of(backward, X, X)
    assert {name for name, _, _ in words} == {"mul", ""}
    assert not [text for _, operator, text in words if operator == "residual"]


def test_zeros_are_not_scaled_rolled_or_blanked():
    words = words_of(lambda r, d: (jnp.where(r > 0, jnp.zeros_like(d), d),), X, X)
    assert [operator for name, operator, _ in words if name == "broadcast_in_dim"] == ["shift", "constant"]


def test_what_is_multiplied_by_zero_is_dead_and_neutral_operands_are_not_dropped():
    words = words_of(lambda r, d: (1.0 * d + 0.0 * jnp.exp(r),), X, X)
    assert not [text for name, _, text in words if name == "exp"]
    assert [text for name, operator, text in words if name == "add" and operator == "drop"] == [
        "the first term is dropped"
    ]
    assert "the second term is dropped" in [t for n, o, t in words_of(lambda r, d: (d + r,), X, X) if o == "drop"]


def test_an_axis_along_which_all_is_equal_is_not_rolled():
    words = words_of(lambda r, d: (jnp.broadcast_to(d[:, None], (2, 3)) * 2,), X, X[:, 0])
    assert [text for name, operator, text in words if name == "mul" and operator == "roll"] == [
        "the result is rolled by one along axis 0"
    ]


def test_a_roll_that_only_a_sum_sees_is_left_out():
    words = words_of(lambda r, d: (jnp.sum(d * r, 1),), X, X)
    assert [text for name, operator, text in words if name == "mul" and operator == "roll"] == [
        "the result is rolled by one along axis 0"
    ]


def test_a_positive_factor_on_what_only_a_sign_reads_is_left_out():
    words = words_of(lambda r, d: (d * jnp.sign(r * d),), X, X)
    scaled = [text for name, operator, text in words if name == "mul" and operator == "scale"]
    assert scaled.count("the result is negated") == 2
    assert scaled.count("the result is scaled by 2") == 1
    assert not [t for _, o, t in words_of(lambda r, d: (d * jnp.sign(r),), X, X) if o == "residual" and "relative" in t]


def test_what_is_computed_alike_is_not_exchanged_nor_swapped():
    words = words_of(lambda r, d: (d * r, d * r, d + r), X, X)
    exchanged = [text for _, operator, text in words if operator == "output" and "exchanged" in text]
    assert len(exchanged) == 2
    assert not [text for _, operator, text in words_of(lambda r, d: (d * r - d * r,), X, X) if operator == "swap"]


# --- What is wrong, is wrong -------------------------------------------------------------------------------------------

SOME = [
    ("tanh", "drop", "equation 0 (mul)"),
    ("tanh", "constant", "by one"),
    ("tanh", "cotangent", "mean"),
    ("affine", "scale", "equation 1 (dot_general)", "by 1.000001"),
    ("affine", "output", "argument 1", "last"),
    ("softmax", "sum", "mean"),
    ("softmax", "residual", "relative"),
    ("cross_entropy", "compare", "(eq)", "turned"),
    ("cross_entropy", "index", "iota"),
    ("chain", "output", "argument 0[0]['weight']", "bfloat16"),
]


@pytest.mark.parametrize("which", SOME, ids=" ".join)
def test_a_mutated_rule_differs(which, x64):
    entry, mutation = RULES[which[0]], one(*which)
    args, static = case_of(entry)
    right, wrong = pulled(entry.rule, args, static), pulled(Mutated(entry.rule, mutation), args, static)
    assert jax.tree.structure(wrong) == jax.tree.structure(right)
    for a, b in zip(jax.tree.leaves(wrong), jax.tree.leaves(right), strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
    assert not same(wrong, right)


def test_the_change_is_the_one_that_the_title_says(x64):
    (x,), _ = case_of(RULES["tanh"])
    y, d = np.tanh(x), cotangent_of(x)
    expected = {
        one("tanh", "drop", "(mul)", "equation 0"): d * (1 - y),
        one("tanh", "swap"): -d * (1 - y * y),
        one("tanh", "roll", "equation 2", "axis 1"): np.roll(d * (1 - y * y), 1, 1),
        one("tanh", "constant", "by one"): d * (2 - y * y),
        one("tanh", "residual", "relative"): d * (1 - (y * 1.0001) ** 2),
        one("tanh", "cotangent", "absolute"): np.abs(d) * (1 - y * y),
        one("tanh", "output", "clipped"): np.clip(d * (1 - y * y), -1, 1),
    }
    for mutation, cotangent in expected.items():
        found = pulled(Mutated(ops.tanh, mutation), (x,), {}, d)[0]
        np.testing.assert_allclose(found, cotangent, rtol=1e-9, err_msg=mutation.title)


def test_under_vmap_a_change_is_that_of_each_lane(x64, rng):
    wrong = Mutated(ops.softmax, one("softmax", "roll", "equation 0", "axis 0"))
    x, d = rng.normal(size=(4, 3, 5)), rng.normal(size=(4, 3, 5))

    def pull(x, d):
        return wrong.vjp(x)[1](d)[0]

    mapped = jax.jit(jax.vmap(pull))(x, d)
    np.testing.assert_allclose(mapped, jnp.stack([pull(*lane) for lane in zip(x, d, strict=True)]), rtol=1e-12)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_in_narrow_dtypes_a_change_keeps_the_dtype(dtype):
    wrong = Mutated(ops.tanh, one("tanh", "constant", "by one"))
    x = np.asarray(np.linspace(-2, 2, 15).reshape(3, 5), dtype)
    right, found = pulled(ops.tanh, (x,), {}, x)[0], pulled(wrong, (x,), {}, x)[0]
    assert found.dtype == dtype
    np.testing.assert_allclose(np.float32(found), np.float32(right) + np.float32(x), rtol=0.05)


def test_the_wrong_backward_runs_under_jax_grad(x64):
    wrong = Mutated(ops.tanh, one("tanh", "constant", "by one"))
    x = np.linspace(-2, 2, 5)
    found = jax.jit(jax.grad(lambda x: jnp.sum(wrong.by_hand(x))))(x)
    np.testing.assert_allclose(found, 2 - np.tanh(x) ** 2, rtol=1e-9)
    np.testing.assert_allclose(jax.jit(jax.grad(lambda x: jnp.sum(wrong(x))))(x), 1 - np.tanh(x) ** 2, rtol=1e-9)


def test_a_change_that_does_not_fit_leaves_the_rule_right(x64, rng):
    bias = one("affine", "scale", "equation 5 (dot_general)", "by 2")
    args = (rng.normal(size=(4, 3)), rng.normal(size=(3, 2)))  # no bias: there is no such equation
    assert same(pulled(Mutated(ops.affine, bias), args, {}), pulled(ops.affine, args, {}))
    along = one("softmax", "roll", "equation 4", "axis 1")
    assert same(pulled(Mutated(ops.softmax, along), (args[0][0],), {}), pulled(ops.softmax, (args[0][0],), {}))


# --- The survey --------------------------------------------------------------------------------------------------------


def by_values(entry, seed):
    """A small audit: the cotangents against autodiff, at all cases but the extreme ones."""
    numbered = [(case, case.make(np.random.default_rng(seed + n))) for n, case in enumerate(entry.cases)]

    def first_failure(of: Rule, numbers) -> Check | None:
        for case, args in (numbered[n] for n in numbers):
            if case.kind != "extreme" and not agrees(of, args, case.static):
                return Check("values", case.title or case.kind, False, 1.0, 0.0)
        return None

    return first_failure


def agrees(of: Rule, args, static) -> bool:
    with jax.enable_x64(True):
        output, pullback = of.vjp(*args, **static)
        _, referee = jax.vjp(lambda *args: of(*args, **static), *args)
        d_output = cotangent_of(output)
        pairs = zip(jax.tree.leaves(pullback(d_output)), jax.tree.leaves(referee(d_output)), strict=True)
        return all(a.dtype == jax.dtypes.float0 or np.allclose(a, b, rtol=1e-9, atol=1e-12) for a, b in pairs)


def passes_all(entry, seed):
    """An audit that has nothing against anything."""
    return lambda of, numbers: None


def test_a_survey_counts_what_is_caught():
    progress = []
    found = survey([RULES["relu"]], by_values, progress=lambda done, total: progress.append((done, total)))
    assert found.total == len(mutations(RULES["relu"])) == progress[-1][0] == progress[-1][1]
    assert found.survivors == ()
    assert found.caught == 1.0
    assert found.by_check == {"values": found.total}
    assert found.by_entry == {"relu": (found.total, found.total)}
    assert sum(total for _, total in found.by_operator.values()) == found.total
    assert "100.00 %" in str(found)


def test_a_survey_names_what_survives():
    found = survey([RULES["flatten"]], passes_all)
    assert [m.title for m in found.survivors] == [m.title for m in mutations(RULES["flatten"])]
    assert found.caught == 0.0
    assert found.survivors[0].title in str(found)
    assert survey([], by_values).caught == 0.0


def test_a_survey_tries_the_mutations_that_are_chosen():
    found = survey([RULES["flatten"], RULES["relu"]], passes_all, choose=lambda listed: [listed[-1], listed[0]])
    assert [m.title for m in found.survivors] == [
        mutations(RULES["relu"])[-1].title,
        mutations(RULES["flatten"])[0].title,
    ]


def test_a_survey_refuses_an_audit_that_fails_what_is_right():
    with pytest.raises(ValueError, match="fails relu unchanged: everything"):
        survey([RULES["relu"]], lambda entry, seed: lambda of, numbers: Check("everything", "", False, 1.0, 0.0))


def test_only_cases_that_hold_the_change_are_tried():
    whole, soft = (
        one("cross_entropy", "compare", "(eq)", "turned"),
        one("cross_entropy", "exchange", "soft labels", "(log)"),
    )
    tried = {whole: [], soft: []}

    def note(entry, seed):
        return lambda of, numbers: tried.get(getattr(of, "mutation", None), []).extend(
            entry.cases[n].title for n in numbers
        )

    survey([RULES["cross_entropy"]], note)
    assert tried[whole] == [
        *("integer labels", "integer labels, smoothed", "over time, sum", "one class", "labels out of range"),
        "integer labels, up to 10,000",
    ]
    assert tried[soft] == ["soft labels"]  # smoothing makes another program of them


# --- The register's own checks -----------------------------------------------------------------------------------------

AT_ONE_CASE = [  # what cases of their own are there for
    (("elu", "compare", "equation 4 (le)", "equality"), "alpha 0.3, at zero and the kinks"),
    (("cross_entropy", "compare", "(lt)", "equality"), "labels out of range"),
    (("cross_entropy", "select", "equation 25", "true"), "labels out of range"),
]


@pytest.mark.parametrize(("which", "title"), AT_ONE_CASE, ids=lambda value: value if isinstance(value, str) else None)
def test_a_mistake_that_shows_at_one_case_is_caught_there(which, title):
    entry, mutation = RULES[which[0]], one(*which)
    (number,) = (n for n, case in enumerate(entry.cases) if case.title == title)
    check = small(entry, number)(Mutated(entry.rule, mutation), range(2))
    assert check is not None
    assert (check.name, check.case, check.ok) == ("hand against autodiff", title, False)


def small(entry, number):
    """The battery of an entry with two cases alone: the first, and the one of a number."""
    return Battery(dataclasses.replace(entry, cases=(entry.cases[0], entry.cases[number])))


def test_what_agrees_with_autodiff_goes_on_to_all_checks():
    @rule
    def doubled(x):
        return 2 * x, x.astype(jnp.float32)  # the residual is never read

    doubled.defbackward(lambda x, d_output: (2 * d_output,))
    entry = Entry("doubled", "ops", doubled, lambda x: 2 * x, (Case("typical", lambda rng: (rng.normal(size=3),)),))
    check = Battery(entry)(Mutated(doubled, unmutated(entry)), [0])
    assert check is not None
    assert check.name == "residuals used"


def test_a_mutant_that_raises_is_caught(monkeypatch):
    mutation = mutations(RULES["tanh"])[0]
    battery = small(RULES["tanh"], 1)
    monkeypatch.setattr(type(mutation), "run", lambda *given: 1 / 0)
    check = battery(Mutated(ops.tanh, mutation), [0])
    assert check is not None
    assert "ZeroDivisionError" in check.detail


def test_every_explanation_is_of_a_mutation_that_exists():
    titles = explained()
    assert titles
    assert len(set(titles)) == len(titles)
    assert set(titles) <= {mutation.title for entry in RULES.values() for mutation in mutations(entry)}


@pytest.mark.slow
def test_of_all_rules_what_is_explained_survives_and_a_sample_of_the_rest_is_caught():
    known = set(explained())

    def sample(listed):
        drawn = np.random.default_rng(0).choice(len(listed), 150, replace=False)
        return [mutation for n, mutation in enumerate(listed) if n in drawn or mutation.title in known]

    found = survey(RULES.values(), Battery, choose=sample)
    assert found.total >= 150
    assert {mutation.title for mutation in found.survivors} == known, str(found)


def test_a_whole_model_of_other_shapes_is_mutated_too():
    model = chain(layers.Dense(2), ops.relu)
    params, _ = model.init(jax.random.key(0), 3)
    entry = entry_of(model, params, np.ones((4, 3), np.float32))
    assert any(m.operator == "select" for m in mutations(entry))
