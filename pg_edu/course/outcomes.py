"""Calling a reader's answer so that nothing it does can stop the check.

An answer may raise, print, change its arguments, call sys.exit, or never end. It is called in a
thread of its own, with copies of the arguments, within a time limit. The expected results are
computed elsewhere, so they are in no frame that the answer can see.
"""

import contextlib
import dis
import inspect
import linecache
import os
import random
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from pg_edu.course.plain import first_line, plain, type_name
from pg_edu.course.time_limit import TimeIsUp, finishes_within

SECONDS = 1.5  # for all calls of one answer together
LEAST = 0.1  # seconds that a later round of calls gets when the first one has taken long

Observe = Callable[[tuple[Any, ...], Any], dict[str, Any]]


@dataclass
class Budget:
    """The time that is left for an answer. It is shared by all rounds of calls.

    Args:
        left: seconds.
    """

    left: float = SECONDS

    def __post_init__(self) -> None:
        self.given = self.left

    def spend(self, seconds: float) -> None:
        """Take off the seconds of a round; one that took longer has imported something."""
        if seconds < self.left:
            self.left = max(self.left - seconds, LEAST)


@dataclass(frozen=True)
class Outcome:
    """The outcome of one call of an answer.

    Args:
        observed: what is compared, by name, as plain arrays.
        problem: what went wrong if there is nothing to compare; empty otherwise.
        attempted: False if the answer is still the stub.
    """

    observed: dict[str, Any] = field(default_factory=dict)
    problem: str = ""
    attempted: bool = True


def the_result(arguments: tuple[Any, ...], result: Any) -> dict[str, Any]:
    """Return what most exercises compare: the result alone."""
    return {"": result}


def loss_and_gradient(arguments: tuple[Any, ...], result: Any) -> dict[str, Any]:
    """Return a loss and its gradient with respect to the first argument, which requires one."""
    gradient = None
    if isinstance(result, torch.Tensor) and result.requires_grad and result.numel() == 1:
        gradient = torch.autograd.grad(result.sum(), arguments[0], allow_unused=True)[0]
    return {"the loss": result, "its gradient": gradient}


def outcomes(
    answer: Callable[..., Any],
    cases: Sequence[tuple[Any, ...]],
    observe: Observe = the_result,
    budget: Budget | None = None,
) -> list[Outcome]:
    """Call an answer with copies of all cases, and return its outcomes up to the first problem.

    Args:
        answer: the answer, a function.
        cases: the arguments of each call.
        observe: what is compared, from the arguments and the result.
        budget: the time that is left; SECONDS if it is not given.
    """
    budget = budget or Budget()
    with undisturbed():
        copies = [deepcopy(tuple(case)) for case in cases]
    found: list[Outcome] = []

    def work() -> None:
        for arguments in copies:
            found.append(_outcome(answer, arguments, observe))
            if found[-1].problem or not found[-1].attempted:
                return

    begin = time.perf_counter()
    with undisturbed():
        finished = finishes_within(budget.left, work)
    budget.spend(time.perf_counter() - begin)
    if not finished:  # The answer may have caught TimeIsUp and gone on.
        late = Outcome(problem=f"it has not finished after {budget.given:g} seconds.")
        return [*found[: len(cases) - 1], late]
    return _complete(found, len(cases))


def _complete(found: list[Outcome], wanted: int) -> list[Outcome]:
    """Return the outcomes of all cases, or of those up to the first problem, which comes last.

    An answer that has ended too soon has raised TimeIsUp itself, or an exception that cannot be
    described.
    """
    seen = found[:wanted]
    stopped = bool(seen) and bool(seen[-1].problem or not seen[-1].attempted)
    if len(seen) < wanted and not stopped:
        seen.append(Outcome(problem="it raised something that cannot be described."))
    return seen


