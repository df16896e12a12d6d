"""Whether two plain results are equal, up to rounding."""

from typing import Any

import numpy as np

from pg_edu.course.plain import Unreadable
from pg_edu.types import Floats

# A number that is small only because larger ones cancel is compared with a thousandth of them.
CANCELLED = 1e-3
# Sums of a few numbers of ordinary size that are 0 in theory differ from it by less than this.
ROUNDING = 1e-13


def same(found: Any, expected: Any, tolerance: float, floor: float = 0.0) -> bool:
    """Return whether a result is the expected one: the same shape and nearly the same numbers.

    Args:
        found: what `plain` made of an answer.
        expected: what `plain` made of the right answer. Where it is a single number, the answer
            may also be an array that holds a single number.
        tolerance: the largest accepted error, relative to the expected number.
        floor: an absolute error that is always accepted.
    """
    if isinstance(expected, Unreadable):
        return isinstance(found, Unreadable) and found == expected
    if not isinstance(found, np.ndarray | list):
        return False
    if isinstance(expected, list):
        if isinstance(found, np.ndarray) and found.ndim == 0:
            return False
        if len(found) != len(expected):
            return False
        pairs = zip(found, expected, strict=True)
        return all(same(np.asarray(f), e, tolerance, floor) for f, e in pairs)
    if isinstance(found, list):
        return False
    if expected.ndim == 0 and found.size == 1:
        found = found.reshape(())
    return found.shape == expected.shape and bool(near(found, expected, tolerance, floor).all())


def same_value(found: Any, expected: Any, decimals: int | None) -> bool:
    """Return whether a predicted value is another, to the decimals that the task asks for.

    Args:
        found: a plain value.
        expected: the other plain value.
        decimals: how many are asked for; None if the values must be equal.
    """
    if decimals is None or isinstance(found, list) or isinstance(expected, list):
        return same(found, expected, 1e-9)
    if expected.ndim == 0 and found.size == 1:
        found = found.reshape(())
    if found.shape != expected.shape:
        return False
    half_a_digit = 0.5 * 10.0**-decimals * (1 + 1e-6)
    with np.errstate(invalid="ignore"):
        close = abs(np.float64(found) - expected) <= half_a_digit
    return bool((close | (found == expected)).all())  # The difference of two infinities is NaN.


def near(found: Floats, expected: Floats, tolerance: float, floor: float = 0.0) -> Any:
    """Return which numbers of two arrays of one shape are nearly equal, as a bool array.

    NaN equals NaN, and infinity equals infinity: a mistake may lead to either.
    """
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    finite = np.abs(expected[np.isfinite(expected)])
    largest = finite.max(initial=0.0)
    scale = np.maximum(np.abs(expected), CANCELLED * largest if largest > 0 else 1.0)
    with np.errstate(invalid="ignore"):
        close = np.abs(found - expected) <= np.maximum(tolerance * scale, floor)
    equal = found == expected
    both_nan = np.isnan(found) & np.isnan(expected)
    return np.where(np.isfinite(expected) & np.isfinite(found), close, equal | both_nan)
