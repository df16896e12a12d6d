"""Gymnasium's vector environments under Tianshou's names, with what scripts expect of them.

That is `len(envs)`, `envs.seed(s)`, `envs.env_num` and `envs.get_env_attr(name)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import gymnasium as gym
import numpy as np
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv

from pg_edu.tianshou.missing import explain_missing

__all__ = ["DummyVectorEnv", "ShmemVectorEnv", "SubprocVectorEnv"]

EnvFns = Sequence[Callable[[], gym.Env[Any, Any]]]
Seeds = int | Sequence[int | None] | None
AnyVectorEnv = VectorEnv[Any, Any, Any]


class TianshouMethods:
    """The methods that Tianshou's vector environments have and Gymnasium's lack."""

    num_envs: int

    def __len__(self) -> int:
        return self.num_envs

    @property
    def env_num(self) -> int:
        """The number of environments."""
        return self.num_envs

    def seed(self, seed: Seeds = None) -> list[int | None]:
        """Reset each environment with its seed, and return these N seeds.

        Args:
            seed: environment i gets the seed `seed + i`, or entry i of a list of N seeds; None:
                random seeds. The first of them also seeds `action_space`.
        """
        return seed_all(cast(AnyVectorEnv, self), seed)

    def get_env_attr(self, key: str, id: int | Sequence[int] | None = None) -> list[Any]:
        """Return an attribute of each environment, or of those whose numbers are given."""
        values = cast(Any, self).get_attr(key)
        numbers = range(self.num_envs) if id is None else np.atleast_1d(id).tolist()
        return [values[number] for number in numbers]


class DummyVectorEnv(TianshouMethods, SyncVectorEnv):
    """A vector of environments that are stepped one after the other, in this process.

    It is Gymnasium's `SyncVectorEnv` in SAME_STEP mode: the step that ends an episode also resets
    its environment. `action_space` and `observation_space` are those of all N environments
    together; `single_action_space` and `single_observation_space` are those of one.

    Args:
        env_fns: N functions, each of which makes one environment.
        wait_num, timeout: not part of pg_edu; leave them at None.

    Raises:
        TypeError: an entry of env_fns is not a function, or makes an environment of the old `gym`.
        ValueError: wait_num or timeout is given.

    Example:
        >>> envs = DummyVectorEnv([lambda: gym.make("CartPole-v1") for _ in range(3)])
        >>> len(envs), envs.seed(7)
        (3, [7, 8, 9])
    """

    def __init__(self, env_fns: EnvFns, wait_num: None = None, timeout: None = None) -> None:
        check_all_step_together(wait_num, timeout)
        super().__init__(checked(env_fns), autoreset_mode=AutoresetMode.SAME_STEP)


class SubprocVectorEnv(TianshouMethods, AsyncVectorEnv):
    """A vector of environments that are stepped at the same time, each in a process of its own.

    It is Gymnasium's `AsyncVectorEnv` in SAME_STEP mode, and is used like `DummyVectorEnv`.

    Args:
        env_fns: N functions, each of which makes one environment.
        wait_num, timeout: not part of pg_edu; leave them at None.
        share_memory: whether observations are passed in shared memory, which is faster; the values
            are the same.
        context: how processes are started ("fork", "spawn", "forkserver"); None: the default of
            Python.

    Raises:
        TypeError: an entry of env_fns is not a function, or makes an environment of the old `gym`.
        ValueError: wait_num or timeout is given.
    """

    def __init__(
        self,
        env_fns: EnvFns,
        wait_num: None = None,
        timeout: None = None,
        share_memory: bool = True,
        context: str | None = None,
    ) -> None:
        check_all_step_together(wait_num, timeout)
        super().__init__(
            checked(env_fns),
            shared_memory=share_memory,
            context=context,
            autoreset_mode=AutoresetMode.SAME_STEP,
        )


class ShmemVectorEnv(SubprocVectorEnv):
    """A `SubprocVectorEnv` whose observations are passed in shared memory.

    Args:
        env_fns, wait_num, timeout: as in `SubprocVectorEnv`.
    """

    def __init__(self, env_fns: EnvFns, wait_num: None = None, timeout: None = None) -> None:
        super().__init__(env_fns, wait_num, timeout, share_memory=True)


def seed_all(envs: AnyVectorEnv, seed: Seeds) -> list[int | None]:
    """Reset all environments with these seeds, and return them; see `TianshouMethods.seed`."""
    if seed is None or isinstance(seed, int):
        seeds = [None if seed is None else seed + i for i in range(envs.num_envs)]
    else:
        seeds = list(seed)
    envs.reset(seed=seed)  # type: ignore[arg-type]  # Gymnasium takes a list too
    envs.action_space.seed(seeds[0])
    return seeds


def checked(env_fns: EnvFns) -> list[Callable[[], gym.Env[Any, Any]]]:
    """Return functions that make the same environments, or raise where they are not Gymnasium's."""
    return [partial(make_checked, make, number) for number, make in enumerate(env_fns)]


def make_checked(make: Callable[[], Any], number: int) -> gym.Env[Any, Any]:
    """Make an environment; raise TypeError if it is not made by a function, or is the old gym's."""
    if not callable(make):
        raise TypeError(
            f"env_fns[{number}] is {make!r}, not a function that makes an environment. "
            "Write [lambda: gym.make(...) for _ in range(n)]."
        )
    env: gym.Env[Any, Any] = make()
    if any(base.__module__.split(".")[0] == "gym" for base in type(env).__mro__):
        raise TypeError(
            f"env_fns[{number}] makes a {type(env).__name__} of the old gym. Write `import "
            "gymnasium as gym`; what only gym has can be wrapped by the package shimmy."
        )
    return env


def check_all_step_together(wait_num: int | None, timeout: float | None) -> None:
    """Require that no step leaves some of the environments behind."""
    if wait_num is not None or timeout is not None:
        raise ValueError(
            f"wait_num={wait_num!r}, timeout={timeout!r}: here all environments step together. "
            "Leave both out; slow environments run at the same time in SubprocVectorEnv."
        )


if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
