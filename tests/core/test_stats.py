"""Statistics, compared with those of all data at once and with numbers of v1.1.0."""

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_edu.stats import (
    PGTrainingStats,
    RunningMeanStd,
    SequenceSummaryStats,
    TrainingStats,
    TrainingStatsWrapper,
)

numbers = st.floats(-1e3, 1e3)


@given(st.lists(st.lists(numbers, max_size=5), min_size=1).filter(any))
def test_running_statistics_equal_those_of_all_data_at_once(batches: list[list[float]]) -> None:
    """mean = Σ x / n and var = Σ (x - mean)² / n, however the data are split into batches."""
    running = RunningMeanStd(mean=5.0, std=3.0)
    for batch in batches:
        running.update(np.array(batch))
    data = [x for batch in batches for x in batch]
    mean = math.fsum(data) / len(data)
    var = math.fsum((x - mean) ** 2 for x in data) / len(data)
    assert running.count == len(data)
    assert running.mean == pytest.approx(mean, rel=1e-12, abs=1e-9)
    assert running.var == pytest.approx(var, rel=1e-12, abs=1e-9)


def test_running_statistics_of_v1_1_0() -> None:
    """Recorded from Tianshou v1.1.0, RunningMeanStd."""
    running = RunningMeanStd(mean=2.0)
    for batch in (np.array([1.0, 2.0, 4.0]), np.array([-3.5]), np.arange(5) * 0.3):
        running.update(batch)
    assert running.mean == pytest.approx(0.7222222222222222, rel=1e-12)
    assert running.var == pytest.approx(3.47283950617284, rel=1e-12)
    assert running.norm(np.array([0.0, 1.0, 100.0])) == pytest.approx(
        [-0.38755066, 0.14905795, 10.0], abs=1e-8
    )


def test_running_statistics_of_vectors_are_kept_per_component() -> None:
    """Recorded from Tianshou v1.1.0, RunningMeanStd."""
    running = RunningMeanStd(mean=np.zeros(2), std=np.ones(2))
    running.update(np.array([[1.0, 2.0], [3.0, 7.0]]))
    running.update(np.array([[0.0, -1.0]]))
    assert running.mean == pytest.approx([4 / 3, 8 / 3], rel=1e-12)
    assert running.var == pytest.approx([14 / 9, 98 / 9], rel=1e-12)


def test_a_single_number_counts_as_one_item() -> None:
    running = RunningMeanStd()
    running.update(3.0)
    running.update(5.0)
    assert (running.mean, running.var, running.count) == (4.0, 1.0, 2)


def test_std_argument_is_a_standard_deviation() -> None:
    """var = std²."""
    assert RunningMeanStd(std=2.0).var == 4.0
    assert np.array_equal(RunningMeanStd(std=np.array([2.0, 3.0])).var, [4.0, 9.0])


@pytest.mark.filterwarnings("error")
def test_empty_update_changes_nothing() -> None:
    running = RunningMeanStd(mean=2.0, std=3.0)
    running.update(np.array([]))
    assert (running.mean, running.var, running.count) == (2.0, 9.0, 0)


@pytest.mark.parametrize("clip_max", [None, 0.0])
def test_norm_without_clip_max_does_not_clip(clip_max: float | None) -> None:
    assert RunningMeanStd(clip_max=clip_max, epsilon=0.0).norm(1e6) == 1e6


def test_norm_clips_both_sides() -> None:
    clipped = RunningMeanStd(clip_max=2.0).norm(np.array([-50.0, 50.0]))
    assert np.array_equal(clipped, [-2.0, 2.0])


def test_norm_adds_epsilon_to_the_variance() -> None:
    """norm(x) = (x - mean) / sqrt(var + eps)."""
    running = RunningMeanStd(std=0.0, epsilon=0.25)
    assert running.norm(3.0) == 6.0


def test_summary_of_a_sequence() -> None:
    """The mean is 3, the variance (4 + 1 + 0 + 9) / 4."""
    summary = SequenceSummaryStats.from_sequence([1, 2, 3, 6])
    assert summary == SequenceSummaryStats(mean=3.0, std=math.sqrt(3.5), max=6.0, min=1.0)
    assert {type(v) for v in vars(summary).values()} == {float}


def test_summary_of_nothing_is_zero() -> None:
    assert SequenceSummaryStats.from_sequence([]) == SequenceSummaryStats(
        mean=0.0, std=0.0, max=0.0, min=0.0
    )


def test_the_losses_are_all_numbers_including_those_added_later() -> None:
    loss = SequenceSummaryStats.from_sequence([1.0, 3.0])
    stats: Any = PGTrainingStats(loss=loss, train_time=1.0)
    stats.smoothed_loss["loss"] = 5.0
    stats.entropy = 0.5
    stats.absent = None
    stats._private = 1.0
    assert stats.get_loss_stats_dict() == {"loss": 2.0, "entropy": 0.5}


def test_each_object_has_its_own_smoothed_loss() -> None:
    TrainingStats().smoothed_loss["loss"] = 1.0
    assert TrainingStats().smoothed_loss == {}


def test_stats_print_as_v1_1_0_prints_them(capsys: pytest.CaptureFixture[str]) -> None:
    """Recorded from Tianshou v1.1.0, TrainingStats(train_time=1.5).pprint_asdict()."""
    TrainingStats(train_time=1.5).pprint_asdict()
    line = "-" * 40
    expected = f"TrainingStats\n{line}\n{{'smoothed_loss': {{}}, 'train_time': 1.5}}\n"
    assert capsys.readouterr().out == expected


