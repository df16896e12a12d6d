"""Answers to the exercises of notebook 11 that readers might give: wrong and odd-but-right."""

from fractions import Fraction

import numpy as np
import torch

from tests.course.answers import right, wrong


def _times(end):
    """The number of each step in its game, from 0."""
    lengths = np.diff(np.flatnonzero(end), prepend=-1)
    return np.concatenate([np.arange(length) for length in lengths])


@wrong("11.1", "the mean of the games that are still going on")
def _(G, end):
    t = _times(end)
    alive = np.bincount(t)[t]
    return (np.bincount(t, weights=G)[t] - G) / np.maximum(1, alive - 1)


@wrong("11.1", "the own return is in the mean")
def _(G, end):
    t = _times(end)
    return np.bincount(t, weights=G)[t] / np.sum(end)


@wrong("11.1", "the others' returns are divided by N, not by N - 1")
def _(G, end):
    t = _times(end)
    return (np.bincount(t, weights=G)[t] - G) / np.sum(end)


@wrong("11.1", "what is left after the baseline, not the baseline")
def _(G, end):
    t = _times(end)
    return G - (np.bincount(t, weights=G)[t] - G) / (np.sum(end) - 1)


@wrong("11.1", "the games are laid together at their ends, not at their beginnings")
def _(G, end):
    t = _times(np.append(np.asarray(end)[:-1][::-1], True))[::-1]
    return (np.bincount(t, weights=G)[t] - G) / (np.sum(end) - 1)


@wrong("11.1", "the flag is taken for the first step of a game")
def _(G, end):
    flags = np.asarray(end)
    t = _times(np.append(flags[1:], True))
    return (np.bincount(t, weights=G)[t] - G) / (flags.sum() - 1)


@wrong("11.1", "the sum of the others, not their mean")
def _(G, end):
    t = _times(end)
    return np.bincount(t, weights=G)[t] - G


@wrong("11.1", "the mean of all other steps, whatever their t")
def _(G, end):
    flags = np.asarray(end)
    game = np.cumsum(flags) - flags
    total, steps = np.bincount(game, weights=G), np.bincount(game)
    return (G.sum() - total[game]) / (len(G) - steps[game])


@wrong("11.1", "as if a game that is over had its last return for ever")
def _(G, end):
    games = np.split(G, np.flatnonzero(end)[:-1] + 1)
    longest = max(map(len, games))
    table = np.array([np.pad(game, (0, longest - len(game)), mode="edge") for game in games])
    others = (table.sum(axis=0) - table) / (len(games) - 1)
    return np.concatenate([row[: len(game)] for row, game in zip(others, games, strict=True)])


@right("11.1", "a table of games and steps, filled up with 0")
def _(G, end):
    games = np.split(G, np.flatnonzero(end)[:-1] + 1)
    table = np.zeros((len(games), max(map(len, games))))
    for row, game in zip(table, games, strict=True):
        row[: len(game)] = game
    others = (table.sum(axis=0) - table) / (len(games) - 1)
    return np.concatenate([row[: len(game)] for row, game in zip(others, games, strict=True)])


@right("11.1", "lists, game against game")
def _(G, end):
    games: list[list[float]] = [[]]
    for value, last in zip(G, end, strict=True):
        games[-1].append(float(value))
        if last:
            games.append([])
    *games, _ = games
    return [
        sum(other[t] for other in games[:i] + games[i + 1 :] if t < len(other)) / (len(games) - 1)
        for i, game in enumerate(games)
        for t in range(len(game))
    ]


@right("11.1", "a product with a matrix of same step and other game, in torch")
def _(G, end):
    flags = np.asarray(end)
    t, game = torch.as_tensor(_times(flags)), torch.as_tensor(np.cumsum(flags) - flags)
    others = (t[:, None] == t) & (game[:, None] != game)
    return others.double() @ torch.as_tensor(np.asarray(G, float)) / (flags.sum() - 1)


@right("11.1", "summed up in place, with np.add.at")
def _(G, end):
    t = _times(end)
    total = np.zeros(len(G))
    np.add.at(total, t, np.divide(G, np.sum(end) - 1))
    return total[t] - np.divide(G, np.sum(end) - 1)


wrong("11.2", "the root of N", 3.162)
wrong("11.2", "with the divisor N - 1 in the variance, as torch's std has it", 2.846)
wrong("11.2", "N - 1, without the root", 9)
wrong("11.2", "the deviation of a group with one right answer", 0.3)
wrong("11.2", "one over that deviation: the own mean is forgotten", 3.333)
wrong("11.2", "the own mean counted twice, 0.9 times 3", 2.7)
wrong("11.2", "only the own mean, 1 - 1/N", 0.9)
wrong("11.2", "the limit of groups without end", float("inf"))
wrong("11.2", "upside down: how much longer the gradient is", 0.3333)
right("11.2", "a tensor", torch.tensor(9.0).sqrt())
right("11.2", "a fraction", Fraction(3))
right("11.2", "a numpy integer", np.int64(3))
right("11.2", "the formula for a chance of one in a million", 2.9999933)


