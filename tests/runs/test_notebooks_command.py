"""`pg-edu notebooks` copies the notebooks of the package and replaces no file."""

from pathlib import Path

import pytest

from pg_edu.runs.commands import main, notebooks
from pg_edu.runs.files import write_file
from pg_edu.runs.notebook_folder import find_notebooks

SOURCE = Path(__file__).parents[2] / "notebooks"
PAGES = [*SOURCE.glob("*.ipynb"), *SOURCE.glob("deeper/*.ipynb")]
COPIED = [*PAGES, *SOURCE.glob("pictures/*")]


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_it_copies_every_notebook_and_picture_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["notebooks", str(tmp_path / "my" / "course")]) == 0
    expected = {path.relative_to(SOURCE).as_posix(): path.read_bytes() for path in COPIED}
    assert files(tmp_path / "my" / "course") == expected
    assert capsys.readouterr().out.startswith(f"{len(PAGES)} notebooks are in ")


def test_a_file_that_is_there_already_is_kept_and_nothing_is_copied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "05_action_bounds.ipynb").write_text("my answers", encoding="utf-8")
    assert main(["notebooks", str(tmp_path)]) == 2
    assert files(tmp_path) == {"05_action_bounds.ipynb": b"my answers"}
    message = capsys.readouterr().err
    assert "05_action_bounds.ipynb exists already" in message and "another folder" in message


def test_a_file_in_place_of_the_folder_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["notebooks", str(tmp_path / "file")]) == 2
    message = capsys.readouterr().err
    assert str(tmp_path / "file") in message and "Name another folder." in message


def test_a_disk_that_is_full_in_the_middle_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full_at_the_third(path: Path, data: bytes) -> None:
        if path.name.startswith("02"):
            raise OSError(28, "No space left on device", str(path))
        write_file(path, data)

    monkeypatch.setattr(notebooks, "write_file", full_at_the_third)
    assert main(["notebooks", str(tmp_path)]) == 2
    assert files(tmp_path) == {}
    assert "02_returns.ipynb: No space left on device." in capsys.readouterr().err


def test_the_notebooks_in_the_package_come_before_those_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clone has only those beside it, an installed wheel only those in it."""
    package = tmp_path / "pg_edu"
    for folder in (package / "_notebooks", tmp_path / "notebooks"):
        folder.mkdir(parents=True)
        (folder / "00_quickstart.ipynb").write_text("{}", encoding="utf-8")
    monkeypatch.setattr("pg_edu.runs.__file__", str(package / "runs" / "__init__.py"))
    assert find_notebooks() == package / "_notebooks"


def test_a_package_without_notebooks_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pg_edu.runs.__file__", str(tmp_path / "a/b/__init__.py"))
    with pytest.raises(ValueError, match="Install it from its repository with pip"):
        find_notebooks()
