"""The command line, `pg-edu` or `python -m pg_edu`, and its commands.

Each command has a file here, which parses its arguments, calls the rest of the package, and writes
and prints the results. The commands share the other files:

    options.py        an option for each setting of a run
    folders.py        the folders of runs, and the checkpoints in them
    interrupts.py     the signals that stop a command
    user_modules.py   modules that the user names, such as my_agent:MyPolicy
    messages.py       what is printed

`train` leaves in the folder of its run:

    checkpoint.pt         the state of the run; `evaluate` and `train --resume` read it
    run.csv               a row for each iteration
    learning_curve.png
    agent.png             the agent before and after training, an animation

`sweep` leaves in its folder:

    ENV-...-seed0.pt ...  a checkpoint of each run
    table.csv             a row for each setting
    curves.png            the learning curves, with intervals over the seeds

Each file is written as a whole or not at all, and two runs never write to the same folder.

Exit status: 0 success; 1 a probe or a run of a sweep failed; 2 the command is impossible, or the
environment or the disk failed, and one line says what to do; 130 stopped by Ctrl-C, SIGTERM or a
closed terminal, after the run, or the finished runs of a sweep, were saved.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NoReturn

import torch

from pg_edu.runs.commands import assign, evaluate, mark, notebooks, probe, sweep, train
from pg_edu.runs.commands.interrupts import stopped_by_signals
from pg_edu.runs.commands.messages import (
    fail,
    flush_stdout,
    program,
    reason,
    silence,
    spell_what_cannot_be_encoded,
)
from pg_edu.runs.environment_errors import EnvironmentFailed
from pg_edu.runs.starting import INTERRUPTED, open_closed_streams


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    Args:
        argv: the arguments; None: those of the process.

    Raises:
        SystemExit: an argument is wrong (status 2), or --help was asked for (status 0).
    """
    open_closed_streams()
    spell_what_cannot_be_encoded()
    try:
        with stopped_by_signals():
            return _run(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:  # It came between two lines of `_run` that expect one.
        return INTERRUPTED
    finally:
        flush_stdout()


def _run(argv: Sequence[str]) -> int:
    arguments = make_parser().parse_args(argv)
    arguments.typed = shlex.join(argv)
    torch.set_num_threads(1)  # Networks as small as these are slower on several threads.
    try:
        status: int = arguments.command(arguments)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return fail("stopped", INTERRUPTED)
    except BrokenPipeError:  # The reader of the pipe, such as `head`, has ended.
        silence(sys.stdout)
        return 1
    except OSError as error:
        advice = "Choose another place with --out." if error.filename is not None else ""
        return fail(f"{reason(error)}. {advice}")
    except (ValueError, EnvironmentFailed) as error:
        return fail(str(error))
    except MemoryError as error:
        return fail(reason(error))


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; it sets `command` to what runs the chosen command."""
    parser = _Parser(prog=program(), description="REINFORCE in the environments of Gymnasium.")
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(
        required=True, metavar="train | sweep | evaluate | probe | notebooks | assign | mark"
    )
    for command in (train, sweep, evaluate, probe, notebooks, assign, mark):
        command.add_parser(commands)
    return parser


def _version() -> str:
    try:
        own = version("pg-edu")
    except PackageNotFoundError:  # A folder on the path is no installed package.
        own = "(not installed)"
    return f"pg-edu {own}, torch {torch.__version__}"


class _Parser(argparse.ArgumentParser):
    """A parser that reports a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(fail(f"{message}. All options: {self.prog} --help"))

    def parse_known_args(self, *args: Any, **kwargs: Any) -> tuple[Any, list[str]]:
        """Report unknown arguments here, so that the line names the help of the right command."""
        namespace, unknown = super().parse_known_args(*args, **kwargs)
        if unknown:
            self.error(f"unrecognized arguments: {shlex.join(unknown)}")
        return namespace, unknown
