"""Which files are found, whose they are, and what is said of those that cannot be read."""

import io
import os
import zipfile
from pathlib import Path

import pytest

from pg_edu.coursework.marking.submissions import LARGEST_NOTEBOOK, find_submissions

NOTEBOOK = b'{"cells": []}'


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def found(place: Path) -> dict[str, tuple[str, str]]:
    return {s.file: (s.student, s.problem) for s in find_submissions(place)}


def test_a_student_is_the_first_folder_or_the_name_of_the_file(tmp_path):
    for path in ("bea.ipynb", "ada/ps1/02.ipynb", "ada/.ipynb_checkpoints/02.ipynb", "notes.txt"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(NOTEBOOK)
    assert found(tmp_path) == {"bea.ipynb": ("bea", ""), "ada/ps1/02.ipynb": ("ada", "")}


def test_zip_files_are_read_also_in_one_another_and_nothing_is_unpacked_to_the_disk(tmp_path):
    of_carl = zipped(**{"a/02.ipynb": NOTEBOOK, "__MACOSX/._02.ipynb": b"?"})
    content = zipped(**{"Ada Lovelace_12/02.ipynb": NOTEBOOK, "Carl_7/work.zip": of_carl})
    (tmp_path / "class.zip").write_bytes(content)
    assert found(tmp_path) == {
        "Ada Lovelace_12/02.ipynb": ("Ada Lovelace_12", ""),
        "Carl_7/work.zip/a/02.ipynb": ("Carl_7", ""),
    }
    assert found(tmp_path / "class.zip") == found(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["class.zip"]


def test_a_zip_file_beside_others_belongs_to_the_student_of_its_name(tmp_path):
    (tmp_path / "ada.zip").write_bytes(zipped(**{"x/02.ipynb": NOTEBOOK}))
    (tmp_path / "bea.ipynb").write_bytes(NOTEBOOK)
    assert found(tmp_path)["ada.zip/x/02.ipynb"] == ("ada", "")


def test_a_path_in_a_zip_file_leads_nowhere(tmp_path):
    (tmp_path / "eve.zip").write_bytes(zipped(**{"../../up.ipynb": NOTEBOOK}))
    (tmp_path / "x.ipynb").write_bytes(NOTEBOOK)
    assert found(tmp_path)["eve.zip/up.ipynb"] == ("eve", "")


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    bomb = zipped(**{"02.ipynb": bytes(LARGEST_NOTEBOOK + 1)})
    assert len(bomb) < LARGEST_NOTEBOOK / 500
    (tmp_path / "eve.zip").write_bytes(bomb)
    ((_, problem),) = found(tmp_path).values()
    assert "larger than 20 MB" in problem


def test_an_encrypted_file_is_named_as_such(tmp_path):
    content = bytearray(zipped(**{"02.ipynb": NOTEBOOK}))
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag in the central directory
    (tmp_path / "eve.zip").write_bytes(content)
    ((_, problem),) = found(tmp_path).values()
    assert "encrypted" in problem


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x05\x06" + bytes(18)])
def test_a_zip_file_that_is_damaged_or_empty_is_a_problem_and_no_error(tmp_path, content):
    (tmp_path / "eve.zip").write_bytes(content)
    ((_, problem),) = found(tmp_path).values()
    assert problem


def test_a_huge_file_a_link_and_a_pipe_are_not_read(tmp_path):
    (tmp_path / "secret").write_bytes(NOTEBOOK)
    with open(tmp_path / "huge.ipynb", "wb") as file:
        file.truncate(10**9)
    (tmp_path / "link.ipynb").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe.ipynb")
    problems = {name: problem for name, (_, problem) in found(tmp_path).items()}
    assert "larger than 20 MB" in problems["huge.ipynb"]
    assert "not a regular file" in problems["pipe.ipynb"]
    assert problems["link.ipynb"]


def test_a_folder_without_notebooks_is_an_error_that_says_so(tmp_path):
    with pytest.raises(ValueError, match=r"no notebook \(\.ipynb\)"):
        find_submissions(tmp_path)
    with pytest.raises(ValueError, match="does not exist"):
        find_submissions(tmp_path / "nowhere")
