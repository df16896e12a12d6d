"""A canvas that is measured in the units of an environment's world.

A point (x, y) of the world, with y upward, is the complex number x + iy. A rotation is then a
product: exp(iα) · p is p turned counterclockwise about the origin by the angle α.
"""

from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageDraw

from pg_edu.figures.style import LIGHT, VERMILION, Theme

WIDTH = 400
HEIGHT = 220
"""The size of a frame, in pixels."""

OVERSAMPLING = 3
"""The canvas is this many times as wide and high as the frame; reducing it smooths the edges."""


class Canvas:
    """A picture of the part of a world that is `width` wide and centered at `center`."""

    def __init__(self, center: complex, width: float, theme: Theme = LIGHT) -> None:
        self.theme = theme
        size = (WIDTH * OVERSAMPLING, HEIGHT * OVERSAMPLING)
        self._large = Image.new("RGB", size, theme.paper)
        self._draw = ImageDraw.Draw(self._large)
        self._scale = self._large.width / width
        half_size = complex(self._large.width, -self._large.height) / (2 * self._scale)
        self._upper_left = center - half_size

    def frame(self) -> Image.Image:
        """Return the drawing so far, as a picture of `WIDTH` x `HEIGHT` pixels."""
        return self._large.reduce(OVERSAMPLING)

    def polygon(self, corners: Iterable[complex], color: str) -> None:
        """Draw a filled polygon."""
        self._draw.polygon(self._pixels(corners), fill=color)

    def disc(self, center: complex, radius: float, color: str) -> None:
        """Draw a filled circle."""
        to_lower_right = radius * (1 - 1j)
        box = [center - to_lower_right, center + to_lower_right]
        self._draw.ellipse(self._pixels(box), fill=color)

    def line(self, points: list[complex], width: float, color: str) -> None:
        """Draw a line through the points, with round ends."""
        self._draw.line(self._pixels(points), color, round(width * self._scale), joint="curve")
        for end in (points[0], points[-1]):
            self.disc(end, width / 2, color)

    def arrow(self, points: list[complex], width: float) -> None:
        """Draw a line whose last piece ends in an arrowhead."""
        self.line(points, width, VERMILION)
        tip = points[-1]
        direction = tip - points[-2]
        head = 3 * width * direction / abs(direction)
        self.polygon([tip + head, tip + 0.6j * head, tip - 0.6j * head], VERMILION)

    def torque(self, center: complex, radius: float, push: float) -> None:
        """Draw an arrow around `center`, counterclockwise if `push` is positive."""
        if abs(push) > 0.05:
            arc = center + 1j * radius * np.exp(2j * push * np.linspace(0, 1, 16))
            self.arrow(arc.tolist(), radius / 10)

    def _pixels(self, points: Iterable[complex]) -> list[tuple[float, float]]:
        """Return Pillow's coordinates, which start at the upper left corner with y downward."""
        offsets = [(point - self._upper_left) * self._scale for point in points]
        return [(offset.real, -offset.imag) for offset in offsets]
