"""Train once, as a function of seed and settings: train(seed, config) -> Result.

    for iteration = 1, 2, ...
        seed torch, numpy and the environments from SeedSequence([seed, iteration])
        collect complete episodes
        stop if their mean return reaches the target, and so do the mean returns of 100 greedy
            episodes and of 100 sampled ones
        update the policy

No random state passes from one iteration to the next. So all that a run needs to continue is the
parameters, the optimizer's moments and learning rate, and the running statistics of the returns.
A `Result` holds these, so a resumed run ends with the same parameters as one that was never
interrupted.

Nothing here prints or draws. `Config` and `Result` can be pickled, and `train` is a plain function,
so that `concurrent.futures` can map it over seeds.
"""

import io
import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from copy import deepcopy
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NamedTuple, cast

import numpy as np
import torch

from pg_edu.base_policy import policy_within_training_step
from pg_edu.buffer import VectorReplayBuffer
from pg_edu.collector import Collector, CollectStats
from pg_edu.reinforce import PGPolicy
from pg_edu.runs.agents import env_spec, make_envs, make_policy, open_env
from pg_edu.runs.config import Config
from pg_edu.runs.environment_errors import VectorEnv, working_folder_kept
from pg_edu.trainer import collect_and_update
from pg_edu.types import Floats

EVALUATION_EPISODES = 100

FREE_TO_CHANGE = ("target", "max_env_steps", "max_updates", "max_seconds", "device")
"""The settings that a run may change when it is resumed."""


class Iteration(NamedTuple):
    """The record of one iteration; one row of the run's table.

    `seconds` and `env_steps` count from the start of the run to the end of this iteration.
    `return_mean`, `return_min` and `return_max` describe the training episodes. `greedy` and
    `sampled` are mean returns of 100 episodes each, or None if the policy was not evaluated. `loss`
    is None in the iteration that solved the task, which ends before its update.
    """

    iteration: int
    env_steps: int
    episodes: int
    return_mean: float
    return_min: float
    return_max: float
    loss: float | None
    greedy: float | None
    sampled: float | None
    seconds: float


