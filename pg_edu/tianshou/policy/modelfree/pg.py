"""REINFORCE, as in `tianshou.policy.modelfree.pg`."""

from pg_edu.reinforce import PGPolicy, TPGTrainingStats
from pg_edu.stats import PGTrainingStats
from pg_edu.types import TDistFnContinuous, TDistFnDiscrete, TDistFnDiscrOrCont

__all__ = [
    "PGPolicy",
    "PGTrainingStats",
    "TDistFnContinuous",
    "TDistFnDiscrOrCont",
    "TDistFnDiscrete",
    "TPGTrainingStats",
]
