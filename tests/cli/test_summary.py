from __future__ import annotations

import json

import pytest

from chainrule import chain, layers, models, ops
from chainrule.cli.summary import MODELS, available

LAYER = chain(layers.Dense(3), ops.tanh)
NO_LAYER = 3


def maker(width=4):
    return chain(layers.Dense(width))


def greedy(width):
    return maker(width)


def test_every_model_has_its_place_in_the_table():
    public = {name for name in models.__all__ if name in ("lenet", "resnet", "autoencoder", "char_rnn", "gpt", "mlp")}
    assert public <= set(available()) <= set(MODELS)


@pytest.mark.parametrize("name", available())
def test_named_models_are_summarised(run, name):
    code, out, err = run("summary", name, "--batch", 2, "--json")
    assert (code, err) == (0, "")
    rows = json.loads(out)["rows"]
    assert rows[0]["level"] == 0
    assert rows[0]["parameters"] > 0
    assert rows[0]["out_shape"][0] == 2
    assert len(rows) > 1


def test_the_table(run):
    code, out, err = run("summary", "mlp", "--shape", "8x8x1")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "x: float32 1x8x8x1"
    assert lines[4].split()[:3] == ["Chain", "1x10", f"{65 * 256 + 257 * 10:,}"]
    assert [line.split()[0] for line in lines[5:]] == ["flatten", "Dense(256)", "relu", "Dense(10)"]


@pytest.mark.parametrize(
    ("target", "name"),
    [(f"{__name__}:LAYER", "Chain"), (f"{__name__}:maker", "Chain"), ("chainrule.ops:tanh", "tanh")],
)
def test_a_model_of_ones_own(run, target, name):
    code, out, _ = run("summary", target, "--shape", "5,2", "--json")
    assert code == 0
    assert json.loads(out)["rows"][0]["name"] == name
    assert json.loads(out)["in_shape"] == [1, 5, 2]


def test_a_file_in_the_folder(run, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from chainrule import chain, layers\n\ndef model():\n    return chain(layers.Dense(2))\n"
    )
    code, out, _ = run("summary", "mine.py:model", "--shape", "3")
    assert code == 0
    assert "Dense(2)" in out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["mpl"], 1, "there is no model 'mpl'; there are perceptron, mlp"),
        (["mlp", "--shape", "8xa"], 2, "--shape must be positive integers such as 28x28x1, got '8xa'."),
        (["mlp", "--batch", "0"], 2, "0 is not in the range"),
        ([f"{__name__}:LAYER"], 2, "needs the --shape of one example"),
        ([f"{__name__}:NO_LAYER", "--shape", "3"], 1, "must be a layer or a function that makes one, got int"),
        ([f"{__name__}:greedy", "--shape", "3"], 1, "must make a model without arguments, it takes width"),
        ([f"{__name__}:LAYRE", "--shape", "3"], 1, "has no 'LAYRE'; did you mean LAYER"),
        (["nowhere:model", "--shape", "3"], 1, "cannot import nowhere"),
        (["a b:model", "--shape", "3"], 2, "MODEL must be package.module:model or path/to/file.py:model"),
        (["chainrule.ops:affine", "--shape", "3"], 1, "only a rule of one array can be a layer"),
    ],
)
def test_bad_input_is_one_line(fails, arguments, code, words):
    found, err = fails("summary", *arguments)
    assert found == code
    assert words in err
