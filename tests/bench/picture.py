"""The picture of the benchmark: how far each ratio is from its goal."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from bench.timing import Row
from matplotlib import pyplot as plt

TICKS = (0.2, 0.5, 1, 2, 5, 10)
BLUE, VERMILION = "#0072B2", "#D55E00"  # Okabe and Ito's: told apart by the colour-blind


def draw(rows: list[Row], path: Path) -> None:
    """A point a row: goal / ratio where at most is wanted, ratio / goal where at least is."""
    rows = [row for row in rows if row.bound is not None]
    _, axes = plt.subplots(figsize=(9, 0.27 * len(rows) + 1.2), layout="constrained")
    for y, row in enumerate(rows):
        worst, middle, best = sorted(
            margin(row, r) for r in (min(row.ratios), row.ratio, max(row.ratios))
        )
        colour, marker = (BLUE, "o") if row.met else (VERMILION, "X")
        axes.plot([worst, best], [y, y], color=colour, linewidth=1.5, alpha=0.6)
        axes.plot(middle, y, marker, color=colour)
    axes.axvline(1, color="black", linewidth=1)
    axes.set(xscale="log", ylim=(len(rows) - 0.3, -0.7), xlabel="times as good as the goal")
    axes.set_xticks(TICKS, [str(tick) for tick in TICKS])
    axes.set_xticks([], minor=True)
    axes.set_yticks(range(len(rows)), [f"{row.what} / {row.against}" for row in rows], fontsize=8)
    axes.set_title("dots: goal met, crosses: not met; bars: smallest to largest ratio", fontsize=9)
    plt.savefig(path, dpi=110, metadata={"Software": None})


def margin(row: Row, ratio: float) -> float:
    """Above 1 where the goal is met; what is beyond the ticks is drawn at the last of them."""
    better = ratio / row.bound if row.goal == "at least" else row.bound / max(ratio, 1e-9)
    return min(max(better, TICKS[0]), TICKS[-1])
