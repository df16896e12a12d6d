"""Keep the info of environments, so that an actor sees while learning what it saw while acting.

The info of N environments is a dict of arrays, with a flag for each environment and key:

    info["key"]     [N, ...]   what the environments gave
    info["_key"]    bool [N]   which of them gave it; for the others a zero fills the place

Gymnasium's vector environments make these flags; for other ones they are made here. Where a key is
missing, its row is filled and its flag is False: in the info of a step, in a block of rows, and in
the buffer. So the flags tell which rows were given, and an actor that reads a key whose flags are
not all True gets an error instead of a filled row.

Rows are stored as they came. If the rows of a key differ in shape or dtype, their column is an
array of objects.
"""

from copy import deepcopy
from typing import Any, NoReturn, Self

import numpy as np
import torch
from torch import Tensor

from pg_edu.batch import Batch, is_empty
from pg_edu.types import AnyArray, Flags

Info = dict[str, Any]

OF_AUTORESET = {"final_obs", "final_info"}  # what SAME_STEP adds; it belongs to the episode before
OF_VECTOR_WRAPPERS = {"episode", "_episode"}  # of the episode that ended, outside of final_info

CHANGED = object()  # stands for rows that no longer make one array


class PartlyKnown(Batch):
    """An info in which some keys are not known in every row: reading one of these is an error."""

    __slots__ = ("__sentences",)
    __sentences: dict[str, str]  # what to say about each of these keys

    @classmethod
    def refusing(cls, sentences: dict[str, str], values: dict[str, Any]) -> Self:
        """Return a Batch of these values that raises a sentence for each of the other keys."""
        batch = cls.of(values)
        object.__setattr__(batch, "_PartlyKnown__sentences", sentences)
        return batch

    def holding(self, values: dict[str, Any]) -> Self:
        """Return a Batch that refuses the same keys, and holds other values."""
        return self.refusing(self.__sentences, values)

    def __reduce__(self) -> Any:
        return self.refusing, (self.__sentences, vars(self))

    def __getattr__(self, key: str) -> Any:
        self._refuse(key)
        return super().__getattr__(key)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, str):
            self._refuse(index)
        return super().__getitem__(index)

    def __contains__(self, key: str) -> bool:
        self._refuse(key)
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, or raise if it is refused."""
        self._refuse(key)
        return super().get(key, default)

    def pop(self, key: str, default: Any = None) -> Any:
        """Remove a key and return its value, or raise if it is refused."""
        self._refuse(key)
        return super().pop(key, default)

    def keys(self) -> Any:
        """Raise, because which keys there are differs from row to row."""
        self._refuse_all()

    get_keys = values = items = keys

    def to_dict(self, recursive: bool = True) -> dict[str, Any]:
        """Raise, as `keys` does."""
        self._refuse_all()

    def _refuse(self, key: str) -> None:
        # Not an AttributeError or KeyError: hasattr and `get` must not take it for "not there".
        if key in self.__sentences:
            raise ValueError(self.__sentences[key])

    def _refuse_all(self) -> NoReturn:
        raise ValueError(next(iter(self.__sentences.values())))


def told(info: Info, environments: int) -> Info:
    """Return the info of the present step in the form that a Batch gives it, with all flags.

    Args:
        info: what a vector environment returned; it is not copied.
        environments: N.

    Raises:
        ValueError: a key is not a string, or "_key" stands beside "key" and is not its flags.
    """
    present = {key: info[key] for key in info if str(key).removeprefix("_") not in OF_AUTORESET}
    return _told(present, environments)


def _told(info: Info, environments: int) -> Info:
    result: Info = {}
    for key in _keys(info):
        value = info[key]
        flags = info.get(f"_{key}", np.ones(environments, bool))
        _check_flags(key, flags, environments)
        is_nested = isinstance(value, dict | Batch)
        result[key] = _told(_entries(value), environments) if is_nested else _as_held(value)
        result[f"_{key}"] = flags
    return result


def kept(info: Info) -> Info:
    """Return a copy of an info from `told` that can be stored: one row for each environment.

    The flags are False where there is no such row, or no copy of it.
    """
    result: Info = {}
    for key in _keys(info):
        value = info[key]
        flags = info[f"_{key}"].copy()
        if isinstance(value, dict):
            result[key] = kept(value)
        elif _has_rows(value, len(flags)):
            result[key] = _copied(value, flags)
        else:
            flags[:] = False
            result[key] = np.full(len(flags), None)
        result[f"_{key}"] = flags
    return result


def merged(info: Info, other: Info, where: Flags) -> Info:
    """Return what `other` says about the environments `where`, and `info` about the rest."""
    result: Info = {}
    nobody = np.zeros(len(where), bool)
    for key in dict.fromkeys([*_keys(info), *_keys(other)]):
        flag = f"_{key}"
        result[key] = _selected(info.get(key), other.get(key), where)
        result[flag] = np.where(where, other.get(flag, nobody), info.get(flag, nobody))
    return result


def columns(steps: list[Info]) -> Batch:
    """Return the infos of T steps, each as `kept` returns it or empty, as arrays [T, N, ...]."""
    keys = dict.fromkeys(key for info in steps for key in info)
    return Batch.of({key: _column([info.get(key) for info in steps]) for key in keys})


def make_fit(stored: Batch, block: Batch) -> None:
    """Turn columns into arrays of objects, in place, where rows would not fit the stored ones.

    This is for keys with flags, as the collector stores them; other keys stay as they are.

    Args:
        stored: an info in a buffer, with leaves [R, ...].
        block: rows for it, with leaves [T, N, ...].
    """
    for key in _keys(vars(block)):
        old, new = vars(stored).get(key), vars(block)[key]
        if f"_{key}" not in vars(block) or old is None or is_empty(old) or is_empty(new):
            continue
        if isinstance(old, Batch) and isinstance(new, Batch):
            make_fit(old, new)
        elif not _fits(old, new):
            vars(stored)[key] = _objects(old, axes=1)
            vars(block)[key] = _objects(new, axes=2)


def for_acting(info: Info, counts: Flags) -> Batch:
    """Return an info, in the form that `told` gives it, as the Batch that the actor reads.

    Args:
        info: of N environments.
        counts: whether the action of each environment counts, bool [N]. Where it does, a key must
            be there, or reading it is an error.
    """
    return _readable(_as_batch(info), ~counts, _lists_joined)


def for_learning(info: Batch) -> Batch:
    """Return the info of stored rows as the Batch that the actor reads.

    Reading a key is an error if it was not there in every row when the policy acted, or if the rows
    do not make one array as they did then.
    """
    return _readable(info, None, _rejoined)


def _readable(info: Batch, idle: Flags | None, read: Any) -> Batch:
    values: Info = {}
    unknown: dict[str, str] = {}
    for key, value in vars(info).items():
        flags = vars(info).get(f"_{key}", np.ones(0, bool))
        known = flags if idle is None or not len(flags) else flags | idle
        found = _readable(value, idle, read) if isinstance(value, Batch) else read(value)
        if not known.all():
            unknown[key] = (
                f"info key {key!r} is there in {int(known.sum())} of {len(known)} rows. An actor "
                "that reads it needs it in every row: return it from reset and from each step of "
                "every environment, as something that can be copied."
            )
        elif found is CHANGED:
            unknown[key] = (
                f"info key {key!r} changed its shape, dtype or type between steps, so its rows "
                "are no longer one array as when the policy acted. An actor that reads it needs "
                "rows of one shape and dtype."
            )
        else:
            values[key] = found
    return PartlyKnown.refusing(unknown, values) if unknown else Batch.of(values)


def _lists_joined(value: Any) -> Any:
    """Return rows that are lists of numbers as one array, if they are alike; others as they are."""
    if not isinstance(value, np.ndarray) or value.dtype != object or value.ndim != 1:
        return value
    if not any(isinstance(row, list | tuple) for row in value):
        return value
    joined = _joined([_array_of_list(row) for row in value])
    return value if joined.dtype == object else joined


def _array_of_list(row: Any) -> Any:
    """Return a list of numbers as an array, and anything else as it is."""
    if not isinstance(row, list | tuple):
        return row
    try:
        array = np.asarray(row)
    except (ValueError, TypeError, RuntimeError):  # its members have different shapes
        return row
    return array if _is_numeric(array) else row


def _rejoined(value: Any) -> Any:
    """Return stored rows as the array that they were, or CHANGED if they do not make one."""
    value = _lists_joined(value)
    if not isinstance(value, np.ndarray) or value.dtype != object:
        return value
    joined = _joined(list(value))
    ragged = isinstance(joined, np.ndarray) and joined.dtype == object
    if ragged and any(isinstance(row, np.ndarray | np.generic | Tensor | dict) for row in joined):
        return CHANGED
    return joined


def _keys(info: Info) -> list[str]:
    """Return the keys that are not flags of other keys."""
    for key in info:
        if not isinstance(key, str):
            raise ValueError(
                f"the keys of info must be strings, got {key!r}. Rename it in a gymnasium.Wrapper."
            )
    return [key for key in info if not (key.startswith("_") and key[1:] in info)]


def _entries(value: dict[str, Any] | Batch) -> Info:
    return vars(value) if isinstance(value, Batch) else value


def _check_flags(key: str, flags: Any, environments: int) -> None:
    is_array = isinstance(flags, np.ndarray) and flags.dtype == bool
    if not is_array or flags.shape != (environments,):
        raise ValueError(
            f"info has the keys {key!r} and '_{key}', and in vector environments the second must "
            f"be flags, bool [{environments}], that tell which environments gave the first; got "
            f"{flags!r}. Rename one of them."
        )


def _as_held(value: Any) -> Any:
    """Return a value as a Batch holds it; tensors, or arrays, in a list are stacked if alike."""
    if isinstance(value, Tensor) or _is_numeric(value):
        return value
    if isinstance(value, np.ndarray):
        rows = value.astype(object)
        return _joined(list(rows)) if rows.ndim == 1 else rows
    if isinstance(value, list | tuple):
        return _joined(list(value))
    return vars(Batch(value=value))["value"]


def _joined(rows: list[Any]) -> Any:
    """Return rows as one array or tensor if they are alike, and otherwise as an array of objects.

    None stands for a row that is not there.
    """
    given = [_number(row) for row in rows if row is not None]
    if given and all(_are_alike(given[0], row) for row in given):
        stack: Any = torch.stack if isinstance(given[0], Tensor) else np.stack
        nothing = _blank(given[0])
        values = iter(given)
        return stack([nothing if row is None else next(values) for row in rows])
    objects = np.full(len(rows), None)
    for n, row in enumerate(rows):
        objects[n] = row
    return objects


def _number(row: Any) -> Any:
    return np.asarray(row)[()] if isinstance(row, bool | int | float) else row


def _are_alike(a: Any, b: Any) -> bool:
    """Tell whether two arrays, or two tensors, have one shape and one dtype."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape == b.shape and a.dtype == b.dtype and a.device == b.device
    return _is_numeric(a) and _is_numeric(b) and a.dtype == b.dtype and a.shape == b.shape


