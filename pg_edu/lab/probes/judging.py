"""Judge the trials of a probe: passed, broken and why, slow, or too noisy to say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pg_edu.lab.probes.causes import Named, name
from pg_edu.lab.probes.evidence import Evidence
from pg_edu.lab.probes.faults import faults_of
from pg_edu.lab.probes.lending import Step
from pg_edu.lab.probes.questions import Probe
from pg_edu.lab.probes.readings import right_values
from pg_edu.lab.probes.trials import Trial
from pg_edu.lab.probes.weights import (
    CLEARLY,
    expected_winner,
    of_lost_contests,
    of_the_returns,
    weights_are_right,
)
from pg_edu.types import Floats

PASSING_SCORE = 0.7  # on a scale where 0 is chance and 1 is the optimum
LARGE_STEP = 0.5  # in a logit, by one update: SGD may take such steps, and still learn
HUGE_STEP = 5.0
PASSING_SHARE = 0.6  # of the decisions in each contest


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of one trial.

    Args:
        evidence: its figures.
        reached: the mean discounted return at the end; in contests, that of a decision.
        score: the same on a scale where 0 is chance and 1 is the optimum.
        passed: whether that is good enough.
        trend: by how many standard errors the end is better than the beginning.
        gain: by how much, on the scale of the score.
    """

    evidence: Evidence
    reached: float
    score: float
    passed: bool
    trend: float
    gain: float

    @property
    def trial(self) -> Trial:
        """The trial."""
        return self.evidence.trial


@dataclass(frozen=True)
class Judgement:
    """A verdict and what speaks for it.

    Args:
        verdict: "passed", "FAILED", "slow", "unclear" or "known".
        named: the causes, at most two.
        remark: what else is to be said.
        by_result: whether the causes were read from what was reached alone, which may be chance.
    """

    verdict: str
    named: tuple[Named, ...] = ()
    remark: str = ""
    by_result: bool = False

    @property
    def meaning(self) -> str:
        """The text that the report prints below the line of the probe."""
        return " Or: ".join(map(str, self.named)) or self.remark


def outcome_of(trial: Trial) -> Outcome:
    """Return what a trial reached."""
    evidence = Evidence(trial)
    if trial.probe.contests:
        return _outcome_of_contests(evidence)
    early, late = _earned(evidence, evidence.head), _earned(evidence, evidence.tail)
    reached = float(late.mean()) if len(late) else np.nan
    score = trial.probe.score(reached)
    trend, gain = _trend(early, late, trial.probe)
    return Outcome(evidence, reached, score, score >= PASSING_SCORE, trend, gain)


def _earned(e: Evidence, part: slice) -> Floats:
    """Return the returns of the episodes, or what the actions of the motor earned."""
    if e.trial.probe.is_continuous:
        return np.array([step.reward for step in e.steps[part]])
    return e.episode_returns(part)


def _outcome_of_contests(e: Evidence) -> Outcome:
    probe = e.trial.probe
    winner = expected_winner(e)
    values = right_values(probe.contests, probe.gamma)
    share = _share_of_winner(e, e.tail, winner)
    right = np.where(winner > 0, share, 1 - share)
    reached = float(np.mean(right * values[:, 0] + (1 - right) * values[:, 1]))
    decided = share[winner != 0]
    score = float(2 * decided.mean() - 1)
    passed = score >= PASSING_SCORE and bool((decided >= PASSING_SHARE).all())
    trend, gain = _trend_of_contests(e, winner)
    return Outcome(e, reached, score, passed, trend, gain)


def _share_of_winner(e: Evidence, part: slice, winner: Floats) -> Floats:
    """Return how often the better arm was chosen in each contest, [C]; 0.5 if never asked."""
    wins, plays = e.win_counts(e.trial.probe.contests, part)
    share = np.where(plays > 0, wins / np.maximum(1, plays), 0.5)
    return np.where(winner < 0, 1 - share, share)


def _trend_of_contests(e: Evidence, winner: Floats) -> tuple[float, float]:
    wins, plays = e.win_counts(e.trial.probe.contests, e.tail)
    wins = np.where(winner < 0, plays - wins, wins)
    before, asked = e.win_counts(e.trial.probe.contests, e.head)
    before = np.where(winner < 0, asked - before, before)
    gain = wins.sum() / max(1, plays.sum()) - before.sum() / max(1, asked.sum())
    error = np.sqrt(0.25 / max(1, plays.sum()) + 0.25 / max(1, asked.sum()))
    return float(gain / error), float(2 * gain)


