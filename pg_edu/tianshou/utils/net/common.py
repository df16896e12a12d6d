"""Networks for any kind of action, as in `tianshou.utils.net.common`."""

from typing import TYPE_CHECKING

from pg_edu.nets import MLP, Net, Recurrent
from pg_edu.tianshou.missing import explain_missing

__all__ = ["MLP", "Net", "Recurrent"]

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
