"""Answers that readers might give to the exercises of notebook 04: wrong, or right but odd."""

import math
from fractions import Fraction

import numpy as np
import scipy.stats
import torch
import torch.nn.functional as F
from torch.distributions import Categorical, Independent, Normal

from tests.course.answers import right, wrong

# 04.1: six shapes

wrong("04.1", "the column of actions gives a column", [[5], [5, 1], [5, 3], [5], [5, 5], [5]])
wrong("04.1", "the column of actions is taken for a list", [[5], [5], [5, 3], [5], [5, 5], [5]])
wrong("04.1", "a Normal is taken to sum over the last axis", [[5], [5, 5], [5], [5], [5, 5], [5]])
wrong("04.1", "the column of means gives a column", [[5], [5, 5], [5, 3], [5], [5, 1], [5]])
wrong("04.1", "the sum of line 6 is forgotten", [[5], [5, 5], [5, 3], [5], [5, 5], [5, 5]])
wrong("04.1", "Independent is taken to do nothing", [[5], [5, 5], [5, 3], [5, 3], [5, 5], [5, 5]])
wrong("04.1", "line 6 is taken to sum everything", [[5], [5, 5], [5, 3], [5], [5, 5], []])
wrong("04.1", "what the rule promises, without any broadcasting", [[5], [5], [5, 3], [5], [5], [5]])
wrong("04.1", "the right shapes in the reverse order", [[5], [5, 5], [5], [5, 3], [5, 5], [5]])
wrong("04.1", "every column and every sum is missed", [[5], [5], [5], [5, 3], [5, 1], [5, 5]])
wrong("04.1", "the last line is left out", [[5], [5, 5], [5, 3], [5], [5, 5]])

right("04.1", "a tuple of tuples", ((5,), (5, 5), (5, 3), (5,), (5, 5), (5,)))
right(
    "04.1",
    "the shapes as torch gives them",
    [torch.Size(s) for s in ([5], [5, 5], [5, 3], [5], [5, 5], [5])],
)
right(
    "04.1",
    "arrays of numpy integers",
    [np.array(s) for s in ([5], [5, 5], [5, 3], [5], [5, 5], [5])],
)
right("04.1", "tensors", [torch.tensor(s) for s in ([5], [5, 5], [5, 3], [5], [5, 5], [5])])


# 04.2: a Gaussian by hand

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


def each(loc, scale, act):
    """The log-probability of each dimension by itself."""
    return -0.5 * ((act - loc) / scale) ** 2 - np.log(scale) - HALF_LOG_2PI


@wrong("04.2", "the dimensions are not summed")
def _(loc, scale, act):
    return each(loc, scale, act)


@wrong("04.2", "the mean over the dimensions, not the sum")
def _(loc, scale, act):
    return each(loc, scale, act).mean(axis=1)


@wrong("04.2", "summed over the batch, not over the dimensions")
def _(loc, scale, act):
    return each(loc, scale, act).sum(axis=0)


@wrong("04.2", "a column: the summed axis is kept")
def _(loc, scale, act):
    return each(loc, scale, act).sum(axis=1, keepdims=True)


@wrong("04.2", "the constant counts once, not once for each dimension")
def _(loc, scale, act):
    return (-0.5 * ((act - loc) / scale) ** 2 - np.log(scale)).sum(axis=1) - HALF_LOG_2PI


@wrong("04.2", "the standard deviation is taken for the variance")
def _(loc, scale, act):
    return each(loc, np.sqrt(scale), act).sum(axis=1)


@wrong("04.2", "the term log sigma is missing")
def _(loc, scale, act):
    return (-0.5 * ((act - loc) / scale) ** 2 - HALF_LOG_2PI).sum(axis=1)


@wrong("04.2", "the first dimension's log sigma counts for all of them")
def _(loc, scale, act):
    squares = -0.5 * ((act - loc) ** 2 / scale**2).sum(axis=1)
    return squares - act.shape[1] * (np.log(scale[:, 0]) + HALF_LOG_2PI)


@wrong("04.2", "the standard deviations of the first row are used for all rows")
def _(loc, scale, act):
    return each(loc, scale[0], act).sum(axis=1)


