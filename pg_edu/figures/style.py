"""The look of every picture: its colors, and how a figure becomes a file.

Nothing in `pg_edu.figures` needs a display, pyplot or pygame.
"""

import io
import os
from typing import NamedTuple

from matplotlib.figure import Figure

from pg_edu.runs.files import write_file

# The first five are from the palette of Okabe and Ito (2008): readers with a color vision
# deficiency can tell them apart.
BLUE = "#0072B2"
SKY = "#56B4E9"
ORANGE = "#E69F00"
GREEN = "#009E73"
VERMILION = "#D55E00"
INK = "#3B4252"
GREY = "#9AA0AC"
SAND = "#E6E1D6"
PAPER = "#FAF8F4"


class Theme(NamedTuple):
    """The colors of a scene that depend on the page around it.

    Args:
        paper: the background.
        ground: the ground, and the gap between two scenes.
        mark: a region that matters, such as the angles at which a pole counts as upright.
        post: what limits a region.
        ink: letters and small parts.
    """

    paper: str
    ground: str
    mark: str
    post: str
    ink: str


LIGHT = Theme(paper=PAPER, ground=SAND, mark="#F0EADB", post=GREY, ink=INK)
DARK = Theme(paper="#161B22", ground="#2D333B", mark="#262C36", post=GREY, ink="#C9D1D9")


def save_figure(figure: Figure, path: str | os.PathLike[str] | None = None) -> bytes:
    """Return the figure as a PNG, and write it to `path` if a path is given.

    The PNG holds neither a date nor a version, so the same figure gives the same bytes.

    Example:
        >>> save_figure(Figure())[1:4]
        b'PNG'
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    png = buffer.getvalue()
    if path is not None:
        write_file(path, png)
    return png
