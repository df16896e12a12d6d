"""Returns, from the definition to `process_fn`, in the order of the notebook.

The oracles: sums written out, exact fractions, closed forms, and counting.
"""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_edu import VectorReplayBuffer
from pg_edu.returns import discounted_returns
from tests.helpers import (
    ConstantLogits,
    filled,
    make_policy,
    returns_by_definition,
    returns_of,
    steps_of_episodes,
)

rewards_of_an_episode = st.lists(st.integers(-100, 100), min_size=1, max_size=15)


def returns_of_one_episode(rew, gamma):
    return discounted_returns(rew, np.arange(len(rew)) == len(rew) - 1, gamma)


# By hand


def test_four_returns_by_hand():
    """1, 0, 4, 2 and γ = 1/2: 1 + 0/2 + 4/4 + 2/8, 0 + 4/2 + 2/4, 4 + 2/2, 2."""
    np.testing.assert_array_equal(returns_of_one_episode([1, 0, 4, 2], 0.5), [2.25, 2.5, 5, 2])


@given(
    steps_of_episodes(max_length=20), st.sampled_from([Fraction(0), Fraction(1, 2), Fraction(1)])
)
def test_returns_are_the_sum_of_their_definition(steps, gamma):
    """Gₜ = Σₖ γᵏ rₜ₊ₖ, in exact fractions."""
    rew, end, bootstrap = zip(*steps, strict=True)
    expected = [float(g) for g in returns_by_definition(rew, end, gamma, bootstrap)]
    found = discounted_returns(rew, end, float(gamma), bootstrap)
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=0)


@given(rewards_of_an_episode, rewards_of_an_episode)
def test_a_return_does_not_contain_the_rewards_before_its_step(past, rew):
    """Gₜ depends on rₜ, rₜ₊₁, ... alone."""
    found = returns_of_one_episode(past + rew, 0.9)[len(past) :]
    np.testing.assert_array_equal(found, returns_of_one_episode(rew, 0.9))


@pytest.mark.parametrize(("gamma", "expected"), [(1.0, 10.0), (0.99, 4.0473), (0.9, 0.00076)])
def test_the_discount_factor_decides_how_far_ahead_a_return_looks(gamma, expected):
    """A reward of 10 that is ninety steps away is worth 10 γ⁹⁰."""
    assert returns_of_one_episode([0] * 90 + [10], gamma)[0] == pytest.approx(expected, rel=3e-3)


# Backwards


@given(rewards_of_an_episode)
def test_a_return_is_its_reward_plus_the_discounted_return_of_the_next_step(rew):
    """Gₜ - γ Gₜ₊₁ = rₜ with G_T = 0, exact for integers and γ = 1/2."""
    returns = returns_of_one_episode(rew, 0.5)
    np.testing.assert_array_equal(returns - 0.5 * np.append(returns[1:], 0.0), rew)


@given(rewards_of_an_episode, st.data())
def test_a_return_is_n_rewards_plus_the_discounted_return_n_steps_later(rew, data):
    """G₀ = Σ_{k<n} γᵏ rₖ + γⁿ Gₙ, for every n."""
    n = data.draw(st.integers(0, len(rew)))
    returns = np.append(returns_of_one_episode(rew, 0.5), 0.0)
    head = sum(Fraction(r, 2**k) for k, r in enumerate(rew[:n]))
    assert Fraction(returns[0]) == head + Fraction(returns[n]) / 2**n


# Several episodes in one array


@given(steps_of_episodes(max_length=15), steps_of_episodes(max_length=15))
def test_episodes_in_one_array_do_not_influence_each_other(first, second):
    """G(e₁ e₂) = G(e₁) G(e₂), provided that e₁ has ended."""
    (rew1, end1, _), (rew2, end2, _) = zip(*first, strict=True), zip(*second, strict=True)
    end1 = (*end1[:-1], True)
    both = discounted_returns(rew1 + rew2, end1 + end2, 0.9)
    apart = [discounted_returns(rew1, end1, 0.9), discounted_returns(rew2, end2, 0.9)]
    np.testing.assert_allclose(both, np.concatenate(apart), rtol=1e-14)


@given(st.lists(rewards_of_an_episode, min_size=1, max_size=5), st.randoms())
def test_the_order_of_the_episodes_does_not_matter(episodes, random):
    """G(e_σ(1) e_σ(2) ...) is G(e₁) G(e₂) ..., permuted in the same way."""

    def returns(episodes):
        end = np.concatenate([np.arange(len(rew)) == len(rew) - 1 for rew in episodes])
        cuts = np.cumsum([len(rew) for rew in episodes])[:-1]
        return np.split(discounted_returns(np.concatenate(episodes), end, 0.5), cuts)

    order = random.sample(range(len(episodes)), len(episodes))
    permuted = returns([episodes[k] for k in order])
    for found, k in zip(permuted, order, strict=True):
        np.testing.assert_array_equal(found, returns(episodes)[k])


def test_without_its_flag_an_episode_gets_a_share_of_the_next_one():
    """The leak at step t is γ^(T - t) times the first return of the next episode."""
    rew, end = [1, 0, 4, 2, 8, 8], [False, False, False, True, False, True]
    leak = returns_of_one_episode(rew, 0.5) - discounted_returns(rew, end, 0.5)
    np.testing.assert_array_equal(leak, [12 / 16, 12 / 8, 12 / 4, 12 / 2, 0, 0])


