"""Answers to the exercises of notebook 06 that readers might give: wrong ones, and odd ones."""

from fractions import Fraction

import numpy as np
import torch

from pg_edu.stats import RunningMeanStd
from tests.course.answers import right, wrong

# Exercise 06.1: counting steps

wrong("06.1", "three pieces a pass, with a rest of two rows: the rest joins the piece before", 9)
wrong("06.1", "the steps of one pass", 2)
wrong("06.1", "the number of passes: as if there were one piece each", 3)
wrong("06.1", "30 rows divided by 4, not rounded", 7.5)
wrong("06.1", "30 rows divided by 4, rounded down: each pass is cut for itself", 7)
wrong("06.1", "30 rows divided by 4, rounded up", 8)
wrong("06.1", "repeat times batch_size", 12)
wrong("06.1", "one step for each row in each pass", 30)
wrong("06.1", "one step in an update", 1)
wrong("06.1", "the sizes of the two pieces, not the number of steps", [4, 6])

right("06.1", "a float", 6.0)
right("06.1", "a numpy integer", np.int64(6))
right("06.1", "a 0-d tensor of integers", torch.tensor(6))
right("06.1", "a Fraction", Fraction(6))

# Exercise 06.2: where it ends

wrong("06.2", "how often each arm was drawn, without the rewards", [0.50, 0.25, 0.25])
wrong("06.2", "the rewards, without how often each arm was drawn", [0.17, 0.00, 0.83])
wrong("06.2", "the greedy policy, though arm 0 was paid, too", [0.0, 0.0, 1.0])
wrong("06.2", "arm 0 and arm 2 swapped", [0.71, 0.00, 0.29])
wrong("06.2", "the sums of the rewards, not divided by their total", [2, 0, 5])
wrong("06.2", "divided by the four decisions, and so they do not sum to 1", [0.5, 0.0, 1.25])
wrong("06.2", "only the two arms that are left", [0.29, 0.71])
wrong("06.2", "in percent", [29, 0, 71])
wrong("06.2", "to one digit", [0.3, 0.0, 0.7])
wrong("06.2", "the softmax of the sums of the rewards", [0.05, 0.01, 0.95])
wrong("06.2", "arms 1 and 2 swapped", [0.29, 0.71, 0.00])

right("06.2", "Fractions", [Fraction(2, 7), Fraction(0), Fraction(5, 7)])
right("06.2", "a tuple with an integer in it", (0.286, 0, 0.714))
right("06.2", "a float32 array", np.array([2, 0, 5], dtype=np.float32) / 7)
right("06.2", "a tensor that requires grad", torch.tensor([0.2857, 0.0, 0.7143]).requires_grad_())
right("06.2", "a little of arm 1 left after very many steps", [0.2855, 0.0004, 0.7141])


# Exercise 06.3: the weighted step


@wrong("06.3", "the importance weights are missing")
def _(arms, rewards, old, new):
    score = np.eye(len(new))[arms] - new
    return (rewards[:, None] * score).mean(axis=0)


@wrong("06.3", "the weights are upside down: old over new")
def _(arms, rewards, old, new):
    score = np.eye(len(new))[arms] - new
    return ((old / new)[arms][:, None] * rewards[:, None] * score).mean(axis=0)


@wrong("06.3", "the score of the old policy")
def _(arms, rewards, old, new):
    score = np.eye(len(new))[arms] - old
    return ((new / old)[arms][:, None] * rewards[:, None] * score).mean(axis=0)


@wrong("06.3", "the sum over the batch in place of the mean")
def _(arms, rewards, old, new):
    score = np.eye(len(new))[arms] - new
    return ((new / old)[arms] * rewards) @ score


@wrong("06.3", "the weights are divided by their mean over the batch: biased")
def _(arms, rewards, old, new):
    rho = (new / old)[arms]
    score = np.eye(len(new))[arms] - new
    return (rho * rewards) @ score / rho.sum()


@wrong("06.3", "the probabilities are taken for logits: another softmax")
def _(arms, rewards, old, new):
    p, q = np.exp(new) / np.exp(new).sum(), np.exp(old) / np.exp(old).sum()
    return ((p / q)[arms] * rewards) @ (np.eye(len(new))[arms] - p) / len(arms)


