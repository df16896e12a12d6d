"""The glossary is right: its names exist, its links lead to files, each symbol has one meaning."""

import inspect
import pkgutil
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import build
import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GLOSSARY = (DOCS / "GLOSSARY.md").read_text(encoding="utf-8")

# TeX commands that are not symbols: operators, functions, arrows, spaces and fonts.
OPERATORS = """
approx arcsin bar big Big bigg binom blacksquare bmod cases cdot cos displaystyle dot dots exp frac
ge hat in infty int le ldots left leftarrow lfloor lim log mathcal max mid min nabla ne neq nolimits
not overbrace overset partial pm prime prod qquad quad rfloor right rightarrow sim sin sqrt star sum
tanh tbinom textstyle tfrac tilde times to top underbrace underset xrightarrow
"""
COMMANDS = set(OPERATORS.split())
NO_SYMBOLS = re.compile(
    r"\\(?:text|mathrm|operatorname|begin|end|mathbf)\s*\{[^{}]*\}|\\mathbb\s*\{?E\}?|\\mathcal\s*N"
    r"|\\[^A-Za-z]"
)


class Term(NamedTuple):
    """A row of the glossary's tables, with its cells unchanged."""

    name: str
    symbol: str
    meaning: str
    code: str
    tianshou: str
    book: str
    notebook: str


def tables() -> dict[str, list[list[str]]]:
    """Return the rows of each table by the first words of its header."""
    found: dict[str, list[list[str]]] = {}
    for block in re.findall(r"(?:^\|.*\n)+", GLOSSARY, flags=re.MULTILINE):
        header, _, *rows = [
            [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for line in block.replace(r"\mid", "MID").splitlines()
        ]
        found.setdefault(" | ".join(header), []).extend(rows)
    return found


TABLES = tables()
(TERM_ROWS,) = (rows for header, rows in TABLES.items() if header.startswith("term"))
TERMS = [Term(*row) for row in TERM_ROWS]
NAMES = sorted({name for term in TERMS for name in re.findall(r"`([^`]+)`", term.code)})


def plain(term: str) -> str:
    """Return the term without the anchor in front of it."""
    return re.sub(r"<a .*?</a>", "", term)


def letters(formula: str) -> set[str]:
    """Return the letters, Latin and Greek, that stand for something in a TeX formula."""
    words = re.findall(r"\\[A-Za-z]+|[A-Za-z]", NO_SYMBOLS.sub(" ", formula))
    return {word for word in words if word.removeprefix("\\") not in COMMANDS or len(word) == 1}


def formulas(text: str) -> list[str]:
    """Return the text between dollar signs, outside the code, of a Markdown text."""
    prose = re.sub(r"^```.*?^```", " ", text, flags=re.MULTILINE | re.DOTALL)
    return [a or b for a, b in re.findall(r"(?s)\$\$(.+?)\$\$|\$([^$\n]+?)\$", prose)]


def letters_in(texts: list[str]) -> set[str]:
    return {letter for text in texts for formula in formulas(text) for letter in letters(formula)}


def test_every_row_has_a_term_and_one_sentence() -> None:
    assert len(TERMS) >= 60
    for term in TERMS:
        assert re.fullmatch(r'<a id="[a-z0-9-]+"></a>[^<]+', term.name)
        assert re.fullmatch(r"[A-Z].*\.", term.meaning), term.name


def test_every_term_and_every_anchor_appears_once() -> None:
    assert max(Counter(plain(term.name) for term in TERMS).values()) == 1
    assert max(Counter(re.findall(r'id="(.*?)"', GLOSSARY)).values()) == 1


def test_terms_are_sorted_within_each_group() -> None:
    for group in GLOSSARY.split("\n## ")[2:]:
        names = re.findall(r"^\| <a .*?</a>(.*?) \|", group, flags=re.MULTILINE)
        assert names and names == sorted(names, key=str.lower)


def resolve(name: str) -> Any:
    """Return the object with that dotted name, relative to the package; None for a mere field."""
    try:
        return pkgutil.resolve_name(f"pg_edu.{name}")
    except AttributeError:
        owner, _, field = name.rpartition(".")
        classes = getattr(pkgutil.resolve_name(f"pg_edu.{owner}"), "__mro__", ())
        if any(field in inspect.get_annotations(cls) for cls in classes):
            return None
        raise


@pytest.mark.parametrize("name", NAMES)
def test_every_name_in_the_code_exists(name: str) -> None:
    path, _, argument = name.removesuffix("=)").partition("(")
    found = resolve(path)
    if argument:
        assert argument in inspect.signature(found).parameters


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", GLOSSARY))))
def test_every_link_leads_to_a_file(link: str) -> None:
    assert (DOCS / link).is_file()


def first_link(anchor: str) -> str:
    """Return the first page that links to a term, as "07" or "07 deeper"; "" if none does."""
    for source in sorted(build.sources([]), key=lambda s: (s.stem[:2], s.parent.name == "deeper")):
        if f"GLOSSARY.md#{anchor})" in source.read_text(encoding="utf-8"):
            return source.stem[:2] + (" deeper" if source.parent.name == "deeper" else "")
    return ""


@pytest.mark.parametrize("term", TERMS, ids=lambda term: plain(term.name))
def test_the_last_column_names_the_page_that_links_to_the_term_first(term: Term) -> None:
    (anchor,) = re.findall(r'id="(.*?)"', term.name)
    assert first_link(anchor) in ("", *re.findall(r"\[(.*?)\]", term.notebook))


def test_no_symbol_stands_for_two_terms() -> None:
    symbols = [part for term in TERMS for part in re.findall(r"\$(.+?)\$", term.symbol)]
    assert max(Counter(symbols).values()) == 1


def course_letters() -> set[str]:
    """Return the letters that have one meaning in all notebooks."""
    of_terms = [term.symbol for term in TERMS] + [term.meaning for term in TERMS]
    of_sizes = [row[0] for row in TABLES["symbol | what it counts"]]
    of_counts = [row[0] for row in TABLES["symbol | what it is"]]
    texts = of_terms + of_sizes + of_counts
    return letters_in([text.replace("MID", r"\mid") for text in texts])


def page_letters(notebook: str) -> set[str]:
    """Return the letters that the glossary lists for this one notebook only."""
    rows = TABLES["symbol | notebooks | what it is"]
    return letters_in([symbols for symbols, pages, _ in rows if notebook in pages.split(", ")])


@pytest.mark.parametrize("source", build.sources([]), ids=build.name)
def test_every_symbol_of_a_notebook_is_in_the_glossary(source: Path) -> None:
    used = letters_in([source.read_text(encoding="utf-8")])
    assert not used - course_letters() - page_letters(source.stem[:2])


def test_the_glossary_lists_no_letter_for_a_notebook_that_does_not_use_it() -> None:
    texts: dict[str, str] = defaultdict(str)
    for source in build.sources([]):
        texts[source.stem[:2]] += source.read_text(encoding="utf-8")
    for symbols, pages, _ in TABLES["symbol | notebooks | what it is"]:
        for page in pages.split(", "):
            assert letters_in([symbols]) <= letters_in([texts[page]]), (symbols, page)


def test_letters_are_read_from_a_formula() -> None:
    formula = r"\nabla \log \pi_\theta(a \mid s) \text{ is } \frac12 \mathbb{E}[G_t] \le \hat g"
    assert letters(formula) == {"\\pi", "\\theta", "a", "s", "G", "t", "g"}
