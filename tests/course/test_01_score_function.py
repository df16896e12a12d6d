"""One decision: the score function, its lemma, its variance, and the effect of a baseline.

The bandit has three arms that pay 1, 0 and 5. The oracles are sums over the arms written out,
fractions, finite differences, np.cov, and parabolas; the code under test is that of the lab.
"""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Categorical

from pg_edu.course.records import record
from pg_edu.lab.exact.estimators import (
    best_constant,
    minus_constant,
    minus_leave_one_out,
    minus_time_mean,
    reward_to_go,
    standardized_per_batch,
    sum_per_episode,
    total_return,
)
from pg_edu.lab.exact.judge import cosine, judge
from pg_edu.lab.exact.tasks import bandit

REWARDS, LOGITS = np.array([1.0, 0.0, 5.0]), np.array([0.5, -0.3, 0.1])
PI = np.exp(LOGITS) / np.exp(LOGITS).sum()
SCORE = np.array([[(a == k) - PI[k] for k in range(3)] for a in range(3)])  # row a is ∇log π(a)
V = sum(PI * REWARDS)
GRADIENT = PI * (REWARDS - V)
BANDIT = bandit(REWARDS, LOGITS)

few = settings(max_examples=25)
some_logits = st.lists(st.floats(-3, 3), min_size=2, max_size=5)


def judged(weigh, n, world=BANDIT):
    """Return the verdict on (1/N) Σ ∇log π wᵢ, with weights made of the rewards of n pulls."""

    def estimator(batch):
        return sum_per_episode(batch, weigh(reward_to_go(batch)))

    return judge(estimator, world.batches(n), world.gradient())


def variance(b, pi=PI, score=SCORE, rewards=REWARDS):
    """Return E|(R - b) ∇log π - ∇J|², by a sum over the arms."""
    gradient = sum(p * r * s for p, r, s in zip(pi, rewards, score, strict=True))
    squares = [sum(((r - b) * s - gradient) ** 2) for r, s in zip(rewards, score, strict=True)]
    return sum(p * square for p, square in zip(pi, squares, strict=True))


# The score-function identity


@few
@given(some_logits)
def test_the_score_is_the_derivative_of_the_log_probability(logits):
    """The score is ∂ log π(a) / ∂θₖ, by central differences."""

    def log_prob(x, a):
        return x[a] - np.log(np.exp(x).sum())

    steps = 1e-5 * np.eye(len(logits))
    for episode in bandit(np.zeros(len(logits)), logits).episodes()[1]:
        a = episode.act[0]
        slopes = [(log_prob(logits + s, a) - log_prob(logits - s, a)) / 2e-5 for s in steps]
        np.testing.assert_allclose(episode.score[0, 0], slopes, rtol=0, atol=1e-8)


@few
@given(some_logits)
def test_the_expected_reward_times_score_is_the_gradient(logits):
    """E[R ∇log π(A)] = ∇ Σ π(a) r(a), by central differences of the right side."""
    rewards = np.arange(len(logits)) ** 2.0

    def objective(x):
        return np.exp(x) @ rewards / np.exp(x).sum()

    steps = 1e-5 * np.eye(len(logits))
    slopes = [(objective(logits + s) - objective(logits - s)) / 2e-5 for s in steps]
    world = bandit(rewards, logits)
    verdict = judged(lambda weights: weights, 1, world)
    np.testing.assert_allclose(verdict.expectation[0], slopes, rtol=0, atol=1e-8)
    np.testing.assert_allclose(world.gradient()[0], slopes, rtol=0, atol=1e-8)


def test_the_return_of_a_single_decision_is_its_reward():
    """G₀ = R: for one step the reward-to-go and the total return are both the reward."""
    episodes = BANDIT.episodes()[1]
    assert reward_to_go(episodes) == total_return(episodes) == [1.0, 0.0, 5.0]


def test_only_one_of_the_three_possible_estimates_points_uphill():
    """⟨R ∇log π(a), ∇J⟩ > 0 only for arm 2."""
    episodes = BANDIT.episodes()[1]
    uphill = [sum_per_episode([e], reward_to_go([e]))[0] @ GRADIENT > 0 for e in episodes]
    assert uphill == [False, False, True]


