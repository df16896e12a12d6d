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
        reached: the discounted return in the worse of its two trials; NaN after an error.
        optimum: the largest possible discounted return.
        verdict: "passed", "FAILED", "ERROR", "known" (a property, not a bug) or "skipped".
        meaning: what a verdict other than "passed" means.
    """

    probe: str
    question: str
    reached: float
    optimum: float
    verdict: str
    meaning: str = ""

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

    def __getitem__(self, name: str) -> ProbeResult:
        """Return the result of the probe with this name."""
        return {result.probe: result for result in self.results}[name]

    def __repr__(self) -> str:
        header = _line("probe", "question", "reached", "optimum", "verdict")
        if self.failed:
            conclusion = f"Look first at: {self.failed[0]}."
        else:
            conclusion = "Nothing is broken, as far as these probes can tell."
        return "\n".join([header, *map(repr, self.results), conclusion])


def _line(probe: str, question: str, reached: str, optimum: str, verdict: str) -> str:
    """Return a line of the table, with its columns aligned."""
    return f"{probe:<14}{question:<48}{reached:>9}{optimum:>9}  {verdict}"
