"""The agents of the confusion table: for each, its door, and which causes a report may name.

python -m tests.lab.probe_agents --seeds 0 1 2      print the table (make probe-table)
python -m tests.lab.probe_agents --names sign       run some agents, and print their reports
"""

import argparse
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from tqdm import tqdm  # type: ignore[import-untyped]

from pg_edu import PGPolicy, RecurrentPGPolicy
from pg_edu.lab.probes import PROBES, probe, probe_loop
from pg_edu.runs.agents import make_policy
from pg_edu.runs.config import Config
from tests.lab import broken_agents as policies
from tests.lab import more_agents as more
from tests.lab import new_agents as new
from tests.lab.loop_agents import by_hand, episodes, recurrent, rollouts, with_critic

NAMES = [each.name for each in PROBES]


@dataclass(frozen=True)
class Agent:
    """An agent of the table.

    Args:
        name: how the table calls it.
        report: runs the probes with these names and a seed.
        causes: the causes that would be right; none for an agent that is right.
        kind: "broken", "right", "slow", or "property": wrong in a way that is not a bug.
        names: the probes to run one by one; for a loop, memory has to be asked for by name.
    """

    name: str
    report: Callable[..., Any]
    causes: tuple[str, ...] = ()
    kind: str = "broken"
    names: tuple[str, ...] = tuple(NAMES)


def policy(name: str, *causes: str, kind: str = "broken", agent: Any = None) -> Agent:
    made = agent or getattr(policies, name, None) or getattr(more, name)
    return Agent(name, lambda **kwargs: probe(made, **kwargs), causes, kind)


def loop(name: str, train: Any, *causes: str, kind: str = "broken", **kwargs: Any) -> Agent:
    def report(**more: Any) -> Any:
        return probe_loop(train, gamma=0.6, **kwargs, **more)

    return Agent(name, report, causes, kind, tuple(n for n in NAMES if n != "memory"))


def episode_loop(wrong: str, *causes: str, **kwargs: Any) -> Agent:
    return loop(f"episodes: {wrong}", episodes(wrong, **kwargs), *causes)


def rollout_loop(wrong: str, *causes: str, **kwargs: Any) -> Agent:
    train = rollouts(wrong, **kwargs)
    return loop(f"rollouts: {wrong}", train, *causes, num_envs=8)


def ppo_loop(wrong: str, *causes: str) -> Agent:
    return loop(f"ppo: {wrong}", new.ppo(wrong), *causes, num_envs=8)


def n_step_loop(wrong: str, *causes: str) -> Agent:
    return loop(f"n-step: {wrong}", new.n_step(wrong), *causes)


def tutorial_loop(wrong: str, *causes: str) -> Agent:
    return loop(f"tutorial: {wrong}", new.tutorial(wrong), *causes)


def two_nets_loop(wrong: str, *causes: str) -> Agent:
    return loop(f"two nets: {wrong}", new.two_nets(wrong), *causes)


def small_net(observation_space: Any, action_space: Any) -> Any:
    return make_policy(Config(reward_normalization=False), observation_space, action_space)


