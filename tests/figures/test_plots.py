"""Pictures: what a reader sees is where the mathematics and Gymnasium say it is."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageColor

from pg_edu.figures import (
    CannotDraw,
    animation,
    before_after,
    compare_curves,
    curves_over_seeds,
    draw_frame,
    learning_curve,
    plots,
)

Pixels = npt.NDArray[np.bool_]


def coloured(picture: Image.Image, colour: str) -> Pixels:
    """[height, width] which pixels have this colour."""
    distance = np.abs(np.asarray(picture).astype(int) - ImageColor.getrgb(colour)).max(axis=-1)
    return np.asarray(distance <= 12)


def centroid(pixels: Pixels) -> complex:
    """The mean position, x + iy with y upwards."""
    rows, columns = np.nonzero(pixels)
    return complex(columns.mean(), -rows.mean())


class Rendering(gym.Env[Any, Any]):
    """An environment that shows a fixed picture, or fails to."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012
    observation_space = gym.spaces.Discrete(5)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, picture: Any, render_mode: str | None = "rgb_array") -> None:
        self.picture, self.render_mode = picture, render_mode

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict[str, Any]]:
        return 0, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        return 0, 0.5, False, False, {}

    def render(self) -> Any:
        if isinstance(self.picture, Exception):
            raise self.picture
        return self.picture


# The learning curve


def test_curve_holds_the_data_and_names_its_axes() -> None:
    axes = learning_curve([100, 250, 400], [20.0, np.nan, 60.0], title="seed 3").axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), [100, 250, 400])
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [20.0, np.nan, 60.0])
    assert axes.get_xlabel() == "environment steps"
    assert "return" in axes.get_ylabel()
    assert axes.get_title() == "seed 3"


