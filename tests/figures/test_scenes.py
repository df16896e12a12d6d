"""In a scene, everything is where the mathematics and Gymnasium put it."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image, ImageColor

from pg_edu.figures import BLUE, GREEN, GREY, INK, ORANGE, VERMILION, CannotDraw, draw_frame
from pg_edu.figures.canvas import HEIGHT, WIDTH
from pg_edu.figures.style import SAND
from pg_edu.types import Flags
from tests.figures.rendering_env import RenderingEnv


def colored(picture: Image.Image, color: str) -> Flags:
    """Return bool [height, width]: which pixels have this color, or nearly so."""
    distance = np.abs(np.asarray(picture).astype(int) - ImageColor.getrgb(color)).max(axis=-1)
    return np.asarray(distance <= 12)


def centroid(pixels: Flags) -> complex:
    """Return the mean position x + iy of the pixels, with y upward."""
    rows, columns = np.nonzero(pixels)
    return complex(columns.mean(), -rows.mean())


def test_cart_is_at_its_position() -> None:
    """At the limits x = ±2.4, where an episode ends, the middle of the cart is at a post."""
    left, middle, right = (
        centroid(colored(draw_frame("CartPole-v1", [x, 0, 0, 0]), BLUE)) for x in (-2.4, 0.0, 2.4)
    )
    assert middle.real == pytest.approx(WIDTH / 2, abs=1)
    assert (left + right) / 2 == pytest.approx(middle, abs=1)
    posts = np.nonzero(colored(draw_frame("CartPole-v1", [0, 0, 0, 0]), GREY))[1]
    assert [posts.min(), posts.max()] == pytest.approx([left.real, right.real], abs=3)


@pytest.mark.parametrize("theta", [-1.2, -0.2, 0.1, 0.7])
def test_pole_leans_to_the_right_by_theta_and_is_one_unit_long(theta: float) -> None:
    """The tip is at (x + sin θ, cos θ); the hinge is halfway between poles at θ = 0 and θ = π."""

    def pole(x: float, theta: float) -> Flags:
        return colored(draw_frame("CartPole-v1", [x, 0, theta, 0]), ORANGE)

    unit = (centroid(pole(1, 0)) - centroid(pole(-1, 0))).real / 2
    hinge = (centroid(pole(0, 0)) + centroid(pole(0, np.pi))) / 2
    rows, columns = np.nonzero(pole(0, theta))
    offsets = columns - 1j * rows - hinge
    assert -np.angle(offsets.mean() / 1j) == pytest.approx(theta, abs=0.02)
    half_width = 0.05
    assert np.abs(offsets).max() / unit == pytest.approx(1 + half_width, abs=0.02)


@pytest.mark.parametrize("theta", [-2.5, -0.6, 0.6, 1.5, 3.0])
def test_pendulum_turns_counterclockwise_from_the_upright_position(theta: float) -> None:
    obs = [np.cos(theta), np.sin(theta), 0]
    rod = centroid(colored(draw_frame("Pendulum-v1", obs), ORANGE))
    pivot = complex(WIDTH - 1, 1 - HEIGHT) / 2
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
            continue  # Here the width of a link would decide.
        obs = [np.cos(theta1), np.sin(theta1), np.cos(theta2), np.sin(theta2), 0, 0]
        picture = draw_frame("Acrobot-v1", obs)
        tip = np.nonzero(colored(picture, ORANGE))[0].min()
        line = np.nonzero(colored(picture, GREEN))[0].min()
        env.state = np.array([theta1, theta2, 0, 0])  # type: ignore[attr-defined]
        ended.append(bool(env._terminal()))  # type: ignore[attr-defined]
        assert (tip < line) == ended[-1]
    assert len(set(ended)) == 2


def test_road_of_the_mountain_car_is_as_high_as_in_gymnasium() -> None:
    env: Any = gym.make("MountainCarContinuous-v0").unwrapped
    sand = colored(draw_frame("MountainCarContinuous-v0", [-1.0, 0]), SAND)
    surface = sand[::-1].argmin(axis=0).astype(float)  # height of the ground in each column
    unit = np.ptp(surface) / 0.9  # from the valley, 0.1, to the top, 1.0
    valley = np.nonzero(surface == surface.min())[0].mean()
    columns = np.arange(WIDTH)
    heights = env._height((columns - valley) / unit - np.pi / 6)
    expected = surface.min() + unit * (heights - heights.min())
    assert np.abs(surface - expected).max() < 2


def test_mountain_car_reaches_the_flag_at_the_goal_position() -> None:
    car = colored(draw_frame("MountainCarContinuous-v0", [0.45, 0]), BLUE)
    pole = colored(draw_frame("MountainCarContinuous-v0", [-0.5, 0]), INK)[: HEIGHT // 3]
    # The middle of the car is 0.06 above the road, at a right angle to it. The slope of the road
    # is 1.35 cos(1.35), so the middle is to the left of the point where the car stands.
    lean = 0.06 * np.sin(np.arctan(1.35 * np.cos(1.35))) * WIDTH / 2.2
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
    """The arrow is on the right for a push to the right or clockwise, else on the left."""
    right, left = (
        centroid(colored(draw_frame(env_id, obs, action), VERMILION))
        for action in (positive, negative)
    )
    axis = WIDTH / 2 if "Mountain" not in env_id else (right.real + left.real) / 2
    assert right.real - axis > 5
    assert left.real - axis < -5
    assert not colored(draw_frame(env_id, obs), VERMILION).any()


def test_arrow_grows_with_the_torque_up_to_its_bound() -> None:
    half, full, beyond = (
        colored(draw_frame("Pendulum-v1", [1, 0, 0], [torque]), VERMILION)
        for torque in (1.0, 2.0, 9.0)
    )
    assert half.sum() < full.sum()
    np.testing.assert_array_equal(beyond, full)


def test_observation_of_another_shape_raises() -> None:
    with pytest.raises(ValueError, match=r"obs: Acrobot-v1 .* \(6,\), got \(4,\)"):
        draw_frame("Acrobot-v1", [0.0, 0.0, 0.0, 0.0])


# The package does not draw these environments itself.


def test_other_environment_renders_its_own_picture() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(draw_frame(RenderingEnv(pixels))), pixels)


def test_large_pictures_are_reduced_to_the_width_of_a_frame() -> None:
    assert draw_frame(RenderingEnv(np.zeros((600, 800, 3), np.uint8))).size == (400, 300)


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ("Taxi-v3", "Taxi-v3 is not one of CartPole-v1"),
        (RenderingEnv(None, render_mode=None), "render_mode='rgb_array'"),
        (RenderingEnv(ImportError("no pygame")), "does not render: no pygame"),
        (RenderingEnv(None), "does not render"),
    ],
)
def test_error_says_why_an_environment_has_no_picture(env: Any, reason: str) -> None:
    with pytest.raises(CannotDraw, match=reason):
        draw_frame(env, 0)


@pytest.mark.parametrize(
    ("env_id", "obs", "idle", "weak"),
    [
        ("Acrobot-v1", [1, 0, 1, 0, 0, 0], 1, 1.04),
        ("Pendulum-v1", [-1, 0, 0], [0.0], [0.08]),
        ("MountainCarContinuous-v0", [-np.pi / 6, 0], [0.0], [-0.04]),
    ],
)
def test_an_action_that_hardly_pushes_has_no_arrow(
    env_id: str, obs: list[float], idle: Any, weak: Any
) -> None:
    """An arrow of length 0 has no direction, and one of a twentieth would be only its head."""
    without = draw_frame(env_id, obs).tobytes()
    assert draw_frame(env_id, obs, idle).tobytes() == without
    assert draw_frame(env_id, obs, weak).tobytes() == without


def test_a_gray_picture_becomes_one_in_color() -> None:
    pixels = np.arange(60 * 80, dtype=np.uint8).reshape(60, 80)
    picture = draw_frame(RenderingEnv(pixels))
    assert picture.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(picture), np.repeat(pixels[..., None], 3, axis=-1))
