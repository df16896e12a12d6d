"""The mixin that prints a dataclass, as in `tianshou.utils.print`."""

from pg_edu.stats import DataclassPPrintMixin

__all__ = ["DataclassPPrintMixin"]
