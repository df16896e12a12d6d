"""Name the types used in signatures: arrays, and the fields of a `Batch` at each stage.

A `Batch` takes any field, so its class does not say which ones are there. These protocols do, for
readers and for mypy; at run time nothing reads them.

    ObsBatchProtocol -> RolloutBatchProtocol -> BatchWithReturnsProtocol       a policy's input
    ActBatchProtocol -> ActStateBatchProtocol -> ModelOutputBatchProtocol -> DistBatchProtocol
                                                                               its output

Source: Tianshou v1.1.0, `tianshou.data.types` and `BatchProtocol`.
"""

from collections.abc import Callable, ItemsView, Iterator, KeysView, Sequence, ValuesView
from types import EllipsisType
from typing import Any, Protocol, Self, SupportsIndex, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch.distributions import Distribution

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
AnyArray = NDArray[Any]

TArr = torch.Tensor | np.ndarray[Any, Any]
SingleIndexType = SupportsIndex | slice | EllipsisType
IndexType = SingleIndexType | TArr | Sequence[SingleIndexType]
Device = str | int | torch.device

TDistFnContinuous = Callable[[tuple[torch.Tensor, torch.Tensor]], Distribution]
TDistFnDiscrete = Callable[[torch.Tensor], Distribution]
TDistFnDiscrOrCont = TDistFnContinuous | TDistFnDiscrete


class BatchProtocol(Protocol):
    """The methods of every `Batch`; `pg_edu.Batch` documents them."""

    @property
    def shape(self) -> list[int]: ...

    # These two let mypy accept a policy that adds fields (batch.returns = ...) and reads them.
    def __getattr__(self, key: str) -> Any: ...
    def __setattr__(self, key: str, value: Any) -> None: ...

    @overload
    def __getitem__(self, index: str) -> Any: ...
    @overload
    def __getitem__(self, index: IndexType) -> Self: ...

    def __setitem__(self, index: str | IndexType, value: Any) -> None: ...
    def __delitem__(self, key: str) -> None: ...
    def __contains__(self, key: str) -> bool: ...
    def __iter__(self) -> Iterator[Self]: ...
    def __len__(self) -> int: ...

    def keys(self) -> KeysView[str]: ...
    def values(self) -> ValuesView[Any]: ...
    def items(self) -> ItemsView[str, Any]: ...
    def get(self, key: str, default: Any = None) -> Any: ...
    def pop(self, key: str, default: Any = None) -> Any: ...
    def to_dict(self, recursive: bool = True) -> dict[str, Any]: ...
    def split(
        self, size: int, shuffle: bool = True, merge_last: bool = False
    ) -> Iterator[Self]: ...
    def to_numpy(self) -> Self: ...
    def to_torch(self, dtype: torch.dtype | None = None, device: Device = "cpu") -> Self: ...


class ObsBatchProtocol(BatchProtocol, Protocol):
    """Observations that a policy can turn into actions."""

    obs: TArr | BatchProtocol
    info: TArr | BatchProtocol


class RolloutBatchProtocol(ObsBatchProtocol, Protocol):
    """Transitions, as sampled from a replay buffer."""

    obs_next: TArr | BatchProtocol
    act: TArr
    rew: np.ndarray[Any, Any]
    terminated: TArr
    truncated: TArr


class BatchWithReturnsProtocol(RolloutBatchProtocol, Protocol):
    """Transitions with the return that followed each of them."""

    returns: TArr


class ActBatchProtocol(BatchProtocol, Protocol):
    """An action for each row."""

    act: TArr


class ActStateBatchProtocol(ActBatchProtocol, Protocol):
    """Actions, and the hidden state of a policy with memory (None otherwise)."""

    state: dict[str, Any] | BatchProtocol | np.ndarray[Any, Any] | None


class ModelOutputBatchProtocol(ActStateBatchProtocol, Protocol):
    """Actions and state with the actor's output: a tensor, or the (loc, scale) of a Gaussian."""

    logits: torch.Tensor | tuple[torch.Tensor, ...]


class DistBatchProtocol(ModelOutputBatchProtocol, Protocol):
    """Model output with the distribution that the actions were drawn from."""

    dist: Distribution
