"""Two episodes are shown at the same step, and an animation contains the frames it was given."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pg_edu.figures import animation, before_after, draw_frame
from pg_edu.figures.animations import MAX_FRAMES


def gray_frames(count: int, size: tuple[int, int] = (120, 50)) -> list[Image.Image]:
    """Return `count` frames. Frame t has the brightness t, which tells it from the others."""
    return [Image.new("RGB", size, (t, t, t)) for t in range(count)]


def steps_shown(pictures: list[Image.Image], x: int) -> list[int]:
    """Return the brightness of each picture at column x: the number of the frame there."""
    return [np.asarray(picture)[25, x, 0].item() for picture in pictures]


def test_both_episodes_are_shown_at_the_same_step_and_the_shorter_one_stays_faded() -> None:
    pictures = before_after(gray_frames(4), gray_frames(9))
    assert steps_shown(pictures, x=200) == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    running, held = steps_shown(pictures, x=60)[:4], steps_shown(pictures, x=60)[4:]
    assert running == [0, 1, 2, 3]
    assert len(set(held)) == 1
    assert held[0] > 100


def test_episode_that_is_over_stays_as_it_is_and_so_does_its_caption() -> None:
    pictures = before_after(gray_frames(4), gray_frames(9))
    left = [np.asarray(picture)[:, :120] for picture in pictures]
    for picture in left[5:]:
        np.testing.assert_array_equal(picture, left[4])


def test_long_episode_is_thinned_but_every_step_of_a_short_one_is_shown() -> None:
    pictures = before_after(gray_frames(11), gray_frames(250), max_frames=30)
    shown = steps_shown(pictures, x=200)
    assert len(pictures) <= 30
    assert shown[:11] == list(range(11))
    assert shown[-1] == 249
    assert np.ptp(np.diff(shown[10:])) <= 1


@pytest.mark.parametrize(("short", "long"), [(1, 1), (1, 200), (100, 101), (200, 200)])
@pytest.mark.parametrize("max_frames", [1, 2, 30])
def test_there_are_never_more_pictures_than_asked_for(
    short: int, long: int, max_frames: int
) -> None:
    pictures = before_after(gray_frames(long), gray_frames(short), max_frames=max_frames)
    shown = steps_shown(pictures, x=60)
    assert len(shown) <= max_frames
    assert shown == sorted(set(shown))
    assert shown[-1] == long - 1 or max_frames == 1


def test_captions_are_written_below_the_frames() -> None:
    plain, captioned = (
        np.asarray(before_after(gray_frames(2), gray_frames(2), captions)[0])
        for captions in (("", ""), ("", "after: 500 steps"))
    )
    rows, columns = np.nonzero((plain != captioned).any(axis=-1))
    assert rows.min() >= 50
    assert columns.min() >= 120


def test_before_after_raises_if_an_episode_has_no_frames() -> None:
    with pytest.raises(ValueError, match="got 0 and 2"):
        before_after([], gray_frames(2))


def test_before_after_raises_if_no_picture_is_allowed() -> None:
    with pytest.raises(ValueError, match="max_frames: expected at least 1, got 0"):
        before_after(gray_frames(2), gray_frames(2), max_frames=0)


@pytest.fixture(scope="module")
def poles() -> list[Image.Image]:
    angles = np.linspace(-0.5, 0.5, 30)
    return [draw_frame("CartPole-v1", [angle, 0, angle, 0], 1) for angle in angles]


def test_animation_is_an_apng_that_repeats_every_frame_forever(poles: list[Image.Image]) -> None:
    apng: Any = Image.open(io.BytesIO(animation(poles, frame_ms=40, hold_ms=900)))
    assert (apng.format, apng.n_frames, apng.info["loop"]) == ("PNG", 30, 0)
    durations = []
    for t, pole in enumerate(poles):
        apng.seek(t)
        durations.append(apng.info["duration"])
        difference = np.asarray(apng.convert("RGB")).astype(int) - np.asarray(pole)
        assert np.abs(difference).mean() < 1
    assert durations == [40] * 29 + [900]


def test_animation_is_small(poles: list[Image.Image]) -> None:
    assert len(animation(poles)) < 40_000
    assert len(animation(before_after(poles[:10], poles))) < 80_000


def test_same_frames_give_the_same_bytes(poles: list[Image.Image], tmp_path: Path) -> None:
    data = animation(poles, tmp_path / "agent.png")
    assert data == animation([pole.copy() for pole in poles])
    assert data == (tmp_path / "agent.png").read_bytes()


def test_long_animation_is_thinned_evenly_from_first_to_last() -> None:
    apng: Any = Image.open(io.BytesIO(animation(gray_frames(250), max_frames=4)))
    shown = []
    for t in range(apng.n_frames):
        apng.seek(t)
        shown.append(apng.convert("RGB").getpixel((0, 0))[0])
    assert shown == pytest.approx([0, 83, 166, 249], abs=2)


@pytest.mark.parametrize(
    ("frames", "max_frames", "named"),
    [
        ([], 30, "frames"),
        (gray_frames(1) + gray_frames(1, (5, 5)), 30, "frames"),
        (gray_frames(3), 0, "max_frames"),
        (gray_frames(3), -2, "max_frames"),
    ],
)
def test_animation_raises_if_there_are_no_frames_of_one_size_or_none_is_allowed(
    frames: list[Image.Image], max_frames: int, named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        animation(frames, max_frames=max_frames)


def test_the_caption_of_the_last_step_says_that_the_episode_has_ended() -> None:
    """The shorter episode has steps 0 to 3; the same caption is below the pictures from 3 on."""
    pictures = before_after(gray_frames(4), gray_frames(9))
    captions = [np.asarray(picture)[50:, :120] for picture in pictures]
    assert not np.array_equal(captions[2], captions[3])
    for caption in captions[4:]:
        np.testing.assert_array_equal(caption, captions[3])


@pytest.mark.parametrize("heights", [(50, 70), (70, 50)])
def test_pictures_of_different_heights_are_both_shown_as_a_whole(heights: tuple[int, int]) -> None:
    left, right = (gray_frames(1, (120, height)) for height in heights)
    (alone,) = before_after(gray_frames(1, (120, 70)), gray_frames(1, (120, 70)))
    (picture,) = before_after(left, right)
    assert picture.size == alone.size
    column = 60 if heights[0] == 70 else 200
    np.testing.assert_array_equal(np.asarray(picture)[:, column], np.asarray(alone)[:, column])


def test_by_default_an_animation_has_at_most_60_pictures() -> None:
    """Pillow joins pictures that look alike and adds up how long they are shown."""
    frames = gray_frames(90)
    apng: Any = Image.open(io.BytesIO(animation(frames, frame_ms=10, hold_ms=10)))
    shown = 0
    for t in range(apng.n_frames):
        apng.seek(t)
        shown += apng.info["duration"]
    assert shown / 10 == MAX_FRAMES == 60
    assert len(before_after(frames, frames)) == 60


def test_colors_that_only_the_last_picture_has_are_kept() -> None:
    """One palette serves all pictures, so it must be made from the last one, too."""
    frames = [Image.new("RGB", (20, 20), color) for color in ("black", "gray", "white", "red")]
    apng: Any = Image.open(io.BytesIO(animation(frames)))
    apng.seek(3)
    assert apng.convert("RGB").getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("still", [20, -1])
def test_where_nothing_moves_the_still_frame_is_shown_and_the_animation_is_the_same(
    poles: list[Image.Image], still: int
) -> None:
    apng: Any = Image.open(io.BytesIO(animation(poles, frame_ms=40, hold_ms=900, still=still)))
    assert (apng.format, apng.default_image) == ("PNG", True)
    durations = []
    for t, pole in enumerate([poles[still], *poles]):
        apng.seek(t)
        durations.append(apng.info.get("duration"))
        difference = np.asarray(apng.convert("RGB")).astype(int) - np.asarray(pole)
        assert np.abs(difference).mean() < 1
    assert apng.n_frames == 31
    assert durations[1:] == [40] * 29 + [900]


def test_a_still_frame_of_a_thinned_animation_is_counted_among_all_frames() -> None:
    apng: Any = Image.open(io.BytesIO(animation(gray_frames(250), max_frames=4, still=100)))
    assert apng.convert("RGB").getpixel((0, 0))[0] == pytest.approx(100, abs=2)


def test_a_still_frame_that_is_not_there_is_an_error() -> None:
    with pytest.raises(IndexError):
        animation(gray_frames(3), still=3)
