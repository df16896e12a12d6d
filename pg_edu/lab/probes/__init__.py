"""Nine tiny environments that show which part of an agent is broken.

An agent that fails on CartPole does not tell you why. `probe(PGPolicy)` trains an agent on nine
environments, each of which tests one part of it, and returns a table that names the broken part.

The files, in reading order:

    worlds      the environments, and how to compute the best possible return in each
    actors      the small networks that are given to a policy
    questions   the nine probes: an environment, its question, and what a failure means
    trials      train a policy on one probe and measure what it does
    symptoms    infer the broken part of an agent from what it did
    report      the table of results
    probing     `probe`, which runs all of this
"""

from pg_edu.lab.probes.probing import probe
from pg_edu.lab.probes.questions import PROBES, Probe
from pg_edu.lab.probes.report import ProbeReport, ProbeResult

__all__ = ["PROBES", "Probe", "ProbeReport", "ProbeResult", "probe"]
