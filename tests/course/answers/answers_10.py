"""Answers to the exercises of notebook 10 that readers might give: wrong and odd-but-right."""

from fractions import Fraction

import numpy as np
import torch
from scipy.optimize import approx_fprime

from tests.course.answers import right, wrong

wrong("10.1", "the share of all episodes, as if none finished first", 0.5)
wrong("10.1", "the failures' share", 0.3125)
wrong("10.1", "in percent", 68.75)
wrong("10.1", "the number of successes, not their share", 2.0625)
wrong("10.1", "the successes in proportion to how fast they end, 10 / 11", 0.909)
wrong("10.1", "as if only successes finish in time", 1)
wrong("10.1", "the chance that there is a success at all", 0.875)
wrong("10.1", "the share of time that goes into successes, 1 / 11", 0.0909)
wrong("10.1", "that is for two copies and the first two episodes to end", 0.625)
right("10.1", "a fraction", Fraction(11, 16))
right("10.1", "a float32", np.float32(0.6875))
right("10.1", "a tensor that requires grad", torch.tensor(0.6875, requires_grad=True))
right("10.1", "three digits", 0.688)


def _jacobian(field, x, h=1e-5):
    """The derivatives by central differences, a row for each coordinate of x."""
    x = np.asarray(x, float)
    nudges = h * np.eye(len(x))
    return np.array([(field(x + d) - field(x - d)) / (2 * h) for d in nudges])


@wrong("10.2", "divided by h, not by 2 h")
def _(field, x):
    J = 2 * _jacobian(field, x)
    return np.abs(J - J.T).max()


@wrong("10.2", "only the first two coordinates")
def _(field, x):
    J = _jacobian(field, x)
    return abs(J[0, 1] - J[1, 0]) if len(J) > 1 else 0.0


@wrong("10.2", "only neighbors are compared")
def _(field, x):
    J = _jacobian(field, x)
    gaps = np.diag(J, 1) - np.diag(J, -1)
    return np.abs(gaps).max(initial=0.0)


@wrong("10.2", "the root of the summed squares, not the largest")
def _(field, x):
    J = _jacobian(field, x)
    return np.linalg.norm(J - J.T)


@wrong("10.2", "the sum with the transpose, not the difference")
def _(field, x):
    J = _jacobian(field, x)
    return np.abs(J + J.T).max()


@wrong("10.2", "relative to the largest derivative")
def _(field, x):
    J = _jacobian(field, x)
    return np.abs(J - J.T).max() / np.abs(J).max()


@wrong("10.2", "the point is nudged in place and never put back")
def _(field, x):
    h, rows = 1e-5, []
    x = np.array(x, float)
    for i in range(len(x)):
        x[i] += h
        ahead = field(x.copy())
        x[i] += h
        rows.append((ahead - field(x.copy())) / (2 * h))
    J = np.array(rows)
    return np.abs(J - J.T).max()


@wrong("10.2", "so small a nudge that only rounding is left")
def _(field, x):
    J = _jacobian(field, x, h=1e-14)
    return np.abs(J - J.T).max()


@wrong("10.2", "the mean difference, not the largest")
def _(field, x):
    J = _jacobian(field, x)
    return np.abs(J - J.T).mean()


@right("10.2", "no absolute value: each difference stands there with both signs")
def _(field, x):
    J = _jacobian(field, x)
    return (J - J.T).max()


@right("10.2", "pair by pair, in a generator, and a Python float")
def _(field, x):
    J = _jacobian(field, x).tolist()
    return max(abs(J[i][j] - J[j][i]) for i in range(len(J)) for j in range(i + 1))


@right("10.2", "a tensor, with columns for rows")
def _(field, x):
    J = torch.as_tensor(np.array(_jacobian(field, x, h=2e-5))).T
    return (J - J.T).abs().amax()


@right("10.2", "a Jacobian by scipy on either side, and their mean")
def _(field, x):
    x = np.asarray(x, float)
    sides = [np.atleast_2d(approx_fprime(x, field, h)) for h in (1e-5, -1e-5)]
    J = sum(sides) / 2
    return np.max(np.abs(np.subtract(J, np.transpose(J))))


