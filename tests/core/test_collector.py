"""The collector: rows in every autoreset mode, statistics, errors on the way, hidden states.

The oracle is an environment in which every transition is known in advance: the observation of a
`Counter` says to which environment, episode and step it belongs.
"""

import warnings
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from torch import nn
from torch.distributions import Categorical, Distribution

from pg_edu import (
    Batch,
    Collector,
    PGPolicy,
    ReplayBuffer,
    VectorReplayBuffer,
    policy_within_training_step,
)
from tests.helpers import LENGTHS, ConstantLogits, Counter, counters, make_policy

MODES = list(AutoresetMode)


class DictCounter(Counter):
    """A Counter whose observation is a dict."""

    observation_space = gym.spaces.Dict(
        place=gym.spaces.Box(0, 1e6, (2,)), time=gym.spaces.Discrete(1000)
    )

    def obs(self):
        n, episode, t = super().obs()
        return {"place": np.array([n, episode], np.float32), "time": int(t)}


class Reuses(gym.vector.VectorWrapper):
    """A vector environment that overwrites the arrays that it has returned, and the actions."""

    def __init__(self, env):
        super().__init__(env)
        self.held = {}

    def reset(self, *, seed=None, options=None):
        obs, info = self.env.reset(seed=seed, options=options)
        return self.over((0,), obs), info

    def step(self, actions):
        outcome = self.env.step(actions.copy())
        actions[:] = 1 - actions
        return tuple(self.over((place,), value) for place, value in enumerate(outcome))

    def over(self, path, new):
        if isinstance(new, dict):
            return {key: self.over((*path, key), value) for key, value in new.items()}
        if not isinstance(new, np.ndarray):
            return new
        if new.dtype == object:  # final_obs
            for n, value in enumerate(new):
                new[n] = self.over((*path, n), value)
            return new
        held = self.held.setdefault(path, new.copy())
        held[...] = new
        return held


def coin_policy(**settings):
    return make_policy(ConstantLogits(), **settings)


def expected_rows(lengths, rows):
    """Return (episode, t) of the first `rows` transitions of one environment."""
    found: list[tuple[int, int]] = []
    episode = 0
    while len(found) < rows:
        found += [(episode, t) for t in range(lengths[episode % len(lengths)])]
        episode += 1
    return np.array(found[:rows])


# What is stored


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("env", [Counter, DictCounter])
@pytest.mark.parametrize("steps", [1, 7, 517])
@pytest.mark.parametrize("wrapped", [lambda envs: envs, Reuses], ids=["new arrays", "same arrays"])
def test_every_row_is_a_transition_of_its_environment(mode, env, steps, wrapped):
    """Rows hold (s, a, r, s') with the true final s'; none is extra and none is missing."""
    buffer = VectorReplayBuffer(3 * 1000, 3)
    collector = Collector(coin_policy(), wrapped(counters(mode, env=env)), buffer)
    stats = collector.collect(n_step=3 * steps)
    assert stats.n_collected_steps == len(buffer)
    for n, sub_buffer in enumerate(buffer.buffers):
        rows: Any = sub_buffer[:]
        obs, obs_next = rows.obs, rows.obs_next
        if env is DictCounter:
            obs, obs_next = (np.c_[o.place, o.time] for o in (obs, obs_next))
        episode, t = expected_rows(LENGTHS[n], len(rows.rew)).T
        np.testing.assert_array_equal(obs, np.c_[np.full_like(t, n), episode, t])
        np.testing.assert_array_equal(obs_next, np.c_[np.full_like(t, n), episode, t + 1])
        np.testing.assert_array_equal(rows.rew, t + 1)
        lengths = np.array(LENGTHS[n])[episode % len(LENGTHS[n])]
        np.testing.assert_array_equal(rows.terminated, t + 1 == lengths)
        assert not rows.truncated.any()
    has_ignored_steps = mode is AutoresetMode.NEXT_STEP and steps > 2
    assert (len(buffer) < 3 * steps) == has_ignored_steps


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("wrapped", [lambda envs: envs, Reuses], ids=["new arrays", "same arrays"])
def test_each_row_has_the_action_of_its_own_step(mode, wrapped):
    """The environment shows in obs_next the action that it was given."""

    class Echo(Counter):
        def step(self, action):
            outcome = super().step(action)[1:]
            return np.array([self.n, self.episode, 100 + action], np.float32), *outcome

    buffer = VectorReplayBuffer(120, 3)
    Collector(coin_policy(), wrapped(counters(mode, env=Echo)), buffer).collect(n_step=120)
    rows = buffer[:]
    np.testing.assert_array_equal(rows.obs_next[:, 2], 100 + rows.act)
    assert set(rows.act) == {0, 1}


