"""Which objective an update follows: time limits, discounts, cuts, normalizers, centered rewards.

The oracles: every sequence of actions, fractions, and closed forms worked out in the docstrings.
"""

from dataclasses import replace
from fractions import Fraction
from itertools import product
from math import comb, sqrt

import numpy as np
import pytest
import torch

from pg_edu import PGPolicy, ReplayBuffer
from pg_edu.lab.exact import estimators
from pg_edu.lab.exact.agent import pgpolicy_step
from pg_edu.lab.exact.judge import cosine, judge
from pg_edu.lab.exact.mdp import MDP
from pg_edu.lab.exact.tasks import bandit, contexts, invest, late_cost, stop_or_go, two_decisions
from pg_edu.leave_one_out import LeaveOneOut
from pg_edu.stats import RunningMeanStd
from tests.helpers import bandit_policy, filled, returns_of

GAMMA = 0.95


def plain(batch):
    return estimators.sum_per_episode(batch, estimators.reward_to_go(batch))


# Three coins for one, and a time limit (the clock)


def pays(plan):
    """Return the rewards of a plan, one action per step: pay 1, get 3 five steps later."""
    return [3 * (t >= 5 and plan[t - 5]) - plan[t] for t in range(len(plan))]


def invested(limit, value_after=lambda plan: 0.0):
    """Return E[Σ score · Gₜ] for the logit of paying, with all plans equally likely.

    `value_after` is the value that follows the last reward.
    """
    total = 0.0
    for plan in product((0, 1), repeat=limit):
        rewards = [*pays(plan), value_after(plan)]
        for t, a in enumerate(plan):
            total += (a - 0.5) * sum(GAMMA**k * r for k, r in enumerate(rewards[t:])) / 2**limit
    return total


def owed(plan):
    """Return V of the machine without a clock: 3 per coin of the last five, and later gains."""
    last = ([0] * 5 + list(plan))[-5:]
    each = 0.5 * (3 * GAMMA**5 - 1) / (1 - GAMMA)
    return sum(3 * a * GAMMA**k for k, a in enumerate(last)) + each


@pytest.mark.parametrize(("limit", "sign"), [(6, -1), (8, -1), (9, 1)])
def test_pgpolicy_learns_to_pay_only_if_the_clock_strikes_after_nine_steps_or_more(limit, sign):
    """The gain ((L - 5)(3γ⁵ - 1) - 5)/L is -.61 for L = 6, and positive from 9 on."""
    gain = ((limit - 5) * (3 * GAMMA**5 - 1) - 5) / limit
    assert invested(limit) / (0.25 * limit) == pytest.approx(gain, abs=1e-12)
    step = judge(pgpolicy_step(discount_factor=GAMMA), invest(limit).batches(1), np.ones((1, 2)))
    assert step.expectation[0, 1] / 0.25 == pytest.approx(gain, abs=1e-5)
    assert np.sign(gain) == sign


@pytest.mark.parametrize("limit", [1, 4, 6, 9])
def test_a_bootstrap_value_repairs_the_gradient_however_early_the_clock_strikes(limit):
    """With γ V(s_T) after the last reward, every step gains 3γ⁵ - 1."""
    assert invested(limit, owed) == pytest.approx(0.25 * limit * (3 * GAMMA**5 - 1), abs=1e-10)
    assert invest().value()[0] == pytest.approx(owed([0] * 5), abs=1e-10)


@pytest.mark.parametrize("mean", [7.0, -3.0])
def test_a_constant_bootstrap_changes_nothing_if_no_episode_terminates(mean):
    """Every episode of a fixed length gets the same γ · ret_rms.mean, and E[∇log π] = 0."""

    class Bootstrapping(PGPolicy):
        def process_fn(self, batch, buffer, indices):
            self.ret_rms = RunningMeanStd(mean=mean)
            return super().process_fn(batch, buffer, indices)

    with_constant, without = (
        judge(pgpolicy_step(kind, discount_factor=GAMMA), invest(6).batches(1), np.ones((1, 2)))
        for kind in (Bootstrapping, PGPolicy)
    )
    np.testing.assert_allclose(with_constant.expectation, without.expectation, atol=1e-6)
    assert with_constant.variance != pytest.approx(without.variance, rel=0.01)


