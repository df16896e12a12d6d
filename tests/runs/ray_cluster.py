"""`sweep` on a real Ray of two worker processes, one of which is killed. Run by `make ray`.

Its name keeps it out of `make test`: Ray is 240 MB that only this needs, and not on every system.
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

import faulty_envs
import pytest
from tests.runs.test_sweep import RUNS, SMALL, content, run

from pg_edu.runs import sweep as sweep_module
from pg_edu.runs.experiment import train
from pg_edu.runs.sweep import Outcome, Run, finished, sweep

FAULTS = ["dies", "raises", "dies_once", "hangs_once", "leaves"]


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Outcome]]:
    """The outcomes of a sweep in which much goes wrong, and a worker is killed from outside."""
    folder = tmp_path_factory.mktemp("faulty")
    runs = [Run(0, replace(SMALL, env_id=f"faulty_envs:{name}-v0")) for name in FAULTS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAULTY_ENVS", str(folder))

        def kill_the_one_that_hangs() -> None:
            while not faulty_envs.mark("pid").exists():
                time.sleep(0.05)
            os.kill(int(faulty_envs.mark("pid").read_text()), signal.SIGKILL)

        threading.Thread(target=kill_the_one_that_hangs, daemon=True).start()
        outcomes = sweep([*runs, *RUNS], folder / "out", backend="ray", workers=2)
    yield dict(zip([*FAULTS, 0, 1, 2], outcomes, strict=True))


def test_the_results_are_those_of_train(faulty: dict[str | int, Outcome]) -> None:
    for seed, config in RUNS:
        assert content(faulty[seed].result) == content(train(seed, config))


def test_a_run_that_raises_is_reported_with_its_error(faulty: dict[str, Outcome]) -> None:
    assert faulty["raises"].failure == "Unpicklable: this and that"
    assert faulty["leaves"].failure == "SystemExit: 3"


def test_a_run_that_kills_its_worker_each_time_is_reported(faulty: dict[str, Outcome]) -> None:
    assert faulty["dies"].failure.startswith("its worker was lost 2 times (WorkerCrashedError")


@pytest.mark.parametrize("name", ["dies_once", "hangs_once"])
def test_a_run_whose_worker_is_killed_has_its_result(name: str, faulty: dict[str, Outcome]) -> None:
    result = faulty[name].result
    assert result is not None
    assert [row.return_mean for row in result.history] == [1.0]


def test_two_workers_run_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that hangs does not end before the other one has, after which it is killed."""
    monkeypatch.setenv("FAULTY_ENVS", str(tmp_path))
    hanging = Run(0, replace(SMALL, env_id="faulty_envs:hangs_once-v0"))
    told: list[int] = []

    def kill_after_the_first(outcomes: list[Outcome]) -> None:
        told.append(len(outcomes))
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
    assert told == [0, 1, 2]
    assert [outcome.failure for outcome in outcomes] == ["", ""]


OPTIONS = ["--num-envs=2", "--hidden-sizes=4", "--max-updates=1", "--target=inf", "--seeds=2"]


def test_the_command_prints_the_table_of_the_other_backend_and_nothing_of_rays(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One setting's worker dies each time, of which Ray would write a long line."""
    monkeypatch.chdir(tmp_path)
    said = {}
    for backend in ("ray", "processes"):
        envs = ["CartPole-v1", "faulty_envs:dies-v0"]
        where = ["--backend", backend, "--workers=2", "--out", backend]
        assert run("sweep", *envs, *OPTIONS, *where) == 1
        said[backend] = capfd.readouterr()
    tables = [
        [line.partition(" (")[0] for line in said[backend].out.splitlines()[:4]]
        for backend in ("ray", "processes")
    ]
    assert tables[0] == tables[1]
    assert tables[0][3] == "  failed: seeds 0, 1: its worker was lost 2 times"
    spoken = [line for line in re.split("[\r\n]+", said["ray"].err) if line.strip()]
    assert [line for line in spoken if not line.startswith(("sweep", "pg_edu: "))] == []


def test_sigint_is_one_line_and_status_130_and_ends_that_ray(tmp_path: Path) -> None:
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
    assert last.startswith("pg_edu: stopped with 0 of 5 runs finished, which are saved. Go on: ")


def test_a_ray_that_is_there_already_is_used_and_left_running(tmp_path: Path) -> None:
    ray = sweep_module._import_ray()
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        sweep(RUNS[:1], tmp_path, backend="ray")
        assert ray.is_initialized()
        assert finished(RUNS[0], tmp_path)
    finally:
        ray.shutdown()
    assert not ray.is_initialized()
