"""Where the site finds its sources and where it puts what it makes."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "site"
NOTEBOOKS = ROOT / "notebooks"
TEMPLATE = ROOT / "docs" / "notebooks-in-ci"
SOURCES = ROOT / "build" / "site-sources"  # generated; what Sphinx reads
OUTPUT = ROOT / "build" / "site"  # the site
WRITTEN: set[Path] = set()
PACKAGES = ROOT / ".venv-site" / "npm"  # MathJax, MiniSearch, axe-core


def repository() -> str | None:
    """Return the address that `make publish` has set, or None before that."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    address: str | None = project["urls"].get("Repository")
    return address


def write(place: str, content: str | bytes) -> None:
    """Write a source of the site; leave a file alone that has this content already.

    So a second build reads only what has changed.
    """
    path = SOURCES / place
    data = content.encode() if isinstance(content, str) else content
    WRITTEN.add(path)
    if not path.exists() or path.read_bytes() != data:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def remove_others() -> None:
    """Remove the sources of an earlier build that were not written again."""
    for path in SOURCES.rglob("*"):
        if path.is_file() and path not in WRITTEN:
            path.unlink()
