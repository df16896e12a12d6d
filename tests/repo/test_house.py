"""The house: which module may import which, and what importing the package costs.

The layers of the package are called floors here, and the groups of modules on them rooms.
"""

import ast
import subprocess
import sys
from collections.abc import Sequence
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "pg_edu"

# A room may import from its own floor and from those above it in this list. A room is a file of the
# core, or a folder with everything in it except the rooms that have a longer name: "runs.commands"
# is not part of "runs".
FLOORS = [
    {"types", "checks", "guard"},
    {"returns", "actions", "stats", "sub_buffers", "distributions", "rollback", "env_checks"},
    {"batch", "log_probs"},
    {"infos"},
    {"buffer", "nets", "staging", "hidden_state"},
    {"base_policy"},
    {"examine"},
    {"reinforce", "collector"},
    {"leave_one_out", "recurrent"},
    {"trainer"},
    {"runs"},
    {"figures"},
    {"lab", "tianshou"},
    {"lab.exact"},
    {"lab.probes", "lab.museum"},
    {"course"},
    {"coursework"},
    {"runs.commands"},
    {"__init__", "__main__"},
]
DRAWING = {"matplotlib", "PIL", "pygame"}
SLOW = {"scipy", "numba", "tensorboard", "tqdm.auto", "tqdm.notebook"}


FLOOR_OF = {room: number for number, floor in enumerate(FLOORS) for room in floor}
OUTSIDE = "no room"


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    """Return the room of a module."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    is_folder = len(parts) > 1 and parts[-1] == "__init__"
    return room_named(parts[:-1] if is_folder else parts)


def room_named(parts: Sequence[str]) -> str:
    """Return the room with the longest name that is a prefix of these parts."""
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in FLOOR_OF:
            return name
    return OUTSIDE


def imported_rooms(path: Path) -> set[str]:
    """Return the rooms that a module imports from, anywhere in the file and in any form."""
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
    paths = [name.split(".") for name in names if name.split(".")[0] == "pg_edu"]
    rooms = {room_named(path[1:]) for path in paths}
    # A name that is in no room belongs to the package itself, as in `from pg_edu import PGPolicy`.
    return {"__init__" if room == OUTSIDE else room for room in rooms}


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_module_imports_only_from_its_own_floor_and_below(path: Path) -> None:
    room = room_of(path)
    assert room in FLOOR_OF, "a new module needs a place in FLOORS"
    too_high = {name for name in imported_rooms(path) if FLOOR_OF[name] > FLOOR_OF[room]}
    assert not too_high


def test_every_room_exists() -> None:
    for room in FLOOR_OF:
        path = PACKAGE.joinpath(*room.split("."))
        assert path.is_dir() or path.with_suffix(".py").is_file(), room


@pytest.mark.parametrize(
    ("path", "room"),
    [
        ("returns.py", "returns"),
        ("__init__.py", "__init__"),
        ("runs/sweep.py", "runs"),
        ("runs/commands/sweep.py", "runs.commands"),
        ("runs/commands/__init__.py", "runs.commands"),
        ("lab/__init__.py", "lab"),
        ("lab/exact/mdp.py", "lab.exact"),
    ],
)
def test_a_module_is_in_the_room_with_the_longest_name(path: str, room: str) -> None:
    assert room_of(PACKAGE / path) == room


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


def test_an_import_from_a_subfolder_is_an_arrow_to_its_own_room() -> None:
    code = "from pg_edu.lab.probes import probe\nfrom pg_edu.runs import commands, sweep"
    assert rooms_named_in(code, ("pg_edu",)) == {"lab.probes", "runs.commands", "runs"}


def test_importing_from_the_package_itself_is_an_arrow_to_the_top() -> None:
    assert rooms_named_in("from pg_edu import PGPolicy", ("pg_edu",)) == {"__init__"}


def test_no_two_rooms_import_each_other() -> None:
    arrows: dict[str, set[str]] = {}
    for path in modules():
        room = room_of(path)
        arrows.setdefault(room, set()).update(imported_rooms(path) - {room})
    tuple(TopologicalSorter(arrows).static_order())  # raises CycleError


def test_importing_the_package_imports_nothing_that_draws_or_that_is_slow() -> None:
    program = f"import sys, pg_edu; print(*sorted(set(sys.modules) & {DRAWING | SLOW}))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
