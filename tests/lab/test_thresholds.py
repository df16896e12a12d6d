"""Where the exact lab draws its lines: just above rounding, and for several tests together."""

import numpy as np
import pytest

from pg_edu.lab.exact.estimators import RIGHT, reward_to_go, sum_per_episode
from pg_edu.lab.exact.judge import Judgment, gaussian_expectation, judge
from pg_edu.lab.exact.laws import laws, sampled_laws
from pg_edu.lab.exact.tasks import bandit, stop_or_go

# The judge.


def judgment(truth, bias):
    """Return the judgment of an estimator without variance."""
    truth = np.asarray(truth, float)
    return Judgment(truth, truth + bias, np.zeros((truth.size, truth.size)))


@pytest.mark.parametrize("truth", [[0.0, 0.0], [1e-3, 0.0], [0.6, -0.8]])
@pytest.mark.parametrize(
    ("bias", "unbiased"), [(0.0, True), (5e-13, True), (2e-12, False), (1e-9, False), (1e-7, False)]
)
def test_a_bias_counts_from_1e_minus_12_on(truth, bias, unbiased):
    """|E[g] - truth| < 1e-12, if the truth is not longer than 1."""
    assert judgment(truth, [bias, 0.0]).unbiased is unbiased
    assert judgment(truth, [0.0, -bias]).unbiased is unbiased


@pytest.mark.parametrize(("bias", "unbiased"), [(5e-9, True), (2e-8, False)])
def test_the_allowed_bias_grows_with_a_truth_longer_than_one(bias, unbiased):
    """|E[g] - truth| < 1e-12 · 1e4."""
    assert judgment([1e4, 0.0], [0.0, bias]).unbiased is unbiased


def test_a_bias_of_1e_minus_7_is_seen_in_a_whole_judgment():
    task = bandit([1.0, 0.0, 5.0], [0.5, -0.3, 0.1])

    def slightly_off(batch):
        return (1 + 1e-7) * RIGHT["reward-to-go"](batch)

    assert not judge(slightly_off, task.batches(2), task.gradient()).unbiased
    assert judge(RIGHT["reward-to-go"], task.batches(2), task.gradient()).unbiased


def test_the_signal_of_an_estimator_without_variance_is_infinitely_strong():
    assert judgment([1.0, 0.0], 0.0).snr == np.inf


@pytest.mark.parametrize("missing", [1e-6, -1e-6])
def test_probabilities_whose_sum_is_off_by_a_millionth_raise(missing):
    p, (first, second) = bandit([0, 1]).episodes()
    every = [(float(p[0]), [first]), (float(p[1]) + missing, [second])]
    with pytest.raises(ValueError, match="the probabilities of the batches sum to"):
        judge(lambda batch: np.zeros(1), every, np.zeros(1))


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_infinite_estimates_raise_like_nan(bad):
    with pytest.raises(ValueError, match="must give finite numbers"):
        judge(lambda batch: np.full((1, 2), bad), bandit([0, 1]).batches(1), np.zeros((1, 2)))


@pytest.mark.parametrize(("mean", "std"), [(20.0, 0.5), (-300.0, 1.0), (0.0, 1e-3)])
def test_a_gaussian_far_from_0_has_its_moments_too(mean, std):
    """E[x] = mean and E[(x - mean)²] = std²."""
    assert gaussian_expectation(lambda x: x, mean, std) == pytest.approx(mean, rel=1e-13)
    found = gaussian_expectation(lambda x: (x - mean) ** 2, mean, std)
    assert found == pytest.approx(std**2, rel=1e-10)


# The laws.


def off_by(epsilon):
    """Return an estimator that breaks the law of shift by epsilon, relative to |g|."""

    def estimator(batch):
        right = sum_per_episode(batch, reward_to_go(batch))
        return right * (1 + epsilon * batch[0].rew.sum())

    return estimator


@pytest.mark.parametrize(("epsilon", "holds"), [(1e-9, True), (1e-4, False)])
def test_by_default_the_laws_see_more_than_a_millionth(epsilon, holds):
    assert laws(off_by(epsilon), sizes=(1, 2))["scale"].holds is holds


def test_the_tolerance_of_the_laws_can_be_raised_and_lowered():
    found = laws(off_by(1e-4), sizes=(1, 2))["scale"].size
    assert 1e-5 < found < 1e-3
    for tolerance, holds in ((found, True), (float(np.nextafter(found, 0.0)), False)):
        report = laws(off_by(1e-4), sizes=(1, 2), tolerance=tolerance)
        assert report["scale"].holds is holds


def test_the_error_rate_is_that_of_all_tests_of_a_report_together():
    """Steps that are pure noise obey all laws; three tests accuse at most 30% of the reports.

    Each of the tests alone would do so, and without a correction at least one of them in 66%.
    """
    rng = np.random.default_rng(0)
    task = stop_or_go()
    episodes = task.sample(4, rng)
    reports = [
        sampled_laws(
            lambda batch: rng.normal(size=2),
            lambda n: (episodes * 4)[:n],
            sizes=(1, 2),
            replications=20,
            error_rate=0.3,
        )
        for _ in range(300)
    ]
    accused = sum(report.broken != () for report in reports)
    assert accused < 300 * 0.3 + 3 * np.sqrt(300 * 0.3 * 0.7)
    assert accused > 300 * 0.15
