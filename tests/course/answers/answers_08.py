"""Answers to the exercises of notebook 08 that readers might give: wrong and odd-but-right."""

from fractions import Fraction

import numpy as np
import torch

from pg_edu.returns import discounted_returns
from tests.course.answers import right, wrong


@wrong("08.1", "the collector's cut has no flag, and gets 0")
def _(terminated, truncated, value, clock_is_a_rule):
    return np.where(truncated & ~terminated & (not clock_is_a_rule), value, 0.0)


@wrong("08.1", "a clock that is a rule is not asked for")
def _(terminated, truncated, value, clock_is_a_rule):
    return value * ~terminated


@wrong("08.1", "a clock that is in the way gets 0 as well")
def _(terminated, truncated, value, clock_is_a_rule):
    return value * ~(terminated | truncated)


@wrong("08.1", "the two flags are swapped")
def _(terminated, truncated, value, clock_is_a_rule):
    return np.where(truncated | (terminated & clock_is_a_rule), 0.0, value)


@wrong("08.1", "where both flags are set, the clock outvotes the end of the game")
def _(terminated, truncated, value, clock_is_a_rule):
    by_clock = 0.0 if clock_is_a_rule else value
    return np.where(truncated, by_clock, np.where(terminated, 0.0, value))


@wrong("08.1", "the meaning of the clock is reversed")
def _(terminated, truncated, value, clock_is_a_rule):
    return np.where(terminated | (truncated & (not clock_is_a_rule)), 0.0, value)


@wrong("08.1", "if the clock is a rule, the collector's cut gets 0, too")
def _(terminated, truncated, value, clock_is_a_rule):
    if clock_is_a_rule:
        return np.zeros(len(value))
    return np.where(terminated, 0.0, value)


@wrong("08.1", "one row that ends silences all rows")
def _(terminated, truncated, value, clock_is_a_rule):
    if terminated.any() or (clock_is_a_rule and truncated.any()):
        return np.zeros(len(value))
    return value


@wrong("08.1", "the values are cut to integers, in an integer array")
def _(terminated, truncated, value, clock_is_a_rule):
    behind = np.zeros(len(value), dtype=int)
    goes_on = ~terminated & ~(truncated & clock_is_a_rule)
    behind[goes_on] = value[goes_on]
    return behind


@right("08.1", "a list, row by row")
def _(terminated, truncated, value, clock_is_a_rule):
    rows = zip(terminated, truncated, value, strict=True)
    return [0.0 if end or (cut and clock_is_a_rule) else float(v) for end, cut, v in rows]


@right("08.1", "arithmetic with ones and zeros")
def _(terminated, truncated, value, clock_is_a_rule):
    end, cut = np.asarray(terminated, float), np.asarray(truncated, float)
    return (1 - end) * (1 - cut * clock_is_a_rule) * value


@right("08.1", "a torch tensor")
def _(terminated, truncated, value, clock_is_a_rule):
    over = torch.as_tensor(terminated) | (torch.as_tensor(truncated) & bool(clock_is_a_rule))
    return torch.as_tensor(value).masked_fill(over, 0)


@right("08.1", "written into the values that came in")
def _(terminated, truncated, value, clock_is_a_rule):
    value[terminated] = 0
    if clock_is_a_rule:
        value[truncated] = 0
    return value


wrong("08.2", "the length at which a coin neither gains nor loses, and no whole number", 7.5)
wrong("08.2", "off by one: L - 4 coins come back", 7)
wrong("08.2", "the answer for a discount of 0.95", 9)
wrong("08.2", "off by one the other way: L - 6 coins come back", 10)
wrong("08.2", "the price is paid twice, 2 (L - 5) > L", 11)
wrong("08.2", "the first length at which any coin comes back", 6)
wrong("08.2", "2 L > 15, without the division by 2", 15)
wrong("08.2", "the first length that is a gain, and the last that is a loss", (8, 7))
right("08.2", "a float", 8.0)
right("08.2", "a numpy integer", np.int64(8))
right("08.2", "a tensor", torch.tensor(8))
right("08.2", "a fraction", Fraction(8))

