"""Check arguments that several modules take; the functions raise or warn, and change nothing."""

import sys
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np

TInit = TypeVar("TInit", bound=Callable[..., None])

OLDER_NAMES = {"model": "actor", "net": "actor", "gamma": "discount_factor"}
PASSED_BY = ("pg_edu", "torch", "contextlib")  # packages between a user's line and a warning


def warn(message: str) -> None:
    """Warn at the user's line: the innermost one outside of this package and of torch."""
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in PASSED_BY:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)


def positive_integer(name: str, value: int) -> int:
    """Return the value as an int if it is positive, or raise."""
    if not _is_positive_integer(value):
        raise ValueError(f"{name}: expected a positive integer, got {value!r}")
    return int(value)


def check_exactly_one(**counts: int | None) -> None:
    """Require that exactly one of these counts is given, and that it is a positive integer."""
    given = [count for count in counts.values() if count is not None]
    if len(given) != 1 or not _is_positive_integer(given[0]):
        raise ValueError(
            f"give exactly one of {' and '.join(counts)}, a positive integer, got "
            f"{', '.join(f'{name}={count}' for name, count in counts.items())}."
        )


def _is_positive_integer(value: Any) -> bool:
    # A bool is an int in Python, but True is no count.
    is_integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return is_integer and bool(value > 0)


def refuses_older_arguments(init: TInit) -> TInit:
    """Let a policy's constructor refuse other Tianshou versions' arguments, and name v1.1.0's."""

    @wraps(init)
    def checked_init(self: Any, *args: Any, **kwargs: Any) -> None:
        _check_names(type(self).__name__, args, kwargs)
        init(self, *args, **kwargs)

    return cast(TInit, checked_init)


def _check_names(policy: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Reject positional and renamed arguments of a policy."""
    call = f"{policy}(actor=..., optim=..., dist_fn=..., action_space=env.action_space, ...)"
    if args:
        raise TypeError(
            f"{policy} takes arguments by name only, as Tianshou v1.1.0 does, but {len(args)} came "
            f"without a name. Write {call}."
        )
    for older in sorted(OLDER_NAMES.keys() & kwargs.keys()):
        raise TypeError(
            f"{policy} has no argument {older}: Tianshou v1.1.0 calls it {OLDER_NAMES[older]}, and "
            f"requires action_space. Write {call}."
        )
