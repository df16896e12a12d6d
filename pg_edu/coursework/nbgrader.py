"""Sources for nbgrader, and the hidden tests that it runs.

nbgrader runs its tests in the kernel of the submission. So code in a submission can fake them; they
are a convenience, and `pg-edu mark` is what can be trusted.
"""

import secrets
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from textwrap import indent
from typing import Any

from pg_edu.course.cards import exercise
from pg_edu.course.judge import judge
from pg_edu.coursework.assigning import (
    as_bytes,
    function,
    shown_pictures,
    student,
    table,
    value,
)
from pg_edu.coursework.pages import STUB, Cell, Page, Task
from pg_edu.coursework.variants import varied_record

SCHEMA = 3
CONFIG = """# The settings of nbgrader for this course; run its commands in this folder.
c = get_config()
c.CourseDirectory.course_id = "pg_edu"
c.ClearSolutions.code_stub = {"python": "raise NotImplementedError"}
c.ExecutePreprocessor.timeout = 120  # seconds for a cell
"""


def points(number: str, answer: Any, variant: int | None = None) -> int:
    """Print the verdict on an answer, on random cases that are new each time; return the points.

    nbgrader takes the last value of a cell of tests for its points.

    Args:
        number: the number of the exercise.
        answer: the student's function or value.
        variant: the seed of the variant, or None.

    Example:
        >>> points("02.1", None)
        ○ 02.1 not attempted yet
        0
    """
    verdict = judge(varied_record(number, variant), answer, seed=secrets.randbits(32))
    print(verdict)
    return verdict.points


def assignment(page: Page) -> str:
    """Return the name of a page as an assignment, such as "02_returns" or "02_returns_deeper"."""
    name = page.name.removeprefix("deeper/")
    return name if name == page.name else f"{name}_deeper"


def source(page: Page, variant: int | None) -> dict[str, Any]:
    """Return the source of an assignment: solutions and hidden tests are marked for nbgrader.

    Args:
        page: the page.
        variant: the seed of the variant, or None.
    """
    notebook = student(page, variant)
    cells = notebook["cells"]
    for task in reversed(page.tasks):  # A cell that is inserted moves only what comes after it.
        rest = _cell_of_the_rest(cells[task.check], task)
        _mark_answer(cells[task.stub], task, variant)
        _mark_check(cells[task.check], task, variant)
        cells[task.check + 1 : task.check + 1] = rest
    return notebook


def course(out: Path, pages: Sequence[Page], variant: int | None) -> dict[Path, bytes]:
    """Return the files of a course for nbgrader, by their paths.

    Args:
        out: the folder of the course.
        pages: the pages; each becomes an assignment.
        variant: the seed of the variant, or None.
    """
    files = {
        out / "points.csv": table(pages, variant),
        out / "nbgrader_config.py": CONFIG.encode(),
    }
    for page in pages:
        name = assignment(page)
        folder = out / "source" / name
        files[folder / f"{name}.ipynb"] = as_bytes(source(page, variant))
        for picture, data in shown_pictures([page]).items():
            files[folder / picture] = data
    return files


def _mark_answer(cell: Cell, task: Task, variant: int | None) -> None:
    cell["metadata"]["nbgrader"] = _metadata(f"answer-{_id(task)}", solution=True, locked=False)
    stub = cell["source"]
    if STUB not in stub:
        answer = _region("SOLUTION", value(task, variant))
        cell["source"] = f"{stub.rstrip()}\n{answer}"
        return
    before, body = function(task, stub, variant)
    inside = f"{before}\n\n{body}" if before else body
    answer = indent(_region("SOLUTION", inside), "    ")
    cell["source"] = stub.replace(f"    {STUB}", answer)


def _mark_check(cell: Cell, task: Task, variant: int | None) -> None:
    cell["metadata"]["nbgrader"] = _metadata(
        f"check-{_id(task)}", grade=True, locked=True, points=exercise(task.number).points
    )
    argument = "" if variant is None else f", variant={variant}"
    hidden = (
        "from pg_edu.coursework.nbgrader import points\n\n"
        f'points("{task.number}", {task.name}{argument})'
    )
    call, _ = _call_and_rest(cell["source"], task)
    cell["source"] = f"{call}\n{_region('HIDDEN TESTS', hidden)}"


def _call_and_rest(code: str, task: Task) -> tuple[str, str]:
    """Return the code down to the call of `check`, and what comes after it."""
    call = f'check("{task.number}", {task.name})'
    before, _, after = code.partition(call)
    return before + call, after.strip()


def _cell_of_the_rest(cell: Cell, task: Task) -> list[Cell]:
    """Return a cell with what follows a check, or none.

    nbgrader gives no points to a cell that prints a warning, such as one that trains an agent.
    """
    _, rest = _call_and_rest(cell["source"], task)
    copied = {**deepcopy(cell), "id": f"after-{_id(task)}", "source": rest}
    return [copied] if rest else []


def _metadata(name: str, **given: Any) -> dict[str, Any]:
    """Return what nbgrader says about a cell."""
    plain = {"grade": False, "locked": True, "solution": False, "task": False}
    return {**plain, **given, "grade_id": name, "schema_version": SCHEMA}


def _region(kind: str, code: str) -> str:
    return f"### BEGIN {kind}\n{code}\n### END {kind}"


def _id(task: Task) -> str:
    return task.number.replace(".", "-")