def test_printing_leaves_out_excluded_fields_and_ignores_unknown_ones() -> None:
    text = TrainingStats().pprints_asdict(exclude_fields=["train_time", "unknown"], indent=2)
    assert text.splitlines()[-1] == "{'smoothed_loss': {}}"


class WithBonus(TrainingStatsWrapper):
    def __init__(self, wrapped_stats: TrainingStats, bonus: float) -> None:
        self.bonus = bonus
        super().__init__(wrapped_stats)


@pytest.fixture
def wrapped() -> WithBonus:
    return WithBonus(PGTrainingStats(loss=SequenceSummaryStats.from_sequence([4.0])), bonus=2.0)


def test_a_wrapper_reads_the_fields_of_the_wrapped_stats(wrapped: WithBonus) -> None:
    wrapped.wrapped_stats.train_time = 7.0
    assert isinstance(wrapped, TrainingStats)
    assert wrapped.train_time == 7.0
    assert wrapped.loss.mean == 4.0
    assert wrapped.get_loss_stats_dict() == {"loss": 4.0, "bonus": 2.0}


def test_a_wrapper_writes_to_the_wrapped_stats(wrapped: WithBonus) -> None:
    wrapped.train_time = 3.0
    wrapped.smoothed_loss = {"loss": 1.0}
    wrapped.loss = SequenceSummaryStats.from_sequence([9.0])
    assert wrapped.wrapped_stats == PGTrainingStats(
        train_time=3.0,
        smoothed_loss={"loss": 1.0},
        loss=SequenceSummaryStats.from_sequence([9.0]),
    )


def test_a_wrapper_keeps_its_own_fields(wrapped: WithBonus) -> None:
    wrapped.bonus = 5.0
    assert wrapped.bonus == 5.0
    assert not hasattr(wrapped.wrapped_stats, "bonus")


def test_a_wrapper_has_no_new_fields_after_init(wrapped: WithBonus) -> None:
    with pytest.raises(AttributeError, match="new_loss"):
        wrapped.new_loss = 1.0
    with pytest.raises(AttributeError, match="new_loss"):
        _ = wrapped.new_loss


def test_a_wrapper_prints_the_time_of_the_wrapped_stats(wrapped: WithBonus) -> None:
    wrapped.train_time = 3.0
    assert "'train_time': 3.0" in wrapped.pprints_asdict()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_wrapper_can_be_copied_and_pickled(
    wrapped: WithBonus, copied: Callable[[Any], Any]
) -> None:
    twin = copied(wrapped)
    assert twin.get_loss_stats_dict() == {"loss": 4.0, "bonus": 2.0}
    assert twin.wrapped_stats is not wrapped.wrapped_stats


def test_running_statistics_never_write_into_arrays_of_the_caller() -> None:
    mean, std = np.zeros(2), np.ones(2)
    data = np.array([[1.0, 2.0], [3.0, 7.0]])
    running = RunningMeanStd(mean=mean, std=std)
    running.update(data)
    seen, seen_var = running.mean, running.var
    before = np.copy(seen), np.copy(seen_var)
    running.update(data + 1)
    running.norm(data)
    assert (mean.tolist(), std.tolist()) == ([0.0, 0.0], [1.0, 1.0])
    assert data.tolist() == [[1.0, 2.0], [3.0, 7.0]]
    assert np.array_equal(seen, before[0]) and np.array_equal(seen_var, before[1])


def test_by_default_norm_clips_to_10_and_adds_the_resolution_of_float32() -> None:
    """A constant 2 has variance 0: (2 + x - 2) / √(2⁻²³), clipped at 10."""
    running = RunningMeanStd()
    running.update([2.0, 2.0])
    assert running.norm(np.array([2.0 + 2.0**-12])) == pytest.approx([2.0**-12 / 2.0**-11.5])
    assert np.array_equal(running.norm(np.array([0.0, 4.0])), [-10.0, 10.0])


def test_running_statistics_of_vectors_normalize_each_component_by_its_own() -> None:
    running = RunningMeanStd(mean=np.zeros(2), std=np.ones(2), epsilon=0.0)
    running.update(np.array([[1.0, 10.0], [3.0, 30.0]]))
    assert running.norm(np.array([3.0, 30.0])) == pytest.approx([1.0, 1.0])


def test_printing_hands_on_what_to_exclude_and_the_indent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stats = TrainingStats(train_time=0.5, smoothed_loss=dict.fromkeys("ab" * 60, 0.0))
    stats.pprint_asdict(exclude_fields=["train_time"], indent=7)
    shown = capsys.readouterr().out
    assert shown == stats.pprints_asdict(["train_time"], 7) + "\n"
    assert "train_time" not in shown and "\n" + 7 * " " not in shown[:60]
    stats.pprint_asdict()
    assert capsys.readouterr().out == stats.pprints_asdict(None, 4) + "\n"


def test_a_wrapper_sets_the_attributes_that_its_class_defines() -> None:
    class WithNote(TrainingStatsWrapper):
        note = ""

    stats = WithNote(TrainingStats())
    stats.note = "better"
    assert (stats.note, vars(stats)["note"]) == ("better", "better")


def test_a_loss_of_the_wrapper_hides_one_of_the_same_name() -> None:
    class OwnLoss(TrainingStatsWrapper):
        def __init__(self, wrapped_stats: TrainingStats) -> None:
            self.loss = 1.0
            super().__init__(wrapped_stats)

    stats = OwnLoss(PGTrainingStats(loss=SequenceSummaryStats.from_sequence([4.0])))
    assert stats.get_loss_stats_dict() == {"loss": 1.0}
