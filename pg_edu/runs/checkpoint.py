"""Save a `Result` to a checkpoint: a file with all that evaluating or resuming its run needs.

The file holds `{"format": FORMAT, **result.to_plain()}`, written by torch.
"""

import os
from pathlib import Path
from typing import IO

import torch

from pg_edu.runs.training import Result

FORMAT = "pg_edu checkpoint 1"


def save_checkpoint(result: Result, path: str | os.PathLike[str]) -> None:
    """Write the result to a file; an older file there is replaced as a whole or not at all.

    `torch.load(path, weights_only=True)` can read it, since it holds nothing but tensors, numbers,
    strings, lists and dicts.

    Raises:
        OSError: the file cannot be written.
    """
    temporary = Path(f"{os.fspath(path)}.part")
    try:
        with temporary.open("wb") as file:
            torch.save({"format": FORMAT, **result.to_plain()}, file)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load_checkpoint(file: str | os.PathLike[str] | IO[bytes]) -> Result:
    """Return the result that `save_checkpoint` wrote.

    Raises:
        OSError: the file does not exist, or it cannot be read.
        ValueError: the file holds something else.
    """
    message = f"{file} is not a checkpoint of pg_edu, or is damaged"
    try:
        plain = torch.load(file, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # A damaged file makes torch.load fail in many ways.
        raise ValueError(message) from error

    if not isinstance(plain, dict) or plain.pop("format", None) != FORMAT:
        raise ValueError(message)
    try:
        return Result.from_plain(plain)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ValueError(message) from error
