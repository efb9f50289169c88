"""Quick compilation: the same numbers, compiled at the first call and not before."""

import jax.numpy as jnp
import numpy as np

from chainrule.audit import quick
from chainrule.audit.quick import quick_jit


def test_it_computes_what_jit_computes_and_traces_once():
    traces = []

    def f(x, n):
        traces.append(n)
        return jnp.sin(x) * n

    compiled = quick_jit(f, static_argnums=1)
    assert traces == [], "nothing of JAX starts before the first call"
    x = np.linspace(-1, 1, 7, dtype=np.float32)
    np.testing.assert_allclose(compiled(x, 3), 3 * np.sin(x), rtol=1e-6)
    assert compiled.__name__ == "f"
    compiled(x + 1, 3)
    assert traces == [3]
    compiled(x, 4)
    assert traces == [3, 4]


def test_wishes_that_the_compiler_has_not_are_left_out():
    assert quick._is_known("xla_backend_optimization_level", 0)
    assert not quick._is_known("xla_no_such_option", True)
    assert set(quick._options()) <= set(quick._WISHES)
    assert "xla_backend_optimization_level" in quick._options()
