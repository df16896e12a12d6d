"""Answers that readers might give to the exercises of notebook 03: wrong, or right but odd."""

import math
from fractions import Fraction

import numpy as np
import torch

from pg_edu.returns import discounted_returns
from tests.course.answers import right, wrong


def clock(end):
    """Count the steps since the start of each step's own game, [B]."""
    starts = np.flatnonzero(np.append(True, end[:-1]))
    return np.arange(len(end)) - np.repeat(starts, np.diff(np.append(starts, len(end))))


# 03.1: the missing factor


@wrong("03.1", "the factor gamma**t is still missing")
def _(rew, end, gamma):
    return discounted_returns(rew, end, gamma)


@wrong("03.1", "the clock is never set back: it runs on through all games")
def _(rew, end, gamma):
    return gamma ** np.arange(len(rew)) * discounted_returns(rew, end, gamma)


@wrong("03.1", "set back to 0 and counted on at once: the later games begin with gamma")
def _(rew, end, gamma):
    t, w = 0, discounted_returns(rew, end, gamma)
    for i in range(len(rew)):
        w[i] *= gamma**t
        t = 0 if end[i] else t
        t += 1
    return w


@wrong("03.1", "the clock runs backwards: gamma to the steps that are left")
def _(rew, end, gamma):
    left = discounted_returns(np.ones(len(rew)), end, 1.0) - 1
    return gamma**left * discounted_returns(rew, end, gamma)


@wrong("03.1", "the clock begins with 1, not with 0")
def _(rew, end, gamma):
    return gamma ** (clock(end) + 1) * discounted_returns(rew, end, gamma)


@wrong("03.1", "each step's own discounted reward, and nothing that came after it")
def _(rew, end, gamma):
    return gamma ** clock(end) * rew


@wrong("03.1", "the flags are not used in the sum: the games leak into one another")
def _(rew, end, gamma):
    return gamma ** clock(end) * discounted_returns(rew, np.zeros(len(rew), bool), gamma)


@wrong("03.1", "right for two games only: the clock is set back once")
def _(rew, end, gamma):
    t = np.arange(len(rew))
    t[np.argmax(end) + 1 :] -= np.argmax(end) + 1
    return gamma**t * discounted_returns(rew, end, gamma)


@wrong("03.1", "the time modulo the first length: right for games of one length only")
def _(rew, end, gamma):
    t = np.arange(len(rew)) % (np.argmax(end) + 1)
    return gamma**t * discounted_returns(rew, end, gamma)


@wrong("03.1", "the number of the game is taken for the time in it")
def _(rew, end, gamma):
    game = np.append(0, np.cumsum(end)[:-1])
    return gamma**game * discounted_returns(rew, end, gamma)


@right("03.1", "the rewards are discounted first and then summed without a discount")
def _(rew, end, gamma):
    return discounted_returns(rew * gamma ** clock(end), end, 1.0)


@right("03.1", "a matrix of who hears whom, as a tensor")
def _(rew, end, gamma):
    game = torch.from_numpy(np.append(0, np.cumsum(end)[:-1]))
    hears = torch.triu(game[:, None] == game).double()
    return hears @ torch.from_numpy(rew * gamma ** clock(end))


@right("03.1", "a list, filled by walking forwards with a product that is set back")
def _(rew, end, gamma):
    weights, product = [], 1.0
    for G, last in zip(discounted_returns(rew, end, gamma).tolist(), end, strict=True):
        weights.append(product * G)
        product = 1.0 if last else product * gamma
    return weights


@right("03.1", "game by game, in place of the rewards")
def _(rew, end, gamma):
    for game in np.split(np.arange(len(rew)), np.flatnonzero(end) + 1):
        discounted = rew[game] * gamma ** np.arange(len(game))
        rew[game] = discounted.sum() - discounted.cumsum() + discounted
    return rew


# 03.2: a harmless constant

wrong("03.2", "what is left without b: the 0.75 is not divided out", 0.4)
wrong("03.2", "0.6, what go pays for each step", 0.6)
wrong("03.2", "the average return of a fair coin, which is not what vanishes here", 1.7)
wrong("03.2", "the sign is turned round", -8 / 15)
wrong("03.2", "the fraction is upside down", 15 / 8)
wrong("03.2", "the sign of go's score is lost: (1 - b) + (2.4 - b) / 4 = 0", 1.28)
wrong("03.2", "in percent", 53.3333)
wrong("03.2", "only the 0.75, by which b has to be multiplied", 0.75)
wrong("03.2", "rounded to one digit", 0.5)

