"""`notebooks`: copy the notebooks out of the package, to work on them anywhere."""

import argparse
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pg_edu.runs.commands.messages import quoted
from pg_edu.runs.files import write_file
from pg_edu.runs.notebook_folder import find_notebooks


def add_parser(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser(
        "notebooks",
        allow_abbrev=False,
        help="copy the notebooks into a folder",
        description="Copy the notebooks of the course into a folder of yours. A file that is there "
        "already is never replaced.",
    )
    parser.set_defaults(command=_run)
    parser.add_argument("folder", type=Path, help="created if it does not exist")


def _run(arguments: argparse.Namespace) -> int:
    try:
        count = copy_notebooks(arguments.folder)
    except OSError as error:
        raise ValueError(f"{error.filename}: {error.strerror}. Name another folder.") from error
    folder = quoted(arguments.folder)
    print(f"{count} notebooks are in {folder}. Begin with 00_quickstart: jupyter lab {folder}")
    if importlib.util.find_spec("jupyterlab") is None:
        print("JupyterLab is not installed here. To install it: python -m pip install jupyterlab")
    return 0


def copy_notebooks(folder: Path) -> int:
    """Copy the notebooks and their pictures into a folder; return the number of notebooks.

    Raises:
        ValueError: a file of that name is there already.
        OSError: a file cannot be written. In both cases nothing is copied.
    """
    source = find_notebooks()
    pages = [*sorted(source.glob("*.ipynb")), *sorted(source.glob("deeper/*.ipynb"))]
    files = [path.relative_to(source) for path in pages]
    pictures = [path.relative_to(source) for path in sorted(source.glob("pictures/*"))]
    taken = [file for file in files + pictures if os.path.lexists(folder / file)]
    if taken:
        raise ValueError(
            f"{folder / taken[0]} exists already and may hold your work. Name another folder."
        )
    for file in files + pictures:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
    _copy_all_or_none(source, folder, files + pictures)
    return len(files)


def _copy_all_or_none(source: Path, folder: Path, files: Sequence[Path]) -> None:
    copied: list[Path] = []
    try:
        for file in files:
            copied.append(folder / file)
            write_file(folder / file, (source / file).read_bytes())
    except BaseException:  # The next call would take the copies for the user's work.
        for path in copied:
            path.unlink(missing_ok=True)
        raise
