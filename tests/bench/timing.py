"""How the benchmark measures: two ways to do the same thing, in turns, by the CPU time they take.

A machine is not equally fast all the time, so only numbers taken side by side are compared: ours,
reference, reference, ours, ... Each pair gives a ratio, and the median of the ratios counts.

A family of measurements is a module of this package with a function
`measurements(quick: bool) -> list[Measurement]`; run.py lists the families.
"""

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        what: what is measured, sizes included: "collect, 16 CartPole".
        against: what the reference is: "bare", "Tianshou".
        ours, reference: the measured values.
        unit: their unit: "vector steps / CPU s", "CPU ms".
        goal, bound: the ratio ours / reference is to be "at most" or "at least" the bound; a bound
            of None is no goal.
        paired: whether ours[i] and reference[i] were measured side by side. Where not (as many
            seeds as each needed), ours are compared with the median of the reference.
        note: what else a reader has to know, in half a line.
    """

    what: str
    against: str
    ours: Sequence[float]
    reference: Sequence[float]
    unit: str
    goal: Literal["at most", "at least"]
    bound: float | None
    paired: bool = True
    note: str = ""

    @property
    def ratios(self) -> list[float]:
        """ours / reference: of each pair, or of each of ours and the median of the reference."""
        if self.paired:
            return [a / b for a, b in zip(self.ours, self.reference, strict=True)]
        return [a / statistics.median(self.reference) for a in self.ours]

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return statistics.median(self.ratios)

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        if self.bound is None:
            return None
        return self.ratio <= self.bound if self.goal == "at most" else self.ratio >= self.bound


Measurement = Callable[[], list[Row]]
Results = tuple[list[Any], list[Any]]


def take_turns(ours: Callable[[], Any], reference: Callable[[], Any], repeats: int) -> Results:
    """What each returns, call by call.

    Each is called once before, which is not counted, and the two begin by turns, lest one always
    finds the caches as the other left them.
    """
    calls, results = (ours, reference), ([], [])
    for call in calls:
        call()
    for i in range(repeats):
        for which in (0, 1) if i % 2 == 0 else (1, 0):
            gc.collect()
            results[which].append(calls[which]())
    return results


def milliseconds(
    ours: Callable[[], Any], reference: Callable[[], Any], repeats: int, times: int = 1
) -> Results:
    """The CPU milliseconds of each; of a call that does its work several times, for one of them."""

    def timed(call: Callable[[], Any]) -> float:
        start = time.process_time()
        call()
        return 1e3 * (time.process_time() - start) / times

    return take_turns(lambda: timed(ours), lambda: timed(reference), repeats)


def rates(ours: Callable[[], float], reference: Callable[[], float], repeats: int) -> Results:
    """How much each does in a CPU second; a call returns how much it did."""

    def rate(call: Callable[[], float]) -> float:
        start = time.process_time()
        done = call()
        return done / (time.process_time() - start)

    return take_turns(lambda: rate(ours), lambda: rate(reference), repeats)
