"""A raw action becomes an environment action; the raw one is stored and scored.

The oracles: formulas in float64 and in fractions, the space itself, the equation of motion of the
pendulum, and for gradients the slope of the objective, integrated by scipy.
"""

import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from torch.distributions import Normal, TransformedDistribution
from torch.distributions.transforms import TanhTransform

from pg_edu import Batch, Collector, VectorReplayBuffer
from pg_edu.actions import bound, from_box, scale, to_box
from pg_edu.course.records import record
from tests.helpers import box, joint_normal, make_policy, ranges


def test_clip_then_scale():
    """a = low + (high - low) (v + 1) / 2 with v = min(max(u, -1), 1)."""
    space = box([0, -2], [10, 2])
    act = np.array([[-5, 0], [0.5, 5]], np.float32)
    np.testing.assert_array_equal(to_box(act, space, "clip", True), [[0, 0], [7.5, 2]])


def test_tanh_then_scale():
    """a = low + (high - low) (v + 1) / 2 with v = tanh(u)."""
    space = box([0.0], [10.0])
    act = np.array([[0.5]])
    expected = 10 * (np.tanh(0.5) + 1) / 2
    np.testing.assert_allclose(to_box(act, space, "tanh", True), [[expected]], rtol=1e-7)


@given(ranges, st.integers(-64, 64))
def test_scaling_is_the_straight_line_through_both_ends(bounds, numerator):
    """a = low + (high - low) (v + 1) / 2, in exact fractions."""
    low, width = bounds
    v = Fraction(numerator, 64)
    expected = low + width * (v + 1) / 2
    found = scale(np.array([float(v)]), np.array([low]), np.array([low + width]))
    np.testing.assert_allclose(found, [float(expected)], rtol=1e-15, atol=1e-12)


@given(ranges, st.floats(-5, 5))
def test_clipping_and_scaling_can_be_done_in_either_order(bounds, raw):
    """clip(scale(u), low, high) = scale(clip(u, -1, 1)), since a rising line keeps the order."""
    low, width = bounds
    space = box([low], [low + width], np.float64)
    scaled_first = np.clip(low + width * (raw + 1) / 2, low, low + width)
    found = to_box(np.array([raw]), space, "clip", True)
    np.testing.assert_allclose(found, [scaled_first], rtol=1e-12, atol=1e-12)


@given(st.floats(-5, 5))
def test_the_inverse_undoes_tanh(raw):
    """Under tanh the way u -> a -> u ends where it began."""
    space = box([-3], [7], np.float64)
    back = from_box(to_box(np.array([raw]), space, "tanh", True), space, "tanh", True)
    np.testing.assert_allclose(back, [raw], rtol=1e-9, atol=1e-12)


@given(st.floats(-5, 5))
def test_the_inverse_does_not_undo_clip(raw):
    """Under clip the way u -> a -> u ends at min(max(u, -1), 1)."""
    space = box([-3], [7], np.float64)
    back = from_box(to_box(np.array([raw]), space, "clip", True), space, "clip", True)
    np.testing.assert_allclose(back, [min(max(raw, -1.0), 1.0)], atol=1e-12)


def test_the_inverse_of_a_dimension_without_width_is_minus_one_or_under_tanh_zero():
    """Every raw action maps to the only value of that dimension."""
    space = box([0.5, 0.0], [0.5, 1.0])
    act = np.array([0.5, 0.5], np.float32)
    np.testing.assert_allclose(from_box(act, space, "clip", True), [-1, 0], atol=1e-6)
    np.testing.assert_allclose(from_box(act, space, "tanh", True), [0, 0], atol=1e-6)
    np.testing.assert_array_equal(to_box(np.array([7, 0], np.float32), space, "tanh", True), act)


class BlindGaussian(torch.nn.Module):
    """An actor with one mean and one standard deviation for all observations."""

    def __init__(self, mu, sigma):
        super().__init__()
        self.mu = torch.nn.Parameter(torch.tensor([float(mu)]))
        self.log_sigma = torch.nn.Parameter(torch.tensor([math.log(sigma)]))

    def forward(self, obs, state=None, info=None):
        size = (len(obs), 1)
        return (self.mu.expand(size), self.log_sigma.exp().expand(size)), state