@wrong("04.2", "the deviations are summed first and squared then")
def _(loc, scale, act):
    square = ((act - loc) / scale).sum(axis=1) ** 2
    return -0.5 * square - np.log(scale).sum(axis=1) - act.shape[1] * HALF_LOG_2PI


@wrong("04.2", "the logarithm of a density that underflows: -inf far from the mean")
def _(loc, scale, act):
    density = np.exp(-0.5 * ((act - loc) / scale) ** 2) / (scale * math.sqrt(2 * math.pi))
    with np.errstate(divide="ignore"):
        return np.log(density.prod(axis=1))


@right("04.2", "torch's distribution, as a tensor that wants a gradient")
def _(loc, scale, act):
    mean, sigma, action = (torch.tensor(x) for x in (loc, scale, act))
    return Independent(Normal(mean.requires_grad_(), sigma), 1).log_prob(action)


@right("04.2", "scipy's logpdf, times a vector of ones")
def _(loc, scale, act):
    return scipy.stats.norm.logpdf(act, loc, scale) @ np.ones(act.shape[1])


@right("04.2", "the full Gaussian with a diagonal covariance, row by row, as a list")
def _(loc, scale, act):
    full = scipy.stats.multivariate_normal.logpdf
    return [full(a, m, np.diag(s**2)) for m, s, a in zip(loc, scale, act, strict=True)]


@right("04.2", "the actions are standardized in place")
def _(loc, scale, act):
    act -= loc
    act /= scale
    squares = np.einsum("ba,ba->b", act, act)
    return -0.5 * (squares + act.shape[1] * math.log(2 * math.pi)) - np.log(scale).sum(axis=1)


# 04.3: the weight of a reward in the sum of the returns


@wrong("04.3", "the last power alone, the weight in G_0")
def _(k, gamma):
    return gamma**k


@wrong("04.3", "one power too few: gamma^k itself is missing")
def _(k, gamma):
    return sum(gamma**j for j in range(k))


@wrong("04.3", "one power too many")
def _(k, gamma):
    return sum(gamma**j for j in range(k + 2))


@wrong("04.3", "without the 1: the reward is missing from its own return")
def _(k, gamma):
    return sum(gamma**j for j in range(1, k + 1))


@wrong("04.3", "the closed form, which is 0/0 for gamma = 1")
def _(k, gamma):
    with np.errstate(invalid="ignore"):
        return np.divide(1 - gamma ** (k + 1), np.float64(1 - gamma))


@wrong("04.3", "a discount of 0.99 or more is taken for 1, to keep away from 0/0")
def _(k, gamma):
    return k + 1 if gamma > 0.985 else (1 - gamma ** (k + 1)) / (1 - gamma)


@wrong("04.3", "the closed form with a sum for gamma = 1 that has one term too few")
def _(k, gamma):
    return k if gamma == 1 else (1 - gamma ** (k + 1)) / (1 - gamma)


@wrong("04.3", "the closed form of the endless sum, whatever k is")
def _(k, gamma):
    return k + 1 if gamma == 1 else 1 / (1 - gamma)


@wrong("04.3", "all k + 1 powers are taken to be the last one")
def _(k, gamma):
    return (k + 1) * gamma**k


@wrong("04.3", "only the number of the returns, as if nothing were discounted")
def _(k, gamma):
    return k + 1


@right("04.3", "a polynomial with all coefficients 1")
def _(k, gamma):
    return np.polyval(np.ones(k + 1), gamma)


@right("04.3", "a recursion")
def _(k, gamma):
    def powers(j):
        return 1 + gamma * powers(j - 1) if j else 1

    return powers(k)


@right("04.3", "a Fraction, in closed form where it may be divided")
def _(k, gamma):
    exact = Fraction(gamma)
    return (1 - exact ** (k + 1)) / (1 - exact) if exact != 1 else Fraction(k + 1)


@right("04.3", "a tensor without axes, the sum of a running product")
def _(k, gamma):
    factors = torch.full((k + 1,), gamma, dtype=torch.float64)
    factors[0] = 1
    return factors.cumprod(dim=0).sum()


# 04.4: two columns


@wrong("04.4", "only the actions are squeezed: every return meets every log-probability")
def _(logits, act, returns):
    return -(Categorical(logits=logits).log_prob(act.squeeze(-1)) * returns).mean()


