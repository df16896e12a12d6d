"""Describe the spaces of an environment, as far as a network needs to know them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

__all__ = ["ActionSpaceInfo", "ObservationSpaceInfo", "SpaceInfo"]


@dataclass(kw_only=True)
class ActionSpaceInfo:
    """The size and the range of an action space.

    Attributes:
        action_shape: the number of actions (Discrete) or the shape of one action (Box).
        min_action, max_action: the smallest and the largest value of any component.
    """

    action_shape: int | tuple[int, ...]
    min_action: float
    max_action: float

    @property
    def action_dim(self) -> int:
        """The number of actions (Discrete) or of components (Box)."""
        return int(np.prod(self.action_shape))

    @classmethod
    def from_space(cls, space: gym.Space[Any]) -> ActionSpaceInfo:
        """Describe an action space; raise ValueError unless it is a Box or Discrete."""
        if isinstance(space, gym.spaces.Discrete):
            first = int(space.start)
            n = int(space.n)
            return cls(action_shape=n, min_action=float(first), max_action=float(first + n - 1))

        box = _require_box(space)
        return cls(
            action_shape=box.shape,
            min_action=float(np.min(box.low)),
            max_action=float(np.max(box.high)),
        )


@dataclass(kw_only=True)
class ObservationSpaceInfo:
    """The size of an observation space.

    Attributes:
        obs_shape: the number of observations (Discrete) or the shape of one observation (Box).
    """

    obs_shape: int | tuple[int, ...]

    @property
    def obs_dim(self) -> int:
        """The number of observations (Discrete) or of components (Box)."""
        return int(np.prod(self.obs_shape))

    @classmethod
    def from_space(cls, space: gym.Space[Any]) -> ObservationSpaceInfo:
        """Describe an observation space; raise ValueError unless it is a Box or Discrete."""
        if isinstance(space, gym.spaces.Discrete):
            return cls(obs_shape=int(space.n))
        return cls(obs_shape=_require_box(space).shape)


@dataclass(kw_only=True)
class SpaceInfo:
    """The description of both spaces of an environment.

    Example:
        >>> info = SpaceInfo.from_env(gym.make("CartPole-v1"))
        >>> info.observation_info.obs_shape, info.action_info.action_shape
        ((4,), 2)
    """

    action_info: ActionSpaceInfo
    observation_info: ObservationSpaceInfo

    @classmethod
    def from_env(cls, env: gym.Env[Any, Any] | gym.vector.VectorEnv[Any, Any, Any]) -> SpaceInfo:
        """Describe the spaces of an environment, or of one environment of a vector."""
        if isinstance(env, gym.vector.VectorEnv):
            return cls.from_spaces(env.single_action_space, env.single_observation_space)
        return cls.from_spaces(env.action_space, env.observation_space)

    @classmethod
    def from_spaces(
        cls, action_space: gym.Space[Any], observation_space: gym.Space[Any]
    ) -> SpaceInfo:
        """Describe two spaces; raise ValueError unless both are Box or Discrete."""
        return cls(
            action_info=ActionSpaceInfo.from_space(action_space),
            observation_info=ObservationSpaceInfo.from_space(observation_space),
        )


def _require_box(space: gym.Space[Any]) -> gym.spaces.Box:
    """Return the space if it is a Box, or raise ValueError."""
    if not isinstance(space, gym.spaces.Box):
        raise ValueError(
            f"{space} cannot be described: SpaceInfo expects a Box or a Discrete space. "
            "Give the network its sizes as numbers."
        )
    return space
