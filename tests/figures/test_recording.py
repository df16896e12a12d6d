"""A recorded episode is the one that Gymnasium runs, with a picture of every state."""

import gymnasium as gym
import numpy as np
import pytest

from pg_edu.figures import CannotDraw, draw_frame, record_episode
from tests.figures.rendering_env import RenderingEnv


def test_recorded_episode_is_the_one_that_gymnasium_runs() -> None:
    recording = record_episode(gym.make("CartPole-v1"), lambda obs: int(obs[2] > 0), seed=5)
    env = gym.make("CartPole-v1")
    obs, _ = env.reset(seed=5)
    done = False
    expected = []
    while not done:
        expected.append(obs)
        obs, _, terminated, truncated, _ = env.step(int(obs[2] > 0))
        done = terminated or truncated
    np.testing.assert_array_equal(recording.observations, [*expected, obs])
    assert len(recording.frames) == len(expected) + 1
    assert recording.episode_return == len(expected)
    last = draw_frame("CartPole-v1", obs, int(expected[-1][2] > 0))
    assert recording.frames[-1].tobytes() == last.tobytes()


def test_recording_of_an_endless_episode_ends_after_max_steps() -> None:
    env = RenderingEnv(np.zeros((4, 4, 3), np.uint8))
    recording = record_episode(env, lambda obs: 0, seed=0, max_steps=7)
    assert len(recording.frames) == 8
    assert recording.episode_return == 3.5


def test_observation_changed_by_a_wrapper_is_not_drawn() -> None:
    env = gym.wrappers.NormalizeObservation(gym.make("CartPole-v1"))
    with pytest.raises(CannotDraw, match="a wrapper changes what it observes"):
        record_episode(env, lambda obs: 0, seed=0)
