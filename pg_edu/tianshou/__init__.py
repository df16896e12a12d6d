"""Names that exist only so that a script written for Tianshou v1.1.0 runs."""

from pg_edu.tianshou.compat import (
    ActionSpaceInfo,
    BaseLogger,
    DummyVectorEnv,
    EnvFns,
    LazyLogger,
    ObservationSpaceInfo,
    ScalarWriter,
    SpaceInfo,
    SubprocVectorEnv,
    TensorboardLogger,
)

__all__ = [
    "ActionSpaceInfo",
    "BaseLogger",
    "DummyVectorEnv",
    "EnvFns",
    "LazyLogger",
    "ObservationSpaceInfo",
    "ScalarWriter",
    "SpaceInfo",
    "SubprocVectorEnv",
    "TensorboardLogger",
]
