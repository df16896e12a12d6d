"""The mixin that prints a dataclass, as in `tianshou.utils.print`."""

from typing import TYPE_CHECKING

from pg_edu.stats import DataclassPPrintMixin
from pg_edu.tianshou.missing import explain_missing

__all__ = ["DataclassPPrintMixin"]

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
