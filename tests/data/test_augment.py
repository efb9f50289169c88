import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.data import augment
from chainrule.data.augment import (
    Augmentation,
    affine,
    brightness,
    crop,
    cutout,
    flip,
    rotate,
    scale,
    shift,
    warp,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(3)
IMAGES = np.random.default_rng(0).random((6, 7, 5, 2)).astype(np.float32) + 0.1  # nowhere 0

EACH = {
    "affine": lambda key, x: affine(key, x, degrees=20, scale=0.3, shift=1.5),
    "rotate": lambda key, x: rotate(key, x, 40),
    "scale": lambda key, x: scale(key, x, 0.5),
    "shift": lambda key, x: shift(key, x, 2),
    "crop": lambda key, x: crop(key, x, 2),
    "flip": flip,
    "brightness": lambda key, x: brightness(key, x, 0.5),
    "cutout": lambda key, x: cutout(key, x, 3),
    "Augmentation": lambda key, x: Augmentation(5, 0.1, 1, 1, True, 0.1, 2)(key, x, None)[0],
}


def by_scipy(image, degrees, factor, moved):
    """One image [h, w] by SciPy's own bilinear interpolation, outside of which all is 0."""
    angle = np.deg2rad(degrees)
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) / factor
    middle = (np.array(image.shape) - 1) / 2
    offset = middle - matrix @ (middle + moved)
    return scipy.ndimage.affine_transform(image, matrix, offset, order=1, mode="grid-constant", cval=0.0)


def test_warp_equals_scipy(x64, rng):
    images = rng.random((12, 7, 5, 2))
    degrees, scales, shifts = rng.uniform(-200, 200, 12), rng.uniform(0.4, 2, 12), rng.uniform(-3, 3, (12, 2))
    found = np.asarray(warp(*map(jnp.asarray, (images, degrees, scales, shifts))))
    expected = [
        np.stack([by_scipy(image[..., c], *numbers) for c in range(2)], axis=-1)
        for image, *numbers in zip(images, degrees, scales, shifts, strict=True)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_positive_angle_turns_anticlockwise(x64):
    image = np.random.default_rng(0).random((7, 7))
    x = jnp.asarray(np.stack([image, image]))[..., None]
    found = warp(x, jnp.array([90.0, 25.0]), jnp.ones(2), jnp.zeros((2, 2)))[..., 0]
    np.testing.assert_allclose(found[0], np.rot90(image), atol=1e-12)
    expected = scipy.ndimage.rotate(image, 25.0, reshape=False, order=1, mode="grid-constant")
    np.testing.assert_allclose(found[1], expected, atol=1e-12)


@pytest.mark.parametrize("moved", [(0, 0), (1, 2), (-3, 1), (2, -4), (7, 0), (0, -5), (100, 1e7)])
def test_whole_pixels_are_shifted_exactly(moved):
    count = len(IMAGES)
    shifts = jnp.tile(jnp.array([moved], jnp.float32), (count, 1))
    found = np.asarray(warp(jnp.asarray(IMAGES), jnp.zeros(count), jnp.ones(count), shifts))
    expected = np.zeros_like(IMAGES)
    down, right = (int(m) for m in moved)
    for i in range(7):
        for j in range(5):
            if 0 <= i - down < 7 and 0 <= j - right < 5:
                expected[:, i, j] = IMAGES[:, i - down, j - right]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
def test_strength_zero_changes_no_bit():
    for same in (
        affine(KEY, IMAGES),
        rotate(KEY, IMAGES, 0),
        scale(KEY, IMAGES, 0.0),
        shift(KEY, IMAGES, 0),
        crop(KEY, IMAGES, 0),
        brightness(KEY, IMAGES, 0),
        cutout(KEY, IMAGES, 0),
        Augmentation()(KEY, IMAGES, None)[0],
    ):
        np.testing.assert_array_equal(same, IMAGES)


@pytest.mark.parametrize("name", EACH)
def test_same_key_same_images_and_each_image_its_own_draw(name):
    images = np.tile(IMAGES[:1], (24, 1, 1, 1))
    x = EACH[name](KEY, images)
    assert (x.shape, x.dtype) == (images.shape, images.dtype)
    np.testing.assert_array_equal(x, EACH[name](jax.random.key(3), images))
    assert not np.array_equal(x, EACH[name](jax.random.key(4), images))
    assert len({image.tobytes() for image in np.asarray(x)}) >= (2 if name == "flip" else 8)


@pytest.mark.parametrize("name", ["affine", "crop", "flip", "brightness", "cutout"])
def test_dtypes_are_kept_and_images_may_be_none(name):
    with jax.numpy_dtype_promotion("strict"):
        x = EACH[name](KEY, jnp.asarray(IMAGES, jnp.bfloat16))
    assert x.dtype == jnp.bfloat16
    np.testing.assert_allclose(x.astype(np.float32), EACH[name](KEY, IMAGES), atol=0.02)
    assert EACH[name](KEY, IMAGES[:0]).shape == (0, 7, 5, 2)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    degrees=st.floats(0, 360),
    factor=st.floats(0, 0.875),
    moved=st.floats(0, 20),
    seed=st.integers(0, 2**31 - 1),
)
def test_interpolation_stays_within_the_values(degrees, factor, moved, seed):
    x = np.asarray(affine(jax.random.key(seed), IMAGES, degrees=degrees, scale=factor, shift=moved))
    assert x.min() >= 0
    assert (x.max(axis=(1, 2)) <= IMAGES.max(axis=(1, 2)) * (1 + 1e-6)).all()


