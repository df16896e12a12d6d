"""The museum of pitfalls: every wrong version fails its check, and every right one passes.

The first tests are generated from the registry, so a new pitfall is tested as soon as it is there.
Below, `FIGURES` holds the numbers that the checks must find, from formulas and sums that share no
code with them.
"""

import ast
import inspect
import itertools
import math
import statistics
from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
from scipy import integrate, stats

from pg_edu.course.records import record
from pg_edu.lab.museum import MODULES, PITFALLS
from pg_edu.lab.museum.pitfall import Kind, Pitfall, Verdict
from tests.helpers import softmax

WITH_CODE = {name: one for name, one in PITFALLS.items() if one.kind != "misconception"}
MISCONCEPTIONS = {name: one for name, one in PITFALLS.items() if one.kind == "misconception"}


def versions(pitfall: Pitfall) -> tuple[Callable, Callable]:
    assert pitfall.wrong is not None and pitfall.right is not None
    return pitfall.wrong, pitfall.right


# Tests generated from the registry.


@pytest.mark.parametrize("name", WITH_CODE)
def test_the_wrong_version_fails_its_check(name):
    pitfall = PITFALLS[name]
    assert not pitfall.check(pitfall.wrong).passes


@pytest.mark.parametrize("name", WITH_CODE)
def test_the_right_version_passes_its_check(name):
    pitfall = PITFALLS[name]
    assert pitfall.check(pitfall.right).passes


@pytest.mark.parametrize("name", MISCONCEPTIONS)
def test_a_misconception_fails_its_check(name):
    assert not PITFALLS[name].check().passes


@pytest.mark.parametrize("name", PITFALLS)
def test_where_a_belief_is_half_true_is_computed(name):
    assert PITFALLS[name].half_true().passes


@pytest.mark.parametrize(
    ("name", "nothing"),
    [
        ("any baseline", lambda weights, least: [0 * w for w in weights]),
        ("the auto-reset row", lambda score, rew, end, reset, gamma: np.zeros((1, 3))),
        ("the forgotten end flag", lambda rew, end, gamma: np.zeros(len(rew))),
    ],
)
def test_an_update_that_is_always_0_has_no_variance_but_fails_the_check(name, nothing):
    """A check of variance must ask for the right expectation as well."""
    verdict = PITFALLS[name].check(nothing)
    assert not verdict.passes
    assert verdict.figures["variance"] == 0


def pushed_down(log_prob, returns):
    """The right loss, and a term whose gradient lowers the mean in every dimension."""
    return -(log_prob.sum(dim=1) * returns).mean() - 0.1 * log_prob[0].sum()


@pytest.mark.parametrize(
    ("name", "opposite"),
    [
        ("the first n to finish", lambda lengths: lengths.min() + 0 * lengths[:, 0]),
        ("best of k", lambda results, again: float(results.min())),
        ("mean over action dimensions", pushed_down),
    ],
)
def test_what_errs_in_the_other_direction_fails_the_check_too(name, opposite):
    assert not PITFALLS[name].check(opposite).passes


@pytest.mark.parametrize("name", WITH_CODE)
def test_both_versions_are_short_and_take_the_same_arguments(name):
    wrong, right = versions(PITFALLS[name])
    assert list(inspect.signature(wrong).parameters) == list(inspect.signature(right).parameters)
    for code in (wrong, right):
        assert len(inspect.getsource(code).splitlines()) <= 6


@pytest.mark.parametrize("name", WITH_CODE)
def test_the_two_versions_differ(name):
    bodies = []
    for code in versions(PITFALLS[name]):
        function = ast.parse(inspect.getsource(code)).body[0]
        assert isinstance(function, ast.FunctionDef)
        bodies.append([ast.dump(line) for line in function.body])
    assert bodies[0] != bodies[1]


@pytest.mark.parametrize("name", PITFALLS)
def test_the_texts_of_a_pitfall_are_short_and_complete(name):
    pitfall = PITFALLS[name]
    assert pitfall.kind in get_args(Kind)
    assert 10 < len(pitfall.believed) < 90 and pitfall.believed.endswith(".")
    assert 20 < len(pitfall.nuance) < 230 and pitfall.nuance.endswith((".", ".)"))
    assert pitfall.sources and all(pitfall.sources)
    no_code = pitfall.wrong is None and pitfall.right is None
    assert no_code == (pitfall.kind == "misconception")


