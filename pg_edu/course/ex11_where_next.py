"""The exercises of notebook 11, the next steps: answers, cases, and known mistakes."""

import numpy as np

from pg_edu.course.records import Exercise, Misconception
from pg_edu.course.shared import flags
from pg_edu.types import Flags, Floats, Ints


def _time(end: Flags) -> Ints:
    """Return the number of each row within its own episode, from 0."""
    lengths = np.diff(np.flatnonzero(end), prepend=-1)
    return np.concatenate([np.arange(length) for length in lengths])


def _baseline(G: Floats, end: Flags) -> Floats:
    t = _time(end)
    baseline: Floats = (np.bincount(t, weights=G)[t] - G) / (end.sum() - 1)
    return baseline


def _mean_of_running_episodes(G: Floats, end: Flags) -> Floats:
    t = _time(end)
    others = np.bincount(t)[t] - 1
    mean: Floats = (np.bincount(t, weights=G)[t] - G) / np.maximum(1, others)
    return mean


def _others(reward: Floats) -> Floats:
    others: Floats = (reward.sum() - reward) / (len(reward) - 1)
    return others


def _loss(log_prob: Floats, mask: Flags, reward: Floats) -> float:
    answers = (log_prob * mask).sum(axis=1)
    return -float((reward - _others(reward)) @ answers / len(reward))


def _weight(ratio: Floats, A: Floats, eps: float) -> Floats:
    cut = ((ratio > 1 + eps) & (A > 0)) | ((ratio < 1 - eps) & (A < 0))
    return np.where(cut, 0.0, ratio * A)


