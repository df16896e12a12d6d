"""Run a student's `train` in a world that is lent to it, and send back what it did.

What is sent back are the calls of `reset` and `step` with their seeds and actions, and what torch
was seen to draw and to score. The marker replays the calls in a world of its own.
"""

import base64
import itertools
import pickle
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from pg_edu.course.outcomes import Outcome, raised, undisturbed
from pg_edu.course.time_limit import TimeIsUp, finishes_within
from pg_edu.coursework.marking.inside import respond, wire
from pg_edu.lab.probes.lending import LentEnv, Record, TrainingOver
from pg_edu.lab.probes.questions import PROBES, Probe
from pg_edu.lab.probes.trials import EPISODES, seed_everything
from pg_edu.lab.probes.watching import Scoring, Watch
from pg_edu.types import AnyArray, Floats, Ints

RESET, SEEDED_RESET = -1, -2  # events that are no actions
CHUNK = 20_000  # rows of one array that is sent
DRAWS = 8  # of the trained agent, for each observation


@dataclass(frozen=True)
class Lesson:
    """A training that the marker asks for.

    Args:
        probe: the name of the probe.
        mirror: whether its actions are in reverse order.
        updates: how long to train, in units of 32 episodes.
        seed: what `train` gets.
        world_seed: decides what the world draws before it is reset with a seed.
        order: the order in which observations are shown, a permutation `[O]`.
        seconds: the CPU time that is left.
    """

    probe: str
    mirror: bool
    updates: int
    seed: int
    world_seed: int
    order: tuple[int, ...]
    seconds: float

    @property
    def question(self) -> Probe:
        """The probe itself."""
        return next(each for each in PROBES if each.name == self.probe)

    def lend(self, record: Record) -> LentEnv:
        """Return the environment, whose generator has been seeded."""
        world = self.question.make_env(self.mirror)
        world.reset(seed=self.world_seed)
        return LentEnv(world, record)

    def new_record(self) -> Record:
        """Return an empty record with the budget of this training."""
        return Record(1, budget=self.updates * EPISODES)


class Noting(gym.Wrapper[Any, Any, Any, Any]):
    """An environment that shows one-hot observations in another order, and notes the calls.

    Args:
        env: the environment.
        order: a permutation of the entries of an observation.
    """

    def __init__(self, env: LentEnv, order: Sequence[int]) -> None:
        super().__init__(env)
        self.order = list(order)
        self.events: list[int] = []
        self.seeds: list[int] = []

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environment and note the seed."""
        obs, info = self.env.reset(seed=seed, options=options)
        self.events.append(RESET if seed is None else SEEDED_RESET)
        if seed is not None:
            self.seeds.append(int(seed))
        return obs[self.order], info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take one of the actions 0 to A - 1, and note it.

        Raises:
            ValueError: the action is none of them.
        """
        number = _number(action, int(self.action_space.n))  # type: ignore[attr-defined]
        obs, reward, terminated, truncated, info = self.env.step(number)
        self.events.append(number)
        return obs[self.order], reward, terminated, truncated, info


def _number(action: Any, count: int) -> int:
    """Return an action as an int, if it is a single whole number in range."""
    values = np.asarray(action)
    if values.size != 1 or values.reshape(-1)[0] not in range(count):
        raise ValueError(f"env.step got {action!r:.80}, but takes one number from 0 to {count - 1}")
    return int(values.reshape(-1)[0])


def train(name: str, asked: str) -> str:
    """Return as text what the answer with this name did in a training.

    Args:
        name: that of the answer.
        asked: the lesson, pickled by the marker.
    """
    lesson = Lesson(*pickle.loads(base64.b64decode(asked)))
    found: list[Outcome] = []

    def work() -> None:
        found.append(_outcome(respond.answer(name), lesson))

    with undisturbed():
        if not finishes_within(lesson.seconds, work) or not found:
            found = [Outcome(problem="it had not finished when its time was up.")]
    return wire.dump(found[:1])


