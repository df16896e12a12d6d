"""The policy gradient over time, from the probability of an episode to three laws.

The oracles: a small world whose trips are enumerated here, finite differences, and fractions.
"""

from dataclasses import replace
from fractions import Fraction
from itertools import product
from math import comb

import numpy as np
import pytest
import torch

from pg_edu import Batch, PGPolicy
from pg_edu.course.records import record
from pg_edu.lab.exact import estimators
from pg_edu.lab.exact.agent import Table, pgpolicy_step
from pg_edu.lab.exact.judge import judge
from pg_edu.lab.exact.laws import laws
from pg_edu.lab.exact.mdp import MDP
from pg_edu.lab.exact.tasks import coins, forced_minus_5, stop_or_go
from tests.helpers import make_policy

# A courier's trip through four places, and the same trips written down without the package.

START = np.array([0.7, 0.3, 0, 0])
MOVES = np.array(
    [
        [[0, 0.75, 0.25, 0], [0, 0.25, 0.5, 0]],
        [[0, 0, 0.5, 0.5], [0, 0, 0, 0.5]],
        [[0, 0, 0, 1], [0, 0, 0, 0.5]],
        [[0, 0, 0, 0], [0, 0, 0, 0]],
    ]
)
REWARD = np.array([[-1.0, 0], [2, -1], [0, 3], [1, -2]])
LOGITS = np.array([[0.3, 0], [0, 0.5], [-0.4, 0], [0.2, 0]])
WORLD = MDP(START, MOVES, REWARD, LOGITS)
HALF = replace(WORLD, gamma=0.5)
NUDGES = 1e-5 * np.eye(8).reshape(8, 4, 2)


