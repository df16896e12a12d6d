"""The nine probes: for each, an environment and the question it asks.

An agent that fails on CartPole does not tell you why. A probe tests one property; its optimum
is known exactly, and so are its typical wrong answers.

    probe            the question                                                the broken part
    single action    does it run at all?                                         shapes, NaN
    two actions      does the better action become more likely?                  sign, optimizer
    contexts         does each observation get its own action?                   rows, broadcasting
    delay            are rewards summed and discounted?                          returns
    lengths          do long episodes count in full, to their end alone?         averages, ends
    time limit       is truncation told apart from termination?                  flags
    bound            is the raw action scored, and the bounded one sent?         log-prob, mapping
    alias            does it mix its actions, even in training?                  sampling
    memory           is the hidden state passed on, and reset at each start?     hidden state

The probes build on each other in this order, so the first failure is the one to look at.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import gymnasium as gym
import numpy as np
from torch import nn

from pg_edu.lab.exact.mdp import MDP
from pg_edu.lab.probes.actors import GaussianActor, LinearActor, RecurrentActor
from pg_edu.lab.probes.contests import (
    CONTEST_GAMMA,
    DELAY_CONTESTS,
    LENGTHS_CONTESTS,
    Contest,
    ContestWorld,
)
from pg_edu.lab.probes.readings import right_values
from pg_edu.lab.probes.worlds import (
    ALIAS,
    CONTEXTS,
    LIMIT,
    MEMORY,
    SINGLE,
    TWO,
    Motor,
    World,
    best_blind_value,
    best_value,
    mirrored,
)


@dataclass(frozen=True)
class Probe:
    """An environment and the question it asks. Its world is an MDP, contests, or else the motor.

    Args:
        name, question: what the table shows.
        mdp: the MDP of the environment, if it is one.
        contests: the contests of the environment, if it has any.
        actor: the class of the actor: (size of an observation, number of actions) -> network.
        normalize: whether the policy trains with `reward_normalization`.
        blind: whether the optimum is that of a policy that cannot tell the states apart.
        needs: the names of the probes whose failure would explain a failure here.
    """

    name: str
    question: str
    mdp: MDP | None = None
    contests: tuple[Contest, ...] = ()
    actor: Callable[[int, int], nn.Module] = LinearActor
    normalize: bool = False
    blind: bool = False
    needs: tuple[str, ...] = ("two actions",)

    def make_env(self, mirror: bool = False) -> gym.Env[Any, Any]:
        """Return the environment; with `mirror`, its actions are in reverse order."""
        if self.contests:
            return ContestWorld(self.contests)
        if self.mdp is None:
            return Motor(first_is_low=not mirror)
        return World(mirrored(self.mdp) if mirror else self.mdp)

    @property
    def gamma(self) -> float:
        """The discount factor that the policy trains with."""
        if self.contests:
            return CONTEST_GAMMA
        return 0.5 if self.mdp is None else self.mdp.gamma

    @property
    def is_continuous(self) -> bool:
        """Whether its actions are those of the motor."""
        return self.mdp is None and not self.contests

    @property
    def observation_count(self) -> int:
        """The number of different observations."""
        return gym.spaces.flatdim(self.make_env().observation_space)

    @property
    def action_count(self) -> int:
        """The number of discrete actions; 0 if they are continuous."""
        if self.is_continuous:
            return 0
        return 2 if self.mdp is None else self.mdp.logits.shape[1]

    @property
    def has_memory(self) -> bool:
        """Whether only an agent with a hidden state can pass it."""
        return self.actor is RecurrentActor

    @property
    def has_limit(self) -> bool:
        """Whether a time limit cuts off rewards that would follow."""
        return self.mdp is not None and self.mdp.limit is not None

    @property
    def unlimited_mdp(self) -> MDP | None:
        """The MDP without its time limit."""
        return None if self.mdp is None else replace(self.mdp, limit=None)

    @property
    def has_choice(self) -> bool:
        """Whether there is more than one action."""
        return self.mdp is None or self.mdp.logits.shape[1] > 1

    @property
    def has_mirror(self) -> bool:
        """Whether it has to be trained once more with its actions in reverse order.

        Contests and the motor have both orders in one.
        """
        return self.mdp is not None and self.has_choice

    @property
    def value_after_limit(self) -> float:
        """The value of what would follow a truncation, or 0 without a time limit.

        This is the value of the last state, in which all actions are alike.
        """
        if self.unlimited_mdp is None or not self.has_limit:
            return 0.0
        return float(self.unlimited_mdp.value()[-1])

    @cached_property
    def chance(self) -> float:
        """The expected discounted return of random actions; in contests, that of a decision."""
        if self.contests:
            return float(np.mean(right_values(self.contests, self.gamma)))
        return 3.0 if self.unlimited_mdp is None else self.unlimited_mdp.J()

    @cached_property
    def optimum(self) -> float:
        """The largest expected discounted return; for the motor, the largest reward."""
        if self.contests:
            return float(np.mean(right_values(self.contests, self.gamma).max(axis=1)))
        if self.unlimited_mdp is None:
            return 4.0
        if self.blind:
            return best_blind_value(self.unlimited_mdp)
        return best_value(self.unlimited_mdp)

    def score(self, reached: float) -> float:
        """Return 0 for the return of random actions, 1 for the optimum, and linearly between."""
        width = self.optimum - self.chance
        if width == 0.0:
            return float(abs(reached - self.optimum) < 1e-9)
        return (reached - self.chance) / width


PROBES = (
    Probe(
        name="single action",
        question="does it run at all?",
        mdp=SINGLE,
        needs=(),
    ),
    Probe(
        name="two actions",
        question="does the better action become more likely?",
        mdp=TWO,
        needs=(),
    ),
    Probe(
        name="contexts",
        question="does each observation get its own action?",
        mdp=CONTEXTS,
    ),
    Probe(
        name="delay",
        question="are rewards summed and discounted?",
        contests=DELAY_CONTESTS,
        needs=("two actions", "contexts"),
    ),
    Probe(
        name="lengths",
        question="do long episodes count in full, to their end alone?",
        contests=LENGTHS_CONTESTS,
        needs=("two actions", "contexts", "delay"),
    ),
    Probe(
        name="time limit",
        question="is truncation told apart from termination?",
        mdp=LIMIT,
        normalize=True,
        needs=("two actions", "contexts", "delay", "lengths"),
    ),
    Probe(
        name="bound",
        question="is the raw action scored, the bounded one sent?",
        actor=GaussianActor,
    ),
    Probe(
        name="alias",
        question="does it mix its actions, even in training?",
        mdp=ALIAS,
        blind=True,
    ),
    Probe(
        name="memory",
        question="is the hidden state passed on, and reset?",
        mdp=MEMORY,
        actor=RecurrentActor,
        needs=("two actions", "contexts"),
    ),
)