def _trend(early: Floats, late: Floats, probe: Probe) -> tuple[float, float]:
    """Return by how many standard errors, and by how much, late returns are better."""
    if len(early) < 2 or len(late) < 2:
        return 0.0, 0.0
    error = np.sqrt(early.var() / len(early) + late.var() / len(late))
    difference = float(late.mean() - early.mean())
    width = probe.optimum - probe.chance
    trend = difference / error if error > 0 else 0.0
    return float(trend), difference / width if width else 0.0


# Verdicts.


def judge(outcomes: Sequence[Outcome], named_by: Mapping[str, str] | None = None) -> Judgement:
    """Return the verdict on a probe.

    Args:
        outcomes: of its trials.
        named_by: causes that were named already, each with the probe that named it.
    """
    named_by = named_by or {}
    faults = faults_of([outcome.evidence for outcome in outcomes])
    passed = all(outcome.passed for outcome in outcomes)
    serious = [fault for fault in faults if not passed or _counts_anyway(fault)]
    new = [fault for fault in serious if fault.cause.name not in named_by]
    if new and all(fault.cause.name == "reset rows" for fault in new):
        new += _explain(outcomes).named
    if new:
        return Judgement("FAILED", tuple(new[:2]))
    if passed:
        return Judgement("passed")
    if serious:
        return Judgement("FAILED", remark=f"See {named_by[serious[0].cause.name]} first.")
    return _explain(outcomes)


# What such a fault does may be harmless.
MATTERS_IF_IT_FAILS = ("entropy too strong", "acts otherwise", "rate zero", "reset rows")


def _counts_anyway(fault: Named) -> bool:
    """Return whether a fault is one even if the agent has learned what it should."""
    return fault.cause.name not in MATTERS_IF_IT_FAILS


def _explain(outcomes: Sequence[Outcome]) -> Judgement:
    """Return why a probe was not passed although no figure is beyond doubt."""
    probe = outcomes[0].trial.probe
    if not probe.has_choice:
        return Judgement("FAILED", (name("not what was sent", _reached(outcomes)),))
    causes = _shared([of_the_returns(outcome.evidence) for outcome in outcomes])
    if causes:
        return _known_if_one_step(causes, outcomes) or Judgement("FAILED", tuple(causes[:2]))
    causes = _of_this_probe(probe, outcomes)
    if causes:
        known = _known_if_one_step(causes, outcomes)
        if known:
            return known
        if causes[0].cause.name == "truncation as termination":
            return Judgement("known", tuple(causes))
        return Judgement("FAILED", tuple(causes[:2]), by_result=True)
    return _without_cause(outcomes)


def _known_if_one_step(causes: list[Named], outcomes: Sequence[Outcome]) -> Judgement | None:
    """Return that immediate rewards are a property, if the agent learns after each step."""
    one_step = all(outcome.evidence.learns_after_each_step for outcome in outcomes)
    if not one_step or causes[0].cause.name != "immediate reward":
        return None
    return Judgement("known", (name("one-step targets", causes[0].figure),))


def _shared(found: list[list[Named]]) -> list[Named]:
    """Return the causes that all trials name."""
    names = [{named.cause.name for named in each} for each in found]
    shared = set.intersection(*names) if names else set()
    return [named for named in found[0] if named.cause.name in shared]


def _without_cause(outcomes: Sequence[Outcome]) -> Judgement:
    """Tell an agent that is slow from one that is broken in an unknown way, and from noise."""
    worst = min(outcomes, key=lambda outcome: outcome.score)
    trends = [outcome.trend for outcome in outcomes]
    right = all(weights_are_right(outcome.evidence) for outcome in outcomes)
    if min(trends) > CLEARLY or (right and min(trends) > -CLEARLY):
        return Judgement("slow", remark=_slow(worst))
    if right:
        return Judgement("unclear", remark=SETTLES.format(worst.score))
    # After a large step a right agent may settle on an action that is worse than mixing.
    has_large_steps = any(outcome.evidence.step_size > LARGE_STEP for outcome in outcomes)
    if np.mean(trends) < -CLEARLY and has_large_steps:
        return Judgement("unclear", remark=OVERSHOOTS.format(_reached(outcomes)))
    if np.mean(trends) < -CLEARLY:
        return Judgement("FAILED", remark=UNKNOWN.format(_reached(outcomes)))
    remark = NOISY.format(worst.gain, worst.trend, 4 * updates_of(worst))
    return Judgement("unclear", remark=remark)


