"""A timeline draws each episode where it ran, and shows whether it counts."""

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from pg_edu.figures import draw_timeline

LENGTHS = [[10, 30, 10], [20, 20, 20]]
COUNTED = [[True, False, False], [True, True, False]]


def bars(stop: float | None = None) -> set[tuple[float, float, float, bool]]:
    """Return the environment, first step and last step of each bar, and whether it is solid."""
    axes = Figure().add_subplot()
    draw_timeline(axes, LENGTHS, COUNTED, stop)
    rectangles: list[Any] = list(axes.patches)
    return {
        (bar.get_center()[1], bar.get_x(), bar.get_x() + bar.get_width(), not bar.get_hatch())
        for bar in rectangles
    }


def test_each_episode_starts_where_the_one_before_it_ended() -> None:
    assert bars() == {
        (0, 0, 10, True),
        (0, 10, 40, False),
        (0, 40, 50, False),
        (1, 0, 20, True),
        (1, 20, 40, True),
        (1, 40, 60, False),
    }


def test_nothing_is_drawn_beyond_the_step_at_which_collecting_stops() -> None:
    assert bars(stop=20) == {(0, 0, 10, True), (0, 10, 20, False), (1, 0, 20, True)}


@pytest.mark.parametrize(("stop", "marked"), [(None, []), (20, [20])])
def test_a_line_marks_the_step_at_which_collecting_stops(
    stop: float | None, marked: list[int]
) -> None:
    axes = Figure().add_subplot()
    draw_timeline(axes, LENGTHS, COUNTED, stop)
    assert [np.asarray(line.get_xdata())[0] for line in axes.lines] == marked


def test_the_first_environment_is_at_the_top() -> None:
    axes = Figure().add_subplot()
    draw_timeline(axes, LENGTHS, COUNTED)
    bottom, top = axes.get_ylim()
    assert bottom > 1 > 0 > top
    assert axes.get_yticks().tolist() == [0, 1]


@pytest.mark.parametrize(
    ("lengths", "counted", "message"),
    [
        ([10, 20], [True, False], r"expected \[N, K\] for both, got \[2\] and \[2\]"),
        ([[10, 20]], [[True]], r"got \[1, 2\] and \[1, 1\]"),
    ],
)
def test_timeline_names_the_shapes_that_do_not_fit(
    lengths: Any, counted: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        draw_timeline(Figure().add_subplot(), lengths, counted)


def test_where_collecting_stops_at_once_nothing_is_drawn() -> None:
    assert bars(stop=0) == set()
