"""The reports of training, as in `tianshou.data.stats`."""

from pg_edu.stats import SequenceSummaryStats
from pg_edu.trainer import EpochStats, InfoStats, TimingStats

__all__ = ["EpochStats", "InfoStats", "SequenceSummaryStats", "TimingStats"]
