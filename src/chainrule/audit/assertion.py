"""The audit as an assertion, for the tests of any project."""

from __future__ import annotations

from typing import Any

from chainrule.audit.run import audit

__all__ = ["assert_vjp"]


def assert_vjp(f: Any, *args: Any, **options: Any) -> None:
    """Assert that a hand-written derivative passes the audit; the arguments are those of ``audit``.

    ::

        def test_my_kernel():
            assert_vjp(my_kernel, x, w)

    Raises:
        AssertionError: with the whole report, if a check fails.
    """
    __tracebackhide__ = True  # pytest shows the caller's line
    report = audit(f, *args, **options)
    if not report.ok:
        raise AssertionError(f"the derivative of {report}")
