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
