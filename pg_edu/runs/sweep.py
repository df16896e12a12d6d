"""Many runs: every setting of a grid with every seed, side by side, on processes or on Ray.

    missing = runs whose result is not in the folder
    while any is missing or running:
        give a run to each worker that is idle
        wait until one ends
            its result: write it into the folder
            an exception: the run has failed, the others go on
            the worker is lost (killed, out of memory, crashed): once more, then it has failed

A run is a function of its seed and config (see `experiment`). So neither the number of workers, nor
the order in which they end, nor an interruption changes a result: the second call with the same
folder reads what is there and computes the rest. A run's file is named after its seed and all its
settings, and is a checkpoint like any other: one folder can hold many grids.

Nothing here prints or draws. In a script, call `sweep` under `if __name__ == "__main__":`, because
every worker process imports the script anew. An environment of your own is found there by the id
"module:Name-v0", where importing the module registers it.
"""

import hashlib
import importlib
import itertools
import json
import logging
import math
import multiprocessing
import os
import re
import signal
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch

from pg_edu.runs.experiment import (
    Config,
    Result,
    good_config,
    load_checkpoint,
    make_env,
    make_policy,
    save_checkpoint,
    train,
)

ATTEMPTS = 2
"""How often a run is begun whose worker is lost: it may be the victim, or the culprit."""


class Run(NamedTuple):
    """What is to be run: `train(*run)` gives its result."""

    seed: int
    config: Config


class Outcome(NamedTuple):
    """What became of a run: its result, or None and the reason why there is none."""

    run: Run
    result: Result | None
    failure: str = ""


def grid(seeds: Iterable[int], **settings: Iterable[Any]) -> list[Run]:
    """Every combination of these values with every seed; the rest as `good_config` has it.

    They come seed by seed: a sweep that is cut short is one of fewer seeds.

    Args:
        seeds: of the runs.
        **settings: the values of some fields of Config, a list for each.

    Raises:
        ValueError: no list, or a value out of its range.

    Example:
        >>> runs = grid(range(10), learning_rate=[3e-3, 1e-2], num_envs=[16, 32])
        >>> len(runs), runs[1].seed, runs[1].config.num_envs
        (40, 0, 32)
    """
    for name, values in settings.items():
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise ValueError(f"{name} must be a list of values, got {values!r}")
    configs = [
        good_config(**dict(zip(settings, values, strict=True)))
        for values in itertools.product(
            *([_plain(name, value) for value in values] for name, values in settings.items())
        )
    ]
    return [Run(int(seed), config) for seed in seeds for config in configs]


def path_of(run: Run, folder: str | os.PathLike[str]) -> Path:
    """Where in the folder the result of this run is: the name holds a digest of all its settings.

    Example:
        >>> path_of(Run(7, Config(target=475)), "a") == path_of(Run(7, Config(target=475.0)), "a")
        True
    """
    plain = {  # 475 and 475.0 are one target
        name: float(value) if isinstance(value, int) else value
        for name, value in asdict(run.config).items()
    }
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:12]
    env = re.sub(r"[^\w.-]+", "-", run.config.env_id)
    return Path(folder, f"{env}-{digest}-seed{run.seed}.pt")


def finished(run: Run, folder: str | os.PathLike[str]) -> Result | None:
    """The result of this run if the folder holds it, whole; otherwise None."""
    try:
        result = load_checkpoint(path_of(run, folder))
    except (OSError, ValueError):
        return None
    config = run.config
    if config.target is None:
        config = replace(config, target=result.config.target)
    same = (result.seed, result.config) == (run.seed, config)
    return result if same and result.stopped else None


