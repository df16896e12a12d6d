"""Modes of a policy and of its networks, as in `tianshou.utils.torch_utils`."""

from typing import TYPE_CHECKING

from pg_edu.base_policy import policy_within_training_step, torch_train_mode
from pg_edu.tianshou.missing import explain_missing

__all__ = ["policy_within_training_step", "torch_train_mode"]

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
