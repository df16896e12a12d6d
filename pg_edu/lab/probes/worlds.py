"""The environments of the probes, so small that the best possible return can be computed.

    World    any tabular MDP as a Gymnasium environment
    Motor    two continuous actions with bounds

Below them are the MDPs of the probes, and the functions that compute the best return in an MDP.
"""

from bisect import bisect
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Discrete

from pg_edu.lab.exact.mdp import MDP
from pg_edu.lab.exact.tasks import bandit, contexts
from pg_edu.types import Floats


class World(gym.Env[Any, Any]):
    """A tabular MDP as an environment: one-hot observations [O], and actions 0 to A - 1.

    If the MDP has a limit, an episode that reaches it is truncated.

    Example:
        >>> env = World(LIMIT)
        >>> env.reset()[0], [float(env.step(np.int64(1))[1]) for _ in range(3)]
        (array([1., 0.], dtype=float32), [0.0, 0.0, 4.7])
    """

    def __init__(self, mdp: MDP) -> None:
        self.mdp = mdp
        obs_size, action_count = mdp.logits.shape
        self.observation_space = Box(0.0, 1.0, (obs_size,), np.float32)
        self.action_space = Discrete(action_count)
        self._obs_of_state = np.eye(obs_size, dtype=np.float32)[mdp.observation]
        self._start_cdf = mdp.start.cumsum().tolist()
        self._transition_cdf = mdp.transition.cumsum(axis=-1).tolist()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode and return its first observation [O] and an empty info."""
        super().reset(seed=seed)
        self._state = self._draw(self._start_cdf)
        self._steps = 0
        return self._obs_of_state[self._state].copy(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Return the next observation, the reward, terminated, truncated and an empty info.

        The final observation of an episode that terminates is a misleading one, that of another
        state, so an agent that learns from it learns something wrong.
        """
        reward = float(self.mdp.reward[self._state, action])
        next_state = self._draw(self._transition_cdf[self._state][int(action)])

        # The probabilities in a row of transitions sum to 1 minus that of termination. A draw
        # beyond their sum therefore ends the episode.
        terminated = next_state == len(self._obs_of_state)
        if terminated:
            next_state = (self._state + 1) % len(self._obs_of_state)
        self._state = next_state

        self._steps += 1
        truncated = not terminated and self._steps == self.mdp.limit
        return self._obs_of_state[self._state].copy(), reward, terminated, truncated, {}

    def _draw(self, cdf: list[float]) -> int:
        """Draw an index with this cumulative distribution; len(cdf) if it ends below the draw."""
        return bisect(cdf, self.np_random.random())


