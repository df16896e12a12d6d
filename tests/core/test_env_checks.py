"""Environments in wrong hands, and errors that say which environment made them."""

import os
import signal
import warnings
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

from pg_edu import Collector, VectorReplayBuffer
from pg_edu.env_checks import Claim, check_observations
from tests.helpers import ConstantLogits, Counter, counters, make_policy

SAME_STEP = AutoresetMode.SAME_STEP
LOGGED = pytest.mark.filterwarnings("ignore::UserWarning")  # AsyncVectorEnv logs by warnings
VECTORS = pytest.mark.parametrize("vector", [SyncVectorEnv, AsyncVectorEnv])


def collector_of(envs: Any) -> Collector:
    n = getattr(envs, "num_envs", 1)
    return Collector(make_policy(ConstantLogits()), envs, VectorReplayBuffer(100 * n, n))


def vector_with(env: Any, vector: Any = SyncVectorEnv) -> Any:
    """Return three environments, of which number 1 is this one."""
    return vector([Counter, env, Counter], autoreset_mode=SAME_STEP)


# One environment in several places


def test_one_environment_in_several_slots_is_a_warning_that_names_them() -> None:
    """v1.1.0 steps it several times a step, without a word."""
    one = gym.wrappers.TimeLimit(Counter(), 9)
    with pytest.warns(UserWarning, match="environments 0, 2 are one object.*a new one in each"):
        collector_of(SyncVectorEnv([lambda: one, Counter, lambda: one]))


def used_by_hand(envs: Any) -> None:
    envs.reset()


def stepped_by_hand(envs: Any) -> None:
    envs.step(np.zeros(envs.num_envs, int))


def used_by_another_collector(envs: Any) -> None:
    collector_of(envs).collect(n_step=envs.num_envs)


OTHERS = pytest.mark.parametrize("use", [used_by_hand, stepped_by_hand, used_by_another_collector])


@OTHERS
@pytest.mark.parametrize("kwargs", [{"n_step": 12}, {"n_episode": 3}])
def test_environments_that_somebody_else_used_are_reset_with_one_warning(
    use: Any, kwargs: Any
) -> None:
    """Every row stays a transition: t + 1 follows t. v1.1.0 goes on from an old observation."""
    envs = counters(SAME_STEP, [(5,), (7,), (9,)])
    collector = collector_of(envs)
    collector.collect(**kwargs)
    use(envs)
    with pytest.warns(UserWarning, match="other than this collector, so they are reset") as found:
        collector.collect(**kwargs)
        use(envs)
        collector.collect(**kwargs)
    assert len([w for w in found if "other than this" in str(w.message)]) == 1
    rows: Any = collector.buffer[:]
    np.testing.assert_array_equal(rows.obs[:, :2], rows.obs_next[:, :2])
    np.testing.assert_array_equal(rows.obs[:, 2] + 1, rows.obs_next[:, 2])


@OTHERS
@pytest.mark.parametrize("env_id", ["CartPole-v1", "Acrobot-v1"])
def test_environments_of_gymnasium_show_that_they_were_used(use: Any, env_id: str) -> None:
    envs: Any = gym.make_vec(env_id, num_envs=2)
    policy = make_policy(
        ConstantLogits(np.zeros(envs.single_action_space.n)), envs.single_action_space
    )
    collector = Collector(policy, envs)
    collector.reset()
    use(envs)
    with pytest.warns(UserWarning, match="other than this collector"):
        Collector.collect(collector, n_step=4)


def test_asynchronous_environments_show_that_they_were_used() -> None:
    envs = vector_with(Counter, AsyncVectorEnv)
    collector = collector_of(envs)
    collector.collect(n_step=6)
    envs.reset()
    with pytest.warns(UserWarning, match="other than this collector"):
        collector.collect(n_step=6)
    envs.close()


