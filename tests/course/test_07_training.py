"""Training: what is stored, which episodes count, what a test of the policy measures.

Rows are held against environments whose every transition is known beforehand. `Counter` counts:
episode e of environment n has a given length, its observations are (n, e, t), its reward is t + 1.
So each stored row says where it must stand. Statements about expectations are held against
enumerations in fractions.
"""

import itertools
import math
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from multiprocessing import get_context

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from torch import nn
from torch.distributions import Categorical, Distribution, Normal

from pg_edu import (
    Batch,
    Collector,
    OnpolicyTrainer,
    PGPolicy,
    ReplayBuffer,
    VectorReplayBuffer,
    policy_within_training_step,
)
from pg_edu.collector import MOST_STEPS
from pg_edu.lab.exact.tasks import short_corridor
from pg_edu.returns import discounted_returns
from pg_edu.runs.config import Config
from pg_edu.runs.training import initial_policy, seed_generators, train
from pg_edu.trainer import collect_and_update

MODES = list(AutoresetMode)
LENGTHS = [(2, 5), (3,), (4, 1, 1)]  # of the episodes of three environments, over and over


class Counter(gym.Env):
    observation_space = gym.spaces.Box(0, 1e6, (3,))
    action_space = gym.spaces.Discrete(2)

    def __init__(self, n=0, lengths=(3,), truncates=False):
        self.n, self.lengths, self.truncates, self.episode = n, lengths, truncates, -1

    def obs(self):
        return np.array([self.n, self.episode, self.t], np.float32)

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.episode, self.t = self.episode + 1, 0
        return self.obs(), {}

    def step(self, action):
        self.t += 1
        end = self.t == self.lengths[self.episode % len(self.lengths)]
        return self.obs(), float(self.t), end and not self.truncates, end and self.truncates, {}


class DictCounter(Counter):
    observation_space = gym.spaces.Dict(
        place=gym.spaces.Box(0, 1e6, (2,)), time=gym.spaces.Discrete(1000)
    )

    def obs(self):
        n, episode, t = super().obs()
        return {"place": np.array([n, episode], np.float32), "time": int(t)}


class Reuses(gym.vector.VectorWrapper):
    """Writes what a step brings into the arrays that it gave out before, and over the actions."""

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


class FairCoin(nn.Module):
    """Half heads, half tails, whatever it sees."""

    def __init__(self):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(2))

    def forward(self, obs, state=None, info=None):
        return self.logits.expand(len(obs), -1), state


def coin_policy(actor=None, space=Counter.action_space, **kwargs):
    actor = actor or FairCoin()
    return PGPolicy(
        actor=actor,
        optim=torch.optim.SGD(actor.parameters(), lr=0.1),
        dist_fn=lambda logits: Categorical(logits=logits),
        action_space=space,
        action_scaling=False,
        **kwargs,
    )


def counters(mode, lengths=LENGTHS, env=Counter, **kwargs):
    makers = [lambda n=n, ls=ls: env(n, ls, **kwargs) for n, ls in enumerate(lengths)]
    return SyncVectorEnv(makers, autoreset_mode=mode)


def expected_rows(lengths, rows):
    """(episode, t) of the first `rows` transitions of one environment."""
    found, episode = [], 0
    while len(found) < rows:
        found += [(episode, t) for t in range(lengths[episode % len(lengths)])]
        episode += 1
    return np.array(found[:rows])


# what is stored


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1"])
def test_one_environment_gives_the_rows_of_a_loop_by_hand(env_id):
    """obs, raw act, rew, flags and obs_next of each step, one env.step after the other."""
    policy, env = initial_policy(0, Config(env_id=env_id)), gym.make(env_id)
    torch.manual_seed(1)
    rows, (obs, _) = [], env.reset(seed=1)
    for _ in range(230):
        act = policy(Batch(obs=obs[None])).act.numpy()
        obs_next, rew, terminated, truncated, _ = env.step(policy.map_action(act)[0])
        rows.append((obs, act[0], rew, terminated, truncated, obs_next))
        obs = env.reset()[0] if terminated or truncated else obs_next
    torch.manual_seed(1)
    buffer = ReplayBuffer(230)
    collector = Collector(policy, gym.make(env_id), buffer)
    collector.collect(n_step=230, gym_reset_kwargs={"seed": 1})
    stored = buffer[:]
    names = ("obs", "act", "rew", "terminated", "truncated", "obs_next")
    for name, column in zip(names, zip(*rows, strict=True), strict=True):
        np.testing.assert_array_equal(stored[name], np.array(column))
    assert stored.done.any()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("given", [lambda envs: envs, Reuses], ids=["as it is", "reuses arrays"])
