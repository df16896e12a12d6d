"""Summarize training: statistics of sequences, losses of an update, running mean and variance.

`RunningMeanStd` merges a batch of n values (mean m, variance v) into count, mean and var:

    δ     = m - mean
    mean' = mean + δ n / (count + n)
    var'  = (count var + n v + δ² count n / (count + n)) / (count + n)

(Chan, Golub, LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample
variances"). Rounding aside, the result does not depend on how the data is split into batches.
"""

import pprint
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Value = float | NDArray[Any]


# What some entries were called while Tianshou's statistics were dicts, before version 1.0.
FORMER_KEYS = {
    "n/ep": "n_collected_episodes",
    "n/st": "n_collected_steps",
    "rews": "returns",
    "rew": "returns_stat.mean",
    "rew_std": "returns_stat.std",
    "len": "lens_stat.mean",
    "len_std": "lens_stat.std",
    "duration": "timing.total_time",
    "train_time/model": "timing.train_time_update",
    "train_time/collector": "timing.train_time_collect",
    "test_time": "timing.test_time",
    "best_result": "best_reward",
}


@dataclass
class DataclassPPrintMixin:
    """A mixin that prints a dataclass as the nested dict of its fields."""

    def __getitem__(self, key: object) -> NoReturn:
        """Raise TypeError: fields are attributes, not items."""
        fields = ", ".join(asdict(self))
        name = FORMER_KEYS.get(str(key), str(key))
        instead = f"Write .{name}." if name.split(".")[0] in vars(self) else f"It has {fields}."
        raise TypeError(
            f"{type(self).__name__}[{key!r}]: statistics have attributes, not items. {instead}"
        )

    def pprint_asdict(self, exclude_fields: Sequence[str] | None = None, indent: int = 4) -> None:
        """Print what `pprints_asdict` returns."""
        print(self.pprints_asdict(exclude_fields, indent))

    def pprints_asdict(self, exclude_fields: Sequence[str] | None = None, indent: int = 4) -> str:
        """Return the class name, a line, and the fields as a dict, without `exclude_fields`."""
        fields = {k: v for k, v in asdict(self).items() if k not in (exclude_fields or ())}
        return f"{type(self).__name__}\n{'-' * 40}\n{pprint.pformat(fields, indent=indent)}"


@dataclass(kw_only=True)
class SequenceSummaryStats(DataclassPPrintMixin):
    """Mean, standard deviation (divisor n, not n - 1), maximum and minimum of some numbers.

    Example:
        >>> SequenceSummaryStats.from_sequence([1.0, 2.0, 3.0, 6.0])
        SequenceSummaryStats(mean=3.0, std=1.8708286933869707, max=6.0, min=1.0)
    """

    mean: float
    std: float
    max: float
    min: float

    @classmethod
    def from_sequence(cls, sequence: Sequence[float] | NDArray[Any]) -> Self:
        """Summarize a sequence; all four numbers of an empty one are 0."""
        x = np.asarray(sequence if len(sequence) else [0.0])
        return cls(mean=float(x.mean()), std=float(x.std()), max=float(x.max()), min=float(x.min()))


@dataclass(kw_only=True)
class TrainingStats(DataclassPPrintMixin):
    """The statistics of one `policy.update`; a policy's own class adds its losses.

    Attributes:
        train_time: the seconds that the update took.
        smoothed_loss: the moving average of each loss, which the trainer fills in.

    Example:
        >>> stats = TrainingStats(train_time=0.5)
        >>> stats.entropy = 0.69  # a loss may also be added later
        >>> stats.get_loss_stats_dict()
        {'entropy': 0.69}
    """

    train_time: float = 0.0
    smoothed_loss: dict[str, float] = field(default_factory=dict)

    def get_loss_stats_dict(self) -> dict[str, Any]:
        """Return the losses by name, summaries as means; None and private names are left out."""
        no_loss = {"train_time", "smoothed_loss"}
        names = [k for k, v in vars(self).items() if v is not None and k[0] != "_"]
        losses = {k: getattr(self, k) for k in names if k not in no_loss}
        return {k: v.mean if isinstance(v, SequenceSummaryStats) else v for k, v in losses.items()}


@dataclass(kw_only=True)
class PGTrainingStats(TrainingStats):
    """The statistics of `PGPolicy.learn`: `loss` summarizes the loss of every minibatch.

    Example:
        >>> PGTrainingStats(loss=SequenceSummaryStats.from_sequence([1.0, 2.0])).loss.mean
        1.5
    """

    loss: SequenceSummaryStats


