"""Views of a buffer, copies of its rows, and large rows: what must not reach the others."""

from typing import Any

import numpy as np
import pytest

from pg_edu import Batch, ReplayBuffer, VectorReplayBuffer
from tests.core.helpers import counted, row, rows

# Views


def test_the_first_row_may_come_through_a_view() -> None:
    """Its fields are allocated for all sub-buffers; indices count from where the view begins."""
    buffer = VectorReplayBuffer(total_size=6, buffer_num=2)
    view = buffer.buffers[1]
    for t in range(2):
        index, episode_return, length, start = view.add(row(t, 3.0, t == 1))
        assert (index[0], start[0]) == (t, 0)
    assert (episode_return[0], length[0]) == (6.0, 2)
    assert buffer.obs.shape == (6,)
    assert buffer.sample_indices(0).tolist() == [3, 4]
    buffer.add(rows(7, 8))
    assert buffer.sample_indices(0).tolist() == [0, 3, 4, 5]


def test_the_reset_of_a_view_leaves_the_other_sub_buffers_as_they_are() -> None:
    buffer = VectorReplayBuffer(total_size=6, buffer_num=2)
    buffer.add(rows(1, 2))
    buffer.buffers[0].reset()
    assert buffer.sample_indices(0).tolist() == [3]
    _, _, length, _ = buffer.add(rows(3, 4, done=(3, 4)))
    assert length.tolist() == [1, 2]
    assert buffer.sample_indices(0).tolist() == [0, 3, 4]


def test_marking_a_view_as_truncated_cuts_its_own_episode_only() -> None:
    buffer = VectorReplayBuffer(total_size=6, buffer_num=2)
    buffer.add(rows(1, 2))
    buffer.buffers[1].mark_truncated([0])
    assert buffer.truncated.tolist() == [False, False, False, True, False, False]
    assert buffer.done.tolist() == buffer.truncated.tolist()
    assert not buffer.terminated.any()
    assert buffer.unfinished_index().tolist() == [0]


def test_marking_one_sub_buffer_as_truncated_does_not_cut_the_others() -> None:
    buffer = VectorReplayBuffer(total_size=9, buffer_num=3)
    buffer.add(rows(1, 2, 3, done=(1,)))
    buffer.mark_truncated([0, 2])
    assert np.flatnonzero(buffer.truncated).tolist() == [6]
    assert np.flatnonzero(buffer.terminated).tolist() == [0]
    assert np.flatnonzero(buffer.done).tolist() == [0, 6]


# Copies


@pytest.mark.parametrize("steps", [2, 3, 5])
@pytest.mark.parametrize("read", [lambda buffer: buffer[:], lambda buffer: buffer.sample(0)[0]])
def test_all_rows_are_a_copy_whether_or_not_the_buffer_has_wrapped_around(
    steps: int, read: Any
) -> None:
    buffer = counted(3, steps)
    before = buffer.rew.copy()
    found = read(buffer)
    found.rew[:] = -1
    found.done[:] = True
    assert buffer.rew.tolist() == before.tolist()
    assert not buffer.done.any()


def test_rows_of_another_buffer_are_appended_oldest_first_even_after_it_wrapped_around() -> None:
    buffer, other = ReplayBuffer(5), counted(3, 5)
    assert buffer.update(ReplayBuffer(2)).tolist() == []
    assert buffer.update(other).tolist() == [0, 1, 2]
    assert buffer[:].obs.tolist() == [2, 3, 4]


# Large rows, which are written one by one


@pytest.mark.parametrize("width", [1, 400])
def test_only_valid_rows_are_stored_whatever_their_size(width: int) -> None:
    """Step t of environment n is 10 n + t, in `width` float64 numbers."""
    number = np.arange(4.0)[:, None] + [0.0, 10.0]
    valid = np.array([[1, 0], [0, 1], [1, 1], [1, 1]], bool)
    flags = np.zeros((4, 2), bool)
    buffer = VectorReplayBuffer(total_size=4, buffer_num=2)
    buffer.extend(
        Batch(
            obs=np.repeat(number[..., None], width, axis=2),
            act=number,
            rew=number,
            terminated=flags,
            truncated=flags,
        ),
        valid,
    )
    stored: Any = buffer[:]
    assert stored.obs[:, 0].tolist() == [2, 3, 12, 13]
    assert stored.obs.shape == (4, width) and np.array_equal(
        stored.obs, stored.obs[:, :1].repeat(width, 1)
    )
    assert stored.act.tolist() == stored.rew.tolist() == [2, 3, 12, 13]


# Flags and rewards in their dtypes


def test_flags_and_rewards_have_their_dtypes_whatever_the_first_row_has() -> None:
    buffer = ReplayBuffer(3)
    buffer.add(Batch(obs=0, act=0, rew=1, terminated=0, truncated=0))
    buffer.add(Batch(obs=0, act=0, rew=0.1, terminated=0, truncated=1))
    dtypes = {key: getattr(buffer, key).dtype for key in ("rew", "terminated", "truncated", "done")}
    assert dtypes == {"rew": np.float64, "terminated": bool, "truncated": bool, "done": bool}
    assert buffer[:].rew.tolist() == [1.0, 0.1]


def test_a_done_flag_that_contradicts_the_others_is_not_stored() -> None:
    buffer = ReplayBuffer(2)
    buffer.add(Batch(row(0, done=True), done=False))
    assert buffer.done[0] and buffer.terminated[0]
