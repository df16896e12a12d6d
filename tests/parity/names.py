"""The names of every module of Tianshou v1.1.0, as names.json records them.

A name of a module is what its source text defines at the top level; a package, whose `__init__.py`
gathers names from its modules, also has those that it imports from them.
"""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

RECORDED = Path(__file__).with_name("names.json")

# It compares runs, and no name of pg_edu's lives in it.
LEFT_OUT = {"evaluation"}


def names_of(package: ModuleType) -> dict[str, list[str]]:
    """Return the public names of each module, under the module's path below the package."""
    assert package.__file__ is not None
    folder = Path(package.__file__).parent
    names: dict[str, list[str]] = {}

    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        if parts[0] in LEFT_OUT:
            continue
        is_package = parts[-1] == "__init__"
        module = ".".join(parts[:-1] if is_package else parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names[module] = sorted({n for n in _defined(tree, is_package) if not n.startswith("_")})

    return names


def _defined(tree: ast.Module, is_package: bool) -> Iterator[str]:
    """Yield what the statements of a module bind at the top level."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.ImportFrom) and is_package:
            yield from (alias.asname or alias.name for alias in node.names)


def record(package: ModuleType) -> None:
    """Write the names of all modules, one module a line."""
    lines = [f'"{module}": {json.dumps(names)}' for module, names in names_of(package).items()]
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def recorded() -> dict[str, list[str]]:
    """Read the recorded names of all modules."""
    names: dict[str, list[str]] = json.loads(RECORDED.read_text(encoding="utf-8"))
    return names
