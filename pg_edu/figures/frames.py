"""Draw the frames of a figure with sliders, for a page on which no Python runs.

`notebooks/build.py` names a folder in the environment variable PG_EDU_RECORD while it executes a
page. Then `play` leaves two files there for each figure, and the site shows them:

    figure-1.webp    all frames, one below the other, without loss of a pixel except for rare colors
    figure-1.json    the size of a frame, and for each slider its values and which frame shows them

One slider moves at a time, and the others stay where they start. So three sliders need the sum of
their positions, not the product. Where that is still too many, positions are left out.
"""

import io
import itertools
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

MOST = 20
"""The largest number of frames of one figure."""

COLORS = 128  # of a frame; a figure has fewer, and the rest is the smoothing of edges
FACTORS = (1, 2, 5)  # and 10, 20, 50, and so on: how many steps a position may skip


def recording_folder() -> Path | None:
    """Return the folder that PG_EDU_RECORD names, or None where nothing is to be recorded."""
    folder = os.environ.get("PG_EDU_RECORD")
    return Path(folder) if folder else None


def record_frames(
    picture: Callable[[Mapping[str, Any]], bytes],
    positions: Mapping[str, Sequence[Any]],
    start: Mapping[str, Any],
    folder: Path,
) -> None:
    """Draw a figure at the positions of its sliders, and write its two files into `folder`.

    A position for which `picture` raises is left out, as the slider leaves the picture in place.

    Args:
        picture: from the values of all sliders to a PNG.
        positions: the values of each slider in their order, the start among them; at most `MOST`
            different pictures in all.
        start: the value that each slider starts with.
        folder: exists; it may hold the files of earlier figures.
    """
    frames = [picture(start)]
    sliders = []
    for name, values in positions.items():
        numbers: list[int] = []
        shown = []
        for value in values:
            number = 0 if value == start[name] else _draw(picture, {**start, name: value}, frames)
            if number is not None:
                numbers.append(number)
                shown.append(value)
        sliders.append({"name": name, "values": shown, "frames": numbers})
    size, webp = stacked(frames)
    number = 1 + len(list(folder.glob("figure-*.json")))
    (folder / f"figure-{number}.webp").write_bytes(webp)
    text = json.dumps({"size": size, "number": len(frames), "sliders": sliders})
    (folder / f"figure-{number}.json").write_text(text, encoding="utf-8")


def _draw(
    picture: Callable[[Mapping[str, Any]], bytes], values: Mapping[str, Any], frames: list[bytes]
) -> int | None:
    """Append the picture to the frames and return its number, or None if it cannot be drawn."""
    try:
        frames.append(picture(values))
    except Exception:  # whatever the page's own function raises
        return None
    return len(frames) - 1


def stacked(frames: Sequence[bytes]) -> tuple[tuple[int, int], bytes]:
    """Return the width and height of one frame, and a WebP of all frames, one below the other.

    Neighbors have most of their pixels in common, so one file is much smaller than many.
    """
    pictures = [Image.open(io.BytesIO(frame)).convert("RGB") for frame in frames]
    width = max(picture.width for picture in pictures)
    height = max(picture.height for picture in pictures)
    strip = Image.new("RGB", (width, height * len(pictures)), "white")
    for number, picture in enumerate(pictures):
        strip.paste(picture, (0, number * height))
    buffer = io.BytesIO()
    few = strip.quantize(COLORS, dither=Image.Dither.NONE).convert("RGB")
    few.save(buffer, format="WEBP", lossless=True, quality=100, method=4)
    return (width, height), buffer.getvalue()


def few_enough(ranges: Mapping[str, Sequence[Any]], start: Mapping[str, Any]) -> dict[str, Any]:
    """Return the positions of each slider, thinned out until `MOST` frames are enough.

    The slider with the most positions skips more of them, until the sum is small enough. Kept are
    the two ends, the start, and whole multiples of a larger step: 0, 0.1, 0.2 instead of 0, 0.07.

    Args:
        ranges: all values of each slider, in equal steps if they are numbers. Lists of other values
            are not thinned out.
        start: the value that each slider starts with; it may lie between two of its values.
    """
    coarser = {name: itertools.chain(_factors()) for name in ranges}
    kept = {name: _with_start(values, start[name]) for name, values in ranges.items()}
    thin = {name for name, values in ranges.items() if _in_equal_steps(values)}
    while thin and 1 + sum(len(values) - 1 for values in kept.values()) > MOST:
        longest = max(sorted(thin), key=lambda name: len(kept[name]))
        kept[longest] = _multiples(ranges[longest], next(coarser[longest]), start[longest])
        if len(kept[longest]) <= 3:
            thin.remove(longest)
    return kept


def _factors() -> Any:
    """Yield 2, 5, 10, 20, 50, and so on."""
    for power in itertools.count():
        yield from (factor * 10**power for factor in FACTORS if factor * 10**power > 1)


def _with_start(values: Sequence[Any], start: Any) -> list[Any]:
    return list(values) if start in values else sorted([*values, start])


def _in_equal_steps(values: Sequence[Any]) -> bool:
    if not all(isinstance(value, int | float) for value in values) or len(values) < 3:
        return False
    step = values[1] - values[0]
    return step != 0 and all(
        math.isclose(b - a, step, rel_tol=1e-6) for a, b in itertools.pairwise(values)
    )


def _multiples(values: Sequence[Any], factor: int, start: Any) -> list[Any]:
    """Return the ends, the start, and the values that are whole multiples of `factor` steps."""
    step = factor * (values[1] - values[0])
    ends = (values[0], values[-1])
    round_ones = [v for v in values if v in ends or abs(v / step - round(v / step)) < 1e-6]
    return _with_start(round_ones, start)
