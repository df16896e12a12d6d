"""The twists of the exercises of notebooks 06 to 09 that ask for a function."""

from typing import Any

import numpy as np
from scipy import stats

from pg_edu.base_policy import policy_within_training_step
from pg_edu.course.records import Case
from pg_edu.coursework.twists import (
    ORDER,
    SUMS,
    Function,
    Twist,
    another_function,
    changed_arguments,
    changed_result,
    negated,
)
from pg_edu.coursework.twists_01_to_05 import (
    BACKWARDS_IN_TIME,
    ENDS_IN_CODE,
    FIRST_STEPS,
    NORMALIZED_BATCHES,
    begins,
    centered,
    ends,
)
from pg_edu.types import Floats

# Notebook 06


def _sums_over_minibatches(page: Function) -> Function:
    """Return `learn` with sums in place of means: each step is as many times as long."""

    def learn(logits: Floats, s: Any, a: Any, returns: Any, minibatches: Any, lr: float) -> Floats:
        for rows in minibatches:
            logits = page(logits, s, a, returns, [rows], lr * len(rows))
        return logits

    return learn


WEIGHTED_STEP = (
    negated("costs", "`rewards` holds *costs*: what an arm pays is minus its entry."),
    Twist(
        "a sum",
        "Return the *sum* over the rows, not their mean: an estimate of $N$ times the gradient.",
        lambda page: lambda arms, *others: page(arms, *others) * len(arms),
        "return {page} * len(arms)",
        unfit=SUMS,
    ),
)
LEARN = (
    Twist(
        "sums",
        "Go along the *sum* over the rows of each minibatch, not along the mean.",
        _sums_over_minibatches,
        "def one_step(logits, minibatches, lr):\n"
        "    return {page}\n\n"
        "for rows in minibatches:\n"
        "    logits = one_step(logits, [rows], lr * len(rows))\n"
        "return logits",
        unfit=SUMS,
    ),
    changed_arguments(
        "last minibatch first",
        "Take the minibatches in the *reverse* order: the last one of the list comes first.",
        lambda logits, s, a, returns, minibatches, lr: (
            *(logits, s, a, returns),
            minibatches[::-1],
            lr,
        ),
        "minibatches = minibatches[::-1]",
    ),
    changed_result(
        "rows that sum to 0",
        "After the last step, subtract from each row of the logits its mean, so that it sums to 0. "
        "(The policy stays the same.)",
        centered,
        "(lambda new: new - new.mean(axis=1, keepdims=True))({page})",
    ),
)

# Notebook 07


def _rollouts(policy: Any, collector: Any, updates: int, episodes: int) -> list[Floats]:
    """Run a training loop, and return the returns of the episodes of each iteration.

    Args:
        policy: a `PGPolicy`.
        collector: its `Collector`.
        updates: the number of iterations.
        episodes: how many are collected from each environment.
    """
    found = []
    for _ in range(updates):
        with policy_within_training_step(policy):
            found.append(collector.collect(n_episode=episodes * collector.env_num).returns)
            policy.update(0, collector.buffer, batch_size=None, repeat=1)
        collector.reset_buffer()
    return found


def _lowest_returns(policy: Any, collector: Any, updates: int) -> list[float]:
    return [float(returns.min()) for returns in _rollouts(policy, collector, updates, 1)]


def _two_episodes_each(policy: Any, collector: Any, updates: int) -> list[float]:
    return [float(returns.mean()) for returns in _rollouts(policy, collector, updates, 2)]


LOOP_IN_CODE = """results = []
for _ in range(updates):
    with policy_within_training_step(policy):
        stats = collector.collect(n_episode={episodes})
        policy.update(0, collector.buffer, batch_size=None, repeat=1)
    collector.reset_buffer()
    results.append({result})
return np.array(results)"""


def _loop_in_code(episodes: str, result: str) -> str:
    return LOOP_IN_CODE.replace("{episodes}", episodes).replace("{result}", result)


