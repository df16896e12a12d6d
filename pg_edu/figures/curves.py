"""Learning curves: of one run, of one setting over several seeds, and of several settings.

The horizontal axis counts environment steps or updates, the vertical one is the undiscounted
return of an episode. Every function returns a matplotlib figure; `save_figure` makes it a PNG.
"""

from collections.abc import Mapping
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from pg_edu.figures.style import BLUE, GREEN, GREY, INK, ORANGE, SAND, SKY, VERMILION
from pg_edu.runs.intervals import t_interval
from pg_edu.types import Floats

MARKED_POINTS = 40
"""A curve with more points than this is drawn without markers, which would overlap."""

EVALUATION_LOOKS = (("D", VERMILION), ("s", GREEN), ("^", ORANGE))
SETTING_LOOKS = tuple(
    (line, color)
    for line in ("-", "--", ":", "-.")
    for color in (BLUE, ORANGE, GREEN, VERMILION, SKY)
)


def learning_curve(
    env_steps: ArrayLike,
    return_mean: ArrayLike,
    return_low: ArrayLike | None = None,
    return_high: ArrayLike | None = None,
    *,
    episodes: tuple[ArrayLike, ArrayLike] | None = None,
    evaluations: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    target: float | None = None,
    title: str = "",
) -> Figure:
    """Draw the mean return of each iteration against the environment steps taken so far.

    Args:
        env_steps: [K] environment steps taken up to the end of each iteration.
        return_mean: [K] mean undiscounted return of the iteration's episodes; NaN leaves a gap.
        return_low: [K] lower edge of the band, such as the minimum or a quantile.
        return_high: [K] upper edge of the band; pass both edges or neither.
        episodes: steps and returns of single episodes, drawn as faint dots.
        evaluations: steps and mean returns of evaluations, by name ("greedy", "as trained").
        target: the mean return that counts as solved.
        title: what was trained, how, and with which seed.

    Raises:
        ValueError: Two arrays that belong together are not one-dimensional of the same length, or
            the band has only one edge.

    Example:
        >>> figure = learning_curve([500, 1000], [20.0, 35.0], target=475)
        >>> figure.axes[0].get_xlabel()
        'environment steps'
    """
    if (return_low is None) != (return_high is None):
        only = "return_high" if return_low is None else "return_low"
        raise ValueError(f"got only {only}: pass return_low and return_high, or neither")

    figure, axes = _empty_chart()
    if return_low is not None and return_high is not None:
        _draw_spread(axes, env_steps, return_low, return_high)
    if episodes is not None:
        x, y = _points("episodes", *episodes)
        axes.plot(x, y, "o", color=GREY, alpha=0.4, ms=3, mew=0, label="single episodes")

    _draw_mean(axes, env_steps, return_mean)
    _draw_evaluations(axes, evaluations or {})
    _draw_target(axes, target)
    _finish_chart(figure, axes, title, "environment steps")
    return figure


def curves_over_seeds(
    x: ArrayLike, returns: ArrayLike, *, xlabel: str = "environment steps", title: str = ""
) -> Figure:
    """Draw one thin curve for each seed, their mean, and the 95% t interval of that mean.

    Each point has an interval of its own. The probability that the band covers the whole true
    curve is therefore below 95%.

    Args:
        x: [K] position of each point on the horizontal axis.
        returns: [n, K] one row for each seed, n >= 2.
        xlabel: what `x` counts.
        title: what was trained, and how.

    Raises:
        ValueError: `returns` is not [n, K] with n >= 2 and K as in `x`, or not finite.

    Example:
        >>> figure = curves_over_seeds([1, 2], [[20.0, 35.0], [25.0, 60.0]], xlabel="updates")
        >>> figure.axes[0].get_xlabel()
        'updates'
    """
    rows = np.asarray(returns, dtype=float)
    if rows.ndim != 2 or len(rows) < 2 or not rows.size:
        raise ValueError(f"returns: expected [n, K] with n >= 2, got shape {list(rows.shape)}")

    figure, axes = _empty_chart()
    for row in rows:
        axes.plot(*_points("returns", x, row), color=INK, alpha=0.55, lw=1.2)

    mean, low, high = _intervals(rows)
    axes.fill_between(x, low, high, color=SKY, alpha=0.4, lw=0, label="95% t interval of the mean")
    axes.plot(x, mean, color=BLUE, lw=2, label=f"mean of {len(rows)} seeds")

    # This line has no points. It gives all seeds one common entry, the last in the legend.
    axes.plot([], [], color=INK, alpha=0.55, lw=1.2, label="single seeds")
    _finish_chart(figure, axes, title, xlabel)
    return figure


