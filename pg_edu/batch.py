"""Hold named arrays that are indexed together.

A transition has several fields (obs, act, rew, ...), a rollout has many transitions, and every step
of the method works on the same rows of all fields. A `Batch` holds one array per field, with the
rows on axis 0, and indexes all of them at once:

    batch[index].key  =  batch.key[index]

A value is anything that can obey this rule: an array or tensor of rows, a tuple of tensors, a
`torch.distributions.Distribution`, another `Batch`; also None or a string, which all rows share.
An empty nested `Batch` is the placeholder of a field whose values are not known: it has no rows of
its own, and becomes zeros where rows are needed.

A field named "items" or "keys" hides the method of that name, so the code below reads the fields of
a Batch from `vars(batch)`.
"""

import pprint
from collections.abc import Callable, ItemsView, Iterator, KeysView, Sequence, ValuesView
from copy import copy as shallow_copy
from copy import deepcopy
from functools import partial
from itertools import pairwise
from typing import Any, NoReturn, Self, cast, overload

import numpy as np
import torch
from torch.distributions import Distribution

from pg_edu.distributions import select_rows
from pg_edu.types import BatchProtocol, Device, IndexType

BatchLike = BatchProtocol | dict[str, Any]

# What to write in place of methods that Tianshou's Batch has and this one lacks.
IN_TIANSHOU = {
    "cat_": "Write batch = Batch.cat([batch, other]).",
    "stack_": "Write batch = Batch.stack(batches).",
    "empty_": "Set the arrays: batch.obs[rows] = 0.",
    "empty": "Set the arrays of a copy: batch.obs[rows] = 0.",
    "isnull": "Write np.isnan(batch.obs).",
    "hasnull": "Write np.isnan(batch.obs).any().",
    "dropnull": "Write batch[~np.isnan(batch.rew)].",
    "to_list_of_dicts": "Write [row.to_dict() for row in batch].",
}


