"""Batch: named arrays that are indexed together.

A transition has several fields (obs, act, rew, ...), a rollout has many transitions, and every
step of the method works on the same rows of all of them. A `Batch` holds one array a field, with
the rows on axis 0, and does to all of them what is asked of it:

    batch.key[index]  ==  batch[index].key

A value is what remains the same under that law: an array or a tensor of rows, a tuple of tensors, a
`torch.distributions.Distribution`, another `Batch`; and None or a string, which every row shares.
"""

import copy as copying
import pprint
import warnings
from collections.abc import Callable, ItemsView, Iterator, KeysView, Sequence, ValuesView
from numbers import Number
from typing import Any, Self, cast, overload

import numpy as np
import torch
from torch.distributions import Distribution, Independent

from pg_edu.types import BatchProtocol, IndexType

BatchLike = BatchProtocol | dict[str, Any]


class Batch:
    """Named values that are indexed together.

    Values are reached as attributes (`batch.obs`) and as items (`batch["obs"]`). On the way in,
    numbers become arrays of no dimension, lists become arrays (of dtype object where they are not
    numeric), lists of tensors one stacked tensor, dicts nested Batches, lists of dicts one stacked
    Batch. Arrays, tensors, tuples of tensors, distributions, strings and None stay what they are.
    Nothing is copied.

    Args:
        batch_dict: a dict, a Batch, or a sequence of them, which is stacked.
        copy: whether to copy the values deeply first.
        **kwargs: further values by name.

    Raises:
        TypeError: for another kind of `batch_dict`, keys that are no strings, or tensors of
            unequal shape in one list.

    Source: Tianshou v1.1.0, Batch.

    Example:
        >>> batch = Batch(obs=np.arange(6).reshape(3, 2), rew=[1.0, 0, 2], info={"id": [7, 8, 9]})
        >>> batch[1:]
        Batch(
            obs: array([[2, 3],
                        [4, 5]]),
            rew: array([0., 2.]),
            info: Batch(
                      id: array([8, 9]),
                  ),
        )
        >>> len(batch), batch.info.id[-1].item()
        (3, 9)
    """

    def __init__(
        self,
        batch_dict: BatchLike | Sequence[BatchLike] | np.ndarray[Any, Any] | None = None,
        copy: bool = False,
        **kwargs: Any,
    ) -> None:
        if copy:
            batch_dict, kwargs = copying.deepcopy((batch_dict, kwargs))
        if isinstance(batch_dict, list | tuple | np.ndarray):
            batch_dict = Batch.stack(batch_dict)
        if batch_dict is not None:
            self.update(cast(BatchLike, batch_dict))
        for key, value in kwargs.items():
            self.__dict__[key] = _to_value(value)

    def __getattr__(self, key: str) -> Any:
        # Only called where the usual lookup in __dict__ found nothing.
        raise AttributeError(f"Batch has no key {key!r}, only {list(self.__dict__)}")

    def __setattr__(self, key: str, value: Any) -> None:
        self.__dict__[key] = _to_value(value)

    def __delitem__(self, key: str) -> None:
        del self.__dict__[key]

    def __contains__(self, key: str) -> bool:
        return key in self.__dict__

    def keys(self) -> KeysView[str]:
        """The names of the values, in the order in which they came."""
        return self.__dict__.keys()

    def get_keys(self) -> KeysView[str]:
        """The same as `keys()`."""
        return self.__dict__.keys()

    def values(self) -> ValuesView[Any]:
        """The values, in the order of the keys."""
        return self.__dict__.values()

    def items(self) -> ItemsView[str, Any]:
        """Pairs of key and value."""
        return self.__dict__.items()

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or `default` where there is none."""
        return self.__dict__.get(key, default)

    def pop(self, key: str, default: Any = None) -> Any:
        """Takes a key out and returns its value, or `default` where there is none."""
        return self.__dict__.pop(key, default)

    def update(self, batch: BatchLike | None = None, **kwargs: Any) -> None:
        """Sets the keys of a dict or Batch, and those given by name."""
        given = vars(batch) if isinstance(batch, Batch) else {} if batch is None else batch
        if not isinstance(given, dict) or not all(isinstance(key, str) for key in given):
            raise TypeError(f"Batch: expected a Batch or a dict with string keys, got {batch!r}")
        values = {key: _to_value(value) for key, value in [*given.items(), *kwargs.items()]}
        self.__dict__.update(values)

    def to_dict(self, recursive: bool = True) -> dict[str, Any]:
        """The values as a dict; nested Batches too where `recursive`."""
        return {
            key: value.to_dict() if recursive and isinstance(value, Batch) else value
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
        return _index(self, index)

    def __setitem__(self, index: str | IndexType, value: Any) -> None:
        """Writes rows: keys that `value` lacks are set to zero (None in object arrays).

        Raises:
            ValueError: `value` is no Batch or dict, or brings keys that are not here.
        """
        if isinstance(index, str):
            self.__dict__[index] = _to_value(value)
            return
        rows = _to_value(value)
        _check_assignable(self, rows)
        _assign(self, index, rows)

    def __iter__(self) -> Iterator[Self]:
        return (self[i] for i in range(len(self)))

    def __len__(self) -> int:
        """The rows of the shortest value.

        Empty Batches, distributions, None and strings are not counted.

        Raises:
            TypeError: a value has no rows, such as a number.
        """
        lengths = []
        for key, value in self.__dict__.items():
            if value is None or isinstance(value, str | Distribution):
                continue
            if isinstance(value, Batch):
                lengths += [len(value)] if len(value) else []
                continue
            for member in value if isinstance(value, tuple) else (value,):
                if not getattr(member, "shape", ()):
                    raise TypeError(f"Batch has no len(): the value of {key!r} is {value!r}")
                lengths.append(len(member))
        return min(lengths, default=0)

    @property
    def shape(self) -> list[int]:
        """The leading dimensions that all values have, the smallest of each."""
        shapes = [getattr(value, "shape", ()) for value in self.__dict__.values()]
        return [min(sizes) for sizes in zip(*shapes, strict=False)]

    def split(self, size: int, shuffle: bool = True, merge_last: bool = False) -> Iterator[Self]:
        """Yields the rows in pieces, by default in random order.

        Args:
            size: rows a piece; -1: all of them.
            shuffle: whether to draw one `np.random.permutation(len(self))` first.
            merge_last: whether a last, smaller piece is merged into the one before.

        Raises:
            ValueError: when iterated, for a size of 0 or below -1, or -1 without rows.

        Example:
            >>> [len(piece) for piece in Batch(a=np.arange(7)).split(3, merge_last=True)]
            [3, 4]
        """
        length = len(self)
        step = length if size == -1 else size
        if step < 1:
            raise ValueError(f"split: size must be at least 1, or -1 for all rows, got {size}")
        order = np.random.permutation(length) if shuffle else np.arange(length)
        stops = list(range(step, length, step)) + [length] * (length > 0)
        if merge_last and len(stops) > 1 and length % step:
            del stops[-2]
        for start, stop in zip([0, *stops], stops, strict=False):
            yield self[order[start:stop]]

    @staticmethod
    def cat(batches: Sequence[BatchLike] | np.ndarray[Any, Any]) -> "Batch":
        """Joins batches along the rows; empty ones are skipped, nested empty ones become zeros.

        Raises:
            ValueError: the keys differ, or a value has no rows.

        Example:
            >>> Batch.cat([Batch(a=[1, 2]), Batch(a=[3])]).a
            array([1, 2, 3])
        """
        given = _non_empty(batches, "cat")
        for batch in given[1:]:
            if _structure(batch) != _structure(given[0]):
                raise ValueError(
                    "Batch.cat: all batches must have the same keys, got "
                    f"{_structure(given[0])} and {_structure(batch)}"
                )
        try:
            lengths = [len(batch) for batch in given]
        except TypeError as error:
            raise ValueError(f"Batch.cat: {error}") from error
        return _join(given, _cat_leaves, lambda value, i: zeros_like_rows(value, lengths[i]))

    def cat_(self, batches: BatchLike | Sequence[BatchLike]) -> None:
        """Appends the rows of one or several batches to these, in place."""
        others = [batches] if isinstance(batches, Batch | dict) else list(batches)
        self.__dict__.update(Batch.cat([self, *others]).__dict__)

    @staticmethod
    def stack(batches: Sequence[BatchLike] | np.ndarray[Any, Any], axis: int = 0) -> "Batch":
        """Joins batches along a new axis. Keys that some of them lack are filled with zeros.

        Arrays of unequal shape become one array of objects, with a warning.

        Raises:
            ValueError: with an axis other than 0, for keys that not all batches have.

        Example:
            >>> Batch.stack([Batch(a=1, b=2.5), Batch(a=3)]).b
            array([2.5, 0. ])
        """

        def zeros(value: Any, _: int) -> Any:
            if axis != 0:
                raise ValueError(
                    f"Batch.stack: with axis={axis} all batches must have the same keys"
                )
            return _zeros_like(value)

        return _join(
            _non_empty(batches, "stack"), lambda values: _stack_leaves(values, axis), zeros
        )

    def stack_(self, batches: Sequence[BatchLike] | np.ndarray[Any, Any], axis: int = 0) -> None:
        """Stacks this batch (where it is not empty) and the others, in place."""
        self.__dict__.update(Batch.stack([self, *batches], axis).__dict__)

    def empty_(self, index: IndexType = ...) -> Self:
        """Sets rows to zero (None in object arrays), by default all of them, in place."""
        self.__dict__.update({key: _zeroed(value, index) for key, value in self.__dict__.items()})
        return self

    @staticmethod
    def empty(batch: "Batch", index: IndexType = ...) -> "Batch":
        """A copy of `batch` with rows set to zero (None in object arrays)."""
        return copying.deepcopy(batch).empty_(index)

    def to_numpy(self) -> "Batch":
        """A new Batch with arrays for tensors; nothing is shared with this one."""
        return _map(lambda value: copying.copy(_array_of(value)), self)

    def to_numpy_(self) -> None:
        """Makes arrays of all tensors, in place; memory is shared where it can be."""
        self.__dict__.update(_map(_array_of, self).__dict__)

    def to_torch(
        self, dtype: torch.dtype | None = None, device: str | int | torch.device = "cpu"
    ) -> "Batch":
        """A new Batch with tensors for arrays, all of them of `dtype` if that is given.

        None and distributions are kept.

        Raises:
            TypeError: for strings, arrays of objects, other objects.
        """
        return _map(lambda value: _tensor_of(value, dtype, device, copy=True), self)

    def to_torch_(
        self, dtype: torch.dtype | None = None, device: str | int | torch.device = "cpu"
    ) -> None:
        """Makes tensors of all arrays, in place; memory is shared where it can be."""
        self.__dict__.update(_map(lambda value: _tensor_of(value, dtype, device), self).__dict__)

    def __eq__(self, other: object) -> bool:
        """Same keys, and values of the same type, dtype and content (NaN differs from itself)."""
        return isinstance(other, Batch) and _equal(self, other)

    def __repr__(self) -> str:
        lines = [
            f"    {key}: "
            + pprint.pformat(value).replace("\n", "\n" + " " * (6 + len(key)))
            + ",\n"
            for key, value in self.__dict__.items()
        ]
        return f"{type(self).__name__}(\n{''.join(lines)})" if lines else f"{type(self).__name__}()"


def to_numpy(x: Any) -> Any:
    """Arrays for tensors: a Batch for a Batch, a dict or a list of them, an array for all else.

    Example:
        >>> to_numpy([torch.zeros(2), torch.ones(2)])
        array([[0., 0.],
               [1., 1.]], dtype=float32)
    """
    if isinstance(x, torch.Tensor):
        return _array_of(x)
    if isinstance(x, dict | list | tuple):
        x = _to_value(list(x) if isinstance(x, tuple) else x)
    return x.to_numpy() if isinstance(x, Batch) else np.asanyarray(x)


def to_torch(
    x: Any, dtype: torch.dtype | None = None, device: str | int | torch.device = "cpu"
) -> Any:
    """Tensors for arrays: a Batch for a Batch, a dict or a list of them, a tensor for all else.

    Args:
        x: array, tensor, number, Batch, dict, or a list or tuple of them.
        dtype: of every tensor; None: each keeps its own.
        device: of every tensor.

    Raises:
        TypeError: for None, strings, arrays of objects, other objects.

    Example:
        >>> to_torch({"a": np.arange(2)}, dtype=torch.float32).a
        tensor([0., 1.])
    """
    if isinstance(x, dict | list | tuple):
        x = _to_value(list(x) if isinstance(x, tuple) else x)
    if isinstance(x, Batch):
        return x.to_torch(dtype, device)
    if x is None or isinstance(x, Distribution):
        raise TypeError(f"to_torch: cannot make a tensor of {x!r}")
    return _tensor_of(np.asarray(x) if isinstance(x, Number) else x, dtype, device)


def to_torch_as(x: Any, y: torch.Tensor) -> Any:
    """`to_torch` with the dtype and device of `y`."""
    if not isinstance(y, torch.Tensor):
        raise TypeError(f"to_torch_as: y must be a tensor, got {y!r}")
    return to_torch(x, y.dtype, y.device)


def zeros_like_rows(value: Any, size: int) -> Any:
    """Storage for `size` rows like those of `value`: zeros, or None where they are objects.

    Args:
        value: a Batch whose leaves are [B, ...], or one such leaf.
        size: rows to allocate.

    Returns:
        The same structure with leaves [size, ...].

    Example:
        >>> zeros_like_rows(Batch(obs=np.ones((1, 3)), rew=[1]), size=2)
        Batch(
            obs: array([[0., 0., 0.],
                        [0., 0., 0.]]),
            rew: array([0, 0]),
        )
    """
    if isinstance(value, Batch):
        return _wrap({key: zeros_like_rows(leaf, size) for key, leaf in vars(value).items()})
    if isinstance(value, tuple):
        return tuple(zeros_like_rows(member, size) for member in value)
    return _zeros(value, (size, *np.shape(value)[1:]))


def add_missing_keys(storage: Batch, rows: Batch, size: int) -> None:
    """Allocates, in place, what `rows` has and `storage` lacks, at every level.

    Args:
        storage: a Batch whose leaves are [size, ...].
        rows: a Batch whose leaves are [B, ...].
        size: rows to allocate for each new leaf.
    """
    for key, value in vars(rows).items():
        held = vars(storage).get(key)
        if isinstance(held, Batch) and isinstance(value, Batch):
            add_missing_keys(held, value, size)
        elif key not in storage or _is_empty(held):
            vars(storage)[key] = zeros_like_rows(value, size)


def _wrap(values: dict[str, Any]) -> Batch:
    """A Batch of values that are known to be in their final form."""
    batch = Batch()
    batch.__dict__.update(values)
    return batch


def _is_empty(value: Any) -> bool:
    return isinstance(value, Batch) and not vars(value)


def _is_numeric(array: np.ndarray[Any, Any]) -> bool:
    return array.dtype.kind in "biufc"


def _is_sequence_of_batches(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        if value.dtype != object or value.ndim == 0:
            return False
    elif not isinstance(value, list | tuple):
        return False
    return len(value) > 0 and all(isinstance(element, Batch | dict) for element in value)


def _to_value(value: Any) -> Any:
    """The form in which a Batch holds a value."""
    if isinstance(value, np.ndarray) and _is_numeric(value):
        return value
    if value is None or isinstance(value, Batch | torch.Tensor | Distribution | str):
        return value
    if isinstance(value, Number | np.generic):
        return _to_array(value)
    if isinstance(value, dict) or _is_sequence_of_batches(value):
        return Batch(value)
    if isinstance(value, list | tuple) and len(value) > 0 and _are_tensors(value):
        return value if isinstance(value, tuple) else _stack_tensors(value)
    return _to_array(value)


def _are_tensors(values: Sequence[Any]) -> bool:
    return all(isinstance(value, torch.Tensor) for value in values)


def _stack_tensors(tensors: list[torch.Tensor]) -> torch.Tensor:
    try:
        return torch.stack(tensors)
    except RuntimeError as error:
        raise TypeError(f"Batch: a list of tensors must have one shape: {error}") from error


def _to_array(value: Any) -> Any:
    """An array of numbers or, failing that, of objects; a single object stays what it is."""
    try:
        array = np.asanyarray(value)
    except ValueError:
        array = np.asanyarray(value, dtype=object)
    if _is_numeric(array):
        return array
    array = array.astype(object, copy=False)
    if array.ndim == 0:
        return array.item()
    if any(isinstance(element, torch.Tensor) for element in array.flat):
        raise TypeError("Batch: tensors among other things in one list; convert them first")
    return array


def _map(function: Callable[[Any], Any], batch: Batch) -> Batch:
    """The Batch of function(leaf), at every level."""

    def apply(value: Any) -> Any:
        if isinstance(value, Batch):
            return _map(function, value)
        if isinstance(value, tuple):
            return tuple(function(member) for member in value)
        return function(value)

    return _wrap({key: apply(value) for key, value in vars(batch).items()})


def _array_of(value: Any) -> Any:
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value


def _tensor_of(
    value: Any,
    dtype: torch.dtype | None,
    device: str | int | torch.device,
    copy: bool = False,
) -> Any:
    if value is None or isinstance(value, Distribution):
        return value
    if isinstance(value, torch.Tensor | np.ndarray | np.generic):
        return torch.as_tensor(value).to(device=device, dtype=dtype, copy=copy)
    raise TypeError(f"to_torch: cannot make a tensor of {value!r}")


def _index(value: Any, index: Any) -> Any:
    if isinstance(value, Batch):
        return _wrap({key: _index(inner, index) for key, inner in vars(value).items()})
    if isinstance(value, tuple):
        return tuple(member[index] for member in value)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Distribution):
        return _index_distribution(value, index)
    return value[index]


# A distribution is built from one of these and derives the others when asked.
_ALTERNATIVE_PARAMETERS = (
    {"probs", "logits"},
    {"covariance_matrix", "precision_matrix", "scale_tril"},
)


def _parameters(dist: Distribution) -> dict[str, Any]:
    """The arguments that build the distribution again."""
    if isinstance(dist, Independent):
        return {
            "base_distribution": dist.base_dist,
            "reinterpreted_batch_ndims": dist.reinterpreted_batch_ndims,
        }
    names = list(dist.arg_constraints)
    for alternatives in _ALTERNATIVE_PARAMETERS:
        known = [n for n in [*vars(dist), *names] if n in alternatives]
        names = [n for n in names if n not in alternatives or n == known[0]]
    return {name: getattr(dist, name) for name in names}


def _index_distribution(dist: Distribution, index: Any) -> Distribution:
    """The distribution of the indexed rows, built from the same parameters."""
    parameters = {
        name: value if isinstance(value, int) else _index(value, index)
        for name, value in _parameters(dist).items()
    }
    build: Callable[..., Distribution] = type(dist)
    try:
        return build(**parameters)
    except TypeError as error:
        raise TypeError(f"Batch: cannot take rows of {dist}: {error}") from error


def _check_assignable(batch: Batch, rows: Any) -> None:
    if not isinstance(rows, Batch):
        raise ValueError(f"Batch: rows must be assigned from a Batch or a dict, got {rows!r}")
    unknown = [key for key in vars(rows) if key not in batch]
    if unknown:
        raise ValueError(f"Batch: index assignment cannot create keys, got {unknown}")
    for key, value in vars(rows).items():
        if isinstance(vars(batch)[key], Batch):
            _check_assignable(vars(batch)[key], value)
        elif isinstance(value, Batch):
            raise ValueError(f"Batch: {key!r} is no Batch here, so its rows cannot be one")


def _assign(batch: Batch, index: Any, rows: Batch) -> None:
    for key, held in vars(batch).items():
        if key not in rows:
            if isinstance(held, Batch | np.ndarray | torch.Tensor | tuple):
                _zeroed(held, index)
        elif isinstance(held, Batch):
            _assign(held, index, vars(rows)[key])
        else:
            value = vars(rows)[key]
            pairs = zip(held, value, strict=True) if isinstance(held, tuple) else [(held, value)]
            for leaf, new in pairs:
                if isinstance(leaf, torch.Tensor):
                    leaf[index] = _tensor_of(new, leaf.dtype, leaf.device)
                elif leaf is not None or new is not None:
                    leaf[index] = _array_of(new)


def _zeroed(value: Any, index: Any) -> Any:
    """The value with the indexed rows set to zero, in place where it has rows."""
    if isinstance(value, torch.Tensor):
        value[index] = 0
        return value
    if isinstance(value, np.ndarray):
        value[index] = None if value.dtype == object else 0
        return value
    if isinstance(value, Batch):
        return value.empty_(index)
    if isinstance(value, tuple):
        return tuple(_zeroed(member, index) for member in value)
    return np.zeros_like(value) if isinstance(value, np.generic) else None


def _zeros(value: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of the dtype of `value`; None where it is no number."""
    if isinstance(value, torch.Tensor):
        return value.new_zeros(shape)
    array = np.asanyarray(value)
    return np.zeros(shape, array.dtype) if _is_numeric(array) else np.full(shape, None)


