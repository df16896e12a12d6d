"""What the site shows without Python is stored beside each page, complete and small."""

import json
import re
from pathlib import Path
from typing import Any

import build
import pytest

FRAMES = build.FOLDER / "frames"
PAGES = build.sources([])


def stored(source: Path) -> Any:
    path = FRAMES / f"{build.name(source)}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def calls(source: Path, function: str) -> int:
    """Return how often the cells of a page call a function, not counting its own examples."""
    cells = [cell.source for cell in build.read(source).cells if cell.cell_type == "code"]
    return sum(len(re.findall(rf"^ *{function}\(", cell, re.MULTILINE)) for cell in cells)


@pytest.mark.parametrize("source", PAGES, ids=build.name)
def test_every_figure_with_sliders_has_frames_and_every_guess_an_answer(source: Path) -> None:
    figures, guesses = calls(source, "play"), calls(source, "compare_guess")
    if figures or guesses:
        found = stored(source)
        again = f"run: python notebooks/build.py {build.name(source)}"
        assert (len(found["figures"]), len(found["answers"])) == (figures, guesses), again


@pytest.mark.parametrize("source", PAGES, ids=build.name)
def test_a_figure_has_at_most_twenty_frames_and_four_hundred_kilobytes(source: Path) -> None:
    for number in range(1, calls(source, "play") + 1):
        strip = FRAMES / f"{build.name(source)}-{number}.webp"
        assert strip.stat().st_size <= 400_000
        assert stored(source)["figures"][number - 1]["number"] <= 20


def test_all_frames_together_are_small() -> None:
    assert sum(path.stat().st_size for path in FRAMES.rglob("*.webp")) < 12_000_000


def test_no_frames_are_left_of_a_page_that_is_gone() -> None:
    pages = {build.name(source) for source in PAGES}
    names = [path.relative_to(FRAMES).as_posix() for path in FRAMES.rglob("*.*")]
    assert {re.sub(r"(-\d+\.webp|\.json)$", "", name) for name in names} <= pages
