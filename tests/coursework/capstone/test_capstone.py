"""The capstone is handed out, marked, and comes back with a diagnosis for the broken part."""

import csv
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pg_edu.course.judge import judge
from pg_edu.course.records import Exercise
from pg_edu.course.verdicts import CORRECT, NOT_ATTEMPTED, WRONG
from pg_edu.coursework.capstone import handout
from pg_edu.coursework.capstone.parts import NAMES, Training, parts
from pg_edu.coursework.marking import marking
from pg_edu.coursework.marking.cells import read_script
from pg_edu.coursework.marking.feedback import Row, write_feedback
from pg_edu.coursework.marking.flags import ways_into_an_environment
from pg_edu.coursework.marking.inside.training import RESET, Lesson
from pg_edu.coursework.marking.kernels import Server
from pg_edu.coursework.marking.limits import Limits
from pg_edu.coursework.marking.marking import Mark, Options, mark_notebook
from pg_edu.coursework.marking.names import statements
from pg_edu.coursework.marking.submissions import find_submissions
from pg_edu.coursework.marking.training import replay
from pg_edu.coursework.marking.whole_class import make_tasks
from pg_edu.runs.commands import main
from tests.coursework.capstone.submissions import BROKEN, SOLVED

SHORT = Training(worlds=("contexts",), updates=25, seconds=30.0)
Marker = Callable[..., dict[str, Mark]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    started = Server(tmp_path_factory.mktemp("m"))
    yield started
    started.close()


@pytest.fixture
def mark(server: Server, monkeypatch: pytest.MonkeyPatch) -> Marker:
    """Return a function that marks a file; `train` has one world and few updates."""

    def marked(code: str, only: Any = NAMES, training: Training = SHORT) -> dict[str, Mark]:
        known = {**parts(), "train": training}
        monkeypatch.setattr(marking, "exercise_record", lambda number, _: known[number])
        options = Options(seed=5, limits=Limits())
        short = code.replace("range(95)", "range(24)")
        found = mark_notebook(server, read_script(short.encode()), only, options)
        return {m.exercise: m for m in found}

    return marked


def test_the_solved_one_earns_all_points(mark):
    marks = mark(SOLVED)
    assert {name: m.verdict for name, m in marks.items()} == dict.fromkeys(NAMES, CORRECT)
    assert [m.points for m in marks.values()] == [2, 2, 3, 5]
    assert all(m.flag == "" and m.found == "" for m in marks.values())


@pytest.mark.parametrize("name", BROKEN)
def test_the_broken_part_and_no_other_function_is_wrong_and_is_named(mark, name):
    broken = BROKEN[name]
    marks = mark(broken.code, only=NAMES if broken.part == "train" else NAMES[:3])
    assert [n for n, m in marks.items() if m.verdict != CORRECT] == [broken.part]
    assert (marks[broken.part].verdict, marks[broken.part].points) == (WRONG, 0)
    assert broken.says in marks[broken.part].diagnosis


@pytest.mark.parametrize(
    ("body", "verdict", "found"),
    [
        ("raise NotImplementedError", NOT_ATTEMPTED, ""),
        ("raise KeyError('lr')", WRONG, "contexts: ERROR. KeyError"),
        ("env.reset(); env.step(9)", WRONG, "takes one number from 0 to 2"),
        ("while True:\n        pass", WRONG, "had not finished when its time was up"),
    ],
)
def test_a_train_that_does_not_train_gets_its_reason(mark, body, verdict, found):
    code = f"def train(env, seed):\n    {body}"
    training = Training(worlds=("contexts",), updates=25, seconds=2.0)
    marked = mark(code, only=["train"], training=training)["train"]
    assert (marked.verdict, marked.points) == (verdict, 0)
    assert found in marked.found


@pytest.mark.parametrize(
    ("line", "ways"),
    [
        ("env.unwrapped.state", ".unwrapped"),
        ("env.env.state", ".env"),
        ("env._np_random", "._np_random"),
        ("look(env, 'state')", "getattr"),
        ("env.action_space.n", ""),
        ("Agent(env).env.action_space", ".env"),
        ("Agent(env)", ""),
    ],
)
def test_a_train_that_may_look_into_the_environment_is_flagged(line, ways):
    code = f"""
class Agent:
    def __init__(self, env):
        self.env = env

look = getattr

def train(env, seed):
    return {line}

def other(env):
    return env.unwrapped
"""
    found = ways_into_an_environment(statements(0, code), "train")
    assert found == (f"may look into the environment: {ways}" if ways else "")


@pytest.mark.parametrize("imported", ["import gc", "from inspect import getmembers as gc"])
def test_a_train_that_imports_what_looks_inside_is_flagged(mark, imported):
    code = f"{imported}\ndef train(env, seed):\n    return gc(env)"
    flagged = mark(code, only=["train"])["train"].flag
    assert flagged == f"may look into the environment: {imported.split()[1]}"


# Replaying what came back


def sent(events: list[int], **more: Any) -> dict[str, Any]:
    """Return what a kernel sends of a training with these calls, in which torch did nothing."""
    steps = sum(event >= 0 for event in events)
    nothing = np.full((steps, 0), np.nan)
    given = {"events": [np.array(events)], "seeds": np.zeros(0), "params": [nothing]}
    rest = {"drawn": [nothing], "scorings": [], "watch": np.zeros(3), "chosen": np.zeros((0, 8))}
    return {**given, **rest, **more}


LESSON = Lesson("two actions", False, 25, 0, 0, (0,), 1.0)


def test_rewards_come_from_the_marker_and_not_from_what_was_sent():
    trial = replay(LESSON, sent([RESET, 0, RESET, 1]))
    assert [step.reward for step in trial.record.steps] == [2.0, 3.0]
    assert [step.terminated for step in trial.record.steps] == [True, True]


@pytest.mark.parametrize(
    "forged",
    [
        sent([]),
        sent([RESET, 2]),
        sent([RESET, 0] * 801),
        sent([-2, 0]),
        sent([RESET, 0], params=[np.zeros((2, 2))]),
        sent([RESET, 0], chosen=np.zeros((3, 8))),
        sent([RESET, 0]) | {"events": [np.array([-1.0, 0.5])]},
    ],
    ids=["nothing", "action", "more episodes", "no seed", "draws", "choices", "half an action"],
)
def test_what_no_training_can_send_is_refused(forged):
    with pytest.raises(ValueError, match=r"step|action|calls|draws|choices"):
        replay(LESSON, forged)


# The parts


FUNCTIONS = [part for part in parts().values() if isinstance(part, Exercise)]


@pytest.mark.parametrize("part", FUNCTIONS, ids=lambda part: part.number)
def test_every_misconception_gets_its_diagnosis_and_the_key_is_right(part):
    assert judge(part, part.key, seed=3).correct
    for known in part.misconceptions:
        assert judge(part, known.answer, seed=3).diagnosis.startswith(known.diagnosis)


def test_cases_and_observations_can_be_sent_to_a_kernel_without_keys():
    for part in FUNCTIONS:
        modules = pickle.dumps((part.cases, part.observe)).split(b"pg_edu.")[1:]
        allowed = (b"course.outcomes", b"coursework.marking.inside.observing")
        assert all(rest.startswith(allowed) for rest in modules)


# Handing out


def test_the_page_has_stubs_points_and_the_rubric(tmp_path):
    assert main(["assign", str(tmp_path / "out"), "--capstone"]) == 0
    page = json.loads((tmp_path / "out/student/capstone.ipynb").read_text(encoding="utf-8"))
    code = "\n".join(c["source"] for c in page["cells"] if c["cell_type"] == "code")
    names: dict[str, Any] = {}
    exec(code, names)
    for name in NAMES:
        assert f"| `{name}` | {parts()[name].points} |" in page["cells"][0]["source"]
        with pytest.raises(NotImplementedError):
            names[name](*range(names[name].__code__.co_argcount))
    with open(tmp_path / "out/points.csv", encoding="utf-8", newline="") as file:
        assert [row["points"] for row in csv.DictReader(file)] == ["2", "2", "3", "5", "14"]
    assert sum(points for points, _ in handout.RUBRIC) == 14


@pytest.mark.parametrize(
    "typed",
    [
        ["assign", "out", "--capstone", "--variant", "1"],
        ["mark", ".", "--capstone", "--only", "02.1"],
    ],
)
def test_options_that_do_not_fit_the_capstone_are_refused(typed, capsys):
    assert main(typed) == 2
    assert "--capstone says what is" in capsys.readouterr().err


def test_a_python_file_is_a_submission_if_its_name_says_capstone(tmp_path):
    for name in ("ada/capstone.py", "ada/helper.py", "bea_capstone.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("def loss(log_prob, rets):\n    return 0\n", encoding="utf-8")
    tasks = make_tasks(find_submissions(tmp_path), NAMES)
    assert [task.submission.student for task in tasks] == ["ada", "bea_capstone"]
    assert all(task.exercises == list(NAMES) and task.notebook for task in tasks)


def test_the_instructors_page_has_the_points_and_the_rubric():
    text = (Path(__file__).parents[3] / "docs/INSTRUCTORS.md").read_text(encoding="utf-8")
    for name in NAMES:
        assert f"| `{name}` | {parts()[name].points} |" in text
    for points, what in handout.RUBRIC:
        assert f"| {points} | {what} |" in text


def test_the_feedback_on_a_capstone_shows_the_rubric_and_other_feedback_does_not(tmp_path):
    rows = [Row("ada", "a.ipynb", Mark("train")), Row("bea", "b.ipynb", Mark("02.1"))]
    ada, bea = (path.read_text("utf-8") for path in write_feedback(tmp_path, rows))
    assert all(what in ada and what not in bea for _, what in handout.RUBRIC)
