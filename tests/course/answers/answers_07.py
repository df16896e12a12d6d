"""Answers to the exercises of notebook 07 that readers might give: wrong ones, and odd ones."""

import statistics
from decimal import Decimal
from fractions import Fraction
from itertools import chain, islice

import numpy as np
import torch

from pg_edu import policy_within_training_step
from pg_edu.returns import discounted_returns
from pg_edu.trainer import collect_and_update
from tests.course.answers import right, wrong

# Exercise 07.1: which rows are steps?


@wrong("07.1", "the row that ends a game is dropped, in place of the one after it")
def _(done):
    return ~done


@wrong("07.1", "every row is kept")
def _(done):
    return np.ones_like(done)


@wrong("07.1", "shifted in the wrong direction: the row before an end is dropped")
def _(done):
    return ~np.concatenate([done[1:], np.zeros_like(done[:1])])


@wrong("07.1", "shifted over the environments, not over the steps")
def _(done):
    return ~np.concatenate([np.zeros_like(done[:, :1]), done[:, :-1]], axis=1)


@wrong("07.1", "np.roll: an end in the last row drops the first row")
def _(done):
    return ~np.roll(done, 1, axis=0)


@wrong("07.1", "the answer is inverted: True where a row is no step")
def _(done):
    return np.concatenate([np.zeros_like(done[:1]), done[:-1]])


@wrong("07.1", "the first row is dropped, too, though the reset came before it")
def _(done):
    return ~np.concatenate([np.ones_like(done[:1]), done[:-1]])


@wrong("07.1", "one environment ends, and all lose their next row")
def _(done):
    ended = np.concatenate([[False], done[:-1].any(axis=1)])
    return np.repeat(~ended[:, None], done.shape[1], axis=1)


@wrong("07.1", "only the first game of each environment is kept")
def _(done):
    before = np.cumsum(done, axis=0) - done
    return before == 0


@wrong("07.1", "an end is taken to be for ever, and to be no step itself")
def _(done):
    return np.cumsum(done, axis=0) == 0


@wrong("07.1", "shifted after flattening row by row: by one environment, not by one step")
def _(done):
    flat = done.ravel()
    return ~np.concatenate([[False], flat[:-1]]).reshape(done.shape)


@wrong("07.1", "overwritten in a loop: each row reads the answer above it, not the flag")
def _(done):
    valid = done.copy()
    valid[0] = True
    for t in range(1, len(valid)):
        valid[t] = ~valid[t - 1]
    return valid


@wrong("07.1", "the row of the end is dropped as well as the one after it")
def _(done):
    ended = np.concatenate([np.zeros_like(done[:1]), done[:-1]])
    return ~(ended | done)


@right("07.1", "a list of lists, kept by a small state machine")
def _(done):
    ignored, rows = [False] * len(done[0]), []
    for flags in done:
        rows.append([not skip for skip in ignored])
        ignored = [bool(flag) and not skip for flag, skip in zip(flags, ignored, strict=True)]
    return rows


@right("07.1", "a bool tensor")
def _(done):
    valid = torch.ones(done.shape, dtype=torch.bool)
    valid[1:] = torch.from_numpy(done)[:-1].logical_not()
    return valid


@right("07.1", "the product with a shifted identity matrix")
def _(done):
    return np.eye(len(done), k=-1) @ done == 0


@right("07.1", "the flags themselves are overwritten, from the last row up")
def _(done):
    for t in range(len(done) - 1, 0, -1):
        done[t] = ~done[t - 1]
    done[0] = True
    return done


# Exercise 07.2: a race of two

wrong("07.2", "the mean length of a game: no race", 2)
wrong("07.2", "in the middle case as if the next game were always short", 1.5)
wrong("07.2", "three equally likely cases, where one of each is twice as likely", 11 / 6)
wrong("07.2", "the sum of the two lengths, not their mean", 3.5)
wrong("07.2", "only the case of two short games", 1)
wrong("07.2", "two long games forgotten, the other two cases taken as equally likely", 1.25)
wrong("07.2", "the wrong direction: a race favors the short games", 2.25)
wrong("07.2", "in percent", 175)
wrong("07.2", "the numbers of the page: games of 10 steps and of 100", 10 + 90 * 3 / 8)
wrong("07.2", "rounded to one decimal", 1.8)
wrong("07.2", "the difference to the mean length", -0.25)
wrong("07.2", "long games counted by their length: a look at a random step", 2.5)

