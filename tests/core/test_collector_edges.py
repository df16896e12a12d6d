"""Seeds, counters, warnings and hidden states of a collector, at the edges of what it is asked."""

import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from pg_edu import Collector, ReplayBuffer, VectorReplayBuffer
from tests.helpers import ConstantLogits, Counter, counters, make_policy

MODES = list(AutoresetMode)


class Resets(Counter):
    """A counter that records the seed and the options of each reset."""

    def __init__(self, n: int = 0, lengths: Any = (3,)) -> None:
        super().__init__(n, lengths)
        self.asked: list[tuple[Any, Any]] = []

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        self.asked.append((seed, options))
        return super().reset(seed=seed, options=options)


def two_environments(mode: AutoresetMode = AutoresetMode.SAME_STEP) -> SyncVectorEnv:
    return counters(mode, [(2,), (3,)], Resets)


def collector_of(envs: SyncVectorEnv, size: int = 100) -> Collector:
    return Collector(make_policy(ConstantLogits()), envs, VectorReplayBuffer(size, envs.num_envs))


def asked(envs: SyncVectorEnv, n: int = 0) -> list[tuple[Any, Any]]:
    env: Any = envs.envs[n].unwrapped
    return list(env.asked)


# Seeds


def test_a_seed_is_used_at_the_first_reset_of_a_call_only() -> None:
    """A later reset with the same seed would repeat the episodes."""
    envs = two_environments()
    collector_of(envs).collect(n_episode=4, gym_reset_kwargs={"seed": 5, "options": {"a": 1}})
    for n in (0, 1):
        seeds = [seed for seed, _ in asked(envs, n)]
        assert seeds == [5 + n] + [None] * (len(seeds) - 1) and len(seeds) > 1
    assert asked(envs)[0][1] == asked(envs)[-1][1] == {"a": 1}


def test_a_reset_before_collecting_gets_the_seed_and_keeps_the_rows_but_not_the_counters() -> None:
    envs = two_environments()
    collector = collector_of(envs)
    collector.collect(n_step=4)
    rows = len(collector.buffer)
    collector.collect(n_step=2, reset_before_collect=True, gym_reset_kwargs={"seed": 7})
    assert asked(envs)[-1][0] == 7
    assert len(collector.buffer) == rows + 2
    assert (collector.collect_step, collector.collect_episode) == (2, 0)


def test_an_episode_that_a_reset_cuts_off_is_truncated_and_the_next_one_is_separate() -> None:
    collector = collector_of(two_environments())
    collector.collect(n_step=2)
    collector.reset_env()
    assert collector.buffer[:].truncated.tolist() == [True, True]
    stats = collector.collect(n_step=4)
    assert stats.lens.tolist() == [2]
    assert stats.returns.tolist() == [1.0 + 2.0]


# Counters


def test_counters_add_up_over_calls_and_begin_again_at_a_reset() -> None:
    collector = collector_of(two_environments())
    calls = [collector.collect(n_episode=2) for _ in range(2)]
    assert collector.collect_step == 5 + 5
    assert collector.collect_episode == 2 + 2
    assert collector.collect_time == pytest.approx(sum(call.collect_time for call in calls))
    collector.reset(reset_stats=False, reset_buffer=False)
    assert (collector.collect_step, len(collector.buffer)) == (10, 10)
    collector.reset()
    assert (collector.collect_step, collector.collect_episode, collector.collect_time) == (0, 0, 0)
    assert len(collector.buffer) == 0


class Zero(Counter):
    """A counter without rewards, whose episodes have one step."""

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        obs, _, terminated, truncated, info = super().step(action)
        return obs, 0.0, terminated, truncated, info


@pytest.mark.parametrize("mode", MODES)
def test_episodes_of_one_step_and_of_return_0_are_counted(mode: AutoresetMode) -> None:
    collector = collector_of(counters(mode, [(1,), (1,)], Zero))
    stats = collector.collect(n_episode=6)
    assert (stats.n_collected_episodes, stats.n_collected_steps) == (6, 6)
    assert (stats.lens.tolist(), stats.returns.tolist()) == ([1] * 6, [0.0] * 6)