BROKEN = [
    policy("SignFlipped", "sign"),
    policy("Broadcast", "outer product"),
    policy("TwoMeans", "one weight for all"),
    policy("NoReturns", "one weight for all"),
    policy("ReturnsShuffled", "returns mixed up"),
    policy("ActShuffled", "rows mixed up", "returns mixed up"),
    policy("RolledReturns", "returns mixed up"),
    policy("ReversedScored", "other action"),
    policy("Uniform", "acts otherwise"),
    policy("Argmax", "greedy"),
    policy("RateZero", "rate zero"),
    policy("OtherNetwork", "other parameters"),
    policy("Detached", "no gradient"),
    policy("PerEpisodeStandardized", "standardized per episode", "returns all zero"),
    policy("ShiftedReward", "own reward missing", "returns all zero"),
    policy("EntropyTooStrong", "entropy too strong"),
    policy("ObsZeroed", "blind"),
    policy("ObsConstant", "blind"),
    policy("ObsShuffled", "rows mixed up"),
    policy("ObsShifted", "rows mixed up"),
    policy("NextObs", "other observation"),
    policy("RewardOnly", "immediate reward"),
    policy("Undiscounted", "undiscounted"),
    policy("WrongEnd", "immediate reward"),
    policy("ReversedDiscount", "from the wrong end"),
    policy("AbsReturns", "sign lost"),
    policy("IntReturns", "integers"),
    policy("ValueAfterEnd", "value after an end", "leak"),
    policy("OneAfterEnd", "value after an end", "leak"),
    policy("DoneIgnored", "leak"),
    policy("PerEpisodeMean", "divided by length"),
    policy("BootstrapAlways", "value after an end"),
    policy("BootstrapSwapped", "value after an end", "leak at termination"),
    policy("ClippedScored", "clipped action scored"),
    policy("TanhScored", "tanh action scored"),
    policy("HalfRange", "narrow bounds"),
    policy("EnvActionStored", "sent action scored"),
    policy("MappedTwice", "mapped twice"),
    policy("RateHuge", "large steps"),
    policy("NoZeroGrad", "zero_grad"),
    policy("StateNotPassed", "state not passed"),
    policy("StateDropped", "state not passed"),
    policy("StateOfAnother", "state not passed"),
    policy("StateNeverReset", "state not reset"),
    # Mistakes that people make in a subclass.
    policy("DoneIsTerminated", "leak at truncation"),
    policy("GammaTwice", "gamma twice"),
    policy("LastStepAlone", "last step alone", "rows left out"),
    policy("FirstStepAlone", "first step alone", "rows left out"),
    policy("ProbabilityScored", "probability scored"),
    policy("RewardsClipped", "clipped"),
    policy("NegativeDropped", "negative dropped"),
    policy("ClippedLogits", "bounded outputs"),
    policy("SoftmaxTwice", "bounded outputs"),
    policy("HalfTheRows", "rows left out"),
    policy("OneEpisode", "rows left out"),
    policy("NotScaled", "not scaled"),
    policy("MeanOverDimensions", "mean over dimensions"),
    policy("MovingNormalizer", "other probabilities", "acts on another observation"),
    policy("EntropyPunished", "entropy punished"),
    policy("OnlyTheBias", "part of the parameters"),
    policy("LastReward", "last reward"),
    # Loops.
    episode_loop("done", "steps after an end"),
    episode_loop("same seed", "same seed"),
    episode_loop("stale observation", "acts on another observation"),
    episode_loop("immediate", "immediate reward"),
    episode_loop("gamma twice", "gamma twice"),
    episode_loop("greedy", "greedy"),
    episode_loop("epsilon", "acts otherwise"),
    episode_loop("zero_grad", "zero_grad"),
    episode_loop("table", "outer product", "one weight for all"),
    episode_loop("probability", "probability scored"),
    episode_loop("one of them", "rows left out"),
    episode_loop("divided by length", "divided by length"),
    episode_loop("standardized per episode", "standardized per episode", "returns all zero"),
    rollout_loop("terminated alone", "leak at truncation"),
    rollout_loop("shifted dones", "leak", "value after an end", "returns mixed up"),
    rollout_loop("transposed", "returns mixed up"),
    rollout_loop("actions transposed", "rows mixed up", "returns mixed up"),
    rollout_loop("next observation", "other observation"),
    rollout_loop("rolled actions", "acts otherwise"),
    rollout_loop("clip rewards", "clipped"),
    rollout_loop("moving", "other probabilities", "acts on another observation"),
    rollout_loop("half", "rows left out"),
    rollout_loop("clip stored", "clipped action scored"),
    rollout_loop("one dimension", "one dimension"),
    rollout_loop("softmax twice", "bounded outputs"),
    loop("by hand: undiscounted", by_hand("undiscounted"), "undiscounted"),
    loop("by hand: immediate", by_hand("immediate"), "immediate reward"),
    loop("by hand: sign", by_hand("sign"), "sign"),
    # The same mistakes in another style; the rules were written before these were run.
    loop("by hand: leak", by_hand("leak"), "leak"),
    loop("by hand: shuffled", by_hand("shuffled"), "returns mixed up"),
    rollout_loop("done ignored", "leak"),
    rollout_loop("gamma twice", "gamma twice"),
    rollout_loop("value after the end", "value after an end"),
    rollout_loop("sign", "sign"),
    rollout_loop("table", "outer product", "one weight for all"),
    rollout_loop("clipped logits", "bounded outputs"),
    rollout_loop("mean over dimensions", "mean over dimensions"),
    rollout_loop("sent stored", "sent action scored"),
    rollout_loop("narrow bounds", "narrow bounds", scale="narrow"),
    episode_loop("rate zero", "rate zero"),
    episode_loop("other parameters", "other parameters"),
    episode_loop("blind", "blind"),
    episode_loop("undiscounted", "undiscounted"),
    episode_loop("clip", "clipped"),
    episode_loop("backwards", "from the wrong end"),
    episode_loop("abs", "sign lost"),
    episode_loop("own reward missing", "own reward missing", "returns all zero"),
    episode_loop("last step alone", "last step alone", "rows left out"),
    episode_loop("shuffled", "returns mixed up"),
    episode_loop("mean of returns", "one weight for all"),
    episode_loop("detached", "no gradient"),
    episode_loop("sign", "sign"),
    # Other styles; the rules were written before these were run.
    ppo_loop("terminated", "leak at truncation"),
    ppo_loop("old log-prob not detached", "no gradient", "returns all zero"),
    ppo_loop("ratio inverted", "sign"),
    ppo_loop("clip on the wrong side", "large steps"),
    ppo_loop("wrong order", "rows mixed up", "other observation", "returns mixed up"),
    n_step_loop("stored by reference", "other observation", "rows mixed up", "rows left out"),
    n_step_loop("reward of the step before", "returns mixed up"),
    n_step_loop("standardized per row", "returns all zero"),
    n_step_loop("schedule to zero", "rate zero"),
    tutorial_loop("rewards not reset", "returns mixed up"),
    tutorial_loop("action of the next step", "other action", "rows mixed up", "returns mixed up"),
    tutorial_loop("minus", "sign"),
    tutorial_loop("step forgotten", "no gradient"),
    loop("numpy: argmax", new.in_numpy("argmax"), "greedy"),
    loop(
        "numpy: discounted forward",
        new.in_numpy("discounted forward"),
        "from the wrong end",
        "immediate reward",
    ),
    loop("replayed: never emptied", new.replayed("never emptied"), "never emptied"),
    loop("trunk: advantage not detached", new.trunk("advantage not detached")),
    # Once more; the rules were mended for those above before these were run.
    tutorial_loop("mean of the loss", "one weight for all"),
    tutorial_loop("softmax before", "other probabilities", "bounded outputs"),
    two_nets_loop("ends ignored", "leak"),
    two_nets_loop("order of the returns", "returns mixed up", "from the wrong end"),
    two_nets_loop("copy not renewed", "other parameters", "returns another agent"),
    two_nets_loop("memory not cleared", "never emptied"),
    loop(
        "averaged: rewards in place of returns",
        new.averaged("rewards in place of returns"),
        "immediate reward",
    ),
]

