"""Exercises of 08_objectives_and_time_limits."""

import numpy as np

from pg_edu.course import Exercise
from pg_edu.returns import discounted_returns
from pg_edu.types import Flags, Floats


def _bootstrap(terminated: Flags, truncated: Flags, value: Floats, clock_is_a_rule: bool) -> Floats:
    over = terminated | (truncated & clock_is_a_rule)
    return np.where(over, 0.0, value)


def _weights(rew: Floats, end: Flags, b: float) -> Floats:
    weights: Floats = discounted_returns(rew, end, 1.0) - b
    return weights


def _group_weights(rewards: Floats) -> Floats:
    others = (rewards.sum(axis=1, keepdims=True) - rewards) / (rewards.shape[1] - 1)
    weights: Floats = rewards - others
    return weights


def _minus_own_mean(rewards: Floats) -> Floats:
    weights: Floats = rewards - rewards.mean(axis=1, keepdims=True)
    return weights


def _flags(*values: int) -> Flags:
    return np.array(values, bool)


_PIECES = (_flags(1, 0, 0, 1), _flags(0, 1, 0, 1), np.array([5.0, 7.0, -2.0, 3.0]))

EXERCISES = [
    Exercise(
        "08.1",
        hint="nothing follows where the game is over; and where a clock that is a rule has struck.",
        key=_bootstrap,
        cases=[(*_PIECES, True), (*_PIECES, False)],
        mistakes={
            "What the collector has cut goes on in the next batch: V belongs there.": (
                lambda terminated, truncated, value, rule: np.where(
                    truncated & ~terminated & (not rule), value, 0.0
                )
            ),
            "A clock that is a rule ends the game: nothing that counts follows.": (
                lambda terminated, truncated, value, rule: np.where(terminated, 0.0, value)
            ),
            "A clock that is in the way hides what follows; it does not make it 0.": (
                lambda terminated, truncated, value, rule: np.where(
                    terminated | truncated, 0.0, value
                )
            ),
            "`terminated` was not looked at: behind a game that is over nothing follows.": (
                lambda terminated, truncated, value, rule: np.where(truncated & rule, 0.0, value)
            ),
            "After a terminated game nothing follows, also if the clock strikes with it.": (
                lambda terminated, truncated, value, rule: np.where(
                    (terminated & ~truncated) | (truncated & rule), 0.0, value
                )
            ),
            "V is put behind everything, also behind games that are over.": (
                lambda terminated, truncated, value, rule: value
            ),
            "It is the wrong way round: V where something follows, 0 where not.": (
                lambda terminated, truncated, value, rule: np.where(
                    terminated | (truncated & rule), value, 0.0
                )
            ),
        },
    ),
    Exercise(
        "08.2",
        hint="3 coins for each of the first L - 5 steps, 1 coin for each of the L.",
        key=8,
        mistakes={
            "That is the length for a discount of 0.95.": 9,
            "From 6 steps on the first coin comes back, but five others do not.": 6,
            "At 7 steps two coins come back as 6, for 7.": 7,
            "At 7.5 it would be even, and steps are whole.": 7.5,
        },
    ),
    Exercise(
        "08.3",
        hint="who is alive has seen the frost pass, and one forced step is left.",
        key=4.0,
        mistakes={
            "The frost is behind them already: three in four have come this far, and now it is "
            "sure.": 3.0,
            "With 0 the waiting is for nothing; that is right if the clock is a rule.": 0.0,
            "Nearly, said the table; it was the largest that we tried.": 5.0,
            "That is the value of the green tree; who is alive at the clock stands under another "
            "one.": 2.25,
        },
    ),
    Exercise(
        "08.4",
        hint="a baseline is taken from each return once; here each reward loses it.",
        key=_weights,
        cases=[
            (np.array([1.0, 0.6, 0.6, 0.6, 0.6]), _flags(1, 0, 0, 0, 1), 1.4),
            (np.array([2.0, -1.0, 3.0]), _flags(0, 0, 1), 0.5),
        ],
        mistakes={
            "That is the bug: b is taken from each reward, so long games pay it many times.": (
                lambda rew, end, b: discounted_returns(rew - b, end, 1.0)
            ),
            "The bug is gone, and the baseline with it.": (
                lambda rew, end, b: discounted_returns(rew, end, 1.0)
            ),
            "That is the mean of this batch, in which each return has a share.": (
                lambda rew, end, b: (
                    discounted_returns(rew, end, 1.0) - discounted_returns(rew, end, 1.0).mean()
                )
            ),
            "Only the last step of a game was changed.": (
                lambda rew, end, b: discounted_returns(rew, end, 1.0) - b * end
            ),
            "The sign: a return above b is good.": lambda rew, end, b: -_weights(rew, end, b),
        },
    ),
    Exercise(
        "08.5",
        hint="the mean of the others in the row, and no division by a deviation.",
        key=_group_weights,
        cases=[
            (np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]),),
            (np.array([[1.0, 0.0], [0.0, 0.0]]),),
            (np.array([[3.0, 1.0, 2.0, 0.0]]),),
        ],
        mistakes={
            "The group's mean has the answer itself in it: the right direction, too short by "
            "1 - 1/N.": _minus_own_mean,
            "That is GRPO: each question is divided by its own deviation, so easy and hard ones "
            "count more.": (
                lambda rewards: (
                    _minus_own_mean(rewards) / (rewards.std(axis=1, keepdims=True) + 1e-8)
                )
            ),
            "The others are right, the division is not: it weighs the questions.": (
                lambda rewards: (
                    _group_weights(rewards) / (rewards.std(axis=1, keepdims=True) + 1e-8)
                )
            ),
            "The sum is divided by N - 1, and all N are in it: leave the answer itself out.": (
                lambda rewards: (
                    rewards - rewards.sum(axis=1, keepdims=True) / (rewards.shape[1] - 1)
                )
            ),
            "The mean over all answers is taken later; divided here, it is taken twice.": (
                lambda rewards: _group_weights(rewards) / rewards.size
            ),
            "That is the mean of all answers: it blames who got a hard question.": (
                lambda rewards: rewards - rewards.mean()
            ),
            "The mean went down the questions; it should go along the answers to one.": (
                lambda rewards: rewards - rewards.mean(axis=0, keepdims=True)
            ),
            "Nothing is subtracted: unbiased, but noisy, and not what was asked.": (
                lambda rewards: rewards
            ),
        },
    ),
]
