"""Save a `Result` to a checkpoint: a file with all that evaluating or resuming its run needs.

The file holds `{"format": FORMAT, **result.to_plain()}`, written by torch.
"""

import io
import os
from dataclasses import fields
from pathlib import Path
from typing import IO, Any

import torch

from pg_edu.runs.config import Config
from pg_edu.runs.files import write_file
from pg_edu.runs.training import Result

FORMAT = "pg_edu checkpoint 1"


def save_checkpoint(result: Result, path: str | os.PathLike[str]) -> None:
    """Write the result to a file; an older file there is replaced as a whole or not at all.

    `torch.load(path, weights_only=True)` can read it, since it holds nothing but tensors, numbers,
    strings, lists and dicts.

    Raises:
        OSError: the file cannot be written.
    """
    # Torch would turn the error of a full disk into one of its own, so it writes into memory.
    data = io.BytesIO()
    torch.save({"format": FORMAT, **result.to_plain()}, data)
    write_file(path, data.getvalue())


def load_checkpoint(file: str | os.PathLike[str] | IO[bytes]) -> Result:
    """Return the result that `save_checkpoint` wrote.

    Raises:
        OSError: the file does not exist, or it cannot be read.
        ValueError: the file holds something else, is damaged, or is that of another version of
            pg_edu.
    """
    message = f"{file} is not a checkpoint of pg_edu, or is damaged"
    data = Path(file).read_bytes() if isinstance(file, str | os.PathLike) else file.read()
    try:
        plain = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # A damaged file makes torch.load fail in many ways.
        raise ValueError(message) from error

    if not isinstance(plain, dict) or not _is_checkpoint(plain):
        raise ValueError(message)
    _check_version(plain, file)
    try:
        return Result.from_plain({name: plain[name] for name in plain if name != "format"})
    except Exception as error:  # Values of a wrong type make it fail in many ways.
        raise ValueError(message) from error


def _is_checkpoint(plain: dict[Any, Any]) -> bool:
    """Tell whether some version of pg_edu may have written this."""
    name = FORMAT.rpartition(" ")[0]
    has_name = str(plain.get("format")).rpartition(" ")[0] == name
    return has_name and isinstance(plain.get("config"), dict)


def _check_version(plain: dict[Any, Any], file: object) -> None:
    """Require the format and the names of this version."""
    expected = {field.name for field in fields(Result)} | {field.name for field in fields(Config)}
    found = (set(plain) - {"format"}) | set(plain["config"])
    differences = [f"{name!r} is new" for name in sorted(map(str, found - expected))]
    differences += [f"{name!r} is missing" for name in sorted(expected - found)]
    if plain["format"] != FORMAT:
        differences = [f"its format is {plain['format']!r} where {FORMAT!r} is expected"]
    if differences:
        raise ValueError(
            f"{file} is a checkpoint of another version of pg_edu: {', '.join(differences[:3])}. "
            "Use the version that wrote it, or train again"
        )
