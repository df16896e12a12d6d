"""The base class of loggers, and one that writes nothing.

A logger writes nested statistics as scalars, whose names begin with their scope:

    train/*     step axis train/env_step          statistics of a training rollout
    test/*      step axis test/env_step           statistics of a test
    update/*    step axis update/gradient_step    statistics of an update
    info/*      step axis info/epoch              the state of training after an epoch
"""

from abc import ABC, abstractmethod
from numbers import Number
from typing import TYPE_CHECKING, Any

import numpy as np

from pg_edu.tianshou.missing import explain_missing
from pg_edu.trainer import Logger

__all__ = ["BaseLogger", "LazyLogger"]


class BaseLogger(Logger, ABC):
    """A logger that writes at intervals; the method `write` of a subclass decides where.

    Args:
        train_interval: the smallest number of transitions between two entries of training rollouts.
        test_interval: the smallest number of transitions between two entries of tests.
        update_interval: the smallest number of gradient steps between two entries of updates.
        info_interval: the smallest number of epochs between two entries of `InfoStats`.
    """

    def __init__(
        self,
        train_interval: int = 1000,
        test_interval: int = 1,
        update_interval: int = 1000,
        info_interval: int = 1,
    ) -> None:
        self.train_interval = train_interval
        self.test_interval = test_interval
        self.update_interval = update_interval
        self.info_interval = info_interval
        self.last_log_train_step = -1
        self.last_log_test_step = -1
        self.last_log_update_step = -1
        self.last_log_info_step = -1

    @abstractmethod
    def write(self, step_type: str, step: int, data: dict[str, Any]) -> None:
        """Write scalars by name.

        Args:
            step_type: scope and step axis, such as "train/env_step".
            step: the position on that axis.
            data: the scalars, as `prepare_dict_for_logging` returns them.
        """

    def prepare_dict_for_logging(
        self,
        log_data: dict[str, Any],
        parent_key: str = "",
        delimiter: str = "/",
        exclude_arrays: bool = True,
    ) -> dict[str, Any]:
        """Flatten nested dicts, {"a": {"b": 1.0}} -> {"a/b": 1.0}, and keep only numbers.

        Args:
            log_data: nested dicts.
            parent_key: a prefix for all names.
            delimiter: what joins the names of two levels.
            exclude_arrays: whether to drop NumPy arrays too.
        """
        kept = (Number, np.number) if exclude_arrays else (Number, np.number, np.ndarray)
        flat: dict[str, Any] = {}

        for key, value in log_data.items():
            name = f"{parent_key}{delimiter}{key}" if parent_key else key
            if isinstance(value, dict):
                flat |= self.prepare_dict_for_logging(value, name, delimiter, exclude_arrays)
            elif isinstance(value, kept):
                flat[name] = value

        return flat

    def log_train_data(self, log_data: dict[str, Any], step: int) -> None:
        """Write the statistics of a training rollout, unless the last entry is too recent."""
        if step - self.last_log_train_step >= self.train_interval:
            self.write("train/env_step", step, self.prepare_dict_for_logging(log_data))
            self.last_log_train_step = step

    def log_test_data(self, log_data: dict[str, Any], step: int) -> None:
        """Write the statistics of a test, unless the last entry is too recent."""
        if step - self.last_log_test_step >= self.test_interval:
            self.write("test/env_step", step, self.prepare_dict_for_logging(log_data))
            self.last_log_test_step = step

    def log_update_data(self, log_data: dict[str, Any], step: int) -> None:
        """Write the statistics of an update, unless the last entry is too recent."""
        if step - self.last_log_update_step >= self.update_interval:
            self.write("update/gradient_step", step, self.prepare_dict_for_logging(log_data))
            self.last_log_update_step = step

    def log_info_data(self, log_data: dict[str, Any], step: int) -> None:
        """Write the state of training after an epoch, unless the last entry is too recent."""
        if step - self.last_log_info_step >= self.info_interval:
            self.write("info/epoch", step, self.prepare_dict_for_logging(log_data))
            self.last_log_info_step = step

    def restore_data(self) -> tuple[int, int, int]:
        """Return (epoch, env_step, gradient_step) of the last checkpoint, or zeros without one."""
        return 0, 0, 0

    @staticmethod
    def restore_logged_data(log_path: str) -> dict[str, Any]:
        """Read what a logger wrote; a subclass that can read its files overrides this."""
        raise NotImplementedError(
            "restore_logged_data: this logger cannot read what it wrote; TensorboardLogger can."
        )

    def finalize(self) -> None:
        """Close what the logger opened."""


class LazyLogger(BaseLogger):
    """A logger that writes nothing; checkpoints are still saved after each epoch."""

    def write(self, step_type: str, step: int, data: dict[str, Any]) -> None:
        """Write nothing."""


if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
