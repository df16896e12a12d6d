"""Vector environments, as in `tianshou.env`."""

from typing import TYPE_CHECKING

from pg_edu.tianshou.env.venv_wrappers import VectorEnvNormObs
from pg_edu.tianshou.env.venvs import DummyVectorEnv, ShmemVectorEnv, SubprocVectorEnv
from pg_edu.tianshou.missing import explain_missing

__all__ = ["DummyVectorEnv", "ShmemVectorEnv", "SubprocVectorEnv", "VectorEnvNormObs"]

if not TYPE_CHECKING:
    __getattr__ = explain_missing(
        __name__,
        {
            "ShmemVectorEnv": "Use SubprocVectorEnv, which passes observations in shared memory.",
            "RayVectorEnv": (
                "Use SubprocVectorEnv. To spread whole runs over a Ray cluster, use "
                "`python -m pg_edu sweep --backend ray`."
            ),
            "VectorEnvNormObs": (
                "Use gymnasium.wrappers.vector.NormalizeObservation(gymnasium.make_vec(id, "
                "num_envs=n))."
            ),
            "VectorEnvWrapper": "Use gymnasium.vector.VectorWrapper.",
            "BaseVectorEnv": "Use gymnasium.vector.VectorEnv.",
            "ContinuousToDiscrete": "Write a gymnasium.ActionWrapper.",
            "MultiDiscreteToDiscrete": "Write a gymnasium.ActionWrapper.",
            "TruncatedAsTerminated": (
                "PGPolicy does not need it: a return also ends where an episode is truncated."
            ),
            "PettingZooEnv": "pg_edu trains one agent; for several agents, use Tianshou.",
        },
    )