@pytest.mark.parametrize("x", [-1.0, 0.0, 0.7])
def test_without_a_bootstrap_value_returns_are_unbiased_for_episodes_of_that_length(x):
    """J(p) = p (3 (L - 5) - L) for γ = 1, so ∂J/∂logit = q (2 L - 15), with q = p (1 - p)."""
    world = replace(invest(7), gamma=1.0).at([[0, x]])
    p = 1 / (1 + np.exp(-x))
    verdict = judge(plain, world.batches(1), [[p * (1 - p), -p * (1 - p)]])
    assert verdict.unbiased
    assert world.J() == pytest.approx(-p)


def test_the_best_policy_needs_to_see_the_clock_but_the_gradient_does_not():
    """Nine steps, γ = 1: stopping in time pays 2 · 4 = 8, the best single probability 3."""
    assert max(sum(pays(plan)) for plan in product((0, 1), repeat=9)) == 8
    world = replace(invest(9), gamma=1.0)
    blind = [world.at([[0, x]]).J() for x in np.linspace(-40, 40, 41)]
    assert max(blind) == pytest.approx(3)


# The orchard


GROWS = np.zeros((4, 2, 4))
GROWS[0, 1, 1] = GROWS[1, 1, 2] = 1
GROWS[2, 1, 3] = 0.75
COINS = np.array([[2, 0], [1.5, 0], [0, 0], [0, 4.0]])
NO_CHOICE = [[-np.inf, 0], [-np.inf, 0]]
ORCHARD = MDP([1, 0, 0, 0], GROWS, COINS, [[0, 0], [0, 0], *NO_CHOICE])
LENGTH = 1 + 1 / 2 + 1 / 4 + 3 / 16


@pytest.mark.parametrize(
    ("sow", "wait", "undiscounted", "discounted", "average"),
    [
        (-60, 0, 2, 2, 2),
        (60, -60, Fraction(3, 2), Fraction(3, 4), Fraction(3, 4)),
        (60, 60, 3, Fraction(3, 8), 3 / Fraction(15, 4)),
    ],
    ids=["sell", "pick green", "wait"],
)
def test_three_objectives_rank_three_policies_differently(
    sow, wait, undiscounted, discounted, average
):
    """J₁, J_γ with γ = 1/2, and coins per step (an episode of waiting takes 3 + 3/4 steps)."""
    world = ORCHARD.at([[0, sow], [0, wait], *NO_CHOICE])
    assert world.J() == pytest.approx(float(undiscounted))
    assert replace(world, gamma=0.5).J() == pytest.approx(float(discounted))
    assert world.restarting().J("average") == pytest.approx(float(average))


@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.99])
def test_a_discount_has_no_effect_on_the_long_run_average(gamma):
    """(1 - γ) Σ d∞(s) V_γ(s) = r(π) = J₁ / E[L] = (2/2 + 1.5/4 + 4 · 3/16) / E[L]."""
    endless = replace(ORCHARD.restarting(), gamma=gamma)
    averaged = (1 - gamma) * endless.occupancy("average") @ endless.value()
    assert averaged == pytest.approx((1 + 3 / 8 + 3 / 4) / LENGTH, abs=1e-12)


# Without gamma^t


@pytest.mark.parametrize("x", [-4.0, 0.0, 4.0])
def test_without_gamma_t_a_shared_logit_climbs_to_the_worst_policy(x):
    """E[update]/q = -1 + 2 - 2.5γ³ > 0; J_γ = 1 - p + p(2γ - 2.5γ⁴) and J₁ fall with p."""
    world = late_cost().at([[0, x], [0, -np.inf]])
    p = 1 / (1 + np.exp(-x))
    expected = p * (1 - p) * (1 - 2.5 * 0.3**3)
    assert world.without_gamma_t()[0, 1] == pytest.approx(expected, abs=1e-14)
    assert world.J() == pytest.approx(1 - p + p * (0.6 - 2.5 * 0.3**4))
    assert world.J("undiscounted") == pytest.approx(1 - p - p / 2)


