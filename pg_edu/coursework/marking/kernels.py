"""Kernels for notebooks, forked by a server, and driven over Jupyter's protocol.

Only the shell channel is used: requests go out, and one reply to each comes back. What a notebook
prints goes to another channel, to which nobody listens, so that a notebook can print for ever
without filling anything.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import zmq
from jupyter_client.connect import write_connection_file
from jupyter_client.session import Session

from pg_edu.coursework.marking import strip
from pg_edu.coursework.marking.limits import (
    Limits,
    Watchdog,
    kill_with_descendants,
    with_descendants,
)
from pg_edu.coursework.marking.sandbox import NONE, Sandbox, best_sandbox

LONGEST_REPLY = 32 * 2**20  # bytes
SERVER_STARTS_WITHIN = 120.0  # seconds; importing torch from a cold disk takes long
KERNEL_STARTS_WITHIN = 30.0
INTERRUPTED_WITHIN = 2.0
LOOK_EVERY = 50  # milliseconds
ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
ENDED = "it ended its kernel"
RESPOND = "__import__('pg_edu.coursework.marking.inside.respond', fromlist=['respond'])"


class KernelEnded(Exception):
    """The error for a kernel that ended, or had to be ended, with what it did in words."""


class CannotStart(RuntimeError):
    """The error for a server or a kernel that does not start, which is no fault of a notebook."""


class Server:
    """A process without keys that forks kernels, in the best sandbox that the system allows.

    Args:
        base: an empty folder, for the copy of the package and what the notebooks write.
        hidden: folders and files that notebooks must not read, besides those with keys.
        sandboxed: whether to use a sandbox; a test of what happens without one does not.
    """

    def __init__(self, base: Path, hidden: Sequence[Path] = (), sandboxed: bool = True) -> None:
        self.base = base
        self.package, self.work = self.base / "package", self.base / "work"
        for folder in (self.package, self.work):
            folder.mkdir()
        strip.copy_without_keys(self.package)
        self._fingerprint = strip.fingerprint(self.package)
        self.hidden = strip.hidden_places(hidden, base)
        sandbox = best_sandbox(self.package, self.work, self.hidden) if sandboxed else NONE
        self.sandbox: Sandbox = sandbox
        self._count = 0
        self._start()

    def _start(self) -> None:
        script = self.package / "pg_edu" / strip.INSIDE / "server.py"
        paths = json.dumps([path for path in sys.path if path])
        arguments = [str(self.package), paths, *map(str, self.hidden)]
        command = [sys.executable, "-I", str(script), *arguments]
        # A notebook can read the environment of this process, which may hold secrets of the user.
        environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        environment |= {name: str(self.work) for name in ("HOME", "TMPDIR", "MPLCONFIGDIR")}
        self._process = subprocess.Popen(
            [*self.sandbox.command, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self.work,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the marker alone.
        )
        if self._answer(SERVER_STARTS_WITHIN) != "ready":
            self.close()
            raise CannotStart("the process that runs the notebooks does not start.")

    def _answer(self, seconds: float) -> str:
        """Return the next line of the server, or "" if it ends or takes too long."""
        assert self._process.stdout is not None
        poller = zmq.Poller()
        poller.register(self._process.stdout, zmq.POLLIN)
        if not poller.poll(int(1000 * seconds)):
            return ""
        return self._process.stdout.readline().decode().strip()

    def _own_process(self) -> psutil.Process:
        """Return the process that forks: the one that was started, or its only child."""
        process = psutil.Process(self._process.pid)
        return process.children()[0] if self.sandbox.forks else process

    def kernel(self, limits: Limits, cpu_seconds: float) -> "Kernel":
        """Return a new kernel with an empty folder of its own.

        Args:
            limits: what it may use.
            cpu_seconds: of all cells and exercises together.
        """
        self._count += 1
        folder = self.work / str(self._count)
        folder.mkdir()
        ask = {"folder": str(folder), "limits": limits.of_one_process(cpu_seconds)}
        connection, settings = write_connection_file(
            str(folder / "connection.json"),
            ip=str(folder / "k"),
            key=os.urandom(16).hex().encode(),
            transport="ipc",
        )
        process = self._forked({**ask, "connection": connection})
        watchdog = Watchdog(process, limits, folder, cpu_seconds)
        kernel = Kernel(process, watchdog, dict(settings))
        try:
            kernel.run("", KERNEL_STARTS_WITHIN)
        except KernelEnded as error:
            self.end(kernel, suspicious=True)
            raise CannotStart(f"a kernel does not start: {error}.") from error
        return kernel

    def _forked(self, request: dict[str, Any]) -> psutil.Process:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{json.dumps(request)}\n".encode())
            self._process.stdin.flush()
            if not self._answer(KERNEL_STARTS_WITHIN):
                raise CannotStart("the process that forks kernels has ended.")
            return max(self._own_process().children(), key=lambda child: child.create_time())
        except (OSError, psutil.Error, ValueError, IndexError) as error:
            raise CannotStart("the process that forks kernels has ended.") from error

    def end(self, kernel: "Kernel", suspicious: bool) -> None:
        """End a kernel and all that it has started, and remove its folder.

        Args:
            kernel: the kernel.
            suspicious: whether it did what no notebook should. Where the server is not out of its
                reach, a fresh one is started.
        """
        kernel.close()
        shutil.rmtree(kernel.watchdog.folder, ignore_errors=True)
        if (suspicious and not self.sandbox.hides_files) or not self._is_clean():
            self.restart()

    def _is_clean(self) -> bool:
        """Return whether the server is as it was, with no other processes left."""
        with contextlib.suppress(psutil.Error, IndexError):
            server = self._own_process()
            left = [child for child in server.children() if child.status() != "zombie"]
            changed = strip.fingerprint(self.package) != self._fingerprint
            runs = self._process.poll() is None and server.status() != psutil.STATUS_ZOMBIE
            return runs and not left and not changed
        return False

    def restart(self) -> None:
        """End all processes, restore the copy of the package, and start again."""
        self._stop()
        if strip.fingerprint(self.package) != self._fingerprint:
            shutil.rmtree(self.package)
            self.package.mkdir()
            strip.copy_without_keys(self.package)
            self._fingerprint = strip.fingerprint(self.package)
        self._start()

    def _stop(self) -> None:
        """End the server, its kernels, and what these have started."""
        with contextlib.suppress(psutil.Error):
            kill_with_descendants(psutil.Process(self._process.pid))
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.wait()

    def close(self) -> None:
        """End all processes and remove all files."""
        self._stop()
        shutil.rmtree(self.base, ignore_errors=True)


class Kernel:
    """The marker's end of a kernel.

    Args:
        process: the kernel's process.
        watchdog: what enforces its limits.
        settings: those of the connection file.
    """

    def __init__(
        self, process: psutil.Process, watchdog: Watchdog, settings: dict[str, Any]
    ) -> None:
        self.process, self.watchdog = process, watchdog
        self._session = Session(key=settings["key"].encode(), signature_scheme="hmac-sha256")
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.MAXMSGSIZE, LONGEST_REPLY)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 10)
        self._socket.connect(f"ipc://{settings['ip']}-{settings['shell_port']}")

    def run(self, code: str, seconds: float) -> str:
        """Run code, and return the error that it raised as text, or "".

        Code whose time is up is interrupted, as by Jupyter's button.

        Raises:
            KernelEnded: the kernel ended, or did not stop when it was interrupted.
        """
        content = self._request(code, {}, seconds, INTERRUPTED_WITHIN)
        if content.get("status") == "ok":
            return ""
        return f"{_text(content.get('ename'))}: {_text(content.get('evalue'))}"

    def evaluate(self, expression: str, seconds: float) -> str:
        """Return the text that an expression of ours evaluates to.

        Raises:
            KernelEnded: as for `run`, or what came back is no text.
        """
        content = self._request("", {"it": expression}, seconds)
        try:
            shown = content["user_expressions"]["it"]["data"]["text/plain"]
            return _unquoted(shown)
        except (KeyError, TypeError) as error:
            raise KernelEnded("what came back from the kernel cannot be read") from error

    def _request(
        self, code: str, expressions: dict[str, str], seconds: float, patience: float = 0.0
    ) -> dict[str, Any]:
        """Return the content of the reply; with patience, interrupt the code when it is late."""
        content = {
            "code": _encodable(code),
            "silent": True,
            "store_history": False,
            "user_expressions": expressions,
            "allow_stdin": False,
            "stop_on_error": False,
        }
        message = self._session.msg("execute_request", content)
        self._session.send(self._socket, message)
        number = message["header"]["msg_id"]
        reply = self._reply(number, seconds)
        if reply is None and patience:
            with contextlib.suppress(psutil.Error):
                self.process.send_signal(signal.SIGINT)
            reply = self._reply(number, patience)
            if reply is not None:
                return {"ename": "TimeIsUp", "evalue": f"stopped after {seconds:.0f} seconds"}
        if reply is None:
            raise KernelEnded(f"it did not finish within {seconds:.0f} seconds")
        return reply

    def _reply(self, to: str, seconds: float) -> dict[str, Any] | None:
        """Return the content of the reply to a request, or None if there is none in time."""
        deadline = time.monotonic() + seconds
        while True:
            if self._socket.poll(LOOK_EVERY):
                message = self._received()
                if message.get("parent_header", {}).get("msg_id") == to:
                    content = message.get("content")
                    return content if isinstance(content, dict) else {}
            if self.watchdog.broken:
                raise KernelEnded(self.watchdog.broken)
            if not self._is_alive():
                raise KernelEnded(ENDED)
            if time.monotonic() > deadline:
                return None

    def _received(self) -> dict[str, Any]:
        try:
            _, parts = self._session.feed_identities(self._socket.recv_multipart())
            message = self._session.deserialize(parts)
        except Exception:  # A student's code can send whatever it likes.
            return {}
        return message if isinstance(message.get("parent_header"), dict) else {}

    def _is_alive(self) -> bool:
        with contextlib.suppress(psutil.Error):
            return bool(self.process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD))
        return False

    def close(self) -> None:
        """End the kernel with everything that it has started."""
        self.watchdog.stop()
        for process in with_descendants(self.process)[1:]:
            kill_with_descendants(process)
        kill_with_descendants(self.process)
        self._socket.close()
        self._context.term()


def _text(value: Any) -> str:
    """Return what a kernel calls a text as one short line."""
    line = value if isinstance(value, str) else ""
    return "".join(c if c.isprintable() else " " for c in line[:200]).strip()


def _encodable(code: str) -> str:
    """Return code with a question mark for each half of a surrogate pair, which has no UTF-8."""
    return code.encode("utf-8", "replace").decode()


def _unquoted(shown: str) -> str:
    """Return the text that IPython shows in quotes; ours has neither quotes nor backslashes."""
    if not isinstance(shown, str):
        raise TypeError("no text")
    return shown.strip("'")
