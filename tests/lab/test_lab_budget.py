"""The error budget, held against an orchard whose games are written down here by hand.

Nothing of the package computes what is expected: games and recordings are spelled out, every
ordered batch is looked at, and returns, baselines and deviations are plain loops.
"""

from dataclasses import replace
from itertools import product
from math import isclose, prod

import numpy as np
import pytest

from pg_edu import PGPolicy
from pg_edu.lab.exact.agent import pgpolicy_step
from pg_edu.lab.exact.budget import Settings, batches, budget, update
from pg_edu.lab.exact.judge import judge
from pg_edu.lab.exact.mdp import MDP
from pg_edu.lab.exact.tasks import coins, invest, stop_or_go
from pg_edu.stats import RunningMeanStd

NEVER = -np.inf
GROWS = np.zeros((4, 2, 4))
GROWS[0, 1, 1] = GROWS[1, 1, 2] = 1
GROWS[2, 1, 3] = 0.75
COINS = np.array([[2, 0], [1.5, 0], [0, 0], [0, 4.0]])
ORCHARD = MDP([1, 0, 0, 0], GROWS, COINS, [[0, 0], [0, 0], [NEVER, 0], [NEVER, 0]])

# By hand. A step is (state, action, reward); a piece is its steps and whether the game was over.

SELL, SOW, PICK = (0, 0, 2.0), (0, 1, 0.0), (1, 0, 1.5)
WAIT, FROST, RIPE = (1, 1, 0.0), (2, 1, 0.0), (3, 1, 4.0)
REST = {  # of a game, from each state on
    0: [
        (1 / 2, [SELL]),
        (1 / 4, [SOW, PICK]),
        (1 / 16, [SOW, WAIT, FROST]),
        (3 / 16, [SOW, WAIT, FROST, RIPE]),
    ],
    1: [(1 / 2, [PICK]), (1 / 8, [WAIT, FROST]), (3 / 8, [WAIT, FROST, RIPE])],
    2: [(1 / 4, [FROST]), (3 / 4, [FROST, RIPE])],
    3: [(1.0, [RIPE])],
}
VISITS = np.array([1, 1 / 2, 1 / 4, 3 / 16])
LENGTH = VISITS.sum()


def recordings(steps, first):
    """(probability, pieces) of `steps` steps in a row; what goes on is cut at the end."""
    if steps == 0:
        return [(1.0, [])]
    found = []
    for s, chance in enumerate(first):
        for p, game in REST[s]:
            if chance == 0:
                continue
            piece = (game[:steps], len(game) <= steps)
            for q, more in recordings(max(steps - len(game), 0), (1, 0, 0, 0)):
                found.append((chance * p * q, [piece, *more]))
    return found


def plays(settings):
    if settings.window is None:
        return [(p, [(game, True)]) for p, game in REST[0]]
    return recordings(settings.window, VISITS / LENGTH)


def returns(piece, gamma, bootstrap):
    steps, over = piece
    rewards = [r for _, _, r in steps] + [0.0 if over else bootstrap]
    return [sum(gamma**k * r for k, r in enumerate(rewards[t:])) for t in range(len(steps))]


def moments(settings, bootstrap):
    """Mean and standard deviation of all returns, each as often as it is played."""
    rows = [
        (p, G)
        for p, pieces in plays(settings)
        for piece in pieces
        for G in returns(piece, settings.gamma, bootstrap)
    ]
    total = sum(p for p, _ in rows)
    mean = sum(p * G for p, G in rows) / total
    return mean, (sum(p * (G - mean) ** 2 for p, G in rows) / total) ** 0.5


def spread(settings):
    """The deviation of the weights of a batch without end: each as often as it is played."""
    rows = [
        (p, piece, returns(piece, settings.gamma, 0.0))
        for p, pieces in plays(settings)
        for piece in pieces
    ]
    everybody = sum(p for p, _, _ in rows)
    weights = []
    for p, (steps, _), row in rows:
        for t, (G, (s, _, _)) in enumerate(zip(row, steps, strict=True)):
            if settings.baseline == "value":
                G -= values(settings.gamma)[s]
            if settings.baseline == "leave-one-out":
                G -= sum(q * other[t] for q, _, other in rows if t < len(other)) / everybody
            weights.append((p, G))
    total = sum(p for p, _ in weights)
    mean = sum(p * w for p, w in weights) / total
    return (sum(p * (w - mean) ** 2 for p, w in weights) / total) ** 0.5


