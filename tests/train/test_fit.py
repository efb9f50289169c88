"""Whole runs: the same bits however they are cut, hand against autodiff, early stopping, and errors at the door."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from chainrule import chain, data, layers, losses, models, ops, optim, train
from chainrule.layer import Layer
from chainrule.train.epochs import run_epochs_in_place

pytestmark = pytest.mark.usefixtures("quick_compilation")


@functools.cache
def digits():
    return data.digits()


def small(count=150):
    (x, y), (test_x, test_y) = digits().train, digits().test
    return (x[:count], y[:count]), (test_x[:40], test_y[:40])


def fit(epochs=3, seed=0, model=None, **options):
    training, validation = small()
    options.setdefault("validation", validation)
    options.setdefault("batch_size", 32)
    return train.fit(
        model or models.mlp((8, 10)),
        options.pop("loss", losses.cross_entropy),
        options.pop("optimizer", optim.adam(3e-3)),
        options.pop("data", training),
        epochs=epochs,
        key=jax.random.key(seed),
        **options,
    )


def assert_same_bits(first, second):
    jax.tree.map(np.testing.assert_array_equal, first.train_state, second.train_state)
    assert first.history == second.history


def test_the_same_bits_in_one_program_epoch_by_epoch_and_continued():
    whole = fit()
    seen = []
    watched = fit(callback=lambda epoch, metrics, train_state: seen.append((epoch, metrics["loss"])))
    assert_same_bits(whole, watched)
    assert seen == list(zip([1, 2, 3], whole.history["loss"], strict=True))

    begun = fit(epochs=1)
    continued = fit(train_state=begun.train_state)
    jax.tree.map(np.testing.assert_array_equal, whole.train_state, continued.train_state)
    assert whole.history["loss"][1:] == continued.history["loss"]
    int(begun.train_state.epoch)  # what was handed in is still there: fit trains a copy


def test_the_key_decides():
    assert_same_bits(fit(), fit())
    assert fit(epochs=1).history != fit(epochs=1, seed=1).history


def test_nothing_compiles_the_second_time():
    fit()
    before = run_epochs_in_place._cache_size()
    fit(model=models.mlp((8, 10)), optimizer=optim.adam(1e-2), seed=3)
    fit(model=models.mlp((8, 10)), optimizer=optim.adam(1e-2), callback=lambda *_: None)
    assert run_epochs_in_place._cache_size() == before
    fit(model=models.mlp((9, 10)), epochs=1)
    assert run_epochs_in_place._cache_size() == before + 1  # the counter counts


@pytest.mark.slow
def test_hand_and_autodiff_train_alike():
    training, validation = digits().train, digits().test
    common = {"epochs": 3, "batch_size": 64, "key": jax.random.key(0)}
    model = models.mlp((32, 10))
    runs = {}
    for gradients in ("hand", "autodiff"):
        runs[gradients] = train.fit(
            model,
            losses.cross_entropy,
            optim.adam(1e-3),
            training,
            gradients=gradients,
            validation=validation,
            **common,
        )
    accuracies = [run.history["validation_accuracy"][-1] for run in runs.values()]
    assert abs(accuracies[0] - accuracies[1]) <= 1 / len(validation[1]) + 1e-6

    with jax.enable_x64(True):
        wide = (training[0][:1280].astype(np.float64), training[1][:1280])  # 20 steps an epoch
        params = [
            train.fit(
                model, losses.cross_entropy, optim.adam(1e-3), wide, gradients=gradients, **{**common, "epochs": 5}
            ).params
            for gradients in ("hand", "autodiff")
        ]
        largest = max(jax.tree.leaves(jax.tree.map(lambda a, b: float(jnp.max(jnp.abs(a - b))), *params)))
    assert largest <= 1e-10


def test_training_equals_a_loop_over_single_steps():
    """The scan, the shuffle and the left-over batch do what the same steps do one by one."""
    training, _ = small(70)
    optimizer = optim.momentum(0.05)
    model = models.mlp((4, 10))
    run = fit(epochs=2, model=model, optimizer=optimizer, data=training, validation=None)
    init_key, run_key = jax.random.split(jax.random.key(0))
    state = train.epochs.start(model, optimizer, (8, 8, 1), jnp.dtype("float32"), init_key)
    step = jax.jit(train.step, static_argnums=(0, 1))
    for epoch in range(2):
        shuffle_key, _ = jax.random.split(jax.random.fold_in(run_key, epoch))
        order = np.asarray(train.batches.shuffle(shuffle_key, 70))
        total = 0.0
        for rows in (order[:32], order[32:64], order[64:]):
            state, value, _ = step(model, losses.cross_entropy, optimizer, state, training[0][rows], training[1][rows])
            total += len(rows) * float(value)
        assert run.history["loss"][epoch] == pytest.approx(total / 70, rel=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6), run.params, state.params)


def test_metrics_are_those_of_the_whole_data():
    run = fit()
    test_x, test_y = small()[1]
    logits = np.asarray(train.predict(run.model, run.params, run.state, test_x), np.float64)
    accuracy = (logits.argmax(-1) == test_y).mean()
    loss = np.mean(np.log(np.exp(logits).sum(-1)) - logits[np.arange(len(test_y)), test_y])
    assert run.history["validation_accuracy"][-1] == pytest.approx(accuracy)
    assert run.history["validation_loss"][-1] == pytest.approx(loss, rel=1e-5)
    evaluated = train.evaluate(run.model, losses.cross_entropy, run.params, run.state, test_x, test_y)
    assert float(evaluated["loss"]) == pytest.approx(loss, rel=1e-5)


def test_evaluation_refuses_lengths_that_differ_and_nothing():
    run = fit(epochs=1)
    x, y = digits().test
    with pytest.raises(ValueError, match="as many examples, at least one, got 360 and 10"):
        train.evaluate(run.model, losses.cross_entropy, run.params, run.state, x, y[:10])
    with pytest.raises(ValueError, match="at least one example, got none"):
        train.predict(run.model, run.params, run.state, x[:0])
    with pytest.raises(ValueError, match="key must be a single random key"):
        train.fit(run.model, losses.cross_entropy, optim.sgd(0.1), (x, y), epochs=1, key=0)


@pytest.mark.slow
def test_evaluation_in_parts_is_evaluation_of_the_whole(monkeypatch):
    run = fit(epochs=1)
    x, y = digits().test
    whole = train.predict(run.model, run.params, run.state, x)
    monkeypatch.setattr(train.epochs, "_EVALUATION_BATCH", 100)
    parts = train.predict.__wrapped__(run.model, run.params, run.state, x)
    np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-6)
    split = train.epochs._evaluate(
        run.model, losses.cross_entropy, run.params, run.state, jnp.asarray(x), jnp.asarray(y)
    )
    assert float(split["accuracy"]) == pytest.approx(float((np.asarray(whole).argmax(-1) == y).mean()))


def test_full_batch_and_single_examples():
    training, _ = small(20)
    assert len(fit(data=training, batch_size=None, validation=None).history["loss"]) == 3
    assert len(fit(data=training, batch_size=1, epochs=1, validation=None).history["loss"]) == 1


def test_regression_has_no_accuracy():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3)).astype(np.float32)
    y = (x @ np.array([[1.0], [-2.0], [0.5]], np.float32)) + 1
    run = fit(
        epochs=150,
        model=models.mlp((1,)),
        loss=losses.mean_squared_error,
        data=(x, y),
        optimizer=optim.sgd(0.1),
        validation=None,
    )
    assert set(run.history) == {"loss"}
    (dense,) = [entry for entry in run.params if entry]
    np.testing.assert_allclose(dense["weight"][:, 0], [1.0, -2.0, 0.5], atol=1e-4)
    np.testing.assert_allclose(dense["bias"], [1.0], atol=1e-4)


def test_early_stopping_keeps_the_best_epoch():
    stopping = train.EarlyStopping(patience=2)
    run = fit(epochs=40, optimizer=optim.adam(0.1), early_stopping=stopping)
    values = run.history["validation_loss"]
    assert len(values) < 40
    assert run.best_epoch == int(np.argmin(values)) + 1
    assert len(values) == run.best_epoch + 2
    test_x, test_y = small()[1]
    kept = train.evaluate(run.model, losses.cross_entropy, run.params, run.state, test_x, test_y)
    assert float(kept["loss"]) == pytest.approx(min(values), rel=1e-6)


def test_early_stopping_on_accuracy_waits_for_a_rise():
    stopping = train.EarlyStopping(patience=1, monitor="validation_accuracy", min_delta=0.01)
    assert stopping.improves(0.52, 0.5)
    assert not stopping.improves(0.505, 0.5)
    assert train.EarlyStopping(patience=1).improves(0.4, 0.5)
    assert train.EarlyStopping(patience=1).improves(0.4, float("nan"))
    assert not train.EarlyStopping(patience=1).improves(float("nan"), float("nan"))
    assert not train.EarlyStopping(patience=1).improves(float("nan"), 0.4)


def test_params_to_begin_with_are_used_and_survive():
    first = fit(epochs=1)
    begun = fit(epochs=1, params=first.params, optimizer=optim.sgd(0.0))
    jax.tree.map(np.testing.assert_array_equal, first.params, begun.params)


def test_an_optax_optimizer_trains():
    ours = fit(optimizer=optim.adam(3e-3))
    theirs = fit(optimizer=optax.adam(3e-3))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-3, atol=1e-5), ours.params, theirs.params)


@pytest.mark.slow
def test_runs_side_by_side_by_vmap():
    """Many learning rates in one program: each lane is the run of its own rate."""
    (x, y), _ = small(64)
    model, key = models.mlp((4, 10)), jax.random.key(0)
    params, state = model.init(key, (8, 8, 1))
    rates = jnp.array([1e-3, 1e-2])

    def final_loss(rate):
        optimizer = optim.adam(rate)
        begin = train.TrainState(params, state, optimizer.init(params), jnp.zeros((), jnp.int32))
        _, history = train.run_epochs(
            model, losses.cross_entropy, optimizer, begin, {"loss": jnp.zeros(3)}, (x, y), None, key, 3, batch_size=16
        )
        return history["loss"][-1]

    lanes = jax.jit(jax.vmap(final_loss))(rates)
    assert lanes[1] < lanes[0]
    one = jax.jit(final_loss)
    for lane, rate in zip(lanes, rates, strict=True):
        assert float(one(rate)) == pytest.approx(float(lane), rel=1e-5)


class Noise(Layer):
    """Adds noise in training, and counts its forward passes: a key and a state in one small layer."""

    @property
    def uses_key(self):
        return True

    def __eq__(self, other):
        return type(self) is type(other)

    def __hash__(self):
        return 1

    def build(self, key, in_shape, dtype):
        return (), jnp.zeros((), jnp.int32)

    def forward(self, params, x, state=None, key=None, *, train=False):
        noise = jax.random.normal(key, x.shape, x.dtype) if train else 0.0
        return (x + 0.1 * noise, state + train), None

    def backward(self, residuals, d_output, *, train=False):
        d_y, d_state = d_output
        return (), d_y, d_state, None


@pytest.mark.slow
def test_state_and_keys_reach_the_layers():
    from chainrule import chain

    noisy = chain(ops.flatten, Noise(), *models.mlp((8, 10)).layers[1:])
    hand, autodiff = (fit(model=noisy, gradients=gradients) for gradients in ("hand", "autodiff"))
    assert int(hand.state[1]) == 3 * 5  # 150 examples in batches of 32: five steps an epoch, and none in evaluation
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), hand.params, autodiff.params)
    assert hand.history != fit(model=chain(ops.flatten, *noisy.layers[2:])).history


def test_progress_is_shown_when_wanted_and_quiet_otherwise(capsys):
    fit(epochs=2)
    assert capsys.readouterr().err == ""
    fit(epochs=2, progress=True)
    shown = capsys.readouterr().err
    assert "epoch 2/2" in shown
    assert "accuracy 0." in shown
    assert "loss 2." in shown


def test_a_loss_that_is_not_finite_is_said():
    with pytest.warns(UserWarning, match="the loss is not finite from epoch 1 on"):
        fit(epochs=1, loss=losses.mean_squared_error, optimizer=optim.sgd(1e30), data=_numbers(), validation=None)


def _numbers():
    x = np.ones((64, 3), np.float32)
    return x, np.ones((64, 10), np.float32)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 151}, "batch_size must be at most the number of examples, 150, got 151"),
        ({"batch_size": 0}, "batch_size must be a positive integer or None, got 0"),
        ({"epochs": 0}, "epochs must be a positive integer, got 0"),
        ({"gradients": "both"}, "gradients must be 'hand' or 'autodiff', got 'both'"),
        ({"optimizer": "adam"}, "fit: optimizer must be an optimiser, a pair"),
        ({"early_stopping": train.EarlyStopping(1), "validation": None}, "monitor must be one of loss, accuracy, got"),
        ({"validation": (np.ones((4, 7), np.float32), np.zeros(4, np.int32))}, r"examples of shape \[8, 8, 1\]"),
        ({"model": models.mlp((8, 3))}, "labels from 0 to 2, got"),
        ({"model": ops.relu}, "model must be a layer"),
        ({"loss": lambda outputs, y: 0.0}, "loss must be a rule"),
        ({"loss": losses.cross_entropy.bind(reduction="none")}, "loss must return one number"),
        ({"loss": losses.mean_squared_error}, "targets must be of floating-point numbers, got int32"),
        ({"early_stopping": 3}, "early_stopping must be train.EarlyStopping"),
        ({"data": (1, 2, 3)}, r"data must be a pair \(x, y\)"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        fit(**options)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x, y: (x[:0], y[:0]), "at least one example"),
        (lambda x, y: (x, y[:-1]), "as many examples, got 150 and 149"),
        (lambda x, y: ((x * 16).astype(np.int32), y), "x must be of floating-point numbers, got int32"),
        (lambda x, y: (np.where(np.arange(150)[:, None, None, None] == 3, np.nan, x), y), "NaN or infinity"),
        (lambda x, y: (x, y + 5), "labels from 0 to 9, got"),
        (lambda x, y: (x, y - 1), "labels from 0 to 9, got -1"),
    ],
)
def test_bad_data_are_refused(spoil, message):
    with pytest.raises(ValueError, match=message):
        fit(data=spoil(*small()[0]))


def test_params_of_another_model_are_refused():
    other, _ = models.mlp((9, 10)).init(jax.random.key(0), (8, 8, 1))
    with pytest.raises(ValueError, match=r"params must be those of the model and the optimiser.*float32\[9\]"):
        fit(params=other)
    with pytest.raises(ValueError, match=r"train_state must be those .*params\[1\]\['bias'\] is float32\[8\]"):
        fit(train_state=fit(epochs=1).train_state, model=models.mlp((9, 10)))
    with pytest.raises(ValueError, match="train_state must be those of the model and the optimiser"):
        fit(train_state=fit(epochs=1).train_state, optimizer=optim.sgd(0.1))
    done = fit(epochs=1).train_state
    with pytest.raises(ValueError, match="not both"):
        fit(params=other, train_state=done)
    with pytest.raises(ValueError, match="epochs must be above the 1 that are done, got 1"):
        fit(epochs=1, train_state=done)


def negative(key, x, y):
    return -x, y


def noisy(key, x, y):
    return x + jax.random.normal(key, x.shape, x.dtype), y


def test_augmentation_changes_each_batch_and_nothing_that_is_measured():
    training, validation = small()
    assert fit().history != fit(augment=negative).history
    mirrored = fit(augment=negative, validation=(-validation[0], validation[1]))
    plain = fit(data=(-training[0], training[1]), validation=(-validation[0], validation[1]))
    assert_same_bits(mirrored, plain)


@pytest.mark.slow
def test_augmentation_draws_anew_in_every_batch_and_alike_in_every_run():
    first, again = fit(augment=noisy), fit(augment=noisy, callback=lambda *_: None)
    assert_same_bits(first, again)
    drawn = []

    def watched(key, x, y):
        jax.debug.callback(lambda data: drawn.append(tuple(np.asarray(data).tolist())), jax.random.key_data(key))
        return x, y

    fit(augment=watched, epochs=2)
    jax.effects_barrier()
    batches = 2 * -(-150 // 32)
    assert len(set(drawn)) == len(drawn) == batches


@pytest.mark.slow
def test_soft_labels_of_an_augmentation_are_trained_and_accuracy_counts_the_labels_of_the_data():
    def softened(key, x, y):
        return x, 0.8 * jax.nn.one_hot(y, 10) + 0.02

    smoothed = losses.cross_entropy.bind(label_smoothing=0.2)
    found, expected = fit(augment=softened), fit(loss=smoothed)
    np.testing.assert_allclose(found.history["loss"], expected.history["loss"], rtol=1e-5)
    assert found.history["accuracy"] == expected.history["accuracy"]


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        ("flip", "augment must be a hashable function of"),
        (
            lambda key, x, y: (x[:, :4], y),
            r"augment must keep x float32\[1, 8, 8, 1\], it returns float32\[1, 4, 8, 1\]",
        ),
    ],
)
def test_an_augmentation_that_is_none_is_refused(augment, message):
    with pytest.raises(ValueError, match=message):
        fit(augment=augment)


def test_a_model_of_tokens_learns_from_integers():
    """Each token is followed by the next but one: a table of bigrams learns it."""
    tokens = np.random.default_rng(0).integers(0, 7, size=(64, 5)).astype(np.int32)
    model = chain(layers.Embedding(7, 8), layers.Dense(7))
    common = {"model": model, "optimizer": optim.adam(0.05), "validation": None, "batch_size": 16}
    run = fit(epochs=8, data=(tokens, (tokens + 2) % 7), **common)
    assert run.history["accuracy"][-1] > 0.99
    assert run.params[0]["table"].dtype == np.float32
    for wrong, message in (
        (tokens.astype(np.float32), "x must be of integers, the ids of tokens"),
        (np.where(tokens == 3, 7, tokens), "from 0 to 6, the vocabulary of the model, got 7"),
    ):
        with pytest.raises(ValueError, match=message):
            fit(epochs=1, data=(wrong, tokens), **common)


@pytest.mark.slow
def test_a_penalty_is_added_to_the_loss_and_its_gradient_to_that_of_the_model():
    penalty = losses.l2_penalty.bind(strength=0.01)
    plain, hand, autodiff = fit(), fit(penalty=penalty), fit(penalty=penalty, gradients="autodiff")
    assert hand.history["loss"][0] > plain.history["loss"][0]
    np.testing.assert_allclose(hand.history["loss"], autodiff.history["loss"], rtol=1e-5)

    def size(run):
        return sum(float(jnp.sum(leaf**2)) for leaf in jax.tree.leaves(run.params))

    assert size(fit(penalty=losses.l2_penalty.bind(strength=1.0))) < 0.9 * size(plain)
    with pytest.raises(ValueError, match="penalty must be a rule of params, such as"):
        fit(penalty=0.1)
