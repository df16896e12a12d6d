"""The agent is what it is; what is reported of it is something else."""

import itertools
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pg_edu.lab.exact.tasks import NEVER, short_corridor
from pg_edu.lab.museum.entry import Pitfall, Verdict
from pg_edu.lab.museum.instruments import THREE_ARMS
from pg_edu.types import Floats

Chosen = Callable[[Floats], Floats]


def first_to_finish(lengths: Floats) -> Floats:
    finished = lengths.cumsum(axis=1).argsort(axis=None, kind="stable")  # [environments, episodes]
    return lengths.ravel()[finished[: len(lengths)]]


def one_of_each(lengths: Floats) -> Floats:
    return lengths[:, 0]


def _mean_length(choose: Chosen, envs: int = 8, each: int = 8, long: float = 100.0) -> float:
    """E[mean of the chosen lengths], 10 or `long` with one half each.

    Environment i plays k_i short episodes and then a long one; what follows that comes too late to
    be chosen. All sets {k_i} are looked at, with the probability of all their orders.
    """
    chance = [0.5 ** (k + 1) for k in range(each)] + [0.5**each]
    table = np.where(np.arange(each + 1) < np.arange(each + 1)[:, None], 10.0, long)
    total = 0.0
    for shorts in itertools.combinations_with_replacement(range(each + 1), envs):
        count = np.bincount(shorts)
        orders = math.factorial(envs) / math.prod(math.factorial(k) for k in count.tolist())
        p = orders * math.prod(chance[k] for k in shorts)
        total += p * float(choose(table[list(shorts)]).mean())
    return total


def _eight_of_eight(choose: Chosen) -> Verdict:
    found = _mean_length(choose)
    return Verdict(abs(found - 55) < 1e-9, {"expected mean length": found, "true": 55})


def _equal_lengths() -> Verdict:
    found = _mean_length(first_to_finish, envs=4, each=4, long=10.0)
    return Verdict(found == 10, {"expected mean length if all have length 10": found})


FIRST_N = Pitfall(
    name="the first n to finish",
    kind="measurement",
    believed="The first n episodes that end are n episodes like any others.",
    wrong=first_to_finish,
    right=one_of_each,
    check=_eight_of_eight,
    nuance="They are if all episodes have one length. Otherwise who finishes first is short, and "
    "where long means good the agent looks worse than it is.",
    half_true=_equal_lengths,
    sources=("notebook 07",),
)

Tested = Callable[[Floats], Floats]


def greedy(logits: Floats) -> Floats:
    return np.where(logits == logits.max(), 0.0, NEVER)


def as_trained(logits: Floats) -> Floats:
    return logits


def _short_corridor(tested: Tested) -> Verdict:
    """With the best of all policies, and at most 100 steps."""
    logits = np.log([[math.sqrt(2) - 1, 2 - math.sqrt(2)]])
    world = replace(short_corridor(), limit=100)
    found, trained = world.at(tested(logits)).J(), world.at(logits).J()
    return Verdict(abs(found - trained) < 1e-9, {"return": found, "of the trained policy": trained})


def _it_can_be_worse_or_better() -> Verdict:
    world = THREE_ARMS.at([[0.5, -0.3, 1.5]])
    before = THREE_ARMS.at(greedy(THREE_ARMS.logits)).J() - THREE_ARMS.J()
    after = world.at(greedy(world.logits)).J() - world.J()
    figures = {"what argmax gains on a bandit, early in training": before}
    figures["what it gains once the best arm is the likeliest"] = after
    return Verdict(before < 0 < after, figures)


ARGMAX = Pitfall(
    name="argmax is the agent",
    kind="measurement",
    believed="The mode of a policy is the policy without its noise.",
    wrong=greedy,
    right=as_trained,
    check=_short_corridor,
    nuance="It is another policy, which may be worse or better. On a bandit it is better as soon "
    "as the best arm is the likeliest; where states look alike, chance may be what arrives.",
    half_true=_it_can_be_worse_or_better,
    sources=(
        "Sutton & Barto (2018), example 13.1",
        "Singh, Jaakkola & Jordan (1994)",
        "notebook 07",
    ),
)

Interval = Callable[[Floats], tuple[Floats, Floats]]


