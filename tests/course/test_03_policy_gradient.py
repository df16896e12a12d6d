"""The policy gradient over time, from the probability of an episode to three laws.

The oracles: a small world whose trips are enumerated here, nudged logits, Fractions.
"""

from dataclasses import replace
from fractions import Fraction
from itertools import product
from math import comb

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch.distributions import Categorical

from pg_edu import Batch, PGPolicy
from pg_edu.course import exercise
from pg_edu.lab.exact import estimators
from pg_edu.lab.exact.agent import Table, pgpolicy_step
from pg_edu.lab.exact.judge import judge
from pg_edu.lab.exact.laws import laws
from pg_edu.lab.exact.mdp import MDP
from pg_edu.lab.exact.tasks import coins, forced_minus_5, stop_or_go

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
    """(probability, states, actions, rewards) of every trip."""
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
    """E[Σ γᵗ rₜ], trip by trip."""
    return sum(p * sum(gamma**t * r for t, r in enumerate(rew)) for p, _, _, rew in trips(logits))


def nudged(f):
    """The gradient of f at LOGITS by central differences."""
    differences = [(f(LOGITS + n) - f(LOGITS - n)) / 2e-5 for n in NUDGES]
    return np.array(differences).reshape(4, 2, *np.shape(differences[0]))


def expectation(weights):
    """E[Σₜ ∇log π(aₜ|sₜ) wₜ], trip by trip; weights(states, acts, rew) -> [T]."""
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


def test_a_trip_is_as_likely_as_the_product_of_its_steps():
    """P(τ) = p(s₀) Π π(aₜ|sₜ) P(sₜ₊₁|sₜ,aₜ), and there are 41 of them."""
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
    """∇J = Σₛ d(s) Σₐ ∇π(a|s) Q(s, a), against nudged logits."""
    expected = nudged(lambda logits: objective(logits, world.gamma))
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
    """E[Σ ∇log π (R - b)] = E[Σ ∇log π (Gₜ - b(sₜ))] = ∇J, over every batch."""
    verdict = judge(summed(weights), WORLD.batches(n), WORLD.gradient())
    assert np.linalg.norm(verdict.bias) < 1e-12
    np.testing.assert_allclose(
        verdict.expectation, nudged(lambda logits: objective(logits)), atol=1e-9
    )


def test_an_action_hears_nothing_of_earlier_rewards():
    """E[∇log π(aₜ|sₜ) rₖ] = 0 for k < t, and not for k = t."""
    for t, k in product(range(4), range(4)):
        part = np.zeros((4, 2))
        for p, states, acts, rew in TRIPS:
            if len(rew) > max(t, k):
                part += p * rew[k] * score(states[t], acts[t])
        assert (np.linalg.norm(part) < 1e-15) == (k < t)


def test_whatever_is_settled_before_the_action_drops_out():
    """E[∇log π(aₜ|sₜ) f(hₜ)] = 0 for any f of the history; not for the length of the episode."""
    value = {}

    def any_function_of_the_history(states, acts, rew):
        steps = range(len(rew))
        histories = [(tuple(states[: t + 1]), tuple(acts[:t])) for t in steps]
        return [value.setdefault(h, float(len(value) ** 2 % 17)) for h in histories]

    assert np.abs(expectation(any_function_of_the_history)).max() < 1e-14
    assert len(set(value.values())) > 5
    assert np.abs(expectation(lambda s, a, rew: [len(rew)] * len(rew))).max() > 0.1


def test_the_value_of_the_next_place_is_no_baseline():
    """V(sₜ₊₁) is not settled before aₜ: it biases."""
    V = WORLD.value()

    def weights(states, acts, rew):
        return np.cumsum(rew[::-1])[::-1] - np.append(V[states[1:]], 0.0)

    assert np.linalg.norm(expectation(weights) - WORLD.gradient()) > 0.1


# Noise


def noise_of_coins(T, weight):
    """Σₜ E[(± w/2)²] - |∇J|², over |∇J|² = T/16, with E[w²] given for each t."""
    return (sum(weight(T, T - t) for t in range(T)) / 4 - Fraction(T, 16)) / Fraction(T, 16)


def second_moment(n, center=Fraction(0)):
    """E[(X - center)²] of X ~ Binomial(n, 1/2), summed out."""
    return sum(comb(n, k) * (k - center) ** 2 for k in range(n + 1)) / Fraction(2) ** n


