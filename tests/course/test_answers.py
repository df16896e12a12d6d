"""Several hundred answers written from the pages alone: wrong ones, and odd but right ones."""

from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from pg_edu.course.judge import judge
from pg_edu.course.records import record, records
from pg_edu.course.verdicts import CORRECT, WRONG, Verdict
from tests.course import answers

for path in sorted(Path(answers.__file__).parent.glob("answers_*.py")):
    import_module(f"tests.course.answers.{path.stem}")


@cache
def verdict_on(answer: answers.Answer) -> Verdict:
    return judge(record(answer.exercise), answer.value)


def name(answer: answers.Answer) -> str:
    return f"{answer.exercise} {answer.says[:60]}"


@pytest.mark.parametrize("answer", answers.WRONG, ids=name)
def test_no_wrong_answer_is_accepted(answer: answers.Answer) -> None:
    assert verdict_on(answer).status == WRONG


@pytest.mark.parametrize("answer", answers.RIGHT, ids=name)
def test_no_right_answer_is_refused_because_it_looks_odd(answer: answers.Answer) -> None:
    for seed in range(3):
        verdict = judge(record(answer.exercise), answer.value, seed)
        assert verdict.status == CORRECT, verdict


def test_three_in_four_wrong_answers_are_named() -> None:
    verdicts = [verdict_on(answer) for answer in answers.WRONG]
    named = sum(bool(verdict.diagnosis) for verdict in verdicts)
    assert named >= 0.75 * len(verdicts)


def test_every_exercise_was_answered_wrongly_and_rightly_in_several_ways() -> None:
    for known in records():
        wrong = [answer for answer in answers.WRONG if answer.exercise == known.number]
        right = [answer for answer in answers.RIGHT if answer.exercise == known.number]
        assert len(wrong) >= 7 and len(right) >= 3, known.number
