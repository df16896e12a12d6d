"""`probe` and `probe_loop`: train an agent on nine tiny environments and say what is broken."""

import random
import traceback
import warnings
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from torch import nn

from pg_edu.lab.probes.judging import Judgement, Outcome, judge, outcome_of
from pg_edu.lab.probes.questions import PROBES, Probe
from pg_edu.lab.probes.report import ProbeReport, ProbeResult
from pg_edu.lab.probes.trials import Door, LoopDoor, PolicyDoor, run_trials

UPDATES = 100
FEWEST_UPDATES = 25

# A probe that was not passed for no visible reason is repeated with more seeds before a cause is
# named: an agent that fails by chance fails in a different way each time.
MORE_SEEDS = 2


def probe(
    make_policy: Callable[..., Any],
    *,
    probes: Sequence[Probe] = PROBES,
    only: Collection[str] = (),
    skip: Collection[str] = (),
    updates: int = UPDATES,
    seed: int = 0,
) -> ProbeReport:
    """Train a policy on every probe and return a table that says which part of it is broken.

    Args:
        make_policy: a class with PGPolicy's constructor, which is given an actor, Adam and all
            other arguments; or a function (observation_space, action_space) -> policy. If the
            function's policy has the attributes `gamma` and `rew_norm`, as PGPolicy has, they are
            set to what the probe needs. A policy without `gamma` is assumed not to discount. A
            policy that returns no hidden state is not tested for memory.
        probes: the probes to run.
        only, skip: the names of probes, to run these alone or to leave them out.
        updates: the number of updates in each trial, of 32 episodes each. Agents that learn slowly
            need more than the default; the report says so.
        seed: the seed of the first trials. The same seed gives the same report. The states of the
            global generators of torch, numpy and Python are restored afterwards.

    Raises:
        ValueError: make_policy is not callable, or is itself a policy; updates is below 25; seed
            is negative; or no probe has one of the names.

    Example:
        >>> from pg_edu import PGPolicy
        >>> class Impatient(PGPolicy):
        ...     def process_fn(self, batch, buffer, indices):
        ...         batch.returns = batch.rew
        ...         return batch
        >>> print(probe(Impatient, only=["delay"], updates=30)["delay"].meaning)
        ... # doctest: +ELLIPSIS
        Only the immediate reward counts: the rewards that follow an action are not summed, ...
    """
    if isinstance(make_policy, nn.Module) or not callable(make_policy):
        raise ValueError(
            f"make_policy is of type {type(make_policy).__name__}, but each probe needs a policy "
            "of its own: pass a class with PGPolicy's constructor, or a function of "
            "(observation_space, action_space)."
        )
    chosen = _chosen(probes, only, skip)
    return probe_door(PolicyDoor(make_policy), chosen, updates, seed)


def probe_loop(
    train: Callable[[Any, int], Any],
    *,
    gamma: float | None = None,
    num_envs: int | None = None,
    autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
    only: Collection[str] = (),
    skip: Collection[str] = (),
    updates: int = UPDATES,
    seed: int = 0,
) -> ProbeReport:
    """Let anybody's training loop train on every probe, and return a table as `probe` does.

    Args:
        train: a function (env, seed) that makes a new agent and trains it on `env`, with reset and
            step as for any other environment. It may train for ever: when 32 `updates` episodes
            have ended, `env.step` raises TrainingOver, which `probe_loop` catches. It may return a
            function act(obs) -> action, the trained agent; it is compared with the training.
        gamma: the discount factor with which it trains, best 0.6. Close to 1, or if it is not
            given, only coarse mistakes in the discount can be seen.
        num_envs: how many environments it gets, as a `gymnasium.vector.VectorEnv`; None: one
            `gymnasium.Env`.
        autoreset_mode: how the vector begins the next episode. The default is that of the
            environments before Gymnasium 1.0: in the step that ends an episode.
        only, skip: the names of probes, to run these alone or to leave them out. The probe "memory"
            runs only if it is named: whether a loop has a hidden state cannot be seen.
        updates: how long to train, in units of 32 episodes.
        seed: the seed of the first trials, which `train` gets, and with which the global
            generators are seeded. Their states are restored afterwards.

    Raises:
        ValueError: train is not callable; gamma is not in [0, 1]; num_envs is below 1; updates is
            below 25; seed is negative; or no probe has one of the names.

    Example:
        >>> def train(env, seed):  # an agent that learns nothing
        ...     obs, _ = env.reset(seed=seed)
        ...     while True:
        ...         obs, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        ...         if terminated or truncated:
        ...             obs, _ = env.reset()
        >>> probe_loop(train, only=["two actions"], updates=25)["two actions"].verdict
        'unclear'
    """
    if not callable(train):
        raise ValueError(f"train is of type {type(train).__name__}: pass a function (env, seed).")
    if gamma is not None and not 0.0 <= gamma <= 1.0:
        raise ValueError(f"gamma is {gamma}, but a discount factor is between 0 and 1.")
    if num_envs is not None and num_envs < 1:
        raise ValueError(f"num_envs is {num_envs}, but at least 1 is needed; None: no vector.")
    door = LoopDoor(train, gamma, num_envs, _mode(autoreset_mode), frozenset(only))
    return probe_door(door, _chosen(PROBES, only, skip), updates, seed)


def _mode(mode: AutoresetMode | str) -> AutoresetMode:
    """Return the mode with this name: "same_step", "next_step" or "disabled"."""
    names = {str(each.name).lower(): each for each in AutoresetMode}
    found = names.get(mode.lower()) if isinstance(mode, str) else mode
    if found is None:
        raise ValueError(f"autoreset_mode is {mode!r}, but must be one of {', '.join(names)}.")
    return found