def test_each_row_has_the_action_that_its_own_step_was_taken_with(mode, given):
    """The environment shows the action that it got: obs_next = (n, action)."""

    class Echo(Counter):
        def step(self, action):
            outcome = super().step(action)[1:]
            return np.array([self.n, self.episode, 100 + action], np.float32), *outcome

    buffer = VectorReplayBuffer(120, 3)
    Collector(coin_policy(), given(counters(mode, env=Echo)), buffer).collect(n_step=120)
    rows = buffer[:]
    np.testing.assert_array_equal(rows.obs_next[:, 2], 100 + rows.act)
    assert set(rows.act) == {0, 1}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("env", [Counter, DictCounter])
@pytest.mark.parametrize("steps", [1, 7, 2 * MOST_STEPS + 5])
@pytest.mark.parametrize("given", [lambda envs: envs, Reuses], ids=["as it is", "reuses arrays"])
def test_every_row_is_a_transition_of_its_environment(mode, env, steps, given):
    """(s, a, r, s') with the true last s', no row between two episodes, and none missing."""
    buffer = VectorReplayBuffer(3 * 1000, 3)
    collector = Collector(coin_policy(), given(counters(mode, env=env)), buffer)
    stats = collector.collect(n_step=3 * steps)
    assert stats.n_collected_steps == len(buffer)
    for n, ring in enumerate(buffer.buffers):
        rows = ring[:]
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
    ignored = mode is AutoresetMode.NEXT_STEP
    assert (len(buffer) < 3 * steps) == (ignored and steps > 2)


@pytest.mark.parametrize("mode", MODES)
def test_collecting_goes_on_where_the_last_call_stopped(mode):
    """Ten calls of one vector step store what one call of ten does."""
    pieces, whole = VectorReplayBuffer(60, 3), VectorReplayBuffer(60, 3)
    collector = Collector(coin_policy(), counters(mode), pieces)
    stats = [collector.collect(n_step=3) for _ in range(10)]
    at_once = Collector(coin_policy(), counters(mode), whole).collect(n_step=30)
    np.testing.assert_array_equal(pieces[:].obs, whole[:].obs)
    np.testing.assert_array_equal(np.concatenate([s.returns for s in stats]), at_once.returns)
    np.testing.assert_array_equal(np.concatenate([s.lens for s in stats]), at_once.lens)


def test_rewards_are_kept_whole_though_the_first_is_an_integer():
    class Grades(gym.vector.VectorWrapper):
        rewards = iter([np.array([1, 2, 3]), np.array([0.5, 1.5, 2.5])])

        def step(self, actions):
            obs, _, *rest = self.env.step(actions)
            return obs, next(self.rewards), *rest

    buffer = VectorReplayBuffer(6, 3)
    envs = Grades(counters(AutoresetMode.SAME_STEP, lengths=[(9,)] * 3))
    Collector(coin_policy(), envs, buffer).collect(n_step=6)
    np.testing.assert_array_equal(buffer[:].rew, [1, 0.5, 2, 1.5, 3, 2.5])


def test_observations_are_kept_whole_though_the_first_are_integers():
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


def test_truncation_is_not_termination():
    buffer = ReplayBuffer(10)
    Collector(coin_policy(), Counter(lengths=(2,), truncates=True), buffer).collect(n_step=4)
    np.testing.assert_array_equal(buffer[:].truncated, [False, True, False, True])
    assert not buffer[:].terminated.any()


def test_asynchronous_environments_give_the_same_rows():
    buffers = []
    for vector in (SyncVectorEnv, AsyncVectorEnv):
        envs = vector(
            [lambda n=n: Counter(n, LENGTHS[n]) for n in range(3)],
            autoreset_mode=AutoresetMode.SAME_STEP,
        )
        buffers.append(VectorReplayBuffer(60, 3))
        collector = Collector(coin_policy(), envs, buffers[-1])
        collector.collect(n_step=30)
        collector.close()
    np.testing.assert_array_equal(buffers[0][:].obs_next, buffers[1][:].obs_next)


