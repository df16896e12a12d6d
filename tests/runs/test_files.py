"""Files are written whole or not at all, and a folder belongs to one process at a time."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pg_edu.figures import animation, learning_curve, save_figure
from pg_edu.runs import files
from pg_edu.runs.checkpoint import save_checkpoint
from pg_edu.runs.files import LOCK, PART, claimed, write_file, write_table
from pg_edu.runs.training import Result
from tests.runs.helpers import ROOT, SMALL, states

resource = pytest.importorskip("resource", reason="Windows has no limits for a process")


@pytest.fixture
def result() -> Result:
    return states(0, SMALL)[0]


def write_checkpoint(path: Path, result: Result) -> None:
    save_checkpoint(result, path)


def write_csv(path: Path, result: Result) -> None:
    write_table(path, ["number"], [[number] for number in range(2000)])


def write_curve(path: Path, result: Result) -> None:
    save_figure(learning_curve([1, 2], [3, 4]), path)


def write_animation(path: Path, result: Result) -> None:
    from PIL import Image

    animation([Image.effect_noise((90, 90), 99).convert("RGB") for _ in range(4)], path)


@pytest.fixture
def at_most_1_kilobyte() -> Any:
    """Let no file of this process become larger than 1 kB, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("write", [write_checkpoint, write_csv, write_curve, write_animation])
