"""Fork a kernel for each notebook from a process that has imported torch and the package once.

Run as `python -I server.py PACKAGE PATHS HIDDEN...`. PACKAGE is the folder of the keyless copy,
PATHS is the marker's `sys.path` as JSON, and the files under HIDDEN may not be opened. Each line of
stdin is a request, as JSON: the connection file of a kernel, its folder, and its limits. The answer
is the process id of the kernel.

Nothing in here knows keys or cases. A kernel may do what it likes with its copy of this process.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4


def import_the_copy(package: str, paths: list[str]) -> None:
    """Make the copy the only pg_edu that can be imported by its name, and import what is slow."""
    sys.path[:] = [package, *(path for path in paths if not _is_clone(Path(path)))]
    sys.meta_path[:] = [find for find in sys.meta_path if "__editable__" not in repr(find)]
    sys.dont_write_bytecode = True
    import torch

    import pg_edu.course
    import pg_edu.course.worlds
    import pg_edu.coursework.marking.inside.respond

    torch.set_num_threads(1)
    found = str(pg_edu.course.__file__)
    if not found.startswith(package):
        raise RuntimeError(f"{found} was imported in place of the copy in {package}")


def _is_clone(folder: Path) -> bool:
    """Return whether only the package is in a folder, and not all that Python has installed."""
    return (folder / "pg_edu").exists() and not (folder / "torch").exists()


def serve(hidden: list[str]) -> None:
    """Fork a kernel for each request, until stdin ends."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _prctl(PR_SET_DUMPABLE, 0)  # A kernel of the same user cannot attach a debugger to this.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        _reap()
        child = os.fork()
        if child == 0:
            _become_a_kernel(request, hidden)
        print(child, flush=True)


def _reap() -> None:
    """Wait for the children that have ended, and for orphans if this is their new parent."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _become_a_kernel(request: dict[str, Any], hidden: list[str]) -> None:
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(nowhere, descriptor)
        os.closerange(3, 256)
        _enter(request["folder"])
        for name, value in request["limits"].items():
            _limit(getattr(resource, name), value)
        _refuse_to_open(hidden)
        _run_kernel(request["connection"])
    finally:
        os._exit(0)


def _enter(folder: str) -> None:
    """Make a throw-away folder the working folder and the home."""
    os.chdir(folder)
    for name in ("HOME", "TMPDIR", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
        os.environ[name] = folder
    os.environ.update(MPLBACKEND="agg", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")


def _limit(what: int, value: int) -> None:
    """Lower a limit; what is lower already stays as it is."""
    hard = resource.getrlimit(what)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (value, value))


def _refuse_to_open(hidden: list[str]) -> None:
    """Refuse to open some files, and what is in some folders.

    Python has no way to remove an audit hook. This is the second of two fences. The first, where
    the system has it, is that the files are empty and the folders are, too.
    """
    folders = tuple(f"{folder}/" for folder in hidden)

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(arguments[0], str | bytes | os.PathLike):
            return
        path = os.path.realpath(os.fsdecode(arguments[0]))
        if path in hidden or path.startswith(folders):
            raise PermissionError("the files of the marker are closed to the notebook")

    sys.addaudithook(refuse)


def _run_kernel(connection: str) -> None:
    from ipykernel.kernelapp import IPKernelApp

    quiet = ["--HistoryManager.enabled=False", "--IPKernelApp.quiet=True", "--log-level=50"]
    IPKernelApp.launch_instance(argv=["-f", connection, *quiet])


def _prctl(what: int, value: int) -> None:
    """Set an attribute of this process where the system is Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(what, value, 0, 0, 0)


if __name__ == "__main__":
    import_the_copy(sys.argv[1], json.loads(sys.argv[2]))
    serve([os.path.realpath(folder) for folder in sys.argv[3:]])