def _returns(rewards, end, gamma):
    """The return of each step, episode by episode, in double precision."""
    G, ahead = np.zeros(len(rewards)), 0.0
    for t in reversed(range(len(G))):
        ahead = float(rewards[t]) + (0.0 if end[t] else gamma * ahead)
        G[t] = ahead
    return torch.as_tensor(G)


@wrong("10.3", "the sign: it goes downhill")
def _(log_prob, rewards, end, gamma):
    return (log_prob.sum(dim=1) * _returns(rewards, end, gamma)).sum() / int(end.sum())


@wrong("10.3", "three repaired: the returns are still integers")
def _(log_prob, rewards, end, gamma):
    G = np.zeros_like(rewards)
    for t in reversed(range(len(G))):
        G[t] = rewards[t] + (0 if end[t] else gamma * G[t + 1])
    return -(log_prob.sum(dim=1) * torch.as_tensor(G)).sum() / int(end.sum())


@wrong("10.3", "three repaired: a return still runs on into the next episode")
def _(log_prob, rewards, end, gamma):
    G = _returns(rewards, np.zeros(len(rewards), bool), gamma)
    return -(log_prob.sum(dim=1) * G).sum() / int(end.sum())


@wrong("10.3", "three repaired: still the mean over the steps")
def _(log_prob, rewards, end, gamma):
    return -(log_prob.sum(dim=1) * _returns(rewards, end, gamma)).mean()


@wrong("10.3", "three repaired: still the mean over the action dimensions")
def _(log_prob, rewards, end, gamma):
    return -(log_prob.mean(dim=1) * _returns(rewards, end, gamma)).sum() / int(end.sum())


@wrong("10.3", "the sum over episodes, not divided by their number")
def _(log_prob, rewards, end, gamma):
    return -(log_prob.sum(dim=1) * _returns(rewards, end, gamma)).sum()


@wrong("10.3", "[B] times [B, 1]: each return weighs each step")
def _(log_prob, rewards, end, gamma):
    G = _returns(rewards, end, gamma)[:, None]
    return -(log_prob.sum(dim=1) * G).sum() / int(end.sum())


@wrong("10.3", "the flag is read a row early: returns stop before an episode's last reward")
def _(log_prob, rewards, end, gamma):
    begins = np.append(np.asarray(end)[1:], True)
    return -(log_prob.sum(dim=1) * _returns(rewards, begins, gamma)).sum() / int(end.sum())


@wrong("10.3", "the own mean of all returns in the batch is taken off")
def _(log_prob, rewards, end, gamma):
    G = _returns(rewards, end, gamma)
    return -(log_prob.sum(dim=1) * (G - G.mean())).sum() / int(end.sum())


@wrong("10.3", "the number is right, but detached: nothing is learned")
def _(log_prob, rewards, end, gamma):
    weighed = log_prob.detach().sum(dim=1) * _returns(rewards, end, gamma)
    return (-weighed.sum() / int(end.sum())).requires_grad_()


@wrong("10.3", "ratios that are all 1: the gradient is right, but the number is another one")
def _(log_prob, rewards, end, gamma):
    log = log_prob.sum(dim=1)
    ratio = (log - log.detach()).exp()
    return -(ratio * _returns(rewards, end, gamma)).sum() / int(end.sum())


@right("10.3", "a matrix of discounts, and an einsum")
def _(log_prob, rewards, end, gamma):
    flags, t = np.asarray(end), np.arange(len(end))
    game = np.cumsum(flags) - flags
    later = (game[:, None] == game) & (t[:, None] <= t)
    G = np.where(later, float(gamma) ** np.maximum(t - t[:, None], 0), 0.0) @ np.asarray(rewards)
    return -torch.einsum("ba,b->", log_prob, torch.as_tensor(G).to(log_prob)) / flags.sum()


@right("10.3", "episode by episode: the mean of a list of losses")
def _(log_prob, rewards, end, gamma):
    losses, first = [], 0
    for last in np.flatnonzero(np.asarray(end)):
        rows = slice(first, last + 1)
        G = _returns(rewards[rows], end[rows], gamma)
        losses.append(-(log_prob[rows].T @ G.to(log_prob)).sum())
        first = int(last) + 1
    return torch.stack(losses).mean()


