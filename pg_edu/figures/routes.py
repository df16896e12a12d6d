"""The curves of arrows between circles: bent apart, around the other circles, or as loops.

A curve is an array [K, 2] of points, in inches. Of several candidates the one with the most room is
taken, so nobody has to place arrows by hand.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from pg_edu.types import Floats

RADIUS = 0.36
"""The radius of a state, in inches."""

GAP = 0.06
"""The distance between the two circles of an end, and from a circle to an arrow that passes it."""

TIP = 0.02
"""The distance from the tip of an arrow to the circle at which it points."""

BETWEEN_BENDS = 0.5
"""How far apart two curves between the same two states are in the middle, in inches."""

_TIMES = np.linspace(0, 1, 121)[:, None]


def bends(source: ArrayLike, target: ArrayLike, shared: int) -> list[Floats]:
    """Return curves from circle to circle, the straightest first, each bent to its left or right.

    Args:
        source: [2] center of the circle where the curve begins.
        target: [2] center of another circle, where it ends.
        shared: how many arrows these two circles share. If it is odd, the first curve is straight.
    """
    begin, end = np.asarray(source, float), np.asarray(target, float)
    along = (end - begin) / np.linalg.norm(end - begin)
    to_the_left = np.array([-along[1], along[0]])
    first = 0.0 if shared % 2 else BETWEEN_BENDS / 2
    heights = [first + BETWEEN_BENDS * k for k in range(4)]
    curves = []
    for height in (side * h for h in heights for side in (1, -1)):
        # The middle of a quadratic Bézier curve is halfway between its chord and its control point.
        control = (begin + end) / 2 + 2 * height * to_the_left
        points = (1 - _TIMES) ** 2 * begin + 2 * _TIMES * (1 - _TIMES) * control + _TIMES**2 * end
        curves.append(_outside(points, begin, end))
    return curves


def loops(center: ArrayLike) -> list[Floats]:
    """Return curves from a circle back to itself: above it, below it, and then on its sides."""
    middle = np.asarray(center, float)
    curves = []
    for degrees in (90, 270, 135, 45, 225, 315, 180, 0):
        left, right = (_direction(degrees + turn) * 4.2 * RADIUS for turn in (30, -30))
        points = middle + 3 * _TIMES * (1 - _TIMES) * ((1 - _TIMES) * left + _TIMES * right)
        curves.append(_outside(points, middle, middle))
    return curves


def arrivals(center: ArrayLike, length: float = 0.75) -> list[Floats]:
    """Return straight curves that come from nowhere to a circle: from the left, above, ..."""
    middle = np.asarray(center, float)
    curves = []
    for degrees in (180, 90, 270, 135, 225, 45, 315, 0):
        reach = RADIUS + TIP + length * (1 - _TIMES)
        curves.append(middle + reach * _direction(degrees))
    return curves


def roomiest(candidates: Sequence[Floats], centers: Floats, taken: Sequence[Floats]) -> Floats:
    """Return the candidate that meets the fewest circles and curves; of near equals, the first.

    Args:
        candidates: curves [K, 2], the preferred ones first.
        centers: [S, 2] centers of all circles.
        taken: the curves that are drawn already.
    """
    preference = 5.0 * np.arange(len(candidates))
    costs = preference + [_crowding(points, centers, taken) for points in candidates]
    return candidates[int(np.argmin(costs))]


def spot_for_label(
    spots: Floats,
    half_size: Floats,
    boxes: Sequence[Floats],
    curves: Sequence[Floats],
    centers: Floats,
) -> Floats:
    """Return the point of a curve where a label hides the least; of near equals, the middle one.

    Args:
        spots: [K, 2] points of the label's own curve.
        half_size: [2] half the width and half the height of the label.
        boxes: the lower left and the upper right corner of the labels that are written already,
            [2, 2] each.
        curves: all other curves, which a label should not hide.
        centers: [S, 2] centers of all circles.
    """
    half = half_size + 0.03
    other_points = np.concatenate([spots[:0], *curves])
    costs = 20.0 * np.abs(np.linspace(-1, 1, len(spots)))
    beyond_edge = np.maximum(np.abs(centers - spots[:, None]) - half, 0)  # [K, S, 2]
    costs += 500.0 * (np.linalg.norm(beyond_edge, axis=-1) < RADIUS).sum(axis=1)
    costs += (np.abs(other_points - spots[:, None]) < half).all(axis=-1).sum(axis=1)
    for low, high in boxes:
        overlaps = (spots - half < high) & (low < spots + half)
        costs += 500.0 * overlaps.all(axis=1)
    best: Floats = spots[int(np.argmin(costs))]
    return best


def _crowding(points: Floats, centers: Floats, taken: Iterable[Floats]) -> float:
    """Return how many points of a curve are in the way of others; a circle counts far more.

    The circles where the curve begins and ends are not in its way.
    """
    to_circles = _distances(points, centers)
    is_own = to_circles[[0, -1]].min(axis=0) < RADIUS + 1.5 * GAP
    crowding = 20.0 * (to_circles[:, ~is_own] < RADIUS + 2 * GAP).sum()
    for other in taken:
        crowding += (_distances(points, other).min(axis=1) < 0.14).sum()
    return float(crowding)


def _distances(points: Floats, others: Floats) -> Floats:
    # np.linalg.norm is several times slower along an axis of length 2.
    x, y = (points[:, None] - others).transpose(2, 0, 1)
    distances: Floats = np.sqrt(x**2 + y**2)
    return distances


def _outside(points: Floats, begin: Floats, end: Floats) -> Floats:
    """Cut off what is inside the two circles, and a gap before the arrow's tip."""
    from_begin = np.linalg.norm(points - begin, axis=1)
    from_end = np.linalg.norm(points - end, axis=1)
    early = _TIMES[:, 0] < 0.5
    left = np.where(early, from_begin > RADIUS, True)
    not_arrived = np.where(early, True, from_end > RADIUS + TIP)
    outside: Floats = points[left & not_arrived]
    return outside


def _direction(degrees: float) -> Floats:
    angle = np.deg2rad(degrees)
    return np.array([np.cos(angle), np.sin(angle)])
