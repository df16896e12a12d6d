"""Store transitions in time order, in replay buffers that know where episodes end.

Each environment writes into a sub-buffer of its own. N sub-buffers of R rows lie one after the
other in one array per field, [N R, ...]:

    index of the k-th row of sub-buffer n  =  n R + (k mod R)

so a full sub-buffer overwrites its oldest row. A `ReplayBuffer` is one sub-buffer. A
`VectorReplayBuffer` is N of them, with its own ways to add and to sample rows.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import ArrayLike

from pg_edu.batch import Batch, blank, is_empty, map_leaves, to_numpy
from pg_edu.checks import positive_integer, warn
from pg_edu.infos import make_fit
from pg_edu.sub_buffers import Added, SubBuffers
from pg_edu.types import AnyArray, Flags, Ints, RolloutBatchProtocol

Rows = RolloutBatchProtocol | Batch | dict[str, Any]
Leading = tuple[int, ...]  # the axes of a block [T, N] that a value has: (), (N,) or (T, N)

REQUIRED = ("obs", "act", "rew", "terminated", "truncated")
OPTIONAL = ("obs_next", "info", "policy")
INFOS = ("info", "obs_info")  # what came after the step, and what came with `obs`
FIELDS = (*REQUIRED, "done", *OPTIONAL, "obs_info")
SCALARS = {"rew": np.float64, "terminated": np.bool_, "truncated": np.bool_}  # with their dtypes

LARGE_ROW = 1024  # bytes

EMPTY = "the buffer is empty: collect first"


class ReplayBuffer:
    """The last `size` transitions of one environment, in time order.

    Fields are attributes: `buffer.rew` is [maxsize]. A field is allocated, as zeros (None for
    objects), when its first value arrives, which may be after the first row. `rew` is float64,
    flags are bool, `done` is always `terminated | truncated`; every other field keeps the dtype of
    its first value. If this dtype changes a later value, such as 0.7 to 0, a warning says so, once
    for each field (v1.1.0 is silent). Tensors are stored as arrays.

    A `Collector` stores two infos: `info` came after the step, as in v1.1.0, and `obs_info` came
    with `obs`, so that the policy learns from the info on which it acted. Their flags,
    `info["_key"]`, are False in rows where the key was not given (see `pg_edu.infos`).

    Args:
        size: the number of rows to keep.
        stack_num, ignore_obs_next, save_only_last_obs, sample_avail: not part of pg_edu; leave them
            at their defaults.

    Raises:
        ValueError: size is not a positive integer, or an argument is not part of pg_edu.

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

    def __init__(
        self,
        size: int,
        stack_num: int = 1,
        ignore_obs_next: bool = False,
        save_only_last_obs: bool = False,
        sample_avail: bool = False,
    ) -> None:
        _check_unsupported(stack_num, ignore_obs_next, save_only_last_obs, sample_avail)
        self._set_up(1, positive_integer("size", size))

    def _set_up(self, buffer_num: int, sub_buffer_size: int) -> None:
        self.buffer_num = buffer_num
        self.sub_buffer_size = sub_buffer_size
        self.maxsize = buffer_num * sub_buffer_size
        # A view (see `buffers`) shares these two with the buffer that it belongs to.
        self._sub_buffers = SubBuffers(buffer_num, sub_buffer_size)
        self._storage = Batch()
        self._own = slice(0, buffer_num)  # which sub-buffers are this buffer's
        self._warned: set[str] = set()  # fields whose values were changed by their dtype

    def add(self, batch: Rows, buffer_ids: Sequence[int] | Ints | None = None) -> Added:
        """Store one transition.

        Args:
            batch: at least obs, act, rew, terminated and truncated; values may be nested Batches.
            buffer_ids: None, or a list of one id: then each value has a first axis of length 1.

        Returns:
            Four arrays with one entry per row: the index written; the return and the length of its
            episode if the episode ended there, otherwise 0; the index where the episode started.

        Raises:
            ValueError: a field is missing, or a value does not fit the stored rows. The buffer is
                then unchanged.
        """
        leading = () if buffer_ids is None else (1,)
        return self._store(batch, leading, valid=np.ones((1, 1), bool), ids=np.zeros(1, int))

    def extend(self, rows: Rows, valid: ArrayLike) -> Added:
        """Store a block of T steps of N environments, as T calls of `add` would.

        Args:
            rows: a Batch or a dict with leaves [T, N, ...], N at most buffer_num. Column n goes to
                sub-buffer n in time order; if it overflows, the last rows remain.
            valid: bool [T, N]; rows where it is False are not stored.

        Returns:
            What `add` returns, with one entry per stored row, in the order of `leaf[valid]`.

        Raises:
            ValueError: as for `add`, or `valid` is not bool [T, N].

        Example:
            >>> buffer = VectorReplayBuffer(total_size=10, buffer_num=2)
            >>> rew, flag = np.array([[1.0, 2.0], [3.0, 4.0]]), np.zeros((2, 2), bool)
            >>> rows = Batch(obs=rew, act=rew, rew=rew, terminated=rew == 3.0, truncated=flag)
            >>> buffer.extend(rows, valid=[[True, True], [True, False]])
            (array([0, 5, 1]), array([0., 0., 4.]), array([0, 0, 2]), array([0, 5, 0]))
        """
        mask = np.asarray(valid)
        if mask.dtype != bool or mask.ndim != 2 or mask.shape[1] > self.buffer_num:
            raise ValueError(
                f"extend: valid must be bool [T, N], with a column for each of at most "
                f"{self.buffer_num} sub-buffers; got {mask.dtype} {mask.shape}"
            )
        return self._store(rows, mask.shape, mask, ids=np.arange(mask.shape[1]))

    def update(self, buffer: "ReplayBuffer") -> Ints:
        """Append the rows of another buffer, oldest first; return the indices written."""
        if len(buffer) == 0:
            return np.zeros(0, int)
        column = map_leaves(lambda leaf: leaf[:, None], Batch(buffer[:]))
        is_first = buffer.is_first(buffer.sample_indices(0))
        index = self.extend(column, np.ones((len(buffer), 1), bool))[0]
        # `extend` takes the oldest row to be the first of an episode; the other buffer knows.
        self._sub_buffers.is_first[self._own_rows()][index] = is_first
        return index

    def mark_truncated(self, buffer_ids: Sequence[int] | Ints) -> None:
        """End the running episodes of some sub-buffers, as a reset of their environments does.

        The last row of each of these sub-buffers becomes truncated unless it is done, and the next
        row starts a new episode.

        Raises:
            ValueError: the ids are not distinct numbers of sub-buffers.
        """
        ids = self._checked_ids(buffer_ids)
        cut = np.intersect1d(self.unfinished_index(), self._last_index()[ids])
        if len(cut) > 0:
            self.truncated[cut] = True
            self.done[cut] = True
        self._sub_buffers.start_episodes(self._own.start + ids)

    def reset(self, keep_statistics: bool = False) -> None:
        """Forget all rows and, unless `keep_statistics`, unfinished episodes' returns so far."""
        self._sub_buffers.next[self._own] = 0
        self._sub_buffers.size[self._own] = 0
        if not keep_statistics:
            self._sub_buffers.start_episodes(self._own)

    def sample(self, batch_size: int | None) -> tuple[RolloutBatchProtocol, Ints]:
        """Return a copy of the rows at `sample_indices(batch_size)`, and these indices."""
        indices = self.sample_indices(batch_size)
        if batch_size == 0:
            return self[:], indices
        return self._rows(lambda leaf: leaf.take(indices, axis=0)), indices

    def sample_indices(self, batch_size: int | None) -> Ints:
        """Choose rows with numpy's global generator.

        Args:
            batch_size: how many, with replacement; 0: every row, oldest first, without drawing;
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

    def prev(self, index: ArrayLike) -> Ints:
        """Return the row before each index, or the index itself where its episode begins.

        The oldest row of a sub-buffer is also its own predecessor.
        """
        first, slot, size = self._locate(index)
        before = (slot - 1) % size
        step_back = np.where(self._is_end(first + before), 1, 0)
        return first + (before + step_back) % size

    def next(self, index: ArrayLike) -> Ints:
        """Return the row after each index, or the index itself where its episode ends.

        The newest row of a sub-buffer is also its own successor.
        """
        first, slot, size = self._locate(index)
        step = np.where(self._is_end(first + slot), 0, 1)
        return first + (slot + step) % size

    def successor(self, index: Ints) -> Ints:
        """Return the slot after each index in its sub-buffer, even where an episode ends."""
        successor = np.arange(1, self.maxsize + 1)
        successor[self.sub_buffer_size - 1 :: self.sub_buffer_size] -= self.sub_buffer_size
        return successor[index]

    def is_first(self, index: Ints) -> Flags:
        """Tell whether the row at each index is the first of its episode.

        The oldest row of a sub-buffer need not be: the rows before it may have been overwritten, or
        discarded by `reset(keep_statistics=True)`.
        """
        return self._sub_buffers.is_first[self._own_rows()][index]

    def unfinished_index(self) -> Ints:
        """Return the newest row of each unfinished episode: [buffer_num or fewer]."""
        if len(self) == 0:
            return np.zeros(0, int)
        last = self._last_index()
        done = cast(Flags, self.done)
        return last[(self._sizes() > 0) & ~done[last]]

    @property
    def buffers(self) -> list["ReplayBuffer"]:
        """Each sub-buffer as a ReplayBuffer: a view, which shares rows and state with this one."""
        views = []
        for number in range(self._own.start, self._own.stop):
            view = ReplayBuffer(self.sub_buffer_size)
            view._sub_buffers = self._sub_buffers
            view._storage = self._storage
            view._own = slice(number, number + 1)
            view._warned = self._warned
            views.append(view)
        return views

    def __len__(self) -> int:
        return int(self._sizes().sum())

    def __getitem__(self, index: Any) -> RolloutBatchProtocol:
        """Return rows by index: int, slice or array. `buffer[:]` copies every row, oldest first.

        Other slices and negative numbers count slots of the storage, not steps in time. `obs_next`,
        `info` and `policy` are empty Batches where they were never stored.
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
        # Python calls this only where the usual lookup found nothing.
        if key.startswith("_") or key not in self._storage:
            raise AttributeError(f"{type(self).__name__} has no attribute and no field {key!r}")
        return self._fields()[key]

    def __setattr__(self, key: str, value: Any) -> None:
        if key in FIELDS:
            raise AttributeError(f"{key} is a field: change rows by buffer.{key}[index] = ...")
        super().__setattr__(key, value)

    def __repr__(self) -> str:
        return type(self).__name__ + repr(self._fields()).removeprefix("Batch")

    def _store(self, batch: Rows, leading: Leading, valid: Flags, ids: Ints) -> Added:
        """Store the valid rows of a block [T, N], column n in sub-buffer ids[n].

        The values of `batch` have the axes `leading` of [T, N] in front: (), (N,) or (T, N).
        """
        block = self._as_block(batch, leading, valid.shape)
        source = np.flatnonzero(valid)
        fields = self._fitting(block)
        self._warn_of_dtypes(fields, block, source)
        # A row that does not fit, and a warning that is an error, end before anything has changed.
        vars(self._storage).update(vars(fields))
        _allocate(self._storage, block, rows=len(self._sub_buffers.size) * self.sub_buffer_size)

        ids = self._own.start + ids
        index, episode_return, episode_length, start = self._sub_buffers.advance(
            ids, block.rew, block.done, valid
        )
        _write(self._storage, index, block, source)
        offset = self._own.start * self.sub_buffer_size  # where a view begins in the storage
        return index - offset, episode_return, episode_length, start - offset

    def _fitting(self, block: Batch) -> Batch:
        """Return the stored fields, with infos as objects where those of a block need it."""
        fields = Batch.of(dict(vars(self._storage)))
        for key in INFOS:
            held = map_leaves(lambda leaf: leaf, _nested(fields, key))  # the storage stays as it is
            make_fit(held, _nested(block, key))
            if vars(held):
                fields[key] = held
        _check_fits(fields, block)
        return fields

    def _warn_of_dtypes(self, fields: Batch, block: Batch, source: Ints) -> None:
        """Warn once for each field that changes a value because of the dtype of its first one."""
        for name, held, new in _differing_dtypes(fields, block):
            came = new.reshape(-1, *new.shape[2:])[source]
            stored, is_changed = _in_dtype(came, held.dtype)
            if name not in self._warned and is_changed.any():
                warn(
                    f"{name}: rows are stored in the dtype of the first one, {held.dtype}, so "
                    f"{came[is_changed][0]} becomes {stored[is_changed][0]}. Give the first row "
                    f"the dtype {came.dtype}."
                )
                self._warned.add(name)

    def _as_block(self, batch: Rows, leading: Leading, shape: tuple[int, ...]) -> Batch:
        """Return the values to store as arrays [T, N, ...], including `done`."""
        given = Batch(cast(Batch, batch))
        missing = [key for key in REQUIRED if key not in given]
        if missing:
            raise ValueError(f"a row needs {', '.join(REQUIRED)}; missing: {', '.join(missing)}")
        block = Batch()
        for key, value in vars(given).items():
            if key in SCALARS:
                block[key] = _scalars(key, _with_axes(key, value, leading, shape), value)
            elif key != "done" and (self._stores_any_key or key in FIELDS):
                block[key] = _with_axes(key, value, leading, shape)
        block.done = block.terminated | block.truncated
        return block

    def _checked_ids(self, buffer_ids: Sequence[int] | Ints | range) -> Ints:
        """Return distinct numbers of sub-buffers, [B], or raise."""
        ids = np.asarray(buffer_ids)
        if ids.shape == (0,):
            return ids.astype(int)
        known = set(range(self.buffer_num))
        distinct = known.intersection(ids.ravel().tolist())
        if ids.ndim != 1 or ids.dtype.kind not in "iu" or len(distinct) < len(ids):
            expected = f"distinct integers in [0, {self.buffer_num})"
            raise ValueError(f"buffer_ids: expected {expected}, got {buffer_ids!r}")
        return ids

    def _own_rows(self) -> slice:
        """Return where this buffer's rows lie in the storage."""
        size = self.sub_buffer_size
        return slice(self._own.start * size, self._own.stop * size)

    def _sizes(self) -> Ints:
        """Return the number of rows in each sub-buffer, [buffer_num]."""
        return self._sub_buffers.size[self._own]

    def _last_index(self) -> Ints:
        """Return the newest row of each sub-buffer (slot 0 in an empty one), [buffer_num]."""
        slot: Ints = (self._sub_buffers.next[self._own] - 1) % np.maximum(self._sizes(), 1)
        return np.arange(self.buffer_num) * self.sub_buffer_size + slot

    def _locate(self, index: ArrayLike) -> tuple[Ints, Ints, Ints]:
        """Return where each index's sub-buffer begins, the slot there, and how many rows it has."""
        if len(self) == 0:
            raise ValueError(EMPTY)
        number, slot = np.divmod(np.asarray(index) % self.maxsize, self.sub_buffer_size)
        return number * self.sub_buffer_size, slot, np.maximum(self._sizes(), 1)[number]

    def _is_end(self, index: Ints) -> Flags:
        return cast(Flags, self.done[index] | np.isin(index, self._last_index()))

    def _slices(self) -> list[slice]:
        """Return the slices that hold rows, oldest first, sub-buffer by sub-buffer.

        A sub-buffer that has wrapped around has two slices: the oldest rows begin at its next slot.
        """
        slices = []
        firsts = range(0, self.maxsize, self.sub_buffer_size)
        next_slots = self._sub_buffers.next[self._own]
        for first, next_slot, size in zip(firsts, next_slots, self._sizes(), strict=True):
            slices.append(slice(first + next_slot, first + size))
            slices.append(slice(first, first + next_slot))
        return [s for s in slices if s.start < s.stop]

    def _fields(self, read: Callable[[AnyArray], Any] = lambda leaf: leaf) -> Batch:
        """Return read(leaf) for every leaf of every field."""
        own_rows = self._own_rows()
        return map_leaves(lambda leaf: read(leaf[own_rows]), self._storage)

    def _rows(self, read: Callable[[AnyArray], Any]) -> RolloutBatchProtocol:
        """Return `_fields(read)`, with empty Batches for optional fields that were never stored."""
        fields = Batch(self._fields(read))
        for key in OPTIONAL:
            if key not in fields:
                fields[key] = Batch()
        return cast(RolloutBatchProtocol, fields)


