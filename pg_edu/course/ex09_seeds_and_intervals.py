"""The exercises of notebook 09, seeds and intervals: answers, cases, and known mistakes."""

from itertools import combinations

import numpy as np

from pg_edu.course.records import Exercise, Misconception
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
        key=interquartile_mean,
        points=1,
        cases=[
            (np.array([500.0, 10.0, 490.0, 12.0, 200.0, 500.0, 300.0, 90.0]),),
            (np.array([500.0, 10.0, 490.0, 480.0, 200.0, 30.0, 450.0]),),
            (np.array([500.0, 10.0, 490.0]),),
            (np.array([9.0, 10.0, 11.0, 50.0, 100.0, 300.0, 420.0, 470.0, 500.0, 500.0]),),
        ],
        misconceptions=[
            Misconception(
                (
                    "Sort first: leave out the lowest and the highest values, not the first and the "
                    "last."
                ),
                lambda values: _without(values, len(values) // 4),
                "09 Exercises",
            ),
            Misconception(
                ("With k = 0, x[k:-k] is x[0:0], which is empty: use x[k : n - k]."),
                lambda values: _up_to_minus_k(np.sort(values), len(values) // 4),
                "09 Exercises",
            ),
            Misconception(
                ("That is the mean: nothing was left out."),
                lambda values: np.mean(values),
                "09 Exercises",
            ),
            Misconception(
                ("That is the median, only the middle value."),
                lambda values: np.median(values),
                "09 Exercises",
            ),
            Misconception(
                ("A quarter is left out at each end, not a quarter in all."),
                lambda values: _without(np.sort(values), len(values) // 8),
                "09 Exercises",
            ),
            Misconception(
                (
                    "Round n/4 down, as scipy does: of seven values one is left out at each end, and of "
                    "three none."
                ),
                lambda values: _without(np.sort(values), -(-len(values) // 4)),
                "09 Exercises",
            ),
            Misconception(
                ("Only the low end was trimmed. The interquartile mean trims both ends."),
                lambda values: np.mean(np.sort(values)[len(values) // 4 :]),
                "09 Exercises",
            ),
        ],
    ),
    Exercise(
        "09.2",
        key=0.5,
        points=1,
        misconceptions=[
            Misconception(("That is the theorem for three seeds."), 0.75, "09 Exercises"),
            Misconception(("That is what the caption promises."), 0.95, "09 Exercises"),
            Misconception(
                (
                    "That is the largest value of F(1 - F), but one below and one above can come in "
                    "two orders."
                ),
                0.25,
                "09 Exercises",
            ),
            Misconception(("That is a percentage; give a probability."), 50, "09 Exercises"),
        ],
    ),
    Exercise(
        "09.3",
        key=lambda values: t_interval(values)[1:],
        points=2,
        cases=[
            (np.array([10.0, 490.0, 500.0]),),
            (np.array([1.0, 2.0]),),
            (np.array([480.0, 500.0, 490.0, 500.0, 470.0]),),
        ],
        misconceptions=[
            Misconception(
                ("That is the suspect, unchanged."),
                lambda values: _ends(values, 1.96, 0),
                "09 Exercises",
            ),
            Misconception(
                ("One bug is left: 1.96 is right for a known σ, or for very many values."),
                lambda values: _ends(values, 1.96, 1),
                "09 Exercises",
            ),
            Misconception(
                ("One bug is left: np.std divides by n unless you pass ddof=1."),
                lambda values: _ends(values, _t(len(values) - 1, 0.975), 0),
                "09 Exercises",
            ),
            Misconception(
                ("n values leave n - 1 degrees of freedom."),
                lambda values: _ends(values, _t(len(values), 0.975), 1),
                "09 Exercises",
            ),
            Misconception(
                ("This cuts off 5% at each end. For 95% between the ends, cut off 2.5% at each."),
                lambda values: _ends(values, _t(len(values) - 1, 0.95), 1),
                "09 Exercises",
            ),
            Misconception(
                ("That is an interval for one more result, not for the mean: √n is missing."),
                lambda values: _ends(values, _t(len(values) - 1, 0.975) * len(values) ** 0.5, 1),
                "09 Exercises",
            ),
        ],
    ),
    Exercise(
        "09.4",
        key=_expected_best,
        points=2,
        cases=[
            (np.array([3.0, 1.0, 2.0]), 2),
            (np.array([500.0, 10.0, 490.0, 500.0]), 3),
            (np.array([5.0, 7.0]), 1),
        ],
        misconceptions=[
            Misconception(
                ("If you draw with replacement, the same result can come twice."),
                _best_of_distinct,
                "09 Exercises",
            ),
            Misconception(
                ("That is the best of all. It may not be among the k."),
                lambda returns, k: np.max(returns),
                "09 Exercises",
            ),
            Misconception(
                ("That is the mean, the best of one."),
                lambda returns, k: np.mean(returns),
                "09 Exercises",
            ),
            Misconception(
                ("That is the expected minimum."),
                lambda returns, k: -_expected_best(-returns, k),
                "09 Exercises",
            ),
            Misconception(
                ("Sort the results first."),
                lambda returns, k: (
                    returns * np.diff((np.arange(len(returns) + 1) / len(returns)) ** k)
                ).sum(),
                "09 Exercises",
            ),
            Misconception(
                (
                    "(i/m)ᵏ is the probability that the maximum is at most the i-th; subtract that for the "
                    "one before."
                ),
                lambda returns, k: (
                    np.sort(returns) * (np.arange(1, len(returns) + 1) / len(returns)) ** k
                ).sum(),
                "09 Exercises",
            ),
        ],
    ),
]