ACTED = (
    changed_result(
        "where nobody acted",
        "The other way round: return True where nobody acted, and False where a step was taken.",
        np.logical_not,
        "~{page}",
    ),
    changed_arguments(
        "a row for each environment",
        "Both arrays are *transposed*, `[N, T]`: a row for each environment.",
        lambda done: (done.T,),
        "done = done.T",
        cases=lambda done: (done.T,),
        after=lambda result: result.T,
        result="{page}.T",
    ),
)
FAIR_MEAN = (
    Twist(
        "a total",
        "Return the *total* length of the episodes that count, not their mean.",
        lambda page: lambda lengths, n: page(lengths, n) * n,
        "return {page} * n",
        unfit=SUMS,
    ),
    changed_arguments(
        "a column for each environment",
        "`lengths` is *transposed*, `[K, N]`: column $n$ belongs to environment $n$.",
        lambda lengths, n: (lengths.T, n),
        "lengths = lengths.T",
        cases=lambda lengths, n: (lengths.T, n),
    ),
)
FINISHED = (
    changed_arguments(
        "larger number first",
        "Of several episodes that end in the same step, that of the environment with the *larger* "
        "number comes first.",
        lambda rew, done: (rew[:, ::-1], done[:, ::-1]),
        "rew, done = rew[:, ::-1], done[:, ::-1]",
    ),
    changed_result(
        "latest first",
        "Return the list in the *reverse* order: the sum that came last stands first.",
        lambda result: result[::-1],
        "{page}[::-1]",
        ORDER,
    ),
)
LOOP = (
    another_function(
        "the lowest return",
        "Return the *lowest* return of each iteration, not the mean.",
        _lowest_returns,
        _loop_in_code("collector.env_num", "stats.returns.min()"),
    ),
    another_function(
        "two episodes each",
        "Each iteration collects *two* episodes for each environment, twice `collector.env_num` "
        "in one call of `collect`.",
        _two_episodes_each,
        _loop_in_code("2 * collector.env_num", "stats.returns.mean()"),
    ),
)


def _transposed_but_the_first(first: Floats, *others: Floats) -> Case:
    return first, *(other.T for other in others)


TWO_COLUMNS = (
    changed_result(
        "obs_next first",
        "Return `obs_next` *first*, and then `obs`.",
        lambda result: (result[1], result[0]),
        "{page}[::-1]",
        ORDER,
    ),
    changed_arguments(
        "a row for each environment",
        "All arrays but `first` are *transposed*, `[N, T]`, also the two of the result.",
        _transposed_but_the_first,
        "returned, done, final = returned.T, done.T, final.T",
        cases=_transposed_but_the_first,
        after=lambda result: tuple(np.asarray(column).T for column in result),
        result="tuple(column.T for column in {page})",
    ),
)
GREEDY = (
    changed_arguments(
        "the least likely action",
        "The twin always takes the *least* likely action.",
        lambda move, seen, logits: (move, seen, -logits),
        "logits = -logits",
    ),
    changed_result(
        "cells on the way",
        "Return on how many cells the twin has been when it arrives, cell 0 and the exit included, "
        "or 0 if it never arrives.",
        lambda result: result + 1,
        "{page} + 1",
    ),
)
STOP_AND_KEEP = (
    changed_arguments(
        "costs",
        "`tests` and `target` are *costs*: lower is better, in every comparison.",
        lambda tests, target: (-np.asarray(tests), -target),
        "tests, target = -np.asarray(tests), -target",
        cases=lambda tests, target: (-np.asarray(tests), -target),
    ),
    changed_result(
        "another order",
        "Return the two numbers in the *other* order: first after which epoch the kept weights "
        "were tested, and then how many epochs were trained.",
        lambda result: (result[1], result[0]),
        "{page}[::-1]",
        ORDER,
    ),
)

# Notebook 08