wrong("08.3", "the frost is over by then; it is counted once more", 3)
wrong("08.3", "as if it had to make up for the trees that froze, 4 / 0.75", 5.333)
wrong("08.3", "the bonus that was nearly right", 5)
wrong("08.3", "what is right if the clock is a rule", 0)
wrong("08.3", "the price of green apples", 1.5)
wrong("08.3", "the wrong sign", -4)
wrong("08.3", "the mean return of a game, which all states get alike", 2.125)
wrong("08.3", "a discount of 0.9 where there is none", 3.6)
wrong("08.3", "the price of the seed", 2)
right("08.3", "a float32", np.float32(4))
right("08.3", "a tensor that requires grad", torch.tensor(4.0, requires_grad=True))
right("08.3", "a fraction", Fraction(16, 4))
right("08.3", "an array without axes", np.array(4))


def _lengths(end):
    """The length of each row's game."""
    lengths = np.diff(np.flatnonzero(end), prepend=-1)
    return np.repeat(lengths, lengths)


@wrong("08.4", "b is still taken off every reward, in a loop of one's own")
def _(rew, end, b):
    G, ahead = np.zeros(len(rew)), 0.0
    for t in reversed(range(len(rew))):
        ahead = rew[t] - b + (0.0 if end[t] else ahead)
        G[t] = ahead
    return G


@wrong("08.4", "b is taken off every reward but a game's last: still a fine for length")
def _(rew, end, b):
    return discounted_returns(rew - b * ~np.asarray(end), end, gamma=1.0)


@wrong("08.4", "b is not used")
def _(rew, end, b):
    return discounted_returns(rew, end, gamma=1.0)


@wrong("08.4", "the batch's own mean, which the actions decide, in place of b")
def _(rew, end, b):
    G = discounted_returns(rew, end, gamma=1.0)
    return G - G.mean()


@wrong("08.4", "the sign: bad games are praised")
def _(rew, end, b):
    return b - discounted_returns(rew, end, gamma=1.0)


@wrong("08.4", "b is shared out over a game's rewards, whose number the actions decide")
def _(rew, end, b):
    return discounted_returns(rew - b / _lengths(end), end, gamma=1.0)


@wrong("08.4", "b times the length of the game, which the actions decide")
def _(rew, end, b):
    return discounted_returns(rew, end, gamma=1.0) - b * _lengths(end)


@wrong("08.4", "the rewards so far, in place of those to come")
def _(rew, end, b):
    so_far, total = np.zeros(len(rew)), 0.0
    for t in range(len(rew)):
        total += rew[t]
        so_far[t] = total - b
        total *= not end[t]
    return so_far


@wrong("08.4", "divided by the number of steps, which the actions decide")
def _(rew, end, b):
    return (discounted_returns(rew, end, gamma=1.0) - b) / len(rew)


@right("08.4", "b is taken off the last reward of each game, so off each return once")
def _(rew, end, b):
    return discounted_returns(rew - b * np.asarray(end), end, gamma=1.0)


@right("08.4", "a Python list, by a loop from behind")
def _(rew, end, b):
    weights: list[float] = []
    for r, last in zip(reversed(list(rew)), reversed(list(end)), strict=True):
        weights.insert(0, float(r) - b if last else float(r) + weights[0])
    return weights


@right("08.4", "a product with a matrix of same game and not before")
def _(rew, end, b):
    game = np.cumsum(end) - end
    same = game[:, None] == game
    return np.triu(same) @ rew - b


@wrong("08.4", "half of b: unbiased, but the task asks for b")
def _(rew, end, b):
    return discounted_returns(rew, end, gamma=1.0) - b / 2


@wrong("08.4", "the whole return of the game at each step: not the return from there on")
def _(rew, end, b):
    game = np.cumsum(end) - end
    return np.bincount(game, weights=rew)[game] - b