@settings(max_examples=30, deadline=None, derandomize=True)
@given(padding=st.integers(0, 4), seed=st.integers(0, 2**31 - 1))
def test_a_crop_is_a_window_of_the_padded_image(padding, seed):
    x = np.asarray(crop(jax.random.key(seed), IMAGES, padding))
    for image, cropped in zip(IMAGES, x, strict=True):
        padded = np.pad(image, ((padding, padding), (padding, padding), (0, 0)))
        windows = (padded[i : i + 7, j : j + 5] for i in range(2 * padding + 1) for j in range(2 * padding + 1))
        assert any(np.array_equal(cropped, window) for window in windows)


def test_crops_reach_every_shift_equally():
    image = np.zeros((1800, 5, 5, 1), np.float32)
    image[:, 2, 2] = 1
    x = np.asarray(crop(KEY, image, 1))[..., 0]
    counts = x.sum(axis=0)[1:4, 1:4]
    assert counts.sum() == 1800
    assert (np.abs(counts - 200) < 60).all()  # four standard deviations


@settings(max_examples=30, deadline=None, derandomize=True)
@given(size=st.integers(0, 5), seed=st.integers(0, 2**31 - 1))
def test_cutout_blanks_one_square_and_nothing_else(size, seed):
    x = np.asarray(cutout(jax.random.key(seed), IMAGES, size))
    blank = (x == 0).all(axis=3)
    np.testing.assert_array_equal((x == 0).any(axis=3), blank)
    np.testing.assert_array_equal(x[~blank], IMAGES[~blank])
    for mask in blank:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        assert mask.sum() == len(rows) * len(columns)
        # At least the part of the square on one side of its centre is inside.
        assert (size + 1) // 2 <= len(rows) <= size
        assert (size + 1) // 2 <= len(columns) <= size
        assert len(rows) == 0 or rows[-1] - rows[0] == len(rows) - 1


def test_cutout_blanks_a_corner_as_often_as_its_square_covers_it():
    x = np.asarray(cutout(KEY, np.ones((2000, 5, 5, 1), np.float32), 3))[..., 0]
    # A pixel is blank where the centre is one of the pixels around it: 9 of 25 inside, 4 of 25 in a corner.
    share = (x == 0).mean(axis=0)
    assert abs(share[2, 2] - 9 / 25) < 0.04
    for corner in ((0, 0), (0, 4), (4, 0), (4, 4)):
        assert abs(share[corner] - 4 / 25) < 0.03


def test_flip_mirrors_about_half():
    x = np.asarray(flip(KEY, np.tile(IMAGES, (50, 1, 1, 1))))
    mirrored = [np.array_equal(image, IMAGES[i % 6][:, ::-1]) for i, image in enumerate(x)]
    kept = [np.array_equal(image, IMAGES[i % 6]) for i, image in enumerate(x)]
    assert all(np.add(mirrored, kept) == 1)
    assert 110 < sum(mirrored) < 190


def test_brightness_is_one_factor_an_image():
    ratio = np.asarray(brightness(KEY, IMAGES, 0.25)) / IMAGES
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1, :1, :1], ratio.shape), rtol=1e-6)
    many = np.asarray(brightness(KEY, np.ones((1000, 1, 1, 1), np.float32), 0.25))
    assert 0.75 <= many.min() < 0.76
    assert 1.24 < many.max() <= 1.25


