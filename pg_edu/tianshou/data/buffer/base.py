"""The buffer of one environment, as in `tianshou.data.buffer.base`."""

from typing import TYPE_CHECKING

from pg_edu.buffer import ReplayBuffer
from pg_edu.tianshou.missing import explain_missing

__all__ = ["ReplayBuffer"]

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
