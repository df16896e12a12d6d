"""Mark a generated class, and print how long it takes and how many verdicts are as intended.

    python -m tests.coursework.marking.bench [PAGE] [STUDENTS] [HOSTILE]

The honest notebooks answer each exercise of the page in one of the ways that were written for the
tests of the course, of which it is known whether they are right. The hostile ones fake, exit, fork,
loop, fill the memory and the disk, or are no notebooks. Of them only this is checked: no fake earns
a point, and no row is lost.
"""

import csv
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from pg_edu.coursework.marking.pages import asked, exercises_of
from pg_edu.runs.commands import main
from tests.coursework.marking.classes import answered, make_class
from tests.coursework.marking.test_hostile import FAKES
from tests.coursework.marking.thorough import ENDS


def hostile(page: str, count: int) -> list[bytes]:
    """Return hostile submissions: each fakes the first function of the page, or does harm."""
    number = exercises_of([page])[0]
    bodies = [fake for name, fake in FAKES.items() if name != "replaces check"]
    bodies += [f"def cheat(*_):\n    {body[0]}".replace("\n", "\n    ") for body in ENDS.values()]
    adapted = [f"{body}\n{asked()[number].expression} = cheat" for body in bodies]
    odd = [b"", b"not a notebook", b"PK\x03\x04", b"[" * 10_000]
    found = odd + [answered(page, {number: body}) for body in adapted]
    return [found[n % len(found)] for n in range(count)]


def run(page: str, students: int, bad: int) -> None:
    """Mark a class, and print what came out."""
    honest = make_class(page, students - bad)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "class"
        folder.mkdir()
        for n, (content, _) in enumerate(honest):
            (folder / f"student{n:03}.ipynb").write_bytes(content)
        for n, content in enumerate(hostile(page, bad)):
            (folder / f"hostile{n:03}.ipynb").write_bytes(content)
        begin = time.perf_counter()
        out = str(Path(name) / "marks.csv")
        main(["mark", str(folder), "--out", out, "--seed", "1"])
        seconds = time.perf_counter() - begin
        with open(out, encoding="utf-8", newline="") as file:
            rows = {(row["student"], row["exercise"]): row for row in csv.DictReader(file)}
    print_results(page, honest, bad, rows)
    print(f"{seconds:.0f} s by the clock on {os.cpu_count()} cores, CPU: {cpu_seconds():.0f} s")


def print_results(
    page: str,
    honest: list[tuple[bytes, dict[str, str]]],
    bad: int,
    rows: dict[tuple[str, str], dict[str, str]],
) -> None:
    """Print how many verdicts are as intended, and those that are not."""
    intended = {
        (f"student{n:03}", exercise): status
        for n, (_, verdicts) in enumerate(honest)
        for exercise, status in verdicts.items()
    }
    other = [key for key, status in intended.items() if rows[key]["verdict"] != status]
    wrong = [key for key, status in intended.items() if status == "wrong"]
    named = [key for key in wrong if rows[key]["diagnosis"]]
    gained = [key for key, row in rows.items() if "hostile" in key[0] and row["points"] != "0"]
    lost = len(honest) + bad - len({student for student, _ in rows})
    print(f"{page}: {len(honest) + bad} submissions, {bad} of them hostile")
    print(f"{len(intended) - len(other)} of {len(intended)} verdicts as intended; {other}")
    print(f"{len(named)} of {len(wrong)} wrong answers named")
    print(f"points gained by hostile ones: {gained}; students lost: {lost}")


def cpu_seconds() -> float:
    """Return the CPU time of this process and of all that it has waited for."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    page = sys.argv[1] if len(sys.argv) > 1 else "02_returns"
    numbers = [int(text) for text in sys.argv[2:4]] + [200, 20][len(sys.argv[2:4]) :]
    run(page, *numbers)
