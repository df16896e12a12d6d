"""The exercises of notebook 02, returns: answers, cases, and known mistakes."""

import numpy as np
from numpy.typing import ArrayLike

from pg_edu.course import Exercise
from pg_edu.course.shared import flags, normalized_by_earlier_batches
from pg_edu.returns import discounted_returns
from pg_edu.stats import RunningMeanStd
from pg_edu.types import Flags, Floats


def _of_one_episode(rew: Floats, gamma: float) -> Floats:
    return discounted_returns(rew, np.arange(len(rew)) == len(rew) - 1, gamma)


def _without_the_unfinished(rew: Floats, end: Flags, gamma: float) -> Floats:
    finished = np.arange(len(end)) <= np.flatnonzero(end).max(initial=-1)
    return np.where(finished, discounted_returns(rew, end, gamma), 0.0)


def _last_reward_dropped(rew: Floats, end: Flags, gamma: float) -> Floats:
    return discounted_returns(np.where(end, 0.0, rew), end, gamma)


def _truncated_or_terminated(
    rew: Floats, terminated: Flags, truncated: Flags, next_value: Floats, gamma: float
) -> Floats:
    value = np.where(terminated, 0.0, next_value)
    return discounted_returns(rew, terminated | truncated, gamma, value)


def _with_this_batch_in_the_statistics(batches: list[Floats]) -> list[Floats]:
    seen = RunningMeanStd()
    normalized = []
    for returns in batches:
        seen.update(returns)
        normalized.append((returns - seen.mean) / np.sqrt(seen.var + 1e-8))
    return normalized


def _with_the_last_batch_alone(batches: list[Floats]) -> list[Floats]:
    before = [(0.0, 1.0)] + [(returns.mean(), returns.var()) for returns in batches]
    pairs = zip(batches, before[:-1], strict=True)
    return [(returns - mean) / np.sqrt(var + 1e-8) for returns, (mean, var) in pairs]


def _divided_by_the_variance(batches: list[Floats]) -> list[Floats]:
    seen = RunningMeanStd()
    normalized = []
    for returns in batches:
        normalized.append((returns - seen.mean) / (seen.var + 1e-8))
        seen.update(returns)
    return normalized


def _as_dtype_of_rewards(returns: Floats, rew: ArrayLike) -> Floats:
    return returns.astype(np.asarray(rew).dtype)


