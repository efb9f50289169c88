"""Data sets that need no network, stratified splits, and the check at the door of every training."""

from chainrule.data import augment
from chainrule.data.augment import Augmentation
from chainrule.data.checks import check_supervised
from chainrule.data.dataset import Dataset
from chainrule.data.digits import digits
from chainrule.data.mixup import mixup
from chainrule.data.mnist import mnist
from chainrule.data.split import stratified_split
from chainrule.data.text import Text, text
from chainrule.data.weather import Weather, weather

__all__ = [
    "Augmentation",
    "Dataset",
    "Text",
    "Weather",
    "augment",
    "check_supervised",
    "digits",
    "mixup",
    "mnist",
    "stratified_split",
    "text",
    "weather",
]
