"""The frames of a figure with sliders are the pictures that `play` would draw, and few enough."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from pg_edu.figures import play, save_figure
from pg_edu.figures.frames import MOST, few_enough, record_frames, stacked


def weights(gamma: float, n: int) -> Figure:
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([gamma**k for k in range(n)])
    return figure


def pixels(picture: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"), dtype=float)


@pytest.mark.usefixtures("capsys")
def test_each_position_of_a_slider_has_the_frame_that_play_would_draw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: None)
    monkeypatch.setenv("PG_EDU_RECORD", str(tmp_path))
    play(weights, gamma=(0.0, 1.0, 0.5, 0.25), n=[3, 5])
    stored = json.loads((tmp_path / "figure-1.json").read_text())
    strip = pixels((tmp_path / "figure-1.webp").read_bytes())
    _, height = stored["size"]
    assert strip.shape[0] == height * stored["number"] == height * 6
    gamma, n = stored["sliders"]
    assert (gamma["name"], gamma["values"], gamma["frames"][2]) == (
        "gamma",
        [0, 0.25, 0.5, 0.75, 1],
        0,
    )
    assert (n["name"], n["values"], n["frames"][0]) == ("n", [3, 5], 0)
    positions = [
        ({"gamma": v, "n": 3}, f) for v, f in zip(gamma["values"], gamma["frames"], strict=True)
    ]
    positions.append(({"gamma": 0.5, "n": 5}, n["frames"][1]))
    for values, frame in positions:
        drawn = pixels(save_figure(weights(**values)))
        shown = strip[frame * height : (frame + 1) * height]
        assert np.abs(shown - drawn).mean() < 0.5  # of 255: rare colors are merged


def test_without_a_folder_nothing_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PG_EDU_RECORD", raising=False)
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: None)
    monkeypatch.chdir(tmp_path)
    calls = []

    def draw(n: int) -> Figure:
        calls.append(n)
        return weights(0.5, n)

    play(draw, n=(1, 5, 3))
    assert calls == [3]
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out.startswith("picture at the start: ")


def test_a_position_that_cannot_be_drawn_is_left_out(tmp_path: Path) -> None:
    def picture(values: Any) -> bytes:
        return save_figure(weights(1 / values["n"], 3))

    record_frames(picture, {"n": [0, 1, 2]}, {"n": 1}, tmp_path)
    (slider,) = json.loads((tmp_path / "figure-1.json").read_text())["sliders"]
    assert (slider["values"], slider["frames"]) == ([1, 2], [0, 1])


def test_the_files_of_a_second_figure_stand_beside_those_of_the_first(tmp_path: Path) -> None:
    for _ in range(2):
        record_frames(lambda _: save_figure(weights(0.5, 3)), {"n": [1]}, {"n": 1}, tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["figure-1.json", "figure-1.webp", "figure-2.json", "figure-2.webp"]


def test_frames_of_unequal_size_are_padded_with_white() -> None:
    small = save_figure(Figure(figsize=(1, 1), facecolor="black"))
    (width, height), webp = stacked([small, save_figure(Figure(figsize=(2, 1), facecolor="black"))])
    strip = pixels(webp)
    assert (width, height, strip.shape) == (220, 110, (220, 220, 3))
    assert (strip[:110, 110:] == 255).all() and (strip[:110, :110] == 0).all()


def test_few_positions_are_kept_as_they_are() -> None:
    ranges: dict[str, list[Any]] = {"gamma": [0.0, 0.5, 1.0], "kind": ["a", "b"]}
    assert few_enough(ranges, {"gamma": 0.5, "kind": "a"}) == ranges


def test_many_positions_are_thinned_out_to_round_numbers_and_the_ends_and_the_start_stay() -> None:
    gamma = [k / 100 for k in range(101)]
    steps = list(range(31, 100))
    kept = few_enough({"gamma": gamma, "t": steps}, {"gamma": 0.99, "t": 90})
    assert kept["gamma"] == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 1]
    assert kept["t"] == [31, 40, 50, 60, 70, 80, 90, 99]


def test_a_start_between_two_values_is_kept_and_the_others_are_thinned_out() -> None:
    ranges = {"w": [round(-3 + 0.3 * k, 1) for k in range(21)]}
    kept = few_enough(ranges, {"w": 1.0})["w"]
    assert kept == [-3, -2.4, -1.8, -1.2, -0.6, 0, 0.6, 1, 1.2, 1.8, 2.4, 3]


@pytest.mark.parametrize("sliders", [1, 2, 3, 4])
def test_the_frames_are_never_more_than_allowed(sliders: int) -> None:
    ranges = {f"x{i}": list(range(-i, 200)) for i in range(sliders)}
    kept = few_enough(ranges, dict.fromkeys(ranges, 7))
    assert 1 + sum(len(values) - 1 for values in kept.values()) <= MOST
    assert all(7 in values and 199 in values for values in kept.values())
