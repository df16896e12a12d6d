"""Collect the sections of all pages, which are what the search finds."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, Tag
from places import OUTPUT, SITE

SYMBOLS = {
    **{r"\gamma": "γ", r"\sigma": "σ", r"\theta": "θ", r"\lambda": "λ", r"\pi": "π", r"\mu": "μ"},
    **{r"\mid": "|", r"\cdot": "·", r"\times": "×", r"\dots": "…", r"\leq": "≤", r"\geq": "≥"},
    **{r"\sum": "Σ", r"\nabla": "∇", r"\to": "→", r"\neq": "≠", r"\infty": "∞", r"\approx": "≈"},
}
HEADINGS = ["h1", "h2", "h3", "h4"]
WITHOUT = ("search.html", "genindex.html", "py-modindex.html", "_modules/", "_static/")
LONGEST = 1500  # characters of a section's text; the rest rarely decides


def write_search_index() -> list[str]:
    """Write search-index.js; return the sections of terms.json that no page has any more."""
    terms = json.loads((SITE / "terms.json").read_text(encoding="utf-8"))
    sections: list[dict[str, str]] = []
    for path in sorted(OUTPUT.rglob("*.html")):
        place = path.relative_to(OUTPUT).as_posix()
        if not place.startswith(WITHOUT):
            sections += _sections(path, place, terms)
    text = f"window.SEARCH_SECTIONS = {json.dumps(sections, ensure_ascii=False)};\n"
    (OUTPUT / "search-index.js").write_text(text, encoding="utf-8")
    return [f"{place}: {title}" for place, titles in terms.items() for title in titles]


def _sections(path: Path, place: str, terms: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Yield the sections of a page; take the terms that are used out of `terms`."""
    article = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").find("article")
    if not isinstance(article, Tag) or article.find("h1") is None:
        return
    for link in article.select(".headerlink, .viewcode-link, .play, form, .prev-next-footer"):
        link.decompose()
    title = _text(article.find("h1"))
    page = f"{_number(place)}{title}"
    found = [*_terms(article, place), *_entries(article, place), *_headed(article, place)]
    for url, name, text in found:
        yield {
            "url": url,
            "title": name,
            "page": page,
            "text": text[:LONGEST],
            "terms": terms.get(place, {}).pop(name, ""),
            "kind": kind(place),
        }


def _terms(article: Tag, place: str) -> Iterator[tuple[str, str, str]]:
    """Yield the terms of the glossary, and remove them from it."""
    for target in reversed(article.select("[id^=term-]")):
        name = target.find("strong")
        if name is not None:
            yield f"{place}#{target['id']}", _text(name), _text(target)
            target.decompose()


def _entries(article: Tag, place: str) -> Iterator[tuple[str, str, str]]:
    """Yield the functions, classes and methods of a page of the API, and remove them from it."""
    for entry in reversed(article.select("dl.py")):
        name, body = entry.find("dt"), entry.find("dd")
        if name is not None and name.get("id") and body is not None:
            short = str(name["id"]).removeprefix("pg_edu.")
            yield f"{place}#{name['id']}", short, f"{_text(name)} {_text(body)}"
        entry.decompose()


def _headed(article: Tag, place: str) -> Iterator[tuple[str, str, str]]:
    """Yield the sections under headings, each without the sections inside it."""
    for section in reversed(article.select("section[id]")):
        heading = section.find(HEADINGS, recursive=False)
        if heading is not None:
            name = _text(heading)
            heading.extract()
            yield f"{place}#{section['id']}", name, _text(section)
        section.extract()


def _text(tag: Any) -> str:
    """Return the text of an element on one line, with formulas as plain text."""
    text = plain_formulas(re.sub(r"\s+", " ", tag.get_text(" ")))
    text = re.sub(r" ([),.;:\]])", r"\1", text)  # spaces that came from the borders of tags
    text = re.sub(r"([(\[]) ", r"\1", text)
    return re.sub(r"\s+", " ", text).strip()


def plain_formulas(text: str) -> str:
    """Return a text in which TeX has become letters, as far as that is short."""
    return re.sub(r"\\\((.*?)\\\)|\\\[(.*?)\\\]", lambda found: _plain(found[0][2:-2]), text)


def _plain(formula: str) -> str:
    for command, symbol in SYMBOLS.items():
        formula = re.sub(re.escape(command) + r"(?![a-zA-Z])", symbol, formula)
    formula = re.sub(r"\\d?frac *(\w|{[^{}]*}) *(\w|{[^{}]*})", r"\1/\2", formula)
    formula = re.sub(r"\\(text|mathrm|operatorname|mathbb|hat|bar|begin|end)\b\*?", "", formula)
    formula = re.sub(r"\\(?:[,;!:\\ ]|q?quad\b)", " ", formula)
    formula = re.sub(r"\\([a-zA-Z]+)", r"\1", formula)
    return f" {re.sub(r'[{}&]', '', formula).strip()} "


def _number(place: str) -> str:
    """Return "02 · " for the pages of notebook 02."""
    found = re.match(r"notebooks/(?:deeper/)?(\d\d)_", place)
    return f"{found[1]} · " if found else ""


def kind(place: str) -> str:
    """Return what sort of page this is, which decides a little about the rank of its sections."""
    if place.startswith("notebooks/deeper/"):
        return "deeper"
    if place.startswith("api/"):
        return "API"
    if place.startswith(("notebooks/", "museum")):
        return "core"
    if place == "docs/GLOSSARY.html":
        return "glossary"
    other = ("CHANGELOG", "tests/", "docs/DESIGN", "docs/MAP", "exercises")
    return "log" if place.startswith(other) else "guide"