def blind_policy(space, mu=0.0, sigma=1.0, **settings):
    defaults: dict[str, Any] = {"dist_fn": joint_normal, "action_scaling": True}
    return make_policy(BlindGaussian(mu, sigma), space, **(defaults | settings))


SENT = {
    ("clip", True): lambda u: 2 * np.clip(u, -1, 1),
    ("tanh", True): lambda u: 2 * np.tanh(u),
    ("clip", False): lambda u: np.clip(u, -1, 1),
    (None, False): lambda u: np.clip(u, -2, 2),  # Here the environment clips.
}


@pytest.mark.parametrize(("method", "scaling"), SENT)
def test_the_pendulum_gets_the_mapped_action_while_the_raw_one_is_stored(method, scaling):
    """The angular acceleration dω/dt = 15 sin φ + 3 a shows which torque a was applied."""
    torch.manual_seed(0)
    envs = gym.make_vec("Pendulum-v1", num_envs=4)
    space = envs.single_action_space
    policy = blind_policy(space, action_bound_method=method, action_scaling=scaling)
    buffer = VectorReplayBuffer(400, buffer_num=4)
    Collector(policy, envs, buffer).collect(n_step=400, gym_reset_kwargs={"seed": 0})
    rows: Any = buffer[:]
    change = (rows.obs_next[:, 2] - rows.obs[:, 2]) / 0.05
    torque = (change - 15 * rows.obs[:, 1]) / 3
    free = abs(rows.obs_next[:, 2]) < 7.99  # The environment also limits the speed.
    np.testing.assert_allclose(torque[free], SENT[method, scaling](rows.act[free, 0]), atol=1e-3)
    assert abs(rows.act).max() > 2
    assert free.sum() > 100


def clip(u):
    return min(max(u, -1.0), 1.0)


def reward(v):
    return -((v - 0.2) ** 2)


def expect(f, mu, sigma):
    """Return E[f(u)], u ~ Normal(mu, sigma), integrated between the kinks of clip."""

    def integrand(u):
        return f(u) * math.exp(-(((u - mu) / sigma) ** 2) / 2) / (sigma * math.sqrt(2 * math.pi))

    cuts = [mu - 10 * sigma, *(k for k in (-1, 0, 1) if abs(k - mu) < 10 * sigma), mu + 10 * sigma]
    return sum(quad(integrand, a, b, epsabs=1e-13, epsrel=1e-13)[0] for a, b in pairwise(cuts))


def slopes(bounded, mu, sigma, paid=reward, step=1e-3):
    """Return the derivatives of J = E[R(bounded(u))] by mu and by log sigma, from values of J."""

    def j(by_mu, by_log_sigma):
        return expect(lambda u: paid(bounded(u)), mu + by_mu, sigma * math.exp(by_log_sigma))

    def slope(f):  # central differences of fourth order
        return (8 * (f(step) - f(-step)) - (f(2 * step) - f(-2 * step))) / (12 * step)

    return slope(lambda h: j(h, 0.0)), slope(lambda h: j(0.0, h))


def estimated(bounded, scored, mu, sigma):
    """Return E[R(bounded(u)) ∇log p(x)] at x = scored(u), by mu and by log sigma."""
    by_mu = expect(lambda u: reward(bounded(u)) * (scored(u) - mu) / sigma**2, mu, sigma)
    return by_mu, expect(
        lambda u: reward(bounded(u)) * (((scored(u) - mu) / sigma) ** 2 - 1), mu, sigma
    )


def raw(u):
    return u


MEANS = (0.3, 0.8, 1.0, 1.5)


@pytest.mark.parametrize("mu", MEANS)
@pytest.mark.parametrize("bounded", [clip, math.tanh])
def test_the_score_of_the_raw_action_is_unbiased_under_any_bound(bounded, mu):
    """∇E[R(f(u))] = E[R(f(u)) ∇log p(u)] without a derivative of f or a Jacobian."""
    found = estimated(bounded, raw, mu, 0.6)
    np.testing.assert_allclose(found, slopes(bounded, mu, 0.6), atol=1e-9)


