"""One run of REINFORCE as a function of its seed: train(seed, config) -> Result.

    for iteration = 1, 2, ...
        seed torch, numpy and the environments from SeedSequence([seed, iteration])
        collect whole episodes
        their mean return, and those of 100 greedy and 100 sampled episodes reach the target: stop
        update

No random state passes from one iteration to the next. What lies between two of them is therefore
all in the parameters, the optimizer's moments and learning rate, and the running statistics of the
returns: a checkpoint holds these, and a resumed run ends with the same parameters as one never
interrupted.

Nothing here prints or draws. Config and Result can be pickled and `train` is a plain function, so
`concurrent.futures` maps it over seeds as it is.
"""

import io
import math
import os
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, cast

import gymnasium as gym
import numpy as np
import torch
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete
from gymnasium.wrappers import FlattenObservation
from numpy.typing import NDArray
from torch import nn
from torch.distributions import Distribution

from pg_edu.actions import BoundMethod
from pg_edu.buffer import VectorReplayBuffer
from pg_edu.collector import Collector, CollectStats
from pg_edu.distributions import IndependentCategoricals, categorical, gaussian
from pg_edu.leave_one_out import LeaveOneOut
from pg_edu.nets import ActorProb, Net
from pg_edu.base_policy import policy_within_training_step
from pg_edu.reinforce import PGPolicy
from pg_edu.trainer import collect_and_update

VectorEnv = gym.vector.VectorEnv[Any, Any, Any]
Baseline = Literal["none", "leave_one_out"]
POLICIES: dict[str, type[PGPolicy]] = {"none": PGPolicy, "leave_one_out": LeaveOneOut}

AGAINST_OTHERS: dict[str, Any] = {"baseline": "leave_one_out", "reward_normalization": False}
GOOD_SETTINGS: dict[str, dict[str, Any]] = {
    "Acrobot-v1": {**AGAINST_OTHERS, "momentum": 0.0},
    "CartPole-v1": {
        "learning_rate": 4e-2,
        "momentum": 0.0,
        "learning_rate_decay": 0.97,
        "num_envs": 80,
    },
    "InvertedPendulum-v5": {**AGAINST_OTHERS, "learning_rate": 5e-3, "momentum": 0.0},
    "Pendulum-v1": {
        **AGAINST_OTHERS,
        "learning_rate_decay": 0.98,
        "num_envs": 192,
        "hidden_sizes": (64, 64, 64, 64),
        "discount_factor": 0.97,
        "target": -200.0,
        "max_env_steps": 6_000_000,
    },
}
"""Where an environment learns better with other settings than Config's."""

