"""Hidden states: what an actor with memory keeps of each episode from one step to the next.

A hidden state is a tensor or an array with one row for each episode on axis 0, or a tuple, list,
dict or Batch of hidden states. It is None where there is nothing to remember.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from pg_edu.batch import Batch
from pg_edu.types import Flags


def leaves(state: Any) -> Iterator[Any]:
    """Yield every part of a hidden state that is neither None nor a container of other parts.

    Example:
        >>> list(leaves({"lstm": (torch.zeros(1), torch.ones(1)), "unused": None}))
        [tensor([0.]), tensor([1.])]
    """
    children = _children(state)
    if children is not None:
        for child in children.values():
            yield from leaves(child)
    elif state is not None:
        yield state


def map_state(function: Callable[[Any], Any], state: Any) -> Any:
    """Return a hidden state with function(leaf) for every leaf.

    Example:
        >>> map_state(lambda h: h + 1, (torch.zeros(1), {"cell": torch.ones(1)}))
        (tensor([1.]), {'cell': tensor([2.])})
    """
    children = _children(state)
    if children is None:
        return None if state is None else function(state)
    mapped = {key: map_state(function, child) for key, child in children.items()}
    if isinstance(state, Batch):
        return Batch.of(mapped)
    if isinstance(state, dict):
        return mapped
    is_named_tuple = hasattr(state, "_fields")
    return type(state)(*mapped.values()) if is_named_tuple else type(state)(mapped.values())


def check_state(state: Any, rows: int, of: str = "environments") -> None:
    """Raise ValueError unless every leaf is a tensor or an array with `rows` rows on axis 0.

    Example:
        >>> check_state(torch.zeros(1, 4, 8), rows=4)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        ValueError: ... 4 environments on axis 0, got shape [1, 4, 8]. Write ...transpose(0, 1)...
    """
    for leaf in leaves(state):
        if not isinstance(leaf, torch.Tensor | np.ndarray):
            raise ValueError(
                f"the policy's state holds a {type(leaf).__name__}, {leaf!r}, which has no row for "
                f"each of the {rows} {of}. Write a tensor or an array with one row each."
            )
        if leaf.shape[:1] != (rows,):
            raise ValueError(
                f"the policy's state must have the {rows} {of} on axis 0, "
                f"got shape {list(leaf.shape)}.{_advice(leaf, rows)}"
            )


def _advice(leaf: Any, rows: int) -> str:
    """Return what to write if a state has the rows on axis 1, as torch's LSTM and GRU have them."""
    return " Write state.transpose(0, 1) for it." if leaf.shape[1:2] == (rows,) else ""


def reset_rows(state: Any, where: Flags) -> Any:
    """Return a copy of the hidden state that is 0 in the given rows, bool [N]."""

    def reset(leaf: Any) -> Any:
        rows = where.reshape(-1, *[1] * (leaf.ndim - 1))
        if isinstance(leaf, torch.Tensor):
            return leaf.masked_fill(torch.as_tensor(rows, device=leaf.device), 0)
        return np.where(rows, np.zeros_like(leaf), leaf)

    return map_state(reset, state)


def first_rows(state: Any, rows: int) -> Any:
    """Return the first rows of the hidden state."""
    return map_state(lambda leaf: leaf[:rows], state)


def _children(state: Any) -> dict[Any, Any] | None:
    """Return the parts of a container by key or position, and None for anything else."""
    if isinstance(state, Batch):
        return vars(state)
    if isinstance(state, dict):
        return state
    if isinstance(state, tuple | list):
        return dict(enumerate(state))
    return None
