"""The exercises of notebook 09, seeds and intervals: answers, cases, and known mistakes."""

import math
from collections.abc import Callable
from itertools import combinations, combinations_with_replacement

import numpy as np

from pg_edu.course.records import Case, Exercise, Misconception
from pg_edu.runs.intervals import bootstrap_interval, interquartile_mean, t_interval
from pg_edu.types import Floats

Ends = tuple[float, float]

# 09.1: the interquartile mean


def _sorted_slice(start: Callable[[int], int], stop: Callable[[int], int]) -> Callable[..., float]:
    """Return an answer that averages the sorted values from start(n) up to stop(n)."""

    def answer(values: Floats) -> float:
        n = len(values)
        return float(np.mean(np.sort(values)[start(n) : stop(n)]))

    return answer


def _first_and_last_left_out(values: Floats) -> float:
    k = len(values) // 4
    return float(np.mean(values[k : len(values) - k]))


def _first_and_last_left_out_by_minus_k(values: Floats) -> float:
    k = len(values) // 4
    return float(np.mean(values[k:-k]))


def _unsorted_up_to_three_quarters(values: Floats) -> float:
    n = len(values)
    return float(np.mean(values[n // 4 : 3 * n // 4]))


def _sorted_up_to_minus_k(values: Floats) -> float:
    return _first_and_last_left_out_by_minus_k(np.sort(values))


def _between_the_quartiles(values: Floats) -> float:
    low, high = np.quantile(values, [0.25, 0.75])
    return float(np.mean(values[(low <= values) & (values <= high)]))


def _strictly_between_the_quartiles(values: Floats) -> float:
    low, high = np.quantile(values, [0.25, 0.75])
    return float(np.mean(values[(low < values) & (values < high)]))


def _interquartile_range(values: Floats) -> float:
    low, high = np.quantile(values, [0.25, 0.75])
    return float(high - low)


def _what_is_left(values: Floats) -> Floats:
    k = len(values) // 4
    return np.sort(values)[k : len(values) - k]


def _pulled_in(values: Floats) -> float:
    x = np.sort(values)
    k = len(x) // 4
    return float(np.mean(np.clip(x, x[k], x[len(x) - 1 - k])))


def _divided_by_all(values: Floats) -> float:
    k = len(values) // 4
    return float(np.sum(np.sort(values)[k : len(values) - k]) / len(values))


def _some_results(rng: np.random.Generator) -> Case:
    return (rng.choice([10.0, 12.0, 90.0, 200.0, 310.0, 450.0, 500.0, 500.0], rng.integers(4, 8)),)


# 09.3: a t interval


def _t_ends(values: Floats) -> Ends:
    n = len(values)
    margin = _t_of(n) * np.std(values, ddof=1) / np.sqrt(n)
    return float(np.mean(values) - margin), float(np.mean(values) + margin)


def _ends(
    quantile: Callable[[int], float], ddof: int = 1, root: Callable[[int], float] = np.sqrt
) -> Callable[[Floats], Ends]:
    """Return an answer with the margin quantile(n) * std / root(n)."""

    def answer(values: Floats) -> Ends:
        n = len(values)
        margin = quantile(n) * np.std(values, ddof=ddof) / root(n)
        return float(np.mean(values) - margin), float(np.mean(values) + margin)

    return answer


def _t(degrees: float, p: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, p))


def _t_of(n: int) -> float:
    return _t(n - 1, 0.975)


def _normal_quantile(n: int) -> float:
    from scipy.special import ndtri

    return float(ndtri(0.975))


def _upper_end_first(values: Floats) -> Ends:
    low, high = _t_ends(values)
    return high, low


def _margins_around_0(values: Floats) -> Ends:
    low, high = _t_ends(values)
    return (low - high) / 2, (high - low) / 2


def _mean_and_margin(values: Floats) -> Ends:
    low, high = _t_ends(values)
    return (low + high) / 2, (high - low) / 2


def _a_few_results(rng: np.random.Generator) -> Case:
    n = rng.integers(2, 7)
    return (np.round(rng.uniform(-20, 100) + rng.choice([5, 40]) * rng.normal(size=n), 1),)


# 09.4: the expected best of k


def _expected_best(returns: Floats, k: int) -> float:
    at_most = (np.arange(len(returns) + 1) / len(returns)) ** k
    return float((np.sort(returns) * np.diff(at_most)).sum())


def _weighted(weight: Callable[[Floats, int, int], Floats]) -> Callable[[Floats, int], float]:
    """Return an answer that sums the sorted results times weight(i, n, k), with i from 1 to n."""

    def answer(returns: Floats, k: int) -> float:
        i = np.arange(1.0, len(returns) + 1)
        return float((np.sort(returns) * weight(i, len(returns), k)).sum())

    return answer


def _unsorted(returns: Floats, k: int) -> float:
    at_most = (np.arange(len(returns) + 1) / len(returns)) ** k
    return float((returns * np.diff(at_most)).sum())


def _best_of_distinct(returns: Floats, k: int) -> float:
    return float(np.mean([max(some) for some in combinations(returns, k)]))


def _best_of_multisets(returns: Floats, k: int) -> float:
    return float(np.mean([max(some) for some in combinations_with_replacement(returns, k)]))


def _each_result_once(returns: Floats, k: int) -> float:
    return _expected_best(np.unique(returns), k)


def _returns_and_k(rng: np.random.Generator) -> Case:
    n = rng.integers(2, 6)
    some = rng.choice([-20.0, -5.5, 3.0, 10.0, 42.5, 90.0, 200.0], n, replace=False)
    return np.append(some, some[0]), int(rng.integers(2, 4))


# 09.6: an interval for a method


def _of_the_means(interval: Callable[[Floats], Ends]) -> Callable[[Floats], Ends]:
    """Return an answer that computes an interval from one number for each seed, the mean."""

    def answer(returns: Floats) -> Ends:
        return interval(np.mean(returns, axis=1))

    return answer


def _pooled(returns: Floats) -> Ends:
    return _t_ends(np.ravel(returns))


def _across_agents(returns: Floats) -> Ends:
    return _t_ends(np.mean(returns, axis=0))


def _mean_of_the_agents_ends(returns: Floats) -> Ends:
    low, high = np.mean([_t_ends(agent) for agent in returns], axis=0)
    return float(low), float(high)


def _t_of_all_episodes(returns: Floats) -> Ends:
    means = np.mean(returns, axis=1)
    margin = _t(np.size(returns) - 1, 0.975) * np.std(means, ddof=1) / len(means) ** 0.5
    return float(np.mean(means) - margin), float(np.mean(means) + margin)


def _error_of_all_episodes(returns: Floats) -> Ends:
    means = np.mean(returns, axis=1)
    margin = _t_of(len(means)) * np.std(returns, ddof=1) / len(means) ** 0.5
    return float(np.mean(means) - margin), float(np.mean(means) + margin)


def _seeds_and_episodes(rng: np.random.Generator) -> Case:
    seeds, episodes = rng.integers(3, 6), rng.integers(2, 6)
    agents = rng.choice([20.0, 150.0, 320.0, 480.0], (seeds, 1)) + rng.normal(size=(seeds, 1))
    return (np.round(agents + 15 * rng.normal(size=(seeds, episodes)), 1),)


# 09.7: how many seeds


def _seeds(sigma_x: float, sigma_y: float, delta: float, power: float) -> float:
    """Return the number of seeds of each method before it is rounded up."""
    from scipy.special import ndtri

    return float((ndtri(0.975) + ndtri(power)) ** 2 * (sigma_x**2 + sigma_y**2) / delta**2)


def _seeds_needed(sigma_x: float, sigma_y: float, delta: float, power: float) -> int:
    return math.ceil(_seeds(sigma_x, sigma_y, delta, power))


def _with_quantiles(total: Callable[[float], float]) -> Callable[..., int]:
    """Return an answer with another sum of quantiles, from the power that is asked for."""

    def answer(sigma_x: float, sigma_y: float, delta: float, power: float) -> int:
        return math.ceil(total(power) ** 2 * (sigma_x**2 + sigma_y**2) / delta**2)

    return answer


def _with_variance(variance: Callable[[float, float], float]) -> Callable[..., int]:
    """Return an answer with another variance of the difference, times n."""

    def answer(sigma_x: float, sigma_y: float, delta: float, power: float) -> int:
        usual = _seeds(sigma_x, sigma_y, delta, power) / (sigma_x**2 + sigma_y**2)
        return math.ceil(usual * variance(sigma_x, sigma_y))

    return answer


def _quantile(p: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(p))


def _not_squared(sigma_x: float, sigma_y: float, delta: float, power: float) -> int:
    return math.ceil(math.sqrt(_seeds(sigma_x, sigma_y, delta, power)))


def _a_wish(rng: np.random.Generator) -> Case:
    """Draw a case in which rounded quantiles, such as 1.96, give the same number of seeds."""
    while True:
        sigma_x, sigma_y = np.round(rng.uniform(20, 200, 2))
        delta = float(np.round(rng.uniform(40, 150)))
        power = float(rng.choice([0.7, 0.8, 0.9, 0.95]))
        n = _seeds(sigma_x, sigma_y, delta, power)
        if 3 < n < 100 and 0.2 < n % 1 < 0.8:
            return float(sigma_x), float(sigma_y), delta, power


EXERCISES = [
    Exercise(
        "09.1",
        key=interquartile_mean,
        points=1,
        cases=[
            (np.array([480.0, 12.0, 300.0, 500.0, 90.0, 10.0, 450.0]),),
            (np.array([9.0, 470.0, 11.0, 50.0, 420.0, 300.0, 100.0, 10.0, 500.0, 490.0]),),
            (np.array([490.0, 10.0, 500.0, 500.0, 20.0, 500.0, 310.0, 500.0]),),
            (np.array([500.0, 10.0, 490.0]),),
            (np.array([200.0, 40.0]),),
            (np.array([320.0]),),
        ],
        random=_some_results,
        misconceptions=[
            Misconception(
                "Sort first: leave out the lowest and the highest values, not the first and the "
                "last.",
                _first_and_last_left_out,
                page="09 Which number do you mean?",
            ),
            Misconception(
                "Two things. Sort first; and mind k = 0, where x[0:-0] is empty.",
                _first_and_last_left_out_by_minus_k,
                page="09 Which number do you mean?",
            ),
            Misconception(
                "It is right, except where nothing is to be left out: with k = 0, x[k:-k] is "
                "x[0:0], which is empty. Use x[k : n - k].",
                _sorted_up_to_minus_k,
                page="09 Which number do you mean?",
            ),
            Misconception(
                "More is left out at the high end than at the low one. 3n/4, rounded down, is not "
                "n minus ⌊n/4⌋.",
                _sorted_slice(lambda n: n // 4, lambda n: 3 * n // 4),
                page="09 Which number do you mean?",
            ),
            Misconception(
                "Two things. Sort first; and leave out as many values at the high end as at the "
                "low one.",
                _unsorted_up_to_three_quarters,
                page="09 Which number do you mean?",
            ),
            Misconception(
                "One value is left out at each end, whatever n is. Leave out ⌊n/4⌋.",
                _sorted_slice(lambda n: 1, lambda n: n - 1),
                page="09 Which number do you mean?",
            ),
            Misconception(
                "That is the mean: nothing was left out.",
                _sorted_slice(lambda n: 0, lambda n: n),
                page="09 Which number do you mean?",
            ),
            Misconception(
                "That is the median. It leaves out all but the middle.",
                lambda values: np.median(values),
                page="09 Which number do you mean?",
            ),
            Misconception(
                "A quarter is left out in all. Leave out a quarter at each end.",
                _sorted_slice(lambda n: n // 8, lambda n: n - n // 8),
                page="09 Which number do you mean?",
            ),
            Misconception(
                "n/4 is rounded up. Round it down: of seven values one is left out at each end, "
                "and of three none.",
                _sorted_slice(lambda n: -(-n // 4), lambda n: n + (-n // 4)),
                page="09 Which number do you mean?",
            ),
            Misconception(
                "n/4 is rounded to the nearest whole number. Round it down: of seven values one "
                "is left out at each end, and of three none.",
                _sorted_slice(lambda n: round(n / 4), lambda n: n - round(n / 4)),
                page="09 Which number do you mean?",
            ),
            Misconception(
                "Only the low end was trimmed. The interquartile mean trims both ends.",
                _sorted_slice(lambda n: n // 4, lambda n: n),
                page="09 Which number do you mean?",
            ),
            Misconception(
                "Only the high end was trimmed. The interquartile mean trims both ends.",
                _sorted_slice(lambda n: 0, lambda n: n - n // 4),
                page="09 Which number do you mean?",
            ),
            Misconception(
                "One value too many is left out at the high end. The end of a slice is not "
                "included, so x[k : n - k] leaves out k.",
                _sorted_slice(lambda n: n // 4, lambda n: n - n // 4 - 1),
                page="09 Which number do you mean?",
            ),
            Misconception(
                "That is the mean of the values between the two quartiles, which may lie between "
                "two values. Leave out ⌊n/4⌋ values at each end: a count.",
                _between_the_quartiles,
                page="09 Which number do you mean?",
            ),
            Misconception(
                "That is the mean of the values strictly between the two quartiles. Leave out "
                "⌊n/4⌋ values at each end: a count.",
                _strictly_between_the_quartiles,
                page="09 Which number do you mean?",
            ),
            Misconception(
                "That is the middle of the two quartiles. Average all values that are left "
                "between them.",
                lambda values: np.mean(np.quantile(values, [0.25, 0.75])),
                page="09 Which number do you mean?",
            ),
            Misconception(
                "These are the values that are left. Return their mean.",
                _what_is_left,
                page="09 Which number do you mean?",
            ),
            Misconception(
                "That is the interquartile range, the distance of the two quartiles. A mean of "
                "what lies between them was asked for.",
                _interquartile_range,
                page="09 Which number do you mean?",
            ),
            Misconception(
                "The values at the ends are not left out, they are pulled in to the last ones "
                "that stay. That is the winsorized mean.",
                _pulled_in,
                page="09 Which number do you mean?",
            ),
            Misconception(
                "The sum of what is left is divided by n. Divide by the number of values that are "
                "left.",
                _divided_by_all,
                page="09 Which number do you mean?",
            ),
        ],
    ),
    Exercise(
        "09.2",
        key=0.5,
        points=1,
        decimals=2,
        misconceptions=[
            Misconception(
                "0.75 is the largest coverage with three seeds.",
                0.75,
                page="09 The 75% theorem",
            ),
            Misconception(
                "0.95 is what the caption promises. The interval cannot keep it.",
                0.95,
                page="09 The 75% theorem",
            ),
            Misconception(
                "0.25 is the largest value of F(1 - F), but one below and one above can come in "
                "two orders.",
                0.25,
                page="09 The 75% theorem",
            ),
            Misconception(
                "That is a percentage. Give a probability.",
                50,
                page="09 The 75% theorem",
            ),
            Misconception(
                "0.875 is the best that [min, max] can do with four results. Two seeds have four "
                "resampled means, but they are two results.",
                0.875,
                page="09 The 75% theorem",
            ),
            Misconception(
                "[min, max] does not always cover: both results may be on the same side of μ.",
                1.0,
                page="09 The 75% theorem",
            ),
            Misconception(
                "[min, max] covers whenever one result is below μ and one above, which is not so "
                "rare.",
                0.0,
                page="09 The 75% theorem",
            ),
        ],
    ),
    Exercise(
        "09.3",
        key=_t_ends,
        points=2,
        cases=[
            (np.array([30.0, 12.0, 25.0, 41.0]),),
            (np.array([10.0, 490.0, 500.0]),),
            (np.array([-1.5, 2.0]),),
            (np.array([480.0, 500.0, 490.0, 500.0, 470.0]),),
        ],
        random=_a_few_results,
        misconceptions=[
            Misconception(
                "That is the suspect, unchanged: both bugs are still there.",
                _ends(lambda n: 1.96, ddof=0),
                page="09 Two recipes for an interval",
            ),
            Misconception(
                "One bug is left: 1.96 is right for a known σ, or for very many values.",
                _ends(lambda n: 1.96),
                page="09 Two recipes for an interval",
            ),
            Misconception(
                "One bug is left: the quantile is that of a Gaussian. With σ estimated from n "
                "values it is that of t with n - 1 degrees of freedom.",
                _ends(_normal_quantile),
                page="09 Two recipes for an interval",
            ),
            Misconception(
                "Both bugs are still there: the quantile is that of a Gaussian, if with more "
                "digits, and np.std divides by n.",
                _ends(_normal_quantile, ddof=0),
                page="09 Two recipes for an interval",
            ),
            Misconception(
                "4.303 is the quantile for three values. Compute it for the n at hand.",
                _ends(lambda n: 4.303),
                page="09 Two recipes for an interval",
            ),
            Misconception(
                "The quantile is always that for three values. Compute it for the n at hand.",
                _ends(lambda n: _t_of(3)),
                page="09 Two recipes for an interval",
            ),
            Misconception(
                "4.30 is the quantile for three values, and rounded. Compute it for the n at hand.",
                _ends(lambda n: 4.30),
                page="09 Two recipes for an interval",
            ),
            Misconception(
                "One bug is left: the sample's standard deviation has the divisor n - 1. np.std "
                "divides by n unless you pass ddof=1.",
                _ends(_t_of, ddof=0),
                page="09 Two recipes for an interval",
            ),
            Misconception(
                "The n - 1 is there twice: in the standard deviation, and again under the root. "
                "The standard error is σ̂/√n.",
                _ends(_t_of, root=lambda n: (n - 1) ** 0.5),
                page="09 Two recipes for an interval",
            ),
            Misconception(
                "n values leave n - 1 degrees of freedom, not n.",
                _ends(lambda n: _t(n, 0.975)),
                page="09 Two recipes for an interval",
            ),
            Misconception(
                "Two things. n values leave n - 1 degrees of freedom, not n; and the standard "
                "deviation has the divisor n - 1, too: pass ddof=1.",
                _ends(lambda n: _t(n, 0.975), ddof=0),
                page="09 Two recipes for an interval",
            ),
            Misconception(
                "This cuts off 5% at each end. For 95% between the ends, cut off 2.5% at each.",
                _ends(lambda n: _t(n - 1, 0.95)),
                page="09 Two recipes for an interval",
            ),
            Misconception(
                "Two things. Cut off 2.5% at each end, not 5%; and the standard deviation has the "
                "divisor n - 1: pass ddof=1.",
                _ends(lambda n: _t(n - 1, 0.95), ddof=0),
                page="09 Two recipes for an interval",
            ),
            Misconception(
                "The margin is that of a single result, not of the mean: σ̂ is not divided by √n.",
                _ends(_t_of, root=lambda n: 1.0),
                page="09 Two recipes for an interval",
            ),
            Misconception(
                "The standard deviation is divided by n. Divide it by √n.",
                _ends(_t_of, root=float),
                page="09 Two recipes for an interval",
            ),
            Misconception(
                "The upper end comes first. Return the lower one first.",
                _upper_end_first,
                page="09 Two recipes for an interval",
            ),
            Misconception(
                "The ends are those of an interval around 0. Put it around the mean.",
                _margins_around_0,
                page="09 Two recipes for an interval",
            ),
            Misconception(
                "That is the mean and the margin. Return the two ends.",
                _mean_and_margin,
                page="09 Two recipes for an interval",
            ),
            Misconception(
                "The mean comes first, and then the two ends. Return the ends only.",
                lambda values: t_interval(values),
                page="09 Two recipes for an interval",
            ),
            Misconception(
                "The two arguments of the quantile are swapped: in stdtrit the degrees of freedom "
                "come first, in scipy.stats.t.ppf the probability.",
                _ends(lambda n: _t(0.975, n - 1)),
                page="09 Two recipes for an interval",
            ),
            Misconception(
                "That is the percentile bootstrap, which for so few values is too short. A t "
                "interval was asked for.",
                lambda values: bootstrap_interval(values)[1:],
                page="09 The 75% theorem",
            ),
        ],
    ),
    Exercise(
        "09.4",
        key=_expected_best,
        points=2,
        cases=[
            (np.array([10.0, 3.0, -4.0, 42.5]), 3),
            (np.array([490.0, 10.0, 500.0, 500.0]), 2),
            (np.array([5.0, -7.5, 2.0]), 1),
            (np.array([30.0, 90.0, -12.0]), 5),
            (np.array([61.0]), 2),
        ],
        random=_returns_and_k,
        misconceptions=[
            Misconception(
                "That is the best of k different results. If you draw with replacement, the same "
                "one can come twice.",
                _best_of_distinct,
                page="deeper/09 The best of k",
            ),
            Misconception(
                "That is the best of different results, k of them or all. If you draw with "
                "replacement, the same one can come twice.",
                lambda returns, k: _best_of_distinct(returns, min(k, len(returns))),
                page="deeper/09 The best of k",
            ),
            Misconception(
                "That is the best of all n. It may not be among the k that are drawn.",
                lambda returns, k: np.max(returns),
                page="deeper/09 The best of k",
            ),
            Misconception(
                "That is the best of the first k in the list. The k are drawn at random.",
                lambda returns, k: np.max(returns[:k]),
                page="deeper/09 The best of k",
            ),
            Misconception(
                "That is the mean of the k best of all. It is not what k draws bring.",
                lambda returns, k: np.mean(np.sort(returns)[-k:]),
                page="deeper/09 The best of k",
            ),
            Misconception(
                "That is the mean of all results, the best of one.",
                lambda returns, k: np.mean(returns),
                page="deeper/09 The best of k",
            ),
            Misconception(
                "That is the expected minimum of k draws.",
                lambda returns, k: -_expected_best(-returns, k),
                page="deeper/09 The best of k",
            ),
            Misconception(
                "The weights are right, but they belong to the sorted results: sort first.",
                _unsorted,
                page="deeper/09 The best of k",
            ),
            Misconception(
                "(i/n)ᵏ is the probability that the maximum is at most the i-th. Subtract that "
                "for the one before.",
                _weighted(lambda i, n, k: (i / n) ** k),
                page="deeper/09 The best of k",
            ),
            Misconception(
                "The weight is that of a density, k φ Φᵏ⁻¹ with 1/n for φ. In a list, take the "
                "difference of two probabilities: (i/n)ᵏ and that for the one before.",
                _weighted(lambda i, n, k: k / n * (i / n) ** (k - 1)),
                page="deeper/09 The best of k",
            ),
            Misconception(
                "That is the expected best of k - 1 draws: the exponent is one too small.",
                lambda returns, k: _expected_best(returns, k - 1),
                page="deeper/09 The best of k",
            ),
            Misconception(
                "That is the expected best of k + 1 draws: the exponent is one too large.",
                lambda returns, k: _expected_best(returns, k + 1),
                page="deeper/09 The best of k",
            ),
            Misconception(
                "Each selection of k results counts once, whatever its order. But drawing 1 and 2 "
                "can come in two orders, and drawing 1 twice in only one.",
                _best_of_multisets,
                page="deeper/09 The best of k",
            ),
            Misconception(
                "The i is one too large: the highest result has i = n, and the weights are to sum "
                "to 1.",
                _weighted(lambda i, n, k: ((i + 1) / n) ** k - (i / n) ** k),
                page="deeper/09 The best of k",
            ),
            Misconception(
                "That is always 1, the sum of the weights. Multiply each result by its weight "
                "first.",
                lambda returns, k: 1.0,
                page="deeper/09 The best of k",
            ),
            Misconception(
                "These weights count only draws in which the best comes once and the others are "
                "among those before it. The best can be drawn several times.",
                _weighted(lambda i, n, k: k / n * ((i - 1) / n) ** (k - 1)),
                page="deeper/09 The best of k",
            ),
            Misconception(
                "The i is one too small: the lowest result has i = 1, and the weights are to sum "
                "to 1.",
                _weighted(lambda i, n, k: ((i - 1) / n) ** k - ((i - 2) / n) ** k),
                page="deeper/09 The best of k",
            ),
            Misconception(
                "Each result has the same weight in each draw, also if it is in the list twice. "
                "Here equal results were counted once.",
                _each_result_once,
                page="deeper/09 The best of k",
            ),
        ],
    ),
    Exercise(
        "09.5",
        key=1.96 / 2**0.5,
        points=2,
        decimals=2,
        misconceptions=[
            Misconception(
                "1.96 is made for one mean against a known number. Here two bars meet, and the "
                "difference of two means varies more than either.",
                1.96,
                page="deeper/09 A against A, exactly",
            ),
            Misconception(
                "That is how far apart the means are, in standard errors. Each of the two bars "
                "covers half of that distance.",
                1.96 * 2**0.5,
                page="deeper/09 A against A, exactly",
            ),
            Misconception(
                "Two bars share the distance, but the difference of two means has a standard "
                "deviation of √2 standard errors, not of one.",
                1.96 / 2,
                page="deeper/09 A against A, exactly",
            ),
            Misconception(
                "That is the multiple for 10%. Of 5%, half is on each side, so the quantile is "
                "that of 97.5%.",
                1.645 / 2**0.5,
                page="deeper/09 A against A, exactly",
            ),
            Misconception(
                "Two bars of √2 standard errors are apart if the means differ by two standard "
                "deviations of the difference. That happens in 4.6%, not in 5%.",
                2**0.5,
                page="deeper/09 A against A, exactly",
            ),
            Misconception(
                "Bars of one standard error are apart in 16%.",
                1.0,
                page="deeper/09 A against A, exactly",
            ),
            Misconception(
                "The distance is shared by two bars, and it is measured in standard deviations "
                "of the difference, √2 standard errors each. You divided by 2 √2.",
                1.96 / 2 / 2**0.5,
                page="deeper/09 A against A, exactly",
            ),
        ],
    ),
    Exercise(
        "09.6",
        key=_of_the_means(_t_ends),
        points=2,
        cases=[
            (np.array([[10.0, 12.0, 9.0], [480.0, 500.0, 455.0]]),),
            (np.array([[30.0, 50.0], [20.0, 90.0], [41.0, 44.0], [60.0, 70.0]]),),
            (np.array([[500.0], [470.0], [12.0]]),),
            (np.array([[1.0, 2.0, 4.0, 8.0], [-3.0, 0.0, 2.0, -1.0], [9.0, 9.5, 7.0, 8.0]]),),
        ],
        random=_seeds_and_episodes,
        misconceptions=[
            Misconception(
                "That is the function with the bug: it counts every episode as an independent "
                "result. Episodes of one agent are not independent results of the method.",
                _pooled,
                page="deeper/09 An agent is not a method",
            ),
            Misconception(
                "The mean was taken over the agents, so one number is left for each episode. "
                "Take it over the episodes: one number for each seed.",
                _across_agents,
                page="deeper/09 An agent is not a method",
            ),
            Misconception(
                "That is the interval of the first agent alone. It knows nothing about other "
                "seeds.",
                lambda returns: _t_ends(returns[0]),
                page="deeper/09 An agent is not a method",
            ),
            Misconception(
                "These are the means of the ends of the agents' own intervals. They say how "
                "well the agents are known, not how much agents differ.",
                _mean_of_the_agents_ends,
                page="deeper/09 An agent is not a method",
            ),
            Misconception(
                "The standard error is right, but the quantile is the one for all episodes. "
                "With one number a seed there are as many degrees of freedom as seeds, less "
                "one.",
                _t_of_all_episodes,
                page="deeper/09 An agent is not a method",
            ),
            Misconception(
                "The standard deviation is that of all episodes. Take that of the agents' means.",
                _error_of_all_episodes,
                page="deeper/09 An agent is not a method",
            ),
            Misconception(
                "1.96 is right for a known σ. For so few seeds the quantile is that of t.",
                _of_the_means(_ends(lambda n: 1.96)),
                page="deeper/09 An agent is not a method",
            ),
            Misconception(
                "The quantile is that of a Gaussian. For so few seeds take that of t.",
                _of_the_means(_ends(_normal_quantile)),
                page="deeper/09 An agent is not a method",
            ),
            Misconception(
                "Of the agents' means, np.std divides by their number unless you pass ddof=1.",
                _of_the_means(_ends(_t_of, ddof=0)),
                page="deeper/09 An agent is not a method",
            ),
            Misconception(
                "The margin is that of a single agent, not of the mean of all: it is not "
                "divided by the root of the number of seeds.",
                _of_the_means(_ends(_t_of, root=lambda n: 1.0)),
                page="deeper/09 An agent is not a method",
            ),
            Misconception(
                "That is the bootstrap of the agents' means, which for so few seeds is too "
                "short. A t interval was asked for.",
                _of_the_means(lambda means: bootstrap_interval(means)[1:]),
                page="deeper/09 An agent is not a method",
            ),
            Misconception(
                "The mean comes first, and then the two ends. Return the ends only.",
                lambda returns: t_interval(np.mean(returns, axis=1)),
                page="deeper/09 An agent is not a method",
            ),
            Misconception(
                "The upper end comes first. Return the lower one first.",
                _of_the_means(_upper_end_first),
                page="deeper/09 An agent is not a method",
            ),
            Misconception(
                "You took the median of each agent's episodes. The result of a seed is their mean.",
                lambda returns: _t_ends(np.median(returns, axis=1)),
                page="deeper/09 An agent is not a method",
            ),
            Misconception(
                "You took the best episode of each agent. The result of a seed is the mean of "
                "its episodes.",
                lambda returns: _t_ends(np.max(returns, axis=1)),
                page="deeper/09 An agent is not a method",
            ),
            Misconception(
                "You took the sum of each agent's episodes. The result of a seed is their mean.",
                lambda returns: _t_ends(np.sum(returns, axis=1)),
                page="deeper/09 An agent is not a method",
            ),
        ],
    ),
    Exercise(
        "09.7",
        key=_seeds_needed,
        points=2,
        cases=[
            (3.0, 4.0, 2.2, 0.9),
            (1.0, 1.0, 1.0, 0.8),
            (190.0, 100.0, 90.0, 0.8),
            (5.0, 2.0, 10.0, 0.95),
        ],
        random=_a_wish,
        misconceptions=[
            Misconception(
                "n is rounded down, or to the nearest whole number. One seed fewer does not "
                "reach the power, so round up.",
                lambda *wish: math.floor(_seeds(*wish)),
                page="09 How many seeds?",
            ),
            Misconception(
                "n is rounded to the nearest whole number. One seed fewer may not reach the "
                "power, so round up.",
                lambda *wish: round(_seeds(*wish)),
                page="09 How many seeds?",
            ),
            Misconception(
                "The number of seeds is not a whole number. Round it up.",
                lambda *wish: _seeds(*wish),
                page="09 How many seeds?",
            ),
            Misconception(
                "That is the number of seeds of both methods together. It was asked for each.",
                lambda *wish: 2 * _seeds_needed(*wish),
                page="09 How many seeds?",
            ),
            Misconception(
                "You added the standard deviations. The variances of independent means are added.",
                _with_variance(lambda x, y: (x + y) ** 2),
                page="09 How many seeds?",
            ),
            Misconception(
                "That is the mean of the two variances. The difference of two means has their sum.",
                _with_variance(lambda x, y: (x**2 + y**2) / 2),
                page="09 How many seeds?",
            ),
            Misconception(
                "You subtracted one variance from the other. The variances of independent means "
                "are added, also for a difference.",
                _with_variance(lambda x, y: abs(x**2 - y**2)),
                page="09 How many seeds?",
            ),
            Misconception(
                "Only the first method varies in your formula. Both do.",
                _with_variance(lambda x, y: x**2),
                page="09 How many seeds?",
            ),
            Misconception(
                "Only the second method varies in your formula. Both do.",
                _with_variance(lambda x, y: y**2),
                page="09 How many seeds?",
            ),
            Misconception(
                "You took the mean of the two standard deviations in place of σ. Take the mean "
                "of the two variances in place of σ².",
                _with_variance(lambda x, y: (x + y) ** 2 / 2),
                page="09 How many seeds?",
            ),
            Misconception(
                "You took the larger standard deviation for both methods.",
                _with_variance(lambda x, y: 2 * max(x, y) ** 2),
                page="09 How many seeds?",
            ),
            Misconception(
                "That is the number for a power of 80%, whatever power was asked for. 0.84 is "
                "the quantile of 0.8.",
                _with_quantiles(lambda power: _quantile(0.975) + _quantile(0.8)),
                page="09 How many seeds?",
            ),
            Misconception(
                "That is the number for a power of 80%, with 16 for 2 · 2.80². The power that "
                "was asked for is not used.",
                lambda x, y, delta, power: math.ceil(8 * (x**2 + y**2) / delta**2),
                page="09 How many seeds?",
            ),
            Misconception(
                "You cut off 5% on one side. The test at 1.96 cuts off 2.5% at each end.",
                _with_quantiles(lambda power: _quantile(0.95) + _quantile(power)),
                page="09 How many seeds?",
            ),
            Misconception(
                "The power has one side only: take its own quantile, not that of (1 + power) / 2.",
                _with_quantiles(lambda power: _quantile(0.975) + _quantile((1 + power) / 2)),
                page="09 How many seeds?",
            ),
            Misconception(
                "The quantile of the power is missing. At a difference of 1.96 standard "
                "deviations, every second lab misses it.",
                _with_quantiles(lambda power: _quantile(0.975)),
                page="09 How many seeds?",
            ),
            Misconception(
                "You added the power itself to 1.96. Add its quantile: how many standard "
                "deviations belong to that probability.",
                _with_quantiles(lambda power: _quantile(0.975) + power),
                page="09 How many seeds?",
            ),
            Misconception(
                "The two quantiles are subtracted. The difference has to exceed 1.96 standard "
                "deviations by the quantile of the power, so add them.",
                _with_quantiles(lambda power: _quantile(0.975) - _quantile(power)),
                page="09 How many seeds?",
            ),
            Misconception(
                "That is the root of the number of seeds. Square both sides when you solve for n.",
                _not_squared,
                page="09 How many seeds?",
            ),
        ],
    ),
]
