import sys

import numpy as np
import pytest

from chainrule import data
from chainrule.data.text import Text, split_topics


@pytest.fixture(scope="module")
def reference():
    return data.text()


@pytest.fixture
def small():
    ids = np.arange(11, dtype=np.int32) % 4
    return Text("small", "abcd", ids, ids[:8], "Nothing.", "Nobody")


def test_the_reference_texts(reference):
    assert len(reference.train) > 250_000
    share = len(reference.validation) / (len(reference.train) + len(reference.validation))
    assert 0.05 < share < 0.15
    assert reference.train.dtype == reference.validation.dtype == np.int32
    assert reference.characters == "".join(sorted(set(reference.characters)))
    assert set(reference.train.tolist()) == set(range(len(reference.characters)))
    assert reference.classes == len(reference.characters) + 1 == reference.unknown + 1
    assert reference.validation.max() <= reference.unknown
    assert f"Python {sys.version.split()[0]}" in reference.source
    assert "PSF License" in reference.source
    assert repr(reference).startswith("Text(python-reference: ")
    english = reference.decode(reference.train)
    assert english.count(" the ") > 2000
    assert "def " in english


def test_the_held_out_part_is_not_in_the_training_part(reference):
    train, held_out = reference.decode(reference.train), reference.decode(reference.validation)
    heard = {train[i : i + 40] for i in range(len(train))}
    starts = range(0, len(held_out) - 40, 7)
    assert sum(held_out[i : i + 40] in heard for i in starts) / len(starts) < 0.03


def test_loading_again_gives_the_same(reference):
    again = data.text()
    np.testing.assert_array_equal(again.train, reference.train)
    np.testing.assert_array_equal(again.validation, reference.validation)


def test_repeated_topics_are_left_out_and_every_tenth_is_held_out():
    topics = {f"t{i:02}": f"Topic number {i}.\n\nIts own words: {'x' * (40 - i)}{i}.\n" for i in range(20)}
    topics["all"] = "\n\n".join(topics[f"t{i:02}"].replace(" ", "\n  ") for i in (1, 2, 3))
    train, held_out = split_topics(topics)
    # From long to short: all, t00, t04, t05, t06, ...; t01 to t03 stand in "all", wrapped otherwise.
    assert held_out == "\n".join(topics[name] for name in ("t06", "t16"))
    names = ["all", "t00", *(f"t{i:02}" for i in range(4, 20) if i not in (6, 16))]
    assert train == "\n".join(topics[name] for name in names)


@pytest.mark.parametrize(("new", "kept"), [(4, False), (6, True)])
def test_a_topic_that_is_more_than_half_repeated_is_left_out(new, kept):
    repeated = "f" * (10 - new)
    train, held_out = split_topics({"long": "a" * 20 + "\n\n" + repeated, "short": repeated + "\n\n" + "e" * new})
    assert held_out == ""
    assert ("e" in train) is kept


def test_a_python_without_the_texts_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"this Python carries no reference texts .*data\.text\('file\.txt'\)"
    ):
        data.text()


def test_encode_and_decode(small):
    ids = small.encode("dab?c")
    np.testing.assert_array_equal(ids, [3, 0, 1, 4, 2])
    assert ids.dtype == np.int32
    assert small.decode(ids) == "dab\ufffdc"
    assert small.encode("").shape == (0,)
    assert small.decode([]) == ""
    assert small.encode("\udc80\U0001f600 ").tolist() == [4, 4, 4]


def test_every_text_comes_back(reference):
    sample = reference.decode(reference.train[5000:6000])
    np.testing.assert_array_equal(reference.encode(sample), reference.train[5000:6000])


def test_windows_by_hand(small):
    x, y = small.windows(3)
    np.testing.assert_array_equal(x, [[0, 1, 2], [3, 0, 1], [2, 3, 0]])
    np.testing.assert_array_equal(y, [[1, 2, 3], [0, 1, 2], [3, 0, 1]])
    assert x.dtype == y.dtype == np.int32
    x, y = small.windows(6, "validation", stride=1)
    np.testing.assert_array_equal(x, [[0, 1, 2, 3, 0, 1], [1, 2, 3, 0, 1, 2]])
    np.testing.assert_array_equal(y, [[1, 2, 3, 0, 1, 2], [2, 3, 0, 1, 2, 3]])
    assert len(small.windows(10)[0]) == 1


