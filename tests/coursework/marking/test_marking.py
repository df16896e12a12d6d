"""The marks of notebooks that mean well, whatever was done to their cells."""

import pytest

from pg_edu.course.verdicts import CORRECT, NOT_ATTEMPTED, WRONG

BACKWARDS = """def {name}(rew, gamma):
    G, following = np.zeros(len(rew)), 0.0
    for t in reversed(range(len(rew))):
        following = rew[t] + gamma * following
        G[t] = following
    return G"""
RIGHT = "import numpy as np\n" + BACKWARDS.format(name="returns_of_one_episode")
STUB = "def returns_of_one_episode(rew, gamma):\n    raise NotImplementedError"
WITHOUT_DISCOUNT = "def f(rew, gamma):\n    return rew[::-1].cumsum()[::-1]"


def of_02_1(marks):
    return marks["02.1"].verdict, marks["02.1"].points


def test_an_answer_whose_check_was_deleted_is_marked_by_its_name(mark):
    marks = mark(RIGHT)
    assert of_02_1(marks) == (CORRECT, 1)
    assert marks["02.2"].verdict == NOT_ATTEMPTED
    assert "returns_of_many_episodes" in marks["02.2"].found


def test_the_last_attempt_counts_and_a_stub_is_none(mark):
    again = f'{STUB}\ncheck("02.1", returns_of_one_episode)'
    first = f'{RIGHT}\ncheck("02.1", returns_of_one_episode)'
    assert of_02_1(mark(first, again)) == (CORRECT, 1)
    assert of_02_1(mark(again, RIGHT)) == (CORRECT, 1)
    assert of_02_1(mark(first, f'{WITHOUT_DISCOUNT}\ncheck("02.1", f)')) == (WRONG, 0)


def test_guessing_a_value_many_times_gives_only_the_last_guess(mark):
    guesses = "\n".join(f'check("02.4", {n})' for n in range(200, 320))
    assert mark(guesses, exercises=["02.4"])["02.4"].verdict == WRONG


def test_a_name_that_two_exercises_share_is_the_right_one_at_each_check(mark):
    both = (
        'def f(rew, end, gamma):\n    return g(rew, end, gamma)\ncheck("02.2", f)\n'
        "from pg_edu.returns import discounted_returns as g"
    )
    marks = mark("import numpy as np\n" + BACKWARDS.format(name="f") + '\ncheck("02.1", f)', both)
    assert [m.verdict for m in marks.values()] == [CORRECT, CORRECT]


def test_a_misconception_is_named_and_the_code_is_shown(mark):
    found = mark(f'{WITHOUT_DISCOUNT}\ncheck("02.1", f)')["02.1"]
    assert found.diagnosis.startswith("The rewards are added without a discount.")
    assert found.code == WITHOUT_DISCOUNT


def test_a_name_that_only_a_string_defines_is_found_by_running_everything(mark):
    hidden = "exec('helper = lambda rew: rew[::-1].cumsum()[::-1]')"
    found = mark(hidden, 'def f(rew, gamma):\n    return helper(rew)\ncheck("02.1", f)')["02.1"]
    assert found.diagnosis.startswith("The rewards are added without a discount.")


def test_an_error_in_a_cell_is_the_reason_that_is_given(mark):
    found = mark("def returns_of_one_episode(rew, gamma)\n    return rew", 'check("02.1", f)')
    assert "SyntaxError" in found["02.1"].found


@pytest.mark.parametrize(
    "code",
    [
        "from pg_edu.returns import discounted_returns as d\nimport numpy as np\n"
        "def f(rew, gamma):\n    return d(rew, np.zeros(len(rew), bool), gamma)",
        "import importlib, numpy as np\ng = getattr(importlib.import_module('pg_' + 'edu.returns'),"
        " 'discounted_' + 'returns')\n"
        "def f(rew, gamma):\n    return g(rew, np.zeros(len(rew), bool), gamma)",
        "import pg_edu.returns, numpy as np\n"
        "def help(*a):\n    return pg_edu.returns.discounted_returns(*a)\n"
        "def f(rew, gamma):\n    return help(rew, np.zeros(len(rew), bool), gamma)",
    ],
    ids=["renamed", "by its name in pieces", "through a helper"],
)
def test_an_answer_that_calls_the_function_of_the_package_is_flagged(mark, code):
    found = mark(f'{code}\ncheck("02.1", f)')["02.1"]
    assert found.verdict == CORRECT
    assert found.flag == "uses pg_edu.returns.discounted_returns"


def test_an_answer_of_its_own_is_not_flagged(mark):
    assert mark(RIGHT)["02.1"].flag == ""


def test_hidden_cases_differ_with_the_seed(mark):
    table = (
        "import numpy as np\n" + BACKWARDS.format(name="right") + "\nseen = []\n"
        "def f(rew, gamma):\n    seen.append(float(np.sum(rew)))\n"
        "    if len(seen) == 12: raise RuntimeError(seen)\n    return right(rew, gamma)\n"
        'check("02.1", f)'
    )
    first, again, other = (mark(table, seed=seed)["02.1"].found for seed in (1, 1, 2))
    assert first == again != other


def test_the_first_cell_of_a_variant_runs_so_that_no_error_of_ours_is_given_as_a_reason(mark):
    first = "from pg_edu.coursework.variants import check_variant\ncheck = check_variant(3)"
    found = mark(first, 'check("02.1", missing)', whole=True)["02.1"].found
    assert "missing" in found
    assert "cell 1" not in found
