"""The buffer of several environments, as in `tianshou.data.buffer.vecbuf`."""

from typing import TYPE_CHECKING

from pg_edu.buffer import VectorReplayBuffer
from pg_edu.tianshou.missing import explain_missing

__all__ = ["VectorReplayBuffer"]

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
