"""Running mean and variance, as in `tianshou.utils.statistics`."""

from pg_edu.stats import RunningMeanStd

__all__ = ["RunningMeanStd"]