@wrong("08.5", "the own answer is in the mean")
def _(rewards):
    return rewards - rewards.mean(axis=1, keepdims=True)


@wrong("08.5", "divided by the group's deviation, as in GRPO")
def _(rewards):
    centred = rewards - rewards.mean(axis=1, keepdims=True)
    return centred / (rewards.std(axis=1, keepdims=True) + 1e-8)


@wrong("08.5", "the right comparison, but still divided by the deviation")
def _(rewards):
    N = rewards.shape[1]
    centred = (rewards - rewards.mean(axis=1, keepdims=True)) * N / (N - 1)
    return centred / (rewards.std(axis=1, keepdims=True) + 1e-8)


@wrong("08.5", "compared across the questions: the wrong axis")
def _(rewards):
    others = (rewards.sum(axis=0) - rewards) / max(1, len(rewards) - 1)
    return rewards - others


@wrong("08.5", "compared with all other answers, to whatever question")
def _(rewards):
    return rewards - (rewards.sum() - rewards) / (rewards.size - 1)


@wrong("08.5", "the sum of the others is divided by N, not by N - 1")
def _(rewards):
    others = (rewards.sum(axis=1, keepdims=True) - rewards) / rewards.shape[1]
    return rewards - others


@wrong("08.5", "the factor is upside down, (N - 1) / N")
def _(rewards):
    N = rewards.shape[1]
    return (rewards - rewards.mean(axis=1, keepdims=True)) * (N - 1) / N


@wrong("08.5", "overwritten in place: later answers are compared with weights")
def _(rewards):
    N = rewards.shape[1]
    weights = np.array(rewards, float)
    for i in range(N):
        weights[:, i] -= np.delete(weights, i, axis=1).sum(axis=1) / (N - 1)
    return weights


@wrong("08.5", "the sign: the others less the answer")
def _(rewards):
    N = rewards.shape[1]
    return (rewards.sum(axis=1, keepdims=True) - rewards) / (N - 1) - rewards


@right("08.5", "all differences to all answers, summed")
def _(rewards):
    differences = rewards[:, :, None] - rewards[:, None, :]
    return differences.sum(axis=2) / (rewards.shape[1] - 1)


@right("08.5", "a product with a matrix, in torch")
def _(rewards):
    r = torch.as_tensor(np.asarray(rewards, float))
    N = r.shape[1]
    return r @ (N * torch.eye(N, dtype=r.dtype) - 1) / (N - 1)


@right("08.5", "lists of lists")
def _(rewards):
    return [[r - (sum(row) - r) / (len(row) - 1) for r in row] for row in np.asarray(rewards)]


@wrong("08.5", "the median of the others: unbiased, but the task asks for the mean")
def _(rewards):
    others = [np.median(np.delete(rewards, i, axis=1), axis=1) for i in range(rewards.shape[1])]
    return rewards - np.transpose(others)


# More of them


@wrong("08.1", "whether the value belongs there, not the value")
def _(terminated, truncated, value, clock_is_a_rule):
    return ~(terminated | (truncated & clock_is_a_rule))


@wrong("08.1", "the rows with a 0 are left out")
def _(terminated, truncated, value, clock_is_a_rule):
    return value[~(terminated | (truncated & clock_is_a_rule))]


@wrong("08.1", "discounted by 0.99, though the task has no discount")
def _(terminated, truncated, value, clock_is_a_rule):
    return np.where(terminated | (truncated & clock_is_a_rule), 0.0, 0.99 * value)


@right("08.1", "row by row, in a list")
def _(terminated, truncated, value, clock_is_a_rule):
    rows = zip(terminated, truncated, value, strict=True)
    return [0 if over or (clock and clock_is_a_rule) else float(v) for over, clock, v in rows]


wrong("08.2", "the delay", 5)
wrong("08.2", "2 L > 15 read as L > 15", 16)
wrong("08.2", "how many coins come back, not how many steps there are", 3)
right("08.2", "an unsigned byte", np.uint8(8))

