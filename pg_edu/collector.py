"""Collect: let a policy act in environments and store every transition in a buffer.

    obs --policy--> act --map_action--> env.step --> (obs, act, rew, obs_next, ...) --> buffer

All N environments step together. Gymnasium's vector environments differ in what comes after the end
of an episode:

    SAME_STEP   the step returns the first observation of the next episode; the final one is in
                info["final_obs"].
    NEXT_STEP   the step returns the final observation; the following step ignores its action and
                returns the first observation. This reset step is not a transition, so it is
                not stored.
    DISABLED    the step returns the final observation; the collector resets the environment.
"""

import math
import time
import warnings
from dataclasses import dataclass, field
from typing import Any, cast

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

from pg_edu.base_policy import BasePolicy, outputs_unexamined, torch_train_mode
from pg_edu.batch import Batch, to_numpy
from pg_edu.buffer import ReplayBuffer, VectorReplayBuffer
from pg_edu.checks import check_exactly_one
from pg_edu.distributions import torch_validation_off
from pg_edu.hidden_state import check_state, reset_rows
from pg_edu.staging import Block, Columns
from pg_edu.stats import DataclassPPrintMixin, SequenceSummaryStats
from pg_edu.types import Flags, Floats, Ints, ObsBatchProtocol

Options = dict[str, Any] | None

# Rows are stored in blocks: large enough that few calls are needed and, images aside, small enough
# for the cache. The observations of a block fill BLOCK_BYTES, but a block has at least FEWEST_STEPS
# steps and at most MOST_STEPS.
BLOCK_BYTES, FEWEST_STEPS, MOST_STEPS = 2**18, 64, 256


@dataclass(kw_only=True)
class CollectStats(DataclassPPrintMixin):
    """The statistics of one call of `Collector.collect`.

    Attributes:
        n_collected_episodes: the number of episodes that ended.
        n_collected_steps: the number of transitions stored.
        collect_time: how long the call took, in seconds.
        collect_speed: transitions per second.
        returns: the sum of rewards of each ended episode, float64, in the order of their ends.
        returns_stat: a summary of `returns`; None if no episode ended.
        lens: the number of steps of each ended episode, int64.
        lens_stat: a summary of `lens`; None if no episode ended.
    """

    n_collected_episodes: int = 0
    n_collected_steps: int = 0
    collect_time: float = 0.0
    collect_speed: float = 0.0
    returns: Floats
    returns_stat: SequenceSummaryStats | None
    lens: Ints
    lens_stat: SequenceSummaryStats | None


