"""The exact MDPs: linear equations against enumeration, finite differences and closed forms."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

from pg_edu.lab.exact.judge import cosine, gaussian_expectation, judge
from pg_edu.lab.exact.mdp import MDP, softmax
from pg_edu.lab.exact.tasks import (
    bandit,
    coins,
    contexts,
    forced_minus_5,
    invest,
    late_cost,
    length_bias,
    patience,
    short_corridor,
    stop_or_go,
    two_decisions,
)
from tests.lab.by_hand import discounted_sum


def random_mdp(seed, ends=0.3, gamma=0.9, limit=None):
    """Three states, two of which look alike; every step ends with probability `ends`."""
    rng = np.random.default_rng(seed)
    return MDP(
        start=rng.dirichlet(np.ones(3)),
        transition=(1 - ends) * rng.dirichlet(np.ones(3), size=(3, 2)),
        reward=rng.normal(size=(3, 2)),
        logits=rng.normal(size=(2, 2)),
        gamma=gamma,
        observation=[0, 1, 1],
        limit=limit,
    )


def differences(function, logits, h=1e-5):
    """Central finite differences of a function of the logits, one component at a time."""
    result = np.zeros_like(logits)
    for index in np.ndindex(logits.shape):
        up, down = logits.copy(), logits.copy()
        up[index] += h
        down[index] -= h
        result[index] = (function(up) - function(down)) / (2 * h)
    return result


def expectation(mdp, f):
    """E[f(episode)], summed over every episode."""
    return sum(p * f(e) for p, e in zip(*mdp.episodes(), strict=True))


# Linear equations.


@pytest.mark.parametrize("objective", ["discounted", "undiscounted"])
@pytest.mark.parametrize("limit", [1, 2, 4])
def test_the_objective_with_a_time_limit_is_the_mean_over_all_episodes(objective, limit):
    """J = Σ p(episode) Σ γᵗ rₜ."""
    mdp = random_mdp(0, limit=limit)
    gamma = mdp.gamma if objective == "discounted" else 1.0
    assert mdp.J(objective) == pytest.approx(
        expectation(mdp, lambda e: discounted_sum(e.rew, gamma)), abs=1e-14
    )


@pytest.mark.parametrize("gamma", [0.5, 1.0])
def test_values_without_a_limit_are_the_sum_of_their_series(gamma):
    """V = Σₖ (γP)ᵏ r."""
    mdp = random_mdp(1, gamma=gamma)
    P = np.einsum("sa,sap->sp", mdp.policy, mdp.transition)
    term = (mdp.policy * mdp.reward).sum(axis=1)
    total = np.zeros(3)
    for _ in range(200):
        total += term
        term = gamma * P @ term
    np.testing.assert_allclose(mdp.value(), total, atol=1e-13)


@pytest.mark.parametrize("objective", ["discounted", "undiscounted"])
@pytest.mark.parametrize("limit", [None, 3])
@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_is_the_derivative_of_the_objective(objective, limit, seed):
    """∂J/∂θ, by central differences."""
    mdp = random_mdp(seed, limit=limit)
    expected = differences(lambda x: mdp.at(x).J(objective), mdp.logits)
    np.testing.assert_allclose(mdp.gradient(objective), expected, atol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_the_average_gradient_is_the_derivative_of_the_average_reward(seed):
    """ρ = μ r, where μ is the limit of start Pᵗ, by central differences."""

    def long_run_average(logits):
        moved = mdp.at(logits)
        P = np.einsum("sa,sap->sp", moved.policy, moved.transition)
        stationary = moved.start @ np.linalg.matrix_power(P, 1024)
        return stationary @ (moved.policy * moved.reward).sum(axis=1)

    mdp = random_mdp(seed, ends=0.0)
    assert mdp.J("average") == pytest.approx(long_run_average(mdp.logits), abs=1e-13)
    expected = differences(long_run_average, mdp.logits)
    np.testing.assert_allclose(mdp.gradient("average"), expected, atol=1e-8)


@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.99])
def test_the_discounted_value_under_the_stationary_distribution_is_the_average_reward(gamma):
    """(1 - γ) Σ μ(s) V_γ(s) = ρ for every γ."""
    mdp = random_mdp(2, ends=0.0, gamma=gamma)
    value = (1 - gamma) * mdp.occupancy("average") @ mdp.value()
    assert value == pytest.approx(mdp.J("average"), abs=1e-13)


def test_differential_values_solve_their_equation_and_have_mean_zero():
    """V = r - ρ + P V, μ V = 0."""
    mdp = random_mdp(3, ends=0.0)
    value = mdp.value("average")
    np.testing.assert_allclose((mdp.policy * mdp.q("average")).sum(axis=1), value, atol=1e-13)
    assert mdp.occupancy("average") @ value == pytest.approx(0, abs=1e-13)


def test_occupancy_counts_discounted_visits():
    """d(s) = E[Σ γᵗ 1{sₜ = s}]; by time, E[γᵗ 1{sₜ = s}]."""
    mdp = random_mdp(4, limit=3)
    visits = np.zeros((3, 3))
    for p, e in zip(*mdp.episodes(), strict=True):
        for t, s in enumerate(e.states):
            visits[t, s] += p * mdp.gamma**t
    np.testing.assert_allclose(mdp.occupancy(), visits, atol=1e-14)


def test_q_is_the_mean_return_given_time_state_and_action():
    """Q(t, s, a) = E[Gₜ | sₜ = s, aₜ = a]."""
    mdp = random_mdp(5, limit=3)
    mass, total = np.zeros((2, 3, 3, 2))
    for p, e in zip(*mdp.episodes(), strict=True):
        for t, (s, a) in enumerate(zip(e.states, e.act, strict=True)):
            mass[t, s, a] += p
            total[t, s, a] += p * discounted_sum(e.rew[t:], mdp.gamma)
    np.testing.assert_allclose(mdp.q(), total / mass, atol=1e-13)


@pytest.mark.parametrize("limit", [2, 4])
def test_without_gamma_t_is_the_expectation_of_the_plain_sum(limit):
    """E[Σₜ ∇log π(aₜ|sₜ) Gₜ], summed over every episode."""

    def plain_sum(e):
        return sum(e.score[t] * discounted_sum(e.rew[t:], mdp.gamma) for t in range(len(e)))

    mdp = random_mdp(6, limit=limit)
    np.testing.assert_allclose(mdp.without_gamma_t(), expectation(mdp, plain_sum), atol=1e-13)


def test_the_score_is_the_gradient_of_the_log_probability():
    """∂ log π(a | o) / ∂θ, by central differences."""
    mdp = random_mdp(7, limit=2)
    for e in mdp.episodes()[1]:
        for t, (o, a) in enumerate(zip(e.obs, e.act, strict=True)):
            expected = differences(lambda x, o=o, a=a: np.log(softmax(x)[o, a]), mdp.logits)
            np.testing.assert_allclose(e.score[t], expected, atol=1e-9)


def test_an_action_with_logit_minus_infinity_is_never_taken_and_has_no_gradient():
    task = stop_or_go()
    assert all((e.act[1:] == 0).all() for e in task.episodes()[1])
    assert (task.gradient()[1:] == 0).all()


# Enumeration.


@pytest.mark.parametrize("mdp", [random_mdp(8, limit=3), stop_or_go(), length_bias(), contexts()])
def test_the_probabilities_of_all_episodes_sum_to_one(mdp):
    assert mdp.episodes()[0].sum() == pytest.approx(1, abs=1e-14)


def test_every_episode_has_the_probability_of_its_steps():
    """p = start(s₀) Π π(aₜ|sₜ) P(sₜ₊₁|sₜ, aₜ), times 1 - Σ P at the end (Σ P if cut)."""
    mdp = random_mdp(9, limit=3)
    merged: Counter[tuple] = Counter()
    expected: Counter[tuple] = Counter()
    for p, e in zip(*mdp.episodes(), strict=True):
        chance = mdp.start[e.states[0]]
        for t, (s, a) in enumerate(zip(e.states, e.act, strict=True)):
            chance *= mdp.policy[s, a]
            if t + 1 < len(e):
                chance *= mdp.transition[s, a, e.states[t + 1]]
        left = 1 - mdp.transition[e.states[-1], e.act[-1]].sum()
        chance *= left if e.terminated else 1 - left
        key = (*e.states, *e.act, e.terminated)
        merged[key] += p
        expected[key] = chance
        assert e.truncated == (not e.terminated)
        np.testing.assert_array_equal(e.rew, mdp.reward[e.states, e.act])
        np.testing.assert_array_equal(e.obs, mdp.observation[e.states])
    assert merged == pytest.approx(expected, abs=1e-15)


def test_sampled_episodes_have_the_enumerated_frequencies():
    """Every frequency is within five standard errors."""
    mdp, n = random_mdp(10, limit=2), 20000
    probability, episodes = mdp.episodes()
    keys = [(*e.states, *e.act, e.terminated) for e in episodes]
    drawn = mdp.sample(n, np.random.default_rng(0))
    count = Counter((*e.states, *e.act, e.terminated) for e in drawn)
    assert set(count) <= set(keys)
    for key, p in zip(keys, probability, strict=True):
        assert abs(count[key] - n * p) < 5 * np.sqrt(n * p * (1 - p)) + 1e-9


def test_symmetric_batches_have_the_same_moments_as_all_batches():
    """Σ over multisets of N!/Π cₖ! Π pₖ^cₖ = Σ over sequences of Π p."""

    def g(batch):
        return np.array([sum(e.rew.sum() for e in batch) ** 2])

    mdp = length_bias()
    ordered = judge(g, mdp.batches(3), [1.0])
    unordered = judge(g, mdp.batches(3, symmetric=True), [1.0])
    np.testing.assert_allclose(unordered.expectation, ordered.expectation, rtol=1e-13)
    np.testing.assert_allclose(unordered.covariance, ordered.covariance, rtol=1e-12)


@pytest.mark.parametrize("first", [None, [0.2, 0.3, 0.5]])
def test_a_window_is_a_walk_through_the_restarting_mdp(first):
    """P(state at step k) = first Pᵏ, where P restarts, wherever the episodes end.

    So the probabilities of the windows sum to 1.
    """
    mdp, steps = random_mdp(11), 4
    restarting = mdp.transition + (1 - mdp.transition.sum(axis=2))[:, :, None] * mdp.start
    P = np.einsum("sa,sap->sp", mdp.policy, restarting)
    visits = np.zeros((steps, 3))
    for p, batch in mdp.windows(steps, first):
        states = np.concatenate([e.states for e in batch])
        assert all(e.terminated for e in batch[:-1])
        assert not any(e.truncated for e in batch)
        visits[np.arange(steps), states] += p
    begin = mdp.start if first is None else np.array(first)
    for k in range(steps):
        np.testing.assert_allclose(visits[k], begin @ np.linalg.matrix_power(P, k), atol=1e-14)


def test_the_average_reward_of_a_restarting_mdp_is_return_over_length():
    """ρ = E[Σ rₜ] / E[T], the renewal reward theorem."""
    mdp = random_mdp(12)
    length = replace(mdp, reward=np.ones((3, 2))).J("undiscounted")
    expected = mdp.J("undiscounted") / length
    assert mdp.restarting().J("average") == pytest.approx(expected, abs=1e-13)


# Judgments.


def test_a_judgment_has_the_moments_of_its_estimator():
    """E, covariance, bias, SNR and cosine of a two-valued vector, by hand."""
    coin = bandit([0.0, 1.0], np.log([0.25, 0.75]))

    def g(batch):
        return np.array([3.0, 4.0]) * batch[0].rew[0]

    found = judge(g, coin.batches(1), [3.0, 0.0])
    np.testing.assert_allclose(found.expectation, [2.25, 3.0])
    np.testing.assert_allclose(found.bias, [-0.75, 3.0])
    np.testing.assert_allclose(found.covariance, 0.75 * 0.25 * np.array([[9, 12], [12, 16]]))
    assert found.variance == pytest.approx(25 * 0.1875)
    assert found.snr == pytest.approx(3.75 / np.sqrt(25 * 0.1875))
    assert found.cosine == pytest.approx(0.6)
    assert found.scale == pytest.approx(0.75)
    assert not found.unbiased


def test_an_estimate_that_is_not_finite_raises():
    with pytest.raises(ValueError, match=r"finite numbers of shape \(1, 2\).*lengths \[1\]"):
        judge(lambda batch: np.full((1, 2), np.nan), bandit([0, 1]).batches(1), np.zeros((1, 2)))


def test_an_estimate_of_the_wrong_shape_raises():
    with pytest.raises(ValueError, match="the truth's"):
        judge(lambda batch: np.zeros(2), bandit([0, 1]).batches(1), np.zeros((1, 2)))


def test_probabilities_that_do_not_sum_to_one_raise():
    half = [(0.5, bandit([0, 1]).episodes()[1][:1])]
    with pytest.raises(ValueError, match=r"sum to 0\.5"):
        judge(lambda batch: np.zeros(1), half, np.zeros(1))


# Gaussian expectations.


def test_gaussian_expectations_of_powers_are_the_moments():
    """E[x²] = mean² + std², and E[x⁴] of a standard normal is 3."""
    assert gaussian_expectation(lambda x: x**2, 0.5, 2.0) == pytest.approx(4.25, abs=1e-12)
    assert gaussian_expectation(lambda x: x**4) == pytest.approx(3, abs=1e-12)


def test_several_gaussian_expectations_can_be_computed_at_once():
    np.testing.assert_allclose(
        gaussian_expectation(lambda x: np.array([x, x**2]), 1.0, 1.0), [1, 2], atol=1e-13
    )


@pytest.mark.parametrize("mean", [0.3, 1.5])
def test_a_clipped_gaussian_has_its_closed_form(mean):
    """E[clip(x, -1, 1)] = Φ(-h) - Φ(l) + m (Φ(h) - Φ(l)) - s (φ(h) - φ(l)), l, h = (∓1 - m)/s."""
    std = 0.6
    low = (-1 - mean) / std
    high = (1 - mean) / std
    cdf, pdf = stats.norm.cdf, stats.norm.pdf
    expected = cdf(-high) - cdf(low)
    expected += mean * (cdf(high) - cdf(low)) - std * (pdf(high) - pdf(low))
    found = gaussian_expectation(lambda x: np.clip(x, -1, 1), mean, std, kinks=[-1, 1])
    assert found == pytest.approx(expected, abs=1e-14)


def test_a_squashed_gaussian_agrees_with_adaptive_quadrature():
    """E[tanh(x)²], against scipy's quad."""
    density = stats.norm(0.5, 1.0).pdf
    expected = integrate.quad(lambda x: np.tanh(x) ** 2 * density(x), -12, 12, epsabs=1e-14)[0]
    assert gaussian_expectation(lambda x: np.tanh(x) ** 2, 0.5) == pytest.approx(
        expected, abs=1e-13
    )