class VectorReplayBuffer(ReplayBuffer):
    """The last transitions of several environments, each in a sub-buffer of its own.

    It differs from `ReplayBuffer` in three ways: `add` takes a row from each environment; only the
    standard fields are stored (obs, act, rew, terminated, truncated, obs_next, info, policy); and
    `sample_indices` draws a sub-buffer for each row, in proportion to the sizes, then rows within
    the sub-buffers.

    Args:
        total_size: the number of rows to keep, rounded up to a multiple of buffer_num.
        buffer_num: N, the number of sub-buffers.
        stack_num, ignore_obs_next, save_only_last_obs, sample_avail: as in `ReplayBuffer`.

    Raises:
        ValueError: a number is not a positive integer, or an argument is not part of pg_edu.

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

    def __init__(
        self,
        total_size: int,
        buffer_num: int,
        stack_num: int = 1,
        ignore_obs_next: bool = False,
        save_only_last_obs: bool = False,
        sample_avail: bool = False,
    ) -> None:
        _check_unsupported(stack_num, ignore_obs_next, save_only_last_obs, sample_avail)
        rows = positive_integer("total_size", total_size)
        number = positive_integer("buffer_num", buffer_num)
        self._set_up(number, math.ceil(rows / number))

    def add(self, batch: Rows, buffer_ids: Sequence[int] | Ints | None = None) -> Added:
        """Store a transition in each of several sub-buffers.

        Args:
            batch: as in `ReplayBuffer.add`, with leaves [len(buffer_ids), ...].
            buffer_ids: the sub-buffer of each row; None: 0, 1, ..., N - 1.

        Returns:
            What `ReplayBuffer.add` returns, in the order of `buffer_ids`.

        Raises:
            ValueError: as for `ReplayBuffer.add`, or the ids are not distinct numbers of
                sub-buffers.
        """
        ids = self._checked_ids(range(self.buffer_num) if buffer_ids is None else buffer_ids)
        return self._store(batch, ids.shape, valid=np.ones((1, len(ids)), bool), ids=ids)

    def update(self, buffer: ReplayBuffer) -> Ints:
        """Raise NotImplementedError: rows do not record their environment."""
        raise NotImplementedError("update: call it on a ReplayBuffer, or on one of `buffers`")

    def sample_indices(self, batch_size: int | None) -> Ints:
        """Choose rows as `ReplayBuffer.sample_indices` does; None is the same as 0."""
        if batch_size is None or batch_size <= 0 or len(self) == 0:
            return super().sample_indices(batch_size or 0)
        sizes = self._sizes()
        drawn = np.random.choice(self.buffer_num, batch_size, p=sizes / sizes.sum())
        counts = np.bincount(drawn, minlength=self.buffer_num)
        indices = []
        for number in np.flatnonzero(counts):
            slots = np.random.choice(sizes[number], counts[number])
            indices.append(number * self.sub_buffer_size + slots)
        return np.concatenate(indices)


def _check_unsupported(
    stack_num: int, ignore_obs_next: bool, save_only_last_obs: bool, sample_avail: bool
) -> None:
    """Require Tianshou's defaults for what pg_edu does not support."""
    if stack_num != 1:
        raise ValueError(
            f"stack_num={stack_num!r}: buffers do not stack frames here. Leave it out, and wrap "
            f"each environment in gymnasium.wrappers.FrameStackObservation(env, {stack_num})."
        )
    if ignore_obs_next:
        raise ValueError(
            "ignore_obs_next=True: obs_next is always stored here. Leave it out; the returns, the "
            "loss and the gradient are the same."
        )
    if save_only_last_obs or sample_avail:
        raise ValueError(
            f"save_only_last_obs={save_only_last_obs!r}, sample_avail={sample_avail!r}: these are "
            "for buffers that stack frames, and buffers do not do that here. Leave both out."
        )


