"""What takes too long for `make test`: harm of every kind, no sandbox, answers to all exercises.

python -m pytest -o addopts= tests/coursework/marking/thorough.py
"""

import pytest

from pg_edu.course.verdicts import CORRECT, WRONG
from pg_edu.coursework.marking.kernels import Server
from pg_edu.coursework.marking.limits import Limits
from pg_edu.coursework.marking.names import statements
from tests.coursework.marking.classes import written
from tests.coursework.marking.conftest import marker_of
from tests.coursework.marking.test_hostile import FAKES, RIGHT, answer

ENDS = {
    "exits": ("import os\nos._exit(0)", "it ended its kernel"),
    "kills itself": ("import os\nos.kill(os.getpid(), 9)", "it ended its kernel"),
    "never ends": ("while True: pass", "has not finished"),
    "never ends, and will not hear of it": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "",
    ),
    "holds the interpreter": ("return sum(range(10**12))", "did not finish"),
    "fills the memory": ("return bytearray(4 * 10**9)", "MemoryError"),
    "fills the memory in touched pieces": (
        "kept = []\nwhile True: kept.append(bytearray(b'x' * 10**7))",
        "",
    ),
    "fills the disk": (
        "n = 0\nwhile True:\n    n += 1\n    open(str(n), 'wb').write(b'x' * 10**7)",
        "it wrote more than",
    ),
    "forks without end": ("import os\nwhile True: os.fork()", "the answer was stopped"),
    "prints without end": ("while True: print('x' * 1000)", "has not finished"),
}


@pytest.mark.parametrize("harm", ENDS, ids=str)
def test_an_answer_that_does_harm_is_wrong_and_costs_no_other_answer_its_points(mark, harm):
    body, reason = ENDS[harm]
    limits = Limits(memory=600, disk=50)
    marks = mark(answer(body), RIGHT, limits=limits)
    assert marks["02.1"].verdict == WRONG
    assert reason in marks["02.1"].found
    assert marks["02.2"].verdict == CORRECT


def test_without_a_sandbox_keys_stay_closed_and_a_killed_server_is_replaced(tmp_path):
    server = Server(tmp_path, sandboxed=False)
    try:
        mark = marker_of(server)
        for fake in ("asks the records", "reads the file of the key", "imports the real package"):
            assert mark(FAKES[fake], RIGHT)["02.1"].points == 0
        assert mark(answer("import os\nos.kill(os.getppid(), 9)\nreturn rew"))["02.1"].points == 0
        assert mark(RIGHT)["02.2"].verdict == CORRECT
    finally:
        server.close()


@pytest.mark.parametrize("notebook", [f"{n:02d}" for n in range(1, 12)])
def test_answers_get_the_verdict_in_a_kernel_that_they_get_here(mark, notebook):
    by_exercise: dict[str, list] = {}
    for known in written(notebook):
        by_exercise.setdefault(known.exercise, []).append(known)
    for place in (0, -1):
        chosen = [answers[place] for answers in by_exercise.values()]
        code = [f'{a.code}\ncheck("{a.exercise}", {name_of(a.code)})' for a in chosen]
        marks = mark(*code, exercises=list(by_exercise))
        assert {a.exercise: marks[a.exercise].verdict for a in chosen} == {
            a.exercise: a.status for a in chosen
        }


def name_of(code: str) -> str:
    """Return the name that the last statement of a code binds."""
    (name,) = statements(0, code)[-1].binds
    return name
