"""Draw the episodes of parallel environments as bars along the steps."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from pg_edu.figures.style import BLUE, INK, VERMILION


def draw_timeline(
    axes: Axes, lengths: ArrayLike, counted: ArrayLike, stop: float | None = None
) -> None:
    """Draw the episodes of each environment one after another, as bars along the steps.

    An episode that counts is solid and blue; any other is white and hatched.

    Args:
        axes: where to draw.
        lengths: [N, K] lengths of the first K episodes of N environments, in steps.
        counted: bool [N, K], whether each episode counts.
        stop: the step at which collecting ends, marked by a red line; the bars end there too.

    Raises:
        ValueError: `lengths` and `counted` are not [N, K] with the same N and K.

    Example:
        >>> from matplotlib.figure import Figure
        >>> axes = Figure().add_subplot()
        >>> draw_timeline(axes, [[10, 10], [20, 5]], [[True, True], [True, False]], stop=20)
        >>> len(axes.patches)
        3
    """
    lengths_NK = np.asarray(lengths)
    counted_NK = np.asarray(counted)
    if lengths_NK.ndim != 2 or lengths_NK.shape != counted_NK.shape:
        got = f"{list(lengths_NK.shape)} and {list(counted_NK.shape)}"
        raise ValueError(f"lengths and counted: expected [N, K] for both, got {got}")

    ends_NK = lengths_NK.cumsum(axis=1)
    starts_NK = ends_NK - lengths_NK
    last_step = ends_NK.max() if stop is None else stop
    for n, k in np.argwhere(starts_NK < last_step).tolist():
        start = starts_NK[n, k]
        width = min(ends_NK[n, k], last_step) - start
        color, hatch = (BLUE, "") if counted_NK[n, k] else ("white", "//")
        axes.barh(n, width, height=0.7, left=start, color=color, hatch=hatch, ec=INK, lw=0.7)

    if stop is not None:
        axes.axvline(stop, color=VERMILION, lw=2)
    environments = len(lengths_NK)
    axes.set(xlabel="step", yticks=range(environments), ylim=(environments - 0.4, -0.6))
