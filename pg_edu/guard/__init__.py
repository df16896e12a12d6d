"""The guard against silent outer broadcasts: the context manager, the decorator, the fixture."""

from pg_edu.guard.broadcasting import (
    OuterBroadcastError,
    allow_outer_broadcast,
    forbid_outer_broadcast,
)

__all__ = ["OuterBroadcastError", "allow_outer_broadcast", "forbid_outer_broadcast"]
