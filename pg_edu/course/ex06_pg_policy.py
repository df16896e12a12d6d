"""Exercises of 06_pg_policy."""

import numpy as np
from numpy.typing import NDArray

from pg_edu.course import Exercise
from pg_edu.stats import RunningMeanStd
from pg_edu.types import Floats

Arms = NDArray[np.int64]


def _weighted_step(arms: Arms, rewards: Floats, old: Floats, new: Floats) -> Floats:
    return _step(new[arms] / old[arms] * rewards, arms, new)


def _step(weights: Floats, arms: Arms, probs: Floats) -> Floats:
    step: Floats = weights @ (np.eye(len(probs))[arms] - probs) / len(arms)
    return step


def _normalised(batches: list[Floats]) -> list[Floats]:
    rms, result = RunningMeanStd(), []
    for returns in batches:
        result.append((returns - rms.mean) / np.sqrt(rms.var + 1e-8))
        rms.update(returns)
    return result


def _normalised_too_late(batches: list[Floats]) -> list[Floats]:
    seen = [np.concatenate(batches[: k + 1]) for k in range(len(batches))]
    return [(G - s.mean()) / np.sqrt(s.var() + 1e-8) for G, s in zip(batches, seen, strict=True)]


def _normalised_by_the_last_batch(batches: list[Floats]) -> list[Floats]:
    before = [np.array([-1.0, 1.0]), *batches]
    return [(G - b.mean()) / np.sqrt(b.var() + 1e-8) for G, b in zip(batches, before, strict=False)]


def _normalised_each_by_itself(batches: list[Floats]) -> list[Floats]:
    return [(G - G.mean()) / np.sqrt(G.var() + 1e-8) for G in batches]


def _normalised_with_an_offset_to_the_deviation(batches: list[Floats]) -> list[Floats]:
    rms, result = RunningMeanStd(), []
    for returns in batches:
        result.append((returns - rms.mean) / (np.sqrt(rms.var) + 1e-8))
        rms.update(returns)
    return result


EXERCISES = [
    Exercise(
        "06.1",
        hint="count the pieces of one pass; no piece is smaller than batch_size.",
        key=6,
        mistakes={
            "A pass has two steps, not three: the rest of two rows joins the piece before it.": 9,
            "That is one pass, and there are three.": 2,
            "That is the number of passes; each of them takes several steps.": 3,
            "Each pass is cut for itself, the thirty rows are not joined.": 7,
        },
    ),
    Exercise(
        "06.2",
        hint="where nothing moves, the mean of r(a) (e_a - pi) over the batch is 0: solve for pi.",
        key=(2 / 7, 0.0, 5 / 7),
        mistakes={
            "That is where the true gradient leads: this batch is all that these steps know.": (
                (0.0, 0.0, 1.0)
            ),
            "These are the frequencies in the batch; what the arms paid counts, too.": (
                (0.5, 0.25, 0.25)
            ),
            "Arm 0 was drawn twice: both of its rewards pull.": (1 / 6, 0.0, 5 / 6),
            "That is the policy before the first step if all logits are equal.": (1 / 3,) * 3,
        },
        tolerance=0.01,
    ),
    Exercise(
        "06.3",
        hint="for each row the ratio new/old of its arm, times its reward, times (one-hot - new); "
        "then the mean over the rows.",
        key=_weighted_step,
        cases=[
            (
                np.array([2, 0, 2, 1]),
                np.array([5.0, 1.0, 5.0, -2.0]),
                np.array([0.5, 0.3, 0.2]),
                np.array([0.2, 0.3, 0.5]),
            ),
            (np.array([0]), np.array([2.0]), np.array([0.5, 0.5]), np.array([0.25, 0.75])),
        ],
        mistakes={
            "The ratio is upside down: what the new policy would do more often must count more.": (
                lambda arms, rewards, old, new: _step(old[arms] / new[arms] * rewards, arms, new)
            ),
            "The weights are missing: that is the plain second step.": (
                lambda arms, rewards, old, new: _step(rewards, arms, new)
            ),
            "The score must be that of the new policy, one-hot minus new.": (
                lambda arms, rewards, old, new: _step(new[arms] / old[arms] * rewards, arms, old)
            ),
            "That is the gradient of the loss: J's has the other sign.": (
                lambda arms, rewards, old, new: -_weighted_step(arms, rewards, old, new)
            ),
            "A sum over the rows; it is to be their mean.": (
                lambda arms, rewards, old, new: len(arms) * _weighted_step(arms, rewards, old, new)
            ),
            "The weights were divided by their sum, which makes the estimate biased.": (
                lambda arms, rewards, old, new: (
                    len(arms)
                    * _weighted_step(arms, rewards, old, new)
                    / (new[arms] / old[arms]).sum()
                )
            ),
        },
    ),
    Exercise(
        "06.4",
        hint="first normalise, then take the batch in; divide by sqrt(variance + 1e-8).",
        key=_normalised,
        cases=[
            ([np.array([3.0, 1.0]), np.array([6.0]), np.array([2.0, 4.0])],),
            ([np.array([1.0, 1.0]), np.array([1.0, 1.001])],),
        ],
        mistakes={
            "The batch is still among what it is normalised by.": _normalised_too_late,
            "Each batch is normalised by itself; what was seen before it counts.": (
                _normalised_each_by_itself
            ),
            "Everything seen before counts, not the last batch alone.": (
                _normalised_by_the_last_batch
            ),
            "1e-8 belongs to the variance, under the root, not to the standard deviation.": (
                _normalised_with_an_offset_to_the_deviation
            ),
        },
    ),
]