def policy_of(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


PI = policy_of(LOGITS)


def trips(logits):
    """Return (probability, states, actions, rewards) of every trip."""
    pi, found = policy_of(logits), []

    def go(p, states, acts):
        s = states[-1]
        for a in (0, 1):
            over = 1 - MOVES[s, a].sum()
            done = [*acts, a]
            if over > 0:
                rew = [REWARD[x, y] for x, y in zip(states, done, strict=True)]
                found.append((p * pi[s, a] * over, states, done, rew))
            for s2 in range(4):
                if MOVES[s, a, s2] > 0:
                    go(p * pi[s, a] * MOVES[s, a, s2], [*states, s2], done)

    for s in (0, 1):
        go(START[s], [s], [])
    return found


TRIPS = trips(LOGITS)


def score(s, a):
    g = np.zeros((4, 2))
    g[s], g[s, a] = -PI[s], 1 - PI[s, a]
    return g


def objective(logits, gamma=1.0):
    """Return E[Σ γᵗ rₜ], trip by trip."""
    return sum(p * sum(gamma**t * r for t, r in enumerate(rew)) for p, _, _, rew in trips(logits))


def gradient_of(f):
    """Return the gradient of f at LOGITS, by central differences."""
    differences = [(f(LOGITS + n) - f(LOGITS - n)) / 2e-5 for n in NUDGES]
    return np.array(differences).reshape(4, 2, *np.shape(differences[0]))


def expectation(weights):
    """Return E[Σₜ ∇log π(aₜ|sₜ) wₜ], trip by trip, where weights(states, acts, rew) is [T]."""
    mean = np.zeros((4, 2))
    for p, states, acts, rew in TRIPS:
        for s, a, w in zip(states, acts, weights(states, acts, rew), strict=True):
            mean += p * w * score(s, a)
    return mean


def summed(weights):
    return lambda batch: estimators.sum_per_episode(batch, weights(batch))


def minus_v(batch):
    return estimators.minus_value(estimators.reward_to_go(batch), batch, WORLD.value())


# The gradient of a policy that acts more than once


def test_the_probability_of_a_trip_is_the_product_over_its_steps():
    """P(τ) = p(s₀) Π π(aₜ|sₜ) P(sₜ₊₁|sₜ,aₜ) for each of the 41 trips."""
    expected = {(tuple(s), tuple(a)): p for p, s, a, _ in TRIPS}
    probability, episodes = WORLD.episodes()
    found = {
        (tuple(e.states.tolist()), tuple(e.act.tolist())): p
        for p, e in zip(probability, episodes, strict=True)
    }
    assert len(TRIPS) == len(found) == 41
    assert found == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("world", [WORLD, HALF], ids=["gamma 1", "gamma .5"])
def test_the_linear_equations_give_the_gradient(world):
    """∇J = Σₛ d(s) Σₐ ∇π(a|s) Q(s, a), compared with finite differences."""
    expected = gradient_of(lambda logits: objective(logits, world.gamma))
    np.testing.assert_allclose(world.gradient(), expected, atol=1e-9)


@pytest.mark.parametrize(
    "weights",
    [
        estimators.total_return,
        estimators.reward_to_go,
        minus_v,
        lambda batch: estimators.minus_constant(estimators.reward_to_go(batch), -3.0),
        lambda batch: estimators.minus_value(
            estimators.total_return(batch), batch, np.array([9.0, -4, 0, 1])
        ),
    ],
    ids=["total", "reward-to-go", "minus V", "minus a constant", "total minus any b(s)"],
)
@pytest.mark.parametrize("n", [1, 2])
def test_total_return_reward_to_go_and_baselines_are_unbiased(weights, n):
    """E[Σ ∇log π (R - b)] = E[Σ ∇log π (Gₜ - b(sₜ))] = ∇J, over all batches."""
    verdict = judge(summed(weights), WORLD.batches(n), WORLD.gradient())
    assert np.linalg.norm(verdict.bias) < 1e-12
    np.testing.assert_allclose(
        verdict.expectation, gradient_of(lambda logits: objective(logits)), atol=1e-9
    )


def test_earlier_rewards_contribute_nothing_to_the_gradient_of_an_action():
    """E[∇log π(aₜ|sₜ) rₖ] = 0 for k < t, but not for k = t."""
    for t, k in product(range(4), range(4)):
        part = np.zeros((4, 2))
        for p, states, acts, rew in TRIPS:
            if len(rew) > max(t, k):
                part += p * rew[k] * score(states[t], acts[t])
        assert (np.linalg.norm(part) < 1e-15) == (k < t)


def test_every_weight_that_is_settled_before_the_action_drops_out():
    """E[∇log π(aₜ|sₜ) f(hₜ)] = 0 for any f of the history, but not for the episode length."""
    value: dict[tuple, float] = {}

    def any_function_of_the_history(states, acts, rew):
        steps = range(len(rew))
        histories = [(tuple(states[: t + 1]), tuple(acts[:t])) for t in steps]
        return [value.setdefault(h, float(len(value) ** 2 % 17)) for h in histories]

    assert np.abs(expectation(any_function_of_the_history)).max() < 1e-14
    assert len(set(value.values())) > 5
    assert np.abs(expectation(lambda s, a, rew: [len(rew)] * len(rew))).max() > 0.1


def test_the_value_of_the_next_state_is_no_baseline():
    """V(sₜ₊₁) is not settled before aₜ, so subtracting it gives a bias."""
    V = WORLD.value()

    def weights(states, acts, rew):
        return np.cumsum(rew[::-1])[::-1] - np.append(V[states[1:]], 0.0)

    assert np.linalg.norm(expectation(weights) - WORLD.gradient()) > 0.1


# Variance


def variance_of_coins(T, weight):
    """Return (Σₜ E[(± w/2)²] - |∇J|²) / |∇J|² with |∇J|² = T/16, given E[w²] for each t."""
    return (sum(weight(T, T - t) for t in range(T)) / 4 - Fraction(T, 16)) / Fraction(T, 16)


def second_moment(n, center=Fraction(0)):
    """Return E[(X - center)²] for X ~ Binomial(n, 1/2), by summation."""
    return sum(comb(n, k) * (k - center) ** 2 for k in range(n + 1)) / Fraction(2) ** n


VARIANCES = {
    "total": (estimators.total_return, lambda T, n: second_moment(T)),
    "reward-to-go": (estimators.reward_to_go, lambda T, n: second_moment(n)),
    "minus V": (None, lambda T, n: second_moment(n, Fraction(n, 2))),
}


@pytest.mark.parametrize("name", VARIANCES)
@pytest.mark.parametrize("T", [1, 2, 5])
def test_the_variance_of_coins_is_that_of_binomials(name, T):
    """The trace of the covariance over |∇J|², enumerated by the lab and computed on paper."""
    task, (weights, weight) = coins(T), VARIANCES[name]
    if weights is None:
        value = np.arange(T, 0, -1) / 2
        verdict = judge(
            summed(
                lambda batch: estimators.minus_value(estimators.reward_to_go(batch), batch, value)
            ),
            task.batches(1),
            task.gradient(),
        )
    else:
        verdict = judge(summed(weights), task.batches(1), task.gradient())
    ratio = verdict.variance / (task.gradient() ** 2).sum()
    assert ratio == pytest.approx(float(variance_of_coins(T, weight)), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "formula", "at_200"),
    [
        ("total", lambda T: T**2 + T - 1, 40199),
        ("reward-to-go", lambda T: Fraction((T + 1) * (T + 2), 3) - 1, 13533),
        ("minus V", lambda T: Fraction(T - 1, 2), Fraction(199, 2)),
    ],
)
def test_the_variance_of_coins_has_a_formula(name, formula, at_200):
    """The formulas are T² + T - 1, (T + 1)(T + 2)/3 - 1 and (T - 1)/2."""
    weight = VARIANCES[name][1]
    assert all(variance_of_coins(T, weight) == formula(T) for T in range(1, 12))
    assert formula(200) == at_200


