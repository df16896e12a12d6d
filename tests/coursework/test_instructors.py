"""The tables of docs/INSTRUCTORS.md say what the cards say."""

import re
from pathlib import Path

import build
import pytest

from pg_edu.course import exercises

TEXT = (Path(__file__).parents[2] / "docs" / "INSTRUCTORS.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (\d\d) \|.*\| (\d+) \| (\d) \| (\d) \| (.+) \|$", re.MULTILINE)
ROWS = {row[0]: row[1:] for row in ROW.findall(TEXT)}


def cards(page: str) -> list[int]:
    """Return the points of the exercises of a page, such as "02" or "deeper/02"."""
    return [card.points for card in exercises() if card.notebook.split("_")[0] == page]


def test_there_is_a_row_for_each_notebook() -> None:
    assert list(ROWS) == [f"{number:02}" for number in range(12)]


@pytest.mark.parametrize("number", ROWS)
def test_exercises_points_and_minutes_are_those_of_the_page(number: str) -> None:
    minutes, count, points, deeper = ROWS[number]
    core, beside = cards(number), cards(f"deeper/{number}")
    assert (int(count), int(points)) == (len(core), sum(core))
    plural = "" if len(beside) == 1 else "s"
    assert deeper == (f"{len(beside)} exercise{plural}, {sum(beside)} points" if beside else "none")
    (source,) = [s for s in build.sources([number]) if s.parent.name == "src"]
    assert f"**Minutes**: about {minutes}" in source.read_text(encoding="utf-8")


def test_the_points_of_the_plans_are_sums() -> None:
    earned = {number: sum(cards(number)) for number in ROWS}
    assert sum(earned[n] for n in ("00", "01", "02", "03", "04", "09")) == 23
    weeks = [("00", "01", "02"), ("03", "04", "05"), ("06", "07", "09")]
    assert [sum(earned[n] for n in week) for week in weeks] == [10, 11, 12]
    assert "About four hours of work and 23 points" in TEXT
