"""The printed line changes with the numbers and texts of a picture, and with nothing else."""

import re
from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch

from pg_edu.figures import digest, save_figure, show

UP = np.linspace(0, 1, 50)
DOWN = np.cos(3 * UP)


def of(draw: Callable[[Axes], Any]) -> str:
    """Return the digest of new axes after `draw`."""
    figure = Figure()
    draw(figure.subplots())
    return digest(figure)


def two_curves(first: Any = UP, second: Any = DOWN, **labels: str) -> str:
    def draw(axes: Axes) -> None:
        axes.plot(first, label="first")
        axes.plot(second, label=labels.pop("legend", "second"))
        axes.set(**labels)
        axes.legend()

    return of(draw)


def sum_of(line: str) -> float:
    return float(line.split()[-2])


def test_two_identical_pictures_have_the_same_line_before_and_after_they_are_saved() -> None:
    figures = [Figure(layout="constrained") for _ in range(2)]
    for figure in figures:
        axes = figure.subplots()
        axes.scatter(UP, DOWN, UP, c=DOWN)
        axes.quiver(UP, DOWN, UP, DOWN)
        axes.annotate("here", (0.5, 0.5), (0.2, 0.2), arrowprops={"arrowstyle": "->"})
        axes.add_patch(FancyArrowPatch((0, 0), (1, 1)))
    before = digest(figures[0])
    save_figure(figures[0])
    assert before == digest(figures[0]) == digest(figures[1])


def test_the_sum_is_that_of_the_formula() -> None:
    """x = 0, 1 has the power 0, and y = 20, 40 the power 2, since 40 is nearer to 100 than to 10.

    With each group's power before its numbers they are 0; 0, 1; 2; 0.2, 0.4.
    """
    numbers = [0, 0, 1, 2, 0.2, 0.4]
    golden = 0.6180339887498949
    expected = sum((1 + i * golden % 1) * x for i, x in enumerate(numbers))
    line = of(lambda axes: axes.plot([0, 1], [20, 40]))
    assert re.fullmatch(r"1 line, 4 numbers, digest -?\d+\.\d{3} [0-9a-f]{4}", line)
    assert sum_of(line) == round(expected, 3)


@pytest.mark.parametrize(
    "changed",
    [
        {"first": DOWN, "second": UP},
        {"second": 2 * DOWN},
        {"second": 10 * DOWN},
        {"first": 2 * UP, "second": 2 * DOWN},
        {"second": -DOWN},
        {"second": DOWN[::-1]},
        {"second": np.roll(DOWN, 1)},
        {"second": DOWN[:-1]},
        {"second": np.where(np.arange(50) == 7, np.nan, DOWN)},
        {"title": "gain"},
        {"xlabel": "steps"},
        {"ylabel": "return"},
        {"legend": "third"},
    ],
    ids=str,
)
def test_a_change_of_the_curves_or_of_a_text_changes_the_line(changed: dict[str, Any]) -> None:
    assert two_curves(**changed) != two_curves()


def test_two_curves_that_are_a_single_one_and_its_copy_differ_from_one() -> None:
    one = of(lambda axes: axes.plot(UP))
    assert one.startswith("1 line, 100 numbers")
    assert of(lambda axes: axes.plot(np.transpose([UP, UP]))).startswith("2 lines, 200 numbers")
    assert of(lambda axes: axes.plot(2 * UP)) != one != of(lambda axes: axes.plot(10 * UP))


def test_every_bar_that_moves_by_one_percent_of_the_largest_changes_the_sum() -> None:
    """The places of the bars, up to 290, are far larger than their heights, at most 0.004."""
    places, heights = np.arange(0, 300, 10), np.random.default_rng(0).uniform(0, 0.004, 30)
    up = 0.01 * heights.max() * np.eye(31, 30)  # The last row moves no bar.
    sums = [sum_of(of(lambda axes, h=h: axes.bar(places, h))) for h in heights + up]  # type: ignore[misc]
    assert sums[-1] not in sums[:-1]