def test_reward_to_go_can_have_fifty_times_the_variance_of_the_total_return():
    """With +5 now and -5 next the variances are 7/64 and 367/64; both are unbiased."""
    task = forced_minus_5()
    with_total = judge(summed(estimators.total_return), task.batches(1), task.gradient())
    with_to_go = judge(summed(estimators.reward_to_go), task.batches(1), task.gradient())
    assert with_total.unbiased and with_to_go.unbiased
    assert with_total.variance == pytest.approx(7 / 64, rel=1e-12)
    assert with_to_go.variance == pytest.approx(367 / 64, rel=1e-12)


# State by state


@pytest.mark.parametrize("world", [WORLD, HALF], ids=["gamma 1", "gamma .5"])
def test_the_occupancy_counts_discounted_visits(world):
    """d(s) = Σₜ γᵗ P(sₜ = s), computed trip by trip."""
    counted = np.zeros(4)
    for p, states, _, _ in TRIPS:
        for t, s in enumerate(states):
            counted[s] += p * world.gamma**t
    np.testing.assert_allclose(world.occupancy(), counted, rtol=1e-13)


def test_the_effect_of_actions_on_later_visits_is_contained_in_q():
    """Σ ∇d(s) r(s) = Σ d(s) Σₐ ∇π(a|s) (Q(s,a) - r(s,a)), although no estimator contains ∇d."""
    r = (PI * REWARD).sum(axis=1)
    from_visits = gradient_of(lambda logits: WORLD.at(logits).occupancy()) @ r
    later = WORLD.q() - REWARD
    pushes = PI * (later - (PI * later).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(from_visits, WORLD.occupancy()[:, None] * pushes, atol=1e-9)
    assert np.abs(from_visits).max() > 0.1


# Where gamma^t belongs


def test_gamma_t_belongs_to_the_discounted_objective():
    """∇E[Σ γᵗ rₜ] = E[Σ γᵗ ∇log π(aₜ|sₜ) Gₜ]."""

    def right(batch):
        return estimators.times_gamma_t(estimators.reward_to_go(batch, 0.5), 0.5)

    verdict = judge(summed(right), HALF.batches(1), HALF.gradient())
    assert np.linalg.norm(verdict.bias) < 1e-12
    expected = gradient_of(lambda logits: objective(logits, 0.5))
    np.testing.assert_allclose(verdict.expectation, expected, atol=1e-9)


def test_without_gamma_t_even_the_direction_is_wrong():
    """E[Σ ∇log π Gₜ] with discounted Gₜ, trip by trip, has a cosine of .933 to ∇J."""

    def weights(states, acts, rew):
        return [sum(0.5**k * r for k, r in enumerate(rew[t:])) for t in range(len(rew))]

    dropped = judge(
        summed(lambda batch: estimators.reward_to_go(batch, 0.5)),
        HALF.batches(1),
        HALF.gradient(),
    )
    np.testing.assert_allclose(dropped.expectation, expectation(weights), atol=1e-13)
    np.testing.assert_allclose(HALF.without_gamma_t(), expectation(weights), atol=1e-13)
    assert dropped.cosine == pytest.approx(0.9328, abs=1e-4)


# What the mean divides by


@pytest.mark.parametrize("gamma", [1.0, 0.5])
@pytest.mark.parametrize("n", [1, 2])
def test_for_episodes_of_equal_length_the_mean_over_steps_only_rescales_the_step(gamma, n):
    """For T = 2 PGPolicy.learn has E[step] = (1/2) E[Σ ∇log π Gₜ], without γᵗ if γ < 1."""
    by_hand = np.zeros((3, 2))
    for first, second in product((0, 1), repeat=2):
        rew = [5 * first, 0.5 * second - 5 * first]
        by_hand[0] += np.array([-1, 1]) * (first - 0.5) * (rew[0] + gamma * rew[1]) / 4
        by_hand[1 + first] += np.array([-1, 1]) * (second - 0.5) * rew[1] / 4
    verdict = judge(pgpolicy_step(discount_factor=gamma), forced_minus_5().batches(n), by_hand / 2)
    np.testing.assert_allclose(verdict.expectation, by_hand / 2, atol=1e-6)


GAME = stop_or_go()


def expected_update(p, n, stop=1, go=Fraction(12, 5)):
    """Return E[S/B] / (p (1 - p)) over all sequences of n episodes, in fractions."""
    expected = 0
    for stops in product((True, False), repeat=n):
        k = sum(stops)
        chance = p**k * (1 - p) ** (n - k)
        S = sum((1 - p) * stop if s else -p * go for s in stops)
        expected += chance * S / sum(1 if s else 4 for s in stops)
    return expected / (p * (1 - p))


FAIR = Fraction(1, 2)


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (1, Fraction(2, 5)),
        (2, Fraction(-2, 25)),
        (4, Fraction(-809, 2275)),
        (8, Fraction(-61136893, 129718160)),
    ],
)
def test_pgpolicy_learns_the_wrong_button_with_one_episode_per_update(n, expected):
    """E[update of logit(stop)]/q by PGPolicy.learn; right would be -1.4 over the mean length."""
    assert expected_update(FAIR, n) == expected
    verdict = judge(pgpolicy_step(), GAME.batches(n, symmetric=True), GAME.gradient())
    np.testing.assert_allclose(
        verdict.expectation[0], [float(expected) / 4, -float(expected) / 4], atol=1e-7
    )
    assert (verdict.cosine > 0) == (n > 1)


