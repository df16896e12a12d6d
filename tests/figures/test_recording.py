"""A recorded episode is the one that Gymnasium runs, with a picture of every state."""

from typing import Any

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


def test_a_classic_environment_is_drawn_only_where_somebody_looks(monkeypatch) -> None:
    """Each frame is that of its own step, whatever the order in which they are asked for."""
    drawn = []

    def counted(env, obs=None, action=None):
        drawn.append(obs)
        return draw_frame(env, obs, action)

    monkeypatch.setattr("pg_edu.figures.recording.draw_frame", counted)
    recording = record_episode(gym.make("CartPole-v1"), lambda obs: int(obs[2] > 0), seed=5)
    assert len(drawn) == 1  # the first: an environment without a picture is refused at once
    frames = recording.frames
    assert frames[-1] is frames[len(frames) - 1] is frames[-2:][1]
    assert len(drawn) == 3
    action = int(recording.observations[6][2] > 0)
    expected = draw_frame("CartPole-v1", recording.observations[7], action)
    assert frames[7].tobytes() == expected.tobytes()
    with pytest.raises(IndexError):
        frames[len(frames)]


def test_recording_of_an_endless_episode_ends_after_max_steps() -> None:
    env = RenderingEnv(np.zeros((4, 4, 3), np.uint8))
    recording = record_episode(env, lambda obs: 0, seed=0, max_steps=7)
    assert len(recording.frames) == 8
    assert recording.episode_return == 3.5


def test_observation_changed_by_a_wrapper_is_not_drawn() -> None:
    env = gym.wrappers.NormalizeObservation(gym.make("CartPole-v1"))
    with pytest.raises(CannotDraw, match="a wrapper changes what it observes"):
        record_episode(env, lambda obs: 0, seed=0)


def test_a_recording_ends_where_the_environment_truncates_the_episode() -> None:
    env = gym.make("CartPole-v1", max_episode_steps=5)
    recording = record_episode(env, lambda obs: int(obs[2] > 0), seed=5)
    assert len(recording.observations) == len(recording.frames) == 6
    assert recording.episode_return == 5


def test_the_observations_of_an_environment_that_reuses_its_array_are_kept() -> None:
    class Reuses(RenderingEnv):
        observation_space = gym.spaces.Box(0, 9, (1,))  # type: ignore[assignment]

        def __init__(self) -> None:
            super().__init__(np.zeros((4, 4, 3), np.uint8))
            self.count = np.zeros(1, np.float32)

        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            self.count[:] = 0
            return self.count, {}

        def step(self, action: int) -> Any:
            self.count += 1
            return self.count, 0.5, False, False, {}

    recording = record_episode(Reuses(), lambda obs: 0, seed=0, max_steps=3)
    assert [float(obs[0]) for obs in recording.observations] == [0, 1, 2, 3]
