"""The twists of the exercises of notebooks 01 to 05 that ask for a function."""

from collections.abc import Callable
from typing import Any

import numpy as np

from pg_edu.course.records import Case
from pg_edu.coursework.twists import (
    ORDER,
    SUMS,
    Twist,
    another_function,
    changed_arguments,
    changed_result,
    negated,
)
from pg_edu.types import Flags, Floats

LN2 = np.log(2.0)


def begins(end: Flags) -> Flags:
    """Return the flags of the first steps of episodes, given those of the last steps, `[B]`."""
    return np.append(True, np.asarray(end)[:-1])


def ends(first: Flags) -> Flags:
    """Return the flags of the last steps of episodes, given those of the first steps, `[B]`."""
    return np.append(np.asarray(first)[1:], True)


ENDS_IN_CODE = "end = np.append(first[1:], True)"
FIRST_STEPS = (
    "In place of `end` you get `first`, bool `[B]`: True on the *first* step of each episode. The "
    "array begins with the first step of an episode, and with its last row the last episode ends."
)
BACKWARDS_IN_TIME = (
    "All arrays run *backwards* in time: entry 0 is the newest step. So does the result."
)


def centered(logits: Floats) -> Floats:
    """Return logits whose rows sum to 0, `[S, A]`."""
    rows: Floats = logits - logits.mean(axis=1, keepdims=True)
    return rows


# Notebook 01


def _at_temperature_two(logits: Floats, *others: Any) -> Case:
    return logits / 2, *others


SCORE = (
    negated("minus the score", "Return *minus* the score, the direction of a step downhill."),
    changed_arguments(
        "temperature 2",
        "The policy has the temperature 2: it is the softmax of `logits / 2`. The gradient is "
        "still that with respect to `logits`.",
        _at_temperature_two,
        "logits = logits / 2",
        after=lambda result: result / 2,
        result="{page} / 2",
    ),
    changed_arguments(
        "arms from 1",
        "Arms are numbered from 1: `arm` is 1 for the first logit.",
        lambda logits, arm: (logits, arm - 1),
        "arm = arm - 1",
        cases=lambda logits, arm: (logits, arm + 1),
    ),
    changed_result(
        "logarithm to base 2",
        "Take the logarithm to base 2: return the gradient of $\\log_2 \\pi_\\theta(a)$.",
        lambda result: result / LN2,
        "{page} / np.log(2)",
    ),
)
BEST_BASELINE = (
    negated(
        "costs",
        "`rewards` holds *costs*: what an arm pays is minus its entry. Return the baseline that is "
        "best for what the arms pay.",
    ),
    Twist(
        "distance from V",
        "Return by how much the best baseline *exceeds* $V$, the average reward.",
        lambda page: lambda pi, rewards: page(pi, rewards) - pi @ rewards,
        "return {page} - pi @ rewards",
    ),
)
ESTIMATE = (
    negated(
        "costs",
        "`rewards` holds *costs*: what an arm pays is minus its entry. The estimate is that of the "
        "gradient of what is paid on average.",
    ),
    Twist(
        "a sum",
        "Return the *sum* over the pulls, not their mean.",
        lambda page: lambda pi, arms, rewards: page(pi, arms, rewards) * len(arms),
        "return {page} * len(arms)",
        unfit=SUMS,
    ),
    changed_result(
        "temperature 2",
        "The policy has the temperature 2: `pi` is the softmax of half the logits. The gradient is "
        "still that with respect to the logits.",
        lambda result: result / 2,
        "{page} / 2",
    ),
)
BIAS = (
    negated("truth minus expectation", "Return the true gradient *minus* the exact expectation."),
    changed_arguments(
        "half the baseline",
        "The program subtracts only *half* of its number for the arm: its estimate is "
        "$\\big(r(a) - b_a / 2\\big)\\, \\nabla \\log \\pi_\\theta(a)$.",
        lambda pi, rewards, baselines: (pi, rewards, baselines / 2),
        "baselines = baselines / 2",
    ),
)
BASELINE_IN_THE_LOSS = (
    negated(
        "costs",
        "`rewards` and `means` hold *costs*: what an arm pays is minus its entry. Write the loss "
        "that an agent minimizes who wants to pay little.",
    ),
    Twist(
        "a sum",
        "Return the *sum* over the pulls, not their mean.",
        lambda page: lambda *case: page(*case) * len(case[1]),
        "return {page} * len(arms)",
        unfit=SUMS,
    ),
    changed_arguments(
        "temperature 2",
        "The policy, also that of the baseline, has the temperature 2: it is the softmax of "
        "`logits / 2`. The gradient is that with respect to `logits`.",
        _at_temperature_two,
        "logits = logits / 2",
    ),
)
VELOCITY = (
    negated("downhill", "The weights go *downhill*: $w$ follows minus the gradient of $J$."),
    changed_result(
        "learning rate 1/4",
        "The learning rate is 1/4.",
        lambda result: result / 4,
        "{page} / 4",
    ),
    Twist(
        "log-probabilities",
        "Return how fast each arm's *log-probability* moves.",
        lambda page: lambda pi, rewards, features: page(pi, rewards, features) / pi,
        "return {page} / pi",
    ),
)