def test_the_bias_of_the_mean_over_steps_fades_as_one_over_n():
    """By the delta method N (E[S/B] - E[S]/E[B]) tends to μ_S Var(L)/μ_L³ - Cov(S, L)/μ_L²."""
    L, S = np.array([1.0, 4.0]), np.array([0.5, -0.5 * 2.4]) / 0.25
    mean_L, mean_S = L.mean(), S.mean()
    slope = mean_S * L.var() / mean_L**3 - ((L * S).mean() - mean_L * mean_S) / mean_L**2
    found = []
    for n in (64, 200):
        verdict = judge(
            estimators.WRONG["mean over steps"],
            GAME.batches(n, symmetric=True),
            GAME.gradient(),
        )
        found.append(n * (verdict.expectation[0, 0] / 0.25 + 1.4 / 2.5))
    assert abs(found[1] - slope) < abs(found[0] - slope) < 0.02
    assert found[1] == pytest.approx(slope, rel=0.01)


def test_a_constant_return_favors_the_short_episode():
    """If every return is 1, the update is .75, .375, .160, .069 where 0 is right."""
    found = [float(expected_update(FAIR, n, stop=1, go=1)) for n in (1, 2, 4, 8)]
    np.testing.assert_allclose(found, [0.75, 0.375, 0.15968, 0.06929], atol=1e-5)
    b = Fraction(8, 15)
    assert expected_update(FAIR, 1, stop=1 - b, go=Fraction(12, 5) - b) == 0
    weights = [np.ones(1), np.ones(4)]
    _, episodes = GAME.episodes()
    updates = [estimators.mean_over_steps([e], [w]) for e, w in zip(episodes, weights, strict=True)]
    assert np.mean(updates, axis=0)[0, 0] == pytest.approx(0.75 / 4)


