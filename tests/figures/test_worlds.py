"""A drawn world shows the moves of the world, and no text covers another."""

import itertools
from functools import cache
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch

from pg_edu.figures import (
    Move,
    draw_corridor,
    draw_stop_or_go,
    draw_task,
    draw_town,
    draw_world,
)
from pg_edu.lab.exact.mdp import MDP
from pg_edu.lab.exact.tasks import patience, short_corridor, stop_or_go, two_decisions

HOME = {"home": (0.0, 0.0), "school": (2.0, 0.0), "pool": (4.0, 0.0)}
Drawn = set[tuple[str, str, str]]


def town() -> MDP:
    """Return the courier's town of notebook 03."""
    P = np.zeros((4, 2, 4))
    P[0, 0], P[0, 1] = [0, 0.75, 0.25, 0], [0, 0.25, 0.5, 0]
    P[1, 0], P[1, 1] = [0, 0, 0.5, 0.5], [0, 0, 0, 0.5]
    P[2, 0], P[2, 1] = [0, 0, 0, 1], [0, 0, 0, 0.5]
    reward = [[-1.0, 0], [2, -1], [0, 3], [1, -2]]
    return MDP([0.7, 0.3, 0, 0], P, reward, np.zeros((4, 2)))


def circles(figure: Figure) -> list[Circle]:
    return [patch for patch in figure.axes[0].patches if isinstance(patch, Circle)]


def centers(figure: Figure) -> set[Any]:
    return {circle.get_center() for circle in circles(figure)}


def arrows(figure: Figure) -> list[FancyArrowPatch]:
    return [patch for patch in figure.axes[0].patches if isinstance(patch, FancyArrowPatch)]


def vertices(arrow: FancyArrowPatch) -> Any:
    """Return the points of an arrow from tail to tip, [K, 2].

    The path ends with the left side of the head, its tip, its right side, and a closing point.
    """
    corners: Any = arrow.get_path().vertices
    return np.concatenate([corners[:-4], corners[-3:-2]])


def nearest(point: Any, places: dict[str, Any], within: float) -> str:
    """Return the name of the place that is nearest to a point, or "" if none is near."""
    name = min(places, key=lambda name: np.hypot(*np.subtract(places[name], point)))
    return name if np.hypot(*np.subtract(places[name], point)) < within else ""


def drawn(figure: Figure) -> Drawn:
    """Return where each arrow comes from, where it leads, and what is written on it."""
    middles = centers(figure)
    texts = {text: text.get_position() for text in figure.axes[0].texts}
    states = {text.get_text(): at for text, at in texts.items() if at in middles}
    labels = [text for text, at in texts.items() if at not in middles]
    found = set()
    for arrow in arrows(figure):
        points = vertices(arrow)
        ends = [nearest(points[k], states, within=0.5) for k in (0, -1)]
        on_it = min(
            labels, key=lambda text: np.hypot(*(points - np.array(text.get_position())).T).min()
        )
        found.add((ends[0], ends[1], on_it.get_text()))
    return found


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    """Return the pairs of texts that overlap."""
    texts = figure.axes[0].texts
    return [
        (one.get_text(), other.get_text())
        for one, other in itertools.combinations(texts, 2)
        if one.get_window_extent().overlaps(other.get_window_extent())
    ]


def test_an_arrow_leads_from_source_to_target_and_shows_action_reward_and_chance() -> None:
    moves = [
        Move("home", "school", "walk", 1, 0.75),
        Move("school", "pool", "swim", -0.5),
        Move("pool", "pool", "rest", 0, 1),
        Move("home", "pool", "fly"),
        Move("pool", "school", "", 2),
    ]
    assert drawn(draw_world(HOME, moves, start="home")) == {
        ("", "home", "start"),
        ("home", "school", "walk: +1\np = 0.75"),
        ("school", "pool", "swim: −0.5"),
        ("pool", "pool", "rest: 0"),
        ("home", "pool", "fly"),
        ("pool", "school", "+2"),
    }


def test_only_an_end_is_a_double_circle() -> None:
    figure = draw_world(HOME, [], ends=["pool"])
    found: list[Any] = [circle.get_center() for circle in circles(figure)]
    assert sorted(found) == [HOME["home"], HOME["school"], HOME["pool"], HOME["pool"]]


