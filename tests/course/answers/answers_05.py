"""Answers to the exercises of notebook 05 that readers might give: wrong ones, and odd ones."""

import math
from fractions import Fraction
from statistics import NormalDist

import numpy as np
import torch
from gymnasium.spaces import Box
from scipy import integrate, special, stats

from pg_edu.actions import from_box
from tests.course.answers import right, wrong

# Exercise 05.1: to the motor


@wrong("05.1", "clipped, where tanh was asked for")
def _(u, low, high):
    return low + (high - low) * (np.clip(u, -1, 1) + 1) / 2


@wrong("05.1", "bounded twice, by tanh and by the bounds of the motor, and never scaled")
def _(u, low, high):
    return np.clip(np.tanh(u), low, high)


@wrong("05.1", "bounded, but not scaled to the range")
def _(u, low, high):
    return np.tanh(u)


@wrong("05.1", "the middle of the range is missing: right for symmetric ranges only")
def _(u, low, high):
    return np.tanh(u) * (high - low) / 2


@wrong("05.1", "times high: right only where low is -high")
def _(u, low, high):
    return high * np.tanh(u)


@wrong("05.1", "the whole width in place of the half: twice too far from the middle")
def _(u, low, high):
    return (low + high) / 2 + (high - low) * np.tanh(u)


@wrong("05.1", "tanh taken for a number from 0 to 1: u = 0 gives low, not the middle")
def _(u, low, high):
    return low + (high - low) * np.tanh(u)


@wrong("05.1", "scaled first, then squeezed")
def _(u, low, high):
    scaled = low + (high - low) * (u + 1) / 2
    return low + (high - low) * (np.tanh(scaled) + 1) / 2


@wrong("05.1", "low and high swapped: -1 becomes high")
def _(u, low, high):
    return high + (low - high) * (np.tanh(u) + 1) / 2


@wrong("05.1", "one range for all dimensions: that of the first one")
def _(u, low, high):
    return low[0] + (high[0] - low[0]) * (np.tanh(u) + 1) / 2


@wrong("05.1", "the sigmoid of u, which is tanh of half of u")
def _(u, low, high):
    return low + (high - low) / (1 + np.exp(-u))


@right("05.1", "the sigmoid of 2u")
def _(u, low, high):
    return low + (high - low) * special.expit(2 * u)


@right("05.1", "a list of lists, one number after the other")
def _(u, low, high):
    rows = []
    for row in u:
        numbers = zip(row, low, high, strict=True)
        rows.append([(b + a + (b - a) * math.tanh(x)) / 2 for x, a, b in numbers])
    return rows


@right("05.1", "a torch tensor that requires grad")
def _(u, low, high):
    raw = torch.tensor(np.asarray(u, np.float64), requires_grad=True)
    low, high = torch.as_tensor(low), torch.as_tensor(high)
    return torch.lerp(low.double(), high.double(), (raw.tanh() + 1) / 2)


@right("05.1", "interpolated, one dimension after the other")
def _(u, low, high):
    ends = zip(np.transpose(u), low, high, strict=True)
    return np.stack([np.interp(np.tanh(x), [-1, 1], [a, b]) for x, a, b in ends], axis=1)


@right("05.1", "the raw actions are overwritten")
def _(u, low, high):
    u[:] = np.tanh(u)
    u *= (high - low) / 2
    u += (high + low) / 2
    return u


# Exercise 05.2: and back again


@wrong("05.2", "unscaled only: arctanh is missing")
def _(a, low, high):
    return 2 * (a - low) / (high - low) - 1


@wrong("05.2", "tanh a second time, in place of its inverse")
def _(a, low, high):
    return np.tanh(2 * (a - low) / (high - low) - 1)


@wrong("05.2", "one over tanh is not the inverse of tanh")
def _(a, low, high):
    return 1 / np.tanh(2 * (a - low) / (high - low) - 1)


@wrong("05.2", "arctan in place of arctanh")
def _(a, low, high):
    return np.arctan(2 * (a - low) / (high - low) - 1)


