"""Turn frames into an animation, and lay two episodes side by side.

Animations are APNG files: notebooks, browsers and GitHub show them without scripts. The same frames
give the same bytes.
"""

import io
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pg_edu.figures.style import LIGHT, Theme
from pg_edu.runs.files import write_file

MAX_FRAMES = 60
"""The default for the largest number of frames: a few seconds, tens of kilobytes."""

COLORS = 64
"""The number of colors in an animation; with 256 the file would be more than twice as large."""

CAPTION_HEIGHT = 30
"""The height of the caption below a frame, in pixels."""

GAP = 2
"""The width of the gap between two episodes, in pixels."""


def before_after(
    before: Sequence[Image.Image],
    after: Sequence[Image.Image],
    captions: tuple[str, str] = ("before training", "after training"),
    max_frames: int = MAX_FRAMES,
    theme: Theme = LIGHT,
) -> list[Image.Image]:
    """Return pictures of two episodes side by side, each pair after the same number of steps.

    When the shorter episode is over, its last frame stays, faded, until the longer one ends. A
    short episode can be seen next to a very long one, because at least half of the pictures show
    steps that both episodes have, if there are that many.

    Args:
        before: frame t shows the state after t steps, as in the `frames` of a recording.
        after: the same for the other episode.
        captions: one for each episode.
        max_frames: the largest number of pictures.
        theme: the colors of the captions, those in which the frames were drawn.

    Raises:
        ValueError: An episode has no frames, or `max_frames` is less than 1.

    Example:
        >>> one_frame, three_frames = [Image.new("RGB", (60, 40))], [Image.new("RGB", (60, 40))] * 3
        >>> len(before_after(one_frame, three_frames))
        3
    """
    if not before or not after:
        raise ValueError(f"before and after: expected frames, got {len(before)} and {len(after)}")
    _check_max_frames(max_frames)

    pictures = []
    for t in _steps_shown(len(before) - 1, len(after) - 1, max_frames):
        left = _captioned(before, captions[0], t, theme)
        right = _captioned(after, captions[1], t, theme)
        size = (left.width + GAP + right.width, max(left.height, right.height))
        picture = Image.new("RGB", size, theme.ground)
        picture.paste(left, (0, 0))
        picture.paste(right, (left.width + GAP, 0))
        pictures.append(picture)
    return pictures


def animation(
    frames: Sequence[Image.Image],
    path: str | os.PathLike[str] | None = None,
    *,
    frame_ms: int = 60,
    hold_ms: int = 1500,
    max_frames: int = MAX_FRAMES,
    still: int | None = None,
) -> bytes:
    """Return the frames as an APNG that repeats forever, and write it to `path` if given.

    In a notebook, `IPython.display.Image(animation(frames))` shows it.

    Args:
        frames: pictures of one size.
        path: where to write the file.
        frame_ms: how long a frame is shown, in milliseconds.
        hold_ms: how long the last frame is shown, in milliseconds.
        max_frames: the largest number of frames. A longer sequence is thinned evenly, and keeps its
            first and last frame.
        still: which of the frames is shown where nothing moves, as in print; -1 is the last. By
            default that is the first frame. The animation itself begins with the first in any case.

    Raises:
        ValueError: There are no frames, or they differ in size, or `max_frames` is less than 1.
        IndexError: There is no frame `still`.

    Example:
        >>> frames = [Image.new("RGB", (60, 40), color) for color in ("red", "green", "blue")]
        >>> Image.open(io.BytesIO(animation(frames))).n_frames
        3
    """
    sizes = {frame.size for frame in frames}
    if len(sizes) != 1:
        raise ValueError(f"frames: expected pictures of one size, got {sorted(sizes)}")
    _check_max_frames(max_frames)

    kept = [frames[t] for t in _evenly(0, len(frames) - 1, max_frames)]
    durations = [frame_ms] * (len(kept) - 1) + [hold_ms]
    alone = [] if still is None else [frames[still]]
    apng = _encode(_quantize([*alone, *kept]), durations, first_is_still=still is not None)
    if path is not None:
        write_file(path, apng)
    return apng


def _check_max_frames(max_frames: int) -> None:
    if max_frames < 1:
        raise ValueError(f"max_frames: expected at least 1, got {max_frames}")


def _captioned(frames: Sequence[Image.Image], caption: str, t: int, theme: Theme) -> Image.Image:
    """Return the frame at step t above its caption, or the last frame, faded, if t is later."""
    steps = len(frames) - 1
    frame = frames[min(t, steps)]
    if t > steps:
        frame = Image.blend(frame.convert("RGB"), Image.new("RGB", frame.size, theme.paper), 0.6)

    panel = Image.new("RGB", (frame.width, frame.height + CAPTION_HEIGHT), theme.paper)
    panel.paste(frame, (0, 0))
    draw = ImageDraw.Draw(panel)
    baseline = panel.height - 9
    state = f"step {t}" if t < steps else f"ended at step {steps}"
    draw.text((8, baseline), caption, theme.ink, _font("DejaVuSans-Bold"), anchor="ls")
    draw.text((frame.width - 8, baseline), state, theme.ink, _font("DejaVuSans"), anchor="rs")
    return panel


@cache
def _font(name: str, size: int = 14) -> ImageFont.FreeTypeFont:
    """Load a font that comes with matplotlib, so that every machine draws the same letters."""
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{name}.ttf")
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def _steps_shown(steps_a: int, steps_b: int, max_frames: int) -> list[int]:
    """Return which steps of two episodes to show: fewer of them once the shorter one is over."""
    shorter, longer = sorted((steps_a, steps_b))
    in_proportion = max_frames * shorter // max(longer, 1)
    while_both_run = min(max(in_proportion, max_frames // 2, 1), shorter + 1)

    common = _evenly(0, shorter, while_both_run)
    later = _evenly(shorter, longer, max_frames - while_both_run + 1)
    return common + later[1:]


def _evenly(first: int, last: int, count: int) -> list[int]:
    """Return at most `count` integers, evenly spaced from `first` to `last`, both included."""
    spaced = np.linspace(first, last, count).round().astype(int)
    return sorted(set(spaced.tolist()))


def _quantize(frames: Sequence[Image.Image]) -> list[Image.Image]:
    """Return the frames in one common palette, since all frames of a PNG share one."""
    samples = [frames[t] for t in _evenly(0, len(frames) - 1, 8)]
    width, height = samples[0].size
    sheet = Image.new("RGB", (width, height * len(samples)))
    for row, sample in enumerate(samples):
        sheet.paste(sample, (0, row * height))

    palette = sheet.quantize(COLORS, kmeans=1)
    return [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]


def _encode(frames: Sequence[Image.Image], durations: list[int], *, first_is_still: bool) -> bytes:
    """Return the APNG file: frame k of the animation stays for durations[k] milliseconds.

    If the first of the frames is the still picture, it is no part of the animation.
    """
    buffer = io.BytesIO()
    frames[0].save(
        buffer,
        format="PNG",
        save_all=True,
        append_images=frames[1:],
        default_image=first_is_still,
        duration=durations,
        loop=0,
        optimize=True,
    )
    return buffer.getvalue()