@pytest.mark.parametrize(("length", "context"), [(1, 0), (3, 0), (5, 0), (10, 0), (3, 2), (4, 1), (6, 3), (9, 8)])
def test_each_character_is_counted_once(length, context):
    ids = np.arange(11, dtype=np.int32)  # all different: a target says where it stands
    text = Text("", "", ids, ids, "", "")
    x, y, counted = text.evaluation_windows(length, context=context)
    assert x.shape == y.shape == counted.shape
    assert x.shape[1] == length
    np.testing.assert_array_equal(y, x + 1)
    np.testing.assert_array_equal(np.diff(x, axis=1), 1)
    assert sorted(y[counted].tolist()) == list(range(1, 11))
    first = counted.argmax(axis=1)
    assert first[0] == 0
    assert (first[1:] >= context).all()


def test_a_window_more_than_needed_is_not_made():
    ids = np.arange(11, dtype=np.int32)
    text = Text("", "", ids, ids, "", "")
    assert len(text.evaluation_windows(5)[0]) == 2
    assert len(text.evaluation_windows(4)[0]) == 3
    assert len(text.evaluation_windows(10)[0]) == 1


def test_a_file_of_ones_own(tmp_path):
    path = tmp_path / "poem.txt"
    path.write_bytes("\N{BYTE ORDER MARK}Ünder the sea,\r\nunder the sea!\nß".encode())
    text = data.text(path)
    whole = "Ünder the sea,\nunder the sea!\nß"
    assert text.name == "poem"
    assert text.decode(text.train) == whole[:27]
    assert text.decode(text.validation) == "a\ufffd\n\ufffd"  # no "!" and no "ß" to learn from
    assert "Ü" in text.characters
    assert data.text(str(path)).characters == text.characters


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must have at least 20 characters, got 0"),
        (b"short", "must have at least 20 characters, got 5"),
        (b"a" * 30, "must have at least 2 distinct characters to learn from, got only 'a'"),
        (b"caf\xe9 and a few words more than that", "must be text in UTF-8, got the byte 0xe9 at byte 3"),
        ("in another encoding".encode("utf-16"), "got a NUL byte at byte 3: is it binary, or UTF-16?"),
    ],
)
def test_a_bad_file_is_named(tmp_path, content, message):
    path = tmp_path / "bad.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^text: .*bad\.txt' ") as caught:
        data.text(path)
    assert message in str(caught.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"^text: path must be a text file, got .*none\.txt', which does not exist"
    ):
        data.text(tmp_path / "none.txt")
    with pytest.raises(ValueError, match=r"^text: path must be a text file, got the folder"):
        data.text(tmp_path)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.windows(11), "windows: length must be less than the 11 characters of the train part, got 11"),
        (lambda t: t.windows(8, "validation"), "length must be less than the 8 characters of the validation part"),
        (lambda t: t.windows(0), "length must be a positive whole number of characters, got 0"),
        (lambda t: t.windows(2.0), "length must be a positive whole number of characters, got 2.0"),
        (lambda t: t.windows(2, stride=0), "stride must be a positive whole number of characters, got 0"),
        (lambda t: t.windows(2, "test"), "part must be 'train' or 'validation', got 'test'"),
        (lambda t: t.evaluation_windows(8), "length must be less than the 8 characters of the validation part"),
        (lambda t: t.evaluation_windows(3, context=3), "context must be a whole number from 0 to 2, got 3"),
        (lambda t: t.encode(b"a"), "text must be a string, got bytes"),
        (lambda t: t.decode([0, 5]), r"ids must be from 0 to 4, got 5 at ids\[1\]"),
        (lambda t: t.decode([[0]]), r"ids must be a vector of integers, got int64\[1, 1\]"),
        (lambda t: t.decode([0.5]), r"ids must be a vector of integers, got float64\[1\]"),
    ],
)
def test_bad_arguments_are_named(small, call, message):
    with pytest.raises(ValueError, match=message):
        call(small)
