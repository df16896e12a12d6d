"""What `check` returns: one line about an answer, with its points."""

from dataclasses import dataclass, field

CORRECT = "correct"
WRONG = "wrong"
NOT_ATTEMPTED = "not attempted"
_MARKS = {CORRECT: "✓", WRONG: "✗", NOT_ATTEMPTED: "○"}


@dataclass(frozen=True)
class Verdict:
    """The verdict on an answer. It prints as one line.

    Args:
        exercise: the number of the exercise, such as "02.1".
        status: "correct", "wrong" or "not attempted".
        possible: the points of the exercise.
        found: what was found, as text; empty if there is nothing to say.
        diagnosis: what the mistake is and which page explains it; empty if it is not known.
    """

    exercise: str
    status: str
    possible: int
    found: str = ""
    diagnosis: str = ""
    _cell: object = field(default=None, repr=False, compare=False)

    @property
    def correct(self) -> bool:
        """Return whether the answer is right."""
        return self.status == CORRECT

    @property
    def points(self) -> int:
        """Return the points that the answer earns: all or none."""
        return self.possible if self.correct else 0

    def __str__(self) -> str:
        """Return the line that `check` prints."""
        begins = {
            CORRECT: f"{self.exercise} correct",
            WRONG: self.exercise,
            NOT_ATTEMPTED: f"{self.exercise} not attempted yet",
        }[self.status]
        parts = [f"{_MARKS[self.status]} {begins}", self.found, self.diagnosis]
        return " ".join(part for part in parts if part)

    __repr__ = __str__

    def _ipython_display_(self) -> None:
        """Print the line in Jupyter, except below the cell in which `check` has printed it."""
        if self._cell is None or self._cell != current_cell():
            print(self)


def current_cell() -> object:
    """Return the number of the cell that Jupyter is running, or None outside of Jupyter."""
    try:
        return get_ipython().execution_count  # type: ignore[name-defined]
    except (NameError, AttributeError):
        return None
