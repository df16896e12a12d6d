"""`sweep`: train many agents, and leave checkpoints, a table and learning curves in a folder."""

import argparse
import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from pg_edu.runs.commands.folders import CHECKPOINT, dated_folder
from pg_edu.runs.commands.messages import (
    Stderr,
    fail,
    files_in,
    program,
    progress_bar,
    quoted,
    reason,
)
from pg_edu.runs.commands.options import (
    BOUND_METHODS,
    add_settings,
    add_step_seconds,
    given_settings,
    given_step_seconds,
    with_several_values,
)
from pg_edu.runs.commands.user_modules import find_in_working_folder
from pg_edu.runs.compare import SettingSummary, as_text, curves, labels, summarize
from pg_edu.runs.files import write_table
from pg_edu.runs.starting import INTERRUPTED
from pg_edu.runs.sweep import Outcome, Run, grid, sweep

TABLE = "table.csv"
CURVES = "curves.png"
ABOUT_BANDS = "bands: 95% t intervals, which few seeds make ragged and impossibly wide"


def add_parser(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser(
        "sweep",
        usage=f"{program()} sweep [ENV ...] [--option VALUE ...]",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
        help="train many agents: every setting with every seed",
        description="Train an agent with every combination of the given values and every seed, and "
        "compare the settings. The same command with the same --out runs what is missing or has "
        "failed; more values or seeds extend the sweep. The exit status is 1 if a run failed.",
    )
    parser.set_defaults(command=_run)
    add_settings(with_several_values(parser.add_argument))
    add = parser.add_argument
    add("--seeds", type=int, default=5, metavar="N", help="seeds 0 to N - 1 (5)")
    add("--out", type=Path, metavar="FOLDER", help="new or existing folder (runs/sweep-DATE-TIME)")
    _add_workers(add)
    add_step_seconds(add)


def _add_workers(add: Callable[..., object]) -> None:
    add(
        "--workers",
        type=int,
        default=None,
        metavar="N",
        help="runs at the same time (one for each processor)",
    )
    add(
        "--backend",
        choices=("processes", "ray"),
        default="processes",
        help="processes on this machine, or a Ray cluster: that of the environment variable "
        "RAY_ADDRESS, or else one on this machine (processes)",
    )


def _run(arguments: argparse.Namespace) -> int:
    runs = _runs(arguments)
    out = getattr(arguments, "out", None)
    if out is not None and (out / CHECKPOINT).exists():
        raise ValueError(f"{out} is the folder of one run. Give another one with --out")

    with dated_folder("sweep") if out is None else nullcontext(out) as folder:
        progress = _Progress(runs)
        try:
            return _sweep(arguments, runs, folder, progress)
        except KeyboardInterrupt:
            progress.close()
            return fail(f"stopped with {_saved(arguments, progress, folder)}", INTERRUPTED)
        except OSError as error:
            if error.filename is None or not progress.has_begun:
                raise
            progress.close()
            return fail(f"{reason(error)}. There are {_saved(arguments, progress, folder)}")
        finally:
            progress.close()


def _sweep(
    arguments: argparse.Namespace, runs: Sequence[Run], folder: Path, progress: "_Progress"
) -> int:
    outcomes = sweep(
        runs,
        folder,
        workers=arguments.workers,
        backend=arguments.backend,
        step_seconds=given_step_seconds(arguments),
        on_outcome=progress,
    )
    progress.close()
    print(_report(outcomes, folder))
    return 1 if any(outcome.result is None for outcome in outcomes) else 0


def _runs(arguments: argparse.Namespace) -> list[Run]:
    """Return the runs that the user has asked for."""
    values = given_settings(arguments)
    if "action_bound_method" in values:
        methods = [BOUND_METHODS[text] for text in values["action_bound_method"]]
        values["action_bound_method"] = methods
    if arguments.seeds < 1:
        raise ValueError(f"--seeds must be at least 1, got {arguments.seeds}")
    find_in_working_folder(*values.get("env_id", []))
    return list(dict.fromkeys(grid(range(arguments.seeds), **values)))


class _Progress:
    """An observer that `sweep` calls, which counts the outcomes and reports each failure."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self.finished = 0
        self.runs = len(runs)
        self._labels = labels(run.config for run in runs)
        self._bar: Any = None

    def __call__(self, outcomes: Sequence[Outcome]) -> None:
        self.finished = sum(outcome.result is not None for outcome in outcomes)
        if self._bar is None:  # The first call is about the runs that were already in the folder.
            count = len(outcomes)
            self._bar = progress_bar(desc="sweep", total=self.runs, initial=count, unit="run")
            return
        if outcomes[-1].result is None:
            self._report_failure(outcomes[-1])
            failed = len(outcomes) - self.finished
            self._bar.set_postfix_str(f"{failed} failed", refresh=False)
        self._bar.update()

    @property
    def has_begun(self) -> bool:
        """Whether the workers have started."""
        return self._bar is not None

    def close(self) -> None:
        """End the line of the bar."""
        if self._bar is not None:
            self._bar.close()

    def _report_failure(self, outcome: Outcome) -> None:
        setting = self._labels[outcome.run.config]
        text = f"pg_edu: {setting}, seed {outcome.run.seed} failed: {outcome.failure}"
        self._bar.write(text, file=Stderr())


def _report(outcomes: Sequence[Outcome], folder: Path) -> str:
    """Write the table and draw the curves of a sweep; return what they show."""
    summaries = summarize(outcomes)
    folder.mkdir(parents=True, exist_ok=True)  # Somebody may have deleted it.
    write_table(folder / TABLE, SettingSummary._fields, summaries)
    files = {"*.pt": "a checkpoint for each run, which `evaluate` reads", TABLE: "the table"}
    if any(outcome.result for outcome in outcomes):
        _draw_curves(outcomes, folder / CURVES)
        files[CURVES] = "learning curves, with 95% t intervals over the seeds"
    return "\n".join(
        [
            as_text(summaries),
            "env steps, seconds: until solved, median and worst over the seeds; '-': not solved.",
            "return: of the last iteration, mean and interquartile mean (IQM) over the seeds.",
            "With few seeds an interval is wide, its band is ragged, and both may go beyond the "
            "possible returns.",
            files_in(folder, files),
        ]
    )


def _draw_curves(outcomes: Sequence[Outcome], path: Path) -> None:
    from pg_edu import figures  # matplotlib is slow to import, so it waits until after training.

    results = [outcome.result for outcome in outcomes if outcome.result]
    env_ids = dict.fromkeys(result.config.env_id for result in results)
    targets = {result.config.target for result in results}
    common_target = targets.pop() if len(targets) == 1 else None
    curves_of = curves(outcomes)
    has_bands = any(len(returns) > 1 for _, returns in curves_of.values())
    figure = figures.compare_curves(
        curves_of,
        target=None if common_target == math.inf else common_target,
        title=f"REINFORCE on {', '.join(env_ids)}" + (f"\n{ABOUT_BANDS}" if has_bands else ""),
    )
    figures.save_figure(figure, path)


def _saved(arguments: argparse.Namespace, progress: _Progress, folder: Path) -> str:
    """Return which runs are saved, and the command that continues the sweep."""
    out = "" if "out" in arguments else f" --out {quoted(folder)}"
    return (
        f"{progress.finished} of {progress.runs} runs finished, which are saved. "
        f"To continue: {program()} {arguments.typed}{out}"
    )