def circulation(field, x0, x1, y0, y1):
    """Return ∮ F · dx counterclockwise around a rectangle of logits, by Gauss-Legendre."""
    nodes, weights = np.polynomial.legendre.leggauss(20)

    def side(a, b):
        a, b = np.array(a), np.array(b)
        points = [(a + b) / 2 + t * (b - a) / 2 for t in nodes]
        return sum(w * field(*x) @ (b - a) / 2 for w, x in zip(weights, points, strict=True))

    return (
        side((x0, y0), (x1, y0))
        + side((x1, y0), (x1, y1))
        + side((x1, y1), (x0, y1))
        + side((x0, y1), (x0, y0))
    )


@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("corners", [(-1.4, 1.4, -1.4, 1.4), (-0.5, 2.0, -1.0, 0.3)])
def test_the_circulation_of_the_update_is_one_minus_gamma_times_the_area(gamma, corners):
    """∮ F · dx = (1 - γ) Δp₀ Δp₁; for a gradient it would be 0 (Nota & Thomas 2020)."""
    task = replace(two_decisions(), gamma=gamma)

    def around(update):
        return circulation(lambda x, y: update(task.at([[0, x], [0, y]]))[:, 1], *corners)

    p = 1 / (1 + np.exp(-np.array(corners)))
    area = (p[1] - p[0]) * (p[3] - p[2])
    assert around(MDP.without_gamma_t) == pytest.approx((1 - gamma) * area, abs=1e-10)
    assert around(MDP.gradient) == pytest.approx(0, abs=1e-10)


def test_without_gamma_t_a_continuing_task_follows_the_average_reward_for_gamma_near_one():
    """The cosines of Σ d∞ ∇π Q_γ to ∇r(π) and ∇J_γ are .969 at γ = .3, and 1.0000 at .99."""

    def angles(gamma):
        world = replace(ORCHARD.restarting(), gamma=gamma)
        d_inf = np.linalg.matrix_power(
            np.einsum("sa,sap->sp", world.policy, world.transition), 200
        )[0]
        V = np.linalg.solve(
            np.eye(4) - gamma * np.einsum("sa,sap->sp", world.policy, world.transition),
            (world.policy * world.reward).sum(axis=1),
        )
        advantage = world.reward + gamma * world.transition @ V - V[:, None]
        update = d_inf[:, None] * world.policy * advantage
        return [cosine(update, world.gradient(o)) for o in ("average", "discounted")]

    np.testing.assert_allclose(angles(0.3), [0.9692, 0.9688], atol=1e-4)
    assert min(angles(0.99)) > 0.9999


# The collector's cut


def update_from(window):
    """Return Σ d(s) Σ ∇π(a|s) (1/W) Σ Qₙ(s, a) for the logits of sowing and waiting, by hand."""
    step = np.zeros(2)
    for n in range(1, window + 1):
        waiting = 3.0 if n >= 3 else 0.0
        tree = (1.5 + (3.0 if n >= 4 else 0.0)) / 2 if n >= 2 else 0.0
        step += np.array([(tree - 2) / 4, (waiting - 1.5) / 8]) / window
    return step


@pytest.mark.parametrize(
    ("window", "angle"), [(2, -0.685), (4, -0.316), (6, 0.059), (8, 0.411), (16, 0.896)]
)
def test_a_short_rollout_reverses_the_gradient(window, angle):
    """Qₙ takes the place of Q, for a return contains only the rewards left in the rollout."""
    assert cosine(update_from(window), [1 / 16, 3 / 16]) == pytest.approx(angle, abs=1e-3)


@pytest.mark.parametrize("window", [1, 4, 6])
def test_the_update_of_pgpolicy_from_a_rollout_contains_only_the_rewards_left_in_it(window):
    """Over every rollout of the real PGPolicy; what follows an unfinished episode counts 0."""
    first = np.array([1, 1 / 2, 1 / 4, 3 / 16]) / LENGTH
    step = judge(pgpolicy_step(), ORCHARD.windows(window, first), np.ones((4, 2))).expectation
    np.testing.assert_allclose(step[:2, 1] * LENGTH, update_from(window), atol=2e-6)


def finished(batch):
    done = [e for e in batch if e.terminated]
    mean_over_steps = estimators.WRONG["mean over steps"]
    return mean_over_steps(done) if done else np.zeros_like(batch[0].logits)


