"""Returns, from the definition to `process_fn`, in the order of the notebook.

The oracles: sums written out, exact fractions, closed forms, and counting.
"""

from fractions import Fraction

import gymnasium as gym
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Categorical

from pg_edu import Batch, Net, PGPolicy, VectorReplayBuffer
from pg_edu.returns import BLOCK, SHORT, discounted_returns, gae, nstep_return


def returns_by_definition(rew, end, gamma, bootstrap):
    """Gₜ = Σ γᵏ rₜ₊ₖ up to the episode's end, and γ times the bootstrap behind it: O(T²)."""
    returns = []
    for t in range(len(rew)):
        total, weight = 0, 1
        for k in range(t, len(rew)):
            total += weight * rew[k]
            weight *= gamma
            if end[k]:
                total += weight * bootstrap[k]
                break
        returns.append(total)
    return returns


def episodes(max_length):
    step = st.tuples(st.integers(-100, 100), st.booleans(), st.integers(-10, 10))
    return st.lists(step, min_size=1, max_size=max_length)


rewards_of_an_episode = st.lists(st.integers(-100, 100), min_size=1, max_size=15)


def returns_of_one_episode(rew, gamma):
    return discounted_returns(rew, np.arange(len(rew)) == len(rew) - 1, gamma)


# By hand


def test_four_returns_by_hand():
    """1, 0, 4, 2 and γ = 1/2: 1 + 0/2 + 4/4 + 2/8, 0 + 4/2 + 2/4, 4 + 2/2, 2."""
    np.testing.assert_array_equal(returns_of_one_episode([1, 0, 4, 2], 0.5), [2.25, 2.5, 5, 2])


@given(episodes(max_length=20), st.sampled_from([Fraction(0), Fraction(1, 2), Fraction(1)]))
def test_returns_are_the_sum_of_their_definition(steps, gamma):
    """Gₜ = Σₖ γᵏ rₜ₊ₖ, in exact fractions."""
    rew, end, bootstrap = zip(*steps, strict=True)
    expected = [float(g) for g in returns_by_definition(rew, end, gamma, bootstrap)]
    found = discounted_returns(rew, end, float(gamma), bootstrap)
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=0)


@given(rewards_of_an_episode, rewards_of_an_episode)
def test_what_came_before_a_step_is_not_in_its_return(past, rew):
    """Gₜ depends on rₜ, rₜ₊₁, ... alone."""
    found = returns_of_one_episode(past + rew, 0.9)[len(past) :]
    np.testing.assert_array_equal(found, returns_of_one_episode(rew, 0.9))


@pytest.mark.parametrize(("gamma", "heard"), [(1.0, 10.0), (0.99, 4.0473), (0.9, 0.00076)])
def test_a_discount_decides_how_far_an_action_hears(gamma, heard):
    """A reward of 10, ninety steps away, is worth 10 γ⁹⁰."""
    assert returns_of_one_episode([0] * 90 + [10], gamma)[0] == pytest.approx(heard, rel=3e-3)


@given(episodes(max_length=15), st.integers(-5, 5))
def test_returns_are_linear_in_the_rewards(steps, factor):
    """G(c r) = c G(r)."""
    rew, end, _ = zip(*steps, strict=True)
    scaled = discounted_returns(factor * np.array(rew), end, 0.5)
    np.testing.assert_allclose(scaled, factor * discounted_returns(rew, end, 0.5), rtol=1e-14)


@given(episodes(max_length=15))
def test_returns_of_a_sum_are_the_sum_of_returns(steps):
    """G(r + q) = G(r) + G(q), exact for integers and γ = 1/2."""
    rew, end, more = (np.array(column) for column in zip(*steps, strict=True))
    apart = discounted_returns(rew, end, 0.5) + discounted_returns(more, end, 0.5)
    np.testing.assert_array_equal(discounted_returns(rew + more, end, 0.5), apart)


# Backwards