def compare_curves(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    xlabel: str = "environment steps",
    target: float | None = None,
    title: str = "",
) -> Figure:
    """Draw the mean over the seeds of each setting, and the 95% t interval of that mean.

    As in `curves_over_seeds`, each point has an interval of its own. A setting with only one seed
    has no interval.

    Args:
        curves: `x` [K] and `returns` [n, K] of each setting, by name, with one row for each seed,
            n >= 1.
        xlabel: what `x` counts.
        target: the mean return that counts as solved.
        title: what was trained.

    Raises:
        ValueError: `returns` is not [n, K] with n >= 1 and K as in `x`, or not finite.

    Example:
        >>> figure = compare_curves({"one": ([1, 2], [[20.0, 35.0]])}, xlabel="updates")
        >>> figure.axes[0].get_xlabel()
        'updates'
    """
    longest_name = max(map(len, curves), default=0)
    legend_columns = 3 if longest_name < 20 else 1
    legend_rows = len(curves) // legend_columns

    figure, axes = _empty_chart(height=4.2 + 0.25 * legend_rows)
    for (name, (x, returns)), look in zip(curves.items(), cycle(SETTING_LOOKS), strict=False):
        _draw_setting(axes, name, x, returns, look)

    _draw_target(axes, target)
    _finish_chart(figure, axes, title, xlabel, legend_columns)
    return figure


def _empty_chart(height: float = 4.2) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8, height), layout="constrained", facecolor="white")
    return figure, figure.add_subplot(facecolor="white")


def _draw_spread(axes: Axes, env_steps: ArrayLike, low: ArrayLike, high: ArrayLike) -> None:
    x, lower_edge = _points("return_low", env_steps, low)
    _, upper_edge = _points("return_high", env_steps, high)
    label = "spread of episodes"
    axes.fill_between(x, lower_edge, upper_edge, color=SKY, alpha=0.3, lw=0, label=label)


def _draw_mean(axes: Axes, env_steps: ArrayLike, return_mean: ArrayLike) -> None:
    x, y = _points("return_mean", env_steps, return_mean)
    marker = "o" if len(x) <= MARKED_POINTS else ""
    axes.plot(x, y, color=BLUE, lw=2, marker=marker, ms=4, label="mean of an iteration")


def _draw_evaluations(axes: Axes, evaluations: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> None:
    looks = cycle(EVALUATION_LOOKS)
    for (name, steps_and_means), (marker, color) in zip(evaluations.items(), looks, strict=False):
        x, y = _points(f"evaluations[{name!r}]", *steps_and_means)
        axes.plot(x, y, marker, color=color, ms=8, mec="white", label=f"evaluation, {name}")


def _draw_setting(
    axes: Axes, name: str, x: ArrayLike, returns: ArrayLike, look: tuple[str, str]
) -> None:
    rows = np.asarray(returns, dtype=float)
    if rows.ndim != 2 or not rows.size:
        raise ValueError(f"{name}: expected [n, K] with n >= 1, got shape {list(rows.shape)}")

    line, color = look
    seeds = f"{len(rows)} seeds" if len(rows) > 1 else "1 seed"
    axes.plot(*_points(name, x, rows.mean(0)), line, color=color, label=f"{name} ({seeds})")
    if len(rows) > 1:
        _, low, high = _intervals(rows)
        axes.fill_between(x, low, high, color=color, alpha=0.2, lw=0)


def _draw_target(axes: Axes, target: float | None) -> None:
    if target is not None:
        axes.axhline(target, color=INK, linestyle="--", lw=1.2, label=f"target {target:g}")


def _finish_chart(
    figure: Figure, axes: Axes, title: str, xlabel: str, legend_columns: int = 3
) -> None:
    axes.set_title(title, fontsize=13)
    axes.set_xlabel(xlabel, fontsize=12)
    axes.set_ylabel("return (sum of an episode's rewards)", fontsize=12)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.tick_params(labelsize=11)
    axes.grid(color=SAND, lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=legend_columns, frameon=False, fontsize=11)


def _intervals(rows: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the mean of each column of [n, K], and the two ends of its 95% t interval."""
    intervals = [t_interval(column) for column in rows.T]
    mean, low, high = np.array(intervals).T
    return mean, low, high


def _points(name: str, steps: ArrayLike, values: ArrayLike) -> tuple[Floats, Floats]:
    """Return both as float64 [K], or raise a ValueError that names `values`."""
    x = np.asarray(steps, dtype=float)
    y = np.asarray(values, dtype=float)
    if x.ndim != 1 or x.shape != y.shape:
        got = f"values of shape {list(y.shape)} for steps of shape {list(x.shape)}"
        raise ValueError(f"{name}: expected one value per step, got {got}")
    return x, y
