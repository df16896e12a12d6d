"""Judge a student's `train` by the probes: it runs in its kernel, and is replayed and judged here.

What comes back from the kernel is what was sent to the world, and what torch was seen to do. The
first is replayed in a world of the marker's own, so observations, rewards and ends are its own. The
second is believed; docs/MARKING.md says what can be gained by forging it.
"""

import base64
import pickle
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, field
from typing import Any

import numpy as np
import psutil

from pg_edu.course.outcomes import Outcome
from pg_edu.course.verdicts import CORRECT, NOT_ATTEMPTED, WRONG, Verdict
from pg_edu.coursework.capstone.parts import GAMMA, Training
from pg_edu.coursework.marking.elsewhere import GRACE
from pg_edu.coursework.marking.inside import wire
from pg_edu.coursework.marking.inside.training import RESET, SEEDED_RESET, Lesson
from pg_edu.coursework.marking.kernels import Kernel, KernelEnded
from pg_edu.lab.probes.lending import Record, TrainingOver
from pg_edu.lab.probes.probing import probe_door
from pg_edu.lab.probes.questions import PROBES, Probe
from pg_edu.lab.probes.report import ProbeReport, ProbeResult
from pg_edu.lab.probes.trials import Trial
from pg_edu.lab.probes.watching import Scoring, Watch
from pg_edu.types import AnyArray, Floats

TRAIN = "__import__('pg_edu.coursework.marking.inside.training', fromlist=['training']).train"
PATIENCE = 4  # seconds of the clock for each second of the processor, as in `time_limit`
NOT_THOSE = "what came back is not what such a training can send"


class TrainFailed(Exception):
    """The error for a `train` that raised, or that had not finished in time."""


def judge_training(part: Training, kernel: Kernel, seed: int) -> Verdict:
    """Return the verdict on the `train` that a kernel holds.

    Args:
        part: in which worlds it trains, and for how long.
        kernel: holds `train` under the name of the part.
        seed: decides the seeds, and how observations are ordered.

    Raises:
        KernelEnded: the kernel ended, or had to be ended.
    """
    door = ReplayDoor(part, kernel, seed)
    probes = [each for each in PROBES if each.name in part.worlds]
    report = probe_door(door, probes, part.updates, seed % 2**31)
    if door.ended is not None:
        raise door.ended
    return _verdict(part, report, door)


def _verdict(part: Training, report: ProbeReport, door: "ReplayDoor") -> Verdict:
    if not door.attempted:
        return Verdict(part.number, NOT_ATTEMPTED, part.points)
    bad = [result for result in report.results if result.verdict not in ("passed", "known")]
    if not bad:
        return Verdict(part.number, CORRECT, part.points, door.remark())
    found = "; ".join(f"{result.probe}: {result.verdict}" for result in report.results)
    if door.problem:
        return Verdict(part.number, WRONG, part.points, f"{found}. {door.problem}")
    return Verdict(part.number, WRONG, part.points, f"{found}.", _said(bad))


def _said(bad: Sequence[ProbeResult]) -> str:
    """Return what the first world with a named cause says, or else the first one."""
    named = [result for result in bad if result.causes] or bad
    return f"In the world “{named[0].probe}”: {named[0].meaning}"


