"""Small actors, policies, environments and buffers that several test files share.

The actors are as small as possible, so that a test can compute by hand what a policy must do with
them. Two functions are oracles, written out in NumPy and in plain Python: `softmax` and
`returns_by_definition`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from hypothesis import strategies as st
from torch import nn
from torch.distributions import Categorical, Independent, Normal

from pg_edu import (
    Batch,
    OuterBroadcastError,
    PGPolicy,
    ReplayBuffer,
    forbid_outer_broadcast,
)
from pg_edu.types import AnyArray, Floats


def softmax(logits: Any) -> Floats:
    """Return exp(x) / Σ exp(x) along the last axis."""
    exp: Floats = np.exp(logits)
    probabilities: Floats = exp / exp.sum(axis=-1, keepdims=True)
    return probabilities


def returns_by_definition(
    rew: Sequence[Any] | AnyArray,
    end: Sequence[Any] | AnyArray,
    gamma: Any,
    bootstrap: Sequence[Any] | AnyArray,
) -> list[Any]:
    """Return Gₜ = Σ γᵏ rₜ₊ₖ for every step t, by two loops in O(T²); exact for fractions.

    The sum ends with the episode. The bootstrap value is added there, discounted one step more.
    """
    returns = []
    for t in range(len(rew)):
        total: Any = 0
        weight: Any = 1
        for k in range(t, len(rew)):
            total += weight * rew[k]
            weight *= gamma
            if end[k]:
                total += weight * bootstrap[k]
                break
        returns.append(total)
    return returns


def steps_of_episodes(max_length: int) -> st.SearchStrategy[list[tuple[int, bool, int]]]:
    """Return a strategy for lists of (reward, whether the episode ends here, value)."""
    step = st.tuples(st.integers(-100, 100), st.booleans(), st.integers(-10, 10))
    return st.lists(step, min_size=1, max_size=max_length)


def guard_refuses(operation: Callable[[], Any]) -> bool:
    """Return whether `forbid_outer_broadcast` refuses an operation."""
    try:
        with forbid_outer_broadcast():
            operation()
    except OuterBroadcastError:
        return True
    return False


def numpy_generator_state() -> tuple[list[int], int]:
    """Return the state of the generator behind `np.random`: its keys and its position."""
    _, keys, position, *_ = cast(Any, np.random.get_state())
    return keys.tolist(), position


# Actors and policies


def categorical(logits: torch.Tensor) -> Categorical:
    """Return a Categorical over one action for each row of logits, [B, n]."""
    return Categorical(logits=logits)


def joint_normal(loc_scale: tuple[torch.Tensor, torch.Tensor]) -> Independent:
    """Return a Gaussian that scores the A numbers of an action together, from two [B, A]."""
    return Independent(Normal(*loc_scale), 1)


class ConstantLogits(nn.Module):
    """An actor that returns the same logits for every observation; they are its parameters."""

    def __init__(self, logits: Sequence[float] | Floats = (0.0, 0.0)) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.as_tensor(logits, dtype=torch.float64).clone())

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[torch.Tensor, Any]:
        """Return the logits once for each of B observations, [B, n], and the state."""
        return self.logits.expand(len(obs), -1), state


def make_policy(
    actor: nn.Module,
    action_space: gym.Space[Any] | None = None,
    *,
    kind: type[PGPolicy[Any]] = PGPolicy,
    lr: float = 1.0,
    **settings: Any,
) -> PGPolicy[Any]:
    """Return a policy with this actor, by default with two discrete actions and plain SGD.

    Args:
        actor: the actor.
        action_space: the space; None stands for Discrete(2).
        kind: PGPolicy or a subclass.
        lr: the learning rate of SGD.
        **settings: further arguments of the policy, which replace the defaults.
    """
    defaults: dict[str, Any] = {
        "optim": torch.optim.SGD(actor.parameters(), lr=lr),
        "dist_fn": categorical,
        "action_scaling": False,
    }
    space = gym.spaces.Discrete(2) if action_space is None else action_space
    return kind(actor=actor, action_space=space, **(defaults | settings))


def bandit_policy(logits: Sequence[float] | Floats = (0.0, 0.0, 0.0), **settings: Any) -> Any:
    """Return a policy over the arms of a bandit, with the same logits for every observation."""
    space = gym.spaces.Discrete(len(logits))
    return make_policy(ConstantLogits(logits), space, **settings)


def box(low: Sequence[float], high: Sequence[float], dtype: Any = np.float32) -> gym.spaces.Box:
    """Return the Box with these bounds, one for each action dimension."""
    return gym.spaces.Box(np.array(low, dtype), np.array(high, dtype), dtype=dtype)


# Pairs (low, width) of a range.
ranges = st.tuples(st.integers(-1000, 1000), st.integers(1, 1000))


# Buffers


def filled(
    buffer: ReplayBuffer,
    rew: Iterable[float],
    terminated: Sequence[bool],
    truncated: Sequence[bool] | None = None,
    buffer_ids: Sequence[int] | None = None,
) -> ReplayBuffer:
    """Add rows to a buffer one by one, and return it; observation t is the number t.

    Args:
        buffer: the buffer.
        rew: the reward of each row.
        terminated: the flag of each row.
        truncated: the flag of each row; None means that no row was truncated.
        buffer_ids: the sub-buffer of each row; None means that the buffer has only one.
    """
    rewards = list(rew)
    cut_flags = [False] * len(rewards) if truncated is None else truncated
    for t, (r, over, cut) in enumerate(zip(rewards, terminated, cut_flags, strict=True)):
        row = Batch(obs=t, act=0, rew=r, terminated=over, truncated=cut)
        if buffer_ids is None:
            buffer.add(row)
        else:
            buffer.add(Batch([row]), buffer_ids=[buffer_ids[t]])
    return buffer


def buffer_of_episodes(
    episodes: Sequence[Sequence[float]], *, truncated: bool = False, unfinished: bool = False
) -> ReplayBuffer:
    """Return a buffer that holds these rewards, episode after episode.

    Args:
        episodes: the rewards of each episode.
        truncated: whether episodes end by truncation instead of termination.
        unfinished: whether the last episode has not ended.
    """
    rew = np.concatenate([np.asarray(episode, float) for episode in episodes])[:, None]
    end = np.zeros(rew.shape, bool)
    end[np.cumsum([len(episode) for episode in episodes]) - 1] = True
    if unfinished:
        end[-1] = False
    block = Batch(
        obs=np.zeros((*rew.shape, 1)),
        act=np.zeros(rew.shape, int),
        rew=rew,
        terminated=end & (not truncated),
        truncated=end & truncated,
    )
    buffer = ReplayBuffer(max(1, len(rew)))
    buffer.extend(block, np.ones(rew.shape, bool))
    return buffer


def returns_of(policy: PGPolicy[Any], buffer: ReplayBuffer, order: Any = slice(None)) -> AnyArray:
    """Return what `process_fn` computes for all rows of a buffer, oldest first.

    Args:
        policy: the policy.
        buffer: the buffer.
        order: numbers of rows; the batch then holds these rows, in this order.
    """
    _, indices = buffer.sample(0)
    wanted = indices[order]
    return np.asarray(policy.process_fn(buffer[wanted], buffer, wanted).returns)


# Environments in which every transition is known in advance


class Counter(gym.Env[Any, Any]):
    """An environment whose observation counts its episodes and steps.

    Its episodes have the given lengths, repeated in order. At step t of episode e the observation
    of environment n is (n, e, t), and the reward is t + 1.
    """

    observation_space: gym.Space[Any] = gym.spaces.Box(0, 1e6, (3,))
    action_space: gym.Space[Any] = gym.spaces.Discrete(2)

    def __init__(self, n: int = 0, lengths: Sequence[int] = (3,), truncates: bool = False) -> None:
        self.n = n
        self.lengths = lengths
        self.truncates = truncates
        self.episode = -1

    def obs(self) -> Any:
        """Return the current observation."""
        return np.array([self.n, self.episode, self.t], np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """Begin the next episode."""
        super().reset(seed=seed)
        self.episode += 1
        self.t = 0
        return self.obs(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Count one step; the action changes nothing."""
        self.t += 1
        end = self.t == self.lengths[self.episode % len(self.lengths)]
        return self.obs(), float(self.t), end and not self.truncates, end and self.truncates, {}


LENGTHS = [(2, 5), (3,), (4, 1, 1)]  # The episode lengths of three environments.


def counters(
    mode: AutoresetMode = AutoresetMode.SAME_STEP,
    lengths: Sequence[Sequence[int]] = LENGTHS,
    env: Callable[..., Counter] = Counter,
) -> SyncVectorEnv:
    """Return a vector of counters, one for each tuple of episode lengths."""

    def maker(n: int) -> Callable[[], Counter]:
        return lambda: env(n, lengths[n])

    return SyncVectorEnv([maker(n) for n in range(len(lengths))], autoreset_mode=mode)
