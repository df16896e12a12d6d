"""Exercises of 11_where_next."""

import numpy as np

from pg_edu.course import Exercise
from pg_edu.types import Flags, Floats, Ints


def _time(end: Flags) -> Ints:
    """The number of each row in its own game, from 0."""
    lengths = np.diff(np.flatnonzero(end), prepend=-1)
    return np.concatenate([np.arange(length) for length in lengths])


def _baseline(G: Floats, end: Flags) -> Floats:
    t = _time(end)
    baseline: Floats = (np.bincount(t, weights=G)[t] - G) / (end.sum() - 1)
    return baseline


def _mean_of_the_alive(G: Floats, end: Flags) -> Floats:
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


def _flags(*values: int) -> Flags:
    return np.array(values, bool)


EXERCISES = [
    Exercise(
        "11.1",
        hint="number the steps of each game; np.bincount(t, weights=G) sums up at each number.",
        key=_baseline,
        cases=[
            (np.array([3.0, 2.0, 1.0, 1.0]), _flags(0, 0, 1, 1)),
            (np.array([4.0, 2.0, 6.0, 5.0, 5.0, 8.0]), _flags(0, 1, 1, 0, 0, 1)),
            (np.array([1.0, 2.0, 6.0]), _flags(1, 1, 1)),
        ],
        mistakes={
            "A game that is over counts as 0; you took the mean of those that are still going on. "
            "Unbiased too, if no step is dropped, but another baseline.": _mean_of_the_alive,
            "That is the mean of all games, its own included: too short by 1 - 1/N.": (
                lambda G, end: np.bincount(_time(end), weights=G)[_time(end)] / end.sum()
            ),
            "That is the sum of the others; divide by how many they are.": (
                lambda G, end: _baseline(G, end) * (end.sum() - 1)
            ),
            "You divided by N; there are N - 1 others.": (
                lambda G, end: _baseline(G, end) * (end.sum() - 1) / end.sum()
            ),
            "That is what is left of the returns; asked for is what is taken off.": (
                lambda G, end: G - _baseline(G, end)
            ),
            "That is one number for all steps: compare with the others at the same t.": (
                lambda G, end: np.full(len(G), G.mean())
            ),
        },
    ),
    Exercise(
        "11.2",
        hint="E[sigma] / (p (1 - p)): which groups have a spread at all, how often, how large?",
        key=3.0,
        mistakes={
            "That is for infinite groups and p = 1/2.": 2.0,
            "One in ten has sigma = 0.3, not 1.": 10.0,
            "Nearly: sigma, with the divisor G, is the root of 1/10 times 9/10.": np.sqrt(10.0),
            "That is sigma itself, for one right answer in ten; how often is there one, compared "
            "with p?": 0.3,
            "The root of it: it is the standard deviation that divides, not the variance.": 9.0,
        },
        tolerance=1e-3,
    ),
    Exercise(
        "11.3",
        hint="sum over an answer's tokens, mean over the answers; compare each with the others.",
        key=_loss,
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
        mistakes={
            "That is the loss with both bugs still in it.": (
                lambda log_prob, mask, reward: (
                    -((reward - reward.mean())[:, None] * log_prob * mask).sum() / mask.sum()
                )
            ),
            "The baseline is right; the sum is still divided by the number of tokens, which the "
            "answers decide.": (
                lambda log_prob, mask, reward: (
                    _loss(log_prob, mask, reward) * len(reward) / mask.sum()
                )
            ),
            "The denominator is right; the answer's own reward is still in its baseline.": (
                lambda log_prob, mask, reward: _loss(log_prob, mask, reward) * (1 - 1 / len(reward))
            ),
            "That is the average over each answer's tokens: short when right, long when wrong.": (
                lambda log_prob, mask, reward: _loss(
                    log_prob / mask.sum(axis=1, keepdims=True), mask, reward
                )
            ),
            "The padding has to stay out: multiply by the mask.": (
                lambda log_prob, mask, reward: _loss(log_prob, np.ones_like(mask), reward)
            ),
            "The sign: a loss goes down, and the reward is to go up.": (
                lambda log_prob, mask, reward: -_loss(log_prob, mask, reward)
            ),
            "Divide the sum over the answers by their number.": (
                lambda log_prob, mask, reward: _loss(log_prob, mask, reward) * len(reward)
            ),
        },
    ),
    Exercise(
        "11.4",
        hint="where the minimum is the clipped term and that is a constant, the weight is 0.",
        key=_weight,
        cases=[
            (np.array([1.0, 1.5, 0.5]), np.array([2.0, 2.0, 2.0]), 0.2),
            (np.array([1.1, 1.5, 0.5]), np.array([-1.0, -2.0, -2.0]), 0.2),
        ],
        mistakes={
            "That is the objective; its gradient has no part where the clip holds.": (
                lambda ratio, A, eps: np.minimum(ratio * A, ratio.clip(1 - eps, 1 + eps) * A)
            ),
            "That cuts on both sides, whatever the sign: a step in the wrong direction could then "
            "never be taken back.": (
                lambda ratio, A, eps: np.where(np.abs(ratio - 1) > eps, 0.0, ratio * A)
            ),
            "Without the clip: that is the importance weight times the advantage.": (
                lambda ratio, A, eps: ratio * A
            ),
            "The ratio is missing: its gradient is the ratio times that of the log.": (
                lambda ratio, A, eps: _weight(ratio, A, eps) / ratio
            ),
            "The two cases are swapped: the clip stops what the batch wants more of.": (
                lambda ratio, A, eps: _weight(ratio, -A, eps) * -1
            ),
        },
    ),
]