RIGHT = [
    policy("PGPolicy", kind="right", agent=PGPolicy),
    policy("RecurrentPGPolicy", kind="right", agent=RecurrentPGPolicy),
    policy("small network", kind="right", agent=small_net),
    policy("SumLoss", kind="right"),
    policy("BatchStandardized", kind="right"),
    policy("Entropy", kind="right"),
    policy("TanhRight", kind="right"),
    policy("TotalReturn", kind="right"),
    policy("BootstrapRight", kind="right"),
    policy("BootstrapNever", kind="right"),
    policy("OwnOptimizer", kind="right"),
    policy("RateTimesThree", kind="right"),
    policy("RateByThree", kind="right"),
    policy("OwnRMSprop", kind="right"),
    policy("PlainSGD", kind="right"),
    policy("GradientClipped", kind="right"),
    policy("ReturnsScaled", kind="right"),
    policy("MinimalPolicy", kind="right"),
    loop("episodes", episodes(), kind="right"),
    loop("episodes: total", episodes("total", lr=0.03), kind="right"),
    loop("episodes: standardized", episodes("standardized"), kind="right"),
    loop("episodes: hidden layer", episodes(hidden=(16,), lr=0.02), kind="right"),
    loop("episodes: critic", with_critic(), kind="right"),
    loop("episodes: recurrent", recurrent(), kind="right"),
    loop("rollouts", rollouts(), kind="right", num_envs=8),
    loop("rollouts: PPO", rollouts(epochs=4, minibatches=4, lr=3e-3), kind="right", num_envs=8),
    loop("rollouts: tanh", rollouts(scale="tanh", critic=False), kind="right", num_envs=8),
    loop("rollouts: entropy", rollouts(entropy=0.01), kind="right", num_envs=8),
    loop("by hand", by_hand(), kind="right"),
    loop("ppo", new.ppo(), kind="right", num_envs=8),
    loop("ppo: one minibatch", new.ppo(minibatches=1), kind="right", num_envs=8),
    loop("n-step", new.n_step(), kind="right"),
    loop("tutorial", new.tutorial(), kind="right"),
    loop("numpy", new.in_numpy(), kind="right"),
    loop("replayed", new.replayed(), kind="right"),
    loop("trunk", new.trunk(), kind="right"),
    loop("two nets", new.two_nets(), kind="right"),
    loop("averaged", new.averaged(), kind="right"),
    loop("one step", new.one_step(), kind="right"),
    policy("SlowSGD", kind="slow"),
    policy("SlowAdam", kind="slow"),
    policy("RateTiny", kind="slow"),
    loop("episodes: slow", episodes(lr=0.001, batch=32), kind="slow"),
]


