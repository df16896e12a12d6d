"""The protocols that name the fields of a `Batch`, as in `tianshou.data.types`."""

from typing import TYPE_CHECKING

from pg_edu.tianshou.missing import explain_missing
from pg_edu.types import (
    ActBatchProtocol,
    ActStateBatchProtocol,
    BatchWithReturnsProtocol,
    DistBatchProtocol,
    ModelOutputBatchProtocol,
    ObsBatchProtocol,
    RolloutBatchProtocol,
)

__all__ = [
    "ActBatchProtocol",
    "ActStateBatchProtocol",
    "BatchWithReturnsProtocol",
    "DistBatchProtocol",
    "ModelOutputBatchProtocol",
    "ObsBatchProtocol",
    "RolloutBatchProtocol",
]

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
