"""Preparing data: each transform learns from training rows alone, and what it has learnt is a value."""

from chainrule.data.preprocessing.by_column import ByColumn, FittedPart, Part
from chainrule.data.preprocessing.encoding import Categories, LabelEncoder, Labels, OneHotEncoder
from chainrule.data.preprocessing.imputation import (
    Fill,
    MeanImputer,
    MedianImputer,
    MissingColumns,
    MissingIndicator,
    NearestNeighborImputer,
    Neighbors,
)
from chainrule.data.preprocessing.outliers import Bounds, OutlierClipper, drop_outliers, iqr_outliers, z_score_outliers
from chainrule.data.preprocessing.pipeline import Pipeline
from chainrule.data.preprocessing.record import from_record, to_record
from chainrule.data.preprocessing.scaling import MinMaxScaler, RobustScaler, Scale, StandardScaler
from chainrule.data.preprocessing.transform import Transform

__all__ = [
    "Bounds",
    "ByColumn",
    "Categories",
    "Fill",
    "FittedPart",
    "LabelEncoder",
    "Labels",
    "MeanImputer",
    "MedianImputer",
    "MinMaxScaler",
    "MissingColumns",
    "MissingIndicator",
    "NearestNeighborImputer",
    "Neighbors",
    "OneHotEncoder",
    "OutlierClipper",
    "Part",
    "Pipeline",
    "RobustScaler",
    "Scale",
    "StandardScaler",
    "Transform",
    "drop_outliers",
    "from_record",
    "iqr_outliers",
    "to_record",
    "z_score_outliers",
]
