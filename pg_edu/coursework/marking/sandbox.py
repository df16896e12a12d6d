"""The command that keeps the process of the notebooks apart, as far as the system has the means.

Linux has namespaces: a process in its own ones sees no network, no other processes, and a file
system that it cannot change. `unshare` makes them, in most systems for everybody, but some forbid
it. So several commands are tried here, the strictest first, and the first one that works is used.
"""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# $1 is the folder that can be written; then comes what to hide, then "--" and the command.
# What is mounted read-only here stays so: `setpriv` gives up the right to mount.
MOUNT = """
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
work=$1
shift
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then
    mount -t tmpfs -o size=16k,mode=555 none "$1"
  else
    mount --bind /dev/null "$1"
  fi
  shift
done
shift
[ ! -d /dev/shm ] || mount -t tmpfs -o size=64m none /dev/shm
cut -d " " -f 5 /proc/self/mountinfo | while IFS= read -r place; do
  case $place in
    "$work"|/proc|/proc/*|/dev|/dev/*|/sys|/sys/*) ;;
    *) mount -o remount,bind,ro "$(printf %b "$place")" 2>/dev/null || true ;;
  esac
done
if touch "${0%/*}/writable" 2>/dev/null; then exit 1; fi
exec setpriv --bounding-set=-all --inh-caps=-all --no-new-privs "$@"
"""
ALL_APART = (
    "The notebooks had no network, saw no other processes, and could write only into a throw-away "
    "folder."
)
FILES_SHARED = (
    "The notebooks had no network and saw no other processes, but they could read and write the "
    "files of this user."
)
PROCESSES_SHARED = (
    "The notebooks had no network, but they saw the processes of this user, and could read and "
    "write the files."
)
NAMESPACES = ["--user", "--map-root-user", "--net", "--ipc"]
OWN_PROCESSES = ["--pid", "--fork", "--kill-child", "--mount-proc"]


@dataclass(frozen=True)
class Sandbox:
    """A command that keeps the process of the notebooks apart.

    Args:
        says: what it protects, in one sentence for the report.
        command: what is put in front of a command.
        forks: whether the command runs in a child of the process that is started.
        cuts_network: whether there is no network inside.
        hides_files: whether keys are hidden, and only the throw-away folder can be written.
    """

    says: str
    command: Sequence[str] = ()
    forks: bool = False
    cuts_network: bool = False
    hides_files: bool = False


def best_sandbox(package: Path, work: Path, hidden: Sequence[Path]) -> Sandbox:
    """Return the strictest sandbox that this system allows.

    Args:
        package: a folder that exists and cannot be written inside; the copy of the package.
        work: the folder that can be written inside.
        hidden: folders and files that are empty inside.
    """
    for sandbox in _sandboxes(package, work, hidden):
        if _works(sandbox):
            return sandbox
    return NONE


NONE = Sandbox(
    "The network was NOT cut, and the notebooks could read and write the files of this user: "
    "`unshare` does not work here. Mark in a container (docs/MARKING.md)."
)


def _sandboxes(package: Path, work: Path, hidden: Sequence[Path]) -> list[Sandbox]:
    """Return the sandboxes to try, the strictest first."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return []
    base = [unshare, *NAMESPACES]
    mount = ["sh", "-c", MOUNT, str(package / "sh"), str(work), *map(str, hidden), "--"]
    apart = [*base, *OWN_PROCESSES]
    return [
        Sandbox(ALL_APART, [*apart, "--mount", *mount], True, True, True),
        Sandbox(FILES_SHARED, apart, forks=True, cuts_network=True),
        Sandbox(PROCESSES_SHARED, base, cuts_network=True),
    ]


def _works(sandbox: Sandbox) -> bool:
    command = [*sandbox.command, "true"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=20, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
