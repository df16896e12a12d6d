"""The course: claims that notebooks prove, and exercises that check themselves."""

from pg_edu.course.claims import ClaimError, claim
from pg_edu.course.exercises import Exercise, check, exercise, exercises

__all__ = ["ClaimError", "Exercise", "check", "claim", "exercise", "exercises"]
