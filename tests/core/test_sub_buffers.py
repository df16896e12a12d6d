"""The bookkeeping of sub-buffers: indices, running episodes, resets, and views.

The oracles: numbers recorded from Tianshou v1.1.0, numbers computed by hand, and plain lists of
rows.
"""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pg_edu import Batch, ReplayBuffer, VectorReplayBuffer
from tests.core.helpers import counted, row, rows


def test_adding_gives_the_numbers_of_v1_1_0() -> None:
    """Recorded from Tianshou v1.1.0: rows for changing subsets of three sub-buffers."""
    buffer = VectorReplayBuffer(10, 3)
    recorded = [
        ([0, 4, 8], [0.0, 0.0, 1.0], [0, 0, 1], [0, 4, 8]),
        ([9, 1], [2.0, 0.0], [1, 0], [9, 0]),
        ([5], [3.0], [2], [4]),
        ([2, 6, 10], [4.0, 0.0, 4.0], [3, 0, 1], [0, 6, 10]),
        ([11, 3], [0.0, 0.0], [0, 0], [11, 3]),
        ([7], [0.0], [0], [6]),
        ([0, 4, 8], [0.0, 15.5, 12.0], [0, 3, 2], [3, 6, 11]),
    ]
    for t, expected in enumerate(recorded):
        n = np.array([[0, 1, 2], [2, 0], [1]][t % 3])
        added = buffer.add(
            Batch(
                obs=10 * n + t,
                act=n,
                rew=t + 0.5 * n,
                terminated=(t + n) % 3 == 2,
                truncated=(t + n) % 4 == 3,
            ),
            buffer_ids=n,
        )
        assert tuple(array.tolist() for array in added) == expected
        assert [array.dtype for array in added] == [np.int64, np.float64, np.int64, np.int64]
    every = np.arange(12)
    assert buffer.obs.tolist() == [6, 1, 3, 4, 16, 12, 13, 15, 26, 21, 23, 24]
    assert buffer.done.tolist() == [i in (2, 4, 5, 8, 9, 10) for i in range(12)]
    assert buffer.unfinished_index().tolist() == [0]
    assert buffer.prev(every).tolist() == [3, 1, 1, 3, 7, 5, 6, 6, 11, 9, 10, 11]
    assert buffer.next(every).tolist() == [0, 2, 2, 0, 4, 5, 7, 4, 8, 9, 10, 8]
    np.random.seed(0)
    assert buffer.sample_indices(0).tolist() == [1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8]
    assert buffer.sample_indices(8).tolist() == [4, 4, 6, 5, 6, 7, 11, 10]
    assert np.random.randint(1000) == 600


def test_the_size_of_a_sub_buffer_is_rounded_up() -> None:
    buffer = VectorReplayBuffer(total_size=10, buffer_num=3)
    assert (buffer.maxsize, buffer.sub_buffer_size, buffer.buffer_num) == (12, 4, 3)
    numpy_integer: Any = np.int64(5)
    for size in (5, numpy_integer):
        single = ReplayBuffer(size)
        assert (single.maxsize, single.buffer_num) == (5, 1)


def test_the_sub_buffers_of_a_vector_buffer_are_views() -> None:
    buffer = VectorReplayBuffer(6, 2)
    early = buffer.buffers[1]
    for t in range(4):
        buffer.add(rows(t, 10 + t))
    for view in (early, buffer.buffers[1]):
        assert isinstance(view, ReplayBuffer)
        assert len(view) == view.maxsize == 3
        assert view[:].obs.tolist() == [11, 12, 13] and view.obs.tolist() == [13, 11, 12]
        assert view.unfinished_index().tolist() == [0]
        assert view.prev([0, 1]).tolist() == [2, 1]
    assert [a.tolist() for a in early.add(row(14, 4.0, True))] == [[1], [50.0], [5], [0]]
    assert buffer[:].obs.tolist() == [1, 2, 3, 12, 13, 14]
    assert buffer.unfinished_index().tolist() == [0]
    (same,) = early.buffers
    assert same[:].obs.tolist() == [12, 13, 14]
    early.reset()
    assert len(buffer) == 3 and len(same) == 0


def test_a_block_may_have_no_columns_for_the_last_sub_buffers() -> None:
    buffer = VectorReplayBuffer(9, 3)
    values = np.arange(4.0).reshape(2, 2)
    flags = np.zeros((2, 2), bool)
    block = Batch(obs=values, act=values, rew=values, terminated=flags, truncated=flags)
    assert buffer.extend(block, ~flags)[0].tolist() == [0, 3, 1, 4]
    assert [len(sub_buffer) for sub_buffer in buffer.buffers] == [2, 2, 0]