def _zeros_like(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_zeros_like(member) for member in value)
    return _zeros(value, np.shape(value))


def _non_empty(batches: Any, method: str) -> list[Batch]:
    for batch in batches:
        if not isinstance(batch, Batch | dict):
            raise ValueError(f"Batch.{method}: expected Batches or dicts, got {batch!r}")
    return [b if isinstance(b, Batch) else Batch(b) for b in batches if len(b.keys())]


def _structure(value: Any) -> Any:
    """The keys at every level; an empty Batch may stand for any leaf."""
    if not isinstance(value, Batch) or not vars(value):
        return None
    return {key: _structure(inner) for key, inner in vars(value).items()}


def _join(
    batches: list[Batch], join: Callable[[list[Any]], Any], zeros: Callable[[Any, int], Any]
) -> Batch:
    """Joins batches key by key, at every level.

    Args:
        batches: an empty Batch stands for one that lacks all keys.
        join: makes one leaf of several.
        zeros: (a leaf, i) -> what stands in for that leaf where batches[i] lacks it.
    """
    keys = dict.fromkeys(key for batch in batches for key in vars(batch))
    values = {key: [vars(batch).get(key, Batch()) for batch in batches] for key in keys}
    return _wrap({key: _join_values(parts, join, zeros) for key, parts in values.items()})


