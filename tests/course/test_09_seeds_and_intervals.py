"""Seeds and intervals, in the order of the notebook.

The functions that the notebook defines come from its source. The oracles: Gymnasium and autograd,
enumeration in exact fractions, quadrature, closed forms, and the noncentral t of scipy.
"""

import ast
from fractions import Fraction
from itertools import combinations, product
from math import erf, pi, sqrt
from typing import Any

import build
import gymnasium as gym
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import nctdtr, stdtrit
from scipy.stats import bootstrap, chi, mannwhitneyu, ttest_ind

from pg_edu.course.records import record
from pg_edu.runs.intervals import bootstrap_interval, interquartile_mean

SOURCES = build.sources(["09"])
WANTED = ("push", "collect", "t_ends", "bootstrap_ends", "bars", "separated", "differ")
DEEPER = ("welch_differ", "holm", "resampled", "profile", "improvement")


def functions(source, wanted):
    """Return the functions of a page, by name, without running the rest of its cells."""
    names: dict[str, Any] = {"np": np, "stdtrit": stdtrit}
    for cell in build.read(source).cells:
        if cell.cell_type == "code" and "%pip" not in cell.source:
            kept: list[ast.stmt] = [
                node
                for node in ast.parse(cell.source).body
                if isinstance(node, ast.FunctionDef) and node.name in wanted
            ]
            exec(compile(ast.Module(kept, []), source.name, "exec"), names)
    assert set(wanted) <= set(names)
    return names


@pytest.fixture(scope="module")
def notebook():
    """Return the functions of the core page, by name."""
    return functions(SOURCES[0], WANTED)


@pytest.fixture(scope="module")
def deeper():
    """Return the functions of the deeper page, by name."""
    return functions(SOURCES[1], DEEPER)


def normal_cdf(x):
    return (1 + np.vectorize(erf)(np.asarray(x) / sqrt(2))) / 2


# Two hundred carts


def test_collect_simulates_the_cart_pole_of_gymnasium_and_sums_the_gradient_of_reinforce(notebook):
    """g = 1/N Σ_episodes Σₜ ∇log π(aₜ|sₜ) (T - t), by autograd along episodes of Gymnasium.

    Both use the random numbers in the same order: all starts first, then one per step.
    """
    theta = np.random.default_rng(1).normal(size=(2, 3, 4))
    points, found = notebook["collect"](theta, np.random.default_rng(5), episodes=2)
    slow = [slow_collect(theta[m, s], s, 3, 2) for m in range(2) for s in range(3)]
    lengths = [length for length, _ in slow]
    expected = [gradient for _, gradient in slow]
    np.testing.assert_array_equal(points.reshape(6, 2), lengths)
    np.testing.assert_allclose(found.reshape(6, 4), expected, rtol=1e-9)


def slow_collect(theta, seed, seeds, episodes):
    """Return the lengths of the episodes of one agent and its gradient, by autograd."""
    rng = np.random.default_rng(5)
    starts = rng.uniform(-0.05, 0.05, (4, 1, seeds, episodes))[:, 0, seed]
    luck = rng.random((500, seeds, episodes))[:, seed, :]
    weights = torch.tensor(theta, requires_grad=True)
    total = torch.zeros(())
    lengths = []
    for episode in range(episodes):
        env: Any = gym.make("CartPole-v1").unwrapped
        env.reset()
        env.state = starts[:, episode]
        log_probs: list[torch.Tensor] = []
        over = False
        while not over and len(log_probs) < 500:
            logit = weights @ torch.tensor(np.array(env.state, np.float64))
            right = luck[len(log_probs), episode] < torch.sigmoid(logit).item()
            log_probs.append(torch.nn.functional.logsigmoid(logit if right else -logit))
            _, _, over, _, _ = env.step(int(right))
        T = len(log_probs)
        total = total + sum(log_prob * (T - t) for t, log_prob in enumerate(log_probs)) / episodes
        lengths.append(T)
    total.backward()
    assert weights.grad is not None
    return lengths, weights.grad.numpy()


