"""The exercise that a submission is marked by: plain, or in the variant that was handed out."""

from functools import cache

from pg_edu.course.records import Exercise
from pg_edu.coursework.variants import varied_record


@cache
def exercise_record(number: str, variant: int | None) -> Exercise:
    """Return the record of an exercise.

    Args:
        number: such as "02.1".
        variant: the seed of the variant that was handed out; None if it was the plain one.

    Raises:
        ValueError: there is no such exercise.
    """
    return varied_record(number, variant)