def _compared(reward):
    """The reward less the mean of the others'."""
    return reward - (reward.sum() - reward) / (len(reward) - 1)


@wrong("11.3", "half repaired: still divided by the number of tokens")
def _(log_prob, mask, reward):
    return -(_compared(reward)[:, None] * log_prob * mask).sum() / mask.sum()


@wrong("11.3", "half repaired: the own reward is still in the mean")
def _(log_prob, mask, reward):
    advantage = reward - reward.mean()
    return -(advantage[:, None] * log_prob * mask).sum() / len(reward)


@wrong("11.3", "averaged over the tokens of each answer")
def _(log_prob, mask, reward):
    per_answer = (log_prob * mask).sum(1) / mask.sum(1)
    return -(_compared(reward) * per_answer).mean()


@wrong("11.3", "the padding is scored as well")
def _(log_prob, mask, reward):
    return -(_compared(reward) * log_prob.sum(1)).mean()


@wrong("11.3", "summed over the answers, not averaged")
def _(log_prob, mask, reward):
    return -(_compared(reward)[:, None] * log_prob * mask).sum()


@wrong("11.3", "divided by the number of cells, padding included")
def _(log_prob, mask, reward):
    return -(_compared(reward)[:, None] * log_prob * mask).mean()


@wrong("11.3", "the sign: it unlearns")
def _(log_prob, mask, reward):
    return (_compared(reward)[:, None] * log_prob * mask).sum() / len(reward)


@wrong("11.3", "the factor is upside down, (N - 1) / N")
def _(log_prob, mask, reward):
    N = len(reward)
    advantage = (reward - reward.mean()) * (N - 1) / N
    return -(advantage[:, None] * log_prob * mask).sum() / N


@wrong("11.3", "divided by the group's deviation")
def _(log_prob, mask, reward):
    advantage = (reward - reward.mean()) / (reward.std() + 1e-6)
    return -(advantage[:, None] * log_prob * mask).sum() / len(reward)


@right("11.3", "the own mean, and the sum divided by N - 1")
def _(log_prob, mask, reward):
    advantage = reward - reward.mean()
    return -(advantage[:, None] * log_prob * mask).sum() / (len(reward) - 1)


@right("11.3", "all pairs of answers, by their differences")
def _(log_prob, mask, reward):
    answer = (log_prob * mask).sum(1)
    pairs = (reward[:, None] - reward) * (answer[:, None] - answer)
    N = len(reward)
    return -pairs.sum() / (2 * N * (N - 1))


@right("11.3", "minus the covariance of rewards and log-probabilities")
def _(log_prob, mask, reward):
    answer = torch.where(torch.as_tensor(mask), torch.as_tensor(log_prob), 0).sum(dim=1)
    return -torch.cov(torch.stack([torch.as_tensor(reward).to(answer), answer]))[0, 1]


@wrong("11.3", "with methods that only tensors have")
def _(log_prob, mask, reward):
    answer = log_prob.masked_fill(~mask, 0).sum(dim=1)
    others = (reward.sum().unsqueeze(0) - reward) / (reward.numel() - 1)
    return (others - reward).dot(answer).div(reward.numel())


@wrong("11.3", "no comparison at all: unbiased, but the task asks for one")
def _(log_prob, mask, reward):
    return -(reward * (log_prob * mask).sum(1)).mean()


@wrong("11.4", "the advantage alone: the gradient of the ratio has a ratio in it")
def _(ratio, advantage, eps):
    closed = ((ratio > 1 + eps) & (advantage > 0)) | ((ratio < 1 - eps) & (advantage < 0))
    return np.where(closed, 0.0, advantage)


@wrong("11.4", "not a single row is clipped")
def _(ratio, advantage, eps):
    return ratio * advantage


@wrong("11.4", "clipped on both sides, whatever the advantage says")
def _(ratio, advantage, eps):
    return np.where(np.abs(ratio - 1) > eps, 0.0, ratio * advantage)


@wrong("11.4", "the value of the minimum, not its slope")
def _(ratio, advantage, eps):
    return np.minimum(ratio * advantage, np.clip(ratio, 1 - eps, 1 + eps) * advantage)


