"""A page of feedback for each student, and what is counted for the class.

Names, code and error messages come from students. Jinja escapes all of it, and a page allows no
script at all.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jinja2 import Environment

from pg_edu.coursework.capstone.handout import RUBRIC
from pg_edu.coursework.capstone.parts import NAMES
from pg_edu.coursework.marking.marking import Mark
from pg_edu.coursework.marking.pages import asked
from pg_edu.runs.files import write_file

STYLE = """
body { font: 16px/1.5 sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h2 { font-size: 1.1rem; margin-top: 2rem; }
pre { background: #f4f4f4; padding: .6rem; overflow-x: auto; font-size: .85rem; }
table { border-collapse: collapse; } td, th { padding: .2rem .7rem; text-align: left; }
.correct { color: #00664b; } .wrong { color: #a33b00; } .diagnosis { font-weight: bold; }
img { max-width: 100%; }
"""
HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{{ title }}</title><style>{{ style }}</style></head><body>
"""
FEEDBACK = (
    HEAD
    + """<h1>{{ title }}</h1>
<p>{{ points }} of {{ possible }} points.</p>
{% for part in parts %}
<h2>{{ part.mark.exercise }} {{ part.title }}:
<span class="{{ part.mark.verdict }}">{{ part.mark.verdict }}</span>,
{{ part.mark.points }} of {{ part.mark.possible }}</h2>
{% if part.mark.diagnosis %}<p class="diagnosis">{{ part.mark.diagnosis }}</p>{% endif %}
{% if part.mark.found %}<p>What was found: {{ part.mark.found }}</p>{% endif %}
{% if part.mark.code %}<pre>{{ part.mark.code }}</pre>{% endif %}
<p><small>{{ part.file }}</small></p>
{% endfor %}
{% if rubric %}<h2>The report: marked by your instructor, {{ of_the_report }} points</h2>
<table><tr><th>points</th><th>what for</th></tr>
{% for points, what in rubric %}<tr><td>{{ points }}</td><td>{{ what }}</td></tr>{% endfor %}
</table>{% endif %}
</body></html>
"""
)
LONGEST_CODE = 5_000  # characters


@dataclass(frozen=True)
class Row:
    """A mark, with its student and file.

    Args:
        student: the name of the student.
        file: the submitted file.
        mark: the mark.
    """

    student: str
    file: str
    mark: Mark


def rendered(template: str, **values: object) -> bytes:
    """Return a page, with everything in it escaped."""
    page = Environment(autoescape=True).from_string(template).render(style=STYLE, **values)
    return page.encode("utf-8", "replace")


def write_feedback(folder: Path, rows: Sequence[Row]) -> list[Path]:
    """Write a page for each student, and return the pages.

    Args:
        folder: where to; it is created.
        rows: the marks of all students.

    Raises:
        OSError: a page cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for student in sorted({row.student for row in rows}):
        own = [row for row in rows if row.student == student]
        paths.append(folder / f"{file_name(student)}.html")
        write_file(paths[-1], _feedback(student, own))
    return paths


def _feedback(student: str, rows: Sequence[Row]) -> bytes:
    parts = [
        {"mark": _shortened(row.mark), "title": _title(row.mark.exercise), "file": row.file}
        for row in rows
    ]
    return rendered(
        FEEDBACK,
        title=f"Feedback for {student}",
        points=sum(row.mark.points for row in rows),
        possible=sum(row.mark.possible for row in rows),
        parts=parts,
        rubric=RUBRIC if any(row.mark.exercise in NAMES for row in rows) else (),
        of_the_report=sum(points for points, _ in RUBRIC),
    )


def _shortened(mark: Mark) -> Mark:
    return replace(mark, code=mark.code[:LONGEST_CODE])


def _title(number: str) -> str:
    return asked()[number].title if number in asked() else ""


def file_name(student: str) -> str:
    """Return a file name for a student: readable, harmless, and no other student's."""
    readable = re.sub(r"[^A-Za-z0-9_-]+", "_", student)[:60].strip("_")
    if readable == student:
        return readable
    digest = hashlib.sha256(student.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{readable or 'student'}-{digest}"
