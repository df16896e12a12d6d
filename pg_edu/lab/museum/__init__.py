"""The museum of pitfalls: wrong lines that run, each beside a right one and what tells them apart.

    check(wrong).passes is False,    check(right).passes is True

What is measured depends on the kind of the pitfall:

    biased            E[g] - ∇J and the angle between them, by enumeration or quadrature
    scale             the factor c in E[g] = c ∇J
    noisy             the variance, at the same expectation
    wrong objective   what E[g] climbs instead
    numerical         a number that is lost, against the exact one
    measurement       what is reported, against what was to be measured
    belief            no code: a sentence, and a computation that contradicts it

Each kind is a module here; biased is two, sums and rows. **To add an entry**, write in the module
of its kind

1. the wrong version and the right one: two small functions with the same arguments, that run;
2. a check: a function of either version that returns a `Verdict`, made of exact numbers (a small
   world of `pg_edu.lab.exact`; quadrature; fractions), within a fraction of a second;
3. the computation behind its nuance, which returns a `Verdict` that passes;
4. a `Pitfall` at module level, under any name, that names them and says what people believe, in
   one sentence, where that is half true, and who found out.

It is then in `PITFALLS`, the tests try it (`tests/test_10_pitfalls.py`; add a figure to `FIGURES`
there, from a computation of your own), and `show` of notebook 10 prints it. For a new kind, add it
to `Kind` in `entry.py` and its module to `ROOMS` here.

Example:
    >>> for version, verdict in PITFALLS["mean over steps"].verdicts().items():
    ...     print(f"{version:<9} {verdict}")
    wrong     ✗ update of stop / q = 0.4; with 8 episodes = -0.4713; truth = -1.4
    right     ✓ update of stop / q = -1.4; with 8 episodes = -1.4; truth = -1.4
    half true ✓ scale if all have 3 steps = 0.3333; cosine then = 1
"""

from pg_edu.lab.museum import (
    belief,
    biased,
    biased_rows,
    measurement,
    noisy,
    numerical,
    scale,
    wrong_objective,
)
from pg_edu.lab.museum.entry import Kind, Pitfall, Verdict

__all__ = ["PITFALLS", "Kind", "Pitfall", "Verdict"]

ROOMS = (biased, biased_rows, scale, noisy, wrong_objective, numerical, measurement, belief)
PITFALLS: dict[str, Pitfall] = {
    entry.name: entry
    for room in ROOMS
    for entry in vars(room).values()
    if isinstance(entry, Pitfall)
}
