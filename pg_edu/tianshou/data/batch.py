"""`Batch`, and the types of what is put into it, as in `tianshou.data.batch`."""

from typing import TYPE_CHECKING

from pg_edu.batch import Batch
from pg_edu.tianshou.missing import explain_missing
from pg_edu.types import BatchProtocol, IndexType, TArr

__all__ = ["Batch", "BatchProtocol", "IndexType", "TArr"]

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
