"""Check arguments that several modules take; the functions raise, and change nothing."""

import numpy as np


def positive_integer(name: str, value: int) -> int:
    """Return the value as an int if it is positive, or raise."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name}: expected a positive integer, got {value!r}")
    return int(value)


def check_exactly_one(**counts: int | None) -> None:
    """Require that exactly one of these counts is given, and that it is a positive integer."""
    given = [count for count in counts.values() if count is not None]
    if len(given) != 1 or not isinstance(given[0], int | np.integer) or given[0] <= 0:
        raise ValueError(
            f"give exactly one of {' and '.join(counts)}, a positive integer, got "
            f"{', '.join(f'{name}={count}' for name, count in counts.items())}."
        )
