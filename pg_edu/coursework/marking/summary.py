"""The class at a glance: a bar for each exercise, and the misconceptions that are met most."""

import base64
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from pg_edu.course.verdicts import CORRECT, NOT_ATTEMPTED, WRONG
from pg_edu.coursework.marking.feedback import HEAD, Row, file_name, rendered
from pg_edu.coursework.marking.marking import NOT_MARKED
from pg_edu.figures import BLUE, GREY, INK, VERMILION
from pg_edu.runs.files import write_file

COLORS = {CORRECT: BLUE, WRONG: VERMILION, NOT_ATTEMPTED: GREY, NOT_MARKED: INK}
MOST_SHOWN = 10  # misconceptions
SUMMARY = (
    HEAD
    + """<h1>{{ title }}</h1>
<p>{{ students }} students, {{ rows|length }} marks. {{ sandbox }}</p>
<img alt="{{ described }}" src="data:image/png;base64,{{ picture }}">
<h2>What is misunderstood most</h2>
<table><tr><th>students</th><th>exercise</th><th>diagnosis</th></tr>
{% for count, number, text in common %}
<tr><td>{{ count }}</td><td>{{ number }}</td><td>{{ text }}</td></tr>{% endfor %}</table>
<h2>To look at</h2>
<table>{% for row in flagged %}<tr><td>{{ row.student }}</td><td>{{ row.mark.exercise }}</td>
<td>{{ row.mark.flag or row.mark.found }}</td></tr>{% endfor %}</table>
<h2>Students</h2>
<table>{% for student, page, points, possible in totals %}<tr>
<td><a href="feedback/{{ page }}.html">{{ student }}</a></td>
<td>{{ points }} of {{ possible }}</td></tr>{% endfor %}</table>
</body></html>
"""
)


def write_summary(folder: Path, rows: Sequence[Row], sandbox: str) -> None:
    """Write `summary.png` and `summary.html` into a folder.

    Args:
        folder: where to.
        rows: the marks of all students.
        sandbox: what kept the notebooks apart, in one sentence.

    Raises:
        OSError: a file cannot be written.
    """
    picture = _png(rows)
    write_file(folder / "summary.png", picture)
    students = sorted({row.student for row in rows})
    page = rendered(
        SUMMARY,
        title="Summary of the class",
        rows=rows,
        students=len(students),
        sandbox=sandbox,
        picture=base64.b64encode(picture).decode(),
        described=_described(rows),
        common=common_diagnoses(rows),
        flagged=[row for row in rows if row.mark.flag or row.mark.verdict == NOT_MARKED],
        totals=[_total(student, rows) for student in students],
    )
    write_file(folder / "summary.html", page)


def _total(student: str, rows: Sequence[Row]) -> tuple[str, str, int, int]:
    marks = [row.mark for row in rows if row.student == student]
    points, possible = sum(m.points for m in marks), sum(m.possible for m in marks)
    return student, file_name(student), points, possible


def common_diagnoses(rows: Sequence[Row]) -> list[tuple[int, str, str]]:
    """Return the most common diagnoses, each with its number of students and its exercise."""
    cases = {(r.mark.exercise, r.mark.diagnosis, r.student) for r in rows if r.mark.diagnosis}
    counts = Counter((exercise, diagnosis) for exercise, diagnosis, _ in cases)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(count, exercise, text) for (exercise, text), count in ordered[:MOST_SHOWN]]


def draw_class(rows: Sequence[Row]) -> Figure:
    """Return a picture of the class: how many answers to each exercise got which verdict.

    Args:
        rows: the marks of all students.
    """
    exercises = sorted({row.mark.exercise for row in rows})
    counts = Counter((row.mark.exercise, row.mark.verdict) for row in rows)
    figure = Figure(figsize=(8, 1.6 + 0.45 * len(exercises)), layout="constrained")
    axes = figure.subplots()
    left = [0] * len(exercises)
    for verdict, color in COLORS.items():
        widths = [counts[exercise, verdict] for exercise in exercises]
        names = [exercise or "not known" for exercise in exercises]
        axes.barh(names, widths, left=left, color=color, label=verdict)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.set(xlabel="number of answers", ylabel="exercise")
    axes.legend(frameon=False, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return figure


def _png(rows: Sequence[Row]) -> bytes:
    file = io.BytesIO()
    draw_class(rows).savefig(file, format="png", dpi=110)
    return file.getvalue()


def _described(rows: Sequence[Row]) -> str:
    """Return the picture in words."""
    parts = []
    for exercise in sorted({row.mark.exercise for row in rows}):
        verdicts = Counter(row.mark.verdict for row in rows if row.mark.exercise == exercise)
        counted = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
        parts.append(f"{exercise or 'not known'}: {counted}")
    return "A bar for each exercise. " + "; ".join(parts) + "."