@given(rewards_of_an_episode)
def test_a_return_is_its_reward_and_the_discounted_return_of_the_next_step(rew):
    """Gₜ - γ Gₜ₊₁ = rₜ with G_T = 0, exact for integers and γ = 1/2."""
    returns = returns_of_one_episode(rew, 0.5)
    np.testing.assert_array_equal(returns - 0.5 * np.append(returns[1:], 0.0), rew)


@given(rewards_of_an_episode, st.data())
def test_n_steps_later_a_return_goes_on_with_the_return_of_then(rew, data):
    """G₀ = Σ_{k<n} γᵏ rₖ + γⁿ Gₙ, for every n."""
    n = data.draw(st.integers(0, len(rew)))
    returns = np.append(returns_of_one_episode(rew, 0.5), 0.0)
    head = sum(Fraction(r, 2**k) for k, r in enumerate(rew[:n]))
    assert Fraction(returns[0]) == head + Fraction(returns[n]) / 2**n


# Several episodes in one array


@given(episodes(max_length=15), episodes(max_length=15))
def test_concatenated_episodes_do_not_touch(first, second):
    """G(e₁ e₂) = G(e₁) G(e₂), as soon as e₁ ends."""
    (rew1, end1, _), (rew2, end2, _) = zip(*first, strict=True), zip(*second, strict=True)
    end1 = (*end1[:-1], True)
    both = discounted_returns(rew1 + rew2, end1 + end2, 0.9)
    apart = [discounted_returns(rew1, end1, 0.9), discounted_returns(rew2, end2, 0.9)]
    np.testing.assert_allclose(both, np.concatenate(apart), rtol=1e-14)


@given(st.lists(rewards_of_an_episode, min_size=1, max_size=5), st.randoms())
def test_the_order_of_the_environments_does_not_matter(games, random):
    """G(e_σ(1) e_σ(2) ...) is G(e₁) G(e₂) ..., permuted alike."""

    def returns(games):
        end = np.concatenate([np.arange(len(game)) == len(game) - 1 for game in games])
        cuts = np.cumsum([len(game) for game in games])[:-1]
        return np.split(discounted_returns(np.concatenate(games), end, 0.5), cuts)

    order = random.sample(range(len(games)), len(games))
    permuted = returns([games[k] for k in order])
    for found, k in zip(permuted, order, strict=True):
        np.testing.assert_array_equal(found, returns(games)[k])


def test_without_its_flag_an_episode_hears_of_the_next_one():
    """The leak at step t is γ^(T - t) times the first return of the next episode."""
    rew, end = [1, 0, 4, 2, 8, 8], [False, False, False, True, False, True]
    leak = returns_of_one_episode(rew, 0.5) - discounted_returns(rew, end, 0.5)
    np.testing.assert_array_equal(leak, [12 / 16, 12 / 8, 12 / 4, 12 / 2, 0, 0])


# Terminated and truncated


def test_a_truncated_episode_ends_the_sum_but_not_the_value():
    """Gₜ = rₜ + γ V where the episode was cut, Gₜ = rₜ where it terminated."""
    returns = discounted_returns([1, 1, 1, 1], [False, True, False, True], 0.5, [9, 8, 9, 0])
    np.testing.assert_array_equal(returns, [1 + 0.5 * (1 + 0.5 * 8), 1 + 0.5 * 8, 1.5, 1.0])


@given(episodes(max_length=15))
def test_a_bootstrap_is_read_only_where_an_episode_ends(steps):
    """The value of a state in the midst of an episode is not needed; it may be NaN."""
    rew, end, bootstrap = (np.array(column) for column in zip(*steps, strict=True))
    unread = np.where(end, bootstrap, np.nan)
    expected = returns_by_definition(rew, end, 0.5, bootstrap)
    np.testing.assert_array_equal(discounted_returns(rew, end, 0.5, unread), expected)


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
def test_cut_returns_with_the_right_value_are_right_on_average(limit):
    """V = 1 + γ p V. An episode goes on with probability p; E[G₀] = V, whenever it is cut."""
    gamma, p = Fraction(4, 5), Fraction(3, 4)
    value, expected = 1 / (1 - gamma * p), 0
    for length in range(1, limit + 1):
        over = returns_of_one_episode([1] * length, float(gamma))[0]
        expected += float(p ** (length - 1) * (1 - p)) * over
    end = np.arange(limit) == limit - 1
    cut = discounted_returns([1] * limit, end, float(gamma), float(value))[0]
    expected += float(p**limit) * cut
    assert expected == pytest.approx(float(value), rel=1e-14)


