"""Tianshou v1.1.0 under pg_edu's flat names, so that one case runs on either library."""

from tianshou.data import (
    Batch,
    Collector,
    CollectStats,
    EpochStats,
    InfoStats,
    ReplayBuffer,
    SequenceSummaryStats,
    VectorReplayBuffer,
    to_numpy,
    to_torch,
    to_torch_as,
)
from tianshou.env import DummyVectorEnv, VectorEnvNormObs
from tianshou.policy import BasePolicy, PGPolicy
from tianshou.policy.base import TrainingStats, TrainingStatsWrapper
from tianshou.policy.modelfree.pg import PGTrainingStats
from tianshou.utils import MultipleLRSchedulers, RunningMeanStd
from tianshou.utils.net.common import MLP, Net
from tianshou.utils.net.continuous import ActorProb
from tianshou.utils.net.discrete import Actor
from tianshou.utils.torch_utils import policy_within_training_step, torch_train_mode

__all__ = [
    "MLP",
    "Actor",
    "ActorProb",
    "BasePolicy",
    "Batch",
    "CollectStats",
    "Collector",
    "DummyVectorEnv",
    "EpochStats",
    "InfoStats",
    "MultipleLRSchedulers",
    "Net",
    "PGPolicy",
    "PGTrainingStats",
    "ReplayBuffer",
    "RunningMeanStd",
    "SequenceSummaryStats",
    "TrainingStats",
    "TrainingStatsWrapper",
    "VectorEnvNormObs",
    "VectorReplayBuffer",
    "policy_within_training_step",
    "to_numpy",
    "to_torch",
    "to_torch_as",
    "torch_train_mode",
]
