"""Train a policy on a probe and measure what it does.

Each update gets EPISODES = 32 whole episodes, which matters for the probe `lengths`. PGPolicy's
loss is a mean over steps. With one episode per update, this is a mean over the steps of *that
episode*, which teaches the policy to stop early. This is a known bias of that loss, in nearly every
implementation; with 32 episodes it is too small to matter here.
"""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

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
from pg_edu.lab.probes.questions import Probe
from pg_edu.lab.probes.symptoms import Trial
from pg_edu.returns import discounted_returns
from pg_edu.trainer import collect_and_update
from pg_edu.types import Flags, Floats

EPISODES = 32  # in each update
LAST_UPDATES = 25  # the result is a mean over this many updates at the end of training


def run_both_trials(
    make_policy: Callable[..., Any], probe: Probe, updates: int, seed: int
) -> list[Trial]:
    """Train a policy on the probe, and another one with the actions in reverse order.

    The worse trial counts, so that no agent passes because it prefers the right action from the
    start.
    """
    return [run_trial(make_policy, probe, updates, seed, mirror) for mirror in (False, True)]


def run_trial(
    make_policy: Callable[..., Any], probe: Probe, updates: int, seed: int, mirror: bool
) -> Trial:
    """Train a new policy on the probe and return what it did.

    Raises:
        ArithmeticError: the actor's outputs are no longer finite.
    """
    policy, envs = make_policy_and_envs(make_policy, probe, seed, mirror)
    collector = Collector(policy, envs, VectorReplayBuffer(4 * EPISODES, EPISODES))
    collector.reset(gym_reset_kwargs={"seed": seed})

    outputs_before, _ = actor_outputs(policy, envs)
    batches = [_collect_and_update(policy, collector) for _ in range(updates)]
    outputs_after, _ = actor_outputs(policy, envs)
    if not np.isfinite(outputs_after).all():
        raise ArithmeticError("the actor's outputs are no longer finite.")

    last = Batch.cat(batches[-LAST_UPDATES:])
    returns = _episode_returns(last, probe)
    reached = float(returns.mean())
    return Trial(
        reached=reached,
        score=probe.score(reached),
        best_score=probe.score(float(returns.max())),
        first_reward=float(last.rew[_is_first_step(last)].mean()),
        action_frequency=_action_frequency(last, envs, mirror),
        explores=_takes_several_actions(batches[0], envs),
        changes=not np.array_equal(outputs_before, outputs_after),
        sees=_depend_on_observation(outputs_after),
        broadcasts=_broadcasts(policy, collector),
    )


def make_policy_and_envs(
    make_policy: Callable[..., Any], probe: Probe, seed: int, mirror: bool = False
) -> tuple[Any, SyncVectorEnv]:
    """Seed torch and numpy, and return a new policy for the probe and EPISODES environments."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    envs = SyncVectorEnv(
        [partial(probe.make_env, mirror)] * EPISODES, autoreset_mode=AutoresetMode.SAME_STEP
    )
    if takes_actor(make_policy):
        return _policy_with_actor(make_policy, probe, envs), envs
    return _policy_for_spaces(make_policy, probe, envs), envs


def takes_actor(make_policy: Callable[..., Any]) -> bool:
    """Return whether make_policy has PGPolicy's constructor, rather than taking two spaces."""
    parameters = inspect.signature(make_policy).parameters
    takes_keywords = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return "actor" in parameters or takes_keywords


def actor_outputs(policy: Any, envs: SyncVectorEnv) -> tuple[Floats, Any]:
    """Return the actor's outputs for every observation, [O, D], and the hidden state.

    If the policy does not return them, its parameters [1, D] stand in for the outputs.
    """
    obs_size = gym.spaces.flatdim(envs.single_observation_space)
    every_observation = np.eye(obs_size, dtype=np.float32)
    with torch.no_grad():
        result = policy(Batch(obs=every_observation, info=Batch()))

    if "logits" not in result:
        parameters = nn.utils.parameters_to_vector(policy.parameters()).detach()
        return to_numpy(parameters)[None], result.state

    outputs = result.logits if isinstance(result.logits, tuple) else (result.logits,)
    columns = [to_numpy(output).reshape(obs_size, -1) for output in outputs]
    return np.concatenate(columns, axis=1), result.state


def _policy_with_actor(make_policy: Callable[..., Any], probe: Probe, envs: SyncVectorEnv) -> Any:
    """Call a constructor like PGPolicy's, with an actor and an optimizer for the probe."""
    action_space = envs.single_action_space
    observation_space = envs.single_observation_space
    continuous = isinstance(action_space, Box)
    actor = probe.actor(gym.spaces.flatdim(observation_space), getattr(action_space, "n", 1))
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


def _collect_and_update(policy: Any, collector: Collector) -> Any:
    """Collect EPISODES episodes, update the policy, and return the transitions it learned from."""
    batches = []

    def keep_transitions(_: Any) -> bool:
        transitions, _ = collector.buffer.sample(0)
        batches.append(transitions)
        return False

    collect_and_update(policy, collector, n_episode=EPISODES, stop_before_update=keep_transitions)
    return batches[0]


def _broadcasts(policy: Any, collector: Collector) -> bool:
    """Return whether one more update broadcasts [B, 1] with [B]."""
    try:
        with forbid_outer_broadcast():
            _collect_and_update(policy, collector)
    except OuterBroadcastError:
        return True
    return False


def _is_first_step(batch: Any) -> Flags:
    """Return which transitions begin an episode, [B]."""
    done = batch.terminated | batch.truncated
    return np.append(True, done[:-1])


def _episode_returns(batch: Any, probe: Probe) -> Floats:
    """Return the discounted return of each episode; a truncated one includes the value after it."""
    done = batch.terminated | batch.truncated
    value_after = np.where(batch.terminated, 0.0, probe.value_after_limit)
    returns = discounted_returns(batch.rew, done, probe.gamma, value_after)
    return returns[_is_first_step(batch)]


def _depend_on_observation(outputs: Floats) -> bool:
    """Return whether outputs [O, D] differ between observations; True if there is only one row."""
    return len(outputs) == 1 or bool((outputs != outputs[0]).any())


def _takes_several_actions(batch: Any, envs: SyncVectorEnv) -> bool:
    """Return whether a batch has different actions for the same observation."""
    actions_taken = (_action_frequency(batch, envs) > 0).sum(axis=1)
    return bool((actions_taken > 1).any())


def _action_frequency(batch: Any, envs: SyncVectorEnv, mirror: bool = False) -> Floats:
    """Return how often each action was taken at each observation, [O, A].

    With `mirror`, the actions are in reverse order. In a Box, each distinct number counts as a
    separate action.
    """
    obs = batch.obs.argmax(axis=1)
    act = batch.act.reshape(len(batch.act), -1)[:, 0]
    action_count = getattr(envs.single_action_space, "n", None)
    if action_count is None:
        act = np.unique(act, return_inverse=True)[1]
        action_count = act.max() + 1

    count = np.zeros((batch.obs.shape[1], action_count))
    np.add.at(count, (obs, act), 1)
    if mirror:
        count = count[:, ::-1]
    frequency: Floats = count / np.maximum(1, count.sum(axis=1, keepdims=True))
    return frequency
