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


# 01.5: a baseline that looks at the arm


@wrong("01.5", "a baseline never biases, somebody has read: zeros")
def _(pi, rewards, baselines):
    return np.zeros_like(pi)


@wrong("01.5", "the truth minus the expectation")
def _(pi, rewards, baselines):
    score = np.eye(len(pi)) - pi
    return pi @ (rewards[:, None] * score) - pi @ ((rewards - baselines)[:, None] * score)


@wrong("01.5", "the expectation of the estimate itself")
def _(pi, rewards, baselines):
    score = np.eye(len(pi)) - pi
    return (pi * (rewards - baselines)) @ score


@wrong("01.5", "each coordinate has its own baseline, which the lemma covers: almost 0")
def _(pi, rewards, baselines):
    score = np.eye(len(pi)) - pi
    return pi @ ((rewards[:, None] - baselines) * score) - pi @ (rewards[:, None] * score)


@wrong("01.5", "the arms are taken to be equally likely when the estimates are averaged")
def _(pi, rewards, baselines):
    score = np.eye(len(pi)) - pi
    return -(baselines[:, None] * score).mean(axis=0)


@wrong("01.5", "minus the mean baseline, one number")
def _(pi, rewards, baselines):
    return -(pi * baselines).sum()


@wrong("01.5", "the pulled arm's own coordinate only")
def _(pi, rewards, baselines):
    return -pi * baselines * (1 - pi)


@wrong("01.5", "the baselines are compared with the average reward")
def _(pi, rewards, baselines):
    return pi * (pi @ rewards - baselines)


@wrong("01.5", "the bias of each pull, a table")
def _(pi, rewards, baselines):
    return -(pi * baselines)[:, None] * (np.eye(len(pi)) - pi)


@wrong("01.5", "the length of the bias")
def _(pi, rewards, baselines):
    return np.linalg.norm(pi * (baselines - pi @ baselines))


@right("01.5", "the expectation minus the gradient, both as sums over the arms")
def _(pi, rewards, baselines):
    score = np.eye(len(pi)) - pi
    both = [(pi * weight) @ score for weight in (rewards - baselines, rewards)]
    return both[0] - both[1]


@right("01.5", "torch differentiates what the arms would pay if they paid the baselines")
def _(pi, rewards, baselines):
    logits = torch.tensor(np.log(pi), requires_grad=True)
    pay = torch.softmax(logits, 0) @ torch.tensor(baselines)
    return -torch.autograd.grad(pay, logits)[0]


@right("01.5", "a list of Fractions")
def _(pi, rewards, baselines):
    p, b = ([Fraction(float(x)) for x in array] for array in (pi, baselines))
    mean = sum(x * y for x, y in zip(p, b, strict=True)) / sum(p)
    return [x * (mean - y) for x, y in zip(p, b, strict=True)]


@right("01.5", "minus the covariance matrix of the pulled arm, times the baselines")
def _(pi, rewards, baselines):
    return (np.outer(pi, pi) - np.diag(pi)) @ baselines


# 01.6: the loss whose baseline is differentiated


@wrong("01.6", "the bug unchanged")
def _(logits, arms, rewards, means):
    policy = Categorical(logits=logits)
    return -((rewards - policy.probs @ means) * policy.log_prob(arms)).mean()


@wrong("01.6", "the whole product is detached")
def _(logits, arms, rewards, means):
    policy = Categorical(logits=logits)
    return -((rewards - policy.probs @ means) * policy.log_prob(arms)).detach().mean()


@wrong("01.6", "the loss as a Python number")
def _(logits, arms, rewards, means):
    policy = Categorical(logits=logits)
    return -((rewards - policy.probs @ means) * policy.log_prob(arms)).mean().item()


@wrong("01.6", "the policy is made of detached logits")
def _(logits, arms, rewards, means):
    policy = Categorical(logits=logits.detach())
    return -((rewards - policy.probs @ means) * policy.log_prob(arms)).mean()


@wrong("01.6", "the record is detached, but not the probabilities")
def _(logits, arms, rewards, means):
    policy = Categorical(logits=logits)
    return -((rewards - policy.probs @ means.detach()) * policy.log_prob(arms)).mean()


@wrong("01.6", "the log-probability is detached instead of the baseline")
def _(logits, arms, rewards, means):
    policy = Categorical(logits=logits)
    return -((rewards - policy.probs @ means) * policy.log_prob(arms).detach()).mean()


@wrong("01.6", "the mean of the batch in place of the record")
def _(logits, arms, rewards, means):
    return -((rewards - rewards.mean()) * Categorical(logits=logits).log_prob(arms)).mean()


@wrong("01.6", "the record of the pulled arm as its baseline")
def _(logits, arms, rewards, means):
    return -((rewards - means[arms]) * Categorical(logits=logits).log_prob(arms)).mean()


@wrong("01.6", "no minus sign")
def _(logits, arms, rewards, means):
    policy = Categorical(logits=logits)
    return ((rewards - (policy.probs @ means).detach()) * policy.log_prob(arms)).mean()


