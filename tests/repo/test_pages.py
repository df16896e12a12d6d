"""The pages have the form that CONTRIBUTING.md asks for: their parts, their length, their pictures.

A page that says what it is for, shows something within the first screen, and asks before it answers
can be read alone. `pytest --nbval` sees none of this.
"""

import re
from pathlib import Path
from typing import Any

import build
import nbformat
import pytest

PAGES = build.sources([])
ROOT = Path(__file__).parents[2]
CORE = [source for source in PAGES if source.parent.name == "src"]
COURSE = CORE[1:]  # Notebook 00 is a show, with a single exercise.
FRAMED = [source for source in PAGES if source != CORE[0]]
NOT_PROSE = re.compile(r"\$\$.*?\$\$|```.*?```|<details>.*?</details>|\|.*\||<br>", re.DOTALL)

every_page = pytest.mark.parametrize("source", PAGES, ids=build.name)
every_core_page = pytest.mark.parametrize("source", CORE, ids=build.name)
every_page_but_the_first = pytest.mark.parametrize("source", FRAMED, ids=build.name)
every_page_of_the_course = pytest.mark.parametrize("source", COURSE, ids=build.name)


def cells(source: Path) -> list[Any]:
    found: list[Any] = nbformat.read(build.built(source), as_version=4).cells
    return found


def pictures(cell: Any) -> list[Any]:
    return [output for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]


def words(cell: Any) -> int:
    return len(NOT_PROSE.sub(" ", cell.source).split())


def screen_words(cell: Any) -> int:
    """Return how much of a screen a cell takes, in words: a line of code counts as three."""
    if cell.cell_type == "markdown":
        return words(cell)
    folded = cell.metadata.get("jupyter", {}).get("source_hidden", False)
    return 0 if folded else 3 * len(cell.source.splitlines())


def minutes(source: Path) -> float:
    """Estimate how long a page takes, in the way that page 00 describes."""
    total = 0.0
    for cell in cells(source):
        if cell.cell_type == "markdown":
            total += words(cell) / 150
            total += sum(map(int, re.findall(r"^\*\((\d+) minutes, ", cell.source, re.MULTILINE)))
            continue
        if not cell.metadata.get("jupyter", {}).get("source_hidden", False):
            total += sum(bool(line.strip()) for line in cell.source.splitlines()) / 10
        total += "compare_guess(" in cell.source
        total += bool(re.search(r"^play\(", cell.source, re.MULTILINE))
    return total


def stated_minutes(source: Path) -> int:
    found = re.search(r"\*\*Minutes\*\*: about (\d+)", source.read_text(encoding="utf-8"))
    assert found
    return int(found.group(1))


@every_page
def test_every_picture_has_an_alt_text(source: Path) -> None:
    for cell in cells(source):
        for output in pictures(cell):
            assert output.metadata.get("image/png", {}).get("alt"), cell.source


@every_page
def test_every_picture_of_a_text_has_an_alt_text(source: Path) -> None:
    text = source.read_text(encoding="utf-8")
    assert not re.findall(r"!\[\s*\]\(|<img(?![^>]* alt=\"[^\"])", text)


@every_page
def test_the_code_of_a_picture_is_folded(source: Path) -> None:
    for cell in cells(source):
        if pictures(cell):
            assert cell.metadata.get("jupyter", {}).get("source_hidden"), cell.source


@every_core_page
def test_a_picture_comes_within_the_first_screen(source: Path) -> None:
    before = 0
    for cell in cells(source):
        if pictures(cell):
            break
        before += screen_words(cell)
    assert before <= 350


@every_core_page
def test_a_core_page_is_short(source: Path) -> None:
    assert sum(words(cell) for cell in cells(source) if cell.cell_type == "markdown") <= 2_200


@every_page
def test_the_minutes_of_a_page_are_those_that_are_counted(source: Path) -> None:
    assert stated_minutes(source) == 5 * round(minutes(source) / 5)


@every_core_page
def test_a_core_page_takes_at_most_45_minutes(source: Path) -> None:
    assert stated_minutes(source) <= 45


@every_core_page
@pytest.mark.parametrize("table", ["README.md", "notebooks/src/00_quickstart.md"])
def test_a_table_of_the_course_names_the_minutes_of_a_page(source: Path, table: str) -> None:
    rows = (ROOT / table).read_text(encoding="utf-8").splitlines()
    number = source.name[:2]
    [row] = [row for row in rows if re.match(rf"\| \[?{number}\b", row)]
    assert re.findall(r"\| (\d+) (?=\|)", row)[-1] == str(stated_minutes(source))


@every_core_page
def test_a_core_page_has_a_figure_to_play_with(source: Path) -> None:
    code = [cell.source for cell in cells(source) if cell.cell_type == "code"]
    assert any(re.search(r"^play\(", cell, re.MULTILINE) for cell in code)


@every_page_but_the_first
def test_a_page_says_what_it_is_for_and_what_it_needs(source: Path) -> None:
    beginning = source.read_text(encoding="utf-8").split("```python")[0]
    for part in ("**You will be able to**", "**Minutes**", "**You need**"):
        assert part in beginning


@every_page_but_the_first
def test_a_page_ends_with_what_one_has_and_three_questions(source: Path) -> None:
    text = source.read_text(encoding="utf-8")
    questions = text.split("\n## Three questions to test yourself\n")[1].split("\n## ")[0]
    assert text.index("\n## What you now have\n") < text.index("\n## Three questions")
    assert questions.count("<details>") == 3


@every_page_of_the_course
def test_a_core_page_asks_for_guesses_and_has_two_or_three_exercises(source: Path) -> None:
    text = source.read_text(encoding="utf-8")
    assert len(re.findall(r"^compare_guess\(", text, re.MULTILINE)) >= 2
    assert 2 <= len(re.findall(r"^### Exercise ", text, re.MULTILINE)) <= 3


@every_page
def test_an_answer_comes_after_a_break(source: Path) -> None:
    """Where outputs cannot be folded, it would otherwise stand beside its question."""
    between = "<br>"
    for cell in cells(source):
        if "compare_guess(" in cell.source:
            between = ""
        elif "answer" in cell.metadata.get("tags", []):
            assert "<br>" in between, cell.source
        between += cell.source


@every_page
def test_a_guess_is_used_only_where_it_is_compared(source: Path) -> None:
    """Otherwise the page would stop wherever the reader has not guessed yet."""
    code = "\n".join(cell.source for cell in cells(source) if cell.cell_type == "code")
    code = re.sub(r"#.*", "", code)
    for guess in set(re.findall(r"^(\w+) = \.\.\.", code, re.MULTILINE)):
        others = re.sub(rf"compare_guess\({guess},|{guess} = \.\.\.", "", code)
        assert not re.findall(rf"\b{guess}\b", others), guess
