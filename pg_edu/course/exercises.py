"""Checks of the exercises: one line that says whether an answer is right, and if not, why not.

A notebook ends an exercise with

    check("02.1", my_function)

which prints "not attempted" with a hint, or the first case that fails with a diagnosis, or
"correct". The exercises of each notebook are in a module of their own (`ex02_returns.py` for
02_returns): the cases, the right answer (the function of the package where there is one), and
common mistakes, each with its diagnosis. The tests run every check on its right answer and on all
its mistakes.
"""

import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from importlib import import_module
from inspect import signature
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import numpy as np

from pg_edu.types import Floats


@dataclass(frozen=True)
class Exercise:
    """An exercise, whose answer is a function or a value that the reader predicts.

    Args:
        name: its number; "02.1" is the first exercise of notebook 02.
        hint: what is printed before the first attempt.
        key: the right answer, a function or a value.
        cases: argument tuples with which the answer is called; none if the answer is a value. A
            failing case is printed with the parameter names of the key.
        mistakes: diagnosis -> a wrong answer to which it applies.
        tolerance: the largest accepted difference, relative to max(1, |expected|).
    """

    name: str
    hint: str
    key: Any
    cases: Sequence[tuple[Any, ...]] = ()
    mistakes: dict[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-6


def check(name: str, answer: Any) -> None:
    """Print one line that says whether an answer is right.

    Args:
        name: the name of the exercise, such as "02.1".
        answer: the reader's function, or the predicted value; None means not attempted.

    Raises:
        ValueError: there is no exercise with this name.

    Example:
        >>> def returns(rew, gamma):
        ...     raise NotImplementedError
        >>> check("02.1", returns)  # doctest: +ELLIPSIS
        ○ 02.1 not attempted yet. Hint: ...
    """
    print(verdict(exercise(name), answer))


def exercise(name: str) -> Exercise:
    """Return the exercise with this name.

    Raises:
        ValueError: there is none; the message lists the names of all exercises.
    """
    found = {known.name: known for known in exercises()}
    if name not in found:
        raise ValueError(f"there is no exercise {name!r}; there are: {', '.join(found)}.")
    return found[name]


def exercises() -> list[Exercise]:
    """Return all exercises, in the order of the notebooks."""
    found: list[Exercise] = []
    for module in iter_modules([str(Path(__file__).parent)]):
        if re.match(r"ex\d\d_", module.name):
            found += import_module(f"pg_edu.course.{module.name}").EXERCISES
    return sorted(found, key=lambda exercise: exercise.name)


def verdict(exercise: Exercise, answer: Any) -> str:
    """Return the line that `check` prints."""
    if answer is None:
        return _not_attempted(exercise)
    if not exercise.cases:
        return _verdict_on_a_value(exercise, answer)

    for case in exercise.cases:
        failed = f"✗ {exercise.name} for ({_arguments(exercise, case)}): "
        try:
            found = _result(answer, case)
        except NotImplementedError:
            return _not_attempted(exercise)
        except Exception as error:
            return failed + f"{type(error).__name__}: {error}"

        expected = _result(exercise.key, case)
        if not _same(found, expected, exercise.tolerance):
            wrong = {text: _result(mistake, case) for text, mistake in exercise.mistakes.items()}
            diagnosis = _diagnosis(wrong, found, exercise.tolerance)
            return failed + f"expected {_short(expected)}, got {_short(found)}.{diagnosis}"
    return f"✓ {exercise.name} correct"


def _arguments(exercise: Exercise, case: tuple[Any, ...]) -> str:
    """Return the arguments of a case as text, with the parameter names of the key."""
    # The key may have more parameters than the case, all with defaults.
    named = zip(signature(exercise.key).parameters, case, strict=False)
    return ", ".join(f"{name}={_short(argument)}" for name, argument in named)


def _verdict_on_a_value(exercise: Exercise, answer: Any) -> str:
    """Return the line for a predicted value, without showing the expected one."""
    if _same(answer, exercise.key, exercise.tolerance):
        return f"✓ {exercise.name} correct"
    if isinstance(answer, str) and not isinstance(exercise.key, str):
        return f"✗ {exercise.name}: {answer!r} is a string, not a number."
    diagnosis = _diagnosis(exercise.mistakes, answer, exercise.tolerance)
    advice = diagnosis or f" {exercise.hint}"
    return f"✗ {exercise.name}: {_short(answer)} is not the answer.{advice}"


def _not_attempted(exercise: Exercise) -> str:
    return f"○ {exercise.name} not attempted yet. Hint: {exercise.hint}"


def _diagnosis(mistakes: dict[str, Any], found: Any, tolerance: float) -> str:
    """Return the diagnosis of the first mistake with the result that was found, or ""."""
    for text, wrong in mistakes.items():
        if _same(found, wrong, tolerance):
            return f" {text}"
    return ""


def _result(answer: Callable[..., Any], case: tuple[Any, ...]) -> Any:
    """Return the answer to a case, called with copies because an answer may change them."""
    return answer(*deepcopy(case))


def _same(found: Any, expected: Any, tolerance: float) -> bool:
    """Return whether two results are equal: numbers and shapes, or else objects or sequences."""
    if _is_numeric(expected):
        return _is_numeric(found) and _close(_array(found), _array(expected), tolerance)
    if not isinstance(expected, tuple | list):
        return bool(found == expected)
    if not isinstance(found, tuple | list) or len(found) != len(expected):
        return False
    return all(_same(f, e, tolerance) for f, e in zip(found, expected, strict=True))


def _close(found: Floats, expected: Floats, tolerance: float) -> bool:
    """Return whether two arrays have the same shape and nearly the same numbers."""
    if found.shape != expected.shape:
        return False
    near = np.abs(found - expected) <= tolerance * np.maximum(1.0, np.abs(expected))
    # A mistake can lead to NaN; an answer that makes it then has NaN in the same places.
    both_nan = np.isnan(found) & np.isnan(expected)
    return bool((near | both_nan).all())


def _is_numeric(value: Any) -> bool:
    """Return whether a value is a number or an array of numbers."""
    try:
        _array(value)
    except (TypeError, ValueError, RuntimeError):
        return False
    return not isinstance(value, str)


def _array(value: Any) -> Floats:
    """Return numbers, an array or a tensor as an array of float64."""
    return np.asarray(value.detach() if hasattr(value, "detach") else value, np.float64)


def _short(value: Any) -> str:
    """Return a value as text in one line: rounded numbers, or the shape of a large array."""
    if callable(value):
        return getattr(value, "__name__", "a function")
    if not _is_numeric(value):
        return repr(value)
    array = np.asarray(value.detach() if hasattr(value, "detach") else value)
    if array.size > 16:
        return f"array of shape {list(array.shape)}"
    if array.dtype.kind in "biu":
        return str(array.tolist())
    if array.size == 0:
        return "[]"
    round_number = np.vectorize(lambda number: float(f"{number:.4g}") + 0.0, otypes=[float])
    return str(round_number(array).tolist())
