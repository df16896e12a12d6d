"""Classes of submissions, made from the answers that were written for the tests of the course."""

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pg_edu.coursework.marking.names import names_in, needed, statements
from pg_edu.coursework.marking.pages import asked, exercises_of
from pg_edu.runs.notebook_folder import find_notebooks
from tests.course import answers

FOLDER = Path(answers.__file__).parent
RIGHT, WRONG = "correct", "wrong"


@dataclass(frozen=True)
class Written:
    """An answer as a student would type it, and whether it is right."""

    exercise: str
    status: str
    code: str


@cache
def written(notebook: str) -> list[Written]:
    """Return the answers to the exercises of a notebook, such as "02", as code."""
    source = (FOLDER / f"answers_{notebook}.py").read_text(encoding="utf-8")
    found = statements(0, source)
    helpers = [s for s in found if not {"right", "wrong"} & (s.uses | s.binds)]
    helpers = [
        s for s in helpers if not (isinstance(s.node, ast.FunctionDef) and s.node.decorator_list)
    ]
    return [
        Written(exercise, status, "\n".join([*_what_it_needs(helpers, code), code]))
        for exercise, status, code in _answers(ast.parse(source))
    ]


def _what_it_needs(helpers: list[Any], code: str) -> list[str]:
    (own,) = statements(0, code)
    return [ast.unparse(s.node) for s in needed(helpers, own.uses)]


def _answers(module: ast.Module) -> Iterator[tuple[str, str, str]]:
    """Yield the exercise, the status and the code of each answer in a module."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            call = node.decorator_list[0]
        elif isinstance(node, ast.Expr):
            call = node.value
        else:
            continue
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            continue
        status = {"right": RIGHT, "wrong": WRONG}.get(call.func.id)
        if status is None:
            continue
        exercise = ast.literal_eval(call.args[0])
        name = asked()[exercise].expression
        if isinstance(node, ast.FunctionDef):
            node.name, node.decorator_list = name, []
            yield exercise, status, ast.unparse(node)
        else:
            yield exercise, status, f"{name} = {ast.unparse(call.args[2])}"


def original(page: str) -> dict[str, Any]:
    """Return an original page as JSON."""
    path = find_notebooks() / f"{page}.ipynb"
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def answered(page: str, given: dict[str, str]) -> bytes:
    """Return a page with the code of some answers in the cells above their checks."""
    notebook = original(page)
    for before, cell in zip(notebook["cells"], notebook["cells"][1:], strict=False):
        for number, code in given.items():
            if "".join(cell["source"]).startswith(f'check("{number}"'):
                before["source"] = code
    return json.dumps(notebook).encode()


def cells(*sources: str) -> bytes:
    """Return a notebook with these cells of code, without ids and without metadata."""
    return json.dumps({"cells": [{"cell_type": "code", "source": s} for s in sources]}).encode()


def make_class(page: str, size: int) -> list[tuple[bytes, dict[str, str]]]:
    """Return notebooks of a page, each with the verdicts that its answers should get."""
    number = page.split("/")[-1][:2]
    by_exercise = {
        exercise: [answer for answer in written(number) if answer.exercise == exercise]
        for exercise in exercises_of([page])
    }
    found = []
    for student in range(size):
        own = {e: known[student % len(known)] for e, known in by_exercise.items()}
        code = {exercise: answer.code for exercise, answer in own.items()}
        found.append((answered(page, code), {e: answer.status for e, answer in own.items()}))
    return found


__all__ = ["Written", "answered", "cells", "make_class", "names_in", "original", "written"]
