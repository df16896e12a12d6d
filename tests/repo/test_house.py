"""The house: which module may know of which, what an import costs."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "pg_edu"

# A room may import from its own floor and from those above it in this list. A name is a file of the
# core, or a folder with all that is in it.
FLOORS = [
    {"types"},
    {"returns", "actions", "stats", "sub_buffers", "guard", "distributions"},
    {"batch"},
    {"checks"},
    {"log_probs", "buffer", "nets"},
    {"policy"},
    {"leave_one_out", "collector"},
    {"trainer"},
    {"runs"},
    {"figures"},
    {"lab", "tianshou"},
    {"course"},
    {"__init__", "__main__"},
]
DRAWING = {"matplotlib", "PIL", "pygame"}
SLOW = {"scipy", "numba", "tensorboard", "tqdm.auto", "tqdm.notebook"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    """The top-level name under pg_edu: `policy` for policy.py, `lab` for all of lab/."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_rooms(path: Path) -> set[str]:
    """What a module imports from the package, wherever in the file and however it is written."""
    package = ("pg_edu", *path.relative_to(PACKAGE).parts[:-1])
    return rooms_named_in(path.read_text(encoding="utf-8"), package)


def rooms_named_in(code: str, package: tuple[str, ...]) -> set[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parent = package[: len(package) + 1 - node.level] if node.level else ()
            base = ".".join([*parent, node.module] if node.module else parent)
            names += [f"{base}.{alias.name}" for alias in node.names]
    rooms = {path.stem for path in PACKAGE.iterdir()}
    paths = [name.split(".") for name in names if name.split(".")[0] == "pg_edu"]
    return {path[1] if len(path) > 1 and path[1] in rooms else "__init__" for path in paths}


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_module_imports_only_from_its_own_floor_and_below(path: Path) -> None:
    floor_of = {name: number for number, floor in enumerate(FLOORS) for name in floor}
    assert room(path) in floor_of, "a new module needs a place in FLOORS"
    too_high = {n for n in imported_rooms(path) if floor_of[n] > floor_of[room(path)]}
    assert not too_high


@pytest.mark.parametrize(
    "code",
    [
        "import pg_edu.returns",
        "from pg_edu.returns import gae",
        "from pg_edu import returns",
        "from .returns import gae",
        "from . import returns",
        "def f():\n    from pg_edu.returns import gae",
        "if TYPE_CHECKING:\n    import pg_edu.returns as r",
    ],
)
def test_every_way_to_import_a_module_is_seen(code: str) -> None:
    assert rooms_named_in(code, ("pg_edu",)) == {"returns"}


def test_importing_from_the_package_itself_is_an_arrow_to_the_top() -> None:
    assert rooms_named_in("from pg_edu import PGPolicy", ("pg_edu",)) == {"__init__"}


def test_no_two_modules_import_each_other() -> None:
    arrows: dict[str, set[str]] = {}
    for path in modules():
        arrows.setdefault(room(path), set()).update(imported_rooms(path) - {room(path)})
    tuple(TopologicalSorter(arrows).static_order())  # raises CycleError


def test_importing_the_package_imports_nothing_that_draws_or_that_is_slow() -> None:
    program = f"import sys, pg_edu; print(*sorted(set(sys.modules) & {DRAWING | SLOW}))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
