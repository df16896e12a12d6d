"""`train`: train an agent, and leave its checkpoint, a table and pictures in a folder."""

import argparse
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from gymnasium.spaces import Box
from torch.distributions import Distribution

from pg_edu.reinforce import PGPolicy
from pg_edu.runs.agents import DistFn, open_env
from pg_edu.runs.checkpoint import save_checkpoint
from pg_edu.runs.commands.folders import CHECKPOINT, folder_for_run, load_run
from pg_edu.runs.commands.messages import (
    fail,
    files_in,
    program,
    progress,
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
    option_name,
    settings_as_options,
)
from pg_edu.runs.commands.user_modules import (
    check_that_it_is_installed,
    find_in_working_folder,
    names_module,
)
from pg_edu.runs.config import Config, good_config, with_version
from pg_edu.runs.environment_errors import (
    EnvironmentFailed,
    environment_named,
    time_limit,
)
from pg_edu.runs.files import write_table
from pg_edu.runs.starting import INTERRUPTED
from pg_edu.runs.training import (
    Iteration,
    Result,
    evaluate,
    initial_policy,
    train,
    trained_policy,
)

TABLE = "run.csv"
CURVE = "learning_curve.png"
ANIMATION = "agent.png"
SECONDS_BETWEEN_SAVES = 10


def add_parser(commands: Any) -> None:
    """Add this command to the parser."""
    parser = commands.add_parser(
        "train",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
        help="train an agent",
        description="Train an agent until it solves its environment or reaches a limit. A setting "
        "that is not given has a value that suits the environment.",
        epilog="With these settings plain REINFORCE solved CartPole-v1 on all 40 seeds. With the "
        "leave-one-out baseline, the default of Acrobot, Pendulum and InvertedPendulum, it solved "
        "Acrobot-v1 on all 20 seeds (in seconds) and Pendulum-v1 on all 10 seeds (in a minute at "
        "most). MountainCarContinuous-v0 runs, but was not solved on the one seed that was tried.",
    )
    parser.set_defaults(command=_run)
    add = parser.add_argument
    add_settings(add)
    add("--seed", type=int, help="the same seed gives the same agent (0)")
    add("--out", type=Path, metavar="FOLDER", help="a new folder (runs/ENV-DATE-TIME)")
    add("--resume", type=Path, metavar="FOLDER", help="continue the run in this folder")
    add_step_seconds(add)


def _run(arguments: argparse.Namespace) -> int:
    given = vars(arguments)
    resume = load_run(arguments.resume) if "resume" in given else None
    config = _config(arguments, resume)
    seed = given.get("seed", resume.seed if resume else 0)
    step_seconds = given_step_seconds(arguments)
    with folder_for_run(config.env_id, given.get("out"), given.get("resume")) as folder:
        if resume is not None:
            resume = load_run(arguments.resume)  # Another process may have continued it just now.
        with time_limit(step_seconds):
            return _train(seed, config, resume, folder)


def _train(seed: int, config: Config, resume: Result | None, folder: Path) -> int:
    recorder = _Recorder(folder)
    try:
        result = train(seed, config, resume=resume, on_iteration=recorder)
        recorder.close()
        print(_summary(result))
        print(_draw(result, folder))
        print(_what_next(result, folder))
        return 0
    except KeyboardInterrupt:
        recorder.close()
        return fail(_interrupted(recorder.result, folder), INTERRUPTED)
    except BrokenPipeError:
        raise
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        if recorder.result is None and not isinstance(error, OSError):
            raise  # Nothing has begun, so there is nothing to say about it.
        return fail(_failed(error, recorder, folder))
    finally:
        recorder.close()


def _config(arguments: argparse.Namespace, resume: Result | None) -> Config:
    """Return the settings of the new or resumed run, with those that the user has given."""
    changes = given_settings(arguments)
    if "action_bound_method" in changes:
        changes["action_bound_method"] = BOUND_METHODS[changes["action_bound_method"]]

    if "env_id" in changes:
        changes["env_id"] = with_version(changes["env_id"])
        find_in_working_folder(changes["env_id"])
    if resume is None:
        return good_config(**changes)

    if "env_id" not in changes:
        env_id = resume.config.env_id
        check_that_it_is_installed(env_id, _resume_command(env_id, arguments.resume))
    return replace(resume.config, **changes)


