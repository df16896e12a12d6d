"""The command line: `python -m pg_edu train`, `sweep`, `evaluate` and `probe`.

It parses, calls `experiment` (or `sweep`, or `lab.probes`), and writes what a run leaves in its
folder:

    checkpoint.pt         the run as it stands; `evaluate` and `train --resume` read it
    run.csv               a row for each iteration
    learning_curve.png
    agent.png             the agent before and after training, an animation

and what a sweep leaves:

    ENV-...-seed0.pt ...  a checkpoint of each run
    table.csv             a row for each setting
    curves.png            their learning curves, with intervals over the seeds

Exit status: 0 done; 1 a probe or a run of a sweep failed; 2 not possible, and one line has said
what to do; 130 stopped by Ctrl-C, with the run, or what had ended of the sweep, saved.
"""

import argparse
import csv
import importlib
import itertools
import math
import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import Any, NoReturn

import torch

from pg_edu.runs.experiment import (
    Config,
    Iteration,
    Result,
    evaluate,
    good_config,
    initial_policy,
    load_checkpoint,
    make_env,
    save_checkpoint,
    train,
    trained_policy,
)
from pg_edu.runs.intervals import t_interval
from pg_edu.runs.sweep import Outcome, Run, grid, sweep


def _interpreter() -> str:
    """This Python as the reader can type it here: by name if that finds it, else by its path."""
    if Path(sys.executable).is_relative_to(Path.cwd()):
        return os.path.relpath(sys.executable)
    return "python" if shutil.which("python") == sys.executable else sys.executable


