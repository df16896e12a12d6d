"""Vector environments, as in `tianshou.env`."""

from typing import TYPE_CHECKING

from pg_edu.tianshou.env.venv_wrappers import VectorEnvNormObs
from pg_edu.tianshou.env.venvs import DummyVectorEnv, ShmemVectorEnv, SubprocVectorEnv
from pg_edu.tianshou.missing import explain_missing

__all__ = ["DummyVectorEnv", "ShmemVectorEnv", "SubprocVectorEnv", "VectorEnvNormObs"]

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
