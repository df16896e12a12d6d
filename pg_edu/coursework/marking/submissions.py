"""Find the submitted files, in folders and in the zip files of a course system.

Submissions are only read. Nothing of a zip file is written to the disk, so its paths lead nowhere.
"""

import io
import os
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

LARGEST_NOTEBOOK = 20 * 2**20  # bytes
LARGEST_ZIP = 500 * 2**20
MOST_FILES = 20_000  # in one zip file
IGNORED = (".ipynb_checkpoints", "__MACOSX", ".git", ".venv", "__pycache__")
SUFFIXES = (".ipynb", ".zip", ".py")
SCRIPT = "capstone.py"  # how the name of a Python file must end; others are no submissions


@dataclass(frozen=True)
class Submission:
    """A submitted file.

    Args:
        student: the first folder of its path, or the name of a file that is in none.
        file: its path among the submissions; in a zip file, "a.zip/b.ipynb".
        content: what is in it; None if it could not be read.
        problem: why not.
    """

    student: str
    file: str
    content: bytes | None = None
    problem: str = ""


def find_submissions(place: Path) -> list[Submission]:
    """Return all submitted notebooks, and each file that should be one but cannot be read.

    Args:
        place: a folder, a zip file, or a notebook.

    Raises:
        ValueError: there is no such place, or no notebook in it.
    """
    if not place.exists():
        raise ValueError(f"{place} does not exist. Name a folder of notebooks, or a zip file.")
    found = list(_in_folder(place) if place.is_dir() else _in_file(place, PurePosixPath()))
    if not found:
        raise ValueError(f"in {place} there is no notebook (.ipynb), and no zip file with one.")
    return sorted(found, key=lambda submission: submission.file)


def is_submission(name: str) -> bool:
    """Return whether a file may be submitted: a notebook, a zip file, or a capstone in Python."""
    return name.lower().endswith((".ipynb", ".zip", SCRIPT))


def _in_folder(folder: Path) -> Iterator[Submission]:
    """Yield the submissions in a folder; links to other places are not followed."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in IGNORED)
        place = PurePosixPath(Path(parent).relative_to(folder).as_posix())
        # A course system packs a class into one zip file, whose own name is no student's.
        only_one = Path(parent) == folder and not folders and len(files) == 1
        for name in sorted(files):
            path = Path(parent) / name
            if is_submission(name):
                is_class = only_one and path.suffix.lower() == ".zip"
                yield from _in_file(path, place if is_class else place / name)


def _in_file(path: Path, shown: PurePosixPath) -> Iterator[Submission]:
    """Yield what is in a file: itself, or the notebooks in a zip file."""
    is_zip = path.suffix.lower() == ".zip"
    name = shown if shown != PurePosixPath() or is_zip else PurePosixPath(path.name)
    try:
        content = _read(path, LARGEST_ZIP if is_zip else LARGEST_NOTEBOOK)
    except (OSError, ValueError) as error:
        problem = str(error) if isinstance(error, ValueError) else (error.strerror or "no access")
        yield _unreadable(name, f"the file cannot be read: {problem}.")
        return
    if is_zip:
        yield from _in_zip(content, name, nested=False)
    else:
        yield Submission(_student(name), str(name), content)


def _read(path: Path, largest: int) -> bytes:
    """Return the content of a regular file that is not too large."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_NOFOLLOW", 0))
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a regular file")
        if status.st_size > largest:
            raise ValueError(f"it is larger than {largest // 2**20} MB")
        return file.read(largest)


def _in_zip(content: bytes, shown: PurePosixPath, nested: bool) -> Iterator[Submission]:
    """Yield the notebooks in a zip file, and in the zip files in it."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if len(members) > MOST_FILES:
                raise ValueError(f"it holds more than {MOST_FILES:,} files")
            wanted = [member for member in members if _is_wanted(member)]
            if not wanted:
                yield _unreadable(shown, "there is no notebook in the zip file.")
            unpacked = 0
            for submission in (s for m in wanted for s in _in_member(archive, m, shown, nested)):
                unpacked += len(submission.content or b"")
                if unpacked > LARGEST_ZIP:
                    raise ValueError(f"unpacked it is larger than {LARGEST_ZIP // 2**20} MB")
                yield submission
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        yield _unreadable(shown, f"the zip file cannot be read: {error}.")


def _is_wanted(member: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(member.filename)
    is_ours = is_submission(path.name) and not path.name.startswith("._")
    return is_ours and not member.is_dir() and not set(IGNORED) & set(path.parts)


def _in_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, shown: PurePosixPath, nested: bool
) -> Iterator[Submission]:
    parts = [p for p in PurePosixPath(member.filename).parts if p not in ("/", "..", ".")]
    name = shown.joinpath(*parts)
    is_zip = name.suffix.lower() == ".zip"
    if member.flag_bits & 1:
        yield _unreadable(name, "the file in the zip file is encrypted.")
        return
    if is_zip and nested:
        yield _unreadable(name, "it is a zip file in a zip file in a zip file.")
        return
    try:
        unpacked = _unpacked(archive, member, LARGEST_NOTEBOOK)
    except Exception as error:  # A damaged zip file may raise zlib.error, EOFError and others.
        yield _unreadable(name, f"the file in the zip file cannot be read: {error}.")
        return
    if is_zip:
        yield from _in_zip(unpacked, name, nested=True)
    else:
        yield Submission(_student(name), str(name), unpacked)


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, largest: int) -> bytes:
    """Return a file of an archive; what the archive says about its size is not believed."""
    with archive.open(member) as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise ValueError(f"unpacked it is larger than {largest // 2**20} MB")
    return content


def _unreadable(name: PurePosixPath, problem: str) -> Submission:
    return Submission(_student(name), str(name), problem=problem)


def _student(name: PurePosixPath) -> str:
    """Return the first folder of a path, or the name of a file that is in none."""
    first = PurePosixPath(name.parts[0]) if name.parts else PurePosixPath("submissions")
    return first.stem if first.suffix.lower() in SUFFIXES else str(first)
