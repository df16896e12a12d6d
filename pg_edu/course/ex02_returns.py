"""The exercises of notebook 02, returns: answers, cases, and known mistakes."""

import numpy as np

from pg_edu.course.records import Case, Exercise, Extreme, Misconception
from pg_edu.course.shared import (
    clear_of_zero,
    flags,
    normalized_by_earlier_batches,
    tenths,
    whole_episodes,
)
from pg_edu.returns import discounted_returns
from pg_edu.stats import RunningMeanStd
from pg_edu.types import AnyArray, Flags, Floats, Ints

GAMMAS = (0.5, 0.8, 0.9)


def _gamma(rng: np.random.Generator) -> float:
    return float(rng.choice(GAMMAS))


def _as_dtype_of_rewards(returns: Floats, rew: AnyArray) -> AnyArray:
    return returns.astype(rew.dtype)


def _whole_at_every_step(rew: AnyArray, end: Flags, gamma: float) -> AnyArray:
    """Return the returns of a recursion that reads its own results from an array like `rew`."""
    returns = rew.copy()
    for t in reversed(range(len(rew) - 1)):
        if not end[t]:
            returns[t] = rew[t] + gamma * returns[t + 1]
    return returns


# 02.1: one episode


def _end_of_one(rew: AnyArray) -> Flags:
    end: Flags = np.arange(len(rew)) == len(rew) - 1
    return end


def _of_one_episode(rew: AnyArray, gamma: float) -> Floats:
    return discounted_returns(rew, _end_of_one(rew), gamma)


def _next(array: AnyArray) -> AnyArray:
    """Return the array one step later, with a 0 at its end."""
    return np.append(array[1:], np.zeros_like(array[:1]))


def _last_reward_lost(rew: AnyArray, gamma: float) -> Floats:
    return _of_one_episode(np.where(_end_of_one(rew), 0.0, rew), gamma)


def _last_reward_twice(rew: AnyArray, gamma: float) -> Floats:
    return discounted_returns(rew, _end_of_one(rew), gamma, rew.astype(np.float64))


def _first_step_forgotten(rew: AnyArray, gamma: float) -> Floats:
    return np.where(np.arange(len(rew)) == 0, 0.0, _of_one_episode(rew, gamma))


def _random_episode(rng: np.random.Generator) -> Case:
    return tenths(rng, int(rng.integers(2, 6))), _gamma(rng)


BACKWARDS = Exercise(
    "02.1",
    key=_of_one_episode,
    points=1,
    cases=[
        (np.array([3.0, -2.0, 5.0]), 0.8),
        (np.array([-2.5]), 0.5),
        (np.array([3, 1, 2, 5]), 0.9),
        (np.array([1.0, -3.0, 2.0, 4.0]), 1.0),
    ],
    random=clear_of_zero(_random_episode, _of_one_episode),
    extremes=[
        Extreme(
            (np.tile([1.0, -2.0, 0.5, 4.0], 100), 0.1),
            "Right, but not for a long episode: gamma**t becomes too small to be stored. The "
            "recursion G_t = r_t + gamma * G_(t+1) needs no such power and no division.",
            page="02 The elegant one-liner",
        ),
        Extreme(
            (np.array([2.0, -1.0, 4.0]), 0.0),
            "Right, but not for gamma = 0, where the return is the step's own reward alone. Mind "
            "that nothing may be divided by gamma.",
            page="02 The elegant one-liner",
        ),
    ],
    misconceptions=[
        Misconception(
            "The step's own reward is missing: it came after the action of that step.",
            lambda rew, gamma: _next(_of_one_episode(rew, gamma)),
            page="02 The return by hand",
        ),
        Misconception(
            "The step's own reward is missing: the action of that step has earned it. What is "
            "left is gamma times the next return.",
            lambda rew, gamma: gamma * _next(_of_one_episode(rew, gamma)),
            page="02 The return by hand",
        ),
        Misconception(
            "The step's own reward counts in full; the discount begins with the next one.",
            lambda rew, gamma: gamma * _of_one_episode(rew, gamma),
            page="02 The return by hand",
        ),
        Misconception(
            "A return looks forward. Each of these sums looks back: it holds the reward of its "
            "step and those before it.",
            lambda rew, gamma: _of_one_episode(rew[::-1], gamma)[::-1],
            page="02 The return by hand",
        ),
        Misconception(
            "The rewards are added without a discount.",
            lambda rew, gamma: _of_one_episode(rew, 1.0),
            page="02 The return by hand",
        ),
        Misconception(
            "What follows is not discounted, but each reward is multiplied by gamma once. The "
            "factor belongs to the return of the next step.",
            lambda rew, gamma: gamma * _of_one_episode(rew, 1.0),
            page="02 Backwards",
        ),
        Misconception(
            "Here the discount counts from the start of the episode; the return of step t counts "
            "it from step t.",
            lambda rew, gamma: gamma ** np.arange(len(rew)) * _of_one_episode(rew, gamma),
            page="02 The return by hand",
        ),
        Misconception(
            "Each step has only its own reward, discounted from the start. Nothing was added up.",
            lambda rew, gamma: gamma ** np.arange(len(rew)) * rew,
            page="02 The return by hand",
        ),
        Misconception(
            "Each of these sums begins at the start of the episode and ends at its step. A return "
            "begins at its step and goes on to the end.",
            lambda rew, gamma: (gamma ** np.arange(len(rew)) * rew).cumsum(),
            page="02 The return by hand",
        ),
        Misconception(
            "Only two rewards are in each sum. Use the return of the next step, not its reward.",
            lambda rew, gamma: rew + gamma * _next(rew),
            page="02 Backwards",
        ),
        Misconception(
            "Every step has the return of the first one; the sum of each step begins at that step.",
            lambda rew, gamma: np.full(len(rew), _of_one_episode(rew, gamma)[0]),
            page="02 The return by hand",
        ),
        Misconception(
            "These are the right returns in reverse order. The loop ran from the last step to the "
            "first, so what it collected must be turned around.",
            lambda rew, gamma: _of_one_episode(rew, gamma)[::-1],
            page="02 Backwards",
        ),
        Misconception(
            "The reward of the last step is lost: its return is that reward, not 0.",
            _last_reward_lost,
            page="02 Backwards",
        ),
        Misconception(
            "The last reward counts twice. Nothing follows the last step, so the loop begins with "
            "0, not with that reward.",
            _last_reward_twice,
            page="02 Backwards",
        ),
        Misconception(
            "The loop ends one step too early: the first step has no return yet.",
            _first_step_forgotten,
            page="02 Backwards",
        ),
        Misconception(
            "Returns of integer rewards are not integers: the result needs a float dtype.",
            lambda rew, gamma: _as_dtype_of_rewards(_of_one_episode(rew, gamma), rew),
            page="02 Integer rewards",
        ),
        Misconception(
            "With integer rewards the decimals are cut off at each step, and the next one builds "
            "on the rest: the array that you compute in needs a float dtype.",
            lambda rew, gamma: _whole_at_every_step(rew, _end_of_one(rew), gamma),
            page="02 Integer rewards",
        ),
        Misconception(
            "Two things. These sums look back, to the rewards before each step, and nothing is "
            "discounted.",
            lambda rew, gamma: rew.cumsum(),
            page="02 The return by hand",
        ),
    ],
)


