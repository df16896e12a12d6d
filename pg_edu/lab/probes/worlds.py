"""The environments of the probes (`probes.py`): a few states each, and an optimum to be computed.

    World      any tabular MDP, as a Gymnasium environment
    Motor      one continuous action with bounds

Beside them the optima, and the actors that a policy with PGPolicy's constructor is given there.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from torch import nn

from pg_edu.lab.exact.mdp import MDP
from pg_edu.lab.exact.tasks import bandit, contexts


class World(gym.Env[Any, Any]):
    """A tabular MDP to be played: observations are one-hot [O], actions 0 to A - 1.

    Where the MDP has a limit, an episode that reaches it is truncated.

    Example:
        >>> env = World(DELAY)
        >>> env.reset()[0], [float(env.step(np.int64(2))[1]) for _ in range(3)]
        (array([1., 0.], dtype=float32), [0.0, 0.0, 0.0])
    """

    def __init__(self, mdp: MDP) -> None:
        self.mdp = mdp
        seen, actions = mdp.logits.shape
        self.observation_space = Box(0.0, 1.0, (seen,), np.float32)
        self.action_space = Discrete(actions)
        self._one_hot = np.eye(seen, dtype=np.float32)[mdp.observation]
        self._start = mdp.start.cumsum()
        self._following = mdp.transition.cumsum(axis=-1)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """The first observation."""
        super().reset(seed=seed)
        self._state = int(np.searchsorted(self._start, self.np_random.random(), "right"))
        self._time = 0
        return self._one_hot[self._state].copy(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One transition. After the last one of an episode it shows another state's observation:
        nothing is to be learned from what is seen after the end."""
        reward = float(self.mdp.reward[self._state, action])
        likely = self._following[self._state, action]
        following = int(np.searchsorted(likely, self.np_random.random(), "right"))
        terminated = following == len(likely)
        self._state = (self._state + 1) % len(self._one_hot) if terminated else following
        self._time += 1
        truncated = not terminated and self._time == self.mdp.limit
        return self._one_hot[self._state].copy(), reward, terminated, truncated, {}


