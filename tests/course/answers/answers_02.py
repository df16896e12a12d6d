"""Answers that readers might give to the exercises of notebook 02: wrong, or right but odd."""

from fractions import Fraction
from itertools import accumulate

import numpy as np
import scipy.signal
import torch

from pg_edu.returns import discounted_returns
from pg_edu.stats import RunningMeanStd
from tests.course.answers import right, wrong

# 02.1: one episode


@wrong("02.1", "the discount is missing")
def _(rew, gamma):
    return np.cumsum(rew[::-1])[::-1]


@wrong("02.1", "zeros_like of integer rewards cuts off what stands behind the point")
def _(rew, gamma):
    G, following = np.zeros_like(rew), 0.0
    for t in reversed(range(len(rew))):
        following = rew[t] + gamma * following
        G[t] = following
    return G


@wrong("02.1", "each step's own reward is discounted too")
def _(rew, gamma):
    G, following = np.zeros(len(rew)), 0.0
    for t in reversed(range(len(rew))):
        following = gamma * (rew[t] + following)
        G[t] = following
    return G


@wrong("02.1", "computed from the end, and never turned round")
def _(rew, gamma):
    G, following = [], 0.0
    for r in reversed(rew):
        following = r + gamma * following
        G.append(following)
    return np.array(G)


@wrong("02.1", "forwards: what came before each step, not after it")
def _(rew, gamma):
    G, before = np.zeros(len(rew)), 0.0
    for t in range(len(rew)):
        before = rew[t] + gamma * before
        G[t] = before
    return G


@wrong("02.1", "divided by gamma**t, which underflows: NaN in long episodes, and for gamma = 0")
def _(rew, gamma):
    with np.errstate(all="ignore"):
        weight = gamma ** np.arange(len(rew))
        return np.cumsum((rew * weight)[::-1])[::-1] / weight


@wrong("02.1", "the total minus what came before: late steps hear nothing but themselves, or NaN")
def _(rew, gamma):
    with np.errstate(all="ignore"):
        weighted = rew * gamma ** np.arange(len(rew))
        seen = np.cumsum(weighted)
        return (seen[-1] - seen + weighted) / gamma ** np.arange(len(rew))


@wrong("02.1", "discounted from the start of the episode: gamma**t G_t")
def _(rew, gamma):
    return np.cumsum((rew * gamma ** np.arange(len(rew)))[::-1])[::-1]


@wrong("02.1", "the loop stops before step 0")
def _(rew, gamma):
    G, following = np.zeros(len(rew)), 0.0
    for t in range(len(rew) - 1, 0, -1):
        following = rew[t] + gamma * following
        G[t] = following
    return G


@right("02.1", "the inverse of a matrix that takes gamma times the next step away")
def _(rew, gamma):
    T = len(rew)
    return np.linalg.solve(np.eye(T) - gamma * np.eye(T, k=1), rew)


@right("02.1", "a digital filter, run backwards")
def _(rew, gamma):
    return scipy.signal.lfilter([1.0], [1.0, -gamma], np.asarray(rew, float)[::-1])[::-1]


@right("02.1", "a convolution with the powers of gamma")
def _(rew, gamma):
    return np.convolve(rew[::-1], gamma ** np.arange(len(rew)))[: len(rew)][::-1]


@right("02.1", "in place, if the rewards are float64, and a tensor")
def _(rew, gamma):
    G = np.asarray(rew, np.float64)
    for t in reversed(range(len(G) - 1)):
        G[t] += gamma * G[t + 1]
    return torch.from_numpy(G)


# 02.2: several episodes


@wrong("02.2", "the flag is never asked: the episodes leak into one another")
def _(rew, end, gamma):
    G, following = np.zeros(len(rew)), 0.0
    for t in reversed(range(len(rew))):
        following = rew[t] + gamma * following
        G[t] = following
    return G


@wrong(
    "02.2", "set back after the sum: the last step hears the next episode, nobody hears the last"
)
def _(rew, end, gamma):
    G, following = np.zeros(len(rew)), 0.0
    for t in reversed(range(len(rew))):
        following = rew[t] + gamma * following
        G[t] = following
        if end[t]:
            following = 0.0
    return G