def test_curve_shows_band_episodes_target_and_evaluations() -> None:
    figure = learning_curve(
        [100, 200],
        [20, 30],
        [10, 15],
        [40, 90],
        episodes=([50, 100, 200], [10, 40, 90]),
        evaluations={"greedy": ([200], [80]), "as trained": ([200], [70])},
        target=475,
    )
    axes = figure.axes[0]
    corners = np.asarray(axes.collections[0].get_paths()[0].vertices).tolist()
    assert all(c in corners for c in ([100, 10], [200, 15], [100, 40], [200, 90]))
    lines = {str(line.get_label()): np.asarray(line.get_ydata()).tolist() for line in axes.lines}
    assert lines["single episodes"] == [10, 40, 90]
    assert lines["evaluation, greedy"] == [80]
    assert lines["evaluation, as trained"] == [70]
    assert lines["target 475"] == [475, 475]
    shown = {text.get_text() for text in figure.legends[0].get_texts()}
    assert shown == {*lines, "spread of episodes"}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (dict(env_steps=[1, 2], return_mean=[1]), "return_mean"),
        (dict(env_steps=[[1, 2]], return_mean=[[1, 2]]), "return_mean"),
        (dict(env_steps=[1], return_mean=[1], return_low=[1]), "return_high"),
        (dict(env_steps=[1], return_mean=[1], return_low=[1], return_high=[1, 2]), "return_high"),
        (dict(env_steps=[1], return_mean=[1], episodes=([1, 2], [1])), "episodes"),
        (dict(env_steps=[1], return_mean=[1], evaluations={"greedy": ([1], [])}), "greedy"),
    ],
)
def test_curve_names_the_array_that_does_not_fit(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        learning_curve(**arguments)


def test_curves_over_seeds_are_there_each_with_their_mean_and_its_interval() -> None:
    """Two seeds: t = 12.706 and s / √2 is half the gap, so the margin at a gap of 10 is 63.53."""
    figure = curves_over_seeds([1, 2], [[20.0, 40.0], [30.0, 40.0]], xlabel="updates", title="A")
    axes = figure.axes[0]
    lines = [np.asarray(line.get_ydata()).tolist() for line in axes.lines]
    assert [20.0, 40.0] in lines and [30.0, 40.0] in lines and [25.0, 40.0] in lines
    corners = np.asarray(axes.collections[0].get_paths()[0].vertices)
    at_first = corners[corners[:, 0] == 1, 1]
    assert (at_first.min(), at_first.max()) == pytest.approx((25 - 63.53, 25 + 63.53), abs=0.01)
    assert (corners[corners[:, 0] == 2, 1] == 40).all()
    assert (axes.get_xlabel(), axes.get_title()) == ("updates", "A")


@pytest.mark.parametrize(
    ("x", "returns", "message"),
    [
        ([1, 2], [[1.0, 2.0]], r"returns: expected \[n, K\] with n >= 2, got shape \[1, 2\]"),
        ([1, 2], [1.0, 2.0], r"got shape \[2\]"),
        ([], [[], []], r"got shape \[2, 0\]"),
        ([1, 2, 3], [[1.0, 2.0], [3.0, 4.0]], r"returns: expected one value per step"),
        ([1], [[1.0], [np.nan]], "must be finite, got nan"),
    ],
)
def test_curves_over_seeds_refuse_what_is_not_a_table_of_seeds(
    x: list[int], returns: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        curves_over_seeds(x, returns)


def test_compared_curves_are_a_mean_each_and_its_interval_where_there_are_seeds() -> None:
    """Margin as above. The second setting has one seed: a line, and no interval."""
    curves = {"A": ([1, 2], [[20.0, 40.0], [30.0, 40.0]]), "B": ([3, 4], [[7.0, 9.0]])}
    axes = compare_curves(curves, target=50, title="both").axes[0]
    lines = {line.get_label(): np.asarray(line.get_ydata()).tolist() for line in axes.lines}
    assert lines == {"A (2 seeds)": [25.0, 40.0], "B (1 seed)": [7.0, 9.0], "target 50": [50, 50]}
    (band,) = axes.collections
    corners = np.asarray(band.get_paths()[0].vertices)
    at_first = corners[corners[:, 0] == 1, 1]
    assert (at_first.min(), at_first.max()) == pytest.approx((25 - 63.53, 25 + 63.53), abs=0.01)


def test_no_two_of_twenty_compared_curves_look_alike() -> None:
    curves = {str(n): ([1, 2], [[1.0, 2.0]]) for n in range(20)}
    lines = compare_curves(curves).axes[0].lines
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 20


@pytest.mark.parametrize(
    ("x", "returns", "message"),
    [
        ([1, 2], [1.0, 2.0], r"A: expected \[n, K\] with n >= 1, got shape \[2\]"),
        ([1], [[1.0, 2.0]], "A: expected one value per step"),
        ([1], [[1.0], [np.nan]], "must be finite, got nan"),
    ],
)
def test_compared_curves_refuse_what_does_not_fit(x: list[int], returns: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compare_curves({"A": (x, returns)})


def test_saved_figure_is_the_returned_png_without_a_date(tmp_path: Path) -> None:
    data = plots.save_figure(learning_curve([1, 2], [3, 4]), tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes() == data
    picture = Image.open(io.BytesIO(data))
    assert picture.width >= 800
    assert set(picture.info) <= {"dpi"}


def test_same_run_gives_the_same_png() -> None:
    first, second = (plots.save_figure(learning_curve([1, 2], [3, 4], target=5)) for _ in "ab")
    assert first == second


def test_plots_do_without_pyplot_and_pygame() -> None:
    code = "import sys, pg_edu.figures; print({'matplotlib.pyplot', 'pygame'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


# The four scenes


def test_cart_stands_where_its_position_says() -> None:
    """At the limits x = ±2.4, where an episode ends, the cart's middle is at the posts."""
    left, middle, right = (
        centroid(coloured(draw_frame("CartPole-v1", [x, 0, 0, 0]), plots.BLUE))
        for x in (-2.4, 0.0, 2.4)
    )
    assert middle.real == pytest.approx(plots.WIDTH / 2, abs=1)
    assert (left + right) / 2 == pytest.approx(middle, abs=1)
    posts = np.nonzero(coloured(draw_frame("CartPole-v1", [0, 0, 0, 0]), plots.GREY))[1]
    assert [posts.min(), posts.max()] == pytest.approx([left.real, right.real], abs=3)


@pytest.mark.parametrize("theta", [-1.2, -0.2, 0.1, 0.7])
def test_pole_leans_to_the_right_by_theta_and_is_one_unit_long(theta: float) -> None:
    """The tip is at x + (sin θ, cos θ); the hinge is half way between θ = 0 and θ = π."""

    def pole(x: float, theta: float) -> Pixels:
        return coloured(draw_frame("CartPole-v1", [x, 0, theta, 0]), plots.ORANGE)

    unit = (centroid(pole(1, 0)) - centroid(pole(-1, 0))).real / 2
    hinge = (centroid(pole(0, 0)) + centroid(pole(0, np.pi))) / 2
    rows, columns = np.nonzero(pole(0, theta))
    offsets = columns - 1j * rows - hinge
    assert -np.angle(offsets.mean() / 1j) == pytest.approx(theta, abs=0.02)
    half_width = 0.05
    assert np.abs(offsets).max() / unit == pytest.approx(1 + half_width, abs=0.02)


@pytest.mark.parametrize("theta", [-2.5, -0.6, 0.6, 1.5, 3.0])
def test_pendulum_turns_counterclockwise_from_upright(theta: float) -> None:
    obs = [np.cos(theta), np.sin(theta), 0]
    rod = centroid(coloured(draw_frame("Pendulum-v1", obs), plots.ORANGE))
    pivot = complex(plots.WIDTH - 1, 1 - plots.HEIGHT) / 2
    turned = np.angle((rod - pivot) / 1j)
    assert turned == pytest.approx(theta, abs=0.03)


def test_acrobot_is_drawn_above_its_line_exactly_when_gymnasium_ends_the_episode() -> None:
    """The episode ends when -cos θ₁ - cos(θ₁ + θ₂) > 1."""
    env = gym.make("Acrobot-v1").unwrapped
    generator = np.random.default_rng(0)
    ended: list[bool] = []
    while len(ended) < 40:
        theta1, theta2 = generator.uniform(-np.pi, np.pi, 2)
        height = -np.cos(theta1) - np.cos(theta1 + theta2)
        if np.cos(theta1) < -0.8 or 0.8 < height < 1.05:
            continue  # the width of a link decides
        obs = [np.cos(theta1), np.sin(theta1), np.cos(theta2), np.sin(theta2), 0, 0]
        picture = draw_frame("Acrobot-v1", obs)
        tip = np.nonzero(coloured(picture, plots.ORANGE))[0].min()
        line = np.nonzero(coloured(picture, plots.GREEN))[0].min()
        env.state = np.array([theta1, theta2, 0, 0])  # type: ignore[attr-defined]
        ended.append(bool(env._terminal()))  # type: ignore[attr-defined]
        assert (tip < line) == ended[-1]
    assert len(set(ended)) == 2


def test_road_of_the_mountain_car_is_gymnasiums() -> None:
    env: Any = gym.make("MountainCarContinuous-v0").unwrapped
    sand = coloured(draw_frame("MountainCarContinuous-v0", [-1.0, 0]), plots.SAND)
    surface = sand[::-1].argmin(axis=0).astype(float)  # the height of the ground in each column
    unit = np.ptp(surface) / 0.9  # sin 3x turns at ±π/6, between 0.55 ∓ 0.45
    valley = np.nonzero(surface == surface.min())[0].mean()
    columns = np.arange(plots.WIDTH)
    heights = env._height((columns - valley) / unit - np.pi / 6)
    expected = surface.min() + unit * (heights - heights.min())
    assert np.abs(surface - expected).max() < 2


def test_mountain_car_reaches_the_flag_at_the_goal_position() -> None:
    car = coloured(draw_frame("MountainCarContinuous-v0", [0.45, 0]), plots.BLUE)
    pole = coloured(draw_frame("MountainCarContinuous-v0", [-0.5, 0]), plots.INK)[
        : plots.HEIGHT // 3
    ]
    # 0.06 above a road that rises by 1.35 cos(1.35): this much left of the point it stands on
    lean = 0.06 * np.sin(np.arctan(1.35 * np.cos(1.35))) * plots.WIDTH / 2.2
    assert centroid(car).real == pytest.approx(centroid(pole).real - lean, abs=1)


@pytest.mark.parametrize(
    ("env_id", "obs", "positive", "negative"),
    [
        ("CartPole-v1", [0, 0, 0, 0], 1, 0),
        ("Acrobot-v1", [1, 0, 1, 0, 0, 0], 0, 2),
        ("Pendulum-v1", [-1, 0, 0], [-2.0], [2.0]),
        ("MountainCarContinuous-v0", [-np.pi / 6, 0], [1.0], [-1.0]),
    ],
)
def test_arrow_points_where_the_action_pushes(
    env_id: str, obs: list[float], positive: Any, negative: Any
) -> None:
    """To the right and clockwise, or to the left and counterclockwise, from above the axis."""
    right, left = (
        centroid(coloured(draw_frame(env_id, obs, action), plots.VERMILION))
        for action in (positive, negative)
    )
    axis = plots.WIDTH / 2 if "Mountain" not in env_id else (right.real + left.real) / 2
    assert right.real - axis > 5
    assert left.real - axis < -5
    assert not coloured(draw_frame(env_id, obs), plots.VERMILION).any()


def test_arrow_grows_with_the_torque_up_to_its_bound() -> None:
    half, full, beyond = (
        coloured(draw_frame("Pendulum-v1", [1, 0, 0], [torque]), plots.VERMILION)
        for torque in (1.0, 2.0, 9.0)
    )
    assert half.sum() < full.sum()
    np.testing.assert_array_equal(beyond, full)


def test_observation_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"obs: Acrobot-v1 .* \(6,\), got \(4,\)"):
        draw_frame("Acrobot-v1", [0.0, 0.0, 0.0, 0.0])


# Environments that are not drawn here


def test_other_environment_gives_its_own_picture() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(draw_frame(Rendering(pixels))), pixels)


def test_large_pictures_are_shrunk_to_our_width() -> None:
    assert draw_frame(Rendering(np.zeros((600, 800, 3), np.uint8))).size == (400, 300)


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ("Taxi-v3", "Taxi-v3 is not one of CartPole-v1"),
        (Rendering(None, render_mode=None), "render_mode='rgb_array'"),
        (Rendering(ImportError("no pygame")), "does not render: no pygame"),
        (Rendering(None), "does not render"),
    ],
)
def test_environment_without_a_picture_says_why(env: Any, reason: str) -> None:
    with pytest.raises(CannotDraw, match=reason):
        draw_frame(env, 0)