def test_rows_for_no_sub_buffer_store_nothing() -> None:
    buffer = VectorReplayBuffer(4, 2)
    assert [array.tolist() for array in buffer.add(rows(), buffer_ids=[])] == [[], [], [], []]
    assert len(buffer) == 0


def test_a_reset_discards_rows_and_running_episodes() -> None:
    buffer = counted(size=4, steps=6)
    buffer.reset()
    assert len(buffer) == 0
    assert [array.tolist() for array in buffer.add(row(9, 1.0, True))] == [[0], [1.0], [1], [0]]


def test_a_reset_can_keep_the_return_and_length_of_running_episodes() -> None:
    """Recorded from Tianshou v1.1.0: 2⁴ + 2⁵ before the reset, 1 after it."""
    buffer = counted(size=4, steps=6, done=(3,))
    buffer.reset(keep_statistics=True)
    assert [array.tolist() for array in buffer.add(row(9, 1.0, True))] == [[0], [49.0], [3], [0]]


def test_mark_truncated_splits_an_episode_in_two() -> None:
    buffer = VectorReplayBuffer(8, 2)
    for t in range(2):
        buffer.add(rows(1 + t, 5 + t))
    buffer.mark_truncated([1])
    assert buffer.truncated.tolist() == buffer.done.tolist() == [i == 5 for i in range(8)]
    assert not buffer.terminated.any()
    assert buffer.unfinished_index().tolist() == [1]
    index, episode_return, length, start = buffer.add(rows(7, 8, done=(7, 8)))
    assert index.tolist() == [2, 6] and start.tolist() == [0, 6]
    assert episode_return.tolist() == [10.0, 8.0] and length.tolist() == [3, 1]


def test_mark_truncated_does_not_change_ended_episodes_or_empty_sub_buffers() -> None:
    buffer = VectorReplayBuffer(6, 3)
    buffer.mark_truncated([0, 1, 2])
    buffer.add(rows(1, 2, done=(2,)), buffer_ids=[0, 1])
    buffer.mark_truncated([1, 2])
    assert not buffer.truncated.any()
    assert buffer.unfinished_index().tolist() == [0]


def test_mark_truncated_after_a_reset_discards_the_statistics_that_were_kept() -> None:
    buffer = counted(size=4, steps=3)
    buffer.reset(keep_statistics=True)
    buffer.mark_truncated([0])
    assert [array.tolist() for array in buffer.add(row(9, 1.0, True))] == [[0], [1.0], [1], [0]]


def test_episodes_of_different_sub_buffers_are_counted_separately() -> None:
    """Environment 0 pays 1 + 3 in two steps, environment 1 pays 2 + 4 + 8 in three."""
    buffer = VectorReplayBuffer(8, 2)
    buffer.add(rows(1, 2))
    _, episode_return, episode_length, start = buffer.add(rows(3, 4, done=(3,)))
    assert episode_return.tolist() == [4.0, 0.0]
    assert episode_length.tolist() == [2, 0]
    assert start.tolist() == [0, 4]
    _, episode_return, episode_length, start = buffer.add(rows(5, 8, done=(8,)))
    assert episode_return.tolist() == [0.0, 14.0]
    assert episode_length.tolist() == [0, 3]
    assert start.tolist() == [2, 4]


def test_an_episode_longer_than_its_sub_buffer_has_its_whole_return() -> None:
    """Rewards 1, 2, 4, 8, 16 in three slots: the return is 31, and the last three rows remain."""
    buffer = ReplayBuffer(3)
    for t in range(4):
        buffer.add(row(t, 2.0**t))
    index, episode_return, episode_length, _ = buffer.add(row(4, 16.0, True))
    assert (index.tolist(), episode_return.tolist(), episode_length.tolist()) == ([1], [31.0], [5])
    assert buffer[:].rew.tolist() == [4.0, 8.0, 16.0]


# The first row of an episode