@wrong("06.3", "the weights are clipped to 0.8 and 1.2, as PPO would")
def _(arms, rewards, old, new):
    rho = np.clip((new / old)[arms], 0.8, 1.2)
    return (rho * rewards) @ (np.eye(len(new))[arms] - new) / len(arms)


@wrong("06.3", "an arm that was drawn twice is counted once: total[arms] += does not add up")
def _(arms, rewards, old, new):
    weighted = (new / old)[arms] * rewards
    total = np.zeros(len(new))
    total[arms] += weighted
    return (total - weighted.sum() * new) / len(arms)


@wrong("06.3", "the one-hot vectors alone: minus the probabilities is missing")
def _(arms, rewards, old, new):
    weighted = (new / old)[arms] * rewards
    return np.bincount(arms, weighted, minlength=len(new)) / len(arms)


@wrong("06.3", "the derivative by the probabilities, not by the logits")
def _(arms, rewards, old, new):
    weighted = (new / old)[arms] * rewards
    return np.bincount(arms, weighted, minlength=len(new)) / new / len(arms)


@wrong("06.3", "the gradient of the loss: the sign is wrong")
def _(arms, rewards, old, new):
    rho = (new / old)[arms]
    return (rho * rewards) @ (new - np.eye(len(new))[arms]) / len(arms)


@wrong("06.3", "the batch's mean reward is subtracted, and the own reward is in it: biased")
def _(arms, rewards, old, new):
    rho = (new / old)[arms]
    return (rho * (rewards - rewards.mean())) @ (np.eye(len(new))[arms] - new) / len(arms)


@right("06.3", "autograd of the mean weight times reward, a tensor")
def _(arms, rewards, old, new):
    logits = torch.log(torch.tensor(new, dtype=torch.float64)).requires_grad_()
    rho = torch.softmax(logits, dim=0)[torch.as_tensor(arms)] / torch.as_tensor(old)[arms]
    return torch.autograd.grad((rho * torch.as_tensor(rewards)).mean(), logits)[0]


@right("06.3", "a list, summed up arm by arm")
def _(arms, rewards, old, new):
    gradient = [0.0] * len(new)
    for a, r in zip(arms, rewards, strict=True):
        for b in range(len(new)):
            gradient[b] += new[a] / old[a] * r * ((a == b) - new[b]) / len(arms)
    return gradient


@right("06.3", "the Jacobian of the softmax times the mean reward of each arm over old")
def _(arms, rewards, old, new):
    by_arm = np.bincount(arms, rewards, minlength=len(new)) / len(arms) / old
    return (np.diag(new) - np.outer(new, new)) @ by_arm


@right("06.3", "einsum, in float32")
def _(arms, rewards, old, new):
    hot = np.arange(len(new)) == np.asarray(arms)[:, None]
    weight = new[arms] / old[arms] / len(arms)
    return np.einsum("n,n,na->a", weight, rewards, hot - new).astype(np.float32)


# Exercise 06.4: find the bug


@wrong("06.4", "half repaired: the eps is there, the batch itself is still among what was seen")
def _(batches):
    seen, result = np.zeros(0), []
    for returns in batches:
        seen = np.concatenate([seen, returns])
        result.append((returns - seen.mean()) / np.sqrt(seen.var() + 1e-8))
    return result


