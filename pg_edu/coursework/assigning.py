"""Make the notebooks that are handed out, without solutions, and the solved ones."""

import csv
import io
import json
import os
import re
import subprocess
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from textwrap import indent
from typing import Any

from pg_edu.course.cards import HEADING, exercise
from pg_edu.course.records import record
from pg_edu.coursework.pages import HINT, SOLUTION, STUB, Cell, Page, Task, parts
from pg_edu.coursework.twists import NewNumbers, Twist
from pg_edu.coursework.variants import chosen_twist
from pg_edu.runs.files import write_file
from pg_edu.runs.notebook_folder import find_notebooks

ON_THE_PAGE = "as_on_the_page"
YOUR_VERSION = "**Your version.**"
ABOUT_THE_PAGE = "*(This leaves out the change in your version. Make that as well.)*\n\n"
# How a page imports `check`: as the only name, or as the first of several.
IMPORT = re.compile(
    r"^from pg_edu\.course import check\n+|(?<=^from pg_edu\.course import )check, ", re.MULTILINE
)


def student(page: Page, variant: int | None) -> dict[str, Any]:
    """Return the notebook that a student gets: no outputs, no solutions, points on the cards.

    Args:
        page: the page.
        variant: the seed of the variant; None: the exercises as they are on the page.
    """
    notebook = without_outputs(page, variant)
    for task in page.tasks:
        folds = notebook["cells"][task.folds]
        folds["source"] = SOLUTION.sub("", folds["source"])
    return notebook


def solved(page: Page, variant: int | None) -> dict[str, Any]:
    """Return the notebook with an answer in the place of each stub, and no outputs.

    Args:
        page: the page.
        variant: the seed of the variant; None: the exercises as they are on the page.
    """
    notebook = without_outputs(page, variant)
    for task in page.tasks:
        stub = notebook["cells"][task.stub]
        stub["source"] = answered(task, stub["source"], variant)
    return notebook


def without_outputs(page: Page, variant: int | None) -> dict[str, Any]:
    """Return the notebook without outputs, with points on its cards and the variant's tasks."""
    metadata = {**page.notebook["metadata"], "pg_edu": {"page": page.name, "variant": variant}}
    cells = [_without_output(cell) for cell in page.notebook["cells"]]
    for cell in cells:
        cell["source"] = HEADING.sub(_with_points, cell["source"])
    if variant is not None:
        _use_variant(cells, variant)
    for task in page.tasks:
        twist = chosen_twist(task.number, variant)
        if isinstance(twist, Twist):
            _state_change(cells, task, twist)
        elif twist is not None:
            _replace_numbers(cells, task, twist)
    return {**page.notebook, "metadata": metadata, "cells": cells}


def _without_output(cell: Cell) -> Cell:
    """Return a copy of a cell; its pictures, which may be large, are not copied."""
    copied = {**cell, "metadata": deepcopy(cell["metadata"])}
    if cell["cell_type"] == "code":
        copied["outputs"], copied["execution_count"] = [], None
    return copied


def _with_points(heading: re.Match[str]) -> str:
    points = record(heading["number"]).points
    plural = "" if points == 1 else "s"
    difficulty = f"minutes, {heading['difficulty']};"
    return heading[0].replace(difficulty, f"{difficulty[:-1]}, {points} point{plural};")


def _use_variant(cells: Sequence[Cell], variant: int) -> None:
    """Take `check` from the variant, in the cell that installs the package."""
    for cell in cells:
        cell["source"] = IMPORT.sub("", cell["source"])
    setup = next(cell for cell in cells if "setup" in cell["metadata"].get("tags", []))
    setup["source"] += (
        "\n\nfrom pg_edu.coursework.variants import check_variant\n\n"
        f"check = check_variant({variant})  # the exercises of your version"
    )


def _state_change(cells: Sequence[Cell], task: Task, twist: Twist) -> None:
    """Write the change of a twist below the task, into the stub, and above the hints."""
    text = max(i for i in range(task.heading, task.stub) if cells[i]["cell_type"] == "markdown")
    cells[text]["source"] += f"\n\n{YOUR_VERSION} {twist.sentence}"
    stub = cells[task.stub]
    for old, new in twist.renamed.items():
        stub["source"] = re.sub(rf"\b{old}\b", new, stub["source"])
    folds = cells[task.folds]
    for fold in (HINT, SOLUTION):
        folds["source"] = fold.sub(_about_the_page, folds["source"])


def _about_the_page(fold: re.Match[str]) -> str:
    return fold[0].replace(fold[1], f"{ABOUT_THE_PAGE}{fold[1]}")