right("03.2", "a fraction", Fraction(8, 15))
right("03.2", "a float32", np.float32(8 / 15))
right("03.2", "a tensor that wants a gradient", torch.tensor(8 / 15, requires_grad=True))
right("03.2", "six digits", 0.533333)
right("03.2", "three digits", 0.533)


# 03.3: the loss of whole episodes


@wrong("03.3", "the mean over all steps, with which the page began")
def _(log_prob, returns, end):
    return -(log_prob * returns).mean()


@wrong("03.3", "the sum over the episodes, not the mean")
def _(log_prob, returns, end):
    return -(log_prob * returns).sum()


@wrong("03.3", "the sign of an objective, not of a loss")
def _(log_prob, returns, end):
    return (log_prob * returns).sum() / end.sum()


@wrong("03.3", "one episode too many is counted")
def _(log_prob, returns, end):
    return -(log_prob * returns).sum() / (end.sum() + 1)


@wrong("03.3", "the first step of each episode alone")
def _(log_prob, returns, end):
    first = np.append(True, end[:-1])
    return -(log_prob * returns)[first].mean()


@wrong("03.3", "every step of an episode meets the returns of all its steps")
def _(log_prob, returns, end):
    episode = np.append(0, end.cumsum()[:-1])
    return -(np.bincount(episode, log_prob) * np.bincount(episode, returns)).mean()


@wrong("03.3", "multiplied back by the longest length: right for episodes of one length only")
def _(log_prob, returns, end):
    return -(log_prob * returns).mean() * (clock(end).max() + 1)


@wrong("03.3", "multiplied by the length of each episode")
def _(log_prob, returns, end):
    episode = np.append(0, end.cumsum()[:-1])
    return -(log_prob * returns * np.bincount(episode)[episode]).sum() / end.sum()


@wrong("03.3", "divided by the longest length as well")
def _(log_prob, returns, end):
    return -(log_prob * returns).sum() / end.sum() / (clock(end).max() + 1)


@wrong("03.3", "the last step of each episode alone")
def _(log_prob, returns, end):
    return -(log_prob * returns)[end].mean()


@wrong("03.3", "the mean return of all steps as a baseline, which knows the actions")
def _(log_prob, returns, end):
    return -(log_prob * (returns - returns.mean())).sum() / end.sum()


@wrong("03.3", "every log-probability meets every return: a table, not a list")
def _(log_prob, returns, end):
    return -(log_prob * returns[:, None]).sum() / end.sum()


@wrong("03.3", "the returns' standard deviation is divided out: coins or cents, all the same")
def _(log_prob, returns, end):
    return -(log_prob * returns).sum() / end.sum() / (returns.std() + 1e-8)


@right("03.3", "one product of vectors")
def _(log_prob, returns, end):
    return log_prob @ returns / -np.count_nonzero(end)


@right("03.3", "the episodes one by one, the mean of a list")
def _(log_prob, returns, end):
    rows = np.split(-log_prob * returns, np.flatnonzero(end)[:-1] + 1)
    return sum(map(sum, rows)) / len(rows)


@right("03.3", "the suspicious lines, multiplied by the lengths again, as a tensor")
def _(log_prob, returns, end):
    episode = np.append(0, end.cumsum()[:-1])
    length = np.bincount(episode)[episode]
    mean = np.bincount(episode, log_prob * returns / length)
    return torch.tensor(-(mean * np.bincount(episode)).mean(), requires_grad=True)


@right("03.3", "a running sum, read at the ends, in place of the log-probabilities")
def _(log_prob, returns, end):
    log_prob *= returns
    return -np.diff(log_prob.cumsum()[end], prepend=0.0).mean()


@wrong("03.3", "a baseline of 2: unbiased, but the task asks for the returns as they are")
def _(log_prob, returns, end):
    return -(log_prob * (returns - 2)).sum() / end.sum()


# 03.4: a value that is settled too late


@wrong("03.4", "the sign is turned round: value minus return")
def _(rew, V):
    return V - rew[::-1].cumsum()[::-1]


@wrong("03.4", "each step's own reward in place of its return")
def _(rew, V):
    return rew - V


