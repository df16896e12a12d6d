"""Answers to the exercises of notebook 09 that readers might give: wrong and odd-but-right."""

import math
import statistics
from fractions import Fraction

import numpy as np
import torch
from scipy import stats

from tests.course.answers import right, wrong


@wrong("09.1", "not sorted")
def _(values):
    k = len(values) // 4
    return np.mean(values[k : len(values) - k])


@wrong("09.1", "a slice to -k, which is empty for fewer than four values")
def _(values):
    x = np.sort(values)
    k = len(x) // 4
    return x[k:-k].mean() if len(x[k:-k]) else np.nan


@wrong("09.1", "only the lowest quarter is left out")
def _(values):
    x = np.sort(values)
    return x[len(x) // 4 :].mean()


@wrong("09.1", "n/4 is rounded up")
def _(values):
    x = np.sort(values)
    k = min(math.ceil(len(x) / 4), (len(x) - 1) // 2)
    return x[k : len(x) - k].mean()


@wrong("09.1", "n/4 is rounded to the nearest integer")
def _(values):
    x = np.sort(values)
    k = round(len(x) / 4)
    return x[k : len(x) - k].mean()


@wrong("09.1", "divided by n, although fewer values are left")
def _(values):
    x = np.sort(values)
    k = len(x) // 4
    return x[k : len(x) - k].sum() / len(x)


@wrong("09.1", "an eighth is left out at each end, a quarter in all")
def _(values):
    x = np.sort(values)
    k = len(x) // 8
    return x[k : len(x) - k].mean()


@wrong("09.1", "the median")
def _(values):
    return np.median(values)


@wrong("09.1", "results that occur twice are counted once")
def _(values):
    x = np.unique(values)
    k = len(x) // 4
    return x[k : len(x) - k].mean()


@right("09.1", "scipy's function")
def _(values):
    return stats.trim_mean(values, 0.25)


@right("09.1", "the smallest and the largest are taken out of a list, again and again")
def _(values):
    left = list(values)
    for _ in range(len(values) // 4):
        left.remove(min(left))
        left.remove(max(left))
    return math.fsum(left) / len(left)


@right("09.1", "a fraction")
def _(values):
    x = sorted(Fraction(float(value)) for value in values)
    k = len(x) // 4
    return sum(x[k : len(x) - k], Fraction(0)) / (len(x) - 2 * k)


@right("09.1", "a tensor, of a partition that is not sorted throughout")
def _(values):
    n = len(values)
    k = n // 4
    x = np.partition(np.asarray(values, float), [k, n - 1 - k])
    return torch.as_tensor(x[k : n - k]).mean()


wrong("09.2", "that is for three seeds", 0.75)
wrong("09.2", "what the caption says", 0.95)
wrong("09.2", "F (1 - F), without the factor 2", 0.25)
wrong("09.2", "in percent", 50)
wrong("09.2", "the share of the theorem, squared", 0.5625)
wrong("09.2", "n / (n + 1), which is right for three seeds only", 0.6667)
wrong("09.2", "that is [min, max] for five seeds", 0.9375)
wrong("09.2", "as if there were nothing between two values", 0)
right("09.2", "a fraction", Fraction(1, 2))
right("09.2", "a tensor that requires grad", torch.tensor(0.5, requires_grad=True))
right("09.2", "the formula at F = 1/2, in float32", np.float32(1 - 0.5**2 - 0.5**2))


@wrong("09.3", "half repaired: still 1.96")
def _(values):
    margin = 1.96 * np.std(values, ddof=1) / np.sqrt(len(values))
    return np.mean(values) - margin, np.mean(values) + margin


@wrong("09.3", "half repaired: the deviation is still divided by n")
def _(values):
    n = len(values)
    margin = stats.t.ppf(0.975, n - 1) * np.std(values) / np.sqrt(n)
    return np.mean(values) - margin, np.mean(values) + margin


@wrong("09.3", "n degrees of freedom, not n - 1")
def _(values):
    n = len(values)
    margin = stats.t.ppf(0.975, n) * np.std(values, ddof=1) / np.sqrt(n)
    return np.mean(values) - margin, np.mean(values) + margin


@wrong("09.3", "the 95% quantile, which leaves 5% at each end")
def _(values):
    n = len(values)
    margin = stats.t.ppf(0.95, n - 1) * np.std(values, ddof=1) / np.sqrt(n)
    return np.mean(values) - margin, np.mean(values) + margin


@wrong("09.3", "the t of three values, for any number")
def _(values):
    margin = 4.302653 * np.std(values, ddof=1) / np.sqrt(len(values))
    return np.mean(values) - margin, np.mean(values) + margin


@wrong("09.3", "not divided by the square root of n")
def _(values):
    margin = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1)
    return np.mean(values) - margin, np.mean(values) + margin


@wrong("09.3", "n - 1 under both roots: corrected twice")
def _(values):
    n = len(values)
    margin = stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n - 1)
    return np.mean(values) - margin, np.mean(values) + margin


@wrong("09.3", "the mean and the margin, not two ends")
def _(values):
    n = len(values)
    return np.mean(values), stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n)


