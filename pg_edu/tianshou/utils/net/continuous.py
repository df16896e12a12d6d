"""The actor for continuous actions, as in `tianshou.utils.net.continuous`."""

from typing import TYPE_CHECKING

from pg_edu.nets import ActorProb
from pg_edu.tianshou.missing import explain_missing

__all__ = ["ActorProb"]

if not TYPE_CHECKING:
    __getattr__ = explain_missing(
        __name__,
        {"Actor": "It is deterministic, and PGPolicy needs a distribution: use ActorProb."},
    )