def test_there_are_at_least_twenty_five_pitfalls_with_different_names():
    found = [x for module in MODULES for x in vars(module).values() if isinstance(x, Pitfall)]
    assert len(found) == len(PITFALLS) >= 25


def test_there_is_a_pitfall_of_each_kind():
    assert {pitfall.kind for pitfall in PITFALLS.values()} == set(get_args(Kind))


def test_every_pitfall_has_figures_from_an_independent_computation():
    assert set(FIGURES) == set(PITFALLS)


def test_a_printed_verdict_does_not_depend_on_rounding():
    assert str(Verdict(True, {"a": -1e-17, "b": 2 / 3, "n": 12})) == "✓ a = 0; b = 0.6667; n = 12"


@pytest.mark.parametrize("name", PITFALLS)
def test_no_figure_is_close_enough_to_a_rounding_edge_to_print_differently_elsewhere(name):
    for verdict in PITFALLS[name].verdicts().values():
        printed = [str(verdict)]
        for nudge in (1 - 1e-7, 1 + 1e-7):
            nudged = {n: v if isinstance(v, int) else v * nudge for n, v in verdict.figures.items()}
            printed.append(str(Verdict(verdict.passes, nudged)))
        assert len(set(printed)) == 1


def test_verdicts_are_given_on_all_versions():
    assert list(PITFALLS["mean over steps"].verdicts()) == ["wrong", "right", "half true"]
    assert list(PITFALLS["a low return pushes down"].verdicts()) == ["believed", "half true"]


# The figures, computed again: tasks are lists of their episodes, and policies toss fair coins.
#
# An episode is (probability, [(state, action, reward), ...]). The score of a fair coin is +1/2 for
# the action taken in that state, and -1/2 for the other action there.

LONG_OR_SHORT = [(0.5, [(0, 0, 1.0)])] + [
    (1 / 16, [(0, 1, 0.4), *((1, coin, 0.4 * coin) for coin in coins)])
    for coins in itertools.product((0, 1), repeat=3)
]
WAITING = [
    (0.5, [(0, 0, 1.0)]),
    (0.25, [(0, 1, 0.0), (1, 0, 1.0)]),
    (0.125, [(0, 1, 0.0), (1, 1, 0.0), (2, 0, 1.0)]),
    (0.125, [(0, 1, 0.0), (1, 1, 0.0), (2, 1, 4.0)]),
]
TWO_COINS = [
    (0.25, [(0, one, float(one)), (1, two, float(two))])
    for one, two in itertools.product((0, 1), repeat=2)
]
LOAN = [
    (0.25, [(0, one, 5.0 * one), (1 + one, two, 0.5 * two - 5.0 * one)])
    for one, two in itertools.product((0, 1), repeat=2)
]


def to_go(steps, gamma=1.0):
    r = [reward for _, _, reward in steps]
    return [sum(gamma ** (k - t) * r[k] for k in range(t, len(r))) for t in range(len(r))]


def pushed(steps, weights):
    """Σₜ ∇log π wₜ, [3, 2]."""
    g = np.zeros((3, 2))
    for (s, a, _), weight in zip(steps, weights, strict=True):
        g[s] -= weight / 2
        g[s, a] += weight
    return g


def moments(task, n, update):
    """E[update] and the trace of its covariance, over all batches of n episodes."""
    batches = list(itertools.product(task, repeat=n))
    chance = np.array([math.prod(p for p, _ in batch) for batch in batches])
    found = np.array([update([steps for _, steps in batch]) for batch in batches])
    mean = np.tensordot(chance, found, axes=1)
    return mean, float(chance @ ((found - mean) ** 2).sum(axis=(1, 2)))


def right(batch):
    return sum(pushed(steps, to_go(steps)) for steps in batch) / len(batch)


def truth(task):
    return moments(task, 1, right)[0]


def cosine(x, y):
    return float((x * y).sum() / math.sqrt((x * x).sum() * (y * y).sum()))


def cosines(task, update, sizes):
    return [cosine(moments(task, n, update)[0], truth(task)) for n in sizes]


def per_episode(batch):
    return sum(pushed(s, np.array(to_go(s)) / len(s)) for s in batch) / len(batch)


def per_step(batch):
    return len(batch) * right(batch) / sum(map(len, batch))