class _Recorder:
    """An observer that `train` calls with each state of a run, which it shows and saves.

    Attributes:
        result: the latest state; None before training begins.
        saved: the latest state that is in the folder; None if there is none.
    """

    def __init__(self, folder: Path) -> None:
        self.result: Result | None = None
        self.saved: Result | None = None
        self._folder = folder.absolute()  # It is found even if the working folder is deleted.
        self._cannot_save = False
        self._saved_at = 0.0
        self._bar: Any = None

    def __call__(self, result: Result) -> None:
        is_first = self.result is None
        self.result = result
        if is_first:
            self._save()
            self._open_bar(result)
        if result.history:
            self._update_bar(result.history[-1])
        if time.monotonic() - self._saved_at > SECONDS_BETWEEN_SAVES:
            self._save()

    def close(self) -> None:
        """Save the latest state if it has not been saved yet, and end the line of the bar."""
        if self.result is not self.saved and not self._cannot_save:
            self._save()
        if self._bar is not None:
            self._bar.close()

    def _open_bar(self, result: Result) -> None:
        self._bar = progress_bar(
            desc=result.config.env_id,
            total=result.config.max_env_steps,
            initial=result.env_steps,
            unit="step",
            unit_scale=True,
        )

    def _update_bar(self, last: Iteration) -> None:
        self._bar.set_postfix_str(f"return {last.return_mean:.1f}", refresh=False)
        self._bar.update(last.env_steps - self._bar.n)

    def _save(self) -> None:
        if self.result is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)  # Somebody may have deleted it.
            save_checkpoint(self.result, self._folder / CHECKPOINT)
            self.saved = self.result
            write_table(self._folder / TABLE, Iteration._fields, self.result.history)
        except OSError:
            self._cannot_save = True
            raise
        self._saved_at = time.monotonic()


def _summary(result: Result) -> str:
    """Return what the run has reached, as text."""
    last = result.history[-1]
    greedy, sampled = last.greedy, last.sampled
    remark = ""
    if not result.solved:
        policy = trained_policy(result)
        greedy = _mean_return(policy, result, greedy=True)
        policy.dist_fn = count = _CountOfCertainActions(policy.dist_fn)
        sampled = _mean_return(policy, result, greedy=False)
        remark = _remark(count, result.config) if not isinstance(policy.action_space, Box) else ""

    outcome = "Solved" if result.solved else f"Stopped by {option_name(result.stopped)}"
    target = result.config.target
    aim = "" if target == math.inf else f" (target {target:g})"
    return (
        f"{outcome} after {progress(result)} and {last.seconds:.1f} s. Mean return of 100 "
        f"episodes: {greedy:.1f} greedy, {sampled:.1f} as trained{aim}.{remark}"
    )


class _CountOfCertainActions:
    """A dist_fn that counts the observations for which one action has probability 1, in float32."""

    def __init__(self, dist_fn: DistFn) -> None:
        self.observations = 0
        self.certain = 0
        self._dist_fn = dist_fn

    def __call__(self, dist_input: Any) -> Distribution:
        dist = self._dist_fn(dist_input)
        log_prob = dist.log_prob(dist.mode)
        self.observations += len(log_prob)
        self.certain += int((log_prob == 0).sum())
        return dist


def _remark(count: _CountOfCertainActions, config: Config) -> str:
    """Return a sentence about a policy that has ended up without any randomness, or nothing."""
    if count.certain < count.observations:
        return ""
    return (
        f"\nThe policy no longer explores: for all {count.observations:,} observations of this "
        "evaluation one action has probability 1 (in float32). If it should do better, try a "
        f"--learning-rate below {config.learning_rate:g}."
    )


def _mean_return(policy: PGPolicy, result: Result, greedy: bool) -> float:
    returns = evaluate(policy, result.config, greedy=greedy, seed=result.seed)
    return float(returns.mean())


def _draw(result: Result, folder: Path) -> str:
    """Draw the pictures; return a list of all files, and why one is missing, as text."""
    from pg_edu import figures  # matplotlib is slow to import, so it waits until after training.

    _draw_curve(result, folder / CURVE)
    files = {CURVE: "the mean return over environment steps"}
    try:
        _draw_agent(result, folder / ANIMATION)
        files[ANIMATION] = "the agent before and after training, an animation for the browser"
    except (figures.CannotDraw, ValueError, EnvironmentFailed) as error:
        files["no animation"] = " ".join(str(error).split())
    files[TABLE] = "a row for each iteration"
    files[CHECKPOINT] = "the trained policy, and all that is needed to continue the run"
    return files_in(folder, files)


