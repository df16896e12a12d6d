"""Report the errors of environments: which one failed, in which file and line, and why.

`Watched` is a vector environment that passes everything on. It raises `EnvironmentFailed` if the
one that it holds raises an error, calls `sys.exit`, loses a worker process, returns numbers that
are not finite, or takes longer for a step than `time_limit` allows.
"""

import inspect
import os
import signal
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from typing import Any

import gymnasium as gym
import numpy as np

VectorEnv = gym.vector.VectorEnv[Any, Any, Any]

PACKAGES = tuple(
    os.path.dirname(path) + os.sep
    for path in (gym.__file__ or "", np.__file__ or "", os.path.dirname(__file__))
)
"""The folders of Gymnasium, NumPy and pg_edu, which only pass on what an environment returns."""

STANDARD_LIBRARY = os.path.dirname(os.__file__) + os.sep


class EnvironmentFailed(RuntimeError):
    """The error raised if an environment fails: its id, file and line, and the original message."""


class Watched(gym.vector.VectorWrapper):
    """A vector environment that says where and why it fails.

    Args:
        env: the vector environment to watch.
        env_id: its id.
        kind: the class of a single environment.
    """

    def __init__(self, env: VectorEnv, env_id: str, kind: type) -> None:
        super().__init__(env)
        self.env_id = env_id
        self.kind = kind
        self._has_failed = False

    def reset(self, **given: Any) -> tuple[Any, dict[str, Any]]:
        """Reset as the watched environment does."""
        obs, info = self._call("reset", **given)
        self._check_finite("reset", "observation", obs)
        return obs, info

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step as the watched environment does."""
        obs, rew, terminated, truncated, info = self._call("step", actions)
        self._check_finite("step", "observation", obs)
        self._check_finite("step", "reward", rew)
        return obs, rew, terminated, truncated, info

    def close(self, **given: Any) -> None:
        """Close the watched environment; after a failure, without waiting for its workers."""
        if not self._has_failed:
            self._call("close", **given)
            return
        with suppress(Exception):  # The failure that has been reported may be the reason for this.
            self.env.close(terminate=True)

    def _call(self, method: str, *args: Any, **given: Any) -> Any:
        try:
            _start_clock()
            try:
                return getattr(self.env, method)(*args, **given)
            finally:
                _stop_clock()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # The code of an environment may fail in any way.
            self._has_failed = True
            raise self._failure(method, error, self._advice(error)) from error

    def _check_finite(self, method: str, name: str, values: Any) -> None:
        """Require finite numbers, because nothing can be learned from others."""
        x = np.asarray(values)
        if x.dtype.kind != "f" or np.isfinite(x).all():
            return
        index = np.argwhere(~np.isfinite(x))[0]
        self._has_failed = True
        error = ValueError(f"environment {index[0]} returned the {name} {values[index[0]]}")
        raise self._failure(method, error, "Each number must be finite.")

    def _failure(self, method: str, error: BaseException, advice: str) -> EnvironmentFailed:
        where = f"{method}{place(error, self.kind, method)}"
        text = f"{self.env_id} failed in {where}: {described(error)}"
        return EnvironmentFailed(f"{text}. {advice}" if advice else text)

    def _advice(self, error: BaseException) -> str:
        """Return what is known about the cause beyond the error's own message."""
        if isinstance(error, SystemExit):
            return "An environment must not end the process."
        if "unpack" in str(error):
            return (
                "step must return (observation, reward, terminated, truncated, info), and reset "
                "(observation, info)."
            )
        if isinstance(error, EOFError | ConnectionError | TimeoutError):
            return _dead_or_slow_workers(self.env, error)
        return _wrong_shapes(self.env)


