"""Answers that readers might give to the exercises of notebook 01: wrong, or right but odd."""

import math
from fractions import Fraction

import numpy as np
import scipy.special
import torch
from torch.distributions import Categorical

from tests.course.answers import right, wrong


def softmax(logits):
    """Turn logits [A] into probabilities [A]."""
    weights = np.exp(logits - np.max(logits))
    return weights / weights.sum()


# 01.1: the score


@wrong("01.1", "the sign is turned round")
def _(logits, arm):
    return softmax(logits) - np.eye(len(logits))[arm]


@wrong("01.1", "the gradient of the probability, not of its logarithm")
def _(logits, arm):
    pi = softmax(logits)
    return pi[arm] * (np.eye(len(pi))[arm] - pi)


@wrong("01.1", "the logits are taken for probabilities")
def _(logits, arm):
    return np.eye(len(logits))[arm] - logits


@wrong("01.1", "the other arms get 0: only the pulled arm's own derivative is there")
def _(logits, arm):
    score = np.zeros(len(logits))
    score[arm] = 1 - softmax(logits)[arm]
    return score


@wrong("01.1", "the other arms share the loss equally: right for two arms only")
def _(logits, arm):
    pi = softmax(logits)
    score = np.full(len(pi), -(1 - pi[arm]) / (len(pi) - 1))
    score[arm] = 1 - pi[arm]
    return score


@wrong("01.1", "an array of integers cuts the probabilities off")
def _(logits, arm):
    score = np.zeros(len(logits), dtype=int)
    score[arm] = 1
    score[:] = score - softmax(logits)
    return score


@wrong("01.1", "the exponential of a logit of 1,000 overflows, and the score is NaN")
def _(logits, arm):
    with np.errstate(over="ignore", invalid="ignore"):
        weights = np.exp(logits)
        return np.eye(len(logits))[arm] - weights / weights.sum()


@wrong("01.1", "the policy of the page, whatever the logits are")
def _(logits, arm):
    return np.eye(3)[arm] - softmax(np.array([0.5, -0.3, 0.1]))


@wrong("01.1", "the score of the likeliest arm, not of the one that was pulled")
def _(logits, arm):
    pi = softmax(logits)
    return np.eye(len(pi))[pi.argmax()] - pi


@right("01.1", "torch differentiates it, and the answer is a tensor")
def _(logits, arm):
    theta = torch.tensor(logits, requires_grad=True)
    log_prob = Categorical(logits=theta).log_prob(torch.tensor(arm))
    return torch.autograd.grad(log_prob, theta)[0]


@right("01.1", "a list, computed with the math module alone")
def _(logits, arm):
    top = max(logits)
    total = math.fsum(math.exp(x - top) for x in logits)
    return [(k == arm) - math.exp(x - top) / total for k, x in enumerate(logits)]


@right("01.1", "the derivative by a complex step, which subtracts nothing")
def _(logits, arm):
    tiny = 1e-200j * np.eye(len(logits))
    shifted = logits - np.max(logits) + tiny  # row k: coordinate k is nudged
    return (shifted[:, arm] - np.log(np.exp(shifted).sum(axis=1))).imag / 1e-200


@right("01.1", "the logits are overwritten by the answer")
def _(logits, arm):
    logits[:] = -scipy.special.softmax(logits)
    logits[arm] += 1
    return logits


# 01.2: the baseline without any noise

wrong("01.2", "V, the average reward", 0.9)
wrong("01.2", "no baseline", 0)
wrong("01.2", "the reward of the good arm", 1.0)
wrong("01.2", "the mean of the two rewards, not weighted", 0.5)
wrong("01.2", "the sign is turned round", -0.1)
wrong("01.2", "a sign lost on the way: 0.1 (1 - b) = -0.9 b", -0.125)
wrong("01.2", "the baseline forgotten after arm 1: 0.1 = 0.9 b", 1 / 9)
wrong("01.2", "p (1 - p), which is the gradient by the good arm's logit", 0.09)
wrong("01.2", "the numerator of b* alone, not divided by the mean squared length", 0.018)

right("01.2", "a fraction", Fraction(1, 10))
right("01.2", "1 - 0.9, which is not quite the float 0.1", 1 - 0.9)
right("01.2", "a float32", np.float32(0.1))
right("01.2", "a tensor that wants a gradient", torch.tensor(0.1, requires_grad=True))


# 01.3: the best baseline


@wrong("01.3", "V, the average reward, without the lengths of the scores")
def _(pi, rewards):
    return pi @ rewards


@wrong("01.3", "the probabilities are missing from the weights")
def _(pi, rewards):
    length2 = ((np.eye(len(pi)) - pi) ** 2).sum(axis=1)
    return length2 @ rewards / length2.sum()


@wrong("01.3", "the lengths of the scores are not squared")
def _(pi, rewards):
    length = np.linalg.norm(np.eye(len(pi)) - pi, axis=1)
    return (pi * length) @ rewards / (pi @ length)


