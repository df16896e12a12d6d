"""The exercises of notebook 07, training: answers, cases, and known mistakes."""

from typing import Any

import numpy as np

from pg_edu.course.records import Case, Exercise, Misconception
from pg_edu.types import Flags, Floats, Ints


def _flags(*rows: str) -> Flags:
    """Return the flags of some steps, one string per step, "x" where an episode ends."""
    return np.array([[letter == "x" for letter in row] for row in rows])


# 07.1, which rows are steps


def _steps(done: Flags) -> Flags:
    steps = np.ones_like(done)
    steps[1:] = ~done[:-1]
    return steps


def _ignored(done: Flags) -> Flags:
    return ~_steps(done)


def _without_the_ends(done: Flags) -> Flags:
    return ~done


def _without_the_row_before_an_end(done: Flags) -> Flags:
    steps = np.ones_like(done)
    steps[:-1] = ~done[1:]
    return steps


def _without_ends_and_ignored(done: Flags) -> Flags:
    return _steps(done) & ~done


def _rolled(done: Flags) -> Flags:
    return ~np.roll(done, 1, axis=0)


def _rolled_through_all_columns(done: Flags) -> Flags:
    return ~np.roll(done, 1)


def _rolled_through_all_columns_but_the_first_row(done: Flags) -> Flags:
    steps = _rolled_through_all_columns(done)
    steps[0] = True
    return steps


def _rolled_backwards(done: Flags) -> Flags:
    return ~np.roll(done, -1, axis=0)


def _overwritten(done: Flags) -> Flags:
    steps = done.copy()
    for t in range(1, len(steps)):
        steps[t] = ~steps[t - 1]  # From the second time on, this reads what it has written.
    steps[0] = True
    return steps


def _only_the_ignored_rows_below_the_first(done: Flags) -> Flags:
    steps = np.ones_like(done)
    steps[1:] = done[:-1]
    return steps


def _without_the_first_row(done: Flags) -> Flags:
    steps = np.zeros_like(done)
    steps[1:] = ~done[:-1]
    return steps


def _shifted_sideways(done: Flags) -> Flags:
    steps = np.ones_like(done)
    steps[:, 1:] = ~done[:, :-1]
    return steps


def _first_episodes_alone(done: Flags) -> Flags:
    return np.logical_and.accumulate(_steps(done), axis=0)


def _dropped_for_all(done: Flags) -> Flags:
    steps = np.ones_like(done)
    steps[1:] = ~done[:-1].any(axis=1, keepdims=True)
    return steps


def _places(done: Flags) -> Ints:
    places: Ints = np.argwhere(_steps(done))
    return places


def _random_ends(rng: np.random.Generator) -> Case:
    """Draw ends as they can be: after an end comes a row that is none, since it only resets."""
    done = rng.random((rng.integers(3, 6), rng.integers(2, 4))) < 0.5
    for t in range(1, len(done)):
        done[t] &= ~done[t - 1]
    return (done,)


# 07.3, the fair rule