@contextmanager
def environment_named(env_id: str) -> Iterator[None]:
    """Let errors in the block, where one environment is drawn, name the environment.

    Those of `pg_edu` itself, which are a ValueError or say that nothing can be drawn, stay as they
    are.

    Raises:
        EnvironmentFailed: the block has raised another error, or SystemExit.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if isinstance(error, ValueError) or type(error).__module__.startswith("pg_edu."):
            raise
        text = f"{env_id} failed while it was drawn{place(error)}: {described(error)}"
        raise EnvironmentFailed(text) from error


@contextmanager
def closed_at_the_end(env: gym.Env[Any, Any], env_id: str) -> Iterator[None]:
    """Close the environment at the end of the block.

    Raises:
        EnvironmentFailed: its `close` raises an error, and the block has not raised any.
    """
    try:
        yield
    except BaseException:
        with suppress(Exception):  # The error of the block may be the reason for this one.
            env.close()
        raise
    try:
        env.close()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        where = f"close{place(error, type(env.unwrapped), 'close')}"
        raise EnvironmentFailed(f"{env_id} failed in {where}: {described(error)}") from error


@contextmanager
def working_folder_kept() -> Iterator[None]:
    """Go back to the working folder at the end of the block.

    An environment may go to another one, and the paths of the program are relative to this one.
    """
    try:
        folder = os.getcwd()
    except FileNotFoundError:  # Somebody has deleted it.
        yield
        return
    try:
        yield
    finally:
        with suppress(OSError):
            os.chdir(folder)


def described(error: BaseException) -> str:
    """Return the type of the error and its message."""
    text = str(error).rstrip(". \n")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def place(error: BaseException, kind: type | None = None, method: str = "") -> str:
    """Return the file and line of the environment's code where the error began, in parentheses.

    It is the last line of the traceback in the file of the environment's class, or else in any file
    that is not of Python, NumPy, Gymnasium or pg_edu. If there is none, it is the line where the
    class defines the method. Nothing is returned if there is no such line either.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == _file_of(kind)]
    others = [frame for frame in frames if not _only_passes_on(frame.filename)]
    for frame in [*own[-1:], *others[-1:]]:
        return f" ({shown(frame.filename)}:{frame.lineno})"
    with suppress(OSError, TypeError, AttributeError):  # Compiled code has no lines.
        line = inspect.getsourcelines(getattr(kind, method))[1]
        return f" ({shown(_file_of(kind))}:{line})"
    return ""


def _only_passes_on(path: str) -> bool:
    is_standard = path.startswith(STANDARD_LIBRARY) and "-packages" not in path
    return is_standard or path.startswith((*PACKAGES, "<frozen "))


def _file_of(kind: type | None) -> str:
    try:
        return inspect.getfile(kind) if kind is not None else ""
    except (OSError, TypeError):  # The class was made by compiled code, or in a session.
        return ""


def shown(path: str) -> str:
    """Return the path from the working folder if it is in there, otherwise the whole path."""
    with suppress(OSError, ValueError):  # There is no working folder, or it is on another drive.
        relative = os.path.relpath(path)
        return path if relative.startswith(os.pardir) else relative
    return path


def _dead_or_slow_workers(envs: VectorEnv, error: BaseException) -> str:
    """Return which worker processes have died or have not answered, for an AsyncVectorEnv."""
    processes = getattr(envs.unwrapped, "processes", [])
    if isinstance(error, EOFError | ConnectionError):  # A process has ended, or is about to.
        ended = wait([process.sentinel for process in processes], timeout=1)
        for process in processes:
            process.join(timeout=1 if process.sentinel in ended else 0)
    dead = [f"{i} (exit code {p.exitcode})" for i, p in enumerate(processes) if not p.is_alive()]
    if dead:
        return f"Worker processes that have died: {', '.join(dead)}."
    pipes = getattr(envs.unwrapped, "parent_pipes", [])
    silent = [str(i) for i, pipe in enumerate(pipes) if pipe is not None and not pipe.poll(0)]
    return f"Worker processes that have not answered: {', '.join(silent)}." if silent else ""


def _wrong_shapes(envs: VectorEnv) -> str:
    """Return which environment's observation has another shape than its space, if any has."""
    expected = envs.single_observation_space.shape
    for number, obs in enumerate(getattr(envs.unwrapped, "_env_obs", [])):
        shape = None if obs is None else np.shape(obs)
        if shape is not None and expected is not None and shape != expected:
            return (
                f"Environment {number} returned an observation of shape {list(shape)}, but its "
                f"observation_space has the shape {list(expected)}."
            )
    return ""


STEP_SECONDS = 300.0
"""The time limit of the commands for a step."""

_seconds = 0.0  # the time limit for a step; 0: none


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Let a step or reset of watched environments fail if it takes longer than this many seconds.

    It needs an alarm of the operating system that reaches the main thread. So there is no limit on
    Windows, in another thread, or if the program uses the alarm itself; and compiled code that
    never returns to Python is not interrupted.
    """
    global _seconds
    is_possible = hasattr(signal, "SIGALRM") and (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    )
    if not is_possible or not np.isfinite(seconds):
        yield
        return
    before = _seconds
    signal.signal(signal.SIGALRM, _raise_timeout)
    _seconds = seconds
    try:
        yield
    finally:
        _seconds = before
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _raise_timeout(*_: Any) -> None:
    raise TimeoutError(f"no answer within {_seconds:g} s")


def _start_clock() -> None:
    if _seconds:
        signal.setitimer(signal.ITIMER_REAL, _seconds)


def _stop_clock() -> None:
    if _seconds:
        signal.setitimer(signal.ITIMER_REAL, 0)
