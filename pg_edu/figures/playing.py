"""Put sliders above a picture, which is drawn again when one of them moves.

In a running notebook the sliders need ipywidgets, which Jupyter and Google Colab bring along. A
stored page shows the picture that the sliders start with, and a sentence in their place.
"""

import html
import inspect
import math
import sys
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

from matplotlib.figure import Figure

from pg_edu.figures.digests import close, digest
from pg_edu.figures.frames import few_enough, record_frames, recording_folder
from pg_edu.figures.style import save_figure

SENTENCE = "(The sliders move in a running notebook.)"
"""The text that takes the place of the sliders where no notebook runs."""

VIEW = "application/vnd.jupyter.widget-view+json"
"""The type of an output that a running notebook replaces by a widget."""


class Sliders:
    """The sliders as a notebook displays them: widgets where it runs, a sentence elsewhere.

    By itself a widget would leave its whole `repr` in the stored page.

    Args:
        box: the widget that holds the sliders; None without ipywidgets.
    """

    def __init__(self, box: Any | None) -> None:
        self._box = box

    def __repr__(self) -> str:
        return SENTENCE

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        if self._box is None:
            return {}
        return {VIEW: {"version_major": 2, "version_minor": 0, "model_id": self._box.model_id}}


def play(draw: Callable[..., Figure], /, **sliders: Any) -> None:
    """Show the picture that `draw` makes below one slider for each of its parameters.

    When a slider is released, `draw` is called again and the picture changes in place. If `draw`
    raises then, its message appears below the sliders and the picture stays. Below the picture
    stands the digest of the first one, as `show` prints it. Without ipywidgets there is only the
    first picture.

    Args:
        draw: takes the values of the sliders by name and returns a Matplotlib figure, made by
            pyplot or by `Figure()`. A parameter with a default value needs no slider.
        sliders: for each parameter either `(low, high, start)`, where a fourth entry sets the step
            (otherwise 1 if all are integers, and a twentieth of the range if not), or a list of
            values, of which the first one is the start.

    Raises:
        TypeError: `draw` returns no figure, or a slider is neither a tuple of numbers nor a list.
        ValueError: The sliders are not those that `draw` needs, or a range is empty, does not
            contain its start, or has no positive step, or a list has fewer than two values.

    Example:
        >>> def draw(gamma, n):
        ...     figure = Figure(figsize=(6, 3), layout="constrained")
        ...     figure.subplots().plot([gamma**k for k in range(n)])
        ...     return figure
        >>> play(draw, gamma=(0.0, 1.0, 0.9), n=[3, 5, 10])  # doctest: +SKIP
    """
    from IPython.display import Image, display

    _check_names(draw, sliders)
    first = {name: _start(name, slider) for name, slider in sliders.items()}
    png, line = _drawn(draw, first)
    message, widgets = _widgets(sliders)
    display(Sliders(_box(message, widgets)))
    handle = display(Image(png), display_id=True)
    print(f"picture at the start: {line}")

    def redraw(_: Any) -> None:
        try:
            png, _ = _drawn(draw, {name: widget.value for name, widget in widgets.items()})
        except Exception as error:
            message.value = _one_line(error)
        else:
            message.value = ""
            handle.update(Image(png))

    for widget in widgets.values():
        widget.observe(redraw, names="value")
    _record(draw, sliders, first)


def _record(draw: Callable[..., Figure], sliders: Mapping[str, Any], first: Any) -> None:
    """Draw the frames for a page on which no Python runs, if a page is being built for one."""
    folder = recording_folder()
    if folder is not None:
        ranges = {name: _positions(slider, first[name]) for name, slider in sliders.items()}
        positions = few_enough(ranges, first)
        record_frames(lambda values: _drawn(draw, values)[0], positions, first, folder)


def _positions(slider: Any, start: Any) -> list[Any]:
    """Return the values that a slider can have, rounded as it shows them."""
    if isinstance(slider, list):
        return list(slider)
    low, high = slider[:2]
    step = _step(slider)
    values = [low + k * step for k in range(1 + math.floor((high - low) / step + 1e-9))]
    if not _is_whole(slider):
        digits = _decimals(low, start, step)
        values = [round(float(value), digits) for value in values]
    return values