COMMAND = f"{_interpreter()} -m pg_edu"
CHECKPOINT, TABLE, CURVE, ANIMATION = "checkpoint.pt", "run.csv", "learning_curve.png", "agent.png"
SWEEP_TABLE, SWEEP_CURVES = "table.csv", "curves.png"
SECONDS_BETWEEN_SAVES = 10


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit status (of a bad argument: SystemExit with status 2)."""
    argv = sys.argv[1:] if argv is None else argv
    arguments = _parser().parse_args(argv)
    arguments.typed = shlex.join(argv)
    torch.set_num_threads(1)  # networks as small as these are slower on several
    try:
        status: int = arguments.command(arguments)
        return status
    except KeyboardInterrupt:
        return _fail("stopped", 130)
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}. Is there another place for it (--out)?")
    except ValueError as error:
        return _fail(str(error))


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(_fail(f"{message}. All options: {self.prog} --help"))

    def parse_known_args(self, *args: Any, **kwargs: Any) -> tuple[Any, list[str]]:
        """Here, lest the parser of all commands complains of what this command does not know."""
        namespace, unknown = super().parse_known_args(*args, **kwargs)
        if unknown:
            self.error(f"unrecognized arguments: {shlex.join(unknown)}")
        return namespace, unknown


def _parser() -> _Parser:
    parser = _Parser(prog=COMMAND, description="REINFORCE in Gymnasium's environments.")
    commands = parser.add_subparsers(required=True, metavar="train | sweep | evaluate | probe")

    command = commands.add_parser(
        "train",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
        help="train an agent",
        description="Train an agent until it solves its environment or reaches a limit. What is "
        "not given has the value that suits the environment.",
        epilog="With these settings plain REINFORCE solved CartPole-v1 with 40 seeds of 40. With "
        "the leave-one-out baseline, which Acrobot, Pendulum and InvertedPendulum have, it solved "
        "Acrobot-v1 with 20 of 20 (seconds) and Pendulum-v1 with 10 of 10 (a minute at most). "
        "MountainCarContinuous-v0 runs; with the one seed tried it was not solved.",
    )
    command.set_defaults(command=_train)
    _add_settings(command.add_argument)
    add = command.add_argument
    add("--seed", type=int, help="the same seed gives the same agent (0)")
    add("--out", type=Path, metavar="FOLDER", help="a new folder (runs/ENV-DATE-TIME)")
    add("--resume", type=Path, metavar="FOLDER", help="go on with the run in this folder")

    command = commands.add_parser(
        "sweep",
        usage=f"{COMMAND} sweep [ENV ...] [--option VALUE ...]",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
        help="train many agents: settings times seeds",
        description="Train an agent with every combination of the values given, and with every "
        "seed, and compare the settings. The same command again, with the same --out, runs what "
        "is missing or has failed; more values or seeds extend it. Exit status 1 if a run failed.",
    )
    command.set_defaults(command=_sweep)
    _add_settings(_of_several_values(command.add_argument))
    add = command.add_argument
    add("--seeds", type=int, default=5, metavar="N", help="seeds 0 to N - 1 (5)")
    add("--out", type=Path, metavar="FOLDER", help="new or not (runs/sweep-DATE-TIME)")
    add("--workers", type=int, default=None, metavar="N", help="runs at a time (one a processor)")
    add(
        "--backend",
        choices=("processes", "ray"),
        default="processes",
        help="of this machine, or a Ray cluster: that of the environment variable RAY_ADDRESS, "
        "else one on this machine (processes)",
    )

    command = commands.add_parser(
        "evaluate",
        allow_abbrev=False,
        help="measure a trained agent",
        description="Mean returns of a trained agent, greedy and as trained, with 95% t intervals.",
    )
    command.set_defaults(command=_evaluate)
    command.add_argument("checkpoint", type=Path, help="the folder of a run, or its checkpoint.pt")
    command.add_argument("--episodes", type=int, default=100, metavar="N", help="of each (100)")
    command.add_argument("--seed", type=int, default=0, help="of the environments (0)")
    command.add_argument("--device", help="a torch device (that of the training)")

    command = commands.add_parser(
        "probe",
        allow_abbrev=False,
        help="find the broken part of an agent",
        description="Train a policy on nine tiny environments that ask one question each, and say "
        "what is broken: half a minute at most. Exit status 1 if a probe failed.",
    )
    command.set_defaults(command=_probe)
    command.add_argument(
        "policy",
        nargs="?",
        default="pg_edu:PGPolicy",
        metavar="MODULE:NAME",
        help="a class with PGPolicy's constructor, or a function of (observation_space, "
        "action_space) that makes a policy, such as my_agent:MyPolicy (pg_edu:PGPolicy)",
    )
    command.add_argument(
        "--updates", type=int, metavar="N", help="for each probe, of 32 episodes (100)"
    )
    command.add_argument("--seed", type=int, help="the same seed gives the same table (0)")
    return parser


def _add_settings(add: Callable[..., object]) -> None:
    """An option for each setting of a run."""
    add("env_id", nargs="?", metavar="ENV", help="a Gymnasium id (CartPole-v1)")
    add("--target", type=float, help="mean return that counts as solved; inf: use up the limit")
    add("--max-env-steps", type=int, metavar="N", help="stop after N steps (2000000)")
    add("--max-updates", type=int, metavar="N", help="stop after N updates")
    add("--max-seconds", type=float, metavar="S", help="stop training after S seconds")
    add("--max-episode-steps", type=int, metavar="N", help="cut episodes after N steps")
    add("--learning-rate", type=float, metavar="X", help="of Adam (0.01; CartPole-v1: 0.04)")
    add("--momentum", type=float, metavar="X", help="of Adam, its beta_1 (0.9; CartPole-v1: 0)")
    add(
        "--learning-rate-decay",
        type=float,
        metavar="X",
        help="a factor for each update (1; CartPole-v1: 0.97)",
    )
    add("--discount", type=float, dest="discount_factor", metavar="X", help="gamma (0.99)")
    add(
        "--baseline",
        choices=("none", "leave_one_out"),
        help="what returns are compared with: nothing, or the other episodes (none)",
    )
    add(
        "--reward-normalization",
        action=argparse.BooleanOptionalAction,
        help="normalise returns by their running mean and deviation (yes)",
    )
    add(
        "--num-envs",
        type=int,
        metavar="N",
        help="environments that step together (16; CartPole-v1: 80)",
    )
    add("--episodes-per-env", type=int, metavar="N", help="episodes of each for one update (1)")
    add("--hidden-sizes", type=_widths, metavar="N,N", help="tanh layers; '': none (64,64)")
    add(
        "--action-bound",
        choices=("clip", "tanh", "none"),
        dest="action_bound_method",
        help="how continuous actions are kept within bounds (clip)",
    )
    add("--batch-size", type=int, metavar="N", help="transitions for an optimizer step (all)")
    add("--repeat", type=int, metavar="N", help="passes over them in an update (1)")
    add("--device", help="a torch device (cpu)")


def _of_several_values(add: Callable[..., object]) -> Callable[..., object]:
    """`add`, for options that may have several values each."""

    def add_several(name: str, **how: Any) -> None:
        if how.pop("action", None) is argparse.BooleanOptionalAction:
            how |= {"type": _yes_or_no, "metavar": "yes|no"}
        add(name, **{**how, "nargs": "+" if name.startswith("-") else "*"})

    return add_several


def _yes_or_no(text: str) -> bool:
    if text not in ("yes", "no"):
        raise argparse.ArgumentTypeError(f"expected yes or no, got {text!r}")
    return text == "yes"


def _widths(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(width) for width in text.split(",") if width)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected widths such as 64,64, got {text!r}") from error


def _train(arguments: argparse.Namespace) -> int:
    given = vars(arguments)
    changes = {field.name: given[field.name] for field in fields(Config) if field.name in given}
    if changes.get("action_bound_method") == "none":
        changes["action_bound_method"] = None
    if "resume" in given:
        resume = _load(arguments.resume)
        config, seed = replace(resume.config, **changes), given.get("seed", resume.seed)
    else:
        resume = None
        config, seed = good_config(**changes), given.get("seed", 0)
    folder = _folder(config.env_id, given.get("out"), given.get("resume"))

    record = _Record(folder)
    try:
        result = train(seed, config, resume=resume, on_iteration=record)
        record.close()
        print(_summary(result))
        print(_draw(result, folder))
        print(_what_next(result, folder))
        return 0
    except KeyboardInterrupt:
        record.close()
        if record.result is None:
            return _fail("stopped before training began; nothing was written", 130)
        saved = f"stopped after {_progress(record.result)}, which are saved"
        return _fail(f"{saved}. Go on: {COMMAND} train --resume {_quoted(folder)}", 130)
    finally:
        record.close()


def _sweep(arguments: argparse.Namespace) -> int:
    given = vars(arguments)
    values = {field.name: given[field.name] for field in fields(Config) if field.name in given}
    if "action_bound_method" in values:
        methods = values["action_bound_method"]
        values["action_bound_method"] = [None if m == "none" else m for m in methods]
    if arguments.seeds < 1:
        raise ValueError(f"--seeds must be at least 1, got {arguments.seeds}")
    runs = list(dict.fromkeys(grid(range(arguments.seeds), **values)))
    folder = given.get("out") or _dated_folder("sweep")
    if (folder / CHECKPOINT).exists():
        raise ValueError(f"{folder} is the folder of one run. Give --out another one")

    progress = _Progress(runs)
    try:
        outcomes = sweep(
            runs,
            folder,
            workers=arguments.workers,
            backend=arguments.backend,
            on_outcome=progress,
        )
        progress.close()
        print(_compare(outcomes, folder))
        return 1 if any(outcome.result is None for outcome in outcomes) else 0
    except KeyboardInterrupt:
        progress.close()
        there = "" if "out" in given else f" --out {_quoted(folder)}"
        return _fail(
            f"stopped with {progress.finished} of {len(runs)} runs finished, which are saved. "
            f"Go on: {COMMAND} {arguments.typed}{there}",
            130,
        )
    finally:
        progress.close()


def _evaluate(arguments: argparse.Namespace) -> int:
    result = _load(arguments.checkpoint)
    if arguments.device is not None:
        result = replace(result, config=replace(result.config, device=arguments.device))
    if arguments.episodes < 2:
        raise ValueError(f"--episodes must be at least 2, got {arguments.episodes}")
    if arguments.seed < 0:
        raise ValueError(f"--seed must be at least 0, got {arguments.seed}")
    policy = trained_policy(result)
    print(
        f"{result.config.env_id}, seed {result.seed}, {_progress(result)}: "
        f"mean return of {arguments.episodes} episodes and its 95% t interval"
    )
    for name, greedy in (("greedy", True), ("as trained", False)):
        returns = evaluate(
            policy, result.config, greedy=greedy, episodes=arguments.episodes, seed=arguments.seed
        )
        mean, low, high = t_interval(returns)
        print(f"  {name:<10} {mean:8.1f}   [{low:.1f}, {high:.1f}]")
    print(f"  target     {result.config.target:8.1f}")
    print("The luck of these episodes is in the intervals, that of the training is not.")
    return 0


def _probe(arguments: argparse.Namespace) -> int:
    from pg_edu.lab.probes import probe

    given = {name: getattr(arguments, name) for name in ("updates", "seed")}
    make_policy = _imported(arguments.policy)
    report = probe(make_policy, **{name: n for name, n in given.items() if n is not None})
    print(report)
    return 1 if report.failed else 0


def _imported(path: str) -> Any:
    """What MODULE:NAME names."""
    module, _, name = path.partition(":")
    if not module or not name:
        raise ValueError(f"expected MODULE:NAME, such as my_agent:MyPolicy, got {path!r}")
    try:
        return attrgetter(name)(importlib.import_module(module))
    except Exception as error:  # a stranger's code may fail in any way
        raise ValueError(
            f"{path} cannot be imported: {type(error).__name__}: {error}. "
            "Is the module in this folder, or installed?"
        ) from error


class _Record:
    """Called by `train` with the run as it stands: shows it, and keeps it on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.result: Result | None = None
        self._saved: Result | None = None
        self._saved_at = 0.0
        self._bar: Any = None

    def __call__(self, result: Result) -> None:
        if self.result is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.result = result
            self._save()
            self._bar = _bar(
                desc=result.config.env_id,
                total=result.config.max_env_steps,
                initial=result.env_steps,
                unit="step",
                unit_scale=True,
            )
        self.result = result
        if result.history:
            row = result.history[-1]
            self._bar.set_postfix_str(f"return {row.return_mean:.1f}", refresh=False)
            self._bar.update(row.env_steps - self._bar.n)
        if time.monotonic() - self._saved_at > SECONDS_BETWEEN_SAVES:
            self._save()

    def close(self) -> None:
        """Save what is not saved yet, and end the bar's line."""
        if self.result is not self._saved:
            self._save()
        if self._bar is not None:
            self._bar.close()

    def _save(self) -> None:
        if self.result is None:
            return
        save_checkpoint(self.result, self.folder / CHECKPOINT)
        with (self.folder / TABLE).open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(Iteration._fields)
            table.writerows(self.result.history)
        self._saved, self._saved_at = self.result, time.monotonic()