@wrong("04.4", "only the returns are squeezed: each state's column meets that state's return")
def _(logits, act, returns):
    return -(Categorical(logits=logits).log_prob(act) * returns.squeeze(-1)).mean()


@wrong("04.4", "Independent around the Categorical, with both columns as they are")
def _(logits, act, returns):
    log_prob = Independent(Categorical(logits=logits), 1).log_prob(act)
    return -(log_prob * returns).mean()


@wrong("04.4", "Independent around the Categorical, with the returns squeezed")
def _(logits, act, returns):
    log_prob = Independent(Categorical(logits=logits), 1).log_prob(act)
    return -(log_prob * returns.squeeze(-1)).mean()


@wrong("04.4", "Independent around the Categorical, with the actions squeezed")
def _(logits, act, returns):
    log_prob = Independent(Categorical(logits=logits), 1).log_prob(act.squeeze(-1))
    return -(log_prob * returns).mean()


@wrong("04.4", "the table is squeezed, which has no axis of length 1")
def _(logits, act, returns):
    return -(Categorical(logits=logits).log_prob(act).squeeze(-1) * returns).mean()


@wrong("04.4", "the actions lie flat, as a row, and the returns stand: again a table")
def _(logits, act, returns):
    return -(Categorical(logits=logits).log_prob(act.T) * returns).mean()


@wrong("04.4", "the mean log-probability times the mean return")
def _(logits, act, returns):
    return -Categorical(logits=logits).log_prob(act[:, 0]).mean() * returns.mean()


@wrong("04.4", "the sum over the steps, not the mean")
def _(logits, act, returns):
    return -(Categorical(logits=logits).log_prob(act[:, 0]) * returns[:, 0]).sum()


@wrong("04.4", "the sign of an objective, not of a loss")
def _(logits, act, returns):
    return (Categorical(logits=logits).log_prob(act[:, 0]) * returns[:, 0]).mean()


@wrong("04.4", "the logits of the actions are taken for their log-probabilities")
def _(logits, act, returns):
    return -(logits.gather(1, act) * returns).mean()


@wrong("04.4", "the value is right, but the log-probabilities are detached: no gradient")
def _(logits, act, returns):
    return -(Categorical(logits=logits.detach()).log_prob(act[:, 0]) * returns[:, 0]).mean()


@wrong("04.4", "the logarithm of a softmax that underflows: infinite for large logits")
def _(logits, act, returns):
    return -(torch.log(torch.softmax(logits, dim=1)).gather(1, act) * returns).mean()


@right("04.4", "both stay columns: the log-probabilities are gathered as one")
def _(logits, act, returns):
    return -(torch.log_softmax(logits, dim=-1).gather(1, act) * returns).mean()


@right("04.4", "the diagonal of the table")
def _(logits, act, returns):
    table = Categorical(logits=logits).log_prob(act)
    return -(table.diagonal() @ returns.flatten()) / len(act)


@right("04.4", "the returns lie flat, as a row")
def _(logits, act, returns):
    return -(Categorical(logits=logits).log_prob(act.flatten()) * returns.T).mean()


@right("04.4", "the cross entropy of the actions, and the axes removed in place")
def _(logits, act, returns):
    act.squeeze_(-1)
    returns.squeeze_(-1)
    return (F.cross_entropy(logits, act, reduction="none") * returns).mean()


# More answers to all four

wrong("04.1", "Independent keeps the axis it sums", [[5], [5, 5], [5, 3], [5, 1], [5, 5], [5]])
wrong("04.1", "line 4 is summed over the batch", [[5], [5, 5], [5, 3], [3], [5, 5], [5]])
wrong("04.1", "one log-probability for all of line 1", [[], [5, 5], [5, 3], [5], [5, 5], [5]])
right(
    "04.1",
    "a list of torch sizes",
    [torch.Size(s) for s in ([5], [5, 5], [5, 3], [5], [5, 5], [5])],
)


@wrong("04.2", "logarithms to the base 10")
def _(loc, scale, act):
    z = (act - loc) / scale
    return (-(z**2) / 2 - np.log10(scale) - np.log10(2 * np.pi) / 2).sum(axis=1)


@wrong("04.2", "no dimension may have less than -1,000")
def _(loc, scale, act):
    return np.maximum(each(loc, scale, act), -1000.0).sum(axis=1)


