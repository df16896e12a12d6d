"""Hold the answers of a notebook, call them with the marker's cases, and return plain data.

This runs in the process of the student's code, which can change everything in here. It gains
nothing by that: the only thing that counts is the arrays that come back, and what they should be is
known to the marker alone.
"""

import base64
import pickle
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import pg_edu.types
from pg_edu.course.outcomes import Budget, outcomes
from pg_edu.coursework.marking.inside import wire

PACKAGE = str(Path(pg_edu.types.__file__).parent)
# What calls an answer, or belongs to its arguments, is no use of the package by the answer.
OURS = tuple(f"{PACKAGE}/{place}" for place in ("course/", "coursework/"))
MOST_CALLS = 20_000  # that are looked at; a profile function slows an answer down
MOST_NAMES = 20

_held: dict[str, Any] = {}
_called: set[str] = set()


def hold(name: str, held: Any) -> None:
    """Keep an answer under a name, by which the marker asks for it."""
    _held[name] = held


def answer(name: str) -> Any:
    """Return the answer that is held under a name."""
    return _held[name]


def kind(name: str) -> str:
    """Return what an answer is: "missing", "function" or "value"."""
    held = _held[name]
    if held is None or held is Ellipsis:
        return "missing"
    return "function" if callable(held) else "value"


def read(name: str) -> str:
    """Return an answer that is a value, as the text of an outcome."""
    return wire.dump(outcomes(lambda: _held[name], [()]))


def call(name: str, asked: str) -> str:
    """Return the outcomes of an answer as text.

    Args:
        name: that of the answer.
        asked: the cases, what is observed, and the seconds, pickled by the marker.
    """
    cases, observe, seconds = pickle.loads(base64.b64decode(asked))
    threading.setprofile(_Watch())
    try:
        found = outcomes(_held[name], cases, observe, Budget(seconds))
    finally:
        threading.setprofile(None)
    return wire.dump(found)


def called() -> str:
    """Return the functions of the package that answers have called, and forget them."""
    names = sorted(_called)[:MOST_NAMES]
    _called.clear()
    return " ".join(names)


def source(name: str) -> str:
    """Return the name of the function of the package that an answer is, or ""."""
    held: Any = _held[name]
    module = str(getattr(held, "__module__", ""))
    own = str(getattr(held, "__qualname__", ""))
    return f"{module}.{own}" if module.startswith("pg_edu.") else ""


class _Watch:
    """A profile function that notes which functions of the package an answer calls itself."""

    def __init__(self) -> None:
        self.left = MOST_CALLS

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event != "call":
            return
        self.left -= 1
        if self.left < 0:
            sys.setprofile(None)
        if _is_of_the_package(frame) and _is_called_by_a_cell(frame):
            _called.add(f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}"[:120])


def _is_of_the_package(frame: FrameType) -> bool:
    """Return whether a frame runs the package's code, apart from what calls the answers."""
    place = frame.f_code.co_filename
    return place.startswith(PACKAGE) and not place.startswith(OURS)


def _is_called_by_a_cell(frame: FrameType) -> bool:
    """Return whether code of a cell called a frame, not through other code of the package."""
    caller = frame.f_back
    while caller is not None:
        place = caller.f_code.co_filename
        if place.startswith(PACKAGE):
            return False
        if place.startswith("<") or "ipykernel_" in place:
            return True
        caller = caller.f_back
    return False