# Which number do you mean?


def test_the_iqm_of_three_results_estimates_the_mean_and_not_the_iqm_of_the_distribution():
    """E[IQM₃] is the mean, over all 8³ draws from eight results."""
    law = [10, 10, 300, 480, 500, 500, 500, 500]
    draws = np.array(list(product(law, repeat=3)))
    assert interquartile_mean(draws).mean() == pytest.approx(np.mean(law))
    assert interquartile_mean(law) == 445 > np.mean(law) + 90


# The 75% theorem


def means_of_all_resamples(values):
    return sorted(Fraction(sum(draw), len(draw)) for draw in product(values, repeat=len(values)))


def quantile(ordered, p):
    """Return the smallest value v with P(mean ≤ v) ≥ p."""
    return next(v for i, v in enumerate(ordered, start=1) if Fraction(i, len(ordered)) >= p)


three_values = st.lists(st.integers(-1000, 1000), min_size=3, max_size=3)


@given(three_values)
def test_the_95_percent_bootstrap_interval_of_three_results_is_min_to_max(values):
    """The 2.5% and the 97.5% quantile of 27 equally likely means, in exact fractions."""
    ordered = means_of_all_resamples(values)
    ends = quantile(ordered, Fraction(25, 1000)), quantile(ordered, Fraction(975, 1000))
    assert ends == (min(values), max(values))


@pytest.mark.parametrize(("percent", "everything"), [(92, False), (93, True), (99, True)])
def test_the_bootstrap_interval_of_three_results_is_min_to_max_from_93_percent_on(
    percent, everything
):
    """Nothing is cut off if (1 - confidence) / 2 < 1/27, that is, above a confidence of 0.926."""
    ordered, tail = means_of_all_resamples([0, 1, 3]), Fraction(100 - percent, 200)
    assert ((quantile(ordered, tail), quantile(ordered, 1 - tail)) == (0, 3)) == everything


def coverage_of_min_to_max(law, n):
    """Return P(min ≤ μ ≤ max) over all ordered draws of n from equally likely values."""
    mean, draws = Fraction(sum(law), len(law)), list(product(law, repeat=n))
    return Fraction(sum(min(draw) <= mean <= max(draw) for draw in draws), len(draws))


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=7))
def test_min_to_max_of_three_covers_the_mean_with_probability_three_f_times_one_minus_f(law):
    """3F(1 - F) ≤ 3/4 with F = P(X < μ), unless a value equals μ; by enumeration."""
    mean = Fraction(sum(law), len(law))
    if mean not in law:
        F = Fraction(sum(value < mean for value in law), len(law))
        assert coverage_of_min_to_max(law, 3) == 3 * F * (1 - F) <= Fraction(3, 4)


def test_the_theorem_excludes_results_that_equal_the_mean():
    """For -1, 0, 0, 0, 1 the mean 0 is drawn with probability 3/5; 1 - 2/125 is more than 3/4."""
    assert coverage_of_min_to_max([-1, 0, 0, 0, 1], 3) == 1 - Fraction(2, 125)


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=7))
def test_min_to_max_of_two_covers_the_mean_with_probability_one_half_at_most(law):
    """As 1/4 > 0.025, nothing is cut off; 2F(1 - F) ≤ 1/2, with equality at F = 1/2."""
    mean = Fraction(sum(law), len(law))
    if mean not in law:
        F = Fraction(sum(value < mean for value in law), len(law))
        assert coverage_of_min_to_max(law, 2) == 2 * F * (1 - F) <= Fraction(1, 2)
    assert coverage_of_min_to_max([0, 1], 2) == Fraction(1, 2)
    assert quantile(means_of_all_resamples([0, 1]), Fraction(25, 1000)) == 0


