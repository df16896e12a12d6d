"""Where each of N rings stands, and which slot comes next: the book-keeping of a replay buffer.

A ring of R slots is written round and round; slot k of ring n has the index n R + k. Besides the
place of the next row, a ring knows of its running episode where it started, how long it is and what
it has returned. NumPy only: nothing here knows what a row holds.
"""

from typing import Any

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
            Which rows to write, by their number t N + n, and to which indices; and for these rows
            what `add` returns. In the order of time, so the later of two rows at one index stays.
        """
        if self.episode_return.shape[1:] != rew.shape[2:]:
            self.episode_return = np.zeros((len(self.size), *rew.shape[2:]))
        row, end = np.flatnonzero(valid), done & valid
        count, ends = valid.sum(axis=0), end.sum(axis=0)
        slot = self.next[ids] - 1 + np.cumsum(valid, axis=0)
        if slot.max(initial=0) >= self.ring_size:
            slot %= self.ring_size
        index = (self.first[ids] + slot).reshape(-1)[row]

        # A list of episodes: of each ring the one that is running, then a new one after each end.
        new = np.cumsum(ends + 1) - 1
        old = new - ends
        episode = (old + np.cumsum(end, axis=0) - end).reshape(-1)[row]
        at_end = np.flatnonzero(end.reshape(-1)[row])
        ended = episode[at_end]
        lengths = np.bincount(episode, minlength=len(old) + len(ended))
        lengths[old] += self.length[ids]
        returns = np.zeros((len(lengths), *rew.shape[2:]))
        returns[old] = self.episode_return[ids]
        np.add.at(returns, episode, rew.reshape(-1, *rew.shape[2:])[row])
        starts = np.empty_like(lengths)
        starts[old] = self.start[ids]
        first, slot = np.divmod(index[at_end], self.ring_size)
        starts[ended + 1] = first * self.ring_size + (slot + 1) % self.ring_size
        self.start[ids], self.length[ids] = starts[new], lengths[new]
        self.episode_return[ids] = returns[new]
        self.next[ids] = (self.next[ids] + count) % self.ring_size
        self.size[ids] = np.minimum(self.size[ids] + count, self.ring_size)

        episode_length, episode_return = np.zeros_like(row), np.zeros((len(row), *rew.shape[2:]))
        episode_length[at_end], episode_return[at_end] = lengths[ended], returns[ended]
        return row, index, (index, episode_return, episode_length, starts[episode])
