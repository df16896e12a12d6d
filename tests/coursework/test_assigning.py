"""`pg-edu assign`: what a student gets, what an instructor keeps, and what nbgrader reads."""

import csv
import json
import re
from functools import cache
from typing import Any

import pytest

from pg_edu.course import exercise
from pg_edu.course.judge import judge
from pg_edu.course.records import record
from pg_edu.coursework import assigning, nbgrader
from pg_edu.coursework.pages import STUB, Page, Task, find_pages, parts
from pg_edu.coursework.twists import Twist
from pg_edu.coursework.variants import TWISTS, chosen_twist, varied_record
from pg_edu.runs.commands import main
from tests.course.test_exercises import names_of_the_page

SEED = 7
PAGES = find_pages([])
TASKS = [(page, task) for page in PAGES for task in page.tasks]
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
both = pytest.mark.parametrize("variant", [None, SEED])


def text(notebook: dict[str, Any]) -> str:
    return "\n\n".join(cell["source"] for cell in notebook["cells"])


def code(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


# What a student gets


@both
@every_page
def test_a_student_gets_no_output_and_no_solution(page, variant):
    notebook = assigning.student(page, variant)
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code(notebook))
    assert "Solution</summary>" not in text(notebook)
    for task in page.tasks:
        assert task.answer not in text(notebook)


@both
@every_page
def test_a_student_gets_every_cell_of_the_page_with_its_hints(page, variant):
    notebook = assigning.student(page, variant)
    assert [c["id"] for c in notebook["cells"]] == [c["id"] for c in page.notebook["cells"]]
    assert text(notebook).count("<summary>Hint ") == 2 * len(page.tasks)


@every_page
def test_a_card_shows_its_points(page):
    cards = re.findall(
        r"^\*\(\d+ minutes, (\w+), (\d points?); trains: ",
        text(assigning.student(page, None)),
        re.MULTILINE,
    )
    shown = [exercise(task.number) for task in page.tasks]
    assert cards == [
        (card.difficulty, f"{card.points} point{'s' * (card.points > 1)}") for card in shown
    ]


@every_page
def test_without_a_variant_only_outputs_cards_and_solutions_differ_from_the_page(page):
    solution = re.compile(r"<details><summary>Solution.*?</details>\n*", re.DOTALL)
    before = [solution.sub("", cell["source"]) for cell in page.notebook["cells"]]
    given = [cell["source"] for cell in assigning.student(page, None)["cells"]]
    assert [re.sub(r", \d points?; trains: ", "; trains: ", source) for source in given] == before


def test_the_page_itself_is_not_changed():
    (page,) = find_pages(["02"])
    before = json.dumps(page.notebook)
    for variant in (None, SEED):
        assigning.student(page, variant)
        assigning.solved(page, variant)
        nbgrader.source(page, variant)
    assert json.dumps(page.notebook) == before


def test_a_variant_says_what_is_asked_below_the_task_and_above_the_hints():
    (page,) = find_pages(["02"])
    notebook = assigning.student(page, SEED)
    for task in page.tasks:
        twist = chosen_twist(task.number, SEED)
        above = (
            notebook["cells"][task.stub - 1]["source"] + notebook["cells"][task.heading]["source"]
        )
        assert isinstance(twist, Twist) and f"**Your version.** {twist.sentence}" in above
        assert notebook["cells"][task.folds]["source"].count(assigning.ABOUT_THE_PAGE) == 2


def test_new_numbers_stand_in_the_task_in_place_of_the_old_ones():
    (page,) = find_pages(["04"])
    (task,) = [task for task in page.tasks if task.number == "04.1"]
    asked = assigning.student(page, SEED)["cells"][task.heading]["source"]
    section = asked.split("### Exercise 04.1")[1]
    assert "let `B, A = 6, 4`" in section and "zeros(6, 4)" in section and "5, 3" not in section


def test_a_renamed_parameter_is_renamed_in_the_stub():
    (page,) = find_pages(["08"])
    (renaming,) = [twist for twist in TWISTS["08.1"] if twist.name == "in the way"]
    seed = next(s for s in range(99) if chosen_twist("08.1", s) is renaming)
    task = page.tasks[0]
    stub = assigning.student(page, seed)["cells"][task.stub]["source"]
    assert "value, clock_is_in_the_way):" in stub and "clock_is_a_rule" not in stub


@every_page
def test_the_check_of_a_variant_is_set_up_first_and_nothing_replaces_it(page):
    first, *others = code(assigning.student(page, SEED))
    assert first["source"].endswith("\ncheck = check_variant(7)  # the exercises of your version")
    for cell in others:
        assert not re.search(r"import.*\bcheck\b", cell["source"])


# What an instructor keeps


@pytest.mark.parametrize(("page", "task"), TASKS, ids=lambda value: getattr(value, "number", ""))
def test_the_solved_notebook_answers_every_exercise(page, task):
    names = dict(_names(page.name.split("_")[0]))
    exec(_answered(page)["cells"][task.stub]["source"], names)
    assert judge(record(task.number), names[task.name]).correct


@cache
def _names(notebook: str) -> dict[str, Any]:
    return names_of_the_page(notebook)


def _answered(page: Page) -> dict[str, Any]:
    return assigning.solved(page, None)