# The tasks of the course.


def test_investing_pays_without_a_limit_and_with_a_limit_of_nine_or_more():
    """The mean advantage of investing over T steps is ((T - 5)(3γ⁵ - 1) - 5) / T."""
    for limit in range(5, 11):
        expected = ((limit - 5) * (3 * 0.95**5 - 1) - 5) / limit
        found = invest(limit).without_gamma_t()[0, 1] / (0.25 * limit)
        assert found == pytest.approx(expected, abs=1e-12)
        assert (found > 0) == (limit >= 9)
    assert invest(6).without_gamma_t()[0, 1] / (0.25 * 6) == pytest.approx(-0.61, abs=0.005)
    assert invest().gradient()[0, 1] > 0


def test_in_late_cost_dropping_gamma_t_leads_to_the_worst_policy():
    """J_γ = .58 instead of 1 and J₁ = -.5 instead of 1 are where the update without γᵗ leads."""
    task, far = late_cost(), 40.0
    never = [[far, 0.0], [0.0, -np.inf]]
    always = [[0.0, far], [0.0, -np.inf]]
    assert task.at(never).J() == pytest.approx(1.0, abs=1e-6)
    assert task.at(always).J() == pytest.approx(0.3 * (2 - 2.5 * 0.3**3), abs=1e-6)
    assert task.at(never).J("undiscounted") == pytest.approx(1.0, abs=1e-6)
    assert task.at(always).J("undiscounted") == pytest.approx(-0.5, abs=1e-6)
    for logit in np.linspace(-3, 3, 13):
        here = task.at([[0.0, logit], [0.0, -np.inf]])
        assert here.without_gamma_t()[0, 1] > 0 > here.gradient("undiscounted")[0, 1]


