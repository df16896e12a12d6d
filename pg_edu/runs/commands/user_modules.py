"""Find modules that the user names in an argument: `my_agent:MyPolicy`, `my_env:Env-v0`.

They are found in the working folder. `python -m pg_edu` has this folder on `sys.path` from the
start; the script `pg-edu` does not. A checkpoint, which may come from somebody else, names an
environment too, and making that environment imports its module. So both commands begin without the
working folder, and add it only when the user names a module. Worker processes get the `sys.path` of
the process that starts them.
"""

import os
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path


def remove_working_folder() -> None:
    """Remove the working folder from `sys.path`, where `python -m` has put it.

    It stays if it is the folder that holds pg_edu itself (a clone that is not installed), because
    worker processes have to find the package there.
    """
    folder = os.getcwd()
    has_been_added = not sys.flags.safe_path and sys.path[0] == folder
    holds_this_package = Path(folder) == Path(__file__).resolve().parents[3]
    if has_been_added and not holds_this_package:
        del sys.path[0]


def names_module(name: str) -> bool:
    """Tell whether the name is of the form MODULE:NAME."""
    return ":" in name


def find_in_working_folder(*names: str) -> None:
    """Put the working folder on `sys.path` if one of these names is MODULE:NAME.

    Call it only with arguments that the user has typed.
    """
    if any(map(names_module, names)) and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())


def check_that_it_is_installed(env_id: str, command: str) -> None:
    """Require that the module of a checkpoint's environment is found outside the working folder.

    The folder may be on `sys.path` for another reason: it holds pg_edu, or PYTHONPATH names it.

    Raises:
        ValueError: it is not; the message shows the command in which the user names it.
    """
    if not names_module(env_id):
        return
    module = env_id.partition(":")[0]
    spec = find_spec(module.partition(".")[0])
    if spec is None or _is_in_working_folder(spec):
        raise ValueError(
            f"the checkpoint needs the environment {env_id!r}, but no module {module!r} is "
            f"installed. If it is in this folder and you trust it, name it: {command}"
        )


def _is_in_working_folder(spec: ModuleSpec) -> bool:
    """Tell whether the module is a file or a package that lies directly in the working folder."""
    places = [Path(place).parent for place in spec.submodule_search_locations or []]
    if spec.origin is not None and not places:
        places = [Path(spec.origin).parent]
    return Path.cwd().resolve() in [place.resolve() for place in places]
