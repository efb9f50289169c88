"""What the tests of the audit share: derivatives written by hand, right and wrong, and single checks run on them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.audit.checks import run_checks
from chainrule.audit.run import inputs_for
from chainrule.audit.side_by_side import in_threads
from chainrule.rule import rule

_RNG = np.random.default_rng(0)
X, Y = _RNG.normal(size=(2, 4, 3))
WEIGHT, BIAS = _RNG.normal(size=(3, 5)), _RNG.normal(size=5)
PARAMS = {"bias": BIAS, "weight": WEIGHT}


def hand(function, pullback, nondiff_argnums=()):
    """A ``jax.custom_vjp`` of a function with ``pullback(d_output, *args)``; its residuals are the arguments."""
    wrapped = jax.custom_vjp(function, nondiff_argnums=nondiff_argnums)
    if nondiff_argnums:
        wrapped.defvjp(lambda *args: (function(*args), args), lambda *rest: pullback(rest[-1], *rest[-2]))
    else:
        wrapped.defvjp(lambda *args: (function(*args), args), lambda args, d: pullback(d, *args))
    return wrapped


def ruled(function, pullback):
    """A rule of a function with ``pullback(d_output, *args)``, of up to two arguments."""
    if function.__code__.co_argcount == 1:

        def forward(x):
            return function(x), (x,)

    else:

        def forward(x, y):
            return function(x, y), (x, y)

    forward.__name__ = function.__name__
    made = rule(forward)
    made.defbackward(lambda args, d: pullback(d, *args))
    return made


def product(x, y):
    return x * y


def product_pullback(d, x, y):
    return d * y, d * x


def sine(x):
    return jnp.sin(x)


def cosine_pullback(d, x):
    return (d * jnp.cos(x),)


def dense(params, x):
    return jnp.tanh(x @ params["weight"] + params["bias"])


def dense_pullback(d, params, x):
    d = d * (1 - dense(params, x) ** 2)
    return {"bias": d.sum(0), "weight": x.T @ d}, d @ params["weight"].T


RIGHT = hand(product, product_pullback)
RIGHT_RULE = ruled(product, product_pullback)
RIGHT_SINE = hand(sine, cosine_pullback)


def checked(check, f, *args, **options):
    """Run one check of the audit on a function; the arguments are those of ``audit``."""
    return list(run_checks(inputs_for(f, *args, **options), (check,)))


def by_name(checks):
    """The checks by name, each of which must be there once."""
    checks = list(checks)
    found = {check.name: check for check in checks}
    assert len(found) == len(checks)
    return found


def failures(checks):
    """The names of the checks that failed."""
    return [check.name for check in checks if not check.ok]


def in_parts(function, arguments, size=32):
    """Map in threads, part by part, and let go of what was compiled for each part: a program takes megabytes."""
    for first in range(0, len(arguments), size):
        yield from in_threads(function, list(arguments[first : first + size]))
        jax.clear_caches()
