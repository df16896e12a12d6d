"""Prepare the process of a command before torch is imported, which takes a second or more.

`pg_edu/__init__.py` imports this module first. It does something only in a process that was started
as `pg-edu` or as `python -m pg_edu`; a program that imports the package is left as it is.
"""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

INTERRUPTED = 130
"""The exit status of a command that was stopped: that of a shell for Ctrl-C."""

STOPS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
]
"""The signals that stop a command, as far as this system has them.

Ctrl-C sends SIGINT; Slurm, Docker and `kill` send SIGTERM; a terminal that is closed sends SIGHUP;
Ctrl-Break on Windows sends SIGBREAK.
"""


def _is_command() -> bool:
    """Tell whether this process was started as `pg-edu` or as `python -m pg_edu`.

    The workers of a sweep, whose `sys.argv` is that of the command, were not.
    """
    if "--multiprocessing-fork" in sys.orig_argv:
        return False
    if sys.argv[0] == "-m":  # Python imports the package first, and names the file afterward.
        return "pg_edu" in sys.orig_argv
    return Path(sys.argv[0]).stem == "pg-edu"


IS_COMMAND = _is_command()


def open_closed_streams() -> None:
    """Let what is written to a closed stdout or stderr disappear.

    Otherwise the next file to be opened, such as a checkpoint, would take the number of the closed
    one, and warnings would be written into it.
    """
    number = 0
    while number <= 2:
        number = os.open(os.devnull, os.O_RDWR)
    os.close(number)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            null = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # open to the end
            setattr(sys, name, null)


def end_when_stopped() -> None:
    """Let Ctrl-C and its like end the process with one line: nothing has begun to be saved.

    A signal that this process was started to ignore (`nohup`, a background job) stays ignored.
    """
    for number in STOPS:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _end)


def _end(*_: Any) -> None:
    # An exception would pass through the modules that are being imported, and some catch it.
    with suppress(OSError):
        os.write(2, b"Interrupted.\n")
    os._exit(INTERRUPTED)


if IS_COMMAND:
    open_closed_streams()
    end_when_stopped()