@wrong("09.3", "around the median")
def _(values):
    n = len(values)
    margin = stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n)
    return np.median(values) - margin, np.median(values) + margin


@right("09.3", "the divisor n in the deviation, and n - 1 under the root")
def _(values):
    n = len(values)
    margin = stats.t.ppf(0.975, n - 1) * np.std(values) / np.sqrt(n - 1)
    return [np.mean(values) - margin, np.mean(values) + margin]


@right("09.3", "scipy's test, asked for its interval")
def _(values):
    return tuple(stats.ttest_1samp(values, 0.0).confidence_interval(0.95))


@right("09.3", "a tensor of two, with torch's std")
def _(values):
    x = torch.as_tensor(np.asarray(values, float))
    t = stats.t.isf(0.025, len(x) - 1)
    return x.mean() + x.std() / len(x) ** 0.5 * torch.tensor([-t, t])


@right("09.3", "an array, by the standard library and scipy's quantiles")
def _(values):
    data = [float(value) for value in values]
    scale = math.sqrt(statistics.variance(data) / len(data))
    return stats.t(len(data) - 1, statistics.fmean(data), scale).ppf([0.025, 0.975])


@wrong("09.4", "drawn without replacement")
def _(returns, k):
    x = np.sort(returns)
    n, k = len(x), min(k, len(x))
    chance = [math.comb(i, k - 1) / math.comb(n, k) for i in range(n)]
    return x @ chance


@wrong("09.4", "not sorted")
def _(returns, k):
    n = len(returns)
    return np.asarray(returns) @ np.diff((np.arange(n + 1) / n) ** k)


@wrong("09.4", "the expected minimum: sorted from the largest to the smallest")
def _(returns, k):
    n = len(returns)
    return np.sort(returns)[::-1] @ np.diff((np.arange(n + 1) / n) ** k)


@wrong("09.4", "estimated, from a thousand draws")
def _(returns, k):
    return np.random.default_rng(0).choice(returns, (1000, k)).max(axis=1).mean()


@wrong("09.4", "the largest of all results")
def _(returns, k):
    return max(returns)


@wrong("09.4", "the chance to be at most the result, in place of exactly the result")
def _(returns, k):
    n = len(returns)
    chance = (np.arange(1, n + 1) / n) ** k
    return np.sort(returns) @ chance / chance.sum()


@wrong("09.4", "off by one: the weights of k - 1 draws")
def _(returns, k):
    n = len(returns)
    return np.sort(returns) @ np.diff((np.arange(n + 1) / n) ** (k - 1))


@wrong("09.4", "equal results are counted once")
def _(returns, k):
    x = np.unique(returns)
    return x @ np.diff((np.arange(len(x) + 1) / len(x)) ** k)


@wrong("09.4", "the density k F^(k - 1) at the result, as if the law were continuous")
def _(returns, k):
    n = len(returns)
    return np.sort(returns) @ (k * (np.arange(1, n + 1) / n) ** (k - 1)) / n


@right("09.4", "the other way round: the largest, less what the gaps cost")
def _(returns, k):
    x = np.sort(returns)
    n = len(x)
    return x[-1] - np.sum((np.arange(1, n) / n) ** k * np.diff(x))


@right("09.4", "a fraction, from integers")
def _(returns, k):
    x = sorted(Fraction(float(value)) for value in returns)
    n = len(x)
    return sum((i**k - (i - 1) ** k) * value for i, value in enumerate(x, 1)) / Fraction(n) ** k


@right("09.4", "a chain of matrix products, a draw at a time")
def _(returns, k):
    x, n = np.sort(returns), len(returns)
    one_more = np.triu(np.ones((n, n)), 1) / n + np.diag(np.arange(1, n + 1) / n)
    return np.full(n, 1 / n) @ np.linalg.matrix_power(one_more, k - 1) @ x


@right("09.4", "a tensor, with the chances as a difference")
def _(returns, k):
    x = torch.as_tensor(np.asarray(returns, float)).sort().values
    i = torch.arange(1, len(x) + 1, dtype=torch.float64)
    return (x * ((i / len(x)) ** k - ((i - 1) / len(x)) ** k)).sum()


# More of them