def test_the_raw_action_is_stored_and_the_mapped_one_is_sent():
    """Raw 5 is clipped to 1 and scaled to the bound, 10."""

    class Box(Counter):
        action_space = gym.spaces.Box(-10, 10, (1,))

        def step(self, action):
            sent.append(action.copy())
            return super().step(action)

    class Five(nn.Module):
        def __init__(self):
            super().__init__()
            self.loc = nn.Parameter(torch.tensor(5.0))

        def forward(self, obs, state=None, info=None):
            loc = self.loc.expand(len(obs), 1)
            return (loc, torch.full_like(loc, 1e-6)), state

    sent, actor = [], Five()
    policy = PGPolicy(
        actor=actor,
        optim=torch.optim.SGD(actor.parameters(), lr=0.1),
        dist_fn=lambda loc_scale: Normal(*loc_scale),
        action_space=Box.action_space,
    )
    buffer = ReplayBuffer(2)
    Collector(policy, Box(), buffer).collect(n_step=2)
    np.testing.assert_allclose(buffer[:].act, [[5], [5]], atol=1e-4)
    np.testing.assert_array_equal(sent, [[10], [10]])


def test_random_actions_are_stored_as_the_raw_actions_that_map_to_them():
    """map_action(stored) is what the space sampled; the policy is not asked."""
    space = gym.spaces.Discrete(3, start=5)

    class Env(Counter):
        action_space = space

        def step(self, action):
            sent.append(int(action))
            return super().step(action)

    sent, buffer, policy = [], ReplayBuffer(20), coin_policy(space=space)
    Collector(policy, Env(), buffer).collect(n_step=20, random=True)
    np.testing.assert_array_equal(policy.map_action(buffer[:].act), sent)
    assert set(sent) == {5, 6, 7}


# the row in which nobody acted


def everything_written_down(mode, steps):
    """rew and done of all steps of one environment, with episodes of 2 and 3 steps."""
    envs = counters(mode, [(2, 3)])
    envs.reset()
    rows = [envs.step(np.array([0]))[1:3] for _ in range(steps)]
    rew, done = np.concatenate(rows, axis=1)
    return rew, done.astype(bool)


def test_under_next_step_a_row_too_many_earns_gamma_times_the_next_return():
    """r = 1 2 | 0 | 1 2 3: the third row is paid for what it has no part in."""
    rew, done = everything_written_down(AutoresetMode.NEXT_STEP, 6)
    np.testing.assert_array_equal(rew, [1, 2, 0, 1, 2, 3])
    G = discounted_returns(rew, done, gamma=0.9)
    assert G[2] == pytest.approx(0.9 * G[3]) and G[3] > 0
    kept = discounted_returns(np.delete(rew, 2), np.delete(done, 2), gamma=0.9)
    np.testing.assert_allclose(np.delete(G, 2), kept, rtol=1e-12)


def test_under_same_step_there_is_none():
    rew, done = everything_written_down(AutoresetMode.SAME_STEP, 5)
    np.testing.assert_array_equal(rew, [1, 2, 1, 2, 3])
    np.testing.assert_array_equal(done, [0, 1, 0, 0, 1])


def mean_and_variance(values):
    mean = sum(values, Fraction(0)) / len(values)
    return mean, sum((v - mean) ** 2 for v in values) / len(values)


def gradients_of_two_episodes(T):
    """Of T coins each, one logit, heads pay 1: sums over the true rows, and over all 2T + 1."""
    true, all_rows = [], []
    for coins in itertools.product([0, 1], repeat=2 * T + 1):
        first, ignored, second = coins[:T], coins[T], coins[T + 1 :]
        terms = [
            (Fraction(a) - Fraction(1, 2)) * sum(episode[t:])
            for episode in (first, second)
            for t, a in enumerate(episode)
        ]
        true.append(sum(terms))
        all_rows.append(sum(terms) + (Fraction(ignored) - Fraction(1, 2)) * sum(second))
    return true, all_rows


@pytest.mark.parametrize(
    ("T", "factor"), [(1, Fraction(2)), (2, Fraction(3, 2)), (4, Fraction(23, 18))]
)
def test_the_row_too_many_is_no_bias_and_much_noise(T, factor):
    """E[grad log pi(a|s) gamma G'] = 0 since a is ignored; for T = 4 the variance is 1.28 times."""
    true, all_rows = map(mean_and_variance, gradients_of_two_episodes(T))
    assert all_rows[0] == true[0] == 2 * T * Fraction(1, 4)  # the variance of each coin
    assert all_rows[1] / true[1] == factor


