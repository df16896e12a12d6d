"""Which of the known estimators is this one? It is compared with them, batch by batch.

An estimator is a choice of weights and of an average, so the known ones are all pairs of one of the
`WEIGHTS` and one of the `AVERAGES`. Two estimators whose values on some forty batches are equal up
to one factor are taken to be the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from pg_edu.lab.exact import estimators as known
from pg_edu.lab.exact.mdp import MDP, Episodes, Estimator
from pg_edu.returns import discounted_returns
from pg_edu.types import Floats

BATCHES = 4  # of each size, for each task
SIZES = (2, 3)
SAME = 1e-5  # a larger share of |g| that is left over is a difference

MakeWeights = Callable[[Episodes, float], known.Weights]


def _of_each(change: Callable[[Floats], Floats]) -> MakeWeights:
    """Return the weights that `change` makes of the rewards-to-go of each episode."""
    return lambda batch, gamma: [change(w) for w in known.reward_to_go(batch, gamma)]


def _from_the_wrong_end(batch: Episodes, gamma: float) -> known.Weights:
    """Return wₜ = rₜ + γ rₜ₋₁ + ..., the sum of the rewards so far."""
    return [discounted_returns(e.rew[::-1], e.end[::-1] * 0, gamma)[::-1] for e in batch]


def _into_the_next(batch: Episodes, gamma: float) -> known.Weights:
    """Return the returns of all episodes as if they were one."""
    rewards = np.concatenate([e.rew for e in batch])
    returns = discounted_returns(rewards, np.zeros(len(rewards), bool), gamma)
    return np.split(returns, np.cumsum([len(e) for e in batch])[:-1])


WEIGHTS: dict[str, MakeWeights] = {
    "reward-to-go": known.reward_to_go,
    "the episode's total return": known.total_return,
    "reward-to-go minus the others' mean": lambda b, g: known.minus_leave_one_out(
        known.reward_to_go(b, g)
    ),
    "γᵗ times reward-to-go": lambda b, g: known.times_gamma_t(known.reward_to_go(b, g), g),
    "the immediate reward": lambda b, g: known.reward_to_go(b, 0.0),
    "undiscounted rewards": lambda b, g: known.reward_to_go(b, 1.0),
    "rewards discounted twice": lambda b, g: known.reward_to_go(b, g**2),
    "the rewards so far, from the wrong end": _from_the_wrong_end,
    "returns that go on into the next episode": _into_the_next,
    "returns without their own reward": lambda b, g: [
        w - e.rew for w, e in zip(known.reward_to_go(b, g), b, strict=True)
    ],
    "no returns": _of_each(np.ones_like),
    "returns without their sign": _of_each(np.abs),
    "squared returns": _of_each(np.square),
    "returns cut to integers": _of_each(np.trunc),
    "returns clipped to [-1, 1]": _of_each(lambda w: np.clip(w, -1, 1)),
    "positive returns alone": _of_each(lambda w: np.maximum(w, 0)),
    "the last step alone": _of_each(lambda w: np.where(np.arange(len(w)) == len(w) - 1, w, 0)),
    "the first step alone": _of_each(lambda w: np.where(np.arange(len(w)) == 0, w, 0)),
    "returns standardized per episode": lambda b, g: known.standardized_per_episode(
        known.reward_to_go(b, g)
    ),
    "returns standardized per batch": lambda b, g: known.standardized_per_batch(
        known.reward_to_go(b, g)
    ),
    "returns minus the mean over steps": lambda b, g: known.minus_batch_mean(
        known.reward_to_go(b, g)
    ),
    "returns minus their own mean at each time": lambda b, g: known.minus_time_mean(
        known.reward_to_go(b, g)
    ),
    "returns minus the mean of the alive": lambda b, g: known.minus_alive_mean(
        known.reward_to_go(b, g)
    ),
    "returns minus the others' mean, steps dropped": lambda b, g: (
        known.minus_leave_one_out_dropping(known.reward_to_go(b, g))
    ),
}
RIGHT_WEIGHTS = (
    "reward-to-go",
    "the episode's total return",
    "reward-to-go minus the others' mean",
)
AVERAGES: dict[str, Callable[[Episodes, known.Weights], Floats]] = {
    "summed over an episode": known.sum_per_episode,
    "averaged over all steps, as .mean() does": known.mean_over_steps,
    "averaged over each episode's steps": known.mean_per_episode,
    "summed over the batch": lambda b, w: len(b) * known.sum_per_episode(b, w),
    "with every return on every step, [B, 1] * [B]": known.broadcast,
}


@dataclass(frozen=True)
class Match:
    """The answer of `identify`: what was found out about an estimator.

    Args:
        text: what it does, in a sentence; "" if it is like none of the known ones.
        is_right: whether that is an unbiased estimate of the gradient.
    """

    text: str
    is_right: bool = False


NONE = "It is none of the known estimators."


def identify(estimator: Estimator, tasks: Mapping[str, MDP], gamma: float) -> Match:
    """Say which known estimator this is.

    Args:
        estimator: a function of a batch of episodes that returns an array [O, A].
        tasks: small MDPs by name.
        gamma: the discount factor with which it computes its returns.

    Example:
        >>> from pg_edu.lab.exact.laws import TASKS
        >>> print(identify(known.WRONG["mean over steps"], TASKS, 1.0).text)
        It is reward-to-go, averaged over all steps, as .mean() does.
    """
    batches = [batch for task in tasks.values() for batch in _some_batches(task)]
    seen = _values(estimator, batches)
    if not np.isfinite(seen).all():
        return Match("")
    again = _values(estimator, batches)
    if _left_over(again, seen) > SAME:
        return Match(_unlike_itself(estimator, batches[0]))
    return _known(seen, batches, gamma) or _with_a_constant(estimator, seen, batches, gamma)


def _some_batches(task: MDP) -> list[Episodes]:
    """Draw batches of two and of three episodes, with rewards of no special form.

    With batches of one size alone, an own mean would look like that of the others, times a number.
    """
    rng = np.random.default_rng(0)
    batches = [task.sample(n, rng) for n in SIZES for _ in range(BATCHES)]
    # 1.3 and 0.37 make rewards that are no integers; otherwise cutting them would change nothing.
    return [
        [replace(e, rew=1.3 * e.rew - 0.37 + 0.11 * np.arange(len(e))) for e in batch]
        for batch in batches
    ]


def _values(estimator: Estimator, batches: list[Episodes]) -> Floats:
    return np.concatenate([np.asarray(estimator(batch), np.float64).ravel() for batch in batches])


def _left_over(seen: Floats, expected: Floats) -> float:
    """Return the share of |seen| that is no positive multiple of what was expected."""
    size = float(np.linalg.norm(seen))
    length = float(np.dot(expected, expected))
    if size == 0.0 or length == 0.0:
        return float(size != length)
    factor = max(0.0, float(np.dot(seen, expected)) / length)
    return float(np.linalg.norm(seen - factor * expected)) / size


def _unlike_itself(estimator: Estimator, batch: Episodes) -> str:
    """Say how an estimator answers that gives different values for the same batch."""
    first, second, third = (_values(estimator, [batch]) for _ in range(3))
    steps = second - first, third - second
    if np.allclose(steps[0], steps[1], atol=1e-6) and np.abs(steps[0]).max() > 1e-6:
        return (
            "The same batch gives another update each time, larger by the same amount: gradients "
            "add up (zero_grad is missing)."
        )
    return (
        "The same batch gives another update the second time: rows in random order or drawn again, "
        "or something that is kept from batch to batch (statistics, momentum, gradients)."
    )


def _known(seen: Floats, batches: list[Episodes], gamma: float) -> Match | None:
    """Return the first of the known estimators that this one is like."""
    if not seen.any():
        return Match("It is 0 for every batch: the loss is cut off from the parameters.")
    for of_weights, make in WEIGHTS.items():
        weights = [make(batch, gamma) for batch in batches]
        for of_average, average in AVERAGES.items():
            pairs = zip(batches, weights, strict=True)
            expected = np.concatenate([average(b, w).ravel() for b, w in pairs])
            is_right = of_weights in RIGHT_WEIGHTS and of_average == "summed over an episode"
            if _left_over(seen, expected) <= SAME:
                return Match(f"It is {of_weights}, {of_average}.", is_right)
            if _left_over(seen, -expected) <= SAME:
                return Match(f"It is minus {of_weights}, {of_average}: the sign is wrong.")
    return None


def _with_a_constant(
    estimator: Estimator, seen: Floats, batches: list[Episodes], gamma: float
) -> Match:
    """Tell an estimator with a part that does not depend on rewards: g(c r) = c g(r) + rest."""
    without = _values(estimator, _scaled(batches, 0.0))
    doubled = _values(estimator, _scaled(batches, 2.0))
    if not without.any() or _left_over(doubled - without, 2 * (seen - without)) > 10 * SAME:
        return Match("")
    of_rewards = _known(seen - without, batches, gamma)
    if of_rewards is None:
        return Match("")
    rest = (
        "and a part that does not depend on rewards (a constant baseline, an entropy bonus, or "
        "weight decay)"
    )
    return Match(f"{of_rewards.text.rstrip('.')}, {rest}.", of_rewards.is_right)


def _scaled(batches: list[Episodes], factor: float) -> list[Episodes]:
    return [[replace(e, rew=factor * e.rew) for e in batch] for batch in batches]
