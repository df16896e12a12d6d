"""Let Sphinx read the docstrings as they are: plain text with `names`, indented code, no markup.

reStructuredText would take stars, bars and trailing underscores for markup, and an indented block
for a quotation. So they are escaped, names become code that links where Sphinx knows them, and an
indented block that belongs to no section such as `Args:` is shown as it stands.
"""

import re
from functools import cache
from importlib import import_module
from typing import Any

from reference import EQUATIONS, documented, members

SECTIONS = re.compile(
    r"(Args|Arguments|Returns|Return|Raises|Yields|Yield|Example|Examples|Attributes|Note|Notes"
    r"|Warns|Warning|See Also|References):$"
)
NAMES = re.compile(r"(``.+?``|`[^`]+`)")


def prepare(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Rewrite the lines of a docstring in place, before napoleon reads its sections."""
    prepared = list(_prepared(lines))
    lines[:] = [*_equation(name), *prepared]


def _equation(name: str) -> list[str]:
    if name not in EQUATIONS:
        return []
    return [".. math::", "", f"   {EQUATIONS[name]}", ""]


def _prepared(lines: list[str]) -> list[str]:
    """Return the lines with indented blocks marked as code and everything else escaped."""
    out: list[str] = []
    in_section = in_block = False
    for number, line in enumerate(lines):
        indented, blank = line.startswith(" "), not line.strip()
        after_blank = number > 0 and not lines[number - 1].strip()
        if not indented and not blank:
            in_section = bool(SECTIONS.match(line))
            in_block = False
        if indented and not in_section and not in_block and (after_blank or number == 0):
            in_block = True
            out += ["::", ""]
        if starts_list(line, lines[number - 1] if number else ""):
            out.append("")
        code = in_block or line.lstrip().startswith((">>>", "..."))
        out.append(line if code or blank or SECTIONS.match(line) else escaped(line))
    return out


def starts_list(line: str, before: str) -> bool:
    """Return whether a list begins here without the blank line that it needs."""
    follows_text = bool(before.strip()) and not before.startswith(("  ", "- "))
    return line.startswith("- ") and follows_text


def escaped(line: str) -> str:
    """Return a line of plain text as reStructuredText, with names between backticks as code."""
    parts = NAMES.split(line)
    for number, part in enumerate(parts):
        if number % 2 == 0:
            part = re.sub(r"([*|])", r"\\\1", part.replace("\\", "\\\\"))
            parts[number] = re.sub(r"(\w)_(?!\w)", r"\1\\_", part)
        elif not part.startswith("``"):
            parts[number] = _name(part[1:-1])
    return "".join(parts)


def _name(text: str) -> str:
    """Return a name as a link if it can be one, and other code as code."""
    if text in full_names():
        return f":py:obj:`~{full_names()[text]}`"
    if re.fullmatch(r"[\w.]+(\(\))?", text):
        return f":py:obj:`{text}`"
    return f"``{text}``"


@cache
def full_names() -> dict[str, str]:
    """Return the full name of each public class and function of the core that is there once."""
    found: dict[str, list[str]] = {}
    for module in documented()[:-1]:  # the last one has Tianshou's names again
        for name, value in members(import_module(module)).items():
            if callable(value):
                found.setdefault(name, []).append(f"{module}.{name}")
    return {name: places[0] for name, places in found.items() if len(places) == 1}