def settled_mean(settings):
    mean = 0.0
    for _ in range(60):
        mean = moments(settings, mean)[0]
    return mean


def values(gamma):
    V3 = 4.0
    V2 = gamma * 0.75 * V3
    V1 = (1.5 + gamma * V2) / 2
    return [(2 + gamma * V1) / 2, V1, V2, V3]


def standardised(weights, everything):
    mean = sum(everything) / len(everything)
    std = (sum((w - mean) ** 2 for w in everything) / len(everything)) ** 0.5
    return [(w - mean) / (std + 1e-8) for w in weights]


def with_baseline(weights, pieces, settings):
    flat = [w for row in weights for w in row]
    if settings.baseline == "leave-one-out":
        others = max(1, len(weights) - 1)
        at = lambda t: sum(row[t] for row in weights if t < len(row))  # noqa: E731
        return [[w - (at(t) - w) / others for t, w in enumerate(row)] for row in weights]
    if settings.baseline == "batch mean":
        return [[w - sum(flat) / len(flat) for w in row] for row in weights]
    if settings.baseline == "value":
        V = values(settings.gamma)
        return [
            [w - V[s] for w, (s, _, _) in zip(row, steps, strict=True)]
            for row, (steps, _) in zip(weights, pieces, strict=True)
        ]
    return [[w - (settings.baseline or 0) for w in row] for row in weights]


def step_by_hand(pieces, settings, mean, std):
    """The sum over all steps of score times weight: the logits of action 1 in states 0 and 1."""
    weights = [returns(piece, settings.gamma, mean) for piece in pieces]
    weights = with_baseline(weights, pieces, settings)
    if settings.normalizer == "running":
        weights = [[w - mean for w in row] for row in weights]
    if settings.normalizer in ("batch", "episode"):
        flat = [w for row in weights for w in row]
        among = {"batch": lambda row: flat, "episode": lambda row: row}[settings.normalizer]
        weights = [[std * w for w in standardised(row, among(row))] for row in weights]
    step = np.zeros(2)
    for row, (steps, _) in zip(weights, pieces, strict=True):
        for w, (s, a, _) in zip(row, steps, strict=True):
            if s < 2:
                step[s] += (a - 0.5) * w
    return step


def by_hand(settings):
    """E[update], and E|update - E[update]|² of all four logits, over every ordered batch."""
    mean = settled_mean(settings) if settings.normalizer == "running" else 0.0
    std = spread(settings)
    games = settings.episodes * (1 if settings.window is None else settings.window / LENGTH)
    rows = []
    for chosen in product(plays(settings), repeat=settings.episodes):
        pieces = [piece for _, played in chosen for piece in played]
        count = {
            None: 1.0,
            "steps": sum(len(steps) for steps, _ in pieces),
            "pieces": len(pieces),
        }[settings.divide_by]
        step = step_by_hand(pieces, settings, mean, std) / games
        rows.append((prod(p for p, _ in chosen), step, count))
    usual = sum(p * count for p, _, count in rows)
    rows = [(p, step * usual / count) for p, step, count in rows]
    expected = sum(p * step for p, step in rows)
    return expected, 2 * sum(p * ((step - expected) ** 2).sum() for p, step in rows)