@wrong("04.2", "the distance is not squared")
def _(loc, scale, act):
    z = (act - loc) / scale
    return (-z / 2 - np.log(scale) - np.log(2 * np.pi) / 2).sum(axis=1)


@right("04.2", "a scalar product for each row, and the constants once")
def _(loc, scale, act):
    z = (act - loc) / scale
    constant = loc.shape[1] * np.log(2 * np.pi) / 2
    return -np.einsum("ba,ba->b", z, z) / 2 - np.log(scale).sum(axis=1) - constant


@wrong("04.3", "gamma times i, not gamma to the power of i")
def _(k, gamma):
    return 1 + sum(gamma * i for i in range(1, k + 1))


@wrong("04.3", "powers by way of the logarithm of gamma: NaN for gamma = 0")
def _(k, gamma):
    with np.errstate(all="ignore"):
        return float(np.exp(np.arange(k + 1) * np.log(gamma)).sum())


@wrong("04.3", "nothing is left of a reward if gamma = 0")
def _(k, gamma):
    return sum(gamma**i for i in range(k + 1)) if gamma > 0 else 0.0


@wrong("04.4", "the softmax over the steps")
def _(logits, act, returns):
    return -(torch.log_softmax(logits, 0).gather(1, act) * returns).mean()


@wrong("04.4", "the mean over a table that is 0 but for the actions taken")
def _(logits, act, returns):
    taken = F.one_hot(act[:, 0], logits.shape[1])
    return -(torch.log_softmax(logits, 1) * taken * returns).mean()


@wrong("04.4", "the exponentials are handed over as probabilities, and overflow")
def _(logits, act, returns):
    log_prob = Categorical(probs=logits.exp()).log_prob(act.squeeze(-1))
    return -(log_prob * returns.squeeze(-1)).mean()


@right("04.4", "one sum over steps and actions")
def _(logits, act, returns):
    taken = F.one_hot(act[:, 0], logits.shape[1]).to(logits.dtype)
    return -torch.einsum("ba,ba,bi->", taken, torch.log_softmax(logits, 1), returns) / len(logits)


# 04.5: signal over noise


@wrong("04.5", "the variance in place of the standard deviation")
def _(estimates, probability):
    mean = probability @ estimates
    return np.linalg.norm(mean) / (probability @ ((estimates - mean) ** 2).sum(axis=1))


@wrong("04.5", "all estimates are taken to be equally likely")
def _(estimates, probability):
    return np.linalg.norm(estimates.mean(axis=0)) / np.sqrt(estimates.var(axis=0).sum())


@wrong("04.5", "equally likely for the mean alone")
def _(estimates, probability):
    mean = estimates.mean(axis=0)
    return np.linalg.norm(mean) / np.sqrt(probability @ ((estimates - mean) ** 2).sum(axis=1))


@wrong("04.5", "the mean of the lengths, not the length of the mean")
def _(estimates, probability):
    mean = probability @ estimates
    spread = np.sqrt(probability @ ((estimates - mean) ** 2).sum(axis=1))
    return probability @ np.linalg.norm(estimates, axis=1) / spread


@wrong("04.5", "the mean square, from which nothing was subtracted")
def _(estimates, probability):
    return np.linalg.norm(probability @ estimates) / np.sqrt(
        probability @ (estimates**2).sum(axis=1)
    )


@wrong("04.5", "a ratio for each coordinate")
def _(estimates, probability):
    mean = probability @ estimates
    return mean / np.sqrt(probability @ (estimates - mean) ** 2)


@wrong("04.5", "the mean of the ratios of the coordinates")
def _(estimates, probability):
    mean = probability @ estimates
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.mean(abs(mean) / np.sqrt(probability @ (estimates - mean) ** 2))


@wrong("04.5", "upside down")
def _(estimates, probability):
    mean = probability @ estimates
    with np.errstate(divide="ignore"):
        return np.sqrt(probability @ ((estimates - mean) ** 2).sum(axis=1)) / np.linalg.norm(mean)


@wrong("04.5", "the sum of the coordinates for the length")
def _(estimates, probability):
    mean = probability @ estimates
    return mean.sum() / np.sqrt(probability @ ((estimates - mean) ** 2).sum(axis=1))


