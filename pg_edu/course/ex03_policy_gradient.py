"""The exercises of notebook 03, the policy gradient: answers, cases, and known mistakes."""

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
            page="02 Sixteen games in one array",
        ),
        Misconception(
            "The count is set back to 0 on the last step of an episode. That step still belongs "
            "to it: set it back after that step.",
            _counter_reset_too_early,
            page="02 Sixteen games in one array",
        ),
        Misconception(
            "From the second episode on there is one factor gamma too many. The count was set to "
            "0 and raised to 1 before the new episode began.",
            _counted_on_at_once,
            page="02 Sixteen games in one array",
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
            page="03 The past drops out",
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
            page="02 By hand",
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
            page="02 Sixteen games in one array",
        ),
        Misconception(
            "The flags make no difference: all rows are taken for one episode, in the returns and "
            "in the step count.",
            _leak_and_counter_runs_on,
            page="02 Sixteen games in one array",
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
            page="03 Cures",
        ),
        Misconception(
            "That is the mean over all steps again, the one that learned the wrong button.",
            lambda log_prob, returns, end: -(log_prob * returns).mean(),
            page="03 What does the mean divide by?",
        ),
        Misconception(
            "The sum over the steps is right; now divide by the number of episodes.",
            lambda log_prob, returns, end: -(log_prob * returns).sum(),
            page="03 Cures",
        ),
        Misconception(
            "Each episode is divided by its length, and nothing by the number of episodes. It "
            "should be the other way round.",
            lambda log_prob, returns, end: -(log_prob * returns / _lengths(end)).sum(),
            page="03 Cures",
        ),
        Misconception(
            "This is the sum, multiplied by the number of episodes and divided by that of the "
            "steps. Divide it by the number of episodes, by nothing else.",
            _divided_by_the_mean_length,
            page="03 Cures",
        ),
        Misconception(
            "The divisor is one too small. If episodes are numbered from 0, there is one more of "
            "them than the last number says.",
            _episodes_by_the_last_number,
            page="03 Cures",
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
            page="03 The past drops out",
        ),
        Misconception(
            "That is a product of two sums. Each return must stay with the log-probability of its "
            "own step.",
            lambda log_prob, returns, end: -log_prob.sum() * returns.sum() / end.sum(),
            page="03 The past drops out",
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
            page="03 The past drops out",
        ),
        Misconception(
            "The mean of the batch's own returns is subtracted. They depend on the actions, so "
            "that is biased, and the task asks for no baseline.",
            lambda log_prob, returns, end: _loss(log_prob, returns - returns.mean(), end),
            page="03 Three laws",
        ),
        Misconception(
            "The returns were taken for rewards and added up once more. Each of them is already "
            "the sum of the rewards from its step on.",
            lambda log_prob, returns, end: _loss(
                log_prob, discounted_returns(returns, end, 1.0), end
            ),
            page="03 The past drops out",
        ),
        Misconception(
            "The returns are standardized, so the update cannot tell coins from cents. Take the "
            "returns as they are.",
            _standardized,
            page="03 Three laws",
        ),
        Misconception(
            "The returns are multiplied by probabilities, not by log-probabilities.",
            lambda log_prob, returns, end: _loss(np.exp(log_prob), returns, end),
            page="01 The trick",
        ),
        Misconception(
            "These are the parts of the loss, one for each step. Add them up.",
            lambda log_prob, returns, end: -log_prob * returns / end.sum(),
            page="03 Cures",
        ),
        Misconception(
            "These are the sums of the episodes, one number for each. The loss is their mean.",
            _each_episode,
            page="03 Cures",
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
            page="03 The past drops out",
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
            page="03 The past drops out",
        ),
        Misconception(
            "That is r + V(next) - V, the one-step advantage. If V is exact it is right on "
            "average, but it relies on V where the episode shows what really followed: keep the "
            "returns.",
            lambda rew, V: rew + np.append(V[1:], 0.0) - V,
            page="03 The past drops out",
        ),
        Misconception(
            "This has the right value, but only the step's own reward in place of the return.",
            lambda rew, V: rew - V,
            page="03 The past drops out",
        ),
        Misconception(
            "The step's own reward is missing from its return: its action has earned it.",
            lambda rew, V: _to_go(rew) - rew - V,
            page="02 By hand",
        ),
        Misconception(
            "The rewards are added up from the start: that is the past. A return adds what comes "
            "from its step on.",
            lambda rew, V: rew.cumsum() - V,
            page="03 The past drops out",
        ),
        Misconception(
            "That is the total in place of the return from here on: unbiased as well, but it "
            "contains the past, and the task asks for the return.",
            lambda rew, V: rew.sum() - V,
            page="03 The past drops out",
        ),
        Misconception(
            "That subtracts the mean of the episode's own returns, which depend on the actions.",
            lambda rew, V: _to_go(rew) - _to_go(rew).mean(),
            page="03 The past drops out",
        ),
        Misconception(
            "That subtracts the mean of all values at every step. Later places depend on the "
            "action, so that mean is not settled before it.",
            lambda rew, V: _to_go(rew) - V.mean(),
            page="03 The past drops out",
        ),
        Misconception(
            "The value of the first place is subtracted at every step. That is unbiased as well, "
            "but the task asks for the value of each step's own place.",
            lambda rew, V: _to_go(rew) - V[0],
            page="03 The past drops out",
        ),
        Misconception(
            "That is the value of the previous place. It is settled before the action, so it is "
            "unbiased, but the task asks for the value of the place where the step begins.",
            lambda rew, V: _to_go(rew) - np.append(0.0, V[:-1]),
            page="03 The past drops out",
        ),
        Misconception(
            "The bug is gone, and the value with it: unbiased, but usually noisier, and not what "
            "the task asks for.",
            lambda rew, V: _to_go(rew),
            page="03 How noisy?",
        ),
        Misconception(
            "The sign is reversed: a return above the value is good.",
            lambda rew, V: V - _to_go(rew),
            page="03 The past drops out",
        ),
        Misconception(
            "The value is added, not subtracted.",
            lambda rew, V: _to_go(rew) + V,
            page="03 The past drops out",
        ),
        Misconception(
            "That subtracts two values from the return, that of the step's own place and that of "
            "the next.",
            lambda rew, V: _to_go(rew) - V - np.append(V[1:], 0.0),
            page="03 The past drops out",
        ),
        Misconception(
            "The value of the next place is added to the whole return. The return already "
            "contains what followed, so it counts twice.",
            lambda rew, V: _to_go(rew) + np.append(V[1:], 0.0) - V,
            page="03 The past drops out",
        ),
        Misconception(
            "The value of the next place is subtracted, and at the last step that of the first "
            "place: np.roll is circular. What may be subtracted is the value of the step's own "
            "place.",
            lambda rew, V: _to_go(rew) - np.roll(V, -1),
            page="03 The past drops out",
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

EXERCISES = [MISSING_FACTOR, HARMLESS, LOSS, ADVANTAGE]
