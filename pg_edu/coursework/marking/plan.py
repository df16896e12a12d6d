"""What is run of a notebook, and where its answers are asked for.

An answer is the second argument of `check("02.1", returns)`, wherever that call stands, and it is
asked for at this place, so that a name may be used twice in a notebook. `check` itself need not be
the package's, or be defined at all. An answer is asked for at the end of the notebook as well if
its call was deleted, by its name on the original page, or if it is defined below the call.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pg_edu.coursework.marking.names import Statement, names_in, needed, statements

NUMBER = re.compile(r"\d\d\.\d+")
LONGEST_EXPRESSION = 2_000
MOST_ASKS = 10  # for one exercise: each may take seconds


@dataclass(frozen=True)
class Run:
    """Code to run.

    Args:
        cell: the number of its cell, from 0.
        code: the cell, with empty lines in place of what is not needed.
    """

    cell: int
    code: str


@dataclass(frozen=True)
class Ask:
    """An answer to ask for.

    Args:
        exercise: the number of the exercise.
        expression: what evaluates to the answer.
        cell: the number of the cell with the call of `check`; -1 at the end of the notebook.
    """

    exercise: str
    expression: str
    cell: int = -1


@dataclass(frozen=True)
class Plan:
    """The steps by which a notebook is marked.

    Args:
        steps: code to run and answers to ask for.
        found: all statements of the notebook.
        left_out: the code that is not run.
        sources: the code of the cells.
    """

    steps: list[Run | Ask]
    found: list[Statement]
    left_out: str
    sources: list[str]


def make_plan(cells: list[str], exercises: Mapping[str, str], every_cell: bool = False) -> Plan:
    """Return what to run of a notebook.

    Args:
        cells: the code of its cells.
        exercises: what evaluates to the answer on the original page, for each exercise.
        every_cell: whether to run all cells, and not only what the answers need.
    """
    found, unreadable = all_statements(cells)
    asks = [ask for statement in found for ask in _asks(statement) if ask.exercise in exercises]
    asks = _last_ones(asks)
    asks += [*_asks_for_deleted(exercises, asks, found), *_asks_once_more(asks, found)]
    kept = needed(found, frozenset().union(*(names_in(ask.expression) for ask in asks)))
    if every_cell:
        kept = found
    kept_of: dict[int, list[Statement]] = {}
    for statement in kept:
        kept_of.setdefault(statement.cell, []).append(statement)
    steps: list[Run | Ask] = []
    for cell, source in enumerate(cells):
        if cell in unreadable:
            steps.append(Run(cell, source))
        steps += _steps_of_cell(cell, source, kept_of.get(cell, []), asks)
    steps += [ask for ask in asks if ask.cell == -1]
    return Plan(steps, found, _left_out(found, kept), cells)


def _left_out(found: list[Statement], kept: list[Statement]) -> str:
    """Return the code of the statements that are not kept."""
    places = {id(statement) for statement in kept}
    return "\n".join(ast.unparse(s.node) for s in found if id(s) not in places)


def all_statements(cells: list[str]) -> tuple[list[Statement], set[int]]:
    """Return all statements, and the numbers of the cells that cannot be parsed."""
    found: list[Statement] = []
    unreadable = set()
    for number, code in enumerate(cells):
        try:
            found += statements(number, code)
        except SyntaxError:
            unreadable.add(number)
    return found, unreadable


def _steps_of_cell(
    cell: int, source: str, kept: list[Statement], asks: Iterable[Ask]
) -> list[Run | Ask]:
    """Return the needed lines of a cell as one piece of code, and then its answers."""
    steps: list[Run | Ask] = []
    if kept:
        steps.append(Run(cell, only_lines(source, [statement.lines for statement in kept])))
    return [*steps, *(ask for ask in asks if ask.cell == cell)]


def only_lines(source: str, kept: Iterable[tuple[int, int]]) -> str:
    """Return code with empty lines in place of all others, so that line numbers stay."""
    wanted = {number for first, last in kept for number in range(first, last + 1)}
    lines = source.splitlines()
    return "\n".join(line if number in wanted else "" for number, line in enumerate(lines, 1))


def _asks(statement: Statement) -> list[Ask]:
    """Return the answers that are checked anywhere in a statement."""
    calls = [node for node in ast.walk(statement.node) if isinstance(node, ast.Call)]
    asks = [_ask(call, statement.cell) for call in calls if _is_check(call.func)]
    return [ask for ask in asks if ask is not None]


def _is_check(function: ast.expr) -> bool:
    name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
    return bool(name == "check")


def _ask(call: ast.Call, cell: int) -> Ask | None:
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    number = call.args[0] if call.args else named.get("number")
    answer = call.args[1] if len(call.args) > 1 else named.get("answer")
    if not isinstance(number, ast.Constant) or answer is None or isinstance(answer, ast.Starred):
        return None
    if not isinstance(number.value, str) or not NUMBER.fullmatch(number.value):
        return None
    expression = ast.unparse(answer)
    return Ask(number.value, expression, cell) if len(expression) < LONGEST_EXPRESSION else None


def _last_ones(asks: list[Ask]) -> list[Ask]:
    """Return the last few answers to each exercise, in their order."""
    last: list[Ask] = []
    count: Counter[str] = Counter()
    for ask in reversed(asks):
        count[ask.exercise] += 1
        if count[ask.exercise] <= MOST_ASKS:
            last.append(ask)
    return last[::-1]


def _asks_for_deleted(
    exercises: Mapping[str, str], asks: list[Ask], found: list[Statement]
) -> Iterable[Ask]:
    """Return answers to exercises that are not checked anywhere, if their names are bound."""
    asked = {ask.exercise for ask in asks}
    bound = frozenset().union(*(statement.binds for statement in found))
    for number, expression in exercises.items():
        if number not in asked and names_in(expression) <= bound:
            yield Ask(number, expression)


def _asks_once_more(asks: list[Ask], found: list[Statement]) -> Iterable[Ask]:
    """Return answers to ask for once more at the end, since they are bound below their check."""
    last_cell = {name: statement.cell for statement in found for name in statement.binds}
    for ask in asks:
        if any(last_cell.get(name, -1) > ask.cell for name in names_in(ask.expression)):
            yield Ask(ask.exercise, ask.expression)
