"""The table of a probe run: a line for each probe, and what each failure means."""

import textwrap
from dataclasses import dataclass

import numpy as np

INDENT = " " * 4


@dataclass(frozen=True)
class ProbeResult:
    """The outcome of one probe, which is printed as one line of the table.

    Args:
        probe: the name of the probe.
        question: what it asks.
        reached: the discounted return in the worse of its trials; NaN after an error.
        optimum: the largest possible discounted return.
        verdict: "passed"; "FAILED" or "ERROR", if the agent is broken; "slow", if it learns the
            right thing, but not enough of it; "unclear", if chance cannot be told from learning;
            "known", for a property that is no bug; or "skipped".
        meaning: what a verdict other than "passed" means.
        causes: the short names of the causes that the meaning names, at most two.
    """

    probe: str
    question: str
    reached: float
    optimum: float
    verdict: str
    meaning: str = ""
    causes: tuple[str, ...] = ()

    @property
    def broken(self) -> bool:
        """Whether the probe failed or could not be run."""
        return self.verdict in ("FAILED", "ERROR")

    def __repr__(self) -> str:
        reached = f"{self.reached:.3f}" if np.isfinite(self.reached) else "-"
        line = _line(self.probe, self.question, reached, f"{self.optimum:.3f}", self.verdict)
        meaning = textwrap.wrap(
            self.meaning, width=92, initial_indent=INDENT, subsequent_indent=INDENT
        )
        return "\n".join([line, *meaning])


@dataclass(frozen=True, repr=False)
class ProbeReport:
    """The outcome of all probes. When printed, it is a table that says what is broken.

    Args:
        results: one for each probe, in the order in which the probes build on each other.
    """

    results: tuple[ProbeResult, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of the probes that failed or could not be run."""
        return tuple(result.probe for result in self.results if result.broken)

    @property
    def undecided(self) -> tuple[str, ...]:
        """The names of the probes whose verdict is "slow" or "unclear"."""
        return tuple(r.probe for r in self.results if r.verdict in ("slow", "unclear"))

    def __getitem__(self, name: str) -> ProbeResult:
        """Return the result of the probe with this name."""
        return {result.probe: result for result in self.results}[name]

    def __repr__(self) -> str:
        header = _line("probe", "question", "reached", "optimum", "verdict")
        return "\n".join([header, *map(repr, self.results), self._conclusion()])

    def _conclusion(self) -> str:
        if self.failed:
            return f"Look first at: {self.failed[0]}."
        if self.undecided:
            return (
                f"Nothing is broken, as far as can be seen; not yet learned: {self.undecided[0]}."
            )
        return "Nothing is broken, as far as these probes can tell."


def _line(probe: str, question: str, reached: str, optimum: str, verdict: str) -> str:
    """Return a line of the table, with its columns aligned."""
    return f"{probe:<14}{question:<48}{reached:>9}{optimum:>9}  {verdict}"