@wrong("03.4", "the rewards up to each step, not from it on")
def _(rew, V):
    return rew.cumsum() - V


@wrong("03.4", "one value for all steps, the mean of a game that the actions have shaped")
def _(rew, V):
    return rew[::-1].cumsum()[::-1] - V.mean()


@wrong("03.4", "only step 0 is repaired")
def _(rew, V):
    later = np.append(V[1:], 0.0)
    later[0] = V[0]
    return rew[::-1].cumsum()[::-1] - later


@wrong("03.4", "the values are subtracted before the sum, so all later values are in it")
def _(rew, V):
    return (rew - V)[::-1].cumsum()[::-1]


@wrong("03.4", "the values are turned round together with the rewards, and only once")
def _(rew, V):
    return rew[::-1].cumsum()[::-1] - V[::-1]


@wrong("03.4", "the returns are left in the order of the sum, from the last to the first")
def _(rew, V):
    return rew[::-1].cumsum() - V


@wrong("03.4", "steps below the value are not blamed")
def _(rew, V):
    return np.maximum(rew[::-1].cumsum()[::-1] - V, 0.0)


@right("03.4", "the temporal differences, summed from the right")
def _(rew, V):
    surprise = rew + np.append(V[1:], 0.0) - V
    return surprise[::-1].cumsum()[::-1]


@right("03.4", "a triangle of ones, as a tensor")
def _(rew, V):
    return torch.tensor(np.triu(np.ones((len(rew), len(rew)))) @ rew - V, requires_grad=True)


@right("03.4", "the total minus what came before, in place of the values")
def _(rew, V):
    V *= -1
    V += rew.sum() - np.append(0.0, rew[:-1].cumsum())
    return V


@right("03.4", "a list of differences, each sum taken anew")
def _(rew, V):
    return [sum(rew[t:]) - value for t, value in enumerate(V)]


# More answers to all four


@wrong("03.1", "gamma times t, not gamma to the power of t")
def _(rew, end, gamma):
    return gamma * clock(end) * discounted_returns(rew, end, gamma)


@wrong("03.1", "the factor twice")
def _(rew, end, gamma):
    return gamma ** (2 * clock(end)) * discounted_returns(rew, end, gamma)


@wrong("03.1", "the factor is taken out, not put in")
def _(rew, end, gamma):
    return discounted_returns(rew, end, gamma) / gamma ** clock(end)


@right("03.1", "the discounted total of each game less what came before")
def _(rew, end, gamma):
    weights = []
    for game in np.split(gamma ** clock(end) * rew, np.flatnonzero(end)[:-1] + 1):
        weights.extend(game.sum() - np.append(0.0, np.cumsum(game)[:-1]))
    return weights


wrong("03.2", "twice the reward of a step of go", 1.2)
wrong("03.2", "0.4 divided by 1.25, the sum of the weights of b", 0.32)
wrong("03.2", "the difference of the two returns", 1.4)


@wrong("03.3", "the returns are taken for rewards and summed again")
def _(log_prob, returns, end):
    return -(log_prob * discounted_returns(returns, end, 1.0)).sum() / end.sum()


@wrong("03.3", "divided by the number of episodes twice")
def _(log_prob, returns, end):
    return -(log_prob * returns).sum() / end.sum() ** 2


@wrong("03.3", "losses cannot be negative: the returns without their signs")
def _(log_prob, returns, end):
    return -(log_prob * abs(returns)).sum() / end.sum()


@right("03.3", "the mean over steps times the mean length")
def _(log_prob, returns, end):
    return -np.mean(log_prob * returns) * len(end) / np.count_nonzero(end)


@wrong("03.4", "the return in units of the value")
def _(rew, V):
    return rew[::-1].cumsum()[::-1] / V


@wrong("03.4", "the value of the place before")
def _(rew, V):
    return rew[::-1].cumsum()[::-1] - np.append(0.0, V[:-1])


@wrong("03.4", "the return of the next step")
def _(rew, V):
    return rew[::-1].cumsum()[::-1] - rew - V


@right("03.4", "each return is summed exactly")
def _(rew, V):
    return [math.fsum(rew[t:]) - V[t] for t in range(len(rew))]


# 03.5: one update of REINFORCE


