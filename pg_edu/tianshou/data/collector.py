"""The collector and what it reports, as in `tianshou.data.collector`."""

from typing import TYPE_CHECKING

from pg_edu.collector import Collector, CollectStats
from pg_edu.tianshou.missing import explain_missing

__all__ = ["CollectStats", "Collector"]

if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