@wrong("04.5", "squares minus square, which loses the digits of small noise")
def _(estimates, probability):
    mean = probability @ estimates
    variance = probability @ (estimates**2).sum(axis=1) - mean @ mean
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.linalg.norm(mean) / np.sqrt(variance)


@wrong("04.5", "the variance as of a sample, divided by n - 1")
def _(estimates, probability):
    mean = probability @ estimates
    squares = ((estimates - mean) ** 2).sum()
    return np.linalg.norm(mean) / np.sqrt(squares / (len(estimates) - 1))


@right("04.5", "by numpy's covariance with weights, and its trace")
def _(estimates, probability):
    covariance = np.atleast_2d(np.cov(estimates.T, aweights=probability, ddof=0))
    mean = np.average(estimates, axis=0, weights=probability)
    return math.hypot(*mean) / math.sqrt(np.trace(covariance))


@right("04.5", "in a loop, as a Python float")
def _(estimates, probability):
    pairs = list(zip(estimates.tolist(), probability.tolist(), strict=True))
    mean = [sum(p * row[k] for row, p in pairs) for k in range(estimates.shape[1])]
    variance = sum(p * math.dist(row, mean) ** 2 for row, p in pairs)
    return math.hypot(*mean) / variance**0.5


@right("04.5", "the estimates are centered in place, the answer a tensor")
def _(estimates, probability):
    mean = probability @ estimates
    estimates -= mean
    estimates *= np.sqrt(probability)[:, None]
    return torch.tensor(np.linalg.norm(mean) / np.linalg.norm(estimates))


@right("04.5", "from the distances between all pairs of estimates")
def _(estimates, probability):
    distances = ((estimates[:, None] - estimates) ** 2).sum(axis=2)
    return np.linalg.norm(probability @ estimates) / np.sqrt(
        probability @ distances @ probability / 2
    )


# 04.6: what the guard compares


def result(shapes):
    """The shape of the result, by torch."""
    return torch.broadcast_shapes(*map(tuple, shapes))


@wrong("04.6", "against the smallest operand")
def _(shapes):
    return result(shapes).numel() / min(math.prod(s) for s in shapes)


@wrong("04.6", "against the first operand")
def _(shapes):
    return result(shapes).numel() / math.prod(shapes[0])


@wrong("04.6", "against the last operand")
def _(shapes):
    return result(shapes).numel() / math.prod(shapes[-1])


@wrong("04.6", "the elements of the result alone")
def _(shapes):
    return result(shapes).numel()


@wrong("04.6", "against the mean operand")
def _(shapes):
    return result(shapes).numel() / np.mean([math.prod(s) for s in shapes])


@wrong("04.6", "refused or not, in place of the number")
def _(shapes):
    return all(result(shapes).numel() > math.prod(s) for s in shapes)


@wrong("04.6", "each element with each, as if no axis were shared")
def _(shapes):
    sizes = [math.prod(s) for s in shapes]
    return math.prod(sizes) / max(sizes)


@wrong("04.6", "more axes, not more elements")
def _(shapes):
    return len(result(shapes)) / max(1, *(len(s) for s in shapes))


@wrong("04.6", "against the operand with the most axes")
def _(shapes):
    widest = max(shapes, key=len)
    return result(shapes).numel() / math.prod(widest)


@wrong("04.6", "the first two operands alone")
def _(shapes):
    return result(shapes[:2]).numel() / max(math.prod(s) for s in shapes[:2])


@right("04.6", "from torch's shape, as a whole number")
def _(shapes):
    return result(shapes).numel() // max(math.prod(s) for s in shapes)


@right("04.6", "the least of the growths of the operands, as a Fraction")
def _(shapes):
    return min(Fraction(result(shapes).numel(), math.prod(s)) for s in shapes)


@right("04.6", "by making arrays that take no memory")
def _(shapes):
    arrays = [np.broadcast_to(np.float32(1), s) for s in shapes]
    return np.broadcast(*arrays).size / max(a.size for a in arrays)


@right("04.6", "axis by axis, from the right")
def _(shapes):
    axes = range(1, 1 + max(map(len, shapes)))
    longest = [max([s[-k] for s in shapes if len(s) >= k]) for k in axes]
    return np.prod(longest) / max(np.prod(s) for s in shapes)
