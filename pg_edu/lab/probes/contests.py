"""Worlds of contests: in each, one of two actions pays more, and which one depends on the returns.

A mistake in the returns makes the worse action look better in some contests and not in others. So
the contests that an agent loses show which mistake it makes. All contests of a world are trained at
once: each has an observation of its own, and another one under which the two actions are exchanged,
so that no agent wins because it prefers an action from the start.
"""

from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Discrete


@dataclass(frozen=True)
class Arm:
    """The consequences of one of the two actions.

    Args:
        rewards: the rewards from the decision to the end of the episode.
        truncated: whether a time limit ends the episode, after which nothing more would be paid.
    """

    rewards: tuple[float, ...]
    truncated: bool = False


@dataclass(frozen=True)
class Contest:
    """Two arms, of which the first has the larger discounted return.

    Args:
        right, wrong: the arms.
        before: the rewards of the steps before the decision, in which all actions are alike.
    """

    right: Arm
    wrong: Arm
    before: tuple[float, ...] = ()

    @property
    def arms(self) -> tuple[Arm, Arm]:
        """The right arm and the wrong one."""
        return self.right, self.wrong


def opposite(*rewards: float, before: tuple[float, ...] = ()) -> Contest:
    """Return a contest whose arms pay these rewards and minus these rewards."""
    return Contest(Arm(rewards), Arm(tuple(-r for r in rewards)), before)


class ContestWorld(gym.Env[Any, Any]):
    """Contests as an environment with one-hot observations [2 C + 2] and two actions.

    Observations 2c and 2c + 1 are those of contest c; under the second one, action 1 is the right
    one. The last two observations are those of the steps before and after a decision.

    Example:
        >>> env = ContestWorld((opposite(1.0),))
        >>> obs, _ = env.reset(seed=0)
        >>> env.step(int(obs.argmax()))[1]
        1.0
    """

    def __init__(self, contests: tuple[Contest, ...]) -> None:
        self.contests = contests
        self._views = np.eye(2 * len(contests) + 2, dtype=np.float32)
        self.observation_space = Box(0.0, 1.0, (len(self._views),), np.float32)
        self.action_space = Discrete(2)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Draw a contest and return the first observation and an empty info."""
        super().reset(seed=seed)
        self._drawn = int(self.np_random.integers(2 * len(self.contests)))
        self._time = 0
        self._arm: Arm | None = None
        return self._observed(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Return the next observation, the reward, terminated, truncated and an empty info.

        The final observation of an episode that terminates is that of another contest, so an agent
        that learns from it learns something wrong.
        """
        contest = self.contests[self._drawn // 2]
        decision = len(contest.before)
        if self._time == decision:
            self._arm = contest.arms[int(action) ^ (self._drawn % 2)]
        rewards = contest.before + (self._arm.rewards if self._arm else ())
        reward = rewards[self._time]
        self._time += 1
        ended = self._arm is not None and self._time == len(rewards)
        truncated = ended and self._arm is not None and self._arm.truncated
        terminated = ended and not truncated
        obs = self._misleading() if terminated else self._observed()
        return obs, float(reward), terminated, truncated, {}

    def _observed(self) -> Any:
        """Return the observation of the current step."""
        decision = len(self.contests[self._drawn // 2].before)
        if self._time == decision:
            return self._views[self._drawn].copy()
        return self._views[-2 if self._time < decision else -1].copy()

    def _misleading(self) -> Any:
        return self._views[(self._drawn + 2) % (2 * len(self.contests))].copy()


CONTEST_GAMMA = 0.6

# With γ = 0.6 the later rewards weigh 0.6 and 0.36. Each contest is won with these weights, and
# lost or not decided with others: 0 and 0, 1 and 1, 0.36 and 0.13 (γ twice), 1.7 and 2.8 (from the
# wrong end). All episodes have three steps, so their lengths explain nothing.
DELAY_CONTESTS = (
    opposite(-0.5, 0.0, 2.1),  # lost if the third reward weighs less than 0.24
    opposite(-0.1, 0.0, 1.0),  # ... less than 0.10
    opposite(0.6, 0.0, -1.0),  # ... more than 0.60
    opposite(0.7, 0.0, -0.5),  # ... more than 1.4
    opposite(-0.4, 1.2, 0.0),  # lost if the second reward weighs less than 0.33
    opposite(0.9, -1.1, 0.0),  # ... more than 0.82
    Contest(Arm((2.6, 0.0, 0.0)), Arm((1.4, 0.0, 0.0))),  # not decided if rewards are clipped
    Contest(Arm((-1.4, 0.0, 0.0)), Arm((-2.6, 0.0, 0.0))),  # lost if the sign is lost
    Contest(Arm((0.8, 0.0, 0.0)), Arm((0.2, 0.0, 0.0))),  # not decided between integers
    opposite(0.3, before=(0.0, 0.0)),
    opposite(-0.2, 0.8, before=(0.0,)),
)

# The first step of every episode costs 2. A return that does not stop at the end of its episode
# brings this cost along, the earlier the shorter the episode was.
TOLL = (-2.0,)


def _long(value: float) -> tuple[float, ...]:
    """Return four equal rewards whose discounted sum is `value`."""
    weights = CONTEST_GAMMA ** np.arange(4)
    return (float(value / weights.sum()),) * 4


LENGTHS_CONTESTS = (
    Contest(Arm((0.2,)), Arm((-0.2, 0.0, 0.0)), TOLL),  # lost if the toll leaks back
    Contest(Arm((0.15, 0.0, 0.0)), Arm((-0.15,)), TOLL),  # lost if a positive value follows
    Contest(Arm(_long(1.3)), Arm((0.8,)), TOLL),  # lost if divided by the length
    Contest(Arm((-0.8,)), Arm(_long(-1.3)), TOLL),  # the same with costs
    Contest(Arm((0.2, 0.0), truncated=True), Arm((-0.2, 0.0)), TOLL),  # lost if only
    Contest(Arm((0.2, 0.0)), Arm((-0.2, 0.0), truncated=True), TOLL),  # ... one flag counts
)