@dataclass(frozen=True, eq=False)
class Result:
    """The state of a run between two iterations, or at its end.

    Attributes:
        seed: the seed of the run.
        config: the settings of the run; here `target` is always a number.
        history: one entry for each iteration so far.
        stopped: why the run has ended: "solved", or the limit that it reached ("max_env_steps",
            ...). Empty if it has not ended yet.
        policy_state, optim_state: state dicts of tensors, Python numbers, lists and dicts.
    """

    seed: int
    config: Config
    history: tuple[Iteration, ...]
    stopped: str
    policy_state: dict[str, Any]
    optim_state: dict[str, Any]

    @property
    def solved(self) -> bool:
        """Whether training, 100 greedy and 100 sampled episodes reached the target on average."""
        return self.stopped == "solved"

    @property
    def env_steps(self) -> int:
        """The number of transitions that the run has collected for training."""
        return self.history[-1].env_steps if self.history else 0

    def to_plain(self) -> dict[str, Any]:
        """Return the result as a dict of tensors, numbers, strings, lists and dicts."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        plain["config"] = asdict(self.config)
        plain["history"] = [list(iteration) for iteration in self.history]
        return plain

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "Result":
        """Return the result from which `to_plain` made this dict.

        Raises:
            TypeError, ValueError, KeyError, AttributeError: the dict is that of something else.
        """
        settings = {**plain["config"], "hidden_sizes": tuple(plain["config"]["hidden_sizes"])}
        history = tuple(Iteration(*row) for row in plain["history"])
        return cls(**{**plain, "config": Config(**settings), "history": history})

    def __reduce__(self) -> tuple[Any, ...]:
        # By default, tensors travel between processes as shared memory, with an open file for each.
        file = io.BytesIO()
        torch.save(self.to_plain(), file)
        return _from_bytes, (file.getvalue(),)


def _from_bytes(data: bytes) -> Result:
    plain = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    return Result.from_plain(plain)


def train(
    seed: int = 0,
    config: Config | None = None,
    *,
    resume: Result | None = None,
    on_iteration: Callable[[Result], object] | None = None,
) -> Result:
    """Train until the target or a limit is reached.

    This seeds the global generators of torch and NumPy, and has no other side effect.

    Args:
        seed: not negative. The same seed gives the same result on the same machine.
        config: the settings; None: Config().
        resume: the state of an earlier run. It continues as if it had never been interrupted, up to
            the limits of `config`, whose other settings must be the same.
        on_iteration: called with the state of the run, before the first iteration and after each.

    Raises:
        ValueError: the environment or the device cannot be used, the config is not that of
            `resume`, the training diverges, or a return is not finite.
        EnvironmentFailed: the environment raises an error.

    Example:
        >>> result = train(seed=0, config=Config(max_updates=2))
        >>> len(result.history), result.stopped
        (2, 'max_updates')
    """
    config = Config() if config is None else config
    _check_seed(seed)
    if resume is not None:
        _check_same_run(seed, config, resume)
    config = replace(config, target=_target(config))

    policy = initial_policy(seed, config)
    history: list[Iteration] = []
    if resume is not None:
        _load_state(policy, resume)
        # The iteration that solved the task ended before its update. It is repeated, because the
        # target may now be higher.
        history = [iteration for iteration in resume.history if iteration.loss is not None]

    with working_folder_kept(), closing(make_envs(config, config.num_envs)) as envs:
        return _train_further(seed, config, policy, envs, history, on_iteration)


def _train_further(
    seed: int,
    config: Config,
    policy: PGPolicy,
    envs: VectorEnv,
    history: list[Iteration],
    on_iteration: Callable[[Result], object] | None,
) -> Result:
    """Add iterations to the history until the run ends, and return its final state."""
    seconds_before = history[-1].seconds if history else 0.0
    start = time.perf_counter() - seconds_before
    collector = Collector(policy, envs, _buffer_for_one_iteration(config))

    while True:
        result = _state(seed, config, policy, history)
        if on_iteration is not None:
            on_iteration(result)
        if result.stopped:
            return result
        history.append(_iterate(result, policy, collector, start))


def _iterate(result: Result, policy: PGPolicy, collector: Collector, start: float) -> Iteration:
    """Run the iteration that follows this state of the run; the run began at the time `start`."""
    config = result.config
    number = len(result.history) + 1
    env_seed, evaluation_seed = seed_generators(result.seed, number)
    has_solved = _HasSolved(policy, config, evaluation_seed)

    collector.reset(gym_reset_kwargs={"seed": env_seed})
    collected, updated, _ = collect_and_update(
        policy,
        collector,
        n_episode=config.num_envs * config.episodes_per_env,
        batch_size=config.batch_size,
        repeat=config.repeat,
        stop_before_update=has_solved,
    )
    return Iteration(
        iteration=number,
        env_steps=result.env_steps + collected.n_collected_steps,
        episodes=collected.n_collected_episodes,
        return_mean=float(collected.returns.mean()),
        return_min=float(collected.returns.min()),
        return_max=float(collected.returns.max()),
        loss=updated.get_loss_stats_dict()["loss"] if updated else None,
        greedy=has_solved.greedy,
        sampled=has_solved.sampled,
        seconds=time.perf_counter() - start,
    )


class _HasSolved:
    """A check, after each rollout, of whether the policy has solved its task.

    An evaluation costs 100 episodes, so each one is made only if the mean return before it reached
    the target. `greedy` and `sampled` keep the mean returns that were measured.
    """

    def __init__(self, policy: PGPolicy, config: Config, seed: int) -> None:
        self.policy = policy
        self.config = config
        self.seed = seed
        self.greedy: float | None = None
        self.sampled: float | None = None

    def __call__(self, collected: CollectStats) -> bool:
        target = cast(float, self.config.target)
        if collected.returns.mean() < target:
            return False

        self.greedy = self._mean_return(greedy=True)
        if self.greedy < target:
            return False

        self.sampled = self._mean_return(greedy=False)
        return self.sampled >= target

    def _mean_return(self, greedy: bool) -> float:
        returns = evaluate(self.policy, self.config, greedy=greedy, seed=self.seed)
        return float(returns.mean())


@working_folder_kept()
def evaluate(
    policy: PGPolicy,
    config: Config,
    *,
    greedy: bool,
    episodes: int = EVALUATION_EPISODES,
    seed: int = 0,
) -> Floats:
    """Return the returns of new episodes, [episodes], in new environments.

    Args:
        policy: a policy such as those of `trained_policy` and `initial_policy`.
        config: the settings of its training.
        greedy: whether to take the distribution's mode; otherwise actions are sampled, as in
            training.
        episodes: the number of episodes, at least 1.
        seed: the seed of the environments and of the sampled actions. Torch's CPU generator is left
            as it was.

    Raises:
        ValueError: the environment cannot be made, or a return is not finite.
        EnvironmentFailed: the environment raises an error.

    Example:
        >>> config = Config()
        >>> evaluate(initial_policy(0, config), config, greedy=True, episodes=5).shape
        (5,)
    """
    envs = make_envs(config, min(episodes, EVALUATION_EPISODES))
    before = policy.deterministic_eval
    policy.deterministic_eval = greedy
    try:
        with policy_within_training_step(policy, False), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            collector = Collector(policy, envs)
            stats = collector.collect(n_episode=episodes, gym_reset_kwargs={"seed": seed})
    finally:
        policy.deterministic_eval = before
        envs.close()
    _check_finite(stats.returns, config)
    return stats.returns


def initial_policy(seed: int, config: Config) -> PGPolicy:
    """Return the policy with which the run with this seed begins.

    This seeds the global generators of torch and NumPy.

    Raises:
        ValueError: the environment or the device cannot be used.
    """
    with open_env(config) as env:
        spaces = (env.observation_space, env.action_space)
    seed_generators(seed, 0)
    return make_policy(config, *spaces)


def trained_policy(result: Result) -> PGPolicy:
    """Return the policy of a run in the state that the result holds.

    Raises:
        ValueError: the environment cannot be made, or the parameters do not fit it.
    """
    policy = initial_policy(result.seed, result.config)
    _load_state(policy, result)
    return policy


def seed_generators(seed: int, iteration: int) -> tuple[int, int]:
    """Seed torch and numpy for an iteration; return seeds for its environments and evaluations.

    SeedSequence mixes the two numbers, so that runs and iterations share no seed.
    """
    words = np.random.SeedSequence([seed, iteration]).generate_state(4)
    for_torch, for_numpy, for_envs, for_evaluations = map(int, words)
    torch.manual_seed(for_torch)
    np.random.seed(for_numpy)
    return for_envs, for_evaluations


def _check_finite(returns: Floats, config: Config) -> None:
    """Require returns and a mean that are finite; an infinite one would reach every target."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean = returns.mean()
    if not np.isfinite(mean):
        raise ValueError(
            f"{config.env_id} has a mean return of {mean} (returns from {returns.min()} to "
            f"{returns.max()}), but it must be finite: give smaller rewards"
        )


