"""A raw action becomes an environment action, and the raw one is stored and scored.

The oracles: formulas in float64 and in Fractions, the space itself, the pendulum's equation of
motion, and for gradients the slope of the objective, integrated by scipy.
"""

import math
from fractions import Fraction
from itertools import pairwise

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from torch.distributions import Independent, Normal, TransformedDistribution
from torch.distributions.transforms import TanhTransform

from pg_edu import Batch, Collector, PGPolicy, VectorReplayBuffer
from pg_edu.actions import bound, from_box, scale, to_box, unscale
from pg_edu.course import exercise

METHODS = ["clip", "tanh", None]


def box(low, high, dtype=np.float32):
    return Box(np.array(low, dtype), np.array(high, dtype), dtype=dtype)


def test_clip_then_scale():
    """a = low + (high - low) (v + 1) / 2 with v = min(max(u, -1), 1)."""
    space = box([0, -2], [10, 2])
    act = np.float32([[-5, 0], [0.5, 5]])
    np.testing.assert_array_equal(to_box(act, space, "clip", True), [[0, 0], [7.5, 2]])


def test_tanh_then_scale():
    """v = tanh(u)."""
    space = box([0.0], [10.0])
    act = np.array([[0.5]])
    expected = 10 * (np.tanh(0.5) + 1) / 2
    np.testing.assert_allclose(to_box(act, space, "tanh", True), [[expected]], rtol=1e-7)


bounds_of_a_range = st.tuples(st.integers(-1000, 1000), st.integers(1, 1000))


@given(bounds_of_a_range, st.integers(-64, 64))
def test_scaling_is_the_straight_line_through_both_ends(bounds, numerator):
    """a = low + (high - low) (v + 1) / 2, in exact fractions."""
    low, width = bounds
    v = Fraction(numerator, 64)
    expected = low + width * (v + 1) / 2
    found = scale(np.array([float(v)]), np.array([low]), np.array([low + width]))
    np.testing.assert_allclose(found, [float(expected)], rtol=1e-15, atol=1e-12)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=5), st.sampled_from(["clip", "tanh"]))
def test_a_batch_is_mapped_action_by_action(raw, method):
    """to_box [N, 1] is N times to_box [1]."""
    space = box([-1], [3], np.float64)
    alone = [to_box(np.array([u]), space, method, True) for u in raw]
    np.testing.assert_array_equal(to_box(np.array(raw)[:, None], space, method, True), alone)


@given(bounds_of_a_range, st.floats(-5, 5))
def test_for_clip_it_does_not_matter_whether_one_bounds_or_scales_first(bounds, raw):
    """clip(scale(u), low, high) = scale(clip(u, -1, 1)), since a rising line keeps the order."""
    low, width = bounds
    space = box([low], [low + width], np.float64)
    scaled_first = np.clip(low + width * (raw + 1) / 2, low, low + width)
    found = to_box(np.array([raw]), space, "clip", True)
    np.testing.assert_allclose(found, [scaled_first], rtol=1e-12, atol=1e-12)


@given(st.floats(-20, 20), st.floats(-20, 20), st.sampled_from(["clip", "tanh"]))
def test_a_larger_raw_action_never_becomes_a_smaller_one(one, other, method):
    """u <= u' implies a <= a'."""
    act = np.sort([one, other])[:, None]
    first, second = to_box(act, box([-2], [5]), method, True)
    assert first <= second


@pytest.mark.parametrize("method", METHODS)
def test_without_scaling_the_range_is_minus_one_to_one(method):
    """The space does not matter, but its dtype does."""
    space = box([-3, -3], [3, 3])
    act = np.array([-2.0, 0.5])
    expected = {"clip": [-1, 0.5], "tanh": np.tanh(act), None: act}[method]
    found = to_box(act, space, method, scaling=False)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == (np.float64 if method is None else np.float32)


@given(
    st.lists(st.floats(-1e3, 1e3, width=32), min_size=2, max_size=2, unique=True),
    st.floats(-3, 3),
    st.sampled_from(["clip", "tanh"]),
    st.sampled_from([np.float16, np.float32, np.float64]),
)
def test_scaled_actions_are_always_in_the_space(bounds, act, method, dtype):
    """low <= a <= high in the space's own dtype, whatever was rounded on the way."""
    space = box([min(bounds)], [max(bounds)], dtype)
    assert space.contains(to_box(np.array([act]), space, method, True))