SETTLES = (
    "Its actions get the right weights, and yet it settles on a worse one (score {:.2f}): too "
    "large a learning rate, or too few steps for each update."
)
OVERSHOOTS = (
    "It settles on something worse [{}], after early updates with large steps: try a smaller "
    "learning rate, and probe again."
)
UNKNOWN = (
    "It learns something else than what pays [{}], and none of the known causes fits the figures."
)
NOISY = (
    "Too noisy to say: from the first to the last quarter it gained {:+.2f} ({:+.1f} standard "
    "errors). Try --updates {}."
)


def updates_of(outcome: Outcome) -> int:
    """Return how many updates of 32 episodes a trial had."""
    ends = sum(s.terminated or s.truncated for s in outcome.evidence.steps)
    return max(25, round(ends / 32))


def _slow(worst: Outcome) -> str:
    """Return what to try with an agent that learns the right thing slowly."""
    missing = PASSING_SCORE + 0.1 - worst.score
    step = worst.evidence.step_size
    rate = "a larger learning rate"
    if step > LARGE_STEP / 2:
        rate = f"a smaller learning rate (an early update moves a logit by {step:.2f})"
    times = int(np.clip(np.ceil(1 + 1.5 * missing / max(worst.gain, 0.05)), 2, 20))
    return (
        f"Right direction, but slow: it has reached {worst.score:.2f} on a scale from chance, 0, "
        f"to the optimum, 1, and gained {worst.gain:+.2f} since the first quarter. "
        f"Try --updates {times * updates_of(worst)}, or {rate}."
    )


def _reached(outcomes: Sequence[Outcome]) -> str:
    return "score " + " and ".join(f"{outcome.score:.2f}" for outcome in outcomes)


# Causes that one probe alone can show.


def _of_this_probe(probe: Probe, outcomes: Sequence[Outcome]) -> list[Named]:
    finders = {
        "two actions": _of_two_actions,
        "contexts": _of_contexts,
        "delay": _of_lost_contests,
        "lengths": _of_lost_contests,
        "time limit": _of_time_limit,
        "bound": _of_bound,
        "memory": _of_memory,
    }
    finder = finders.get(probe.name)
    found = finder(outcomes) if finder else []
    return found or _of_outputs(outcomes)


def _of_outputs(outcomes: Sequence[Outcome]) -> list[Named]:
    """Return what is wrong with the size of the steps, or of the outputs."""
    sizes = [outcome.evidence.step_size for outcome in outcomes]
    if all(size > HUGE_STEP for size in sizes):
        return [name("large steps", f"an early update moves a logit by {max(sizes):.1f}")]
    gaps = [_bounded_gap(outcome.evidence) for outcome in outcomes]
    if all(gap is not None for gap in gaps):
        return [name("bounded outputs", f"log-probabilities differ by {gaps[0]:.2f} and no more")]
    return []


