"""Real data as tables, no download: flowers, wines, tumours, patients, cars, and tomorrow's weather.

The files are read from the folders of the packages that carry them; the packages are not imported. Classes have names,
and every error names the file, and the line where it is one of a line. What each set is, whose it is and under which
licence stands in ``chainrule.data.catalogue``.
"""

from __future__ import annotations

import numpy as np

from chainrule.data.packaged_table import find_file, numbers, read_rows
from chainrule.data.tables.table import Table
from chainrule.data.weather import weather

__all__ = ["auto_mpg", "breast_cancer", "diabetes", "iris", "weather_table", "wine"]

_FOLDER = "datasets/data"
_MEASURED = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave_points",
    "symmetry",
    "fractal_dimension",
)


def iris() -> Table:
    """Load Fisher's irises: 150 flowers, 50 of each of three species, four lengths of each.

    Columns: ``sepal_length``, ``sepal_width``, ``petal_length``, ``petal_width``, in centimetres; the target ``species``:
    setosa, versicolor or virginica.

    Raises:
        ModuleNotFoundError: when scikit-learn is not installed.
        FileNotFoundError: when it does not hold the file.
        ValueError: when the file is damaged or holds another table.

    Source: R. A. Fisher (1936), The use of multiple measurements in taxonomic problems, Annals of Eugenics 7(2).
    """
    names = ("sepal_length", "sepal_width", "petal_length", "petal_width")
    return _classes("iris", names, "species", ("setosa", "versicolor", "virginica"), (50, 50, 50))


def wine() -> Table:
    """Load Italian wines: 178 of one region and three cultivators, 13 chemical measurements of each.

    Columns: scikit-learn's names with underscores, ``alcohol`` to ``proline``, whose units the package does not state; the
    target ``cultivator``: class_0 (59 wines), class_1 (71) or class_2 (48).

    Raises:
        ModuleNotFoundError, FileNotFoundError, ValueError: as ``iris``.

    Source: M. Forina et al., PARVUS, Institute of Pharmaceutical and Food Analysis and Technologies, Genoa; UCI Machine
    Learning Repository.
    """
    names = (
        "alcohol",
        "malic_acid",
        "ash",
        "alcalinity_of_ash",
        "magnesium",
        "total_phenols",
        "flavanoids",
        "nonflavanoid_phenols",
        "proanthocyanins",
        "color_intensity",
        "hue",
        "od280_od315_of_diluted_wines",
        "proline",
    )
    return _classes("wine_data", names, "cultivator", ("class_0", "class_1", "class_2"), (59, 71, 48))


def breast_cancer() -> Table:
    """Load Wisconsin's breast tumours: 569 of them, 30 measurements of the cell nuclei in an image of each.

    Columns: ten measurements (radius, texture, perimeter, area, smoothness, compactness, concavity, concave_points,
    symmetry, fractal_dimension), each as ``mean_...``, ``error_...`` (the standard error) and ``worst_...`` (the mean of
    the three largest), whose units the package does not state; the target ``diagnosis``: malignant (212 tumours) or
    benign (357).

    Raises:
        ModuleNotFoundError, FileNotFoundError, ValueError: as ``iris``.

    Source: W. N. Street, W. H. Wolberg and O. L. Mangasarian (1993), Nuclear feature extraction for breast tumor
    diagnosis, SPIE 1905; UCI Machine Learning Repository.
    """
    names = tuple(f"{statistic}_{measured}" for statistic in ("mean", "error", "worst") for measured in _MEASURED)
    return _classes("breast_cancer", names, "diagnosis", ("malignant", "benign"), (212, 357))


def diabetes() -> Table:
    """Load the diabetes study: 442 patients, ten measurements at its beginning, and the disease a year later.

    Columns, not scaled: ``age`` in years, ``sex`` (1 or 2; the package does not state which is which), ``bmi`` (body mass
    index), ``bp`` (average blood pressure) and six measurements of the blood: ``s1`` total cholesterol, ``s2`` low-density
    and ``s3`` high-density lipoproteins, ``s4`` total cholesterol / HDL, ``s5`` possibly the logarithm of triglycerides,
    ``s6`` blood sugar (their units the package does not state). The target ``progression`` is a measure of how far the
    disease has come, from 25 to 346.

    Raises:
        ModuleNotFoundError, FileNotFoundError, ValueError: as ``iris``.

    Source: B. Efron, T. Hastie, I. Johnstone and R. Tibshirani (2004), Least angle regression, Annals of Statistics 32(2).
    """
    names = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
    path = find_file("scikit-learn", "sklearn", f"{_FOLDER}/diabetes_data_raw.csv.gz")
    features = numbers(path, read_rows(path, 442, len(names), delimiter=" "), slice(None))
    if not np.isin(features[:, 1], (1, 2)).all():
        line = 1 + int(np.argmin(np.isin(features[:, 1], (1, 2))))
        raise ValueError(f"{path}, line {line}: expected a sex of 1 or 2, got {features[line - 1, 1]:g}")
    path = find_file("scikit-learn", "sklearn", f"{_FOLDER}/diabetes_target.csv.gz")
    target = numbers(path, read_rows(path, 442, 1), slice(None))
    return _table("diabetes", names, features, progression=target[:, 0])