def test_arrows_between_the_same_states_are_apart_and_none_runs_through_another_state() -> None:
    moves = [Move("home", "school", name) for name in "ab"] + [Move("school", "home", "c")]
    moves += [Move("home", "pool", "d")]
    paths = [vertices(arrow) for arrow in arrows(draw_world(HOME, moves))]
    middles = [path[len(path) // 2] for path in paths]
    for one, other in itertools.combinations(middles, 2):
        assert np.hypot(*(one - other)) > 0.3
    assert np.hypot(*(paths[3] - HOME["school"]).T).min() > 0.36


def test_an_arrow_bends_around_a_state_even_if_nothing_else_is_drawn() -> None:
    (arrow,) = arrows(draw_world(HOME, [Move("home", "pool", "fly")]))
    assert np.hypot(*(vertices(arrow) - HOME["school"]).T).min() > 0.36


def test_labels_that_are_wider_than_the_room_between_two_arrows_are_at_different_heights() -> None:
    moves = [Move("top", "bottom", name) for name in ("take the stairs", "take the lift")]
    figure = draw_world({"top": (0, 2), "bottom": (0, 0)}, moves)
    assert overlapping(figure) == []


def test_a_single_arrow_with_a_free_way_is_straight() -> None:
    (arrow,) = arrows(draw_world(HOME, [Move("home", "school", "walk")]))
    assert np.ptp(vertices(arrow)[:, 1]) < 1e-9


def test_an_action_has_a_color_of_its_own_and_a_move_without_a_name_has_none() -> None:
    moves = [
        Move("home", "school", "walk"),
        Move("school", "pool", "walk"),
        Move("pool", "school", "swim"),
        Move("school", "home", "", 1),
    ]
    walk, again, swim, forced = (
        (arrow.get_edgecolor(), str(arrow.get_linestyle()))
        for arrow in arrows(draw_world(HOME, moves))
    )
    assert walk == again
    assert len({walk, swim, forced}) == 3


def moves_of(mdp: MDP, names: list[str], actions: list[str]) -> Drawn:
    """Return what should be drawn, found by drawing episodes rather than by reading the arrays."""
    found = set()
    for episode in mdp.sample(2000, np.random.default_rng(0)):
        path = [*episode.states.tolist(), -1]
        for t, (a, r) in enumerate(zip(episode.act.tolist(), episode.rew.tolist(), strict=True)):
            found.add((names[path[t]], names[path[t + 1]], a, r))
    return {(s, s2, f"{actions[a]}: {r:+g}") for s, s2, a, r in found}


def without_chances(moves: Drawn) -> Drawn:
    """Return moves without the arrows of the start, without p, and with + and - as Python has."""
    plain = {(s, s2, label.split("\n")[0].replace("−", "-")) for s, s2, label in moves if s}
    return {(s, s2, label.replace(": 0", ": +0")) for s, s2, label in plain}


def test_the_arrows_of_the_town_are_the_moves_of_the_courier() -> None:
    names = ["depot\n0", "bridge\n1", "square\n2", "door\n3", "end"]
    picture = drawn(figure_of("town"))
    assert without_chances(picture) == moves_of(town(), names, ["walk", "ride"])
    assert len(picture) == 2 + 14
    assert ("depot\n0", "bridge\n1", "walk: −1\np = 0.75") in picture
    assert ("depot\n0", "end", "ride: 0\np = 0.25") in picture
    assert ("square\n2", "door\n3", "walk: 0") in picture
    assert {label for s, _, label in picture if not s} == {"start\np = 0.7", "start\np = 0.3"}


def test_the_corridor_swaps_left_and_right_in_its_second_cell() -> None:
    assert drawn(draw_corridor(short_corridor())) == {
        ("", "cell 0", "start"),
        ("cell 0", "cell 0", "left: −1"),
        ("cell 0", "cell 1", "right: −1"),
        ("cell 1", "cell 2", "left: −1"),
        ("cell 1", "cell 0", "right: −1"),
        ("cell 2", "cell 1", "left: −1"),
        ("cell 2", "end", "right: −1"),
    }


def test_stop_or_go_has_one_choice_and_three_forced_steps() -> None:
    assert drawn(draw_stop_or_go(stop_or_go())) == {
        ("", "place 0", "start"),
        ("place 0", "end", "stop: +1"),
        ("place 0", "place 1", "go: +0.6"),
        ("place 1", "place 2", "+0.6"),
        ("place 2", "place 3", "+0.6"),
        ("place 3", "end", "+0.6"),
    }


def test_another_world_gives_another_picture() -> None:
    """The three worlds are drawn from the arrays that come in, not from what they usually are."""
    backwards = MDP(
        start=[0, 0, 1],
        transition=short_corridor().transition[::-1, :, ::-1],
        reward=np.full((3, 2), 7.0),
        logits=np.zeros((3, 2)),
    )
    picture = drawn(draw_corridor(backwards))
    assert ("", "cell 2", "start") in picture
    assert ("cell 0", "end", "right: +7") in picture
    assert ("cell 2", "cell 2", "left: +7") in picture


FIGURES = ("town", "corridor", "stop or go", "patience")


@cache
def figure_of(name: str) -> Figure:
    """Return a figure that several tests look at."""
    if name == "town":
        return draw_town(town())
    if name == "corridor":
        return draw_corridor(short_corridor())
    if name == "stop or go":
        return draw_stop_or_go(stop_or_go())
    return draw_task(patience(), HOME, ["take", "wait"], end=(2.0, -2.0), title="patience")


@pytest.mark.parametrize("name", FIGURES)
def test_no_texts_overlap_and_all_are_inside_the_figure_which_fits_a_page(name: str) -> None:
    figure = figure_of(name)
    assert overlapping(figure) == []
    assert figure.get_size_inches()[0] < 7.5
    for text in figure.axes[0].texts:
        extent = text.get_window_extent()
        assert float(text.get_fontsize()) >= 9
        assert extent.x0 >= 0 and extent.y0 >= 0
        assert extent.x1 <= figure.bbox.x1 and extent.y1 <= figure.bbox.y1


@pytest.mark.parametrize("name", FIGURES)
def test_no_label_hides_the_name_or_the_circle_of_a_state(name: str) -> None:
    figure = figure_of(name)
    middles = centers(figure)
    to_inches = figure.axes[0].transData.inverted()
    for text in figure.axes[0].texts:
        if text.get_position() in middles:
            continue
        extent = text.get_window_extent().transformed(to_inches)
        for x, y in middles:
            dx, dy = max(extent.x0 - x, x - extent.x1, 0), max(extent.y0 - y, y - extent.y1, 0)
            assert np.hypot(dx, dy) > 0.36


@pytest.mark.parametrize("name", ["town", "patience"])
def test_a_circle_is_round_and_a_title_is_above_the_world(name: str) -> None:
    figure = figure_of(name)
    extent = circles(figure)[0].get_window_extent()
    assert extent.width == pytest.approx(extent.height, rel=1e-6)
    assert extent.width / figure.dpi == pytest.approx(0.72, rel=0.05)
    assert figure.get_suptitle() == ("patience" if name == "patience" else "")
    highest = max(text.get_window_extent().y1 for text in figure.axes[0].texts)
    for title in figure.texts:
        assert title.get_window_extent().y0 > highest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(states={}, moves=[]), "states: expected at least one"),
        (dict(states=HOME, moves=[Move("home", "moon", "fly")]), "no state 'moon'.*home, school"),
        (dict(states=HOME, moves=[Move("moon", "home", "fly")]), "no state 'moon'"),
        (dict(states=HOME, moves=[], start="moon"), "start: there is no state 'moon'"),
        (dict(states=HOME, moves=[], start={"moon": 1.0}), "start: there is no state 'moon'"),
        (dict(states=HOME, moves=[], start={"home": 1.5}), "start: 'home': expected a probability"),
        (dict(states=HOME, moves=[], ends=["moon"]), "ends: there is no state 'moon'"),
        (dict(states={"a": (0, 0), "b": (0.5, 0)}, moves=[]), "'a' and 'b' are 0.5 inches apart"),
    ],
)
def test_a_world_that_cannot_be_drawn_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw_world(**arguments)