wrong("08.3", "the frost is counted twice", 2.25)
wrong("08.3", "the probability of surviving the frost", 0.75)
wrong("08.3", "the number of steps that are left", 1.0)
right("08.3", "a float16 tensor", torch.tensor(4.0, dtype=torch.float16))


@wrong("08.4", "the returns run on into the next episode")
def _(rew, end, b):
    return np.cumsum(rew[::-1])[::-1] - b


@wrong("08.4", "only the first return of each episode loses b")
def _(rew, end, b):
    first = np.append(True, end[:-1])
    return discounted_returns(rew, end, gamma=1.0) - b * first


@wrong("08.4", "divided by the deviation of the returns")
def _(rew, end, b):
    G = discounted_returns(rew, end, gamma=1.0)
    return (G - b) / (G.std() + 1e-8)


@right("08.4", "b is taken off the last reward of each episode, so each return loses it once")
def _(rew, end, b):
    return discounted_returns(rew - b * np.asarray(end), end, gamma=1.0)


@wrong("08.5", "the baseline alone")
def _(rewards):
    return (rewards.sum(axis=1, keepdims=True) - rewards) / (rewards.shape[1] - 1)


@wrong("08.5", "divided by K N: the mean is taken twice")
def _(rewards):
    N = rewards.shape[1]
    return (rewards - rewards.mean(axis=1, keepdims=True)) * N / (N - 1) / rewards.size


@wrong("08.5", "the best of the others is the baseline")
def _(rewards):
    N = rewards.shape[1]
    best = [[np.delete(row, i).max() for i in range(N)] for row in rewards]
    return rewards - np.array(best)


@right("08.5", "answer by answer, in a list of lists")
def _(rewards):
    return [[float(r - np.delete(row, i).mean()) for i, r in enumerate(row)] for row in rewards]


# The three objectives


def _sums(rewards):
    return np.array([np.sum(r) for r in rewards])


def _lengths_of(rewards):
    return np.array([len(r) for r in rewards])


@wrong("08.6", "the mean of each episode's reward per step")
def _(probability, rewards, gamma):
    discounted = [sum(gamma**t * x for t, x in enumerate(r)) for r in rewards]
    per_step = [np.mean(r) for r in rewards]
    return [probability @ _sums(rewards), probability @ discounted, probability @ per_step]


@wrong("08.6", "the episodes are not weighted")
def _(probability, rewards, gamma):
    discounted = [sum(gamma**t * x for t, x in enumerate(r)) for r in rewards]
    per_step = np.concatenate(rewards).mean()
    return [_sums(rewards).mean(), np.mean(discounted), per_step]


@wrong("08.6", "the rewards of all episodes in one long row")
def _(probability, rewards, gamma):
    row = np.concatenate(rewards)
    return [row.sum(), np.sum(gamma ** np.arange(len(row)) * row), row.mean()]


@wrong("08.6", "all rewards of all episodes, each counted once, in the average")
def _(probability, rewards, gamma):
    discounted = [sum(gamma**t * x for t, x in enumerate(r)) for r in rewards]
    average = np.concatenate(rewards).mean()
    return [probability @ _sums(rewards), probability @ discounted, average]


@wrong("08.6", "the average is the sum")
def _(probability, rewards, gamma):
    J = probability @ _sums(rewards)
    return [J, probability @ [sum(gamma**t * x for t, x in enumerate(r)) for r in rewards], J]


@wrong("08.6", "the discount begins one step too early")
def _(probability, rewards, gamma):
    discounted = [sum(gamma ** (t + 1) * x for t, x in enumerate(r)) for r in rewards]
    J = probability @ _sums(rewards)
    return [J, probability @ discounted, J / (probability @ _lengths_of(rewards))]


@wrong("08.6", "(1 - gamma) times the discounted sum, for the average")
def _(probability, rewards, gamma):
    discounted = probability @ [sum(gamma**t * x for t, x in enumerate(r)) for r in rewards]
    return [probability @ _sums(rewards), discounted, (1 - gamma) * discounted]


