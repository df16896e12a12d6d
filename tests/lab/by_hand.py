"""Returns written as plain sums, against which the tests of the lab compare."""

from collections.abc import Sequence

import numpy as np


def discounted_sum(rew: Sequence[float] | np.ndarray, gamma: float = 1.0) -> float:
    """Return Σₜ γᵗ rₜ."""
    return sum(gamma**t * float(r) for t, r in enumerate(rew))


def returns_to_go(rew: Sequence[float] | np.ndarray, gamma: float = 1.0) -> list[float]:
    """Return Gₜ = Σₖ γᵏ rₜ₊ₖ for every t."""
    return [discounted_sum(rew[t:], gamma) for t in range(len(rew))]