EVALUATION_EPISODES = 100
LONGEST_EPISODE = 1000  # where neither the environment nor the user sets a time limit
FREE_TO_CHANGE = ("target", "max_env_steps", "max_updates", "max_seconds", "device")
"""The settings of a run that may be others when it is resumed."""
FORMAT = "pg_edu checkpoint 1"


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything but the seed that a run depends on.

    Attributes:
        env_id: any id that `gymnasium.make` knows.
        target: the mean return that counts as solved. None: the environment's own threshold, or
            infinity (the run goes to its limits) where it has none.
        learning_rate: Adam's.
        momentum: Adam's β₁ in [0, 1), the weight of earlier gradients in a step. Where a run takes
            few updates, they come from policies long gone.
        learning_rate_decay: in (0, 1]; each update multiplies the learning rate by it.
        discount_factor: γ in [0, 1].
        baseline: "none": plain REINFORCE, `PGPolicy`. "leave_one_out": `LeaveOneOut`, which weighs
            each return against those of the other episodes.
        reward_normalization: whether returns are normalised by their running mean and deviation.
        num_envs: environments that step together.
        episodes_per_env: whole episodes that each of them plays for one update.
        hidden_sizes: widths of the tanh layers.
        action_bound_method: "clip" or "tanh" into [-1, 1], then scaled to the Box; None sends raw
            actions. A Box without finite bounds gets raw actions in any case.
        batch_size: transitions per optimizer step; None: all, one step.
        repeat: passes over the transitions in an update.
        max_env_steps, max_updates, max_seconds: the run ends after the iteration in which it
            reaches one of these; None: no such limit.
        max_episode_steps: a time limit for episodes; None: the environment's own.
        device: where the network is.

    Raises:
        ValueError: a value out of its range.

    Example:
        >>> Config(learning_rate=-1)
        Traceback (most recent call last):
        ValueError: learning_rate must be a positive number, got -1
    """

    env_id: str = "CartPole-v1"
    target: float | None = None
    learning_rate: float = 1e-2
    momentum: float = 0.9
    learning_rate_decay: float = 1.0
    discount_factor: float = 0.99
    baseline: Baseline = "none"
    reward_normalization: bool = True
    num_envs: int = 16
    episodes_per_env: int = 1
    hidden_sizes: tuple[int, ...] = (64, 64)
    action_bound_method: BoundMethod = "clip"
    batch_size: int | None = None
    repeat: int = 1
    max_env_steps: int | None = 2_000_000
    max_updates: int | None = None
    max_seconds: float | None = None
    max_episode_steps: int | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        for name in ("learning_rate", "max_seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} must be a positive number, got {value}")
        for name in (
            *("num_envs", "episodes_per_env", "batch_size", "repeat"),
            *("max_env_steps", "max_updates", "max_episode_steps"),
        ):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int) and value >= 1):
                raise ValueError(f"{name} must be a whole number of at least 1, got {value}")
        if not all(isinstance(size, int) and size >= 1 for size in self.hidden_sizes):
            raise ValueError(f"hidden_sizes must be positive widths, got {self.hidden_sizes}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be in [0, 1), got {self.momentum}")
        if not 0 < self.learning_rate_decay <= 1:
            raise ValueError(
                f"learning_rate_decay must be in (0, 1], got {self.learning_rate_decay}"
            )
        if not 0 <= self.discount_factor <= 1:
            raise ValueError(f"discount_factor must be in [0, 1], got {self.discount_factor}")
        if self.action_bound_method not in ("clip", "tanh", None):
            raise ValueError(
                f'action_bound_method must be "clip", "tanh" or None, '
                f"got {self.action_bound_method!r}"
            )
        if self.baseline not in POLICIES:
            raise ValueError(f'baseline must be "none" or "leave_one_out", got {self.baseline!r}')
        if self.baseline == "leave_one_out" and self.batch_size is not None:
            raise ValueError(
                f"batch_size must be None with the leave-one-out baseline, got {self.batch_size}: "
                "the step is on all episodes together"
            )
        if self.target is not None and math.isnan(self.target):
            raise ValueError("target must be a number, got nan")


def good_config(env_id: str = "CartPole-v1", **changes: Any) -> Config:
    """The settings of `GOOD_SETTINGS` for this environment, else Config's own, with `changes`.

    Example:
        >>> good_config("Pendulum-v1", num_envs=8).discount_factor
        0.97
    """
    return Config(env_id=env_id, **{**GOOD_SETTINGS.get(env_id, {}), **changes})


class Iteration(NamedTuple):
    """What one iteration brought; a row of the run's table.

    `seconds` and `env_steps` count from the start of the run, up to the end of this iteration.
    `greedy` and `sampled` are mean returns over 100 episodes, where an evaluation was made; `loss`
    is None where it ended the run, before the update.
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
    """A run as it stands between two iterations, whole or interrupted.

    Attributes:
        seed: of the run.
        config: its settings; here `target` is always a number.
        history: one entry for each iteration so far.
        stopped: "solved", or the limit that was reached ("max_env_steps", ...), or "" before that.
        policy_state, optim_state: state dicts: tensors, Python numbers, lists and dicts.
    """

    seed: int
    config: Config
    history: tuple[Iteration, ...]
    stopped: str
    policy_state: dict[str, Any]
    optim_state: dict[str, Any]

    @property
    def solved(self) -> bool:
        """Whether the last training episodes, 100 greedy and 100 sampled ones reach the target."""
        return self.stopped == "solved"

    @property
    def env_steps(self) -> int:
        """Transitions used for training."""
        return self.history[-1].env_steps if self.history else 0

    def __reduce__(self) -> tuple[Any, ...]:
        # Tensors would travel between processes as shared memory, with a file open for each.
        file = io.BytesIO()
        torch.save(_to_plain(self), file)
        return _from_bytes, (file.getvalue(),)


