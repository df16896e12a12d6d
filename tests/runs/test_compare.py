"""The comparison of settings: every number against one that was computed by hand."""

import math
from pathlib import Path

import numpy as np
import pytest

from pg_edu.runs.compare import as_text, curves, labels, summarize
from pg_edu.runs.config import Config
from pg_edu.runs.sweep import Outcome, Run, path_of
from pg_edu.runs.training import Iteration, Result

FAST, SLOW = Config(learning_rate=1e-2), Config(learning_rate=1e-3)


def outcome(
    seed: int, config: Config, points: list[tuple[int, float]], solved: bool = True
) -> Outcome:
    """Return a run whose iterations ended at these steps, with these mean returns, 0.1 s each."""
    history = tuple(
        Iteration(number, steps, 1, mean, mean, mean, 0.5, None, None, number / 10)
        for number, (steps, mean) in enumerate(points, 1)
    )
    stopped = "solved" if solved else "max_env_steps"
    return Outcome(Run(seed, config), Result(seed, config, history, stopped, {}, {}))


def failed(seed: int, config: Config, reason: str) -> Outcome:
    return Outcome(Run(seed, config), None, reason)


def test_the_median_counts_runs_that_did_not_solve_the_task_as_infinite() -> None:
    """The median of 100, 200, 300 and ∞ is 250; that of 100, ∞ and ∞ is ∞."""
    three = [outcome(seed, FAST, [(100 * (seed + 1), 500.0)]) for seed in range(3)]
    one = [outcome(0, SLOW, [(40, 1.0), (100, 500.0)]), outcome(1, SLOW, [(9, 1.0)], solved=False)]
    outcomes = [*three, failed(3, FAST, "why"), *one, outcome(2, SLOW, [(9, 1.0)], solved=False)]
    fast, slow = summarize(outcomes)
    assert (fast.runs, fast.solved, fast.failed) == (4, 3, 1)
    assert (fast.env_steps_median, fast.env_steps_worst) == (250.0, math.inf)
    assert (slow.runs, slow.solved, slow.failed) == (3, 1, 0)
    assert (slow.env_steps_median, slow.env_steps_worst) == (math.inf, math.inf)


def test_if_all_runs_solve_the_task_the_worst_is_the_slowest() -> None:
    points = [(10, 1.0), (20, 1.0), (30, 500.0)]
    (summary,) = summarize([outcome(seed, FAST, points[-n:]) for seed, n in enumerate((1, 3, 2))])
    assert (summary.env_steps_worst, summary.seconds_median, summary.seconds_worst) == (
        30.0,
        0.2,
        0.3,
    )


def test_the_interval_is_students_t_interval_over_the_seeds() -> None:
    """10, 20, 30 have mean 20 and s = 10; t = 4.302653 at 2 degrees of freedom (any t table)."""
    outcomes = [outcome(n, FAST, [(5, 0.0), (9, 10.0 * n)], solved=False) for n in (1, 2, 3)]
    (summary,) = summarize([*outcomes, failed(4, FAST, "no return")])
    margin = 4.302653 * 10 / math.sqrt(3)
    assert summary.return_mean == 20.0
    assert [summary.return_low, summary.return_high] == pytest.approx([20 - margin, 20 + margin])


def test_the_interquartile_mean_leaves_out_the_best_and_the_worst_quarter() -> None:
    (summary,) = summarize(
        [outcome(n, FAST, [(9, mean)]) for n, mean in enumerate((90, 10, 0, 20))]
    )
    assert summary.return_iqm == 15.0


def test_one_seed_has_no_interval_and_a_setting_with_only_failures_has_no_return() -> None:
    one, none = summarize([outcome(0, FAST, [(9, 3.0)]), failed(0, SLOW, "why")])
    assert (one.return_mean, one.return_iqm) == (3.0, 3.0)
    assert np.isnan([one.return_low, one.return_high]).all()
    assert np.isnan([none.return_mean, none.return_low, none.return_high, none.return_iqm]).all()


def test_a_label_names_only_the_settings_that_differ() -> None:
    configs = [
        Config(num_envs=envs, hidden_sizes=sizes, discount_factor=0.9)
        for envs in (8, 16)
        for sizes in ((), (64, 32))
    ]
    assert list(labels(configs).values()) == [
        "num_envs 8, hidden_sizes none",
        "num_envs 8, hidden_sizes 64,32",
        "num_envs 16, hidden_sizes none",
        "num_envs 16, hidden_sizes 64,32",
    ]
    assert list(labels(configs[:1]).values()) == ["CartPole-v1"]


def test_settings_that_are_equal_when_rounded_have_different_labels() -> None:
    configs = [Config(target=value) for value in (1e6, 1e6 + 0.125, None)]
    assert list(labels(configs).values()) == ["target 1e+06", "target 1000000.125", "target None"]


def test_the_table_has_a_line_for_each_setting_and_for_each_reason_of_failure() -> None:
    one, two = Config(repeat=1), Config(repeat=12)
    outcomes = [
        *(outcome(seed, one, [(1500 * (seed + 1), 480.0 + seed)]) for seed in range(3)),
        outcome(0, two, [(2000, 20.0)], solved=False),
        failed(1, two, "ValueError: the loss is nan"),
        failed(2, two, "ValueError: the loss is nan"),
        failed(3, two, "KeyError: 'x'"),
    ]
    assert as_text(summarize(outcomes)).splitlines() == [
        "           solved  env steps  worst  seconds  worst  return  95% t interval    IQM",
        "repeat 1      3/3      3,000  4,500      0.1    0.1   481.0  [478.5, 483.5]  481.0",
        "repeat 12     0/4          -      -        -      -    20.0               -   20.0",
        "  failed: seeds 1, 2: ValueError: the loss is nan",
        "  failed: seed 3: KeyError: 'x'",
    ]


def test_a_summary_names_the_files_of_its_runs(tmp_path: Path) -> None:
    (summary,) = summarize([outcome(seed, FAST, [(9, 3.0)]) for seed in (3, 12)])
    paths = {path_of(Run(seed, FAST), tmp_path) for seed in (3, 12)}
    for path in (*paths, path_of(Run(0, SLOW), tmp_path)):
        path.touch()
    assert set(tmp_path.glob(summary.files)) == paths


def test_a_curve_is_straight_between_iterations_and_constant_after_its_end() -> None:
    long = outcome(0, FAST, [(10, 0.0), (30, 20.0)])
    short = outcome(1, FAST, [(15, 8.0), (20, 5.0)])
    drawn = curves([long, short, failed(2, FAST, "why"), failed(0, SLOW, "why")])
    assert list(drawn) == ["learning_rate 0.01"]
    x, returns = drawn["learning_rate 0.01"]
    assert (x[0], x[-1], returns.shape) == (10, 30, (2, len(x)))
    assert returns[0] == pytest.approx(x - 10)
    assert returns[1] == pytest.approx(np.select([x < 15, x < 20], [8.0, 8 - (x - 15) * 0.6], 5.0))
