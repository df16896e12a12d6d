"""The trainer, as in `tianshou.trainer.base`."""

from pg_edu.trainer import OnpolicyTrainer

__all__ = ["OnpolicyTrainer"]
