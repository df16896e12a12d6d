"""Four classic control environments, drawn from their observations alone.

The geometry is that of Gymnasium's own pictures (angles in radians, positions in the units of the
environment):

    CartPole-v1                 pole tip  = (x + sin θ, cos θ)
    Acrobot-v1                  joint     = (sin θ₁, -cos θ₁),  tip = joint + (sin θ₁₂, -cos θ₁₂)
    Pendulum-v1                 tip       = (-sin θ, cos θ)
    MountainCarContinuous-v0    road      = (x, 0.45 sin 3x + 0.55)

with θ₁₂ = θ₁ + θ₂. In the code a point (x, y) is the complex number x + iy, so that the tip of the
pendulum is i exp(iθ); see `canvas.py`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from pg_edu.figures.canvas import WIDTH, Canvas
from pg_edu.figures.style import BLUE, GREEN, LIGHT, ORANGE, Theme


class CannotDraw(RuntimeError):
    """The error raised for an environment that cannot be drawn; the message says why."""


def draw_frame(
    env: str | gym.Env[Any, Any],
    obs: ArrayLike | None = None,
    action: Any = None,
    theme: Theme = LIGHT,
) -> Image.Image:
    """Draw one state of an environment.

    The environments in `DRAWN_HERE` are drawn from the observation, which may have been recorded
    earlier. Any other environment renders its own picture, which shows its current state.

    Args:
        env: an environment, or the id of one of `DRAWN_HERE`.
        obs: the environment's own observation, unchanged by wrappers.
        action: the action that led there, shown as an arrow (a force or a torque).
        theme: the colors, `LIGHT` or `DARK`. A picture that the environment renders has its own.

    Raises:
        CannotDraw: The environment is not drawn here and does not render, or a wrapper has changed
            what its observations mean.
        ValueError: The observation does not have the environment's shape.

    Example:
        >>> draw_frame("CartPole-v1", [0.0, 0.0, 0.1, 0.0]).size
        (400, 220)
    """
    if isinstance(env, str):
        if env not in DRAWN_HERE:
            known = ", ".join(DRAWN_HERE)
            raise CannotDraw(f"{env} is not one of {known}: pass the environment, not its id")
        return _draw_scene(env, obs, action, theme)

    env_id = _id(env)
    if is_drawn_here(env):
        return _draw_scene(env_id, obs, action, theme)
    return _render(env, env_id)


def is_drawn_here(env: gym.Env[Any, Any]) -> bool:
    """Return whether an environment is drawn from its observations alone.

    Its observations have to be its own: a wrapper may change what they mean.
    """
    unchanged = env.observation_space == env.unwrapped.observation_space
    return _id(env) in DRAWN_HERE and unchanged


def _id(env: gym.Env[Any, Any]) -> str:
    return env.spec.id if env.spec else str(env.unwrapped)


def _draw_scene(env_id: str, obs: ArrayLike | None, action: Any, theme: Theme) -> Image.Image:
    scene = DRAWN_HERE[env_id]
    values = np.asarray(obs, dtype=float)
    if values.shape != (scene.obs_size,):
        raise ValueError(f"obs: {env_id} observes shape ({scene.obs_size},), got {values.shape}")

    push = 0.0
    if action is not None:
        number = float(np.asarray(action).item())
        push = (number - scene.idle_action) / scene.strongest
    push = min(max(push, -1.0), 1.0)

    canvas = Canvas(scene.center, scene.width, theme)
    scene.draw(canvas, values.tolist(), push)
    return canvas.frame()


def _render(env: gym.Env[Any, Any], env_id: str) -> Image.Image:
    """Return the environment's own picture, reduced to at most `WIDTH` in width and height."""
    if env.render_mode != "rgb_array":
        changed = "a wrapper changes what it observes"
        reason = changed if env_id in DRAWN_HERE else "it is not drawn here"
        remedy = "pass an environment made with render_mode='rgb_array'"
        raise CannotDraw(f"{env_id}: {reason}; {remedy}")

    try:
        pixels = np.asarray(env.render(), dtype=np.uint8)
        picture = Image.fromarray(pixels).convert("RGB")
    except Exception as error:  # A renderer may fail in any way: no pygame, no OpenGL, no display.
        raise CannotDraw(f"{env_id} does not render: {error}") from error

    picture.thumbnail((WIDTH, WIDTH))
    return picture


