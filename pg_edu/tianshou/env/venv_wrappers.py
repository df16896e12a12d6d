"""Normalize the observations of a vector environment, as in `tianshou.env.venv_wrappers`.

An observation is counted once, when the environment gives it, and is then returned as

    clip((obs - mean) / sqrt(var + eps), -10, 10)

with the statistics of all observations so far, its own step included. Where a step both ends an
episode and begins the next (SAME_STEP), the step's observations come first, final ones included,
and the first observations of the next episodes after them: this is the order in which v1.1.0's
collector asks for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorWrapper
from gymnasium.vector.utils import batch_space

from pg_edu.stats import RunningMeanStd
from pg_edu.tianshou.env.venvs import AnyVectorEnv, Seeds, TianshouMethods, seed_all
from pg_edu.tianshou.missing import explain_missing
from pg_edu.types import AnyArray, Ints

__all__ = ["VectorEnvNormObs"]

# Gymnasium 1.2 has no types between the brackets of VectorWrapper.
if TYPE_CHECKING:
    ArrayWrapper = VectorWrapper[AnyArray, Any, AnyArray, Any, AnyArray]
else:
    ArrayWrapper = VectorWrapper


class VectorEnvNormObs(TianshouMethods, ArrayWrapper):
    """Vector environments whose observations are normalized by running statistics.

    Training environments update their statistics; test environments share them:

        train_envs = VectorEnvNormObs(train_envs)
        test_envs = VectorEnvNormObs(test_envs, update_obs_rms=False)
        test_envs.set_obs_rms(train_envs.get_obs_rms())

    A trained policy needs the statistics it was trained with, so save them with its weights.

    Args:
        venv: vector environments in any autoreset mode, whose observations are arrays.
        update_obs_rms: whether observations are counted.

    Attributes:
        obs_rms: the statistics, a RunningMeanStd with the mean and variance of each component.

    Raises:
        ValueError: observations are dicts, tuples or of another kind that is not an array.

    Source: Tianshou v1.1.0, VectorEnvNormObs; on the same observations its numbers.

    Example:
        >>> from pg_edu.tianshou.env import DummyVectorEnv
        >>> envs = DummyVectorEnv([lambda: gym.make("CartPole-v1") for _ in range(3)])
        >>> envs = VectorEnvNormObs(envs)
        >>> obs, _ = envs.reset(seed=0)
        >>> obs.std(axis=0).round(2).tolist(), envs.get_obs_rms().count
        ([1.0, 1.0, 1.0, 1.0], 3)
    """

    def __init__(self, venv: AnyVectorEnv, update_obs_rms: bool = True) -> None:
        super().__init__(venv)
        space = venv.single_observation_space
        if space.shape is None:
            raise ValueError(
                f"VectorEnvNormObs: expected observations that are arrays, got {space}. "
                "Normalize the entries in a gymnasium.ObservationWrapper of each environment."
            )
        dtype = space.dtype if np.issubdtype(space.dtype, np.floating) else np.dtype(np.float64)
        single = gym.spaces.Box(-np.inf, np.inf, space.shape, dtype)  # type: ignore[arg-type]
        self.single_observation_space = single
        self.observation_space = batch_space(single, self.num_envs)
        self.update_obs_rms = update_obs_rms
        self.obs_rms = RunningMeanStd()
        self._obs: AnyArray = np.zeros(0)  # what the last reset or step returned

    def get_obs_rms(self) -> RunningMeanStd:
        """Return the statistics themselves, not a copy."""
        return self.obs_rms

    def set_obs_rms(self, obs_rms: RunningMeanStd) -> None:
        """Use these statistics from now on; they are shared, not copied."""
        self.obs_rms = obs_rms

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[AnyArray, dict[str, Any]]:
        """Reset, and return normalized observations; those outside a reset_mask stay the same."""
        mask = (options or {}).get("reset_mask")  # read first, because Gymnasium removes it
        obs, info = self.env.reset(seed=seed, options=options)
        if mask is None:
            self._obs = self._normalize(obs)
        else:
            self._obs = self._with_first_observations(self._obs, obs, np.flatnonzero(mask))
        return self._obs, info

    def step(self, actions: Any) -> tuple[AnyArray, AnyArray, AnyArray, AnyArray, dict[str, Any]]:
        """Step, and return normalized observations, in info["final_obs"] too."""
        obs, rew, terminated, truncated, info = self.env.step(actions)
        if self.metadata.get("autoreset_mode") == AutoresetMode.SAME_STEP:
            ended = np.flatnonzero(terminated | truncated)
            self._obs, info = self._across_ends(obs, info, ended)
        else:
            self._obs = self._normalize(obs)
        return self._obs, rew, terminated, truncated, info

    def seed(self, seed: Seeds = None) -> list[int | None]:
        """Seed as `DummyVectorEnv.seed` does; the observations of this reset are not counted."""
        return seed_all(self.env, seed)

    def get_attr(self, name: str) -> Sequence[Any]:
        """Return an attribute of each environment."""
        values: Sequence[Any] = self.env.get_attr(name)  # type: ignore[attr-defined]
        return values

    def _across_ends(
        self, obs: AnyArray, info: dict[str, Any], ended: Ints
    ) -> tuple[AnyArray, dict[str, Any]]:
        """Normalize a step's observations, then those that follow the ends of episodes."""
        if len(ended) == 0:
            return self._normalize(obs), info
        observed = np.array(obs)
        for number in ended.tolist():
            observed[number] = info["final_obs"][number]
        observed = self._normalize(observed)
        final_obs = np.full(self.num_envs, None)
        for number in ended.tolist():
            final_obs[number] = observed[number]
        first = self._with_first_observations(observed, obs, ended)
        return first, {**info, "final_obs": final_obs}

    def _with_first_observations(self, normalized: AnyArray, obs: AnyArray, of: Ints) -> AnyArray:
        """Return observations in which those `of` some environments begin an episode."""
        first = self._normalize(obs[of])
        result = np.array(normalized, np.result_type(normalized, first))
        result[of] = first
        return result

    def _normalize(self, obs: AnyArray) -> AnyArray:
        if self.update_obs_rms:
            self.obs_rms.update(obs)
        return np.asarray(self.obs_rms.norm(obs))


if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