def _buffer_for_one_iteration(config: Config) -> VectorReplayBuffer:
    """Return a buffer that is large enough even if all episodes reach the time limit."""
    longest = cast(int, env_spec(config).max_episode_steps)
    transitions = config.num_envs * config.episodes_per_env * longest
    return VectorReplayBuffer(transitions, config.num_envs)


def _state(seed: int, config: Config, policy: PGPolicy, history: Sequence[Iteration]) -> Result:
    """Return a copy of the run's state, which further training does not change."""
    return Result(
        seed=seed,
        config=config,
        history=tuple(history),
        stopped=_why_stopped(config, history),
        policy_state=deepcopy(policy.state_dict()),
        optim_state=deepcopy(policy.optim.state_dict()),
    )


def _load_state(policy: PGPolicy, result: Result) -> None:
    try:
        policy.load_state_dict(result.policy_state)
        policy.optim.load_state_dict(result.optim_state)
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"the parameters do not fit {result.config.env_id} with hidden sizes "
            f"{result.config.hidden_sizes}: has the environment changed since the training?"
        ) from error


def _target(config: Config) -> float:
    """Return the target of the config, or that of the environment, or infinity."""
    target = env_spec(config).reward_threshold if config.target is None else config.target
    return math.inf if target is None else float(target)


def _why_stopped(config: Config, history: Sequence[Iteration]) -> str:
    """Return "solved", or the name of the limit that the run has reached, or ""."""
    if not history:
        return ""
    last = history[-1]
    if last.loss is None:
        return "solved"

    spent = {
        "max_env_steps": last.env_steps,
        "max_updates": last.iteration,
        "max_seconds": last.seconds,
    }
    for name, amount in spent.items():
        limit = getattr(config, name)
        if limit is not None and amount >= limit:
            return name
    return ""


def _check_seed(seed: int) -> None:
    if not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed must be a whole number of at least 0, got {seed}")
    if seed >= 2**64:  # Torch's generators take no larger ones.
        raise ValueError(f"seed must be less than 2**64, got {seed}")


def _check_same_run(seed: int, config: Config, resume: Result) -> None:
    """Require that only limits and the device differ from those of the run to resume."""
    before = {"seed": resume.seed, **asdict(resume.config)}
    for name, value in {"seed": seed, **asdict(config)}.items():
        if name not in FREE_TO_CHANGE and value != before[name]:
            raise ValueError(
                f"{name} was {before[name]} in the run to resume and cannot become {value}; "
                f"only these settings may change: {', '.join(FREE_TO_CHANGE)}"
            )