@wrong("02.2", "the last step of an episode loses its own reward")
def _(rew, end, gamma):
    G, following = np.zeros(len(rew)), 0.0
    for t in reversed(range(len(rew))):
        following = 0.0 if end[t] else rew[t] + gamma * following
        G[t] = following
    return G


@wrong("02.2", "cut in front of the last step of each episode, not behind it")
def _(rew, end, gamma):
    episodes = np.split(np.asarray(rew, float), np.flatnonzero(end))
    return np.concatenate([discounted_returns(g, np.zeros(len(g), bool), gamma) for g in episodes])


@wrong("02.2", "the unfinished episode behind the last end gets zeros")
def _(rew, end, gamma):
    G, start = np.zeros(len(rew)), 0
    for last in np.flatnonzero(end):
        G[start : last + 1] = discounted_returns(
            rew[start : last + 1], end[start : last + 1], gamma
        )
        start = int(last) + 1
    return G


@wrong(
    "02.2", "cut into pieces as long as the first episode: right for episodes of one length only"
)
def _(rew, end, gamma):
    same = np.arange(len(rew)) % (np.argmax(end) + 1) == np.argmax(end)
    return discounted_returns(rew, same if np.any(end) else end, gamma)


@wrong("02.2", "divided by gamma**t, which underflows: NaN in long arrays, and for gamma = 0")
def _(rew, end, gamma):
    with np.errstate(all="ignore"):
        weight = gamma ** np.arange(len(rew))
        behind = np.append(np.cumsum((rew * weight)[::-1])[::-1], 0.0)
        ends = np.append(np.flatnonzero(end), len(rew) - 1)
        own_end = ends[np.searchsorted(ends, np.arange(len(rew)))]
        return (behind[:-1] - behind[own_end + 1]) / weight


@wrong("02.2", "right for two episodes only: cut at the first end alone")
def _(rew, end, gamma):
    only = np.arange(len(rew)) == np.argmax(end)
    return discounted_returns(rew, only & end, gamma)


@wrong("02.2", "zeros_like of integer rewards cuts off what stands behind the point")
def _(rew, end, gamma):
    G, following = np.zeros_like(rew), 0.0
    for t in reversed(range(len(rew))):
        following = rew[t] + gamma * (0.0 if end[t] else following)
        G[t] = following
    return G


@wrong("02.2", "the discount is missing")
def _(rew, end, gamma):
    return discounted_returns(rew, end, 1.0)


@right("02.2", "the factor gamma (1 - end), accumulated by a generator, as a list")
def _(rew, end, gamma):
    rows = zip(reversed(rew), reversed(end), strict=True)
    following = accumulate(rows, lambda f, row: row[0] + gamma * (1 - row[1]) * f, initial=0.0)
    return list(following)[:0:-1]


@right("02.2", "one linear system for all episodes")
def _(rew, end, gamma):
    onwards = np.diag(gamma * (1.0 - np.asarray(end)[:-1]), k=1)
    return np.linalg.solve(np.eye(len(rew)) - onwards, rew)


@right("02.2", "cut behind the ends, a filter for each piece")
def _(rew, end, gamma):
    episodes = np.split(np.asarray(rew, float), np.flatnonzero(end) + 1)
    backwards = [scipy.signal.lfilter([1.0], [1.0, -gamma], g[::-1]) for g in episodes if len(g)]
    return np.concatenate([G[::-1] for G in backwards])


@right("02.2", "the package's function, as a tensor")
def _(rew, end, gamma):
    return torch.from_numpy(discounted_returns(rew, end, gamma))


# 02.3: terminated and truncated


def recursion(rew, gamma, what_follows):
    """The returns, where `what_follows(t, following)` says what comes behind step t."""
    G, following = np.zeros(len(rew)), 0.0
    for t in reversed(range(len(rew))):
        following = rew[t] + gamma * what_follows(t, following)
        G[t] = following
    return G


@wrong("02.3", "the flags are swapped: the value stands behind terminated episodes")
def _(rew, terminated, truncated, next_value, gamma):
    def what_follows(t, following):
        if truncated[t]:
            return 0.0
        return next_value[t] if terminated[t] else following

    return recursion(rew, gamma, what_follows)


