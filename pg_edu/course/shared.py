"""Functions that the exercises of several notebooks share."""

from collections.abc import Callable
from typing import Any

import numpy as np

from pg_edu.course.records import all_draws
from pg_edu.stats import RunningMeanStd
from pg_edu.types import Flags, Floats, Ints


def flags(*values: int) -> Flags:
    """Return zeros and ones as a bool array."""
    return np.array(values, bool)


def tenths(rng: np.random.Generator, size: int) -> Floats:
    """Return random numbers of both signs with one decimal, none of them 0, `[size]`."""
    numbers: Floats = np.round(rng.uniform(0.3, 6.0, size), 1) * rng.choice([-1.0, 1.0], size)
    return numbers


def clear_of_zero(
    draw: Callable[[np.random.Generator], tuple[Any, ...]], key: Callable[..., Any]
) -> Callable[[np.random.Generator], tuple[Any, ...]]:
    """Return a function that draws cases until no number of the right result is near 0.

    Where larger numbers cancel, rounding decides: a right answer that adds in another order, or in
    float32, would fail there.
    """

    def draw_until_clear(rng: np.random.Generator) -> tuple[Any, ...]:
        for _ in range(10_000):
            case = draw(rng)
            result = key(*case)
            numbers = np.hstack(result if isinstance(result, list) else [result])
            if np.abs(numbers).min() >= 0.2:
                return case
        raise RuntimeError(
            "in each of 10,000 cases a number of the right result is near 0: the key is wrong."
        )

    return draw_until_clear


def whole_episodes(rng: np.random.Generator) -> Flags:
    """Return the flags of two or three episodes of unequal lengths, two to six rows in all."""
    lengths: Ints = rng.permutation(3)[: rng.integers(2, 4)] + 1
    rows = np.arange(lengths.sum()) + 1
    return np.isin(rows, lengths.cumsum())


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


def batches_of_arms(probs: Floats, draws: int) -> list[tuple[Ints, float]]:
    """Return every batch of `draws` arms, `int [draws]`, with its probability."""
    batches = [np.array(arms) for arms in all_draws(len(probs), draws)]
    return [(arms, float(probs[arms].prod())) for arms in batches]
