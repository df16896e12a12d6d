"""Training: what is stored, which episodes count, and what a test of the policy measures.

Rows are compared with environments whose every transition is known beforehand: the observation of a
`Counter` says to which environment, episode and step it belongs, so each row says where it must
stand. Statements about expectations are compared with enumerations in fractions.
"""

import itertools
import math
import operator
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from fractions import Fraction
from functools import partial
from multiprocessing import get_context
from typing import ClassVar

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from torch import nn
from torch.distributions import Normal

from pg_edu import (
    Batch,
    Collector,
    OnpolicyTrainer,
    PGPolicy,
    RecurrentPGPolicy,
    ReplayBuffer,
    VectorReplayBuffer,
    policy_within_training_step,
)
from pg_edu.collector import CollectStats
from pg_edu.course.records import cases, record
from pg_edu.lab.exact.tasks import short_corridor
from pg_edu.returns import discounted_returns
from pg_edu.runs.agents import make_policy as make_agent
from pg_edu.runs.config import Baseline, Config
from pg_edu.runs.training import initial_policy, train
from pg_edu.trainer import collect_and_update
from tests.helpers import LENGTHS, ConstantLogits, Counter, counters, make_policy

MODES = list(AutoresetMode)


# What is stored


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1"])
def test_one_environment_gives_the_rows_of_a_loop_by_hand(env_id):
    """They agree in obs, raw act, rew, both flags and obs_next of every step."""
    policy, env = initial_policy(0, Config(env_id=env_id)), gym.make(env_id)
    torch.manual_seed(1)
    rows = []
    obs, _ = env.reset(seed=1)
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


def test_truncation_is_not_termination():
    buffer = ReplayBuffer(10)
    Collector(make_policy(ConstantLogits()), Counter(lengths=(2,), truncates=True), buffer).collect(
        n_step=4
    )
    np.testing.assert_array_equal(buffer[:].truncated, [False, True, False, True])
    assert not buffer[:].terminated.any()


def test_the_raw_action_is_stored_and_the_mapped_one_is_sent():
    """A raw action of 5 is clipped to 1 and scaled to the bound, 10."""

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

    sent: list[np.ndarray] = []
    policy = make_policy(
        Five(),
        Box.action_space,
        dist_fn=lambda loc_scale: Normal(*loc_scale),
        action_scaling=True,
    )
    buffer = ReplayBuffer(2)
    Collector(policy, Box(), buffer).collect(n_step=2)
    np.testing.assert_allclose(buffer[:].act, [[5], [5]], atol=1e-4)
    np.testing.assert_array_equal(sent, [[10], [10]])


# The row in which nobody acted


def all_steps(mode, steps):
    """Return rew and done of all steps of one environment with episodes of 2 and 3 steps."""
    envs = counters(mode, [(2, 3)])
    envs.reset()
    rows = [envs.step(np.array([0]))[1:3] for _ in range(steps)]
    rew, done = np.concatenate(rows, axis=1)
    return rew, done.astype(bool)


def test_under_next_step_the_extra_row_gets_gamma_times_the_next_return():
    """r = 1 2 | 0 | 1 2 3: the third row gets a return to which it contributed nothing."""
    rew, done = all_steps(AutoresetMode.NEXT_STEP, 6)
    np.testing.assert_array_equal(rew, [1, 2, 0, 1, 2, 3])
    G = discounted_returns(rew, done, gamma=0.9)
    assert G[2] == pytest.approx(0.9 * G[3]) and G[3] > 0
    kept = discounted_returns(np.delete(rew, 2), np.delete(done, 2), gamma=0.9)
    np.testing.assert_allclose(np.delete(G, 2), kept, rtol=1e-12)


def test_under_same_step_there_is_no_extra_row():
    rew, done = all_steps(AutoresetMode.SAME_STEP, 5)
    np.testing.assert_array_equal(rew, [1, 2, 1, 2, 3])
    np.testing.assert_array_equal(done, [0, 1, 0, 0, 1])


def mean_and_variance(values):
    mean = sum(values, Fraction(0)) / len(values)
    return mean, sum((v - mean) ** 2 for v in values) / len(values)