NOISES = {
    "total": (estimators.total_return, lambda T, n: second_moment(T)),
    "reward-to-go": (estimators.reward_to_go, lambda T, n: second_moment(n)),
    "minus V": (None, lambda T, n: second_moment(n, Fraction(n, 2))),
}


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("T", [1, 2, 5])
def test_the_noise_of_coins_is_that_of_binomials(name, T):
    """trace of the covariance / |∇J|², enumerated by the package, and on paper."""
    task, (weights, weight) = coins(T), NOISES[name]
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
    assert ratio == pytest.approx(float(noise_of_coins(T, weight)), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "formula", "at_200"),
    [
        ("total", lambda T: T**2 + T - 1, 40199),
        ("reward-to-go", lambda T: Fraction((T + 1) * (T + 2), 3) - 1, 13533),
        ("minus V", lambda T: Fraction(T - 1, 2), Fraction(199, 2)),
    ],
)
def test_the_noise_of_coins_has_a_formula(name, formula, at_200):
    """T² + T - 1;  (T + 1)(T + 2)/3 - 1;  (T - 1)/2."""
    weight = NOISES[name][1]
    assert all(noise_of_coins(T, weight) == formula(T) for T in range(1, 12))
    assert formula(200) == at_200


def test_reward_to_go_can_be_fifty_times_noisier():
    """+5 now and -5 next: 7/64 with the total, 367/64 with reward-to-go; both are unbiased."""
    task = forced_minus_5()
    with_total = judge(summed(estimators.total_return), task.batches(1), task.gradient())
    with_to_go = judge(summed(estimators.reward_to_go), task.batches(1), task.gradient())
    assert with_total.unbiased and with_to_go.unbiased
    assert with_total.variance == pytest.approx(7 / 64, rel=1e-12)
    assert with_to_go.variance == pytest.approx(367 / 64, rel=1e-12)


# Place by place


@pytest.mark.parametrize("world", [WORLD, HALF], ids=["gamma 1", "gamma .5"])
def test_occupancy_counts_visits(world):
    """d(s) = Σₜ γᵗ P(sₜ = s), trip by trip."""
    counted = np.zeros(4)
    for p, states, _, _ in TRIPS:
        for t, s in enumerate(states):
            counted[s] += p * world.gamma**t
    np.testing.assert_allclose(world.occupancy(), counted, rtol=1e-13)


def test_what_changes_the_visits_is_inside_q():
    """Σ ∇d(s) r(s) = Σ d(s) Σₐ ∇π(a|s) (Q(s,a) - r(s,a)), although ∇d appears in no estimator."""
    r = (PI * REWARD).sum(axis=1)
    from_visits = nudged(lambda logits: WORLD.at(logits).occupancy()) @ r
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
    expected = nudged(lambda logits: objective(logits, 0.5))
    np.testing.assert_allclose(verdict.expectation, expected, atol=1e-9)


def test_without_gamma_t_not_even_the_direction_is_right():
    """E[Σ ∇log π Gₜ] with discounted Gₜ, trip by trip: a cosine of .933 to ∇J."""

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
def test_with_one_length_the_mean_is_another_learning_rate(gamma, n):
    """PGPolicy.learn, T = 2: E[step] = (1/2) E[Σ ∇log π Gₜ]; with γ < 1 there is no γᵗ in it."""
    by_hand = np.zeros((3, 2))
    for first, second in product((0, 1), repeat=2):
        rew = [5 * first, 0.5 * second - 5 * first]
        by_hand[0] += np.array([-1, 1]) * (first - 0.5) * (rew[0] + gamma * rew[1]) / 4
        by_hand[1 + first] += np.array([-1, 1]) * (second - 0.5) * rew[1] / 4
    verdict = judge(pgpolicy_step(discount_factor=gamma), forced_minus_5().batches(n), by_hand / 2)
    np.testing.assert_allclose(verdict.expectation, by_hand / 2, atol=1e-6)


GAME = stop_or_go()


def expected_update(p, n, stop=1, go=Fraction(12, 5)):
    """E[S/B] / (p (1 - p)), over every sequence of n episodes, in Fractions."""
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
def test_pgpolicy_takes_the_wrong_button_with_one_episode_an_update(n, expected):
    """E[update of logit(stop)]/q by PGPolicy.learn; right is -1.4 over the mean length."""
    assert expected_update(FAIR, n) == expected
    verdict = judge(pgpolicy_step(), GAME.batches(n, symmetric=True), GAME.gradient())
    np.testing.assert_allclose(
        verdict.expectation[0], [float(expected) / 4, -float(expected) / 4], atol=1e-7
    )
    assert (verdict.cosine > 0) == (n > 1)


