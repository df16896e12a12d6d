"""Build the notebooks: text source, src/NN_name.md -> executed notebook, NN_name.ipynb.

    python notebooks/build.py [NAMES]            execute them
    python notebooks/build.py --check [NAMES]    only compare their cells with the sources

A name is a file's name or its number: `00_quickstart`, or `00`. Without names, all notebooks are
meant. The same source gives the same bytes, pictures included, on the same machine with the same
versions. `--check` takes seconds, executes nothing, and exits with status 1 if a notebook has to be
built again.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jupytext
import matplotlib
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parent
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}


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
        execute(notebook, FOLDER)
        write(notebook, built(source))
        print(f"notebooks/{source.stem}.ipynb")
    return 0


def sources(names: Sequence[str]) -> list[Path]:
    """Return the sources of the named notebooks in order, or all sources without a name."""
    found = sorted((FOLDER / "src").glob("*.md"))
    unknown = [n for n in names if not any(n in (s.stem, s.stem[:2]) for s in found)]
    if unknown:
        known = ", ".join(source.stem for source in found)
        sys.exit(f"no notebook is called {', '.join(unknown)}; there are: {known}")
    return [s for s in found if not names or s.stem in names or s.stem[:2] in names]


def built(source: Path) -> Path:
    """Return the path of the executed notebook: one folder above its source."""
    return source.parents[1] / f"{source.stem}.ipynb"


def check(chosen: Sequence[Path]) -> int:
    """Compare each notebook's cells with its source; print what differs, return the exit status."""
    differing = [source.stem for source in chosen if not matches(source)]
    for name in differing:
        print(
            f"notebooks/{name}.ipynb does not match notebooks/src/{name}.md. "
            f"Build it again: python notebooks/build.py {name}",
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
    return notebook


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run the cells in `folder` and keep their outputs."""
    client = NotebookClient(
        notebook,
        timeout=120,
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,
        resources={"metadata": {"path": str(folder)}},
    )
    with tempfile.TemporaryDirectory() as empty:
        variables = os.environ | without_own_settings(empty)
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


def without_own_settings(empty: str) -> dict[str, str]:
    """Return environment variables for a kernel that draws as a new Matplotlib and IPython do.

    Otherwise the user's MPLBACKEND, matplotlibrc and profile of IPython would decide whether a
    picture appears below a cell, in which format, and what is printed beside it.

    Args:
        empty: an empty folder, for the profile that IPython makes.
    """
    return {
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MATPLOTLIBRC": str(Path(matplotlib.get_data_path()) / "matplotlibrc"),
        "IPYTHONDIR": empty,
    }


def write(notebook: NotebookNode, path: Path) -> None:
    """Write the notebook as UTF-8 with Unix line ends on every system."""
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    sys.exit(main())