def train(
    seed: int = 0,
    config: Config | None = None,
    *,
    resume: Result | None = None,
    on_iteration: Callable[[Result], object] | None = None,
) -> Result:
    """Train until the target is reached, or a limit.

    Torch's and numpy's global generators are seeded; nothing else outside is touched.

    Args:
        seed: not negative. The same seed gives the same result on the same machine.
        config: None: Config().
        resume: where an earlier run stood. It goes on as if it had never been interrupted, to the
            limits of `config`, which must otherwise be the same.
        on_iteration: called with the run as it stands: before the first iteration and after each.

    Raises:
        ValueError: the environment or the device cannot be used, the config is not that of
            `resume`, or the training diverges.

    Example:
        >>> result = train(seed=0, config=Config(max_updates=2))
        >>> len(result.history), result.stopped
        (2, 'max_updates')
    """
    config = Config() if config is None else config
    if not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed must be a whole number of at least 0, got {seed}")
    if resume is not None:
        _check_same_run(seed, config, resume)
    spec = _spec(config)
    target = spec.reward_threshold if config.target is None else config.target
    target = math.inf if target is None else float(target)
    config = replace(config, target=target)

    policy = initial_policy(seed, config)
    history: list[Iteration] = []
    if resume is not None:
        _load_state(policy, resume)
        # The iteration that solved it took no update: it is repeated, and judged anew.
        history = [row for row in resume.history if row.loss is not None]
    envs = make_envs(config, config.num_envs)
    start = time.perf_counter() - (history[-1].seconds if history else 0.0)

    def standing(stopped: str) -> Result:
        states = deepcopy((policy.state_dict(), policy.optim.state_dict()))
        result = Result(seed, config, tuple(history), stopped, *states)
        if on_iteration is not None:
            on_iteration(result)
        return result

    try:
        rows = config.num_envs * config.episodes_per_env * cast(int, spec.max_episode_steps)
        collector = Collector(policy, envs, VectorReplayBuffer(rows, config.num_envs))
        result = standing(_limit_reached(config, history))
        while not result.stopped:
            row = _iterate(seed, len(history) + 1, config, policy, collector)
            env_steps, seconds = result.env_steps + row.env_steps, time.perf_counter() - start
            history.append(row._replace(env_steps=env_steps, seconds=seconds))
            result = standing("solved" if row.loss is None else _limit_reached(config, history))
        return result
    finally:
        envs.close()


def _iterate(
    seed: int, iteration: int, config: Config, policy: PGPolicy, collector: Collector
) -> Iteration:
    """One iteration; `env_steps` and `seconds` of its row are those of this iteration alone."""
    env_seed, test_seed = _seed_generators(seed, iteration)
    target, means = cast(float, config.target), dict[str, float]()
    start = time.perf_counter()

    def reaches_target(collected: CollectStats) -> bool:
        mean = float(collected.returns.mean())
        for name, greedy in (("greedy", True), ("sampled", False)):
            if mean < target:
                return False
            mean = float(evaluate(policy, config, greedy=greedy, seed=test_seed).mean())
            means[name] = mean
        return mean >= target

    collector.reset(gym_reset_kwargs={"seed": env_seed})
    collected, updated, _ = collect_and_update(
        policy,
        collector,
        n_episode=config.num_envs * config.episodes_per_env,
        batch_size=config.batch_size,
        repeat=config.repeat,
        stop_before_update=reaches_target,
    )
    return Iteration(
        iteration=iteration,
        env_steps=collected.n_collected_steps,
        episodes=collected.n_collected_episodes,
        return_mean=float(collected.returns.mean()),
        return_min=float(collected.returns.min()),
        return_max=float(collected.returns.max()),
        loss=updated.get_loss_stats_dict()["loss"] if updated else None,
        greedy=means.get("greedy"),
        sampled=means.get("sampled"),
        seconds=time.perf_counter() - start,
    )


