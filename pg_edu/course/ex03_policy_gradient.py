"""Exercises of 03_policy_gradient."""

import numpy as np

from pg_edu.course import Exercise
from pg_edu.returns import discounted_returns
from pg_edu.types import Flags, Floats, Ints


def _first(end: Flags) -> Ints:
    """The row in which the episode of each row begins."""
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
    """The length of the episode of each row."""
    last = np.flatnonzero(end)
    episode = np.searchsorted(last, np.arange(len(end)))
    lengths: Ints = np.diff(last, prepend=-1)[episode]
    return lengths


def _loss(log_prob: Floats, returns: Floats, end: Flags) -> float:
    return -float((log_prob * returns).sum() / end.sum())


def _to_go(rew: Floats) -> Floats:
    to_go: Floats = rew[::-1].cumsum()[::-1]
    return to_go


def _flags(*values: int) -> Flags:
    return np.array(values, bool)


EXERCISES = [
    Exercise(
        "03.1",
        hint="first the returns, as in notebook 02; then multiply each by gamma to the power of "
        "the number of steps since its own game began.",
        key=_weights,
        cases=[
            (np.array([1.0, 0.0, 4.0, 8.0, 8.0]), _flags(0, 0, 1, 0, 1), 0.5),
            (np.ones(4), _flags(0, 1, 0, 1), 0.5),
            (np.arange(1.0, 5.0), _flags(1, 0, 0, 1), 0.9),
        ],
        mistakes={
            "These are the returns; the factor gamma^t is missing. What they lead to is in general "
            "no gradient.": discounted_returns,
            "The clock runs on from game to game; it must start at 0 in each of them.": (
                lambda rew, end, gamma: (
                    gamma ** np.arange(len(rew)) * discounted_returns(rew, end, gamma)
                )
            ),
            "The clock starts at 1: the first action of a game is not discounted.": (
                lambda rew, end, gamma: gamma * _weights(rew, end, gamma)
            ),
            "That is the total return of the game, at every step: unbiased too, but with the past "
            "still in it.": (
                lambda rew, end, gamma: discounted_returns(rew, end, gamma)[_first(end)]
            ),
            "The discount is in it twice: G_t discounts from step t on, so only gamma^t is "
            "missing.": (
                lambda rew, end, gamma: (
                    _gamma_t(end, gamma) ** 2 * discounted_returns(rew, end, gamma)
                )
            ),
            "The returns must be discounted as well, from their own step on.": (
                lambda rew, end, gamma: _gamma_t(end, gamma) * discounted_returns(rew, end, 1.0)
            ),
            "Each step got its own reward only, discounted; the rewards after it are missing.": (
                lambda rew, end, gamma: _gamma_t(end, gamma) * rew
            ),
        },
    ),
    Exercise(
        "03.2",
        hint="after stop: the score (1 - p) times 1 - b, divided by one step. After go: the score "
        "-p times 2.4 - b, divided by four. Weigh them with p and 1 - p.",
        key=8 / 15,
        mistakes={
            "That is the expected return at p = 1/2, the baseline V. It would be a good one if "
            "nothing were divided by the number of steps.": 1.7,
            "Without a baseline the expected update is +0.4 q, not 0.": 0.0,
            "Almost: -0.4 is what 0.75 b must make up for, so divide by 0.75.": 0.4,
            "The sign: 0.4 - 0.75 b is to be 0.": -8 / 15,
            "That makes the return of go vanish, and stop is still moved.": 2.4,
            "That makes the return of stop vanish, and go is still moved.": 1.0,
        },
    ),
    Exercise(
        "03.3",
        hint="sum over the steps, mean over the episodes. How many episodes are there?",
        key=_loss,
        cases=[
            (np.array([-1.0, -2.0, -1.0]), np.array([3.0, 1.0, 2.0]), _flags(0, 1, 1)),
            (
                np.array([-0.5, -1.0, -2.0, -0.5, -1.0, -0.2]),
                np.array([4.0, 3.0, 1.0, -2.0, 5.0, 1.0]),
                _flags(0, 0, 1, 1, 0, 1),
            ),
        ],
        mistakes={
            "That is the loss with its bug: the steps of each episode are still averaged.": (
                lambda log_prob, returns, end: _loss(log_prob / _lengths(end), returns, end)
            ),
            "That is the mean over all steps again, the one that learned the wrong button.": (
                lambda log_prob, returns, end: -(log_prob * returns).mean()
            ),
            "The sum over the steps is right; now divide by the number of episodes.": (
                lambda log_prob, returns, end: -(log_prob * returns).sum()
            ),
            "The sign: an optimizer goes down, and the return is to go up.": (
                lambda log_prob, returns, end: -_loss(log_prob, returns, end)
            ),
            "A product of two means: each return has to stay with its own log-probability.": (
                lambda log_prob, returns, end: -log_prob.sum() * returns.mean() / end.sum()
            ),
            "Only the last steps are left: sum over all of them, and use the flags to count.": (
                lambda log_prob, returns, end: _loss(log_prob * end, returns, end)
            ),
        },
    ),
    Exercise(
        "03.4",
        hint="V[1:] is the value of the place to which the action led. The action had a say in it.",
        key=lambda rew, V: _to_go(rew) - V,
        cases=[
            (np.array([1.0, 0.0, 4.0]), np.array([3.0, 2.0, 5.0])),
            (np.array([2.0]), np.array([0.5])),
            (np.array([-1.0, 2.0, 2.0, 1.0]), np.array([1.0, 3.0, 2.0, 0.5])),
        ],
        mistakes={
            "That is the bug: V of the next place is not settled before the action, which led "
            "there.": lambda rew, V: _to_go(rew) - np.append(V[1:], 0.0),
            "That is r + V(next) - V, the one-step advantage. If V is exact it is right on "
            "average, but it believes V where the game has told the truth; keep the returns.": (
                lambda rew, V: rew + np.append(V[1:], 0.0) - V
            ),
            "That subtracts the mean of the game's own returns, which the actions have made.": (
                lambda rew, V: _to_go(rew) - _to_go(rew).mean()
            ),
            "The bug is gone, and the baseline with it: unbiased, but noisy.": (
                lambda rew, V: _to_go(rew)
            ),
            "The sign: a return above the value is good.": lambda rew, V: V - _to_go(rew),
            "That is the value of the place before: settled, but it belongs to another step.": (
                lambda rew, V: _to_go(rew) - np.append(0.0, V[:-1])
            ),
            "The total in place of the return from here on: unbiased, but the past is in it.": (
                lambda rew, V: rew.sum() - V
            ),
        },
    ),
]
