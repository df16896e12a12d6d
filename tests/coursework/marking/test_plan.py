"""What is run of a notebook, and where its answers are asked for."""

import ast
import json
import time

import pytest

from pg_edu.coursework.marking.cells import MOST_CODE, NoNotebook, read_notebook
from pg_edu.coursework.marking.names import Statement, needed, statements
from pg_edu.coursework.marking.plan import MOST_ASKS, Ask, Run, make_plan
from tests.coursework.marking.classes import cells as notebook_of

EXERCISES = {"02.1": "returns_of_one_episode", "02.2": "returns_of_many_episodes"}


def code_that_runs(*cells: str) -> list[str]:
    plan = make_plan(list(cells), EXERCISES)
    return [step.code.strip() for step in plan.steps if isinstance(step, Run)]


def asks(*cells: str) -> list[Ask]:
    return [step for step in make_plan(list(cells), EXERCISES).steps if isinstance(step, Ask)]


def test_only_what_an_answer_needs_is_run():
    assert code_that_runs(
        "import numpy as np\nimport torch",
        "train_for_an_hour()\nscale = 2.0",
        "def helper(x):\n    return np.sum(x) * scale",
        "def f(rew, gamma):\n    total = helper(rew)\n    return total",
        'check("02.1", f)',
    ) == [
        "import numpy as np",
        "scale = 2.0",
        "def helper(x):\n    return np.sum(x) * scale",
        "def f(rew, gamma):\n    total = helper(rew)\n    return total",
    ]


def test_a_local_variable_needs_no_global_of_its_name():
    assert code_that_runs("gamma = slow()", 'def f(gamma): return gamma\ncheck("02.1", f)') == [
        "def f(gamma): return gamma"
    ]


@pytest.mark.parametrize(
    "change", ["table['a'] = 2", "table.update(a=2)", "table.a = 2", "for x in y: table[x] = 1"]
)
def test_what_changes_a_needed_object_is_needed(change):
    found = statements(0, f"table = {{}}\n{change}\nprint(table)")
    kept = [s.lines[0] for s in needed(found, frozenset({"table"}))]
    assert kept == [1, 2]


def test_a_line_keeps_its_number():
    (run,) = [
        step
        for step in make_plan(['x = 1\n\ndef f(): pass\ncheck("02.1", f)'], EXERCISES).steps
        if isinstance(step, Run)
    ]
    assert run.code == "\n\ndef f(): pass\n"


def test_an_answer_is_asked_for_where_it_is_checked_so_a_name_may_be_used_twice():
    cells = ['f = 1\ncheck("02.1", f)', 'f = 2\ncheck(number="02.2", answer=f)']
    steps = make_plan(cells, EXERCISES).steps
    assert steps[1] == Ask("02.1", "f", 0)
    assert steps[3] == Ask("02.2", "f", 1)
    assert steps[4:] == [Ask("02.1", "f")]  # counts only if there was no answer above


def test_where_the_check_was_deleted_the_name_on_the_page_counts():
    assert asks("def returns_of_one_episode(): pass") == [Ask("02.1", "returns_of_one_episode")]


def test_a_cell_that_cannot_be_parsed_is_run_so_that_its_error_is_known():
    assert code_that_runs("def f(:", 'g = 1\ncheck("02.1", g)') == ["def f(:", "g = 1"]


@pytest.mark.parametrize("code", ["-" * 100_000 + "1", "(" * 5_000, "x" + "[0]" * 50_000, "\0"])
def test_code_that_is_nested_without_end_is_survived(code):
    assert asks(code, 'g = 1\ncheck("02.1", g)') == [Ask("02.1", "g", 1)]


@pytest.mark.parametrize(
    "content",
    [b"", b"  ", b"\xff\xfe", b"[]", b"{}", b'{"cells": 1}', b"[" * 100_000, b"\x89PNG", b"null"],
)
def test_a_file_that_is_no_notebook_is_refused_with_a_reason(content):
    with pytest.raises(NoNotebook):
        read_notebook(content)


def test_cells_of_any_kind_are_survived():
    strange = [None, 1, {}, {"cell_type": "code"}, {"cell_type": "code", "source": [1, "x = 1"]}]
    notebook = read_notebook(json.dumps({"cells": strange}).encode())
    assert [cell.strip() for cell in notebook.cells] == ["", "x = 1"]


def test_magics_become_python():
    source = "%matplotlib inline\n!ls\nx = 1"
    content = json.dumps({"cells": [{"cell_type": "code", "source": source}]}).encode()
    (code,) = read_notebook(content).cells
    assert [s.lines for s in statements(0, code)] == [(1, 1), (2, 2), (3, 3)]


def test_a_long_chain_of_names_takes_no_longer_than_its_code():
    count = 10_000
    found = [
        Statement(0, (i, i), frozenset({f"x{i}"}), frozenset({f"x{i + 1}"}), ast.Pass())
        for i in range(count)
    ]
    begin = time.process_time()
    assert len(needed(found, frozenset({"x0"}))) == count
    assert time.process_time() - begin < 1.0


def test_of_many_answers_to_an_exercise_only_the_last_few_are_asked_for():
    calls = [f'check("02.1", f{i})' for i in range(1000)]
    asked = asks(*calls, 'check("02.2", g)')
    last = [f"f{i}" for i in range(1000 - MOST_ASKS, 1000)]
    assert [ask.expression for ask in asked] == [*last, "g"]


def test_endless_code_is_cut_off():
    notebook = read_notebook(notebook_of(*["a\n" * 90_000] * 10))
    assert sum(map(len, notebook.cells)) < 1.01 * MOST_CODE
    assert not notebook.whole
