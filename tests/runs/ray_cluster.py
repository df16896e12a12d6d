"""Sweeps on a real Ray cluster with two worker processes, one of which is killed.

`make ray` runs this file. Its name keeps it out of `make test`, because only this file needs Ray,
which takes 240 MB and is not available for every system.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pg_edu.runs.ray_tasks import import_ray
from pg_edu.runs.sweep import Outcome, Run, finished, sweep
from pg_edu.runs.training import train
from tests.runs import faulty_envs
from tests.runs.helpers import fingerprint, run_command
from tests.runs.test_sweep import RUNS, SMALL

FAULTS = ["dies", "raises", "dies_once", "hangs_once", "leaves"]


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str | int, Outcome]]:
    """Return the outcomes of a sweep in which many things go wrong and one worker is killed."""
    folder = tmp_path_factory.mktemp("faulty")
    runs = [Run(0, replace(SMALL, env_id=f"tests.runs.faulty_envs:{name}-v0")) for name in FAULTS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAULTY_ENVS", str(folder))

        def kill_the_one_that_hangs() -> None:
            while not faulty_envs.mark("pid").exists():
                time.sleep(0.05)
            os.kill(int(faulty_envs.mark("pid").read_text()), signal.SIGKILL)

        threading.Thread(target=kill_the_one_that_hangs, daemon=True).start()
        outcomes = sweep([*runs, *RUNS], folder / "out", backend="ray", workers=2)
    names: list[str | int] = [*FAULTS, 0, 1, 2]
    yield dict(zip(names, outcomes, strict=True))


def test_the_results_are_those_of_train(faulty: dict[str | int, Outcome]) -> None:
    for seed, config in RUNS:
        assert fingerprint(faulty[seed].result) == fingerprint(train(seed, config))


def test_a_run_that_raises_is_reported_with_its_error(faulty: dict[str | int, Outcome]) -> None:
    assert "failed in step (" in faulty["raises"].failure
    assert faulty["raises"].failure.endswith(": Unpicklable: this and that")
    assert ": SystemExit: 3." in faulty["leaves"].failure


def test_a_run_that_always_kills_its_worker_is_reported(faulty: dict[str | int, Outcome]) -> None:
    assert faulty["dies"].failure.startswith("its worker was lost 2 times (WorkerCrashedError")


@pytest.mark.parametrize("name", ["dies_once", "hangs_once"])
def test_a_run_whose_worker_dies_once_has_a_result(
    name: str, faulty: dict[str | int, Outcome]
) -> None:
    result = faulty[name].result
    assert result is not None
    assert [row.return_mean for row in result.history] == [1.0]


def test_two_workers_run_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run that hangs ends only after the other one, when its worker is killed."""
    monkeypatch.setenv("FAULTY_ENVS", str(tmp_path))
    hanging = Run(0, replace(SMALL, env_id="tests.runs.faulty_envs:hangs_once-v0"))
    shown: list[int] = []

    def kill_after_the_first(outcomes: list[Outcome]) -> None:
        shown.append(len(outcomes))
        if len(outcomes) == 1:
            assert outcomes[0].run == RUNS[0]
            while not faulty_envs.mark("pid").exists():
                time.sleep(0.05)
            os.kill(int(faulty_envs.mark("pid").read_text()), signal.SIGKILL)

    outcomes = sweep(
        [hanging, RUNS[0]],
        tmp_path / "out",
        backend="ray",
        workers=2,
        on_outcome=kill_after_the_first,
    )
    assert shown == [0, 1, 2]
    assert [outcome.failure for outcome in outcomes] == ["", ""]


OPTIONS = ["--num-envs=2", "--hidden-sizes=4", "--max-updates=1", "--target=inf", "--seeds=2"]


def test_the_command_prints_the_table_of_the_other_backend_and_nothing_from_ray(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker of one setting always dies, and Ray would print a long line about it."""
    monkeypatch.chdir(tmp_path)
    said = {}
    for backend in ("ray", "processes"):
        envs = ["CartPole-v1", "tests.runs.faulty_envs:dies-v0"]
        where = ["--backend", backend, "--workers=2", "--out", backend]
        assert run_command("sweep", *envs, *OPTIONS, *where) == 1
        said[backend] = capfd.readouterr()
    tables = [
        [line.partition(" (")[0] for line in said[backend].out.splitlines()[:4]]
        for backend in ("ray", "processes")
    ]
    assert tables[0] == tables[1]
    assert tables[0][3] == "  failed: seeds 0, 1: its worker was lost 2 times"
    spoken = [line for line in re.split("[\r\n]+", said["ray"].err) if line.strip()]
    assert [line for line in spoken if not line.startswith(("sweep", "pg_edu: "))] == []


def test_sigint_ends_with_one_line_and_status_130_and_stops_ray(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pg_edu", "sweep", "--backend=ray", "--workers=2", "--out=out"]
    with subprocess.Popen(
        [*command, "--max-env-steps=1000000000", "--target=inf"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        begun = process.stderr.read(5)
        time.sleep(3)
        os.killpg(process.pid, signal.SIGINT)
        said = begun + process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "Traceback" not in said
    *_, last = said.splitlines()
    assert last.startswith(
        "pg_edu: stopped with 0 of 5 runs finished, which are saved. To continue: "
    )


def test_a_ray_cluster_that_is_already_running_is_used_and_left_running(tmp_path: Path) -> None:
    ray = import_ray()
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        sweep(RUNS[:1], tmp_path, backend="ray")
        assert ray.is_initialized()
        assert finished(RUNS[0], tmp_path)
    finally:
        ray.shutdown()
    assert not ray.is_initialized()
