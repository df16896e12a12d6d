"""Turn the links of the repository's Markdown into links of the site.

A file's links are those of a clone: `../docs/GLOSSARY.md#step`, `../pg_edu/returns.py`. Pages keep
their places on the site, so a link to a page stays as it is. The other links change here.
"""

import os
import posixpath
import re

from places import ROOT, TEMPLATE, repository

LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
CODE = re.compile(r"(^ *```.*?^ *```|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
RESULTS = "tests/bench/RESULTS.md"


def site_links(text: str, path: str) -> str:
    """Return Markdown with its links as the site needs them; code stays as it is.

    Args:
        text: Markdown.
        path: the place of its file in the repository, such as "notebooks/02_returns.ipynb".
    """
    parts = CODE.split(text)
    outside = [LINK.sub(lambda link: _link(link, path), part) for part in parts[::2]]
    # A link whose text is code was cut apart, so it is found in a second pass over the whole text.
    parts[::2] = outside
    joined = "".join(parts)
    return re.sub(r"\[(`[^`\n]+`)\]\(([^()\s]+)\)", lambda link: _link(link, path), joined)


def _link(link: re.Match[str], path: str) -> str:
    text, target = link.groups()
    if target.startswith(("http:", "https:", "#", "mailto:")):
        return link[0]
    place, _, anchor = target.partition("#")
    place = posixpath.normpath(posixpath.join(posixpath.dirname(path), place))
    if place == "docs/GLOSSARY.md" and anchor:
        return f"[{text}](#term-{anchor})"
    if place == TEMPLATE.relative_to(ROOT).as_posix():
        return f'<a href="{_relative(f"_static/{TEMPLATE.name}.zip", path)}">{text}</a>'
    if place.startswith("pg_edu"):
        module = module_of(place)
        page = _relative(f"api/{'index' if module == 'pg_edu' else module}.md", path)
        return f"[{text}]({page})"
    if on_the_site(place):
        return link[0]
    if place == "README.md":
        return f"[{text}]({_relative('index.md', path)})"
    address = repository()
    return f"[{text}]({address}/blob/main/{place})" if address else text


def on_the_site(place: str) -> bool:
    """Return whether a file of the repository is a page of the site."""
    is_page = re.fullmatch(r"notebooks/(deeper/)?\w+\.ipynb|docs/[\w-]+\.md", place)
    return bool(is_page) or place in ("CONTRIBUTING.md", "CHANGELOG.md", RESULTS)


def module_of(place: str) -> str:
    """Return the documented module that holds a file: a core module, or a package as a whole."""
    parts = place.removesuffix(".py").split("/")
    if parts[-1] == "__init__":
        parts.pop()
    depth = 3 if parts[1:2] == ["lab"] else 2
    if parts[1:] == ["__main__"]:
        parts = ["pg_edu", "runs"]
    return ".".join(parts[:depth])


def _relative(target: str, path: str) -> str:
    return os.path.relpath(ROOT / target, (ROOT / path).parent).replace(os.sep, "/")
