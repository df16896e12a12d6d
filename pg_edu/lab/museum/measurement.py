"""The agent is fine, but the report measures something else."""

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from pg_edu.lab.exact.tasks import NEVER, short_corridor
from pg_edu.lab.museum.measuring import THREE_ARMS
from pg_edu.lab.museum.pitfall import Pitfall, Verdict
from pg_edu.stats import RunningMeanStd
from pg_edu.types import Floats

# choose(lengths [environments, episodes]) -> the lengths that are reported.
EpisodeChoice = Callable[[Floats], Floats]


def first_to_finish(lengths: Floats) -> Floats:
    finished = lengths.cumsum(axis=1).argsort(axis=None, kind="stable")  # [environments, episodes]
    return lengths.ravel()[finished[: len(lengths)]]


def one_of_each(lengths: Floats) -> Floats:
    return lengths[:, 0]


def _mean_length(choose: EpisodeChoice, envs: int = 8, each: int = 8, long: float = 100.0) -> float:
    """Return E[mean of the chosen lengths], where a length is 10 or `long` with probability 1/2.

    Environment i has kᵢ short episodes and then a long one; later episodes end too late to be
    chosen. The sum runs over every multiset {kᵢ}, with the probability of all its orders.
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


def _eight_of_eight(choose: EpisodeChoice) -> Verdict:
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
    nuance="They are if all episodes have the same length. Otherwise short episodes finish first, "
    "and where longer is better the agent looks worse than it is.",
    half_true=_equal_lengths,
    sources=("notebook 07",),
)

# tested(logits) -> the logits of the policy that is tested.
TestedLogits = Callable[[Floats], Floats]


def greedy(logits: Floats) -> Floats:
    return np.where(logits == logits.max(), 0.0, NEVER)


def as_trained(logits: Floats) -> Floats:
    return logits


def _short_corridor(tested: TestedLogits) -> Verdict:
    """Test the best policy, with at most 100 steps."""
    logits = np.log([[math.sqrt(2) - 1, 2 - math.sqrt(2)]])
    task = replace(short_corridor(), limit=100)
    found = task.at(tested(logits)).J()
    trained = task.at(logits).J()
    return Verdict(abs(found - trained) < 1e-9, {"return": found, "of the trained policy": trained})


def _it_can_be_worse_or_better() -> Verdict:
    early = THREE_ARMS
    late = THREE_ARMS.at([[0.5, -0.3, 1.5]])
    gain_early = early.at(greedy(early.logits)).J() - early.J()
    gain_late = late.at(greedy(late.logits)).J() - late.J()
    figures = {
        "what argmax gains on a bandit, early in training": gain_early,
        "what it gains once the best arm is the most likely": gain_late,
    }
    return Verdict(gain_early < 0 < gain_late, figures)


ARGMAX = Pitfall(
    name="argmax is the agent",
    kind="measurement",
    believed="The mode of a policy is the policy without its randomness.",
    wrong=greedy,
    right=as_trained,
    check=_short_corridor,
    nuance="It is another policy, which may be worse or better. On a bandit it is better once the "
    "best arm is the most likely; where states look alike, only a random policy may reach the "
    "goal.",
    half_true=_it_can_be_worse_or_better,
    sources=(
        "Sutton & Barto (2018), example 13.1",
        "Singh, Jaakkola & Jordan (1994)",
        "notebook 07",
    ),
)

# interval(results of three seeds [3, ...]) -> its lower and upper ends, [...].
IntervalMethod = Callable[[Floats], tuple[Floats, Floats]]


def bootstrap(x: Floats) -> tuple[Floats, Floats]:
    means = np.array([x[list(rows)].mean(axis=0) for rows in itertools.product(range(3), repeat=3)])
    low, high = np.quantile(means, [0.025, 0.975], axis=0, method="inverted_cdf")
    return low, high


def student_t(x: Floats) -> tuple[Floats, Floats]:
    mean = x.mean(axis=0)
    margin = 4.3027 * x.std(axis=0, ddof=1) / math.sqrt(3)
    return mean - margin, mean + margin


def _coverage_of_three_gaussians(interval: IntervalMethod) -> Verdict:
    """Compute how often the interval covers the mean 0: an area on the sphere of directions of x.

    Only the direction of x matters. On a sphere the height above the plane x₁ + x₂ + x₃ = 0 is
    uniformly distributed, and by symmetry a sixth of the full circle suffices.
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
    """Compute the coverage if 70% of seeds end at 500 and 30% at 100, so that the mean is 380."""
    total = 0.0
    for seeds in itertools.product(((0.7, 500.0), (0.3, 100.0)), repeat=3):
        low, high = student_t(np.array([[result] for _, result in seeds]))
        total += math.prod(p for p, _ in seeds) * float(low[0] <= 380 <= high[0])
    figures = {"coverage of the t interval for seeds that succeed or fail": total}
    return Verdict(total < 0.75, figures)


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

# score(results [agents], the same agents tested again [agents]) -> what is reported.
ReportedScore = Callable[[Floats, Floats], float]


def best_of_them(results: Floats, tested_again: Floats) -> float:
    return float(results.max())


def best_tested_again(results: Floats, tested_again: Floats) -> float:
    return float(tested_again[results.argmax()])


