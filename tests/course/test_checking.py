"""`check`: one line about any answer whatsoever, and never a traceback."""

import asyncio
import itertools
import os
import subprocess
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from importlib import import_module
from types import FrameType
from typing import Any

import numpy as np
import pytest
import torch

from pg_edu.course import NotCorrect, check, verdicts
from pg_edu.course.judge import judge
from pg_edu.course.outcomes import SECONDS, loss_and_gradient
from pg_edu.course.records import (
    Exercise,
    Expectation,
    Extreme,
    Misconception,
    all_draws,
    record,
)
from pg_edu.course.time_limit import TimeIsUp
from pg_edu.course.verdicts import CORRECT, NOT_ATTEMPTED, WRONG


def double(x):
    return 2 * np.asarray(x)


def random_case(rng):
    return (np.round(rng.normal(size=rng.integers(2, 6)), 1),)


DOUBLE = Exercise(
    "00.1",
    key=double,
    cases=[(np.array([1.0, -2.0]),), (np.array([3.0]),)],
    random=random_case,
    extremes=[
        Extreme((np.array([1e300, 1.0]),), "Large numbers get lost.", page="02 Large numbers")
    ],
    misconceptions=[Misconception("That is the square.", lambda x: x * x, page="02 Squares")],
    points=2,
)
PAIR = Exercise(
    "00.2",
    key=(0.25, 7.0),
    misconceptions=[Misconception("Those are swapped.", (7.0, 0.25), page="02 Order")],
    decimals=2,
)
COUNT = Exercise("00.3", key=150, misconceptions=[])


def line(answer: Any, exercise: Exercise = DOUBLE) -> str:
    return str(judge(exercise, answer))


# The line, the verdict, and the exception


def test_check_prints_one_line_and_returns_the_verdict(capsys):
    verdict = check("02.4", 150)
    assert capsys.readouterr().out == "✓ 02.4 correct\n"
    assert str(verdict) == repr(verdict) == "✓ 02.4 correct"
    assert verdict.correct and verdict.status == CORRECT
    assert verdict.points == verdict.possible > 0


def test_a_wrong_answer_earns_nothing_and_has_a_diagnosis():
    verdict = judge(DOUBLE, lambda x: x * x)
    assert not verdict.correct and verdict.status == WRONG
    assert (verdict.points, verdict.possible) == (0, 2)
    assert verdict.diagnosis == "That is the square. (notebook 02, “Squares”)"


@pytest.mark.parametrize("answer", [None, 149])
def test_a_strict_check_raises_with_the_verdict(answer, capsys):
    with pytest.raises(NotCorrect, match=r"02\.4") as error:
        check("02.4", answer, strict=True)
    assert capsys.readouterr().out == f"{error.value}\n"
    assert error.value.verdict.points == 0


def test_a_strict_check_of_a_right_answer_raises_nothing():
    assert check("02.4", 150, strict=True).correct


def test_an_unknown_number_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"no exercise '77\.7'; there are: 00\.1, 01\.1, "):
        check("77.7", 1)


def test_jupyter_shows_a_verdict_once_below_its_check_and_again_in_later_cells(capsys, monkeypatch):
    monkeypatch.setattr(verdicts, "current_cell", lambda: 5)
    monkeypatch.setattr("pg_edu.course.checking.current_cell", lambda: 5)
    verdict = check("02.4", 150)
    capsys.readouterr()
    verdict._ipython_display_()
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(verdicts, "current_cell", lambda: 6)
    verdict._ipython_display_()
    assert capsys.readouterr().out == "✓ 02.4 correct\n"


# The first case that fails


def test_the_first_failing_case_is_shown_with_the_expected_and_the_actual_result():
    assert line(lambda x: x + np.sign(x) * 0.25) == (
        "✗ 00.1 for (x=[1.0, -2.0]): expected [2.0, -4.0], got [1.25, -2.25]."
    )


def test_of_a_long_result_the_first_difference_is_shown():
    exercise = Exercise("00.1", double, [], cases=[(np.arange(40.0),)])
    assert line(lambda x: np.where(x == 7, 9.0, 2 * x), exercise).endswith(
        "expected 14.0 at [7], got 9.0."
    )