def test_a_pull_that_pays_never_lowers_its_own_logit_but_a_batch_can():
    """R (1 - π(a)) ≥ 0, but the mean over arms 0 and 2, paid 1.5 and 5.5, is -0.90 for arm 0."""
    episodes = bandit(REWARDS + 0.5, LOGITS).episodes()[1]
    alone = [sum_per_episode([e], reward_to_go([e]))[0, e.act[0]] for e in episodes]
    assert min(alone) > 0
    batch = [episodes[0], episodes[2]]
    moved = sum_per_episode(batch, reward_to_go(batch))[0, 0]
    assert moved == pytest.approx((1.5 * (1 - PI[0]) - 5.5 * PI[0]) / 2, rel=1e-12)
    assert round(moved, 2) == -0.90


# The lemma


@few
@given(st.lists(st.fractions(Fraction(1, 100), 100), min_size=2, max_size=5))
def test_the_expected_score_is_zero(weights):
    """E[∇log π(A)] = 0, exactly in fractions, and up to rounding for the scores of the lab."""
    pi = [w / sum(weights) for w in weights]
    for k in range(len(pi)):
        assert sum(pi[a] * ((a == k) - pi[k]) for a in range(len(pi))) == 0
    world = bandit(np.zeros(len(pi)), np.log([float(w) for w in weights]))
    probability, episodes = world.episodes()
    score = np.array([episode.score[0, 0] for episode in episodes])
    np.testing.assert_allclose(probability, [float(p) for p in pi], rtol=1e-12)
    np.testing.assert_allclose(probability @ score, 0, rtol=0, atol=1e-14)


@pytest.mark.parametrize("b", [-7.0, 0.0, V, 10.0])
def test_a_constant_baseline_does_not_change_the_expectation(b):
    """E[(R - b) ∇log π] = ∇J."""
    verdict = judged(lambda weights: minus_constant(weights, b), 2)
    np.testing.assert_allclose(verdict.expectation[0], GRADIENT, rtol=0, atol=1e-12)


# The variance


@pytest.mark.parametrize("b, figure", [(0.0, 4.71), (V, 1.779), (10.0, 40.7)])
def test_the_variance_of_one_pull(b, figure):
    """E|(R - b) ∇log π - ∇J|² is 4.71 without a baseline, 1.779 with V, and 40.7 with b = 10."""
    verdict = judged(lambda weights: minus_constant(weights, b), 1)
    assert verdict.variance == pytest.approx(variance(b), rel=1e-12)
    assert verdict.variance == pytest.approx(figure, rel=2e-3)


def test_the_variance_agrees_with_exact_fractions():
    """The same expectation in fractions, for π = 1/2, 1/6, 1/3."""
    pi = [Fraction(1, 2), Fraction(1, 6), Fraction(1, 3)]
    score = np.array([[(a == k) - pi[k] for k in range(3)] for a in range(3)])
    exact = variance(Fraction(2), pi, score, [1, 0, 5])
    world = bandit(REWARDS, np.log([3.0, 1.0, 2.0]))
    verdict = judged(lambda weights: minus_constant(weights, 2.0), 1, world)
    assert verdict.variance == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize("b", [0.0, V])
def test_the_variance_of_a_batch_falls_as_1_over_n(b):
    """Pulls are independent, and the baseline does not depend on them."""
    for n in (2, 3):
        verdict = judged(lambda weights: minus_constant(weights, b), n)
        assert verdict.variance == pytest.approx(variance(b) / n, rel=1e-12)


def test_the_best_constant_is_the_minimum_of_a_parabola():
    """The variance is quadratic in b. Three values give its minimum, 1.772 at b* = 2.154."""
    left, middle, right = variance(-1), variance(0), variance(1)
    minimum = (left - right) / 2 / (left + right - 2 * middle)
    probability, episodes = BANDIT.episodes()
    best = best_constant(probability, episodes, reward_to_go(episodes))
    assert best == pytest.approx(minimum, rel=1e-12)
    assert best == pytest.approx(2.154, abs=5e-4)
    verdict = judged(lambda weights: minus_constant(weights, best), 1)
    assert verdict.variance == pytest.approx(1.772, abs=5e-4)


def test_a_baseline_for_each_coordinate_halves_the_variance_again():
    """bₖ = E[R (∂ₖ log π)²] / E[(∂ₖ log π)²] gives .857, summed over the coordinates."""
    b = PI * REWARDS @ SCORE**2 / (PI @ SCORE**2)

    def estimator(batch):
        return np.mean([(e.rew[0] - b) * e.score[0] for e in batch], axis=0)

    verdict = judge(estimator, BANDIT.batches(1), BANDIT.gradient())
    assert verdict.unbiased
    assert verdict.variance == pytest.approx(0.857, abs=5e-4)


