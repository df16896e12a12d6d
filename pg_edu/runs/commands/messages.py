"""Make what the commands print: their own name, errors, progress bars, lists of files."""

import errno
import io
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from pg_edu.runs.environment_errors import EnvironmentFailed, described
from pg_edu.runs.stops import stops_delayed
from pg_edu.runs.training import Result

PRINTING = (errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EBADF, errno.EPIPE)
"""The errors of an output that cannot be written: its disk is full, or its terminal is gone."""


def program() -> str:
    """Return the command that started this process, as the user can type it in this folder."""
    script = Path(os.path.abspath(sys.argv[0]))
    if script.stem == "pg-edu":
        return _typable(script, "pg-edu")
    return f"{_typable(Path(sys.executable), 'python')} -m pg_edu"


def _typable(path: Path, name: str) -> str:
    """Return the name if the shell finds the path by it, otherwise the path."""
    with suppress(FileNotFoundError):  # Somebody may have deleted the working folder.
        if path.is_relative_to(Path.cwd()):
            return os.path.relpath(path)
    found = shutil.which(name)
    return name if found is not None and _is_same(Path(found), path) else str(path)


def _is_same(found: Path, path: Path) -> bool:
    """Tell whether two paths are the same program of the same virtual environment."""
    if found.parent != path.parent:
        return False
    # On Windows the shell finds pg-edu.exe, which calls itself pg-edu. python3 is a link to python.
    return found.stem == path.stem or (path.exists() and found.samefile(path))


def fail(message: str, status: int = 2) -> int:
    """Print the message as one line to stderr and return the exit status.

    If stderr cannot be written (its disk is full, or its terminal is gone), the line goes to
    stdout.
    """
    line = f"pg_edu: {' '.join(message.split())}"
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        silence(sys.stderr)
        with suppress(OSError):
            print(line, flush=True)
    return status


def spell_what_cannot_be_encoded() -> None:
    """Let stdout print a letter that its encoding lacks as an escape sequence, as stderr does."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def flush_stdout() -> None:
    """Write what stdout still holds; let it disappear if that is impossible."""
    try:
        sys.stdout.flush()
    except OSError:
        silence(sys.stdout)


def silence(stream: TextIO) -> None:
    """Let what is written to this stream disappear, with what it still holds.

    Otherwise Python would try to write it when the process ends, and change the exit status.
    """
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def reason(error: Exception) -> str:
    """Return what the error says; that of a file with the file's name.

    The commands write to files, whose errors have names, print, and start processes.
    """
    if isinstance(error, OSError) and error.strerror is not None:
        subject = "the output cannot be printed" if error.errno in PRINTING else "the system says"
        return f"{error.filename or subject}: {error.strerror}"
    if isinstance(error, MemoryError):
        return f"there is not enough memory. {error}".rstrip(". ")
    if isinstance(error, RuntimeError) and not isinstance(error, EnvironmentFailed):
        return described(error).split("\n")[0]  # Torch appends the lines of its own code.
    return str(error).rstrip(". ") or type(error).__name__


def quoted(word: Path | str) -> str:
    """Return the path or the text as one word of the shell."""
    return shlex.quote(word.as_posix() if isinstance(word, Path) else word)


def progress(result: Result) -> str:
    """Return how far the run has come, as text."""
    updates = sum(iteration.loss is not None for iteration in result.history)
    return f"{updates} updates, {result.env_steps:,} environment steps"


def files_in(folder: Path, meanings: Mapping[str, str]) -> str:
    """Return a line for the folder and one for each file in it, with what it holds."""
    lines = [f"  {name:<20}{meaning}" for name, meaning in meanings.items()]
    return "\n".join([f"In {folder}:", *lines])


def progress_bar(**settings: Any) -> Any:
    """Return a tqdm bar, which is updated less often if it is not shown in a terminal."""
    from tqdm import tqdm  # type: ignore[import-untyped]

    seconds = 0.1 if sys.stderr.isatty() else 10
    with stops_delayed():  # If a bar is half made, Python shows an error of its __del__.
        return tqdm(dynamic_ncols=True, mininterval=seconds, file=Stderr(), **settings)


class Stderr:
    """A stderr that falls silent at the first error, as no run should end because of its bar."""

    def write(self, text: str) -> None:
        """Write the text if that is possible."""
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:
            silence(sys.stderr)

    def flush(self) -> None:
        """Do nothing, because `write` has flushed."""

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)
