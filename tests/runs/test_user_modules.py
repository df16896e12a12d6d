"""A user's modules are found in the working folder if the user names them, and only then.

Most tests start the command line in a process of its own, as `python -m pg_edu` and as the script
`pg-edu` that an installer would write.
"""

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest

from pg_edu.runs.checkpoint import save_checkpoint
from pg_edu.runs.commands import main
from pg_edu.runs.commands.messages import program
from pg_edu.runs.commands.user_modules import find_in_working_folder, remove_working_folder
from pg_edu.runs.config import Config
from pg_edu.runs.training import Result
from tests.runs.helpers import ROOT, SMALL, run_command, states

SCRIPT = """\
import sys
from pg_edu.runs.commands import main
if __name__ == "__main__":
    sys.exit(main())
"""

# Whoever imports this module leaves a file.
ENVIRONMENT = """\
import gymnasium as gym
import numpy as np
from pathlib import Path

Path(__file__).with_suffix(".imported").touch()


class OneStep(gym.Env):
    observation_space = gym.spaces.Box(-1, 1, (4,))
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        return np.zeros(4, np.float32), {}

    def step(self, action):
        return np.zeros(4, np.float32), 1.0, True, False, {}


gym.register("OneStep-v0", OneStep, max_episode_steps=5)
"""

AGENT = """\
def policy(observation_space, action_space):
    raise RuntimeError("not yet written")
"""

ENV_ID = "my_env:OneStep-v0"
OPTIONS = ["--num-envs=2", "--hidden-sizes=4", "--max-updates=1", "--target=inf"]

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a working folder with a user's environment and agent."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "my_env.py").write_text(ENVIRONMENT)
    (folder / "my_agent.py").write_text(AGENT)
    return folder


@pytest.fixture(params=["script", "module"])
def command(request: pytest.FixtureRequest, tmp_path: Path, folder: Path) -> Command:
    """Return a function that runs a command in the working folder, in one of the two ways."""
    script = tmp_path / "bin" / "pg-edu"
    script.parent.mkdir()
    script.write_text(SCRIPT)
    start = [str(script)] if request.param == "script" else ["-m", "pg_edu"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONSAFEPATH", None)

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *start, *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def save_run(folder: Path, env_id: str) -> None:
    """Save a checkpoint of an untrained agent, which names this environment."""
    result: Result = states(0, Config(num_envs=2, hidden_sizes=(4,), max_updates=1))[0]
    settings = {**vars(result.config), "env_id": env_id}
    stranger = Result(**{**vars(result), "config": Config(**settings)})
    folder.mkdir()
    save_checkpoint(stranger, folder / "checkpoint.pt")


def was_imported(folder: Path) -> bool:
    return (folder / "my_env.imported").exists()


def test_probe_finds_an_agent_in_the_working_folder(command: Command) -> None:
    done = command("probe", "my_agent:policy")
    assert done.returncode == 1
    assert "RuntimeError: not yet written" in done.stdout


@pytest.mark.parametrize("command", ["script"], indirect=True)
def test_train_finds_an_environment_and_prints_commands_that_find_it_again(
    command: Command, folder: Path
) -> None:
    done = command("train", ENV_ID, "--out=run", *OPTIONS)
    assert done.returncode == 0, done.stderr
    assert f"evaluate run --env {ENV_ID} " in done.stdout
    assert f"train {ENV_ID} --resume run --max-updates 2 " in done.stdout
    assert command("evaluate", "run", "--env", ENV_ID).returncode == 0
    assert command("train", ENV_ID, "--resume", "run", "--max-updates", "2").returncode == 0


@pytest.mark.parametrize("command", ["module"], indirect=True)
def test_the_workers_of_a_sweep_find_an_environment_in_the_working_folder(
    command: Command, folder: Path
) -> None:
    done = command("sweep", ENV_ID, "--seeds=2", "--workers=2", "--out=swept", *OPTIONS)
    assert done.returncode == 0, done.stderr
    assert len(list((folder / "swept").glob("*.pt"))) == 2


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("evaluate run", f"evaluate run --env {ENV_ID}"),
        ("train --resume run", f"train {ENV_ID} --resume run"),
    ],
)
def test_a_checkpoint_imports_nothing_from_the_working_folder(
    arguments: str, named: str, command: Command, folder: Path
) -> None:
    save_run(folder / "run", ENV_ID)
    done = command(*arguments.split())
    assert done.returncode == 2
    assert "If it is in this folder and you trust it, name it: " in done.stderr
    assert done.stderr.endswith(f" {named}\n")
    assert not was_imported(folder)