class _Progress:
    """Called by `sweep` with the outcomes so far: counts them, and reports a failure at once."""

    def __init__(self, runs: Sequence[Run]) -> None:
        from pg_edu.runs.comparison import labels

        self.finished = 0
        self._labels = labels(run.config for run in runs)
        self._runs = len(runs)
        self._bar: Any = None

    def __call__(self, outcomes: Sequence[Outcome]) -> None:
        self.finished = sum(outcome.result is not None for outcome in outcomes)
        if self._bar is None:
            self._bar = _bar(desc="sweep", total=self._runs, initial=len(outcomes), unit="run")
            return
        (seed, config), result, failure = outcomes[-1]
        if result is None:
            text = f"pg_edu: {self._labels[config]}, seed {seed} failed: {failure}"
            self._bar.write(text, file=sys.stderr)
            self._bar.set_postfix_str(f"{len(outcomes) - self.finished} failed", refresh=False)
        self._bar.update()

    def close(self) -> None:
        """End the bar's line."""
        if self._bar is not None:
            self._bar.close()


def _bar(**how: Any) -> Any:
    from tqdm import tqdm  # type: ignore[import-untyped]

    mininterval = 0.1 if sys.stderr.isatty() else 10
    return tqdm(dynamic_ncols=True, mininterval=mininterval, **how)