def test_in_two_decisions_the_update_without_gamma_t_is_the_gradient_of_no_function():
    """The Jacobian's asymmetry is (1 - γ) p₀ (1 - p₀) p₁ (1 - p₁) = .0303; a gradient's is 0."""

    def asymmetry(field):
        rows = []
        for o in (0, 1):
            h = np.zeros((2, 2))
            h[o, 1] = 1e-5
            rows.append((field(task.logits + h) - field(task.logits - h))[:, 1] / 2e-5)
        return rows[1][0] - rows[0][1]

    task = two_decisions()
    p = softmax(task.logits)[:, 1]
    expected = 0.5 * p[0] * (1 - p[0]) * p[1] * (1 - p[1])
    assert expected == pytest.approx(0.0303, abs=5e-5)
    found = asymmetry(lambda x: task.at(x).without_gamma_t())
    assert abs(found) == pytest.approx(expected, abs=1e-9)
    assert asymmetry(lambda x: task.at(x).gradient()) == pytest.approx(0, abs=1e-9)


def test_the_best_policy_of_the_short_corridor_goes_right_with_two_minus_root_two():
    """J(p) = -(4 - 2p) / (p (1 - p)), so p = 2 - √2 and J = -11.66 (Sutton & Barto, ex. 13.1)."""
    for p in (0.05, 2 - np.sqrt(2), 0.95):
        here = short_corridor().at([np.log([1 - p, p])])
        assert here.J() == pytest.approx(-2 * (2 - p) / (p * (1 - p)), rel=1e-12)
    best = short_corridor().at([np.log([np.sqrt(2) - 1, 2 - np.sqrt(2)])])
    np.testing.assert_allclose(best.gradient(), 0, atol=1e-12)


