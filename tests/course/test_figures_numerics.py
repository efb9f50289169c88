import jax
import numpy as np
import pytest
from matplotlib.text import Text

from chainrule.course import precision
from chainrule.course.figures import numerics

from ..plot.helpers import overlaps, texts


def test_float_bits():
    figure = numerics.float_bits()
    bits = "".join(text for text in texts(figure) if text in ("0", "1"))
    assert len(bits) == 64 + 32 + 16 + 16
    assert bits[64:96] == f"{np.float32(0.1).view('uint32'):032b}"
    assert bits[-16:] == f"{np.float16(0.1).view('uint16'):016b}"
    assert "= 0.0999755859375" in texts(figure)
    assert overlaps(figure, ["float64", "= 0.1", "sign", "exponent", "mantissa", "filled"]) == []


@pytest.mark.slow
def test_summation_error():
    figure = numerics.summation_error()
    (axes,) = figure.axes
    drawn = [np.asarray(line.get_xydata())[:, 1] for line in axes.get_lines() if line.get_marker() == "o"]
    sequential, pairwise, kahan = drawn
    assert np.all(kahan <= 2.0**-24)
    assert np.all(pairwise <= np.log2(2**15) * 2.0**-24)
    assert sequential[-1] > 20 * kahan[-1]
    assert overlaps(figure, ["one after", "pairwise", "Kahan"]) == []


@pytest.mark.slow
def test_naive_and_stable():
    figure = numerics.naive_and_stable()
    written = " ".join(texts(figure))
    # The largest float32 is exp(88.72); sigmoid underflows past -87.34, the smallest normal number's logarithm.
    assert "inf above 88.5" in written
    assert "-inf below -87" in written or "-inf below -88" in written


@pytest.fixture(scope="module")
def runs():
    return precision.training_by_precision()


@pytest.mark.slow
def test_bfloat16_loses_updates_and_a_float32_master_keeps_them(runs):
    by_format = {run.format: run for run in runs}
    assert list(by_format) == ["float64", "float32", "float16", "bfloat16", "bfloat16, float32 master"]
    for run in runs:
        assert len(run.loss) == len(run.accuracy) == len(run.lost) + 1 == 301
        np.testing.assert_allclose(run.loss[0], runs[0].loss[0], rtol=1e-3)
    last = {name: float(run.loss[-1]) for name, run in by_format.items()}
    np.testing.assert_allclose(last["float32"], last["float64"], rtol=1e-4)
    np.testing.assert_allclose(last["float16"], last["float64"], rtol=1e-2)
    np.testing.assert_allclose(last["bfloat16, float32 master"], last["float64"], rtol=1e-2)
    assert last["bfloat16"] > 1.4 * last["float64"]
    lost = {name: run.lost[-20:].mean() for name, run in by_format.items()}
    assert lost["float64"] == 0
    assert lost["float32"] < 0.02
    assert lost["bfloat16"] > 0.7
    assert 0.2 < lost["float16"] < 0.4
    assert lost["bfloat16, float32 master"] < 0.02
    assert not jax.config.jax_enable_x64


@pytest.mark.slow
def test_precision_curves(runs, monkeypatch):
    monkeypatch.setattr(numerics, "training_by_precision", lambda: runs)
    figure = numerics.precision_curves()
    labels = [text for text in figure.findobj(Text) if "float" in text.get_text()]
    assert len(labels) == 5
    assert overlaps(figure, ["float64:", "float32:", "float16:", "bfloat16", "step", "format"]) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"learning_rate": -1.0}, "learning_rate must be positive, got -1.0"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=f"^training_by_precision: {message}"):
        precision.training_by_precision(**change)