def test_observation_that_a_wrapper_changed_is_not_drawn_as_if_it_were_the_state() -> None:
    env = gym.wrappers.NormalizeObservation(gym.make("CartPole-v1"))
    with pytest.raises(CannotDraw, match="a wrapper changes what it observes"):
        plots.record_episode(env, lambda obs: 0, seed=0)


# Episodes


def test_recorded_episode_is_the_one_that_gymnasium_plays() -> None:
    episode = plots.record_episode(gym.make("CartPole-v1"), lambda obs: int(obs[2] > 0), seed=5)
    env = gym.make("CartPole-v1")
    obs, done, expected = env.reset(seed=5)[0], False, []
    while not done:
        expected.append(obs)
        obs, _, terminated, truncated, _ = env.step(int(obs[2] > 0))
        done = terminated or truncated
    np.testing.assert_array_equal(episode.observations, [*expected, obs])
    assert len(episode.frames) == len(expected) + 1
    assert episode.episode_return == len(expected)
    last = draw_frame("CartPole-v1", obs, int(expected[-1][2] > 0))
    assert episode.frames[-1].tobytes() == last.tobytes()


def test_recording_of_an_endless_episode_ends_after_max_steps() -> None:
    env = Rendering(np.zeros((4, 4, 3), np.uint8))
    episode = plots.record_episode(env, lambda obs: 0, seed=0, max_steps=7)
    assert len(episode.frames) == 8
    assert episode.episode_return == 3.5


