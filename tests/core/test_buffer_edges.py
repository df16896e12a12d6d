"""Buffers: what an error or a warning leaves behind, views that write, numbers at the edges."""

import copy
import warnings
from typing import Any

import numpy as np
import pytest

from pg_edu import Batch, ReplayBuffer, VectorReplayBuffer
from pg_edu.buffer import FIELDS
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


def test_a_field_that_changes_is_warned_of_once_for_all_views() -> None:
    buffer = VectorReplayBuffer(8, 2)
    buffer.add(rows(1, 2))
    with pytest.warns(UserWarning):
        buffer.buffers[0].add(row(0.5))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        buffer.buffers[1].add(row(0.5))
        buffer.add(Batch(rows(1, 2), obs=np.array([7, 8.5])))


@pytest.mark.parametrize("later", [1e-40, 2.0**24 + 1, -np.inf])
def test_a_value_that_is_next_to_a_float32_needs_no_warning(later: float) -> None:
    """1e-40 is below the smallest normal float32, so fewer of its digits remain."""
    buffer = ReplayBuffer(2)
    buffer.add(row(np.float32(1)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        buffer.add(row(later))
    assert buffer.obs[1] == np.float32(later)


# Views that write


def test_a_view_takes_over_where_the_episodes_of_another_buffer_begin() -> None:
    """The other buffer has lost the beginning of its first episode; the next one begins with 4."""
    source = counted(size=3, steps=5, done=(3,))
    buffer = VectorReplayBuffer(8, 2)
    buffer.add(rows(7, 8, done=(7, 8)))
    view = buffer.buffers[1]
    assert view.update(source).tolist() == [1, 2, 3]
    assert view.obs.tolist() == [8, 2, 3, 4]
    assert view.is_first(np.arange(4)).tolist() == [True, False, False, True]
    assert np.flatnonzero(buffer.is_first(np.arange(8))).tolist() == [0, 4, 7]


def test_a_view_that_is_marked_as_truncated_begins_a_new_episode_of_its_own_only() -> None:
    buffer = VectorReplayBuffer(6, 2)
    buffer.add(rows(1, 2))
    buffer.buffers[1].mark_truncated([0])
    _, episode_return, length, start = buffer.add(rows(3, 4, done=(3, 4)))
    assert (episode_return.tolist(), length.tolist()) == ([4.0, 4.0], [2, 1])
    assert start.tolist() == [0, 4]


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


def test_one_reward_and_one_flag_in_a_list_of_their_own_are_numbers() -> None:
    buffer = ReplayBuffer(2)
    added = buffer.add(row(rew=[2.0], done=[True]))
    assert [array.tolist() for array in added] == [[0], [2.0], [1], [0]]
    assert buffer.rew.shape == buffer.done.shape == (2,)


def test_an_array_of_objects_takes_numbers_too() -> None:
    buffer = ReplayBuffer(3)
    for obs in ("a", 3, None):
        buffer.add(row(obs))
    assert buffer.obs.tolist() == ["a", 3, None]


@pytest.mark.parametrize("key", FIELDS)
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


def test_an_empty_sub_buffer_has_no_unfinished_episode() -> None:
    buffer = VectorReplayBuffer(6, 3)
    buffer.add(rows(1), buffer_ids=[1])
    assert buffer.unfinished_index().tolist() == [2]
