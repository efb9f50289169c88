"""Transforms one after the other, as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.data.preprocessing.transform import Transform

__all__ = ["Pipeline"]


@dataclass(frozen=True)
class Pipeline(Transform):
    """Compose transforms: the first takes the rows, and each of the others what the one before it puts out.

    ::

        apply = step_k . ... . step_1            inverse = step_1^-1 . ... . step_k^-1

    As in ``Pipeline((MedianImputer(), OutlierClipper(), StandardScaler()))``. Its params are a tuple, what each step
    has learnt. Without steps it leaves rows as they are.

    Attributes:
        steps: the transforms, in order.

    Raises:
        ValueError: for steps that are no tuple of transforms.
    """

    steps: tuple[Transform, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.steps, tuple):
            raise ValueError(f"Pipeline: steps must be a tuple of transforms, got {type(self.steps).__name__}")
        for index, step in enumerate(self.steps):
            if not isinstance(step, Transform):
                got = f"the class {step.__name__}; make one" if isinstance(step, type) else type(step).__name__
                raise ValueError(f"Pipeline: steps[{index}] must be a transform, got {got}")

    def fit(self, x: Any) -> tuple[Any, ...]:
        """Learn each step from what the steps before it make of the training rows.

        Args:
            x: training rows, (n, columns).

        Raises:
            ValueError: as the steps do.
        """
        params = []
        for index, step in enumerate(self.steps):
            params.append(step.fit(x))
            if index < len(self.steps) - 1:
                x = step.apply(params[-1], x)
        return tuple(params)

    def apply(self, params: tuple[Any, ...], x: Any) -> Any:
        """Apply the steps in order, (n, columns) to (n, columns out).

        Raises:
            ValueError: for params of another number of steps, and as the steps do.
        """
        for step, learnt in self._pairs(params):
            x = step.apply(learnt, x)
        return x

    def inverse(self, params: tuple[Any, ...], x: Any) -> Any:
        """Undo the steps, the last one first, (n, columns out) to (n, columns).

        Raises:
            ValueError: where a step cannot be undone, for params of another number of steps, and as the steps do.
        """
        for step, learnt in reversed(self._pairs(params)):
            x = step.inverse(learnt, x)
        return x

    def feature_names(self, params: tuple[Any, ...], names: Sequence[str]) -> list[str]:
        """Name the columns that the last step puts out, given the names of those that the first one takes."""
        for step, learnt in self._pairs(params):
            names = step.feature_names(learnt, names)
        return list(names)

    def _pairs(self, params: tuple[Any, ...]) -> list[tuple[Transform, Any]]:
        """Each step beside what it has learnt."""
        if not isinstance(params, (tuple, list)) or len(params) != len(self.steps):
            got = len(params) if isinstance(params, (tuple, list)) else type(params).__name__
            raise ValueError(f"Pipeline: params must be a tuple of {len(self.steps)}, one for each step, got {got}")
        return list(zip(self.steps, params, strict=True))
