"""From an answer to its verdict: call it, compare it, and say what went wrong.

The answer itself may be in another process. All that is asked of it are the four questions of
`Respondent`, which are answered with plain arrays; `Here` answers them in this process.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from pg_edu.course.comparing import ROUNDING, same, same_value
from pg_edu.course.diagnoses import diagnosis, diagnosis_of_a_value
from pg_edu.course.outcomes import (
    SECONDS,
    Budget,
    Observe,
    Outcome,
    expected_outcomes,
    outcomes,
    the_result,
    undisturbed,
)
from pg_edu.course.plain import Unreadable, plain
from pg_edu.course.records import Case, Exercise, Expectation, cases
from pg_edu.course.showing import arguments, difference, parameters, short
from pg_edu.course.verdicts import CORRECT, NOT_ATTEMPTED, WRONG, Verdict


class Respondent(Protocol):
    """An answer, wherever it is: what `judge_respondent` asks of it."""

    def is_missing(self) -> bool:
        """Return whether there is no answer yet."""

    def is_function(self) -> bool:
        """Return whether the answer can be called."""

    def read(self) -> Outcome:
        """Return the answer itself as an outcome."""

    def call(
        self, cases: Sequence[Case], observe: Observe = the_result, budget: Budget | None = None
    ) -> list[Outcome]:
        """Return the outcomes of calls, as `pg_edu.course.outcomes.outcomes` does."""


@dataclass(frozen=True)
class Here:
    """An answer in this process.

    Args:
        answer: the reader's function or value.
    """

    answer: Any

    def is_missing(self) -> bool:
        """Return whether there is no answer yet."""
        return self.answer is None or self.answer is Ellipsis

    def is_function(self) -> bool:
        """Return whether the answer can be called."""
        return callable(self.answer)

    def read(self) -> Outcome:
        """Return the answer as an outcome; reading it is limited, since it may be of any class."""
        return outcomes(lambda: self.answer, [()])[0]

    def call(
        self, cases: Sequence[Case], observe: Observe = the_result, budget: Budget | None = None
    ) -> list[Outcome]:
        """Return the outcomes of calls with these cases."""
        return outcomes(self.answer, cases, observe, budget)


def judge(exercise: Exercise, answer: Any, seed: int = 0) -> Verdict:
    """Return the verdict on an answer.

    Args:
        exercise: the record of the exercise.
        answer: the reader's function or value; None or `...` if there is none yet.
        seed: decides the random cases.
    """
    return judge_respondent(exercise, Here(answer), seed)


def judge_respondent(
    exercise: Exercise, respondent: Respondent, seed: int = 0, seconds: float = SECONDS
) -> Verdict:
    """Return the verdict on an answer that may be in another process.

    Args:
        exercise: the record of the exercise.
        respondent: what is asked for the outcomes of the answer.
        seed: decides the random cases.
        seconds: the time for all calls of the answer.
    """
    if respondent.is_missing():
        return _verdict(exercise, NOT_ATTEMPTED)
    with undisturbed():  # The reader may have turned warnings into errors, for example.
        if not exercise.asks_for_a_function:
            return _judge_value(exercise, respondent)
        if not respondent.is_function():
            return _verdict(exercise, WRONG, _not_a_function(exercise, respondent))
        return _judge_function(exercise, respondent, seed, Budget(seconds))


def _verdict(exercise: Exercise, status: str, found: str = "", diagnosis: str = "") -> Verdict:
    return Verdict(exercise.number, status, exercise.points, _printable(found), diagnosis)


def _printable(text: str) -> str:
    """Return a text with escapes in place of control characters and of what has no encoding."""
    escaped = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return "".join(escaped)


def _judge_value(exercise: Exercise, respondent: Respondent) -> Verdict:
    """Return the verdict on a predicted value, without showing the expected one."""
    if respondent.is_function():
        return _verdict(exercise, WRONG, "asks for a value, not for a function.")
    outcome = respondent.read()
    if outcome.problem:
        return _verdict(exercise, WRONG, outcome.problem)
    found = outcome.observed[""]
    if isinstance(found, Unreadable):
        asked = f"asks for a number, not for {found.what}. {found.advice}".rstrip()
        return _verdict(exercise, WRONG, asked)
    if same_value(found, plain(exercise.key), exercise.decimals):
        return _verdict(exercise, CORRECT)
    shown = f"{short(found)} is not the answer."
    return _verdict(exercise, WRONG, shown, diagnosis_of_a_value(exercise, found))


def _not_a_function(exercise: Exercise, respondent: Respondent) -> str:
    """Return what to say about an answer that cannot be called."""
    wanted = ", ".join(parameters(exercise.key))
    given = respondent.read().observed.get("", Unreadable("an object that cannot be read"))
    what = given.what if isinstance(given, Unreadable) else short(given)
    return f"asks for a function of ({wanted}), not for {what}. Pass your function by its name."


def _judge_function(
    exercise: Exercise, respondent: Respondent, seed: int, budget: Budget
) -> Verdict:
    tried = cases(exercise, seed)
    # What the key imports is imported now, and does not count against the time of the answer.
    expected_outcomes(exercise.key, tried[:1], exercise.observe)
    found = respondent.call(tried, exercise.observe, budget)
    if not found[0].attempted:
        return _verdict(exercise, NOT_ATTEMPTED)
    expected = expected_outcomes(exercise.key, tried, exercise.observe)
    failed = _first_failure(exercise, found, expected)
    if failed is None:
        return _verdict(exercise, CORRECT)
    if not any(outcome.problem for outcome in found) and _is_unbiased(exercise, respondent, budget):
        return _verdict(exercise, CORRECT, "(another unbiased estimate than ours)")
    given = f"for ({arguments(exercise.key, tried[failed])}): "
    if found[failed].problem:
        return _verdict(exercise, WRONG, given + found[failed].problem)
    shown = _difference(exercise, found[failed], expected[failed])
    named = diagnosis(exercise, seed, found, expected, failed)
    if not named and _is_random(exercise, respondent, tried[failed], budget):
        named = "Called twice with the same arguments, your function gives two results."
    return _verdict(exercise, WRONG, given + shown, named)


def _is_random(exercise: Exercise, respondent: Respondent, case: Case, budget: Budget) -> bool:
    """Return whether an answer gives different results for the same arguments."""
    found = respondent.call([case, case], exercise.observe, budget)
    if any(outcome.problem or not outcome.attempted for outcome in found):
        return False
    return bool(_differing(exercise, found[0], found[1]))


def _first_failure(exercise: Exercise, found: list[Outcome], expected: list[Outcome]) -> int | None:
    """Return the first case in which an answer does not give what the key gives, or None."""
    for number, outcome in enumerate(found):
        if outcome.problem or not outcome.attempted:
            return number
        if _differing(exercise, outcome, expected[number]):
            return number
    return None


def _differing(exercise: Exercise, found: Outcome, expected: Outcome) -> list[str]:
    """Return the names of the observed things that are not as expected."""
    pairs = ((name, found.observed.get(name), right) for name, right in expected.observed.items())
    tolerance = exercise.tolerance
    return [name for name, one, right in pairs if not same(one, right, tolerance, ROUNDING)]


def _difference(exercise: Exercise, found: Outcome, expected: Outcome) -> str:
    name = _differing(exercise, found, expected)[0]
    return difference(name, found.observed[name], expected.observed[name], exercise.tolerance)


def _is_unbiased(exercise: Exercise, respondent: Respondent, budget: Budget) -> bool:
    """Return whether an answer has all expectations of an unbiased estimate."""
    if not exercise.expectations:
        return False
    expectations = exercise.expectations
    return all(_has_expectation(exercise, respondent, e, budget) for e in expectations)


def _has_expectation(
    exercise: Exercise, respondent: Respondent, expectation: Expectation, budget: Budget
) -> bool:
    found = respondent.call(expectation.cases, budget=budget)
    results = [outcome.observed.get("") for outcome in found]
    arrays = [np.float64(result) for result in results if isinstance(result, np.ndarray)]
    if len(arrays) < len(expectation.cases) or len({array.shape for array in arrays}) > 1:
        return False
    mean = np.tensordot(np.asarray(expectation.weights), np.array(arrays), axes=1)
    return same(mean, plain(expectation.value), exercise.tolerance, ROUNDING)
