"""Limits of a kernel and of everything it starts, and the watchdog that enforces them.

The system's own limits (rlimits) hold for one process each, and root is exempt from some. So a
watchdog adds up what all processes use together, and kills them when it is too much.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

MEGABYTE = 2**20
MOST_RECEIVED = 1000  # megabytes by which the marker may grow while it waits for a reply
PERIOD = 0.1  # seconds between two looks of the watchdog


@dataclass(frozen=True)
class Limits:
    """Limits of what a notebook may use, together with all processes that it starts.

    Args:
        seconds: for its cells, by the clock and of CPU; each exercise has its own on top.
        memory: megabytes.
        disk: megabytes in its throw-away folder.
        processes: how many there may be at a time.
    """

    seconds: float = 15.0
    memory: int = 2000
    disk: int = 200
    processes: int = 16

    def of_one_process(self, cpu_seconds: float) -> dict[str, int]:
        """Return the limits that the system enforces for each process by itself."""
        return {
            "RLIMIT_CPU": int(cpu_seconds) + 2,
            "RLIMIT_FSIZE": self.disk * MEGABYTE,
            "RLIMIT_NOFILE": 512,
            "RLIMIT_CORE": 0,
            "RLIMIT_DATA": 2 * self.memory * MEGABYTE,
        }


class Watchdog(threading.Thread):
    """Kill a process and all its descendants as soon as they use too much together.

    Args:
        process: the kernel.
        limits: what it may use.
        folder: its throw-away folder.
        cpu_seconds: for the whole notebook.
    """

    def __init__(
        self, process: psutil.Process, limits: Limits, folder: Path, cpu_seconds: float
    ) -> None:
        super().__init__(daemon=True)
        self.process, self.limits, self.folder = process, limits, folder
        self.cpu_seconds = cpu_seconds
        self.broken = ""
        self._marker = psutil.Process()
        self._before = _of(self._marker, _memory)
        self._stopped = threading.Event()
        self.start()

    def run(self) -> None:
        """Look at the processes until one limit is broken, or the watchdog is stopped."""
        while not self._stopped.wait(PERIOD):
            self.broken = self._what_is_too_much()
            if self.broken:
                kill_with_descendants(self.process)
                return

    def stop(self) -> None:
        """Stop looking."""
        self._stopped.set()
        self.join()

    def _what_is_too_much(self) -> str:
        tree = with_descendants(self.process)
        if len(tree) > self.limits.processes:
            return f"it started more than {self.limits.processes - 1} processes"
        if sum(_of(process, _memory) for process in tree) > self.limits.memory * MEGABYTE:
            return f"it used more than {self.limits.memory} MB of memory"
        if sum(_of(process, _cpu) for process in tree) > self.cpu_seconds:
            return f"it used more than {self.cpu_seconds:g} seconds of CPU time"
        if _of(self._marker, _memory) - self._before > MOST_RECEIVED * MEGABYTE:
            return f"it sent more than {MOST_RECEIVED} MB"
        if _size(self.folder) > self.limits.disk * MEGABYTE:
            return f"it wrote more than {self.limits.disk} MB"
        return ""


def with_descendants(process: psutil.Process) -> list[psutil.Process]:
    """Return a process and all its descendants that still run."""
    with contextlib.suppress(psutil.Error):
        return [process, *process.children(recursive=True)]
    return []


def kill_with_descendants(process: psutil.Process) -> None:
    """Kill a process and its descendants; stop them first, so that they start no others."""
    for _ in range(20):
        tree = [p for p in with_descendants(process) if _of(p, _is_alive)]
        for running in tree:
            with contextlib.suppress(psutil.Error):
                running.suspend()
        for stopped in reversed(tree):
            with contextlib.suppress(psutil.Error):
                stopped.kill()
        if not tree:
            return
        time.sleep(0.01)


def _of(process: psutil.Process, measure: Callable[[psutil.Process], float]) -> float:
    """Return a measure of a process, 0 if it has ended meanwhile."""
    with contextlib.suppress(psutil.Error):
        return measure(process)
    return 0.0


def _memory(process: psutil.Process) -> float:
    """Return the bytes that a process holds, without files and libraries that others share."""
    info = process.memory_info()
    return float(info.rss - getattr(info, "shared", 0))


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return float(times.user + times.system + ended)


def _is_alive(process: psutil.Process) -> float:
    return float(process.status() != psutil.STATUS_ZOMBIE)


def _size(folder: Path) -> int:
    """Return how many bytes of the disk the files in a folder take."""
    total = 0
    with contextlib.suppress(OSError):
        for path in folder.rglob("*"):
            with contextlib.suppress(OSError):
                total += 512 * path.lstat().st_blocks
    return total
