"""Draw the pictures of the README, light and dark: `python notebooks/draw_readme.py`.

agent.png: a pole on a cart before and after training. wrong_button.png: how `PGPolicy` learns the
button that earns less.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image

from pg_edu.figures import (
    BLUE,
    DARK,
    LIGHT,
    SKY,
    VERMILION,
    Theme,
    animation,
    before_after,
    draw_frame,
    record_episode,
    save_figure,
)
from pg_edu.lab.exact.agent import pgpolicy_step
from pg_edu.lab.exact.mdp import Episodes
from pg_edu.lab.exact.tasks import stop_or_go
from pg_edu.runs.config import Config
from pg_edu.runs.training import initial_policy, train, trained_policy
from pg_edu.types import Floats

PICTURES = Path(__file__).parent / "pictures"
THEMES = {"": LIGHT, "_dark": DARK}

SEED = 0
UPDATES = 600
LEARNING_RATE = 0.1

Observations = list[Any]


def main() -> None:
    """Draw both pictures in both themes."""
    before, after = observations()
    curves = {
        "PGPolicy: the mean over the steps": [curve(seed, stock) for seed in range(5)],
        "the sum over the steps": [curve(seed, cured) for seed in range(5)],
    }
    for suffix, theme in THEMES.items():
        animation(pictures(before, after, theme), PICTURES / f"agent{suffix}.png")
        figure = probabilities_of_stop(curves, theme)
        save_figure(figure, PICTURES / f"wrong_button{suffix}.png")


# The pole on a cart


def observations() -> tuple[Observations, Observations]:
    """Return what is observed in an episode before training, and in one after it."""
    config = Config()
    untrained = initial_policy(SEED, config)
    trained = trained_policy(train(SEED, config))
    return episode(falling(), untrained), episode(gym.make(config.env_id), trained)


def falling() -> gym.Env[Any, Any]:
    """Return a CartPole whose episode ends when the pole lies flat, not at 12 degrees."""
    env: Any = gym.make("CartPole-v1").unwrapped
    env.theta_threshold_radians = math.pi / 2
    return env


def episode(env: gym.Env[Any, Any], policy: Any) -> Observations:
    """Return the observations of one episode."""
    torch.manual_seed(SEED)
    return record_episode(env, policy.compute_action, SEED).observations


def pictures(before: Observations, after: Observations, theme: Theme) -> list[Image.Image]:
    """Return the frames of the animation. The first one tells it all: fallen, and upright."""
    left = [draw_frame("CartPole-v1", obs, theme=theme) for obs in before]
    right = [draw_frame("CartPole-v1", obs, theme=theme) for obs in after]
    frames = before_after(left, right, theme=theme)
    first = frames[-1].copy()
    first.paste(left[-1], (0, 0))  # It is faded there.
    return [first, *frames]


# Stop or go


def stock(episodes: Episodes, step: Floats) -> Floats:
    """Return the change of the logits that `PGPolicy` makes."""
    return step


def cured(episodes: Episodes, step: Floats) -> Floats:
    """Return the change without the division by the number of steps."""
    return len(episodes[0]) * step


def curve(seed: int, rule: Callable[[Episodes, Floats], Floats]) -> list[float]:
    """Return the probability of stop before each update, with one episode an update."""
    task, update, rng = stop_or_go(), pgpolicy_step(), np.random.default_rng(seed)
    found = []
    for _ in range(UPDATES):
        found.append(float(task.policy[0, 0]))
        episodes = task.sample(1, rng)
        task = task.at(task.logits + LEARNING_RATE * rule(episodes, update(episodes)))
    return found


def probabilities_of_stop(curves: dict[str, list[list[float]]], theme: Theme) -> Figure:
    """Return the picture of these curves, several seeds of each rule."""
    figure = Figure(figsize=(7.3, 2.4), layout="constrained", facecolor=theme.paper)
    axes = figure.subplots()
    blue = BLUE if theme is LIGHT else SKY
    for (name, seeds), color in zip(curves.items(), (VERMILION, blue), strict=True):
        for k, probabilities in enumerate(seeds):
            axes.plot(probabilities, color=color, lw=1.2, label=name if k == 0 else None)
    axes.set(xlabel="updates, one episode each", ylabel="probability of stop", ylim=(0, 1))
    axes.set_facecolor(theme.paper)
    axes.tick_params(colors=theme.ink)
    axes.xaxis.label.set_color(theme.ink)
    axes.yaxis.label.set_color(theme.ink)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(theme.ink)
    axes.legend(frameon=False, labelcolor=theme.ink, loc="center right")
    return figure


if __name__ == "__main__":
    main()
