"""Outcomes as text and back: plain data only, checked in every particular when it comes back.

What comes back was written by a process in which a student's code runs, so it may be anything. The
marker never unpickles it: it is JSON, in which an array is its dtype, its shape and its bytes.
"""

import base64
import json
import math
from typing import Any

import numpy as np

from pg_edu.course.outcomes import Outcome
from pg_edu.course.plain import LARGEST, Unreadable

DTYPES = ("?", "<i8", "<f8")
LONGEST = 400  # characters of a text
MOST_OUTCOMES = 10_000
DEEPEST = 10  # lists in lists


class Garbled(ValueError):
    """The error for a message that is not what `dump` writes."""


def dump(outcomes: list[Outcome]) -> str:
    """Return outcomes as text, in Base64, so that no quotes are in it."""
    data = json.dumps([_outcome_as_data(outcome) for outcome in outcomes])
    return base64.b64encode(data.encode()).decode()


def load(text: str) -> list[Outcome]:
    """Return the outcomes in a text.

    Raises:
        Garbled: the text is not one that `dump` writes.
    """
    try:
        rows = json.loads(base64.b64decode(text, validate=True))
        if len(rows) > MOST_OUTCOMES:
            raise Garbled(f"{len(rows)} outcomes")
        return [_outcome(row) for row in rows]
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
        raise Garbled(f"unreadable outcomes ({type(error).__name__})") from error


def _outcome_as_data(outcome: Outcome) -> dict[str, Any]:
    return {
        "observed": {name: _as_data(value) for name, value in outcome.observed.items()},
        "problem": outcome.problem[:LONGEST],
        "attempted": outcome.attempted,
    }


def _outcome(data: dict[str, Any]) -> Outcome:
    observed = {_text(name): _value(value, DEEPEST) for name, value in data["observed"].items()}
    return Outcome(observed, _text(data["problem"]), data["attempted"] is True)


def _as_data(value: Any) -> dict[str, Any]:
    if isinstance(value, Unreadable):
        return {"what": value.what[:LONGEST], "advice": value.advice[:LONGEST]}
    if isinstance(value, list):
        return {"list": [_as_data(item) for item in value]}
    kind = {"b": "?", "i": "<i8"}.get(value.dtype.kind, "<f8")
    array = np.ascontiguousarray(value, dtype=kind)
    return {
        "dtype": kind,
        "shape": list(value.shape),
        "bytes": base64.b64encode(array.tobytes()).decode(),
    }


def _value(data: dict[str, Any], depth: int) -> Any:
    if "what" in data:
        return Unreadable(_text(data["what"]), _text(data["advice"]))
    if "list" in data:
        if depth == 0:
            raise Garbled("lists that are nested too deeply")
        return [_value(item, depth - 1) for item in data["list"]]
    return _array(data["dtype"], data["shape"], data["bytes"])


def _array(kind: str, shape: list[int], content: str) -> Any:
    is_shape = len(shape) <= 32 and all(type(n) is int and 0 <= n <= LARGEST for n in shape)
    if kind not in DTYPES or not is_shape or math.prod(shape) > LARGEST:
        raise Garbled("an array of another kind")
    array = np.frombuffer(base64.b64decode(content, validate=True), dtype=kind)
    return array.reshape(shape).astype(array.dtype.newbyteorder("="))


def _text(text: str) -> str:
    """Return a text shortened and without control characters."""
    if type(text) is not str:
        raise Garbled("something in place of a text")
    return "".join(c if c.isprintable() else " " for c in text[:LONGEST])
