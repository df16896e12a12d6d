"""The exercises of notebook 09, seeds and intervals: answers, cases, and known mistakes."""

from itertools import combinations

import numpy as np

from pg_edu.course import Exercise
from pg_edu.runs.intervals import interquartile_mean, t_interval
from pg_edu.types import Floats


def _without(values: Floats, at_each_end: int) -> float:
    return float(np.mean(values[at_each_end : len(values) - at_each_end]))


def _up_to_minus_k(values: Floats, k: int) -> float:
    return float(np.mean(values[k:-k])) if k else np.nan  # NumPy would warn of an empty mean.


def _ends(values: Floats, factor: float, ddof: int) -> tuple[float, float]:
    margin = factor * np.std(values, ddof=ddof) / len(values) ** 0.5
    return float(np.mean(values) - margin), float(np.mean(values) + margin)


def _t(degrees: int, quantile: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, quantile))


def _expected_best(returns: Floats, k: int) -> float:
    at_most = (np.arange(len(returns) + 1) / len(returns)) ** k
    return float((np.sort(returns) * np.diff(at_most)).sum())


def _best_of_distinct(returns: Floats, k: int) -> float:
    return float(np.mean([max(some) for some in combinations(returns, k)]))


EXERCISES = [
    Exercise(
        "09.1",
        hint="Sort the n values, leave out n // 4 at each end, and take the mean of the rest.",
        key=interquartile_mean,
        cases=[
            (np.array([500.0, 10.0, 490.0, 12.0, 200.0, 500.0, 300.0, 90.0]),),
            (np.array([500.0, 10.0, 490.0, 480.0, 200.0, 30.0, 450.0]),),
            (np.array([500.0, 10.0, 490.0]),),
            (np.array([9.0, 10.0, 11.0, 50.0, 100.0, 300.0, 420.0, 470.0, 500.0, 500.0]),),
        ],
        mistakes={
            "Sort first: leave out the lowest and the highest values, not the first and the "
            "last.": (lambda values: _without(values, len(values) // 4)),
            "With k = 0, x[k:-k] is x[0:0], which is empty: use x[k : n - k].": (
                lambda values: _up_to_minus_k(np.sort(values), len(values) // 4)
            ),
            "That is the mean: nothing was left out.": lambda values: np.mean(values),
            "That is the median, only the middle value.": lambda values: np.median(values),
            "A quarter is left out at each end, not a quarter in all.": (
                lambda values: _without(np.sort(values), len(values) // 8)
            ),
            "Round n/4 down, as scipy does: of seven values one is left out at each end, and of "
            "three none.": lambda values: _without(np.sort(values), -(-len(values) // 4)),
            "Only the low end was trimmed. The interquartile mean trims both ends.": (
                lambda values: np.mean(np.sort(values)[len(values) // 4 :])
            ),
        },
    ),
    Exercise(
        "09.2",
        hint="With two values there are four resamples, so is anything cut off? The interval "
        "then misses if both results are on the same side of the mean.",
        key=0.5,
        mistakes={
            "That is the theorem for three seeds.": 0.75,
            "That is what the caption promises.": 0.95,
            "That is the largest value of F(1 - F), but one below and one above can come in "
            "two orders.": 0.25,
            "That is a percentage; give a probability.": 50,
        },
    ),
    Exercise(
        "09.3",
        hint="The standard deviation of a sample has the divisor n - 1 (ddof=1), and 1.96 is "
        "the quantile of a Gaussian; that of t is scipy.special.stdtrit(n - 1, 0.975).",
        key=lambda values: t_interval(values)[1:],
        cases=[
            (np.array([10.0, 490.0, 500.0]),),
            (np.array([1.0, 2.0]),),
            (np.array([480.0, 500.0, 490.0, 500.0, 470.0]),),
        ],
        mistakes={
            "That is the suspect, unchanged.": lambda values: _ends(values, 1.96, 0),
            "One bug is left: 1.96 is right for a known σ, or for very many values.": (
                lambda values: _ends(values, 1.96, 1)
            ),
            "One bug is left: np.std divides by n unless you pass ddof=1.": (
                lambda values: _ends(values, _t(len(values) - 1, 0.975), 0)
            ),
            "n values leave n - 1 degrees of freedom.": (
                lambda values: _ends(values, _t(len(values), 0.975), 1)
            ),
            "This cuts off 5% at each end. For 95% between the ends, cut off 2.5% at each.": (
                lambda values: _ends(values, _t(len(values) - 1, 0.95), 1)
            ),
            "That is an interval for one more result, not for the mean: √n is missing.": (
                lambda values: _ends(values, _t(len(values) - 1, 0.975) * len(values) ** 0.5, 1)
            ),
        },
    ),
    Exercise(
        "09.4",
        hint="Sort the m results. The maximum is at most the i-th with probability (i/m) to "
        "the power of k; the difference of two neighbors is the probability of one value.",
        key=_expected_best,
        cases=[
            (np.array([3.0, 1.0, 2.0]), 2),
            (np.array([500.0, 10.0, 490.0, 500.0]), 3),
            (np.array([5.0, 7.0]), 1),
        ],
        mistakes={
            "If you draw with replacement, the same result can come twice.": _best_of_distinct,
            "That is the best of all. It may not be among the k.": (
                lambda returns, k: np.max(returns)
            ),
            "That is the mean, the best of one.": lambda returns, k: np.mean(returns),
            "That is the expected minimum.": lambda returns, k: -_expected_best(-returns, k),
            "Sort the results first.": (
                lambda returns, k: (
                    returns * np.diff((np.arange(len(returns) + 1) / len(returns)) ** k)
                ).sum()
            ),
            "(i/m)ᵏ is the probability that the maximum is at most the i-th; subtract that for the "
            "one before.": (
                lambda returns, k: (
                    np.sort(returns) * (np.arange(1, len(returns) + 1) / len(returns)) ** k
                ).sum()
            ),
        },
    ),
]