# Many steps at once


@pytest.mark.parametrize(
    "length", [1, 2, SHORT - 1, SHORT, SHORT + 1, 4097, SHORT * BLOCK + 7, 40_000]
)
@pytest.mark.parametrize("gamma", [0.0, 0.9, 0.999, 1.0])
def test_long_arrays_agree_with_the_backward_recursion(length, gamma):
    """Gₜ = rₜ + γ Gₜ₊₁, whatever the blocks of the fast code; error at most 1e-12 Σ γᵏ |r|."""
    rng = np.random.default_rng(length)
    rew, end = rng.normal(size=length), rng.random(length) < 0.02
    expected, scale, following, following_scale = np.empty(length), np.empty(length), 0.0, 0.0
    for t in reversed(range(length)):
        discount = 0.0 if end[t] else gamma
        expected[t] = following = rew[t] + discount * following
        scale[t] = following_scale = abs(rew[t]) + discount * following_scale
    error = np.abs(discounted_returns(rew, end, gamma) - expected)
    assert (error <= 1e-12 * np.maximum(1.0, scale)).all()


@pytest.mark.parametrize("episode", [1, 7, 60, 1000])
def test_whatever_the_length_rewards_of_one_count_the_steps_that_are_left(episode):
    """γ = 1 and rₜ = 1: Gₜ is the number of steps to the end, in every part of the code."""
    for length in (*range(1, 2 * BLOCK), *range(SHORT, SHORT + 2 * BLOCK), SHORT * BLOCK):
        t = np.arange(length)
        left = np.minimum(episode - t % episode, length - t)
        found = discounted_returns(np.ones(length), t % episode == episode - 1, 1.0)
        np.testing.assert_array_equal(found, left)


def test_no_rewards_have_no_returns():
    assert discounted_returns([], np.zeros(0, bool), 0.9).shape == (0,)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("length", [10, 2 * SHORT])
def test_a_reward_that_is_not_finite_stays_in_its_episode(bad, length):
    """0 * NaN is NaN, and yet the episode before it keeps its returns."""
    rew, end = np.ones(length), np.zeros(length, bool)
    rew[5], end[3] = bad, True
    returns = discounted_returns(rew, end, 1.0)
    np.testing.assert_array_equal(returns[:4], [4, 3, 2, 1])
    assert not np.isfinite(returns[4:6]).any()
    np.testing.assert_array_equal(returns[6:], np.arange(length - 6, 0, -1))


def test_an_overflow_stays_in_its_episode():
    """Where two rewards of 1.7e308 make the sum infinite, the episode before it is as it was."""
    rew, end = np.ones(2 * SHORT), np.zeros(2 * SHORT, bool)
    rew[[10, 10 + 2 * BLOCK]], end[3] = 1.7e308, True
    returns = discounted_returns(rew, end, 1.0)
    np.testing.assert_array_equal(returns[:4], [4, 3, 2, 1])
    np.testing.assert_array_equal(returns[4:11], np.inf)


# Wrong without a word, elsewhere


def test_integer_rewards_are_discounted_and_not_truncated():
    """γ = 1/2 and rewards 1, 1 give 1.5, not 1."""
    returns = discounted_returns(np.array([1, 1]), [False, True], 0.5)
    assert returns.dtype == np.float64
    np.testing.assert_array_equal(returns, [1.5, 1.0])


def test_an_integer_bootstrap_is_discounted_and_not_truncated():
    """r = 0, γ = 1/2, V = 1: G = 1/2."""
    returns = discounted_returns(np.array([0]), [True], 0.5, np.array([1]))
    np.testing.assert_array_equal(returns, [0.5])