@wrong("02.3", "with both flags the value is used, though the episode is terminated")
def _(rew, terminated, truncated, next_value, gamma):
    def what_follows(t, following):
        if truncated[t]:
            return next_value[t]
        return 0.0 if terminated[t] else following

    return recursion(rew, gamma, what_follows)


@wrong("02.3", "nothing is set back where an episode is terminated: the next one leaks into it")
def _(rew, terminated, truncated, next_value, gamma):
    def what_follows(t, following):
        return next_value[t] if truncated[t] and not terminated[t] else following

    return recursion(rew, gamma, what_follows)


@wrong("02.3", "no value anywhere, not even where an episode was only truncated")
def _(rew, terminated, truncated, next_value, gamma):
    return discounted_returns(rew, np.logical_or(terminated, truncated), gamma)


@wrong("02.3", "with both flags the next episode leaks in: neither of the two cases applies")
def _(rew, terminated, truncated, next_value, gamma):
    def what_follows(t, following):
        if terminated[t] and not truncated[t]:
            return 0.0
        return next_value[t] if truncated[t] and not terminated[t] else following

    return recursion(rew, gamma, what_follows)


@wrong("02.3", "the value behind the last row stands in at every cut")
def _(rew, terminated, truncated, next_value, gamma):
    end = np.logical_or(terminated, truncated)
    return discounted_returns(rew, end, gamma, np.where(terminated, 0.0, next_value[-1]))


@wrong("02.3", "the value in front of the cut, one row too early")
def _(rew, terminated, truncated, next_value, gamma):
    end = np.logical_or(terminated, truncated)
    early = np.append(0.0, next_value[:-1])
    return discounted_returns(rew, end, gamma, np.where(terminated, 0.0, early))


@wrong("02.3", "the value behind the cut is not discounted")
def _(rew, terminated, truncated, next_value, gamma):
    cut = np.logical_and(truncated, np.logical_not(terminated))
    rew = np.asarray(rew) + np.where(cut, next_value, 0.0)
    return discounted_returns(rew, np.logical_or(terminated, truncated), gamma)


@wrong("02.3", "the value behind the cut is discounted twice")
def _(rew, terminated, truncated, next_value, gamma):
    def what_follows(t, following):
        if terminated[t]:
            return 0.0
        return gamma * next_value[t] if truncated[t] else following

    return recursion(rew, gamma, what_follows)


@wrong("02.3", "the last step of a terminated episode loses its own reward")
def _(rew, terminated, truncated, next_value, gamma):
    def what_follows(t, following):
        return next_value[t] if truncated[t] else following

    G, following = np.zeros(len(rew)), 0.0
    for t in reversed(range(len(rew))):
        following = 0.0 if terminated[t] else rew[t] + gamma * what_follows(t, following)
        G[t] = following
    return G


@wrong("02.3", "truncated is taken for no end at all, and the value stands behind terminated ones")
def _(rew, terminated, truncated, next_value, gamma):
    return discounted_returns(rew, terminated, gamma, bootstrap=next_value)


@wrong("02.3", "truncated is no end, and the value is chosen by it all the same")
def _(rew, terminated, truncated, next_value, gamma):
    value = np.where(truncated, next_value, 0.0)
    return discounted_returns(rew, terminated, gamma, bootstrap=value)


@wrong("02.3", "only the step with both flags is taken for an end after which nothing follows")
def _(rew, terminated, truncated, next_value, gamma):
    value = np.where(np.logical_and(terminated, truncated), 0.0, next_value)
    return discounted_returns(rew, np.logical_or(terminated, truncated), gamma, bootstrap=value)


@right("02.3", "one call of the package's function, with a bootstrap of 0 where terminated")
def _(rew, terminated, truncated, next_value, gamma):
    end = np.logical_or(terminated, truncated)
    return discounted_returns(rew, end, gamma, np.where(terminated, 0.0, next_value))


