"""What the original pages ask: which exercises are on which page, and the names of the answers.

A part of the capstone is on no page. Its answer has the name of the part.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath

from pg_edu.course.cards import exercises
from pg_edu.coursework.capstone.parts import NAMES
from pg_edu.coursework.marking.cells import Notebook, read_notebook
from pg_edu.coursework.marking.flags import functions_named
from pg_edu.coursework.marking.names import Statement, statements
from pg_edu.coursework.marking.plan import NUMBER, all_statements
from pg_edu.runs.notebook_folder import find_notebooks

SOLUTION = re.compile(r"<summary>Solution</summary>\s*```py\n(.*?)```", re.DOTALL)
IDENTIFIER = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Asked:
    """An exercise as its page describes it.

    Args:
        number: the number of the exercise.
        title: its heading.
        page: its page, such as "deeper/02_returns".
        expression: what its `check` is called with.
        solution: the code of the page's solution.
    """

    number: str
    title: str
    page: str
    expression: str
    solution: str


@cache
def asked() -> dict[str, Asked]:
    """Return what the pages say about all exercises."""
    found: dict[str, Asked] = {}
    for card in exercises():
        cells = _cells(card.notebook)
        begin = next(n for n, text in enumerate(cells) if f"### Exercise {card.number} " in text)
        text = "\n\n".join(cells[begin:])
        expression = re.search(rf'^check\("{card.number}", (.+)\)$', text, re.MULTILINE)
        solution = SOLUTION.search(text)
        answer = expression[1] if expression else "None"
        code = solution[1] if solution else ""
        found[card.number] = Asked(card.number, card.title, card.notebook, answer, code)
    return found


def expression_of(number: str) -> str:
    """Return what evaluates to the answer to an exercise, or to a part of the capstone."""
    return number if number in NAMES else asked()[number].expression


@cache
def _cells(page: str) -> list[str]:
    path = find_notebooks() / f"{page}.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells]


@cache
def _statements(page: str) -> list[Statement]:
    notebook = read_notebook((find_notebooks() / f"{page}.ipynb").read_bytes())
    return all_statements(notebook.cells)[0]


@cache
def names_in_solution(number: str) -> frozenset[str]:
    """Return the names in a solution, and what it uses of the package through the page's code.

    The capstone is written from an empty file, so it uses nothing of the package.
    """
    if number in NAMES:
        return frozenset()
    known = asked()[number]
    named = frozenset(IDENTIFIER.findall(known.solution))
    found = [*_statements(known.page), *statements(0, known.solution)]
    through = functions_named(found, known.expression)
    return named.union(name.split(".")[-1] for name in through)


def exercises_of(pages: Sequence[str]) -> list[str]:
    """Return the numbers of the exercises on some pages, in their order."""
    return [number for number, known in asked().items() if known.page in pages]


def pages_of(notebook: Notebook, name: str) -> list[str]:
    """Return the pages to which a notebook belongs: whose exercises it has.

    Args:
        notebook: its cells.
        name: the name of its file, which counts only if it has no exercises at all.
    """
    numbers = {*notebook.headings, *_checked(notebook)}
    pages = Counter(asked()[number].page for number in sorted(numbers) if number in asked())
    if not pages:
        stem = PurePath(name).stem
        known = {page.page for page in asked().values()}
        return [page for page in sorted(known) if PurePath(page).name == stem][:1]
    return [page for page, _ in pages.most_common()]


def _checked(notebook: Notebook) -> list[str]:
    found = []
    for cell in notebook.cells:
        for match in re.finditer(rf"check\(\s*['\"]({NUMBER.pattern})['\"]", cell):
            found.append(match[1])
    return found