# 02.2: several episodes


def _begins(end: Flags) -> Flags:
    return np.append(True, end[:-1])


def _first(end: Flags) -> Ints:
    """Return the row in which the episode of each row begins, `[B]`."""
    rows = np.arange(len(end))
    first: Ints = np.maximum.accumulate(np.where(_begins(end), rows, 0))
    return first


def _steps(end: Flags) -> Ints:
    """Return for each row how many steps of its episode came before it, `[B]`."""
    steps: Ints = np.arange(len(end)) - _first(end)
    return steps


def _finished(end: Flags) -> Flags:
    """Return for each row whether the end of its episode is in the array, `[B]`."""
    finished: Flags = np.arange(len(end)) <= np.flatnonzero(end).max(initial=-1)
    return finished


def _without_the_unfinished(rew: AnyArray, end: Flags, gamma: float) -> Floats:
    return np.where(_finished(end), discounted_returns(rew, end, gamma), 0.0)


def _last_reward_dropped(rew: AnyArray, end: Flags, gamma: float) -> Floats:
    return discounted_returns(np.where(end, 0.0, rew), end, gamma)


def _own_reward_missing(rew: AnyArray, end: Flags, gamma: float) -> Floats:
    return discounted_returns(rew, end, gamma) - rew


def _backward_looking(rew: AnyArray, end: Flags, gamma: float) -> Floats:
    return discounted_returns(rew[::-1], _begins(end)[::-1], gamma)[::-1]


def _two_rewards_only(rew: AnyArray, end: Flags, gamma: float) -> Floats:
    sums: Floats = rew + gamma * np.where(end, 0, _next(rew))
    return sums


def _one_array_each(rew: AnyArray, end: Flags, gamma: float) -> list[Floats]:
    returns = discounted_returns(rew, end, gamma)
    return [part for part in np.split(returns, np.flatnonzero(end) + 1) if len(part)]


def _random_episodes(rng: np.random.Generator) -> Case:
    """Return rewards, flags and gamma; now and then the last episode is unfinished."""
    end = whole_episodes(rng)
    end[-1] = rng.random() < 0.7
    return tenths(rng, len(end)), end, _gamma(rng)


LONG_END = np.isin(np.arange(400), [29, 399])

