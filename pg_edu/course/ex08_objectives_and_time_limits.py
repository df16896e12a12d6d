"""The exercises of notebook 08, objectives and time limits: answers, cases, and known mistakes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from pg_edu.course.records import Case, Exercise, Misconception
from pg_edu.course.shared import flags
from pg_edu.returns import discounted_returns
from pg_edu.types import Flags, Floats

# 08.1: what follows?


def _bootstrap(terminated: Flags, truncated: Flags, value: Floats, clock_is_a_rule: bool) -> Floats:
    over = terminated | (truncated & clock_is_a_rule)
    return np.where(over, 0.0, value)


def _value_where(belongs: Callable[[Flags, Flags, bool], Any]) -> Callable[..., Floats]:
    """Return an answer that puts the value where `belongs(terminated, truncated, rule)` is true."""

    def answer(terminated: Flags, truncated: Flags, value: Floats, rule: bool) -> Floats:
        return np.where(belongs(terminated, truncated, rule), value, 0.0)

    return answer


def _mask(terminated: Flags, truncated: Flags, value: Floats, rule: bool) -> Floats:
    return np.where(terminated | (truncated & rule), 0.0, 1.0)


def _last_rows(rng: np.random.Generator) -> Case:
    n = rng.integers(2, 5)
    terminated, truncated = rng.random((2, n)) < 0.4
    value = rng.choice([-3.5, -2.0, -0.4, 0.7, 1.5, 2.5, 6.0], n, replace=False)
    return terminated, truncated, value, bool(rng.random() < 0.5)


_ALL_FOUR = (flags(1, 0, 0, 1), flags(0, 1, 0, 1), np.array([5.0, 7.0, -2.0, 3.5]))

# 08.4: a baseline on returns


def _returns(rew: Floats, end: Flags) -> Floats:
    returns: Floats = discounted_returns(rew, end, 1.0)
    return returns


def _weights(rew: Floats, end: Flags, b: float) -> Floats:
    return _returns(rew, end) - b


def _episode_of(end: Flags) -> Any:
    """Return for each row the number of its episode."""
    return np.cumsum(end) - end


def _totals(rew: Floats, end: Flags) -> Floats:
    totals: Floats = np.bincount(_episode_of(end), rew)[_episode_of(end)]
    return totals


def _b_shared_by_the_steps(rew: Floats, end: Flags, b: float) -> Floats:
    lengths = _totals(np.ones_like(rew), end)
    return _returns(rew - b / lengths, end)


def _b_at_the_first_step(rew: Floats, end: Flags, b: float) -> Floats:
    first = np.append(True, end[:-1])
    return _returns(rew, end) - b * first


def _standardized(rew: Floats, end: Flags, b: float) -> Floats:
    returns = _returns(rew, end)
    standardized: Floats = (returns - returns.mean()) / returns.std()
    return standardized


def _whole_episodes(rng: np.random.Generator) -> Case:
    lengths = rng.integers(1, 4, rng.integers(2, 4))
    end = np.isin(np.arange(lengths.sum()), lengths.cumsum() - 1)
    rew = np.round(rng.normal(0.5, 2.0, len(end)), 1)
    return rew, end, float(rng.choice([-1.6, -0.7, 0.3, 0.8, 1.7, 2.5]))


# 08.5: every question counts the same


def _others(rewards: Floats) -> Floats:
    others: Floats = (rewards.sum(axis=1, keepdims=True) - rewards) / (rewards.shape[1] - 1)
    return others


def _group_weights(rewards: Floats) -> Floats:
    return rewards - _others(rewards)


def _minus_own_mean(rewards: Floats) -> Floats:
    weights: Floats = rewards - rewards.mean(axis=1, keepdims=True)
    return weights


def _deviation(rewards: Floats, ddof: int = 0) -> Floats:
    deviation: Floats = rewards.std(axis=1, keepdims=True, ddof=ddof)
    return deviation


def _minus_others_in_the_column(rewards: Floats) -> Floats:
    K = np.float64(len(rewards))
    others: Floats = (rewards.sum(axis=0) - rewards) / (K - 1)
    return rewards - others


def _others_divided_by_the_questions(rewards: Floats) -> Floats:
    K = np.float64(len(rewards))
    others: Floats = (rewards.sum(axis=1, keepdims=True) - rewards) / (K - 1)
    return rewards - others


def _groups(rng: np.random.Generator) -> Case:
    K, N = rng.choice([(1, 4), (2, 3), (3, 2), (2, 4), (4, 2)])
    some = [-2.0, -0.5, 0.0, 0.5, 1.0, 2.5, 4.0]
    return (np.array([rng.choice(some, N, replace=False) for _ in range(K)]),)


# 08.6: the three objectives


def _objectives(probability: Floats, rewards: list[Floats], gamma: float) -> Floats:
    sums = np.array([r.sum() for r in rewards])
    lengths = np.array([float(len(r)) for r in rewards])
    discounted = np.array([(gamma ** np.arange(len(r)) * r).sum() for r in rewards])
    J_1 = probability @ sums
    return np.array([J_1, probability @ discounted, J_1 / (probability @ lengths)])


def _with_average(average: Callable[[Floats, Floats, Floats], Any]) -> Callable[..., Floats]:
    """Return an answer whose third number is `average(probability, sums, lengths)`."""

    def answer(probability: Floats, rewards: list[Floats], gamma: float) -> Floats:
        right = _objectives(probability, rewards, gamma)
        sums = np.array([r.sum() for r in rewards])
        lengths = np.array([float(len(r)) for r in rewards])
        return np.array([right[0], right[1], average(probability, sums, lengths)])

    return answer


def _with_discounted(discount: Callable[[Floats, float], Any]) -> Callable[..., Floats]:
    """Return an answer whose second number is the mean of `discount(rewards, gamma)`."""

    def answer(probability: Floats, rewards: list[Floats], gamma: float) -> Floats:
        right = _objectives(probability, rewards, gamma)
        discounted = np.array([discount(r, gamma) for r in rewards])
        return np.array([right[0], probability @ discounted, right[2]])

    return answer


def _all_equally_likely(probability: Floats, rewards: list[Floats], gamma: float) -> Floats:
    return _objectives(np.full(len(rewards), 1 / len(rewards)), rewards, gamma)


def _in_another_order(*order: int) -> Callable[..., Floats]:
    def answer(probability: Floats, rewards: list[Floats], gamma: float) -> Floats:
        return _objectives(probability, rewards, gamma)[list(order)]

    return answer


def _discounted_over_length(probability: Floats, rewards: list[Floats], gamma: float) -> Floats:
    right = _objectives(probability, rewards, gamma)
    return np.array([right[0], right[1], right[2] * right[1] / right[0]])


def _with_a_mean_of_discounted(probability: Floats, rewards: list[Floats], gamma: float) -> Floats:
    right = _objectives(probability, rewards, gamma)
    return np.array([right[0], right[1], (1 - gamma) * right[1]])


def _policies(rng: np.random.Generator) -> Case:
    lengths = rng.permutation(4)[: rng.integers(2, 4)] + 1
    share = rng.integers(1, 6, len(lengths))
    rewards = [np.round(rng.uniform(0.3, 4.0, n), 1) * rng.choice([1, 1, -1]) for n in lengths]
    return share / share.sum(), rewards, float(rng.choice([0.3, 0.5, 0.8, 0.9]))


# 08.7: round trip


def _round_trip(corners: Floats, field: Floats) -> float:
    return float((field * (np.roll(corners, -1, axis=0) - corners)).sum())


def _without_the_way_back(corners: Floats, field: Floats) -> float:
    return float((field[:-1] * np.diff(corners, axis=0)).sum())


def _walks(rng: np.random.Generator) -> Case:
    n = int(rng.integers(3, 6))
    spots = rng.choice(25, n, replace=False)
    corners = np.column_stack([spots // 5, spots % 5]) / 2.0 - 1.0
    return corners, np.round(rng.uniform(-3, 3, (n, 2)), 1)


# 08.9: the bottom line of a bill


def _bottom_line(probability: Floats, updates: Floats, truth: Floats) -> Floats:
    mean = probability @ updates
    bias = ((mean - truth) ** 2).sum()
    noise = probability @ ((updates - mean) ** 2).sum(axis=1)
    error = probability @ ((updates - truth) ** 2).sum(axis=1)
    return np.array([bias, noise, error])


def _bottom_line_of(change: Callable[[Floats], Any]) -> Callable[..., Floats]:
    """Return the answer that does `change` to the three right numbers."""

    def answer(probability: Floats, updates: Floats, truth: Floats) -> Floats:
        return np.array(change(_bottom_line(probability, updates, truth)))

    return answer


def _equal_batches(probability: Floats, updates: Floats, truth: Floats) -> Floats:
    return _bottom_line(np.full(len(updates), 1 / len(updates)), updates, truth)


def _lengths_not_squared(probability: Floats, updates: Floats, truth: Floats) -> Floats:
    mean = probability @ updates
    noise = probability @ np.linalg.norm(updates - mean, axis=1)
    error = probability @ np.linalg.norm(updates - truth, axis=1)
    return np.array([np.linalg.norm(mean - truth), noise, error])


def _bias_of_single_updates(probability: Floats, updates: Floats, truth: Floats) -> Floats:
    _, noise, error = _bottom_line(probability, updates, truth)
    return np.array([error, noise, error + noise])


def _mean_unweighted(probability: Floats, updates: Floats, truth: Floats) -> Floats:
    mean = updates.mean(axis=0)
    bias = ((mean - truth) ** 2).sum()
    noise = probability @ ((updates - mean) ** 2).sum(axis=1)
    error = probability @ ((updates - truth) ** 2).sum(axis=1)
    return np.array([bias, noise, error])


def _mean_over_components(probability: Floats, updates: Floats, truth: Floats) -> Floats:
    return _bottom_line(probability, updates, truth) / len(truth)


def _bills(rng: np.random.Generator) -> Case:
    K, M = int(rng.integers(2, 5)), int(rng.integers(2, 4))
    share = rng.integers(1, 6, K)
    share[0] += share[1:].sum() + 1  # never all alike
    updates = np.round(rng.uniform(-3, 3, (K, M)), 1)
    return share / share.sum(), updates, np.round(rng.uniform(-3, 3, M), 1)


EXERCISES = [
    Exercise(
        "08.1",
        key=_bootstrap,
        points=1,
        cases=[
            (*_ALL_FOUR, False),
            (*_ALL_FOUR, True),
            (flags(0), flags(0), np.array([-1.5]), True),
        ],
        random=_last_rows,
        misconceptions=[
            Misconception(
                "An episode that the collector has cut carries no flag, and it goes on in the "
                "next batch: V belongs there, too.",
                _value_where(lambda ended, clock, rule: clock & ~ended & (not rule)),
                page="08 Four ways to stop",
            ),
            Misconception(
                "Two rows are wrong. Without a flag the episode goes on, so V belongs there; with "
                "both flags it has terminated, so 0 does.",
                _value_where(lambda ended, clock, rule: clock & (not rule)),
                page="08 Four ways to stop",
            ),
            Misconception(
                "V stands only where the clock has struck, whatever the clock means. After a rule "
                "0 belongs there, and a row without a flag goes on and needs V.",
                _value_where(lambda ended, clock, rule: clock & ~ended),
                page="08 Four ways to stop",
            ),
            Misconception(
                "V stands wherever `truncated` is set, and nowhere else. It belongs where the "
                "episode goes on, and only one kind of truncated row does.",
                _value_where(lambda ended, clock, rule: clock),
                page="08 Four ways to stop",
            ),
            Misconception(
                "While the clock is in the way, V stands only where it has struck. Rows without a "
                "flag go on as well.",
                _value_where(
                    lambda ended, clock, rule: ~(ended | clock) if rule else clock & ~ended
                ),
                page="08 Four ways to stop",
            ),
            Misconception(
                "While the clock is in the way, V stands wherever it has struck, and only there. "
                "Rows without a flag go on as well, and a row with both flags does not.",
                _value_where(lambda ended, clock, rule: ~(ended | clock) if rule else clock),
                page="08 Four ways to stop",
            ),
            Misconception(
                "A clock that is a rule ends the episode: nothing that counts follows.",
                _value_where(lambda ended, clock, rule: ~ended),
                page="08 Four ways to stop",
            ),
            Misconception(
                "A clock that is in the way hides what follows. That does not make it 0.",
                _value_where(lambda ended, clock, rule: ~(ended | clock)),
                page="08 Four ways to stop",
            ),
            Misconception(
                "The two clocks are confused: 0 belongs behind a clock that is a rule, and V "
                "behind one that is in the way.",
                _value_where(lambda ended, clock, rule: ~(ended | (clock & (not rule)))),
                page="08 Four ways to stop",
            ),
            Misconception(
                "V stands behind terminated episodes, too. Nothing follows them, whatever the "
                "clock means.",
                _value_where(lambda ended, clock, rule: ~(clock & rule)),
                page="08 Four ways to stop",
            ),
            Misconception(
                "While the clock is in the way, V stands even behind terminated episodes. "
                "`clock_is_a_rule` says what `truncated` means; `terminated` always means over.",
                _value_where(lambda ended, clock, rule: ~((ended | clock) & rule)),
                page="08 Four ways to stop",
            ),
            Misconception(
                "Nothing follows a terminated episode, even if the clock strikes at the same step.",
                _value_where(lambda ended, clock, rule: ~((ended & ~clock) | (clock & rule))),
                page="08 Four ways to stop",
            ),
            Misconception(
                "While the clock is a rule, there is a 0 everywhere. The rule ends only the rows "
                "where the clock has struck; a row without a flag still goes on.",
                _value_where(lambda ended, clock, rule: ~ended & (not rule)),
                page="08 Four ways to stop",
            ),
            Misconception(
                "V stands where the clock is a rule and has struck. There nothing follows; V "
                "belongs everywhere else, except after terminated episodes.",
                _value_where(lambda ended, clock, rule: clock & ~ended & rule),
                page="08 Four ways to stop",
            ),
            Misconception(
                "Only `clock_is_a_rule` decides here, whatever the flags say. It says what "
                "`truncated` means; first see which flag is set.",
                _value_where(lambda ended, clock, rule: not rule),
                page="08 Four ways to stop",
            ),
            Misconception(
                "There is a 0 everywhere, as if every episode were over.",
                _value_where(lambda ended, clock, rule: False),
                page="08 Four ways to stop",
            ),
            Misconception(
                "V stands everywhere, even behind episodes that are over.",
                _value_where(lambda ended, clock, rule: True),
                page="08 Four ways to stop",
            ),
            Misconception(
                "It is the wrong way around: V belongs where something follows, and 0 where "
                "nothing does.",
                _value_where(lambda ended, clock, rule: ended | (clock & rule)),
                page="08 Four ways to stop",
            ),
            Misconception(
                "There is a 1 where the value belongs. The rows are right; put their values there.",
                _mask,
                page="08 Four ways to stop",
            ),
        ],
    ),
    Exercise(
        "08.2",
        key=8,
        points=1,
        misconceptions=[
            Misconception(
                "9 is the length for a discount factor of 0.95. Without a discount a coin brings "
                "3, not 2.32.",
                9,
                page="08 A coin and a clock",
            ),
            Misconception(
                "In 7 steps two coins come back, as 6 in all, but 7 were paid.",
                7,
                page="08 A coin and a clock",
            ),
            Misconception(
                "In 6 steps the first coin comes back, as 3, but the other five are lost.",
                6,
                page="08 A coin and a clock",
            ),
            Misconception(
                "In 5 steps no coin comes back at all: even the first would bring its 3 at the "
                "next step.",
                5,
                page="08 A coin and a clock",
            ),
            Misconception(
                "At 7.5 gain and cost would be equal, but steps are whole numbers.",
                7.5,
                page="08 A coin and a clock",
            ),
            Misconception(
                "15 steps do pay, but so do fewer. From 3 (L - 5) > L it follows that 2L > 15: "
                "divide by 2.",
                15,
                page="08 A coin and a clock",
            ),
            Misconception(
                "16 steps do pay, but so do fewer: 2L > 15 holds for a smaller L.",
                16,
                page="08 A coin and a clock",
            ),
            Misconception(
                "In 10 steps five coins come back, as 15, for 10 that were paid. It pays sooner.",
                10,
                page="08 A coin and a clock",
            ),
            Misconception(
                "From the first step on it pays only if no clock ever strikes. Here the last five "
                "coins do not come back.",
                1,
                page="08 A coin and a clock",
            ),
        ],
    ),
    Exercise(
        "08.3",
        key=4.0,
        points=2,
        decimals=2,
        misconceptions=[
            Misconception(
                "The frost is already over: three in four have come this far, and now the reward "
                "is certain.",
                3.0,
                page="deeper/08 A bonus for being alive",
            ),
            Misconception(
                "With 0 waiting earns nothing. That is right if the clock is a rule; here it is "
                "in the way.",
                0.0,
                page="08 Four ways to stop",
            ),
            Misconception(
                "Of the constants in the table 5 comes closest, but it is only the largest of "
                "them, and close is not exact.",
                5.0,
                page="deeper/08 A bonus for being alive",
            ),
            Misconception(
                "2.25 is the value of the green tree. Whoever is alive when the clock strikes "
                "stands under another one.",
                2.25,
                page="08 An orchard, and three things to want",
            ),
            Misconception(
                "2.125 is the value of the seed at the start. Ask what is still to come when the "
                "clock strikes.",
                2.125,
                page="08 An orchard, and three things to want",
            ),
            Misconception(
                "0.75 is the probability of surviving the frost. Only those who have survived it "
                "get c. What is still to come for them?",
                0.75,
                page="deeper/08 A bonus for being alive",
            ),
            Misconception(
                "Do not divide by the probability of surviving the frost: those who did not "
                "survive it get nothing without a clock, either.",
                16 / 3,
                page="deeper/08 A bonus for being alive",
            ),
            Misconception(
                "2 coins are paid for a seed that is sold. Whoever is alive has sown it.",
                2.0,
                page="08 An orchard, and three things to want",
            ),
            Misconception(
                "1.5 coins are paid for green apples. Whoever is alive has waited for the ripe "
                "ones.",
                1.5,
                page="08 An orchard, and three things to want",
            ),
            Misconception(
                "3.6 is discounted by a factor of 0.9, but here the discount factor is 1.",
                3.6,
                page="deeper/08 A bonus for being alive",
            ),
        ],
    ),
    Exercise(
        "08.4",
        key=_weights,
        points=2,
        cases=[
            (np.array([2.5, 0.5, -1.0, 4.0]), flags(0, 0, 1, 1), 0.7),
            (np.array([1.0, 0.6, 0.6, 0.6, 0.6]), flags(1, 0, 0, 0, 1), 1.4),
            (np.array([2.0, -1.0, 3.0]), flags(0, 0, 1), -0.5),
            (np.array([3.0, -2.0]), flags(1, 1), 0.8),
            (np.array([-1.0, 2.5, 0.5]), flags(1, 0, 1), 0.2),
        ],
        random=_whole_episodes,
        misconceptions=[
            Misconception(
                "That is the bug itself: b is subtracted from each reward, so a return loses it "
                "once for each step that is left.",
                lambda rew, end, b: _returns(rew - b, end),
                page="08 Subtracting from rewards is not subtracting from returns",
            ),
            Misconception(
                "Each episode now loses b only once, but a share of it with each step. All of b "
                "belongs to each return.",
                _b_shared_by_the_steps,
                page="08 Subtracting from rewards is not subtracting from returns",
            ),
            Misconception(
                "The bug is gone, and the baseline with it.",
                lambda rew, end, b: _returns(rew, end),
                page="08 Subtracting from rewards is not subtracting from returns",
            ),
            Misconception(
                "What is subtracted is the mean of this batch, to which each return contributes "
                "itself. Earlier batches gave you b.",
                lambda rew, end, b: _returns(rew, end) - _returns(rew, end).mean(),
                page="01 A baseline out of the pulls themselves",
            ),
            Misconception(
                "The returns are standardized by their own batch. That changes the direction; the "
                "task asks for b and no division.",
                _standardized,
                page="08 Dividing by the noise you have just seen",
            ),
            Misconception(
                "The returns are divided by the standard deviation of their own batch. That "
                "changes the direction; the task asks for no division.",
                lambda rew, end, b: _weights(rew, end, b) / _returns(rew, end).std(),
                page="08 Dividing by the noise you have just seen",
            ),
            Misconception(
                "Two things. A return stops where its episode ends; and b is subtracted once from "
                "each return, not from each reward.",
                lambda rew, end, b: np.cumsum((rew - b)[::-1])[::-1],
                page="08 Subtracting from rewards is not subtracting from returns",
            ),
            Misconception(
                "The reward of the step itself is missing. The return of a step begins with it.",
                lambda rew, end, b: _returns(rew, end) - rew - b,
                page="02 The return by hand",
            ),
            Misconception(
                "Only the last step of each episode loses b. Each return is to lose it.",
                lambda rew, end, b: _returns(rew, end) - b * end,
                page="08 Subtracting from rewards is not subtracting from returns",
            ),
            Misconception(
                "Only the first step of each episode loses b. Each return is to lose it.",
                _b_at_the_first_step,
                page="08 Subtracting from rewards is not subtracting from returns",
            ),
            Misconception(
                "The sign is wrong: a return above b is good news.",
                lambda rew, end, b: b - _returns(rew, end),
                page="01 Does a low reward make an arm less likely?",
            ),
            Misconception(
                "b is added. A baseline is subtracted.",
                lambda rew, end, b: _returns(rew, end) + b,
                page="01 The variance, with and without a baseline",
            ),
            Misconception(
                "These are the rewards minus b. A step is weighted by its return: sum the rewards "
                "from that step on.",
                lambda rew, end, b: rew - b,
                page="02 The return by hand",
            ),
            Misconception(
                "Each step has the return of its whole episode. That is unbiased as well, but the "
                "task asks for the return of the step, without the past.",
                lambda rew, end, b: _totals(rew, end) - b,
                page="03 The past drops out: reward-to-go",
            ),
            Misconception(
                "These sums run from the start of the episode up to the step. A return runs from "
                "the step to the end.",
                lambda rew, end, b: _totals(rew, end) - _returns(rew, end) + rew - b,
                page="03 The past drops out: reward-to-go",
            ),
            Misconception(
                "The episodes run into each other: a return stops where its episode ends.",
                lambda rew, end, b: np.cumsum(rew[::-1])[::-1] - b,
                page="02 Backwards",
            ),
            Misconception(
                "The sum over all steps is divided by the number of episodes later. If you divide "
                "here, it is done twice.",
                lambda rew, end, b: _weights(rew, end, b) / end.sum(),
                page="03 What does the mean divide by?",
            ),
        ],
    ),
    Exercise(
        "08.5",
        key=_group_weights,
        points=2,
        cases=[
            (np.array([[2.0, 6.0, -1.0], [4.0, 0.5, 3.0]]),),
            (np.array([[1.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 0.0]]),),
            (np.array([[1.5, -0.5], [0.0, 4.0], [2.0, 1.0]]),),
            (np.array([[3.0, 1.0, 2.0, 0.0]]),),
        ],
        random=_groups,
        misconceptions=[
            Misconception(
                "The mean of the group includes the answer itself: the direction is right, but "
                "the length is too short by the factor 1 - 1/N.",
                _minus_own_mean,
                page="01 A baseline out of the pulls themselves",
            ),
            Misconception(
                "The factor is upside down. A mean that includes the answer itself makes the "
                "result too short, so it has to be made longer, by N / (N - 1).",
                lambda rewards: _minus_own_mean(rewards) * (1 - 1 / rewards.shape[1]),
                page="01 A baseline out of the pulls themselves",
            ),
            Misconception(
                "That is GRPO: each question is divided by its own standard deviation, so easy "
                "and hard ones count more.",
                lambda rewards: _minus_own_mean(rewards) / (_deviation(rewards) + 1e-8),
                page="08 Dividing by the noise you have just seen",
            ),
            Misconception(
                "That is GRPO with torch's standard deviation, which divides by N - 1. Whichever "
                "it is, such a divisor changes how much each question counts.",
                lambda rewards: _minus_own_mean(rewards) / (_deviation(rewards, 1) + 1e-8),
                page="08 Dividing by the noise you have just seen",
            ),
            Misconception(
                "The baseline is right, but the division by the deviation of the group is not: it "
                "changes how much each question counts.",
                lambda rewards: _group_weights(rewards) / (_deviation(rewards) + 1e-8),
                page="08 Dividing by the noise you have just seen",
            ),
            Misconception(
                "The baseline is right, but the division by torch's standard deviation of the "
                "group is not: it changes how much each question counts.",
                lambda rewards: _group_weights(rewards) / (_deviation(rewards, 1) + 1e-8),
                page="08 Dividing by the noise you have just seen",
            ),
            Misconception(
                "Two things. The mean of the group includes the answer itself; and the deviation "
                "of the whole batch, which depends on the answers, is no divisor for an unbiased "
                "estimate.",
                lambda rewards: _minus_own_mean(rewards) / (rewards.std() + 1e-8),
                page="08 Dividing by the noise you have just seen",
            ),
            Misconception(
                "The sum of the others is subtracted. Subtract their mean: divide it by N - 1.",
                lambda rewards: rewards - (rewards.shape[1] - 1) * _others(rewards),
                page="01 A baseline out of the pulls themselves",
            ),
            Misconception(
                "All answers are standardized together. The baseline is to come from the other "
                "answers to the same question, without a division.",
                lambda rewards: (rewards - rewards.mean()) / (rewards.std() + 1e-8),
                page="08 Dividing by the noise you have just seen",
            ),
            Misconception(
                "The sum is divided by N - 1, but it contains all N answers: leave the answer "
                "itself out.",
                lambda rewards: (
                    rewards - rewards.sum(axis=1, keepdims=True) / (rewards.shape[1] - 1)
                ),
                page="01 A baseline out of the pulls themselves",
            ),
            Misconception(
                "The answer itself is left out of the sum, but the sum is divided by N. There are "
                "N - 1 others.",
                lambda rewards: (
                    rewards - (rewards.sum(axis=1, keepdims=True) - rewards) / rewards.shape[1]
                ),
                page="01 A baseline out of the pulls themselves",
            ),
            Misconception(
                "The sum over the answers is divided by K - 1. There are N - 1 others; K counts "
                "the questions.",
                _others_divided_by_the_questions,
                page="01 A baseline out of the pulls themselves",
            ),
            Misconception(
                "The mean over all K·N answers is taken later. If you divide here, it is taken "
                "twice.",
                lambda rewards: _group_weights(rewards) / rewards.size,
                page="11 RLOO and GRPO",
            ),
            Misconception(
                "The baseline is the mean of all answers to all questions. It blames an answer "
                "for a hard question.",
                lambda rewards: rewards - rewards.mean(),
                page="08 Dividing by the noise you have just seen",
            ),
            Misconception(
                "The baseline is the mean of all other answers, whatever their question. That is "
                "unbiased as well, but the task asks for those to the same question.",
                lambda rewards: rewards - (rewards.sum() - rewards) / (rewards.size - 1),
                page="01 A baseline out of the pulls themselves",
            ),
            Misconception(
                "The mean was taken over the questions. Take it over the answers to each question.",
                lambda rewards: rewards - rewards.mean(axis=0, keepdims=True),
                page="11 RLOO and GRPO",
            ),
            Misconception(
                "The others were looked for among the questions. They are the other answers in "
                "the same row.",
                _minus_others_in_the_column,
                page="11 RLOO and GRPO",
            ),
            Misconception(
                "That is the baseline. Subtract it from the rewards.",
                _others,
                page="01 A baseline out of the pulls themselves",
            ),
            Misconception(
                "Nothing is subtracted. That is unbiased as well, but the task asks for a "
                "baseline.",
                lambda rewards: rewards,
                page="01 The variance, with and without a baseline",
            ),
        ],
    ),
    Exercise(
        "08.6",
        key=_objectives,
        points=2,
        cases=[
            (np.array([0.75, 0.25]), [np.array([2.0]), np.array([0.0, 1.0, 4.0])], 0.5),
            (
                np.array([0.5, 0.25, 0.25]),
                [np.array([2.0]), np.array([0.0, 1.5]), np.array([0.0, 0.0, 0.0, 4.0])],
                0.9,
            ),
            (np.array([1.0]), [np.array([-1.0, -1.0, 3.0])], 0.8),
            (np.array([0.2, 0.8]), [np.array([1.0]), np.array([0.6, 0.6, 0.6, 0.6])], 1.0),
        ],
        random=_policies,
        misconceptions=[
            Misconception(
                "The average reward is a mean of ratios here: each episode's own reward per step. "
                "Short episodes fill fewer steps, so divide the expected sum by the expected "
                "length.",
                _with_average(lambda p, sums, lengths: p @ (sums / lengths)),
                page="08 An orchard, and three things to want",
            ),
            Misconception(
                "All episodes are taken to be equally likely. `probability` says how likely each "
                "of them is.",
                _all_equally_likely,
                page="08 An orchard, and three things to want",
            ),
            Misconception(
                "In the average reward all episodes are taken to be equally likely. Both the sum "
                "and the length are to be weighted by `probability`.",
                _with_average(lambda p, sums, lengths: sums.sum() / lengths.sum()),
                page="08 An orchard, and three things to want",
            ),
            Misconception(
                "The expected sum is divided by the unweighted mean of the lengths. How long an "
                "episode is on average depends on `probability`, too.",
                _with_average(lambda p, sums, lengths: p @ sums / lengths.mean()),
                page="08 An orchard, and three things to want",
            ),
            Misconception(
                "The third number is the expected sum of an episode, not of a step: divide it by "
                "the expected length.",
                _with_average(lambda p, sums, lengths: p @ sums),
                page="08 An orchard, and three things to want",
            ),
            Misconception(
                "The third number is divided by the number of different episodes. Divide by the "
                "expected number of steps.",
                _with_average(lambda p, sums, lengths: p @ sums / len(sums)),
                page="08 An orchard, and three things to want",
            ),
            Misconception(
                "The average reward is made of discounted sums. It knows no discount.",
                _discounted_over_length,
                page="08 An orchard, and three things to want",
            ),
            Misconception(
                "In the discounted sum the first reward already has a factor gamma. It is "
                "multiplied by gamma to the power of 0.",
                _with_discounted(lambda r, gamma: (gamma ** (np.arange(len(r)) + 1) * r).sum()),
                page="02 The return by hand",
            ),
            Misconception(
                "In the discounted sum every reward has the same single factor gamma. A reward "
                "that comes t steps later is multiplied by gamma to the power of t.",
                _with_discounted(lambda r, gamma: gamma * r.sum()),
                page="02 The return by hand",
            ),
            Misconception(
                "The discount runs backwards: the last reward is not discounted, and the first "
                "one most.",
                _with_discounted(lambda r, gamma: (gamma ** np.arange(len(r))[::-1] * r).sum()),
                page="02 The return by hand",
            ),
            Misconception(
                "The third number is 1 - gamma times the discounted sum. That is a mean of the "
                "rewards in which later steps count less; the average reward counts all alike.",
                _with_a_mean_of_discounted,
                page="08 An orchard, and three things to want",
            ),
            Misconception(
                "The first two numbers are swapped: first the undiscounted sum, then the "
                "discounted one.",
                _in_another_order(1, 0, 2),
                page="08 An orchard, and three things to want",
            ),
        ],
    ),
    Exercise(
        "08.7",
        key=_round_trip,
        points=2,
        cases=[
            (
                np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 1.0]]),
                np.array([[1.0, 5.0], [3.0, -2.0], [0.5, 4.0]]),
            ),
            (
                np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]),
                np.array([[2.0, -1.0], [2.0, -1.0], [2.0, -1.0], [2.0, -1.0]]),
            ),
            (
                np.array([[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]]),
                np.array([[-0.1, 0.5], [0.05, 0.8], [0.2, 0.5], [0.05, 0.2]]),
            ),
        ],
        random=_walks,
        misconceptions=[
            Misconception(
                "The side from the last corner back to the first is missing, so the walk is not "
                "closed. Without it even a constant field seems to gain something.",
                _without_the_way_back,
                page="deeper/08 Is the update a gradient? Once around a loop",
            ),
            Misconception(
                "Each way ends at the corner of its row. The field belongs to the side that "
                "begins there.",
                lambda corners, field: (field * (corners - np.roll(corners, 1, axis=0))).sum(),
                page="deeper/08 Is the update a gradient? Once around a loop",
            ),
            Misconception(
                "These are the ways to the corner before. The way along a side is the next corner "
                "minus this one: `np.roll` with -1.",
                lambda corners, field: (field * (np.roll(corners, 1, axis=0) - corners)).sum(),
                page="deeper/08 Is the update a gradient? Once around a loop",
            ),
            Misconception(
                "The walk goes the wrong way round: the way is the next corner minus this one.",
                lambda corners, field: -_round_trip(corners, field),
                page="deeper/08 Is the update a gradient? Once around a loop",
            ),
            Misconception(
                "The field is multiplied by the lengths of the ways, whatever their direction. "
                "Whoever walks against an arrow loses.",
                lambda corners, field: (
                    field * np.abs(np.roll(corners, -1, axis=0) - corners)
                ).sum(),
                page="deeper/08 Is the update a gradient? Once around a loop",
            ),
            Misconception(
                "These are corners times field. What counts is the way from one corner to the "
                "next, not where the corner lies.",
                lambda corners, field: (field * corners).sum(),
                page="deeper/08 Is the update a gradient? Once around a loop",
            ),
            Misconception(
                "That is the mean over the sides. Add them.",
                lambda corners, field: _round_trip(corners, field) / len(corners),
                page="deeper/08 Is the update a gradient? Once around a loop",
            ),
            Misconception(
                "Only the first component is in the sum. The walk goes through both logits.",
                lambda corners, field: _round_trip(corners[:, :1], field[:, :1]),
                page="deeper/08 Is the update a gradient? Once around a loop",
            ),
            Misconception(
                "These are the gains of the single sides. Add them.",
                lambda corners, field: (field * (np.roll(corners, -1, axis=0) - corners)).sum(
                    axis=1
                ),
                page="deeper/08 Is the update a gradient? Once around a loop",
            ),
        ],
    ),
    Exercise(
        "08.8",
        key=1.4 / 3,
        points=1,
        decimals=3,
        misconceptions=[
            Misconception(
                "1.4 is how much more go pays than stop. But go loses c three times more than "
                "stop, so divide by 3.",
                1.4,
                page="08 Subtracting from rewards is not subtracting from returns",
            ),
            Misconception(
                "Stop loses c, too, so go loses it only three times more than stop, not four.",
                1.4 / 4,
                page="08 Subtracting from rewards is not subtracting from returns",
            ),
            Misconception(
                "Stop and go together lose c five times, but what counts is the difference: go "
                "loses it three times more than stop.",
                1.4 / 5,
                page="08 Subtracting from rewards is not subtracting from returns",
            ),
            Misconception(
                "At 0.6 going is worth 0, but stopping is still worth 0.4. Set the two equal.",
                0.6,
                page="08 Subtracting from rewards is not subtracting from returns",
            ),
            Misconception(
                "At 1 stopping is worth 0, but going is worth 4 (0.6 - 1) = -1.6. Set the two "
                "equal.",
                1.0,
                page="08 Subtracting from rewards is not subtracting from returns",
            ),
            Misconception(
                "0.68 is the average reward at p = 1/2. The task asks for the price at which stop "
                "and go are worth the same.",
                0.68,
                page="deeper/08 Centered rewards follow the average reward",
            ),
            Misconception(
                "The sign is wrong: with c taken off, go is worth 2.4 - 4c and stop 1 - c.",
                -1.4 / 3,
                page="08 Subtracting from rewards is not subtracting from returns",
            ),
            Misconception(
                "0.133 comes from one reward of 0.6 for going. Going is paid four times.",
                0.4 / 3,
                page="08 Subtracting from rewards is not subtracting from returns",
            ),
        ],
    ),
    Exercise(
        "08.9",
        key=_bottom_line,
        points=2,
        cases=[
            (
                np.array([0.75, 0.25]),
                np.array([[2.0, 0.0], [-2.0, 4.0]]),
                np.array([2.0, 3.0]),
            ),
            (
                np.array([0.5, 0.3, 0.2]),
                np.array([[1.0, -1.0, 0.0], [0.0, 2.0, 1.0], [3.0, 0.0, -2.0]]),
                np.array([0.5, 0.0, 1.0]),
            ),
            (np.array([1.0]), np.array([[1.0, 2.0]]), np.array([1.0, 0.0])),
        ],
        random=_bills,
        misconceptions=[
            Misconception(
                "All batches are taken to be equally likely. `probability` says how likely each "
                "of them is.",
                _equal_batches,
                page="deeper/08 Every line of the bill, derived",
            ),
            Misconception(
                "The mean update is not weighted by `probability`, so both the bias and the "
                "noise are measured from a wrong point.",
                _mean_unweighted,
                page="deeper/08 Every line of the bill, derived",
            ),
            Misconception(
                "These are expected lengths. Bias and noise add up only if they are squared.",
                _lengths_not_squared,
                page="deeper/08 Every line of the bill, derived",
            ),
            Misconception(
                "Roots were taken at the end. The task asks for the squares, since only these "
                "add up.",
                _bottom_line_of(np.sqrt),
                page="deeper/08 Every line of the bill, derived",
            ),
            Misconception(
                "The bias is one vector, that of the mean update. Here it is the expected squared "
                "distance of single updates from the truth, which contains the noise.",
                _bias_of_single_updates,
                page="deeper/08 Every line of the bill, derived",
            ),
            Misconception(
                "The noise is measured from the truth. Its center is the mean update; what is "
                "measured from the truth is the error.",
                _bottom_line_of(lambda x: [x[0], x[2], x[0] + x[2]]),
                page="deeper/08 Every line of the bill, derived",
            ),
            Misconception(
                "The second and the third number are both the mean squared error. The noise is "
                "measured from the mean update, not from the truth.",
                _bottom_line_of(lambda x: [x[0], x[2], x[2]]),
                page="deeper/08 Every line of the bill, derived",
            ),
            Misconception(
                "The bias is a length, not its square. Only squares add up.",
                _bottom_line_of(lambda x: [np.sqrt(x[0]), x[1], x[2]]),
                page="deeper/08 Every line of the bill, derived",
            ),
            Misconception(
                "Squared lengths are sums over the components. Here they are means over them.",
                _mean_over_components,
                page="deeper/08 Every line of the bill, derived",
            ),
            Misconception(
                "Bias and noise are swapped.",
                _bottom_line_of(lambda x: [x[1], x[0], x[2]]),
                page="deeper/08 Every line of the bill, derived",
            ),
        ],
    ),
]