@pytest.mark.parametrize(
    "mu, true, rescored",
    [(0.3, 0.024, 0.075), (0.8, -0.308, -0.037), (1.0, -0.322, 0.103), (1.5, -0.188, 0.822)],
)
def test_the_score_of_the_clipped_action_is_biased(mu, true, rescored):
    """E[R (clip(u) - μ) / σ²] is not the slope of J; above μ = 0.87 it has the wrong sign."""
    assert slopes(clip, mu, 0.6)[0] == pytest.approx(true, abs=5e-4)
    assert estimated(clip, clip, mu, 0.6)[0] == pytest.approx(rescored, abs=5e-4)


@pytest.mark.parametrize("mu", MEANS)
def test_only_the_clipped_draws_cause_the_bias(mu):
    """The bias is -(R(1) E[(u - 1)⁺] - R(-1) E[(-1 - u)⁺]) / σ².

    The closed form is E[(u - k)⁺] = σ φ(z) - (k - μ) P(u > k) with z = (k - μ) / σ.
    """

    def excess(mean):  # E[(u - 1)⁺]; the lower tail of u is the upper tail of -u
        z = (1 - mean) / 0.6
        density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        return 0.6 * density - (1 - mean) * math.erfc(z / math.sqrt(2)) / 2

    bias = -(reward(1) * excess(mu) - reward(-1) * excess(-mu)) / 0.6**2
    found = estimated(clip, clip, mu, 0.6)[0] - estimated(clip, raw, mu, 0.6)[0]
    assert found == pytest.approx(bias, abs=1e-9)


@pytest.mark.parametrize("bounded", [clip, math.tanh])
def test_a_constant_reward_moves_the_policy_if_the_bounded_action_is_scored(bounded):
    """E[∇log p(u)] = 0, but E[∇log p(bounded(u))] is not."""
    assert expect(lambda u: u - 1.0, 1.0, 0.6) == pytest.approx(0, abs=1e-12)
    assert expect(lambda u: bounded(u) - 1.0, 1.0, 0.6) / 0.6**2 < -0.6


def test_tanh_scored_under_the_normal_is_biased_in_both_parameters():
    """At μ = 0.5, σ = 1: .132 instead of .057 by μ, and +.087 instead of -.351 by log σ."""
    np.testing.assert_allclose(slopes(math.tanh, 0.5, 1.0), [0.057, -0.351], atol=5e-4)
    found = estimated(math.tanh, math.tanh, 0.5, 1.0)
    np.testing.assert_allclose(found, [0.132, 0.087], atol=5e-4)


@given(st.floats(-3, 3))
def test_the_jacobian_of_tanh_does_not_change_the_score(u):
    """log p(v) = log p(u) - log(1 - v²), and the second term contains no parameter."""
    theta = torch.tensor([0.5, -0.3], dtype=torch.float64, requires_grad=True)
    gaussian = Normal(theta[0], theta[1].exp())
    sample = torch.tensor(u, dtype=torch.float64)
    with_jacobian = TransformedDistribution(gaussian, TanhTransform()).log_prob(sample.tanh())
    without = gaussian.log_prob(sample)
    found, expected = (
        torch.autograd.grad(log_prob, theta, retain_graph=True)[0]
        for log_prob in (with_jacobian, without)
    )
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    assert (with_jacobian - without).item() == pytest.approx(-math.log(1 - math.tanh(u) ** 2))


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
def test_the_entropy_of_the_bounded_action_needs_the_jacobian(sigma):
    """H(tanh u) = H(u) + E[log(1 - tanh² u)] agrees with -∫ p log p over (-1, 1)."""
    distribution = TransformedDistribution(
        Normal(torch.zeros((), dtype=torch.float64), sigma), TanhTransform()
    )

    def minus_p_log_p(v):
        log_p = distribution.log_prob(torch.tensor(v, dtype=torch.float64)).item()
        return -math.exp(log_p) * log_p

    by_density = 2 * quad(minus_p_log_p, 0, 1 - 1e-12, limit=400)[0]
    of_u = math.log(2 * math.pi * math.e * sigma**2) / 2
    # 1 - tanh² u = 1 / cosh² u
    correction = expect(lambda u: -2 * math.log(math.cosh(u)), 0.0, sigma)
    assert by_density == pytest.approx(of_u + correction, abs=1e-4)


