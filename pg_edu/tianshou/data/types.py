"""The protocols that name the fields of a `Batch`, as in `tianshou.data.types`."""

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
