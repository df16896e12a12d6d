"""Buffers: what an error or a warning leaves behind, numbers at the edges."""

import copy
import warnings
from typing import Any

import numpy as np
import pytest

from pg_edu import Batch, ReplayBuffer, VectorReplayBuffer
from tests.core.helpers import counted, row, rows

# What an error or a warning leaves behind


def told(value: Any) -> Batch:
    """Return an info as a collector stores it, with the flag of its key."""
    return Batch(name=value, _name=True)


def test_a_row_that_does_not_fit_leaves_the_columns_of_the_info_as_they_are() -> None:
    """A name of another shape would turn its column into objects, if the row were stored."""
    buffer = ReplayBuffer(3)
    buffer.add(row(1, info=told(4), obs_info=told(5)))
    before = copy.deepcopy(buffer)
    bad = row(np.zeros(2), info=told([1, 2]), obs_info=told([3, 4]))
    with pytest.raises(ValueError, match="obs: rows are stored as numbers"):
        buffer.add(bad)
    assert repr(buffer) == repr(before)
    assert buffer.info.name.dtype == buffer.obs_info.name.dtype == int

    bad.obs = 2
    buffer.add(bad)
    assert [np.asarray(name).tolist() for name in buffer.info.name[:2]] == [4, [1, 2]]
    assert [np.asarray(name).tolist() for name in buffer.buffers[0].obs_info.name[:2]] == [
        5,
        [3, 4],
    ]


def test_a_warning_that_is_an_error_leaves_the_buffer_as_it_was() -> None:
    buffer = ReplayBuffer(3)
    buffer.add(row(1, 2.0))
    before = copy.deepcopy(buffer)
    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(UserWarning, match=r"0\.5 becomes 0"):
                buffer.add(row(0.5, 4.0, new=3))
    assert repr(buffer) == repr(before)
    added = buffer.add(row(2, 8.0, True))
    assert [array.tolist() for array in added] == [[1], [10.0], [2], [0]]


def test_the_warning_names_the_users_line_and_the_first_value_that_changes() -> None:
    buffer = VectorReplayBuffer(8, 2)
    buffer.add(rows(1, 2))
    other = ReplayBuffer(2)
    other.add(row(0.5))
    with pytest.warns(UserWarning, match=r"8\.5 becomes 8") as found:
        buffer.add(Batch(rows(1, 2), obs=np.array([7, 8.5])))
    assert [w.filename for w in found] == [__file__]
    single = counted(size=3, steps=1)
    with pytest.warns(UserWarning, match=r"0\.5 becomes 0") as found:
        single.update(other)
    assert [w.filename for w in found] == [__file__]


@pytest.mark.parametrize("later", [1e-40, 2.0**24 + 1, -np.inf])
def test_a_value_that_is_next_to_a_float32_needs_no_warning(later: float) -> None:
    """1e-40 is below the smallest normal float32, so fewer of its digits remain."""
    buffer = ReplayBuffer(2)
    buffer.add(row(np.float32(1)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        buffer.add(row(later))
    assert buffer.obs[1] == np.float32(later)


# Numbers at the edges


@pytest.mark.parametrize("shape", [(), (2,), (2, 2, 1), (1, 2, 2)])
def test_valid_has_two_axes(shape: tuple[int, ...]) -> None:
    block = Batch({key: np.zeros(shape) for key in ("obs", "act", "rew")})
    block.terminated = block.truncated = np.zeros(shape, bool)
    with pytest.raises(ValueError, match=r"extend: valid must be bool \[T, N\]"):
        VectorReplayBuffer(4, 2).extend(block, np.ones(shape, bool))


def test_numbers_of_sub_buffers_may_be_unsigned() -> None:
    buffer = VectorReplayBuffer(4, 2)
    assert buffer.add(rows(1, 2), np.array([1, 0], np.uint8))[0].tolist() == [2, 0]


def test_a_complex_reward_is_an_error() -> None:
    buffer = ReplayBuffer(2)
    with pytest.raises(ValueError, match="rew: expected numbers"):
        buffer.add(row(rew=1 + 2j))
    assert len(buffer) == 0


STORED = [
    "obs",
    "act",
    "rew",
    "terminated",
    "truncated",
    "done",
    "obs_next",
    "info",
    "policy",
    "obs_info",
]


@pytest.mark.parametrize("key", STORED)
def test_no_field_can_be_replaced(key: str) -> None:
    with pytest.raises(AttributeError, match=f"{key} is a field"):
        setattr(counted(size=2, steps=2), key, np.zeros(2))


def test_fewer_than_no_rows_are_no_rows_even_of_an_empty_buffer() -> None:
    for buffer in (ReplayBuffer(2), VectorReplayBuffer(4, 2)):
        assert buffer.sample_indices(-1).tolist() == []


def test_the_slot_after_the_last_one_of_a_sub_buffer_is_its_first() -> None:
    buffer = VectorReplayBuffer(6, 2)
    assert buffer.successor(np.arange(6)).tolist() == [1, 2, 0, 4, 5, 3]
    assert buffer.buffers[1].successor(np.arange(3)).tolist() == [1, 2, 0]
