"""The nine probes: for each, an environment, the question it asks, and what a failure means.

An agent that fails on CartPole does not tell you why. A probe tests one property; its optimum
is known exactly, and so are its typical wrong answers. The one that an agent learns shows which
part of it is broken.

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
from torch import nn

from pg_edu.lab.exact.mdp import MDP
from pg_edu.lab.probes import symptoms
from pg_edu.lab.probes.actors import GaussianActor, LinearActor, RecurrentActor
from pg_edu.lab.probes.symptoms import Trial
from pg_edu.lab.probes.worlds import (
    ALIAS,
    CONTEXTS,
    DELAY,
    LENGTHS,
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
    """An environment, the question it asks, and the meaning of wrong answers.

    Args:
        name, question: what the table shows.
        mdp: the MDP of the environment, or None for the motor.
        diagnose: the function that says what the trials of a failed probe mean.
        actor: the class of the actor: (size of an observation, number of actions) -> network.
        normalize: whether the policy trains with `reward_normalization`.
        blind: whether the optimum is that of a policy that cannot tell the states apart.
        needs: the names of the probes whose failure would explain a failure here.
    """

    name: str
    question: str
    mdp: MDP | None
    diagnose: Callable[[list[Trial]], str]
    actor: Callable[[int, int], nn.Module] = LinearActor
    normalize: bool = False
    blind: bool = False
    needs: tuple[str, ...] = ("two actions",)

    def make_env(self, mirror: bool = False) -> gym.Env[Any, Any]:
        """Return the environment; with `mirror`, its actions are in reverse order."""
        if self.mdp is None:
            return Motor(best_is_low=not mirror)
        return World(mirrored(self.mdp) if mirror else self.mdp)

    @property
    def gamma(self) -> float:
        """The discount factor that the policy trains with."""
        return 0.5 if self.mdp is None else self.mdp.gamma

    @property
    def unlimited_mdp(self) -> MDP | None:
        """The MDP without its time limit."""
        return None if self.mdp is None else replace(self.mdp, limit=None)

    @property
    def has_choice(self) -> bool:
        """Whether there is more than one action."""
        return self.mdp is None or self.mdp.logits.shape[1] > 1

    @property
    def value_after_limit(self) -> float:
        """The value of what would follow a truncation, or 0 without a time limit.

        This is the value of the last state, in which all actions are alike.
        """
        if self.mdp is None or self.mdp.limit is None:
            return 0.0
        return float(replace(self.mdp, limit=None).value()[-1])

    @property
    def chance(self) -> float:
        """The expected discounted return of uniformly random actions."""
        return 3.0 if self.unlimited_mdp is None else self.unlimited_mdp.J()

    @cached_property
    def optimum(self) -> float:
        """The largest expected discounted return; for the motor, the largest reward."""
        if self.unlimited_mdp is None:
            motor = Motor()
            return max(motor.reward(motor.LOW), motor.reward(motor.HIGH))
        if self.blind:
            return best_blind_value(self.unlimited_mdp)
        return best_value(self.unlimited_mdp)

    def score(self, discounted_return: float) -> float:
        """Return 0 for the return of random actions, 1 for the optimum, and linearly between."""
        width = self.optimum - self.chance
        if width == 0.0:
            return float(discounted_return == self.optimum)
        return (discounted_return - self.chance) / width


PROBES = (
    Probe(
        name="single action",
        question="does it run at all?",
        mdp=SINGLE,
        diagnose=symptoms.diagnose_single_action,
        needs=(),
    ),
    Probe(
        name="two actions",
        question="does the better action become more likely?",
        mdp=TWO,
        diagnose=symptoms.diagnose_two_actions,
        needs=(),
    ),
    Probe(
        name="contexts",
        question="does each observation get its own action?",
        mdp=CONTEXTS,
        diagnose=symptoms.diagnose_contexts,
    ),
    Probe(
        name="delay",
        question="are rewards summed and discounted?",
        mdp=DELAY,
        diagnose=symptoms.diagnose_delay,
        needs=("two actions", "contexts"),
    ),
    Probe(
        name="lengths",
        question="do long episodes count in full, to their end alone?",
        mdp=LENGTHS,
        diagnose=symptoms.diagnose_lengths,
        needs=("two actions", "contexts", "delay"),
    ),
    Probe(
        name="time limit",
        question="is truncation told apart from termination?",
        mdp=LIMIT,
        diagnose=symptoms.diagnose_time_limit,
        normalize=True,
        needs=("two actions", "contexts", "delay", "lengths"),
    ),
    Probe(
        name="bound",
        question="is the raw action scored, the bounded one sent?",
        mdp=None,
        diagnose=symptoms.diagnose_bound,
        actor=GaussianActor,
    ),
    Probe(
        name="alias",
        question="does it mix its actions, even in training?",
        mdp=ALIAS,
        diagnose=symptoms.diagnose_alias,
        blind=True,
    ),
    Probe(
        name="memory",
        question="is the hidden state passed on, and reset?",
        mdp=MEMORY,
        diagnose=symptoms.diagnose_memory,
        actor=RecurrentActor,
        needs=("two actions", "contexts"),
    ),
)