@pytest.mark.parametrize("noise", [1e-12, -1e-12])
@pytest.mark.parametrize("seed", range(10))
def test_rounding_noise_changes_nothing(noise: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    data, factors = rng.normal(size=(2, 50)), 1 + noise * rng.uniform(size=(2, 50))
    assert two_curves(*data) == two_curves(*(data * factors))


def test_zeros_and_noise_around_zero_have_the_same_line_without_a_minus() -> None:
    noise = 1e-16 * np.random.default_rng(0).normal(size=50)
    assert two_curves(0 * UP, -0.0 * UP) == two_curves(noise, -noise)
    assert "-" not in of(lambda axes: axes.plot([0.0], [-1e-16]))


def test_the_number_one_is_at_no_edge_of_a_power_of_ten() -> None:
    below, above = (of(lambda axes, y=y: axes.plot([y])) for y in (1 - 1e-13, 1 + 1e-13))  # type: ignore[misc]
    assert below == above


def test_numbers_that_are_not_finite_are_counted_as_missing() -> None:
    assert "96 numbers, 4 missing," in of(
        lambda axes: axes.plot(UP, [np.nan, np.inf, -np.inf, *UP[3:49], np.nan])
    )
    masked = np.ma.masked_less(UP, 0.5)
    assert "75 numbers, 25 missing," in of(lambda axes: axes.plot(UP, masked))
    assert "25 missing," in of(lambda axes: axes.imshow(masked.reshape(5, 10)))


GRID = np.arange(12.0).reshape(3, 4)
DRAWINGS: dict[str, Callable[[Axes, Any], Any]] = {
    "line": lambda axes, d: axes.plot([0, 1 + d], [3, 4]),
    "bars": lambda axes, d: axes.bar([1, 2], [3, 4 + d]),
    "bars, width": lambda axes, d: axes.bar([1, 2], [3, 4], width=[0.8, 0.8 + d]),
    "bars, bottom": lambda axes, d: axes.barh(["a", "b"], [3, 4], left=d),
    "histogram": lambda axes, d: axes.hist([1, 1, 2, 2 + 10 * d], bins=[0, 1.5, 3, 4]),
    "scatter": lambda axes, d: axes.scatter([1, 2], [3, 4 + d]),
    "scatter, sizes": lambda axes, d: axes.scatter([1, 2], [3, 4], [5, 6 + d]),
    "scatter, values": lambda axes, d: axes.scatter([1, 2], [3, 4], c=[0, 1 + d]),
    "line set": lambda axes, d: axes.add_collection(LineCollection([[(0, 0), (1, 1 + d)]])),
    "area": lambda axes, d: axes.fill_between([0, 1], [0, 1], [2, 3 + d]),
    "polygon": lambda axes, d: axes.fill([0, 1, 1], [0, 1, 2 + d]),
    "circle": lambda axes, d: axes.add_patch(Circle((0, 0), 1 + d)),
    "arrow": lambda axes, d: axes.add_patch(FancyArrowPatch((0, 0), (1, 1 + d))),
    "image": lambda axes, d: axes.imshow(GRID + np.eye(3, 4) * 10 * d),
    "image, extent": lambda axes, d: axes.imshow(GRID, extent=(0, 1 + d, 0, 1)),
    "mesh": lambda axes, d: axes.pcolormesh(GRID + np.eye(3, 4) * 10 * d),
    "mesh, corners": lambda axes, d: axes.pcolormesh([0, 1, 2, 3, 4 + d], [0, 1, 2, 3], GRID),
    "arrows, place": lambda axes, d: axes.quiver([0, 1 + d], [0, 1], [1, 2], [3, 4]),
    "arrows, length": lambda axes, d: axes.quiver([0, 1], [0, 1], [1, 2], [3, 4 + d]),
    "horizontal": lambda axes, d: axes.axhline(1 + d),
    "vertical": lambda axes, d: axes.axvline(1 + d),
    "sloped": lambda axes, d: axes.axline((0, 0), slope=1 + d),
    "sloped through": lambda axes, d: axes.axline((0, 0), (1, 1 + d)),
    "span": lambda axes, d: axes.axvspan(0, 1 + d),
    "error bars": lambda axes, d: axes.errorbar([0, 1], [0, 1], [0.2, 0.3 + d]),
    "contour": lambda axes, d: axes.contour(GRID * (1 + d), levels=[3.5, 7.5]),
    "text, place": lambda axes, d: axes.text(0.5 + d, 0.5, "a"),
    "inset": lambda axes, d: axes.inset_axes((0, 0, 0.5, 0.5)).plot([0, 1 + d]),
    "twin": lambda axes, d: axes.twinx().plot([0, 1 + d]),
    "small values on a logarithmic axis": lambda axes, d: axes.semilogy([1, 1e-4 * (1 + d)]),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_every_kind_of_drawing_changes_the_sum(name: str) -> None:
    before, same, after = (
        of(lambda axes, d=d: DRAWINGS[name](axes, d))  # type: ignore[misc]
        for d in (0, 0, 0.1)
    )
    assert before == same
    assert sum_of(before) != sum_of(after)


@pytest.mark.parametrize(
    "draw",
    [
        lambda axes, text: axes.text(0, 0, text),
        lambda axes, text: axes.annotate(text, (0, 0)),
        lambda axes, text: axes.bar(["a", text], [1, 2]),
        lambda axes, text: axes.set_xticks([0, 1], ["a", text]),
        lambda axes, text: axes.set_title(text, loc="left"),
        lambda axes, text: axes.figure.suptitle(text),
        lambda axes, text: axes.figure.legend(axes.plot([1]), [text]),
    ],
)
def test_every_text_changes_the_checksum_and_not_the_sum(draw: Callable[[Axes, str], Any]) -> None:
    first, second = (of(lambda axes, t=t: draw(axes, t)).split() for t in ("one", "two"))  # type: ignore[misc]
    assert first[-1] != second[-1]
    assert first[:-1] == second[:-1]


def test_the_line_counts_each_kind() -> None:
    def draw(axes: Axes) -> None:
        axes.plot([1], [2])
        axes.axhline(1)
        axes.bar([1, 2, 3], [1, 2, 3])
        axes.scatter([1, 2], [3, 4])
        axes.fill_between([0, 1], [0, 1])
        axes.plot([1], [2])[0].set_visible(False)

    line = of(draw)
    assert line.startswith("2 lines, 3 bars, 1 scatter, 1 area, ")
    assert len(line) < 80
    assert of(lambda axes: None) == "0 numbers, digest 0.000 " + of(lambda axes: None)[-4:]


def test_a_line_on_axes_of_its_own_scale_is_not_hidden_by_other_axes() -> None:
    def draw(figure: Figure, value: float) -> str:
        left, right = figure.subplots(1, 2)
        left.plot([1e6, 2e6])
        right.plot([1e-6, value])
        return digest(figure)

    assert draw(Figure(), 2e-6) != draw(Figure(), 2.1e-6)


class Shown:
    """What a test saw displayed, in place of a notebook."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.objects: list[Any] = []
        monkeypatch.setattr("IPython.display.display", self.objects.append)


def test_show_displays_the_current_figure_once_and_prints_its_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = Shown(monkeypatch)
    plt.close("all")
    other, figure = plt.figure(), plt.figure()
    plt.plot([1, 2, 3])
    line = digest(figure)
    show()
    assert capsys.readouterr().out == f"picture: {line}\n"
    (picture,) = shown.objects
    assert picture._repr_png_()[1:4] == b"PNG"
    assert repr(picture) == repr(figure)
    assert plt.get_fignums() == [other.number]
    plt.close("all")


def test_show_takes_a_figure_that_pyplot_does_not_know(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = Shown(monkeypatch)
    figure = Figure()
    figure.subplots().plot([1, 2])
    show(figure)
    assert len(shown.objects) == 1
    assert capsys.readouterr().out == f"picture: {digest(figure)}\n"


def test_show_without_a_figure_says_what_to_do() -> None:
    plt.close("all")
    with pytest.raises(ValueError, match="no open figure; draw first, or write show"):
        show()
    assert plt.get_fignums() == []


def test_show_of_axes_says_where_their_figure_is() -> None:
    axes: Any = Figure().subplots()
    with pytest.raises(TypeError, match=r"got Axes; for axes: axes\.figure"):
        show(axes)