@wrong("01.6", "the sum in place of the mean")
def _(logits, arms, rewards, means):
    policy = Categorical(logits=logits)
    return -((rewards - (policy.probs @ means).detach()) * policy.log_prob(arms)).sum()


@wrong("01.6", "the logarithm of a softmax, which underflows")
def _(logits, arms, rewards, means):
    probs = torch.softmax(logits, dim=0)
    return -((rewards - (probs @ means).detach()) * torch.log(probs[arms])).mean()


@wrong("01.6", "the advantages are scaled to a standard deviation of 1")
def _(logits, arms, rewards, means):
    policy = Categorical(logits=logits)
    advantage = rewards - (policy.probs @ means).detach()
    advantage = advantage / (advantage.std(unbiased=False) + 1e-8)
    return -(advantage * policy.log_prob(arms)).mean()


@right("01.6", "no_grad around the baseline")
def _(logits, arms, rewards, means):
    with torch.no_grad():
        baseline = torch.softmax(logits, 0) @ means
    return torch.mean((baseline - rewards) * Categorical(logits=logits).log_prob(arms))


@right("01.6", "the advantage is detached, not the baseline")
def _(logits, arms, rewards, means):
    policy = Categorical(logits=logits)
    advantage = (rewards - policy.probs @ means).detach()
    return -(advantage @ policy.log_prob(arms)) / len(arms)


@right("01.6", "a cross entropy with weights")
def _(logits, arms, rewards, means):
    weight = rewards - torch.softmax(logits.detach(), 0) @ means
    losses = torch.nn.functional.cross_entropy(logits.expand(len(arms), -1), arms, reduction="none")
    return (weight * losses).mean()


@right("01.6", "a loop over the pulls, with the baseline as a Python number")
def _(logits, arms, rewards, means):
    log_probs = torch.log_softmax(logits, 0)
    baseline = (log_probs.exp() @ means).item()
    pulls = zip(arms.tolist(), rewards.tolist(), strict=True)
    return sum((baseline - r) * log_probs[arm] for arm, r in pulls) / len(arms)


# 01.7: the triangle, through a network


@wrong("01.7", "the layer is forgotten")
def _(pi, rewards, features):
    g = pi * (rewards - pi @ rewards)
    return pi * (g - pi @ g)


@wrong("01.7", "the features are multiplied once: the motion of the weights")
def _(pi, rewards, features):
    return (pi * (rewards - pi @ rewards)) @ features


@wrong("01.7", "the motion of the logits")
def _(pi, rewards, features):
    return features @ features.T @ (pi * (rewards - pi @ rewards))


@wrong("01.7", "the gradient with respect to the probabilities: the rewards")
def _(pi, rewards, features):
    moved = features @ features.T @ rewards
    return pi * (moved - pi @ moved)


@wrong("01.7", "the probabilities do not sum to 1 any longer")
def _(pi, rewards, features):
    return pi * (features @ features.T @ (pi * (rewards - pi @ rewards)))


@wrong("01.7", "the plain mean is subtracted")
def _(pi, rewards, features):
    moved = features @ features.T @ (pi * (rewards - pi @ rewards))
    return pi * (moved - moved.mean())


@wrong("01.7", "the probabilities after a step of length 1, less those before: no velocity")
def _(pi, rewards, features):
    moved = features @ features.T @ (pi * (rewards - pi @ rewards))
    return softmax(np.log(pi) + moved) - pi


@wrong("01.7", "the natural gradient of the logits")
def _(pi, rewards, features):
    moved = features @ features.T @ (rewards - pi @ rewards)
    return pi * (moved - pi @ moved)


@wrong("01.7", "downhill")
def _(pi, rewards, features):
    moved = -features @ features.T @ (pi * (rewards - pi @ rewards))
    return pi * (moved - pi @ moved)


@right("01.7", "the Jacobian of the softmax, twice")
def _(pi, rewards, features):
    jacobian = np.diag(pi) - np.outer(pi, pi)
    return jacobian @ features @ features.T @ jacobian @ rewards


@right("01.7", "central differences along the step, by a complex one")
def _(pi, rewards, features):
    moved = features @ features.T @ (pi * (rewards - pi @ rewards))
    weights = np.exp(np.log(pi) + 1e-200j * moved)
    return (weights / weights.sum()).imag / 1e-200


@right("01.7", "torch does the chain rule, both ways")
def _(pi, rewards, features):
    x, log_pi = torch.tensor(features), torch.tensor(np.log(pi))
    w = torch.zeros(x.shape[1], dtype=torch.float64, requires_grad=True)
    step = torch.autograd.grad(torch.softmax(log_pi + x @ w, 0) @ torch.tensor(rewards), w)[0]
    _, velocity = torch.autograd.functional.jvp(
        lambda weights: torch.softmax(log_pi + x @ weights, 0), w, step
    )
    return velocity


@right("01.7", "the features centered first, which changes nothing")
def _(pi, rewards, features):
    centered = features - pi @ features
    return pi * (centered @ (centered.T @ (pi * rewards)))