# Notebook 02


def _without_own_reward(page: Callable[..., Floats]) -> Callable[..., Floats]:
    return lambda rew, gamma: np.append(page(rew, gamma)[1:], 0.0)


ONE_EPISODE = (
    changed_arguments(
        "backwards in time",
        BACKWARDS_IN_TIME,
        lambda rew, gamma: (np.asarray(rew)[::-1], gamma),
        "rew = np.asarray(rew)[::-1]",
        after=lambda result: result[::-1],
        result="{page}[::-1]",
    ),
    negated("costs", "`rew` holds *costs*: what a step earns is minus its entry."),
    Twist(
        "without its own reward",
        "The reward of a step was settled before its action. So leave it out: at step $t$ return "
        "$r_{t+1} + \\gamma\\, r_{t+2} + \\dots$, which is 0 for the last step.",
        _without_own_reward,
        "return np.append({page}[1:], 0.0)",
    ),
    Twist(
        "normalized",
        "Return the *normalized* return, $(1 - \\gamma)\\, G_t$.",
        lambda page: lambda rew, gamma: (1 - gamma) * page(rew, gamma),
        "return (1 - gamma) * {page}",
    ),
)
MANY_EPISODES = (
    changed_arguments(
        "first steps marked",
        FIRST_STEPS,
        lambda rew, first, gamma: (rew, ends(first), gamma),
        ENDS_IN_CODE,
        cases=lambda rew, end, gamma: (rew, begins(end), gamma),
        renamed={"end": "first"},
    ),
    changed_arguments(
        "backwards in time",
        BACKWARDS_IN_TIME + " `end` still marks the last step of an episode in time.",
        lambda rew, end, gamma: (np.asarray(rew)[::-1], np.asarray(end)[::-1], gamma),
        "rew, end = np.asarray(rew)[::-1], np.asarray(end)[::-1]",
        cases=lambda rew, end, gamma: (np.array(rew)[::-1], np.array(end)[::-1], gamma),
        after=lambda result: result[::-1],
        result="{page}[::-1]",
    ),
    negated("costs", "`rew` holds *costs*: what a step earns is minus its entry."),
)
FOUR_ENDS = (
    changed_arguments(
        "predicted costs",
        "The network predicts *costs*: the value of a state is minus its entry in `next_value`.",
        lambda rew, terminated, truncated, v, gamma: (rew, terminated, truncated, -v, gamma),
        "next_value = -next_value",
    ),
    changed_arguments(
        "both flags are a cut",
        "An episode with *both* flags was cut off first: count it as truncated.",
        lambda rew, term, trunc, v, gamma: (rew, term & ~trunc, trunc, v, gamma),
        "terminated = terminated & ~truncated",
    ),
    negated(
        "costs",
        "`rew` and `next_value` hold *costs*. Return the returns of what is earned, minus the "
        "costs.",
    ),
)
RUNNING_STATISTICS_IN_CODE = """normalized, seen = [], []
for returns in batches:
    mean, var = (np.mean(seen), np.var(seen)) if seen else (0.0, 1.0)
    normalized.append({formula})
    seen.extend(returns)
return normalized"""


def _by_earlier_batches(formula: Callable[..., Floats]) -> Callable[..., list[Floats]]:
    """Return a function that applies a formula to the returns, mean and variance of each batch."""

    def normalized(batches: list[Floats]) -> list[Floats]:
        before = [np.concatenate([np.zeros(0), *batches[:k]]) for k in range(len(batches))]
        statistics = [(s.mean(), s.var()) if s.size else (0.0, 1.0) for s in before]
        return [formula(returns, *s) for returns, s in zip(batches, statistics, strict=True)]

    return normalized


