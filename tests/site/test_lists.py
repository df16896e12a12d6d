"""The pages that the site makes of lists show each thing once, under the right heading."""

import json
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from visits import SITE

from pg_edu.course import exercises


def parsed(page: str) -> BeautifulSoup:
    return BeautifulSoup((SITE / page).read_text(encoding="utf-8"), "html.parser")


def columns(table: BeautifulSoup) -> dict[str, list[str]]:
    """Return the texts of a table, by the heading of their column."""
    heads = [head.get_text(strip=True) for head in table.select("thead th")]
    rows = [
        [cell.get_text(" ", strip=True) for cell in row("td")] for row in table.select("tbody tr")
    ]
    return {head: [row[i] for row in rows] for i, head in enumerate(heads)}


def test_the_table_of_the_course_has_numbers_under_minutes_and_questions_under_question() -> None:
    table = columns(parsed("notebooks/index.html").find("table"))
    assert len(table["page"]) == 12
    assert all(re.fullmatch(r"\d\d", minutes) for minutes in table["minutes"])
    assert all(question.endswith("?") for question in table["the question that it answers"])


def test_the_page_of_exercises_names_each_notebook_and_each_exercise_once() -> None:
    page = parsed("exercises.html")
    headings = [heading.get_text() for heading in page.select("article h2")]
    assert len(headings) == len(set(headings)) == 12
    listed = [text for table in page("table") for text in columns(table)["exercise"]]
    cards = [f"{card.number} {card.title}".replace("'", "’") for card in exercises()]
    assert sorted(text.removesuffix(" (deeper)") for text in listed) == sorted(cards)


@pytest.mark.parametrize("page", sorted(SITE.glob("notebooks/**/*.html")), ids=lambda p: p.stem)
def test_a_page_shows_no_line_that_only_nbval_reads_and_no_escaped_character(page: Path) -> None:
    article = parsed(page.relative_to(SITE).as_posix()).find("article")
    assert ", digest " not in article.get_text()
    assert "&amp;#x27;" not in str(article)


def test_the_questions_of_the_search_name_sections_that_exist() -> None:
    index = (SITE / "search-index.js").read_text(encoding="utf-8")
    sections = json.loads(index.removeprefix("window.SEARCH_SECTIONS = ").rstrip(";\n"))
    urls = tuple(section["url"] for section in sections)
    questions = Path(__file__).with_name("questions.json").read_text(encoding="utf-8")
    named = {place for places in json.loads(questions).values() for place in places}
    assert [place for place in sorted(named) if not any(u.endswith(place) for u in urls)] == []