def test_coins_are_independent_of_each_other():
    """∂J/∂logit(heads) = 1/4 for each coin, whose reward is 1."""
    np.testing.assert_allclose(coins(5).gradient()[:, 1], 0.25, atol=1e-15)


def test_in_forced_minus_5_only_the_second_decision_counts():
    """The first action changes nothing: 5 - 5 = 0; the second is worth .5."""
    task = forced_minus_5()
    np.testing.assert_allclose(task.gradient()[0], 0, atol=1e-14)
    np.testing.assert_allclose(task.gradient()[1:, 1], 0.5 * 0.25 * 0.5, atol=1e-14)


def test_waiting_is_better_in_every_state_of_patience():
    """Q(s, 1) > Q(s, 0) = 1 in all three states."""
    Q = patience().q()
    np.testing.assert_allclose(Q[:, 0], 1.0)
    assert (Q[:, 1] > 1.5).all()


def test_the_cosine_is_one_for_parallel_minus_one_for_opposite_and_zero_for_zero_vectors():
    assert cosine([1, 2], [2, 4]) == pytest.approx(1)
    assert cosine([1, 2], [-1, -2]) == pytest.approx(-1)
    assert cosine([0, 0], [1, 2]) == 0


# Bad input.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": [0.5, 0.4, 0.0]}, "start must be a distribution"),
        ({"start": [[1.0, 0.0, 0.0]]}, r"start must be \[S\]"),
        ({"transition": np.zeros((3, 3))}, r"transition must have shape \(3, 2, 3\)"),
        ({"transition": np.full((3, 2, 3), 0.5)}, "at most 1"),
        ({"transition": np.full((3, 2, 3), np.nan)}, "at most 1"),
        ({"reward": np.zeros((3, 1))}, r"reward must have shape \(3, 2\)"),
        ({"reward": np.full((3, 2), np.nan)}, "rewards must be finite"),
        ({"logits": np.full((2, 2), -np.inf)}, "finite maximum"),
        ({"observation": [0, 1, 2]}, "row numbers of logits"),
        ({"gamma": 1.5}, "gamma must be in"),
        ({"limit": 0}, "limit must be at least 1"),
    ],
)
def test_numbers_that_are_not_an_mdp_raise(change, message):
    with pytest.raises(ValueError, match=message):
        replace(random_mdp(0), **change)


def test_an_objective_that_does_not_exist_raises():
    with pytest.raises(ValueError, match="Give a limit, gamma < 1"):
        random_mdp(0, ends=0.0, gamma=1.0).J()
    with pytest.raises(ValueError, match="never ends"):
        random_mdp(0).J("average")


def test_an_average_reward_that_depends_on_the_start_raises():
    apart = MDP([0.5, 0.5], np.eye(2)[:, None, :], [[0.0], [1.0]], [[0.0]], observation=[0, 0])
    with pytest.raises(ValueError, match="several closed classes"):
        apart.J("average")


def test_an_unknown_objective_raises():
    with pytest.raises(ValueError, match="'total'"):
        random_mdp(0).gradient("total")


def test_what_cannot_be_enumerated_raises():
    with pytest.raises(ValueError, match="Give a limit"):
        random_mdp(0).episodes()
    with pytest.raises(ValueError, match="more than 50000 episodes"):
        random_mdp(0, limit=12).episodes()
    with pytest.raises(ValueError, match="without a limit"):
        next(random_mdp(0, limit=2).windows(2))
