"""Probes: nine tiny environments, each of which asks an agent one question.

An agent that fails on CartPole has said nothing but "no". A probe has one property, an optimum that
is known exactly, and wrong answers that are known as well: which of them an agent learns names the
part of it that is broken.

    probe            the question                                               the wrong part
    single action    does it run at all?                                        shapes, NaN
    two actions      does a better action become likelier?                      sign, optimizer
    contexts         is each action learned for its own observation?            rows, broadcasting
    delay            are rewards summed over time, nearer ones weighing more?   returns
    lengths          do short episodes count like long ones, and end?           averages, ends
    time limit       is an interruption told apart from an end?                 flags
    bound            is the raw action scored, and the bounded one sent?        log-prob, mapping
    alias            does it mix its actions, in training too?                  sampling
    memory           is the hidden state handed on, and begun anew?             hidden state

They stand in the order in which they build on each other, so the first failure is the one to look
at. Each is played twice, the second time with the actions in reverse order, and the worse result
counts: nobody passes by preferring the right action from the start. What fails is played with two
more seeds before a cause is named: who goes wrong by chance goes wrong in another way each time.

An update gets EPISODES = 32 whole episodes. That is part of the question in `lengths`: PGPolicy's
loss is a mean over steps, which with one episode an update is a mean over *that episode's* steps
and learns to stop early. It is a known property of that loss (and of nearly every implementation);
with 32 episodes it is too small to matter here.
"""

import inspect
import textwrap
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from torch import nn

from pg_edu.batch import Batch, to_numpy
from pg_edu.buffer import VectorReplayBuffer
from pg_edu.collector import Collector
from pg_edu.distributions import categorical, gaussian
from pg_edu.guard import OuterBroadcastError, forbid_outer_broadcast
from pg_edu.lab.exact.mdp import MDP
from pg_edu.lab.probes import symptoms
from pg_edu.lab.probes.symptoms import Run
from pg_edu.lab.probes.worlds import (
    ALIAS,
    CONTEXTS,
    DELAY,
    LENGTHS,
    LIMIT,
    MEMORY,
    SINGLE,
    TWO,
    Linear,
    Location,
    Motor,
    Remembering,
    World,
    best_blind_value,
    best_value,
    mirrored,
)
from pg_edu.returns import discounted_returns
from pg_edu.trainer import collect_and_update
from pg_edu.types import Floats

EPISODES = 32
UPDATES = 100
LAST = 25  # the result is the mean over this many updates at the end
MORE_SEEDS = 2  # for a probe that failed
PASSED = 0.7  # of the way from chance to the optimum


@dataclass(frozen=True)
class Probe:
    """An environment, its question, and the reader of its wrong answers.

    Args:
        name, question: as the table shows them.
        mdp: the world; None: the motor.
        diagnose: its plays, if they failed -> what that means.
        actor: (observations, actions) -> the actor.
        normalise: whether it is to be learned with `reward_normalization`.
        blind: whether the optimum is that of a policy that cannot tell the states apart.
        needs: the probes without which this one says nothing.
    """

    name: str
    question: str
    mdp: MDP | None
    diagnose: Callable[[list[Run]], str]
    actor: Callable[[int, int], nn.Module] = Linear
    normalise: bool = False
    blind: bool = False
    needs: tuple[str, ...] = ("two actions",)

    def make(self, mirror: bool = False) -> gym.Env[Any, Any]:
        """The environment, or the one in which the actions are in reverse order."""
        if self.mdp is None:
            return Motor(best_is_low=not mirror)
        return World(mirrored(self.mdp) if mirror else self.mdp)

    @property
    def gamma(self) -> float:
        """The discount factor that it is learned with."""
        return 0.5 if self.mdp is None else self.mdp.gamma

    @property
    def unlimited(self) -> MDP | None:
        """The world without interruption."""
        return None if self.mdp is None else replace(self.mdp, limit=None)

    @property
    def after_limit(self) -> float:
        """The value of what follows an interruption: that of the last state, where nothing can be
        chosen any more."""
        if self.mdp is None or self.mdp.limit is None:
            return 0.0
        return float(replace(self.mdp, limit=None).value()[-1])

    @property
    def chance(self) -> float:
        """Discounted return of actions drawn at random."""
        return 3.0 if self.unlimited is None else self.unlimited.J()

    @cached_property
    def optimum(self) -> float:
        """The largest discounted return (of the motor: its limit, for a Gaussian)."""
        if self.unlimited is None:
            return max(map(Motor().reward, (Motor.LOW, Motor.HIGH)))
        return (best_blind_value if self.blind else best_value)(self.unlimited)

    def score(self, reached: float) -> float:
        """0 for chance, 1 for the optimum."""
        width = self.optimum - self.chance
        return (reached - self.chance) / width if width else float(reached == self.optimum)


