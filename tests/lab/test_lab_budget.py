"""The error budget, compared with an orchard whose episodes are written down here by hand.

The package computes no expected number: episodes and windows are spelled out, every ordered batch
is enumerated, and returns, baselines and deviations are plain loops.
"""

from dataclasses import replace
from itertools import product
from math import isclose, prod

import numpy as np
import pytest

from pg_edu import PGPolicy
from pg_edu.lab.exact.agent import pgpolicy_step
from pg_edu.lab.exact.budget import Divisor, Settings, batches, budget, update
from pg_edu.lab.exact.judge import judge
from pg_edu.lab.exact.mdp import MDP
from pg_edu.lab.exact.tasks import NEVER, coins, invest, stop_or_go
from pg_edu.stats import RunningMeanStd

GROWS = np.zeros((4, 2, 4))
GROWS[0, 1, 1] = GROWS[1, 1, 2] = 1
GROWS[2, 1, 3] = 0.75
COINS = np.array([[2, 0], [1.5, 0], [0, 0], [0, 4.0]])
ORCHARD = MDP([1, 0, 0, 0], GROWS, COINS, [[0, 0], [0, 0], [NEVER, 0], [NEVER, 0]])

# By hand. A step is (state, action, reward); a piece is a list of steps and whether it terminated.

