"""`evaluate`: measure a trained agent."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from pg_edu.runs.commands.folders import load_run
from pg_edu.runs.commands.messages import program, progress, quoted
from pg_edu.runs.commands.options import add_step_seconds, given_step_seconds
from pg_edu.runs.commands.user_modules import check_that_it_is_installed, find_in_working_folder
from pg_edu.runs.environment_errors import time_limit
from pg_edu.runs.intervals import t_interval
from pg_edu.runs.training import Result, evaluate, trained_policy


def add_parser(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser(
        "evaluate",
        allow_abbrev=False,
        help="measure a trained agent",
        description="Print the mean returns of a trained agent, greedy and as trained, with 95% t "
        "intervals.",
    )
    parser.set_defaults(command=_run)
    add = parser.add_argument
    add("checkpoint", type=Path, help="the folder of a run, or its checkpoint.pt")
    add("--episodes", type=int, default=100, metavar="N", help="episodes of each kind (100)")
    add("--seed", type=int, default=0, help="seed of the environments and actions (0)")
    add_step_seconds(add)
    add("--device", help="a torch device (the one used in training)")
    add(
        "--env",
        metavar="MODULE:ID",
        help="the environment used in training, if its module is in this folder and you trust it",
    )


def _run(arguments: argparse.Namespace) -> int:
    _check_ranges(arguments)
    step_seconds = given_step_seconds(arguments)
    result = _result_to_evaluate(arguments)
    policy = trained_policy(result)
    print(
        f"{result.config.env_id}, seed {result.seed}, {progress(result)}: "
        f"mean return of {arguments.episodes} episodes and its 95% t interval"
    )
    for name, greedy in (("greedy", True), ("as trained", False)):
        with time_limit(step_seconds):
            returns = evaluate(
                policy,
                result.config,
                greedy=greedy,
                episodes=arguments.episodes,
                seed=arguments.seed,
            )
        mean, low, high = t_interval(returns)
        print(f"  {name:<10} {mean:8.1f}   [{low:.1f}, {high:.1f}]")
    print(f"  target     {result.config.target:8.1f}")
    print("The intervals account for luck in these episodes, not for luck in training. They may go")
    print("beyond the possible returns.")
    return 0


def _check_ranges(arguments: argparse.Namespace) -> None:
    if arguments.episodes < 2:
        raise ValueError(f"--episodes must be at least 2, got {arguments.episodes}")
    if arguments.seed < 0:
        raise ValueError(f"--seed must be at least 0, got {arguments.seed}")
    if arguments.seed >= 2**64:
        raise ValueError(f"--seed must be less than 2**64, got {arguments.seed}")


def _result_to_evaluate(arguments: argparse.Namespace) -> Result:
    result = load_run(arguments.checkpoint)
    _check_env(result.config.env_id, arguments)
    if arguments.device is None:
        return result
    return replace(result, config=replace(result.config, device=arguments.device))


def _check_env(env_id: str, arguments: argparse.Namespace) -> None:
    """Look for the environment's module in the working folder only if the user has named it."""
    if arguments.env is None:
        checkpoint = quoted(arguments.checkpoint)
        command = f"{program()} evaluate {checkpoint} --env {quoted(env_id)}"
        check_that_it_is_installed(env_id, command)
    elif arguments.env == env_id:
        find_in_working_folder(env_id)
    else:
        raise ValueError(f"--env must be the checkpoint's, {env_id}, got {arguments.env}")
