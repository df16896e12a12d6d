"""Exercises of 07_training."""

import numpy as np

from pg_edu.course import Exercise
from pg_edu.types import Flags, Floats, Ints


def _steps(done: Flags) -> Flags:
    steps = np.ones_like(done)
    steps[1:] = ~done[:-1]
    return steps


def _steps_without_what_comes_before_an_end(done: Flags) -> Flags:
    steps = np.ones_like(done)
    steps[:-1] = ~done[1:]
    return steps


def _fair(lengths: Ints, n: int) -> float:
    rows = len(lengths)
    return float(np.mean([lengths[k % rows, k // rows] for k in range(n)]))


def _first_to_end(lengths: Ints, n: int) -> float:
    order = np.argsort(lengths.cumsum(axis=1), axis=None, kind="stable")
    return float(lengths.ravel()[order[:n]].mean())


def _returns(rew: Floats, done: Flags, leave: float = 0.0) -> list[float]:
    """`leave`: the part of its points that an environment takes on into its next game."""
    running, finished = np.zeros(rew.shape[1]), list[float]()
    for t in range(len(rew)):
        running += rew[t]
        finished += running[done[t]].tolist()
        running[done[t]] *= leave
    return finished


def _returns_that_begin_together(rew: Floats, done: Flags) -> list[float]:
    running, finished = np.zeros(rew.shape[1]), list[float]()
    for t in range(len(rew)):
        running += rew[t]
        finished += running[done[t]].tolist()
        running = np.zeros_like(running) if done[t].any() else running
    return finished


def _returns_without_the_last_reward(rew: Floats, done: Flags) -> list[float]:
    running, finished = np.zeros(rew.shape[1]), list[float]()
    for t in range(len(rew)):
        finished += running[done[t]].tolist()
        running = np.where(done[t], 0.0, running + rew[t])
    return finished


def _returns_environment_by_environment(rew: Floats, done: Flags) -> list[float]:
    columns = range(rew.shape[1])
    return [G for n in columns for G in _returns(rew[:, [n]], done[:, [n]])]


def _flags(*rows: str) -> Flags:
    """One string a step, "x" where an environment's game ends."""
    return np.array([[letter == "x" for letter in row] for row in rows])


EXERCISES = [
    Exercise(
        "07.1",
        hint="after the step that ends a game, the next one in that environment is ignored.",
        key=_steps,
        cases=[
            (_flags("..", "x.", ".x", "..", "x."),),
            (_flags("...", "x.x", "...", "x.."),),
        ],
        mistakes={
            "The step that ends a game is one of its steps; the one after it is not.": (
                lambda done: ~done
            ),
            "You dropped the step before the end. It is the one after the end that is ignored.": (
                _steps_without_what_comes_before_an_end
            ),
            "np.roll is a circle: an end in the last row has taken away the first.": (
                lambda done: ~np.roll(done, 1, axis=0)
            ),
            "Every row was kept, and with it those in which nobody acted.": np.ones_like,
            "Those are the ignored rows. The others were asked for.": lambda done: ~_steps(done),
            "The ignored rows are gone, and the last step of each game with them.": (
                lambda done: _steps(done) & ~done
            ),
        },
    ),
    Exercise(
        "07.2",
        hint="both short: 1. Both long: 3. One of each: the first is over at step 1, and what its "
        "environment plays next may be over before step 3, or not.",
        key=7 / 4,
        mistakes={
            "That is the mean over all games. These two won a race.": 2,
            "If one of each begins, the second to end is not always a short one.": 1.5,
            "That is the sum of the two lengths; their mean was asked for.": 3.5,
            "Long games count too, when both environments begin with one.": 1,
        },
    ),
    Exercise(
        "07.3",
        hint="game k is played by environment k % N, and it is that one's (k // N)-th.",
        key=_fair,
        cases=[
            (np.array([[10, 10, 90, 10], [100, 20, 10, 30], [30, 70, 10, 10]]), 3),
            (np.array([[10, 10, 90, 10], [100, 20, 10, 30], [30, 70, 10, 10]]), 5),
            (np.array([[7, 1, 5], [2, 2, 2]]), 5),
        ],
        mistakes={
            "Those are the first to end: the winners of a race.": _first_to_end,
            "Game k belongs to environment k % N; you let the first environments play alone.": (
                lambda lengths, n: float(lengths.ravel()[:n].mean())
            ),
            "Those are the shortest.": lambda lengths, n: float(
                np.sort(lengths, axis=None)[:n].mean()
            ),
            "That is the total length; divide by the number of games.": (
                lambda lengths, n: n * _fair(lengths, n)
            ),
            "Those are the first games of all environments, whatever n is.": (
                lambda lengths, n: float(lengths[:, 0].mean())
            ),
            "Those are all games that were played, whatever n is.": (
                lambda lengths, n: float(lengths.mean())
            ),
            "That many are too many: where n is no multiple of N, some play one game less.": (
                lambda lengths, n: float(lengths[:, : -(-n // len(lengths))].mean())
            ),
        },
    ),
    Exercise(
        "07.4",
        hint="only the environments whose game is over may begin at 0 again.",
        key=_returns,
        cases=[
            (np.array([[1.0, 10], [2, 20], [3, 30], [4, 40]]), _flags("..", "x.", ".x", "x.")),
            (np.ones((5, 3)), _flags("...", "x.x", ".x.", "...", "x..")),
        ],
        mistakes={
            "That is the suspect as it was: one end takes away everybody's points.": (
                _returns_that_begin_together
            ),
            "A game begins with no points: what was won in the one before is still in.": (
                lambda rew, done: _returns(rew, done, leave=1.0)
            ),
            "The last step of a game is paid, too.": _returns_without_the_last_reward,
            "Right numbers, wrong order: they are to come as the games end.": (
                _returns_environment_by_environment
            ),
            "Those are the rewards of the last steps; the steps before were paid, too.": (
                lambda rew, done: rew[done].tolist()
            ),
            "Games that are not over have no return yet.": (
                lambda rew, done: _returns(rew, np.vstack([done[:-1], np.ones_like(done[-1:])]))
            ),
        },
    ),
]
