"""Keep track of each of N sub-buffers: its next slot, its size, its unfinished episode.

A sub-buffer has R slots, which are written cyclically; slot k of sub-buffer n has index n R + k. Of
its unfinished episode it knows where the episode started, its length, and the sum of its rewards so
far. This module uses NumPy only, and does not know what a row holds.
"""

from typing import Any

import numpy as np

from pg_edu.types import AnyArray, Flags, Ints

Added = tuple[Ints, AnyArray, Ints, Ints]  # what `ReplayBuffer.add` returns


class SubBuffers:
    """The bookkeeping of N sub-buffers of R slots each.

    Attributes:
        sub_buffer_size: R, the number of slots of a sub-buffer.
        first: the index of each sub-buffer's slot 0, [N].
        next: the slot that each sub-buffer writes next, [N].
        size: the number of rows in each sub-buffer, [N].
        start: the index at which the unfinished episode started, [N].
        length: the number of its steps so far, [N].
        episode_return: the sum of its rewards so far, [N, ...].
    """

    def __init__(self, num: int, sub_buffer_size: int) -> None:
        self.sub_buffer_size = sub_buffer_size
        self.first = np.arange(num) * sub_buffer_size
        self.next = np.zeros(num, int)
        self.size = np.zeros(num, int)
        self.start = self.first.copy()
        self.length = np.zeros(num, int)
        self.episode_return: AnyArray = np.zeros(num)

    def start_episodes(self, ids: Ints | slice) -> None:
        """Start a new episode at the next slot of each of these sub-buffers."""
        self.start[ids] = self.first[ids] + self.next[ids]
        self.length[ids] = 0
        self.episode_return[ids] = 0.0

    def advance(self, ids: Ints, rew: AnyArray, done: Flags, valid: Flags) -> Added:
        """Take in the valid rows of a block [T, N]; column n goes to sub-buffer ids[n].

        Args:
            ids: the sub-buffer of each column, [N], each at most once.
            rew: rewards, [T, N, ...].
            done: whether a row ends its episode, [T, N].
            valid: which rows to take, [T, N].

        Returns:
            What `ReplayBuffer.add` returns, one entry per row in the order of `rew[valid]`: the
            index where the row goes; the return and the length of its episode if the row ends
            it, otherwise 0; the index where its episode started.
        """
        if self.episode_return.shape[1:] != rew.shape[2:]:
            self.episode_return = np.zeros((len(self.size), *rew.shape[2:]))
        # Order the rows sub-buffer by sub-buffer, so that the steps of an episode are neighbors.
        counts = valid.sum(axis=0)
        index = self._fill_slots(ids, counts)
        counted = self._count_episodes(
            ids, counts, index, rew.swapaxes(0, 1)[valid.T], done.T[valid.T]
        )
        episode_return, episode_length, start = (_by_time(values, valid) for values in counted)
        return _by_time(index, valid), episode_return, episode_length, start

    def _fill_slots(self, ids: Ints, counts: Ints) -> Ints:
        """Return the indices of the next counts[n] slots of sub-buffer ids[n]; move past them."""
        nth = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        slot = (np.repeat(self.next[ids], counts) + nth) % self.sub_buffer_size
        index: Ints = np.repeat(self.first[ids], counts) + slot
        self.next[ids] = (self.next[ids] + counts) % self.sub_buffer_size
        self.size[ids] = np.minimum(self.size[ids] + counts, self.sub_buffer_size)
        return index

    def _count_episodes(
        self, ids: Ints, counts: Ints, index: Ints, rew: AnyArray, end: Flags
    ) -> tuple[AnyArray, Ints, Ints]:
        """Add rows to their episodes; return for each row the last three arrays of `advance`.

        The rows come sub-buffer by sub-buffer: counts[n] of them for sub-buffer ids[n].
        """
        ids = ids[counts > 0]
        last_row = (np.cumsum(counts) - 1)[counts > 0]
        first_row = (np.cumsum(counts) - counts)[counts > 0]

        # A piece of an episode begins at the first row of a sub-buffer, and after every end.
        begins = np.zeros(len(end), bool)
        begins[1:] = end[:-1]
        begins[first_row] = True
        begin = np.flatnonzero(begins)
        piece = np.cumsum(begins) - 1  # the piece that each row belongs to
        length = np.diff(begin, append=len(end))
        start = index[begin]
        total = np.zeros((len(begin), *rew.shape[1:]))

        # The first piece of each sub-buffer continues the unfinished episode there.
        continued = piece[first_row]
        length[continued] += self.length[ids]
        start[continued] = self.start[ids]
        total[continued] = self.episode_return[ids]
        np.add.at(total, piece, rew)  # one by one, because another order rounds differently

        # The last piece of each sub-buffer remains unfinished, unless it has ended.
        running = piece[last_row]
        self.episode_return[ids] = total[running]
        self.length[ids] = length[running]
        self.start[ids] = start[running]
        self.start_episodes(ids[end[last_row]])
        return _where(end, total[piece]), _where(end, length[piece]), start[piece]


def _where(end: Flags, values: AnyArray) -> Any:
    """Return the values of the rows that end their episode, [B, ...], and 0 for the others."""
    rows = end.reshape(-1, *[1] * (values.ndim - 1))
    return np.where(rows, values, 0)


def _by_time(values: AnyArray, valid: Flags) -> Any:
    """Reorder values from sub-buffer by sub-buffer into the order of `rows[valid]`."""
    block = np.empty((*valid.T.shape, *values.shape[1:]), values.dtype)
    block[valid.T] = values
    return block.swapaxes(0, 1)[valid]
