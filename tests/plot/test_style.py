import os
import subprocess
import sys

import pytest

from chainrule import plot
from chainrule.plot.style import new_figure, plain_axes


def test_a_picture_is_a_png_1200_pixels_wide(tmp_path):
    figure = new_figure(2)
    plain_axes(figure.add_subplot(), title="Title", x="x", y="y")
    path = plot.save(figure, tmp_path / "a.png")
    content = path.read_bytes()
    assert path == tmp_path / "a.png"
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(content[16:20], "big") == 1200
    assert int.from_bytes(content[20:24], "big") == 300
    assert content[-8:-4] == b"IEND"


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        plot.save(plot.curves({"loss": [2.0, 1.0]}), str(tmp_path / name))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(
    ("path", "message"),
    [("a.jpg", "path must end in .png, got '.*a.jpg'"), ("no/a.png", "path must be in a folder that exists")],
)
def test_a_bad_path_is_named(tmp_path, path, message):
    with pytest.raises(ValueError, match=f"^save: {message}"):
        plot.save(new_figure(2), tmp_path / path)
    assert not list(tmp_path.iterdir())


def test_no_screen_no_pyplot_and_nothing_imported_or_set_for_nothing(tmp_path):
    code = f"""
import sys
import chainrule.plot as plot
assert not [name for name in sys.modules if name.startswith("matplotlib")]
import matplotlib
before = matplotlib.rcParams.copy()
figure = plot.confusion([0, 1, 1], [0, 1, 0], ["a", "b"])
plot.save(figure, {str(tmp_path / "a.png")!r})
assert "matplotlib.pyplot" not in sys.modules
assert matplotlib.rcParams.copy() == before
"""
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, env=environment)
    assert (tmp_path / "a.png").stat().st_size > 1000