def test_interpolation_by_numpy_between_the_27_means_gives_a_narrower_interval():
    """0.025 · 26 = 0.65 of the way from the smallest mean to the next, (2 min + mid) / 3."""
    means = [float(mean) for mean in means_of_all_resamples([10, 490, 500])]
    low, high = np.quantile(means, [0.025, 0.975])
    assert low == pytest.approx(10 + 0.65 * (170 - 10))
    assert high == pytest.approx(500 - 0.65 * (500 - 1490 / 3))


@pytest.mark.parametrize("seed", range(20))
def test_the_bca_interval_of_three_results_stays_within_min_and_max(seed):
    values = np.random.default_rng(seed).lognormal(size=3)
    low, high = bootstrap(
        (values,), np.mean, n_resamples=999, random_state=np.random.default_rng(0)
    ).confidence_interval
    assert values.min() <= low + 1e-12 and high - 1e-12 <= values.max()


# Coverage


@given(three_values)
def test_the_t_interval_of_three_results_contains_min_and_max(values):
    """t s / √3 ≥ range, since s ≥ range / 2: it reaches beyond both ends from any mean."""
    mean = Fraction(sum(values), 3)
    variance = sum((value - mean) ** 2 for value in values) / 2
    spread = max(values) - min(values)
    assert variance >= Fraction(spread**2, 4)
    assert stdtrit(2, 0.975) ** 2 / 3 > 4


def test_the_bootstrap_of_the_notebook_agrees_with_that_of_the_package(notebook):
    labs = np.random.default_rng(0).normal(size=(4, 6))
    low, high = notebook["bootstrap_ends"](labs, resamples=999)
    for i, lab in enumerate(labs):
        expected = bootstrap_interval(lab, resamples=999, seed=2)
        assert (low[i], high[i]) == pytest.approx(expected[1:])


def test_the_suspicious_interval_covers_the_mean_for_75_percent_of_gaussian_triples():
    """P(|T₂| ≤ c) = c / √(2 + c²) with c = 1.96 √(2/3), as the wrong divisor shrinks s by √(2/3).

    The closed form is compared with ∫ (2 + u²)^{-3/2} du, the density of t with 2 degrees.
    """
    c = 1.96 * sqrt(2 / 3)
    u = np.linspace(-c, c, 100_001)
    assert np.trapezoid((2 + u**2) ** -1.5, u) == pytest.approx(c / sqrt(2 + c**2), abs=1e-9)
    assert c / sqrt(2 + c**2) == pytest.approx(0.749, abs=5e-4)


# A against A


def separated_exactly(factor, n):
    """Return P(|x̄ - ȳ| > c (s + r)) for two Gaussian samples of n, by quadrature over s and r."""
    edges = np.linspace(0, 4, 801)
    s = (edges[1:] + edges[:-1]) / 2
    weight = np.diff(chi.cdf(edges * sqrt(n - 1), n - 1))
    apart = 2 * (1 - normal_cdf(factor * (s[:, None] + s) / sqrt(2 / n)))
    return weight @ apart @ weight


@pytest.mark.parametrize(("n", "error", "deviation"), [(3, 25, 8), (5, 21, 2), (10, 18, 0)])
def test_identical_gaussian_methods_look_separated_as_often_as_the_notebook_claims(
    n, error, deviation
):
    assert round(100 * separated_exactly(1 / sqrt(n), n)) == error
    assert round(100 * separated_exactly(1.0, n)) == deviation
    assert separated_exactly(stdtrit(n - 1, 0.975) / sqrt(n), n) < 0.01


@pytest.mark.parametrize("kind", ["standard error", "deviation", "t"])
def test_the_count_of_separated_labs_in_the_notebook_agrees_with_quadrature(notebook, kind):
    """The count over 20,000 pairs of labs with 5 seeds agrees to 4 standard errors."""
    one, other = np.random.default_rng(0).normal(size=(2, 20_000, 5))
    counted = notebook["separated"](notebook["bars"](one)[kind], notebook["bars"](other)[kind])
    factor = {"standard error": 5**-0.5, "deviation": 1.0, "t": stdtrit(4, 0.975) * 5**-0.5}[kind]
    exact = separated_exactly(factor, 5)
    assert abs(counted - exact) < 4 * sqrt(exact * (1 - exact) / 20_000)