@pytest.mark.parametrize("n_episode", [6, 40])
def test_the_collector_gives_the_same_returns_in_all_modes(n_episode):
    """Of the episodes that ended; NEXT_STEP takes an ignored step for each."""
    found = []
    for mode in MODES:
        buffer = VectorReplayBuffer(300, 3)
        Collector(coin_policy(), counters(mode), buffer).collect(n_episode=n_episode)
        rows = buffer[:]
        found.append(discounted_returns(rows.rew, rows.done, gamma=0.9))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


# which episodes count


def total_length_of_the_first(wanted, clocks):
    """Expected, in fractions; clocks: (steps to go, length) of the running episodes, sorted."""
    if wanted == 0:
        return Fraction(0)
    (left, length), *others = clocks
    others = [(steps - left, whole) for steps, whole in others]
    later = (total_length_of_the_first(wanted - 1, sorted([*others, (n, n)])) for n in (10, 100))
    return length + sum(later, Fraction(0)) / 2


@pytest.mark.parametrize("N", [1, 2, 3, 4, 5])
def test_the_first_to_end_are_the_short_ones(N):
    """Lengths 10 or 100, half each: 10 + 90 binom(2N, N) / 4^N in place of 55."""
    starts = itertools.product([(10, 10), (100, 100)], repeat=N)
    mean = sum(total_length_of_the_first(N, sorted(start)) for start in starts) / 2**N / N
    assert mean == 10 + 90 * Fraction(math.comb(2 * N, N), 4**N)


def test_eight_of_eight_environments_report_half_of_the_true_length():
    """27.67 for 55: S short episodes come before the N-th long one, and (N - S)^+ long ones win."""
    N, half = 8, Fraction(1, 2)
    long_ones = sum((N - s) * math.comb(N - 1 + s, s) * half ** (N + s) for s in range(N))
    assert 10 + 90 * long_ones / N == 10 + 90 * Fraction(math.comb(16, 8), 4**8)
    assert round(float(10 + 90 * long_ones / N), 2) == 27.67


