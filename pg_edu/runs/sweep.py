"""Train every combination of settings with every seed, in parallel, on processes or on Ray.

    missing = the runs whose result is not in the folder
    while any run is missing or running:
        give a run to each idle worker
        wait until a run ends
            with a result: write it to the folder
            with an exception: the run has failed; the others continue
            because its worker was lost (killed, out of memory, crashed): try it once more, after
                which it has failed

A run is a function of its seed and config (see `training`). So its result depends neither on the
number of workers, nor on the order in which runs end, nor on an interruption: a second call with
the same folder reads the results that are there and computes the others. The name of a run's file
depends on its seed and all its settings, so one folder can hold many sweeps. The file is a
checkpoint like any other.

Nothing here prints or draws. In a script, call `sweep` under `if __name__ == "__main__":`, because
every worker process imports the script again. The workers find your own environment by the id
"module:Name-v0" if importing the module registers it.
"""

import hashlib
import itertools
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import closing
from dataclasses import asdict, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import torch

from pg_edu.runs.agents import make_policy, open_env
from pg_edu.runs.checkpoint import load_checkpoint, save_checkpoint
from pg_edu.runs.config import Config, good_config
from pg_edu.runs.environment_errors import (
    STEP_SECONDS,
    EnvironmentFailed,
    described,
    time_limit,
)
from pg_edu.runs.files import claimed
from pg_edu.runs.processes import Processes
from pg_edu.runs.ray_tasks import RayTasks, import_ray
from pg_edu.runs.training import Result, train

ATTEMPTS = 2
"""How often a run is started, at most, if its worker is lost: it may be victim or cause."""


class Run(NamedTuple):
    """A seed and settings: `train(*run)` returns the result."""

    seed: int
    config: Config


class Outcome(NamedTuple):
    """A run with its result, or with None and the reason why there is no result."""

    run: Run
    result: Result | None
    failure: str = ""


class Workers(Protocol):
    """The workers of a sweep: `Processes` or `RayTasks`."""

    count: int
    """The number of runs that the workers can have at the same time."""

    def start(self, run: Run) -> Future[Result | str]:
        """Give the run to an idle worker; the future raises if the worker is lost."""

    def close(self) -> None:
        """Stop at once whatever is still running."""


def grid(seeds: Iterable[int], **settings: Iterable[Any]) -> list[Run]:
    """Return a run for every combination of these values with every seed.

    The other settings are those of `good_config`. The runs are ordered by seed, so that a sweep
    that is cut short is complete for fewer seeds.

    Args:
        seeds: the seeds of the runs.
        **settings: lists of values for fields of Config.

    Raises:
        ValueError: a setting is not a list of values, or a value is out of range.

    Example:
        >>> runs = grid(range(10), learning_rate=[3e-3, 1e-2], num_envs=[16, 32])
        >>> len(runs), runs[1].seed, runs[1].config.num_envs
        (40, 0, 32)
    """
    lists = []
    for name, values in settings.items():
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise ValueError(f"{name} must be a list of values, got {values!r}")
        lists.append([_plain(name, value) for value in values])

    configs = []
    for combination in itertools.product(*lists):
        changes = dict(zip(settings, combination, strict=True))
        configs.append(good_config(**changes))
    return [Run(int(seed), config) for seed in seeds for config in configs]


def path_of(run: Run, folder: str | PathLike[str]) -> Path:
    """Return the path of the run's result in the folder; its name has a digest of all settings.

    Example:
        >>> path_of(Run(7, Config(target=475)), "a") == path_of(Run(7, Config(target=475.0)), "a")
        True
    """
    # 475 and 475.0 are the same target, so they have to give the same digest.
    settings = {
        name: float(value) if isinstance(value, int) else value
        for name, value in asdict(run.config).items()
    }
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
    env = re.sub(r"[^\w.-]+", "-", run.config.env_id)
    return Path(folder, f"{env}-{digest}-seed{run.seed}.pt")


def finished(run: Run, folder: str | PathLike[str]) -> Result | None:
    """Return the result of this run if the folder holds it and the run has ended, or None."""
    try:
        result = load_checkpoint(path_of(run, folder))
    except (OSError, ValueError):
        return None

    config = run.config
    if config.target is None:
        config = replace(config, target=result.config.target)
    is_this_run = (result.seed, result.config) == (run.seed, config)
    return result if is_this_run and result.stopped else None


