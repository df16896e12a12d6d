"""Policies over three arms as points of a triangle, and what one pull does to such a policy.

Three probabilities that sum to 1 are a point: the mean of the corners, weighted with them.
"""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from pg_edu.figures.style import GREEN, GREY, INK, ORANGE, SKY
from pg_edu.types import Floats

CORNERS: Floats = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.75**0.5]])
"""The point of each arm's corner, [3, 2]; policies `[..., 3] @ CORNERS` are points `[..., 2]`."""

LABEL_GAP = 0.02


def draw_triangle(axes: Axes, rewards: ArrayLike, title: str = "") -> None:
    """Draw the triangle of all policies over three arms, and write at each corner what it pays.

    Args:
        axes: where to draw; its frame is switched off.
        rewards: [3] reward of each arm.
        title: what is written above.

    Raises:
        ValueError: there are not three rewards.

    Example:
        >>> from matplotlib.figure import Figure
        >>> axes = Figure().subplots()
        >>> draw_triangle(axes, [1, 0, 5])
        >>> [text.get_text() for text in axes.texts]
        ['arm 0 pays 1', 'arm 1 pays 0', 'arm 2 pays 5']
    """
    paid = _three("rewards", rewards)
    axes.plot(*CORNERS[[0, 1, 2, 0]].T, color=INK, lw=1)
    axes.set(xlim=(-0.12, 1.12), ylim=(-0.12, 1.0), aspect="equal")
    axes.set_title(title, fontsize=11)
    axes.set_axis_off()
    for arm, (x, y) in enumerate(CORNERS):
        gap, side = (LABEL_GAP, "bottom") if arm == 2 else (-LABEL_GAP, "top")
        axes.text(x, y + gap, f"arm {arm} pays {paid[arm]:g}", ha="center", va=side)


def draw_pull(
    axes: Axes,
    policy: ArrayLike,
    rewards: ArrayLike,
    baseline: float,
    rate: float,
    *,
    arms: bool = True,
) -> None:
    """Draw how one pull moves a softmax policy whose logits follow (r - b) times the score.

    A colored line leads to where each arm would take the policy, a black line to the mean of these
    three places, weighted with the probabilities of the arms. The gray ellipse is one standard
    deviation around the mean.

    Args:
        axes: a pair of axes with a triangle, see `draw_triangle`.
        policy: [3] probability of each arm; they sum to 1.
        rewards: [3] reward of each arm.
        baseline: the number b that is subtracted from the reward.
        rate: the learning rate.
        arms: whether to draw the colored line of each arm.

    Raises:
        ValueError: there are not three probabilities or rewards, or the probabilities do not sum
            to 1.
    """
    p, r = _three("policy", policy), _three("rewards", rewards)
    if not (np.isclose(p.sum(), 1.0) and (p >= 0.0).all()):
        raise ValueError(f"policy: expected three probabilities that sum to 1, got {p.tolist()}")

    steps = (_moved(p, r, baseline, rate) - p) @ CORNERS
    at, mean = p @ CORNERS, p @ steps
    ellipse = at + mean + _circle() @ _root_of_covariance(p, steps)
    axes.fill(*ellipse.T, fc=GREY, ec=GREY, alpha=0.5, lw=2)
    colors = (SKY, ORANGE, GREEN) if arms else ()
    for step, color in zip(steps, colors, strict=False):
        axes.plot(*np.stack([at, at + step]).T, color=color, lw=2)
    axes.plot(*np.stack([at, at + mean]).T, color=INK, lw=3)


def _moved(p: Floats, rewards: Floats, baseline: float, rate: float) -> Floats:
    """Return the policy after a pull of each arm, [3, 3]: its logits moved along (r - b) score."""
    logits = rate * (rewards - baseline)[:, None] * (np.eye(3) - p)  # row a: what arm a adds
    weights = p * np.exp(logits - logits.max(axis=1, keepdims=True))
    moved: Floats = weights / weights.sum(axis=1, keepdims=True)
    return moved


def _root_of_covariance(p: Floats, steps: Floats) -> Floats:
    """Return the symmetric root of the covariance of the steps, [2, 2]."""
    off = steps - p @ steps
    values, directions = np.linalg.eigh((p * off.T) @ off)
    root: Floats = directions * np.sqrt(np.maximum(values, 0.0)) @ directions.T
    return root


def _circle() -> Floats:
    # Without the end: it would close the shape on some processors and not on others.
    turn = np.linspace(0.0, 2.0 * np.pi, 60, endpoint=False)
    return np.stack([np.cos(turn), np.sin(turn)], axis=1)


def _three(name: str, numbers: ArrayLike) -> Floats:
    array = np.asarray(numbers, dtype=float)
    if array.shape != (3,):
        raise ValueError(f"{name}: expected three numbers, got an array of shape {array.shape}")
    return array
