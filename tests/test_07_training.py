"""The collector: what is stored, against environments whose every transition is known beforehand.

`Counter` is an environment that counts: episode e of environment n has a given length, its
observations are (n, e, t), its reward is t + 1. So each stored row says where it must stand.
"""

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from torch import nn
from torch.distributions import Categorical, Normal

from pg_edu import Batch, Collector, PGPolicy, ReplayBuffer, VectorReplayBuffer

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


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("env", [Counter, DictCounter])
@pytest.mark.parametrize("steps", [1, 7, 150])
def test_every_row_is_a_transition_of_its_environment(mode, env, steps):
    """(s, a, r, s') with the true last s', no row between two episodes, and none missing."""
    buffer = VectorReplayBuffer(3 * 200, 3)
    collector = Collector(coin_policy(), counters(mode, env=env), buffer)
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


# fairness


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


def test_a_hidden_state_without_the_environments_in_front_is_an_error():
    class Layered(CountsItsSteps):
        def pack(self, count):
            return torch.zeros(2, len(count), 1)

    collector = Collector(coin_policy(Layered("tensor")), counters(MODES[0]))
    with pytest.raises(ValueError, match="3 environments on axis 0, got shape"):
        collector.collect(n_step=3)


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
        observation_space = gym.spaces.Box(0, 255, (8, 8, 3), np.uint8)

        def obs(self):
            return np.full((8, 8, 3), self.t, np.uint8)

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
