"""Exercises of 02_returns."""

import numpy as np
from numpy.typing import NDArray

from pg_edu.check import Exercise
from pg_edu.returns import discounted_returns

Floats = NDArray[np.float64]


def _of_one_episode(rew: Floats, gamma: float) -> Floats:
    return discounted_returns(rew, np.arange(len(rew)) == len(rew) - 1, gamma)


EXERCISES = [
    Exercise(
        "02.1",
        hint="start with the last reward and go backwards: the return of a step is its reward plus "
        "gamma times the return of the step behind it.",
        key=_of_one_episode,
        cases=[
            (np.array([1.0]), 0.5),
            (np.array([0.0, 0.0, 4.0]), 0.5),
            (np.array([1, 1, 1]), 0.5),
            (np.arange(5.0), 1.0),
        ],
        mistakes={
            "These are sums of the rewards before each step, not of those after it.": (
                lambda rew, gamma: _of_one_episode(rew[::-1], gamma)[::-1]
            ),
            "The rewards are added without their discount.": (
                lambda rew, gamma: _of_one_episode(rew, 1.0)
            ),
            "Discounted, an integer reward is no integer: give the result a float dtype.": (
                lambda rew, gamma: _of_one_episode(rew, gamma).astype(rew.dtype)
            ),
        },
    ),
]