@wrong("05.2", "the wrong order: arctanh first, then unscaled")
def _(a, low, high):
    return 2 * (np.arctanh(a) - low) / (high - low) - 1


@wrong("05.2", "divided by high: right only where low is -high")
def _(a, low, high):
    return np.arctanh(a / high)


@wrong("05.2", "divided by the whole width: only half of the way to the bounds")
def _(a, low, high):
    return np.arctanh((a - (low + high) / 2) / (high - low))


@wrong("05.2", "brought to [0, 1] and not to [-1, 1]")
def _(a, low, high):
    return np.arctanh((a - low) / (high - low))


@wrong("05.2", "the logit, which is twice the arctanh")
def _(a, low, high):
    return np.log((a - low) / (high - a))


@wrong("05.2", "cut off at 0.99: wrong near the bounds")
def _(a, low, high):
    return np.arctanh(np.clip(2 * (a - low) / (high - low) - 1, -0.99, 0.99))


@right("05.2", "half the logarithm of the ratio of the two distances")
def _(a, low, high):
    return np.log((a - low) / (high - a)) / 2


@right("05.2", "a tuple of lists, with math.log1p")
def _(a, low, high):
    rows = []
    for row in a:
        parts = [(x - s) / (b - s) * 2 - 1 for x, s, b in zip(row, low, high, strict=True)]
        rows.append([(math.log1p(v) - math.log1p(-v)) / 2 for v in parts])
    return tuple(rows)


@right("05.2", "a torch tensor, by the logit of the share")
def _(a, low, high):
    return torch.logit(torch.as_tensor((a - low) / (high - low))) / 2


@right("05.2", "the package's from_box")
def _(a, low, high):
    space = Box(np.asarray(low, np.float64), np.asarray(high, np.float64), dtype=np.float64)
    return from_box(a, space, "tanh", True)


# Exercise 05.3: find the bug


@wrong("05.3", "half repaired: the clipped action is scored, without the 2")
def _(u, mu, sigma, motor):
    v = np.clip(u, -1, 1)
    return np.mean(motor(2 * v) * (v - mu) / sigma**2)


@wrong("05.3", "the raw action is scored, and sent to the motor as it is")
def _(u, mu, sigma, motor):
    return np.mean(motor(u) * (u - mu) / sigma**2)


@wrong("05.3", "the action is scaled and not clipped")
def _(u, mu, sigma, motor):
    return np.mean(motor(2 * u) * (u - mu) / sigma**2)


@wrong("05.3", "the action is clipped and not scaled")
def _(u, mu, sigma, motor):
    return np.mean(motor(np.clip(u, -1, 1)) * (u - mu) / sigma**2)


@wrong("05.3", "clipped to the motor's bounds, but never scaled to them")
def _(u, mu, sigma, motor):
    return np.mean(motor(np.clip(u, -2, 2)) * (u - mu) / sigma**2)


@wrong("05.3", "the sum over the batch in place of the mean")
def _(u, mu, sigma, motor):
    return np.sum(motor(2 * np.clip(u, -1, 1)) * (u - mu) / sigma**2)


@wrong("05.3", "divided by sigma, not by its square")
def _(u, mu, sigma, motor):
    return np.mean(motor(2 * np.clip(u, -1, 1)) * (u - mu) / sigma)


@wrong("05.3", "the gradient of the loss: the sign is wrong")
def _(u, mu, sigma, motor):
    return np.mean(motor(2 * np.clip(u, -1, 1)) * (mu - u) / sigma**2)


@wrong("05.3", "scored as 2u under its own Gaussian: the derivative by 2 mu, half as large")
def _(u, mu, sigma, motor):
    rewards = motor(2 * np.clip(u, -1, 1))
    return np.mean(rewards * (2 * u - 2 * mu) / (2 * sigma) ** 2)