class Motor(gym.Env[Any, Any]):
    """An environment with two actions in [-1, 3]: it pays 4 at one corner, 2 at the opposite.

    Each episode is one step. The best first action is at one end and the best second action at the
    other, so an agent that drives both to the same end is half wrong.

    Example:
        >>> env = Motor()
        >>> _ = env.reset()
        >>> env.step(np.array([-1.0, 2.0], np.float32))[1]
        3.75
    """

    LOW, HIGH = -1.0, 3.0

    def __init__(self, first_is_low: bool = True) -> None:
        ends = (self.LOW, self.HIGH)
        self.best = np.array(ends if first_is_low else ends[::-1])
        self.observation_space = Box(0.0, 1.0, (1,), np.float32)
        self.action_space = Box(self.LOW, self.HIGH, (2,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Return the only observation, and an empty info."""
        super().reset(seed=seed)
        return np.ones(1, np.float32), {}

    def rewards(self, action: Any) -> Floats:
        """Return what each of the two actions earns, 4 - 2 |action - best| / (3 - (-1)), [2]."""
        distance = np.abs(np.asarray(action, np.float64) - self.best)
        earned: Floats = 4.0 - 2.0 * distance / (self.HIGH - self.LOW)
        return earned

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Return the observation, the mean of both rewards, and that the episode terminated.

        Raises:
            ValueError: the actions are not two, or one of them is outside [-1, 3].
        """
        values = np.asarray(action, np.float64).reshape(-1)
        if values.shape != (2,):
            raise ValueError(f"a motor takes two actions, but got {np.asarray(action)!r}.")
        outside = [float(v) for v in values if not self.LOW <= v <= self.HIGH]
        if outside:
            raise ValueError(
                f"the action {outside[0]:.3g} was sent to a motor that takes -1 to 3: it was not "
                "mapped. Map it to the bounds of the action space before it is sent."
            )
        return np.ones(1, np.float32), float(self.rewards(values).mean()), True, False, {}


def world(
    next_states: dict[int, list[int | None]],
    reward: Sequence[Sequence[float]],
    start: Sequence[float] = (1.0,),
    observation: Sequence[int] | None = None,
    **kwargs: Any,
) -> MDP:
    """Return the MDP with these deterministic transitions.

    Args:
        next_states: next_states[s][a] is the state that follows action a in state s, or None if
            the episode ends there. In a state that is not listed, every action ends the episode.
        reward: r(s, a), [S, A].
        start: the probabilities of the first states; those that are not given are 0.
        observation: the number of the observation in each state, [S]. Default: all states look
            alike.
        **kwargs: further arguments of MDP.
    """
    state_count, action_count = len(reward), len(reward[0])
    transition = np.zeros((state_count, action_count, state_count))
    for s, successors in next_states.items():
        for a, next_state in enumerate(successors):
            if next_state is not None:
                transition[s, a, next_state] = 1.0
    first = np.pad(np.array(start), (0, state_count - len(start)))
    seen = [0] * state_count if observation is None else observation
    logits = np.zeros((max(seen) + 1, action_count))
    return MDP(first, transition, reward, logits, observation=seen, **kwargs)


# Three steps that pay 1 each, with nothing to choose.
SINGLE = world({0: [1], 1: [2]}, [[1], [1], [1]], gamma=0.5)

# The constant 2 in both rewards changes no expected gradient. However, an update that does not know
# which action earned a return (a product of means, or no returns at all) then reinforces any action
# that was taken.
TWO = replace(bandit([2, 3]), gamma=0.5)

CONTEXTS = replace(contexts((0.4, 0.3, 0.3)), gamma=0.5)

# One arm ends at once, one ends after three steps, and one goes on until it is truncated.
LIMIT = world(
    {0: [None, 1, 3], 1: [2, 2, 2], 3: [3, 3, 3]},
    [[2.6, 0, 0.95], [0] * 3, [4.7] * 3, [0.95] * 3],
    observation=[0, 1, 1, 1],
    gamma=0.8,
    limit=3,
)

# Two steps that look alike. The episode pays if one of its actions is 0 and the other is 2.
ALIAS = world({0: [1, 3, 2]}, [[0, 0, 0], [0, 0, 1], [1, 0, 0], [0, 0, 0]], gamma=0.9)

# A step that shows a cue, and two steps that do not. All three pay for the action of the cue.
MEMORY = world(
    {0: [2, 2], 1: [3, 3], 2: [4, 4], 3: [5, 5]},
    [[1, 0], [0, 1]] * 3,
    start=(0.5, 0.5),
    observation=[0, 1, 2, 2, 2, 2],
    gamma=0.9,
)


def best_value(mdp: MDP) -> float:
    """Return J of the best policy that sees the state: V(s) = max r(s, a) + γ Σ P(s'|s, a) V(s').

    Example:
        >>> best_value(TWO)
        3.0
    """
    value = np.zeros(len(mdp.start))
    change = np.inf
    while change > 1e-14:
        action_value = mdp.reward + mdp.gamma * mdp.transition @ value
        new_value = action_value.max(axis=1)
        change = np.abs(new_value - value).max()
        value = new_value
    return float(mdp.start @ value)


def best_blind_value(mdp: MDP) -> float:
    """Return J of the best policy that cannot tell the states apart, for rewards of at least 0.

    Starting from the uniform policy, the new probability of each action is its share of the
    return. No such step lowers J. Source: Dayan & Hinton (1997).

    Example:
        >>> round(best_blind_value(ALIAS), 12)
        0.45
    """
    for _ in range(100):
        share = (mdp.occupancy()[:, None] * mdp.policy * mdp.q()).sum(axis=0)
        mdp = mdp.at([np.log(np.maximum(share, 1e-99) / share.sum())])
    return mdp.J()


def mirrored(mdp: MDP) -> MDP:
    """Return the same MDP with its actions in reverse order."""
    return replace(mdp, transition=mdp.transition[:, ::-1], reward=mdp.reward[:, ::-1])