@wrong("11.4", "the maximum for the minimum: the wrong two cases are closed")
def _(ratio, advantage, eps):
    closed = ((ratio > 1 + eps) & (advantage < 0)) | ((ratio < 1 - eps) & (advantage > 0))
    return np.where(closed, 0.0, ratio * advantage)


@wrong("11.4", "only ratios that are too large are clipped, not those that are too small")
def _(ratio, advantage, eps):
    return np.where((ratio > 1 + eps) & (advantage > 0), 0.0, ratio * advantage)


@wrong("11.4", "clipped only above, whatever the sign of the advantage")
def _(ratio, advantage, eps):
    return np.where(ratio > 1 + eps, 0.0, ratio * advantage)


@wrong("11.4", "0.2 for any eps")
def _(ratio, advantage, eps):
    closed = ((ratio > 1.2) & (advantage > 0)) | ((ratio < 0.8) & (advantage < 0))
    return np.where(closed, 0.0, ratio * advantage)


@wrong("11.4", "the sign: the weight of a loss")
def _(ratio, advantage, eps):
    closed = np.where(advantage > 0, ratio > 1 + eps, ratio < 1 - eps)
    return -np.where(closed, 0.0, ratio * advantage)


@right("11.4", "by torch's autograd, with the log-probability as the variable")
def _(ratio, advantage, eps):
    log = torch.as_tensor(np.asarray(ratio, float)).log().requires_grad_()
    A, r = torch.as_tensor(np.asarray(advantage, float)), log.exp()
    torch.min(r * A, r.clamp(1 - eps, 1 + eps) * A).sum().backward()
    return log.grad


@right("11.4", "a list, row by row")
def _(ratio, advantage, eps):
    rows = zip(ratio, advantage, strict=True)
    return [r * A if (r - 1) * (1 if A > 0 else -1) <= eps else 0.0 for r, A in rows]


@right("11.4", "where the minimum is the first of the two")
def _(ratio, advantage, eps):
    product = np.multiply(ratio, advantage)
    return product * (product <= np.clip(ratio, 1 - eps, 1 + eps) * advantage)


@right("11.4", "by the sign of the advantage, in float32")
def _(ratio, advantage, eps):
    gain = np.sign(advantage) * (np.asarray(ratio) - 1)
    return (np.asarray(advantage) * ratio * (gain < eps)).astype(np.float32)


# More of them


def _table(G, end):
    """The episodes, one in each row, filled up with 0, and their lengths."""
    lengths = np.diff(np.flatnonzero(end), prepend=-1)
    table = np.zeros((len(lengths), lengths.max()))
    table[np.arange(lengths.max()) < lengths[:, None]] = G
    return table, lengths


@wrong("11.1", "only the next episode, not all others")
def _(G, end):
    table, lengths = _table(G, end)
    return np.roll(table, -1, axis=0)[np.arange(lengths.max()) < lengths[:, None]]


@wrong("11.1", "the others' return from their first step on, at each t")
def _(G, end):
    table, lengths = _table(G, end)
    others = (table[:, 0].sum() - table[:, 0]) / (len(table) - 1)
    return np.repeat(others, lengths)


@wrong("11.1", "the largest of the others, not their mean")
def _(G, end):
    table, lengths = _table(G, end)
    best = np.array([np.delete(table, i, axis=0).max(axis=0) for i in range(len(table))])
    return best[np.arange(lengths.max()) < lengths[:, None]]


@right("11.1", "each row asks all rows, in a list")
def _(G, end):
    t, flags = _times(end), np.asarray(end)
    game = np.cumsum(flags) - flags
    others = [G[(t == t[i]) & (game != game[i])] for i in range(len(G))]
    return [float(np.sum(other)) / (int(flags.sum()) - 1) for other in others]


wrong("11.2", "the number of answers", 10)
wrong("11.2", "one over the variance: the root is missing", 11.11)
wrong("11.2", "nothing is learned from groups without a right answer", 0.0)
right("11.2", "an array without axes", np.array(3.0))


@wrong("11.3", "compared with the best of the others, not with their mean")
def _(log_prob, mask, reward):
    best = np.array([np.delete(reward, i).max() for i in range(len(reward))])
    return -((reward - best)[:, None] * log_prob * mask).sum() / len(reward)


@wrong("11.3", "the mask is upside down")
def _(log_prob, mask, reward):
    return -(_compared(reward)[:, None] * log_prob * ~mask).sum() / len(reward)


@wrong("11.3", "the probabilities, not their logarithms")
def _(log_prob, mask, reward):
    return -(_compared(reward)[:, None] * np.exp(log_prob) * mask).sum() / len(reward)


