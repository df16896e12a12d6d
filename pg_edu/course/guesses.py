"""Guesses: a reader writes one down before the page shows the answer.

A page asks a question and has a cell `guess = ...`. The next cell calls `compare_guess`, which says
nothing about the answer until there is a guess.
"""

import json
import math
import numbers
import os
from pathlib import Path
from typing import Any

import numpy as np

from pg_edu.course.claims import shown
from pg_edu.course.plain import Unreadable, plain

EMPTY = "Write a guess into the cell above, run it, and then run this cell again."
CLOSE = 0.2  # of the larger of the two
EQUAL = 0.005  # A guess has two or three digits.


def compare_guess(guess: object, answer: object) -> None:
    """Print a guess beside the answer, or ask for a guess while it is still `...`.

    Two numbers count as equal up to half a percent of the larger one. Words are compared without
    regard to capitals, and shapes, lists and tuples element by element.

    Args:
        guess: a number, a word, or a list or tuple of numbers, such as a shape; `...` if there is
            none yet.
        answer: of the same kind.

    Raises:
        TypeError: the guess is of another kind than the answer, such as a word for a number.

    Example:
        >>> compare_guess(..., 4.05)
        Write a guess into the cell above, run it, and then run this cell again.
        >>> compare_guess(4, 4.05)
        Close: you guessed 4, and it is 4.05.
        >>> compare_guess([3], (3,))
        Yes: it is (3,).
    """
    _record(answer)
    if guess is ... or guess is None:
        print(EMPTY)
        return
    mark = _how_close(guess, answer)
    if mark == "Yes":
        print(f"Yes: it is {shown(answer)}.")
    else:
        print(f"{mark}: you guessed {shown(guess)}, and it is {shown(answer)}.")


def _record(answer: object) -> None:
    """Append the answer to a file if a page is being built for readers without Python.

    `notebooks/build.py` names a folder in PG_EDU_RECORD; the site compares guesses by the file.
    """
    folder = os.environ.get("PG_EDU_RECORD")
    if folder:
        value = answer if isinstance(answer, str) else np.asarray(plain(answer)).tolist()
        line = json.dumps({"value": value, "shown": shown(answer)}, ensure_ascii=False)
        with Path(folder, "answers.jsonl").open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


def _how_close(guess: object, answer: object) -> str:
    if isinstance(answer, str):
        return _how_close_word(guess, answer)
    given, right = plain(guess), plain(answer)
    if isinstance(given, Unreadable):
        raise TypeError(f"the guess is {given.what}. Write {_kind(answer)}. {given.advice}".strip())
    if np.shape(given) != np.shape(right):
        return "Not quite"
    distance = np.max(np.abs(np.subtract(given, right, dtype=float)), initial=0.0)
    size = max(np.max(np.abs(x), initial=0.0) for x in (given, right))
    if math.isnan(distance):
        return "Not quite"
    if distance <= EQUAL * size:
        return "Yes"
    return "Close" if _is_number(answer) and distance <= CLOSE * size else "Not quite"


def _how_close_word(guess: object, answer: str) -> str:
    if not isinstance(guess, str):
        raise TypeError(f'the guess is {guess!r}. Write a word in quotes, such as guess = "yes".')
    return "Yes" if guess.strip().casefold() == answer.casefold() else "Not quite"


def _kind(answer: object) -> str:
    return "a number" if _is_number(answer) else "a list or a tuple of numbers"


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) or np.ndim(value) == 0
