"""Which names a statement binds and which it uses, so that only what an answer needs is run."""

import ast
import symtable
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Statement:
    """A statement at the top level of a cell.

    Args:
        cell: the number of its cell.
        lines: its first and its last line in the cell, counted from 1.
        binds: the global names that it binds, or whose object it changes.
        uses: the global names that it reads.
        node: its syntax tree.
        imports_all: whether it is `from ... import *`, which binds nobody knows what.
    """

    cell: int
    lines: tuple[int, int]
    binds: frozenset[str]
    uses: frozenset[str]
    node: ast.stmt
    imports_all: bool = False


def statements(cell: int, code: str) -> list[Statement]:
    """Return the statements of a cell.

    Raises:
        SyntaxError: the code cannot be parsed, or is nested too deeply to be read.
    """
    try:
        return [_statement(cell, node, code) for node in ast.parse(code).body]
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error)) from error


def _statement(cell: int, node: ast.stmt, code: str) -> Statement:
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    table = symtable.symtable(ast.unparse(node), "cell", "exec")
    binds, uses = set(_changed(node)), set()
    for symbol in table.get_symbols():
        if symbol.is_assigned() or symbol.is_imported():
            binds.add(symbol.get_name())
        if symbol.is_referenced():
            uses.add(symbol.get_name())
    for symbol in _global_symbols(table):
        (binds if symbol.is_assigned() else uses).add(symbol.get_name())
    all_names = isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
    lines = first, node.end_lineno or node.lineno
    return Statement(cell, lines, frozenset(binds), frozenset(uses), node, all_names)


def _global_symbols(table: symtable.SymbolTable) -> Iterator[symtable.Symbol]:
    """Yield the global names in all functions and classes of a statement."""
    for inner in table.get_children():
        yield from (symbol for symbol in inner.get_symbols() if symbol.is_global())
        yield from _global_symbols(inner)


def _changed(node: ast.stmt) -> Iterator[str]:
    """Yield the names whose objects a statement changes: `a[0] = 1`, `a.b = 1`, `a.append(1)`."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute | ast.Subscript):
            is_target = isinstance(inner.ctx, ast.Store | ast.Del)
            name = _base(inner)
            if is_target and name:
                yield name
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        name = _base(node.value.func)
        if name and isinstance(node.value.func, ast.Attribute):
            yield name


def _base(node: ast.expr) -> str:
    """Return the name at the beginning of `a.b[0].c`, or ""."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def names_in(expression: str) -> frozenset[str]:
    """Return the names that an expression uses."""
    found = ast.walk(ast.parse(expression, mode="eval"))
    return frozenset(node.id for node in found if isinstance(node, ast.Name))


def needed(found: list[Statement], names: frozenset[str]) -> list[Statement]:
    """Return the statements that bind what some names need, directly or through others."""
    binders: dict[str, list[int]] = {}
    for number, statement in enumerate(found):
        for name in statement.binds:
            binders.setdefault(name, []).append(number)
    new = [number for number, statement in enumerate(found) if statement.imports_all]
    kept = set(new)
    waiting = [*names, *(name for number in new for name in found[number].uses)]
    while waiting:
        # Each name is looked up once, so that a long chain of names takes no longer than its code.
        for number in binders.pop(waiting.pop(), []):
            if number not in kept:
                kept.add(number)
                waiting += found[number].uses
    return [statement for number, statement in enumerate(found) if number in kept]