@pytest.mark.parametrize("form", ["module", "package"])
@pytest.mark.parametrize("arguments", ["evaluate run", "train --resume run"])
def test_a_checkpoint_imports_nothing_from_the_working_folder_although_it_is_on_the_path(
    form: str,
    arguments: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is there if PYTHONPATH names it, or if it holds a clone of pg_edu."""
    if form == "package":
        (folder / "my_env").mkdir()
        (folder / "my_env.py").rename(folder / "my_env/__init__.py")
    save_run(folder / "run", ENV_ID)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    assert run_command(*arguments.split()) == 2
    assert "no module 'my_env' is installed. If it is in this folder" in capsys.readouterr().err
    assert not list(folder.rglob("*.imported"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("evaluate run --env other:Env-v0", f"the checkpoint's, {ENV_ID}, got other:Env-v0"),
        ("train other:Env-v0 --resume run", f"env_id was {ENV_ID} in the run to resume"),
    ],
)
def test_the_name_of_another_environment_does_not_let_a_checkpoint_import_its_own(
    arguments: str,
    message: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    save_run(folder / "run", ENV_ID)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert run_command(*arguments.split()) == 2
    assert message in capsys.readouterr().err
    assert not was_imported(folder)


def test_python_m_removes_the_working_folder_from_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    others = [str(ROOT), "/somewhere/else"]
    monkeypatch.setattr(sys, "path", [os.getcwd(), *others])
    remove_working_folder()
    assert sys.path == others


def test_the_folder_that_holds_the_package_stays_on_the_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise the workers of a clone that is not installed would not find the package."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", [os.getcwd(), "/somewhere/else"])
    remove_working_folder()
    assert sys.path == [os.getcwd(), "/somewhere/else"]


def test_a_working_folder_that_python_has_not_added_stays_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `python -P` the user can still put the folder first in PYTHONPATH."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "flags", SimpleNamespace(safe_path=True))
    monkeypatch.setattr(sys, "path", [os.getcwd()])
    remove_working_folder()
    assert sys.path == [os.getcwd()]


@pytest.mark.parametrize(
    ("names", "is_added"),
    [([], False), (["CartPole-v1"], False), (["CartPole-v1", "my_env:Env-v0"], True)],
)
def test_only_a_name_with_a_module_adds_the_working_folder(
    names: list[str], is_added: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["/somewhere/else"])
    find_in_working_folder(*names)
    assert (os.getcwd() in sys.path) is is_added


def test_the_entry_point_of_pyproject_is_main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"].keys() == {"pg-edu"}
    entry = EntryPoint("pg-edu", project["scripts"]["pg-edu"], "console_scripts")
    assert entry.load() is main


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="on Windows scripts have other names")
@pytest.mark.parametrize(
    ("script", "is_on_path", "typed"),
    [
        ("away/bin/pg-edu", True, "pg-edu"),
        ("away/bin/pg-edu", False, "{tmp}/away/bin/pg-edu"),
        ("work/.venv/bin/pg-edu", False, ".venv/bin/pg-edu"),
        ("away/pg_edu/__main__.py", True, "python -m pg_edu"),
    ],
)
def test_the_program_is_named_as_the_user_can_type_it(
    script: str, is_on_path: bool, typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = executable(tmp_path / script)
    python = executable(tmp_path / "away/bin/python")
    (tmp_path / "work").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("PATH", str(python.parent) if is_on_path else "")
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(sys, "argv", [str(started)])
    assert program() == typed.format(tmp=tmp_path)


def test_the_printed_commands_name_the_script_if_it_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bin/pg-edu"])
    options = [f"--num-envs={SMALL.num_envs}", "--hidden-sizes=4", "--max-updates=1", "--out=run"]
    assert run_command("train", *options) == 0
    hints = capsys.readouterr().out.partition("Next:\n")[2].splitlines()
    assert [line.split()[:2] for line in hints] == [
        [os.path.join("bin", "pg-edu"), "evaluate"],
        [os.path.join("bin", "pg-edu"), "train"],
        [os.path.join("bin", "pg-edu"), "train"],
    ]