@pytest.mark.parametrize("mode", MODES)
def test_collecting_continues_where_the_last_call_stopped(mode):
    """Ten calls of one vector step each store the same rows as one call of ten steps."""
    pieces, whole = VectorReplayBuffer(60, 3), VectorReplayBuffer(60, 3)
    collector = Collector(coin_policy(), counters(mode), pieces)
    stats = [collector.collect(n_step=3) for _ in range(10)]
    at_once = Collector(coin_policy(), counters(mode), whole).collect(n_step=30)
    np.testing.assert_array_equal(pieces[:].obs, whole[:].obs)
    np.testing.assert_array_equal(np.concatenate([s.returns for s in stats]), at_once.returns)
    np.testing.assert_array_equal(np.concatenate([s.lens for s in stats]), at_once.lens)


def test_rewards_are_not_rounded_if_the_first_ones_are_integers():
    class Grades(gym.vector.VectorWrapper):
        rewards = iter([np.array([1, 2, 3]), np.array([0.5, 1.5, 2.5])])

        def step(self, actions):
            obs, _, *rest = self.env.step(actions)
            return obs, next(self.rewards), *rest

    buffer = VectorReplayBuffer(6, 3)
    envs = Grades(counters(AutoresetMode.SAME_STEP, lengths=[(9,)] * 3))
    Collector(coin_policy(), envs, buffer).collect(n_step=6)
    np.testing.assert_array_equal(buffer[:].rew, [1, 0.5, 2, 1.5, 3, 2.5])


def test_observations_are_not_rounded_if_the_first_ones_are_integers():
    class Halves(gym.vector.VectorWrapper):
        def reset(self, **kwargs):
            obs, info = self.env.reset(**kwargs)
            return obs.astype(int), info

        def step(self, actions):
            obs, *rest = self.env.step(actions)
            return obs + 0.5, *rest

    buffer = VectorReplayBuffer(9, 3)
    envs = Halves(counters(AutoresetMode.SAME_STEP, lengths=[(9,)] * 3))
    Collector(coin_policy(), envs, buffer).collect(n_step=9)
    np.testing.assert_array_equal(buffer.buffers[0][:].obs[:, 2], [0, 1.5, 2.5])
    np.testing.assert_array_equal(buffer.buffers[0][:].obs_next[:, 2], [1.5, 2.5, 3.5])


def test_image_observations_keep_their_dtype():
    class Camera(Counter):
        observation_space = gym.spaces.Box(0, 255, (32, 32, 3), np.uint8)

        def obs(self):
            return np.full((32, 32, 3), self.t, np.uint8)

    buffer = ReplayBuffer(10)
    Collector(coin_policy(), Camera(), buffer).collect(n_step=4)
    assert buffer.obs.dtype == np.uint8
    np.testing.assert_array_equal(buffer[:].obs_next[:, 0, 0, 0], [1, 2, 3, 1])


def test_asynchronous_environments_give_the_same_rows():
    buffers = []
    for vector in (SyncVectorEnv, AsyncVectorEnv):
        makers = [partial(Counter, n, LENGTHS[n]) for n in range(3)]
        envs = vector(makers, autoreset_mode=AutoresetMode.SAME_STEP)
        buffers.append(VectorReplayBuffer(60, 3))
        collector = Collector(coin_policy(), envs, buffers[-1])
        collector.collect(n_step=30)
        collector.close()
    np.testing.assert_array_equal(buffers[0][:].obs_next, buffers[1][:].obs_next)


def test_random_actions_are_stored_as_the_raw_actions_that_map_to_them():
    """map_action(stored) is what the space sampled; the policy is not called."""
    space = gym.spaces.Discrete(3, start=5)

    class Env(Counter):
        action_space = space

        def step(self, action):
            sent.append(int(action))
            return super().step(action)

    sent: list[int] = []
    buffer = ReplayBuffer(20)
    policy = make_policy(ConstantLogits(), space)
    Collector(policy, Env(), buffer).collect(n_step=20, random=True)
    np.testing.assert_array_equal(policy.map_action(buffer[:].act), sent)
    assert set(sent) == {5, 6, 7}


def test_the_policy_entry_of_a_policys_output_is_stored():
    class Scores(PGPolicy):
        def forward(self, batch, state=None, **kwargs):
            result = super().forward(batch, state)
            result.policy = Batch(log_prob=result.dist.log_prob(torch.as_tensor(result.act)))
            return result

    policy = coin_policy(kind=Scores)
    buffer = VectorReplayBuffer(30, 3)
    Collector(policy, counters(MODES[0]), buffer).collect(n_step=9)
    np.testing.assert_allclose(buffer[:].policy.log_prob, np.log(0.5), rtol=1e-6)