def sweep(
    runs: Iterable[Run],
    folder: str | os.PathLike[str],
    *,
    workers: int | None = None,
    backend: Literal["processes", "ray"] = "processes",
    on_outcome: Callable[[list[Outcome]], object] | None = None,
) -> list[Outcome]:
    """Run what is not in the folder yet, and return the outcomes of all.

    Interrupted (Ctrl-C), it stops the workers at once; what has ended by then is in the folder.

    Args:
        runs: such as `grid` gives them; of equal ones there is one.
        folder: for the results, a file for each run. It is made if there is none.
        workers: how many runs at a time, each on one thread. None: as many as there are processors.
        backend: "processes" of this machine, or "ray": the cluster that the environment variable
            RAY_ADDRESS names, where pg_edu has to be installed, or else a Ray on this machine.
        on_outcome: called with the outcomes so far: before the first run with those that are in the
            folder already, then after each, when it is written.

    Returns:
        An outcome for each run, in their order.

    Raises:
        ValueError: an environment or device cannot be used, Ray is missing, or the worker processes
            do not start. No run was begun.
        OSError: the folder cannot be written.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    if backend not in ("processes", "ray"):
        raise ValueError(f'backend must be "processes" or "ray", got {backend!r}')
    runs, folder = list(dict.fromkeys(runs)), Path(folder)
    known = {run: Outcome(run, result) for run in runs if (result := finished(run, folder))}
    missing = [run for run in runs if run not in known]
    for config in dict.fromkeys(run.config for run in missing):
        with make_env(config) as env, torch.random.fork_rng(devices=[]):
            make_policy(config, env.observation_space, env.action_space)
    begin: type[_Processes | _Ray] = _Processes
    if backend == "ray" and missing:
        _import_ray()
        begin = _Ray
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass  # better an error now than after the first run

    def tell() -> None:
        if on_outcome is not None:
            on_outcome(list(known.values()))

    with closing(begin(workers, len(missing))) as pool:
        tell()
        for outcome in _outcomes(missing, pool):
            if outcome.result is not None:
                save_checkpoint(outcome.result, path_of(outcome.run, folder))
            known[outcome.run] = outcome
            tell()
    return [known[run] for run in runs]


class _Processes:
    """Worker processes, each the only one of a pool: if it dies, it takes one run along.

    In a pool of many all runs are lost with one process, and it is not known whose fault it was.
    """

    def __init__(self, workers: int | None, runs: int) -> None:
        self.count = min(workers or os.cpu_count() or 1, runs)
        self._pools = [self._pool() for _ in range(self.count)]
        try:
            self._latest: list[Future[Any]] = [self._begin(pool) for pool in self._pools]
            lost = [greeting.exception() is not None for greeting in self._latest]
            if lost and all(lost):
                raise ValueError(
                    "no worker process starts: is it killed? In a script, call sweep under "
                    '`if __name__ == "__main__":`'
                )
        except BaseException:
            self.close()
            raise

    def start(self, run: Run) -> Future[Result | str]:
        """Give the run to a worker that is idle. If it is lost, the future has an exception."""
        slot = next(slot for slot, future in enumerate(self._latest) if future.done())
        try:
            self._latest[slot] = self._pools[slot].submit(_work, run)
        except BrokenProcessPool:  # in the run before, or since
            self._pools[slot] = self._pool()
            self._begin(self._pools[slot])
            self._latest[slot] = self._pools[slot].submit(_work, run)
        return self._latest[slot]

    def close(self) -> None:
        """Stop at once what still runs."""
        for pool in self._pools:
            for process in list((pool._processes or {}).values()):  # public from Python 3.14 on
                process.kill()
            pool.shutdown()

    @staticmethod
    def _pool() -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(1, mp_context=context, initializer=_prepare)

    @staticmethod
    def _begin(pool: ProcessPoolExecutor) -> Future[int]:
        with _ctrl_c_held_back():
            return pool.submit(os.getpid)


class _Ray:
    """Tasks on a Ray cluster. It repeats none by itself: lost workers are counted here."""

    def __init__(self, workers: int | None, runs: int) -> None:
        self._ray = _import_ray()
        given: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if "RAY_ADDRESS" not in os.environ:
            count = min(workers or os.cpu_count() or 1, runs)
            given |= {"address": "local", "num_cpus": count, "include_dashboard": False}
            given |= {"object_store_memory": 100 * 2**20}
            # As in a process of ours: what this one can import, its workers can.
            given |= {"runtime_env": {"env_vars": {"PYTHONPATH": os.pathsep.join(sys.path)}}}
        self._is_ours = not self._ray.is_initialized()
        if self._is_ours:
            try:
                self._ray.init(**given)
            except Exception as error:
                raise ValueError(f"Ray cannot be used: {_first_line(error)}") from error
        self.count = workers or int(self._ray.cluster_resources().get("CPU", 1))
        self._task = self._ray.remote(num_cpus=1, max_retries=0)(_work)
        self._references: dict[Future[Any], Any] = {}

    def start(self, run: Run) -> Future[Result | str]:
        """As in `_Processes`; the run begins when the cluster has a processor for it."""
        reference = self._task.remote(run)
        future: Future[Result | str] = reference.future()
        self._references = {f: ref for f, ref in self._references.items() if not f.done()}
        self._references[future] = reference
        return future

    def close(self) -> None:
        """Stop at once what still runs, and leave the cluster."""
        for future, reference in self._references.items():
            if not future.done():
                self._ray.cancel(reference, force=True)
        if self._is_ours:
            self._ray.shutdown()


def _import_ray() -> Any:
    # Ray reads these when it is imported, and would print of lost workers what is said here.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise ValueError('the backend "ray" needs a package: pip install "pg_edu[ray]"') from error


def _outcomes(runs: Iterable[Run], workers: _Processes | _Ray) -> Iterator[Outcome]:
    """Outcomes as they come."""
    waiting = deque((run, 1) for run in runs)
    running: dict[Future[Result | str], tuple[Run, int]] = {}
    while waiting or running:
        while waiting and len(running) < workers.count:
            run, attempt = waiting.popleft()
            running[workers.start(run)] = (run, attempt)
        # Where a wait cannot be interrupted (Windows), Ctrl-C is heard between two of them.
        for future in wait(running, timeout=1, return_when=FIRST_COMPLETED).done:
            run, attempt = running.pop(future)
            try:
                answer = future.result()
            except Exception as error:  # not the run's, which `_work` keeps: the worker is lost
                if attempt < ATTEMPTS:
                    waiting.appendleft((run, attempt + 1))
                    continue
                answer = f"its worker was lost {ATTEMPTS} times ({_first_line(error)})"
            if isinstance(answer, str):
                yield Outcome(run, None, answer)
            else:
                yield Outcome(run, answer)


def _work(run: Run) -> Result | str:
    """In a worker: the result, or why there is none (not every exception can be pickled)."""
    torch.set_num_threads(1)
    try:
        result = train(run.seed, run.config)
    except (Exception, SystemExit) as error:  # an environment's own code may fail in any way
        return _first_line(error)
    last = result.history[-1].return_mean
    return result if math.isfinite(last) else f"the last mean return is {last}"


def _prepare() -> None:
    """In a worker process, at its start: Ctrl-C is its parent's affair, and it dies with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


@contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """Until the end, where it is heard. A process that starts meanwhile does not hear it at all."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _plain(name: str, value: Any) -> Any:
    """numpy's numbers as Python's, since a checkpoint holds no others; lists as tuples."""
    if isinstance(value, np.generic):
        return value.item()
    if name == "hidden_sizes" and not isinstance(value, Sequence):
        raise ValueError(f"hidden_sizes must be a list of tuples of widths, got {value!r} in it")
    return tuple(value) if isinstance(value, list) else value


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".split("\n")[0]
