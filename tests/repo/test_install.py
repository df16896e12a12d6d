"""install.py chooses the installer, the versions and the torch, and says which torch and why.

Its commands are noted here, not carried out.
"""

import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import install

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]

Machine = Callable[..., list[str]]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    """Return a function that runs install.py on such a machine and returns its commands."""

    def run(
        *arguments: str,
        system: str = "Linux",
        card: bool = False,
        reachable: bool = True,
        has_uv: bool = False,
        fails: str = "nothing",
    ) -> list[str]:
        commands: list[str] = []

        def note(command: list[str], check: bool) -> Any:
            commands.append(" ".join(command))
            return type("Done", (), {"returncode": int(fails in commands[-1])})

        folder = tmp_path / ".venv"
        folder.mkdir(exist_ok=True)
        monkeypatch.setattr(sys, "argv", ["install.py", str(folder), *arguments])
        monkeypatch.setattr("install.subprocess.run", note)
        monkeypatch.setattr("install.platform.system", lambda: system)
        monkeypatch.setattr(install, "has_nvidia_card", lambda: card)
        monkeypatch.setattr(install, "is_reachable", lambda address: reachable)
        monkeypatch.setattr("install.shutil.which", lambda name: name if has_uv else None)
        install.main()
        return commands

    return run


def test_on_linux_torch_comes_without_cuda_and_then_everything_else(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    _, torch, rest = machine()
    assert f"-c {ROOT / 'constraints.txt'} --no-deps --index-url {install.CPU_INDEX} torch" in torch
    assert rest.endswith(f"-c {ROOT / 'constraints.txt'} -e {ROOT}[dev]")
    assert "torch: without CUDA" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        ({"card": True}, "this machine has an NVIDIA card"),
        ({"reachable": False}, f"{install.CPU_INDEX} could not be reached"),
        ({"system": "Darwin"}, "on Darwin it comes without CUDA"),
        ({"fails": "--index-url"}, "that index does not have this version for this Python"),
    ],
)
def test_otherwise_torch_is_what_pip_finds_and_a_line_says_why(
    machine: Machine, capsys: pytest.CaptureFixture[str], about: dict[str, Any], reason: str
) -> None:
    commands = machine(**about)
    assert "--index-url" not in commands[-1]
    assert f"torch: the one that pip finds, because {reason}." in capsys.readouterr().out


def test_uv_is_used_where_it_is_installed(machine: Machine) -> None:
    assert all(command.startswith("uv ") for command in machine(has_uv=True))


def test_without_uv_pip_of_the_environment_is_used(machine: Machine, tmp_path: Path) -> None:
    venv, *installing = machine()
    assert venv == f"{sys.executable} -m venv {tmp_path / '.venv'}"
    assert all(" -m pip install " in command for command in installing)
    assert all(command.startswith(str(tmp_path / ".venv")) for command in installing)


def test_another_extra_can_be_named(machine: Machine) -> None:
    assert machine("ray")[-1].endswith(f"-e {ROOT}[ray]")


def test_the_newest_versions_are_taken_without_constraints(machine: Machine) -> None:
    assert not any(" -c " in command for command in machine("--versions", "newest"))


def test_the_oldest_versions_are_the_lower_bounds_of_pyproject(
    machine: Machine, tmp_path: Path
) -> None:
    path = tmp_path / ".venv" / "oldest.txt"
    assert f"-c {path} -e" in machine("dev", "--versions", "oldest")[-1]
    pins = [Requirement(line) for line in path.read_text(encoding="utf-8").splitlines()]
    needed = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
    bounds = [(r.name, s) for r in map(Requirement, needed) for s in r.specifier]
    lowest = {name: f"=={bound.version}" for name, bound in bounds if bound.operator == ">="}
    assert {pin.name: str(pin.specifier) for pin in pins} == lowest


def test_a_step_that_fails_ends_the_installation_with_its_status(machine: Machine) -> None:
    with pytest.raises(SystemExit) as raised:
        machine(fails=" -m venv ")
    assert raised.value.code == 1


def test_a_python_that_is_too_old_is_told_which_one_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 to 3\.\d+, and this is Python"):
        install.check_this_python()


def test_a_python_without_venv_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("install.shutil.which", lambda name: None)
    monkeypatch.setattr(install, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="apt install python3-venv"):
        install.check_this_python()


def test_an_address_that_refuses_is_not_reachable() -> None:
    assert not install.is_reachable("http://127.0.0.1:1/")


def test_an_address_that_answers_is_reachable(tmp_path: Path) -> None:
    page = tmp_path / "page"
    page.write_text("", encoding="utf-8")
    assert install.is_reachable(page.as_uri())


def test_the_pages_and_the_message_name_the_pythons_of_pyproject() -> None:
    prefix = "Programming Language :: Python :: "
    supported = [c.removeprefix(prefix) for c in PROJECT["classifiers"] if c.startswith(prefix)]
    assert f"{supported[0]} to {supported[-1]}" == install.PYTHONS
    for page in ("README.md", "docs/INSTALL.md"):
        assert f"Python {install.PYTHONS}" in (ROOT / page).read_text(encoding="utf-8")
