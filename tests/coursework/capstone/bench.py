"""Mark the solved capstone and the broken ones in all worlds, and print the marks.

python -m tests.coursework.capstone.bench
"""

import csv
import tempfile
from pathlib import Path

from pg_edu.runs.commands import main
from tests.coursework.capstone.submissions import BROKEN, SOLVED


def run() -> None:
    """Mark the capstones, each as the file of a student of its own."""
    codes = {"solved": SOLVED, **{name: broken.code for name, broken in BROKEN.items()}}
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name) / "class", Path(name) / "marks.csv"
        for student, code in codes.items():
            (folder / student).mkdir(parents=True)
            (folder / student / "capstone.py").write_text(code, encoding="utf-8")
        main(["mark", str(folder), "--out", str(out), "--seed", "1", "--capstone"])
        with open(out, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                print(f"{row['student']}, {row['exercise']}: {row['points']}/{row['possible']}")
                print(f"    {row['found']} {row['diagnosis']} ({row['seconds']} s by the clock)")


if __name__ == "__main__":
    run()