def _with_axes(name: str, value: Any, leading: Leading, shape: tuple[int, ...]) -> Any:
    """Return a value that has the axes `leading` in front as an array [T, N, ...]."""
    if isinstance(value, Batch):
        return map_leaves(lambda leaf: _with_axes(name, leaf, leading, shape), value)
    if value is None and leading != ():
        return np.full(shape, None)
    if isinstance(value, np.ndarray | np.generic | torch.Tensor):
        array = to_numpy(value)
    else:
        array = np.empty((), object)
        array[()] = value
    if array.shape[: len(leading)] != leading:
        got = f"shape {list(array.shape)}" if array.shape else repr(array.item())
        sizes = ", ".join(map(str, leading))
        raise ValueError(f"{name}: expected an array of shape [{sizes}, ...], got {got}")
    return array.reshape(shape + array.shape[len(leading) :])


def _scalars(name: str, block: Any, given: Any) -> AnyArray:
    """Return rewards or flags in their dtype, [T, N]; rewards may have further axes."""
    if isinstance(block, Batch) or block.dtype.kind not in "biuf":
        raise ValueError(f"{name}: expected numbers, got {given!r}")
    values = cast(AnyArray, block.astype(SCALARS[name], copy=False))
    rows = values.shape[0] * values.shape[1]
    if values.size == rows:
        return values.reshape(values.shape[:2])
    if name != "rew":
        raise ValueError(f"{name}: expected one flag per row, got rows of shape {values.shape[2:]}")
    return values


