"""The table of marks, a row for each student and exercise."""

from collections.abc import Iterable
from pathlib import Path

from pg_edu.coursework.marking.marking import Mark
from pg_edu.runs import files

COLUMNS = (
    "student",
    "exercise",
    "points",
    "possible",
    "verdict",
    "diagnosis",
    "flag",
    "seconds",
    "found",
    "file",
)
FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def write_table(path: Path, rows: Iterable[tuple[str, str, Mark]]) -> None:
    """Write the table as CSV.

    Args:
        path: where to.
        rows: the student, the file and the mark.

    Raises:
        OSError: the file cannot be written.
    """
    files.write_table(path, COLUMNS, [_row(*row) for row in rows])


def _row(student: str, file: str, mark: Mark) -> list[object]:
    seconds = f"{mark.seconds:.2f}"
    numbers: list[object] = [mark.points, mark.possible]
    texts = [mark.verdict, mark.diagnosis, mark.flag, seconds, mark.found, file]
    return [_harmless(student), mark.exercise, *numbers, *map(_harmless, texts)]


def _harmless(text: str) -> str:
    """Return a text with an apostrophe in front of what a spreadsheet would run as a formula."""
    text = text.encode("utf-8", "replace").decode()
    return f"'{text}" if text.startswith(FORMULAS) else text
