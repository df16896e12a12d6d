"""The collector and what it reports, as in `tianshou.data.collector`."""

from pg_edu.collector import Collector, CollectStats

__all__ = ["CollectStats", "Collector"]
