"""Link the glossary's terms where they come in a text, once a section.

The pages link a term themselves where they define it. Everyday words that are also terms, such as
"step" or "return", are linked only there.
"""

import re
from functools import cache
from typing import Any

from docutils import nodes
from places import ROOT
from sphinx.addnodes import literal_strong

GLOSSARY = "docs/GLOSSARY"
EVERYDAY = {
    *("action", "agent", "batch", "claim", "collector", "discount", "environment", "episode"),
    *("exercise", "loss", "pitfall", "policy", "probability", "probe", "return", "reward"),
    *("rollout", "state", "step", "value", "weight"),
}
NOT_IN = (
    *(nodes.reference, nodes.literal, nodes.title, nodes.math, nodes.literal_block, nodes.raw),
    *(nodes.field_name, literal_strong),  # "Parameters:", and the name of a parameter
)
WHERE = ("notebooks/", "docs/", "museum", "api/")


@cache
def terms() -> dict[str, str]:
    """Return the anchor of each term that is linked."""
    text = (ROOT / f"{GLOSSARY}.md").read_text(encoding="utf-8")
    found = re.findall(r'^\| <a id="([\w-]+)"></a>([^|]+?) \|', text, re.MULTILINE)
    return {term.lower(): anchor for anchor, term in found if term.lower() not in EVERYDAY}


@cache
def pattern() -> re.Pattern[str]:
    """Return a pattern that finds a term, in the singular or the plural, the longest one first."""
    names = sorted(terms(), key=len, reverse=True)
    return re.compile(rf"\b({'|'.join(map(re.escape, names))})(?=s?\b)", re.IGNORECASE)


def link_terms(app: Any, doctree: nodes.document, docname: str) -> None:
    """Put a link into each section where it names a term for the first time."""
    if docname == GLOSSARY or not docname.startswith(WHERE):
        return
    address = app.builder.get_relative_uri(docname, GLOSSARY)
    for section in list(doctree.findall(nodes.section)):
        seen: set[str] = set()
        for child in section.children:
            if not isinstance(child, nodes.section):
                for text in list(child.findall(nodes.Text)):
                    _link_in(text, address, seen)


def _link_in(text: nodes.Text, address: str, seen: set[str]) -> None:
    """Replace a text by pieces and links, unless it stands in a link, in code or in a formula."""
    above = text.parent
    while above is not None and not isinstance(above, nodes.section):
        if isinstance(above, NOT_IN) or "sig" in above.get("classes", []):
            return
        above = above.parent
    pieces: list[nodes.Node] = []
    done = 0
    for match in pattern().finditer(str(text)):
        term = match[1].lower()
        if term not in seen:
            seen.add(term)
            pieces.append(nodes.Text(str(text)[done : match.start()]))
            uri = f"{address}#term-{terms()[term]}"
            link = nodes.reference(match[1], match[1], refuri=uri, internal=True, classes=["term"])
            pieces.append(link)
            done = match.end(1)
    if pieces:
        pieces.append(nodes.Text(str(text)[done:]))
        text.parent.replace(text, pieces)