def test_the_bias_of_the_mean_fades_as_one_over_n():
    """N (E[S/B] - E[S]/E[B]) tends to μ_S Var(L)/μ_L³ - Cov(S, L)/μ_L², the delta method."""
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


def test_a_constant_return_praises_the_short_way():
    """Every return 1: .75, .375, .160, .069 where 0 is right; so a constant baseline matters."""
    found = [float(expected_update(FAIR, n, stop=1, go=1)) for n in (1, 2, 4, 8)]
    np.testing.assert_allclose(found, [0.75, 0.375, 0.15968, 0.06929], atol=1e-5)
    b = Fraction(8, 15)
    assert expected_update(FAIR, 1, stop=1 - b, go=Fraction(12, 5) - b) == 0
    steps = [np.ones(1), np.ones(4)]
    _, episodes = GAME.episodes()
    one = sum(estimators.mean_over_steps([e], [w]) for e, w in zip(episodes, steps, strict=True))
    assert one[0, 0] / 2 == pytest.approx(0.75 / 4)


def test_two_episodes_an_update_have_a_watershed_at_five_sixths():
    """E[update]/q = .24 p - .2 for N = 2, and .4 for N = 1, whatever p."""
    for k in range(1, 12):
        p = Fraction(k, 12)
        assert expected_update(p, 1) == Fraction(2, 5)
        assert expected_update(p, 2) == Fraction(6, 25) * p - Fraction(1, 5)
    for p, sign in ((0.8, -1), (0.87, 1)):
        task = stop_or_go(p)
        verdict = judge(pgpolicy_step(), task.batches(2), task.gradient())
        assert np.sign(verdict.expectation[0, 0]) == sign


def probability_of_stop(actor):
    return actor.logits[0].softmax(0).tolist()[0]


def trained(episodes, updates, optimizer=torch.optim.SGD, per_episode=False):
    """The probability of stop after training with the real PGPolicy.learn."""
    torch.manual_seed(0)
    rng, actor = np.random.default_rng(0), Table(stop_or_go().logits)
    policy = PGPolicy(
        actor=actor,
        optim=optimizer(actor.parameters(), lr=0.05),
        dist_fn=lambda logits: Categorical(logits=logits),
        action_space=gym.spaces.Discrete(2),
        action_scaling=False,
    )
    ways = {True: ([0], [0], [1.0]), False: ([0, 1, 2, 3], [1, 0, 0, 0], [2.4, 1.8, 1.2, 0.6])}
    for _ in range(updates):
        p = probability_of_stop(actor)
        games = [ways[bool(rng.random() < p)] for _ in range(episodes)]
        obs, act, returns = map(np.concatenate, zip(*games, strict=True))
        if per_episode:
            returns = returns * len(returns) / episodes
        policy.learn(Batch(obs=obs, act=act, returns=returns), batch_size=None, repeat=1)
    return probability_of_stop(actor)


@pytest.mark.parametrize(
    ("settings", "low", "high"),
    [
        ({"episodes": 1, "updates": 2000}, 0.95, 1.0),
        ({"episodes": 1, "updates": 2000, "optimizer": torch.optim.Adam}, 0.99, 1.0),
        ({"episodes": 8, "updates": 600}, 0.0, 0.1),
        ({"episodes": 1, "updates": 600, "per_episode": True}, 0.0, 0.05),
    ],
    ids=["mean, SGD", "mean, Adam", "mean of 8 episodes", "sum"],
)
def test_what_pgpolicy_learns_in_stop_or_go(settings, low, high):
    """p(stop), from a fair coin: .98 (SGD) and .999 (Adam) where go pays 2.4 times as much."""
    assert low < trained(**settings) < high


def test_with_two_episodes_one_learner_in_seventy_stumbles_over_the_watershed():
    """2000 updates of lr = .05 from p = 1/2, by the formula of one update."""
    rng, x = np.random.default_rng(0), np.zeros(4000)
    for _ in range(2000):
        p = 1 / (1 + np.exp(-x))
        k = rng.binomial(2, p)
        x += 2 * 0.05 * (k * (1 - p) - (2 - k) * p * 2.4) / (k + 4 * (2 - k))
    assert 1 / 110 < (x > 0).mean() < 1 / 45


# Cures, and one that is none


