"""The factory of loggers, in the module `logger`; experiments are not part of pg_edu."""

from typing import TYPE_CHECKING

from pg_edu.tianshou.missing import explain_missing

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