def _bounded_gap(e: Evidence) -> float | None:
    """Return the largest gap between log-probabilities, if it grew and has stopped below 3.

    The gap of a slow agent hardly changes either, but it has not grown before. An entropy bonus
    stops it too, and a learning rate that falls to 0.
    """
    if e.trial.probe.is_continuous or e.entropy_ratio > 0.02 or e.trial.watch.rate_has_fallen:
        return None
    quarter = max(1, len(e.steps) // 4)
    ends = (0, max(1, quarter // 25), 2 * quarter, 3 * quarter, len(e.steps))
    parts = [e.steps[begin:end] for begin, end in pairwise(ends)]
    gaps = [[float(np.ptp(s.params)) for s in part if s.params is not None] for part in parts]
    if not all(gaps):
        return None
    first, _, middle, last = map(max, gaps)
    has_grown = 0.5 < last < 3.0 and last > 1.4 * first
    return last if has_grown and abs(last - middle) < 0.01 * last else None


def _of_two_actions(outcomes: Sequence[Outcome]) -> list[Named]:
    if all(outcome.score < -0.5 for outcome in outcomes):
        return [name("sign", f"it takes the worse action, {_reached(outcomes)}")]
    return []


def _of_contexts(outcomes: Sequence[Outcome]) -> list[Named]:
    shifts = [_shift_apart(outcome.evidence) for outcome in outcomes]
    if all(shift is not None and shift < 0.02 for shift in shifts):
        figure = "training has moved the outputs for all observations alike"
        return [name("part of the parameters", figure)]
    return []


def _of_lost_contests(outcomes: Sequence[Outcome]) -> list[Named]:
    return _shared([of_lost_contests(outcome.evidence) for outcome in outcomes])


def _shift_apart(e: Evidence) -> float | None:
    """Return how differently training moved the outputs for different observations."""
    if e.trial.outputs is None or not len(e.trial.outputs[0]):
        return None
    moved = e.trial.outputs[1] - e.trial.outputs[0]
    size = float(np.abs(moved).max())
    return float(np.abs(moved - moved.mean(axis=0)).max()) / size if size else None


def _of_time_limit(outcomes: Sequence[Outcome]) -> list[Named]:
    # An agent that prefers an arm by chance prefers the opposite one in the mirror image.
    frequency = np.mean([outcome.evidence.frequency(0) for outcome in outcomes], axis=0)
    favorite = int(frequency.argmax())
    if frequency[favorite] < 0.6:
        return []
    figure = f"it takes the arm that is best then in {frequency[favorite]:.0%}"
    if favorite == 0:
        return [name("value after an end", figure)]
    if favorite == 1:
        return [name("truncation as termination", figure)]
    return []


def _of_bound(outcomes: Sequence[Outcome]) -> list[Named]:
    return _shared([_of_one_motor(outcome.evidence) for outcome in outcomes])


def _of_one_motor(e: Evidence) -> list[Named]:
    """Return what is wrong with the actions that were sent to a motor at the end."""
    sent = np.array([np.ravel(s.action) for s in e.steps[e.tail]], np.float64)
    middle = 1.0
    best = np.array([-1.0, 3.0])
    toward = (sent.mean(axis=0) - middle) * np.sign(best - middle)
    # An agent with right weights may come to the worse end by a step that was too large.
    if (toward < -0.6).all() and not weights_are_right(e):
        return [name("sign", f"both actions go to the worse end, to {sent.mean(axis=0).round(1)}")]
    reach = np.abs(sent - middle).max()
    if (toward > 0.3).all() and reach < 1.9:
        return [
            name("narrow bounds", f"no action is further than {reach:.2f} from the middle of 4")
        ]
    if toward.max() > 0.5 and abs(toward.min()) < 0.2 * toward.max():
        return [name("one dimension", f"they moved by {toward.round(2)} toward their ends")]
    return []


def _of_memory(outcomes: Sequence[Outcome]) -> list[Named]:
    return _shared([_of_one_memory(outcome.evidence) for outcome in outcomes])


def _of_one_memory(e: Evidence) -> list[Named]:
    """Return what is wrong with the hidden state; each step pays 1 for the action of the cue."""
    steps = e.steps[e.tail]
    at_first = float(np.mean([s.reward for s in steps if s.is_first]))
    later = float(np.mean([s.reward for s in steps if not s.is_first]))
    figure = f"right in {at_first:.0%} of the first steps and in {later:.0%} of the later ones"
    if at_first > 0.75 and later < at_first - 0.15:
        return [name("state not passed", figure)]
    if at_first < 0.65 and _begins_by_environment(steps):
        return [name("state not reset", figure)]
    return []


def _begins_by_environment(steps: Sequence[Step]) -> bool:
    """Return whether each environment has a usual first action, which is not the same for all.

    A hidden state that is never reset shows each environment its first cue for ever.
    """
    by_env: dict[int, list[int]] = {}
    for step in steps:
        if step.is_first:
            by_env.setdefault(step.env, []).append(int(step.action))
    if not by_env or min(map(len, by_env.values())) < 10:
        return False
    within = [max(np.mean(actions), 1 - np.mean(actions)) for actions in by_env.values()]
    everything = float(np.mean([np.mean(actions) for actions in by_env.values()]))
    return float(np.mean(within)) > max(everything, 1 - everything) + 0.12
