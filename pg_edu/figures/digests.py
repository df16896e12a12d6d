"""Sum up a picture in one printed line, so that a test of the notebooks notices a changed picture.

`pytest --nbval` compares what cells print, but never their pictures. `show` takes the place of
`plt.show()`: it displays the picture and prints a line that depends on every number drawn, such as

    picture: 4 lines, 400 numbers, digest 12.317 3f1c

The line counts what is drawn. The digest has two parts: a sum of the numbers, and a checksum of the
texts. It knows nothing of colors, line styles, limits of axes, and animations.

The sum. The horizontal positions of a pair of axes form one group, the vertical ones another, and
each further array, such as the values of an image, is a group of its own. A group is divided by the
power of ten that is nearest to its largest number; that power is added as a number, so that a scale
counts, too. Each number is then multiplied by a weight from 1 to 2 that depends on its position,
so that the order counts. As no weight is below 1, the sum changes if one number moves by 0.4% of
the largest in its group.

What it does not see. The sum has three decimals, so smaller moves can stay unseen, and so can
several moves that cancel. A group whose numbers are all below 1e-12 counts as zeros. On a
logarithmic axis the logarithms are summed, after everything below 1e-9 of the largest number is
raised to that.

A small risk. The last digits of floating-point numbers differ between processors. Three decimals
hide that, unless the sum lies just at the edge between two rounded values: noise that changes the
sum by 1e-6 changes the line once in a thousand pictures. A picture of rounding errors differs
itself, so show that one by `plt.show()`.
"""

import io
import math
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.category import StrCategoryLocator
from matplotlib.collections import Collection, LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import AxLine, Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.quiver import Barbs, Quiver
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator

from pg_edu.types import Floats

NOTHING = 1e-12
"""A group of numbers that are all smaller than this counts as zeros: it is rounding noise."""

LOWEST = 1e-9
"""On a logarithmic axis, smaller numbers are raised to this part of the largest one."""

KINDS: tuple[tuple[type[Artist], str], ...] = (
    (Line2D, "line"),
    (Rectangle, "bar"),
    (Patch, "shape"),
    (Quiver, "arrow field"),
    (PathCollection, "scatter"),
    (LineCollection, "line set"),
    (Collection, "area"),
    (AxesImage, "image"),
)
"""What the line calls an artist: the first kind that it is an instance of."""

GOLDEN = (math.sqrt(5) - 1) / 2