@wrong("10.3", "the discount that was dropped is put back in, which the task excludes")
def _(log_prob, rewards, end, gamma):
    flags = np.asarray(end)
    lengths = np.diff(np.flatnonzero(flags), prepend=-1)
    t = np.concatenate([np.arange(length) for length in lengths])
    weight = _returns(rewards, end, gamma) * torch.as_tensor(float(gamma) ** t)
    return -(log_prob * weight[:, None]).sum() / len(lengths)


@wrong("10.3", "a baseline, which the task excludes: the mean of the others at the same step")
def _(log_prob, rewards, end, gamma):
    G, flags = _returns(rewards, end, gamma).numpy(), np.asarray(end)
    lengths = np.diff(np.flatnonzero(flags), prepend=-1)
    t = np.concatenate([np.arange(length) for length in lengths])
    others = (np.bincount(t, weights=G)[t] - G) / max(1, len(lengths) - 1)
    return -(log_prob * torch.as_tensor(G - others)[:, None]).sum() / len(lengths)


@right("10.3", "episode by episode, with lists")
def _(log_prob, rewards, end, gamma):
    whole, losses, start = log_prob.sum(dim=-1), [], 0
    for stop in (int(row) + 1 for row in np.flatnonzero(end)):
        G, terms = 0.0, []
        for t in reversed(range(start, stop)):
            G = float(rewards[t]) + gamma * G
            terms.append(-whole[t] * G)
        losses.append(torch.stack(terms).sum())
        start = stop
    return torch.stack(losses).mean()


# More of them

wrong("10.1", "the case of three successes is left out", 3 / 16)
wrong("10.1", "rounded to two decimals", 0.69)
wrong("10.1", "two of three", 2 / 3)
right("10.1", "a fraction that is not reduced, as a division", 33 / 48)


def _rows(field, x):
    """The derivatives of the field at x, one nudged coordinate in each row."""
    x = np.asarray(x, float)
    return np.array([(field(x + h) - field(x - h)) / 2e-5 for h in 1e-5 * np.eye(len(x))])


@wrong("10.2", "only the pairs above the diagonal, and no absolute value")
def _(field, x):
    J = _rows(field, x)
    return np.triu(J - J.T).max()


@wrong("10.2", "the sum of all differences, not the largest")
def _(field, x):
    J = _rows(field, x)
    return np.abs(J - J.T).sum()


@wrong("10.2", "whether it is a gradient, not by how much it is none")
def _(field, x):
    J = _rows(field, x)
    return bool(np.allclose(J, J.T, atol=1e-4))


@right("10.2", "no absolute value: each difference is there with both signs")
def _(field, x):
    J = _rows(field, x)
    return (J - J.T).max()


@wrong("10.3", "the discount factor is not used")
def _(log_prob, rewards, end, gamma):
    return -(log_prob.sum(dim=1) * _returns(rewards, end, 1.0)).sum() / int(end.sum())


@wrong("10.3", "the whole return of its episode at each step")
def _(log_prob, rewards, end, gamma):
    G, flags = _returns(rewards, end, gamma).numpy(), np.asarray(end)
    first = np.append(True, flags[:-1])
    whole = G[first][np.cumsum(first) - 1]
    return -(log_prob.sum(dim=1) * torch.as_tensor(whole)).sum() / int(end.sum())


@wrong("10.3", "the returns are divided by their deviation")
def _(log_prob, rewards, end, gamma):
    G = _returns(rewards, end, gamma)
    G = G / (G.std(correction=0) + 1e-8)
    return -(log_prob.sum(dim=1) * G).sum() / int(end.sum())


@right("10.3", "forwards: each reward times the discounted log-probabilities up to it")
def _(log_prob, rewards, end, gamma):
    trace, loss = 0.0, 0.0
    for t, whole in enumerate(log_prob.sum(dim=1)):
        trace = whole + gamma * trace
        loss = loss - float(rewards[t]) * trace
        if end[t]:
            trace = 0.0
    return loss / int(end.sum())