def test_dropping_unfinished_episodes_does_not_repair_the_gradient():
    """The cosines are -.42, .01, .39 at 4, 6, 8 steps, where the cut gives -.32, .06, .41."""
    first = np.array([1, 1 / 2, 1 / 4, 3 / 16]) / LENGTH
    found = [
        judge(finished, ORCHARD.windows(w, first), ORCHARD.gradient()).cosine for w in (4, 6, 8)
    ]
    np.testing.assert_allclose(found, [-0.418, 0.011, 0.387], atol=1e-3)


def choice_now_or_later(length, later):
    """Return `length` steps with one choice at the first: 1 now, or `later` with the last one."""
    states = 2 * length  # two lanes, of which state 0 is the common first step
    transition = np.zeros((states, 2, states))
    transition[0, 0, 2], transition[0, 1, 3] = 1, 1
    for t in range(1, length - 1):
        transition[2 * t, :, 2 * t + 2] = transition[2 * t + 1, :, 2 * t + 3] = 1
    reward = np.zeros((states, 2))
    reward[0, 0], reward[-1] = 1, later
    logits = np.array([[0, 0], *[[0, -np.inf]] * (states - 1)])
    return MDP(np.eye(states)[0], transition, reward, logits)


@pytest.mark.parametrize(("length", "window"), [(3, 4), (3, 5), (4, 5), (4, 7)])
def test_dropping_unfinished_episodes_keeps_the_direction_if_no_action_decides_the_length(
    length, window
):
    """A window begins at each of the T steps alike; the finished choices divided by W remain."""
    world = choice_now_or_later(length, 1.5)
    first = world.restarting().occupancy("average")
    whole = judge(finished, world.windows(window, first), world.gradient()).expectation[0, 1]
    expected = 0.0
    for phase in range(length):
        choices = [t for t in range(window) if (t + phase) % length == 0 and t + length <= window]
        steps = (window + phase) // length * length - phase
        expected += len(choices) * 0.25 * 0.5 / max(1, steps) / length
    assert whole == pytest.approx(expected, abs=1e-12)
    assert whole > 0


# reward_normalization


@pytest.mark.parametrize(
    ("terminated", "truncated", "follows"),
    [(True, False, 0.0), (False, True, 10.0), (False, False, 10.0), (True, True, 0.0)],
    ids=["terminated", "truncated", "unfinished", "terminated and truncated"],
)
def test_pgpolicy_bootstraps_after_each_of_four_ways_to_stop(terminated, truncated, follows):
    """The result is (G - μ)/σ, with γμ after every episode that did not terminate.

    The mean μ and the standard deviation σ are those before the batch.
    """
    policy = bandit_policy(reward_normalization=True, discount_factor=0.5)
    policy.ret_rms = RunningMeanStd(mean=10.0, std=2.0)
    buffer = filled(ReplayBuffer(2), [1.0, 4.0], [False, terminated], [False, truncated])
    found = returns_of(policy, buffer)
    last = 4 + 0.5 * follows
    np.testing.assert_allclose(found, [(1 + 0.5 * last - 10) / 2, (last - 10) / 2], rtol=1e-8)
    assert policy.ret_rms.mean == pytest.approx((1 + 1.5 * last) / 2)


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (0.5, 2.0), (1.4, 0.7)])
def test_subtracting_a_running_mean_changes_the_expected_update_of_a_mean_over_steps(mean, std):
    """Stop-or-go with one episode per update: E[update of logit(stop)] = q (.4 - .75 μ)/σ."""

    class Settled(PGPolicy):
        def process_fn(self, batch, buffer, indices):
            self.ret_rms = RunningMeanStd(mean=mean, std=std)
            return super().process_fn(batch, buffer, indices)

    step = pgpolicy_step(Settled, reward_normalization=True)
    verdict = judge(step, stop_or_go().batches(1), stop_or_go().gradient())
    stop, go = 1 - mean, 2.4 - mean
    assert verdict.expectation[0, 0] == pytest.approx((stop - go / 4) / 4 / std, abs=1e-6)
    assert verdict.expectation[0, 0] == pytest.approx(0.25 * (0.4 - 0.75 * mean) / std, abs=1e-6)


