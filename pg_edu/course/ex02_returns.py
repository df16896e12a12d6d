"""The exercises of notebook 02, returns: answers, cases, and known mistakes."""

import numpy as np
from numpy.typing import ArrayLike

from pg_edu.course.records import Exercise, Misconception
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
        key=_of_one_episode,
        points=1,
        cases=[
            (np.array([1.0]), 0.5),
            (np.array([2.0, 0.0, 4.0]), 0.5),
            (np.array([1, 1, 1]), 0.5),
            (np.arange(5.0), 1.0),
        ],
        misconceptions=[
            Misconception(
                ("The step's own reward is missing: it came after the action of that step."),
                lambda rew, gamma: np.append(_of_one_episode(rew, gamma)[1:], 0.0),
                "02 Exercises",
            ),
            Misconception(
                ("The step's own reward counts in full; the discount begins with the next one."),
                lambda rew, gamma: gamma * _of_one_episode(rew, gamma),
                "02 Exercises",
            ),
            Misconception(
                ("These are sums of the rewards before each step, not of those after it."),
                lambda rew, gamma: _of_one_episode(rew[::-1], gamma)[::-1],
                "02 Exercises",
            ),
            Misconception(
                ("The rewards are added without a discount."),
                lambda rew, gamma: _of_one_episode(rew, 1.0),
                "02 Exercises",
            ),
            Misconception(
                ("The discount counts from the start of the episode; it must count from step t."),
                lambda rew, gamma: gamma ** np.arange(len(rew)) * _of_one_episode(rew, gamma),
                "02 Exercises",
            ),
            Misconception(
                (
                    "Every step got the return of the first one; the sum of each step begins at that "
                    "step."
                ),
                lambda rew, gamma: np.full(len(rew), _of_one_episode(rew, gamma)[0]),
                "02 Exercises",
            ),
            Misconception(
                ("Discounted integer rewards are not integers: give the result a float dtype."),
                lambda rew, gamma: _as_dtype_of_rewards(_of_one_episode(rew, gamma), rew),
                "02 Exercises",
            ),
        ],
    ),
    Exercise(
        "02.2",
        key=discounted_returns,
        points=1,
        cases=[
            (np.array([1.0, 1.0, 1.0]), flags(0, 0, 1), 0.5),
            (np.array([1.0, 0.0, 4.0, 1.0, 1.0]), flags(0, 0, 1, 0, 1), 0.5),
            (np.array([1, 1, 1]), flags(0, 0, 1), 0.5),
            (np.array([1.0, 2.0, 4.0, 4.0]), flags(0, 1, 0, 0), 0.5),
        ],
        misconceptions=[
            Misconception(
                ("The second episode leaks into the first: the flags are not used."),
                lambda rew, end, gamma: _of_one_episode(rew, gamma),
                "02 Exercises",
            ),
            Misconception(
                (
                    "The flag is read one step too late: reset the running return before you compute the "
                    "last step of an episode, not after it."
                ),
                lambda rew, end, gamma: discounted_returns(rew, np.append(end[1:], True), gamma),
                "02 Exercises",
            ),
            Misconception(
                (
                    "The flag of step t - 1 is used for step t, so the first reward of an episode "
                    "goes to the episode before it."
                ),
                lambda rew, end, gamma: discounted_returns(rew, np.append(False, end[:-1]), gamma),
                "02 Exercises",
            ),
            Misconception(
                (
                    "The last reward of an episode is lost: the flag stops what comes after the "
                    "step, not the step's own reward."
                ),
                _last_reward_dropped,
                "02 Exercises",
            ),
            Misconception(
                ("Discounted integer rewards are not integers: give the result a float dtype."),
                lambda rew, end, gamma: _as_dtype_of_rewards(
                    discounted_returns(rew, end, gamma), rew
                ),
                "02 Exercises",
            ),
            Misconception(
                ("The rows after the last flag are an episode, too, one that is still unfinished."),
                _without_the_unfinished,
                "02 Exercises",
            ),
        ],
    ),
    Exercise(
        "02.3",
        key=_truncated_or_terminated,
        points=2,
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
        misconceptions=[
            Misconception(
                (
                    "Both flags are set: the time limit was reached at the very step that terminated "
                    "the episode. It is over, and nothing follows."
                ),
                lambda rew, terminated, truncated, next_value, gamma: discounted_returns(
                    rew, terminated | truncated, gamma, np.where(truncated, next_value, 0.0)
                ),
                "02 Exercises",
            ),
            Misconception(
                (
                    "That is the suspect, unchanged: a terminated episode still gets a value for "
                    "what follows, but nothing follows."
                ),
                lambda rew, terminated, truncated, next_value, gamma: discounted_returns(
                    rew, terminated | truncated, gamma, next_value
                ),
                "02 Exercises",
            ),
            Misconception(
                (
                    "Now no episode gets a value, not even the truncated one, which would have gone on."
                ),
                lambda rew, terminated, truncated, next_value, gamma: discounted_returns(
                    rew, terminated | truncated, gamma
                ),
                "02 Exercises",
            ),
            Misconception(
                (
                    "The value comes one step after the last reward, so it is discounted once: gamma "
                    "times next_value."
                ),
                lambda rew, terminated, truncated, next_value, gamma: discounted_returns(
                    rew + np.where(truncated & ~terminated, next_value, 0.0),
                    terminated | truncated,
                    gamma,
                ),
                "02 Exercises",
            ),
            Misconception(
                (
                    "The value is in the wrong place: it belongs to the truncated episode, not to "
                    "the terminated one."
                ),
                lambda rew, terminated, truncated, next_value, gamma: discounted_returns(
                    rew, terminated | truncated, gamma, np.where(terminated, next_value, 0.0)
                ),
                "02 Exercises",
            ),
            Misconception(
                ("Nothing follows a terminated episode, not even the next episode in the array."),
                lambda rew, terminated, truncated, next_value, gamma: discounted_returns(
                    rew, truncated & ~terminated, gamma, next_value
                ),
                "02 Exercises",
            ),
            Misconception(
                (
                    "After a truncation another episode begins; its rewards are not part of this one."
                ),
                lambda rew, terminated, truncated, next_value, gamma: discounted_returns(
                    rew + gamma * np.where(truncated & ~terminated, next_value, 0.0),
                    terminated,
                    gamma,
                ),
                "02 Exercises",
            ),
        ],
    ),
    Exercise(
        "02.4",
        key=150,
        points=1,
        misconceptions=[
            Misconception(
                (
                    "Nearly: 2 to the power of -149 is the smallest positive float32, so it is not "
                    "yet 0."
                ),
                149,
                "02 Exercises",
            ),
            Misconception(
                (
                    "That is where the normal numbers end. Smaller ones, with fewer digits, go on to "
                    "2 to the power of -149."
                ),
                127,
                "02 Exercises",
            ),
            Misconception(
                (
                    "That is the smallest normal number, but smaller ones, with fewer digits, go on to "
                    "2 to the power of -149."
                ),
                126,
                "02 Exercises",
            ),
            Misconception(("That is the answer for float64."), 1075, "02 Exercises"),
            Misconception(
                (
                    "That is float64, and 2 to the power of -1074 is its smallest positive number, "
                    "so it is not yet 0."
                ),
                1074,
                "02 Exercises",
            ),
            Misconception(
                ("24 binary digits say how precise a float32 is, not how small it can be."),
                24,
                "02 Exercises",
            ),
        ],
    ),
    Exercise(
        "02.5",
        key=normalized_by_earlier_batches,
        points=3,
        cases=[
            ([np.array([1.0, 3.0, 8.0]), np.array([5.0, 6.0])],),
            ([np.array([1.0, 3.0, 8.0]), np.array([6.0]), np.array([2.0, 4.0])],),
        ],
        misconceptions=[
            Misconception(
                (
                    "A batch is normalized by what was seen before it; it joins the statistics "
                    "afterwards."
                ),
                _with_this_batch_in_the_statistics,
                "02 Exercises",
            ),
            Misconception(
                (
                    "The first batch is normalized by its own mean and standard deviation, but "
                    "before it there are only mean 0 and variance 1."
                ),
                lambda batches: [(G - G.mean()) / np.sqrt(G.var() + 1e-8) for G in batches],
                "02 Exercises",
            ),
            Misconception(
                ("Divide by the standard deviation, the square root of the variance."),
                _divided_by_the_variance,
                "02 Exercises",
            ),
            Misconception(
                ("The statistics are those of all earlier batches together, not of the last one."),
                _with_the_last_batch_alone,
                "02 Exercises",
            ),
            Misconception(("Nothing was normalized."), lambda batches: batches, "02 Exercises"),
        ],
    ),
]
