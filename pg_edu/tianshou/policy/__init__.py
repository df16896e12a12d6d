"""Policies, as in `tianshou.policy`."""

from typing import TYPE_CHECKING

from pg_edu.base_policy import BasePolicy
from pg_edu.reinforce import PGPolicy
from pg_edu.stats import TrainingStats
from pg_edu.tianshou.missing import explain_missing

__all__ = ["BasePolicy", "PGPolicy", "TrainingStats"]

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
