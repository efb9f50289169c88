"""Training on a stream: the numbers of ``fit`` however it is cut, one program, bounded memory, and errors at the door."""

import functools
import threading
import time

import jax
import numpy as np
import pytest

from chainrule import chain, data, layers, losses, models, optim, train
from chainrule.train.batches import shuffle
from chainrule.train.pieces import pieces
from chainrule.train.stream import _train_on_piece

pytestmark = pytest.mark.usefixtures("quick_compilation")

COUNT, BATCH, FEATURES = 70, 16, 5  # four batches, and six examples left over
MODEL = models.mlp((4, 3))
KEY = jax.random.key(0)


@functools.cache
def examples():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(COUNT, FEATURES)).astype(np.float32)
    return x, (x[:, :2] @ [[1, -1, 0], [0, 1, 1]]).argmax(axis=1)


def order_of(epoch):
    """The order in which ``fit`` takes the examples, given KEY."""
    shuffle_key, *_ = jax.random.split(jax.random.fold_in(jax.random.split(KEY)[1], epoch), 3)
    return np.asarray(shuffle(shuffle_key, COUNT))


def source(cuts=()):
    """The examples in the order of ``fit``, cut in chunks at these places."""

    def chunks_of(epoch):
        for rows in np.split(order_of(epoch), cuts):
            yield tuple(part[rows] for part in examples())

    return chunks_of


def stream(chunks_of, model=MODEL, **options):
    """By default in pieces of 32 examples, so that one program serves most of the tests."""
    options = {"epochs": 2, "key": KEY, "batch_size": BATCH, "chunk_rows": 30, **options}
    optimizer = optim.adam(options.pop("learning_rate", 1e-2))
    return train.fit_stream(model, losses.cross_entropy, optimizer, chunks_of, **options)


def fit(model=MODEL, **options):
    options = {"epochs": 2, "key": KEY, "batch_size": BATCH, **options}
    return train.fit(model, losses.cross_entropy, optim.adam(1e-2), examples(), **options)


def assert_agree(found, expected):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), found.train_state, expected.train_state
    )
    assert list(found.history) == list(expected.history)
    for name, values in expected.history.items():
        assert found.history[name] == pytest.approx(values, rel=1e-5), name


def assert_same_bits(found, expected):
    jax.tree.map(np.testing.assert_array_equal, found.train_state, expected.train_state)
    assert found.history == expected.history


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]


@pytest.mark.slow
def test_gives_the_numbers_of_fit_however_it_is_cut():
    whole = stream(source())
    assert_agree(whole, fit())
    assert int(whole.train_state.epoch) == whole.best_epoch == 2
    programs = _train_on_piece._cache_size()
    for cuts in ([1], [13, 13, 50], [32, 64], range(COUNT)):
        assert_same_bits(stream(source(cuts)), whole)
    assert _train_on_piece._cache_size() == programs


@pytest.mark.slow
def test_one_chunk_with_validation_gives_the_numbers_of_fit():
    held_out = tuple(part[:20] for part in examples())
    assert_agree(stream(source(), chunk_rows=None, validation=held_out), fit(validation=held_out))


def test_masked_rows_do_not_count():
    def masked(epoch):
        x, y = (part[order_of(epoch)] for part in examples())
        wrong = np.full((5, FEATURES), np.nan, np.float32), np.full(5, 99)
        yield np.concatenate([wrong[0], x]), np.concatenate([wrong[1], y]), np.arange(COUNT + 5) >= 5

    assert_same_bits(stream(masked), stream(source()))


def test_continued_and_watched_it_is_the_same():
    seen = []
    whole = stream(source(), callback=lambda epoch, metrics, _: seen.append((epoch, metrics["loss"])))
    assert seen == list(zip([1, 2], whole.history["loss"], strict=True))
    begun = stream(source(), epochs=1)
    continued = stream(source(), train_state=begun.train_state)
    jax.tree.map(np.testing.assert_array_equal, continued.train_state, whole.train_state)
    assert continued.history["loss"] == whole.history["loss"][1:]
    from_params = stream(source(), epochs=1, params=stream(source(), epochs=1, key=KEY).params)
    assert from_params.history["loss"][0] < whole.history["loss"][0]


def test_stops_early_with_the_best_parameters():
    kept = {}

    def keep(epoch, metrics, train_state):
        kept[epoch] = metrics["loss"], jax.tree.map(np.array, train_state.params)

    run = stream(
        source(),
        epochs=6,
        early_stopping=train.EarlyStopping(patience=1, monitor="loss", min_delta=0.05),
        callback=keep,
    )
    best = run.best_epoch
    assert len(kept) == best + 1 < 6
    assert kept[best][0] - kept[best + 1][0] <= 0.05
    jax.tree.map(np.testing.assert_array_equal, run.params, kept[best][1])


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"augment": True}], ids=["batch norm", "augmented"])
def test_where_a_mask_would_be_wrong_the_last_batch_has_its_own_size(options):
    model = MODEL if options else chain(layers.Dense(4, bias=False), layers.BatchNorm(), layers.Dense(3))
    options = {"augment": mixed} if options else {}
    assert_agree(stream(source([13]), model=model, **options), fit(model=model, **options))


def mixed(key, x, y):
    return data.mixup(key, x, y, alpha=1.0, classes=3)


