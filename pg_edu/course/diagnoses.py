"""Diagnoses by behavior: which known mistake gives the results that an answer gave?

A mistake is named only if it gives the same results in every ordinary case, fixed and random. First
come the misconceptions of the exercise, then mistakes that can be made anywhere: a sign, a factor,
an axis, a shift. What they say is true of the results, whatever the reader's code looks like.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from pg_edu.course.common_mistakes import (
    Mistake,
    Results,
    changed,
    mistakes_by_a_factor,
    mistakes_in_an_argument,
    mistakes_in_the_result,
)
from pg_edu.course.comparing import ROUNDING, same, same_value
from pg_edu.course.outcomes import Outcome, expected_outcomes
from pg_edu.course.plain import plain
from pg_edu.course.records import Case, Exercise, ordinary_cases
from pg_edu.course.showing import parameters


def diagnosis(
    exercise: Exercise, seed: int, found: list[Outcome], expected: list[Outcome], first: int
) -> str:
    """Return what the mistake is, or "" if it is not known.

    Args:
        exercise: the record of the exercise.
        seed: decides the random cases.
        found: the outcomes of the answer.
        expected: those of the key.
        first: the first case that failed.
    """
    ordinary = len(expected) - len(exercise.extremes)
    if first >= ordinary:
        extreme = exercise.extremes[first - ordinary]
        return _with_page(extreme.diagnosis, extreme.page)
    results = [outcome.observed for outcome in found[:ordinary] if not outcome.problem]
    right = [outcome.observed for outcome in expected[: len(results)]]
    if _same_numbers(results, right, exercise.tolerance):
        return "The numbers are right, but the shape is not."
    for text, wrong in _known_mistakes(exercise, seed, right):
        if wrong is not None and _agree(results, wrong[: len(results)], exercise.tolerance):
            return text
    return ""


def diagnosis_of_a_value(exercise: Exercise, found: Any) -> str:
    """Return what the mistake in a plain value is, or "" if it is not known."""
    for misconception in exercise.misconceptions:
        if same_value(found, plain(misconception.answer), exercise.decimals):
            return _with_page(misconception.diagnosis, misconception.page)
    return _common_mistake_in_a_value(exercise, found)


def _common_mistake_in_a_value(exercise: Exercise, found: Any) -> str:
    """Return the name of a mistake that can be made with any value, or ""."""
    right = plain(exercise.key)
    if not isinstance(found, np.ndarray) or not isinstance(right, np.ndarray):
        return ""
    if same_value(np.negative(found, dtype=float), right, exercise.decimals):
        return "The sign is reversed."
    if same_value(np.asarray(found / 100.0), right, exercise.decimals):
        return "That looks like a percentage: do not multiply by 100."
    if found.ndim == right.ndim == 1 and same_value(
        np.sort(found), np.sort(right), exercise.decimals
    ):
        return "The numbers are right, but their order is not."
    wanted = exercise.decimals or 0
    if wanted > 1 and same_value(found, np.round(right, wanted - 1), None):
        return f"That is rounded too soon: give {wanted} decimals."
    return ""


def _with_page(text: str, page: str) -> str:
    """Return a diagnosis with the place that explains it: "02 Backwards" is a heading of 02."""
    notebook, heading = page.replace("$", "").replace("\\gamma", "γ").split(" ", maxsplit=1)
    return f"{text} (notebook {notebook}, “{heading}”)"


def _agree(found: Results, wrong: Results, tolerance: float) -> bool:
    """Return whether all results of an answer are those of a mistake.

    A mistake whose results are 0 in theory gives rounding errors, which never agree by themselves.
    """
    for one, other in zip(found, wrong, strict=True):
        for name, value in other.items():
            if not same(one.get(name), value, tolerance, ROUNDING):
                return False
    return True


def _same_numbers(found: Results, right: Results, tolerance: float) -> bool:
    """Return whether all results have the right numbers in another shape."""
    for one, other in zip(found, right, strict=True):
        for name, value in other.items():
            given = one.get(name)
            if not isinstance(given, np.ndarray) or not isinstance(value, np.ndarray):
                return False
            if not same(given.ravel(), value.ravel(), tolerance):
                return False
    return True


def _known_mistakes(exercise: Exercise, seed: int, right: Results) -> Iterator[Mistake]:
    """Yield diagnoses with the results of the mistake, the most specific mistakes first."""
    names = parameters(exercise.key)
    cases = ordinary_cases(exercise, seed)[: len(right)]
    yield from _misconceptions(exercise, seed)
    yield from mistakes_in_the_result(right)
    yield from mistakes_by_a_factor(names, cases, right)
    yield from _mistakes_in_an_argument(exercise, seed)
    for text, wrong in _misconceptions(exercise, seed):
        if wrong is not None:
            yield f"Two things. The sign is reversed. {text}", changed(wrong, np.negative)
            for factor, results in mistakes_by_a_factor(names, cases, wrong[: len(right)]):
                yield f"{_as_another_mistake(factor)} {text}", results


@lru_cache(maxsize=8)
def _misconceptions(exercise: Exercise, seed: int) -> list[Mistake]:
    """Return the misconceptions of an exercise with their results in all ordinary cases."""
    cases = ordinary_cases(exercise, seed)
    return [
        (_with_page(known.diagnosis, known.page), _results(exercise, known.answer, cases))
        for known in exercise.misconceptions
    ]


@lru_cache(maxsize=8)
def _mistakes_in_an_argument(exercise: Exercise, seed: int) -> list[Mistake]:
    """Return what the key gives for other arguments, in all ordinary cases."""

    def key(other: list[Case]) -> Results | None:
        return _results(exercise, exercise.key, other)

    cases = ordinary_cases(exercise, seed)
    return list(mistakes_in_an_argument(parameters(exercise.key), cases, key))


def _as_another_mistake(factor: str) -> str:
    """Return the words for a factor that comes on top of another mistake."""
    what = factor.replace(" times ", " multiplied by ", 1)
    minus = "This is minus the right result"
    if what.startswith(minus):
        return what.replace(minus, "Three things. The sign is reversed. The result is", 1)
    return what.replace("This is the right result", "Two things. The result is", 1)


def _results(exercise: Exercise, function: Callable[..., Any], cases: list[Case]) -> Results | None:
    """Return the results of a function, or None if it cannot handle one of the cases."""
    try:
        found = expected_outcomes(function, cases, exercise.observe)
    except Exception:  # A wrong answer may index too far, or divide by zero.
        return None
    return [outcome.observed for outcome in found]