class TrainingStatsWrapper(TrainingStats):
    """Training statistics with further fields, for a policy that wraps another policy.

    A subclass sets its own fields and calls `super().__init__(wrapped_stats)` last. From then on
    every other attribute is read from and written to the wrapped statistics, and a name that
    neither of the two has cannot be set.

    Raises:
        AttributeError: a new name is set after `__init__`.

    Example:
        >>> class WithBonus(TrainingStatsWrapper):
        ...     def __init__(self, wrapped_stats, bonus):
        ...         self.bonus = bonus
        ...         super().__init__(wrapped_stats)
        >>> stats = WithBonus(TrainingStats(train_time=0.5), bonus=2.0)
        >>> stats.train_time, stats.get_loss_stats_dict()
        (0.5, {'bonus': 2.0})
    """

    def __init__(self, wrapped_stats: TrainingStats) -> None:
        self._wrapped_stats = wrapped_stats

    @property
    def wrapped_stats(self) -> TrainingStats:
        """The wrapped statistics."""
        return self._wrapped_stats

    # A property is needed because the class has a default, which hides __getattr__.
    @property
    def train_time(self) -> float:
        """The seconds that the update took, from the wrapped statistics."""
        return self._wrapped_stats.train_time

    @train_time.setter
    def train_time(self, value: float) -> None:
        self._wrapped_stats.train_time = value

    def get_loss_stats_dict(self) -> dict[str, Any]:
        """Return the losses of the wrapped statistics and those of this object."""
        return {**self._wrapped_stats.get_loss_stats_dict(), **super().get_loss_stats_dict()}

    def __getattr__(self, name: str) -> Any:
        # copy and pickle look up attributes before any are set.
        if name == "_wrapped_stats":
            raise AttributeError(name)
        return getattr(self._wrapped_stats, name)

    def __setattr__(self, name: str, value: Any) -> None:
        in_init = "_wrapped_stats" not in vars(self)
        if in_init or name in vars(self) or hasattr(type(self), name):
            super().__setattr__(name, value)
        elif hasattr(self._wrapped_stats, name):
            setattr(self._wrapped_stats, name, value)
        else:
            raise AttributeError(
                f"{type(self).__name__} has no attribute {name!r} to set, nor does what it wraps. "
                "A subclass sets its own fields before super().__init__()."
            )


class RunningMeanStd:
    """The mean and variance of all data so far, without storing the data.

    Args:
        mean: the mean before any data; a number, or an array of the shape of one item.
        std: the standard deviation before any data. Both are dropped at the first update.
        clip_max: `norm` clips to ±clip_max; None or 0: no clipping.
        epsilon: added to the variance in `norm`.

    Attributes:
        mean, var: the mean and variance of the data so far.
        count: the number of items so far.
        eps, clip_max: as given.

    Example:
        >>> stats = RunningMeanStd()
        >>> stats.update(np.array([1.0, 2.0]))
        >>> stats.update(np.array([6.0]))
        >>> float(stats.mean), round(float(stats.var), 12), stats.count
        (3.0, 4.666666666667, 3)
    """

    def __init__(
        self,
        mean: Value = 0.0,
        std: Value = 1.0,
        clip_max: float | None = 10.0,
        epsilon: float = float(np.finfo(np.float32).eps),
    ) -> None:
        self.mean = mean
        self.var = std**2
        self.clip_max = clip_max
        self.count = 0
        self.eps = epsilon

    def update(self, data_array: ArrayLike) -> None:
        """Take in a batch of items [n, ...], or one number; an empty batch changes nothing."""
        data = np.atleast_1d(data_array)
        n = len(data)
        if n == 0:
            return
        total = self.count + n
        delta = data.mean(axis=0) - self.mean
        squares = self.var * self.count + data.var(axis=0) * n
        self.mean = self.mean + delta * n / total
        self.var = (squares + delta**2 * self.count * n / total) / total
        self.count = total

    def norm(self, data_array: Value) -> Value:
        """Return (data - mean) / sqrt(var + eps), clipped to ±clip_max."""
        normed = (data_array - self.mean) / np.sqrt(self.var + self.eps)
        return np.clip(normed, -self.clip_max, self.clip_max) if self.clip_max else normed
