"""Cards: what an exercise asks for, from its page, and nothing of its answer."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from pg_edu.course.records import record, records
from pg_edu.runs.notebook_folder import find_notebooks

HEADING = re.compile(
    r"^### Exercise (?P<number>\d\d\.\d+) · (?P<title>.+)\n"
    r"\*\((?P<minutes>\d+) minutes, (?P<difficulty>easy|medium|hard); trains: (?P<trains>.+)\)\*$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Card:
    """The card of an exercise: what it asks for, and nothing of its answer.

    Args:
        number: such as "02.1".
        title: its heading.
        minutes: how long it takes.
        difficulty: easy, medium or hard.
        trains: the skill that it trains.
        points: what a correct answer earns.
        notebook: the name of its page, such as "02_returns" or "deeper/02_returns".
    """

    number: str
    title: str
    minutes: int
    difficulty: str
    trains: str
    points: int
    notebook: str

    def __str__(self) -> str:
        """Return the card as one line."""
        plural = "" if self.points == 1 else "s"
        return (
            f"{self.number} {self.title} ({self.notebook}): {self.minutes} minutes, "
            f"{self.difficulty}, {self.points} point{plural}; trains: {self.trains}"
        )

    __repr__ = __str__


def exercise(number: str) -> Card:
    """Return the card of an exercise.

    Args:
        number: such as "02.1".

    Raises:
        ValueError: there is no exercise with this number, or the notebooks were not found.

    Example:
        >>> exercise("02.1").difficulty
        'easy'
    """
    return _cards()[record(number).number]


def exercises() -> list[Card]:
    """Return the cards of all exercises, in the order of the notebooks."""
    return list(_cards().values())


@cache
def _cards() -> dict[str, Card]:
    found = {card.number: card for card in _cards_in_the_notebooks()}
    return {known.number: found[known.number] for known in records()}


def _cards_in_the_notebooks() -> Iterator[Card]:
    folder = find_notebooks()
    pages = [*folder.glob("[0-9][0-9]_*.ipynb"), *folder.glob("deeper/[0-9][0-9]_*.ipynb")]
    for path in sorted(pages):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        page = path.relative_to(folder).with_suffix("").as_posix()
        for cell in cells:
            for match in HEADING.finditer("".join(cell["source"])):
                yield _card(match.groupdict(), page)


def _card(given: dict[str, str], notebook: str) -> Card:
    return Card(
        number=given["number"],
        title=given["title"],
        minutes=int(given["minutes"]),
        difficulty=given["difficulty"],
        trains=given["trains"],
        points=record(given["number"]).points,
        notebook=notebook,
    )
