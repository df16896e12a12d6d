"""`pg-edu mark` from end to end: a small class, once, and then once more."""

import csv
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from matplotlib.patches import Rectangle

from pg_edu.coursework.marking.feedback import Row, file_name, write_feedback
from pg_edu.coursework.marking.journal import Journal
from pg_edu.coursework.marking.marking import Mark, Options, unmarked
from pg_edu.coursework.marking.strip import solutions_near
from pg_edu.coursework.marking.submissions import Submission
from pg_edu.coursework.marking.summary import common_diagnoses, draw_class
from pg_edu.coursework.marking.table import write_table
from pg_edu.coursework.marking.whole_class import make_tasks
from pg_edu.runs.commands import main
from tests.coursework.marking.classes import RIGHT, WRONG, answered, cells, written

PAGE = "02_returns"


def with_answers(status: str) -> bytes:
    found = {a.exercise: a.code for a in reversed(written("02")) if a.status == status}
    return answered(PAGE, found)


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    folder = tmp_path_factory.mktemp("class")
    submissions = {
        "ada.ipynb": with_answers(RIGHT),
        "bea.ipynb": with_answers(WRONG),
        "carl.ipynb": answered(PAGE, {}),
        "dora.ipynb": b"",
        "<script>alert(1)</script>.ipynb".replace("/", "\u2215"): with_answers(WRONG),
        "emil.ipynb": cells("import os\nos._exit(1)", 'check("02.1", 1)'),
    }
    (folder / "in").mkdir()
    for name, content in submissions.items():
        (folder / "in" / name).write_bytes(content)
    arguments = ["mark", str(folder / "in"), "--out", str(folder / "marks.csv"), "--workers", "1"]
    status = main([*arguments, "--seed", "3"])
    return SimpleNamespace(folder=folder, sent=submissions, arguments=arguments, status=status)


def rows_of(marked: Any) -> dict[tuple[str, str], dict[str, str]]:
    with open(marked.folder / "marks.csv", encoding="utf-8", newline="") as file:
        return {(row["student"], row["exercise"]): row for row in csv.DictReader(file)}


def test_there_is_a_row_for_each_student_and_exercise_also_for_an_empty_file(marked):
    rows = rows_of(marked)
    assert marked.status == 0
    assert len(rows) == 6 * 3
    assert [rows["ada", f"02.{n}"]["points"] for n in (1, 2, 3)] == ["1", "1", "2"]
    assert {rows["bea", f"02.{n}"]["verdict"] for n in (1, 2, 3)} == {"wrong"}
    assert {rows["carl", f"02.{n}"]["verdict"] for n in (1, 2, 3)} == {"not attempted"}
    assert {rows["dora", f"02.{n}"]["verdict"] for n in (1, 2, 3)} == {"not marked"}
    assert rows["dora", "02.3"]["possible"] == "2"
    assert rows["emil", "02.1"]["points"] == "0"