def test_returns_stay_exact_where_the_weights_underflow():
    """At t = 8000 and γ = 0.9, γᵗ is 0; Gₜ is (1 - γ^(T - t)) / (1 - γ) all the same."""
    left = np.arange(8000, 0, -1)
    assert 0.9 ** left[0] == 0
    expected = -np.expm1(left * np.log(0.9)) / (1 - 0.9)
    np.testing.assert_allclose(returns_of_one_episode(np.ones(8000), 0.9), expected, rtol=1e-14)


@pytest.mark.parametrize("length", [50, 50_000])
def test_single_precision_rewards_are_added_in_double_precision(length):
    """Σ of `length` float32 numbers near 0.1, as a fraction; in float64 it is exact."""
    rew = np.full(length, 0.1, np.float32)
    assert Fraction(returns_of_one_episode(rew, 1.0)[0]) == length * Fraction(float(rew[0]))


def test_rewards_and_ends_of_different_length_are_an_error():
    with pytest.raises(ValueError, match=r"rew has shape \(3,\) and end has shape \(2,\)"):
        discounted_returns([1, 2, 3], [False, True], 0.9)


# process_fn


def played_buffer():
    """Environment 0: an episode that terminated, one unfinished; 1: one truncated, one unfinished.

    The rows in the order of time are 0, 1, 2, 3, 4 of the first, 6, 7, 8, 9, 10 of the second.
    """
    buffer = VectorReplayBuffer(total_size=12, buffer_num=2)
    for t, rew in enumerate(np.array([[1.0, 2], [0, 2], [4, 2], [1, 2], [1, 2]])):
        over, cut = np.array([t == 2, False]), np.array([False, t == 3])
        still = {"obs": np.zeros((2, 1)), "act": np.zeros(2, int)}
        buffer.add(Batch(still, rew=rew, terminated=over, truncated=cut), buffer_ids=[0, 1])
    return buffer


END = [False, False, True, False, True, False, False, False, True, True]
CUT = [False, False, False, False, True, False, False, False, True, True]
REW = [1, 0, 4, 1, 1, 2, 2, 2, 2, 2]


def pg_policy(**settings):
    net = Net(state_shape=1, action_shape=2)
    return PGPolicy(
        actor=net,
        optim=torch.optim.SGD(net.parameters(), lr=0.1),
        dist_fn=lambda logits: Categorical(logits=logits),
        action_space=gym.spaces.Discrete(2),
        action_scaling=False,
        discount_factor=0.5,
        **settings,
    )


def processed(policy, buffer, order=slice(None)):
    _, indices = buffer.sample(0)
    return policy.process_fn(buffer[indices[order]], buffer, indices[order]).returns


def test_process_fn_ends_games_at_both_flags_and_at_the_newest_row_of_each_environment():
    """γ = 1/2; written out by hand."""
    expected = [2, 2, 4, 1.5, 1, 3.75, 3.5, 3, 2, 2]
    np.testing.assert_array_equal(processed(pg_policy(), played_buffer()), expected)


@pytest.mark.parametrize("normalise", [False, True])
def test_process_fn_takes_the_running_mean_for_what_follows_a_game_that_did_not_terminate(
    normalise,
):
    """Gₜ = rₜ + γ mean there; with `reward_normalization`, then (G - mean) / sqrt(var + 1e-8)."""
    policy = pg_policy(reward_normalization=normalise)
    policy.ret_rms.mean, policy.ret_rms.var, policy.ret_rms.count = 10.0, 4.0, 3
    expected = np.array(returns_by_definition(REW, END, 0.5, [10.0 * cut for cut in CUT]))
    if normalise:
        expected = (expected - 10.0) / np.sqrt(4.0 + 1e-8)
    np.testing.assert_allclose(processed(policy, played_buffer()), expected, rtol=1e-14)


def test_process_fn_measures_a_batch_by_the_returns_of_all_batches_before_it():
    """Batch n: (G - mean) / sqrt(var + 1e-8) with mean and var of all earlier G; first 0 and 1."""
    policy, buffer, seen = pg_policy(reward_normalization=True), played_buffer(), []
    for _ in range(3):
        mean, var = (np.mean(seen), np.var(seen)) if seen else (0.0, 1.0)
        returns = returns_by_definition(REW, END, 0.5, [mean * cut for cut in CUT])
        expected = (np.array(returns) - mean) / np.sqrt(var + 1e-8)
        np.testing.assert_allclose(processed(policy, buffer), expected, rtol=1e-12, atol=1e-12)
        seen += returns