@wrong("05.3", "the environment action is scored under a Gaussian of twice the mean and spread")
def _(u, mu, sigma, motor):
    action = 2 * np.clip(u, -1, 1)
    return np.mean(motor(action) * (action - 2 * mu) / (2 * sigma) ** 2)


@wrong("05.3", "the mean of the rewards times the mean of the scores")
def _(u, mu, sigma, motor):
    return np.mean(motor(2 * np.clip(u, -1, 1))) * np.mean((u - mu) / sigma**2)


@wrong("05.3", "the actions that were clipped are left out")
def _(u, mu, sigma, motor):
    inside = abs(u) <= 1
    return np.sum(inside * motor(2 * np.clip(u, -1, 1)) * (u - mu) / sigma**2) / len(u)


@right("05.3", "doubled first, then clipped to 2, and a scalar product")
def _(u, mu, sigma, motor):
    return motor(np.clip(2 * u, -2, 2)) @ (u - mu) / (len(u) * sigma**2)


@right("05.3", "autograd, by the mean of log-probability times reward")
def _(u, mu, sigma, motor):
    mean = torch.tensor(float(mu), dtype=torch.float64, requires_grad=True)
    rewards = torch.as_tensor(motor(2 * np.clip(u, -1, 1)), dtype=torch.float64)
    raw = torch.as_tensor(u, dtype=torch.float64)
    log_prob = torch.distributions.Normal(mean, float(sigma)).log_prob(raw)
    (log_prob * rewards).mean().backward()
    return mean.grad


@right("05.3", "the motor is asked for one action at a time")
def _(u, mu, sigma, motor):
    total = 0.0
    for x in u:
        total += motor(np.array([2 * min(max(x, -1), 1)]))[0] * (x - mu)
    return total / sigma**2 / len(u)


@right("05.3", "a covariance with the mean mu that is known, from the second moments")
def _(u, mu, sigma, motor):
    rewards = motor(np.maximum(np.minimum(u, 1), -1) * 2)
    return (np.average(rewards * u) - mu * np.average(rewards)) / np.square(sigma)


# Exercise 05.4: a reward that says nothing

wrong("05.4", "(b) has the wrong sign: clipping at -1 moves actions upwards", (0, -0.80))
wrong("05.4", "(a) and (b) swapped", (0.80, 0))
wrong("05.4", "in (b) the division by sigma squared is missing", (0, 0.20))
wrong("05.4", "in (b) divided by sigma and not by its square", (0, 0.40))
wrong("05.4", "the lemma taken to hold for the clipped action, too", (0, 0))
wrong("05.4", "(a) is not 0, as if the bound mattered for the raw action", (0.80, 0.80))
wrong("05.4", "in (b) both tails counted: the mean of |u + 1|", (0, 1.60))
wrong("05.4", "(b) is cut after two decimals, not rounded", (0, 0.79))
wrong("05.4", "(b) alone", 0.80)
wrong("05.4", "(b) in percent", (0, 80))
wrong("05.4", "(a) is the mean of the raw action, not of its score", (-1, 0.80))

right("05.4", "a list with all digits", [0.0, 1 / (0.5 * math.sqrt(2 * math.pi))])
right("05.4", "Fractions", (Fraction(0), Fraction(4, 5)))
right("05.4", "a float32 array", np.array([0, 0.7978846], dtype=np.float32))
right("05.4", "a tensor that requires grad", torch.tensor([0.0, 0.798], requires_grad=True))
right("05.4", "a negative zero and a density at 0", (-0.0, NormalDist(0, 0.5).pdf(0)))


# Exercise 05.5: a stop that is no wall


def _closed(mu, sigma):
    """Return the derivative of log P(u <= 0) by the mean."""
    z = mu / sigma
    return -math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) / (sigma * special.ndtr(-z))


@wrong("05.5", "the raw score everywhere: unbiased, but not of least variance")
def _(u, mu, sigma):
    return (u - mu) / sigma**2


@wrong("05.5", "no score where the valve is closed: biased")
def _(u, mu, sigma):
    return np.where(u > 0, (u - mu) / sigma**2, 0.0)