@pytest.mark.parametrize("n_episode", [2, 3, 4])
def test_the_collectors_mean_length_is_unbiased(n_episode):
    """All 64 ways in which two environments have lengths 1 or 3: the mean is 2, and no race."""
    means = []
    for lengths in itertools.product([1, 3], repeat=6):
        envs = counters(AutoresetMode.SAME_STEP, [lengths[:3], lengths[3:]])
        means.append(Collector(coin_policy(), envs).collect(n_episode=n_episode).lens.mean())
    assert sum(means) / 64 == pytest.approx(2, abs=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("n_episode", [2, 3, 8, 11])
def test_episode_k_belongs_to_environment_k_mod_n(mode, n_episode):
    """Each environment's first quota of episodes, however long they are, and nothing else."""
    buffer = VectorReplayBuffer(300, 3)
    collector = Collector(coin_policy(), counters(mode), buffer)
    if n_episode < 3:
        with pytest.warns(UserWarning, match="idle"):
            stats = collector.collect(n_episode=n_episode)
    else:
        stats = collector.collect(n_episode=n_episode)
    expected = []
    for n, lengths in enumerate(LENGTHS):
        mine = [lengths[e % len(lengths)] for e in range(len(range(n, n_episode, 3)))]
        assert len(buffer.buffers[n]) == sum(mine)
        expected += mine
    assert sorted(stats.lens) == sorted(expected)
    assert stats.n_collected_episodes == n_episode
    assert stats.n_collected_steps == sum(expected)
    np.testing.assert_array_equal(stats.returns, stats.lens * (stats.lens + 1) / 2)


def test_the_mean_length_is_that_of_all_episodes_and_not_of_the_first_to_end():
    """Lengths 2, 20, 20, 20 and eight episodes: 15.5; the first eight to end have mean 8.75."""
    envs = counters(AutoresetMode.SAME_STEP, [(2,), (20,), (20,), (20,)])
    assert Collector(coin_policy(), envs).collect(n_episode=8).lens.mean() == 15.5


def test_episodes_are_reported_in_the_order_in_which_they_ended():
    """Environment by environment where two end in the same step."""
    envs = counters(AutoresetMode.SAME_STEP, [(4,), (2,), (2,)])
    stats = Collector(coin_policy(), envs).collect(n_episode=6)
    np.testing.assert_array_equal(stats.lens, [2, 2, 4, 2, 2, 4])


# the collector's cut


def test_rows_before_the_cut_are_paid_too_little_and_the_rest_is_right():
    """r = 1, length 5, eight steps a call, gamma 1: 5 4 3 2 1 | 3 2 1, then 2 1 | 5 4 3 2 1 | 1."""

    class Ones(Counter):
        def step(self, action):
            obs, _, *rest = super().step(action)
            return obs, 1.0, *rest

    policy, buffer = coin_policy(discount_factor=1.0), ReplayBuffer(8)
    collector = Collector(policy, Ones(lengths=(5,)), buffer)
    for returns, lens in (([5, 4, 3, 2, 1, 3, 2, 1], [5]), ([2, 1, 5, 4, 3, 2, 1, 1], [5, 5])):
        stats = collector.collect(n_step=8)
        batch, indices = buffer.sample(0)
        np.testing.assert_allclose(policy.process_fn(batch, buffer, indices).returns, returns)
        np.testing.assert_array_equal(stats.lens, lens)
        collector.reset_buffer(keep_statistics=True)


# episodes that a reset cuts off


def test_a_reset_in_mid_episode_ends_the_stored_part_as_truncated():
    """3 steps of the first episode, then 5 of the next: returns 3 2 1 | 5 4 3 2 1 for r = 1."""
    buffer = ReplayBuffer(20)
    collector = Collector(coin_policy(), Counter(lengths=(5,)), buffer)
    collector.collect(n_step=3)
    collector.collect(n_step=5, reset_before_collect=True)
    np.testing.assert_array_equal(buffer[:].truncated, [0, 0, 1, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(buffer[:].obs[:, 1], [0, 0, 0, 1, 1, 1, 1, 1])


def test_whole_episodes_start_fresh_after_a_call_that_left_some_open():
    collector = Collector(coin_policy(), Counter(lengths=(5,)), ReplayBuffer(50))
    collector.collect(n_step=3)
    stats = collector.collect(n_episode=2)
    np.testing.assert_array_equal(stats.lens, [5, 5])
    assert len(collector.buffer) == 13


def test_an_error_of_the_environment_ends_the_episodes_and_the_next_call_starts_anew():
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


@pytest.fixture
def torch_checks():
    """Torch's own checks of distributions are on, as they are unless Python runs with -O."""
    before = Distribution._validate_args
    Distribution.set_default_validate_args(True)
    yield
    Distribution.set_default_validate_args(before)


def test_torch_checks_distributions_again_when_collecting_is_over(torch_checks):
    while_collecting = []

    class Watched(FairCoin):
        def forward(self, obs, state=None, info=None):
            while_collecting.append(Distribution._validate_args)
            return super().forward(obs, state)

    class Breaks(Counter):
        def step(self, action):
            raise RuntimeError("broken")

    Collector(coin_policy(Watched()), Counter(), ReplayBuffer(20)).collect(n_step=2)
    assert while_collecting == [False, False] and Distribution._validate_args
    with pytest.raises(RuntimeError, match="broken"):
        Collector(coin_policy(), Breaks(), ReplayBuffer(20)).collect(n_step=1)
    assert Distribution._validate_args


@pytest.mark.parametrize("greedy", [False, True])
@pytest.mark.parametrize("steps_before", [0, 3])
def test_an_actor_that_is_not_finite_is_named_while_collecting(torch_checks, greedy, steps_before):
    """By its first forward, and later by the draw, which torch refuses, or by the mode's check."""
    policy = coin_policy(deterministic_eval=greedy)
    collector = Collector(policy, Counter(), ReplayBuffer(20))
    if steps_before:
        collector.collect(n_step=steps_before)
    policy.actor.logits.data[0] = torch.nan
    with pytest.raises(ValueError, match="logits of Categorical must"):
        collector.collect(n_step=1)


def test_logits_taken_for_probabilities_are_found_after_an_update(torch_checks):
    """At first they are positive and pass for probabilities; -1 and -3 would pass for 1/4, 3/4."""
    actor = FairCoin()
    actor.logits.data[:] = 0.1
    policy = coin_policy(actor)
    policy.dist_fn = Categorical
    collector = Collector(policy, Counter(lengths=(2,)), ReplayBuffer(20))
    with policy_within_training_step(policy), pytest.warns(UserWarning, match="sum to 1"):
        collector.collect(n_episode=4)
        policy.update(0, collector.buffer, batch_size=None, repeat=1)
    actor.logits.data[:] = torch.tensor([-1.0, -3.0])
    with pytest.raises(ValueError, match="Categorical\\(logits=logits"):
        collector.collect(n_step=1)


# recurrent state


class CountsItsSteps(nn.Module):
    """A hidden state that grows by 1 with each observation, in a given form; logged as seen."""

    def __init__(self, form):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(2))
        self.form, self.seen = form, []

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
    """The count that the actor sees at each stored row is the row's time in its episode."""
    actor = CountsItsSteps(form)
    buffer = VectorReplayBuffer(90, 3)
    Collector(coin_policy(actor), counters(mode), buffer).collect(n_step=30)
    seen = np.array(actor.seen)  # [T, N], with the ignored steps of NEXT_STEP among them
    for n, lengths in enumerate(LENGTHS):
        gap = mode is AutoresetMode.NEXT_STEP
        times = [t for e in range(10) for t in range(lengths[e % len(lengths)] + gap)]
        np.testing.assert_array_equal(seen[:, n], times[:10])


class Recall(gym.Env):
    """-1 or 1 is shown once; the third action is to be 0 or 1 accordingly, which pays 1."""

    observation_space = gym.spaces.Box(-1, 1, (1,))
    action_space = gym.spaces.Discrete(2)

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.signal, self.t = int(self.np_random.choice([-1, 1])), 0
        return np.array([self.signal], np.float32), {}

    def step(self, action):
        self.t += 1
        right = self.t == 3 and 2 * action - 1 == self.signal
        return np.zeros(1, np.float32), float(right), self.t == 3, False, {}


class Remembers(nn.Module):
    """The sum of what it has seen, as its state and as its opinion."""

    def __init__(self):
        super().__init__()
        self.sure = nn.Parameter(torch.tensor(50.0))

    def forward(self, obs, state=None, info=None):
        memory = torch.as_tensor(obs) if state is None else state + torch.as_tensor(obs)
        return torch.cat([-memory, memory], dim=1) * self.sure, memory


@pytest.mark.parametrize("mode", MODES)
def test_with_a_memory_that_begins_anew_every_game_of_recall_is_won(mode):
    """Without one the chance is p/2 + (1 - p)/2 = 1/2, whatever p."""
    envs = SyncVectorEnv([Recall] * 4, autoreset_mode=mode)
    stats = Collector(coin_policy(Remembers()), envs).collect(n_episode=80)
    assert (stats.returns == 1).all()


def test_learn_scores_rows_without_the_memory_they_were_played_with():
    """Drawn with probability 1; scored by an actor that has only seen a blank: 1/2."""
    policy, buffer = coin_policy(Remembers()), VectorReplayBuffer(12, 4)
    Collector(policy, SyncVectorEnv([Recall] * 4), buffer).collect(n_episode=4)
    last = buffer[:][buffer[:].done]
    scored = policy(last).dist.log_prob(torch.as_tensor(last.act)).exp()
    np.testing.assert_allclose(scored.detach(), 0.5)


def test_a_hidden_state_without_the_environments_in_front_is_an_error():
    class Layered(CountsItsSteps):
        def pack(self, count):
            return torch.zeros(2, len(count), 1)

    collector = Collector(coin_policy(Layered("tensor")), counters(MODES[0]))
    with pytest.raises(ValueError, match="3 environments on axis 0, got shape"):
        collector.collect(n_step=3)


# play, learn, forget


def test_old_actions_have_an_expected_score_that_is_not_0():
    """sum_a pi_old(a) grad log pi_new(a) = pi_old - pi_new: why the rows are used up."""
    old = np.array([0.5, 0.3, 0.2])
    logits = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64, requires_grad=True)
    (torch.tensor(old) * logits.log_softmax(0)).sum().backward()
    new = np.exp([0.0, 0.5, 1.0]) / np.exp([0.0, 0.5, 1.0]).sum()
    np.testing.assert_allclose(logits.grad, old - new, atol=1e-12)


@pytest.mark.parametrize("within", [True, False])
def test_outside_of_a_training_step_greedy_actions_are_collected(within):
    """deterministic_eval asks for the mode wherever the policy is not being trained."""
    actor = FairCoin()
    actor.logits.data = torch.tensor([0.0, 0.1])
    policy, buffer = coin_policy(actor, deterministic_eval=True), VectorReplayBuffer(300, 3)
    with policy_within_training_step(policy, within):
        Collector(policy, counters(MODES[0]), buffer).collect(n_step=90)
    assert set(buffer[:].act) == ({0, 1} if within else {1})


def test_an_iteration_draws_its_actions_even_if_tests_are_greedy():
    actor = FairCoin()
    actor.logits.data = torch.tensor([0.0, 0.1])
    policy = coin_policy(actor, deterministic_eval=True)
    collector = Collector(policy, counters(AutoresetMode.SAME_STEP), VectorReplayBuffer(300, 3))
    collect_and_update(policy, collector, n_step=90, stop_before_update=lambda stats: True)
    assert set(collector.buffer[:].act) == {0, 1}


def test_an_episode_that_an_update_interrupts_is_counted_whole():
    """Length 5, four steps an iteration: the second iteration reports one episode of 5 steps."""
    policy = coin_policy()
    collector = Collector(policy, Counter(lengths=(5,)), ReplayBuffer(8))
    reported = [collect_and_update(policy, collector, n_step=4)[0] for _ in range(2)]
    assert [stats.lens.tolist() for stats in reported] == [[], [5]]
    assert reported[1].returns.tolist() == [1 + 2 + 3 + 4 + 5]


def test_the_trainer_forgets_what_it_has_learned_from():
    policy = coin_policy()
    collector = Collector(policy, counters(AutoresetMode.SAME_STEP), VectorReplayBuffer(300, 3))
    trainer = OnpolicyTrainer(
        policy=policy,
        train_collector=collector,
        max_epoch=2,
        step_per_epoch=20,
        episode_per_collect=6,
        repeat_per_collect=1,
        batch_size=None,
        verbose=False,
        show_progress=False,
    )
    for stats in trainer:
        assert stats.info_stat.gradient_step > 0
        assert len(collector.buffer) == 0


# who sits the exam


class Corridor(gym.Env):
    """Sutton & Barto (2018), example 13.1: cells that look alike, the second one reversed."""

    observation_space = gym.spaces.Box(0, 1, (1,))
    action_space = gym.spaces.Discrete(2)

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.cell = 0
        return np.ones(1, np.float32), {}

    def step(self, action):
        to_the_right = (action == 1) != (self.cell == 1)
        self.cell = max(self.cell + (1 if to_the_right else -1), 0)
        return np.ones(1, np.float32), -1.0, self.cell == 3, False, {}


@pytest.mark.parametrize("p", [0.1, 0.5, 2 - 2**0.5, 0.9])
def test_the_corridors_value_is_solved_by_hand(p):
    """v_0 = -(4 - 2p) / (p (1 - p))."""
    by_equations = short_corridor().at([np.log([1 - p, p])]).J()
    assert by_equations == pytest.approx(-(4 - 2 * p) / (p * (1 - p)), rel=1e-9)


@pytest.mark.parametrize("action", [0, 1])
def test_neither_greedy_policy_of_the_corridor_arrives(action):
    """It comes back to a cell where it has been, and does there what it did."""
    env = Corridor()
    env.reset()
    cells = []
    while env.cell not in cells:
        cells.append(env.cell)
        env.step(action)
    assert 3 not in cells


def test_the_best_policy_of_the_corridor_fails_its_greedy_exam():
    """p = 2 - sqrt 2 is worth -11.66; its likelier action, in every cell, never arrives."""
    actor = FairCoin()
    actor.logits.data = torch.tensor([2**0.5 - 1, 2 - 2**0.5]).log()
    returns = {}
    for greedy in (True, False):
        policy = coin_policy(actor, deterministic_eval=greedy)
        halls = SyncVectorEnv([lambda: gym.wrappers.TimeLimit(Corridor(), 100)] * 10)
        torch.manual_seed(0)
        returns[greedy] = Collector(policy, halls).collect(n_episode=100).returns
    assert (returns[True] == -100).all()
    assert -15 < returns[False].mean() < -8


# seeds


def test_a_seed_gives_the_same_rows_again():
    def rows():
        envs = gym.make_vec("CartPole-v1", num_envs=4)
        torch.manual_seed(1)
        collector = Collector(coin_policy(), envs, VectorReplayBuffer(400, 4))
        collector.collect(n_step=200, reset_before_collect=True, gym_reset_kwargs={"seed": 5})
        return collector.buffer[:].obs

    np.testing.assert_array_equal(rows(), rows())


def test_environment_i_gets_the_seed_plus_i():
    envs = SyncVectorEnv([lambda: gym.make("CartPole-v1")] * 3)
    obs, _ = Collector(coin_policy(), envs).reset(gym_reset_kwargs={"seed": 5})
    for i in range(3):
        expected, _ = gym.make("CartPole-v1").reset(seed=5 + i)
        np.testing.assert_array_equal(obs[i], expected)


def test_neighbouring_seeds_share_all_environments_but_one():
    """i gets s + i: so seeds 0 and 1 are not the seeds of independent runs."""
    envs = SyncVectorEnv([lambda: gym.make("CartPole-v1")] * 8)
    first, second = envs.reset(seed=0)[0], envs.reset(seed=1)[0]
    np.testing.assert_array_equal(first[1:], second[:-1])


def test_the_environments_of_a_run_are_shared_with_no_other_run_or_iteration():
    """Seeds of 30 runs with 30 iterations each, at least 1000 apart."""
    seeds = sorted(seed_generators(run, k)[0] for run in range(30) for k in range(30))
    assert np.diff(seeds).min() > 1000


def test_a_run_is_the_same_in_a_process_of_its_own():
    """train(seed, config) depends on its arguments alone: bit by bit."""
    config = Config(max_updates=2, num_envs=4)
    one_thread = {"initializer": torch.set_num_threads, "initargs": (1,)}
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), **one_thread) as pool:
        there = list(pool.map(train, [0, 1], [config] * 2))
    for seed, result in enumerate(there):
        here = train(seed, config)
        for name, value in here.policy_state.items():
            assert name == "_extra_state" or torch.equal(value, result.policy_state[name])
        assert [row[:7] for row in here.history] == [row[:7] for row in result.history]