@wrong("09.1", "what lies between the two quartiles of np.quantile")
def _(values):
    x = np.asarray(values, float)
    low, high = np.quantile(x, [0.25, 0.75])
    return x[(x >= low) & (x <= high)].mean()


@wrong("09.1", "pulled in to the edges, not left out")
def _(values):
    x, k = np.sort(values), len(values) // 4
    return np.clip(x, x[k], x[len(x) - 1 - k]).mean()


@wrong("09.1", "the middle between the two quartiles")
def _(values):
    return np.quantile(values, [0.25, 0.75]).mean()


@right("09.1", "the lowest and the highest are taken out in turn")
def _(values):
    left = [float(x) for x in values]
    for _ in range(len(left) // 4):
        left.remove(min(left))
        left.remove(max(left))
    return sum(left) / len(left)


wrong("09.2", "that is [min, max] for four seeds", 0.875)
wrong("09.2", "half of what is promised", 0.475)
wrong("09.2", "one in n + 1", 1 / 3)
right("09.2", "a float16", np.float16(0.5))


@wrong("09.3", "the upper end first")
def _(values):
    n = len(values)
    margin = stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n)
    return np.mean(values) + margin, np.mean(values) - margin


@wrong("09.3", "quantiles of the results, not of their mean")
def _(values):
    return tuple(np.quantile(values, [0.025, 0.975]))


@wrong("09.3", "the variance in place of the standard deviation")
def _(values):
    n = len(values)
    margin = stats.t.ppf(0.975, n - 1) * np.var(values, ddof=1) / np.sqrt(n)
    return np.mean(values) - margin, np.mean(values) + margin


@right("09.3", "scipy's interval, as an array")
def _(values):
    return np.array(
        stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
    )


@wrong("09.4", "the mean of all results")
def _(returns, k):
    return np.mean(returns)


@wrong("09.4", "the weights of k + 1 draws")
def _(returns, k):
    n = len(returns)
    edges = (np.arange(n + 1) / n) ** (k + 1)
    return np.sort(returns) @ np.diff(edges)


@wrong("09.4", "the median of the maximum, not its mean")
def _(returns, k):
    n = len(returns)
    below = (np.arange(1, n + 1) / n) ** k
    return np.sort(returns)[np.argmax(below >= 0.5)]


@right("09.4", "the largest, less each gap times the chance to stay below it")
def _(returns, k):
    x, n = np.sort(np.asarray(returns, float)), len(returns)
    return x[-1] - np.diff(x) @ (np.arange(1, n) / n) ** k


wrong("09.5", "the quantile of one mean", 1.96)
wrong("09.5", "the distance of the two means, not the length of a bar", 2.77)
wrong("09.5", "half of 1.96: two bars share it", 0.98)
wrong("09.5", "the root of 2, from the limit of standard errors", 1.41)
wrong("09.5", "the quantile for 10%", 1.16)
wrong("09.5", "divided by 2 as well as by the root of 2", 0.69)
wrong("09.5", "Student's quantile for three seeds", 4.30)
wrong("09.5", "times 2, over the root of 3", 2.26)
right("09.5", "with the exact quantile", stats.norm.ppf(0.975) / math.sqrt(2))
right("09.5", "an array of one number", np.array(1.386))
right("09.5", "a fraction", Fraction(139, 100))
right("09.5", "by the other tail, as a tensor", torch.tensor(-stats.norm.ppf(0.025) * 2**-0.5))


@wrong("09.6", "all episodes are results")
def _(returns):
    return stats.t.interval(
        0.95, returns.size - 1, loc=returns.mean(), scale=stats.sem(returns, axis=None)
    )


@wrong("09.6", "the mean over the seeds: one number for each episode")
def _(returns):
    means = returns.mean(axis=0)
    return stats.t.interval(0.95, len(means) - 1, loc=means.mean(), scale=stats.sem(means))


@wrong("09.6", "the agents' own intervals, averaged")
def _(returns):
    k = returns.shape[1]
    ends = [stats.t.interval(0.95, k - 1, loc=one.mean(), scale=stats.sem(one)) for one in returns]
    return np.mean(ends, axis=0)


@wrong("09.6", "the last agent only")
def _(returns):
    one = returns[-1]
    return stats.t.interval(0.95, len(one) - 1, loc=one.mean(), scale=stats.sem(one))


@wrong("09.6", "means of the agents, but the quantile for all episodes")
def _(returns):
    means = returns.mean(axis=1)
    return stats.t.interval(0.95, returns.size - 1, loc=means.mean(), scale=stats.sem(means))


@wrong("09.6", "means of the agents, with 1.96")
def _(returns):
    means = returns.mean(axis=1)
    return stats.norm.interval(0.95, loc=means.mean(), scale=stats.sem(means))