@wrong("05.5", "the action of the valve is scored: the edge of the tail, not its mean")
def _(u, mu, sigma):
    return (np.maximum(u, 0) - mu) / sigma**2


@wrong("05.5", "the sign of the closed valve's score is wrong")
def _(u, mu, sigma):
    return np.where(u > 0, (u - mu) / sigma**2, -_closed(mu, sigma))


@wrong("05.5", "where closed, the division by sigma is missing")
def _(u, mu, sigma):
    return np.where(u > 0, (u - mu) / sigma**2, sigma * _closed(mu, sigma))


@wrong("05.5", "where closed, divided by the probability that the valve is open")
def _(u, mu, sigma):
    z = mu / sigma
    return np.where(u > 0, (u - mu) / sigma**2, -stats.norm.pdf(z) / (sigma * special.ndtr(z)))


@wrong("05.5", "the derivative of the probability, not of its logarithm")
def _(u, mu, sigma):
    return np.where(u > 0, (u - mu) / sigma**2, -stats.norm.pdf(mu / sigma) / sigma)


@wrong("05.5", "where closed, the mean over this batch's tail: unbiased, but with more variance")
def _(u, mu, sigma):
    score = (u - mu) / sigma**2
    closed = u <= 0
    return np.where(closed, score[closed].mean() if closed.any() else 0.0, score)


@wrong("05.5", "sigma is left out where closed: right for sigma = 1 only")
def _(u, mu, sigma):
    return np.where(u > 0, (u - mu) / sigma**2, _closed(mu, 1.0))


@wrong("05.5", "the page's score for a stop at -1 and at 1")
def _(u, mu, sigma):
    z = np.array([-1 - mu, 1 - mu]) / sigma
    low, high = stats.norm.pdf(z) / (sigma * special.ndtr([z[0], -z[1]]))
    return np.where(u >= 1, high, np.where(u <= -1, -low, (u - mu) / sigma**2))


@wrong("05.5", "the valve taken to close at the mean, not at 0")
def _(u, mu, sigma):
    return np.where(u > mu, (u - mu) / sigma**2, _closed(mu, sigma))


@right("05.5", "autograd of the log-probability of what the valve does")
def _(u, mu, sigma):
    raw = torch.as_tensor(u, dtype=torch.float64)
    mean = torch.full_like(raw, float(mu)).requires_grad_()
    z = (raw.clamp(min=0) - mean) / sigma
    log_prob = torch.where(raw > 0, -(z**2) / 2, torch.special.log_ndtr(-mean / sigma))
    return torch.autograd.grad(log_prob.sum(), mean)[0]


@right("05.5", "a list, with the standard library's Gaussian")
def _(u, mu, sigma):
    bell = NormalDist(mu, sigma)
    return [(x - mu) / sigma**2 if x > 0 else -bell.pdf(0) / bell.cdf(0) for x in u]


@right("05.5", "the tail's mean as an integral over the raw score")
def _(u, mu, sigma):
    bell = stats.norm(mu, sigma)
    parts = [
        integrate.quad(f, mu - 12 * sigma, 0)[0] for f in (lambda x: x * bell.pdf(x), bell.pdf)
    ]
    return (np.where(u > 0, u, parts[0] / parts[1]) - mu) / sigma**2


@right("05.5", "from logarithms, and the raw actions are overwritten")
def _(u, mu, sigma):
    closed = u <= 0
    z = -mu / sigma
    u -= mu
    u /= sigma**2
    u[closed] = -np.exp(stats.norm.logpdf(z) - stats.norm.logcdf(z)) / sigma
    return u


# More answers to all five


@wrong("05.1", "the arctan in place of tanh")
def _(u, low, high):
    return low + (np.arctan(u) * 2 / np.pi + 1) / 2 * (high - low)


@wrong("05.1", "stretched by the middle of the range")
def _(u, low, high):
    return (low + high) / 2 + np.tanh(u) * (low + high) / 2


