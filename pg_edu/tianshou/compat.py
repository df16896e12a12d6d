"""Names that exist only so that a script written for Tianshou v1.1.0 runs with its imports changed.

Environments are Gymnasium's own, with `len(env)` and `env.seed(s)` added; spaces are read off by
`SpaceInfo`; a `TensorboardLogger` writes what the trainer reports as scalars:

    train/*, test/*     step axis train/env_step, test/env_step     statistics of a collect
    update/*            step axis update/gradient_step              statistics of an update
    info/*              step axis info/epoch                        what training has come to
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

from pg_edu.trainer import Logger

EnvFns = Sequence[Callable[[], gym.Env[Any, Any]]]


class _LenAndSeed:
    num_envs: int
    action_space: gym.Space[Any]
    reset: Callable[..., Any]

    def __len__(self) -> int:
        return self.num_envs

    def seed(self, seed: int | None = None) -> list[int | None]:
        """Reset environment i with seed + i, and seed what `action_space.sample()` draws from."""
        self.reset(seed=seed)
        self.action_space.seed(seed)
        return [None if seed is None else seed + i for i in range(self.num_envs)]


class DummyVectorEnv(_LenAndSeed, SyncVectorEnv):
    """Gymnasium's SyncVectorEnv in SAME_STEP mode: environments in this process, one by one.

    `action_space` and `observation_space` are the batched ones; those of one environment are
    `single_action_space` and `single_observation_space`.

    Args:
        env_fns: a function for each environment that makes it.

    Example:
        >>> envs = DummyVectorEnv([lambda: gym.make("CartPole-v1") for _ in range(3)])
        >>> len(envs), envs.seed(7)
        (3, [7, 8, 9])
    """

    def __init__(self, env_fns: EnvFns) -> None:
        super().__init__(env_fns, autoreset_mode=AutoresetMode.SAME_STEP)


class SubprocVectorEnv(_LenAndSeed, AsyncVectorEnv):
    """Gymnasium's AsyncVectorEnv in SAME_STEP mode: a process for each environment.

    Otherwise as `DummyVectorEnv`.
    """

    def __init__(self, env_fns: EnvFns) -> None:
        super().__init__(env_fns, autoreset_mode=AutoresetMode.SAME_STEP)


@dataclass(kw_only=True)
class ActionSpaceInfo:
    """What a network has to know about an action space.

    Attributes:
        action_shape: the number of actions (Discrete) or the shape of one (Box).
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
        """Raises ValueError unless the space is a Box or Discrete."""
        if isinstance(space, gym.spaces.Discrete):
            first, n = int(space.start), int(space.n)
            return cls(action_shape=n, min_action=float(first), max_action=float(first + n - 1))
        return cls(
            action_shape=_box(space).shape,
            min_action=float(np.min(_box(space).low)),
            max_action=float(np.max(_box(space).high)),
        )


@dataclass(kw_only=True)
class ObservationSpaceInfo:
    """What a network has to know about an observation space.

    Attributes:
        obs_shape: the number of observations (Discrete) or the shape of one (Box).
    """

    obs_shape: int | tuple[int, ...]

    @property
    def obs_dim(self) -> int:
        """The number of observations (Discrete) or of components (Box)."""
        return int(np.prod(self.obs_shape))

    @classmethod
    def from_space(cls, space: gym.Space[Any]) -> ObservationSpaceInfo:
        """Raises ValueError unless the space is a Box or Discrete."""
        if isinstance(space, gym.spaces.Discrete):
            return cls(obs_shape=int(space.n))
        return cls(obs_shape=_box(space).shape)


@dataclass(kw_only=True)
class SpaceInfo:
    """Both spaces of an environment.

    Example:
        >>> info = SpaceInfo.from_env(gym.make("CartPole-v1"))
        >>> info.observation_info.obs_shape, info.action_info.action_shape
        ((4,), 2)
    """

    action_info: ActionSpaceInfo
    observation_info: ObservationSpaceInfo

    @classmethod
    def from_env(cls, env: gym.Env[Any, Any] | gym.vector.VectorEnv[Any, Any, Any]) -> SpaceInfo:
        """The spaces of an environment, or of one environment of a vector."""
        if isinstance(env, gym.vector.VectorEnv):
            return cls.from_spaces(env.single_action_space, env.single_observation_space)
        return cls.from_spaces(env.action_space, env.observation_space)

    @classmethod
    def from_spaces(
        cls, action_space: gym.Space[Any], observation_space: gym.Space[Any]
    ) -> SpaceInfo:
        """Raises ValueError unless both spaces are Box or Discrete."""
        return cls(
            action_info=ActionSpaceInfo.from_space(action_space),
            observation_info=ObservationSpaceInfo.from_space(observation_space),
        )


