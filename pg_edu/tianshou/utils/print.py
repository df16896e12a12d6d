"""How a dataclass prints itself, as in `tianshou.utils.print`."""

from pg_edu.stats import DataclassPPrintMixin

__all__ = ["DataclassPPrintMixin"]
