"""`mark`: mark the notebooks of a class."""

import argparse
import importlib.util
import os
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pg_edu.runs.commands.messages import progress_bar

if TYPE_CHECKING:
    from pg_edu.coursework.marking.feedback import Row
    from pg_edu.coursework.marking.journal import Journal
    from pg_edu.coursework.marking.marking import Options
    from pg_edu.coursework.marking.whole_class import Task

NEEDED = ("IPython", "ipykernel", "jinja2", "jupyter_client", "psutil", "zmq")


def add_parser(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser(
        "mark",
        allow_abbrev=False,
        help="mark the notebooks of a class",
        description="Run each submitted notebook in a kernel without keys, judge its answers "
        "outside of it, and write a table of marks, a page of feedback for each student, and a "
        "summary. Submissions are never changed. Started again, it goes on where it was stopped.",
    )
    parser.set_defaults(command=_run)
    parser.add_argument("submissions", type=Path, help="a folder of notebooks, or a zip file")
    _add_options(parser)


def _add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--out", type=Path, default=Path("marks.csv"), metavar="FILE", help="(marks.csv)")
    add("--seed", type=int, help="decides the hidden cases (a secret one)")
    add("--workers", type=int, default=os.cpu_count() or 1, metavar="N", help="(all cores)")
    add("--variant", type=int, metavar="SEED", help="that of `assign`, if variants were given")
    add("--only", nargs="+", default=[], metavar="EXERCISE", help="such as 02.1 02.2")
    add("--capstone", action="store_true", help="mark the four parts of the capstone")
    add("--whole", action="store_true", help="run all cells of each notebook")
    add("--seconds", type=float, default=15.0, help="for the cells of a notebook (15)")
    add("--memory", type=int, default=2000, metavar="MB", help="for a notebook (2000)")


def _run(arguments: argparse.Namespace) -> int:
    _check_system()
    _check(arguments)
    # The other commands need nothing of this.
    from pg_edu.coursework.capstone.parts import NAMES
    from pg_edu.coursework.marking.journal import Journal
    from pg_edu.coursework.marking.submissions import find_submissions
    from pg_edu.coursework.marking.whole_class import make_tasks

    only = NAMES if arguments.capstone else arguments.only
    tasks = make_tasks(find_submissions(arguments.submissions), only)
    folder = arguments.out.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    journal = Journal(folder / "journal.jsonl")
    options = _options(arguments, journal)
    hidden = _hidden(arguments.submissions, arguments.out)
    rows = _mark(tasks, options, journal, arguments.workers, hidden)
    sandbox = _sandbox(hidden)
    _write(arguments.out, rows, sandbox)
    _print(arguments.out, options, rows, sandbox)
    return 0


def _hidden(submissions: Path, out: Path) -> list[Path]:
    """Return what notebooks must not read: the submissions, the marks, and solutions near them."""
    import pg_edu.types
    from pg_edu.coursework.marking.strip import solutions_near

    clone = Path(pg_edu.types.__file__).parent.parent
    near = [Path.cwd(), submissions.absolute().parent, out.absolute().parent, clone]
    return [submissions, out, out.with_suffix(""), *solutions_near(near)]


def _mark(
    tasks: "list[Task]", options: "Options", journal: "Journal", workers: int, hidden: list[Path]
) -> "list[Row]":
    """Mark the tasks with a progress bar, and return a row for each exercise."""
    from pg_edu.coursework.marking.feedback import Row
    from pg_edu.coursework.marking.kernels import CannotStart
    from pg_edu.coursework.marking.whole_class import mark_class

    try:
        with progress_bar(total=len(tasks), unit="notebook") as bar:
            marks = mark_class(tasks, options, journal, workers, hidden, bar.update)
    except CannotStart as error:
        raise ValueError(f"{error} Run it again, with --workers 1.") from error
    return [
        Row(task.submission.student, task.submission.file, mark)
        for task, own in zip(tasks, marks, strict=True)
        for mark in own
    ]


def _check_system() -> None:
    """Check that the system can do what marking needs.

    Raises:
        ValueError: it is Windows, or a package is missing.
    """
    if not hasattr(os, "fork"):
        raise ValueError("mark needs Linux or macOS. On Windows run it in WSL or in a container.")
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(
            f"mark needs {', '.join(missing)}. Install it with: "
            "python -m pip install 'pg-edu[coursework]'"
        )


def _check(arguments: argparse.Namespace) -> None:
    from pg_edu.coursework.marking.records import exercise_record

    for name in ("workers", "seconds", "memory"):
        if not 0 < getattr(arguments, name) < 1e6:
            raise ValueError(f"--{name} is {getattr(arguments, name)}; it must be positive.")
    if arguments.out.suffix != ".csv":
        raise ValueError(f"--out is {arguments.out}; name a file that ends in .csv, for the table.")
    if arguments.capstone and (arguments.only or arguments.variant is not None):
        raise ValueError("--capstone says what is marked: leave out --only and --variant.")
    if arguments.seed is not None and arguments.seed < 0:
        raise ValueError(f"--seed is {arguments.seed}; it must not be negative.")
    for number in arguments.only:
        exercise_record(number, None)


def _options(arguments: argparse.Namespace, journal: "Journal") -> "Options":
    from pg_edu.coursework.marking.limits import Limits
    from pg_edu.coursework.marking.marking import Options

    seed = journal.seed if arguments.seed is None else arguments.seed
    seed = secrets.randbits(32) if seed is None else seed
    if seed != journal.seed:
        journal.keep_seed(seed)
    limits = Limits(seconds=arguments.seconds, memory=arguments.memory)
    return Options(seed, arguments.variant, arguments.whole, limits)


def _write(out: Path, rows: "list[Row]", sandbox: str) -> None:
    """Write the table, the feedback and the summary."""
    from pg_edu.coursework.marking.feedback import write_feedback
    from pg_edu.coursework.marking.summary import write_summary
    from pg_edu.coursework.marking.table import write_table

    folder = out.with_suffix("")
    write_table(out, [(row.student, row.file, row.mark) for row in rows])
    write_feedback(folder / "feedback", rows)
    write_summary(folder, rows, sandbox)


def _sandbox(hidden: list[Path]) -> str:
    """Return what keeps notebooks apart on this system, in one sentence."""
    from pg_edu.coursework.marking.sandbox import best_sandbox
    from pg_edu.coursework.marking.strip import hidden_places

    with tempfile.TemporaryDirectory(prefix="mark-") as name:
        base = Path(name)
        package, work = base / "package", base / "work"
        package.mkdir()
        work.mkdir()
        return best_sandbox(package, work, hidden_places(hidden, base)).says


def _print(out: Path, options: "Options", rows: "list[Row]", sandbox: str) -> None:
    folder = out.with_suffix("")
    students = len({row.student for row in rows})
    flags = sum(bool(row.mark.flag) for row in rows)
    unmarked = sum(row.mark.verdict == "not marked" for row in rows)
    print(f"{students} students, {len(rows)} marks, {flags} flags, {unmarked} not marked")
    print(f"{out}, {folder / 'summary.html'}, {folder / 'feedback'} (seed {options.seed})")
    print(sandbox)
