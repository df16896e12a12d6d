"""A slider that moves draws the picture again, and a stored page keeps no widget."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import build
import ipywidgets
import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

from pg_edu.figures import digest, play, save_figure
from pg_edu.figures.playing import SENTENCE, VIEW, Sliders


def weights(gamma: float, n: int) -> Figure:
    figure = Figure(figsize=(3, 2))
    figure.subplots().plot([gamma**k for k in range(n)])
    return figure


class Page:
    """What a notebook displays: it stands in for `display`, and for the handle that it returns."""

    def __init__(self) -> None:
        self.shown: list[Any] = []
        self.updates: list[bytes] = []

    def display(self, value: Any, display_id: bool = False) -> "Page | None":
        self.shown.append(value)
        return self if display_id else None

    def update(self, image: Any) -> None:
        self.updates.append(image.data)

    @property
    def sliders(self) -> list[Any]:
        return list(self.shown[0]._box.children[:-1])

    @property
    def message(self) -> str:
        return str(self.shown[0]._box.children[-1].value)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    made = Page()
    monkeypatch.setattr("IPython.display.display", made.display)
    return made


def test_the_first_picture_is_below_the_sliders_and_its_digest_below_both(
    page: Page, capsys: pytest.CaptureFixture[str]
) -> None:
    play(weights, gamma=(0, 1, 0.9), n=[3, 5, 10, 20])
    sliders, image = page.shown
    assert isinstance(sliders, Sliders)
    assert image.data == save_figure(weights(0.9, 3))
    assert capsys.readouterr().out == f"picture at the start: {digest(weights(0.9, 3))}\n"
    assert page.updates == []


def test_a_slider_that_moves_updates_the_picture_with_the_values_of_all(page: Page) -> None:
    play(weights, gamma=(0, 1, 0.9), n=[3, 5, 10, 20])
    gamma, n = page.sliders
    gamma.value = 0.5
    n.value = 10
    n.index = 3
    assert page.updates == [
        save_figure(figure) for figure in (weights(0.5, 3), weights(0.5, 10), weights(0.5, 20))
    ]
    assert len(page.shown) == 2


def test_ranges_and_lists_become_the_sliders_that_fit_them(page: Page) -> None:
    def draw(whole: int, real: float, fine: float, coarse: int, chosen: str) -> Figure:
        return Figure()

    play(
        draw,
        whole=(-3, 8, 2),
        real=(0, 2, 1.5),
        fine=(0, 1, 0, 0.001),
        coarse=(0, 100, 50, 25),
        chosen=["b", "a"],
    )
    whole, real, fine, coarse, chosen = page.sliders
    kinds = [type(slider).__name__ for slider in page.sliders]
    assert kinds == ["IntSlider", "FloatSlider", "FloatSlider", "IntSlider", "SelectionSlider"]
    assert [s.description for s in page.sliders] == ["whole", "real", "fine", "coarse", "chosen"]
    assert not any(s.continuous_update for s in page.sliders)
    assert (whole.min, whole.max, whole.value, whole.step) == (-3, 8, 2, 1)
    assert (real.min, real.max, real.value, real.step) == (0, 2, 1.5, 0.1)
    assert (fine.value, fine.step, fine.readout_format) == (0, 0.001, ".3f")
    assert (coarse.value, coarse.step) == (50, 25)
    assert chosen.value == "b"


def test_values_of_a_list_can_be_pairs(page: Page) -> None:
    seen = []

    def draw(pair: tuple[int, int]) -> Figure:
        seen.append(pair)
        return Figure(figsize=(1, 1))

    play(draw, pair=[(1, 2), (3, 4)])
    page.sliders[0].index = 1
    assert seen == [(1, 2), (3, 4)]


def test_an_exception_after_a_move_is_one_line_of_text_and_the_picture_stays(page: Page) -> None:
    def draw(n: int) -> Figure:
        if n == 2:
            raise ValueError("n < 3\nis needed")
        return weights(0.5, n)

    play(draw, n=(1, 5, 4))
    page.sliders[0].value = 2
    assert page.message == "ValueError: n &lt; 3"
    assert page.updates == []
    page.sliders[0].value = 3
    assert page.message == ""
    assert page.updates == [save_figure(weights(0.5, 3))]


def test_an_exception_of_the_first_call_is_raised_and_nothing_is_displayed(page: Page) -> None:
    with pytest.raises(ZeroDivisionError):
        play(lambda n: Figure((1 / n, 1)), n=(0, 1, 0))
    assert page.shown == []


@pytest.mark.parametrize("fails", [False, True])
def test_figures_of_pyplot_are_closed_but_not_those_that_were_open(page: Page, fails: bool) -> None:
    plt.close("all")
    mine = plt.figure()

    def draw(n: int) -> Figure:
        figure, axes = plt.subplots()
        plt.figure()
        axes.plot(range(n))
        if fails and n == 2:
            raise RuntimeError
        return figure

    play(draw, n=(1, 5, 4))
    page.sliders[0].value = 2
    assert (page.message, len(page.updates)) == (("RuntimeError", 0) if fails else ("", 1))
    assert plt.get_fignums() == [mine.number]
    plt.close("all")


def test_what_is_displayed_for_the_sliders_is_a_sentence_and_a_view() -> None:
    box = ipywidgets.VBox([])
    assert repr(Sliders(box)) == SENTENCE
    view = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    assert Sliders(box)._repr_mimebundle_() == {VIEW: view}


def test_without_ipywidgets_there_are_the_picture_and_the_sentence(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    play(weights, gamma=(0, 1, 0.9), n=[3, 5])
    sliders, image = page.shown
    assert (repr(sliders), sliders._repr_mimebundle_()) == (SENTENCE, {})
    assert image.data == save_figure(weights(0.9, 3))


def test_a_parameter_with_a_default_needs_no_slider(page: Page) -> None:
    def draw(n: int, gamma: float = 0.5, **others: float) -> Figure:
        assert others == {"more": 1}
        return weights(gamma, n)

    play(draw, n=(1, 5, 4), more=(0, 2, 1))
    assert page.shown[1].data == save_figure(weights(0.5, 4))


N: dict[str, Any] = {"n": (1, 5, 3)}


@pytest.mark.parametrize(
    ("draw", "sliders", "error", "message"),
    [
        (weights, N, ValueError, r"no slider for gamma; write gamma=\(low, high, start\)"),
        (weights, {}, ValueError, "no slider for gamma, n"),
        (lambda n: Figure(), {"m": (0, 1, 0), **N}, ValueError, "the slider m; draw takes n"),
        (lambda: Figure(), N, ValueError, "the slider n; draw takes nothing"),
        (lambda: Figure(), {}, ValueError, "at least one slider"),
        (lambda n: Figure(), {"n": (5, 1, 3)}, ValueError, "n: expected low < high, got 5 and 1"),
        (lambda n: Figure(), {"n": (1, 1, 1)}, ValueError, "low < high"),
        (lambda n: Figure(), {"n": (1, 5, 6)}, ValueError, "n: expected a start from 1 to 5"),
        (lambda n: Figure(), {"n": (1, 5, float("nan"))}, ValueError, "a start from 1 to 5"),
        (lambda n: Figure(), {"n": (1, float("inf"), 2)}, ValueError, "finite numbers"),
        (lambda n: Figure(), {"n": (1, 5, 3, 0)}, ValueError, "a positive step"),
        (lambda n: Figure(), {"n": (1, 5)}, ValueError, r"\(low, high, start\)"),
        (lambda n: Figure(), {"n": []}, ValueError, "n: expected a list of at least two values"),
        (lambda n: Figure(), {"n": [1]}, ValueError, "at least two values"),
        (lambda n: Figure(), {"n": 3}, TypeError, "n: expected numbers .* or a list of values"),
        (lambda n: Figure(), {"n": ("a", "b", "c")}, TypeError, "n: expected numbers"),
        (lambda n: None, N, TypeError, "expected a Matplotlib figure, got NoneType; end it"),
        (Figure(), N, TypeError, "draw: expected a function"),
    ],
)
def test_wrong_sliders_and_wrong_pictures_raise_before_anything_is_displayed(
    page: Page, draw: Callable[..., Any], sliders: dict[str, Any], error: Any, message: str
) -> None:
    with pytest.raises(error, match=message):
        play(draw, **sliders)
    assert page.shown == []


TOY = """```python
from matplotlib.figure import Figure

from pg_edu.figures import play


def draw(n):
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot(range(n))
    return figure


play(draw, n=(1, 5, 3))
```
"""


@pytest.mark.slow
def test_a_stored_page_holds_the_sentence_and_nothing_of_the_widgets(tmp_path: Path) -> None:
    source = tmp_path / "toy.md"
    source.write_text(TOY, encoding="utf-8")
    notebook = build.read(source)
    build.execute(notebook, tmp_path)
    assert notebook.metadata == {"kernelspec": build.KERNELSPEC}
    sentence, picture, line = notebook.cells[0].outputs
    assert sentence.data == {"text/plain": SENTENCE}
    assert set(picture.data) == {"image/png", "text/plain"}
    assert line.text.startswith("picture at the start: 1 line, 6 numbers, digest ")
    assert "widget" not in json.dumps(notebook)