@few
@given(st.floats(0.01, 0.99), st.floats(-5, 5), st.floats(-5, 5))
def test_for_two_arms_the_best_baseline_has_zero_variance(p, first, second):
    """b = π(1) r₀ + π(0) r₁ gives the same estimate after either arm."""
    world = bandit([first, second], np.log([1 - p, p]))
    probability, episodes = world.episodes()
    b = best_constant(probability, episodes, reward_to_go(episodes))
    assert b == pytest.approx(p * first + (1 - p) * second, rel=1e-9, abs=1e-9)
    verdict = judged(lambda weights: minus_constant(weights, b), 1, world)
    assert verdict.variance == pytest.approx(0, abs=1e-20)


# A baseline made of the pulls themselves


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_the_mean_of_the_batch_shrinks_the_gradient_by_exactly_1_minus_1_over_n(n):
    """E[(1/N) Σ (Rᵢ - mean R) ∇log πᵢ] = (1 - 1/N) ∇J."""
    verdict = judged(minus_time_mean, n)
    np.testing.assert_allclose(verdict.expectation[0], (1 - 1 / n) * GRADIENT, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_leave_one_out_is_unbiased(n):
    """E[(1/N) Σ (Rᵢ - mean of the others) ∇log πᵢ] = ∇J (Kool 2019), also for N = 1."""
    verdict = judged(minus_leave_one_out, n)
    np.testing.assert_allclose(verdict.expectation[0], GRADIENT, rtol=0, atol=1e-12)


@pytest.mark.parametrize("arms", list(product(range(3), repeat=3)))
def test_leave_one_out_is_the_sample_covariance_of_reward_and_score(arms):
    """np.cov computes (1/(N-1)) Σ (Rᵢ - mean R) (∇log πᵢ - mean)."""
    episodes = BANDIT.episodes()[1]
    batch = [episodes[a] for a in arms]
    estimate = sum_per_episode(batch, minus_leave_one_out(reward_to_go(batch)))[0]
    rewards, score = REWARDS[list(arms)], SCORE[list(arms)]
    expected = [np.cov(rewards, score[:, k])[0, 1] for k in range(3)]
    np.testing.assert_allclose(estimate, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_the_extra_variance_of_leave_one_out_compared_with_v(n):
    """N · variance = variance(V) + (Var(R) E|∇log π|² + |∇J|²) / (N - 1)."""
    var_R = PI @ (REWARDS - V) ** 2
    price = var_R * (PI @ (SCORE**2).sum(axis=1)) + GRADIENT @ GRADIENT
    verdict = judged(minus_leave_one_out, n)
    assert n * verdict.variance == pytest.approx(variance(V) + price / (n - 1), rel=1e-12)


def test_leave_one_out_has_more_variance_than_no_baseline_at_2_pulls_but_not_at_3():
    """N · variance is 5.72 and 3.75, compared with 4.71."""
    two, three = (n * judged(minus_leave_one_out, n).variance for n in (2, 3))
    assert three < variance(0) < two
    assert two == pytest.approx(5.72, abs=5e-3)


def test_dividing_by_the_standard_deviation_of_the_batch_changes_the_direction():
    """At N = 2 the weights are +1 for the larger reward, -1 for the smaller; the cosine is .94."""
    expected = np.zeros(3)
    for a, b in product(range(3), repeat=2):
        half_gap = (REWARDS[a] - REWARDS[b]) / 2
        weight = half_gap / (abs(half_gap) + 1e-8)
        expected += PI[a] * PI[b] * weight * (SCORE[a] - SCORE[b]) / 2
    verdict = judged(standardized_per_batch, 2)
    np.testing.assert_allclose(verdict.expectation[0], expected, rtol=0, atol=1e-12)
    assert verdict.cosine == pytest.approx(cosine(expected, GRADIENT), abs=1e-12)
    assert round(verdict.cosine, 2) == 0.94


# The loss is not a loss


def test_autograd_of_the_surrogate_is_minus_the_estimate():
    """-∇ mean(-R log π(A)) = (1/N) Σ R ∇log π(A)."""
    arms = [0, 2, 2, 1, 0]
    logits = torch.tensor(LOGITS, requires_grad=True)
    log_prob = Categorical(logits=logits).log_prob(torch.tensor(arms))
    (-(torch.tensor(REWARDS[arms]) * log_prob).mean()).backward()
    assert logits.grad is not None
    episodes = BANDIT.episodes()[1]
    batch = [episodes[a] for a in arms]
    estimate = sum_per_episode(batch, reward_to_go(batch))[0]
    np.testing.assert_allclose(estimate, -logits.grad.numpy(), rtol=1e-12)


def test_the_loss_can_rise_at_every_step_while_the_agent_gets_better():
    """With rewards -5, -6, -1 both -Σ π r log π and J rise along exact gradient ascent."""
    world = bandit(REWARDS - 6, LOGITS)
    loss, objective = [], []
    for _ in range(60):
        pi = world.policy[0]
        loss.append(-(pi * (REWARDS - 6) * np.log(pi)).sum())
        objective.append(world.J())
        world = world.at(world.logits + 0.1 * world.gradient())
    assert (np.diff(objective) > 0).all()
    assert (np.diff(loss) > 0).all()


def test_the_gradient_of_the_probability_is_that_of_another_objective():
    """E[R ∇π(A)] = ∇ ½ Σ π² r, by central differences, so likely arms count twice."""

    def other_objective(x):
        pi = np.exp(x) / np.exp(x).sum()
        return (pi**2 * REWARDS).sum() / 2

    def estimator(batch):
        return np.mean([e.rew[0] * PI[e.act[0]] * e.score[0] for e in batch], axis=0)

    steps = 1e-5 * np.eye(3)
    slopes = [(other_objective(LOGITS + s) - other_objective(LOGITS - s)) / 2e-5 for s in steps]
    verdict = judge(estimator, BANDIT.batches(2), BANDIT.gradient())
    np.testing.assert_allclose(verdict.expectation[0], slopes, rtol=0, atol=1e-9)
    assert not verdict.unbiased


def test_the_gradient_of_the_probability_can_lead_to_the_wrong_arm():
    """From π = (.6, .35, .05) exact ascent of ½ Σ π² r ends at arm 0, that of Σ π r at arm 2."""
    ends = []
    for power in (2, 1):
        logits = np.log([0.6, 0.35, 0.05])
        for _ in range(1000):
            pi = np.exp(logits) / np.exp(logits).sum()
            pushes = pi**power * REWARDS
            logits = logits + 0.5 * (pushes - pi * pushes.sum())
        ends.append(pi.argmax())
    assert ends == [0, 2]


# The triangle


@few
@given(st.lists(st.floats(-3, 3), min_size=3, max_size=3), st.floats(0.1, 5))
def test_baselines_equally_far_below_and_above_the_best_have_equal_variance(logits, distance):
    """variance(b* - ε) = variance(b* + ε), at every policy (Chung et al. 2021)."""
    world = bandit(REWARDS, logits)
    probability, episodes = world.episodes()
    best = best_constant(probability, episodes, reward_to_go(episodes))
    below, above = (
        judged(lambda weights, b=b: minus_constant(weights, b), 1, world)
        for b in (best - distance, best + distance)
    )
    assert below.unbiased and above.unbiased
    assert below.variance == pytest.approx(above.variance, rel=1e-9)


def test_baselines_of_equal_variance_can_lead_to_different_arms():
    """Of 500 learners from π = (.6, .35, .05), far more fail with b* - 4 than with b* + 4."""

    def share_that_fails(distance):
        rng = np.random.default_rng(0)
        logits = np.tile(np.log([0.6, 0.35, 0.05]), (500, 1))
        for _ in range(201):
            pi = np.exp(logits - logits.max(axis=1, keepdims=True))
            pi /= pi.sum(axis=1, keepdims=True)
            length2 = ((np.eye(3) - pi[:, None]) ** 2).sum(axis=2)
            best = (pi * length2 * REWARDS).sum(axis=1) / (pi * length2).sum(axis=1)
            arm = (rng.random((500, 1)) > pi.cumsum(axis=1)[:, :2]).sum(axis=1)
            weight = REWARDS[arm] - best - distance
            logits = logits + 0.15 * weight[:, None] * (np.eye(3)[arm] - pi)
        return np.mean(pi[:, 2] < 0.5)

    assert share_that_fails(-4.0) > 1 / 6
    assert share_that_fails(+4.0) < 1 / 12


@pytest.mark.parametrize("two_logits, updates", [(False, [13, 1029]), (True, [7, 516])])
def test_exact_gradient_ascent_can_be_slow(two_logits, updates):
    """The numbers of updates, at learning rate 1, from π(1) = .5 and from .001 until π(1) ≥ .9."""
    found = []
    for p in (0.5, 0.001):
        world, count = bandit([0, 1], [0.0, np.log(p / (1 - p))]), 0
        while world.policy[0, 1] < 0.9:
            step = world.gradient() * (1.0 if two_logits else np.array([0.0, 1.0]))
            world, count = world.at(world.logits + step), count + 1
        found.append(count)
    assert found == updates


# The answers to the exercises


def test_the_answers_to_the_first_exercises_are_those_of_the_sums():
    """01.1: the score; 01.2: no variance; 01.3: the minimum of the parabola; 01.4: the mean."""
    for arm in range(3):
        np.testing.assert_allclose(record("01.1").key(LOGITS, arm), SCORE[arm], atol=1e-15)
    two_arms = np.array([0.1, 0.9]), np.array([[0.9, -0.9], [-0.1, 0.1]]), [0, 1]
    assert variance(record("01.2").key, *two_arms) == pytest.approx(0, abs=1e-20)
    left, middle, right = variance(-1), variance(0), variance(1)
    minimum = (left - right) / 2 / (left + right - 2 * middle)
    assert record("01.3").key(PI, REWARDS) == pytest.approx(minimum, rel=1e-12)
    found = record("01.4").key(PI, np.array([0, 2, 2]), np.array([1.0, 5.0, 5.0]))
    np.testing.assert_allclose(found, (SCORE[0] + 10 * SCORE[2]) / 3, atol=1e-15)


def test_the_bias_of_a_baseline_that_looks_at_the_arm_is_that_of_the_enumeration():
    """01.5: E[(R - b(A)) ∇log π(A)] - ∇J, by a sum over the arms."""
    baselines = np.array([2.0, -1.0, 4.0])
    expectation = sum(
        p * (r - b) * s for p, r, b, s in zip(PI, REWARDS, baselines, SCORE, strict=True)
    )
    found = record("01.5").key(PI, REWARDS, baselines)
    np.testing.assert_allclose(found, expectation - GRADIENT, rtol=0, atol=1e-14)


def test_the_gradient_of_the_loss_is_minus_the_estimate_with_the_record_as_its_baseline():
    """01.6: -∇loss = (1/N) Σ (Rᵢ - b) ∇log π(Aᵢ) with b = Σ π(a) means(a), a fixed number."""
    arms, means = [0, 2, 2, 1, 0], np.array([2.0, -1.0, 4.0])
    logits = torch.tensor(LOGITS, requires_grad=True)
    tensors = torch.tensor(arms), torch.tensor(REWARDS[arms]), torch.tensor(means)
    record("01.6").key(logits, *tensors).backward()
    estimate = ((REWARDS[arms] - PI @ means)[:, None] * SCORE[arms]).mean(axis=0)
    assert logits.grad is not None
    np.testing.assert_allclose(-logits.grad.numpy(), estimate, rtol=0, atol=1e-14)


def test_the_velocity_through_a_layer_is_a_difference_quotient():
    """01.7: dπ/dt if w follows ∇J, by finite differences in the weights and along the step."""
    features = np.array([[1.0, 0.5], [-1.0, 2.0], [0.5, -1.5]])

    def policy(w):
        weights = np.exp(LOGITS + features @ w)
        return weights / weights.sum()

    nudges = 1e-5 * np.eye(2)
    step = np.array([(policy(n) - policy(-n)) @ REWARDS / 2e-5 for n in nudges])
    velocity = (policy(1e-5 * step) - policy(-1e-5 * step)) / 2e-5
    found = record("01.7").key(PI, REWARDS, features)
    np.testing.assert_allclose(found, velocity, rtol=0, atol=1e-7)


# Near the corners, and in other coordinates


@pytest.mark.parametrize("pi, none, value", [((0.05, 0.05, 0.9), 0.176, 2.611)])
def test_the_average_reward_can_have_more_variance_than_no_baseline(pi, none, value):
    """At π = (.05, .05, .9) the variance is .176 without a baseline, and 2.611 with V."""
    score = np.eye(3) - np.array(pi)
    variances = [variance(b, pi, score) for b in (0, REWARDS @ pi)]
    assert variances == pytest.approx([none, value], rel=1e-2)


def test_the_best_arm_can_become_less_likely_at_first():
    """At π = (.7, .299, .001) exact ascent lowers π(2); the natural gradient raises it."""
    world = bandit(REWARDS, np.log([0.7, 0.299, 0.001]))
    pi = world.policy[0]
    fisher = np.diag(pi) - np.outer(pi, pi)
    natural = np.linalg.pinv(fisher) @ world.gradient()[0]
    steps = world.gradient(), natural[None]
    moved = [world.at(world.logits + 1e-3 * step).policy[0, 2] - pi[2] for step in steps]
    assert moved[0] < 0 < moved[1]
