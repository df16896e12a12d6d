"""Replay buffers: rows in the order of time, which know where episodes end.

Each environment writes into a ring of its own. N rings of R rows lie one behind the other in one
array a field, [N R, ...]:

    index of the k-th row of ring n  =  n R + (k mod R)

so a full ring overwrites its oldest row. A `ReplayBuffer` is one ring. A `VectorReplayBuffer` is N
of them, and differs in how rows come in and how they are sampled.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from pg_edu import checks
from pg_edu.batch import Batch, as_items, is_empty, map_leaves, to_numpy, zeros_of
from pg_edu.sub_buffers import Added, Array, Indices, Rings
from pg_edu.types import RolloutBatchProtocol

Rows = RolloutBatchProtocol | Batch

REQUIRED = ("obs", "act", "rew", "terminated", "truncated")
OPTIONAL = ("obs_next", "info", "policy")
LARGE = 1024  # bytes of a row
FIELDS = (*REQUIRED, "done", *OPTIONAL)

EMPTY = "the buffer is empty, collect first"


class ReplayBuffer:
    """The last `size` transitions of one environment, in the order of time.

    Fields are attributes: `buffer.rew` is [maxsize]. They are allocated, as zeros (None for
    objects), when a value first comes, which may be later than the first row. `rew` is float64,
    flags are bool, `done` is always terminated or truncated; every other field keeps the dtype of
    its first row. Tensors are stored as arrays.

    Args:
        size: rows to keep.

    Raises:
        ValueError: size is no positive integer.

    Source: Tianshou v1.1.0, ReplayBuffer; `extend` and `mark_truncated` are pg_edu's own.

    Example:
        >>> buffer = ReplayBuffer(size=3)
        >>> for t in range(4):
        ...     row = Batch(obs=t, act=0, rew=1.5, terminated=t == 3, truncated=False)
        ...     index, episode_return, episode_length, start_index = buffer.add(row)
        >>> index, episode_return, episode_length, start_index
        (array([0]), array([6.]), array([4]), array([0]))
        >>> buffer.obs, buffer[:].obs
        (array([3, 1, 2]), array([1, 2, 3]))
    """

    _stores_any_key = True

    def __init__(self, size: int) -> None:
        self._set_up(1, checks.positive_integer("size", size))

    def _set_up(self, buffer_num: int, ring_size: int) -> None:
        self.buffer_num = buffer_num
        self.ring_size = ring_size
        self.maxsize = buffer_num * ring_size
        # A view (see `buffers`) shares these two with the buffer that it is a part of.
        self._rings = Rings(buffer_num, ring_size)
        self._storage = Batch()
        self._own_rings = slice(0, buffer_num)

    def add(self, batch: Rows, buffer_ids: Sequence[int] | Indices | None = None) -> Added:
        """Stores one transition.

        Args:
            batch: at least obs, act, rew, terminated and truncated; values may be nested Batches.
            buffer_ids: None, or a list of one id: then values have an axis of length 1 in front.

        Returns:
            Four arrays with one entry a row: the index written; return and length of its episode if
            that ended here, otherwise 0; the index where the episode started.

        Raises:
            ValueError: a field is missing, or a value does not fit the rows that are stored. The
                buffer is unchanged then.
        """
        axes = 0 if buffer_ids is None else 1
        return self._append(batch, axes, np.ones((1, 1), bool), np.zeros(1, int))

    def extend(self, rows: Rows, valid: ArrayLike) -> Added:
        """Stores a block of T steps of N environments, like T times `add`.

        Args:
            rows: a Batch with leaves [T, N, ...], N at most buffer_num. Column n goes to ring n, in
                the order of time; if it brings more rows than a ring holds, the last ones remain.
            valid: bool [T, N]; rows where it is False are not stored.

        Returns:
            As `add`, one entry a stored row, in the order of `leaf[valid]`.

        Raises:
            ValueError: as `add`, or `valid` is not bool [T, N].

        Example:
            >>> buffer = VectorReplayBuffer(total_size=10, buffer_num=2)
            >>> rew, flag = np.array([[1.0, 2.0], [3.0, 4.0]]), np.zeros((2, 2), bool)
            >>> rows = Batch(obs=rew, act=rew, rew=rew, terminated=rew == 3.0, truncated=flag)
            >>> buffer.extend(rows, valid=[[True, True], [True, False]])
            (array([0, 5, 1]), array([0., 0., 4.]), array([0, 0, 2]), array([0, 5, 0]))
        """
        mask = np.asarray(valid)
        checks.check_mask(mask, self.buffer_num)
        return self._append(rows, 2, mask, np.arange(mask.shape[1]))

    def update(self, buffer: "ReplayBuffer") -> Indices:
        """Appends the rows of another buffer, oldest first; returns the indices written."""
        if len(buffer) == 0:
            return np.zeros(0, int)
        column = map_leaves(lambda leaf: leaf[:, None], Batch(buffer[:]))
        return self.extend(column, np.ones((len(buffer), 1), bool))[0]

    def mark_truncated(self, buffer_ids: Sequence[int] | Indices) -> None:
        """Ends the running episodes of some rings, as a reset of their environments does.

        The last row of each ring becomes truncated unless it is done, and the next row starts an
        episode of its own.

        Raises:
            ValueError: ids that are not distinct numbers of rings.
        """
        ids = checks.ring_numbers(buffer_ids, self.buffer_num)
        cut = np.intersect1d(self.unfinished_index(), self._last_index()[ids])
        if len(cut):
            self.truncated[cut] = self.done[cut] = True
        self._rings.start_episodes(self._own_rings.start + ids)

    def reset(self, keep_statistics: bool = False) -> None:
        """Forgets all rows; `keep_statistics`: not the return and length of running episodes."""
        self._rings.next[self._own_rings] = self._rings.size[self._own_rings] = 0
        if not keep_statistics:
            self._rings.start_episodes(self._own_rings)

    def sample(self, batch_size: int | None) -> tuple[RolloutBatchProtocol, Indices]:
        """A copy of the rows at `sample_indices(batch_size)`, and these indices."""
        indices = self.sample_indices(batch_size)
        rows = self[:] if batch_size == 0 else self._rows(lambda leaf: leaf.take(indices, axis=0))
        return rows, indices

    def sample_indices(self, batch_size: int | None) -> Indices:
        """Chooses rows, by numpy's global generator.

        Args:
            batch_size: how many, with replacement; 0: every row, oldest first, without a draw;
                None: every row once, in random order; below 0: none.

        Raises:
            ValueError: the buffer is empty.
        """
        if batch_size is not None and batch_size < 0:
            return np.zeros(0, int)
        if len(self) == 0:
            raise ValueError(EMPTY)
        if batch_size == 0:
            return np.concatenate([np.arange(s.start, s.stop) for s in self._slices()])
        if batch_size is None:
            return np.random.permutation(len(self))
        return np.random.choice(len(self), batch_size)

    def prev(self, index: ArrayLike) -> Indices:
        """The row before each index, or the index itself where an episode (or the ring) starts."""
        first, slot, size = self._locate(index)
        before = (slot - 1) % size
        return first + (before + self._is_end(first + before)) % size

    def next(self, index: ArrayLike) -> Indices:
        """The row after each index, or the index itself where an episode (or the ring) ends."""
        first, slot, size = self._locate(index)
        return first + (slot + ~self._is_end(first + slot)) % size

    def unfinished_index(self) -> Indices:
        """The last row of each ring, where its episode goes on: int64 [buffer_num or fewer]."""
        if len(self) == 0:
            return np.zeros(0, int)
        last, done = self._last_index(), cast(Array, self.done)
        return last[(self._sizes() > 0) & ~done[last]]

    @property
    def buffers(self) -> list["ReplayBuffer"]:
        """Each ring as a ReplayBuffer: a view, which shares rows and state with this buffer."""
        views = [ReplayBuffer(self.ring_size) for _ in range(self.buffer_num)]
        for ring, view in enumerate(views, start=self._own_rings.start):
            view._rings, view._storage = self._rings, self._storage
            view._own_rings = slice(ring, ring + 1)
        return views

    def __len__(self) -> int:
        return int(self._sizes().sum())

    def __getitem__(self, index: Any) -> RolloutBatchProtocol:
        """Rows by index: int, slice or array. `buffer[:]` is a copy of every row, oldest first.

        Other slices and negative numbers count places in the storage, not time. `obs_next`, `info`
        and `policy` are empty Batches where they were never stored.
        """
        if len(self) == 0:
            raise IndexError(EMPTY)
        if not isinstance(index, slice):
            return self._rows(lambda leaf: leaf[index])
        if index != slice(None):
            return self[np.arange(len(self))[index]]
        slices = self._slices()
        return self._rows(lambda leaf: np.concatenate([leaf[s] for s in slices]))

    def __getattr__(self, key: str) -> Any:
        # Only called where the usual lookup found nothing.
        if key.startswith("_") or key not in self._storage:
            raise AttributeError(f"{type(self).__name__} has no attribute and no field {key!r}")
        return self._fields()[key]

    def __setattr__(self, key: str, value: Any) -> None:
        if key in FIELDS:
            raise AttributeError(f"{key} is a field: to change rows, buffer.{key}[index] = ...")
        super().__setattr__(key, value)

    def __repr__(self) -> str:
        return type(self).__name__ + repr(self._fields()).removeprefix("Batch")

    def _append(self, batch: Rows, axes: int, valid: NDArray[np.bool_], ids: Indices) -> Added:
        """Stores the valid rows of [T, N], column n in ring ids[n].

        The values of `batch` have the last `axes` (0, 1 or 2) of these two axes in front.
        """
        rows = self._checked_rows(batch, axes, valid.shape)
        storage = _with_room(self._storage, rows, len(self._rings.size) * self.ring_size)
        vars(self._storage).update(vars(storage))
        ids = self._own_rings.start + ids
        row, place, added = self._rings.advance(ids, rows.rew, rows.done, valid)
        _write(self._storage, place, rows, row)
        first = self._own_rows().start
        return added[0] - first, added[1], added[2], added[3] - first

    def _checked_rows(self, batch: Rows, axes: int, lead: tuple[int, ...]) -> Batch:
        """What is to be stored, as arrays [T, N, ...]; rewards and flags in their dtypes."""
        given = vars(Batch(cast(Batch, batch)))
        checks.check_required(given, REQUIRED)
        rows = Batch()
        for key, value in given.items():
            if key != "done" and (self._stores_any_key or key in FIELDS):
                vars(rows)[key] = _lifted(value, axes, lead, key)
        for key, dtype in (("rew", np.float64), ("terminated", np.bool_), ("truncated", np.bool_)):
            leaf = rows[key]
            if isinstance(leaf, Batch) or leaf.dtype.kind not in "biuf":
                raise ValueError(f"{key}: expected numbers, got {given[key]!r}")
            if leaf.size == lead[0] * lead[1]:
                leaf = leaf.reshape(lead)
            elif key != "rew":
                raise ValueError(f"{key}: expected one flag a row, got {leaf.shape[2:]} of them")
            vars(rows)[key] = leaf.astype(dtype, copy=False)
        vars(rows)["done"] = rows.terminated | rows.truncated
        return rows

    def _sizes(self) -> Indices:
        """The rows in each ring, [buffer_num]."""
        return self._rings.size[self._own_rings]

    def _last_index(self) -> Indices:
        """The newest row of each ring (slot 0 in an empty one), [buffer_num]."""
        slots: Indices = (self._rings.next[self._own_rings] - 1) % np.maximum(self._sizes(), 1)
        return np.arange(self.buffer_num) * self.ring_size + slots

    def _locate(self, index: ArrayLike) -> tuple[Indices, Indices, Indices]:
        """For each index: where its ring begins, its slot in there, and the rows of the ring."""
        if len(self) == 0:
            raise ValueError(EMPTY)
        ring, slot = np.divmod(np.asarray(index) % self.maxsize, self.ring_size)
        return ring * self.ring_size, slot, np.maximum(self._sizes(), 1)[ring]

    def _is_end(self, index: Indices) -> NDArray[np.bool_]:
        return cast(NDArray[np.bool_], self.done[index] | np.isin(index, self._last_index()))

    def _slices(self) -> list[slice]:
        """Where the rows are, oldest first, ring by ring: two slices where a ring has wrapped."""
        slices = []
        firsts = range(0, self.maxsize, self.ring_size)
        next_slots = self._rings.next[self._own_rings]
        for first, now, size in zip(firsts, next_slots, self._sizes(), strict=True):
            slices += [slice(first + now, first + size), slice(first, first + now)]
        return [s for s in slices if s.start < s.stop]

    def _own_rows(self) -> slice:
        own = self._own_rings
        return slice(own.start * self.ring_size, own.stop * self.ring_size)

    def _fields(self, read: Callable[[Array], Any] = lambda leaf: leaf) -> Batch:
        """read(leaf) for every leaf of every field."""
        own = self._own_rows()
        return map_leaves(lambda leaf: read(leaf[own]), self._storage)

    def _rows(self, read: Callable[[Array], Any]) -> RolloutBatchProtocol:
        """The same with empty Batches for optional fields that were never stored."""
        fields = Batch(self._fields(read))
        fields.update({key: Batch() for key in OPTIONAL if key not in fields})
        return cast(RolloutBatchProtocol, fields)


class VectorReplayBuffer(ReplayBuffer):
    """The last transitions of several environments, each in a ring of its own.

    Everything is as in `ReplayBuffer`, with these differences: `add` takes a row from each
    environment; only the standard fields are stored (obs, act, rew, terminated, truncated,
    obs_next, info, policy); `sample_indices` draws a ring for each row, in proportion to the sizes,
    then rows within the rings.

    Args:
        total_size: rows to keep, rounded up to a multiple of buffer_num.
        buffer_num: N, the number of rings.

    Raises:
        ValueError: one of the two is no positive integer.

    Source: Tianshou v1.1.0, VectorReplayBuffer.

    Example:
        >>> buffer = VectorReplayBuffer(total_size=8, buffer_num=2)
        >>> for t in range(3):
        ...     flags = {"terminated": [t == 2, False], "truncated": [False, False]}
        ...     row = Batch(obs=[t, 10 + t], act=[0, 0], rew=[1.0, 2.0], **flags)
        ...     index, episode_return, *_ = buffer.add(row)
        >>> index, episode_return
        (array([2, 6]), array([3., 0.]))
        >>> batch, indices = buffer.sample(0)
        >>> indices, batch.obs
        (array([0, 1, 2, 4, 5, 6]), array([ 0,  1,  2, 10, 11, 12]))
    """

    _stores_any_key = False

    def __init__(self, total_size: int, buffer_num: int) -> None:
        rows = checks.positive_integer("total_size", total_size)
        rings = checks.positive_integer("buffer_num", buffer_num)
        self._set_up(rings, -(-rows // rings))

    def add(self, batch: Rows, buffer_ids: Sequence[int] | Indices | None = None) -> Added:
        """Stores a transition in each of several rings.

        Args:
            batch: as in `ReplayBuffer.add`, with leaves [len(buffer_ids), ...].
            buffer_ids: the ring of each row; None: ring 0, 1, ..., N - 1.

        Returns:
            As `ReplayBuffer.add`, in the order of `buffer_ids`.

        Raises:
            ValueError: as `ReplayBuffer.add`, or ids that are not distinct numbers of rings.
        """
        given = range(self.buffer_num) if buffer_ids is None else buffer_ids
        ids = checks.ring_numbers(given, self.buffer_num)
        return self._append(batch, 1, np.ones((1, len(ids)), bool), ids)

    def update(self, buffer: ReplayBuffer) -> Indices:
        """Not possible, for nothing says which ring a row belongs to."""
        raise NotImplementedError("update: take a ReplayBuffer, or one of `buffers`")

    def sample_indices(self, batch_size: int | None) -> Indices:
        """As `ReplayBuffer.sample_indices`; None is the same as 0."""
        if batch_size is None or batch_size <= 0 or len(self) == 0:
            return super().sample_indices(batch_size or 0)
        sizes = self._sizes()
        ring = np.random.choice(self.buffer_num, batch_size, p=sizes / sizes.sum())
        count = np.bincount(ring, minlength=self.buffer_num)
        draw = np.random.choice
        parts = [n * self.ring_size + draw(sizes[n], count[n]) for n in np.flatnonzero(count)]
        return np.concatenate(parts)


def _lifted(value: Any, axes: int, lead: tuple[int, ...], name: str) -> Any:
    """A value with the last `axes` of [T, N] in front, as an array [T, N, ...]."""
    if isinstance(value, Batch):
        return map_leaves(lambda leaf: _lifted(leaf, axes, lead, name), value)
    if value is None and axes > 0:
        return np.full(lead, None)
    if isinstance(value, np.ndarray | np.generic | torch.Tensor):
        array = to_numpy(value)
    else:
        array = np.empty((), object)
        array[()] = value
    checks.check_shape(name, array, lead[2 - axes :])
    return array.reshape((1,) * (2 - axes) + array.shape)


def _write(held: Batch, index: Indices, rows: Batch, source: Indices) -> None:
    """Row number `source` of [T, N] rows, counted along N first, goes to row `index`, for each
    value held; zeros where it has none."""
    for key, inner in vars(held).items():
        new = vars(rows).get(key, Batch())
        if isinstance(inner, Batch):
            _write(inner, index, new, source)
        elif is_empty(new):
            inner[index] = zeros_of(inner, ())
        else:
            lead = new.shape[0] * new.shape[1]
            flat = np.ascontiguousarray(new, inner.dtype).reshape(lead, *new.shape[2:])
            if flat[:1].nbytes < LARGE:
                as_items(inner)[index] = as_items(flat.take(source, axis=0))
            else:  # one by one: gathered and then scattered they would be copied twice
                for to, row in zip(index.tolist(), source.tolist(), strict=True):
                    inner[to] = flat[row]


def _with_room(storage: Batch, rows: Batch, size: int, path: str = "") -> Batch:
    """The same storage, with `size` rows of new storage for each value that had none.

    Raises:
        ValueError: a value does not fit the storage that it has.
    """
    result = map_leaves(lambda leaf: leaf, storage)
    for key, new in vars(rows).items():
        held = storage.get(key, Batch())
        if isinstance(held, Batch) and isinstance(new, Batch):
            vars(result)[key] = _with_room(held, new, size, f"{path}{key}.")
        elif is_empty(held):
            vars(result)[key] = zeros_of(new, (size, *new.shape[2:]))
        elif not is_empty(new):
            here, got = _row(held, 1), _row(new, 2)
            if here not in (got, ("objects of shape", got[1])):
                text = f"rows are stored as {here[0]} {here[1]}, got {got[0]} {got[1]}"
                raise ValueError(f"{path}{key}: {text}")
    return result


def _row(value: Any, axes: int) -> tuple[str, list[Any]]:
    """What a row is, after so many axes in front."""
    if isinstance(value, Batch):
        return "a Batch of", list(value.keys())
    kind = "objects of shape" if value.dtype == object else "numbers of shape"
    return kind, list(value.shape[axes:])
