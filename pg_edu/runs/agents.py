"""Make an agent and its environments from the settings of a run.

action space                              actor        distribution
Discrete                                  Net          Categorical
MultiDiscrete or MultiBinary, one axis    Net          a Categorical for each component
Box of shape [A]                          ActorProb    Gaussian over [A]
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import gymnasium as gym
import numpy as np
import torch
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete
from gymnasium.wrappers import FlattenObservation
from torch import nn
from torch.distributions import Distribution

from pg_edu.distributions import IndependentCategoricals, categorical, gaussian
from pg_edu.leave_one_out import LeaveOneOut
from pg_edu.nets import ActorProb, Net
from pg_edu.reinforce import PGPolicy
from pg_edu.runs.config import Config
from pg_edu.runs.environment_errors import (
    VectorEnv,
    Watched,
    closed_at_the_end,
    described,
    place,
    working_folder_kept,
)

AnyActor = Net | ActorProb
DistFn = Callable[[Any], Distribution]

POLICIES: dict[str, type[PGPolicy]] = {"none": PGPolicy, "leave_one_out": LeaveOneOut}
"""The class of the policy for each baseline."""

LONGEST_EPISODE = 1000
"""The time limit of episodes if neither the environment nor the user sets one."""


def make_policy(
    config: Config, observation_space: gym.Space[Any], action_space: gym.Space[Any]
) -> PGPolicy:
    """Return a PGPolicy (or LeaveOneOut, see `Config.baseline`) with a tanh network and Adam.

    The weights of each layer are orthogonal, and those of the last one are small, so that the
    initial policy hardly prefers any action (Andrychowicz et al. 2021, "What Matters for On-Policy
    Deep Actor-Critic Methods").

    Args:
        config: the settings.
        observation_space: the observations of one environment, a Box.
        action_space: the actions of one environment. Discrete: a Categorical. MultiDiscrete and
            MultiBinary: one Categorical for each component. Box of shape [A]: a Gaussian whose
            standard deviation does not depend on the observation.

    Raises:
        ValueError: the action space is none of these, the device cannot be used, or the network is
            too large for the memory.
    """
    _check_device(config.device)
    with _sizes_named(config.hidden_sizes):
        actor, dist_fn = _make_actor(config, observation_space, action_space)
        _initialize(actor)

    betas = (config.momentum, 0.999)
    optim = torch.optim.Adam(actor.parameters(), lr=config.learning_rate, betas=betas)
    # The scheduler multiplies the rate that the optimizer holds. The optimizer's state is saved, so
    # the scheduler's need not be.
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optim, config.learning_rate_decay)

    has_bounds = isinstance(action_space, Box) and action_space.is_bounded()
    bound_method = config.action_bound_method if has_bounds else None
    return POLICIES[config.baseline](
        actor=actor,
        optim=optim,
        dist_fn=dist_fn,
        action_space=action_space,
        observation_space=observation_space,
        discount_factor=config.discount_factor,
        reward_normalization=config.reward_normalization,
        action_scaling=bound_method is not None,
        action_bound_method=bound_method,
        lr_scheduler=scheduler,
    )


def make_env(config: Config, **kwargs: Any) -> gym.Env[Any, Any]:
    """Return one environment as training uses it, with a time limit.

    An observation space that is not a Box is flattened into one.

    Args:
        config: the settings.
        **kwargs: more arguments for `gymnasium.make`, such as render_mode.

    Raises:
        ValueError: there is no such environment, or it needs a package that is not installed; the
            message says which.
    """
    limit = config.max_episode_steps
    try:
        env = gym.make(config.env_id, max_episode_steps=limit, **kwargs)
        if env.spec is not None and env.spec.max_episode_steps is None:
            env = gym.make(config.env_id, max_episode_steps=LONGEST_EPISODE, **kwargs)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # The code of an environment may fail in any way.
        raise ValueError(_why_not_made(config.env_id, error)) from error

    if isinstance(env.observation_space, Box):
        return env
    if not env.observation_space.is_np_flattenable:
        raise ValueError(
            f"{config.env_id} has the observation space {env.observation_space}; expected a space "
            "that can be flattened into a Box, which those of variable size cannot"
        )
    return FlattenObservation(env)


@contextmanager
def open_env(config: Config, **kwargs: Any) -> Iterator[gym.Env[Any, Any]]:
    """Make one environment by `make_env` for the block, and close it at its end.

    Raises:
        ValueError: as in `make_env`.
        EnvironmentFailed: the environment raises an error when it is closed.
    """
    with working_folder_kept():
        env = make_env(config, **kwargs)
        with closed_at_the_end(env, config.env_id):
            yield env


def make_envs(config: Config, num_envs: int) -> VectorEnv:
    """Return a vector of `num_envs` environments, each like that of `make_env`.

    It is the environment's own vectorized version, if there is one and no wrapper is needed. Its
    methods raise `EnvironmentFailed` where the environment raises anything.

    Raises:
        ValueError: as in `make_env`.
    """
    with open_env(config) as env:
        spec = cast(EnvSpec, env.spec)
    if spec.vector_entry_point is None or spec.additional_wrappers:
        envs: VectorEnv = gym.vector.SyncVectorEnv([lambda: make_env(config)] * num_envs)
    else:
        envs = gym.make_vec(config.env_id, num_envs, max_episode_steps=spec.max_episode_steps)
    return Watched(envs, config.env_id, type(env.unwrapped))


def env_spec(config: Config) -> EnvSpec:
    """Return Gymnasium's spec of the environment: reward threshold, time limit, vector version.

    Raises:
        ValueError: as in `make_env`.
    """
    with open_env(config) as env:
        return cast(EnvSpec, env.spec)


def _why_not_made(env_id: str, error: BaseException) -> str:
    if isinstance(error, gym.error.Error):  # Gymnasium's own messages say what is wrong.
        reason = str(error)
        if isinstance(error, gym.error.UnregisteredEnv):
            reason += " gymnasium.pprint_registry() lists the known ones."
    else:
        reason = f"{described(error)}{place(error)}"
    return f"environment {env_id!r} cannot be made: {reason}"


def _check_device(device: str) -> None:
    try:
        torch.zeros(1, device=device).item()
    except Exception as error:  # torch raises errors of many types for devices.
        reason = str(error).split("\n")[0]
        raise ValueError(f"device {device!r} cannot be used: {reason}") from error


@contextmanager
def _sizes_named(hidden_sizes: tuple[int, ...]) -> Iterator[None]:
    """Name the hidden sizes if the network in the block is too large."""
    try:
        yield
    except (RuntimeError, TypeError) as error:  # Torch raises these for a size it cannot hold.
        reason = str(error).split("\n")[0]
        raise ValueError(f"hidden_sizes {hidden_sizes} make no network: {reason}") from error


def _make_actor(
    config: Config, observation_space: gym.Space[Any], action_space: gym.Space[Any]
) -> tuple[AnyActor, DistFn]:
    """Return the network, and the function that turns its output into a distribution."""
    net = partial(
        Net,
        observation_space.shape or (),
        hidden_sizes=config.hidden_sizes,
        activation=nn.Tanh,
        device=config.device,
    )
    if isinstance(action_space, Discrete):
        return net(int(action_space.n)), categorical

    if isinstance(action_space, MultiDiscrete | MultiBinary) and len(action_space.shape) == 1:
        sizes = _sizes(action_space)
        return net(sum(sizes)), IndependentCategoricals(sizes)

    if isinstance(action_space, Box) and len(action_space.shape) == 1:
        actor = ActorProb(net(), action_space.shape, unbounded=True, device=config.device)
        return actor, gaussian

    raise ValueError(
        f"{config.env_id} has the action space {action_space}; expected Discrete, or "
        "MultiDiscrete, MultiBinary or Box with one axis. For other spaces, give PGPolicy your own "
        "actor"
    )


def _sizes(space: MultiDiscrete | MultiBinary) -> tuple[int, ...]:
    """Return the number of actions of each component."""
    if isinstance(space, MultiDiscrete):
        return tuple(space.nvec.tolist())
    return (2,) * int(np.prod(space.shape))


def _initialize(actor: AnyActor) -> None:
    """Make the weights of every linear layer orthogonal, and those of the last one small."""
    layers = [module for module in actor.modules() if isinstance(module, nn.Linear)]
    for layer in layers:
        gain = 0.01 if layer is layers[-1] else math.sqrt(2)
        nn.init.orthogonal_(layer.weight, gain)
        nn.init.zeros_(layer.bias)
