"""A sweep: its runs are those of `train`, none takes another one along, and it goes on."""

import csv
import math
import os
import shlex
import signal
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

from pg_edu import __main__ as command_line
from pg_edu.runs import sweep as sweep_module
from pg_edu.runs.comparison import as_text, summarize
from pg_edu.runs.experiment import Config, Result, load_checkpoint, save_checkpoint, train
from pg_edu.runs.sweep import Outcome, Run, finished, grid, path_of, sweep

SMALL = Config(num_envs=2, hidden_sizes=(4,), max_updates=1, target=math.inf)
RUNS = [Run(seed, SMALL) for seed in range(3)]


def content(result: Result | None) -> list[Any]:
    """All but the clock."""
    assert result is not None
    tensors = {name: str(value) for name, value in result.policy_state.items()}
    history = [row._replace(seconds=0.0) for row in result.history]
    return [tensors, str(result.optim_state), history, result.stopped]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class Here:
    """In place of worker processes: each run at once, in this process."""

    begun: list[Run]

    def __init__(self, workers: int | None, runs: int) -> None:
        self.count = 1

    def start(self, run: Run) -> Future[Result | str]:
        self.begun.append(run)
        future: Future[Result | str] = Future()
        try:
            future.set_result(sweep_module._work(run))
        except Exception as error:
            future.set_exception(error)
        return future

    def close(self) -> None:
        pass


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[Here]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Here, "begun", [], raising=False)
    monkeypatch.setattr(sweep_module, "_Processes", Here)
    return Here


# The grid, and what a run is called.


def test_a_grid_is_every_combination_seed_by_seed() -> None:
    runs = grid(range(2), num_envs=[4, 8], repeat=[1, 2])
    assert [(seed, c.num_envs, c.repeat) for seed, c in runs] == [
        (seed, envs, repeat) for seed in (0, 1) for envs in (4, 8) for repeat in (1, 2)
    ]


def test_what_is_not_given_is_as_it_suits_the_environment() -> None:
    (run,) = grid([0], env_id=["Pendulum-v1"], num_envs=[8])
    assert (run.config.discount_factor, run.config.num_envs) == (0.97, 8)