def _outcome(answer: Any, lesson: Lesson) -> Outcome:
    try:
        return Outcome(_trained(answer, lesson))
    except NotImplementedError:
        return Outcome(attempted=False)
    except TimeIsUp:
        raise
    except BaseException as error:  # sys.exit and KeyboardInterrupt, too, are the answer's own.
        return raised(error, answer)


def _trained(answer: Any, lesson: Lesson) -> dict[str, Any]:
    record = lesson.new_record()
    watch = Watch(record.clock)
    record.watch = watch
    env = Noting(lesson.lend(record), lesson.order)
    seed_everything(lesson.seed)
    act = None
    with watch, suppress(TrainingOver):
        act = answer(env, lesson.seed)
    return {
        "events": _chunks(np.array(env.events, np.int64)),
        "seeds": np.array(env.seeds, np.int64),
        "params": _chunks(_rows([step.params for step in record.steps])),
        "drawn": _chunks(_rows([step.drawn for step in record.steps])),
        "chosen": _chosen(act, lesson),
        "scorings": [list(map(_stacked, group)) for group in _columns(watch.scorings)],
        "watch": _figures(watch),
    }


def _rows(found: Sequence[Floats | None]) -> Floats:
    """Return what is known of each step, `[T, D]`; NaN where nothing is, or another size."""
    size = max((len(row) for row in found if row is not None), default=0)
    unknown = np.full(size, np.nan)
    rows = [row if row is not None and len(row) == size else unknown for row in found]
    stacked: Floats = np.array(rows, np.float64).reshape(len(found), size)
    return stacked


def _chunks(rows: AnyArray) -> list[AnyArray]:
    return [rows[begin : begin + CHUNK] for begin in range(0, len(rows), CHUNK)]


def _chosen(act: Any, lesson: Lesson) -> Floats:
    """Return what the trained agent does on every observation, `[O, 8]`; empty if not known."""
    if not callable(act):
        return np.zeros((0, DRAWS))
    views = np.eye(len(lesson.order), dtype=np.float32)[:, list(lesson.order)]
    with torch.no_grad():
        chosen = [[float(np.asarray(act(o)).reshape(-1)[0]) for _ in range(DRAWS)] for o in views]
    return np.array(chosen)


def _columns(scorings: Sequence[Scoring]) -> list[list[list[AnyArray]]]:
    """Return scorings in groups of equal sizes: lists of heads, parameters, values and weights.

    A loop that scores each step by itself has thousands of them, all of the same size.
    """
    groups = []
    parts = [(_head(scoring), *_arrays(scoring)) for scoring in scorings]
    for _, same in itertools.groupby(parts, key=_shapes):
        rows = list(same)
        count = max(1, CHUNK // sum(np.size(one) for one in rows[0]))
        for begin in range(0, len(rows), count):
            columns = zip(*rows[begin : begin + count], strict=True)
            groups.append([list(column) for column in columns])
    return groups


def _shapes(arrays: Sequence[AnyArray]) -> list[tuple[int, ...]]:
    return [np.shape(one) for one in arrays]


def _stacked(column: Sequence[AnyArray]) -> AnyArray:
    return np.array(column)


def _head(s: Scoring) -> Ints:
    return np.array([s.optimizer_steps, s.is_table, s.weights is not None, s.at, s.gradients_left])


def _arrays(s: Scoring) -> tuple[Floats, Floats, Floats]:
    """Return parameters, values and weights; the weights of a table are not needed."""
    known = s.weights if s.weights is not None and not s.is_table else np.zeros(1)
    return s.params, np.asarray(s.values, np.float64), np.asarray(known, np.float64)


def _figures(watch: Watch) -> Floats:
    """Return what else was seen: steps, whether there was a gradient, the entropy, the rates."""
    entropy = float(np.sum(watch.entropy_weights))
    return np.array([watch.optimizer_steps, watch.had_gradient, entropy, *watch.rates], np.float64)
