"""Returns, from the definition to the fast code. The oracles: sums written out, and Fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_edu.returns import discounted_returns, gae, nstep_return


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


@given(episodes(max_length=20), st.sampled_from([Fraction(0), Fraction(1, 2), Fraction(1)]))
def test_returns_are_the_sum_of_their_definition(steps, gamma):
    """Gₜ = Σₖ γᵏ rₜ₊ₖ, in exact fractions."""
    rew, end, bootstrap = zip(*steps, strict=True)
    expected = [float(g) for g in returns_by_definition(rew, end, gamma, bootstrap)]
    found = discounted_returns(rew, end, float(gamma), bootstrap)
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=0)


@pytest.mark.parametrize("length", [1, 2, 64, 65, 66, 127, 1000, 4097])
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


def test_a_truncated_episode_ends_the_sum_but_not_the_value():
    """Gₜ = rₜ + γ V where the episode was cut, Gₜ = rₜ where it terminated."""
    returns = discounted_returns([1, 1, 1, 1], [False, True, False, True], 0.5, [9, 8, 9, 0])
    np.testing.assert_array_equal(returns, [1 + 0.5 * (1 + 0.5 * 8), 1 + 0.5 * 8, 1.5, 1.0])


def test_integer_rewards_are_discounted_and_not_truncated():
    """γ = 1/2 and rewards 1, 1 give 1.5, not 1."""
    returns = discounted_returns(np.array([1, 1]), [False, True], 0.5)
    assert returns.dtype == np.float64
    np.testing.assert_array_equal(returns, [1.5, 1.0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("length", [10, 500])
def test_a_reward_that_is_not_finite_stays_in_its_episode(bad, length):
    """0 * NaN is NaN, and yet the episode before it keeps its returns."""
    rew, end = np.ones(length), np.zeros(length, bool)
    rew[5], end[3] = bad, True
    returns = discounted_returns(rew, end, 1.0)
    np.testing.assert_array_equal(returns[:4], [4, 3, 2, 1])
    assert not np.isfinite(returns[4:6]).any()
    np.testing.assert_array_equal(returns[6:], np.arange(length - 6, 0, -1))


def test_rewards_and_ends_of_different_length_are_an_error():
    with pytest.raises(ValueError, match=r"rew has shape \(3,\) and end has shape \(2,\)"):
        discounted_returns([1, 2, 3], [False, True], 0.9)


@given(episodes(max_length=12), st.sampled_from([0.0, 0.3, 1.0]))
def test_gae_is_the_weighted_sum_of_one_step_errors(steps, gae_lambda):
    """Aₜ = Σₖ (γλ)ᵏ δₜ₊ₖ with δₜ = rₜ + γ V(sₜ₊₁) - V(sₜ) (Schulman 2016, equation 16)."""
    rew, end, value = zip(*steps, strict=True)
    next_value, gamma = value[::-1], 0.9
    delta = [r + gamma * w - v for r, v, w in zip(rew, value, next_value, strict=True)]
    expected = returns_by_definition(delta, end, gamma * gae_lambda, [0] * len(rew))
    found = gae(rew, end, value, next_value, gamma, gae_lambda)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_nstep_returns_stop_at_the_end_of_an_episode():
    """Gₜ = Σ_{k<m} γᵏ rₜ₊ₖ, weight γᵐ, m = min(n, steps to the end)."""
    rew, end = [1.0, 2.0, 4.0, 8.0, 16.0], [False, False, True, False, False]

    def following(index):
        return np.where(np.isin(index, [2, 4]), index, index + 1)

    total, last, weight = nstep_return(rew, end, np.arange(5), following, 0.5, n_step=2)
    np.testing.assert_array_equal(total, [2.0, 4.0, 4.0, 16.0, 24.0])
    np.testing.assert_array_equal(last, [1, 2, 2, 4, 4])
    np.testing.assert_array_equal(weight, [0.25, 0.25, 0.5, 0.25, 0.25])


@given(episodes(max_length=15), st.integers(-5, 5))
def test_returns_are_linear_in_the_rewards(steps, factor):
    """G(c r) = c G(r)."""
    rew, end, _ = zip(*steps, strict=True)
    scaled = discounted_returns(factor * np.array(rew), end, 0.5)
    np.testing.assert_allclose(scaled, factor * discounted_returns(rew, end, 0.5), rtol=1e-14)


@given(episodes(max_length=15), episodes(max_length=15))
def test_concatenated_episodes_do_not_touch(first, second):
    """G(e₁ e₂) = G(e₁) G(e₂), as soon as e₁ ends."""
    (rew1, end1, _), (rew2, end2, _) = zip(*first, strict=True), zip(*second, strict=True)
    end1 = (*end1[:-1], True)
    both = discounted_returns(rew1 + rew2, end1 + end2, 0.9)
    apart = [discounted_returns(rew1, end1, 0.9), discounted_returns(rew2, end2, 0.9)]
    np.testing.assert_allclose(both, np.concatenate(apart), rtol=1e-14)