class Picture:
    """A figure as a notebook displays it: a PNG with the look of the inline backend."""

    def __init__(self, figure: Figure) -> None:
        self._text = repr(figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", bbox_inches="tight", metadata={"Software": None})
        self._png = buffer.getvalue()

    def __repr__(self) -> str:
        return self._text

    def _repr_png_(self) -> bytes:
        return self._png


def show(figure: Figure | None = None) -> None:
    """Display a figure, close it, and print one line that changes if the picture changes.

    It takes the place of `plt.show()` at the end of a cell. If pyplot has several figures open,
    call it once for each.

    Args:
        figure: made by pyplot or by `Figure()`; None stands for pyplot's current figure.

    Raises:
        TypeError: `figure` is something else, such as axes.
        ValueError: `figure` is None, and pyplot has no open figure.
    """
    from IPython.display import display

    shown = _current_figure() if figure is None else figure
    if not isinstance(shown, Figure):
        got = type(shown).__name__
        raise TypeError(f"show: expected a Matplotlib figure, got {got}; for axes: axes.figure")
    line = digest(shown)  # Drawing can move the limits of axes, so this comes first.
    picture = Picture(shown)
    close(shown)
    display(picture)
    print(f"picture: {line}")


def close(figure: Figure) -> None:
    """Close the figure in pyplot, which would display it once more at the end of the cell."""
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close(figure)


def _current_figure() -> Any:
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None or not pyplot.get_fignums():
        raise ValueError("show: pyplot has no open figure; draw first, or write show(figure)")
    return pyplot.gcf()


def digest(figure: Figure) -> str:
    """Return how much of what a figure shows, and a digest of its numbers and texts.

    The module says what the digest sees, and what it does not.

    Example:
        >>> figure = Figure()
        >>> lines = figure.subplots().plot([1, 2, 3], [4, 5, 6])
        >>> digest(figure)
        '1 line, 6 numbers, digest 13.211 bb3a'
    """
    counts = Counter(_kind(artist) for panel in _panels(figure) for artist in _artists(panel))
    groups = [group for panel in _panels(figure) for group in _groups(panel)]
    finite = sum(int(np.isfinite(group).sum()) for group in groups)
    missing = sum(group.size for group in groups) - finite

    named = [_count(counts[kind], kind) for _, kind in KINDS if counts[kind]]
    named.append(_count(finite, "number"))
    if missing:
        named.append(f"{missing} missing")
    checksum = zlib.crc32("\n".join(_texts(figure)).encode()) & 0xFFFF
    return f"{', '.join(named)}, digest {_sum(groups):.3f} {checksum:04x}"


def _count(number: int, kind: str) -> str:
    return f"{number} {kind}" if number == 1 else f"{number} {kind}s"


def _sum(groups: Iterable[Floats]) -> float:
    """Return the weighted sum of all groups, rounded to three decimals, without a minus zero."""
    parts = [part for group in groups for part in _scaled(group)]
    numbers = np.concatenate([*parts, np.zeros(0)])
    weights = 1 + np.modf(np.arange(numbers.size) * GOLDEN)[0]
    return round(math.fsum(weights * numbers), 3) + 0.0


def _scaled(group: Floats) -> tuple[Floats, Floats]:
    """Return the power of ten of a group, and the group divided by it, with 0 for NaN."""
    numbers = np.where(np.isfinite(group), group, 0.0)
    largest = np.abs(numbers).max(initial=0.0)
    if largest < NOTHING:
        return np.zeros(1), np.zeros(numbers.size)
    # The power changes at 3.16, 31.6, and so on. At 1, 10, and so on, where many pictures have
    # their largest number, rounding noise would change it.
    power = float(round(math.log10(largest)))
    return np.array([power]), numbers / 10.0**power


def _panels(figure: Figure) -> Iterator[Figure | Axes]:
    """Yield the figure and its axes in the order in which they were made, insets included."""
    yield figure
    for axes in figure.axes:
        yield axes
        yield from (child for child in axes.child_axes if isinstance(child, Axes))


def _artists(panel: Figure | Axes) -> list[Any]:
    """Return the visible artists of a panel that carry data, in the order of drawing."""
    if isinstance(panel, Axes):
        held: list[Any] = [*panel.lines, *panel.patches, *panel.collections, *panel.images]
        places = {id(child): place for place, child in enumerate(panel.get_children())}
        held.sort(key=lambda artist: (artist.get_zorder(), places[id(artist)]))
    else:
        held = [*panel.lines, *panel.patches]
    return [artist for artist in held if artist.get_visible()]


def _kind(artist: Artist) -> str:
    return next(kind for type_, kind in KINDS if isinstance(artist, type_))


def _groups(panel: Figure | Axes) -> list[Floats]:
    """Return all x of a panel, all y, and each further array of its artists; no empty group."""
    artists = _artists(panel)
    held = [_points(artist) for artist in [*artists, *_visible_texts(panel)]]
    points = np.concatenate([*held, np.zeros((0, 2))])
    x, y = points.T
    if isinstance(panel, Axes):
        x, y = _seen(panel.xaxis, x), _seen(panel.yaxis, y)
    groups = [x, y, *(values for artist in artists for values in _values(artist))]
    return [group for group in groups if group.size]


def _seen(axis: Axis, numbers: Floats) -> Floats:
    """Return the logarithms of the numbers if the axis is logarithmic; otherwise the numbers."""
    positive = numbers[np.isfinite(numbers) & (numbers > 0)]
    if axis.get_scale() != "log" or not positive.size:
        return numbers
    lowest: Floats = np.log10(np.maximum(numbers, LOWEST * positive.max()))
    return lowest


def _points(artist: Any) -> Floats:
    """Return the positions that an artist is drawn at, [n, 2] with columns x and y."""
    if isinstance(artist, AxLine):
        return _pairs([artist.get_xy1(), artist.get_xy2() or [artist.get_slope()] * 2])
    if isinstance(artist, Line2D):
        return _pairs(artist.get_xydata())
    if isinstance(artist, Text):
        return _pairs([artist.get_unitless_position()])
    if isinstance(artist, AxesImage):
        left, right, bottom, top = artist.get_extent()
        return _pairs([(left, bottom), (right, top)])
    if isinstance(artist, Patch):
        return _pairs(_corners(artist))
    return _points_of_collection(artist)


def _corners(patch: Any) -> Any:
    """Return two corners of a bar, the two ends of an arrow, or the vertices of another shape.

    An arrow's own vertices depend on the size of the picture.
    """
    ends = getattr(patch, "_posA_posB", None)
    if ends is not None:
        return ends
    vertices = patch.get_patch_transform().transform(patch.get_path().vertices)
    return vertices[[0, 2]] if isinstance(patch, Rectangle) else vertices


def _points_of_collection(collection: Any) -> Floats:
    """Return where the members of a collection are, and their vertices.

    The vertices of a marker or of an arrow are in pixels, so they are left out.
    """
    offsets = _pairs(collection.get_offsets())
    if isinstance(collection, PathCollection | Quiver | Barbs):
        return offsets
    if not offsets.any():
        offsets = offsets[:0]  # A collection without offsets returns one that is zero.
    if hasattr(collection, "get_coordinates"):  # a mesh, whose corners are [rows, columns, 2]
        return np.concatenate([offsets, _pairs(collection.get_coordinates())])
    return np.concatenate([offsets, *(_pairs(path.vertices) for path in collection.get_paths())])


def _values(artist: Any) -> list[Floats]:
    """Return the numbers that an artist shows other than by position: sizes, colors, arrows."""
    arrays = [getattr(artist, name, None) for name in ("U", "V", "u", "v")]
    for getter in ("get_array", "get_sizes"):
        arrays.append(getattr(artist, getter, lambda: None)())
    return [_floats(array).ravel() for array in arrays if array is not None]


def _pairs(numbers: Any) -> Floats:
    return _floats(numbers).reshape(-1, 2)


def _floats(numbers: Any) -> Floats:
    """Return numbers as float64, with NaN where they are masked."""
    return np.ma.filled(np.ma.asarray(numbers, dtype=float), np.nan)


def _texts(figure: Figure) -> Iterator[str]:
    """Yield the texts of a figure: titles, labels, named ticks, legends, and what stands inside."""
    for panel in _panels(figure):
        if isinstance(panel, Axes):
            yield from (panel.get_title(place) for place in ("left", "center", "right"))
            for axis in (panel.xaxis, panel.yaxis):
                yield axis.get_label_text()
                yield from _named_ticks(axis)
        yield from (text.get_text() for text in _visible_texts(panel))
        legends = panel.legends if isinstance(panel, Figure) else [panel.get_legend()]
        yield from (text.get_text() for x in legends if x is not None for text in x.get_texts())


def _visible_texts(panel: Figure | Axes) -> list[Text]:
    return [text for text in panel.texts if text.get_visible()]


def _named_ticks(axis: Axis) -> list[str]:
    """Return the labels of the ticks if the author set the ticks, or if they are categories.

    How many ticks Matplotlib chooses depends on the size of its letters.
    """
    if isinstance(axis.get_major_locator(), FixedLocator | StrCategoryLocator):
        return axis.get_major_formatter().format_ticks(list(axis.get_majorticklocs()))
    return []
