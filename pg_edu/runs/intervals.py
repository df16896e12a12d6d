"""Tell how far a summary of a few independent results can be trusted.

    t           x̄ ± t · s / √n,  where t is the (1 + confidence) / 2 quantile of Student's t_{n-1}
    bootstrap   from one quantile of θ(x*) to another,  where x* are n draws with replacement from x

`s` is the sample's standard deviation (divisor n - 1), and θ is a statistic such as the mean or the
interquartile mean. If the results are independent and normal, the t interval covers the true mean
in a fraction `confidence` of all repetitions, for every n. The bootstrap assumes no distribution,
but reaches this coverage only in the limit of many results: an interval between
quantiles of resampled means never leaves [min x, max x], and with n = 3 results of a continuous
distribution this range holds the true mean in at most 75% of all repetitions.

The results have to be independent: one number per seed for a statement about a method, one number
per episode for a statement about one trained agent.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from pg_edu.types import AnyArray, Floats

Values = Sequence[float] | AnyArray


class Interval(NamedTuple):
    """An estimate and the two ends of its confidence interval."""

    estimate: float
    low: float
    high: float


def interquartile_mean(values: Values, axis: int = -1) -> Any:
    """Return the mean of the values without the ⌊n/4⌋ lowest and the ⌊n/4⌋ highest ones.

    Up to n = 3 nothing is left out, so it is the mean. For a skewed distribution it estimates a
    different number than the mean does, so say which of the two you report.

    Args:
        values: [..., n] with n results along `axis`, n >= 1.
        axis: the axis along which to summarize.

    Returns:
        float64 [...], or a scalar if the values have one dimension.

    Raises:
        ValueError: there are no values, or some are not finite.

    Source: Agarwal et al. (2021), "Deep Reinforcement Learning at the Edge of the Statistical
    Precipice". scipy.stats.trim_mean gives the same number.

    Example:
        >>> print(interquartile_mean([10, 480, 490, 500]), interquartile_mean([10, 480, 500]))
        485.0 330.0
    """
    x = np.asarray(values, dtype=np.float64)
    if x.size == 0 or x.ndim == 0:
        raise ValueError(f"values must be [..., n] with n >= 1, got shape {list(x.shape)}")
    _check_finite(x)
    n = x.shape[axis]
    cut = n // 4
    # Importing scipy.stats for its trim_mean would take most of a second.
    ordered = np.partition(x, (cut, n - cut - 1), axis=axis)
    return np.moveaxis(ordered, axis, -1)[..., cut : n - cut].mean(axis=-1)


def t_interval(values: Values, confidence: float = 0.95) -> Interval:
    """Return the mean and its confidence interval by Student's t distribution.

    Args:
        values: [n] independent results, n >= 2: one number per episode, or one per seed.
        confidence: the fraction of repetitions in which the interval is to cover the true mean,
            in (0, 1).

    Raises:
        ValueError: there are fewer than two values, some are not finite, they have more than one
            dimension, or the confidence is outside (0, 1).

    Source: Student (1908), "The Probable Error of a Mean", Biometrika 6(1).

    Example:
        >>> interval = t_interval([480.0, 500.0, 490.0, 500.0])
        >>> [round(end, 1) for end in interval]
        [492.5, 477.3, 507.7]
    """
    # Importing scipy takes 0.3 s, so it is imported only where it is needed.
    from scipy.special import stdtrit

    x = _checked_sample(values, confidence)
    n = len(x)
    mean = float(x.mean())
    t = float(stdtrit(n - 1, (1 + confidence) / 2))
    margin = t * float(x.std(ddof=1)) / n**0.5
    return Interval(mean, mean - margin, mean + margin)


def bootstrap_interval(
    values: Values,
    statistic: Callable[..., Any] = np.mean,
    confidence: float = 0.95,
    resamples: int = 9999,
    seed: int = 0,
) -> Interval:
    """Return a statistic and its percentile bootstrap interval.

    At n = 3 the 95% interval of the mean is [min, max], and so is that of the interquartile mean.
    (The default of scipy.stats.bootstrap is BCa, which takes other quantiles of the resamples.)

    Args:
        values: [n] independent results, n >= 2.
        statistic: `statistic(x, axis=-1)` summarizes [..., n] to [...], as np.mean, np.median and
            `interquartile_mean` do.
        confidence: the fraction of the resampled statistics between the two ends, in (0, 1).
        resamples: the number of samples of size n that are drawn with replacement from the values.
        seed: the seed of these draws; the same seed gives the same interval.

    Raises:
        ValueError: there are fewer than two values, some are not finite, they have more than one
            dimension, the confidence is outside (0, 1), or resamples is less than 1.

    Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
    scipy.stats.bootstrap with method="percentile" gives the same interval.

    Example:
        >>> bootstrap_interval([10.0, 490.0, 500.0]) == (1000 / 3, 10.0, 500.0)
        True
    """
    x = _checked_sample(values, confidence)
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, got {resamples}")
    # Without batches, all resamples of many values would fill the memory at once.
    batch = max(1, 1_000_000 // len(x))
    rng = np.random.default_rng(seed)
    starts = range(0, resamples, batch)
    sizes = [(min(batch, resamples - start), len(x)) for start in starts]
    found = [statistic(x[rng.integers(0, len(x), size)], axis=-1) for size in sizes]
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(found), [tail, 1 - tail])
    return Interval(float(statistic(x, axis=-1)), float(low), float(high))


def _checked_sample(values: Values, confidence: float) -> Floats:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or len(x) < 2:
        raise ValueError(f"values must be [n] with n >= 2, got shape {list(x.shape)}")
    _check_finite(x)
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
    return x


def _check_finite(x: Floats) -> None:
    if not np.isfinite(x).all():
        raise ValueError(f"values must be finite, got {x[~np.isfinite(x)][0]}")