@right("02.3", "the value is paid out as a reward of the last step, in one linear system")
def _(rew, terminated, truncated, next_value, gamma):
    over, cut = np.asarray(terminated, float), np.asarray(truncated, float)
    y = np.asarray(rew) + gamma * np.asarray(next_value) * cut * (1 - over)
    onwards = np.diag((gamma * (1 - over) * (1 - cut))[:-1], k=1)
    return np.linalg.solve(np.eye(len(y)) - onwards, y)


@right("02.3", "the arithmetic of the flags in place of questions, as a tuple")
def _(rew, terminated, truncated, next_value, gamma):
    G: list[float] = []
    following = 0.0
    rows = zip(rew, terminated, truncated, next_value, strict=True)
    for r, over, cut, value in reversed(list(rows)):
        following = r + gamma * (1 - int(over)) * (int(cut) * value + (1 - int(cut)) * following)
        G.insert(0, following)
    return tuple(G)


@right("02.3", "the predicted values and the rewards are overwritten")
def _(rew, terminated, truncated, next_value, gamma):
    for t in reversed(range(len(rew))):
        if not (terminated[t] or truncated[t]):
            next_value[t] = rew[t + 1] if t + 1 < len(rew) else 0.0
        rew[t] += gamma * next_value[t] * (not terminated[t])
    return torch.tensor(rew)


# 02.4: the first power of one half that is 0 in float32

wrong("02.4", "the last power that is not 0 yet", 149)
wrong("02.4", "one too many: the tie is not rounded up", 151)
wrong("02.4", "the smallest normal number is taken for the smallest number", 127)
wrong("02.4", "the exponent of the smallest normal number", 126)
wrong("02.4", "the answer for float64", 1075)
wrong("02.4", "the binary digits of a float32, which limit a sum and not a power", 24)
wrong("02.4", "never: a power of one half is not 0 in mathematics", float("inf"))
wrong("02.4", "the power of two, not t", -150)
wrong("02.4", "the number for a discount of 0.9", 987)

right("02.4", "a numpy integer", np.int64(150))
right("02.4", "a float", 150.0)
right("02.4", "a fraction", Fraction(150))
right("02.4", "a tensor without axes", torch.tensor(150))


# 02.5: normalizing by what was seen before


def normalize(batches, statistics):
    """Normalize each batch by the mean and variance that `statistics(seen, batch)` gives."""
    seen: list[float] = []
    normalized = []
    for returns in batches:
        mean, variance = statistics(seen, returns)
        normalized.append((returns - mean) / np.sqrt(variance + 1e-8))
        seen.extend(returns)
    return normalized


@wrong("02.5", "the first batch still meets its own statistics")
def _(batches):
    def statistics(seen, returns):
        measured = seen if seen else returns
        return np.mean(measured), np.var(measured)

    return normalize(batches, statistics)


@wrong("02.5", "what is counted in are the normalized returns")
def _(batches):
    seen: list[float] = []
    normalized = []
    for returns in batches:
        mean, variance = (np.mean(seen), np.var(seen)) if seen else (0.0, 1.0)
        normalized.append((returns - mean) / np.sqrt(variance + 1e-8))
        seen.extend(normalized[-1])
    return normalized


@wrong("02.5", "the variance is divided by n - 1")
def _(batches):
    def statistics(seen, returns):
        return (np.mean(seen), np.var(seen, ddof=1)) if len(seen) > 1 else (np.sum(seen), 1.0)

    return normalize(batches, statistics)


@wrong("02.5", "only the batch before is remembered, not all of them")
def _(batches):
    normalized, mean, variance = [], 0.0, 1.0
    for returns in batches:
        normalized.append((returns - mean) / np.sqrt(variance + 1e-8))
        mean, variance = np.mean(returns), np.var(returns)
    return normalized


@wrong("02.5", "two made-up returns, -1 and 1, stay in the list for ever")
def _(batches):
    seen, normalized = [-1.0, 1.0], []
    for returns in batches:
        normalized.append((returns - np.mean(seen)) / np.sqrt(np.var(seen) + 1e-8))
        seen.extend(returns)
    return normalized


@wrong("02.5", "the mean of an empty list: the first batch is NaN")
def _(batches):
    def statistics(seen, returns):
        return np.sum(seen) / np.float64(len(seen)), np.var(np.array(seen or [np.nan]))

    with np.errstate(invalid="ignore"):
        return normalize(batches, statistics)