def expected_outcomes(
    key: Callable[..., Any], cases: Sequence[tuple[Any, ...]], observe: Observe = the_result
) -> list[Outcome]:
    """Call a function of ours with copies of all cases, without a limit; return its outcomes."""
    found = []
    with undisturbed():
        for case in cases:
            arguments = deepcopy(tuple(case))
            observed = observe(arguments, key(*arguments))
            found.append(Outcome({name: plain(value) for name, value in observed.items()}))
    return found


def _outcome(answer: Callable[..., Any], arguments: tuple[Any, ...], observe: Observe) -> Outcome:
    try:
        result = answer(*arguments)
        if result is None:
            return _nothing_returned(answer)
        return Outcome({name: plain(v) for name, v in observe(arguments, result).items()})
    except NotImplementedError:
        return Outcome(attempted=False, problem="it raised NotImplementedError, like the stub.")
    except TimeIsUp:
        raise
    except BaseException as error:  # sys.exit and KeyboardInterrupt, too, are the answer's own.
        return raised(error, answer)


def raised(error: BaseException, answer: Callable[..., Any]) -> Outcome:
    """Return the outcome of a call of an answer that has raised an exception."""
    try:
        if isinstance(error, TypeError) and _comes_from_the_call(error):
            return Outcome(problem=f"the call itself failed: {_words(error)}")
        return Outcome(problem=_described(error, answer))
    except Exception:  # The error or the answer is of a class whose own methods raise.
        return Outcome(problem=type_name(error))


def _nothing_returned(answer: Callable[..., Any]) -> Outcome:
    if _is_empty(answer):
        return Outcome(attempted=False)
    return Outcome(problem="your function returned None. Is its `return` missing?")


def _is_empty(answer: Callable[..., Any]) -> bool:
    """Return whether the body of a function is only `pass`, `...` or a docstring."""
    if not inspect.isfunction(answer):
        return False
    done = {"RESUME", "NOP", "LOAD_CONST", "LOAD_COMMON_CONSTANT", "RETURN_CONST", "RETURN_VALUE"}
    return all(instruction.opname in done for instruction in dis.get_instructions(answer))


def _comes_from_the_call(error: BaseException) -> bool:
    """Return whether no line of the answer was reached: it was called with other arguments."""
    trace = error.__traceback__
    return trace is not None and trace.tb_next is None


def _described(error: BaseException, answer: Callable[..., Any]) -> str:
    """Return an exception as text in one line, with the line of the answer that raised it."""
    text = f"{type_name(error)}: {_words(error)}".removesuffix(": ")
    line = _line_of(error, answer)
    return f"{text} (in the line `{line}`)" if line else text


def _words(error: BaseException) -> str:
    """Return the first line of an exception's message, shortened."""
    return first_line(error, 160)


def _line_of(error: BaseException, answer: Callable[..., Any]) -> str:
    """Return the innermost line in the file of the answer, or "" if it is not known."""
    code = getattr(answer, "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if code is not None and f.filename == code.co_filename]
    if not own or own[-1].lineno is None:
        return ""
    return linecache.getline(own[-1].filename, own[-1].lineno).strip()[:100]


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Show nothing that an answer prints, and put back the global settings that it may change.

    The modes in which the reader has left NumPy, torch and warnings do not count meanwhile.
    """
    put_back = _global_settings()
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.device("cpu"),
    ):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            for change, value in put_back:
                change(value)


def _global_settings() -> list[tuple[Callable[[Any], Any], Any]]:
    """Return functions that change a global setting, each with the present value."""
    settings: list[tuple[Callable[[Any], Any], Any]] = [
        (sys.setrecursionlimit, sys.getrecursionlimit()),
        (random.setstate, random.getstate()),
        (np.random.set_state, np.random.get_state()),
        (torch.set_rng_state, torch.get_rng_state()),
        (torch.set_default_dtype, torch.get_default_dtype()),
        (torch.set_num_threads, torch.get_num_threads()),
        (torch.set_deterministic_debug_mode, torch.get_deterministic_debug_mode()),
    ]
    with contextlib.suppress(OSError):  # The directory may have been deleted.
        settings.append((os.chdir, os.getcwd()))
    return settings
