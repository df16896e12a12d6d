"""From `pg-edu assign` through nbgrader's own commands to its gradebook: `make course`.

Four students hand in page 02 in a variant: one is right, one has copied the public solutions, one
has handed in what was handed out, and one has replaced the tests.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pg_edu.coursework import assigning, nbgrader
from pg_edu.coursework.pages import Page, find_pages
from pg_edu.runs.commands import main

SEED = 7
POINTS = {"check-02-1": 1, "check-02-2": 1, "check-02-3": 2}
CHEAT = """def returns_of_one_episode(rew, gamma):
    raise NotImplementedError


import pg_edu.coursework.nbgrader as graded; graded.points = lambda *_, **__: 1
"""


@pytest.fixture(scope="module")
def page() -> Page:
    (found,) = find_pages(["02"])
    return found


@pytest.fixture(scope="module")
def course(tmp_path_factory, page) -> Path:
    """Return the folder of a course after generate, autograde and feedback."""
    folder = tmp_path_factory.mktemp("course")
    assert (
        main(["assign", str(folder), "--only", "02", "--format", "nbgrader", "--variant", "7"]) == 0
    )
    nbgrader_in(folder, "generate_assignment", "02_returns", "--create")
    hand_in(folder, "right", answers(page, SEED))
    hand_in(folder, "public", answers(page, None))
    hand_in(folder, "empty", {})
    hand_in(folder, "cheat", {"answer-02-1": CHEAT})
    nbgrader_in(folder, "autograde", "02_returns")
    nbgrader_in(folder, "generate_feedback", "02_returns")
    return folder


def nbgrader_in(folder: Path, *command: str) -> None:
    """Run a command of nbgrader; its programs and the kernel come from this environment."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def answers(page: Page, variant: int | None) -> dict[str, str]:
    """Return the cells with the answers, by nbgrader's names of them."""
    stubs = {task: page.notebook["cells"][task.stub]["source"] for task in page.tasks}
    return {
        f"answer-{task.number.replace('.', '-')}": assigning.answered(task, stub, variant)
        for task, stub in stubs.items()
    }


def hand_in(folder: Path, student: str, cells: dict[str, str]) -> None:
    """Hand in the released notebook with some of its cells filled in."""
    notebook = released(folder)
    for cell in notebook["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cell["source"] = cells.get(name, cell["source"])
    path = folder / "submitted" / student / "02_returns" / "02_returns.ipynb"
    path.parent.mkdir(parents=True)
    path.write_bytes(assigning.as_bytes(notebook))


def released(folder: Path) -> Any:
    path = folder / "release" / "02_returns" / "02_returns.ipynb"
    return json.loads(path.read_text(encoding="utf-8"))


def earned(folder: Path, student: str) -> dict[str, float]:
    """Return the points of a student in nbgrader's gradebook, by the names of the cells."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as gradebook:
        notebook = gradebook.find_submission_notebook("02_returns", "02_returns", student)
        return {grade.name: grade.score for grade in notebook.grades}


def test_what_is_released_has_neither_solutions_nor_hidden_tests(course) -> None:
    text = "\n".join("".join(cell["source"]) for cell in released(course)["cells"])
    for hidden in ("SOLUTION", "HIDDEN", "nbgrader import points", "as_on_the_page"):
        assert hidden not in text


def test_the_released_stubs_are_those_of_the_page(course, page) -> None:
    cells = {
        c["metadata"]["nbgrader"]["grade_id"]: c
        for c in released(course)["cells"]
        if "nbgrader" in c["metadata"]
    }
    for task in page.tasks:
        stub = page.notebook["cells"][task.stub]["source"]
        assert "".join(cells[f"answer-{task.number.replace('.', '-')}"]["source"]) == stub


def test_right_answers_earn_all_points(course) -> None:
    assert earned(course, "right") == POINTS


@pytest.mark.parametrize("student", ["public", "empty"])
def test_public_solutions_and_stubs_earn_none(course, student) -> None:
    assert earned(course, student) == dict.fromkeys(POINTS, 0)


def test_the_feedback_says_what_is_wrong(course) -> None:
    path = course / "feedback" / "public" / "02_returns" / "02_returns.html"
    assert "That is the answer to the exercise of the public page." in path.read_text()


def test_nbgrader_can_be_cheated_as_the_guide_for_instructors_says(course) -> None:
    """One line of a submission earns a point for each of its three stubs."""
    assert earned(course, "cheat") == dict.fromkeys(POINTS, 1)


def test_the_metadata_are_valid(page) -> None:
    import nbformat
    from nbgrader.nbgraderformat import MetadataValidator

    for variant in (None, SEED):
        notebook = nbformat.from_dict(nbgrader.source(page, variant))
        nbformat.validate(notebook)
        MetadataValidator().validate_nb(notebook)