def test_a_case_that_only_a_random_draw_finds_is_reported():
    assert line(lambda x: 2 * x if len(x) < 4 else x).startswith("✗ 00.1 for (x=[")


def test_other_seeds_draw_other_cases():
    def right_for_seed_0(x):
        return 2 * x if any(np.array_equal(x, case) for case in seen) else x

    rng = np.random.default_rng(0)
    seen = [case for (case,) in [*DOUBLE.cases, *(random_case(rng) for _ in range(6))]]
    seen.append(DOUBLE.extremes[0].case[0])
    assert judge(DOUBLE, right_for_seed_0, seed=0).correct
    assert not judge(DOUBLE, right_for_seed_0, seed=1).correct


def test_an_answer_that_fails_only_in_an_extreme_case_gets_the_diagnosis_of_that_case():
    found = line(lambda x: np.float32(2) * x.astype(np.float32))
    assert found.endswith("Large numbers get lost. (notebook 02, “Large numbers”)")


@pytest.mark.parametrize("value", ["shape", "2-D"])
def test_right_numbers_in_the_wrong_shape_are_called_so(value):
    found = line(lambda x: 2 * x[:, None] if value == "shape" else 2 * x[None])
    assert found.endswith("The numbers are right, but the shape is not.")


# Diagnoses


