"""Statistics: tests of hypotheses and their power, intervals by resampling."""

from chainrule.maths.statistics.bootstrap import BootstrapInterval, bootstrap_interval
from chainrule.maths.statistics.power import RejectionRate, rejection_rate, simulated_power
from chainrule.maths.statistics.t_tests import (
    Alternative,
    TTest,
    one_sample_t_test,
    paired_t_test,
    student_t_test,
    welch_t_test,
)

__all__ = [
    "Alternative",
    "BootstrapInterval",
    "RejectionRate",
    "TTest",
    "bootstrap_interval",
    "one_sample_t_test",
    "paired_t_test",
    "rejection_rate",
    "simulated_power",
    "student_t_test",
    "welch_t_test",
]
