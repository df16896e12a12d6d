"""Wrong and odd-but-right answers to the exercises, written from the pages alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class Answer:
    """An answer to an exercise, with a few words on what is wrong or odd about it."""

    exercise: str
    says: str
    value: Any


WRONG: list[Answer] = []
RIGHT: list[Answer] = []
_MISSING = object()


def wrong(exercise: str, says: str, value: Any = _MISSING) -> Callable[[Any], Any]:
    """Add a wrong answer, a value, or as a decorator a function."""
    return _add(WRONG, exercise, says, value)


def right(exercise: str, says: str, value: Any = _MISSING) -> Callable[[Any], Any]:
    """Add an answer that is right but written in an unusual way."""
    return _add(RIGHT, exercise, says, value)


def _add(answers: list[Answer], exercise: str, says: str, value: Any) -> Callable[[Any], Any]:
    def add(value: Any) -> Any:
        answers.append(Answer(exercise, says, value))
        return value

    return add if value is _MISSING else add(value)
