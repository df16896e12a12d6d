"""Choose the folder that a command writes to, and find the checkpoint of a run."""

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from pg_edu.runs.checkpoint import load_checkpoint
from pg_edu.runs.commands.messages import program, quoted
from pg_edu.runs.files import LOCK, PART, claimed
from pg_edu.runs.training import Result

CHECKPOINT = "checkpoint.pt"


def load_run(path: Path) -> Result:
    """Return the result in this checkpoint file, or in the checkpoint of this folder.

    Raises:
        ValueError: the path does not lead to a run; the message says what to give instead.
    """
    is_sweep = any(path.glob("*-seed*.pt")) and not (path / CHECKPOINT).exists()
    if is_sweep:
        raise ValueError(f"{path} is the folder of a sweep. Give one of the .pt files in it")
    try:
        return load_checkpoint(path / CHECKPOINT if path.is_dir() else path)
    except OSError as error:
        raise ValueError(
            f"{error.filename or path}: {error.strerror}. Give the folder of a run, such as those "
            "in runs/, or its checkpoint.pt"
        ) from error


@contextmanager
def folder_for_run(env_id: str, out: Path | None, resume: Path | None) -> Iterator[Path]:
    """Choose where to write, and keep other processes out of it until the end of the block.

    It is the folder of the resumed run itself, or an empty or new one. A new one that is still
    empty at the end is removed.

    Args:
        env_id: the environment, which is part of the name of a new folder.
        out: the folder that the user has chosen, if any.
        resume: the folder or the checkpoint of the run to resume, if any.

    Raises:
        ValueError: the chosen folder is not empty, another process is writing to it, or none was
            chosen although one is needed.
        OSError: the folder cannot be written.
    """
    own = _own_folder(resume)
    if own is not None and (out is None or out.resolve() == own.resolve()):
        with claimed(own):
            yield own
    elif out is not None:
        _check_empty(out)
        with claimed(out):
            _check_empty(out)  # A run that had the folder until now may have left files.
            yield out
    elif resume is not None:
        raise ValueError(f"--resume {resume}: add --out with the folder in which to continue")
    else:
        with dated_folder(env_id) as folder, claimed(folder):
            yield folder


def _check_empty(out: Path) -> None:
    """Require a new folder, or one with no more than what a run that was killed at once leaves."""
    files = list(out.iterdir()) if out.is_dir() else []
    has_files = any(file.name != LOCK and file.suffix != PART for file in files)
    if has_files or (out.exists() and not out.is_dir()):
        raise ValueError(
            f"--out {out} exists already and is not an empty folder. Give another one, or continue "
            f"the run in it: {program()} train --resume {quoted(out)}"
        )


def _own_folder(resume: Path | None) -> Path | None:
    """Return the folder of the run to resume; a checkpoint with another name has none."""
    if resume is None:
        return None
    if resume.is_dir():
        return resume
    return resume.parent if resume.name == CHECKPOINT else None


@contextmanager
def dated_folder(name: str) -> Iterator[Path]:
    """Create a folder in runs/ with the name and the time in it; at the end remove it if empty.

    Of several processes that call this in the same second, each gets another folder, because only
    one of them can create it.
    """
    name = re.sub(r"[^\w.-]+", "-", f"{name}-{datetime.now():%Y%m%d-%H%M%S}")
    for number in itertools.count(1):
        folder = Path("runs", name if number == 1 else f"{name}-{number}")
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
            break
    try:
        yield folder
    finally:
        for path in (folder, folder.parent):
            with suppress(OSError):  # It is not empty.
                path.rmdir()