PROBES = (
    Probe("single action", "does it run at all?", SINGLE, symptoms.single, needs=()),
    Probe("two actions", "does the better one become likelier?", TWO, symptoms.two, needs=()),
    Probe("contexts", "does the observation decide?", CONTEXTS, symptoms.contexts),
    Probe(
        "delay",
        "are rewards summed, near ones weighing more?",
        DELAY,
        symptoms.delay,
        needs=("two actions", "contexts"),
    ),
    Probe(
        "lengths",
        "do long episodes count, and end?",
        LENGTHS,
        symptoms.lengths,
        needs=("two actions", "contexts", "delay"),
    ),
    Probe(
        "time limit",
        "is an interruption not an end?",
        LIMIT,
        symptoms.limit,
        normalise=True,
        needs=("two actions", "contexts", "delay", "lengths"),
    ),
    Probe("bound", "is the raw action scored, the bounded sent?", None, symptoms.bound, Location),
    Probe("alias", "does it mix actions, in training too?", ALIAS, symptoms.alias, blind=True),
    Probe(
        "memory",
        "is the hidden state kept, and begun anew?",
        MEMORY,
        symptoms.memory,
        Remembering,
        needs=("two actions", "contexts"),
    ),
)


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Args:
        probe: its name.
        question: what it asks.
        reached, optimum: discounted returns; reached is the worse of two plays, NaN after an error.
        verdict: "passed", "FAILED", "ERROR", "known" (a property, not a bug) or "skipped".
        meaning: what a verdict other than "passed" means.
    """

    probe: str
    question: str
    reached: float
    optimum: float
    verdict: str
    meaning: str = ""

    @property
    def broken(self) -> bool:
        """Whether the probe failed or could not be run."""
        return self.verdict in ("FAILED", "ERROR")

    def __repr__(self) -> str:
        reached = f"{self.reached:9.3f}" if np.isfinite(self.reached) else f"{'-':>9}"
        line = f"{self.probe:<14}{self.question:<46}{reached}{self.optimum:9.3f}  {self.verdict}"
        indent = " " * 4
        more = textwrap.wrap(self.meaning, 92, initial_indent=indent, subsequent_indent=indent)
        return "\n".join([line, *more])


@dataclass(frozen=True, repr=False)
class Report:
    """What became of each probe; printed, a table that says what is broken.

    Args:
        rows: one a probe, in the order in which they build on each other.
    """

    rows: tuple[Row, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of the probes that failed or could not be run."""
        return tuple(row.probe for row in self.rows if row.broken)

    def __getitem__(self, name: str) -> Row:
        return {row.probe: row for row in self.rows}[name]

    def __repr__(self) -> str:
        header = f"{'probe':<14}{'question':<46}{'reached':>9}{'optimum':>9}  verdict"
        first = (
            f"Look first at: {self.failed[0]}."
            if self.failed
            else "Nothing is broken that these probes can see."
        )
        return "\n".join([header, *map(repr, self.rows), first])


