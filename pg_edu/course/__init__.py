"""The course: claims that the notebooks verify, and exercises that check themselves.

Notebooks import `claim` and `check` from here; the rest supports these two. In reading order:

    claims.py        `claim` prints a sentence and whether it holds, and stops the notebook if not
    exercises.py     `Exercise`, and `check`, which prints one line about an answer
    ex01_... ex11_   the exercises of notebooks 01 to 11: answers, cases, and known mistakes
    shared.py        functions that several of these modules share
"""

from pg_edu.course.claims import ClaimError, claim
from pg_edu.course.exercises import Exercise, check, exercise, exercises

__all__ = ["ClaimError", "Exercise", "check", "claim", "exercise", "exercises"]