def test_with_many_seeds_bars_of_one_standard_error_are_separated_in_16_percent():
    """The probability is 2 (1 - Φ(√2)) = 0.157."""
    assert 2 * (1 - normal_cdf(sqrt(2))) == pytest.approx(0.157, abs=5e-4)
    assert separated_exactly(1 / sqrt(1000), 1000) == pytest.approx(0.157, abs=1e-3)


def test_bootstrap_bars_of_three_are_separated_in_2_of_the_20_orders():
    apart = 0
    for one in combinations(range(6), 3):
        other = sorted(set(range(6)) - set(one))
        a, b = bootstrap_interval(one), bootstrap_interval(other)
        apart += a.high < b.low or b.high < a.low
    assert apart == 2


# The best of k


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_the_expected_best_of_k_is_the_mean_over_all_draws(k):
    returns = [500, 10, 490, 500, 77]
    every = [max(draw) for draw in product(returns, repeat=k)]
    assert record("09.4").key(np.array(returns), k) == pytest.approx(np.mean(every))


@pytest.mark.parametrize(("k", "exact"), [(2, 1 / sqrt(pi)), (3, 1.5 / sqrt(pi))])
def test_the_density_of_the_maximum_gives_the_known_means(k, exact):
    """∫ x k φ Φᵏ⁻¹ dx is 1/√π for two Gaussians and 3/(2√π) for three."""
    u = np.linspace(-10, 10, 20_001)
    density = k * np.exp(-(u**2) / 2) / sqrt(2 * pi) * normal_cdf(u) ** (k - 1)
    assert np.trapezoid(u * density, u) == pytest.approx(exact, abs=1e-9)


# How many seeds?


def exact_power(n, delta):
    """Return the power of the two-sided t test with 2n - 2 degrees, by the noncentral t."""
    degrees, shift = 2 * n - 2, delta * sqrt(n / 2)
    bound = stdtrit(degrees, 0.975)
    return 1 - nctdtr(degrees, shift, bound) + nctdtr(degrees, shift, -bound)


@pytest.mark.parametrize(("n", "delta"), [(16, 1.0), (63, 0.5), (4, 2.0), (3, 1.0), (3, 2.3)])
def test_the_test_of_the_notebook_has_the_power_of_the_noncentral_t(notebook, n, delta):
    x, y = np.random.default_rng(0).normal(size=(2, 20_000, n))
    exact = exact_power(n, delta)
    counted = notebook["differ"](x + delta, y).mean()
    assert abs(counted - exact) < 4 * sqrt(exact * (1 - exact) / 20_000)


def test_sixteen_times_sigma_over_delta_squared_seeds_give_a_power_near_80_percent():
    """2 (1.960 + 0.842)² = 15.7. For small n the power is lower: 65% for 4 seeds and 2σ."""
    assert normal_cdf([1.959964, 0.841621]) == pytest.approx([0.975, 0.8])
    assert round(2 * (1.959964 + 0.841621) ** 2, 1) == 15.7
    assert exact_power(63, 0.5) == pytest.approx(0.8, abs=0.01)
    assert exact_power(16, 1.0) == pytest.approx(0.78, abs=0.01)
    assert exact_power(4, 2.0) == pytest.approx(0.65, abs=0.02)
    assert exact_power(3, 1.0) < 0.25 and exact_power(3, 2.3) < 0.7


@pytest.mark.parametrize("power", [0.6, 0.8, 0.95])
def test_the_seeds_of_exercise_7_are_the_fewest_that_reach_the_power(power):
    """Φ(Δ √n / √(σ_x² + σ_y²) - 1.96) reaches the power at n, and not at n - 1."""
    n = record("09.7").key(3.0, 5.0, 1.3, power)
    reached = normal_cdf(1.3 * np.sqrt([n - 1, n]) / sqrt(34) - 1.959964)
    assert reached[0] < power <= reached[1]