SELL, SOW, PICK = (0, 0, 2.0), (0, 1, 0.0), (1, 0, 1.5)
WAIT, FROST, RIPE = (1, 1, 0.0), (2, 1, 0.0), (3, 1, 4.0)
REST = {  # (probability, steps) of the rest of an episode, from each state on
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


def windows(steps, first):
    """(probability, pieces) of `steps` steps in a row; the last piece may be cut."""
    if steps == 0:
        return [(1.0, [])]
    found = []
    for s, chance in enumerate(first):
        for p, rest in REST[s]:
            if chance == 0:
                continue
            piece = (rest[:steps], len(rest) <= steps)
            for p_more, more in windows(max(steps - len(rest), 0), (1, 0, 0, 0)):
                found.append((chance * p * p_more, [piece, *more]))
    return found


def rollouts(settings):
    """(probability, pieces) of what one environment collects."""
    if settings.window is None:
        return [(p, [(episode, True)]) for p, episode in REST[0]]
    return windows(settings.window, VISITS / LENGTH)


def returns(piece, gamma, bootstrap):
    steps, terminated = piece
    rewards = [r for _, _, r in steps] + [0.0 if terminated else bootstrap]
    return [sum(gamma**k * r for k, r in enumerate(rewards[t:])) for t in range(len(steps))]


def mean_and_std_of_returns(settings, bootstrap):
    """Mean and standard deviation of all returns, weighted by probability."""
    rows = [
        (p, G)
        for p, pieces in rollouts(settings)
        for piece in pieces
        for G in returns(piece, settings.gamma, bootstrap)
    ]
    total = sum(p for p, _ in rows)
    mean = sum(p * G for p, G in rows) / total
    return mean, (sum(p * (G - mean) ** 2 for p, G in rows) / total) ** 0.5


def std_of_weights(settings):
    """Standard deviation of all weights, weighted by probability, as in an infinite batch."""
    rows = [
        (p, piece, returns(piece, settings.gamma, 0.0))
        for p, pieces in rollouts(settings)
        for piece in pieces
    ]
    pieces_per_rollout = sum(p for p, _, _ in rows)
    weights = []
    for p, (steps, _), row in rows:
        for t, (G, (s, _, _)) in enumerate(zip(row, steps, strict=True)):
            if settings.baseline == "value":
                G -= values(settings.gamma)[s]
            if settings.baseline == "leave-one-out":
                others = sum(p2 * other[t] for p2, _, other in rows if t < len(other))
                G -= others / pieces_per_rollout
            weights.append((p, G))
    total = sum(p for p, _ in weights)
    mean = sum(p * w for p, w in weights) / total
    return (sum(p * (w - mean) ** 2 for p, w in weights) / total) ** 0.5


def settled_mean(settings):
    mean = 0.0
    for _ in range(60):
        mean = mean_and_std_of_returns(settings, mean)[0]
    return mean


def values(gamma):
    V3 = 4.0
    V2 = gamma * 0.75 * V3
    V1 = (1.5 + gamma * V2) / 2
    return [(2 + gamma * V1) / 2, V1, V2, V3]


def standardized(weights, everything):
    mean = sum(everything) / len(everything)
    std = (sum((w - mean) ** 2 for w in everything) / len(everything)) ** 0.5
    return [(w - mean) / (std + 1e-8) for w in weights]


def with_baseline(weights, pieces, settings):
    flat = [w for row in weights for w in row]
    if settings.baseline == "leave-one-out":
        others = max(1, len(weights) - 1)
        longest = max(map(len, weights))
        total = [sum(row[t] for row in weights if t < len(row)) for t in range(longest)]
        return [[w - (total[t] - w) / others for t, w in enumerate(row)] for row in weights]
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
    """Σ score · weight over all steps, for the logits of action 1 in states 0 and 1."""
    weights = [returns(piece, settings.gamma, mean) for piece in pieces]
    weights = with_baseline(weights, pieces, settings)
    if settings.normalizer == "running":
        weights = [[w - mean for w in row] for row in weights]
    if settings.normalizer in ("batch", "episode"):
        flat = [w for row in weights for w in row]
        among = {"batch": lambda row: flat, "episode": lambda row: row}[settings.normalizer]
        weights = [[std * w for w in standardized(row, among(row))] for row in weights]
    step = np.zeros(2)
    for row, (steps, _) in zip(weights, pieces, strict=True):
        for w, (s, a, _) in zip(row, steps, strict=True):
            if s < 2:
                step[s] += (a - 0.5) * w
    return step


def by_hand(settings):
    """E[update], and E|update - E[update]|² of all four logits, over every ordered batch."""
    mean = settled_mean(settings) if settings.normalizer == "running" else 0.0
    std = std_of_weights(settings)
    episodes = settings.episodes * (1 if settings.window is None else settings.window / LENGTH)
    sums = []
    for chosen in product(rollouts(settings), repeat=settings.episodes):
        pieces = [piece for _, rollout in chosen for piece in rollout]
        divisor = {
            None: 1.0,
            "steps": sum(len(steps) for steps, _ in pieces),
            "pieces": len(pieces),
        }[settings.divide_by]
        step = step_by_hand(pieces, settings, mean, std) / episodes
        sums.append((prod(p for p, _ in chosen), step, divisor))
    usual = sum(p * divisor for p, _, divisor in sums)
    updates = [(p, step * usual / divisor) for p, step, divisor in sums]
    expected = sum(p * step for p, step in updates)
    return expected, 2 * sum(p * ((step - expected) ** 2).sum() for p, step in updates)


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
def test_truth_plus_parts_is_the_expected_update(settings):
    """∇J + Σ parts = Σ p(batch) g(batch), over every ordered batch, by hand; so is the variance."""
    found = budget(ORCHARD, settings)
    expected, variance = by_hand(settings)
    np.testing.assert_allclose(found.expectation[:2, 1], expected, atol=1e-9)
    np.testing.assert_allclose(found.expectation[:2, 0], -expected, atol=1e-9)
    assert found.variance == pytest.approx(variance, abs=1e-9)


@every_agent
def test_the_mean_squared_error_is_squared_bias_plus_variance(settings):
    """E|g - ∇J|² = |Σ parts|² + variance."""
    found, g = budget(ORCHARD, settings), update(ORCHARD, settings)
    pairs = [(p, g(batch)) for p, batch in batches(ORCHARD, settings)]
    assert sum(p for p, _ in pairs) == pytest.approx(1, abs=1e-12)
    error = sum(p * ((step - found.truth) ** 2).sum() for p, step in pairs)
    assert found.error == pytest.approx(error, rel=1e-12)


@every_agent
def test_each_part_is_the_change_by_one_more_choice(settings):
    """Cut, mean, normalizer and baseline are switched on in this order."""
    parts = budget(ORCHARD, settings).parts
    assert list(parts) == ["discount", "gamma^t", "cut", "mean", "normalizer", "baseline"]
    cut = replace(settings, divide_by=None, normalizer=None, baseline=None)
    mean = replace(cut, divide_by=settings.divide_by)
    normalised = replace(mean, normalizer=settings.normalizer)
    stages = [by_hand(stage)[0] for stage in (cut, mean, normalised, settings)]
    for name, before, after in zip(list(parts)[3:], stages, stages[1:], strict=False):
        np.testing.assert_allclose(parts[name][:2, 1], after - before, atol=1e-9)


def test_the_truth_is_the_gradient_of_the_wanted_objective():
    """∂J = (V₁ - 2) / 4 and p₀ (3 - 1.5) / 4 with V₁ = 3/4 + 3/2; likewise with γ = .5."""
    np.testing.assert_allclose(budget(ORCHARD, Settings()).truth[:2, 1], [1 / 16, 3 / 16])
    half = replace(ORCHARD, gamma=0.5)
    V = values(0.5)
    expected = [(0.5 * V[1] - 2) / 4, 0.5 * 0.5 * (0.5 * V[2] - 1.5) / 4]
    found = budget(half, Settings(gamma=0.5), "discounted")
    np.testing.assert_allclose(found.truth[:2, 1], expected, atol=1e-14)


@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.9])
def test_discount_and_gamma_t_are_separate_parts(gamma):
    """∇J_γ has a factor γᵗ for the second decision; the update without it counts that in full."""
    V = values(gamma)
    parts = budget(ORCHARD, Settings(gamma=gamma)).parts
    first = (gamma * V[1] - 2) / 4
    second = 0.5 * (gamma * V[2] - 1.5) / 4
    discount = [first - 1 / 16, gamma * second - 3 / 16]
    np.testing.assert_allclose(parts["discount"][:2, 1], discount, atol=1e-14)
    np.testing.assert_allclose(parts["gamma^t"][:2, 1], [0, (1 - gamma) * second], atol=1e-14)