def evaluate(
    policy: PGPolicy,
    config: Config,
    *,
    greedy: bool,
    episodes: int = EVALUATION_EPISODES,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Returns of fresh episodes, [episodes], in new environments.

    Args:
        policy: as `trained_policy` or `initial_policy` gives it.
        config: that of its training.
        greedy: act by the distribution's mode; otherwise sample, as in training.
        episodes: at least 1.
        seed: of the environments and the samples. Torch's CPU generator is left as it was.

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
            kwargs = {"seed": seed}
            return collector.collect(n_episode=episodes, gym_reset_kwargs=kwargs).returns
    finally:
        policy.deterministic_eval = before
        envs.close()


def initial_policy(seed: int, config: Config) -> PGPolicy:
    """The policy with which the run of this seed begins. Seeds torch's and numpy's generators."""
    env = make_env(config)
    env.close()
    _seed_generators(seed, 0)
    return make_policy(config, env.observation_space, env.action_space)


def trained_policy(result: Result) -> PGPolicy:
    """The policy of a run as it stands.

    Raises:
        ValueError: its environment cannot be made, or its parameters do not fit it.
    """
    policy = initial_policy(result.seed, result.config)
    _load_state(policy, result)
    return policy


def make_policy(
    config: Config, observation_space: gym.Space[Any], action_space: gym.Space[Any]
) -> PGPolicy:
    """A PGPolicy (or LeaveOneOut, see `Config.baseline`) with a tanh network and Adam.

    The layers are orthogonal and the last one is small, so that the first policy hardly prefers any
    action (Andrychowicz et al. 2021, "What Matters for On-Policy Deep Actor-Critic Methods").

    Args:
        observation_space: of one environment, a Box.
        action_space: of one environment. Discrete: a Categorical. MultiDiscrete and MultiBinary:
            one Categorical for each component. Box of shape [A]: a Gaussian whose standard
            deviation does not depend on the observation.

    Raises:
        ValueError: another action space, or a device that cannot be used.
    """
    try:
        torch.zeros(1, device=config.device).item()
    except Exception as error:  # torch raises errors of many types for devices
        reason = str(error).split("\n")[0]
        raise ValueError(f"device {config.device!r} cannot be used: {reason}") from error
    net = partial(
        Net,
        observation_space.shape or (),
        hidden_sizes=config.hidden_sizes,
        activation=nn.Tanh,
        device=config.device,
    )
    bound_method: BoundMethod = None
    actor: Net | ActorProb
    dist_fn: Callable[[Any], Distribution]
    if isinstance(action_space, Discrete):
        actor = net(int(action_space.n))
        dist_fn = categorical
    elif isinstance(action_space, MultiDiscrete | MultiBinary) and len(action_space.shape) == 1:
        sizes = getattr(action_space, "nvec", np.full(action_space.shape, 2)).tolist()
        actor = net(sum(sizes))
        dist_fn = IndependentCategoricals(tuple(sizes))
    elif isinstance(action_space, Box) and len(action_space.shape) == 1:
        actor = ActorProb(net(), action_space.shape, unbounded=True, device=config.device)
        dist_fn = gaussian
        if action_space.is_bounded():
            bound_method = config.action_bound_method
    else:
        raise ValueError(
            f"{config.env_id} has the actions {action_space}; expected Discrete, or MultiDiscrete, "
            "MultiBinary or Box of one axis. For others give PGPolicy an actor of your own."
        )
    layers = [module for module in actor.modules() if isinstance(module, nn.Linear)]
    for layer in layers:
        nn.init.orthogonal_(layer.weight, 0.01 if layer is layers[-1] else math.sqrt(2))
        nn.init.zeros_(layer.bias)
    betas = config.momentum, 0.999
    optim = torch.optim.Adam(actor.parameters(), lr=config.learning_rate, betas=betas)
    # It multiplies the rate that the optimizer has, whose state is saved: it needs none itself.
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optim, config.learning_rate_decay)
    return POLICIES[config.baseline](
        actor=actor,
        optim=optim,
        dist_fn=dist_fn,
        action_space=action_space,
        observation_space=observation_space,
        discount_factor=config.discount_factor,
        reward_normalization=config.reward_normalization,
        action_scaling=bound_method is not None,
        action_bound_method=bound_method,
        lr_scheduler=scheduler,
    )