def _draw_curve(result: Result, path: Path) -> None:
    from pg_edu import figures

    config, history = result.config, result.history
    figure = figures.learning_curve(
        [iteration.env_steps for iteration in history],
        [iteration.return_mean for iteration in history],
        [iteration.return_min for iteration in history],
        [iteration.return_max for iteration in history],
        evaluations=_evaluations(result),
        target=None if config.target == math.inf else config.target,
        title=f"REINFORCE on {config.env_id}, seed {result.seed}",
    )
    figures.save_figure(figure, path)


def _evaluations(result: Result) -> dict[str, tuple[list[int], list[float]]]:
    """Return the environment steps and the mean returns of the evaluations of each kind."""
    evaluations = {}
    for label, column in (("greedy", "greedy"), ("as trained", "sampled")):
        evaluated = [row for row in result.history if getattr(row, column) is not None]
        if evaluated:
            steps = [row.env_steps for row in evaluated]
            evaluations[label] = (steps, [getattr(row, column) for row in evaluated])
    return evaluations


def _draw_agent(result: Result, path: Path) -> None:
    from pg_edu import figures

    config = result.config
    is_drawn_here = config.env_id in figures.DRAWN_HERE
    rendering = {} if is_drawn_here else {"render_mode": "rgb_array"}
    films = []
    with open_env(config, **rendering) as env:
        for policy in (initial_policy(result.seed, config), trained_policy(result)):
            torch.manual_seed(result.seed)
            with environment_named(config.env_id):
                episode = figures.record_episode(env, policy.compute_action, result.seed)
            films.append(episode.frames)
    figures.animation(figures.before_after(films[0], films[1]), path)


def _what_next(result: Result, folder: Path) -> str:
    """Return commands to type next, each with a reason."""
    commands = {_evaluate_command(result.config.env_id, folder): "how sure are these means?"}
    if not result.solved:
        limit = f"{option_name(result.stopped)} {2 * getattr(result.config, result.stopped)}"
        command = _resume_command(result.config.env_id, folder)
        commands[f"{command} {limit}"] = "continue"

    env = result.config.env_id
    options = settings_as_options(result.config)
    again = f"{program()} train {quoted(env)} --seed {result.seed + 1}{options}"
    commands[again] = "was it luck?"
    if result.solved:
        other = "Pendulum-v1" if env == "CartPole-v1" else "CartPole-v1"
        commands[f"{program()} train {other}"] = "another task"

    width = max(map(len, commands))
    lines = [f"  {command:<{width}}   {why}" for command, why in commands.items()]
    return "\n".join(["Next:", *lines])


def _failed(error: Exception, recorder: _Recorder, folder: Path) -> str:
    """Return the message after an error of the disk, of the environment or of the training."""
    try:
        recorder.close()
    except OSError as second:
        error = second
    if recorder.saved is None:
        advice = "Choose another place with --out." if isinstance(error, OSError) else ""
        return f"{reason(error)}. Nothing was saved. {advice}"
    env_id = recorder.saved.config.env_id
    command = _resume_command(env_id, folder)
    saved = progress(recorder.saved)
    subject = f"{env_id}: " if isinstance(error, ValueError) and env_id not in str(error) else ""
    return f"{subject}{reason(error)}. The run is saved after {saved}. To continue: {command}"


def _interrupted(result: Result | None, folder: Path) -> str:
    """Return the message after Ctrl-C."""
    if result is None:
        return "stopped before training began; nothing was written"
    command = _resume_command(result.config.env_id, folder)
    return f"stopped after {progress(result)}, which are saved. To continue: {command}"


def _resume_command(env_id: str, folder: Path) -> str:
    env = f"{quoted(env_id)} " if names_module(env_id) else ""
    return f"{program()} train {env}--resume {quoted(folder)}"


def _evaluate_command(env_id: str, folder: Path) -> str:
    env = f" --env {quoted(env_id)}" if names_module(env_id) else ""
    return f"{program()} evaluate {quoted(folder)}{env}"
