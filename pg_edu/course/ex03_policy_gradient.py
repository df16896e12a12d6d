"""The exercises of notebook 03, the policy gradient: answers, cases, and known mistakes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from pg_edu.course.records import Case, Exercise, Extreme, Misconception
from pg_edu.course.shared import clear_of_zero, flags, tenths, whole_episodes
from pg_edu.returns import discounted_returns
from pg_edu.types import Flags, Floats, Ints


def _first(end: Flags) -> Ints:
    """Return the row in which the episode of each row begins, `[B]`."""
    rows = np.arange(len(end))
    begins = np.append(True, end[:-1])
    first: Ints = np.maximum.accumulate(np.where(begins, rows, 0))
    return first


def _lengths(end: Flags) -> Ints:
    """Return the length of the episode of each row, `[B]`."""
    last = np.flatnonzero(end)
    episode = np.searchsorted(last, np.arange(len(end)))
    lengths: Ints = np.diff(last, prepend=-1)[episode]
    return lengths


# 03.1: the missing factor

GAMMA_T = r"03 Where $\gamma^t$ belongs"


def _steps(end: Flags) -> Ints:
    """Return for each row how many steps of its episode came before it, `[B]`."""
    steps: Ints = np.arange(len(end)) - _first(end)
    return steps


def _gamma_t(end: Flags, gamma: float) -> Floats:
    decay: Floats = np.full(len(end), gamma) ** _steps(end)
    return decay


def _weights(rew: Floats, end: Flags, gamma: float) -> Floats:
    return _gamma_t(end, gamma) * discounted_returns(rew, end, gamma)


def _counted_from_the_end(rew: Floats, end: Flags, gamma: float) -> Floats:
    to_the_end = _lengths(end) - 1 - _steps(end)
    weights: Floats = gamma**to_the_end * discounted_returns(rew, end, gamma)
    return weights


def _counter_reset_too_early(rew: Floats, end: Flags, gamma: float) -> Floats:
    """Return the weights with a count that is 0 on the last step of an episode, not after it."""
    count = np.arange(len(end)) - np.maximum.accumulate(np.where(end, np.arange(len(end)), 0))
    weights: Floats = gamma**count * discounted_returns(rew, end, gamma)
    return weights


def _counter_runs_on(rew: Floats, end: Flags, gamma: float) -> Floats:
    weights: Floats = gamma ** np.arange(len(rew)) * discounted_returns(rew, end, gamma)
    return weights


def _counted_on_at_once(rew: Floats, end: Flags, gamma: float) -> Floats:
    later = _first(end) > 0
    weights: Floats = np.where(later, gamma, 1.0) * _weights(rew, end, gamma)
    return weights


def _returns_leak(rew: Floats, end: Flags, gamma: float) -> Floats:
    return _gamma_t(end, gamma) * discounted_returns(rew, np.zeros_like(end), gamma)


def _leak_and_counter_runs_on(rew: Floats, end: Flags, gamma: float) -> Floats:
    return _weights(rew, np.zeros_like(end), gamma)


def _random_rewards(rng: np.random.Generator) -> Case:
    end = whole_episodes(rng)
    return tenths(rng, len(end)), end, float(rng.choice([0.5, 0.8, 0.9]))


def _episodes_counted(rew: Floats, end: Flags, gamma: float) -> Floats:
    episode = end.cumsum() - end
    weights: Floats = gamma**episode * discounted_returns(rew, end, gamma)
    return weights


def _discounted_again(rew: Floats, end: Flags, gamma: float) -> Floats:
    return discounted_returns(_gamma_t(end, gamma) * rew, end, gamma)


MISSING_FACTOR = Exercise(
    "03.1",
    key=_weights,
    points=2,
    cases=[
        (np.array([4.0, 3.0, -2.0, 5.0]), flags(1, 0, 0, 1), 0.8),
        (np.array([2.0, -1.0, 4.0, 3.0, -5.0]), flags(0, 0, 1, 0, 1), 0.5),
        (np.array([-6.0]), flags(1), 0.9),
        (np.array([1.0, -3.0, 2.0]), flags(0, 0, 1), 1.0),
    ],
    random=clear_of_zero(_random_rewards, _weights),
    extremes=[
        Extreme(
            (np.tile([1.0, -2.0, 0.5, 4.0], 100), np.isin(np.arange(400), [29, 399]), 0.1),
            "Right, but not for a long episode: gamma**t becomes too small to be stored. It may "
            "multiply a return, but nothing may be divided by it.",
            page="02 The elegant one-liner",
        ),
        Extreme(
            (np.array([2.0, -1.0, 4.0]), flags(0, 1, 1), 0.0),
            "Right, but not for gamma = 0. There the first step of each episode has its own reward "
            "as its weight and all other steps have 0. Mind that nothing may be divided by gamma.",
            page=GAMMA_T,
        ),
    ],
    misconceptions=[
        Misconception(
            "These are the returns; the factor gamma^t is missing. Without it the update is in "
            "general not a gradient.",
            discounted_returns,
            page=GAMMA_T,
        ),
        Misconception(
            "The step count runs on from episode to episode; it must start at 0 in each of them.",
            _counter_runs_on,
            page="02 Several episodes in one array",
        ),
        Misconception(
            "The count is set back to 0 on the last step of an episode. That step still belongs "
            "to it: set it back after that step.",
            _counter_reset_too_early,
            page="02 Several episodes in one array",
        ),
        Misconception(
            "From the second episode on there is one factor gamma too many. The count was set to "
            "0 and raised to 1 before the new episode began.",
            _counted_on_at_once,
            page="02 Several episodes in one array",
        ),
        Misconception(
            "There is one factor gamma too many: the first action of an episode, at t = 0, is not "
            "discounted.",
            lambda rew, end, gamma: gamma * _weights(rew, end, gamma),
            page=GAMMA_T,
        ),
        Misconception(
            "The steps are counted from the end of the episode. The objective discounts from its "
            "start.",
            _counted_from_the_end,
            page=GAMMA_T,
        ),
        Misconception(
            "That is the discounted return from the start of the episode, at every step. It is "
            "unbiased as well, but it contains the past, and the task asks for gamma^t G_t.",
            lambda rew, end, gamma: discounted_returns(rew, end, gamma)[_first(end)],
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "That is gamma^t times the return of the whole episode. The weight of step t needs the "
            "return of that step.",
            lambda rew, end, gamma: (
                _gamma_t(end, gamma) * discounted_returns(rew, end, gamma)[_first(end)]
            ),
            page=GAMMA_T,
        ),
        Misconception(
            "The factor gamma^t is applied twice. G_t discounts from step t on, and one gamma^t "
            "leads back to the start.",
            lambda rew, end, gamma: _gamma_t(end, gamma) * _weights(rew, end, gamma),
            page=GAMMA_T,
        ),
        Misconception(
            "This is the return divided by gamma^t: later steps must count less, not more.",
            lambda rew, end, gamma: discounted_returns(rew, end, gamma) / _gamma_t(end, gamma),
            page=GAMMA_T,
        ),
        Misconception(
            "The factor gamma^t is right, but the returns must be discounted as well, each from "
            "its own step on.",
            lambda rew, end, gamma: _gamma_t(end, gamma) * discounted_returns(rew, end, 1.0),
            page=GAMMA_T,
        ),
        Misconception(
            "Each step has only its own reward, discounted; the rewards after it are missing.",
            lambda rew, end, gamma: _gamma_t(end, gamma) * rew,
            page="02 The return by hand",
        ),
        Misconception(
            "These are the factors gamma^t alone. Multiply each by the return of its step.",
            lambda rew, end, gamma: _gamma_t(end, gamma),
            page=GAMMA_T,
        ),
        Misconception(
            "The count starts again in each episode, but each return hears the episodes that "
            "follow: the sum must stop at the end, too.",
            _returns_leak,
            page="02 Several episodes in one array",
        ),
        Misconception(
            "The flags make no difference: all rows are taken for one episode, in the returns and "
            "in the step count.",
            _leak_and_counter_runs_on,
            page="02 Several episodes in one array",
        ),
        Misconception(
            "The exponent counts the episodes. It should count the steps within each of them.",
            _episodes_counted,
            page=GAMMA_T,
        ),
        Misconception(
            "The rewards carry their factors gamma^k already, and then the sums discount them "
            "once more. One of the two is enough.",
            _discounted_again,
            page=GAMMA_T,
        ),
    ],
)


# 03.2: a harmless constant

HARMLESS = Exercise(
    "03.2",
    key=8 / 15,
    points=1,
    decimals=3,
    misconceptions=[
        Misconception(
            "That is the expected return at p = 1/2, the baseline V. A baseline leaves the "
            "expectation alone only if the actions have no say in what is divided by.",
            1.7,
            page="03 What does the mean divide by?",
        ),
        Misconception(
            "Without a baseline the expected update is 0.4 q, not 0.",
            0.0,
            page="03 What does the mean divide by?",
        ),
        Misconception(
            "That is the update without a baseline, in units of q. But b is divided by the number "
            "of steps as well, so a change of b changes the update by less.",
            0.4,
            page="03 What does the mean divide by?",
        ),
        Misconception(
            "Check it: with this b, 0.175 q is left of the update. You have 0.4 and 0.75 in hand; "
            "which of the two divides the other?",
            0.3,
            page="03 What does the mean divide by?",
        ),
        Misconception(
            "That is the quotient upside down: b times 0.75 must cancel 0.4.",
            15 / 8,
            page="03 What does the mean divide by?",
        ),
        Misconception(
            "The sign is reversed: subtracting a negative b makes the update larger, not 0.",
            -8 / 15,
            page="03 What does the mean divide by?",
        ),
        Misconception(
            "The two scores have opposite signs: 1 - p after stop, but -p after go. So the two "
            "terms are subtracted, not added.",
            1.28,
            page="03 What does the mean divide by?",
        ),
        Misconception(
            "That cancels the return of go, but after stop the policy still changes.",
            2.4,
            page="03 What does the mean divide by?",
        ),
        Misconception(
            "That cancels the return of stop, but after go the policy still changes.",
            1.0,
            page="03 What does the mean divide by?",
        ),
        Misconception(
            "That is the reward of one step of go. What is subtracted is subtracted from the "
            "returns, before the mean divides them by four.",
            0.6,
            page="03 What does the mean divide by?",
        ),
        Misconception(
            "That begins with -1.4 q, the update by the sum. Under the mean over steps the update "
            "without a baseline is another one.",
            -28 / 15,
            page="03 What does the mean divide by?",
        ),
        Misconception(
            "That begins with 1.4, from the update by the sum. Under the mean over steps the "
            "update without a baseline is another one.",
            28 / 15,
            page="03 What does the mean divide by?",
        ),
        Misconception(
            "That is the mean return divided by the mean length. What counts here is the mean of "
            "the quotients, each with its own score.",
            0.68,
            page="03 What does the mean divide by?",
        ),
        Misconception(
            "That is the factor of b in the expected update, 1 - 1/4. Which b makes the update 0?",
            0.75,
            page="03 What does the mean divide by?",
        ),
    ],
)


# 03.3: find the bug


def _loss(log_prob: Floats, returns: Floats, end: Flags) -> float:
    return -float((log_prob * returns).sum() / end.sum())


def _total_at_every_step(log_prob: Floats, returns: Floats, end: Flags) -> float:
    return _loss(log_prob, returns[_first(end)], end)


def _standardized(log_prob: Floats, returns: Floats, end: Flags) -> float:
    return _loss(log_prob, (returns - returns.mean()) / (returns.std() + 1e-8), end)


def _each_episode(log_prob: Floats, returns: Floats, end: Flags) -> Floats:
    losses: Floats = -np.add.reduceat(log_prob * returns, np.unique(_first(end)))
    return losses


def _episodes_by_the_last_number(log_prob: Floats, returns: Floats, end: Flags) -> Floats:
    loss: Floats = -(log_prob * returns).sum() / np.float64(end.sum() - 1)
    return loss


def _divided_by_the_mean_length(log_prob: Floats, returns: Floats, end: Flags) -> float:
    mean_length = len(end) / end.sum()
    return -float((log_prob * returns).sum() / mean_length)


def _random_log_probs(rng: np.random.Generator) -> Case:
    end = whole_episodes(rng)
    log_prob = -np.round(rng.uniform(0.1, 2.5, len(end)), 1)
    return log_prob, tenths(rng, len(end)), end


def _sums_multiplied_in_each_episode(log_prob: Floats, returns: Floats, end: Flags) -> float:
    first = np.unique(_first(end))
    products = np.add.reduceat(log_prob, first) * np.add.reduceat(returns, first)
    return -float(products.mean())


LOSS = Exercise(
    "03.3",
    key=_loss,
    points=2,
    cases=[
        (np.array([-0.5, -2.0, -1.0]), np.array([4.0, -3.0, 5.0]), flags(0, 1, 1)),
        (
            np.array([-0.5, -1.2, -2.0, -0.4, -1.0, -0.2]),
            np.array([4.0, 3.0, 1.5, -2.0, 5.0, -1.0]),
            flags(0, 0, 1, 1, 0, 1),
        ),
        (np.array([-1.5, -0.3]), np.array([2.0, -4.0]), flags(0, 1)),
        (np.array([-0.7]), np.array([3.0]), flags(1)),
    ],
    random=clear_of_zero(_random_log_probs, _loss),
    misconceptions=[
        Misconception(
            "That is the loss with its bug: it averages over the steps of each episode, so the "
            "weight of a score depends on how long the episode became.",
            lambda log_prob, returns, end: _loss(log_prob / _lengths(end), returns, end),
            page="03 What does the mean divide by?",
        ),
        Misconception(
            "That is the mean over all steps again, the one that learned the wrong button.",
            lambda log_prob, returns, end: -(log_prob * returns).mean(),
            page="03 What does the mean divide by?",
        ),
        Misconception(
            "The sum over the steps is right; now divide by the number of episodes.",
            lambda log_prob, returns, end: -(log_prob * returns).sum(),
            page="03 Cures for the bias of the mean",
        ),
        Misconception(
            "Each episode is divided by its length, and nothing by the number of episodes. It "
            "should be the other way round.",
            lambda log_prob, returns, end: -(log_prob * returns / _lengths(end)).sum(),
            page="03 Cures for the bias of the mean",
        ),
        Misconception(
            "Each step is multiplied by the length of its episode, so a long episode counts more "
            "than the sum of its steps. No length is left in the formula.",
            lambda log_prob, returns, end: _loss(log_prob * _lengths(end), returns, end),
            page="03 Cures for the bias of the mean",
        ),
        Misconception(
            "The sum is also divided by the length of the longest episode, which the actions "
            "decide. Divide it by the number of episodes, by nothing else.",
            lambda log_prob, returns, end: _loss(log_prob / _lengths(end).max(), returns, end),
            page="03 Cures for the bias of the mean",
        ),
        Misconception(
            "That is the mean over all steps, multiplied by the length of the longest episode. It "
            "is right only if all episodes are equally long.",
            lambda log_prob, returns, end: -(log_prob * returns).mean() * _lengths(end).max(),
            page="03 Cures for the bias of the mean",
        ),
        Misconception(
            "This is the sum, multiplied by the number of episodes and divided by that of the "
            "steps. Divide it by the number of episodes, by nothing else.",
            _divided_by_the_mean_length,
            page="03 Cures for the bias of the mean",
        ),
        Misconception(
            "The divisor is one too small. If episodes are numbered from 0, there is one more of "
            "them than the last number says.",
            _episodes_by_the_last_number,
            page="03 Cures for the bias of the mean",
        ),
        Misconception(
            "The sign is reversed: an optimizer minimizes, and the return should rise.",
            lambda log_prob, returns, end: -_loss(log_prob, returns, end),
            page="01 The loss is not a loss",
        ),
        Misconception(
            "That is a product of two means, or of a sum and a mean. Each return must stay with "
            "the log-probability of its own step.",
            lambda log_prob, returns, end: -log_prob.sum() * returns.mean() / end.sum(),
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "That is a product of two sums. Each return must stay with the log-probability of its "
            "own step.",
            lambda log_prob, returns, end: -log_prob.sum() * returns.sum() / end.sum(),
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "Only the last step of each episode is left: sum over all of them, and use the flags "
            "only to count.",
            lambda log_prob, returns, end: _loss(log_prob * end, returns, end),
            page="03 A gradient through time",
        ),
        Misconception(
            "The last step of each episode is left out. It has an action and a return like the "
            "others.",
            lambda log_prob, returns, end: _loss(log_prob * ~end, returns, end),
            page="03 A gradient through time",
        ),
        Misconception(
            "Every step has the return of the first step of its episode as its weight. That is "
            "unbiased as well, but noisier, and the task asks for the returns as they are.",
            _total_at_every_step,
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "The mean of the batch's own returns is subtracted. They depend on the actions, so "
            "that is biased, and the task asks for no baseline.",
            lambda log_prob, returns, end: _loss(log_prob, returns - returns.mean(), end),
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "The returns were taken for rewards and added up once more. Each of them is already "
            "the sum of the rewards from its step on.",
            lambda log_prob, returns, end: _loss(
                log_prob, discounted_returns(returns, end, 1.0), end
            ),
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "The returns are standardized, so the update cannot tell coins from cents. Take the "
            "returns as they are.",
            _standardized,
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "The returns are multiplied by probabilities, not by log-probabilities.",
            lambda log_prob, returns, end: _loss(np.exp(log_prob), returns, end),
            page="01 The log-derivative trick",
        ),
        Misconception(
            "These are the parts of the loss, one for each step. Add them up.",
            lambda log_prob, returns, end: -log_prob * returns / end.sum(),
            page="03 Cures for the bias of the mean",
        ),
        Misconception(
            "These are the sums of the episodes, one number for each. The loss is their mean.",
            _each_episode,
            page="03 Cures for the bias of the mean",
        ),
        Misconception(
            "Only the first step of each episode is left: sum over all steps of it.",
            lambda log_prob, returns, end: _loss(
                log_prob * np.append(True, end[:-1]), returns, end
            ),
            page="03 A gradient through time",
        ),
        Misconception(
            "Within each episode the sum of the log-probabilities meets the sum of the returns. "
            "Each return must stay with the log-probability of its own step.",
            _sums_multiplied_in_each_episode,
            page="03 The past drops out: reward-to-go",
        ),
    ],
)


# 03.4: find the bug, once more


def _to_go(rew: Floats) -> Floats:
    to_go: Floats = rew[::-1].cumsum()[::-1]
    return to_go


def _advantage(rew: Floats, V: Floats) -> Floats:
    return _to_go(rew) - V


def _random_values(rng: np.random.Generator) -> Case:
    steps = int(rng.integers(2, 6))
    return tenths(rng, steps), tenths(rng, steps)


ADVANTAGE = Exercise(
    "03.4",
    key=_advantage,
    points=2,
    cases=[
        (np.array([1.0, -3.0, 6.0]), np.array([2.5, 1.5, 5.0])),
        (np.array([2.0]), np.array([-0.5])),
        (np.array([-1.0, 2.0, 3.0, -0.5]), np.array([1.0, -3.0, 2.2, 0.7])),
    ],
    random=clear_of_zero(_random_values, _advantage),
    misconceptions=[
        Misconception(
            "That is the bug, unchanged: the value of the next place is subtracted. It is not "
            "settled before the action, which has led there.",
            lambda rew, V: _to_go(rew) - np.append(V[1:], 0.0),
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "That is r + V(next) - V, the one-step advantage. If V is exact it is right on "
            "average, but it relies on V where the episode shows what really followed: keep the "
            "returns.",
            lambda rew, V: rew + np.append(V[1:], 0.0) - V,
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "This has the right value, but only the step's own reward in place of the return.",
            lambda rew, V: rew - V,
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "The step's own reward is missing from its return: its action has earned it.",
            lambda rew, V: _to_go(rew) - rew - V,
            page="02 The return by hand",
        ),
        Misconception(
            "The rewards are added up from the start: that is the past. A return adds what comes "
            "from its step on.",
            lambda rew, V: rew.cumsum() - V,
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "That is the total in place of the return from here on: unbiased as well, but it "
            "contains the past, and the task asks for the return.",
            lambda rew, V: rew.sum() - V,
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "That subtracts the mean of the episode's own returns, which depend on the actions.",
            lambda rew, V: _to_go(rew) - _to_go(rew).mean(),
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "That subtracts the mean of all values at every step. Later places depend on the "
            "action, so that mean is not settled before it.",
            lambda rew, V: _to_go(rew) - V.mean(),
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "The value of the first place is subtracted at every step. That is unbiased as well, "
            "but the task asks for the value of each step's own place.",
            lambda rew, V: _to_go(rew) - V[0],
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "That is the value of the previous place. It is settled before the action, so it is "
            "unbiased, but the task asks for the value of the place where the step begins.",
            lambda rew, V: _to_go(rew) - np.append(0.0, V[:-1]),
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "The bug is gone, and the value with it: unbiased, but usually noisier, and not what "
            "the task asks for.",
            lambda rew, V: _to_go(rew),
            page="deeper/03 The variance over the length of an episode",
        ),
        Misconception(
            "The sign is reversed: a return above the value is good.",
            lambda rew, V: V - _to_go(rew),
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "The value is added, not subtracted.",
            lambda rew, V: _to_go(rew) + V,
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "That subtracts two values from the return, that of the step's own place and that of "
            "the next.",
            lambda rew, V: _to_go(rew) - V - np.append(V[1:], 0.0),
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "The value of the next place is added to the whole return. The return already "
            "contains what followed, so it counts twice.",
            lambda rew, V: _to_go(rew) + np.append(V[1:], 0.0) - V,
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "The value of the next place is subtracted, and at the last step that of the first "
            "place: np.roll is circular. What may be subtracted is the value of the step's own "
            "place.",
            lambda rew, V: _to_go(rew) - np.roll(V, -1),
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "The sums of the rewards stand in reverse order: they were added up from the end, "
            "and then must be turned around.",
            lambda rew, V: _to_go(rew)[::-1] - V,
            page="02 Backwards",
        ),
        Misconception(
            "The values are subtracted from the rewards, so each return loses the values of all "
            "later places as well. Subtract after the sum.",
            lambda rew, V: _to_go(rew - V),
            page="08 Subtracting from rewards is not subtracting from returns",
        ),
    ],
)


# 03.5: write REINFORCE

WEIGHTS = "03 Advantage, and six weights you may use"


def _scores(logits: Floats, s: Ints, a: Ints) -> Floats:
    """Return the score of each row with respect to the whole table, `[B, S, A]`."""
    scores = np.zeros((len(s), *logits.shape))
    rows = np.arange(len(s))
    scores[rows, s] = -_policy(logits)[s]
    scores[rows, s, a] += 1.0
    return scores


def _policy(logits: Floats) -> Floats:
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: Floats = weights / weights.sum(axis=1, keepdims=True)
    return probabilities


def _step(scores: Floats, weights: Floats) -> Floats:
    summed: Floats = np.tensordot(weights, scores, axes=1)
    return summed


def _update(logits: Floats, s: Ints, a: Ints, r: Floats, end: Flags, lr: float) -> Floats:
    updated: Floats = logits + lr * _sum(logits, s, a, discounted_returns(r, end, 1.0)) / end.sum()
    return updated


def _sum(logits: Floats, s: Ints, a: Ints, weights: Floats) -> Floats:
    return _step(_scores(logits, s, a), weights)


def _update_by_own_weights(weigh: Callable[[Floats, Flags], Floats]) -> Callable[..., Floats]:
    """Return the update with other weights, from rewards and flags, in place of the returns."""

    def update(logits: Floats, s: Ints, a: Ints, r: Floats, end: Flags, lr: float) -> Floats:
        updated: Floats = logits + lr * _sum(logits, s, a, weigh(r, end)) / end.sum()
        return updated

    return update


def _each_state_once(logits: Floats, s: Ints, a: Ints, r: Floats, end: Flags, lr: float) -> Floats:
    """Return what `g[s] += ...` gives: of the rows with the same state only the last one counts."""
    g = np.zeros_like(logits)
    steps = discounted_returns(r, end, 1.0)[:, None, None] * _scores(logits, s, a)
    g[s] += steps[np.arange(len(s)), s]
    updated: Floats = logits + lr * g / end.sum()
    return updated


def _each_pair_once(logits: Floats, s: Ints, a: Ints, r: Floats, end: Flags, lr: float) -> Floats:
    """Return what `g[s, a] += ...` and then `g[s] -= ...` give: only the last row of an index."""
    G = discounted_returns(r, end, 1.0)
    g = np.zeros_like(logits)
    g[s, a] += G
    g[s] -= G[:, None] * _policy(logits)[s]
    updated: Floats = logits + lr * g / end.sum()
    return updated


def _no_probabilities(logits: Floats, s: Ints, a: Ints, r: Floats, end: Flags, lr: float) -> Floats:
    g = np.zeros_like(logits)
    np.add.at(g, (s, a), discounted_returns(r, end, 1.0))
    updated: Floats = logits + lr * g / end.sum()
    return updated


def _probabilities_of_all_states(
    logits: Floats, s: Ints, a: Ints, r: Floats, end: Flags, lr: float
) -> Floats:
    """Return the update if every row subtracts the probabilities in the whole table."""
    G = discounted_returns(r, end, 1.0)
    g = -G.sum() * _policy(logits)
    np.add.at(g, (s, a), G)
    updated: Floats = logits + lr * g / end.sum()
    return updated


def _gradient_of_probabilities(
    logits: Floats, s: Ints, a: Ints, r: Floats, end: Flags, lr: float
) -> Floats:
    weights = _policy(logits)[s, a] * discounted_returns(r, end, 1.0)
    updated: Floats = logits + lr * _sum(logits, s, a, weights) / end.sum()
    return updated


def _random_rows(rng: np.random.Generator) -> Case:
    end = whole_episodes(rng)
    states, actions, rows = int(rng.integers(2, 4)), int(rng.integers(2, 4)), len(end)
    s, a = rng.integers(0, states, rows), rng.integers(0, actions, rows)
    logits = tenths(rng, states * actions).reshape(states, actions) / 2
    return logits, s, a, tenths(rng, rows), end, float(rng.choice([0.1, 0.5, 2.0]))


REINFORCE = Exercise(
    "03.5",
    key=_update,
    points=2,
    cases=[
        (
            np.array([[0.5, -0.5], [1.0, 0.4]]),
            np.array([0, 1, 0]),
            np.array([1, 0, 0]),
            np.array([2.0, 3.0, -4.0]),
            flags(0, 1, 1),
            0.5,
        ),
        (
            np.array([[0.3, -0.2, 0.6], [-0.4, 0.5, 0.2]]),
            np.array([1, 1, 0, 1, 0]),
            np.array([2, 0, 1, 1, 2]),
            np.array([1.0, -2.0, 5.0, 3.0, -1.5]),
            flags(0, 0, 1, 0, 1),
            0.2,
        ),
        (np.array([[0.4, -0.6]]), np.array([0]), np.array([1]), np.array([3.0]), flags(1), 1.0),
    ],
    random=_random_rows,
    misconceptions=[
        Misconception(
            "The sum is divided by the number of steps, which the actions decide. Divide it by "
            "the number of episodes.",
            lambda logits, s, a, r, end, lr: (
                logits + lr * _sum(logits, s, a, discounted_returns(r, end, 1.0)) / len(r)
            ),
            page="03 What does the mean divide by?",
        ),
        Misconception(
            "The sum over all episodes is not divided by their number, so more episodes make a "
            "longer step.",
            lambda logits, s, a, r, end, lr: (
                logits + lr * _sum(logits, s, a, discounted_returns(r, end, 1.0))
            ),
            page="03 Cures for the bias of the mean",
        ),
        Misconception(
            "Each episode is divided by its own length. Within an episode the derivation has a "
            "sum, not a mean.",
            _update_by_own_weights(
                lambda r, end: discounted_returns(r, end, 1.0) / _lengths(end),
            ),
            page="03 Cures for the bias of the mean",
        ),
        Misconception(
            "Every step has the total of its episode as its weight. That is unbiased as well, but "
            "noisier as a rule, and the task asks for reward-to-go.",
            _update_by_own_weights(lambda r, end: discounted_returns(r, end, 1.0)[_first(end)]),
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "Each action is weighted with its own reward only; the rewards after it are missing.",
            _update_by_own_weights(lambda r, end: r),
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "The returns run on into the next episode: the sum must stop where `end` is True.",
            _update_by_own_weights(lambda r, end: discounted_returns(r, np.zeros_like(end), 1.0)),
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "The mean of the batch's own returns is subtracted. They depend on the actions, and "
            "the task asks for no baseline.",
            _update_by_own_weights(
                lambda r, end: (
                    discounted_returns(r, end, 1.0) - discounted_returns(r, end, 1.0).mean()
                ),
            ),
            page=WEIGHTS,
        ),
        Misconception(
            "That walks downhill: the update adds the estimate of the gradient, and the objective "
            "rises.",
            lambda logits, s, a, r, end, lr: 2 * logits - _update(logits, s, a, r, end, lr),
            page="03 A gradient through time",
        ),
        Misconception(
            "A score has two parts, and the probabilities are missing: the whole row of the state "
            "goes down by the return times them.",
            _no_probabilities,
            page="03 A gradient through time",
        ),
        Misconception(
            "The probabilities are subtracted in every state. A score is 0 outside of the row of "
            "its own state.",
            _probabilities_of_all_states,
            page="03 A gradient through time",
        ),
        Misconception(
            "Where a state comes more than once, only one of its steps counts: `g[s] += ...` with "
            "an array s adds once for each state. Write a loop, or np.add.at.",
            _each_state_once,
            page="03 A gradient through time",
        ),
        Misconception(
            "Where a state comes more than once, some of its steps are lost: `g[s, a] += ...` and "
            "`g[s] -= ...` with arrays s and a count each index once. Write a loop, or np.add.at.",
            _each_pair_once,
            page="03 A gradient through time",
        ),
        Misconception(
            "That follows the gradients of the probabilities. A score is the gradient of the "
            "log-probability: do not multiply it by the probability.",
            _gradient_of_probabilities,
            page="03 A gradient through time",
        ),
        Misconception(
            "That is the step alone. The new logits are the old ones plus the step.",
            lambda logits, s, a, r, end, lr: _update(logits, s, a, r, end, lr) - logits,
            page="03 A gradient through time",
        ),
        Misconception(
            "The learning rate is missing: the step is `lr` times the estimate.",
            lambda logits, s, a, r, end, lr: _update(logits, s, a, r, end, 1.0),
            page="03 A gradient through time",
        ),
        Misconception(
            "Only the first step of each episode is left: sum over all of its steps.",
            _update_by_own_weights(
                lambda r, end: discounted_returns(r, end, 1.0) * (_steps(end) == 0)
            ),
            page="03 A gradient through time",
        ),
    ],
)


# 03.6: a reward that contains the policy

PRODUCT_RULE = "03 A gradient through time"


def _weights_with_fee(rew: Floats, prob: Floats, c: float) -> Floats:
    weights: Floats = _to_go(rew - c * prob) - c * prob
    return weights


def _random_fees(rng: np.random.Generator) -> Case:
    steps = int(rng.integers(2, 6))
    prob = np.round(rng.uniform(0.1, 0.9, steps), 1)
    return tenths(rng, steps), prob, float(rng.choice([0.5, 2.0, 3.0]))


FEE = Exercise(
    "03.6",
    key=_weights_with_fee,
    points=3,
    cases=[
        (np.array([1.0, -2.0, 5.0]), np.array([0.5, 0.2, 0.8]), 2.0),
        (np.array([3.0]), np.array([0.4]), 1.5),
        (np.array([-1.0, 2.0, 0.5, 3.0]), np.array([0.9, 0.3, 0.6, 0.1]), -1.0),
    ],
    random=clear_of_zero(_random_fees, _weights_with_fee),
    misconceptions=[
        Misconception(
            "These are the returns of what is really paid. The other term of the product rule is "
            "missing: the fee itself changes with the parameters.",
            lambda rew, prob, c: _to_go(rew - c * prob),
            page=PRODUCT_RULE,
        ),
        Misconception(
            "These are the returns without any fee. It is part of what is paid, and it also has a "
            "derivative of its own.",
            lambda rew, prob, c: _to_go(rew),
            page=PRODUCT_RULE,
        ),
        Misconception(
            "The derivative of the fee is there, but the fee is not part of the returns: it is "
            "paid at this step and at the later ones.",
            lambda rew, prob, c: _to_go(rew) - c * prob,
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "The fee of each step is subtracted twice, and those of the later steps never.",
            lambda rew, prob, c: _to_go(rew) - 2 * c * prob,
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "The derivatives of the later fees are counted here as well. They are scores of the "
            "later actions, so they belong to the weights of those steps.",
            lambda rew, prob, c: _to_go(rew - 2 * c * prob),
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "The gradient of a probability is the probability times the score. You subtract c "
            "alone, and a constant adds nothing on average.",
            lambda rew, prob, c: _to_go(rew - c * prob) - c,
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "The sign of the fee is reversed in both terms: it is taken away from the reward.",
            lambda rew, prob, c: _to_go(rew + c * prob) + c * prob,
            page=PRODUCT_RULE,
        ),
        Misconception(
            "The sign of the second term is reversed: the derivative of minus the fee is minus "
            "the derivative of the fee.",
            lambda rew, prob, c: _to_go(rew - c * prob) + c * prob,
            page=PRODUCT_RULE,
        ),
        Misconception(
            "The first term has the total in place of reward-to-go: unbiased as well, but it "
            "contains the past, and the task asks for reward-to-go.",
            lambda rew, prob, c: np.full(len(rew), (rew - c * prob).sum()) - c * prob,
            page="03 The past drops out: reward-to-go",
        ),
        Misconception(
            "The fee is c times the probability, not times its logarithm.",
            lambda rew, prob, c: _to_go(rew - c * np.log(prob)) - c * np.log(prob),
            page=PRODUCT_RULE,
        ),
        Misconception(
            "Each step has only its own reward and fee; what follows is missing.",
            lambda rew, prob, c: rew - 2 * c * prob,
            page="03 The past drops out: reward-to-go",
        ),
    ],
)


# 03.7: two places that look alike

BY_PLACE = "deeper/03 Place by place: visits times Q"


def _pushes(d: Floats, pi: Floats, Q: Floats) -> Floats:
    """Return what each state contributes to the row that it uses, `[S, A]`."""
    V = (pi * Q).sum(axis=1, keepdims=True)
    pushes: Floats = d[:, None] * pi * (Q - V)
    return pushes


def _added(pushes: Floats, obs: Ints) -> Floats:
    gradient = np.zeros((obs.max() + 1, pushes.shape[1]))
    np.add.at(gradient, obs, pushes)
    return gradient


def _gradient(d: Floats, pi: Floats, Q: Floats, obs: Ints) -> Floats:
    return _added(_pushes(d, pi, Q), obs)


def _one_state_of_each_row(d: Floats, pi: Floats, Q: Floats, obs: Ints) -> Floats:
    gradient = np.zeros((obs.max() + 1, pi.shape[1]))
    gradient[obs] += _pushes(d, pi, Q)
    return gradient


def _mean_of_each_row(d: Floats, pi: Floats, Q: Floats, obs: Ints) -> Floats:
    means: Floats = _gradient(d, pi, Q, obs) / np.bincount(obs)[:, None]
    return means


def _one_value_for_each_row(d: Floats, pi: Floats, Q: Floats, obs: Ints) -> Floats:
    """Return the gradient with the plain mean of the values of the states that look alike."""
    V = (pi * Q).sum(axis=1)
    mean = np.bincount(obs, V) / np.bincount(obs)
    return _added(d[:, None] * pi * (Q - mean[obs][:, None]), obs)


def _random_town(rng: np.random.Generator) -> Case:
    obs = rng.permutation([0, 1, *rng.integers(0, 2, int(rng.integers(1, 3)))])
    actions = int(rng.integers(2, 4))
    rows = rng.integers(1, 6, (2, actions)).astype(float)
    pi = (rows / rows.sum(axis=1, keepdims=True))[obs]
    d = np.round(rng.uniform(0.2, 2.0, len(obs)), 1)
    return d, pi, tenths(rng, len(obs) * actions).reshape(len(obs), actions), obs


FOG = Exercise(
    "03.7",
    key=_gradient,
    points=2,
    cases=[
        (
            np.array([1.0, 0.5, 0.4]),
            np.array([[0.5, 0.5], [0.25, 0.75], [0.5, 0.5]]),
            np.array([[3.0, 1.0], [2.0, -2.0], [-4.0, 6.0]]),
            np.array([0, 1, 0]),
        ),
        (
            np.array([2.0, 0.3]),
            np.array([[0.2, 0.5, 0.3], [0.2, 0.5, 0.3]]),
            np.array([[1.0, 2.0, -5.0], [4.0, 0.0, 3.0]]),
            np.array([0, 0]),
        ),
        (
            np.array([1.5, 0.2]),
            np.array([[0.4, 0.6], [0.9, 0.1]]),
            np.array([[1.0, 3.0], [-2.0, 5.0]]),
            np.array([1, 0]),
        ),
    ],
    random=_random_town,
    misconceptions=[
        Misconception(
            "The value is not subtracted. With softmax a logit also changes the probabilities of "
            "the other actions, and that turns Q into Q - V.",
            lambda d, pi, Q, obs: _added(d[:, None] * pi * Q, obs),
            page=BY_PLACE,
        ),
        Misconception(
            "The visits are missing: a state counts as often as it is visited.",
            lambda d, pi, Q, obs: _gradient(np.ones_like(d), pi, Q, obs),
            page=BY_PLACE,
        ),
        Misconception(
            "The probabilities are missing: an action that is hardly ever taken hardly moves the "
            "objective.",
            lambda d, pi, Q, obs: _added(_pushes(d, pi, Q) / pi, obs),
            page=BY_PLACE,
        ),
        Misconception(
            "Of the states that share a row only one is counted: `gradient[obs] += ...` adds once "
            "for each row. Write a loop, or np.add.at.",
            _one_state_of_each_row,
            page=BY_PLACE,
        ),
        Misconception(
            "The states that share a row are averaged. The theorem is a sum over states, and a "
            "shared parameter has the sum of their gradients.",
            _mean_of_each_row,
            page=BY_PLACE,
        ),
        Misconception(
            "States that look alike have one row of logits, but each has a value of its own: "
            "subtract in each state its own V.",
            _one_value_for_each_row,
            page=BY_PLACE,
        ),
        Misconception(
            "The plain mean of Q over the actions is subtracted. V is the mean that the policy "
            "gives, weighted with its probabilities.",
            lambda d, pi, Q, obs: _added(
                d[:, None] * pi * (Q - Q.mean(axis=1, keepdims=True)), obs
            ),
            page=BY_PLACE,
        ),
        Misconception(
            "That is the gradient with respect to the probabilities. The logits come before the "
            "softmax.",
            lambda d, pi, Q, obs: _added(d[:, None] * Q, obs),
            page=BY_PLACE,
        ),
        Misconception(
            "The sign is reversed: V minus Q lowers the better action.",
            lambda d, pi, Q, obs: -_gradient(d, pi, Q, obs),
            page=BY_PLACE,
        ),
    ],
)


# 03.8: write the three laws

LAWS = "deeper/03 Three laws"


def _lengths_of(*differences: Floats) -> Floats:
    return np.array([np.linalg.norm(difference) for difference in differences])


def _laws(
    p: Floats, g: Floats, shifted: Floats, tripled: Floats, p_other: Floats, other: Floats
) -> Floats:
    mean = p @ g
    return _lengths_of(p @ shifted - mean, p @ tripled - 3 * mean, p_other @ other - mean)


def _mean_of_lengths(
    p: Floats, g: Floats, shifted: Floats, tripled: Floats, p_other: Floats, other: Floats
) -> Floats:
    """Return lengths of the differences batch by batch; only the last law compares means."""
    by_batch = [p @ np.linalg.norm(x, axis=1) for x in (shifted - g, tripled - 3 * g)]
    return np.array([*by_batch, np.linalg.norm(p_other @ other - p @ g)])


def _all_batches_alike(
    p: Floats, g: Floats, shifted: Floats, tripled: Floats, p_other: Floats, other: Floats
) -> Floats:
    alike, alike_other = np.full(len(p), 1 / len(p)), np.full(len(p_other), 1 / len(p_other))
    return _laws(alike, g, shifted, tripled, alike_other, other)


def _changed_laws(change: Callable[..., list[Any]]) -> Callable[..., Floats]:
    """Return the lengths of three other differences, made of the four expectations."""

    def laws(
        p: Floats, g: Floats, shifted: Floats, tripled: Floats, p_other: Floats, other: Floats
    ) -> Floats:
        return _lengths_of(*change(p @ g, p @ shifted, p @ tripled, p_other @ other))

    return laws


def _random_estimates(rng: np.random.Generator) -> Case:
    batches, others, size = (int(rng.integers(2, top)) for top in (4, 5, 4))
    p, p_other = (rng.integers(1, 6, n).astype(float) for n in (batches, others))
    drawn = [tenths(rng, batches * size).reshape(batches, size) for _ in range(3)]
    other = tenths(rng, others * size).reshape(others, size)
    return p / p.sum(), *drawn, p_other / p_other.sum(), other


THREE_LAWS = Exercise(
    "03.8",
    key=_laws,
    points=2,
    cases=[
        (
            np.array([0.25, 0.75]),
            np.array([[1.0, 2.0], [-2.0, 0.5]]),
            np.array([[2.0, 2.0], [1.0, -1.5]]),
            np.array([[3.0, 1.0], [-4.0, 2.0]]),
            np.array([0.5, 0.2, 0.3]),
            np.array([[2.0, -1.0], [0.5, 4.0], [1.0, 3.0]]),
        ),
        (
            np.array([0.6, 0.4]),
            np.array([[1.0, -1.0], [2.0, 3.0]]),
            np.array([[3.0, -1.0], [1.0, 2.0]]),
            np.array([[0.5, 1.0], [-1.0, 4.0]]),
            np.array([0.1, 0.9]),
            np.array([[5.0, 1.0], [2.0, 2.0]]),
        ),
    ],
    random=clear_of_zero(_random_estimates, _laws),
    misconceptions=[
        Misconception(
            "That compares the estimates batch by batch. The laws are about expectations: average "
            "first, then subtract and take the length.",
            _mean_of_lengths,
            page=LAWS,
        ),
        Misconception(
            "All batches are weighted alike. Each counts with its probability.",
            _all_batches_alike,
            page=LAWS,
        ),
        Misconception(
            "The scale law has a 3 on one side: the mean of the tripled estimates is compared "
            "with three times the mean.",
            _changed_laws(lambda g, s, t, o: [s - g, t - g, o - g]),
            page=LAWS,
        ),
        Misconception(
            "The 3 of the scale law stands on the wrong side. Tripled rewards give three times "
            "the gradient already.",
            _changed_laws(lambda g, s, t, o: [s - g, 3 * t - g, o - g]),
            page=LAWS,
        ),
        Misconception(
            "In the scale law the sides are divided by 3. Leave them as they stand in the table.",
            _changed_laws(lambda g, s, t, o: [s - g, t / 3 - g, o - g]),
            page=LAWS,
        ),
        Misconception(
            "These are squared lengths. Take the root.",
            lambda *case: _laws(*case) ** 2,
            page=LAWS,
        ),
        Misconception(
            "Only the first coordinate is compared. Take the length of the whole difference.",
            _changed_laws(lambda g, s, t, o: [s[:1] - g[:1], t[:1] - 3 * g[:1], o[:1] - g[:1]]),
            page=LAWS,
        ),
        Misconception(
            "That is the sum of the absolute coordinates. The length is the root of the sum of "
            "their squares.",
            lambda p, g, shifted, tripled, p_other, other: np.array(
                [
                    np.abs(x).sum()
                    for x in (p @ (shifted - g), p @ (tripled - 3 * g), p_other @ other - p @ g)
                ]
            ),
            page=LAWS,
        ),
        Misconception(
            "The lengths of the two sides are subtracted. Two vectors of one length can point "
            "anywhere: subtract the vectors, then take the length.",
            lambda p, g, shifted, tripled, p_other, other: np.abs(
                _lengths_of(p @ shifted, p @ tripled, p_other @ other)
                - _lengths_of(p @ g, 3 * (p @ g), p @ g)
            ),
            page=LAWS,
        ),
    ],
)

EXERCISES = [MISSING_FACTOR, HARMLESS, LOSS, ADVANTAGE, REINFORCE, FEE, FOG, THREE_LAWS]
