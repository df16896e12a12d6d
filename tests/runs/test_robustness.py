"""Runs that are stopped, that share a folder, or whose disk, output or environment fails."""

import io
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
import torch
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv

from pg_edu.runs import commands, training
from pg_edu.runs import sweep as sweep_module
from pg_edu.runs.checkpoint import save_checkpoint
from pg_edu.runs.commands import folders
from pg_edu.runs.commands.folders import dated_folder, folder_for_run
from pg_edu.runs.commands.messages import reason
from pg_edu.runs.config import good_config
from pg_edu.runs.environment_errors import EnvironmentFailed
from pg_edu.runs.files import claimed
from pg_edu.runs.training import Result, initial_policy, train, trained_policy
from pg_edu.trainer import collect_and_update
from tests.runs.helpers import ROOT, saved
from tests.runs.helpers import run_command as run

SMALL = ["--num-envs", "4", "--hidden-sizes", "8", "--target", "inf"]
SWEEP = ["sweep", "--seeds=3", "--num-envs=2", "--hidden-sizes=4", "--max-updates=1"]

on_unix = pytest.mark.skipif(sys.platform == "win32", reason="there, os.kill sends no signal")
has_full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test in an empty folder, without pictures; save after each iteration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(commands.train, "_draw", lambda result, folder: "")
    monkeypatch.setattr(commands.train, "SECONDS_BETWEEN_SAVES", -1)


