"""The way of the data shows the parts that a page is about, and nothing that comes later."""

import itertools
import re
from collections import Counter
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.text import Text

from pg_edu.figures import BLUE, draw_data_flow

ACTING = ["actor", "distribution", "map_action", "environment"]
LEARNING = ["buffer", "log_prob", "returns", "loss", "update"]
PARTS = ACTING + LEARNING


def box_and_name(figure: Figure, part: str) -> tuple[FancyBboxPatch, Text]:
    """Return the box in which the name of a part is written, and that name."""
    ((box, text),) = (
        (box, text)
        for box in boxes(figure)
        for text in texts_in(figure, box)
        if text.get_text() == part
    )
    return box, text


def box_of(figure: Figure, part: str) -> FancyBboxPatch:
    return box_and_name(figure, part)[0]


def boxes(figure: Figure) -> list[FancyBboxPatch]:
    return [patch for patch in figure.axes[0].patches if isinstance(patch, FancyBboxPatch)]


def arrows(figure: Figure) -> list[FancyArrowPatch]:
    return [patch for patch in figure.axes[0].patches if isinstance(patch, FancyArrowPatch)]


def labels(figure: Figure) -> set[str]:
    """Return what the arrows say."""
    in_boxes = {text for box in boxes(figure) for text in texts_in(figure, box)}
    return {text.get_text() for text in figure.axes[0].texts if text not in in_boxes}


def texts_in(figure: Figure, box: FancyBboxPatch) -> list[Text]:
    path = box.get_path()
    return [text for text in figure.axes[0].texts if path.contains_point(text.get_position())]


@pytest.mark.parametrize("lit", [(), ("actor",), ("log_prob", "loss"), tuple(PARTS)])
def test_lit_parts_are_white_on_blue_and_no_other_is(lit: tuple[str, ...]) -> None:
    figure = draw_data_flow(*lit)
    for part in PARTS:
        box, name = box_and_name(figure, part)
        assert same_color(box.get_facecolor(), BLUE) == (part in lit)
        assert same_color(name.get_color(), "white") == (part in lit)


def test_unknown_parts_are_dashed_boxes_without_text() -> None:
    figure = draw_data_flow("actor", known=["environment", "distribution"])
    written = {text.get_text() for text in figure.axes[0].texts}
    assert written & set(PARTS) == {"actor", "environment", "distribution"}
    empty = [box for box in boxes(figure) if not texts_in(figure, box)]
    assert len(boxes(figure)) == 9
    assert len(empty) == 6
    assert {box.get_linestyle() == "solid" for box in empty} == {False}
    known = [box for box in boxes(figure) if box not in empty]
    assert {box.get_linestyle() for box in known} == {"solid"}


def test_an_arrow_is_labeled_when_both_of_its_ends_are_known() -> None:
    assert labels(draw_data_flow(known=["environment", "actor"])) == {"obs"}
    assert labels(draw_data_flow(known=["environment", "distribution"])) == set()
    assert labels(draw_data_flow(known=["loss", "update", "actor"])) == {"loss", "new\nparameters"}
    assert labels(draw_data_flow(known=ACTING)) == {
        "obs",
        "logits\nor μ, σ",
        "raw\naction u",
        "action",
    }
    everything = labels(draw_data_flow())
    assert everything > labels(draw_data_flow(known=ACTING))
    assert everything >= {"raw action u", "obs, reward,\nflags", "batch", "returns", "log-probs"}


def test_the_raw_action_is_not_named_before_a_reader_knows_it() -> None:
    named, plain = draw_data_flow(), draw_data_flow(raw_action=False)
    texts, plain_texts = (
        sorted(text.get_text() for text in figure.axes[0].texts) for figure in (named, plain)
    )
    assert sum("action u" in text for text in texts) == 3
    assert not any(re.search(r"\b(u|raw)\b", text) for text in plain_texts)
    assert len(plain_texts) == len(texts)


def ends_of(arrow: FancyArrowPatch, figure: Figure) -> tuple[str, str]:
    """Return the parts next to the tail and the tip of an arrow.

    The path ends with the left side of the head, its tip, its right side, and a closing point.
    """
    corners: Any = arrow.get_path().vertices
    return nearest_part(figure, *corners[0]), nearest_part(figure, *corners[-3])


def nearest_part(figure: Figure, x: float, y: float) -> str:
    distances = {}
    for part in PARTS:
        box = box_of(figure, part).get_path().get_extents()
        distances[part] = np.hypot(max(box.x0 - x, x - box.x1, 0), max(box.y0 - y, y - box.y1, 0))
    return min(PARTS, key=lambda part: distances[part])


def test_every_arrow_of_the_loop_and_of_the_path_is_there() -> None:
    """The arrow of the stored action begins in the middle of one, so its tail is near two boxes."""
    figure = draw_data_flow()
    drawn = Counter(ends_of(arrow, figure) for arrow in arrows(figure))
    stored = [
        ends for ends in drawn if ends in {("distribution", "buffer"), ("map_action", "buffer")}
    ]
    assert len(stored) == 1
    assert drawn - Counter(stored) == Counter(
        [
            ("actor", "distribution"),
            ("distribution", "map_action"),
            ("map_action", "environment"),
            ("environment", "actor"),
            ("environment", "buffer"),
            ("buffer", "log_prob"),
            ("buffer", "returns"),
            ("distribution", "log_prob"),
            ("log_prob", "loss"),
            ("returns", "loss"),
            ("loss", "update"),
            ("update", "actor"),
        ]
    )


@pytest.mark.parametrize("lit", [(), tuple(PARTS)])
def test_no_two_texts_overlap_and_each_is_inside_its_box_or_outside_of_all(
    lit: tuple[str, ...],
) -> None:
    """Lit parts have bold labels at their arrows, which need the most room."""
    figure = draw_data_flow(*lit)
    extents = [text.get_window_extent() for text in figure.axes[0].texts]
    for one, other in itertools.combinations(extents, 2):
        assert not one.overlaps(other)
    for text, extent in zip(figure.axes[0].texts, extents, strict=True):
        assert float(text.get_fontsize()) >= 9
        assert figure.bbox.x0 <= extent.x0 and extent.x1 <= figure.bbox.x1
        for box in boxes(figure):
            frame = box.get_window_extent()
            is_inside = frame.x0 <= extent.x0 and extent.x1 <= frame.x1
            assert not frame.overlaps(extent) or (is_inside and text in texts_in(figure, box))


def test_a_diagram_that_grows_leaves_its_parts_where_they_were() -> None:
    small, large = draw_data_flow(known=["actor"]), draw_data_flow(*PARTS)
    assert box_of(small, "actor").get_path().get_extents().bounds == pytest.approx(
        box_of(large, "actor").get_path().get_extents().bounds
    )
    assert small.get_size_inches().tolist() == large.get_size_inches().tolist()


@pytest.mark.parametrize("arguments", [(["critic"], None), ([], ["critic"])])
def test_an_unknown_part_is_refused_with_a_list_of_the_parts(arguments: Any) -> None:
    lit, known = arguments
    with pytest.raises(ValueError, match="no part 'critic'") as error:
        draw_data_flow(*lit, known=known)
    assert all(part in str(error.value) for part in PARTS)
