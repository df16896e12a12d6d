"""`check`: one line about an answer."""

from dataclasses import replace
from typing import Any

from pg_edu.course.judge import judge
from pg_edu.course.records import record
from pg_edu.course.verdicts import Verdict, current_cell


class NotCorrect(AssertionError):
    """The error that a strict check raises if the answer is not correct.

    Args:
        verdict: the verdict, also as the attribute `verdict`.
    """

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(str(verdict))
        self.verdict = verdict


def check(number: str, answer: Any, strict: bool = False) -> Verdict:
    """Print one line about an answer, and return the verdict.

    The line says that the exercise is not attempted yet, or that the answer is correct, or in
    which case it fails first and, for a known mistake, what the mistake is. An answer cannot stop
    the check: whatever it raises is reported, what it prints is not shown, and if it takes too
    long it is stopped.

    Args:
        number: the number of the exercise, such as "02.1".
        answer: the reader's function, or the predicted value; None means not attempted.
        strict: whether to raise if the answer is not correct, for programs that mark.

    Raises:
        ValueError: there is no exercise with this number.
        NotCorrect: `strict` is True and the answer is not correct.

    Example:
        >>> def returns(rew, gamma):
        ...     raise NotImplementedError
        >>> verdict = check("02.1", returns)
        ○ 02.1 not attempted yet
        >>> verdict.points
        0
    """
    verdict = replace(judge(record(number), answer), _cell=current_cell())
    print(verdict)
    if strict and not verdict.correct:
        raise NotCorrect(verdict)
    return verdict
