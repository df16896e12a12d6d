"""The errors of environments: which one, in which file and line, and what it said itself."""

import math
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv

from pg_edu.runs.agents import make_env, make_envs, open_env
from pg_edu.runs.config import Config
from pg_edu.runs.environment_errors import (
    EnvironmentFailed,
    Watched,
    closed_at_the_end,
    described,
    environment_named,
    place,
    shown,
    time_limit,
    working_folder_kept,
)
from pg_edu.runs.training import evaluate, initial_policy, train
from tests.runs import faulty_envs
from tests.runs.faulty_envs import Faulty, line_of

SMALL = Config(num_envs=2, hidden_sizes=(4,), max_updates=1, target=math.inf)
HERE = os.path.relpath(faulty_envs.__file__)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
has_alarms = pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="Windows has no alarms")


def faulty(name: str) -> Config:
    return replace(SMALL, env_id=f"tests.runs.faulty_envs:{name}-v0")


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("no_sensor", 'OSError("sensor gone")', "OSError: sensor gone"),
        ("raises", 'Unpicklable("this", "that")', "Unpicklable: this and that"),
        ("leaves", "SystemExit(3)", "SystemExit: 3. An environment must not end the process."),
        ("cancelled", "raise CancelledError", "CancelledError: by the simulator"),
        ("old", "def step", "(expected 5, got 4). step must return (observation, reward, "),
        ("wide", "def step", "Environment 0 returned an observation of shape [3], but its"),
        ("blind", "def step", "environment 0 returned the observation [nan nan]"),
        ("infinite", "def step", "environment 0 returned the reward inf"),
    ],
)
def test_an_error_names_the_environment_its_line_and_its_own_message(
    name: str, line: str, message: str
) -> None:
    with pytest.raises(EnvironmentFailed) as caught:
        train(0, faulty(name))
    begin = f"tests.runs.faulty_envs:{name}-v0 failed in step ({HERE}:{line_of(line)}): "
    assert str(caught.value).startswith(begin)
    assert message in str(caught.value)


def test_the_original_error_is_the_cause() -> None:
    with pytest.raises(EnvironmentFailed) as caught:
        train(0, faulty("no_sensor"))
    assert repr(caught.value.__cause__) == "OSError('sensor gone')"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_rewards_that_are_too_large_to_average_solve_nothing() -> None:
    with pytest.raises(ValueError, match=r"mean return of a rollout is inf, .* return 1e\+308"):
        train(0, faulty("huge"))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_rewards_that_are_too_large_to_average_cannot_be_evaluated() -> None:
    config = faulty("huge")
    said = r"huge-v0 has a mean return of inf \(returns from 1e\+308"
    with pytest.raises(ValueError, match=said):
        evaluate(initial_policy(0, config), config, greedy=True)


def test_an_environment_that_leaves_while_it_is_made_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def leave(**given: Any) -> Any:
        raise SystemExit(0)

    spec = gym.envs.registration.EnvSpec("Leaves-v0", entry_point=leave)
    monkeypatch.setitem(gym.registry, "Leaves-v0", spec)
    place = f"{os.path.relpath(__file__)}:{leave.__code__.co_firstlineno + 1}"
    with pytest.raises(ValueError) as caught:
        make_env(replace(SMALL, env_id="Leaves-v0"))
    assert str(caught.value) == f"environment 'Leaves-v0' cannot be made: SystemExit: 0 ({place})"


def test_an_environment_that_cannot_be_closed_is_named_with_its_line() -> None:
    place = f"{HERE}:{line_of('valve stuck')}"
    with pytest.raises(EnvironmentFailed) as caught:
        train(0, faulty("cannot_close"))
    begin = "tests.runs.faulty_envs:cannot_close-v0 failed in close"
    assert str(caught.value) == f"{begin} ({place}): OSError: valve stuck"


def test_an_error_in_closing_does_not_hide_an_earlier_one() -> None:
    with pytest.raises(KeyError, match="earlier"), open_env(faulty("cannot_close")):
        raise KeyError("earlier")


def test_an_environment_that_leaves_the_working_folder_does_not_take_the_program_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = faulty("moves")
    train(0, config)
    assert Path.cwd() == tmp_path
    evaluate(initial_policy(0, config), config, greedy=True)
    assert Path.cwd() == tmp_path


def test_an_error_while_drawing_names_the_environment_and_our_own_errors_stay() -> None:
    message = r"X-v0 failed while it was drawn \(.*KeyError: 3"
    with pytest.raises(EnvironmentFailed, match=message), environment_named("X-v0"):
        raise KeyError(3)
    with pytest.raises(ValueError, match="as it is"), environment_named("X-v0"):
        raise ValueError("as it is")


