"""The checks of the exercises: the right answer passes, and every listed mistake is diagnosed."""

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
def test_every_listed_mistake_gets_its_diagnosis(exercise, diagnosis):
    line = verdict(exercise, exercise.mistakes[diagnosis])
    assert line.startswith(f"✗ {exercise.name}") and line.endswith(diagnosis)


@every_exercise
def test_every_exercise_lists_a_mistake(exercise):
    assert exercise.mistakes


@every_exercise
def test_an_empty_answer_gets_the_hint(exercise):
    def stub(*args):
        raise NotImplementedError

    line = verdict(exercise, stub if exercise.cases else None)
    assert line == f"○ {exercise.name} not attempted yet. Hint: {exercise.hint}"


@every_exercise
def test_a_verdict_is_one_line(exercise):
    answers = [None, exercise.key, *exercise.mistakes.values()]
    assert not any("\n" in verdict(exercise, answer) for answer in answers)


def test_the_notebooks_check_every_exercise_once_and_in_order():
    checked = []
    for source in build.sources([]):
        checked += re.findall(
            r"^check\(\"(.*?)\"", source.read_text(encoding="utf-8"), re.MULTILINE
        )
    assert checked == [exercise.name for exercise in ALL]


DOUBLE = Exercise(
    "00.0",
    hint="Add it to itself.",
    key=lambda x: 2 * x,
    cases=[(np.array([1.0, 2.0]),), (3,)],
    mistakes={"That is the square.": lambda x: x * x},
)


def test_the_first_failing_case_is_shown_with_the_expected_and_the_actual_result():
    line = verdict(DOUBLE, lambda x: x + 1)
    assert line == "✗ 00.0 for (x=[1.0, 2.0]): expected [2.0, 4.0], got [2.0, 3.0]."


def test_a_diagnosis_is_given_if_a_listed_mistake_has_the_same_result():
    assert verdict(DOUBLE, lambda x: x**2).endswith("got [1.0, 4.0]. That is the square.")


def test_an_answer_that_raises_is_reported_with_its_exception():
    line = verdict(DOUBLE, lambda x: x.missing)
    assert line.startswith("✗ 00.0 for (x=[1.0, 2.0]): AttributeError: ")


def test_an_answer_of_another_shape_is_wrong_even_if_it_could_be_broadcast():
    assert verdict(DOUBLE, lambda x: np.atleast_2d(2 * x)).startswith("✗")


def test_an_answer_that_is_not_a_number_is_wrong():
    assert verdict(DOUBLE, lambda x: x * np.nan).startswith("✗")


def test_an_answer_may_change_its_arguments():
    def in_place(x):
        x *= 2
        return x

    assert verdict(DOUBLE, in_place) == "✓ 00.0 correct"
    assert verdict(DOUBLE, in_place) == "✓ 00.0 correct"


PREDICTION = Exercise("00.1", hint="Count them.", key=(4, 4), mistakes={"Only one axis?": (4,)})


def test_the_expected_value_of_a_prediction_is_not_shown():
    assert verdict(PREDICTION, (4, 1)) == "✗ 00.1: [4, 1] is not the answer. Count them."
    assert verdict(PREDICTION, (4,)) == "✗ 00.1: [4] is not the answer. Only one axis?"


def test_a_predicted_number_in_quotes_has_a_message_of_its_own():
    assert verdict(PREDICTION, "4, 4") == "✗ 00.1: '4, 4' is a string, not a number."


@every_exercise
def test_the_wrong_numbers_of_every_mistake_are_printed(exercise):
    for mistake in exercise.mistakes.values():
        assert "array of shape" not in verdict(exercise, mistake)


def test_flags_are_printed_as_flags_and_integers_as_integers():
    def first(done, n):
        return done[:n]

    task = Exercise("00.2", hint="Slice it.", key=first, cases=[(np.array([True, False, True]), 2)])
    line = verdict(task, lambda done, n: ~done[:n])
    assert line.startswith("✗ 00.2 for (done=[True, False, True], n=2): ")
    assert line.endswith("expected [True, False], got [False, True].")


def test_of_a_large_array_only_the_shape_is_printed():
    line = verdict(DOUBLE, lambda x: np.zeros((3, 6)))
    assert line.endswith("expected [2.0, 4.0], got array of shape [3, 6].")


def test_check_prints_the_verdict(capsys):
    check(ALL[0].name, ALL[0].key)
    assert capsys.readouterr().out == f"✓ {ALL[0].name} correct\n"


def test_an_unknown_exercise_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"no exercise '77\.7'; there are: .*"):
        exercise("77.7")


@pytest.mark.parametrize(
    ("key", "answer", "right"),
    [
        (1e6, 1e6 + 0.9, True),
        (1e6, 1e6 + 1.1, False),
        (1e-3, 1e-3 + 9e-7, True),
        (1e-3, 1e-3 + 1.1e-6, False),
        (-1e6, -1e6 - 0.9, True),
        (0.0, np.nan, False),
        (np.array([1.0, 2.0]), np.array([[1.0], [2.0]]), False),
        (np.array([1.0, 2.0]), np.array([1.0, 3.0]), False),
        (np.array([1.0, 2.0]), np.array([1.0]), False),
        ((1.0, 2.0), (1.0, 2.0, 3.0), False),
        ((1.0, 2.0), (1.0, 2.5), False),
    ],
)
def test_a_value_is_right_within_a_millionth_of_it_or_of_1(key, answer, right):
    """It needs the right shape as well: NumPy would broadcast [2, 1] to [2, 2]."""
    assert ("correct" in verdict(Exercise("00.1", "hint", key), answer)) is right


def test_an_answer_cannot_change_the_case_that_its_key_is_given():
    def halves_in_place(x):
        x *= 0.5
        return x.copy()

    cases = [(np.array([2.0, 4.0]),)]
    exercise = Exercise("00.1", "hint", lambda x: 0.5 * x, cases)
    for _ in range(2):
        assert "correct" in verdict(exercise, halves_in_place)
    assert cases[0][0].tolist() == [2.0, 4.0]
