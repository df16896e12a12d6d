"""The trainer, as in `tianshou.trainer`."""

from typing import TYPE_CHECKING

from pg_edu.tianshou.missing import explain_missing
from pg_edu.trainer import OnpolicyTrainer

__all__ = ["OnpolicyTrainer"]

if not TYPE_CHECKING:
    __getattr__ = explain_missing(
        __name__,
        {
            "BaseTrainer": "Use OnpolicyTrainer, which has no base class of its own.",
            "OffpolicyTrainer": "PGPolicy learns on-policy, so use OnpolicyTrainer.",
            "OfflineTrainer": "PGPolicy learns on-policy, so use OnpolicyTrainer.",
            "test_episode": "Use Collector.collect(n_episode=...).",
            "gather_info": "OnpolicyTrainer.run() returns the InfoStats.",
        },
    )
