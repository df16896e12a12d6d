"""Define an option for each setting of a run, and turn settings back into options."""

import argparse
import shlex
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from pg_edu.actions import BoundMethod
from pg_edu.runs.config import Config, good_config
from pg_edu.runs.environment_errors import STEP_SECONDS

BOUND_METHODS: dict[str, BoundMethod] = {"clip": "clip", "tanh": "tanh", "none": None}
"""The action bound method for each value of --action-bound."""

SHORT_NAMES = {"discount_factor": "discount", "action_bound_method": "action_bound"}
"""The fields of Config whose options have another name."""


def add_step_seconds(add: Callable[..., object]) -> None:
    """Add the option for the time limit of a step, which is no setting: no result depends on it."""
    add(
        "--step-seconds",
        type=float,
        default=argparse.SUPPRESS,
        metavar="S",
        help="fail if one step of the environments takes longer (300; inf: no limit; not on "
        "Windows)",
    )


def given_step_seconds(arguments: argparse.Namespace) -> float:
    """Return the time limit of a step.

    Raises:
        ValueError: it is not positive.
    """
    seconds: float = vars(arguments).get("step_seconds", STEP_SECONDS)
    if not seconds > 0:
        raise ValueError(f"--step-seconds must be a positive number or inf, got {seconds}")
    return seconds


def add_settings(add: Callable[..., object]) -> None:
    """Add an option for each setting of a run by `add`, such as `ArgumentParser.add_argument`."""
    add("env_id", nargs="?", metavar="ENV", help="a Gymnasium id (CartPole-v1)")
    _add_limits(add)
    _add_optimizer(add)
    _add_returns(add)
    _add_sizes(add)


def _add_limits(add: Callable[..., object]) -> None:
    add("--target", type=float, help="mean return that counts as solved; inf: run to a limit")
    add("--max-env-steps", type=int, metavar="N", help="stop after N environment steps (2000000)")
    add("--max-updates", type=int, metavar="N", help="stop after N updates")
    add("--max-seconds", type=float, metavar="S", help="stop training after S seconds")
    add("--max-episode-steps", type=int, metavar="N", help="truncate episodes after N steps")


def _add_optimizer(add: Callable[..., object]) -> None:
    add(
        "--learning-rate",
        type=float,
        metavar="X",
        help="learning rate of Adam (0.01; CartPole-v1: 0.04)",
    )
    add("--momentum", type=float, metavar="X", help="beta_1 of Adam (0.9; CartPole-v1: 0)")
    add(
        "--learning-rate-decay",
        type=float,
        metavar="X",
        help="factor by which each update multiplies the learning rate (1; CartPole-v1: 0.97)",
    )
    add("--batch-size", type=int, metavar="N", help="transitions per optimizer step (all)")
    add("--repeat", type=int, metavar="N", help="passes over the transitions in an update (1)")
    add("--device", help="a torch device (cpu)")


def _add_returns(add: Callable[..., object]) -> None:
    add(
        "--discount",
        type=float,
        dest="discount_factor",
        metavar="X",
        help="discount factor gamma (0.99)",
    )
    add(
        "--baseline",
        choices=("none", "leave_one_out"),
        help="what returns are compared with: nothing, or the other episodes (none)",
    )
    add(
        "--reward-normalization",
        action=argparse.BooleanOptionalAction,
        help="normalize returns by their running mean and standard deviation (yes)",
    )


def _add_sizes(add: Callable[..., object]) -> None:
    add(
        "--num-envs",
        type=int,
        metavar="N",
        help="environments that step together (16; CartPole-v1: 80)",
    )
    add(
        "--episodes-per-env",
        type=int,
        metavar="N",
        help="episodes in each environment for one update (1)",
    )
    add("--hidden-sizes", type=_widths, metavar="N,N", help="tanh layer widths; '': none (64,64)")
    add(
        "--action-bound",
        choices=tuple(BOUND_METHODS),
        dest="action_bound_method",
        help="how to keep continuous actions within bounds (clip)",
    )


def with_several_values(add: Callable[..., object]) -> Callable[..., object]:
    """Return a version of `add` whose options take several values each."""

    def add_several(name: str, **settings: Any) -> None:
        if settings.get("action") is argparse.BooleanOptionalAction:
            del settings["action"]
            settings["type"] = _yes_or_no
            settings["metavar"] = "yes|no"
        settings["nargs"] = "+" if name.startswith("-") else "*"
        add(name, **settings)

    return add_several


def given_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that the user has given, by field of Config.

    The parser has to suppress defaults (argument_default=argparse.SUPPRESS).
    """
    given = vars(arguments)
    return {field.name: given[field.name] for field in fields(Config) if field.name in given}


def option_name(field: str) -> str:
    """Return the option for a field of Config.

    Example:
        >>> option_name("discount_factor"), option_name("num_envs")
        ('--discount', '--num-envs')
    """
    return "--" + SHORT_NAMES.get(field, field).replace("_", "-")


def settings_as_options(config: Config) -> str:
    """Return the options that lead from the good settings of the environment to this config.

    Example:
        >>> settings_as_options(good_config("CartPole-v1", repeat=2, batch_size=64))
        ' --batch-size 64 --repeat 2'
    """
    usual = good_config(config.env_id)
    options = ""
    for field in fields(Config):
        value = getattr(config, field.name)
        if value != getattr(usual, field.name):
            options += f" {_as_option(field.name, value)}"
    return options


def _as_option(field: str, value: Any) -> str:
    if isinstance(value, bool):
        return option_name(field) if value else option_name(f"no_{field}")
    if value is None:
        return f"{option_name(field)} none"
    text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return f"{option_name(field)} {shlex.quote(text)}"


def _yes_or_no(text: str) -> bool:
    if text not in ("yes", "no"):
        raise argparse.ArgumentTypeError(f"expected yes or no, got {text!r}")
    return text == "yes"


def _widths(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(width) for width in text.split(",") if width)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected widths such as 64,64, got {text!r}") from error
