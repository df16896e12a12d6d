"""A time limit for code of others that runs in this process.

The code runs in a thread of its own. When its time is up, an exception is raised in that thread,
which stops a loop in Python. Nothing in this belongs to one operating system, but only Linux has
been tried. A single call that waits, such as `time.sleep(10**9)`, cannot be stopped; it is left
behind. One that keeps the interpreter to itself, such as `sum(range(10**12))`, makes us wait, too.

What is limited is the processor's time, so that an answer is as right on a busy machine as on an
idle one. A clock ends it only if it waits.
"""

import contextlib
import ctypes
import sys
import threading
import time
from collections.abc import Callable

STACK = 64 * 2**20  # bytes; some systems give threads too little for a deep recursion
ATTEMPTS = 20
EXTENSIONS = 10  # of the time of work that goes on importing
PAUSE = 0.01  # seconds
PATIENCE = 4  # times as long on the clock: the processor may be busy with something else

_here = threading.local()  # whether this thread runs code of others


class TimeIsUp(BaseException):
    """Raised in a thread whose time is up.

    It is no Exception, so `except Exception` does not catch it.
    """


def finishes_within(seconds: float, work: Callable[[], None]) -> bool:
    """Run `work` in a thread, stop it when its time is up, and return whether it has finished.

    The first import of a large package takes longer than any answer, so work that has imported
    something since it was last looked at gets the same time again, at most a few times.

    Args:
        seconds: the limit, in seconds of the processor.
        work: a function without arguments; it must handle its own exceptions.

    Raises:
        RuntimeError: the code of others calls this function, as an answer that calls `check` does.
    """
    if getattr(_here, "limited", False):
        raise RuntimeError("an answer cannot check an answer.")
    # Python 3.11 takes a thread for dead if Ctrl-C interrupts its `join`, so an event is used.
    done = threading.Event()
    imported = len(sys.modules)
    worker = _started(work, done)
    try:
        return _waited(seconds, done, imported)
    finally:
        # Ctrl-C leads here, too: nothing is left running.
        _stop(worker, done)


def _waited(seconds: float, done: threading.Event, imported: int) -> bool:
    """Wait until the work is done or its time is up, and return whether it is done.

    Args:
        seconds: the limit, in seconds of the processor.
        done: set when the work is done.
        imported: the number of modules that were imported before the work began.
    """
    for _ in range(1 + EXTENSIONS):
        if _done_within(seconds, done):
            return True
        if len(sys.modules) == imported:
            return False
        imported = len(sys.modules)
    return False


def _done_within(seconds: float, done: threading.Event) -> bool:
    """Wait for `seconds` of this process, or `PATIENCE` times as many on the clock."""
    busy_until = time.process_time() + seconds
    wait_until = time.monotonic() + PATIENCE * seconds
    left = seconds
    while left > 0:
        if done.wait(left):
            return True
        left = min(busy_until - time.process_time(), wait_until - time.monotonic())
    return done.is_set()


def _started(work: Callable[[], None], done: threading.Event) -> threading.Thread:
    """Start a thread with a large stack that does not keep the process alive."""

    def run() -> None:
        _here.limited = True
        deepest = sys.getrecursionlimit()
        try:
            # What is still raised here would be printed, by Python, above the line of `check`.
            with contextlib.suppress(BaseException):
                work()
        finally:
            # The limit holds for all threads: with a lower one, this package may fail, too.
            sys.setrecursionlimit(deepest)
            done.set()

    before = threading.stack_size(STACK)
    try:
        worker = threading.Thread(target=run, daemon=True)
        worker.start()
    finally:
        threading.stack_size(before)
    return worker


def _stop(worker: threading.Thread, done: threading.Event) -> None:
    """Raise TimeIsUp in a thread until it is done, at most a few times: the code may catch it."""
    for _ in range(ATTEMPTS):
        if done.is_set():
            worker.join(PAUSE)
            return
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(worker.ident or 0), ctypes.py_object(TimeIsUp)
        )
        done.wait(PAUSE)
