"""Compare settings over seeds: a table and learning curves from the outcomes of a sweep.

One seed is one result: the intervals are those of `intervals` over seeds, not over episodes. A run
that stops because it has solved its task stops at a lucky moment, and its last return is near the
target whatever the settings are. To compare speed, look at the steps; to compare returns, let all
runs continue to the same limit (target=inf).
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np

from pg_edu.runs.config import Config
from pg_edu.runs.intervals import Interval, interquartile_mean, t_interval
from pg_edu.runs.sweep import Outcome, path_of
from pg_edu.runs.training import Iteration
from pg_edu.types import Floats

CURVE_POINTS = 200
"""The number of points of a learning curve."""


def labels(configs: Iterable[Config]) -> dict[Config, str]:
    """Return a label for each config, made of the settings in which the configs differ.

    Example:
        >>> list(labels([Config(num_envs=8), Config(num_envs=16)]).values())
        ['num_envs 8', 'num_envs 16']
    """
    configs = list(dict.fromkeys(configs))
    names = [field.name for field in fields(Config)]
    different = [name for name in names if len({getattr(c, name) for c in configs}) > 1]
    label_of = {}
    for config in configs:
        parts = [_setting_as_text(name, getattr(config, name)) for name in different]
        label_of[config] = ", ".join(parts) or config.env_id
    return label_of


class SettingSummary(NamedTuple):
    """A summary of the runs of one setting, over all seeds.

    The steps and seconds until the task is solved are given as median and maximum over all seeds. A
    run that did not solve it counts as infinite, so that giving up does not make a setting look
    fast. Seconds are wall-clock time. The returns are summarized over the seeds that did not fail,
    each with the mean return of its last iteration's training episodes. A summary is NaN if there
    are too few returns for it: an interval needs two.
    """

    setting: str
    runs: int
    solved: int
    failed: int
    env_steps_median: float
    env_steps_worst: float
    seconds_median: float
    seconds_worst: float
    return_mean: float
    return_low: float
    return_high: float
    return_iqm: float
    files: str
    failures: str


def summarize(outcomes: Sequence[Outcome]) -> list[SettingSummary]:
    """Return a summary of each setting, in the order in which the settings appear."""
    return [_summary(setting, group) for setting, group in _by_setting(outcomes).items()]


def curves(outcomes: Sequence[Outcome]) -> dict[str, tuple[Floats, Floats]]:
    """Return the learning curves of each setting: environment steps [K] and returns [seeds, K].

    The curves of a setting share their steps. Between two iterations a curve is a straight line. A
    run that ended before others of its setting keeps its last return, because its policy no longer
    changes. Failed runs are left out.
    """
    curves_of = {}
    for setting, group in _by_setting(outcomes).items():
        histories = [outcome.result.history for outcome in group if outcome.result]
        if histories:
            curves_of[setting] = _curves_on_one_axis(histories)
    return curves_of


def as_text(summaries: Sequence[SettingSummary]) -> str:
    """Return the summaries as a text table, with a line for each failure below its setting."""
    head = ["", "solved", "env steps", "worst", "seconds", "worst", "return", "95% t interval"]
    table = [[*head, "IQM"]]
    table += [_cells(summary) for summary in summaries]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]

    lines = [_aligned(table[0], widths)]
    for summary, cells in zip(summaries, table[1:], strict=True):
        lines.append(_aligned(cells, widths))
        failures = summary.failures.split("\n") if summary.failures else []
        lines += [f"  failed: {failure}" for failure in failures]
    return "\n".join(lines)


def _by_setting(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    label_of = labels(outcome.run.config for outcome in outcomes)
    groups: dict[str, list[Outcome]] = {label: [] for label in label_of.values()}
    for outcome in outcomes:
        groups[label_of[outcome.run.config]].append(outcome)
    return groups


def _summary(setting: str, group: Sequence[Outcome]) -> SettingSummary:
    results = [outcome.result for outcome in group if outcome.result]
    solved = [result.history[-1] for result in results if result.solved]
    unsolved = [math.inf] * (len(group) - len(solved))
    env_steps = [iteration.env_steps for iteration in solved] + unsolved
    seconds = [iteration.seconds for iteration in solved] + unsolved
    returns = [result.history[-1].return_mean for result in results]
    mean, low, high = _mean_and_interval(returns)
    return SettingSummary(
        setting=setting,
        runs=len(group),
        solved=len(solved),
        failed=len(group) - len(results),
        env_steps_median=float(np.median(env_steps)),
        env_steps_worst=float(max(env_steps)),
        seconds_median=float(np.median(seconds)),
        seconds_worst=float(max(seconds)),
        return_mean=mean,
        return_low=low,
        return_high=high,
        return_iqm=float(interquartile_mean(returns)) if returns else math.nan,
        files=_file_pattern(group[0]),
        failures=_failures(group),
    )


def _mean_and_interval(returns: Sequence[float]) -> Interval:
    """Return the mean and its interval; what cannot be computed from so few returns is NaN."""
    if len(returns) > 1:
        return t_interval(returns)
    mean = returns[0] if returns else math.nan
    return Interval(mean, math.nan, math.nan)


def _file_pattern(outcome: Outcome) -> str:
    """Return a pattern for the files of all seeds of this setting."""
    name = path_of(outcome.run, "").name
    return re.sub(r"\d+\.pt$", "*.pt", name)


def _failures(group: Sequence[Outcome]) -> str:
    """Return a line for each reason for failure, with the seeds that failed for this reason."""
    seeds_of: dict[str, list[str]] = {}
    for outcome in group:
        if outcome.failure:
            seeds_of.setdefault(outcome.failure, []).append(str(outcome.run.seed))

    lines = []
    for failure, seeds in seeds_of.items():
        noun = "seed" if len(seeds) == 1 else "seeds"
        lines.append(f"{noun} {', '.join(seeds)}: {failure}")
    return "\n".join(lines)


def _curves_on_one_axis(histories: Sequence[Sequence[Iteration]]) -> tuple[Floats, Floats]:
    first = min(history[0].env_steps for history in histories)
    last = max(history[-1].env_steps for history in histories)
    axis = np.linspace(first, last, CURVE_POINTS)

    rows = []
    for history in histories:
        steps = [iteration.env_steps for iteration in history]
        returns = [iteration.return_mean for iteration in history]
        rows.append(np.interp(axis, steps, returns))
    return axis, np.array(rows)


def _cells(summary: SettingSummary) -> list[str]:
    """Return the cells of one row of the table as text."""
    return [
        summary.setting,
        f"{summary.solved}/{summary.runs}",
        _number(summary.env_steps_median, ",.0f"),
        _number(summary.env_steps_worst, ",.0f"),
        _number(summary.seconds_median, ".1f"),
        _number(summary.seconds_worst, ".1f"),
        _number(summary.return_mean, ".1f"),
        _interval(summary.return_low, summary.return_high),
        _number(summary.return_iqm, ".1f"),
    ]


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Return one line of the table, the first cell on the left and the numbers on the right."""
    first = cells[0].ljust(widths[0])
    others = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
    return "  ".join([first, *others])


def _setting_as_text(name: str, value: Any) -> str:
    if name == "env_id":
        return str(value)
    if isinstance(value, tuple):
        value = ",".join(map(str, value)) or "none"
    elif isinstance(value, float) and float(f"{value:g}") == value:
        value = f"{value:g}"
    return f"{name} {value}"


def _number(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else "-"


def _interval(low: float, high: float) -> str:
    return f"[{low:.1f}, {high:.1f}]" if math.isfinite(low) else "-"