# Deeper


def test_bars_of_exercise_5_are_apart_in_5_percent_of_identical_methods():
    """P(|x̄ - ȳ| > 2c standard errors) = 2 (1 - Φ(√2 c)); with c = 1.96 it is 0.6%."""
    assert 2 * (1 - normal_cdf(sqrt(2) * record("09.5").key)) == pytest.approx(0.05, abs=1e-4)
    assert 2 * (1 - normal_cdf(sqrt(2) * 1.96)) == pytest.approx(0.006, abs=5e-4)
    assert separated_exactly(record("09.5").key / sqrt(1000), 1000) == pytest.approx(0.05, abs=2e-3)


def test_welchs_test_of_the_page_is_that_of_scipy(deeper):
    rng = np.random.default_rng(0)
    x, y = 3 * rng.normal(size=(500, 4)), rng.normal(size=(500, 9)) + 1
    p = ttest_ind(x, y, axis=1, equal_var=False).pvalue
    np.testing.assert_array_equal(deeper["welch_differ"](x, y), p < 0.05)


def slow_holm(p, level):
    """Return which hypotheses Holm's procedure rejects, one after the other."""
    rejected = [False] * len(p)
    for step, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        if p[i] > level / (len(p) - step):
            break
        rejected[i] = True
    return rejected


def test_holm_of_the_page_rejects_one_hypothesis_after_the_other(deeper):
    p = np.random.default_rng(0).uniform(0, 0.06, size=(5, 300))
    expected = [slow_holm(paper, 0.05) for paper in p.T]
    np.testing.assert_array_equal(deeper["holm"](p).T, expected)


def test_the_stratified_bootstrap_draws_from_each_task_alone(deeper):
    """Task j holds 10 j + {0, 1, 2}; the variance of its resampled mean is (2/3) / 3."""
    x = np.arange(3.0)[:, None] + 10 * np.arange(4)
    drawn = deeper["resampled"](x, np.random.default_rng(0), resamples=20_000)
    assert (drawn // 10 == np.arange(4)).all()
    assert drawn.mean(axis=1).var(axis=0) == pytest.approx([2 / 9] * 4, rel=0.05)


def test_with_three_runs_of_very_many_tasks_the_stratified_bootstrap_covers_in_89_percent():
    """The variance of resampled means is (n - 1)/n of the right one: 2Φ(1.96 √(2/3)) - 1."""
    assert 2 * normal_cdf(1.959964 * sqrt(2 / 3)) - 1 == pytest.approx(0.89, abs=1e-3)
    assert 2 * normal_cdf(1.959964 * sqrt(4 / 5)) - 1 == pytest.approx(0.92, abs=1e-3)


def test_the_area_below_a_profile_is_the_mean(deeper):
    """On a fine grid: the page's has a hundredth as its step."""
    deeper["grid"] = np.linspace(0, 2, 20_001)
    x = np.random.default_rng(0).uniform(0, 1.7, (5, 3))
    assert np.trapezoid(deeper["profile"](x), deeper["grid"]) == pytest.approx(x.mean(), abs=1e-4)


def test_the_probability_of_improvement_is_the_statistic_of_mann_and_whitney(deeper):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 6, 9), rng.integers(0, 6, 7)  # with ties
    expected = mannwhitneyu(x, y).statistic / 63
    assert deeper["improvement"](x, y) == pytest.approx(expected)


def test_identical_settings_differ_by_the_expected_best_of_gaussians():
    """Eight settings with three seeds each: 1.424 / √3 = 0.82 standard deviations."""
    u = np.linspace(-10, 10, 20_001)
    density = 8 * np.exp(-(u**2) / 2) / sqrt(2 * pi) * normal_cdf(u) ** 7
    assert np.trapezoid(u * density, u) / sqrt(3) == pytest.approx(0.82, abs=5e-3)