@pytest.mark.parametrize("mu", MEANS)
@pytest.mark.parametrize("method", ["clip", "tanh"])
def test_learning_from_stored_raw_actions_follows_the_slope_of_the_objective(method, mu):
    """One PGPolicy.learn on quadrature points is an exact step if the returns are B weight R."""
    policy = blind_policy(Box(-2, 2, (1,)), mu, 0.6, action_bound_method=method)
    edges = np.array([mu - 5, -1, 1, mu + 5])
    nodes, weights = np.polynomial.legendre.leggauss(80)
    middle, half = (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2
    u = (middle[:, None] + half[:, None] * nodes).ravel()
    density = np.exp(-(((u - mu) / 0.6) ** 2) / 2) / (0.6 * math.sqrt(2 * math.pi))
    batch = Batch(obs=np.zeros((len(u), 1)), act=u[:, None])
    sent = policy.map_action(batch.act)[:, 0]
    batch.returns = len(u) * (half[:, None] * weights).ravel() * density * reward(sent / 2)
    before = [policy.actor.mu.item(), policy.actor.log_sigma.item()]
    policy.learn(batch, batch_size=None, repeat=1)
    step = np.array([policy.actor.mu.item(), policy.actor.log_sigma.item()]) - before
    expected = slopes({"clip": clip, "tanh": math.tanh}[method], mu, 0.6)
    np.testing.assert_allclose(step, expected, atol=1e-5)


def valve(u):
    return max(u, 0.0)


@pytest.mark.parametrize("mu, sigma", [(0.5, 0.6), (-0.3, 2.0)])
def test_the_averaged_score_of_a_closed_valve_is_unbiased_and_has_less_variance(mu, sigma):
    """E[R(v) E[∇log p(u) | v]] = ∇J, and the inner expectation reduces the variance."""
    score = record("05.5").key

    def averaged(u):
        return reward(valve(u)) * float(score(np.array([u]), mu, sigma)[0])

    def drawn(u):
        return reward(valve(u)) * (u - mu) / sigma**2

    assert expect(averaged, mu, sigma) == pytest.approx(slopes(valve, mu, sigma)[0], abs=1e-8)
    second_moments = [expect(lambda u, f=f: f(u) ** 2, mu, sigma) for f in (averaged, drawn)]
    assert second_moments[0] < second_moments[1]


def test_averaging_the_score_is_biased_if_the_reward_depends_on_the_raw_action():
    """For R = -u² the bias is P(u <= 0) Cov(u², ∇log p(u) | u <= 0)."""
    mu, sigma, score = 0.5, 0.6, record("05.5").key

    def closed(f):
        return expect(lambda u: f(u) if u <= 0 else 0.0, mu, sigma)

    def drawn(u):
        return (u - mu) / sigma**2

    bias = closed(lambda u: u**2 * drawn(u)) - closed(lambda u: u**2) * closed(drawn) / closed(
        lambda u: 1.0
    )
    found = expect(lambda u: -(u**2) * float(score(np.array([u]), mu, sigma)[0]), mu, sigma)
    assert found - (-2 * mu) == pytest.approx(bias, abs=1e-9)  # J = -(μ² + σ²)
    assert bias < 0


def test_a_mean_that_is_bounded_twice_reaches_tanh_of_one_only():
    """tanh(tanh(x)) < tanh(1) = 0.762."""
    twice = bound(bound(np.array([100.0]), "tanh"), "tanh")
    np.testing.assert_allclose(twice, math.tanh(1.0), rtol=1e-12)
