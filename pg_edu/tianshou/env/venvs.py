"""Gymnasium's vector environments under Tianshou's names, with `len(envs)` and `envs.seed(s)`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

__all__ = ["DummyVectorEnv", "SubprocVectorEnv"]

EnvFns = Sequence[Callable[[], gym.Env[Any, Any]]]


class _LenAndSeed:
    num_envs: int
    action_space: gym.Space[Any]
    reset: Callable[..., Any]

    def __len__(self) -> int:
        return self.num_envs

    def seed(self, seed: int | None = None) -> list[int | None]:
        """Reset environment i with the seed `seed + i`, and return these N seeds.

        This also seeds `action_space` with `seed`. With None the seeds are random.
        """
        self.reset(seed=seed)
        self.action_space.seed(seed)
        return [None if seed is None else seed + i for i in range(self.num_envs)]


class DummyVectorEnv(_LenAndSeed, SyncVectorEnv):
    """A vector of environments that are stepped one after the other, in this process.

    It is Gymnasium's `SyncVectorEnv` in SAME_STEP mode: the step that ends an episode also resets
    its environment. `action_space` and `observation_space` are those of all N environments
    together; `single_action_space` and `single_observation_space` are those of one.

    Args:
        env_fns: N functions, each of which makes one environment.

    Example:
        >>> envs = DummyVectorEnv([lambda: gym.make("CartPole-v1") for _ in range(3)])
        >>> len(envs), envs.seed(7)
        (3, [7, 8, 9])
    """

    def __init__(self, env_fns: EnvFns) -> None:
        super().__init__(env_fns, autoreset_mode=AutoresetMode.SAME_STEP)


class SubprocVectorEnv(_LenAndSeed, AsyncVectorEnv):
    """A vector of environments that are stepped at the same time, each in a process of its own.

    It is Gymnasium's `AsyncVectorEnv` in SAME_STEP mode, and is used like `DummyVectorEnv`.

    Args:
        env_fns: N functions, each of which makes one environment.
    """

    def __init__(self, env_fns: EnvFns) -> None:
        super().__init__(env_fns, autoreset_mode=AutoresetMode.SAME_STEP)
