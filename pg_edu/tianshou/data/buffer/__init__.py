"""Replay buffers, in the modules `base` and `vecbuf`."""

from typing import TYPE_CHECKING

from pg_edu.tianshou.missing import explain_missing

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
