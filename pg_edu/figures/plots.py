"""Pictures of a run: its learning curve, and the agent at work before and after training.

Nothing here asks for a display, for pyplot or for pygame. Curves are matplotlib figures. The four
classic control environments are drawn with Pillow from their observations alone, in the geometry of
Gymnasium's own pictures (angles in radians, positions in the environment's units):

    CartPole-v1                 pole tip  = (x + sin θ, cos θ)
    Acrobot-v1                  joint     = (sin θ₁, -cos θ₁),  tip = joint + (sin θ₁₂, -cos θ₁₂)
    Pendulum-v1                 tip       = (-sin θ, cos θ)
    MountainCarContinuous-v0    road      = (x, 0.45 sin 3x + 0.55)

with θ₁₂ = θ₁ + θ₂. In the code a point (x, y) of such a world is the complex number x + iy, so that
a rotation is a product: the pendulum's tip is i exp(iθ).

Animations are APNG: they play in notebooks, in browsers and on GitHub, without scripts. The same
input gives the same bytes.
"""

import io
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from pg_edu.runs.intervals import t_interval

MAX_FRAMES = 60
"""How many frames an animation has at most: a few seconds, some tens of kilobytes."""

# The colour-blind-safe palette of Okabe and Ito (2008), and what lies around it.
BLUE, SKY, ORANGE, GREEN, VERMILION = "#0072B2", "#56B4E9", "#E69F00", "#009E73", "#D55E00"
CURVE_COLORS = (BLUE, ORANGE, GREEN, VERMILION, SKY)
INK, GREY, SAND, PAPER = "#3B4252", "#9AA0AC", "#E6E1D6", "#FAF8F4"

WIDTH, HEIGHT, CAPTION_HEIGHT = 400, 220, 30
OVERSAMPLING = 3

Floats = npt.ArrayLike
Array = npt.NDArray[np.float64]


class CannotDraw(RuntimeError):
    """No picture of this environment can be had; the message says why."""


class Episode(NamedTuple):
    """One episode and its pictures: entry t of both lists is the state after t steps."""

    observations: list[Any]
    frames: list[Image.Image]
    episode_return: float


def learning_curve(
    env_steps: Floats,
    return_mean: Floats,
    return_low: Floats | None = None,
    return_high: Floats | None = None,
    *,
    episodes: tuple[Floats, Floats] | None = None,
    evaluations: Mapping[str, tuple[Floats, Floats]] | None = None,
    target: float | None = None,
    title: str = "",
) -> Figure:
    """Draw the mean return of each iteration against the environment steps taken so far.

    Args:
        env_steps: [K] environment steps taken up to the end of each iteration.
        return_mean: [K] mean undiscounted return of the iteration's episodes; NaN leaves a gap.
        return_low: [K] lower edge of the band, such as the least return or a quantile.
        return_high: [K] upper edge of the band; given with `return_low` or not at all.
        episodes: steps and returns of single episodes, drawn as faint dots.
        evaluations: steps and mean returns of evaluations by name ("greedy", "as trained").
        target: the mean return that counts as solved.
        title: what was trained, how and with which seed.

    Raises:
        ValueError: Two arrays that belong together are not one-dimensional of the same length.

    Example:
        >>> figure = learning_curve([500, 1000], [20.0, 35.0], target=475)
        >>> figure.axes[0].get_xlabel()
        'environment steps'
    """
    figure = Figure(figsize=(8, 4.2), layout="constrained", facecolor="white")
    axes = figure.add_subplot(facecolor="white")
    if (return_low is None) != (return_high is None):
        raise ValueError("return_low, return_high: expected both or neither, got one alone")
    if return_low is not None and return_high is not None:
        x, low = _series("return_low", env_steps, return_low)
        x, high = _series("return_high", env_steps, return_high)
        axes.fill_between(x, low, high, color=SKY, alpha=0.3, lw=0, label="spread of episodes")
    if episodes is not None:
        x, y = _series("episodes", *episodes)
        axes.plot(x, y, "o", color=GREY, alpha=0.4, ms=3, mew=0, label="single episodes")
    x, y = _series("return_mean", env_steps, return_mean)
    marker = "o" if len(x) <= 40 else ""
    axes.plot(x, y, color=BLUE, lw=2, marker=marker, ms=4, label="mean of an iteration")
    looks = cycle([("D", VERMILION), ("s", GREEN), ("^", ORANGE)])
    for (name, points), (marker, color) in zip((evaluations or {}).items(), looks, strict=False):
        x, y = _series(f"evaluations[{name!r}]", *points)
        axes.plot(x, y, marker, color=color, ms=8, mec="white", label=f"evaluation, {name}")
    if target is not None:
        axes.axhline(target, color=INK, linestyle="--", lw=1.2, label=f"target {target:g}")
    _label(figure, axes, title, "environment steps")
    return figure