class SumPerEpisode(PGPolicy):
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
    """(1/N) Σᵢ Σₜ ∇log π Gₜ, as a real PGPolicy; float32 returns are good to 1e-6."""
    verdict = judge(pgpolicy_step(SumPerEpisode), world.batches(n), world.gradient())
    np.testing.assert_allclose(verdict.expectation, world.gradient(), atol=1e-6)


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("m", [1, 2, 3])
def test_minibatches_repair_the_mean_by_their_number(n, m):
    """In small steps an update comes to K S/B with K = max(1, ⌊B/m⌋); for m = 1 to S, unbiased."""

    def small_steps(parameters):
        return torch.optim.SGD(parameters, lr=1e-4)

    np.random.seed(0)
    step = pgpolicy_step(make_optim=small_steps, batch_size=m)
    expected = 0.0
    for stops in product((True, False), repeat=n):
        B, S = sum(1 if s else 4 for s in stops), sum(0.5 if s else -1.2 for s in stops)
        expected += max(1, B // m) * S / B / 2**n
    # The rows are shuffled: the mean over many updates of the same batch.
    update = np.mean(
        [judge(step, GAME.batches(n), GAME.gradient()).expectation for _ in range(20)], axis=0
    )
    if m == 1:
        assert expected == pytest.approx(n * GAME.gradient()[0, 0])
    assert update[0, 0] / 1e-4 == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("n", [1, 2, 8])
def test_a_mean_over_each_episode_stays_wrong_however_many_there_are(n):
    """(1/N) Σᵢ (1/Tᵢ) Σₜ ∇log π Gₜ: +.4 q for every N."""
    verdict = judge(
        estimators.WRONG["mean per episode"], GAME.batches(n, symmetric=True), GAME.gradient()
    )
    assert verdict.expectation[0, 0] == pytest.approx(0.4 / 4)


# Three laws


@pytest.mark.parametrize("name", estimators.RIGHT)
def test_a_right_estimator_keeps_the_laws(name):
    """g(G + c) = g(G), g(3G) = 3 g(G), E[g] without N."""
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
    """Which ones tells what is wrong."""
    assert laws(estimators.WRONG[name], sizes=(1, 2)).broken == broken


def test_the_laws_tell_pgpolicy_from_its_cure():
    """On stop-or-go: the mean over steps breaks shift and batch size, the sum none."""
    tasks = {"stop-or-go": GAME}
    assert laws(pgpolicy_step(), tasks=tasks, sizes=(1, 2)).broken == ("shift", "batch size")
    assert laws(pgpolicy_step(SumPerEpisode), tasks=tasks, sizes=(1, 2)).broken == ()


def test_the_laws_do_not_see_a_wrong_sign():
    """-∇J keeps all three."""

    def downhill(batch):
        return -estimators.sum_per_episode(batch, estimators.reward_to_go(batch))

    assert laws(downhill, sizes=(1, 2)).broken == ()
    assert judge(downhill, WORLD.batches(1), WORLD.gradient()).cosine == pytest.approx(-1)


# The answers to the exercises


def test_exercise_1_weighs_the_steps_of_each_game_by_gamma_t():
    """wₜ = γᵗ Gₜ, with t from the start of each game, summed out."""
    rew, end, gamma = np.array([1.0, 0, 4, 8, 8, -3]), np.array([0, 0, 1, 0, 0, 1], bool), 0.5
    games = ([1.0, 0, 4], [8.0, 8, -3])
    expected = [
        sum(gamma**k * r for k, r in enumerate(game) if k >= t) for game in games for t in range(3)
    ]
    np.testing.assert_allclose(exercise("03.1").key(rew, end, gamma), expected)


def test_exercise_2_is_the_constant_that_stops_all_learning():
    """E[update] = (.4 - .75 b) q = 0."""
    b = Fraction(exercise("03.2").key).limit_denominator(1000)
    assert expected_update(FAIR, 1, stop=1 - b, go=Fraction(12, 5) - b) == 0


def test_the_gradient_of_exercise_3_is_minus_the_unbiased_estimate():
    """∇ of -(1/N) Σᵢ Σₜ log π(aₜ|sₜ) Gₜ, on every batch of two trips."""
    loss = exercise("03.3").key
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
        np.testing.assert_allclose(-nudged(at), expected, atol=1e-8)


def test_exercise_4_is_unbiased_with_any_values():
    """E[Σ ∇log π (Gₜ - V(sₜ))] = ∇J, whatever V is."""
    for V in (WORLD.value(), np.array([3.0, -1, 0, 7])):
        found = expectation(lambda s, a, rew, V=V: exercise("03.4").key(np.array(rew), V[s]))
        np.testing.assert_allclose(found, WORLD.gradient(), atol=1e-13)
