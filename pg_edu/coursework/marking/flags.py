"""What an instructor should look at: functions of the package, and ways into an environment.

Two ways to find out which functions an answer uses complete each other. The kernel watches which
functions are called, however they were named; an answer can switch that off. The marker reads the
code, which cannot be switched off, but sees names only. A pasted copy of the package's code escapes
both.
"""

import ast
from collections.abc import Iterable
from pathlib import Path

import pg_edu.types
from pg_edu.coursework.marking.names import Statement, names_in, needed

NO_FUNCTIONS = ("pg_edu.course", "pg_edu.figures", "pg_edu.types", "pg_edu.coursework")

# What leads from an environment to its state, and what no training loop needs.
HIDDEN_PARTS = frozenset({"unwrapped", "env", "np_random", "get_wrapper_attr"})
LOOKING_INSIDE = frozenset({"gc", "inspect", "sys", "ctypes", "importlib"})
BY_A_TEXT = frozenset({"getattr", "vars", "eval", "exec", "__import__", "globals"})


def flag(called: Iterable[str], read: Iterable[str], allowed: frozenset[str]) -> str:
    """Return what an instructor should look at, as one line, or "".

    Args:
        called: the functions of the package that the answer called.
        read: those that its code names.
        allowed: the names that the page's own solution uses.
    """
    own = [name for name in called if _is_plain(name)] + list(read)
    found = {name.removesuffix(".__init__") for name in own if _is_public_use(name)}
    used = sorted(name for name in found if name.split(".")[-1] not in allowed)
    last = {name.split(".")[-1]: name for name in used}  # `pg_edu.f` and `pg_edu.returns.f`
    return f"uses {', '.join(sorted(last.values()))}" if last else ""


def _is_plain(name: str) -> bool:
    """Return whether a name is that of a function or of a class that is made, not of a method."""
    *_, owner, last = name.split(".")
    return last == "__init__" or owner[:1].islower()


def _is_public_use(name: str) -> bool:
    return (not name.startswith(NO_FUNCTIONS) and not name.split(".")[-1].startswith("_")) or (
        name.endswith(".__init__") and not name.startswith(NO_FUNCTIONS)
    )


def functions_named(found: list[Statement], expression: str) -> list[str]:
    """Return the names of the package that an answer's code uses, directly or through others.

    Args:
        found: the statements of the notebook.
        expression: what evaluates to the answer.
    """
    kept = needed(found, names_in(expression))
    used = names_in(expression).union(*(statement.uses for statement in kept))
    names: list[str] = []
    for statement in kept:
        for local, full in _imports(statement.node):
            if local in used:
                names += _attributes(kept, local, full)
    return sorted(set(names))


def ways_into_an_environment(found: list[Statement], expression: str) -> str:
    """Return how an answer's code may read the state of its environment, as one line, or "".

    A `train` that knows the state need not learn. The code is read, not run: an attribute with
    such a name of another object is named as well, so that an instructor can look.

    Args:
        found: the statements of the notebook.
        expression: what evaluates to the answer.
    """
    kept = needed(found, names_in(expression))
    nodes = (node for statement in kept for node in ast.walk(statement.node))
    ways = sorted({way for node in nodes for way in _ways(node)})
    return f"may look into the environment: {', '.join(ways)}" if ways else ""


def _ways(node: ast.AST) -> Iterable[str]:
    """Yield what in one node of a syntax tree leads into an environment."""
    if isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ("self", "cls"):
        private = node.attr.startswith("_") and node.attr != "__init__"
        if private or node.attr in HIDDEN_PARTS:
            yield f".{node.attr}"
    if isinstance(node, ast.Name) and node.id in BY_A_TEXT:
        yield node.id
    if isinstance(node, ast.Import):
        yield from ({alias.name.split(".")[0] for alias in node.names} & LOOKING_INSIDE)
    if isinstance(node, ast.ImportFrom):
        yield from ({(node.module or "").split(".")[0]} & LOOKING_INSIDE)


def _imports(node: ast.stmt) -> Iterable[tuple[str, str]]:
    """Yield the local and the full name of each import from the package in a statement."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.ImportFrom) and (inner.module or "").startswith("pg_edu"):
            for alias in inner.names:
                yield alias.asname or alias.name, f"{inner.module}.{alias.name}"
        if isinstance(inner, ast.Import):
            for alias in inner.names:
                if alias.name.startswith("pg_edu"):
                    yield alias.asname or "pg_edu", alias.name if alias.asname else "pg_edu"


def _attributes(kept: list[Statement], local: str, full: str) -> list[str]:
    """Return a name, or what is taken from it if it is a module: `returns.discounted_returns`."""
    if not _is_module(full):
        return [full]
    nodes = [node for statement in kept for node in ast.walk(statement.node)]
    texts = [ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)]
    names = [full + text.removeprefix(local) for text in texts if text.startswith(f"{local}.")]
    return [name for name in names if not _is_module(name)]


def _is_module(name: str) -> bool:
    """Return whether a name in the package is that of a module."""
    place = Path(pg_edu.types.__file__).parent.joinpath(*name.split(".")[1:])
    return place.is_dir() or place.with_suffix(".py").is_file()
