"""The workers of a sweep as processes of this machine."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from pg_edu.runs.stops import stops_delayed


class Processes:
    """Worker processes, each in a pool of its own, so that if one dies, only its own run is lost.

    In a pool of several processes, all runs would be lost when one process dies, and nothing would
    say which run was the cause.

    Args:
        work: the function that a worker calls with a run; it has to be picklable.
        workers: the number of processes; None: one for each processor.
        runs: the number of runs; no more processes than that are started.

    Raises:
        ValueError: no process starts.
    """

    def __init__(self, work: Callable[[Any], Any], workers: int | None, runs: int) -> None:
        self.count = min(workers or os.cpu_count() or 1, runs)
        self._work = work
        self._pools = [self._new_pool() for _ in range(self.count)]
        self._latest: list[Future[Any]] = []
        try:
            self._latest = [self._start_process(pool) for pool in self._pools]
            self._check_that_one_starts()
        except BaseException:
            self.close()
            raise

    def start(self, run: Any) -> Future[Any]:
        """Give the run to an idle process; the future raises if the process is lost."""
        idle = next(slot for slot, future in enumerate(self._latest) if future.done())
        try:
            future = self._pools[idle].submit(self._work, run)
        except BrokenProcessPool:  # The process was lost in its last run, or while it was idle.
            self._pools[idle] = self._new_pool()
            self._start_process(self._pools[idle])
            future = self._pools[idle].submit(self._work, run)
        self._latest[idle] = future
        return future

    def close(self) -> None:
        """Stop at once whatever is still running."""
        for pool in self._pools:
            # Since Python 3.14 there is a public method for this.
            for process in list((pool._processes or {}).values()):
                process.kill()
            pool.shutdown()

    def _check_that_one_starts(self) -> None:
        lost = [future.exception() is not None for future in self._latest]
        if lost and all(lost):
            raise ValueError(
                "no worker process starts: was it killed? In a script, call sweep under "
                '`if __name__ == "__main__":`'
            )

    @staticmethod
    def _new_pool() -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        with stops_delayed():  # The first pool starts the process that tracks its semaphores.
            return ProcessPoolExecutor(1, mp_context=context, initializer=_prepare)

    @staticmethod
    def _start_process(pool: ProcessPoolExecutor) -> Future[int]:
        """Start the pool's process, by giving it its first call."""
        with stops_delayed():
            return pool.submit(os.getpid)


def _prepare() -> None:
    """Make a worker process ignore Ctrl-C, which its parent handles, and end with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