def _load(path: Path) -> Result:
    """The checkpoint at this path, or in this folder."""
    if not (path / CHECKPOINT).exists() and any(path.glob("*-seed*.pt")):
        raise ValueError(f"{path} is the folder of a sweep. Give one of the .pt files in it")
    try:
        return load_checkpoint(path / CHECKPOINT if path.is_dir() else path)
    except OSError as error:
        raise ValueError(
            f"{error.filename or path}: {error.strerror}. Give the folder of a run, such as those "
            "in runs/, or its checkpoint.pt"
        ) from error


def _folder(env_id: str, out: Path | None, resume: Path | None) -> Path:
    """Where to write: the resumed run's own folder, or one with nothing in it."""
    if resume is not None and (resume.is_dir() or resume.name == CHECKPOINT):
        own = resume if resume.is_dir() else resume.parent
        if out is None or out.resolve() == own.resolve():
            return own
    elif resume is not None and out is None:
        raise ValueError(f"--resume {resume}: say with --out in which folder to go on")
    if out is None:
        return _dated_folder(env_id)
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise ValueError(
            f"--out {out} is there already and not an empty folder. Give another one, or go on "
            f"with the run in it: {COMMAND} train --resume {_quoted(out)}"
        )
    return out


def _dated_folder(env_id: str) -> Path:
    name = re.sub(r"[^\w.-]+", "-", f"{env_id}-{datetime.now():%Y%m%d-%H%M%S}")
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(folder for folder in map(Path("runs").joinpath, names) if not folder.exists())