def _is_numeric(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufc"


def _has_rows(value: Any, environments: int) -> bool:
    return isinstance(value, np.ndarray | Tensor) and value.shape[:1] == (environments,)


def _copied(value: Any, flags: Flags) -> Any:
    """Return a copy of the rows; where an object cannot be copied, its flag becomes False."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if _is_numeric(value):
        return value.copy()
    copies = np.full(len(value), None)
    for n in np.flatnonzero(flags).tolist():
        try:
            copies[n] = deepcopy(value[n])
        except Exception:  # an object of the environment may raise anything
            flags[n] = False
    return copies


def _selected(a: Any, b: Any, where: Flags) -> Any:
    """Return the rows of b where `where`, else of a; None has rows of zeros."""
    a = _blank(b) if a is None else a
    b = _blank(a) if b is None else b
    if isinstance(a, dict) and isinstance(b, dict):
        return merged(a, b, where)
    if _has_rows(a, len(where)) and _are_alike(a, b):
        rows = a.clone() if isinstance(a, Tensor) else a.copy()
        rows[where] = b[where]
        return rows
    return _joined([_row(b if other else a, n, len(where)) for n, other in enumerate(where)])


def _blank(value: Any) -> Any:
    if isinstance(value, dict):
        return {}
    if isinstance(value, Tensor):
        return torch.zeros_like(value)
    return np.zeros_like(value) if _is_numeric(value) else None


def _row(value: Any, n: int, environments: int) -> Any:
    """Return what a value says about environment n."""
    if isinstance(value, dict):
        return {key: _row(inner, n, environments) for key, inner in value.items()}
    return value[n] if _has_rows(value, environments) else value


def _column(values: list[Any]) -> Any:
    """Return the values of one key at T steps (None where it is missing) as [T, N, ...]."""
    given = [value for value in values if value is not None]
    if all(isinstance(value, dict) for value in given):
        return columns([value or {} for value in values])
    if isinstance(given[0], np.ndarray) and all(_are_alike(given[0], value) for value in given):
        blank = np.zeros_like(given[0])
        return np.stack([blank if value is None else value for value in values])
    environments = next(len(value) for value in given if not isinstance(value, dict))
    column = np.full((len(values), environments), None)
    for t, value in enumerate(values):
        for n in range(environments if value is not None else 0):
            column[t, n] = _row(value, n, environments)
    return column


def _fits(stored: Any, rows: Any) -> bool:
    """Tell whether rows [T, N, ...] have the dtype and the shape of the stored ones, [R, ...]."""
    are_arrays = isinstance(stored, np.ndarray) and isinstance(rows, np.ndarray)
    return are_arrays and stored.dtype == rows.dtype and stored.shape[1:] == rows.shape[2:]


def _objects(value: Any, axes: int) -> AnyArray:
    """Return an array of objects with the first axes of a value: its rows, dicts of a Batch."""
    if isinstance(value, np.ndarray) and value.dtype == object and value.ndim == axes:
        return value
    leaf = value
    while isinstance(leaf, Batch):
        leaf = next(iter(vars(leaf).values()))
    result = np.full(leaf.shape[:axes], None)
    for place in np.ndindex(*result.shape):
        result[place] = _at(value, place)
    return result


def _at(value: Any, place: tuple[int, ...]) -> Any:
    if isinstance(value, Batch):
        return {key: _at(inner, place) for key, inner in vars(value).items()}
    return value[place]


def _as_batch(info: Info) -> Batch:
    return Batch.of(
        {key: _as_batch(value) if isinstance(value, dict) else value for key, value in info.items()}
    )