def minus_mean_of_steps(batch):
    b = statistics.fmean(G for steps in batch for G in to_go(steps))
    return sum(pushed(s, [G - b for G in to_go(s)]) for s in batch) / len(batch)


def lonely_dropped(batch):
    g = np.zeros((3, 2))
    for i, steps in enumerate(batch):
        weights = []
        for t, G in enumerate(to_go(steps)):
            others = [to_go(o)[t] for j, o in enumerate(batch) if j != i and len(o) > t]
            weights.append(G - statistics.fmean(others) if others else 0.0)
        g += pushed(steps, weights)
    return g / len(batch)


def window(batch, steps, finished_only=False):
    g = np.zeros((3, 2))
    left = steps
    for episode in batch:
        seen = episode[:left]
        if seen and not (finished_only and len(seen) < len(episode)):
            g += pushed(seen, to_go(seen))
        left = max(0, left - len(episode))
    return g


def window_cosine(steps):
    return cosines(WAITING, lambda batch: window(batch, steps), (steps,))[0]


def minus_next_value(batch):
    (steps,) = batch
    G = to_go(steps)
    following = [*V_NEXT[: len(steps) - 1], 0.0]
    return pushed(steps, [G[t] - following[t] for t in range(len(steps))])


def total(batch):
    (steps,) = batch
    return pushed(steps, [to_go(steps)[0]] * len(steps))


# Three arms, in numpy.

REWARD, LOGITS = np.array([1.0, 0.0, 5.0]), np.array([0.5, -0.3, 0.1])


PI = softmax(LOGITS)
GRADIENT = PI * (REWARD - PI @ REWARD)


def arms(n, update, reward=REWARD, pi=PI):
    """E[update] and the trace of its covariance, over all batches of n pulls."""
    mean, square = np.zeros(3), 0.0
    for pulls in itertools.product(range(3), repeat=n):
        g = update(np.eye(3)[list(pulls)] - pi, reward[list(pulls)])
        mean += pi[list(pulls)].prod() * g
        square += pi[list(pulls)].prod() * float(g @ g)
    return mean, square - float(mean @ mean)


def minus(b):
    return lambda score, G: ((G - b)[:, None] * score).mean(axis=0)


def signs(score, G):
    """Standardizing two returns leaves the signs of their distances to the mean."""
    return (np.sign(G - G.mean())[:, None] * score).mean(axis=0)


def standardized(score, G):
    return (((G - G.mean()) / (G.std() + 1e-8))[:, None] * score).mean(axis=0)


def others(score, G):
    return ((G - (G.sum() - G) / (len(G) - 1))[:, None] * score).mean(axis=0)


def pairs(score, G):
    return score.mean(axis=0) * G.mean()


def snr(n):
    mean, variance = arms(n, pairs)
    return float(np.linalg.norm(mean)) / math.sqrt(variance)


def second_step(lr, centered=False):
    """The cosine between E[the second step on a batch of 4] and E[∇J there]."""
    pulls = np.array(list(itertools.product(range(3), repeat=4)))
    chance = PI[pulls].prod(axis=1)
    weight = REWARD[pulls]
    if centered:
        weight = (4 * weight - weight.sum(axis=1, keepdims=True)) / 3
    after = LOGITS + lr * (weight[..., None] * (np.eye(3)[pulls] - PI)).mean(axis=1)
    pi = softmax(after)
    gradient = chance @ (pi * (REWARD - (pi @ REWARD)[:, None]))
    step = chance @ (weight[..., None] * (np.eye(3)[pulls] - pi[:, None])).mean(axis=1)
    return cosine(step, gradient)


def clipped(score, G):
    g = (G[:, None] * score).mean(axis=0)
    return g / max(1.0, 2 * np.linalg.norm(g))


def first_of_adam(score, G):
    g = others(score, G)
    return g / (np.abs(g) + 1e-8)


RARE, RARE_PI = np.array([1.0, 0, 50]), softmax(np.array([1.5, 0, -3]))
RARE_GRADIENT = RARE_PI * (RARE - RARE_PI @ RARE)


def certain(b):
    """The variance of (r - b) ∇log π for rewards 1 and 0, where π = (.9, .1)."""
    return 2 * 0.09 * (0.1 * (1 - b) ** 2 + 0.9 * b**2 - 0.09)


# Without zero_grad the mean obeys m'' - 1.5 m' + m = 0, an oscillation without friction.


