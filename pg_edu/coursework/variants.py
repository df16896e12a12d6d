"""Variants: the exercises as one class, or one student, gets them.

A variant is a number, the seed. For each exercise it picks one of its twists (`twists.py`). So two
variants share some exercises, but no variant of a twisted exercise is solved by the public page.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from hashlib import sha256
from typing import Any

from pg_edu.course.checking import NotCorrect
from pg_edu.course.judge import judge
from pg_edu.course.records import Exercise, record
from pg_edu.course.verdicts import Verdict, current_cell
from pg_edu.coursework.new_numbers import NEW_NUMBERS
from pg_edu.coursework.twists import NewNumbers, Twist
from pg_edu.coursework.twists_01_to_05 import TWISTS as FIRST_HALF
from pg_edu.coursework.twists_06_to_09 import TWISTS as SECOND_HALF

TWISTS: dict[str, tuple[Twist | NewNumbers, ...]] = {**FIRST_HALF, **SECOND_HALF, **NEW_NUMBERS}


def varied_record(number: str, variant: int | None) -> Exercise:
    """Return the record of an exercise in a variant.

    Args:
        number: the number of the exercise, such as "02.1".
        variant: the seed of the variant; None: the exercise as the public page asks it.

    Raises:
        ValueError: there is no exercise with this number.
    """
    page = record(number)
    twist = chosen_twist(number, variant)
    return page if twist is None else turned_record(page, twist)


@cache
def turned_record(page: Exercise, twist: Twist | NewNumbers) -> Exercise:
    """Return the record of an exercise with this twist."""
    return twist.record(page)


def chosen_twist(number: str, variant: int | None) -> Twist | NewNumbers | None:
    """Return the twist of an exercise in a variant, or None if it is that of the public page."""
    twists = TWISTS.get(number, ())
    if variant is None or not twists:
        return None
    # Python's own generators may draw otherwise in another version; a hash stays what it is.
    drawn = int(sha256(f"{variant} {number}".encode()).hexdigest(), 16)
    return twists[drawn % len(twists)]


def check_variant(variant: int) -> Callable[..., Verdict]:
    """Return the `check` of a variant, for its notebooks.

    Args:
        variant: the seed of the variant.

    Example:
        >>> check = check_variant(7)
        >>> check("02.1", None).status
        ○ 02.1 not attempted yet
        'not attempted'
    """

    def check(number: str, answer: Any, strict: bool = False) -> Verdict:
        """Do what `pg_edu.course.check` does, with the exercises of the variant."""
        verdict = judge(varied_record(number, variant), answer)
        verdict = replace(verdict, _cell=current_cell())
        print(verdict)
        if strict and not verdict.correct:
            raise NotCorrect(verdict)
        return verdict

    return check
