"""The command `sweep`: what it runs, prints and writes, and how it stops."""

import csv
import math
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from pg_edu.runs import commands
from pg_edu.runs import sweep as sweep_module
from pg_edu.runs.commands.options import option_name
from pg_edu.runs.compare import as_text, summarize
from pg_edu.runs.config import Config
from pg_edu.runs.sweep import Outcome, Run, finished, grid
from pg_edu.runs.training import Result, train
from tests.runs.helpers import run_command

OPTIONS = ["--num-envs=2", "--hidden-sizes=4", "--max-updates=1", "--target=inf"]


def test_every_setting_of_a_run_can_have_several_values() -> None:
    parse = commands.make_parser().parse_args
    for field in fields(Config):
        if field.name != "env_id":
            option = option_name(field.name)
            value = {bool: "yes", str: "cpu"}.get(type(getattr(Config(), field.name)), "3")
            choices = {"action_bound_method": "tanh", "baseline": "leave_one_out"}
            value = choices.get(field.name, value)
            assert len(getattr(parse(["sweep", option, value, value]), field.name)) == 2


def test_options_with_several_values_become_the_grid(
    in_this_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def stop(runs: list[Run], folder: Path, **how: Any) -> list[Outcome]:
        asked.extend([runs, folder, how["workers"], how["backend"]])
        raise KeyboardInterrupt

    monkeypatch.setattr(commands.sweep, "sweep", stop)
    command = (
        "sweep CartPole-v1 Pendulum-v1 --learning-rate 1e-2 3e-3 --hidden-sizes 8,4 --seeds 2 "
        "--reward-normalization yes no --action-bound none clip --workers 3 --backend ray --out x"
    )
    assert run_command(*command.split()) == 130
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
    in_this_process: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("sweep", "--repeat", "1", "2", "--seeds=2", "--out=out", *OPTIONS) == 0
    runs = grid(
        range(2),
        num_envs=[2],
        hidden_sizes=[(4,)],
        target=[math.inf],
        max_updates=[1],
        repeat=[1, 2],
    )
    rows = summarize([Outcome(run, finished(run, "out")) for run in runs])
    assert capsys.readouterr().out.startswith(as_text(rows) + "\n")
    with Path("out/table.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [{k: str(v) for k, v in row._asdict().items()} for row in rows] == written
    assert Path("out/curves.png").read_bytes()[1:4] == b"PNG"


def test_a_failure_is_printed_at_once_and_in_the_table_and_the_status_is_1(
    in_this_process: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverges(seed: int, config: Config) -> Result:
        if config.repeat == 2:
            raise ValueError("the loss is nan")
        return train(seed, config)

    monkeypatch.setattr(sweep_module, "train", diverges)
    command = ["sweep", "--repeat", "1", "2", "--seeds=2", "--out=out", *OPTIONS]
    assert run_command(*command) == 1
    said = capsys.readouterr()
    assert "  failed: seeds 0, 1: ValueError: the loss is nan\n" in said.out
    assert "pg_edu: repeat 2, seed 1 failed: ValueError: the loss is nan\n" in said.err


def test_ctrl_c_keeps_the_finished_runs_and_prints_the_command_that_continues(
    in_this_process: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    work = sweep_module._work

    def interrupted(run: Run, **given: float) -> Result | str:
        if run.seed == 2:
            raise KeyboardInterrupt
        return work(run, **given)

    with monkeypatch.context() as patch:
        patch.setattr(sweep_module, "_work", interrupted)
        assert run_command("sweep", "--seeds=4", *OPTIONS) == 130
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith(
        "pg_edu: stopped with 2 of 4 runs finished, which are saved. To continue: "
    )
    in_this_process.begun.clear()
    assert run_command(*shlex.split(last.partition(" -m pg_edu ")[2])) == 0
    assert [begun.seed for begun in in_this_process.begun] == [2, 3]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal like Ctrl-C")
@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP"])
def test_a_signal_to_all_processes_ends_with_one_line_and_status_130(
    name: str, tmp_path: Path
) -> None:
    """A terminal sends it to the workers too, which end with the command, during a run."""
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
        begun = process.stderr.read(5)  # The bar appears when the workers have started.
        os.killpg(process.pid, getattr(signal, name))
        said = (
            begun + process.communicate(timeout=60)[1]
        )  # It ends when all processes have closed stderr.
    assert process.returncode == 130
    assert "Traceback" not in said
    *_, last = said.splitlines()  # The signal may have interrupted the bar.
    assert "pg_edu: stopped with 0 of 3 runs finished, which are saved. To continue: " in last


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
def test_a_mistake_ends_with_one_line_and_status_2_and_starts_nothing(
    arguments: str,
    message: str,
    in_this_process: Any,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    Path("taken.txt").write_text("mine")
    assert run_command(*arguments.split()) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("pg_edu: ") and message in said.err
    assert said.err.count("\n") == 1
    assert (in_this_process.begun, [path.name for path in Path().iterdir()]) == ([], ["taken.txt"])


@pytest.mark.parametrize(("seeds", "said"), [(1, False), (2, True)])
def test_the_picture_says_what_few_seeds_do_to_its_bands(
    seeds: int, said: bool, in_this_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr("pg_edu.figures.save_figure", lambda figure, path: drawn.append(figure))
    assert run_command("sweep", f"--seeds={seeds}", "--out=out", *OPTIONS) == 0
    assert ("ragged and impossibly wide" in drawn[0].axes[0].get_title()) is said