def test_a_file_that_cannot_be_written_whole_leaves_the_old_one(
    write: Callable[[Path, Result], None],
    result: Result,
    tmp_path: Path,
    at_most_1_kilobyte: None,
) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(OSError, match="File too large") as caught:
        write(path, result)
    assert caught.value.filename == str(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_reported_with_the_name_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/full").open("wb") as full:
        monkeypatch.setattr(Path, "open", lambda *_: full)
        with pytest.raises(OSError, match="No space left on device") as caught:
            write_file(tmp_path / "file", b"some")
    assert caught.value.filename == str(tmp_path / "file")


def test_a_folder_is_claimed_by_one_process_at_a_time(tmp_path: Path) -> None:
    """The other process finds it in use, and free after this process has left the block."""
    program = "from pathlib import Path\nfrom pg_edu.runs.files import claimed\n"
    program += f"with claimed(Path({str(tmp_path / 'run')!r})): print('claimed')"
    command = [sys.executable, "-c", program]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with claimed(tmp_path / "run"):
        second = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert second.stdout == ""
    assert f"{tmp_path / 'run'} is in use: another process is writing to it" in second.stderr
    assert not (tmp_path / "run").exists()


def test_a_claimed_folder_is_in_use_for_the_same_process_too(tmp_path: Path) -> None:
    with claimed(tmp_path / "run"):
        with pytest.raises(ValueError, match="run is in use"), claimed(tmp_path / "run"):
            pass
        assert (tmp_path / "run" / LOCK).exists()
    with claimed(tmp_path / "run"):
        pass


def test_a_new_folder_that_stays_empty_is_removed_with_its_new_parents(tmp_path: Path) -> None:
    with claimed(tmp_path / "a/b"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_there_or_has_a_file_stays(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    for name in ("old", "new"):
        with claimed(tmp_path / name):
            if name == "new":
                (tmp_path / "new/file").touch()
    assert {path.name for path in tmp_path.rglob("*")} == {"old", "new", "file"}


def test_the_rests_of_a_killed_process_do_not_keep_others_out_and_are_removed(
    tmp_path: Path,
) -> None:
    for name in (LOCK, f"checkpoint.pt.0a1b2c3d{PART}", "mine.part"):
        (tmp_path / name).touch()
    with claimed(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["mine.part"]


def test_a_lock_on_a_removed_file_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that held the lock removes the file before another one gets the lock."""
    lock = files._lock_of_the_system
    removed: list[Path] = []

    def lock_after_the_removal(descriptor: int) -> None:
        if not removed:
            removed.append(tmp_path / LOCK)
            (tmp_path / LOCK).unlink()
        lock(descriptor)

    monkeypatch.setattr(files, "_lock_of_the_system", lock_after_the_removal)
    with claimed(tmp_path), pytest.raises(ValueError, match="is in use"), claimed(tmp_path):
        pass
    assert removed


def test_a_file_system_without_locks_is_said_and_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_locks(descriptor: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(files, "_lock_of_the_system", no_locks)
    with claimed(tmp_path):
        write_file(tmp_path / "file", b"some")
    said = capsys.readouterr().err
    assert "cannot be locked" in said and "Start no second run in it" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(("refusals", "is_written"), [(3, True), (99, False)])
def test_on_windows_a_rename_waits_until_a_reader_has_closed_the_file(
    refusals: int, is_written: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There, a file that is open cannot be replaced. This is a stand-in, not a run on Windows."""
    left = [refusals]
    replace = Path.replace

    def refuse(old: Path, new: Any) -> Path:
        left[0] -= 1
        if left[0] >= 0:
            raise PermissionError(13, "Access is denied", str(new))
        return replace(old, new)

    monkeypatch.setattr(Path, "replace", refuse)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.setattr(files, "os", SimpleNamespace(**{**vars(os), "name": "nt"}))
    path = tmp_path / "file"
    if is_written:
        write_file(path, b"some")
    else:
        with pytest.raises(PermissionError):
            write_file(path, b"some")
    assert [p.name for p in tmp_path.iterdir()] == (["file"] if is_written else [])


def test_on_windows_the_lock_is_that_of_its_own_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It locks one byte of the open file. This is a stand-in, not a run on Windows."""
    held: list[int] = []

    def locking(descriptor: int, mode: int, size: int) -> None:
        assert (mode, size) == (2, 1)
        if held:
            raise PermissionError(13, "Permission denied")
        held.append(descriptor)

    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK=2))
    monkeypatch.setattr(files, "sys", SimpleNamespace(platform="win32", stderr=sys.stderr))
    monkeypatch.setattr(files, "os", SimpleNamespace(**{**vars(os), "name": "nt"}))
    with claimed(tmp_path), pytest.raises(ValueError, match="is in use"), claimed(tmp_path):
        pass
    assert len(held) == 1
    assert list(tmp_path.iterdir()) == []


def test_all_bytes_are_on_the_disk_before_the_file_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    seen: list[tuple[int, str, set[str]]] = []

    def fsync(descriptor: int) -> None:
        names = {p.name for p in tmp_path.iterdir()}
        seen.append((os.fstat(descriptor).st_size, path.read_text(), names))

    monkeypatch.setattr(os, "fsync", fsync)
    write_file(path, b"some")
    write_file(path, b"more bytes")
    assert [(size, held) for size, held, _ in seen] == [(4, "old"), (10, "some")]
    assert seen[0][2] != seen[1][2]  # each has a name of its own in the meantime


def test_a_table_has_one_line_for_each_row_whatever_the_system(tmp_path: Path) -> None:
    write_table(tmp_path / "table.csv", ["name", "x"], [["a,b", 1], ["c", 0.5]])
    assert (tmp_path / "table.csv").read_bytes() == b'name,x\n"a,b",1\nc,0.5\n'


def test_without_a_stderr_nothing_is_said_of_missing_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in pythonw; `print(file=None)` would write to stdout."""

    def no_locks(descriptor: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(files, "_lock_of_the_system", no_locks)
    monkeypatch.setattr(files, "sys", SimpleNamespace(platform=sys.platform, stderr=None))
    with claimed(tmp_path):
        pass
    assert capsys.readouterr().out == ""


def test_a_table_keeps_letters_of_every_language(tmp_path: Path) -> None:
    write_table(tmp_path / "table.csv", ["γ", "name"], [[0.5, "Grüße 日本"]])
    assert (tmp_path / "table.csv").read_text(encoding="utf-8") == "γ,name\n0.5,Grüße 日本\n"


def test_what_another_process_writes_in_a_folder_inside_stays(tmp_path: Path) -> None:
    """A run in a folder of its own inside of this one may be writing at this moment."""
    inside = tmp_path / "run" / f"checkpoint.pt.0a1b2c3d{PART}"
    inside.parent.mkdir()
    inside.touch()
    with claimed(tmp_path):
        assert inside.exists()


def test_a_rest_that_somebody_removes_first_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / f"gone{PART}"
    monkeypatch.setattr(Path, "glob", lambda *_: [gone])
    with claimed(tmp_path):
        pass


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list that gets every file which is opened by its path."""
    files_opened: list[Any] = []
    usual = Path.open

    def open_and_keep(path: Path, *args: Any) -> Any:
        files_opened.append(usual(path, *args))
        return files_opened[-1]

    monkeypatch.setattr(Path, "open", open_and_keep)
    return files_opened


def test_a_folder_in_use_leaves_no_file_open(tmp_path: Path, opened: list[Any]) -> None:
    """Somebody who asks for it again and again would run out of files."""
    with claimed(tmp_path):
        with pytest.raises(ValueError, match="is in use"), claimed(tmp_path):
            pass
        assert [file.closed for file in opened] == [False, True]
    assert opened[0].closed


def test_a_lock_file_that_was_removed_is_not_left_open(
    tmp_path: Path, opened: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = files._lock_of_the_system

    def remove_the_first(descriptor: int) -> None:
        if len(opened) == 1:
            (tmp_path / LOCK).unlink()
            (tmp_path / LOCK).touch()
        lock(descriptor)

    monkeypatch.setattr(files, "_lock_of_the_system", remove_the_first)
    with claimed(tmp_path):
        assert [file.closed for file in opened] == [True, False]


def test_a_new_folder_that_an_error_leaves_empty_is_removed_too(tmp_path: Path) -> None:
    with pytest.raises(KeyError), claimed(tmp_path / "a/b"):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_writing_that_is_interrupted_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    (tmp_path / "file").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_file(tmp_path / "file", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"