@wrong("08.6", "only two numbers")
def _(probability, rewards, gamma):
    discounted = [sum(gamma**t * x for t, x in enumerate(r)) for r in rewards]
    return [probability @ _sums(rewards), probability @ discounted]


@right("08.6", "Horner's rule, and a tuple")
def _(probability, rewards, gamma):
    one = other = steps = 0.0
    for p, r in zip(probability, rewards, strict=True):
        G = 0.0
        for x in reversed(list(r)):
            G = x + gamma * G
        one, other, steps = one + p * sum(r), other + p * G, steps + p * len(r)
    return one, other, one / steps


@right("08.6", "padded to a matrix, in torch")
def _(probability, rewards, gamma):
    longest = max(map(len, rewards))
    padded = torch.tensor([[*r, *[0.0] * (longest - len(r))] for r in rewards])
    p = torch.tensor(probability, dtype=padded.dtype)
    powers = torch.tensor([gamma**t for t in range(longest)], dtype=padded.dtype)
    steps = p @ torch.tensor([float(len(r)) for r in rewards], dtype=padded.dtype)
    return torch.stack([p @ padded.sum(1), p @ (padded @ powers), p @ padded.sum(1) / steps])


@right("08.6", "steps counted by ones, and a division at the end")
def _(probability, rewards, gamma):
    table = [(np.sum(r), np.polyval(r[::-1], gamma), len(r)) for r in rewards]
    J, J_gamma, steps = probability @ np.array(table)
    return np.array([J, J_gamma, J / steps])


# Round trip


@wrong("08.7", "the closing side is missing")
def _(corners, field):
    return sum(field[k] @ (corners[k + 1] - corners[k]) for k in range(len(corners) - 1))


@wrong("08.7", "rolled the wrong way")
def _(corners, field):
    return np.sum(field * (np.roll(corners, 1, axis=0) - corners))


@wrong("08.7", "the side that ends at the corner")
def _(corners, field):
    return np.sum(field * (corners - np.roll(corners, 1, axis=0)))


@wrong("08.7", "the absolute gains")
def _(corners, field):
    return np.abs(np.sum(field * (np.roll(corners, -1, axis=0) - corners), axis=1)).sum()


@wrong("08.7", "rolled over both axes")
def _(corners, field):
    return np.sum(field * (np.roll(corners, -1) - corners))


@wrong("08.7", "the mean of the field times the way once around, which is 0")
def _(corners, field):
    return field.mean(axis=0) @ (np.roll(corners, -1, axis=0) - corners).sum(axis=0)


@wrong("08.7", "one gain for each side")
def _(corners, field):
    return np.sum(field * (np.roll(corners, -1, axis=0) - corners), axis=1)


@wrong("08.7", "the field of two corners is averaged, though it is that of a side already")
def _(corners, field):
    middle = (field + np.roll(field, -1, axis=0)) / 2
    return np.sum(middle * (np.roll(corners, -1, axis=0) - corners))


@wrong("08.7", "the length of the way, times the length of the field")
def _(corners, field):
    ways = np.roll(corners, -1, axis=0) - corners
    return np.linalg.norm(ways, axis=1) @ np.linalg.norm(field, axis=1)


@right("08.7", "the corner that closes the walk is appended")
def _(corners, field):
    closed = np.vstack([corners, corners[:1]])
    return float(np.einsum("ij,ij->", field, np.diff(closed, axis=0)))


@right("08.7", "a loop that wraps around")
def _(corners, field):
    gain, n = 0.0, len(corners)
    for k in range(n):
        for i in range(2):
            gain += field[k][i] * (corners[(k + 1) % n][i] - corners[k][i])
    return gain


@right("08.7", "summed by parts: corners times differences of the field")
def _(corners, field):
    return -np.sum(corners * (field - np.roll(field, 1, axis=0)))


# At which price do they tie?