# What is reported


def test_episodes_are_reported_in_the_order_in_which_they_ended():
    """Episodes that end in the same step come in the order of their environments."""
    envs = counters(AutoresetMode.SAME_STEP, [(4,), (2,), (2,)])
    stats = Collector(coin_policy(), envs).collect(n_episode=6)
    np.testing.assert_array_equal(stats.lens, [2, 2, 4, 2, 2, 4])


def test_stats_count_what_was_stored_and_add_up():
    collector = Collector(coin_policy(), counters(AutoresetMode.NEXT_STEP))
    first, second = collector.collect(n_step=30), collector.collect(n_step=30)
    assert collector.collect_step == first.n_collected_steps + second.n_collected_steps
    assert collector.collect_episode == len(first.returns) + len(second.returns)
    assert first.returns_stat is not None
    assert first.returns_stat.mean == first.returns.mean()
    assert Collector(coin_policy(), Counter(lengths=(9,))).collect(n_step=2).returns_stat is None


# How the policy is called


@pytest.fixture
def torch_checks():
    """Switch on the checks of torch, which are on by default unless Python runs with -O."""
    before = Distribution._validate_args
    Distribution.set_default_validate_args(True)
    yield
    Distribution.set_default_validate_args(before)


def test_the_policy_acts_in_eval_mode_and_without_gradients():
    class Dropout(ConstantLogits):
        def forward(self, obs, state=None, info=None):
            seen.append((self.training, torch.is_grad_enabled()))
            return super().forward(obs, state, info)

    seen: list[tuple[bool, bool]] = []
    policy = make_policy(Dropout())
    Collector(policy, Counter()).collect(n_step=2)
    assert set(seen) == {(False, False)}
    assert policy.training


def test_torch_checks_distributions_again_when_collecting_is_over(torch_checks):
    while_collecting = []

    class Watched(ConstantLogits):
        def forward(self, obs, state=None, info=None):
            while_collecting.append(Distribution._validate_args)
            return super().forward(obs, state)

    class Breaks(Counter):
        def step(self, action):
            raise RuntimeError("broken")

    Collector(make_policy(Watched()), Counter(), ReplayBuffer(20)).collect(n_step=2)
    assert while_collecting == [False, False]
    assert Distribution._validate_args
    with pytest.raises(RuntimeError, match="broken"):
        Collector(coin_policy(), Breaks(), ReplayBuffer(20)).collect(n_step=1)
    assert Distribution._validate_args


@pytest.mark.parametrize("greedy", [False, True])
@pytest.mark.parametrize("steps_before", [0, 3])
def test_an_actor_with_nan_outputs_is_an_error_while_collecting(torch_checks, greedy, steps_before):
    """The error comes from the first forward, or later from the draw or the check of the mode."""
    policy = coin_policy(deterministic_eval=greedy)
    collector = Collector(policy, Counter(), ReplayBuffer(20))
    if steps_before:
        collector.collect(n_step=steps_before)
    policy.actor.logits.data[0] = torch.nan
    with pytest.raises(ValueError, match="logits of Categorical must"):
        collector.collect(n_step=1)


def test_logits_mistaken_for_probabilities_are_an_error_after_an_update(torch_checks):
    """Logits of 0.1 pass as probabilities, but -1 and -3, which would mean 1/4 and 3/4, do not."""
    actor = ConstantLogits([0.1, 0.1])
    policy = make_policy(actor, dist_fn=Categorical)
    collector = Collector(policy, Counter(lengths=(2,)), ReplayBuffer(20))
    with policy_within_training_step(policy), pytest.warns(UserWarning, match="sum to 1"):
        collector.collect(n_episode=4)
        policy.update(0, collector.buffer, batch_size=None, repeat=1)
    actor.logits.data[:] = torch.tensor([-1.0, -3.0])
    with pytest.raises(ValueError, match=r"Categorical\(logits=logits"):
        collector.collect(n_step=1)


# Errors on the way


def test_an_error_of_the_environment_ends_the_episodes_and_the_next_call_resets():
    class Breaks(Counter):
        def step(self, action):
            if self.episode == 0 and self.t == 2:
                raise RuntimeError("broken")
            return super().step(action)

    collector = Collector(coin_policy(), Breaks(lengths=(3,)), ReplayBuffer(20))
    collector.collect(n_step=1)
    with pytest.raises(RuntimeError, match="broken"):
        collector.collect(n_step=5)
    np.testing.assert_array_equal(collector.buffer[:].truncated, [True])
    np.testing.assert_array_equal(collector.collect(n_episode=1).lens, [3])


