"""Loggers write as often as they are told: at an interval, and not one step before it."""

from typing import Any

import numpy as np
import pytest

from pg_edu.tianshou import BaseLogger, TensorboardLogger


class Written(BaseLogger):
    """A logger that keeps what it writes."""

    def __init__(self, **intervals: int) -> None:
        super().__init__(**intervals)
        self.entries: list[tuple[str, int]] = []

    def write(self, step_type: str, step: int, data: dict[str, Any]) -> None:
        self.entries.append((step_type, step))


AXES = {
    "train": "train/env_step",
    "test": "test/env_step",
    "update": "update/gradient_step",
    "info": "info/epoch",
}


@pytest.mark.parametrize("kind", AXES)
def test_an_entry_is_written_when_the_interval_has_passed_since_the_last_one(kind: str) -> None:
    """The first one counts from step -1, as in v1.1.0."""
    every = dict.fromkeys([f"{name}_interval" for name in AXES], 1)
    logger = Written(**(every | {f"{kind}_interval": 10}))
    for step in (0, 8, 9, 10, 18, 19, 40, 49, 50):
        getattr(logger, f"log_{kind}_data")({}, step)
    assert logger.entries == [(AXES[kind], step) for step in (9, 19, 40, 50)]


def test_each_kind_has_its_own_interval() -> None:
    logger = Written(train_interval=1, test_interval=2, update_interval=3, info_interval=4)
    for step in range(12):
        for kind in AXES:
            getattr(logger, f"log_{kind}_data")({}, step)
    counts = {axis: sum(entry[0] == axis for entry in logger.entries) for axis in AXES.values()}
    assert list(counts.values()) == [12, 6, 4, 3]


class Writer:
    """A ScalarWriter that keeps its scalars, and counts flushes and closings."""

    def __init__(self) -> None:
        self.scalars: list[tuple[str, Any, int]] = []
        self.flushed = self.closed = 0

    def add_scalar(self, tag: str, scalar_value: Any, global_step: int) -> None:
        self.scalars.append((tag, scalar_value, global_step))

    def flush(self) -> None:
        self.flushed += 1

    def close(self) -> None:
        self.closed += 1


def test_the_intervals_of_a_tensorboard_logger_are_those_of_its_base_class() -> None:
    logger = TensorboardLogger(Writer(), 1, 2, 3, 4)
    found = logger.train_interval, logger.test_interval, logger.update_interval
    assert (*found, logger.info_interval) == (1, 2, 3, 4)


def test_checkpoints_are_saved_every_save_interval_epochs() -> None:
    logger = TensorboardLogger(Writer(), save_interval=2)
    saved: list[tuple[int, int, int]] = []
    assert logger.restore_data() == (0, 0, 0)
    for epoch in range(1, 6):
        logger.save_data(epoch, 10 * epoch, 100 * epoch, lambda *steps: saved.append(steps))
    assert saved == [(1, 10, 100), (3, 30, 300), (5, 50, 500)]
    assert logger.restore_data() == (5, 50, 500)


def test_a_checkpoint_that_fails_is_tried_again_in_the_next_epoch() -> None:
    logger = TensorboardLogger(Writer(), save_interval=2)
    saved: list[int] = []

    def save(epoch: int, env_step: int, gradient_step: int) -> None:
        if epoch == 1:
            raise OSError("the disk is full")
        saved.append(epoch)

    with pytest.raises(OSError, match="full"):
        logger.save_data(1, 10, 100, save)
    assert logger.restore_data() == (0, 0, 0)
    logger.save_data(2, 20, 200, save)
    assert saved == [2] and logger.restore_data() == (2, 20, 200)


def test_without_a_function_that_saves_there_is_no_checkpoint() -> None:
    writer = Writer()
    logger = TensorboardLogger(writer)
    logger.save_data(1, 10, 100)
    assert writer.scalars == [] and logger.restore_data() == (0, 0, 0)


@pytest.mark.parametrize("write_flush", [True, False])
def test_the_writer_is_flushed_after_each_entry_if_wanted_and_closed_at_the_end(
    write_flush: bool,
) -> None:
    writer = Writer()
    logger = TensorboardLogger(writer, write_flush=write_flush)
    logger.log_test_data({"a": 1.0}, 0)
    assert (writer.flushed, writer.closed) == (int(write_flush), 0)
    assert writer.scalars == [("test/env_step", 0, 0), ("test/a", 1.0, 0)]
    logger.finalize()
    assert writer.closed == 1


def test_options_of_the_names_reach_the_nested_levels() -> None:
    logger = Written()
    data = {"a": {"b": 1.0, "c": np.ones(2), "d": "text"}}
    assert logger.prepare_dict_for_logging(data) == {"a/b": 1.0}
    found = logger.prepare_dict_for_logging(data, "x", ".", exclude_arrays=False)
    assert list(found) == ["x.a.b", "x.a.c"]
