"""The journal of a marking, from which an interrupted one is resumed.

Each line is JSON. "begin" and "end" stand for a submission; one that has begun twice without an end
was running when the marker itself was killed, and is not run a third time.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import pg_edu.types
from pg_edu.coursework.marking.marking import Mark, Options

MOST_BEGINNINGS = 2


class Journal:
    """The marks of the submissions that are done, in a file.

    Args:
        path: the file; it is created if it does not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seed: int | None = None
        self._marks: dict[str, list[Mark]] = {}
        self._begun: Counter[str] = Counter()
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                self._read(line)

    def _read(self, line: str) -> None:
        try:
            entry = json.loads(line)
            match entry["what"]:
                case "seed":
                    self.seed = int(entry["seed"])
                case "begin":
                    self._begun[entry["key"]] += 1
                case "stopped":
                    self._begun.clear()
                case "end":
                    self._marks[entry["key"]] = [Mark(**mark) for mark in entry["marks"]]
        except (ValueError, KeyError, TypeError):
            return  # The line was being written when the marker was killed.

    def marks(self, key: str) -> list[Mark] | None:
        """Return the marks of a submission, or None if it is not done."""
        return self._marks.get(key)

    def has_killed(self, key: str) -> bool:
        """Return whether the marker was killed each time that it ran a submission."""
        return key not in self._marks and self._begun[key] >= MOST_BEGINNINGS

    def begin(self, key: str) -> None:
        """Write that a submission is about to be run."""
        self._begun[key] += 1
        self._write({"what": "begin", "key": key})

    def end(self, key: str, marks: Sequence[Mark]) -> None:
        """Write the marks of a submission."""
        self._marks[key] = list(marks)
        self._write({"what": "end", "key": key, "marks": [asdict(mark) for mark in marks]})

    def stopped(self) -> None:
        """Write that the user has stopped the marker, so that no submission is to blame."""
        self._write({"what": "stopped"})

    def keep_seed(self, seed: int) -> None:
        """Write the seed, so that a resumed marking draws the same cases."""
        self.seed = seed
        self._write({"what": "seed", "seed": seed})

    def _write(self, entry: dict[str, Any]) -> None:
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def key_of(content: bytes, exercises: Sequence[str], options: Options) -> str:
    """Return what a submission's marks depend on, as one short text."""
    settings = json.dumps([list(exercises), asdict(options), _code_of_the_marker()])
    return hashlib.sha256(settings.encode() + b"\0" + content).hexdigest()


@cache
def _code_of_the_marker() -> str:
    """Return a digest of the keys and of the code that marks: if it changes, marks may."""
    digest = hashlib.sha256()
    package = Path(pg_edu.types.__file__).parent
    for folder in (package / "course", package / "coursework", package / "lab" / "probes"):
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
