"""The lesson's network as plain functions, as objects and as a chain: one program, bit for bit."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

LESSON = Path(__file__).resolve().parents[1] / "notebooks" / "two_forms.py"
FORMS = ("common", "functions", "classes", "library", "referee")


@pytest.fixture(scope="module")
def lesson():
    """What the marked cells of the lesson define: the very code that its readers see."""
    cells = re.split(r"^# %%", LESSON.read_text(encoding="utf-8"), flags=re.MULTILINE)
    names: dict[str, object] = {"__name__": "two_forms"}
    for form in FORMS:
        (cell,) = (cell for cell in cells if cell.startswith(f' form="{form}"\n'))
        exec(compile(cell.partition("\n")[2], f"two_forms.py, {form}", "exec", dont_inherit=True), names)
    return SimpleNamespace(**names)


def weights(lesson, dtype=jnp.float32):
    """Weights and biases of every layer, none of them zero."""
    rng = np.random.default_rng(5)
    sizes = zip(lesson.WIDTHS[:-1], lesson.WIDTHS[1:], strict=True)
    return [tuple(jnp.asarray(rng.normal(0, 0.3, size), dtype) for size in ((m, n), (n,))) for m, n in sizes]


def images(dtype=jnp.float32):
    """Twenty-three images; their number is that of no layer."""
    rng = np.random.default_rng(4)
    return jnp.asarray(rng.uniform(size=(23, 64)), dtype), jnp.asarray(rng.integers(0, 10, 23))


@pytest.mark.parametrize("dtype", [jnp.float32, pytest.param(jnp.float64, marks=pytest.mark.slow)])
def test_the_forms_agree_to_the_bit(lesson, dtype):
    with jax.enable_x64(dtype == jnp.float64):
        answers = lesson.compare(weights(lesson, dtype), *images(dtype))
    assert list(answers) == ["functions", "classes", "chainrule"]
    expected = answers.pop("functions")
    assert set(expected) == {"logits", "gradients", "losses of 20 steps", "weights after them"}
    for answer in answers.values():
        for what, arrays in expected.items():
            for found, array in zip(answer[what], arrays, strict=True):
                assert found.dtype == dtype
                np.testing.assert_array_equal(found, array, err_msg=what, strict=True)
    losses = np.asarray(expected["losses of 20 steps"][0])
    assert losses.shape == (20,)
    assert losses[-1] < losses[0] - 0.1


def test_the_gradient_of_a_network_is_a_network(lesson):
    network = lesson.network_of(weights(lesson))
    x, y = images()
    _, gradient = jax.eval_shape(lesson.by_classes, network, x, y)
    assert jax.tree.structure(gradient) == jax.tree.structure(network)
    assert [leaf.shape for leaf in jax.tree.leaves(gradient)] == [leaf.shape for leaf in jax.tree.leaves(network)]


def test_a_network_is_a_part_of_a_network(lesson):
    flat = lesson.network_of(weights(lesson))
    nested = lesson.Network((lesson.Network(flat.parts[:2]), lesson.Network(flat.parts[2:])))
    answers = [jax.jit(lesson.by_classes)(network, *images()) for network in (flat, nested)]
    for a, b in zip(*map(jax.tree.leaves, answers), strict=True):
        np.testing.assert_array_equal(a, b)


def test_objects_hold_no_hidden_state(lesson):
    network = lesson.network_of(weights(lesson))
    for value in (network, *network.parts):
        field = dataclasses.fields(value)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign"):
            setattr(value, field, None)
    before = [dict(vars(part)) for part in network.parts]
    network.forward(images()[0])
    for part, fields in zip(network.parts, before, strict=True):
        assert vars(part).keys() == fields.keys()
        assert all(vars(part)[name] is value for name, value in fields.items())


def test_first_weights_have_the_widths_of_the_chain(lesson):
    params = jax.eval_shape(lambda: lesson.params_of(lesson.init(jax.random.key(0), lesson.WIDTHS)))
    expected, _ = jax.eval_shape(lambda: lesson.model.init(jax.random.key(0), lesson.WIDTHS[:1]))
    assert params == expected
