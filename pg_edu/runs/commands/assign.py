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
    pages = "the pages, such as 02 04 deeper/02 (all of them)"
    parser.add_argument("--only", nargs="+", default=[], metavar="PAGE", help=pages)
    formats = "nbgrader: the folder of a course for nbgrader (plain)"
    parser.add_argument("--format", choices=["plain", "nbgrader"], default="plain", help=formats)
    variant = "change what the exercises ask for, so that public solutions are wrong"
    parser.add_argument("--variant", type=int, metavar="SEED", help=variant)
    capstone = "the capstone alone: its page with stubs and the rubric of the report"
    parser.add_argument("--capstone", action="store_true", help=capstone)
    executed = "run the solved notebooks and keep what they print"
    parser.add_argument("--execute", action="store_true", help=executed)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.capstone:
        return _write_capstone(arguments)
    if arguments.format == "plain":
        return _write_plain(arguments)
    if arguments.execute:
        raise ValueError("--execute is for --format plain; nbgrader runs notebooks itself.")
    return _write_for_nbgrader(arguments)


def _write_capstone(arguments: argparse.Namespace) -> int:
    from pg_edu.coursework import assigning
    from pg_edu.coursework.capstone import handout

    others = (arguments.only, arguments.execute, arguments.format == "nbgrader")
    if any(others) or arguments.variant is not None:
        raise ValueError("--capstone says what is written: leave out all other options.")
    out = arguments.out
    assigning.write_new(handout.files(out))
    meanings = {
        "student/": "the page to hand out, with stubs, the interface and the rubric",
        "points.csv": "the parts with their points",
    }
    print(files_in(out, meanings))
    print("Mark the four parts of what comes back with: pg-edu mark SUBMISSIONS --capstone")
    return 0


def _write_plain(arguments: argparse.Namespace) -> int:
    from pg_edu.coursework import assigning  # The other commands do not need the exercises.
    from pg_edu.coursework.pages import find_pages

    pages, out = find_pages(arguments.only), arguments.out
    assigning.write_new(assigning.course(out, pages, arguments.variant))
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


def _write_for_nbgrader(arguments: argparse.Namespace) -> int:
    from pg_edu.coursework import assigning, nbgrader
    from pg_edu.coursework.pages import find_pages

    pages, out = find_pages(arguments.only), arguments.out
    assigning.write_new(nbgrader.course(out, pages, arguments.variant))
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