@pytest.fixture
def during(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that lets something happen in the third iteration of a run."""

    def happens(event: Callable[[], object]) -> None:
        calls: list[int] = []

        def with_event(*args: Any, **given: Any) -> Any:
            calls.append(1)
            if len(calls) == 3:
                event()
            return collect_and_update(*args, **given)

        monkeypatch.setattr(training, "collect_and_update", with_event)

    return happens


# Signals.


@on_unix
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_saves_the_run_and_says_how_to_continue(
    name: str, during: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    during(lambda: os.kill(os.getpid(), getattr(signal, name)))
    before = signal.getsignal(getattr(signal, name))
    assert run("train", "--out", "here", *SMALL) == 130
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("pg_edu: stopped after 2 updates, ")
    assert last.endswith("train --resume here")
    assert len(saved("here").history) == 2
    assert signal.getsignal(getattr(signal, name)) is before


@on_unix
def test_a_second_signal_of_the_same_request_does_not_interrupt_the_saving(
    during: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make` sends SIGTERM after the terminal has sent Ctrl-C to both."""
    monkeypatch.setattr(commands.train, "SECONDS_BETWEEN_SAVES", 1000)

    def signaled(*args: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        save_checkpoint(*args)

    def interrupt() -> None:
        monkeypatch.setattr(commands.train, "save_checkpoint", signaled)
        os.kill(os.getpid(), signal.SIGINT)

    during(interrupt)
    assert run("train", "--out", "here", *SMALL) == 130
    assert "stopped after 2 updates" in capsys.readouterr().err
    assert len(saved("here").history) == 2


@on_unix
def test_a_signal_that_the_process_ignores_does_not_stop_the_run(during: Any) -> None:
    """`nohup` starts a process in this way."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        during(lambda: os.kill(os.getpid(), signal.SIGHUP))
        assert run("train", "--max-updates", "3", "--out", "here", *SMALL) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.slow
@on_unix
def test_no_worker_of_a_sweep_outlives_its_parent() -> None:
    command = [sys.executable, "-m", "pg_edu", "sweep", "--seeds=2", "--workers=2", "--out=out"]
    with subprocess.Popen(
        [*command, "--max-env-steps=1000000000", "--target=inf"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        process.stderr.read(5)  # The bar appears when the workers have started.
        process.kill()
        process.communicate(timeout=60)  # It ends when all processes have closed stderr.


@on_unix
def test_a_signal_while_the_run_is_saved_loses_nothing(
    during: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[int] = []

    def signaled_once(*args: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        save_checkpoint(*args)

    during(lambda: monkeypatch.setattr(commands.train, "save_checkpoint", signaled_once))
    assert run("train", "--out", "here", *SMALL) == 130
    assert "stopped after 3 updates" in capsys.readouterr().err
    assert len(saved("here").history) == 3


# Folders.


def test_processes_that_choose_a_name_at_the_same_time_get_different_folders(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each of them sees no folder of this name when it chooses."""
    noon = type("noon", (), {"now": staticmethod(lambda: datetime(2026, 1, 2, 12))})
    monkeypatch.setattr(folders, "datetime", noon)
    monkeypatch.setattr(Path, "exists", lambda path: False)
    with dated_folder("X") as first, dated_folder("X") as second, dated_folder("X") as third:
        names = [first.name, second.name, third.name]
    assert names == ["X-20260102-120000", "X-20260102-120000-2", "X-20260102-120000-3"]
    assert list(Path().iterdir()) == []


def test_the_folder_is_there_before_anything_long_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[list[str]] = []

    def look(*_: Any, **__: Any) -> Result:
        found.append([path.name for path in Path("runs").iterdir()])
        raise ValueError("enough")

    monkeypatch.setattr(commands.train, "train", look)
    assert run("train", "Acrobot-v1") == 2
    assert len(found[0]) == 1 and found[0][0].startswith("Acrobot-v1-20")
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    "arguments", ["train --out here", "train --resume here", "sweep --out here"]
)
def test_a_folder_that_another_process_writes_to_is_refused_in_one_line(
    arguments: str, capsys: pytest.CaptureFixture[str], in_this_process: Any
) -> None:
    if "--resume" in arguments:
        assert run("train", "--max-updates", "1", "--out", "here", *SMALL) == 0
    capsys.readouterr()
    with claimed(Path("here")):
        assert run(*arguments.split()) == 2
    said = capsys.readouterr().err
    assert "here is in use: another process is writing to it. Wait until it has ended" in said
    assert said.count("\n") == 1


def test_a_run_is_resumed_from_what_the_process_that_had_its_folder_has_saved_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That process adds the second iteration while this one waits for nothing but the lock."""
    assert run("train", "--max-updates", "1", "--out", "here", *SMALL) == 0
    config = replace(saved("here").config, max_updates=2)
    later = train(0, config, resume=saved("here"))

    def claim_later(*args: Any) -> Any:
        save_checkpoint(later, Path("here/checkpoint.pt"))
        return folder_for_run(*args)

    monkeypatch.setattr(commands.train, "folder_for_run", claim_later)
    assert run("train", "--resume", "here", "--max-updates", "3") == 0
    assert saved("here").history[:2] == later.history


def test_a_deleted_folder_is_made_again(during: Any) -> None:
    during(lambda: shutil.rmtree("here"))
    assert run("train", "--max-updates", "4", "--out", "here", *SMALL) == 0
    assert len(saved("here").history) == 4
    assert {path.name for path in Path("here").iterdir()} == {"checkpoint.pt", "run.csv"}


def test_a_deleted_working_folder_costs_no_iteration(
    during: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    during(lambda: shutil.rmtree(tmp_path / "work"))
    if sys.platform == "win32":
        pytest.skip("there, the working folder cannot be deleted")
    assert run("train", "--max-updates", "4", "--out", "here", *SMALL) == 0
    assert len(saved(str(tmp_path / "work/here")).history) == 4


def test_a_deleted_folder_of_a_sweep_is_made_again(
    in_this_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = sweep_module._work

    def after_deletion(sweep_run: Any, **given: float) -> Any:
        if sweep_run.seed == 2:
            shutil.rmtree("out")
        return work(sweep_run, **given)

    monkeypatch.setattr(sweep_module, "_work", after_deletion)
    assert run(*SWEEP, "--target=inf", "--out=out") == 0
    names = {path.name for path in Path("out").iterdir()}
    assert {"table.csv", "curves.png"} < names and any(n.endswith("-seed2.pt") for n in names)


# The disk.


def test_a_file_that_becomes_too_large_ends_the_run_with_one_line_and_the_last_checkpoint(
    during: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    resource = pytest.importorskip("resource", reason="Windows has no limits for a process")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    during(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1])))
    try:
        status = run("train", "--max-updates", "5", "--out", "here", *SMALL)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert status == 2
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("pg_edu: ")
    assert "checkpoint.pt: File too large. The run is saved after 2 updates, " in last
    assert last.endswith("train --resume here")
    assert len(saved("here").history) == 2
    assert len(Path("here/run.csv").read_text().splitlines()) == 3
    assert {path.name for path in Path("here").iterdir()} == {"checkpoint.pt", "run.csv"}


def test_a_full_disk_ends_a_sweep_with_one_line_and_the_finished_runs(
    in_this_process: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full_after_the_first(result: Result, path: Path) -> None:
        if result.seed > 0:
            raise OSError(28, "No space left on device", str(path))
        save_checkpoint(result, path)

    monkeypatch.setattr(sweep_module, "save_checkpoint", full_after_the_first)
    assert run(*SWEEP, "--target=inf", "--out=out") == 2
    *_, last = capsys.readouterr().err.splitlines()
    assert "seed1.pt: No space left on device. There are 1 of 3 runs finished, which are" in last


# The output.


@has_full_device
def test_a_full_stderr_costs_only_the_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stderr", full)
        assert run("train", "--max-updates", "2", "--out", "here", *SMALL) == 0
    assert capsys.readouterr().out.startswith("Stopped by --max-updates after 2 updates")


@has_full_device
def test_the_line_of_a_mistake_goes_to_stdout_if_stderr_is_full(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stderr", full)
        assert run("train", "--seed", "-1") == 2
    assert "pg_edu: seed must be a whole number of at least 0, got -1\n" in capsys.readouterr().out


def test_a_closed_stderr_costs_only_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert run("train", "--max-updates", "2", "--out", "here", *SMALL) == 0
    assert len(saved("here").history) == 2


@has_full_device
def test_a_full_stdout_is_an_error_after_the_run_has_been_saved(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert run("train", "--max-updates", "2", "--out", "here", *SMALL) == 2
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("pg_edu: the output cannot be printed: No space left on device.")
    assert len(saved("here").history) == 2


def test_letters_that_the_output_lacks_cost_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="ascii"))
    assert run("train", "--max-updates", "1", "--out", "d\u00e9j\u00e0", *SMALL) == 0
    sys.stdout.flush()
    assert rb"d\xe9j\xe0" in out.getvalue()


def test_an_error_without_a_file_is_not_called_one_of_the_output() -> None:
    assert reason(OSError(24, "Too many open files")) == "the system says: Too many open files"


# The environment and the numbers.


def test_an_error_of_the_environment_ends_in_one_line_with_the_saved_updates(
    during: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise EnvironmentFailed("Mine-v0 failed in step (mine.py:3): OSError: sensor gone")

    during(fail)
    assert run("train", "--out", "here", *SMALL) == 2
    *_, last = capsys.readouterr().err.splitlines()
    begin = "pg_edu: Mine-v0 failed in step (mine.py:3): OSError: sensor gone. The run is saved "
    assert last.startswith(begin + "after 2 updates, ")
    assert len(saved("here").history) == 2


def test_an_error_of_torch_ends_in_one_line_with_the_saved_updates(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("train", "--learning-rate", "1e300", "--out", "here", *SMALL) == 2
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("pg_edu: RuntimeError: value cannot be converted to type float without")
    assert "The run is saved after 0 updates" in last
    assert len(saved("here").history) == 0


def test_all_files_of_a_run_are_in_its_folder_although_the_environment_leaves_it() -> None:
    assert run("train", "tests.runs.faulty_envs:moves-v0", "--max-updates=1", *SMALL) == 0
    (folder,) = Path("runs").iterdir()
    assert {path.name for path in folder.iterdir()} == {"checkpoint.pt", "run.csv"}


def test_an_environment_that_calls_sys_exit_with_0_is_an_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("train", "tests.runs.faulty_envs:leaves-v0", "--out", "here", *SMALL) == 2
    assert "leaves-v0 failed in step (" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["infinite", "huge"])
def test_no_reward_is_so_large_that_it_solves_every_task(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("train", f"tests.runs.faulty_envs:{name}-v0", "--out", "here", *SMALL) == 2
    assert "finite" in capsys.readouterr().err
    assert not saved("here").solved


def test_an_id_without_a_version_gets_the_settings_of_the_newest_one() -> None:
    assert run("train", "CartPole", "--max-updates", "1", "--out", "here") == 0
    config = saved("here").config
    assert config == good_config("CartPole-v1", max_updates=1, target=475.0)
    assert run("train", "CartPole", "--resume", "here", "--max-updates", "2") == 0


def test_an_absurd_learning_rate_is_reported_by_what_became_of_the_policy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In every state of CartPole near its start, the policy gives one action probability 1."""
    rate = ["--learning-rate", "1e6", "--max-updates", "4"]
    assert run("train", *rate, "--out", "here", *SMALL) == 0
    said = capsys.readouterr().out
    assert "The policy no longer explores: for all " in said
    assert "one action has probability 1 (in float32)" in said
    assert "try a --learning-rate below 1e+06" in said
    logits = trained_policy(saved("here")).actor(torch.zeros(1, 4))[0]
    assert torch.softmax(logits, -1).max() == 1.0


def test_a_policy_that_explores_is_not_called_certain(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "--max-updates", "2", "--out", "here", *SMALL) == 0
    assert "no longer explores" not in capsys.readouterr().out


def test_counting_certain_actions_changes_no_mean_return(
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = train(0, good_config(num_envs=4, max_updates=1, target=math.inf))
    policy = initial_policy(0, result.config)
    policy.dist_fn = count = commands.train._CountOfCertainActions(policy.dist_fn)
    plain = initial_policy(0, result.config)
    means = [commands.train._mean_return(p, result, greedy=False) for p in (policy, plain)]
    assert means[0] == means[1]
    assert (count.certain, count.observations > 100) == (0, True)


@pytest.mark.parametrize("command", ["train", "sweep"])
def test_the_time_limit_of_a_step_is_an_option(
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    in_this_process: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given: list[float] = []
    place = commands.train if command == "train" else sweep_module
    limit = place.time_limit

    def record(seconds: float) -> Any:
        given.append(seconds)
        return limit(seconds)

    monkeypatch.setattr(place, "time_limit", record)
    options = ["--max-updates=1", "--num-envs=2", "--target=inf"]
    options += ["--seeds=1"] if command == "sweep" else []
    assert run(command, "--step-seconds", "7", "--out", "a", *options) == 0
    assert run(command, "--out", "b", *options) == 0
    assert given == [7.0, 300.0]
    assert run(command, "--step-seconds", "0", "--out", "c", *options) == 2
    assert "step-seconds must be a positive number or inf, got 0.0" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="Windows has no alarms")
def test_evaluate_does_not_wait_forever_for_a_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An hour goes by in the first step, as far as the alarm can tell."""
    assert run("train", "--max-updates", "1", "--out", "here", *SMALL) == 0

    class Hangs(CartPoleVectorEnv):
        def step(self, action: Any) -> Any:
            assert 3000 < signal.getitimer(signal.ITIMER_REAL)[0] <= 3600
            signal.raise_signal(signal.SIGALRM)

    maker: Any = Hangs
    spec = replace(gym.spec("CartPole-v1"), vector_entry_point=maker)
    monkeypatch.setitem(gym.registry, "CartPole-v1", spec)
    assert run("evaluate", "here", "--step-seconds", "3600") == 2
    said = capsys.readouterr().err
    assert "CartPole-v1 failed in step (" in said and "no answer within 3600 s" in said
