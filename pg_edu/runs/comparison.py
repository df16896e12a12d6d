"""Settings compared over seeds: what a sweep has found, in rows and in curves.

A seed is one result: the intervals are those of `intervals` over seeds, not over episodes. A run
that stops because it has solved its task does so on a good day, and its last return is not far from
the target whatever the settings are. To compare speed, look at the steps; to compare returns, let
all runs go on to one limit (target=inf).
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pg_edu.runs.experiment import Config
from pg_edu.runs.intervals import interquartile_mean, t_interval
from pg_edu.runs.sweep import Outcome, path_of

POINTS = 200
"""How many points a curve has."""


def labels(configs: Iterable[Config]) -> dict[Config, str]:
    """A name for each setting: what is not the same in all of them.

    Example:
        >>> list(labels([Config(num_envs=8), Config(num_envs=16)]).values())
        ['num_envs 8', 'num_envs 16']
    """
    different = list(dict.fromkeys(configs))
    names = [f.name for f in fields(Config) if len({getattr(c, f.name) for c in different}) > 1]
    return {
        config: ", ".join(_words(name, getattr(config, name)) for name in names) or config.env_id
        for config in different
    }


class Row(NamedTuple):
    """A setting in numbers.

    What it takes to solve is a median and a maximum over all seeds, where a run that did not solve
    counts as infinite: those that gave up do not make a setting look fast. `seconds` are those of
    the clock. Returns are the means of the last iteration's training episodes, one number for each
    seed that did not fail; NaN where there are too few (an interval takes two).
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


def summarize(outcomes: Sequence[Outcome]) -> list[Row]:
    """A row for each setting, in the order in which they come."""
    return [_row(setting, group) for setting, group in _by_setting(outcomes).items()]


def curves(
    outcomes: Sequence[Outcome],
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Learning curves of all seeds on one axis, by setting: environment steps [K], returns [n, K].

    Between two iterations a curve is a straight line. A run that ended before others of its setting
    keeps its last return: nothing changed its policy any more. Failed runs are left out.
    """
    drawn = {}
    for setting, group in _by_setting(outcomes).items():
        histories = [outcome.result.history for outcome in group if outcome.result]
        if histories:
            first = min(history[0].env_steps for history in histories)
            x = np.linspace(first, max(history[-1].env_steps for history in histories), POINTS)
            rows = [np.array([(row.env_steps, row.return_mean) for row in h]).T for h in histories]
            drawn[setting] = x, np.array([np.interp(x, *row) for row in rows])
    return drawn


def as_text(rows: Sequence[Row]) -> str:
    """The rows as a table to be read; a failure is a line of its own, under its setting."""
    head = ["", "solved", "env steps", "worst", "seconds", "worst", "return", "95% t interval"]
    cells = [[*head, "IQM"]] + [
        [
            row.setting,
            f"{row.solved}/{row.runs}",
            *(_number(steps, ",.0f") for steps in (row.env_steps_median, row.env_steps_worst)),
            *(_number(seconds, ".1f") for seconds in (row.seconds_median, row.seconds_worst)),
            _number(row.return_mean, ".1f"),
            _interval(row.return_low, row.return_high),
            _number(row.return_iqm, ".1f"),
        ]
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for line, failures in zip(cells, ["", *(row.failures for row in rows)], strict=True):
        setting, *numbers = zip(line, widths, strict=True)
        lines.append("  ".join([setting[0].ljust(setting[1]), *(n.rjust(w) for n, w in numbers)]))
        lines += [f"  failed: {failure}" for failure in failures.split("\n") if failure]
    return "\n".join(lines)


def _row(setting: str, group: Sequence[Outcome]) -> Row:
    results = [outcome.result for outcome in group if outcome.result]
    solved = [result.history[-1] for result in results if result.solved]
    unsolved = [math.inf] * (len(group) - len(solved))
    env_steps = [row.env_steps for row in solved] + unsolved
    seconds = [row.seconds for row in solved] + unsolved
    returns = [result.history[-1].return_mean for result in results]
    mean, low, high = t_interval(returns) if len(returns) > 1 else (*returns, *[math.nan] * 3)[:3]
    failures: dict[str, list[str]] = {}
    for run, _, failure in group:
        if failure:
            failures.setdefault(failure, []).append(str(run.seed))
    return Row(
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
        files=re.sub(r"\d+\.pt$", "*.pt", path_of(group[0].run, "").name),
        failures="\n".join(
            f"seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}: {failure}"
            for failure, seeds in failures.items()
        ),
    )


def _by_setting(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    names = labels(outcome.run.config for outcome in outcomes)
    groups: dict[str, list[Outcome]] = {name: [] for name in names.values()}
    for outcome in outcomes:
        groups[names[outcome.run.config]].append(outcome)
    return groups


def _words(name: str, value: Any) -> str:
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