def gradients_of_two_episodes(T):
    """Return the gradients of two episodes of T coins, from the true rows and from all 2T + 1.

    Heads pay 1, and one logit decides all coins.
    """
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
def test_the_extra_row_adds_no_bias_but_much_variance(T, factor):
    """E[∇log π(a|s) γ G'] = 0, for a is ignored; for T = 4 it multiplies the variance by 1.28."""
    true, all_rows = map(mean_and_variance, gradients_of_two_episodes(T))
    assert all_rows[0] == true[0] == 2 * T * Fraction(1, 4)  # the variance of one coin
    assert all_rows[1] / true[1] == factor


@pytest.mark.parametrize("n_episode", [6, 40])
def test_the_collector_gives_the_same_returns_in_all_modes(n_episode):
    """NEXT_STEP needs one more step per episode, which is ignored and not stored."""
    found = []
    for mode in MODES:
        buffer = VectorReplayBuffer(300, 3)
        Collector(make_policy(ConstantLogits()), counters(mode), buffer).collect(
            n_episode=n_episode
        )
        rows = buffer[:]
        found.append(discounted_returns(rows.rew, rows.done, gamma=0.9))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize(("extra", "expected"), [(0, Fraction(2, 5)), (1, Fraction(1, 50))])
def test_the_extra_row_changes_the_bias_of_the_mean_over_steps(extra, expected):
    """Stop pays 1 in one step, go .6 in each of four; with one episode the mean favors stop.

    The extra row only enlarges the divisor: ½ (½ · 1 / (1 + x)) - ½ (½ · 2.4 / (4 + x)), over ¼.
    """
    stop, go = Fraction(1, 1 + extra), Fraction(12, 5) / (4 + extra)
    assert (stop / 4 - go / 4) / Fraction(1, 4) == expected


# Which episodes count


def total_length_of_the_first(wanted, clocks):
    """Return the expected total length of the next `wanted` episodes to end, in fractions.

    `clocks` are (steps to go, length) of the running episodes, sorted.
    """
    if wanted == 0:
        return Fraction(0)
    (left, length), *others = clocks
    others = [(steps - left, whole) for steps, whole in others]
    later = (total_length_of_the_first(wanted - 1, sorted([*others, (n, n)])) for n in (10, 100))
    return length + sum(later, Fraction(0)) / 2


@pytest.mark.parametrize("N", [1, 2, 3, 4, 5])
def test_the_first_episodes_to_end_are_the_short_ones(N):
    """If 10 and 100 steps are equally likely, the mean is 10 + 90 binom(2N, N) / 4ᴺ, not 55."""
    starts = itertools.product([(10, 10), (100, 100)], repeat=N)
    mean = sum(total_length_of_the_first(N, sorted(start)) for start in starts) / 2**N / N
    assert mean == 10 + 90 * Fraction(math.comb(2 * N, N), 4**N)


def test_the_first_eight_to_end_in_eight_environments_have_half_of_the_true_mean_length():
    """27.67 for 55: S short episodes and (N - S)⁺ long ones end before the N-th long one."""
    N, half = 8, Fraction(1, 2)
    long_ones = sum((N - s) * math.comb(N - 1 + s, s) * half ** (N + s) for s in range(N))
    assert 10 + 90 * long_ones / N == 10 + 90 * Fraction(math.comb(16, 8), 4**8)
    assert round(float(10 + 90 * long_ones / N), 2) == 27.67


