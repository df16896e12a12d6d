"""The exercises of notebook 03, the policy gradient: answers, cases, and known mistakes."""

import numpy as np

from pg_edu.course.records import Exercise, Misconception
from pg_edu.course.shared import flags
from pg_edu.returns import discounted_returns
from pg_edu.types import Flags, Floats, Ints


def _first(end: Flags) -> Ints:
    """Return the row in which the episode of each row begins."""
    rows = np.arange(len(end))
    begins = np.append(True, end[:-1])
    first: Ints = np.maximum.accumulate(np.where(begins, rows, 0))
    return first


def _gamma_t(end: Flags, gamma: float) -> Floats:
    decay: Floats = np.full(len(end), gamma) ** (np.arange(len(end)) - _first(end))
    return decay


def _weights(rew: Floats, end: Flags, gamma: float) -> Floats:
    return _gamma_t(end, gamma) * discounted_returns(rew, end, gamma)


def _lengths(end: Flags) -> Ints:
    """Return the length of the episode of each row."""
    last = np.flatnonzero(end)
    episode = np.searchsorted(last, np.arange(len(end)))
    lengths: Ints = np.diff(last, prepend=-1)[episode]
    return lengths


def _loss(log_prob: Floats, returns: Floats, end: Flags) -> float:
    return -float((log_prob * returns).sum() / end.sum())


def _to_go(rew: Floats) -> Floats:
    to_go: Floats = rew[::-1].cumsum()[::-1]
    return to_go