def undamped(k):
    angle = math.acos(0.75)
    return math.cos(k * angle) - 0.25 / math.sin(angle) * math.sin(k * angle)


def dropout(reward):
    """E[r ∇ log π] with the mask in the score only, [3, 2], and ∇J of the policy without masks."""
    weights, hidden = np.array([[1.0, 0.6], [-0.4, 0.8], [0.2, -1.0]]), np.array([1.0, -0.5])
    acts = softmax(weights @ hidden)
    update = np.zeros((3, 2))
    for keep in itertools.product((0, 2), repeat=2):
        masked = keep * hidden
        pi = softmax(weights @ masked)
        update += np.outer(acts * reward - (acts @ reward) * pi, masked) / 4
    return update, np.outer(acts * (reward - acts @ reward), hidden)


def shifted_tokens():
    """The cosine between the update of a model whose tokens are scored one row late, and ∇J."""
    logits = np.array([[0.2, -0.3], [0.5, 0.0], [-0.4, 0.6]])
    paid = {(0, 1): 1.0, (1, 0): 3.0}

    def J(logits):
        pi = softmax(logits)
        return sum(pi[0, a] * pi[1 + a, b] * r for (a, b), r in paid.items())

    pi = softmax(logits)
    update, slope, h = np.zeros((3, 2)), np.zeros((3, 2)), 1e-5
    for (a, b), r in paid.items():
        for token in (a, b):
            chance = pi[0, a] * pi[1 + a, b]
            update[1 + token] += chance * r * (np.eye(2)[token] - pi[1 + token])
    for place in np.ndindex(3, 2):
        nudge = np.zeros((3, 2))
        nudge[place] = h
        slope[place] = (J(logits + nudge) - J(logits - nudge)) / (2 * h)
    return cosine(update, slope)


def in_the_last_state(batch):
    return per_row([[(steps[-1][0], a, r) for _, a, r in steps] for steps in batch])


def per_row(batch):
    return sum(pushed(steps, to_go(steps)) for steps in batch) / len(batch)


PAID_FOR_WAITING = [(p, [(s, a, float(a)) for s, a, _ in steps]) for p, steps in WAITING]


def paid_window(finished_only):
    return cosines(PAID_FOR_WAITING, lambda batch: window(batch, 3, finished_only), (3,))[0]


P_KL, REF = np.array([0.6, 0.3, 0.1]), np.array([0.2, 0.3, 0.5])
KL = float(P_KL @ np.log(P_KL / REF))
KL_GRADIENT = P_KL * (np.log(P_KL / REF) - KL)


# Gaussians, by scipy.


def expect(f, mean, std):
    kinks = [k for k in (-1, 1) if abs(k - mean) < 12 * std]
    edges = [mean - 12 * std, *kinks, mean + 12 * std]
    return sum(
        integrate.quad(lambda u: f(u) * stats.norm.pdf(u, mean, std), low, high, epsabs=1e-12)[0]
        for low, high in itertools.pairwise(edges)
    )


def clip(u):
    return min(max(u, -1.0), 1.0)


def scored(bound, x, mean, std):
    """E[r(bound(u)) ∇ log p(x(u))] with r(v) = -(v - .2)², in the mean and in log std."""
    return [
        expect(lambda u: -((bound(u) - 0.2) ** 2) * (x(u) - mean) / std**2, mean, std),
        expect(lambda u: -((bound(u) - 0.2) ** 2) * (((x(u) - mean) / std) ** 2 - 1), mean, std),
    ]


def itself(u):
    return u


# Single computations.


def bits(p, n):
    """E√(k (n - k)) / (n p (1 - p)), the scale of the standardized update of a coin."""
    chance = stats.binom(n, p).pmf
    return sum(chance(k) * math.sqrt(k * (n - k)) for k in range(n + 1)) / (n * p * (1 - p))