class Motor(gym.Env[Any, Any]):
    """One action in [2, 6]; the nearer it is to the best end, the more it pays: 4 there, 2 at the
    other. An action outside raises ValueError.

    Example:
        >>> env = Motor()
        >>> _ = env.reset()
        >>> env.step(np.array([2.5], np.float32))[1]
        3.75
    """

    LOW, HIGH = 2.0, 6.0

    def __init__(self, best_is_low: bool = True) -> None:
        self.best = self.LOW if best_is_low else self.HIGH
        self.observation_space = Box(0.0, 1.0, (1,), np.float32)
        self.action_space = Box(self.LOW, self.HIGH, (1,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """The only observation."""
        super().reset(seed=seed)
        return np.ones(1, np.float32), {}

    def reward(self, action: float) -> float:
        """4 at the best end, falling in a line to 2 at the other."""
        return 4.0 - 2.0 * abs(action - self.best) / (self.HIGH - self.LOW)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """The reward for the action; one step is an episode."""
        value = float(np.asarray(action).reshape(()))
        if not self.LOW <= value <= self.HIGH:
            raise ValueError(f"the action {value:.3g} is sent to a motor for 2 to 6: not mapped?")
        return np.ones(1, np.float32), self.reward(value), True, False, {}


def world(
    ways: dict[int, list[int | None]],
    reward: Sequence[Sequence[float]],
    start: Sequence[float] = (1.0,),
    observation: Sequence[int] | None = None,
    **kwargs: Any,
) -> MDP:
    """An MDP from its arrows: ways[s][a] is the next state, or None for the end.

    States that are not named end. Without `start` it begins in state 0, without `observation` all
    states look alike.
    """
    states, actions = len(reward), len(reward[0])
    transition = np.zeros((states, actions, states))
    for s, following in ways.items():
        for a, to in enumerate(following):
            if to is not None:
                transition[s, a, to] = 1.0
    first = np.pad(np.array(start), (0, states - len(start)))
    seen = [0] * states if observation is None else observation
    logits = np.zeros((max(seen) + 1, actions))
    return MDP(first, transition, reward, logits, observation=seen, **kwargs)


# Three steps, each pays 1, nothing to choose.
SINGLE = world({0: [1], 1: [2]}, [[1], [1], [1]], gamma=0.5)
# The constant 2 changes no gradient. But an update that does not know whose return it was (a
# product of means, no returns at all) then makes likelier whatever was done.
TWO = replace(bandit([2, 3]), gamma=0.5)
CONTEXTS = replace(contexts((0.4, 0.3, 0.3)), gamma=0.5)
# Five arms, each pays three times. Four are the best ones for four ways to weigh these payments,
# and the last one for who takes a large loss for a large gain.
PAYMENTS = [0, 4, -5], [1, -2, 0], [0, 0, 0], [-1, -1.25, 1.5], [-2.25, 0, 0]
NOW, NEXT, LAST_OF_ALL = zip(*PAYMENTS, strict=True)
DELAY = world(
    {0: [1, 2, 3, 4, 5], **{arm: [arm + 5] * 5 for arm in range(1, 6)}},
    [NOW, *([pay] * 5 for pay in NEXT), *([pay] * 5 for pay in LAST_OF_ALL)],
    observation=[0] + [1] * 10,
    gamma=0.5,
)
# Stop pays 1, go pays .6 four times, which with gamma = .6 is worth 1.31. That is little more, so
# stopping wins for who adds a value of .65 or more after the end: it is discounted less there.
LENGTHS = world(
    {0: [None, 1], 1: [2, 2], 2: [3, 3]},
    [[1, 0.6], *3 * [[0.6] * 2]],
    observation=[0, 1, 1, 1],
    gamma=0.6,
)
# One arm ends at once, one after three steps, and one goes on until it is interrupted.
LIMIT = world(
    {0: [None, 1, 3], 1: [2, 2, 2], 3: [3, 3, 3]},
    [[2.6, 0, 0.95], [0] * 3, [4.7] * 3, [0.95] * 3],
    observation=[0, 1, 1, 1],
    gamma=0.8,
    limit=3,
)
# Two steps that look alike; pays if one of the actions is 0 and the other 2.
ALIAS = world({0: [1, 3, 2]}, [[0, 0, 0], [0, 0, 1], [1, 0, 0], [0, 0, 0]], gamma=0.9)
# A cue, and two steps at which it is not seen; each of the three pays for the cue's own action.
MEMORY = world(
    {0: [2, 2], 1: [3, 3], 2: [4, 4], 3: [5, 5]},
    [[1, 0], [0, 1]] * 3,
    start=(0.5, 0.5),
    observation=[0, 1, 2, 2, 2, 2],
    gamma=0.9,
)


def best_value(mdp: MDP) -> float:
    """J of the best policy that sees every state: V(s) = max r(s, a) + γ Σ P(s'|s, a) V(s').

    Example:
        >>> round(best_value(LENGTHS), 12) == round(0.6 * (1 + 0.6 + 0.36 + 0.216), 12)
        True
    """
    value, before = np.zeros(len(mdp.start)), None
    while before is None or np.abs(value - before).max() > 1e-14:
        value, before = (mdp.reward + mdp.gamma * mdp.transition @ value).max(axis=1), value
    return float(mdp.start @ value)


def best_blind_value(mdp: MDP) -> float:
    """J of the best policy that sees none of the states, for rewards of at least 0.

    From the uniform policy on, the new probability of an action is its share of the return, which
    never lowers J. Source: Dayan & Hinton (1997).

    Example:
        >>> round(best_blind_value(ALIAS), 12)
        0.45
    """
    for _ in range(100):
        share = (mdp.occupancy()[:, None] * mdp.policy * mdp.q()).sum(axis=0)
        mdp = mdp.at([np.log(np.maximum(share, 1e-99) / share.sum())])
    return mdp.J()


def mirrored(mdp: MDP) -> MDP:
    """The same world with its actions in reverse order."""
    return replace(mdp, transition=mdp.transition[:, ::-1], reward=mdp.reward[:, ::-1])


# The actors that policies with PGPolicy's constructor are given.


class Linear(nn.Module):
    """Logits [B, A] that are linear in the observation."""

    def __init__(self, width: int, actions: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.1 * torch.randn(width, actions))
        self.bias = nn.Parameter(torch.zeros(actions))

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
        """obs [B, O] -> logits, and no state."""
        return torch.as_tensor(obs) @ self.weight + self.bias, None


class Remembering(Linear):
    """Acts by the first cue that it saw in an episode: the hidden state, [B, O - 1].

    PGPolicy (as Tianshou v1.1.0) scores stored rows one by one, without the state in which they
    were acted. So this actor can be taught at the step that shows the cue only; at the others its
    logits are then 0 and have no gradient. What it has learned it needs at all three.
    """

    def __init__(self, width: int, actions: int) -> None:
        super().__init__(width - 1, actions)

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
        """obs [B, O], and the state -> logits, and the state."""
        cue = torch.as_tensor(obs)[:, :-1]
        if state is not None:
            cue = torch.where(state.any(dim=1, keepdim=True), state, cue)
        return cue @ self.weight, cue


class Location(Linear):
    """The mean [B, 1] of a Gaussian whose standard deviation is 1."""

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
        """obs [B, O] -> (mean, standard deviation), and no state."""
        mean, _ = super().forward(obs)
        return (mean, torch.ones_like(mean)), None