def test_process_fn_without_normalisation_keeps_no_statistics():
    policy = pg_policy()
    processed(policy, played_buffer())
    assert (policy.ret_rms.mean, policy.ret_rms.var, policy.ret_rms.count) == (0.0, 1.0, 0)


def test_process_fn_gives_each_row_its_return_in_whatever_order_the_rows_come():
    order = np.random.default_rng(0).permutation(10)
    expected = processed(pg_policy(), played_buffer())[order]
    np.testing.assert_array_equal(processed(pg_policy(), played_buffer(), order), expected)


# Beside the return: the advantage, and n steps only


@given(episodes(max_length=12), st.sampled_from([0.0, 0.3, 1.0]))
def test_gae_is_the_weighted_sum_of_one_step_errors(steps, gae_lambda):
    """Aₜ = Σₖ (γλ)ᵏ δₜ₊ₖ with δₜ = rₜ + γ V(sₜ₊₁) - V(sₜ) (Schulman 2016, equation 16)."""
    rew, end, value = zip(*steps, strict=True)
    next_value, gamma = value[::-1], 0.9
    delta = [r + gamma * w - v for r, v, w in zip(rew, value, next_value, strict=True)]
    expected = returns_by_definition(delta, end, gamma * gae_lambda, [0] * len(rew))
    found = gae(rew, end, value, next_value, gamma, gae_lambda)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@given(episodes(max_length=12))
def test_with_lambda_one_all_values_cancel_but_the_one_behind_the_end(steps):
    """Aₜ + V(sₜ) = Σ γᵏ rₜ₊ₖ + γᵐ V(s behind the end), exact for integers and γ = 1/2."""
    rew, end, value = (np.array(column) for column in zip(*steps, strict=True))
    end[-1] = True
    next_value = np.where(end, 7, np.append(value[1:], 0))
    expected = returns_by_definition(rew, end, 0.5, [7] * len(rew))
    found = gae(rew, end, value, next_value, gamma=0.5, gae_lambda=1.0) + value
    np.testing.assert_array_equal(found, expected)


def test_nstep_returns_stop_at_the_end_of_an_episode():
    """Gₜ = Σ_{k<m} γᵏ rₜ₊ₖ, weight γᵐ, m = min(n, steps to the end)."""
    rew, end = [1.0, 2.0, 4.0, 8.0, 16.0], [False, False, True, False, False]

    def following(index):
        return np.where(np.isin(index, [2, 4]), index, index + 1)

    total, last, weight = nstep_return(rew, end, np.arange(5), following, 0.5, n_step=2)
    np.testing.assert_array_equal(total, [2.0, 4.0, 4.0, 16.0, 24.0])
    np.testing.assert_array_equal(last, [1, 2, 2, 4, 4])
    np.testing.assert_array_equal(weight, [0.25, 0.25, 0.5, 0.25, 0.25])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_reward_that_is_not_finite_stays_in_its_episode_where_long_arrays_are_cut(bad):
    """As many blocks as the cache holds go together; what follows them may be NaN, too."""
    lot = BLOCK * 2048
    steps = 2 * lot + 5
    end = np.arange(steps) % 10 == 3
    clean = discounted_returns(np.ones(steps), end, 0.9)
    for t in (steps - lot - 1, steps - lot, steps - lot + 1, 4, steps - 1):
        rew = np.ones(steps)
        rew[t] = bad
        begin = np.flatnonzero(end[:t])[-1] + 1
        found = discounted_returns(rew, end, 0.9)
        assert not np.isfinite(found[begin : t + 1]).any()
        others = np.delete(np.arange(steps), np.arange(begin, t + 1))
        np.testing.assert_allclose(found[others], clean[others], rtol=1e-15)