# other things


def test_the_policys_own_entry_is_stored():
    class Scores(PGPolicy):
        def forward(self, batch, state=None, **kwargs):
            result = super().forward(batch, state)
            result.policy = Batch(log_prob=result.dist.log_prob(result.act))
            return result

    policy = coin_policy()
    policy.__class__ = Scores
    buffer = VectorReplayBuffer(30, 3)
    Collector(policy, counters(MODES[0]), buffer).collect(n_step=9)
    np.testing.assert_allclose(buffer[:].policy.log_prob, np.log(0.5), rtol=1e-6)


def test_the_policy_acts_in_eval_mode_and_without_gradients():
    class Dropout(FairCoin):
        def forward(self, obs, state=None, info=None):
            seen.append((self.training, torch.is_grad_enabled()))
            return super().forward(obs, state, info)

    seen, policy = [], coin_policy(Dropout())
    Collector(policy, Counter()).collect(n_step=2)
    assert set(seen) == {(False, False)}
    assert policy.training


def test_image_observations_keep_their_dtype():
    class Camera(Counter):
        observation_space = gym.spaces.Box(0, 255, (32, 32, 3), np.uint8)

        def obs(self):
            return np.full((32, 32, 3), self.t, np.uint8)

    buffer = ReplayBuffer(10)
    Collector(coin_policy(), Camera(), buffer).collect(n_step=4)
    assert buffer.obs.dtype == np.uint8
    np.testing.assert_array_equal(buffer[:].obs_next[:, 0, 0, 0], [1, 2, 3, 1])


def test_stats_count_what_was_stored_and_add_up():
    collector = Collector(coin_policy(), counters(AutoresetMode.NEXT_STEP))
    first, second = collector.collect(n_step=30), collector.collect(n_step=30)
    assert collector.collect_step == first.n_collected_steps + second.n_collected_steps
    assert collector.collect_episode == len(first.returns) + len(second.returns)
    assert first.returns_stat.mean == first.returns.mean()
    assert Collector(coin_policy(), Counter(lengths=(9,))).collect(n_step=2).returns_stat is None
