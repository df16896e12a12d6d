"""The exercises of notebook 11, the next steps: answers, cases, and known mistakes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from pg_edu.course.records import Case, Exercise, Misconception
from pg_edu.course.shared import flags
from pg_edu.types import Flags, Floats, Ints


def _others(numbers: Floats) -> Floats:
    """Return for each number the mean of the other ones."""
    return (np.full(len(numbers), numbers.sum()) - numbers) / (len(numbers) - 1)


# 11.1


def _number(end: Flags) -> int:
    """Return the number of episodes."""
    return int(np.count_nonzero(end))


def _lengths(end: Flags) -> Ints:
    """Return the number of steps of each episode."""
    return np.diff(np.flatnonzero(end), prepend=-1)


def _time(end: Flags) -> Ints:
    """Return the number of each row within its own episode, from 0."""
    return np.concatenate([np.arange(length) for length in _lengths(end)])


def _episode(end: Flags) -> Ints:
    """Return the number of the episode of each row, from 0."""
    return np.repeat(np.arange(_number(end)), _lengths(end))


def _total(G: Floats, place: Ints) -> Floats:
    """Return for each row the sum of all returns at the same place."""
    return np.take(np.bincount(place, weights=G), place)


def _baseline(G: Floats, end: Flags) -> Floats:
    return (_total(G, _time(end)) - G) / (_number(end) - 1)


def _mean_of_running_others(G: Floats, end: Flags) -> Floats:
    t = _time(end)
    others = np.bincount(t)[t] - 1
    return (_total(G, t) - G) / np.maximum(1, others)


def _mean_of_running_others_or_nan(G: Floats, end: Flags) -> Floats:
    t = _time(end)
    others = np.bincount(t)[t] - 1
    return (_total(G, t) - G) / others


def _mean_of_running(G: Floats, end: Flags) -> Floats:
    t = _time(end)
    return _total(G, t) / np.bincount(t)[t]


def _mean_of_all(G: Floats, end: Flags) -> Floats:
    return _total(G, _time(end)) / _number(end)


def _total_over_others(G: Floats, end: Flags) -> Floats:
    return _total(G, _time(end)) / (_number(end) - 1)


def _sum_of_others(G: Floats, end: Flags) -> Floats:
    return _total(G, _time(end)) - G


def _others_over_all(G: Floats, end: Flags) -> Floats:
    return (_total(G, _time(end)) - G) / _number(end)


def _mean_of_other_rows(G: Floats, end: Flags) -> Floats:
    return _others(G)


def _mean_of_rows_of_others(G: Floats, end: Flags) -> Floats:
    others = np.full(len(G), G.sum()) - _total(G, _episode(end))
    return others / (len(G) - np.repeat(_lengths(end), _lengths(end)))


def _other_rows_over_others(G: Floats, end: Flags) -> Floats:
    return (np.full(len(G), G.sum()) - G) / (_number(end) - 1)


def _table(G: Floats, end: Flags, after: float = 0.0) -> Floats:
    """Return the baseline as a table [N, T], from returns that are padded to equal lengths.

    An episode that is over has `after` times its last return.
    """
    t, last = np.arange(_lengths(end).max()), G[end, None]
    table = np.where(t < _lengths(end)[:, None], 0.0, after * last)
    table[_episode(end), _time(end)] = G
    others: Floats = table.sum(axis=0) - table
    return others / (len(table) - 1)


def _padded_with_the_last(G: Floats, end: Flags) -> Floats:
    rows: Floats = _table(G, end, after=1.0)[_episode(end), _time(end)]
    return rows


def _of_the_first_returns(G: Floats, end: Flags) -> Floats:
    first = G[_time(end) == 0]
    return np.repeat(_others(first), _lengths(end))


def _aligned_at_the_end(G: Floats, end: Flags) -> Floats:
    left = np.repeat(_lengths(end), _lengths(end)) - _time(end)
    return (_total(G, left) - G) / (_number(end) - 1)


def _over_own_episode(G: Floats, end: Flags) -> Floats:
    return (_total(G, _episode(end)) - G) / (_number(end) - 1)


def _counted_from_the_last_step(G: Floats, end: Flags) -> Floats:
    """Return the baseline if the count begins again at the last step, not after it."""
    t, now = np.zeros(len(G), int), 0
    for row, last in enumerate(end):
        t[row] = now = 0 if last else now
        now += 1
    return (_total(G, t) - G) / (_number(end) - 1)


def _minus_baseline(G: Floats, end: Flags) -> Floats:
    return G - _baseline(G, end)


def _random_episodes(rng: np.random.Generator) -> Case:
    """Draw two to four episodes of unequal lengths, with at most eight rows."""
    lengths = np.array([1])
    while len(set(lengths)) == 1 or lengths.sum() > 8:
        lengths = rng.integers(1, 5, size=rng.integers(2, 5))
    end = np.concatenate([np.arange(length) == length - 1 for length in lengths])
    return np.round(rng.uniform(-9.0, 9.0, len(end)), 1), end


# 11.2


def _factor(p: float, N: int = 10) -> float:
    """Return c_N(p) of the page, with the divisor N in the variance."""
    k = np.arange(N + 1)
    ways = np.cumprod(np.append(1.0, (N + 1 - k[1:]) / k[1:]))
    chance = ways * p**k * (1 - p) ** (N - k)
    return float(chance @ np.sqrt(k / N * (1 - k / N)) / (p * (1 - p)))


# 11.3


def _weighted(weights: Floats, log_prob: Floats, mask: Flags) -> float:
    """Return minus the mean over answers of weight times log-probability."""
    answers = (log_prob * mask).sum(axis=1)
    return -float(weights @ answers) / len(answers)


def _loss(log_prob: Floats, mask: Flags, reward: Floats) -> float:
    return _weighted(reward - _others(reward), log_prob, mask)


def _both_bugs(log_prob: Floats, mask: Flags, reward: Floats) -> float:
    advantage = reward - reward.mean()
    return -float((advantage[:, None] * log_prob * mask).sum()) / int(mask.sum())


def _over_all_tokens(log_prob: Floats, mask: Flags, reward: Floats) -> float:
    return _loss(log_prob, mask, reward) * len(reward) / int(mask.sum())


def _own_reward_in_baseline(log_prob: Floats, mask: Flags, reward: Floats) -> float:
    return _weighted(reward - reward.mean(), log_prob, mask)


def _mean_in_each_answer(log_prob: Floats, mask: Flags, reward: Floats) -> float:
    return _loss(log_prob / mask.sum(axis=1, keepdims=True), mask, reward)


def _mean_in_each_answer_and_own(log_prob: Floats, mask: Flags, reward: Floats) -> float:
    shared_out = log_prob / mask.sum(axis=1, keepdims=True)
    return _weighted(reward - reward.mean(), shared_out, mask)


def _over_the_table(log_prob: Floats, mask: Flags, reward: Floats) -> float:
    return _loss(log_prob, mask, reward) / len(mask[0])


def _over_the_table_and_own(log_prob: Floats, mask: Flags, reward: Floats) -> float:
    return _weighted(reward - reward.mean(), log_prob, mask) / len(mask[0])


def _with_padding(log_prob: Floats, mask: Flags, reward: Floats) -> float:
    return _loss(log_prob, np.ones_like(mask), reward)


def _with_sign_reversed(log_prob: Floats, mask: Flags, reward: Floats) -> float:
    return -_loss(log_prob, mask, reward)


def _summed(log_prob: Floats, mask: Flags, reward: Floats) -> float:
    return _loss(log_prob, mask, reward) * len(reward)


def _summed_and_own(log_prob: Floats, mask: Flags, reward: Floats) -> float:
    return _weighted(reward - reward.mean(), log_prob, mask) * len(reward)


def _without_baseline(log_prob: Floats, mask: Flags, reward: Floats) -> float:
    return _weighted(reward, log_prob, mask)


def _without_baseline_over_tokens(log_prob: Floats, mask: Flags, reward: Floats) -> float:
    return _weighted(reward, log_prob, mask) * len(reward) / int(mask.sum())


def _others_divided_by_all(log_prob: Floats, mask: Flags, reward: Floats) -> float:
    return _weighted(reward - (reward.sum() - reward) / len(reward), log_prob, mask)


def _factor_upside_down(log_prob: Floats, mask: Flags, reward: Floats) -> float:
    return _own_reward_in_baseline(log_prob, mask, reward) * (1 - 1 / len(reward))


def _mended_twice(log_prob: Floats, mask: Flags, reward: Floats) -> float:
    N = len(reward)
    return _loss(log_prob, mask, reward) * N / (N - 1)


def _standardized(log_prob: Floats, mask: Flags, reward: Floats) -> float:
    return _weighted((reward - reward.mean()) / reward.std(), log_prob, mask)


def _standardized_mean_in_each_answer(log_prob: Floats, mask: Flags, reward: Floats) -> float:
    return _standardized(log_prob / mask.sum(axis=1, keepdims=True), mask, reward)


def _standardized_over_tokens(log_prob: Floats, mask: Flags, reward: Floats) -> float:
    return _standardized(log_prob, mask, reward) * len(reward) / int(mask.sum())


def _sum_of_others_taken_off(log_prob: Floats, mask: Flags, reward: Floats) -> float:
    return _weighted(reward - (np.full(len(reward), reward.sum()) - reward), log_prob, mask)


def _minus_the_answer_before(log_prob: Floats, mask: Flags, reward: Floats) -> float:
    return _weighted(reward - np.roll(reward, 1), log_prob, mask)


def _minus_the_next_answer(log_prob: Floats, mask: Flags, reward: Floats) -> float:
    return _weighted(reward - np.roll(reward, -1), log_prob, mask)


def _one_for_each_answer(log_prob: Floats, mask: Flags, reward: Floats) -> Floats:
    worse = _others(reward) - reward
    products: Floats = worse * (log_prob * mask).sum(axis=1)
    return products


def _random_group(rng: np.random.Generator) -> Case:
    """Draw two or three answers, not all of one length, and with a loss that is not nearly 0."""
    while True:
        lengths = rng.integers(1, 4, size=rng.integers(2, 4))
        mask = np.arange(lengths.max()) < lengths[:, None]
        log_prob = rng.choice([-3.0, -2.5, -2.0, -1.5, -1.0, -0.5, -0.25], mask.shape)
        reward = rng.choice([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0], len(mask))
        if len(set(lengths)) > 1 and abs(_loss(log_prob, mask, reward)) > 0.2:
            return log_prob, mask, reward


# 11.4


def _passes(ratio: Floats, advantage: Floats, eps: float) -> Flags:
    """Return where the clip lets the gradient through."""
    high = (ratio > 1 + eps) & (advantage > 0)
    low = (ratio < 1 - eps) & (advantage < 0)
    return ~(high | low)


def _inside(ratio: Floats, eps: float) -> Flags:
    return (1 - eps < ratio) & (ratio < 1 + eps)


def _weight(ratio: Floats, advantage: Floats, eps: float) -> Floats:
    return np.where(_passes(ratio, advantage, eps), ratio * advantage, 0.0)


def _objective(ratio: Floats, advantage: Floats, eps: float) -> Floats:
    clipped = ratio.clip(1 - eps, 1 + eps)
    return np.minimum(ratio * advantage, clipped * advantage)


def _clipped_ratio(ratio: Floats, advantage: Floats, eps: float) -> Floats:
    return ratio.clip(1 - eps, 1 + eps) * advantage


def _cut_on_both_sides(ratio: Floats, advantage: Floats, eps: float) -> Floats:
    return np.where(_inside(ratio, eps), ratio * advantage, 0.0)


def _cut_on_both_sides_without_ratio(ratio: Floats, advantage: Floats, eps: float) -> Floats:
    return np.where(_inside(ratio, eps), advantage, 0.0)


def _not_clipped(ratio: Floats, advantage: Floats, eps: float) -> Floats:
    return ratio * advantage


def _without_ratio(ratio: Floats, advantage: Floats, eps: float) -> Floats:
    return np.where(_passes(ratio, advantage, eps), advantage, 0.0)


def _without_advantage(ratio: Floats, advantage: Floats, eps: float) -> Floats:
    return np.where(_passes(ratio, advantage, eps), ratio, 0.0)


def _only_where_cut(ratio: Floats, advantage: Floats, eps: float) -> Floats:
    return np.where(_passes(ratio, advantage, eps), 0.0, ratio * advantage)


def _yes_or_no(ratio: Floats, advantage: Floats, eps: float) -> Flags:
    return _passes(ratio, advantage, eps)


def _of_the_maximum(ratio: Floats, advantage: Floats, eps: float) -> Floats:
    return np.where(_passes(ratio, -advantage, eps), ratio * advantage, 0.0)


def _cut_above_only(ratio: Floats, advantage: Floats, eps: float) -> Floats:
    cut = (ratio > 1 + eps) & (advantage > 0)
    return np.where(cut, 0.0, ratio * advantage)


def _cut_below_only(ratio: Floats, advantage: Floats, eps: float) -> Floats:
    cut = (ratio < 1 - eps) & (advantage < 0)
    return np.where(cut, 0.0, ratio * advantage)


def _cut_above_whatever_the_sign(ratio: Floats, advantage: Floats, eps: float) -> Floats:
    return np.where(ratio > 1 + eps, 0.0, ratio * advantage)


def _nothing_inside(ratio: Floats, advantage: Floats, eps: float) -> Floats:
    clipped = ratio.clip(1 - eps, 1 + eps)
    return np.where(ratio * advantage < clipped * advantage, ratio * advantage, 0.0)


def _with_02_for_any_eps(ratio: Floats, advantage: Floats, eps: float) -> Floats:
    return _weight(ratio, advantage, 0.2)


def _lower_edge_is_an_inverse(ratio: Floats, advantage: Floats, eps: float) -> Floats:
    low = (ratio < 1 / (1 + eps)) & (advantage < 0)
    return np.where(low, 0.0, _weight(ratio, advantage, eps))


def _of_the_loss(ratio: Floats, advantage: Floats, eps: float) -> Floats:
    return -_weight(ratio, advantage, eps)


def _random_rows(rng: np.random.Generator) -> Case:
    """Draw rows whose ratios end in 5, so that none is at an edge."""
    rows = int(rng.integers(3, 7))
    ratio = rng.choice([0.25, 0.55, 0.65, 0.85, 0.95, 1.05, 1.15, 1.35, 1.65, 2.45], rows)
    advantage = rng.choice([-3.0, -2.0, -1.5, -0.5, 0.5, 1.5, 2.0, 4.0], rows)
    return ratio, advantage, float(rng.choice([0.1, 0.2, 0.3]))


def _given(ratio: list[float], advantage: list[float], eps: float) -> Case:
    return np.array(ratio), np.array(advantage), eps


def _answers(log_prob: list[list[float]], lengths: list[int], reward: list[float]) -> Case:
    table: Any = np.array(log_prob)
    mask = np.arange(table.shape[1]) < np.array(lengths)[:, None]
    return table, mask, np.array(reward)


# 11.5


def _settings(
    num_envs: int, num_steps: int, total_timesteps: int, update_epochs: int, num_minibatches: int
) -> list[int]:
    collect = num_envs * num_steps
    updates = total_timesteps // collect
    return [updates * collect, collect, update_epochs, collect // num_minibatches]


def _random_loop(rng: np.random.Generator) -> Case:
    """Draw a loop whose last update does not fit, and whose numbers differ from each other."""
    num_envs, num_steps = int(rng.integers(2, 6)), 12 * int(rng.integers(2, 6))
    collect = num_envs * num_steps
    total = collect * int(rng.integers(6, 10)) + int(rng.integers(1, collect))
    return num_envs, num_steps, total, int(rng.integers(2, 6)), int(rng.choice([2, 3, 4, 6]))


def _but(**changes: Callable[[int, int, int, int, int], int]) -> Callable[..., list[int]]:
    """Return the right answer but for some of its four numbers."""

    def answer(
        num_envs: int,
        num_steps: int,
        total_timesteps: int,
        update_epochs: int,
        num_minibatches: int,
    ) -> list[int]:
        given = num_envs, num_steps, total_timesteps, update_epochs, num_minibatches
        names = ("epoch", "collect", "repeat", "size")
        right = dict(zip(names, _settings(*given), strict=True))
        return [changes[name](*given) if name in changes else right[name] for name in names]

    return answer


EXERCISES = [
    Exercise(
        "11.1",
        key=_baseline,
        points=2,
        cases=[
            (np.array([3.0, -1.0, 5.0, 4.0, 1.5]), flags(0, 1, 1, 0, 1)),
            (np.array([3.0, 2.0, 1.0, 1.0]), flags(0, 0, 1, 1)),
            (np.array([1.0, -2.0, 6.5]), flags(1, 1, 1)),
            (np.array([2.5, -4.0]), flags(1, 1)),
            (np.array([4.0, 2.0, 7.0, 5.0, -3.0, 8.0]), flags(0, 1, 0, 1, 0, 1)),
            (np.array([0.5, 9.0, -2.0, -7.0, 3.0, 6.0, 4.0]), flags(1, 0, 0, 0, 1, 0, 1)),
        ],
        random=_random_episodes,
        misconceptions=[
            Misconception(
                "That is the mean of those that are still going on. It is a baseline as well, but "
                "here an episode that is over counts as 0, so there are always N - 1 others.",
                _mean_of_running_others,
                page="11 Compared with the others",
            ),
            Misconception(
                "That is the mean of those that are still going on, and where nobody is left, it "
                "is 0/0. An episode that is over counts as 0, so there are always N - 1 others.",
                _mean_of_running_others_or_nan,
                page="11 Compared with the others",
            ),
            Misconception(
                "That is the mean of all that are still going on, its own included: whoever is "
                "left alone is compared with itself.",
                _mean_of_running,
                page="11 Compared with the others",
            ),
            Misconception(
                "The step's own return is in the mean, so the estimate becomes too short by the "
                "factor 1 - 1/N. Take it out, and divide by N - 1.",
                _mean_of_all,
                page="01 A baseline out of the pulls themselves",
            ),
            Misconception(
                "It is divided by N - 1, but the step's own return is still in the sum.",
                _total_over_others,
                page="01 A baseline out of the pulls themselves",
            ),
            Misconception(
                "That is the sum over the others. Divide it by their number, N - 1.",
                _sum_of_others,
                page="11 Compared with the others",
            ),
            Misconception(
                "The sum over the others is divided by N, but there are N - 1 of them.",
                _others_over_all,
                page="11 Compared with the others",
            ),
            Misconception(
                "That is what is left of the returns. The exercise asks for what is taken off.",
                _minus_baseline,
                page="11 Compared with the others",
            ),
            Misconception(
                "That is the mean of all other rows. Compare with the other episodes, and only at "
                "the same t.",
                _mean_of_other_rows,
                page="11 Compared with the others",
            ),
            Misconception(
                "Two things. All other rows are in the sum, and not only those of the other "
                "episodes at the same t; and their number is not N - 1.",
                _other_rows_over_others,
                page="11 Compared with the others",
            ),
            Misconception(
                "An episode that is over goes on counting with its last return. Nothing is still "
                "to come in it, so it counts as 0.",
                _padded_with_the_last,
                page="11 Compared with the others",
            ),
            Misconception(
                "That is a table with a row for each episode. Take out the steps that were played, "
                "one episode after the other.",
                lambda G, end: _table(G, end),
                page="11 Compared with the others",
            ),
            Misconception(
                "That is one number for all steps. Compare each step with the others at the same "
                "t.",
                lambda G, end: np.full(len(G), G.mean()),
                page="11 Compared with the others",
            ),
            Misconception(
                "That is the mean of all rows of the other episodes. Take only those at the same "
                "t.",
                _mean_of_rows_of_others,
                page="11 Compared with the others",
            ),
            Misconception(
                "That is the mean of the others' first returns, at every step. Later on, less is "
                "still to come: compare at the same t.",
                _of_the_first_returns,
                page="11 Compared with the others",
            ),
            Misconception(
                "The episodes are lined up by their last steps. Line them up by their first: t "
                "counts from the start of an episode.",
                _aligned_at_the_end,
                page="11 Compared with the others",
            ),
            Misconception(
                "That adds up the other steps of the same episode. Add up the other episodes at "
                "the same step.",
                _over_own_episode,
                page="11 Compared with the others",
            ),
            Misconception(
                "The count of steps begins again at the last step of an episode. It is to begin "
                "again after it.",
                _counted_from_the_last_step,
                page="11 Compared with the others",
            ),
        ],
    ),
    Exercise(
        "11.2",
        key=3.0,
        points=2,
        decimals=2,
        misconceptions=[
            Misconception(
                "That is the factor for p = 1/2 in very large groups. Here p is nearly 0, and a "
                "group has 10 answers.",
                2.0,
                page="deeper/11 What the spread does",
            ),
            Misconception(
                "About 10 p of all groups have one right answer, but σ is not 1 in them. What is "
                "the standard deviation of one 1 and nine 0?",
                10.0,
                page="deeper/11 What the spread does",
            ),
            Misconception(
                "Nearly: that takes σ for the root of 1/10. With the divisor 10 in the variance "
                "it is the root of 1/10 times 9/10.",
                float(np.sqrt(10)),
                page="deeper/11 What the spread does",
            ),
            Misconception(
                "That is with the divisor 9 in the variance, as in torch.std. Here it is 10.",
                9 / float(np.sqrt(10)),
                page="deeper/11 What the spread does",
            ),
            Misconception(
                "That is σ itself, for one right answer in ten. How often is there one, compared "
                "with p?",
                0.3,
                page="deeper/11 What the spread does",
            ),
            Misconception(
                "That is 1/σ, for one right answer in ten. But the mean that is taken off "
                "includes the answer's own reward, which costs a factor of 1 - 1/10.",
                10 / 3,
                page="11 RLOO and GRPO",
            ),
            Misconception(
                "The factor of 1 - 1/10, for the own reward in the mean, is in it twice. E[σ] "
                "over p (1 - p) has it already.",
                2.7,
                page="deeper/11 What the spread does",
            ),
            Misconception(
                "That is without the division by the standard deviation: its own reward in the "
                "mean makes the update shorter by 1 - 1/10.",
                0.9,
                page="11 RLOO and GRPO",
            ),
            Misconception(
                "That is N - 1, and its root is missing: a standard deviation is the root of a "
                "variance.",
                9.0,
                page="deeper/11 What the spread does",
            ),
            Misconception(
                "That is upside down: how many times longer is the update than the gradient?",
                1 / 3,
                page="deeper/11 What the spread does",
            ),
            Misconception(
                "The division leaves the direction as it is, for one question, but not the length.",
                1.0,
                page="deeper/11 What the spread does",
            ),
            Misconception(
                "Nearly all groups teach nothing, but the gradient is nearly 0 as well. In their "
                "ratio p cancels.",
                0.0,
                page="deeper/11 What the spread does",
            ),
            Misconception(
                "That is for p = 1/10. Let p go to 0: then no group has two right answers.",
                _factor(0.1),
                page="deeper/11 What the spread does",
            ),
        ],
    ),
    Exercise(
        "11.3",
        key=_loss,
        points=2,
        cases=[
            _answers([[-1.0, -2.0], [-2.5, 9.0], [-0.5, -1.5]], [2, 1, 2], [2.0, -0.5, 0.5]),
            _answers([[-1.0, -2.0, 4.0], [-0.5, -0.25, -1.5]], [2, 3], [1.0, 0.0]),
            _answers([[-1.0], [-2.5], [-0.5]], [1, 1, 1], [0.0, 3.0, 1.0]),
            _answers(
                [[-1.0, -2.0], [-3.0, 9.0], [-0.5, -1.5], [-1.0, 7.0], [-4.0, -1.0]],
                [2, 1, 2, 1, 2],
                [0.0, 1.0, 0.0, 0.0, 1.0],
            ),
        ],
        random=_random_group,
        misconceptions=[
            Misconception(
                "That is the loss with both bugs still in it.",
                _both_bugs,
                page="11 RLOO and GRPO",
            ),
            Misconception(
                "The baseline is right, but the sum is still divided by the number of tokens, "
                "which depends on the answers.",
                _over_all_tokens,
                page="11 Short when right, long when wrong",
            ),
            Misconception(
                "The denominator is right, but an answer's own reward is still in its baseline.",
                _own_reward_in_baseline,
                page="11 RLOO and GRPO",
            ),
            Misconception(
                "That is the average over the tokens of each answer: it favors short right "
                "answers and long wrong ones.",
                _mean_in_each_answer,
                page="11 Short when right, long when wrong",
            ),
            Misconception(
                "Both are still there: the average over the tokens of each answer bends the "
                "direction, too, and an answer's own reward is in its baseline.",
                _mean_in_each_answer_and_own,
                page="11 Short when right, long when wrong",
            ),
            Misconception(
                "The baseline is right, but the mean is over the padded table. Its width is the "
                "length of the longest answer, so it, too, depends on the answers.",
                _over_the_table,
                page="11 Short when right, long when wrong",
            ),
            Misconception(
                "Both are still there: the mean over the padded table depends on the longest "
                "answer, and an answer's own reward is in its baseline.",
                _over_the_table_and_own,
                page="11 Short when right, long when wrong",
            ),
            Misconception(
                "The padding counts here. Multiply by the mask before you add up.",
                _with_padding,
                page="11 A very small language model",
            ),
            Misconception(
                "The sign is reversed: a loss should fall as the expected reward rises.",
                _with_sign_reversed,
                page="01 The loss is not a loss",
            ),
            Misconception(
                "That is the sum over the answers. Divide it by their number.",
                _summed,
                page="11 RLOO and GRPO",
            ),
            Misconception(
                "That is a sum over the answers and not their mean, and an answer's own reward is "
                "still in its baseline.",
                _summed_and_own,
                page="11 RLOO and GRPO",
            ),
            Misconception(
                "Unbiased as well, but often noisier, and the task asks for a comparison: take off "
                "the mean reward of the other answers.",
                _without_baseline,
                page="01 A baseline out of the pulls themselves",
            ),
            Misconception(
                "The baseline was no bug, only its own reward in it; and the sum is still divided "
                "by the number of tokens, which depends on the answers.",
                _without_baseline_over_tokens,
                page="11 Short when right, long when wrong",
            ),
            Misconception(
                "The rewards of the others are divided by N, but there are N - 1 of them.",
                _others_divided_by_all,
                page="01 A baseline out of the pulls themselves",
            ),
            Misconception(
                "The factor is upside down. An answer's own reward in its baseline makes the "
                "update too short, so it has to be made longer, by N / (N - 1).",
                _factor_upside_down,
                page="01 A baseline out of the pulls themselves",
            ),
            Misconception(
                "The factor N / (N - 1) is in it once too often: the mean of the others has it "
                "already, and then the mean is over N answers.",
                _mended_twice,
                page="01 A baseline out of the pulls themselves",
            ),
            Misconception(
                "The rewards are divided by their standard deviation. That gives every group "
                "another scale, and the task does not ask for it.",
                _standardized,
                page="deeper/11 What the spread does",
            ),
            Misconception(
                "That is GRPO's advantage and its average over the tokens of each answer. The "
                "average favors short right answers and long wrong ones.",
                _standardized_mean_in_each_answer,
                page="11 Short when right, long when wrong",
            ),
            Misconception(
                "The rewards are divided by their standard deviation, and the sum by the number of "
                "tokens. Both depend on the answers.",
                _standardized_over_tokens,
                page="deeper/11 What the spread does",
            ),
            Misconception(
                "The sum of the other rewards is taken off. Take off their mean.",
                _sum_of_others_taken_off,
                page="11 RLOO and GRPO",
            ),
            Misconception(
                "Unbiased as well, but each answer is compared with a single other one. Take the "
                "mean of all N - 1 others, which is less noisy.",
                _minus_the_answer_before,
                page="01 A baseline out of the pulls themselves",
            ),
            Misconception(
                "Unbiased as well, but each answer is compared with one other only. Take the mean "
                "of all N - 1 others, which is less noisy.",
                _minus_the_next_answer,
                page="01 A baseline out of the pulls themselves",
            ),
            Misconception(
                "This is 0 for every group, as the advantages add up to 0. Multiply each by the "
                "log-probability of its answer before you add up.",
                lambda log_prob, mask, reward: 0.0,
                page="11 RLOO and GRPO",
            ),
            Misconception(
                "That is one number for each answer. The loss is minus their mean.",
                _one_for_each_answer,
                page="11 RLOO and GRPO",
            ),
        ],
    ),
    Exercise(
        "11.4",
        key=_weight,
        points=2,
        cases=[
            _given([1.1, 1.5, 0.7, 1.4, 0.5], [2.0, 3.0, 1.5, -0.5, -2.5], 0.2),
            _given([0.9, 1.1, 0.85], [-2.0, -3.0, 1.5], 0.2),
            _given([1.15, 0.85, 1.15, 0.85], [1.5, -2.0, -2.5, 4.0], 0.1),
            _given([3.5], [-2.0], 0.3),
            _given([0.82, 0.78, 1.22, 1.18], [-1.5, -2.0, 3.0, 2.5], 0.2),
            _given([1.0, 1.0], [2.0, -3.0], 0.2),
            _given([1.5, 0.5, 0.9], [0.0, 0.0, 0.0], 0.2),
        ],
        random=_random_rows,
        misconceptions=[
            Misconception(
                "That is the minimum itself. Its gradient is 0 where it is the clipped one, for "
                "that is a constant.",
                _objective,
                page="deeper/11 What the clip of PPO lets through",
            ),
            Misconception(
                "That is the clipped ratio times the advantage. Where the clip is at work, it is "
                "a constant, and a minimum does not always choose it.",
                _clipped_ratio,
                page="deeper/11 What the clip of PPO lets through",
            ),
            Misconception(
                "That cuts on both sides, whatever the sign: a step in the wrong direction could "
                "then never be undone.",
                _cut_on_both_sides,
                page="deeper/11 What the clip of PPO lets through",
            ),
            Misconception(
                "Two things. That cuts on both sides, whatever the sign of the advantage; and the "
                "ratio is missing, as ∇ρ = ρ ∇ log π.",
                _cut_on_both_sides_without_ratio,
                page="deeper/11 What the clip of PPO lets through",
            ),
            Misconception(
                "The clip is missing: this is the ratio times the advantage, everywhere.",
                _not_clipped,
                page="deeper/06 The door to PPO",
            ),
            Misconception(
                "It is cut in the right places, but the ratio is missing: ∇ρ = ρ ∇ log π.",
                _without_ratio,
                page="deeper/11 What the clip of PPO lets through",
            ),
            Misconception(
                "It is cut in the right places, but the advantage is missing.",
                _without_advantage,
                page="deeper/11 What the clip of PPO lets through",
            ),
            Misconception(
                "That is the weight where it should be 0, and 0 where there should be a weight.",
                _only_where_cut,
                page="deeper/11 What the clip of PPO lets through",
            ),
            Misconception(
                "That says where the gradient passes. The exercise asks for its weight there.",
                _yes_or_no,
                page="deeper/11 What the clip of PPO lets through",
            ),
            Misconception(
                "That is the weight of the maximum. The minimum stops a push that the batch still "
                "wants, and not its opposite.",
                _of_the_maximum,
                page="deeper/06 The door to PPO",
            ),
            Misconception(
                "Above 1 + ε it is right, but below 1 - ε a negative advantage is to be cut as "
                "well.",
                _cut_above_only,
                page="deeper/06 The door to PPO",
            ),
            Misconception(
                "Below 1 - ε it is right, but above 1 + ε a positive advantage is to be cut as "
                "well.",
                _cut_below_only,
                page="deeper/06 The door to PPO",
            ),
            Misconception(
                "That cuts every ratio above 1 + ε and none below 1 - ε. The sign of the "
                "advantage decides on which side the minimum is flat.",
                _cut_above_whatever_the_sign,
                page="deeper/06 The door to PPO",
            ),
            Misconception(
                "Between 1 - ε and 1 + ε the clip changes nothing, and both sides of the minimum "
                "are ρ Â. So the weight there is ρ Â, and not 0.",
                _nothing_inside,
                page="deeper/11 What the clip of PPO lets through",
            ),
            Misconception(
                "The clip is at 0.8 and 1.2, whatever eps is. Put it at 1 - ε and 1 + ε.",
                _with_02_for_any_eps,
                page="deeper/06 The door to PPO",
            ),
            Misconception(
                "The lower edge is at 1 / (1 + ε). The clip has it at 1 - ε.",
                _lower_edge_is_an_inverse,
                page="deeper/06 The door to PPO",
            ),
            Misconception(
                "That is the weight in the gradient of the loss. The exercise asks for that of "
                "the objective, which is maximized.",
                _of_the_loss,
                page="deeper/11 What the clip of PPO lets through",
            ),
        ],
    ),
    Exercise(
        "11.5",
        key=_settings,
        points=2,
        cases=[
            (3, 8, 100, 5, 2),
            (4, 128, 500_000, 4, 16),
            (1, 2048, 1_000_000, 10, 32),
            (8, 64, 4096, 3, 4),
            (2, 30, 59, 2, 6),
        ],
        random=_random_loop,
        misconceptions=[
            Misconception(
                "Those are the steps of one environment. Tianshou counts the steps of all of "
                "them together.",
                _but(
                    epoch=lambda n, s, total, passes, parts: total // s * s,
                    collect=lambda n, s, total, passes, parts: s,
                    size=lambda n, s, total, passes, parts: s // parts,
                ),
                page="deeper/11 Moving a training loop",
            ),
            Misconception(
                "step_per_collect counts the steps of all environments together, and num_steps "
                "those of one.",
                _but(collect=lambda n, s, total, passes, parts: s),
                page="deeper/11 Moving a training loop",
            ),
            Misconception(
                "The trainer collects until it has at least step_per_epoch steps. With "
                "total_timesteps it would make one update more than fits.",
                _but(epoch=lambda n, s, total, passes, parts: total),
                page="deeper/11 Moving a training loop",
            ),
            Misconception(
                "That is rounded up: one update more than fits into total_timesteps.",
                _but(epoch=lambda n, s, total, passes, parts: -(-total // (n * s)) * n * s),
                page="deeper/11 Moving a training loop",
            ),
            Misconception(
                "step_per_epoch is a number of steps, not of updates.",
                _but(epoch=lambda n, s, total, passes, parts: total // (n * s)),
                page="deeper/11 Moving a training loop",
            ),
            Misconception(
                "batch_size is the number of steps in a minibatch, not the number of minibatches.",
                _but(size=lambda n, s, total, passes, parts: parts),
                page="deeper/11 Moving a training loop",
            ),
            Misconception(
                "A minibatch has its share of the whole collection, of all environments.",
                _but(size=lambda n, s, total, passes, parts: s // parts),
                page="deeper/11 Moving a training loop",
            ),
            Misconception(
                "A batch_size of the whole collection makes one minibatch of each pass.",
                _but(size=lambda n, s, total, passes, parts: n * s),
                page="deeper/11 Moving a training loop",
            ),
            Misconception(
                "repeat_per_collect is the number of passes. That one collection is cut into "
                "minibatches is said by batch_size.",
                _but(repeat=lambda n, s, total, passes, parts: passes * parts),
                page="deeper/11 Moving a training loop",
            ),
            Misconception(
                "Each pass goes through the whole collection, so a minibatch does not shrink "
                "with the number of passes.",
                _but(size=lambda n, s, total, passes, parts: n * s // parts // passes),
                page="deeper/11 Moving a training loop",
            ),
            Misconception(
                "total_timesteps counts the steps of all environments already.",
                _but(epoch=lambda n, s, total, passes, parts: total // (n * s) * n * s * n),
                page="deeper/11 Moving a training loop",
            ),
            Misconception(
                "That is an epoch of one update. It is to hold as many as fit into "
                "total_timesteps.",
                _but(epoch=lambda n, s, total, passes, parts: n * s),
                page="deeper/11 Moving a training loop",
            ),
        ],
    ),
]