right("07.2", "a Fraction", Fraction(7, 4))
right("07.2", "a float32", np.float32(1.75))
right("07.2", "a 0-d tensor that requires grad", torch.tensor(1.75, requires_grad=True))
right("07.2", "the page's formula, with 1 and 3", 1 + 2 * Fraction(6, 16))
right("07.2", "a Decimal", Decimal("1.75"))


# Exercise 07.3: the fair eight


@wrong("07.3", "the first n games to end: the winners of a race")
def _(lengths, n):
    ends = np.cumsum(lengths, axis=1)
    first = np.argsort(ends.ravel(), kind="stable")[:n]
    return np.ravel(lengths)[first].mean()


@wrong("07.3", "n games of the first environments: row after row")
def _(lengths, n):
    return np.ravel(lengths)[:n].mean()


@wrong("07.3", "n games of every environment")
def _(lengths, n):
    return np.asarray(lengths)[:, :n].mean()


@wrong("07.3", "all games that are listed")
def _(lengths, n):
    return np.mean(lengths)


@wrong("07.3", "the quota is rounded up for all: more than n games")
def _(lengths, n):
    return np.asarray(lengths)[:, : -(-n // len(lengths))].mean()


@wrong("07.3", "one game too many")
def _(lengths, n):
    return np.ravel(np.transpose(lengths))[: n + 1].mean()


@wrong("07.3", "only the first game of each environment")
def _(lengths, n):
    return np.asarray(lengths)[:, 0].mean()


@wrong("07.3", "the sum, not the mean")
def _(lengths, n):
    return np.ravel(np.transpose(lengths))[:n].sum()


@wrong("07.3", "the mean is rounded down to whole steps")
def _(lengths, n):
    return np.ravel(np.transpose(lengths))[:n].sum() // n


@wrong("07.3", "the extra games go to the last environments, not to the first")
def _(lengths, n):
    return np.ravel(np.transpose(lengths[::-1]))[:n].mean()


@wrong("07.3", "the mean of the environments' means: those with one game fewer count too much")
def _(lengths, n):
    N = len(lengths)
    quotas = [n // N + (i < n % N) for i in range(N)]
    pairs = zip(lengths, quotas, strict=True)
    return np.mean([np.mean(row[:quota]) for row, quota in pairs if quota])


@wrong("07.3", "counted from 1: the first game is left out, and one too late is in")
def _(lengths, n):
    N = len(lengths)
    games = [k for k in range(1, n + 1) if k // N < len(lengths[0])]
    return sum(lengths[k % N][k // N] for k in games) / n


@wrong("07.3", "the median, not the mean")
def _(lengths, n):
    return np.median(np.ravel(np.transpose(lengths))[:n])


@right("07.3", "a Fraction, from generators")
def _(lengths, n):
    games = islice(chain.from_iterable(zip(*lengths, strict=True)), n)
    return Fraction(sum(int(length) for length in games), n)


@right("07.3", "divmod at once for all k, with the standard library's mean")
def _(lengths, n):
    column, row = np.divmod(np.arange(n), len(lengths))
    return statistics.fmean(np.asarray(lengths)[row, column].tolist())


@right("07.3", "a tensor, by weights for the whole table")
def _(lengths, n):
    table = torch.as_tensor(np.asarray(lengths), dtype=torch.float64)
    N, K = table.shape
    number = torch.arange(K) * N + torch.arange(N)[:, None]
    return (table * (number < n)).sum() / n


@right("07.3", "quotas for each environment, games weighted alike, in float32")
def _(lengths, n):
    whole, rest = divmod(n, len(lengths))
    total = sum(sum(row[: whole + (i < rest)]) for i, row in enumerate(lengths))
    return np.float32(total / n)


# Exercise 07.4: find the bug


@wrong("07.4", "not repaired: one game ends, and all lose their points")
def _(rew, done):
    running, finished = np.zeros(rew.shape[1]), []
    for t in range(len(rew)):
        running += rew[t]
        finished += running[done[t]].tolist()
        if done[t].any():
            running = np.zeros_like(running)
    return finished


@wrong("07.4", "half repaired: set to 0 only when all end together")
def _(rew, done):
    running, finished = np.zeros(rew.shape[1]), []
    for t in range(len(rew)):
        running += rew[t]
        finished += running[done[t]].tolist()
        if done[t].all():
            running = np.zeros_like(running)
    return finished


@wrong("07.4", "never set to 0: later games keep the points of earlier ones")
def _(rew, done):
    running, finished = np.zeros(rew.shape[1]), []
    for t in range(len(rew)):
        running += rew[t]
        finished += running[done[t]].tolist()
    return finished


@wrong("07.4", "set to 0 where the game goes on, kept where it ended")
def _(rew, done):
    running, finished = np.zeros(rew.shape[1]), []
    for t in range(len(rew)):
        running += rew[t]
        finished += running[done[t]].tolist()
        running[~done[t]] = 0
    return finished


@wrong("07.4", "one environment after the other, not in the order in which the games end")
def _(rew, done):
    finished = []
    for n in range(rew.shape[1]):
        running = 0.0
        for t in range(len(rew)):
            running += rew[t, n]
            if done[t, n]:
                finished.append(float(running))
                running = 0.0
    return finished


@wrong("07.4", "set to 0 before it is written down: every return is 0")
def _(rew, done):
    running, finished = np.zeros(rew.shape[1]), []
    for t in range(len(rew)):
        running += rew[t]
        running[done[t]] = 0
        finished += running[done[t]].tolist()
    return finished


@wrong("07.4", "the reward of the last step goes to the next game")
def _(rew, done):
    running, finished = np.zeros(rew.shape[1]), []
    for t in range(len(rew)):
        finished += running[done[t]].tolist()
        running[done[t]] = 0
        running += rew[t]
    return finished


@wrong("07.4", "the games that are not over at the end are written down, too")
def _(rew, done):
    running, finished = np.zeros(rew.shape[1]), []
    for t in range(len(rew)):
        running += rew[t]
        finished += running[done[t]].tolist()
        running[done[t]] = 0
    return finished + running.tolist()


@wrong("07.4", "the lengths of the games, not their returns")
def _(rew, done):
    running, finished = np.zeros(rew.shape[1]), []
    for t in range(len(rew)):
        running += 1
        finished += running[done[t]].tolist()
        running[done[t]] = 0
    return finished


@wrong("07.4", "games that end at the same step are added up to one number")
def _(rew, done):
    running, finished = np.zeros(rew.shape[1]), []
    for t in range(len(rew)):
        running += rew[t]
        if done[t].any():
            finished.append(float(running[done[t]].sum()))
        running[done[t]] = 0
    return finished


@wrong("07.4", "whole numbers: the fractions of the rewards are cut off")
def _(rew, done):
    running, finished = np.zeros(rew.shape[1], dtype=int), []
    for t in range(len(rew)):
        running += rew[t].astype(int)
        finished += running[done[t]].tolist()
        running[done[t]] = 0
    return finished


@wrong("07.4", "a new game begins with the last reward of the one before")
def _(rew, done):
    running, finished = np.zeros(rew.shape[1]), []
    for t in range(len(rew)):
        running += rew[t]
        finished += running[done[t]].tolist()
        running = np.where(done[t], rew[t], running)
    return finished


@wrong("07.4", "the result for the page's example, whatever the rewards are")
def _(rew, done):
    return [2.0, 3.0]


@right("07.4", "differences of the running sums, an array")
def _(rew, done):
    sums, steps = np.cumsum(rew, axis=0, dtype=np.float64), np.arange(len(rew))
    returns = np.zeros(rew.shape)
    for n in range(rew.shape[1]):
        at = steps[done[:, n]]
        returns[at, n] = np.diff(sums[at, n], prepend=0.0)
    return returns[done]


@right("07.4", "a product with the flags in place of an assignment, and a tuple")
def _(rew, done):
    running, finished = 0.0, ()
    for points, over in zip(rew, done, strict=True):
        running = running + points
        finished = (*finished, *running[over])
        running = running * ~over
    return finished


@right("07.4", "the first return of each game by the package, sorted by its end")
def _(rew, done):
    games = []
    for n in range(rew.shape[1]):
        G, start = discounted_returns(rew[:, n], done[:, n], 1.0), 0
        for t in np.flatnonzero(done[:, n]).tolist():
            games.append((t, n, float(G[start])))
            start = t + 1
    return [value for _, _, value in sorted(games)]


@right("07.4", "the rewards are overwritten with sums, and a float32 tensor of them")
def _(rew, done):
    for t in range(1, len(rew)):
        rew[t] += np.where(done[t - 1], 0, rew[t - 1])
    return torch.from_numpy(rew)[torch.from_numpy(done)].float()


@right("07.4", "0-d tensors, one for each game")
def _(rew, done):
    points, over = torch.from_numpy(rew), torch.from_numpy(done)
    begins, finished = [0] * rew.shape[1], []
    for t, n in over.nonzero().tolist():
        finished.append(points[begins[n] : t + 1, n].sum())
        begins[n] = t + 1
    return finished


# More of them


@wrong("07.1", "the ends themselves")
def _(done):
    return done.copy()


@wrong("07.1", "the right rows, but the table is transposed")
def _(done):
    steps = np.ones_like(done)
    steps[1:] = ~done[:-1]
    return steps.T


@wrong("07.1", "two rows are dropped after each end")
def _(done):
    steps = np.ones_like(done)
    steps[1:] &= ~done[:-1]
    steps[2:] &= ~done[:-2]
    return steps


@right("07.1", "a walk down each environment, with lists")
def _(done):
    columns = []
    for flags in np.asarray(done).T.tolist():
        waits, column = False, []
        for flag in flags:
            column.append(not waits)
            waits = flag
        columns.append(column)
    return [list(row) for row in zip(*columns, strict=True)]


wrong("07.2", "two short ones and a long one: the mean of 1, 1 and 3", 5 / 3)
wrong("07.2", "divided by two once too often", 7 / 8)
wrong("07.2", "the race is taken to favor the long ones", 9 / 4)
right("07.2", "a 0-d tensor", torch.tensor(1.75))


@wrong("07.3", "the number for each environment is rounded down for all")
def _(lengths, n):
    return np.mean(lengths[:, : max(1, n // len(lengths))])


@wrong("07.3", "the n shortest of all")
def _(lengths, n):
    return np.sort(lengths, axis=None)[:n].mean()


@wrong("07.3", "weighted by length: the episode of a random step")
def _(lengths, n):
    chosen = np.ravel(lengths.T)[:n]
    return (chosen**2).sum() / chosen.sum()


@right("07.3", "a weighted average with weights of 0 and 1")
def _(lengths, n):
    number = np.arange(lengths.size).reshape(lengths.T.shape).T
    return np.average(lengths, weights=number < n)


@wrong("07.4", "the mean reward of an episode, not the sum")
def _(rew, done):
    running, steps, finished = np.zeros(rew.shape[1]), np.zeros(rew.shape[1]), []
    for t in range(len(rew)):
        running, steps = running + rew[t], steps + 1
        finished += (running / steps)[done[t]].tolist()
        running[done[t]], steps[done[t]] = 0, 0
    return finished


@wrong("07.4", "of several that end together, the last environment comes first")
def _(rew, done):
    running, finished = np.zeros(rew.shape[1]), []
    for t in range(len(rew)):
        running = running + rew[t]
        finished += running[done[t]].tolist()[::-1]
        running[done[t]] = 0
    return finished


@wrong("07.4", "the reward of the step that ends an episode is lost")
def _(rew, done):
    running, finished = np.zeros(rew.shape[1]), []
    for t in range(len(rew)):
        finished += running[done[t]].tolist()
        running = np.where(done[t], 0.0, running + rew[t])
    return finished


@right("07.4", "differences of running totals, sorted afterwards")
def _(rew, done):
    found = []
    for n in range(rew.shape[1]):
        total, ends = np.cumsum(rew[:, n]), np.flatnonzero(done[:, n])
        values = np.diff(total[ends], prepend=0.0)
        found += [(t, n, value) for t, value in zip(ends, values, strict=True)]
    return [float(value) for _, _, value in sorted(found)]


# Exercise 07.5: the training loop


@wrong("07.5", "the buffer is never emptied")
def _(policy, collector, updates):
    means = []
    for _ in range(updates):
        with policy_within_training_step(policy):
            stats = collector.collect(n_episode=collector.env_num)
            policy.update(0, collector.buffer, batch_size=None, repeat=1)
        means.append(stats.returns.mean())
    return means


@wrong("07.5", "emptied after the loop")
def _(policy, collector, updates):
    means = []
    with policy_within_training_step(policy):
        for _ in range(updates):
            means.append(collector.collect(n_episode=collector.env_num).returns.mean())
            policy.update(0, collector.buffer, batch_size=None, repeat=1)
    collector.reset_buffer()
    return means


@wrong("07.5", "only the update is within a training step")
def _(policy, collector, updates):
    means = []
    for _ in range(updates):
        means.append(collector.collect(n_episode=collector.env_num).returns.mean())
        with policy_within_training_step(policy):
            policy.update(0, collector.buffer, batch_size=None, repeat=1)
        collector.reset_buffer()
    return means


@wrong("07.5", "nothing is within a training step: update refuses")
def _(policy, collector, updates):
    means = []
    for _ in range(updates):
        means.append(collector.collect(n_episode=collector.env_num).returns.mean())
        policy.update(0, collector.buffer, batch_size=None, repeat=1)
        collector.reset_buffer()
    return means


@wrong("07.5", "emptied before the update, which then has no rows")
def _(policy, collector, updates):
    means = []
    for _ in range(updates):
        with policy_within_training_step(policy):
            means.append(collector.collect(n_episode=collector.env_num).returns.mean())
            collector.reset_buffer()
            policy.update(0, collector.buffer, batch_size=None, repeat=1)
    return means


@wrong("07.5", "two passes over each rollout")
def _(policy, collector, updates):
    means = []
    for _ in range(updates):
        with policy_within_training_step(policy):
            means.append(collector.collect(n_episode=collector.env_num).returns.mean())
            policy.update(0, collector.buffer, batch_size=None, repeat=2)
        collector.reset_buffer()
    return means


@wrong("07.5", "steps are collected, not episodes")
def _(policy, collector, updates):
    means = []
    for _ in range(updates):
        with policy_within_training_step(policy):
            stats = collector.collect(n_step=4 * collector.env_num)
            policy.update(0, collector.buffer, batch_size=None, repeat=1)
        collector.reset_buffer()
        means.append(stats.returns.mean())
    return means


@wrong("07.5", "one episode in all, not one from each environment")
def _(policy, collector, updates):
    return [
        collect_and_update(policy, collector, n_episode=1)[0].returns.mean() for _ in range(updates)
    ]


@wrong("07.5", "one row at a time is a batch of its own")
def _(policy, collector, updates):
    means = []
    for _ in range(updates):
        stats, _, _ = collect_and_update(
            policy, collector, n_episode=collector.env_num, batch_size=1
        )
        means.append(stats.returns.mean())
    return means


@wrong("07.5", "the return statement stands in the loop")
def _(policy, collector, updates):
    means = []
    for _ in range(updates):
        stats, _, _ = collect_and_update(policy, collector, n_episode=collector.env_num)
        means.append(stats.returns.mean())
        return means


@wrong("07.5", "the largest return of each rollout")
def _(policy, collector, updates):
    return [
        collect_and_update(policy, collector, n_episode=collector.env_num)[0].returns.max()
        for _ in range(updates)
    ]


@right("07.5", "the package's iteration, in a comprehension")
def _(policy, collector, updates):
    return [
        collect_and_update(policy, collector, n_episode=collector.env_num)[0].returns.mean()
        for _ in range(updates)
    ]


@right("07.5", "the collector is reset as a whole, and the means are a tensor")
def _(policy, collector, updates):
    means = torch.zeros(updates)
    for k in range(updates):
        with policy_within_training_step(policy):
            means[k] = float(np.mean(collector.collect(n_episode=collector.env_num).returns))
            policy.update(0, collector.buffer, batch_size=None, repeat=1)
        collector.reset()
    return means


@right("07.5", "one training step around the loop, the buffer emptied before each rollout, too")
def _(policy, collector, updates):
    means: list[float] = []
    with policy_within_training_step(policy):
        while len(means) < updates:
            collector.reset_buffer()
            stats = collector.collect(n_episode=len(collector.buffer.buffers))
            policy.update(sample_size=0, buffer=collector.buffer, batch_size=10_000, repeat=1)
            means.append(sum(stats.returns) / len(stats.returns))
            collector.buffer.reset()
    return np.array(means)


# Exercise 07.6: two columns of the book


@wrong("07.6", "what the step returned is taken for the last observation")
def _(first, returned, done, final):
    return np.concatenate([first[None], returned[:-1]]), returned


@wrong("07.6", "the next episode begins with the last observation of the one before")
def _(first, returned, done, final):
    obs_next = np.where(done, final, returned)
    return np.concatenate([first[None], obs_next[:-1]]), obs_next


@wrong("07.6", "products: 0 times NaN")
def _(first, returned, done, final):
    obs_next = final * done + returned * (1 - done)
    return np.concatenate([first[None], returned[:-1]]), obs_next


@wrong("07.6", "final everywhere")
def _(first, returned, done, final):
    return np.concatenate([first[None], returned[:-1]]), final


@wrong("07.6", "the condition is reversed")
def _(first, returned, done, final):
    return np.concatenate([first[None], returned[:-1]]), np.where(done, returned, final)


@wrong("07.6", "obs is what was returned, not what was seen before")
def _(first, returned, done, final):
    return returned, np.where(done, final, returned)


@wrong("07.6", "the first observations are forgotten: one row too few")
def _(first, returned, done, final):
    return returned[:-1], np.where(done, final, returned)[1:]


@wrong("07.6", "the mean of both where an episode ends")
def _(first, returned, done, final):
    obs_next = np.where(done, (final + returned) / 2, returned)
    return np.concatenate([first[None], returned[:-1]]), obs_next


@wrong("07.6", "rolled: the last row comes first")
def _(first, returned, done, final):
    return np.roll(returned, 1, axis=0), np.where(done, final, returned)


@right("07.6", "written into the array of what was returned, and one array of both")
def _(first, returned, done, final):
    obs = np.concatenate([first[None], returned[:-1]])
    returned[done] = final[done]
    return np.stack([obs, returned])


@right("07.6", "tensors, chosen by where NaN stands")
def _(first, returned, done, final):
    after, last = torch.from_numpy(returned), torch.from_numpy(final)
    obs = torch.cat([torch.from_numpy(first)[None], after[:-1]])
    return obs, torch.where(last.isnan(), after, last)


@right("07.6", "loops over steps and environments, lists of lists")
def _(first, returned, done, final):
    obs, obs_next, seen = [], [], first.tolist()
    for after, over, last in zip(returned.tolist(), done, final.tolist(), strict=True):
        obs.append(seen)
        obs_next.append([f if d else r for r, d, f in zip(after, over, last, strict=True)])
        seen = after
    return obs, obs_next


# Exercise 07.7: the greedy twin


def walked(move, action_of, longest):
    cell, steps = 0, 0
    while cell != len(move) and steps < longest:
        cell, steps = int(move[cell, action_of(cell)]), steps + 1
    return steps, cell


@wrong("07.7", "the number of steps until it is stopped, also if it never arrives")
def _(move, seen, logits):
    return walked(move, lambda s: logits[seen[s]].argmax(), len(move))[0]


@wrong("07.7", "infinity if it never arrives")
def _(move, seen, logits):
    steps, cell = walked(move, lambda s: logits[seen[s]].argmax(), len(move))
    return steps if cell == len(move) else float("inf")


@wrong("07.7", "the least likely action")
def _(move, seen, logits):
    steps, cell = walked(move, lambda s: logits[seen[s]].argmin(), len(move))
    return steps if cell == len(move) else -1


@wrong("07.7", "all cells look like the first")
def _(move, seen, logits):
    steps, cell = walked(move, lambda s: logits[0].argmax(), len(move))
    return steps if cell == len(move) else -1


@wrong("07.7", "the cell in place of its look")
def _(move, seen, logits):
    steps, cell = walked(move, lambda s: logits[s % len(logits)].argmax(), len(move))
    return steps if cell == len(move) else -1


@wrong("07.7", "given up after half of the steps")
def _(move, seen, logits):
    steps, cell = walked(move, lambda s: logits[seen[s]].argmax(), len(move) // 2)
    return steps if cell == len(move) else -1


@wrong("07.7", "the action with the largest logit in absolute value")
def _(move, seen, logits):
    steps, cell = walked(move, lambda s: abs(logits[seen[s]]).argmax(), len(move))
    return steps if cell == len(move) else -1


@wrong("07.7", "a step too many")
def _(move, seen, logits):
    steps, cell = walked(move, lambda s: logits[seen[s]].argmax(), len(move))
    return steps + 1 if cell == len(move) else -1


@wrong("07.7", "whether it arrives")
def _(move, seen, logits):
    return walked(move, lambda s: logits[seen[s]].argmax(), len(move))[1] == len(move)


@right("07.7", "a set of the cells that it has seen")
def _(move, seen, logits):
    cell, been = 0, set()
    while cell not in been and cell < len(move):
        been.add(cell)
        cell = int(move[cell][np.argmax(logits[seen[cell]])])
    return len(been) if cell == len(move) else -1


@right("07.7", "a thousand steps are enough, and a float")
def _(move, seen, logits):
    steps, cell = walked(move, lambda s: logits[seen[s]].argmax(), 1000)
    return float(steps) if cell == len(move) else -1.0


@right("07.7", "probabilities, and powers of the matrix of the greedy chain")
def _(move, seen, logits):
    probabilities = torch.softmax(torch.from_numpy(np.asarray(logits, float)), dim=1).numpy()
    S = len(move)
    chain = np.zeros((S + 1, S + 1))
    chain[np.arange(S), move[np.arange(S), probabilities[seen].argmax(axis=1)]] = 1
    at = np.eye(S + 1)[0]
    for step in range(S):
        at = at @ chain
        if at[S] == 1:
            return np.array([step + 1])
    return np.array([-1])


# Exercise 07.8: when to stop, what to keep


@wrong("07.8", "the last epoch is kept")
def _(tests, target):
    for epoch in range(1, len(tests)):
        if max(tests[: epoch + 1]) >= target:
            break
    return epoch, epoch


@wrong("07.8", "the best of the whole list")
def _(tests, target):
    reached = [e for e in range(1, len(tests)) if max(tests[: e + 1]) >= target]
    return (reached or [len(tests) - 1])[0], int(np.argmax(tests))


@wrong("07.8", "more than the target")
def _(tests, target):
    for epoch in range(1, len(tests)):
        if max(tests[: epoch + 1]) > target:
            break
    return epoch, int(np.argmax(tests[: epoch + 1]))


@wrong("07.8", "the latest of equal tests")
def _(tests, target):
    best = 0
    for epoch in range(1, len(tests)):
        best = epoch if tests[epoch] >= tests[best] else best
        if tests[best] >= target:
            break
    return epoch, best


@wrong("07.8", "no epoch if the first test is good enough")
def _(tests, target):
    best, epoch = 0, 0
    while tests[best] < target and epoch + 1 < len(tests):
        epoch += 1
        best = epoch if tests[epoch] > tests[best] else best
    return epoch, best


@wrong("07.8", "stopped by the present test, not by the best one")
def _(tests, target):
    best = 0
    for epoch in range(1, len(tests)):
        best = epoch if tests[epoch] > tests[best] else best
        if tests[epoch] >= target:
            break
    return epoch, best


@wrong("07.8", "never stops")
def _(tests, target):
    return len(tests) - 1, int(np.argmax(tests))


@wrong("07.8", "the tests are counted, the first one as well")
def _(tests, target):
    for epoch in range(1, len(tests)):
        if max(tests[: epoch + 1]) >= target:
            break
    return epoch + 1, int(np.argmax(tests[: epoch + 1])) + 1


@wrong("07.8", "the mean return of the best test")
def _(tests, target):
    for epoch in range(1, len(tests)):
        if max(tests[: epoch + 1]) >= target:
            break
    return epoch, max(tests[: epoch + 1])


@right("07.8", "running maxima, and argmax of a flag")
def _(tests, target):
    enough = np.maximum.accumulate(tests)[1:] >= target
    epochs = int(enough.argmax()) + 1 if enough.any() else len(tests) - 1
    return np.array([epochs, np.argmax(tests[: epochs + 1])])


@right("07.8", "a recursion")
def _(tests, target):
    def after(epoch, best):
        best = epoch if tests[epoch] > tests[best] else best
        if tests[best] >= target or epoch == len(tests) - 1:
            return [epoch, best]
        return after(epoch + 1, best)

    return after(1, 0)


@right("07.8", "a tensor of floats")
def _(tests, target):
    values = torch.from_numpy(tests)
    best, epochs = 0, 0
    for epochs in range(1, len(values)):
        if values[epochs] > values[best]:
            best = epochs
        if values[best] >= target:
            break
    return torch.tensor([float(epochs), float(best)])