def test_watching_changes_no_number() -> None:
    config = replace(SMALL, env_id="CartPole-v1")
    watched = make_envs(config, 2)
    bare = gym.make_vec("CartPole-v1", 2)
    assert np.array_equal(watched.reset(seed=3)[0], bare.reset(seed=3)[0])
    for a, b in zip(watched.step(np.ones(2, int)), bare.step(np.ones(2, int)), strict=True):
        assert np.array_equal(a, b) or a == b


@has_alarms
def test_a_step_that_takes_too_long_fails_with_the_line_where_it_waits() -> None:
    envs = make_envs(faulty("hangs"), 2)
    envs.reset(seed=0)
    with time_limit(0.2), pytest.raises(EnvironmentFailed) as caught:
        envs.step(np.zeros(2, int))
    place = f"{HERE}:{line_of('time.sleep(600)')}"
    said = f"hangs-v0 failed in step ({place}): TimeoutError: no answer within 0.2 s"
    assert str(caught.value).endswith(said)


@has_alarms
def test_the_alarm_is_off_between_steps_and_after_the_block() -> None:
    envs = make_envs(SMALL, 2)
    with time_limit(30.0):
        envs.reset(seed=0)
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    envs.step(np.zeros(2, int))
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@has_alarms
def test_a_program_that_uses_the_alarm_itself_keeps_it() -> None:
    def mine(*_: Any) -> None:
        pass

    signal.signal(signal.SIGALRM, mine)
    try:
        with time_limit(1.0):
            assert signal.getsignal(signal.SIGALRM) is mine
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def test_where_there_is_no_alarm_there_is_no_limit() -> None:
    """Only the main thread can have one."""
    ran: list[bool] = []

    def run() -> None:
        with time_limit(1e-9):
            make_envs(SMALL, 2).reset(seed=0)
            ran.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert ran == [True]


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a function that makes watched environments in processes of their own."""
    monkeypatch.setenv("FAULTY_ENVS", str(tmp_path))
    made: list[Watched] = []

    def make(*faults: str) -> Watched:
        envs = AsyncVectorEnv([partial(Faulty, fault) for fault in faults])
        made.append(Watched(envs, "Mine-v0", Faulty))
        made[0].reset(seed=0)
        return made[0]

    yield make
    made[0].close()
    vector: Any = made[0].unwrapped
    assert not any(process.is_alive() for process in vector.processes)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="workers that are started, not forked, import torch")
def test_a_worker_process_that_has_died_is_named(workers: Any) -> None:
    envs = workers("fine", "dies")
    with pytest.raises(EnvironmentFailed, match=r"Mine-v0 failed in step .*EOFError") as caught:
        envs.step(np.zeros(2, int))
    assert "Worker processes that have died: 1 (exit code 9)." in str(caught.value)


@pytest.mark.slow
@has_alarms
def test_a_worker_process_that_hangs_is_named(workers: Any) -> None:
    envs = workers("hangs", "fine")
    with time_limit(0.3), pytest.raises(EnvironmentFailed) as caught:
        envs.step(np.zeros(2, int))
    assert "no answer within 0.3 s. Worker processes that have not answered: 0." in str(
        caught.value
    )


def test_a_reset_that_returns_nan_is_an_error_too() -> None:
    class Blind(Faulty):
        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            return np.full(2, np.nan, np.float32), {}

    sees = partial(Faulty, "fine")
    envs = gym.vector.SyncVectorEnv([sees, partial(Blind, "fine")])
    with pytest.raises(
        EnvironmentFailed, match=r"failed in reset .*environment 1 returned the obs"
    ):
        Watched(envs, "Mine-v0", Blind).reset(seed=0)


def test_while_drawing_an_exit_is_an_error_and_an_error_of_an_environment_stays() -> None:
    with pytest.raises(EnvironmentFailed, match="SystemExit: 3"), environment_named("X-v0"):
        raise SystemExit(3)
    with pytest.raises(EnvironmentFailed, match=r"^as it is$"), environment_named("X-v0"):
        raise EnvironmentFailed("as it is")


@pytest.mark.parametrize(
    ("error", "text"),
    [(OSError("gone. \n"), "OSError: gone"), (OSError("e.g. x"), "OSError: e.g. x")],
)
def test_a_described_error_ends_without_a_period(error: Exception, text: str) -> None:
    assert described(error) == text


def test_the_line_is_that_of_the_environment_and_not_of_what_it_calls() -> None:
    class Calls(Faulty):
        def step(self, action: Any) -> Any:
            return line_of("no such line")

    with pytest.raises(StopIteration) as caught:
        Calls("fine").step(0)
    here = Calls.step.__code__.co_firstlineno + 1
    assert place(caught.value, Calls) == f" ({os.path.relpath(__file__)}:{here})"


def test_a_path_outside_of_the_working_folder_is_shown_as_a_whole(tmp_path: Path) -> None:
    assert shown(str(tmp_path / "env.py")) == str(tmp_path / "env.py")


@has_alarms
def test_an_infinite_time_limit_is_none() -> None:
    with time_limit(math.inf):
        make_envs(SMALL, 2).reset(seed=0)
        assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


class Interrupted(Faulty):
    """An environment in whose code somebody presses Ctrl-C."""

    def __init__(self, method: str) -> None:
        super().__init__("interrupts" if method == "step" else "fine")
        self.method = method

    def close(self) -> None:
        if self.method == "close":
            raise KeyboardInterrupt


def test_ctrl_c_in_a_step_stays_what_it_is() -> None:
    envs = Watched(gym.vector.SyncVectorEnv([partial(Interrupted, "step")]), "Mine-v0", Interrupted)
    envs.reset(seed=0)
    with pytest.raises(KeyboardInterrupt):
        envs.step(np.zeros(1, int))


def test_ctrl_c_while_drawing_stays_what_it_is() -> None:
    with pytest.raises(KeyboardInterrupt), environment_named("X-v0"):
        raise KeyboardInterrupt


def test_ctrl_c_while_closing_stays_what_it_is() -> None:
    with pytest.raises(KeyboardInterrupt), closed_at_the_end(Interrupted("close"), "X-v0"):
        pass


@has_alarms
def test_the_alarm_is_off_after_a_step_that_failed() -> None:
    """Otherwise it would end a program that goes on with something else."""
    envs = make_envs(faulty("no_sensor"), 2)
    with time_limit(30.0):
        envs.reset(seed=0)
        with pytest.raises(EnvironmentFailed, match="sensor gone"):
            envs.step(np.zeros(2, int))
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.fixture
def lost_folder(tmp_path: Path) -> Iterator[Path]:
    """Go to a folder that a test may delete, and come back from wherever the test ends."""
    before = Path.cwd()
    folder = tmp_path / "lost"
    folder.mkdir()
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.mark.skipif(os.name == "nt", reason="Windows does not delete a working folder")
def test_a_working_folder_that_has_been_deleted_stops_nothing(lost_folder: Path) -> None:
    lost_folder.rmdir()
    ran: list[bool] = []
    with working_folder_kept():
        ran.append(True)
    assert ran == [True]


@pytest.mark.skipif(os.name == "nt", reason="Windows does not delete a working folder")
def test_a_working_folder_that_is_deleted_in_the_block_stops_nothing(lost_folder: Path) -> None:
    with working_folder_kept():
        os.chdir(lost_folder.parent)
        lost_folder.rmdir()
    assert Path.cwd() == lost_folder.parent


def test_an_error_without_a_message_is_its_type() -> None:
    assert described(KeyError()) == "KeyError"
    assert described(OSError(" \n")) == "OSError"


@pytest.mark.parametrize("folder", ["site-packages", "dist-packages"])
def test_the_code_of_an_installed_environment_is_its_own(folder: str) -> None:
    """Some systems install packages in a folder inside of that of Python's library."""
    inside = os.path.join(os.path.dirname(os.__file__), folder, "their_env", "env.py")
    code = compile("raise KeyError(3)", inside, "exec")
    with pytest.raises(KeyError) as caught:
        exec(code, {})
    assert place(caught.value) == f" ({shown(inside)}:1)"


