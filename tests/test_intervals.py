"""Confidence intervals against printed tables, quadrature and repetition."""

import subprocess
import sys

import numpy as np
import pytest

from pg_edu.intervals import t_interval


@pytest.mark.parametrize(("n", "t"), [(2, 12.706), (5, 2.776), (10, 2.262), (31, 2.042)])
def test_margin_is_the_tabulated_t_times_the_standard_error(n: int, t: float) -> None:
    """x̄ ± t s / √n, with t from the printed tables (two-sided 95%)."""
    values = np.random.default_rng(n).normal(7.0, 3.0, n)
    s = np.sqrt(np.sum((values - values.mean()) ** 2) / (n - 1))
    mean, low, high = t_interval(values)
    assert mean == pytest.approx(values.mean())
    assert high - mean == pytest.approx(t * s / np.sqrt(n), rel=3e-4)
    assert mean - low == pytest.approx(high - mean)


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.99])
def test_confidence_is_the_area_of_the_density_between_the_ends(confidence: float) -> None:
    """∫ f(u) du over [-t, t] = confidence, f the density of t with 3 degrees of freedom."""
    values = [0.0, 0.0, 1.0, 1.0]
    mean, _, high = t_interval(values, confidence)
    standard_error = np.std(values, ddof=1) / 2
    u = np.linspace(0.0, (high - mean) / standard_error, 100_001)
    density = 6 * np.sqrt(3) / (np.pi * (3 + u**2) ** 2)
    area = np.sum((density[1:] + density[:-1]) / 2) * (u[1] - u[0])
    assert 2 * area == pytest.approx(confidence, abs=1e-8)


def test_interval_covers_the_true_mean_as_often_as_it_says() -> None:
    """Over 4000 samples of 5 the 95% interval misses in 5% (standard error 0.34%)."""
    samples = np.random.default_rng(0).normal(2.0, 1.0, (4000, 5))
    covered = [low <= 2.0 <= high for _, low, high in map(t_interval, samples)]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.012)


def test_equal_values_have_an_interval_of_width_zero() -> None:
    assert t_interval([500, 500, 500]) == (500.0, 500.0, 500.0)


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
def test_bad_input_is_named(values: list[float], confidence: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        t_interval(values, confidence)


def test_scipy_is_not_loaded_by_the_import() -> None:
    code = "import sys, pg_edu.intervals; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
