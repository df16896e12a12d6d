"""The package reads as plain code and plain English, as far as a test can check.

The limits are about form. Only a reader can say whether a sentence is clear.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "pg_edu"

# The limit for a body, not counting docstring and blank lines. A signature may be of any length.
LINES_OF_A_FUNCTION = 25

# A first line that begins with one of these continues the name; it does not say what you get.
FRAGMENTS = (
    "As At Before Behind By Below How If In Not Of Said That To What When Where Which Who Whose"
)

# Words that are not the field's, or not English in this sense: (pattern, what to write instead).
BANNED = [
    (r"\b[Ll]est\b", "so that ... not"),
    (r"\b[Aa]new\b", "again, or reset"),
    (r"\b[Bb]ehind the\b", "after the, or next to the"),
    (r"\b(?:[Aa]|[Oo]ne|[Ee]ach|[Tt]he|such) lots?\b(?! of)", "chunk"),
    (r"\b[Rr]ings?\b", "sub-buffer"),
    (r"\bis spared\b", "is not needed"),
    (r"\bcomes of it\b", "follows"),
    (r"\bof one's own\b", "your own"),
    (r"\bOf which\b", "a sentence of its own"),
    (r"\b[Ss]aid aloud\b", "declared explicitly"),
    (r"\b(\d+)(?: \w+)? of \1\b", "on all n"),
]

SOURCES = sorted(PACKAGE.rglob("*.py"))
of_each_file = pytest.mark.parametrize(
    "path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix()
)
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(module: ast.AST) -> Iterator[ast.FunctionDef]:
    yield from (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef))


def has_docstring(node: Definition) -> bool:
    return ast.get_docstring(node) is not None


def lines_of_body(function: ast.FunctionDef, source: list[str]) -> int:
    """Count the lines of a function's body, except for docstring and blank lines."""
    body = function.body[1:] if has_docstring(function) else function.body
    if not body:
        return 0
    lines = source[body[0].lineno - 1 : function.end_lineno]
    return sum(bool(line.strip()) for line in lines)


def public(body: list[ast.stmt], owner: str = "") -> Iterator[tuple[str, Definition]]:
    """Yield the public functions, classes and methods, each with its dotted name."""
    for node in body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield f"{owner}{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body, f"{owner}{node.name}.")


def overrides(node: Definition) -> bool:
    """Return whether a definition declares that a base class or another overload documents it."""
    names = {ast.unparse(decorator).split(".")[-1] for decorator in node.decorator_list}
    return bool(names & {"overload", "override", "setter"})


def is_protocol(node: ast.stmt) -> bool:
    bases = node.bases if isinstance(node, ast.ClassDef) else []
    return any("Protocol" in ast.unparse(base) for base in bases)


@of_each_file
def test_a_function_fits_half_a_screen(path: Path) -> None:
    source = path.read_text(encoding="utf-8").splitlines()
    lengths = {
        f"line {f.lineno}, {f.name}": lines_of_body(f, source) for f in functions(tree(path))
    }
    assert {name: n for name, n in lengths.items() if n > LINES_OF_A_FUNCTION} == {}


@of_each_file
def test_every_public_name_has_a_docstring_that_begins_with_a_sentence(path: Path) -> None:
    body = [node for node in tree(path).body if not is_protocol(node)]
    faults = {name: fault_of(node) for name, node in public(body) if not is_specimen(path, node)}
    assert {name: fault for name, fault in faults.items() if fault} == {}


def is_specimen(path: Path, node: Definition) -> bool:
    """Return whether the museum shows this code, whose exhibit says what is wrong with it."""
    is_function = isinstance(node, ast.FunctionDef)
    return path.parent.name == "museum" and is_function and not has_docstring(node)


def fault_of(node: Definition) -> str:
    """Return what is wrong with the beginning of a docstring, or nothing."""
    if overrides(node):
        return ""
    text = ast.get_docstring(node)
    return "no docstring" if not text else fault_of_opening(text)


def fault_of_opening(docstring: str) -> str:
    """Return what is wrong with the first sentence, which may go on over several lines."""
    opening = docstring.split("\n\n")[0].split("\n    ")[0].strip()
    first = re.split(r"[\s,:;.]", opening, maxsplit=1)[0]
    if first in FRAGMENTS.split():
        return f"begins with {first!r}, as a fragment does"
    is_formula = " = " in opening
    if first[:1].islower() and not is_formula:
        return f"begins with a small letter: {first!r}"
    if not re.search(r"[.:!?](?:$|[\s\"`)])", opening):
        return f"no end of a sentence: {opening!r}"
    return ""


@of_each_file
def test_a_line_holds_one_statement(path: Path) -> None:
    assert crowded_lines(tree(path)) == []


def crowded_lines(module: ast.AST) -> list[int]:
    """Return the lines with two statements, or with `if x: y` on one line."""
    crowded: set[int] = set()
    for node in ast.walk(module):
        for block in (getattr(node, name, None) for name in ("body", "orelse", "finalbody")):
            if not isinstance(block, list):
                continue
            starts = [statement.lineno for statement in block]
            ends = [statement.end_lineno for statement in block]
            crowded |= {a for a, b in zip(starts[1:], ends[:-1], strict=True) if a == b}
            is_stub = len(block) == 1 and ast.unparse(block[0]) == "..."
            if isinstance(node, ast.stmt | ast.ExceptHandler) and starts and not is_stub:
                crowded |= {starts[0]} & {node.lineno}
    return sorted(crowded)


@of_each_file
def test_no_banned_word_is_used(path: Path) -> None:
    assert banned_words(path.read_text(encoding="utf-8")) == []


def banned_words(code: str) -> list[str]:
    """Return each banned phrase of comments and strings, with its line and a better one."""
    found = []
    for number, line in enumerate(code.splitlines(), start=1):
        for pattern, better in BANNED:
            match = re.search(pattern, line)
            if match:
                found.append(f"line {number}: {match[0]!r}, better: {better}")
    return found


@pytest.mark.parametrize(
    "docstring",
    ["Of `gae`.", "What Net takes.", "store a row.", "Return the rows", "Who mixes them loses."],
)
def test_a_fragment_is_not_an_opening(docstring: str) -> None:
    assert fault_of_opening(docstring)


@pytest.mark.parametrize(
    "docstring",
    [
        "Return the rows.",
        "A buffer that forgets.",
        "G_t = r_t + γ G_{t+1}.",
        "Two lines: first,\nlast.",
    ],
)
def test_a_sentence_is_an_opening(docstring: str) -> None:
    assert not fault_of_opening(docstring)


@pytest.mark.parametrize("code", ["a = 1; b = 2", "if a: b = 1", "for a in b: c()", "def f(): g()"])
def test_two_statements_on_a_line_are_found(code: str) -> None:
    assert crowded_lines(ast.parse(code)) == [1]


@pytest.mark.parametrize("code", ["def f() -> int: ...", "x = [1 for a in b]", "if a:\n    b()"])
def test_one_statement_on_a_line_is_fine(code: str) -> None:
    assert crowded_lines(ast.parse(code)) == []
