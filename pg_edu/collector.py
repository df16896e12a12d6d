"""The collector: a policy plays in environments, and every transition goes into a buffer.

    obs --policy--> act --map_action--> env.step --> (obs, act, rew, obs_next, ...) --> buffer

All N environments step together. The rows of some vector steps are staged in arrays [T, N] and
stored at once; no object is made for a single transition. Where an episode ends, Gymnasium's vector
environments differ in what comes next:

    SAME_STEP   the step returns the first observation of the next episode; the true last one is
                in info["final_obs"].
    NEXT_STEP   the step returns the true last observation; the following step ignores its action
                and returns the first observation. That step is no transition and is not stored.
    DISABLED    the step returns the true last observation; the collector resets.
"""

import time
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from operator import itemgetter, setitem
from typing import Any, cast

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from numpy.typing import NDArray

from pg_edu import checks
from pg_edu.batch import Batch, to_numpy, wrap
from pg_edu.buffer import ReplayBuffer, VectorReplayBuffer
from pg_edu.policy import BasePolicy, torch_train_mode
from pg_edu.stats import DataclassPPrintMixin, SequenceSummaryStats
from pg_edu.types import Flags, ObsBatchProtocol

Counts = NDArray[np.int64]
Returns = NDArray[np.float64]
Options = dict[str, Any] | None
Columns = dict[str, Any]  # what belongs to one vector step, [N, ...], or to several, [T, N, ...]
Lasts = list[tuple[Any, Any]]  # (t, n), or t for all n, and the last observation of an episode

# Rows are stored in blocks: few enough calls, yet (but for images) small enough for the cache. So a
# block has as many steps as this many bytes hold observations, within these limits.
BLOCK_BYTES, FEWEST_STEPS, MOST_STEPS = 2**18, 64, 256


@dataclass(kw_only=True)
class CollectStats(DataclassPPrintMixin):
    """What one call of `Collector.collect` brought.

    Attributes:
        n_collected_episodes: episodes that ended.
        n_collected_steps: transitions stored.
        collect_time: seconds.
        collect_speed: transitions a second.
        returns: sum of rewards of each ended episode, float64, in the order in which they ended.
        returns_stat: summary of `returns`, None if no episode ended.
        lens: steps of each ended episode, int64.
        lens_stat: summary of `lens`, None if no episode ended.
    """

    n_collected_episodes: int = 0
    n_collected_steps: int = 0
    collect_time: float = 0.0
    collect_speed: float = 0.0
    returns: Returns
    returns_stat: SequenceSummaryStats | None
    lens: Counts
    lens_stat: SequenceSummaryStats | None


