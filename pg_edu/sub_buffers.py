"""Keep track of each of N sub-buffers: its next slot, its size, its unfinished episode.

A sub-buffer has R slots, which are written cyclically; slot k of sub-buffer n has index n R + k. Of
its unfinished episode it knows where the episode started, its length, and the sum of its rewards so
far. This module uses NumPy only, and does not know what a row holds.
"""

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
        is_first: whether the row in a slot is the first of its episode, [N R].
    """

    def __init__(self, num: int, sub_buffer_size: int) -> None:
        self.sub_buffer_size = sub_buffer_size
        self.first = np.arange(num) * sub_buffer_size
        self.next = np.zeros(num, int)
        self.size = np.zeros(num, int)
        self.start = self.first.copy()
        self.length = np.zeros(num, int)
        self.episode_return: AnyArray = np.zeros(num)
        self.is_first = np.zeros(num * sub_buffer_size, bool)

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
        end = done & valid
        slot = (self.next[ids] + np.cumsum(valid, axis=0) - 1) % self.sub_buffer_size  # if valid
        next_slot = (slot + 1) % self.sub_buffer_size
        start, length_so_far, return_so_far = self._count_episodes(ids, rew, end, valid, next_slot)

        rows = valid.sum(axis=0)
        self.next[ids] = (self.next[ids] + rows) % self.sub_buffer_size
        self.size[ids] = np.minimum(self.size[ids] + rows, self.sub_buffer_size)
        length = np.where(end, length_so_far, 0)
        episode_return = np.where(_per_row(end, rew), return_so_far, 0.0)
        index = (self.first[ids] + slot)[valid]
        self.is_first[index] = (length_so_far == 1)[valid]
        return index, episode_return[valid], length[valid], start[valid]

    def _count_episodes(
        self, ids: Ints, rew: AnyArray, end: Flags, valid: Flags, next_slot: Ints
    ) -> tuple[Ints, Ints, AnyArray]:
        """Return start, length so far and return so far of each row's episode, [T, N]."""
        start = self.start[ids]  # a copy, since ids is an array; likewise the two below
        length = self.length[ids]
        episode_return = self.episode_return[ids]
        new_rew = np.where(_per_row(valid, rew), rew, 0.0)
        starts = np.empty(valid.shape, int)
        lengths = np.empty(valid.shape, int)
        returns = np.empty(rew.shape)
        for t in range(len(valid)):
            length += valid[t]
            episode_return += new_rew[t]
            starts[t] = start
            lengths[t] = length
            returns[t] = episode_return
            if end[t].any():
                start[end[t]] = (self.first[ids] + next_slot[t])[end[t]]
                length[end[t]] = 0
                episode_return[end[t]] = 0.0
        self.start[ids] = start
        self.length[ids] = length
        self.episode_return[ids] = episode_return
        return starts, lengths, returns


def _per_row(flags: Flags, rew: AnyArray) -> Flags:
    """Return flags [T, N] reshaped to [T, N, 1, ...], to select among rewards [T, N, ...]."""
    return flags.reshape(*flags.shape, *[1] * (rew.ndim - 2))
