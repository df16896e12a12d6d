"""Build the notebooks: src/NAME.md, text that a person edits -> notebooks/NAME.ipynb, executed."""

import os
import sys
import tempfile
from pathlib import Path

import jupytext
import matplotlib
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

HERE = Path(__file__).parent
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}


def main() -> None:
    """Build the notebooks that the command line names, or all of them."""
    names = sys.argv[1:] or [path.stem for path in sorted((HERE / "src").glob("*.md"))]
    for name in names:
        notebook = read(HERE / "src" / f"{name}.md")
        execute(notebook)
        nbformat.write(notebook, HERE / "notebooks" / f"{name}.ipynb")


def read(source: Path) -> NotebookNode:
    """Return the notebook of a text source, not executed, with nothing in it that could vary."""
    notebook = jupytext.read(source)
    notebook.metadata = NotebookNode(kernelspec=NotebookNode(KERNELSPEC))
    for number, cell in enumerate(notebook.cells):
        cell.id = str(number)
        cell.metadata.pop("lines_to_next_cell", None)
    return notebook


def execute(notebook: NotebookNode) -> None:
    """Run the cells and keep their outputs."""
    folder = {"metadata": {"path": str(HERE / "notebooks")}}
    client = NotebookClient(
        notebook, timeout=120, record_timing=False, store_widget_state=False, resources=folder
    )
    with tempfile.TemporaryDirectory() as empty:
        client.execute(env=os.environ | without_own_settings(empty))
    notebook.metadata.pop("language_info")  # It names the Python version that ran the cells.


def without_own_settings(empty: str) -> dict[str, str]:
    """Return variables for a kernel that draws and prints as a new installation does."""
    standard = str(Path(matplotlib.get_data_path()) / "matplotlibrc")
    return {
        "IPYTHONDIR": empty,
        "MATPLOTLIBRC": standard,
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }


if __name__ == "__main__":
    main()