def curves_over_seeds(
    x: Floats, returns: Floats, *, xlabel: str = "environment steps", title: str = ""
) -> Figure:
    """Draw one thin curve for each seed, their mean, and the 95% t interval of that mean.

    There is an interval for each point alone: the band as a whole promises less than 95%.

    Args:
        x: [K] where on the axis each point of a curve is.
        returns: [n, K] one row for each seed, n >= 2.
        xlabel: what `x` counts.
        title: what was trained, and how.

    Raises:
        ValueError: `returns` is not [n, K] with n >= 2 and K as in `x`, or not finite.

    Example:
        >>> figure = curves_over_seeds([1, 2], [[20.0, 35.0], [25.0, 60.0]], xlabel="updates")
        >>> figure.axes[0].get_xlabel()
        'updates'
    """
    rows = np.asarray(returns, dtype=float)
    if rows.ndim != 2 or len(rows) < 2 or not rows.size:
        raise ValueError(f"returns: expected [n, K] with n >= 2, got shape {list(rows.shape)}")
    figure = Figure(figsize=(8, 4.2), layout="constrained", facecolor="white")
    axes = figure.add_subplot(facecolor="white")
    for row in rows:
        axes.plot(*_series("returns", x, row), color=INK, alpha=0.55, lw=1.2)
    mean, low, high = np.array([t_interval(column) for column in rows.T]).T
    axes.fill_between(x, low, high, color=SKY, alpha=0.4, lw=0, label="its 95% t interval")
    axes.plot(x, mean, color=BLUE, lw=2, label=f"mean of {len(rows)} seeds")
    axes.plot([], [], color=INK, alpha=0.55, lw=1.2, label="single seeds")
    _label(figure, axes, title, xlabel)
    return figure


