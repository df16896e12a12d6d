"""Put parameters and optimizer back as they were before an update that failed.

    with restored_on_error(policy, optim) as before:
        ...                                     every step, and the checks after the last one

One copy is made, at the beginning. To check every step instead would take more time, and could not
undo the steps before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from types import NoneType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer


@contextmanager
def restored_on_error(module: nn.Module, optim: Optimizer) -> Iterator["Before"]:
    """Restore parameters, buffers, gradients and the optimizer if this block raises anything."""
    before = Before(module, optim)
    try:
        yield before
    except BaseException:
        before.restore()
        raise


class Before:
    """A module and an optimizer as they are now, to be restored in place.

    It holds the parameters of both and their gradients, the module's buffers, and the optimizer's
    state and settings. Parameters that are still lazy have no values to keep.

    Args:
        module: the module.
        optim: the optimizer, which may also hold parameters of other modules.
    """

    def __init__(self, module: nn.Module, optim: Optimizer) -> None:
        self._optim = optim
        modules = list(module.modules())
        self._buffers = [(child._buffers, dict(child._buffers)) for child in modules]
        self._state = [(key, entry, dict(entry)) for key, entry in optim.state.items()]
        self._groups = [(group, _settings(group)) for group in optim.param_groups]
        parameters = [p for child in modules for p in child._parameters.values() if p is not None]
        for group in optim.param_groups:
            parameters += group["params"]
        self._gradients = [(parameter, parameter.grad) for parameter in parameters]
        tensors: dict[int, Tensor] = {id(parameter): parameter for parameter in parameters}
        for *_, kept in self._buffers + self._groups + self._state:
            tensors |= _tensors_of(kept)
        with torch.no_grad():
            self._copies = {
                key: (tensor, tensor.clone())
                for key, tensor in tensors.items()
                if not is_lazy(tensor)
            }

    def value_of(self, parameter: Tensor) -> Tensor:
        """Return the values that a parameter had; if it is not held here, those that it has."""
        return self._copies.get(id(parameter), (parameter, parameter))[1]

    def restore(self) -> None:
        """Put everything back; tensors are written to, not replaced."""
        with torch.no_grad():
            for tensor, copy in self._copies.values():
                if not torch.equal(tensor, copy):  # an expanded tensor cannot be written to
                    tensor.copy_(copy)
        for parameter, gradient in self._gradients:
            parameter.grad = gradient
        self._optim.state.clear()
        for key, entry, kept in self._state:
            self._optim.state[key] = entry
            entry.clear()
            entry.update(kept)
        for held, kept in self._buffers + self._groups:
            held.update(kept)


def _settings(group: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a group of parameters, such as the learning rate."""
    return {name: value for name, value in group.items() if name != "params"}


def _tensors_of(kept: dict[str, Any]) -> dict[int, Tensor]:
    """Return the tensors among these values, by their id.

    Each other value that could change is replaced by a copy of itself.
    """
    tensors = {}
    for name, value in kept.items():
        if isinstance(value, Tensor):
            tensors[id(value)] = value
        elif type(value) not in (bool, int, float, NoneType):
            kept[name] = deepcopy(value)
    return tensors
