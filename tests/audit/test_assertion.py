"""The audit as an assertion: silent where it passes, the whole report where it fails."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from chainrule.audit import assert_vjp
from tests.audit.helpers import RIGHT_SINE, X, hand, sine

WRONG = hand(sine, lambda d, x: ((d * jnp.cos(x)).at[1, 2].multiply(2),))


def test_a_right_derivative_passes_silently(capsys):
    assert assert_vjp(RIGHT_SINE, X) is None
    assert capsys.readouterr() == ("", "")


def test_a_wrong_derivative_raises_the_report():
    with pytest.raises(AssertionError) as caught:
        assert_vjp(WRONG, X)
    text = str(caught.value)
    assert text.startswith("the derivative of sine fails ")
    assert "argument 0[1, 2]" in text
    assert "looks like: wrong in a few elements, 1 of 12" in text


def test_options_are_those_of_the_audit():
    assert_vjp(RIGHT_SINE, jax.ShapeDtypeStruct((4, 3), jnp.float32), reference=np.sin, order=2)
    with pytest.raises(AssertionError, match="primal"):
        assert_vjp(RIGHT_SINE, X, reference=np.cos)
    with pytest.raises(ValueError, match="order must be 1 or 2"):
        assert_vjp(RIGHT_SINE, X, order=3)
