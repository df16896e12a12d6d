"""What an agent takes for the return, read off the contests that it wins and loses.

Each entry of READINGS is a way to weight a decision, right or wrong, as a function of what was paid
in the episode. `contest_values` says what it is worth in each contest, and `best_readings` compares
that with what an agent learned.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pg_edu.lab.probes.contests import Arm, Contest
from pg_edu.types import Floats


@dataclass(frozen=True)
class Play:
    """An episode as a reading sees it.

    Args:
        before: the rewards before the decision.
        rewards: those from the decision on.
        truncated: how it ended.
        gamma: the discount factor.
        next_start: what the next episode is worth at its start.
    """

    before: tuple[float, ...]
    rewards: tuple[float, ...]
    truncated: bool
    gamma: float
    next_start: float

    @property
    def length(self) -> int:
        """The number of steps of the episode."""
        return len(self.before) + len(self.rewards)

    @property
    def after(self) -> float:
        """The discount of what comes after the end."""
        return self.gamma ** len(self.rewards)


Reading = Callable[[Play], float]


def summed(rewards: Sequence[float], gamma: float) -> float:
    """Return Σ γᵏ rₖ."""
    return float(np.dot(gamma ** np.arange(len(rewards)), rewards))


def right(play: Play) -> float:
    """Return Gₜ = Σ γᵏ rₜ₊ₖ."""
    return summed(play.rewards, play.gamma)


def _backwards(play: Play) -> float:
    return summed(play.rewards[::-1], play.gamma)


def _reversed(play: Play) -> float:
    """Return the return of a step if the rewards of the episode are in reverse order."""
    rewards = (play.before + play.rewards)[::-1]
    return summed(rewards[len(play.before) :], play.gamma)


def _cut_at_each_step(play: Play) -> float:
    total = 0.0
    for reward in reversed(play.rewards):
        total = float(int(reward + play.gamma * total))
    return total


def _standardized(play: Play) -> float:
    rewards = play.before + play.rewards
    returns = np.array([summed(rewards[t:], play.gamma) for t in range(len(rewards))])
    centered = returns - returns.mean()
    return float(centered[len(play.before)] / (returns.std() + 1e-8))


READINGS: dict[str, Reading] = {
    "right": right,
    "immediate": lambda e: e.rewards[0],
    "undiscounted": lambda e: summed(e.rewards, 1.0),
    "gamma twice": lambda e: summed(e.rewards, e.gamma**2),
    "backwards": _backwards,
    "reversed": _reversed,
    "own reward missing": lambda e: right(e) - e.rewards[0],
    "last reward": lambda e: e.rewards[-1],
    "absolute": lambda e: abs(right(e)),
    "squared": lambda e: right(e) ** 2,
    "negative dropped": lambda e: max(right(e), 0.0),
    "clipped rewards": lambda e: summed(np.clip(e.rewards, -1, 1).tolist(), e.gamma),
    "clipped returns": lambda e: float(np.clip(right(e), -1, 1)),
    "sign of rewards": lambda e: summed(np.sign(e.rewards).tolist(), e.gamma),
    "integers": lambda e: float(int(right(e))),
    "integers at each step": _cut_at_each_step,
    "rounded": lambda e: float(np.round(right(e))),
    "first step alone": lambda e: 0.0 if e.before else right(e),
    "last step alone": lambda e: 0.0 if len(e.rewards) > 1 else right(e),
    "divided by length": lambda e: right(e) / e.length,
    "standardized per episode": _standardized,
    "leak": lambda e: right(e) + e.after * e.next_start,
    "leak at truncation": lambda e: right(e) + e.truncated * e.after * e.next_start,
    "leak at termination": lambda e: right(e) + (not e.truncated) * e.after * e.next_start,
    "value after termination": lambda e: right(e) + (not e.truncated) * e.after,
    "value after every end": lambda e: right(e) + e.after,
}


def contest_values(
    reading: Reading, contests: Sequence[Contest], gamma: float, next_start: float = 0.0
) -> Floats:
    """Return how much more the right arm is worth than the wrong one under a reading, [C]."""

    def value(contest: Contest, arm: Arm) -> float:
        return reading(Play(contest.before, arm.rewards, arm.truncated, gamma, next_start))

    return np.array([value(c, c.right) - value(c, c.wrong) for c in contests])


def right_values(contests: Sequence[Contest], gamma: float) -> Floats:
    """Return the discounted return of both arms of each contest, [C, 2]."""
    return np.array([[summed(arm.rewards, gamma) for arm in c.arms] for c in contests])


def cosine(x: Floats, y: Floats) -> float:
    """Return the cosine of the angle between two vectors, or 0 if one of them is 0."""
    lengths = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(np.dot(x, y)) / lengths if lengths > 1e-12 else 0.0
