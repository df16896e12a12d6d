"""A sweep: its runs are those of `train`, a failure affects no other run, and it can continue."""

import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pg_edu.runs import sweep as sweep_module
from pg_edu.runs.checkpoint import load_checkpoint, save_checkpoint
from pg_edu.runs.config import Config
from pg_edu.runs.processes import Processes
from pg_edu.runs.sweep import Outcome, Run, finished, grid, path_of, sweep
from pg_edu.runs.training import Result, train
from tests.runs import faulty_envs
from tests.runs.faulty_envs import line_of
from tests.runs.helpers import fingerprint, states

SMALL = Config(num_envs=2, hidden_sizes=(4,), max_updates=1, target=math.inf)
RUNS = [Run(seed, SMALL) for seed in range(3)]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# The grid, and the name of a run's file.


def test_a_grid_has_every_combination_ordered_by_seed() -> None:
    runs = grid(range(2), num_envs=[4, 8], repeat=[1, 2])
    assert [(seed, c.num_envs, c.repeat) for seed, c in runs] == [
        (seed, envs, repeat) for seed in (0, 1) for envs in (4, 8) for repeat in (1, 2)
    ]


def test_settings_that_are_not_given_suit_the_environment() -> None:
    (run,) = grid([0], env_id=["Pendulum-v1"], num_envs=[8])
    assert (run.config.discount_factor, run.config.num_envs) == (0.97, 8)