# Before and after


def greys(count: int, size: tuple[int, int] = (120, 50)) -> list[Image.Image]:
    """Frame t has the brightness t, so that a picture tells which moment it shows."""
    return [Image.new("RGB", size, (t, t, t)) for t in range(count)]


def moments(pictures: list[Image.Image], x: int) -> list[int]:
    return [np.asarray(picture)[25, x, 0].item() for picture in pictures]


def test_both_episodes_run_on_one_clock_and_the_shorter_stays_faded() -> None:
    pictures = before_after(greys(4), greys(9))
    assert moments(pictures, x=200) == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    running, held = moments(pictures, x=60)[:4], moments(pictures, x=60)[4:]
    assert running == [0, 1, 2, 3]
    assert len(set(held)) == 1
    assert held[0] > 100


def test_episode_that_ended_stands_still_with_its_caption() -> None:
    pictures = [np.asarray(picture)[:, :120] for picture in before_after(greys(4), greys(9))]
    for picture in pictures[5:]:
        np.testing.assert_array_equal(picture, pictures[4])


def test_long_episode_is_thinned_but_the_short_one_is_still_seen() -> None:
    pictures = before_after(greys(11), greys(250), max_frames=30)
    shown = moments(pictures, x=200)
    assert len(pictures) <= 30
    assert shown[:11] == list(range(11))
    assert shown[-1] == 249
    assert np.ptp(np.diff(shown[10:])) <= 1


