"""Data sets that need no network, stratified splits, and the check at the door of every training."""

from chainrule.data.checks import check_supervised
from chainrule.data.dataset import Dataset
from chainrule.data.digits import digits
from chainrule.data.mnist import mnist
from chainrule.data.split import stratified_split

__all__ = ["Dataset", "check_supervised", "digits", "mnist", "stratified_split"]
