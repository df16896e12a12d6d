"""The settings of a run, and good settings for several environments.

A `Config` is everything that a run depends on, except the seed. It is checked when it is made, it
cannot be changed, and two equal ones describe the same run.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import gymnasium as gym

from pg_edu.actions import BoundMethod

Baseline = Literal["none", "leave_one_out"]

LEAVE_ONE_OUT: dict[str, Any] = {"baseline": "leave_one_out", "reward_normalization": False}
"""Settings for the leave-one-out baseline, which is used instead of normalized returns."""

GOOD_SETTINGS: dict[str, dict[str, Any]] = {
    "Acrobot-v1": {
        **LEAVE_ONE_OUT,
        "momentum": 0.0,
    },
    "CartPole-v1": {
        "learning_rate": 4e-2,
        "momentum": 0.0,
        "learning_rate_decay": 0.97,
        "num_envs": 80,
    },
    "InvertedPendulum-v5": {
        **LEAVE_ONE_OUT,
        "learning_rate": 5e-3,
        "momentum": 0.0,
    },
    "Pendulum-v1": {
        **LEAVE_ONE_OUT,
        "learning_rate_decay": 0.98,
        "num_envs": 192,
        "hidden_sizes": (64, 64, 64, 64),
        "discount_factor": 0.97,
        "target": -200.0,
        "max_env_steps": 6_000_000,
    },
}
"""Settings for the environments in which an agent learns better with them than by default."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that a run depends on, except the seed.

    Attributes:
        env_id: any id that `gymnasium.make` knows.
        target: the mean return that counts as solved. None: the environment's own threshold, or
            infinity if it has none (the run then continues to its limits).
        learning_rate: the learning rate of Adam.
        momentum: Adam's β₁ in [0, 1), the weight of earlier gradients in a step. In a run of few
            updates, earlier gradients come from policies very different from the current one.
        learning_rate_decay: in (0, 1]; each update multiplies the learning rate by it.
        discount_factor: γ in [0, 1].
        baseline: "none" is plain REINFORCE, `PGPolicy`. "leave_one_out" is `LeaveOneOut`, which
            compares each return with those of the other episodes.
        reward_normalization: whether to divide returns by their running standard deviation, after
            subtracting their running mean.
        num_envs: N, the number of environments that step together.
        episodes_per_env: the number of complete episodes in each environment for one update.
        hidden_sizes: the widths of the tanh layers.
        action_bound_method: "clip" or "tanh" maps actions into [-1, 1], from which they are scaled
            to the Box; None sends raw actions. A Box without finite bounds always gets raw actions.
        batch_size: the number of transitions in an optimizer step; None: all of them, in one step.
        repeat: the number of passes over the transitions in an update.
        max_env_steps, max_updates, max_seconds: the run ends after the iteration in which it
            reaches one of these limits; None: no such limit.
        max_episode_steps: a time limit for episodes; None: the environment's own.
        device: the torch device of the network.

    Raises:
        ValueError: a value is out of range.

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
        self._check_positive_numbers()
        self._check_counts()
        self._check_fractions()
        self._check_choices()
        if self.target is not None and math.isnan(self.target):
            raise ValueError("target must be a number, got nan")

    def _check_positive_numbers(self) -> None:
        for name in ("learning_rate", "max_seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} must be a positive number, got {value}")

    def _check_counts(self) -> None:
        names = (
            "num_envs",
            "episodes_per_env",
            "batch_size",
            "repeat",
            "max_env_steps",
            "max_updates",
            "max_episode_steps",
        )
        for name in names:
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int) and value >= 1):
                raise ValueError(f"{name} must be a whole number of at least 1, got {value}")

        if not all(isinstance(size, int) and size >= 1 for size in self.hidden_sizes):
            raise ValueError(f"hidden_sizes must be positive widths, got {self.hidden_sizes}")

    def _check_fractions(self) -> None:
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be in [0, 1), got {self.momentum}")
        if not 0 < self.learning_rate_decay <= 1:
            raise ValueError(
                f"learning_rate_decay must be in (0, 1], got {self.learning_rate_decay}"
            )
        if not 0 <= self.discount_factor <= 1:
            raise ValueError(f"discount_factor must be in [0, 1], got {self.discount_factor}")

    def _check_choices(self) -> None:
        if self.action_bound_method not in ("clip", "tanh", None):
            raise ValueError(
                f'action_bound_method must be "clip", "tanh" or None, '
                f"got {self.action_bound_method!r}"
            )
        if self.baseline not in get_args(Baseline):
            raise ValueError(f'baseline must be "none" or "leave_one_out", got {self.baseline!r}')
        if self.baseline == "leave_one_out" and self.batch_size is not None:
            raise ValueError(
                "batch_size must be None with the leave-one-out baseline, which needs all episodes "
                f"in one optimizer step, got {self.batch_size}"
            )


def good_config(env_id: str = "CartPole-v1", **changes: Any) -> Config:
    """Return the settings of `GOOD_SETTINGS` for this environment, with `changes`.

    Where `GOOD_SETTINGS` has nothing, they are the defaults of `Config`. An id without a version
    means the newest version, as in `gymnasium.make`.

    Example:
        >>> good_config("Pendulum-v1", num_envs=8).discount_factor
        0.97
    """
    env_id = with_version(env_id)
    settings = GOOD_SETTINGS.get(env_id, {})
    return Config(env_id=env_id, **{**settings, **changes})


def with_version(env_id: str) -> str:
    """Return the id with the newest version that Gymnasium knows, if it has none.

    An id that names a module stays as it is, because its versions are known only when the module
    has been imported.

    Example:
        >>> with_version("CartPole"), with_version("CartPole-v0")
        ('CartPole-v1', 'CartPole-v0')
    """
    versions = [
        spec.version
        for spec in gym.registry.values()
        if spec.version is not None and spec.id == f"{env_id}-v{spec.version}"
    ]
    return f"{env_id}-v{max(versions)}" if versions else env_id
