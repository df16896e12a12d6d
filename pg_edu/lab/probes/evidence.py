"""The figures that are read from a trial: what was sent, what was scored, and with which weights.

A *phase* is what happens between two steps of the environments: the rows that are scored there,
after the steps since the phase before. In its first minibatch the parameters are still those that
acted. So a scored row can be recognized by the parameters of its distribution: they must be those
of a step that was taken.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pg_edu.lab.probes.contests import Contest
from pg_edu.lab.probes.lending import Step
from pg_edu.lab.probes.trials import Trial
from pg_edu.lab.probes.watching import Scoring
from pg_edu.returns import discounted_returns
from pg_edu.types import Floats

ROWS = 4000  # phases are read until they have this many rows
SAME = 1e-4  # parameters that differ by less are those of the same observation
TAIL = 0.25  # the last part of a training, by which its result is measured


@dataclass(frozen=True)
class Phase:
    """The steps since the phase before, and the rows that were then scored.

    Args:
        steps: the steps of the environments.
        first: the scorings before the first step of an optimizer.
        resets: the rows that a vector of environments gave for a reset, as if it were a step.
        rows: how many rows were scored in all, minibatches and repetitions included.
    """

    steps: Sequence[Step]
    first: Sequence[Scoring]
    rows: int
    resets: Sequence[Step] = ()


@dataclass(frozen=True)
class Row:
    """A scored row whose observation was recognized.

    Args:
        obs: the number of the observation.
        action: the action that was scored, [A].
        weight: its weight in the loss.
        probability: the probability of a discrete action; 1 for others.
        phase: the number of its phase.
        earned: the reward of a continuous action, which is its return too; NaN for others.
    """

    obs: int
    action: Floats
    weight: float
    probability: float = 1.0
    phase: int = 0
    earned: float = np.nan


def phases_of(trial: Trial) -> list[Phase]:
    """Return the phases of a trial in which rows were scored with a gradient."""
    by_time: dict[int, list[Scoring]] = {}
    for scoring in trial.watch.scorings:
        if scoring.weights is not None:
            by_time.setdefault(scoring.at, []).append(scoring)
    phases = []
    begin = 0
    for end, scorings in sorted(by_time.items()):
        steps_taken = min(s.optimizer_steps for s in scorings)
        first = [s for s in scorings if s.optimizer_steps == steps_taken]
        rows = sum(s.rows for s in scorings)
        resets = trial.record.autoresets.get(steps_taken, [])
        phases.append(Phase(trial.record.steps[begin:end], first, rows, resets))
        begin = end
    return phases


class Evidence:
    """The figures that can be read from the phases of a trial.

    Args:
        trial: the trial.
    """

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.phases = phases_of(trial)
        self.steps = trial.record.steps
        self._following = _following(self.steps)
        self._read()

    def _read(self) -> None:
        """Recognize the rows of the first phases, and count what does not fit."""
        self.rows: list[Row] = []
        self.known = 0  # rows in phases whose steps have known parameters
        self.unknown = 0  # of these, rows that are like no step
        self.never_happened = 0  # recognized rows whose observation and action no step had
        self.compared = 0
        self.reset_rows = 0  # rows in which an environment was reset and the action ignored
        self.like_next = 0  # of the compared rows, those that have the observation after the step
        self.like_following = 0  # ... or that of the environment's next step, after a reset too
        self.other_obs = 0
        self.other_actions = 0
        for phase in self.phases:
            if self.known > ROWS:
                break
            self._read_phase(phase)

    def _read_phase(self, phase: Phase) -> None:
        steps = [step for step in phase.steps if step.params is not None]
        scorings = [s for s in phase.first if not s.is_table and s.weights is not None]
        if not steps or not scorings or len({s.params.shape[1] for s in scorings}) > 1:
            return
        steps += [step for step in phase.resets if step.params is not None]
        acted = np.array([step.params for step in steps])
        scored = np.concatenate([s.params for s in scorings])
        if acted.shape[1] != scored.shape[1]:
            return
        earned = self._earned(steps)
        rows = []
        for numbers, scoring in zip(_nearest(scored, acted, scorings), scorings, strict=True):
            weights = np.asarray(scoring.weights).reshape(scoring.rows, -1).mean(axis=1)
            for number, action, weight in zip(numbers, scoring.values, weights, strict=True):
                if number >= 0:
                    step, taken = steps[number], np.atleast_1d(action)
                    chance = self._chance(step, taken)
                    pay = earned.get(_key(taken), np.nan)
                    rows.append(Row(step.obs, taken, float(weight), chance, self.known, pay))
        self.known += len(scored)
        self.unknown += len(scored) - len(rows)
        self.rows += rows
        # A step whose draw is not known may be the one that a row belongs to.
        if len(rows) == len(scored) and len(steps) == len(phase.steps) + len(phase.resets):
            self._compare(phase, rows)

    def _earned(self, steps: Sequence[Step]) -> dict[Any, float]:
        """Return what each continuous action earned; no two of them are equal."""
        if not self.trial.probe.is_continuous:
            return {}
        return {_key(step.drawn): step.reward for step in steps if step.drawn is not None}

    def _chance(self, step: Step, action: Floats) -> float:
        """Return the probability of a discrete action."""
        if self.trial.probe.is_continuous or step.params is None:
            return 1.0
        return float(np.exp(step.params[int(action[0]) % len(step.params)]))

    def _compare(self, phase: Phase, rows: Sequence[Row]) -> None:
        """Count the scored pairs of observation and action that were never played."""
        steps = phase.steps
        happened = Counter((s.obs, _key(s.drawn)) for s in steps)
        scored = Counter((r.obs, _key(r.action)) for r in rows)
        of_resets = (scored - happened) & Counter((s.obs, _key(s.drawn)) for s in phase.resets)
        if of_resets:
            self.reset_rows += of_resets.total()
            scored -= of_resets
            rows = [Row(obs, np.array([a]), 0.0) for obs, a in scored.elements()]
        # A minibatch has each step at most once, and so has the whole batch.
        self.never_happened += (scored - happened).total()
        self.compared += len(rows)
        with_next = Counter((s.obs_next, _key(s.drawn)) for s in steps)
        self.like_next += (scored & with_next).total()
        following = Counter((self._following.get(id(s), -1), _key(s.drawn)) for s in steps)
        self.like_following += (scored & following).total()
        self.other_obs += _surplus((r.obs for r in rows), (s.obs for s in steps))
        self.other_actions += _surplus(
            (_key(r.action) for r in rows), (_key(s.drawn) for s in steps)
        )

    # Shares.

    @property
    def share_unknown(self) -> float:
        """The share of scored rows with other probabilities than those of any step."""
        return self.unknown / max(1, self.known)

    @property
    def share_of_resets(self) -> float:
        """The share of scored rows in which an environment was reset."""
        return self.reset_rows / max(1, self.compared + self.reset_rows)

    @property
    def share_never_happened(self) -> float:
        """The share of scored pairs of observation and action that were never played."""
        return self.never_happened / max(1, self.compared)

    @cached_property
    def share_scored(self) -> float:
        """The number of rows that were scored for each step, in the median phase, or NaN."""
        ratios = [phase.rows / len(phase.steps) for phase in self.phases if phase.steps]
        return float(np.median(ratios)) if ratios else np.nan

    @cached_property
    def learns_after_each_step(self) -> bool:
        """Whether the median phase has one step of each environment, as one-step targets have."""
        sizes = [len(phase.steps) for phase in self.phases]
        return bool(sizes) and float(np.median(sizes)) <= self.trial.record.env_count

    @cached_property
    def growth(self) -> float:
        """The factor by which more rows are scored for each step late in training than early."""
        ratios = [phase.rows / len(phase.steps) for phase in self.phases if phase.steps]
        if len(ratios) < 8:
            return 1.0
        quarter = len(ratios) // 4
        return float(np.median(ratios[-quarter:]) / np.median(ratios[:quarter]))

    @cached_property
    def share_gradients_left(self) -> float:
        """The share of phases that began with the gradients of the step before."""
        firsts = [any(s.gradients_left for s in phase.first) for phase in self.phases[1:]]
        return float(np.mean(firsts)) if firsts else 0.0

    @property
    def share_of_tables(self) -> float:
        """The share of log-probabilities that pair every row with every row."""
        scorings = self.trial.watch.scorings
        return sum(s.is_table for s in scorings) / max(1, len(scorings))

    @cached_property
    def share_sent_otherwise(self) -> float:
        """The share of discrete actions that were sent although another one had been drawn."""
        if self.trial.probe.is_continuous:
            return 0.0
        known = [s for s in self.steps if s.drawn is not None]
        differ = [_key(s.drawn) != _key(np.atleast_1d(s.action)) for s in known]
        return float(np.mean(differ)) if differ else 0.0

    @cached_property
    def share_inconsistent(self) -> float:
        """The share of steps with other parameters than those of the same observation before.

        Steps between two updates are compared, in which the parameters of an agent do not change.
        An agent with a hidden state is consistent if it is so after equal episodes until then.
        """
        differ, compared = 0, 0
        histories: dict[int, tuple[int, ...]] = {}
        for phase in self.phases[:200]:
            of_obs: dict[int, Floats] = {}
            of_history: dict[tuple[int, ...], Floats] = {}
            for step in phase.steps:
                history = () if step.is_first else histories.get(step.env, ())
                histories[step.env] = (*history, step.obs)
                if step.params is None:
                    continue
                compared += 1
                remembered = of_history.setdefault(histories[step.env], step.params)
                if _differ(of_obs.setdefault(step.obs, step.params), step.params):
                    others = (params for obs, params in of_obs.items() if obs != step.obs)
                    is_of_another = any(not _differ(params, step.params) for params in others)
                    differ += is_of_another or _differ(remembered, step.params)
        return differ / max(1, compared)

    @cached_property
    def explores(self) -> bool:
        """Whether some observation got several actions early on."""
        early = self.steps[: max(64, len(self.steps) // 20)]
        taken: dict[int, set[Any]] = {}
        for step in early:
            taken.setdefault(step.obs, set()).add(_key(step.action))
        return any(len(actions) > 1 for actions in taken.values())

    @cached_property
    def step_size(self) -> float:
        """The distance by which an early phase moves the outputs for an observation (median)."""
        last: dict[int, Floats] = {}
        moves = []
        for phase in self.phases[:10]:
            here = {s.obs: s.params for s in phase.steps if s.params is not None}
            shared = [np.abs(here[o] - last[o]).max() for o in here if o in last]
            if shared:
                moves.append(max(shared))
            last = last | here
        return float(np.median(moves)) if moves else np.nan

    @cached_property
    def entropy_ratio(self) -> float:
        """The weight of a row's entropy, relative to the mean size of the weights.

        Both are summed over the first minibatches: later on, a ratio that is clipped has no weight.
        """
        entropy = float(np.sum(self.trial.watch.entropy_weights))
        seen = [s.weights for phase in self.phases for s in phase.first]
        total = float(sum(np.abs(weights).sum() for weights in seen if weights is not None))
        return entropy / total if total else 0.0

    @cached_property
    def outputs_by_obs(self) -> tuple[dict[int, Floats], dict[int, Floats]]:
        """The parameters with which the agent acted on each observation, first and last."""
        first: dict[int, Floats] = {}
        last: dict[int, Floats] = {}
        for step in self.steps:
            if step.params is not None:
                first.setdefault(step.obs, step.params)
                last[step.obs] = step.params
        return first, last

    @cached_property
    def learns(self) -> bool:
        """Whether training changed what the agent does; True if that cannot be seen."""
        if self.trial.outputs is not None:
            before, after = self.trial.outputs
            return not np.array_equal(before, after)
        first, last = self.outputs_by_obs
        return not first or any(bool((first[o] != last[o]).any()) for o in first)

    @cached_property
    def sees(self) -> bool:
        """Whether what it does depends on the observation; True if that cannot be seen."""
        if self.trial.outputs is not None:
            after = self.trial.outputs[1]
            return len(after) == 1 or bool((after != after[0]).any())
        _, last = self.outputs_by_obs
        values = list(last.values())
        return len(values) < 2 or any(bool(np.abs(v - values[0]).max() > 1e-6) for v in values)

    @cached_property
    def share_unlike_training(self) -> float:
        """The share of choices of the returned agent that differ from those of its training."""
        chosen = self.trial.chosen
        if chosen is None:
            return 0.0
        taken: dict[int, Counter[int]] = {}
        for step in self.steps[self.tail]:
            taken.setdefault(step.obs, Counter())[int(step.action)] += 1
        differ = [
            float((chosen[obs] != counts.most_common(1)[0][0]).mean())
            for obs, counts in taken.items()
            if counts.most_common(1)[0][1] > 0.9 * counts.total()
        ]
        return float(np.mean(differ)) if differ else 0.0

    # Weights.

    def mean_weights(self) -> dict[tuple[int, int], float]:
        """Return the mean weight of each recognized pair of observation and discrete action."""
        groups = self._groups()
        return {pair: float(np.mean(weights)) for pair, weights in groups.items()}

    def variation_within_phases(self) -> float:
        """Return how much weights differ within a phase, relative to their size; NaN if unknown.

        Only phases in which several actions were taken can show that.
        """
        by_phase: dict[int, list[Row]] = {}
        for row in self.rows:
            by_phase.setdefault(row.phase, []).append(row)
        sizes = []
        for rows in by_phase.values():
            weights = np.array([row.weight for row in rows])
            actions = Counter(int(row.action[0]) for row in rows)
            if len(rows) >= 8 and len(actions) > 1 and min(actions.values()) > 1:
                sizes.append(float(weights.std() / max(1e-300, np.abs(weights).mean())))
        return float(np.median(sizes)) if len(sizes) > 2 else np.nan

    def _groups(self, by_probability: bool = False) -> dict[tuple[int, int], list[float]]:
        groups: dict[tuple[int, int], list[float]] = {}
        for row in self.rows:
            weight = row.weight / max(row.probability, 1e-9) if by_probability else row.weight
            groups.setdefault((row.obs, int(row.action[0])), []).append(weight)
        return groups

    def spread(self, by_probability: bool = False) -> float:
        """Return the share of the weights' variance that observation and action do not explain.

        With `by_probability`, each weight is first divided by the probability of its action.
        """
        last = self.trial.probe.observation_count - 1
        groups = self._groups(by_probability)
        if (
            self.trial.probe.contests
        ):  # Before and after a decision, weights differ from step to step.
            groups = {pair: w for pair, w in groups.items() if pair[0] < last - 1}
        if not groups:
            return 0.0
        everything = np.concatenate(list(groups.values()))
        inside = sum(float(np.square(np.array(w) - np.mean(w)).sum()) for w in groups.values())
        total = float(np.square(everything - everything.mean()).sum())
        scale = float(np.square(everything).sum())
        return inside / total if total > 1e-10 * scale else 0.0

    # Contests.

    def learned_values(self, contests: Sequence[Contest]) -> Floats:
        """Return how much more weight the right arm got than the wrong one, [C].

        A contest of which an arm was never scored is NaN. Each contest is seen in two ways, under
        observation 2c, where action 0 is right, and under 2c + 1, where action 1 is.
        """
        means = self.mean_weights()
        gaps = [
            means.get((o, o % 2), np.nan) - means.get((o, 1 - o % 2), np.nan)
            for o in range(2 * len(contests))
        ]
        pairs = np.array(gaps).reshape(-1, 2)
        known = np.isfinite(pairs)
        sums = np.where(known, pairs, 0.0).sum(axis=1)
        return np.where(known.any(axis=1), sums / np.maximum(1, known.sum(axis=1)), np.nan)

    def win_counts(self, contests: Sequence[Contest], part: slice) -> tuple[Floats, Floats]:
        """Return how often the right arm was chosen in each contest, and how often any, [C]."""
        wins, plays = self.win_counts_by_obs(contests, part)
        return wins.reshape(-1, 2).sum(axis=1), plays.reshape(-1, 2).sum(axis=1)

    def win_counts_by_obs(self, contests: Sequence[Contest], part: slice) -> tuple[Floats, Floats]:
        """Return the same for each of the two observations of each contest, [2 C]."""
        wins, plays = np.zeros(2 * len(contests)), np.zeros(2 * len(contests))
        for step in self.steps[part]:
            if step.obs < len(plays):
                plays[step.obs] += 1
                wins[step.obs] += int(step.action) == step.obs % 2
        return wins, plays

    @cached_property
    def share_decided(self) -> float:
        """The share of contests in which one arm is clearly preferred at the end.

        It is so under both observations, so it is learned from the returns of this contest.
        """
        contests = self.trial.probe.contests
        if not contests:
            return 0.0
        wins, plays = self.win_counts_by_obs(contests, self.tail)
        share = (wins / np.maximum(1, plays)).reshape(-1, 2)
        return float(np.mean((share > 0.75).all(axis=1) | (share < 0.25).all(axis=1)))

    # Parts of a training.

    @property
    def tail(self) -> slice:
        """The steps at the end by which the result is measured."""
        return slice(len(self.steps) - max(1, int(TAIL * len(self.steps))), None)

    @property
    def head(self) -> slice:
        """The same number of steps at the beginning."""
        return slice(0, max(1, int(TAIL * len(self.steps))))

    def episode_returns(self, part: slice) -> Floats:
        """Return the discounted returns of the episodes that lie in a part of the training."""
        probe = self.trial.probe
        by_env: dict[int, list[Step]] = {}
        for step in self.steps[part]:
            if step.env in by_env or step.is_first:
                by_env.setdefault(step.env, []).append(step)
        returns = []
        for steps in by_env.values():
            ended = [i for i, s in enumerate(steps) if s.terminated or s.truncated]
            whole = steps[: ended[-1] + 1] if ended else []
            if whole:
                returns.append(_returns_of(whole, probe.gamma, probe.value_after_limit))
        return np.concatenate(returns) if returns else np.zeros(0)

    def frequency(self, obs: int) -> Floats:
        """Return how often each action was chosen on an observation at the end, [A]."""
        actions = [int(s.action) for s in self.steps[self.tail] if s.obs == obs]
        probe = self.trial.probe
        count = 2 if probe.mdp is None else probe.mdp.logits.shape[1]
        counts = np.bincount(actions, minlength=count) / max(1, len(actions))
        return counts[::-1] if self.trial.mirror else counts


def _nearest(scored: Floats, acted: Floats, scorings: Sequence[Scoring]) -> list[Any]:
    """Return the number of the step that each scored row is like, or -1, split by scorings."""
    unique, index = np.unique(acted, axis=0, return_index=True)
    distance = np.abs(scored[:, None] - unique[None]).max(axis=2)
    nearest = distance.argmin(axis=1)
    close = distance[np.arange(len(scored)), nearest] <= SAME
    numbers = np.where(close, index[nearest], -1)
    return np.split(numbers, np.cumsum([s.rows for s in scorings])[:-1])


def _key(action: Any) -> Any:
    """Return an action as something that can be counted."""
    values = np.asarray(action).ravel().tolist()
    return round(values[0], 5) if len(values) == 1 else tuple(round(v, 5) for v in values)


def _following(steps: Sequence[Step]) -> dict[int, int]:
    """Return, by the id of each step, the observation of the next step of its environment."""
    following: dict[int, int] = {}
    last: dict[int, Step] = {}
    for step in steps:
        if step.env in last:
            following[id(last[step.env])] = step.obs
        last[step.env] = step
    return following


def _differ(some: Floats, others: Floats) -> bool:
    return bool(np.abs(some - others).max() > SAME)


def _surplus(some: Any, others: Any) -> int:
    return (Counter(some) - Counter(others)).total()


def _returns_of(steps: Sequence[Step], gamma: float, value_after_limit: float) -> Floats:
    """Return the discounted return of each episode; a truncated one includes the value after it."""
    rewards = np.array([s.reward for s in steps])
    terminated = np.array([s.terminated for s in steps])
    truncated = np.array([s.truncated for s in steps])
    value_after = np.where(terminated, 0.0, value_after_limit)
    returns = discounted_returns(rewards, terminated | truncated, gamma, value_after)
    return returns[[s.is_first for s in steps]]