def _draw_cart_pole(canvas: Canvas, obs: list[float], push: float) -> None:
    x, _, theta, _ = obs
    # The episode ends beyond these limits.
    limit_x = 2.4
    limit_theta = np.radians(12)

    canvas.polygon([-9 - 0.32j, 9 - 0.32j, 9 - 9j, -9 - 9j], canvas.theme.ground)
    for post in (-limit_x, limit_x):
        canvas.line([post - 0.32j, post + 0.1j], 0.04, canvas.theme.post)
    arc = x + 1.1j * np.exp(1j * np.linspace(-limit_theta, limit_theta, 9))
    canvas.polygon([x, *arc.tolist()], canvas.theme.mark)

    for wheel in (x - 0.16, x + 0.16):
        canvas.disc(wheel - 0.25j, 0.075, canvas.theme.ink)
    canvas.polygon([x - 0.3 - 0.2j, x + 0.3 - 0.2j, x + 0.3 + 0.04j, x - 0.3 + 0.04j], BLUE)
    canvas.line([x, x + 1j * np.exp(-1j * theta)], 0.1, ORANGE)
    canvas.disc(x, 0.035, canvas.theme.paper)
    if push:
        canvas.arrow([x + 0.36 * push - 0.08j, x + 0.46 * push - 0.08j], 0.04)


def _draw_acrobot(canvas: Canvas, obs: list[float], push: float) -> None:
    cos_1, sin_1, cos_2, sin_2, _, _ = obs
    joint = complex(sin_1, -cos_1)
    tip = joint + joint * complex(cos_2, sin_2)

    canvas.line([-3.4 + 1j, 3.4 + 1j], 0.04, GREEN)  # The tip has to rise above this height.
    canvas.line([0, joint], 0.2, BLUE)
    canvas.line([joint, tip], 0.2, ORANGE)
    canvas.disc(0, 0.07, canvas.theme.paper)
    canvas.disc(joint, 0.07, canvas.theme.paper)
    canvas.torque(joint, 0.45, push)


def _draw_pendulum(canvas: Canvas, obs: list[float], push: float) -> None:
    cos, sin, _ = obs
    canvas.line([0, 1j * complex(cos, sin)], 0.17, ORANGE)
    canvas.disc(0, 0.05, canvas.theme.ink)
    canvas.torque(0, 0.35, push)


def _draw_mountain_car(canvas: Canvas, obs: list[float], push: float) -> None:
    surface = [_road(x) for x in np.linspace(-1.5, 0.9, 100)]
    canvas.polygon([*surface, 0.9 - 1j, -1.5 - 1j], canvas.theme.ground)
    goal = _road(0.45)
    canvas.line([goal, goal + 0.2j], 0.012, canvas.theme.ink)
    canvas.polygon([goal + 0.2j, goal + 0.12j, goal + 0.09 + 0.16j], GREEN)

    x, _ = obs
    place = _road(x)
    uphill = complex(1, 1.35 * np.cos(3 * x))  # This is the derivative of the road.
    along = uphill / abs(uphill)  # Multiplying by it tilts the car like the road.

    for wheel in (-0.05, 0.05):
        canvas.disc(place + (wheel + 0.025j) * along, 0.025, canvas.theme.ink)
    body = [-0.09 + 0.035j, 0.09 + 0.035j, 0.09 + 0.085j, -0.09 + 0.085j]
    canvas.polygon([place + corner * along for corner in body], BLUE)
    if abs(push) > 0.05:
        tail, tip = 0.14j, 0.15 * push + 0.14j
        canvas.arrow([place + tail * along, place + tip * along], 0.016)


def _road(x: float) -> complex:
    return complex(x, 0.45 * np.sin(3 * x) + 0.55)


class Scene(NamedTuple):
    """The drawing of an environment, and the part of its world that is in view.

    An action a is drawn as a push of (a - idle_action) / strongest, clipped to [-1, 1], where ±1 is
    the strongest force or torque.
    """

    draw: Callable[[Canvas, list[float], float], None]
    obs_size: int
    idle_action: float
    strongest: float
    center: complex
    width: float


DRAWN_HERE = {
    "CartPole-v1": Scene(_draw_cart_pole, 4, 0.5, 0.5, 0.4j, 5.6),
    "Acrobot-v1": Scene(_draw_acrobot, 6, 1, 1, 0, 7.8),
    "Pendulum-v1": Scene(_draw_pendulum, 3, 0, 2, 0, 4.2),
    "MountainCarContinuous-v0": Scene(_draw_mountain_car, 2, 0, 1, -0.3 + 0.66j, 2.2),
}
"""The environments that are drawn from an observation, by id; they need not be able to render."""
