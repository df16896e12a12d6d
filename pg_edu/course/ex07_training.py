"""The exercises of notebook 07, training: answers, cases, and known mistakes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pg_edu.base_policy import policy_within_training_step
from pg_edu.collector import CollectStats
from pg_edu.course.records import Case, Exercise, Misconception
from pg_edu.course.worlds import DrawingPolicy, RepeatableCollector, after_the_loop
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


def _nothing_from_the_first_end_on(done: Flags) -> Flags:
    return ~np.logical_or.accumulate(done, axis=0)


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


# 07.5, the training loop


def _loop_case(*lengths: int, updates: int) -> Case:
    policy = DrawingPolicy()
    return policy, RepeatableCollector(policy, lengths), updates


def _random_loop(rng: np.random.Generator) -> Case:
    lengths = rng.integers(1, 5, size=2).tolist()
    return _loop_case(*lengths, updates=int(rng.integers(1, 3)))


def _update(policy: Any, collector: Any, times: int = 1) -> None:
    with policy_within_training_step(policy):
        for _ in range(times):
            policy.update(0, collector.buffer, batch_size=None, repeat=1)


def _collect(policy: Any, collector: Any, training: bool = True, **named: Any) -> CollectStats:
    with policy_within_training_step(policy, training):
        stats: CollectStats = collector.collect(**named or {"n_episode": collector.env_num})
    return stats


def _rollouts(
    policy: Any,
    collector: Any,
    updates: int,
    times: int = 1,
    emptied: bool = True,
    training: bool = True,
    **named: Any,
) -> list[CollectStats]:
    """Return the statistics of each rollout of a training loop, right or wrong.

    Args:
        policy, collector, updates: the arguments of the exercise.
        times: the number of updates on each rollout.
        emptied: whether the buffer is emptied after each update.
        training: whether the episodes are collected within a training step.
        **named: for `collect`; by default one episode from each environment.
    """
    found = []
    for _ in range(updates):
        found.append(_collect(policy, collector, training, **named))
        _update(policy, collector, times)
        if emptied:
            collector.reset_buffer()
    return found


def _means_of(rollouts: Sequence[CollectStats]) -> list[float]:
    return [float(stats.returns.mean()) for stats in rollouts]


def _loop(policy: Any, collector: Any, updates: int) -> list[float]:
    return _means_of(_rollouts(policy, collector, updates))


def _never_emptied(policy: Any, collector: Any, updates: int) -> list[float]:
    return _means_of(_rollouts(policy, collector, updates, emptied=False))


def _emptied_at_the_end(policy: Any, collector: Any, updates: int) -> list[float]:
    means = _never_emptied(policy, collector, updates)
    collector.reset_buffer()
    return means


def _collected_greedily(policy: Any, collector: Any, updates: int) -> list[float]:
    return _means_of(_rollouts(policy, collector, updates, training=False))


def _updated_twice(policy: Any, collector: Any, updates: int) -> list[float]:
    return _means_of(_rollouts(policy, collector, updates, times=2))


def _never_updated(policy: Any, collector: Any, updates: int) -> list[float]:
    return _means_of(_rollouts(policy, collector, updates, times=0))


def _one_episode(policy: Any, collector: Any, updates: int) -> list[float]:
    return _means_of(_rollouts(policy, collector, updates, n_episode=1))


def _two_of_each(policy: Any, collector: Any, updates: int) -> list[float]:
    named = {"n_episode": 2 * collector.env_num}
    return _means_of(_rollouts(policy, collector, updates, **named))


def _collected_once(policy: Any, collector: Any, updates: int) -> list[float]:
    stats = _collect(policy, collector)
    _update(policy, collector, updates)
    collector.reset_buffer()
    return _means_of([stats] * updates)


def _one_update_too_few(policy: Any, collector: Any, updates: int) -> list[float]:
    return _loop(policy, collector, updates - 1)


def _all_returns(policy: Any, collector: Any, updates: int) -> list[Floats]:
    return [stats.returns for stats in _rollouts(policy, collector, updates)]


def _sums_of_returns(policy: Any, collector: Any, updates: int) -> list[float]:
    return [float(stats.returns.sum()) for stats in _rollouts(policy, collector, updates)]


def _mean_lengths(policy: Any, collector: Any, updates: int) -> list[float]:
    return [float(stats.lens.mean()) for stats in _rollouts(policy, collector, updates)]


def _last_mean(policy: Any, collector: Any, updates: int) -> float:
    return _loop(policy, collector, updates)[-1]


# 07.6, two columns of the book


def _columns(first: Floats, returned: Floats, done: Flags, final: Floats) -> tuple[Floats, Floats]:
    obs: Floats = np.vstack([first[None], returned[:-1]])
    return obs, np.where(done, final, returned)


def _as_returned(
    first: Floats, returned: Floats, done: Flags, final: Floats
) -> tuple[Floats, Floats]:
    return _columns(first, returned, done, final)[0], returned


def _goes_on_from_the_final(
    first: Floats, returned: Floats, done: Flags, final: Floats
) -> tuple[Floats, Floats]:
    obs_next = _columns(first, returned, done, final)[1]
    return np.vstack([first[None], obs_next[:-1]]), obs_next


def _seen_after(
    first: Floats, returned: Floats, done: Flags, final: Floats
) -> tuple[Floats, Floats]:
    return returned, _columns(first, returned, done, final)[1]


def _first_in_every_row(
    first: Floats, returned: Floats, done: Flags, final: Floats
) -> tuple[Floats, Floats]:
    obs, obs_next = _columns(first, returned, done, final)
    return np.broadcast_to(first, obs.shape), obs_next


def _final_where_it_goes_on(
    first: Floats, returned: Floats, done: Flags, final: Floats
) -> tuple[Floats, Floats]:
    return _columns(first, returned, ~done, final)


def _final_one_row_late(
    first: Floats, returned: Floats, done: Flags, final: Floats
) -> tuple[Floats, Floats]:
    late = np.vstack([np.zeros_like(done[:1]), done[:-1]])
    moved = np.vstack([np.zeros_like(final[:1]), final[:-1]])
    return _columns(first, returned, late, moved)


def _products(first: Floats, returned: Floats, done: Flags, final: Floats) -> tuple[Floats, Floats]:
    obs, _ = _columns(first, returned, done, final)
    return obs, done * final + ~done * returned


def _added(first: Floats, returned: Floats, done: Flags, final: Floats) -> tuple[Floats, Floats]:
    obs, _ = _columns(first, returned, done, final)
    return obs, returned + np.where(done, final, 0.0)


def _final_for_all(
    first: Floats, returned: Floats, done: Flags, final: Floats
) -> tuple[Floats, Floats]:
    obs, _ = _columns(first, returned, done, final)
    ended = done.any(axis=1, keepdims=True)
    return obs, np.where(ended, np.where(done, final, np.nan), returned)


def _next_column_first(
    first: Floats, returned: Floats, done: Flags, final: Floats
) -> tuple[Floats, Floats]:
    return _columns(first, returned, done, final)[::-1]


def _only_the_next(first: Floats, returned: Floats, done: Flags, final: Floats) -> Floats:
    return _columns(first, returned, done, final)[1]


def _books(done: Flags, start: Sequence[float]) -> Case:
    """Return what environments under SAME_STEP show that count 1 for a step and 10 for an episode.

    Args:
        done: [T, N], whether the step ended an episode.
        start: [N], the first observations.
    """
    first = np.array(start, float)
    seen = first.copy()
    returned, final = np.empty(done.shape), np.full(done.shape, np.nan)
    for t, over in enumerate(done):
        seen = seen + 1
        final[t, over] = seen[over]
        seen[over] = (seen[over] // 10 + 1) * 10
        returned[t] = seen
    return first, returned, done, final


def _random_books(rng: np.random.Generator) -> Case:
    done = rng.random((rng.integers(3, 6), rng.integers(2, 4))) < 0.4
    done[0, 0] = True
    return _books(done, (100.0 * rng.permutation(9)[: done.shape[1]]).tolist())


# 07.7, the greedy twin


def _walk(move: Ints, seen: Ints, logits: Floats, longest: int, sign: int = 1) -> int:
    """Return the number of steps to the exit, or -1 if it takes more than `longest`."""
    cell = 0
    for step in range(1, longest + 1):
        cell = int(move[cell, (sign * logits[seen[cell]]).argmax()])
        if cell == len(move):
            return step
    return -1


def _twin(move: Ints, seen: Ints, logits: Floats) -> int:
    return _walk(move, seen, logits, len(move))


def _least_likely(move: Ints, seen: Ints, logits: Floats) -> int:
    return _walk(move, seen, logits, len(move), sign=-1)


def _one_step_too_few_allowed(move: Ints, seen: Ints, logits: Floats) -> int:
    return _walk(move, seen, logits, len(move) - 1)


def _counted_from_zero(move: Ints, seen: Ints, logits: Floats) -> int:
    steps = _twin(move, seen, logits)
    return steps if steps == -1 else steps - 1


def _cells_where_it_never_arrives(move: Ints, seen: Ints, logits: Floats) -> int:
    steps = _twin(move, seen, logits)
    return len(move) if steps == -1 else steps


def _zero_where_it_never_arrives(move: Ints, seen: Ints, logits: Floats) -> int:
    return max(_twin(move, seen, logits), 0)


def _blind(move: Ints, seen: Ints, logits: Floats) -> int:
    return _twin(move, np.zeros_like(seen), logits)


def _one_action_for_all(move: Ints, seen: Ints, logits: Floats) -> int:
    everywhere = np.broadcast_to(logits.sum(axis=0), logits.shape)
    return _twin(move, seen, everywhere)


def _shortest_way(move: Ints, seen: Ints, logits: Floats) -> int:
    reached = {0}
    for step in range(1, len(move) + 1):
        reached = {int(cell) for old in reached for cell in move[old]}
        if len(move) in reached:
            return step
        reached.discard(len(move))
    return -1


def _to_the_last_cell(move: Ints, seen: Ints, logits: Floats) -> int:
    cell = 0
    for step in range(len(move) + 1):
        if cell == len(move) - 1:
            return step
        cell = int(move[cell, logits[seen[cell]].argmax()])
        if cell == len(move):
            return -1
    return -1


def _arrives(move: Ints, seen: Ints, logits: Floats) -> bool:
    return _twin(move, seen, logits) != -1


def _random_halls(rng: np.random.Generator) -> Case:
    """Draw cells, what they look like, and logits without ties."""
    cells = int(rng.integers(3, 6))
    looks = int(rng.integers(2, cells + 1))
    move = rng.integers(0, cells + 1, size=(cells, 2))
    seen = rng.permutation(np.arange(cells) % looks)
    logits = rng.permutation(np.arange(-looks, looks)).reshape(looks, 2) / 2
    return move, seen, logits


# 07.8, the trainer's tests


def _trained(tests: Floats, target: float) -> tuple[int, int]:
    best = 0
    for epoch in range(1, len(tests)):
        if tests[epoch] > tests[best]:
            best = epoch
        if tests[best] >= target:
            return epoch, best
    return len(tests) - 1, best


def _last_kept(tests: Floats, target: float) -> tuple[int, int]:
    epochs, _ = _trained(tests, target)
    return epochs, epochs


def _best_of_all(tests: Floats, target: float) -> tuple[int, int]:
    return _trained(tests, target)[0], int(np.argmax(tests))


def _never_stops(tests: Floats, target: float) -> tuple[int, int]:
    return len(tests) - 1, int(np.argmax(tests))


def _must_exceed_the_target(tests: Floats, target: float) -> tuple[int, int]:
    return _trained(tests, float(np.nextafter(target, np.inf)))


def _latest_of_equals(tests: Floats, target: float) -> tuple[int, int]:
    epochs, best = _trained(tests, target)
    equal = np.flatnonzero(tests[: epochs + 1] == tests[best])
    return epochs, int(equal[-1])


def _without_the_first_test(tests: Floats, target: float) -> tuple[int, int]:
    epochs, best = _trained(tests[1:], target)
    return epochs + 1, best + 1


def _stopped_by_the_test_before(tests: Floats, target: float) -> tuple[int, int]:
    return (0, 0) if tests[0] >= target else _trained(tests, target)


def _number_and_its_test(tests: Floats, target: float) -> tuple[int, float]:
    epochs, best = _trained(tests, target)
    return epochs, float(tests[best])


def _numbers_of_tests(tests: Floats, target: float) -> tuple[int, int]:
    epochs, best = _trained(tests, target)
    return epochs + 1, best


def _kept_first(tests: Floats, target: float) -> tuple[int, int]:
    return _trained(tests, target)[::-1]


def _only_the_kept(tests: Floats, target: float) -> int:
    return _trained(tests, target)[1]


def _random_tests(rng: np.random.Generator) -> Case:
    """Draw the tests of a run that may reach its target before training, later, or never."""
    tests = rng.integers(1, 10, size=rng.integers(4, 7)) * 50.0
    return tests, float(rng.integers(5, 11) * 50)


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
                page="07 Many environments in lock-step",
            ),
            Misconception(
                "The flags are moved to the next environment. Time runs down the rows, and each "
                "column is an environment of its own.",
                _shifted_sideways,
                page="07 Many environments in lock-step",
            ),
            Misconception(
                "Each environment has only its first episode here. After the row that resets, "
                "the next one begins.",
                _first_episodes_alone,
                page="07 The row in which nobody acted",
            ),
            Misconception(
                "From the first end on, every row of an environment is False. The end is a step of "
                "its episode, and only the row after it is not one: then the next episode begins.",
                _nothing_from_the_first_end_on,
                page="07 The row in which nobody acted",
            ),
            Misconception(
                "An end in one environment removes the next row of all environments. The others "
                "are in the middle of an episode, and act.",
                _dropped_for_all,
                page="07 Many environments in lock-step",
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
                page="07 Which episodes count?",
            ),
            Misconception(
                "3/2 is the mean if one short and one long episode begin. Two short ones may "
                "begin, or two long ones, and their means are 1 and 3.",
                3 / 2,
                page="07 Which episodes count?",
            ),
            Misconception(
                "That is the expected sum of the two lengths. The question is about their mean.",
                7 / 2,
                page="07 Which episodes count?",
            ),
            Misconception(
                "Long episodes can be among the first two to end. If both environments begin with "
                "a long one, both of them count.",
                1,
                page="07 Which episodes count?",
            ),
            Misconception(
                "Two long ones may begin as well, with probability 1/4. Then both of them count, "
                "and the mean is 3.",
                5 / 4,
                page="07 Which episodes count?",
            ),
            Misconception(
                "There are not three cases of the same probability: one short and one long begin "
                "with probability 1/2.",
                11 / 6,
                page="07 Which episodes count?",
            ),
            Misconception(
                "One short and one long can begin in two ways, so that case has the probability "
                "1/2, not 1/4.",
                11 / 8,
                page="07 Which episodes count?",
            ),
            Misconception(
                "If one short and one long begin, the second to end is not always a short one, "
                "and this case has the probability 1/2, not 1/3.",
                5 / 3,
                page="07 Which episodes count?",
            ),
            Misconception(
                "5/2 is more than the mean of all episodes, but short ones have the better chance "
                "to be among the first. One short and one long begin with probability 1/2.",
                5 / 2,
                page="07 Which episodes count?",
            ),
            Misconception(
                "9/4 is the expected step at which the second episode ends. The mean length of the "
                "two must be below 2, as short episodes have the better chance to be among them.",
                9 / 4,
                page="07 Which episodes count?",
            ),
            Misconception(
                "That would be so if a step were lost in each reset, as with NEXT_STEP. Here the "
                "next episode begins at once.",
                15 / 8,
                page="07 Many environments in lock-step",
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
                page="07 Which episodes count?",
            ),
            Misconception(
                "Here one environment gives all its episodes before the next one gives any. "
                "Episode k belongs to environment k % N.",
                _environment_after_environment,
                page="07 Which episodes count?",
            ),
            Misconception(
                "Those are the shortest episodes of all. Which ones count must not depend on "
                "their lengths.",
                _shortest,
                page="07 Which episodes count?",
            ),
            Misconception(
                "Those are too many: if n is not a multiple of N, the last environments give one "
                "episode fewer.",
                _rounded_up,
                page="07 Which episodes count?",
            ),
            Misconception(
                "Those are too few: if n is not a multiple of N, the first environments give one "
                "episode more.",
                _rounded_down,
                page="07 Which episodes count?",
            ),
            Misconception(
                "If n is not a multiple of N, the last environments give one episode more here. "
                "It has to be the first: episode k belongs to environment k % N.",
                _last_environments_first,
                page="07 Which episodes count?",
            ),
            Misconception(
                "The first episode of each environment is taken, whatever n is.",
                _first_of_each,
                page="07 Which episodes count?",
            ),
            Misconception(
                "All episodes are taken, whatever n is.",
                _all_lengths,
                page="07 Which episodes count?",
            ),
            Misconception(
                "The right episodes, but that is the mean of each environment's mean. Some "
                "environments give one episode more, and every episode counts alike.",
                _mean_of_means,
                page="07 Which episodes count?",
            ),
            Misconception(
                "These episodes are all from the first environment. They are dealt out over all "
                "of them, one after the other.",
                _first_environment,
                page="07 Which episodes count?",
            ),
            Misconception(
                "The mean is cut to a whole number. The mean of whole numbers need not be one: "
                "divide with / and not with //.",
                _cut_to_a_whole_number,
                page="07 Which episodes count?",
            ),
            Misconception(
                "Those are the lengths of the right episodes. The task asks for their mean.",
                _not_averaged,
                page="07 Which episodes count?",
            ),
            Misconception(
                "That is the total length of the right episodes. Divide it by their number, n.",
                _total,
                page="07 Which episodes count?",
            ),
            Misconception(
                "The total length is divided by the number of environments. Divide it by the "
                "number of episodes, n.",
                _total_over_environments,
                page="07 Which episodes count?",
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
                page="07 Many environments in lock-step",
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
                page="07 Many environments in lock-step",
            ),
            Misconception(
                "The sums begin again only when all environments end in the same step. Each of "
                "them has to begin again by itself.",
                _begin_again_together,
                page="07 Many environments in lock-step",
            ),
            Misconception(
                "The reward of the step that ends an episode is missing. It belongs to the "
                "episode.",
                _without_the_last_reward,
                page="02 The return by hand",
            ),
            Misconception(
                "The reward of the step that ends an episode is counted in the next episode. It "
                "belongs to the one that ends.",
                _last_reward_in_the_next_episode,
                page="02 The return by hand",
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
                page="07 Many environments in lock-step",
            ),
            Misconception(
                "The sums are right, but each environment has a list of its own. The task asks "
                "for one list, in the order in which the episodes end.",
                _by_environment,
                page="07 Many environments in lock-step",
            ),
            Misconception(
                "The sums are right, but each step has a list of its own. The task asks for one "
                "list of numbers.",
                _returns_by_step,
                page="07 Many environments in lock-step",
            ),
            Misconception(
                "The sums are right, but each step with an end has a list of its own. The task "
                "asks for one list of numbers.",
                _returns_by_step_with_an_end,
                page="07 Many environments in lock-step",
            ),
            Misconception(
                "Each environment has only its first episode in the list. The later ones have "
                "returns, too.",
                _first_episode_of_each,
                page="07 Many environments in lock-step",
            ),
            Misconception(
                "The reward of the step that ends an episode is counted twice, in this episode "
                "and in the next. A new episode begins with a sum of 0.",
                _last_reward_counted_twice,
                page="02 The return by hand",
            ),
            Misconception(
                "Of several episodes that end in the same step, that of the environment with the "
                "smaller number comes first.",
                _larger_number_first,
                page="07 Many environments in lock-step",
            ),
            Misconception(
                "Those are the last rewards of the episodes. All steps before them were rewarded, "
                "too.",
                _last_rewards,
                page="02 The return by hand",
            ),
            Misconception(
                "The sums of episodes that are not over are in the list, too. Their rest is yet "
                "to come.",
                _with_the_unfinished,
                page="deeper/07 When the count is of steps: the collector's cut",
            ),
            Misconception(
                "At the end there is one more sum for every environment. Only episodes that are "
                "over belong in the list.",
                _with_the_rest_of_all,
                page="deeper/07 When the count is of steps: the collector's cut",
            ),
            Misconception(
                "Every return is 0. Write the sum down before you set it to 0.",
                _only_zeros,
                page="02 The return by hand",
            ),
            Misconception(
                "Whenever one episode ends, the sums of all environments are in the list. Only "
                "the episodes that end in that step belong there.",
                _with_all_running,
                page="07 Many environments in lock-step",
            ),
            Misconception(
                "The rewards of all environments are added up together. Each environment plays "
                "an episode of its own.",
                _summed_over_environments,
                page="07 Many environments in lock-step",
            ),
            Misconception(
                "Those are the lengths of the episodes. Add up their rewards.",
                _lengths,
                page="02 The return by hand",
            ),
            Misconception(
                "Those are the mean rewards of the episodes. A return is a sum.",
                _means,
                page="02 The return by hand",
            ),
        ],
    ),
    Exercise(
        "07.5",
        key=_loop,
        points=2,
        cases=[
            _loop_case(1, 3, updates=2),
            _loop_case(2, 1, 4, updates=3),
        ],
        random=_random_loop,
        observe=after_the_loop,
        misconceptions=[
            Misconception(
                "The buffer is never emptied: from the second update on, rows of older policies "
                "are learned from as well.",
                _never_emptied,
                page="07 Play, learn, forget",
            ),
            Misconception(
                "The buffer is emptied once at the end. From the second update on, rows of older "
                "policies are learned from as well: empty it after each update.",
                _emptied_at_the_end,
                page="07 Play, learn, forget",
            ),
            Misconception(
                "The episodes were collected outside of a training step, where this policy takes "
                "its most likely action instead of drawing one.",
                _collected_greedily,
                page="07 Who was tested? Drawn and greedy actions",
            ),
            Misconception(
                "The policy is updated twice on each rollout. After the first update its rows are "
                "those of an older policy.",
                _updated_twice,
                page="07 Play, learn, forget",
            ),
            Misconception(
                "The parameters are those from the start: the policy was never updated.",
                _never_updated,
                page="07 Play, learn, forget",
            ),
            Misconception(
                "Each rollout is a single episode, from the first environment. Collect one from "
                "each: n_episode=collector.env_num.",
                _one_episode,
                page="07 Which episodes count?",
            ),
            Misconception(
                "Each rollout has two episodes from each environment, where one was asked for.",
                _two_of_each,
                page="07 Which episodes count?",
            ),
            Misconception(
                "All updates learn from the first rollout. Each one needs episodes of the policy "
                "as it is then.",
                _collected_once,
                page="07 Play, learn, forget",
            ),
            Misconception(
                "There is one iteration too few.",
                _one_update_too_few,
                page="07 Play, learn, forget",
            ),
            Misconception(
                "Those are the returns of all episodes. Return their mean, one number for each "
                "iteration.",
                _all_returns,
                page="07 Play, learn, forget",
            ),
            Misconception(
                "Those are the sums of the returns of each rollout. Return their means.",
                _sums_of_returns,
                page="07 Play, learn, forget",
            ),
            Misconception(
                "Those are mean lengths. Return the means of the returns, stats.returns.",
                _mean_lengths,
                page="07 Play, learn, forget",
            ),
            Misconception(
                "That is the mean return of the last iteration alone. Return a list with one for "
                "each.",
                _last_mean,
                page="07 Play, learn, forget",
            ),
        ],
    ),
    Exercise(
        "07.6",
        key=_columns,
        points=1,
        cases=[
            _books(_flags("..", "x.", ".x"), [10, 50]),
            _books(_flags("x.x", "..x", "xx.", "..."), [10, 40, 70]),
            _books(_flags(".", "x", ".", "x"), [20]),
            _books(_flags("xx"), [30, 10]),
        ],
        random=_random_books,
        misconceptions=[
            Misconception(
                "Where an episode ends, obs_next is the first observation of the next one. The "
                "true last one is in final.",
                _as_returned,
                page="deeper/07 The bookkeeper for all three modes",
            ),
            Misconception(
                "obs_next is right. But after the end of an episode the policy sees the first "
                "observation of the next one, not the last of the old one.",
                _goes_on_from_the_final,
                page="deeper/07 The bookkeeper for all three modes",
            ),
            Misconception(
                "obs_next is right. But obs is what the policy saw before the step: first, then "
                "what the step before returned.",
                _seen_after,
                page="deeper/07 The bookkeeper for all three modes",
            ),
            Misconception(
                "obs_next is right. But obs has the observations of the first reset in every row.",
                _first_in_every_row,
                page="deeper/07 The bookkeeper for all three modes",
            ),
            Misconception(
                "The two cases are swapped: final belongs to the steps that ended an episode, and "
                "holds NaN elsewhere.",
                _final_where_it_goes_on,
                page="deeper/07 The bookkeeper for all three modes",
            ),
            Misconception(
                "The final observations stand one row too late. They belong to the step that ended "
                "the episode.",
                _final_one_row_late,
                page="deeper/07 The bookkeeper for all three modes",
            ),
            Misconception(
                "There is NaN in obs_next where no episode ended. Choose between returned and "
                "final with np.where; a product does not do it, since NaN times 0 is NaN.",
                _products,
                page="deeper/07 The bookkeeper for all three modes",
            ),
            Misconception(
                "Where an episode ends, the final observation is added to the first one of the "
                "next episode. It has to take its place.",
                _added,
                page="deeper/07 The bookkeeper for all three modes",
            ),
            Misconception(
                "If one environment ends an episode, all take their final observation in this row. "
                "The others have none: choose for each one separately.",
                _final_for_all,
                page="deeper/07 The bookkeeper for all three modes",
            ),
            Misconception(
                "The two columns are swapped: return obs first.",
                _next_column_first,
                page="deeper/07 The bookkeeper for all three modes",
            ),
            Misconception(
                "That is obs_next alone. Return both columns, obs first.",
                _only_the_next,
                page="deeper/07 The bookkeeper for all three modes",
            ),
        ],
    ),
    Exercise(
        "07.7",
        key=_twin,
        points=2,
        cases=[
            (
                np.array([[1, 0], [0, 2], [3, 0]]),
                np.array([0, 1, 0]),
                np.array([[0.5, -1.0], [0.0, 2.0]]),
            ),
            (np.array([[0, 1], [2, 0], [1, 3]]), np.array([0, 0, 0]), np.array([[0.2, 0.6]])),
            (np.array([[0, 1], [2, 0], [1, 3]]), np.array([0, 1, 0]), np.array([[0, 0.5], [2, 1]])),
            (np.array([[2, 1], [0, 2]]), np.array([1, 0]), np.array([[0.0, 1.0], [1.5, -1.0]])),
            (np.array([[1, 2], [3, 0], [0, 3]]), np.array([0, 1, 1]), np.array([[3, 1], [-1, 0]])),
        ],
        random=_random_halls,
        misconceptions=[
            Misconception(
                "That is where the least likely actions lead. The greedy twin takes the one with "
                "the largest logit.",
                _least_likely,
                page="07 Who was tested? Drawn and greedy actions",
            ),
            Misconception(
                "It is given up too early: a walk through all cells takes as many steps as there "
                "are cells.",
                _one_step_too_few_allowed,
                page="07 Who was tested? Drawn and greedy actions",
            ),
            Misconception(
                "The step that leads to the exit counts as well.",
                _counted_from_zero,
                page="07 Who was tested? Drawn and greedy actions",
            ),
            Misconception(
                "Where it never arrives the number of cells is returned. The task asks for -1.",
                _cells_where_it_never_arrives,
                page="07 Who was tested? Drawn and greedy actions",
            ),
            Misconception(
                "Where it never arrives 0 is returned. The task asks for -1.",
                _zero_where_it_never_arrives,
                page="07 Who was tested? Drawn and greedy actions",
            ),
            Misconception(
                "Each cell is taken to look like observation 0. What a cell looks like is in seen.",
                _blind,
                page="07 Who was tested? Drawn and greedy actions",
            ),
            Misconception(
                "The same action is taken everywhere. The logits of the observation decide in each "
                "cell.",
                _one_action_for_all,
                page="07 Who was tested? Drawn and greedy actions",
            ),
            Misconception(
                "That is the shortest way to the exit, whoever walks it. The twin takes its "
                "likeliest action in each cell.",
                _shortest_way,
                page="07 Who was tested? Drawn and greedy actions",
            ),
            Misconception(
                "That is the number of steps to the last cell. The exit comes after it, and has "
                "the number S.",
                _to_the_last_cell,
                page="07 Who was tested? Drawn and greedy actions",
            ),
            Misconception(
                "That says whether it arrives. The task asks for the number of steps, or -1.",
                _arrives,
                page="07 Who was tested? Drawn and greedy actions",
            ),
        ],
    ),
    Exercise(
        "07.8",
        key=_trained,
        points=1,
        cases=[
            (np.array([20.0, 180, 460, 60]), 475.0),
            (np.array([20.0, 150, 475, 500, 400]), 475.0),
            (np.array([30.0, 200, 200, 90, 200]), 475.0),
            (np.array([480.0, 450, 490]), 475.0),
            (np.array([300.0, 120, 250]), 475.0),
            (np.array([480.0, 490, 500]), 475.0),
        ],
        random=_random_tests,
        misconceptions=[
            Misconception(
                "The weights of the last epoch are kept. Those of the best test are asked for.",
                _last_kept,
                page="deeper/07 The trainer",
            ),
            Misconception(
                "The number of epochs is right. But the best of all tests in the list is kept, "
                "also of those that come after the stop.",
                _best_of_all,
                page="deeper/07 The trainer",
            ),
            Misconception(
                "It never stops: after the first epoch at whose end the best test reaches the "
                "target, no more epochs are trained.",
                _never_stops,
                page="deeper/07 The trainer",
            ),
            Misconception(
                "A test that is equal to the target is good enough.",
                _must_exceed_the_target,
                page="deeper/07 The trainer",
            ),
            Misconception(
                "Of equal tests the latest is kept. A test must be higher than all before it to be "
                "kept.",
                _latest_of_equals,
                page="deeper/07 The trainer",
            ),
            Misconception(
                "The test before the first epoch is left out. It may be the best one, and its "
                "number is 0.",
                _without_the_first_test,
                page="deeper/07 The trainer",
            ),
            Misconception(
                "If the test before training reaches the target, no epoch is trained here. The "
                "trainer asks after each epoch, so it trains one.",
                _stopped_by_the_test_before,
                page="deeper/07 The trainer",
            ),
            Misconception(
                "That is the mean return of the best test. Return the number of its epoch.",
                _number_and_its_test,
                page="deeper/07 The trainer",
            ),
            Misconception(
                "That is the number of tests. The first of them comes before any training.",
                _numbers_of_tests,
                page="deeper/07 The trainer",
            ),
            Misconception(
                "The two numbers are swapped: the number of epochs comes first.",
                _kept_first,
                page="deeper/07 The trainer",
            ),
            Misconception(
                "That is the kept epoch alone. Return the number of trained epochs and the kept "
                "one.",
                _only_the_kept,
                page="deeper/07 The trainer",
            ),
        ],
    ),
]