def chain_of_waiting(gamma):
    """The cosine between Σ μ(s) ∇π Q_γ and ∇ρ, which is a difference quotient."""

    def chain(p):
        P = np.diag(p / 2) + np.diag(p[:2] / 2, 1)
        P[:, 0] += 1 - P.sum(axis=1)
        r = (1 - p) + p * np.array([0, 0, 4])
        mu = np.linalg.matrix_power(P, 4096)[0]
        return P, r, mu

    P, r, mu = chain(np.full(3, 0.5))
    V = np.linalg.inv(np.eye(3) - gamma * P) @ r
    stop = np.array([1, 1, 1]) + gamma * V[0]
    wait = np.array([0, 0, 4]) + gamma * (V + np.array([V[1], V[2], V[0]])) / 2
    update = mu * (wait - stop) / 4
    h = 1e-5
    slope = []
    for s in range(3):
        up, down = (chain(0.5 + sign * h * np.eye(3)[s]) for sign in (1, -1))
        slope.append((up[2] @ up[1] - down[2] @ down[1]) / (2 * h) / 4)
    return cosine(update, np.array(slope))


def corridor(p_right, steps):
    """Minus the expected number of steps, at most `steps`, in Sutton & Barto's short corridor."""
    P = np.array([[1 - p_right, p_right, 0], [p_right, 0, 1 - p_right], [0, 1 - p_right, 0]])
    alive, total = np.array([1.0, 0, 0]), 0.0
    for _ in range(steps):
        total -= alive.sum()
        alive = alive @ P
    return total


def first_finishers():
    """The number of short episodes until 8 long ones have begun is negative binomial."""
    shorts = sum(stats.nbinom(8, 0.5).pmf(k) * min(k, 8) for k in range(200))
    return (10 * shorts + 100 * (8 - shorts)) / 8


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def success_in_test(k, trained_on):
    """The policy's success in its k-th test with 1, after `trained_on` observations -1 and 1."""
    mean = k / (trained_on + k)
    return sigmoid(4 * (1 - mean) / math.sqrt(1 - mean**2))


def mean_success(trained_on):
    return statistics.fmean(success_in_test(k, trained_on) for k in range(1, 101))


def deviation_of_eight(gamma):
    return math.sqrt(sum(gamma ** (2 * k) for k in range(8)))


def stop_update(n, stop=1.0, go=2.4):
    total = 0.0
    for k in range(n + 1):
        chance = math.comb(n, k) * 0.5**n
        total += chance * (k * 0.5 * stop - (n - k) * 0.5 * go) / (k + 4 * (n - k))
    return 4 * total


def leaked(task):
    """The variance of the update of two episodes in one array without a flag between them."""

    def update(batch):
        one, two = batch
        G = to_go(one + two)
        return (pushed(one, G[: len(one)]) + pushed(two, G[len(one) :])) / 2

    return moments(task, 2, update)[1]


NAN, INF = math.nan, math.inf
V_NEXT = [1.75, 2.5]  # the values of the second and the third state of WAITING
P0, P1 = sigmoid(0.3), sigmoid(-0.2)
INVEST = 3 * 0.95**5
ARM_PUSHES = (REWARD + 0.5) * (1 - PI)
COLUMN = np.array([p * (1 + 3 * (2 * p - 1)) for p in (0.7, 0.3)])
VARIANCE = arms(1, minus(0.0))[1]
LATER = softmax(np.array([0.5, -0.3, 1.5]))