EXERCISES = [
    Exercise(
        "02.1",
        hint="Start with the last reward and go backwards: the return of a step is its reward "
        "plus gamma times the return of the next step.",
        key=_of_one_episode,
        cases=[
            (np.array([1.0]), 0.5),
            (np.array([2.0, 0.0, 4.0]), 0.5),
            (np.array([1, 1, 1]), 0.5),
            (np.arange(5.0), 1.0),
        ],
        mistakes={
            "The step's own reward is missing: it came after the action of that step.": (
                lambda rew, gamma: np.append(_of_one_episode(rew, gamma)[1:], 0.0)
            ),
            "The step's own reward counts in full; the discount begins with the next one.": (
                lambda rew, gamma: gamma * _of_one_episode(rew, gamma)
            ),
            "These are sums of the rewards before each step, not of those after it.": (
                lambda rew, gamma: _of_one_episode(rew[::-1], gamma)[::-1]
            ),
            "The rewards are added without a discount.": (
                lambda rew, gamma: _of_one_episode(rew, 1.0)
            ),
            "The discount counts from the start of the episode; it must count from step t.": (
                lambda rew, gamma: gamma ** np.arange(len(rew)) * _of_one_episode(rew, gamma)
            ),
            "Every step got the return of the first one; the sum of each step begins at that "
            "step.": (lambda rew, gamma: np.full(len(rew), _of_one_episode(rew, gamma)[0])),
            "Discounted integer rewards are not integers: give the result a float dtype.": (
                lambda rew, gamma: _as_dtype_of_rewards(_of_one_episode(rew, gamma), rew)
            ),
        },
    ),
    Exercise(
        "02.2",
        hint="Go backwards as before. Where end[t] is True, nothing follows step t, so reset "
        "the running return to 0 before you use it.",
        key=discounted_returns,
        cases=[
            (np.array([1.0, 1.0, 1.0]), flags(0, 0, 1), 0.5),
            (np.array([1.0, 0.0, 4.0, 1.0, 1.0]), flags(0, 0, 1, 0, 1), 0.5),
            (np.array([1, 1, 1]), flags(0, 0, 1), 0.5),
            (np.array([1.0, 2.0, 4.0, 4.0]), flags(0, 1, 0, 0), 0.5),
        ],
        mistakes={
            "The second episode leaks into the first: the flags are not used.": (
                lambda rew, end, gamma: _of_one_episode(rew, gamma)
            ),
            "The flag is read one step too late: reset the running return before you compute the "
            "last step of an episode, not after it.": (
                lambda rew, end, gamma: discounted_returns(rew, np.append(end[1:], True), gamma)
            ),
            "The flag of step t - 1 is used for step t, so the first reward of an episode "
            "goes to the episode before it.": (
                lambda rew, end, gamma: discounted_returns(rew, np.append(False, end[:-1]), gamma)
            ),
            "The last reward of an episode is lost: the flag stops what comes after the "
            "step, not the step's own reward.": _last_reward_dropped,
            "Discounted integer rewards are not integers: give the result a float dtype.": (
                lambda rew, end, gamma: _as_dtype_of_rewards(
                    discounted_returns(rew, end, gamma), rew
                )
            ),
            "The rows after the last flag are an episode, too, one that is still unfinished.": (
                _without_the_unfinished
            ),
        },
    ),
    Exercise(
        "02.3",
        hint="What follows an episode that has terminated, and what would have followed one "
        "that was only truncated? The two flags must be treated differently.",
        key=_truncated_or_terminated,
        cases=[
            (np.ones(4), flags(0, 1, 0, 0), flags(0, 0, 0, 1), np.full(4, 8.0), 0.5),
            (np.ones(2), flags(0, 1), flags(0, 1), np.full(2, 8.0), 0.5),
            (
                np.array([1.0, 2.0, 3.0, 4.0]),
                flags(0, 0, 0, 1),
                flags(0, 1, 0, 0),
                np.array([5.0, 6.0, 7.0, 8.0]),
                0.5,
            ),
        ],
        mistakes={
            "Both flags are set: the time limit was reached at the very step that terminated "
            "the episode. It is over, and nothing follows.": (
                lambda rew, terminated, truncated, next_value, gamma: discounted_returns(
                    rew, terminated | truncated, gamma, np.where(truncated, next_value, 0.0)
                )
            ),
            "That is the suspect, unchanged: a terminated episode still gets a value for "
            "what follows, but nothing follows.": (
                lambda rew, terminated, truncated, next_value, gamma: discounted_returns(
                    rew, terminated | truncated, gamma, next_value
                )
            ),
            "Now no episode gets a value, not even the truncated one, which would have gone on.": (
                lambda rew, terminated, truncated, next_value, gamma: discounted_returns(
                    rew, terminated | truncated, gamma
                )
            ),
            "The value comes one step after the last reward, so it is discounted once: gamma "
            "times next_value.": (
                lambda rew, terminated, truncated, next_value, gamma: discounted_returns(
                    rew + np.where(truncated & ~terminated, next_value, 0.0),
                    terminated | truncated,
                    gamma,
                )
            ),
            "The value is in the wrong place: it belongs to the truncated episode, not to "
            "the terminated one.": (
                lambda rew, terminated, truncated, next_value, gamma: discounted_returns(
                    rew, terminated | truncated, gamma, np.where(terminated, next_value, 0.0)
                )
            ),
            "Nothing follows a terminated episode, not even the next episode in the array.": (
                lambda rew, terminated, truncated, next_value, gamma: discounted_returns(
                    rew, truncated & ~terminated, gamma, next_value
                )
            ),
            "After a truncation another episode begins; its rewards are not part of this one.": (
                lambda rew, terminated, truncated, next_value, gamma: discounted_returns(
                    rew + gamma * np.where(truncated & ~terminated, next_value, 0.0),
                    terminated,
                    gamma,
                )
            ),
        },
    ),
    Exercise(
        "02.4",
        hint="The smallest positive float32 is 2 to the power of -149. What is half of it?",
        key=150,
        mistakes={
            "Nearly: 2 to the power of -149 is the smallest positive float32, so it is not "
            "yet 0.": 149,
            "That is where the normal numbers end. Smaller ones, with fewer digits, go on to "
            "2 to the power of -149.": 127,
            "That is the smallest normal number, but smaller ones, with fewer digits, go on to "
            "2 to the power of -149.": 126,
            "That is the answer for float64.": 1075,
            "That is float64, and 2 to the power of -1074 is its smallest positive number, "
            "so it is not yet 0.": 1074,
            "24 binary digits say how precise a float32 is, not how small it can be.": 24,
        },
    ),
    Exercise(
        "02.5",
        hint="Keep a list of all earlier returns. Normalize first, by the mean and the "
        "variance of that list (0 and 1 while it is empty), and append the new returns "
        "afterwards.",
        key=normalized_by_earlier_batches,
        cases=[
            ([np.array([1.0, 3.0, 8.0]), np.array([5.0, 6.0])],),
            ([np.array([1.0, 3.0, 8.0]), np.array([6.0]), np.array([2.0, 4.0])],),
        ],
        mistakes={
            "A batch is normalized by what was seen before it; it joins the statistics "
            "afterwards.": _with_this_batch_in_the_statistics,
            "The first batch is normalized by its own mean and standard deviation, but "
            "before it there are only mean 0 and variance 1.": (
                lambda batches: [(G - G.mean()) / np.sqrt(G.var() + 1e-8) for G in batches]
            ),
            "Divide by the standard deviation, the square root of the variance.": (
                _divided_by_the_variance
            ),
            "The statistics are those of all earlier batches together, not of the last one.": (
                _with_the_last_batch_alone
            ),
            "Nothing was normalized.": lambda batches: batches,
        },
    ),
]
