"""The reports of training, as in `tianshou.data.stats`."""

from typing import TYPE_CHECKING

from pg_edu.stats import SequenceSummaryStats
from pg_edu.tianshou.missing import explain_missing
from pg_edu.trainer import EpochStats, InfoStats, TimingStats

__all__ = ["EpochStats", "InfoStats", "SequenceSummaryStats", "TimingStats"]

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
