"""The recipe ``weather``: tomorrow's highest temperature in Seattle, from today alone or from the days before.

The comparison fits today's highest and lowest temperature and rain, by every way of solving least squares and by a small
MLP. The LSTM reads some days before as well, and the wind and the season. Both are judged on the same test days.

Settings were chosen with ``held_out="validation"`` (three seeds), never on the test days. Root mean square errors there, in
degrees Celsius: persistence 2.79, the linear fit to three measurements 2.67, the MLP 2.61 (8 hidden units 2.67, twice 32
2.60), the linear fit to six measurements 2.59, the LSTM 2.52.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from chainrule.recipes.config import Config, require_choice, require_positive

__all__ = ["WEATHER_COMPARISON", "WEATHER_LSTM", "ComparisonConfig", "WeatherConfig"]

MODELS = ("lstm",)


@dataclass(frozen=True, kw_only=True)
class WeatherConfig(Config):
    """The settings of a forecaster of the weather.

    Attributes:
        data: ``"weather"``.
        model: ``"lstm"``.
        window: how many days it reads, today the last of them.
        hidden: the width of the LSTM.
        held_out: which fifth of the days the forecasts are for. ``"test"``: the last one; fitted to the four before it.
            ``"validation"``: the last but one; fitted to the three before it, and the test days are not looked at. This is
            the way to choose settings.

    Raises:
        ValueError: for a setting that no training could take.
    """

    kind: ClassVar[str] = "weather"

    window: int
    hidden: int
    held_out: Literal["test", "validation"] = "test"

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_weather(self, MODELS)
        require_positive("window", self.window)
        require_positive("hidden", self.hidden)
        require_choice("held_out", self.held_out, ("test", "validation"))


@dataclass(frozen=True, kw_only=True)
class ComparisonConfig(Config):
    """The settings of a comparison of linear fits and an MLP; those of training are the MLP's.

    Attributes:
        data: ``"weather"``.
        model: ``"comparison"``.
        hidden: the width of each hidden layer of the MLP.
        held_out: as of :class:`WeatherConfig`, and the same days.

    Raises:
        ValueError: for a setting that no training could take.
    """

    kind: ClassVar[str] = "weather_comparison"

    hidden: tuple[int, ...]
    held_out: Literal["test", "validation"] = "test"

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_weather(self, ("comparison",))
        object.__setattr__(self, "hidden", tuple(self.hidden))  # a list, as JSON gives it
        for width in self.hidden:
            require_positive("each width in hidden", width)
        require_choice("held_out", self.held_out, ("test", "validation"))


def _require_weather(config: Config, models: tuple[str, ...]) -> None:
    if config.data != "weather":
        raise ValueError(f"data must be 'weather', got {config.data!r}")
    if config.model not in models:
        raise ValueError(f"model must be one of {', '.join(models)}, got {config.model!r}")


WEATHER_COMPARISON = ComparisonConfig(
    data="weather",
    model="comparison",
    hidden=(32,),
    epochs=100,
    batch_size=64,
    learning_rate=3e-3,
    optimizer="adam",
    schedule="cosine",
)

WEATHER_LSTM = WeatherConfig(
    data="weather",
    model="lstm",
    window=5,
    hidden=32,
    epochs=30,
    batch_size=64,
    learning_rate=3e-3,
    optimizer="adamw",
    weight_decay=0.3,
    schedule="cosine",
)
