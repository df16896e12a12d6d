"""A claim prints one line if it holds, and stops the notebook if it does not."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pg_edu.course import ClaimError, claim, claims


def test_a_true_claim_prints_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    claim("water is wet", True)
    assert capsys.readouterr().out == "✓ water is wet\n"


def test_a_false_claim_prints_its_line_and_raises(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ClaimError, match="✗ water is dry"):
        claim("water is dry", False)
    assert capsys.readouterr().out == "✗ water is dry\n"


def test_a_false_claim_raises_even_if_asserts_are_switched_off() -> None:
    """The module is compiled as `python -O` would compile it."""
    source = Path(claims.__file__).read_text(encoding="utf-8")
    module: dict[str, Any] = {"__name__": "claims"}
    exec(compile(source, "claims.py", "exec", optimize=1), module)
    with pytest.raises(module["ClaimError"]):
        module["claim"]("water is dry", False)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (499.3149, "499.3"),
        (0.28171817, "0.2817"),
        (-0.0, "0"),
        (np.float32(2.5), "2.5"),
        (1234567, "1234567"),
        (np.int64(1234567), "1234567"),
        (Fraction(1, 3), "1/3"),
        ("CartPole-v1", "CartPole-v1"),
    ],
)
def test_values_are_shown_after_the_sentence(
    value: object, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    claim("it holds", np.True_, mean=value, steps=3)
    assert capsys.readouterr().out == f"✓ it holds (mean = {shown}, steps = 3)\n"


@pytest.mark.parametrize(
    "holds", [float("nan"), 1, None, "yes", np.array([True, True]), torch.tensor(True)]
)
def test_anything_but_a_truth_value_is_an_error(holds: object) -> None:
    with pytest.raises(
        TypeError, match=f"of type {type(holds).__name__}, but must be True or False"
    ):
        claim("it holds", holds)  # type: ignore[arg-type]


# What a false claim shows


def message(error: pytest.ExceptionInfo[ClaimError]) -> str:
    return str(error.value)


def test_a_false_claim_says_that_an_edit_or_a_second_run_may_be_the_cause() -> None:
    with pytest.raises(ClaimError) as error:
        claim("water is dry", False)
    assert message(error) == (
        "✗ water is dry. If you edited this page, or ran a cell twice, that may be the cause: "
        "restart the kernel and run all cells."
    )


def test_a_false_claim_shows_the_variables_of_its_expression(
    capsys: pytest.CaptureFixture[str],
) -> None:
    share = 0.75
    limit = np.array([0.63, 0.66])
    with pytest.raises(ClaimError):
        claim("two steps hold most of the weight", bool(limit[0] < share < limit[1]))
    assert capsys.readouterr().out == (
        "✗ two steps hold most of the weight (limit = [0.63, 0.66], share = 0.75)\n"
    )


def test_variables_are_found_in_a_call_of_several_lines_with_other_letters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    γ, steps = 0.5, torch.arange(9)
    with pytest.raises(ClaimError):
        claim(
            "Σ γᵗ is at most γ ✓",
            γ >= sum(γ for _ in steps),
            gamma=γ,
        )
    assert "(gamma = 0.5, γ = 0.5, steps = array of shape [9])" in capsys.readouterr().out


def test_values_that_are_given_are_not_shown_twice(capsys: pytest.CaptureFixture[str]) -> None:
    share = 0.75
    with pytest.raises(ClaimError):
        claim("it is small", share < 0.5, share=share)
    assert capsys.readouterr().out == "✗ it is small (share = 0.75)\n"


def test_nothing_is_evaluated_again(capsys: pytest.CaptureFixture[str]) -> None:
    calls: list[int] = []
    with pytest.raises(ClaimError):
        claim("it is counted once", len(calls := [*calls, 1]) > 1)
    assert calls == [1]


def test_a_claim_whose_source_is_not_known_shows_only_what_it_is_given() -> None:
    with pytest.raises(ClaimError, match=r"^✗ one is two\. If you edited"):
        exec("one = 1\nclaim('one is two', one == 2)", {"claim": claim})


def test_a_true_claim_does_not_look_at_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    share = 0.75
    claim("it is large", share > 0.5)
    assert capsys.readouterr().out == "✓ it is large\n"


def test_a_false_claim_in_a_notebook_shows_its_numbers() -> None:
    """A cell is no file, but IPython keeps its source where tracebacks look for it."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    shell.run_cell("from pg_edu.course import claim\nx = 3")
    result = shell.run_cell("claim('x is 4', x == 4)", silent=True)
    assert "✗ x is 4 (x = 3). If you edited" in str(result.error_in_exec)


@pytest.mark.parametrize(
    "call",
    [
        "claim(*('it is 4', number == 4))",
        "claim('it is 4', *[number == 4])",
        "claim('it is 4', **{'holds': number == 4})",
        "claim(holds=number == 4, sentence='it is 4')",
        "partial(claim, 'it is 4')(number == 4)",
        "[claim('it is 4', number == 4) for _ in range(2)]",
        "(lambda: claim('it is 4', number == 4))()",
    ],
)
def test_a_false_claim_shows_its_numbers_in_any_form_of_call(call: str) -> None:
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    shell.run_cell("from functools import partial\nfrom pg_edu.course import claim\nnumber = 3")
    result = shell.run_cell(call, silent=True)
    assert "✗ it is 4 (number = 3)" in str(result.error_in_exec)


class NoText:
    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (torch.zeros(2, device="meta"), "<Tensor>"),
        (torch.eye(2).to_sparse(), "<Tensor>"),
        (torch.ones(2).bfloat16(), "[1., 1.]"),
        (torch.tensor([1j]).conj().imag, "[-1.]"),
        (10**5000, "<int>"),
        (NoText(), "<NoText>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_without_a_text_does_not_hide_the_claim(value: object, shown: str) -> None:
    with pytest.raises(ClaimError) as error:
        claim("it holds", False, value=value)
    assert message(error).startswith(f"✗ it holds (value = {shown})")
    claim("it holds", True, value=value)