def _check_fits(storage: Batch, block: Batch, path: str = "") -> None:
    """Raise unless each value of the block has the kind and the shape of the rows stored so far."""
    for key, new in vars(block).items():
        held = vars(storage).get(key, Batch())
        if isinstance(held, Batch) and isinstance(new, Batch):
            _check_fits(held, new, f"{path}{key}.")
        elif not is_empty(held) and not is_empty(new):
            expected = _kind_and_shape(held, axes=1)
            got = _kind_and_shape(new, axes=2)
            if expected not in (got, ("objects of shape", got[1])):
                raise ValueError(
                    f"{path}{key}: rows are stored as {expected[0]} {expected[1]}, "
                    f"got {got[0]} {got[1]}"
                )


def _kind_and_shape(value: Any, axes: int) -> tuple[str, list[Any]]:
    """Return the kind of a value's rows, and the value's shape without its first `axes` axes."""
    if isinstance(value, Batch):
        return "a Batch of", list(vars(value))
    kind = "objects of shape" if value.dtype == object else "numbers of shape"
    return kind, list(value.shape[axes:])


def _nested(fields: Batch, key: str) -> Batch:
    """Return the Batch under a key, or an empty one where there is none."""
    value = vars(fields).get(key)
    return value if isinstance(value, Batch) else Batch()


