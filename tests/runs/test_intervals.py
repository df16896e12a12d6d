"""Intervals compared with printed tables, quadrature, enumeration and repetition."""

import subprocess
import sys
import warnings
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_edu.runs.intervals import bootstrap_interval, interquartile_mean, t_interval


def all_resamples(values):
    """Return the nⁿ equally likely samples of the bootstrap, [nⁿ, n]."""
    return np.array(list(product(values, repeat=len(values))))


@pytest.mark.parametrize(("n", "t"), [(2, 12.706), (5, 2.776), (10, 2.262), (31, 2.042)])
def test_the_margin_is_the_tabulated_t_times_the_standard_error(n: int, t: float) -> None:
    """x̄ ± t s / √n, with t from the printed tables (two-sided 95%)."""
    values = np.random.default_rng(n).normal(7.0, 3.0, n)
    s = np.sqrt(np.sum((values - values.mean()) ** 2) / (n - 1))
    mean, low, high = t_interval(values)
    assert mean == pytest.approx(values.mean())
    assert high - mean == pytest.approx(t * s / np.sqrt(n), rel=3e-4)
    assert mean - low == pytest.approx(high - mean)


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.99])
def test_the_confidence_is_the_area_under_the_density_between_the_ends(confidence: float) -> None:
    """∫ f(u) du over [-t, t] = confidence, f the density of t with 3 degrees of freedom."""
    values = [0.0, 0.0, 1.0, 1.0]
    mean, _, high = t_interval(values, confidence)
    standard_error = np.std(values, ddof=1) / 2
    u = np.linspace(0.0, (high - mean) / standard_error, 100_001)
    density = 6 * np.sqrt(3) / (np.pi * (3 + u**2) ** 2)
    area = np.sum((density[1:] + density[:-1]) / 2) * (u[1] - u[0])
    assert 2 * area == pytest.approx(confidence, abs=1e-8)


def test_the_interval_covers_the_true_mean_as_often_as_it_says() -> None:
    """The 95% interval misses in 5% of 4000 samples of size 5 (standard error 0.34%)."""
    samples = np.random.default_rng(0).normal(2.0, 1.0, (4000, 5))
    covered = [low <= 2.0 <= high for _, low, high in map(t_interval, samples)]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.012)


