"""Provide the names that a script written for Tianshou v1.1.0 imports.

The modules lie where v1.1.0 has them, so to move a script, replace `tianshou` with
`pg_edu.tianshou` in its imports. Most names are those of pg_edu itself. Defined here are only the
vector environments (`env.venvs`, `env.venv_wrappers`), the description of spaces
(`utils.space_info`), the loggers (`utils.logger`, `highlevel.logger`) and what is said of names
that are missing (`missing`). docs/TIANSHOU.md lists the differences.
"""

from typing import TYPE_CHECKING

from pg_edu.tianshou import data, env, policy, trainer, utils
from pg_edu.tianshou.env import (
    DummyVectorEnv,
    ShmemVectorEnv,
    SubprocVectorEnv,
    VectorEnvNormObs,
)
from pg_edu.tianshou.missing import explain_missing, install_finder
from pg_edu.tianshou.utils import BaseLogger, LazyLogger, TensorboardLogger
from pg_edu.tianshou.utils.space_info import SpaceInfo

__all__ = [
    "BaseLogger",
    "DummyVectorEnv",
    "LazyLogger",
    "ShmemVectorEnv",
    "SpaceInfo",
    "SubprocVectorEnv",
    "TensorboardLogger",
    "VectorEnvNormObs",
    "data",
    "env",
    "policy",
    "trainer",
    "utils",
]

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
    install_finder()
