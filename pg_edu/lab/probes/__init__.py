"""Probes: nine tiny environments that say which part of an agent is broken."""

from pg_edu.lab.probes.probes import (
    EPISODES,
    LAST,
    MORE_SEEDS,
    PASSED,
    PROBES,
    UPDATES,
    Probe,
    Report,
    Row,
    probe,
)

__all__ = [
    "EPISODES",
    "LAST",
    "MORE_SEEDS",
    "PASSED",
    "PROBES",
    "UPDATES",
    "Probe",
    "Report",
    "Row",
    "probe",
]