SEVERAL = Exercise(
    "02.2",
    key=discounted_returns,
    points=1,
    cases=[
        (np.array([4.0, 3.0, -2.0, 5.0]), flags(1, 0, 0, 1), 0.8),
        (np.array([2.0, -1.0, 4.0, 3.0, -5.0]), flags(0, 0, 1, 0, 0), 0.5),
        (np.array([3, 1, 2, 5, 7, 4]), flags(0, 0, 0, 1, 0, 1), 0.9),
        (np.array([1.0, -3.0, 2.0]), flags(0, 1, 1), 1.0),
        (np.array([6.0, -2.0]), flags(0, 0), 0.9),
    ],
    random=clear_of_zero(_random_episodes, discounted_returns),
    extremes=[
        Extreme(
            (np.tile([1.0, -2.0, 0.5, 4.0], 100), LONG_END, 0.1),
            "Right, but not for a long episode: gamma**t becomes too small to be stored. The "
            "recursion needs no such power and no division.",
            page="02 The elegant one-liner",
        ),
        Extreme(
            (np.array([2.0, -1.0, 4.0]), flags(0, 1, 1), 0.0),
            "Right, but not for gamma = 0, where the return is the step's own reward alone. Mind "
            "that nothing may be divided by gamma.",
            page="02 The elegant one-liner",
        ),
    ],
    misconceptions=[
        Misconception(
            "Each episode hears the rewards of the next one: the flags make no difference.",
            lambda rew, end, gamma: _of_one_episode(rew, gamma),
            page="02 Several episodes in one array",
        ),
        Misconception(
            "The flag acts one step too early in the array: the last step of an episode still "
            "hears the next episode, and the step before it no longer hears the last one. Ask "
            "about end[t] before the sum, not after it.",
            lambda rew, end, gamma: discounted_returns(rew, np.append(end[1:], True), gamma),
            page="02 Several episodes in one array",
        ),
        Misconception(
            "The flag of step t - 1 is used for step t: the first step of an episode hears nothing "
            "of what follows, and the last one hears the next episode.",
            lambda rew, end, gamma: discounted_returns(rew, np.roll(end, 1), gamma),
            page="02 Several episodes in one array",
        ),
        Misconception(
            "The last reward of each episode is lost: the flag stops what comes after the step, "
            "not the step's own reward.",
            _last_reward_dropped,
            page="02 Several episodes in one array",
        ),
        Misconception(
            "The step's own reward is missing: the action of that step has earned it.",
            _own_reward_missing,
            page="02 The return by hand",
        ),
        Misconception(
            "The step's own reward counts in full; the discount begins with the next one.",
            lambda rew, end, gamma: gamma * discounted_returns(rew, end, gamma),
            page="02 The return by hand",
        ),
        Misconception(
            "A return looks forward. Each of these sums looks back, to the beginning of its "
            "episode.",
            _backward_looking,
            page="02 The return by hand",
        ),
        Misconception(
            "The episodes are apart, but the rewards are added without a discount.",
            lambda rew, end, gamma: discounted_returns(rew, end, 1.0),
            page="02 The return by hand",
        ),
        Misconception(
            "Here the discount counts from the start of each episode; the return of step t counts "
            "it from step t.",
            lambda rew, end, gamma: gamma ** _steps(end) * discounted_returns(rew, end, gamma),
            page="02 The return by hand",
        ),
        Misconception(
            "Only two rewards are in each sum. Use the return of the next step, not its reward.",
            _two_rewards_only,
            page="02 Backwards",
        ),
        Misconception(
            "Every step has the return of the first step of its episode; the sum of each step "
            "begins at that step.",
            lambda rew, end, gamma: discounted_returns(rew, end, gamma)[_first(end)],
            page="02 The return by hand",
        ),
        Misconception(
            "Returns of integer rewards are not integers: the result needs a float dtype.",
            lambda rew, end, gamma: _as_dtype_of_rewards(discounted_returns(rew, end, gamma), rew),
            page="02 Integer rewards",
        ),
        Misconception(
            "With integer rewards the decimals are cut off at each step, and the next one builds "
            "on the rest: the array that you compute in needs a float dtype.",
            _whole_at_every_step,
            page="02 Integer rewards",
        ),
        Misconception(
            "The rows after the last flag have no returns. They are an episode, too, one that is "
            "unfinished; take it that nothing follows.",
            _without_the_unfinished,
            page="02 Several episodes in one array",
        ),
        Misconception(
            "The rows after the last flag are missing. They are an episode, too, one that is "
            "unfinished, and the result has a return for every row.",
            lambda rew, end, gamma: discounted_returns(rew, end, gamma)[_finished(end)],
            page="02 Several episodes in one array",
        ),
        Misconception(
            "That is one number for each episode. Every step has a return of its own.",
            lambda rew, end, gamma: discounted_returns(rew, end, gamma)[_begins(end)],
            page="02 The return by hand",
        ),
        Misconception(
            "The returns are right, but each episode has an array of its own. Put them after one "
            "another in one array, as the rewards are.",
            _one_array_each,
            page="02 Several episodes in one array",
        ),
        Misconception(
            "Two things. Each episode hears the rewards of the next one, and nothing is "
            "discounted.",
            lambda rew, end, gamma: _of_one_episode(rew, 1.0),
            page="02 Several episodes in one array",
        ),
    ],
)


# 02.3: find the bug


def _truncated_or_terminated(
    rew: Floats, terminated: Flags, truncated: Flags, next_value: Floats, gamma: float
) -> Floats:
    value = np.where(terminated, 0.0, next_value)
    return discounted_returns(rew, terminated | truncated, gamma, value)


def _clock_first(
    rew: Floats, terminated: Flags, truncated: Flags, next_value: Floats, gamma: float
) -> Floats:
    value = np.where(truncated, next_value, 0.0)
    return discounted_returns(rew, terminated | truncated, gamma, value)


def _suspect(
    rew: Floats, terminated: Flags, truncated: Flags, next_value: Floats, gamma: float
) -> Floats:
    return discounted_returns(rew, terminated | truncated, gamma, next_value)


def _no_value(
    rew: Floats, terminated: Flags, truncated: Flags, next_value: Floats, gamma: float
) -> Floats:
    return discounted_returns(rew, terminated | truncated, gamma)


def _undiscounted_value(
    rew: Floats, terminated: Flags, truncated: Flags, next_value: Floats, gamma: float
) -> Floats:
    value = np.where(truncated & ~terminated, next_value, 0.0)
    return discounted_returns(rew + value, terminated | truncated, gamma)


def _value_discounted_twice(
    rew: Floats, terminated: Flags, truncated: Flags, next_value: Floats, gamma: float
) -> Floats:
    return _truncated_or_terminated(rew, terminated, truncated, gamma * next_value, gamma)


def _value_of_the_terminated(
    rew: Floats, terminated: Flags, truncated: Flags, next_value: Floats, gamma: float
) -> Floats:
    value = np.where(terminated, next_value, 0.0)
    return discounted_returns(rew, terminated | truncated, gamma, value)


def _value_of_the_terminated_alone(
    rew: Floats, terminated: Flags, truncated: Flags, next_value: Floats, gamma: float
) -> Floats:
    return _truncated_or_terminated(rew, truncated, terminated, next_value, gamma)


def _only_the_clock(
    rew: Floats, terminated: Flags, truncated: Flags, next_value: Floats, gamma: float
) -> Floats:
    return discounted_returns(rew, truncated, gamma, np.where(truncated, next_value, 0.0))


def _only_the_clock_alone(
    rew: Floats, terminated: Flags, truncated: Flags, next_value: Floats, gamma: float
) -> Floats:
    return _only_the_clock(rew, terminated, truncated & ~terminated, next_value, gamma)


def _no_clock(
    rew: Floats, terminated: Flags, truncated: Flags, next_value: Floats, gamma: float
) -> Floats:
    return discounted_returns(rew, terminated, gamma)


def _no_clock_and_a_value_after_the_end(
    rew: Floats, terminated: Flags, truncated: Flags, next_value: Floats, gamma: float
) -> Floats:
    return discounted_returns(rew, terminated, gamma, next_value)


def _no_clock_and_a_value_after_both(
    rew: Floats, terminated: Flags, truncated: Flags, next_value: Floats, gamma: float
) -> Floats:
    return discounted_returns(rew, terminated, gamma, np.where(truncated, next_value, 0.0))


def _nothing_only_after_both(
    rew: Floats, terminated: Flags, truncated: Flags, next_value: Floats, gamma: float
) -> Floats:
    value = np.where(terminated & truncated, 0.0, next_value)
    return discounted_returns(rew, terminated | truncated, gamma, value)


