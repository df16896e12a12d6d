"""Make what the commands print: their own name, errors, progress bars, lists of files."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pg_edu.runs.training import Result


def program() -> str:
    """Return the command that started this process, as the user can type it in this folder."""
    script = Path(os.path.abspath(sys.argv[0]))
    if script.stem == "pg-edu":
        return _typable(script, "pg-edu")
    return f"{_typable(Path(sys.executable), 'python')} -m pg_edu"


def _typable(path: Path, name: str) -> str:
    """Return the name if the shell finds the path by it, otherwise the path."""
    if path.is_relative_to(Path.cwd()):
        return os.path.relpath(path)
    found = shutil.which(name)
    # On Windows the shell finds pg-edu.exe, which calls itself pg-edu.
    is_found = found is not None and Path(found).with_suffix("") == path.with_suffix("")
    return name if is_found else str(path)


def fail(message: str, status: int = 2) -> int:
    """Print the message as one line to stderr and return the exit status."""
    print(f"pg_edu: {' '.join(message.split())}", file=sys.stderr)
    return status


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
    return tqdm(dynamic_ncols=True, mininterval=seconds, **settings)