def test_a_function_is_taken_apart_where_its_body_begins():
    source = "import math\n\n\ndef half(x):\n    # why\n    y = x / 2\n    return y\n"
    found = parts(source, "half")
    assert (found.before, found.parameters) == ("import math", ["x"])
    assert found.body == "# why\ny = x / 2\nreturn y"


# The command


def test_the_command_writes_notebooks_and_a_table(tmp_path, capsys):
    assert main(["assign", str(tmp_path / "out"), "--only", "02", "deeper/02"]) == 0
    written = {p.relative_to(tmp_path / "out").as_posix() for p in tmp_path.rglob("*.*")}
    assert written == {
        "student/02_returns.ipynb",
        "student/deeper/02_returns.ipynb",
        "solved/02_returns.ipynb",
        "solved/deeper/02_returns.ipynb",
        "points.csv",
    }
    assert capsys.readouterr().out.startswith(f"In {tmp_path / 'out'}:\n  student/")
    rows = list(csv.reader((tmp_path / "out" / "points.csv").open(encoding="utf-8")))
    assert rows[1] == ["02_returns", "02.1", "Backwards", "5", "1", "as on the page"]
    assert len(rows) == 1 + 6


def test_a_page_with_a_picture_gets_the_picture(tmp_path):
    assert main(["assign", str(tmp_path / "out"), "--only", "00"]) == 0
    shown = "pictures/agent.png" in (tmp_path / "out/student/00_quickstart.ipynb").read_text()
    assert (tmp_path / "out/student/pictures/agent.png").is_file() == shown


def test_a_file_that_is_there_is_never_replaced(tmp_path, capsys):
    path = tmp_path / "solved" / "02_returns.ipynb"
    path.parent.mkdir()
    path.write_text("my work")
    assert main(["assign", str(tmp_path), "--only", "02"]) == 2
    error = capsys.readouterr().err
    assert error == (
        f"pg_edu: {path} exists already and may hold your work. Name another folder.\n"
    )
    assert [p.name for p in tmp_path.rglob("*.*")] == ["02_returns.ipynb"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--only", "77"], "no page is called '77'; there are: 00, 01, "),
        (["--variant", "x"], "argument --variant: invalid int value: 'x'"),
        (["--format", "otter"], "argument --format: invalid choice: 'otter'"),
        (["--format", "nbgrader", "--execute"], "--execute is for --format plain"),
    ],
)
def test_a_mistake_is_reported_in_one_line(tmp_path, capsys, given, message):
    try:
        status: Any = main(["assign", str(tmp_path / "out"), *given])
    except SystemExit as end:
        status = end.code
    line = capsys.readouterr().err
    assert status == 2 and message in line and line.count("\n") == 1
    assert not (tmp_path / "out").exists()


# What nbgrader reads; `make course` runs nbgrader's own commands on it


@both
@every_page
def test_nbgrader_finds_an_answer_and_a_test_for_every_exercise(page, variant):
    marked = [c for c in nbgrader.source(page, variant)["cells"] if "nbgrader" in c["metadata"]]
    ids = [cell["metadata"]["nbgrader"]["grade_id"] for cell in marked]
    numbers = [task.number.replace(".", "-") for task in page.tasks]
    assert ids == [f"{kind}-{number}" for number in numbers for kind in ("answer", "check")]
    for cell, task in zip(marked[1::2], page.tasks, strict=True):
        assert cell["metadata"]["nbgrader"]["points"] == exercise(task.number).points


@both
@every_page
def test_without_its_regions_a_source_is_what_a_student_gets(page, variant):
    """nbgrader puts `raise NotImplementedError` in the place of a solution."""
    source = text(nbgrader.source(page, variant))
    source = re.sub(r"\n### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS", "", source, flags=re.DOTALL)
    source = re.sub(
        r"( *)### BEGIN SOLUTION.*?### END SOLUTION", rf"\1{STUB}", source, flags=re.DOTALL
    )
    given = text(assigning.student(page, variant))
    for task in page.tasks:  # A value has a line of its own for its answer.
        if not record(task.number).asks_for_a_function:
            source = source.replace(f"{task.name} = None\n{STUB}", f"{task.name} = None")
    assert source.split() == given.split()


@pytest.mark.parametrize("number", ["02.1", "03.5", "06.7"])
@both
def test_the_solution_for_nbgrader_is_right(number, variant):
    page, task = _place(number)
    cell = nbgrader.source(page, variant)["cells"][_moved(page, task)]
    names = dict(_names(page.name.split("_")[0]))
    exec(cell["source"], names)
    assert judge(varied_record(number, variant), names[task.name]).correct


def _place(number: str) -> tuple[Page, Task]:
    return next((page, task) for page, task in TASKS if task.number == number)


def _moved(page: Page, task: Task) -> int:
    cells = nbgrader.source(page, None)["cells"]
    wanted = page.notebook["cells"][task.stub]["id"]
    return next(i for i, cell in enumerate(cells) if cell["id"] == wanted)


def test_hidden_tests_give_points_on_cases_that_differ_each_time(monkeypatch, capsys):
    key = record("02.1").key
    seen = []

    def answer(rew: Any, gamma: float) -> Any:
        seen.append(repr((rew, gamma)))
        return key(rew, gamma)

    assert [nbgrader.points("02.1", answer) for _ in range(2)] == [1, 1]
    assert len(set(seen)) > len(seen) / 2 + 1
    assert nbgrader.points("02.1", lambda rew, gamma: 0) == 0
