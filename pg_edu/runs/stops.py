"""Delay what asks this process to stop, where it would leave something half made."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pg_edu.runs.starting import STOPS

# What a terminal sends to all of its processes: Ctrl-C, and that it was closed.
FROM_A_TERMINAL = {getattr(signal, n) for n in ("SIGINT", "SIGHUP") if hasattr(signal, n)}


@contextmanager
def stops_delayed() -> Iterator[None]:
    """Delay the signals of `STOPS` until the end of the block.

    A process that starts in the block does not hear those of a terminal at all, because it inherits
    the mask; it has to end with its parent. The mask is only that of this thread. Where another
    thread hears a signal, Python calls the handler in the main thread all the same, so for the time
    of the block it has another one.
    """
    heard: list[int] = []
    handlers = _replace_handlers(lambda number, _: heard.append(number))
    mask = getattr(signal, "pthread_sigmask", None)  # Windows has no masks.
    before = mask(signal.SIG_BLOCK, FROM_A_TERMINAL) if mask else None
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if mask:
            mask(signal.SIG_SETMASK, before)
        for number in heard:
            signal.raise_signal(number)


def _replace_handlers(new: Callable[[int, Any], object]) -> dict[int, Any]:
    """Set the handler of each signal that has one in Python; return the old handlers.

    Only the main thread can set a handler, and only the main thread is interrupted by one.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}
    handlers = {number: signal.getsignal(number) for number in STOPS}
    own = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in own:
        signal.signal(number, new)
    return own