def _value_and_the_next_episode(
    rew: Floats, terminated: Flags, truncated: Flags, next_value: Floats, gamma: float
) -> Floats:
    value = np.where(truncated & ~terminated, next_value, 0.0)
    return discounted_returns(rew + gamma * value, terminated, gamma)


def _reward_of_the_end_lost(
    rew: Floats, terminated: Flags, truncated: Flags, next_value: Floats, gamma: float
) -> Floats:
    kept = np.where(terminated, 0.0, rew)
    return _truncated_or_terminated(kept, terminated, truncated, next_value, gamma)


def _both_flags_leak(
    rew: Floats, terminated: Flags, truncated: Flags, next_value: Floats, gamma: float
) -> Floats:
    value = np.where(truncated, next_value, 0.0)
    return discounted_returns(rew, terminated ^ truncated, gamma, value)


def _value_one_row_early(
    rew: Floats, terminated: Flags, truncated: Flags, next_value: Floats, gamma: float
) -> Floats:
    early = np.append(0.0, next_value[:-1])
    return _truncated_or_terminated(rew, terminated, truncated, early, gamma)


def _value_one_row_late(
    rew: Floats, terminated: Flags, truncated: Flags, next_value: Floats, gamma: float
) -> Floats:
    late = np.append(next_value[1:], next_value[-1])
    return _truncated_or_terminated(rew, terminated, truncated, late, gamma)


def _value_at_every_step(
    rew: Floats, terminated: Flags, truncated: Flags, next_value: Floats, gamma: float
) -> Floats:
    returns: Floats = rew + gamma * np.where(terminated, 0.0, next_value)
    return returns


def _value_in_place_of_the_return(
    rew: Floats, terminated: Flags, truncated: Flags, next_value: Floats, gamma: float
) -> Floats:
    value = np.where(truncated & ~terminated, next_value - rew, 0.0) / gamma
    return discounted_returns(rew, terminated | truncated, gamma, value)


def _random_ends(rng: np.random.Generator) -> Case:
    """Return the five arguments; each episode terminates, is truncated, or both at once."""
    end = whole_episodes(rng)
    kind = rng.integers(3, size=len(end))
    values = np.round(rng.uniform(4.0, 9.0, len(end)), 1)
    return tenths(rng, len(end)), end & (kind != 1), end & (kind != 0), values, _gamma(rng)


def _own_reward_lost(
    rew: Floats, terminated: Flags, truncated: Flags, next_value: Floats, gamma: float
) -> Floats:
    kept = np.where(terminated, 0.0, rew)
    return _value_in_place_of_the_return(kept, terminated, truncated, next_value, gamma)


def _reset_too_late(
    rew: Floats, terminated: Flags, truncated: Flags, next_value: Floats, gamma: float
) -> Floats:
    """Return the returns of a loop that asks about the flags after the sum, not before it."""
    over = np.append(terminated[1:], True)
    return _truncated_or_terminated(rew, over, _next(truncated), _next(next_value), gamma)