@given(bounds_of_a_range, st.floats(-1, 1))
def test_unscaling_undoes_scaling(bounds, v):
    """v = 2 (a - low) / (high - low) - 1."""
    low, high = np.array([bounds[0]]), np.array([sum(bounds)])
    np.testing.assert_allclose(unscale(scale(np.array([v]), low, high), low, high), [v], atol=1e-11)


@given(st.floats(-5, 5))
def test_what_tanh_did_is_undone(raw):
    """u -> a -> u comes back under tanh."""
    space = box([-3], [7], np.float64)
    back = from_box(to_box(np.array([raw]), space, "tanh", True), space, "tanh", True)
    np.testing.assert_allclose(back, [raw], rtol=1e-9, atol=1e-12)


@given(st.floats(-5, 5))
def test_what_clip_did_is_not_undone(raw):
    """u -> a -> u comes back as min(max(u, -1), 1)."""
    space = box([-3], [7], np.float64)
    back = from_box(to_box(np.array([raw]), space, "clip", True), space, "clip", True)
    np.testing.assert_allclose(back, [min(max(raw, -1.0), 1.0)], atol=1e-12)


@given(st.floats(-0.999, 0.999), st.sampled_from(METHODS))
def test_the_inverse_of_an_action_maps_back_to_it(unit, method):
    """map(inverse(a)) = a."""
    space = box([-1.0, 0.0], [3.0, 1e-3], np.float64)
    act = space.low + (space.high - space.low) * (unit + 1) / 2
    raw = from_box(act, space, method, True)
    np.testing.assert_allclose(to_box(raw, space, method, True), act, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64])
def test_every_integer_action_comes_back_from_its_inverse(dtype):
    """map(inverse(k)) = k for integer spaces, also at the ends of the type."""
    limits = np.iinfo(dtype)
    space = box([limits.min], [limits.max], dtype)
    wide = limits.bits > 32  # float64 has 53 bits: only the ends and the middle are exact
    acts = [limits.min, limits.max] if wide else np.linspace(limits.min, limits.max, 256).round()
    for act in np.array(acts, dtype).reshape(-1, 1):
        found = to_box(from_box(act, space, "clip", True), space, "clip", True)
        assert found.dtype == dtype and found == act


@pytest.mark.parametrize("dtype, lowest", [(np.int8, -1), (np.uint8, 0)])
def test_without_scaling_an_integer_action_is_the_nearest_that_the_type_has(dtype, lowest):
    """[-1, 1] rounded; where the space begins plays no part, where the type begins does."""
    found = to_box(np.array([[-5.0], [0.4], [0.7]]), box([3], [9], dtype), "clip", scaling=False)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found[:, 0], [lowest, 0, 1])


def test_a_box_as_wide_as_float32_does_not_overflow():
    """high - low is infinite in float32; low + (high - low) / 2 * (v + 1) must not be."""
    space = box([-3e38], [3e38])
    mapped = to_box(np.float32([[-1], [-0.5], [0], [0.5], [1]]), space, "clip", True)
    np.testing.assert_allclose(mapped[:, 0], [-3e38, -1.5e38, 0, 1.5e38, 3e38], rtol=1e-6)
    raw = from_box(mapped, space, "clip", True)
    np.testing.assert_allclose(raw[:, 0], [-1, -0.5, 0, 0.5, 1], rtol=1e-6)


@pytest.mark.parametrize("dtype, largest", [(np.float32, 8.66), (np.float64, 18.71)])
def test_tanh_is_undone_to_finite_values_at_the_bounds(dtype, largest):
    """atanh(1) is infinite; atanh(1 - ulp / 2) = log(4 / ulp) / 2 is what stands for it."""
    space = box([-2.0], [2.0], dtype)
    raw = from_box(np.array([[-2.0], [2.0]], dtype), space, "tanh", True)
    np.testing.assert_allclose(raw[:, 0], [-largest, largest], atol=0.01)


