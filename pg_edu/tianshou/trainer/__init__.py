"""The trainer, as in `tianshou.trainer`."""

from typing import TYPE_CHECKING

from pg_edu.tianshou.missing import explain_missing
from pg_edu.trainer import OnpolicyTrainer

__all__ = ["OnpolicyTrainer"]

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
