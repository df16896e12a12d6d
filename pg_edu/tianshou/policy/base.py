"""The base class of policies and what an update reports, as in `tianshou.policy.base`."""

from typing import TYPE_CHECKING

from torch.optim.lr_scheduler import LRScheduler

from pg_edu.base_policy import BasePolicy, MultipleLRSchedulers, TTrainingStats
from pg_edu.stats import TrainingStats, TrainingStatsWrapper
from pg_edu.tianshou.missing import explain_missing

__all__ = [
    "BasePolicy",
    "TLearningRateScheduler",
    "TTrainingStats",
    "TrainingStats",
    "TrainingStatsWrapper",
]

TLearningRateScheduler = LRScheduler | MultipleLRSchedulers

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
