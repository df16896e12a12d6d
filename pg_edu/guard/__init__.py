"""A guard against silent outer broadcasts in any torch code.

The product of tensors of shapes [B, 1] and [B] has shape [B, B], and torch raises no error. Inside
`forbid_outer_broadcast`, it does.

    broadcasting     the two context managers, which are decorators as well
    pytest_plugin    a pytest fixture that guards a test
"""

from pg_edu.guard.broadcasting import (
    OuterBroadcastError,
    allow_outer_broadcast,
    forbid_outer_broadcast,
)

__all__ = ["OuterBroadcastError", "allow_outer_broadcast", "forbid_outer_broadcast"]