def _differing_dtypes(
    storage: Batch, block: Batch, path: str = ""
) -> Iterator[tuple[str, AnyArray, AnyArray]]:
    """Yield the name, the stored rows and the new ones of fields where their dtypes differ."""
    for key, new in vars(block).items():
        held = vars(storage).get(key, Batch())
        if is_empty(held) or is_empty(new):
            continue
        if isinstance(new, Batch):
            yield from _differing_dtypes(held, new, f"{path}{key}.")
        elif held.dtype != new.dtype and held.dtype != object:
            yield f"{path}{key}", held, new


def _in_dtype(values: AnyArray, dtype: np.dtype[Any]) -> tuple[AnyArray, Flags]:
    """Return values in another dtype, and where they are then different numbers (not rounded)."""
    with np.errstate(all="ignore"):
        stored = values.astype(dtype)
        if dtype.kind not in "fc" or values.dtype.kind not in "biufc":
            return stored, np.asarray(stored != values)
        limits = np.finfo(dtype)
        is_close = np.isclose(stored, values, float(limits.eps), float(limits.tiny), equal_nan=True)
    return stored, ~is_close


def _allocate(storage: Batch, block: Batch, rows: int) -> None:
    """Make room in the storage for each value of the block that the storage does not hold yet."""
    for key, new in vars(block).items():
        held = vars(storage).get(key, Batch())
        if isinstance(held, Batch) and isinstance(new, Batch):
            storage[key] = held
            _allocate(held, new, rows)
        elif is_empty(held):
            storage[key] = blank(new, (rows, *new.shape[2:]))


def _write(storage: Batch, index: Ints, block: Batch, source: Ints) -> None:
    """Write some rows of a block [T, N, ...] at `index`, with zeros for values that it lacks.

    Args:
        source: the numbers of the rows to write; row (t, n) has the number t N + n.
    """
    for key, held in vars(storage).items():
        new = vars(block).get(key, Batch())
        if isinstance(held, Batch):
            _write(held, index, new, source)
        elif is_empty(new):
            held[index] = blank(held, ())
        else:
            rows = new.reshape(new.shape[0] * new.shape[1], *new.shape[2:])
            _write_rows(held, index, rows.astype(held.dtype, copy=False), source)


def _write_rows(held: AnyArray, index: Ints, rows: AnyArray, source: Ints) -> None:
    """Do held[index] = rows[source] in the way that is fastest for rows of this size."""
    if rows[:1].nbytes >= LARGE_ROW:  # gathering, then scattering, would copy them twice
        for to, number in zip(index.tolist(), source.tolist(), strict=True):
            held[to] = rows[number]
    else:
        held[index] = rows.take(source, axis=0)
