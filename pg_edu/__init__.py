"""pg_edu: REINFORCE, derived, built and proved.

    env --obs--> Collector --Batch--> PGPolicy.forward --act--> map_action --> env.step
                     |
                     v
               ReplayBuffer --sample--> process_fn (returns) --> learn --> PGTrainingStats

The core is the files of this folder: what an observation passes through on its way to the loss, and
nothing else. In reading order:

    types            the names of arrays, and the fields of a Batch at each stage
    batch            named arrays that are indexed together
    hidden_state     what an actor with memory carries from step to step
    nets             actors: from observations to the parameters of a distribution
    distributions    from an actor's output to a checked distribution over actions
    log_probs        one log-probability per decision, or an error
    actions          from raw actions to environment actions: bound and scale, and back
    infos            what environments say besides observations, as the policy saw it
    sub_buffers      the slots of each environment's rows, and its unfinished episode
    buffer           transitions in time order
    returns          Gₜ = rₜ + γ Gₜ₊₁, advantages, n-step returns
    stats            summaries of training; running mean and variance
    rollback         puts parameters and optimizer back after an update that failed
    base_policy      actions in and out of the space, the order of an update
    examine          refuses rows, actions and parameters that would train the wrong thing
    reinforce        PGPolicy: forward, returns, loss
    leave_one_out    PGPolicy with a leave-one-out baseline, and unbiased
    recurrent        PGPolicy for actors with memory: whole episodes, step after step
    staging          the rows of several vector steps before they are stored
    env_checks       what is wrong with environments, and which one it is
    collector        act, step, store; the ends of episodes in every autoreset mode
    trainer          collect, update, discard, repeat
    checks           argument checks that several files use

Around it are `guard` (no silent broadcasting), `runs` (configurations, training runs, sweeps, the
command line), `figures`, `lab` (exact worlds, probes, the museum of pitfalls), `course` (claims and
exercises) and `tianshou` (the import paths of Tianshou v1.1.0). The names below are public; those
that Tianshou v1.1.0 also has mean the same there.
"""

from typing import TYPE_CHECKING

# ruff: isort: off
from pg_edu.runs import starting as _starting  # noqa: F401  # before torch, for Ctrl-C

# ruff: isort: on
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
from pg_edu.leave_one_out import LeaveOneOut
from pg_edu.nets import MLP, Actor, ActorProb, Net, Recurrent
from pg_edu.recurrent import RecurrentPGPolicy
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
    ShmemVectorEnv,
    SpaceInfo,
    SubprocVectorEnv,
    TensorboardLogger,
    VectorEnvNormObs,
)
from pg_edu.tianshou.missing import explain_one_level_down
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
    "LeaveOneOut",
    "ModelOutputBatchProtocol",
    "MultipleLRSchedulers",
    "Net",
    "ObsBatchProtocol",
    "OnpolicyTrainer",
    "OuterBroadcastError",
    "PGPolicy",
    "PGTrainingStats",
    "Recurrent",
    "RecurrentPGPolicy",
    "ReplayBuffer",
    "RolloutBatchProtocol",
    "RunningMeanStd",
    "SequenceSummaryStats",
    "ShmemVectorEnv",
    "SpaceInfo",
    "SubprocVectorEnv",
    "TDistFnDiscrOrCont",
    "TPGTrainingStats",
    "TensorboardLogger",
    "TrainingStats",
    "TrainingStatsWrapper",
    "VectorEnvNormObs",
    "VectorReplayBuffer",
    "allow_outer_broadcast",
    "forbid_outer_broadcast",
    "policy_within_training_step",
    "to_numpy",
    "to_torch",
    "to_torch_as",
    "torch_train_mode",
]

if not TYPE_CHECKING:
    __getattr__ = explain_one_level_down
