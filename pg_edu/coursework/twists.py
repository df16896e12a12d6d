"""Twists: changes of what an exercise asks for.

A variant of an exercise asks for something else than the public page: a cost in place of a reward,
another order, a sum in place of a mean. So the public solution does not solve it.

A `Twist` changes an exercise that asks for a function, `NewNumbers` one that asks for a value.
Either makes an `Exercise` out of that of the page; the right answer, the cases and the
misconceptions change with it.
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any

import numpy as np

from pg_edu.course.cards import exercise as card
from pg_edu.course.comparing import ROUNDING, same
from pg_edu.course.outcomes import Outcome, expected_outcomes
from pg_edu.course.records import Case, Exercise, Expectation, Misconception, ordinary_cases

Function = Callable[..., Any]

PUBLIC = "That is the answer to the exercise of the public page. Your version asks for another one."
APART = "Apart from the change in your version:"
SIGNS = r"\b(?:sign|minus|plus|negative|add|subtract)"
SUMS = r"\b(?:sum|summed|mean|divide)"
ORDER = r"\b(?:order|first|comes? last|swapped)"
NOTHING = r"(?!)"  # a pattern that nothing matches


def unchanged(*case: Any) -> Case:
    """Return the arguments as they are."""
    return case


@dataclass(frozen=True, eq=False)  # A twist is equal only to itself.
class Twist:
    """A change of what an exercise asks for, if it asks for a function.

    Args:
        name: the change in two or three words.
        sentence: the change as the student reads it, below the task.
        turn: takes a function that answers the exercise of the page, and returns the function that
            is asked for now. A wrong function becomes one with the same mistake.
        solution: the body of a solution. In it, `{page}` is a call of the page's solution.
        cases: turns the arguments of the page's exercise into those that are given now.
        renamed: parameters that have another name now.
        unfit: a pattern of diagnoses that would mislead now; None: all of them.
    """

    name: str
    sentence: str
    turn: Callable[[Function], Function]
    solution: str
    cases: Callable[..., Case] = unchanged
    renamed: Mapping[str, str] = field(default_factory=dict)
    unfit: str | None = NOTHING

    def record(self, page: Exercise) -> Exercise:
        """Return the exercise that is asked for now, made from that of the page."""
        draw = page.random
        turned = replace(
            page,
            key=self._turned(page.key),
            misconceptions=(),
            cases=[self.cases(*case) for case in page.cases],
            random=draw and (lambda rng: self.cases(*draw(rng))),
            extremes=[
                replace(e, case=self.cases(*e.case), diagnosis=f"{APART} {e.diagnosis}")
                for e in page.extremes
            ],
        )
        expectations = [self._expectation(e, turned.key) for e in page.expectations]
        wrong = [_public_answer(page), *self._misconceptions(page, turned)]
        return replace(turned, expectations=expectations, misconceptions=wrong)

    def _turned(self, function: Function) -> Function:
        turned = wraps(function)(self.turn(function))
        signature = inspect.signature(function)
        named = [
            p.replace(name=self.renamed.get(name, name)) for name, p in signature.parameters.items()
        ]
        turned.__signature__ = signature.replace(parameters=named)  # type: ignore[attr-defined]
        return turned

    def _expectation(self, page: Expectation, key: Function) -> Expectation:
        """Return what the turned key is expected to give, over the outcomes of the page."""
        cases = [self.cases(*case) for case in page.cases]
        results = [np.asarray(key(*case)) for case in cases]
        mean = np.tensordot(np.asarray(page.weights), np.array(results), axes=1)
        return Expectation(cases, page.weights, mean)

    def _misconceptions(self, page: Exercise, turned: Exercise) -> list[Misconception]:
        """Return the misconceptions of the page with the change, if they are still wrong.

        Two that the change has made one are left out, since only one of them may be meant.
        """
        if self.unfit is None:
            return []
        known = [m for m in page.misconceptions if not re.search(self.unfit, m.diagnosis)]
        wrong = [self._turned(misconception.answer) for misconception in known]
        right = [_results(turned, turned.key), _results(turned, page.key)]
        found = [_results(turned, answer) for answer in wrong]
        kept = []
        for number, misconception in enumerate(known):
            others = right + found[:number] + found[number + 1 :]
            if found[number] and not any(_agree(turned, found[number], o) for o in others):
                text = f"{APART} {misconception.diagnosis}"
                kept.append(Misconception(text, wrong[number], misconception.page))
        return kept


@dataclass(frozen=True, eq=False)
class NewNumbers:
    """Other numbers for an exercise that asks for a value.

    Args:
        name: the change in two or three words.
        replaced: passages of the page and what stands there now; in the task and in the hints.
        key: the right answer.
        solution: the right answer as code.
        misconceptions: wrong answers, as in an `Exercise`.
    """

    name: str
    replaced: Sequence[tuple[str, str]]
    key: Any
    solution: str
    misconceptions: Sequence[Misconception] = ()

    def record(self, page: Exercise) -> Exercise:
        """Return the exercise that is asked for now, made from that of the page."""
        public = replace(_public_answer(page), answer=page.key)
        return replace(page, key=self.key, misconceptions=[*self.misconceptions, public])


def _public_answer(page: Exercise) -> Misconception:
    shown = card(page.number)
    number = shown.notebook.split("_")[0]
    return Misconception(PUBLIC, page.key, f"{number} Exercise {page.number} · {shown.title}")


def _results(exercise: Exercise, function: Function) -> list[Outcome]:
    """Return the outcomes of a function in the ordinary cases; none if it cannot handle one."""
    try:
        return expected_outcomes(function, ordinary_cases(exercise, seed=0), exercise.observe)
    except Exception:  # A wrong answer may index too far, or divide by zero.
        return []


def _agree(exercise: Exercise, first: list[Outcome], second: list[Outcome]) -> bool:
    """Return whether two functions have the same outcomes."""
    if len(first) != len(second):
        return False
    pairs = [
        (one.observed[name], value)
        for one, other in zip(first, second, strict=True)
        for name, value in other.observed.items()
    ]
    return all(same(found, value, exercise.tolerance, ROUNDING) for found, value in pairs)


# Changes that make sense in many exercises


def changed_result(
    name: str, sentence: str, change: Function, code: str, unfit: str = NOTHING
) -> Twist:
    """Return a twist that changes the result.

    Args:
        name: as in `Twist`.
        sentence: as in `Twist`.
        change: from the result of the page to the one that is asked for.
        code: the same as code, with `{page}` for the result of the page.
        unfit: as in `Twist`.
    """

    def turn(page: Function) -> Function:
        return lambda *case: change(page(*case))

    return Twist(name, sentence, turn, f"return {code}", unfit=unfit)


def changed_arguments(
    name: str,
    sentence: str,
    back: Callable[..., Case],
    code: str,
    cases: Callable[..., Case] = unchanged,
    renamed: Mapping[str, str] | None = None,
    after: Function = lambda result: result,
    result: str = "{page}",
) -> Twist:
    """Return a twist that changes what the arguments mean, and perhaps the result.

    Args:
        name: as in `Twist`.
        sentence: as in `Twist`.
        back: from the arguments that are given now to those of the page.
        code: the same as lines of code, which assign to the parameters of the page.
        cases: as in `Twist`.
        renamed: as in `Twist`.
        after: from the result of the page to the one that is asked for.
        result: the same as code, with `{page}` for the result of the page.
    """

    def turn(page: Function) -> Function:
        return lambda *case: after(page(*back(*case)))

    return Twist(name, sentence, turn, f"{code}\nreturn {result}", cases, renamed or {})


def another_function(name: str, sentence: str, key: Function, solution: str) -> Twist:
    """Return a twist whose answer is not made from that of the page.

    The misconceptions of the page do not apply to it.

    Args:
        name: as in `Twist`.
        sentence: as in `Twist`.
        key: the function that is asked for.
        solution: the body of a solution.
    """
    return Twist(name, sentence, lambda page: key, solution, unfit=None)


def negated(name: str, sentence: str) -> Twist:
    """Return a twist that asks for minus the result."""
    return changed_result(name, sentence, lambda result: -result, "-{page}", SIGNS)