TWO_ENDS = Exercise(
    "02.3",
    key=_truncated_or_terminated,
    points=2,
    cases=[
        (
            np.array([3.0, -2.0, 5.0]),
            flags(1, 0, 0),
            flags(0, 0, 1),
            np.array([7.0, -4.0, 10.0]),
            0.8,
        ),
        (np.array([1.0, 4.0]), flags(0, 1), flags(0, 1), np.array([-3.0, 6.0]), 0.5),
        (
            np.array([2.0, -1.0, 4.0, 3.0, -5.0, 1.0]),
            flags(0, 0, 1, 0, 0, 1),
            flags(0, 1, 1, 0, 1, 0),
            np.array([6.0, -8.0, 5.0, 9.0, 7.0, 4.0]),
            0.9,
        ),
        (
            np.array([1.0, -3.0, 2.0, 4.0]),
            flags(0, 0, 0, 1),
            flags(0, 1, 0, 0),
            np.array([5.0, 6.0, -7.0, 8.0]),
            1.0,
        ),
    ],
    random=clear_of_zero(_random_ends, _truncated_or_terminated),
    extremes=[
        Extreme(
            (
                np.tile([1.0, -2.0, 0.5, 4.0], 100),
                np.arange(400) == 29,
                np.arange(400) == 399,
                np.tile([3.0, 5.0, -2.0, 8.0], 100),
                0.1,
            ),
            "Right, but not for a long episode: gamma**t becomes too small to be stored. The "
            "recursion needs no such power and no division.",
            page="02 The elegant one-liner",
        ),
        Extreme(
            (
                np.array([2.0, -1.0, 4.0]),
                flags(0, 1, 0),
                flags(0, 0, 1),
                np.array([6.0, 5.0, 7.0]),
                0.0,
            ),
            "Right, but not for gamma = 0, where the return is the step's own reward alone. Mind "
            "that nothing may be divided by gamma.",
            page="02 The elegant one-liner",
        ),
    ],
    misconceptions=[
        Misconception(
            "Where both flags are set, your function still adds the value. The step terminated the "
            "episode, even though the clock struck too, so nothing follows.",
            _clock_first,
            page="02 Terminated or truncated",
        ),
        Misconception(
            "That is the suspect, unchanged: a terminated episode still gets a value for what "
            "follows, but nothing follows.",
            _suspect,
            page="02 Terminated or truncated",
        ),
        Misconception(
            "Now no episode gets a value, not even a truncated one, which would have gone on.",
            _no_value,
            page="02 Terminated or truncated",
        ),
        Misconception(
            "The value comes one step after the last reward, so it is discounted once: gamma "
            "times next_value.",
            _undiscounted_value,
            page="02 Terminated or truncated",
        ),
        Misconception(
            "The value is discounted twice. It stands one step after the last reward, so it is "
            "multiplied by gamma once.",
            _value_discounted_twice,
            page="02 Terminated or truncated",
        ),
        Misconception(
            "The value is in the wrong place: it belongs to the truncated episode, not to the "
            "terminated one.",
            _value_of_the_terminated,
            page="02 Terminated or truncated",
        ),
        Misconception(
            "The two flags are taken for each other: now a terminated episode gets the value and "
            "a truncated one does not.",
            _value_of_the_terminated_alone,
            page="02 Terminated or truncated",
        ),
        Misconception(
            "An episode that is only terminated no longer ends: it hears the next episode in the "
            "array. Also, your function adds the value where both flags are set; there, too, "
            "nothing follows.",
            _only_the_clock,
            page="02 Several episodes in one array",
        ),
        Misconception(
            "A terminated episode no longer ends: it hears the next episode in the array. Nothing "
            "follows it.",
            _only_the_clock_alone,
            page="02 Several episodes in one array",
        ),
        Misconception(
            "A truncated episode no longer ends: it hears the next episode in the array, and its "
            "value is not used.",
            _no_clock,
            page="02 Terminated or truncated",
        ),
        Misconception(
            "Two things. An episode that is only truncated no longer ends: it hears the next "
            "episode in the array. And a terminated one gets a value, though nothing follows it.",
            _no_clock_and_a_value_after_the_end,
            page="02 Terminated or truncated",
        ),
        Misconception(
            "Two things. An episode that is only truncated no longer ends: it hears the next "
            "episode in the array. And where both flags are set, your function adds the value, "
            "though the episode is terminated.",
            _no_clock_and_a_value_after_both,
            page="02 Terminated or truncated",
        ),
        Misconception(
            "The value is left out only where both flags are set. An episode that is terminated is "
            "over, whatever the other flag says: nothing follows it.",
            _nothing_only_after_both,
            page="02 Terminated or truncated",
        ),
        Misconception(
            "A truncated episode gets its value and hears the next episode, too. The value takes "
            "the place of what follows in the array.",
            _value_and_the_next_episode,
            page="02 Terminated or truncated",
        ),
        Misconception(
            "Where both flags are set, neither of your two cases applies, and the next episode "
            "leaks in. Terminated is terminated, whatever the other flag says.",
            _both_flags_leak,
            page="02 Terminated or truncated",
        ),
        Misconception(
            "The value is taken one row too early. next_value[t] is already the value of the "
            "state after step t.",
            _value_one_row_early,
            page="02 Terminated or truncated",
        ),
        Misconception(
            "The value is taken one row too late. next_value[t] is already the value of the "
            "state after step t.",
            _value_one_row_late,
            page="02 Terminated or truncated",
        ),
        Misconception(
            "The last reward of a terminated episode is lost. What follows is 0, but the step's "
            "own reward still counts.",
            _reward_of_the_end_lost,
            page="02 Terminated or truncated",
        ),
        Misconception(
            "That is r + gamma * next_value at every step. The value stands in only where the "
            "episode is cut off; before that, the rewards that really followed are there.",
            _value_at_every_step,
            page="02 Terminated or truncated",
        ),
        Misconception(
            "At a truncated step the value takes the place of the step's own return. It belongs "
            "after that step: the reward still counts, plus gamma times the value.",
            _value_in_place_of_the_return,
            page="02 Terminated or truncated",
        ),
        Misconception(
            "At each end the step's own reward is lost, and 0 or the value takes the place of "
            "its return. What follows comes after that step: the reward still counts.",
            _own_reward_lost,
            page="02 Terminated or truncated",
        ),
        Misconception(
            "The flags act one step too early in the array: the last step of an episode still "
            "hears the next episode. Ask about the flags before the sum, not after it.",
            _reset_too_late,
            page="02 Several episodes in one array",
        ),
    ],
)


# 02.4: predict

UNDERFLOW = Exercise(
    "02.4",
    key=150,
    points=1,
    misconceptions=[
        Misconception(
            "Nearly: 2 to the power of -149 is the smallest positive float32, so it is not yet 0.",
            149,
            page="deeper/02 Before the NaN",
        ),
        Misconception(
            "That is 0, but it is not the first one. What happens to a number that lies exactly "
            "in the middle between 0 and the smallest positive float32?",
            151,
            page="deeper/02 Before the NaN",
        ),
        Misconception(
            "That is where the normal numbers end. Smaller ones, with fewer digits, go on to 2 to "
            "the power of -149.",
            127,
            page="deeper/02 Before the NaN",
        ),
        Misconception(
            "That is the smallest normal number, but smaller ones, with fewer digits, go on to 2 "
            "to the power of -149.",
            126,
            page="deeper/02 Before the NaN",
        ),
        Misconception(
            "An exponent of 8 bits has about 128 negative values, but where they end, numbers with "
            "fewer digits go on to 2 to the power of -149.",
            128,
            page="deeper/02 Before the NaN",
        ),
        Misconception("That is the answer for float64.", 1075, page="deeper/02 Before the NaN"),
        Misconception(
            "That is float64, and 2 to the power of -1074 is its smallest positive number, so it "
            "is not yet 0.",
            1074,
            page="deeper/02 Before the NaN",
        ),
        Misconception(
            "That belongs to float64, where the normal numbers end at 2 to the power of -1022. "
            "The task asks for float32.",
            1023,
            page="deeper/02 Before the NaN",
        ),
        Misconception(
            "24 binary digits say how precise a float32 is, not how small it can be.",
            24,
            page="deeper/02 How much single precision loses",
        ),
        Misconception(
            "A float32 takes 32 bits of memory. How small it can be is decided by the exponent "
            "that some of them hold.",
            32,
            page="deeper/02 How much single precision loses",
        ),
        Misconception(
            "The smallest positive float32 is about 10 to the power of -45. But the question "
            "counts halvings, and each power of ten is more than three of them.",
            45,
            page="deeper/02 Before the NaN",
        ),
        Misconception(
            "The smallest normal float32 is about 10 to the power of -38. But the question counts "
            "halvings, and each power of ten is more than three of them.",
            38,
            page="deeper/02 Before the NaN",
        ),
        Misconception(
            "The 23 stored digits say how precise a float32 is, not how small it can be.",
            23,
            page="deeper/02 How much single precision loses",
        ),
        Misconception(
            "That belongs to float64: its normal numbers end at 2 to the power of -1022. The "
            "task asks for float32.",
            1022,
            page="deeper/02 Before the NaN",
        ),
        Misconception(
            "The task asks for t, and gamma is 1/2: t itself is positive.",
            -150,
            page="deeper/02 Before the NaN",
        ),
    ],
)