# Seeds and options


class Draws(Counter):
    """An environment whose observation is drawn at reset, and shows the option of the reset."""

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.drawn = float(self.np_random.integers(10**6))
        self.option = (options or {}).get("option", -1)
        return self.obs(), {}

    def obs(self):
        return np.array([getattr(self, "drawn", 0), getattr(self, "option", 0), self.t], np.float32)


def starts(collector, rows):
    """Return (drawn, option) of the first row of each episode among the last rows stored."""
    obs = np.concatenate([b[:].obs[-rows:] for b in collector.buffer.buffers if len(b)])
    return [tuple(row[:2].tolist()) for row in obs if row[2] == 0]


def seeded_starts(seed, episodes):
    """Return what Draws draws in its first episodes after a reset with this seed."""
    generator, _ = gym.utils.seeding.np_random(seed)
    return [float(generator.integers(10**6)) for _ in range(episodes)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("between", ["nothing", "n_step", "n_episode", "reset"])
@pytest.mark.parametrize("amount", [{"n_step": 14}, {"n_episode": 4}])
def test_every_call_with_a_seed_plays_the_episodes_of_that_seed(mode, between, amount):
    """The environments' generators, seeded with 5 and 6, say what these episodes are."""
    envs = counters(mode, [(3,), (3,)], env=Draws)
    collector = Collector(coin_policy(), envs, VectorReplayBuffer(200, 2))
    for _ in range(3):
        if between == "reset":
            collector.reset()
        elif between != "nothing":
            before: Any = {between: 4}
            collector.collect(**before)
        collector.reset_buffer()
        collector.collect(**amount, gym_reset_kwargs={"seed": 5})
        for n, sub_buffer in enumerate(collector.buffer.buffers):
            obs = sub_buffer[:].obs
            assert obs[0, 2] == 0
            drawn = obs[obs[:, 2] == 0, 0].tolist()
            assert drawn == seeded_starts(5 + n, len(drawn)) and len(drawn) >= 2


def test_an_episode_that_a_seed_cuts_off_ends_as_truncated():
    collector = Collector(coin_policy(), Counter(lengths=(9,)), ReplayBuffer(20))
    collector.collect(n_step=4)
    collector.collect(n_step=2, gym_reset_kwargs={"seed": 0})
    np.testing.assert_array_equal(collector.buffer[:].truncated, [False] * 3 + [True] + [False] * 2)


def draws_one_by_one():
    return counters(AutoresetMode.DISABLED, [(3,)] * 2, env=Draws)


@pytest.mark.parametrize("make", [Draws, draws_one_by_one])
def test_options_reach_every_episode_of_their_call(make):
    """Options 1, 2, 3 play 1, 2, 3; in v1.1.0 the first episodes play those of the call before."""
    collector = Collector(coin_policy(), make(), VectorReplayBuffer(200, 2))
    collector.reset(gym_reset_kwargs={"options": {"option": 7}})
    for option in (1, 2, 3):
        collector.reset_buffer()
        collector.collect(n_episode=6, gym_reset_kwargs={"options": {"option": option}})
        assert [start[1] for start in starts(collector, 0)] == [option] * 6


@pytest.mark.parametrize("make", [Draws, draws_one_by_one])
def test_an_episode_that_n_step_continues_keeps_its_options(make):
    """Each environment takes 4 steps a call, and its episodes have 3."""
    collector = Collector(coin_policy(), make(), VectorReplayBuffer(200, 2))
    collector.reset(gym_reset_kwargs={"options": {"option": 7}})
    n = collector.env_num
    for option in (1, 2):
        collector.collect(n_step=4 * n, gym_reset_kwargs={"options": {"option": option}})
    for sub_buffer in collector.buffer.buffers[:n]:
        assert sub_buffer[:].obs[:, 1].tolist() == [1, 1, 1, 1, 1, 1, 2, 2]


@pytest.mark.parametrize("mode", MODES[:2])
def test_that_environments_reset_themselves_without_options_is_said_once(mode):
    collector = Collector(coin_policy(), counters(mode, [(3,)] * 2, env=Draws))
    options: Any = {"options": {"option": 1}}
    with pytest.warns(UserWarning, match="reset themselves .* do so without options") as found:
        collector.collect(n_episode=6, gym_reset_kwargs=options)
        collector.collect(n_step=6, gym_reset_kwargs=options)
    assert len(found) == 1


@pytest.mark.parametrize("mode", MODES)
def test_one_episode_from_each_environment_has_the_options_and_no_warning(mode):
    collector = Collector(
        coin_policy(), counters(mode, [(3,)] * 2, env=Draws), VectorReplayBuffer(20, 2)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for option in (1, 2):
            collector.reset_buffer()
            collector.collect(n_episode=2, gym_reset_kwargs={"options": {"option": option}})
            assert [start[1] for start in starts(collector, 0)] == [option, option]


# Hidden states


class CountsItsSteps(nn.Module):
    """A recurrent actor whose hidden state, of a given form, counts the observations.

    `seen` holds the count of every environment at each step.
    """

    def __init__(self, form):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(2))
        self.form = form
        self.seen = []

    def forward(self, obs, state=None, info=None):
        rows = len(obs)
        count = torch.zeros(rows, 1) if state is None else self.unpack(state)
        self.seen.append(count[:, 0].tolist())
        return self.logits.expand(rows, -1), self.pack(count + 1)

    def pack(self, count):
        packed = {
            "tensor": lambda: count,
            "array": lambda: count.numpy(),
            "batch": lambda: Batch(h=count, c=count.clone()),
            "dict": lambda: {"h": count, "none": None},
            "tuple": lambda: (count, count.clone()),
        }
        return packed[self.form]()

    def unpack(self, state):
        if self.form in ("tensor", "array"):
            return torch.as_tensor(state)
        return state[0] if self.form == "tuple" else state["h"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", ["tensor", "array", "batch", "dict", "tuple"])
def test_the_hidden_state_starts_from_zero_in_every_episode(mode, form):
    """The count that the actor sees at each step is the time since the reset."""
    actor = CountsItsSteps(form)
    buffer = VectorReplayBuffer(90, 3)
    Collector(make_policy(actor), counters(mode), buffer).collect(n_step=30)
    seen = np.array(actor.seen)  # [T, N], including the ignored steps of NEXT_STEP
    for n, lengths in enumerate(LENGTHS):
        ignored = 1 if mode is AutoresetMode.NEXT_STEP else 0
        times = [t for e in range(10) for t in range(lengths[e % len(lengths)] + ignored)]
        np.testing.assert_array_equal(seen[:, n], times[:10])


def test_a_hidden_state_without_the_environments_on_axis_0_is_an_error():
    class Layered(CountsItsSteps):
        def pack(self, count):
            return torch.zeros(2, len(count), 1)

    collector = Collector(make_policy(Layered("tensor")), counters(MODES[0]))
    with pytest.raises(ValueError, match="3 environments on axis 0, got shape"):
        collector.collect(n_step=3)


@pytest.mark.parametrize("mode", MODES)
def test_the_hidden_state_does_not_survive_a_reset(mode):
    """Each call with n_episode plays whole episodes, so its first state is that of no steps."""
    actor = CountsItsSteps("tensor")
    collector = Collector(make_policy(actor), counters(mode))
    collector.collect(n_episode=3)
    first_call = len(actor.seen)
    collector.collect(n_episode=3)
    assert actor.seen[first_call] == [0, 0, 0]


def test_a_hidden_state_that_loses_the_environments_later_is_an_error():
    class Growing(CountsItsSteps):
        def pack(self, count):
            return count[None] if count.max() > 3 else count

        def unpack(self, state):
            return state.reshape(-1, 1)

    collector = Collector(make_policy(Growing("tensor")), counters(MODES[0]))
    with pytest.raises(ValueError, match="3 environments on axis 0, got shape"):
        collector.collect(n_step=30)


def test_a_hidden_state_may_have_an_entry_with_the_name_of_a_method():
    class Items(CountsItsSteps):
        def pack(self, count):
            return Batch(items=count)

        def unpack(self, state):
            return state["items"]

    actor = Items("batch")
    Collector(make_policy(actor), counters(AutoresetMode.SAME_STEP)).collect(n_step=9)
    assert np.array(actor.seen).shape == (3, 3)


# Policies of other classes


def test_a_policy_may_be_of_any_class_and_nothing_is_written_to_it():
    class Left:
        __slots__ = ()  # nothing can be written to it
        action_space = gym.spaces.Discrete(2)

        def modules(self):
            return []

        def train(self, mode):
            return self

        def forward(self, batch, state=None):
            return Batch(act=np.zeros(len(batch.obs), int), state=None)

        def map_action(self, act):
            return act

    policy: Any = Left()
    buffer = VectorReplayBuffer(30, 3)
    envs = counters(AutoresetMode.SAME_STEP)
    assert Collector(policy, envs, buffer).collect(n_step=9).n_collected_steps == 9
