"""Policies, as in `tianshou.policy`."""

from typing import TYPE_CHECKING

from pg_edu.base_policy import BasePolicy
from pg_edu.reinforce import PGPolicy
from pg_edu.stats import TrainingStats
from pg_edu.tianshou.missing import explain_missing

__all__ = ["BasePolicy", "PGPolicy", "TrainingStats"]

if not TYPE_CHECKING:
    other_algorithm = "pg_edu has PGPolicy only; use Tianshou, Stable-Baselines3 or CleanRL."
    __getattr__ = explain_missing(
        __name__,
        {
            "A2CPolicy": other_algorithm,
            "DDPGPolicy": other_algorithm,
            "DQNPolicy": other_algorithm,
            "NPGPolicy": other_algorithm,
            "PPOPolicy": other_algorithm,
            "SACPolicy": other_algorithm,
            "TD3Policy": other_algorithm,
            "TRPOPolicy": other_algorithm,
            "RandomPolicy": "For random actions, call Collector.collect(..., random=True).",
        },
    )
