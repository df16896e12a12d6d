"""A submitted file becomes cells of code, whatever has been done to it."""

import json
import re
import warnings
from dataclasses import dataclass, field
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

LONGEST_CELL = 200_000  # characters
MOST_CELLS = 2_000
MOST_CODE = 500_000  # characters of all cells: a statement of two takes a kilobyte to look at
HEADING = re.compile(r"^#+ Exercise (\d\d\.\d+)\b", re.MULTILINE)


class NoNotebook(ValueError):
    """The error for a file that is no notebook, with the reason."""


@dataclass(frozen=True)
class Notebook:
    """The cells of a notebook.

    Args:
        cells: the code of each code cell, with magics turned into Python.
        headings: the numbers of the exercises whose headings are in the text.
        whole: whether all was kept; a notebook with thousands of cells or endless code is cut.
    """

    cells: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    whole: bool = True


def read_notebook(content: bytes) -> Notebook:
    """Return the cells of a notebook; ids, metadata and outputs are not looked at.

    Raises:
        NoNotebook: the content is not a notebook.
    """
    cells = _cells(content)
    code: list[str] = []
    headings: list[str] = []
    left = MOST_CODE
    for cell in cells[:MOST_CELLS]:
        source = _source(cell)
        if cell.get("cell_type") == "code":
            code.append(_python(source[:left]))
            left -= len(code[-1])
        else:
            headings += HEADING.findall(source)
        left = max(left, 0)
    return Notebook(code, headings, len(cells) <= MOST_CELLS and left > 0)


def read_script(content: bytes) -> Notebook:
    """Return a Python file as a notebook with one cell.

    Raises:
        NoNotebook: the content is no text.
    """
    try:
        return Notebook([content.decode("utf-8-sig")[:LONGEST_CELL]])
    except UnicodeDecodeError as error:
        raise NoNotebook("the file is not Python: it is not text in UTF-8.") from error


def _cells(content: bytes) -> list[dict[str, Any]]:
    """Return the cells in the JSON of a notebook, also of one in the format of 2013."""
    if not content.strip():
        raise NoNotebook("the file is empty.")
    try:
        data = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise NoNotebook("the file is not a notebook: it is not JSON in UTF-8.") from error
    if not isinstance(data, dict):
        raise NoNotebook("the file is JSON, but not a notebook.")
    worksheets = data.get("worksheets")
    if isinstance(worksheets, list) and worksheets and isinstance(worksheets[0], dict):
        data = worksheets[0]
    cells = data.get("cells")
    if not isinstance(cells, list):
        raise NoNotebook("the file is JSON, but it has no cells.")
    return [cell for cell in cells if isinstance(cell, dict)]


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    return source[:LONGEST_CELL] if isinstance(source, str) else ""


def _python(source: str) -> str:
    """Return a cell as Python: `%matplotlib inline` becomes a call, for example."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return str(TransformerManager().transform_cell(source))
    except Exception:  # The kernel will say what is wrong with the cell.
        return source
