"""`probe`: find the broken part of an agent."""

import argparse
import importlib
import inspect
from operator import attrgetter
from typing import Any

from pg_edu.runs.commands.user_modules import find_in_working_folder
from pg_edu.runs.environment_errors import described

DEFAULT_POLICY = "pg_edu:PGPolicy"
LOOP_OPTIONS = ("gamma", "num_envs", "autoreset_mode")


def add_parser(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser(
        "probe",
        allow_abbrev=False,
        help="find the broken part of an agent",
        description="Train an agent in nine tiny environments that each ask one question, and say "
        "what is broken. This takes about half a minute for a policy, and up to two minutes for a "
        "training loop. The exit status is 1 if a probe failed.",
    )
    parser.set_defaults(command=_run)
    parser.add_argument(
        "agent",
        nargs="?",
        metavar="MODULE:NAME",
        help="a function train(env, seed), such as my_train.py:train; or a class with the "
        "constructor of PGPolicy, or a function of (observation_space, action_space) that makes a "
        f"policy, such as my_agent:MyPolicy ({DEFAULT_POLICY})",
    )
    _add_options(parser)
    _add_loop_options(parser)


def _add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for agents of all kinds."""
    parser.add_argument(
        "--updates", type=int, metavar="N", help="updates in each probe, of 32 episodes each (100)"
    )
    parser.add_argument("--seed", type=int, help="the same seed gives the same table (0)")
    parser.add_argument(
        "--only", action="append", metavar="PROBE", help="run this probe alone; may be repeated"
    )
    parser.add_argument(
        "--skip", action="append", metavar="PROBE", help="leave this probe out; may be repeated"
    )


def _add_loop_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for a function train(env, seed)."""
    loop = parser.add_argument_group("for a function train(env, seed)")
    loop.add_argument("--gamma", type=float, help="the discount factor with which it trains")
    loop.add_argument(
        "--num-envs",
        type=int,
        metavar="N",
        help="lend it a vector of N environments (one, no vector)",
    )
    loop.add_argument(
        "--autoreset-mode",
        metavar="MODE",
        help="how the vector begins the next episode: same_step, next_step or disabled (same_step)",
    )


def _run(arguments: argparse.Namespace) -> int:
    from pg_edu.lab.probes import probe, probe_loop  # The other commands do not need the lab.

    agent = _agent(arguments.agent)
    settings = _given(arguments, ("updates", "seed", "only", "skip"))
    of_loop = _given(arguments, LOOP_OPTIONS)
    is_loop = is_training_loop(agent)
    if of_loop and not is_loop:
        option = next(iter(of_loop)).replace("_", "-")
        raise ValueError(f"--{option} is for a function train(env, seed); this is a policy")
    try:
        report = probe_loop(agent, **settings, **of_loop) if is_loop else probe(agent, **settings)
    except SystemExit as error:
        raise ValueError(f"the agent has ended the process ({described(error)})") from error
    print(report)
    return 1 if report.failed else 0


def _given(arguments: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the options that the user has typed."""
    values = {name: getattr(arguments, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def is_training_loop(agent: Any) -> bool:
    """Return whether the first argument of a function is called env or envs, or its second seed."""
    if not callable(agent) or inspect.isclass(agent):
        return False
    parameters = list(inspect.signature(agent).parameters)
    return parameters[:1] in (["env"], ["envs"]) or parameters[1:2] == ["seed"]


def _agent(typed: str | None) -> Any:
    """Return what the user has named, otherwise PGPolicy."""
    if typed is None:
        return _imported(DEFAULT_POLICY)
    find_in_working_folder(typed)
    return _imported(typed)


def _imported(path: str) -> Any:
    """Import the object that MODULE:NAME or FILE.py:NAME names."""
    module, _, name = path.partition(":")
    if not module or not name:
        raise ValueError(f"expected MODULE:NAME, such as my_agent:MyPolicy, got {path!r}")
    try:
        return attrgetter(name)(importlib.import_module(_module_named(module)))
    except (Exception, SystemExit) as error:  # The user's code may fail in any way.
        raise ValueError(
            f"{path} cannot be imported: {described(error)}. "
            "Is the module in this folder, or installed?"
        ) from error


def _module_named(typed: str) -> str:
    """Return the name of a module, which may be typed as a file: folder/my_train.py."""
    if not typed.endswith(".py"):
        return typed
    return typed.removesuffix(".py").replace("\\", "/").removeprefix("./").replace("/", ".")