def sweep(
    runs: Iterable[Run],
    folder: str | PathLike[str],
    *,
    workers: int | None = None,
    backend: Literal["processes", "ray"] = "processes",
    step_seconds: float = STEP_SECONDS,
    on_outcome: Callable[[list[Outcome]], object] | None = None,
) -> list[Outcome]:
    """Train each run that is not in the folder yet, and return the outcomes of all runs.

    Ctrl-C stops the workers at once; the results of the runs that have ended are in the folder.
    Meanwhile no other sweep can use the folder.

    Args:
        runs: the runs, for example those of `grid`. Equal runs count as one.
        folder: the folder for the results, one file for each run. It is created if necessary.
        workers: the number of runs at the same time, each on one thread. None: one for each
            processor.
        backend: "processes" on this machine, or "ray": the cluster that the environment variable
            RAY_ADDRESS names, where pg_edu has to be installed, or else a new one on this machine.
        step_seconds: a run fails if one step of its environments takes longer; infinity: no limit.
            See `time_limit`, which says where there is none.
        on_outcome: called with the outcomes so far: before the first run, with those that were
            already in the folder, and after each run, when its result has been written.

    Returns:
        An outcome for each run, in the order of the runs.

    Raises:
        ValueError: an environment or device cannot be used, Ray is missing, no worker process
            starts, or another process is writing to the folder. In all these cases no run was
            started.
        OSError: the folder cannot be written.
    """
    _check_arguments(backend, workers, step_seconds)
    runs = list(dict.fromkeys(runs))
    folder = Path(folder).absolute()
    outcomes = _finished_outcomes(runs, folder)
    missing = [run for run in runs if run not in outcomes]
    _check_configs(run.config for run in missing)
    if backend == "ray" and missing:
        import_ray()  # If Ray is not installed, this raises before the folder is created.

    work = partial(_work, step_seconds=step_seconds)
    with (
        claimed(folder),
        closing(_start_workers(work, backend, workers, len(missing))) as pool,
    ):
        if on_outcome is not None:
            on_outcome(list(outcomes.values()))
        for outcome in _outcomes(missing, pool):
            if outcome.result is not None:
                folder.mkdir(parents=True, exist_ok=True)  # Somebody may have deleted it.
                save_checkpoint(outcome.result, path_of(outcome.run, folder))
            outcomes[outcome.run] = outcome
            if on_outcome is not None:
                on_outcome(list(outcomes.values()))
    return [outcomes[run] for run in runs]


def _check_arguments(backend: str, workers: int | None, step_seconds: float) -> None:
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    if backend not in ("processes", "ray"):
        raise ValueError(f'backend must be "processes" or "ray", got {backend!r}')
    if not step_seconds > 0:
        raise ValueError(f"step_seconds must be a positive number or inf, got {step_seconds}")


def _check_configs(configs: Iterable[Config]) -> None:
    """Make the agent of each config once, so that impossible configs raise before the first run."""
    for config in dict.fromkeys(configs):
        with open_env(config) as env, torch.random.fork_rng(devices=[]):
            make_policy(config, env.observation_space, env.action_space)


def _finished_outcomes(runs: Iterable[Run], folder: Path) -> dict[Run, Outcome]:
    """Return the outcomes of the runs whose results are already in the folder."""
    outcomes = {}
    for run in runs:
        result = finished(run, folder)
        if result is not None:
            outcomes[run] = Outcome(run, result)
    return outcomes


def _start_workers(
    work: Callable[[Run], Result | str], backend: str, workers: int | None, runs: int
) -> Workers:
    # Without a run there is nothing to start, so Ray is not needed.
    if backend == "ray" and runs > 0:
        return RayTasks(work, workers, runs)
    return Processes(work, workers, runs)


def _outcomes(runs: Iterable[Run], workers: Workers) -> Iterator[Outcome]:
    """Yield an outcome whenever a run ends."""
    waiting = deque((run, 1) for run in runs)
    running: dict[Future[Result | str], tuple[Run, int]] = {}
    while waiting or running:
        while waiting and len(running) < workers.count:
            run, attempt = waiting.popleft()
            running[workers.start(run)] = (run, attempt)

        # On Windows, Ctrl-C cannot interrupt a wait, so it is noticed between two waits.
        for future in wait(running, timeout=1, return_when=FIRST_COMPLETED).done:
            run, attempt = running.pop(future)
            try:
                answer = future.result()
            except Exception as error:  # `_work` returns a run's own errors, so the worker is lost.
                if attempt < ATTEMPTS:
                    waiting.appendleft((run, attempt + 1))
                    continue
                reason = _first_line(described(error))
                answer = f"its worker was lost {ATTEMPTS} times ({reason})"

            if isinstance(answer, str):
                yield Outcome(run, None, answer)
            else:
                yield Outcome(run, answer)


def _work(run: Run, step_seconds: float = STEP_SECONDS) -> Result | str:
    """Train in a worker; return the result, or the reason why there is none.

    The reason is a string because not every exception can be pickled.
    """
    torch.set_num_threads(1)
    try:
        with time_limit(step_seconds):
            return train(run.seed, run.config)
    except EnvironmentFailed as error:
        return _first_line(str(error))
    except BaseException as error:  # The code of an environment may fail in any way.
        return _first_line(described(error))


def _plain(name: str, value: Any) -> Any:
    """Turn NumPy numbers into Python ones, which a checkpoint can hold, and lists into tuples."""
    if isinstance(value, np.generic):
        return value.item()
    if name == "hidden_sizes" and not isinstance(value, Sequence):
        raise ValueError(f"hidden_sizes must be a list of tuples of widths, got {value!r} in it")
    return tuple(value) if isinstance(value, list) else value


def _first_line(text: str) -> str:
    return text.split("\n")[0]