# 02.5: find the bug, once more

Batches = list[Floats]


def _scaled(returns: Floats, mean: float, variance: float) -> Floats:
    scaled: Floats = (returns - mean) / np.sqrt(variance + 1e-8)
    return scaled


def _with_this_batch_in_the_statistics(batches: Batches) -> Batches:
    seen = RunningMeanStd()
    normalized = []
    for returns in batches:
        seen.update(returns)
        normalized.append((returns - seen.mean) / np.sqrt(seen.var + 1e-8))
    return normalized


def _each_by_itself(batches: Batches) -> Batches:
    return [_scaled(returns, returns.mean(), returns.var()) for returns in batches]


def _first_by_itself(batches: Batches) -> Batches:
    return _each_by_itself(batches[:1]) + normalized_by_earlier_batches(batches)[1:]


def _with_the_last_batch_alone(batches: Batches) -> Batches:
    before = [(0.0, 1.0)] + [(returns.mean(), returns.var()) for returns in batches]
    pairs = zip(batches, before[:-1], strict=True)
    return [_scaled(returns, mean, variance) for returns, (mean, variance) in pairs]


def _with_all_batches(batches: Batches) -> Batches:
    everything = np.concatenate(batches)
    return [_scaled(returns, everything.mean(), everything.var()) for returns in batches]


def _earlier(batches: Batches) -> list[Floats]:
    """Return for each batch but the first all earlier returns in one array."""
    return [np.concatenate(batches[:k]) for k in range(1, len(batches))]


def _divided_by_the_variance(batches: Batches) -> Batches:
    pairs = zip(batches[1:], _earlier(batches), strict=True)
    return batches[:1] + [(returns - seen.mean()) / (seen.var() + 1e-8) for returns, seen in pairs]


def _only_divided(batches: Batches) -> Batches:
    pairs = zip(batches[1:], _earlier(batches), strict=True)
    return batches[:1] + [_scaled(returns, 0.0, seen.var()) for returns, seen in pairs]


def _only_subtracted(batches: Batches) -> Batches:
    pairs = zip(batches[1:], _earlier(batches), strict=True)
    return batches[:1] + [returns - seen.mean() for returns, seen in pairs]


def _with_n_minus_1(batches: Batches) -> Batches:
    pairs = zip(batches[1:], _earlier(batches), strict=True)
    later = [_scaled(returns, seen.mean(), seen.var(ddof=1)) for returns, seen in pairs]
    return batches[:1] + later


def _with_means_of_batches(batches: Batches) -> Batches:
    normalized = batches[:1]
    for k in range(1, len(batches)):
        mean = np.mean([returns.mean() for returns in batches[:k]])
        variance = np.mean([returns.var() for returns in batches[:k]])
        normalized.append(_scaled(batches[k], float(mean), float(variance)))
    return normalized


def _statistics_of_the_normalized(batches: Batches) -> Batches:
    seen = RunningMeanStd()
    normalized = []
    for returns in batches:
        normalized.append((returns - seen.mean) / np.sqrt(seen.var + 1e-8))
        seen.update(normalized[-1])
    return normalized


def _two_made_up_returns(batches: Batches) -> Batches:
    return normalized_by_earlier_batches([np.array([-1.0, 1.0]), *batches])[1:]


def _one_made_up_return(batches: Batches) -> Batches:
    return normalized_by_earlier_batches([np.array([0.0]), *batches])[1:]


def _random_batches(rng: np.random.Generator) -> Case:
    """Return two to four small batches; the first one has at least two unequal returns."""
    sizes = [2, *rng.integers(1, 3, size=int(rng.integers(1, 4)))]
    batches = [tenths(rng, int(size)) for size in sizes]
    batches[0][1] = batches[0][0] + float(rng.choice([-2.5, 1.5, 3.0]))
    return (batches,)


def _first_is_nan(batches: Batches) -> Batches:
    return [np.nan * batches[0], *normalized_by_earlier_batches(batches)[1:]]


def _first_with_variance_0(batches: Batches) -> Batches:
    return [batches[0] / np.sqrt(1e-8), *normalized_by_earlier_batches(batches)[1:]]


def _first_is_zero(batches: Batches) -> Batches:
    return [0.0 * batches[0], *normalized_by_earlier_batches(batches)[1:]]


def _first_by_itself_with_n_minus_1(batches: Batches) -> Batches:
    variance = float(batches[0].var(ddof=1))
    return [_scaled(batches[0], float(batches[0].mean()), variance), *_with_n_minus_1(batches)[1:]]


