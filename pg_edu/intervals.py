"""How far a mean of a few independent results can be trusted.

    x̄ ± t · s / √n,      t = the (1 + confidence) / 2 quantile of Student's t with n - 1 degrees

`s` is the sample's standard deviation (divisor n - 1). If the results are independent and normal,
an interval built so covers the true mean in `confidence` of all repetitions.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Interval(NamedTuple):
    """A mean and the two ends of its confidence interval."""

    mean: float
    low: float
    high: float


def t_interval(values: Sequence[float] | NDArray[Any], confidence: float = 0.95) -> Interval:
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

    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or len(x) < 2:
        raise ValueError(f"values must be [n] with n >= 2, got shape {list(x.shape)}")
    if not np.isfinite(x).all():
        raise ValueError(f"values must be finite, got {x[~np.isfinite(x)][0]}")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
    mean = float(x.mean())
    t = float(stdtrit(len(x) - 1, (1 + confidence) / 2))
    margin = t * float(x.std(ddof=1)) / len(x) ** 0.5
    return Interval(mean, mean - margin, mean + margin)
