"""Write the address of the repository wherever it is shown.

    python notebooks/publish.py owner/name

The setting itself is Repository in pyproject.toml, under [project.urls]. The README's badges, the
first code cell of each notebook (which installs the package where it is missing) and a badge that
opens the notebook in Colab follow from it. The cell and the badge name the tag of this version, so
that a notebook always meets the package it was built with. The command can be repeated, also with
another name, and has to be after a change of version.
"""

import re
import sys
from pathlib import Path

import build
import nbformat


def publish(repository: str, root: Path) -> None:
    """Show `repository` (owner/name) as the home of the tree under `root`."""
    address = f"https://github.com/{repository}"
    edit(
        root / "pyproject.toml",
        r"(?m)^(\[project\.urls\]\n(?:#.*\n)*)(?:Repository = .*\n)?",
        rf'\g<1>Repository = "{address}"' + "\n",
    )
    workflow = f"{address}/actions/workflows/test.yml"
    tests = f"[![Tests]({workflow}/badge.svg)]({workflow})"
    tag = tag_of_this_version(root)
    set_badges(root / "README.md", f"{tests} {colab(repository, tag, '00_quickstart')}")
    install = f"%pip install -q {address}/archive/refs/tags/{tag}.zip"
    folder = root / "notebooks" / "src"
    for source in sorted([*folder.glob("*.md"), *folder.glob("deeper/*.md")]):
        set_badges(source, colab(repository, tag, build.name(source)))
        edit(
            source,
            r"(?m)^( +)(?:raise ImportError\(.*|%pip install -q https:.*)$",
            rf"\g<1>{install}",
        )
        follow(source, build.built(source))


def tag_of_this_version(root: Path) -> str:
    """Return v0.1.0 for version 0.1.0."""
    text = (root / "pg_edu/__init__.py").read_text(encoding="utf-8")
    version: str = re.findall(r'^__version__ = "(.+)"$', text, flags=re.MULTILINE)[0]
    return f"v{version}"


def colab(repository: str, tag: str, name: str) -> str:
    """Return the badge that opens the notebook of that name in Colab, as it is at the tag."""
    site = "https://colab.research.google.com"
    notebook = f"{site}/github/{repository}/blob/{tag}/notebooks/{name}.ipynb"
    return f"[![Open in Colab]({site}/assets/colab-badge.svg)]({notebook})"


def set_badges(path: Path, badges: str) -> None:
    """Put the line of badges under the title, or replace the one that is there."""
    edit(path, r"\A(# .*\n)(?:\n\[!\[.*\n)?", rf"\g<1>\n{badges}\n")


def edit(path: Path, pattern: str, replacement: str) -> None:
    """Replace the first match of `pattern`; exit with a message if there is none."""
    text, count = re.subn(pattern, replacement, path.read_text(encoding="utf-8"), count=1)
    if not count:
        sys.exit(f"{path} has nothing that matches {pattern!r}, so it cannot show the address")
    path.write_text(text, encoding="utf-8", newline="\n")


def follow(source: Path, path: Path) -> None:
    """Copy the source's cells into the executed notebook and leave its outputs as they are."""
    notebook = nbformat.read(path, as_version=4)
    for cell, new in zip(notebook.cells, build.read(source).cells, strict=True):
        cell.source = new.source
    build.write(notebook, path)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not re.fullmatch(r"[\w.-]+/[\w.-]+", sys.argv[1]):
        sys.exit("Which repository? make publish REPO=owner/name")
    here = Path(__file__).parents[1]
    publish(sys.argv[1], here)
    tag = tag_of_this_version(here)
    print(f"Commit this, and give the commit the tag {tag}: git tag {tag} && git push origin {tag}")