@wrong("05.1", "kept away from the bounds")
def _(u, low, high):
    return np.clip(low + (np.tanh(u) + 1) / 2 * (high - low), low + 1e-3, high - 1e-3)


@right("05.1", "a mean of the two bounds, with weights from a sigmoid")
def _(u, low, high):
    weight = special.expit(2 * u)
    return (1 - weight) * low + weight * high


@wrong("05.2", "arcsinh in place of arctanh")
def _(a, low, high):
    return np.arcsinh((2 * a - low - high) / (high - low))


@wrong("05.2", "the half width multiplies once more")
def _(a, low, high):
    with np.errstate(invalid="ignore"):
        return np.arctanh((a - (low + high) / 2) * (high - low) / 2)


@wrong("05.2", "the middle of the range is added again")
def _(a, low, high):
    return np.arctanh((2 * a - low - high) / (high - low)) + (low + high) / 2


@right("05.2", "logarithms to the base 2")
def _(a, low, high):
    return np.log2((a - low) / (high - a)) * np.log(2) / 2


@wrong("05.3", "the mean of the batch in place of mu")
def _(u, mu, sigma, motor):
    return np.mean(motor(2 * np.clip(u, -1, 1)) * (u - u.mean()) / sigma**2)


@wrong("05.3", "the log-probability, not its derivative")
def _(u, mu, sigma, motor):
    return np.mean(motor(2 * np.clip(u, -1, 1)) * stats.norm.logpdf(u, mu, sigma))


@wrong("05.3", "tanh in place of the clip")
def _(u, mu, sigma, motor):
    return np.mean(motor(2 * np.tanh(u)) * (u - mu) / sigma**2)


wrong("05.4", "(b) is the mean action minus the bound, in units of nothing", (0, 0.5))
wrong("05.4", "(b) is divided by sigma four times", (0, 3.19))
wrong("05.4", "(b) is the mean action above the lower bound, with its sign lost", (0, -0.2))


@wrong("05.5", "one score for all open valves, too")
def _(u, mu, sigma):
    opened = stats.norm.pdf(mu / sigma) / stats.norm.cdf(mu / sigma) / sigma
    return np.where(u <= 0, _closed(mu, sigma), opened)


@wrong("05.5", "an open valve is scored as if the mean were 0")
def _(u, mu, sigma):
    return np.where(u <= 0, _closed(mu, sigma), u / sigma**2)


@wrong("05.5", "a valve at exactly 0 is taken for open")
def _(u, mu, sigma):
    return np.where(u < 0, _closed(mu, sigma), (u - mu) / sigma**2)


@right("05.5", "the probability in logarithms, as a list")
def _(u, mu, sigma):
    closed = -math.exp(stats.norm.logpdf(mu / sigma) - special.log_ndtr(-mu / sigma)) / sigma
    return [closed if x <= 0 else (x - mu) / sigma**2 for x in u]


# Exercise 05.6: the density of a torque


def _gaussian(u, mu, sigma):
    return stats.norm.logpdf(u, mu, sigma)


def _bent(u):
    """Return log(1 - tanh(u)^2), which is -2 log cosh(u)."""
    return -2 * (np.logaddexp(u, -u) - math.log(2))


@wrong("05.6", "the log-probability of the raw action: no Jacobian at all")
def _(u, mu, sigma, low, high):
    return _gaussian(u, mu, sigma).sum(axis=1)


@wrong("05.6", "the scaling is forgotten")
def _(u, mu, sigma, low, high):
    return (_gaussian(u, mu, sigma) - _bent(u)).sum(axis=1)


@wrong("05.6", "tanh is forgotten")
def _(u, mu, sigma, low, high):
    return (_gaussian(u, mu, sigma) - np.log((high - low) / 2)).sum(axis=1)


@wrong("05.6", "the Jacobian of tanh with the wrong sign")
def _(u, mu, sigma, low, high):
    return (_gaussian(u, mu, sigma) + _bent(u) - np.log((high - low) / 2)).sum(axis=1)