def softmax(logits):
    weights = np.exp(logits)
    return weights / weights.sum(axis=1, keepdims=True)


def along(logits, s, a, weights):
    """Add weight times score over the rows, [S, A]."""
    g = np.zeros_like(logits)
    for t in range(len(s)):
        g[s[t]] -= weights[t] * softmax(logits)[s[t]]
        g[s[t], a[t]] += weights[t]
    return g


@wrong("03.5", "divided by the number of rows, as the mean does")
def _(logits, s, a, r, end, lr):
    return logits + lr * along(logits, s, a, discounted_returns(r, end, 1.0)) / len(s)


@wrong("03.5", "the sum over the episodes, not the mean")
def _(logits, s, a, r, end, lr):
    return logits + lr * along(logits, s, a, discounted_returns(r, end, 1.0))


@wrong("03.5", "the sign of a loss: the objective falls")
def _(logits, s, a, r, end, lr):
    return logits - lr * along(logits, s, a, discounted_returns(r, end, 1.0)) / end.sum()


@wrong("03.5", "the rewards in place of the returns")
def _(logits, s, a, r, end, lr):
    return logits + lr * along(logits, s, a, r) / end.sum()


@wrong("03.5", "one return for all: the flags only count")
def _(logits, s, a, r, end, lr):
    return logits + lr * along(logits, s, a, r[::-1].cumsum()[::-1]) / end.sum()


@wrong("03.5", "the total return of each episode at all its steps")
def _(logits, s, a, r, end, lr):
    episode = end.cumsum() - end
    total = np.bincount(episode, r)[episode]
    return logits + lr * along(logits, s, a, total) / end.sum()


@wrong("03.5", "without the probabilities: what is praised goes up, and nothing goes down")
def _(logits, s, a, r, end, lr):
    for t, G in enumerate(discounted_returns(r, end, 1.0)):
        logits[s[t], a[t]] += lr * G / end.sum()
    return logits


@wrong("03.5", "an array as an index: a state that comes twice is counted once")
def _(logits, s, a, r, end, lr):
    G = discounted_returns(r, end, 1.0)
    g = np.zeros_like(logits)
    g[s] -= G[:, None] * softmax(logits)[s]
    g[s, a] += G
    return logits + lr * g / end.sum()


@wrong("03.5", "the logits change from row to row, and the probabilities with them")
def _(logits, s, a, r, end, lr):
    G = discounted_returns(r, end, 1.0)
    for t in range(len(s)):
        step = -G[t] * softmax(logits)[s[t]]
        step[a[t]] += G[t]
        logits[s[t]] += lr * step / end.sum()
    return logits


@wrong("03.5", "the estimate alone, not the new logits")
def _(logits, s, a, r, end, lr):
    return along(logits, s, a, discounted_returns(r, end, 1.0)) / end.sum()


@right("03.5", "np.add.at, in place of the logits")
def _(logits, s, a, r, end, lr):
    G = lr * discounted_returns(r, end, 1.0) / end.sum()
    probabilities = softmax(logits)
    np.add.at(logits, s, -G[:, None] * probabilities[s])
    np.add.at(logits, (s, a), G)
    return logits


@right("03.5", "autograd after all, with the loss of exercise 03.3")
def _(logits, s, a, r, end, lr):
    theta = torch.tensor(logits, requires_grad=True)
    log_prob = torch.log_softmax(theta, dim=1)[s, a]
    G = torch.from_numpy(discounted_returns(r, end, 1.0))
    ((log_prob * G).sum() / int(end.sum())).backward()
    return theta.detach() + lr * theta.grad


@right("03.5", "one-hot matrices and a product, as nested lists")
def _(logits, s, a, r, end, lr):
    states, actions = np.eye(len(logits))[s], np.eye(logits.shape[1])[a]
    G = discounted_returns(r, end, 1.0)
    g = states.T @ (G[:, None] * (actions - softmax(logits)[s]))
    return (logits + lr * g / np.count_nonzero(end)).tolist()


# 03.6: a reward that contains the policy


@wrong("03.6", "the returns of what is paid: the fee has no derivative")
def _(rew, prob, c):
    return (rew - c * prob)[::-1].cumsum()[::-1]


@wrong("03.6", "the fee is forgotten altogether")
def _(rew, prob, c):
    return rew[::-1].cumsum()[::-1]


