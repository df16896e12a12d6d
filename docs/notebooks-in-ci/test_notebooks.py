"""What `pytest --nbval` does not see."""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from build import HERE, KERNELSPEC, read

SOURCES = sorted((HERE / "src").glob("*.md"))
every_notebook = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)


def notebook(source: Path) -> Any:
    return nbformat.read(HERE / "notebooks" / f"{source.stem}.ipynb", as_version=4)


def code_cells(source: Path) -> list[Any]:
    return [cell for cell in notebook(source).cells if cell.cell_type == "code"]


def printed(cell: Any) -> str:
    """Return all text that a reader sees below a cell."""
    texts = [output.get("text", "") for output in cell.outputs]
    texts += [output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "\n".join(texts)


@every_notebook
def test_the_cells_are_those_of_the_source(source: Path) -> None:
    stored = [(cell.cell_type, cell.source) for cell in notebook(source).cells]
    assert stored == [(cell.cell_type, cell.source) for cell in read(source).cells], (
        f"run: python build.py {source.stem}"
    )


@every_notebook
def test_every_cell_was_executed_in_order(source: Path) -> None:
    counts = [cell.execution_count for cell in code_cells(source)]
    assert counts == list(range(1, len(counts) + 1))


@every_notebook
def test_nothing_was_written_to_stderr(source: Path) -> None:
    outputs = [output for cell in code_cells(source) for output in cell.outputs]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]


@every_notebook
def test_outputs_name_no_address_and_no_path_of_a_machine(source: Path) -> None:
    for cell in code_cells(source):
        assert not re.findall(r"\b0x[0-9a-f]{4,}|(?<![\w.:/<])/(?:home|tmp|usr)/", printed(cell))


@every_notebook
def test_no_cell_is_kept_from_the_comparison(source: Path) -> None:
    for cell in notebook(source).cells:
        assert not re.search(r"#\s*(NBVAL|PYTEST_VALIDATE)_", cell.source)
        assert not any(tag.startswith("nbval") for tag in cell.metadata.get("tags", []))


@every_notebook
def test_no_code_cell_ends_in_a_semicolon(source: Path) -> None:
    assert not [cell.source for cell in code_cells(source) if cell.source.rstrip().endswith(";")]


@every_notebook
def test_the_metadata_is_the_kernelspec_alone(source: Path) -> None:
    assert notebook(source).metadata == {"kernelspec": KERNELSPEC}