class Batch:
    """Named values that are indexed together.

    Values are attributes (`batch.obs`) and items (`batch["obs"]`). When set, numbers become arrays
    without dimensions, lists become arrays (of dtype object where they are not numeric), lists of
    tensors one stacked tensor, dicts nested Batches, lists of dicts one stacked Batch. Arrays,
    tensors, tuples of tensors, distributions, strings and None stay what they are. Nothing is
    copied.

    Args:
        batch_dict: a dict, a Batch, or a sequence of them, which is stacked.
        copy: whether to copy the values deeply first.
        **kwargs: further values by name.

    Raises:
        TypeError: `batch_dict` is something else, a key is not a string, or a value cannot become
            an array (such as a list of tensors of unequal shape).

    Source: Tianshou v1.1.0, Batch.

    Example:
        >>> batch = Batch(obs=[[0, 1], [2, 3], [4, 5]], rew=[1, 0.5, 2], info={"id": [7, 8, 9]})
        >>> batch[1:]
        Batch(
            obs: array([[2, 3],
                        [4, 5]]),
            rew: array([0.5, 2. ]),
            info: Batch(
                      id: array([8, 9]),
                  ),
        )
        >>> len(batch), batch.shape, batch[0].rew.item()
        (3, [3], 1.0)
    """

    def __init__(self, batch_dict: Any = None, copy: bool = False, **kwargs: Any) -> None:
        if batch_dict is not None:
            several = isinstance(batch_dict, list | tuple | np.ndarray)
            self.update(Batch.stack(batch_dict) if several else batch_dict)
        for key, value in kwargs.items():
            self.__dict__[key] = _to_value(value)
        if copy:
            self.__dict__.update(deepcopy(self.__dict__))

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """Return a Batch that holds these values as they are, without converting any.

        Use it for values that already have their final form, such as the hidden state of a policy.
        """
        batch = cls.__new__(cls)
        batch.__dict__.update(values)
        return batch

    def holding(self, values: dict[str, Any]) -> "Batch":
        """Return a Batch like this one that holds other values; see `map_leaves`."""
        return Batch.of(values)

    def __getattr__(self, key: str) -> Any:
        # Python calls this only where the usual lookup, which ends in __dict__, found nothing.
        hint = f". {IN_TIANSHOU[key]}" if key in IN_TIANSHOU else ""
        raise AttributeError(f"Batch has no key {key!r}, only {list(self.__dict__)}{hint}")

    def _arithmetic(self, other: Any) -> NoReturn:
        """Raise TypeError: a sum of Batches would have to guess which fields are meant."""
        raise TypeError(
            "Batch: there is no arithmetic on a whole Batch. Compute with an array that it holds: "
            "batch.rew = batch.rew + 1."
        )

    __add__ = __sub__ = __mul__ = __truediv__ = _arithmetic

    def __setattr__(self, key: str, value: Any) -> None:
        self.__dict__[key] = _to_value(value)

    def __delitem__(self, key: str) -> None:
        del self.__dict__[key]

    def __contains__(self, key: str) -> bool:
        return key in self.__dict__

    def keys(self) -> KeysView[str]:
        """Return the names of the values, in the order in which they were set."""
        return self.__dict__.keys()

    get_keys = keys

    def values(self) -> ValuesView[Any]:
        """Return the values, in the order of the keys."""
        return self.__dict__.values()

    def items(self) -> ItemsView[str, Any]:
        """Return the pairs of key and value."""
        return self.__dict__.items()

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, or `default` where there is none."""
        return self.__dict__.get(key, default)

    def pop(self, key: str, default: Any = None) -> Any:
        """Remove a key and return its value, or `default` where there is none."""
        return self.__dict__.pop(key, default)

    def update(self, batch: BatchLike | None = None, /, **kwargs: Any) -> None:
        """Set the values of a dict or Batch, then those given by name."""
        given: Any = {}
        if isinstance(batch, Batch):
            given = batch.__dict__
        elif batch is not None:
            given = batch
        if not isinstance(given, dict) or not all(isinstance(key, str) for key in given):
            raise TypeError(f"Batch: expected a Batch or a dict with string keys, got {batch!r}")
        self.__dict__.update({key: _to_value(value) for key, value in (given | kwargs).items()})

    def to_dict(self, recursive: bool = True) -> dict[str, Any]:
        """Return the values as a dict; nested Batches become dicts too if `recursive`."""
        return {
            key: Batch.to_dict(value) if recursive and isinstance(value, Batch) else value
            for key, value in self.__dict__.items()
        }

    @overload
    def __getitem__(self, index: str) -> Any: ...
    @overload
    def __getitem__(self, index: IndexType) -> Self: ...
    def __getitem__(self, index: str | IndexType) -> Any:
        if isinstance(index, str):
            return self.__dict__[index]
        if not self.__dict__:
            raise IndexError("Batch: an empty Batch has no rows to index")
        rows = _signed(index)
        return map_leaves(lambda leaf: _index(leaf, rows), self)

    def __setitem__(self, index: str | IndexType, value: Any) -> None:
        """Write rows; keys that `value` lacks are set to zero there (None in arrays of objects).

        Raises:
            ValueError: `value` is neither a Batch nor a dict, or has keys that are not here.
        """
        if isinstance(index, str):
            self.__dict__[index] = _to_value(value)
            return
        rows = _to_value(value)
        _check_assignable(self, rows)
        _assign(self, _signed(index), rows)

    def __iter__(self) -> Iterator[Self]:
        return (self[i] for i in range(len(self)))

    def __len__(self) -> int:
        """Return the number of rows of the shortest value.

        Empty Batches, distributions, None and strings do not count.

        Raises:
            TypeError: a value has no rows, such as a number.
        """
        lengths = [_length(value) for value in self.__dict__.values()]
        return min((length for length in lengths if length is not None), default=0)

    @property
    def shape(self) -> list[int]:
        """The leading dimensions that all values share, the smallest size of each."""
        shapes = [getattr(value, "shape", ()) for value in self.__dict__.values()]
        return [min(sizes) for sizes in zip(*shapes, strict=False)]

    def split(self, size: int, shuffle: bool = True, merge_last: bool = False) -> Iterator[Self]:
        """Yield the rows in pieces, by default in random order.

        Args:
            size: the number of rows in a piece; -1: all rows in one piece.
            shuffle: whether to take them in the order of one `np.random.permutation(len(self))`.
            merge_last: whether a smaller last piece is merged into the one before.

        Raises:
            ValueError: at the first piece, for a size of 0 or below -1, or -1 where there are no
                rows.

        Example:
            >>> [len(piece) for piece in Batch(a=np.arange(7)).split(3, merge_last=True)]
            [3, 4]
        """
        length = len(self)
        bounds = piece_bounds(length, size, merge_last)
        order = np.random.permutation(length) if shuffle else np.arange(length)
        for start, stop in bounds:
            yield self[order[start:stop]]

    @staticmethod
    def cat(batches: Sequence[BatchLike] | np.ndarray[Any, Any]) -> "Batch":
        """Join batches along the rows; empty ones are skipped, nested empty ones become zeros.

        Raises:
            ValueError: the keys differ, a value has no rows, or shapes do not fit.

        Example:
            >>> Batch.cat([Batch(a=[1, 2]), Batch(a=[3])]).a
            array([1, 2, 3])
        """
        given = _non_empty(batches, "cat")
        structures = [_structure(batch) for batch in given]
        if any(structure != structures[0] for structure in structures):
            raise ValueError(f"Batch.cat: all batches must have the same keys, got {structures}")

        def zeros(leaf: Any, i: int) -> Any:
            return blank(leaf, (len(given[i]), *np.shape(leaf)[1:]))

        return cast(Batch, _join(given, _cat_leaves, zeros))

    @staticmethod
    def stack(batches: Sequence[BatchLike] | np.ndarray[Any, Any], axis: int = 0) -> "Batch":
        """Join batches along a new axis; empty ones are skipped, missing keys become zeros.

        Arrays of unequal shape become an array of objects.

        Raises:
            ValueError: tensors of unequal shape, or only some batches have a key and the axis is
                not 0.

        Example:
            >>> Batch.stack([Batch(a=1, b=2.5), Batch(a=3)]).b
            array([2.5, 0. ])
        """

        def zeros(leaf: Any, _: int) -> Any:
            if axis != 0:
                raise ValueError(f"Batch.stack: axis={axis} needs the same keys in all batches")
            return blank(leaf, np.shape(leaf))

        join = partial(_stack_leaves, axis=axis)
        return cast(Batch, _join(_non_empty(batches, "stack"), join, zeros))

    def to_numpy(self) -> "Batch":
        """Return a new Batch with tensors turned into arrays; it shares no memory with this one."""
        return map_leaves(lambda leaf: shallow_copy(_array_of(leaf)), self)

    def to_numpy_(self) -> None:
        """Turn all tensors into arrays, in place; memory is shared where it can be."""
        self.__dict__.update(map_leaves(_array_of, self).__dict__)

    def to_torch(self, dtype: torch.dtype | None = None, device: Device = "cpu") -> "Batch":
        """Return a new Batch with arrays turned into tensors, all of `dtype` if one is given.

        It shares no memory with this one. None and distributions are kept as they are.

        Raises:
            TypeError: a value is a string or an array of objects.
        """
        return map_leaves(lambda leaf: _tensor_of(leaf, dtype, device, copy=True), self)

    def to_torch_(self, dtype: torch.dtype | None = None, device: Device = "cpu") -> None:
        """Turn all arrays into tensors, in place; memory is shared where it can be."""
        tensors = map_leaves(lambda leaf: _tensor_of(leaf, dtype, device), self)
        self.__dict__.update(tensors.__dict__)

    def __eq__(self, other: object) -> bool:
        """Compare keys, and values as arrays by dtype and content (NaN does not equal NaN)."""
        return isinstance(other, Batch) and _equal(self, other)

    def __repr__(self) -> str:
        name, text = type(self).__name__, ""
        for key, value in self.__dict__.items():
            lines = pprint.pformat(value).replace("\n", "\n" + " " * (6 + len(key)))
            text += f"    {key}: {lines},\n"
        return f"{name}(\n{text})" if text else f"{name}()"


def to_numpy(x: Any) -> Any:
    """Turn tensors into arrays; a Batch, a dict or a list of these gives a Batch, else one array.

    Example:
        >>> to_numpy([torch.zeros(2), torch.ones(2)])
        array([[0., 0.],
               [1., 1.]], dtype=float32)
    """
    if isinstance(x, np.ndarray | torch.Tensor):
        return _array_of(x)
    x = _to_value(list(x) if isinstance(x, tuple) else x)
    return x.to_numpy() if isinstance(x, Batch) else np.asanyarray(_array_of(x))


def to_torch(x: Any, dtype: torch.dtype | None = None, device: Device = "cpu") -> Any:
    """Turn arrays into tensors; a Batch, a dict or a list of these gives a Batch, else one tensor.

    Args:
        x: array, tensor, number, Batch, dict, or a list or tuple of them.
        dtype: the dtype of every tensor; None: each keeps its own.
        device: the device of every tensor.

    Raises:
        TypeError: x is None, a string, an array of objects, or another object.

    Example:
        >>> to_torch({"a": np.arange(2)}, dtype=torch.float32).a
        tensor([0., 1.])
    """
    x = _to_value(list(x) if isinstance(x, tuple) else x)
    if x is None or isinstance(x, Distribution):
        raise TypeError(f"to_torch: x must be an array, a number or a Batch of them, got {x!r}")
    return x.to_torch(dtype, device) if isinstance(x, Batch) else _tensor_of(x, dtype, device)


def to_torch_as(x: Any, y: torch.Tensor) -> Any:
    """Turn arrays into tensors with the dtype and device of `y`; see `to_torch`."""
    if not isinstance(y, torch.Tensor):
        raise TypeError(f"to_torch_as: y must be a tensor, got {y!r}")
    return to_torch(x, y.dtype, y.device)


def piece_bounds(length: int, size: int, merge_last: bool = False) -> list[tuple[int, int]]:
    """Return where each piece of a split starts and stops; for the arguments see `Batch.split`.

    Example:
        >>> piece_bounds(7, size=3), piece_bounds(7, size=3, merge_last=True)
        ([(0, 3), (3, 6), (6, 7)], [(0, 3), (3, 7)])
    """
    step = length if size == -1 else size
    if step < 1:
        raise ValueError(f"split: size must be at least 1, or -1 (all), got {size} of {length}")
    starts = list(range(0, length, step))
    if merge_last and len(starts) > 1 and length % step != 0:
        starts.pop()
    return list(pairwise([*starts, length]))


def map_leaves(function: Callable[[Any], Any], batch: Batch) -> Batch:
    """Return a Batch with function(leaf) for every leaf; the leaves of a tuple are its members.

    Example:
        >>> map_leaves(len, Batch(a=[1, 2], b={"c": [3, 4, 5]})).to_dict()
        {'a': 2, 'b': {'c': 3}}
    """
    values: dict[str, Any] = {}
    for key, value in vars(batch).items():
        if isinstance(value, Batch):
            values[key] = map_leaves(function, value)
        elif isinstance(value, tuple):
            values[key] = tuple(map(function, value))
        else:
            values[key] = function(value)
    return type(batch).holding(batch, values)  # a key may be named "holding"


def is_empty(value: Any) -> bool:
    """Tell whether a value is an empty Batch, the placeholder of a field."""
    return isinstance(value, Batch) and not vars(value)


def _is_numeric(array: np.ndarray[Any, Any]) -> bool:
    return array.dtype.kind in "biufc"


def _are_tensors(values: Sequence[Any]) -> bool:
    return len(values) > 0 and all(isinstance(value, torch.Tensor) for value in values)


def _are_batches(values: Any) -> bool:
    if isinstance(values, np.ndarray):
        values = list(values) if values.ndim > 0 else []
    is_sequence = isinstance(values, list | tuple) and len(values) > 0
    return is_sequence and all(isinstance(value, Batch | dict) for value in values)


def _to_value(value: Any) -> Any:
    """Return the form in which a Batch holds a value."""
    if isinstance(value, np.ndarray) and _is_numeric(value):
        return value
    if value is None or isinstance(value, (Batch, torch.Tensor, Distribution, str)):
        return value
    if isinstance(value, dict) or _are_batches(value):
        return Batch(value)
    try:
        if isinstance(value, list | tuple) and _are_tensors(value):
            return value if isinstance(value, tuple) else torch.stack(value)
        return _to_array(value)
    except (RuntimeError, ValueError) as error:
        raise TypeError(f"Batch: cannot make one array of {value!r}: {error}") from error


def _to_array(value: Any) -> Any:
    """Return an array of numbers or else of objects; a single object stays what it is."""
    try:
        array = np.asanyarray(value)
    except ValueError:
        array = np.asanyarray(value, dtype=object)
    if _is_numeric(array):
        return array
    array = array.astype(object, copy=False)
    if any(isinstance(element, torch.Tensor) for element in array.flat):
        raise ValueError("tensors and other values in one list")
    return array if array.ndim > 0 else array.item()


def _array_of(value: Any) -> Any:
    return value.numpy(force=True) if isinstance(value, torch.Tensor) else value


def _tensor_of(value: Any, dtype: Any, device: Any, copy: bool = False) -> Any:
    if value is None or isinstance(value, Distribution):
        return value
    if isinstance(value, torch.Tensor):
        return value.to(device=device, dtype=dtype, copy=copy)
    return torch.as_tensor(np.array(value, copy=copy or None), dtype=dtype, device=device)


def blank(value: Any, shape: tuple[int, ...]) -> Any:
    """Return zeros of the dtype of `value`, or None everywhere if it holds objects."""
    if isinstance(value, torch.Tensor):
        return value.new_zeros(shape)
    array = np.asanyarray(value)
    return np.zeros(shape, array.dtype) if _is_numeric(array) else np.full(shape, None)


def _length(value: Any) -> int | None:
    """Return the number of rows of a value, or None if its rows do not count."""
    if value is None or isinstance(value, str | Distribution):
        return None
    if isinstance(value, Batch):
        return len(value) or None
    if isinstance(value, tuple):
        return min(len(member) for member in value)
    if not getattr(value, "shape", ()):
        raise TypeError(f"{value!r} has no len(), so the Batch that holds it has none")
    return len(value)


def _signed(index: Any) -> Any:
    """Return unsigned indices as int64; torch would take those of one byte for a mask."""
    is_unsigned = isinstance(index, np.ndarray) and index.dtype.kind == "u"
    return index.astype(np.int64) if is_unsigned else index


def _index(value: Any, index: Any) -> Any:
    if isinstance(value, Distribution):
        return select_rows(value, index)
    has_rows = isinstance(value, np.ndarray) and value.ndim > 0  # take makes a row of a number
    if has_rows and isinstance(index, np.ndarray) and index.dtype.kind == "i":
        return value.take(index, axis=0)  # the same as value[index], but several times faster
    return value if value is None or isinstance(value, str) else value[index]


def _check_assignable(held: Any, value: Any) -> None:
    """Raise unless `_assign` can write rows of `value` into `held`."""
    if isinstance(held, Batch):
        if not isinstance(value, Batch) or not vars(value).keys() <= vars(held).keys():
            expected = f"a Batch or a dict with keys among {list(vars(held))}"
            raise ValueError(f"Batch: rows must be assigned from {expected}, got {value!r}")
        for key, inner in vars(held).items():
            _check_assignable(inner, vars(value).get(key, Batch()))
    elif isinstance(value, Batch) and vars(value):
        raise ValueError(f"Batch: rows of an array cannot be assigned from {value!r}")
    elif isinstance(held, tuple | Distribution | np.generic):
        raise TypeError(f"Batch: rows of {held!r} cannot be assigned")


def _assign(held: Any, index: Any, value: Any) -> None:
    """Write rows in place; an empty Batch stands for zeros."""
    if isinstance(held, Batch):
        for key, inner in vars(held).items():
            _assign(inner, index, vars(value).get(key, Batch()))
    elif isinstance(held, np.ndarray):
        zero = 0 if _is_numeric(held) else None
        held[index] = zero if is_empty(value) else _array_of(value)
    elif isinstance(held, torch.Tensor):
        value = 0 if is_empty(value) else value
        held[index] = torch.as_tensor(value, dtype=held.dtype, device=held.device)


def _non_empty(batches: Any, method: str) -> list[Batch]:
    for batch in batches:
        if not isinstance(batch, Batch | dict):
            raise ValueError(f"Batch.{method}: expected Batches or dicts, got {batch!r}")
    return [batch for batch in map(_to_value, batches) if vars(batch)]


def _structure(value: Any) -> Any:
    """Return the keys at every level; None for a leaf or an empty Batch, which fits any leaf."""
    if not isinstance(value, Batch) or not vars(value):
        return None
    return {key: _structure(inner) for key, inner in vars(value).items()}


def _join(parts: list[Any], join: Callable[..., Any], zeros: Callable[..., Any]) -> Any:
    """Join the values of several batches, at every level.

    Args:
        parts: one value per batch; an empty Batch where a batch has none.
        join: several leaves -> one leaf.
        zeros: (leaf, i) -> the substitute for that leaf where parts[i] lacks it.
    """
    given = [part for part in parts if not is_empty(part)]
    if all(isinstance(part, Batch) for part in given):
        joined = {}
        for key in dict.fromkeys(key for part in given for key in vars(part)):
            column = [vars(part).get(key, Batch()) for part in parts]
            joined[key] = _join(column, join, zeros)
        return Batch.of(joined)
    if any(isinstance(part, Batch) for part in given):
        raise ValueError("Batch: cannot join a Batch and an array under the same key")
    if all(isinstance(part, tuple) for part in given):
        size = len(given[0])
        tuples = [(part,) * size if is_empty(part) else part for part in parts]
        return tuple(_join(list(members), join, zeros) for members in zip(*tuples, strict=True))
    leaves = [zeros(given[0], i) if is_empty(part) else part for i, part in enumerate(parts)]
    return join(leaves)


def _cat_leaves(leaves: list[Any]) -> Any:
    if _are_tensors(leaves):
        return _join_tensors(torch.cat, leaves, 0)
    return _to_array(np.concatenate([_array_of(leaf) for leaf in leaves]))


def _join_tensors(join: Callable[..., torch.Tensor], leaves: list[Any], axis: int) -> torch.Tensor:
    try:
        return join(leaves, axis)
    except (RuntimeError, IndexError) as error:
        shapes = ", ".join(str(list(leaf.shape)) for leaf in leaves)
        raise ValueError(f"Batch: cannot join tensors of shapes {shapes}: {error}") from error


def _stack_leaves(leaves: list[Any], axis: int) -> Any:
    if _are_tensors(leaves):
        return _join_tensors(torch.stack, leaves, axis)
    arrays = [_array_of(leaf) for leaf in leaves]
    try:
        return _to_array(np.stack(arrays, axis))
    except ValueError:
        return _to_array(arrays)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, Batch) and isinstance(b, Batch):
        x, y = vars(a), vars(b)
        return x.keys() == y.keys() and all(_equal(x[key], y[key]) for key in x)
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    are_arrays = [isinstance(v, np.ndarray | np.generic | torch.Tensor) for v in (a, b)]
    if not all(are_arrays):
        return a is b or (not any(are_arrays) and bool(a == b))
    x, y = np.atleast_1d(_array_of(a), _array_of(b))
    if x.dtype == object and x.shape == y.shape:
        return all(map(_equal, x.flat, y.flat))
    return x.dtype == y.dtype and np.array_equal(x, y)