def test_no_more_than_two_pieces_are_on_the_device(monkeypatch):
    pieces_live: list[int] = []

    def live():
        return sum(array.shape == (32, FEATURES) for array in jax.live_arrays())

    def watched(*args, **kwargs):
        deadline = time.monotonic() + (10 if len(pieces_live) == 3 else 0.005)
        while live() < 2 and time.monotonic() < deadline:  # the thread gets on
            time.sleep(0.001)
        pieces_live.append(live())
        return _train_on_piece(*args, **kwargs)

    monkeypatch.setattr("chainrule.train.stream._train_on_piece", watched)
    x, y = (np.concatenate([part] * 3) for part in examples())
    stream(lambda epoch: data.chunks(x, y, 32, key=jax.random.fold_in(KEY, epoch)))
    assert len(pieces_live) == 1 + 2 * 7  # once to compile, and seven pieces an epoch
    assert max(pieces_live) == 2


def test_pieces_fill_up_with_copies_of_an_example():
    parts = [(np.arange(5.0)[:, None], np.arange(5)), (np.arange(5.0, 7.0)[:, None], np.arange(5, 7))]
    (first, _, full), (second, labels, count) = pieces(iter(parts), 4, 2, fill=True)
    assert (full, count) == (4, 3)
    np.testing.assert_array_equal(first[:, 0], [0, 1, 2, 3])
    np.testing.assert_array_equal(second[:, 0], [4, 5, 6, 6])
    np.testing.assert_array_equal(labels, [4, 5, 6, 6])
    counts = [(len(x), count) for x, _, count in pieces(iter(parts), 4, 2, fill=False)]
    assert counts == [(4, 4), (4, 2), (1, 1)]


def with_third(x=None, y=None, mask=None):
    """A source whose third chunk is another."""
    good = tuple(part[:8] for part in examples())
    third = (good[0] if x is None else x, good[1] if y is None else y)
    return lambda epoch: [good, good, third if mask is None else (*third, mask)]


def once():
    chunks = iter([examples()])
    return lambda epoch: chunks


def broken(epoch):
    yield examples()
    raise OSError("the disk is gone")


@pytest.mark.parametrize(
    ("chunks_of", "options", "message"),
    [
        ([], {}, "source must be a function that gives the chunks of an epoch, lambda epoch: ..., got list"),
        (lambda epoch: None, {}, r"source must give chunks to go through, source\(0\) gave NoneType"),
        (lambda epoch: [], {}, r"source must give at least one example an epoch, source\(0\) gave none"),
        (once(), {}, r"source\(1\) gave none; it must give all chunks anew"),
        (lambda epoch: [np.ones(3)], {}, r"chunk 1 of epoch 1: it must be a pair \(x, y\).* got float64\[3\]"),
        (lambda epoch: [([1.0], [2.0])], {}, "chunk 1 of epoch 1: x must be an array with one row an example"),
        (with_third(y=np.zeros(7, int)), {}, "chunk 3 of epoch 1: x and y must have as many examples, got 8 and 7"),
        (with_third(y=np.full(8, 3)), {}, "chunk 3 of epoch 1: y must be of labels from 0 to 2, got 3"),
        (with_third(x=np.full((8, 5), np.nan, np.float32)), {}, "chunk 3 of epoch 1: x must be finite"),
        (with_third(x=np.ones((8, 6), np.float32)), {}, r"chunk 3 of epoch 1: x must have .*\[5\].* got float32\[6\]"),
        (
            with_third(x=np.ones((8, 5), np.float16)),
            {},
            "chunk 3 of epoch 1: x must have examples float32.* got float16",
        ),
        (with_third(mask=np.ones(8)), {}, r"chunk 3 of epoch 1: mask must be bool\[8\], one an example, got float64"),
        (lambda epoch: [(np.ones((8, 5), int), np.zeros(8, int))], {}, "the first chunk: x must be of floating-point"),
        (source(), {"epochs": 0}, "epochs must be a positive whole number, got 0"),
        (source(), {"batch_size": None}, "batch_size must be a positive whole number, got None"),
        (source(), {"chunk_rows": 0}, "chunk_rows must be a positive whole number, got 0"),
        (source(), {"gradients": "magic"}, "gradients must be 'hand' or 'autodiff'"),
        (source(), {"train_state": 3}, "train_state must be that of a run"),
        (source(), {"validation": (np.ones((8, 6), np.float32), np.zeros(8, int))}, "validation data: x must have"),
        (source(), {"early_stopping": train.EarlyStopping(1)}, "monitor must be one of loss, accuracy, got 'valid"),
        (source(), {"key": 0}, "key must be a single random key"),
    ],
)
def test_refuses(chunks_of, options, message):
    with pytest.raises(ValueError, match=message):
        stream(chunks_of, **options)


def test_an_error_of_the_source_comes_as_it_is():
    with pytest.raises(OSError, match="the disk is gone"):
        stream(broken)


def test_a_loss_that_is_not_finite_is_warned_of():
    with pytest.warns(UserWarning, match="the loss is not finite from epoch 1 on"):
        stream(source(), learning_rate=1e38)


@pytest.mark.slow
def test_reads_a_grain_loader():
    grain = pytest.importorskip("grain")
    x, y = examples()
    rows = grain.MapDataset.source([(x[i], y[i]) for i in range(COUNT)])
    loader = stream(lambda epoch: rows.to_iter_dataset().batch(9))
    assert_same_bits(loader, stream(lambda epoch: [(x, y)]))
    run = stream(lambda epoch: rows.shuffle(seed=epoch).to_iter_dataset().batch(9), epochs=4)
    assert run.history["loss"][-1] < run.history["loss"][0]
