"""Mistakes that can be made in any exercise: their results, from the right ones.

A sign, a factor, an axis, a shift: these change the right result. A flag that is not used, or two
arguments that are swapped: these give the right result for other arguments. Each comes with a
sentence that is true of the results.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import torch

from pg_edu.course.plain import plain
from pg_edu.types import Floats

Results = list[dict[str, Any]]
Case = tuple[Any, ...]
Mistake = tuple[str, Results | None]
Key = Callable[[list[Case]], Results | None]


def changed(right: Results, change: Callable[[Floats], Floats]) -> Results | None:
    """Return results with each array changed, or None if one cannot be changed in this way."""
    return changed_case_by_case(right, [change] * len(right))


def changed_case_by_case(
    right: Results, changes: list[Callable[[Floats], Floats]]
) -> Results | None:
    """Return results with the arrays of each case changed in a way of its own."""
    try:
        with np.errstate(all="ignore"):
            return [
                {name: _apply(change, value) for name, value in one.items()}
                for one, change in zip(right, changes, strict=True)
            ]
    except (ValueError, IndexError, TypeError, AttributeError):
        return None


def _apply(change: Callable[[Floats], Floats], value: Any) -> Any:
    if isinstance(value, list):
        return [_apply(change, item) for item in value]
    return np.asarray(change(np.asarray(value, np.float64)))


# Mistakes in the result


def mistakes_in_the_result(right: Results) -> Iterator[Mistake]:
    """Yield mistakes that change every result in the same way."""
    for text, change in _CHANGES:
        yield text, changed(right, change)


def _moved(rows: int) -> Callable[[Floats], Floats]:
    """Return a change that moves the rows, towards the end if `rows` is positive, and adds 0."""

    def move(array: Floats) -> Floats:
        moved = np.roll(array, rows, axis=0)
        moved[slice(rows) if rows > 0 else slice(rows, None)] = 0.0
        return moved

    return move


def _of_several(change: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    """Return a change that does not apply to a single number."""

    def changed_array(array: Floats) -> Floats:
        if array.ndim == 0:
            raise ValueError("a single number is neither a part nor a mean of several")
        return change(array)

    return changed_array


def _transposed(array: Floats) -> Floats:
    return np.swapaxes(array, -1, -2)


_CHANGES: list[tuple[str, Callable[[Floats], Floats]]] = [
    ("The sign is reversed: this is minus the right result.", np.negative),
    ("This is twice the right result.", lambda array: 2.0 * array),
    ("This is half of the right result.", lambda array: array / 2.0),
    ("This is 1 minus the right result.", lambda array: 1.0 - array),
    ("This is 1 more than the right result, everywhere.", lambda array: array + 1.0),
    ("This is 1 less than the right result, everywhere.", lambda array: array - 1.0),
    ("Everything stands one row too late.", _moved(1)),
    ("Everything stands one row too early.", _moved(-1)),
    (
        "Everything is moved down by one row, and the last row is at the start: np.roll is "
        "circular.",
        lambda array: np.roll(array, 1, axis=0),
    ),
    (
        "Everything is moved up by one row, and the first row is at the end: np.roll is circular.",
        lambda array: np.roll(array, -1, axis=0),
    ),
    ("The numbers stand in reverse order.", lambda array: np.flip(array, axis=0)),
    ("Rows and columns are swapped: this is the transpose.", _transposed),
    ("The logarithm was taken once too often.", np.log),
    ("The logarithm is missing: this is the exponential of the right result.", np.exp),
    ("This is the square of the right result.", np.square),
    ("This is the square root of the right result.", np.sqrt),
    ("This is the absolute value of the right result: the sign is lost.", np.abs),
    ("The results were added up once more.", lambda array: np.cumsum(array, axis=0)),
    ("This is the sum of the right results.", np.sum),
    ("This is the mean of the right results.", np.mean),
    ("The results were summed over axis 0.", lambda array: array.sum(axis=0)),
    ("The results were averaged over axis 0.", lambda array: array.mean(axis=0)),
    ("The results were summed over axis 1.", lambda array: array.sum(axis=1)),
    ("The results were averaged over axis 1.", lambda array: array.mean(axis=1)),
    ("This is only the first of the right results.", lambda array: array[0]),
    ("This is only the last of the right results.", lambda array: array[-1]),
    (
        "Every row holds the right result of the first row.",
        lambda array: np.broadcast_to(array[0], array.shape),
    ),
    ("The result has one row too few: the first one is missing.", lambda array: array[1:]),
    ("The result has one row too few: the last one is missing.", lambda array: array[:-1]),
    ("The decimals are cut off: something along the way has an integer dtype.", np.trunc),
    ("The result was rounded to whole numbers.", np.round),
    ("The result was rounded to one decimal.", lambda array: np.round(array, 1)),
    ("The result was rounded to two decimals.", lambda array: np.round(array, 2)),
    ("The result was rounded to three decimals.", lambda array: np.round(array, 3)),
    ("Negative results were cut to 0.", lambda array: np.maximum(array, 0.0)),
    ("The largest result was subtracted.", _of_several(lambda array: array - array.max())),
    ("The mean of the results was subtracted.", _of_several(lambda array: array - array.mean())),
    ("The results were divided by their sum.", _of_several(lambda array: array / array.sum())),
    (
        "The results were divided by their standard deviation, after their mean was subtracted.",
        _of_several(lambda array: (array - array.mean()) / array.std()),
    ),
    (
        "The result is a table of all pairs: somewhere an array [B] met one of shape [B, 1].",
        lambda array: np.broadcast_to(array, (*array.shape, array.shape[0])),
    ),
]


# Factors that depend on the case


def mistakes_by_a_factor(names: list[str], cases: list[Case], right: Results) -> Iterator[Mistake]:
    """Yield results that are too large or too small by a number that can be read off the case."""
    seen: list[list[float]] = []
    for words, numbers in _numbers_of(names, cases):
        if numbers in seen:
            continue  # Several arguments have as many rows.
        seen.append(numbers)
        for text, factor in _FACTORS:
            with np.errstate(all="ignore"):
                factors = [factor(np.float64(number)) for number in numbers]
            if np.isfinite(factors).all() and len(set(factors)) > 1:
                yield text.replace("{}", words), changed_case_by_case(right, _times(factors))


def _times(factors: list[float]) -> list[Callable[[Floats], Floats]]:
    """Return for each factor a change that multiplies by it."""
    return [partial(np.multiply, factor) for factor in factors]


_FACTORS: list[tuple[str, Callable[[Any], Any]]] = [
    ("This is the right result times {}.", lambda n: n),
    ("This is the right result divided by {}.", lambda n: 1.0 / n),
    ("This is minus the right result times {}.", lambda n: -n),
    ("This is minus the right result divided by {}.", lambda n: -1.0 / n),
    ("This is the right result times n - 1, where n is {}.", lambda n: n - 1.0),
    ("This is the right result times n / (n - 1), where n is {}.", lambda n: n / (n - 1.0)),
    ("This is the right result times (n - 1) / n, where n is {}.", lambda n: (n - 1.0) / n),
    ("This is the right result times the square of {}.", lambda n: n**2),
    ("This is the right result divided by the square of {}.", lambda n: n**-2.0),
    ("This is the right result times the square root of {}.", lambda n: n**0.5),
    ("This is the right result divided by the square root of {}.", lambda n: n**-0.5),
]


def _numbers_of(names: list[str], cases: list[Case]) -> Iterator[tuple[str, list[float]]]:
    """Yield numbers that every case has, with words for them: sizes, counts, and scalars."""
    for i, name in enumerate(names[: len(cases[0])]):
        values = [case[i] for case in cases]
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            yield name, values
        if all(isinstance(value, list) for value in values):
            yield f"the length of {name}", [len(value) for value in values]
        if not all(hasattr(value, "shape") for value in values):
            continue
        for axis in range(min(len(value.shape) for value in values)):
            yield f"{name}.shape[{axis}]", [value.shape[axis] for value in values]
        if all(_is_flags(value) for value in values):
            yield f"the number of True in {name}", [float(value.sum()) for value in values]


def _is_flags(value: Any) -> bool:
    return getattr(value, "dtype", None) in (np.dtype(bool), torch.bool)


# The right result for other arguments


def mistakes_in_an_argument(names: list[str], cases: list[Case], key: Key) -> Iterator[Mistake]:
    """Yield results that the key gives if one argument is other than it should be."""
    for i, name in enumerate(names[: len(cases[0])]):
        for text, change in _ARGUMENT_CHANGES:
            yield text.replace("{}", name), _with_changed_argument(cases, i, change, key)
    for i, j in combinations(range(len(cases[0])), 2):
        text = f"The arguments {names[i]} and {names[j]} are swapped."
        yield text, _with_swapped_arguments(cases, i, j, key)
    for i, name in enumerate(names[: len(cases[0])]):
        unchanged = [{"": plain(case[i])} for case in cases]
        yield f"This is the argument {name}, unchanged.", changed(unchanged, lambda array: array)


def _with_changed_argument(
    cases: list[Case], i: int, change: Callable[[Any], Any], key: Key
) -> Results | None:
    try:
        other = [(*case[:i], change(deepcopy(case[i])), *case[i + 1 :]) for case in cases]
    except (_NotApplicable, ArithmeticError, ValueError, IndexError):
        return None
    return key(other)


def _with_swapped_arguments(cases: list[Case], i: int, j: int, key: Key) -> Results | None:
    other = []
    for case in cases:
        shapes = getattr(case[i], "shape", None), getattr(case[j], "shape", None)
        if type(case[i]) is not type(case[j]) or shapes[0] != shapes[1]:
            return None
        swapped = list(case)
        swapped[i], swapped[j] = case[j], case[i]
        other.append(tuple(swapped))
    return key(other)


class _NotApplicable(Exception):
    """Raised by a change that an argument of this type cannot have."""


def _of_flags(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def changed_flags(value: Any) -> Any:
        if not _is_flags(value) or not isinstance(value, np.ndarray):
            raise _NotApplicable
        return change(value)

    return changed_flags


def _of_a_float(change: Callable[[float], float]) -> Callable[[Any], Any]:
    def changed_float(value: Any) -> Any:
        if not isinstance(value, float):
            raise _NotApplicable
        return change(value)

    return changed_float


def _of_floats(change: Callable[[Floats], Floats]) -> Callable[[Any], Any]:
    def changed_floats(value: Any) -> Any:
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "if":
            raise _NotApplicable
        return change(value)

    return changed_floats


def _truth(value: Any) -> Any:
    if not isinstance(value, bool):
        raise _NotApplicable
    return not value


_ARGUMENT_CHANGES: list[tuple[str, Callable[[Any], Any]]] = [
    ("This is the right result if {} were never True: {} is not used.", _of_flags(np.zeros_like)),
    ("This is the right result if {} were always True.", _of_flags(np.ones_like)),
    ("This is the right result for ~{}: True and False are swapped.", _of_flags(np.invert)),
    (
        "This is the right result if row t of {} were row t + 1: it is read one row too late.",
        _of_flags(lambda flags: np.append(flags[1:], np.ones_like(flags[:1]), axis=0)),
    ),
    (
        "This is the right result if row t of {} were row t - 1: it is read one row too early.",
        _of_flags(lambda flags: np.append(np.zeros_like(flags[:1]), flags[:-1], axis=0)),
    ),
    ("True and False are swapped in {}.", _truth),
    ("This is the right result for {} = 1.", _of_a_float(lambda x: 1.0)),
    ("This is the right result for {} = 0.", _of_a_float(lambda x: 0.0)),
    ("This is the right result for the square of {}.", _of_a_float(lambda x: x * x)),
    ("This is the right result for the square root of {}.", _of_a_float(lambda x: abs(x) ** 0.5)),
    ("This is the right result for 1 / {}.", _of_a_float(lambda x: 1.0 / x)),
    ("This is the right result for 1 - {}.", _of_a_float(lambda x: 1.0 - x)),
    ("This is the right result for 1 + {}.", _of_a_float(lambda x: 1.0 + x)),
    ("This is the right result for minus {}.", _of_floats(np.negative)),
    ("This is the right result for the absolute value of {}.", _of_floats(np.abs)),
    ("This is the right result for the square of {}.", _of_floats(np.square)),
    ("This is the right result for the square root of {}.", _of_floats(lambda x: abs(x) ** 0.5)),
    ("This is the right result if {} stood in reverse order.", _of_floats(lambda x: x[::-1])),
    ("This is the right result if {} were sorted.", _of_floats(lambda x: np.sort(x, axis=-1))),
    ("This is the right result if {} were cut to whole numbers.", _of_floats(np.trunc)),
    (
        "This is the right result if {} were 0 everywhere, as if it were not used.",
        _of_floats(np.zeros_like),
    ),
    (
        "This is the right result if {} were 1 everywhere, as if it were not used.",
        _of_floats(np.ones_like),
    ),
    (
        "This is the right result if the mean of {} had been subtracted from it.",
        _of_floats(lambda x: x - x.mean()),
    ),
    (
        "This is the right result if row t of {} were row t + 1: it is read one row too late.",
        _of_floats(lambda x: np.append(x[1:], np.zeros_like(x[:1]), axis=0)),
    ),
    (
        "This is the right result if row t of {} were row t - 1: it is read one row too early.",
        _of_floats(lambda x: np.append(np.zeros_like(x[:1]), x[:-1], axis=0)),
    ),
]