def _summary(result: Result) -> str:
    """What was reached."""
    last, target = result.history[-1], result.config.target
    greedy, sampled = last.greedy, last.sampled
    if not result.solved:
        policy, seed = trained_policy(result), result.seed
        greedy = evaluate(policy, result.config, greedy=True, seed=seed).mean()
        sampled = evaluate(policy, result.config, greedy=False, seed=seed).mean()
    outcome = "Solved" if result.solved else f"Stopped by {_option(result.stopped)}"
    aim = "" if target == math.inf else f" (target {target:g})"
    return (
        f"{outcome} after {_progress(result)} and {last.seconds:.1f} s. Mean return of 100 "
        f"episodes: {greedy:.1f} greedy, {sampled:.1f} as trained{aim}."
    )


def _draw(result: Result, folder: Path) -> str:
    """Write the pictures; which files there are, and why one may be missing."""
    import pg_edu.figures as plots

    config, rows = result.config, result.history
    figure = plots.learning_curve(
        [row.env_steps for row in rows],
        [row.return_mean for row in rows],
        [row.return_min for row in rows],
        [row.return_max for row in rows],
        evaluations={
            label: ([row.env_steps for row in tested], [getattr(row, column) for row in tested])
            for label, column in (("greedy", "greedy"), ("as trained", "sampled"))
            if (tested := [row for row in rows if getattr(row, column) is not None])
        },
        target=None if config.target == math.inf else config.target,
        title=f"REINFORCE on {config.env_id}, seed {result.seed}",
    )
    plots.save_figure(figure, folder / CURVE)
    files = {
        CURVE: "the mean return against environment steps",
        ANIMATION: "the agent before and after training, an animation: open it in a browser",
        TABLE: "a row for each iteration",
        CHECKPOINT: "the trained policy, and all that is needed to go on",
    }
    try:
        rendering = {} if config.env_id in plots.DRAWN_HERE else {"render_mode": "rgb_array"}
        films = []
        with make_env(config, **rendering) as env:
            for policy in (initial_policy(result.seed, config), trained_policy(result)):
                torch.manual_seed(result.seed)
                films.append(plots.record_episode(env, policy.compute_action, result.seed).frames)
        plots.animation(plots.before_after(films[0], films[1]), folder / ANIMATION)
    except (plots.CannotDraw, ValueError) as error:
        del files[ANIMATION]
        files["no animation"] = " ".join(str(error).split())
    lines = [f"  {name:<20}{meaning}" for name, meaning in files.items()]
    return "\n".join([f"In {folder}:", *lines])


