"""Data sets that need no network, stratified splits, and the check at the door of every training."""

from chainrule.data import augment
from chainrule.data.augment import Augmentation
from chainrule.data.batches import batches
from chainrule.data.catalogue import DATA_SETS
from chainrule.data.checks import check_supervised
from chainrule.data.dataset import Dataset
from chainrule.data.digits import digits
from chainrule.data.image_folder import LabelledImages, image_folder
from chainrule.data.mixup import mixup
from chainrule.data.mnist import mnist
from chainrule.data.npz_file import read_npz
from chainrule.data.split import chronological_split, k_fold, random_split, stratified_k_fold, stratified_split
from chainrule.data.stream import chunks, prefetch
from chainrule.data.tabular_sets import auto_mpg, breast_cancer, diabetes, iris, weather_table, wine
from chainrule.data.text import Text, text
from chainrule.data.weather import Weather, weather

__all__ = [
    "DATA_SETS",
    "Augmentation",
    "Dataset",
    "LabelledImages",
    "Text",
    "Weather",
    "augment",
    "auto_mpg",
    "batches",
    "breast_cancer",
    "check_supervised",
    "chronological_split",
    "chunks",
    "diabetes",
    "digits",
    "image_folder",
    "iris",
    "k_fold",
    "mixup",
    "mnist",
    "prefetch",
    "random_split",
    "read_npz",
    "stratified_k_fold",
    "stratified_split",
    "text",
    "weather",
    "weather_table",
    "wine",
]