# Terminated and truncated


def test_a_truncated_episode_ends_the_sum_but_not_the_value():
    """Gₜ = rₜ + γ V where the episode was cut, Gₜ = rₜ where it terminated."""
    returns = discounted_returns([1, 1, 1, 1], [False, True, False, True], 0.5, [9, 8, 9, 0])
    np.testing.assert_array_equal(returns, [1 + 0.5 * (1 + 0.5 * 8), 1 + 0.5 * 8, 1.5, 1.0])


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
def test_truncated_returns_are_right_on_average_with_the_right_value(limit):
    """V = 1 + γ p V: an episode goes on with probability p, and E[G₀] = V wherever it is cut."""
    gamma, p = Fraction(4, 5), Fraction(3, 4)
    value, expected = 1 / (1 - gamma * p), 0
    for length in range(1, limit + 1):
        over = returns_of_one_episode([1] * length, float(gamma))[0]
        expected += float(p ** (length - 1) * (1 - p)) * over
    end = np.arange(limit) == limit - 1
    cut = discounted_returns([1] * limit, end, float(gamma), float(value))[0]
    expected += float(p**limit) * cut
    assert expected == pytest.approx(float(value), rel=1e-14)


# Mistakes that raise no error elsewhere


def test_integer_rewards_are_discounted_and_not_rounded_down():
    """γ = 1/2 and rewards 1, 1 give 1.5, not 1."""
    returns = discounted_returns(np.array([1, 1]), [False, True], 0.5)
    assert returns.dtype == np.float64
    np.testing.assert_array_equal(returns, [1.5, 1.0])


def test_returns_stay_exact_where_the_weights_underflow():
    """At t = 8000 and γ = 0.9, γᵗ is 0; yet Gₜ is (1 - γ^(T - t)) / (1 - γ)."""
    left = np.arange(8000, 0, -1)
    assert 0.9 ** left[0] == 0
    expected = -np.expm1(left * np.log(0.9)) / (1 - 0.9)
    np.testing.assert_allclose(returns_of_one_episode(np.ones(8000), 0.9), expected, rtol=1e-14)


@pytest.mark.parametrize("length", [50, 50_000])
def test_single_precision_rewards_are_added_in_double_precision(length):
    """The sum of `length` float32 numbers near 0.1 is exact in float64, by fractions."""
    rew = np.full(length, 0.1, np.float32)
    assert Fraction(returns_of_one_episode(rew, 1.0)[0]) == length * Fraction(float(rew[0]))


# process_fn


def two_environments():
    """Return a buffer with two episodes of each environment; the second ones are unfinished.

    The first episode of environment 0 terminates after three steps, that of environment 1 is
    truncated after four. In the order of time the rows are 0, 1, 2, 3, 4 and 6, 7, 8, 9, 10.
    """
    return filled(
        VectorReplayBuffer(total_size=12, buffer_num=2),
        rew=[1, 0, 4, 1, 1, 2, 2, 2, 2, 2],
        terminated=[t == 2 for t in range(10)],
        truncated=[t == 8 for t in range(10)],
        buffer_ids=[0] * 5 + [1] * 5,
    )


def half_discounted(**settings):
    return make_policy(ConstantLogits(), discount_factor=0.5, **settings)


END = [False, False, True, False, True, False, False, False, True, True]
CUT = [False, False, False, False, True, False, False, False, True, True]
REW = [1, 0, 4, 1, 1, 2, 2, 2, 2, 2]


def test_process_fn_ends_episodes_at_both_flags_and_at_the_newest_row_of_each_environment():
    """The returns for γ = 1/2, computed by hand."""
    expected = [2, 2, 4, 1.5, 1, 3.75, 3.5, 3, 2, 2]
    np.testing.assert_array_equal(returns_of(half_discounted(), two_environments()), expected)


@pytest.mark.parametrize("normalize", [False, True])
def test_process_fn_bootstraps_with_the_running_mean_unless_the_episode_terminated(normalize):
    """Gₜ = rₜ + γ mean there; with `reward_normalization`, then (G - mean) / sqrt(var + 1e-8)."""
    policy = half_discounted(reward_normalization=normalize)
    policy.ret_rms.mean = 10.0
    policy.ret_rms.var = 4.0
    policy.ret_rms.count = 3
    expected = np.array(returns_by_definition(REW, END, 0.5, [10.0 * cut for cut in CUT]))
    if normalize:
        expected = (expected - 10.0) / np.sqrt(4.0 + 1e-8)
    np.testing.assert_allclose(returns_of(policy, two_environments()), expected, rtol=1e-14)


def test_process_fn_normalizes_a_batch_by_the_returns_of_all_earlier_batches():
    """Batch n: (G - mean) / sqrt(var + 1e-8) with those of all earlier G, at first 0 and 1."""
    policy = half_discounted(reward_normalization=True)
    buffer = two_environments()
    seen: list[float] = []
    for _ in range(3):
        mean, var = (np.mean(seen), np.var(seen)) if seen else (0.0, 1.0)
        returns = returns_by_definition(REW, END, 0.5, [mean * cut for cut in CUT])
        expected = (np.array(returns) - mean) / np.sqrt(var + 1e-8)
        np.testing.assert_allclose(returns_of(policy, buffer), expected, rtol=1e-12, atol=1e-12)
        seen += returns