def _fair(lengths: Ints, n: int) -> float:
    rows = len(lengths)
    return float(np.mean([lengths[k % rows, k // rows] for k in range(n)]))


def _not_averaged(lengths: Ints, n: int) -> Ints:
    return lengths.ravel(order="F")[:n]


def _cut_to_a_whole_number(lengths: Ints, n: int) -> float:
    return float(np.floor(_fair(lengths, n)))


def _first_to_end(lengths: Ints, n: int) -> float:
    order = np.argsort(lengths.cumsum(axis=1), axis=None, kind="stable")
    return float(lengths.ravel()[order[:n]].mean())


def _environment_after_environment(lengths: Ints, n: int) -> float:
    return float(lengths.ravel()[:n].mean())


def _shortest(lengths: Ints, n: int) -> float:
    return float(np.sort(lengths, axis=None)[:n].mean())


def _total(lengths: Ints, n: int) -> float:
    return n * _fair(lengths, n)


def _total_over_environments(lengths: Ints, n: int) -> float:
    return n * _fair(lengths, n) / len(lengths)


def _first_of_each(lengths: Ints, n: int) -> float:
    return float(lengths[:, 0].mean())


def _all_lengths(lengths: Ints, n: int) -> float:
    return float(lengths.mean())


def _last_environments_first(lengths: Ints, n: int) -> float:
    return _fair(lengths[::-1], n)


def _rounded_up(lengths: Ints, n: int) -> float:
    return float(lengths[:, : -(-n // len(lengths))].mean())


def _rounded_down(lengths: Ints, n: int) -> float:
    return float(lengths[:, : n // len(lengths)].mean())


def _mean_of_means(lengths: Ints, n: int) -> float:
    rows = len(lengths)
    quotas = [len(range(row, n, rows)) for row in range(min(n, rows))]
    return float(np.mean([lengths[row, :quota].mean() for row, quota in enumerate(quotas)]))


def _first_environment(lengths: Ints, n: int) -> float:
    return float(lengths[0, :n].mean())


def _random_lengths(rng: np.random.Generator) -> Case:
    """Draw lengths and a number of episodes; no two episodes end at the same time."""
    shape = rng.integers(2, 4), rng.integers(3, 5)
    lengths = rng.integers(1, 30, size=shape)
    while len(np.unique(lengths.cumsum(axis=1))) < lengths.size:
        lengths = rng.integers(1, 30, size=shape)
    return lengths, int(rng.integers(1, lengths.size + 1))


# 07.4, the returns of finished episodes


def _returns(rew: Floats, done: Flags, kept: float = 0.0) -> list[float]:
    """Return the sum of rewards of each episode, in the order in which they end.

    `kept` is the fraction of a finished sum that wrongly carries over to the next episode.
    """
    return [G for step in _returns_by_step(rew, done, kept) for G in step]


def _returns_by_step(rew: Floats, done: Flags, kept: float = 0.0) -> list[list[float]]:
    """Return for each step the returns of the episodes that end with it."""
    running = np.zeros(rew.shape[1])
    finished: list[list[float]] = []
    for t in range(len(rew)):
        running += rew[t]
        finished.append(running[done[t]].tolist())
        running[done[t]] *= kept
    return finished


def _returns_by_step_with_an_end(rew: Floats, done: Flags) -> list[list[float]]:
    return [step for step in _returns_by_step(rew, done) if step]


def _first_episode_of_each(rew: Floats, done: Flags) -> list[float]:
    return _returns(rew, done & (done.cumsum(axis=0) == 1))


def _last_reward_counted_twice(rew: Floats, done: Flags) -> list[float]:
    running = np.zeros(rew.shape[1])
    finished: list[float] = []
    for t in range(len(rew)):
        running += rew[t]
        finished += running[done[t]].tolist()
        running = np.where(done[t], rew[t], running)
    return finished


def _all_begin_again(rew: Floats, done: Flags) -> list[float]:
    running = np.zeros(rew.shape[1])
    finished: list[float] = []
    for t in range(len(rew)):
        running += rew[t]
        finished += running[done[t]].tolist()
        running = np.zeros_like(running) if done[t].any() else running
    return finished


def _the_others_begin_again(rew: Floats, done: Flags) -> list[float]:
    running = np.zeros(rew.shape[1])
    finished: list[float] = []
    for t in range(len(rew)):
        running += rew[t]
        finished += running[done[t]].tolist()
        running[~done[t]] = 0.0
    return finished


def _never_begins_again(rew: Floats, done: Flags) -> list[float]:
    return _returns(rew, done, kept=1.0)


def _begin_again_together(rew: Floats, done: Flags) -> list[float]:
    running = np.zeros(rew.shape[1])
    finished: list[float] = []
    for t in range(len(rew)):
        running += rew[t]
        finished += running[done[t]].tolist()
        running = np.zeros_like(running) if done[t].all() else running
    return finished


def _without_the_last_reward(rew: Floats, done: Flags) -> list[float]:
    return _returns(np.where(done, 0.0, rew), done)


def _last_reward_in_the_next_episode(rew: Floats, done: Flags) -> list[float]:
    running = np.zeros(rew.shape[1])
    finished: list[float] = []
    for t in range(len(rew)):
        finished += running[done[t]].tolist()
        running[done[t]] = 0.0
        running += rew[t]
    return finished


def _without_the_row_after_an_end(rew: Floats, done: Flags) -> list[float]:
    return _returns(np.where(_steps(done), rew, 0.0), done)


def _environment_by_environment(rew: Floats, done: Flags) -> list[float]:
    return [G for own in _by_environment(rew, done) for G in own]


def _by_environment(rew: Floats, done: Flags) -> list[list[float]]:
    return [_returns(rew[:, [n]], done[:, [n]]) for n in range(rew.shape[1])]


def _last_rewards(rew: Floats, done: Flags) -> list[float]:
    last: list[float] = rew[done].tolist()
    return last


def _with_the_unfinished(rew: Floats, done: Flags) -> list[float]:
    return _returns(rew, np.vstack([done[:-1], np.ones_like(done[-1:])]))


def _with_the_rest_of_all(rew: Floats, done: Flags) -> list[float]:
    rest = [rew[t + 1 :, n].sum() for n, t in enumerate(_last_ends(done))]
    return [*_returns(rew, done), *rest]


def _last_ends(done: Flags) -> list[int]:
    """Return the last row with an end for each environment, and -1 where there is none."""
    return [int(max(np.flatnonzero(column), default=-1)) for column in done.T]


def _only_zeros(rew: Floats, done: Flags) -> list[float]:
    return [0.0] * int(done.sum())


def _with_all_running(rew: Floats, done: Flags) -> list[float]:
    running = np.zeros(rew.shape[1])
    finished: list[float] = []
    for t in range(len(rew)):
        running += rew[t]
        finished += running.tolist() if done[t].any() else []
        running[done[t]] = 0.0
    return finished


def _summed_over_environments(rew: Floats, done: Flags) -> list[float]:
    over: Flags = np.logical_or.reduce(done, axis=1, keepdims=True)
    return _returns(rew.sum(axis=1, keepdims=True), over)


def _lengths(rew: Floats, done: Flags) -> list[float]:
    return _returns(np.ones_like(rew), done)


def _means(rew: Floats, done: Flags) -> list[float]:
    returns, lengths = _returns(rew, done), _lengths(rew, done)
    return [G / length for G, length in zip(returns, lengths, strict=True)]


def _larger_number_first(rew: Floats, done: Flags) -> list[float]:
    return _returns(np.flip(rew, axis=1), np.flip(done, axis=1))


def _random_rewards(rng: np.random.Generator) -> Case:
    """Draw whole episodes and unfinished ones; at least one episode ends."""
    shape: Any = rng.integers(4, 7), rng.integers(2, 4)
    done = rng.random(shape) < 0.35
    done[rng.integers(shape[0]), 0] = True
    return rng.choice([-4.0, -2.5, -1.0, 0.5, 1.5, 3.0, 5.0], shape), done


EXERCISES = [
    Exercise(
        "07.1",
        key=_steps,
        points=1,
        cases=[
            (_flags("..", "x.", "..", ".x"),),
            (_flags("...", "x.x", "...", "x..", "..x"),),
            (_flags("x", ".", ".", "x", "."),),
            (_flags("..", ".."),),
            (_flags(".x"),),
        ],
        random=_random_ends,
        misconceptions=[
            Misconception(
                "The row that ends an episode is one of its steps. It is the row after it that "
                "is not a step.",
                _without_the_ends,
                page="07 The row in which nobody acted",
            ),
            Misconception(
                "The row before each end is dropped. It is the row after the end that is not a "
                "step.",
                _without_the_row_before_an_end,
                page="07 The row in which nobody acted",
            ),
            Misconception(
                "Every row counts as a step here, also those in which the action was ignored.",
                np.ones_like,
                page="07 The row in which nobody acted",
            ),
            Misconception(
                "Those are the rows in which nobody acted. The exercise asks for all the others.",
                _ignored,
                page="07 The row in which nobody acted",
            ),
            Misconception(
                "The ignored rows are gone, but so is the last step of each episode.",
                _without_ends_and_ignored,
                page="07 The row in which nobody acted",
            ),
            Misconception(
                "Row 0 is right. Below it True and False are swapped: the row after an end must be "
                "False, every other one True.",
                _only_the_ignored_rows_below_the_first,
                page="07 The row in which nobody acted",
            ),
            Misconception(
                "An end in the last row removes the first row of its environment: np.roll is "
                "circular.",
                _rolled,
                page="07 The row in which nobody acted",
            ),
            Misconception(
                "An end in one environment removes a row of the next one: np.roll without an axis "
                "goes through the array number by number.",
                _rolled_through_all_columns,
                page="07 The row in which nobody acted",
            ),
            Misconception(
                "The first row is right, but below it an end in one environment removes a row of "
                "the next one: np.roll needs axis=0.",
                _rolled_through_all_columns_but_the_first_row,
                page="07 The row in which nobody acted",
            ),
            Misconception(
                "The row before each end is dropped, and for an end in the first row the last one: "
                "np.roll goes the wrong way, and is circular.",
                _rolled_backwards,
                page="07 The row in which nobody acted",
            ),
            Misconception(
                "From the third row on, these are the opposites of results, not of flags. Read "
                "from done, and write into another array.",
                _overwritten,
                page="07 The row in which nobody acted",
            ),
            Misconception(
                "The first row is False. After a fresh reset it is a step like any other.",
                _without_the_first_row,
                page="07 Many games, in lock-step",
            ),
            Misconception(
                "The flags are moved to the next environment. Time runs down the rows, and each "
                "column is an environment of its own.",
                _shifted_sideways,
                page="07 Many games, in lock-step",
            ),
            Misconception(
                "Each environment has only its first episode here. After the row that resets, "
                "the next one begins.",
                _first_episodes_alone,
                page="07 The row in which nobody acted",
            ),
            Misconception(
                "An end in one environment removes the next row of all environments. The others "
                "are in the middle of an episode, and act.",
                _dropped_for_all,
                page="07 Many games, in lock-step",
            ),
            Misconception(
                "Those are the places of the right rows. The task asks for a bool array of the "
                "shape of done.",
                _places,
                page="07 The row in which nobody acted",
            ),
        ],
    ),
    Exercise(
        "07.2",
        key=7 / 4,
        points=1,
        decimals=2,
        misconceptions=[
            Misconception(
                "2 is the mean of all episodes. Those that end first are not drawn from all "
                "alike: a short one has the better chance to be among them.",
                2,
                page="07 Which games count?",
            ),
            Misconception(
                "3/2 is the mean if one short and one long episode begin. Two short ones may "
                "begin, or two long ones, and their means are 1 and 3.",
                3 / 2,
                page="07 Which games count?",
            ),
            Misconception(
                "That is the expected sum of the two lengths. The question is about their mean.",
                7 / 2,
                page="07 Which games count?",
            ),
            Misconception(
                "Long episodes can be among the first two to end. If both environments begin with "
                "a long one, both of them count.",
                1,
                page="07 Which games count?",
            ),
            Misconception(
                "Two long ones may begin as well, with probability 1/4. Then both of them count, "
                "and the mean is 3.",
                5 / 4,
                page="07 Which games count?",
            ),
            Misconception(
                "There are not three cases of the same probability: one short and one long begin "
                "with probability 1/2.",
                11 / 6,
                page="07 Which games count?",
            ),
            Misconception(
                "One short and one long can begin in two ways, so that case has the probability "
                "1/2, not 1/4.",
                11 / 8,
                page="07 Which games count?",
            ),
            Misconception(
                "If one short and one long begin, the second to end is not always a short one, "
                "and this case has the probability 1/2, not 1/3.",
                5 / 3,
                page="07 Which games count?",
            ),
            Misconception(
                "5/2 is more than the mean of all episodes, but short ones have the better chance "
                "to be among the first. One short and one long begin with probability 1/2.",
                5 / 2,
                page="07 Which games count?",
            ),
            Misconception(
                "9/4 is the expected step at which the second episode ends. The mean length of the "
                "two must be below 2, as short episodes have the better chance to be among them.",
                9 / 4,
                page="07 Which games count?",
            ),
            Misconception(
                "That would be so if a step were lost in each reset, as with NEXT_STEP. Here the "
                "next episode begins at once.",
                15 / 8,
                page="07 Many games, in lock-step",
            ),
        ],
    ),
    Exercise(
        "07.3",
        key=_fair,
        points=2,
        cases=[
            (np.array([[9, 6, 1, 3], [2, 4, 7, 5]]), 5),
            (np.array([[10, 10, 90], [100, 20, 30], [30, 70, 15]]), 4),
            (np.array([[8, 3], [5, 1], [2, 6]]), 2),
            (np.array([[7, 1, 5], [2, 4, 3]]), 6),
            (np.array([[4, 9, 2]]), 2),
            (np.array([[6], [1], [3], [12]]), 3),
        ],
        random=_random_lengths,
        misconceptions=[
            Misconception(
                "Those are the first to end: the winners of a race, not the ones that were "
                "settled beforehand.",
                _first_to_end,
                page="07 Which games count?",
            ),
            Misconception(
                "Here one environment gives all its episodes before the next one gives any. "
                "Episode k belongs to environment k % N.",
                _environment_after_environment,
                page="07 The fair rule",
            ),
            Misconception(
                "Those are the shortest episodes of all. Which ones count must not depend on "
                "their lengths.",
                _shortest,
                page="07 The fair rule",
            ),
            Misconception(
                "Those are too many: if n is not a multiple of N, the last environments give one "
                "episode fewer.",
                _rounded_up,
                page="07 The fair rule",
            ),
            Misconception(
                "Those are too few: if n is not a multiple of N, the first environments give one "
                "episode more.",
                _rounded_down,
                page="07 The fair rule",
            ),
            Misconception(
                "If n is not a multiple of N, the last environments give one episode more here. "
                "It has to be the first: episode k belongs to environment k % N.",
                _last_environments_first,
                page="07 The fair rule",
            ),
            Misconception(
                "The first episode of each environment is taken, whatever n is.",
                _first_of_each,
                page="07 The fair rule",
            ),
            Misconception(
                "All episodes are taken, whatever n is.",
                _all_lengths,
                page="07 The fair rule",
            ),
            Misconception(
                "The right episodes, but that is the mean of each environment's mean. Some "
                "environments give one episode more, and every episode counts alike.",
                _mean_of_means,
                page="07 The fair rule",
            ),
            Misconception(
                "These episodes are all from the first environment. They are dealt out over all "
                "of them, one after the other.",
                _first_environment,
                page="07 The fair rule",
            ),
            Misconception(
                "The mean is cut to a whole number. The mean of whole numbers need not be one: "
                "divide with / and not with //.",
                _cut_to_a_whole_number,
                page="07 Which games count?",
            ),
            Misconception(
                "Those are the lengths of the right episodes. The task asks for their mean.",
                _not_averaged,
                page="07 The fair rule",
            ),
            Misconception(
                "That is the total length of the right episodes. Divide it by their number, n.",
                _total,
                page="07 The fair rule",
            ),
            Misconception(
                "The total length is divided by the number of environments. Divide it by the "
                "number of episodes, n.",
                _total_over_environments,
                page="07 The fair rule",
            ),
        ],
    ),
    Exercise(
        "07.4",
        key=_returns,
        points=2,
        cases=[
            (
                np.array([[1.0, 10], [2, 20], [-5, 30], [4, 40]]),
                _flags("x.", "..", "xx", "x."),
            ),
            (
                np.array([[1.0, 2, 4], [-1, 3, 5], [2, 1, 1], [7, -3, 2], [3, 1, 7]]),
                _flags("...", "x.x", ".x.", "...", "xxx"),
            ),
            (np.array([[1.5], [-4], [3], [2]]), _flags(".", "x", "x", ".")),
            (np.array([[3.0, 7]]), _flags("xx")),
            (np.array([[1.0, 2], [3, 5]]), _flags("..", "..")),
        ],
        random=_random_rewards,
        misconceptions=[
            Misconception(
                "That is the function unchanged: an end in one environment sets the sums of all "
                "environments to 0.",
                _all_begin_again,
                page="07 Many games, in lock-step",
            ),
            Misconception(
                "An episode begins with a sum of 0. Here the rewards of the one before are still "
                "in it.",
                _never_begins_again,
                page="02 Several episodes in one array",
            ),
            Misconception(
                "The wrong sums are set to 0: those of the environments that are not done. It has "
                "to be those that are.",
                _the_others_begin_again,
                page="07 Many games, in lock-step",
            ),
            Misconception(
                "The sums begin again only when all environments end in the same step. Each of "
                "them has to begin again by itself.",
                _begin_again_together,
                page="07 Many games, in lock-step",
            ),
            Misconception(
                "The reward of the step that ends an episode is missing. It belongs to the "
                "episode.",
                _without_the_last_reward,
                page="02 By hand",
            ),
            Misconception(
                "The reward of the step that ends an episode is counted in the next episode. It "
                "belongs to the one that ends.",
                _last_reward_in_the_next_episode,
                page="02 By hand",
            ),
            Misconception(
                "The row after each end is left out. Here every row is a step of an episode, and "
                "its reward counts.",
                _without_the_row_after_an_end,
                page="07 The row in which nobody acted",
            ),
            Misconception(
                "The sums are right, but they come environment by environment. They should come "
                "in the order in which the episodes end.",
                _environment_by_environment,
                page="07 Many games, in lock-step",
            ),
            Misconception(
                "The sums are right, but each environment has a list of its own. The task asks "
                "for one list, in the order in which the episodes end.",
                _by_environment,
                page="07 Many games, in lock-step",
            ),
            Misconception(
                "The sums are right, but each step has a list of its own. The task asks for one "
                "list of numbers.",
                _returns_by_step,
                page="07 Many games, in lock-step",
            ),
            Misconception(
                "The sums are right, but each step with an end has a list of its own. The task "
                "asks for one list of numbers.",
                _returns_by_step_with_an_end,
                page="07 Many games, in lock-step",
            ),
            Misconception(
                "Each environment has only its first episode in the list. The later ones have "
                "returns, too.",
                _first_episode_of_each,
                page="07 Many games, in lock-step",
            ),
            Misconception(
                "The reward of the step that ends an episode is counted twice, in this episode "
                "and in the next. A new episode begins with a sum of 0.",
                _last_reward_counted_twice,
                page="02 By hand",
            ),
            Misconception(
                "Of several episodes that end in the same step, that of the environment with the "
                "smaller number comes first.",
                _larger_number_first,
                page="07 Many games, in lock-step",
            ),
            Misconception(
                "Those are the last rewards of the episodes. All steps before them were rewarded, "
                "too.",
                _last_rewards,
                page="02 By hand",
            ),
            Misconception(
                "The sums of episodes that are not over are in the list, too. Their rest is yet "
                "to come.",
                _with_the_unfinished,
                page="07 When the count is of steps",
            ),
            Misconception(
                "At the end there is one more sum for every environment. Only episodes that are "
                "over belong in the list.",
                _with_the_rest_of_all,
                page="07 When the count is of steps",
            ),
            Misconception(
                "Every return is 0. Write the sum down before you set it to 0.",
                _only_zeros,
                page="02 By hand",
            ),
            Misconception(
                "Whenever one episode ends, the sums of all environments are in the list. Only "
                "the episodes that end in that step belong there.",
                _with_all_running,
                page="07 Many games, in lock-step",
            ),
            Misconception(
                "The rewards of all environments are added up together. Each environment plays "
                "an episode of its own.",
                _summed_over_environments,
                page="07 Many games, in lock-step",
            ),
            Misconception(
                "Those are the lengths of the episodes. Add up their rewards.",
                _lengths,
                page="02 By hand",
            ),
            Misconception(
                "Those are the mean rewards of the episodes. A return is a sum.",
                _means,
                page="02 By hand",
            ),
        ],
    ),
]