@pytest.mark.parametrize("probability", [0, -0.1, 1.1, float("nan")])
def test_a_move_needs_a_probability_that_can_be(probability: float) -> None:
    with pytest.raises(ValueError, match=r"from 'a' to 'b': expected a probability in \(0, 1\]"):
        Move("a", "b", "go", probability=probability)


@pytest.mark.parametrize(
    ("states", "actions", "end", "message"),
    [
        ({"a": (0, 0)}, ["x", "y"], (2, 0), "states: expected 2 positions, got 1"),
        ({"a": (0, 0), "b": (2, 0)}, ["x"], (4, 0), "actions: expected 2 different names"),
        ({"a": (0, 0), "b": (2, 0)}, ["x", "x"], (4, 0), "actions: expected 2 different names"),
        ({"a": (0, 0), "b": (2, 0)}, ["x", ""], (4, 0), "actions: expected 2 different names"),
        ({"a": (0, 0), "end": (2, 0)}, ["x", "y"], (4, 0), "states: 'end' is the name of the end"),
        ({"a": (0, 0), "b": (2, 0)}, ["x", "y"], None, "pass the position of the end"),
    ],
)
def test_a_task_needs_a_name_for_each_state_and_action(
    states: Any, actions: Any, end: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        draw_task(two_decisions(), states, actions, end=end)


def test_a_task_that_never_ends_has_no_double_circle() -> None:
    figure = draw_task(two_decisions().restarting(), {"a": (0, 0), "b": (2, 0)}, ["x", "y"])
    assert len(circles(figure)) == 2
