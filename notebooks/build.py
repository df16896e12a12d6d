"""Build the notebooks: text source, src/NN_name.md -> executed notebook, NN_name.ipynb.

    python notebooks/build.py [NAMES]            execute them
    python notebooks/build.py --check [NAMES]    only compare their cells with the sources

A name is that of a page, `02_returns` or `deeper/02_returns`, or a number, `02`, which means both.
Without names, all pages are meant. The same source gives the same bytes, pictures included, on the
same machine with the same versions. `--check` takes seconds, executes nothing, and exits with
status 1 if a notebook has to be built again.

Three tags of a code cell fold it, in JupyterLab and on Colab: "setup" and "draw" hide the code of
the installation and of a picture, "answer" hides the code and what it prints. A paragraph
`*In the picture: ...*` below a cell that draws describes the picture; it is also the alt text.

What a reader without Python needs is stored in `frames/`: the frames of the figures with sliders,
and the answers to the guesses. The site shows them (`make site`); the notebooks do without.
"""

import argparse
import base64
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from kernel_settings import without_own_settings
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

FOLDER = Path(__file__).parent
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
# How a tag folds its cell: the keys are for JupyterLab and Colab, the second tag is for MyST-NB.
CODE_HIDDEN = {"jupyter": {"source_hidden": True}, "cellView": "form"}
ALL_HIDDEN = {"jupyter": {"source_hidden": True, "outputs_hidden": True}, "cellView": "form"}
FOLDS = {
    "setup": {**CODE_HIDDEN, "tags": ["setup", "hide-input"]},
    "draw": {**CODE_HIDDEN, "tags": ["draw", "hide-input"]},
    "answer": {**ALL_HIDDEN, "tags": ["answer", "hide-cell"]},
}
DESCRIPTION = re.compile(r"\*In the picture[^:*]*: (.+?)\*(?:\n\n|\Z)", re.DOTALL)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build or compare the notebooks that the command line names; return the exit status."""
    parser = argparse.ArgumentParser(description="Build the notebooks from notebooks/src.")
    parser.add_argument("names", nargs="*", metavar="NAMES", help="00, or 00_quickstart")
    parser.add_argument("--check", action="store_true", help="compare cells, execute nothing")
    given = parser.parse_args(arguments)
    chosen = sources(given.names)
    if given.check:
        return check(chosen)
    for source in chosen:
        notebook = read(source)
        with tempfile.TemporaryDirectory() as recorded:
            execute(notebook, built(source).parent, recorded)
            describe_pictures(notebook)
            compress_pictures(notebook)
            write(notebook, built(source))
            store_frames(Path(recorded), FOLDER / "frames" / name(source))
        print(f"notebooks/{name(source)}.ipynb")
    return 0


def sources(names: Sequence[str]) -> list[Path]:
    """Return the sources of the named pages in order, or all sources without a name."""
    folder = FOLDER / "src"
    found = [*sorted(folder.glob("*.md")), *sorted(folder.glob("deeper/*.md"))]
    unknown = [n for n in names if not any(n in names_of(s) for s in found)]
    if unknown:
        known = ", ".join(name(source) for source in found)
        sys.exit(f"no notebook is called {', '.join(unknown)}; there are: {known}")
    return [s for s in found if not names or names_of(s) & set(names)]


def names_of(source: Path) -> set[str]:
    """Return what a page may be called on the command line: its name and its number."""
    return {name(source), source.stem[:2]}


def name(source: Path) -> str:
    """Return the name of a page: its path below src, without the ending."""
    start = len(source.parts) - source.parts[::-1].index("src")
    return "/".join([*source.parts[start:-1], source.stem])


def built(source: Path) -> Path:
    """Return the path of the executed notebook: `src` is left out of the path of its source."""
    folder = source.parents[name(source).count("/") + 1]
    return folder / f"{name(source)}.ipynb"


def check(chosen: Sequence[Path]) -> int:
    """Compare each notebook's cells with its source; print what differs, return the exit status."""
    differing = [name(source) for source in chosen if not matches(source)]
    for page in differing:
        print(
            f"notebooks/{page}.ipynb does not match notebooks/src/{page}.md. "
            f"Build it again: python notebooks/build.py {page}",
            file=sys.stderr,
        )
    return 1 if differing else 0


def matches(source: Path) -> bool:
    """Return whether the executed notebook exists and has exactly the cells of its source."""
    path = built(source)
    if not path.exists():
        return False
    return cells(nbformat.read(path, as_version=4)) == cells(read(source))