@pytest.mark.parametrize("window", [1, 3, 7])
def test_the_cut_replaces_q_by_its_first_rewards(window):
    """E[update] = Σ d(s) Σ ∇π(a|s) (1/W) Σₙ Qₙ(s, a), where Qₙ has n = 1 ... W rewards."""
    seen = np.zeros(2)
    for n in range(1, window + 1):
        second = (0.75 * 4 if n >= 3 else 0) - 1.5
        V1 = 0.75 + (1.5 if n - 1 >= 3 else 0) if n >= 2 else 0.0
        seen += np.array([(V1 - 2) / 4, 0.5 * second / 4]) / window
    cut = budget(ORCHARD, Settings(window=window)).parts["cut"][:2, 1]
    np.testing.assert_allclose(cut, seen - [1 / 16, 3 / 16], atol=1e-13)


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
def test_a_choice_that_causes_no_bias_has_no_part(settings, zero):
    """What does not depend on the actions changes no expectation."""
    parts = budget(ORCHARD, settings).parts
    for name in zero:
        assert np.abs(parts[name]).max() < 1e-12


def test_a_random_divisor_causes_less_bias_with_more_environments():
    """A constant scale is no error, so the parts of the mean and of the batch's std fade as 1/N."""
    sizes = {n: budget(ORCHARD, Settings(episodes=n, divide_by="steps")) for n in (4, 8)}
    lengths = [np.linalg.norm(found.parts["mean"]) for found in sizes.values()]
    assert 1.6 < lengths[0] / lengths[1] < 2.4
    found = [budget(ORCHARD, Settings(episodes=n, normalizer="batch")) for n in (4, 10)]
    norms = [np.linalg.norm(one.parts["normalizer"]) for one in found]
    assert norms[1] < norms[0] / 1.8


