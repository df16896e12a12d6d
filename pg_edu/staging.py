"""Stage the transitions of several vector steps in arrays [T, N], to store them all at once.

No object is made for a single transition. An observation is copied once: what follows step t is
what the policy sees at step t + 1, so `obs_next` is `obs` one row further down. If that row already
belongs to the next episode (all modes but NEXT_STEP), the final observation replaces it.
"""

from copy import deepcopy
from typing import Any

import numpy as np

from pg_edu.infos import Info, columns

Columns = dict[str, Any]  # arrays [T, N, ...] (a row: [N, ...]), or dicts of them


class Block:
    """The rows of up to `size` vector steps.

    Args:
        size: T, the number of steps.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.steps = 0
        self._columns: Columns = {}
        self._final_obs: list[tuple[Any, Any]] = []  # (place in obs_next, observation)
        self._obs_info: list[Info] = []
        self._info: list[Info] = []

    @property
    def is_full(self) -> bool:
        """Whether the block has no room for another step."""
        return self.steps == self.size

    def put(self, row: Columns) -> None:
        """Copy values [N, ...] of the current step; the first value of a key makes its column."""
        rows = self.size + 1  # one more, for the observations after the last step
        _copy(self._columns, self.steps, rows, row)

    def put_final_obs(self, obs: Any, environment: int | slice = slice(None)) -> None:
        """Keep a copy of the final observation of an episode that ends at the current step.

        Args:
            obs: the observation of one environment, or [N, ...] of all.
            environment: the one that it belongs to; by default all of them.
        """
        self._final_obs.append(((self.steps, environment), deepcopy(obs)))

    def put_info(self, before: Info, after: Info) -> None:
        """Keep the info that came with `obs`, and that which came after the step; not copied."""
        self._obs_info.append(before)
        self._info.append(after)

    def end_step(self) -> None:
        """Move on to the next step."""
        self.steps += 1

    def take(self, obs: Any) -> Columns:
        """Return the staged rows with `obs_next`, and empty the block.

        The columns are views, which the next steps will overwrite.

        Args:
            obs: the observations after the last step, [N, ...].
        """
        self.put({"obs": obs})
        rows = _rows(self._columns, 0, self.steps)
        obs_next = _rows(self._columns["obs"], 1, self.steps + 1)
        if self._final_obs:
            obs_next = deepcopy(obs_next)  # `obs` holds the next episodes' first observations
        for place, final_obs in self._final_obs:
            _overwrite(obs_next, place, final_obs)
        infos = self._take_infos()
        self.steps = 0
        self._final_obs = []
        return {**rows, **infos, "obs_next": obs_next}

    def _take_infos(self) -> Columns:
        """Return the columns `info` and `obs_info`; none if there was no info."""
        found = {"info": self._info, "obs_info": self._obs_info}
        self._info, self._obs_info = [], []
        return {key: columns(steps) for key, steps in found.items() if any(steps)}


def _copy(columns: Columns, t: int, length: int, row: Columns) -> None:
    """Copy a row into row t of its columns, which have `length` rows."""
    for key, value in row.items():
        if isinstance(value, dict):
            _copy(columns.setdefault(key, {}), t, length, value)
            continue
        column = columns.get(key)
        if column is None or column.dtype != value.dtype or column.shape[1:] != value.shape:
            column = _column_for(key, value, column, length)
            columns[key] = column
        column[t] = value


def _column_for(key: str, value: Any, column: Any, length: int) -> Any:
    """Return a new column for a value, or the old one in a dtype that holds the value too."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biufc":
        raise ValueError(
            "observations and actions must be numeric arrays or dicts of them, got "
            f"{type(value).__name__}: {value!r}."
        )
    if column is None:
        return np.empty((length, *value.shape), value.dtype)
    if column.shape[1:] != value.shape:  # numpy would repeat some values to fill the row
        raise ValueError(
            f"{key}: the first step has shape {list(column.shape[1:])} for all environments "
            f"together, but a later one has {list(value.shape)}."
        )
    return column.astype(np.result_type(column, value), copy=False)


def _rows(columns: Any, start: int, stop: int) -> Any:
    """Return rows of a column, or of each column of a dict."""
    if isinstance(columns, dict):
        return {key: _rows(column, start, stop) for key, column in columns.items()}
    return columns[start:stop]


def _overwrite(columns: Any, place: Any, value: Any) -> None:
    """Write a value into an array, or the values of a dict into the arrays of a dict."""
    if isinstance(columns, dict):
        for key, column in columns.items():
            _overwrite(column, place, value[key])
    else:
        columns[place] = value
