"""`probe`: find the broken part of an agent."""

import argparse
import importlib
from operator import attrgetter
from typing import Any

from pg_edu.runs.commands.user_modules import find_in_working_folder
from pg_edu.runs.environment_errors import described

DEFAULT_POLICY = "pg_edu:PGPolicy"


def add_parser(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser(
        "probe",
        allow_abbrev=False,
        help="find the broken part of an agent",
        description="Train a policy in nine tiny environments that each ask one question, and say "
        "what is broken. This takes at most half a minute. The exit status is 1 if a probe failed.",
    )
    parser.set_defaults(command=_run)
    parser.add_argument(
        "policy",
        nargs="?",
        metavar="MODULE:NAME",
        help="a class with the constructor of PGPolicy, or a function of (observation_space, "
        f"action_space) that makes a policy, such as my_agent:MyPolicy ({DEFAULT_POLICY})",
    )
    parser.add_argument(
        "--updates", type=int, metavar="N", help="updates in each probe, of 32 episodes each (100)"
    )
    parser.add_argument("--seed", type=int, help="the same seed gives the same table (0)")


def _run(arguments: argparse.Namespace) -> int:
    from pg_edu.lab.probes import probe  # The other commands do not need the lab.

    settings = {}
    for name in ("updates", "seed"):
        value = getattr(arguments, name)
        if value is not None:
            settings[name] = value

    try:
        report = probe(_make_policy(arguments.policy), **settings)
    except SystemExit as error:
        raise ValueError(f"the policy has ended the process ({described(error)})") from error
    print(report)
    return 1 if report.failed else 0


def _make_policy(typed: str | None) -> Any:
    """Return the class or function that the user has named, otherwise PGPolicy."""
    if typed is None:
        return _imported(DEFAULT_POLICY)
    find_in_working_folder(typed)
    return _imported(typed)


def _imported(path: str) -> Any:
    """Import the object that MODULE:NAME names."""
    module, _, name = path.partition(":")
    if not module or not name:
        raise ValueError(f"expected MODULE:NAME, such as my_agent:MyPolicy, got {path!r}")
    try:
        return attrgetter(name)(importlib.import_module(module))
    except (Exception, SystemExit) as error:  # The user's code may fail in any way.
        raise ValueError(
            f"{path} cannot be imported: {described(error)}. "
            "Is the module in this folder, or installed?"
        ) from error
