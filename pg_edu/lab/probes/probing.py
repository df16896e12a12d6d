"""`probe`: train an agent on nine tiny environments and say which part of it is broken."""

import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.vector import SyncVectorEnv
from torch import nn

from pg_edu.lab.probes.actors import RecurrentActor
from pg_edu.lab.probes.questions import PROBES, Probe
from pg_edu.lab.probes.report import ProbeReport, ProbeResult
from pg_edu.lab.probes.symptoms import TRUNCATION_AS_TERMINATION, Trial, general_symptom
from pg_edu.lab.probes.trials import (
    LAST_UPDATES,
    actor_outputs,
    make_policy_and_envs,
    run_both_trials,
    takes_actor,
)

UPDATES = 100
PASSING_SCORE = 0.7  # on a scale where 0 is chance and 1 is the optimum

# A failed probe is repeated with more seeds before a cause is named: an agent that fails by chance
# fails in a different way each time.
MORE_SEEDS = 2


def probe(
    make_policy: Callable[..., Any],
    *,
    probes: Sequence[Probe] = PROBES,
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
        updates: the number of updates in each trial, of 32 episodes each. Agents that learn slowly
            need more than the default.
        seed: the seed of the first trials. The same seed gives the same report. The states of the
            global generators of torch and numpy are restored afterwards.

    Raises:
        ValueError: make_policy is not callable, or is itself a policy; updates is below 25; or seed
            is negative.

    Example:
        >>> from pg_edu import PGPolicy
        >>> class Impatient(PGPolicy):
        ...     def process_fn(self, batch, buffer, indices):
        ...         batch.returns = batch.rew
        ...         return batch
        >>> print(probe(Impatient, probes=PROBES[3:4])["delay"].meaning)  # doctest: +ELLIPSIS
        Only the immediate reward counts: the rewards that follow an action are not summed, ...
    """
    _check_arguments(make_policy, updates, seed)
    numpy_state = np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            # The probe "memory" needs only what PGPolicy can learn without the hidden state.
            warnings.filterwarnings("ignore", "the actor returns a hidden state")
            return _run_probes(make_policy, probes, updates, seed)
    finally:
        np.random.set_state(numpy_state)


def _check_arguments(make_policy: Callable[..., Any], updates: int, seed: int) -> None:
    """Raise ValueError unless make_policy makes policies and the numbers are large enough."""
    if isinstance(make_policy, nn.Module) or not callable(make_policy):
        raise ValueError(
            f"make_policy is of type {type(make_policy).__name__}, but each probe needs a policy "
            "of its own: pass a class with PGPolicy's constructor, or a function of "
            "(observation_space, action_space)."
        )
    if updates < LAST_UPDATES:
        raise ValueError(f"updates is {updates}, but it must be at least {LAST_UPDATES}.")
    if seed < 0:
        raise ValueError(f"seed is {seed}, but it must be at least 0.")


def _run_probes(
    make_policy: Callable[..., Any], probes: Sequence[Probe], updates: int, seed: int
) -> ProbeReport:
    """Run the probes in order and return their results."""
    results: dict[str, ProbeResult] = {}
    for each in probes:
        broken = [name for name in each.needs if name in results and results[name].broken]
        cause = broken[0] if broken else None
        results[each.name] = _run_probe(make_policy, each, updates, seed, cause)
    return ProbeReport(tuple(results.values()))


def _run_probe(
    make_policy: Callable[..., Any], probe: Probe, updates: int, seed: int, cause: str | None
) -> ProbeResult:
    """Run one probe; `cause` names the earlier failure that would explain one here, if any."""
    try:
        policy, envs = make_policy_and_envs(make_policy, probe, seed)
        probe = _suited_to(policy, probe)
        reason_to_skip = _reason_to_skip(make_policy, policy, envs, probe)
        if reason_to_skip:
            return _result(probe, np.nan, "skipped", reason_to_skip)

        trials = run_both_trials(make_policy, probe, updates, seed)
        reached = _worst(trials).reached
        if _worst(trials).score >= PASSING_SCORE:
            return _result(probe, reached, "passed")
        if cause is not None:
            return _result(probe, reached, "FAILED", f"See {cause} first.")

        for extra in range(1, MORE_SEEDS + 1):
            trials += run_both_trials(make_policy, probe, updates, seed + extra)
    except Exception as error:  # A user's code may fail in any way.
        return _result(probe, np.nan, "ERROR", _error_and_its_place(error))
    return _diagnose(policy, probe, trials, reached)


def _suited_to(policy: Any, probe: Probe) -> Probe:
    """Return the probe, without discounting if the policy does not discount.

    A probe with a time limit is returned as it is: without discounting, the value of what would
    follow its limit is infinite.
    """
    if hasattr(policy, "gamma") or probe.mdp is None or probe.mdp.limit is not None:
        return probe
    return replace(probe, mdp=replace(probe.mdp, gamma=1.0))


def _reason_to_skip(
    make_policy: Callable[..., Any], policy: Any, envs: SyncVectorEnv, probe: Probe
) -> str:
    """Return why the probe makes no sense for this policy, or "" if it does."""
    has_limit = probe.mdp is not None and probe.mdp.limit is not None
    if has_limit and not hasattr(policy, "gamma"):
        return "It has no discount factor."

    has_own_actor = not takes_actor(make_policy)
    if probe.actor is RecurrentActor and has_own_actor:
        _, hidden_state = actor_outputs(policy, envs)
        if hidden_state is None:
            return "It has no hidden state."
    return ""


def _worst(trials: list[Trial]) -> Trial:
    """Return the trial with the lowest score."""
    return min(trials, key=lambda trial: trial.score)


def _diagnose(policy: Any, probe: Probe, trials: list[Trial], reached: float) -> ProbeResult:
    """Return the result of a failed probe, with the meaning of its trials."""
    # With a single action, no agent can explore or change its probabilities.
    meaning = general_symptom(trials) if probe.has_choice else ""
    if not meaning:
        meaning = probe.diagnose(trials)

    # A policy without values cannot add one where an episode is truncated.
    known = meaning == TRUNCATION_AS_TERMINATION and not hasattr(policy, "rew_norm")
    return _result(probe, reached, "known" if known else "FAILED", meaning)


def _result(probe: Probe, reached: float, verdict: str, meaning: str = "") -> ProbeResult:
    """Return the line of the table for this probe."""
    return ProbeResult(probe.name, probe.question, reached, probe.optimum, verdict, meaning)


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
