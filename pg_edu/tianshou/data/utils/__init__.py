"""Conversions between numpy and torch, in the module `converter`."""

from typing import TYPE_CHECKING

from pg_edu.tianshou.missing import explain_missing

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