def test_a_known_mistake_is_named_only_if_it_agrees_in_every_case():
    """The square of 2 is also twice 2, plus 0."""
    exercise = Exercise(
        "00.1",
        double,
        [Misconception("That is the square.", lambda x: x * x, page="02 Squares")],
        cases=[(np.array([3.0]),), (np.array([1.0, 5.0]),)],
    )
    assert "square" in line(lambda x: x**2, exercise)
    assert "square" not in line(lambda x: 3 * x, exercise)


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (lambda x: -2 * x, "The sign is reversed: this is minus the right result."),
        (lambda x: 4 * x, "This is twice the right result."),
        (lambda x: x, "This is half of the right result."),
        (lambda x: 2 * x * len(x), "This is the right result times x.shape[0]."),
        (lambda x: 2 * x / len(x), "This is the right result divided by x.shape[0]."),
        (lambda x: 2 * x[::-1], "The numbers stand in reverse order."),
        (lambda x: np.append(2 * x[1:], 0.0), "Everything stands one row too early."),
        (lambda x: np.append(0.0, 2 * x[:-1]), "Everything stands one row too late."),
        (lambda x: (2 * x).sum(), "This is the sum of the right results."),
        (lambda x: 2 * x.mean(), "This is the mean of the right results."),
        (lambda x: np.exp(2 * x), "The logarithm is missing: this is the exponential of the "),
        (lambda x: 1 - 2 * x, "This is 1 minus the right result."),
        (lambda x: np.trunc(2 * x), "The decimals are cut off: something along the way"),
        (lambda x: 2 * abs(x), "This is the absolute value of the right result: the sign is lost."),
        (lambda x: np.cumsum(2 * x), "The results were added up once more."),
        (lambda x: 2 * x - (2 * x).mean(), "The mean of the results was subtracted."),
        (lambda x: -x * x, "Two things. The sign is reversed. That is the square."),
        (lambda x: x * x / len(x), "Two things. The result is divided by x.shape[0]. That "),
        (lambda x: x * x * len(x), "Two things. The result is multiplied by x.shape[0]. That "),
        (lambda x: -x * x * len(x), "Three things. The sign is reversed. The result is mult"),
        (lambda x: 2 * x[None] + 0 * x[:, None], "The result is a table of all pairs"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_mistakes_that_can_be_made_anywhere_are_named(answer, named):
    assert named in line(answer)


def of_flags(rew, end, gamma):
    return np.where(end, rew, gamma * rew)


FLAGS = Exercise(
    "00.4",
    of_flags,
    [],
    cases=[
        (np.array([1.0, -3.0, 4.0]), np.array([False, True, False]), 0.5),
        (np.array([2.0, 5.0]), np.array([True, False]), 0.25),
    ],
)


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (lambda rew, end, gamma: gamma * rew, "if end were never True: end is not used."),
        (lambda rew, end, gamma: of_flags(rew, ~end, gamma), "for ~end: True and False are swap"),
        (
            lambda rew, end, gamma: of_flags(rew, np.append(False, end[:-1]), gamma),
            "if row t of end were row t - 1",
        ),
        (lambda rew, end, gamma: of_flags(rew, end, gamma**2), "for the square of gamma"),
        (lambda rew, end, gamma: of_flags(rew, end, 1 - gamma), "for 1 - gamma"),
        (lambda rew, end, gamma: of_flags(rew, end, gamma) * gamma, "times gamma."),
        (lambda rew, end, gamma: rew, "if end were always True."),
        (lambda rew, end, gamma: of_flags(abs(rew), end, gamma), "absolute value"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_right_results_for_other_arguments_are_named(answer, named):
    assert named in line(answer, FLAGS)


def test_an_answer_that_draws_is_told_that_its_results_differ():
    rng = np.random.default_rng(0)
    assert line(lambda x: 2 * x + rng.normal(size=len(x))).endswith(
        "Called twice with the same arguments, your function gives two results."
    )


def test_swapped_arguments_are_named():
    exercise = Exercise(
        "00.5", lambda a, b: a - 2 * b, [], cases=[(np.array([1.0, 5.0]), np.array([2.0, -3.0]))]
    )
    assert line(lambda a, b: b - 2 * a, exercise).endswith("The arguments a and b are swapped.")


# Values


@pytest.mark.parametrize(
    "answer",
    [
        (0.25, 7),
        [0.254, 6.996],
        (Fraction(1, 4), Decimal(7)),
        np.array([0.25, 7.0], np.float32),
        torch.tensor([0.25, 7.0], requires_grad=True),
    ],
    ids=repr,
)
def test_a_value_is_right_to_the_decimals_that_are_asked_for(answer):
    assert line(answer, PAIR) == "✓ 00.2 correct"


@pytest.mark.parametrize("answer", [(0.26, 7.0), (0.25,), (0.25, 7.0, 0.0), 0.25, (0.25, np.nan)])
def test_another_value_is_wrong_and_the_right_one_is_not_shown(answer):
    found = line(answer, PAIR)
    assert found.startswith("✗ 00.2 ") and found.endswith(" is not the answer.")


def test_a_known_wrong_value_gets_its_diagnosis():
    assert line([7, 0.25], PAIR).endswith("Those are swapped. (notebook 02, “Order”)")


def test_a_value_with_too_few_decimals_is_called_so():
    exercise = Exercise("00.2", 8 / 15, [], decimals=3)
    assert line(0.53, exercise).endswith("That is rounded too soon: give 3 decimals.")


@pytest.mark.parametrize(("answer", "right"), [(150.0, True), (150.4, False), (149, False)])
def test_a_whole_number_must_be_exact(answer, right):
    assert judge(COUNT, answer).correct is right


def test_a_number_in_quotes_is_told_to_lose_them():
    assert line("150", COUNT) == (
        "✗ 00.3 asks for a number, not for the text '150'. Write numbers without quotes."
    )


def test_a_function_in_place_of_a_value_is_called_so():
    assert line(double, COUNT) == "✗ 00.3 asks for a value, not for a function."


# Odd but right


@pytest.mark.parametrize(
    "convert",
    [
        list,
        tuple,
        deque,
        torch.as_tensor,
        lambda x: x.tolist(),
        lambda x: [Fraction(float(number)) for number in x],
        lambda x: torch.tensor(x, requires_grad=True),
        lambda x: list(torch.tensor(x, requires_grad=True)),
        lambda x: np.ma.masked_array(x),
    ],
)
def test_a_right_result_of_another_type_is_right(convert):
    assert line(lambda x: convert(2 * x)) == "✓ 00.1 correct"


def test_an_answer_may_change_its_arguments():
    def in_place(x):
        x *= 2
        return x

    before = DOUBLE.cases[0][0].copy()
    assert line(in_place) == line(in_place) == "✓ 00.1 correct"
    np.testing.assert_array_equal(DOUBLE.cases[0][0], before)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_a_single_number_may_come_in_an_array(shape):
    exercise = Exercise("00.1", lambda x: float(x.sum()), [], cases=[(np.array([1.0, 2.5]),)])
    assert line(lambda x: x.sum().reshape(shape), exercise) == "✓ 00.1 correct"


# Losses and their gradients


def loss(x):
    return (x**2).sum()


LOSS = Exercise(
    "00.6",
    loss,
    [],
    cases=[(torch.tensor([1.0, -2.0, 0.5], requires_grad=True),)],
    observe=loss_and_gradient,
)


@pytest.mark.parametrize(
    "detached", [lambda x: loss(x).detach(), lambda x: loss(x).item(), lambda x: loss(x.detach())]
)
def test_a_loss_without_a_gradient_is_wrong(detached):
    assert line(detached, LOSS).endswith("expected its gradient [2.0, -4.0, 1.0], got None.")


def test_a_loss_with_another_gradient_is_wrong():
    assert "its gradient" in line(lambda x: loss(x.detach()) + 0 * x.sum(), LOSS)


def test_a_loss_is_checked_even_if_the_reader_has_switched_gradients_off():
    with torch.no_grad():
        assert judge(LOSS, loss).correct


# Other unbiased estimates


def estimate(arms, pi):
    return np.eye(len(pi))[arms].mean(axis=0)


def batches(pi, draws):
    chosen = all_draws(len(pi), draws)
    cases = [(np.array(arms), np.array(pi)) for arms in chosen]
    return Expectation(cases, [np.prod(np.array(pi)[list(arms)]) for arms in chosen], pi)


FREQUENCY = Exercise(
    "00.7",
    estimate,
    [],
    cases=[(np.array([0, 2, 2]), np.array([0.5, 0.2, 0.3]))],
    expectations=[batches([0.5, 0.2, 0.3], 2), batches([0.6, 0.4], 3)],
)


def test_another_unbiased_estimate_is_right():
    first_only = judge(FREQUENCY, lambda arms, pi: np.eye(len(pi))[arms[0]])
    assert str(first_only) == "✓ 00.7 correct (another unbiased estimate than ours)"


def test_a_biased_estimate_is_wrong():
    assert not judge(FREQUENCY, lambda arms, pi: 0.9 * estimate(arms, pi)).correct


# Anything whatsoever


class Hostile:
    """Every attribute raises."""

    def __getattr__(self, name):
        raise RuntimeError("no")

    def __repr__(self):
        raise ValueError("no")


class Endless:
    """Every attribute that is looked up takes for ever, and so does the array."""

    def __getattr__(self, name):
        while True:
            pass

    def __array__(self, *arguments, **options):
        while True:
            pass

    def __call__(self, *arguments):
        return self


class Unsayable(Exception):
    def __str__(self):
        raise RuntimeError


def forgets_to_return(x):
    x * 2


def contains_itself(x):
    nested: list[Any] = []
    nested.append(nested)
    return nested


def raises(error: BaseException) -> Callable[..., Any]:
    def answer(*arguments):
        raise error

    return answer


def recurses(x):
    return recurses(x)


async def waits(x):
    await asyncio.sleep(0)


def yields(x):
    yield from x


ABSURD = {
    "a list with None": lambda x: [None],
    "an integer of 401 digits": lambda x: 10**400,
    "an integer of 5001 digits": lambda x: 10**5000,
    "a forgotten return": forgets_to_return,
    "a generator": yields,
    "a coroutine": waits,
    "an endless iterator": lambda x: itertools.count(),
    "a map": lambda x: map(float, x),
    "a text": lambda x: "2, 4",
    "bytes": lambda x: b"abc",
    "a set": lambda x: {1.0, 2.0},
    "a dict": lambda x: {0: 1.0},
    "a class": lambda x: int,
    "a module": lambda x: np,
    "the function itself": lambda x: double,
    "an ellipsis in a list": lambda x: [..., 1.0],
    "200 MB": lambda x: np.zeros(25_000_000),
    "a list of millions": lambda x: [0.0] * 3_000_000,
    "a long range": lambda x: range(10**9),
    "a list that contains itself": contains_itself,
    "a ragged list": lambda x: [[1.0], [1.0, 2.0]],
    "complex numbers": lambda x: 2j * x,
    "an empty array": lambda x: np.zeros(0),
    "many axes": lambda x: np.zeros((1,) * 20),
    "an array of objects": lambda x: np.array([object(), None]),
    "an array of texts": lambda x: np.array(["1", "2"]),
    "dates": lambda x: np.array(["2020-01-01"], "datetime64[D]"),
    "a sparse tensor": lambda x: torch.eye(2).to_sparse(),
    "a tensor without data": lambda x: torch.zeros(2, device="meta"),
    "NaN": lambda x: np.nan * x,
    "infinity": lambda x: np.inf * x,
    "a hostile object": lambda x: Hostile(),
    "an endless object": lambda x: Endless(),
    "an exception that is returned": lambda x: ValueError("no"),
    "an ordinary exception": raises(ValueError("no")),
    "an exception of several lines": raises(ValueError("no\n\nno")),
    "an exception that cannot be printed": raises(Unsayable()),
    "sys.exit": lambda x: sys.exit(1),
    "SystemExit": raises(SystemExit()),
    "KeyboardInterrupt": raises(KeyboardInterrupt()),
    "GeneratorExit": raises(GeneratorExit()),
    "StopIteration": raises(StopIteration()),
    "MemoryError": raises(MemoryError()),
    "BaseException": raises(BaseException("no")),
    "endless recursion": recurses,
    "too few parameters": lambda: 1.0,
    "too many parameters": lambda x, y: 1.0,
    "a class that is called": dict,
    "a builtin": len,
    "a printing function": lambda x: print("hello", x) or 3 * x,
    "warnings": lambda x: x / 0.0,
    "a changed argument": lambda x: x.fill(0.0) or x,
    "a resized argument": lambda x: x.resize(0) or x,
}


@pytest.mark.parametrize("answer", ABSURD.values(), ids=ABSURD.keys())
def test_an_absurd_answer_gets_one_line_within_two_seconds(answer, capsys, recwarn):
    begin = time.process_time()
    verdict = judge(DOUBLE, answer)
    assert time.process_time() - begin < 2.0
    assert verdict.status == WRONG
    assert "\n" not in str(verdict) and len(str(verdict)) < 500
    assert capsys.readouterr() == ("", "") and not recwarn.list


@pytest.mark.parametrize(
    "answer",
    [
        [None],
        10**400,
        "an answer",
        b"bytes",
        [],
        {},
        set(),
        np.zeros(25_000_000),
        range(10**9),
        Hostile(),
        Endless(),
        itertools.count(),
        np,
        int,
        object(),
        float("nan"),
        1j,
        [[1], [1, 2]],
        NotImplemented,
        torch.zeros(2, device="meta"),
    ],
    ids=lambda answer: type(answer).__name__,
)
@pytest.mark.parametrize("exercise", [DOUBLE, PAIR, COUNT], ids=lambda exercise: exercise.number)
def test_an_absurd_value_gets_one_line(answer, exercise):
    begin = time.process_time()
    verdict = judge(exercise, answer)
    assert time.process_time() - begin < 2.0
    assert verdict.status == WRONG
    assert "\n" not in str(verdict) and len(str(verdict)) < 500


def test_a_forgotten_return_is_named():
    assert line(forgets_to_return).endswith("your function returned None. Is its `return` missing?")


def test_a_generator_is_told_to_become_a_list():
    assert line(yields).endswith("got a generator. Make a list of it: list(...).")


def test_an_exception_is_shown_with_the_line_that_raised_it():
    def looks_too_far(x):
        return [x[i + 1] for i in range(len(x))]

    found = line(looks_too_far)
    assert "IndexError: index 2 is out of bounds" in found
    assert found.endswith("(in the line `return [x[i + 1] for i in range(len(x))]`)")


def test_a_call_with_other_arguments_is_reported_as_such():
    assert "the call itself failed: " in line(lambda: 1.0)


@pytest.mark.parametrize("body", ["pass", "...", "'''Only a docstring.'''"])
def test_an_empty_function_is_not_attempted(body):
    names: dict[str, Any] = {}
    exec(f"def empty(x):\n    {body}", names)
    assert judge(DOUBLE, names["empty"]).status == NOT_ATTEMPTED


def test_the_result_of_a_function_in_place_of_the_function_is_called_so():
    assert line(np.array([2.0, -4.0])) == (
        "✗ 00.1 asks for a function of (x), not for [2.0, -4.0]. Pass your function by its name."
    )


# The time limit


def loops(x):
    while True:
        pass


def catches_everything(x):
    while True:
        try:
            while True:
                pass
        except Exception:
            pass


def prints_for_ever(x):
    while True:
        print(x)


@pytest.mark.parametrize("answer", [loops, catches_everything, prints_for_ever])
def test_an_endless_loop_is_stopped_and_leaves_nothing_running(answer, capsys):
    before = threading.active_count()
    begin = time.process_time()
    assert line(answer).endswith(f"it has not finished after {SECONDS} seconds.")
    assert time.process_time() - begin < SECONDS + 0.5
    assert threading.active_count() == before
    assert capsys.readouterr() == ("", "")


def test_an_answer_is_not_late_because_the_processor_is_busy_with_others():
    """It takes 1.8 seconds on the clock, longer than the limit, and hardly any of the processor."""

    def waits(x):
        time.sleep(0.2)
        return 2 * x

    assert judge(DOUBLE, waits).correct


def test_an_answer_that_imports_a_large_package_gets_more_time(tmp_path, monkeypatch):
    (tmp_path / "a_large_package.py").write_text("import time\ntime.sleep(1.2 * 1.5)\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def imports(x):
        import_module("a_large_package")
        return 2 * x

    assert judge(DOUBLE, imports).correct
    del sys.modules["a_large_package"]


def test_a_call_that_cannot_be_stopped_gets_its_verdict_all_the_same():
    awake: list[int] = []

    def sleeps(x):
        time.sleep(8)
        awake.append(1)

    assert "not finished" in line(sleeps) and not awake


def test_ctrl_c_stops_the_answer_and_reaches_the_reader():
    code = (
        "import _thread, threading, sys\n"
        "from pg_edu.course import check\n"
        "def loops(rew, gamma):\n"
        "    while True: pass\n"
        "timer = threading.Timer(0.3, _thread.interrupt_main)\n"
        "timer.start()\n"
        "try:\n"
        "    check('02.1', loops)\n"
        "except KeyboardInterrupt:\n"
        "    timer.join()\n"
        "    print('interrupted', threading.active_count())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "interrupted 1\n", done.stderr


# What an answer cannot see, and cannot leave behind


def test_the_expected_result_is_in_no_frame_of_the_answer():
    expected = {id(DOUBLE), id(DOUBLE.key)}
    seen: list[Any] = []

    def looks_around(x):
        frame: FrameType | None = sys._getframe(1)
        while frame:
            for values in (frame.f_locals, frame.f_globals if frame.f_back is None else {}):
                seen.extend(values.values())
            frame = frame.f_back
        return x

    judge(DOUBLE, looks_around)
    assert seen
    assert not any(id(value) in expected or isinstance(value, Exercise) for value in seen)
    arrays = [value for value in seen if isinstance(value, np.ndarray)]
    assert not any(np.array_equal(value, [2.0, -4.0]) for value in arrays)


def test_an_answer_leaves_no_global_setting_behind():
    def meddles(x):
        torch.set_default_dtype(torch.float64)
        torch.manual_seed(1)
        np.random.seed(1)
        return 2 * x

    torch.manual_seed(7)
    np.random.seed(7)
    expected = torch.rand(2), np.random.rand()
    torch.manual_seed(7)
    np.random.seed(7)
    assert judge(DOUBLE, meddles).correct
    assert torch.get_default_dtype() == torch.float32
    assert torch.equal(torch.rand(2), expected[0]) and np.random.rand() == expected[1]


def test_what_an_answer_prints_is_not_shown(capfd):
    assert judge(DOUBLE, lambda x: print("hello") or 2 * x).correct
    assert capfd.readouterr().out == ""
    assert os.getcwd()


# More absurd answers


def at_call(number: int, act: Callable[[], Any]) -> Callable[..., Any]:
    """Return an answer that is right, except that its n-th call does something else first."""
    calls: list[int] = []

    def answer(x):
        calls.append(1)
        if len(calls) == number:
            act()
        return 2 * x

    return answer


def throws(error: BaseException) -> Callable[[], Any]:
    def throw() -> None:
        raise error

    return throw


class Exits(Exception):
    def __str__(self):
        raise SystemExit


class NamelessClass(type):
    @property
    def __name__(cls):  # type: ignore[override]
        raise RuntimeError("no")


class Nameless(Exception, metaclass=NamelessClass):
    pass


class EndlessNameClass(type):
    @property
    def __name__(cls):  # type: ignore[override]
        while True:
            pass


class EndlessName(metaclass=EndlessNameClass):
    pass


class Vast:
    """A single object, whose array has ten thousand million numbers."""

    def __array__(self, dtype=None, copy=None):
        return np.broadcast_to(0.0, (10**10,))


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize(
    "error",
    [TimeIsUp(), Exits(), Nameless(), NotImplementedError()],
    ids=lambda error: str(type(error)),
)
def test_an_answer_that_ends_too_soon_is_not_correct(error, number):
    expected = NOT_ATTEMPTED if number == 1 and isinstance(error, NotImplementedError) else WRONG
    assert judge(DOUBLE, at_call(number, throws(error))).status == expected


def catches_the_limit() -> None:
    try:
        while True:
            pass
    except BaseException:
        pass


@pytest.mark.parametrize("number", [1, 9])
def test_an_answer_that_goes_on_when_its_time_is_up_is_not_correct(number):
    assert "not finished" in line(at_call(number, catches_the_limit))


def test_all_calls_of_an_answer_share_one_time_limit():
    calls: list[int] = []

    def loops_after_all_cases(x):
        calls.append(1)
        while len(calls) > 9:
            pass
        return 17 * x + len(calls)

    begin = time.process_time()
    assert judge(DOUBLE, loops_after_all_cases).status == WRONG
    assert time.process_time() - begin < SECONDS + 0.7


@pytest.mark.parametrize("new", [np.zeros, torch.zeros])
def test_an_answer_may_return_one_array_again_and_again(new):
    kept: dict[int, Any] = {}

    def in_one_array(x):
        array = kept.setdefault(len(x), new(len(x), dtype=getattr(new(0), "dtype", None)))
        array[:] = 2 * x if new is np.zeros else torch.tensor(2 * x)
        return array

    exercise = Exercise("00.1", double, [], cases=[(np.array([1.0, 2.0]),), (np.ones(2),)])
    assert judge(exercise, in_one_array).correct


def test_an_array_that_is_filled_after_its_call_is_wrong():
    late: list[Any] = []

    def fills_later(x):
        for array, value in late:
            array[:] = value
        late.append((0 * x, 2 * x))
        return late[-1][0] if len(late) < 9 else 2 * x

    assert not judge(DOUBLE, fills_later).correct


@pytest.mark.parametrize(
    "convert",
    [
        lambda x: x.astype(str),
        lambda x: x.astype("S30"),
        lambda x: x.astype(str).astype(object),
        lambda x: x.astype([("a", float)]),
        lambda x: x.astype("timedelta64[s]"),
    ],
)
def test_texts_and_dates_are_no_numbers(convert):
    exercise = Exercise("00.1", double, [], cases=[(np.array([1.0, -2.0]),)])
    assert judge(exercise, lambda x: convert(2 * x)).status == WRONG


@pytest.mark.parametrize("answer", [np.array("150"), np.timedelta64(150, "s")])
def test_a_text_or_a_duration_is_no_value(answer):
    assert judge(COUNT, answer).status == WRONG


def conjugated(x):
    return torch.complex(torch.zeros(len(x)), -torch.tensor(x).float()).conj().imag


@pytest.mark.parametrize(
    "convert", [conjugated, lambda x: torch.tensor(x).bfloat16(), lambda x: x.astype(object)]
)
def test_a_right_result_of_a_rare_type_is_right(convert):
    exercise = Exercise("00.1", double, [], cases=[(np.array([1.0, -2.0]),)])
    assert judge(exercise, lambda x: convert(2 * x)).correct


def test_rows_of_unequal_lengths_may_come_in_an_array_of_objects():
    exercise = Exercise("00.1", lambda x: [x, x[:1]], [], cases=[(np.array([1.0, -2.0]),)])
    assert judge(exercise, lambda x: np.array([x, x[:1]], dtype=object)).correct
    assert judge(exercise, lambda x: np.zeros((10**10, 0))).status == WRONG


MORE = {
    "a million empty rows": lambda x: np.zeros((10**6, 0)),
    "empty rows without end": lambda x: torch.zeros(10**10, 0),
    "a vast object": lambda x: Vast(),
    "a class with a name of two lines": lambda x: type("A\nB", (), {})(),
    "a class without a name": lambda x: type("", (), {})(),
    "a class with a long name": lambda x: type("A" * 10**6, (), {})(),
    "an exception with a name of two lines": lambda x: raises(type("A\nB", (Exception,), {})())(),
    "an exception with a long name": raises(type("A" * 10**6, (Exception,), {})()),
    "a text that has no encoding": raises(ValueError("\ud800")),
    "control characters": raises(ValueError("\x1b[2J\x00\b")),
    "a check in an answer": lambda x: check("02.4", 150),
    "a long double": lambda x: np.longdouble(3 * x),
}


@pytest.mark.parametrize("answer", MORE.values(), ids=MORE.keys())
def test_a_more_absurd_answer_gets_one_printable_line(answer, capsys):
    begin = time.process_time()
    verdict = judge(DOUBLE, answer)
    assert time.process_time() - begin < 2.0
    assert verdict.status == WRONG
    assert str(verdict).isprintable() and len(str(verdict)) < 500
    assert "np." not in str(verdict)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("exercise", [DOUBLE, PAIR, COUNT], ids=lambda exercise: exercise.number)
@pytest.mark.parametrize(
    "answer", [Vast(), EndlessName(), np.zeros((10**9, 0))], ids=["vast", "endless", "empty"]
)
def test_a_more_absurd_value_gets_one_line(answer, exercise):
    begin = time.process_time()
    verdict = judge(exercise, answer)
    assert time.process_time() - begin < 2.0
    assert verdict.status == WRONG and len(str(verdict)) < 500


def test_an_answer_may_change_neither_the_directory_nor_the_recursion_limit():
    def meddles(x):
        os.chdir("/")
        for limit in range(5, 1000):
            try:
                sys.setrecursionlimit(limit + 25)
                break
            except RecursionError:
                pass
        return 2 * x

    before = os.getcwd(), sys.getrecursionlimit()
    assert judge(at_depth_of_the_test(), meddles).correct
    assert (os.getcwd(), sys.getrecursionlimit()) == before


def at_depth_of_the_test() -> Exercise:
    """Return an exercise with one case: a test runs far deeper than the limit of its answer."""
    return Exercise("00.1", double, [], cases=[(np.array([1.0, -2.0]),)])


def test_the_modes_of_the_reader_do_not_count():
    with (
        torch.inference_mode(),
        torch.device("meta"),
        np.errstate(all="raise"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error")
        assert judge(LOSS, loss).correct
        assert judge(LOSS, lambda x: -loss(x)).diagnosis
        assert judge(record("02.1"), record("02.1").key).correct
        assert judge(record("10.3"), record("10.3").key).correct


@pytest.mark.parametrize("number", [2.1, ["02.1"], None])
def test_a_number_that_is_no_text_is_an_error_that_lists_the_known_ones(number):
    with pytest.raises(ValueError, match="there are: 00"):
        check(number, 1)