def make_env(config: Config, **kwargs: Any) -> gym.Env[Any, Any]:
    """One environment as it is trained on; observations that are no Box are flattened into one.

    Args:
        **kwargs: for `gymnasium.make`, such as render_mode.

    Raises:
        ValueError: there is no such environment, or it lacks a package; the message says which.
    """
    limit = config.max_episode_steps
    try:
        env = gym.make(config.env_id, max_episode_steps=limit, **kwargs)
        if env.spec is not None and env.spec.max_episode_steps is None:
            env = gym.make(config.env_id, max_episode_steps=LONGEST_EPISODE, **kwargs)
    except Exception as error:  # an environment's own code may fail in any way
        unknown = isinstance(error, gym.error.UnregisteredEnv)
        hint = " gymnasium.pprint_registry() lists what there is." if unknown else ""
        raise ValueError(f"environment {config.env_id!r} cannot be made: {error}{hint}") from error
    return env if isinstance(env.observation_space, Box) else FlattenObservation(env)


def make_envs(config: Config, num_envs: int) -> VectorEnv:
    """The same, `num_envs` of them in one vector; a natively vectorised one where there is one.

    Raises:
        ValueError: as `make_env`.
    """
    spec = _spec(config)
    if spec.vector_entry_point is None or spec.additional_wrappers:
        return gym.vector.SyncVectorEnv([lambda: make_env(config)] * num_envs)
    return gym.make_vec(config.env_id, num_envs, max_episode_steps=spec.max_episode_steps)


def save_checkpoint(result: Result, path: str | os.PathLike[str]) -> None:
    """Write a run as it stands. A file of that name is replaced whole or not at all.

    `torch.load(path, weights_only=True)` reads it: it holds nothing but tensors, numbers, strings,
    lists and dicts.

    Raises:
        OSError: the file cannot be written.
    """
    temporary = Path(f"{os.fspath(path)}.part")
    try:
        with temporary.open("wb") as file:
            torch.save(_to_plain(result), file)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load_checkpoint(file: str | os.PathLike[str] | IO[bytes]) -> Result:
    """The run that `save_checkpoint` wrote.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it holds something else.
    """
    foreign = f"{file} is not a checkpoint of pg_edu, or is damaged"
    try:
        plain = torch.load(file, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # a damaged file makes torch.load fail in many ways
        raise ValueError(foreign) from error
    if not isinstance(plain, dict) or plain.pop("format", None) != FORMAT:
        raise ValueError(foreign)
    try:
        config = Config(
            **{**plain["config"], "hidden_sizes": tuple(plain["config"]["hidden_sizes"])}
        )
        history = tuple(Iteration(*row) for row in plain["history"])
        return Result(**{**plain, "config": config, "history": history})
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ValueError(foreign) from error


def _from_bytes(data: bytes) -> Result:
    return load_checkpoint(io.BytesIO(data))


def _to_plain(result: Result) -> dict[str, Any]:
    plain = {field.name: getattr(result, field.name) for field in fields(result)}
    plain["config"] = asdict(result.config)
    plain["history"] = [list(row) for row in result.history]
    return {"format": FORMAT, **plain}


def _load_state(policy: PGPolicy, result: Result) -> None:
    try:
        policy.load_state_dict(result.policy_state)
        policy.optim.load_state_dict(result.optim_state)
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"the parameters do not fit {result.config.env_id} with hidden sizes "
            f"{result.config.hidden_sizes}: was the environment changed since?"
        ) from error


def _check_same_run(seed: int, config: Config, resume: Result) -> None:
    """A run is resumed with other limits or on another device, and with no other change."""
    before = {"seed": resume.seed, **asdict(resume.config)}
    for name, value in {"seed": seed, **asdict(config)}.items():
        if name not in FREE_TO_CHANGE and value != before[name]:
            raise ValueError(
                f"{name} was {before[name]} in the run to resume and cannot become {value}; "
                f"only these may change: {', '.join(FREE_TO_CHANGE)}"
            )


def _seed_generators(seed: int, iteration: int) -> tuple[int, int]:
    """Seed torch and numpy for an iteration; return seeds for its environments and evaluations."""
    words = np.random.SeedSequence([seed, iteration]).generate_state(4)
    for_torch, for_numpy, for_envs, for_tests = map(int, words)
    torch.manual_seed(for_torch)
    np.random.seed(for_numpy)
    return for_envs, for_tests


def _limit_reached(config: Config, history: Sequence[Iteration]) -> str:
    """The name of the limit that the run has reached, or ""."""
    if not history:
        return ""
    last = history[-1]
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


def _spec(config: Config) -> EnvSpec:
    """What is known of the environment: its threshold, its time limit, how it is vectorised."""
    env = make_env(config)
    env.close()
    return cast(EnvSpec, env.spec)
