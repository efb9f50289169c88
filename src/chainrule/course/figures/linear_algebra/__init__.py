"""The figures of linear algebra: arrows, bases, arrays, images, components, maps of the plane, fits."""

from chainrule.course.figures.linear_algebra.arrays import broadcasting, images_as_matrices
from chainrule.course.figures.linear_algebra.arrows import projection_and_basis, vectors
from chainrule.course.figures.linear_algebra.components import digits_plane
from chainrule.course.figures.linear_algebra.descent import descent_path
from chainrule.course.figures.linear_algebra.maps import warped_grid
from chainrule.course.figures.linear_algebra.weather import weather_residuals

__all__ = [
    "broadcasting",
    "descent_path",
    "digits_plane",
    "images_as_matrices",
    "projection_and_basis",
    "vectors",
    "warped_grid",
    "weather_residuals",
]
