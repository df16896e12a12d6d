"""Print the notes of a release: `python notebooks/release_notes.py v0.1.0`.

They are the section of CHANGELOG.md. The tag has to name the version of the package, and the
section has to carry a date in place of "unreleased".
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def notes(tag: str, root: Path = ROOT) -> str:
    """Return the section of CHANGELOG.md about the version that a tag names.

    Raises:
        ValueError: the tag is not that of this version, or its section is missing or has no date.
    """
    package = (root / "pg_edu/__init__.py").read_text(encoding="utf-8")
    version = re.findall(r'^__version__ = "(.+)"$', package, flags=re.MULTILINE)[0]
    if tag != f"v{version}":
        raise ValueError(f"the tag is {tag}, but this is version {version}: write v{version}.")
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    for section in re.split(r"^## ", changes, flags=re.MULTILINE):
        title, _, text = section.partition("\n")
        if re.fullmatch(rf"\[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d", title):
            return text.strip()
    raise ValueError(
        f"CHANGELOG.md has no section with a date for {version}: "
        f"write ## [{version}] - YEAR-MONTH-DAY above its changes."
    )


if __name__ == "__main__":
    try:
        print(notes(sys.argv[1]))
    except ValueError as error:
        sys.exit(f"release: {error}")