def _three_equal_agents(score: ReportedScore) -> Verdict:
    """Report on three equal agents; a test shows 100, 300 or 500 with equal probability."""
    tests = np.array(list(itertools.product((100.0, 300.0, 500.0), repeat=3)))
    found = float(np.mean([score(once, again) for once in tests for again in tests]))
    return Verdict(abs(found - 300) < 1e-9, {"reported": found, "true": 300})


def _choosing_helps_if_agents_differ() -> Verdict:
    """Choose between an agent worth 200 and one worth 400; a test adds or subtracts 150."""
    worth = np.array([200.0, 400.0])
    expected = 0.0
    for errors in itertools.product((-150.0, 150.0), repeat=2):
        best = np.argmax(worth + errors)
        expected += float(worth[best]) / 4
    figures = {"worth of the agent that tests best": expected, "of a random one": 300}
    return Verdict(expected > 300, figures)


BEST_OF_K = Pitfall(
    name="best of k",
    kind="measurement",
    believed="The best of my runs shows what the method can do.",
    wrong=best_of_them,
    right=best_tested_again,
    check=_three_equal_agents,
    nuance="Choosing the best run is fine: it is likely to be a better one. But the number that it "
    "was chosen by is no longer an unbiased measurement, so test it again.",
    half_true=_choosing_helps_if_agents_differ,
    sources=("Henderson et al. (2018)", "Patterson et al. (2023)"),
)

# seeds(n) -> the seeds with which n test episodes are reset.
SeedChoice = Callable[[int], list[int]]


def one_seed(n: int) -> list[int]:
    return [0 for _ in range(n)]


def a_seed_each(n: int) -> list[int]:
    return [*range(n)]


def _five_tests(seeds: SeedChoice) -> Verdict:
    """Compute the variance of a mean of 5 tests; each seed stands for a return of 0 or 1."""
    returns = np.array([*itertools.product((0.0, 1.0), repeat=5)])
    found = float(returns[:, seeds(5)].mean(axis=1).var())
    figures = {"variance of the mean of 5 tests": found, "of 5 episodes": 0.25 / 5}
    return Verdict(abs(found - 0.25 / 5) < 1e-12, figures)


def _the_same_seeds_for_both_agents() -> Verdict:
    """Compare two agents of which the second earns .1 more in every episode, on 4 seeds each."""
    draws = np.array([*itertools.product((0.0, 1.0), repeat=8)])
    first, second = draws[:, :4].mean(axis=1), 0.1 + draws[:, 4:].mean(axis=1)
    figures = {
        "variance of the difference of two agents, other seeds": float((second - first).var()),
        "the same seeds": float((0.1 + first - first).var()),
    }
    unequal, equal = figures.values()
    return Verdict(equal < 1e-12 < unequal, figures)


RESEEDED = Pitfall(
    name="reset with one seed",
    kind="measurement",
    believed="For a reproducible test, reset every episode with seed=0.",
    wrong=one_seed,
    right=a_seed_each,
    check=_five_tests,
    nuance="Then all start alike, and where the environment draws all the chance there is, many "
    "tests are one. The same list of seeds for two agents is a good idea: it makes their "
    "difference more exact.",
    half_true=_the_same_seeds_for_both_agents,
    sources=("Gymnasium's documentation of Env.reset", "notebook 09"),
)

# see(statistics, obs [1]) -> the observation that the tested policy sees, [1].
Sight = Callable[[RunningMeanStd, Floats], Any]


def updated_in_the_test(statistics: RunningMeanStd, obs: Floats) -> Any:
    statistics.update(obs)
    return (obs - statistics.mean) / np.sqrt(statistics.var)


def frozen_in_the_test(statistics: RunningMeanStd, obs: Floats) -> Any:
    return (obs - statistics.mean) / np.sqrt(statistics.var)


def _tested(see: Sight, trained_on: int, tests: int) -> tuple[float, float]:
    """Return the mean success of an agent in tests that begin with 1, and the mean it keeps.

    Its training showed -1 and 1 equally often. The action is right with probability
    1 / (1 + exp(-4 x)), where x is what the policy sees.
    """
    statistics = RunningMeanStd()
    statistics.update(np.tile([-1.0, 1.0], trained_on // 2))
    seen = [float(see(statistics, np.ones(1))[0]) for _ in range(tests)]
    return float(np.mean([1 / (1 + math.exp(-4 * x)) for x in seen])), float(statistics.mean)


def _a_hundred_tests(see: Sight) -> Verdict:
    (found, kept), trained = _tested(see, 100, 100), 1 / (1 + math.exp(-4))
    figures = {
        "reported success": found,
        "of the trained policy": trained,
        "mean for the training after it": kept,
    }
    return Verdict(abs(found - trained) < 1e-12 and kept == 0, figures)


def _after_a_million_observations() -> Verdict:
    found, _ = _tested(updated_in_the_test, 1_000_000, 100)
    error = abs(found - 1 / (1 + math.exp(-4)))
    return Verdict(error < 1e-5, {"error after a million observations in training": error})


MOVING_STATISTICS = Pitfall(
    name="moving observation statistics",
    kind="measurement",
    believed="The running mean of observations may go on running in a test.",
    wrong=updated_in_the_test,
    right=frozen_in_the_test,
    check=_a_hundred_tests,
    nuance="After long training a short test hardly moves it. If not, and if tests begin "
    "elsewhere, each test changes the policy that is tested next, and the training after it.",
    half_true=_after_a_million_observations,
    sources=("Gymnasium's documentation of NormalizeObservation",),
)
