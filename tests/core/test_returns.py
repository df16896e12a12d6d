"""Returns and advantages: linearity, long arrays, rewards that are not finite, bad input.

The oracles: sums written out, the recursion as a plain loop, counting, and exact fractions.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_edu.returns import discounted_returns, gae, nstep_return
from tests.helpers import returns_by_definition, steps_of_episodes

# The sums


@given(steps_of_episodes(max_length=15), st.integers(-5, 5))
def test_returns_are_linear_in_the_rewards(steps, factor):
    """G(c r) = c G(r)."""
    rew, end, _ = zip(*steps, strict=True)
    scaled = discounted_returns(factor * np.array(rew), end, 0.5)
    np.testing.assert_allclose(scaled, factor * discounted_returns(rew, end, 0.5), rtol=1e-14)


@given(steps_of_episodes(max_length=15))
def test_the_returns_of_a_sum_are_the_sum_of_the_returns(steps):
    """G(r + q) = G(r) + G(q), exact for integers and γ = 1/2."""
    rew, end, more = (np.array(column) for column in zip(*steps, strict=True))
    apart = discounted_returns(rew, end, 0.5) + discounted_returns(more, end, 0.5)
    np.testing.assert_array_equal(discounted_returns(rew + more, end, 0.5), apart)


@given(steps_of_episodes(max_length=15))
def test_a_bootstrap_value_is_read_only_where_an_episode_ends(steps):
    """The value of a state in the middle of an episode is not needed; it may be NaN."""
    rew, end, bootstrap = (np.array(column) for column in zip(*steps, strict=True))
    unread = np.where(end, bootstrap, np.nan)
    expected = returns_by_definition(rew, end, 0.5, bootstrap)
    np.testing.assert_array_equal(discounted_returns(rew, end, 0.5, unread), expected)


def test_an_integer_bootstrap_value_is_discounted_and_not_rounded_down():
    """r = 0, γ = 1/2, V = 1: G = 1/2."""
    returns = discounted_returns(np.array([0]), [True], 0.5, np.array([1]))
    np.testing.assert_array_equal(returns, [0.5])


def test_no_rewards_have_no_returns():
    assert discounted_returns([], np.zeros(0, bool), 0.9).shape == (0,)


def test_rewards_and_ends_of_different_lengths_are_an_error():
    with pytest.raises(ValueError, match=r"rew has shape \(3,\) and end has shape \(2,\)"):
        discounted_returns([1, 2, 3], [False, True], 0.9)


# Long arrays, which the package does not compute step by step


@pytest.mark.parametrize("length", [1, 2, 499, 500, 501, 4097, 10_007, 40_000])
@pytest.mark.parametrize("gamma", [0.0, 0.9, 0.999, 1.0])
def test_long_arrays_agree_with_the_backward_recursion(length, gamma):
    """Gₜ = rₜ + γ Gₜ₊₁, with an error of at most 1e-12 Σ γᵏ |r|, however long the array is."""
    rng = np.random.default_rng(length)
    rew = rng.normal(size=length)
    end = rng.random(length) < 0.02
    expected = np.empty(length)
    scale = np.empty(length)
    next_return = 0.0
    next_scale = 0.0
    for t in reversed(range(length)):
        discount = 0.0 if end[t] else gamma
        next_return = rew[t] + discount * next_return
        next_scale = abs(rew[t]) + discount * next_scale
        expected[t] = next_return
        scale[t] = next_scale
    error = np.abs(discounted_returns(rew, end, gamma) - expected)
    assert (error <= 1e-12 * np.maximum(1.0, scale)).all()


@pytest.mark.parametrize("episode", [1, 7, 60, 1000])
def test_undiscounted_rewards_of_one_count_the_steps_that_are_left(episode):
    """γ = 1 and rₜ = 1: Gₜ is the number of steps to the end, for arrays of every length."""
    for length in (*range(1, 601), 1000, 1023, 1024, 1025, 4096, 10_000, 10_007, 40_961):
        t = np.arange(length)
        left = np.minimum(episode - t % episode, length - t)
        found = discounted_returns(np.ones(length), t % episode == episode - 1, 1.0)
        np.testing.assert_array_equal(found, left)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("length", [10, 1000])
def test_a_reward_that_is_not_finite_stays_in_its_episode(bad, length):
    """0 * NaN is NaN, yet the episode before it keeps its returns."""
    rew = np.ones(length)
    rew[5] = bad
    end = np.zeros(length, bool)
    end[3] = True
    returns = discounted_returns(rew, end, 1.0)
    np.testing.assert_array_equal(returns[:4], [4, 3, 2, 1])
    assert not np.isfinite(returns[4:6]).any()
    np.testing.assert_array_equal(returns[6:], np.arange(length - 6, 0, -1))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_reward_that_is_not_finite_stays_in_its_episode_wherever_it_is(bad):
    """81,925 steps, with the bad reward at both ends, near powers of two and in random places."""
    steps = 81_925
    end = np.arange(steps) % 10 == 3
    clean = discounted_returns(np.ones(steps), end, 0.9)
    near_middle = [40_959, 40_960, 40_961, 40_964, 40_965, 40_966, 65_535, 65_536]
    places = [4, steps - 1, *near_middle, *np.random.default_rng(0).integers(4, steps, 8)]
    for t in places:
        rew = np.ones(steps)
        rew[t] = bad
        begin = np.flatnonzero(end[:t])[-1] + 1
        found = discounted_returns(rew, end, 0.9)
        assert not np.isfinite(found[begin : t + 1]).any()
        others = np.delete(np.arange(steps), np.arange(begin, t + 1))
        np.testing.assert_allclose(found[others], clean[others], rtol=1e-15)


@pytest.mark.parametrize("second", [20, 21, 30, 50, 400])
def test_an_overflow_stays_in_its_episode(second):
    """Two rewards of 1.7e308 have an infinite sum; the episode before them is not affected."""
    rew = np.ones(1000)
    rew[[10, second]] = 1.7e308
    end = np.zeros(1000, bool)
    end[3] = True
    returns = discounted_returns(rew, end, 1.0)
    np.testing.assert_array_equal(returns[:4], [4, 3, 2, 1])
    np.testing.assert_array_equal(returns[4:11], np.inf)


# Advantages and n-step returns


@given(steps_of_episodes(max_length=12), st.sampled_from([0.0, 0.3, 1.0]))
def test_gae_is_the_weighted_sum_of_one_step_errors(steps, gae_lambda):
    """Aₜ = Σₖ (γλ)ᵏ δₜ₊ₖ with δₜ = rₜ + γ V(sₜ₊₁) - V(sₜ) (Schulman 2016, equation 16)."""
    rew, end, value = zip(*steps, strict=True)
    next_value = value[::-1]
    gamma = 0.9
    delta = [r + gamma * w - v for r, v, w in zip(rew, value, next_value, strict=True)]
    expected = returns_by_definition(delta, end, gamma * gae_lambda, [0] * len(rew))
    found = gae(rew, end, value, next_value, gamma, gae_lambda)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@given(steps_of_episodes(max_length=12))
def test_with_lambda_one_all_values_cancel_except_the_one_after_the_end(steps):
    """Aₜ + V(sₜ) = Σ γᵏ rₜ₊ₖ + γᵐ V(s after the end), exact for integers and γ = 1/2."""
    rew, end, value = (np.array(column) for column in zip(*steps, strict=True))
    end[-1] = True
    next_value = np.where(end, 7, np.append(value[1:], 0))
    expected = returns_by_definition(rew, end, 0.5, [7] * len(rew))
    found = gae(rew, end, value, next_value, gamma=0.5, gae_lambda=1.0) + value
    np.testing.assert_array_equal(found, expected)


def test_nstep_returns_stop_at_the_end_of_an_episode():
    """Gₜ = Σ_{k<m} γᵏ rₜ₊ₖ, weight γᵐ, m = min(n, steps to the end)."""
    rew = [1.0, 2.0, 4.0, 8.0, 16.0]
    end = [False, False, True, False, False]

    def next_index(index):
        return np.where(np.isin(index, [2, 4]), index, index + 1)

    total, last, weight = nstep_return(rew, end, np.arange(5), next_index, 0.5, n_step=2)
    np.testing.assert_array_equal(total, [2.0, 4.0, 4.0, 16.0, 24.0])
    np.testing.assert_array_equal(last, [1, 2, 2, 4, 4])
    np.testing.assert_array_equal(weight, [0.25, 0.25, 0.5, 0.25, 0.25])


# Edges: γ = 0 and 1, shapes that would broadcast, arrays of the caller, warnings


@pytest.mark.parametrize("length", [3, 1000])
def test_without_a_future_every_return_is_its_reward_even_before_an_infinite_one(length):
    """γ = 0: Gₜ = rₜ, although 0 * ∞ is NaN."""
    rew = np.arange(float(length))
    rew[2] = np.inf
    np.testing.assert_array_equal(discounted_returns(rew, np.zeros(length, bool), 0.0), rew)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0])
def test_the_bootstrap_value_has_the_weight_of_its_distance(gamma):
    """Gₜ = γᵐ V if all rewards are 0 and the episode ends after m more steps."""
    returns = discounted_returns(np.zeros(3), [False, False, True], gamma, 8.0)
    np.testing.assert_array_equal(returns, [8 * gamma**3, 8 * gamma**2, 8 * gamma])


@pytest.mark.parametrize(
    ("rew", "end"),
    [
        (np.ones((3, 1)), np.zeros(3, bool)),
        (np.ones(3), np.zeros((3, 1), bool)),
        (np.ones((3, 1)), np.zeros((3, 1), bool)),
        (np.ones((1, 3)), np.zeros((1, 3), bool)),
        (1.0, True),
    ],
)
def test_columns_rows_and_single_numbers_are_an_error(rew, end):
    """Rewards [T, 1] must neither broadcast nor be taken for T episodes."""
    with pytest.raises(ValueError, match=r"both must be \[T\]"):
        discounted_returns(rew, end, 0.9)
    with pytest.raises(ValueError, match=r"both must be \[T\]"):
        gae(rew, end, np.zeros(3), np.zeros(3), 0.9, 0.9)
    with pytest.raises(ValueError, match=r"both must be \[T\]"):
        nstep_return(rew, end, np.arange(3), lambda index: index, 0.9, 1)


@pytest.mark.parametrize("length", [5, 1000])
def test_the_arrays_of_the_caller_are_not_written_to(length):
    rew, value, next_value = np.random.default_rng(0).normal(size=(3, length))
    end = np.arange(length) % 3 == 2
    indices = np.arange(length)
    given = [rew, end, value, next_value, indices]
    before = [array.copy() for array in given]
    discounted_returns(rew, end, 0.9, value)
    gae(rew, end, value, next_value, 0.9, 0.9)
    nstep_return(rew, end, indices, lambda i: np.where(end[i], i, (i + 1) % length), 0.9, 3)
    for array, copy in zip(given, before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_values_keep_the_digits_that_float32_would_lose():
    """1 + 1/2 · 1e-9 - 3e-9, for one step."""
    advantage = gae([1.0], [True], [3e-9], [1e-9], 0.5, 0.9)
    np.testing.assert_allclose(advantage - 1, [-2.5e-9], rtol=1e-6)


@pytest.mark.filterwarnings("error")
def test_rewards_that_are_too_large_give_no_warning_from_numpy():
    rew = np.ones(1000)
    rew[[10, 20]] = 1.7e308
    rew[600] = np.inf
    end = np.arange(1000) % 100 == 99
    assert np.isinf(discounted_returns(rew, end, 1.0)).sum() == 11 + 1


def test_nstep_returns_with_a_discount_factor_of_0_see_one_reward():
    """γ = 0: the sum is rₜ, and the target has weight 0."""
    total, _, weight = nstep_return(
        [1.0, 2.0, 4.0], [False] * 3, np.arange(3), lambda i: np.minimum(i + 1, 2), 0.0, 3
    )
    np.testing.assert_array_equal(total, [1.0, 2.0, 4.0])
    np.testing.assert_array_equal(weight, [0.0, 0.0, 0.0])