def run(agent: Agent, seed: int, stop_early: bool) -> tuple[str, list[Any]]:
    """Return what the first failure said of the agent, and all results."""
    results: dict[str, Any] = {}
    if not stop_early:
        results = {r.probe: r for r in agent.report(seed=seed).results}
        return verdict_on(agent, results), list(results.values())
    for name in agent.names:
        report = agent.report(only=[name], seed=seed)
        results[name] = report[name]
        if results[name].broken:
            break
    return verdict_on(agent, results), list(results.values())


def verdict_on(agent: Agent, results: dict[str, Any]) -> str:
    """Return what the first failure said: named, elsewhere, no cause, error; or the verdict."""
    broken = [result for result in results.values() if result.broken and not is_misfit(result)]
    undecided = [r.verdict for r in results.values() if r.verdict in ("slow", "unclear")]
    if not broken:
        return undecided[0] if undecided else "passed"
    if broken[0].verdict == "ERROR":
        return "error"
    if not broken[0].causes:
        return "no cause"
    return "named" if set(broken[0].causes) & set(agent.causes) else "elsewhere"


def is_misfit(result: Any) -> bool:
    """Return whether an agent for discrete actions was run alone on the motor."""
    return result.verdict == "ERROR" and "'Box' object" in result.meaning


def run_and_print(agent: Agent, seed: int) -> tuple[str, str]:
    """Run one agent, print a row of the table, and return its kind and what was said."""
    begin = time.process_time()
    said, results = run(agent, seed, stop_early=agent.kind == "broken")
    seconds = time.process_time() - begin
    told = [r for r in results if r.broken and not is_misfit(r)]
    told += [r for r in results if r.verdict in ("slow", "unclear")]
    what = f"{told[0].probe}: {', '.join(told[0].causes) or told[0].meaning[:100]}" if told else ""
    print(f"| {agent.kind} | {agent.name} | {seed} | {said} | {what} | {seconds:.0f} |", flush=True)
    return agent.kind, said


def summarize(said: Counter[tuple[str, str]]) -> None:
    """Print how often each thing was said of the agents of each kind."""
    words = ("named", "elsewhere", "no cause", "error", "slow", "unclear", "passed")
    print("\n| agents | runs |", " | ".join(words), "|")
    print("|---" * (len(words) + 2) + "|")
    for kind in ("broken", "right", "slow"):
        counts = [said[kind, word] for word in words]
        print(f"| {kind} | {sum(counts)} |", " | ".join(map(str, counts)), "|")


def main() -> int:
    """Print the table of the chosen agents and seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--names", nargs="+", default=[])
    parser.add_argument("--kind", nargs="+", default=["broken", "right", "slow"])
    parser.add_argument("--part", type=int, nargs=2, default=(0, 1), help="i n: each n-th from i")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    agents = [a for a in BROKEN + RIGHT if a.kind in arguments.kind]
    if arguments.names:
        agents = [a for a in agents if a.name in arguments.names]
    agents = agents[arguments.part[0] :: arguments.part[1]]
    print("| kind | agent | seed | said | first failure | CPU seconds |\n|---|---|---|---|---|---|")
    said: Counter[tuple[str, str]] = Counter()
    for agent in tqdm(agents, disable=not sys.stderr.isatty()):
        for seed in arguments.seeds:
            said[run_and_print(agent, seed)] += 1
    summarize(said)
    return 0


if __name__ == "__main__":
    sys.exit(main())