@wrong("01.3", "only the pulled arm's own coordinate of each score")
def _(pi, rewards):
    weight = pi * (1 - pi) ** 2
    return weight @ rewards / weight.sum()


@wrong("01.3", "not divided by the mean squared length")
def _(pi, rewards):
    length2 = ((np.eye(len(pi)) - pi) ** 2).sum(axis=1)
    return (pi * length2) @ rewards


@wrong("01.3", "the wrong axis: summed over the arms that may be pulled, not over coordinates")
def _(pi, rewards):
    length2 = ((np.eye(len(pi)) - pi) ** 2).sum(axis=0)
    return (pi * length2) @ rewards / (pi @ length2)


@wrong("01.3", "a baseline for each coordinate, not one number")
def _(pi, rewards):
    square = (np.eye(len(pi)) - pi) ** 2
    return (pi * rewards) @ square / (pi @ square)


@wrong("01.3", "three arms, as on the page")
def _(pi, rewards):
    length2 = ((np.eye(3) - pi) ** 2).sum(axis=1)
    return (pi * length2) @ rewards / (pi @ length2)


@wrong("01.3", "the best of a grid from -5 to 15, as on the page: not exact, and too narrow")
def _(pi, rewards):
    length2 = ((np.eye(len(pi)) - pi) ** 2).sum(axis=1)
    grid = np.linspace(-5, 15, 2001)
    return grid[((rewards - grid[:, None]) ** 2 @ (pi * length2)).argmin()]


@right("01.3", "another algebra, without the lengths")
def _(pi, rewards):
    square = (pi**2).sum()
    return ((1 + square) * (pi @ rewards) - 2 * pi**2 @ rewards) / (1 - square)


@right("01.3", "a Fraction, from exact sums over the floats")
def _(pi, rewards):
    p, r = ([Fraction(float(x)) for x in array] for array in (pi, rewards))
    arms = range(len(p))
    length2 = [sum(((a == k) - p[k]) ** 2 for k in arms) for a in arms]
    return sum(p[a] * length2[a] * r[a] for a in arms) / sum(p[a] * length2[a] for a in arms)


@right("01.3", "a weighted least-squares fit of one constant")
def _(pi, rewards):
    root = np.sqrt(pi * ((np.eye(len(pi)) - pi) ** 2).sum(axis=1))
    return np.linalg.lstsq(root[:, None], root * rewards)[0].item()


@right("01.3", "a tensor without axes, for which the arrays are changed on the way")
def _(pi, rewards):
    weight = torch.einsum("a,ak->a", torch.tensor(pi), torch.tensor((np.eye(len(pi)) - pi) ** 2))
    pi[:] = weight / weight.sum()
    return torch.tensor(pi) @ torch.tensor(rewards)


# 01.4: the probability that counts twice


@wrong("01.4", "divided by the probability of every coordinate's arm, not of the pulled one")
def _(pi, arms, rewards):
    gradient = pi[arms][:, None] * (np.eye(len(pi))[arms] - pi) / pi
    return (rewards[:, None] * gradient).mean(axis=0)


@wrong("01.4", "divided by the probability once too often: the unlikely arms count too much")
def _(pi, arms, rewards):
    gradient = (np.eye(len(pi))[arms] - pi) / pi[arms][:, None]
    return (rewards[:, None] * gradient).mean(axis=0)


@wrong("01.4", "the logarithm is put on the factor, and nothing is divided")
def _(pi, arms, rewards):
    gradient = np.log(pi[arms])[:, None] * (np.eye(len(pi))[arms] - pi)
    return (rewards[:, None] * gradient).mean(axis=0)


@wrong("01.4", "the sum over the pulls, not the mean")
def _(pi, arms, rewards):
    return (rewards[:, None] * (np.eye(len(pi))[arms] - pi)).sum(axis=0)


@wrong("01.4", "the sign of a loss")
def _(pi, arms, rewards):
    return -(rewards[:, None] * (np.eye(len(pi))[arms] - pi)).mean(axis=0)


@wrong("01.4", "the batch's own mean as a baseline: (N - 1)/N of the gradient")
def _(pi, arms, rewards):
    return ((rewards - rewards.mean())[:, None] * (np.eye(len(pi))[arms] - pi)).mean(axis=0)


@wrong("01.4", "the probabilities are not subtracted, so no arm can lose")
def _(pi, arms, rewards):
    return (rewards[:, None] * np.eye(len(pi))[arms]).mean(axis=0)


@wrong("01.4", "`+=` at an array of places: an arm that was pulled twice is praised once")
def _(pi, arms, rewards):
    total = np.zeros(len(pi))
    total[arms] += rewards
    return total / len(arms) - pi * rewards.mean()


@wrong("01.4", "divided by the mean probability of the pulled arms: right for one arm at a time")
def _(pi, arms, rewards):
    gradient = pi[arms][:, None] * (np.eye(len(pi))[arms] - pi)
    return (rewards[:, None] * gradient).mean(axis=0) / pi[arms].mean()


