"""What comes back from a kernel is plain data, or it is refused."""

import base64
import contextlib
import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_edu.course.comparing import same
from pg_edu.course.outcomes import Outcome
from pg_edu.course.plain import Unreadable
from pg_edu.coursework.marking.inside import wire

EIGHT = base64.b64encode(bytes(8)).decode()


@pytest.mark.parametrize(
    "value",
    [np.array(1.5), np.array([[True], [False]]), np.arange(3), np.array([np.nan, np.inf, -0.0])],
)
def test_arrays_come_back_as_they_were(value):
    (outcome,) = wire.load(wire.dump([Outcome({"": [value, value]})]))
    assert all(same(one, value, 0.0) and one.dtype == value.dtype for one in outcome.observed[""])


def test_words_come_back_without_control_characters():
    sent = Outcome({"loss": Unreadable("a set", "x")}, problem="\x1b[31mcorrect\n", attempted=False)
    (outcome,) = wire.load(wire.dump([sent]))
    assert outcome == Outcome({"loss": Unreadable("a set", "x")}, " [31mcorrect ", False)


def sent(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def data(**changes: object) -> str:
    value = {"dtype": "<f8", "shape": [1], "bytes": EIGHT, **changes}
    return json.dumps([{"observed": {"": value}, "problem": "", "attempted": True}])


def test_the_data_that_the_next_test_spoils_are_good():
    assert len(wire.load(sent(data()))) == 1


@pytest.mark.parametrize(
    "text",
    [
        data(dtype="O"),
        data(dtype="<f8,<f8"),
        data(shape=[2]),
        data(shape=[-1]),
        data(shape=[10**9, 10**9]),
        data(shape=[True]),
        data(bytes="!"),
        data(bytes=base64.b64encode(pickle.dumps(1)).decode()),
        data(list=[{"list": []}], what=1),
        "[" * 100_000,
        "{}x",
        "null",
        '[{"observed": 1}]',
        '[{"observed": {}, "problem": 1, "attempted": true}]',
        json.dumps([0] * 20_000),
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(wire.Garbled):
        wire.load(sent(text))


def test_what_is_not_base64_is_refused():
    with pytest.raises(wire.Garbled):
        wire.load("[]")


@given(st.text(alphabet='[]{}",:0123456789observdtypham.', max_size=60))
def test_no_text_raises_anything_else(text):
    with contextlib.suppress(wire.Garbled):
        assert isinstance(wire.load(sent(text)), list)
