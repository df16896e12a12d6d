"""Learning curves show the data, and their bands are the intervals that the legend names."""

from typing import Any

import numpy as np
import pytest

from pg_edu.figures import compare_curves, curves_over_seeds, learning_curve


def test_learning_curve_shows_the_data_and_labels_its_axes() -> None:
    axes = learning_curve([100, 250, 400], [20.0, np.nan, 60.0], title="seed 3").axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), [100, 250, 400])
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [20.0, np.nan, 60.0])
    assert axes.get_xlabel() == "environment steps"
    assert "return" in axes.get_ylabel()
    assert axes.get_title() == "seed 3"


def test_learning_curve_shows_the_band_the_episodes_the_target_and_the_evaluations() -> None:
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
def test_error_names_the_array_that_does_not_fit(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        learning_curve(**arguments)


def test_curves_over_seeds_shows_every_seed_the_mean_and_its_interval() -> None:
    """For two seeds t = 12.706, and s / √2 is half the gap: a gap of 10 has the margin 63.53."""
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
def test_curves_over_seeds_raises_unless_there_is_a_row_for_each_of_several_seeds(
    x: list[int], returns: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        curves_over_seeds(x, returns)


def test_compare_curves_shows_a_mean_and_an_interval_if_there_are_several_seeds() -> None:
    """The margin is the one above. The second setting has one seed and so no interval."""
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
def test_compare_curves_raises_if_shapes_do_not_fit_or_a_return_is_not_finite(
    x: list[int], returns: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        compare_curves({"A": (x, returns)})


@pytest.mark.parametrize(("points", "marked"), [(40, True), (41, False)])
def test_a_curve_of_more_than_40_points_has_no_markers(points: int, marked: bool) -> None:
    (line,) = learning_curve(range(points), range(points)).axes[0].lines
    assert (line.get_marker() == "o") is marked


def test_every_evaluation_is_drawn_however_many_there_are() -> None:
    names = list("abcde")
    evaluations: Any = {name: ([1], [n]) for n, name in enumerate(names)}
    axes = learning_curve([1], [1.0], evaluations=evaluations).axes[0]
    drawn = {str(line.get_label()): np.asarray(line.get_ydata()).tolist() for line in axes.lines}
    assert [drawn[f"evaluation, {name}"] for name in names] == [[0], [1], [2], [3], [4]]


def test_every_setting_is_drawn_however_many_there_are() -> None:
    curves = {str(n): ([1, 2], [[1.0, 2.0]]) for n in range(22)}
    assert len(compare_curves(curves).axes[0].lines) == 22


def test_a_target_of_0_is_drawn_like_any_other() -> None:
    for figure in (
        learning_curve([1, 2], [-3.0, -1.0], target=0),
        compare_curves({"A": ([1, 2], [[-3.0, -1.0]])}, target=0),
    ):
        lines = {str(line.get_label()): line for line in figure.axes[0].lines}
        assert np.asarray(lines["target 0"].get_ydata()).tolist() == [0, 0]


@pytest.mark.filterwarnings("error")
def test_a_comparison_without_settings_shows_the_target() -> None:
    (line,) = compare_curves({}, target=475).axes[0].lines
    assert line.get_label() == "target 475"