@pytest.mark.parametrize("mode", MODES)
def test_each_environment_has_its_share_of_the_episodes(mode: AutoresetMode) -> None:
    """Of three episodes, two belong to environment 0; what follows them is not stored."""
    collector = collector_of(two_environments(mode))
    stats = collector.collect(n_episode=3)
    assert sorted(stats.lens.tolist()) == [2, 2, 3]
    assert collector.buffer.sample_indices(0).tolist() == [0, 1, 2, 3, 50, 51, 52]


# Room


def test_a_call_may_fill_the_buffer_exactly_but_not_overwrite_its_own_rows() -> None:
    collector_of(two_environments(), size=8).collect(n_step=8)
    with pytest.raises(ValueError, match="holds 4 steps per environment"):
        collector_of(two_environments(), size=8).collect(n_step=10)
    collector_of(two_environments(), size=8).collect(n_episode=3)
    with pytest.raises(ValueError, match="holds 3 steps per environment"):
        collector_of(two_environments(), size=6).collect(n_episode=3)


def test_a_buffer_may_have_more_sub_buffers_than_there_are_environments() -> None:
    policy = make_policy(ConstantLogits())
    buffer = VectorReplayBuffer(40, 4)
    Collector(policy, two_environments(), buffer).collect(n_episode=2)
    assert len(buffer) == 5
    with pytest.raises(ValueError, match="has 1 sub-buffers for 2 environments"):
        Collector(policy, two_environments(), ReplayBuffer(40))


# Warnings that must appear, and others that must not


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"n_episode": 1}, "leaves some of the 2 environments idle"),
        ({"n_episode": 2}, ""),
        ({"n_episode": 3}, ""),
        ({"n_step": 1}, "is not a multiple"),
        ({"n_step": 2}, ""),
        ({"n_step": 5}, "6 steps are taken"),
        ({"n_step": 6}, ""),
    ],
)
def test_a_number_that_does_not_suit_the_environments_gives_a_warning(
    given: dict[str, Any], words: str
) -> None:
    collector = collector_of(two_environments())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        collector.collect(**given)
    shown = " ".join(str(warning.message) for warning in caught)
    assert words in shown and (words or shown == "")


def test_environments_that_do_not_name_their_mode_are_taken_for_next_step_with_a_warning() -> None:
    envs = two_environments(AutoresetMode.NEXT_STEP)
    envs.metadata = {}
    with pytest.warns(UserWarning, match="NEXT_STEP is assumed"):
        collector = Collector(make_policy(ConstantLogits()), envs, VectorReplayBuffer(20, 2))
    assert collector.collect(n_episode=2).lens.tolist() == [2, 3]


# Noise


@pytest.mark.parametrize(("given", "actions"), [({}, {0}), ({"exploration_noise": True}, {1})])
def test_exploration_noise_is_added_only_if_it_is_asked_for(
    given: dict[str, Any], actions: set[int]
) -> None:
    policy: Any = make_policy(ConstantLogits((1e3, 0.0)))
    policy.exploration_noise = lambda act, batch: act + 1
    buffer = VectorReplayBuffer(20, 2)
    Collector(policy, two_environments(), buffer, **given).collect(n_episode=2)
    assert set(buffer[:].act.tolist()) == actions


# Hidden states


class Memory(ConstantLogits):
    """An actor that keeps the hidden states that it has returned: one number for each row."""

    def __init__(self, as_array: bool) -> None:
        super().__init__()
        self.as_array = as_array
        self.given: list[Any] = []
        self.returned: list[Any] = []

    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[torch.Tensor, Any]:
        self.given.append(None if state is None else np.asarray(state).copy())
        new = np.ones((len(obs), 1)) if state is None else np.asarray(state) + 1
        self.returned.append(new if self.as_array else torch.as_tensor(new))
        return super().forward(obs)[0], self.returned[-1]


