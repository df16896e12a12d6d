"""VectorEnvNormObs: what is counted, what is returned, and in which autoreset mode.

`make parity` compares it with v1.1.0's; a few of these cases are in recorded.json.
"""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from pg_edu import (
    BasePolicy,
    Batch,
    Collector,
    DummyVectorEnv,
    RunningMeanStd,
    SubprocVectorEnv,
    VectorEnvNormObs,
    VectorReplayBuffer,
)

MODES = pytest.mark.parametrize("mode", AutoresetMode, ids=lambda mode: mode.name)


class Walk(gym.Env[Any, Any]):
    """Episodes of 3 steps; each observation is a new pair of numbers, and is kept in `given`."""

    observation_space = Box(-np.inf, np.inf, (2,), np.float64)
    action_space = Discrete(2)

    def __init__(self, start: float) -> None:
        self.next, self.given = start, list[Any]()

    def observe(self) -> Any:
        self.next += 1.0
        self.given.append([self.next, self.next**2])
        return np.array(self.given[-1])

    def reset(self, **kwargs: Any) -> Any:
        self.t = 0
        return self.observe(), {}

    def step(self, action: Any) -> Any:
        self.t += 1
        return self.observe(), 1.0, self.t == 3, False, {}


class Zeros(BasePolicy[Any]):
    """A policy that always takes action 0."""

    def forward(self, batch: Any, state: Any = None, **kwargs: Any) -> Any:
        return Batch(act=np.zeros(len(batch.obs), int), state=None)

    def learn(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError


def walks(mode: AutoresetMode) -> SyncVectorEnv:
    return SyncVectorEnv([lambda: Walk(0.0), lambda: Walk(100.0)], autoreset_mode=mode)


def collected(envs: Any, steps: int) -> Any:
    """Return the rows of `steps` vector steps of two environments."""
    policy = Zeros(action_space=Discrete(2), action_bound_method=None)
    buffer = VectorReplayBuffer(100, 2)
    Collector(policy, envs, buffer).collect(n_step=2 * steps)
    return buffer[:]


@MODES
def test_every_observation_is_counted_once(mode: AutoresetMode) -> None:
    """The oracle is the mean and the variance of everything that the environments gave."""
    inner = walks(mode)
    envs = VectorEnvNormObs(inner)
    collected(envs, steps=8)
    given = np.concatenate([env.given for env in inner.envs])  # type: ignore[attr-defined]
    rms = envs.get_obs_rms()
    assert rms.count == len(given)
    np.testing.assert_allclose(rms.mean, given.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(rms.var, given.var(axis=0), rtol=1e-12)


@MODES
def test_rows_hold_normalized_observations_the_final_ones_too(mode: AutoresetMode) -> None:
    envs = VectorEnvNormObs(walks(mode), update_obs_rms=False)
    envs.set_obs_rms(RunningMeanStd(mean=np.array([50.0, 2.0]), std=np.array([20.0, 90.0])))
    raw = collected(walks(mode), steps=8)
    rows = collected(envs, steps=8)
    for key in ("obs", "obs_next"):
        expected = np.clip((raw[key] - [50.0, 2.0]) / [20.0, 90.0], -10, 10)
        np.testing.assert_allclose(rows[key], expected, rtol=1e-6)
    assert rows.terminated.sum() >= 4


def test_a_step_counts_its_final_observation_before_the_first_one_of_the_next_episode() -> None:
    """In SAME_STEP mode, as v1.1.0's collector asks: first step(), then reset()."""
    envs = VectorEnvNormObs(SyncVectorEnv([lambda: Walk(0.0)], autoreset_mode="SameStep"))
    envs.reset()
    for _ in range(3):
        obs, _, terminated, _, info = envs.step(np.array([0]))
    assert terminated[0]
    seen = np.array([[x, x**2] for x in (1.0, 2.0, 3.0, 4.0, 5.0)])
    for got, upto in ((info["final_obs"][0], 4), (obs[0], 5)):
        mean, var = seen[:upto].mean(axis=0), seen[:upto].var(axis=0)
        np.testing.assert_allclose(got, (seen[upto - 1] - mean) / np.sqrt(var), rtol=1e-6)


@pytest.mark.parametrize("truncates", [False, True])
def test_however_an_episode_ends_its_final_observation_is_normalized(truncates: bool) -> None:
    class Ending(Walk):
        def step(self, action: Any) -> Any:
            obs, rew, ended, _, info = super().step(action)
            return obs, rew, ended and not truncates, ended and truncates, info

    envs = VectorEnvNormObs(DummyVectorEnv([lambda: Ending(0.0)]), update_obs_rms=False)
    envs.set_obs_rms(RunningMeanStd(mean=np.array([2.0, 0.0]), std=np.array([4.0, 20.0])))
    envs.reset()
    for _ in range(3):
        obs, *_, info = envs.step(np.array([0]))
    np.testing.assert_allclose(info["final_obs"][0], [0.5, 0.8], rtol=1e-6)
    np.testing.assert_allclose(obs[0], [0.75, 1.25], rtol=1e-6)


def test_a_seed_reaches_the_environments() -> None:
    makers = [lambda: gym.make("CartPole-v1")] * 2
    plain, envs = DummyVectorEnv(makers), VectorEnvNormObs(DummyVectorEnv(makers), False)
    envs.set_obs_rms(RunningMeanStd(mean=np.zeros(4), std=np.ones(4)))
    np.testing.assert_allclose(envs.reset(seed=4)[0], plain.reset(seed=4)[0], rtol=1e-5)


def test_the_spaces_are_those_of_normalized_observations() -> None:
    """CartPole's angles are bounded and have float32, which remains."""
    envs = VectorEnvNormObs(DummyVectorEnv([lambda: gym.make("CartPole-v1")] * 2))
    obs, _ = envs.reset(seed=0)
    single, both = envs.single_observation_space, envs.observation_space
    assert {np.dtype(x.dtype) for x in (single, both, obs)} == {np.dtype(np.float32)}
    assert (single.shape, both.shape) == ((4,), (2, 4))
    assert single.contains(np.full(4, 9.0, np.float32))
    assert both.contains(np.full((2, 4), 9.0, np.float32)) and both.contains(obs)


def test_a_reset_of_some_environments_leaves_the_observations_of_the_others() -> None:
    envs = VectorEnvNormObs(walks(AutoresetMode.DISABLED))
    before, _ = envs.reset()
    after, _ = envs.reset(options={"reset_mask": np.array([True, False])})
    assert after[1].tolist() == before[1].tolist()
    assert after[0].tolist() != before[0].tolist()
    assert envs.get_obs_rms().count == 3


def test_test_environments_share_the_statistics_and_do_not_change_them() -> None:
    train = VectorEnvNormObs(walks(AutoresetMode.SAME_STEP))
    test = VectorEnvNormObs(walks(AutoresetMode.SAME_STEP), update_obs_rms=False)
    test.set_obs_rms(train.get_obs_rms())
    collected(train, steps=4)
    count = train.get_obs_rms().count
    collected(test, steps=4)
    assert test.get_obs_rms() is train.get_obs_rms()
    assert train.get_obs_rms().count == count


def test_seeding_counts_nothing() -> None:
    envs = VectorEnvNormObs(DummyVectorEnv([lambda: gym.make("CartPole-v1")] * 2))
    assert (envs.seed(5), len(envs), envs.env_num) == ([5, 6], 2, 2)
    assert envs.get_obs_rms().count == 0
    assert [spec.id for spec in envs.get_env_attr("spec")] == ["CartPole-v1"] * 2


def test_processes_give_the_observations_of_a_single_process() -> None:
    makers = [lambda: Walk(0.0), lambda: Walk(100.0)]
    in_processes = VectorEnvNormObs(SubprocVectorEnv(makers))
    rows = collected(in_processes, steps=5)
    in_processes.close()
    assert rows.obs.tolist() == collected(VectorEnvNormObs(DummyVectorEnv(makers)), 5).obs.tolist()


def test_normalized_observations_are_in_the_space_that_is_declared() -> None:
    """Integers become float64."""

    class Tiles(Walk):
        observation_space = Box(0, 255, (2,), np.uint8)

        def observe(self) -> Any:
            return (np.array([1, 2]) * (self.t + 1)).astype(np.uint8)

    envs = VectorEnvNormObs(DummyVectorEnv([lambda: Tiles(0.0)]))
    obs, _ = envs.reset()
    assert envs.single_observation_space.contains(obs[0])
    assert obs.dtype == np.float64


def test_observations_that_are_no_arrays_are_refused() -> None:
    class Named(Walk):
        observation_space = gym.spaces.Dict(x=Box(0, 1))  # type: ignore[assignment]

    with pytest.raises(ValueError, match=r"expected observations that are arrays, got Dict"):
        VectorEnvNormObs(DummyVectorEnv([lambda: Named(0.0)]))