@pytest.mark.parametrize(("b", "rule"), [(1.0, 0.991), (2.0, 0.857), (5.0, -0.866)])
def test_a_constant_bootstrap_is_a_bonus_for_being_alive(b, rule):
    """E[Σ ∇log π (Gₜ + b 1{alive})] = ∇(J + b P(alive)), with P(alive) = .75 p₀ p₁."""
    clock = replace(ORCHARD, limit=3)

    def bonus(batch):
        (e,) = batch
        return plain([replace(e, rew=e.rew + b * e.truncated * (np.arange(len(e)) == 2))])

    expected = np.array([(0.75 - 2) / 4, -1.5 / 8]) + b * 0.75 / 8
    found = judge(bonus, clock.batches(1), clock.gradient())
    np.testing.assert_allclose(found.expectation[:2, 1], expected, atol=1e-14)
    assert found.cosine == pytest.approx(rule, abs=1e-3)


def test_a_constant_bootstrap_can_be_right_if_only_one_state_is_cut():
    """With b = 4, the value of a ripe tree, it is the gradient of the orchard without a clock."""
    found = np.array([(0.75 - 2) / 4, -1.5 / 8]) + 4 * 0.75 / 8
    np.testing.assert_allclose(found, ORCHARD.gradient()[:2, 1], atol=1e-14)


# Standardizing


def test_standardizing_per_episode_erases_the_return_of_an_episode():
    """If an episode pays only at its end, its returns for γ = 1 are equal and its weights are 0."""
    _, episodes = ORCHARD.episodes()
    weights = estimators.standardized_per_episode(estimators.reward_to_go(episodes))
    assert all((w == 0).all() for w in weights)


def test_standardizing_per_episode_discourages_the_early_actions_of_a_success():
    """The returns 4γ³, 4γ², 4γ, 4 are below their mean at first and above it at the end."""
    _, episodes = ORCHARD.episodes()
    best = [e for e in episodes if e.rew.sum() == 4]
    (w,) = estimators.standardized_per_episode(estimators.reward_to_go(best, 0.9))
    G = 4 * 0.9 ** np.arange(3, -1, -1)
    np.testing.assert_allclose(w, (G - G.mean()) / np.sqrt(((G - G.mean()) ** 2).mean()), rtol=1e-7)
    assert w[0] < 0 < w[-1]


@pytest.mark.parametrize(
    ("rewards", "logits", "expected"),
    [([1, 0, 5], [0.5, -0.3, 0.1], 0.9417), ([1, 0, 50], [1.5, 0, -3], 0.0760)],
)
def test_dividing_by_the_standard_deviation_of_the_batch_changes_the_direction(
    rewards, logits, expected
):
    """By hand, the weights of a pair of pulls are (1, -1), or (0, 0) if the rewards are equal."""
    pi = np.exp(logits) / np.exp(logits).sum()
    gradient = pi * (rewards - pi @ rewards)
    step = np.zeros(3)
    for i, j in product(range(3), repeat=2):
        step += pi[i] * pi[j] * np.sign(rewards[i] - rewards[j]) * (np.eye(3)[i] - np.eye(3)[j]) / 2
    found = judge(
        estimators.WRONG["standardized per batch"], bandit(rewards, logits).batches(2), [gradient]
    )
    np.testing.assert_allclose(found.expectation[0], step, atol=1e-7)
    assert cosine(step, gradient) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("rewards", "logits", "expected"),
    [([1, 0, 5], [0.5, -0.3, 0.1], 0.9417), ([1, 0, 50], [1.5, 0, -3], 0.0760)],
)
def test_the_first_step_of_adam_with_leave_one_out_is_that_of_the_standardized_pair(
    rewards, logits, expected
):
    """The estimate is unbiased, and Adam keeps only the sign of each of its components."""
    arms = bandit(rewards, logits)
    pi = np.exp(logits) / np.exp(logits).sum()
    step = np.zeros(3)
    for i, j in product(range(3), repeat=2):
        step += pi[i] * pi[j] * np.sign(rewards[i] - rewards[j]) * (np.eye(3)[i] - np.eye(3)[j])
    plain_step = judge(pgpolicy_step(LeaveOneOut), arms.batches(2), arms.gradient())
    assert plain_step.cosine == pytest.approx(1, abs=1e-6)
    adam = pgpolicy_step(LeaveOneOut, lambda parameters: torch.optim.Adam(parameters, lr=1.0))
    found = judge(adam, arms.batches(2), arms.gradient())
    np.testing.assert_allclose(found.expectation[0], step, atol=1e-5)
    assert found.cosine == pytest.approx(expected, abs=1e-4)


