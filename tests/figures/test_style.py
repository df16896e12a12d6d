"""A saved figure depends on the figure alone, and drawing needs no display."""

import io
import subprocess
import sys
from pathlib import Path

from PIL import Image

from pg_edu.figures import learning_curve, save_figure


def test_saved_file_is_the_returned_png_without_a_date(tmp_path: Path) -> None:
    data = save_figure(learning_curve([1, 2], [3, 4]), tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes() == data
    picture = Image.open(io.BytesIO(data))
    assert picture.width >= 800
    assert set(picture.info) <= {"dpi"}


def test_same_figure_gives_the_same_png() -> None:
    first = save_figure(learning_curve([1, 2], [3, 4], target=5))
    second = save_figure(learning_curve([1, 2], [3, 4], target=5))
    assert first == second


def test_figures_need_neither_pyplot_nor_pygame() -> None:
    code = "import sys, pg_edu.figures; print({'matplotlib.pyplot', 'pygame'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