def test_in_float32_a_raw_ten_comes_back_as_the_largest_finite_value():
    """1 - tanh(u) is below half of float32's gap under 1 from u = log(2^26 - 1) / 2 = 9.01 on."""
    space = box([-2.0], [2.0])
    back = from_box(to_box(np.float32([10, -10]), space, "tanh", False), space, "tanh", False)
    largest = math.atanh(1 - 2.0**-24)
    np.testing.assert_allclose(back, [largest, -largest], rtol=1e-6)


def test_a_dimension_without_width_has_the_inverse_minus_one_and_under_tanh_zero():
    """Every raw action maps to its one value."""
    space = box([0.5, 0.0], [0.5, 1.0])
    act = np.float32([0.5, 0.5])
    np.testing.assert_allclose(from_box(act, space, "clip", True), [-1, 0], atol=1e-6)
    np.testing.assert_allclose(from_box(act, space, "tanh", True), [0, 0], atol=1e-6)
    np.testing.assert_array_equal(to_box(np.float32([7, 0]), space, "tanh", True), act)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scaling", [True, False])
@pytest.mark.parametrize("function", [to_box, from_box])
def test_nan_is_an_error_in_every_mode(method, scaling, function):
    with pytest.raises(ValueError, match=r"act .* NaN"):
        function(np.array([0.0, np.nan]), box([-1, -1], [1, 1]), method, scaling)


def test_unbounded_scaling_allows_rounding_and_nothing_more():
    """1.0000001 is what float32 makes of 1; 1.1 is a mistake."""
    space = box([-2.0], [2.0])
    assert to_box(np.float32([1.0000001]), space, None, True) == 2.0
    with pytest.raises(ValueError, match=r"from 1.1.* to 1.1.*Bound it first"):
        to_box(np.float32([1.1]), space, None, True)


def test_undoing_tanh_outside_the_space_is_an_error():
    with pytest.raises(ValueError, match=r"inside .* only, but act is"):
        from_box(np.float32([2.5]), box([-2.0], [2.0]), "tanh", True)


@pytest.mark.parametrize("function", [to_box, from_box])
@pytest.mark.parametrize("shape", [(), (1,), (4, 1), (3,)])
def test_one_number_never_becomes_two_actions(function, shape):
    """numpy would broadcast [4, 1] to [4, 2]."""
    with pytest.raises(ValueError, match=r"shape of one action, \[2\]"):
        function(np.zeros(shape), box([-1, -1], [1, 1]), "clip", True)


class BlindGaussian(torch.nn.Module):
    """Mean and standard deviation, whatever is seen."""

    def __init__(self, mu, sigma):
        super().__init__()
        self.mu = torch.nn.Parameter(torch.tensor([float(mu)]))
        self.log_sigma = torch.nn.Parameter(torch.tensor([math.log(sigma)]))

    def forward(self, obs, state=None, info=None):
        size = (len(obs), 1)
        return (self.mu.expand(size), self.log_sigma.exp().expand(size)), state


def blind_policy(space, mu=0.0, sigma=1.0, **how):
    actor = BlindGaussian(mu, sigma)
    return PGPolicy(
        actor=actor,
        optim=torch.optim.SGD(actor.parameters(), lr=1.0),
        dist_fn=lambda loc_scale: Independent(Normal(*loc_scale), 1),
        action_space=space,
        **how,
    )


SENT = {
    ("clip", True): lambda u: 2 * np.clip(u, -1, 1),
    ("tanh", True): lambda u: 2 * np.tanh(u),
    ("clip", False): lambda u: np.clip(u, -1, 1),
    (None, False): lambda u: np.clip(u, -2, 2),  # the pendulum clips by itself
}


