"""Draw the way of the data in REINFORCE: the loop that acts, and below it the path that learns.

One diagram grows from page to page. Each part has a fixed place, so a reader finds it again.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from pg_edu.figures.style import BLUE, GREY, INK, PAPER

Point = tuple[float, float]

# All lengths are in inches: the axes fill the figure, and one unit of an axis is one inch.
SIZE = 7.2, 3.4
BOX = 1.22, 0.56

_RAW_ACTION = re.compile(r"(raw\s)?action u\b")

FAINT: dict[str, Any] = {"ls": (0, (4, 3)), "lw": 0.8, "alpha": 0.7}


@dataclass(frozen=True)
class _Part:
    label: str
    what_it_does: str
    center: Point


@dataclass(frozen=True)
class _Arrow:
    source: str
    target: str
    label: str
    label_at: Point
    points: tuple[Point, ...]


_PARTS = {
    "environment": _Part("environment", "takes a step", (6.52, 2.58)),
    "actor": _Part("actor", "network", (0.68, 2.58)),
    "distribution": _Part("distribution", "draws an action", (2.63, 2.58)),
    "map_action": _Part("map_action", "bounds, scales", (4.57, 2.58)),
    "buffer": _Part("buffer", "stores steps", (6.52, 0.86)),
    "returns": _Part("returns", "process_fn", (4.57, 0.37)),
    "log_prob": _Part("log_prob", "scores action u", (4.57, 1.35)),
    "loss": _Part("loss", "−mean(product)", (2.63, 0.86)),
    "update": _Part("update", "gradient step", (0.68, 0.86)),
}

_ARROWS = (
    # The loop that acts, clockwise.
    _Arrow("actor", "distribution", "logits\nor μ, σ", (1.65, 2.81), ((1.29, 2.58), (2.02, 2.58))),
    _Arrow(
        "distribution", "map_action", "raw\naction u", (3.6, 2.81), ((3.24, 2.58), (3.96, 2.58))
    ),
    _Arrow("map_action", "environment", "action", (5.54, 2.71), ((5.18, 2.58), (5.91, 2.58))),
    _Arrow(
        "environment",
        "actor",
        "obs",
        (3.6, 3.22),
        ((6.52, 2.86), (6.52, 3.22), (0.68, 3.22), (0.68, 2.86)),
    ),
    # What is stored. The raw action leaves the loop before it is mapped.
    _Arrow(
        "distribution",
        "buffer",
        "raw action u",
        (5.0, 2.11),
        ((3.6, 2.58), (3.6, 2.11), (6.05, 2.11), (6.05, 1.14)),
    ),
    _Arrow(
        "environment", "buffer", "obs, reward,\nflags", (6.66, 1.72), ((6.66, 2.3), (6.66, 1.14))
    ),
    # The path that learns, from right to left.
    _Arrow("buffer", "log_prob", "batch", (5.63, 1.31), ((5.91, 0.96), (5.18, 1.25))),
    _Arrow("buffer", "returns", "batch", (5.63, 0.41), ((5.91, 0.76), (5.18, 0.47))),
    _Arrow(
        "distribution",
        "log_prob",
        "π(· | obs)",
        (3.4, 1.86),
        ((2.63, 2.3), (2.63, 1.86), (4.57, 1.86), (4.57, 1.63)),
    ),
    _Arrow("log_prob", "loss", "log-probs", (3.52, 1.36), ((3.96, 1.25), (3.24, 0.96))),
    _Arrow("returns", "loss", "returns", (3.54, 0.38), ((3.96, 0.47), (3.24, 0.76))),
    _Arrow("loss", "update", "loss", (1.65, 0.98), ((2.02, 0.86), (1.29, 0.86))),
    _Arrow("update", "actor", "new\nparameters", (0.68, 1.72), ((0.68, 1.14), (0.68, 2.3))),
)


def draw_data_flow(
    *lit: str, known: Iterable[str] | None = None, raw_action: bool = True
) -> Figure:
    """Draw the parts of REINFORCE as boxes, and arrows labeled with what travels between them.

    An unknown part is a faint, dashed box without text, so that a reader sees that more is to
    come. An arrow has its label if both of its ends are known.

    Args:
        lit: the parts that a page is about, on a strong color: environment, actor, distribution,
            map_action, buffer, returns, log_prob, loss, update.
        known: the parts that a reader knows by now; by default all. Lit parts are always known.
        raw_action: whether what is stored and scored is called the raw action u. Before notebook
            05 nobody knows that word, and it answers that notebook's question.

    Raises:
        ValueError: There is no part of this name.

    Example:
        >>> figure = draw_data_flow("distribution", known=["environment", "actor"])
        >>> [text.get_text() for text in figure.axes[0].texts if "\\n" in text.get_text()]
        ['logits\\nor μ, σ']
    """
    seen = set(_PARTS) if known is None else {*known, *lit}
    for name in (*lit, *sorted(seen)):
        if name not in _PARTS:
            raise ValueError(f"there is no part {name!r}: expected one of {', '.join(_PARTS)}")

    figure = Figure(figsize=SIZE, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, SIZE[0]), ylim=(0, SIZE[1]))
    axes.set_axis_off()
    for arrow in _ARROWS:
        _draw_arrow(axes, arrow, set(lit), seen)

    for name, part in _PARTS.items():
        if name in seen:
            _draw_part(axes, part, is_lit=name in lit)
        else:
            axes.add_patch(_box(part, fc="white", ec=GREY, **FAINT))
    if not raw_action:
        for text in axes.texts:
            text.set_text(_RAW_ACTION.sub("action", text.get_text()))
    return figure


def _draw_part(axes: Axes, part: _Part, is_lit: bool) -> None:
    fill, ink, edge = (BLUE, "white", BLUE) if is_lit else (PAPER, INK, GREY)
    axes.add_patch(_box(part, fc=fill, ec=edge, lw=1.2))
    x, y = part.center
    axes.text(x, y + 0.1, part.label, size=11, weight="bold", color=ink, ha="center", va="center")
    axes.text(x, y - 0.12, part.what_it_does, size=10, color=ink, ha="center", va="center")


def _box(part: _Part, **look: Any) -> FancyBboxPatch:
    width, height = BOX
    x, y = part.center
    corner = x - width / 2, y - height / 2
    return FancyBboxPatch(corner, width, height, "round,pad=0,rounding_size=0.08", **look)


def _draw_arrow(axes: Axes, arrow: _Arrow, lit: set[str], seen: set[str]) -> None:
    """Draw an arrow: strong at a lit part, and faint, dashed and unlabeled at an unknown one."""
    ends = {arrow.source, arrow.target}
    is_known = ends <= seen
    look: dict[str, Any] = {"color": GREY, "lw": 1.2}
    if not is_known:
        look = FAINT | {"color": GREY}
    elif ends & lit:
        look = {"color": INK, "lw": 1.8}

    line = FancyArrowPatch(path=Path(arrow.points), arrowstyle="-|>", mutation_scale=11, **look)
    axes.add_patch(line)
    if is_known:
        weight = "bold" if ends & lit else "normal"
        background = {"fc": "white", "ec": "none", "pad": 1}
        axes.text(
            *arrow.label_at,
            arrow.label,
            size=10,
            weight=weight,
            color=INK,
            ha="center",
            va="center",
            bbox=background,
        )