def test_with_two_episodes_per_update_the_expected_update_changes_sign_at_five_sixths():
    """E[update]/q = .24 p - .2 for N = 2, and .4 for N = 1 and every p."""
    for k in range(1, 12):
        p = Fraction(k, 12)
        assert expected_update(p, 1) == Fraction(2, 5)
        assert expected_update(p, 2) == Fraction(6, 25) * p - Fraction(1, 5)
    for p_stop, sign in ((0.8, -1), (0.87, 1)):
        task = stop_or_go(p_stop)
        verdict = judge(pgpolicy_step(), task.batches(2), task.gradient())
        assert np.sign(verdict.expectation[0, 0]) == sign


def probability_of_stop(actor):
    return actor.logits[0].softmax(0).tolist()[0]


def p_stop_after(updates, episodes, optimizer=torch.optim.SGD, per_episode=False):
    """Return the probability of stop after training with the real PGPolicy.learn."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    actor = Table(stop_or_go().logits)
    policy = make_policy(actor, optim=optimizer(actor.parameters(), lr=0.1))
    # The rows (obs, act, returns) of an episode of stop and of one of go.
    rows = {True: ([0], [0], [1.0]), False: ([0, 1, 2, 3], [1, 0, 0, 0], [2.4, 1.8, 1.2, 0.6])}
    for _ in range(updates):
        p = probability_of_stop(actor)
        batch = [rows[bool(rng.random() < p)] for _ in range(episodes)]
        obs, act, returns = map(np.concatenate, zip(*batch, strict=True))
        if per_episode:
            returns = returns * len(returns) / episodes
        policy.learn(Batch(obs=obs, act=act, returns=returns), batch_size=None, repeat=1)
    return probability_of_stop(actor)


@pytest.mark.parametrize(
    ("settings", "low", "high"),
    [
        ({"episodes": 1, "updates": 600}, 0.95, 1.0),
        ({"episodes": 1, "updates": 600, "optimizer": torch.optim.Adam}, 0.99, 1.0),
        ({"episodes": 8, "updates": 300}, 0.0, 0.1),
        ({"episodes": 1, "updates": 300, "per_episode": True}, 0.0, 0.05),
    ],
    ids=["mean, SGD", "mean, Adam", "mean of 8 episodes", "sum"],
)
def test_pgpolicy_learns_the_worse_button_from_the_mean_over_steps_of_single_episodes(
    settings, low, high
):
    """From 1/2, p(stop) rises to .97 (SGD) and .994 (Adam) although go pays 2.4 times as much."""
    assert low < p_stop_after(**settings) < high


def test_with_two_episodes_per_update_one_learner_in_seventy_crosses_the_threshold():
    """2000 updates with lr = .05 from p = 1/2, by the formula of one update."""
    rng = np.random.default_rng(0)
    x = np.zeros(4000)
    for _ in range(2000):
        p = 1 / (1 + np.exp(-x))
        k = rng.binomial(2, p)
        x += 2 * 0.05 * (k * (1 - p) - (2 - k) * p * 2.4) / (k + 4 * (2 - k))
    assert 1 / 110 < (x > 0).mean() < 1 / 45


# Two repairs, and one that does not work


class SumPerEpisode(PGPolicy):
    """A policy whose loss is a sum over steps and a mean over episodes."""

    def process_fn(self, batch, buffer, indices):
        batch = super().process_fn(batch, buffer, indices)
        batch.returns = batch.returns * len(batch) / (batch.terminated | batch.truncated).sum()
        return batch


@pytest.mark.parametrize(
    ("world", "n"),
    [(GAME, 1), (GAME, 2), (WORLD, 1)],
    ids=["stop-or-go, 1", "stop-or-go, 2", "courier, 1"],
)
def test_sum_over_steps_and_mean_over_episodes_is_the_gradient(world, n):
    """(1/N) Σᵢ Σₜ ∇log π Gₜ as a real PGPolicy, up to 1e-6 for returns in float32."""
    verdict = judge(pgpolicy_step(SumPerEpisode), world.batches(n), world.gradient())
    np.testing.assert_allclose(verdict.expectation, world.gradient(), atol=1e-6)


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("m", [1, 2, 3])
def test_minibatches_repair_the_mean_because_their_number_grows_with_the_steps(n, m):
    """For small steps an update is K S/B with K = max(1, ⌊B/m⌋); for m = 1 it is S, unbiased."""

    def small_steps(parameters):
        return torch.optim.SGD(parameters, lr=1e-4)

    np.random.seed(0)
    step = pgpolicy_step(make_optim=small_steps, batch_size=m)
    expected = 0.0
    for stops in product((True, False), repeat=n):
        B, S = sum(1 if s else 4 for s in stops), sum(0.5 if s else -1.2 for s in stops)
        expected += max(1, B // m) * S / B / 2**n
    # The rows are shuffled, so take the mean over many updates from the same batch.
    update = np.mean(
        [judge(step, GAME.batches(n), GAME.gradient()).expectation for _ in range(20)], axis=0
    )
    if m == 1:
        assert expected == pytest.approx(n * GAME.gradient()[0, 0])
    assert update[0, 0] / 1e-4 == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("n", [1, 2, 8])
def test_a_mean_over_each_episode_stays_wrong_for_every_number_of_episodes(n):
    """(1/N) Σᵢ (1/Tᵢ) Σₜ ∇log π Gₜ has the expectation +.4 q for every N."""
    verdict = judge(
        estimators.WRONG["mean per episode"], GAME.batches(n, symmetric=True), GAME.gradient()
    )
    assert verdict.expectation[0, 0] == pytest.approx(0.4 / 4)


# Three laws


@pytest.mark.parametrize("name", estimators.RIGHT)
def test_a_right_estimator_keeps_the_laws(name):
    """E[g(G + c)] = E[g(G)], E[g(3G)] = 3 E[g(G)], and E[g] does not depend on N."""
    assert laws(estimators.RIGHT[name], sizes=(1, 2)).broken == ()


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("mean over steps", ("shift", "batch size")),
        ("mean per episode", ("shift",)),
        ("[B, 1] * [B]", ("shift", "batch size")),
        ("standardized per episode", ("scale",)),
        ("standardized per batch", ("scale", "batch size")),
        ("own mean over steps", ("batch size",)),
        ("own mean per time", ("batch size",)),
        ("own mean of the alive", ("batch size",)),
        ("leave-one-out, steps dropped", ("batch size",)),
    ],
)
def test_a_wrong_estimator_breaks_at_least_one_law(name, broken):
    """The laws that are broken tell what is wrong."""
    assert laws(estimators.WRONG[name], sizes=(1, 2)).broken == broken


def test_the_laws_distinguish_pgpolicy_from_its_repair():
    """On stop-or-go the mean over steps breaks shift and batch size; the sum breaks none."""
    tasks = {"stop-or-go": GAME}
    assert laws(pgpolicy_step(), tasks=tasks, sizes=(1, 2)).broken == ("shift", "batch size")
    assert laws(pgpolicy_step(SumPerEpisode), tasks=tasks, sizes=(1, 2)).broken == ()


def test_the_laws_do_not_detect_a_wrong_sign():
    """An estimate of -∇J keeps all three laws."""

    def downhill(batch):
        return -estimators.sum_per_episode(batch, estimators.reward_to_go(batch))

    assert laws(downhill, sizes=(1, 2)).broken == ()
    assert judge(downhill, WORLD.batches(1), WORLD.gradient()).cosine == pytest.approx(-1)


# The answers to the exercises


def test_the_answer_of_03_1_weights_the_steps_of_each_episode_by_gamma_t():
    """wₜ = γᵗ Gₜ with t counted from the start of each episode, by summation."""
    rew, end, gamma = np.array([1.0, 0, 4, 8, 8, -3]), np.array([0, 0, 1, 0, 0, 1], bool), 0.5
    episodes = ([1.0, 0, 4], [8.0, 8, -3])
    expected = [
        sum(gamma**k * r for k, r in enumerate(episode) if k >= t)
        for episode in episodes
        for t in range(3)
    ]
    np.testing.assert_allclose(record("03.1").key(rew, end, gamma), expected)


def test_the_answer_of_03_2_is_the_constant_that_makes_the_expected_update_zero():
    """E[update] = (.4 - .75 b) q = 0."""
    b = Fraction(record("03.2").key).limit_denominator(1000)
    assert expected_update(FAIR, 1, stop=1 - b, go=Fraction(12, 5) - b) == 0


def test_the_gradient_of_the_answer_of_03_3_is_minus_the_unbiased_estimate():
    """The loss is -(1/N) Σᵢ Σₜ log π(aₜ|sₜ) Gₜ; the batches are pairs of trips."""
    loss = record("03.3").key
    _, episodes = WORLD.episodes()
    for first, second in product(episodes[::5], repeat=2):
        batch = [first, second]
        obs, act, rew = (
            np.concatenate([getattr(e, name) for e in batch]) for name in ("obs", "act", "rew")
        )
        end = np.isin(np.arange(len(rew)), np.cumsum([len(first), len(second)]) - 1)
        returns = np.concatenate([np.cumsum(e.rew[::-1])[::-1] for e in batch])

        def at(logits, rows=(obs, act, returns, end)):
            obs, act, returns, end = rows
            return loss(np.log(policy_of(logits))[obs, act], returns, end)

        expected = estimators.sum_per_episode(batch, estimators.reward_to_go(batch))
        np.testing.assert_allclose(-gradient_of(at), expected, atol=1e-8)


def test_the_answer_of_03_4_is_unbiased_for_any_values():
    """E[Σ ∇log π (Gₜ - V(sₜ))] = ∇J for every V."""
    for V in (WORLD.value(), np.array([3.0, -1, 0, 7])):
        found = expectation(lambda s, a, rew, V=V: record("03.4").key(np.array(rew), V[s]))
        np.testing.assert_allclose(found, WORLD.gradient(), atol=1e-13)


def rows_of(episodes):
    """Return the states, actions, rewards and ends of episodes, one behind the other."""
    names = ("states", "act", "rew", "end")
    return [np.concatenate([getattr(e, name) for e in episodes]) for name in names]


def test_the_answer_of_03_5_steps_along_the_gradient_on_average():
    """E[new logits] = logits + lr ∇J, over all trips; of two trips it takes the mean step."""
    update = record("03.5").key
    mean = np.zeros((4, 2))
    for p, states, acts, rew in TRIPS:
        end = np.arange(len(rew)) == len(rew) - 1
        mean += p * update(LOGITS, np.array(states), np.array(acts), np.array(rew), end, 0.1)
    expected = gradient_of(lambda logits: objective(logits))
    np.testing.assert_allclose((mean - LOGITS) / 0.1, expected, atol=1e-8)

    _, episodes = WORLD.episodes()
    one, other = episodes[3], episodes[20]
    alone = [update(LOGITS, *rows_of([e]), 0.1) for e in (one, other)]
    together = update(LOGITS, *rows_of([one, other]), 0.1)
    np.testing.assert_allclose(together, np.mean(alone, axis=0), atol=1e-14)


def test_the_answer_of_03_6_is_unbiased_although_the_reward_contains_the_policy():
    """∇E[Σ rₜ - c π(aₜ|sₜ)] = E[Σ ∇log π wₜ], by finite differences and trip by trip."""
    weights, c = record("03.6").key, 2.0

    def with_fee(logits):
        pi = policy_of(logits)
        return sum(
            p * sum(r - c * pi[s, a] for s, a, r in zip(states, acts, rew, strict=True))
            for p, states, acts, rew in trips(logits)
        )

    found = expectation(lambda s, a, rew: weights(np.array(rew), PI[s, a], c))
    np.testing.assert_allclose(found, gradient_of(with_fee), atol=1e-8)
    without = expectation(lambda s, a, rew: weights(np.array(rew), PI[s, a], c) + c * PI[s, a])
    assert np.abs(without - found).max() > 0.05


def test_the_answer_of_03_7_is_the_gradient_with_respect_to_shared_logits():
    """∂J/∂table[o] for states that share a row, by finite differences."""
    obs, table = np.array([0, 1, 0, 1]), LOGITS[:2]
    tied = replace(WORLD, logits=table, observation=obs)
    found = record("03.7").key(tied.occupancy(), tied.policy, tied.q(), obs)
    nudges = 1e-5 * np.eye(4).reshape(4, 2, 2)
    differences = [objective((table + n)[obs]) - objective((table - n)[obs]) for n in nudges]
    np.testing.assert_allclose(found, np.reshape(differences, (2, 2)) / 2e-5, atol=1e-8)


@pytest.mark.parametrize("name", ["reward-to-go", "mean over steps", "standardized per batch"])
def test_the_answer_of_03_8_finds_the_laws_that_an_estimator_breaks(name):
    """Batches of one and of two episodes of stop-or-go, with returns + 1 and rewards times 3."""
    estimator = (estimators.RIGHT | estimators.WRONG)[name]

    def estimates(n, change):
        found = [(p, [change(e) for e in batch]) for p, batch in GAME.batches(n)]
        return np.array([p for p, _ in found]), np.array([estimator(b).ravel() for _, b in found])

    p, g = estimates(2, lambda e: e)
    _, shifted = estimates(2, lambda e: replace(e, rew=e.rew + e.end))
    _, tripled = estimates(2, lambda e: replace(e, rew=3 * e.rew))
    p_other, other = estimates(1, lambda e: e)
    apart = np.array(record("03.8").key(p, g, shifted, tripled, p_other, other))
    broken = laws(estimator, tasks={"stop-or-go": GAME}, sizes=(1, 2)).broken
    expected = tuple(np.array(["shift", "scale", "batch size"])[apart > 1e-9].tolist())
    assert expected == broken


@pytest.mark.parametrize("mean", [Fraction(0), Fraction(1, 2), Fraction(-3, 10)])
@pytest.mark.parametrize("T", [1, 2, 7])
def test_the_variance_of_tosses_with_any_mean(T, mean):
    """T - 1 + 4 μ² T², (T-1)/2 + 2/3 μ² (T+1)(2T+1), and (T-1)/2 with V subtracted."""

    def second(n, center):
        chances = [Fraction(comb(n, k), 2**n) for k in range(n + 1)]
        returns = [k - Fraction(n, 2) + mean * n for k in range(n + 1)]
        return sum(p * (G - center) ** 2 for p, G in zip(chances, returns, strict=True))

    found = [
        variance_of_coins(T, lambda T, n: second(T, 0)),
        variance_of_coins(T, lambda T, n: second(n, 0)),
        variance_of_coins(T, lambda T, n: second(n, mean * n)),
    ]
    to_go = Fraction(T - 1, 2) + Fraction(2, 3) * mean**2 * (T + 1) * (2 * T + 1)
    assert found == [T - 1 + 4 * mean**2 * T**2, to_go, Fraction(T - 1, 2)]