@wrong("02.5", "the batches' means and variances are averaged: within-batch spread only")
def _(batches):
    means: list[float] = []
    variances: list[float] = []
    normalized = []
    for returns in batches:
        mean, variance = (np.mean(means), np.mean(variances)) if means else (0.0, 1.0)
        normalized.append((returns - mean) / np.sqrt(variance + 1e-8))
        means.append(np.mean(returns))
        variances.append(np.var(returns))
    return normalized


@wrong("02.5", "the 1e-8 stands outside the root: after equal returns 10,000 times too large")
def _(batches):
    seen: list[float] = []
    normalized = []
    for returns in batches:
        mean, variance = (np.mean(seen), np.var(seen)) if seen else (0.0, 1.0)
        normalized.append((returns - mean) / (np.sqrt(variance) + 1e-8))
        seen.extend(returns)
    return normalized


@wrong("02.5", "the statistics of the first batch for ever after")
def _(batches):
    normalized = [np.asarray(batches[0]) / np.sqrt(1 + 1e-8)]
    scale = np.sqrt(np.var(batches[0]) + 1e-8)
    return normalized + [(returns - np.mean(batches[0])) / scale for returns in batches[1:]]


@wrong("02.5", "what lies more than ten deviations off is clipped")
def _(batches):
    def statistics(seen, returns):
        return (np.mean(seen), np.var(seen)) if seen else (0.0, 1.0)

    return [np.clip(returns, -10, 10) for returns in normalize(batches, statistics)]


@right("02.5", "the package's running statistics, and lists of floats")
def _(batches):
    rms, normalized = RunningMeanStd(), []
    for returns in batches:
        normalized.append(((returns - rms.mean) / np.sqrt(rms.var + 1e-8)).tolist())
        rms.update(returns)
    return normalized


@right("02.5", "everything that came before is put together anew for each batch, in a generator")
def _(batches):
    def one_by_one():
        yield batches[0] / np.sqrt(1 + 1e-8)
        for n in range(1, len(batches)):
            seen = np.concatenate(batches[:n])
            yield (batches[n] - seen.mean()) / (seen.var() + 1e-8) ** 0.5

    return list(one_by_one())


@right("02.5", "a tuple of tensors")
def _(batches):
    def statistics(seen, returns):
        return (np.mean(seen), np.var(seen)) if seen else (0.0, 1.0)

    return tuple(torch.from_numpy(returns) for returns in normalize(batches, statistics))


@right("02.5", "exact sums of the fractions, and the batches overwritten in place")
def _(batches):
    n, total, squares = 0, Fraction(0), Fraction(0)
    for returns in batches:
        mean, variance = (total / n, squares / n - (total / n) ** 2) if n else (0, 1)
        exact = [Fraction(float(x)) for x in returns]
        n, total, squares = n + len(exact), total + sum(exact), squares + sum(x * x for x in exact)
        returns[:] = [float(x - mean) / float(variance + Fraction(1, 10**8)) ** 0.5 for x in exact]
    return batches


# More answers to all five


@wrong("02.1", "moving averages: the weights of the rewards sum to 1")
def _(rew, gamma):
    return (1 - gamma) * discounted_returns(np.array(rew, float), np.zeros(len(rew), bool), gamma)


@wrong("02.1", "gamma to the square of the distance")
def _(rew, gamma):
    later = np.arange(len(rew)) - np.arange(len(rew))[:, None]
    return np.where(later >= 0, gamma ** np.maximum(later, 0) ** 2, 0.0) @ rew


@wrong("02.1", "two rewards ahead and no further")
def _(rew, gamma):
    padded = np.append(np.asarray(rew, float), [0.0, 0.0])
    return padded[:-2] + gamma * padded[1:-1] + gamma**2 * padded[2:]


@right("02.1", "sums over 1, 2, 4, ... steps, each from two of the last kind")
def _(rew, gamma):
    returns, reach = np.array(rew, float), 1
    while reach < len(returns):
        returns[:-reach] += gamma**reach * returns[reach:].copy()
        reach *= 2
    return returns