@pytest.mark.parametrize("interval", [t_interval, bootstrap_interval])
def test_equal_values_have_an_interval_of_width_zero(interval) -> None:
    assert interval([500, 500, 500]) == (500.0, 500.0, 500.0)


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=25))
def test_the_iqm_is_the_mean_of_the_values_between_the_outer_quarters(values) -> None:
    """Drop ⌊n/4⌋ minima, then ⌊n/4⌋ maxima, one by one; average the rest in exact fractions."""
    rest = list(values)
    for _ in range(len(values) // 4):
        rest.remove(min(rest))
        rest.remove(max(rest))
    expected = Fraction(sum(rest), len(rest))
    assert interquartile_mean(values) == pytest.approx(float(expected), rel=1e-13, abs=1e-13)


def test_from_four_values_on_one_outlier_does_not_change_the_iqm() -> None:
    assert interquartile_mean([-1e9, 3, 4, 5]) == interquartile_mean([2, 3, 4, 5]) == 3.5


def test_the_iqm_summarizes_along_an_axis() -> None:
    values = np.random.default_rng(0).normal(size=(3, 8, 5))
    found = interquartile_mean(values, axis=1)
    expected = [[interquartile_mean(values[i, :, j]) for j in range(5)] for i in range(3)]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("statistic", [np.mean, interquartile_mean])
@pytest.mark.parametrize("seed", range(5))
def test_with_three_values_the_95_percent_bootstrap_interval_is_from_min_to_max(
    statistic, seed
) -> None:
    """The least of the 27 means has probability 1/27 > 0.025, and so has the largest."""
    values = np.random.default_rng(seed).lognormal(size=3)
    _, low, high = bootstrap_interval(values, statistic, seed=seed)
    assert (low, high) == pytest.approx((values.min(), values.max()), rel=1e-15)


@pytest.mark.parametrize("statistic", [np.mean, interquartile_mean, np.median])
@pytest.mark.parametrize(("n", "confidence"), [(4, 0.95), (5, 0.95), (5, 0.5), (6, 0.8)])
def test_the_ends_of_the_bootstrap_interval_are_quantiles_over_all_resamples(
    statistic, n, confidence
) -> None:
    """P(θ* < end) ≤ p ≤ P(θ* ≤ end), by enumeration, within 4 standard errors of 9999 resamples.

    The tiny shift lets equal values count as equal in whatever order they were added up.
    """
    values = np.random.default_rng(n).exponential(size=n)
    every = statistic(all_resamples(values), axis=-1)
    _, *ends = bootstrap_interval(values, statistic, confidence)
    for end, p in zip(ends, ((1 - confidence) / 2, (1 + confidence) / 2), strict=True):
        error = 4 * np.sqrt(p * (1 - p) / 9999)
        assert np.mean(every < end - 1e-9) <= p + error
        assert np.mean(every <= end + 1e-9) >= p - error


def test_the_bootstrap_estimate_is_the_statistic_of_the_values_themselves() -> None:
    assert bootstrap_interval([1.0, 2.0, 6.0]).estimate == 3.0
    assert bootstrap_interval([1.0, 2.0, 6.0], np.median).estimate == 2.0


def test_the_bootstrap_interval_is_the_percentile_one_not_scipys_default() -> None:
    """BCa of 1, 2, 9 does not begin at the minimum: its lower end is the mean of 1, 1 and 2."""
    from scipy.stats import bootstrap

    bca = bootstrap(([1.0, 2.0, 9.0],), np.mean, random_state=np.random.default_rng(0))
    assert bca.confidence_interval.low == pytest.approx(4 / 3)
    assert bootstrap_interval([1.0, 2.0, 9.0]).low == 1.0


@pytest.mark.parametrize("statistic", [np.mean, np.median, interquartile_mean])
@pytest.mark.parametrize("resamples", [1, 999, 60_000])
def test_the_bootstrap_interval_is_scipys_with_the_method_percentile(statistic, resamples) -> None:
    """The same draws from the same seed, in one batch or in several."""
    from scipy.stats import bootstrap

    x = np.random.default_rng(0).normal(size=20)
    keywords = {"method": "percentile", "confidence_level": 0.9, "batch": 1_000_000 // 20}
    keywords |= {"n_resamples": resamples, "random_state": np.random.default_rng(3)}
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # scipy's standard error of one resample
        theirs = bootstrap((x,), statistic, **keywords).confidence_interval
    ours = bootstrap_interval(x, statistic, 0.9, resamples, seed=3)
    assert ours[1:] == pytest.approx((theirs.low, theirs.high), rel=1e-12)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("n", [1, 3, 4, 11])
def test_the_iqm_is_scipys_trimmed_mean_along_any_axis(n: int, axis: int) -> None:
    from scipy.stats import trim_mean

    x = np.random.default_rng(n).normal(size=(n, n, n))
    assert interquartile_mean(x, axis) == pytest.approx(trim_mean(x, 0.25, axis=axis), rel=1e-12)


def test_only_the_same_seed_gives_the_same_bootstrap_interval() -> None:
    values = np.random.default_rng(0).normal(size=12)
    once, again, other = (bootstrap_interval(values, seed=seed) for seed in (1, 1, 2))
    assert once == again != other


def test_the_bootstrap_of_many_values_does_not_hold_all_resamples_at_once() -> None:
    """2000 resamples of 3000 values take 48 MB, and so do their indices; a batch takes 8 MB."""
    import tracemalloc

    tracemalloc.start()
    bootstrap_interval(np.arange(3000.0), resamples=2000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6


@pytest.mark.parametrize("interval", [t_interval, bootstrap_interval])
@pytest.mark.parametrize(
    ("values", "confidence", "message"),
    [
        ([], 0.95, r"values must be \[n\] with n >= 2, got shape \[0\]"),
        ([1.0], 0.95, r"got shape \[1\]"),
        ([[1.0, 2.0]], 0.95, r"got shape \[1, 2\]"),
        ([1.0, np.nan], 0.95, "values must be finite, got nan"),
        ([1.0, np.inf], 0.95, "values must be finite, got inf"),
        ([1.0, 2.0], 95, "confidence must be between 0 and 1, got 95"),
        ([1.0, 2.0], np.nan, "confidence must be between 0 and 1, got nan"),
    ],
)
def test_an_interval_names_bad_input(interval, values, confidence, message) -> None:
    with pytest.raises(ValueError, match=message):
        interval(values, confidence=confidence)


@pytest.mark.parametrize(
    ("values", "message"),
    [([], r"got shape \[0\]"), (3.0, r"got shape \[\]"), ([1.0, np.nan], "finite, got nan")],
)
def test_the_iqm_refuses_what_it_cannot_summarize(values, message) -> None:
    with pytest.raises(ValueError, match=message):
        interquartile_mean(values)


def test_the_bootstrap_needs_at_least_one_resample() -> None:
    with pytest.raises(ValueError, match="resamples must be at least 1, got 0"):
        bootstrap_interval([1.0, 2.0], resamples=0)


def test_importing_the_module_does_not_import_scipy() -> None:
    code = "import sys, pg_edu.runs.intervals; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
