"""The course: claims that the notebooks verify, and exercises that check themselves.

Notebooks import `claim`, `compare_guess` and `check` from here; the rest supports these three. In
reading order:

    claims.py           `claim` prints a sentence and whether it holds, and stops the page if not
    guesses.py          `compare_guess` shows an answer once the reader has written down a guess
    checking.py         `check` prints one line about an answer and returns a `Verdict`
    cards.py            `exercise` and `exercises`: what is asked for, without the answers
    verdicts.py         `Verdict`: status, points, what was found, and the diagnosis
    judge.py            from an answer to its verdict
    outcomes.py         calls an answer so that nothing it does can stop the check
    time_limit.py       stops code of others when its time is up
    plain.py            lists, tensors and fractions become arrays
    comparing.py        whether two results are equal, up to rounding
    diagnoses.py        which known mistake gives the results that an answer gave
    common_mistakes.py  mistakes that can be made in any exercise: signs, factors, axes, shifts
    showing.py          arguments and results as short text
    records.py          `Exercise`: the key, the cases and the misconceptions of an exercise
    worlds.py           motors, fields, a policy and a collector, which some answers are given
    ex00_... ex11_      the records of notebooks 00 to 11
    shared.py           functions that several of these modules share
"""

from pg_edu.course.cards import Card, exercise, exercises
from pg_edu.course.checking import NotCorrect, check
from pg_edu.course.claims import ClaimError, claim
from pg_edu.course.guesses import compare_guess
from pg_edu.course.verdicts import Verdict

__all__ = [
    "Card",
    "ClaimError",
    "NotCorrect",
    "Verdict",
    "check",
    "claim",
    "compare_guess",
    "exercise",
    "exercises",
]