NORMALIZED_BATCHES = (
    changed_arguments(
        "newest batch first",
        "The newest batch comes *first* in the list, and so it does in the result.",
        lambda batches: (batches[::-1],),
        "batches = batches[::-1]",
        cases=lambda batches: (batches[::-1],),
        after=lambda result: result[::-1],
        result="{page}[::-1]",
    ),
    another_function(
        "not centered",
        "Divide by the standard deviation, but do *not* subtract the mean. The small number stays "
        "where it is.",
        _by_earlier_batches(lambda returns, mean, var: returns / np.sqrt(var + 1e-8)),
        RUNNING_STATISTICS_IN_CODE.replace("{formula}", "returns / np.sqrt(var + 1e-8)"),
    ),
    changed_result(
        "clipped",
        "Clip the normalized returns to the range from -0.5 to 0.5.",
        lambda result: [np.clip(returns, -0.5, 0.5) for returns in result],
        "[np.clip(returns, -0.5, 0.5) for returns in {page}]",
    ),
)
BLOCKS = (
    changed_arguments(
        "a row for each block",
        "Both arrays are *transposed*, `[K, n]`: block $k$ is row $k$. So is the result.",
        lambda x, decay: (np.asarray(x).T, np.asarray(decay).T),
        "x, decay = x.T, decay.T",
        cases=lambda x, decay: (np.array(x).T, np.array(decay).T),
        after=lambda result: np.asarray(result).T,
        result="{page}.T",
    ),
    changed_arguments(
        "last block first",
        "The *last* block stands in column 0, and the first one in column $K - 1$; so in the "
        "result. Within a column nothing changes.",
        lambda x, decay: (np.asarray(x)[:, ::-1], np.asarray(decay)[:, ::-1]),
        "x, decay = x[:, ::-1], decay[:, ::-1]",
        after=lambda result: np.asarray(result)[:, ::-1],
        result="{page}[:, ::-1]",
    ),
)

# Notebook 03


def _total_at_the_end(r: Floats, end: Flags) -> Floats:
    """Return rewards that are paid at the end of each episode only, `[B]`."""
    number = np.append(0, np.cumsum(end)[:-1])
    return np.where(end, np.bincount(number, weights=r)[number], 0.0)


DISCOUNTED_WEIGHTS = (
    changed_arguments(
        "first steps marked",
        FIRST_STEPS,
        lambda rew, first, gamma: (rew, ends(first), gamma),
        ENDS_IN_CODE,
        cases=lambda rew, end, gamma: (rew, begins(end), gamma),
        renamed={"end": "first"},
    ),
    Twist(
        "one factor more",
        "The first action of an episode is discounted already: write $w_t = \\gamma^{t+1}\\, G_t$.",
        lambda page: lambda rew, end, gamma: gamma * page(rew, end, gamma),
        "return gamma * {page}",
    ),
)
UNBIASED_LOSS = (
    negated("costs", "`returns` holds *costs*: each return is minus its entry."),
    Twist(
        "a sum",
        "The gradient of the loss is to be minus the *sum* of the estimates of the single "
        "episodes, not minus their mean.",
        lambda page: lambda log_prob, returns, end: page(log_prob, returns, end) * end.sum(),
        "return {page} * end.sum()",
        unfit=SUMS,
    ),
)
ADVANTAGE = (
    negated("value above return", "Return by how much the *value* is above the return."),
    changed_arguments(
        "backwards in time",
        BACKWARDS_IN_TIME,
        lambda rew, V: (np.asarray(rew)[::-1], np.asarray(V)[::-1]),
        "rew, V = rew[::-1], V[::-1]",
        after=lambda result: result[::-1],
        result="{page}[::-1]",
    ),
)
UPDATE = (
    changed_arguments(
        "the total",
        "*No* reward-to-go: the weight of each step is the total reward of its episode.",
        lambda logits, s, a, r, end, lr: (logits, s, a, _total_at_the_end(r, end), end, lr),
        "number = np.append(0, np.cumsum(end)[:-1])\n"
        "r = np.where(end, np.bincount(number, weights=r)[number], 0.0)",
    ),
    changed_result(
        "rows that sum to 0",
        "After the step, subtract from each row of the logits its mean, so that it sums to 0. (The "
        "policy stays the same.)",
        centered,
        "(lambda new: new - new.mean(axis=1, keepdims=True))({page})",
    ),
)
FEE = (
    changed_arguments(
        "a bonus",
        "The courier is *paid* for being predictable: step $t$ pays "
        "$r_t + c\\, \\pi_\\theta(a_t \\mid s_t)$.",
        lambda rew, prob, c: (rew, prob, -c),
        "c = -c",
    ),
    changed_arguments(
        "backwards in time",
        BACKWARDS_IN_TIME,
        lambda rew, prob, c: (np.asarray(rew)[::-1], np.asarray(prob)[::-1], c),
        "rew, prob = rew[::-1], prob[::-1]",
        after=lambda result: result[::-1],
        result="{page}[::-1]",
    ),
)
TABLE_GRADIENT = (
    negated("costs", "`Q` holds expected *costs*: the value of an action is minus its entry."),
    changed_result(
        "transposed",
        "Return the gradient *transposed*, `[A, O]`: a row for each action.",
        lambda result: result.T,
        "{page}.T",
    ),
)
THREE_LAWS = (
    changed_result(
        "squared lengths",
        "Return the *squared* lengths of the differences.",
        lambda result: np.asarray(result) ** 2,
        "np.asarray({page}) ** 2",
    ),
    changed_result(
        "another order",
        "Return the laws in the order batch size, scale, shift.",
        lambda result: np.asarray(result)[::-1],
        "np.asarray({page})[::-1]",
        ORDER,
    ),
)

