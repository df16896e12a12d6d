"""`Batch`, and the types of what is put into it, as in `tianshou.data.batch`."""

from pg_edu.batch import Batch
from pg_edu.types import BatchProtocol, IndexType, TArr

__all__ = ["Batch", "BatchProtocol", "IndexType", "TArr"]
