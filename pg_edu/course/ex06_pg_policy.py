"""The exercises of notebook 06, PGPolicy: answers, cases, and known mistakes."""

import numpy as np

from pg_edu.course.records import Exercise, Misconception
from pg_edu.course.shared import normalized_by_earlier_batches
from pg_edu.stats import RunningMeanStd
from pg_edu.types import Floats, Ints


def _weighted_step(arms: Ints, rewards: Floats, old: Floats, new: Floats) -> Floats:
    return _step(new[arms] / old[arms] * rewards, arms, new)


def _step(weights: Floats, arms: Ints, probs: Floats) -> Floats:
    step: Floats = weights @ (np.eye(len(probs))[arms] - probs) / len(arms)
    return step


def _normalized_too_late(batches: list[Floats]) -> list[Floats]:
    seen = [np.concatenate(batches[: k + 1]) for k in range(len(batches))]
    return [(G - s.mean()) / np.sqrt(s.var() + 1e-8) for G, s in zip(batches, seen, strict=True)]


def _normalized_by_the_last_batch(batches: list[Floats]) -> list[Floats]:
    before = [np.array([-1.0, 1.0]), *batches]
    return [(G - b.mean()) / np.sqrt(b.var() + 1e-8) for G, b in zip(batches, before, strict=False)]


def _normalized_each_by_itself(batches: list[Floats]) -> list[Floats]:
    return [(G - G.mean()) / np.sqrt(G.var() + 1e-8) for G in batches]


def _normalized_with_an_offset_to_the_deviation(batches: list[Floats]) -> list[Floats]:
    seen = RunningMeanStd()
    normalized = []
    for returns in batches:
        normalized.append((returns - seen.mean) / (np.sqrt(seen.var) + 1e-8))
        seen.update(returns)
    return normalized


EXERCISES = [
    Exercise(
        "06.1",
        key=6,
        points=1,
        misconceptions=[
            Misconception(
                (
                    "A pass has two steps, not three: the two remaining rows join the minibatch "
                    "before them."
                ),
                9,
                "06 Exercises",
            ),
            Misconception(
                ("That is the number for one pass, and there are three passes."), 2, "06 Exercises"
            ),
            Misconception(
                ("That is the number of passes; each of them takes several steps."),
                3,
                "06 Exercises",
            ),
            Misconception(
                ("Each pass is split on its own; the thirty rows are not joined."),
                7,
                "06 Exercises",
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
                (
                    "That is where the true gradient leads, but these steps know nothing except this "
                    "batch."
                ),
                (0.0, 0.0, 1.0),
                "06 Exercises",
            ),
            Misconception(
                ("These are the frequencies in the batch, but the rewards of the arms count, too."),
                (0.5, 0.25, 0.25),
                "06 Exercises",
            ),
            Misconception(
                ("Arm 0 was drawn twice: both of its rewards count."),
                (1 / 6, 0.0, 5 / 6),
                "06 Exercises",
            ),
            Misconception(
                ("That is the policy before the first step if all logits are equal."),
                (1 / 3,) * 3,
                "06 Exercises",
            ),
        ],
    ),
    Exercise(
        "06.3",
        key=_weighted_step,
        points=2,
        cases=[
            (
                np.array([2, 0, 2, 1]),
                np.array([5.0, 1.0, 5.0, -2.0]),
                np.array([0.5, 0.3, 0.2]),
                np.array([0.2, 0.3, 0.5]),
            ),
            (np.array([0]), np.array([2.0]), np.array([0.5, 0.5]), np.array([0.25, 0.75])),
        ],
        misconceptions=[
            Misconception(
                ("The ratio is inverted: what the new policy would do more often must count more."),
                lambda arms, rewards, old, new: _step(old[arms] / new[arms] * rewards, arms, new),
                "06 Exercises",
            ),
            Misconception(
                ("The weights are missing: that is the plain second step."),
                lambda arms, rewards, old, new: _step(rewards, arms, new),
                "06 Exercises",
            ),
            Misconception(
                ("The score must be that of the new policy, one-hot minus new."),
                lambda arms, rewards, old, new: _step(new[arms] / old[arms] * rewards, arms, old),
                "06 Exercises",
            ),
            Misconception(
                ("That is the gradient of the loss: the gradient of J has the other sign."),
                lambda arms, rewards, old, new: -_weighted_step(arms, rewards, old, new),
                "06 Exercises",
            ),
            Misconception(
                ("That is the sum over the rows; take their mean."),
                lambda arms, rewards, old, new: len(arms) * _weighted_step(arms, rewards, old, new),
                "06 Exercises",
            ),
            Misconception(
                ("The weights are divided by their sum, which makes the estimate biased."),
                lambda arms, rewards, old, new: (
                    len(arms)
                    * _weighted_step(arms, rewards, old, new)
                    / (new[arms] / old[arms]).sum()
                ),
                "06 Exercises",
            ),
        ],
    ),
    Exercise(
        "06.4",
        key=normalized_by_earlier_batches,
        points=2,
        cases=[
            ([np.array([3.0, 1.0]), np.array([6.0]), np.array([2.0, 4.0])],),
            ([np.array([1.0, 1.0]), np.array([1.0, 1.001])],),
        ],
        misconceptions=[
            Misconception(
                ("The batch is part of the statistics by which it is normalized."),
                _normalized_too_late,
                "06 Exercises",
            ),
            Misconception(
                ("Each batch is normalized by itself, but the earlier returns should be used."),
                _normalized_each_by_itself,
                "06 Exercises",
            ),
            Misconception(
                ("All earlier returns count, not only those of the last batch."),
                _normalized_by_the_last_batch,
                "06 Exercises",
            ),
            Misconception(
                ("Add 1e-8 to the variance, under the square root, not to the standard deviation."),
                _normalized_with_an_offset_to_the_deviation,
                "06 Exercises",
            ),
        ],
    ),
]