# Notebook 04

GAUSSIAN = (
    changed_result(
        "logarithm to base 2",
        "Return the logarithm to base 2.",
        lambda result: result / LN2,
        "{page} / np.log(2)",
    ),
    changed_arguments(
        "variances",
        "In place of `scale` you get `variance`, the squares of the standard deviations.",
        lambda loc, variance, act: (loc, np.sqrt(variance), act),
        "scale = np.sqrt(variance)",
        renamed={"scale": "variance"},
        cases=lambda loc, scale, act: (loc, np.square(scale), act),
    ),
    negated("minus the log-probability", "Return *minus* the log-probability."),
)
WEIGHT_OF_A_REWARD = (
    changed_arguments(
        "steps from 1",
        "Steps are counted from 1: `k` is 1 for the first reward.",
        lambda k, gamma: (k - 1, gamma),
        "k = k - 1",
        cases=lambda k, gamma: (k + 1, gamma),
    ),
    Twist(
        "a mean",
        "Return the weight of $r_k$ in the *mean* of the returns $G_0, \\dots, G_k$, not in their "
        "sum.",
        lambda page: lambda k, gamma: page(k, gamma) / (k + 1),
        "return {page} / (k + 1)",
        unfit=SUMS,
    ),
)
COLUMNS = (
    Twist(
        "a sum",
        "Return minus the *sum* over the $B$ steps, not minus the mean.",
        lambda page: lambda logits, act, returns: page(logits, act, returns) * len(act),
        "return {page} * len(act)",
        unfit=SUMS,
    ),
    negated("costs", "`returns` holds *costs*: each return is minus its entry."),
    changed_arguments(
        "temperature 2",
        "The policy has the temperature 2: its distribution has the logits `logits / 2`. The "
        "gradient is still that with respect to `logits`.",
        _at_temperature_two,
        "logits = logits / 2",
    ),
)
SIGNAL = (
    changed_arguments(
        "counts",
        "In place of `probability` you get `count`: how often each estimate has occurred. Its "
        "probability is its share of all counts.",
        lambda estimates, count: (estimates, count / np.sum(count)),
        "probability = count / count.sum()",
        cases=lambda estimates, probability: (estimates, 40 * np.asarray(probability)),
        renamed={"probability": "count"},
    ),
    changed_result("squared", "Return the *square* of the ratio.", np.square, "{page} ** 2"),
)
GROWTH = (
    changed_result(
        "the other way round",
        "The other way round: return how many times as many elements the largest operand has as "
        "the *result*.",
        lambda result: 1 / result,
        "1 / {page}",
    ),
    changed_result(
        "whether it is refused",
        "Return True if the guard refuses the operation, and otherwise False.",
        lambda result: result > 1,
        "{page} > 1",
    ),
)

# Notebook 05

CENTER_IN_CODE = "low, high = center - half, center + half"
CENTER = (
    "In place of `low` and `high` you get `center` and `half`, both `[A]`: the range is from "
    "`center - half` to `center + half`."
)
CENTER_NAMES = {"low": "center", "high": "half"}


def _from_center(first: Floats, center: Floats, half: Floats) -> Case:
    return first, center - half, center + half


