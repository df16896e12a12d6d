"""The command line: what it writes and prints, how it stops, and one line for every mistake."""

import csv
import math
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from PIL import Image

import pg_edu
from pg_edu import PGPolicy
from pg_edu.lab import probes
from pg_edu.runs import commands, training
from pg_edu.runs.agents import make_policy
from pg_edu.runs.commands.options import settings_as_options
from pg_edu.runs.config import good_config
from pg_edu.runs.intervals import t_interval
from pg_edu.runs.training import Result, evaluate, trained_policy
from pg_edu.trainer import collect_and_update
from tests.runs.helpers import run_command as run
from tests.runs.helpers import saved

SMALL = ["--num-envs", "4", "--hidden-sizes", "8", "--target", "inf"]
DRAW = commands.train._draw


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test in an empty folder, without pictures, which take most of a small run's time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))  # A command may add the folder.
    monkeypatch.setattr(commands.train, "_draw", lambda result, folder: "")


@pytest.fixture
def pictures(in_an_empty_folder: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands.train, "_draw", DRAW)


def interrupt_at(call: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with a Ctrl-C at the end of one of its calls."""
    calls = 0

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        result = function(*args, **kwargs)
        if calls == call:
            raise KeyboardInterrupt
        return result

    return interrupted


def parameters(folder: str) -> list[Any]:
    result = saved(folder)
    tensors = [value for key, value in result.policy_state.items() if key.startswith("actor")]
    moments = [m for state in result.optim_state["state"].values() for m in state.values()]
    return [tensor.tolist() for tensor in (*tensors, *moments)]


def test_train_writes_four_files_to_a_new_dated_folder(pictures: None) -> None:
    assert run("train", "--max-updates", "2", *SMALL) == 0
    (folder,) = Path("runs").iterdir()
    assert folder.name.startswith("CartPole-v1-20")
    files = {file.name for file in folder.iterdir()}
    assert files == {"checkpoint.pt", "run.csv", "learning_curve.png", "agent.png"}


def test_two_runs_in_the_same_second_have_different_folders() -> None:
    for _ in range(2):
        assert run("train", "--max-updates", "1", *SMALL) == 0
    assert len(list(Path("runs").iterdir())) == 2


def test_the_table_has_a_row_for_each_iteration() -> None:
    assert run("train", "--max-updates", "3", "--out", "here", *SMALL) == 0
    rows = list(csv.DictReader(Path("here/run.csv").read_text().splitlines()))
    history = saved("here").history
    assert [float(row["return_mean"]) for row in rows] == [row.return_mean for row in history]
    assert [int(row["env_steps"]) for row in rows] == [row.env_steps for row in history]


def test_the_animation_moves_and_the_curve_is_a_picture(pictures: None) -> None:
    assert run("train", "--max-updates", "1", "--out", "here", *SMALL) == 0
    with Image.open("here/agent.png") as agent, Image.open("here/learning_curve.png") as curve:
        assert getattr(agent, "n_frames", 1) > 5
        assert curve.size > (400, 200)


def test_a_solved_run_prints_both_means_and_what_to_try_next(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("train", "--target", "30", "--out", "my run") == 0
    said = capsys.readouterr().out
    last = saved("my run").history[-1]
    assert said.startswith("Solved after ")
    assert f"{last.greedy:.1f} greedy, {last.sampled:.1f} as trained (target 30)" in said
    assert "python -m pg_edu evaluate 'my run'" in said


def test_a_run_that_ends_at_a_limit_prints_which_one_and_how_to_continue(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("train", "--max-updates", "2", "--out", "here", *SMALL) == 0
    said = capsys.readouterr().out
    assert said.startswith("Stopped by --max-updates after 2 updates, ")
    assert "python -m pg_edu train --resume here --max-updates 4 " in said


def test_the_bar_shows_the_return_so_far(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "--max-updates", "2", "--out", "here", *SMALL) == 0
    last = saved("here").history[-1]
    assert f"return {last.return_mean:.1f}" in capsys.readouterr().err


def test_options_become_the_settings_of_the_run() -> None:
    options = {
        "--learning-rate": "0.02",
        "--discount": "0.9",
        "--hidden-sizes": "5,6",
        "--episodes-per-env": "2",
        "--action-bound": "none",
        "--batch-size": "16",
        "--repeat": "2",
        "--max-episode-steps": "9",
        "--seed": "12",
    }
    flat = [part for option in options.items() for part in option]
    assert run("train", "--no-reward-normalization", "--max-updates=1", "--out=x", *flat) == 0
    result = saved("x")
    config = result.config
    assert (result.seed, config.learning_rate, config.discount_factor) == (12, 0.02, 0.9)
    assert (config.hidden_sizes, config.episodes_per_env, config.batch_size) == ((5, 6), 2, 16)
    assert (config.repeat, config.max_episode_steps, config.action_bound_method) == (2, 9, None)
    assert config.reward_normalization is False


def test_an_option_sets_the_baseline() -> None:
    options = ("--baseline", "leave_one_out", "--max-updates", "1", "--out", "x", *SMALL)
    assert run("train", *options) == 0
    assert saved("x").config.baseline == "leave_one_out"


@pytest.mark.parametrize("env_id", ["Acrobot-v1", "Pendulum-v1", "MountainCarContinuous-v0"])
def test_other_classic_environments_run_and_are_drawn(env_id: str, pictures: None) -> None:
    limits = ["--max-updates=1", "--num-envs=2", "--max-episode-steps=10", "--target=inf"]
    assert run("train", env_id, "--out=here", *limits) == 0
    assert Path("here/agent.png").exists()


class Unseen(gym.Env[Any, Any]):
    """An environment that cannot be rendered."""

    observation_space, action_space = gym.spaces.Discrete(2), gym.spaces.Discrete(2)

    def __init__(self, render_mode: str | None = None) -> None:
        self.metadata = {"render_modes": []}
        self.render_mode = render_mode

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict[str, Any]]:
        return 0, {}

    def step(self, action: Any) -> tuple[int, float, bool, bool, dict[str, Any]]:
        return 1, float(action), True, False, {}


@pytest.mark.filterwarnings("ignore:.*not in the possible render_modes")
def test_a_line_says_why_there_is_no_animation(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, pictures: None
) -> None:
    spec = gym.envs.registration.EnvSpec("Unseen-v0", entry_point=lambda **kwargs: Unseen(**kwargs))
    monkeypatch.setitem(gym.registry, "Unseen-v0", spec)
    assert run("train", "Unseen-v0", "--max-updates=1", "--out=here") == 0
    assert not Path("here/agent.png").exists()
    assert "no animation" in capsys.readouterr().out


def test_evaluate_prints_both_means_with_their_intervals(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("train", "--max-updates", "1", "--out", "here", *SMALL)
    capsys.readouterr()
    assert run("evaluate", "here", "--episodes", "20", "--seed", "3") == 0
    said = capsys.readouterr().out
    result = saved("here")
    for name, greedy in (("greedy", True), ("as trained", False)):
        policy = trained_policy(result)
        returns = evaluate(policy, result.config, greedy=greedy, episodes=20, seed=3)
        mean, low, high = t_interval(returns)
        (line,) = [line for line in said.splitlines() if line.startswith(f"  {name}")]
        assert line.split()[-3:] == [f"{mean:.1f}", f"[{low:.1f},", f"{high:.1f}]"]


def test_evaluate_takes_a_folder_or_a_checkpoint(capsys: pytest.CaptureFixture[str]) -> None:
    run("train", "--max-updates", "1", "--out", "here", *SMALL)
    capsys.readouterr()
    answers = []
    for path in ("here", "here/checkpoint.pt"):
        assert run("evaluate", path, "--episodes", "5") == 0
        answers.append(capsys.readouterr().out)
    assert answers[0] == answers[1]


def test_an_interrupted_and_resumed_run_ends_like_an_uninterrupted_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = ["--max-updates", "4", *SMALL]
    assert run("train", "--out", "whole", *limits) == 0
    with monkeypatch.context() as patch:
        interrupted = interrupt_at(3, collect_and_update)
        patch.setattr(training, "collect_and_update", interrupted)
        capsys.readouterr()
        assert run("train", "--out", "cut", *limits) == 130
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("pg_edu: stopped after 2 updates")
    assert "To continue: " in last and last.endswith("python -m pg_edu train --resume cut")
    assert run("train", "--resume", "cut") == 0
    assert parameters("cut") == parameters("whole")


def test_a_run_can_continue_in_another_folder() -> None:
    assert run("train", "--max-updates", "1", "--out", "first", *SMALL) == 0
    before = Path("first/checkpoint.pt").read_bytes()
    assert run("train", "--resume", "first", "--max-updates", "2", "--out", "second") == 0
    assert Path("first/checkpoint.pt").read_bytes() == before
    assert len(saved("second").history) == 2


def test_ctrl_c_before_training_writes_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "make_policy", interrupt_at(1, make_policy))
    assert run("train") == 130
    assert "nothing was written" in capsys.readouterr().err
    assert list(Path().iterdir()) == []


def test_ctrl_c_while_drawing_keeps_the_whole_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(commands.train, "_draw", interrupt_at(1, commands.train._draw))
        assert run("train", "--max-updates", "2", "--out", "here", *SMALL) == 130
    assert saved("here").stopped == "max_updates"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal like Ctrl-C")
def test_sigint_ends_the_process_with_status_130_and_no_traceback() -> None:
    command = [sys.executable, "-m", "pg_edu", "train", "--out", "here", *SMALL]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while not Path("here/run.csv").exists() and process.poll() is None:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert "To continue: " in said and "python -m pg_edu train --resume here" in said
    assert saved("here").seed == 0


@pytest.mark.skipif(sys.platform == "win32", reason="on Windows pipes do not break like this")
def test_a_broken_pipe_is_not_reported_as_a_wrong_folder() -> None:
    assert run("train", "--max-updates", "1", "--out", "here", *SMALL) == 0
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-u", "-m", "pg_edu", "evaluate", "here", "--episodes", "2"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "required: train | sweep | evaluate | probe"),
        ("fly", "invalid choice: 'fly'"),
        ("train --fast", "unrecognized arguments: --fast. All options: "),
        ("train --lr 1", "python -m pg_edu train --help"),
        ("evaluate swept", "swept is the folder of a sweep. Give one of the .pt files in it"),
        ("sweep --out run", "run is the folder of one run. Give another one with --out"),
        ("train --seed one", "--seed: invalid int value: 'one'"),
        ("train --seed -1", "seed must be a whole number of at least 0, got -1"),
        (f"train --seed {2**64}", f"seed must be less than 2**64, got {2**64}"),
        ("train --hidden-sizes 99999999999", "hidden_sizes (99999999999,) make no network: "),
        ("train --episodes-per-env 999999999999", "there is not enough memory. Unable to allocate"),
        ("train --learning-rate 0", "learning_rate must be a positive number, got 0.0"),
        ("train --discount 2", "discount_factor must be in [0, 1], got 2.0"),
        ("train --num-envs 0", "num_envs must be a whole number of at least 1, got 0"),
        ("train --hidden-sizes 64,wide", "expected widths such as 64,64, got '64,wide'"),
        ("train --action-bound fold", "--action-bound: invalid choice: 'fold'"),
        ("train --target nan", "target must be a number, got nan"),
        ("train --device abacus", "device 'abacus' cannot be used"),
        ("train NoSuchEnv-v0", "environment 'NoSuchEnv-v0' cannot be made"),
        ("train --out taken", "--out taken exists already and is not an empty folder"),
        ("train --out taken/notes.txt", "exists already and is not an empty folder"),
        ("train --out taken/notes.txt/x", "Choose another place with --out."),
        ("train --resume nowhere", "nowhere: No such file or directory"),
        ("train --resume taken", "checkpoint.pt: No such file or directory"),
        ("train --resume taken/notes.txt", "is not a checkpoint of pg_edu, or is damaged"),
        ("evaluate", "required: checkpoint"),
        ("evaluate nowhere", "nowhere: No such file or directory"),
        ("evaluate taken/notes.txt", "is not a checkpoint of pg_edu, or is damaged"),
    ],
)
def test_a_mistake_ends_with_one_line_and_status_2_and_writes_nothing(
    arguments: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ["run/checkpoint.pt", "swept/CartPole-v1-0-seed0.pt", "taken/notes.txt"]
    for file in map(Path, files):
        file.parent.mkdir()
        file.write_text("mine")
    assert run(*arguments.split()) == 2
    said = capsys.readouterr().err
    assert said.startswith("pg_edu: ")
    assert message in said
    assert said.count("\n") == 1
    assert sorted(path.as_posix() for path in Path().rglob("*.*")) == files
    assert {Path(file).read_text() for file in files} == {"mine"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--seed", "1"], "seed was 0 in the run to resume and cannot become 1"),
        (["Acrobot-v1"], "env_id was CartPole-v1 in the run to resume"),
        (["--learning-rate", "0.5"], "learning_rate was 0.04 in the run to resume"),
    ],
)
def test_a_run_is_not_resumed_as_another_one(
    change: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("train", "--max-updates", "1", "--out", "here", *SMALL) == 0
    before = {path: path.read_bytes() for path in Path("here").iterdir()}
    capsys.readouterr()
    assert run("train", "--resume", "here", *change) == 2
    assert message in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path("here").iterdir()} == before


@pytest.mark.parametrize("option", [["--episodes", "1"], ["--seed", "-1"]])
def test_evaluate_names_an_option_out_of_its_range(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run("train", "--max-updates", "1", "--out", "here", *SMALL)
    capsys.readouterr()
    assert run("evaluate", "here", *option) == 2
    assert f"{option[0]} must be at least" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: Result, path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(commands.train, "save_checkpoint", refused)
    assert run("train", "--out", "here", *SMALL) == 2
    assert "checkpoint.pt: Permission denied" in capsys.readouterr().err


def test_training_that_diverges_is_reported_and_saved_up_to_the_last_iteration(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []

    def diverging(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        if len(calls) == 3:
            raise ValueError("the loss is nan")
        return collect_and_update(*args, **kwargs)

    monkeypatch.setattr(training, "collect_and_update", diverging)
    assert run("train", "--out", "here", *SMALL) == 2
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("pg_edu: CartPole-v1: the loss is nan. The run is saved after 2 updates")
    assert last.endswith("train --resume here")
    assert len(saved("here").history) == 2


def test_commands_use_one_thread() -> None:
    torch.set_num_threads(2)
    run("train", "--max-updates", "1", *SMALL)
    assert torch.get_num_threads() == 1


def test_the_summary_has_the_mean_returns_of_the_agent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("train", "--max-updates", "1", "--out", "here", *SMALL) == 0
    result = saved("here")
    policy = trained_policy(result)
    means = [np.mean(evaluate(policy, result.config, greedy=g, seed=0)) for g in (True, False)]
    assert f"{means[0]:.1f} greedy, {means[1]:.1f} as trained." in capsys.readouterr().out


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"learning_rate": 0.05, "momentum": 0.5, "discount_factor": 0.9, "target": math.inf},
        {"reward_normalization": False, "hidden_sizes": (), "max_env_steps": 5000},
        {"env_id": "Pendulum-v1", "action_bound_method": None, "hidden_sizes": (8, 8)},
        {"baseline": "leave_one_out", "learning_rate_decay": 0.9},
        {"env_id": "Acrobot-v1", "baseline": "none"},
    ],
)
def test_the_printed_options_of_a_run_lead_back_to_its_settings(changes: dict) -> None:
    config = good_config(**changes)
    options = ["train", config.env_id, *shlex.split(settings_as_options(config))]
    given = vars(commands.make_parser().parse_args(options))
    again = {name: value for name, value in given.items() if name != "command"}
    if again.get("action_bound_method") == "none":
        again["action_bound_method"] = None
    assert good_config(**again) == config


AGENT = """
import torch
from pg_edu import PGPolicy

class Turned(PGPolicy):
    def _loss(self, minibatch):
        return -super()._loss(minibatch)

def plain(observation_space, action_space):
    raise RuntimeError("not yet written")

policy = torch.nn.Linear(1, 1)
"""


@pytest.fixture
def agent_module(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("my_agent.py").write_text(AGENT)
    monkeypatch.syspath_prepend(str(Path.cwd()))
    monkeypatch.delitem(sys.modules, "my_agent", raising=False)


def test_probe_checks_pgpolicy_by_default_and_ends_with_status_0_if_nothing_is_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def passed(make_policy: Any, **kwargs: Any) -> probes.ProbeReport:
        asked.append((make_policy, kwargs))
        return probes.ProbeReport((probes.ProbeResult("delay", "?", 1.0, 1.0, "passed"),))

    monkeypatch.setattr(probes, "probe", passed)
    assert run("probe") == 0
    assert run("probe", "--updates", "200", "--seed", "3") == 0
    assert asked == [(PGPolicy, {}), (PGPolicy, {"updates": 200, "seed": 3})]
    assert "Nothing is broken" in capsys.readouterr().out


def test_probe_prints_the_table_of_a_broken_agent_and_ends_with_status_1(
    capsys: pytest.CaptureFixture[str], agent_module: None
) -> None:
    assert run("probe", "my_agent:Turned", "--updates", "40") == 1
    said = capsys.readouterr()
    assert said.err == ""
    assert "the sign of the loss" in said.out
    assert said.out.endswith("Look first at: two actions.\n")


def test_an_agent_that_cannot_be_made_gives_a_table_of_errors_without_a_traceback(
    capsys: pytest.CaptureFixture[str], agent_module: None
) -> None:
    assert run("probe", "my_agent:plain") == 1
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.count("RuntimeError: not yet written") == len(probes.PROBES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("probe my_agent", "expected MODULE:NAME, such as my_agent:MyPolicy, got 'my_agent'"),
        ("probe my_agent:Missing", "cannot be imported: AttributeError"),
        ("probe no_such_module:Policy", "cannot be imported: ModuleNotFoundError"),
        ("probe my_agent:policy", "make_policy is of type Linear, but each probe needs a policy"),
        ("probe --updates 3", "updates is 3, but it must be at least 25"),
        ("probe --updates many", "--updates: invalid int value: 'many'"),
        ("probe --seed -1", "seed is -1, but it must be at least 0"),
    ],
)
def test_a_mistake_in_probe_ends_with_one_line_and_status_2(
    arguments: str, message: str, capsys: pytest.CaptureFixture[str], agent_module: None
) -> None:
    assert run(*arguments.split()) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("pg_edu: ") and message in said.err
    assert said.err.count("\n") == 1


def test_version_names_the_package_and_torch(capsys):
    with pytest.raises(SystemExit) as end:
        commands.main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"pg-edu {pg_edu.__version__}, torch {torch.__version__}\n"