@wrong("06.4", "half repaired: the order is right, equal returns are divided by 0")
def _(batches):
    seen, result = np.zeros(0), []
    for returns in batches:
        mean, std = (seen.mean(), seen.std()) if len(seen) else (0.0, 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            result.append((returns - mean) / std)
        seen = np.concatenate([seen, returns])
    return result


@wrong("06.4", "1e-8 is added to the standard deviation, not under the root")
def _(batches):
    seen, result = np.zeros(0), []
    for returns in batches:
        mean, std = (seen.mean(), seen.std()) if len(seen) else (0.0, 1.0)
        result.append((returns - mean) / (std + 1e-8))
        seen = np.concatenate([seen, returns])
    return result


@wrong("06.4", "each batch by the one before it only, not by all that was seen")
def _(batches):
    mean, var, result = 0.0, 1.0, []
    for returns in batches:
        result.append((returns - mean) / np.sqrt(var + 1e-8))
        mean, var = returns.mean(), returns.var()
    return result


@wrong("06.4", "divided by the variance: the root is missing")
def _(batches):
    seen, result = np.zeros(0), []
    for returns in batches:
        mean, var = (seen.mean(), seen.var()) if len(seen) else (0.0, 1.0)
        result.append((returns - mean) / (var + 1e-8))
        seen = np.concatenate([seen, returns])
    return result


@wrong("06.4", "N - 1 in the variance, where process_fn has N")
def _(batches):
    seen, result = np.zeros(0), []
    for returns in batches:
        mean = seen.mean() if len(seen) else 0.0
        var = seen.var(ddof=1) if len(seen) > 1 else float(not len(seen))
        result.append((returns - mean) / np.sqrt(var + 1e-8))
        seen = np.concatenate([seen, returns])
    return result


@wrong("06.4", "the first batch is passed on, but not remembered")
def _(batches):
    seen, result = np.zeros(0), [batches[0] / np.sqrt(1 + 1e-8)]
    for returns in batches[1:]:
        mean, var = (seen.mean(), seen.var()) if len(seen) else (0.0, 1.0)
        result.append((returns - mean) / np.sqrt(var + 1e-8))
        seen = np.concatenate([seen, returns])
    return result


@wrong("06.4", "what is remembered has been normalized in place")
def _(batches):
    seen, result = np.zeros(0), []
    for returns in batches:
        mean, var = (seen.mean(), seen.var()) if len(seen) else (0.0, 1.0)
        returns = returns.astype(float)
        returns -= mean
        returns /= np.sqrt(var + 1e-8)
        result.append(returns)
        seen = np.concatenate([seen, returns])
    return result


@wrong("06.4", "the mean of the batches' means and variances: right for one batch before only")
def _(batches):
    result = []
    for k, returns in enumerate(batches):
        mean = np.mean([before.mean() for before in batches[:k]]) if k else 0.0
        var = np.mean([before.var() for before in batches[:k]]) if k else 1.0
        result.append((returns - mean) / np.sqrt(var + 1e-8))
    return result


@wrong("06.4", "the first mean of 0 is counted as a return that was seen")
def _(batches):
    seen, result = np.zeros(1), []
    for returns in batches:
        var = seen.var() if len(seen) > 1 else 1.0
        result.append((returns - seen.mean()) / np.sqrt(var + 1e-8))
        seen = np.concatenate([seen, returns])
    return result


@wrong("06.4", "the mean is not subtracted")
def _(batches):
    seen, result = np.zeros(0), []
    for returns in batches:
        var = seen.var() if len(seen) else 1.0
        result.append(returns / np.sqrt(var + 1e-8))
        seen = np.concatenate([seen, returns])
    return result


@wrong("06.4", "where all returns seen are equal, divided by 1 and not by the root of 1e-8")
def _(batches):
    seen, result = np.zeros(0), []
    for returns in batches:
        mean, std = (seen.mean(), seen.std()) if len(seen) else (0.0, 1.0)
        result.append((returns - mean) / (std if std > 1e-12 else 1.0))
        seen = np.concatenate([seen, returns])
    return result


@wrong("06.4", "the result for the page's example, whatever the batches are")
def _(batches):
    return [np.array([3.0, 1.0])]


@right("06.4", "the package's running statistics, and a tuple")
def _(batches):
    seen, result = RunningMeanStd(), []
    for returns in batches:
        result.append((returns - seen.mean) / np.sqrt(seen.var + 1e-8))
        seen.update(returns)
    return tuple(result)


@right("06.4", "all batches but the last ones joined again each time, lists of floats")
def _(batches):
    def normal(returns, before):
        seen = np.concatenate(before) if before else np.array([-1.0, 1.0])
        return ((returns - seen.mean()) / np.hypot(seen.std(), 1e-4)).tolist()

    return [normal(returns, batches[:k]) for k, returns in enumerate(batches)]


@right("06.4", "torch tensors of float64")
def _(batches):
    result = []
    for k, returns in enumerate(batches):
        now = torch.as_tensor(returns, dtype=torch.float64)
        if k == 0:
            result.append(now * (1 + 1e-8) ** -0.5)
            continue
        seen = torch.cat([torch.as_tensor(b, dtype=torch.float64) for b in batches[:k]])
        result.append((now - seen.mean()) * (seen.var(unbiased=False) + 1e-8).rsqrt())
    return result


@right("06.4", "Welford's recursion, and the arrays of the caller are overwritten")
def _(batches):
    count, mean, squares = 0, 0.0, 0.0
    for returns in batches:
        scale, shift = np.sqrt((squares / count if count else 1.0) + 1e-8), mean
        for x in returns.tolist():
            count += 1
            squares += (x - mean) ** 2 * (count - 1) / count
            mean += (x - mean) / count
        returns[:] = (returns - shift) / scale
    return batches


@right("06.3", "less the mean of the other rewards: another unbiased estimate")
def _(arms, rewards, old, new):
    others = (rewards.sum() - rewards) / (len(rewards) - 1)
    weights = new[arms] / old[arms] * (rewards - others)
    return (weights[:, None] * (np.eye(len(new))[arms] - new)).mean(axis=0)


# More of them

wrong("06.1", "the rows of the whole minibatches in all passes", 24)
wrong("06.1", "two minibatches and three passes, added", 5)
wrong("06.1", "the first argument, 0, is taken for the number", 0)
right("06.1", "an array without axes", np.array(6))

wrong("06.2", "the policy does not move: uniform", [1 / 3, 1 / 3, 1 / 3])
wrong("06.2", "the softmax of the mean rewards", [0.02, 0.01, 0.98])
wrong("06.2", "each arm's sum counts once more for each draw", [4 / 9, 0, 5 / 9])
right("06.2", "a list of tensors", [torch.tensor(2 / 7), torch.tensor(0.0), torch.tensor(5 / 7)])


@right("06.3", "one weight for the batch, the product over its rows: noisier, but unbiased")
def _(arms, rewards, old, new):
    score = np.eye(len(new))[arms] - new
    return np.prod((new / old)[arms]) * (rewards @ score) / len(arms)


@wrong("06.3", "divided by the number of arms, not of rows")
def _(arms, rewards, old, new):
    score = np.eye(len(new))[arms] - new
    return ((new / old)[arms] * rewards) @ score / len(new)


@wrong("06.3", "the weight multiplies only the one-hot vector")
def _(arms, rewards, old, new):
    hot = np.eye(len(new))[arms] * (new / old)[arms][:, None]
    return rewards @ (hot - new) / len(arms)


@right("06.3", "differences of logarithms, and a tuple")
def _(arms, rewards, old, new):
    total = np.zeros(len(new))
    for a, r in zip(arms, rewards, strict=True):
        weight = np.exp(np.log(new[a]) - np.log(old[a]))
        total[a] += weight * r
        total -= weight * r * new
    return tuple(total / len(arms))


@wrong("06.4", "each batch is normalized by itself")
def _(batches):
    return [(returns - returns.mean()) / np.sqrt(returns.var() + 1e-8) for returns in batches]


@wrong("06.4", "the mean square in place of the variance")
def _(batches):
    seen, result = np.zeros(0), []
    for returns in batches:
        mean, square = (seen.mean(), (seen**2).mean()) if len(seen) else (0.0, 1.0)
        result.append((returns - mean) / np.sqrt(square + 1e-8))
        seen = np.concatenate([seen, returns])
    return result


@wrong("06.4", "a larger number under the root than process_fn has")
def _(batches):
    seen, result = np.zeros(0), []
    for returns in batches:
        mean, var = (seen.mean(), seen.var()) if len(seen) else (0.0, 1.0)
        result.append((returns - mean) / np.sqrt(var + 1e-5))
        seen = np.concatenate([seen, returns])
    return result


@right("06.4", "count, mean and sum of squares, merged batch by batch")
def _(batches):
    count, mean, squares, result = 0, 0.0, 0.0, []
    for returns in batches:
        var = squares / count if count else 1.0
        result.append((np.asarray(returns) - mean) / (var + 1e-8) ** 0.5)
        for x in returns:
            count += 1
            step = x - mean
            mean += step / count
            squares += step * (x - mean)
    return result


# Exercise 06.5: write learn


def softmax(logits):
    weights = np.exp(logits)
    return weights / weights.sum(axis=1, keepdims=True)


def along(logits, s, a, weights):
    """Add weight times score over the rows, [O, A]."""
    g = np.zeros_like(logits)
    for t in range(len(s)):
        g[s[t]] -= weights[t] * softmax(logits)[s[t]]
        g[s[t], a[t]] += weights[t]
    return g


@wrong("06.5", "one step for the whole batch, whatever the minibatches are")
def _(logits, s, a, returns, minibatches, lr):
    return logits + lr * along(logits, s, a, returns) / len(s)


@wrong("06.5", "the probabilities are computed once, before the loop")
def _(logits, s, a, returns, minibatches, lr):
    p = softmax(logits)
    for rows in minibatches:
        g = np.zeros_like(logits)
        for i in rows:
            g[s[i]] -= returns[i] * p[s[i]]
            g[s[i], a[i]] += returns[i]
        logits = logits + lr * g / len(rows)
    return logits


@wrong("06.5", "every row is a step of its own, with the logits that the row before has left")
def _(logits, s, a, returns, minibatches, lr):
    for rows in minibatches:
        for i in rows:
            logits = logits + lr * along(logits, s[[i]], a[[i]], returns[[i]]) / len(rows)
    return logits


@wrong("06.5", "the sum over the rows")
def _(logits, s, a, returns, minibatches, lr):
    for rows in minibatches:
        logits = logits + lr * along(logits, s[rows], a[rows], returns[rows])
    return logits


@wrong("06.5", "the mean over the whole batch")
def _(logits, s, a, returns, minibatches, lr):
    for rows in minibatches:
        logits = logits + lr * along(logits, s[rows], a[rows], returns[rows]) / len(returns)
    return logits


@wrong("06.5", "descent on the objective")
def _(logits, s, a, returns, minibatches, lr):
    for rows in minibatches:
        logits = logits - lr * along(logits, s[rows], a[rows], returns[rows]) / len(rows)
    return logits


@wrong("06.5", "the rows are counted from the beginning: s[i] for i in range(len(rows))")
def _(logits, s, a, returns, minibatches, lr):
    for rows in minibatches:
        n = len(rows)
        logits = logits + lr * along(logits, s[:n], a[:n], returns[:n]) / n
    return logits


@wrong("06.5", "array indices: an observation that comes twice is counted once")
def _(logits, s, a, returns, minibatches, lr):
    for rows in minibatches:
        g = np.zeros_like(logits)
        g[s[rows]] -= returns[rows][:, None] * softmax(logits)[s[rows]]
        g[s[rows], a[rows]] += returns[rows]
        logits = logits + lr * g / len(rows)
    return logits


@wrong("06.5", "return is indented too far")
def _(logits, s, a, returns, minibatches, lr):
    for rows in minibatches:
        return logits + lr * along(logits, s[rows], a[rows], returns[rows]) / len(rows)


@wrong("06.5", "every step begins at the first logits: logits is never replaced")
def _(logits, s, a, returns, minibatches, lr):
    for rows in minibatches:
        new = logits + lr * along(logits, s[rows], a[rows], returns[rows]) / len(rows)
    return new


@wrong("06.5", "the softmax over the whole table, not over each row")
def _(logits, s, a, returns, minibatches, lr):
    for rows in minibatches:
        p = np.exp(logits) / np.exp(logits).sum()
        g = np.zeros_like(logits)
        for i in rows:
            g[s[i]] -= returns[i] * p[s[i]]
            g[s[i], a[i]] += returns[i]
        logits = logits + lr * g / len(rows)
    return logits


@wrong("06.5", "the softmax over the columns: the wrong axis")
def _(logits, s, a, returns, minibatches, lr):
    for rows in minibatches:
        p = np.exp(logits) / np.exp(logits).sum(axis=0)
        g = np.zeros_like(logits)
        for i in rows:
            g[s[i]] -= returns[i] * p[s[i]]
            g[s[i], a[i]] += returns[i]
        logits = logits + lr * g / len(rows)
    return logits


@wrong("06.5", "divided by the number of minibatches")
def _(logits, s, a, returns, minibatches, lr):
    for rows in minibatches:
        g = along(logits, s[rows], a[rows], returns[rows])
        logits = logits + lr * g / len(minibatches)
    return logits


@wrong("06.5", "only the logit of the own action moves, by one minus its probability")
def _(logits, s, a, returns, minibatches, lr):
    for rows in minibatches:
        p = softmax(logits)[s[rows], a[rows]]
        g = np.zeros_like(logits)
        np.add.at(g, (s[rows], a[rows]), returns[rows] * (1 - p))
        logits = logits + lr * g / len(rows)
    return logits


@wrong("06.5", "the learning rate is forgotten")
def _(logits, s, a, returns, minibatches, lr):
    for rows in minibatches:
        logits = logits + along(logits, s[rows], a[rows], returns[rows]) / len(rows)
    return logits


@wrong("06.5", "no returns: every action is made likelier")
def _(logits, s, a, returns, minibatches, lr):
    for rows in minibatches:
        logits = logits + lr * along(logits, s[rows], a[rows], np.ones(len(rows))) / len(rows)
    return logits


@wrong("06.5", "the mean return of the minibatch is subtracted")
def _(logits, s, a, returns, minibatches, lr):
    for rows in minibatches:
        centered = returns[rows] - returns[rows].mean()
        logits = logits + lr * along(logits, s[rows], a[rows], centered) / len(rows)
    return logits


@wrong("06.5", "p changes within a minibatch, since the logits move row by row in place")
def _(logits, s, a, returns, minibatches, lr):
    for rows in minibatches:
        for i in rows:
            p = softmax(logits)[s[i]]
            logits[s[i]] -= lr * returns[i] * p / len(rows)
            logits[s[i], a[i]] += lr * returns[i] / len(rows)
    return logits


@wrong("06.5", "each observation's share is divided by how often it comes, not by the rows")
def _(logits, s, a, returns, minibatches, lr):
    for rows in minibatches:
        often = np.bincount(s[rows], minlength=len(logits))[:, None]
        g = along(logits, s[rows], a[rows], returns[rows])
        logits = logits + lr * g / np.maximum(often, 1)
    return logits


@right("06.5", "autograd after all, and a tensor that still requires grad")
def _(logits, s, a, returns, minibatches, lr):
    theta = torch.tensor(logits, requires_grad=True)
    for rows in minibatches:
        log_prob = torch.log_softmax(theta, dim=1)[s[rows], a[rows]]
        mean = (log_prob * torch.from_numpy(returns[rows])).mean()
        theta = theta + lr * torch.autograd.grad(mean, theta)[0]
    return theta


@right("06.5", "one-hot matrices and a product, in place, as nested lists")
def _(logits, s, a, returns, minibatches, lr):
    for m in minibatches:
        where, what = np.eye(len(logits))[s[m]], np.eye(logits.shape[1])[a[m]]
        logits += lr * where.T @ (returns[m][:, None] * (what - softmax(logits)[s[m]])) / m.size
    return logits.tolist()


@right("06.5", "recursion over the minibatches")
def _(logits, s, a, returns, minibatches, lr):
    def after(x, left):
        if not left:
            return x
        rows = left[0]
        return after(x + lr / len(rows) * along(x, s[rows], a[rows], returns[rows]), left[1:])

    return after(logits, minibatches)


@right("06.5", "the sum of the returns of each pair, less its share of those of the row; float32")
def _(logits, s, a, returns, minibatches, lr):
    x = logits.astype(np.float32)
    for rows in minibatches:
        paid = np.zeros_like(x)
        np.add.at(paid, (s[rows], a[rows]), returns[rows].astype(np.float32))
        x = x + np.float32(lr) * (paid - paid.sum(axis=1, keepdims=True) * softmax(x)) / len(rows)
    return x


@right("06.5", "the probabilities shifted by their largest logit, loops all the way, a tuple")
def _(logits, s, a, returns, minibatches, lr):
    table = [list(row) for row in logits]
    for rows in minibatches:
        old = [list(row) for row in table]
        for i in rows:
            above = [x - max(old[s[i]]) for x in old[s[i]]]
            total = sum(np.exp(x) for x in above)
            for b, x in enumerate(above):
                table[s[i]][b] += lr * returns[i] * ((b == a[i]) - np.exp(x) / total) / len(rows)
    return tuple(tuple(row) for row in table)


# Exercise 06.6: the switches

wrong(
    "06.6", "eval() in a block is taken for the end of training: the mode", [0.5, 0.88, 0.63, 1, 1]
)
wrong("06.6", "a new policy is thought to be in eval mode", [1.0, 0.88, 0.63, 1.0, 0.88])
wrong("06.6", "nobody thinks of dropout", [1.0, 0.88, 0.88, 1.0, 0.88])
wrong(
    "06.6", "dropout averages out: the probability at the mean logit", [0.5, 0.88, 0.88, 1.0, 0.88]
)
wrong("06.6", "what is kept is not doubled: logits -1 and 2", [0.5, 0.88, 0.57, 1.0, 0.88])
wrong("06.6", "train mode draws, eval mode takes the mode", [0.63, 1.0, 0.63, 1.0, 1.0])
wrong("06.6", "deterministic_eval is not looked at", [0.63, 0.88, 0.63, 0.88, 0.88])
wrong("06.6", "the mode everywhere", [0.5, 1.0, 0.5, 1.0, 1.0])
wrong("06.6", "the collector in the block trains, so it drops", [0.5, 0.63, 0.63, 1.0, 0.88])
wrong("06.6", "dropout goes with the block, whatever eval() says", [1.0, 0.63, 0.63, 1.0, 0.63])
wrong(
    "06.6",
    "in line 1 the probabilities are averaged first, then the mode",
    [1, 0.881, 0.631, 1, 0.881],
)
wrong("06.6", "the shares of action 0", [0.5, 0.12, 0.37, 0.0, 0.12])
wrong("06.6", "in percent", [50, 88, 63, 100, 88])
wrong("06.6", "the collector still draws after the block", [0.5, 0.88, 0.63, 0.88, 0.88])
wrong("06.6", "the logits in place of probabilities", [2, 2, 2, 2, 2])
wrong("06.6", "line 5 forgotten", [0.5, 0.88, 0.63, 1.0])

right("06.6", "Fractions and integers among floats", [Fraction(1, 2), 0.88, 0.63, 1, 0.88])
right("06.6", "a float32 tensor, three decimals", torch.tensor([0.5, 0.881, 0.631, 1.0, 0.881]))
right("06.6", "by sigmoid, a tuple", tuple([0.5, 1 / (1 + np.exp(-2)), 0.6311, True, 0.8808]))
PAIRS = np.array([[0, 1], [0.88, 0.88], [0.27, 0.99], [1, 1], [0.88, 0.88]])
right("06.6", "the means of the rows of an array", PAIRS.mean(axis=1))

# Exercise 06.7: four awakenings

wrong("06.7", "the changes, not the weight", [1.422, 1.75, 1.906, 1.422])
wrong("06.7", "one update too few", [4.3125, 4.375, 4.3125, 0.9375])
wrong("06.7", "the scheduler is thought to hold the learning rate", [4.797, 4.25, 5.281, 1.422])
wrong("06.7", "and so the third agent begins at 1 again", [4.797, 4.25, 7.1875, 1.422])
wrong("06.7", "without the optimizer, the rate stays at 1", [4.797, 5.875, 5.281, 1.422])
wrong("06.7", "only the rate is lost, not the velocity", [4.797, 6.219, 5.281, 1.422])
wrong("06.7", "the scheduler is not missed", [4.797, 5.125, 4.797, 1.422])
wrong("06.7", "the scheduler takes the velocity with it", [4.797, 5.125, 4.625, 1.422])
wrong("06.7", "the fourth agent begins all over", [4.797, 5.125, 5.281, 2.5])
wrong("06.7", "the weight is in the optimizer, and comes back", [4.797, 5.125, 5.281, 4.797])
wrong("06.7", "nothing is missed", [4.797] * 4)
wrong("06.7", "no velocity", [3.25, 4.0, 3.5, 0.75])
wrong("06.7", "halved after every update", [2.543, 3.938, 2.543, 0.355])
wrong("06.7", "descent: all signs are turned", [-4.797, -5.125, -5.281, -1.422])
wrong("06.7", "to whole numbers", [5, 5, 5, 1])
wrong("06.7", "the scheduler steps before w moves", [3.578, 3.875, 4.047, 0.953])

right(
    "06.7", "Fractions", [Fraction(307, 64), Fraction(41, 8), Fraction(169, 32), Fraction(91, 64)]
)
right("06.7", "a column of a float32 array", np.array([4.7969, 5.125, 5.2812, 1.4219], np.float32))
right(
    "06.7",
    "a tensor that requires grad",
    torch.tensor([4.797, 5.125, 5.281, 1.422]).requires_grad_(),
)
