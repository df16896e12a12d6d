"""Draw a small world as circles and arrows: its states, and the moves that lead between them.

The caller says where the states are; the arrows and their labels look for room themselves.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch
from matplotlib.path import Path
from matplotlib.text import Text

from pg_edu.figures.routes import GAP, RADIUS, arrivals, bends, loops, roomiest, spot_for_label
from pg_edu.figures.style import BLUE, GREEN, INK, ORANGE, PAPER, VERMILION
from pg_edu.types import Floats

Positions = Mapping[str, tuple[float, float]]

ACTION_LOOKS = ((BLUE, "-"), (VERMILION, "--"), (GREEN, "-."), (ORANGE, ":"))
"""The color and line of the first action, of the second, and so on; the fifth is like the first."""

MARGIN = 0.1
TITLE = 0.35


@dataclass(frozen=True)
class Move:
    """An arrow of a world: the action that is taken in `source`, and where it leads.

    Args:
        source: name of the state where the action is taken.
        target: name of the state that follows, which may be the same one.
        action: name of the action. Moves with the same action have the same color.
        reward: reward of the move; None draws no number.
        probability: probability that the action leads to `target`; None and 1 draw no number.

    Raises:
        ValueError: `probability` is not in (0, 1].

    Example:
        >>> print(Move("depot", "bridge", "walk", reward=-1, probability=0.75).label)
        walk: −1
        p = 0.75
    """

    source: str
    target: str
    action: str
    reward: float | None = None
    probability: float | None = None

    def __post_init__(self) -> None:
        if self.probability is not None and not 0 < self.probability <= 1 + 1e-9:
            raise ValueError(
                f"the move from {self.source!r} to {self.target!r}: expected a probability in "
                f"(0, 1], got {self.probability}"
            )

    @property
    def label(self) -> str:
        """Return what is written at the arrow."""
        paid = "" if self.reward is None else f": {_signed(self.reward)}"
        is_certain = self.probability is None or self.probability > 1 - 1e-9
        chance = "" if is_certain else f"\np = {self.probability:.3g}"
        return f"{self.action}{paid}{chance}"


def draw_world(
    states: Positions,
    moves: Iterable[Move],
    *,
    start: str | Mapping[str, float] = "",
    ends: Iterable[str] = (),
    title: str = "",
) -> Figure:
    """Draw the states of a world as circles, and its moves as arrows.

    Arrows between the same two states are bent apart, and an arrow bends around a state that is in
    its way. A move from a state to itself is a loop.

    Args:
        states: position (x, y) of the center of each state by name, in inches. A circle is 0.72
            inches wide, and 1.6 inches from center to center leave room for a label. About 6 inches
            from the first to the last fit a page.
        moves: the arrows.
        start: the state where an episode begins, or the probability of each such state by name.
        ends: the states where an episode is over, drawn as double circles.
        title: what is written above.

    Raises:
        ValueError: there is no state, two states share a position, or a move, `start` or `ends`
            names a state that there is not.

    Example:
        >>> places = {"home": (0, 0), "school": (2, 0)}
        >>> figure = draw_world(places, [Move("home", "school", "walk", 1)], ends=["school"])
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['home', 'school', 'walk: +1']
    """
    moves = list(moves)
    ends = set(ends)
    begins = {start: 1.0} if isinstance(start, str) and start else dict(start or {})
    _check_names(states, moves, begins, ends)
    curves = _routes(states, moves, begins)
    labels = [move.label for move in moves] + [_start_label(p) for p in begins.values()]
    looks = _looks(moves)
    colors = [looks[move.action] for move in moves] + [(INK, "-")] * len(begins)

    figure = Figure(facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    for curve, (color, line) in zip(curves, colors, strict=True):
        _draw_arrow(axes, curve, color, line)
    for name, center in states.items():
        _draw_state(axes, name, center, name in ends)
    centers = np.array(list(states.values()), float)
    boxes = _write_labels(axes, labels, curves, centers, len(moves))
    _trim(figure, axes, np.concatenate([*curves, centers - RADIUS, centers + RADIUS, *boxes]))
    _add_title(figure, axes, title)
    return figure


def _check_names(
    states: Positions, moves: Iterable[Move], begins: Iterable[str], ends: Iterable[str]
) -> None:
    if not states:
        raise ValueError("states: expected at least one, got none")
    if len(set(states.values())) < len(states):
        raise ValueError(f"states: expected different positions, got {dict(states)}")
    used = [(f"the move {move}", name) for move in moves for name in (move.source, move.target)]
    used += [("start", name) for name in begins] + [("ends", name) for name in ends]
    for where, name in used:
        if name not in states:
            raise ValueError(
                f"{where}: there is no state {name!r}, expected one of {', '.join(states)}"
            )


def _routes(states: Positions, moves: Sequence[Move], begins: Iterable[str]) -> list[Floats]:
    """Return the curve of each move, then the curve of each arrow to a state where one begins."""
    centers = np.array(list(states.values()), float)
    shared = Counter(frozenset((move.source, move.target)) for move in moves)
    curves: dict[int, Floats] = {}

    # Loops are short and can be anywhere, so they take the room that the other arrows leave.
    for n in sorted(range(len(moves)), key=lambda n: moves[n].source == moves[n].target):
        begin, end = states[moves[n].source], states[moves[n].target]
        together = shared[frozenset((moves[n].source, moves[n].target))]
        candidates = loops(begin) if begin == end else bends(begin, end, together)
        curves[n] = roomiest(candidates, centers, list(curves.values()))

    for name in begins:
        candidates = arrivals(states[name])
        curves[len(curves)] = roomiest(candidates, centers, list(curves.values()))
    return [curves[n] for n in range(len(curves))]


def _looks(moves: Iterable[Move]) -> dict[str, tuple[str, str]]:
    """Return the color and the line of each action, in the order in which actions are named."""
    actions = dict.fromkeys(move.action for move in moves)
    return dict(zip(actions, cycle(ACTION_LOOKS), strict=False))


def _draw_state(axes: Axes, name: str, center: tuple[float, float], is_end: bool) -> None:
    axes.add_patch(Circle(center, RADIUS, fc=PAPER, ec=INK, lw=1.3))
    if is_end:
        axes.add_patch(Circle(center, RADIUS - GAP, fc="none", ec=INK, lw=1.3))
    axes.text(*center, name, size=10, color=INK, ha="center", va="center", weight="bold")


def _draw_arrow(axes: Axes, curve: Floats, color: str, line: str) -> None:
    path = Path(curve)
    look = {"color": color, "ls": line, "lw": 1.6}
    axes.add_patch(FancyArrowPatch(path=path, arrowstyle="-|>", mutation_scale=12, **look))


def _write_labels(
    axes: Axes, labels: Sequence[str], curves: Sequence[Floats], centers: Floats, moves: int
) -> list[Floats]:
    """Write each label on its curve where it hides the least; return the corners of all [2, 2].

    The first curves are those of `moves`. The others come from nowhere, and begin with their label.
    """
    boxes: list[Floats] = []
    for n, (label, curve) in enumerate(zip(labels, curves, strict=True)):
        text = axes.text(0, 0, label, size=9.5, color=INK, ha="center", va="center")
        text.set_bbox({"fc": "white", "ec": "none", "pad": 0.8})
        spots = curve if n < moves else curve[:1]
        others = [other for m, other in enumerate(curves) if m != n]
        spot = spot_for_label(spots, _half_size(text), boxes, others, centers)
        text.set_position((float(spot[0]), float(spot[1])))
        boxes.append(np.array([spot - _half_size(text), spot + _half_size(text)]))
    return boxes


def _half_size(text: Text) -> Floats:
    """Return half the width and half the height of a text, in inches."""
    extent = text.get_window_extent()
    dpi = text.get_figure(root=True).dpi
    return np.array([extent.width, extent.height]) / (2 * dpi)


def _trim(figure: Figure, axes: Axes, points: Floats) -> None:
    """Make the figure as large as what it shows, with one inch for each unit of the axes."""
    low = points.min(axis=0) - MARGIN
    high = points.max(axis=0) + MARGIN
    figure.set_size_inches(*(high - low))
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))


def _add_title(figure: Figure, axes: Axes, title: str) -> None:
    if not title:
        return
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + TITLE)
    axes.set_position((0, 0, 1, height / (height + TITLE)))
    figure.suptitle(title, size=12, color=INK, y=1 - 0.1 / (height + TITLE), va="top")


def _start_label(probability: float) -> str:
    return "start" if probability > 1 - 1e-9 else f"start\np = {probability:.3g}"


def _signed(number: float) -> str:
    """Return a number with its sign, and 0 without one."""
    return f"{number:+.4g}".replace("-", "−") if number else "0"
