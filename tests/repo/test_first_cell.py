"""The first code cell of a notebook finds pg_edu, or installs it, or says what to do.

The cell runs in a new Python that has no packages at all, in a folder that stands for a clone, for
Colab, or for a student's own folder. In place of pip, a stand-in notes what it is asked for and
installs a package that says where it is from.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import build
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from publish import edit

CELL = next(c.source for c in build.read(build.sources([])[0]).cells if c.cell_type == "code")
ADDRESS = "https://github.com/ada/gradients/archive/refs/tags/v0.1.0.zip"

PROGRAM = """
import json, os, sys

asked = []

class Shell:
    def run_line_magic(self, name, line):
        asked.append(f"%{name} {line.format(**globals())}")  # as IPython does
        before = os.stat(SITE).st_mtime_ns
        os.makedirs(os.path.join(SITE, "pg_edu"))
        with open(os.path.join(SITE, "pg_edu", "__init__.py"), "w") as file:
            file.write("place = 'installed'")
        os.utime(SITE, ns=(before, before))  # as on a file system with coarse times

def get_ipython():
    return Shell()

sys.path.append(SITE)
if READ_ONLY:
    os.access = lambda path, mode: False
error = place = None
exec(BEFORE)
try:
    exec(CELL)
    from pg_edu import place
except ImportError as raised:
    error = str(raised)
print(json.dumps({"asked": asked, "place": place, "error": error}))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of the notebook, whose parent is no clone."""
    folder = tmp_path / "work" / "notebooks"
    folder.mkdir(parents=True)
    return folder


def package(parent: Path, place: str) -> None:
    (parent / "pg_edu").mkdir(parents=True)
    (parent / "pg_edu" / "__init__.py").write_text(f"place = {place!r}", encoding="utf-8")


def run_cell(
    folder: Path, cell: str = CELL, before: str = "", read_only: bool = False
) -> dict[str, Any]:
    """Return what pip was asked for, where pg_edu then comes from, and the error."""
    site = folder.parents[1] / "site-packages"
    site.mkdir(exist_ok=True)
    settings = {
        "CELL": TransformerManager().transform_cell(cell),
        "SITE": str(site),
        "BEFORE": before,
        "READ_ONLY": read_only,
    }
    assignments = "".join(f"{name} = {value!r}\n" for name, value in settings.items())
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-c", assignments + PROGRAM],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def published(tmp_path: Path) -> str:
    """Return the cell as `make publish` changes it."""
    path = tmp_path / "source.md"
    path.write_text(CELL, encoding="utf-8")
    edit(path, r"(?m)^( +)raise ImportError\(.*", rf"\g<1>%pip install -q {ADDRESS}")
    return path.read_text(encoding="utf-8")


def test_an_installed_package_is_taken_and_nothing_is_installed(folder: Path) -> None:
    package(folder.parent, "clone")
    package(folder.parents[1] / "site-packages", "was there")
    assert run_cell(folder) == {"asked": [], "place": "was there", "error": None}


def test_in_a_clone_the_clone_is_installed(folder: Path) -> None:
    package(folder.parent, "clone")
    assert run_cell(folder) == {
        "asked": ["%pip install -q .."],
        "place": "installed",
        "error": None,
    }


def test_in_a_clone_a_deeper_page_installs_the_clone(folder: Path) -> None:
    package(folder.parent, "clone")
    deeper = folder / "deeper"
    deeper.mkdir()
    (folder.parent / "site-packages").mkdir()
    assert run_cell(deeper)["asked"] == ["%pip install -q ../.."]
    assert run_cell(deeper, read_only=True)["place"] == "installed"


def test_in_a_read_only_clone_nothing_is_installed_and_the_clone_is_imported(folder: Path) -> None:
    package(folder.parent, "clone")
    result = run_cell(folder, read_only=True)
    assert result == {"asked": [], "place": "clone", "error": None}


def test_a_parent_folder_that_is_not_pg_edu_is_never_installed(folder: Path) -> None:
    (folder.parent / "pyproject.toml").write_text("[project]\nname = 'other'", encoding="utf-8")
    (folder.parent / "pg_edu").mkdir()
    result = run_cell(folder)
    assert result["asked"] == [] and result["error"].startswith("pg_edu is missing: upload")


@pytest.mark.parametrize("is_published", [False, True])
def test_of_wheels_beside_the_notebook_the_newest_is_installed(
    folder: Path, is_published: bool
) -> None:
    for version in ("0.1.0", "0.2.0"):
        (folder / f"pg_edu-{version}-py3-none-any.whl").touch()
    result = run_cell(folder, published(folder) if is_published else CELL)
    expected = ["%pip install -q pg_edu-0.2.0-py3-none-any.whl"]
    assert result == {"asked": expected, "place": "installed", "error": None}


def test_a_notebook_alone_installs_the_published_version(folder: Path) -> None:
    result = run_cell(folder, published(folder))
    assert result == {"asked": [f"%pip install -q {ADDRESS}"], "place": "installed", "error": None}


def test_a_folder_of_that_name_which_was_imported_already_needs_no_restart(folder: Path) -> None:
    """On Colab, a clone beside the notebook is such a folder."""
    (folder / "pg_edu").mkdir()
    before = "import pg_edu\nassert pg_edu.__file__ is None"
    assert run_cell(folder, published(folder), before)["place"] == "installed"


def test_the_cell_is_short() -> None:
    assert len(CELL.splitlines()) <= 17