def compare_curves(
    curves: Mapping[str, tuple[Floats, Floats]],
    *,
    xlabel: str = "environment steps",
    target: float | None = None,
    title: str = "",
) -> Figure:
    """Draw for each setting the mean over its seeds, and the 95% t interval of that mean.

    As in `curves_over_seeds` there is an interval for each point alone; one seed has none.

    Args:
        curves: by the setting's name, `x` [K] and `returns` [n, K], one row for each seed, n >= 1.
        xlabel: what `x` counts.
        target: the mean return that counts as solved.
        title: what was trained.

    Raises:
        ValueError: `returns` is not [n, K] with n >= 1 and K as in `x`, or not finite.

    Example:
        >>> figure = compare_curves({"one": ([1, 2], [[20.0, 35.0]])}, xlabel="updates")
        >>> figure.axes[0].get_xlabel()
        'updates'
    """
    ncols = 3 if max(map(len, curves), default=0) < 20 else 1
    height = 4.2 + 0.25 * (len(curves) // ncols)
    figure = Figure(figsize=(8, height), layout="constrained", facecolor="white")
    axes = figure.add_subplot(facecolor="white")
    looks = ((line, color) for line in ("-", "--", ":", "-.") for color in CURVE_COLORS)
    for (name, (x, returns)), (line, color) in zip(curves.items(), cycle(looks), strict=False):
        rows = np.asarray(returns, dtype=float)
        if rows.ndim != 2 or not rows.size:
            raise ValueError(f"{name}: expected [n, K] with n >= 1, got shape {list(rows.shape)}")
        seeds = f"{len(rows)} seeds" if len(rows) > 1 else "1 seed"
        axes.plot(*_series(name, x, rows.mean(0)), line, color=color, label=f"{name} ({seeds})")
        if len(rows) > 1:
            _, low, high = np.array([t_interval(column) for column in rows.T]).T
            axes.fill_between(x, low, high, color=color, alpha=0.2, lw=0)
    if target is not None:
        axes.axhline(target, color=INK, linestyle="--", lw=1.2, label=f"target {target:g}")
    _label(figure, axes, title, xlabel, ncols)
    return figure


def save_figure(figure: Figure, path: str | os.PathLike[str] | None = None) -> bytes:
    """Return the figure as PNG, and write it to `path` if one is given.

    The PNG holds no date and no version, so the same figure gives the same bytes.

    Example:
        >>> save_figure(learning_curve([500, 1000], [20.0, 35.0]))[1:4]
        b'PNG'
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return _written(buffer.getvalue(), path)


def draw_frame(
    env: str | gym.Env[Any, Any], obs: npt.ArrayLike | None = None, action: Any = None
) -> Image.Image:
    """Draw one state of an environment.

    The ids in `DRAWN_HERE` are drawn from the observation, so that a recorded one suffices; any
    other environment is asked for its own picture, which is of the state it is in now.

    Args:
        env: an environment, or the id of one of `DRAWN_HERE`.
        obs: the environment's own observation, unchanged by wrappers.
        action: the action that led there, shown as an arrow (a force or a torque).

    Raises:
        CannotDraw: The environment is not drawn here and does not render, or a wrapper has changed
            what its observations mean.
        ValueError: The observation does not have the environment's shape.

    Example:
        >>> draw_frame("CartPole-v1", [0.0, 0.0, 0.1, 0.0]).size
        (400, 220)
    """
    env_id = env if isinstance(env, str) else env.spec.id if env.spec else str(env.unwrapped)
    unchanged = isinstance(env, str) or env.observation_space == env.unwrapped.observation_space
    if env_id not in DRAWN_HERE or not unchanged:
        return _rendered(env, env_id)
    scene = DRAWN_HERE[env_id]
    values = np.asarray(obs, dtype=float)
    if values.shape != (scene.obs_size,):
        raise ValueError(f"obs: {env_id} observes shape ({scene.obs_size},), got {values.shape}")
    push = 0.0 if action is None else scene.push(float(np.asarray(action).item()))
    canvas = _Canvas(scene.centre, scene.width)
    scene.draw(canvas, values.tolist(), min(max(push, -1.0), 1.0))
    return canvas.large.reduce(OVERSAMPLING)


def record_episode(
    env: gym.Env[Any, Any], act: Callable[[Any], Any], seed: int, max_steps: int = 1000
) -> Episode:
    """Play one episode with `act(obs) -> action of the environment` and draw every state of it.

    An episode of T steps has T + 1 observations and frames.

    Raises:
        CannotDraw: see `draw_frame`; it is raised before the first step.

    Example:
        >>> env = gym.make("CartPole-v1")
        >>> episode = record_episode(env, lambda obs: int(obs[2] > 0), seed=0)
        >>> len(episode.frames) - 1 == episode.episode_return
        True
    """
    obs, _ = env.reset(seed=seed)
    episode_return, done = 0.0, False
    observations, frames = [obs], [draw_frame(env, obs)]
    while not done and len(observations) <= max_steps:
        action = act(obs)
        obs, reward, terminated, truncated, _ = env.step(action)
        done = terminated or truncated
        episode_return += float(reward)
        observations.append(obs)
        frames.append(draw_frame(env, obs, action))
    return Episode(observations, frames, episode_return)


def before_after(
    before: Sequence[Image.Image],
    after: Sequence[Image.Image],
    captions: tuple[str, str] = ("before training", "after training"),
    max_frames: int = MAX_FRAMES,
) -> list[Image.Image]:
    """Lay two episodes side by side on one clock.

    When the shorter episode is over, its last frame stays, faded, until the longer one ends. At
    most `max_frames` moments are shown, at least half of them (if there are so many) from the time
    in which both episodes run: a short episode is still seen beside a very long one.

    Args:
        before: frame t shows the state after t steps, as `record_episode` gives them.
        after: the same of the other episode.
        captions: one for each.
        max_frames: how many moments are shown at most.

    Raises:
        ValueError: An episode has no frames, or max_frames is less than 1.

    Example:
        >>> poles = [draw_frame("CartPole-v1", [0, 0, angle, 0]) for angle in (0.0, 0.1, 0.2)]
        >>> len(before_after(poles[:2], poles))
        3
    """
    if not before or not after:
        raise ValueError(f"before and after: expected frames, got {len(before)} and {len(after)}")
    pictures = []
    for t in _clock(len(before) - 1, len(after) - 1, max_frames):
        left, right = _panel(before, captions[0], t), _panel(after, captions[1], t)
        size = (left.width + 2 + right.width, max(left.height, right.height))
        picture = Image.new("RGB", size, SAND)
        picture.paste(left, (0, 0))
        picture.paste(right, (left.width + 2, 0))
        pictures.append(picture)
    return pictures


def animation(
    frames: Sequence[Image.Image],
    path: str | os.PathLike[str] | None = None,
    *,
    frame_ms: int = 60,
    hold_ms: int = 1500,
    max_frames: int = MAX_FRAMES,
) -> bytes:
    """Return the frames as an APNG that plays for ever, and write it to `path` if one is given.

    In a notebook `IPython.display.Image(animation(frames))` shows it.

    Args:
        frames: pictures of one size.
        path: where to write the file.
        frame_ms: how long a frame stays, in milliseconds.
        hold_ms: how long the last one stays.
        max_frames: a longer sequence is thinned evenly; its first and last frame remain.

    Raises:
        ValueError: No frames, or frames of different sizes, or max_frames is less than 1.

    Example:
        >>> poles = [draw_frame("CartPole-v1", [0, 0, angle, 0]) for angle in (0.0, 0.1, 0.2)]
        >>> Image.open(io.BytesIO(animation(poles))).n_frames
        3
    """
    sizes = {frame.size for frame in frames}
    if len(sizes) != 1:
        raise ValueError(f"frames: expected pictures of one size, got {sorted(sizes)}")
    kept = [frames[t] for t in _spread(0, len(frames) - 1, max_frames)]
    # A PNG has one palette for all its frames; 64 colours make it less than half as large.
    (width, height), samples = kept[0].size, [kept[t] for t in _spread(0, len(kept) - 1, 8)]
    sheet = Image.new("RGB", (width, height * len(samples)))
    for row, sample in enumerate(samples):
        sheet.paste(sample, (0, row * height))
    palette = sheet.quantize(64, kmeans=1)
    indexed = [f.quantize(palette=palette, dither=Image.Dither.NONE) for f in kept]
    buffer = io.BytesIO()
    indexed[0].save(
        buffer,
        format="PNG",
        save_all=True,
        append_images=indexed[1:],
        duration=[frame_ms] * (len(indexed) - 1) + [hold_ms],
        loop=0,
        optimize=True,
    )
    return _written(buffer.getvalue(), path)


class _Canvas:
    """A picture of a world (y upwards, lengths in its units), three times as large as the frame.

    Averaging it down makes smooth edges.
    """

    def __init__(self, centre: complex, width: float) -> None:
        self.large = Image.new("RGB", (WIDTH * OVERSAMPLING, HEIGHT * OVERSAMPLING), PAPER)
        self.draw = ImageDraw.Draw(self.large)
        self.scale = self.large.width / width
        self.corner = centre + complex(-self.large.width, self.large.height) / (2 * self.scale)

    def pixels(self, points: Iterable[complex]) -> list[tuple[float, float]]:
        """Pillow's coordinates: from the upper left corner, y downwards."""
        offsets = [(point - self.corner) * self.scale for point in points]
        return [(offset.real, -offset.imag) for offset in offsets]

    def polygon(self, points: Iterable[complex], colour: str) -> None:
        self.draw.polygon(self.pixels(points), fill=colour)

    def disc(self, centre: complex, radius: float, colour: str) -> None:
        corner = radius * (1 - 1j)
        self.draw.ellipse(self.pixels([centre - corner, centre + corner]), fill=colour)

    def line(self, points: list[complex], width: float, colour: str) -> None:
        """A line with round ends."""
        self.draw.line(self.pixels(points), colour, round(width * self.scale), joint="curve")
        for end in (points[0], points[-1]):
            self.disc(end, width / 2, colour)

    def arrow(self, points: list[complex], width: float) -> None:
        """A line with a head that points on from its last piece."""
        self.line(points, width, VERMILION)
        end, ahead = points[-1], points[-1] - points[-2]
        head = 3 * width * ahead / abs(ahead)
        self.polygon([end + head, end + 0.6j * head, end - 0.6j * head], VERMILION)

    def torque(self, centre: complex, radius: float, push: float) -> None:
        """An arrow about `centre`, counterclockwise if positive."""
        if abs(push) > 0.05:
            arc = centre + 1j * radius * np.exp(2j * push * np.linspace(0, 1, 16))
            self.arrow(arc.tolist(), radius / 10)


def _cart_pole(canvas: _Canvas, obs: list[float], push: float) -> None:
    x, _, theta, _ = obs
    limit_x, limit_theta = 2.4, np.radians(12)
    canvas.polygon([-9 - 0.32j, 9 - 0.32j, 9 - 9j, -9 - 9j], SAND)
    for post in (-limit_x, limit_x):
        canvas.line([post - 0.32j, post + 0.1j], 0.04, GREY)
    arc = x + 1.1j * np.exp(1j * np.linspace(-limit_theta, limit_theta, 9))
    canvas.polygon([x, *arc.tolist()], "#F0EADB")
    for wheel in (x - 0.16, x + 0.16):
        canvas.disc(wheel - 0.25j, 0.075, INK)
    canvas.polygon([x - 0.3 - 0.2j, x + 0.3 - 0.2j, x + 0.3 + 0.04j, x - 0.3 + 0.04j], BLUE)
    canvas.line([x, x + 1j * np.exp(-1j * theta)], 0.1, ORANGE)
    canvas.disc(x, 0.035, PAPER)
    if push:
        canvas.arrow([x + 0.36 * push - 0.08j, x + 0.46 * push - 0.08j], 0.04)


def _acrobot(canvas: _Canvas, obs: list[float], push: float) -> None:
    cos1, sin1, cos2, sin2, _, _ = obs
    joint = complex(sin1, -cos1)
    canvas.line([-3.4 + 1j, 3.4 + 1j], 0.04, GREEN)  # the tip has to rise above this height
    canvas.line([0, joint], 0.2, BLUE)
    canvas.line([joint, joint + joint * complex(cos2, sin2)], 0.2, ORANGE)
    canvas.disc(0, 0.07, PAPER)
    canvas.disc(joint, 0.07, PAPER)
    canvas.torque(joint, 0.45, push)


def _pendulum(canvas: _Canvas, obs: list[float], push: float) -> None:
    cos, sin, _ = obs
    canvas.line([0, 1j * complex(cos, sin)], 0.17, ORANGE)
    canvas.disc(0, 0.05, INK)
    canvas.torque(0, 0.35, push)


def _mountain_car(canvas: _Canvas, obs: list[float], push: float) -> None:
    def road(x: float) -> complex:
        return complex(x, 0.45 * np.sin(3 * x) + 0.55)

    canvas.polygon([*map(road, np.linspace(-1.5, 0.9, 100)), 0.9 - 1j, -1.5 - 1j], SAND)
    goal = road(0.45)
    canvas.line([goal, goal + 0.2j], 0.012, INK)
    canvas.polygon([goal + 0.2j, goal + 0.12j, goal + 0.09 + 0.16j], GREEN)
    x, _ = obs
    uphill = complex(1, 1.35 * np.cos(3 * x))  # the road's derivative

    def at(offset: complex) -> complex:
        """A point of the car: along the road and above it."""
        return road(x) + offset * (uphill / abs(uphill))

    for wheel in (-0.05, 0.05):
        canvas.disc(at(wheel + 0.025j), 0.025, INK)
    canvas.polygon(map(at, [-0.09 + 0.035j, 0.09 + 0.035j, 0.09 + 0.085j, -0.09 + 0.085j]), BLUE)
    if abs(push) > 0.05:
        canvas.arrow([at(0.14j), at(0.15 * push + 0.14j)], 0.016)


class _Scene(NamedTuple):
    """How an environment is drawn: `push` makes of an action a force or torque in [-1, 1]."""

    draw: Callable[[_Canvas, list[float], float], None]
    obs_size: int
    push: Callable[[float], float]
    centre: complex
    width: float


DRAWN_HERE = {
    "CartPole-v1": _Scene(_cart_pole, 4, lambda action: 2 * action - 1, 0.4j, 5.6),
    "Acrobot-v1": _Scene(_acrobot, 6, lambda action: action - 1, 0, 7.8),
    "Pendulum-v1": _Scene(_pendulum, 3, lambda action: action / 2, 0, 4.2),
    "MountainCarContinuous-v0": _Scene(_mountain_car, 2, lambda action: action, -0.3 + 0.66j, 2.2),
}
"""The environments that are drawn from an observation, so that they need not render themselves."""


def _rendered(env: str | gym.Env[Any, Any], env_id: str) -> Image.Image:
    """The environment's own picture, no wider or higher than ours are wide."""
    if isinstance(env, str):
        raise CannotDraw(f"{env_id} is not one of {', '.join(DRAWN_HERE)}: give the environment")
    if env.render_mode != "rgb_array":
        what = "a wrapper changes what it observes" if env_id in DRAWN_HERE else "not drawn here"
        raise CannotDraw(f"{env_id}: {what}, and it was not made with render_mode='rgb_array'")
    try:
        pixels = np.asarray(env.render(), dtype=np.uint8)
        picture = Image.fromarray(pixels).convert("RGB")
    except Exception as error:  # a renderer may fail in any way: no pygame, no OpenGL, no display
        raise CannotDraw(f"{env_id} does not render: {error}") from error
    picture.thumbnail((WIDTH, WIDTH))
    return picture


def _panel(frames: Sequence[Image.Image], caption: str, t: int) -> Image.Image:
    """The episode at time t over its caption; faded when it was over before t."""
    steps = len(frames) - 1
    frame = frames[min(t, steps)]
    if t > steps:
        frame = Image.blend(frame.convert("RGB"), Image.new("RGB", frame.size, PAPER), 0.6)
    panel = Image.new("RGB", (frame.width, frame.height + CAPTION_HEIGHT), PAPER)
    panel.paste(frame, (0, 0))
    draw, baseline = ImageDraw.Draw(panel), frame.height + CAPTION_HEIGHT - 9
    draw.text((8, baseline), caption, INK, _font("DejaVuSans-Bold", 14), anchor="ls")
    state = f"step {t}" if t < steps else f"ended at step {steps}"
    draw.text((frame.width - 8, baseline), state, INK, _font("DejaVuSans", 14), anchor="rs")
    return panel


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """A font that comes with matplotlib, so that no font of the machine matters."""
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{name}.ttf")
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def _clock(steps_a: int, steps_b: int, max_frames: int) -> list[int]:
    """The moments shown of two episodes: dense while both run, thinner afterwards."""
    shorter, longer = sorted((steps_a, steps_b))
    share = max_frames * shorter // max(longer, 1)
    together = min(max(share, max_frames // 2, 1), shorter + 1)
    first = _spread(0, shorter, together)
    return first + _spread(shorter, longer, max_frames - together + 1)[1:]


def _spread(first: int, last: int, count: int) -> list[int]:
    """At most `count` whole numbers, evenly from first to last, both included."""
    if count < 1:
        raise ValueError(f"max_frames: expected at least 1, got {count}")
    return sorted(set(np.linspace(first, last, count).round().astype(int).tolist()))


def _label(figure: Figure, axes: Axes, title: str, xlabel: str, ncols: int = 3) -> None:
    axes.set_title(title, fontsize=13)
    axes.set_xlabel(xlabel, fontsize=12)
    axes.set_ylabel("return (sum of an episode's rewards)", fontsize=12)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.tick_params(labelsize=11)
    axes.grid(color=SAND, lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=ncols, frameon=False, fontsize=11)


def _series(name: str, steps: Floats, values: Floats) -> tuple[Array, Array]:
    x, y = np.asarray(steps, dtype=float), np.asarray(values, dtype=float)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"{name}: expected one value per step, got {y.shape} for {x.shape} steps")
    return x, y


def _written(data: bytes, path: str | os.PathLike[str] | None) -> bytes:
    if path is not None:
        Path(path).write_bytes(data)
    return data
