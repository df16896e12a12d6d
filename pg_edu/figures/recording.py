"""Record an episode: what the agent observes, and a picture of every state."""

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium as gym
from PIL import Image

from pg_edu.figures.scenes import draw_frame


class Recording(NamedTuple):
    """One episode and its pictures: entry t of both lists is the state after t steps."""

    observations: list[Any]
    frames: list[Image.Image]
    episode_return: float


def record_episode(
    env: gym.Env[Any, Any], act: Callable[[Any], Any], seed: int, max_steps: int = 1000
) -> Recording:
    """Run one episode and draw each of its states.

    An episode of T steps has T + 1 observations and frames.

    Args:
        env: one environment, not vectorized.
        act: a function of an observation that returns an action.
        seed: the seed with which the environment is reset.
        max_steps: the largest number of steps; a longer episode is cut there.

    Raises:
        CannotDraw: The environment has no picture (see `draw_frame`); no step has been taken.

    Example:
        >>> env = gym.make("CartPole-v1")
        >>> recording = record_episode(env, lambda obs: int(obs[2] > 0), seed=0)
        >>> len(recording.frames) - 1 == recording.episode_return
        True
    """
    obs, _ = env.reset(seed=seed)
    observations = [copy.deepcopy(obs)]  # An environment may write the next one into this array.
    frames = [draw_frame(env, obs)]
    episode_return = 0.0
    done = False

    while not done and len(observations) <= max_steps:
        action = act(obs)
        obs, reward, terminated, truncated, _ = env.step(action)
        done = terminated or truncated
        episode_return += float(reward)
        observations.append(copy.deepcopy(obs))
        frames.append(draw_frame(env, obs, action))

    return Recording(observations, frames, episode_return)