def test_numpy_numbers_become_python_numbers_which_a_checkpoint_can_hold(
    in_this_process: Any,
) -> None:
    runs = grid(np.arange(1), learning_rate=np.array([0.01]), num_envs=np.array([2]))
    (run,) = runs
    assert (type(run.seed), type(run.config.learning_rate)) == (int, float)
    run = Run(run.seed, replace(run.config, max_updates=1))
    sweep([run], "out")
    assert finished(run, "out") is not None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"env_id": "CartPole-v1"}, "env_id must be a list of values, got 'CartPole-v1'"),
        ({"repeat": 3}, "repeat must be a list of values, got 3"),
        ({"hidden_sizes": (64, 64)}, "hidden_sizes must be a list of tuples of widths, got 64"),
        ({"repeat": [0]}, "repeat must be a whole number of at least 1, got 0"),
    ],
)
def test_a_grid_names_a_setting_that_is_not_a_list_or_out_of_range(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        grid([0], **settings)


OTHERS: dict[str, Any] = {
    "baseline": "leave_one_out",
    "learning_rate_decay": 0.9,
    "env_id": "Acrobot-v1",
    "target": 3.0,
    "learning_rate": 0.5,
    "momentum": 0.5,
    "discount_factor": 0.5,
    "reward_normalization": False,
    "num_envs": 3,
    "episodes_per_env": 3,
    "hidden_sizes": (4, 4),
    "action_bound_method": "tanh",
    "batch_size": 3,
    "repeat": 3,
    "max_env_steps": 3,
    "max_updates": 3,
    "max_seconds": 3.0,
    "max_episode_steps": 3,
    "device": "cuda",
}


def test_the_name_of_a_file_depends_on_every_setting_and_the_seed() -> None:
    assert OTHERS.keys() == {field.name for field in fields(Config)}
    runs = [Run(0, SMALL), Run(1, SMALL)]
    runs += [Run(0, replace(SMALL, **{name: value})) for name, value in OTHERS.items()]
    assert len({path_of(run, "x") for run in runs}) == len(runs)


def test_the_name_of_a_file_stays_the_same_in_all_versions() -> None:
    """With other names, nobody could continue a sweep that an earlier version began."""
    assert (
        path_of(Run(3, Config(hidden_sizes=(4, 5))), "x").name
        == "CartPole-v1-74e537cb13cf-seed3.pt"
    )
    assert path_of(Run(0, Config(target=475)), "x") == path_of(Run(0, Config(target=475.0)), "x")


def test_a_slash_in_the_environment_id_makes_no_folder() -> None:
    path = path_of(Run(0, replace(SMALL, env_id="my_module:ALE/Pong-v5")), "x")
    assert path.parent == Path("x")
    assert path.name.startswith("my_module-ALE-Pong-v5-")


# Results that are in the folder already.


def test_a_second_call_runs_nothing_and_returns_the_same(in_this_process: Any) -> None:
    first = sweep(RUNS, "out")
    before = files(Path("out"))
    in_this_process.begun.clear()
    second = sweep(RUNS, "out")
    assert in_this_process.begun == []
    assert files(Path("out")) == before
    assert [fingerprint(o.result) for o in second] == [fingerprint(o.result) for o in first]


def test_new_seeds_and_settings_extend_a_folder(in_this_process: Any) -> None:
    sweep(RUNS[1:2], "out")
    before = files(Path("out"))
    in_this_process.begun.clear()
    other = Run(1, replace(SMALL, repeat=2))
    outcomes = sweep([RUNS[0], other, RUNS[1], RUNS[0]], "out")
    assert in_this_process.begun == [RUNS[0], other]
    assert [outcome.run for outcome in outcomes] == [RUNS[0], other, RUNS[1]]
    for run, result, _ in outcomes:
        assert fingerprint(result) == fingerprint(train(*run))
    assert files(Path("out")).items() > before.items()


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def of_another_seed(path: Path) -> None:
    save_checkpoint(train(9, SMALL), path)


def of_another_setting(path: Path) -> None:
    save_checkpoint(train(0, replace(SMALL, repeat=2)), path)


def of_a_run_that_has_not_ended(path: Path) -> None:
    save_checkpoint(states(0, SMALL)[0], path)


@pytest.mark.parametrize(
    "spoil", [cut_off, of_another_seed, of_another_setting, of_a_run_that_has_not_ended]
)
def test_a_file_without_the_complete_result_of_this_run_is_replaced(
    spoil: Callable[[Path], None], in_this_process: Any
) -> None:
    (whole,) = sweep(RUNS[:1], "out")
    spoil(path_of(RUNS[0], "out"))
    in_this_process.begun.clear()
    (again,) = sweep(RUNS[:1], "out")
    assert in_this_process.begun == RUNS[:1]
    assert fingerprint(again.result) == fingerprint(whole.result)
    assert fingerprint(finished(RUNS[0], "out")) == fingerprint(whole.result)


def test_a_run_without_a_target_is_found_by_the_target_of_its_environment(
    in_this_process: Any,
) -> None:
    run = Run(0, replace(SMALL, target=None))
    (outcome,) = sweep([run], "out")
    assert outcome.result and outcome.result.config.target == 475.0
    assert finished(run, "out") is not None
    assert finished(Run(0, replace(run.config, target=475.0)), "out") is None


# Failures.


def test_a_failed_run_leaves_no_file_and_the_next_call_tries_it_again(
    in_this_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails_for_seed_1(seed: int, config: Config) -> Result:
        if seed == 1:
            raise KeyError("pole\nand more")
        return train(seed, config)

    with monkeypatch.context() as patch:
        patch.setattr(sweep_module, "train", fails_for_seed_1)
        outcomes = sweep(RUNS, "out")
    assert [outcome.failure for outcome in outcomes] == ["", "KeyError: 'pole\\nand more'", ""]
    assert outcomes[1].result is None
    assert [path_of(run, "out").exists() for run in RUNS] == [True, False, True]
    in_this_process.begun.clear()
    assert [outcome.failure for outcome in sweep(RUNS, "out")] == ["", "", ""]
    assert in_this_process.begun == [RUNS[1]]


@pytest.mark.parametrize("name", ["interrupts", "cancelled"])
def test_an_environment_cannot_stop_a_sweep(name: str, in_this_process: Any) -> None:
    """Ctrl-C never reaches a worker, so a KeyboardInterrupt there is one of the environment."""
    config = replace(SMALL, env_id=f"tests.runs.faulty_envs:{name}-v0")
    (outcome,) = sweep([Run(0, config)], "out")
    assert outcome.result is None
    assert name in outcome.failure.lower() or "KeyboardInterrupt" in outcome.failure


@pytest.mark.parametrize(
    ("losses", "begun", "failure"),
    [
        (1, [0, 0, 1], ""),
        (2, [0, 0, 1], "its worker was lost 2 times (OSError: gone)"),
    ],
)
def test_a_run_whose_worker_is_lost_is_started_at_most_once_more(
    losses: int,
    begun: list[int],
    failure: str,
    in_this_process: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    work = sweep_module._work
    lost: list[Run] = []

    def lose(run: Run, **given: float) -> Result | str:
        if run.seed == 0 and len(lost) < losses:
            lost.append(run)
            raise OSError("gone")
        return work(run, **given)

    monkeypatch.setattr(sweep_module, "_work", lose)
    outcomes = sweep(RUNS[:2], "out")
    assert [run.seed for run in in_this_process.begun] == begun
    assert [outcome.failure for outcome in outcomes] == [failure, ""]


@pytest.mark.filterwarnings("ignore:.*The reward is an inf value")
def test_a_reward_that_is_not_finite_is_a_failure() -> None:
    env_id = "tests.runs.faulty_envs:infinite-v0"
    failure = sweep_module._work(Run(0, replace(SMALL, env_id=env_id)))
    assert isinstance(failure, str)
    assert failure.startswith(f"{env_id} failed in step (")
    assert "environment 0 returned the reward inf" in failure


def test_on_outcome_is_called_with_results_that_are_in_the_folder(in_this_process: Any) -> None:
    sweep(RUNS[2:], "out")
    shown: list[list[Run]] = []

    def look(outcomes: list[Outcome]) -> None:
        shown.append([outcome.run for outcome in outcomes])
        assert all(finished(run, "out") for run in shown[-1])

    sweep(RUNS, "out", on_outcome=look)
    assert shown == [[RUNS[2]], [RUNS[2], RUNS[0]], [RUNS[2], RUNS[0], RUNS[1]]]


@pytest.mark.parametrize(
    ("config", "how", "message"),
    [
        (replace(SMALL, env_id="NoSuchEnv-v0"), {}, "environment 'NoSuchEnv-v0' cannot be made"),
        (replace(SMALL, device="abacus"), {}, "device 'abacus' cannot be used"),
        (SMALL, {"workers": 0}, "workers must be at least 1, got 0"),
        (SMALL, {"backend": "smoke"}, 'backend must be "processes" or "ray", got \'smoke\''),
        (SMALL, {"backend": "ray"}, r'needs a package: pip install "pg_edu\[ray\]"'),
    ],
)
def test_an_impossible_sweep_raises_before_anything_is_started_or_written(
    config: Config,
    how: dict[str, Any],
    message: str,
    in_this_process: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # This is as if it were not installed.
    with pytest.raises(ValueError, match=message):
        sweep([RUNS[0], Run(0, config)], "out", **how)
    assert (in_this_process.begun, list(Path().iterdir())) == ([], [])


def test_a_folder_that_cannot_be_written_is_an_error_before_the_first_run(
    in_this_process: Any,
) -> None:
    Path("taken").touch()
    with pytest.raises(OSError, match="taken"):
        sweep(RUNS, "taken")
    assert in_this_process.begun == []


def test_a_sweep_leaves_the_callers_random_generators_as_they_were(
    in_this_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_module, "_work", lambda run, **_: "not here")
    before = torch.get_rng_state().tolist(), str(np.random.get_state())
    sweep(RUNS, "out")
    assert (torch.get_rng_state().tolist(), str(np.random.get_state())) == before


# Real processes.


def test_two_workers_return_the_results_of_train(tmp_path: Path) -> None:
    outcomes = sweep(RUNS, tmp_path, workers=2)
    assert [outcome.run for outcome in outcomes] == RUNS
    for run in RUNS:
        assert fingerprint(load_checkpoint(path_of(run, tmp_path))) == fingerprint(train(*run))


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Outcome]]:
    """Return the outcomes, by environment, of a sweep in which many things go wrong."""
    folder = tmp_path_factory.mktemp("faulty")
    names = ["dies_once", "raises", "leaves", "dies"]
    env_ids = [f"tests.runs.faulty_envs:{name}-v0" for name in names]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAULTY_ENVS", str(folder))
        runs = [Run(0, replace(SMALL, env_id=env_id)) for env_id in ["CartPole-v1", *env_ids]]
        outcomes = sweep(runs, folder / "out", workers=2)
    yield dict(zip(["fine", *names], outcomes, strict=True))


def test_a_run_that_raises_is_reported_with_its_error(faulty: dict[str, Outcome]) -> None:
    assert faulty["raises"].result is None
    for name, error in (("raises", "Unpicklable: this and that"), ("leaves", "SystemExit: 3")):
        line = line_of(f'self.fault == "{name}"') + 1
        place = f"{os.path.relpath(faulty_envs.__file__)}:{line}"
        begin = f"tests.runs.faulty_envs:{name}-v0 failed in step ({place}): {error}"
        assert faulty[name].failure.startswith(begin)


def test_a_run_that_always_kills_its_process_is_reported(faulty: dict[str, Outcome]) -> None:
    assert faulty["dies"].result is None
    assert faulty["dies"].failure.startswith("its worker was lost 2 times (BrokenProcessPool")


def test_a_run_whose_process_dies_once_has_a_result(faulty: dict[str, Outcome]) -> None:
    result = faulty["dies_once"].result
    assert result is not None
    assert [row.return_mean for row in result.history] == [1.0]


def test_failures_do_not_change_the_results_of_other_runs(faulty: dict[str, Outcome]) -> None:
    assert fingerprint(faulty["fine"].result) == fingerprint(train(0, SMALL))


def test_a_worker_that_dies_while_idle_is_replaced() -> None:
    workers = Processes(sweep_module._work, 1, 1)
    try:
        (process,) = (workers._pools[0]._processes or {}).values()
        process.kill()
        process.join()
        while not workers._pools[0]._broken:
            time.sleep(0.01)
        result = workers.start(RUNS[0]).result()
        assert not isinstance(result, str)
        assert fingerprint(result) == fingerprint(train(*RUNS[0]))
    finally:
        workers.close()


@pytest.mark.parametrize(("lost", "refused"), [([True, False], False), ([True, True], True)])
def test_a_sweep_needs_one_worker_that_starts(
    lost: list[bool], refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fates = iter(lost)

    def start_process(pool: Any) -> Future[int]:
        future: Future[int] = Future()
        future.set_exception(OSError("gone")) if next(fates) else future.set_result(1)
        return future

    monkeypatch.setattr(Processes, "_start_process", staticmethod(start_process))
    with pytest.raises(ValueError, match="no worker process starts") if refused else nullcontext():
        Processes(sweep_module._work, 2, 2).close()


def test_a_script_without_the_main_guard_gets_a_clear_error(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from pg_edu.runs.sweep import grid, sweep\n"
        f"sweep(grid([0], max_updates=[1]), {str(tmp_path / 'out')!r}, workers=1)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    *_, last = done.stderr.splitlines()
    assert last.startswith("ValueError: no worker process starts: ")
    assert last.endswith('In a script, call sweep under `if __name__ == "__main__":`')