class Stuck(Faulty):
    """An environment that cannot be closed, whatever has happened before."""

    def close(self) -> None:
        raise OSError("valve stuck")


@pytest.mark.parametrize("fault", ["no_sensor", "blind"])
def test_an_environment_that_has_failed_says_nothing_more_when_it_is_closed(fault: str) -> None:
    """Otherwise this error would be the one that is shown, instead of the first."""
    envs = Watched(gym.vector.SyncVectorEnv([partial(Stuck, fault)]), "Mine-v0", Stuck)
    envs.reset(seed=0)
    with pytest.raises(EnvironmentFailed, match="failed in step"):
        envs.step(np.zeros(1, int))
    envs.close()


def test_an_environment_that_has_not_failed_says_when_it_cannot_be_closed() -> None:
    envs = Watched(gym.vector.SyncVectorEnv([partial(Stuck, "fine")]), "Mine-v0", Stuck)
    with pytest.raises(EnvironmentFailed, match=r"Mine-v0 failed in close .*valve stuck"):
        envs.close()


def test_the_line_is_the_last_one_in_the_file_of_the_environment() -> None:
    class Helped(Faulty):
        def step(self, action: Any) -> Any:
            return self.helper()

        def helper(self) -> Any:
            raise KeyError(3)

    with pytest.raises(KeyError) as caught:
        Helped("fine").step(0)
    line = Helped.helper.__code__.co_firstlineno + 1
    assert place(caught.value, Helped) == f" ({os.path.relpath(__file__)}:{line})"


def test_after_an_error_in_the_block_the_environment_is_closed_all_the_same() -> None:
    closed: list[bool] = []

    class Closes(Faulty):
        def close(self) -> None:
            closed.append(True)

    with pytest.raises(KeyError), closed_at_the_end(Closes("fine"), "X-v0"):
        raise KeyError
    assert closed == [True]