AGENTS = [
    Settings(),
    Settings(gamma=0.9, episodes=2),
    Settings(gamma=0.5, episodes=3, divide_by="steps"),
    Settings(episodes=2, divide_by="pieces", baseline=1.5),
    Settings(episodes=2, divide_by="steps", baseline="value"),
    Settings(gamma=0.9, episodes=3, baseline="leave-one-out"),
    Settings(gamma=0.9, episodes=2, baseline="batch mean"),
    Settings(gamma=0.9, episodes=3, normalizer="batch", baseline="value"),
    Settings(gamma=0.9, episodes=2, divide_by="steps", normalizer="episode"),
    Settings(gamma=0.9, episodes=2, divide_by="steps", normalizer="running"),
    Settings(gamma=0.9, window=5),
    Settings(window=6, divide_by="pieces"),
    Settings(gamma=0.9, window=5, divide_by="steps", normalizer="running"),
    Settings(gamma=0.9, window=5, divide_by="pieces", normalizer="running", baseline="value"),
    Settings(gamma=0.8, episodes=2, window=3, normalizer="batch", baseline="leave-one-out"),
    Settings(gamma=0.9, window=4, divide_by="steps", normalizer="episode", baseline=-1.0),
]
every_agent = pytest.mark.parametrize("settings", AGENTS, ids=range(len(AGENTS)))


@every_agent
def test_truth_and_parts_are_the_mean_update_and_its_noise(settings):
    """∇J + Σ parts = Σ p(batch) g(batch), over every ordered batch, written down by hand."""
    found, (expected, noise) = budget(ORCHARD, settings), by_hand(settings)
    np.testing.assert_allclose(found.expectation[:2, 1], expected, atol=1e-9)
    np.testing.assert_allclose(found.expectation[:2, 0], -expected, atol=1e-9)
    assert found.variance == pytest.approx(noise, abs=1e-9)


@every_agent
def test_the_mean_squared_error_is_the_bias_squared_and_the_noise(settings):
    """E|g - ∇J|² = |Σ parts|² + noise."""
    found, g = budget(ORCHARD, settings), update(ORCHARD, settings)
    pairs = [(p, g(batch)) for p, batch in batches(ORCHARD, settings)]
    assert sum(p for p, _ in pairs) == pytest.approx(1, abs=1e-12)
    error = sum(p * ((step - found.truth) ** 2).sum() for p, step in pairs)
    assert found.error == pytest.approx(error, rel=1e-12)


@every_agent
def test_the_parts_come_one_after_the_other(settings):
    """Each part is what switching on one more choice adds: cut, mean, normalizer, baseline."""
    parts = budget(ORCHARD, settings).parts
    assert list(parts) == ["discount", "gamma^t", "cut", "mean", "normalizer", "baseline"]
    cut = replace(settings, divide_by=None, normalizer=None, baseline=None)
    mean = replace(cut, divide_by=settings.divide_by)
    normalised = replace(mean, normalizer=settings.normalizer)
    stages = [by_hand(stage)[0] for stage in (cut, mean, normalised, settings)]
    for name, before, after in zip(list(parts)[3:], stages, stages[1:], strict=False):
        np.testing.assert_allclose(parts[name][:2, 1], after - before, atol=1e-9)


def test_the_truth_is_the_gradient_of_what_was_wanted():
    """J₁ = 1 + V₁/2 with V₁ = 3/4 + 3/2: q (V₁ - 2) and p₀ q (3 - 1.5); or with γ = .5."""
    np.testing.assert_allclose(budget(ORCHARD, Settings()).truth[:2, 1], [1 / 16, 3 / 16])
    half = replace(ORCHARD, gamma=0.5)
    V = values(0.5)
    expected = [(0.5 * V[1] - 2) / 4, 0.5 * 0.5 * (0.5 * V[2] - 1.5) / 4]
    found = budget(half, Settings(gamma=0.5), "discounted")
    np.testing.assert_allclose(found.truth[:2, 1], expected, atol=1e-14)


@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.9])
def test_discount_and_gamma_t_are_told_apart(gamma):
    """∇J_γ has γᵗ before the second decision; the update without it counts that in full."""
    V, parts = values(gamma), budget(ORCHARD, Settings(gamma=gamma)).parts
    first, second = (gamma * V[1] - 2) / 4, 0.5 * (gamma * V[2] - 1.5) / 4
    discount = [first - 1 / 16, gamma * second - 3 / 16]
    np.testing.assert_allclose(parts["discount"][:2, 1], discount, atol=1e-14)
    np.testing.assert_allclose(parts["gamma^t"][:2, 1], [0, (1 - gamma) * second], atol=1e-14)


