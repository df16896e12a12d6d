"""The two halves of each exercise: the key, its misconceptions, and the page's solution."""

import ast
import re
from functools import cache
from typing import Any

import build
import numpy as np
import pytest

from pg_edu.course import exercise, exercises
from pg_edu.course.judge import judge
from pg_edu.course.outcomes import the_result
from pg_edu.course.records import Exercise, cases, records
from pg_edu.course.showing import arguments
from pg_edu.course.verdicts import CORRECT, NOT_ATTEMPTED, WRONG

ALL = records()
# The keys are "02" and "deeper/02".
SOURCES = {build.name(source).split("_")[0]: source for source in build.sources([])}
SECTION = re.compile(r"^### Exercise (\d\d\.\d+) · .*?(?=^#{2,3} |\Z)", re.MULTILINE | re.DOTALL)
FOLD = r"<details><summary>{}</summary>\n\n(.*?)\n\n</details>"
POINTS = {"easy": 1, "medium": 2, "hard": 3}

every_exercise = pytest.mark.parametrize("record", ALL, ids=lambda record: record.number)
every_misconception = pytest.mark.parametrize(
    ("record", "misconception"),
    [(record, misconception) for record in ALL for misconception in record.misconceptions],
    ids=lambda value: getattr(value, "number", None) or value.diagnosis[:60],
)


@cache
def page(notebook: str) -> str:
    return SOURCES[notebook].read_text(encoding="utf-8")


@cache
def section(number: str) -> str:
    """Return the text of an exercise in its page."""
    found = {match[1]: match[0] for match in SECTION.finditer(page(home(number)))}
    return found[number]


@cache
def home(number: str) -> str:
    """Return the page of an exercise: "02" or "deeper/02"."""
    (found,) = [name for name in SOURCES if f"### Exercise {number} " in page(name)]
    return found


def fold(record: Exercise, summary: str) -> str:
    match = re.search(FOLD.format(summary), section(record.number), re.DOTALL)
    assert match, f"{record.number} has no fold {summary!r}"
    return match[1]


def names_of_the_page(notebook: str) -> dict[str, Any]:
    """Return what the cells of a page import and define, without running anything else."""
    names: dict[str, Any] = {}
    cells = re.findall(r"^```python[^\n]*\n(.*?)^```", page(notebook), re.MULTILINE | re.DOTALL)
    for code in cells[1:]:  # The first cell installs the package, with a command of IPython.
        kept: list[ast.stmt] = [
            node
            for node in ast.parse(code).body
            if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)
        ]
        exec(compile(ast.Module(kept, []), notebook, "exec"), names)
    return names


def solution(record: Exercise) -> Any:
    """Return the answer that the page's solution defines under the name of the stub."""
    code = re.search(r"```py\n(.*?)```", fold(record, "Solution"), re.DOTALL)
    asked = re.search(rf'^check\("{record.number}", (\w+)\)', section(record.number), re.MULTILINE)
    assert code and asked
    names = names_of_the_page(home(record.number))
    exec(code[1], names)
    return names[asked[1]]


# The package's half


@every_exercise
def test_the_key_is_correct_whatever_the_seed(record):
    for seed in range(10):
        assert str(judge(record, record.key, seed)) == f"✓ {record.number} correct"


@every_misconception
def test_every_misconception_gets_its_diagnosis_and_the_page_that_explains_it(
    record, misconception
):
    verdict = judge(record, misconception.answer)
    assert verdict.status == WRONG
    assert verdict.diagnosis.startswith(f"{misconception.diagnosis} (notebook ")
    assert not re.search(r"[$\\]", verdict.diagnosis)


@every_misconception
def test_the_page_that_explains_a_misconception_has_that_heading(record, misconception):
    notebook, heading = misconception.page.split(" ", maxsplit=1)
    assert re.search(rf"^##+ {re.escape(heading)}$", page(notebook), re.MULTILINE)


@pytest.mark.parametrize(
    ("record", "extreme"),
    [(record, extreme) for record in ALL for extreme in record.extremes],
    ids=lambda value: getattr(value, "number", "extreme"),
)
def test_the_page_that_explains_an_extreme_case_has_that_heading(record, extreme):
    notebook, heading = extreme.page.split(" ", maxsplit=1)
    assert re.search(rf"^##+ {re.escape(heading)}$", page(notebook), re.MULTILINE)


