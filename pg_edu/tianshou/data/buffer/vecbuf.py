"""The buffer of several environments, as in `tianshou.data.buffer.vecbuf`."""

from pg_edu.buffer import VectorReplayBuffer

__all__ = ["VectorReplayBuffer"]
