"""What a least-squares forecast of the weather leaves unexplained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np

from chainrule.maths import linear_algebra as la
from chainrule.plot import residuals
from chainrule.plot.style import INK, TEXT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["weather_residuals"]

_FITTED = 0.8  # of the days, in the order of time


def weather_residuals() -> Figure:
    """Draw the residuals of tomorrow's highest temperature in Seattle, forecast from today's highest, lowest and rain.

    The fit is by ``least_squares_qr`` to the first four fifths of the days; the line below tells its error and that of
    saying "as today" on the others.
    """
    from chainrule.data import weather

    days = weather()
    today = np.stack([days.temp_max, days.temp_min, days.precipitation], axis=1)[:-1].astype(np.float32)
    tomorrow = days.temp_max[1:].astype(np.float32)
    fitted = int(_FITTED * len(today))
    fit = la.least_squares_qr(jnp.asarray(today[:fitted]), jnp.asarray(tomorrow[:fitted]))
    said = np.asarray(la.predict(fit, jnp.asarray(today)))
    errors = {
        name: float(np.sqrt(np.mean((forecast - tomorrow)[fitted:] ** 2)))
        for name, forecast in (("least squares", said), ("as today", today[:, 0]))
    }
    figure = residuals(
        days.dates[1:],
        tomorrow,
        said,
        held_out=days.dates[1 + fitted],
        name="least squares",
        quantity="highest temperature (°C)",
    )
    words = ", ".join(f"{name} {error:.2f} °C" for name, error in errors.items())
    figure.supxlabel(f"Root mean squared error on the held-out days: {words}", fontsize=TEXT, color=INK)
    return figure
