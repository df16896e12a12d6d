"""The notebooks meet every requirement except reproducibility, which `pytest --nbval` checks.

For example, `--nbval` would pass a notebook that has lost its outputs or shows a machine's paths.
"""

import ast
import base64
import io
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import build
import nbformat
import numpy as np
import pytest
from kernel_settings import without_own_settings
from nbclient.exceptions import CellExecutionError
from PIL import Image

from pg_edu.figures import animation

ROOT = Path(__file__).parents[2]
SOURCES = build.sources([])
FOLDING = {tag for fold in build.FOLDS.values() for tag in fold["tags"]}
FOLDED_BY = {key for fold in build.FOLDS.values() for key in fold}
CHECK = re.compile(r"^check\(\"(.*?)\", (\w+)\)", re.MULTILINE)

every_notebook = pytest.mark.parametrize("source", SOURCES, ids=build.name)


def executed(source: Path) -> Any:
    return nbformat.read(build.built(source), as_version=4)


def code_cells(source: Path) -> list[Any]:
    return [cell for cell in executed(source).cells if cell.cell_type == "code"]


def printed(cell: Any) -> str:
    """Return all text that a reader sees below a cell: streams, results, tables, tracebacks."""
    texts: list[str] = []
    for output in cell.outputs:
        texts.append(output.get("text", ""))
        texts += output.get("traceback", [])
        texts += [v for kind, v in output.get("data", {}).items() if kind.startswith("text/")]
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(texts))  # without the codes of colors


def test_each_source_has_its_notebook_and_each_notebook_its_source() -> None:
    built = [*build.FOLDER.glob("*.ipynb"), *build.FOLDER.glob("deeper/*.ipynb")]
    assert sorted(built) == sorted(build.built(source) for source in SOURCES) != []


@every_notebook
def test_the_readme_and_notebook_00_or_its_core_page_link_to_it(source: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    deeper = source.parent.name == "deeper"
    page = source.parents[1] / source.name if deeper else SOURCES[0]
    assert f"](notebooks/{build.name(source)}.ipynb)" in readme
    linked = f"]({build.name(source)}.ipynb)" in page.read_text(encoding="utf-8")
    assert linked or source == SOURCES[0]


@every_notebook
def test_cells_are_those_of_the_source(source: Path) -> None:
    assert build.cells(executed(source)) == build.cells(build.read(source)), (
        f"run: python notebooks/build.py {build.name(source)}"
    )


@every_notebook
def test_every_cell_was_executed_in_order(source: Path) -> None:
    counts = [cell.execution_count for cell in code_cells(source)]
    assert counts == list(range(1, len(counts) + 1))


@every_notebook
def test_every_claim_left_its_verdict(source: Path) -> None:
    claiming = [c for c in code_cells(source) if re.search(r"^\s*claim\(", c.source, re.MULTILINE)]
    assert claiming, "a notebook proves at least one claim"
    for cell in claiming:
        assert "✓" in printed(cell)


@every_notebook
def test_nothing_was_written_to_stderr(source: Path) -> None:
    outputs = [output for cell in code_cells(source) for output in cell.outputs]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]


@every_notebook
def test_outputs_name_no_memory_address_and_no_path_of_a_machine(source: Path) -> None:
    for cell in code_cells(source):
        assert not re.findall(r"\b0x[0-9a-f]{4,}", printed(cell))
        assert not absolute_paths(printed(cell))


def absolute_paths(text: str) -> list[str]:
    return re.findall(r"(?<![\w.:/<])/[\w.-]+/[\w./-]*|\b[A-Za-z]:\\\S*", text)


@pytest.mark.parametrize("text", ["see /home/ada/x.py:3", "'/usr/lib'", r"File C:\Users\ada"])
def test_an_absolute_path_is_noticed(text: str) -> None:
    assert absolute_paths(text)


@pytest.mark.parametrize("text", ["https://example.org/a/b", "runs/x/y.png", "</b></p>", "3 / 4/5"])
def test_a_relative_path_or_an_address_is_not_mistaken_for_an_absolute_path(text: str) -> None:
    assert not absolute_paths(text)


@every_notebook
def test_no_cell_is_hidden_from_the_comparison(source: Path) -> None:
    for cell in executed(source).cells:
        assert set(cell.metadata.get("tags", [])) <= {"raises-exception", *FOLDING}
        assert not re.search(r"#\s*(NBVAL|PYTEST_VALIDATE)_", cell.source)


@every_notebook
def test_no_code_cell_ends_in_a_semicolon(source: Path) -> None:
    assert not [c.source for c in code_cells(source) if c.source.rstrip().endswith(";")]


@every_notebook
def test_code_cells_are_short(source: Path) -> None:
    assert max(cell.source.count("\n") + 1 for cell in code_cells(source)) <= 30


@every_notebook
def test_metadata_is_the_bare_kernelspec(source: Path) -> None:
    notebook = executed(source)
    assert notebook.metadata == {"kernelspec": build.KERNELSPEC}  # no widget state, no version
    assert {key for cell in notebook.cells for key in cell.metadata} <= {"tags", *FOLDED_BY}


@every_notebook
def test_file_is_small(source: Path) -> None:
    assert build.built(source).stat().st_size < 500_000


@every_notebook
def test_first_code_cell_is_that_of_notebook_00_and_prints_nothing(source: Path) -> None:
    """What it does is tested in test_first_cell.py."""
    assert code_cells(source)[0].source == code_cells(SOURCES[0])[0].source
    assert code_cells(source)[0].outputs == []


def names_in(code: str) -> set[str]:
    nodes = list(ast.walk(ast.parse(code)))
    return {n.id for n in nodes if isinstance(n, ast.Name)} | {
        n.name for n in nodes if isinstance(n, ast.FunctionDef)
    }