RUNNING = Exercise(
    "02.5",
    key=normalized_by_earlier_batches,
    points=3,
    cases=[
        ([np.array([2.0, -1.0]), np.array([5.0]), np.array([3.0, -4.0, 6.5])],),
        ([np.array([1.0, -3.0, 8.0]), np.array([6.0, 4.5])],),
        ([np.array([-2.0, 1.5]), np.array([2.5, 4.0]), np.array([-3.0, 0.5])],),
        ([np.array([4.0, 7.0, -2.0])],),
    ],
    random=clear_of_zero(_random_batches, normalized_by_earlier_batches),
    extremes=[
        Extreme(
            ([np.array([1.0, 2.0]), np.array([40.0, -60.0])],),
            "Right, but not for returns far from those before them. Nothing is cut off here: 77 "
            "standard deviations stay 77.",
            page="02 process_fn",
        ),
        Extreme(
            ([np.array([2.0, 2.0]), np.array([5.0, 1.0])],),
            "Right, but not if all earlier returns are equal: their variance is 0, and then the "
            "1e-8 inside the square root decides what is divided by.",
            page="02 process_fn",
        ),
        Extreme(
            (
                [
                    np.array([1e8 + 1.5, 1e8 + 4, 1e8 - 2.5]),
                    np.array([1e8 + 5, 1e8 - 3]),
                    np.array([1e8 + 2]),
                ],
            ),
            "Right, but not for large returns that lie close together. The mean of the squares "
            "minus the square of the mean subtracts two nearly equal numbers, and float32 cannot "
            "tell such returns apart. Average the squared differences from the mean, in float64.",
            page="02 The elegant one-liner",
        ),
    ],
    misconceptions=[
        Misconception(
            "That is what the suspicious function does: a batch meets statistics that contain it. "
            "It is normalized by what was seen before it, and joins the statistics afterwards.",
            _with_this_batch_in_the_statistics,
            page="02 process_fn",
        ),
        Misconception(
            "Each batch is normalized by its own mean and standard deviation, so a good batch "
            "looks no better than a bad one.",
            _each_by_itself,
            page="02 process_fn",
        ),
        Misconception(
            "The later batches are right. But the first one is normalized by its own mean and "
            "standard deviation; before it there are only mean 0 and variance 1.",
            _first_by_itself,
            page="02 process_fn",
        ),
        Misconception(
            "All batches are normalized by the statistics of all of them. Those that come later "
            "have not been seen yet.",
            _with_all_batches,
            page="02 process_fn",
        ),
        Misconception(
            "The statistics are those of all earlier batches together, not of the last one.",
            _with_the_last_batch_alone,
            page="02 process_fn",
        ),
        Misconception(
            "Divide by the standard deviation, the square root of the variance.",
            _divided_by_the_variance,
            page="02 process_fn",
        ),
        Misconception(
            "The mean of the earlier returns is not subtracted.",
            _only_divided,
            page="02 process_fn",
        ),
        Misconception(
            "The mean is subtracted, but nothing is divided by the standard deviation.",
            _only_subtracted,
            page="02 process_fn",
        ),
        Misconception(
            "The variance has the divisor n - 1. That of the running statistics has n, as np.var "
            "has by default.",
            _with_n_minus_1,
            page="02 process_fn",
        ),
        Misconception(
            "The means and variances of the batches are averaged. But batches differ in size, and "
            "what lies between their means belongs to the variance of all returns together.",
            _with_means_of_batches,
            page="02 process_fn",
        ),
        Misconception(
            "The statistics have seen the normalized returns. They are to see the returns as they "
            "were before.",
            _statistics_of_the_normalized,
            page="02 process_fn",
        ),
        Misconception(
            "The statistics begin with two made-up returns, -1 and 1, which stay in them. Mean 0 "
            "and variance 1 are for the first batch alone.",
            _two_made_up_returns,
            page="02 process_fn",
        ),
        Misconception(
            "The statistics begin with a made-up return of 0, which stays in them.",
            _one_made_up_return,
            page="02 process_fn",
        ),
        Misconception(
            "Only the first batch is wrong: with nothing seen, the variance is 1, not 0, so that "
            "the batch passes unchanged.",
            _first_with_variance_0,
            page="02 process_fn",
        ),
        Misconception(
            "The later batches are right. But nothing comes before the first one, and the mean of "
            "an empty list is NaN. There, take mean 0 and variance 1.",
            _first_is_nan,
            page="02 process_fn",
        ),
        Misconception(
            "Nothing was normalized.",
            lambda batches: batches,
            page="02 process_fn",
        ),
        Misconception(
            "The first batch is missing from the result. It is normalized as well, with mean 0 and "
            "variance 1.",
            lambda batches: normalized_by_earlier_batches(batches)[1:],
            page="02 process_fn",
        ),
        Misconception(
            "The numbers are right, but they stand in one array. The result is a list with one "
            "array for each batch.",
            lambda batches: np.concatenate(normalized_by_earlier_batches(batches)),
            page="02 process_fn",
        ),
        Misconception(
            "The later batches are right. But the first one has become 0; with mean 0 and "
            "variance 1 it stays nearly as it is.",
            _first_is_zero,
            page="02 process_fn",
        ),
        Misconception(
            "Two things. The first batch is normalized by its own statistics, not by mean 0 and "
            "variance 1, and the divisor of the variance is n - 1 in place of n.",
            _first_by_itself_with_n_minus_1,
            page="02 process_fn",
        ),
    ],
)

# 02.6: from block to block


def _in_blocks(rew: Floats, gammas: Floats, size: int) -> Case:
    """Return the first stage of the scan: the blocks as columns, and the products of gamma."""
    x = rew.reshape(-1, size).T.copy()
    decay = gammas.reshape(-1, size).T.copy()
    for s in reversed(range(size - 1)):
        x[s] += decay[s] * x[s + 1]
        decay[s] *= decay[s + 1]
    return x, decay


def _joined(x: Floats, decay: Floats) -> Floats:
    joined = x.copy()
    for k in reversed(range(x.shape[1] - 1)):
        joined[:, k] += decay[:, k] * joined[0, k + 1]
    return joined


def _all_at_once(x: Floats, decay: Floats) -> Floats:
    joined: Floats = x + decay * _next(x[0])
    return joined


def _from_the_first_to_the_last(x: Floats, decay: Floats) -> Floats:
    """Return what a loop gives that adds to each block its finished predecessor."""
    joined = x.copy()
    for k in range(1, x.shape[1]):
        joined[:, k] += decay[:, k] * joined[0, k - 1]
    return joined


def _without_the_products(x: Floats, decay: Floats) -> Floats:
    joined: Floats = x + _next(x[0, ::-1].cumsum()[::-1])
    return joined


def _the_whole_product(x: Floats, decay: Floats) -> Floats:
    """Return what comes out if every step of a block uses the product of the whole block."""
    joined: Floats = x + decay[0] * _next(_joined(x, decay)[0])
    return joined


def _the_last_product(x: Floats, decay: Floats) -> Floats:
    joined = x.copy()
    for k in reversed(range(x.shape[1] - 1)):
        joined[:, k] += decay[-1, k] * joined[0, k + 1]
    return joined


def _the_last_step_of_the_next(x: Floats, decay: Floats) -> Floats:
    joined = x.copy()
    for k in reversed(range(x.shape[1] - 1)):
        joined[:, k] += decay[:, k] * joined[-1, k + 1]
    return joined


