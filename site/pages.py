"""Turn each executed notebook into a page on which one can play, guess and answer without Python.

Nothing is executed. A cell that calls `play` gets sliders over the frames that `notebooks/build.py`
drew; a cell that calls `compare_guess`, and one that checks an exercise whose answer is a value,
gets a field to write into. The right answers are in the page as plain text. A cell that checks a
function says where to write it. The line below a picture, which only nbval reads, is left out.
"""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import build
import nbformat
from links import site_links
from nbformat import NotebookNode
from places import NOTEBOOKS, ROOT, repository, write
from publish import tag_of_this_version

from pg_edu.course.records import record

BREAK = re.compile(r"(?:<br>)+\n+\*The answer comes next: write down your guess first\.\*\n*")
TITLE = re.compile(r"\A# @title (.*)\n?")
EMPTY_GUESS = re.compile(r"\A(\w+) = \.\.\.(?:  # (.*))?\Z")
VALUE = re.compile(r"^(\w+) = None", re.MULTILINE)
CHECK = re.compile(r'^check\("([\d.]+)", (\w+)\)', re.MULTILINE)
DIGEST = re.compile(r"^picture: .*, digest .*\n?", re.MULTILINE)
# The code of a cell with this title does nothing but compare.
COMPARES = "Compare your guess"


def write_pages() -> None:
    """Write the page of every notebook into the folder that Sphinx reads."""
    for source in build.sources([]):
        name = build.name(source)
        write(f"notebooks/{name}.ipynb", nbformat.writes(page(name)))


def page(name: str) -> NotebookNode:
    """Return the notebook with that name, such as "deeper/02_returns", as a page of the site."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    recorded = Recorded(name)
    notebook.cells = list(_cells(notebook.cells, recorded, f"notebooks/{name}.ipynb"))
    if recorded.remaining():
        raise ValueError(recorded.message)
    notebook.cells[0].source = _with_buttons(notebook.cells[0].source, name)
    if (NOTEBOOKS / "deeper" / f"{name}.ipynb").exists():
        tree = f"```{{toctree}}\n:hidden:\n\n{name[:2]} deeper <deeper/{name}>\n```"
        notebook.cells.append(nbformat.v4.new_markdown_cell(tree))
    return notebook


class Recorded:
    """What `notebooks/build.py` stored beside a page, handed out in the order of its cells."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.message = f"{name}: its frames do not fit its cells. Run notebooks/build.py {name}"
        path = NOTEBOOKS / "frames" / f"{name}.json"
        stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        self._figures: list[Any] = stored.get("figures", [])
        self._answers: list[Any] = stored.get("answers", [])
        self._drawn = 0

    def figure(self) -> tuple[str, Any]:
        """Return the address of the next figure's frames, and their sliders."""
        self._drawn += 1
        up = "../" * (1 + self.name.count("/"))
        if not self._figures:
            raise ValueError(self.message)
        return f"{up}_static/frames/{self.name}-{self._drawn}.webp", self._figures.pop(0)

    def answer(self) -> Any:
        """Return the answer to the next guess."""
        if not self._answers:
            raise ValueError(self.message)
        return self._answers.pop(0)

    def remaining(self) -> int:
        """Return how much was not handed out."""
        return len(self._figures) + len(self._answers)


def _cells(cells: list[NotebookNode], recorded: Recorded, path: str) -> Iterator[NotebookNode]:
    question = stub = ""
    for cell in cells:
        if cell.cell_type == "markdown":
            cell.source = site_links(BREAK.sub("", cell.source), path)
            yield cell
            continue
        guess = EMPTY_GUESS.match(cell.source)
        if guess:
            question = guess[2] or "your guess"
        elif "setup" not in cell.metadata.get("tags", []):
            before, stub = stub, cell.source
            yield _code(cell, recorded, question, before)


def _code(cell: NotebookNode, recorded: Recorded, question: str, stub: str) -> NotebookNode:
    """Return a code cell with its title outside, and with what a reader can move or fill in."""
    cell.outputs = list(_without_digests(cell.outputs))
    if re.search(r"^play\(", cell.source, re.MULTILINE):
        cell.outputs = [_html(figure(*recorded.figure(), alt_of(cell)))]
    if re.search(r"^\s*compare_guess\(", cell.source, re.MULTILINE):
        printed = [output for output in cell.outputs if not _says(output, "Write a guess")]
        cell.outputs = [_html(guess_form(question, recorded.answer())), *printed]
    checked = CHECK.search(cell.source)
    if checked and record(checked[1]).asks_for_a_function:
        cell.outputs = [_html(where_to_answer(checked[2], stub, recorded.name))]
    elif checked:
        cell.outputs = [_html(exercise_form(checked[1]))]
    _fold(cell)
    return cell


def _fold(cell: NotebookNode) -> None:
    """Give the fold of a cell its title, and remove code that only compares a guess."""
    title = TITLE.match(cell.source)
    if title and title[1] == COMPARES:
        cell.metadata["tags"] = ["remove-input"]
    elif title:
        cell.source = TITLE.sub("", cell.source)
        cell.metadata["mystnb"] = {"code_prompt_show": title[1], "code_prompt_hide": title[1]}


