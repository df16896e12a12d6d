"""Where each of N rings stands, and which slot comes next: the book-keeping of a replay buffer.

A ring of R slots is written round and round; slot k of ring n has the index n R + k. Besides the
place of the next row, a ring knows of its running episode where it started, how long it is and what
it has returned. NumPy only: nothing here knows what a row holds.
"""

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Indices = NDArray[np.int64]
Added = tuple[Indices, Array, Indices, Indices]  # what `ReplayBuffer.add` returns


class Rings:
    """Where each of N rings stands: arrays [N]."""

    def __init__(self, num: int, ring_size: int) -> None:
        self.ring_size = ring_size
        self.first = np.arange(num) * ring_size  # the index of slot 0
        self.next = np.zeros(num, int)  # the slot that is written next
        self.size = np.zeros(num, int)  # rows stored
        # Of the running episode: the index where it started, and what it has brought so far.
        self.start = self.first.copy()
        self.length = np.zeros(num, int)
        self.episode_return = np.zeros(num)

    def start_episodes(self, ids: Indices | slice) -> None:
        self.start[ids] = self.first[ids] + self.next[ids]
        self.length[ids] = 0
        self.episode_return[ids] = 0.0

    def advance(
        self, ids: Indices, rew: Array, done: NDArray[np.bool_], valid: NDArray[np.bool_]
    ) -> tuple[Indices, Indices, Added]:
        """Moves on by the valid ones of [T, N] rows, column n in ring ids[n].

        Returns:
            Which rows to write, by their number t N + n, ring by ring, and to which indices; and
            for all valid rows, in the order of time, what `add` returns.
        """
        if self.episode_return.shape[1:] != rew.shape[2:]:
            self.episode_return = np.zeros((len(self.size), *rew.shape[2:]))
        steps, rings = valid.shape
        count = valid.sum(axis=0)
        stop = np.cumsum(count)
        ring = np.repeat(np.arange(rings), count)
        row = (np.flatnonzero(valid.T) - ring * steps) * rings + ring
        slot = np.arange(len(row)) + (self.next[ids] - stop + count)[ring]
        if slot.max(initial=0) >= self.ring_size:
            slot %= self.ring_size
        index = self.first[ids][ring] + slot

        # A list of episodes: of each ring the one that is running, then a new one after each end.
        end = np.flatnonzero(done.reshape(-1)[row])
        ends = np.bincount(ring[end], minlength=rings)
        new = np.arange(rings) + np.cumsum(ends)
        old = new - ends
        ended = np.ones(rings + len(end), bool)
        ended[new] = False
        stops = np.empty(len(ended), int)
        stops[ended], stops[new] = end + 1, stop
        lengths = np.diff(stops, prepend=0)
        episode = np.repeat(np.arange(len(ended)), lengths)
        starts, returns = np.empty_like(lengths), np.zeros((len(ended), *rew.shape[2:]))
        starts[1:][ended[:-1]] = index[end] - slot[end] + (slot[end] + 1) % self.ring_size
        starts[old], returns[old] = self.start[ids], self.episode_return[ids]
        lengths[old] += self.length[ids]
        np.add.at(returns, episode, rew.reshape(-1, *rew.shape[2:])[row])
        self.start[ids], self.episode_return[ids] = starts[new], returns[new]
        self.length[ids] = lengths[new]
        self.next[ids] = (self.next[ids] + count) % self.ring_size
        self.size[ids] = np.minimum(self.size[ids] + count, self.ring_size)

        episode_length, episode_return = np.zeros_like(row), np.zeros((len(row), *rew.shape[2:]))
        episode_length[end], episode_return[end] = lengths[ended], returns[ended]
        place = np.empty(valid.size, int)
        place[row] = np.arange(len(row))
        by_time = place[np.flatnonzero(valid)]
        added = (index, episode_return, episode_length, starts[episode])
        if steps > self.ring_size:  # later rows may overwrite earlier ones
            last = np.arange(len(row)) >= (stop - self.ring_size)[ring]
            row, index = row[last], index[last]
        return row, index, cast(Added, tuple(values[by_time] for values in added))
