"""Write files as a whole or not at all, and keep a folder to one process.

    write_file    bytes -> a file next to the path -> the disk -> renamed to the path
    claimed       a folder, with a file in it that the operating system locks until the process ends

So whatever kills a process, even `kill -9` or a full disk, a reader finds the old file or the new
one, and no lock is left over.
"""

import csv
import io
import os
import sys
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

LOCK = ".lock"
PART = ".pg_edu_part"

RENAMES_ON_WINDOWS = 50
"""How often a file is renamed there, at most, while another program has the old one open."""


def write_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Write the file; an older file there is replaced as a whole or not at all.

    Raises:
        OSError: the file cannot be written; its `filename` is the path.
    """
    temporary = Path(f"{os.fspath(path)}.{uuid.uuid4().hex[:8]}{PART}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # Some file systems report a full disk only here.
        _replace(temporary, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_table(
    path: str | os.PathLike[str], head: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Write a CSV file as `write_file` does.

    Raises:
        OSError: the file cannot be written.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(head)
    table.writerows(rows)
    write_file(path, text.getvalue().encode())


def _replace(old: Path, new: str | os.PathLike[str]) -> None:
    """Rename a file; on Windows, wait while another program has the file of that name open."""
    for _ in range(RENAMES_ON_WINDOWS if os.name == "nt" else 1):
        try:
            old.replace(new)
            return
        except PermissionError as error:
            refusal = error
            if os.name == "nt":
                time.sleep(0.1)
    raise refusal


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Create the folder if necessary, and keep other processes from claiming it in the block.

    What a killed process has written in part is removed from it. If nothing is in a new folder at
    the end of the block, it is removed. Where the file system has no locks, a line on stderr says
    so.

    Raises:
        ValueError: another process has claimed the folder.
        OSError: the folder cannot be written.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _locked(folder):
            yield
    finally:
        for path in missing:
            with suppress(OSError):  # It is not empty.
                path.rmdir()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    path = folder / LOCK
    with _open_locked(path) as file:
        for part in folder.glob(f"*{PART}"):
            part.unlink(missing_ok=True)
        try:
            yield
        finally:
            if os.name == "nt":  # There, an open file cannot be removed.
                file.close()
            with suppress(OSError):
                path.unlink()


def _open_locked(path: Path) -> IO[Any]:
    """Open the file and lock it.

    The process that had the lock before may have removed the file in between. A lock on a removed
    file keeps nobody out, so the file is then opened again.
    """
    while True:
        file = path.open("a")
        try:
            _lock(file, path.parent)
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except FileNotFoundError:
            pass
        except BaseException:
            file.close()
            raise
        file.close()


def _lock(file: IO[Any], folder: Path) -> None:
    try:
        _lock_of_the_system(file.fileno())
    except (BlockingIOError, PermissionError) as error:
        raise ValueError(
            f"{folder} is in use: another process is writing to it. Wait until it has ended, or "
            "give another folder with --out"
        ) from error
    except (OSError, ImportError) as error:
        # Some network drives have no locks. A run without a lock is better than no run.
        if sys.stderr is not None:
            reason = f"pg_edu: {folder} cannot be locked ({error}). Start no second run in it."
            print(reason, file=sys.stderr)


def _lock_of_the_system(descriptor: int) -> None:
    """Lock an open file, or raise BlockingIOError or PermissionError if it is locked already."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