class Collector:
    """Lets a policy play and stores what happens.

    Episodes are collected fairly: of n episodes in N environments, episode k belongs to environment
    k mod N, fixed before anything is known of their lengths. (The first n to end would be the
    short ones.)

    Args:
        policy: whose `forward` and `map_action` choose the actions.
        env: a `gym.vector.VectorEnv`, or a `gym.Env`, which becomes a vector of one.
        buffer: at least one ring an environment. None: one slot an environment, overwritten by
            design (to measure returns, not to learn).
        exploration_noise: whether `policy.exploration_noise` changes the actions.

    Raises:
        ValueError: the buffer has too few rings, or the policy was made for another action space.

    Source: Tianshou v1.1.0, Collector.

    Example:
        >>> from pg_edu.nets import Net
        >>> from pg_edu.policy import PGPolicy
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
        self._obs: Any = None  # None: to be reset before the next step
        self._info: dict[str, Any] = {}
        self._state: Any = None
        self._fresh = False  # every environment stands at the start of an episode
        self._ended = np.zeros(self.env_num, bool)  # NEXT_STEP: the coming step is no transition
        checks.check_collector_arguments(policy, self.env, self.buffer.buffer_num)

    def reset(
        self, reset_buffer: bool = True, reset_stats: bool = True, gym_reset_kwargs: Options = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset environments, and if wanted buffer and counters; the first (obs, info)."""
        first = self.reset_env(gym_reset_kwargs)
        if reset_buffer:
            self.reset_buffer()
        if reset_stats:
            self.reset_stat()
        return first

    def reset_env(self, gym_reset_kwargs: Options = None) -> tuple[Any, dict[str, Any]]:
        """Reset all environments. An episode that this cuts off ends as truncated in the buffer."""
        self._abandon()
        self._obs, self._info = self.env.reset(**(gym_reset_kwargs or {}))
        self._fresh = True
        return self._obs, self._info

    def reset_buffer(self, keep_statistics: bool = False) -> None:
        """Empty the buffer; `keep_statistics` goes on counting the running episodes."""
        self.buffer.reset(keep_statistics=keep_statistics)

    def reset_stat(self) -> None:
        """Set collect_step, collect_episode and collect_time to 0."""
        self.collect_step, self.collect_episode, self.collect_time = 0, 0, 0.0

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
        """Play for a number of steps or of episodes.

        Args:
            n_step: transitions to collect, in ceil(n_step / N) vector steps; goes on where the last
                call stopped. Under NEXT_STEP the rows after an episode's end are not counted.
            n_episode: whole episodes to collect, from fresh ones; then all environments are reset.
            random: whether to sample from the environments' action space instead.
            render: seconds to wait after rendering each step; None: no rendering.
            reset_before_collect: whether to reset the environments first; the buffer is kept.
            gym_reset_kwargs: for `env.reset`; a seed is used once, at this call's first reset.

        Raises:
            ValueError: not exactly one of n_step and n_episode, or not positive; a buffer that
                cannot hold what this call collects; a hidden state without the environments on
                axis 0. The episodes that were running are then marked as truncated.
        """
        steps, quota = self._plan(n_step, n_episode)
        kwargs = gym_reset_kwargs or {}
        start = time.perf_counter()
        if reset_before_collect:
            self.reset(reset_buffer=False, gym_reset_kwargs=kwargs)
        elif self._obs is None or (n_episode and not self._fresh):
            self.reset_env(kwargs)
        try:
            with (
                torch.no_grad(),
                torch_train_mode(self.policy, False),
                checks.torch_does_not_check(),
            ):
                returns, lens, rows = self._play(steps, quota, random, render)
        except BaseException:
            self._abandon()
            raise
        if n_episode is not None:
            self.reset_env({key: value for key, value in kwargs.items() if key != "seed"})
        seconds = max(time.perf_counter() - start, 1e-9)
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

    def _plan(self, n_step: int | None, n_episode: int | None) -> tuple[int | None, Counts | None]:
        """How many vector steps to take, or how many episodes of each environment to store (None:
        no limit): episode k belongs to environment k mod N."""
        n = self.env_num
        checks.check_how_much(n_step, n_episode, n)
        if n_episode is not None:
            return None, np.bincount(np.arange(n_episode) % n, minlength=n)
        steps = -(-cast(int, n_step) // n)
        self._check_room(np.full(n, steps))
        return steps, None

    def _play(
        self, steps: int | None, quota: Counts | None, random: bool, render: float | None
    ) -> tuple[Returns, Counts, int]:
        """Step until `steps` vector steps are taken or every environment has its episodes."""
        returns, lens, rows = [np.empty(0)], [np.empty(0, np.int64)], np.zeros(self.env_num, int)
        size = BLOCK_BYTES // max(1, _bytes(self._obs))
        size = min(max(size, FEWEST_STEPS), MOST_STEPS, steps or MOST_STEPS)
        self._fresh = False
        block, lasts = Columns(), Lasts()
        skip = self._ended  # the environments whose coming step is no transition
        ended, ended_before = np.zeros(self.env_num, int), np.zeros(self.env_num, int)
        next_step, playing, taken = self._mode is AutoresetMode.NEXT_STEP, True, 0
        while playing:
            t = taken % size
            act, env_act = self._act(random)
            _put(block, t, size, {"obs": self._obs, **act})
            self._obs, rew, terminated, truncated, self._info = self.env.step(env_act)
            flags = {"terminated": np.asarray(terminated), "truncated": np.asarray(truncated)}
            _put(block, t, size, {"rew": np.asarray(rew, np.float64), **flags})
            done = block["terminated"][t] | block["truncated"][t]
            if quota is not None:
                ended = ended + done
            if not next_step and np.count_nonzero(done):
                lasts += self._go_on(t, done)
            if next_step:
                done, self._ended = self._ended, done  # the hidden state too begins anew later
            if self._state is not None and np.count_nonzero(done):
                self._state = _begin_anew(self._state, done)
            if render is not None:
                self.env.render()
                time.sleep(render)
            taken += 1
            playing = taken != steps and (quota is None or bool((ended < quota).any()))
            if t + 1 == size or not playing:
                _put(block, t + 1, size, {"obs": self._obs})
                staged, lasts = _staged(block, t + 1, lasts), []
                done = staged["terminated"] | staged["truncated"]
                valid = self._valid(done, skip, quota, ended_before)
                rows += valid.sum(axis=0)
                self._check_room(rows)
                _, episode_return, episode_length, _ = self.buffer.extend(Batch(staged), valid)
                returns.append(episode_return[episode_length > 0])
                lens.append(episode_length[episode_length > 0])
                skip, ended_before = self._ended, ended
        return np.concatenate(returns), np.concatenate(lens), int(rows.sum())

    def _valid(self, done: Flags, skip: Flags, quota: Counts | None, ended_before: Counts) -> Flags:
        """Which rows of a block are stored, [T, N]: those that are steps of an episode, and of an
        environment below its quota of ended episodes. `skip`: where the first row is no step."""
        no_step = np.concatenate([skip[None], done[:-1]]) & (self._mode is AutoresetMode.NEXT_STEP)
        return ~no_step & (quota is None or ended_before + np.cumsum(done, 0) - done < quota)

    def _go_on(self, t: int, done: Flags) -> Lasts:
        """The last observations of the episodes that ended, with their places; the next begin."""
        if self._mode is AutoresetMode.SAME_STEP:
            last = self._info["final_obs"]
            return [((t, n), deepcopy(_map(itemgetter(n), last))) for n in np.flatnonzero(done)]
        last = deepcopy(self._obs)
        self._obs, self._info = self.env.reset(options={"reset_mask": done})
        return [(t, last)]

    def _act(self, random: bool) -> tuple[Columns, Any]:
        """The raw actions with the policy's own entry, and the environments' actions."""
        if random:
            env_act = self.env.action_space.sample()
            return {"act": np.asarray(self.policy.map_action_inverse(env_act))}, env_act
        obs = Batch(self._obs) if isinstance(self._obs, dict) else self._obs
        info = Batch(self._info) if self._info else wrap({})
        batch = cast(ObsBatchProtocol, wrap({"obs": obs, "info": info}))
        result = self.policy.forward(batch, self._state)
        state = result.get("state")
        if state is not None and self._state is None:
            # The first state is checked here, by the function that is to set rows of it to 0.
            state = _begin_anew(state, self._ended)
        self._state = state
        act = to_numpy(result.act)
        if self.exploration_noise:
            act = self.policy.exploration_noise(act, batch)
        row = {"act": np.asarray(act)}
        if isinstance(entry := result.get("policy"), Batch):
            row["policy"] = to_numpy(entry).to_dict()
        return row, self.policy.map_action(act).reshape(self._act_shape)

    def _check_room(self, rows: NDArray[np.int64]) -> None:
        """Rows of an environment that one call collects must not overwrite one another."""
        if not self._overwrites:
            checks.check_room(self.buffer.ring_size, self.buffer.buffer_num, int(rows.max()))

    def _abandon(self) -> None:
        """Leave the running episodes: what is stored of them ends here."""
        self.buffer.mark_truncated(np.arange(self.env_num))
        self._obs, self._state = None, None
        self._ended = np.zeros(self.env_num, bool)


def _map(function: Callable[..., Any], *trees: Any) -> Any:
    """Apply a function to the arrays of one or more equal trees: arrays, or dicts of them."""
    if isinstance(trees[0], dict):
        return {key: _map(function, *(tree[key] for tree in trees)) for key in trees[0]}
    return function(*trees)


def _put(block: Columns, t: int, size: int, row: Columns) -> None:
    """Copy a row into row t of a block. What comes for the first time becomes a column, with one
    row more than the block has steps, for the last obs_next."""
    for key, value in row.items():
        if isinstance(value, dict):
            _put(block.setdefault(key, {}), t, size, value)
            continue
        if key not in block or block[key].dtype != value.dtype:
            checks.check_numeric_array(value)
            column = block.get(key, np.empty((size + 1, *value.shape), value.dtype))
            block[key] = column.astype(np.result_type(column, value), copy=False)
        block[key][t] = value


def _staged(block: Columns, steps: int, lasts: Lasts) -> Columns:
    """The first steps of a block with obs_next: the obs of the row behind, or an episode's last."""
    obs_next = _map(lambda obs: obs[1 : steps + 1], block["obs"])
    if lasts:
        obs_next = _map(np.copy, obs_next)
        for where, last in lasts:
            _map(lambda obs, new, at=where: setitem(obs, at, new), obs_next, last)
    return {**_map(lambda column: column[:steps], block), "obs_next": obs_next}


def _bytes(value: Any) -> int:
    return sum(map(_bytes, value.values())) if isinstance(value, dict) else np.asarray(value).nbytes


def _begin_anew(state: Any, where: Flags) -> Any:
    """A copy of the hidden state that is 0 in the given environments."""
    if isinstance(state, tuple | list):
        return type(state)(_begin_anew(child, where) for child in state)
    if isinstance(state, dict | Batch):
        return type(state)({key: _begin_anew(child, where) for key, child in state.items()})
    if not isinstance(state, torch.Tensor | np.ndarray):
        return state
    checks.check_hidden_state(tuple(state.shape), len(where))
    rows = where.reshape(-1, *[1] * (state.ndim - 1))
    if isinstance(state, torch.Tensor):
        return state.masked_fill(torch.as_tensor(rows, device=state.device), 0)
    return np.where(rows, np.zeros_like(state), state)


def _vector_of_one(env: gym.Env[Any, Any]) -> VectorEnv[Any, Any, Any]:
    return SyncVectorEnv([lambda: env], autoreset_mode=AutoresetMode.SAME_STEP)


def _autoreset_mode(env: VectorEnv[Any, Any, Any]) -> AutoresetMode:
    mode = env.metadata.get("autoreset_mode")
    if mode is None:
        warnings.warn("env.metadata has no autoreset_mode: taken for NEXT_STEP.", stacklevel=3)
    return AutoresetMode(mode or AutoresetMode.NEXT_STEP)
