"""Every exercise can be marked: its cases and what is observed cross to another process."""

import base64
import pickle

import pytest

from pg_edu.course.comparing import ROUNDING, same
from pg_edu.course.outcomes import expected_outcomes
from pg_edu.course.records import cases, records
from pg_edu.coursework.marking.inside import wire
from pg_edu.coursework.marking.pages import asked
from pg_edu.coursework.marking.strip import COURSE

SHIPPED = {"__main__", "builtins", *(f"pg_edu.course.{name}" for name in COURSE)}


@pytest.mark.parametrize("record", [r for r in records() if r.cases], ids=lambda r: r.number)
def test_the_key_gives_the_same_outcomes_for_cases_that_have_crossed(record):
    ours = cases(record, 5)
    sent = base64.b64encode(pickle.dumps((ours, record.observe, 1.0)))
    theirs, observe, _ = pickle.loads(base64.b64decode(sent))
    assert observe.__module__ in SHIPPED
    crossed = wire.load(wire.dump(expected_outcomes(record.key, theirs, observe)))
    for one, other in zip(expected_outcomes(record.key, ours, observe), crossed, strict=True):
        assert one.observed.keys() == other.observed.keys()
        for name, value in one.observed.items():
            assert same(other.observed[name], value, record.tolerance, ROUNDING)


@pytest.mark.parametrize("record", [r for r in records() if r.cases], ids=lambda r: r.number)
def test_no_argument_is_of_a_class_that_the_copy_of_the_package_lacks(record):
    for case in cases(record, 5):
        modules = pickle.dumps(case).split(b"pg_edu.course.")[1:]
        assert all(rest.startswith(tuple(name.encode() for name in COURSE)) for rest in modules)


def test_the_pages_say_what_the_answer_to_each_exercise_is_called():
    assert set(asked()) == {record.number for record in records()}
    assert all(known.expression.isidentifier() for known in asked().values())