@pytest.mark.parametrize("how", SENT, ids=str)
def test_the_pendulum_turns_by_the_mapped_action_while_the_raw_one_is_stored(how):
    """The torque is what its angular acceleration says: dw/dt = 15 sin(phi) + 3 a."""
    torch.manual_seed(0)
    envs = gym.make_vec("Pendulum-v1", num_envs=4)
    space = envs.single_action_space
    policy = blind_policy(space, action_bound_method=how[0], action_scaling=how[1])
    buffer = VectorReplayBuffer(400, buffer_num=4)
    Collector(policy, envs, buffer).collect(n_step=400, gym_reset_kwargs={"seed": 0})
    rows = buffer[:]
    change = (rows.obs_next[:, 2] - rows.obs[:, 2]) / 0.05
    torque = (change - 15 * rows.obs[:, 1]) / 3
    free = abs(rows.obs_next[:, 2]) < 7.99  # the speed has a bound of its own
    np.testing.assert_allclose(torque[free], SENT[how](rows.act[free, 0]), atol=1e-3)
    assert abs(rows.act).max() > 2 and free.sum() > 100


def clip(u):
    return min(max(u, -1.0), 1.0)


def reward(v):
    return -((v - 0.2) ** 2)


def expect(f, mu, sigma):
    """E[f(u)], u ~ Normal(mu, sigma), between the kinks of clip."""

    def integrand(u):
        return f(u) * math.exp(-(((u - mu) / sigma) ** 2) / 2) / (sigma * math.sqrt(2 * math.pi))

    cuts = [mu - 10 * sigma, *(k for k in (-1, 0, 1) if abs(k - mu) < 10 * sigma), mu + 10 * sigma]
    return sum(quad(integrand, a, b, epsabs=1e-13, epsrel=1e-13)[0] for a, b in pairwise(cuts))


def slopes(bounded, mu, sigma, paid=reward, step=1e-3):
    """The derivatives of J = E[R(bounded(u))] by mu and by log sigma, from J alone."""

    def j(by_mu, by_log_sigma):
        return expect(lambda u: paid(bounded(u)), mu + by_mu, sigma * math.exp(by_log_sigma))

    def slope(f):  # fourth order
        return (8 * (f(step) - f(-step)) - (f(2 * step) - f(-2 * step))) / (12 * step)

    return slope(lambda h: j(h, 0.0)), slope(lambda h: j(0.0, h))


def estimated(bounded, scored, mu, sigma):
    """E[R(bounded(u)) grad log p(x)] at x = scored(u), by mu and by log sigma."""
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
    """grad E[R(f(u))] = E[R(f(u)) grad log p(u)]: no derivative of f, and no Jacobian."""
    found = estimated(bounded, raw, mu, 0.6)
    np.testing.assert_allclose(found, slopes(bounded, mu, 0.6), atol=1e-9)


@pytest.mark.parametrize(
    "mu, true, rescored",
    [(0.3, 0.024, 0.075), (0.8, -0.308, -0.037), (1.0, -0.322, 0.103), (1.5, -0.188, 0.822)],
)
def test_the_score_of_the_clipped_action_is_biased(mu, true, rescored):
    """E[R (clip(u) - mu) / sigma^2] is not the slope of J, and beyond 0.87 has the wrong sign."""
    assert slopes(clip, mu, 0.6)[0] == pytest.approx(true, abs=5e-4)
    assert estimated(clip, clip, mu, 0.6)[0] == pytest.approx(rescored, abs=5e-4)


@pytest.mark.parametrize("mu", MEANS)
def test_the_bias_comes_from_the_clipped_draws_alone(mu):
    """re-scored - true = -(R(1) E[(u - 1)+] - R(-1) E[(-1 - u)+]) / sigma^2.

    With E[(u - k)+] = s phi(z) - (k - mu) P(u > k), z = (k - mu) / s, in closed form.
    """

    def excess(mean):  # E[(u - 1)+]; the lower tail is the upper one of -u
        z = (1 - mean) / 0.6
        density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        return 0.6 * density - (1 - mean) * math.erfc(z / math.sqrt(2)) / 2

    bias = -(reward(1) * excess(mu) - reward(-1) * excess(-mu)) / 0.6**2
    found = estimated(clip, clip, mu, 0.6)[0] - estimated(clip, raw, mu, 0.6)[0]
    assert found == pytest.approx(bias, abs=1e-9)


