"""Run the cases of `run.py` with Tianshou 1.2 and with pg_edu, and print where the two differ.

First the cases, area by area; then the arguments and fields that only one of the two has; then what
each does in a few situations in which 1.2 does not do what 1.1 did. docs/TIANSHOU.md explains what
is printed. `make parity` runs it with Tianshou 1.2.0. In another environment that has Tianshou 1.2
and pg_edu:

    python tests/parity/tianshou12.py

Its status is 1 if the areas that differ are not those that the page names.
"""

import inspect
import sys
import warnings
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np
import tianshou
import torch

# The package `parity` is in this folder. It comes last, for it also has a package `tianshou`.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from parity import original
from parity.cases import AREAS, run_case
from parity.cases_script import LONG_SCRIPT, moved_by_prefix, run, script, weights_and_generators
from parity.compare import Comparison, Leaf, leaves
from tianshou.trainer import OnpolicyTrainer

import pg_edu

CASES = 50  # of each area, or all if it has fewer

# The areas in which 1.2 gives other numbers than 1.1, or an error.
KNOWN = {
    "buffer_adding",
    "buffer_sampling",
    "collector",
    "printed_statistics",
    "update_from_a_sample",
    "moved_script",
    "script_moved_by_prefix",
}


def main() -> int:
    """Print everything, and return the exit status."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print(f"Tianshou {tianshou.__version__} and pg_edu: cases that differ")
    differing = {name for name in AREAS if differs(name)}
    print("scripts whose trainer is reset before the loop:")
    apart = [differs_after_reset(text) for text in (script(), LONG_SCRIPT)]
    print_arguments()
    print_situations()
    unexpected = sorted(differing ^ KNOWN)
    if unexpected:
        print(f"not as docs/TIANSHOU.md says: {', '.join(unexpected)}")
    return int(bool(unexpected) or any(apart))


def differs(name: str) -> bool:
    """Run the cases of an area, print how many of them differ, and the first difference."""
    wrong: list[str] = []
    cases = min(AREAS[name].cases, CASES)
    for number in range(cases):
        comparison = Comparison()
        got = run_case(pg_edu, name, number)
        try:
            comparison.add(f"case {number}", run_case(original, name, number), got)
        except Exception as error:
            comparison.mismatches.append(f"case {number}: {type(error).__name__}: {error}")
        wrong += comparison.mismatches[:1]
    print(f"  {name:26}{len(wrong):4} of {cases}", flush=True)
    for mismatch in wrong[:1]:
        print(f"      {mismatch[:200]}")
    return bool(wrong)


def differs_after_reset(text: str) -> bool:
    """Run a script in both libraries, in 1.2 with `trainer.reset()` before its loop; compare."""
    loop = "for epoch in trainer:"
    comparison = Comparison()
    theirs, ours = text.replace(loop, f"trainer.reset()\n{loop}"), moved_by_prefix(text)
    comparison.add("after the script", outcome(theirs), outcome(ours))
    print(f"  {comparison.numbers} numbers, {len(comparison.mismatches)} differ")
    for mismatch in comparison.mismatches[:1]:
        print(f"      {mismatch[:200]}")
    return bool(comparison.mismatches)


def outcome(text: str) -> dict[str, Leaf]:
    """Run a script, and return the weights that it ends with and what is drawn next."""
    np.random.seed(0)
    return leaves(weights_and_generators(run(text)))


def print_arguments() -> None:
    """Print the arguments and fields that only one of the two libraries has."""
    print("arguments and fields, + only in 1.2, - only in pg_edu:")
    for name, pair in pairs().items():
        print_difference(name, *(set(inspect.signature(one).parameters) for one in pair))
    for name in ("CollectStats", "InfoStats", "EpochStats", "PGTrainingStats"):
        print_difference(name, *({f.name for f in fields(getattr(x, name))} for x in LIBRARIES))


def pairs() -> dict[str, tuple[Callable[..., Any], Callable[..., Any]]]:
    """Return what has arguments, by name: of 1.2, and of pg_edu."""
    return {
        "PGPolicy": (original.PGPolicy, pg_edu.PGPolicy),
        "Collector": (original.Collector, pg_edu.Collector),
        "Collector.collect": (original.Collector.collect, pg_edu.Collector.collect),
        "OnpolicyTrainer": (OnpolicyTrainer, pg_edu.OnpolicyTrainer),
        "OnpolicyTrainer.run": (OnpolicyTrainer.run, pg_edu.OnpolicyTrainer.run),
    }


def print_difference(name: str, theirs: set[str], ours: set[str]) -> None:
    """Print a line with what each side has alone."""
    alone = [f"+{n}" for n in sorted(theirs - ours)] + [f"-{n}" for n in sorted(ours - theirs)]
    print(f"  {name:22}{' '.join(alone) or 'the same'}")


def print_situations() -> None:
    """Print what each library does where 1.2 departs from 1.1."""
    print("situations: 1.2, then pg_edu")
    for situation in SITUATIONS:
        answers = [situation(lib) for lib in LIBRARIES]
        print(f"  {str(situation.__doc__).rstrip('.')}: {answers[0]}, {answers[1]}")


def policy_of(lib: Any) -> Any:
    """Make a policy for CartPole that remembers the log-probability of each action."""

    class Remembering(lib.PGPolicy):
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            result = super().forward(*args, **kwargs)
            result.policy = lib.Batch(log_prob=result.dist.log_prob(result.act))
            return result

    net = lib.Net(state_shape=4, action_shape=2, softmax=True)
    return Remembering(
        actor=net,
        optim=torch.optim.Adam(net.parameters()),
        dist_fn=torch.distributions.Categorical,
        action_space=gym.spaces.Discrete(2),
        action_scaling=False,
    )


def collector_of(lib: Any, buffer: Any = None) -> Any:
    """Make a collector of two CartPoles."""
    envs = lib.DummyVectorEnv([lambda: gym.make("CartPole-v1")] * 2)
    return lib.Collector(policy_of(lib), envs, buffer)


def trainer_of(lib: Any, collector: Any) -> Any:
    """Make a trainer of one epoch."""
    trainer_class = OnpolicyTrainer if lib is original else lib.OnpolicyTrainer
    return trainer_class(
        policy=collector.policy,
        train_collector=collector,
        max_epoch=1,
        step_per_epoch=20,
        step_per_collect=20,
        repeat_per_collect=1,
        episode_per_test=1,
        batch_size=20,
        verbose=False,
        show_progress=False,
    )


def default_buffer(lib: Any) -> int:
    """Rows that a Collector of two environments keeps if it is given no buffer."""
    return int(collector_of(lib).buffer.maxsize)


def forward_builds_a_graph(lib: Any) -> bool:
    """Does forward build a graph while the Collector acts."""
    collector = collector_of(lib)
    seen: list[bool] = []
    original_forward = collector.policy.actor.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        seen.append(torch.is_grad_enabled())
        return original_forward(*args, **kwargs)

    collector.policy.actor.forward = forward
    collector.collect(n_step=2, reset_before_collect=True)
    return seen[0]


def resets_of_run(lib: Any) -> int:
    """Resets of the train collector in one run()."""
    collector = collector_of(lib, lib.VectorReplayBuffer(200, 2))
    count = 0
    reset = collector.reset

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal count
        count += 1
        return reset(*args, **kwargs)

    collector.reset = counted
    trainer_of(lib, collector).run()
    return count


def iterating_resets(lib: Any) -> str:
    """What iterating over a new trainer does."""
    trainer = trainer_of(lib, collector_of(lib, lib.VectorReplayBuffer(200, 2)))
    try:
        return f"trains {len(list(trainer))} epoch"
    except ValueError as error:
        return f"ValueError: {str(error)[:40]}..."


def draws_of_two_seeds(lib: Any) -> str:
    """Rows drawn by sample(5) after np.random.seed(0) and after np.random.seed(1)."""
    drawn = []
    for seed in (0, 1):
        buffer = lib.ReplayBuffer(50)
        for t in range(50):
            buffer.add(lib.Batch(obs=t, act=0, rew=0.0, terminated=False, truncated=False, done=0))
        np.random.seed(seed)
        drawn.append(buffer.sample(5)[1].tolist())
    return " and ".join(map(str, drawn))


def start_of_a_kept_episode(lib: Any) -> list[int]:
    """Start index that add returns for an episode begun at row 2, before reset(keep_statistics)."""
    buffer = lib.ReplayBuffer(10)
    row = {"obs": 0, "act": 0, "rew": 1.0, "terminated": False, "truncated": False, "done": False}
    for t in range(4):
        buffer.add(lib.Batch({**row, "terminated": t == 1, "done": t == 1}))
    buffer.reset(keep_statistics=True)
    return buffer.add(lib.Batch(row))[3].tolist()


def length_across_an_update(lib: Any) -> list[int]:
    """Length of a 5-step episode whose first 3 rows the buffer has dropped."""
    make = partial(gym.make, "CartPole-v1", max_episode_steps=5)
    collector = lib.Collector(policy_of(lib), lib.DummyVectorEnv([make]), lib.ReplayBuffer(20))
    collector.reset()
    collector.collect(n_step=3)
    collector.reset_buffer(keep_statistics=True)
    return collector.collect(n_step=3).lens.tolist()


LIBRARIES: tuple[ModuleType, ModuleType] = (original, pg_edu)
SITUATIONS: list[Callable[[Any], object]] = [
    default_buffer,
    forward_builds_a_graph,
    resets_of_run,
    iterating_resets,
    draws_of_two_seeds,
    start_of_a_kept_episode,
    length_across_an_update,
]

if __name__ == "__main__":
    sys.exit(main())
