"""The exercises of notebook 01, the score function: answers, cases, and known mistakes."""

import numpy as np

from pg_edu.course.records import Exercise, Misconception
from pg_edu.lab.exact.mdp import softmax
from pg_edu.types import Floats, Ints


def _score(logits: Floats, arm: int) -> Floats:
    score: Floats = np.eye(len(logits))[arm] - softmax(logits)
    return score


def _scores(pi: Floats, arms: Ints) -> Floats:
    scores: Floats = np.eye(len(pi))[arms] - pi
    return scores


def _weighted_mean(weights: Floats, rewards: Floats) -> float:
    return float(weights @ rewards / weights.sum())


def _length2(pi: Floats) -> Floats:
    length2: Floats = (_scores(pi, np.arange(len(pi))) ** 2).sum(axis=1)
    return length2


def _estimate(pi: Floats, arms: Ints, rewards: Floats) -> Floats:
    estimate: Floats = (rewards[:, None] * _scores(pi, arms)).mean(axis=0)
    return estimate


EXERCISES = [
    Exercise(
        "01.1",
        key=_score,
        points=1,
        cases=[
            (np.array([0.0, np.log(3.0)]), 0),
            (np.array([0.5, -0.3, 0.1]), 2),
            (np.array([2.0, 0.0, 0.0, -1.0]), 0),
        ],
        misconceptions=[
            Misconception(
                ("The sign is reversed: this direction makes the arm less likely."),
                lambda logits, arm: -_score(logits, arm),
                "01 Exercises",
            ),
            Misconception(
                ("That is the gradient of the probability, not of its logarithm."),
                lambda logits, arm: softmax(logits)[arm] * _score(logits, arm),
                "01 Exercises",
            ),
            Misconception(
                ("The normalizer is missing: the logarithm of the sum depends on every logit."),
                lambda logits, arm: np.eye(len(logits))[arm],
                "01 Exercises",
            ),
            Misconception(
                (
                    "You divided by the probability once too often: the logarithm has already done it."
                ),
                lambda logits, arm: _score(logits, arm) / softmax(logits)[arm],
                "01 Exercises",
            ),
            Misconception(
                (
                    "Subtract from each coordinate the probability of its own arm, not that of the "
                    "pulled arm."
                ),
                lambda logits, arm: np.eye(len(logits))[arm] - softmax(logits)[arm],
                "01 Exercises",
            ),
            Misconception(
                ("These are logits, not probabilities: the softmax is missing."),
                lambda logits, arm: np.eye(len(logits))[arm] - logits,
                "01 Exercises",
            ),
        ],
    ),
    Exercise(
        "01.2",
        key=0.1,
        points=1,
        misconceptions=[
            Misconception(
                (
                    "That is V, the average reward. It is fixed before the pull, so it is "
                    "unbiased, but is the estimate the same after either "
                    "arm?"
                ),
                0.9,
                "01 Exercises",
            ),
            Misconception(
                ("That is halfway between the two rewards; it would be right for a fair coin."),
                0.5,
                "01 Exercises",
            ),
            Misconception(
                ("Without a baseline arm 0 gives a vector of zeros, and arm 1 does not."),
                0.0,
                "01 Exercises",
            ),
            Misconception(
                (
                    "That is the reward of arm 1: now arm 1 gives a vector of zeros, and arm 0 does not."
                ),
                1.0,
                "01 Exercises",
            ),
            Misconception(
                (
                    "That is a coordinate of the gradient itself. Which b makes both estimates equal "
                    "to it?"
                ),
                0.09,
                "01 Exercises",
            ),
        ],
    ),
    Exercise(
        "01.3",
        key=lambda pi, rewards: _weighted_mean(pi * _length2(pi), rewards),
        points=2,
        cases=[
            (np.array([0.5, 0.2, 0.3]), np.array([1.0, 0.0, 4.0])),
            (np.array([0.7, 0.1, 0.1, 0.1]), np.array([-2.0, 3.0, 0.0, 1.0])),
            (np.array([0.1, 0.9]), np.array([0.0, 1.0])),
        ],
        misconceptions=[
            Misconception(
                ("That is V: the squared lengths of the scores are missing."),
                _weighted_mean,
                "01 Exercises",
            ),
            Misconception(
                (
                    "Each arm counts as if it were pulled equally often: the probabilities are missing."
                ),
                lambda pi, rewards: _weighted_mean(_length2(pi), rewards),
                "01 Exercises",
            ),
            Misconception(
                ("Square the lengths."),
                lambda pi, rewards: _weighted_mean(pi * np.sqrt(_length2(pi)), rewards),
                "01 Exercises",
            ),
            Misconception(
                ("So far this is only E[R |score|²]: divide it by E[|score|²]."),
                lambda pi, rewards: float(pi * _length2(pi) @ rewards),
                "01 Exercises",
            ),
            Misconception(
                ("That is the plain mean of the rewards."),
                lambda pi, rewards: float(rewards.mean()),
                "01 Exercises",
            ),
        ],
    ),
    Exercise(
        "01.4",
        key=_estimate,
        points=2,
        cases=[
            (np.array([0.25, 0.75]), np.array([1]), np.array([2.0])),
            (np.array([0.5, 0.2, 0.3]), np.array([0, 2, 2, 1]), np.array([1.0, 5.0, 5.0, 0.0])),
        ],
        misconceptions=[
            Misconception(
                (
                    "That is the original estimator, with its bug: it uses the gradient of the probability "
                    "where that of the log-probability belongs."
                ),
                lambda pi, arms, rewards: _estimate(pi, arms, rewards * pi[arms]),
                "01 Exercises",
            ),
            Misconception(
                ("You divided by the probability once too often: now rare arms count too much."),
                lambda pi, arms, rewards: _estimate(pi, arms, rewards / pi[arms]),
                "01 Exercises",
            ),
            Misconception(
                ("The sign is reversed: minus the estimate is the gradient of the loss."),
                lambda pi, arms, rewards: -_estimate(pi, arms, rewards),
                "01 Exercises",
            ),
            Misconception(
                ("The bug is gone, but this is the sum over the batch: it grows with N."),
                lambda pi, arms, rewards: len(arms) * _estimate(pi, arms, rewards),
                "01 Exercises",
            ),
            Misconception(
                (
                    "Subtracting the mean of the batch's own rewards shrinks the estimate by "
                    "the factor 1 - 1/N; that was not the bug."
                ),
                lambda pi, arms, rewards: _estimate(pi, arms, rewards - rewards.mean()),
                "01 Exercises",
            ),
        ],
    ),
]
