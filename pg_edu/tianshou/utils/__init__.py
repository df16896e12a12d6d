"""Loggers, learning-rate schedulers, running statistics and networks, as in `tianshou.utils`."""

from typing import TYPE_CHECKING

from pg_edu.base_policy import MultipleLRSchedulers
from pg_edu.stats import RunningMeanStd
from pg_edu.tianshou.missing import explain_missing
from pg_edu.tianshou.utils import net
from pg_edu.tianshou.utils.logger.base import BaseLogger, LazyLogger
from pg_edu.tianshou.utils.logger.tensorboard import TensorboardLogger

__all__ = [
    "BaseLogger",
    "LazyLogger",
    "MultipleLRSchedulers",
    "RunningMeanStd",
    "TensorboardLogger",
    "net",
]

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
