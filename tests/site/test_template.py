"""The template of docs/NOTEBOOKS_IN_CI.md passes, and fails if one of its rules is broken."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

TEMPLATE = Path(__file__).parents[2] / "docs" / "notebooks-in-ci"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy the template into a folder of its own."""
    ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache")
    shutil.copytree(TEMPLATE, tmp_path / "copy", ignore=ignored)
    return tmp_path / "copy"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def last_line(folder: Path, *arguments: str) -> str:
    """Return the last line of pytest, such as "9 passed"."""
    return run(folder, "-m", "pytest", "-q", *arguments).stdout.strip().splitlines()[-1]


def append(folder: Path, code: str) -> None:
    """Append a cell to the source of the example, and build the notebook again."""
    source = folder / "src" / "example.md"
    source.write_text(f"{source.read_text()}\n```python\n{code}\n```\n", encoding="utf-8")
    built = run(folder, "build.py")
    assert built.returncode == 0, built.stderr


def test_the_template_passes_as_it_is(copy: Path) -> None:
    assert last_line(copy).startswith("9 passed")


@pytest.mark.parametrize(
    "code", ["plt.plot([1, 2]);", "print(object())", "import time\ntime.time()"]
)
def test_a_semicolon_an_address_and_a_time_fail_the_comparison(copy: Path, code: str) -> None:
    append(copy, code)
    assert "1 failed" in last_line(copy, "notebooks")


def test_a_notebook_without_outputs_passes_the_comparison_and_fails_the_other_test(
    copy: Path,
) -> None:
    path = copy / "notebooks" / "example.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, path)
    assert last_line(copy, "notebooks").startswith("2 passed")
    assert "1 failed" in last_line(copy, "test_notebooks.py")


def test_a_changed_picture_alone_is_not_seen(copy: Path) -> None:
    path = copy / "notebooks" / "example.ipynb"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("plt.plot(", "plt.bar("), encoding="utf-8")
    assert last_line(copy, "notebooks").startswith("2 passed")
    assert "1 failed" in last_line(copy, "test_notebooks.py", "-k", "source")
