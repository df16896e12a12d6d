"""Nine tiny environments that show which part of an agent is broken.

An agent that fails on CartPole does not tell you why. `probe(PGPolicy)` trains a policy on nine
environments, each of which tests one part of it, and returns a table that names the broken part.
`probe_loop(train)` does the same for anybody's training loop. docs/PROBE.md shows how.

The files, in reading order:

    worlds      small environments, and how to compute the best possible return in each
    contests    worlds in which a mistake in the returns shows by the contests that are lost
    readings    what an agent may take for the return, right or wrong
    actors      the small networks that are given to a policy
    questions   the nine probes: an environment and its question
    watching    watch what any torch code draws, scores and steps
    lending     environments that note what an agent's loop does with them
    trials      train an agent on one probe, through one of two doors
    evidence    the figures that are read from a trial
    causes      the causes that may be named, and the page that explains each
    faults      what a figure shows beyond doubt
    weights     what the weights of the actions say about the returns
    judging     passed, broken and why, slow, or too noisy to say
    report      the table of results
    probing     `probe` and `probe_loop`, which run all of this
"""

from pg_edu.lab.probes.lending import TrainingOver
from pg_edu.lab.probes.probing import probe, probe_loop
from pg_edu.lab.probes.questions import PROBES, Probe
from pg_edu.lab.probes.report import ProbeReport, ProbeResult

__all__ = ["PROBES", "Probe", "ProbeReport", "ProbeResult", "TrainingOver", "probe", "probe_loop"]
