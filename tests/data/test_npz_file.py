import io
import pickle
import zipfile

import numpy as np
import pytest

from chainrule.data import read_npz

RNG = np.random.default_rng(5)


class Trap:
    """What unpickling would run."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def npz(path, **members):
    """An archive whose members are these bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return path


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_back_as_they_were(tmp_path, save):
    arrays = {
        "images": RNG.integers(0, 256, (3, 4, 5), np.uint8),
        "weights": np.asfortranarray(RNG.normal(size=(2, 3))),
        "names": np.array(["a", "bé"]),
        "empty": np.zeros((0, 2), np.float32),
        "scalar": np.array(3),
        "times": np.array(["2012-01-01"], "datetime64[D]"),
    }
    path = tmp_path / "arrays.npz"
    save(path, **arrays)
    read = read_npz(path)
    assert list(read) == list(arrays)
    for name, array in arrays.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array)


def refused(path):
    with pytest.raises(ValueError) as caught:  # noqa: PT011, the caller looks at the message
        read_npz(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_objects_are_never_unpickled(tmp_path):
    path = tmp_path / "objects.npz"
    np.savez(path, fine=np.zeros(3), trap=np.array([Trap()], dtype=object))
    assert refused(path) == "array 'trap' holds pickled objects, which are never loaded"
    structured = np.array([(Trap(),)], dtype=[("field", object)])
    np.savez(path, trap=structured)
    assert refused(path) == "array 'trap' holds pickled objects, which are never loaded"
    plain = tmp_path / "plain.npz"
    plain.write_bytes(pickle.dumps(Trap()))
    assert refused(plain) == "expected an NPZ file, got what looks like a pickle, which is never loaded"


@pytest.mark.parametrize("compressed", [False, True])
def test_a_truncated_archive_is_one_line_wherever_it_is_cut(tmp_path, compressed):
    path = tmp_path / "cut.npz"
    (np.savez_compressed if compressed else np.savez)(path, x=RNG.normal(size=100), y=np.arange(50))
    whole = path.read_bytes()
    for length in range(1, len(whole), 37):
        path.write_bytes(whole[:length])
        assert refused(path).startswith("expected an NPZ file, got ")


def test_no_changed_byte_is_a_traceback_or_another_array(tmp_path):
    path = tmp_path / "changed.npz"
    x = RNG.integers(0, 9, 40)
    np.savez_compressed(path, x=x)
    whole = path.read_bytes()
    refusals = []
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x5A]) + whole[place + 1 :])
        try:
            read = read_npz(path)
        except ValueError as error:
            refusals.append(str(error))
        else:  # a byte that says nothing about the array, such as the time of day
            assert [array.tolist() for array in read.values()] == [x.tolist()]
    assert len(refusals) > len(whole) / 6
    assert not [message for message in refusals if "\n" in message or not message.startswith(f"{path}: ")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected an NPZ file, got an empty file"),
        (npy(np.arange(3)), "expected an NPZ file, got an NPY file, a single array: read it with numpy.load"),
        (b"PK\x03\x04 and no more", "expected an NPZ file, got an archive that is cut short or damaged"),
        (b"a,b\n1,2\n", "expected an NPZ file, got something else"),
    ],
)
def test_what_is_no_archive_is_named(tmp_path, content, message):
    path = tmp_path / "file.npz"
    path.write_bytes(content)
    assert refused(path).startswith(message)


def test_odd_archives_are_named(tmp_path):
    path = tmp_path / "odd.npz"
    assert refused(npz(path)) == "expected at least one array, got an archive without any"
    assert refused(npz(path, **{"x.txt": b"hello"})) == "expected arrays alone, got the member 'x.txt', which is none"
    short = npy(np.arange(10.0))[:-8]
    assert refused(npz(path, **{"x.npy": short})).startswith("array 'x' cannot be read, the archive is damaged: ")
    lying = npy(np.arange(10.0)).replace(b"(10,), }", b"(9**9,)}")
    assert refused(npz(path, **{"x.npy": lying})).startswith("array 'x' cannot be read, the archive is damaged: ")
    huge = npy(np.arange(10.0)).replace(b"(10,), }            ", b"(100000000000000,),}")
    assert refused(npz(path, **{"x.npy": huge})).startswith("array 'x' cannot be read, the archive is damaged: ")
    twice = npz(path, **{"x.npy": npy(np.zeros(2)), "x": npy(np.ones(2))})
    assert refused(twice) == "expected one array of each name, got 'x' more than once"


def test_a_folder_and_no_file(tmp_path):
    assert refused(tmp_path) == "expected an NPZ file, got a folder"
    with pytest.raises(FileNotFoundError, match=r"^there is no file .*nowhere\.npz$"):
        read_npz(tmp_path / "nowhere.npz")
