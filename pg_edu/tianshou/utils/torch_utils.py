"""Modes of a policy and of its networks, as in `tianshou.utils.torch_utils`."""

from pg_edu.base_policy import policy_within_training_step, torch_train_mode

__all__ = ["policy_within_training_step", "torch_train_mode"]