@wrong("03.6", "only the derivative of the fee: what is paid is left out")
def _(rew, prob, c):
    return rew[::-1].cumsum()[::-1] - c * prob


@wrong("03.6", "the derivative of a logarithm: c in place of c times the probability")
def _(rew, prob, c):
    return (rew - c * prob)[::-1].cumsum()[::-1] - c


@wrong("03.6", "the derivatives of all later fees are in each weight")
def _(rew, prob, c):
    return (rew - 2 * c * prob)[::-1].cumsum()[::-1]


@wrong("03.6", "the fee is an income")
def _(rew, prob, c):
    return (rew + c * prob)[::-1].cumsum()[::-1] + c * prob


@wrong("03.6", "the derivative of softmax, with 1 - prob once too often")
def _(rew, prob, c):
    return (rew - c * prob)[::-1].cumsum()[::-1] - c * prob * (1 - prob)


@wrong("03.6", "the sums in the order in which they were taken")
def _(rew, prob, c):
    return (rew - c * prob)[::-1].cumsum() - c * prob


@right("03.6", "a list, each sum taken anew")
def _(rew, prob, c):
    paid = rew - c * prob
    return [sum(paid[t:]) - c * prob[t] for t in range(len(rew))]


@right("03.6", "backwards, in place of the rewards")
def _(rew, prob, c):
    G = 0.0
    for t in reversed(range(len(rew))):
        G += rew[t] - c * prob[t]
        rew[t] = G - c * prob[t]
    return rew


@right("03.6", "a triangle with a two on its diagonal, as a tensor")
def _(rew, prob, c):
    ones = torch.triu(torch.ones(len(rew), len(rew), dtype=torch.float64))
    twice = ones + torch.eye(len(rew))
    return ones @ torch.from_numpy(rew) - c * twice @ torch.from_numpy(prob)


# 03.7: two places that look alike


@wrong("03.7", "Q in place of the advantage")
def _(d, pi, Q, obs):
    gradient = np.zeros((obs.max() + 1, pi.shape[1]))
    np.add.at(gradient, obs, d[:, None] * pi * Q)
    return gradient


@wrong("03.7", "every state once, however often it is visited")
def _(d, pi, Q, obs):
    gradient = np.zeros((obs.max() + 1, pi.shape[1]))
    np.add.at(gradient, obs, pi * (Q - (pi * Q).sum(axis=1, keepdims=True)))
    return gradient


@wrong("03.7", "an array as an index: one state of each row is left")
def _(d, pi, Q, obs):
    gradient = np.zeros((obs.max() + 1, pi.shape[1]))
    gradient[obs] = d[:, None] * pi * (Q - (pi * Q).sum(axis=1, keepdims=True))
    return gradient


@wrong("03.7", "one row for each state, as without the fog")
def _(d, pi, Q, obs):
    return d[:, None] * pi * (Q - (pi * Q).sum(axis=1, keepdims=True))


@wrong("03.7", "the mean over the states that look alike")
def _(d, pi, Q, obs):
    push = d[:, None] * pi * (Q - (pi * Q).sum(axis=1, keepdims=True))
    return np.array([push[obs == row].mean(axis=0) for row in range(obs.max() + 1)])


@wrong("03.7", "the advantage without the probabilities of the actions")
def _(d, pi, Q, obs):
    push = d[:, None] * (Q - (pi * Q).sum(axis=1, keepdims=True))
    return np.array([push[obs == row].sum(axis=0) for row in range(obs.max() + 1)])


@wrong("03.7", "the mean of Q, as if the policy were uniform")
def _(d, pi, Q, obs):
    push = d[:, None] * pi * (Q - Q.mean(axis=1, keepdims=True))
    return np.array([push[obs == row].sum(axis=0) for row in range(obs.max() + 1)])


@wrong("03.7", "the value of the whole table is subtracted everywhere")
def _(d, pi, Q, obs):
    push = d[:, None] * pi * (Q - (pi * Q).sum())
    return np.array([push[obs == row].sum(axis=0) for row in range(obs.max() + 1)])


@right("03.7", "a matrix of which state uses which row")
def _(d, pi, Q, obs):
    uses = np.arange(obs.max() + 1)[:, None] == obs
    return uses @ (d[:, None] * pi * (Q - np.einsum("sa,sa->s", pi, Q)[:, None]))