EXERCISES = [
    Exercise(
        "11.1",
        key=_baseline,
        points=2,
        cases=[
            (np.array([3.0, 2.0, 1.0, 1.0]), flags(0, 0, 1, 1)),
            (np.array([4.0, 2.0, 6.0, 5.0, 5.0, 8.0]), flags(0, 1, 1, 0, 0, 1)),
            (np.array([1.0, 2.0, 6.0]), flags(1, 1, 1)),
        ],
        misconceptions=[
            Misconception(
                (
                    "An episode that is over counts as 0, but you took the mean of those that are "
                    "still going on. That is unbiased, too, if no step is dropped, but it is another "
                    "baseline."
                ),
                _mean_of_running_episodes,
                "11 Exercises",
            ),
            Misconception(
                (
                    "That is the mean of all episodes, including the step's own: the estimate is too "
                    "short by the factor 1 - 1/N."
                ),
                lambda G, end: np.bincount(_time(end), weights=G)[_time(end)] / end.sum(),
                "11 Exercises",
            ),
            Misconception(
                ("That is the sum of the others; divide by their number."),
                lambda G, end: _baseline(G, end) * (end.sum() - 1),
                "11 Exercises",
            ),
            Misconception(
                ("You divided by N, but there are N - 1 others."),
                lambda G, end: _baseline(G, end) * (end.sum() - 1) / end.sum(),
                "11 Exercises",
            ),
            Misconception(
                (
                    "Those are the returns after subtraction; the exercise asks for what is subtracted."
                ),
                lambda G, end: G - _baseline(G, end),
                "11 Exercises",
            ),
            Misconception(
                ("That is one number for all steps: compare with the others at the same t."),
                lambda G, end: np.full(len(G), G.mean()),
                "11 Exercises",
            ),
        ],
    ),
    Exercise(
        "11.2",
        key=3.0,
        points=2,
        decimals=2,
        misconceptions=[
            Misconception(("That is for infinite groups and p = 1/2."), 2.0, "11 Exercises"),
            Misconception(
                ("With one right answer in ten, sigma is 0.3, not 1."), 10.0, "11 Exercises"
            ),
            Misconception(
                ("Nearly: sigma, with the divisor G, is the square root of 1/10 times 9/10."),
                np.sqrt(10.0),
                "11 Exercises",
            ),
            Misconception(
                (
                    "That is sigma itself, for one right answer in ten; how often is there one, compared "
                    "with p?"
                ),
                0.3,
                "11 Exercises",
            ),
            Misconception(
                (
                    "Take the square root: the update is divided by the standard deviation, not by the "
                    "variance."
                ),
                9.0,
                "11 Exercises",
            ),
        ],
    ),
    Exercise(
        "11.3",
        key=_loss,
        points=2,
        cases=[
            (
                np.array([[-1.0, -2.0, 0.0], [-0.5, -0.5, -1.0]]),
                np.array([[1, 1, 0], [1, 1, 1]], bool),
                np.array([1.0, 0.0]),
            ),
            (
                np.array([[-1.0, -2.0], [-3.0, 9.0], [-0.5, -1.5], [-1.0, 7.0]]),
                np.array([[1, 1], [1, 0], [1, 1], [1, 0]], bool),
                np.array([0.0, 1.0, 0.0, 0.0]),
            ),
        ],
        misconceptions=[
            Misconception(
                ("That is the loss with both bugs still in it."),
                lambda log_prob, mask, reward: (
                    -((reward - reward.mean())[:, None] * log_prob * mask).sum() / mask.sum()
                ),
                "11 Exercises",
            ),
            Misconception(
                (
                    "The baseline is right, but the sum is still divided by the number of tokens, "
                    "which depends on the answers."
                ),
                lambda log_prob, mask, reward: (
                    _loss(log_prob, mask, reward) * len(reward) / mask.sum()
                ),
                "11 Exercises",
            ),
            Misconception(
                ("The denominator is right, but the answer's own reward is still in its baseline."),
                lambda log_prob, mask, reward: (
                    _loss(log_prob, mask, reward) * (1 - 1 / len(reward))
                ),
                "11 Exercises",
            ),
            Misconception(
                (
                    "That is the average over the tokens of each answer: it favors short right "
                    "answers and long wrong ones."
                ),
                lambda log_prob, mask, reward: _loss(
                    log_prob / mask.sum(axis=1, keepdims=True), mask, reward
                ),
                "11 Exercises",
            ),
            Misconception(
                ("The padding must not count: multiply by the mask."),
                lambda log_prob, mask, reward: _loss(log_prob, np.ones_like(mask), reward),
                "11 Exercises",
            ),
            Misconception(
                ("The sign is wrong: a loss should fall, and the reward should rise."),
                lambda log_prob, mask, reward: -_loss(log_prob, mask, reward),
                "11 Exercises",
            ),
            Misconception(
                ("Divide the sum over the answers by their number."),
                lambda log_prob, mask, reward: _loss(log_prob, mask, reward) * len(reward),
                "11 Exercises",
            ),
        ],
    ),
    Exercise(
        "11.4",
        key=_weight,
        points=2,
        cases=[
            (np.array([1.0, 1.5, 0.5]), np.array([2.0, 2.0, 2.0]), 0.2),
            (np.array([1.1, 1.5, 0.5]), np.array([-1.0, -2.0, -2.0]), 0.2),
        ],
        misconceptions=[
            Misconception(
                ("That is the objective; its gradient is 0 where the clip is active."),
                lambda ratio, A, eps: np.minimum(ratio * A, ratio.clip(1 - eps, 1 + eps) * A),
                "11 Exercises",
            ),
            Misconception(
                (
                    "That cuts on both sides, whatever the sign: a step in the wrong direction could "
                    "then never be undone."
                ),
                lambda ratio, A, eps: np.where(np.abs(ratio - 1) > eps, 0.0, ratio * A),
                "11 Exercises",
            ),
            Misconception(
                ("The clip is missing: this is the importance ratio times the advantage."),
                lambda ratio, A, eps: ratio * A,
                "11 Exercises",
            ),
            Misconception(
                ("The ratio is missing: its gradient is the ratio times that of its logarithm."),
                lambda ratio, A, eps: _weight(ratio, A, eps) / ratio,
                "11 Exercises",
            ),
            Misconception(
                ("The two cases are swapped: the clip stops what the batch wants more of."),
                lambda ratio, A, eps: _weight(ratio, -A, eps) * -1,
                "11 Exercises",
            ),
        ],
    ),
]
