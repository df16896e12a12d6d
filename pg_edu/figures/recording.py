"""Record an episode: what the agent observes, and a picture of every state."""

import copy
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import gymnasium as gym
from PIL import Image

from pg_edu.figures.scenes import draw_frame, is_drawn_here


class Recording(NamedTuple):
    """One episode and its pictures: entry t of both is the state after t steps.

    An environment of `DRAWN_HERE` is drawn from its observations, and each frame only when it is
    asked for: an animation of a long episode shows few of them.
    """

    observations: list[Any]
    frames: Sequence[Image.Image]
    episode_return: float


class LazyFrames(Sequence[Image.Image]):
    """Pictures of recorded states, each drawn when it is first asked for.

    Args:
        env: an environment that is drawn from its observations.
        observations: one for each frame.
        actions: those that led there; None for the first.
    """

    def __init__(
        self, env: gym.Env[Any, Any], observations: Sequence[Any], actions: Sequence[Any]
    ) -> None:
        self._env = env
        self._states = list(zip(observations, actions, strict=True))
        self._drawn: dict[int, Image.Image] = {}

    def __len__(self) -> int:
        return len(self._states)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[t] for t in range(*index.indices(len(self)))]
        t = range(len(self))[index]  # This raises IndexError, and counts back from the end.
        if t not in self._drawn:
            self._drawn[t] = draw_frame(self._env, *self._states[t])
        return self._drawn[t]


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
    first = draw_frame(env, obs)
    frames: list[Image.Image] = [first]
    actions: list[Any] = [None]
    lazily = is_drawn_here(env)
    episode_return = 0.0
    done = False

    while not done and len(observations) <= max_steps:
        action = act(obs)
        obs, reward, terminated, truncated, _ = env.step(action)
        done = terminated or truncated
        episode_return += float(reward)
        observations.append(copy.deepcopy(obs))
        actions.append(copy.deepcopy(action))
        if not lazily:
            frames.append(draw_frame(env, obs, action))

    kept = LazyFrames(env, observations, actions) if lazily else frames
    return Recording(observations, kept, episode_return)