def _check_names(draw: Any, sliders: Mapping[str, Any]) -> None:
    """Raise unless there is a slider for each parameter, and a parameter for each slider."""
    if not callable(draw):
        raise TypeError(f"draw: expected a function that returns a figure, got {draw!r}")
    parameters = inspect.signature(draw).parameters.values()
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters)
    named = {p.name: p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    without = [name for name, p in named.items() if p.default is p.empty and name not in sliders]
    if without:
        example = ", ".join(f"{name}=(low, high, start)" for name in without)
        raise ValueError(f"draw has no slider for {', '.join(without)}; write {example}")
    unknown = [name for name in sliders if name not in named and not takes_all]
    if unknown:
        has = f"draw takes {', '.join(named) or 'nothing'}"
        raise ValueError(f"draw has no parameter for the slider {', '.join(unknown)}; {has}")
    if not sliders:
        raise ValueError("play: expected at least one slider, such as gamma=(0.0, 1.0, 0.9)")


def _start(name: str, slider: Any) -> Any:
    """Check a slider and return the value that it starts with."""
    if isinstance(slider, list):
        if len(slider) < 2:
            raise ValueError(f"{name}: expected a list of at least two values, got {slider}")
        return slider[0]
    if not isinstance(slider, tuple) or not all(map(_is_number, slider)):
        expected = "expected numbers (low, high, start), or a list of values"
        raise TypeError(f"{name}: {expected}, got {slider!r}")
    if len(slider) not in (3, 4):
        raise ValueError(f"{name}: expected (low, high, start) or a step as well, got {slider}")
    low, high, start = slider[:3]
    if not low < high:
        raise ValueError(f"{name}: expected low < high, got {low} and {high}")
    if not low <= start <= high:
        raise ValueError(f"{name}: expected a start from {low} to {high}, got {start}")
    if not 0 < _step(slider) < math.inf:
        raise ValueError(f"{name}: expected finite numbers and a positive step, got {slider}")
    return int(start) if _is_whole(slider) else float(start)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _step(slider: tuple[Any, ...]) -> Any:
    low, high, _, *step = slider
    if step:
        return step[0]
    return 1 if _is_whole(slider) else (high - low) / 20


def _is_whole(slider: tuple[Any, ...]) -> bool:
    return all(isinstance(number, Integral) for number in slider)


def _drawn(draw: Callable[..., Figure], values: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return a picture as a PNG, and its digest; leave no figure of `draw` open in pyplot.

    Otherwise a figure would be displayed once more below a later cell.
    """
    before = _open_figures()
    try:
        figure = draw(**values)
        if not isinstance(figure, Figure):
            got = type(figure).__name__
            raise TypeError(f"draw: expected a Matplotlib figure, got {got}; end it with a return")
        line = digest(figure)
        png = save_figure(figure)
        close(figure)
        return png, line
    finally:
        for number in _open_figures() - before:
            sys.modules["matplotlib.pyplot"].close(number)


def _open_figures() -> set[int]:
    pyplot = sys.modules.get("matplotlib.pyplot")
    return set() if pyplot is None else set(pyplot.get_fignums())


def _widgets(sliders: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return a widget for messages, and one for each slider; nothing without ipywidgets."""
    try:
        import ipywidgets
    except ImportError:
        return None, {}
    return ipywidgets.HTML(), {name: _widget(name, slider) for name, slider in sliders.items()}


def _widget(name: str, slider: Any) -> Any:
    """Return the widget of one slider."""
    import ipywidgets

    look = {
        "description": name,
        "continuous_update": False,
        "style": {"description_width": "initial"},
    }
    if isinstance(slider, list):
        # The texts come first in each pair, because a value can be a pair itself.
        options = [(str(value), value) for value in slider]
        return ipywidgets.SelectionSlider(options=options, value=slider[0], **look)
    low, high, start = slider[:3]
    step = _step(slider)
    numbers = {"min": low, "max": high, "value": start, "step": step}
    if _is_whole(slider):
        return ipywidgets.IntSlider(**numbers, **look)
    digits = _decimals(low, start, step)
    return ipywidgets.FloatSlider(**numbers, **look, readout_format=f".{digits}f")


def _decimals(*numbers: float) -> int:
    """Return how many decimals tell the positions of a slider apart, from 1 to 6."""
    for digits in range(1, 6):
        scaled = [number * 10**digits for number in numbers]
        if all(math.isclose(x, round(x), rel_tol=1e-9, abs_tol=1e-9) for x in scaled):
            return digits
    return 6


def _box(message: Any, widgets: Mapping[str, Any]) -> Any | None:
    """Return the widget that holds the sliders and, below them, the message."""
    if not widgets:
        return None
    import ipywidgets

    return ipywidgets.VBox([*widgets.values(), message])


def _one_line(error: Exception) -> str:
    """Return the name of an exception and the first line of its message as HTML."""
    first = str(error).strip().split("\n")[0]
    return html.escape(f"{type(error).__name__}: {first}".removesuffix(": "))
