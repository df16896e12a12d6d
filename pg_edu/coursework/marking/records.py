"""The exercise that a submission is marked by: plain, in a variant, or a part of the capstone."""

from functools import cache

from pg_edu.course.records import Exercise
from pg_edu.coursework.capstone.parts import Training, parts
from pg_edu.coursework.variants import varied_record


@cache
def exercise_record(number: str, variant: int | None) -> Exercise | Training:
    """Return the record of an exercise.

    Args:
        number: such as "02.1"; or the name of a part of the capstone, such as "returns".
        variant: the seed of the variant that was handed out; None if it was the plain one.

    Raises:
        ValueError: there is no such exercise.
    """
    if number in parts():
        return parts()[number]
    return varied_record(number, variant)
