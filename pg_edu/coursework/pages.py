"""The pages of the course as cells, with the places of their exercises."""

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

from pg_edu.course.cards import HEADING
from pg_edu.runs.notebook_folder import find_notebooks

Cell = dict[str, Any]
STUB = "raise NotImplementedError"
FOLD = r"<details><summary>{}</summary>\n\n(.*?)\n\n</details>\n*"
SOLUTION = re.compile(FOLD.format("Solution"), re.DOTALL)
HINT = re.compile(FOLD.format("Hint [12]"), re.DOTALL)


@dataclass(frozen=True)
class Task:
    """An exercise on its page.

    Args:
        number: such as "02.1".
        name: what the reader's function or value is called.
        heading: the index of the cell with the heading; the task begins in it.
        stub: the index of the cell with the stub.
        check: the index of the cell that checks the answer.
        folds: the index of the cell with the hints and the solution.
        answer: the page's solution, as code.
    """

    number: str
    name: str
    heading: int
    stub: int
    check: int
    folds: int
    answer: str


@dataclass(frozen=True)
class Page:
    """A page of the course.

    Args:
        name: such as "02_returns" or "deeper/02_returns".
        notebook: the built notebook, as JSON has it.
        tasks: its exercises.
    """

    name: str
    notebook: dict[str, Any]
    tasks: Sequence[Task]


def find_pages(names: Sequence[str]) -> list[Page]:
    """Return the named pages in the order of the course, or all pages without a name.

    Args:
        names: "02" is the core page of notebook 02, and "deeper/02" its deeper page; a page may
            also be named in full, such as "02_returns".

    Raises:
        ValueError: there is no page with one of the names, or the notebooks were not found.
    """
    folder = find_notebooks()
    paths = [*sorted(folder.glob("[0-9][0-9]_*.ipynb")), *sorted(folder.glob("deeper/*.ipynb"))]
    known = {path.relative_to(folder).with_suffix("").as_posix(): path for path in paths}
    short = {name.split("_")[0]: name for name in known}
    unknown = [name for name in names if name not in known and name not in short]
    if unknown:
        raise ValueError(f"no page is called {unknown[0]!r}; there are: {', '.join(short)}.")
    chosen = {short.get(name, name) for name in names} or set(known)
    return [read_page(name, path) for name, path in known.items() if name in chosen]


def read_page(name: str, path: Path) -> Page:
    """Return a page from its built notebook."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    return Page(name, notebook, list(_tasks(notebook["cells"])))


def _tasks(cells: Sequence[Cell]) -> Iterator[Task]:
    for heading, cell in enumerate(cells):
        for match in HEADING.finditer(cell["source"]):
            number = match["number"]
            call = re.compile(rf'^check\("{number}", (\w+)\)', re.MULTILINE)
            check = next(i for i in range(heading, len(cells)) if call.search(cells[i]["source"]))
            name = _group(call.search(cells[check]["source"]))
            stub = next(i for i in range(heading, check) if _is_stub(cells[i], name))
            folds = next(i for i in range(check, len(cells)) if SOLUTION.search(cells[i]["source"]))
            fold = _group(SOLUTION.search(cells[folds]["source"]))
            answer = _group(re.search(r"```py\n(.*?)```", fold, re.DOTALL))
            yield Task(number, name, heading, stub, check, folds, answer.strip())


def _group(match: re.Match[str] | None) -> str:
    assert match is not None  # The tests of the pages check that every exercise has this form.
    return match[1]


def _is_stub(cell: Cell, name: str) -> bool:
    source = cell["source"]
    is_function = f"def {name}(" in source and STUB in source
    return cell["cell_type"] == "code" and (is_function or f"{name} = None" in source)


@dataclass(frozen=True)
class Parts:
    """The code of a function in parts.

    Args:
        before: statements that come before its definition.
        parameters: the names of its parameters.
        body: the lines of its body, not indented.
    """

    before: str
    parameters: Sequence[str]
    body: str


def parts(code: str, name: str) -> Parts:
    """Return the parts of the last function with this name in the code."""
    module = ast.parse(code)
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    function = [node for node in functions if node.name == name][-1]
    lines = code.splitlines()
    begin = function.body[0].lineno - 1
    while lines[begin - 1].lstrip().startswith("#"):  # a comment above the first statement
        begin -= 1
    body = dedent("\n".join(lines[begin : function.end_lineno]))
    before = "\n".join(lines[: function.lineno - 1]).rstrip()
    return Parts(before, [argument.arg for argument in function.args.args], body)