def probe(
    make_policy: Callable[..., Any],
    *,
    probes: Sequence[Probe] = PROBES,
    updates: int = UPDATES,
    seed: int = 0,
) -> Report:
    """Train a policy on every probe and say which part of it is broken.

    Args:
        make_policy: a class with PGPolicy's constructor (it is given an actor, Adam and all the
            rest), or a function (observation_space, action_space) -> policy. A function's policy
            is given the probe's discount factor, and normalisation where the probe needs it, if it
            has the attributes `gamma` and `rew_norm` as PGPolicy has; without `gamma` it is taken
            not to discount. One that returns no hidden state is not asked to remember.
        probes: which ones.
        updates: of 32 episodes each, a play. Agents that learn slowly need more than the default.
        seed: the same seed gives the same report. Torch's and numpy's generators are left as they
            were.

    Raises:
        ValueError: make_policy is not callable, or is a policy; updates below 25; a negative seed.

    Example:
        >>> from pg_edu import PGPolicy
        >>> class Impatient(PGPolicy):
        ...     def process_fn(self, batch, buffer, indices):
        ...         batch.returns = batch.rew
        ...         return batch
        >>> print(probe(Impatient, probes=PROBES[3:4])["delay"].meaning)
        Only the immediate reward counts: what follows is not summed, or what came before is.
    """
    if isinstance(make_policy, nn.Module) or not callable(make_policy):
        raise ValueError(
            "make_policy must be a class with PGPolicy's constructor, or a function of "
            "(observation_space, action_space): each probe needs a policy of its own, got "
            f"{type(make_policy).__name__}."
        )
    if updates < LAST or seed < 0:
        raise ValueError(f"updates must be at least {LAST} and seed 0: got {updates} and {seed}.")
    numbers = np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            rows: dict[str, Row] = {}
            for each in probes:
                broken = [name for name in each.needs if name in rows and rows[name].broken]
                rows[each.name] = _row(each, make_policy, updates, seed, broken[:1])
            return Report(tuple(rows.values()))
    finally:
        np.random.set_state(numbers)


def _row(
    probe: Probe, make_policy: Callable[..., Any], updates: int, seed: int, broken: list[str]
) -> Row:
    """Play a probe; `broken` names the earlier one that explains why it fails, if any."""
    line = partial(Row, probe.name, probe.question)
    try:
        policy, envs = _made(make_policy, probe, seed)
        if not hasattr(policy, "gamma") and probe.mdp is not None:
            if probe.mdp.limit is not None:
                return line(np.nan, probe.optimum, "skipped", "It has no discount factor.")
            probe = replace(probe, mdp=replace(probe.mdp, gamma=1.0))
        forgets = probe.actor is Remembering and not _takes_actor(make_policy)
        if forgets and _outputs(policy, envs)[1] is None:
            return line(np.nan, probe.optimum, "skipped", "It has no hidden state.")
        runs = _plays(make_policy, probe, updates, seed)
        worst = min(runs, key=lambda run: run.score)
        if worst.score >= PASSED:
            return line(worst.reached, probe.optimum, "passed")
        if broken:
            return line(worst.reached, probe.optimum, "FAILED", f"See {broken[0]} first.")
        for more in range(1, MORE_SEEDS + 1):
            runs += _plays(make_policy, probe, updates, seed + more)
    except Exception as error:  # a stranger's code may fail in any way
        return line(np.nan, probe.optimum, "ERROR", _where(error))
    meaning = ("" if probe.mdp is SINGLE else symptoms.general(runs)) or probe.diagnose(runs)
    known = meaning == symptoms.INTERRUPTION_IS_AN_END and not hasattr(policy, "rew_norm")
    return line(worst.reached, probe.optimum, "known" if known else "FAILED", meaning)


def _plays(make_policy: Callable[..., Any], probe: Probe, updates: int, seed: int) -> list[Run]:
    """Train a policy on the probe, and another one where the actions are in reverse order."""
    return [
        _play(*_made(make_policy, probe, seed, mirror), probe, mirror, updates, seed)
        for mirror in (False, True)
    ]


