"""The base class of policies and what an update reports, as in `tianshou.policy.base`."""

from torch.optim.lr_scheduler import LRScheduler

from pg_edu.base_policy import BasePolicy, MultipleLRSchedulers, TTrainingStats
from pg_edu.stats import TrainingStats, TrainingStatsWrapper

__all__ = [
    "BasePolicy",
    "TLearningRateScheduler",
    "TTrainingStats",
    "TrainingStats",
    "TrainingStatsWrapper",
]

TLearningRateScheduler = LRScheduler | MultipleLRSchedulers