def auto_mpg() -> Table:
    """Load the fuel economy of cars: 392 cars of 1970 to 1982, none with a missing cell.

    Columns: ``cylinders``, ``displacement`` (cubic inches), ``horsepower``, ``weight`` (pounds), ``acceleration`` (seconds
    from 0 to 60 miles an hour), ``model_year`` (70 to 82), ``origin`` (usa, europe or japan) and ``car_name`` (lower case,
    301 different ones); the target ``mpg``, miles per gallon. Neither the units nor the origins' names (1, 2 and 3 in the
    file) are stated by the package: they are those of James et al., table ``Auto`` of the R package ISLR.

    Raises:
        ModuleNotFoundError: when mlxtend is not installed.
        FileNotFoundError: when it does not hold the file.
        ValueError: when the file is damaged or holds another table.

    Source: R. Quinlan (1993), Combining instance-based and model-based learning, ICML; UCI Machine Learning Repository; the
    392 cars without a missing horsepower, which mlxtend carries.
    """
    names = ("cylinders", "displacement", "horsepower", "weight", "acceleration", "model_year")
    origins = {"1": "usa", "2": "europe", "3": "japan"}
    path = find_file("mlxtend", "mlxtend", "data/data/autompg.csv.gz")
    rows = read_rows(path, 392, len(names) + 3)
    features = numbers(path, rows, slice(0, len(names)))
    for line, (*_, code, car, _) in enumerate(rows, start=1):
        if code not in origins or not car.strip():
            raise ValueError(f"{path}, line {line}: expected an origin of 1, 2 or 3 and a car's name, got {code},{car}")
    origin = _words([origins[row[6]] for row in rows])
    car_name = _words([row[7].strip() for row in rows])
    mpg = numbers(path, rows, slice(8, 9))[:, 0]
    return _table("auto_mpg", names, features, origin=origin, car_name=car_name, mpg=mpg)


def weather_table() -> Table:
    """Load Seattle's weather as a table: what was measured on a day, and the next day's highest temperature.

    Columns: ``date`` (2012-01-01 to 2015-12-30), ``precipitation`` (mm), ``temp_max`` and ``temp_min`` (degrees Celsius),
    ``wind`` (metres a second), ``weather`` (drizzle, fog, rain, snow or sun), all of the day itself; the target
    ``temp_max_tomorrow`` (degrees Celsius), the highest temperature of the day after. 1,460 rows: the last day of the
    series has no tomorrow. Rows are to be split by their date.

    Raises:
        ModuleNotFoundError, FileNotFoundError, ValueError: as ``chainrule.data.weather``.

    Source: that of ``chainrule.data.weather``.
    """
    days = weather()
    today = slice(0, len(days) - 1)
    return Table(
        {
            "date": days.dates[today].astype("datetime64[s]"),
            **{name: getattr(days, name)[today] for name in ("precipitation", "temp_max", "temp_min", "wind")},
            "weather": _words([days.kinds[kind] for kind in days.kind[today]]),
            "temp_max_tomorrow": days.temp_max[1:].copy(),
        },
        "weather",
    )


def _classes(
    file: str, names: tuple[str, ...], target: str, classes: tuple[str, ...], counts: tuple[int, ...]
) -> Table:
    """Read a file of scikit-learn's: a header of counts and of class names, then features and a label a row."""
    path = find_file("scikit-learn", "sklearn", f"{_FOLDER}/{file}.csv")
    header = ",".join([str(sum(counts)), str(len(names)), *classes])
    rows = read_rows(path, sum(counts), len(names) + 1, header=header)
    features = numbers(path, rows, slice(0, len(names)), first_line=2)
    labels = {str(label): name for label, name in enumerate(classes)}
    for line, row in enumerate(rows, start=2):
        if row[-1] not in labels:
            raise ValueError(f"{path}, line {line}: expected a class from 0 to {len(classes) - 1}, got {row[-1]}")
    found = [labels[row[-1]] for row in rows]
    came = tuple(found.count(name) for name in classes)
    if came != counts:
        raise ValueError(f"{path}: expected {', '.join(map(str, counts))} examples of the classes, got {came}")
    return _table(file.removesuffix("_data"), names, features, **{target: _words(found)})


def _table(source: str, names: tuple[str, ...], features: np.ndarray, **rest: np.ndarray) -> Table:
    columns = dict(zip(names, np.ascontiguousarray(features.T), strict=True))
    return Table(columns | rest, source)


def _words(values: list[str]) -> np.ndarray:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
