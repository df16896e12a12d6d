"""Policies lie where their probabilities put them, and a pull is drawn as it moves them."""

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pg_edu.figures import CORNERS, draw_pull, draw_triangle

REWARDS = np.array([1.0, 0.0, 5.0])
POLICY = np.array([0.5, 0.2, 0.3])


def empty() -> Axes:
    axes: Axes = Figure().subplots()
    return axes


def drawn_lines(axes: Axes) -> list[Any]:
    return [np.asarray(line.get_xydata()) for line in axes.lines]


def softmax(logits: Any) -> Any:
    return np.exp(logits) / np.exp(logits).sum()


def moved(arm: int, baseline: float, rate: float) -> Any:
    """Return where a pull takes the policy, through the softmax itself."""
    score = np.eye(3)[arm] - POLICY
    return softmax(np.log(POLICY) + rate * (REWARDS[arm] - baseline) * score) @ CORNERS


def test_the_corners_are_equally_far_from_one_another() -> None:
    sides = [np.linalg.norm(CORNERS[a] - CORNERS[b]) for a, b in ((0, 1), (1, 2), (2, 0))]
    assert np.allclose(sides, 1.0)


def test_each_corner_says_what_its_arm_pays() -> None:
    axes = empty()
    draw_triangle(axes, [1, 0.5, -5], "a title")
    assert axes.get_title() == "a title"
    for arm, (text, paid) in enumerate(zip(axes.texts, ("1", "0.5", "-5"), strict=True)):
        assert text.get_text() == f"arm {arm} pays {paid}"
        assert np.allclose(text.get_position(), CORNERS[arm], atol=0.03)


@pytest.mark.parametrize("baseline", [0.0, 2.0, 10.0])
@pytest.mark.parametrize("rate", [1e-4, 0.3, 2.0])
def test_the_lines_lead_to_where_a_pull_takes_the_policy(baseline: float, rate: float) -> None:
    axes = empty()
    draw_pull(axes, POLICY, REWARDS, baseline, rate)
    *arms, mean = drawn_lines(axes)
    ends = np.array([moved(arm, baseline, rate) for arm in range(3)])
    assert len(arms) == 3
    for start, _ in (*arms, mean):
        assert np.allclose(start, POLICY @ CORNERS, atol=1e-15)
    assert np.allclose([end for _, end in arms], ends, atol=1e-12)
    assert np.allclose(mean[1], POLICY @ ends, atol=1e-12)


@pytest.mark.parametrize("baseline", [0.0, 2.0, 10.0])
def test_the_ellipse_is_one_standard_deviation_of_the_steps(baseline: float) -> None:
    """Its extent in any direction is the standard deviation of the steps in that direction."""
    axes = empty()
    draw_pull(axes, POLICY, REWARDS, baseline, rate=1e-4)
    ends = np.array([moved(arm, baseline, 1e-4) for arm in range(3)])
    off = ends - POLICY @ ends
    edge = np.asarray(axes.patches[0].get_path().vertices) - POLICY @ ends
    for angle in np.linspace(0.0, np.pi, 7):
        direction = np.array([np.cos(angle), np.sin(angle)])
        deviation = np.sqrt(POLICY @ (off @ direction) ** 2)
        assert np.isclose((edge @ direction).max(), deviation, rtol=0.01, atol=1e-8)


def test_the_lines_of_the_arms_can_be_left_out() -> None:
    both = empty(), empty()
    for axes, arms in zip(both, (True, False), strict=True):
        draw_pull(axes, POLICY, REWARDS, 2.0, 0.3, arms=arms)
    (mean,) = drawn_lines(both[1])
    assert np.array_equal(mean, drawn_lines(both[0])[-1])


@pytest.mark.parametrize("policy", [[0.5, 0.5], [0.5, 0.5, 0.5], [1.2, -0.2, 0.0]])
def test_what_is_not_a_policy_over_three_arms_is_an_error(policy: list[float]) -> None:
    with pytest.raises(ValueError, match="policy: expected three"):
        draw_pull(empty(), policy, REWARDS, 0.0, 1.0)


def test_other_numbers_of_rewards_are_an_error() -> None:
    with pytest.raises(ValueError, match="rewards: expected three numbers"):
        draw_triangle(empty(), [1.0, 0.0])