def cells(notebook: NotebookNode) -> list[tuple[str, str, str, Any]]:
    """Return what a source decides about each cell: id, type, text and metadata."""
    return [(c.id, c.cell_type, c.source, c.metadata) for c in notebook.cells]


def read(source: Path) -> NotebookNode:
    """Return the notebook of a text source, not executed, with nothing in it that could vary."""
    notebook = jupytext.read(source)
    notebook.metadata = NotebookNode(kernelspec=NotebookNode(KERNELSPEC))
    for number, cell in enumerate(notebook.cells):
        cell.id = str(number)
        cell.metadata.pop("lines_to_next_cell", None)  # jupytext's, about the text source alone
        for tag in cell.metadata.get("tags", []):
            cell.metadata.update(nbformat.from_dict(FOLDS.get(tag, {})))
    return notebook


def execute(notebook: NotebookNode, folder: Path, recorded: str = "") -> None:
    """Run the cells in `folder` and keep their outputs.

    If `recorded` names a folder, `play` and `compare_guess` leave frames and answers in it.
    """
    client = NotebookClient(
        notebook,
        timeout=120,
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,
        resources={"metadata": {"path": str(folder)}},
    )
    with tempfile.TemporaryDirectory() as empty:
        variables = os.environ | without_own_settings(empty) | {"PG_EDU_RECORD": recorded}
        # The kernel's own log goes; what cells print is kept.
        client.execute(stderr=subprocess.DEVNULL, env=variables)
    del notebook.metadata["language_info"]  # It names the Python version that ran the cells.
    remove_widgets(notebook)


def remove_widgets(notebook: NotebookNode) -> None:
    """Remove the views of widgets from the outputs, and keep the texts that stand for them.

    A view names a model by a random number. The model is gone with the kernel, so a reader of the
    stored page would see an error.
    """
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    for output in outputs:
        output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)


def store_frames(recorded: Path, stem: Path) -> None:
    """Store what was recorded: NAME.json, and NAME-1.webp and so on, one for each figure."""
    for old in [*stem.parent.glob(f"{stem.name}-*.webp"), *stem.parent.glob(f"{stem.name}.json")]:
        old.unlink()
    figures = sorted(recorded.glob("figure-*.json"), key=lambda path: int(path.stem[7:]))
    answers = recorded / "answers.jsonl"
    lines = answers.read_text(encoding="utf-8").splitlines() if answers.exists() else []
    if not figures and not lines:
        return
    stem.parent.mkdir(parents=True, exist_ok=True)
    stored = {
        "figures": [json.loads(path.read_text(encoding="utf-8")) for path in figures],
        "answers": [json.loads(line) for line in lines],
    }
    text = json.dumps(stored, indent=1, ensure_ascii=False) + "\n"
    stem.with_name(f"{stem.name}.json").write_text(text, encoding="utf-8", newline="\n")
    for number, path in enumerate(figures, start=1):
        shutil.copy(path.with_suffix(".webp"), stem.with_name(f"{stem.name}-{number}.webp"))


def describe_pictures(notebook: NotebookNode) -> None:
    """Give each picture its alt text: the description that follows its cell on the page."""
    for cell, following in pairwise(notebook.cells):
        described = DESCRIPTION.match(following.source)
        for output in cell.get("outputs", []):
            if described and "image/png" in output.get("data", {}):
                output.metadata["image/png"] = {"alt": plain(described.group(1))}


def compress_pictures(notebook: NotebookNode) -> None:
    """Store each picture in fewer bytes, with the same pixels."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data:
                data["image/png"] = compressed(data["image/png"])


def compressed(picture: str) -> str:
    """Return a PNG in base64 without the channel of its opacity, if all of it is opaque.

    An animation stays as it is: to save it again would keep its first frame only.
    """
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        if getattr(image, "is_animated", False):
            return picture
        is_opaque = image.mode == "RGBA" and image.getextrema()[3] == (255, 255)
        shown = image.convert("RGB") if is_opaque else image
        buffer = io.BytesIO()
        shown.save(buffer, "png", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def plain(text: str) -> str:
    """Return a sentence of Markdown as plain text that begins with a capital letter."""
    words = re.sub(r"[*`]|\s*\n\s*", lambda m: " " if "\n" in m[0] else "", text)
    return words[0].upper() + words[1:]


def write(notebook: NotebookNode, path: Path) -> None:
    """Write the notebook as UTF-8 with Unix line ends on every system."""
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    sys.exit(main())
