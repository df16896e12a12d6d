"""Build the notebooks: text source, src/NN_name.md -> executed notebook, NN_name.ipynb.

    python notebooks/build.py [NAMES]

A name is a file's name or its number: `00_quickstart`, or `00`; without names all are built. The
same source gives the same bytes, pictures included, on the same machine and versions.
"""

import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parent
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}


def sources(names: list[str]) -> list[Path]:
    """The sources of the named notebooks, in order; of all of them if no name is given."""
    found = sorted((FOLDER / "src").glob("*.md"))
    unknown = [n for n in names if not any(n in (s.stem, s.stem[:2]) for s in found)]
    if unknown:
        known = ", ".join(source.stem for source in found)
        sys.exit(f"no notebook is called {', '.join(unknown)}; there are: {known}")
    return [s for s in found if not names or s.stem in names or s.stem[:2] in names]


def read(source: Path) -> NotebookNode:
    """The notebook of a text source, not executed, with nothing in it that could vary."""
    notebook = jupytext.read(source)
    notebook.metadata = NotebookNode(kernelspec=NotebookNode(KERNELSPEC))
    for number, cell in enumerate(notebook.cells):
        cell.id = str(number)
    return notebook


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run the cells in `folder` and keep their outputs."""
    NotebookClient(
        notebook,
        timeout=120,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    ).execute(stderr=subprocess.DEVNULL)  # the kernel's own log; what cells print is kept
    del notebook.metadata["language_info"]  # names the Python that ran


def write(notebook: NotebookNode, path: Path) -> None:
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    for source in sources(sys.argv[1:]):
        notebook = read(source)
        execute(notebook, FOLDER)
        write(notebook, FOLDER / f"{source.stem}.ipynb")
        print(f"notebooks/{source.stem}.ipynb")
