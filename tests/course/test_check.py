"""The exercise checks: the right answer passes, and every listed mistake is called by its name."""

import re

import build
import numpy as np
import pytest

from pg_edu.course import Exercise, check, exercise, exercises
from pg_edu.course.exercises import verdict

ALL = exercises()
every_exercise = pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.name)


@every_exercise
def test_the_right_answer_is_correct(exercise):
    assert verdict(exercise, exercise.key) == f"✓ {exercise.name} correct"


@pytest.mark.parametrize(
    ("exercise", "diagnosis"),
    [(e, diagnosis) for e in ALL for diagnosis in e.mistakes],
    ids=lambda value: getattr(value, "name", value),
)
def test_every_listed_mistake_is_named(exercise, diagnosis):
    said = verdict(exercise, exercise.mistakes[diagnosis])
    assert said.startswith(f"✗ {exercise.name}") and said.endswith(diagnosis)


@every_exercise
def test_every_exercise_knows_a_mistake(exercise):
    assert exercise.mistakes


@every_exercise
def test_an_empty_answer_gets_the_hint(exercise):
    def stub(*args):
        raise NotImplementedError

    said = verdict(exercise, stub if exercise.cases else None)
    assert said == f"○ {exercise.name} not attempted yet. Hint: {exercise.hint}"


@every_exercise
def test_a_verdict_is_one_line(exercise):
    answers = [None, exercise.key, *exercise.mistakes.values()]
    assert not any("\n" in verdict(exercise, answer) for answer in answers)


def test_the_exercises_are_those_that_the_notebooks_check():
    checked = []
    for source in build.sources([]):
        checked += re.findall(
            r"^check\(\"(.*?)\"", source.read_text(encoding="utf-8"), re.MULTILINE
        )
    assert checked == [exercise.name for exercise in ALL]


DOUBLE = Exercise(
    "00.0",
    hint="add it to itself.",
    key=lambda x: 2 * x,
    cases=[(np.array([1.0, 2.0]),), (3,)],
    mistakes={"That is the square.": lambda x: x * x},
)


def test_the_first_failing_case_is_shown_with_what_came_and_what_was_expected():
    said = verdict(DOUBLE, lambda x: x + 1)
    assert said == "✗ 00.0 for (x=[1.0, 2.0]): expected [2.0, 4.0], got [2.0, 3.0]."


def test_a_diagnosis_is_given_where_a_mistake_leads_to_the_same_result():
    assert verdict(DOUBLE, lambda x: x**2).endswith("got [1.0, 4.0]. That is the square.")


def test_an_answer_that_raises_is_told_what_it_raised():
    said = verdict(DOUBLE, lambda x: x.missing)
    assert said.startswith("✗ 00.0 for (x=[1.0, 2.0]): AttributeError: ")


def test_an_answer_of_another_shape_is_wrong_even_if_it_would_broadcast():
    assert verdict(DOUBLE, lambda x: np.atleast_2d(2 * x)).startswith("✗")


def test_an_answer_that_is_not_a_number_is_wrong():
    assert verdict(DOUBLE, lambda x: x * np.nan).startswith("✗")


def test_an_answer_may_change_its_arguments():
    def in_place(x):
        x *= 2
        return x

    assert verdict(DOUBLE, in_place) == "✓ 00.0 correct"
    assert verdict(DOUBLE, in_place) == "✓ 00.0 correct"


PREDICTION = Exercise("00.1", hint="count them.", key=(4, 4), mistakes={"Only one axis?": (4,)})


def test_a_predicted_value_is_not_given_away():
    assert verdict(PREDICTION, (4, 1)) == "✗ 00.1: [4, 1] is not it. count them."
    assert verdict(PREDICTION, (4,)) == "✗ 00.1: [4] is not it. Only one axis?"


def test_a_predicted_number_in_quotes_is_told_from_a_wrong_one():
    assert verdict(PREDICTION, "4, 4") == "✗ 00.1: '4, 4' is a text, not a number."


@every_exercise
def test_the_numbers_that_went_wrong_are_printed(exercise):
    for mistake in exercise.mistakes.values():
        assert "array of shape" not in verdict(exercise, mistake)


def test_flags_are_printed_as_flags_and_counts_as_counts():
    def first(done, n):
        return done[:n]

    task = Exercise("00.2", hint="slice", key=first, cases=[(np.array([True, False, True]), 2)])
    said = verdict(task, lambda done, n: ~done[:n])
    assert said.startswith("✗ 00.2 for (done=[True, False, True], n=2): ")
    assert said.endswith("expected [True, False], got [False, True].")


def test_a_large_array_is_named_by_its_shape():
    said = verdict(DOUBLE, lambda x: np.zeros((3, 6)))
    assert said.endswith("expected [2.0, 4.0], got array of shape [3, 6].")


def test_check_prints_the_verdict(capsys):
    check(ALL[0].name, ALL[0].key)
    assert capsys.readouterr().out == f"✓ {ALL[0].name} correct\n"


def test_an_unknown_exercise_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"no exercise '77\.7'; there are: .*"):
        exercise("77.7")