# name -> (figures of the wrong version or the misconception, figures of the nuance), in order.
FIGURES = {
    "mean over steps": lambda: ([0.4, stop_update(8), -1.4], [1 / 3, 1]),
    "mean per episode": lambda: (
        cosines(LONG_OR_SHORT, per_episode, (1, 2, 3)),
        [*cosines(LONG_OR_SHORT, per_step, (1, 4)), 1],
    ),
    "loss per micro-batch": lambda: ([0.4, stop_update(4), -1.4], [0]),
    "standardized per episode": lambda: (
        [0, NAN, (0.81 - 2.71 / 3) / statistics.stdev([0.81, 0.9, 1])],
        [0],
    ),
    "standardized per batch": lambda: (
        [
            cosine(arms(2, signs)[0], GRADIENT),
            cosine(
                arms(2, signs, np.array([1.0, 0, 50]), softmax(np.array([1.5, 0, -3])))[0],
                arms(1, minus(0), np.array([1.0, 0, 50]), softmax(np.array([1.5, 0, -3])))[0],
            ),
        ],
        [1, bits(0.5, 8), bits(0.1, 8)],
    ),
    "standardized per minibatch": lambda: (
        [
            cosine(arms(2, signs)[0], GRADIENT),
            cosine(arms(2, signs, RARE, RARE_PI)[0], RARE_GRADIENT),
        ],
        [cosine(arms(n, standardized)[0], GRADIENT) for n in (2, 4, 8)],
    ),
    "own mean over steps": lambda: (
        cosines(LONG_OR_SHORT, minus_mean_of_steps, (1, 2, 3)),
        cosines(LONG_OR_SHORT, minus_mean_of_steps, (4,)),
    ),
    "leave-one-out, steps dropped": lambda: (
        cosines(WAITING, lonely_dropped, (2, 3)),
        [2 * arms(2, others)[1], 3 * arms(3, others)[1], VARIANCE],
    ),
    "value of the next state": lambda: (
        cosines(WAITING, minus_next_value, (1,)),
        [1],
    ),
    "constant bootstrap": lambda: ([3 + (3.5 + 3) / 2 - 3.5, 3 - 3.5], [0]),
    "the collector's cut": lambda: (
        [
            *cosines(WAITING, lambda batch: window(batch, 2), (2,)),
            *cosines(WAITING, lambda batch: window(batch, 2, finished_only=True), (2,)),
        ],
        [*map(window_cosine, (3, 4, 5)), paid_window(False), paid_window(True)],
    ),
    "the batch used twice": lambda: (
        [second_step(1.0)],
        [second_step(0.1), second_step(1.0, centered=True)],
    ),
    "a column of actions": lambda: (
        [0.3 / 4 * (1 + 3 * (2 * 0.3 - 1)), 0.3, cosine(COLUMN, np.array([0.7, 0.3]))],
        [1],
    ),
    "the clipped action scored": lambda: (
        [
            scored(clip, clip, 1.0, 0.6)[0],
            scored(clip, itself, 1.0, 0.6)[0],
            cosine(*(np.array(scored(clip, x, 1.0, 0.6)) for x in (clip, itself))),
        ],
        [0, 0],
    ),
    "tanh scored as a Normal": lambda: (
        [
            *np.array([scored(math.tanh, x, 0.5, 1.0) for x in (math.tanh, itself)]).T.ravel(),
            cosine(*(np.array(scored(math.tanh, x, 0.5, 1.0)) for x in (math.tanh, itself))),
        ],
        [
            cosine(*(np.array(scored(math.tanh, x, size, size)) for x in (math.tanh, itself)))
            for size in (0.5, 0.005)
        ],
    ),
    "own mean per time": lambda: ([1 / 2, 2 / 3, 1], [0, 3 / 4]),
    "mean over action dimensions": lambda: ([1 / 3, 1], [0, 1.2**17]),
    "the normalizer's own gamma": lambda: (
        [deviation_of_eight(0.5) / deviation_of_eight(0.99), 1],
        [1, 1 / deviation_of_eight(0.99)],
    ),
    "zero_grad forgotten": lambda: ([-1, abs(undamped(40))], [0]),
    "gradient clipping": lambda: (
        [
            cosine(arms(2, clipped)[0], GRADIENT),
            cosine(arms(2, clipped, RARE, RARE_PI)[0], RARE_GRADIENT),
        ],
        [0, *(cosine(arms(n, clipped)[0], GRADIENT) for n in (2, 8))],
    ),
    "dropout while scoring": lambda: (
        [cosine(*dropout(REWARD)), np.abs(dropout(np.ones(3))[0]).max()],
        [0],
    ),
    "tokens shifted by one": lambda: ([shifted_tokens()], [0]),
    "aliased observations": lambda: (cosines(WAITING, in_the_last_state, (1,)), [1]),
    "the entropy's sign": lambda: ([-0.5, 0.5], [0]),
    "KL as a loss": lambda: ([0, np.linalg.norm(KL_GRADIENT)], [KL, 1]),
    "reward clipping": lambda: (
        [
            cosine(arms(1, minus(0), np.array([1.0, 0, 1]))[0], GRADIENT),
            cosine(arms(1, minus(0), np.array([1.0, 0, 1]), RARE_PI)[0], RARE_GRADIENT),
        ],
        [0],
    ),
    "the baseline not detached": lambda: (
        [PI @ REWARD + stats.entropy(PI), PI @ REWARD],
        [0],
    ),
    "reset with one seed": lambda: ([1 / 4, 1 / 20], [2 / 16, 0]),
    "moving observation statistics": lambda: (
        [mean_success(100), sigmoid(4), 0.5],
        [sigmoid(4) - mean_success(1_000_000)],
    ),
    "the optimizer is neutral": lambda: (
        [1, cosine(arms(2, first_of_adam, RARE, RARE_PI)[0], RARE_GRADIENT)],
        [np.abs(RARE_GRADIENT).sum() / math.sqrt(3) / np.linalg.norm(RARE_GRADIENT)],
    ),
    "any baseline": lambda: (
        [arms(1, minus(10))[1], VARIANCE, certain(10), certain(0)],
        [0, certain(0.9), certain(0)],
    ),
    "the auto-reset row": lambda: (
        [
            2 * VARIANCE + 0.99**2 * (1 - PI @ PI) * (PI @ REWARD**2),
            2 * VARIANCE,
        ],
        [0, 3],
    ),
    "the forgotten end flag": lambda: (
        [leaked(TWO_COINS), moments(TWO_COINS, 2, right)[1]],
        [0, math.sqrt(2) * 0.25 / 2 * (0.5 - 0.5**4) * (1 + 0.6 * 1.875) / 2],
    ),
    "gamma^t dropped": lambda: (
        [0.5 * P0 * (1 - P0) * P1 * (1 - P1), round(2 * 0.3 - 2.5 * 0.3**4, 2), 2 - 2.5],
        [chain_of_waiting(0.3), chain_of_waiting(0.99)],
    ),
    "truncation as termination": lambda: (
        [(-6 + INVEST) / 6, (-9 + 4 * INVEST) / 9, INVEST - 1],
        [1],
    ),
    "[B, 1] * [B]": lambda: ([(1 - 2 * 0.6) / (2 * 2**2), (1 - 0.6) / 2], [snr(2), snr(4), snr(6)]),
    "centered rewards": lambda: ([9], [0]),
    "int returns": lambda: ([1, 2.71], [2.71, 3]),
    "softmax, then log": lambda: ([-INF, NAN], [-80, 1, math.log(2.0**-23), 0]),
    "cumsum over gamma^t": lambda: ([NAN], [0]),
    "the first n to finish": lambda: ([first_finishers(), 55], [10]),
    "argmax is the agent": lambda: (
        [-100, corridor(2 - math.sqrt(2), 100)],
        [1 - PI @ REWARD, 5 - LATER @ REWARD],
    ),
    "three seeds and a band": lambda: ([1 - 2 * 0.5**3], [1 - 0.7**3 - 0.3**3]),
    "best of k": lambda: ([(500 * 19 + 300 * 7 + 100) / 27, 300], [0.75 * 400 + 0.25 * 200, 300]),
    "a running mean has no grounding": lambda: ([0], [0.4, 0.4 - 0.75]),
    "tanh needs the Jacobian": lambda: (
        [scored(math.tanh, itself, 0.5, 1.0)[0]] * 2,
        [1 - 2 * expect(lambda u: u * math.tanh(u), 0.0, 2.0), 1],
    ),
    "a low return pushes down": lambda: (
        [ARM_PUSHES[0], ARM_PUSHES.min()],
        [(1.5 * (1 - PI[0]) - 5.5 * PI[0]) / 2],
    ),
    "reward-to-go always helps": lambda: (
        [
            moments(LOAN, 1, right)[1],
            moments(LOAN, 1, total)[1],
        ],
        [(4**2 + 3 * 4 - 1) / 3 * 4 / 8, (4**2 + 4 - 1) * 4 / 8],
    ),
}


@pytest.mark.parametrize("name", PITFALLS)
def test_the_figures_of_a_pitfall_are_those_of_an_independent_computation(name):
    verdicts = list(PITFALLS[name].verdicts().values())
    for verdict, expected in zip((verdicts[0], verdicts[-1]), FIGURES[name](), strict=True):
        found = [*verdict.figures.values()]
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_the_answer_to_exercise_10_1_is_the_mean_over_all_cases():
    """The first three episodes of three copies make 2^9 cases; no fourth one can be counted."""
    shares = []
    for lengths in itertools.product((1, 10), repeat=9):
        ends = [
            (sum(own[: k + 1]), own[k])
            for own in (lengths[:3], lengths[3:6], lengths[6:])
            for k in range(3)
        ]
        shares.append(sum(length == 1 for _, length in sorted(ends)[:3]) / 3)
    assert statistics.fmean(shares) == pytest.approx(record("10.1").key, abs=1e-12)
