"""Conversions between numpy and torch, as in `tianshou.data.utils.converter`."""

from typing import TYPE_CHECKING

from pg_edu.batch import to_numpy, to_torch, to_torch_as
from pg_edu.tianshou.missing import explain_missing

__all__ = ["to_numpy", "to_torch", "to_torch_as"]

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
