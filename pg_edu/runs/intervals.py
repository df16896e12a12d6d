"""How far a summary of a few independent results can be trusted.

    t           x̄ ± t · s / √n,  t = the (1 + confidence) / 2 quantile of Student's t_{n-1}
    bootstrap   from one quantile to another of θ(x*), x* = n draws with replacement from x

`s` is the sample's standard deviation (divisor n - 1), θ a statistic such as the mean or the
interquartile mean. Of independent normal results the t interval covers the true mean in
`confidence` of all repetitions, at every n. The bootstrap assumes no law, and covers that often
only in the limit of many results: an interval between quantiles of resampled means never leaves
[min x, max x], which at n = 3 holds the mean of a continuous law in 75% of all repetitions at most.

The results have to be independent: one number per seed to speak of a method, one per episode to
speak of one trained agent.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = Sequence[float] | NDArray[Any]


class Interval(NamedTuple):
    """An estimate and the two ends of its confidence interval."""

    estimate: float
    low: float
    high: float


def interquartile_mean(values: Values, axis: int = -1) -> Any:
    """The mean of what is left without the ⌊n/4⌋ lowest and the ⌊n/4⌋ highest values.

    Up to n = 3 nothing is left out, and it is the mean. Of a skewed law it estimates another number
    than the mean does: say which of the two you report.

    Args:
        values: [..., n] with n results along `axis`, n >= 1.
        axis: along which to summarise.

    Returns:
        float64 [...], a scalar of one-dimensional values.

    Raises:
        ValueError: no values, or values that are not finite.

    Source: Agarwal et al. (2021), "Deep Reinforcement Learning at the Edge of the Statistical
    Precipice"; computed by scipy.stats.trim_mean.

    Example:
        >>> print(interquartile_mean([10, 480, 490, 500]), interquartile_mean([10, 480, 500]))
        485.0 330.0
    """
    # scipy.stats takes most of a second to import: only those pay who ask.
    from scipy.stats import trim_mean  # type: ignore[import-untyped]

    x = np.asarray(values, dtype=np.float64)
    if x.size == 0 or x.ndim == 0:
        raise ValueError(f"values must be [..., n] with n >= 1, got shape {list(x.shape)}")
    _refuse_what_is_not_finite(x)
    return trim_mean(x, 0.25, axis=axis)


def t_interval(values: Values, confidence: float = 0.95) -> Interval:
    """Student's t interval of a mean.

    Args:
        values: [n] independent results, n >= 2: one number per episode, or one per seed.
        confidence: the share of repetitions that the interval is to cover, in (0, 1).

    Raises:
        ValueError: fewer than two values, values that are not finite or not one-dimensional,
            or a confidence outside (0, 1).

    Source: Student (1908), "The Probable Error of a Mean", Biometrika 6(1).

    Example:
        >>> interval = t_interval([480.0, 500.0, 490.0, 500.0])
        >>> [round(end, 1) for end in interval]
        [492.5, 477.3, 507.7]
    """
    # scipy takes 0.3 s to import: only those pay who ask.
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    x = _sample(values, confidence)
    mean = float(x.mean())
    t = float(stdtrit(len(x) - 1, (1 + confidence) / 2))
    margin = t * float(x.std(ddof=1)) / len(x) ** 0.5
    return Interval(mean, mean - margin, mean + margin)


def bootstrap_interval(
    values: Values,
    statistic: Callable[..., Any] = np.mean,
    confidence: float = 0.95,
    resamples: int = 9999,
    seed: int = 0,
) -> Interval:
    """The percentile bootstrap interval of a statistic.

    At n = 3 that of the mean is [min, max], and that of the interquartile mean is the same. (The
    default of scipy.stats.bootstrap is BCa, which takes other quantiles of the same resamples.)

    Args:
        values: [n] independent results, n >= 2.
        statistic: `statistic(x, axis=-1)` summarises [..., n] to [...], as np.mean, np.median and
            `interquartile_mean` do.
        confidence: the share of the resampled statistics between the two ends, in (0, 1).
        resamples: how many samples of n are drawn with replacement from the values.
        seed: of that drawing; the same seed gives the same interval.

    Raises:
        ValueError: fewer than two values, values that are not finite or not one-dimensional,
            a confidence outside (0, 1), or less than one resample.

    Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13;
    computed by scipy.stats.bootstrap with method="percentile".

    Example:
        >>> bootstrap_interval([10.0, 490.0, 500.0]) == (1000 / 3, 10.0, 500.0)
        True
    """
    from scipy.stats import bootstrap

    x = _sample(values, confidence)
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, got {resamples}")
    low, high = bootstrap(
        (x,),
        statistic,
        vectorized=True,
        n_resamples=resamples,
        batch=max(1, 1_000_000 // len(x)),  # at once, all resamples of many values fill the memory
        confidence_level=confidence,
        method="percentile",
        random_state=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(float(statistic(x, axis=-1)), float(low), float(high))


def _sample(values: Values, confidence: float) -> NDArray[np.float64]:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or len(x) < 2:
        raise ValueError(f"values must be [n] with n >= 2, got shape {list(x.shape)}")
    _refuse_what_is_not_finite(x)
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
    return x


def _refuse_what_is_not_finite(x: NDArray[np.float64]) -> None:
    if not np.isfinite(x).all():
        raise ValueError(f"values must be finite, got {x[~np.isfinite(x)][0]}")
