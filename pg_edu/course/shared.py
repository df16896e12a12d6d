"""Functions that the exercises of several notebooks share."""

import numpy as np

from pg_edu.stats import RunningMeanStd
from pg_edu.types import Flags, Floats


def flags(*values: int) -> Flags:
    """Return zeros and ones as a bool array."""
    return np.array(values, bool)


def normalized_by_earlier_batches(batches: list[Floats]) -> list[Floats]:
    """Return (G - mean) / sqrt(var + 1e-8) for each batch of returns.

    The mean and the variance are those of all earlier batches; before the first one they are 0
    and 1.
    """
    seen = RunningMeanStd()
    normalized = []
    for returns in batches:
        normalized.append((returns - seen.mean) / np.sqrt(seen.var + 1e-8))
        seen.update(returns)
    return normalized
