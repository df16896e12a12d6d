"""The exercises of notebook 08, objectives and time limits: answers, cases, and known mistakes."""

import numpy as np

from pg_edu.course.records import Exercise, Misconception
from pg_edu.course.shared import flags
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


_PIECES = (flags(1, 0, 0, 1), flags(0, 1, 0, 1), np.array([5.0, 7.0, -2.0, 3.0]))

EXERCISES = [
    Exercise(
        "08.1",
        key=_bootstrap,
        points=1,
        cases=[(*_PIECES, True), (*_PIECES, False)],
        misconceptions=[
            Misconception(
                (
                    "An episode that the collector has cut goes on in the next batch: V belongs there."
                ),
                lambda terminated, truncated, value, rule: np.where(
                    truncated & ~terminated & (not rule), value, 0.0
                ),
                "08 Exercises",
            ),
            Misconception(
                ("A clock that is a rule ends the episode: nothing that counts follows."),
                lambda terminated, truncated, value, rule: np.where(terminated, 0.0, value),
                "08 Exercises",
            ),
            Misconception(
                ("A clock that is in the way hides what follows; it does not make it 0."),
                lambda terminated, truncated, value, rule: np.where(
                    terminated | truncated, 0.0, value
                ),
                "08 Exercises",
            ),
            Misconception(
                ("`terminated` is not used: nothing follows an episode that has terminated."),
                lambda terminated, truncated, value, rule: np.where(truncated & rule, 0.0, value),
                "08 Exercises",
            ),
            Misconception(
                (
                    "Nothing follows a terminated episode, even if the clock strikes at the same step."
                ),
                lambda terminated, truncated, value, rule: np.where(
                    (terminated & ~truncated) | (truncated & rule), 0.0, value
                ),
                "08 Exercises",
            ),
            Misconception(
                ("V is added everywhere, even after episodes that are over."),
                lambda terminated, truncated, value, rule: value,
                "08 Exercises",
            ),
            Misconception(
                (
                    "It is the wrong way around: V belongs where something follows, and 0 where "
                    "nothing does."
                ),
                lambda terminated, truncated, value, rule: np.where(
                    terminated | (truncated & rule), value, 0.0
                ),
                "08 Exercises",
            ),
        ],
    ),
    Exercise(
        "08.2",
        key=8,
        points=1,
        misconceptions=[
            Misconception(("That is the length for a discount factor of 0.95."), 9, "08 Exercises"),
            Misconception(
                ("From 6 steps on the first coin comes back, but the other five do not."),
                6,
                "08 Exercises",
            ),
            Misconception(
                ("At 7 steps two coins come back as 6, but 7 were paid."), 7, "08 Exercises"
            ),
            Misconception(
                ("At 7.5 gain and cost would be equal, but steps are whole numbers."),
                7.5,
                "08 Exercises",
            ),
        ],
    ),
    Exercise(
        "08.3",
        key=4.0,
        points=2,
        misconceptions=[
            Misconception(
                (
                    "The frost is already over: three in four have come this far, and now the reward "
                    "is certain."
                ),
                3.0,
                "08 Exercises",
            ),
            Misconception(
                ("With 0 waiting earns nothing; that is right if the clock is a rule."),
                0.0,
                "08 Exercises",
            ),
            Misconception(
                ("The table comes close with 5, but that was only the largest value tried."),
                5.0,
                "08 Exercises",
            ),
            Misconception(
                (
                    "That is the value of the green tree, but whoever is alive when the clock strikes "
                    "is at another one."
                ),
                2.25,
                "08 Exercises",
            ),
        ],
    ),
    Exercise(
        "08.4",
        key=_weights,
        points=2,
        cases=[
            (np.array([1.0, 0.6, 0.6, 0.6, 0.6]), flags(1, 0, 0, 0, 1), 1.4),
            (np.array([2.0, -1.0, 3.0]), flags(0, 0, 1), 0.5),
        ],
        misconceptions=[
            Misconception(
                (
                    "That is the bug: b is subtracted from each reward, so long episodes pay it many "
                    "times."
                ),
                lambda rew, end, b: discounted_returns(rew - b, end, 1.0),
                "08 Exercises",
            ),
            Misconception(
                ("The bug is gone, and the baseline with it."),
                lambda rew, end, b: discounted_returns(rew, end, 1.0),
                "08 Exercises",
            ),
            Misconception(
                ("That is the mean of this batch, to which each return contributes."),
                lambda rew, end, b: (
                    discounted_returns(rew, end, 1.0) - discounted_returns(rew, end, 1.0).mean()
                ),
                "08 Exercises",
            ),
            Misconception(
                ("That changes only the last step of an episode."),
                lambda rew, end, b: discounted_returns(rew, end, 1.0) - b * end,
                "08 Exercises",
            ),
            Misconception(
                ("The sign is wrong: a return above b is good."),
                lambda rew, end, b: -_weights(rew, end, b),
                "08 Exercises",
            ),
        ],
    ),
    Exercise(
        "08.5",
        key=_group_weights,
        points=2,
        cases=[
            (np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]),),
            (np.array([[1.0, 0.0], [0.0, 0.0]]),),
            (np.array([[3.0, 1.0, 2.0, 0.0]]),),
        ],
        misconceptions=[
            Misconception(
                (
                    "The mean of the group includes the answer itself: the direction is right, but "
                    "the length is too short by the factor 1 - 1/N."
                ),
                _minus_own_mean,
                "08 Exercises",
            ),
            Misconception(
                (
                    "That is GRPO: each question is divided by its own standard deviation, so easy "
                    "and hard ones count more."
                ),
                lambda rewards: (
                    _minus_own_mean(rewards) / (rewards.std(axis=1, keepdims=True) + 1e-8)
                ),
                "08 Exercises",
            ),
            Misconception(
                (
                    "The baseline is right, but the division is not: it changes the weights of the "
                    "questions."
                ),
                lambda rewards: (
                    _group_weights(rewards) / (rewards.std(axis=1, keepdims=True) + 1e-8)
                ),
                "08 Exercises",
            ),
            Misconception(
                (
                    "The sum is divided by N - 1 but contains all N answers: leave the answer itself "
                    "out."
                ),
                lambda rewards: (
                    rewards - rewards.sum(axis=1, keepdims=True) / (rewards.shape[1] - 1)
                ),
                "08 Exercises",
            ),
            Misconception(
                ("The mean over all answers comes later; if you divide here, it is taken twice."),
                lambda rewards: _group_weights(rewards) / rewards.size,
                "08 Exercises",
            ),
            Misconception(
                (
                    "That is the mean of all answers: it punishes an answer because its question was "
                    "hard."
                ),
                lambda rewards: rewards - rewards.mean(),
                "08 Exercises",
            ),
            Misconception(
                (
                    "The mean was taken over the questions; take it over the answers to each question."
                ),
                lambda rewards: rewards - rewards.mean(axis=0, keepdims=True),
                "08 Exercises",
            ),
            Misconception(
                (
                    "Nothing is subtracted: unbiased, but with more variance, and not what was asked."
                ),
                lambda rewards: rewards,
                "08 Exercises",
            ),
        ],
    ),
]
