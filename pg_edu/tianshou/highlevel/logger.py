"""The factory of loggers that Tianshou's example scripts use, as in `tianshou.highlevel.logger`."""

from typing import TYPE_CHECKING, Any

from pg_edu.tianshou.missing import WANDB, explain_missing
from pg_edu.tianshou.utils.logger.tensorboard import TensorboardLogger, summary_writer_class

__all__ = ["LoggerFactoryDefault"]


class LoggerFactoryDefault:
    """A factory that makes a TensorboardLogger, with a SummaryWriter of its own.

    Args:
        logger_type: "tensorboard"; Weights & Biases is not part of pg_edu.

    Attributes:
        logger_type: as given; scripts may set it after construction.

    Source: Tianshou v1.1.0, LoggerFactoryDefault.
    """

    def __init__(self, logger_type: str = "tensorboard") -> None:
        self.logger_type = logger_type

    def create_logger(
        self,
        log_dir: str,
        experiment_name: str = "",
        run_id: str | None = None,
        config_dict: dict[str, Any] | None = None,
    ) -> TensorboardLogger:
        """Make a logger that writes event files.

        Args:
            log_dir: the folder for the event files.
            experiment_name, run_id, config_dict: only Weights & Biases uses them.

        Raises:
            ValueError: logger_type is not "tensorboard".
            ImportError: TensorBoard is not installed.
        """
        if self.logger_type != "tensorboard":
            raise ValueError(
                f"logger_type={self.logger_type!r}: pg_edu has 'tensorboard' only. {WANDB}"
            )
        writer = summary_writer_class()(log_dir)
        writer.add_text("args", str({"log_dir": log_dir, "logger_type": self.logger_type}))
        return TensorboardLogger(writer)


if not TYPE_CHECKING:
    __getattr__ = explain_missing(__name__)