@dataclass
class _Progress:
    """The progress of one call of `collect`: what it has to do, and what is done.

    Attributes:
        max_steps: the number of vector steps to take; None: until every quota is filled.
        quota: the number of episodes to collect from each environment, [N]; None: no limit.
        steps: the number of vector steps taken.
        ended: the number of episodes that ended in each environment, [N].
        rows: the number of transitions stored from each environment, [N].
        returns, lens: those of the episodes that ended, one array per stored block.
    """

    max_steps: int | None
    quota: Ints | None
    ended: Ints
    rows: Ints
    steps: int = 0
    returns: list[Floats] = field(default_factory=list)
    lens: list[Ints] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether everything is collected."""
        if self.quota is None:
            return self.steps == self.max_steps
        return bool((self.ended >= self.quota).all())

    def wanted(self, transitions: Flags) -> Flags:
        """Tell which of these transitions to store: those of environments below their quota."""
        if self.quota is None:
            return transitions
        return transitions & (self.ended < self.quota)


class Collector:
    """A collector lets a policy act in environments, and stores the transitions.

    A policy with memory gets the hidden state that it returned one step before: None after a reset
    of all environments, and 0 in the rows of those whose next episode begins.

    Episodes are collected fairly: of n episodes in N environments, episode k belongs to environment
    k mod N, which is fixed before their lengths are known. (The first n episodes to end would be
    the short ones.)

    Args:
        policy: its `forward` and `map_action` choose the actions.
        env: a `gym.vector.VectorEnv`, or a `gym.Env`, which becomes a vector of one.
        buffer: has at least one sub-buffer per environment; None: one slot per environment, which
            is overwritten by design (to measure returns, not to learn).
        exploration_noise: whether `policy.exploration_noise` changes the actions.

    Raises:
        ValueError: the buffer has too few sub-buffers, or the policy was made for another action
            space.

    Source: Tianshou v1.1.0, Collector.

    Example:
        >>> from pg_edu.nets import Net
        >>> from pg_edu.reinforce import PGPolicy
        >>> envs = gym.make_vec("CartPole-v1", num_envs=4)
        >>> net = Net(state_shape=4, action_shape=2, hidden_sizes=[16], softmax=True)
        >>> policy = PGPolicy(actor=net, optim=torch.optim.Adam(net.parameters()),
        ...     dist_fn=torch.distributions.Categorical, action_space=envs.single_action_space,
        ...     action_scaling=False)
        >>> collector = Collector(policy, envs, VectorReplayBuffer(4000, buffer_num=4))
        >>> stats = collector.collect(n_episode=8)
        >>> stats.n_collected_episodes, len(collector.buffer) == stats.lens.sum().item()
        (8, True)
    """

    def __init__(
        self,
        policy: BasePolicy[Any],
        env: gym.Env[Any, Any] | VectorEnv[Any, Any, Any],
        buffer: ReplayBuffer | None = None,
        exploration_noise: bool = False,
    ) -> None:
        self.policy = policy
        self.env = env if isinstance(env, VectorEnv) else _vector_of_one(env)
        self.env_num = self.env.num_envs
        self.buffer = VectorReplayBuffer(self.env_num, self.env_num) if buffer is None else buffer
        self.exploration_noise = exploration_noise
        self.reset_stat()
        self._overwrites = buffer is None
        self._mode = _autoreset_mode(self.env)
        self._act_shape = (self.env_num, *(self.env.single_action_space.shape or ()))
        self._obs: Any = None  # None: reset before the next step
        self._info: dict[str, Any] = {}
        self._state: Any = None  # the hidden states of a recurrent policy
        self._fresh = False  # whether every environment is at the start of an episode
        self._is_reset_step = np.zeros(self.env_num, bool)  # whether the coming step only resets
        self._check_arguments()

    def reset(
        self, reset_buffer: bool = True, reset_stats: bool = True, gym_reset_kwargs: Options = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset environments and, by default, buffer and counters; return the first (obs, info)."""
        first = self.reset_env(gym_reset_kwargs)
        if reset_buffer:
            self.reset_buffer()
        if reset_stats:
            self.reset_stat()
        return first

    def reset_env(self, gym_reset_kwargs: Options = None) -> tuple[Any, dict[str, Any]]:
        """Reset all environments; an episode that this cuts off ends as truncated in the buffer."""
        self._abandon()
        self._obs, self._info = self.env.reset(**(gym_reset_kwargs or {}))
        self._fresh = True
        return self._obs, self._info

    def reset_buffer(self, keep_statistics: bool = False) -> None:
        """Empty the buffer; `keep_statistics` keeps the returns so far of unfinished episodes."""
        self.buffer.reset(keep_statistics=keep_statistics)

    def reset_stat(self) -> None:
        """Set collect_step, collect_episode and collect_time to 0."""
        self.collect_step = 0
        self.collect_episode = 0
        self.collect_time = 0.0

    def close(self) -> None:
        """Close the environments."""
        self.env.close()
        self._obs = None

    def collect(
        self,
        n_step: int | None = None,
        n_episode: int | None = None,
        random: bool = False,
        render: float | None = None,
        reset_before_collect: bool = False,
        gym_reset_kwargs: Options = None,
    ) -> CollectStats:
        """Collect a number of steps or of episodes.

        Args:
            n_step: the number of steps to take, in ceil(n_step / N) vector steps that continue
                where the last call stopped. Reset steps (NEXT_STEP) are among them, and are not
                stored.
            n_episode: the number of whole episodes to collect, each from its start; afterward all
                environments are reset.
            random: whether to sample actions from the action space instead of from the policy.
            render: seconds to wait after rendering each step; None: no rendering.
            reset_before_collect: whether to reset environments and counters first, not the buffer.
            gym_reset_kwargs: for the resets of this call; a seed is used at its first one. There is
                none at its start if the environments were just reset, as after n_episode.

        Raises:
            ValueError: not exactly one of n_step and n_episode, or not positive; a buffer that
                cannot hold what this call collects; a hidden state without the environments on
                axis 0. Any error while stepping marks the unfinished episodes as truncated.
        """
        progress = self._plan(n_step, n_episode)
        kwargs = gym_reset_kwargs or {}
        start = time.perf_counter()
        if reset_before_collect:
            self.reset(reset_buffer=False, gym_reset_kwargs=kwargs)
        elif self._obs is None or (n_episode and not self._fresh):
            self.reset_env(kwargs)
        try:
            with torch.no_grad(), torch_train_mode(self.policy, False), torch_validation_off():
                self._run(progress, random, render)
        except BaseException:
            self._abandon()
            raise
        if n_episode is not None:
            self.reset_env({key: value for key, value in kwargs.items() if key != "seed"})
        return self._count(progress, seconds=max(time.perf_counter() - start, 1e-9))

    def _plan(self, n_step: int | None, n_episode: int | None) -> _Progress:
        """Return the plan: a number of vector steps, or a number of episodes for each environment.

        Episode k belongs to environment k mod N.
        """
        N = self.env_num
        _check_how_much(n_step, n_episode, N)
        nothing = np.zeros(N, int)  # counters are changed in place, so each has its own
        if n_episode is not None:
            quota = np.bincount(np.arange(n_episode) % N, minlength=N)
            return _Progress(None, quota, ended=nothing, rows=nothing.copy())
        steps = math.ceil(cast(int, n_step) / N)
        self._check_room(np.full(N, steps))
        return _Progress(steps, None, ended=nothing, rows=nothing.copy())

    def _run(self, progress: _Progress, random: bool, render: float | None) -> None:
        """Step until the rollout is over, and store a block of transitions whenever one is full."""
        block = Block(self._block_size(progress.max_steps))
        self._fresh = False
        self._step(progress, block, random, render)  # the policy examines its actor's output
        with outputs_unexamined(self.policy):
            while not progress.is_over:
                if block.is_full:
                    self._store(progress, block)
                self._step(progress, block, random, render)
        self._store(progress, block)

    def _step(self, progress: _Progress, block: Block, random: bool, render: float | None) -> None:
        """Take one step in all environments, and stage its transitions."""
        act, env_act = self._act(random)
        block.put({"obs": self._obs, **act})  # copied before an environment overwrites obs
        self._obs, rew, terminated, truncated, self._info = self.env.step(env_act)
        flags = {
            "terminated": np.asarray(terminated, bool),
            "truncated": np.asarray(truncated, bool),
            "valid": progress.wanted(~self._is_reset_step),
        }
        block.put({"rew": np.asarray(rew, np.float64), **flags})
        done = flags["terminated"] | flags["truncated"]
        progress.ended += done
        self._start_next_episodes(done, block)
        block.end_step()
        progress.steps += 1
        if render is not None:
            self.env.render()
            time.sleep(render)

    def _start_next_episodes(self, done: Flags, block: Block) -> None:
        """Continue after the ends of episodes, as the autoreset mode requires."""
        starts = done  # where the next observation is the first of an episode
        if self._mode is AutoresetMode.NEXT_STEP:
            starts = self._is_reset_step  # this step was the reset
            self._is_reset_step = done  # the next one will be
        elif self._mode is AutoresetMode.SAME_STEP:
            for environment in np.flatnonzero(done).tolist():
                final_obs = _of_environment(self._info["final_obs"], environment)
                block.put_final_obs(final_obs, environment)
        elif done.any():
            block.put_final_obs(self._obs)  # of all environments: the others go on from there
            self._obs, self._info = self.env.reset(options={"reset_mask": done})
        if self._state is not None and starts.any():
            self._state = reset_rows(self._state, starts)

    def _store(self, progress: _Progress, block: Block) -> None:
        """Move the staged transitions to the buffer, and note the episodes that ended."""
        rows = block.take(self._obs)
        valid = rows.pop("valid")
        progress.rows += valid.sum(axis=0)
        self._check_room(progress.rows)
        _, episode_return, episode_length, _ = self.buffer.extend(rows, valid)
        ended = episode_length > 0
        progress.returns.append(episode_return[ended])
        progress.lens.append(episode_length[ended])

    def _count(self, progress: _Progress, seconds: float) -> CollectStats:
        """Add a finished rollout to the counters, and return its statistics."""
        returns = np.concatenate(progress.returns)
        lens = np.concatenate(progress.lens)
        rows = int(progress.rows.sum())
        self.collect_step += rows
        self.collect_episode += len(returns)
        self.collect_time += seconds
        return CollectStats(
            n_collected_episodes=len(returns),
            n_collected_steps=rows,
            collect_time=seconds,
            collect_speed=rows / seconds,
            returns=returns,
            returns_stat=SequenceSummaryStats.from_sequence(returns) if len(returns) else None,
            lens=lens,
            lens_stat=SequenceSummaryStats.from_sequence(lens) if len(lens) else None,
        )

    def _act(self, random: bool) -> tuple[Columns, Any]:
        """Return the raw actions (with the policy's own entry), and the environments' actions."""
        if random:
            env_act = self.env.action_space.sample()
            return {"act": np.asarray(self.policy.map_action_inverse(env_act))}, env_act
        obs = Batch(self._obs) if isinstance(self._obs, dict) else self._obs
        info = Batch(self._info) if self._info else Batch()
        batch = cast(ObsBatchProtocol, Batch.of({"obs": obs, "info": info}))
        result = self.policy.forward(batch, self._state)
        state = result.get("state")
        check_state(state, self.env_num)
        self._state = state
        act = to_numpy(result.act)
        if self.exploration_noise:
            act = self.policy.exploration_noise(act, batch)
        row = {"act": np.asarray(act)}
        entry = result.get("policy")
        if isinstance(entry, Batch):
            row["policy"] = to_numpy(entry).to_dict()
        return row, self.policy.map_action(act).reshape(self._act_shape)

    def _block_size(self, max_steps: int | None) -> int:
        """Return the number of steps in a block."""
        fitting = BLOCK_BYTES // max(1, _bytes(self._obs))
        size = min(max(fitting, FEWEST_STEPS), MOST_STEPS)
        return size if max_steps is None else min(size, max_steps)

    def _check_arguments(self) -> None:
        """Require a sub-buffer for each environment, and a policy made for a single environment."""
        if self.buffer.buffer_num < self.env_num:
            raise ValueError(
                f"buffer has {self.buffer.buffer_num} sub-buffers for {self.env_num} environments. "
                f"Use VectorReplayBuffer(total_size, buffer_num={self.env_num})."
            )
        single, batched = self.env.single_action_space, self.env.action_space
        if self.policy.action_space == batched != single:
            raise ValueError(
                "the policy was given the action_space of all environments together, "
                f"{batched}. Give it env.single_action_space, {single}."
            )

    def _check_room(self, rows: Ints) -> None:
        """Require that the rows of one call, [N], do not overwrite one another."""
        most = int(rows.max())
        size = self.buffer.sub_buffer_size
        if most > size and not self._overwrites:
            raise ValueError(
                f"buffer holds {size} steps per environment, but this call collects {most} or "
                f"more: it needs a total size of at least {most * self.buffer.buffer_num}."
            )

    def _abandon(self) -> None:
        """Cut off the unfinished episodes: the stored part of each ends as truncated."""
        self.buffer.mark_truncated(np.arange(self.env_num))
        self._obs = None
        self._state = None
        self._is_reset_step = np.zeros(self.env_num, bool)


