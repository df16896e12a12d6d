"""Returns: the function alone against a loop, and with sampling against Tianshou's.

The loop has the function's contract: from arrays to an array, by way of lists, which Python walks
through fastest. How much faster than the loop itself the function is, lists ready made and no array
asked for, is in the notes. Tianshou compiles its loop with numba, before the clock starts.
"""

import math
import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from bench.collecting import cart_actor, policy_of
from bench.timing import Measurement, Row, milliseconds, rates

import pg_edu
from pg_edu.returns import discounted_returns

GAMMA, EPISODE = 0.99, 200  # steps of an episode, on average
ERROR = 1e-12  # of max(1, sum of γᵏ |rₜ₊ₖ|)


def measurements(quick: bool) -> list[Measurement]:
    repeats = 3 if quick else 15
    alone = [
        partial(against_loop, steps, bound, repeats)
        for steps, bound in ((10_000, 3.0), (100_000, 4.0), (1_000_000, 5.0))
    ]
    with_sample = [
        partial(against_tianshou, rows, sub_buffers, repeats)
        for sub_buffers in (16, 1)
        for rows in (10_000, 100_000, 1_000_000)
    ]
    return [*alone, *with_sample]


def against_loop(steps: int, bound: float, repeats: int) -> list[Row]:
    generator = np.random.default_rng(0)
    rew, end = generator.normal(size=steps), generator.random(steps) < 1 / EPISODE
    lists = rew.tolist(), end.tolist()
    calls = max(1, 200_000 // steps)

    def of(function: Callable[[], Any]) -> Callable[[], int]:
        def call() -> int:
            for _ in range(calls):
                function()
            return calls

        return call

    ours = of(lambda: discounted_returns(rew, end, GAMMA))
    whole = rates(ours, of(lambda: np.array(loop(rew.tolist(), end.tolist()))), repeats)
    alone = rates(ours, of(lambda: loop(*lists)), repeats)
    error = relative_error(rew, end, discounted_returns(rew, end, GAMMA))
    what, unit, note = f"returns, {steps:,} steps", "calls / CPU s", "the loop alone: ratio "
    note += f"{statistics.median(a / b for a, b in zip(*alone, strict=True)):.3g}"
    return [
        Row(what, "loop", *whole, unit, "at least", bound, note=note),
        Row(f"{what}: error", "1e-12 of Σγᵏ|r|", [error], [ERROR], "", "at most", 1.0),
    ]


def loop(rew: list[float], end: list[bool]) -> list[float]:
    returns, following = [], 0.0
    for r, ended in zip(reversed(rew), reversed(end), strict=True):
        following = r if ended else r + GAMMA * following
        returns.append(following)
    returns.reverse()
    return returns


def relative_error(rew: Any, end: Any, returns: Any) -> float:
    """The largest error of 500 returns, each against the exactly rounded sum of its terms."""
    ends = np.append(np.flatnonzero(end), len(rew) - 1)
    errors = []
    for t in np.random.default_rng(1).integers(len(rew), size=500):
        terms = rew[t : ends[np.searchsorted(ends, t)] + 1]
        terms = terms * GAMMA ** np.arange(len(terms))
        errors.append(abs(returns[t] - math.fsum(terms)) / max(1.0, np.abs(terms).sum()))
    return max(errors)


def against_tianshou(rows: int, sub_buffers: int, repeats: int) -> list[Row]:
    """buffer.sample(0) and process_fn of full buffers with equal contents."""
    import tianshou.data
    import tianshou.policy
    from tianshou.utils.net.common import Net

    space = gym.spaces.Discrete(2)
    nets = cart_actor(), Net(4, 2, hidden_sizes=[64, 64])
    policies = [
        policy_of(lib, net, space) for lib, net in zip((pg_edu, tianshou.policy), nets, strict=True)
    ]
    buffers = ours_filled(rows, sub_buffers), theirs_filled(rows, sub_buffers)
    calls = max(1, 200_000 // rows)

    def prepared(policy: Any, buffer: Any) -> Any:
        for _ in range(calls):
            batch, indices = buffer.sample(0)
            policy.process_fn(batch, buffer, indices)
        return batch.returns

    ours, theirs = (partial(prepared, *pair) for pair in zip(policies, buffers, strict=True))
    np.testing.assert_allclose(ours(), theirs(), rtol=1e-10, atol=1e-10)
    found = milliseconds(ours, theirs, repeats, calls)
    kind = "1 sub-buffer" if sub_buffers == 1 else f"{sub_buffers} sub-buffers"
    what = f"sample(0) + process_fn, {rows:,} rows, {kind}"
    return [Row(what, "Tianshou", *found, "CPU ms", "at most", 1.0)]


def transitions(rows: int) -> dict[str, Any]:
    """Fields of CartPole's shapes; most episodes terminate, some are truncated."""
    generator = np.random.default_rng(0)
    obs = generator.normal(size=(rows, 4)).astype(np.float32)
    fields = {"obs": obs, "act": generator.integers(2, size=rows), "rew": np.ones(rows)}
    fields["terminated"] = generator.random(rows) < 0.9 / EPISODE
    fields["truncated"] = (generator.random(rows) < 0.1 / EPISODE) & ~fields["terminated"]
    return fields | {"obs_next": obs + np.float32(0.1)}


def ours_filled(rows: int, sub_buffers: int) -> pg_edu.ReplayBuffer:
    size = rows // sub_buffers
    buffer = (
        pg_edu.VectorReplayBuffer(rows, sub_buffers)
        if sub_buffers > 1
        else pg_edu.ReplayBuffer(rows)
    )
    columns = {
        key: value.reshape(sub_buffers, size, *value.shape[1:]).swapaxes(0, 1)
        for key, value in transitions(rows).items()
    }
    buffer.extend(pg_edu.Batch(columns), np.ones((size, sub_buffers), bool))
    return buffer


def theirs_filled(rows: int, sub_buffers: int) -> Any:
    """Their `add` takes a minute for a million rows, so the fields are put in place at once."""
    from tianshou.data import Batch, ReplayBuffer, VectorReplayBuffer

    fields = transitions(rows)
    buffer = VectorReplayBuffer(rows, sub_buffers) if sub_buffers > 1 else ReplayBuffer(rows)
    buffer.set_batch(Batch(fields | {"done": fields["terminated"] | fields["truncated"]}))
    for sub_buffer in buffer.buffers if sub_buffers > 1 else [buffer]:
        sub_buffer._size = sub_buffer.maxsize
    if sub_buffers > 1:
        buffer._lengths[:] = rows // sub_buffers
        buffer.last_index = buffer._offset + rows // sub_buffers - 1
    return buffer
