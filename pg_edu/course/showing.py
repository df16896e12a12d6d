"""Arguments and results as short text for one line."""

from inspect import signature
from typing import Any

import numpy as np

from pg_edu.course.comparing import near
from pg_edu.course.plain import Unreadable, plain

MOST = 16  # numbers that are written out; of more, only the shape
LONGEST = 60  # characters of a text


def arguments(function: Any, case: tuple[Any, ...]) -> str:
    """Return the arguments of a case as text, with the parameter names of a function."""
    named = zip(parameters(function), case, strict=False)  # The function may have more, optional.
    return ", ".join(f"{name}={short(argument)}" for name, argument in named)


def parameters(function: Any) -> list[str]:
    """Return the names of a function's parameters."""
    return list(signature(function).parameters)


def difference(name: str, found: Any, expected: Any, tolerance: float) -> str:
    """Return the difference of two plain results as text: "expected [1.0], got [2.0]".

    Args:
        name: what is compared; empty for the result itself.
        found: what `plain` made of the answer.
        expected: what `plain` made of the right answer.
        tolerance: the largest accepted relative error.
    """
    of = f"{name} " if name else ""
    if isinstance(found, Unreadable):
        return f"expected {of}{short(expected)}, got {found.what}. {found.advice}".rstrip()
    both = isinstance(found, np.ndarray) and isinstance(expected, np.ndarray)
    if both and found.shape == expected.shape and found.size > MOST:
        place = tuple(np.argwhere(~near(found, expected, tolerance))[0].tolist())
        index = ", ".join(map(str, place))
        return f"expected {of}{short(expected[place])} at [{index}], got {short(found[place])}."
    if both and found.shape != expected.shape and expected.size > MOST:
        return f"expected {of}{short(expected)}, got {short(found)}."
    shapes = _shapes(found, expected) if both else ""
    return f"expected {of}{short(expected)}{shapes}, got {short(found)}."


def _shapes(found: Any, expected: Any) -> str:
    """Return the expected shape as text if only the shape can tell two results apart."""
    if found.shape != expected.shape and found.size > MOST:
        return f" of shape {list(expected.shape)}"
    return ""


def short(value: Any) -> str:
    """Return a value as text in one line: rounded numbers, or the shape of a large array."""
    if callable(value):
        return str(getattr(value, "__name__", "a function"))
    if isinstance(value, str):
        return _cut(repr(value))
    array = value if isinstance(value, np.ndarray | Unreadable) else plain(value)
    if isinstance(array, Unreadable):
        return array.what
    if isinstance(array, list):
        return _cut("[" + ", ".join(short(item) for item in array) + "]", 4 * LONGEST)
    if array.size > MOST or (array.size == 0 and array.ndim > 1):
        return f"array of shape {list(array.shape)}"  # A million empty rows are a long text.
    return str(_rounded(array.tolist()))


def _rounded(numbers: Any) -> Any:
    """Return numbers, also in nested lists, with four significant digits; integers as they are."""
    if isinstance(numbers, list):
        return [_rounded(number) for number in numbers]
    if isinstance(numbers, float):
        return float(f"{numbers:.4g}") + 0.0  # Adding 0.0 turns -0 into 0.
    return numbers


def _cut(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else text[: longest - 3] + "..."
