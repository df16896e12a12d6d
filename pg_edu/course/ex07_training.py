"""The exercises of notebook 07, training: answers, cases, and known mistakes."""

import numpy as np

from pg_edu.course.records import Exercise, Misconception
from pg_edu.types import Flags, Floats, Ints


def _steps(done: Flags) -> Flags:
    steps = np.ones_like(done)
    steps[1:] = ~done[:-1]
    return steps


def _steps_without_the_one_before_an_end(done: Flags) -> Flags:
    steps = np.ones_like(done)
    steps[:-1] = ~done[1:]
    return steps


def _fair(lengths: Ints, n: int) -> float:
    rows = len(lengths)
    return float(np.mean([lengths[k % rows, k // rows] for k in range(n)]))


def _first_to_end(lengths: Ints, n: int) -> float:
    order = np.argsort(lengths.cumsum(axis=1), axis=None, kind="stable")
    return float(lengths.ravel()[order[:n]].mean())


def _returns(rew: Floats, done: Flags, kept: float = 0.0) -> list[float]:
    """Return the sum of rewards of each episode, in the order in which they end.

    `kept` is the fraction of a finished sum that wrongly carries over to the next episode.
    """
    running = np.zeros(rew.shape[1])
    finished: list[float] = []
    for t in range(len(rew)):
        running += rew[t]
        finished += running[done[t]].tolist()
        running[done[t]] *= kept
    return finished


def _returns_that_begin_together(rew: Floats, done: Flags) -> list[float]:
    running = np.zeros(rew.shape[1])
    finished: list[float] = []
    for t in range(len(rew)):
        running += rew[t]
        finished += running[done[t]].tolist()
        running = np.zeros_like(running) if done[t].any() else running
    return finished


def _without_the_last_reward(rew: Floats, done: Flags) -> list[float]:
    running = np.zeros(rew.shape[1])
    finished: list[float] = []
    for t in range(len(rew)):
        finished += running[done[t]].tolist()
        running = np.where(done[t], 0.0, running + rew[t])
    return finished


def _returns_environment_by_environment(rew: Floats, done: Flags) -> list[float]:
    columns = range(rew.shape[1])
    return [G for n in columns for G in _returns(rew[:, [n]], done[:, [n]])]


def _flags(*rows: str) -> Flags:
    """Return the flags of some steps, one string per step, "x" where an episode ends."""
    return np.array([[letter == "x" for letter in row] for row in rows])


EXERCISES = [
    Exercise(
        "07.1",
        key=_steps,
        points=1,
        cases=[
            (_flags("..", "x.", ".x", "..", "x."),),
            (_flags("...", "x.x", "...", "x.."),),
        ],
        misconceptions=[
            Misconception(
                ("The step that ends an episode is one of its steps; the one after it is not."),
                lambda done: ~done,
                "07 Exercises",
            ),
            Misconception(
                (
                    "You dropped the step before the end. The step after the end is the one that is "
                    "ignored."
                ),
                _steps_without_the_one_before_an_end,
                "07 Exercises",
            ),
            Misconception(
                ("np.roll is circular: an end in the last row removes the first row."),
                lambda done: ~np.roll(done, 1, axis=0),
                "07 Exercises",
            ),
            Misconception(
                ("Every row was kept, including those in which the action was ignored."),
                np.ones_like,
                "07 Exercises",
            ),
            Misconception(
                ("Those are the ignored rows. The exercise asks for the others."),
                lambda done: ~_steps(done),
                "07 Exercises",
            ),
            Misconception(
                ("The ignored rows are gone, but so is the last step of each episode."),
                lambda done: _steps(done) & ~done,
                "07 Exercises",
            ),
        ],
    ),
    Exercise(
        "07.2",
        key=7 / 4,
        points=1,
        misconceptions=[
            Misconception(
                ("That is the mean over all episodes, but these two were the first to end."),
                2,
                "07 Exercises",
            ),
            Misconception(
                ("If one of each begins, the second to end is not always a short one."),
                1.5,
                "07 Exercises",
            ),
            Misconception(
                ("That is the sum of the two lengths, but the question is about their mean."),
                3.5,
                "07 Exercises",
            ),
            Misconception(
                ("Long episodes count, too, if both environments begin with one."),
                1,
                "07 Exercises",
            ),
        ],
    ),
    Exercise(
        "07.3",
        key=_fair,
        points=2,
        cases=[
            (np.array([[10, 10, 90, 10], [100, 20, 10, 30], [30, 70, 10, 10]]), 3),
            (np.array([[10, 10, 90, 10], [100, 20, 10, 30], [30, 70, 10, 10]]), 5),
            (np.array([[7, 1, 5], [2, 2, 2]]), 5),
        ],
        misconceptions=[
            Misconception(
                ("Those are the first to end: the winners of a race."),
                _first_to_end,
                "07 Exercises",
            ),
            Misconception(
                (
                    "Episode k belongs to environment k % N; you took all episodes of the first "
                    "environments."
                ),
                lambda lengths, n: float(lengths.ravel()[:n].mean()),
                "07 Exercises",
            ),
            Misconception(
                ("Those are the shortest episodes."),
                lambda lengths, n: float(np.sort(lengths, axis=None)[:n].mean()),
                "07 Exercises",
            ),
            Misconception(
                ("That is the total length; divide by the number of episodes."),
                lambda lengths, n: n * _fair(lengths, n),
                "07 Exercises",
            ),
            Misconception(
                ("Those are the first episodes of all environments, whatever n is."),
                lambda lengths, n: float(lengths[:, 0].mean()),
                "07 Exercises",
            ),
            Misconception(
                ("Those are all episodes, whatever n is."),
                lambda lengths, n: float(lengths.mean()),
                "07 Exercises",
            ),
            Misconception(
                (
                    "Those are too many: if n is not a multiple of N, some environments give one "
                    "episode fewer."
                ),
                lambda lengths, n: float(lengths[:, : -(-n // len(lengths))].mean()),
                "07 Exercises",
            ),
        ],
    ),
    Exercise(
        "07.4",
        key=_returns,
        points=2,
        cases=[
            (np.array([[1.0, 10], [2, 20], [3, 30], [4, 40]]), _flags("..", "x.", ".x", "x.")),
            (np.ones((5, 3)), _flags("...", "x.x", ".x.", "...", "x..")),
        ],
        misconceptions=[
            Misconception(
                ("That is the suspect, unchanged: one end resets the sums of all environments."),
                _returns_that_begin_together,
                "07 Exercises",
            ),
            Misconception(
                (
                    "An episode begins with a sum of 0, but the rewards of the one before are still "
                    "in it."
                ),
                lambda rew, done: _returns(rew, done, kept=1.0),
                "07 Exercises",
            ),
            Misconception(
                ("The reward of the last step belongs to the episode, too."),
                _without_the_last_reward,
                "07 Exercises",
            ),
            Misconception(
                (
                    "The numbers are right, but the order is wrong: they must come in the order in "
                    "which episodes end."
                ),
                _returns_environment_by_environment,
                "07 Exercises",
            ),
            Misconception(
                ("Those are the rewards of the last steps only; earlier steps were rewarded, too."),
                lambda rew, done: rew[done].tolist(),
                "07 Exercises",
            ),
            Misconception(
                ("Episodes that are not over have no return yet."),
                lambda rew, done: _returns(rew, np.vstack([done[:-1], np.ones_like(done[-1:])])),
                "07 Exercises",
            ),
        ],
    ),
]