@dataclass
class ReplayDoor:
    """The door of `pg_edu.lab.probes.trials` to a `train` in a kernel.

    Args:
        part: how it is trained.
        kernel: holds it.
        seed: decides the seeds of the worlds, and how observations are ordered.
        ended: how the kernel ended, if it did.
        problem: what went wrong in `train`.
        attempted: False if it is still the stub.
        unseen: in how many trainings no score of an action was seen.
    """

    part: Training
    kernel: Kernel
    seed: int
    ended: KernelEnded | None = None
    problem: str = ""
    attempted: bool = True
    unseen: int = 0
    left: float = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.part.seconds
        self._rng = np.random.default_rng([self.seed, 17])

    def reason_to_skip(self, probe: Probe) -> str:
        """Return "": each world that the part names is one for `train`."""
        return ""

    def train(self, probe: Probe, updates: int, seed: int, mirror: bool) -> Trial:
        """Let the kernel train, and return the replayed training.

        Raises:
            TrainFailed: it raised, or has not finished, or what came back is not what it can send.
        """
        if self.ended or self.problem or not self.attempted:
            raise TrainFailed("it was not run, after what happened before")
        order = tuple(map(int, self._rng.permutation(probe.observation_count)))
        world_seed = int(self._rng.integers(2**31))
        lesson = Lesson(probe.name, mirror, updates, seed, world_seed, order, self.left)
        outcome = self._asked(lesson)
        self.attempted = outcome.attempted
        self.problem = outcome.problem
        if self.problem or not self.attempted:
            raise TrainFailed(self.problem)
        return self._replayed(lesson, outcome.observed)

    def _asked(self, lesson: Lesson) -> Outcome:
        """Return what the kernel sends, and take its time off what is left."""
        text = base64.b64encode(pickle.dumps(astuple(lesson))).decode()
        expression = f"{TRAIN}({self.part.number!r}, {text!r})"
        begin = self._cpu()
        try:
            sent = self.kernel.evaluate(expression, PATIENCE * lesson.seconds + GRACE)
            outcomes = wire.load(sent)
        except KernelEnded as error:
            self.ended = error
            raise
        except wire.Garbled:
            return Outcome(problem=NOT_THOSE)
        finally:
            self.left = max(self.left - (self._cpu() - begin), 1.0)
        return outcomes[0] if outcomes else Outcome(problem=NOT_THOSE)

    def _cpu(self) -> float:
        """Return the CPU time of the kernel so far, in seconds; 0 if it has ended."""
        with suppress(psutil.Error):
            times = self.kernel.process.cpu_times()
            return float(times.user + times.system)
        return 0.0

    def _replayed(self, lesson: Lesson, sent: dict[str, Any]) -> Trial:
        try:
            trial = replay(lesson, sent)
        except Exception as error:  # A student's process may have sent anything.
            self.problem = NOT_THOSE
            raise TrainFailed(NOT_THOSE) from error
        self.unseen += not trial.watch.scorings
        return trial

    def remark(self) -> str:
        """Return what an instructor should know of a `train` that is right."""
        if self.unseen:
            return "No log-probability was seen by torch: it is judged by its actions."
        return ""


def replay(lesson: Lesson, sent: dict[str, Any]) -> Trial:
    """Return a training whose actions are replayed in a world of our own.

    Args:
        lesson: what was asked for.
        sent: what the kernel sent, as `inside/training.py` packs it.

    Raises:
        ValueError: it does not fit a training in this world.
    """
    record = lesson.new_record()
    watch = _watch(sent)
    _play(lesson, record, sent)
    params, drawn = _joined(sent["params"]), _joined(sent["drawn"])
    if not len(record.steps) == len(params) == len(drawn):
        raise ValueError("draws of other steps")
    for step, row, draw in zip(record.steps, params, drawn, strict=True):
        if row.size and np.isfinite(row).all():
            step.params, step.drawn = row, draw
    chosen = _chosen(lesson, sent["chosen"])
    return Trial(lesson.question, lesson.mirror, GAMMA, record, watch, chosen=chosen)


def _play(lesson: Lesson, record: Record, sent: dict[str, Any]) -> None:
    """Send the same resets and actions to a world of our own."""
    env = lesson.lend(record)
    actions = range(int(env.action_space.n))  # type: ignore[attr-defined]
    seeds = iter(sent["seeds"].tolist())
    try:
        for event in _joined(sent["events"]).tolist():
            if event in (RESET, SEEDED_RESET):
                env.reset(seed=None if event == RESET else int(next(seeds)))
            elif event in actions:
                env.step(event)
            else:
                raise ValueError("an action that there is not")
    except (TrainingOver, StopIteration) as error:
        raise ValueError("more calls than a training can make") from error
    if not record.steps:
        raise ValueError("a training without a step")


def _joined(chunks: Sequence[AnyArray]) -> AnyArray:
    return np.concatenate(list(chunks)) if chunks else np.zeros((0, 0))


def _chosen(lesson: Lesson, sent: AnyArray) -> Floats | None:
    """Return the choices of the trained agent, `[O, draws]`, or None if there are none."""
    chosen: Floats = np.asarray(sent, np.float64)
    if chosen.ndim != 2 or len(chosen) not in (0, len(lesson.order)):
        raise ValueError("choices for other observations")
    return chosen if len(chosen) else None


def _watch(sent: dict[str, Any]) -> Watch:
    """Return what torch was seen to do."""
    steps, had_gradient, entropy, *rates = sent["watch"].tolist()
    scorings = [one for group in sent["scorings"] for one in _scorings(group)]
    return Watch(
        scorings=scorings,
        entropy_weights=[entropy],
        optimizer_steps=int(steps),
        rates=tuple(rates),
        had_gradient=bool(had_gradient),
    )


def _scorings(group: Sequence[AnyArray]) -> Iterable[Scoring]:
    for head, params, values, weights in zip(*group, strict=True):
        steps, is_table, has_weights, at, left = map(int, head)
        known = weights if has_weights else None
        yield Scoring(params, values, steps, bool(is_table), known, at, bool(left))