def weight_of_a_question(p, n):
    """Return c_N(p) = E √(K (N - K)) / (N p (1 - p)) for a binomial K."""
    chance = [comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
    return sum(x * sqrt(k * (n - k)) for k, x in enumerate(chance)) / (n * p * (1 - p))


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_with_rewards_0_and_1_the_standard_deviation_of_a_batch_keeps_the_direction(n):
    """E[g] = c_N(p) ∇J for one question with any number of answers that pay 0 or 1."""
    logits, right = np.array([0.5, -0.3, -2.0, 1.0]), np.array([1, 0, 1, 0])
    pi = np.exp(logits) / np.exp(logits).sum()
    p = pi @ right
    exam = bandit(right, logits)
    found = judge(estimators.WRONG["standardized per batch"], exam.batches(n), exam.gradient())
    np.testing.assert_allclose(
        found.expectation[0], weight_of_a_question(p, n) * pi * (right - p), atol=1e-7
    )


@pytest.mark.parametrize("n", [2, 3])
def test_questions_that_are_standardized_together_keep_the_direction_too(n):
    """The rewards of the others do not depend on the question that this answer got."""
    quiz = contexts([0.7, 0.3]).at(np.array([[0, 1], [0.5, 0]]))
    found = judge(estimators.WRONG["standardized per batch"], quiz.batches(n), quiz.gradient())
    assert found.cosine == pytest.approx(1, abs=1e-13)


def test_questions_that_are_standardized_one_by_one_have_the_weight_of_an_arcsine():
    """c_N(p) → 1/√(p (1 - p)) = d/dp 2 arcsin √p; for groups of two it is 1 (GRPO)."""
    for p in (0.03, 0.3, 0.5):
        slope = (np.arcsin(np.sqrt(p + 1e-6)) - np.arcsin(np.sqrt(p - 1e-6))) / 1e-6
        assert 1 / sqrt(p * (1 - p)) == pytest.approx(slope, rel=1e-6)
        assert weight_of_a_question(p, 900) == pytest.approx(slope, rel=0.03)
        assert weight_of_a_question(p, 2) == pytest.approx(1)


# Centered rewards


@pytest.mark.parametrize("p", [Fraction(k, 20) for k in range(1, 20)])
def test_centered_rewards_reverse_stop_or_go_for_every_policy(p):
    """1 - 2.4 < 0, but (1 - r) - (2.4 - 4r) = 3r - 1.4 > 0, for r = r(π) > .6."""
    average = (p + Fraction(12, 5) * (1 - p)) / (p + 4 * (1 - p))
    turned = p * (1 - p) * (3 * average - Fraction(7, 5))
    assert turned > 0
    task = stop_or_go(float(p))
    centered = replace(task, reward=task.reward - task.restarting().J("average"))
    assert centered.gradient()[0, 0] == pytest.approx(float(turned), abs=1e-12)
    assert task.gradient()[0, 0] < 0


@pytest.mark.parametrize("task", [stop_or_go(0.3), ORCHARD], ids=["stop-or-go", "orchard"])
def test_centered_rewards_follow_the_average_reward_objective(task):
    """∇(J - r E[L]) with r = J / E[L] held fixed is E[L] ∇r(π), by finite differences of r(π)."""

    def average(logits):
        world = task.at(logits)
        return world.J() / replace(world, reward=np.ones_like(world.reward)).J()

    centered = replace(task, reward=task.reward - average(task.logits)).gradient()
    nudge = np.zeros_like(task.logits)
    nudge[0, 0] = 1e-5
    slope = (average(task.logits + nudge) - average(task.logits - nudge)) / 2e-5
    length = replace(task, reward=np.ones_like(task.reward)).J()
    assert centered[0, 0] == pytest.approx(length * slope, abs=1e-8)