@pytest.mark.parametrize("window", [1, 3, 7])
def test_the_cut_replaces_q_by_what_is_heard_of_it(window):
    """E[update] = Σ d(s) Σ ∇π(a|s) (1/W) Σₙ Qₙ(s, a), with n = 1 ... W rewards heard."""
    heard = np.zeros(2)
    for n in range(1, window + 1):
        second = (0.75 * 4 if n >= 3 else 0) - 1.5
        V1 = 0.75 + (1.5 if n - 1 >= 3 else 0) if n >= 2 else 0.0
        heard += np.array([(V1 - 2) / 4, 0.5 * second / 4]) / window
    cut = budget(ORCHARD, Settings(window=window)).parts["cut"][:2, 1]
    np.testing.assert_allclose(cut, heard - [1 / 16, 3 / 16], atol=1e-13)


@pytest.mark.parametrize(
    ("settings", "zero"),
    [
        (Settings(gamma=1.0, episodes=2, divide_by="steps"), ["discount", "gamma^t"]),
        (Settings(gamma=0.7, episodes=2, divide_by="steps"), ["cut"]),
        (Settings(gamma=0.7, episodes=3, divide_by="pieces"), ["cut", "mean"]),
        (Settings(gamma=0.7, window=6, divide_by="steps"), ["mean"]),
        (Settings(gamma=0.7, episodes=2, window=3, divide_by="steps"), ["mean"]),
        (Settings(gamma=0.7, episodes=3, baseline="leave-one-out"), ["baseline"]),
        (Settings(gamma=0.7, episodes=2, baseline="value"), ["baseline"]),
        (Settings(gamma=0.7, baseline=-3.0, normalizer="running"), ["normalizer", "baseline"]),
    ],
)
def test_what_costs_nothing_has_no_part(settings, zero):
    """What was settled before the actions changes no expectation."""
    parts = budget(ORCHARD, settings).parts
    for name in zero:
        assert np.abs(parts[name]).max() < 1e-12


def test_a_random_divisor_costs_less_with_more_environments():
    """A constant scale is no error: the mean over steps and the batch's deviation fade as 1/N."""
    sizes = {n: budget(ORCHARD, Settings(episodes=n, divide_by="steps")) for n in (4, 8)}
    lengths = [np.linalg.norm(found.parts["mean"]) for found in sizes.values()]
    assert 1.6 < lengths[0] / lengths[1] < 2.4
    found = [budget(ORCHARD, Settings(episodes=n, normalizer="batch")) for n in (4, 10)]
    norms = [np.linalg.norm(b.parts["normalizer"]) for b in found]
    assert norms[1] < norms[0] / 1.8


@pytest.mark.parametrize("baseline", ["value", "leave-one-out", "batch mean"])
def test_a_deviation_is_measured_by_what_it_tends_to_also_behind_a_baseline(baseline):
    """std(G - b) settles at a number of its own; what is left of the bias halves with 1/N."""
    wanted = budget(ORCHARD, Settings(gamma=0.9)).expectation

    def error(n):
        settings = Settings(0.9, n, normalizer="batch", baseline=baseline)
        g = update(ORCHARD, settings)
        return np.linalg.norm(sum(p * g(b) for p, b in batches(ORCHARD, settings)) - wanted)

    assert error(18) < 0.65 * error(9)


@pytest.mark.parametrize("normalizer", ["batch", "running", None])
def test_a_huge_constant_on_the_rewards_of_a_bandit_leaves_its_deviation_alone(normalizer):
    """Var(c + R) = Var(R): E[R²] - E[R]² has no digit left of it for c = 1e8."""

    def centred(c):
        arms = MDP([1], np.zeros((1, 3, 1)), [[c, c + 1, c + 3]], [[0, 0, 0]])
        settings = Settings(episodes=3, normalizer=normalizer, baseline="leave-one-out")
        return budget(arms, settings).expectation

    np.testing.assert_allclose(centred(1e8), centred(0.0), atol=1e-6)


