"""Answers as plain arrays, whatever type they have.

A reader may return a list, a tuple, a tensor, fractions or an array of any dtype. All of them
become arrays here, and everything else becomes `Unreadable`, with the reason in words.
"""

import inspect
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

LARGEST = 100_000  # numbers; no exercise asks for more, and converting 200 MB takes seconds
DEEPEST = 8  # axes
CONTAINS = "a list that contains "
QUOTES = "Write numbers without quotes."


@dataclass(frozen=True)
class Unreadable:
    """A result that is neither a number nor an array of numbers.

    Args:
        what: what it is, as a noun with its article.
        advice: what to write instead; may be empty.
    """

    what: str
    advice: str = ""


def plain(value: Any) -> Any:
    """Return numbers as an array, arrays of unequal shapes as a list, or else Unreadable.

    Booleans and integers keep their kind; all other numbers become float64.
    """
    try:
        return _plain(value)
    except (TypeError, ValueError, RuntimeError, OverflowError, RecursionError) as error:
        return Unreadable(f"{_article(value)} that cannot be read as numbers ({first_line(error)})")


def _plain(value: Any) -> Any:
    unreadable = _unreadable(value)
    if unreadable is not None:
        return unreadable
    if isinstance(value, torch.Tensor):
        return _array(as_numpy(value))
    if isinstance(value, list | tuple | deque):
        return _plain_sequence(list(value))
    return _array(value)


def as_numpy(tensor: torch.Tensor) -> Any:
    """Return a tensor as an array, also one with a gradient, on a GPU, or of dtype bfloat16."""
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    if tensor.dtype == torch.bfloat16:  # NumPy has no such dtype.
        tensor = tensor.float()
    return tensor.numpy()


def _plain_sequence(items: list[Any]) -> Any:
    """Return the items as one array if their shapes are equal, or else as a list of arrays."""
    arrays = [_plain(item) for item in items]
    for array in arrays:
        if isinstance(array, Unreadable):
            innermost = array.what.removeprefix(CONTAINS)
            return Unreadable(CONTAINS + innermost, array.advice)
    if any(isinstance(array, list) for array in arrays):
        return arrays
    if len({array.shape for array in arrays}) > 1:
        return arrays
    return np.array(arrays)


def _array(value: Any) -> Any:
    array = np.asarray(value)
    if array.size > LARGEST:  # Only the conversion shows how many numbers a foreign class holds.
        return _too_large(value)
    if array.dtype.kind in "bi":
        return array.copy()  # The answer may write into its array again in a later call.
    if array.dtype.kind == "f":
        return array.astype(np.float64)  # This, too, is a copy.
    if array.dtype.kind == "u":
        return array.astype(np.int64 if array.dtype.itemsize < 8 else np.float64)
    if array.dtype.kind == "c":
        return Unreadable("a complex number")
    if array.dtype.kind == "O":
        return _array_of_objects(array)
    # NumPy would turn texts and dates into numbers.
    if array.dtype.kind in "US":
        return Unreadable("an array of texts", QUOTES)
    return Unreadable(f"{_article(value)} of dtype {first_line(array.dtype)}")


def _array_of_objects(array: Any) -> Any:
    """Return fractions and decimals as numbers; rows of unequal lengths, too, are objects."""
    if array.ndim > 0:
        return _plain_sequence(list(array))
    item = array.item()
    if isinstance(item, str | bytes):
        return Unreadable("a text", QUOTES)
    return np.array(float(item))


def _unreadable(value: Any) -> Unreadable | None:
    """Return why a value must not even be converted, or None."""
    if value is None:
        return Unreadable("None")
    if value is Ellipsis:
        return Unreadable("`...`")
    if isinstance(value, str | bytes):
        return Unreadable(f"the text {first_line(repr(value))}", QUOTES)
    if inspect.iscoroutine(value):
        value.close()  # Python would warn that it was never awaited.
        return Unreadable("a coroutine", "Write `def` instead of `async def`.")
    if isinstance(value, Iterator):
        return Unreadable(f"{_article(value)}", "Make a list of it: list(...).")
    if isinstance(value, set | frozenset | dict):
        return Unreadable(f"{_article(value)}", "Return an array or a list, in order.")
    if callable(value):
        return Unreadable(f"{_article(value)}", "Return its value: call it.")
    size = _size(value, DEEPEST)
    if size > LARGEST:
        return _too_large(value)
    return None


def _too_large(value: Any) -> Unreadable:
    return Unreadable(f"{_article(value)} with more than {LARGEST:,} numbers")


def _size(value: Any, depth: int) -> float:
    """Return how many numbers a value holds; stop counting when they are too many."""
    if isinstance(value, torch.Tensor):
        return value.numel()
    if isinstance(value, np.ndarray):
        return value.size
    if not isinstance(value, list | tuple | deque | range):
        return 1
    if depth == 0:
        return float("inf")  # A list that contains itself has no end.
    if len(value) > LARGEST:
        return len(value)
    total = 0.0
    for item in value:
        total += _size(item, depth - 1)
        if total > LARGEST:
            break
    return total


def _article(value: Any) -> str:
    """Return "a list" or "an array": the name of the type with its article."""
    if isinstance(value, np.ndarray):
        return "an array"
    name = "tensor" if isinstance(value, torch.Tensor) else type_name(value)
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def type_name(value: Any) -> str:
    """Return the name of a value's class, which may be of any length, or empty."""
    return first_line(type(value).__name__, 40) or "nameless object"


def first_line(text: Any, longest: int = 80) -> str:
    """Return the first line of a text, shortened."""
    # A subclass of str may override its methods, so those of str itself are called.
    line = (str.splitlines(str(text)) or [""])[0]
    return line if len(line) <= longest else line[: longest - 3] + "..."