def _chosen(probes: Sequence[Probe], only: Collection[str], skip: Collection[str]) -> list[Probe]:
    """Return the probes with these names.

    Raises:
        ValueError: no probe has one of the names.
    """
    names = [each.name for each in probes]
    unknown = [name for name in (*only, *skip) if name not in names]
    if unknown:
        raise ValueError(f"there is no probe {unknown[0]!r}; the probes are: {', '.join(names)}.")
    return [each for each in probes if each.name not in skip and (not only or each.name in only)]


def probe_door(door: Door, probes: Sequence[Probe], updates: int, seed: int) -> ProbeReport:
    """Run the probes through a door, and restore the global random generators.

    Args:
        door: how the agent is trained.
        probes: the probes to run.
        updates: the number of updates in each trial, at least 25.
        seed: the seed of the first trials.

    Raises:
        ValueError: updates is below 25, or seed is negative.
    """
    if updates < FEWEST_UPDATES:
        raise ValueError(f"updates is {updates}, but it must be at least {FEWEST_UPDATES}.")
    if seed < 0:
        raise ValueError(f"seed is {seed}, but it must be at least 0.")
    states = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            # The probe "memory" needs only what PGPolicy can learn without the hidden state.
            warnings.filterwarnings("ignore", "the actor returns a hidden state")
            return _Run(door, updates, seed).all(probes)
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


class _Run:
    """A run of several probes, which remembers what was found."""

    def __init__(self, door: Door, updates: int, seed: int) -> None:
        self.door = door
        self.updates = updates
        self.seed = seed
        self.results: dict[str, ProbeResult] = {}
        self.named_by: dict[str, str] = {}

    def all(self, probes: Sequence[Probe]) -> ProbeReport:
        """Run the probes in order and return their results."""
        for each in probes:
            self.results[each.name] = self._run(each)
        _skip_what_does_not_fit(self.results)
        return ProbeReport(tuple(self.results.values()))

    def _run(self, each: Probe) -> ProbeResult:
        broken = [name for name in each.needs if self._is_broken(name)]
        try:
            reason = self.door.reason_to_skip(each)
            if reason:
                return _result(each, np.nan, Judgement("skipped", remark=reason))
            outcomes = self._outcomes(each, self.seed)
            judgement = judge(outcomes, self.named_by)
            if judgement.verdict == "passed" or (judgement.named and not judgement.by_result):
                return self._noted(each, outcomes, judgement, broken)
            if not broken and judgement.verdict != "slow":
                for extra in range(1, MORE_SEEDS + 1):
                    outcomes += self._outcomes(each, self.seed + extra)
                judgement = judge(outcomes, self.named_by)
            return self._noted(each, outcomes, judgement, broken)
        except Exception as error:  # A user's code may fail in any way.
            return _result(each, np.nan, Judgement("ERROR", remark=_error_and_its_place(error)))

    def _is_broken(self, name: str) -> bool:
        return name in self.results and self.results[name].broken

    def _outcomes(self, each: Probe, seed: int) -> list[Outcome]:
        updates = self.updates if each.has_choice else FEWEST_UPDATES
        return [outcome_of(trial) for trial in run_trials(self.door, each, updates, seed)]

    def _noted(
        self, each: Probe, outcomes: list[Outcome], judgement: Judgement, broken: list[str]
    ) -> ProbeResult:
        """Return the result, and remember which causes it names."""
        count = 2 if each.has_mirror else 1  # what was reached is that of the first seed
        reached = min(outcomes[:count], key=lambda outcome: outcome.score).reached
        if judgement.verdict not in ("passed", "known") and broken:
            judgement = Judgement("FAILED", remark=f"See {broken[0]} first.")
        if judgement.verdict == "FAILED":
            for named in judgement.named:
                self.named_by.setdefault(named.cause.name, each.name)
        return _result(each, reached, judgement)


def _skip_what_does_not_fit(results: dict[str, ProbeResult]) -> None:
    """Skip the probes of one kind of actions, if all of them and no other ended with an error."""
    continuous = [r for name, r in results.items() if name == "bound"]
    discrete = [r for name, r in results.items() if name != "bound" and r.verdict != "skipped"]
    for some, others, kind in (
        (continuous, discrete, "continuous (Box)"),
        (discrete, continuous, "discrete (Discrete)"),
    ):
        fails = bool(some) and all(r.verdict == "ERROR" for r in some)
        if fails and any(r.verdict == "passed" for r in others):
            for result in some:
                _skip(results, result, kind)


def _skip(results: dict[str, ProbeResult], result: ProbeResult, kind: str) -> None:
    if any(word in result.meaning for word in ("not mapped", "not finite", "no longer finite")):
        return
    reason = f"It is not made for {kind} actions: {result.meaning}"
    results[result.probe] = ProbeResult(
        result.probe, result.question, np.nan, result.optimum, "skipped", reason
    )


def _result(each: Probe, reached: float, judgement: Judgement) -> ProbeResult:
    """Return the line of the table for this probe."""
    causes = tuple(named.cause.name for named in judgement.named)
    return ProbeResult(
        each.name,
        each.question,
        reached,
        each.optimum,
        judgement.verdict,
        judgement.meaning,
        causes,
    )


def _error_and_its_place(error: Exception) -> str:
    """Return the error in one line, with the method of the policy or actor that raised it."""
    torch_folder = str(Path(torch.__file__).parent)
    place = ""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        owner = frame.f_locals.get("self")
        in_torch = frame.f_code.co_filename.startswith(torch_folder)
        if isinstance(owner, nn.Module) and not in_torch:
            place = f" in {type(owner).__name__}.{frame.f_code.co_name}"
    message = " ".join(str(error).split())
    return f"{type(error).__name__}{place}: {message}"
