"""Batches, replay buffers, collectors and what they report, as in `tianshou.data`."""

from typing import TYPE_CHECKING

from pg_edu.batch import Batch, to_numpy, to_torch, to_torch_as
from pg_edu.buffer import ReplayBuffer, VectorReplayBuffer
from pg_edu.collector import Collector, CollectStats
from pg_edu.stats import SequenceSummaryStats
from pg_edu.tianshou.missing import explain_missing
from pg_edu.trainer import EpochStats, InfoStats, TimingStats

__all__ = [
    "Batch",
    "CollectStats",
    "Collector",
    "EpochStats",
    "InfoStats",
    "ReplayBuffer",
    "SequenceSummaryStats",
    "TimingStats",
    "VectorReplayBuffer",
    "to_numpy",
    "to_torch",
    "to_torch_as",
]

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
