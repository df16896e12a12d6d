"""Where the exact lab draws its lines: just above rounding, and for several tests together."""

import numpy as np
import pytest
from scipy import stats

from pg_edu.lab.exact.estimators import (
    RIGHT,
    WRONG,
    reward_to_go,
    standardized_per_batch,
    standardized_per_episode,
    sum_per_episode,
)
from pg_edu.lab.exact.judge import Judgment, gaussian_expectation, judge
from pg_edu.lab.exact.laws import (
    _t_test,
    laws,
    sampled_laws,
    with_return_shift,
    with_reward_scale,
)
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


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_an_infinite_estimate_of_a_single_batch_breaks_every_law(bad):
    def infinite_once(batch):
        is_first_arm = batch[0].act[0] == 0 and len(batch) == 1
        return np.full((1, 2), bad if is_first_arm else 1.0)

    report = laws(infinite_once, tasks={"coin": bandit([0.0, 1.0])}, sizes=(1, 2))
    assert report.broken == ("shift", "scale", "batch size")
    assert [finding.size for finding in report.findings] == [np.inf] * 3
    assert "the std of one number" in report.meaning


@pytest.mark.parametrize(("power", "size"), [(1, 0.5), (-1, 0.5)])
def test_the_size_of_a_violation_is_relative_to_the_larger_side(power, size):
    """All rewards are 1, and 2 after the shift: 1 against 2, or 1 against 1/2."""
    report = laws(
        lambda batch: np.array([batch[0].rew[0] ** float(power)]),
        tasks={"ones": bandit([1.0, 1.0])},
        sizes=(1, 2),
    )
    assert report["shift"].size == pytest.approx(size, rel=1e-12)


def test_an_estimator_that_breaks_shift_and_scale_is_not_linear_in_the_returns():
    def squared(batch):
        return sum_per_episode(batch, [w**2 for w in reward_to_go(batch)])

    report = laws(squared, sizes=(1, 2))
    assert {"shift", "scale"} <= set(report.broken)
    assert "divided by their own spread" in report.meaning


# The t-test, against scipy's.


def p_value(rows):
    """Return scipy's one-sided p-value of the second half, in the direction of the first half."""
    half = len(rows) // 2
    direction = rows[:half].mean(axis=0)
    along = rows[half:] @ direction / np.linalg.norm(direction)
    return float(stats.ttest_1samp(along, 0.0, alternative="greater").pvalue)


@pytest.mark.parametrize(("replications", "mean"), [(6, 2.0), (7, 2.0), (40, 0.5)])
def test_a_law_is_broken_where_the_p_value_falls_below_the_error_rate(replications, mean):
    """The smaller the sample, the more the degrees of freedom matter."""
    rows = np.random.default_rng(3).normal(mean, 1.0, (replications, 2))
    p = p_value(rows)
    assert 1e-4 < p < 0.4
    assert not _t_test("shift", rows, unit=1.0, error_rate=p * (1 + 1e-6)).holds
    assert _t_test("shift", rows, unit=1.0, error_rate=p * (1 - 1e-6)).holds


def test_a_difference_against_the_direction_of_the_first_half_is_not_accused():
    """The test is one-sided."""
    rows = np.random.default_rng(0).normal(0.0, 0.01, (100, 1)) + 1.0
    rows[50:] -= 2.0
    assert _t_test("shift", rows, unit=1.0, error_rate=0.01).holds


def test_what_counts_as_rounding_is_a_ten_thousandth_of_g_in_each_half():
    small, larger = np.full((50, 1), 5e-5), np.full((50, 1), 2e-4)
    found = _t_test("scale", np.concatenate([small, small]), unit=1.0, error_rate=0.01)
    assert (found.holds, found.where) == (True, "up to rounding in every batch")
    assert _t_test("scale", np.concatenate([larger, small]), unit=1.0, error_rate=0.01).holds
    assert not _t_test("scale", np.concatenate([larger, larger]), unit=1.0, error_rate=0.01).holds
    in_other_units = np.concatenate([larger, larger])
    assert _t_test("scale", in_other_units, unit=10.0, error_rate=0.01).holds


def test_a_law_that_holds_says_which_violation_is_detected_in_nine_of_ten_reports():
    """(t quantile + normal quantile of 0.9) standard errors."""
    rows = np.random.default_rng(1).normal(size=(200, 1))
    along = rows[100:] * np.sign(rows[:100].mean())
    error = along.std(ddof=1) / 10
    expected = 100 * (stats.t.ppf(0.99, 99) + stats.norm.ppf(0.9)) * error
    finding = _t_test("scale", rows, unit=1.0, error_rate=0.01)
    assert finding.holds
    assert float(finding.where.split("%")[0]) == pytest.approx(expected, rel=0.03)


# What `sampled_laws` collects, cuts and changes.


class Rewards:
    """An episode of another library: nothing but rewards."""

    def __init__(self, *rew):
        self.rew = rew