@pytest.mark.parametrize("baseline", ["value", "leave-one-out", "batch mean"])
def test_a_std_is_measured_by_its_limit_after_a_baseline_too(baseline):
    """std(G - b) has a limit of its own; the remaining bias halves if N doubles."""
    wanted = budget(ORCHARD, Settings(gamma=0.9)).expectation

    def error(n):
        settings = Settings(0.9, n, normalizer="batch", baseline=baseline)
        g = update(ORCHARD, settings)
        mean = sum(p * g(batch) for p, batch in batches(ORCHARD, settings))
        return np.linalg.norm(mean - wanted)

    assert error(18) < 0.65 * error(9)


@pytest.mark.parametrize("normalizer", ["batch", "running", None])
def test_a_huge_constant_on_the_rewards_of_a_bandit_does_not_change_its_update(normalizer):
    """Var(c + r) = Var(r), of which E[r²] - E[r]² would lose every digit for c = 1e8."""

    def expectation(c):
        arms = MDP([1], np.zeros((1, 3, 1)), [[c, c + 1, c + 3]], [[0, 0, 0]])
        settings = Settings(episodes=3, normalizer=normalizer, baseline="leave-one-out")
        return budget(arms, settings).expectation

    np.testing.assert_allclose(expectation(1e8), expectation(0.0), atol=1e-6)


@pytest.mark.parametrize(("window", "episodes"), [(4, 1), (8, 2)])
def test_windows_that_keep_pace_with_the_episodes_hold_whole_episodes(window, episodes):
    """Every episode has four steps and the first window begins with one: so does every other."""
    found = budget(coins(4), Settings(window=window))
    whole = budget(coins(4), Settings(episodes=episodes))
    assert found.variance == pytest.approx(whole.variance, rel=1e-12)
    firsts = {batch[0].states[0] for _, batch in batches(coins(4), Settings(window=window))}
    assert firsts == {0}


def test_windows_of_half_an_episode_begin_at_its_start_or_in_its_middle():
    """Windows of two steps in episodes of four begin in states 0 and 2, half of them in each."""
    begin = np.zeros(4)
    for p, batch in batches(coins(4), Settings(window=2)):
        begin[batch[0].states[0]] += p
    np.testing.assert_allclose(begin, [0.5, 0, 0.5, 0], atol=1e-15)


def test_windows_begin_only_in_states_that_the_agent_visits():
    """An agent that always sells at once has a single possible window."""
    seller = ORCHARD.at([[0.0, NEVER], [0.0, 0.0], [NEVER, 0.0], [NEVER, 0.0]])
    ((p, batch),) = batches(seller, Settings(window=3))
    assert p == 1 and [e.states.tolist() for e in batch] == [[0], [0], [0]]


STAGES: list[tuple[int, Divisor | None]] = [(1, None), (2, "steps")]


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e60])
def test_the_table_shows_the_same_angles_in_any_unit(scale):
    """Lengths change with the unit of the rewards, angles do not."""
    mdp = replace(ORCHARD, reward=scale * COINS)
    found = budget(mdp, Settings(gamma=0.9, episodes=2, divide_by="steps"))
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


def normalizing(mean, std):
    """PGPolicy's step with the running statistics fixed."""

    class Settled(PGPolicy):
        def process_fn(self, batch, buffer, indices):
            self.ret_rms = RunningMeanStd(mean=mean, std=std)
            return super().process_fn(batch, buffer, indices)

    return pgpolicy_step(Settled, discount_factor=0.9, reward_normalization=True)


@pytest.mark.parametrize("window", [None, 5])
def test_an_update_by_the_mean_over_steps_is_pgpolicys(window):
    """PGPolicy's expected step times the mean length of an episode, up to float32 returns."""
    settings = Settings(gamma=0.9, window=window, divide_by="steps")
    every = list(batches(ORCHARD, settings))
    real = judge(pgpolicy_step(discount_factor=0.9), every, np.ones((4, 2))).expectation
    found = budget(ORCHARD, settings).expectation
    np.testing.assert_allclose(found, real * LENGTH, atol=2e-6)


