"""`assign`: make notebooks to hand out, and solved ones, from the pages of the course."""

import argparse
from pathlib import Path
from typing import Any

from pg_edu.runs.commands.messages import files_in, progress_bar


def add_parser(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser(
        "assign",
        allow_abbrev=False,
        help="make notebooks to hand out as coursework",
        description="Make notebooks for students, without outputs and solutions, and solved ones. "
        "A file that is there already is never replaced.",
    )
    parser.set_defaults(command=_run)
    parser.add_argument("out", type=Path, help="a folder, created if it does not exist")
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="PAGE",
        help="the pages, such as 02 04 deeper/02 (all of them)",
    )
    parser.add_argument(
        "--format",
        choices=["plain", "nbgrader"],
        default="plain",
        help="nbgrader: the folder of a course for nbgrader (plain)",
    )
    parser.add_argument(
        "--variant",
        type=int,
        metavar="SEED",
        help="change what the exercises ask for, so that public solutions are wrong",
    )
    parser.add_argument(
        "--execute", action="store_true", help="run the solved notebooks and keep what they print"
    )


def _run(arguments: argparse.Namespace) -> int:
    # The other commands do not need the exercises.
    from pg_edu.coursework import assigning, nbgrader
    from pg_edu.coursework.pages import find_pages

    pages, out, variant = find_pages(arguments.only), arguments.out, arguments.variant
    if arguments.format == "nbgrader":
        if arguments.execute:
            raise ValueError("--execute is for --format plain; nbgrader runs notebooks itself.")
        return _write_for_nbgrader(out, nbgrader.course(out, pages, variant))
    files = assigning.course(out, pages, variant)
    assigning.write_new(files)
    if arguments.execute:
        for page in progress_bar(iterable=pages, desc="solved notebooks"):
            assigning.execute(out / "solved" / f"{page.name}.ipynb")
    meanings = {
        "student/": f"{len(pages)} notebooks to hand out",
        "solved/": "the same with answers; keep them to yourself",
        "points.csv": "the exercises with their points and versions",
    }
    print(files_in(out, meanings))
    return 0


def _write_for_nbgrader(out: Path, files: dict[Path, bytes]) -> int:
    from pg_edu.coursework import assigning

    assigning.write_new(files)
    meanings = {
        "source/": "a folder for each page, with solutions and hidden tests",
        "nbgrader_config.py": "the settings; run nbgrader's commands in this folder",
        "points.csv": "the exercises with their points and versions",
    }
    print(files_in(out, meanings))
    print(
        "nbgrader runs its tests where the student's code runs, so they can be faked. Marks that "
        "count come from: pg-edu mark"
    )
    return 0