def _the_column_of_the_next(x: Floats, decay: Floats) -> Floats:
    joined = x.copy()
    for k in reversed(range(x.shape[1] - 1)):
        joined[:, k] += decay[:, k] * joined[:, k + 1]
    return joined


def _the_product_of_the_next(x: Floats, decay: Floats) -> Floats:
    joined = x.copy()
    for k in reversed(range(x.shape[1] - 1)):
        joined[:, k] += decay[:, k + 1] * joined[0, k + 1]
    return joined


def _only_the_first_step(x: Floats, decay: Floats) -> Floats:
    joined = x.copy()
    joined[0] = _joined(x, decay)[0]
    return joined


def _the_first_block_forgotten(x: Floats, decay: Floats) -> Floats:
    joined = _joined(x, decay)
    joined[:, 0] = x[:, 0]
    return joined


def _around_the_edge(x: Floats, decay: Floats) -> Floats:
    """Return what a loop gives in which the first block follows the last one."""
    joined = x.copy()
    for k in reversed(range(x.shape[1])):
        joined[:, k] += decay[:, k] * joined[0, (k + 1) % x.shape[1]]
    return joined


def _all_later_first_returns(x: Floats, decay: Floats) -> Floats:
    joined: Floats = x + decay * _next(x[0, ::-1].cumsum()[::-1])
    return joined


def _steps_in_place_of_blocks(x: Floats, decay: Floats) -> Floats:
    """Return what a loop over the rows gives that takes them for the blocks."""
    joined = x.copy()
    for s in reversed(range(x.shape[0] - 1)):
        joined[s] += decay[s] * joined[s + 1, 0]
    return joined


def _random_blocks(rng: np.random.Generator) -> Case:
    """Return the first stage of three or four blocks of two or three steps, most without an end."""
    size, blocks = int(rng.integers(2, 4)), int(rng.integers(3, 5))
    gammas = np.where(rng.random(size * blocks) < 0.15, 0.0, _gamma(rng))
    return _in_blocks(tenths(rng, size * blocks), gammas, size)


BLOCKS = Exercise(
    "02.6",
    key=_joined,
    points=3,
    cases=[
        _in_blocks(np.array([1.0, 4.0, 3.0, -2.0, 5.0, 6.0]), np.full(6, 0.5), 2),
        _in_blocks(
            np.array([2.0, -1.0, 4.0, 3.0, 1.0, 5.0, -3.0, 7.0]),
            np.array([0.8, 0.8, 0.8, 0.0, 0.8, 0.8, 0.8, 0.8]),
            2,
        ),
        _in_blocks(np.array([3.0, 1.0, -4.0, 2.0, 6.0, 5.0]), np.ones(6), 3),
        _in_blocks(np.array([3.0, -2.0, 4.0]), np.full(3, 0.9), 3),
    ],
    random=clear_of_zero(_random_blocks, _joined),
    misconceptions=[
        Misconception(
            "Each block gets what the next block knew after the first stage. The next block must "
            "be finished before it is read: begin with the last pair of blocks.",
            _all_at_once,
            page="deeper/02 In blocks",
        ),
        Misconception(
            "Nothing was added: each block is still as if nothing followed it.",
            lambda x, decay: x,
            page="deeper/02 In blocks",
        ),
        Misconception(
            "Each block got something from the block before it. A return looks forward: what a "
            "block lacks is the first return of the next block.",
            _from_the_first_to_the_last,
            page="deeper/02 In blocks",
        ),
        Misconception(
            "The first return of the next block is added as it is. A step hears it through the "
            "product of all gammas between the two, which is in decay.",
            _without_the_products,
            page="deeper/02 In blocks",
        ),
        Misconception(
            "Every step of a block uses the product of the whole block, decay[0]. Each step has a "
            "product of its own, from there to the end of the block.",
            _the_whole_product,
            page="deeper/02 In blocks",
        ),
        Misconception(
            "Every step of a block uses the last product, decay[-1], which is a single gamma. Each "
            "step has a product of its own, from there to the end of the block.",
            _the_last_product,
            page="deeper/02 In blocks",
        ),
        Misconception(
            "What follows a block is the first return of the next block, x[0, k + 1], not its last "
            "one.",
            _the_last_step_of_the_next,
            page="deeper/02 In blocks",
        ),
        Misconception(
            "Row by row, each step uses the same row of the next block. What follows a block is "
            "one number, the first return of the next block, for all of its steps.",
            _the_column_of_the_next,
            page="deeper/02 In blocks",
        ),
        Misconception(
            "The products are those of the next block. A step hears the next block through the "
            "gammas of its own block.",
            _the_product_of_the_next,
            page="deeper/02 In blocks",
        ),
        Misconception(
            "Only the first step of each block was finished. Every step of a block lacks its share "
            "of what follows.",
            _only_the_first_step,
            page="deeper/02 In blocks",
        ),
        Misconception(
            "The loop ends one block too early: the first block is as it was.",
            _the_first_block_forgotten,
            page="deeper/02 In blocks",
        ),
        Misconception(
            "The last block hears the first one. Nothing follows the last block.",
            _around_the_edge,
            page="deeper/02 In blocks",
        ),
        Misconception(
            "The first returns of all later blocks are added through the products of the own block "
            "alone. One from further away is also multiplied by those of the blocks in between.",
            _all_later_first_returns,
            page="deeper/02 In blocks",
        ),
        Misconception(
            "The last block is missing. Nothing follows it, so it stays as it is.",
            lambda x, decay: _joined(x, decay)[:, :-1],
            page="deeper/02 In blocks",
        ),
        Misconception(
            "A block is a column, not a row: x[s, k] belongs to step s of block k.",
            _steps_in_place_of_blocks,
            page="deeper/02 In blocks",
        ),
        Misconception(
            "The numbers are right, but the layout has changed: return [n, K], one column a block.",
            lambda x, decay: _joined(x, decay).T.reshape(-1),
            page="deeper/02 In blocks",
        ),
    ],
)

EXERCISES = [BACKWARDS, SEVERAL, TWO_ENDS, UNDERFLOW, RUNNING, BLOCKS]
