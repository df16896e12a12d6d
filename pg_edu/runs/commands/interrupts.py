"""Let the signals that ask a process to stop do what Ctrl-C does."""

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pg_edu.runs.starting import IS_COMMAND, STOPS

SECONDS_OF_ONE_REQUEST = 1.0


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Let each signal of `STOPS` raise KeyboardInterrupt in the block.

    A signal that this process was started to ignore (`nohup`, a background job) stays ignored.
    After the block of a command, the process ends, and signals no longer matter.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ignored = (signal.SIG_IGN, None)
    before = {number: signal.getsignal(number) for number in STOPS}
    before = {number: handler for number, handler in before.items() if handler not in ignored}
    stop = _Stop()
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if IS_COMMAND else handler)


class _Stop:
    """A handler that raises KeyboardInterrupt, once for what is one request.

    A terminal sends Ctrl-C to `make` too, which then sends SIGTERM. The second signal would
    interrupt the saving that the first one began.
    """

    def __init__(self) -> None:
        self._requested_at = -math.inf

    def __call__(self, *_: Any) -> None:
        now = time.monotonic()
        if now - self._requested_at > SECONDS_OF_ONE_REQUEST:
            self._requested_at = now
            raise KeyboardInterrupt
