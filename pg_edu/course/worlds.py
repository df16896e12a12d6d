"""What some answers are given besides numbers and arrays: motors, fields, a policy, a collector.

`pg-edu mark` runs answers in another process, which gets its arguments pickled and has no keys. So
everything an answer may be given, and everything that looks at what it leaves behind, is here or in
`outcomes.py`, apart from the records.
"""

from collections.abc import Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import SyncVectorEnv
from torch import nn

from pg_edu.buffer import VectorReplayBuffer
from pg_edu.collector import Collector, CollectStats
from pg_edu.distributions import categorical
from pg_edu.reinforce import PGPolicy
from pg_edu.types import Floats


class Motor:
    """A motor, which returns a reward for each action, given by a formula of the action `a`.

    Args:
        formula: such as "2.0 * a + 1.0"; a failing case prints it.
    """

    def __init__(self, formula: str) -> None:
        self.formula = formula
        self.__name__ = f"lambda a: {formula}"

    def __call__(self, a: Floats) -> Floats:
        reward: Floats = eval(self.formula, {"a": a})
        return reward


class Field:
    """A field given by one formula for each component, and printed as these formulas.

    Args:
        *formulas: of the point `x`, such as "x[0] * x[1]".
    """

    def __init__(self, *formulas: str) -> None:
        self.formulas = formulas
        self.__name__ = f"lambda x: [{', '.join(formulas)}]"
        self._components = [compile(formula, "field", "eval") for formula in formulas]

    def __call__(self, x: Floats) -> Floats:
        names = {"x": x, "sin": np.sin}
        return np.array([float(eval(component, names)) for component in self._components])

    def __repr__(self) -> str:
        return self.__name__

    def __deepcopy__(self, memo: dict[int, Any]) -> "Field":
        return self  # Compiled formulas cannot be copied, and nothing in here changes.

    def __reduce__(self) -> tuple[Any, ...]:
        return Field, self.formulas


class Walk(gym.Env[Any, Any]):
    """An environment with episodes of one length; an action of 1 pays more the later it comes."""

    observation_space = Box(0.0, 9.0, (2,))
    action_space = Discrete(2)

    def __init__(self, length: int) -> None:
        self.length, self.t = length, 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, Any]:
        """Begin an episode."""
        self.t = 0
        return self._seen(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, Any]:
        """Pay for the action, and end after the last step."""
        self.t += 1
        return self._seen(), float(action * self.t + 1), self.t == self.length, False, {}

    def _seen(self) -> Any:
        return np.array([self.length, self.t], np.float32)


class LinearActor(nn.Module):
    """An actor whose logits are linear in the observation."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[0.1, -0.1], [-0.2, 0.2]]))

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[Any, Any]:
        """Return the logits of the observations, and the state as it is."""
        return torch.as_tensor(obs) @ self.weight, state


class DrawingPolicy(PGPolicy):
    """A policy that is greedy outside of a training step."""

    __name__ = "PGPolicy"  # what a verdict prints

    def __init__(self) -> None:
        actor = LinearActor()
        super().__init__(
            actor=actor,
            optim=torch.optim.SGD(actor.parameters(), lr=0.05),
            dist_fn=categorical,
            action_space=Discrete(2),
            action_scaling=False,
            deterministic_eval=True,
        )


class RepeatableCollector(Collector):
    """A collector whose rollouts are always drawn alike, in their order.

    It can be called only because a verdict prints the name of what can be called.
    """

    def __init__(self, policy: Any, lengths: Sequence[int]) -> None:
        envs = SyncVectorEnv([partial(Walk, length) for length in lengths])
        super().__init__(policy, envs, VectorReplayBuffer(100 * len(lengths), len(lengths)))
        self.lengths, self.rollouts = tuple(lengths), 0
        self.__name__ = f"Collector of episodes with {' and '.join(map(str, lengths))} steps"

    def __call__(self) -> None:
        raise TypeError("a collector is not called: write collector.collect(n_episode=...)")

    def __deepcopy__(self, memo: dict[int, Any]) -> "RepeatableCollector":
        return RepeatableCollector(deepcopy(self.policy, memo), self.lengths)

    def __reduce__(self) -> tuple[Any, ...]:
        return RepeatableCollector, (self.policy, self.lengths)

    def collect(self, *arguments: Any, **named: Any) -> CollectStats:
        """Collect as `Collector` does, from a seed that counts the rollouts."""
        torch.manual_seed(self.rollouts)
        self.rollouts += 1
        return super().collect(*arguments, **named)


def after_the_loop(arguments: tuple[Any, ...], result: Any) -> dict[str, Any]:
    """Return what a training loop returns, and what it leaves behind.

    An update adds up its rows in a random order, so the last digits of the parameters are noise.
    """
    policy, collector, _ = arguments
    return {
        "the result": result,
        "the parameters": policy.actor.weight.detach().double().round(decimals=5),
        "the number of rows in the buffer": len(collector.buffer),
    }