def recorded(sizes, rewards, gamma=1.0):
    """Return the batches and the numbers of episodes that `sampled_laws` asks for."""
    batches, numbers = [], []

    def step(batch):
        batches.append([list(e.rew) for e in batch])
        return np.zeros(1)

    def collect(n):
        numbers.append(n)
        return [Rewards(*rewards)] * n

    sampled_laws(step, collect, sizes=sizes, gamma=gamma, replications=4)
    return batches, numbers


@pytest.mark.parametrize("sizes", [(1, 2, 4), (4, 1, 2), (2, 4, 1, 4)])
def test_the_order_of_sizes_and_a_size_that_comes_twice_do_not_matter(sizes):
    batches, numbers = recorded(sizes, [1.0])
    assert (batches, numbers) == recorded((1, 2, 4), [1.0])
    assert max(numbers[1:]) == 4


def test_parts_that_are_not_full_are_left_out():
    batches, _ = recorded((2, 3), [1.0])
    assert {len(batch) for batch in batches} == {2, 3}


@pytest.mark.parametrize(
    ("rewards", "gamma", "shifted"),
    [
        ([7.0], 1.0, [14.0]),
        ([4.0, 8.0], 0.5, [8.0, 16.0]),
        ([0.0], 1.0, [1.0]),
    ],
)
def test_the_shift_is_as_large_as_a_typical_return(rewards, gamma, shifted):
    """G₀ = 7; G₀ = 4 + 8/2 = 8, so that G₁ = 16 and G₀ = 8 + 16/2; 1 where there is no reward."""
    batches, _ = recorded((1, 2), rewards, gamma)
    assert [shifted] in batches
    assert [[3 * r for r in rewards]] * 2 in batches


def test_a_bias_at_a_size_in_the_middle_breaks_the_law_of_batch_size():
    report = sampled_laws(
        lambda batch: np.array([2.0 if len(batch) == 2 else 1.0]),
        lambda n: [Rewards(1.0)] * n,
        replications=20,
    )
    assert "batch size" in report.broken


def test_collecting_too_many_episodes_raises():
    with pytest.raises(ValueError, match=r"must return 2 episodes, but returned 3"):
        sampled_laws(
            lambda batch: np.zeros(1),
            lambda n: [Rewards(1.0)] * (n if n == 8 else 3),
            sizes=(1, 2),
            replications=4,
        )


# Estimators.


def test_standardized_weights_use_mean_and_standard_deviation_plus_1e_minus_8():
    """(0, 0, 3) has mean 1, not the median 0; (0, 2e-8) has standard deviation 1e-8."""
    (found,) = standardized_per_episode([np.array([0.0, 0.0, 3.0])])
    np.testing.assert_allclose(found, np.array([-1, -1, 2]) / np.sqrt(2), rtol=1e-7)
    (tiny,) = standardized_per_batch([np.array([0.0, 2e-8])])
    np.testing.assert_allclose(tiny, [-0.5, 0.5], rtol=1e-7)


# Arrays that are reused, and arguments at their ends.


def test_an_estimator_may_write_every_estimate_into_the_same_array():
    """torch does so with a gradient that is set to 0 in place."""
    task = bandit([1.0, 0.0, 5.0], [0.5, -0.3, 0.1])
    out = np.zeros((1, 3))

    def reuses(batch):
        out[:] = RIGHT["reward-to-go"](batch)
        return out

    found = judge(reuses, task.batches(2), task.gradient())
    fresh = judge(RIGHT["reward-to-go"], task.batches(2), task.gradient())
    np.testing.assert_array_equal(found.expectation, fresh.expectation)
    np.testing.assert_array_equal(found.covariance, fresh.covariance)
    assert laws(reuses, tasks={"arms": task}, sizes=(1, 2)).broken == ()


def test_the_allowed_bias_depends_on_the_length_of_the_truth_and_not_on_its_sign():
    assert judgment([-1e4, 0.0], [0.0, 5e-9]).unbiased
    assert not judgment([-1e4, 0.0], [0.0, 2e-8]).unbiased


def test_shifting_and_scaling_leave_the_episode_as_it_was():
    _, (episode, *_) = stop_or_go().episodes()
    before = episode.rew.copy()
    with_return_shift(episode, 10.0, 0.5)
    with_reward_scale(episode, 3.0)
    np.testing.assert_array_equal(episode.rew, before)


@pytest.mark.parametrize("sizes", [(2, 2), (2,), (0, 2), (-1, 2)])
def test_the_laws_need_two_different_sizes_of_at_least_one(sizes):
    with pytest.raises(ValueError, match="at least two numbers of episodes"):
        laws(RIGHT["reward-to-go"], sizes=sizes)
    with pytest.raises(ValueError, match="at least two numbers of episodes"):
        sampled_laws(lambda batch: np.zeros(1), lambda n: [Rewards(1.0)] * n, sizes=sizes)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["own mean per time", "[B, 1] * [B]", "mean over steps"])
def test_the_usual_cause_does_not_depend_on_the_order_of_the_sizes(name):
    """On a bandit, 1 - 1/N is 0 for N = 1, which says nothing about the other sizes."""
    rising, falling = (laws(WRONG[name], sizes=sizes) for sizes in ((1, 2), (2, 1)))
    assert rising.broken == falling.broken != ()
    assert rising.meaning == falling.meaning
