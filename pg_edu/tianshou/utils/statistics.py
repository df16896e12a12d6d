"""Running mean and variance, as in `tianshou.utils.statistics`."""

from typing import TYPE_CHECKING

from pg_edu.stats import RunningMeanStd
from pg_edu.tianshou.missing import explain_missing

__all__ = ["RunningMeanStd"]

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