@pytest.mark.parametrize("n_episode", [2, 3, 4])
def test_the_collectors_mean_length_is_unbiased(n_episode):
    """Over all 64 ways in which two environments have lengths 1 or 3 the mean is 2."""
    means = []
    for lengths in itertools.product([1, 3], repeat=6):
        envs = counters(AutoresetMode.SAME_STEP, [lengths[:3], lengths[3:]])
        means.append(
            Collector(make_policy(ConstantLogits()), envs).collect(n_episode=n_episode).lens.mean()
        )
    assert sum(means) / 64 == pytest.approx(2, abs=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("n_episode", [2, 3, 8, 11])
def test_episode_k_belongs_to_environment_k_mod_n(mode, n_episode):
    """Each environment gives its first episodes up to its quota, however long they are."""
    buffer = VectorReplayBuffer(300, 3)
    collector = Collector(make_policy(ConstantLogits()), counters(mode), buffer)
    if n_episode < 3:
        with pytest.warns(UserWarning, match="idle"):
            stats = collector.collect(n_episode=n_episode)
    else:
        stats = collector.collect(n_episode=n_episode)
    expected = []
    for n, lengths in enumerate(LENGTHS):
        quota = len(range(n, n_episode, 3))
        mine = [lengths[e % len(lengths)] for e in range(quota)]
        assert len(buffer.buffers[n]) == sum(mine)
        expected += mine
    assert sorted(stats.lens) == sorted(expected)
    assert stats.n_collected_episodes == n_episode
    assert stats.n_collected_steps == sum(expected)
    np.testing.assert_array_equal(stats.returns, stats.lens * (stats.lens + 1) / 2)


def test_the_mean_length_is_not_that_of_the_first_episodes_to_end():
    """Lengths 2, 20, 20, 20 and eight episodes give 15.5; the first eight to end have mean 8.75."""
    envs = counters(AutoresetMode.SAME_STEP, [(2,), (20,), (20,), (20,)])
    assert Collector(make_policy(ConstantLogits()), envs).collect(n_episode=8).lens.mean() == 15.5


# The collector's cut


def test_returns_before_the_cut_are_too_small_and_the_others_are_right():
    """r = 1, length 5, eight steps per call: 5 4 3 2 1 | 3 2 1, then 2 1 | 5 4 3 2 1 | 1."""

    class Ones(Counter):
        def step(self, action):
            obs, _, *rest = super().step(action)
            return obs, 1.0, *rest

    policy = make_policy(ConstantLogits(), discount_factor=1.0)
    buffer = ReplayBuffer(8)
    collector = Collector(policy, Ones(lengths=(5,)), buffer)
    for returns, lens in (([5, 4, 3, 2, 1, 3, 2, 1], [5]), ([2, 1, 5, 4, 3, 2, 1, 1], [5, 5])):
        stats = collector.collect(n_step=8)
        batch, indices = buffer.sample(0)
        np.testing.assert_allclose(policy.process_fn(batch, buffer, indices).returns, returns)
        np.testing.assert_array_equal(stats.lens, lens)
        collector.reset_buffer(keep_statistics=True)


# Episodes that a reset cuts off


def test_a_reset_within_an_episode_marks_its_stored_part_as_truncated():
    """Three steps of the first episode are stored, then five of the second."""
    buffer = ReplayBuffer(20)
    collector = Collector(make_policy(ConstantLogits()), Counter(lengths=(5,)), buffer)
    collector.collect(n_step=3)
    collector.collect(n_step=5, reset_before_collect=True)
    np.testing.assert_array_equal(buffer[:].truncated, [0, 0, 1, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(buffer[:].obs[:, 1], [0, 0, 0, 1, 1, 1, 1, 1])


def test_whole_episodes_begin_at_a_reset_after_a_call_that_left_some_unfinished():
    collector = Collector(make_policy(ConstantLogits()), Counter(lengths=(5,)), ReplayBuffer(50))
    collector.collect(n_step=3)
    stats = collector.collect(n_episode=2)
    np.testing.assert_array_equal(stats.lens, [5, 5])
    assert len(collector.buffer) == 13


# Recurrent state


class Recall(gym.Env):
    """An environment that shows -1 or 1 once; the third action must be 0 or 1 accordingly."""

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
    """An actor whose state is the sum of all observations, from which it also acts."""

    def __init__(self):
        super().__init__()
        self.certainty = nn.Parameter(torch.tensor(50.0))

    def forward(self, obs, state=None, info=None):
        memory = torch.as_tensor(obs) if state is None else state + torch.as_tensor(obs)
        return torch.cat([-memory, memory], dim=1) * self.certainty, memory


@pytest.mark.parametrize("mode", MODES)
def test_with_a_memory_that_is_reset_every_episode_of_recall_is_won(mode):
    """Without a memory the probability is p/2 + (1 - p)/2 = 1/2, for every p."""
    envs = SyncVectorEnv([Recall] * 4, autoreset_mode=mode)
    stats = Collector(make_policy(Remembers()), envs).collect(n_episode=80)
    assert (stats.returns == 1).all()


def test_learn_scores_rows_without_the_memory_with_which_they_were_collected():
    """The actions were drawn with probability 1; an actor that only saw a 0 scores them 1/2."""
    policy = make_policy(Remembers())
    buffer = VectorReplayBuffer(12, 4)
    Collector(policy, SyncVectorEnv([Recall] * 4), buffer).collect(n_episode=4)
    last = buffer[:][buffer[:].done]
    scored = policy(last).dist.log_prob(torch.as_tensor(last.act)).exp()
    np.testing.assert_allclose(scored.detach(), 0.5)


@pytest.mark.filterwarnings("ignore:the actor returns a hidden state")
@pytest.mark.parametrize(
    ("kind", "expected"), [(PGPolicy, (0.99 + 1) * np.log(2) / 3), (RecurrentPGPolicy, 0.0)]
)
def test_the_loss_of_certain_actions_is_zero_only_with_the_memory_that_drew_them(kind, expected):
    """The returns are γ², γ and 1; without a state, the last two actions are scored with 1/2."""
    policy = make_policy(Remembers(), kind=kind, discount_factor=0.99)
    buffer = VectorReplayBuffer(12, 4)
    Collector(policy, SyncVectorEnv([Recall] * 4), buffer).collect(n_episode=4)
    with policy_within_training_step(policy):
        loss = policy.update(0, buffer, batch_size=None, repeat=1).loss.mean
    assert loss == pytest.approx(expected, abs=1e-6)


# Collect, learn, empty the buffer


def test_the_expected_score_of_old_actions_is_not_zero():
    """Σ π_old(a) ∇log π_new(a) = π_old - π_new, so rows can be used only once."""
    old = np.array([0.5, 0.3, 0.2])
    logits = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64, requires_grad=True)
    (torch.tensor(old) * logits.log_softmax(0)).sum().backward()
    new = np.exp([0.0, 0.5, 1.0]) / np.exp([0.0, 0.5, 1.0]).sum()
    assert logits.grad is not None
    np.testing.assert_allclose(logits.grad.numpy(), old - new, atol=1e-12)


@pytest.mark.parametrize("within", [True, False])
def test_outside_of_a_training_step_greedy_actions_are_collected(within):
    """With deterministic_eval the action is the mode whenever the policy is not being trained."""
    actor = ConstantLogits([0.0, 0.1])
    policy = make_policy(actor, deterministic_eval=True)
    buffer = VectorReplayBuffer(300, 3)
    with policy_within_training_step(policy, within):
        Collector(policy, counters(MODES[0]), buffer).collect(n_step=90)
    assert set(buffer[:].act) == ({0, 1} if within else {1})


def test_training_draws_its_actions_even_if_tests_are_greedy():
    actor = ConstantLogits([0.0, 0.1])
    policy = make_policy(actor, deterministic_eval=True)
    collector = Collector(policy, counters(AutoresetMode.SAME_STEP), VectorReplayBuffer(300, 3))
    collect_and_update(policy, collector, n_step=90, stop_before_update=lambda stats: True)
    assert set(collector.buffer[:].act) == {0, 1}


def test_an_episode_that_an_update_interrupts_is_reported_as_a_whole():
    """With length 5 and four steps per iteration, the second iteration reports one of 5 steps."""
    policy = make_policy(ConstantLogits())
    collector = Collector(policy, Counter(lengths=(5,)), ReplayBuffer(8))
    reported = [collect_and_update(policy, collector, n_step=4)[0] for _ in range(2)]
    assert [stats.lens.tolist() for stats in reported] == [[], [5]]
    assert reported[1].returns.tolist() == [1 + 2 + 3 + 4 + 5]


def test_the_trainer_empties_the_buffer_after_each_update():
    policy = make_policy(ConstantLogits())
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


def test_where_all_episodes_are_alike_only_a_baseline_makes_the_weights_zero():
    """With r = 1 and length 4 the raw weights are 4 3 2 1, whatever the actions were."""
    expected_weights: dict[Baseline, list[int]] = {
        "none": [4, 3, 2, 1],
        "leave_one_out": [0, 0, 0, 0],
    }
    for baseline, expected in expected_weights.items():
        config = Config(baseline=baseline, reward_normalization=False, discount_factor=1.0)
        envs = SyncVectorEnv([Same] * 3)
        policy = make_agent(config, Same.observation_space, Same.action_space)
        buffer = VectorReplayBuffer(30, 3)
        Collector(policy, envs, buffer).collect(n_episode=3)
        batch, indices = buffer.sample(0)
        weights = policy.process_fn(batch, buffer, indices).returns.reshape(3, 4)
        np.testing.assert_allclose(weights, [expected] * 3, atol=1e-6)


class Same(gym.Env):
    """An environment in which every step pays 1, and every episode has 4 steps."""

    observation_space = gym.spaces.Box(0, 4, (1,))
    action_space = gym.spaces.Discrete(2)

    def reset(self, seed=None, options=None):
        self.t = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.t += 1
        return np.full(1, self.t, np.float32), 1.0, self.t == 4, False, {}


# Which policy is tested


class Corridor(gym.Env):
    """Sutton & Barto (2018), example 13.1: three equal cells, of which the second is reversed."""

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
def test_the_value_of_the_corridor_agrees_with_the_solution_by_hand(p):
    """v₀ = -(4 - 2p) / (p (1 - p))."""
    by_equations = short_corridor().at([np.log([1 - p, p])]).J()
    assert by_equations == pytest.approx(-(4 - 2 * p) / (p * (1 - p)), rel=1e-9)


@pytest.mark.parametrize("action", [0, 1])
def test_no_greedy_policy_reaches_the_end_of_the_corridor(action):
    """It returns to a cell where it has been, and acts there as it did before."""
    env = Corridor()
    env.reset()
    cells = []
    while env.cell not in cells:
        cells.append(env.cell)
        env.step(action)
    assert 3 not in cells


def test_the_best_policy_of_the_corridor_fails_a_greedy_test():
    """p = 2 - √2 has the value -11.66; its likelier action, taken in every cell, never arrives."""
    actor = ConstantLogits(np.log([2**0.5 - 1, 2 - 2**0.5]))
    returns = {}
    for greedy in (True, False):
        policy = make_policy(actor, deterministic_eval=greedy)
        corridors = SyncVectorEnv([lambda: gym.wrappers.TimeLimit(Corridor(), 100)] * 10)
        torch.manual_seed(0)
        returns[greedy] = Collector(policy, corridors).collect(n_episode=100).returns
    assert (returns[True] == -100).all()
    assert -15 < returns[False].mean() < -8


# The keys of exercises whose oracle is the package or an environment


def test_the_key_of_the_training_loop_is_the_packages_iteration():
    exercise = record("07.5")
    for case in cases(exercise, seed=3):
        ours, theirs = deepcopy(case), deepcopy(case)
        means = exercise.key(*ours)
        policy, collector, updates = theirs
        expected = [
            collect_and_update(policy, collector, n_episode=collector.env_num)[0].returns.mean()
            for _ in range(updates)
        ]
        np.testing.assert_array_equal(means, expected)
        assert torch.allclose(ours[0].actor.weight, policy.actor.weight, atol=1e-6)


def test_the_key_of_the_two_columns_gives_what_the_collector_stores():
    """Under SAME_STEP, from what the environments return to `step`."""
    mode, steps = AutoresetMode.SAME_STEP, 9
    envs = counters(mode)
    seen, _ = envs.reset()
    first, rows = seen[:, -1], []
    for _ in range(steps):
        seen, _, terminated, truncated, info = envs.step(np.zeros(3, int))
        done = terminated | truncated
        final = np.full(3, np.nan)
        for n in np.flatnonzero(done):
            final[n] = info["final_obs"][n][-1]
        rows.append((seen[:, -1].copy(), done, final))
    obs, obs_next = record("07.6").key(first, *map(np.stack, zip(*rows, strict=True)))
    buffer = VectorReplayBuffer(300, 3)
    Collector(make_policy(ConstantLogits()), counters(mode), buffer).collect(n_step=3 * steps)
    np.testing.assert_array_equal(buffer[:].obs[:, -1], obs.T.ravel())
    np.testing.assert_array_equal(buffer[:].obs_next[:, -1], obs_next.T.ravel())


@pytest.mark.parametrize("p", [0.2, 0.8])
def test_the_key_of_the_greedy_twin_never_arrives_in_the_corridor(p):
    move = np.array([[0, 1], [2, 0], [1, 3]])
    logits = np.log([[1 - p, p]])
    assert record("07.7").key(move, np.zeros(3, int), logits) == -1


class Scripted(Collector):
    """A collector whose tests have given mean returns."""

    def __init__(self, policy, means):
        super().__init__(policy, Counter(lengths=(1,)))
        self.means = iter(means)

    def collect(self, *args, **kwargs):
        mean = np.array([next(self.means)])
        return CollectStats.with_autogenerated_stats(mean, np.array([1]))


def test_the_key_of_the_trainers_rule_is_what_the_trainer_does():
    exercise = record("07.8")
    for tests, target in cases(exercise, seed=3):
        policy = make_policy(ConstantLogits())
        trainer = OnpolicyTrainer(
            policy=policy,
            train_collector=Collector(policy, Counter(lengths=(1,)), ReplayBuffer(10)),
            test_collector=Scripted(policy, tests),
            max_epoch=len(tests) - 1,
            step_per_epoch=1,
            repeat_per_collect=1,
            batch_size=None,
            episode_per_collect=1,
            episode_per_test=1,
            stop_fn=partial(operator.le, target),
            test_in_train=False,
            verbose=False,
            show_progress=False,
        )
        trainer.run()
        assert exercise.key(tests, target) == (trainer.epoch, trainer.best_epoch)


# Seeds


def test_the_same_seed_gives_the_same_rows():
    def rows():
        envs = gym.make_vec("CartPole-v1", num_envs=4)
        torch.manual_seed(1)
        collector = Collector(make_policy(ConstantLogits()), envs, VectorReplayBuffer(400, 4))
        collector.collect(n_step=200, reset_before_collect=True, gym_reset_kwargs={"seed": 5})
        return collector.buffer[:].obs

    np.testing.assert_array_equal(rows(), rows())


def test_environment_i_gets_the_seed_plus_i():
    envs = SyncVectorEnv([lambda: gym.make("CartPole-v1")] * 3)
    obs, _ = Collector(make_policy(ConstantLogits()), envs).reset(gym_reset_kwargs={"seed": 5})
    for i in range(3):
        expected, _ = gym.make("CartPole-v1").reset(seed=5 + i)
        np.testing.assert_array_equal(obs[i], expected)


def test_neighboring_seeds_share_all_environments_but_one():
    """Environment i gets s + i, so runs with seeds 0 and 1 are not independent."""
    envs = SyncVectorEnv([lambda: gym.make("CartPole-v1")] * 8)
    first, second = envs.reset(seed=0)[0], envs.reset(seed=1)[0]
    np.testing.assert_array_equal(first[1:], second[:-1])


class NotesItsSeeds(Counter):
    """A counter that notes the seeds of its resets."""

    seeds: ClassVar[list[int]] = []

    def reset(self, *, seed=None, options=None):
        if seed is not None:
            self.seeds.append(seed)
        return super().reset(seed=seed)


def test_no_two_runs_or_iterations_share_the_seed_of_an_environment():
    """The seeds of 30 runs with 30 iterations each are more than 1000 apart."""
    gym.register("NotesItsSeeds-v0", entry_point=lambda **kwargs: NotesItsSeeds(**kwargs))
    config = Config(env_id="NotesItsSeeds-v0", num_envs=1, max_updates=30, hidden_sizes=(1,))
    for run in range(30):
        train(run, config)
    assert len(NotesItsSeeds.seeds) >= 30 * 30
    assert np.diff(np.sort(NotesItsSeeds.seeds)).min() > 1000


def test_a_run_gives_the_same_result_in_another_process():
    """train(seed, config) depends only on its arguments, bit by bit."""
    config = Config(max_updates=2, num_envs=4)
    spawn = get_context("spawn")
    with ProcessPoolExecutor(1, spawn, torch.set_num_threads, (1,)) as pool:
        there = list(pool.map(train, [0, 1], [config] * 2))
    for seed, result in enumerate(there):
        here = train(seed, config)
        for name, value in here.policy_state.items():
            assert name == "_extra_state" or torch.equal(value, result.policy_state[name])
        assert [row[:7] for row in here.history] == [row[:7] for row in result.history]
