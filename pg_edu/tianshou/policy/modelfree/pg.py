"""REINFORCE, as in `tianshou.policy.modelfree.pg`."""

from typing import TYPE_CHECKING

from pg_edu.reinforce import PGPolicy, TPGTrainingStats
from pg_edu.stats import PGTrainingStats
from pg_edu.tianshou.missing import explain_missing
from pg_edu.types import TDistFnContinuous, TDistFnDiscrete, TDistFnDiscrOrCont

__all__ = [
    "PGPolicy",
    "PGTrainingStats",
    "TDistFnContinuous",
    "TDistFnDiscrOrCont",
    "TDistFnDiscrete",
    "TPGTrainingStats",
]

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
