"""Watch log-probabilities that are written without torch.distributions.

Many loops write `F.log_softmax(logits, -1).gather(1, actions)`, index the result of a softmax and
take its logarithm, or multiply `F.cross_entropy(logits, actions, reduction="none")` by returns.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

from pg_edu.types import Floats

Fill = Callable[[Floats], None]  # is given the weights of a scoring, in its backward pass

LOG_SOFTMAX = {torch.log_softmax, torch.Tensor.log_softmax, F.log_softmax}
SOFTMAX = {torch.softmax, torch.Tensor.softmax, F.softmax}
LOGARITHM = {torch.log, torch.Tensor.log}
GATHER = {torch.gather, torch.Tensor.gather, torch.take_along_dim}
INDEX = {torch.Tensor.__getitem__}
LOSSES = {F.cross_entropy, F.nll_loss}
# A distribution that is made of a table normalizes it, and is watched itself.
NORMALIZE = {torch.Tensor.sum, torch.Tensor.logsumexp}
# The result of these functions still has the probabilities of all actions in its last dimension.
RESHAPE = {
    torch.Tensor.squeeze,
    torch.Tensor.unsqueeze,
    torch.Tensor.view,
    torch.Tensor.reshape,
    torch.Tensor.clamp,
    torch.Tensor.double,
    torch.Tensor.float,
    torch.squeeze,
    torch.clamp,
}


@dataclass
class Table:
    """A tensor with the probabilities of all actions, or their logarithms.

    Args:
        logs: the log-probabilities, [B, A].
        is_log: whether the tensor holds logarithms.
        is_read: whether the probabilities of single actions were taken from it.
    """

    logs: Floats
    is_log: bool
    is_read: bool = False

    def weights_of(self, gradient: torch.Tensor, actions: Any) -> Floats:
        """Return minus the gradient with respect to the log-probabilities of actions, [B]."""
        rows = np.arange(len(self.logs))
        factor = 1.0 if self.is_log else np.exp(self.logs[rows, actions])
        weights: Floats = -as_array(gradient).reshape(len(self.logs)) * factor
        return weights


class Functional(TorchFunctionMode):
    """A block in which softmax, gather and cross_entropy are noted.

    Args:
        actions: the number of actions; a softmax over another number is none over actions.
        is_inside: returns whether a method of torch.distributions is running.
        note_acting: is called with the log-probabilities [B, A] of each softmax.
        note_scoring: is called for each log-probability of chosen actions that has a gradient, with
            the log-probabilities of all [B, A], the chosen [B], whether each row is paired with
            every row, and the result; it returns a function that takes the weights.
    """

    def __init__(
        self,
        actions: int,
        is_inside: Callable[[], bool],
        note_acting: Callable[[Floats], None],
        note_scoring: Callable[[Floats, Floats, bool, torch.Tensor], Fill],
    ) -> None:
        super().__init__()
        self.actions = actions
        self.is_inside = is_inside
        self.note_acting = note_acting
        self.note_scoring = note_scoring
        self.tables: Any = WeakIdKeyDictionary()
        self.notes: dict[Any, Callable[..., None]] = {}
        for functions, note in (
            (LOG_SOFTMAX, self._on_log_softmax),
            (SOFTMAX, self._on_softmax),
            (LOGARITHM, self._on_logarithm),
            (GATHER, self._on_gather),
            (INDEX, self._on_index),
            (RESHAPE, self._on_reshape),
            (LOSSES, self._on_loss),
            (NORMALIZE, self._on_normalize),
        ):
            self.notes |= dict.fromkeys(functions, note)

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call the function, and note its result."""
        result = func(*args, **(kwargs or {}))
        note = self.notes.get(func)
        if note is not None and not self.is_inside():
            note(result, *args, **{**(kwargs or {}), "_function": func})
        return result

    # Tables.

    def _on_log_softmax(self, result: torch.Tensor, *args: Any, **kwargs: Any) -> None:
        if self._is_of_actions(result):
            self._begin(result, Table(self._rows(result), is_log=True))

    def _on_softmax(self, result: torch.Tensor, *args: Any, **kwargs: Any) -> None:
        if self._is_of_actions(result):
            logs = np.log(np.maximum(self._rows(result), 1e-38))
            self._begin(result, Table(logs, is_log=False))

    def _begin(self, result: torch.Tensor, table: Table) -> None:
        self.tables[result] = table
        self.note_acting(table.logs)
        if result.requires_grad:
            on_gradient(result, lambda gradient: self._note_unread(result, table, gradient))

    def _note_unread(self, result: torch.Tensor, table: Table, gradient: torch.Tensor) -> None:
        """Note the scored actions of a table from which none was taken in a way that is known.

        A product with one-hot rows gives each row a gradient in the column of its action alone.
        """
        grad = as_array(gradient).reshape(table.logs.shape)
        if table.is_read or not grad.any() or (np.count_nonzero(grad, axis=1) > 1).any():
            return
        actions = np.abs(grad).argmax(axis=1)
        chosen = torch.as_tensor(grad[np.arange(len(grad)), actions])
        fill = self.note_scoring(table.logs, actions, False, result)
        fill(table.weights_of(chosen, actions))

    def _on_logarithm(self, result: torch.Tensor, source: Any, **kwargs: Any) -> None:
        table = self.tables.get(source)
        if table is not None and not table.is_log:
            table.is_read = True
            self.tables[result] = Table(table.logs, is_log=True)

    def _on_reshape(self, result: torch.Tensor, source: Any, *args: Any, **kwargs: Any) -> None:
        table = self.tables.get(source)
        if table is not None and self._is_of_actions(result):
            table.is_read = True
            self.tables[result] = Table(table.logs, table.is_log)

    def _on_normalize(self, result: torch.Tensor, source: Any, *args: Any, **kwargs: Any) -> None:
        table = self.tables.get(source)
        if table is not None:
            table.is_read = True

    # Chosen actions.

    def _on_gather(self, result: torch.Tensor, source: Any, *args: Any, **kwargs: Any) -> None:
        table = self.tables.get(source)
        index = kwargs.get("index", kwargs.get("indices"))
        if index is None:
            index = next((a for a in args if isinstance(a, torch.Tensor)), None)
        if table is not None and index is not None:
            self._chosen(result, table, as_array(index))

    def _on_index(self, result: torch.Tensor, source: Any, index: Any, **kwargs: Any) -> None:
        table = self.tables.get(source)
        if table is None:
            return
        parts = index if isinstance(index, tuple) else (index,)
        if len(parts) == source.dim() and not isinstance(parts[-1], slice):
            self._chosen(result, table, np.asarray(_plain(parts[-1])))
        elif self._is_of_actions(result) and result.dim() < source.dim():
            rows = table.logs.reshape(*source.shape)[_plain(index)].reshape(-1, self.actions)
            table.is_read = True
            self.tables[result] = Table(rows, table.is_log)

    def _chosen(self, result: torch.Tensor, table: Table, actions: Any) -> None:
        """Note that the probabilities of these actions were taken from a table."""
        if not result.requires_grad or np.asarray(actions).dtype.kind not in "iu":
            return
        table.is_read = True
        rows = len(table.logs)
        is_table = result.numel() == rows * rows and rows > 1
        actions = np.asarray(actions).reshape(-1)
        if len(actions) != rows or (result.numel() != rows and not is_table):
            return
        fill = self.note_scoring(table.logs, actions, is_table, result)
        weights_of = _minus if is_table else partial(table.weights_of, actions=actions)
        on_gradient(result, lambda gradient: fill(weights_of(gradient)))

    def _on_loss(self, result: torch.Tensor, source: Any, target: Any, **kwargs: Any) -> None:
        """Note cross_entropy or nll_loss of actions: minus their log-probabilities."""
        if not self._is_of_actions(source) or source.dim() > 2 or target.is_floating_point():
            return
        if not result.requires_grad or target.numel() * self.actions != source.numel():
            return
        table = self.tables.get(source)
        if table is not None:
            table.is_read = True
        logs = self._rows(source)
        if kwargs["_function"] is F.cross_entropy:
            largest = logs.max(axis=1, keepdims=True)
            logs = logs - largest - np.log(np.exp(logs - largest).sum(axis=1, keepdims=True))
        share = len(logs) if kwargs.get("reduction", "mean") == "mean" else 1
        each = np.full(len(logs), 1.0 / share)
        fill = self.note_scoring(logs, as_array(target).reshape(-1), False, result)
        on_gradient(result, lambda gradient: fill(as_array(gradient).reshape(-1) * each))

    def _is_of_actions(self, tensor: Any) -> bool:
        return (
            isinstance(tensor, torch.Tensor)
            and 1 <= tensor.dim() <= 3
            and tensor.shape[-1] == self.actions
            and tensor.numel() > 0
        )

    def _rows(self, tensor: torch.Tensor) -> Floats:
        rows: Floats = as_array(tensor).reshape(-1, self.actions)
        return rows


def on_gradient(tensor: torch.Tensor, note: Callable[[torch.Tensor], None]) -> None:
    """Call a function with the gradient of a tensor in each backward pass."""
    tensor.register_hook(note)  # type: ignore[no-untyped-call]


def _minus(gradient: torch.Tensor) -> Floats:
    return -as_array(gradient)


def as_array(tensor: torch.Tensor) -> Floats:
    """Return the values of a tensor, without its gradient."""
    values = tensor.detach().cpu()
    array: Floats = (values.double() if values.is_floating_point() else values).numpy().copy()
    return array


def _plain(index: Any) -> Any:
    """Return an index of a tensor as one of an array."""
    if isinstance(index, tuple):
        return tuple(_plain(part) for part in index)
    return index.detach().cpu().numpy() if isinstance(index, torch.Tensor) else index
