"""The half of an exercise that the package holds: its key, its cases, and known mistakes.

The other half is in the page: the task, the stub, hints and a solution (`notebooks/src`). The
number of the exercise joins the two. A reader need not look in here, and sees the answer to every
exercise if they do; marking is the job of another program, which runs away from the reader.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import product
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import numpy as np
import torch

from pg_edu.course.outcomes import Observe, the_result

Case = tuple[Any, ...]
RANDOM_CASES = 6


@dataclass(frozen=True)
class Misconception:
    """A wrong answer that readers give, and what to tell them.

    Args:
        diagnosis: what is wrong, in one or two sentences that are true of every answer with the
            same results.
        answer: a wrong answer, a function or a value.
        page: the heading that explains it, after the number of its notebook: "02 Backwards".
    """

    diagnosis: str
    answer: Any
    page: str


@dataclass(frozen=True)
class Extreme:
    """A long or extreme input, where numbers are the point: right elsewhere is not enough.

    Args:
        case: the arguments.
        diagnosis: what to tell a reader whose answer is right except here.
        page: the heading that explains it, as in `Misconception`.
    """

    case: Case
    diagnosis: str
    page: str


@dataclass(frozen=True)
class Expectation:
    """An expectation of the answer, exact: a weighted sum of its results over all outcomes.

    An exercise that asks for an unbiased estimate is solved by every answer with these
    expectations, whether or not its results are those of the key.

    Args:
        cases: the arguments for each outcome.
        weights: the probability of each outcome, `[len(cases)]`; they sum to 1.
        value: the exact expectation that an unbiased answer has.
    """

    cases: Sequence[Case]
    weights: Sequence[float]
    value: Any


@dataclass(frozen=True, eq=False)  # An exercise is equal only to itself.
class Exercise:
    """An exercise, whose answer is a function or a value that the reader predicts.

    Args:
        number: "02.1" is the first exercise of notebook 02.
        key: the right answer, a function or a value.
        misconceptions: wrong answers with their diagnoses.
        points: 1 for an easy exercise, 2 for a medium one, 3 for a hard one.
        cases: argument tuples with which an answer is called; none if the answer is a value. A
            failing case is printed with the parameter names of the key.
        random: draws one more case from a generator; it is called several times.
        extremes: cases that come last, each with its own diagnosis.
        observe: what is compared, by name, from the arguments and the result.
        expectations: for an unbiased estimate, at least two that differ in everything.
        tolerance: the largest accepted error of a function, relative to the expected number.
        decimals: for a value: how many the task asks for. None if the value is exact.
    """

    number: str
    key: Any
    misconceptions: Sequence[Misconception]
    points: int = 1
    cases: Sequence[Case] = ()
    random: Callable[[np.random.Generator], Case] | None = None
    extremes: Sequence[Extreme] = ()
    observe: Observe = the_result
    expectations: Sequence[Expectation] = ()
    tolerance: float = 1e-5
    decimals: int | None = None

    @property
    def asks_for_a_function(self) -> bool:
        """Return whether the answer is a function."""
        return bool(self.cases)


def cases(exercise: Exercise, seed: int) -> list[Case]:
    """Return the cases of an exercise in their order: fixed, random, extreme.

    Args:
        exercise: the record of the exercise.
        seed: decides the random cases.
    """
    extremes = [extreme.case for extreme in exercise.extremes]
    return [*ordinary_cases(exercise, seed), *extremes]


def ordinary_cases(exercise: Exercise, seed: int) -> list[Case]:
    """Return the fixed and the random cases of an exercise."""
    rng = np.random.default_rng(seed)
    drawn = [exercise.random(rng) for _ in range(RANDOM_CASES)] if exercise.random else []
    return [*exercise.cases, *drawn]


def record(number: str) -> Exercise:
    """Return the record of the exercise with this number.

    Raises:
        ValueError: there is none; the message lists the numbers of all exercises.
    """
    # Import the records of one notebook alone. Those of 07 make optimizers, and for the first
    # optimizer of a process torch imports modules for more than a second.
    page = number[:2] if isinstance(number, str) else ""
    for exercise in _records_of(page):
        if exercise.number == number:
            return exercise
    numbers = ", ".join(known.number for known in records())
    raise ValueError(f"there is no exercise {number!r}; there are: {numbers}.")


@cache
def records() -> tuple[Exercise, ...]:
    """Return the records of all exercises, in the order of the notebooks."""
    found = [exercise for page in _modules() for exercise in _records_of(page)]
    return tuple(sorted(found, key=lambda exercise: exercise.number))


@cache
def _records_of(page: str) -> tuple[Exercise, ...]:
    """Return the records of the notebook with a number such as "02"; none if there is none."""
    if page not in _modules():
        return ()
    with torch.device("cpu"):  # The reader may have chosen another for new tensors.
        return tuple(import_module(f"pg_edu.course.{_modules()[page]}").EXERCISES)


@cache
def _modules() -> dict[str, str]:
    """Return the module of each notebook's exercises: its number -> its name."""
    names = [module.name for module in iter_modules([str(Path(__file__).parent)])]
    return {name[2:4]: name for name in names if re.match(r"ex\d\d_", name)}


def all_draws(outcomes: int, times: int) -> list[tuple[int, ...]]:
    """Return every sequence of `times` draws from `outcomes` possible ones."""
    return list(product(range(outcomes), repeat=times))
