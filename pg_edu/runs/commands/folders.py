"""Choose the folder that a command writes to, and find the checkpoint of a run."""

import itertools
import re
from datetime import datetime
from pathlib import Path

from pg_edu.runs.checkpoint import load_checkpoint
from pg_edu.runs.commands.messages import program, quoted
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


def folder_for_run(env_id: str, out: Path | None, resume: Path | None) -> Path:
    """Return where to write: the folder of the resumed run itself, or an empty or new one.

    Args:
        env_id: the environment, which is part of the name of a new folder.
        out: the folder that the user has chosen, if any.
        resume: the folder or the checkpoint of the run to resume, if any.

    Raises:
        ValueError: the chosen folder is not empty, or none was chosen although one is needed.
    """
    own = _own_folder(resume)
    if own is not None and (out is None or out.resolve() == own.resolve()):
        return own
    if own is None and resume is not None and out is None:
        raise ValueError(f"--resume {resume}: add --out with the folder in which to continue")
    if out is None:
        return dated_folder(env_id)

    is_empty_folder = out.is_dir() and not any(out.iterdir())
    if out.exists() and not is_empty_folder:
        raise ValueError(
            f"--out {out} exists already and is not an empty folder. Give another one, or continue "
            f"the run in it: {program()} train --resume {quoted(out)}"
        )
    return out


def _own_folder(resume: Path | None) -> Path | None:
    """Return the folder of the run to resume; a checkpoint with another name has none."""
    if resume is None:
        return None
    if resume.is_dir():
        return resume
    return resume.parent if resume.name == CHECKPOINT else None


def dated_folder(name: str) -> Path:
    """Return a path in runs/ where nothing exists, with the name and the time in it."""
    name = re.sub(r"[^\w.-]+", "-", f"{name}-{datetime.now():%Y%m%d-%H%M%S}")
    folder = Path("runs", name)
    for number in itertools.count(2):
        if not folder.exists():
            break
        folder = Path("runs", f"{name}-{number}")
    return folder