@every_notebook
def test_no_later_cell_uses_the_answer_of_an_exercise(source: Path) -> None:
    """Otherwise the page would stop wherever the reader has not solved it yet."""
    cells = [cell.source for cell in code_cells(source)]
    asked = [(cell, *found) for cell in cells for found in CHECK.findall(cell)]
    for cell, _, answer in asked:
        stub = re.compile(rf"^(def {answer}\(|{answer} = None)", re.MULTILINE)
        users = [other for other in cells[1:] if answer in names_in(other)]
        assert len(users) == 2 and stub.search(users[0]) and users[1] == cell


TOY = "# Toy\n\n```python\nprint(1)\n```\n"


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """Return the source of a notebook in a folder of its own, built without being executed."""
    source = tmp_path / "src" / "00_toy.md"
    source.parent.mkdir()
    source.write_text(TOY, encoding="utf-8")
    build.write(build.read(source), build.built(source))
    return source


def test_a_notebook_that_matches_its_source_passes_the_check(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build.check([toy]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("edited", [TOY.replace("print(1)", "print(2)"), TOY + "\nThe end.\n"])
def test_a_source_that_was_edited_is_named_with_the_command_that_rebuilds_it(
    toy: Path, edited: str, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.write_text(edited, encoding="utf-8")
    assert build.check([toy]) == 1
    message = capsys.readouterr().err
    assert message.startswith("notebooks/00_toy.ipynb does not match notebooks/src/00_toy.md.")
    assert message.endswith("python notebooks/build.py 00_toy\n")


def test_a_notebook_that_was_never_built_fails_the_check(toy: Path) -> None:
    build.built(toy).unlink()
    assert build.check([toy]) == 1


def test_the_check_executes_nothing_and_changes_nothing(toy: Path) -> None:
    before = build.built(toy).read_bytes()
    toy.write_text("```python\nraise SystemExit\n```\n", encoding="utf-8")
    build.check([toy])
    assert build.built(toy).read_bytes() == before


@pytest.fixture
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give Matplotlib and IPython a user's settings, each of which changes what a plot leaves."""
    profile = tmp_path / "ipython" / "profile_default"
    profile.mkdir(parents=True)
    (profile / "ipython_kernel_config.py").write_text('c.InlineBackend.figure_formats = {"svg"}\n')
    (tmp_path / "settings").write_text("figure.figsize: 2, 2\n", encoding="utf-8")
    monkeypatch.setenv("IPYTHONDIR", str(profile.parent))
    monkeypatch.setenv("MATPLOTLIBRC", str(tmp_path / "settings"))
    monkeypatch.setenv("MPLBACKEND", "agg")


@pytest.mark.usefixtures("own_settings")
def test_pytest_runs_notebooks_without_the_users_settings() -> None:
    runpy.run_path(str(build.FOLDER / "conftest.py"))
    folder = Path(os.environ["IPYTHONDIR"])
    assert not any(folder.rglob("*"))
    for name, value in without_own_settings(str(folder)).items():
        assert os.environ[name] == value


@pytest.mark.slow
def test_the_same_source_is_built_into_the_same_bytes_whatever_the_users_settings(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    source = tmp_path / "toy.md"
    source.write_text(
        "# Toy\n\n```python\nfor number in range(3):\n    print(number, flush=True)\n```\n\n"
        "```python\nimport matplotlib.pyplot as plt\n\nplt.plot([1, 2])\nplt.show()\n```\n",
        encoding="utf-8",
    )
    for name in ("once.ipynb", "twice.ipynb"):
        if name == "twice.ipynb":
            request.getfixturevalue("own_settings")
        notebook = build.read(source)
        build.execute(notebook, tmp_path)
        build.write(notebook, tmp_path / name)
    once = (tmp_path / "once.ipynb").read_bytes()
    assert b"image/png" in once
    assert once == (tmp_path / "twice.ipynb").read_bytes()


@pytest.mark.slow
def test_a_false_claim_stops_the_build(tmp_path: Path) -> None:
    source = tmp_path / "toy.md"
    source.write_text(
        "```python\nfrom pg_edu.course import claim\n\nclaim('no', False)\n```\n",
        encoding="utf-8",
    )
    with pytest.raises(CellExecutionError, match="✗ no"):
        build.execute(build.read(source), tmp_path)


@pytest.mark.slow
def test_an_unknown_notebook_is_named_in_a_message_that_lists_the_known_ones() -> None:
    command = [sys.executable, str(build.FOLDER / "build.py"), "99_nothing"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("no notebook is called 99_nothing; there are: 00_quickstart")


@pytest.mark.parametrize("opacity", [255, 128])
def test_a_compressed_picture_has_the_same_pixels_in_fewer_bytes(opacity: int) -> None:
    pixels = np.full((60, 80, 4), opacity, np.uint8)
    pixels[..., 0] = np.arange(80)
    drawn = io.BytesIO()
    Image.fromarray(pixels).save(drawn, "png", compress_level=1)
    stored = base64.b64decode(build.compressed(base64.b64encode(drawn.getvalue()).decode()))
    found = Image.open(io.BytesIO(stored))
    assert found.mode == ("RGB" if opacity == 255 else "RGBA")
    assert (np.asarray(found.convert("RGBA")) == pixels).all()
    assert len(stored) < len(drawn.getvalue())


def test_an_animation_is_stored_as_it_is() -> None:
    frames = [Image.new("RGB", (60, 40), color) for color in ("red", "green", "blue")]
    picture = base64.b64encode(animation(frames, still=1)).decode()
    assert build.compressed(picture) == picture