@wrong("09.6", "the range of the agents' means")
def _(returns):
    means = returns.mean(axis=1)
    return means.min(), means.max()


@wrong("09.6", "medians of the agents")
def _(returns):
    middle = np.median(returns, axis=1)
    return stats.t.interval(0.95, len(middle) - 1, loc=middle.mean(), scale=stats.sem(middle))


@wrong("09.6", "between and within agents added: the latter is counted twice")
def _(returns):
    means = returns.mean(axis=1)
    n, k = len(means), returns.shape[1]
    within = returns.var(axis=1, ddof=1).mean() / k if k > 1 else 0.0
    margin = stats.t.ppf(0.975, n - 1) * np.sqrt((means.var(ddof=1) + within) / n)
    return means.mean() - margin, means.mean() + margin


@right("09.6", "scipy's interval of the means, as an array")
def _(returns):
    means = returns.mean(axis=1)
    n = len(means)
    return np.array(stats.t.interval(0.95, n - 1, loc=np.mean(means), scale=stats.sem(means)))


@right("09.6", "by the standard library, agent by agent")
def _(returns):
    means = [statistics.fmean(map(float, agent)) for agent in returns]
    n = len(means)
    margin = stats.t.isf(0.025, n - 1) * statistics.stdev(means) / math.sqrt(n)
    return statistics.fmean(means) - margin, statistics.fmean(means) + margin


@right("09.6", "the mean of the pool, which is that of the means, and a test's interval")
def _(returns):
    ends = stats.ttest_1samp(returns.mean(axis=1), returns.mean()).confidence_interval()
    return [ends.low, ends.high]


@wrong("09.7", "sixteen times, whatever the power")
def _(sigma_x, sigma_y, delta, power):
    return math.ceil(8 * (sigma_x**2 + sigma_y**2) / delta**2)


@wrong("09.7", "rounded down")
def _(sigma_x, sigma_y, delta, power):
    z = 1.96 + stats.norm.ppf(power)
    return int(z**2 * (sigma_x**2 + sigma_y**2) / delta**2)


@wrong("09.7", "the standard deviations are added")
def _(sigma_x, sigma_y, delta, power):
    z = 1.96 + stats.norm.ppf(power)
    return math.ceil((z * (sigma_x + sigma_y) / delta) ** 2)


@wrong("09.7", "the mean of the two standard deviations for σ")
def _(sigma_x, sigma_y, delta, power):
    z = 1.96 + stats.norm.ppf(power)
    return math.ceil(2 * (z * (sigma_x + sigma_y) / 2 / delta) ** 2)


@wrong("09.7", "both methods together")
def _(sigma_x, sigma_y, delta, power):
    z = 1.96 + stats.norm.ppf(power)
    return 2 * math.ceil(z**2 * (sigma_x**2 + sigma_y**2) / delta**2)


@wrong("09.7", "a one-sided test")
def _(sigma_x, sigma_y, delta, power):
    z = stats.norm.ppf(0.95) + stats.norm.ppf(power)
    return math.ceil(z**2 * (sigma_x**2 + sigma_y**2) / delta**2)


@wrong("09.7", "the power itself, not its quantile")
def _(sigma_x, sigma_y, delta, power):
    return math.ceil((1.96 + power) ** 2 * (sigma_x**2 + sigma_y**2) / delta**2)


@wrong("09.7", "divided by the difference once")
def _(sigma_x, sigma_y, delta, power):
    z = 1.96 + stats.norm.ppf(power)
    return math.ceil(z**2 * (sigma_x**2 + sigma_y**2) / delta)


@wrong("09.7", "the wish that every second lab finds it")
def _(sigma_x, sigma_y, delta, power):
    return math.ceil(1.96**2 * (sigma_x**2 + sigma_y**2) / delta**2)


@right("09.7", "counting up until the power is reached")
def _(sigma_x, sigma_y, delta, power):
    n = 1
    while stats.norm.cdf(delta / np.hypot(sigma_x, sigma_y) * np.sqrt(n) - 1.96) < power:
        n += 1
    return n


@right("09.7", "with 1.96, as a float")
def _(sigma_x, sigma_y, delta, power):
    z = 1.96 + stats.norm.isf(1 - power)
    return np.ceil((z * np.hypot(sigma_x, sigma_y) / delta) ** 2)


@right("09.7", "minus the floor of minus n, in a tensor")
def _(sigma_x, sigma_y, delta, power):
    z = 1.959964 + torch.special.ndtri(torch.tensor(power, dtype=torch.float64))
    return -((-((z / delta) ** 2) * (sigma_x**2 + sigma_y**2)) // 1)
