"""The buffer of one environment, as in `tianshou.data.buffer.base`."""

from pg_edu.buffer import ReplayBuffer

__all__ = ["ReplayBuffer"]
