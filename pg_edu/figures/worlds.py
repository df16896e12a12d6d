"""Draw a small world as circles and arrows: its states, and the moves that lead between them.

The caller says where the states are; the arrows and their labels look for room themselves.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch
from matplotlib.path import Path
from matplotlib.text import Text

from pg_edu.figures.routes import GAP, RADIUS, arrivals, bends, loops, roomiest, spot_for_label
from pg_edu.figures.style import BLUE, GREEN, GREY, INK, ORANGE, PAPER, VERMILION
from pg_edu.types import Floats

Positions = Mapping[str, tuple[float, float]]

ACTION_LOOKS = ((BLUE, "-"), (VERMILION, "--"), (GREEN, "-."), (ORANGE, ":"))
"""The color and line of the first action, of the second, and so on; the fifth is like the first."""

CLOSEST = 1.0
"""The smallest distance of two states, in inches; circles that are closer leave arrows no room."""

MARGIN = 0.1
TITLE = 0.35


@dataclass(frozen=True)
class Move:
    """An arrow of a world: the action that is taken in `source`, and where it leads.

    Args:
        source: name of the state where the action is taken.
        target: name of the state that follows, which may be the same one.
        action: name of the action. Moves with the same action have the same color; a move without
            a name is gray.
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
        if self.probability is not None:
            _check_probability(
                f"the move from {self.source!r} to {self.target!r}", self.probability
            )

    @property
    def label(self) -> str:
        """Return what is written at the arrow."""
        paid = "" if self.reward is None else _signed(self.reward)
        chance = "" if self.probability is None else _chance(self.probability)
        action_and_reward = ": ".join(part for part in (self.action, paid) if part)
        return action_and_reward + chance


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
        ValueError: there is no state, two states are less than an inch apart, or a move, `start` or
            `ends` names a state that is not among them.

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
    for name, probability in begins.items():
        _check_probability(f"start: {name!r}", probability)
    curves = _routes(states, moves, begins)
    labels = [f"start{_chance(p)}" for p in begins.values()] + [move.label for move in moves]
    looks = _looks(moves)
    colors = [(INK, "-")] * len(begins) + [looks[move.action] for move in moves]

    figure = Figure(facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    for curve, (color, line) in zip(curves, colors, strict=True):
        _draw_arrow(axes, curve, color, line)
    for name, center in states.items():
        _draw_state(axes, name, center, name in ends)
    centers = np.array(list(states.values()), float)
    boxes = _write_labels(axes, labels, curves, centers, len(begins))
    _trim(figure, axes, np.concatenate([*curves, centers - RADIUS, centers + RADIUS, *boxes]))
    _add_title(figure, axes, title)
    return figure


def _check_probability(where: str, probability: float) -> None:
    if not 0 < probability <= 1 + 1e-9:
        raise ValueError(f"{where}: expected a probability in (0, 1], got {probability}")


def _check_names(
    states: Positions, moves: Iterable[Move], begins: Iterable[str], ends: Iterable[str]
) -> None:
    if not states:
        raise ValueError("states: expected at least one, got none")
    for (one, place), (other, other_place) in itertools.combinations(states.items(), 2):
        distance = math.dist(place, other_place)
        if not distance >= CLOSEST:
            raise ValueError(
                f"states: {one!r} and {other!r} are {distance:.2g} inches apart, expected at least "
                f"{CLOSEST:g}"
            )

    used = [(f"the move {move}", name) for move in moves for name in (move.source, move.target)]
    used += [("start", name) for name in begins] + [("ends", name) for name in ends]
    for where, name in used:
        if name not in states:
            raise ValueError(
                f"{where}: there is no state {name!r}, expected one of {', '.join(states)}"
            )


def _routes(states: Positions, moves: Sequence[Move], begins: Iterable[str]) -> list[Floats]:
    """Return the curve of each arrow to a first state, and then that of each move."""
    centers = np.array(list(states.values()), float)
    shared = Counter(frozenset((move.source, move.target)) for move in moves)
    curves: dict[int, Floats] = {}

    # Loops are short and can be anywhere, so they take the room that the other arrows leave.
    for n in sorted(range(len(moves)), key=lambda n: moves[n].source == moves[n].target):
        begin, end = states[moves[n].source], states[moves[n].target]
        together = shared[frozenset((moves[n].source, moves[n].target))]
        candidates = loops(begin) if begin == end else bends(begin, end, together)
        curves[n] = roomiest(candidates, centers, list(curves.values()))

    in_order = [curves[n] for n in range(len(moves))]
    starts: list[Floats] = []
    for name in begins:
        starts.append(roomiest(arrivals(states[name]), centers, [*in_order, *starts]))
    return starts + in_order


def _looks(moves: Iterable[Move]) -> dict[str, tuple[str, str]]:
    """Return the color and the line of each action, in the order in which actions are named."""
    actions = dict.fromkeys(move.action for move in moves if move.action)
    return {"": (GREY, "-"), **dict(zip(actions, itertools.cycle(ACTION_LOOKS), strict=False))}


def _draw_state(axes: Axes, name: str, center: tuple[float, float], is_end: bool) -> None:
    axes.add_patch(Circle(center, RADIUS, fc=PAPER, ec=INK, lw=1.3))
    if is_end:
        axes.add_patch(Circle(center, RADIUS - GAP, fc="none", ec=INK, lw=1.3))
    axes.text(*center, name, size=10, color=INK, ha="center", va="center", weight="bold")


def _draw_arrow(axes: Axes, curve: Floats, color: str, line: str) -> None:
    path = Path(curve)
    arrow = FancyArrowPatch(path=path, arrowstyle="-|>", mutation_scale=12, color=color, ls=line)
    arrow.set_linewidth(1.6)
    axes.add_patch(arrow)


def _write_labels(
    axes: Axes, labels: Sequence[str], curves: Sequence[Floats], centers: Floats, starts: int
) -> list[Floats]:
    """Write each label on its curve where it hides the least; return the corners of all, [2, 2].

    The first curves, as many as `starts` says, come from nowhere and begin with their label.
    """
    boxes: list[Floats] = []
    for n, (label, curve) in enumerate(zip(labels, curves, strict=True)):
        text = axes.text(0, 0, label, size=9.5, color=INK, ha="center", va="center")
        text.set_bbox({"fc": "white", "ec": "none", "pad": 0.8})
        spots = curve[:1] if n < starts else curve
        others = [other for m, other in enumerate(curves) if m != n]
        half_size = _half_size(text, axes.figure.dpi)
        spot = spot_for_label(spots, half_size, boxes, others, centers)
        text.set_position((float(spot[0]), float(spot[1])))
        boxes.append(np.array([spot - half_size, spot + half_size]))
    return boxes


def _half_size(text: Text, dpi: float) -> Floats:
    """Return half the width and half the height of a text, in inches."""
    extent = text.get_window_extent()
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


def _chance(probability: float) -> str:
    """Return a second line for a label, or nothing for what is certain."""
    return "" if probability > 1 - 1e-9 else f"\np = {probability:.3g}"


def _signed(number: float) -> str:
    """Return a number with its sign, and 0 without one."""
    written = f"{number:+.4g}"
    return "0" if float(written) == 0 else written.replace("-", "−")