@wrong("05.6", "the whole range, not half of it")
def _(u, mu, sigma, low, high):
    return (_gaussian(u, mu, sigma) - _bent(u) - np.log(high - low)).sum(axis=1)


@wrong("05.6", "the mean over the motors")
def _(u, mu, sigma, low, high):
    return (_gaussian(u, mu, sigma) - _bent(u) - np.log((high - low) / 2)).mean(axis=1)


@wrong("05.6", "a number for each motor")
def _(u, mu, sigma, low, high):
    return _gaussian(u, mu, sigma) - _bent(u) - np.log((high - low) / 2)


@wrong("05.6", "a small number keeps the logarithm finite, and spoils it for large raw actions")
def _(u, mu, sigma, low, high):
    of_tanh = np.log(1 - np.tanh(u) ** 2 + 1e-9)
    return (_gaussian(u, mu, sigma) - of_tanh - np.log((high - low) / 2)).sum(axis=1)


@wrong("05.6", "the plain formula, infinite for large raw actions")
def _(u, mu, sigma, low, high):
    with np.errstate(divide="ignore"):
        of_tanh = np.log(1 - np.tanh(u) ** 2)
    return (_gaussian(u, mu, sigma) - of_tanh - np.log((high - low) / 2)).sum(axis=1)


@wrong("05.6", "sigma is taken for a variance")
def _(u, mu, sigma, low, high):
    parts = _gaussian(u, mu, np.sqrt(sigma)) - _bent(u) - np.log((high - low) / 2)
    return parts.sum(axis=1)


@right("05.6", "minus twice the logarithm of cosh")
def _(u, mu, sigma, low, high):
    return (_gaussian(u, mu, sigma) - _bent(u) - np.log((high - low) / 2)).sum(axis=1)


@right("05.6", "a list, one number after the other, with softplus")
def _(u, mu, sigma, low, high):
    found = []
    for row in u:
        total = 0.0
        for x, m, s, a, b in zip(row, mu, sigma, low, high, strict=True):
            of_tanh = math.log(4) - 2 * abs(x) - 2 * math.log1p(math.exp(-2 * abs(x)))
            total -= ((x - m) / s) ** 2 / 2 + math.log(s)
            total -= math.log(2 * math.pi) / 2 + of_tanh + math.log(b - a) - math.log(2)
        found.append(total)
    return found


@right("05.6", "torch, with the transform's own log of its derivative")
def _(u, mu, sigma, low, high):
    u, mu, sigma, low, high = (torch.as_tensor(x).double() for x in (u, mu, sigma, low, high))
    of_tanh = torch.distributions.TanhTransform().log_abs_det_jacobian(u, u.tanh())
    log_prob = torch.distributions.Normal(mu, sigma).log_prob(u)
    return (log_prob - of_tanh - (high / 2 - low / 2).log()).sum(-1)


# Exercise 05.7: entropy in newton metres

wrong("05.7", "one motor, both times", (1.61, 1))
wrong("05.7", "(a) for one motor", (1.61, 3))
wrong("05.7", "(b) for one motor", (4.83, 1))
wrong("05.7", "the whole range in place of its half", (6.91, 3))
wrong("05.7", "(a) to the base 10", (2.10, 3))
wrong("05.7", "(a) to the base 2", (6.97, 3))
wrong("05.7", "(b) by sigma at sigma = 2, not by log sigma", (4.83, 1.5))
wrong("05.7", "(a) and (b) swapped", (3, 4.83))
wrong("05.7", "(a) alone", 4.83)

right("05.7", "all digits, as a list", [3 * math.log(5), 3.0])
right("05.7", "the logarithm of a product, in an array", np.array([math.log(125), 3]))
right("05.7", "a Fraction beside a float32", (np.float32(4.828), Fraction(3)))
right("05.7", "a tensor", torch.tensor([4.83, 3.0]))