def test_numpys_numbers_become_pythons_which_a_checkpoint_can_hold(here: Any) -> None:
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
def test_a_grid_names_what_is_no_list_and_what_is_out_of_range(
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


def test_every_setting_and_the_seed_are_in_the_name_of_a_runs_file() -> None:
    assert OTHERS.keys() == {field.name for field in fields(Config)}
    runs = [Run(0, SMALL), Run(1, SMALL)]
    runs += [Run(0, replace(SMALL, **{name: value})) for name, value in OTHERS.items()]
    assert len({path_of(run, "x") for run in runs}) == len(runs)


def test_the_name_stays_the_same() -> None:
    """Another name for the same run would let nobody go on with a sweep."""
    assert (
        path_of(Run(3, Config(hidden_sizes=(4, 5))), "x").name
        == "CartPole-v1-74e537cb13cf-seed3.pt"
    )
    assert path_of(Run(0, Config(target=475)), "x") == path_of(Run(0, Config(target=475.0)), "x")


def test_an_environment_with_a_slash_is_one_file_in_the_folder() -> None:
    path = path_of(Run(0, replace(SMALL, env_id="my_module:ALE/Pong-v5")), "x")
    assert path.parent == Path("x")
    assert path.name.startswith("my_module-ALE-Pong-v5-")


# What is there already.


def test_the_second_call_runs_nothing_and_gives_the_same(here: Any) -> None:
    first = sweep(RUNS, "out")
    before = files(Path("out"))
    here.begun.clear()
    second = sweep(RUNS, "out")
    assert here.begun == []
    assert files(Path("out")) == before
    assert [content(o.result) for o in second] == [content(o.result) for o in first]


def test_a_folder_is_extended_by_seeds_and_settings_and_nothing_is_mixed_up(here: Any) -> None:
    sweep(RUNS[1:2], "out")
    before = files(Path("out"))
    here.begun.clear()
    other = Run(1, replace(SMALL, repeat=2))
    outcomes = sweep([RUNS[0], other, RUNS[1], RUNS[0]], "out")
    assert here.begun == [RUNS[0], other]
    assert [outcome.run for outcome in outcomes] == [RUNS[0], other, RUNS[1]]
    for run, result, _ in outcomes:
        assert content(result) == content(train(*run))
    assert files(Path("out")).items() > before.items()


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def of_another_seed(path: Path) -> None:
    save_checkpoint(train(9, SMALL), path)


def of_another_setting(path: Path) -> None:
    save_checkpoint(train(0, replace(SMALL, repeat=2)), path)


def not_at_its_end(path: Path) -> None:
    standings: list[Result] = []
    train(0, SMALL, on_iteration=standings.append)
    save_checkpoint(standings[0], path)


@pytest.mark.parametrize("spoil", [cut_off, of_another_seed, of_another_setting, not_at_its_end])
def test_a_file_that_is_not_this_runs_whole_result_is_made_anew(
    spoil: Callable[[Path], None], here: Any
) -> None:
    (whole,) = sweep(RUNS[:1], "out")
    spoil(path_of(RUNS[0], "out"))
    here.begun.clear()
    (again,) = sweep(RUNS[:1], "out")
    assert here.begun == RUNS[:1]
    assert content(again.result) == content(whole.result)
    assert content(finished(RUNS[0], "out")) == content(whole.result)


def test_a_run_without_a_target_of_its_own_is_found_with_the_environments(here: Any) -> None:
    run = Run(0, replace(SMALL, target=None))
    (outcome,) = sweep([run], "out")
    assert outcome.result and outcome.result.config.target == 475.0
    assert finished(run, "out") is not None
    assert finished(Run(0, replace(run.config, target=475.0)), "out") is None


# Failures.


def test_a_failed_run_leaves_no_file_and_is_tried_again_by_the_next_call(
    here: Any, monkeypatch: pytest.MonkeyPatch
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
    here.begun.clear()
    assert [outcome.failure for outcome in sweep(RUNS, "out")] == ["", "", ""]
    assert here.begun == [RUNS[1]]


@pytest.mark.parametrize(
    ("losses", "begun", "failure"),
    [
        (1, [0, 0, 1], ""),
        (2, [0, 0, 1], "its worker was lost 2 times (OSError: gone)"),
    ],
)
def test_a_run_whose_worker_is_lost_is_begun_once_more_and_no_oftener(
    losses: int, begun: list[int], failure: str, here: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, lost = sweep_module._work, []

    def lose(run: Run) -> Result | str:
        if run.seed == 0 and len(lost) < losses:
            lost.append(run)
            raise OSError("gone")
        return work(run)

    monkeypatch.setattr(sweep_module, "_work", lose)
    outcomes = sweep(RUNS[:2], "out")
    assert [run.seed for run in here.begun] == begun
    assert [outcome.failure for outcome in outcomes] == [failure, ""]


def test_a_return_that_is_not_finite_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    result = train(*RUNS[0])
    endless = replace(result, history=(result.history[0]._replace(return_mean=math.inf),))
    monkeypatch.setattr(sweep_module, "train", lambda *run: endless)
    assert sweep_module._work(RUNS[0]) == "the last mean return is inf"


def test_what_is_told_is_written_already_and_begins_with_what_was_there(here: Any) -> None:
    sweep(RUNS[2:], "out")
    told: list[list[Run]] = []

    def look(outcomes: list[Outcome]) -> None:
        told.append([outcome.run for outcome in outcomes])
        assert all(finished(run, "out") for run in told[-1])

    sweep(RUNS, "out", on_outcome=look)
    assert told == [[RUNS[2]], [RUNS[2], RUNS[0]], [RUNS[2], RUNS[0], RUNS[1]]]


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
def test_what_cannot_be_is_said_before_anything_is_begun_or_written(
    config: Config,
    how: dict[str, Any],
    message: str,
    here: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    with pytest.raises(ValueError, match=message):
        sweep([RUNS[0], Run(0, config)], "out", **how)
    assert (here.begun, list(Path().iterdir())) == ([], [])


def test_a_folder_that_cannot_be_written_is_an_error_before_the_first_run(here: Any) -> None:
    Path("taken").touch()
    with pytest.raises(OSError, match="taken"):
        sweep(RUNS, "taken")
    assert here.begun == []


def test_a_sweep_leaves_the_callers_random_generators_as_they_were(
    here: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_module, "_work", lambda run: "not here")
    before = torch.get_rng_state().tolist(), str(np.random.get_state())
    sweep(RUNS, "out")
    assert (torch.get_rng_state().tolist(), str(np.random.get_state())) == before


# Real processes.


def test_results_are_those_of_train_with_more_than_one_worker(tmp_path: Path) -> None:
    outcomes = sweep(RUNS, tmp_path, workers=2)
    assert [outcome.run for outcome in outcomes] == RUNS
    for run in RUNS:
        assert content(load_checkpoint(path_of(run, tmp_path))) == content(train(*run))


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Outcome]]:
    """The outcomes, by environment, of a sweep in which much goes wrong."""
    folder = tmp_path_factory.mktemp("faulty")
    names = ["dies_once", "raises", "leaves", "dies"]
    env_ids = [f"faulty_envs:{name}-v0" for name in names]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAULTY_ENVS", str(folder))
        runs = [Run(0, replace(SMALL, env_id=env_id)) for env_id in ["CartPole-v1", *env_ids]]
        outcomes = sweep(runs, folder / "out", workers=2)
    yield dict(zip(["fine", *names], outcomes, strict=True))


def test_a_run_that_raises_is_reported_with_its_error(faulty: dict[str, Outcome]) -> None:
    assert faulty["raises"].result is None
    assert faulty["raises"].failure == "Unpicklable: this and that"
    assert faulty["leaves"].failure == "SystemExit: 3"


def test_a_run_that_kills_its_process_each_time_is_reported(faulty: dict[str, Outcome]) -> None:
    assert faulty["dies"].result is None
    assert faulty["dies"].failure.startswith("its worker was lost 2 times (BrokenProcessPool")


def test_a_run_whose_process_is_killed_once_has_its_result(faulty: dict[str, Outcome]) -> None:
    result = faulty["dies_once"].result
    assert result is not None
    assert [row.return_mean for row in result.history] == [1.0]


def test_all_the_others_are_as_if_nothing_had_happened(faulty: dict[str, Outcome]) -> None:
    assert content(faulty["fine"].result) == content(train(0, SMALL))


def test_a_worker_that_dies_while_it_is_idle_is_replaced_and_its_results_are_those_of_train() -> (
    None
):
    workers = sweep_module._Processes(1, 1)
    try:
        (process,) = (workers._pools[0]._processes or {}).values()
        process.kill()
        process.join()
        while not workers._pools[0]._broken:
            time.sleep(0.01)
        result = workers.start(RUNS[0]).result()
        assert not isinstance(result, str)
        assert content(result) == content(train(*RUNS[0]))
    finally:
        workers.close()


@pytest.mark.parametrize(("lost", "refused"), [([True, False], False), ([True, True], True)])
def test_one_worker_that_starts_is_enough(
    lost: list[bool], refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fates = iter(lost)

    def begin(pool: Any) -> Future[int]:
        future: Future[int] = Future()
        future.set_exception(OSError("gone")) if next(fates) else future.set_result(1)
        return future

    monkeypatch.setattr(sweep_module._Processes, "_begin", staticmethod(begin))
    with pytest.raises(ValueError, match="no worker process starts") if refused else nullcontext():
        sweep_module._Processes(2, 2).close()


def test_a_script_without_its_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from pg_edu.runs.sweep import grid, sweep\n"
        f"sweep(grid([0], max_updates=[1]), {str(tmp_path / 'out')!r}, workers=1)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    *_, last = done.stderr.splitlines()
    assert last.startswith("ValueError: no worker process starts: ")
    assert last.endswith('In a script, call sweep under `if __name__ == "__main__":`')


# The command line.

OPTIONS = ["--num-envs=2", "--hidden-sizes=4", "--max-updates=1", "--target=inf"]


def run(*arguments: str) -> int:
    """The exit status."""
    try:
        return command_line.main(arguments)
    except SystemExit as exit:
        return int(exit.code or 0)


def test_every_setting_that_train_has_a_sweep_has_too() -> None:
    parse = command_line._parser().parse_args
    for field in fields(Config):
        if field.name != "env_id":
            option = command_line._option(field.name)
            value = {bool: "yes", str: "cpu"}.get(type(getattr(SMALL, field.name)), "3")
            choices = {"action_bound_method": "tanh", "baseline": "leave_one_out"}
            value = choices.get(field.name, value)
            assert len(getattr(parse(["sweep", option, value, value]), field.name)) == 2


def test_options_with_several_values_become_the_grid(
    here: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def stop(runs: list[Run], folder: Path, **how: Any) -> list[Outcome]:
        asked.extend([runs, folder, how["workers"], how["backend"]])
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line, "sweep", stop)
    command = (
        "sweep CartPole-v1 Pendulum-v1 --learning-rate 1e-2 3e-3 --hidden-sizes 8,4 --seeds 2 "
        "--reward-normalization yes no --action-bound none clip --workers 3 --backend ray --out x"
    )
    assert run(*command.split()) == 130
    expected = grid(
        range(2),
        env_id=["CartPole-v1", "Pendulum-v1"],
        learning_rate=[1e-2, 3e-3],
        hidden_sizes=[(8, 4)],
        reward_normalization=[True, False],
        action_bound_method=[None, "clip"],
    )
    assert set(asked[0]) == set(expected) and len(expected) == 32
    assert asked[1:] == [Path("x"), 3, "ray"]


def test_the_command_prints_and_writes_the_table_and_draws_the_curves(
    here: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("sweep", "--repeat", "1", "2", "--seeds=2", "--out=out", *OPTIONS) == 0
    runs = grid(
        range(2),
        **{name: [getattr(SMALL, name)] for name in ("num_envs", "hidden_sizes", "target")},
        max_updates=[1],
        repeat=[1, 2],
    )
    rows = summarize([Outcome(run, finished(run, "out")) for run in runs])
    assert capsys.readouterr().out.startswith(as_text(rows) + "\n")
    with Path("out/table.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [{k: str(v) for k, v in row._asdict().items()} for row in rows] == written
    assert Path("out/curves.png").read_bytes()[1:4] == b"PNG"


def test_a_failure_is_a_line_at_once_and_in_the_table_and_status_1(
    here: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverges(seed: int, config: Config) -> Result:
        if config.repeat == 2:
            raise ValueError("the loss is nan")
        return train(seed, config)

    monkeypatch.setattr(sweep_module, "train", diverges)
    command = ["sweep", "--repeat", "1", "2", "--seeds=2", "--out=out", *OPTIONS]
    assert run(*command) == 1
    said = capsys.readouterr()
    assert "  failed: seeds 0, 1: ValueError: the loss is nan\n" in said.out
    assert "pg_edu: repeat 2, seed 1 failed: ValueError: the loss is nan\n" in said.err


def test_ctrl_c_keeps_what_has_ended_and_names_the_command_that_goes_on(
    here: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    work = sweep_module._work

    def interrupted(run: Run) -> Result | str:
        if run.seed == 2:
            raise KeyboardInterrupt
        return work(run)

    with monkeypatch.context() as patch:
        patch.setattr(sweep_module, "_work", interrupted)
        assert run("sweep", "--seeds=4", *OPTIONS) == 130
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("pg_edu: stopped with 2 of 4 runs finished, which are saved. Go on: ")
    here.begun.clear()
    assert run(*shlex.split(last.partition(" -m pg_edu ")[2])) == 0
    assert [begun.seed for begun in here.begun] == [2, 3]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal that is like Ctrl-C")
def test_sigint_to_all_processes_is_one_line_and_status_130(tmp_path: Path) -> None:
    """A terminal sends it to the workers too. They end with the command, in mid-run."""
    command = [sys.executable, "-m", "pg_edu", "sweep", "--seeds=3", "--workers=2", "--out=out"]
    endless = ["--max-env-steps=1000000000", "--target=inf"]
    with subprocess.Popen(
        [*command, *endless],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        begun = process.stderr.read(5)  # the bar: the workers are there
        os.killpg(process.pid, signal.SIGINT)
        said = begun + process.communicate(timeout=60)[1]  # ends when all have closed stderr
    assert process.returncode == 130
    assert "Traceback" not in said
    *_, last = said.splitlines()  # the signal may have cut off the bar in mid-word
    assert "pg_edu: stopped with 0 of 3 runs finished, which are saved. Go on: " in last


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("sweep --seeds 0", "--seeds must be at least 1, got 0"),
        ("sweep --workers 0", "workers must be at least 1, got 0"),
        ("sweep --seed 3", "unrecognized arguments: --seed"),
        ("sweep --repeat 1 two", "--repeat: invalid int value: 'two'"),
        ("sweep --repeat 1 0", "repeat must be a whole number of at least 1, got 0"),
        ("sweep --reward-normalization maybe", "expected yes or no, got 'maybe'"),
        ("sweep --backend smoke", "--backend: invalid choice: 'smoke'"),
        ("sweep --backend ray", 'pip install "pg_edu[ray]"'),
        ("sweep CartPole-v1 NoSuchEnv-v0", "environment 'NoSuchEnv-v0' cannot be made"),
        ("sweep --out taken.txt", "taken.txt: "),
    ],
)
def test_a_mistake_is_one_line_and_status_2_and_nothing_is_begun(
    arguments: str,
    message: str,
    here: Any,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    Path("taken.txt").write_text("mine")
    assert run(*arguments.split()) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("pg_edu: ") and message in said.err
    assert said.err.count("\n") == 1
    assert (here.begun, [path.name for path in Path().iterdir()]) == ([], ["taken.txt"])
