"""A guess is compared with the answer, and nothing is said about the answer before it is made."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pg_edu.course import compare_guess
from pg_edu.course.guesses import EMPTY


def said(capsys: pytest.CaptureFixture[str], guess: object, answer: object) -> str:
    compare_guess(guess, answer)
    return capsys.readouterr().out.strip()


@pytest.mark.parametrize("empty", [..., None])
def test_without_a_guess_the_answer_stays_hidden(
    empty: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, empty, 77.5).startswith("Write a guess")
    assert "77" not in said(capsys, empty, 77.5)


@pytest.mark.parametrize(
    ("guess", "answer", "begins"),
    [
        (4.05, 4.05, "Yes"),
        (4, 4.0153, "Yes"),  # half a percent
        (4, 4.05, "Close"),
        (-4, 4, "Not quite"),
        (3, 4, "Not quite"),
        (3.3, 4, "Close"),
        (0, 0.0, "Yes"),
        (0.001, 0, "Not quite"),
        (150, 149, "Close"),
        (float("nan"), 1, "Not quite"),
        (True, True, "Yes"),
        (False, True, "Not quite"),
        ([3, 2], (3, 2), "Yes"),
        ([3], (3, 1), "Not quite"),
        ((), (), "Yes"),
        (torch.Size([3, 2]), torch.Size([3, 2]), "Yes"),
        ([2, 3], torch.Size([3, 2]), "Not quite"),
        (np.array([1.0, 2.0]), [1, 2], "Yes"),
        (torch.tensor(4.0), np.float64(4), "Yes"),
        (" Left", "left", "Yes"),
        ("right", "left", "Not quite"),
    ],
)
def test_a_guess_is_told_how_close_it_is(
    guess: Any, answer: Any, begins: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, guess, answer).startswith(f"{begins}: ")


def test_a_wrong_guess_sees_both(capsys: pytest.CaptureFixture[str]) -> None:
    line = said(capsys, 1, np.array([0.75, 1.5]))
    assert line == "Not quite: you guessed 1, and it is [0.75, 1.5 ]."


@pytest.mark.parametrize(
    ("guess", "answer", "message"),
    [
        ("four", 4, "Write a number"),
        ("(3,)", (3,), "Write a list or a tuple"),
        (4, "left", "Write a word in quotes"),
        (lambda: 4, 4, "Write a number"),
    ],
)
def test_a_guess_of_another_kind_is_refused(guess: Any, answer: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        compare_guess(guess, answer)


def test_an_answer_is_recorded_only_for_a_page_that_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PG_EDU_RECORD", raising=False)
    compare_guess(..., 4.05)
    monkeypatch.setenv("PG_EDU_RECORD", str(tmp_path))
    for answer in (np.float32(2.5), "V", (3, 1)):
        compare_guess(..., answer)
    lines = (tmp_path / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["value"] for line in lines] == [2.5, "V", [3, 1]]
    assert capsys.readouterr().out == f"{EMPTY}\n" * 4