@every_exercise
def test_every_exercise_knows_a_few_misconceptions(record):
    assert len(record.misconceptions) >= 4


@every_exercise
def test_a_function_is_tried_on_random_cases_which_differ_from_seed_to_seed(record):
    if record.asks_for_a_function:
        first, again, other = (
            [arguments(record.key, case) for case in cases(record, seed)] for seed in (0, 0, 1)
        )
        assert first == again and first != other


@every_exercise
def test_an_answer_from_a_table_of_the_fixed_cases_is_refused(record):
    """A reader who reads the fixed cases off the verdicts has not solved the exercise."""
    if not record.asks_for_a_function:
        return
    table = {repr(case): record.key(*case) for case in record.cases}
    assert judge(record, lambda *case: table.get(repr(case), 0.0)).status == WRONG


@every_exercise
def test_numbers_of_the_first_case_are_all_printed(record):
    if record.asks_for_a_function:
        line = str(judge(record, lambda *arguments: "a text"))
        assert "array of shape" not in line.split("got")[0]


# The page's half


@every_exercise
def test_the_solution_of_the_page_is_correct(record):
    for seed in range(5):
        assert judge(record, solution(record), seed).status == CORRECT


@every_exercise
def test_the_solution_says_why_in_at_least_two_sentences(record):
    why = fold(record, "Solution").split("```")[-1]
    assert len(re.findall(r"[.?!:](?=\s|$)", why)) >= 2


@every_exercise
def test_the_page_has_a_stub_and_two_hints(record):
    assert fold(record, "Hint 1") != fold(record, "Hint 2")
    stub = "raise NotImplementedError" if record.asks_for_a_function else "= None"
    assert stub in section(record.number)


@every_exercise
def test_a_stub_says_its_shapes(record):
    if record.asks_for_a_function:
        assert re.search(r"#.*->", section(record.number).split("raise Not")[0])


@every_exercise
def test_the_points_follow_from_the_difficulty(record):
    card = exercise(record.number)
    assert card.points == record.points == POINTS[card.difficulty]
    assert 1 <= card.minutes <= 20 and card.trains and card.title


@every_exercise
def test_a_task_that_asks_for_decimals_says_how_many(record):
    if record.asks_for_a_function:
        return
    words = {1: "one decimal", 2: "two decimals", 3: "three decimals", 4: "four decimals"}
    if record.decimals is not None:
        assert words[record.decimals] in section(record.number).split("<details>")[0]


def test_the_notebooks_check_every_exercise_once_and_in_order():
    checked = []
    for notebook in SOURCES:
        on_the_page = re.findall(r'^check\("(.*?)"', page(notebook), re.MULTILINE)
        assert on_the_page == sorted(on_the_page)
        checked += on_the_page
    assert sorted(checked) == [record.number for record in ALL]


def test_there_is_a_card_for_every_exercise():
    assert [card.number for card in exercises()] == [record.number for record in ALL]


def test_a_card_shows_what_is_asked_for_and_nothing_of_the_answer():
    card = exercise("02.1")
    assert str(card).startswith("02.1 Backwards (02_returns): 5 minutes, easy, 1 point; trains: ")
    assert not hasattr(card, "key")


def test_the_error_for_an_unknown_exercise_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"no exercise '77\.7'; there are: 00\.1, .*"):
        exercise("77.7")


# Not attempted


@every_exercise
def test_a_stub_is_not_attempted_and_gets_no_hint(record):
    def stub(*arguments):
        raise NotImplementedError

    for empty in (None, ..., stub if record.asks_for_a_function else None):
        verdict = judge(record, empty)
        assert verdict.status == NOT_ATTEMPTED
        assert str(verdict) == f"○ {record.number} not attempted yet"
        assert verdict.points == 0 and verdict.possible == record.points


# Odd but right


@every_exercise
def test_the_answer_is_right_as_tuples_as_well(record):
    if not record.asks_for_a_function:
        assert judge(record, _as_tuples(record.key)).correct
    elif record.observe is the_result:
        assert judge(record, lambda *arguments: _as_tuples(record.key(*arguments))).correct


def _as_tuples(value: Any) -> Any:
    value = value.tolist() if isinstance(value, np.ndarray) else value
    return tuple(map(_as_tuples, value)) if isinstance(value, list | tuple) else value