@pytest.mark.parametrize(("window", "games"), [(4, 1), (8, 2)])
def test_windows_that_keep_step_with_the_games_hold_whole_games(window, games):
    """Every game has four steps and the first window begins with one: so does every other."""
    found = budget(coins(4), Settings(window=window))
    whole = budget(coins(4), Settings(episodes=games))
    assert found.variance == pytest.approx(whole.variance, rel=1e-12)
    firsts = {batch[0].states[0] for _, batch in batches(coins(4), Settings(window=window))}
    assert firsts == {0}


def test_windows_of_half_a_game_begin_at_its_start_or_in_its_middle():
    """A window of two steps in games of four: states 0 and 2, one half each."""
    begin = np.zeros(4)
    for p, batch in batches(coins(4), Settings(window=2)):
        begin[batch[0].states[0]] += p
    np.testing.assert_allclose(begin, [0.5, 0, 0.5, 0], atol=1e-15)


def test_windows_begin_only_where_the_agent_comes():
    """Who always sells at once has one way to play, and no noise."""
    seller = ORCHARD.at([[0, NEVER], [0, 0], [NEVER, 0], [NEVER, 0]])
    ((p, batch),) = batches(seller, Settings(window=3))
    assert p == 1 and [e.states.tolist() for e in batch] == [[0], [0], [0]]


STAGES = [(1, None), (2, "steps")]


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e60])
def test_the_table_says_the_same_in_any_unit(scale):
    """Lengths change with the unit, angles do not."""
    world = replace(ORCHARD, reward=scale * COINS)
    found = budget(world, Settings(gamma=0.9, episodes=2, divide_by="steps"))
    rows = [line.split() for line in str(found).splitlines()[1:-1]]
    stages = [
        np.array([1 / 16, 3 / 16]),
        *(by_hand(Settings(0.9, n, None, d))[0] for n, d in STAGES),
    ]
    for row, at in zip([rows[0], rows[3], rows[4]], stages, strict=True):
        cosine = at @ np.array([1, 3]) / np.linalg.norm(at) / np.sqrt(10)
        assert float(row[2]) == pytest.approx(cosine, abs=6e-4)
    assert [float(row[1]) == 0 for row in rows] == [False] * 3 + [True, False, True, True]
    assert float(rows[0][1]) == pytest.approx(scale * 0.2795, rel=0.01)


def normalising(mean, std):
    class Settled(PGPolicy):
        def process_fn(self, batch, buffer, indices):
            self.ret_rms = RunningMeanStd(mean=mean, std=std)
            return super().process_fn(batch, buffer, indices)

    return pgpolicy_step(Settled, discount_factor=0.9, reward_normalization=True)


@pytest.mark.parametrize("window", [None, 5])
def test_an_update_by_the_mean_over_steps_is_pgpolicys(window):
    """PGPolicy's expected step, times the steps of a game; float32 returns are good to 1e-6."""
    settings = Settings(gamma=0.9, window=window, divide_by="steps")
    every = list(batches(ORCHARD, settings))
    real = judge(pgpolicy_step(discount_factor=0.9), every, np.ones((4, 2))).expectation
    found = budget(ORCHARD, settings).expectation
    np.testing.assert_allclose(found, real * LENGTH, atol=2e-6)


def test_running_is_pgpolicys_reward_normalization_when_it_has_settled():
    """(G - μ)/σ with γμ behind the cut, where μ and σ are what such returns have themselves."""
    settings = Settings(gamma=0.9, window=5, divide_by="steps", normalizer="running")
    mean = settled_mean(settings)
    std = moments(settings, mean)[1]
    every = list(batches(ORCHARD, settings))
    real = judge(normalising(mean, std), every, np.ones((4, 2))).expectation
    found = budget(ORCHARD, settings).expectation
    np.testing.assert_allclose(found, real * std * LENGTH, atol=5e-6)