def test_running_is_pgpolicys_reward_normalization_once_it_has_settled():
    """(G - m)/σ with γ m after the cut, where m and σ are the mean and std of such returns."""
    settings = Settings(gamma=0.9, window=5, divide_by="steps", normalizer="running")
    mean = settled_mean(settings)
    std = mean_and_std_of_returns(settings, mean)[1]
    every = list(batches(ORCHARD, settings))
    real = judge(normalizing(mean, std), every, np.ones((4, 2))).expectation
    found = budget(ORCHARD, settings).expectation
    np.testing.assert_allclose(found, real * std * LENGTH, atol=5e-6)


def test_a_limit_is_part_of_the_mdp_and_causes_no_error():
    """The truth of an MDP with a limit is the gradient for the episodes that it cuts."""
    short = replace(ORCHARD, limit=2)
    found = budget(short, Settings(episodes=2, baseline="value"))
    np.testing.assert_allclose(found.truth[:2, 1], [(0.75 - 2) / 4, -0.5 * 1.5 / 4])
    for part in found.parts.values():
        np.testing.assert_allclose(part, 0, atol=1e-13)


def test_a_value_baseline_with_a_limit_is_the_value_at_that_time():
    """With V(t, s) subtracted, an episode without a choice has only weights of 0."""
    forced = MDP([1], [[[1.0]]], [[1.0]], [[0.0]], limit=3)
    weights = []
    for _, batch in batches(forced, Settings(baseline="value")):
        weights.append(update(forced, Settings(baseline="value"))(batch))
    assert np.abs(weights).max() == 0


def test_the_printed_budget_is_a_table_of_lengths_and_angles():
    lines = str(budget(stop_or_go(), Settings(divide_by="steps"))).splitlines()
    assert lines[0].startswith("part") and lines[-1].startswith("std")
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
        ({"divide_by": "episodes"}, "divide_by: one of steps, pieces"),
        ({"divide_by": 5}, "divide_by: one of steps, pieces, or None; got 5"),
        ({"normalizer": "std"}, "normalizer: one of running, batch, episode"),
        ({"baseline": "V"}, "baseline: one of value, leave-one-out, batch mean"),
        ({"baseline": float("nan")}, "a finite number, or None; got nan"),
        ({"baseline": True}, "a finite number, or None; got True"),
    ],
)
def test_bad_settings_raise(change, message):
    with pytest.raises(ValueError, match=message):
        Settings(**change)


@pytest.mark.parametrize(
    ("mdp", "settings", "message"),
    [
        (ORCHARD, Settings(window=25), "shorter"),
        (ORCHARD, Settings(episodes=4, window=6), "fewer environments"),
        (invest(6), Settings(window=3), "limit"),
    ],
)
def test_too_many_batches_raise(mdp, settings, message):
    with pytest.raises(ValueError, match=message):
        list(batches(mdp, settings))


ENDLESS = MDP([1.0], [[[1.0], [1.0]]], [[0.0, 1.0]], [[0.0, 0.0]], gamma=0.9)


@pytest.mark.parametrize(
    ("mdp", "settings", "objective", "message"),
    [
        (ENDLESS, Settings(gamma=0.9, window=3), "discounted", "may go on forever"),
        (ENDLESS, Settings(gamma=0.9), "undiscounted", "may go on forever"),
        (ORCHARD, Settings(window=3), "average", "objective: undiscounted or discounted"),
        (replace(ORCHARD, reward=1e160 * COINS), Settings(), "undiscounted", "at most 1e[+]100"),
    ],
)
def test_an_impossible_budget_raises(mdp, settings, objective, message):
    with pytest.raises(ValueError, match=message):
        budget(mdp, settings, objective)


def test_an_endless_task_has_a_budget_once_it_has_a_limit():
    """Three steps with gamma = .9 in the objective and in the returns; the missing γᵗ by hand."""
    found = budget(replace(ENDLESS, limit=3), Settings(gamma=0.9), "discounted")
    truth = 0.25 * (1 + 0.9 + 0.81)
    np.testing.assert_allclose(found.truth, [[-truth, truth]], atol=1e-14)
    np.testing.assert_allclose(found.parts["gamma^t"][0, 1], 0.75 - truth, atol=1e-14)
    np.testing.assert_allclose(found.expectation[0, 1], 0.75, atol=1e-13)