def _compare(outcomes: Sequence[Outcome], folder: Path) -> str:
    """Write the table and the picture of a sweep; what they show."""
    from pg_edu.runs.comparison import as_text, summarize

    rows = summarize(outcomes)
    with (folder / SWEEP_TABLE).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(rows[0]._fields)
        table.writerows(rows)
    files = {"*.pt": "a checkpoint for each run, which `evaluate` reads", SWEEP_TABLE: "the table"}
    if any(outcome.result for outcome in outcomes):
        _draw_sweep(outcomes, folder)
        files[SWEEP_CURVES] = "learning curves, with 95% t intervals over the seeds"
    return "\n".join(
        [
            as_text(rows),
            "env steps, seconds: to solve it, median and worst of the seeds; '-' is not solved.",
            "return: that of the last iteration, its mean over the seeds and interquartile mean.",
            "Of few seeds an interval is wide, and may go beyond what a return can be.",
            f"In {folder}:",
            *(f"  {name:<20}{meaning}" for name, meaning in files.items()),
        ]
    )


def _draw_sweep(outcomes: Sequence[Outcome], folder: Path) -> None:
    import pg_edu.figures as plots
    from pg_edu.runs.comparison import curves

    results = [outcome.result for outcome in outcomes if outcome.result]
    targets = {result.config.target for result in results}
    target = targets.pop() if len(targets) == 1 else None
    figure = plots.compare_curves(
        curves(outcomes),
        target=None if target == math.inf else target,
        title="REINFORCE on " + ", ".join({result.config.env_id: 0 for result in results}),
    )
    plots.save_figure(figure, folder / SWEEP_CURVES)


def _what_next(result: Result, folder: Path) -> str:
    env = result.config.env_id
    commands = {f"evaluate {_quoted(folder)}": "how sure are these means?"}
    if not result.solved:
        limit = f"{_option(result.stopped)} {2 * getattr(result.config, result.stopped)}"
        commands[f"train --resume {_quoted(folder)} {limit}"] = "go on"
    commands[f"train {env} --seed {result.seed + 1}{_settings(result.config)}"] = "was it luck?"
    if result.solved:
        other = "Pendulum-v1" if env == "CartPole-v1" else "CartPole-v1"
        commands[f"train {other}"] = "another task"
    width = max(map(len, commands))
    lines = [f"  {COMMAND} {command:<{width}}   {why}" for command, why in commands.items()]
    return "\n".join(["Next:", *lines])


def _settings(config: Config) -> str:
    """The options that lead from the usual configuration of the environment to this one."""
    usual, options = good_config(env_id=config.env_id), ""
    for name in (field.name for field in fields(Config)):
        value = getattr(config, name)
        if value == getattr(usual, name):
            continue
        if isinstance(value, bool):
            options += f" {_option(name)}" if value else f" {_option(f'no_{name}')}"
        else:
            text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            options += f" {_option(name)} {'none' if value is None else shlex.quote(text)}"
    return options


def _progress(result: Result) -> str:
    updates = sum(row.loss is not None for row in result.history)
    return f"{updates} updates, {result.env_steps:,} environment steps"


def _option(name: str) -> str:
    """How a field of the configuration is called on the command line."""
    short = {"discount_factor": "discount", "action_bound_method": "action_bound"}
    return "--" + short.get(name, name).replace("_", "-")


def _quoted(path: Path) -> str:
    return shlex.quote(path.as_posix())


def _fail(message: str, status: int = 2) -> int:
    print(f"pg_edu: {' '.join(message.split())}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
