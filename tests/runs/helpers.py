"""Helpers that several tests of this folder share: small runs, and the comparison of results."""

import math
from pathlib import Path
from typing import Any

import torch

from pg_edu.runs.checkpoint import load_checkpoint
from pg_edu.runs.commands import main
from pg_edu.runs.config import Config
from pg_edu.runs.training import Result, train

ROOT = Path(__file__).parents[2]
SMALL = Config(num_envs=4, hidden_sizes=(8,), max_updates=3, target=math.inf)


def leaves(tree: Any) -> list[Any]:
    """Return every value of nested dicts and lists, with its key; tensors as exact lists."""
    if isinstance(tree, dict):
        return [(key, leaf) for key, value in tree.items() for leaf in leaves(value)]
    if isinstance(tree, list | tuple):
        return [leaf for value in tree for leaf in leaves(value)]
    return [(str(tree.dtype), tree.tolist()) if isinstance(tree, torch.Tensor) else tree]


def fingerprint(result: Result | None) -> list[Any]:
    """Return everything that the next iteration depends on, and the history without its clock."""
    assert result is not None
    history = [iteration._replace(seconds=0.0) for iteration in result.history]
    return leaves([result.policy_state, result.optim_state, history, result.stopped])


def states(seed: int, config: Config, resume: Result | None = None) -> list[Result]:
    """Return every state of the run that is passed to `on_iteration`."""
    shown: list[Result] = []
    train(seed, config, resume=resume, on_iteration=shown.append)
    return shown


def saved(folder: str) -> Result:
    """Return the result in the folder of a run."""
    return load_checkpoint(Path(folder, "checkpoint.pt"))


def run_command(*arguments: str) -> int:
    """Run a command of the command line in this process and return its exit status."""
    try:
        return main(arguments)
    except SystemExit as exit:
        return int(exit.code or 0)
