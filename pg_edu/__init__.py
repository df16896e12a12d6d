"""pg_edu: REINFORCE, derived, built and proved.

The public names, in the order in which data meets them. They are those of Tianshou v1.1.0, flat.

    env --obs--> Collector --Batch--> PGPolicy.forward --act--> map_action --> env.step
                     |
                     v
               ReplayBuffer --sample--> process_fn (returns) --> learn --> PGTrainingStats
"""

from pg_edu.base_policy import (
    BasePolicy,
    MultipleLRSchedulers,
    policy_within_training_step,
    torch_train_mode,
)
from pg_edu.batch import Batch, to_numpy, to_torch, to_torch_as
from pg_edu.buffer import ReplayBuffer, VectorReplayBuffer
from pg_edu.collector import Collector, CollectStats
from pg_edu.guard import OuterBroadcastError, allow_outer_broadcast, forbid_outer_broadcast
from pg_edu.nets import MLP, Actor, ActorProb, Net
from pg_edu.reinforce import PGPolicy, TPGTrainingStats
from pg_edu.stats import (
    PGTrainingStats,
    RunningMeanStd,
    SequenceSummaryStats,
    TrainingStats,
    TrainingStatsWrapper,
)
from pg_edu.tianshou import (
    BaseLogger,
    DummyVectorEnv,
    LazyLogger,
    SpaceInfo,
    SubprocVectorEnv,
    TensorboardLogger,
)
from pg_edu.trainer import EpochStats, InfoStats, OnpolicyTrainer
from pg_edu.types import (
    ActBatchProtocol,
    ActStateBatchProtocol,
    BatchProtocol,
    BatchWithReturnsProtocol,
    DistBatchProtocol,
    ModelOutputBatchProtocol,
    ObsBatchProtocol,
    RolloutBatchProtocol,
    TDistFnDiscrOrCont,
)

__version__ = "0.1.0"

__all__ = [
    "MLP",
    "ActBatchProtocol",
    "ActStateBatchProtocol",
    "Actor",
    "ActorProb",
    "BaseLogger",
    "BasePolicy",
    "Batch",
    "BatchProtocol",
    "BatchWithReturnsProtocol",
    "CollectStats",
    "Collector",
    "DistBatchProtocol",
    "DummyVectorEnv",
    "EpochStats",
    "InfoStats",
    "LazyLogger",
    "ModelOutputBatchProtocol",
    "MultipleLRSchedulers",
    "Net",
    "ObsBatchProtocol",
    "OnpolicyTrainer",
    "OuterBroadcastError",
    "PGPolicy",
    "PGTrainingStats",
    "ReplayBuffer",
    "RolloutBatchProtocol",
    "RunningMeanStd",
    "SequenceSummaryStats",
    "SpaceInfo",
    "SubprocVectorEnv",
    "TDistFnDiscrOrCont",
    "TPGTrainingStats",
    "TensorboardLogger",
    "TrainingStats",
    "TrainingStatsWrapper",
    "VectorReplayBuffer",
    "allow_outer_broadcast",
    "forbid_outer_broadcast",
    "policy_within_training_step",
    "to_numpy",
    "to_torch",
    "to_torch_as",
    "torch_train_mode",
]