wrong("08.8", "stop loses nothing", 0.35)
wrong("08.8", "going loses it four times and stopping gains it: 1.4 / 5", 0.28)
wrong("08.8", "a reward of going", 0.6)
wrong("08.8", "the gap, not divided", 1.4)
wrong("08.8", "the average reward at p = 1/2", 0.68)
wrong("08.8", "one decimal only", 0.5)
wrong("08.8", "the sum of both over all steps, 3.4 / 5, was halved", 0.34)
wrong("08.8", "the sign", -0.467)
wrong("08.8", "1.4 / 3 was cut, not rounded", 0.466)
right("08.8", "rounded to three decimals", 0.467)
right("08.8", "a fraction", Fraction(7, 15))
right("08.8", "a float32 tensor", torch.tensor(1.4) / 3)


# The bottom line of a bill


@wrong("08.9", "np.var, which knows no probabilities")
def _(probability, updates, truth):
    bias = ((updates.mean(axis=0) - truth) ** 2).sum()
    noise = updates.var(axis=0).sum()
    return [bias, noise, bias + noise]


@wrong("08.9", "the standard deviation in place of the variance")
def _(probability, updates, truth):
    mean = probability @ updates
    bias = ((mean - truth) ** 2).sum()
    noise = probability @ ((updates - mean) ** 2).sum(axis=1)
    return [bias, np.sqrt(noise), bias + np.sqrt(noise)]


@wrong("08.9", "the noise is measured from the truth")
def _(probability, updates, truth):
    mean = probability @ updates
    bias = ((mean - truth) ** 2).sum()
    error = probability @ ((updates - truth) ** 2).sum(axis=1)
    return [bias, error, bias + error]


@wrong("08.9", "the covariance divided by K - 1")
def _(probability, updates, truth):
    mean = probability @ updates
    bias = ((mean - truth) ** 2).sum()
    noise = np.cov(updates.T, aweights=probability).trace()
    return [bias, noise, bias + noise]


@wrong("08.9", "the bias is not squared")
def _(probability, updates, truth):
    mean = probability @ updates
    noise = probability @ ((updates - mean) ** 2).sum(axis=1)
    error = probability @ ((updates - truth) ** 2).sum(axis=1)
    return [np.linalg.norm(mean - truth), noise, error]


@wrong("08.9", "the square of the sum in place of the sum of the squares")
def _(probability, updates, truth):
    mean = probability @ updates
    bias = (mean - truth).sum() ** 2
    noise = probability @ (updates - mean).sum(axis=1) ** 2
    return [bias, noise, bias + noise]


@wrong("08.9", "the bias is a vector")
def _(probability, updates, truth):
    mean = probability @ updates
    noise = probability @ ((updates - mean) ** 2).sum(axis=1)
    return [mean - truth, noise]


@wrong("08.9", "in another order: the error first")
def _(probability, updates, truth):
    mean = probability @ updates
    bias = ((mean - truth) ** 2).sum()
    noise = probability @ ((updates - mean) ** 2).sum(axis=1)
    return [bias + noise, bias, noise]


@right("08.9", "the trace of a weighted covariance, and the sum")
def _(probability, updates, truth):
    mean = probability @ updates
    second = np.einsum("k,ki,kj->ij", probability, updates, updates)
    bias, noise = (mean - truth) @ (mean - truth), np.trace(second - np.outer(mean, mean))
    return bias, noise, bias + noise


@right("08.9", "a loop over the batches")
def _(probability, updates, truth):
    mean = sum(p * np.array(u) for p, u in zip(probability, updates, strict=True))
    noise = error = 0.0
    for p, u in zip(probability, updates, strict=True):
        noise += p * float(np.dot(u - mean, u - mean))
        error += p * float(np.dot(u - truth, u - truth))
    return [error - noise, noise, error]


@right("08.9", "in torch")
def _(probability, updates, truth):
    p, g, t = (torch.as_tensor(x, dtype=torch.float64) for x in (probability, updates, truth))
    mean = p @ g
    parts = [(mean - t).square().sum(), p @ (g - mean).square().sum(1)]
    return torch.stack([*parts, parts[0] + parts[1]])