@wrong("02.2", "the episodes stand in reverse order")
def _(rew, end, gamma):
    cuts = np.flatnonzero(end) + 1
    returns = np.split(discounted_returns(np.asarray(rew, float), end, gamma), cuts)
    return np.concatenate(returns[::-1])


@wrong("02.2", "gamma where the flag is set, 0 where it is not")
def _(rew, end, gamma):
    return discounted_returns(np.asarray(rew, float), np.logical_not(end), gamma)


@wrong("02.2", "the return of an end is 0: no action follows")
def _(rew, end, gamma):
    return np.where(end, 0.0, discounted_returns(np.asarray(rew, float), end, gamma))


@wrong("02.3", "half of the value: the episode might have ended or gone on")
def _(rew, terminated, truncated, next_value, gamma):
    value = np.where(terminated, 0.0, next_value) / 2
    return discounted_returns(rew, np.logical_or(terminated, truncated), gamma, value)


@wrong("02.3", "the value of the row after the cut")
def _(rew, terminated, truncated, next_value, gamma):
    value = np.where(terminated, 0.0, np.append(next_value[1:], next_value[-1]))
    return discounted_returns(rew, np.logical_or(terminated, truncated), gamma, value)


@wrong("02.3", "negative values are taken for 0")
def _(rew, terminated, truncated, next_value, gamma):
    value = np.where(terminated, 0.0, np.maximum(next_value, 0.0))
    return discounted_returns(rew, np.logical_or(terminated, truncated), gamma, value)


@right("02.3", "each return is a polynomial in gamma, with the value as its last coefficient")
def _(rew, terminated, truncated, next_value, gamma):
    returns, start = [], 0
    for t in np.flatnonzero(np.logical_or(terminated, truncated)):
        last = 0.0 if terminated[t] else next_value[t]
        returns += [np.polyval([last, *rew[s : t + 1][::-1]], gamma) for s in range(start, t + 1)]
        start = int(t) + 1
    return returns


wrong("02.4", "the answer for float16", 25)
wrong("02.4", "the bits of a float32", 32)
wrong("02.4", "two too many", 152)
right("02.4", "a float", 150.0)


@wrong("02.5", "the first batch never joins the statistics")
def _(batches):
    def statistics(seen, returns):
        later = seen[len(batches[0]) :]
        return (np.mean(later), np.var(later)) if later else (0.0, 1.0)

    return normalize(batches, statistics)


@wrong("02.5", "the mean of the squares, from which no mean is subtracted")
def _(batches):
    def statistics(seen, returns):
        return (np.mean(seen), np.mean(np.square(seen))) if seen else (0.0, 1.0)

    return normalize(batches, statistics)


@wrong("02.5", "running averages that forget a tenth with each batch")
def _(batches):
    mean, variance, normalized = 0.0, 1.0, []
    for returns in batches:
        normalized.append((returns - mean) / np.sqrt(variance + 1e-8))
        mean = 0.9 * mean + 0.1 * np.mean(returns)
        variance = 0.9 * variance + 0.1 * np.var(returns)
    return normalized


@right("02.5", "Welford's sums, one return after the other")
def _(batches):
    n, mean, squares, normalized = 0, 0.0, 0.0, []
    for returns in batches:
        variance = squares / n if n else 1.0
        normalized.append((returns - mean) / np.sqrt(variance + 1e-8))
        for x in returns:
            n += 1
            before = x - mean
            mean += before / n
            squares += before * (x - mean)
    return normalized


# 02.6: from block to block


def joined(x, decay, what_follows):
    """Add `what_follows(result, k)` times the products to each block, from the last but one on."""
    result = np.array(x, float)
    for k in reversed(range(result.shape[1] - 1)):
        result[:, k] += decay[:, k] * what_follows(result, k)
    return result


@wrong("02.6", "all blocks at once: the first returns do not know yet what follows them")
def _(x, decay):
    x[:, :-1] += decay[:, :-1] * x[0, 1:]
    return x


@wrong("02.6", "forwards: the loop runs from the first block, whose neighbor is not finished")
def _(x, decay):
    for k in range(x.shape[1] - 1):
        x[:, k] += decay[:, k] * x[0, k + 1]
    return x