def _made(
    make_policy: Callable[..., Any], probe: Probe, seed: int, mirror: bool = False
) -> tuple[Any, SyncVectorEnv]:
    """A policy for this probe, from a class like PGPolicy or from a function of the spaces."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    envs = SyncVectorEnv(
        [partial(probe.make, mirror)] * EPISODES, autoreset_mode=AutoresetMode.SAME_STEP
    )
    seen, acts = envs.single_observation_space, envs.single_action_space
    if not _takes_actor(make_policy):
        policy = make_policy(seen, acts)
        if hasattr(policy, "gamma"):
            policy.gamma = probe.gamma
        if probe.normalise and hasattr(policy, "rew_norm"):
            policy.rew_norm = True
        return policy, envs
    continuous = isinstance(acts, Box)
    actor = probe.actor(gym.spaces.flatdim(seen), getattr(acts, "n", 1))
    policy = make_policy(
        actor=actor,
        optim=torch.optim.Adam(actor.parameters(), lr=0.1),
        dist_fn=gaussian if continuous else categorical,
        action_space=acts,
        observation_space=seen,
        discount_factor=probe.gamma,
        reward_normalization=probe.normalise,
        action_scaling=continuous,
        action_bound_method="clip",
    )
    return policy, envs


def _takes_actor(make_policy: Callable[..., Any]) -> bool:
    parameters = inspect.signature(make_policy).parameters
    return "actor" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _play(
    policy: Any, envs: SyncVectorEnv, probe: Probe, mirror: bool, updates: int, seed: int
) -> Run:
    """Train a policy on a probe and look at what it does."""
    collector = Collector(policy, envs, VectorReplayBuffer(4 * EPISODES, EPISODES))
    collector.reset(gym_reset_kwargs={"seed": seed})
    before, _ = _outputs(policy, envs)
    batches: list[Any] = []

    def look(_: Any) -> bool:
        batches.append(collector.buffer.sample(0)[0])
        return False

    def update() -> None:
        collect_and_update(policy, collector, n_episode=EPISODES, stop_before_update=look)

    for _ in range(updates):
        update()
    after, _ = _outputs(policy, envs)
    if not np.isfinite(after).all():
        raise ArithmeticError("what the actor puts out is not finite any more.")
    first, late = batches[0], Batch.cat(batches[-LAST:])
    outer = False
    try:
        with forbid_outer_broadcast():
            update()
    except OuterBroadcastError:
        outer = True
    end = late.terminated | late.truncated
    begin = np.append(True, end[:-1])
    after_end = np.where(late.terminated, 0.0, probe.after_limit)
    returns = discounted_returns(late.rew, end, probe.gamma, after_end)[begin]
    reached = float(returns.mean())
    return Run(
        reached=reached,
        score=probe.score(reached),
        best=probe.score(float(returns.max())),
        first_reward=float(late.rew[begin].mean()),
        frequency=_frequency(late, envs, mirror),
        varies=bool(((_frequency(first, envs, mirror) > 0).sum(axis=1) > 1).any()),
        learns=not np.array_equal(before, after),
        sees=len(after) == 1 or bool((after != after[0]).any()),
        outer=outer,
    )


def _outputs(policy: Any, envs: SyncVectorEnv) -> tuple[Floats, Any]:
    """What the actor puts out for each observation, [O, D], and the hidden state.

    Of a policy that does not hand this out: its parameters, [1, D].
    """
    width = gym.spaces.flatdim(envs.single_observation_space)
    with torch.no_grad():
        result = policy(Batch(obs=np.eye(width, dtype=np.float32), info=Batch()))
    if "logits" not in result:
        parameters = nn.utils.parameters_to_vector(policy.parameters()).detach()
        return to_numpy(parameters)[None], result.state
    output = result.logits if isinstance(result.logits, tuple) else (result.logits,)
    rows = [to_numpy(part).reshape(width, -1) for part in output]
    return np.concatenate(rows, axis=1), result.state


def _frequency(rows: Any, envs: SyncVectorEnv, mirror: bool) -> Floats:
    """How often each action was taken at each observation, [O, A]; each number of a Box once."""
    seen, values = rows.obs.argmax(axis=1), rows.act.reshape(len(rows.act), -1)[:, 0]
    actions = getattr(envs.single_action_space, "n", None)
    if actions is None:
        values = np.unique(values, return_inverse=True)[1]
        actions = values.max() + 1
    count = np.zeros((rows.obs.shape[1], actions))
    np.add.at(count, (seen, values), 1)
    count = count[:, ::-1] if mirror else count
    frequency: Floats = count / np.maximum(1, count.sum(axis=1, keepdims=True))
    return frequency


def _where(error: Exception) -> str:
    """An error in one line, and the policy's or actor's own method in which it was raised."""
    torch_itself = str(Path(torch.__file__).parent)
    places = [
        f" in {type(frame.f_locals['self']).__name__}.{frame.f_code.co_name}"
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if isinstance(frame.f_locals.get("self"), nn.Module)
        and not frame.f_code.co_filename.startswith(torch_itself)
    ]
    message = " ".join(str(error).split())
    return f"{type(error).__name__}{places[-1] if places else ''}: {message}"