@OTHERS
@pytest.mark.parametrize(
    "kwargs", [{"gym_reset_kwargs": {"seed": 3}}, {"reset_before_collect": True}]
)
def test_a_call_that_resets_anyway_needs_no_warning(use: Any, kwargs: Any) -> None:
    envs = counters()
    collector = collector_of(envs)
    collector.reset()
    use(envs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        collector.collect(n_step=6, **kwargs)


def test_collectors_may_use_the_same_environments_one_after_the_other() -> None:
    envs = counters()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            collector = collector_of(envs)
            collector.collect(n_step=6)
            collector.collect(n_episode=3)


# Observations


class Of(Counter):
    """A Counter with another observation space, whose observations are samples."""

    def __init__(self, space: gym.Space[Any]) -> None:
        super().__init__()
        self.observation_space = space
        space.seed(0)

    def obs(self) -> Any:
        return self.observation_space.sample()


BOX = gym.spaces.Box(0, 1, (2,))


@pytest.mark.parametrize(
    "space",
    [
        gym.spaces.Tuple((BOX, gym.spaces.Discrete(3))),
        gym.spaces.Dict(deep=gym.spaces.Dict(t=gym.spaces.Tuple((BOX,)))),
        gym.spaces.OneOf((BOX, gym.spaces.Discrete(3))),
        gym.spaces.Text(4),
        gym.spaces.Sequence(BOX),
        gym.spaces.Graph(BOX, None),
    ],
    ids=lambda space: type(space).__name__,
)
def test_an_observation_space_that_cannot_be_stored_is_named_with_a_wrapper_that_helps(
    space: gym.Space[Any],
) -> None:
    with pytest.raises(ValueError, match="numeric arrays or dicts of them") as caught:
        collector_of(SyncVectorEnv([partial(Of, space)] * 2)).collect(n_step=2)
    assert str(space) in str(caught.value)
    wrapped: Any
    if "FlattenObservation" in str(caught.value):
        wrapped = gym.wrappers.FlattenObservation
    else:
        assert "TransformObservation, with a function" in str(caught.value)
        wrapped = partial(
            gym.wrappers.TransformObservation, func=lambda obs: np.zeros(2), observation_space=BOX
        )
    envs = SyncVectorEnv([lambda: wrapped(Of(space))] * 2)
    assert collector_of(envs).collect(n_step=2).n_collected_steps == 2


def test_observations_that_are_tensors_are_an_error_that_blames_no_space() -> None:
    class Tensors(gym.vector.VectorWrapper):
        def reset(self, **kwargs: Any) -> Any:
            obs, info = self.env.reset(**kwargs)
            return torch.as_tensor(obs), info

    with pytest.raises(ValueError, match=r"dicts of them, got a Tensor\.$"):
        collector_of(Tensors(counters())).collect(n_step=3)


@pytest.mark.parametrize("info", [{}, {"other": np.zeros(1)}])
def test_same_step_environments_without_final_obs_are_an_error_that_names_the_mode(
    info: dict[str, Any],
) -> None:
    class Forgets(gym.vector.VectorWrapper):
        def step(self, actions: Any) -> Any:
            return *self.env.step(actions)[:4], info

    with pytest.raises(ValueError, match=r"SAME_STEP.*has no 'final_obs'.*autoreset_mode"):
        collector_of(Forgets(counters(SAME_STEP, [(2,)]))).collect(n_step=4)


# Errors


class Old(Counter):
    """An environment whose step returns the four values of the old gym."""

    def step(self, action: Any) -> Any:
        obs, rew, terminated, _, info = super().step(action)
        return obs, rew, terminated, info


class OldReset(Counter):
    """An environment whose reset returns an observation without an info."""

    def reset(self, **kwargs: Any) -> Any:
        return super().reset(**kwargs)[0]


class Grows(Counter):
    """An environment whose observations do not fit its space from step 2 on."""

    def obs(self) -> Any:
        return np.zeros(3 if self.t < 2 else 4, np.float32)


class RewardsByArray(Counter):
    """An environment whose reward is an array of two numbers."""

    def step(self, action: Any) -> Any:
        obs, rew, *others = super().step(action)
        return obs, np.array([rew, rew]), *others


class Breaks(Counter):
    """An environment that raises in step 2."""

    def step(self, action: Any) -> Any:
        if self.t == 1:
            raise OSError("sensor gone")
        return super().step(action)


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        (
            Old,
            r"environment 1 of 3 \(Old\): step must return obs, reward, terminated, truncated, i",
        ),
        (OldReset, r"environment 1 of 3 \(OldReset\): reset must return obs, info, but too many"),
        (Grows, r"environment 1 of 3 \(Grows\) gave an observation of shape \(4,\).*shape \(3,\)"),
        (RewardsByArray, r"environment 1 of 3 \(RewardsByArray\): step must .* float\(reward\)"),
    ],
)
def test_what_an_environment_returns_amiss_is_said_with_its_number(env: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        collector_of(vector_with(env)).collect(n_step=9)


@LOGGED
@VECTORS
def test_an_error_of_an_environment_keeps_its_type_and_gets_a_note_with_its_number(
    vector: Any,
) -> None:
    envs = vector_with(Breaks, vector)
    with pytest.raises(OSError, match="sensor gone") as caught:
        collector_of(envs).collect(n_step=9)
    assert "step of environment 1 of 3" in caught.value.__notes__[0]
    if vector is AsyncVectorEnv:
        envs.close(terminate=True)


@LOGGED
def test_an_old_environment_is_named_by_asynchronous_ones_too() -> None:
    envs = vector_with(Old, AsyncVectorEnv)
    with pytest.raises(ValueError, match="environment 1 of 3: step must return obs, reward"):
        collector_of(envs).collect(n_step=9)
    envs.close(terminate=True)


def test_an_environment_alone_is_named_as_well() -> None:
    with pytest.raises(ValueError, match=r"environment 0 of 1 \(Old\): step must return"):
        collector_of(Old()).collect(n_step=9)


@LOGGED
def test_a_process_that_has_ended_is_named_with_its_exit_code() -> None:
    envs = vector_with(Counter, AsyncVectorEnv)
    collector = collector_of(envs)
    collector.collect(n_step=3)
    os.kill(envs.processes[1].pid, signal.SIGKILL)
    with pytest.raises(RuntimeError, match="process of environment 1 of 3 has ended, exit code -9"):
        collector.collect(n_step=3)
    assert collector.buffer[:].truncated.all()
    envs.close(terminate=True)


@pytest.mark.parametrize("error", [EOFError("end of script"), ConnectionResetError("server")])
def test_an_error_that_is_not_of_a_process_stays_what_it_is(error: Exception) -> None:
    class Raises(gym.vector.VectorWrapper):
        def step(self, actions: Any) -> Any:
            raise error

    with pytest.raises(type(error), match=str(error)):
        collector_of(Raises(counters())).collect(n_step=3)


@pytest.mark.parametrize("error", [ValueError("bad bearing"), ValueError("expected 5, got 4")])
def test_a_value_error_of_an_environment_keeps_its_message(error: ValueError) -> None:
    class Raises(Counter):
        def step(self, action: Any) -> Any:
            raise error

    with pytest.raises(ValueError, match=str(error)) as caught:
        collector_of(vector_with(Raises)).collect(n_step=3)
    assert str(caught.value) == str(error)
    assert "step of environment 1 of 3 (Raises)" in caught.value.__notes__[0]


# What environments show of themselves


class Showing(gym.vector.VectorEnv[Any, Any, Any]):
    """A vector environment that shows these observations."""

    def __init__(self, **observations: Any) -> None:
        self._observations = {"constant": np.zeros(2), **observations}


@pytest.mark.parametrize("value", [5.0, np.nan])
def test_a_change_in_any_part_of_an_observation_shows_that_environments_were_used(
    value: float,
) -> None:
    envs = Showing(deep={"x": np.array([1.0, value])})
    claim = Claim(envs)
    claim.leave()
    assert not claim.is_broken()
    envs._observations["deep"]["x"][0] = 2.0
    assert claim.is_broken()


def test_one_environment_in_two_wrappers_is_in_two_slots() -> None:
    one = Counter()
    envs = SyncVectorEnv([lambda: gym.wrappers.TimeLimit(one, 9)] * 2)
    with pytest.warns(UserWarning, match="environments 0, 1 are one object"):
        collector_of(envs)


def test_observations_may_be_flags() -> None:
    check_observations(np.zeros((3, 1), bool), counters())


def test_a_warning_points_at_the_line_of_the_caller() -> None:
    envs = counters(SAME_STEP, [(5,), (5,)])
    one = Counter()
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        collector = Collector(make_policy(ConstantLogits()), envs)
        collector.collect(n_step=3)
        envs.reset()
        collector.collect(n_episode=1)
        Collector(make_policy(ConstantLogits()), SyncVectorEnv([lambda: one] * 2))
    assert [warning.filename for warning in found] == [__file__] * 4


def test_another_collector_is_noticed_although_environments_show_nothing() -> None:
    """It may hold them in a wrapper of its own."""
    envs = Showing()
    envs._observations = {}
    mine, other = Claim(envs), Claim(gym.vector.VectorWrapper(envs))
    mine.leave()
    assert not mine.is_broken()
    other.leave()
    assert mine.is_broken() and not other.is_broken()


class Diverges(Counter):
    """A simulation that breaks down: its final observation is NaN."""

    def step(self, action: Any) -> Any:
        obs, rew, terminated, truncated, info = super().step(action)
        return obs * (np.nan if terminated else 1.0), rew, terminated, truncated, info


@pytest.mark.parametrize("mode", AutoresetMode, ids=lambda mode: mode.name)
def test_a_final_observation_of_nan_stops_nobody_because_no_action_follows_it(mode: Any) -> None:
    class Reads(ConstantLogits):
        def forward(self, obs: Any, state: Any = None, info: Any = None) -> Any:
            return self.logits + torch.as_tensor(obs[:, :1]), state

    envs = SyncVectorEnv([partial(Diverges, n, [2 + n]) for n in (0, 1)], autoreset_mode=mode)
    policy = make_policy(Reads(np.zeros(2)), envs.single_action_space)
    collector = Collector(policy, envs, VectorReplayBuffer(40, 2))
    collector.collect(n_episode=6)
    rows: Any = collector.buffer[:]
    assert not np.isnan(rows.obs).any()
    assert (np.isnan(rows.obs_next).reshape(len(rows), -1).any(axis=1) == rows.done).all()


@pytest.mark.parametrize("call", ["reset", "step"])
def test_an_error_of_the_vector_itself_blames_no_environment(
    call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Own(SyncVectorEnv):
        def fail(self, *_: Any, **__: Any) -> Any:
            raise OSError("bus gone")

    monkeypatch.setattr(Own, call, Own.fail)
    envs = Own([Counter, Counter], autoreset_mode=SAME_STEP)
    with pytest.raises(OSError, match="bus gone") as caught:
        collector_of(envs).collect(n_step=2)
    assert not hasattr(caught.value, "__notes__")