def _join_values(
    parts: list[Any], join: Callable[[list[Any]], Any], zeros: Callable[[Any, int], Any]
) -> Any:
    given = [part for part in parts if not _is_empty(part)]
    if all(isinstance(part, Batch) for part in given):
        return _join(parts, join, zeros)
    if any(isinstance(part, Batch) for part in given):
        raise ValueError("Batch: cannot join a Batch with an array under the same key")
    leaves = [zeros(given[0], i) if _is_empty(part) else part for i, part in enumerate(parts)]
    if all(isinstance(leaf, tuple) for leaf in leaves):
        return tuple(join(list(members)) for members in zip(*leaves, strict=True))
    return join(leaves)


def _cat_leaves(leaves: list[Any]) -> Any:
    if all(leaf is None for leaf in leaves):
        return None
    if _are_tensors(leaves):
        return torch.cat(leaves)
    return _to_array(np.concatenate([_array_of(leaf) for leaf in leaves]))


def _stack_leaves(leaves: list[Any], axis: int) -> Any:
    if _are_tensors(leaves):
        return torch.stack(leaves, axis)
    try:
        return _to_array(np.stack([_array_of(leaf) for leaf in leaves], axis))
    except ValueError:
        warnings.warn("Batch.stack: unequal shapes, stacked as objects", stacklevel=4)
        ragged = np.empty(len(leaves), dtype=object)
        ragged[:] = leaves
        return ragged


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, Batch) and isinstance(b, Batch):
        return vars(a).keys() == vars(b).keys() and all(
            _equal(value, vars(b)[key]) for key, value in vars(a).items()
        )
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, Distribution) and isinstance(b, Distribution):
        return type(a) is type(b) and _equal(_wrap(_parameters(a)), _wrap(_parameters(b)))
    if isinstance(a, np.ndarray | np.generic | torch.Tensor):
        if not isinstance(b, np.ndarray | np.generic | torch.Tensor):
            return False
        x, y = np.atleast_1d(_array_of(a)), np.atleast_1d(_array_of(b))
        if x.dtype != y.dtype or x.shape != y.shape:
            return False
        if x.dtype == object:
            return all(map(_equal, x.flat, y.flat))
        return bool((x == y).all())
    return a is b or bool(a == b)