@right("11.3", "answer by answer, token by token")
def _(log_prob, mask, reward):
    loss = 0.0
    for i, r in enumerate(reward):
        score = sum(float(p) for p, token in zip(log_prob[i], mask[i], strict=True) if token)
        loss -= (float(r) - float(np.delete(reward, i).mean())) * score
    return loss / len(reward)


@wrong("11.4", "whether a row is let through, not its weight")
def _(ratio, advantage, eps):
    closed = np.where(advantage > 0, ratio > 1 + eps, ratio < 1 - eps)
    return ~closed


@wrong("11.4", "the lower edge is 1 over 1 + eps")
def _(ratio, advantage, eps):
    closed = np.where(advantage > 0, ratio > 1 + eps, ratio < 1 / (1 + eps))
    return np.where(closed, 0.0, ratio * advantage)


@wrong("11.4", "the clipped ratio times the advantage")
def _(ratio, advantage, eps):
    return np.clip(ratio, 1 - eps, 1 + eps) * advantage


@right("11.4", "a difference quotient in the log-probability")
def _(ratio, advantage, eps):
    def value(log):
        r = np.exp(log)
        return np.minimum(r * advantage, np.clip(r, 1 - eps, 1 + eps) * advantage)

    log, h = np.log(ratio), 1e-6
    return (value(log + h) - value(log - h)) / (2 * h)


# 11.5


@wrong("11.5", "the collection of one environment")
def _(num_envs, num_steps, total_timesteps, update_epochs, num_minibatches):
    collect = num_envs * num_steps
    epoch = total_timesteps // collect * collect
    return [epoch, num_steps, update_epochs, collect // num_minibatches]


@wrong("11.5", "everything for one environment")
def _(num_envs, num_steps, total_timesteps, update_epochs, num_minibatches):
    epoch = total_timesteps // num_steps * num_steps
    return [epoch, num_steps, update_epochs, num_steps // num_minibatches]


@wrong("11.5", "all steps, which the trainer rounds up")
def _(num_envs, num_steps, total_timesteps, update_epochs, num_minibatches):
    collect = num_envs * num_steps
    return [total_timesteps, collect, update_epochs, collect // num_minibatches]


@wrong("11.5", "rounded to the nearest number of updates")
def _(num_envs, num_steps, total_timesteps, update_epochs, num_minibatches):
    collect = num_envs * num_steps
    epoch = round(total_timesteps / collect) * collect
    return [epoch, collect, update_epochs, collect // num_minibatches]


@wrong("11.5", "the number of minibatches")
def _(num_envs, num_steps, total_timesteps, update_epochs, num_minibatches):
    collect = num_envs * num_steps
    return [total_timesteps // collect * collect, collect, update_epochs, num_minibatches]


@wrong("11.5", "updates for steps")
def _(num_envs, num_steps, total_timesteps, update_epochs, num_minibatches):
    collect = num_envs * num_steps
    return [total_timesteps // collect, collect, update_epochs, collect // num_minibatches]


@wrong("11.5", "the passes times the minibatches")
def _(num_envs, num_steps, total_timesteps, update_epochs, num_minibatches):
    collect = num_envs * num_steps
    epoch = total_timesteps // collect * collect
    return [epoch, collect, update_epochs * num_minibatches, collect // num_minibatches]


@wrong("11.5", "the total in each environment")
def _(num_envs, num_steps, total_timesteps, update_epochs, num_minibatches):
    collect = num_envs * num_steps
    epoch = num_envs * total_timesteps // collect * collect
    return [epoch, collect, update_epochs, collect // num_minibatches]


@wrong("11.5", "in another order")
def _(num_envs, num_steps, total_timesteps, update_epochs, num_minibatches):
    collect = num_envs * num_steps
    epoch = total_timesteps // collect * collect
    return [collect, epoch, update_epochs, collect // num_minibatches]


@right("11.5", "the rest taken off, in an array")
def _(num_envs, num_steps, total_timesteps, update_epochs, num_minibatches):
    collect = num_envs * num_steps
    rest = total_timesteps % collect
    return np.array([total_timesteps - rest, collect, update_epochs, collect / num_minibatches])


@right("11.5", "counted by a loop, in a tuple")
def _(num_envs, num_steps, total_timesteps, update_epochs, num_minibatches):
    played = 0
    while played + num_envs * num_steps <= total_timesteps:
        played += num_envs * num_steps
    size = num_envs * num_steps // num_minibatches
    return played, num_envs * num_steps, update_epochs, size


@right("11.5", "in torch")
def _(num_envs, num_steps, total_timesteps, update_epochs, num_minibatches):
    collect = torch.tensor(num_envs) * num_steps
    epoch = torch.div(total_timesteps, collect, rounding_mode="floor") * collect
    return torch.stack([epoch, collect, torch.tensor(update_epochs), collect // num_minibatches])
