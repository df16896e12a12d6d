"""Train an agent on a probe, through one of two doors, and keep what was seen.

    PolicyDoor    a policy with PGPolicy's interface, which pg_edu's own collector trains
    LoopDoor      anybody's training loop, which gets lent environments

Each update of a policy gets EPISODES = 32 whole episodes, which matters for the probe `lengths`.
PGPolicy's loss is a mean over steps. With one episode per update, this is a mean over the steps of
*that episode*, which teaches the policy to stop early. This is a known bias of that loss, in nearly
every implementation; with 32 episodes it is too small to matter here.
"""

import inspect
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
import torch
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from torch import nn

from pg_edu.batch import Batch, to_numpy
from pg_edu.buffer import VectorReplayBuffer
from pg_edu.collector import Collector
from pg_edu.distributions import categorical, gaussian
from pg_edu.guard import OuterBroadcastError, forbid_outer_broadcast
from pg_edu.lab.probes.lending import Record, TrainingOver, lend_env, lend_vector
from pg_edu.lab.probes.questions import Probe
from pg_edu.lab.probes.watching import Watch
from pg_edu.trainer import collect_and_update
from pg_edu.types import Floats

EPISODES = 32  # in each update


@dataclass(frozen=True, eq=False)
class Trial:
    """An agent after its training on a probe.

    Args:
        probe: the probe.
        mirror: whether its actions were in reverse order.
        gamma: the discount factor of the agent; None if that is not known.
        record: what the environments saw.
        watch: what torch was seen to do.
        outputs: the actor's outputs for every observation before and after training, each [O, D];
            None for a loop.
        chosen: what the trained agent does on each observation, [O, draws]; None if not known.
        broadcasts: whether an update pairs every row with every row.
        expects_scaling: whether the policy was told to scale its actions.
    """

    probe: Probe
    mirror: bool
    gamma: float | None
    record: Record
    watch: Watch
    outputs: tuple[Floats, Floats] | None = None
    chosen: Floats | None = None
    broadcasts: bool = False
    expects_scaling: bool = False


class Door(Protocol):
    """The way in which an agent is trained on a probe."""

    def train(self, probe: Probe, updates: int, seed: int, mirror: bool) -> Trial:
        """Train a new agent and return what was seen."""

    def reason_to_skip(self, probe: Probe) -> str:
        """Return why a probe makes no sense for this agent, or ""."""


def run_trials(door: Door, probe: Probe, updates: int, seed: int) -> list[Trial]:
    """Train an agent on the probe and, unless its world has both, on its mirror image.

    The worse trial counts, so that no agent passes because it prefers the right action from the
    start.
    """
    mirrors = (False, True) if probe.has_mirror else (False,)
    return [door.train(probe, updates, seed, mirror) for mirror in mirrors]


def seed_everything(seed: int) -> None:
    """Seed the global generators of Python, numpy and torch."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


# A policy.


@dataclass(frozen=True)
class PolicyDoor:
    """The door for a class with PGPolicy's constructor, or a function of the two spaces."""

    make_policy: Callable[..., Any]

    def train(self, probe: Probe, updates: int, seed: int, mirror: bool) -> Trial:
        """Collect and update with pg_edu's collector.

        Raises:
            ArithmeticError: the actor's outputs are no longer finite.
        """
        record = Record(EPISODES)
        watch = Watch(record.clock, probe.action_count)
        record.watch = watch
        policy, envs = self._policy_and_envs(probe, record, seed, mirror)
        collector = Collector(policy, envs, VectorReplayBuffer(8 * EPISODES, EPISODES))
        collector.reset(gym_reset_kwargs={"seed": seed})
        before = actor_outputs(policy, envs)
        with watch:
            for _ in range(updates):
                _collect_and_update(policy, collector, record)
        after = actor_outputs(policy, envs)
        if not np.isfinite(after).all():
            raise ArithmeticError("the actor's outputs are no longer finite.")
        return Trial(
            probe,
            mirror,
            getattr(policy, "gamma", 1.0),
            record,
            watch,
            outputs=(before, after),
            broadcasts=_broadcasts(policy, collector, record),
            expects_scaling=probe.is_continuous and takes_actor(self.make_policy),
        )

    def reason_to_skip(self, probe: Probe) -> str:
        """Return why a probe makes no sense for this policy, or ""."""
        policy, envs = self._policy_and_envs(probe, Record(EPISODES), 0, False)
        if probe.has_limit and not hasattr(policy, "gamma"):
            return "It has no discount factor."
        may_lack_memory = probe.has_memory and not takes_actor(self.make_policy)
        if may_lack_memory and _forward(policy, envs).state is None:
            return "It has no hidden state."
        return ""

    def _policy_and_envs(
        self, probe: Probe, record: Record, seed: int, mirror: bool
    ) -> tuple[Any, SyncVectorEnv]:
        """Seed the generators, and return a new policy for the probe and EPISODES environments."""
        seed_everything(seed)
        envs = lend_vector(partial(probe.make_env, mirror), record, AutoresetMode.SAME_STEP)
        if takes_actor(self.make_policy):
            return _policy_with_actor(self.make_policy, probe, envs), envs
        return _policy_for_spaces(self.make_policy, probe, envs), envs


def takes_actor(make_policy: Callable[..., Any]) -> bool:
    """Return whether make_policy has PGPolicy's constructor, rather than taking two spaces."""
    parameters = inspect.signature(make_policy).parameters
    takes_keywords = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return "actor" in parameters or takes_keywords