def _to_center(first: Floats, low: Floats, high: Floats) -> Case:
    low, high = np.asarray(low, float), np.asarray(high, float)
    return first, low / 2 + high / 2, high / 2 - low / 2


TO_MOTOR = (
    changed_arguments(
        "center and half range",
        CENTER,
        _from_center,
        CENTER_IN_CODE,
        cases=_to_center,
        renamed=CENTER_NAMES,
    ),
    changed_arguments(
        "mounted the wrong way",
        "The motor is mounted the other way round: a large positive raw action leads to `low`, a "
        "large negative one to `high`.",
        lambda u, low, high: (-np.asarray(u), low, high),
        "u = -u",
    ),
    another_function(
        "clipped",
        "Bound with *clip* to the range from -1 to 1, not with tanh.",
        lambda u, low, high: low + (np.clip(u, -1.0, 1.0) + 1) / 2 * (high - low),
        "return low + (np.clip(u, -1, 1) + 1) / 2 * (high - low)",
    ),
)
FROM_MOTOR = (
    changed_arguments(
        "center and half range",
        CENTER,
        _from_center,
        CENTER_IN_CODE,
        cases=_to_center,
        renamed=CENTER_NAMES,
    ),
    negated(
        "mounted the wrong way",
        "The motor is mounted the other way round: the raw action is bounded, multiplied by -1, "
        "and then scaled.",
    ),
)
GRADIENT_BY_MU = (
    negated("costs", "`motor` returns *costs*: each reward is minus what it returns."),
    another_function(
        "by log sigma",
        "Return the gradient with respect to $\\log \\sigma$, not to $\\mu$.",
        lambda u, mu, sigma, motor: np.mean(
            motor(2 * np.clip(u, -1, 1)) * (((u - mu) / sigma) ** 2 - 1)
        ),
        "rewards = motor(2 * np.clip(u, -1, 1))\n"
        "return np.mean(rewards * (((u - mu) / sigma) ** 2 - 1))",
    ),
    changed_arguments(
        "half the range",
        "The motor takes only -1 to 1: the environment action is the clipped action, *not* twice "
        "that.",
        lambda u, mu, sigma, motor: (u, mu, sigma, lambda action: motor(action / 2)),
        "full = motor\nmotor = lambda action: full(action / 2)",
    ),
)
VALVE = (
    changed_arguments(
        "opens at 1",
        "The valve opens from *1* on: $v = \\max(u - 1, 0)$.",
        lambda u, mu, sigma: (u - 1, mu - 1, sigma),
        "u, mu = u - 1, mu - 1",
    ),
    changed_arguments(
        "opens downwards",
        "The valve is closed for $u \\ge 0$ and opens *below* 0: $v = \\min(u, 0)$.",
        lambda u, mu, sigma: (-np.asarray(u), -mu, sigma),
        "u, mu = -u, -mu",
        after=lambda result: -result,
        result="-{page}",
    ),
)
TORQUE = (
    changed_result(
        "logarithm to base 2",
        "Return the logarithm to base 2.",
        lambda result: result / LN2,
        "{page} / np.log(2)",
    ),
    negated("minus the log-probability", "Return *minus* the log-probability."),
)

TWISTS: dict[str, tuple[Twist, ...]] = {
    "01.1": SCORE,
    "01.3": BEST_BASELINE,
    "01.4": ESTIMATE,
    "01.5": BIAS,
    "01.6": BASELINE_IN_THE_LOSS,
    "01.7": VELOCITY,
    "02.1": ONE_EPISODE,
    "02.2": MANY_EPISODES,
    "02.3": FOUR_ENDS,
    "02.5": NORMALIZED_BATCHES,
    "02.6": BLOCKS,
    "03.1": DISCOUNTED_WEIGHTS,
    "03.3": UNBIASED_LOSS,
    "03.4": ADVANTAGE,
    "03.5": UPDATE,
    "03.6": FEE,
    "03.7": TABLE_GRADIENT,
    "03.8": THREE_LAWS,
    "04.2": GAUSSIAN,
    "04.3": WEIGHT_OF_A_REWARD,
    "04.4": COLUMNS,
    "04.5": SIGNAL,
    "04.6": GROWTH,
    "05.1": TO_MOTOR,
    "05.2": FROM_MOTOR,
    "05.3": GRADIENT_BY_MU,
    "05.5": VALVE,
    "05.6": TORQUE,
}
