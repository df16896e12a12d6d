"""The logger that passes scalars to TensorBoard, or to any other writer of scalars."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pg_edu.tianshou.missing import explain_missing
from pg_edu.tianshou.utils.logger.base import BaseLogger

__all__ = ["TensorboardLogger"]


class ScalarWriter(Protocol):
    """The methods of torch.utils.tensorboard.SummaryWriter that a `TensorboardLogger` calls."""

    def add_scalar(self, tag: str, scalar_value: Any, global_step: int) -> object: ...
    def flush(self) -> object: ...
    def close(self) -> object: ...


class TensorboardLogger(BaseLogger):
    """A logger that gives its scalars to a SummaryWriter, or to another `ScalarWriter`.

    A SummaryWriter needs TensorBoard, which pg_edu does not install: `pip install tensorboard`.

    Args:
        writer: an object with the methods add_scalar, flush and close.
        save_interval: the smallest number of epochs between two checkpoints.
        write_flush: whether to flush the writer after each entry.
        train_interval, test_interval, update_interval, info_interval: as in `BaseLogger`.

    Raises:
        TypeError: the writer lacks one of the methods.

    Example:
        >>> class Printer:
        ...     def add_scalar(self, tag, scalar_value, global_step):
        ...         print(f"{tag} = {scalar_value} at {global_step}")
        ...     flush = close = lambda self: None
        >>> TensorboardLogger(Printer()).log_test_data({"returns_stat": {"mean": 21.0}}, 500)
        test/env_step = 500 at 500
        test/returns_stat/mean = 21.0 at 500
    """

    def __init__(
        self,
        writer: ScalarWriter,
        train_interval: int = 1000,
        test_interval: int = 1,
        update_interval: int = 1000,
        info_interval: int = 1,
        save_interval: int = 1,
        write_flush: bool = True,
    ) -> None:
        super().__init__(train_interval, test_interval, update_interval, info_interval)
        if not all(hasattr(writer, name) for name in ("add_scalar", "flush", "close")):
            raise TypeError(
                f"writer is {writer!r}, which lacks add_scalar, flush or close. Write "
                "TensorboardLogger(SummaryWriter(log_dir)), after `from torch.utils.tensorboard "
                "import SummaryWriter`."
            )
        self.writer = writer
        self.save_interval = save_interval
        self.write_flush = write_flush
        self.last_save_step = -1
        self._last_save = (0, 0, 0)

    def write(self, step_type: str, step: int, data: dict[str, Any]) -> None:
        """Add the step and every scalar to the writer."""
        scope = step_type.split("/")[0]
        self.writer.add_scalar(step_type, step, global_step=step)
        for name, value in data.items():
            self.writer.add_scalar(f"{scope}/{name}", value, global_step=step)
        if self.write_flush:
            self.writer.flush()

    def save_data(
        self,
        epoch: int,
        env_step: int,
        gradient_step: int,
        save_checkpoint_fn: Callable[[int, int, int], object] | None = None,
    ) -> None:
        """Call save_checkpoint_fn every save_interval epochs, and log the epoch and the steps."""
        if save_checkpoint_fn is None or epoch - self.last_save_step < self.save_interval:
            return

        save_checkpoint_fn(epoch, env_step, gradient_step)
        self.last_save_step = epoch
        self._last_save = (epoch, env_step, gradient_step)
        self.write("save/epoch", epoch, {})
        self.write("save/env_step", env_step, {})
        self.write("save/gradient_step", gradient_step, {})

    def restore_data(self) -> tuple[int, int, int]:
        """Return (epoch, env_step, gradient_step) of the last checkpoint of this logger.

        Files that an earlier run wrote are not read.
        """
        return self._last_save

    @staticmethod
    def restore_logged_data(log_path: str) -> dict[str, Any]:
        """Read the event files of a folder.

        Returns:
            A nested dict: "test/returns_stat/mean" is [n], float64, under ["test"]["returns_stat"]
            ["mean"], one number for each entry.

        Raises:
            ImportError: TensorBoard is not installed.
        """
        require_tensorboard()
        module = import_module("tensorboard.backend.event_processing.event_accumulator")
        events = module.EventAccumulator(log_path)
        events.Reload()
        data: dict[str, Any] = {}
        for tag in events.scalars.Keys():
            *scopes, name = tag.split("/")
            scope = data
            for key in scopes:
                scope = scope.setdefault(key, {})
            scope[name] = np.array([event.value for event in events.scalars.Items(tag)])
        return data

    def finalize(self) -> None:
        """Close the writer."""
        self.writer.close()


def require_tensorboard() -> None:
    """Raise ImportError, with the command that installs it, if TensorBoard is missing."""
    if find_spec("tensorboard") is None:
        raise ImportError(
            "SummaryWriter needs TensorBoard, which pg_edu does not install: "
            "`pip install tensorboard`."
        )


def summary_writer_class() -> Any:
    """Return torch.utils.tensorboard.SummaryWriter, or raise ImportError."""
    require_tensorboard()
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter


if not TYPE_CHECKING:
    _explain = explain_missing(__name__)

    def __getattr__(name: str) -> Any:
        # v1.1.0's module has this name too. It is imported only where it is asked for.
        return summary_writer_class() if name == "SummaryWriter" else _explain(name)