@right("01.4", "the lines of the bug, and the forgotten division after them")
def _(pi, arms, rewards):
    gradient = pi[arms][:, None] * (np.eye(len(pi))[arms] - pi)
    return (rewards[:, None] * gradient / pi[arms][:, None]).mean(axis=0)


@right("01.4", "the rewards of each arm are counted, without a table of scores")
def _(pi, arms, rewards):
    return np.bincount(arms, rewards, len(pi)) / len(arms) - pi * rewards.mean()


@right("01.4", "torch differentiates the loss, and the answer is a tensor")
def _(pi, arms, rewards):
    logits = torch.tensor(np.log(pi), requires_grad=True)
    log_prob = Categorical(logits=logits).log_prob(torch.tensor(arms))
    return torch.autograd.grad((log_prob * torch.tensor(rewards)).mean(), logits)[0]


@right("01.4", "a vector times a table, and the rewards are overwritten")
def _(pi, arms, rewards):
    rewards /= len(arms)
    return rewards @ (np.eye(len(pi))[arms] - pi)


@right("01.4", "less the mean of the other rewards: another unbiased estimate")
def _(pi, arms, rewards):
    others = (rewards.sum() - rewards) / (len(rewards) - 1)
    return ((rewards - others)[:, None] * (np.eye(len(pi))[arms] - pi)).mean(axis=0)


# More answers to all four


@wrong("01.1", "powers of 2 in place of exponentials")
def _(logits, arm):
    weights = 2.0 ** (logits - np.max(logits))
    return np.eye(len(logits))[arm] - weights / weights.sum()


@wrong("01.1", "the logits are cut off at 50, against an overflow")
def _(logits, arm):
    return np.eye(len(logits))[arm] - softmax(np.clip(logits, -50, 50))


@wrong("01.1", "arms counted from 1")
def _(logits, arm):
    return np.eye(len(logits))[arm - 1] - softmax(logits)


@right("01.1", "central differences of fourth order, in long double")
def _(logits, arm):
    def log_prob(x):
        return x[arm] - x.max() - np.log(np.exp(x - x.max()).sum())

    x = np.asarray(logits, np.longdouble)
    steps = np.eye(len(x), dtype=np.longdouble) * np.longdouble(1e-6)
    near = [log_prob(x + step) - log_prob(x - step) for step in steps]
    far = [log_prob(x + 2 * step) - log_prob(x - 2 * step) for step in steps]
    return [float((8 * n - f) / 12e-6) for n, f in zip(near, far, strict=True)]


wrong("01.2", "the size of the estimate after arm 0, for the average reward", 0.81)
wrong("01.2", "p² + (1 - p)²", 0.82)
wrong("01.2", "0.1 (1 - b) = 0.9 (0.1 - b)", -0.0125)


@wrong("01.3", "the rewards are squared, as if they were part of the length")
def _(pi, rewards):
    length2 = 1 - 2 * pi + pi @ pi
    return (pi * length2) @ rewards**2 / ((pi * length2) @ rewards)


@wrong("01.3", "the length of a score is the sum of its absolute coordinates")
def _(pi, rewards):
    length2 = np.abs(np.eye(len(pi)) - pi).sum(axis=1) ** 2
    return (pi * length2) @ rewards / (pi @ length2)


@wrong("01.3", "the gradients of the probabilities, not of their logarithms")
def _(pi, rewards):
    length2 = ((pi[:, None] * (np.eye(len(pi)) - pi)) ** 2).sum(axis=1)
    return (pi * length2) @ rewards / (pi @ length2)


@right("01.3", "the lowest point of the parabola through the noise at three baselines")
def _(pi, rewards):
    length2 = 1 - 2 * pi + pi @ pi
    left, middle, at_right = (pi @ ((rewards - b) ** 2 * length2) for b in (-1.0, 0.0, 1.0))
    return (left - at_right) / (2 * (left + at_right - 2 * middle))


@wrong("01.4", "the mean reward of each arm, and the gradient of their average")
def _(pi, arms, rewards):
    pulled = [rewards[arms == arm] for arm in range(len(pi))]
    mean = np.array([paid.mean() if len(paid) else 0.0 for paid in pulled])
    return pi * (mean - pi @ mean)


@wrong("01.4", "less the mean of all rewards so far, this one included")
def _(pi, arms, rewards):
    so_far = np.cumsum(rewards) / np.arange(1, len(rewards) + 1)
    return ((rewards - so_far)[:, None] * (np.eye(len(pi))[arms] - pi)).mean(axis=0)


@wrong("01.4", "divided by N - 1, as a variance is")
def _(pi, arms, rewards):
    total = rewards @ (np.eye(len(pi))[arms] - pi)
    return total / max(len(arms) - 1, 1)


@right("01.4", "less the mean of the earlier rewards, which the pull cannot change")
def _(pi, arms, rewards):
    before = np.append(0.0, np.cumsum(rewards)[:-1]) / np.maximum(np.arange(len(rewards)), 1)
    return ((rewards - before)[:, None] * (np.eye(len(pi))[arms] - pi)).mean(axis=0)