EXERCISES = [
    Exercise(
        "03.1",
        key=_weights,
        points=2,
        cases=[
            (np.array([1.0, 0.0, 4.0, 8.0, 8.0]), flags(0, 0, 1, 0, 1), 0.5),
            (np.ones(4), flags(0, 1, 0, 1), 0.5),
            (np.arange(1.0, 5.0), flags(1, 0, 0, 1), 0.9),
        ],
        misconceptions=[
            Misconception(
                (
                    "These are the returns; the factor gamma^t is missing. Without it the update is "
                    "in general not a gradient."
                ),
                discounted_returns,
                "03 Exercises",
            ),
            Misconception(
                (
                    "The step count runs on from episode to episode; it must start at 0 in each of them."
                ),
                lambda rew, end, gamma: (
                    gamma ** np.arange(len(rew)) * discounted_returns(rew, end, gamma)
                ),
                "03 Exercises",
            ),
            Misconception(
                (
                    "The step count starts at 1, but the first action of an episode is not discounted."
                ),
                lambda rew, end, gamma: gamma * _weights(rew, end, gamma),
                "03 Exercises",
            ),
            Misconception(
                (
                    "That is the total return of the episode, at every step: unbiased too, but it "
                    "still contains the past."
                ),
                lambda rew, end, gamma: discounted_returns(rew, end, gamma)[_first(end)],
                "03 Exercises",
            ),
            Misconception(
                (
                    "The discount is applied twice: G_t already discounts from step t onward, so only "
                    "gamma^t is missing."
                ),
                lambda rew, end, gamma: (
                    _gamma_t(end, gamma) ** 2 * discounted_returns(rew, end, gamma)
                ),
                "03 Exercises",
            ),
            Misconception(
                ("The returns must be discounted as well, each from its own step onward."),
                lambda rew, end, gamma: _gamma_t(end, gamma) * discounted_returns(rew, end, 1.0),
                "03 Exercises",
            ),
            Misconception(
                (
                    "Each step got only its own reward, discounted; the rewards after it are missing."
                ),
                lambda rew, end, gamma: _gamma_t(end, gamma) * rew,
                "03 Exercises",
            ),
        ],
    ),
    Exercise(
        "03.2",
        key=8 / 15,
        points=1,
        misconceptions=[
            Misconception(
                (
                    "That is the expected return at p = 1/2, the baseline V. It would be a good one if "
                    "nothing were divided by the number of steps."
                ),
                1.7,
                "03 Exercises",
            ),
            Misconception(
                ("Without a baseline the expected update is +0.4 q, not 0."), 0.0, "03 Exercises"
            ),
            Misconception(
                ("Almost: 0.75 b must cancel 0.4, so divide by 0.75."), 0.4, "03 Exercises"
            ),
            Misconception(("The sign is wrong: 0.4 - 0.75 b must be 0."), -8 / 15, "03 Exercises"),
            Misconception(
                ("That cancels the return of go, but stop still changes the policy."),
                2.4,
                "03 Exercises",
            ),
            Misconception(
                ("That cancels the return of stop, but go still changes the policy."),
                1.0,
                "03 Exercises",
            ),
        ],
    ),
    Exercise(
        "03.3",
        key=_loss,
        points=2,
        cases=[
            (np.array([-1.0, -2.0, -1.0]), np.array([3.0, 1.0, 2.0]), flags(0, 1, 1)),
            (
                np.array([-0.5, -1.0, -2.0, -0.5, -1.0, -0.2]),
                np.array([4.0, 3.0, 1.0, -2.0, 5.0, 1.0]),
                flags(0, 0, 1, 1, 0, 1),
            ),
        ],
        misconceptions=[
            Misconception(
                (
                    "That is the original loss and its bug: it averages over the steps of each episode."
                ),
                lambda log_prob, returns, end: _loss(log_prob / _lengths(end), returns, end),
                "03 Exercises",
            ),
            Misconception(
                ("That is the mean over all steps again, the one that learned the wrong button."),
                lambda log_prob, returns, end: -(log_prob * returns).mean(),
                "03 Exercises",
            ),
            Misconception(
                ("The sum over the steps is right; now divide by the number of episodes."),
                lambda log_prob, returns, end: -(log_prob * returns).sum(),
                "03 Exercises",
            ),
            Misconception(
                ("The sign is wrong: an optimizer minimizes, and the return should rise."),
                lambda log_prob, returns, end: -_loss(log_prob, returns, end),
                "03 Exercises",
            ),
            Misconception(
                (
                    "That is a product of two means: each return must stay with its own log-probability."
                ),
                lambda log_prob, returns, end: -log_prob.sum() * returns.mean() / end.sum(),
                "03 Exercises",
            ),
            Misconception(
                (
                    "Only the last steps are left: sum over all of them, and use the flags only to "
                    "count."
                ),
                lambda log_prob, returns, end: _loss(log_prob * end, returns, end),
                "03 Exercises",
            ),
        ],
    ),
    Exercise(
        "03.4",
        key=lambda rew, V: _to_go(rew) - V,
        points=2,
        cases=[
            (np.array([1.0, 0.0, 4.0]), np.array([3.0, 2.0, 5.0])),
            (np.array([2.0]), np.array([0.5])),
            (np.array([-1.0, 2.0, 2.0, 1.0]), np.array([1.0, 3.0, 2.0, 0.5])),
        ],
        misconceptions=[
            Misconception(
                (
                    "That is the bug: V of the next state is not fixed before the action, which led "
                    "there."
                ),
                lambda rew, V: _to_go(rew) - np.append(V[1:], 0.0),
                "03 Exercises",
            ),
            Misconception(
                (
                    "That is r + V(next) - V, the one-step advantage. If V is exact it is right on "
                    "average, but it relies on V where the episode shows what really followed; keep "
                    "the returns."
                ),
                lambda rew, V: rew + np.append(V[1:], 0.0) - V,
                "03 Exercises",
            ),
            Misconception(
                (
                    "That subtracts the mean of the episode's own returns, which depend on the actions."
                ),
                lambda rew, V: _to_go(rew) - _to_go(rew).mean(),
                "03 Exercises",
            ),
            Misconception(
                ("The bug is gone, and the baseline with it: unbiased, but with more variance."),
                lambda rew, V: _to_go(rew),
                "03 Exercises",
            ),
            Misconception(
                ("The sign is wrong: a return above the value is good."),
                lambda rew, V: V - _to_go(rew),
                "03 Exercises",
            ),
            Misconception(
                ("That is the value of the previous state: fixed in time, but for another step."),
                lambda rew, V: _to_go(rew) - np.append(0.0, V[:-1]),
                "03 Exercises",
            ),
            Misconception(
                (
                    "That is the total instead of the return from here on: unbiased, but it contains "
                    "the past."
                ),
                lambda rew, V: rew.sum() - V,
                "03 Exercises",
            ),
        ],
    ),
]
