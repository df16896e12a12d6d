"""Signals wait for the end of the block, also where another thread hears them."""

import os
import signal
import sys
import threading
from collections.abc import Callable

import pytest

from pg_edu.runs.stops import stops_delayed

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send these signals")


def to_the_process() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def to_another_thread() -> None:
    """Send SIGINT to a thread without a mask, as a progress bar starts one."""
    waiting = threading.Event()
    other = threading.Thread(target=waiting.wait)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    other.start()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    signal.pthread_kill(other.ident or 0, signal.SIGINT)
    waiting.set()
    other.join()


@pytest.mark.parametrize("send", [to_the_process, to_another_thread])
def test_ctrl_c_in_the_block_interrupts_at_its_end(send: Callable[[], None]) -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), stops_delayed():
        send()
        done.append("the rest of the block")
    assert done == ["the rest of the block"]


def test_handlers_and_mask_are_as_before() -> None:
    before = signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, set())
    with stops_delayed():
        pass
    after = signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, set())
    assert after == before


def test_in_another_thread_nothing_is_delayed_that_only_the_main_thread_hears() -> None:
    handlers = []

    def work() -> None:
        with stops_delayed():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGINT)]
