"""Faults that a figure shows beyond doubt, whatever the agent has learned.

Each function looks at the evidence of one trial and returns the causes that it finds, each with the
figure that speaks for it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from pg_edu.lab.probes.causes import Named, name
from pg_edu.lab.probes.evidence import Evidence, Phase
from pg_edu.lab.probes.worlds import Motor
from pg_edu.types import Floats

FEW = 0.05  # a smaller share of rows is no fault


def of_the_loop(e: Evidence) -> list[Named]:
    """Return what the environments saw: steps after an end, and seeds that repeat."""
    record = e.trial.record
    found = []
    if record.after_truncation > 2:
        figure = f"{record.after_truncation} steps were sent after an episode was truncated"
        found.append(name("steps after an end", figure))
    if record.after_termination > 2:
        figure = f"{record.after_termination} steps were sent after an episode had terminated"
        found.append(name("no reset", figure))
    if record.seeds:
        (_, seed), times = record.seeds.most_common(1)[0]
        if times >= 5 and sum(record.seeds.values()) > 0.3 * record.resets:
            found.append(name("same seed", f"reset(seed={seed}) came {times} times"))
    if e.share_unlike_training > 0.5:
        figure = f"on {e.share_unlike_training:.0%} of the observations it acts differently"
        found.append(name("returns another agent", figure))
    return found


def of_acting(e: Evidence) -> list[Named]:
    """Return what is wrong with how actions are chosen."""
    if e.trial.probe.has_choice and not e.explores:
        return [name("greedy", "one action for each observation in the first steps")]
    if e.trial.probe.has_choice and not e.sees:
        return [name("blind", "the outputs for all observations are equal")]
    if e.share_sent_otherwise > FEW:
        figure = f"{e.share_sent_otherwise:.0%} of the actions that were sent had not been drawn"
        return [name("acts otherwise", figure)]
    if e.share_inconsistent > FEW and not e.trial.probe.has_memory:
        figure = f"in {e.share_inconsistent:.0%} of the steps, other outputs for an observation"
        return [name("acts on another observation", figure)]
    return []


def of_the_rows(e: Evidence) -> list[Named]:
    """Return what is wrong with the rows of an update: which ones, and how they are paired."""
    if e.trial.broadcasts or e.share_of_tables > 0.5:
        return [name("outer product", "an update makes [B, B] from [B, 1] and [B]")]
    if e.share_gradients_left > 0.5:
        figure = f"{e.share_gradients_left:.0%} of the updates began with the gradients of the last"
        return [name("zero_grad", figure)]
    if e.trial.probe.has_memory:
        return []
    if e.growth > 3:
        figure = f"late updates score {e.growth:.0f} times as many rows for a step as early ones"
        return [name("never emptied", figure)]
    found = _pairing(e)
    if e.share_of_resets > FEW:
        figure = f"{e.share_of_resets:.0%} of the scored rows are resets"
        found.append(name("reset rows", figure))
    if not found and e.share_scored < 0.75:
        figure = f"{e.share_scored:.0%} of the steps are scored"
        found.append(name("rows left out", figure))
    if not found and e.share_unknown > 2 * FEW:
        figure = (
            f"{e.share_unknown:.0%} of the scored rows have probabilities with which none acted"
        )
        found.append(name("other probabilities", figure))
    return found


def _pairing(e: Evidence) -> list[Named]:
    """Return how observations and actions are paired wrongly, if they are."""
    if e.trial.probe.is_continuous or e.share_never_happened <= FEW or not e.sees:
        return []
    figure = (
        f"{e.share_never_happened:.0%} of the scored pairs of observation and action never were"
    )
    if e.like_next > 0.95 * e.compared or e.other_obs > 0.5 * e.never_happened:
        return [name("other observation", figure)]
    if e.like_following > 0.95 * e.compared:
        return [name("other observation", figure), name("rows mixed up", figure)]
    if e.other_actions > 0.5 * e.never_happened:
        return [name("other action", figure)]
    return [name("rows mixed up", figure)]


def of_learning(e: Evidence) -> list[Named]:
    """Return why nothing is learned, if nothing is."""
    watch = e.trial.watch
    if not e.trial.probe.has_choice:
        return []
    if _cancels(e):
        return [name("returns all zero", "the weights of each row, added up, are 0")]
    if watch.steps_at_zero > 0.5 * watch.optimizer_steps:
        figure = f"lr is 0 in {watch.steps_at_zero} of {watch.optimizer_steps} steps"
        return [name("rate zero", figure)]
    if e.learns:
        return []
    if not any(watch.rates) and watch.optimizer_steps:
        return [name("rate zero", f"lr is 0 in all {watch.optimizer_steps} steps")]
    weights = [s.weights for s in watch.scorings if s.weights is not None]
    if weights and not any(w.any() for w in weights):
        return [name("returns all zero", f"all {sum(map(np.size, weights))} weights are 0")]
    if watch.optimizer_steps == 0:
        return [name("no gradient", "no optimizer has taken a step")]
    if not watch.had_gradient:
        if weights:
            return [name("other parameters", "its parameters never had a gradient but 0")]
        return [name("no gradient", f"no gradient but 0 in {watch.optimizer_steps} steps")]
    return [name("other parameters", "they have gradients, but no output has changed")]


def _cancels(e: Evidence) -> bool:
    """Return whether rows are scored twice before a step, with weights whose sums are 0."""
    sums: dict[Any, Any] = {}
    size = 0.0
    for number, phase in enumerate(e.phases[:20]):
        for scoring in phase.first:
            if scoring.weights is None or scoring.is_table:
                return False
            size += float(np.abs(scoring.weights).sum())
            key = (number, scoring.params.tobytes(), scoring.values.tobytes())
            sums[key] = sums.get(key, 0.0) + scoring.weights
    return size > 0.0 and all(float(np.abs(s).sum()) < 1e-6 * size for s in sums.values())


def of_the_weights(e: Evidence) -> list[Named]:
    """Return whether weights are probabilities times returns.

    Where a decision settles the return, equal actions get equal weights, but for a baseline.
    """
    probe = e.trial.probe
    settled = probe.contests or (probe.mdp is not None and not probe.mdp.transition.any())
    if not settled or not probe.has_choice or len(e.rows) < 200:
        return []
    spread, divided = e.spread(), e.spread(by_probability=True)
    if spread > 0.01 and divided < 0.1 * spread:
        figure = f"divided by it, {1 - divided:.1%} of the weights' variance is explained"
        return [name("probability scored", figure)]
    return []


def of_the_entropy(e: Evidence) -> list[Named]:
    """Return what is wrong with the entropy term, if there is one."""
    ratio = e.entropy_ratio
    if ratio < -1e-3:
        return [name("entropy punished", f"its weight is {ratio:.2g} of that of the returns")]
    if ratio > 0.5:
        return [name("entropy too strong", f"its weight is {ratio:.2g} times that of the returns")]
    return []


def of_the_bounds(e: Evidence) -> list[Named]:
    """Return what is wrong with continuous actions: which are scored, and which are sent."""
    if not e.trial.probe.is_continuous:
        return []
    for phase in e.phases[:5]:
        steps = [s for s in phase.steps if s.drawn is not None]
        values = [s.values for s in phase.first if s.values.ndim == 2]
        if not steps or not values:
            continue
        drawn = np.array([s.drawn for s in steps], np.float64)
        sent = np.array([np.ravel(s.action) for s in steps], np.float64)
        scored = np.concatenate(values).astype(np.float64)
        if scored.shape[1] == drawn.shape[1]:
            return (
                _scored_otherwise(drawn, sent, scored)
                or _sent_otherwise(e, drawn, sent)
                or _averaged(phase, drawn)
                or _one_dimension(phase)
            )
    return []


def _averaged(phase: Phase, drawn: Floats) -> list[Named]:
    """Return whether each dimension has the weight G / (A B), as the mean over A dimensions has.

    In the sum over dimensions that weight is G / B. Here each episode has one step, so G is its
    reward. With a baseline or another scale nothing can be said.
    """
    earned = np.array([step.reward for step in phase.steps])
    for scoring in phase.first:
        weights = scoring.weights
        if weights is None or weights.shape != drawn.shape or scoring.values.shape != drawn.shape:
            continue
        distance = np.abs(scoring.values[:, None] - drawn[None]).max(axis=2)
        expected = earned[distance.argmin(axis=1), None] / weights.size
        if np.allclose(weights, expected, rtol=1e-3):
            figure = "each of 2 dimensions has half the weight of its action"
            return [name("mean over dimensions", figure)]
    return []


def _one_dimension(phase: Phase) -> list[Named]:
    """Return whether the log-probability of one dimension has no weight in any row."""
    weights = [s.weights for s in phase.first if s.weights is not None]
    if not all(w.ndim == 2 and w.shape[1] == 2 for w in weights):
        return []
    has_weight = np.concatenate(weights).any(axis=0)
    if has_weight.sum() == 1:
        return [name("one dimension", f"the weights of dimension {has_weight.argmin()} are all 0")]
    return []


def _scored_otherwise(drawn: Floats, sent: Floats, scored: Floats) -> list[Named]:
    if _all_among(scored, drawn):
        return []
    if _all_among(scored, np.clip(drawn, -1, 1)):
        share = float((np.abs(scored) == 1).mean())
        return [name("clipped action scored", f"{share:.0%} of the scored actions are -1 or 1")]
    if _all_among(scored, np.tanh(drawn)):
        return [name("tanh action scored", "the scored actions are the tanh of those drawn")]
    if _all_among(scored, sent):
        return [name("sent action scored", "the scored actions are those that were sent")]
    return [name("other action", "the scored actions are not those that were drawn")]


def _sent_otherwise(e: Evidence, drawn: Floats, sent: Floats) -> list[Named]:
    once = scaled(np.clip(drawn, -1, 1))
    if _equal(sent, once):
        return []
    if _equal(sent, scaled(np.clip(once, -1, 1))) or _equal(sent, scaled(once)):
        return [name("mapped twice", "what is sent is what was drawn, mapped twice")]
    if e.trial.expects_scaling and _equal(sent, np.clip(drawn, Motor.LOW, Motor.HIGH)):
        return [name("not scaled", "what is sent is what was drawn, clipped")]
    return []


def scaled(action: Floats) -> Floats:
    """Return actions in [-1, 1], mapped to the motor's range."""
    return Motor.LOW + (Motor.HIGH - Motor.LOW) * (action + 1.0) / 2.0


def _equal(some: Floats, others: Floats) -> bool:
    return some.shape == others.shape and bool(np.abs(some - others).max() < 1e-3)


def _all_among(some: Floats, others: Floats) -> bool:
    """Return whether each row is, up to rounding, one of the others."""
    distance = np.abs(some[:, None] - others[None]).max(axis=2).min(axis=1)
    return bool((distance < 1e-4).mean() > 1 - FEW)


FINDERS: tuple[Callable[[Evidence], list[Named]], ...] = (
    of_the_loop,
    of_acting,
    of_learning,
    of_the_rows,
    of_the_bounds,
    of_the_weights,
    of_the_entropy,
)


def faults_of(evidence: list[Evidence]) -> list[Named]:
    """Return the faults that each trial shows; a trial of one mirror image alone may be chance."""
    found: dict[str, Named] = {}
    for finder in FINDERS:
        each = [{named.cause.name: named for named in finder(e)} for e in evidence]
        shared = set.intersection(*map(set, each))
        found |= {key: named for key, named in each[0].items() if key in shared}
    return list(found.values())
