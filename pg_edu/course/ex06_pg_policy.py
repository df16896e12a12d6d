"""The exercises of notebook 06, PGPolicy: answers, cases, and known mistakes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from pg_edu.course.records import Case, Exercise, Expectation, Extreme, Misconception
from pg_edu.course.shared import batches_of_arms, normalized_by_earlier_batches, tenths
from pg_edu.stats import RunningMeanStd
from pg_edu.types import Floats, Ints

Statistics = Callable[[list[Floats], Floats], tuple[Any, Any]]


# 06.3, the weighted step


def _score(arms: Ints, probs: Floats) -> Floats:
    """Return one-hot minus probabilities for each row, `[N, A]`."""
    score: Floats = np.eye(len(probs))[arms] - probs
    return score


def _mean(weights: Floats, score: Floats) -> Floats:
    """Return the mean over the rows of weights `[N]` times scores `[N, A]`."""
    step: Floats = weights @ score / len(weights)
    return step


def _weighted_step(arms: Ints, rewards: Floats, old: Floats, new: Floats) -> Floats:
    return _mean(new[arms] / old[arms] * rewards, _score(arms, new))


def _inverted(arms: Ints, rewards: Floats, old: Floats, new: Floats) -> Floats:
    return _mean(old[arms] / new[arms] * rewards, _score(arms, new))


def _without_weights(arms: Ints, rewards: Floats, old: Floats, new: Floats) -> Floats:
    return _mean(rewards, _score(arms, new))


def _with_the_old_score(arms: Ints, rewards: Floats, old: Floats, new: Floats) -> Floats:
    return _mean(new[arms] / old[arms] * rewards, _score(arms, old))


def _first_step(arms: Ints, rewards: Floats, old: Floats, new: Floats) -> Floats:
    return _mean(rewards, _score(arms, old))


def _descent(arms: Ints, rewards: Floats, old: Floats, new: Floats) -> Floats:
    return -_weighted_step(arms, rewards, old, new)


def _sum_over_rows(arms: Ints, rewards: Floats, old: Floats, new: Floats) -> Floats:
    return len(arms) * _weighted_step(arms, rewards, old, new)


def _divided_by_the_arms(arms: Ints, rewards: Floats, old: Floats, new: Floats) -> Floats:
    return len(arms) / len(new) * _weighted_step(arms, rewards, old, new)


def _self_normalized(arms: Ints, rewards: Floats, old: Floats, new: Floats) -> Floats:
    rho = new[arms] / old[arms]
    return _mean(rho / rho.mean() * rewards, _score(arms, new))


def _with_a_baseline(arms: Ints, rewards: Floats, old: Floats, new: Floats) -> Floats:
    rho = new[arms] / old[arms]
    return _mean(rho * (rewards - rewards.mean()), _score(arms, new))


def _leaving_one_out(arms: Ints, rewards: Floats, old: Floats, new: Floats) -> Floats:
    others = (rewards.sum() - rewards) / (len(rewards) - 1)
    return _mean(new[arms] / old[arms] * (rewards - others), _score(arms, new))


def _clipped(arms: Ints, rewards: Floats, old: Floats, new: Floats) -> Floats:
    rho = np.clip(new[arms] / old[arms], 0.8, 1.2)
    return _mean(rho * rewards, _score(arms, new))


def _one_hot_alone(arms: Ints, rewards: Floats, old: Floats, new: Floats) -> Floats:
    return _mean(new[arms] / old[arms] * rewards, np.eye(len(new))[arms])


def _own_logit_alone(arms: Ints, rewards: Floats, old: Floats, new: Floats) -> Floats:
    return _mean(new[arms] / old[arms] * rewards, np.eye(len(new))[arms] * (1 - new))


def _by_the_probabilities(arms: Ints, rewards: Floats, old: Floats, new: Floats) -> Floats:
    return _mean(new[arms] / old[arms] * rewards, np.eye(len(new))[arms] / new)


def _weights_by_column(arms: Ints, rewards: Floats, old: Floats, new: Floats) -> Floats:
    return new / old * _mean(rewards, _score(arms, new))


def _each_arm_once(arms: Ints, rewards: Floats, old: Floats, new: Floats) -> Floats:
    weights = new[arms] / old[arms] * rewards
    step: Floats = -weights.sum() * new
    step[arms] += weights  # Of several rows with one arm, NumPy keeps the last.
    return step / len(arms)


def _tenths(rng: np.random.Generator, arms: int) -> Floats:
    """Return probabilities, whole tenths and none of them 0, that sum to 1."""
    probs: Floats = (1 + rng.multinomial(10 - arms, np.ones(arms) / arms)) / 10
    return probs


def _random_weighted_step(rng: np.random.Generator) -> Case:
    rows, arms = rng.integers(2, 6), int(rng.integers(2, 5))
    rewards = rng.choice([-4.0, -2.5, -1.0, 0.5, 1.5, 3.0, 5.0], rows)
    old = new = _tenths(rng, arms)
    while np.array_equal(old, new):  # Between equal policies there is nothing to correct.
        new = _tenths(rng, arms)
    return rng.integers(arms, size=rows), rewards, old, new


# 06.4, normalized by earlier batches


def _normalized(batches: list[Floats], statistics: Statistics) -> list[Floats]:
    """Return (G - mean) / sqrt(var + 1e-8) for each batch.

    Args:
        batches: arrays of returns.
        statistics: the mean and the variance, from all earlier batches and the batch itself.
    """
    normalized = []
    for k, returns in enumerate(batches):
        mean, var = statistics(batches[:k], returns)
        normalized.append((returns - mean) / np.sqrt(var + 1e-8))
    return normalized


def _of_all(batches: list[Floats]) -> tuple[Any, Any]:
    """Return the mean and the variance of all returns, before the first one 0 and 1."""
    if not batches:
        return 0.0, 1.0
    seen = np.concatenate(batches)
    return seen.mean(), seen.var()


def _too_late(batches: list[Floats]) -> list[Floats]:
    return _normalized(batches, lambda earlier, own: _of_all([*earlier, own]))


def _both_bugs(batches: list[Floats]) -> list[Floats]:
    seen = [np.concatenate(batches[: k + 1]) for k in range(len(batches))]
    return [(G - s.mean()) / s.std() for G, s in zip(batches, seen, strict=True)]


def _too_late_and_added_to_the_deviation(batches: list[Floats]) -> list[Floats]:
    seen = [np.concatenate(batches[: k + 1]) for k in range(len(batches))]
    return [(G - s.mean()) / (s.std() + 1e-8) for G, s in zip(batches, seen, strict=True)]


def _by_all_batches(batches: list[Floats]) -> list[Floats]:
    return _normalized(batches, lambda earlier, own: _of_all(batches))


def _by_nothing_at_first(batches: list[Floats]) -> list[Floats]:
    return [np.full(len(batches[0]), np.nan), *normalized_by_earlier_batches(batches)[1:]]


def _only_the_order_changed(batches: list[Floats]) -> list[Floats]:
    return [np.full(len(batches[0]), np.nan), *_without_the_small_number(batches)[1:]]


def _one_array(batches: list[Floats]) -> Floats:
    return np.concatenate(normalized_by_earlier_batches(batches))


def _without_the_small_number(batches: list[Floats]) -> list[Floats]:
    earlier = [_of_all(batches[:k]) for k in range(len(batches))]
    return [(G - mean) / np.sqrt(var) for G, (mean, var) in zip(batches, earlier, strict=True)]


def _small_number_added_to_the_deviation(batches: list[Floats]) -> list[Floats]:
    earlier = [_of_all(batches[:k]) for k in range(len(batches))]
    return [(G - m) / (np.sqrt(var) + 1e-8) for G, (m, var) in zip(batches, earlier, strict=True)]


def _divided_by_the_variance(batches: list[Floats]) -> list[Floats]:
    earlier = [_of_all(batches[:k]) for k in range(len(batches))]
    return [(G - mean) / (var + 1e-8) for G, (mean, var) in zip(batches, earlier, strict=True)]


def _mean_not_subtracted(batches: list[Floats]) -> list[Floats]:
    return _normalized(batches, lambda earlier, own: (0.0, _of_all(earlier)[1]))


def _each_by_itself(batches: list[Floats]) -> list[Floats]:
    return _normalized(batches, lambda earlier, own: _of_all([own]))


def _by_the_last_batch(batches: list[Floats]) -> list[Floats]:
    return _normalized(batches, lambda earlier, own: _of_all(earlier[-1:]))


def _first_by_itself(batches: list[Floats]) -> list[Floats]:
    return _normalized(batches, lambda earlier, own: _of_all(earlier or [own]))


def _constant_counts_as_one(batches: list[Floats]) -> list[Floats]:
    def statistics(earlier: list[Floats], own: Floats) -> tuple[Any, Any]:
        mean, var = _of_all(earlier)
        return mean, 1.0 if var == 0 else var

    return _normalized(batches, statistics)


def _divisor_one_less(batches: list[Floats]) -> list[Floats]:
    def statistics(earlier: list[Floats], own: Floats) -> tuple[Any, Any]:
        mean, var = _of_all(earlier)
        return mean, np.concatenate(earlier).var(ddof=1) if earlier else var

    return _normalized(batches, statistics)


def _batches_count_alike(batches: list[Floats]) -> list[Floats]:
    def statistics(earlier: list[Floats], own: Floats) -> tuple[Any, Any]:
        if not earlier:
            return 0.0, 1.0
        return np.mean([G.mean() for G in earlier]), np.mean([G.var() for G in earlier])

    return _normalized(batches, statistics)


def _by_norm(batches: list[Floats]) -> list[Floats]:
    seen = RunningMeanStd()
    normalized = []
    for returns in batches:
        normalized.append(np.asarray(seen.norm(returns)))
        seen.update(returns)
    return normalized


def _random_batches(rng: np.random.Generator) -> Case:
    """Draw three batches; the first has two different returns, so that its variance is not 0."""
    sizes = [2, *rng.integers(1, 4, size=2)]
    batches = [np.round(rng.normal(1, 3, size), 1) for size in sizes]
    batches[0][1] = batches[0][0] + rng.choice([-2.5, -1.5, 0.5, 3.0])
    return (batches,)


def _all_batches(old: Floats, new: Floats, paid: Floats, draws: int) -> Expectation:
    """Return what an unbiased estimate has on average over all batches: the exact gradient."""
    batches = batches_of_arms(old, draws)
    cases = [(arms, paid[arms], old, new) for arms, _ in batches]
    return Expectation(cases, [weight for _, weight in batches], new * (paid - new @ paid))


# 06.5, learn


def _softmax(logits: Floats) -> Floats:
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs: Floats = weights / weights.sum(axis=1, keepdims=True)
    return probs


def _gradient(
    logits: Floats, s: Ints, a: Ints, weights: Floats, probs: Floats | None = None
) -> Floats:
    """Return the sum of weights `[m]` times scores in a table of logits `[O, A]`.

    Wrong answers have other probabilities `[O, A]` than the softmax of each row.
    """
    g = np.zeros_like(logits)
    np.add.at(g, s, -weights[:, None] * (_softmax(logits) if probs is None else probs)[s])
    np.add.at(g, (s, a), weights)
    return g


def _learn(
    logits: Floats, s: Ints, a: Ints, returns: Floats, minibatches: list[Ints], lr: float
) -> Floats:
    for m in minibatches:
        logits = logits + lr * _gradient(logits, s[m], a[m], returns[m]) / len(m)
    return logits


def _all_by_the_first_policy(
    logits: Floats, s: Ints, a: Ints, returns: Floats, minibatches: list[Ints], lr: float
) -> Floats:
    steps = [_gradient(logits, s[m], a[m], returns[m]) / len(m) for m in minibatches]
    together: Floats = logits + lr * np.sum(steps, axis=0)
    return together


def _divided_by_the_batch(
    logits: Floats, s: Ints, a: Ints, returns: Floats, minibatches: list[Ints], lr: float
) -> Floats:
    for m in minibatches:
        logits = logits + lr * _gradient(logits, s[m], a[m], returns[m]) / len(s)
    return logits


def _sum_over_the_minibatch(
    logits: Floats, s: Ints, a: Ints, returns: Floats, minibatches: list[Ints], lr: float
) -> Floats:
    for m in minibatches:
        logits = logits + lr * _gradient(logits, s[m], a[m], returns[m])
    return logits


def _downhill(
    logits: Floats, s: Ints, a: Ints, returns: Floats, minibatches: list[Ints], lr: float
) -> Floats:
    return _learn(logits, s, a, returns, minibatches, -lr)


def _whole_batch_each_time(
    logits: Floats, s: Ints, a: Ints, returns: Floats, minibatches: list[Ints], lr: float
) -> Floats:
    return _learn(logits, s, a, returns, [np.arange(len(s)) for _ in minibatches], lr)


def _first_rows(
    logits: Floats, s: Ints, a: Ints, returns: Floats, minibatches: list[Ints], lr: float
) -> Floats:
    """Return the answer that takes the first rows of the batch, as many as the minibatch has."""
    return _learn(logits, s, a, returns, [np.arange(len(m)) for m in minibatches], lr)


def _only_the_last(
    logits: Floats, s: Ints, a: Ints, returns: Floats, minibatches: list[Ints], lr: float
) -> Floats:
    return _learn(logits, s, a, returns, minibatches[-1:], lr)


def _only_the_first(
    logits: Floats, s: Ints, a: Ints, returns: Floats, minibatches: list[Ints], lr: float
) -> Floats:
    return _learn(logits, s, a, returns, minibatches[:1], lr)


def _each_state_once(
    logits: Floats, s: Ints, a: Ints, returns: Floats, minibatches: list[Ints], lr: float
) -> Floats:
    for m in minibatches:
        g = np.zeros_like(logits)
        g[s[m]] -= returns[m][:, None] * _softmax(logits)[s[m]]
        g[s[m], a[m]] += returns[m]
        logits = logits + lr * g / len(m)
    return logits


def _without_probabilities(
    logits: Floats, s: Ints, a: Ints, returns: Floats, minibatches: list[Ints], lr: float
) -> Floats:
    logits = logits.copy()
    for m in minibatches:
        np.add.at(logits, (s[m], a[m]), lr * returns[m] / len(m))
    return logits


def _without_returns(
    logits: Floats, s: Ints, a: Ints, returns: Floats, minibatches: list[Ints], lr: float
) -> Floats:
    return _learn(logits, s, a, np.ones(len(s)), minibatches, lr)


def _the_steps_alone(
    logits: Floats, s: Ints, a: Ints, returns: Floats, minibatches: list[Ints], lr: float
) -> Floats:
    return _learn(logits, s, a, returns, minibatches, lr) - logits


def _centered(
    logits: Floats, s: Ints, a: Ints, returns: Floats, minibatches: list[Ints], lr: float
) -> Floats:
    return _learn(logits, s, a, returns - returns.mean(), minibatches, lr)


def _one_step_for_all(
    logits: Floats, s: Ints, a: Ints, returns: Floats, minibatches: list[Ints], lr: float
) -> Floats:
    return _learn(logits, s, a, returns, [np.arange(len(s))], lr)


def _row_by_row(
    logits: Floats, s: Ints, a: Ints, returns: Floats, minibatches: list[Ints], lr: float
) -> Floats:
    for m in minibatches:
        logits = _learn(logits, s, a, returns, [np.array([i]) for i in m], lr / len(m))
    return logits


def _softmax_of_the_table(
    logits: Floats, s: Ints, a: Ints, returns: Floats, minibatches: list[Ints], lr: float
) -> Floats:
    for m in minibatches:
        p = np.exp(logits) / np.exp(logits).sum()
        logits = logits + lr * _gradient(logits, s[m], a[m], returns[m], p) / len(m)
    return logits


def _softmax_of_the_columns(
    logits: Floats, s: Ints, a: Ints, returns: Floats, minibatches: list[Ints], lr: float
) -> Floats:
    for m in minibatches:
        p = np.exp(logits) / np.exp(logits).sum(axis=0)
        logits = logits + lr * _gradient(logits, s[m], a[m], returns[m], p) / len(m)
    return logits


def _logit_of_the_action_alone(
    logits: Floats, s: Ints, a: Ints, returns: Floats, minibatches: list[Ints], lr: float
) -> Floats:
    logits = logits.copy()
    for m in minibatches:
        p = _softmax(logits)[s[m], a[m]]
        np.add.at(logits, (s[m], a[m]), lr * returns[m] * (1 - p) / len(m))
    return logits


def _centered_in_the_minibatch(
    logits: Floats, s: Ints, a: Ints, returns: Floats, minibatches: list[Ints], lr: float
) -> Floats:
    for m in minibatches:
        paid = returns[m] - returns[m].mean()
        logits = logits + lr * _gradient(logits, s[m], a[m], paid) / len(m)
    return logits


def _divided_by_the_minibatches(
    logits: Floats, s: Ints, a: Ints, returns: Floats, minibatches: list[Ints], lr: float
) -> Floats:
    for m in minibatches:
        step = _gradient(logits, s[m], a[m], returns[m]) / len(minibatches)
        logits = logits + lr * step
    return logits


def _random_minibatches(rng: np.random.Generator) -> tuple[Any, ...]:
    rows, states, actions = (int(rng.integers(*ends)) for ends in ((4, 9), (2, 4), (2, 4)))
    s, a = rng.integers(0, states, rows), rng.integers(0, actions, rows)
    cut = int(rng.integers(1, rows - 1))
    minibatches = [m for _ in range(2) for m in np.split(rng.permutation(rows), [cut])]
    logits = tenths(rng, states * actions).reshape(states, actions) / 2
    return logits, s, a, tenths(rng, rows), minibatches, float(rng.choice([0.1, 0.5, 2.0]))


LEARN = Exercise(
    "06.5",
    key=_learn,
    points=2,
    cases=[
        (
            np.array([[0.5, -0.5], [1.0, 0.4]]),
            np.array([0, 1, 0, 0]),
            np.array([1, 0, 0, 1]),
            np.array([2.0, 3.0, -4.0, 1.0]),
            [np.array([3, 1, 0]), np.array([2])],
            0.5,
        ),
        (
            np.array([[0.3, -0.2, 0.6], [-0.4, 0.5, 0.2]]),
            np.array([1, 1, 0, 1, 0]),
            np.array([2, 0, 1, 1, 2]),
            np.array([1.0, -2.0, 5.0, 3.0, -1.5]),
            [np.array([4, 0]), np.array([1, 3, 2]), np.array([2, 4]), np.array([0, 1, 3])],
            0.2,
        ),
        (
            np.array([[0.4, -0.6]]),
            np.array([0, 0]),
            np.array([1, 0]),
            np.array([3.0, 1.0]),
            [np.array([0, 1])],
            1.0,
        ),
    ],
    random=_random_minibatches,
    misconceptions=[
        Misconception(
            "All steps use the gradient at the first logits. Each step has to be computed with the "
            "logits that the step before it has left.",
            _all_by_the_first_policy,
            page="06 learn",
        ),
        Misconception(
            "Each step is divided by the size of the whole batch. The mean is over the rows of the "
            "minibatch.",
            _divided_by_the_batch,
            page="06 learn",
        ),
        Misconception(
            "The rows of a minibatch are summed, so a larger minibatch makes a longer step. Divide "
            "by the number of its rows.",
            _sum_over_the_minibatch,
            page="06 learn",
        ),
        Misconception(
            "That walks downhill: the loss has a minus sign, and gradient descent on it raises the "
            "objective.",
            _downhill,
            page="06 learn",
        ),
        Misconception(
            "Every step uses the whole batch. A minibatch holds the numbers of its rows: take only "
            "these.",
            _whole_batch_each_time,
            page="06 learn",
        ),
        Misconception(
            "The right number of rows is taken, but always from the beginning of the batch. A "
            "minibatch holds the numbers of its rows.",
            _first_rows,
            page="06 learn",
        ),
        Misconception(
            "Only the last minibatch has an effect: each step has to begin where the one before it "
            "ended.",
            _only_the_last,
            page="06 learn",
        ),
        Misconception(
            "Only the first minibatch is used: look where the function returns.",
            _only_the_first,
            page="06 learn",
        ),
        Misconception(
            "Where an observation comes more than once in a minibatch, only one of its rows "
            "counts: `g[s] += ...` with an array s adds once for each. Write a loop, or np.add.at.",
            _each_state_once,
            page="06 learn",
        ),
        Misconception(
            "A score has two parts, and the probabilities are missing: the whole row of the "
            "table goes down by the return times them.",
            _without_probabilities,
            page="01 The log-derivative trick",
        ),
        Misconception(
            "The returns are not used: every action is praised alike.",
            _without_returns,
            page="06 learn",
        ),
        Misconception(
            "These are the steps alone. The new logits are the old ones plus the steps.",
            _the_steps_alone,
            page="06 learn",
        ),
        Misconception(
            "The mean of the returns is subtracted; `learn` takes them as they are.",
            _centered,
            page="06 process_fn",
        ),
        Misconception(
            "The mean return of the minibatch is subtracted; `learn` takes the returns as they "
            "are.",
            _centered_in_the_minibatch,
            page="06 process_fn",
        ),
        Misconception(
            "That is one step with the whole batch. Each minibatch has a step of its own.",
            _one_step_for_all,
            page="06 learn",
        ),
        Misconception(
            "The logits move after every row. All rows of a minibatch are scored by the same "
            "logits: add up first, and then take one step.",
            _row_by_row,
            page="06 learn",
        ),
        Misconception(
            "The softmax is that of the whole table. Each row of the table is a policy for one "
            "observation: its probabilities sum to 1.",
            _softmax_of_the_table,
            page="06 learn",
        ),
        Misconception(
            "The softmax goes down the columns. Each row of the table is a policy for one "
            "observation: its probabilities sum to 1.",
            _softmax_of_the_columns,
            page="06 learn",
        ),
        Misconception(
            "Each row moves only the logit of its own action. A score is one-hot minus "
            "probabilities, and moves the other logits of that observation, too.",
            _logit_of_the_action_alone,
            page="01 The log-derivative trick",
        ),
        Misconception(
            "The sum over a minibatch is divided by the number of minibatches. Divide it by the "
            "number of its rows.",
            _divided_by_the_minibatches,
            page="06 learn",
        ),
    ],
)


# 06.6, the switches


def _sigma(z: float) -> float:
    return float(1.0 / (1.0 + np.exp(-z)))


_ACTING = _sigma(2.0)
_LEARNING = (_sigma(-1.0) + _sigma(5.0)) / 2

SWITCHES = Exercise(
    "06.6",
    key=(0.5, _ACTING, _LEARNING, 1.0, _ACTING),
    points=2,
    decimals=2,
    misconceptions=[
        Misconception(
            "Inside the block it draws, also after eval(): what `deterministic_eval` looks at "
            "is `is_within_training_step`.",
            (0.5, _ACTING, _LEARNING, 1.0, 1.0),
            page="06 Three switches: playing, learning, being tested",
        ),
        Misconception(
            "A policy that was just made is in train mode, as every module of torch is. So "
            "dropout is at work in line 1, and the mode is that of another distribution in each "
            "row.",
            (1.0, _ACTING, _LEARNING, 1.0, _ACTING),
            page="deeper/06 Dropout: a policy that is scored in another mode",
        ),
        Misconception(
            "Dropout is left out everywhere. It is at work where the policy is in train mode: "
            "when it has just been made, and in `learn`.",
            (1.0, _ACTING, _ACTING, 1.0, _ACTING),
            page="deeper/06 Dropout: a policy that is scored in another mode",
        ),
        Misconception(
            "Line 3 is `learn`, which `update` runs in train mode: dropout is at work. (And the "
            "mean of two probabilities is not the probability at the mean logit.)",
            (0.5, _ACTING, _ACTING, 1.0, _ACTING),
            page="deeper/06 Dropout: a policy that is scored in another mode",
        ),
        Misconception(
            "Dropout doubles the inputs that it keeps: the two logits of line 3 are those with "
            "x = 0 and with x = 2.",
            (0.5, _ACTING, (_sigma(-1.0) + _sigma(2.0)) / 2, 1.0, _ACTING),
            page="deeper/06 Dropout: a policy that is scored in another mode",
        ),
        Misconception(
            "It is `is_within_training_step` that chooses between draw and mode, not torch's "
            "train and eval mode.",
            (_LEARNING, 1.0, _LEARNING, 1.0, 1.0),
            page="06 Three switches: playing, learning, being tested",
        ),
        Misconception(
            "These are draws throughout. With `deterministic_eval=True` the mode takes the "
            "place of a draw outside of the block, in lines 1 and 4.",
            (_LEARNING, _ACTING, _LEARNING, _ACTING, _ACTING),
            page="06 Three switches: playing, learning, being tested",
        ),
        Misconception(
            "These are modes throughout. Inside the block the policy draws.",
            (0.5, 1.0, 0.5, 1.0, 1.0),
            page="06 Three switches: playing, learning, being tested",
        ),
        Misconception(
            "In line 3 the policy draws, too: `update` is within the block.",
            (0.5, _ACTING, 0.5, 1.0, _ACTING),
            page="06 Three switches: playing, learning, being tested",
        ),
        Misconception(
            "Dropout does not go with the block. A new policy is in train mode, a collector and "
            "eval() put it in eval mode, and only `update` and `train()` in train mode.",
            (1.0, _LEARNING, _LEARNING, 1.0, _LEARNING),
            page="deeper/06 Dropout: a policy that is scored in another mode",
        ),
        Misconception(
            "The collector puts the policy in eval mode, also within a training step: there is "
            "no dropout in line 2.",
            (0.5, _LEARNING, _LEARNING, 1.0, _ACTING),
            page="06 Three switches: playing, learning, being tested",
        ),
        Misconception(
            "eval() turns dropout off, also within a training step.",
            (0.5, _ACTING, _LEARNING, 1.0, _LEARNING),
            page="06 Three switches: playing, learning, being tested",
        ),
        Misconception(
            "In line 4 the collector acts outside of the block, and then `deterministic_eval` "
            "takes the mode.",
            (0.5, _ACTING, _LEARNING, _ACTING, _ACTING),
            page="06 Three switches: playing, learning, being tested",
        ),
        Misconception(
            "In line 1 the policy is outside of the block, and then `deterministic_eval` takes "
            "the mode of each row.",
            (_LEARNING, _ACTING, _LEARNING, 1.0, _ACTING),
            page="06 Three switches: playing, learning, being tested",
        ),
        Misconception(
            "Train and eval mode are swapped: dropout is at work in train mode, and the "
            "collector acts in eval mode.",
            (1.0, _LEARNING, _ACTING, 0.5, _LEARNING),
            page="deeper/06 Dropout: a policy that is scored in another mode",
        ),
        Misconception(
            "Those are the shares of action 0. The task asks for those of action 1.",
            (0.5, 1.0 - _ACTING, 1.0 - _LEARNING, 0.0, 1.0 - _ACTING),
            page="06 Three switches: playing, learning, being tested",
        ),
    ],
)


# 06.7, four awakenings

AWAKENINGS = Exercise(
    "06.7",
    key=(4.796875, 5.125, 5.28125, 1.421875),
    points=2,
    decimals=3,
    misconceptions=[
        Misconception(
            "These are the changes over the two updates. The task asks for w itself: add the "
            "3.375 that was saved, where it was loaded.",
            (1.421875, 1.75, 1.90625, 1.421875),
            page="deeper/06 What has to be saved",
        ),
        Misconception(
            "These are the weights after the fourth update. There are two more, the fourth and "
            "the fifth.",
            (4.3125, 4.375, 4.3125, 0.9375),
            page="deeper/06 What has to be saved",
        ),
        Misconception(
            "The learning rate is kept by the optimizer, not by the scheduler. In the second "
            "run it is back at 1, and the scheduler halves that.",
            (4.796875, 4.25, 5.28125, 1.421875),
            page="deeper/06 What has to be saved",
        ),
        Misconception(
            "In the second run the scheduler was loaded: it has counted to three, and halves "
            "the learning rate after the fourth update.",
            (4.796875, 5.875, 5.28125, 1.421875),
            page="deeper/06 What has to be saved",
        ),
        Misconception(
            "The second run has lost the velocity as well: it is part of the optimizer's state, "
            "and begins at 0 again.",
            (4.796875, 6.21875, 5.28125, 1.421875),
            page="deeper/06 What has to be saved",
        ),
        Misconception(
            "The second run has a new velocity, and also a new learning rate: the optimizer "
            "keeps both.",
            (4.796875, 4.25, 4.796875, 1.421875),
            page="deeper/06 What has to be saved",
        ),
        Misconception(
            "In the third run a new scheduler begins to count at 0, so that it does not halve "
            "the learning rate after the fourth update.",
            (4.796875, 5.125, 4.796875, 1.421875),
            page="deeper/06 What has to be saved",
        ),
        Misconception(
            "In the third run the learning rate is that of the optimizer, which was loaded: "
            "1/2, and not 1.",
            (4.796875, 5.125, 7.1875, 1.421875),
            page="deeper/06 What has to be saved",
        ),
        Misconception(
            "In the third run the velocity was loaded, with the optimizer. Only the count of "
            "the scheduler is new.",
            (4.796875, 5.125, 4.625, 1.421875),
            page="deeper/06 What has to be saved",
        ),
        Misconception(
            "In the fourth run the optimizer was loaded: the velocity and the learning rate are "
            "those of the third update.",
            (4.796875, 5.125, 5.28125, 2.5),
            page="deeper/06 What has to be saved",
        ),
        Misconception(
            "In the fourth run w begins at 0 again: the weights are what was not loaded.",
            (4.796875, 5.125, 5.28125, 4.796875),
            page="deeper/06 What has to be saved",
        ),
        Misconception(
            "All four are alike only if nothing of what was left out mattered. What does each "
            "part remember?",
            (4.796875, 4.796875, 4.796875, 4.796875),
            page="deeper/06 What has to be saved",
        ),
        Misconception(
            "The scheduler steps after w has moved: the second update still has the learning rate "
            "1, the fourth 1/2.",
            (3.578125, 3.875, 4.046875, 0.953125),
            page="deeper/06 What has to be saved",
        ),
        Misconception(
            "The optimizer keeps the learning rate. The second run, without its state, begins at 1 "
            "again, and the third, which has it, goes on with 1/2.",
            (4.796875, 4.25, 7.1875, 1.421875),
            page="deeper/06 What has to be saved",
        ),
        Misconception(
            "The velocity is left out: v is half of the last v plus 1, and w moves by the "
            "learning rate times v.",
            (3.25, 4.0, 3.5, 0.75),
            page="deeper/06 What has to be saved",
        ),
        Misconception(
            "The learning rate is halved after every second update, not after every one.",
            (2.54296875, 3.9375, 2.54296875, 0.35546875),
            page="deeper/06 What has to be saved",
        ),
        Misconception(
            "The learning rate is never halved. The scheduler does so after the second and "
            "after the fourth update.",
            (8.0625, 6.75, 8.0625, 3.8125),
            page="deeper/06 What has to be saved",
        ),
    ],
)


EXERCISES = [
    Exercise(
        "06.1",
        key=6,
        points=1,
        misconceptions=[
            Misconception(
                "Ten rows make two minibatches, not three: the two rows that are left over join "
                "the minibatch before them.",
                9,
                page="06 learn",
            ),
            Misconception(
                "Two is the number of steps in one pass. There are three passes.",
                2,
                page="06 learn",
            ),
            Misconception(
                "Three is the number of passes. Each pass takes a step for each of its "
                "minibatches, and there is more than one.",
                3,
                page="06 learn",
            ),
            Misconception(
                "That would be thirty rows cut into fours. But each pass cuts its own ten rows, "
                "and what is left over in it stays in it.",
                7,
                page="06 learn",
            ),
            Misconception(
                "That would be thirty rows cut into fours, with a smaller minibatch at the end. "
                "But each pass cuts its own ten rows, and no minibatch has fewer than four.",
                8,
                page="06 learn",
            ),
            Misconception(
                "That is 3 · 10 / 4. But a pass cannot take half a step: it has a whole number of "
                "minibatches.",
                7.5,
                page="06 learn",
            ),
            Misconception(
                "It would be one step per update if all rows were in one minibatch and there were "
                "one pass. It is the scheduler that moves once per update.",
                1,
                page="deeper/06 A learning rate that changes",
            ),
            Misconception(
                "That many rows are looked at, counting each pass. A step is taken for a whole "
                "minibatch, not for a row.",
                30,
                page="06 learn",
            ),
            Misconception(
                "That is the number of rows. A step is taken for a whole minibatch, not for a row.",
                10,
                page="06 learn",
            ),
            Misconception(
                "Minibatches and passes are multiplied, not added: each pass goes through all of "
                "its minibatches.",
                5,
                page="06 learn",
            ),
            Misconception(
                "That is the size of a minibatch times the number of passes. How many minibatches "
                "does one pass have?",
                12,
                page="06 learn",
            ),
        ],
    ),
    Exercise(
        "06.2",
        key=(2 / 7, 0.0, 5 / 7),
        points=2,
        decimals=2,
        misconceptions=[
            Misconception(
                "The true gradient leads to the best arm. These steps know only this batch, in "
                "which arm 0 was paid, too, and they come to rest before that.",
                (0.0, 0.0, 1.0),
                page="deeper/06 Twice from the same batch",
            ),
            Misconception(
                "These are the shares of the arms in the batch. Each row has to count by what it "
                "paid.",
                (1 / 2, 1 / 4, 1 / 4),
                page="deeper/06 Twice from the same batch",
            ),
            Misconception(
                "Arm 0 was drawn twice, and both of its rewards count.",
                (1 / 6, 0.0, 5 / 6),
                page="deeper/06 Twice from the same batch",
            ),
            Misconception(
                "These are the probabilities of arms 0 and 2. Arm 1 has one as well: give three "
                "numbers.",
                (2 / 7, 5 / 7),
                page="deeper/06 Twice from the same batch",
            ),
            Misconception(
                "These three do not sum to 1: the total of 7 holds both rewards of arm 0.",
                (1 / 7, 0.0, 5 / 7),
                page="deeper/06 Twice from the same batch",
            ),
            Misconception(
                "These are shares among the rows that were paid. How much each row paid counts, "
                "too.",
                (2 / 3, 0.0, 1 / 3),
                page="deeper/06 Twice from the same batch",
            ),
            Misconception(
                "With equal probabilities the gradient of this batch is not zero, so the steps go "
                "on from there.",
                (1 / 3, 1 / 3, 1 / 3),
                page="deeper/06 Twice from the same batch",
            ),
            Misconception(
                "Arm 0 was drawn most often, but each row counts by what it paid, and arm 2 paid "
                "more.",
                (1.0, 0.0, 0.0),
                page="deeper/06 Twice from the same batch",
            ),
            Misconception(
                "These are the rewards that the arms paid. Probabilities sum to 1, and a row that "
                "occurs twice counts twice.",
                (1.0, 0.0, 5.0),
                page="deeper/06 Twice from the same batch",
            ),
            Misconception(
                "These are the sums of the rewards of each arm. Probabilities sum to 1.",
                (2.0, 0.0, 5.0),
                page="deeper/06 Twice from the same batch",
            ),
            Misconception(
                "These are the sums of the rewards of each arm, divided by the number of rows. "
                "Probabilities sum to 1.",
                (0.5, 0.0, 1.25),
                page="deeper/06 Twice from the same batch",
            ),
            Misconception(
                "That is the softmax of the sums of the rewards. But the logits do not become the "
                "rewards: they move until the gradient is zero.",
                tuple(np.exp([2.0, 0.0, 5.0]) / np.exp([2.0, 0.0, 5.0]).sum()),
                page="deeper/06 Twice from the same batch",
            ),
            Misconception(
                "That is the softmax of what the arms pay. But the logits do not become the "
                "rewards: they move until the gradient is zero.",
                tuple(np.exp([1.0, 0.0, 5.0]) / np.exp([1.0, 0.0, 5.0]).sum()),
                page="deeper/06 Twice from the same batch",
            ),
        ],
    ),
    Exercise(
        "06.3",
        key=_weighted_step,
        points=2,
        cases=[
            (
                np.array([2, 0]),
                np.array([3.0, -1.0]),
                np.array([0.5, 0.3, 0.2]),
                np.array([0.1, 0.4, 0.5]),
            ),
            (
                np.array([1, 2, 1, 0]),
                np.array([2.0, 1.0, -4.0, 5.0]),
                np.array([0.6, 0.1, 0.3]),
                np.array([0.3, 0.2, 0.5]),
            ),
            (
                np.array([1, 0, 1]),
                np.array([3.0, -2.0, 1.0]),
                np.array([0.75, 0.25]),
                np.array([0.4, 0.6]),
            ),
            (
                np.array([3, 0, 1, 3]),
                np.array([1.5, -2.0, 4.0, -0.5]),
                np.array([0.4, 0.3, 0.2, 0.1]),
                np.array([0.2, 0.1, 0.3, 0.4]),
            ),
        ],
        random=_random_weighted_step,
        extremes=[
            Extreme(
                (
                    np.array([1, 0]),
                    np.array([2.0, 3.0]),
                    np.array([0.999999, 0.000001]),
                    np.array([0.4, 0.6]),
                ),
                "Here an arm was drawn that the old policy hardly ever draws. Its weight, new over "
                "old, is large, and it has to count in full.",
                page="deeper/06 The door to PPO",
            ),
        ],
        expectations=[
            _all_batches(
                np.array([0.5, 0.2, 0.3]), np.array([0.1, 0.6, 0.3]), np.array([1.0, -2.0, 4.0]), 2
            ),
            _all_batches(np.array([0.25, 0.75]), np.array([0.6, 0.4]), np.array([3.0, 1.5]), 3),
        ],
        misconceptions=[
            Misconception(
                "The weights are upside down: an arm that the new policy draws more often than "
                "the old one must count more.",
                _inverted,
                page="deeper/06 The door to PPO",
            ),
            Misconception(
                "The weights are missing. That is the plain step on an old batch, which is too "
                "short on average.",
                _without_weights,
                page="deeper/06 Twice from the same batch",
            ),
            Misconception(
                "The weights are right, but the score has to be that of the new policy, one-hot "
                "minus new: its gradient is wanted.",
                _with_the_old_score,
                page="deeper/06 The door to PPO",
            ),
            Misconception(
                "That is the first step, the gradient at the old policy. It knows nothing of the "
                "new policy.",
                _first_step,
                page="deeper/06 The door to PPO",
            ),
            Misconception(
                "That is the gradient of a loss. The gradient of J has the other sign.",
                _descent,
                page="01 The loss is not a loss",
            ),
            Misconception(
                "That is the sum over the rows, and the task asks for their mean.",
                _sum_over_rows,
                page="deeper/06 Twice from the same batch",
            ),
            Misconception(
                "The sum over the rows is divided by the number of arms. Divide it by the number "
                "of rows.",
                _divided_by_the_arms,
                page="deeper/06 Twice from the same batch",
            ),
            Misconception(
                "The weights are divided by their sum. That keeps them small, but it makes the "
                "estimate biased.",
                _self_normalized,
                page="deeper/06 The door to PPO",
            ),
            Misconception(
                "The mean reward is subtracted, the row's own included. That shrinks the estimate, "
                "on average by the factor 1 - 1/N.",
                _with_a_baseline,
                page="01 A baseline out of the pulls themselves",
            ),
            Misconception(
                "The weights are clipped, as in PPO. That keeps the reuse small, but does not "
                "make it right: here each weight counts in full.",
                _clipped,
                page="deeper/06 The door to PPO",
            ),
            Misconception(
                "In the score, minus the probabilities is missing: a reward for one arm moves all "
                "logits.",
                _one_hot_alone,
                page="01 The log-derivative trick",
            ),
            Misconception(
                "Each row moves only the logit of its own arm. But a score is one-hot minus "
                "probabilities, and moves the other logits, too.",
                _own_logit_alone,
                page="01 The log-derivative trick",
            ),
            Misconception(
                "That is the gradient with respect to the probabilities. The task asks for the "
                "one with respect to the logits.",
                _by_the_probabilities,
                page="01 The log-derivative trick",
            ),
            Misconception(
                "Each entry is weighted by the ratio of its own arm. But a row has one weight, "
                "that of the arm that was drawn, for its whole score.",
                _weights_by_column,
                page="deeper/06 The door to PPO",
            ),
            Misconception(
                "If an arm was drawn several times, all of its rows count, not only the last. In "
                "NumPy, step[arms] += ... keeps only one of them.",
                _each_arm_once,
                page="deeper/06 Twice from the same batch",
            ),
        ],
    ),
    Exercise(
        "06.4",
        key=normalized_by_earlier_batches,
        points=2,
        cases=[
            ([np.array([3.0, -1.0]), np.array([6.0]), np.array([2.0, 5.0])],),
            ([np.array([1.0, 1.0]), np.array([1.0, 1.005])],),
            ([np.array([-2.0, 5.0, 4.0])],),
            ([np.array([2.0]), np.array([2.0, 2.0]), np.array([2.0])],),
        ],
        random=_random_batches,
        extremes=[
            Extreme(
                ([1e6 + np.array([0.1, 0.4, -0.3]), 1e6 + np.array([0.2, -0.6])],),
                "These returns are large and close together. The variance is lost if it is the "
                "mean of the squares minus the square of the mean, or in single precision.",
                page="deeper/02 How much single precision loses",
            ),
        ],
        misconceptions=[
            Misconception(
                "A batch is part of the statistics by which it is normalized. They have to come "
                "from the earlier batches alone.",
                _too_late,
                page="06 process_fn",
            ),
            Misconception(
                "These are the two bugs, unchanged: a batch is part of its own statistics, and "
                "nothing prevents a division by zero.",
                _both_bugs,
                page="06 process_fn",
            ),
            Misconception(
                "The first bug is gone, the second is not: if all returns so far are the same, "
                "it divides by zero.",
                _without_the_small_number,
                page="06 process_fn",
            ),
            Misconception(
                "Before the first batch nothing was seen, and the mean of nothing is nan. Take a "
                "mean of 0 and a variance of 1 there.",
                _by_nothing_at_first,
                page="06 process_fn",
            ),
            Misconception(
                "The order is right now. Two things are left: before the first batch the mean is "
                "0 and the variance 1, and equal returns must not lead to a division by zero.",
                _only_the_order_changed,
                page="06 process_fn",
            ),
            Misconception(
                "The second bug is nearly gone: the small number belongs to the variance. The "
                "first is not: a batch is still part of its own statistics.",
                _too_late_and_added_to_the_deviation,
                page="06 process_fn",
            ),
            Misconception(
                "The statistics are those of all batches, also of the later ones. When a batch is "
                "normalized, only the earlier ones are known.",
                _by_all_batches,
                page="06 process_fn",
            ),
            Misconception(
                "The numbers are right, but all in one array. The task asks for a list with an "
                "array for each batch.",
                _one_array,
                page="06 process_fn",
            ),
            Misconception(
                "The small number belongs under the square root, added to the variance. Here it "
                "is added to the standard deviation.",
                _small_number_added_to_the_deviation,
                page="06 process_fn",
            ),
            Misconception(
                "If all returns so far are the same, their variance is taken to be 1. In "
                "process_fn it stays 0, and 1e-8 is added to it.",
                _constant_counts_as_one,
                page="06 process_fn",
            ),
            Misconception(
                "Each batch is normalized by itself. The mean and the variance have to be those "
                "of the earlier batches.",
                _each_by_itself,
                page="06 process_fn",
            ),
            Misconception(
                "The first batch is normalized by itself. Nothing was seen before it, so its mean "
                "is 0 and its variance 1.",
                _first_by_itself,
                page="06 process_fn",
            ),
            Misconception(
                "Only the batch just before counts. The statistics are those of all earlier "
                "returns.",
                _by_the_last_batch,
                page="06 process_fn",
            ),
            Misconception(
                "The statistics are averages over batches. Batches differ in size and in their "
                "means, so take all earlier returns together.",
                _batches_count_alike,
                page="06 process_fn",
            ),
            Misconception(
                "The returns are divided by the variance. Divide by its square root.",
                _divided_by_the_variance,
                page="06 process_fn",
            ),
            Misconception(
                "The returns are divided by the right number, but the mean of the earlier returns "
                "is not subtracted first.",
                _mean_not_subtracted,
                page="06 process_fn",
            ),
            Misconception(
                "The variance has the divisor n - 1. The task asks for n.",
                _divisor_one_less,
                page="06 process_fn",
            ),
            Misconception(
                "The results are cut off at 10, as by RunningMeanStd.norm, which also adds "
                "another small number. process_fn cuts nothing off.",
                _by_norm,
                page="06 process_fn",
            ),
        ],
    ),
    LEARN,
    SWITCHES,
    AWAKENINGS,
]