@pytest.mark.parametrize("bounded", [clip, math.tanh])
def test_a_constant_reward_moves_the_policy_if_the_bounded_action_is_scored(bounded):
    """E[grad log p(u)] = 0, but not so for bounded(u)."""
    assert expect(lambda u: u - 1.0, 1.0, 0.6) == pytest.approx(0, abs=1e-12)
    assert expect(lambda u: bounded(u) - 1.0, 1.0, 0.6) / 0.6**2 < -0.6


def test_tanh_scored_under_the_normal_is_biased_in_both_parameters():
    """mu = 0.5, sigma = 1: by mu .132 instead of .057, by log sigma +.087 instead of -.351."""
    np.testing.assert_allclose(slopes(math.tanh, 0.5, 1.0), [0.057, -0.351], atol=5e-4)
    found = estimated(math.tanh, math.tanh, 0.5, 1.0)
    np.testing.assert_allclose(found, [0.132, 0.087], atol=5e-4)


@given(st.floats(-3, 3))
def test_the_jacobian_of_tanh_does_not_change_the_score(u):
    """log p(v) = log p(u) - log(1 - v^2), and no parameter stands in the second term."""
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
    """H(tanh u) = H(u) + E[log(1 - tanh^2 u)], against -int p log p over (-1, 1)."""
    distribution = TransformedDistribution(
        Normal(torch.zeros((), dtype=torch.float64), sigma), TanhTransform()
    )

    def minus_p_log_p(v):
        log_p = distribution.log_prob(torch.tensor(v, dtype=torch.float64)).item()
        return -math.exp(log_p) * log_p

    by_density = 2 * quad(minus_p_log_p, 0, 1 - 1e-12, limit=400)[0]
    of_u = math.log(2 * math.pi * math.e * sigma**2) / 2
    correction = expect(
        lambda u: -2 * math.log(math.cosh(u)), 0.0, sigma
    )  # 1 - tanh^2 = 1 / cosh^2
    assert by_density == pytest.approx(of_u + correction, abs=1e-4)


@pytest.mark.parametrize("mu", MEANS)
@pytest.mark.parametrize("method", ["clip", "tanh"])
def test_learning_from_stored_raw_actions_follows_the_slope_of_the_objective(method, mu):
    """One PGPolicy.learn on quadrature points, each with the return B weight R: an exact step."""
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
def test_the_score_of_being_clipped_is_unbiased_and_has_less_variance(mu, sigma):
    """E[R(v) E[grad log p(u) | v]] = grad J, and the inner mean takes variance away."""
    score = exercise("05.5").key

    def averaged(u):
        return reward(valve(u)) * float(score(np.array([u]), mu, sigma)[0])

    def drawn(u):
        return reward(valve(u)) * (u - mu) / sigma**2

    assert expect(averaged, mu, sigma) == pytest.approx(slopes(valve, mu, sigma)[0], abs=1e-8)
    second_moments = [expect(lambda u, f=f: f(u) ** 2, mu, sigma) for f in (averaged, drawn)]
    assert second_moments[0] < second_moments[1]


def test_averaging_the_score_is_biased_where_the_raw_action_itself_is_fined():
    """R = -u^2 depends on u beyond v; the bias is P(u <= 0) Cov(u^2, grad log p(u) | u <= 0)."""
    mu, sigma, score = 0.5, 0.6, exercise("05.5").key

    def closed(f):
        return expect(lambda u: f(u) if u <= 0 else 0.0, mu, sigma)

    def drawn(u):
        return (u - mu) / sigma**2

    bias = closed(lambda u: u**2 * drawn(u)) - closed(lambda u: u**2) * closed(drawn) / closed(
        lambda u: 1.0
    )
    found = expect(lambda u: -(u**2) * float(score(np.array([u]), mu, sigma)[0]), mu, sigma)
    assert found - (-2 * mu) == pytest.approx(bias, abs=1e-9)  # J = -(mu^2 + sigma^2)
    assert bias < 0


def test_a_mean_that_is_bounded_twice_gets_to_tanh_of_one_only():
    """tanh(tanh(x)) < tanh(1) = 0.762."""
    twice = bound(bound(np.array([100.0]), "tanh"), "tanh")
    np.testing.assert_allclose(twice, math.tanh(1.0), rtol=1e-12)
