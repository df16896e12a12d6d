"""The actor for discrete actions, as in `tianshou.utils.net.discrete`."""

from typing import TYPE_CHECKING

from pg_edu.nets import Actor
from pg_edu.tianshou.missing import explain_missing

__all__ = ["Actor"]

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
