import io

import numpy as np
import pytest
from PIL import Image

from chainrule.data import check_supervised, image_folder

RNG = np.random.default_rng(6)


def png(pixels, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", **options)
    return file.getvalue()


def colours(height=6, width=8):
    return RNG.integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def folder(tmp_path):
    """Two cats and a dog, 6 x 8 pixels in colour."""
    root = tmp_path / "images"
    for name in ("dog/1.png", "cat/b.png", "cat/a.PNG"):
        put(root, name, png(colours()))
    return root


def put(root, name, content):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_images_labels_and_names(folder):
    put(folder, "cat/.DS_Store", b"what a file browser leaves")
    put(folder, ".ipynb_checkpoints/x.txt", b"")
    x, y, names, files = image_folder(folder)
    assert (x.shape, x.dtype) == ((3, 6, 8, 3), np.float32)
    assert (y.tolist(), y.dtype) == ([0, 0, 1], np.int32)
    assert names == ("cat", "dog")
    assert [str(file.relative_to(folder)) for file in files] == ["cat/a.PNG", "cat/b.png", "dog/1.png"]
    for image, file in zip(x, files, strict=True):
        np.testing.assert_allclose(image, np.asarray(Image.open(file)) / 255, atol=1e-7)
    check_supervised(x, y, classes=2)


def test_grey_is_the_luma_of_a_colour(folder):
    x, _, _, files = image_folder(folder, grey=True)
    assert x.shape == (3, 6, 8, 1)
    luma = np.asarray(Image.open(files[0])) @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(x[0, ..., 0], luma / 255, atol=1.01 / 255)


def test_scaling_takes_every_pixel_into_account(folder):
    put(folder, "dog/2.png", png(np.full((17, 31, 3), 51, np.uint8)))
    x = image_folder(folder, size=(3, 4)).x
    assert x.shape == (4, 3, 4, 3)
    np.testing.assert_allclose(x[3], 0.2, atol=1e-6)
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    x = image_folder(put(folder.parent / "board", "a/1.png", png(board)).parents[1], size=(8, 8)).x
    np.testing.assert_allclose(x[0, 1:-1, 1:-1], 0.5, atol=0.02)
    assert image_folder(folder, size=(20, 10)).x.shape == (4, 20, 10, 3)


def test_modes_of_png_and_jpeg(tmp_path):
    ramp = np.linspace(0, 255, 12).astype(np.uint8).reshape(3, 4)
    deep = np.linspace(0, 65535, 12).astype(np.uint16).reshape(3, 4)
    put(tmp_path, "a/1.png", png(ramp))
    put(tmp_path, "a/2.png", png(deep))
    put(tmp_path, "a/3.png", png(np.dstack([ramp] * 3 + [np.zeros_like(ramp)])))  # transparent
    file = io.BytesIO()
    Image.fromarray(ramp).convert("P").save(file, "PNG")
    put(tmp_path, "a/4.png", file.getvalue())
    put(tmp_path, "a/5.png", png(ramp > 100))
    file = io.BytesIO()
    Image.fromarray(np.full((3, 4, 3), 102, np.uint8)).convert("CMYK").save(file, "JPEG", quality=95)
    put(tmp_path, "a/6.jpg", file.getvalue())
    x = image_folder(tmp_path).x
    assert x.shape == (6, 3, 4, 3)
    np.testing.assert_allclose(x[0], np.dstack([ramp] * 3) / 255, atol=1e-7)
    np.testing.assert_allclose(x[1], np.dstack([deep] * 3) / 65535, atol=1e-7)
    np.testing.assert_array_equal(x[2], 1)
    np.testing.assert_allclose(x[3], x[0], atol=1e-7)
    np.testing.assert_array_equal(x[4, ..., 0], ramp > 100)
    np.testing.assert_allclose(x[5], 0.4, atol=0.02)


def test_the_camera_s_upright_is_obeyed(tmp_path):
    image = Image.fromarray(colours(2, 5))
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif)
    put(tmp_path, "a/1.jpg", file.getvalue())
    assert image_folder(tmp_path).x.shape == (1, 5, 2, 3)


def refused(root, path, **options):
    with pytest.raises(ValueError) as caught:  # noqa: PT011, the caller looks at the message
        image_folder(root, **options)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_images_of_unlike_sizes(folder):
    odd = put(folder, "dog/2.png", png(colours(6, 9)))
    assert refused(folder, odd) == (
        f"images must be of one size, got 9 x 6 pixels here and 8 x 6 in {folder}/cat/a.PNG; "
        "give size=(height, width) to scale them"
    )


def test_a_file_that_is_no_image(folder):
    bad = put(folder, "cat/c.png", b"hello")
    assert refused(folder, bad) == "expected a PNG or JPEG image, got something else"
    bad.unlink()
    gif = io.BytesIO()
    Image.fromarray(colours()).save(gif, "GIF")
    bad = put(folder, "cat/c.png", gif.getvalue())
    assert refused(folder, bad) == "expected a PNG or JPEG image, got something else"
    bad.unlink()
    bad = put(folder, "cat/list.txt", b"a,b")
    assert refused(folder, bad) == "expected an image, .png, .jpg, .jpeg, got a file of another kind"
    bad.unlink()
    bad = put(folder, "cat/c.png", b"")
    assert refused(folder, bad) == "expected a PNG or JPEG image, got something else"


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_damaged_image_is_one_line_wherever_it_is_cut(tmp_path, kind):
    file = io.BytesIO()
    Image.fromarray(colours(24, 24)).save(file, kind)
    whole = file.getvalue()
    for length in range(0, len(whole) - 20, max(1, len(whole) // 12)):
        bad = put(tmp_path, "a/1.png", whole[:length])
        assert refused(tmp_path, bad).startswith(("expected a PNG or JPEG image", "the image is damaged"))


def test_a_changed_byte_of_a_png_is_seen(tmp_path):
    whole = png(colours(12, 12))
    place = whole.index(b"IDAT") + 60
    bad = put(tmp_path, "a/1.png", whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
    assert refused(tmp_path, bad).startswith("the image is damaged and cannot be read: ")


def test_folders_that_are_not_one_a_class(folder, tmp_path):
    (folder / "emu").mkdir()
    assert refused(folder, folder / "emu") == "expected at least one image of the class 'emu', got none"
    (folder / "emu").rmdir()
    inner = put(folder, "cat/more/1.png", png(colours()))
    assert refused(folder, inner.parent) == "expected nothing but images in the class 'cat', got a folder"
    loose = put(folder, "loose.png", png(colours()))
    assert refused(folder, loose) == f"expected nothing but folders in {folder}, one a class, got a file"
    (tmp_path / "nothing").mkdir()
    assert (
        refused(tmp_path / "nothing", tmp_path / "nothing")
        == "expected a folder with one folder a class, got an empty one"
    )
    assert refused(loose, loose) == "expected a folder with one folder a class, got a file"
    with pytest.raises(FileNotFoundError, match=r"^there is no folder .*nowhere$"):
        image_folder(tmp_path / "nowhere")


@pytest.mark.parametrize("size", [(8,), (8, 0), (8.0, 8), 8, "88", (True, 8), (8, 8, 3)])
def test_a_size_is_two_whole_numbers(folder, size):
    assert refused(folder, "image_folder", size=size).startswith(
        "size must be (height, width), two positive whole numbers, got"
    )