@wrong("02.6", "from left to right: each block hears the one before it")
def _(x, decay):
    for k in range(1, x.shape[1]):
        x[:, k] += decay[:, k] * x[0, k - 1]
    return x


@wrong("02.6", "no product at all")
def _(x, decay):
    return joined(x, np.ones_like(decay), lambda result, k: result[0, k + 1])


@wrong("02.6", "the column of the block behind in place of its first number")
def _(x, decay):
    return joined(x, decay, lambda result, k: result[:, k + 1])


@wrong("02.6", "the last number of the block behind")
def _(x, decay):
    return joined(x, decay, lambda result, k: result[-1, k + 1])


@wrong("02.6", "one product for a whole block")
def _(x, decay):
    return joined(x, np.broadcast_to(decay[0], x.shape), lambda result, k: result[0, k + 1])


@wrong("02.6", "the right returns in the order of time, as one array")
def _(x, decay):
    return joined(x, decay, lambda result, k: result[0, k + 1]).T.ravel()


@wrong("02.6", "the right returns, with the blocks as rows")
def _(x, decay):
    return joined(x, decay, lambda result, k: result[0, k + 1]).T


@wrong("02.6", "the products are multiplied once more by those of the block behind")
def _(x, decay):
    return joined(x, decay, lambda result, k: decay[0, k + 1] * result[0, k + 1])


@wrong("02.6", "the sum of all first returns behind, each through the own products alone")
def _(x, decay):
    return x + decay * np.append(x[0, ::-1].cumsum()[::-1][1:], 0.0)


@wrong("02.6", "the last block is dropped")
def _(x, decay):
    return joined(x, decay, lambda result, k: result[0, k + 1])[:, :-1]


@wrong("02.6", "only the first row is finished")
def _(x, decay):
    for k in reversed(range(x.shape[1] - 1)):
        x[0, k] += decay[0, k] * x[0, k + 1]
    return x


@wrong("02.6", "the last block hears itself")
def _(x, decay):
    first = np.append(x[0, 1:], x[0, -1])
    for k in reversed(range(x.shape[1])):
        x[:, k] += decay[:, k] * first[k]
        first[k - 1] = x[0, k]
    return x


@wrong("02.6", "cut off to whole numbers on the way")
def _(x, decay):
    return joined(x, decay, lambda result, k: int(result[0, k + 1]))


@wrong("02.6", "the products are divided out, which fails where an episode ends")
def _(x, decay):
    with np.errstate(all="ignore"):
        follows = [0.0]
        for k in reversed(range(1, x.shape[1])):
            follows.append(x[0, k] + decay[0, k] * follows[-1])
        return decay * (x / decay + np.array(follows[::-1]))


@right("02.6", "the first returns by the loop of 02.1, then all blocks at once")
def _(x, decay):
    first = [0.0]
    for k in reversed(range(1, x.shape[1])):
        first.append(x[0, k] + decay[0, k] * first[-1])
    return x + decay * np.array(first[::-1])


@right("02.6", "a linear system for the first returns")
def _(x, decay):
    onwards = np.diag(decay[0, :-1], k=1)
    first = np.linalg.solve(np.eye(x.shape[1]) - onwards, x[0])
    return torch.tensor(x + decay * np.append(first[1:], 0.0))


@right("02.6", "doubling over the blocks, in place")
def _(x, decay):
    reach = 1
    first, product = x[0].copy(), decay[0].copy()
    while reach < len(first):
        first[:-reach] += product[:-reach] * first[reach:]
        product[:-reach] = product[:-reach] * product[reach:]
        reach *= 2
    x[:, :-1] += decay[:, :-1] * first[1:]
    return x


@right("02.6", "recursion over the number of blocks, as lists")
def _(x, decay):
    def columns(k):
        if k == x.shape[1] - 1:
            return [x[:, k].tolist()]
        behind = columns(k + 1)
        own = [x[s, k] + decay[s, k] * behind[0][0] for s in range(x.shape[0])]
        return [own, *behind]

    return list(zip(*columns(0), strict=True))