class Rows:
    """A sub-buffer as a plain list of (number, whether it is the first of its episode)."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.rows: list[tuple[int, bool]] = []
        self.is_running = False

    def add(self, number: int, done: bool) -> None:
        self.rows = [*self.rows, (number, not self.is_running)][-self.size :]
        self.is_running = not done


def flags_of(buffer: ReplayBuffer) -> list[tuple[int, bool]]:
    """Return (observation, whether the row is the first of its episode), oldest first."""
    if len(buffer) == 0:
        return []
    indices = buffer.sample_indices(0)
    pairs = zip(buffer.obs[indices], buffer.is_first(indices), strict=True)
    return [(int(number), bool(first)) for number, first in pairs]


one_row = st.tuples(st.sampled_from([0, 1]), st.booleans())
block = st.lists(st.tuples(*[st.tuples(st.booleans(), st.booleans())] * 2), min_size=1, max_size=5)
operation = st.one_of(
    st.tuples(st.just("add"), one_row),
    st.tuples(st.just("extend"), block),
    st.tuples(st.just("reset"), st.booleans()),
    st.tuples(st.just("mark_truncated"), st.sampled_from([[0], [1], [0, 1]])),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(operation, max_size=12))
def test_it_is_known_which_rows_are_the_first_of_their_episode(operations: list[Any]) -> None:
    """Three slots in each of two sub-buffers, so rows are overwritten all the time."""
    buffer, lists = VectorReplayBuffer(6, 2), [Rows(3), Rows(3)]
    number = 0
    for name, argument in operations:
        if name == "add":
            n, done = argument
            number += 1
            buffer.add(rows(number, done=(number,) * done), buffer_ids=[n])
            lists[n].add(number, done)
        elif name == "extend":
            valid, done = np.moveaxis(np.array(argument), -1, 0)
            numbers = number + 1 + np.arange(valid.size).reshape(valid.shape)
            number += valid.size
            values = dict.fromkeys(("obs", "act", "rew"), numbers)
            flags = {"terminated": done, "truncated": np.zeros_like(done)}
            buffer.extend(Batch(values | flags), valid)
            for t, n in np.argwhere(valid).tolist():
                lists[n].add(int(numbers[t, n]), bool(done[t, n]))
        elif name == "reset":
            buffer.reset(keep_statistics=argument)
            for one in lists:
                one.rows = []
                one.is_running = one.is_running and argument
        else:
            buffer.mark_truncated(argument)
            for n in argument:
                lists[n].is_running = False
        assert [flags_of(view) for view in buffer.buffers] == [one.rows for one in lists]
        assert flags_of(buffer) == lists[0].rows + lists[1].rows


def test_rows_from_another_buffer_begin_an_episode_where_they_did_there() -> None:
    """Rows 0 and 1 are overwritten, so row 2 is in the middle of an episode; row 4 begins one."""
    source = counted(size=4, steps=6, done=(3,))
    one, vector = ReplayBuffer(10), VectorReplayBuffer(20, 2)
    for buffer in (one, vector.buffers[1]):
        buffer.update(source)
        assert flags_of(buffer) == [(2, False), (3, False), (4, True), (5, False)]
    one.add(row(6, 1.0, True))
    one.add(row(7, 1.0, True))
    assert flags_of(one)[4:] == [(6, False), (7, True)]


def test_a_buffer_can_take_its_own_rows_again() -> None:
    buffer = counted(size=4, steps=6, done=(3,))
    buffer.update(buffer)
    assert flags_of(buffer) == [(2, False), (3, False), (4, True), (5, False)]


def test_a_reward_of_nan_in_a_row_that_is_not_stored_counts_for_nothing() -> None:
    """The reset step of an environment (NEXT_STEP) may come with any reward; 0 * NaN is NaN."""
    buffer = ReplayBuffer(4)
    block = Batch(
        obs=np.zeros((3, 1)),
        act=np.zeros((3, 1), int),
        rew=np.array([[1.0], [np.nan], [2.0]]),
        terminated=np.array([[False], [False], [True]]),
        truncated=np.zeros((3, 1), bool),
    )
    _, episode_return, episode_length, _ = buffer.extend(block, np.array([[True], [False], [True]]))
    assert (episode_return.tolist(), episode_length.tolist()) == ([0.0, 3.0], [0, 2])


def test_an_episode_that_a_view_marks_as_truncated_is_the_one_of_its_own_sub_buffer() -> None:
    buffer = VectorReplayBuffer(8, 2)

    def add(terminated: bool) -> list[float]:
        both = Batch(obs=np.zeros(2), act=[0, 0], rew=[1.0, 1.0], truncated=[False, False])
        both.terminated = [terminated, terminated]
        returns: list[float] = buffer.add(both, buffer_ids=[0, 1])[1].tolist()
        return returns

    add(terminated=False)
    buffer.buffers[1].mark_truncated(np.array([0]))
    assert add(terminated=True) == [2.0, 1.0]