def _replace_numbers(cells: Sequence[Cell], task: Task, twist: NewNumbers) -> None:
    """Write other numbers into the task and into its hints, and leave the solution out."""
    before, heading, after = cells[task.heading]["source"].partition(f"### Exercise {task.number} ")
    cells[task.heading]["source"] = before + heading + _replaced(after, twist)
    folds = cells[task.folds]
    folds["source"] = SOLUTION.sub("", folds["source"])
    folds["source"] = HINT.sub(lambda hint: _replaced(hint[0], twist), folds["source"])


def _replaced(text: str, twist: NewNumbers) -> str:
    for old, new in twist.replaced:
        text = text.replace(old, new)
    return text


def answered(task: Task, stub: str, variant: int | None) -> str:
    """Return the cell of a stub with the answer in it.

    Args:
        task: the exercise.
        stub: the source of the cell.
        variant: the seed of the variant, or None.
    """
    if STUB not in stub:
        return stub.replace(f"{task.name} = None", value(task, variant))
    before, body = function(task, stub, variant)
    filled = re.sub(rf"^ *{STUB}.*$", lambda _: indent(body, "    "), stub, flags=re.MULTILINE)
    return f"{before}\n\n\n{filled}" if before else filled


def value(task: Task, variant: int | None) -> str:
    """Return the code of the answer to an exercise that asks for a value."""
    twist = chosen_twist(task.number, variant)
    return f"{task.name} = {twist.solution}" if twist is not None else task.answer


def function(task: Task, stub: str, variant: int | None) -> tuple[str, str]:
    """Return the answer to an exercise that asks for a function: what comes before it, its body.

    Args:
        task: the exercise.
        stub: the cell of the stub.
        variant: the seed of the variant, or None.
    """
    page = parts(task.answer, task.name)
    twist = chosen_twist(task.number, variant)
    if twist is None:
        return page.before, page.body
    if "{page}" not in twist.solution:
        return "", twist.solution
    before = re.sub(rf"\b{task.name}\b", ON_THE_PAGE, task.answer)
    call = f"{ON_THE_PAGE}({', '.join(page.parameters)})"
    return before, twist.solution.replace("{page}", call)


def course(out: Path, pages: Sequence[Page], variant: int | None) -> dict[Path, bytes]:
    """Return the files to hand out and to keep, by their paths.

    Args:
        out: the folder for them; students' notebooks are in `student`, solved ones in `solved`.
        pages: the pages.
        variant: the seed of the variant, or None.
    """
    files = {out / "points.csv": table(pages, variant)}
    for page in pages:
        files[out / "student" / f"{page.name}.ipynb"] = as_bytes(student(page, variant))
        files[out / "solved" / f"{page.name}.ipynb"] = as_bytes(solved(page, variant))
    for name, data in shown_pictures(pages).items():
        files[out / "student" / name] = files[out / "solved" / name] = data
    return files


def write_new(files: dict[Path, bytes]) -> None:
    """Write files, none of which may exist.

    Raises:
        ValueError: one of them exists; nothing is written.
        OSError: a file cannot be written.
    """
    taken = [path for path in files if os.path.lexists(path)]
    if taken:
        raise ValueError(f"{taken[0]} exists already and may hold your work. Name another folder.")
    for path, data in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, data)


def execute(path: Path) -> None:
    """Run a notebook where it is, and keep what its cells print and draw.

    Raises:
        ValueError: nbclient is not installed, or a cell raised an error.
    """
    try:
        import nbformat
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError
    except ImportError as error:
        raise ValueError("--execute needs nbclient: python -m pip install jupyter") from error
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}
    )
    try:
        client.execute(stderr=subprocess.DEVNULL)
    except CellExecutionError as error:
        raise ValueError(f"{path}: {error.ename}: {error.evalue}") from error
    text = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    write_file(path, f"{text}\n".encode())


def as_bytes(notebook: dict[str, Any]) -> bytes:
    """Return a notebook as the bytes of its file."""
    text = json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True)
    return (text + "\n").encode()


def table(pages: Sequence[Page], variant: int | None) -> bytes:
    """Return a table of the exercises as CSV: points, and what the variant asks for."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["page", "exercise", "title", "minutes", "points", "version"])
    for page in pages:
        for task in page.tasks:
            card, twist = exercise(task.number), chosen_twist(task.number, variant)
            version = twist.name if twist is not None else "as on the page"
            row = [page.name, card.number, card.title, card.minutes, card.points, version]
            rows.writerow(row)
    return text.getvalue().encode()


def shown_pictures(pages: Sequence[Page]) -> dict[str, bytes]:
    """Return the files of the pictures that pages show, by their paths beside the pages."""
    sources = [cell["source"] for page in pages for cell in page.notebook["cells"]]
    folder = find_notebooks()
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.glob("pictures/*"))]
    shown = [name for name in names if any(name in source for source in sources)]
    return {name: (folder / name).read_bytes() for name in shown}