@pytest.mark.parametrize(("short", "long"), [(1, 1), (1, 200), (100, 101), (200, 200)])
@pytest.mark.parametrize("max_frames", [1, 2, 30])
def test_there_are_never_more_pictures_than_asked_for(
    short: int, long: int, max_frames: int
) -> None:
    shown = moments(before_after(greys(long), greys(short), max_frames=max_frames), x=60)
    assert len(shown) <= max_frames
    assert shown == sorted(set(shown))
    assert shown[-1] == long - 1 or max_frames == 1


def test_captions_are_written_below_the_frames() -> None:
    plain, captioned = (
        np.asarray(before_after(greys(2), greys(2), captions)[0])
        for captions in (("", ""), ("", "after: 500 steps"))
    )
    rows, columns = np.nonzero((plain != captioned).any(axis=-1))
    assert rows.min() >= 50
    assert columns.min() >= 120


def test_before_and_after_need_frames() -> None:
    with pytest.raises(ValueError, match="got 0 and 2"):
        before_after([], greys(2))


# The animation


@pytest.fixture(scope="module")
def poles() -> list[Image.Image]:
    angles = np.linspace(-0.5, 0.5, 30)
    return [draw_frame("CartPole-v1", [angle, 0, angle, 0], 1) for angle in angles]


def test_animation_is_an_apng_that_plays_every_frame_for_ever(poles: list[Image.Image]) -> None:
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
    apng: Any = Image.open(io.BytesIO(animation(greys(250), max_frames=4)))
    shown = []
    for t in range(apng.n_frames):
        apng.seek(t)
        shown.append(apng.convert("RGB").getpixel((0, 0))[0])
    assert shown == pytest.approx([0, 83, 166, 249], abs=2)


@pytest.mark.parametrize(
    ("frames", "max_frames", "named"),
    [
        ([], 30, "frames"),
        (greys(1) + greys(1, (5, 5)), 30, "frames"),
        (greys(3), 0, "max_frames"),
        (greys(3), -2, "max_frames"),
    ],
)
def test_animation_refuses_what_it_cannot_show(
    frames: list[Image.Image], max_frames: int, named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        animation(frames, max_frames=max_frames)