def test_strengths_are_the_widest_draws_and_the_draws_are_independent(monkeypatch):
    drawn = []

    def keep(images, degrees, scales, shifts):
        drawn.append(np.column_stack([degrees, scales, shifts]))
        return images

    monkeypatch.setattr(augment, "warp", keep)
    with jax.disable_jit():
        affine(KEY, np.ones((2000, 1, 1, 1), np.float32), degrees=30, scale=0.25, shift=2.5)
    (draws,) = drawn
    np.testing.assert_allclose(draws.min(axis=0), [-30, 0.75, -2.5, -2.5], rtol=0.01)
    np.testing.assert_allclose(draws.max(axis=0), [30, 1.25, 2.5, 2.5], rtol=0.01)
    np.testing.assert_allclose(draws.std(axis=0), np.array([30, 0.25, 2.5, 2.5]) / np.sqrt(3), rtol=0.05)
    assert (np.abs(np.corrcoef(draws.T) - np.eye(4)) < 0.1).all()


def test_an_augmentation_is_a_static_argument():
    traces = []

    @jax.jit
    def plain(key, x, y):
        traces.append(1)
        return Augmentation(brightness=1, flip=True)(key, x, y)

    chosen = Augmentation(brightness=1, flip=True)
    assert chosen == Augmentation(brightness=1.0, flip=True)
    assert hash(chosen) == hash(Augmentation(brightness=1.0, flip=True))
    assert chosen != Augmentation(flip=True)
    x, y = jax.jit(lambda a, *args: a(*args), static_argnums=0)(chosen, KEY, IMAGES, np.arange(6))
    np.testing.assert_array_equal(y, np.arange(6))
    np.testing.assert_allclose(x, plain(KEY, IMAGES, np.arange(6))[0], atol=1e-6)
    plain(jax.random.key(9), IMAGES, np.arange(6))
    assert len(traces) == 1


def test_the_parts_of_an_augmentation_draw_apart():
    many = np.tile(np.array([1, 3], np.float32).reshape(1, 1, 2, 1), (1000, 1, 1, 1))
    x = np.asarray(Augmentation(flip=True, brightness=0.4)(KEY, many, None)[0])[:, 0, :, 0]
    mirrored, factor = x[:, 0] > x[:, 1], x.sum(axis=1) / 4
    assert abs(np.corrcoef(mirrored, factor)[0, 1]) < 0.12
    # Switching one on leaves the other's draws as they are.
    full = Augmentation(brightness=0.4)(KEY, IMAGES, None)[0]
    parts = Augmentation(flip=True, brightness=0.4)(KEY, IMAGES, None)[0]
    flipped = Augmentation(flip=True)(KEY, IMAGES, None)[0]
    np.testing.assert_allclose(parts.sum(axis=(1, 2)), full.sum(axis=(1, 2)), rtol=1e-5)
    np.testing.assert_allclose(parts / flipped, (full / IMAGES)[:, :, :], rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: affine(KEY, IMAGES[0], degrees=1), r"affine: images must be \[n, .*\], got float32\[7, 5, 2\]"),
        (lambda: affine(KEY, IMAGES[:, :0]), r"affine: images must be \[n, .*\], got float32\[6, 0, 5, 2\]"),
        (lambda: affine(KEY, (IMAGES * 255).astype(np.uint8)), "affine: images must be of floating-point numbers"),
        (lambda: affine(KEY, IMAGES, degrees=-1), "affine: degrees must be a finite number, at least 0, got -1"),
        (lambda: affine(KEY, IMAGES, shift=np.nan), "affine: shift must be a finite number, at least 0, got nan"),
        (lambda: affine(KEY, IMAGES, scale=1), "affine: scale must be below 1, .*, got 1"),
        (lambda: rotate(KEY, IMAGES, "10"), "degrees must be a finite number, at least 0, got '10'"),
        (lambda: crop(KEY, IMAGES, 5), "crop: padding must be a whole number of pixels, at least 0 up to 4, got 5"),
        (lambda: crop(KEY, IMAGES, 1.0), "crop: padding must be a whole number of pixels, .*, got 1.0"),
        (lambda: flip(KEY, 3.0), r"flip: images must be \[n, height, width, channels\], got float"),
        (lambda: brightness(KEY, IMAGES, np.inf), "brightness: strength must be a finite number, .*, got inf"),
        (lambda: cutout(KEY, IMAGES, 6), "cutout: size must be a whole number of pixels, at least 0 up to 5, got 6"),
        (lambda: Augmentation(scale=1.5), "Augmentation: scale must be below 1"),
        (lambda: Augmentation(cutout=-1), "Augmentation: cutout must be a whole number of pixels, at least 0, got -1"),
        (lambda: Augmentation(flip=1), "Augmentation: flip must be True or False, got 1"),
        (lambda: Augmentation()(KEY, IMAGES[0], None), "Augmentation: images must be"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_strengths_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Augmentation().degrees = 3.0