def actor_outputs(policy: Any, envs: SyncVectorEnv) -> Floats:
    """Return the actor's outputs for every observation, [O, D].

    If the policy does not return them, its parameters [1, D] stand in for the outputs.
    """
    result = _forward(policy, envs)
    if "logits" not in result:
        parameters = nn.utils.parameters_to_vector(policy.parameters()).detach()
        outputs_of_all: Floats = to_numpy(parameters)[None]
        return outputs_of_all
    outputs = result.logits if isinstance(result.logits, tuple) else (result.logits,)
    rows = gym.spaces.flatdim(envs.single_observation_space)
    columns = [to_numpy(output).reshape(rows, -1) for output in outputs]
    return np.concatenate(columns, axis=1)


def _forward(policy: Any, envs: SyncVectorEnv) -> Any:
    """Return what the policy returns for every observation."""
    obs_size = gym.spaces.flatdim(envs.single_observation_space)
    with torch.no_grad():
        return policy(Batch(obs=np.eye(obs_size, dtype=np.float32), info=Batch()))


def _policy_with_actor(make_policy: Callable[..., Any], probe: Probe, envs: SyncVectorEnv) -> Any:
    """Call a constructor like PGPolicy's, with an actor and an optimizer for the probe."""
    action_space = envs.single_action_space
    observation_space = envs.single_observation_space
    continuous = isinstance(action_space, Box)
    outputs = gym.spaces.flatdim(action_space)
    actor = probe.actor(gym.spaces.flatdim(observation_space), outputs)
    return make_policy(
        actor=actor,
        optim=torch.optim.Adam(actor.parameters(), lr=0.1),
        dist_fn=gaussian if continuous else categorical,
        action_space=action_space,
        observation_space=observation_space,
        discount_factor=probe.gamma,
        reward_normalization=probe.normalize,
        action_scaling=continuous,
        action_bound_method="clip",
    )


def _policy_for_spaces(make_policy: Callable[..., Any], probe: Probe, envs: SyncVectorEnv) -> Any:
    """Call a function of the two spaces, and set `gamma` and `rew_norm` if the policy has them."""
    policy = make_policy(envs.single_observation_space, envs.single_action_space)
    if hasattr(policy, "gamma"):
        policy.gamma = probe.gamma
    if probe.normalize and hasattr(policy, "rew_norm"):
        policy.rew_norm = True
    return policy


def _collect_and_update(policy: Any, collector: Collector, record: Record) -> None:
    """Collect EPISODES episodes, keep the steps that were stored, and update the policy."""
    begin = record.clock()

    def keep_what_is_stored(_: Any) -> bool:
        record.keep_first_episodes(begin)
        return False

    collect_and_update(
        policy, collector, n_episode=EPISODES, stop_before_update=keep_what_is_stored
    )


def _broadcasts(policy: Any, collector: Collector, record: Record) -> bool:
    """Return whether one more update broadcasts [B, 1] with [B]; do not keep its steps."""
    end = record.clock()
    try:
        with forbid_outer_broadcast():
            collect_and_update(policy, collector, n_episode=EPISODES)
    except OuterBroadcastError:
        return True
    finally:
        del record.steps[end:]
    return False


# A loop.


@dataclass(frozen=True)
class LoopDoor:
    """The door for a function train(env, seed) that returns act(obs), or nothing.

    Args:
        loop: the function. It gets a `gymnasium.Env`, or with `num_envs` a vector of environments.
        gamma: the discount factor with which it trains; None if it is not known.
        num_envs: how many environments it gets; None: one, which is no vector.
        autoreset_mode: how the vector resets an environment at the end of an episode.
        named: the names of the probes that were asked for by name.
    """

    loop: Callable[[Any, int], Any]
    gamma: float | None = None
    num_envs: int | None = None
    autoreset_mode: AutoresetMode = AutoresetMode.SAME_STEP
    named: frozenset[str] = frozenset()

    def train(self, probe: Probe, updates: int, seed: int, mirror: bool) -> Trial:
        """Call the loop, until it returns or has used up its environments."""
        record = Record(self.num_envs or 1, budget=updates * EPISODES)
        watch = Watch(record.clock, probe.action_count)
        record.watch = watch
        seed_everything(seed)
        make_world = partial(probe.make_env, mirror)
        env: Any = lend_env(make_world, record)
        if self.num_envs is not None:
            env = lend_vector(make_world, record, self.autoreset_mode)
        act = None
        with watch, suppress(TrainingOver):
            act = self.loop(env, seed)
        if not record.steps:
            raise ValueError("train has returned without a step: call env.reset() and env.step().")
        return Trial(probe, mirror, self.gamma, record, watch, chosen=_choices(act, probe))

    def reason_to_skip(self, probe: Probe) -> str:
        """Return why a probe makes no sense for this loop, or ""."""
        if probe.has_limit and self.gamma != probe.gamma:
            return f"It needs a loop that trains, and is said to train, with gamma={probe.gamma}."
        if probe.has_memory and probe.name not in self.named:
            return "Whether a loop has a memory cannot be seen; --only memory runs it."
        return ""


def _choices(act: Any, probe: Probe) -> Floats | None:
    """Return the actions of the trained agent on every observation, [O, 8], or None."""
    if not callable(act) or probe.is_continuous or probe.has_memory:
        return None
    views = np.eye(probe.observation_count, dtype=np.float32)
    with torch.no_grad():
        return np.array([[np.asarray(act(obs)).reshape(-1)[0] for _ in range(8)] for obs in views])