BOOTSTRAP = (
    negated(
        "predicted costs",
        "`value` holds predicted *costs*: the value of a state is minus its entry.",
    ),
    changed_arguments(
        "in the way",
        "In place of `clock_is_a_rule` you get `clock_is_in_the_way`, which says the opposite: "
        "True if the clock is *no* rule of the task.",
        lambda terminated, truncated, value, in_the_way: (
            *(terminated, truncated, value),
            not in_the_way,
        ),
        "clock_is_a_rule = not clock_is_in_the_way",
        cases=lambda terminated, truncated, value, rule: (
            *(terminated, truncated, value),
            not rule,
        ),
        renamed={"clock_is_a_rule": "clock_is_in_the_way"},
    ),
    changed_arguments(
        "both flags are a cut",
        "A row with *both* flags was truncated first: count it as truncated.",
        lambda terminated, truncated, *others: (terminated & ~truncated, truncated, *others),
        "terminated = terminated & ~truncated",
    ),
)
BASELINE_ON_RETURNS = (
    changed_arguments(
        "first steps marked",
        FIRST_STEPS,
        lambda rew, first, b: (rew, ends(first), b),
        ENDS_IN_CODE,
        cases=lambda rew, end, b: (rew, begins(end), b),
        renamed={"end": "first"},
    ),
    negated("costs", "`rew` and `b` are *costs*: what is earned is minus the entry."),
    changed_arguments(
        "backwards in time",
        BACKWARDS_IN_TIME + " `end` still marks the last step of an episode in time.",
        lambda rew, end, b: (np.asarray(rew)[::-1], np.asarray(end)[::-1], b),
        "rew, end = rew[::-1], end[::-1]",
        cases=lambda rew, end, b: (np.array(rew)[::-1], np.array(end)[::-1], b),
        after=lambda result: result[::-1],
        result="{page}[::-1]",
    ),
)
GROUPS = (
    changed_arguments(
        "a column for each question",
        "`rewards` is *transposed*, [N, K], and so are the weights: a column for each question.",
        lambda rewards: (rewards.T,),
        "rewards = rewards.T",
        cases=lambda rewards: (rewards.T,),
        after=lambda result: result.T,
        result="{page}.T",
    ),
    negated("costs", "`rewards` holds *costs*: what an answer is worth is minus its entry."),
)
OBJECTIVES = (
    changed_result(
        "another order",
        "Return them in the *reverse* order: the average reward, $J_\\gamma$, $J_1$.",
        lambda result: np.asarray(result)[::-1],
        "np.asarray({page})[::-1]",
        ORDER,
    ),
    changed_result(
        "costs",
        "`rewards` holds *costs*: what a step earns is minus its entry.",
        lambda result: -np.asarray(result),
        "-np.asarray({page})",
    ),
)
ROUND_TRIP = (
    changed_arguments(
        "sides that end there",
        "`field` is the mean update along the side that *ends* at the corner in the same row. (The "
        "side that ends at the first corner begins at the last.)",
        lambda corners, field: (corners, np.roll(field, -1, axis=0)),
        "field = np.roll(field, -1, axis=0)",
        cases=lambda corners, field: (corners, np.roll(field, 1, axis=0)),
    ),
    negated("walked backwards", "The walk goes round the *other* way: along the sides, backwards."),
)
BILL = (
    changed_result(
        "another order",
        "Return them in the order mean squared error, squared bias, noise.",
        lambda result: np.roll(result, 1),
        "np.roll({page}, 1)",
        ORDER,
    ),
    changed_result(
        "lengths",
        "Return the *roots* of the three numbers.",
        lambda result: np.sqrt(result),
        "np.sqrt({page})",
    ),
)

# Notebook 09


def _ninety_percent(values: Floats) -> tuple[float, float]:
    n = len(values)
    low, high = stats.t.interval(0.90, n - 1, np.mean(values), stats.sem(values))
    return float(low), float(high)


def _winsorized(values: Any) -> float:
    k = len(values) // 4
    ordered = np.sort(values)
    return float(np.clip(values, ordered[k], ordered[len(values) - 1 - k]).mean())


def _trimmed_by_a_third(values: Any) -> float:
    return float(stats.trim_mean(values, 1 / 3 + 1e-9))


