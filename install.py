"""Make a virtual environment and install pg_edu into it. On Windows write `py`, not `python3`.

    python3 install.py                      make .venv, with everything that the course needs
    python3 install.py .venv-ray ray        make another folder, with another extra of pyproject
    python3 install.py --versions newest    do not take the versions of constraints.txt

It installs with uv where uv is found, and with pip elsewhere. On Linux, the torch of PyPI brings
several GB of libraries for NVIDIA cards. Where no such card is found, torch therefore comes from
PyTorch's own index of builds for CPUs, provided that this index can be reached.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent
PYTHONS = "3.11 to 3.15"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
SECONDS = 5


def main() -> None:
    """Install what the command line names."""
    parser = argparse.ArgumentParser(description="Install pg_edu into a virtual environment.")
    parser.add_argument("folder", nargs="?", default=".venv", help="to be made (.venv)")
    parser.add_argument(
        "extra", nargs="?", default="dev", help="dev, ray, course, parity or bench (dev)"
    )
    parser.add_argument(
        "--versions",
        choices=["tested", "newest", "oldest"],
        default="tested",
        help="those of constraints.txt, the newest, or the lower bounds of pyproject.toml (tested)",
    )
    given = parser.parse_args()
    check_this_python()
    folder = Path(given.folder)
    tool = "uv" if shutil.which("uv") else "pip"
    python = make_environment(tool, folder)
    say(f"Installing into {folder} with {tool}. This can take a few minutes.")
    install = command_of(tool, python) + limits_of(given.versions, folder)
    install_torch(tool, install)
    run([*install, "-e", f"{ROOT}[{given.extra}]"])
    say(f"{folder} is ready. To train an agent: {Path(python).parent / 'pg-edu'} train")


def check_this_python() -> None:
    """Exit with a message if this Python is too old or cannot make virtual environments."""
    if sys.version_info < (3, 11):
        sys.exit(
            f"pg_edu needs Python {PYTHONS}, and this is Python {platform.python_version()}. "
            "Install one and name it: python3.12 install.py, or make PYTHON=python3.12"
        )
    if not (shutil.which("uv") or (find_spec("ensurepip") and find_spec("venv"))):
        sys.exit(
            "This Python cannot make virtual environments. "
            "On Debian and Ubuntu: sudo apt install python3-venv"
        )


def make_environment(tool: str, folder: Path) -> str:
    """Make the virtual environment, or keep what is there; return the path of its Python."""
    if tool == "uv":
        options = ["--quiet", "--seed", "--allow-existing", "--python", sys.executable]
        run(["uv", "venv", *options, str(folder)])
    else:
        run([sys.executable, "-m", "venv", str(folder)])
    return str(folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def command_of(tool: str, python: str) -> "list[str]":
    """Return the beginning of a command that installs packages for that Python."""
    if tool == "uv":
        return ["uv", "pip", "install", "--quiet", "--python", python]
    return [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def limits_of(versions: str, folder: Path) -> "list[str]":
    """Return the options that choose the versions; without any, the newest are taken."""
    if versions == "newest":
        return []
    if versions == "tested":
        return ["-c", str(ROOT / "constraints.txt")]
    path = folder / "oldest.txt"
    path.write_text("".join(f"{line}\n" for line in lower_bounds()), encoding="utf-8")
    return ["-c", str(path)]


def lower_bounds() -> "list[str]":
    """Return a line such as numpy==2.1 for each package that the course and its tests need."""
    import tomllib  # A Python that is too old has no such module; here it was refused already.

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = project["dependencies"] + project["optional-dependencies"]["dev"]
    return [line.split(",")[0].replace(">=", "==") for line in needed]


def install_torch(tool: str, install: "list[str]") -> None:
    """Install torch without CUDA if that is wanted and possible, and say which torch comes and why.

    Otherwise do nothing: torch then comes with the package that needs it.
    """
    reason = why_not_the_cpu_index()
    if not reason:
        say(f"torch: without CUDA, from {CPU_INDEX}, because no NVIDIA card was found.")
        command = [*install, "--no-deps", "--index-url", CPU_INDEX, "torch"]
        if subprocess.run(command, check=False).returncode == 0:
            return
        reason = "that index does not have this version for this Python"
    say(f"torch: the one that {tool} finds, because {reason}.")


def why_not_the_cpu_index() -> str:
    """Return why torch is not to come from PyTorch's index of CPU builds, or "" if it is."""
    if platform.system() != "Linux":
        return f"on {platform.system()} it comes without CUDA"
    if has_nvidia_card():
        return "this machine has an NVIDIA card"
    if not is_reachable(f"{CPU_INDEX}/torch/"):
        return f"{CPU_INDEX} could not be reached"
    return ""


def has_nvidia_card() -> bool:
    """Return whether the driver lists a card. (A tool such as nvcc can be there without one.)"""
    if any(Path("/dev").glob("nvidia[0-9]*")):
        return True
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    listed = subprocess.run([tool, "-L"], capture_output=True, text=True, check=False)
    return listed.returncode == 0 and "GPU" in listed.stdout


def is_reachable(address: str) -> bool:
    """Return whether an address answers in time. The lookup of its name counts, hence a process."""
    probe = f"import urllib.request; urllib.request.urlopen({address!r}, timeout={SECONDS})"
    command = [sys.executable, "-c", probe]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def say(message: str) -> None:
    """Print at once, also into a file, so that the lines of the installer come after it."""
    print(message, flush=True)


def run(command: "list[str]") -> None:
    """Run a command; if it fails, exit with its status, since it has said why."""
    status = subprocess.run(command, check=False).returncode
    if status:
        sys.exit(status)


if __name__ == "__main__":
    main()
