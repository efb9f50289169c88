"""The judges: who they are, what they need, and how to get at them. No library is imported before it is needed."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.contenders import INSTALL

__all__ = ["JUDGES", "OURS", "Judge"]


@dataclass(frozen=True)
class Judge:
    """One way to check a derivative.

    Attributes:
        name: the name that the command line uses.
        title: the name in tables.
        settings: what its defaults are, in words; they are used as they come.
        module: the file that holds it.
        function: its name there: ``function(rule, args, static, reference) -> bool``, True for an alarm. ``args`` are
            pytrees of NumPy arrays, floats in float64; ``reference`` is an independent answer for the output, or None.
        needs: the packages that it needs.
    """

    name: str
    title: str
    settings: str
    module: str
    function: str
    needs: tuple[str, ...] = ()

    def missing(self) -> str | None:
        """Say what is not installed, and how to install it; None if all is there."""
        absent = [package for package in self.needs if importlib.util.find_spec(package) is None]
        return f"{self.title} is skipped: {', '.join(absent)} not installed: {INSTALL}" if absent else None

    def load(self) -> Callable[..., bool]:
        """Import what it needs and give the function."""
        return getattr(importlib.import_module(f"benchmarks.audit.judges.{self.module}"), self.function)


OURS = "chainrule"

JUDGES = {
    judge.name: judge
    for judge in (
        Judge(
            OURS,
            "chainrule.audit",
            "float64, float32 and bfloat16; the checks of the register",
            "chainrule_audit",
            "alarm",
        ),
        Judge(
            "gradcheck",
            "torch.autograd.gradcheck",
            "float64, all elements, differences of step 1e-6, rtol 1e-3, atol 1e-5",
            "torch_gradcheck",
            "alarm",
            ("torch",),
        ),
        Judge(
            "check-grads-x64",
            "jax.test_util.check_grads, x64",
            "float64, one random direction, differences of step 1e-4, rtol and atol 1e-5",
            "check_grads",
            "alarm_in_float64",
        ),
        Judge(
            "check-grads",
            "jax.test_util.check_grads",
            "float32, one random direction, differences of step 1e-4, rtol and atol 2e-3",
            "check_grads",
            "alarm_in_float32",
        ),
        Judge(
            "assert-allclose",
            "assert_allclose, ones",
            "float32, jax.grad of the sum of the output, rtol 1e-3, atol 1e-5",
            "against_autodiff",
            "alarm_of_unit_test",
        ),
        Judge(
            "llm.c",
            "llm.c's check_tensor",
            "float32, gradients of the mean of the output within 2e-2, outputs within 1e-2",
            "against_autodiff",
            "alarm_of_llm_c",
        ),
    )
}
