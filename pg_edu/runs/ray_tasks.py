"""The workers of a sweep as tasks on a Ray cluster.

The cluster is the one that this process is already connected to, or the one that the environment
variable RAY_ADDRESS names, or a new one on this machine.
"""

import importlib
import logging
import os
import sys
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class RayTasks:
    """Tasks on a Ray cluster, which does not retry them, since `sweep` counts the lost workers.

    Args:
        work: the function that a worker calls with a run.
        workers: the number of tasks at the same time; None: one for each processor of the cluster.
        runs: the number of runs; a new cluster has no more processors than runs.

    Raises:
        ValueError: Ray is not installed or cannot be used.
    """

    def __init__(self, work: Callable[[Any], Any], workers: int | None, runs: int) -> None:
        self._ray = import_ray()
        self._has_connected = not self._ray.is_initialized()
        if self._has_connected:
            self._connect(min(workers or os.cpu_count() or 1, runs))
        self.count = workers or int(self._ray.cluster_resources().get("CPU", 1))

        def task(run: Any) -> Any:  # Ray accepts functions only, and `work` may be a partial one.
            return work(run)

        self._task = self._ray.remote(num_cpus=1, max_retries=0)(task)
        self._references: dict[Future[Any], Any] = {}

    def start(self, run: Any) -> Future[Any]:
        """Give the run to the cluster, which starts it when a processor is idle.

        The future raises if the worker is lost.
        """
        reference = self._task.remote(run)
        future: Future[Any] = reference.future()
        self._references = {f: ref for f, ref in self._references.items() if not f.done()}
        self._references[future] = reference
        return future

    def close(self) -> None:
        """Stop at once whatever is still running, and leave the cluster."""
        for future, reference in self._references.items():
            if not future.done():
                self._ray.cancel(reference, force=True)
        if self._has_connected:
            self._ray.shutdown()

    def _connect(self, processors: int) -> None:
        settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if "RAY_ADDRESS" not in os.environ:
            settings["address"] = "local"
            settings["num_cpus"] = processors
            settings["include_dashboard"] = False
            settings["object_store_memory"] = 100 * 2**20
            # The workers can import what this process can import.
            environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
            settings["runtime_env"] = {"env_vars": environment}
        try:
            self._ray.init(**settings)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".split("\n")[0]
            raise ValueError(f"Ray cannot be used: {reason}") from error


def import_ray() -> Any:
    """Return the module `ray`, with settings that keep it from printing.

    Raises:
        ValueError: Ray is not installed.
    """
    # Ray reads these when it is imported. It would print lost workers, which `sweep` reports.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise ValueError('the backend "ray" needs a package: pip install "pg_edu[ray]"') from error