def _without_digests(outputs: list[NotebookNode]) -> Iterator[NotebookNode]:
    """Yield the outputs of a cell without the lines that `show` prints below pictures."""
    for output in outputs:
        if output.output_type == "stream":
            output.text = DIGEST.sub("", output.text)
        if output.output_type != "stream" or output.text:
            yield output


def alt_of(cell: NotebookNode) -> str:
    """Return the alt text of a cell's picture."""
    for output in cell.outputs:
        alt = output.metadata.get("image/png", {}).get("alt") if "metadata" in output else None
        if alt:
            return str(alt)
    return ""


def _says(output: NotebookNode, beginning: str) -> bool:
    return str(output.get("text", "")).startswith(beginning)


def _html(text: str) -> NotebookNode:
    return nbformat.v4.new_output("display_data", {"text/html": text})


def figure(address: str, stored: Any, alt: str) -> str:
    """Return a figure with sliders as HTML; site.js moves it.

    Args:
        address: of the strip of frames.
        stored: the size of a frame, the number of frames, and the sliders.
        alt: what the picture shows at the start.
    """
    sliders = "".join(_slider(slider) for slider in stored["sliders"])
    width, height = stored["size"]
    return (
        f'<div class="play" role="group" aria-label="Figure to play with">{sliders}'
        f'<div class="play-frame" style="aspect-ratio: {width} / {height}; max-width: {width}px">'
        f'<img src="{address}" alt="{html.escape(alt)}" width="{width}" '
        f'height="{height * stored["number"]}" data-frames="{stored["number"]}"></div>'
        '<p class="play-note">One slider moves at a time; the others go back to their start. '
        "In a running notebook they move together.</p></div>"
    )


def _slider(slider: Any) -> str:
    values = [str(value) for value in slider["values"]]
    start = slider["frames"].index(0)
    name = html.escape(slider["name"])
    return (
        f'<label class="play-slider"><span>{name}</span>'
        f'<input type="range" min="0" max="{len(values) - 1}" value="{start}" '
        f'data-start="{start}" aria-valuetext="{html.escape(values[start])}" '
        f"data-values='{_attribute(values)}' data-frames='{_attribute(slider['frames'])}'>"
        f"<output>{html.escape(values[start])}</output></label>"
    )


def guess_form(question: str, answer: Any) -> str:
    """Return a field for a guess as HTML; site.js compares it with the answer."""
    return _form("guess", f"Your guess: {question}", "Compare", answer)


def exercise_form(number: str) -> str:
    """Return a field for the answer of an exercise as HTML, with the key and the known mistakes."""
    exercise = record(number)
    data = {
        "value": exercise.key,
        "decimals": exercise.decimals,
        "wrong": [
            {"value": mistake.answer, "diagnosis": mistake.diagnosis}
            for mistake in exercise.misconceptions
        ],
    }
    kind = "a number" if isinstance(exercise.key, int | float) else "a list of numbers"
    return _form("exercise", f"Your answer to {number}, {kind}", "Check", data)


def where_to_answer(name: str, stub: str, page: str) -> str:
    """Return what to do about an exercise whose answer is a function, as HTML.

    Args:
        name: of the function.
        stub: the cell above the check, which defines it.
        page: the name of the page, such as "deeper/02_returns".
    """
    found = re.search(rf"^def ({name}\(.*\)):", stub, re.MULTILINE)
    signature = html.escape(found[1] if found else name)
    install = "../" * (1 + page.count("/")) + "docs/INSTALL.html"
    colab = ", or open this page in Colab (the link is at its top)" if repository() else ""
    return (
        f'<p class="where-to-answer">Python checks your <code>{signature}</code>: '
        f'<a href="{install}">install pg_edu</a>, run <code>pg-edu notebooks my_course</code> '
        f"and open <code>{page}.ipynb</code> there{colab}; fill in the function and run both "
        "cells.</p>"
    )


def _form(kind: str, label: str, button: str, data: Any) -> str:
    return (
        f'<form class="answer-form" data-kind="{kind}" data-answer=\'{_attribute(data)}\'>'
        f"<label>{html.escape(label)} "
        '<input type="text" autocomplete="off" spellcheck="false"></label>'
        f'<button type="submit">{button}</button><p role="status"></p></form>'
    )


def _attribute(data: Any) -> str:
    return html.escape(json.dumps(data, ensure_ascii=False, default=float))


def _with_buttons(source: str, name: str) -> str:
    """Return the first cell with links to Colab and to the file, once the address is known."""
    address = repository()
    source = re.sub(r"\n\[!\[Open in Colab\].*\n", "\n", source)
    if address is None:
        return source
    at = f"{address.removeprefix('https://github.com/')}/blob/{tag_of_this_version(ROOT)}"
    place = f"notebooks/{name}.ipynb"
    colab = f"https://colab.research.google.com/github/{at}/{place}"
    raw = f"{address}/raw/{tag_of_this_version(ROOT)}/{place}"
    title, _, rest = source.partition("\n")
    return f"{title}\n\n[Open in Colab]({colab}) · [Download]({raw})\n{rest}"


def copy_frames(static: Path) -> None:
    """Copy the strips of frames to where the pages look for them."""
    for path in sorted((NOTEBOOKS / "frames").rglob("*.webp")):
        target = static / "frames" / path.relative_to(NOTEBOOKS / "frames")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
