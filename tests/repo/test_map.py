"""The map links only to what exists, and names everything that it has to name."""

import re
from collections import Counter
from pathlib import Path

import build
import pytest

ROOT = Path(__file__).parents[2]
MAP = (ROOT / "docs" / "MAP.md").read_text(encoding="utf-8")
LINKS = re.findall(r"\]\(([^)#]+)\)", MAP)
TARGETS = {(ROOT / "docs" / link).resolve() for link in LINKS}


def must_appear() -> list[Path]:
    """Return the files and folders that need a place in the map."""
    package, tests = ROOT / "pg_edu", ROOT / "tests"
    core = list(package.glob("*.py"))
    wings = [path.parent for path in package.glob("*/__init__.py") if path.parent.name != "lab"]
    laboratory = [path.parent for path in package.glob("lab/*/__init__.py")]
    numbered = [*tests.glob("course/test_[0-9]*.py"), *package.glob("course/ex[0-9]*.py")]
    of_modules = list(tests.glob("core/test_*.py"))
    test_wings = [path.parent for path in tests.glob("*/__init__.py") if path.parent.name != "core"]
    return sorted([*core, *wings, *laboratory, *numbered, *of_modules, *test_wings])


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("link", sorted(set(LINKS)))
def test_every_entry_exists(link: str) -> None:
    assert (ROOT / "docs" / link).exists()


@pytest.mark.parametrize("path", must_appear(), ids=name)
def test_everything_that_must_appear_does(path: Path) -> None:
    assert path in TARGETS, f"docs/MAP.md needs an entry for {name(path)}"


def rows(heading: str) -> list[str]:
    """Return the rows of the table under a heading, without its header."""
    section = MAP.split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\|.*\|$", section, flags=re.MULTILINE)[2:]


def test_every_notebook_has_one_row_in_the_order_of_the_course() -> None:
    named = [
        re.findall(r"notebooks/([\w/]+)\.ipynb", row)
        for row in rows("From a notebook to its module, tests and exercises")
    ]
    pages = [build.name(source) for source in build.sources([])]
    core = [page for page in pages if not page.startswith("deeper/")]
    assert named == [[page, *({f"deeper/{page}"} & set(pages))] for page in core]


def test_a_module_has_a_notebook_or_a_row_of_its_own_but_not_both() -> None:
    module = re.compile(r"\.\./pg_edu/([\w/]+?)(?:\.py)?\)")
    taught = {
        m
        for row in rows("From a notebook to its module, tests and exercises")
        for m in module.findall(row)
    }
    alone = Counter(
        m for row in rows("Modules without a notebook of their own") for m in module.findall(row)
    )
    assert max(alone.values()) == 1
    assert not taught & set(alone)


def test_the_exercises_of_a_row_are_those_of_its_notebook() -> None:
    for row in rows("From a notebook to its module, tests and exercises"):
        numbers = set(re.findall(r"(?:notebooks/|course/ex|course/test_)(\d\d)_", row))
        assert len(numbers) == 1, row