def test_a_limit_is_part_of_the_world_and_its_value_knows_the_clock():
    """The truth of a world with a limit is that of the games cut there."""
    short = replace(ORCHARD, limit=2)
    found = budget(short, Settings(episodes=2, baseline="value"))
    np.testing.assert_allclose(found.truth[:2, 1], [(0.75 - 2) / 4, -0.5 * 1.5 / 4])
    for part in found.parts.values():
        np.testing.assert_allclose(part, 0, atol=1e-13)


def test_a_value_baseline_with_a_limit_is_the_value_at_that_time():
    """With V(t, s) subtracted, a game without a choice has no noise at all."""
    forced = MDP([1], [[[1.0]]], [[1.0]], [[0.0]], limit=3)
    weights = []
    for _, batch in batches(forced, Settings(baseline="value")):
        weights.append(update(forced, Settings(baseline="value"))(batch))
    assert np.abs(weights).max() == 0


def test_the_printed_budget_is_a_table_of_lengths_and_angles():
    lines = str(budget(stop_or_go(), Settings(divide_by="steps"))).splitlines()
    assert lines[0].startswith("part") and lines[-1].startswith("noise")
    assert lines[5].split() == ["mean", "0.849", "-1.000"]
    assert isclose(0.849, np.sqrt(2) * (0.1 * 2.5 + 0.35), rel_tol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gamma": 1.5}, "gamma must be in"),
        ({"gamma": float("nan")}, "gamma must be in"),
        ({"gamma": "0.9"}, "gamma must be in"),
        ({"episodes": 0}, "episodes: expected a positive integer, got 0"),
        ({"episodes": 1.5}, "episodes: expected a positive integer, got 1.5"),
        ({"window": 0}, "window .* positive integer, got 0"),
        ({"window": 2.5}, "window .* positive integer, got 2.5"),
        ({"divide_by": "games"}, "divide_by: one of steps, pieces"),
        ({"divide_by": 5}, "divide_by: one of steps, pieces, or None; got 5"),
        ({"normalizer": "std"}, "normalizer: one of running, batch, episode"),
        ({"baseline": "V"}, "baseline: one of value, leave-one-out, batch mean"),
        ({"baseline": float("nan")}, "a finite number, or None; got nan"),
        ({"baseline": True}, "a finite number, or None; got True"),
    ],
)
def test_settings_that_are_none_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Settings(**change)


@pytest.mark.parametrize(
    ("world", "settings", "message"),
    [
        (ORCHARD, Settings(window=25), "shorter"),
        (ORCHARD, Settings(episodes=4, window=6), "fewer environments"),
        (invest(6), Settings(window=3), "limit"),
    ],
)
def test_what_cannot_be_looked_at_is_refused(world, settings, message):
    with pytest.raises(ValueError, match=message):
        list(batches(world, settings))


ENDLESS = MDP([1.0], [[[1.0], [1.0]]], [[0.0, 1.0]], [[0.0, 0.0]], gamma=0.9)


@pytest.mark.parametrize(
    ("world", "settings", "objective", "message"),
    [
        (ENDLESS, Settings(gamma=0.9, window=3), "discounted", "may go on forever"),
        (ENDLESS, Settings(gamma=0.9), "undiscounted", "may go on forever"),
        (ORCHARD, Settings(window=3), "average", "objective: undiscounted or discounted"),
        (replace(ORCHARD, reward=1e160 * COINS), Settings(), "undiscounted", "at most 1e[+]100"),
    ],
)
def test_a_budget_that_has_no_meaning_is_refused(world, settings, objective, message):
    with pytest.raises(ValueError, match=message):
        budget(world, settings, objective)


def test_a_life_without_end_has_a_budget_once_it_is_cut():
    """Three steps, gamma .9 wanted, .9 learned: the part of the missing γᵗ, by hand."""
    found = budget(replace(ENDLESS, limit=3), Settings(gamma=0.9), "discounted")
    truth = 0.25 * (1 + 0.9 + 0.81)
    np.testing.assert_allclose(found.truth, [[-truth, truth]], atol=1e-14)
    np.testing.assert_allclose(found.parts["gamma^t"][0, 1], 0.75 - truth, atol=1e-14)
    np.testing.assert_allclose(found.expectation[0, 1], 0.75, atol=1e-13)