@right("03.7", "autograd of the sum of d, pi and Q, with d and Q held fixed")
def _(d, pi, Q, obs):
    first = [int(np.argmax(obs == row)) for row in range(obs.max() + 1)]
    table = torch.tensor(np.log(pi[first]), requires_grad=True)
    policy = torch.softmax(table, dim=1)[torch.from_numpy(obs)]
    (torch.from_numpy(d)[:, None] * policy * torch.from_numpy(Q)).sum().backward()
    return table.grad


@right("03.7", "action by action, a list of lists")
def _(d, pi, Q, obs):
    rows = [[0.0] * pi.shape[1] for _ in range(obs.max() + 1)]
    for s, row in enumerate(obs):
        for a in range(pi.shape[1]):
            others = sum(pi[s, b] * (Q[s, a] - Q[s, b]) for b in range(pi.shape[1]))
            rows[row][a] += d[s] * pi[s, a] * others
    return rows


# 03.8: the three laws


@wrong("03.8", "all batches count alike")
def _(p, g, shifted, tripled, p_other, other):
    mean = g.mean(axis=0)
    sides = shifted.mean(axis=0) - mean, tripled.mean(axis=0) - 3 * mean, other.mean(axis=0) - mean
    return [np.linalg.norm(x) for x in sides]


@wrong("03.8", "batch by batch for shift and scale")
def _(p, g, shifted, tripled, p_other, other):
    first = [p @ np.linalg.norm(x, axis=1) for x in (shifted - g, tripled - 3 * g)]
    return [*first, np.linalg.norm(p_other @ other - p @ g)]


@wrong("03.8", "the 3 is forgotten")
def _(p, g, shifted, tripled, p_other, other):
    return [np.linalg.norm(x - p @ g) for x in (p @ shifted, p @ tripled, p_other @ other)]


@wrong("03.8", "squared lengths")
def _(p, g, shifted, tripled, p_other, other):
    sides = p @ (shifted - g), p @ (tripled - 3 * g), p_other @ other - p @ g
    return [x @ x for x in sides]


@wrong("03.8", "the largest coordinate in place of the length")
def _(p, g, shifted, tripled, p_other, other):
    sides = p @ (shifted - g), p @ (tripled - 3 * g), p_other @ other - p @ g
    return [np.abs(x).max() for x in sides]


@wrong("03.8", "the differences themselves, not their lengths")
def _(p, g, shifted, tripled, p_other, other):
    return [p @ (shifted - g), p @ (tripled - 3 * g), p_other @ other - p @ g]


@wrong("03.8", "relative to the length of the mean")
def _(p, g, shifted, tripled, p_other, other):
    sides = p @ (shifted - g), p @ (tripled - 3 * g), p_other @ other - p @ g
    return [np.linalg.norm(x) / np.linalg.norm(p @ g) for x in sides]


@wrong("03.8", "whether each law holds, not by how much it fails")
def _(p, g, shifted, tripled, p_other, other):
    sides = p @ (shifted - g), p @ (tripled - 3 * g), p_other @ other - p @ g
    return [bool(np.linalg.norm(x) < 1e-9) for x in sides]


@right("03.8", "differences first, then one expectation")
def _(p, g, shifted, tripled, p_other, other):
    sides = p @ (shifted - g), p @ (tripled - 3 * g), p_other @ other - p @ g
    return np.linalg.norm(sides, axis=1)


@right("03.8", "tensors and a root")
def _(p, g, shifted, tripled, p_other, other):
    p, g, shifted, tripled = (torch.from_numpy(x) for x in (p, g, shifted, tripled))
    apart = torch.from_numpy(p_other) @ torch.from_numpy(other) - p @ g
    sides = torch.stack([p @ shifted - p @ g, p @ tripled - 3 * (p @ g), apart])
    return (sides**2).sum(dim=1).sqrt()


@right("03.8", "loops over batches and coordinates")
def _(p, g, shifted, tripled, p_other, other):
    def mean(weights, rows):
        return [sum(w * x for w, x in zip(weights, column, strict=True)) for column in rows.T]

    m, s, t, o = mean(p, g), mean(p, shifted), mean(p, tripled), mean(p_other, other)
    sides = [[m, s, 1], [m, t, 3], [m, o, 1]]
    return [math.dist([factor * x for x in first], second) for first, second, factor in sides]
