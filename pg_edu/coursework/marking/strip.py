"""A copy of the package without keys, which is all that a marked notebook can import."""

import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pg_edu.types

# What a notebook needs of the course, or what calls its answers. Whatever is not named is left out,
# so a new module with keys in it cannot be forgotten here.
COURSE = ("claims", "guesses", "outcomes", "plain", "time_limit", "verdicts", "worlds")
LEFT_OUT = ("__pycache__", "_notebooks", "course", "coursework")
INSIDE = Path("coursework/marking/inside")


def copy_without_keys(folder: Path) -> None:
    """Copy the package into a folder, without keys, cases, solutions and the marker itself.

    Args:
        folder: becomes the parent of the copy, `pg_edu`.
    """
    package, copy = Path(pg_edu.types.__file__).parent, folder / "pg_edu"
    shutil.copytree(package, copy, ignore=lambda _, names: [n for n in names if n in LEFT_OUT])
    (copy / "course").mkdir()
    for name in COURSE:
        shutil.copy(package / "course" / f"{name}.py", copy / "course")
    shutil.copy(package / INSIDE / "course.py", copy / "course" / "__init__.py")
    (copy / INSIDE).mkdir(parents=True)
    for parent in (INSIDE.parent.parent, INSIDE.parent):
        (copy / parent / "__init__.py").touch()
    shutil.copy(package / INSIDE / "variants.py", copy / "coursework")
    for path in (package / INSIDE).glob("*.py"):
        shutil.copy(path, copy / INSIDE)


def hidden_places(others: Sequence[Path], base: Path) -> list[Path]:
    """Return what a notebook must not read, leaving out each folder that holds Python itself.

    Args:
        others: folders and files besides those of the installed package with keys and solutions.
        base: the folder of the copy, which must not be hidden.
    """
    package = Path(pg_edu.types.__file__).resolve().parent
    beside = [package.parent / name for name in ("notebooks", "tests")]
    is_clone = (package.parent / "pyproject.toml").exists()
    places = [package / "course", package / "_notebooks", *(beside if is_clone else []), *others]
    known = [sys.prefix, sys.base_prefix, sys.executable, str(base), *sys.path]
    needed = [Path(place).resolve() for place in known if place]
    found = {
        place.resolve()
        for place in places
        if place.exists() and not any(path.is_relative_to(place.resolve()) for path in needed)
    }
    # What is in a hidden folder is no longer there, so it cannot be hidden once more.
    return sorted(place for place in found if not found & set(place.parents))


def solutions_near(places: Iterable[Path]) -> list[Path]:
    """Return the folders with solutions that `assign` wrote into some folders or those in them."""
    found = []
    for written, solutions in (("points.csv", "solved"), ("nbgrader_config.py", "source")):
        for place in places:
            for path in (*place.glob(written), *place.glob(f"*/{written}")):
                found.append(path.parent / solutions)
    return found


def fingerprint(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return something that changes when a file in the copy does."""
    found = []
    for path in sorted(folder.rglob("*")):
        stat = path.lstat()
        found.append((str(path), stat.st_size, stat.st_ctime_ns))
    return tuple(found)
