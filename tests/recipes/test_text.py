from __future__ import annotations

import hashlib
import json
import math

import numpy as np
import pytest

from chainrule import train
from chainrule.recipes import RECIPES, read_run, train_text, write_run
from chainrule.recipes.ngram import fit_ngram
from chainrule.recipes.text import build_model, character_nats, load_data, order_of, write
from chainrule.recipes.text_config import TextConfig
from chainrule.recipes.writing import CarryReader, WindowReader, draw
from tests.recipes.tiny_text import LINE, TEXT, TINY, tiny_result

pytestmark = [
    pytest.mark.usefixtures("quick_compilation"),
    pytest.mark.slow,
]  # a whole training before the first of them


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "own.txt"
    path.write_text(TEXT, encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module", params=[pytest.param("gpt", marks=pytest.mark.slow), "char_rnn"])
def result(request, own):
    return tiny_result(request.param, own)


@pytest.fixture(scope="module")
def saved(result, tmp_path_factory):
    return read_run(write_run(result, tmp_path_factory.mktemp("runs") / "text"), kind="text")


def logits_of(result, x):
    """The logits of windows, at most 32 of them, float64[n, length, classes]: one shape for all, one program."""
    padded = np.zeros((32, x.shape[1]), np.int32)
    padded[: len(x)] = x
    run = result.run
    return np.asarray(train.predict(run.model, run.params, run.state, padded), np.float64)[: len(x)]


def test_it_learns_a_text_and_writes_it(result):
    text = result.source.text
    assert len(result.nats) == len(text.validation) - 1
    assert result.nats_per_character == pytest.approx(result.nats.mean())
    (unknown,) = np.flatnonzero(text.validation == text.unknown)
    assert result.nats[unknown - 1] > 3
    known = np.delete(result.nats, slice(unknown - 1, unknown + 2))
    assert known.mean() < 0.1
    # It begins after a line end, and this text says only one thing.
    assert len(result.sample) == 600
    assert result.sample.count(LINE) > 20


def test_it_is_judged_beside_n_grams_by_the_same_characters(result):
    text = result.source.text
    for smoothing in ("kneser-ney", "witten-bell"):
        model = fit_ngram(text.train, text.classes, order=5, smoothing=smoothing)
        assert result.baselines[smoothing] == model.nats_per_character(text.validation)
    _, rows = result.table()
    assert [row[0] for row in rows] == [result.config.model, "5-gram, Kneser-Ney", "5-gram, Witten-Bell"]
    nats = result.nats_per_character
    assert rows[0][1:] == [f"{nats:.4f}", f"{nats / math.log(2):.4f}"]


def test_its_nats_are_those_of_the_logits(result):
    text, run = result.source.text, result.run
    x, y, counted = text.evaluation_windows(16, context=8)
    logits = logits_of(result, x)
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    expected = -np.log(np.take_along_axis(p, y[..., None], -1)[..., 0])
    np.testing.assert_allclose(result.nats, expected[counted], rtol=1e-4, atol=1e-5)
    # More windows than are evaluated at once, and a number that is no multiple of it.
    many = np.tile(x, (3, 1))[:37], np.tile(y, (3, 1))[:37]
    found = character_nats(run.model, run.params, run.state, *many)
    np.testing.assert_allclose(found, np.tile(expected, (3, 1))[:37], rtol=1e-4, atol=1e-5)


def test_its_folder_holds_all_that_is_needed_to_write_on(result, saved, own):
    record = json.loads((saved.path / "config.json").read_text(encoding="utf-8"))
    content = TEXT.encode("utf-8")
    assert record["data"]["file"] == {
        "name": "own.txt",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert record["data"]["characters"] == "".join(sorted(set(LINE)))
    assert record["config"]["file"] == own
    results = record["results"]
    assert results["validation_nats_per_character"] == result.nats_per_character
    assert results["5_gram_kneser_ney_nats_per_character"] == result.baselines["kneser-ney"]
    assert (saved.path / "sample.txt").read_text(encoding="utf-8") == result.sample + "\n"
    for name in ("curves.png", "surprise.png"):
        assert (saved.path / name).read_bytes().startswith(b"\x89PNG")
    same = "".join(saved.write("", length=600, temperature=0.8))
    assert same == result.sample


def test_it_writes_on_past_its_window_and_after_a_prompt_that_is_longer(saved):
    after = LINE[5:] + LINE * 4
    for prompt in (LINE[:5], LINE + LINE[:5], LINE * 3 + LINE[:5]):
        assert "".join(saved.write(prompt, length=len(after), temperature=0)) == after
    assert "".join(saved.write(length=5, temperature=0)) == LINE[:5]


def test_the_seed_chooses_the_characters(saved):
    first, again, other = ("".join(saved.write("the", length=60, temperature=3.0, seed=seed)) for seed in (1, 1, 2))
    assert first == again != other
    # The id of unknown characters is never drawn, however flat the probabilities.
    assert set("".join(saved.write("the", length=300, temperature=100.0))) <= set(LINE)
    assert "".join(saved.write("the", length=20, temperature=100.0, top_k=1)) == (LINE * 3)[3:23]


@pytest.mark.parametrize(
    ("prompt", "options", "message"),
    [
        ("the Ω cat Ωé", {}, "has no 'Ω', 'é': leave them out of the prompt"),
        ("T", {}, "has no 'T': leave it out of the prompt"),
        ("\udcff", {}, r"has no '\\udcff'"),
        ("", {"length": 0}, "length must be a positive number of characters, got 0"),
        ("", {"temperature": -0.5}, "temperature must be at least 0 and finite, got -0.5"),
        ("", {"temperature": math.nan}, "temperature must be at least 0 and finite, got nan"),
        ("", {"temperature": math.inf}, "temperature must be at least 0 and finite, got inf"),
        ("", {"top_k": 0}, "top_k must be a positive number of characters, got 0"),
        ("", {"seed": -1}, "seed must be a whole number from 0, got -1"),
    ],
)
def test_what_cannot_be_written_is_refused_at_once(prompt, options, message):
    with pytest.raises(ValueError, match=message):
        write(TINY["gpt"], None, "".join(sorted(set(LINE))), prompt, **{"length": 9, **options})


def test_reading_on_says_what_the_whole_network_says(result, rng):
    """A GPT looks back over the window that the rule says, which slides by half; a char_rnn over all."""
    config, length = result.config, result.config.length
    is_gpt = config.model == "gpt"
    reader = (
        WindowReader(result.run.model, result.run.params, length)
        if is_gpt
        else CarryReader(build_model(config, 13, carry_batch=1), result.run.params)
    )
    shape = (20, 1) if is_gpt else (13, 1)
    reads = [[1, 2, 3], *rng.integers(0, 12, shape), *((rng.integers(0, 12, 5), [3], range(12), [4]) if is_gpt else ())]
    window, windows, found = [], [], []
    for ids in reads:
        if len(ids) == 1 and len(window) == length:
            window = window[length // 2 :]
        window = [*window, *ids][-length:]
        windows.append(window)
        found.append(reader.read(np.asarray(ids, np.int32)))
    padded = np.zeros((len(windows), length), np.int32)
    for row, window in zip(padded, windows, strict=True):
        row[: len(window)] = window
    expected = logits_of(result, padded)[np.arange(len(windows)), [len(window) - 1 for window in windows]]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_draws_follow_the_probabilities():
    logits = np.array([0.5, 2.0, -np.inf, 2.0, -1.0])
    rng = np.random.default_rng(3)
    for temperature, top_k in ((1.0, None), (0.5, None), (2.0, 3)):
        counts = np.bincount(
            [draw(logits, rng, temperature=temperature, top_k=top_k) for _ in range(6000)], minlength=5
        )
        p = np.exp(logits / temperature) * (np.array([1, 1, 0, 1, top_k is None]))
        np.testing.assert_allclose(counts / 6000, p / p.sum(), atol=0.02)
    assert counts[2] == counts[4] == 0
    assert draw(logits, rng, temperature=0) == 1
    assert {draw(logits, rng, temperature=1e-320) for _ in range(40)} == {1, 3}
    assert {draw(logits, rng, temperature=1e300, top_k=1) for _ in range(9)} == {1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "lstm"}, "model must be 'gpt' or 'char_rnn', got 'lstm'"),
        ({"length": 0}, "length must be a positive integer, got 0"),
        ({"stride": 1.5}, "stride must be a positive integer, got 1.5"),
        ({"data": "mnist"}, "data must be 'python-reference' or 'file', got 'mnist'"),
        ({"data": "file"}, "data 'file' needs the path of a text in file, got None"),
        ({"file": 3}, "file must be the path of a text, or None, got 3"),
        ({"dropout": math.nan}, "dropout must be a finite number, got nan"),
    ],
)
def test_settings_that_no_training_could_take(change, message):
    with pytest.raises(ValueError, match=message):
        TINY["gpt"].changed(**change)


def test_a_file_is_what_is_read(own):
    config = TINY["gpt"].changed(file=own)
    assert isinstance(config, TextConfig)
    assert config.data == "file"
    assert load_data(config).text.name == "own"
    reference = load_data(TINY["gpt"])
    assert reference.text.name == "python-reference"
    assert reference.file is None


def test_a_text_of_very_many_characters_is_judged_by_shorter_n_grams():
    assert [order_of(classes) for classes in (101, 6208, 6209, 55108, 55109)] == [5, 5, 4, 4, 3]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "epochs"), [("gpt", 1), ("char_rnn", 1)])
def test_the_recipes_soon_beat_counting_single_characters_and_pairs(name, epochs):
    result = train_text(RECIPES["text"][name].changed(epochs=epochs), progress=False)
    text = result.source.text
    pairs = fit_ngram(text.train, text.classes, order=2).nats_per_character(text.validation)
    assert result.nats_per_character < pairs - 0.3
