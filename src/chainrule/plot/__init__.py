"""Pictures, each a function from data to a matplotlib ``Figure``; ``save`` writes one to a file.

Nothing here touches pyplot or matplotlib's global settings, needs a screen, or imports matplotlib before the
first picture is drawn.
"""

from chainrule.plot.audit import audit_errors, audit_of
from chainrule.plot.augmented import augmented
from chainrule.plot.boundary import decision_boundary
from chainrule.plot.confusion import confusion, confusion_matrix
from chainrule.plot.curves import curves
from chainrule.plot.descent import descent
from chainrule.plot.forecast import forecast
from chainrule.plot.function import function_and_derivative
from chainrule.plot.importance import importance
from chainrule.plot.latent import latent_plane
from chainrule.plot.mistakes import mistakes
from chainrule.plot.predicted import predicted_against_true
from chainrule.plot.reconstructions import reconstructions
from chainrule.plot.residuals import residuals
from chainrule.plot.roc import roc, roc_area, roc_curve
from chainrule.plot.style import new_figure, save
from chainrule.plot.surprise import surprise

__all__ = [
    "audit_errors",
    "audit_of",
    "augmented",
    "confusion",
    "confusion_matrix",
    "curves",
    "decision_boundary",
    "descent",
    "forecast",
    "function_and_derivative",
    "importance",
    "latent_plane",
    "mistakes",
    "new_figure",
    "predicted_against_true",
    "reconstructions",
    "residuals",
    "roc",
    "roc_area",
    "roc_curve",
    "save",
    "surprise",
]
