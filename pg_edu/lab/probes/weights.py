"""What the weights of the scored rows say about the returns, and what the wins say without them.

In a world of contests, the difference between the weights of the two arms is compared with what
each reading of the returns would make of them. If no weights could be seen, the contests that were
won and lost take their place.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pg_edu.lab.probes.causes import OF_READING, Named, name
from pg_edu.lab.probes.contests import TOLL
from pg_edu.lab.probes.evidence import Evidence, Row
from pg_edu.lab.probes.questions import Probe
from pg_edu.lab.probes.readings import READINGS, contest_values, cosine, right, right_values
from pg_edu.types import Floats

DISCOUNTS = np.linspace(0.3, 1.0, 15)  # the candidates, if an agent's discount is not known
CLEARLY = 4.0  # standard errors
CLOSE = 0.97  # a reading with a smaller cosine does not explain what was seen
CLOSE_WITH_CRITIC = 0.93  # ... if the contests that are lost fit too


@dataclass(frozen=True)
class Fit:
    """The comparison of what was seen with the readings of the returns.

    Args:
        cosines: for each reading, the cosine between its values and what was seen.
        gamma: the discount factor that was assumed.
        source: what was compared: "weights" or "wins".
    """

    cosines: dict[str, float]
    gamma: float
    source: str

    @property
    def of_right(self) -> float:
        """The cosine of the right returns."""
        return self.cosines["right"]

    def ranked(self) -> list[tuple[float, str]]:
        """Return the wrong readings and their cosines, best first."""
        wrong = [(value, key) for key, value in self.cosines.items() if key != "right"]
        return sorted(wrong, reverse=True)

    def describe(self, reading: str) -> str:
        """Return the figure that speaks for a reading."""
        return (
            f"cosine of the {self.source} with this: {self.cosines[reading]:.3f}, "
            f"with right returns: {self.of_right:.3f}"
        )


def seen_values(e: Evidence) -> tuple[Floats, str]:
    """Return by how much each right arm seems better to the agent, and the source."""
    contests = e.trial.probe.contests
    values = e.learned_values(contests)
    if np.isfinite(values).mean() > 0.7:
        return values, "weights"
    wins, plays = e.win_counts(contests, e.tail)
    return np.log((wins + 0.5) / (plays - wins + 0.5)), "wins"


def fit(e: Evidence) -> Fit:
    """Compare what was seen in the contests with each reading of the returns."""
    values, source = seen_values(e)
    probe = e.trial.probe
    gammas = DISCOUNTS if e.trial.gamma is None else np.array([e.trial.gamma])
    fits = [fit_at(probe, values, source, float(gamma)) for gamma in gammas]
    return max(fits, key=lambda each: each.of_right)


def fit_at(probe: Probe, values: Floats, source: str, gamma: float) -> Fit:
    """Compare with each reading, for an agent that discounts with gamma.

    Args:
        probe: a probe with C contests.
        values: how much better each right arm seems to the agent, [C]; NaN where that is not known.
        source: "weights", or "wins" if values are log-odds of winning.
        gamma: the discount factor.
    """
    known = np.isfinite(values)
    start = next_start(probe, gamma)
    cosines = {}
    # A contest that is won by far and one that is just won look alike.
    seen = np.tanh(values) if source == "wins" else values
    for key, reading in READINGS.items():
        expected = contest_values(reading, probe.contests, gamma, start)
        if source == "wins":
            expected = np.tanh(4 * expected)
        cosines[key] = cosine(expected[known], seen[known])
    return Fit(cosines, gamma, source)


def next_start(probe: Probe, gamma: float) -> float:
    """Return what an episode of random actions is worth at its start."""
    has_toll = any(contest.before == TOLL for contest in probe.contests)
    mean = float(right_values(probe.contests, gamma).mean())
    return TOLL[0] + gamma * mean if has_toll else mean


def of_the_returns(e: Evidence) -> list[Named]:
    """Return what is wrong with the weights of the actions, at most two causes."""
    if e.trial.probe.is_continuous or e.trial.probe.has_memory or not e.trial.probe.has_choice:
        return []
    return _of_any_weights(e) or (_of_contests(e) if e.trial.probe.contests else _of_one_step(e))


def _of_any_weights(e: Evidence) -> list[Named]:
    """Return what can be said of the weights without knowing the returns."""
    if len(e.rows) < 50:
        return []
    variation = e.variation_within_phases()
    if variation < 0.02:
        figure = f"the weights of an update differ by {variation:.1%}"
        found = [name("one weight for all", figure)]
        if _may_be_clipped(e):
            found.append(name("clipped", "all rewards are at least 1, and most weights are not"))
        return found
    correlation, errors = agreement(e)
    # Both are NaN where it is not known what an action is worth; then no comparison holds.
    if (
        e.share_decided < 0.6
        and e.spread() > 0.7
        and abs(errors) < CLEARLY
        and abs(correlation) < 0.2
    ):
        figure = f"correlation of the weights with what the actions earned: {correlation:.2f}"
        return [name("returns mixed up", figure)]
    return []


def _may_be_clipped(e: Evidence) -> bool:
    """Return whether rewards that are clipped to 1 would have such weights, in a sum or a mean.

    A critic makes the weights smaller.
    """
    mdp = e.trial.probe.mdp
    if mdp is None or mdp.reward.min() < 1.0:
        return False
    counts = Counter(row.phase for row in e.rows)
    weights = np.array([row.weight for row in e.rows])
    totals = weights * np.array([counts[row.phase] for row in e.rows])
    return bool(np.allclose(weights, 1.0, rtol=1e-2) or np.median(totals) < 1.01)


def agreement(e: Evidence) -> tuple[float, float]:
    """Return the correlation of weights with what the actions are worth, and its standard errors.

    Baselines differ between updates and between observations, so the means of both are taken away.
    """
    value_of = _value_of(e)
    rows = [row for row in e.rows if np.isfinite(value_of(row))]
    if len(rows) < 50:
        return np.nan, np.nan
    obs = np.array([row.obs for row in rows])
    phase = np.array([row.phase for row in rows])
    weights = _centered(_centered(np.array([row.weight for row in rows]), phase), obs)
    values = _centered(np.array([value_of(row) for row in rows]), obs)
    correlation = cosine(weights, values)
    return correlation, correlation * float(np.sqrt(len(rows)))


def _value_of(e: Evidence) -> Callable[[Row], float]:
    """Return a function that says what the action of a row is worth, or NaN."""
    if e.trial.probe.is_continuous:
        return lambda row: row.earned
    values = _values(e)
    return lambda row: values.get((row.obs, int(row.action[0])), np.nan)


def _values(e: Evidence) -> dict[tuple[int, int], float]:
    """Return what each action is worth on each observation on which something is decided."""
    probe = e.trial.probe
    if probe.contests:
        gamma = 1.0 if e.trial.gamma is None else e.trial.gamma
        pairs = right_values(probe.contests, gamma)
        return {(o, a): pairs[o // 2, a ^ o % 2] for o in range(2 * len(pairs)) for a in (0, 1)}
    if probe.mdp is None or probe.mdp.transition.any():
        return {}
    reward = probe.mdp.reward[:, ::-1] if e.trial.mirror else probe.mdp.reward
    return {(o, a): float(r) for o, row in enumerate(reward) for a, r in enumerate(row)}


def _centered(values: Floats, groups: Any) -> Floats:
    """Return the values, each minus the mean of its group."""
    _, numbers = np.unique(groups, return_inverse=True)
    means = np.bincount(numbers, values) / np.bincount(numbers)
    return values - means[numbers]


def _of_contests(e: Evidence) -> list[Named]:
    found = fit(e)
    if found.of_right < -0.9:
        figure = f"cosine of the {found.source} with right returns: {found.of_right:.2f}"
        return [name("sign", figure)]
    limit = CLOSE if found.source == "weights" else 0.9
    ranked = [
        (value, key)
        for value, key in found.ranked()
        if found.source == "weights" or _is_not_won(e, key, found.gamma)
    ]
    if not ranked:
        return []
    best, reading = ranked[0]
    fits = best >= limit and best >= found.of_right + 0.01
    # With a critic the weights fit only roughly; then the lost contests must agree with them.
    fits_roughly = best >= CLOSE_WITH_CRITIC and best >= found.of_right + 0.1
    if not fits and not (fits_roughly and _loses_as(e, reading, found.gamma)):
        return []
    causes: dict[str, str] = {}
    for value, key in ranked:
        if value > best - 0.005 and value > found.of_right + 0.01:
            causes.setdefault(OF_READING[key], found.describe(key))
    return [name(cause, figure) for cause, figure in list(causes.items())[:2]]


def _is_not_won(e: Evidence, reading: str, gamma: float) -> bool:
    """Return whether the contests that a reading would not win are not won, and there are some.

    Without weights, how clearly a contest is won tells only how long it was trained.
    """
    probe = e.trial.probe
    expected = contest_values(READINGS[reading], probe.contests, gamma, next_start(probe, gamma))
    wins, plays = e.win_counts(probe.contests, e.tail)
    doubtful = expected < 1e-9
    return bool(doubtful.any() and (wins[doubtful] < 0.7 * plays[doubtful]).all())


def _loses_as(e: Evidence, reading: str, gamma: float) -> bool:
    """Return whether a contest is lost, and this reading agrees with all that are lost or won."""
    probe = e.trial.probe
    expected = contest_values(READINGS[reading], probe.contests, gamma, next_start(probe, gamma))
    wins, plays = e.win_counts(probe.contests, e.tail)
    lost, won = wins < 0.25 * plays, wins > 0.9 * plays
    agrees = (expected[lost] < 0.0).all() and (expected[won] >= 0.0).all()
    return bool(lost.any() and agrees)


def of_lost_contests(e: Evidence) -> list[Named]:
    """Return the readings that say exactly which contests are won and which are lost, at most two.

    A contest counts if both of its observations agree: after a large step, an agent may settle on
    the worse arm under one observation, but hardly under both.
    """
    probe = e.trial.probe
    wins, plays = e.win_counts_by_obs(probe.contests, e.tail)
    share = (wins / np.maximum(1, plays)).reshape(-1, 2)
    won, lost = (share > 0.75).all(axis=1), (share < 0.25).all(axis=1)
    if not lost.any() or np.mean(won | lost) < 0.6:
        return []
    found = fit(e)
    start = next_start(probe, found.gamma)

    def explains(key: str) -> bool:
        values = contest_values(READINGS[key], probe.contests, found.gamma, start)
        return bool((values[lost] < 0.0).all() and (values[won] > 0.0).all())

    fitting = [(value, key) for value, key in found.ranked() if explains(key)]
    # Blurred weights may disagree with the contests, if all of these are decided.
    least = -1.0 if e.share_decided == 1.0 else max(0.5, found.of_right)
    if not fitting or explains("right") or fitting[0][0] < least:
        return []
    causes: dict[str, str] = {}
    for value, key in fitting:
        if value > fitting[0][0] - 0.05:
            figure = f"lost and won contests fit; {found.describe(key)}"
            causes.setdefault(OF_READING[key], figure)
    return [name(cause, figure) for cause, figure in list(causes.items())[:2]]


def _of_one_step(e: Evidence) -> list[Named]:
    """Return what is wrong where each episode has one step, whose reward is the return."""
    correlation, errors = agreement(e)
    if correlation < -0.3 and errors < -CLEARLY:
        figure = f"correlation of the weights with the rewards: {correlation:.2f}"
        return [name("sign", figure)]
    return []


def weights_are_right(e: Evidence) -> bool:
    """Return whether the weights were seen and are those of the right returns."""
    if not e.trial.probe.contests:
        return agreement(e)[1] > CLEARLY
    found = fit(e)
    return found.source == "weights" and found.of_right > CLOSE


def expected_winner(e: Evidence) -> Floats:
    """Return 1 where the right arm is better at the agent's discount factor, else -1, [C]."""
    gamma = fit(e).gamma if e.trial.gamma is None else e.trial.gamma
    return np.sign(contest_values(right, e.trial.probe.contests, gamma))
