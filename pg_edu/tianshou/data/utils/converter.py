"""Conversions between numpy and torch, as in `tianshou.data.utils.converter`."""

from pg_edu.batch import to_numpy, to_torch, to_torch_as

__all__ = ["to_numpy", "to_torch", "to_torch_as"]