def _check_how_much(n_step: int | None, n_episode: int | None, environments: int) -> None:
    """Require a positive n_step or n_episode; warn where it does not suit the environments."""
    check_exactly_one(n_step=n_step, n_episode=n_episode)
    if n_episode is not None and n_episode < environments:
        warnings.warn(
            f"n_episode={n_episode} leaves some of the {environments} environments idle.",
            stacklevel=4,
        )
    if n_step is not None and n_step % environments != 0:
        taken = math.ceil(n_step / environments) * environments
        warnings.warn(
            f"n_step={n_step} is not a multiple of the {environments} environments: "
            f"{taken} steps are taken.",
            stacklevel=4,
        )


def _of_environment(obs: Any, environment: int) -> Any:
    """Return one environment's observation out of [N, ...], or out of a dict of these."""
    if isinstance(obs, dict):
        return {key: _of_environment(value, environment) for key, value in obs.items()}
    return obs[environment]


def _bytes(obs: Any) -> int:
    """Return the number of bytes of an array, or of all arrays in a dict."""
    if isinstance(obs, dict):
        return sum(_bytes(value) for value in obs.values())
    return np.asarray(obs).nbytes


def _vector_of_one(env: gym.Env[Any, Any]) -> VectorEnv[Any, Any, Any]:
    return SyncVectorEnv([lambda: env], autoreset_mode=AutoresetMode.SAME_STEP)


def _autoreset_mode(env: VectorEnv[Any, Any, Any]) -> AutoresetMode:
    mode = env.metadata.get("autoreset_mode")
    if mode is None:
        warnings.warn("env.metadata has no autoreset_mode: NEXT_STEP is assumed.", stacklevel=3)
    return AutoresetMode(mode or AutoresetMode.NEXT_STEP)
