"""Checks of the exercises: one line that says what went wrong, or that nothing did.

A notebook ends an exercise with

    check("02.1", my_function)

and this prints "not attempted" with a hint, or the first case that fails with a diagnosis, or
"correct". The exercises of a notebook stand in the module of its topic (`check/returns.py` for
02_returns): the cases, the right answer (the package's own function, where there is one), and the
mistakes that people make, each with what to tell them. The tests put the right answer and every
mistake into every check.
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
from numpy.typing import NDArray


@dataclass(frozen=True)
class Exercise:
    """One exercise: what is asked for is a function, or a value that the reader predicts.

    Args:
        name: "02.1" is the first exercise of notebook 02.
        hint: what to say to somebody who has not begun.
        key: the right answer: the function itself, or the value.
        cases: argument tuples to call the answer with; none if the answer is a value. A failing
            case is printed with the names that the key has for its arguments.
        mistakes: what to say -> a wrong answer that deserves it.
        tolerance: the largest difference that counts as none, relative to max(1, |expected|).
    """

    name: str
    hint: str
    key: Any
    cases: Sequence[tuple[Any, ...]] = ()
    mistakes: dict[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-6


def check(name: str, answer: Any) -> None:
    """Print in one line how good an answer to exercise `name` is.

    Args:
        name: the exercise, e.g. "02.1".
        answer: the reader's function, or the predicted value (None: not attempted).

    Raises:
        ValueError: there is no such exercise.

    Example:
        >>> def returns(rew, gamma):
        ...     raise NotImplementedError
        >>> check("02.1", returns)  # doctest: +ELLIPSIS
        ○ 02.1 not attempted yet. Hint: ...
    """
    print(verdict(exercise(name), answer))


def exercise(name: str) -> Exercise:
    """The exercise of this name.

    Raises:
        ValueError: there is none; the message lists those that there are.
    """
    found = {known.name: known for known in exercises()}
    if name not in found:
        raise ValueError(f"there is no exercise {name!r}; there are: {', '.join(found)}.")
    return found[name]


def exercises() -> list[Exercise]:
    """All exercises, in the order of the notebooks."""
    folder = [str(Path(__file__).parent)]
    names = [found.name for found in iter_modules(folder) if re.match(r"ex\d\d_", found.name)]
    topics = [import_module(f"pg_edu.course.{name}") for name in names]
    found = [exercise for topic in topics for exercise in topic.EXERCISES]
    return sorted(found, key=lambda exercise: exercise.name)


def verdict(exercise: Exercise, answer: Any) -> str:
    """What `check` prints, one line."""
    if answer is None:
        return _not_attempted(exercise)
    if not exercise.cases:
        return _verdict_on_a_value(exercise, answer)
    for case in exercise.cases:
        expected = _result(exercise.key, case)
        named = zip(signature(exercise.key).parameters, case, strict=False)  # may have defaults
        given = ", ".join(f"{name}={_short(argument)}" for name, argument in named)
        line = f"✗ {exercise.name} for ({given}): "
        try:
            found = _result(answer, case)
        except NotImplementedError:
            return _not_attempted(exercise)
        except Exception as error:
            return line + f"{type(error).__name__}: {error}"
        if not _same(found, expected, exercise.tolerance):
            mistakes = {say: _result(wrong, case) for say, wrong in exercise.mistakes.items()}
            line += f"expected {_short(expected)}, got {_short(found)}."
            return line + _diagnosis(mistakes, found, exercise.tolerance)
    return f"✓ {exercise.name} correct"


def _verdict_on_a_value(exercise: Exercise, answer: Any) -> str:
    """The expected value is not shown: the reader is to find it."""
    if _same(answer, exercise.key, exercise.tolerance):
        return f"✓ {exercise.name} correct"
    if isinstance(answer, str) and not isinstance(exercise.key, str):
        return f"✗ {exercise.name}: {answer!r} is a text, not a number."
    diagnosis = _diagnosis(exercise.mistakes, answer, exercise.tolerance)
    return f"✗ {exercise.name}: {_short(answer)} is not it." + (diagnosis or f" {exercise.hint}")


def _not_attempted(exercise: Exercise) -> str:
    return f"○ {exercise.name} not attempted yet. Hint: {exercise.hint}"


def _diagnosis(mistakes: dict[str, Any], found: Any, tolerance: float) -> str:
    """What is to be said of the first mistake that leads to what was found."""
    return next((f" {s}" for s, wrong in mistakes.items() if _same(found, wrong, tolerance)), "")


def _result(answer: Callable[..., Any], case: tuple[Any, ...]) -> Any:
    """The answer to a case, on copies of its arguments: an answer may change them."""
    return answer(*deepcopy(case))


def _same(found: Any, expected: Any, tolerance: float) -> bool:
    """Equal in shape and in every number; of what is no number, equal."""
    if isinstance(expected, tuple | list) and not _is_numeric(expected):
        return (
            isinstance(found, tuple | list)
            and len(found) == len(expected)
            and all(_same(f, e, tolerance) for f, e in zip(found, expected, strict=True))
        )
    if not _is_numeric(expected):
        return bool(found == expected)
    if not _is_numeric(found):
        return False
    got, wanted = _array(found), _array(expected)
    return got.shape == wanted.shape and bool(
        (
            (np.abs(got - wanted) <= tolerance * np.maximum(1.0, np.abs(wanted)))
            | (np.isnan(got) & np.isnan(wanted))  # a mistake may lead to NaN
        ).all()
    )


def _is_numeric(value: Any) -> bool:
    try:
        _array(value)
    except (TypeError, ValueError, RuntimeError):
        return False
    return not isinstance(value, str)


def _array(value: Any) -> NDArray[np.float64]:
    return np.asarray(value.detach() if hasattr(value, "detach") else value, np.float64)


def _short(value: Any) -> str:
    """A value in one line, its numbers rounded; of a large array, its shape."""
    if callable(value):
        return getattr(value, "__name__", "a function")
    if not _is_numeric(value):
        return repr(value)
    array = np.asarray(value.detach() if hasattr(value, "detach") else value)
    if array.size > 16:
        return f"array of shape {list(array.shape)}"
    if array.dtype.kind in "biu":
        return str(array.tolist())
    rounded = np.vectorize(lambda number: float(f"{number:.4g}") + 0.0, otypes=[float])(array)
    return str(rounded.tolist()) if array.size else "[]"
