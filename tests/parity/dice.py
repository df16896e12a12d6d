"""Random inputs that are the same on every platform and for every version of numpy.

`numpy.random.RandomState` is frozen by numpy's own promise. Of it only `random_sample`,
`permutation` and `randint` with an explicit dtype are used: they need no function of the C library,
and do not depend on the width of the platform's `long`.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# case(lib, dice) does something with `lib`, which is pg_edu or the original under the same names,
# and returns what a caller can see. What depends on the samplers of torch, or on numpy's `choice`,
# goes under the key "drawn": another build of theirs may draw other numbers from the same seed.
Case = Callable[[Any, "Dice"], dict[str, Any]]


class Dice:
    """One case's source of randomness, apart from the global generators that the case exercises."""

    def __init__(self, area: str, number: int) -> None:
        self._random = np.random.RandomState([zlib.crc32(area.encode()), number])

    def integer(self, low: int, high: int) -> int:
        """Return an integer of low..high, both included."""
        return int(self._random.randint(low, high + 1, dtype=np.int64))

    def integers(self, low: int, high: int, *shape: int) -> np.ndarray:
        """Return an int64 array of low..high, both included."""
        return self._random.randint(low, high + 1, shape, dtype=np.int64)

    def reals(self, low: float, high: float, *shape: int) -> np.ndarray:
        """Return a float64 array, uniform in [low, high)."""
        return low + (high - low) * self._random.random_sample(shape)

    def real(self, low: float, high: float) -> float:
        """Return a float, uniform in [low, high)."""
        return float(self.reals(low, high))

    def flags(self, probability: float, *shape: int) -> np.ndarray:
        """Return a bool array."""
        return self._random.random_sample(shape) < probability

    def chance(self, probability: float = 0.5) -> bool:
        """Return True with the given probability."""
        return bool(self._random.random_sample() < probability)

    def choice(self, options: Sequence[Any]) -> Any:
        """Return one of the options."""
        return options[self.integer(0, len(options) - 1)]

    def permutation(self, n: int) -> np.ndarray:
        """Return 0..n-1 in random order."""
        return self._random.permutation(n)


@dataclass(frozen=True)
class Area:
    """A kind of case, how many of them a full run compares, and how many are recorded."""

    case: Case
    cases: int
    recorded: int


AREAS: dict[str, Area] = {}


def area(cases: int, recorded: int = 6) -> Callable[[Case], Case]:
    """Register a case under its function's name."""

    def register(case: Case) -> Case:
        AREAS[case.__name__] = Area(case, cases, recorded)
        return case

    return register