CENTER_AND_MARGIN = changed_result(
    "center and margin",
    "Return two other numbers: the *center* of the interval and its *margin*, half its length.",
    lambda result: ((result[0] + result[1]) / 2, (result[1] - result[0]) / 2),
    "(lambda low, high: ((low + high) / 2, (high - low) / 2))(*{page})",
)
UPPER_FIRST = changed_result(
    "upper end first",
    "Return the *upper* end first, and then the lower one.",
    lambda result: (result[1], result[0]),
    "{page}[::-1]",
    ORDER,
)

INTERQUARTILE = (
    another_function(
        "a third",
        "Leave out $\\lfloor n/3 \\rfloor$ values at each end, not a quarter.",
        _trimmed_by_a_third,
        "x, k = np.sort(values), len(values) // 3\nreturn np.mean(x[k : len(x) - k])",
    ),
    another_function(
        "winsorized",
        "Leave nothing out: replace each of the $\\lfloor n/4 \\rfloor$ lowest values by the "
        "lowest one that is left, each of the highest by the highest that is left, and average "
        "all $n$.",
        _winsorized,
        "x, n = np.sort(values), len(values)\n"
        "k = n // 4\n"
        "x[:k], x[n - k :] = x[k], x[n - k - 1]\n"
        "return np.mean(x)",
    ),
)
T_INTERVAL = (
    UPPER_FIRST,
    CENTER_AND_MARGIN,
    another_function(
        "90 percent",
        "Return a true *90%* t interval.",
        _ninety_percent,
        "from scipy.special import stdtrit\n\n"
        "n = len(values)\n"
        "margin = stdtrit(n - 1, 0.95) * np.std(values, ddof=1) / np.sqrt(n)\n"
        "return np.mean(values) - margin, np.mean(values) + margin",
    ),
)
EXPECTED_BEST = (
    Twist(
        "the worst",
        "Return the expected *minimum* of the $k$ draws.",
        lambda page: lambda returns, k: -page(-np.asarray(returns), k),
        "returns = -np.asarray(returns)\nreturn -{page}",
    ),
    Twist(
        "above the mean",
        "Return by how much the expected maximum *exceeds* the mean of the results.",
        lambda page: lambda returns, k: page(returns, k) - np.mean(returns),
        "return {page} - np.mean(returns)",
    ),
)
METHOD = (
    changed_arguments(
        "a column for each seed",
        "`returns` is *transposed*: `returns[j, i]` is the return of episode $j$ of the agent with "
        "seed $i$.",
        lambda returns: (returns.T,),
        "returns = returns.T",
        cases=lambda returns: (returns.T,),
    ),
    UPPER_FIRST,
    CENTER_AND_MARGIN,
)
SEEDS = (
    changed_result(
        "both together",
        "Return the number of seeds of *both* methods together.",
        lambda result: 2 * result,
        "2 * {page}",
    ),
    changed_arguments(
        "variances",
        "In place of the two standard deviations you get the two variances, `var_x` and `var_y`.",
        lambda var_x, var_y, *others: (np.sqrt(var_x), np.sqrt(var_y), *others),
        "sigma_x, sigma_y = np.sqrt(var_x), np.sqrt(var_y)",
        cases=lambda sigma_x, sigma_y, *others: (sigma_x**2, sigma_y**2, *others),
        renamed={"sigma_x": "var_x", "sigma_y": "var_y"},
    ),
)

TWISTS: dict[str, tuple[Twist, ...]] = {
    "06.3": WEIGHTED_STEP,
    "06.4": NORMALIZED_BATCHES,
    "06.5": LEARN,
    "07.1": ACTED,
    "07.3": FAIR_MEAN,
    "07.4": FINISHED,
    "07.5": LOOP,
    "07.6": TWO_COLUMNS,
    "07.7": GREEDY,
    "07.8": STOP_AND_KEEP,
    "08.1": BOOTSTRAP,
    "08.4": BASELINE_ON_RETURNS,
    "08.5": GROUPS,
    "08.6": OBJECTIVES,
    "08.7": ROUND_TRIP,
    "08.9": BILL,
    "09.1": INTERQUARTILE,
    "09.3": T_INTERVAL,
    "09.4": EXPECTED_BEST,
    "09.6": METHOD,
    "09.7": SEEDS,
}