@pytest.mark.parametrize("as_array", [True, False])
def test_a_hidden_state_is_reset_in_a_copy_and_only_where_an_episode_ended(as_array: bool) -> None:
    """Episodes of 2 and 3 steps; the policy's own arrays still hold what it has put into them."""
    actor = Memory(as_array)
    envs = two_environments()
    Collector(make_policy(actor), envs, VectorReplayBuffer(40, 2)).collect(n_step=10)
    given = [None if state is None else state.ravel().tolist() for state in actor.given]
    assert given == [None, [1, 1], [0, 2], [1, 0], [0, 1]]
    assert [np.ravel(state).tolist() for state in actor.returned] == [
        [1, 1],
        [2, 2],
        [1, 3],
        [2, 1],
        [1, 2],
    ]


def test_the_hidden_state_is_forgotten_after_an_error_and_after_whole_episodes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    actor = Memory(as_array=True)
    collector = Collector(make_policy(actor), two_environments(), VectorReplayBuffer(40, 2))
    collector.collect(n_episode=2)
    collector.collect(n_episode=2)
    assert [state is None for state in actor.given] == [True, False, False] * 2

    def broken(_: Any) -> Any:
        raise RuntimeError("the sensor is gone")

    with monkeypatch.context() as patch:
        patch.setattr(collector.env, "step", broken)
        with pytest.raises(RuntimeError, match="the sensor is gone"):
            collector.collect(n_step=2)
    collector.collect(n_step=2)
    assert actor.given[-1] is None


def test_rewards_are_stored_with_the_digits_of_float64() -> None:
    class Precise(Counter):
        def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
            obs, _, terminated, truncated, info = super().step(action)
            return obs, 1 + 2.0**-40, terminated, truncated, info

    env: gym.Env[Any, Any] = Precise()
    collector = Collector(make_policy(ConstantLogits()), env, ReplayBuffer(10))
    stats = collector.collect(n_episode=1)
    assert collector.buffer[:].rew.tolist() == [1 + 2.0**-40] * 3
    assert stats.returns.tolist() == [3 + 3 * 2.0**-40]


@pytest.mark.parametrize("amount", [{"n_step": 2}, {"n_episode": 2}], ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_a_collector_goes_on_from_its_own_reset_without_a_warning(
    mode: AutoresetMode, amount: Any
) -> None:
    """The episodes that begin with reset_env are the first ones, and no others."""
    envs = two_environments(mode)
    collector = collector_of(envs)
    collector.collect(n_step=2)
    first, _ = collector.reset_env({"seed": 4})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        collector.collect(**amount)
    assert [seed for seed, _ in asked(envs) if seed is not None] == [4]
    np.testing.assert_array_equal(collector.buffer[[1, 51]].obs, first)


def test_options_reach_each_reset_that_the_collector_makes() -> None:
    """Of one environment or of both: they end together at step 6."""
    envs = two_environments(AutoresetMode.DISABLED)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # none of them resets itself without options
        collector_of(envs).collect(n_step=14, gym_reset_kwargs={"options": {"a": 1}})
    assert asked(envs, 0) == [(None, {"a": 1})] * 4
    assert asked(envs, 1) == [(None, {"a": 1})] * 3


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_episodes_that_an_error_cuts_off_end_as_truncated(error: Any) -> None:
    class Fails(Counter):
        def step(self, action: Any) -> Any:
            if (self.episode, self.t) == (0, 2):
                raise error("on purpose")
            return super().step(action)

    collector = collector_of(counters(lengths=[(5,)], env=Fails))
    collector.collect(n_step=1)
    with pytest.raises(error, match="on purpose"):
        collector.collect(n_step=2)
    assert collector.buffer[:].truncated.tolist() == [True]
    collector.collect(n_step=1)
    rows: Any = collector.buffer[:]
    assert rows.truncated.tolist() == [True, False]
    assert rows.obs[:, 1:].tolist() == [[0, 0], [1, 0]]


@pytest.mark.parametrize("mode", MODES)
def test_options_reset_environments_at_the_start_of_an_episode_but_cut_none_off(
    mode: AutoresetMode,
) -> None:
    envs = counters(mode, [(9,), (9,)], Resets)
    collector = collector_of(envs)
    options = {"options": {"a": 1}}
    collector.reset_env()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        collector.collect(n_step=2, gym_reset_kwargs=options)
        collector.collect(n_step=2, gym_reset_kwargs=options)
    assert asked(envs) == [(None, None), (None, {"a": 1})]