def test_ctrl_c_while_workers_start_is_one_line(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ada.ipynb").write_bytes(answered(PAGE, {}))
    command = [sys.executable, "-m", "pg_edu", "mark", "in"]
    marking = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while marking.poll() is None and not has_a_worker(marking.pid):
        time.sleep(0.02)
    os.killpg(marking.pid, signal.SIGINT)
    error = marking.communicate(timeout=120)[1]
    assert marking.returncode == 130
    assert "Traceback" not in error
    assert error.splitlines()[-1] == "pg_edu: stopped"


def has_a_worker(marker: int) -> bool:
    children = psutil.Process(marker).children()
    return any("spawn_main" in " ".join(child.cmdline()) for child in children)


def test_submissions_are_not_changed(marked):
    now = {path.name: path.read_bytes() for path in (marked.folder / "in").iterdir()}
    assert now == marked.sent


def test_feedback_holds_the_diagnosis_and_no_markup_of_a_student(marked):
    pages = list((marked.folder / "marks" / "feedback").glob("*.html"))
    texts = [page.read_text(encoding="utf-8") for page in pages]
    assert len(pages) == 6
    assert not any("<script" in text or "http://" in text for text in texts)
    (of_bea,) = [text for text in texts if "Feedback for bea" in text]
    assert rows_of(marked)["bea", "02.1"]["diagnosis"][:30] in of_bea


def test_the_summary_counts_and_holds_its_picture(marked):
    text = (marked.folder / "marks" / "summary.html").read_text(encoding="utf-8")
    assert "6 students, 18 marks" in text
    assert "02.1: 2 wrong" in text or "02.1: 3 wrong" in text
    assert "data:image/png;base64," in text
    assert (marked.folder / "marks" / "summary.png").stat().st_size > 5_000


def test_what_is_in_the_journal_is_not_run_again(marked, monkeypatch):
    before = (marked.folder / "marks.csv").read_bytes()
    monkeypatch.setattr(
        "pg_edu.coursework.marking.whole_class.ProcessPoolExecutor",
        lambda *_: pytest.fail("a kernel was started"),
    )
    assert main(marked.arguments) == 0  # with the seed of the journal
    assert (marked.folder / "marks.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "does not exist"),
        ([".", "--workers", "0"], "must be positive"),
        ([".", "--only", "2.1"], "there is no exercise '2.1'"),
        ([".", "--out", "marks"], "ends in .csv"),
        ([".", "--seed", "-1"], "negative"),
    ],
)
def test_an_impossible_command_is_one_line(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["mark", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


# Parts by themselves


def test_a_file_that_is_no_notebook_gets_the_exercises_of_the_others():
    submissions = [
        Submission("ada", "ada.ipynb", cells('check("02.1", 1)')),
        Submission("bea", "bea.ipynb", b"?"),
        Submission("carl", "11_where_next.ipynb", cells("x = 1")),
    ]
    tasks = make_tasks(submissions)
    assert [task.exercises for task in tasks[:2]] == [["02.1", "02.2", "02.3"]] * 2
    assert tasks[2].exercises == ["11.1", "11.3"]
    assert make_tasks(submissions, ["03.3"])[0].exercises == ["03.3"]


def test_a_journal_survives_a_line_that_was_cut_off(tmp_path):
    journal = Journal(tmp_path / "journal")
    marks = [Mark("02.1", 1, 1, "correct")]
    journal.keep_seed(7)
    journal.end("a", marks)
    with open(journal.path, "a", encoding="utf-8") as file:
        file.write('{"what": "end", "key": "b", "ma')
    again = Journal(journal.path)
    assert (again.seed, again.marks("a"), again.marks("b")) == (7, marks, None)


def test_a_notebook_that_kills_the_marker_twice_is_not_run_again(tmp_path):
    for _ in range(2):
        journal = Journal(tmp_path / "journal")
        assert not journal.has_killed("a")
        journal.begin("a")
    assert Journal(tmp_path / "journal").has_killed("a")
    journal.stopped()  # It was the user after all.
    assert not Journal(tmp_path / "journal").has_killed("a")


def test_a_spreadsheet_finds_no_formula_in_the_table(tmp_path):
    write_table(tmp_path / "t.csv", [("=1+1", "+x.ipynb", Mark("02.1", found="@x"))])
    with open(tmp_path / "t.csv", encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["student"], row["file"], row["found"]) == ("'=1+1", "'+x.ipynb", "'@x")


def test_no_two_students_share_a_page_of_feedback(tmp_path):
    names = ["ada", "a/da", "a_da", "../../ada", "ä", "ö", "", "\udcff", "x" * 300]
    rows = [Row(name, "f", Mark("02.1", found="<b>", code="</pre><b>")) for name in names]
    pages = write_feedback(tmp_path / "feedback", rows)
    assert len({page.resolve() for page in pages}) == len(names)
    assert all(page.parent == tmp_path / "feedback" for page in pages)
    assert "<b>" not in pages[0].read_text(encoding="utf-8")
    assert file_name("ada") == "ada"


def test_the_picture_has_a_bar_for_each_verdict_as_long_as_its_count():
    verdicts = ["correct", "correct", "wrong", "not marked"]
    rows = [Row(str(n), "f", Mark("02.1", verdict=v)) for n, v in enumerate(verdicts)]
    (axes,) = draw_class(rows).axes
    bars = [bar for bar in axes.patches if isinstance(bar, Rectangle)]
    assert [bar.get_width() for bar in bars] == [2, 1, 0, 1]
    assert [bar.get_x() for bar in bars] == [0, 2, 3, 3]


def test_a_misconception_counts_students_and_not_files():
    mark = Mark("02.1", diagnosis="no discount")
    rows = [Row("ada", "1", mark), Row("ada", "2", mark), Row("bea", "1", mark)]
    assert common_diagnoses(rows) == [(2, "02.1", "no discount")]


def test_without_an_exercise_that_is_known_there_is_still_a_row():
    assert unmarked([], "the file is empty.", Options()) == [Mark("", found="the file is empty.")]


@pytest.mark.parametrize("form", [[], ["--format", "nbgrader"]], ids=["plain", "nbgrader"])
def test_notebooks_cannot_read_the_solutions_that_assign_wrote_beside_the_submissions(
    form, tmp_path
):
    assert main(["assign", str(tmp_path / "handout"), "--only", "02", *form]) == 0
    hidden = solutions_near([tmp_path, tmp_path / "handout"])
    solved = [p for p in tmp_path.rglob("*.ipynb") if p.parent.name != "student"]
    assert solved
    assert all(any(path.is_relative_to(place) for place in hidden) for path in solved)