class BaseLogger(Logger, ABC):
    """A logger that writes at intervals; a subclass says where to (`write`).

    Args:
        train_interval: transitions between two entries of training collects.
        test_interval: transitions between two entries of tests.
        update_interval: gradient steps between two entries of updates.
        info_interval: epochs between two entries of `InfoStats`.
    """

    def __init__(
        self,
        train_interval: int = 1000,
        test_interval: int = 1,
        update_interval: int = 1000,
        info_interval: int = 1,
    ) -> None:
        self.train_interval = train_interval
        self.test_interval = test_interval
        self.update_interval = update_interval
        self.info_interval = info_interval
        self.last_log_train_step = -1
        self.last_log_test_step = -1
        self.last_log_update_step = -1
        self.last_log_info_step = -1

    @abstractmethod
    def write(self, step_type: str, step: int, data: dict[str, Any]) -> None:
        """Write scalars by name.

        Args:
            step_type: scope and step axis, such as "train/env_step".
            step: the position on that axis.
            data: what `prepare_dict_for_logging` made.
        """

    def prepare_dict_for_logging(
        self,
        log_data: dict[str, Any],
        parent_key: str = "",
        delimiter: str = "/",
        exclude_arrays: bool = True,
    ) -> dict[str, Any]:
        """{"a": {"b": 1.0}} -> {"a/b": 1.0}; what is neither number nor array is left out."""
        kept = (Number, np.number) if exclude_arrays else (Number, np.number, np.ndarray)
        flat: dict[str, Any] = {}
        for key, value in log_data.items():
            name = f"{parent_key}{delimiter}{key}" if parent_key else key
            if isinstance(value, dict):
                flat |= self.prepare_dict_for_logging(value, name, delimiter, exclude_arrays)
            elif isinstance(value, kept):
                flat[name] = value
        return flat

    def log_train_data(self, log_data: dict[str, Any], step: int) -> None:
        if step - self.last_log_train_step >= self.train_interval:
            self.write("train/env_step", step, self.prepare_dict_for_logging(log_data))
            self.last_log_train_step = step

    def log_test_data(self, log_data: dict[str, Any], step: int) -> None:
        if step - self.last_log_test_step >= self.test_interval:
            self.write("test/env_step", step, self.prepare_dict_for_logging(log_data))
            self.last_log_test_step = step

    def log_update_data(self, log_data: dict[str, Any], step: int) -> None:
        if step - self.last_log_update_step >= self.update_interval:
            self.write("update/gradient_step", step, self.prepare_dict_for_logging(log_data))
            self.last_log_update_step = step

    def log_info_data(self, log_data: dict[str, Any], step: int) -> None:
        if step - self.last_log_info_step >= self.info_interval:
            self.write("info/epoch", step, self.prepare_dict_for_logging(log_data))
            self.last_log_info_step = step

    def restore_data(self) -> tuple[int, int, int]:
        """(epoch, env_step, gradient_step) of the last checkpoint; without one zeros."""
        return 0, 0, 0

    def finalize(self) -> None:
        """Close what was opened."""


class LazyLogger(BaseLogger):
    """Writes nothing; checkpoints are still saved after each epoch."""

    def write(self, step_type: str, step: int, data: dict[str, Any]) -> None:
        """Nothing."""


class ScalarWriter(Protocol):
    """The part of torch.utils.tensorboard.SummaryWriter that is used."""

    def add_scalar(self, tag: str, scalar_value: Any, global_step: int) -> object: ...
    def flush(self) -> object: ...
    def close(self) -> object: ...


class TensorboardLogger(BaseLogger):
    """Writes scalars to a SummaryWriter, or to anything with its add_scalar, flush and close.

    Args:
        writer: where the scalars go.
        save_interval: epochs between two checkpoints.
        train_interval, test_interval, update_interval, info_interval: as in `BaseLogger`.

    Example:
        >>> class Printer:
        ...     def add_scalar(self, tag, scalar_value, global_step):
        ...         print(f"{tag} = {scalar_value} at {global_step}")
        ...     flush = close = lambda self: None
        >>> TensorboardLogger(Printer()).log_test_data({"returns_stat": {"mean": 21.0}}, 500)
        test/env_step = 500 at 500
        test/returns_stat/mean = 21.0 at 500
    """

    def __init__(
        self,
        writer: ScalarWriter,
        train_interval: int = 1000,
        test_interval: int = 1,
        update_interval: int = 1000,
        info_interval: int = 1,
        save_interval: int = 1,
    ) -> None:
        super().__init__(train_interval, test_interval, update_interval, info_interval)
        self.writer = writer
        self.save_interval = save_interval
        self.last_save_step = -1
        self._last_save = 0, 0, 0

    def write(self, step_type: str, step: int, data: dict[str, Any]) -> None:
        scope = step_type.split("/")[0]
        self.writer.add_scalar(step_type, step, global_step=step)
        for name, value in data.items():
            self.writer.add_scalar(f"{scope}/{name}", value, global_step=step)
        self.writer.flush()

    def save_data(
        self,
        epoch: int,
        env_step: int,
        gradient_step: int,
        save_checkpoint_fn: Callable[[int, int, int], object] | None = None,
    ) -> None:
        """Call save_checkpoint_fn every save_interval epochs, and note where training was."""
        if save_checkpoint_fn is not None and epoch - self.last_save_step >= self.save_interval:
            save_checkpoint_fn(epoch, env_step, gradient_step)
            self.last_save_step = epoch
            self._last_save = epoch, env_step, gradient_step
            self.write("save/epoch", epoch, {})
            self.write("save/env_step", env_step, {})
            self.write("save/gradient_step", gradient_step, {})

    def restore_data(self) -> tuple[int, int, int]:
        """(epoch, env_step, gradient_step) of the last checkpoint by this logger.

        The files that another run wrote are not read.
        """
        return self._last_save

    def finalize(self) -> None:
        self.writer.close()


def _box(space: gym.Space[Any]) -> gym.spaces.Box:
    if not isinstance(space, gym.spaces.Box):
        raise ValueError(f"SpaceInfo knows Box and Discrete spaces, not {space}")
    return space
