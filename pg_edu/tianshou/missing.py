"""Tell a script what to use instead of a Tianshou name that pg_edu lacks.

A name is asked for in one of two ways:

    from pg_edu.tianshou.policy import PPOPolicy       the module exists: its `__getattr__` answers
    from pg_edu.tianshou.exploration import OUNoise    there is no such module: `Finder` answers

Each module sets its own `__getattr__` (PEP 562) under `if not TYPE_CHECKING`, because mypy assumes
that a module with a `__getattr__` has every name.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

OTHER_ALGORITHM = "pg_edu has PGPolicy only; use Tianshou, Stable-Baselines3 or CleanRL."
PLAIN_BUFFER = (
    "REINFORCE discards its data after each update: use VectorReplayBuffer, or ReplayBuffer for "
    "a single environment."
)
ON_POLICY = "PGPolicy learns on-policy: write OnpolicyTrainer(policy=..., ...).run()."
NO_CRITIC = "PGPolicy has no critic."
OWN_NETWORK = "Use Net, or an nn.Module of your own."
WORKER = "Gymnasium's AsyncVectorEnv starts its own processes: use SubprocVectorEnv."
ACTION_WRAPPER = "Write a gymnasium.ActionWrapper."
ANNOTATE = "It only serves annotations: write RolloutBatchProtocol or Batch."
WANDB = (
    "Give TensorboardLogger a writer that has add_scalar, flush and close, and let its add_scalar "
    "call wandb.log."
)
PETTING_ZOO = "pg_edu trains one agent; for several agents, use Tianshou."
NO_NOISE = "PGPolicy explores by drawing its actions, so no noise is added."
HDF5 = "Save arrays with numpy.savez, and a policy with torch.save(policy.state_dict(), path)."
PROGRESS = "OnpolicyTrainer(show_progress=False) hides the bar; otherwise use tqdm itself."

# For each sentence of advice, the names that it is about, of v1.1.0 and of the versions before it.
NAMES = {
    OTHER_ALGORITHM: "A2CPolicy BCQPolicy BranchingDQNPolicy C51Policy CQLPolicy DDPGPolicy "
    "DQNPolicy DiscreteBCQPolicy DiscreteCQLPolicy DiscreteCRRPolicy DiscreteSACPolicy FQFPolicy "
    "GAILPolicy ICMPolicy IQNPolicy ImitationPolicy NPGPolicy PPOPolicy PSRLPolicy QRDQNPolicy "
    "REDQPolicy RainbowPolicy SACPolicy TD3BCPolicy TD3Policy TRPOPolicy",
    "For random actions, call Collector.collect(..., random=True).": "RandomPolicy",
    PETTING_ZOO: "MultiAgentPolicyManager PettingZooEnv MultiAgentEnv",
    PLAIN_BUFFER: "CachedReplayBuffer HERReplayBuffer HERReplayBufferManager HERVectorReplayBuffer "
    "ListReplayBuffer PrioritizedReplayBuffer PrioritizedReplayBufferManager "
    "PrioritizedVectorReplayBuffer SegmentTree",
    "Use VectorReplayBuffer(total_size, buffer_num).": "ReplayBufferManager",
    "Use ReplayBuffer in its place.": "TBuffer",
    "Use Collector, with SubprocVectorEnv for slow environments.": "AsyncCollector",
    "Use Collector.": "BaseCollector",
    "Use CollectStats.": "CollectStatsBase",
    ANNOTATE: "BatchWithAdvantagesProtocol DistLogProbBatchProtocol FQFBatchProtocol "
    "ImitationBatchProtocol LogpOldProtocol PrioBatchProtocol QuantileRegressionBatchProtocol "
    "RecurrentStateBatch TBatch TDistribution TNestedDictValue TRecurrentState",
    "Index a Batch that holds the distribution: Batch(dist=dist)[rows].dist.": "get_sliced_dist",
    "Batch.stack and Batch.cat create what they need.": "alloc_by_keys_diff create_value "
    "ProtocolCalledException",
    HDF5: "Hdf5ConvertibleType Hdf5ConvertibleValues from_hdf5 to_hdf5",
    "Use SubprocVectorEnv. To spread whole runs over a Ray cluster, use `python -m pg_edu sweep "
    "--backend ray`.": "RayVectorEnv",
    "Use gymnasium.vector.VectorWrapper.": "VectorEnvWrapper",
    "Use gymnasium.vector.VectorEnv, or DummyVectorEnv(env_fns) to make one.": "BaseVectorEnv "
    "VectorEnv",
    WORKER: "DummyEnvWorker EnvWorker RayEnvWorker SubprocEnvWorker",
    ACTION_WRAPPER: "ContinuousToDiscrete MultiDiscreteToDiscrete",
    "PGPolicy does not need it: a return also ends where an episode is truncated.": (
        "TruncatedAsTerminated"
    ),
    NO_NOISE: "BaseNoise GaussianNoise OUNoise exploration",
    "Use OnpolicyTrainer, which has no base class of its own.": "BaseTrainer",
    ON_POLICY: "OffpolicyTrainer OfflineTrainer offpolicy_trainer offpolicy_trainer_iter "
    "offline_trainer offline_trainer_iter",
    "Since Tianshou 1.0 it is OnpolicyTrainer(policy=policy, train_collector=train_collector, "
    "...).run(), with keyword arguments.": "onpolicy_trainer",
    "Since Tianshou 1.0 it is `for epoch_stats in OnpolicyTrainer(policy=policy, ...)`, with "
    "keyword arguments.": "onpolicy_trainer_iter",
    "Use Collector.collect(n_episode=...).": "test_episode",
    "OnpolicyTrainer.run() returns the InfoStats.": "gather_info",
    "Since Tianshou 0.5 it is TensorboardLogger(writer).": "BasicLogger",
    WANDB: "WandbLogger",
    "Use collections.deque(maxlen=n) and its mean.": "MovAvg",
    PROGRESS: "DummyTqdm tqdm_config",
    "Use warnings.warn.": "deprecation",
    "Write the names as strings: train, test, update, info.": "DataScope",
    "Numbers are logged, and nested dicts of them.": "TRestoredData VALID_LOG_VALS "
    "VALID_LOG_VALS_TYPE",
    "PGPolicy has no critic; give the actor's parameters to the optimizer.": "ActorCritic",
    NO_CRITIC: "Critic CriticBase RecurrentCritic",
    "Use Actor or ActorProb, or an nn.Module of your own.": "BaseActor",
    "Use MLP.": "miniblock ArgsType ModuleType TActionShape TLinearLayer",
    "Write pg_edu.tianshou.highlevel.logger.LoggerFactoryDefault, or make the TensorboardLogger "
    "yourself.": "LoggerFactory TLogger",
    "Use the attribute output_dim of the network.": "get_output_dim",
    OWN_NETWORK: "BranchingNet CosineEmbeddingNetwork DataParallelNet EnsembleLinear "
    "FractionProposalNetwork FullQuantileFunction ImplicitQuantileNetwork IntrinsicCuriosityModule "
    "NetBase NoisyLinear Perturbation VAE get_dict_state_decorator getattr_with_matching_alt_value",
    "ActorProb clamps the logarithm of sigma to [-20, 2].": "SIGMA_MAX SIGMA_MIN",
    "Use ActorProb, with Recurrent as its preprocessing network, and RecurrentPGPolicy.": (
        "RecurrentActorProb"
    ),
    "Use pg_edu.runs.intervals and pg_edu.runs.compare.": "evaluation",
    "Tianshou 2 calls PGPolicy Reinforce; its scripts do not run here, those for 1.1 do.": (
        "algorithm Reinforce"
    ),
}
ADVICE = {name: advice for advice, names in NAMES.items() for name in names.split()}

# What to say of a module that is not here, and of all modules below it.
MODULES = {
    "algorithm": ADVICE["algorithm"],
    "data.buffer": PLAIN_BUFFER,
    "data.utils.segtree": PLAIN_BUFFER,
    "env.gym_wrappers": ACTION_WRAPPER,
    "env.maenv": PETTING_ZOO,
    "env.pettingzoo_env": PETTING_ZOO,
    "env.utils": "Use the types of Gymnasium.",
    "env.worker": WORKER,
    "evaluation": ADVICE["evaluation"],
    "exploration": NO_NOISE,
    "highlevel": "Build the policy yourself, as the example of pg_edu.PGPolicy does.",
    "policy.imitation": OTHER_ALGORITHM,
    "policy.modelbased": OTHER_ALGORITHM,
    "policy.modelfree": OTHER_ALGORITHM,
    "policy.multiagent": PETTING_ZOO,
    "policy.random": ADVICE["RandomPolicy"],
    "trainer.offline": ON_POLICY,
    "trainer.offpolicy": ON_POLICY,
    "trainer.onpolicy": ADVICE["onpolicy_trainer"],
    "trainer.utils": ADVICE["test_episode"],
    "utils.conversion": "Write float(value) if value is not None else None.",
    "utils.log_tools": ADVICE["BasicLogger"],
    "utils.logger.wandb": WANDB,
    "utils.logging": "Use round.",
    "utils.optim": "Use torch.optim.",
    "utils.progress_bar": PROGRESS,
    "utils.warning": ADVICE["deprecation"],
}
# Packages of Tianshou that are modules of pg_edu.tianshou and not of pg_edu itself.
ONE_LEVEL_DOWN = ("data", "env", "policy", "utils", "highlevel")


def explain_missing(
    module: str, instead: dict[str, str] | None = None
) -> Callable[[str], NoReturn]:
    """Return the `__getattr__` of a module that says what to use instead of a missing name.

    Args:
        module: the module's `__name__`.
        instead: advice on names that mean something else in this module than elsewhere.

    Example:
        >>> explain_missing("pg_edu.tianshou.env", {"Pond": "Use a Lake."})("Pond")
        Traceback (most recent call last):
        ImportError: pg_edu.tianshou.env has no Pond. Use a Lake.
    """
    advice = ADVICE | (instead or {})

    def module_getattr(name: str) -> NoReturn:
        if name in advice:
            # `from module import name` would replace the message of an AttributeError with its own.
            raise ImportError(f"{module} has no {name}. {advice[name]}")
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return module_getattr


def explain_one_level_down(name: str) -> NoReturn:
    """Raise for a name that pg_edu lacks; say so if pg_edu.tianshou has a module of that name."""
    if name in ONE_LEVEL_DOWN:
        raise ImportError(
            f"pg_edu has no module {name}. Tianshou's modules are in pg_edu.tianshou: write "
            f"`import pg_edu.tianshou as ts` or `from pg_edu.tianshou.{name} import ...`."
        )
    raise AttributeError(f"module 'pg_edu' has no attribute {name!r}")


class Finder:
    """The last finder of `sys.meta_path`: it is asked for a module that no other one has found."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: Any = None) -> None:
        """Raise ImportError with advice if a module of Tianshou's is asked for."""
        if name.removeprefix("pg_edu.") in ONE_LEVEL_DOWN:
            explain_one_level_down(name.removeprefix("pg_edu."))
        where = name.removeprefix("pg_edu.tianshou.")
        if where == name:
            return
        for module, advice in MODULES.items():
            if f"{where}.".startswith(f"{module}."):
                raise ImportError(f"pg_edu.tianshou has no module {where}. {advice}")


def install_finder() -> None:
    """Let the import system ask `Finder` last."""
    if Finder not in sys.meta_path:
        sys.meta_path.append(Finder)
