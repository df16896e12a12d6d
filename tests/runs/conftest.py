"""Fixtures for the tests of runs and commands."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from pg_edu.runs import sweep as sweep_module
from pg_edu.runs.sweep import Run


class InThisProcess:
    """A stand-in for the worker processes: each run starts at once, in this process.

    `begun` lists the runs that were started.
    """

    begun: list[Run]

    def __init__(self, work: Callable[[Run], Any], workers: int | None, runs: int) -> None:
        self.count = 1
        self._work = work

    def start(self, run: Run) -> Future[Any]:
        self.begun.append(run)
        future: Future[Any] = Future()
        try:
            future.set_result(self._work(run))
        except Exception as error:
            future.set_exception(error)
        return future

    def close(self) -> None:
        pass


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[InThisProcess]:
    """Let sweeps run in this process, and in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(InThisProcess, "begun", [], raising=False)
    monkeypatch.setattr(sweep_module, "Processes", InThisProcess)
    return InThisProcess


@pytest.fixture(autouse=True, scope="session")
def signals_as_in_a_terminal() -> Iterator[None]:
    """Let SIGINT and SIGHUP arrive: `nohup`, or `&` in a script, ignores them in every child."""
    before = {}
    for name in ("SIGINT", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            before[number] = signal.SIG_IGN
            usual = signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL
            signal.signal(number, usual)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