def bootstrap(x: Floats) -> tuple[Floats, Floats]:
    means = np.array([x[list(rows)].mean(axis=0) for rows in itertools.product(range(3), repeat=3)])
    low, high = np.quantile(means, [0.025, 0.975], axis=0, method="inverted_cdf")
    return low, high


def student_t(x: Floats) -> tuple[Floats, Floats]:
    mean, margin = x.mean(axis=0), 4.3027 * x.std(axis=0, ddof=1) / math.sqrt(3)
    return mean - margin, mean + margin


def _coverage_of_three_gaussians(interval: Interval) -> Verdict:
    """How often it holds the mean 0: the share of the sphere, as only the direction of x counts.

    The height over the plane x₁ + x₂ + x₃ = 0 is uniform on a sphere, and by symmetry a sixth of
    the way round suffices.
    """
    height = (np.arange(2000) + 0.5) / 1000 - 1
    angle = (np.arange(60) + 0.5) * math.pi / 180
    flat = np.sqrt(1 - height**2)[:, None]
    plane = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])
    x = height[:, None] / math.sqrt(3) + flat * np.cos(angle) * plane[0][:, None, None]
    x = (x + flat * np.sin(angle) * plane[1][:, None, None]).reshape(3, -1)
    low, high = interval(x)
    covered = round(float(((low <= 0) & (high >= 0)).mean()), 2)
    return Verdict(covered >= 0.95, {"coverage of the 95% interval": covered})


def _of_two_kinds_of_seeds() -> Verdict:
    """Seven seeds in ten end at 500, three at 100: the mean is 380."""
    total = 0.0
    for ends in itertools.product(((0.7, 500.0), (0.3, 100.0)), repeat=3):
        low, high = student_t(np.array([[value] for _, value in ends]))
        total += math.prod(p for p, _ in ends) * float(low[0] <= 380 <= high[0])
    return Verdict(
        total < 0.75, {"coverage of the t interval for seeds that succeed or fail": total}
    )


THREE_SEEDS = Pitfall(
    name="three seeds and a band",
    kind="measurement",
    believed="A 95% bootstrap interval covers the mean in 95 of 100 papers.",
    wrong=bootstrap,
    right=student_t,
    check=_coverage_of_three_gaussians,
    nuance="With many seeds it nearly does; with three it is [min, max]. The t interval keeps its "
    "promise for Gaussian results, and breaks it for seeds that either succeed or fail.",
    half_true=_of_two_kinds_of_seeds,
    sources=(
        "Henderson et al. (2018)",
        "Colas, Sigaud & Oudeyer (2018)",
        "Agarwal et al. (2021)",
        "Patterson et al. (2023)",
    ),
)

Report = Callable[[Floats, Floats], float]


def best_of_them(results: Floats, tested_again: Floats) -> float:
    return float(results.max())


def best_tested_again(results: Floats, tested_again: Floats) -> float:
    return float(tested_again[results.argmax()])


def _three_equal_agents(report: Report) -> Verdict:
    """A test says 100, 300 or 500 with equal probability; the agents are all alike."""
    tests = np.array(list(itertools.product((100.0, 300.0, 500.0), repeat=3)))
    found = float(np.mean([report(once, again) for once in tests for again in tests]))
    return Verdict(abs(found - 300) < 1e-9, {"reported": found, "true": 300})


def _choosing_helps_if_agents_differ() -> Verdict:
    """One agent is worth 200, one 400; a test adds or takes 150."""
    chosen = 0.0
    for noise in itertools.product((-150.0, 150.0), repeat=2):
        chosen += (200.0, 400.0)[int(np.argmax(np.array([200.0, 400.0]) + noise))] / 4
    figures = {"worth of the agent that tests best": chosen, "of a random one": 300}
    return Verdict(chosen > 300, figures)


BEST_OF_K = Pitfall(
    name="best of k",
    kind="measurement",
    believed="The best of my runs shows what the method can do.",
    wrong=best_of_them,
    right=best_tested_again,
    check=_three_equal_agents,
    nuance="To choose the best run is fine, it is likely to be a better one. But the number that "
    "it was chosen by is no longer a measurement: test it again.",
    half_true=_choosing_helps_if_agents_differ,
    sources=("Henderson et al. (2018)", "Patterson et al. (2023)"),
)
