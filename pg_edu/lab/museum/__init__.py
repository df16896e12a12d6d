"""The museum of pitfalls: wrong lines that run, each with a right one and a check that decides.

    check(wrong).passes is False,    check(right).passes is True

What is measured depends on the kind of pitfall:

    biased             E[g] - ∇J and the angle between them, by enumeration or quadrature
    scale              the constant factor between E[g] and ∇J
    high variance      the variance, at the same expectation
    wrong objective    what E[g] climbs instead
    numerical          a computed number, compared with the exact one
    measurement        what is reported, compared with what should be measured
    misconception      a sentence without code, and a computation that contradicts it

In reading order:

    pitfall.py            what a pitfall consists of, and what its check returns
    measuring.py          measurements that several pitfalls share
    biased.py             biased: what the sum is divided by, and what is subtracted from returns
    biased_rows.py        biased: what a row of the batch contains
    biased_training.py    biased: what happens between a batch and the parameters
    scale.py              wrong by a constant factor
    high_variance.py      right on average, with more variance than necessary
    wrong_objective.py    the update climbs something else, or nothing at all
    loss_terms.py         the same, because of a term of the loss or of changed rewards
    numerical.py          the formula is right, but the computer loses a number
    measurement.py        the agent is fine, but the report measures something else
    misconceptions.py     sentences that are often heard

**To add a pitfall**, write these four things in the module of its kind:

1. the wrong version and the right one: two small functions that run and take the same arguments;
2. a check: a function of either version that returns a `Verdict`, made of exact numbers (a small
   task of `pg_edu.lab.exact`; quadrature; fractions), within a fraction of a second;
3. the computation that supports its nuance, which returns a `Verdict` that passes;
4. a `Pitfall` at module level, under any name, that names them and says in one sentence each what
   people believe and where that is half true, and gives the sources.

It is then in `PITFALLS`, the tests check it (`tests/course/test_10_pitfalls.py`; add its numbers to
`FIGURES` there, from an independent computation), and the deeper page of notebook 10 prints it.
For a new kind, add it to `Kind` in `pitfall.py` and its module to `MODULES` here.

Example:
    >>> for version, verdict in PITFALLS["mean over steps"].verdicts().items():
    ...     print(f"{version:<9} {verdict}")
    wrong     ✗ update of stop / p(1-p) = 0.4; with 8 episodes = -0.4713; truth = -1.4
    right     ✓ update of stop / p(1-p) = -1.4; with 8 episodes = -1.4; truth = -1.4
    half true ✓ scale if all have 3 steps = 0.3333; cosine then = 1
"""

from pg_edu.lab.museum import (
    biased,
    biased_rows,
    biased_training,
    high_variance,
    loss_terms,
    measurement,
    misconceptions,
    numerical,
    scale,
    wrong_objective,
)
from pg_edu.lab.museum.pitfall import Kind, Pitfall, Verdict

__all__ = ["PITFALLS", "Kind", "Pitfall", "Verdict"]

MODULES = (
    biased,
    biased_rows,
    biased_training,
    scale,
    high_variance,
    wrong_objective,
    loss_terms,
    numerical,
    measurement,
    misconceptions,
)
PITFALLS: dict[str, Pitfall] = {
    pitfall.name: pitfall
    for module in MODULES
    for pitfall in vars(module).values()
    if isinstance(pitfall, Pitfall)
}
