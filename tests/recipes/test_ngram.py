import math

import numpy as np
import pytest

from chainrule import data
from chainrule.recipes.ngram import fit_ngram

TINY = "abracadabra alakazam"
LETTERS = "".join(sorted(set(TINY)))
IDS = np.array([LETTERS.index(letter) for letter in TINY], np.int32)
CLASSES = len(LETTERS) + 1  # the last id never occurs
SMOOTHINGS = ["kneser-ney", "witten-bell"]


def occurrences(text, gram):
    return sum(text[i : i + len(gram)] == gram for i in range(len(text) - len(gram) + 1))


def all_grams(text, n):
    return {text[i : i + n] for i in range(len(text) - n + 1)}


def witten_bell(text, letter, context):
    """The definition, read off the text letter by letter; every id is a letter here."""
    if context is None:
        return 1 / CLASSES
    shorter = witten_bell(text, letter, context[1:] if context else None)
    followers = {gram[-1] for gram in all_grams(text, len(context) + 1) if gram[:-1] == context}
    if not followers:
        return shorter
    total = sum(occurrences(text, context + follower) for follower in followers)
    return (occurrences(text, context + letter) + len(followers) * shorter) / (total + len(followers))


def kneser_ney(text, letter, context, order):
    if context is None:
        return 1 / CLASSES
    shorter = kneser_ney(text, letter, context[1:] if context else None, order)
    n = len(context) + 1

    def count(gram):
        if n == order:
            return occurrences(text, gram)
        return len({longer[0] for longer in all_grams(text, n + 1) if longer[1:] == gram})

    counts = [count(gram) for gram in all_grams(text, n)]
    once, twice = counts.count(1), counts.count(2)
    discount = once / (once + 2 * twice) if once and twice else 0.5
    followers = [f for f in sorted(set(text)) if count(context + f)]
    total = sum(count(context + follower) for follower in followers)
    if not total:
        return shorter
    seen = count(context + letter)
    return (max(seen - discount, 0) + discount * len(followers) * shorter) / total


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_equals_the_definition_read_off_the_text(smoothing, order):
    model = fit_ngram(IDS, CLASSES, order=order, smoothing=smoothing)
    for context in ("", "a", "br", "abra", "adab", "zzz", "kza", "alakazam"):
        found = model.distribution([LETTERS.index(letter) for letter in context])
        used = context[max(0, len(context) - order + 1) :]
        for number, letter in enumerate([*LETTERS, "?"]):
            if smoothing == "witten-bell":
                expected = witten_bell(TINY, letter, used)
            else:
                expected = kneser_ney(TINY, letter, used, order)
            assert math.isclose(found[number], expected, rel_tol=1e-13), (context, letter)


def test_witten_bell_by_hand():
    # After "aab" of two letters and one unseen id: c(a) = 2, c(b) = 1, so N = 2 and p(a) = (2 + 2/3) / 5.
    model = fit_ngram([0, 0, 1], 3, order=2, smoothing="witten-bell")
    unigram = np.array([8 / 15, 1 / 3, 2 / 15])
    np.testing.assert_allclose(model.distribution([]), unigram, rtol=1e-15)
    # "a" is followed by "a" once and by "b" once: (1 + 2 p) / 4. Nothing follows "b".
    np.testing.assert_allclose(model.distribution([0]), (np.array([1, 1, 0]) + 2 * unigram) / 4, rtol=1e-15)
    np.testing.assert_allclose(model.distribution([1]), unigram, rtol=1e-15)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_is_a_distribution_after_any_context(smoothing, rng):
    ids = rng.integers(0, 7, 400) * rng.integers(0, 2, 400)
    model = fit_ngram(ids, 9, order=4, smoothing=smoothing)
    for length in (0, 1, 2, 3, 6):
        for _ in range(20):
            p = model.distribution(rng.integers(0, 9, length))
            assert p.shape == (9,)
            assert p.min() > 0
            assert abs(p.sum() - 1) < 1e-12


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_a_text_is_scored_character_by_character(smoothing, rng):
    model = fit_ngram(IDS, CLASSES, order=4, smoothing=smoothing)
    text = rng.integers(0, CLASSES, 30)
    expected = [np.log(model.distribution(text[max(0, i - 3) : i])[text[i]]) for i in range(30)]
    np.testing.assert_allclose(model.log_probabilities(text), expected, rtol=1e-13)
    assert model.nats_per_character(text) == pytest.approx(-np.mean(expected[1:]), rel=1e-13)
    # Shorter than the order, and nothing at all.
    np.testing.assert_allclose(model.log_probabilities(text[:2]), expected[:2], rtol=1e-13)
    assert model.log_probabilities([]).shape == (0,)


def test_order_one_of_random_ids_is_their_entropy():
    ids = np.tile([0, 0, 0, 1], 5000)
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert fit_ngram(ids, 2, order=1, smoothing="witten-bell").nats_per_character(ids) == pytest.approx(
        entropy, abs=1e-3
    )


def test_on_the_reference_texts_kneser_ney_beats_witten_bell_and_context_helps():
    text = data.text()
    train = text.train[:120_000]
    nats = {
        (smoothing, order): fit_ngram(train, text.classes, order=order, smoothing=smoothing).nats_per_character(
            text.validation
        )
        for smoothing in SMOOTHINGS
        for order in (3, 5)
    }
    assert nats["kneser-ney", 5] < nats["kneser-ney", 3] - 0.2
    assert nats["kneser-ney", 5] < nats["witten-bell", 5] - 0.05
    assert 1 < nats["kneser-ney", 5] < nats["witten-bell", 3] < 2.6


@pytest.mark.parametrize(
    ("ids", "classes", "options", "message"),
    [
        (IDS, CLASSES, {"smoothing": "laplace"}, "smoothing must be 'kneser-ney' or 'witten-bell', got 'laplace'"),
        (IDS, CLASSES, {"order": 0}, "order must be a positive whole number, got 0"),
        (IDS, CLASSES, {"order": 2.0}, "order must be a positive whole number, got 2.0"),
        (IDS, 0, {}, "classes must be a positive whole number, got 0"),
        (IDS, CLASSES, {"order": 30}, r"order must be such that classes\^order fits 63 bits, got \d+\^30"),
        (IDS[:4], CLASSES, {}, "ids must be at least 5 characters for order 5, got 4"),
        (IDS, 4, {}, r"ids must be from 0 to 3, got \d+ at ids\[\d+\]"),
        (-IDS, CLASSES, {}, r"ids must be from 0 to \d+, got -"),
        (IDS.astype(float), CLASSES, {}, r"ids must be a vector of integers, got float64\[20\]"),
        (IDS[None], CLASSES, {}, r"ids must be a vector of integers, got int32\[1, 20\]"),
    ],
)
def test_bad_input_is_named(ids, classes, options, message):
    with pytest.raises(ValueError, match=f"^fit_ngram: {message}"):
        fit_ngram(ids, classes, **options)


def test_bad_queries_are_named():
    model = fit_ngram(IDS, CLASSES)
    with pytest.raises(ValueError, match=r"^distribution: context must be from 0 to \d+, got 99 at context\[1\]"):
        model.distribution([0, 99])
    with pytest.raises(ValueError, match=r"^nats_per_character: ids must be at least two characters, got 1"):
        model.nats_per_character([0])
