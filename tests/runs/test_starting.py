"""The start of a command: Ctrl-C while torch is imported, and streams that are closed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pg_edu.runs import starting
from tests.runs.helpers import ROOT

SPAWNED = ["-c", "from multiprocessing.spawn import spawn_main", "--multiprocessing-fork"]


@pytest.mark.parametrize(
    ("argv", "orig_argv", "is_command"),
    [
        (["-m", "train"], ["python", "-m", "pg_edu", "train"], True),
        (["/venv/bin/pg-edu", "train"], ["python", "/venv/bin/pg-edu", "train"], True),
        (["C:/venv/pg-edu.exe"], ["python", "C:/venv/pg-edu.exe"], True),
        (["-m"], ["python", "-m", "another_package"], False),
        (["-c"], ["python", "-c", "import pg_edu"], False),
        (["script.py", "pg_edu"], ["python", "script.py", "pg_edu"], False),
        (["/usr/bin/pgcli"], ["python", "/usr/bin/pgcli"], False),
        ([""], ["python"], False),
        (["/venv/bin/pg-edu"], ["python", *SPAWNED], False),
    ],
)
def test_only_a_process_that_was_started_as_a_command_is_prepared(
    argv: list[str], orig_argv: list[str], is_command: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(sys, "orig_argv", orig_argv)
    assert starting._is_command() is is_command


@pytest.mark.skipif(sys.platform == "win32", reason="there, os.kill does not send Ctrl-C")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_while_torch_is_imported_ends_the_command_with_one_line(
    name: str, tmp_path: Path
) -> None:
    """The torch of this test sends the signal, and then goes on as if nothing had happened."""
    torch = tmp_path / "torch.py"
    torch.write_text(
        f"import os, signal, time\nos.kill(os.getpid(), signal.{name})\ntime.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-m", "pg_edu", "train"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Interrupted.\n")
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".py"] == ["torch.py"]
    assert not (tmp_path / "runs").exists()


@pytest.fixture
def restored_signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in starting.STOPS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_that_is_ignored_stays_ignored(restored_signals: None) -> None:
    first, second, *_ = starting.STOPS
    signal.signal(first, signal.SIG_IGN)
    signal.signal(second, signal.SIG_DFL)
    starting.end_when_stopped()
    assert signal.getsignal(first) is signal.SIG_IGN
    assert signal.getsignal(second) is starting._end


def test_a_closed_stream_takes_what_is_written_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    starting.open_closed_streams()
    out: Any = sys.stdout
    err: Any = sys.stderr
    print("nowhere", file=out, flush=True)
    print("nowhere", file=err, flush=True)
    assert err.isatty() is False


def test_an_open_stream_stays_what_it_is() -> None:
    before = sys.stdout, sys.stderr
    starting.open_closed_streams()
    assert (sys.stdout, sys.stderr) == before


@pytest.mark.skipif(sys.platform == "win32", reason="the shell of this test is that of Unix")
def test_a_file_does_not_take_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    """Otherwise what is written to stderr would get into the file."""
    program = (
        "import os\n"
        "from importlib.util import module_from_spec, spec_from_file_location\n"
        f"spec = spec_from_file_location('starting', {starting.__file__!r})\n"
        "starting = module_from_spec(spec)\n"
        "spec.loader.exec_module(starting)\n"
        "starting.open_closed_streams()\n"
        "file = open('file', 'w')\n"
        "os.write(2, b'a warning')\n"
        "print(file.fileno() > 2)\n"
    )
    (tmp_path / "program.py").write_text(program)
    command = f'"{sys.executable}" program.py 2>&- <&-'
    done = subprocess.run(command, shell=True, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert done.stdout == "True\n"
    assert (tmp_path / "file").read_text() == ""
